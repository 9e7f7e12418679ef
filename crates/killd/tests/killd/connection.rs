//! What a connection may and may not do to the others.

use std::os::unix::fs::PermissionsExt;

use killd::client::{Client, Error};
use killd::protocol::{MAX_REQUEST_BYTES, Registration};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::house::{Cage, House, order};

async fn say(house: &House, line: &str) -> String {
    let mut stream = BufReader::new(UnixStream::connect(house.socket()).await.unwrap());
    stream.write_all(line.as_bytes()).await.unwrap();
    stream.write_all(b"\n").await.unwrap();
    let mut answer = String::new();
    stream.read_line(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn lines_that_are_no_request_are_answered_and_harm_nobody() {
    let house = House::start().await;
    for (line, id, expect) in [
        ("nonsense", 0, "not a request"),
        (r#"{"id":5,"op":"fly"}"#, 5, "not a request"),
        (&"x".repeat(MAX_REQUEST_BYTES + 1), 0, "too long"),
    ] {
        let answer = say(&house, line).await;
        assert!(answer.starts_with(&format!("{{\"id\":{id},\"answer\":\"error\"")), "{answer}");
        assert!(answer.contains(expect), "{answer}");
    }
    assert!(say(&house, r#"{"id":9,"op":"status"}"#).await.starts_with(r#"{"id":9,"answer":"status""#));
}

#[tokio::test]
async fn a_client_that_never_reads_holds_up_nobody() {
    let house = House::start().await;
    let mut deaf = UnixStream::connect(house.socket()).await.unwrap();
    let flood = r#"{"id":1,"op":"status"}"#.to_owned() + "\n";
    // Written until the kill plane stops reading from it.
    let writing = async { while deaf.write_all(flood.as_bytes()).await.is_ok() {} };
    let stopping = async { house.connect().await.stop(order("o", "all", 1)).await.unwrap() };
    tokio::select! {
        () = writing => panic!("the flood was cut"),
        receipt = stopping => assert!(receipt.tombstoned),
    }
}

#[tokio::test]
async fn only_a_supervisor_may_register() {
    let Some(cage) = Cage::new("only_a_supervisor_may_register") else { return };
    let house = House::start().await;
    let client = house.connect().await;
    assert!(matches!(client.register(cage.registration("r", 1)).await, Err(Error::Failed { .. })));
    client.supervise("test").await.unwrap();
    client.register(cage.registration("r", 1)).await.unwrap();
}

#[tokio::test]
async fn a_directory_that_is_no_group_cannot_be_registered() {
    let house = House::start().await;
    let supervisor = house.supervisor().await;
    let kill_dir = Some(house.dir.path().to_owned());
    let registration = Registration { run: "r".into(), fence: 1, kill_dir, ..Registration::default() };
    let refused = supervisor.register(registration).await.unwrap_err();
    assert!(refused.to_string().contains("not a cgroup v2 directory"), "{refused}");
    let empty = Registration { run: "r".into(), fence: 1, ..Registration::default() };
    assert!(supervisor.register(empty).await.unwrap_err().to_string().contains("kill_dir or pid"));
}

#[tokio::test]
async fn the_socket_is_private_and_an_absent_one_says_what_to_do() {
    let house = House::start().await;
    assert_eq!(std::fs::metadata(house.socket()).unwrap().permissions().mode() & 0o777, 0o600);
    let error = Client::connect(&house.dir.path().join("none")).await.unwrap_err();
    assert!(error.to_string().contains("start it"), "{error}");
}

#[tokio::test]
async fn calls_of_clones_find_their_own_answers() {
    let house = House::start().await;
    let client = house.connect().await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..100 {
        let client = client.clone();
        calls.spawn(async move {
            let scope = format!("team/{number}");
            client.stop(order(&scope, &scope, 1)).await.unwrap();
            client.check(std::slice::from_ref(&scope)).await.unwrap().unwrap().order == scope
        });
    }
    assert!(calls.join_all().await.into_iter().all(|own| own));
}
