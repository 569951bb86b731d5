//! Requests as the log tells them.

use std::time::Instant;

use object_store::client::HttpRequest;
use tracing::{debug, trace};

/// Returns the host that a request goes to, and the port.
pub(super) fn host_of(request: &HttpRequest) -> String {
    let uri = request.uri();
    let host = uri.host().unwrap_or_default();
    let default = if uri.scheme_str() == Some("http") {
        80
    } else {
        443
    };
    format!("{host}:{}", uri.port_u16().unwrap_or(default))
}

/// A request that is told in the log: never its query, which may hold a signature, nor a header.
pub(super) struct Asked {
    method: String,
    host: String,
    key: String,
    start: Instant,
}

impl Asked {
    pub(super) fn of(request: &HttpRequest, host: &str) -> Asked {
        Asked {
            method: request.method().to_string(),
            host: host.to_owned(),
            key: request.uri().path().to_owned(),
            start: Instant::now(),
        }
    }

    pub(super) fn ended(&mut self, status: Option<u16>, reason: Option<String>) {
        let milliseconds = self.start.elapsed().as_millis() as u64;
        let Asked {
            method, host, key, ..
        } = self;
        debug!(%method, %host, %key, status, milliseconds, "request");
        if let Some(reason) = reason {
            trace!(%method, %host, %key, reason, "request failed; it is tried again where that may help");
        }
    }
}
