//! What keys lead to without regard to time: the answer for nearly every mention, had from the identifier table alone.
//!
//! Where it depends on times, or on what other rows say, the answer is "hard": see `settle::find_mentioned`.

use super::part::{CONTESTED, LOCAL_SID};
use super::{Result, Writer};
use crate::bucket::{Hash, kind_and_id};
use crate::identifier::Kind;
use crate::observation::Mention;
use crate::schema::Subject;

/// What one key leads to without regard to time.
pub(super) const UNKNOWN: u32 = 0;

pub(super) const HARD: u32 = u32::MAX;

pub(super) const NO_KEY: u32 = u32::MAX - 1;

/// What the keys of one side lead to without regard to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    One(u32),
    Unknown,
    Hard,
}

pub(super) fn quick(said: &[Option<Hash>; 3], outcomes: &[u32]) -> Quick {
    let mut is_stronger_unknown = false;
    for (_, outcome) in said.iter().zip(outcomes).filter(|(said, _)| said.is_some()) {
        match *outcome {
            NO_KEY => {}
            UNKNOWN => is_stronger_unknown = true,
            HARD => return Quick::Hard,
            _ if is_stronger_unknown => return Quick::Hard,
            id => return Quick::One(id),
        }
    }
    Quick::Unknown
}

impl<'c> Writer<'c> {
    /// What each key of each mention leads to, six to a mention, in one walk over the identifier table.
    pub(super) fn quick_outcomes(&mut self, mentions: &[(u32, Mention)]) -> Result<Vec<u32>> {
        let kinds = [Subject::Account.key_kinds(), Subject::Device.key_kinds()].concat();
        let mut wanted: Vec<(Hash, u32)> = Vec::with_capacity(mentions.len() * 2);
        for (at, (_, mention)) in mentions.iter().enumerate() {
            let keys = mention.user.iter().chain(&mention.device).enumerate();
            wanted.extend(
                keys.filter_map(|(position, key)| {
                    key.map(|hash| (hash, (at * 6 + position) as u32))
                }),
            );
        }
        let mut outcomes = vec![UNKNOWN; mentions.len() * 6];
        self.walk(&mut wanted, |standing, references, slot| {
            outcomes[slot as usize] = quick_outcome(standing, kinds[slot as usize % 6], references);
        })?;
        Ok(outcomes)
    }

    /// Looks many hashes up in the order of the identifier table.
    pub(super) fn walk(
        &mut self,
        wanted: &mut [(Hash, u32)],
        mut found: impl FnMut(&[super::settle::Standing; 2], &[u32], u32),
    ) -> Result<()> {
        wanted.sort_unstable();
        let runs: Vec<&[(Hash, u32)]> = wanted.chunk_by(|left, right| left.0 == right.0).collect();
        let hashes: Vec<Hash> = runs.iter().map(|run| run[0].0).collect();
        let standing = &self.standing;
        self.identifiers.walk(&hashes, |at, references| {
            for (_, slot) in runs[at] {
                found(standing, references, *slot);
            }
        })?;
        Ok(())
    }
}

pub(super) fn quick_outcome(
    standing: &[super::settle::Standing; 2],
    kind: Kind,
    references: &[u32],
) -> u32 {
    let standing = &standing[Subject::of(kind) as usize];
    let mut outcome = UNKNOWN;
    let mut is_weak = false;
    for (found, id) in references.iter().copied().filter_map(kind_and_id) {
        is_weak |= found == Kind::WeakSid;
        if found != kind {
            continue;
        }
        match standing.subject_of(id) {
            _ if standing.has(id, CONTESTED | LOCAL_SID) => return HARD,
            Some(subject) if outcome == UNKNOWN || outcome == subject => outcome = subject,
            _ => return HARD,
        }
    }
    if kind == Kind::Sid && is_weak {
        // Some row says that the SID is local, and so no key.
        return if outcome == UNKNOWN { NO_KEY } else { HARD };
    }
    outcome
}
