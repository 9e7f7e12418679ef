//! Where a model name leads.

use crate::config::{ANY_MODEL, Config, Route};
use crate::door::Refusal;
use crate::protocol::Protocol;
use domain::ModelName;
use domain::call::Price;

/// The place a call goes to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trip<'a> {
    /// Name of the provider.
    pub(crate) provider: &'a str,
    /// The provider's own name of the model.
    pub(crate) model: &'a str,
    /// What it costs there.
    pub(crate) price: &'a Price,
}

impl Trip<'_> {
    /// `provider/model`, as recorded and as sent in `x-seawall-route`.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// The first route of `model` whose provider speaks `protocol`. Refused when there is none, or when its price is not
/// known.
pub(crate) fn pick<'a>(config: &'a Config, protocol: Protocol, model: &'a str) -> Result<Trip<'a>, Refusal> {
    let any = || config.models.get(&ModelName::new(ANY_MODEL));
    let routes =
        config.models.get(&ModelName::new(model)).or_else(any).ok_or_else(|| unknown(config, model))?;
    let speaks = |route: &&Route| {
        config.providers.get(&route.provider).is_some_and(|provider| provider.kind.speaks(protocol))
    };
    let route = routes.iter().find(speaks).ok_or_else(|| not_spoken(routes, protocol, model))?;
    let called = if route.model == ANY_MODEL { model } else { &route.model };
    let price = config
        .providers
        .get(&route.provider)
        .and_then(|provider| provider.prices.get(called).or_else(|| provider.prices.get(&route.model)));
    let price = price
        .ok_or_else(|| Refusal::NoPrice { provider: route.provider.clone(), model: route.model.clone() })?;
    Ok(Trip { provider: &route.provider, model: called, price })
}

fn not_spoken(routes: &[Route], protocol: Protocol, model: &str) -> Refusal {
    let routes: Vec<_> = routes.iter().map(|route| format!("{}/{}", route.provider, route.model)).collect();
    Refusal::NotSpoken { model: model.to_owned(), protocol, routes: routes.join(", ") }
}

fn unknown(config: &Config, model: &str) -> Refusal {
    const SHOWN_CHARS: usize = 100;
    let known: Vec<_> = config.models.keys().map(ModelName::as_str).collect();
    Refusal::UnknownModel { model: model.chars().take(SHOWN_CHARS).collect(), known: known.join(", ") }
}
