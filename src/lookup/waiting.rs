//! What waits: usages that cannot be placed, and mean a subject or may mean it.
//!
//! Who has no device in an answer and something that waits is not known to have none.

use super::reader::Reader;
use crate::schema::{Subject, waiting_id};
use crate::sealed::is_sealed;
use crate::sqlite;

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

impl WaitingUsage {
    fn of((account, device, reason): (String, String, u8)) -> WaitingUsage {
        WaitingUsage {
            account,
            device,
            reason: match reason {
                1 => WaitingReason::Unknown,
                _ => WaitingReason::Ambiguous,
            },
        }
    }
}

impl Waiting {
    /// Reads what waits for a subject.
    pub(super) fn read(reader: &Reader, subject: Subject, id: u32) -> sqlite::Result<Waiting> {
        let id = waiting_id(subject, id);
        let waiting = reader.row(&reader.tables.waiting, id, |row| {
            let usages: Vec<(String, String, u8)> = serde_json::from_str(row.text(2)?)
                .map_err(|_| sqlite::Error::Damaged("what waits is no list of usages"))?;
            let usages = usages.into_iter();
            Ok(Waiting {
                unknown: row.number(0)?,
                ambiguous: row.number(1)?,
                usages: usages.map(WaitingUsage::of).collect(),
            })
        })?;
        Ok(waiting.unwrap_or_default())
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
