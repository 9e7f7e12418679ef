//! Reads what a page or an answer shows, bounded, the same for the API and the dashboard.

use domain::containment::Scope;
use domain::review::Finding;
use domain::{ProjectName, RunId};
use futures_util::future::try_join_all;
use store::containment::OrderRecord;
use wire::{
    BudgetView, EventView, OrderPreview, OrderView, Page, PauseView, RunDetail, RunState, RunSummary, Trace,
    pause::PauseEnd,
};

use crate::app::App;
use crate::error::ApiError;
use crate::records::{EventRow, RunRow};
use crate::trace::{Branch, assemble};

/// Runs a scan looks at: the newest, which are the ones people ask about.
pub const MAX_SCAN: u32 = 500;
/// Reviews of one run: teams times rounds, both small.
pub const MAX_REVIEWS: u32 = 100;
/// Calls, and lines of activity, of one run in a trace.
const MAX_READ: u32 = 1_000;
/// Orders that can be paged through: people give them.
const MAX_ORDERS: u32 = 1_000;
/// The fewest digits that may stand for a sha.
const SHORTEST_SHA: usize = 7;

/// One page of runs, newest first.
pub(crate) async fn runs(
    app: &App,
    state: RunState,
    cursor: Option<&str>,
    limit: u32,
) -> Result<Page<RunSummary>, ApiError> {
    let page = app.records.runs(state, cursor, limit).await?;
    Ok(Page { items: page.rows.iter().map(summary).collect(), next: page.next })
}

/// Everything about one run.
pub(crate) async fn detail(app: &App, row: RunRow) -> Result<RunDetail, ApiError> {
    let reviews = app.records.reviews(&row.run.id, MAX_REVIEWS).await?;
    let timeline = timeline(app, &row.run.id, 0).await?;
    Ok(RunDetail::of(&row.run, row.spend, reviews.iter().map(summary).collect(), timeline))
}

/// What happened to a run after the event numbered `after`, oldest first.
pub(crate) async fn timeline(app: &App, run: &RunId, after: u64) -> Result<Vec<EventView>, ApiError> {
    let rows = app.records.events_of(run).await?;
    Ok(rows.iter().filter(|row| row.seq() > after).map(EventRow::view).collect())
}

/// The trace of a run and of the reviews it caused.
pub(crate) async fn trace(app: &App, row: RunRow) -> Result<Trace, ApiError> {
    let reviews = app.records.reviews(&row.run.id, MAX_REVIEWS).await?;
    let root = branch(app, row).await?;
    let reviews = try_join_all(reviews.into_iter().map(|row| branch(app, row))).await?;
    Ok(assemble(&root, &reviews))
}

async fn branch(app: &App, row: RunRow) -> Result<Branch, ApiError> {
    let id = row.run.id.clone();
    let events = app.records.events_of(&id).await?;
    let calls = app.records.calls(&id, MAX_READ).await?;
    let activity = app.records.activity(&id, MAX_READ).await?;
    Ok(Branch { row, events, calls, activity })
}

/// The newest orders from after the one called `before`, page by page.
pub(crate) async fn orders(
    app: &App,
    before: Option<&str>,
    limit: usize,
) -> Result<Page<OrderView>, ApiError> {
    let all = app.records.orders(MAX_ORDERS).await?;
    let from = match before {
        Some(id) => all.iter().position(|r| r.order.id.as_str() == id).map_or(all.len(), |at| at + 1),
        None => 0,
    };
    let items: Vec<OrderView> = all.iter().skip(from).take(limit).map(order_view).collect();
    let more = from + items.len() < all.len();
    let next = items.last().filter(|_| more).map(|order| order.id.to_string());
    Ok(Page { items, next })
}

/// One order with its receipts.
pub(crate) async fn order(app: &App, id: &str) -> Result<OrderView, ApiError> {
    Ok(order_view(&app.records.order(id).await?))
}

/// Whom an order on `scope` would reach right now.
pub(crate) async fn preview(app: &App, scope: Scope) -> Result<OrderPreview, ApiError> {
    let open = app.records.runs(RunState::Open, None, MAX_SCAN).await?.rows;
    let covered = open.iter().filter(|row| row.run.identity().scopes().contains(&scope));
    Ok(OrderPreview { runs: covered.map(summary).collect(), scope })
}

/// How the budgets stand.
pub(crate) async fn budgets(app: &App) -> Result<Vec<BudgetView>, ApiError> {
    let standings = app.records.budgets(app.now()).await?;
    Ok(standings.iter().map(BudgetView::from).collect())
}

/// The findings raised on a head, by its sha or the first digits of it, among the newest runs.
pub(crate) async fn findings_of_head(app: &App, head: &str) -> Result<Vec<Finding>, ApiError> {
    if head.len() < SHORTEST_SHA {
        let hint = "give at least seven digits of it";
        return Err(ApiError::bad_request(format!("`{head}` is too short for a commit"), hint));
    }
    let rows = app.records.runs(RunState::All, None, MAX_SCAN).await?.rows;
    let all = rows.into_iter().flat_map(|row| row.run.ledger.findings);
    Ok(all.filter(|finding| finding.head.as_str().starts_with(head)).collect())
}

/// A run as lists show it.
/// How each project stands.
pub(crate) async fn pauses(app: &App) -> Result<Vec<PauseView>, ApiError> {
    let (mut paused, counts) = (app.records.pauses().await?, app.records.counts().await?);
    let ended = app.records.pause_records(MAX_SCAN).await?;
    let view = |project: &ProjectName| {
        let live = counts.get(project).map_or(0, |counts| counts.live);
        let pause = paused.remove(project);
        let state = match (&pause, live) {
            (None, _) => "active",
            (Some(_), 0) => "paused",
            (Some(_), _) => "draining",
        };
        PauseView {
            project: project.clone(),
            state: state.to_owned(),
            reason: pause.as_ref().map(|pause| pause.reason.clone()),
            actor: pause.as_ref().map(|pause| pause.actor.clone()),
            since: pause.map(|pause| pause.at.into()),
            live,
            last_ended: ended
                .iter()
                .filter(|record| record.project == *project)
                .find_map(|record| record.ended.clone())
                .map(|(actor, at)| PauseEnd { actor, at: at.into() }),
        }
    };
    Ok(app.fleet.projects.keys().map(view).collect())
}

pub(crate) fn summary(row: &RunRow) -> RunSummary {
    RunSummary::of(&row.run, row.spend)
}

fn order_view(record: &OrderRecord) -> OrderView {
    OrderView::of(&record.order, &record.receipts, record.lifted.as_ref())
}
