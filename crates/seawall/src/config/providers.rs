//! `[providers.X]`: who answers model calls, and what that costs.

use super::problem::{Problem, Report};
use super::section::{Given, Reader, Section};
use base::secret::Secret;
use domain::MicroUsd;
use domain::call::Price;
use gateway::rehearsal::{Scenario, ScenarioError};
use gateway::{Kind, Provider};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a call may make when neither it nor the price says: the most that models of the day can make.
const DEFAULT_MAX_OUTPUT_TOKENS: u64 = 128_000;
/// A bound far above any model's context, to catch a slipped digit.
const MAX_OUTPUT_TOKENS: u64 = 10_000_000;
/// Where OpenAI answers.
pub const OPENAI: &str = "https://api.openai.com/v1";
/// Where Anthropic answers.
pub const ANTHROPIC: &str = "https://api.anthropic.com";
/// Every kind, for the mends.
const KINDS: &str = "write kind = \"openai\", kind = \"anthropic\" or kind = \"rehearsal\"";

/// Every provider, by name.
pub type Providers = BTreeMap<String, (Given<String>, Provider)>;

/// Reads all providers.
pub fn read(root: &Section<'_>, reader: &Reader<'_>) -> Providers {
    let mut providers = Providers::new();
    for (name, section) in root.named("providers") {
        // Every key is asked for whatever the kind, so that a key of another kind is not called unknown.
        let (kind, base_url, key) = (section.text("kind"), base_url(&section, reader), section.secret("key"));
        let scenario = section.text("scenario");
        let kind = match kind.as_ref().map(|k| k.value.as_str()) {
            Some("openai") => openai(base_url, key),
            Some("anthropic") => anthropic(base_url, key),
            Some("rehearsal") => rehearsal(&section, scenario, reader),
            Some(_) => unknown_kind(kind.as_ref(), reader),
            None => {
                section.missing("kind", KINDS);
                None
            }
        };
        let prices = prices(&section, kind.as_ref(), reader);
        section.finish();
        if let Some(kind) = kind {
            let provider = Provider { kind, prices };
            providers.insert(name.value.clone(), (name, provider));
        }
    }
    providers
}

/// Reads the scenario at `path`; what is wrong with it is reported in its own file.
pub fn scenario(path: &Path, report: &Report) -> Option<Arc<Scenario>> {
    match Scenario::load(path) {
        Ok(scenario) => Some(Arc::new(scenario)),
        Err(error) => {
            report.add(match &error {
                ScenarioError::Unreadable { why, .. } => {
                    let what = format!("the scenario cannot be read: {why}");
                    Problem::of_file(path, what, "check the path in the provider's `scenario`")
                }
                ScenarioError::Wrong { line, what, .. } => Problem::told(path, *line, what),
            });
            None
        }
    }
}

fn openai(base_url: Option<Given<String>>, key: Option<Given<Secret>>) -> Option<Kind> {
    let base_url = base_url.map_or_else(|| OPENAI.to_owned(), |url| url.value);
    Some(Kind::OpenAi { base_url, key: key.map(|k| k.value) })
}

fn anthropic(base_url: Option<Given<String>>, key: Option<Given<Secret>>) -> Option<Kind> {
    let base_url = base_url.map_or_else(|| ANTHROPIC.to_owned(), |url| url.value);
    Some(Kind::Anthropic { base_url, key: key.map(|k| k.value) })
}

fn rehearsal(section: &Section<'_>, path: Option<Given<String>>, reader: &Reader<'_>) -> Option<Kind> {
    let Some(path) = path else {
        section.missing("scenario", "name the scenario it plays, like scenario = \"rehearsal.toml\"");
        return None;
    };
    let scenario = scenario(&reader.source.dir().join(&path.value), reader.report)?;
    Some(Kind::Rehearsal { scenario })
}

fn unknown_kind(kind: Option<&Given<String>>, reader: &Reader<'_>) -> Option<Kind> {
    if let Some(kind) = kind {
        reader.problem(kind, "this kind of provider is not known", KINDS);
    }
    None
}

fn base_url(section: &Section<'_>, reader: &Reader<'_>) -> Option<Given<String>> {
    let url = section.parsed("base_url", |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let host = rest.filter(|r| !r.is_empty() && !r.starts_with('/') && !r.contains([' ', '?', '#']));
        host.map(|_| text.trim_end_matches('/').to_owned())
            .ok_or("`base_url` is not an http or https address; write it like \"https://api.openai.com/v1\"")
    })?;
    let local = ["http://127.", "http://localhost", "http://[::1]"];
    if url.value.starts_with("http://") && !local.iter().any(|start| url.value.starts_with(start)) {
        reader.warning(&url, "the provider's key and all prompts travel unencrypted", "use an https address");
    }
    Some(url)
}

/// What writing to the cache costs when no price says so: never less than the provider bills. Anthropic bills up to
/// twice the plain input (for an hour in the cache), the others no more than that input.
fn default_cache_write(kind: Option<&Kind>, input: MicroUsd) -> MicroUsd {
    match kind {
        Some(Kind::Anthropic { .. }) => MicroUsd(input.0.saturating_mul(2)),
        Some(Kind::OpenAi { .. } | Kind::Rehearsal { .. }) | None => input,
    }
}

fn prices(section: &Section<'_>, kind: Option<&Kind>, reader: &Reader<'_>) -> BTreeMap<String, Price> {
    let any = |name: &str| !name.trim().is_empty() && name.len() <= 128;
    let mut prices = BTreeMap::new();
    for (model, section) in section.named_by("prices", any, "write the provider's own model name, or \"*\"") {
        let money = |key| section.parsed(key, MicroUsd::parse).map(|given| given.value);
        let (input, output) = (money("input"), money("output"));
        let (cached, cache_write) = (money("cached"), money("cache_write"));
        let most = section.integer("max_output_tokens", 1..=MAX_OUTPUT_TOKENS).map(|given| given.value);
        if let (Some(input), Some(output)) = (input, output) {
            let price = Price {
                input,
                // What is not named is billed as plain input: never less than it costs.
                cached: cached.unwrap_or(input),
                cache_write: cache_write.unwrap_or_else(|| default_cache_write(kind, input)),
                output,
                max_output_tokens: most.unwrap_or(DEFAULT_MAX_OUTPUT_TOKENS),
            };
            prices.insert(model.value.clone(), price);
        } else {
            let given = section.itself();
            let mend = "write both, per million tokens, like input = \"1.25 USD\" and output = \"10 USD\"";
            reader.problem(
                &given,
                format!("the price of `{}` needs `input` and `output`", model.value),
                mend,
            );
        }
        section.finish();
    }
    prices
}
