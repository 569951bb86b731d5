//! What all requests share, and how they are answered.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::gate::Gate;
use super::metrics::Metrics;
use super::opened::Opened;
use super::places::Places;
use super::problem::Problem;
use super::{Acting, Address, Error, Options};
use crate::live::Client;

/// What all requests share.
pub(super) struct App {
    pub(super) opened: Opened,
    pub(super) metrics: Metrics,
    pub(super) gate: Gate,
    /// Nexthink, where it may be asked how devices fare.
    pub(super) client: Option<Client>,
    /// Remote actions, where some may be run.
    pub(super) acting: Option<Acting>,
    /// What Nexthink sends, where it may.
    pub(super) places: Option<Places>,
}

impl App {
    pub(super) fn new(options: &Options) -> Result<App, Error> {
        let is_tcp = matches!(options.address, Address::Tcp(_));
        let receiving = options.receiving.as_ref();
        let tokens = (
            options.token.clone(),
            receiving.map(|receiving| receiving.token.clone()),
        );
        Ok(App {
            opened: Opened::new(options.index.clone(), options.lookup),
            metrics: Metrics::new(),
            gate: Gate::new(tokens, is_tcp, options.requests_per_second),
            client: options.client.clone(),
            acting: options.acting.clone(),
            places: receiving.map(Places::open).transpose()?,
        })
    }
}

impl App {
    /// Returns where what comes is put; the routes that ask are there only where that is somewhere.
    pub(super) fn places(&self) -> Result<&Places, Problem> {
        let places = self.places.as_ref();
        places.ok_or_else(|| Problem::not_found("nothing is received here"))
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
