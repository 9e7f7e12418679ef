//! Who may come in. Every request passes here before a handler sees it.
//!
//! Invariants: a `Host` that is not ours is turned away (DNS rebinding); an unsafe method from another site is
//! turned away (request forgery); a stranger reaches nothing but the login page, its style and the two probes;
//! only the door's secret or a session made with it opens, so a run token never does.

pub mod body;
pub mod delivery;
pub mod headers;
pub mod host;
pub mod origin;
pub mod session;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use crate::api::webhooks;
use crate::app::App;
use crate::error::ApiError;

/// Paths that answer without authentication: probes tell a load balancer yes or no, the login page and its
/// two files hold nothing about the fleet.
pub const OPEN: &[&str] = &["/healthz", "/readyz", "/login", "/assets/seawall.css", "/assets/seawall.js"];

/// The probes are also asked by address, so that a load balancer needs no name of ours.
const PROBES: &[&str] = &["/healthz", "/readyz"];

/// How a request showed that it may come in. Handlers use it to say who gave an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The secret as a bearer token: the command line, a script.
    Bearer,
    /// A session cookie: a browser.
    Session,
    /// The door stands open on loopback.
    Loopback,
}

impl Caller {
    /// Who acts, for the audit. People have no accounts yet, so it is the way they came in.
    pub fn actor(self) -> &'static str {
        match self {
            Self::Bearer => "api",
            Self::Session => "dashboard",
            Self::Loopback => "loopback",
        }
    }
}

/// The middleware.
pub async fn guard(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match check(&app, &request, &path) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(refusal) => refusal.answer(&path),
    }
}

fn check(app: &App, request: &Request, path: &str) -> Result<Option<Caller>, Refused> {
    let headers = request.headers();
    // A tracker's delivery opens this one path with its signature, whatever name it was sent to.
    if path.starts_with(webhooks::PREFIX) {
        return Ok(None);
    }
    if !PROBES.contains(&path) && !host::is_ours(headers, &app.hosts) {
        return Err(Refused::Host);
    }
    let caller = identify(app, headers);
    if !is_safe(request.method()) && caller != Some(Caller::Bearer) {
        let unmarked =
            if caller == Some(Caller::Loopback) { origin::Unmarked::Allow } else { origin::Unmarked::Refuse };
        if !origin::is_same(headers, unmarked) {
            return Err(Refused::CrossSite);
        }
    }
    match caller {
        Some(caller) => Ok(Some(caller)),
        None if OPEN.contains(&path) => Ok(None),
        None => Err(Refused::Stranger),
    }
}

fn identify(app: &App, headers: &HeaderMap) -> Option<Caller> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let bearer = bearer.and_then(|v| v.strip_prefix("Bearer ").or_else(|| v.strip_prefix("bearer ")));
    if bearer.is_some_and(|given| app.secret.matches(given.trim())) {
        return Some(Caller::Bearer);
    }
    if session::cookie(headers).is_some_and(|id| app.sessions.holds(id, app.clock.now_us())) {
        return Some(Caller::Session);
    }
    app.insecure_loopback.then_some(Caller::Loopback)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

enum Refused {
    Host,
    CrossSite,
    Stranger,
}

impl Refused {
    fn answer(self, path: &str) -> Response {
        match self {
            Self::Host => ApiError::misdirected().into_response(),
            Self::CrossSite => ApiError::cross_site().into_response(),
            Self::Stranger if path.starts_with("/api/") => ApiError::unauthorized().into_response(),
            Self::Stranger => Redirect::to("/login").into_response(),
        }
    }
}
