//! Whether an agent can be heard where its model leads: a driver speaks one protocol, a provider one or all of them.
//!
//! Invariant: an agent is refused only when it is known that each of its calls would be. A command speaks as it likes.

use super::agents::driver_name;
use domain::ModelName;
use domain::fleet::{Agent, Driver};
use engine::Handoff;
use gateway::{Kind, Protocol, Provider, Route};
use std::collections::{BTreeMap, BTreeSet};

/// The protocol that `driver` speaks; `None`: that of the program it runs.
fn spoken_by(driver: Driver) -> Option<Protocol> {
    match driver {
        Driver::Builtin | Driver::Codex => Some(Protocol::Responses),
        Driver::Claude => Some(Protocol::Messages),
        Driver::Command => None,
    }
}

/// The kind of provider that speaks nothing but `protocol`.
fn kind_for(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Responses => "openai",
        Protocol::Messages => "anthropic",
    }
}

/// Whether the work is handed off by a shell command that need not be Codex, whatever the driver is called.
pub fn starts_another(handoff: Option<&Handoff>) -> bool {
    let command = handoff.and_then(|handoff| handoff.command.as_deref());
    command.is_some_and(|command| !command.contains("codex"))
}

/// What is wrong when none of the `routes` of `model` leads to a provider that speaks as `agent` does, and the kind of
/// provider that would.
pub fn unheard(
    agent: &Agent,
    model: &ModelName,
    routes: &[Route],
    providers: &BTreeMap<String, Provider>,
) -> Option<(String, &'static str)> {
    let protocol = spoken_by(agent.driver)?;
    let named: BTreeSet<&str> = routes.iter().map(|route| route.provider.as_str()).collect();
    let heard = |name: &&str| providers.get(*name).is_some_and(|provider| provider.kind.speaks(protocol));
    // Without a route there is nobody to blame: that is told elsewhere.
    if named.is_empty() || named.iter().any(heard) {
        return None;
    }
    let named: Vec<String> = named.into_iter().map(|name| said_of(name, providers)).collect();
    let what = format!(
        "agent `{}` cannot be heard: its driver `{}` speaks {protocol}, and no provider of the model `{model}` does \
         ({})",
        agent.name,
        driver_name(agent.driver),
        named.join(", ")
    );
    Some((what, kind_for(protocol)))
}

fn said_of(name: &str, providers: &BTreeMap<String, Provider>) -> String {
    match providers.get(name).map(|provider| &provider.kind) {
        Some(Kind::OpenAi { .. }) => format!("`{name}` speaks {}", Protocol::Responses),
        Some(Kind::Anthropic { .. }) => format!("`{name}` speaks {}", Protocol::Messages),
        Some(Kind::Rehearsal { .. }) | None => format!("`{name}`"),
    }
}
