//! What keys lead to without regard to time: the answer for nearly every mention, had from the identifier table alone.
//!
//! Where it depends on times, or on what other rows say, the answer is "hard": see `settle::find_mentioned`.

use super::lanes::Filed;
use super::part::Keys;
use super::settle::Standing;
use super::{Result, Writer};
use crate::bucket::{Hash, kind_and_id};
use crate::identifier::{Kind, is_key_sid};
use crate::schema::{Subject, flag};

/// One key leads to nobody.
pub(super) const UNKNOWN: u32 = 0;
/// What one key leads to depends on more than the key.
pub(super) const HARD: u32 = u32::MAX;
/// What was said as a key is none.
pub(super) const NO_KEY: u32 = u32::MAX - 1;

/// What the keys of one side lead to without regard to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quick {
    One(u32),
    Unknown,
    Hard,
}

/// Joins what the keys of one side lead to, the strongest first.
pub(super) fn quick(outcomes: impl Iterator<Item = u32>) -> Quick {
    let mut is_stronger_unknown = false;
    for outcome in outcomes {
        match outcome {
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
    /// What the keys of one side lead to, each looked up by itself.
    pub(super) fn quick_side(&mut self, subject: Subject, keys: &Keys) -> Result<Quick> {
        let mut outcomes = Vec::with_capacity(keys.len());
        for (kind, key) in subject.key_kinds().into_iter().zip(keys) {
            let is_key = |key: &&String| kind != Kind::Sid || is_key_sid(key);
            if let Some(key) = key.as_ref().filter(is_key) {
                let references = self.identifiers.references(Hash::of(key))?;
                outcomes.push(quick_outcome(&self.standing, kind, &references));
            }
        }
        Ok(quick(outcomes.into_iter()))
    }

    /// What each of `count` keys leads to, in one walk over the identifier table: `keys` have their positions as
    /// references, and those that are not among them lead to nobody.
    pub(super) fn quick_outcomes(
        &mut self,
        keys: &mut [Filed],
        count: usize,
        kind: impl Fn(usize) -> Kind,
    ) -> Result<Vec<u32>> {
        let mut outcomes = vec![UNKNOWN; count];
        let standing = &self.standing;
        self.identifiers.walk(keys, |at, references| {
            let at = at as usize;
            outcomes[at] = quick_outcome(standing, kind(at), references);
        })?;
        Ok(outcomes)
    }
}

/// What one key leads to: the id of an account or a device, or one of the above.
pub(super) fn quick_outcome(standing: &[Standing; 2], kind: Kind, references: &[u32]) -> u32 {
    let standing = &standing[Subject::of(kind) as usize];
    let mut outcome = UNKNOWN;
    let mut is_weak = false;
    for (found, id) in references.iter().copied().filter_map(kind_and_id) {
        is_weak |= found == Kind::WeakSid;
        if found != kind {
            continue;
        }
        match standing.subject_of(id) {
            _ if standing.has(id, flag::CONTESTED | flag::LOCAL_SID) => return HARD,
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
