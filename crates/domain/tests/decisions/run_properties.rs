//! Whatever comes back from the outside, in whatever order: the invariants of a run hold.

use crate::common::*;
use domain::containment::{Containments, Scope};
use domain::effect::Effect;
use domain::failure::{Failure, FailureKind};
use domain::review::Priority;
use domain::run::*;
use domain::{Fence, Timestamp};
use proptest::prelude::*;
use std::collections::HashSet;

const HEADS: [&str; 3] = ["a", "b", "c"];
const TEAMS: [&str; 2] = ["pay", "web"];

fn any_failure() -> impl Strategy<Value = Failure> {
    use FailureKind::*;
    prop::sample::select(vec![Exited, Lost, BudgetSpent, Stalled, AgentMissing, Model])
        .prop_map(|kind| Failure::new(kind, "x"))
}

fn any_input() -> impl Strategy<Value = (Option<Input>, bool)> {
    let head = || prop::sample::select(HEADS.to_vec());
    let team = || prop::sample::select(TEAMS.to_vec());
    let fence = || (0u64..5).prop_map(Fence);
    let review = prop::option::of(prop::sample::select(vec![Priority::P1, Priority::P2, Priority::P3]));
    let input = prop_oneof![
        fence().prop_map(|fence| Input::AttemptStarted { fence, isolation: "walled".into() }),
        fence().prop_map(|fence| Input::AttemptEnded {
            fence,
            end: AttemptEnd::Finished { summary: "done".into(), review: None },
            spent: Spent::default(),
        }),
        (fence(), any_failure()).prop_map(|(fence, f)| Input::AttemptEnded {
            fence,
            end: AttemptEnd::Failed(f),
            spent: Spent::default()
        }),
        (fence(), head(), prop::sample::subsequence(TEAMS.to_vec(), 0..=2))
            .prop_map(|(fence, head, teams)| Input::ChangeCollected { fence, change: change(head, &teams) }),
        fence().prop_map(|fence| Input::NothingChanged { fence }),
        (fence(), any_failure()).prop_map(|(fence, failure)| Input::CollectFailed { fence, failure }),
        (team(), head(), 0u32..4, review).prop_map(|(team, head, round, p)| Input::ReviewReported {
            team: team.into(),
            head: sha(head),
            round,
            result: Ok(p.map(|p| raised(p, "t")).into_iter().collect()),
        }),
        (team(), head(), 0u32..4, any_failure()).prop_map(|(team, head, round, f)| {
            Input::ReviewReported { team: team.into(), head: sha(head), round, result: Err(f) }
        }),
        head().prop_map(|head| Input::Landed { head: sha(head), main: sha("f") }),
        (head(), head())
            .prop_map(|(head, new)| Input::Rebased { head: sha(head), change: change(new, &["pay"]) }),
        head().prop_map(|head| Input::LandConflict { head: sha(head), files: vec!["x".into()] }),
        (fence(), head(), prop::option::of(head())).prop_map(|(fence, head, before)| Input::Pushed {
            fence,
            branch: "fix".into(),
            commit: sha(head),
            before: before.map(sha),
            known: None,
        }),
        any_failure().prop_map(|failure| Input::EffectFailed { failure }),
        Just(Input::IssueLeft(Left::Gone)),
        Just(Input::Contained(order(Scope::All, 1))),
    ];
    // Most inputs are replaced by the one that fits the phase, or hardly any walk would get far.
    (prop::option::weighted(0.3, input), any::<bool>())
}

/// The input that the run waits for.
fn fitting(run: &Run, clean: bool, letter: usize) -> Option<Input> {
    let fence = run.fence;
    Some(match &run.phase {
        Phase::Starting { .. } => Input::AttemptStarted { fence, isolation: "walled".into() },
        Phase::Working { .. } => Input::AttemptEnded {
            fence,
            end: AttemptEnd::Finished { summary: "done".into(), review: None },
            spent: Spent::default(),
        },
        Phase::Collecting => Input::ChangeCollected { fence, change: change(HEADS[letter % 3], &TEAMS) },
        Phase::InReview { head, pending } => Input::ReviewReported {
            team: pending.first().cloned().unwrap_or_else(|| "pay".into()),
            head: head.clone(),
            round: run.round,
            result: Ok(if clean { vec![] } else { vec![raised(Priority::P1, "t")] }),
        },
        Phase::Landing { head } => Input::Landed { head: head.clone(), main: sha("f") },
        Phase::Waiting { .. } | Phase::Blocked { .. } | Phase::Ended { .. } => return None,
    })
}

