//! What the door answers: pages, lists, orders, the feed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

mod house;
mod seed;

use axum::http::{Method, StatusCode};
use domain::Timestamp;
use domain::containment::Scope;
use domain::event::Event;
use domain::run::{Outcome, Phase};
use house::{House, SECRET};
use seed::story::Story;
use server::Server;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use wire::{OrderRequest, Page, RunState, RunSummary};

const FORM: &str = "application/x-www-form-urlencoded";
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn hostile_text_is_shown_and_never_run() {
    let house = House::open().await;
    for path in ["/", "/runs", "/runs/7q0m4y00hostile0", "/calls/7q0m4zt2k9landed-002"] {
        let page = house.get(path).bearer().send().await.body;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}");
        assert!(page.contains("&lt;script&gt;alert("), "{path} does not show the text at all");
    }
    let raw = house.get("/api/v1/calls/7q0m4zt2k9landed-002/response").bearer().send().await;
    assert_eq!(raw.header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn the_fleet_says_in_one_sentence_how_things_stand() {
    let house = House::open().await;
    let page = house.get("/").bearer().send().await.body;
    assert!(
        page.contains("<h1>2 runs at work, 1 in review, 1 waiting, 2 scopes stopped; 0.08 USD today, 0.25 USD rehearsed.</h1>"),
        "{page}"
    );
    assert!(page.contains("REHEARSAL") && page.contains("All 3 slot(s) of the project are taken."));
}

#[tokio::test]
async fn a_run_shows_its_finding_with_what_it_cites_and_what_became_of_it() {
    let house = House::open().await;
    let page = house.get("/runs/7q0m4zt2k9landed").bearer().send().await.body;
    for text in [
        "Rounding after tax repeats INC-2031",
        "teams/payments/incidents/INC-2031.md:12-19@1b1b1b1b1b",
        "fixed by 9f9f9f9f9f",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("Stop this run"), "an ended run cannot be stopped");
    assert!(house.get("/runs/7q0m53d5c7atwork").bearer().send().await.body.contains("Stop this run"));
}

#[tokio::test]
async fn paging_shows_every_run_once() {
    let house = House::open().await;
    for (state, expect) in [(RunState::All, 12), (RunState::Ended, 8), (RunState::Open, 4)] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/runs?state={}&limit=2{cursor}", state.name());
            let page: Page<RunSummary> =
                serde_json::from_str(&house.get(&path).bearer().send().await.body).unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items.into_iter().map(|run| run.id.to_string()));
            let Some(next) = page.next else { break };
            cursor = format!("&cursor={next}");
        }
        let total = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), total), (expect, expect), "{state:?}");
    }
}

#[tokio::test]
async fn an_order_is_given_shown_and_lifted() {
    let house = House::open().await;
    let asked = |reason: &str, dry_run| {
        let scope = Scope::Run("7q0m53d5c7atwork".into());
        serde_json::to_string(&OrderRequest {
            scope,
            mode: Default::default(),
            reason: reason.into(),
            dry_run,
        })
        .unwrap()
    };
    let post =
        |body: String| house.request(Method::POST, "/api/v1/orders").bearer().body("application/json", &body);
    assert_eq!(post(asked("  ", false)).send().await.status, StatusCode::BAD_REQUEST);
    let preview = post(asked("", true)).send().await;
    assert_eq!(preview.json()["runs"][0]["id"], "7q0m53d5c7atwork");
    let given = post(asked("it loops", false)).send().await;
    assert_eq!((given.status, given.json()["verdict"].as_str()), (StatusCode::ACCEPTED, Some("PARTIAL")));
    let id = given.json()["id"].as_str().unwrap().to_owned();
    let page = house.get(&format!("/orders/{id}")).bearer().send().await.body;
    assert!(
        page.contains("data-poll") && page.contains("asked, not proven yet"),
        "live until every layer answered"
    );
    let lift = || {
        house
            .request(Method::POST, "/api/v1/lifts")
            .bearer()
            .body("application/json", r#"{"scope":"run/7q0m53d5c7atwork","reason":"mended"}"#)
    };
    assert_eq!(lift().send().await.status, StatusCode::OK);
    assert_eq!(lift().send().await.json()["error"]["code"], "not_stopped");
}

#[tokio::test]
async fn the_form_gives_the_order_as_the_session_and_leads_to_its_receipts() {
    let house = House::open().await;
    let cookie = house.log_in().await;
    let post = |body: &str| {
        house.request(Method::POST, "/orders").header("cookie", &cookie).own_origin().body(FORM, body)
    };
    let answer = post("scope=team%2Fweb&mode=soft&reason=They+asked").send().await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/orders/o003"));
    let given = house.control.given.lock().unwrap().last().cloned().unwrap();
    assert_eq!((given.actor.as_str(), given.reason.as_str()), ("dashboard", "They asked"));
    for wrong in ["scope=nonsense&reason=x", "scope=all&reason=++"] {
        assert_eq!(post(wrong).send().await.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[test]
fn a_snapshot_that_the_store_does_not_answer_in_time_is_said_and_the_next_one_is_served() {
    // The store reads on the runtime's threads for blocking work; this one has a single such thread.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let house = House::open().await;
        let snapshot = || house.get("/api/v1/state").bearer().send();
        let (free, waits) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || waits.recv());
        tokio::time::pause();
        let (late, ()) = tokio::join!(snapshot(), tokio::time::advance(Duration::from_secs(6)));
        tokio::time::resume();
        let code = late.json()["error"]["code"].as_str().map(str::to_owned);
        assert_eq!((late.status, code.as_deref()), (StatusCode::GATEWAY_TIMEOUT, Some("snapshot_timeout")));
        drop(free);
        busy.await.unwrap().unwrap_err();
        assert_eq!(snapshot().await.status, StatusCode::OK);
    });
}

/// A served house and its address.
async fn served(house: &House) -> (String, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ending = CancellationToken::new();
    let server = Server::new(house.state.clone());
    let task = tokio::spawn(server.serve(listener, ending.clone()));
    (address, ending, task)
}

struct Feed {
    lines: tokio::io::Lines<BufReader<TcpStream>>,
    status: String,
}

impl Feed {
    async fn open(address: &str, last: &str) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET /api/v1/events HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {SECRET}\r\nlast-event-id: {last}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await.unwrap().unwrap();
        Self { lines, status }
    }

    /// The next event's id and data; `None` at the end.
    async fn next(&mut self) -> Option<(String, serde_json::Value)> {
        let (mut id, mut data) = (None, None);
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.next_line())
                .await
                .expect("nothing came")
                .ok()??;
            if let Some(text) = line.strip_prefix("id: ") {
                id = Some(text.to_owned());
            } else if let Some(text) = line.strip_prefix("data: ") {
                data = serde_json::from_str(text).ok();
            }
            if let (Some(id), Some(data)) = (&id, &data) {
                return Some((id.clone(), serde_json::Value::clone(data)));
            }
        }
    }
}

