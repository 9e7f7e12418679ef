//! Every path this door answers to, in one list. The coverage test walks it, so a route cannot be added
//! without being tried as a stranger.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::error::ApiError;
use crate::{api, assets, door, health, pages};

/// A path and the methods it answers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// As registered, such as `/runs/{id}`.
    pub path: &'static str,
    /// In the order they are tried by the coverage test.
    pub methods: Vec<Method>,
}

struct Table {
    router: Router<App>,
    routes: Vec<Route>,
}

impl Table {
    fn at(mut self, path: &'static str, methods: &[Method], answer: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, answer);
        self.routes.push(Route { path, methods: methods.to_vec() });
        self
    }

    fn get<H: axum::handler::Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, &[Method::GET], get(handler))
    }

    fn post<H: axum::handler::Handler<T, App>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.at(path, &[Method::POST], post(handler))
    }
}

/// The list of routes.
pub(crate) fn list() -> Vec<Route> {
    table().routes
}

/// The router with the guard in front of everything, also of paths that do not exist.
pub(crate) fn router(app: App) -> Router {
    table()
        .router
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(wire::MAX_REQUEST_BYTES))
        .layer(from_fn(door::body::limit))
        .layer(from_fn_with_state(app.clone(), door::guard))
        .layer(from_fn(door::headers::add))
        .with_state(app)
}

fn table() -> Table {
    let both = [Method::GET, Method::POST];
    let table = Table { router: Router::new(), routes: Vec::new() };
    let table = table
        .get("/healthz", health::healthz)
        .get("/readyz", health::readyz)
        .get("/assets/seawall.css", assets::css)
        .get("/assets/seawall.js", assets::js)
        .at("/login", &both, get(pages::login::show).post(pages::login::enter))
        .post("/logout", pages::login::leave)
        .get("/", pages::fleet::show)
        .get("/runs", pages::runs::show)
        .get("/runs/{id}", pages::run::show)
        .get("/calls/{id}", pages::call::show)
        .at("/orders", &both, get(pages::orders::list).post(pages::orders::give))
        .get("/orders/{id}", pages::orders::show)
        .post("/lifts", pages::orders::lift)
        .get("/budgets", pages::budgets::show)
        .post("/webhooks/{project}", api::webhooks::take);
    api_routes(table)
}

fn api_routes(table: Table) -> Table {
    let both = [Method::GET, Method::POST];
    table
        .get("/api/v1/runs", api::runs::list)
        .get("/api/v1/runs/{id}", api::runs::show)
        .get("/api/v1/runs/{id}/trace", api::trace::show)
        .get("/api/v1/runs/{id}/log", api::log::list)
        .get("/api/v1/calls/{id}", api::calls::show)
        .get("/api/v1/calls/{id}/request", api::calls::request)
        .get("/api/v1/calls/{id}/response", api::calls::response)
        .at("/api/v1/orders", &both, get(api::orders::list).post(api::orders::give))
        .get("/api/v1/orders/{id}", api::orders::show)
        .post("/api/v1/lifts", api::lifts::give)
        .at("/api/v1/pauses", &both, get(api::pauses::list).post(api::pauses::pause))
        .post("/api/v1/resumes", api::pauses::resume)
        .get("/api/v1/budgets", api::budgets::list)
        .get("/api/v1/findings", api::findings::list)
        .get("/api/v1/why/{issue}", api::why::show)
        .get("/api/v1/events", api::events::follow)
        .get("/api/v1/state", api::state::show)
        .post("/api/v1/refresh", api::refresh::ask)
        .get("/api/v1/{identifier}", api::state::issue)
}

async fn not_found(uri: Uri) -> Response {
    let path = uri.path();
    if path.starts_with("/api/") {
        return ApiError::not_found(format!("there is no {path}")).into_response();
    }
    pages::PageError::from(ApiError::not_found(format!("There is no page {path}"))).into_response()
}

async fn wrong_method() -> ApiError {
    ApiError::method()
}
