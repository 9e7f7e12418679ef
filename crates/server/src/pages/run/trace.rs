//! The trace as a tree with bars: what took how long, and what was part of what.

use domain::Timestamp;
use maud::{Markup, html};
use wire::{Span, SpanKind, Trace};

use crate::pages::words::{count, money, span};
use crate::trace::depths;

/// Spans drawn on the page; the API has them all.
const MAX_DRAWN: usize = 400;
/// Deeper spans are not indented further.
const MAX_DEPTH: usize = 6;
/// A bar that would be too thin to see gets this many percent.
const THINNEST: f64 = 0.4;

/// The tree.
pub fn section(trace: &Trace, now: Timestamp) -> Markup {
    let depths = depths(&trace.spans);
    let window = Window::of(&trace.spans, now);
    let more = trace.truncated || trace.spans.len() > MAX_DRAWN;
    html! { section #section-trace {
        h2 { "Trace " span.count { (trace.spans.len()) " spans over " (span(window.length_ms())) } }
        div.sheet.scroll { table.trace {
            thead { tr { th scope="col" { "Span" } th.lane scope="col" { "When" } th.num scope="col" { "Took" } th.num scope="col" { "Tokens" } th.num scope="col" { "Cost" } th scope="col" { "Status" } } }
            tbody { @for (span, depth) in trace.spans.iter().zip(depths).take(MAX_DRAWN) { (row(span, depth, &window)) } }
        } }
        @if more { p.soft { "Only the first " (MAX_DRAWN) " are drawn; " a href={ "/api/v1/runs/" (trace.run) "/trace" } { "the API has more" } "." } }
    } }
}

struct Window {
    start: Timestamp,
    end: Timestamp,
}

impl Window {
    fn of(spans: &[Span], now: Timestamp) -> Self {
        let start = spans.iter().map(|s| s.start.0).min().unwrap_or(now);
        let end = spans.iter().map(|s| s.end.map_or(now, |e| e.0)).max().unwrap_or(now);
        Self { start, end: end.max(start) }
    }

    fn length_ms(&self) -> u64 {
        self.end.since(self.start).0
    }

    /// Where a bar begins and how long it is, in percent of the lane.
    fn bar(&self, span: &Span) -> (f64, f64) {
        let whole = (self.end.0 - self.start.0).max(1) as f64;
        let percent = |at: Timestamp| ((at.0 - self.start.0) as f64 / whole * 100.0).clamp(0.0, 100.0);
        let from = percent(span.start.0).min(100.0 - THINNEST);
        let to = percent(span.end.map_or(self.end, |end| end.0));
        (from, (to - from).max(THINNEST))
    }
}

fn row(one: &Span, depth: usize, window: &Window) -> Markup {
    let kind = match one.kind {
        SpanKind::Run => "run",
        SpanKind::Attempt => "attempt",
        SpanKind::Turn | SpanKind::Call => "turn",
        SpanKind::Tool => "tool",
    };
    let bad = if matches!(one.status.as_str(), "failed" | "broken" | "cut" | "stopped") { "bad" } else { "" };
    let (x, width) = window.bar(one);
    let tokens = one.tokens.filter(|t| t.input + t.output > 0);
    html! {
        tr.(kind).(bad) id={ "span-" (one.id) } {
            td.name.{ "d" (depth.min(MAX_DEPTH)) } title={ (kind) " " (one.id) } {
                @match one.kind {
                    SpanKind::Run => a href={ "/runs/" (one.id) } { (one.name) },
                    SpanKind::Call => { a href={ "/calls/" (one.id) } { "turn " (one.attributes.get("turn").map_or("", String::as_str)) } " " span.soft { (one.name) } },
                    SpanKind::Tool => span.mono { (one.name) },
                    SpanKind::Attempt | SpanKind::Turn => (one.name),
                }
            }
            td.lane { svg aria-hidden="true" { rect x={ (format!("{x:.2}")) "%" } width={ (format!("{width:.2}")) "%" } height="100%" rx="2" {} } }
            td.num { @match one.lasted_ms() { Some(0) => "–", Some(ms) => (span(ms)), None => "goes on" } }
            td.num { @if let Some(t) = tokens { (count(t.input + t.output)) } }
            td.num { @if let Some(cost) = one.cost_micro_usd.filter(|c| c.0 > 0) { (money(cost)) } }
            td.tight { (one.status.replace('_', " ")) }
        }
    }
}
