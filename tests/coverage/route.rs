//! Every operation of the control door, as the real program serves it.

use crate::support::http::{Answer, exchange};
use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan};
use serde_json::json;
use server::Server;
use wire::RunDetail;

/// Answers everybody: the probes, and what the login page needs.
const OPEN: [&str; 6] = [
    "/healthz",
    "/readyz",
    "/login",
    "/assets/seawall.css",
    "/assets/seawall.js",
    // Opened by a tracker's signature; what is not signed is refused.
    "/webhooks/{project}",
];

async fn busy() -> (Installation, Daemon, RunDetail) {
    let shop = Plan::playing(scenario(&[loops("loops", &["Work on "])])).issue("LOOP-1").write();
    let daemon = Daemon::start(&shop).await;
    let (run, _) = daemon.working("LOOP-1").await;
    (shop, daemon, run)
}

/// A path with a name in place of its parameter.
fn concrete(path: &str, name: &str) -> String {
    let segment = |part: &str| if part.starts_with('{') { name.to_owned() } else { part.to_owned() };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

/// A request as a browser on the dashboard or a script would send it, with `authorization`.
fn ask(daemon: &Daemon, method: &str, path: &str, authorization: &str, body: &str) -> Answer {
    let origin = format!("http://{}", daemon.control());
    let mut headers = vec![("origin", origin.as_str())];
    if !authorization.is_empty() {
        headers.push(("authorization", authorization));
    }
    let kind =
        if path.starts_with("/api/") { "application/json" } else { "application/x-www-form-urlencoded" };
    headers.push(("content-type", kind));
    exchange(daemon.control(), method, path, &headers, body)
}

#[tokio::test]
async fn every_operation_refuses_strangers() {
    let (_shop, daemon, run) = busy().await;
    for route in Server::routes().into_iter().filter(|route| !OPEN.contains(&route.path)) {
        let path = concrete(route.path, run.summary.id.as_str());
        for method in &route.methods {
            for authorization in ["", "Bearer wrong", "Bearer ", "Basic YTpi"] {
                let answer = ask(&daemon, method.as_str(), &path, authorization, "{}");
                let said = format!("{method} {path} with `{authorization}`: {answer:?}");
                if path.starts_with("/api/") {
                    assert_eq!(answer.status, 401, "{said}");
                    assert_eq!(answer.json()["error"]["code"], "unauthorized", "{said}");
                } else {
                    assert_eq!(answer.status, 303, "{said}");
                }
                assert!(!answer.body.contains("LOOP-1"), "{said}");
            }
        }
    }
    assert_eq!(daemon.client.orders(None).await.unwrap().items, [], "a stranger changed something");
    assert_eq!(daemon.client.run(run.summary.id.as_str()).await.unwrap().summary.phase, "working");
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_a_record_of_who_and_why() {
    let (_shop, daemon, run) = busy().await;
    let bearer = format!("Bearer {}", daemon.secret);
    let scope = format!("run/{}", run.summary.id);
    for route in Server::routes() {
        if !route.methods.iter().any(|method| method == "POST") {
            continue;
        }
        let (form, expect) = match route.path {
            // Sessions and looks change nothing that belongs to anybody else.
            "/login" | "/logout" | "/api/v1/refresh" | "/webhooks/{project}" => continue,
            "/orders" => (format!("scope={scope}&mode=hard&reason=by+form"), "by form"),
            "/api/v1/orders" => (json!({ "scope": scope, "reason": "by api" }).to_string(), "by api"),
            "/lifts" => (format!("scope={scope}&reason=lifted+by+form"), "lifted by form"),
            "/api/v1/lifts" => {
                (json!({ "scope": scope, "reason": "lifted by api" }).to_string(), "lifted by api")
            }
            // Apart from orders, because nothing is stopped.
            "/api/v1/pauses" | "/api/v1/resumes" => continue,
            other => panic!("say here what POST {other} leaves behind"),
        };
        if route.path.ends_with("/lifts") {
            // Only what is stopped can be lifted.
            let body = json!({ "scope": scope, "reason": "to be lifted" }).to_string();
            assert!(ask(&daemon, "POST", "/api/v1/orders", &bearer, &body).status < 300);
        }
        let answer = ask(&daemon, "POST", route.path, &bearer, &form);
        assert!(answer.status < 400, "{}: {answer:?}", route.path);
        let orders = daemon.client.orders(None).await.unwrap().items;
        let record = orders.iter().find_map(|order| {
            let lift = order.lifted.as_ref().filter(|lift| lift.reason == expect);
            let given = (order.reason == expect).then(|| (order.actor.clone(), order.given_at));
            given.or_else(|| lift.map(|lift| (lift.actor.clone(), lift.at)))
        });
        let (actor, at) = record.unwrap_or_else(|| panic!("{} left no record: {orders:?}", route.path));
        assert!(!actor.is_empty() && at.0.0 > 0, "{}", route.path);
    }
    for (path, body) in [
        ("/api/v1/pauses", json!({ "project": "shop", "reason": "a freeze" })),
        ("/api/v1/resumes", json!({ "project": "shop" })),
    ] {
        let answer = ask(&daemon, "POST", path, &bearer, &body.to_string());
        assert!(answer.status < 400, "{path}: {answer:?}");
        let view = &daemon.client.pauses().await.unwrap().items[0];
        let told = match path {
            "/api/v1/pauses" => view.actor.clone().zip(view.since),
            _ => view.last_ended.clone().map(|end| (end.actor, end.at)),
        };
        assert!(told.is_some_and(|(actor, at)| !actor.is_empty() && at.0.0 > 0), "{path}: {view:?}");
    }
    // This run, and not the latest: what is lifted may be claimed anew.
    let over = async |client: &wire::Client| {
        let detail = client.run(run.summary.id.as_str()).await.ok()?;
        (detail.summary.phase == "ended").then_some(detail)
    };
    let ended = daemon.until("the stopped run to end", over).await;
    let last = ended.timeline.iter().find(|event| event.kind == "ended").unwrap();
    assert!(last.line.contains("stopped by order"), "the run's own record says so: {}", last.line);
}

#[tokio::test]
async fn every_operation_says_so_when_it_does_not_exist_or_the_method_is_wrong() {
    let (_shop, daemon, _run) = busy().await;
    let bearer = format!("Bearer {}", daemon.secret);
    for route in Server::routes().into_iter().filter(|route| route.path.starts_with("/api/")) {
        let answer = ask(&daemon, "DELETE", &concrete(route.path, "nobody"), &bearer, "");
        assert_eq!(answer.status, 405, "{}: {answer:?}", route.path);
        assert_eq!(answer.json()["error"]["code"], "method_not_allowed");
        if route.path.contains("{id}") {
            let answer = ask(&daemon, "GET", &concrete(route.path, "nobody"), &bearer, "");
            assert_eq!(answer.status, 404, "{}: {answer:?}", route.path);
        }
    }
}
