//! Requests as the log tells them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use object_store::client::HttpRequest;
use reqwest::header::RANGE;
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

/// How often requests failed in a row, so that a log tells which attempt one is.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    hasher: RandomState,
    /// By a hash: addresses may hold signatures.
    failed: Mutex<HashMap<u64, u32>>,
}

/// Requests whose failures are counted at once.
const COUNTED: usize = 10_000;

impl Attempts {
    fn hash(&self, request: &HttpRequest) -> u64 {
        let range = request.headers().get(RANGE);
        self.hasher.hash_one((
            request.method().as_str(),
            request.uri().to_string(),
            range.map(|range| range.as_bytes()),
        ))
    }

    fn of(&self, hash: u64) -> u32 {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&hash).copied().unwrap_or(0) + 1
    }

    fn note(&self, hash: u64, attempt: u32, has_failed: bool) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= COUNTED {
            failed.clear();
        }
        match has_failed {
            true => failed.insert(hash, attempt),
            false => failed.remove(&hash),
        };
    }
}

/// A request that is told in the log: never its query, which may hold a signature, nor a header.
pub(super) struct Asked<'a> {
    attempts: &'a Attempts,
    hash: u64,
    attempt: u32,
    method: String,
    host: String,
    key: String,
    start: Instant,
}

impl<'a> Asked<'a> {
    pub(super) fn of(request: &HttpRequest, host: &str, attempts: &'a Attempts) -> Asked<'a> {
        let hash = attempts.hash(request);
        Asked {
            attempts,
            hash,
            attempt: attempts.of(hash),
            method: request.method().to_string(),
            host: host.to_owned(),
            key: request.uri().path().to_owned(),
            start: Instant::now(),
        }
    }

    pub(super) fn ended(&self, status: Option<u16>, reason: Option<String>) {
        let milliseconds = self.start.elapsed().as_millis() as u64;
        let Asked {
            method,
            host,
            key,
            attempt,
            ..
        } = self;
        // What is refused for good is not tried again.
        let is_tried_again = status.is_none_or(|status| matches!(status, 408 | 429 | 500..));
        self.attempts.note(self.hash, *attempt, is_tried_again);
        debug!(%method, %host, %key, status, attempt = *attempt, milliseconds, "request");
        if let Some(reason) = reason {
            trace!(%method, %host, %key, reason, "request failed; it is tried again where that may help");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_count_failures_in_a_row() {
        let attempts = Attempts::default();
        for attempt in 1..4 {
            assert_eq!(attempts.of(7), attempt);
            attempts.note(7, attempt, true);
        }
        assert_eq!(attempts.of(8), 1, "another request");
        attempts.note(7, 4, false);
        assert_eq!(attempts.of(7), 1);
    }
}
