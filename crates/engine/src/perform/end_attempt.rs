//! Ends an attempt's processes, wherever they are.

use super::{Answer, Later};
use crate::Engine;
use domain::failure::{Failure, FailureKind};
use domain::{Fence, RunId};
use killd::protocol::Proof;

pub(super) async fn perform(engine: &Engine, run: &RunId, fence: Fence, why: &str) -> Result<Answer, Later> {
    engine.0.live.cancel(run, fence);
    match engine.0.kill_plane.kill_run(run.as_str(), fence.0, why).await {
        Ok(receipt) if receipt.state == Proof::Verified => Ok(Answer::Nothing),
        Ok(receipt) => {
            let why = receipt.why.unwrap_or_else(|| "the kill plane could not prove it".to_owned());
            Err(Later::Failed(Failure::new(FailureKind::Engine, why)))
        }
        // Not registered: it never started, or its end was seen.
        Err(crate::kill_plane::Error::Refused { .. }) => Ok(Answer::Nothing),
        Err(error @ crate::kill_plane::Error::Down(_)) => {
            Err(Later::Failed(Failure::new(FailureKind::Engine, error.to_string())))
        }
    }
}
