//! Why the index could not be written.

use std::io;
use std::path::Path;

use crate::sqlite;

/// Why the index could not be written. The published generation is untouched by any of these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The path holds something that is not ours.
    #[error("{path} is {found}, and is left alone; choose another path with --index")]
    Foreign {
        /// The path.
        path: String,
        /// What is there.
        found: &'static str,
    },
    /// The index was written by a newer program.
    #[error("{path} has format {found}, this program knows up to {known}; upgrade identidex")]
    Newer {
        /// The path.
        path: String,
        /// The format found.
        found: i32,
        /// The newest format known.
        known: i32,
    },
    /// The index was written before the first release.
    #[error(
        "{path} has format {found}, which no release wrote, and this program writes {known}; sync into a new index"
    )]
    Older {
        /// The path.
        path: String,
        /// The format found.
        found: i32,
        /// The format known.
        known: i32,
    },
    /// Another run holds the lock.
    #[error("another run holds the lock {path}; wait for it to end")]
    Locked {
        /// The lock's path.
        path: String,
    },
    /// The current generation is not what was published.
    #[error(
        "{path} differs from what was published (its hash is not the one in its name); restore it, or go back with `identidex rollback`"
    )]
    Rotten {
        /// The generation's path.
        path: String,
    },
    /// The current generation is not there.
    #[error(
        "{path} is named as the current generation and is not there; restore it, or go back with `identidex rollback`; with no older one, \
         remove what is left of the index (the link, and the folder beside it), and `identidex sync` makes it anew of all exports"
    )]
    Missing {
        /// The generation's path.
        path: String,
    },
    /// What names the current generation was damaged.
    #[error(
        "{path} does not name a generation; remove it, and the link beside the folder says which one is current"
    )]
    Unnamed {
        /// The file's path.
        path: String,
    },
    /// Nothing was ever published.
    #[error("there is no index yet; `identidex sync` makes one")]
    Empty,
    /// The generation to go back to is not there.
    #[error(
        "there is no {wanted} to go back to; {there}, and index.keep_generations says how many are kept"
    )]
    NoGeneration {
        /// Which was wanted.
        wanted: String,
        /// Which there are.
        there: String,
    },
    /// The list of who was erased lacks people whom the index was made without.
    #[error(
        "{path} lists fewer people ({found}) than were erased ({known}); restore it: without it, they would come back"
    )]
    ErasuresLost {
        /// The list.
        path: String,
        /// How many it lists or listed.
        found: u64,
        /// How many were erased.
        known: u64,
    },
    /// The generation to go back to has people who were erased.
    #[error("generation {generation} has people who were erased since; it is not gone back to")]
    HasErased {
        /// Its number.
        generation: u64,
    },
    /// The index here comes from another machine.
    #[error(
        "{path} is pulled from another machine, and the next pull undoes what is done to it here; do it where the index is made"
    )]
    Pulled {
        /// The index.
        path: String,
    },
    /// A file or folder could not be used.
    #[error("cannot {operation} {path}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// The path.
        path: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// The index has as many claims, objects or texts as its numbers can name.
    #[error(
        "the index has {limit} rows or objects of one kind, which is its limit; split the tenant"
    )]
    Full {
        /// The limit.
        limit: u32,
    },
    /// The current generation cannot be read.
    #[error("the index is damaged ({0}); restore it, or go back with `identidex rollback`")]
    Damaged(&'static str),
    /// What is to be written contradicts itself.
    #[error("the index contradicts itself ({0}); run again with -v and report it")]
    Inconsistent(&'static str),
}

impl From<sqlite::Error> for Error {
    fn from(error: sqlite::Error) -> Error {
        match error {
            sqlite::Error::Foreign => Error::Damaged("it is no database"),
            sqlite::Error::Damaged(what) => Error::Damaged(what),
            sqlite::Error::Unordered(table) => Error::Inconsistent(table),
            sqlite::Error::Io(source) => Error::File {
                operation: "read or write",
                path: "the index".into(),
                source,
            },
        }
    }
}

pub(super) fn damaged(what: &'static str) -> Error {
    Error::Damaged(what)
}

/// Says of what file an error is.
pub(crate) fn file_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File {
        operation,
        path,
        source,
    }
}

/// What the index's own functions return.
pub type Result<T> = std::result::Result<T, Error>;
