//! The door as the world meets it: who comes in, what is answered, what holds.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by it")]

mod house;
mod seed;

use axum::http::{Method, StatusCode, header};
use house::{House, SECRET, concrete};
use server::Server;

/// Answers everybody: probes, and what the login page needs.
const OPEN: &[&str] =
    &["/healthz", "/readyz", "/login", "/assets/seawall.css", "/assets/seawall.js", WEBHOOKS];
/// Knows its callers by their signature, whatever host they were told of.
const WEBHOOKS: &str = "/webhooks/{project}";
/// What a run token looks like: a signed JWT.
const RUN_TOKEN: &str = "Bearer eyJhbGciOiJFZERTQSJ9.eyJydW4iOiJyMSJ9.c2lnbmF0dXJl";

fn every_route() -> impl Iterator<Item = (Method, &'static str)> {
    Server::routes().into_iter().flat_map(|route| route.methods.into_iter().map(move |m| (m, route.path)))
}

#[tokio::test]
async fn strangers_and_run_tokens_are_refused_everywhere() {
    let house = House::open().await;
    for (method, path) in every_route().filter(|(_, path)| !OPEN.contains(path)) {
        for token in [None, Some(RUN_TOKEN), Some("Bearer "), Some("Bearer wrong")] {
            let mut request = house.request(method.clone(), &concrete(path)).own_origin();
            request = match token {
                Some(token) => request.header(header::AUTHORIZATION, token),
                None => request,
            };
            let answer = request.send().await;
            let said = format!("{method} {path} with {token:?}: {}", answer.status);
            if path.starts_with("/api/") {
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{said}");
                assert_eq!(answer.json()["error"]["code"], "unauthorized", "{said}");
            } else {
                assert_eq!(
                    (answer.status, answer.header("location")),
                    (StatusCode::SEE_OTHER, "/login"),
                    "{said}"
                );
            }
        }
    }
    assert!(
        house.control.given.lock().unwrap().len() == house.orders_of_the_seed,
        "a stranger gave an order"
    );
}

#[tokio::test]
async fn a_webhook_that_its_project_does_not_accept_is_refused_to_anybody() {
    let house = House::open().await;
    for bearer in [false, true] {
        let request = house.request(Method::POST, &concrete(WEBHOOKS));
        let answer = if bearer { request.bearer() } else { request }.send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "with the secret: {bearer}");
        assert_eq!(answer.json()["error"]["code"], "webhook_refused", "with the secret: {bearer}");
    }
}

#[tokio::test]
async fn another_host_is_refused_even_with_the_secret() {
    let house = House::open().await;
    for (method, path) in every_route().filter(|(_, path)| !path.ends_with("z") && *path != WEBHOOKS) {
        let request = house.request(method.clone(), &concrete(path)).bearer();
        let answer = request.header(header::HOST, "seawall.evil.example").send().await;
        assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{method} {path}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let house = House::open().await;
    let cookie = house.log_in().await;
    for (method, path) in every_route().filter(|(method, _)| method == Method::POST) {
        for (name, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("x-nothing", "")]
        {
            let request = house.request(method.clone(), &concrete(path)).header(header::COOKIE, &cookie);
            let answer = request.header(name, value).send().await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path} with {name}");
        }
    }
}

#[tokio::test]
async fn no_body_larger_than_the_limit_is_read() {
    let house = House::open().await;
    for (method, path) in every_route().filter(|(method, _)| method == Method::POST) {
        let most = if path == WEBHOOKS { wire::MAX_DELIVERY_BYTES } else { wire::MAX_REQUEST_BYTES };
        let large = "x".repeat(most + 1);
        let request = house.request(method.clone(), &concrete(path)).bearer().own_origin();
        let answer = request.body("application/json", &large).send().await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{method} {path}");
    }
}

#[tokio::test]
async fn a_delivery_as_large_as_a_tracker_sends_comes_whole_to_who_verifies_it() {
    let house = House::open().await;
    for bytes in [wire::MAX_REQUEST_BYTES + 1, wire::MAX_DELIVERY_BYTES] {
        let request = house.request(Method::POST, &concrete(WEBHOOKS)).header("x-signed", "");
        let answer = request.body("application/json", &"x".repeat(bytes)).send().await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{bytes}: {}", answer.body);
        assert_eq!(house.control.delivered.load(std::sync::atomic::Ordering::SeqCst), bytes);
    }
}

