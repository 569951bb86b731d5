//! What Nexthink sends by itself: exports of its HTTP API exporter, and webhooks. Both are on the disk before it is told that
//! they came.
//!
//! - `inbox`: exports, each as a file in the folder of a source; a run takes them in like any other
//! - `webhook`: which parts of a message are devices, users and the alert; `strict`: in which no name stands twice
//! - `events`: messages in a database of their own, in the order in which they came, until whoever tells people has them

mod events;
mod inbox;
mod strict;
mod webhook;

pub use self::events::{Consumer, Event, Events, Stored};
pub use self::inbox::{About, Delivery, Fate, Inbox};
pub use self::webhook::{Fault, Pointer, Said, Webhook};

/// Why something that came cannot be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk, or the place there, is full.
    #[error("{what} is full")]
    Full {
        /// The folder or the database.
        what: String,
    },
    /// The folder is not there: it is not made, since what is to be mounted there would hide what is in it.
    #[error("{what} is not there; make it, or mount it")]
    Missing {
        /// The folder.
        what: String,
    },
    /// Something else went wrong at a folder or a file.
    #[error("{what} cannot be used: {reason}")]
    Unusable {
        /// The folder or the file.
        what: String,
        /// What the system or the database says.
        reason: String,
    },
}

impl Error {
    fn of_io(what: &std::path::Path, error: &std::io::Error) -> Error {
        let what = what.display().to_string();
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Error::Full { what }
            }
            std::io::ErrorKind::NotFound => Error::Missing { what },
            _ => Error::Unusable {
                what,
                reason: error.to_string(),
            },
        }
    }
}
