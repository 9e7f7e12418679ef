//! Stopping: who is reached by an order, what each layer proved, and what an order means afterwards.
//!
//! Invariants: epochs only grow; an order given twice changes nothing the second time; a token minted
//! before a scope's epoch stays refused for ever, also after the scope was lifted.

use crate::{AgentName, Epoch, OrderId, ProjectName, RunId, TeamName, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whom an order reaches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// One run.
    Run(RunId),
    /// Every run of an agent.
    Agent(AgentName),
    /// Every run that a team's agents make.
    Team(TeamName),
    /// Every run for a project.
    Project(ProjectName),
    /// Everything.
    All,
}

/// Why a text is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; write run/ID, agent/NAME, team/NAME, project/NAME or all")]
pub struct UnknownScope(pub String);

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        let unknown = || UnknownScope(text.to_owned());
        if text == "all" {
            return Ok(Self::All);
        }
        let (kind, name) = text.split_once('/').ok_or_else(unknown)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 128 || !name.chars().all(plain) {
            return Err(unknown());
        }
        match kind {
            "run" => Ok(Self::Run(name.into())),
            "agent" => Ok(Self::Agent(name.into())),
            "team" => Ok(Self::Team(name.into())),
            "project" => Ok(Self::Project(name.into())),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run/{id}"),
            Self::Agent(name) => write!(f, "agent/{name}"),
            Self::Team(name) => write!(f, "team/{name}"),
            Self::Project(name) => write!(f, "project/{name}"),
            Self::All => f.write_str("all"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What of a run the scopes speak of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The run.
    pub run: RunId,
    /// Its agent.
    pub agent: AgentName,
    /// The agent's team.
    pub team: TeamName,
    /// The project it works for.
    pub project: ProjectName,
}

impl Identity {
    /// Every scope that covers this run, narrowest first.
    pub fn scopes(&self) -> [Scope; 5] {
        [
            Scope::Run(self.run.clone()),
            Scope::Agent(self.agent.clone()),
            Scope::Team(self.team.clone()),
            Scope::Project(self.project.clone()),
            Scope::All,
        ]
    }
}

/// Soft asks the agent first; hard freezes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Identity and gateway first, an interrupt, then the kill.
    Soft,
    /// Freeze and kill first, then the rest.
    #[default]
    Hard,
}

/// One command to stop a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Whom it reaches.
    pub scope: Scope,
    /// How.
    pub mode: Mode,
    /// Why, in the person's words.
    pub reason: String,
    /// Who gave it.
    pub actor: String,
    /// Grows with every order of this installation.
    pub epoch: Epoch,
    /// When it was given.
    pub given_at: Timestamp,
}

/// How a scope stands: stopped by an order, or lifted again. A scope never named has no entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// The order that stopped it last.
    pub order: Order,
    /// Who lifted it and why, once lifted.
    pub lifted: Option<Lift>,
}

/// The end of a containment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// The lifting order's epoch; larger than the stop's.
    pub epoch: Epoch,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Containment {
    /// Whether the scope is stopped now.
    pub fn in_force(&self) -> bool {
        self.lifted.is_none()
    }
}

/// Every containment that was ever ordered, by scope. Small: people give orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Containments {
    by_scope: std::collections::BTreeMap<Scope, Containment>,
}

/// Why an identity may not act.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A scope that covers it is stopped.
    #[error("{} is stopped by order {} ({}): {}", .0.scope, .0.id, .0.actor, .0.reason)]
    Stopped(Box<Order>),
    /// Its token is older than an order that covered it.
    #[error("the token was revoked by order {} on {}", .0.id, .0.scope)]
    Revoked(Box<Order>),
}

impl Denied {
    /// The order that denies.
    pub fn order(&self) -> &Order {
        match self {
            Self::Stopped(order) | Self::Revoked(order) => order,
        }
    }
}

impl Containments {
    /// The set made of the stored entries; of two for one scope the higher epoch wins.
    pub fn from_entries(entries: impl IntoIterator<Item = Containment>) -> Self {
        let mut set = Self::default();
        for entry in entries {
            set.merge(entry);
        }
        set
    }

    /// Takes `entry` in; an older one than is known changes nothing.
    pub fn merge(&mut self, entry: Containment) {
        let age = |c: &Containment| c.lifted.as_ref().map_or(c.order.epoch, |l| l.epoch);
        match self.by_scope.get(&entry.order.scope) {
            Some(known) if age(known) >= age(&entry) => {}
            Some(_) | None => {
                self.by_scope.insert(entry.order.scope.clone(), entry);
            }
        }
    }

    /// The order that stops `identity` now, the widest scope first.
    pub fn stopping(&self, identity: &Identity) -> Option<&Order> {
        let scopes = identity.scopes();
        scopes.iter().rev().filter_map(|s| self.by_scope.get(s)).find(|c| c.in_force()).map(|c| &c.order)
    }

    /// Whether a token of `identity` minted at `epoch` may still be used.
    pub fn admit(&self, identity: &Identity, epoch: Epoch) -> Result<(), Denied> {
        if let Some(order) = self.stopping(identity) {
            return Err(Denied::Stopped(Box::new(order.clone())));
        }
        let older = |c: &&Containment| c.order.epoch > epoch;
        match identity.scopes().iter().filter_map(|s| self.by_scope.get(s)).find(older) {
            Some(c) => Err(Denied::Revoked(Box::new(c.order.clone()))),
            None => Ok(()),
        }
    }

