//! What the walk over all identifiers finds: keys that several claims share, and the claims that have what is wanted.

use super::claim::ClaimId;
use super::former::Formers;
use super::lanes::Entry;
use super::last_use::VALUE;
use super::mention::KEYS;
use super::mentions::Mentions;
use super::near;
use super::roster::Roster;
use super::subject::Sharing;
use super::wants::{FORMER_USER, LAST_USER, wanted_at};

/// What is found, and for whom.
pub(super) struct Finds<'k> {
    pub(super) sharing: Sharing,
    pub(super) mentions: &'k mut Mentions,
    pub(super) formers: &'k mut Formers,
    pub(super) devices: &'k mut Roster,
}

impl Finds<'_> {
    /// Takes in who holds a hash, and what is wanted under it.
    pub(super) fn note(&mut self, hash: u64, references: &[u32], wanted: &[Entry]) {
        self.sharing.note(hash, references, !wanted.is_empty());
        for entry in wanted {
            let (what, at) = wanted_at(entry.reference);
            match what {
                LAST_USER => self.formers.found_last(self.devices, at, hash, references),
                FORMER_USER => self.formers.found_former(at, hash, references),
                position => self
                    .mentions
                    .found(position as usize % KEYS, at, references),
            }
        }
    }

    /// Looks at what something is wanted for.
    pub(super) fn touch(&self, wanted: &[Entry]) {
        near::touch(wanted.iter().map(|entry| {
            let (what, at) = wanted_at(entry.reference);
            match what {
                LAST_USER => {
                    let is_named = self.devices.last_uses[at].is_some();
                    self.devices.values(ClaimId::of_position(at))[VALUE] ^ u64::from(is_named)
                }
                FORMER_USER => 0,
                _ => u64::from(self.mentions.all[at].keys),
            }
        }));
    }
}
