//! A lease: of several hosts that make the same index, one works at a time.
//!
//! `lease.json`, beside the manifest, says who works, and until when. It is replaced only by whoever read it, so of two that take
//! it at once one does. A host that ends without giving it back loses it when its time is over, by the clocks of the others.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Error, Result};
use crate::source::{self, Looked, Pointer, Remote};

/// The name of what says who works.
const LEASE: &str = "lease.json";

/// Who works, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Held {
    /// The run that has it.
    holder: String,
    /// Seconds since 1970; 0: it was given back.
    until: i64,
    /// Larger than that of every one before: who had it once, and comes back, does not have it.
    fence: u64,
}

/// The right to work, for a time, until it is given back.
#[derive(Debug)]
pub struct Lease {
    remote: Remote,
    holder: String,
    fence: u64,
    lasts: Duration,
}

impl Lease {
    /// Takes it for a run, for a time.
    ///
    /// # Errors
    /// [`Error::Leased`] where another has it; the store's.
    pub fn take(remote: Remote, holder: &str, lasts: Duration) -> Result<Lease> {
        let (held, pointer) = read(&remote)?;
        let now = Timestamp::now().as_second();
        if let Some(held) = held.as_ref().filter(|held| held.until > now) {
            return Err(leased(&remote, held));
        }
        let lease = Lease {
            holder: holder.to_owned(),
            fence: held.map_or(0, |held| held.fence) + 1,
            lasts,
            remote,
        };
        lease.put(lease.until(), pointer.as_ref())?;
        Ok(lease)
    }

    /// Has it for as long again from now on.
    ///
    /// # Errors
    /// [`Error::Leased`] where another has it by now; the store's, and it lasts as long as it did.
    pub fn renew(&self) -> Result<()> {
        let pointer = self.own()?;
        self.put(self.until(), Some(&pointer))
    }

    /// Gives it back, for whoever is next.
    ///
    /// # Errors
    /// As those of [`Lease::renew`].
    pub fn give_back(&self) -> Result<()> {
        let pointer = self.own()?;
        self.put(0, Some(&pointer))
    }

    /// Returns how long it lasts.
    pub fn lasts(&self) -> Duration {
        self.lasts
    }

    fn until(&self) -> i64 {
        let lasts = i64::try_from(self.lasts.as_secs()).unwrap_or(i64::MAX);
        Timestamp::now().as_second().saturating_add(lasts)
    }

    /// Reads it, where it is this one's still.
    fn own(&self) -> Result<Pointer> {
        let (held, pointer) = read(&self.remote)?;
        match (held, pointer) {
            (Some(held), Some(pointer))
                if (held.fence, &held.holder) == (self.fence, &self.holder) =>
            {
                Ok(pointer)
            }
            (Some(held), _) => Err(leased(&self.remote, &held)),
            (None, _) => Err(Error::Conflict {
                place: self.remote.place().to_owned(),
            }),
        }
    }

    fn put(&self, until: i64, read: Option<&Pointer>) -> Result<()> {
        let held = Held {
            holder: self.holder.clone(),
            until,
            fence: self.fence,
        };
        let text = serde_json::json!(held).to_string().into_bytes();
        match self.remote.replace(LEASE, text, read) {
            Err(source::Error::Changed { .. }) => Err(Error::Conflict {
                place: self.remote.place().to_owned(),
            }),
            put => Ok(put?),
        }
    }
}

/// Reads who has it; what cannot be read is as if it had been given back, and is written over.
fn read(remote: &Remote) -> Result<(Option<Held>, Option<Pointer>)> {
    match remote.pointer(LEASE, None)? {
        Looked::Found(pointer) => {
            let held = serde_json::from_slice(&pointer.bytes).ok();
            Ok((held, Some(pointer)))
        }
        Looked::Missing | Looked::Same => Ok((None, None)),
    }
}

fn leased(remote: &Remote, held: &Held) -> Error {
    let until = Timestamp::from_second(held.until).unwrap_or_default();
    Error::Leased {
        place: remote.place().to_owned(),
        holder: held.holder.clone(),
        until: until.to_string(),
    }
}
