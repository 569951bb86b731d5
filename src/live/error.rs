//! What can go wrong with Nexthink's APIs, as decisions that a caller can take.

use std::time::Duration;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::wait;
use crate::fault::Fault;
use crate::lookup::NoTarget;

/// The call that gets the file of an export.
pub(super) const FILE: &str = "the file of an export";

/// Why a call to Nexthink came to nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address, a name or a secret cannot be used.
    #[error("{what}")]
    Configuration {
        /// What is wrong, and what was expected; never a secret.
        what: String,
    },
    /// No token is given for these credentials.
    #[error(
        "no token for these credentials ({refusal}); check the client id and its secret, and that they are of this instance and region"
    )]
    Credentials {
        /// What was said.
        refusal: Refusal,
    },
    /// The call was refused.
    #[error("{call} was refused ({refusal}){}{}", hint(call, .refusal), until_shown(.retry_at))]
    Refused {
        /// Which call.
        call: &'static str,
        /// What was said.
        refusal: Refusal,
        /// When to try again, if that was said.
        retry_at: Option<Timestamp>,
    },
    /// No more exports today.
    #[error("the daily limit of exports is reached{}", until_shown(.until))]
    DailyLimit {
        /// Until then, if that was said.
        until: Option<Timestamp>,
    },
    /// The export came to nothing on Nexthink's side.
    #[error("Nexthink could not export the query: {description}")]
    Export {
        /// What Nexthink says of it, in one line.
        description: String,
    },
    /// No answer came.
    #[error("{host} does not answer{}", why(.fault))]
    Unreachable {
        /// The host, with its port.
        host: String,
        /// Why, as far as that is known.
        fault: Option<Fault>,
    },
    /// What came is no answer of this API.
    #[error("what came for {call} is no answer of Nexthink's: {reason}")]
    BadAnswer {
        /// Which call.
        call: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The time that was given is over, or would be before another try.
    #[error("{call} took longer than the {seconds} s it was given")]
    Deadline {
        /// Which call.
        call: &'static str,
        /// How long it was given.
        seconds: u64,
    },
    /// An answer is larger than any that is expected.
    #[error("the answer to {call} has more than {limit_bytes} bytes; ask for less")]
    TooLarge {
        /// Which call.
        call: &'static str,
        /// The most that is read.
        limit_bytes: u64,
    },
    /// What was to be done was not sent, or was plainly not taken.
    #[error("nothing was done: {0}")]
    NotDone(Box<Error>),
    /// What was to be done was sent, and no answer says whether it was done.
    #[error("it may have been done: look at what came of it, and do not send it again ({})", unhinted(.0))]
    MayBeDone(Box<Error>),
    /// An act could not be written to the audit log, and so was not sent.
    #[error("nothing was sent, since the audit log cannot be written: {source}")]
    Audit {
        /// What the file system says.
        source: std::io::Error,
    },
    /// An account or device has no id by which Nexthink knows it; nothing was sent.
    #[error("nothing was sent: {0}")]
    NoTarget(Box<NoTarget>),
    /// What was downloaded cannot be unpacked or written.
    #[error("the export cannot be unpacked or written: {source}")]
    Write {
        /// What the file system or the codec says.
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn no_target(why: NoTarget) -> Error {
        Error::NoTarget(Box::new(why))
    }

    /// Takes texts out of what an API said.
    pub(super) fn without(self, texts: &[&str]) -> Error {
        match self {
            Error::Refused {
                call,
                refusal,
                retry_at,
            } => Error::Refused {
                call,
                refusal: refusal.without(texts),
                retry_at,
            },
            Error::Credentials { refusal } => Error::Credentials {
                refusal: refusal.without(texts),
            },
            other => other,
        }
    }

    /// Tells whether an act may have been done all the same: it was sent, and what came back does not say that it was not.
    pub fn may_be_done(&self) -> bool {
        match self {
            Error::MayBeDone(_) => true,
            Error::Refused { refusal, .. } => refusal.status >= 500 || refusal.status == 408,
            Error::Unreachable { .. } => !self.is_undone(),
            Error::BadAnswer { .. } | Error::Deadline { .. } | Error::TooLarge { .. } => true,
            _ => false,
        }
    }

    /// Tells whether the same call may succeed later, with nothing changed.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Refused { refusal, .. } => matches!(refusal.status, 408 | 429 | 502..=504),
            Error::Unreachable { .. } | Error::Deadline { .. } | Error::DailyLimit { .. } => true,
            Error::NotDone(error) => error.is_transient(),
            _ => false,
        }
    }

    /// Tells that nothing was done: it may be tried again even where twice would be once too often.
    pub(super) fn is_undone(&self) -> bool {
        match self {
            Error::Refused { refusal, .. } => refusal.status == 429,
            Error::Unreachable { fault, .. } => {
                matches!(fault, Some(Fault::Refused | Fault::Name | Fault::Network))
            }
            _ => false,
        }
    }

    /// Returns how long to wait before another try, if that was said.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Error::Refused { retry_at, .. } => retry_at.map(wait::from_now),
            Error::NotDone(error) => error.retry_after(),
            _ => None,
        }
    }

    /// Returns the HTTP status, if there was an answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Refused { refusal, .. } | Error::Credentials { refusal } => Some(refusal.status),
            Error::NotDone(error) | Error::MayBeDone(error) => error.status(),
            _ => None,
        }
    }
}

/// What happened, without what to do of a call that may be made again.
fn unhinted(error: &Error) -> String {
    match error {
        Error::Refused { call, refusal, .. } => format!("{call}: {refusal}"),
        error => error.to_string(),
    }
}

fn hint(call: &str, refusal: &Refusal) -> &'static str {
    match refusal.status {
        502..=504 if call == FILE => "; the store of the file is busy: try again later",
        _ if call == FILE => "; its address is good for 15 minutes",
        401 => "; the token was renewed once and is not taken: check the instance and the region",
        403 => "; the API credential lacks the permission for it",
        404 => "; there is no such query, action or address in this tenant",
        429 => "; too many requests: try again later",
        503 => "; Nexthink is busy or under maintenance: try again later",
        _ => "",
    }
}

fn until_shown(until: &Option<Timestamp>) -> String {
    until.map_or(String::new(), |until| format!(" until {until}"))
}

fn why(fault: &Option<Fault>) -> String {
    let Some(fault) = fault else {
        return String::new();
    };
    let hint = fault
        .hint()
        .map_or(String::new(), |hint| format!("; {hint}"));
    format!(": {fault}{hint}")
}
