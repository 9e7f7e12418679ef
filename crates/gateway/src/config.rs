//! What the gateway is told at start. Checked as a whole before anything listens.

use crate::protocol::Protocol;
use crate::rehearsal::Scenario;
use base::secret::Secret;
use domain::ModelName;
use domain::call::Price;
use domain::fleet::Fleet;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// As the name of a model: every one that has no routes of its own. As the model of a route or the name of a price: the
/// model that was asked for, and every one that has no price of its own.
pub const ANY_MODEL: &str = "*";

/// Everything the gateway needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who answers, by the name that routes use.
    pub providers: BTreeMap<String, Provider>,
    /// Where a model name that agents ask for leads; the first route whose provider speaks the caller's protocol
    /// is taken.
    pub models: BTreeMap<ModelName, Vec<Route>>,
    /// Whose budgets a call must pass.
    pub fleet: Fleet,
    /// Bounds on everything a client or a provider can make large or long.
    pub limits: Limits,
    /// Directory for request and answer bodies (gzip, by sha256, readable by the owner only); none keeps none.
    pub blobs: Option<PathBuf>,
}

/// Someone who answers model calls.
#[derive(Clone, Debug)]
pub struct Provider {
    /// How it is spoken to.
    pub kind: Kind,
    /// What its models cost, by the provider's own model name. A model without a price is never called.
    pub prices: BTreeMap<String, Price>,
}

/// How a provider is spoken to.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Plays a scenario; no model is called.
    Rehearsal {
        /// What it plays.
        scenario: Arc<Scenario>,
    },
    /// Speaks OpenAI's Responses API.
    OpenAi {
        /// `https://host/v1`, without a slash at the end.
        base_url: String,
        /// Sent as the bearer token.
        key: Option<Secret>,
    },
    /// Speaks Anthropic's Messages API.
    Anthropic {
        /// `https://host`, as Anthropic's own clients take it; a `/v1` at the end makes no difference.
        base_url: String,
        /// Sent as `x-api-key`.
        key: Option<Secret>,
    },
}

impl Kind {
    /// Whether a call in `protocol` can be forwarded to it.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        match self {
            Self::Rehearsal { .. } => true,
            Self::OpenAi { .. } => protocol == Protocol::Responses,
            Self::Anthropic { .. } => protocol == Protocol::Messages,
        }
    }
}

/// One place a model name can lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Name of the provider.
    pub provider: String,
    /// The provider's own name of the model.
    pub model: String,
}

/// Bounds on everything a client or a provider can make large or long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request body, bytes. 32 MiB holds a full context window with images.
    pub body_bytes: usize,
    /// The largest request head, bytes. Codex sends about 3 KiB.
    pub head_bytes: usize,
    /// How long a client may take to send a request's head; also how long an unused connection is kept. Clients
    /// keep idle connections for up to 90 s, and mind one that closes just as they use it.
    pub head_time: Duration,
    /// How long a client may take to send a request's body.
    pub body_time: Duration,
    /// How long a connection to a provider may take.
    pub connect_time: Duration,
    /// How long a provider may take to begin its answer. Reasoning without streaming takes minutes.
    pub answer_time: Duration,
    /// How long a provider may be silent within an answer.
    pub idle_time: Duration,
    /// How long an answer may last in all.
    pub stream_time: Duration,
    /// Connections open at once per listener; further ones wait to be accepted.
    pub connections: usize,
    /// How long open connections may finish when the gateway is told to end.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 32 << 20,
            head_bytes: 64 << 10,
            head_time: Duration::from_secs(90),
            body_time: Duration::from_secs(60),
            connect_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(600),
            idle_time: Duration::from_secs(300),
            stream_time: Duration::from_secs(3600),
            connections: 4096,
            drain_time: Duration::from_secs(10),
        }
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A model leads nowhere.
    #[error("model `{model}` has no route; give it at least one in models.{model}.try")]
    NoRoute {
        /// The model.
        model: String,
    },
    /// A route names a provider that is not configured.
    #[error(
        "model `{model}` names the provider `{provider}`, which is not configured; add [providers.{provider}]"
    )]
    NoProvider {
        /// The model.
        model: String,
        /// The provider.
        provider: String,
    },
    /// A base URL that no request can be sent to.
    #[error(
        "providers.{provider}.base_url is not an http or https address; write it like https://api.openai.com/v1"
    )]
    BaseUrl {
        /// The provider.
        provider: String,
    },
    /// A key that no header can carry.
    #[error(
        "providers.{provider}.key has characters that an HTTP header cannot carry; check it for line ends"
    )]
    Key {
        /// The provider.
        provider: String,
    },
}

impl Config {
    /// The first problem, if there is one. A missing price is none: it refuses its calls only.
    pub fn check(&self) -> Result<(), Problem> {
        for (model, routes) in &self.models {
            let model = || model.as_str().to_owned();
            if routes.is_empty() {
                return Err(Problem::NoRoute { model: model() });
            }
            if let Some(route) = routes.iter().find(|r| !self.providers.contains_key(&r.provider)) {
                return Err(Problem::NoProvider { model: model(), provider: route.provider.clone() });
            }
        }
        Ok(())
    }
}
