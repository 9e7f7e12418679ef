//! What must be seen in the timeline.

use super::{told, wait};
use crate::case::step::{Count, Gap, Never, See, Together, Until, UntilAny};
use crate::look::Look;
use crate::matcher;
use crate::run::Failure;
use crate::run::world::World;
use crate::timeline::{Event, Source};
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) async fn until(world: &mut World, step: &Until) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    wait(world, within, async |world| {
        let events = world.events();
        let seen = events.iter().filter(|event| step.see.means(event)).count();
        if seen >= step.count {
            return Ok(());
        }
        ended_early(world, &step.see)?;
        Err(Failure::new(
            format!("{} times: {}", step.count, step.see),
            format!("{seen} times; {}", told(&events, &step.see)),
        ))
    })
    .await
}

/// Waiting for what an implementation does is useless when it is gone; its last words say more.
fn ended_early(world: &mut World, look: &Look) -> Result<(), Failure> {
    let excepted =
        look.target.is_some() || world.stopped || world.case.except.iter().any(|rule| rule == "exit");
    match world.ended() {
        Some(status) if !excepted => {
            let seen = format!("it ended with {status}:\n{}", world.tail_of_output(12));
            Err(Failure { settled: true, ..Failure::new(look.to_string(), seen) })
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn until_any(world: &mut World, step: &UntilAny) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    wait(world, within, async |world| {
        let events = world.events();
        if step.see.iter().any(|look| events.iter().any(|event| look.means(event))) {
            return Ok(());
        }
        if let Some(http) = &step.http
            && super::api::once(world, http).await.is_ok()
        {
            return Ok(());
        }
        let wanted: Vec<String> = step.see.iter().map(Look::to_string).collect();
        let told = step.see.first().map(|look| told(&events, look)).unwrap_or_default();
        Err(Failure::new(format!("one of: {}", wanted.join(" | ")), told))
    })
    .await
}

pub(super) async fn never(world: &mut World, step: &Never) -> Result<(), Failure> {
    // Here a longer wait makes the check sharper, not slower machines happier: it is not stretched.
    let end = tokio::time::Instant::now() + Duration::from_millis(step.for_ms);
    loop {
        let events = world.events();
        if let Some(found) =
            following(&events, step.after.as_ref()).iter().find(|event| step.see.means(event))
        {
            let after = step.after.as_ref().map(|look| format!(" after {look}")).unwrap_or_default();
            return Err(Failure::new(format!("never: {}{after}", step.see), super::line_of(found)));
        }
        if tokio::time::Instant::now() >= end {
            return Ok(());
        }
        tokio::time::sleep(super::GLANCE).await;
    }
}

/// What comes after the first such event; everything when there is none to wait for.
fn following<'a>(events: &'a [Event], after: Option<&Look>) -> &'a [Event] {
    let Some(after) = after else { return events };
    match events.iter().position(|event| after.means(event)) {
        Some(at) => &events[at + 1..],
        None => &[],
    }
}

pub(super) fn count(world: &World, step: &Count) -> Result<(), Failure> {
    let events = world.events();
    let seen = following(&events, step.after.as_ref()).iter().filter(|event| step.see.means(event)).count();
    let fits = step.is.is_none_or(|is| seen == is)
        && step.min.is_none_or(|min| seen >= min)
        && step.max.is_none_or(|max| seen <= max);
    if fits {
        return Ok(());
    }
    let wanted = match (step.is, step.min, step.max) {
        (Some(is), _, _) => format!("exactly {is}"),
        (None, min, max) => {
            format!("{} to {}", min.unwrap_or(0), max.map_or("any".into(), |max| max.to_string()))
        }
    };
    Err(Failure::new(format!("{wanted} of: {}", step.see), format!("{seen}; {}", told(&events, &step.see))))
}

