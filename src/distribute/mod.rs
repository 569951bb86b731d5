//! Distribution: generations on their way to other machines, through a store or a folder.
//!
//! What is there: `gen-000042-<blake3>.db.zst`, generations packed, never changed; and `current.json`, a signed manifest that names
//! one of them, replaced only by whoever read it last. [`push`] puts them there, [`pull`] gets them: one conditional request while
//! nothing is new. A [`Lease`] keeps two hosts from making them at once.

mod lease;
mod manifest;
mod pull;
mod push;

pub use self::lease::Lease;
pub use self::manifest::{Manifest, PublicKey, SigningKey};
pub use self::pull::{Pulled, pull, pulled_at};
pub use self::push::{Pushed, Pushing, push};
use crate::{index, source};

/// The name of the manifest.
const CURRENT: &str = "current.json";

/// Why a generation did not come to another machine. What readers there read is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store's, or the folder's.
    #[error(transparent)]
    Source(#[from] source::Error),
    /// The index's own, here.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A key cannot be used.
    #[error("{what}")]
    Key {
        /// Which, and what was expected; never the key.
        what: &'static str,
    },
    /// The manifest is not signed by the key that was given.
    #[error(
        "the manifest at {place} is not signed with the key that was given; what is here stays. Look at who writes there"
    )]
    Unsigned {
        /// Where.
        place: String,
    },
    /// What is there is no manifest of a version that is known.
    #[error(
        "what is at {place} is no manifest that this program knows; upgrade identidex, or look at who writes there"
    )]
    BadManifest {
        /// Where.
        place: String,
    },
    /// An older manifest than one that was seen before.
    #[error(
        "the manifest at {place} is older (number {found}) than one that was seen before ({known}); what is here stays"
    )]
    Replayed {
        /// Where.
        place: String,
        /// Its number.
        found: u64,
        /// The one that was seen.
        known: u64,
    },
    /// One of fewer erasures than one that was seen before.
    #[error(
        "the manifest at {place} knows of fewer people who were erased ({found}) than one that was seen before ({known}); what is \
         here stays"
    )]
    Unerased {
        /// Where.
        place: String,
        /// How many it knows of.
        found: u64,
        /// How many were known.
        known: u64,
    },
    /// A projection came where the whole index is, or the other way round.
    #[error(
        "what is published at {place} is a projection and what is here is none, or the other way round: another index was put there, or \
         this is the place of another one; what is here stays"
    )]
    OtherKind {
        /// Where.
        place: String,
    },
    /// People are to be erased, and are in the current generation.
    #[error(
        "somebody is to be erased, and the index still has them; `identidex sync` erases them, publish then"
    )]
    NotErased,
    /// What is there knows of more erasures than the index.
    #[error(
        "what is at {place} is without {known} people who were erased, the index here without {found}; restore its erased.json, or \
         publish elsewhere"
    )]
    ErasuresLost {
        /// Where.
        place: String,
        /// How many are known there.
        known: u64,
        /// How many are known here.
        found: u64,
    },
    /// What is kept of what was pulled was damaged.
    #[error(
        "{path} is not what was written; remove the folder, and pull anew: without it, an older manifest would be believed"
    )]
    Damaged {
        /// The file.
        path: String,
    },
    /// Nothing was published there.
    #[error("nothing was published at {place} yet")]
    Nothing {
        /// Where.
        place: String,
    },
    /// Another host works.
    #[error("run {holder} has the lease at {place} until {until}; one host works at a time")]
    Leased {
        /// Where.
        place: String,
        /// Which run has it.
        holder: String,
        /// Until when: RFC 3339, in UTC.
        until: String,
    },
    /// Somebody else published meanwhile.
    #[error("somebody else published at {place} meanwhile; look at who does, and publish again")]
    Conflict {
        /// Where.
        place: String,
    },
    /// What was got is not what the manifest says.
    #[error(
        "{object} at {place} is not what the manifest says; what is here stays, and the next pull gets it anew"
    )]
    Torn {
        /// Which file.
        object: String,
        /// Where.
        place: String,
    },
    /// The index here is made by `sync`.
    #[error("{path} is made here, by `identidex sync`; pull into another path, or remove it first")]
    MadeHere {
        /// The index.
        path: String,
    },
    /// A file here could not be written or read.
    #[error("cannot {operation} {path}")]
    File {
        /// What was tried.
        operation: &'static str,
        /// The path.
        path: String,
        /// The system's error.
        source: std::io::Error,
    },
}

/// What distributing comes to.
pub type Result<T> = std::result::Result<T, Error>;
