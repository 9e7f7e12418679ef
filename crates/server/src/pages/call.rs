//! `/calls/{id}`: one model request, down to what went over the wire.

use axum::extract::State;
use domain::Timestamp;
use domain::call::Call;
use maud::{Markup, html};

use super::Answer;
use super::layout::{Here, Page};
use super::words::{call_status, clock, count, money, rehearsal, span};
use crate::api::extract::Name;
use crate::app::App;
use crate::blobs;
use crate::error::ApiError;

/// Characters of one body shown on the page; the whole is one link away.
const MAX_ON_PAGE: usize = 200_000;

/// The call with its two bodies.
pub async fn show(State(app): State<App>, Name(id): Name) -> Answer {
    let call = app.records.call(&id).await?;
    let sent = read(&app, call.request_blob.as_deref()).await;
    let came = read(&app, call.response_blob.as_deref()).await;
    let run = app.records.run(call.identity.run.as_str()).await.ok();
    let issue = run.map(|row| row.run.issue.identifier);
    let body = html! {
        p.crumbs {
            a href="/" { "Fleet" } " / "
            a href={ "/runs/" (call.identity.run) } { @match &issue { Some(name) => (name), None => (call.identity.run) } }
            " / turn " (call.turn)
        }
        h1 { "Turn " (call.turn) " of attempt " (call.attempt) " " (call_status(call.status)) (rehearsal(call.rehearsal)) }
        p.lead { (call.asked) " by " (call.route) ", for " (call.identity.agent) }
        @if call.rehearsal { div.notice { "A rehearsal answered this call, not a model. Tokens and cost are those of the scenario." } }
        @if let Some(error) = &call.error { div.notice.bad { (error) } }
        (facts(&call))
        (section("Request", &call, "request", &sent))
        (section("Response", &call, "response", &came))
    };
    let title = format!("Call {}", call.id);
    Ok(Page { title: &title, here: Here::Fleet, feed: None, poll_ms: None }.render(&body))
}

async fn read(app: &App, blob: Option<&str>) -> Result<Option<blobs::Body>, ApiError> {
    match blob {
        Some(blob) => blobs::read(&app.blobs, blob).await.map(Some),
        None => Ok(None),
    }
}

fn facts(call: &Call) -> Markup {
    let after = |at: Option<Timestamp>| at.map_or("–".to_owned(), |at| span(at.since(call.started_at).0));
    html! {
        dl.facts.sheet {
            div { dt { "Began" } dd { (clock(call.started_at.into())) } }
            div { dt { "First byte" } dd { (after(call.first_byte_at)) } }
            div { dt { "In all" } dd { (after(call.ended_at)) } }
            div { dt { "Tokens in" } dd { (count(call.usage.input)) } }
            div { dt { "of it cached" } dd { (count(call.usage.cached)) } }
            div { dt { "Tokens out" } dd { (count(call.usage.output)) } }
            div { dt { "Cost" } dd { (money(call.cost)) } }
            div { dt { "Held at most" } dd { (money(call.reserved)) } }
            div { dt { "HTTP status" } dd { @if call.http_status == 0 { "–" } @else { (call.http_status) } } }
        }
    }
}

fn section(title: &str, call: &Call, kind: &str, body: &Result<Option<blobs::Body>, ApiError>) -> Markup {
    html! {
        h2 { (title) @if matches!(body, Ok(Some(_))) { a.soft href={ "/api/v1/calls/" (call.id) "/" (kind) } { "raw" } } }
        @match body {
            Ok(Some(body)) => {
                @let shown = pretty(&body.text);
                div.sheet { pre.raw tabindex="0" aria-label=(title) { (shown.text) } }
                @if shown.cut || body.truncated { p.soft { "Shortened here; the raw body has more." } }
            }
            Ok(None) => div.sheet.empty { "No body was kept." },
            Err(error) => div.sheet.empty { (error.message) },
        }
    }
}

struct Shown {
    text: String,
    cut: bool,
}

/// JSON as people read it; the data lines of an event stream one by one; anything else as it is.
fn pretty(text: &str) -> Shown {
    let mut shown = match laid_out(text) {
        Some(json) => json,
        None if text.starts_with("event:") || text.starts_with("data:") => stream(text),
        None => text.to_owned(),
    };
    let cut = shown.len() > MAX_ON_PAGE;
    shown.truncate(shown.floor_char_boundary(MAX_ON_PAGE));
    Shown { text: shown, cut }
}

/// Each event on its own paragraph, its data as JSON with line breaks.
fn stream(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&line.strip_prefix("data:").and_then(laid_out).unwrap_or_else(|| line.to_owned()));
        out.push('\n');
        if out.len() > 2 * MAX_ON_PAGE {
            break;
        }
    }
    out
}

/// Valid JSON with line breaks, its keys in the order they were sent; `None` for anything else.
fn laid_out(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
    let (mut out, mut depth, mut in_text, mut escaped, mut opened) =
        (String::new(), 0_usize, false, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    for letter in text.chars() {
        if in_text {
            in_text = letter != '"' || escaped;
            escaped = letter == '\\' && !escaped;
            out.push(letter);
            continue;
        }
        if letter.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(letter, '}' | ']');
        depth -= usize::from(closes);
        // Not between the brackets of an empty list or object.
        if closes != opened {
            line(&mut out, depth);
        }
        opened = matches!(letter, '{' | '[');
        depth += usize::from(opened);
        in_text = letter == '"';
        out.push(letter);
        match letter {
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_laid_out_and_streams_line_by_line() {
        assert_eq!(
            pretty(r#"{"b":[1,{}],"a": "{\"},"}"#).text,
            "{\n  \"b\": [\n    1,\n    {}\n  ],\n  \"a\": \"{\\\"},\"\n}"
        );
        assert_eq!(pretty("[]").text, "[]");
        assert_eq!(pretty("event: x\ndata: {\"a\":1}\n\n").text, "event: x\n{\n  \"a\": 1\n}\n\n");
        assert_eq!(pretty("plain").text, "plain");
    }

    #[test]
    fn a_long_body_is_cut_between_characters() {
        let shown = pretty(&"é".repeat(MAX_ON_PAGE));
        assert!(shown.cut && shown.text.len() <= MAX_ON_PAGE);
    }
}
