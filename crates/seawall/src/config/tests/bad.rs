//! Bad input, and exactly what a person sees.

use super::*;

fn check(from: &str, to: &str, expect: &str) {
    let dir = folder();
    assert!(GOOD.contains(from), "{from}");
    let read = read_text(dir.path(), &GOOD.replacen(from, to, 1), &none());
    let seen = shown(dir.path(), &read);
    assert_eq!(seen.trim_end(), expect.trim(), "\n{seen}");
}

#[test]
fn an_unknown_key_names_the_nearest() {
    check(
        "reviewer = \"judge\"",
        "reviwer = \"judge\"\nreviewer = \"judge\"",
        r#"
error: unknown key `reviwer`
  --> seawall.toml:8:1 (teams.pay.reviwer)
  |
8 | reviwer …
  | ^^^^^^^
  mend: did you mean `reviewer`?"#,
    );
}

#[test]
fn a_wrong_budget_says_how_to_write_it() {
    check(
        "5 USD/run",
        "5 EUR/run",
        r#"
error: `5 EUR` is not an amount
  --> seawall.toml:13:10 (agents.author.budget)
   |
13 | budget = "5 EUR/run"
   |          ^^^^^^^^^^^
  mend: write it like `5 USD` or `0.25 USD`"#,
    );
}

#[test]
fn a_team_that_is_not_registered() {
    check(
        "[agents.judge]\nteam = \"pay\"",
        "[agents.judge]\nteam = \"pai\"",
        r#"
error: the team `pai` is not registered
  --> seawall.toml:15:8 (agents.judge.team)
   |
15 | team = "pai"
   |        ^^^^^
  mend: add [teams.pai], or use one of: pay"#,
    );
}

#[test]
fn a_driver_that_nobody_knows() {
    check(
        "driver = \"codex\"",
        "driver = \"cloud\"",
        r#"
error: this driver is not known
  --> seawall.toml:16:10 (agents.judge.driver)
   |
16 | driver = "cloud"
   |          ^^^^^^^
  mend: write driver = "codex", "claude", "command" or "builtin""#,
    );
}

#[test]
fn a_secret_in_the_file_is_a_warning_that_hides_it() {
    check(
        "kind = \"rehearsal\"",
        "kind = \"rehearsal\"\nkey = \"sk-very-secret\"",
        r#"
warning: `providers.play.key` is a secret written into a file
  --> seawall.toml:3:7 (providers.play.key)
  |
3 | key = …
  |       ^
  mend: put it into the environment and write "$PROVIDERS_PLAY_KEY" here"#,
    );
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    check(
        "\"5 USD/run\"",
        "\"$LIMIT\"",
        r#"
error: the environment variable `LIMIT` is not set
  --> seawall.toml:13:10 (agents.author.budget)
   |
13 | budget = "$LIMIT"
   |          ^^^^^^^^
  mend: export LIMIT before starting, or write $$ for a plain $"#,
    );
}

#[test]
fn a_needed_key_whose_variable_is_not_set_is_told_once() {
    check(
        "driver = \"codex\"",
        "driver = \"command\"\ncommand = \"$TIDY\"",
        r#"
error: the environment variable `TIDY` is not set
  --> seawall.toml:17:11 (agents.judge.command)
   |
17 | command = "$TIDY"
   |           ^^^^^^^
  mend: export TIDY before starting, or write $$ for a plain $"#,
    );
}

#[test]
fn a_model_without_a_route_is_told_where_it_stands() {
    check(
        "try = [\"play/x\"]",
        "try = []",
        r#"
error: `try` names no route
  --> seawall.toml:5:7 (models.large.try)
  |
5 | try = []
  |       ^^
  mend: name at least one route, like try = ["openai/gpt-6.1-sol"]"#,
    );
}

#[test]
fn a_door_to_other_machines_must_be_said_twice() {
    check(
        "[models.large]",
        "[gateway]\nlisten = \"0.0.0.0:7701\"\n[models.large]",
        r#"
error: 0.0.0.0:7701 can be reached from other machines
  --> seawall.toml:5:10 (gateway.listen)
  |
5 | listen = "0.0.0.0:7701"
  |          ^^^^^^^^^^^^^^
  mend: listen on 127.0.0.1, or add allow_remote = true to [gateway] if that is what you want"#,
    );
}

