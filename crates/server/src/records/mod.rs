//! What the door reads of the store, in the shapes that pages and answers are made of. Nothing here writes.

mod activity;

use std::sync::Arc;

use domain::call::Call;
use domain::containment::Containments;
use domain::event::Event;
use domain::fleet::Fleet;
use domain::run::{Purpose, Refusal, Run};
use domain::{CallId, MicroUsd, OrderId, ProjectName, RunId, Timestamp};
use store::Store;
use store::event::{EventCursor, StoredEvent};
use store::run::{Filter, Found, RunCursor, RunLine};
use wire::{EventView, RunState, Spend};

use crate::error::ApiError;

/// Events of one run that can be read; a run ends long before.
pub const MAX_EVENTS: u32 = 1_000;
/// Pages looked through for runs that have ended before a short page is handed out.
const MAX_LOOKS: usize = 8;

/// A run with what its calls came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// The state row.
    pub run: Run,
    /// What it spent.
    pub spend: Spend,
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

/// The store, as the door reads it.
#[derive(Clone)]
pub struct Records {
    store: Store,
    fleet: Arc<Fleet>,
}

impl Records {
    /// Reads of `store`, for the projects of `fleet`.
    pub fn new(store: Store, fleet: Arc<Fleet>) -> Self {
        Self { store, fleet }
    }