#[tokio::test]
async fn every_page_and_list_opens_with_the_secret_and_carries_the_headers() {
    let house = House::open().await;
    let feeds = ["/api/v1/events"];
    for (method, path) in every_route().filter(|(m, path)| m == Method::GET && !feeds.contains(path)) {
        let answer = house.request(method, &concrete(path)).bearer().send().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(
            answer.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'"),
            "{path}"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.body.contains(SECRET), "{path} shows the secret");
    }
}

#[tokio::test]
async fn what_does_not_exist_is_said_in_the_shape_of_the_api() {
    let house = House::open().await;
    for (method, path, status, code) in [
        (Method::GET, "/api/v1/runs/nobody", 404, "not_found"),
        (Method::GET, "/api/v1/nothing/here", 404, "not_found"),
        (Method::GET, "/api/v1/SHOP-12", 404, "issue_not_found"),
        (Method::DELETE, "/api/v1/runs", 405, "method_not_allowed"),
        (Method::GET, "/api/v1/runs?limit=many", 400, "invalid_request"),
        (Method::GET, "/api/v1/runs?cursor=wrong", 400, "invalid_request"),
        (Method::GET, "/api/v1/findings", 400, "invalid_request"),
        (Method::GET, "/api/v1/events?after=x", 400, "invalid_request"),
        (Method::POST, "/api/v1/orders", 400, "invalid_request"),
    ] {
        let answer = house.request(method, path).bearer().send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["code"].as_str()),
            (status, Some(code)),
            "{path}"
        );
        assert!(!answer.json()["error"]["hint"].as_str().unwrap().is_empty(), "{path} has no hint");
    }
}

#[tokio::test]
async fn the_link_logs_in_once_and_the_secret_leaves_the_address_bar() {
    let house = House::open().await;
    let answer = house.get(&format!("/login?key={SECRET}")).send().await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = answer.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(!cookie.contains(SECRET));
    let session = cookie.split(';').next().unwrap();
    assert_eq!(house.get("/").header(header::COOKIE, session).send().await.status, StatusCode::OK);
    let out =
        house.request(Method::POST, "/logout").header(header::COOKIE, session).own_origin().send().await;
    assert_eq!(out.status, StatusCode::SEE_OTHER);
    assert_eq!(house.get("/").header(header::COOKIE, session).send().await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_wrong_key_opens_no_session() {
    let house = House::open().await;
    for path in ["/login?key=wrong", "/login?key="] {
        let answer = house.get(path).send().await;
        assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""));
    }
    let form = house
        .request(Method::POST, "/login")
        .own_origin()
        .body("application/x-www-form-urlencoded", "key=no");
    assert_eq!(form.send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_open_door_still_refuses_other_sites_and_other_names() {
    let house = House::open_loopback().await;
    assert_eq!(house.get("/").send().await.status, StatusCode::OK);
    let forged = house.request(Method::POST, "/api/v1/refresh").header("origin", "https://evil.example");
    assert_eq!(forged.send().await.status, StatusCode::FORBIDDEN);
    let rebound = house.get("/").header(header::HOST, "evil.example");
    assert_eq!(rebound.send().await.status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(house.request(Method::POST, "/api/v1/refresh").send().await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn not_ready_while_the_kill_plane_is_down() {
    let house = House::open().await;
    assert_eq!(house.get("/readyz").send().await.status, StatusCode::OK);
    house.control.killable.store(false, std::sync::atomic::Ordering::SeqCst);
    let answer = house.get("/readyz").header(header::HOST, "10.0.0.7").send().await;
    assert_eq!(
        (answer.status, answer.json()["kill_plane"].as_bool()),
        (StatusCode::SERVICE_UNAVAILABLE, Some(false))
    );
    assert_eq!(house.get("/healthz").send().await.status, StatusCode::OK);
}
