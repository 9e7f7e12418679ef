//! The workflow file and what it means.

use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

#[derive(Clone, Debug)]
pub(crate) struct Workflow {
    pub(crate) config: Value,
    pub(crate) prompt: String,
    pub(crate) root: PathBuf,
    pub(crate) key: String,
    /// Environment names that hold the key.
    pub(crate) secrets: Vec<String>,
}

pub(crate) fn load(path: &Path) -> Result<Workflow, String> {
    let text = std::fs::read_to_string(path).map_err(|why| format!("{}: {why}", path.display()))?;
    let (front, prompt) = match text.strip_prefix("---\n") {
        Some(rest) => rest.split_once("\n---").ok_or("front matter without an end")?,
        None => ("{}", text.as_str()),
    };
    let config: Value =
        serde_saphyr::from_str(front).map_err(|why| format!("workflow_parse_error: {why}"))?;
    if !config.is_object() {
        return Err("workflow_front_matter_not_a_map".to_owned());
    }
    let (key, secrets) = checked(&config)?;
    let root = root(&config, path);
    let prompt = prompt.trim_start_matches('-').trim().to_owned();
    Ok(Workflow { config, prompt, root, key, secrets })
}

fn checked(config: &Value) -> Result<(String, Vec<String>), String> {
    let tracker = &config["tracker"];
    match tracker["kind"].as_str() {
        Some("linear") => {}
        other => return Err(format!("unsupported_tracker_kind {other:?}")),
    }
    if tracker["provider"]["project_slug"].as_str().is_none_or(str::is_empty) {
        return Err("invalid_tracker_config: tracker.provider.project_slug is missing".to_owned());
    }
    for (section, name, least) in
        [("polling", "interval_ms", 1), ("agent", "max_turns", 1), ("hooks", "timeout_ms", 1)]
    {
        let value = &config[section][name];
        if !value.is_null() && value.as_i64().is_none_or(|n| n < least) {
            return Err(format!("{section}.{name} must be an integer of {least} or more, not {value}"));
        }
    }
    if config["codex"]["command"].as_str().is_some_and(|command| command.trim().is_empty()) {
        return Err("codex.command can't be blank".to_owned());
    }
    let api_key = tracker["provider"]["api_key"].as_str().unwrap_or("$LINEAR_API_KEY");
    let name = api_key.strip_prefix('$');
    let key = name.map_or_else(|| api_key.to_owned(), |name| std::env::var(name).unwrap_or_default());
    if key.trim().is_empty() {
        return Err("missing_tracker_secret: tracker.provider.api_key".to_owned());
    }
    let secrets = ["LINEAR_API_KEY"].into_iter().chain(name).map(str::to_owned).collect();
    Ok((key, secrets))
}

fn root(config: &Value, path: &Path) -> PathBuf {
    let named = config["workspace"]["root"].as_str().unwrap_or_default();
    let named = match named.strip_prefix('$') {
        Some(name) => std::env::var(name).unwrap_or_default(),
        None => named.to_owned(),
    };
    if named.is_empty() {
        return std::env::temp_dir().join("symphony_workspaces");
    }
    if let Some(rest) = named.strip_prefix("~/") {
        return PathBuf::from(std::env::var("HOME").unwrap_or_default()).join(rest);
    }
    let folder = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    folder.parent().unwrap_or(Path::new("/")).join(named)
}

impl Workflow {
    pub(crate) fn number(&self, section: &str, name: &str, usual: i64) -> i64 {
        self.config[section][name].as_i64().unwrap_or(usual)
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.config["tracker"][name].as_array().cloned().unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(crate) fn is_in(&self, name: &str, state: &str) -> bool {
        self.texts(name).iter().any(|known| normal(known) == normal(state))
    }

    pub(crate) fn limit_of(&self, state: &str) -> usize {
        let all = self.number("agent", "max_concurrent_agents", 10);
        let map =
            self.config["agent"]["max_concurrent_agents_by_state"].as_object().cloned().unwrap_or_default();
        let of = map.iter().find(|(name, _)| normal(name) == normal(state)).and_then(|(_, n)| n.as_i64());
        usize::try_from(of.filter(|n| *n > 0).unwrap_or(all)).unwrap_or(0)
    }

    pub(crate) fn render(&self, issue: &Value, attempt: Option<u32>) -> Result<String, String> {
        if self.prompt.is_empty() {
            return Ok("You are working on an issue from the configured tracker.".to_owned());
        }
        let parser = liquid::ParserBuilder::with_stdlib().build().map_err(|why| why.to_string())?;
        let template = parser.parse(&self.prompt).map_err(|why| format!("template_parse_error: {why}"))?;
        let mut globals = Map::new();
        globals.insert("issue".to_owned(), issue.clone());
        globals.insert("attempt".to_owned(), json!(attempt));
        let object = liquid::to_object(&globals).map_err(|why| why.to_string())?;
        template.render(&object).map_err(|why| format!("template_render_error: {why}"))
    }
}

pub(crate) fn normal(text: &str) -> String {
    text.trim().to_lowercase()
}
