//! Agents that misbehave: the attempt fails with a named reason, and nothing else suffers.

use crate::hostile::{self, DONE};
use crate::support::scenario::*;
use crate::support::{Daemon, Installation, Plan, daemon, process};
use serde_json::json;
use wire::{RunDetail, WhyVerdict};

/// Plays `plan` to the end of `BAD-1`, whose attempts must fail as `kind`; `CALM-1` must land beside it.
async fn check(plan: Plan, kind: &str) -> (Installation, Daemon, RunDetail) {
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    let bad = daemon.ended_run("BAD-1").await;
    let failed = bad.timeline.iter().filter(|event| event.kind == "attempt_failed");
    let kinds: Vec<&str> = failed.map(|event| event.data["failure"]["kind"].as_str().unwrap()).collect();
    assert!(!kinds.is_empty() && kinds.iter().all(|known| *known == kind), "{}", daemon::lines(&bad));
    assert_eq!(bad.summary.outcome.as_deref(), Some("failed"), "{}", bad.summary.line);
    assert!(bad.summary.line.contains(kind), "{}", bad.summary.line);
    let calm = daemon.landed("CALM-1").await;
    assert_eq!(calm.summary.attempts, 1, "{}", daemon::lines(&calm));
    let id = bad.summary.id.to_string();
    daemon.until("nothing of it to live", async |_| process::of_run(&id).is_empty().then_some(())).await;
    (shop, daemon, bad)
}

#[tokio::test]
async fn an_agent_that_is_not_installed_is_refused_with_how_to_install_it_and_others_go_on() {
    let Some(plan) = hostile::plan("agent missing", "") else { return };
    let shop = plan.config("command = \"/bin/bash\"", "command = \"/nowhere/codex\"").write();
    let daemon = Daemon::start(&shop).await;
    daemon.landed("CALM-1").await;
    let why = daemon
        .until("a refusal", async |client| {
            client.why("BAD-1").await.ok().filter(|why| why.verdict != WhyVerdict::Unknown)
        })
        .await;
    assert!(why.lines[0].contains("npm install -g @openai/codex"), "{why:?}");
    assert_eq!(daemon.authors_of("BAD-1").await, []);
}

#[tokio::test]
async fn an_agent_that_works_lands_so_that_the_others_are_told_apart_by_what_they_do() {
    let Some(plan) = hostile::plan("agent that works", &format!("echo done >note\n{DONE}")) else { return };
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    daemon.landed("BAD-1").await;
}

#[tokio::test]
async fn an_agent_that_exits_failed_as_exited() {
    let Some(plan) = hostile::plan("agent that exits", "exit 3\n") else { return };
    let (.., bad) = check(plan, "exited").await;
    assert!(bad.summary.line.contains("code 3"), "{}", bad.summary.line);
    assert_eq!(bad.summary.attempts, 2);
}

#[tokio::test]
async fn an_agent_that_dies_of_a_signal_failed_as_signalled() {
    let Some(plan) = hostile::plan("agent that dies", "kill -SEGV $$\n") else { return };
    check(plan, "signalled").await;
}

#[tokio::test]
async fn an_agent_that_hangs_failed_as_stalled() {
    let Some(plan) = hostile::plan("agent that hangs", "sleep 1000\n") else { return };
    let plan = plan.config("command = \"/bin/bash\"", "stall_timeout = \"1s\"\ncommand = \"/bin/bash\"");
    check(plan, "stalled").await;
}

#[tokio::test]
async fn an_agent_that_takes_too_long_failed_as_timed_out() {
    let talk = r#"while :; do echo '{"method":"still/here","params":{}}'; sleep 0.1; done"#;
    let Some(plan) = hostile::plan("agent without end", talk) else { return };
    let plan = plan.config("command = \"/bin/bash\"", "attempt_timeout = \"1s\"\ncommand = \"/bin/bash\"");
    check(plan, "timed_out").await;
}

#[tokio::test]
async fn an_agent_that_writes_lines_of_a_megabyte_failed_as_flooded() {
    let flood = "line=$(head -c 1000000 /dev/zero | tr '\\0' x)\nwhile :; do echo \"$line\"; done\n";
    let Some(plan) = hostile::plan("agent that floods", flood) else { return };
    check(plan, "flooded").await;
}

#[tokio::test]
async fn an_agent_that_writes_garbage_failed_as_flooded() {
    let Some(plan) = hostile::plan("agent that babbles", "cat /dev/urandom\n") else { return };
    check(plan, "flooded").await;
}

