//! What can go wrong with a source, as decisions that a caller can take.
//!
//! Errors of `object_store` never leave this folder: their text holds signed URLs, and with some services the session
//! token. What is kept of a reply is its status, code and request id ([`Reply`]).

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use object_store::client::{HttpError, HttpErrorKind};

/// Why a source could not be opened or listed, or an object not fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bucket, container, folder or object is not there.
    #[error("{place} was not found{}; check its name, or run again if it was removed meanwhile", brackets(.reply))]
    NotFound {
        /// The source or the object.
        place: String,
        /// What the service said.
        reply: Reply,
    },
    /// The service knows no such credentials, or they may not do this; or the file system refuses.
    #[error(
        "not permitted to read {place}{}; {}",
        brackets(.reply),
        hint(.reply).unwrap_or("check the credentials and their right to list and to read")
    )]
    NotPermitted {
        /// The source or the object.
        place: String,
        /// What the service said.
        reply: Reply,
    },
    /// Neither the options nor the environment nor a profile say who is reading.
    #[error("no usable credentials for {place}: {reason}")]
    NoCredentials {
        /// The source or the object.
        place: String,
        /// What became of looking for them, and what to do.
        reason: &'static str,
    },
    /// What answers is not the service: a proxy or a login page, say.
    #[error(
        "what answers for {place} is not the service; check its endpoint, and for a proxy or a login page between"
    )]
    NotTheService {
        /// The source or the object.
        place: String,
    },
    /// Nothing of the source may be read, which was tried often enough.
    #[error(
        "left alone: {refusals} objects of its folder in source `{source_name}` were refused for want of rights before it, and none could be read"
    )]
    LeftAlone {
        /// The source.
        source_name: String,
        /// So many were refused.
        refusals: u32,
    },
    /// No answer, or throttling and faults of the service that outlasted the retries: try later.
    #[error("{place} cannot be reached{}; {}", brackets(.reply), hint(.reply).unwrap_or("try again later"))]
    Unreachable {
        /// The source or the object.
        place: String,
        /// What the service said.
        reply: Reply,
    },
    /// The service sends the reader elsewhere, which is refused: a redirect may lead credentials to another host.
    #[error("{place} answers with a redirect, which is not followed{}; set the region or endpoint of its bucket", brackets(.reply))]
    Redirected {
        /// The source or the object.
        place: String,
        /// What the service said.
        reply: Reply,
    },
    /// The object was overwritten after it was listed; the next run lists it as it is then.
    #[error("{object} changed after it was listed; the next run takes it as it is then")]
    Changed {
        /// The object.
        object: String,
    },
    /// The object as delivered does not have the size of its listing, after repeated tries.
    #[error("{object} came as {got_bytes} bytes where its listing says {listed_bytes}; run again")]
    Truncated {
        /// The object.
        object: String,
        /// Its size as listed.
        listed_bytes: u64,
        /// How much of it was delivered.
        got_bytes: u64,
    },
    /// No space is left for the spool.
    #[error("no space is left in the spool folder {}; make room, or lower spool_bytes", .folder.display())]
    DiskFull {
        /// The spool folder.
        folder: PathBuf,
    },
    /// The spool cannot be written for another reason.
    #[error("cannot write to the spool folder {}; check its file system", .folder.display())]
    Spool {
        /// The spool folder.
        folder: PathBuf,
        /// What the file system said.
        source: io::Error,
    },
    /// The URL names no storage that can be read.
    #[error("the url of source `{name}` cannot be used: {reason}")]
    BadUrl {
        /// The source.
        name: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// An option of the source is unknown, missing or not understood.
    #[error("option `{option}` of source `{name}` cannot be used: {reason}")]
    BadOption {
        /// The source.
        name: String,
        /// The option; never its value.
        option: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The endpoint is not https, and nothing says that this is meant.
    #[error(
        "the endpoint of source `{name}` is not https; set its option allow_http = \"true\" if that is meant"
    )]
    InsecureEndpoint {
        /// The source.
        name: String,
    },
    /// The listing has no end, or cannot be read.
    #[error("the listing of {place} cannot be used: {reason}")]
    BadListing {
        /// The source.
        place: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// Anything else.
    #[error("reading {place} failed{}; {}", brackets(.reply), hint(.reply).unwrap_or("check it and run again"))]
    Other {
        /// The source or the object.
        place: String,
        /// What the service said.
        reply: Reply,
    },
}

impl Error {
    /// Tells whether it is what was configured that is wrong, before anything is asked of a source.
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Error::BadUrl { .. } | Error::BadOption { .. } | Error::InsecureEndpoint { .. }
        )
    }
}

/// What a service said when it refused a request: the part of it that holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// Which host was asked, with its port; empty for a file system.
    pub host: String,
    /// Why there was no answer, as far as that is known.
    pub fault: Option<Fault>,
    /// The HTTP status; absent when there was no answer.
    pub status: Option<u16>,
    /// The code of the service, such as `AccessDenied`.
    pub code: Option<String>,
    /// What the provider's support asks for.
    pub request_id: Option<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "status {status}")?,
            None => write!(f, "no answer")?,
        }
        if let Some(fault) = self.fault {
            write!(f, ", {fault}")?;
        }
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(request_id) = &self.request_id {
            write!(f, ", request id {request_id}")?;
        }
        write!(f, ", from {}", self.host)
    }
}

