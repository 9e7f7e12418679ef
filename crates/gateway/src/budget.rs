//! Which accounts a call of a run must pass: its agent's budget and its team's.

use domain::Timestamp;
use domain::budget::{Account, Holder, Limit, Window, account};
use domain::containment::Identity;
use domain::fleet::Fleet;

/// The accounts of `identity` in the windows that `now` lies in; of two with one holder the tighter stays.
pub(crate) fn accounts(fleet: &Fleet, identity: &Identity, now: Timestamp) -> Vec<Account> {
    let holder = |limit: Limit, wide: Holder| match limit.window {
        Window::Run => Holder::Run(identity.run.clone()),
        Window::Day => wide,
    };
    let agent = fleet.agents.get(&identity.agent).and_then(|agent| agent.budget);
    let team = fleet.teams.get(&identity.team).and_then(|team| team.budget);
    let wanted = [
        agent.map(|limit| account(holder(limit, Holder::Agent(identity.agent.clone())), limit, now)),
        team.map(|limit| account(holder(limit, Holder::Team(identity.team.clone())), limit, now)),
    ];
    let mut accounts: Vec<Account> = Vec::with_capacity(wanted.len());
    for new in wanted.into_iter().flatten() {
        match accounts.iter_mut().find(|known| known.holder == new.holder) {
            Some(known) => known.limit = known.limit.min(new.limit),
            None => accounts.push(new),
        }
    }
    accounts
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::fleet::Team;

    #[test]
    fn a_team_budget_is_shared_by_day_and_single_by_run() {
        let identity =
            Identity { run: "r1".into(), agent: "a".into(), team: "t".into(), project: "p".into() };
        for (text, holder) in [("1 USD/day", "team/t"), ("1 USD/run", "run/r1")] {
            let budget = Some(Limit::parse(text).unwrap());
            let team = Team { name: "t".into(), budget, reviewer: None, knowledge: String::new() };
            let fleet = Fleet { teams: [("t".into(), team)].into(), ..Fleet::default() };
            let accounts = accounts(&fleet, &identity, Timestamp(5));
            assert_eq!(accounts.iter().map(|a| a.holder.to_string()).collect::<Vec<_>>(), [holder]);
        }
    }
}
