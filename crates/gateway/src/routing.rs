//! Where a model name leads.

use crate::config::Config;
use crate::door::Refusal;
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

/// The first route of `model`. Refused when there is none, or when its price is not known.
pub(crate) fn pick<'a>(config: &'a Config, model: &str) -> Result<Trip<'a>, Refusal> {
    let route = config.models.get(&ModelName::new(model)).and_then(|routes| routes.first());
    let route = route.ok_or_else(|| unknown(config, model))?;
    let price = config.providers.get(&route.provider).and_then(|p| p.prices.get(&route.model));
    let price = price
        .ok_or_else(|| Refusal::NoPrice { provider: route.provider.clone(), model: route.model.clone() })?;
    Ok(Trip { provider: &route.provider, model: &route.model, price })
}

fn unknown(config: &Config, model: &str) -> Refusal {
    const SHOWN_CHARS: usize = 100;
    let known: Vec<_> = config.models.keys().map(ModelName::as_str).collect();
    Refusal::UnknownModel { model: model.chars().take(SHOWN_CHARS).collect(), known: known.join(", ") }
}
