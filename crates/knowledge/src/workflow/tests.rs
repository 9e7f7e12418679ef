use super::*;
use domain::change::Landing;
use proptest::prelude::*;
use serde_json::json;

const FULL: &str = "---
tracker:
  kind: files
  provider: {path: issues, extra: [1]}
  active_states: [Todo, no]
polling:
  interval_ms: null
hooks:
  before_run: |
    make deps
agent:
  max_turns: 5
codex:
  command: FOO=1 codex app-server
other: kept
seawall:
  remote: ../shop.git
  branch: trunk
  author: builder
  land: fast-forward
  max_rounds: 2
---

Do {{ issue.title }}{% if attempt %} (attempt {{ attempt }}){% endif %}.
{% for label in issue.labels %}[{{ label | upcase }}]{% endfor %}
";

fn issue() -> Value {
    json!({
        "identifier": "SHOP-1", "title": "pay once", "description": null, "labels": ["bug"], "priority": 1,
        "blocked_by": [{"id": "x", "state": null}], "native_ref": null,
    })
}

fn render(body: &str) -> Result<String, Error> {
    Workflow::parse("WORKFLOW.md", body)?.render(&issue(), None)
}

#[test]
fn settings_have_their_defaults_and_the_front_matter_is_kept_whole() {
    let workflow = Workflow::parse("WORKFLOW.md", FULL).unwrap();
    let settings = &workflow.settings;
    assert_eq!(settings.tracker.path.as_deref(), Some("issues"));
    assert_eq!(settings.tracker.active_states.as_deref(), Some(&["Todo".to_owned(), "no".to_owned()][..]));
    assert_eq!(settings.tracker.terminal_states, None);
    assert_eq!((settings.polling_interval_ms, settings.hooks.timeout_ms), (30_000, 60_000));
    assert_eq!(settings.hooks.before_run.as_deref(), Some("make deps\n"));
    assert_eq!((settings.agent.max_turns, settings.agent.max_concurrent_agents), (5, 10));
    assert_eq!(settings.codex["command"], "FOO=1 codex app-server");
    assert_eq!((settings.seawall.land, settings.seawall.max_rounds), (Landing::Rebase, Some(2)));
    assert_eq!(workflow.front["other"], "kept");
    assert_eq!(workflow.front["tracker"]["provider"]["extra"], json!([1]));
}

#[test]
fn the_prompt_is_filled_in() {
    let workflow = Workflow::parse("WORKFLOW.md", FULL).unwrap();
    assert_eq!(workflow.render(&issue(), None).unwrap(), "Do pay once.\n[BUG]");
    assert_eq!(workflow.render(&issue(), Some(2)).unwrap(), "Do pay once (attempt 2).\n[BUG]");
}

#[test]
fn a_file_without_front_matter_is_all_prompt_and_an_empty_prompt_has_a_default() {
    assert_eq!(render("\n Hi \n").unwrap(), "Hi");
    let workflow = Workflow::parse("WORKFLOW.md", "---\ntracker:\n  kind: files\n").unwrap();
    assert_eq!(workflow.settings.tracker.kind.as_deref(), Some("files"));
    let prompt = workflow.render(&issue(), None).unwrap();
    assert_eq!(prompt, "You are working on issue SHOP-1: pay once\n\nNo description provided.\n");
}

#[test]
fn wrong_values_name_key_file_and_line() {
    for (front, key, line) in [
        ("polling:\n  interval_ms: nope", "polling.interval_ms", 3),
        ("tracker:\n  kind: x\n  active_states: \"Todo, Review\"", "tracker.active_states", 4),
        ("agent:\n  max_turns: 0", "agent.max_turns", 3),
        ("hooks:\n  timeout_ms: -1", "hooks.timeout_ms", 3),
        ("codex:\n  command: '  '", "codex.command", 3),
        ("hooks: []", "hooks", 2),
        ("seawall:\n  lands: merge", "seawall.lands", 3),
        ("seawall:\n  land: force", "seawall.land", 3),
        ("workspace:\n  root: 5", "workspace.root", 3),
    ] {
        let error = Workflow::parse("W.md", &format!("---\n{front}\n---\n")).unwrap_err();
        assert!(
            matches!(&error, Error::BadValue { key: k, line: l, .. } if k == key && *l == line),
            "{error}"
        );
        assert!(error.to_string().starts_with(&format!("W.md:{line}: {key} ")), "{error}");
    }
}

