//! What the reads answer with.

use domain::event::Event;
use domain::run::{Refusal, Run};
use domain::{MicroUsd, ProjectName, RunId, Timestamp};
use store::cursor::EventCursor;
use store::event::StoredEvent;
use store::run::RunLine;
use wire::{EventView, Spend};

/// A run with what its calls came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The state row.
    pub run: Run,
    /// What it spent.
    pub spend: Spend,
}

/// Money of models, and of rehearsals, which is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Answered by models.
    pub real: MicroUsd,
    /// Answered, at least in part, by rehearsals.
    pub rehearsed: MicroUsd,
}

/// A page of runs and where the next one begins.
#[derive(Clone, Debug, Default)]
pub struct RunPage {
    /// Newest first.
    pub rows: Vec<RunRow>,
    /// What follows, if anything may.
    pub next: Option<String>,
}

/// An event with its place in the feed.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// Its place.
    pub cursor: EventCursor,
    /// To which run it happened.
    pub run: RunId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Something an agent did between two model turns: a tool it used, a line it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityRow {
    /// Its own name, unique; also its span id.
    pub id: String,
    /// In which attempt.
    pub attempt: u32,
    /// Whether it used a tool, which makes it a span.
    pub tool: bool,
    /// One line: the tool with its arguments, the text.
    pub line: String,
    /// `done`, `failed`; empty for what has no outcome.
    pub status: &'static str,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Why an issue is not being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// Of which project.
    pub project: ProjectName,
    /// The tracker's id, and what people call the issue.
    pub names: [String; 2],
    /// Its title.
    pub title: String,
    /// Why it is not worked on.
    pub refusal: Refusal,
    /// Since when for this reason.
    pub at: Timestamp,
}

pub(super) fn spend(of: store::call::Spend) -> Spend {
    Spend { calls: of.calls, tokens: of.usage, cost_micro_usd: of.cost, rehearsal: of.rehearsal }
}

impl From<RunLine> for RunRow {
    fn from(line: RunLine) -> Self {
        Self { run: line.stored.run, spend: spend(line.spend) }
    }
}

impl From<StoredEvent> for EventRow {
    fn from(stored: StoredEvent) -> Self {
        Self { cursor: stored.cursor, run: stored.run, at: stored.at, event: stored.event }
    }
}

impl EventRow {
    /// The number that the API shows for it: the last part of its place.
    pub fn seq(&self) -> u64 {
        let place = self.cursor.to_string();
        place.rsplit('-').next().and_then(|seq| seq.parse().ok()).unwrap_or_default()
    }

    /// As the API shows it.
    pub fn view(&self) -> EventView {
        EventView::of_run(self.seq(), self.at, &self.run, &self.event)
    }
}
