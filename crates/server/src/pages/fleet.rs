//! `/`: how things stand, in one sentence, then in one page.

use axum::extract::State;
use domain::containment::Containment;
use domain::run::{Purpose, Refusal};
use domain::{ProjectName, Timestamp};
use maud::{Markup, html};
use std::collections::BTreeMap;
use store::pause::Pause;
use wire::{RunState, RunSummary};

use super::layout::{Here, Page};
use super::run_table::{Group, grouped, table};
use super::{Answer, forms, words};
use crate::app::App;
use crate::control::{KILL_PLANE, Part};
use crate::load;
use crate::records::{DecisionRow, Spent};

/// Ended runs on this page; `/runs` pages through all.
const MAX_ENDED: u32 = 30;
/// Issues not being worked on that are listed.
const MAX_DECISIONS: usize = 50;
/// Costs move without an event, so the page also looks by itself.
const LOOK_MS: u32 = 5_000;

struct View {
    open: Vec<RunSummary>,
    ended: Vec<RunSummary>,
    more_ended: bool,
    stopped: Vec<Containment>,
    paused: BTreeMap<ProjectName, Pause>,
    decisions: Vec<DecisionRow>,
    broken: Vec<Part>,
    spent: Spent,
    rehearsed: bool,
    scopes: Vec<String>,
    now: Timestamp,
}

/// The fleet.
pub async fn show(State(app): State<App>) -> Answer {
    let view = read(&app).await?;
    let sentence = sentence(&view);
    let page =
        Page { title: "Fleet", here: Here::Fleet, feed: Some("/api/v1/events"), poll_ms: Some(LOOK_MS) };
    Ok(page.render(&body(&view, &sentence)))
}

async fn read(app: &App) -> Result<View, crate::error::ApiError> {
    let now = app.now();
    let records = &app.records;
    let open = records
        .runs(RunState::Open, None, load::MAX_SCAN)
        .await?
        .rows
        .iter()
        .map(load::summary)
        .collect::<Vec<_>>();
    let ended = load::runs(app, RunState::Ended, None, MAX_ENDED).await?;
    let stopped = records.containments().await?.iter().filter(|c| c.in_force()).cloned().collect();
    let readiness = app.control.readiness().await;
    let rehearsed = open.iter().chain(&ended.items).any(|run| run.spend.rehearsal);
    Ok(View {
        scopes: scopes(app, &open),
        open,
        ended: ended.items,
        more_ended: ended.next.is_some(),
        stopped,
        paused: records.pauses().await?,
        decisions: worth_showing(records.decisions().await?),
        broken: readiness.into_iter().filter(|part| part.state.is_err()).collect(),
        spent: records.spent_by_runs_since(now.day_start(), load::MAX_SCAN).await?,
        rehearsed,
        now,
    })
}

/// What is worked on, finished or not meant to be worked on explains itself.
fn worth_showing(decisions: Vec<DecisionRow>) -> Vec<DecisionRow> {
    let shown = |row: &DecisionRow| match row.refusal {
        Refusal::Claimed { .. } | Refusal::Finishing { .. } | Refusal::NotActive { .. } | Refusal::NotDue => {
            false
        }
        Refusal::Withheld { .. }
        | Refusal::NoLabel { .. }
        | Refusal::NoSlot { .. }
        | Refusal::NoStateSlot { .. }
        | Refusal::NoSlotAnywhere { .. }
        | Refusal::NotItsShare { .. }
        | Refusal::Paused { .. }
        | Refusal::BadWorkflow { .. }
        | Refusal::GaveUp { .. }
        | Refusal::WasStopped { .. }
        | Refusal::Contained { .. }
        | Refusal::NotReady { .. } => true,
    };
    decisions.into_iter().filter(shown).take(MAX_DECISIONS).collect()
}

fn scopes(app: &App, open: &[RunSummary]) -> Vec<String> {
    let fleet = &app.fleet;
    std::iter::once("all".to_owned())
        .chain(fleet.projects.keys().map(|name| format!("project/{name}")))
        .chain(fleet.teams.keys().map(|name| format!("team/{name}")))
        .chain(fleet.agents.keys().map(|name| format!("agent/{name}")))
        .chain(open.iter().map(|run| format!("run/{}", run.id)))
        .collect()
}

fn at_work(run: &RunSummary) -> bool {
    matches!(run.phase.as_str(), "starting" | "working" | "collecting" | "landing")
}

/// `2 runs at work, 1 waits for review, nothing stopped; 0.42 USD today.`
fn sentence(view: &View) -> String {
    let authors = || view.open.iter().filter(|r| r.purpose == Purpose::Author);
    let working = view.open.iter().filter(|r| at_work(r)).count();
    let in_review = authors().filter(|r| r.phase == "in_review").count();
    let waiting = view.open.iter().filter(|r| r.phase == "waiting").count();
    let mut parts = vec![match working {
        0 => "Nothing at work".to_owned(),
        n => format!("{} at work", words::plural(n, "run")),
    }];
    if in_review > 0 {
        parts.push(format!("{in_review} in review"));
    }
    if waiting > 0 {
        parts.push(format!("{waiting} waiting"));
    }
    let blocked = view.open.iter().filter(|r| r.phase == "blocked").count();
    if blocked > 0 {
        parts.push(format!("{blocked} waiting for a person"));
    }
    if !view.paused.is_empty() {
        parts.push(format!("{} paused", words::plural(view.paused.len(), "project")));
    }
    parts.push(match view.stopped.len() {
        0 => "nothing stopped".to_owned(),
        n => format!("{} stopped", words::plural(n, "scope")),
    });
    let real = match view.spent.real.0 {
        0 => "nothing spent today".to_owned(),
        _ => format!("{} today", words::money(view.spent.real)),
    };
    let spent = match view.spent.rehearsed.0 {
        0 => real,
        _ => format!("{real}, {} rehearsed", words::money(view.spent.rehearsed)),
    };
    format!("{}; {spent}.", parts.join(", "))
}