#[tokio::test]
async fn a_feed_resumes_after_the_last_event_and_then_follows() {
    let house = House::open().await;
    let (address, _ending, _task) = served(&house).await;
    let mut feed = Feed::open(&address, "0-0").await;
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(feed.next().await.unwrap());
    }
    let mut resumed = Feed::open(&address, &seen[2].0).await;
    assert_eq!(
        [resumed.next().await.unwrap(), resumed.next().await.unwrap()],
        [seen[3].clone(), seen[4].clone()]
    );
    let number = seen[2].1["seq"].to_string();
    assert_eq!(Feed::open(&address, &number).await.next().await.unwrap(), seen[3]);
    let newest = house.store.newest_event().await.unwrap().to_string();
    let mut live = Feed::open(&address, &newest).await;
    let mut story = Story::begin(
        &house.store,
        "7q0m60live000000",
        ("SHOP-30", "Now"),
        ("a", "payments"),
        Timestamp(seed::NOON),
    )
    .await;
    let outcome = Outcome::Cancelled { why: "closed".into() };
    story.step(Phase::Ended { outcome: outcome.clone(), at: story.at }, vec![Event::Ended { outcome }]).await;
    let mut kinds = Vec::new();
    while kinds.last().map(String::as_str) != Some("ended") {
        kinds.push(live.next().await.unwrap().1["kind"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds, ["claimed", "attempt_claimed", "attempt_started", "ended"]);
}

#[tokio::test]
async fn feeds_are_limited_and_end_with_the_server() {
    let house = House::open().await;
    let (address, ending, task) = served(&house).await;
    let mut feeds = Vec::new();
    for _ in 0..64 {
        let feed = Feed::open(&address, "0-0").await;
        assert!(feed.status.contains("200"), "{}", feed.status);
        feeds.push(feed);
    }
    assert!(Feed::open(&address, "0-0").await.status.contains("503"));
    ending.cancel();
    tokio::time::timeout(Duration::from_secs(4), task).await.expect("the drain hung").unwrap();
    let mut last = feeds.remove(0);
    while last.next().await.is_some() {}
}

#[tokio::test]
async fn the_typed_client_reads_what_the_server_writes() {
    let house = House::open().await;
    let (address, _ending, _task) = served(&house).await;
    let client = wire::Client::new(address, Some(SECRET.into()));
    client.healthy().await.unwrap();
    assert_eq!(client.runs(RunState::All, None, 50).await.unwrap().items.len(), 12);
    let run = client.run("7q0m4zt2k9landed").await.unwrap();
    assert_eq!((run.reviews.len(), run.findings.len()), (4, 2));
    let log = client.log("7q0m4zt2k9landed", None).await.unwrap();
    assert_eq!(log.items.len(), run.timeline.len());
    assert!(client.log("7q0m4zt2k9landed", log.next.as_deref()).await.unwrap().items.is_empty());
    let trace = client.trace("7q0m4zt2k9landed").await.unwrap();
    assert_eq!(
        trace.spans.iter().filter(|s| s.kind == wire::SpanKind::Call).count() as u64,
        trace.spend.calls
    );
    assert_eq!(client.orders(None).await.unwrap().items.len(), 2);
    assert!(client.order("o001").await.unwrap().answered());
    assert_eq!(client.budgets().await.unwrap().items.len(), 3);
    let state = client.state().await.unwrap();
    assert_eq!((state.counts.running, state.counts.retrying, state.counts.blocked), (2, 1, 1));
    assert_eq!(client.why("SHOP-21").await.unwrap().lines, ["all 3 slot(s) of the project are taken"]);
    assert_eq!(client.why("nothing").await.unwrap().verdict, wire::WhyVerdict::Unknown);
}