impl StdError for Reply {}

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
    /// The certificate's time is over, or has not come.
    #[error("its certificate has expired or is not valid yet")]
    Expired,
    /// The certificate is another host's.
    #[error("its certificate is of another host")]
    OtherHost,
    /// The certificate or the encryption is wrong in another way.
    #[error("no encrypted connection was agreed on")]
    Tls,
    /// The proxy refused, or is none, or did not reach the host.
    #[error("the proxy did not connect to it")]
    Proxy,
}

impl Fault {
    /// Tells a fault by what the HTTP client and those below it say, whose texts may hold addresses and are not repeated.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Option<Fault> {
        const WORDS: [(&str, Fault); 17] = [
            ("unknownissuer", Fault::Authority),
            // A certificate that signs itself.
            ("causedasendentity", Fault::Authority),
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
            ("tunnel", Fault::Proxy),
            ("proxy", Fault::Proxy),
            ("dns error", Fault::Name),
            ("timed out", Fault::TimedOut),
        ];
        let texts = texts_of(error);
        let said = WORDS.iter().find(|(words, _)| texts.contains(words));
        said.map(|(_, fault)| *fault)
            .or_else(|| match cause::<io::Error>(error)?.kind() {
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
            })
    }
}

/// Returns all that a chain of errors says, in small letters: to look for words in, never to be shown.
fn texts_of(error: &(dyn StdError + 'static)) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        texts.push_str(&error.to_string().to_ascii_lowercase());
        texts.push('\n');
        next = error.source();
    }
    texts
}

/// Returns what helps, by the code of the service or by why it did not answer.
fn hint(reply: &Reply) -> Option<&'static str> {
    const CODES: [(&str, &str); 20] = [
        (
            "RequestTimeTooSkewed",
            "the clock of this machine is wrong: set it",
        ),
        (
            "InvalidAccessKeyId",
            "there is no such access key: it was deleted, disabled or is of another account",
        ),
        (
            "SignatureDoesNotMatch",
            "the secret does not belong to the access key, or was cut; check for a trailing line end",
        ),
        ("ExpiredToken", "the session token has expired: renew it"),
        (
            "TokenRefreshRequired",
            "the session token has expired: renew it",
        ),
        (
            "InvalidToken",
            "the session token is not valid: renew it, or take it away beside a lasting key",
        ),
        (
            "AuthorizationHeaderMalformed",
            "the bucket is in another region: set the option region",
        ),
        (
            "IllegalLocationConstraintException",
            "the bucket is in another region: set the option region",
        ),
        (
            "PermanentRedirect",
            "the bucket is in another region: set the option region",
        ),
        (
            "InvalidObjectState",
            "it is archived: restore it, or exclude it",
        ),
        (
            "BlobArchived",
            "it is archived: rehydrate it, or exclude it",
        ),
        (
            "AccountProblem",
            "the account has a problem that only its provider can tell",
        ),
        (
            "AllAccessDisabled",
            "all access to it was disabled by the provider",
        ),
        ("AccountIsDisabled", "the storage account is disabled"),
        (
            "KeyBasedAuthenticationNotPermitted",
            "keys are disabled for the storage account: use a workload identity or an application",
        ),
        (
            "AuthorizationFailure",
            "the storage account's network rules or the SAS do not let this machine in",
        ),
        (
            "AuthorizationPermissionMismatch",
            "give the identity the role Storage Blob Data Reader",
        ),
        (
            "AuthenticationFailed",
            "check the key or SAS and its end, and the clock of this machine",
        ),
        (
            "PublicAccessNotPermitted",
            "no credentials were sent, and the account takes no anonymous readers: set them",
        ),
        (
            "AccessDenied",
            "grant the right to list and to read; where the reader pays for requests, set the option request_payer = \"true\"",
        ),
    ];
    let code = reply.code.as_deref();
    let by_code = CODES.iter().find(|(known, _)| Some(*known) == code);
    by_code
        .map(|(_, hint)| *hint)
        .or_else(|| match reply.fault? {
            Fault::Name => Some("check the endpoint and the name service"),
            Fault::Refused => Some("check the endpoint and its port"),
            Fault::Authority => Some(
                "add the authority to the trusted certificates of this machine (SSL_CERT_FILE)",
            ),
            Fault::Expired => Some("renew the certificate, or check the clock of this machine"),
            Fault::OtherHost => Some("check the endpoint"),
            Fault::Proxy => Some("check proxy_url, HTTPS_PROXY and NO_PROXY"),
            Fault::Network | Fault::Tls | Fault::TimedOut | Fault::Closed => None,
        })
}

fn brackets(reply: &Reply) -> String {
    match reply.host.is_empty() {
        true => String::new(),
        false => format!(" ({reply})"),
    }
}