#[test]
fn two_doors_need_two_ports() {
    check(
        "[models.large]",
        "[gateway]\nlisten = \"127.0.0.1:7700\"\n[models.large]",
        r#"
error: the control door and the gateway both listen on 127.0.0.1:7700
  --> seawall.toml:5:10 (gateway.listen)
  |
5 | listen = "127.0.0.1:7700"
  |          ^^^^^^^^^^^^^^^^
  mend: give them different ports"#,
    );
}

#[test]
fn what_is_not_toml_is_told_without_its_value() {
    check(
        "kind = \"rehearsal\"",
        "key = sk-very-secret",
        r#"
error: this is not TOML: string values must be quoted, expected literal string
  --> seawall.toml:2:7
  |
2 | key = …
  |       ^
  mend: see https://toml.io for how texts, lists and tables are written"#,
    );
}

#[test]
fn a_text_where_a_number_belongs() {
    check(
        "remote = \"shop.git\"",
        "remote = \"shop.git\"\nslots = \"2\"",
        r#"
error: `slots` must be a whole number from 1 to 10000
  --> seawall.toml:22:9 (projects.shop.slots)
   |
22 | slots = "2"
   |         ^^^
  mend: write it without quotes, like slots = 1"#,
    );
}

#[test]
fn a_duration_needs_its_unit() {
    check(
        "remote = \"shop.git\"",
        "remote = \"shop.git\"\npoll = \"30\"",
        r#"
error: `30` is not a duration
  --> seawall.toml:22:8 (projects.shop.poll)
   |
22 | poll = "30"
   |        ^^^^
  mend: write it like "30s", "500ms", "5m", "1h" or "2d""#,
    );
}

#[test]
fn nobody_reviews_their_own_work() {
    check(
        "reviewer = \"judge\"",
        "reviewer = \"author\"",
        r#"
error: agent `author` would review its own work in project `shop`
  --> seawall.toml:8:12 (teams.pay.reviewer)
  |
8 | reviewer = "author"
  |            ^^^^^^^^
  mend: name another agent as the reviewer, one that is no project's author"#,
    );
}

#[test]
fn a_route_to_a_provider_that_is_not_configured() {
    check(
        "try = [\"play/x\"]",
        "try = [\"pley/x\"]",
        r#"
error: the provider `pley` is not configured
  --> seawall.toml:5:8 (models.large.try)
  |
5 | try = ["pley/x" …
  |        ^^^^^^^^
  mend: add [providers.pley], or use one of: play"#,
    );
}

#[test]
fn a_model_that_is_not_registered() {
    check(
        "model = \"large\"\nbudget",
        "model = \"lrge\"\nbudget",
        r#"
error: the model `lrge` is not registered
  --> seawall.toml:12:9 (agents.author.model)
   |
12 | model = "lrge"
   |         ^^^^^^
  mend: add [models.lrge], or use one of: large"#,
    );
}

#[test]
fn a_missing_key_names_its_section() {
    check(
        "driver = \"codex\"\n",
        "",
        r#"
error: [agents.judge] has no `driver`
  --> seawall.toml:14:1 (agents.judge.driver)
   |
14 | [agents.judge]
   | ^^^^^^^^^^^^^^
  mend: write driver = "codex", "claude", "command" or "builtin""#,
    );
}

#[test]
fn a_scenario_that_is_not_there() {
    check(
        "play.toml",
        "plai.toml",
        r#"
error: the scenario cannot be read: No such file or directory (os error 2)
  --> plai.toml
  mend: check the path in the provider's `scenario`
error: the provider `play` is not configured
  --> seawall.toml:5:8 (models.large.try)
  |
5 | try = ["play/x" …
  |        ^^^^^^^^
  mend: add [providers.play]"#,
    );
}

#[test]
fn a_tracker_that_nobody_serves() {
    check(
        "remote = \"shop.git\"",
        "remote = \"shop.git\"\ntracker = { kind = \"trello\" }",
        r#"
error: `tracker.kind` names no tracker: "trello"; write one of files, github, linear, memory
  --> seawall.toml:22:20 (projects.shop.tracker.kind)
   |
22 | tracker = { kind = "trello" …
   |                    ^^^^^^^^
  mend: see docs/trackers for what each kind needs"#,
    );
}
