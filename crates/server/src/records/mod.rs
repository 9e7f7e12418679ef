//! What the door reads of the store, in the shapes that pages and answers are made of. Pauses are all
//! that is written here: they are a person's word, and no decision of the engine.

mod activity;
mod row;

pub use row::{ActivityRow, DecisionRow, EventRow, RunPage, RunRow, Spent};

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::call::Call;
use domain::containment::Containments;
use domain::fleet::Fleet;
use domain::run::Purpose;
use domain::{CallId, MicroUsd, OrderId, ProjectName, RunId, Timestamp};
use store::Store;
use store::cursor::{EventCursor, RunCursor};
use store::pause::{Pause, PauseRecord};
use store::run::{Filter, Found};
use wire::{RunState, Spend};

use crate::error::ApiError;

/// Events of one run that can be read; a run ends long before.
pub const MAX_EVENTS: u32 = 1_000;
/// Pages looked through for runs that have ended before a short page is handed out.
const MAX_LOOKS: usize = 8;

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

    /// Author runs that are not over, and the newest of those that are: some of them ask a person.
    pub async fn worked_on(&self) -> Result<Vec<RunRow>, ApiError> {
        let recent = self.runs(RunState::All, None, crate::load::MAX_SCAN).await?.rows;
        let shown: std::collections::HashSet<RunId> = recent.iter().map(|row| row.run.id.clone()).collect();
        let open = self.store.open_runs().await?.into_iter().map(|stored| stored.run);
        let older = open.filter(|run| !shown.contains(&run.id));
        let older: Vec<RunRow> = older.map(|run| RunRow { run, spend: Spend::default() }).collect();
        Ok(recent.into_iter().chain(older).collect())
    }

    /// What the agents of all runs reported, over the attempts that ended.
    pub async fn totals(&self) -> Result<store::run::Totals, ApiError> {
        Ok(self.store.totals().await?)
    }

    /// Every project that is paused.
    pub async fn pauses(&self) -> Result<BTreeMap<ProjectName, Pause>, ApiError> {
        Ok(self.store.pauses().await?)
    }

    /// Open and live runs of each project that has any.
    pub async fn counts(&self) -> Result<BTreeMap<ProjectName, store::run::Counts>, ApiError> {
        Ok(self.store.counts().await?)
    }

    /// Pauses a project.
    pub async fn pause(&self, project: &ProjectName, pause: &Pause) -> Result<bool, ApiError> {
        Ok(self.store.pause(project, pause).await?)
    }

    /// Lets a project start work again.
    pub async fn resume(&self, project: &ProjectName, actor: &str, now: Timestamp) -> Result<bool, ApiError> {
        Ok(self.store.resume(project, actor, now).await?)
    }

    /// The latest pauses, newest first, those that ended included.
    pub async fn pause_records(&self, limit: u32) -> Result<Vec<PauseRecord>, ApiError> {
        Ok(self.store.pause_records(limit).await?)
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
        let spend = row::spend(self.store.spend(&stored.run.id).await?);
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
        // Turns and tokens are told better by the calls.
        let told_elsewhere = |kind: &str| matches!(kind, "turn" | "usage");
        Ok(lines.iter().filter(|l| !told_elsewhere(&l.kind)).map(|line| activity::row(run, line)).collect())
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

    /// What the runs that were claimed since `since` spent, among the newest `limit`: for models, and in
    /// runs that a rehearsal had a part in, which is no real money.
    pub async fn spent_by_runs_since(&self, since: Timestamp, limit: u32) -> Result<Spent, ApiError> {
        let mut rows = self.runs(RunState::All, None, limit).await?.rows;
        rows.retain(|row| row.run.created_at >= since);
        let (rehearsed, real): (Vec<&RunRow>, Vec<&RunRow>) =
            rows.iter().partition(|row| row.spend.rehearsal);
        Ok(Spent { real: sum(real).cost_micro_usd, rehearsed: sum(rehearsed).cost_micro_usd })
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
