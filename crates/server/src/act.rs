//! The two things a person can change here, the same for the API and the dashboard.

use domain::containment::{Lift, Mode, Order, Scope};

use crate::app::App;
use crate::control::WantedOrder;
use crate::door::Caller;
use crate::error::ApiError;

/// Gives an order to stop `scope`.
pub(crate) async fn give(
    app: &App,
    scope: Scope,
    mode: Mode,
    reason: &str,
    caller: Caller,
) -> Result<Order, ApiError> {
    let wanted =
        WantedOrder { scope, mode, reason: fit(reason)?, actor: caller.actor().to_owned(), now: app.now() };
    Ok(app.control.give_order(wanted).await?)
}

/// Ends the containment of `scope`.
pub(crate) async fn lift(app: &App, scope: Scope, reason: &str, caller: Caller) -> Result<Lift, ApiError> {
    Ok(app.control.lift(scope, fit(reason)?, caller.actor().to_owned()).await?)
}

fn fit(reason: &str) -> Result<String, ApiError> {
    wire::order::reason(reason)
        .map_err(|unfit| ApiError::bad_request(unfit.to_string(), "the reason is shown to everyone it stops"))
}
