//! Providers of each kind: what is read, and what is taken when nothing is said.

use super::*;
use gateway::{Kind, Protocol};

/// [`GOOD`] with one provider more, which says `text`.
fn with_provider(text: &str) -> Read {
    let dir = folder();
    let env = Env::fixed([("KEY", "sk-very-secret")]);
    read_text(dir.path(), &format!("[providers.more]\n{text}\n{GOOD}"), &env)
}

#[test]
fn an_anthropic_provider_needs_its_kind_only() {
    let config = with_provider("kind = \"anthropic\"\nkey = \"$KEY\"").config.unwrap();
    let kind = &config.providers["more"].kind;
    assert!(kind.speaks(Protocol::Messages) && !kind.speaks(Protocol::Responses));
    let Kind::Anthropic { base_url, key } = kind else { panic!("{kind:?}") };
    assert_eq!(
        (base_url.as_str(), key.as_ref().unwrap().expose()),
        ("https://api.anthropic.com", "sk-very-secret")
    );
}

#[test]
fn writing_to_the_cache_is_taken_at_the_dearest_that_the_kind_bills() {
    for (kind, expect) in [("openai", "3"), ("anthropic", "6")] {
        let text =
            format!("kind = \"{kind}\"\n[providers.more.prices.x]\ninput = \"3 USD\"\noutput = \"4 USD\"");
        let price = with_provider(&text).config.unwrap().providers["more"].prices["x"];
        assert_eq!(price.cache_write, domain::MicroUsd::parse(&format!("{expect} USD")).unwrap(), "{kind}");
        let said = with_provider(&format!("{text}\ncache_write = \"1 USD\"")).config.unwrap();
        assert_eq!(said.providers["more"].prices["x"].cache_write, domain::MicroUsd(1_000_000));
    }
}

#[test]
fn an_unknown_kind_is_told_with_those_that_are_known() {
    let read = with_provider("kind = \"gemini\"");
    let problem = read.problems[0].to_string();
    assert!(problem.starts_with("error: this kind of provider is not known"), "{problem}");
    assert!(problem.contains("\"openai\"") && problem.contains("\"anthropic\""), "{problem}");
}

/// [`GOOD`] with an agent of `driver` whose model leads to a provider of `kind`.
fn heard(driver: &str, kind: &str) -> Read {
    let dir = folder();
    let provider = match kind {
        "rehearsal" => "kind = \"rehearsal\"\nscenario = \"play.toml\"".to_owned(),
        kind => format!(
            "kind = \"{kind}\"\nkey = \"$KEY\"\n[providers.more.prices.m]\ninput = \"1 USD\"\noutput = \"1 USD\""
        ),
    };
    let text = format!(
        "[providers.more]\n{provider}\n[models.other]\ntry = [\"more/m\"]\n[agents.third]\nteam = \"pay\"\n\
         driver = \"{driver}\"\ncommand = \"./third\"\nmodel = \"other\"\nbudget = \"1 USD/run\"\n{GOOD}"
    );
    read_text(dir.path(), &text, &Env::fixed([("KEY", "k")]))
}

#[test]
fn an_agent_must_be_heard_by_a_provider_of_its_model() {
    const BOTH: [&str; 2] = ["openai", "anthropic"];
    let drivers = [
        ("builtin", &BOTH[..1]),
        ("codex", &BOTH[..1]),
        ("claude", &BOTH[1..]),
        // It may speak either: nobody knows before it runs.
        ("command", &BOTH[..]),
    ];
    for (driver, hear) in drivers {
        for kind in BOTH {
            let read = heard(driver, kind);
            assert_eq!(read.config.is_some(), hear.contains(&kind), "{driver} {kind}: {:?}", read.problems);
        }
        assert!(heard(driver, "rehearsal").config.is_some(), "a rehearsal hears {driver}");
    }
}

#[test]
fn an_agent_that_nobody_hears_is_told_with_who_would() {
    let read = heard("claude", "openai");
    let [problem] = &read.problems[..] else { panic!("{:?}", read.problems) };
    let shown = problem.to_string();
    assert_eq!(problem.key, "agents.third.model");
    assert_eq!(
        problem.what,
        "agent `third` cannot be heard: its driver `claude` speaks the Messages API, and no provider of the model \
         `other` does (`more` speaks the Responses API)"
    );
    assert!(shown.contains("kind \"anthropic\"") && shown.contains("[models.other]"), "{shown}");
}

#[test]
fn one_route_that_hears_is_enough() {
    let dir = folder();
    let text = format!(
        "[providers.more]\nkind = \"anthropic\"\nkey = \"$KEY\"\n[providers.more.prices.m]\ninput = \"1 USD\"\n\
         output = \"1 USD\"\n{}",
        GOOD.replace("try = [\"play/x\"]", "try = [\"more/m\", \"play/x\"]")
    );
    let read = read_text(dir.path(), &text, &Env::fixed([("KEY", "k")]));
    assert!(read.config.is_some(), "{:?}", read.problems);
}

/// A lone WORKFLOW.md with this front matter, where only Anthropic's key is set.
fn lone_with_anthropic(front: &str) -> Read {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join(".git")).unwrap();
    let file = dir.path().join(WORKFLOW);
    std::fs::write(&file, format!("---\ntracker: {{kind: files}}\n{front}---\nDo it.\n")).unwrap();
    read(&file, &Env::fixed([("ANTHROPIC_API_KEY", "k")]))
}

#[test]
fn a_lone_workflow_whose_author_nobody_hears_says_which_key_it_needs() {
    for front in ["", "codex: {command: codex app-server}\n", "seawall: {delivery: land}\n"] {
        let read = lone_with_anthropic(front);
        assert!(read.config.is_none(), "{front}");
        let told = read.problems[0].to_string();
        assert!(told.contains("driver `codex`") && told.contains("export OPENAI_API_KEY"), "{told}");
    }
}

#[test]
fn a_lone_workflow_is_heard_with_the_one_key_that_its_driver_needs() {
    for front in [
        "seawall: {driver: claude}\n",
        "seawall: {driver: claude, delivery: land}\n",
        "codex: {command: ./my-own-agent --stdio}\n",
    ] {
        let read = lone_with_anthropic(front);
        assert!(read.config.is_some(), "{front}: {:?}", read.problems);
    }
}
