//! What waits: usages that cannot be placed, and mean a subject or may mean it.
//!
//! Who has no device in an answer and something that waits is not known to have none.

use super::reader::Reader;
use crate::schema::{Subject, waiting_id};
use crate::sealed::is_sealed;

/// Usages that mean a subject or may mean it, and cannot be placed: `docs/semantics.md` says when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// How many wait because nothing that was read says whom they mean on one side: an export of users or devices that
    /// does settles them.
    pub unknown: u32,
    /// How many wait because several may be meant on one side: an export of logins with more keys, or of users or devices
    /// that says since when each is known by them, settles them.
    pub ambiguous: u32,
    /// The first of them, at most 20.
    pub usages: Vec<WaitingUsage>,
}

/// A usage that waits: the normal forms by which it names its two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitingUsage {
    /// What it says of the account; empty where it says nothing.
    pub account: String,
    /// What it says of the device.
    pub device: String,
    /// Why it waits.
    pub reason: WaitingReason,
}

/// Why a usage waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitingReason {
    /// Nothing says whom it means on one side.
    Unknown,
    /// Several may be meant on one side.
    Ambiguous,
}

impl WaitingReason {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitingReason::Unknown => "unknown",
            WaitingReason::Ambiguous => "ambiguous",
        }
    }
}

impl Waiting {
    /// Reads what waits for a subject.
    pub(super) fn read(reader: &Reader, subject: Subject, id: u32) -> rusqlite::Result<Waiting> {
        let mut select = reader.prepare_cached(
            "SELECT unknown, ambiguous, value ->> 0, value ->> 1, value ->> 2
             FROM waiting, json_each(mentions) WHERE waiting.id = ?1",
        )?;
        let mut rows = select.query([waiting_id(subject, id)])?;
        let mut waiting = Waiting::default();
        while let Some(row) = rows.next()? {
            (waiting.unknown, waiting.ambiguous) = (row.get(0)?, row.get(1)?);
            waiting.usages.push(WaitingUsage {
                account: row.get(2)?,
                device: row.get(3)?,
                reason: match row.get(4)? {
                    1 => WaitingReason::Unknown,
                    _ => WaitingReason::Ambiguous,
                },
            });
        }
        Ok(waiting)
    }

    /// Returns it without names that are sealed.
    pub(super) fn shown(mut self) -> Waiting {
        for usage in &mut self.usages {
            for name in [&mut usage.account, &mut usage.device] {
                if is_sealed(name) {
                    name.clear();
                }
            }
        }
        self
    }

    /// Tells whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.unknown + self.ambiguous == 0
    }
}
