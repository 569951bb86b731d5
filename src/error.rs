//! What can go wrong with an index when it is read, as decisions that a caller can take.
//!
//! A question that has no single answer is no error: see [`crate::lookup::Answer`].

use std::error::Error as StdError;

/// Why the index could not be opened or read.
///
/// No variant and no cause of one holds a value out of the index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was published there yet, or the path is wrong.
    #[error(
        "there is no index at {path}; make one with `identidex sync`, or name another with --index"
    )]
    Missing {
        /// The path that was opened.
        path: String,
    },
    /// The file is something else.
    #[error("{path} is no identidex index; name another with --index")]
    Foreign {
        /// The file.
        path: String,
    },
    /// A newer program wrote it.
    #[error("{path} has format {found}, and this program knows up to {known}; upgrade identidex")]
    Newer {
        /// The file.
        path: String,
        /// Its format.
        found: i32,
        /// The newest format known.
        known: i32,
    },
    /// It was written before the first release.
    #[error(
        "{path} has format {found}, which no release wrote, and this program reads {known}; sync into a new index"
    )]
    Older {
        /// The file.
        path: String,
        /// Its format.
        found: i32,
        /// The format known.
        known: i32,
    },
    /// The file system does not let this user read it.
    #[error(
        "not permitted to read {path}; give this user the right to read the index and the folder beside it"
    )]
    NotPermitted {
        /// The file or folder.
        path: String,
    },
    /// It was cut short or changed after it was published.
    #[error(
        "{path} is damaged; restore it from a copy, or go back with `identidex rollback`; where neither can be, remove the generations and `current` from the folder beside the index, never its erased.json, and run `identidex sync`"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What showed it.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// Anything else; trying again may help.
    #[error("cannot {operation} {path}")]
    Other {
        /// What was tried.
        operation: &'static str,
        /// The file or folder.
        path: String,
        /// What failed.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}
