//! The gate: who may ask, and how often.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Error;
use super::problem::Problem;

/// What requests must carry, as `Authorization: Bearer …`; those of Nexthink also as the password of `Basic`. Never shown.
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
        given(headers, b"Bearer ").is_some_and(|token| self.is(token))
    }

    /// Tells whether a request carries it as the password of whoever.
    fn is_password_in(&self, headers: &HeaderMap) -> bool {
        let given = given(headers, b"Basic ").and_then(|given| BASE64_STANDARD.decode(given).ok());
        let mut parts = given
            .iter()
            .flat_map(|given| given.splitn(2, |byte| *byte == b':'));
        parts.nth(1).is_some_and(|password| self.is(password))
    }

    fn is(&self, given: &[u8]) -> bool {
        // Hashes are compared in constant time.
        blake3::hash(given) == self.0
    }
}

/// Returns what a request says of itself by a scheme.
fn given<'h>(headers: &'h HeaderMap, scheme: &[u8]) -> Option<&'h [u8]> {
    let given = headers.get(AUTHORIZATION)?.as_bytes();
    let (by, given) = given.split_at_checked(scheme.len())?;
    by.eq_ignore_ascii_case(scheme).then_some(given)
}

impl fmt::Debug for Token {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("Token")
    }
}

/// Lets requests through.
pub(super) struct Gate {
    token: Option<Token>,
    /// What Nexthink carries: it may not look anybody up, nor may who looks people up speak for it.
    receiving: Option<Token>,
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
    pub(super) fn new(
        (token, receiving): (Option<Token>, Option<Token>),
        is_tcp: bool,
        per_second: Option<u32>,
    ) -> Gate {
        Gate {
            checks_host: is_tcp && token.is_none(),
            token,
            receiving,
            pace: per_second.map(|per_second| Pace {
                apart: Duration::from_secs(1) / per_second.max(1),
                burst: Duration::from_secs(1),
                next: Mutex::new(Instant::now()),
            }),
        }
    }

    /// Lets a request through, or says why not.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if let Some(token) = self.receiving.as_ref().filter(|_| is_receiving(uri.path())) {
            return match token.is_in(headers) || token.is_password_in(headers) {
                true => Ok(()),
                false => Err(Problem::unauthorized_sender()),
            };
        }
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

fn is_receiving(path: &str) -> bool {
    path.starts_with("/v1/exports/") || path.starts_with("/v1/webhooks/")
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
    fn who_sends_and_who_asks_have_tokens_of_their_own() {
        let [asks, sends] =
            ["0123456789abcdef", "fedcba9876543210"].map(|text| Token::new(text).unwrap());
        let gate = Gate::new((Some(asks), Some(sends)), true, None);
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        for (path, header, is_let_through) in [
            ("/v1/resolve", "Bearer 0123456789abcdef".to_owned(), true),
            ("/v1/resolve", "Bearer fedcba9876543210".to_owned(), false),
            ("/v1/resolve", basic("x:0123456789abcdef"), false),
            (
                "/v1/webhooks/disk",
                "Bearer 0123456789abcdef".to_owned(),
                false,
            ),
            (
                "/v1/webhooks/disk",
                "Bearer fedcba9876543210".to_owned(),
                true,
            ),
            ("/v1/exports/a", basic("nexthink:fedcba9876543210"), true),
            ("/v1/exports/a", basic(":fedcba9876543210"), true),
            ("/v1/exports/a", basic("fedcba9876543210"), false),
            ("/v1/exports/a", "Basic ?".to_owned(), false),
        ] {
            let checked = gate.check(&path.parse().unwrap(), &headers("authorization", &header));
            assert_eq!(checked.is_ok(), is_let_through, "{path} {header}");
        }
    }

    #[test]
    fn without_a_token_only_this_machine_is_asked_for() {
        let gate = Gate::new((None, None), true, None);
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
        let socket = Gate::new((None, None), false, None);
        assert!(socket.check(&uri, &headers("host", "evil.example")).is_ok());
    }

    #[test]
    fn no_more_come_through_than_a_second_has_room_for() {
        let gate = Gate::new((None, None), false, Some(10));
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
