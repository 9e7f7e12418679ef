//! The whole reader: bad inputs and what a person sees, the example, and that nothing panics.

use super::*;
use proptest::prelude::*;

mod bad;
mod providers;

/// A configuration without problems, to be spoiled.
const GOOD: &str = r#"[providers.play]
kind = "rehearsal"
scenario = "play.toml"
[models.large]
try = ["play/x"]
[teams.pay]
budget = "200 USD/day"
reviewer = "judge"
[agents.author]
team = "pay"
driver = "builtin"
model = "large"
budget = "5 USD/run"
[agents.judge]
team = "pay"
driver = "codex"
model = "large"
[projects.shop]
workflow = "WORKFLOW.md"
team = "pay"
remote = "shop.git"
"#;

/// A folder with what [`GOOD`] names.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let scenario = "[[script]]\nname = \"x\"\n[[script.turn]]\ntext = \"hi\"\n";
    std::fs::write(dir.path().join("play.toml"), scenario).unwrap();
    std::fs::write(dir.path().join(WORKFLOW), "Do {{ issue.title }}.\n").unwrap();
    dir
}

fn read_text(dir: &Path, text: &str, env: &Env) -> Read {
    let file = dir.join(FILE);
    std::fs::write(&file, text).unwrap();
    read(&file, env)
}

fn none() -> Env {
    Env::fixed::<&str, &str>([])
}

/// What a person sees of all problems, without the folder's own path.
fn shown(dir: &Path, read: &Read) -> String {
    let all: Vec<String> = read.problems.iter().map(Problem::to_string).collect();
    all.join("\n").replace(&format!("{}/", dir.display()), "")
}

#[test]
fn a_good_file_has_no_problem_and_absolute_paths() {
    let dir = folder();
    let read = read_text(dir.path(), GOOD, &none());
    assert_eq!(shown(dir.path(), &read), "");
    let config = read.config.unwrap();
    assert_eq!(config.state_dir, dir.path().join(".seawall"));
    assert_eq!(config.control.to_string(), doors::CONTROL);
    let shop = &config.projects[&ProjectName::new("shop")];
    assert_eq!(shop.remote, dir.path().join("shop.git").display().to_string());
    assert_eq!(shop.tracker.kind(), "files");
    assert!(matches!(&config.store, StoreUrl::Sqlite(file) if *file == dir.path().join("seawall.db")));
    assert!(
        config.providers["play"].prices.contains_key("x"),
        "a rehearsal is free of charge, not without price"
    );
}

#[test]
fn a_value_from_the_environment_is_used_and_never_shown() {
    let dir = folder();
    let text = GOOD.replace("\"5 USD/run\"", "\"$LIMIT\"");
    let good = read_text(dir.path(), &text, &Env::fixed([("LIMIT", "7 USD/run")]));
    let author = &good.config.unwrap().fleet.agents[&"author".into()];
    assert_eq!(author.budget.unwrap().to_string(), "7.00 USD/run");
    let bad = read_text(dir.path(), &text, &Env::fixed([("LIMIT", "sk-very-secret")]));
    let seen = shown(dir.path(), &bad);
    assert!(seen.contains("its value") && !seen.contains("sk-very-secret"), "{seen}");
}

#[test]
fn every_problem_is_told_at_once() {
    let dir = folder();
    let text = GOOD.replace("200 USD/day", "lots").replace("driver = \"codex\"", "driver = \"cloud\"");
    let text = text.replace("team = \"pay\"\nremote", "team = \"nobody\"\nslotz = 3\nremote");
    let read = read_text(dir.path(), &text, &none());
    let lines: Vec<_> = read.problems.iter().map(|p| p.line.unwrap()).collect();
    assert!(read.config.is_none());
    assert_eq!(lines, [7, 16, 20, 21], "{}", shown(dir.path(), &read));
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(FILE)
}

fn example_env() -> Env {
    Env::fixed([
        ("OPENAI_API_KEY", "k"),
        ("ANTHROPIC_API_KEY", "k"),
        ("PAYMENTS_WEBHOOK", "https://x"),
        ("CI_BOT_KEY", "k"),
    ])
}

