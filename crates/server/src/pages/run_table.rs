//! Runs as rows: an author's run, and below it the reviews it caused.

use domain::Timestamp;
use domain::run::Purpose;
use maud::{Markup, html};
use wire::RunSummary;

use super::words;

/// An author's run with its reviews, or a review whose author is not on this page.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// The run.
    pub run: &'a RunSummary,
    /// Its reviews, oldest first.
    pub reviews: Vec<&'a RunSummary>,
}

/// Puts each review under the newest author's run of its issue that is not younger than it.
pub fn grouped(runs: &[RunSummary]) -> Vec<Group<'_>> {
    let (authors, reviews): (Vec<_>, Vec<_>) = runs.iter().partition(|r| r.purpose == Purpose::Author);
    let mut groups: Vec<Group<'_>> = authors.into_iter().map(|run| Group { run, reviews: vec![] }).collect();
    // Runs come newest first; reviews read better oldest first.
    for review in reviews.into_iter().rev() {
        let caused = |g: &&mut Group<'_>| {
            g.run.project == review.project
                && g.run.issue_id == review.issue_id
                && g.run.created_at <= review.created_at
        };
        match groups.iter_mut().find(caused) {
            Some(group) => group.reviews.push(review),
            None => groups.push(Group { run: review, reviews: vec![] }),
        }
    }
    groups
}

/// A table of groups.
pub fn table(id: &str, groups: &[&Group<'_>], now: Timestamp) -> Markup {
    html! {
        div.sheet id=(id) {
            table.cards {
                thead { tr {
                    th scope="col" { "Issue" }
                    th scope="col" { "Agent" }
                    th scope="col" { "Stands" }
                    th.num scope="col" { "Age" }
                    th.num scope="col" { "Turns" }
                    th.num scope="col" { "Tokens" }
                    th.num scope="col" { "Cost" }
                } }
                tbody {
                    @for group in groups {
                        (row(group.run, now))
                        @for review in &group.reviews { (sub_row(review, now)) }
                    }
                }
            }
        }
    }
}

fn row(run: &RunSummary, now: Timestamp) -> Markup {
    html! {
        tr id={ "run-" (run.id) } {
            th.issue.wide scope="row" {
                a href={ "/runs/" (run.id) } { (run.issue) } " "
                span.title { (run.title) }
                @if run.purpose == Purpose::Review { span.second { "review" } }
            }
            (cells(run, now))
        }
    }
}

fn sub_row(run: &RunSummary, now: Timestamp) -> Markup {
    html! {
        tr.sub id={ "run-" (run.id) } {
            th.issue.wide scope="row" { a href={ "/runs/" (run.id) } { "review for " (run.team) } }
            (cells(run, now))
        }
    }
}

fn cells(run: &RunSummary, now: Timestamp) -> Markup {
    let end = run.ended_at.map_or(now, |at| at.0);
    html! {
        td.tight { (run.agent) span.second { (run.team) } }
        td.grow.wide {
            (words::standing(run)) (words::rehearsal(run.spend.rehearsal))
            span.second { (run.line) @if run.open_findings > 0 { " · " (words::plural(run.open_findings, "open finding")) } }
        }
        td.num data-label="age" {
            @match run.ended_at {
                Some(at) => { (words::ago(at, now)) span.second { "took " (words::span(end.since(run.created_at.0).0)) } }
                None => { time datetime=(run.created_at) title={ "since " (words::full(run.created_at)) } { (words::span(end.since(run.created_at.0).0)) } }
            }
        }
        td.num data-label="turns" { (run.spend.calls) }
        td.num data-label="tokens" { (words::tokens(run.spend.tokens)) }
        td.num data-label="cost" { (words::money(run.spend.cost_micro_usd)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{author_run, review_run};
    use domain::run::Run;
    use wire::Spend;

    fn summary(mut run: Run, at: i64) -> RunSummary {
        run.created_at = Timestamp(at);
        RunSummary::of(&run, Spend::default())
    }

    #[test]
    fn a_review_stands_under_the_author_that_caused_it() {
        let runs = [
            summary(author_run("a2"), 50),
            summary(review_run("v2", "a1"), 30),
            summary(review_run("v1", "a1"), 20),
            summary(author_run("a1"), 10),
        ];
        let groups = grouped(&runs);
        let shape: Vec<(&str, Vec<&str>)> = groups
            .iter()
            .map(|g| (g.run.id.as_str(), g.reviews.iter().map(|r| r.id.as_str()).collect()))
            .collect();
        assert_eq!(shape, [("a2", vec![]), ("a1", vec!["v1", "v2"])]);
    }
}
