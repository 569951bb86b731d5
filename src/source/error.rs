//! What can go wrong with a source, as decisions that a caller can take.
//!
//! Errors of `object_store` never leave this folder: their text holds signed URLs, and with some services the session
//! token. What is kept of a reply is its status, code and request id ([`Reply`]).

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use object_store::client::{HttpError, HttpErrorKind};

use super::hint::hint;
use crate::fault::{Fault, cause, texts_of};

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
        .reply.hint().unwrap_or(if .reply.host.is_empty() { "check its owner and mode" } else { "check the credentials, and the right to list and to read" })
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
    /// It lies where it must be restored from before it can be read.
    #[error("{object} is archived; restore it, or exclude it")]
    Archived {
        /// The object.
        object: String,
    },
    /// Nothing of the source may be read, which was tried often enough.
    #[error(
        "left alone: {refusals} objects beside it in source `{source_name}` were refused for want of rights before it, and none could be read"
    )]
    LeftAlone {
        /// The source.
        source_name: String,
        /// So many were refused.
        refusals: u32,
    },
    /// No answer, or throttling and faults of the service that outlasted the retries: try later.
    #[error("{place} cannot be reached{}; {}", brackets(.reply), .reply.hint().unwrap_or("try again later"))]
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
    #[error("reading {place} failed{}; {}", brackets(.reply), .reply.hint().unwrap_or("check it and run again"))]
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

impl Reply {
    fn hint(&self) -> Option<&'static str> {
        hint(self.code.as_deref(), self.fault)
    }
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
    Slow,
    NoListing,
    NoToken,
}

impl PageFault {
    fn reason(self) -> &'static str {
        match self {
            PageFault::TooLarge => "a page of it has more bytes than a page may have",
            PageFault::Repeated => "it repeats itself without end",
            PageFault::TooMany => "it has too many pages; give a longer prefix",
            PageFault::Cut => "a page of it was cut short, again and again",
            PageFault::Slow => "a page of it took too long to come; try again later",
            PageFault::NoListing => {
                "what came is no listing, perhaps a proxy's or a login's page; check the endpoint"
            }
            PageFault::NoToken => "a page of it says that more follows, and not where",
        }
    }
}

/// The credentials chain found nothing, or what it found failed. The cause may name profiles and URLs: it is dropped.
#[derive(Debug, thiserror::Error)]
#[error("no usable credentials")]
pub(super) struct NoCredentials(pub(super) &'static str);

impl Error {
    /// Returns what an error of reading an object means, of which more is known than of one of listing.
    pub(super) fn of_object(self) -> Error {
        const ARCHIVED: [&str; 3] = ["InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"];
        match self {
            Error::NotPermitted { place, reply } | Error::Other { place, reply }
                if reply
                    .code
                    .as_deref()
                    .is_some_and(|code| ARCHIVED.contains(&code)) =>
            {
                Error::Archived { object: place }
            }
            error => error,
        }
    }
}

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
        Some(501 | 505) => Error::Other { place, reply },
        None | Some(407 | 408 | 429 | 500..) => Error::Unreachable { place, reply },
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
    let texts = texts_of(error);
    // A service says how long an object is: what stands between has packed it anew.
    let has_no_length = ["content length", "content-length"]
        .iter()
        .any(|words| texts.contains(words));
    if has_no_length {
        return Error::NotTheService { place };
    }
    if texts.contains("invalid list response") {
        let reason = PageFault::NoListing.reason();
        return Error::BadListing { place, reason };
    }
    const NO_FILE: &str = "a file of a token or key is not there or not to be read; check the mount of the workload identity";
    if texts.contains("federated token file") {
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