proptest! {
    #[test]
    fn a_run_keeps_its_invariants_under_any_inputs(inputs in prop::collection::vec(any_input(), 1..80)) {
        let (project, agent) = (project(), agent("author", "pay"));
        let (none, ready) = (Containments::default(), Readiness::complete());
        let facts = facts(&project, &agent, &none, &ready, 0);
        let first = claim(&issue("Todo"), None, Timestamp(0), &facts, "r".into(), Timestamp(0)).unwrap();
        let mut owed: HashSet<_> = first.effects.iter().map(|e| e.id()).collect();
        let mut run = first.run;
        let mut clean_heads = HashSet::new();
        for (index, (input, clean)) in inputs.into_iter().enumerate() {
            let now = Timestamp((index as i64 + 1) * 1_000_000_000);
            let input = input.or_else(|| fitting(&run, clean, index));
            let answer = match &input {
                Some(input) => step(&run, input.clone(), &project, now).ok(),
                None => resume(&run, &facts, now).ok(),
            };
            let Some(next) = answer else { continue };
            let told = matches!(input, Some(Input::Pushed { .. })) && next.effects.is_empty();
            prop_assert!(run.is_open() || told && run.phase == next.run.phase, "over, it answered {input:?}");
            prop_assert!(next.run.fence >= run.fence && next.run.attempts >= run.attempts);
            prop_assert!(next.run.attempts <= project.retry.max_attempts);
            prop_assert!(next.run.round - next.run.rebases <= project.max_rounds);
            for effect in &next.effects {
                prop_assert!(owed.insert(effect.id()), "owed twice: {}", effect.id());
                if let Effect::Land { head, .. } = effect {
                    prop_assert_eq!(next.run.ledger.open().count(), 0);
                    prop_assert_eq!(&next.run.change.as_ref().unwrap().head, head);
                    clean_heads.insert(head.clone());
                }
            }
            if let Some(Outcome::Landed { head, .. }) = next.run.outcome() {
                prop_assert!(clean_heads.contains(head), "landed {head} that was never reviewed clean");
            }
            run = next.run;
        }
    }

    #[test]
    fn a_handed_off_run_keeps_its_claim_until_its_issue_leaves(inputs in prop::collection::vec(any_input(), 1..80)) {
        let (project, agent) = (handoff_project(), agent("author", "pay"));
        let (none, ready) = (Containments::default(), Readiness::complete());
        let facts = facts(&project, &agent, &none, &ready, 0);
        let mut run = claim(&issue("Todo"), None, Timestamp(0), &facts, "r".into(), Timestamp(0)).unwrap().run;
        for (index, (input, clean)) in inputs.into_iter().enumerate() {
            let now = Timestamp((index as i64 + 1) * 1_000_000_000);
            let leaves = matches!(
                input,
                Some(Input::IssueLeft(_) | Input::Contained(_) | Input::EffectFailed { .. })
            );
            let input = input.or_else(|| fitting(&run, clean, index));
            let answer = match &input {
                Some(input) => step(&run, input.clone(), &project, now).ok(),
                None => resume(&run, &facts, now).ok(),
            };
            let Some(next) = answer else { continue };
            let told = matches!(input, Some(Input::Pushed { .. })) && next.effects.is_empty();
            prop_assert!(run.is_open() || told && run.phase == next.run.phase, "over, it answered {input:?}");
            prop_assert!(leaves || next.run.is_open() || !run.is_open(), "{input:?} ended a claim whose issue is still there");
            prop_assert!(next.run.fence >= run.fence && next.run.change.is_none());
            if let Some(due) = next.run.due() {
                prop_assert!(due.since(now).0 <= project.retry.longest.0);
            }
            run = next.run;
        }
    }

    #[test]
    fn a_run_ends_if_its_attempts_do(answers in prop::collection::vec(any::<bool>(), 60)) {
        let (project, agent) = (project(), agent("author", "pay"));
        let (none, ready) = (Containments::default(), Readiness::complete());
        let facts = facts(&project, &agent, &none, &ready, 0);
        let mut run =
            claim(&issue("Todo"), None, Timestamp(0), &facts, "r".into(), Timestamp(0)).unwrap().run;
        for (index, clean) in answers.into_iter().enumerate() {
            let now = Timestamp((index as i64 + 1) * 1_000_000_000);
            run = match fitting(&run, clean, index) {
                Some(input) => step(&run, input, &project, now).unwrap().run,
                None if run.is_open() => resume(&run, &facts, now).unwrap().run,
                None => break,
            };
        }
        prop_assert!(!run.is_open(), "still {} after 60 answers", run.phase.name());
    }
}