    /// The scope's entry, if it was ever named by an order.
    pub fn get(&self, scope: &Scope) -> Option<&Containment> {
        self.by_scope.get(scope)
    }

    /// Every entry, in the order of scopes.
    pub fn iter(&self) -> impl Iterator<Item = &Containment> {
        self.by_scope.values()
    }

    /// The highest epoch of any order or lift here.
    pub fn epoch(&self) -> Epoch {
        self.iter()
            .map(|c| c.lifted.as_ref().map_or(c.order.epoch, |l| l.epoch.max(c.order.epoch)))
            .max()
            .unwrap_or_default()
    }
}

/// The layers that an order acts on. Payment and framework join them with the issue on containment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Processes.
    Runtime,
    /// Tokens.
    Identity,
    /// Calls and streams.
    Gateway,
}

impl Layer {
    /// Every layer, in the order of a receipt.
    pub const ALL: [Self; 3] = [Self::Runtime, Self::Identity, Self::Gateway];

    /// The name, as it stands in receipts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Identity => "identity",
            Self::Gateway => "gateway",
        }
    }
}

/// What a layer proved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Proof {
    /// Asked, not answered yet.
    Requested,
    /// Proven; `by` says how.
    Verified {
        /// The observation that proves it.
        by: String,
    },
    /// Not proven; `why` says what is missing.
    Unverified {
        /// What is missing.
        why: String,
    },
}

/// One layer's answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The order.
    pub order: OrderId,
    /// The layer.
    pub layer: Layer,
    /// What it proved.
    #[serde(flatten)]
    pub proof: Proof,
    /// From the order to the proof, microseconds.
    pub after_us: u64,
    /// When.
    pub at: Timestamp,
}

/// What the receipts say together. Never "sent".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// Every layer proved it.
    Verified,
    /// At least one layer has not.
    Partial,
}

/// Verified only if every layer has a verified receipt.
pub fn verdict(receipts: &[Receipt]) -> Verdict {
    let proven =
        |layer: Layer| receipts.iter().any(|r| r.layer == layer && matches!(r.proof, Proof::Verified { .. }));
    if Layer::ALL.into_iter().all(proven) { Verdict::Verified } else { Verdict::Partial }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(scope: Scope, epoch: u64) -> Order {
        Order {
            id: OrderId::new(format!("o{epoch}")),
            scope,
            mode: Mode::Hard,
            reason: "loops".into(),
            actor: "ana".into(),
            epoch: Epoch(epoch),
            given_at: Timestamp(0),
        }
    }

    fn identity() -> Identity {
        Identity { run: "r1".into(), agent: "author".into(), team: "pay".into(), project: "shop".into() }
    }

    fn stopped(scope: Scope, epoch: u64) -> Containment {
        Containment { order: order(scope, epoch), lifted: None }
    }

    #[test]
    fn scopes_are_read_and_written_back() {
        for text in ["run/0abc", "agent/author", "team/pay", "project/shop", "all"] {
            assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        }
        for text in
            ["", "run/", "everything", "user/x", "team/a b", "team/../x", &format!("run/{}", "a".repeat(129))]
        {
            assert!(text.parse::<Scope>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_covering_scope_denies() {
        for scope in identity().scopes() {
            let set = Containments::from_entries([stopped(scope.clone(), 3)]);
            assert!(matches!(set.admit(&identity(), Epoch(9)), Err(Denied::Stopped(_))), "{scope}");
        }
        let other = Containments::from_entries([stopped(Scope::Team("web".into()), 3)]);
        assert_eq!(other.admit(&identity(), Epoch(0)), Ok(()));
    }

    #[test]
    fn a_lifted_scope_admits_new_tokens_and_never_the_old() {
        let mut lifted = stopped(Scope::All, 3);
        lifted.lifted =
            Some(Lift { epoch: Epoch(4), actor: "bo".into(), reason: "ok".into(), at: Timestamp(1) });
        let set = Containments::from_entries([lifted]);
        assert!(matches!(set.admit(&identity(), Epoch(2)), Err(Denied::Revoked(_))));
        assert_eq!(set.admit(&identity(), Epoch(4)), Ok(()));
    }

    #[test]
    fn merging_is_idempotent_and_keeps_the_newer() {
        let mut set = Containments::from_entries([stopped(Scope::All, 5)]);
        set.merge(stopped(Scope::All, 5));
        set.merge(stopped(Scope::All, 2));
        assert_eq!(set.epoch(), Epoch(5));
        assert_eq!(set.iter().count(), 1);
    }

    #[test]
    fn one_missing_layer_makes_it_partial() {
        let receipt =
            |layer, proof| Receipt { order: "o".into(), layer, proof, after_us: 1, at: Timestamp(0) };
        let verified = || Proof::Verified { by: "populated 0".into() };
        let mut all: Vec<_> = Layer::ALL.into_iter().map(|l| receipt(l, verified())).collect();
        assert_eq!(verdict(&all), Verdict::Verified);
        all[1].proof = Proof::Requested;
        assert_eq!(verdict(&all), Verdict::Partial);
        assert_eq!(verdict(&[]), Verdict::Partial);
    }
}