#[test]
fn the_example_passes() {
    let read = read(&example(), &example_env());
    let seen = shown(example().parent().unwrap(), &read);
    assert!(read.config.is_some(), "{seen}");
    assert_eq!(seen, "");
}

#[test]
fn the_example_shows_every_key_and_its_defaults_are_the_defaults() {
    let text = std::fs::read_to_string(example()).unwrap();
    let key = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '['))
    };
    let whole: Vec<&str> = text.lines().map(|line| if key(line) { &line[1..] } else { line }).collect();
    let dir = tempfile::tempdir().unwrap();
    for file in ["rehearsal.toml", "shop/WORKFLOW.md"] {
        let to = dir.path().join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(example().parent().unwrap().join(file), to).unwrap();
    }
    let all = read_text(dir.path(), &whole.join("\n"), &example_env());
    let few = read(&example(), &example_env());
    let (mut all_config, few_config) = (all.config.unwrap(), few.config.unwrap());
    // The one default that cannot be written down: the driver's own name, looked up on the PATH.
    all_config.fleet.agents.get_mut(&"author".into()).unwrap().command = None;
    assert_eq!(all_config.fleet, few_config.fleet, "a default in the example is not the default");
    assert_eq!(all_config.state_dir, dir.path().join(".seawall"));
    let source = Source { path: dir.path().join(FILE), text: whole.join("\n") };
    let (table, _) = DeTable::parse_recoverable(&source.text);
    let mut present = BTreeSet::new();
    keys_of(table.get_ref(), "", &mut present);
    let missing: Vec<_> = all.known_keys.difference(&present).collect();
    assert!(missing.is_empty(), "examples/seawall.toml does not show {missing:?}");
}

/// Every key, with the names people chose replaced by `*`.
fn keys_of(table: &DeTable<'_>, path: &str, into: &mut BTreeSet<String>) {
    const NAMED: [&str; 6] = ["providers", "models", "teams", "agents", "projects", "keys"];
    for (key, value) in table {
        let named = NAMED.contains(&path) || path.ends_with(".prices");
        let key = if named { "*" } else { key.get_ref() };
        let full = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        if let Some(inner) = value.get_ref().as_table() {
            keys_of(inner, &full, into);
        }
        into.insert(full);
    }
}

#[test]
fn a_file_that_is_not_there_says_how_to_get_one() {
    let dir = tempfile::tempdir().unwrap();
    let problem = find(None, dir.path()).unwrap_err();
    assert!(problem.to_string().contains("seawall init"), "{problem}");
    let read = read(&dir.path().join("nope.toml"), &none());
    assert!(read.config.is_none());
    assert!(read.problems[0].what.starts_with("cannot read it"), "{:?}", read.problems);
}

#[test]
fn a_workflow_says_what_the_file_leaves_out_and_the_file_wins() {
    let dir = folder();
    let front = "---\nagent: { max_concurrent_agents: 3, max_turns: 7 }\npolling: { interval_ms: 5000 }\n\
        tracker: { provider: { path: work } }\nseawall: { land: rebase, max_rounds: 2 }\n---\nDo it.\n";
    std::fs::write(dir.path().join(WORKFLOW), front).unwrap();
    let read = read_text(dir.path(), &format!("{GOOD}slots = 4\n"), &none());
    let seen = shown(dir.path(), &read);
    assert!(seen.contains("`projects.shop.slots` is said differently in WORKFLOW.md"), "{seen}");
    let config = read.config.unwrap();
    let project = &config.fleet.projects[&"shop".into()];
    assert_eq!((project.slots, project.max_rounds, project.landing), (4, 2, domain::change::Landing::Rebase));
    let source = &config.projects[&"shop".into()];
    assert_eq!((source.poll, source.tracker.kind()), (domain::Millis(5000), "files"));
    assert_eq!(config.fleet.agents[&"author".into()].max_turns, 7);
}

