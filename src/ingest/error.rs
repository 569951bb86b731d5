//! Errors: why a run ended without a result, and how an object's failure is put.
//!
//! What becomes of either is decided by the run.

use std::panic::{AssertUnwindSafe, catch_unwind};

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
    /// None of the sources gave anything, and nothing was there from before.
    #[error("no source gave anything: {first}")]
    NothingGiven {
        /// The first of them, and why.
        first: String,
    },
    /// Nobody is known by what was given.
    #[error("the index knows no such account any more; look again")]
    Nobody,
    /// What was given is what an account once had.
    #[error(
        "an account had that once, and has another now (`identidex why` says whose it was): erase it by its SID or uid"
    )]
    Former,
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
    /// A fault of this program ended the run.
    #[error(
        "a fault of this program ended the run; report it with the place that was named before this line"
    )]
    Broken,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

/// Does work of which a panic is only that work's failure: [`Error::Broken`]. Where it was, the panic hook says.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Result<T> {
    // What the work was changing is given up with it.
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| Error::Broken)
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_the_failure_of_its_work() {
        let odd = |number: Option<u32>| caught(|| number.expect("a number"));
        assert!(matches!(odd(Some(1)), Ok(1)));
        assert!(matches!(odd(None), Err(Error::Broken)));
    }

    #[test]
    fn a_panic_of_a_thread_is_the_failure_of_who_waits_for_it() {
        let work = || std::thread::scope(|scope| drop(scope.spawn(|| panic!("a fault"))));
        assert!(matches!(caught(work), Err(Error::Broken)));
    }
}