pub(super) fn order(world: &World, looks: &[Look]) -> Result<(), Failure> {
    let events = world.events();
    let mut rest = &events[..];
    for (number, look) in looks.iter().enumerate() {
        let Some(at) = rest.iter().position(|event| look.means(event)) else {
            let before = number.checked_sub(1).and_then(|at| looks.get(at));
            let after = before.map(|before| format!(" after {before}")).unwrap_or_default();
            return Err(Failure::new(format!("in order: {look}{after}"), told(&events, look)));
        };
        rest = &rest[at + 1..];
    }
    Ok(())
}

pub(super) fn gap(world: &World, step: &Gap) -> Result<(), Failure> {
    let events = world.events();
    let wanted = format!("{} to {} ms between {} and {}", step.min_ms, step.max_ms, step.from, step.to);
    let from = events.iter().position(|event| step.from.means(event));
    let to = from.and_then(|from| events[from + 1..].iter().find(|event| step.to.means(event)));
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Failure::new(wanted, format!("one of them is missing; {}", told(&events, &step.from))));
    };
    let seen = to.at_ms - events[from].at_ms;
    let most = u64::try_from(world.slowed(step.max_ms).as_millis()).unwrap_or(u64::MAX);
    if seen < step.min_ms || seen > most {
        return Err(Failure::new(wanted, format!("{seen} ms")));
    }
    Ok(())
}

pub(super) fn see(world: &World, step: &See) -> Result<(), Failure> {
    let events = world.events();
    let meant: Vec<&Event> = events.iter().filter(|event| step.see.means(event)).collect();
    let back = usize::try_from(step.nth.unsigned_abs()).unwrap_or(usize::MAX);
    let at = if step.nth < 0 { meant.len().checked_sub(back) } else { back.checked_sub(1) };
    let Some(event) = at.and_then(|at| meant.get(at)) else {
        let wanted = format!("number {} of: {}", step.nth, step.see);
        return Err(Failure::new(wanted, format!("{} of them; {}", meant.len(), told(&events, &step.see))));
    };
    matcher::check(&step.has, &event.data)
        .map_err(|why| Failure::new(format!("in number {} of: {}", step.nth, step.see), why))
}

pub(super) fn together(world: &World, step: &Together) -> Result<(), Failure> {
    let events = world.events();
    let most = most_together(&events, &step.agent);
    if most <= step.max {
        return Ok(());
    }
    let look = Look { agent: Some(step.agent.clone()), ..Look::default() };
    let lives: Vec<Event> =
        events.into_iter().filter(|event| event.kind == "start" || event.kind == "exit").collect();
    let wanted = format!("at most {} agents of {} at the same time", step.max, step.agent);
    Err(Failure::new(wanted, format!("{most}; {}", told(&lives, &look))))
}

/// The largest number of agents of a name that were alive at the same time.
pub(in crate::run) fn most_together(events: &[Event], who: &str) -> usize {
    let (mut now, mut most) = (BTreeMap::new(), 0);
    for event in events.iter().filter(|event| event.source == Source::Agent) {
        if who != "*" && event.who != who {
            continue;
        }
        match event.kind.as_str() {
            "start" => now.insert((event.who.clone(), event.run), ()),
            "exit" => now.remove(&(event.who.clone(), event.run)),
            _ => None,
        };
        most = most.max(now.len());
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn life(at_ms: u64, run: u32, kind: &str) -> Event {
        Event { at_ms, source: Source::Agent, who: "A".into(), run, kind: kind.into(), data: json!({}) }
    }

    #[test]
    fn lives_that_overlap_are_counted() {
        let apart = [life(1, 1, "start"), life(2, 1, "exit"), life(3, 2, "start")];
        assert_eq!(most_together(&apart, "A"), 1);
        let both = [life(1, 1, "start"), life(2, 2, "start"), life(3, 1, "exit")];
        assert_eq!((most_together(&both, "*"), most_together(&both, "B")), (2, 0));
    }
}
