//! What happened during a case, from every place the kit can look at, in one order.
//!
//! Invariants: an event is never changed or removed. Times come from the one wall clock of this machine, in
//! milliseconds since the case began; sources are read at different moments, so events are put in order when they are
//! looked at, not when they arrive.

use crate::agent::record::now_ms;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};

/// Events kept at most; an implementation in a tight loop must not eat the memory of the machine.
const MOST: usize = 200_000;

/// Where something was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Agent,
    Tracker,
    Hook,
    Target,
    Output,
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) at_ms: u64,
    pub(crate) source: Source,
    /// The issue, by the name the case uses for its agent; empty when it belongs to none.
    pub(crate) who: String,
    /// Which process start of that issue, from 1; 0 for what is no agent.
    pub(crate) run: u32,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

/// Shared by all that watch a case.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    begun_ms: u64,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self { begun_ms: now_ms(), events: Arc::default() }
    }

    /// Milliseconds since the case began.
    pub(crate) fn now(&self) -> u64 {
        self.since_begin(now_ms())
    }

    /// A time of the wall clock, as the timeline counts.
    pub(crate) fn since_begin(&self, wall_ms: u64) -> u64 {
        wall_ms.saturating_sub(self.begun_ms)
    }

    pub(crate) fn push(&self, event: Event) {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() < MOST {
            events.push(event);
        }
    }

    /// Something that belongs to no agent, now.
    pub(crate) fn note(&self, source: Source, kind: &str, who: &str, data: Value) {
        let (kind, who) = (kind.to_owned(), who.to_owned());
        self.push(Event { at_ms: self.now(), source, who, run: 0, kind, data });
    }

    /// Everything until now, in order of time.
    pub(crate) fn sorted(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        events.sort_by_key(|event| event.at_ms);
        events
    }
}