    /// Changes after commits.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.store.changes()
    }

    /// A page of runs, newest first. The page may be short before the end: `next` says whether more may follow.
    pub async fn runs(&self, state: RunState, cursor: Option<&str>, limit: u32) -> Result<RunPage, ApiError> {
        let mut after = match cursor {
            Some(text) => Some(text.parse::<RunCursor>().map_err(|e| {
                ApiError::bad_request(e.to_string(), "leave `cursor` out to begin with the newest")
            })?),
            None => None,
        };
        let filter = Filter { open_only: state == RunState::Open, ..Filter::default() };
        let mut page = RunPage::default();
        for _ in 0..MAX_LOOKS {
            let missing = limit.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(limit));
            let (lines, next) = self.store.list_runs(&filter, after.as_ref(), missing).await?;
            let wanted = |row: &RunRow| state != RunState::Ended || !row.run.is_open();
            page.rows.extend(lines.into_iter().map(RunRow::from).filter(wanted));
            page.next = next.as_ref().map(ToString::to_string);
            after = next;
            if after.is_none() || page.rows.len() >= limit as usize {
                break;
            }
        }
        Ok(page)
    }

    /// One run, by its name or by the beginning or end of it.
    pub async fn run(&self, name: &str) -> Result<RunRow, ApiError> {
        let stored = match self.store.find_run(name).await? {
            Found::One(stored) => stored,
            Found::Nothing => return Err(ApiError::not_found(format!("no run is called {name}"))),
            Found::Several(ids) => {
                let ids: Vec<&str> = ids.iter().map(RunId::as_str).collect();
                return Err(ApiError::not_found(format!("{name} could be any of {}", ids.join(", "))));
            }
        };
        let spend = spend(self.store.spend(&stored.run.id).await?);
        Ok(RunRow { run: stored.run, spend })
    }

    /// The latest author's run for an issue, by the tracker's id or by what people call it.
    pub async fn run_of_issue(&self, name: &str) -> Result<Option<RunRow>, ApiError> {
        let mut latest: Option<RunRow> = None;
        for seen in self.store.issues_named(name).await? {
            let filter =
                Filter { project: Some(seen.project), issue: Some(seen.issue.id), ..Filter::default() };
            let (lines, _) = self.store.list_runs(&filter, None, REVIEWS_BETWEEN).await?;
            let author = lines.into_iter().map(RunRow::from).find(|r| r.run.purpose() == Purpose::Author);
            latest = latest.into_iter().chain(author).max_by_key(|row| row.run.created_at);
        }
        Ok(latest)
    }

    /// The reviews of an author's run, oldest first.
    pub async fn reviews(&self, parent: &RunId, limit: u32) -> Result<Vec<RunRow>, ApiError> {
        let filter = Filter { parent: Some(parent.clone()), ..Filter::default() };
        let (lines, _) = self.store.list_runs(&filter, None, limit).await?;
        Ok(lines.into_iter().rev().map(RunRow::from).collect())
    }

    /// Events of one run, oldest first.
    pub async fn events_of(&self, run: &RunId) -> Result<Vec<EventRow>, ApiError> {
        Ok(self.store.events_of(run, MAX_EVENTS).await?.into_iter().map(EventRow::from).collect())
    }

    /// Events of all runs after `after`, oldest first.
    pub async fn events_since(&self, after: EventCursor, limit: u32) -> Result<Vec<EventRow>, ApiError> {
        Ok(self.store.events_since(after, limit).await?.into_iter().map(EventRow::from).collect())
    }

    /// The place after the newest event.
    pub async fn newest_event(&self) -> Result<EventCursor, ApiError> {
        Ok(self.store.newest_event().await?)
    }

    /// Calls of a run, oldest first.
    pub async fn calls(&self, run: &RunId, limit: u32) -> Result<Vec<Call>, ApiError> {
        Ok(self.store.calls_of(run, limit).await?)
    }

    /// One call.
    pub async fn call(&self, id: &str) -> Result<Call, ApiError> {
        let call = self.store.call(&CallId::new(id)).await?;
        call.ok_or_else(|| ApiError::not_found(format!("no call is called {id}")))
    }

    /// What the agent of a run did, oldest first; of more than `limit` the newest.
    pub async fn activity(&self, run: &RunId, limit: u32) -> Result<Vec<ActivityRow>, ApiError> {
        let lines = self.store.last_activity(run, limit).await?;
        Ok(lines.iter().map(|line| activity::row(run, line)).collect())
    }

    /// Budgets in their current windows.
    pub async fn budgets(&self, now: Timestamp) -> Result<Vec<domain::budget::Standing>, ApiError> {
        Ok(self.store.budgets(now).await?)
    }

    /// Every containment that was ever ordered.
    pub async fn containments(&self) -> Result<Containments, ApiError> {
        Ok(self.store.containments().await?)
    }

    /// One order with its receipts.
    pub async fn order(&self, id: &str) -> Result<store::containment::OrderRecord, ApiError> {
        let record = self.store.order(&OrderId::new(id)).await?;
        record.ok_or_else(|| ApiError::not_found(format!("no order is called {id}")))
    }

    /// The newest orders.
    pub async fn orders(&self, limit: u32) -> Result<Vec<store::containment::OrderRecord>, ApiError> {
        Ok(self.store.orders(limit).await?)
    }

    /// Issues of every project that are not being worked on, the newest decision first.
    pub async fn decisions(&self) -> Result<Vec<DecisionRow>, ApiError> {
        let mut rows = Vec::new();
        for project in self.fleet.projects.keys() {
            let issues = self.store.issues(project).await?;
            for decision in self.store.decisions(project).await? {
                let seen = issues.iter().find(|seen| seen.issue.id == decision.issue).map(|seen| &seen.issue);
                rows.push(DecisionRow {
                    project: project.clone(),
                    names: [
                        decision.issue.to_string(),
                        seen.map_or_else(|| decision.issue.to_string(), |i| i.identifier.clone()),
                    ],
                    title: seen.map(|i| i.title.clone()).unwrap_or_default(),
                    refusal: decision.refusal,
                    at: decision.changed_at,
                });
            }
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.at));
        Ok(rows)
    }

    /// What the runs that were claimed since `since` spent, among the newest `limit`.
    pub async fn spent_by_runs_since(&self, since: Timestamp, limit: u32) -> Result<Spend, ApiError> {
        let rows = self.runs(RunState::All, None, limit).await?.rows;
        Ok(sum(rows.iter().filter(|row| row.run.created_at >= since)))
    }

    /// Whether the store answers.
    pub async fn ping(&self) -> Result<(), ApiError> {
        self.newest_event().await.map(drop)
    }
}

/// Runs of one issue that are looked through for the latest author's; its reviews lie between.
const REVIEWS_BETWEEN: u32 = 100;

/// What several runs spent.
pub fn sum<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> Spend {
    rows.into_iter().fold(Spend::default(), |sum, row| Spend {
        calls: sum.calls + row.spend.calls,
        tokens: sum.tokens.plus(row.spend.tokens),
        cost_micro_usd: MicroUsd::plus(sum.cost_micro_usd, row.spend.cost_micro_usd),
        rehearsal: sum.rehearsal || row.spend.rehearsal,
    })
}

fn spend(of: store::call::Spend) -> Spend {
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
