//! The dashboard in a real browser.

use crate::support::{Daemon, Plan, daemon, on_path, require};
use std::path::{Path, PathBuf};

/// What a page came to in the browser.
struct Shown {
    dom: String,
    /// Everything its console said.
    console: Vec<String>,
}

fn chromium(test: &str) -> Option<PathBuf> {
    let found = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(on_path);
    require(test, found.ok_or_else(|| "chromium is not installed (`apt-get install chromium`)".to_owned()))
}

/// Opens `url` as a person does, scripts and styles included, and looks once it is loaded.
fn open(chromium: &Path, url: &str) -> Shown {
    let profile = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(chromium);
    command
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"])
        .args(["--timeout=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url);
    let output = daemon::output(&mut command);
    let told = String::from_utf8_lossy(&output.stderr);
    let console = told.lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(dom.contains("</html>"), "{url}: {told}");
    Shown { dom, console }
}

#[tokio::test]
async fn the_printed_link_opens_the_dashboard_with_the_landed_run_marked_as_a_rehearsal() {
    let Some(chromium) = chromium("dashboard in Chromium") else { return };
    let shop = Plan::demo().write();
    let daemon = Daemon::start(&shop).await;
    let run = daemon.landed("SHOP-1").await;
    let shown = open(&chromium, &format!("http://{}/login?key={}", daemon.control(), daemon.secret));
    assert!(shown.dom.contains(&format!("/runs/{}", run.summary.id)), "{}", shown.dom);
    assert!(shown.dom.contains("SHOP-1") && shown.dom.contains("landed"), "{}", shown.dom);
    assert!(shown.dom.to_lowercase().contains("rehearsal"), "{}", shown.dom);
    assert!(!shown.dom.contains(&daemon.secret), "the secret is not in the page");
    assert_eq!(shown.console, [] as [String; 0]);
}

#[tokio::test]
async fn every_page_shows_something_and_its_console_is_silent() {
    let Some(chromium) = chromium("pages in Chromium") else { return };
    let shop = Plan::demo().write();
    let daemon = Daemon::start_with(&shop, |command| {
        command.arg("--insecure-loopback");
    })
    .await;
    let run = daemon.landed("SHOP-1").await;
    let trace = daemon.client.trace(run.summary.id.as_str()).await.unwrap();
    let call = trace.spans.iter().find(|span| span.kind == wire::SpanKind::Call).unwrap();
    let pages = [
        ("/runs".to_owned(), "SHOP-1"),
        (format!("/runs/{}", run.summary.id), "Retry sends a new key"),
        (format!("/calls/{}", call.id), "rehearsal"),
        ("/orders".to_owned(), "order"),
        ("/budgets".to_owned(), "payments"),
    ];
    for (path, expect) in pages {
        let shown = open(&chromium, &format!("http://{}{path}", daemon.control()));
        assert!(shown.dom.contains(expect), "{path}: {}", shown.dom);
        assert_eq!(shown.console, [] as [String; 0], "{path}");
    }
}
