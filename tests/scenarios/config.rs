//! Configuration that cannot be read: told with file, line and mend, and nothing is started.

use crate::demo::without_bubblewrap;
use crate::support::{Installation, Plan, daemon};
use std::process::Output;

fn up(shop: &Installation) -> Output {
    daemon::output(daemon::command(shop.dir()).args(["up", "--port", "0", "--json"]))
}

/// Starting must end with 2, say `place` and `mend` on stderr, and leave nothing behind.
fn check(shop: &Installation, place: &str, mend: &str) {
    let output = up(shop);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(place) && said.contains(mend), "{said}");
    assert!(!said.contains("dashboard:"), "no door was opened: {said}");
    for made in [".seawall", "seawall.db"] {
        assert!(!shop.dir().join(made).exists(), "{made} was made");
    }
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["error"]["code"], "usage", "{document}");
}

#[test]
fn a_wrong_seawall_toml_starts_nothing() {
    let shop = Plan::demo().config("driver = \"builtin\"", "drivre = \"builtin\"").write();
    let line = 1 + shop.read("seawall.toml").lines().position(|line| line.starts_with("drivre")).unwrap();
    check(&shop, &format!("seawall.toml:{line}"), "did you mean `driver`?");
}

#[test]
fn a_wrong_workflow_starts_nothing() {
    let shop = Plan::demo().workflow("interval_ms: 100", "interval_ms: soon").write();
    let line = 1 + shop.read("WORKFLOW.md").lines().position(|line| line.contains("soon")).unwrap();
    check(&shop, &format!("WORKFLOW.md:{line}"), "interval_ms");
}

#[test]
fn a_prompt_that_is_no_template_starts_nothing() {
    let shop = Plan::demo().workflow("{{ issue.title }}", "{{ issue.title | shout }}").write();
    let line = 1 + shop.read("WORKFLOW.md").lines().position(|line| line.contains("shout")).unwrap();
    check(&shop, &format!("WORKFLOW.md:{line}"), "shout");
}

#[test]
fn a_wrong_scenario_starts_nothing() {
    let shop = Plan::playing("[[script]]\nname = \"a\"\n[[script.turn]]\ntext = 5\n").write();
    check(&shop, "rehearsal.toml:4", "string");
}

#[test]
fn several_problems_are_told_at_once() {
    let shop = Plan::demo()
        .config("driver = \"builtin\"", "driver = \"builtim\"")
        .config("budget = \"2 USD/run\"", "budget = \"2 EUR/run\"")
        .write();
    let said = String::from_utf8(up(&shop).stderr).unwrap();
    assert!(said.contains("builtim") || said.contains("this driver is not known"), "{said}");
    assert!(said.contains("the configuration has 2 error(s)"), "{said}");
}

#[test]
fn a_machine_below_the_floor_is_refused_with_4() {
    let Some(path) = without_bubblewrap() else { return };
    let shop = Plan::demo().config("require = \"bare\"", "require = \"isolated\"").write();
    let mut command = daemon::command(shop.dir());
    let output = daemon::output(command.args(["up", "--port", "0", "--json"]).env("PATH", path.path()));
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("must run isolated") && said.contains("seawall doctor"), "{said}");
}

#[tokio::test]
async fn a_second_daemon_over_the_same_state_is_refused() {
    let shop = Plan::demo().write();
    let _first = crate::support::Daemon::start(&shop).await;
    let output = up(&shop);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
