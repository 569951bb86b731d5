//! Faults: why a service did not answer, and what helps.
//!
//! What the caller is told of it is the affair of those who asked: `source`, `live`.

use std::error::Error as StdError;
use std::io;

/// Why a service did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// The host's name is not known.
    #[error("the name of the host cannot be resolved")]
    Name,
    /// It took too long.
    #[error("timed out")]
    TimedOut,
    /// The connection was given up by the other side.
    #[error("the connection was closed")]
    Closed,
    /// No way leads there.
    #[error("the network is unreachable")]
    Network,
    /// The certificate is of an authority that this machine does not trust.
    #[error("its certificate is of an unknown authority")]
    Authority,
    /// The certificate is an authority's, shown as a server's own.
    #[error("its certificate is that of an authority, and no server's")]
    AuthoritysOwn,
    /// The certificate's time is over, or has not come.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// The certificate is another host's.
    #[error("its certificate is of another host")]
    OtherHost,
    /// The certificate or the encryption is wrong in another way.
    #[error("no encrypted connection was agreed on")]
    Tls,
    /// What answers does not speak HTTP.
    #[error("what answers does not speak HTTP")]
    NotHttp,
    /// The proxy refused, or did not reach the host.
    #[error("the proxy did not connect to it")]
    Proxy,
    /// The proxy wants to know who asks (407).
    #[error("the proxy wants a user and a password")]
    ProxyLogin,
    /// Nothing listens where the proxy should be, or no way leads there.
    #[error("the proxy cannot be reached")]
    NoProxy,
    /// The proxy's name is not known.
    #[error("the name of the proxy cannot be resolved")]
    ProxyName,
}

impl Fault {
    /// Tells a fault by what the HTTP client and those below it say, whose texts may hold addresses and are not repeated.
    pub(crate) fn of(error: &(dyn StdError + 'static)) -> Option<Fault> {
        const WORDS: [(&str, Fault); 20] = [
            ("unknownissuer", Fault::Authority),
            ("causedasendentity", Fault::AuthoritysOwn),
            ("self-signed", Fault::Authority),
            ("selfsigned", Fault::Authority),
            ("certificate: expired", Fault::Expired),
            ("certificate expired", Fault::Expired),
            ("notvalidyet", Fault::Expired),
            ("not valid yet", Fault::Expired),
            ("notvalidforname", Fault::OtherHost),
            ("not valid for name", Fault::OtherHost),
            ("invalid peer certificate", Fault::Tls),
            ("handshake", Fault::Tls),
            ("corrupt message", Fault::Tls),
            ("invalid http version", Fault::NotHttp),
            ("proxy authorization required", Fault::ProxyLogin),
            ("tunnel error", Fault::Proxy),
            ("proxy error", Fault::Proxy),
            ("socks error", Fault::Proxy),
            ("dns error", Fault::Name),
            ("timed out", Fault::TimedOut),
        ];
        let texts = texts_of(error);
        let said = WORDS.iter().find(|(words, _)| texts.contains(words));
        match said.map(|(_, fault)| *fault) {
            // What is below says whether there is a proxy at all.
            Some(Fault::Proxy) if texts.contains("dns error") => Some(Fault::ProxyName),
            Some(Fault::Proxy) => match Fault::by_kind(error) {
                Some(Fault::Refused | Fault::Network) => Some(Fault::NoProxy),
                _ => Some(Fault::Proxy),
            },
            said => said.or_else(|| Fault::by_kind(error)),
        }
    }

    fn by_kind(error: &(dyn StdError + 'static)) -> Option<Fault> {
        match cause::<io::Error>(error)?.kind() {
            io::ErrorKind::ConnectionRefused => Some(Fault::Refused),
            io::ErrorKind::TimedOut => Some(Fault::TimedOut),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                Some(Fault::Network)
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Some(Fault::Closed),
            _ => None,
        }
    }

    /// Returns what helps, where that is more than to try again.
    pub(crate) fn hint(self) -> Option<&'static str> {
        match self {
            Fault::Name => Some("check the endpoint and the name service"),
            Fault::Refused => Some("check the endpoint and its port"),
            Fault::Authority => Some(
                "add the authority to the trusted certificates of this machine (SSL_CERT_FILE)",
            ),
            Fault::AuthoritysOwn => Some(
                "give the server a certificate of its own, signed by that one (or made with basicConstraints=CA:FALSE), and name its \
                 authority in SSL_CERT_FILE",
            ),
            Fault::Expired => Some("renew the certificate, or check the clock of this machine"),
            Fault::OtherHost => Some("check the endpoint"),
            Fault::Proxy => Some(
                "ask whoever runs the proxy whether it lets the host through, or set NO_PROXY (proxy_excludes)",
            ),
            Fault::ProxyLogin => {
                Some("give them in proxy_url or HTTPS_PROXY, or set NO_PROXY (proxy_excludes)")
            }
            Fault::NoProxy | Fault::ProxyName => Some("check proxy_url, HTTPS_PROXY and NO_PROXY"),
            Fault::Tls | Fault::NotHttp => Some("check the endpoint: http or https, and its port"),
            Fault::Network | Fault::TimedOut | Fault::Closed => None,
        }
    }
}

/// Returns all that a chain of errors says, in small letters: to look for words in, never to be shown.
pub(crate) fn texts_of(error: &(dyn StdError + 'static)) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push_str(&error.to_string().to_ascii_lowercase());
        texts.push('\n');
        next = error.source();
    }
    texts
}

/// Returns the first error of type `E` in the chain of causes.
pub(crate) fn cause<'a, E: StdError + 'static>(
    error: &'a (dyn StdError + 'static),
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<io::Error>);

    #[test]
    fn why_there_was_no_answer_is_told_by_its_kind_and_words() {
        for (error, fault) in [
            (
                Said("connect", Some(io::ErrorKind::ConnectionRefused.into())),
                Some(Fault::Refused),
            ),
            (
                Said("connect", Some(io::ErrorKind::ConnectionReset.into())),
                Some(Fault::Closed),
            ),
            (
                Said("dns error", Some(io::Error::other("no record"))),
                Some(Fault::Name),
            ),
            (
                Said(
                    "connect",
                    Some(io::Error::other("invalid peer certificate: UnknownIssuer")),
                ),
                Some(Fault::Authority),
            ),
            (
                Said(
                    "connect",
                    Some(io::Error::other(
                        "invalid peer certificate: certificate expired: verification time",
                    )),
                ),
                Some(Fault::Expired),
            ),
            (Said("operation timed out", None), Some(Fault::TimedOut)),
            (
                Said("tunnel error: proxy authorization required", None),
                Some(Fault::ProxyLogin),
            ),
            (Said("tunnel error: unsuccessful", None), Some(Fault::Proxy)),
            (
                Said(
                    "tunnel error: no connection",
                    Some(io::ErrorKind::ConnectionRefused.into()),
                ),
                Some(Fault::NoProxy),
            ),
            (Said("something else", None), None),
        ] {
            assert_eq!(Fault::of(&error), fault, "{error}");
        }
    }
}
