//! What goes wrong on purpose, and what changes on the board by itself.

use serde::Deserialize;
use serde_json::{Map, Value};

/// A fault meets requests of one kind, for as many times as it says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// `by_states`, `by_ids`, `viewer`, `mutation`, `other`, or `*`.
    #[serde(default = "any")]
    pub(crate) on: String,
    /// Only requests for this state or id.
    #[serde(default)]
    pub(crate) naming: Option<String>,
    /// How many requests pass before the first is met.
    #[serde(default)]
    pub(crate) skip: usize,
    /// How many are met; else all, until the case lifts it.
    #[serde(default)]
    pub(crate) times: Option<usize>,
    pub(crate) wrong: Wrong,
}

fn any() -> String {
    "*".to_owned()
}

/// In which way a request goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// An HTTP status with an error body.
    Status(u16),
    /// 200 with `errors` and no data.
    Errors(String),
    /// 200 with something that is not JSON.
    Garbage,
    /// A page that says there is more and not where.
    NoCursor,
    /// The right answer, late.
    DelayMs(u64),
    /// The connection ends without an answer.
    HangUp,
}

/// Something that happens on the board after so many requests of a kind, or after a time, whichever is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The kind of request that is counted, `*` for all; the change is in force when that request is answered.
    #[serde(default)]
    pub(crate) after: Option<String>,
    #[serde(default)]
    pub(crate) count: usize,
    #[serde(default)]
    pub(crate) after_ms: Option<u64>,
    /// The issue, by identifier.
    pub(crate) issue: String,
    /// What becomes of it; nothing means that it is gone.
    #[serde(default)]
    pub(crate) set: Option<Map<String, Value>>,
}

impl Fault {
    /// Whether this request is met; counts it when it is of the kind.
    pub(super) fn meets(&mut self, kind: &str, named: &[String]) -> bool {
        let meant = self.on == "*" || self.on == kind;
        if !meant || self.naming.as_ref().is_some_and(|naming| !named.contains(naming)) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
            None => true,
        }
    }
}

impl Change {
    /// Whether it is due, given how often its kind was asked and how long the case runs.
    pub(super) fn due(&self, asked: usize, now_ms: u64) -> bool {
        let by_count = self.after.is_some() && asked >= self.count;
        by_count || self.after_ms.is_some_and(|after| now_ms >= after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_skips_then_meets_then_ends() {
        let fault = json!({"on": "by_ids", "skip": 1, "times": 2, "wrong": {"status": 500}});
        let mut fault: Fault = serde_json::from_value(fault).unwrap();
        let met: Vec<_> = (0..5).map(|_| fault.meets("by_ids", &[])).collect();
        assert_eq!(met, [false, true, true, false, false]);
        assert!(!fault.meets("by_states", &[]));
    }
}