fn body(view: &View, sentence: &str) -> Markup {
    let open = grouped(&view.open);
    let ended = grouped(&view.ended);
    let (work, wait): (Vec<_>, Vec<_>) =
        open.iter().partition(|g| at_work(g.run) || g.reviews.iter().any(|r| at_work(r)));
    html! {
        div.head {
            div {
                h1 { (sentence) }
                p.lead { "As of " (words::clock(view.now.into())) " UTC." @if view.rehearsed { " Runs marked REHEARSAL were answered by a rehearsal, not by a model." } }
            }
            (forms::stop_any(&view.scopes))
        }
        (problems(&view.broken))
        (stopped(&view.stopped, view.now))
        (paused(&view.paused, view.now))
        (section("At work", "at-work", &work, view.now, "No agent is at work. Runs start when a tracker shows an issue in an active state."))
        @if !wait.is_empty() { (section("Waiting", "waiting", &wait, view.now, "")) }
        (why_not(&view.decisions, view.now))
        (section("Ended", "ended", &ended.iter().collect::<Vec<_>>(), view.now, "No run has ended yet."))
        @if view.more_ended { p.pages { a href="/runs" { "All runs" } } }
    }
}

fn section(title: &str, id: &str, groups: &[&Group<'_>], now: Timestamp, empty: &str) -> Markup {
    html! {
        section id={ "section-" (id) } aria-labelledby={ "title-" (id) } {
            h2 id={ "title-" (id) } { (title) " " span.count { (groups.len()) } }
            @if groups.is_empty() { div.sheet.empty { (empty) } } @else { (table(id, groups, now)) }
        }
    }
}

fn problems(broken: &[Part]) -> Markup {
    html! {
        @for part in broken {
            @let grave = if part.name == KILL_PLANE { "bad" } else { "" };
            div.notice.(grave) role="alert" id={ "problem-" (part.name) } {
                b { (part.name.replace('_', " ")) ": " }
                @if let Err(what) = &part.state { (what) }
                @if part.name == KILL_PLANE { " Nothing is started while the kill plane is down." }
            }
        }
    }
}

fn stopped(containments: &[Containment], now: Timestamp) -> Markup {
    html! {
        @if !containments.is_empty() {
            section #section-stopped aria-labelledby="title-stopped" {
                h2 #title-stopped { "Stopped " span.count { (containments.len()) } }
                div.sheet { table.cards {
                    thead { tr { th scope="col" { "Scope" } th scope="col" { "Why" } th scope="col" { "By" } th.num scope="col" { "Since" } th.num scope="col" { span.visually-hidden { "Lift" } } } }
                    tbody { @for c in containments {
                        @let scope = c.order.scope.to_string();
                        tr id={ "stop-" (c.order.id) } {
                            th scope="row" { (words::tag(words::Tone::Bad, "stopped")) " " a.mono href={ "/orders/" (c.order.id) } { (scope) } }
                            td.grow.wide { (c.order.reason) }
                            td data-label="by" { (c.order.actor) }
                            td.num { (words::ago(c.order.given_at.into(), now)) }
                            td.num.wide { (forms::lift(&format!("lift-{}", c.order.id), &scope)) }
                        }
                    } }
                } }
            }
        }
    }
}

/// Nothing of it was stopped, so this is a notice and no alarm.
fn paused(pauses: &BTreeMap<ProjectName, Pause>, now: Timestamp) -> Markup {
    html! {
        @for (project, pause) in pauses {
            div.notice role="status" id={ "pause-" (project) } {
                b { (project) " starts no work: " }
                (pause.reason) " (" (pause.actor) ", " (words::ago(pause.at.into(), now)) "). "
                code { "seawall resume " (project) }
            }
        }
    }
}

fn why_not(decisions: &[DecisionRow], now: Timestamp) -> Markup {
    html! {
        @if !decisions.is_empty() {
            section #section-why aria-labelledby="title-why" {
                h2 #title-why { "Not being worked on " span.count { (decisions.len()) } }
                div.sheet { table.cards {
                    thead { tr { th scope="col" { "Issue" } th scope="col" { "Why not" } th scope="col" { "Project" } th.num scope="col" { "Decided" } } }
                    tbody { @for d in decisions {
                        tr {
                            th.issue.wide scope="row" { b { (d.names[1]) } " " (d.title) }
                            td.grow.wide {
                                @if d.refusal.passes() { (words::tag(words::Tone::Wait, "waits")) } @else { (words::tag(words::Tone::Calm, "held")) }
                                span.second { (words::sentence(&d.refusal.to_string())) }
                            }
                            td data-label="project" { (d.project) }
                            td.num { (words::ago(d.at.into(), now)) }
                        }
                    } }
                } }
            }
        }
    }
}
