//! What reviewers raised, what it rests on, and what became of it.

use domain::review::{Disposition, Finding, Priority};
use maud::{Markup, html};

use crate::pages::words::{Tone, tag};

/// The findings of a run, the open ones first, then the worst.
pub fn section(findings: &[Finding]) -> Markup {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|f| (!f.holds_up(), f.raised.priority));
    let open = sorted.iter().filter(|f| f.holds_up()).count();
    html! { @if !sorted.is_empty() { section #section-findings {
        h2 { "Findings " span.count { (sorted.len()) @if open > 0 { ", " (open) " open" } } }
        div.sheet { @for finding in sorted { (one(finding)) } }
    } } }
}

fn one(finding: &Finding) -> Markup {
    html! {
        article.finding id={ "finding-" (finding.id) } {
            header {
                (priority(finding.raised.priority))
                h3 { (finding.raised.title) }
                (disposition(&finding.disposition))
            }
            @if !finding.raised.body.is_empty() { p.body { (finding.raised.body) } }
            dl {
                dt { "Raised" } dd { "by " (finding.team) " in round " (finding.round) " on " span.mono title=(finding.head) { (finding.head.short()) } }
                @if let Some(place) = &finding.raised.place { dt { "Where" } dd.mono { (place) } }
                @if !finding.raised.cites.is_empty() {
                    dt { "Cites" }
                    dd { @for cite in &finding.raised.cites { div.mono { (cite) } } }
                }
            }
        }
    }
}

fn priority(priority: Priority) -> Markup {
    let tone = match priority {
        Priority::P1 => Tone::Bad,
        Priority::P2 => Tone::Wait,
        Priority::P3 => Tone::Calm,
    };
    tag(tone, priority.name())
}

fn disposition(disposition: &Disposition) -> Markup {
    match disposition {
        Disposition::Open => tag(Tone::Wait, "open"),
        Disposition::Fixed { head } => tag(Tone::Good, &format!("fixed by {}", head.short())),
        Disposition::Deferred => tag(Tone::Calm, "deferred"),
    }
}