#[test]
fn each_fault_has_symphonys_name() {
    let class = |text: &str| match Workflow::parse("W.md", text) {
        Ok(workflow) => workflow.render(&issue(), None).map(|_| ()).map_err(|e| e.class()),
        Err(error) => Err(error.class()),
    };
    assert_eq!(class("---\n- a\n---\n"), Err("workflow_front_matter_not_a_map"));
    assert_eq!(class("---\na: [\n---\n"), Err("workflow_parse_error"));
    assert_eq!(class("{% if %}"), Err("template_parse_error"));
    assert_eq!(class("{{ issue.nope }}"), Err("template_render_error"));
    assert_eq!(class("{{ issue.title | nope }}"), Err("template_render_error"));
    let missing = Workflow::load(Path::new("/nonexistent/W.md"), "W.md").unwrap_err();
    assert_eq!(missing.class(), "missing_workflow_file");
}

#[test]
fn an_unknown_variable_is_an_error_wherever_it_stands() {
    for (body, name) in [
        ("a\n\n{% if nope %}x{% endif %}", "nope"),
        ("a\n\n{% unless issue.nope == 'x' %}x{% endunless %}", "issue.nope"),
        ("a\n\n{% if attempt and issue.nope %}{% endif %}", "issue.nope"),
        ("a\n\n{%- if false -%}{{ issue['nope'] }}{%- endif -%}", "issue.nope"),
        ("a\n{% for b in issue.blocked_by %}\n{% if b.nope %}{% endif %}{% endfor %}", "b.nope"),
        ("a\n{% assign i = issue %}\n{% if i.nope %}{% endif %}", "i.nope"),
        ("a\n\n{% case nope %}{% when 1 %}{% endcase %}", "nope"),
        ("a\n\n{{ issue.title | append: nope }}", "nope"),
        ("a\n\n{% for x in nope %}{% endfor %}", "nope"),
    ] {
        let text = format!("---\n---\n{body}");
        let error = render(&text).unwrap_err();
        let expect = format!("WORKFLOW.md:5: the prompt cannot be filled in: unknown variable {name}");
        assert_eq!(error.to_string(), expect, "{body}");
    }
}

#[test]
fn what_liquid_knows_passes() {
    for (body, expect) in [
        ("{% assign x = 1 %}{% if x %}a{% endif %}", "a"),
        ("{% capture y %}b{% endcapture %}{{ y }}", "b"),
        ("{% for l in issue.labels %}{{ forloop.index }}{{ l.size }}{% endfor %}", "13"),
        ("{% raw %}{{ nope }}{% endraw %}{% comment %}{{ nope }}{% endcomment %}", "{{ nope }}"),
        ("{% if issue.native_ref %}x{% else %}{{ issue.labels.first }}{% endif %}", "bug"),
        ("{{ issue.labels | join: ', ' | truncate: 5 }}", "bug"),
        ("{% for b in issue.blocked_by limit: 1 %}{{ b.id }}{% endfor %}", "x"),
        ("{% for i in (1..3) %}{{ i }}{% endfor %}", "123"),
        ("{% if issue.labels contains \"bug\" and issue.priority <= 2 %}c{% endif %}", "c"),
        ("{{ 'nope' }}{% case issue.priority %}{% when 1 %}d{% endcase %}", "noped"),
    ] {
        assert_eq!(render(body).unwrap(), expect, "{body}");
    }
}

#[test]
fn hostile_templates_are_refused() {
    let deep = format!("{}{}", "{% if attempt %}".repeat(5_000), "{% endif %}".repeat(5_000));
    let loops = "{% for i in (1..999999999) %}{% endfor %}";
    let brackets = format!("{{{{ issue{}1{} }}}}", "[issue".repeat(5_000), "]".repeat(5_000));
    let flood = format!(
        "{{% for i in (1..1000) %}}{{% for j in (1..1000) %}}{}{{% endfor %}}{{% endfor %}}",
        "x".repeat(99)
    );
    for body in [deep.as_str(), loops, &brackets, &flood, &"x".repeat(MAX_BYTES + 1)] {
        assert!(render(body).is_err());
    }
}

proptest! {
    #[test]
    fn any_text_loads_or_is_an_error(text in "(---\n)?\\PC{0,200}") {
        let _ = render(&text);
    }

    #[test]
    fn any_template_renders_or_is_an_error(body in "([{}%|.\\[\\]'\" a-z()=:-]|\\{% | %\\}|\\{\\{ | \\}\\}|if |for |issue|endif|endfor| in ){0,40}") {
        let _ = render(&body);
    }

    #[test]
    fn any_front_matter_loads_or_is_an_error(front in "[a-z:&*!\\[\\]{}|>'\"\n -]{0,200}") {
        let _ = Workflow::parse("W.md", &format!("---\n{front}\n---\nbody"));
    }
}
