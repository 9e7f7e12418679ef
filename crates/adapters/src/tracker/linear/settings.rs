//! The settings of one Linear project.

use crate::tracker::http::endpoint;
use crate::tracker::registry::Scope;
use crate::tracker::settings::Settings;
use crate::tracker::{Error, http};
use base::secret::Secret;
use domain::issue::{States, normal};
use hyper::Uri;
use hyper::header::HeaderValue;
use std::time::Duration;

const DEFAULT_ENDPOINT: &str = "https://api.linear.app/graphql";
/// The states that count when the workflow names none.
const ACTIVE: [&str; 2] = ["Todo", "In Progress"];
const TERMINAL: [&str; 5] = ["Closed", "Cancelled", "Canceled", "Duplicate", "Done"];

/// A checked snapshot.
pub(super) struct Checked {
    pub(super) endpoint: Uri,
    pub(super) key: Secret,
    pub(super) authorization: HeaderValue,
    /// The project's `slugId`.
    pub(super) project: String,
    /// Whose issues are worked on; anybody's when it is not given.
    pub(super) assignee: Option<String>,
    pub(super) webhook_secret: Option<Secret>,
    pub(super) timeout: Duration,
    pub(super) secret_names: Vec<String>,
    /// States in which a blocker is over, normalised.
    pub(super) terminal: Vec<String>,
}

pub(super) fn default_states() -> Option<States> {
    let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Some(States { active: own(&ACTIVE), terminal: own(&TERMINAL) })
}

pub(super) fn check(scope: &Scope<'_>) -> Result<Checked, Error> {
    let mut settings = Settings::of(scope.provider, scope.env)?;
    let endpoint = settings.text("endpoint", None)?;
    let endpoint = endpoint::parse("endpoint", endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?;
    let key = settings.secret("api_key", "LINEAR_API_KEY")?;
    let authorization = http::authorization("api_key", key.expose())?;
    let mend = "write the slug that the project's address ends with";
    let project = settings.required("project_slug", None, mend)?;
    let assignee = settings.text("assignee", Some("LINEAR_ASSIGNEE"))?;
    let webhook_secret = settings.optional_secret("webhook_secret", None);
    let timeout = settings.timeout()?;
    let terminal = scope.states.terminal.iter().map(|state| normal(state)).collect();
    let secret_names = settings.secret_names();
    Ok(Checked {
        endpoint,
        key,
        authorization,
        project,
        assignee,
        webhook_secret,
        timeout,
        secret_names,
        terminal,
    })
}