#[test]
fn a_wrong_workflow_is_told_with_its_line() {
    let dir = folder();
    std::fs::write(dir.path().join(WORKFLOW), "---\nagent:\n  max_turns: many\n---\nDo it.\n").unwrap();
    let read = read_text(dir.path(), GOOD, &none());
    let seen = shown(dir.path(), &read);
    let expect = "error: `agent.max_turns` must be a whole number above 0\n  --> WORKFLOW.md:3:1";
    assert!(seen.starts_with(expect), "{seen}");
    std::fs::write(dir.path().join(WORKFLOW), "One\n{% if %}\n").unwrap();
    let seen = shown(dir.path(), &read_text(dir.path(), GOOD, &none()));
    assert!(seen.starts_with("error: the prompt cannot be read"), "{seen}");
    assert!(seen.contains("WORKFLOW.md:2"), "{seen}");
    std::fs::write(dir.path().join(WORKFLOW), "One\nDo {{ issue.titel }}.\n").unwrap();
    let seen = shown(dir.path(), &read_text(dir.path(), GOOD, &none()));
    assert!(seen.starts_with("error: the prompt cannot be filled in"), "{seen}");
    assert!(seen.contains("WORKFLOW.md:2") && seen.contains("titel"), "{seen}");
}

#[test]
fn what_a_workflow_asks_for_and_nobody_does_is_said() {
    let dir = folder();
    std::fs::write(dir.path().join(WORKFLOW), "---\nhooks:\n  before_run: make\n---\nDo it.\n").unwrap();
    let read = read_text(dir.path(), GOOD, &none());
    let seen = shown(dir.path(), &read);
    assert!(seen.starts_with("warning: hooks are not run where Seawall makes the workspace"), "{seen}");
    assert!(read.config.is_some());
}

#[test]
fn a_lone_workflow_is_enough() {
    let dir = folder();
    std::fs::create_dir_all(dir.path().join(".git")).unwrap();
    std::fs::write(dir.path().join(".git/HEAD"), "ref: refs/heads/trunk\n").unwrap();
    let file = dir.path().join(WORKFLOW);
    std::fs::write(&file, "---\ntracker: {kind: files}\n---\nDo it.\n").unwrap();
    let read = read(&file, &Env::fixed([("OPENAI_API_KEY", "k")]));
    let seen = shown(dir.path(), &read);
    let config = read.config.unwrap_or_else(|| panic!("{seen}"));
    let (name, project) = config.fleet.projects.first_key_value().unwrap();
    assert_eq!((project.branch.as_str(), project.author.as_str()), ("trunk", "author"));
    assert_eq!(
        config.projects[name].remote, "",
        "where its workspaces push to is told by their own repositories"
    );
    let without = super::read(&file, &none());
    assert!(without.config.is_none());
    assert!(without.problems[0].what.contains("OPENAI_API_KEY"));
}

#[test]
fn where_handed_off_work_is_pushed_to_can_be_said() {
    let dir = folder();
    let file = dir.path().join(WORKFLOW);
    let remote = |env: &Env, delivery: &str, said: &str| {
        let own = format!("seawall: {{delivery: {delivery}, remote: {said}}}");
        std::fs::write(&file, format!("---\ntracker: {{kind: files}}\n{own}\n---\nDo it.\n")).unwrap();
        let config = read(&file, env).config.unwrap();
        config.projects.values().next().unwrap().remote.clone()
    };
    let env = Env::fixed([("OPENAI_API_KEY", "k"), ("REMOTE", "https://me:t@h/x.git")]);
    assert_eq!(remote(&env, "handoff", "$REMOTE"), "https://me:t@h/x.git");
    assert_eq!(remote(&env, "handoff", "x.git"), dir.path().join("x.git").display().to_string());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_file_panics(cut in 0..GOOD.len(), put in "[ -~äß\n\"\\[\\]=.$#]{0,12}", dropped in 0usize..9) {
        let dir = folder();
        let (before, after) = GOOD.split_at(cut);
        let text = format!("{before}{put}{}", after.get(dropped..).unwrap_or(""));
        let read = read_text(dir.path(), &text, &none());
        for problem in &read.problems {
            prop_assert!(!problem.to_string().is_empty());
        }
        let errors = read.problems.iter().any(|p| p.severity == Severity::Error);
        prop_assert_eq!(read.config.is_none(), errors);
    }
}
