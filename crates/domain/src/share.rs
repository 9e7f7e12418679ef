//! Which project the next slot belongs to when all projects together may have only so many attempts.
//!
//! Weighted max-min fairness, one slot at a time: the slot goes to the project that would have the least for its weight
//! once it had it, among those that have work ready. Who has none ready loses nothing and gains no credit for later.

use crate::ProjectName;
use crate::run::Refusal;

/// What one project has and wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Which.
    pub project: ProjectName,
    /// Its share, at least 1.
    pub weight: u32,
    /// Its live attempts.
    pub live: u32,
    /// Attempts that could start now if slots were free.
    pub ready: u32,
}

/// Whether `project` may have the next slot of `slots`. `all` holds every project, it included.
pub fn may_take(project: &ProjectName, all: &[Demand], slots: u32) -> Result<(), Refusal> {
    let live: u32 = all.iter().map(|demand| demand.live).fold(0, u32::saturating_add);
    if live >= slots {
        return Err(Refusal::NoSlotAnywhere { slots });
    }
    let Some(own) = all.iter().find(|demand| demand.project == *project) else { return Ok(()) };
    let others = all.iter().filter(|other| other.project != *project && other.ready > 0);
    // Slots that are free beyond what those who come first can use are anybody's.
    let first: Vec<&Demand> = others.filter(|other| comes_before(other, own)).collect();
    let wanted: u32 = first.iter().map(|other| other.ready).fold(0, u32::saturating_add);
    let Some(before) = first.into_iter().reduce(|a, b| if comes_before(b, a) { b } else { a }) else {
        return Ok(());
    };
    if slots - live > wanted {
        return Ok(());
    }
    Err(Refusal::NotItsShare {
        before: before.project.clone(),
        its_live: before.live,
        its_weight: before.weight,
        own_live: own.live,
        own_weight: own.weight,
        slots,
    })
}

/// Whether `a` with one more would have less for its weight than `b` with one more; names break the tie.
fn comes_before(a: &Demand, b: &Demand) -> bool {
    let cost = |one: &Demand, other: &Demand| (u64::from(one.live) + 1) * u64::from(other.weight.max(1));
    let (mine, theirs) = (cost(a, b), cost(b, a));
    mine < theirs || (mine == theirs && a.project < b.project)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(project: &str, weight: u32, live: u32, ready: u32) -> Demand {
        Demand { project: project.into(), weight, live, ready }
    }

    /// Gives slots out one by one, to whoever may take one, until nobody may.
    fn filled(mut all: Vec<Demand>, slots: u32) -> Vec<(String, u32)> {
        while let Some(next) =
            all.iter().position(|one| one.ready > 0 && may_take(&one.project, &all, slots).is_ok())
        {
            all[next].live += 1;
            all[next].ready -= 1;
        }
        all.into_iter().map(|demand| (demand.project.to_string(), demand.live)).collect()
    }

    #[test]
    fn slots_are_shared_by_weight_and_an_idle_share_is_lent() {
        let busy = vec![demand("a", 3, 0, 100), demand("b", 1, 0, 100)];
        assert_eq!(filled(busy, 8), [("a".into(), 6), ("b".into(), 2)]);
        let idle = vec![demand("a", 3, 0, 1), demand("b", 1, 0, 100)];
        assert_eq!(filled(idle, 8), [("a".into(), 1), ("b".into(), 7)]);
    }

    #[test]
    fn who_comes_first_is_named() {
        let all = [demand("a", 1, 3, 5), demand("b", 1, 1, 5)];
        let refusal = may_take(&"a".into(), &all, 5).unwrap_err();
        assert!(
            matches!(&refusal, Refusal::NotItsShare { before, own_live: 3, .. } if before.as_str() == "b")
        );
        assert_eq!(may_take(&"b".into(), &all, 4), Err(Refusal::NoSlotAnywhere { slots: 4 }));
    }

    proptest! {
        #[test]
        fn no_slot_is_left_while_work_is_ready_and_none_is_given_twice(
            projects in prop::collection::vec((1_u32..5, 0_u32..4, 0_u32..8), 1..6),
            slots in 0_u32..30,
        ) {
            let all: Vec<Demand> =
                projects.iter().enumerate().map(|(n, &(w, l, r))| demand(&format!("p{n}"), w, l, r)).collect();
            let (before, ready): (u32, u32) = (all.iter().map(|d| d.live).sum(), all.iter().map(|d| d.ready).sum());
            let after: u32 = filled(all, slots).iter().map(|(_, live)| live).sum();
            prop_assert_eq!(after, before.max(slots.min(before + ready)));
        }
    }
}
