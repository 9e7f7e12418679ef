use super::*;
use proptest::prelude::*;

const STREAM: &str = "\u{feff}event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\r\n\r\n\
    : a comment\n\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"say \\\"response.completed\\\"\"}\n\n\
    event: response.completed\rdata: {\"type\":\"response.completed\",\rdata: \"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":9,\
    \"input_tokens_details\":{\"cached_tokens\":4},\"output_tokens\":2,\"output_tokens_details\":{\"reasoning_tokens\":1}}}}\r\r";

fn events() -> Tap {
    Tap { mode: Mode::Events(Lines::new(MAX_READ_BYTES)), report: Report::default() }
}

fn read(text: &str) -> Report {
    let mut tap = events();
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
    let mut tap = Tap { mode: Mode::Document(Vec::new()), report: Report::default() };
    tap.feed(br#"{"id":"r","status":"completed","usage":{"input_tokens":1,"#);
    tap.feed(br#""output_tokens":2}}"#);
    assert_eq!(tap.report(), &Report::default());
    tap.end();
    assert_eq!(tap.report().usage, Some(Usage { input: 1, output: 2, ..Usage::default() }));
}

proptest! {
    #[test]
    fn any_split_into_chunks_reads_the_same(mut cuts in prop::collection::vec(0..STREAM.len(), 0..40)) {
        cuts.extend([0, STREAM.len()]);
        cuts.sort_unstable();
        let mut tap = events();
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
