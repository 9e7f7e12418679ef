//! `[models.X]`: names that agents ask for, and where each leads.

use super::providers::Providers;
use super::section::{Given, Reader, Section};
use domain::ModelName;
use domain::call::Price;
use gateway::ANY_MODEL;
use gateway::{Kind, Route};
use std::collections::BTreeMap;

const A_ROUTE: &str = "name at least one route, like try = [\"openai/gpt-6.1-sol\"]";

/// Every model name with its routes.
pub type Models = BTreeMap<ModelName, Vec<Route>>;

/// Reads all models; gives each routed model its provider's `*` price when it has none of its own.
pub fn read(root: &Section<'_>, reader: &Reader<'_>, providers: &mut Providers) -> Models {
    let fits = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
        !name.is_empty() && name.len() <= 128 && name.chars().all(plain)
    };
    let rule = "a model name may have letters, digits, `-`, `_`, `.`, `/` and `:`, at most 128 of them";
    let mut models = Models::new();
    for (name, section) in root.named_by("models", fits, rule) {
        let tries = section.texts("try");
        match &tries {
            Some(tries) if tries.value.is_empty() => reader.problem(tries, "`try` names no route", A_ROUTE),
            Some(_) => {}
            None => section.missing("try", A_ROUTE),
        }
        let routes = tries.map(|t| t.value).unwrap_or_default();
        let routes = routes.iter().filter_map(|text| route(text, reader, providers)).collect();
        section.finish();
        models.insert(ModelName::new(name.value), routes);
    }
    models
}

fn route(text: &Given<String>, reader: &Reader<'_>, providers: &mut Providers) -> Option<Route> {
    let Some((provider, model)) = text.value.split_once('/').filter(|(p, m)| !p.is_empty() && !m.is_empty())
    else {
        reader.problem(text, "a route has the form provider/model", "write it like \"openai/gpt-6.1-sol\"");
        return None;
    };
    if !providers.contains_key(provider) {
        let what = format!("the provider `{provider}` is not configured");
        let known: Vec<&str> = providers.keys().map(String::as_str).collect();
        reader.problem(text, what, add_or_use("providers", provider, &known));
        return None;
    }
    price(text, provider, model, reader, providers);
    Some(Route { provider: provider.to_owned(), model: model.to_owned() })
}

/// A model without a price is never called, so a missing one is said; what a rehearsal answers costs nothing
/// unless the scenario's author wants to see money move.
fn price(text: &Given<String>, provider: &str, model: &str, reader: &Reader<'_>, providers: &mut Providers) {
    let Some((_, known)) = providers.get_mut(provider) else { return };
    if known.prices.contains_key(model) {
        return;
    }
    let free = matches!(known.kind, Kind::Rehearsal { .. })
        .then(|| Price { max_output_tokens: 1_000_000, ..Price::default() });
    if let Some(price) = known.prices.get(ANY_MODEL).copied().or(free) {
        known.prices.insert(model.to_owned(), price);
        return;
    }
    let what = format!("`{}` has no price, so every call to it will be refused", text.value);
    let mend =
        format!("add [providers.{provider}.prices.\"{model}\"] with input and output per million tokens");
    reader.warning(text, what, mend);
}

/// The mend for a name that leads nowhere.
pub fn add_or_use(table: &str, name: &str, known: &[&str]) -> String {
    if known.is_empty() {
        format!("add [{table}.{name}]")
    } else {
        format!("add [{table}.{name}], or use one of: {}", known.join(", "))
    }
}
