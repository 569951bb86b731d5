//! The routes, and what holds for all of them: the gate, the time a request may take, and that it is counted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::time::timeout;

use super::app::{App, json};
use super::problem::Problem;
use super::{acts, events, openapi, received, resolve};
use crate::mcp;

/// The largest body of a request.
const BODY_BYTES: usize = 1 << 20;
/// How long a request may take to come whole.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// How long an export may take, which has up to a gibibyte.
const EXPORT_WITHIN: Duration = Duration::from_mins(15);
const EXPORTS: &str = "/v1/exports/{source}";
const ACT: &str = "/v1/act";
const MCP: &str = "/mcp";
/// What Nexthink is asked takes its time: each call has a deadline of its own.
const NEXTHINK_WITHIN: Duration = Duration::from_mins(3);

/// Makes the routes.
pub(super) fn router(app: &Arc<App>) -> Router {
    let receiving = match app.places {
        Some(_) => Router::new()
            .route(EXPORTS, post(received::export).put(received::export))
            .route(
                "/v1/webhooks/{name}",
                post(received::webhook)
                    .put(received::webhook)
                    .patch(received::webhook),
            )
            .route("/v1/events", get(events::after))
            .route("/v1/events/acknowledge", post(events::acknowledge)),
        None => Router::new(),
    };
    receiving
        .route("/v1/resolve", get(resolve::one).post(resolve::many))
        .route("/v1/devices/{value}", get(resolve::device))
        .route("/v1/why", get(resolve::why))
        .route("/v1/target", post(resolve::target))
        .route("/v1/diagnose", post(acts::diagnose))
        .route(ACT, post(acts::act))
        .route("/v1/act/outcome", post(acts::outcome))
        .route("/v1/impacted", post(resolve::impacted))
        .route_service(MCP, tools(app))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route(
            "/openapi.json",
            get(|| async { json(&openapi::document()) }),
        )
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "there is no such path; /openapi.json has those there are",
            )
        })
        .method_not_allowed_fallback(|| async {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "the path is asked in another way; see /openapi.json",
            )
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(app), guarded))
        .with_state(Arc::clone(app))
}

/// Lets a request through the gate, bounds its time, and counts it.
async fn guarded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let within = match route.as_ref().map(MatchedPath::as_str) {
        Some(EXPORTS) => EXPORT_WITHIN,
        Some(MCP | ACT | "/v1/diagnose" | "/v1/act/outcome") => NEXTHINK_WITHIN,
        _ => REQUEST_WITHIN,
    };
    let response = match app.gate.check(request.uri(), request.headers()) {
        Ok(()) => timeout(within, next.run(request))
            .await
            .unwrap_or_else(|_| {
                let problem = match route.as_ref().map(MatchedPath::as_str) {
                    Some(ACT) => Problem::late_act(),
                    _ => Problem::timed_out(),
                };
                problem.into_response()
            }),
        Err(problem) => problem.into_response(),
    };
    // What was asked for and is no route may be anything.
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let status = response.status().as_u16();
    app.metrics.count(route, status, begin.elapsed());
    response
}

/// Returns the tools that look up. Over HTTP it is not known whom a model talks with, so that none of them acts.
fn tools(app: &Arc<App>) -> mcp::HttpService {
    let app = Arc::clone(app);
    mcp::http_service(move || {
        let index = app.opened.index().ok()?;
        Some(mcp::Options {
            index: Arc::clone(index),
            client: app.client.clone(),
            remediation: None,
        })
    })
}

async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, Problem> {
    app.opened.index().map(|_| "ready\n")
}

async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let places = Arc::clone(&app);
    let waiting = resolve::aside(move || places.places()?.waiting())
        .await
        .ok();
    let index = app.opened.index().ok().map(Arc::as_ref);
    let text = app.metrics.text(index, waiting);
    let text = text.map_err(|_| {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics cannot be written",
        )
    })?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
