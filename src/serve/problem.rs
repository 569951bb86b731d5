//! Problems: why a request is not answered, as RFC 9457 has it. No text of a request is repeated.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Error;
use crate::receive;

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// Of an act that failed: it may have been done all the same.
    may_be_done: Option<bool>,
    /// How whoever is not known may say who they are.
    challenge: &'static str,
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            detail: detail.into(),
            may_be_done: None,
            challenge: "Bearer",
        }
    }

    /// Says whether what failed may have been done all the same.
    pub(super) fn with_may_be_done(self, may_be_done: bool) -> Problem {
        Problem {
            may_be_done: Some(may_be_done),
            ..self
        }
    }

    /// Returns why, without a word of the request.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    pub(super) fn unauthorized() -> Problem {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "expected Authorization: Bearer and the configured token",
        )
    }

    pub(super) fn unauthorized_sender() -> Problem {
        let detail = "expected Authorization: Bearer and the token that is configured for what is received, or Basic with it as the \
                      password";
        Problem {
            challenge: r#"Bearer, Basic realm="identidex""#,
            ..Problem::new(StatusCode::UNAUTHORIZED, detail)
        }
    }

    /// An act that is under way, and may be done: to ask again would do it twice.
    pub(super) fn late_act() -> Problem {
        let detail = "Nexthink did not answer in time; the audit log will have how it ended";
        Problem::new(StatusCode::GATEWAY_TIMEOUT, detail).with_may_be_done(true)
    }

    pub(super) fn misdirected() -> Problem {
        Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "without a token, requests name this machine: 127.0.0.1, [::1] or localhost",
        )
    }

    pub(super) fn too_many() -> Problem {
        Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "more requests a second than are answered",
        )
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    pub(super) fn not_ready(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub(super) fn broken() -> Problem {
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "a fault of this program; please report it",
        )
    }

    pub(super) fn timed_out() -> Problem {
        Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the request did not come whole in time",
        )
    }
}

/// What came cannot be kept.
impl From<receive::Error> for Problem {
    fn from(error: receive::Error) -> Problem {
        // Where it would be is not for whoever sends it.
        tracing::error!(%error, "what came cannot be kept");
        match error {
            receive::Error::Full { .. } => Problem::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "there is no room for it; the log of the sidecar says where",
            ),
            _ => Problem::not_ready("it cannot be kept; the log of the sidecar says why"),
        }
    }
}

/// The index's own faults.
impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank", "title": self.status.canonical_reason(), "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(may_be_done) = self.may_be_done {
            body["may_be_done"] = json!(may_be_done);
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, json);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(self.challenge));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
