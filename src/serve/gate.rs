//! The gate: who may ask, and how often.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, Uri};

use super::Error;
use super::problem::Problem;

/// What requests must carry, as `Authorization: Bearer …`. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(blake3::Hash);

impl Token {
    /// Takes a token, without the white space around it.
    ///
    /// # Errors
    /// [`Error::BadToken`] where it is shorter than 16 characters, longer than 1,024, or has others than visible ASCII ones.
    pub fn new(text: &str) -> Result<Token, Error> {
        let text = text.trim();
        let is_long = (16..=1_024).contains(&text.len());
        match is_long && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Token(blake3::hash(text.as_bytes()))),
            false => Err(Error::BadToken),
        }
    }

    /// Tells whether a request carries it; that takes as long whatever it carries.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map(|header| header.as_bytes());
        let given = given.and_then(|header| header.split_at_checked(7));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
        // Hashes are compared in constant time.
        given.is_some_and(|(_, token)| blake3::hash(token) == self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Token")
    }
}

/// Lets requests through.
pub(super) struct Gate {
    token: Option<Token>,
    /// Requests come over TCP: pages in a browser of this machine could send some, under a name of their own.
    checks_host: bool,
    pace: Option<Pace>,
}

/// So many requests a second, and as many at once.
struct Pace {
    apart: Duration,
    burst: Duration,
    /// When the next one would be due if they came evenly.
    next: Mutex<Instant>,
}

impl Gate {
    pub(super) fn new(token: Option<Token>, is_tcp: bool, per_second: Option<u32>) -> Gate {
        Gate {
            checks_host: is_tcp && token.is_none(),
            token,
            pace: per_second.map(|per_second| Pace {
                apart: Duration::from_secs(1) / per_second.max(1),
                burst: Duration::from_secs(1),
                next: Mutex::new(Instant::now()),
            }),
        }
    }

    /// Lets a request through, or says why not.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        // Those who look whether it is alive know no token.
        let is_probe = matches!(uri.path(), "/healthz" | "/readyz");
        if self.checks_host && !is_this_machine(uri, headers) {
            return Err(Problem::misdirected());
        }
        let is_known = |token: &Token| is_probe || token.is_in(headers);
        if !self.token.as_ref().is_none_or(is_known) {
            return Err(Problem::unauthorized());
        }
        match &self.pace {
            Some(pace) if !is_probe && !pace.lets_through() => Err(Problem::too_many()),
            _ => Ok(()),
        }
    }
}

impl Pace {
    fn lets_through(&self) -> bool {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.saturating_duration_since(now) > self.burst {
            return false;
        }
        *next = (*next).max(now) + self.apart;
        true
    }
}

/// Tells whether a request names this machine by what only this machine is called.
fn is_this_machine(uri: &Uri, headers: &HeaderMap) -> bool {
    let header = headers.get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = uri.authority().map(|host| host.as_str()).or(header) else {
        return true;
    };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn a_token_is_compared_whole_and_never_shown() {
        let token = Token::new(" 0123456789abcdef\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token");
        for (header, is_in) in [
            ("Bearer 0123456789abcdef", true),
            ("bearer 0123456789abcdef", true),
            ("Bearer 0123456789abcdeg", false),
            ("Bearer 0123456789abcde", false),
            ("Basic 0123456789abcdef", false),
            ("", false),
        ] {
            assert_eq!(
                token.is_in(&headers("authorization", header)),
                is_in,
                "{header}"
            );
        }
        for text in ["", "short", "0123456789 abcdef", &"a".repeat(1_025)] {
            assert!(Token::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_token_only_this_machine_is_asked_for() {
        let gate = Gate::new(None, true, None);
        let uri: Uri = "/v1/resolve".parse().unwrap();
        for (host, is_let_through) in [
            ("127.0.0.1:7878", true),
            ("localhost", true),
            ("[::1]:7878", true),
            ("evil.example:7878", false),
            ("127.0.0.1.evil.example", false),
        ] {
            let checked = gate.check(&uri, &headers("host", host));
            assert_eq!(checked.is_ok(), is_let_through, "{host}");
        }
        let socket = Gate::new(None, false, None);
        assert!(socket.check(&uri, &headers("host", "evil.example")).is_ok());
    }

    #[test]
    fn no_more_come_through_than_a_second_has_room_for() {
        let gate = Gate::new(None, false, Some(10));
        let uri: Uri = "/v1/resolve".parse().unwrap();
        let through = (0..100).filter(|_| gate.check(&uri, &HeaderMap::new()).is_ok());
        let through = through.count();
        assert!((10..=13).contains(&through), "{through}");
        assert!(
            gate.check(&"/healthz".parse().unwrap(), &HeaderMap::new())
                .is_ok()
        );
    }
}
