//! What a person can change here, the same for the API and the dashboard.

use domain::ProjectName;
use domain::containment::{Lift, Mode, Order, Scope};
use store::pause::Pause;

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

/// Has `project` start no work. One that is paused already stays so for the reason given then.
pub(crate) async fn pause(
    app: &App,
    project: &ProjectName,
    reason: &str,
    caller: Caller,
) -> Result<(), ApiError> {
    known(app, project)?;
    let pause = Pause { reason: fit(reason)?, actor: caller.actor().to_owned(), at: app.now() };
    app.records.pause(project, &pause).await?;
    app.control.reschedule().await;
    Ok(())
}

/// Lets `project` start work again.
pub(crate) async fn resume(app: &App, project: &ProjectName, caller: Caller) -> Result<(), ApiError> {
    known(app, project)?;
    app.records.resume(project, caller.actor(), app.now()).await?;
    app.control.reschedule().await;
    Ok(())
}

fn known(app: &App, project: &ProjectName) -> Result<(), ApiError> {
    if app.fleet.projects.contains_key(project) {
        return Ok(());
    }
    Err(ApiError::not_found(format!("no project is called {project}")))
}

fn fit(reason: &str) -> Result<String, ApiError> {
    wire::order::reason(reason)
        .map_err(|unfit| ApiError::bad_request(unfit.to_string(), "the reason is shown to everyone it stops"))
}
