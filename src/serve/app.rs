//! What all requests share, and how they are answered.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::gate::Gate;
use super::metrics::Metrics;
use super::opened::Opened;
use super::problem::Problem;
use super::{Address, Options};

/// What all requests share.
pub(super) struct App {
    pub(super) opened: Opened,
    pub(super) metrics: Metrics,
    pub(super) gate: Gate,
}

impl App {
    pub(super) fn new(options: &Options) -> App {
        let is_tcp = matches!(options.address, Address::Tcp(_));
        App {
            opened: Opened::new(options.index.clone(), options.lookup),
            metrics: Metrics::new(),
            gate: Gate::new(options.token.clone(), is_tcp, options.requests_per_second),
        }
    }
}

/// Answers with a value as JSON.
pub(super) fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => {
            let kind = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, kind)], Body::from(body)).into_response()
        }
        Err(_) => {
            let what = "the answer cannot be written as JSON";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, what).into_response()
        }
    }
}
