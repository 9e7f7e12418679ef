//! The client against a server that says exactly what a test wants, byte by byte.

use super::*;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Answers one connection with `answer`, then closes it; gives the address and the head of what was asked.
async fn answering(answer: impl Into<Vec<u8>>) -> (String, oneshot::Receiver<String>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, asked) = oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.windows(4).any(|w| w == b"\r\n\r\n") {
            let mut some = [0; 1024];
            let count = stream.read(&mut some).await.unwrap();
            head.extend_from_slice(&some[..count]);
        }
        tell.send(String::from_utf8(head).unwrap()).unwrap();
        let _ = stream.write_all(&answer).await;
    });
    (address, asked)
}

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn a_request_carries_the_secret_and_escapes_what_people_type() {
    let (address, asked) =
        answering(json("200 OK", r#"{"issue":"a b","verdict":"unknown","lines":["no tracker knows it"]}"#))
            .await;
    let why = Client::new(address, Some("s3cret".into())).why("a b/../x").await.unwrap();
    assert_eq!(why.lines, ["no tracker knows it"]);
    let asked = asked.await.unwrap();
    assert!(asked.starts_with("GET /api/v1/why/a%20b%2F..%2Fx HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("authorization: Bearer s3cret\r\n"), "{asked}");
}

#[tokio::test]
async fn an_error_of_the_server_keeps_its_hint() {
    let body = r#"{"error":{"code":"not_found","message":"no run `r9`","hint":"see `seawall runs`"}}"#;
    let (address, _asked) = answering(json("404 Not Found", body)).await;
    let error = Client::new(address, None).run("r9").await.unwrap_err();
    assert_eq!(error.to_string(), "no run `r9`");
    assert_eq!(error.hint(), Some("see `seawall runs`"));
    assert!(!error.is_dead_door());
}

#[tokio::test]
async fn a_wrong_secret_names_the_way_to_the_right_one_and_never_itself() {
    let (address, _asked) = answering(json("401 Unauthorized", "gone")).await;
    let error = Client::new(address, Some("s3cret".into())).budgets().await.unwrap_err();
    assert!(error.hint().unwrap().contains("SEAWALL_CONTROL_SECRET"));
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn nobody_there_is_a_dead_door() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error = Client::new(&address, None).state().await.unwrap_err();
    assert!(error.is_dead_door());
    assert_eq!(error.to_string(), format!("cannot reach the control door at {address}"));
}

#[tokio::test]
async fn a_door_that_accepts_and_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let before = Instant::now();
    let patience = Duration::from_millis(50);
    let error = Client::new(address, None).with_answer_timeout(patience).state().await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { after_ms: 50, .. }), "{error}");
    assert!(before.elapsed() < Duration::from_secs(5));
    drop(listener);
}

#[tokio::test]
async fn what_does_not_speak_http_is_a_dead_door() {
    let (address, _asked) = answering("SSH-2.0-OpenSSH_9.2\r\n").await;
    assert!(Client::new(address, None).state().await.unwrap_err().is_dead_door());
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let endless = vec![b' '; MAX_ANSWER_BYTES_AND_SOME];
    let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    answer.extend(endless);
    let (address, _asked) = answering(answer).await;
    let error = Client::new(address, None).state().await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

const MAX_ANSWER_BYTES_AND_SOME: usize = crate::MAX_ANSWER_BYTES + 1024;

#[tokio::test]
async fn the_feed_gives_events_one_by_one_and_resumes_where_asked() {
    let event = |seq: u64| {
        format!(
            "id: {seq}\nevent: claimed\ndata: {{\"seq\":{seq},\"at\":\"2026-01-01T00:00:00Z\",\"run\":\"r1\",\ndata: \"kind\":\"claimed\",\"line\":\"x\"}}\n\n"
        )
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let (address, asked) = answering(format!("{head}: hello\n\n{}:\n\n{}", event(7), event(8))).await;
    let mut feed = Client::new(address, None).events(Some(6)).await.unwrap();
    assert_eq!(feed.next().await.unwrap().unwrap().seq, 7);
    assert_eq!(feed.next().await.unwrap().unwrap().seq, 8);
    assert!(feed.next().await.unwrap().is_none());
    assert!(asked.await.unwrap().contains("last-event-id: 6\r\n"));
}
