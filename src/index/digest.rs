//! The logical digest: what the index knows, whatever the order in which it learned it.
//!
//! A sum of hashes, one for each part of a claim (what its newest row says and when, since when it is known), for each
//! claim that is of another subject than itself (which one), for each value that a claim once had, and for each pair of
//! keys that logins say. Ids and runs stay out, and so does how an object was written: the same rows in another format or
//! compression are the same.

use super::claim::{ClaimId, Part, Stored};
use super::former::Formers;
use super::held::HeldValues;
use super::identity::Key;
use super::ledger::Ledger;
use super::mention::Mention;
use super::roster::Roster;
use super::subject::Standing;
use crate::bucket::kind_and_id;
use crate::identifier::hash_bytes128;
use crate::schema::{BySubject, NOBODY, Subject};

/// What tells the hashes of one sort of thing from those of another.
#[derive(Clone, Copy)]
enum Sort {
    Part = 1,
    Joined,
    HeldValues,
    Mention,
    LastLogin,
}

/// The sum so far.
#[derive(Default)]
pub(super) struct Digest {
    sum: u128,
}

impl Digest {
    /// Returns the digest.
    pub(super) fn sum(&self) -> u128 {
        self.sum
    }

    /// Adds what another part of the walk added up.
    pub(super) fn join(&mut self, other: Digest) {
        self.sum = self.sum.wrapping_add(other.sum);
    }

    fn add<const N: usize>(&mut self, sort: Sort, numbers: [u64; N]) {
        let mut bytes = [0; 80];
        bytes[0] = sort as u8;
        for (into, number) in bytes[8..].chunks_exact_mut(8).zip(numbers) {
            into.copy_from_slice(&number.to_le_bytes());
        }
        self.sum = self.sum.wrapping_add(hash_bytes128(&bytes[..8 + 8 * N]));
    }

    /// Adds the parts of a claim.
    pub(super) fn add_claim(&mut self, ledger: &Ledger, subject: Subject, stored: &Stored) {
        let newest = (stored.newest, stored.print.fingerprint);
        for (part, fingerprint) in std::iter::once(&newest).chain(&stored.others) {
            self.add_part(ledger, subject, stored.hash, part, *fingerprint);
        }
    }

    fn add_part(
        &mut self,
        ledger: &Ledger,
        subject: Subject,
        claim: u64,
        part: &Part,
        fingerprint: u64,
    ) {
        let numbers = [
            subject as u64,
            claim,
            fingerprint,
            part.last_seen as u64,
            ledger.observed_at(part.object) as u64,
            ledger.observed_at(part.first) as u64,
        ];
        self.add(Sort::Part, numbers);
    }

    /// Adds the claims that are of other subjects, or whose SID is no key.
    pub(super) fn add_joined(&mut self, subject: Subject, roster: &Roster, standing: &Standing) {
        for (claim, owner) in standing.joined() {
            let (sort, key) = match standing.key_of(owner, roster.claims.len()) {
                _ if owner == NOBODY => (0, 0),
                None => (0, 1),
                Some(Key::Strong(key)) => (1, key),
                Some(Key::Second(key)) => (2, key),
                Some(Key::Name(key)) => (3, key),
            };
            let hash = roster.claim(claim).hash;
            self.add(Sort::Joined, [subject as u64, hash, sort, key]);
        }
    }

    /// Adds what claims ever had.
    pub(super) fn add_held(&mut self, held: &HeldValues, rosters: &BySubject<Roster>) {
        for (reference, hash, (first, last)) in held.iter() {
            let Some((kind, row)) = kind_and_id(reference) else {
                continue;
            };
            let roster = &rosters[Subject::of(kind)];
            let claim = ClaimId::of_row(row).and_then(|id| roster.claims.get(id.at()));
            if let Some(claim) = claim {
                let numbers = [kind as u64, claim.hash, hash, first as u64, last as u64];
                self.add(Sort::HeldValues, numbers);
            }
        }
    }

    /// Adds what logins say, wherever that leads.
    pub(super) fn add_mention(&mut self, ledger: &Ledger, mention: &Mention) {
        let days = mention.days();
        let numbers = [
            mention.group,
            ledger.observed_at(mention.object) as u64,
            mention.logins().unwrap_or(u64::MAX),
            mention.used().unwrap_or(-1) as u64,
            days.newest as u64,
            days.mask,
        ];
        self.add(Sort::Mention, numbers);
    }

    /// Adds whom devices' rows name, and named.
    pub(super) fn add_last_logins(&mut self, ledger: &Ledger, devices: &Roster, formers: &Formers) {
        let now = devices.last_uses.iter().enumerate();
        let now =
            now.filter_map(|(at, last_use)| Some((ClaimId::of_position(at), 0, (*last_use)?)));
        let once = formers
            .iter()
            .map(|(_, former)| (former.device, former.value(), former.last_use));
        for (device, value, last_use) in now.chain(once) {
            let numbers = [
                devices.claim(device).hash,
                value,
                ledger.observed_at(last_use.first) as u64,
                ledger.observed_at(last_use.last) as u64,
                last_use.used as u64,
                last_use.days.newest as u64,
                last_use.days.mask,
            ];
            self.add(Sort::LastLogin, numbers);
        }
    }
}
