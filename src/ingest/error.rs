//! Errors: why a run ended without a result, and how an object's failure is put.
//!
//! What becomes of either is decided by the run.

use crate::observation::Object;
use crate::{decode, index, source};

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sources could not be opened or listed.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The index could not be read or written.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// No source was named.
    #[error("no source: name a folder or a URL, or add a [[source]] to the configuration")]
    NoSource,
    /// The run was asked to stop.
    #[error("stopped; the index is as it was at the last publication")]
    Stopped,
    /// A checked object could not be read a second time.
    #[error(
        "{object} could not be read a second time; check the disk that holds it, of a fetched one that of the index, and run again"
    )]
    Unreadable {
        /// The object.
        object: String,
        /// What the system said.
        source: decode::Error,
    },
    /// A local file was written to or replaced while it was read; the run begins again without it.
    #[error(
        "{} changed while it was read; the next run takes it as it is then",
        object.name()
    )]
    Changed {
        /// The object.
        object: Box<Object>,
    },
    /// Behind rows that were folded already, an object turned out to be none that can be taken in; the run begins again
    /// without it.
    #[error("{reason}")]
    Refused {
        /// The object.
        object: Box<Object>,
        /// What is wrong with it.
        reason: String,
    },
    /// A thread of the reading side died.
    #[error("a thread that reads objects ended without a word; run again with -v and report it")]
    Broken,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

/// An error with its causes, on one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
