//! Claims the review run that an author's run asks for.

use super::{Answer, Later};
use crate::Engine;
use domain::Millis;
use domain::effect::ReviewRequest;
use domain::failure::{Failure, FailureKind};
use domain::run::{self, Input};

/// The wait for a slot, or for what this machine lacks.
const ASK_AGAIN: Millis = Millis(500);

pub(super) async fn perform(engine: &Engine, request: &ReviewRequest) -> Result<Answer, Later> {
    if engine.read_run(&request.review).await?.is_some() {
        return Ok(Answer::Nothing);
    }
    let Some(parent) = engine.read_run(&request.parent).await? else { return Ok(Answer::Nothing) };
    if !parent.run.is_open() || parent.run.round != request.round {
        return Ok(Answer::Nothing);
    }
    let issue = parent.run.issue.clone();
    let moment = engine.moment(&issue.project).await?;
    let Some(facts) = moment.as_ref().and_then(|moment| moment.of(engine, &request.reviewer)) else {
        return Ok(refuse(request, format!("the reviewer `{}` is not configured", request.reviewer)));
    };
    match run::claim_review(request, issue, &facts.facts(), engine.now()) {
        Ok(step) => {
            let guards = moment.as_ref().map(|moment| moment.guards.clone());
            Ok(guards.map_or(Answer::Nothing, |guards| Answer::Claim(Box::new(step), guards)))
        }
        Err(refusal) if refusal.passes() => Err(Later::NotYet(ASK_AGAIN)),
        Err(refusal) => Ok(refuse(request, refusal.to_string())),
    }
}

fn refuse(request: &ReviewRequest, why: String) -> Answer {
    let input = Input::ReviewReported {
        team: request.team.clone(),
        head: request.head.clone(),
        round: request.round,
        result: Err(Failure::new(FailureKind::NoReview, why)),
    };
    Answer::Tell(request.parent.clone(), input)
}
