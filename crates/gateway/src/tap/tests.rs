use super::*;
use proptest::prelude::*;

const STREAM: &str = "\u{feff}event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\r\n\r\n\
    : a comment\n\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"say \\\"response.completed\\\"\"}\n\n\
    event: response.completed\rdata: {\"type\":\"response.completed\",\rdata: \"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":9,\
    \"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1}}}}\r\r";

fn events(protocol: Protocol) -> Tap {
    tap("text/event-stream", protocol)
}

fn tap(kind: &'static str, protocol: Protocol) -> Tap {
    Tap::on(&[(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect(), protocol)
}

fn read(text: &str) -> Report {
    read_as(text, Protocol::Responses)
}

fn read_as(text: &str, protocol: Protocol) -> Report {
    let mut tap = events(protocol);
    tap.feed(text.as_bytes());
    tap.end();
    tap.report().clone()
}

#[test]
fn the_last_event_tells_usage_and_id() {
    let report = read(STREAM);
    let usage = Usage { input: 9, cached: 4, cache_write: 0, output: 2, reasoning: 1 };
    assert_eq!((report.usage, report.provider_id.as_deref()), (Some(usage), Some("resp_1")));
    assert!(report.whole && report.error.is_none());
}

#[test]
fn an_event_without_its_blank_line_does_not_count() {
    assert!(!read(STREAM.trim_end()).whole);
}

#[test]
fn failures_tell_their_code_and_nothing_else() {
    for (data, code) in [
        (
            r#"{"type":"response.failed","response":{"error":{"code":"server_error","message":"sk-1"}}}"#,
            "server_error",
        ),
        (
            r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#,
            "max_output_tokens",
        ),
        (r#"{"type":"error","code":"rate_limit_exceeded","message":"sk-1"}"#, "rate_limit_exceeded"),
        (r#"{"type":"error","error":{"type":"server_error"}}"#, "server_error"),
        (r#"{"type":"error","code":"has spaces sk-1"}"#, "error"),
    ] {
        let report = read(&format!("data: {data}\n\n"));
        assert_eq!((report.error.as_deref(), report.whole), (Some(code), true), "{data}");
    }
}

#[test]
fn an_overlong_event_is_dropped_and_the_next_one_read() {
    let mut lines = Lines::new(8);
    let mut seen = Vec::new();
    for chunk in ["data: 1", "2345", "6789\nmore\n\n", "data: x\n\n"] {
        lines.feed(chunk.as_bytes(), |data| seen.push(String::from_utf8_lossy(data).into_owned()));
    }
    assert_eq!(seen, ["x"]);
}

#[test]
fn a_document_is_read_at_its_end() {
    let mut tap = tap("application/json", Protocol::Responses);
    tap.feed(br#"{"id":"r","status":"completed","usage":{"input_tokens":1,"#);
    tap.feed(br#""output_tokens":2}}"#);
    assert_eq!(tap.report(), &Report::default());
    tap.end();
    assert_eq!(tap.report().usage, Some(Usage { input: 1, output: 2, ..Usage::default() }));
}

const MESSAGE: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":\
    {\"input_tokens\":10,\"cache_read_input_tokens\":200,\"cache_creation_input_tokens\":30,\"output_tokens\":1}}}\n\n\
    event: ping\ndata: {\"type\":\"ping\"}\n\n\
    event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"\\\"message_stop\\\"\"}}\n\n";
const DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\
    \"usage\":{\"input_tokens\":null,\"output_tokens\":42,\"output_tokens_details\":{\"thinking_tokens\":7}}}\n\n";
const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

#[test]
fn the_input_of_a_message_includes_what_was_cached() {
    let report = read_as(&[MESSAGE, DELTA, STOP].concat(), Protocol::Messages);
    let usage = Usage { input: 240, cached: 200, cache_write: 30, output: 42, reasoning: 7 };
    assert_eq!((report.usage, report.provider_id.as_deref()), (Some(usage), Some("msg_1")));
    assert!(report.whole && report.error.is_none());
}

#[test]
fn later_counts_of_a_message_replace_earlier_ones() {
    let more = DELTA.replace("\"input_tokens\":null", "\"input_tokens\":11,\"cache_read_input_tokens\":0");
    let report = read_as(&[MESSAGE, &more, STOP].concat(), Protocol::Messages);
    let usage = Usage { input: 41, cached: 0, cache_write: 30, output: 42, reasoning: 7 };
    assert_eq!(report.usage, Some(usage));
}

#[test]
fn a_message_that_breaks_before_its_output_is_counted_has_no_usage() {
    let counted = DELTA.replace("\"end_turn\"", "null");
    for text in [MESSAGE.to_owned(), [MESSAGE, &counted].concat(), [MESSAGE, STOP].concat()] {
        assert_eq!(read_as(&text, Protocol::Messages).usage, None, "{text}");
    }
    assert!(read_as(&[MESSAGE, DELTA].concat(), Protocol::Messages).usage.is_some());
}

#[test]
fn a_message_is_whole_with_its_last_event_only() {
    assert!(!read_as(&[MESSAGE, DELTA].concat(), Protocol::Messages).whole);
    let error = r#"data: {"type":"error","error":{"type":"overloaded_error","message":"sk-1"}}"#;
    let report = read_as(&format!("{MESSAGE}{error}\n\n"), Protocol::Messages);
    assert_eq!((report.whole, report.error.as_deref(), report.usage), (true, Some("overloaded_error"), None));
}

#[test]
fn documents_of_the_messages_api_tell_usage_or_error_or_neither() {
    let message = r#"{"id":"msg_1","type":"message","usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":4}}"#;
    let usage = Usage { input: 5, cached: 2, output: 4, ..Usage::default() };
    let error =
        r#"{"type":"error","error":{"type":"not_found_error","message":"sk-1"},"request_id":"req_1"}"#;
    for (text, usage, code) in [
        (message, Some(usage), None),
        (error, None, Some("not_found_error")),
        (r#"{"input_tokens":9}"#, None, None),
    ] {
        let mut tap = tap("application/json", Protocol::Messages);
        tap.feed(text.as_bytes());
        tap.end();
        assert_eq!((tap.report().usage, tap.report().error.as_deref()), (usage, code), "{text}");
    }
}

proptest! {
    #[test]
    fn no_message_panics_and_none_costs_what_it_did_not_say(numbers in prop::collection::vec(prop::option::of(any::<u64>()), 5)) {
        let text = |at: usize| numbers[at].map_or("null".to_owned(), |number: u64| number.to_string());
        let start = format!("data: {{\"type\":\"message_start\",\"message\":{{\"usage\":{{\"input_tokens\":{},\
            \"cache_read_input_tokens\":{},\"cache_creation_input_tokens\":{},\"output_tokens\":{}}}}}}}\n\n", text(0), text(1), text(2), text(3));
        let delta = DELTA.replace("42", &text(4));
        let report = read_as(&[&start, &delta, STOP].concat(), Protocol::Messages);
        prop_assert_eq!(report.usage.is_some(), numbers[0].is_some() && numbers[4].is_some());
        if let Some(usage) = report.usage {
            prop_assert!(usage.input >= usage.cached && usage.input >= usage.cache_write);
        }
    }

    #[test]
    fn any_split_into_chunks_reads_the_same(mut cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
        cuts.extend([0, STREAM.len()]);
        cuts.sort_unstable();
        let mut tap = events(Protocol::Responses);
        for pair in cuts.windows(2) {
            tap.feed(&STREAM.as_bytes()[pair[0]..pair[1]]);
        }
        prop_assert_eq!(tap.report(), &read(STREAM));
    }

    #[test]
    fn garbage_never_panics_and_never_grows(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64)) {
        let mut lines = Lines::new(32);
        for chunk in &chunks {
            lines.feed(chunk, |data| assert!(data.len() <= 32));
        }
    }
}
