//! How things are said: times, amounts, phases and how they went.

use domain::call::{Status, Usage};
use domain::{MicroUsd, Timestamp};
use maud::{Markup, html};
use wire::{RunSummary, Time};

/// What a colour repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Goes on.
    Work,
    /// Went well.
    Good,
    /// Waits, or wants a person.
    Wait,
    /// Went wrong, or was stopped.
    Bad,
    /// Nothing to see.
    Calm,
}

impl Tone {
    /// The class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Good => "good",
            Self::Wait => "wait",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }
}

/// A word with its tone.
pub fn tag(tone: Tone, word: &str) -> Markup {
    html! { span.tag.(tone.class()) { (word) } }
}

/// The mark of what a rehearsal answered.
pub fn rehearsal(is: bool) -> Markup {
    html! { @if is { " " span.tag.rehearsal title="Answered by a rehearsal, not by a model: no real tokens, no real money" { "REHEARSAL" } } }
}

/// The word for where a run stands.
pub fn standing(run: &RunSummary) -> Markup {
    let (tone, word) = match run.outcome.as_deref() {
        Some("landed") => (Tone::Good, "landed"),
        Some("reviewed") => (Tone::Good, "reviewed"),
        Some("needs_person") => (Tone::Wait, "needs a person"),
        Some("failed") => (Tone::Bad, "failed"),
        Some("stopped") => (Tone::Bad, "stopped"),
        Some("cancelled") => (Tone::Calm, "cancelled"),
        Some("released") => (Tone::Calm, "released"),
        Some(_) => (Tone::Calm, "ended"),
        None => match run.phase.as_str() {
            "starting" => (Tone::Work, "starting"),
            "working" => (Tone::Work, "at work"),
            "collecting" => (Tone::Work, "collecting"),
            "landing" => (Tone::Work, "landing"),
            "in_review" => (Tone::Wait, "in review"),
            "waiting" => (Tone::Wait, "waiting"),
            "blocked" => (Tone::Wait, "needs a person"),
            _ => (Tone::Calm, "open"),
        },
    };
    tag(tone, word)
}

/// The word for how a call went.
pub fn call_status(status: Status) -> Markup {
    let tone = match status {
        Status::Open => Tone::Work,
        Status::Done => Tone::Good,
        Status::Failed | Status::Broken | Status::Cut => Tone::Bad,
        Status::Left => Tone::Wait,
    };
    tag(tone, status.name())
}

/// The tone of a kind of event.
pub fn event_tone(kind: &str, line: &str) -> Tone {
    match kind {
        "attempt_started" | "landing_started" => Tone::Work,
        "attempt_finished" | "finding_fixed" => Tone::Good,
        "attempt_failed" => Tone::Bad,
        "finding_raised" => Tone::Wait,
        "ended" if line.starts_with("landed") || line.starts_with("reviewed") => Tone::Good,
        "ended" if line.starts_with("needs a person") => Tone::Wait,
        "ended" if line.starts_with("cancelled") || line.starts_with("released") => Tone::Calm,
        "ended" => Tone::Bad,
        _ => Tone::Calm,
    }
}

/// How long ago, with the instant in its title.
pub fn ago(at: Time, now: Timestamp) -> Markup {
    let text = match now.since(at.0).0 {
        0..1_000 => "just now".to_owned(),
        ms @ 1_000..60_000 => format!("{} s ago", ms / 1_000),
        ms => format!("{} ago", span(coarse(ms))),
    };
    html! { time datetime=(at) title=(full(at)) { (text) } }
}

/// Without the smaller unit, which nobody needs of the past.
fn coarse(ms: u64) -> u64 {
    const UNITS: [u64; 2] = [3_600_000, 60_000];
    UNITS
        .into_iter()
        .find(|unit| ms >= 10 * unit || (ms >= *unit && *unit < 3_600_000))
        .map_or(ms, |unit| ms / unit * unit)
}

/// The time of day, with the instant in its title.
pub fn clock(at: Time) -> Markup {
    let text = at.to_string();
    html! { time datetime=(text) title=(full(at)) { (text.get(11..19).unwrap_or(&text)) } }
}

/// An instant in full, for people: `2026-11-20 11:43:09 UTC`.
pub fn full(at: Time) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// A span of time in the two units that matter: `340 ms`, `12 s`, `3 min`, `2 h 5 min`, `4 d`.
pub fn span(ms: u64) -> String {
    let (s, min, h) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", s, ms % 1_000 / 100),
        10_000..60_000 => format!("{s} s"),
        60_000..600_000 if s % 60 != 0 => format!("{min} min {} s", s % 60),
        60_000..3_600_000 => format!("{min} min"),
        3_600_000..86_400_000 if min % 60 != 0 => format!("{h} h {} min", min % 60),
        3_600_000..86_400_000 => format!("{h} h"),
        _ => format!("{} d", h / 24),
    }
}

/// Money for people: cents, or as many places as it takes to see a small amount.
pub fn money(amount: MicroUsd) -> String {
    match amount.0 {
        0 => "0".to_owned(),
        micros if micros < 10_000 => format!("{:.4} USD", micros as f64 / 1e6),
        micros => {
            let cents = micros.saturating_add(5_000) / 10_000;
            format!("{}.{:02} USD", cents / 100, cents % 100)
        }
    }
}

/// A number of tokens: `812`, `12.4 k`, `3.1 M`.
pub fn count(tokens: u64) -> String {
    match tokens {
        0..10_000 => tokens.to_string(),
        10_000..1_000_000 => format!("{}.{} k", tokens / 1_000, tokens % 1_000 / 100),
        _ => format!("{}.{} M", tokens / 1_000_000, tokens % 1_000_000 / 100_000),
    }
}

/// Tokens sent and generated in one cell, with the rest in its title.
pub fn tokens(usage: Usage) -> Markup {
    let title = format!(
        "{} in, of it {} cached; {} out, of it {} reasoning",
        usage.input, usage.cached, usage.output, usage.reasoning
    );
    html! { span title=(title) { (count(usage.input.saturating_add(usage.output))) } }
}

/// `1 run`, `2 runs`.
pub fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// The text as a sentence: a capital first, a stop last.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) || text.is_empty() { "" } else { "." };
    format!("{first}{}{stop}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_said_in_units_that_fit() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (120_000, "2 min"),
            (3_599_999, "59 min"),
            (7_500_000, "2 h 5 min"),
            (7_200_000, "2 h"),
            (90_000_000, "1 d"),
        ] {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn small_money_is_not_rounded_to_nothing() {
        for (micros, text) in [
            (0, "0"),
            (150, "0.0001 USD"),
            (420_000, "0.42 USD"),
            (12_345_678, "12.35 USD"),
            (10_600, "0.01 USD"),
            (19_157, "0.02 USD"),
        ] {
            assert_eq!(money(MicroUsd(micros)), text);
        }
    }
}
