//! `/login` and `/logout`: the secret becomes a session, and leaves the address bar.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::app::App;
use crate::door::session;

/// The secret, from the form or from the link that `seawall up` prints.
#[derive(Debug, Deserialize)]
pub struct Key {
    key: Option<hidden::Hidden>,
}

/// A text that `Debug` does not show.
mod hidden {
    use base::secret::Secret;
    use serde::{Deserialize, Deserializer};

    #[derive(Debug)]
    pub struct Hidden(pub Secret);

    impl<'de> Deserialize<'de> for Hidden {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
        }
    }
}

/// `GET /login`: the form; with `?key=` the login in one step.
pub async fn show(State(app): State<App>, Query(given): Query<Key>) -> Response {
    if given.key.is_some() {
        return try_key(&app, given);
    }
    form(None).into_response()
}

/// `POST /login`.
pub async fn enter(State(app): State<App>, Form(given): Form<Key>) -> Response {
    try_key(&app, given)
}

/// `POST /logout`.
pub async fn leave(State(app): State<App>, headers: HeaderMap) -> Response {
    let gone = session::cookie(&headers).map(|id| app.sessions.close(id));
    with_cookie(gone, Redirect::to("/login").into_response())
}

fn try_key(app: &App, given: Key) -> Response {
    let right = given.key.is_some_and(|key| app.secret.matches(key.0.expose().trim()));
    if right {
        return with_cookie(Some(app.sessions.open(app.clock.now_us())), Redirect::to("/").into_response());
    }
    (StatusCode::UNAUTHORIZED, form(Some("That is not the secret of this server."))).into_response()
}

fn with_cookie(cookie: Option<HeaderValue>, mut answer: Response) -> Response {
    if let Some(cookie) = cookie {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    answer
}

fn form(problem: Option<&str>) -> Markup {
    let body = html! {
        div.login {
            p { (layout::brand()) }
            h1 { "Log in" }
            p.lead { code { "seawall up" } " prints the secret of the control door, and a link that logs you in." }
            @if let Some(problem) = problem { div.notice.bad role="alert" { (problem) } }
            form method="post" action="/login" {
                div.field {
                    label for="key" { "Secret" }
                    input #key type="password" name="key" required autocomplete="current-password" autofocus;
                }
                button type="submit" { "Log in" }
            }
        }
    };
    layout::bare("Log in", &body)
}
