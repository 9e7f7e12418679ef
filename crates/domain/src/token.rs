//! What a run token says. Signing and checking the signature is the business of `base::signing`.

use crate::containment::Identity;
use crate::run::Purpose;
use crate::{Epoch, Fence, IssueId, Timestamp};
use serde::{Deserialize, Serialize};

/// The claims of a run token, the body of a signed JWT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who the run is.
    #[serde(flatten)]
    pub identity: Identity,
    /// What it works on.
    pub issue: IssueId,
    /// What for: `author` or `review`.
    pub purpose: Purpose,
    /// Which attempt of the run, counted from 1.
    pub attempt: u32,
    /// The claim's fence: a newer claim makes this token stale.
    pub fence: Fence,
    /// The containment epoch at minting: an order of a higher epoch revokes the token.
    pub epoch: Epoch,
    /// When it was minted, seconds since the Unix epoch.
    pub iat: i64,
    /// When it ends, seconds since the Unix epoch.
    pub exp: i64,
}

impl Claims {
    /// Whether the token's time is over.
    pub fn expired(&self, now: Timestamp) -> bool {
        now.0 >= self.exp.saturating_mul(1_000_000)
    }
}