/// Why a page of a listing cannot be used.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("{}", self.reason())]
pub(super) enum PageFault {
    TooLarge,
    Repeated,
    TooMany,
    Cut,
}

impl PageFault {
    fn reason(self) -> &'static str {
        match self {
            PageFault::TooLarge => "a page of it has more bytes than a page may have",
            PageFault::Repeated => "it repeats itself without end",
            PageFault::TooMany => "it has too many pages; give a longer prefix",
            PageFault::Cut => "a page of it was cut short, again and again",
        }
    }
}

/// The credentials chain found nothing, or what it found failed. The cause may name profiles and URLs: it is dropped.
#[derive(Debug, thiserror::Error)]
#[error("no usable credentials")]
pub(super) struct NoCredentials(pub(super) &'static str);

/// Returns what a store's error means for `place`, without a word of its text.
pub(super) fn told(error: &object_store::Error, place: String) -> Error {
    use object_store::Error as Store;
    let reply = Reply::default();
    match error {
        Store::NotFound { .. } => Error::NotFound { place, reply },
        Store::Precondition { .. } => Error::Changed { object: place },
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => {
            Error::NotPermitted { place, reply }
        }
        Store::InvalidPath { .. } => Error::BadListing {
            place,
            reason: "a key in it cannot be addressed",
        },
        error => match cause::<Reply>(error) {
            Some(reply) => refused(reply.clone(), place),
            None => by_cause(error, place),
        },
    }
}

/// Returns what a service's refusal means.
fn refused(reply: Reply, place: String) -> Error {
    let code = reply.code.as_deref().unwrap_or_default();
    match reply.status {
        None | Some(408 | 429 | 500..) => Error::Unreachable { place, reply },
        Some(300..400) => Error::Redirected { place, reply },
        Some(401 | 403) => Error::NotPermitted { place, reply },
        Some(400)
            if ["Token", "Credential", "Authentic"]
                .iter()
                .any(|part| code.contains(part)) =>
        {
            Error::NotPermitted { place, reply }
        }
        Some(404 | 410) => Error::NotFound { place, reply },
        Some(412) => Error::Changed { object: place },
        Some(_) => Error::Other { place, reply },
    }
}

fn by_cause(error: &object_store::Error, place: String) -> Error {
    let reply = Reply::default();
    if let Some(fault) = cause::<PageFault>(error) {
        let reason = fault.reason();
        return Error::BadListing { place, reason };
    }
    if let Some(NoCredentials(reason)) = cause(error) {
        return Error::NoCredentials { place, reason };
    }
    let is_local = matches!(
        error,
        object_store::Error::Generic {
            store: "LocalFileSystem",
            ..
        }
    );
    let is_decoding = |error: &HttpError| error.kind() == HttpErrorKind::Decode;
    if cause::<serde_json::Error>(error).is_some() || cause(error).is_some_and(is_decoding) {
        return Error::NotTheService { place };
    }
    const NO_FILE: &str = "a file of a token or key is not there or not to be read; check the mount of the workload identity";
    if texts_of(error).contains("federated token file") {
        let reason = NO_FILE;
        return Error::NoCredentials { place, reason };
    }
    match cause::<io::Error>(error).map(io::Error::kind) {
        // A service is asked over the network: what is looked for in files are tokens and keys.
        Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) if !is_local => {
            Error::NoCredentials {
                place,
                reason: NO_FILE,
            }
        }
        Some(io::ErrorKind::PermissionDenied) => Error::NotPermitted { place, reply },
        Some(io::ErrorKind::NotFound) => Error::NotFound { place, reply },
        _ => Error::Other { place, reply },
    }
}

/// Returns the first error of type `E` in the chain of causes.
pub(super) fn cause<'a, E: StdError + 'static>(
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

/// Returns what a write to the spool means.
pub(super) fn spool_error(source: io::Error, folder: PathBuf) -> Error {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull { folder },
        _ => Error::Spool { folder, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_other_faults_of_the_spool() {
        let told = |kind: io::ErrorKind| spool_error(kind.into(), PathBuf::from("/spool"));
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            assert!(matches!(told(kind), Error::DiskFull { .. }));
        }
        assert!(matches!(told(io::ErrorKind::NotFound), Error::Spool { .. }));
    }

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
            (Said("something else", None), None),
        ] {
            assert_eq!(Fault::of(&error), fault, "{error}");
        }
    }

    #[test]
    fn the_text_of_a_store_is_not_repeated() {
        let secret = "FwoGZXIvYXdzEBYaDK";
        let error = object_store::Error::Generic {
            store: "S3",
            source: secret.into(),
        };
        let told = told(&error, "source `x`".to_owned());
        assert!(matches!(told, Error::Other { .. }));
        assert!(!format!("{told} {told:?}").contains(secret));
    }

    #[test]
    fn missing_credentials_are_told_from_refused_ones() {
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(NoCredentials("none")),
        };
        let told = told(&error, "source `x`".to_owned());
        assert!(matches!(told, Error::NoCredentials { .. }));
    }
}
