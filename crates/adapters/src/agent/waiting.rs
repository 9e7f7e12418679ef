//! How long an agent may keep its host waiting, and what it is called when it took longer.
//!
//! Invariant: a limit of zero is no limit, as in Symphony's `stall_timeout_ms`; the session's deadline always holds.

use std::time::Duration;

use domain::failure::{Failure, FailureKind};
use tokio::time::Instant;

use super::SessionLimits;

/// What the host waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::agent) enum Waiting {
    /// Any sign of life.
    Nothing,
    /// The answer to a request of the agent's protocol: its name. Other lines do not count.
    Answer(&'static str),
    /// A turn's end. Any output counts.
    Turn,
}

/// The clocks of one conversation.
#[derive(Clone, Copy, Debug)]
pub(in crate::agent) struct Patience {
    stall: Duration,
    read: Duration,
    turn: Duration,
    waiting: Waiting,
    since: Instant,
    message: Instant,
    output: Instant,
}

impl Patience {
    pub fn new(limits: &SessionLimits, now: Instant) -> Patience {
        let SessionLimits { stall, read, turn, .. } = *limits;
        Patience { stall, read, turn, waiting: Waiting::Nothing, since: now, message: now, output: now }
    }

    /// A whole message came.
    pub fn heard_message(&mut self, now: Instant) {
        self.message = now;
        self.heard_output(now);
    }

    /// Something came.
    pub fn heard_output(&mut self, now: Instant) {
        self.output = now;
    }

    pub fn wait_for(&mut self, what: Waiting, now: Instant) {
        (self.waiting, self.since, self.output) = (what, now, now);
    }

    /// When patience ends, and with what.
    pub fn ends(&self) -> Option<(Instant, Waiting)> {
        let stall = (self.message, self.stall, Waiting::Nothing);
        let other = match self.waiting {
            Waiting::Nothing => stall,
            Waiting::Answer(_) => (self.since, self.read, self.waiting),
            Waiting::Turn => (self.output, self.turn, Waiting::Turn),
        };
        let limits = [stall, other].into_iter().filter(|(_, time, _)| !time.is_zero());
        limits.map(|(from, time, what)| (from + time, what)).min_by_key(|(at, _)| *at)
    }

    /// The name of the silence.
    pub fn spent(&self, why: Waiting, limits: &SessionLimits) -> Failure {
        match why {
            Waiting::Nothing => {
                let seconds = limits.stall.as_secs_f32();
                Failure::new(FailureKind::Stalled, format!("stalled for {seconds} s without a sign of life"))
            }
            Waiting::Answer(name) => {
                let seconds = limits.read.as_secs_f32();
                let detail = format!("no answer to {name} within {seconds} s; give it more time to start");
                Failure::new(FailureKind::NoAnswer, detail)
            }
            Waiting::Turn => {
                let seconds = limits.turn.as_secs_f32();
                Failure::new(FailureKind::TurnTimedOut, format!("the turn was silent for {seconds} s"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(stall: u64, read: u64, turn: u64) -> SessionLimits {
        SessionLimits {
            max_turns: 0,
            stall: Duration::from_secs(stall),
            read: Duration::from_secs(read),
            turn: Duration::from_secs(turn),
            deadline: Duration::from_secs(1000),
            max_line: 1,
            max_garbage_bytes: 1,
        }
    }

    fn ends(limits: SessionLimits, what: Waiting, message_after: u64) -> Option<(u64, Waiting)> {
        let now = Instant::now();
        let mut patience = Patience::new(&limits, now);
        patience.wait_for(what, now);
        patience.heard_message(now + Duration::from_secs(message_after));
        patience.ends().map(|(at, why)| ((at - now).as_secs(), why))
    }

    #[test]
    fn an_answer_is_not_waited_for_longer_because_other_lines_come() {
        let answer = Waiting::Answer("initialize");
        assert_eq!(ends(limits(100, 5, 50), answer, 4), Some((5, answer)));
        assert_eq!(ends(limits(100, 5, 50), Waiting::Turn, 4), Some((54, Waiting::Turn)));
        assert_eq!(ends(limits(20, 5, 50), Waiting::Turn, 4), Some((24, Waiting::Nothing)));
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(ends(limits(0, 0, 0), Waiting::Turn, 1), None);
        assert_eq!(ends(limits(0, 0, 7), Waiting::Turn, 1), Some((8, Waiting::Turn)));
    }
}