#[tokio::test]
async fn an_agent_that_breaks_its_protocol_failed_as_protocol() {
    // A line that means nothing ends no session; a turn that ended in no way that there is does.
    let adrift = hostile::DONE.replace(r#""status":"completed""#, r#""status":"adrift""#);
    let script = format!("echo '{{\"neither\":1}}'\n{adrift}sleep 100\n");
    let Some(plan) = hostile::plan("agent off protocol", &script) else { return };
    check(plan, "protocol").await;
}

#[tokio::test]
async fn daemons_that_an_agent_leaves_behind_die_with_its_attempt() {
    let nap = format!("{}.5", 100_000 + std::process::id());
    let fork = format!(
        "setsid -f sleep {nap} </dev/null >/dev/null 2>&1\n(setsid setsid -f bash -c 'trap \"\" TERM HUP; sleep {nap}; :' \
         </dev/null >/dev/null 2>&1 &)\nsleep 0.3\nexit 1\n"
    );
    let Some(plan) = hostile::plan("agent that forks", &fork) else { return };
    check(plan, "exited").await;
    assert_eq!(process::with_argument(&nap), [] as [u32; 0]);
}

#[tokio::test]
async fn an_agent_that_fills_the_disk_failed_as_disk_quota() {
    let fill = "head -c 30000000 /dev/urandom >big\nsleep 1000\n";
    let Some(plan) = hostile::plan("agent that fills the disk", fill) else { return };
    let plan = plan.config("command = \"/bin/bash\"", "disk = \"8 MB\"\ncommand = \"/bin/bash\"");
    let (shop, ..) = check(plan, "disk_quota").await;
    assert!(shop.main().len() == 40);
}

#[tokio::test]
async fn a_change_with_a_link_that_leads_outside_failed_as_outside_workspace() {
    let Some(plan) = hostile::plan("agent that links", &format!("ln -s /etc/passwd leak\n{DONE}")) else {
        return;
    };
    let (shop, ..) = check(plan, "outside_workspace").await;
    let all = shop.git(&["log", "--all", "--name-only", "--format="]);
    assert!(!all.lines().any(|file| file == "leak"), "the link was never committed: {all}");
}

#[tokio::test]
async fn an_agent_can_write_nothing_outside_its_workspace() {
    let name = format!("seawall-escape-{}", std::process::id());
    let script = format!(
        "for dir in / /etc /usr /var /opt /run /root; do echo x >$dir/{name}; done 2>/dev/null\necho done >note\n\
         cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c SEAWALL_ >seen\nls / >root\n{DONE}"
    );
    let Some(plan) = hostile::plan("agent that writes outside", &script) else { return };
    let shop = plan.write();
    let daemon = Daemon::start(&shop).await;
    daemon.landed("BAD-1").await;
    for dir in ["/", "/etc", "/usr", "/var", "/opt", "/run", "/root"] {
        let path = std::path::Path::new(dir).join(&name);
        assert!(!path.exists(), "{} was written", path.display());
    }
    assert_eq!(shop.git(&["show", "main:seen"]), "0");
}

#[tokio::test]
async fn an_agent_whose_budget_is_spent_failed_as_budget_spent_and_the_other_agents_do_not() {
    let scripts = [reviews_clean(), loops("loops", &["Work on BAD-1"]), adds_a_note("author", &["Work on "])];
    let plan = Plan::playing(scenario(&scripts))
        .config("budget = \"5 USD/run\"", "budget = \"0.15 USD/run\"")
        .config("max_output_tokens = 8192", "max_output_tokens = 2000")
        .issue("BAD-1")
        .with_calm_project();
    let plan = plan.scenario(scenario(&[
        reviews_clean(),
        script(
            "spends",
            &["Work on BAD-1"],
            &[with(
                with(runs("true"), "usage", json!({ "input": 20_000, "output": 2_000 })),
                "repeat",
                json!(true),
            )],
        ),
        adds_a_note("author", &["Work on "]),
    ]));
    let (_shop, daemon, bad) = check(plan, "budget_spent").await;
    assert!(bad.summary.spend.cost_micro_usd.0 <= 150_000, "never over budget: {:?}", bad.summary.spend);
    assert!(bad.summary.spend.calls >= 2, "it worked before: {:?}", bad.summary.spend);
    let holder = format!("run/{}", bad.summary.id);
    let budgets = daemon.client.budgets().await.unwrap();
    let own = budgets.items.iter().find(|budget| budget.holder == holder);
    assert!(own.is_none_or(|own| own.settled_micro_usd <= own.limit_micro_usd), "{own:?}");
}

#[tokio::test]
async fn a_model_that_fails_for_good_failed_the_attempt_as_model() {
    let refuses = json!({ "error": { "status": 400, "code": "invalid_request_error", "message": "no such thing" },
        "repeat": true });
    let plan = Plan::playing(scenario(&[
        reviews_clean(),
        script("refuses", &["Work on BAD-1"], &[refuses]),
        adds_a_note("author", &["Work on "]),
    ]))
    .config("retry_first = \"100ms\"", "retry_first = \"100ms\"\nmax_attempts = 2")
    .issue("BAD-1")
    .with_calm_project();
    check(plan, "model").await;
}
