//! The roster: all claims of a subject while a generation is made, and the fold that takes a row in.
//!
//! Folding is a maximum by stamp, a minimum of times and a union of values: rows can come in any order and any number of
//! times. No text is kept here, about 60 bytes a claim in all.

use super::claim::{Claim, ClaimId, Other, OtherId, Part, Stored, said};
use super::error::{Error, Result, damaged};
use super::last_use::LastUse;
use super::ledger::Ledger;
use super::said::{ObjectId, Said, ShapeId};
use super::slots::Slots;
use super::spill::Text;
use crate::bucket::MAX_ID;
use crate::observation::{NOT_CARRIED, VALUES};
use crate::schema::{Subject, flag};
use crate::sqlite::Rows;

/// A row on its way into the roster.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewRow {
    pub(super) claim: u64,
    pub(super) shape: ShapeId,
    pub(super) said: Said,
    pub(super) values: [u64; VALUES],
}

/// All claims of a subject.
pub(super) struct Roster {
    subject: Subject,
    pub(super) claims: Vec<Claim>,
    /// How many of them the last generation has.
    pub(super) kept: usize,
    /// By claim.
    values: Vec<u64>,
    /// Parts that are not the newest of their claims.
    others: Vec<Other>,
    slots: Slots,
    /// Of devices, by claim.
    pub(super) last_uses: Vec<Option<LastUse>>,
}

/// Returns how many values a claim of a subject has.
pub(super) fn values_of(subject: Subject) -> usize {
    match subject {
        Subject::Account => 2,
        Subject::Device => VALUES,
    }
}

impl Roster {
    pub(super) fn new(subject: Subject) -> Roster {
        Roster {
            subject,
            claims: Vec::new(),
            kept: 0,
            values: Vec::new(),
            others: Vec::new(),
            slots: Slots::default(),
            last_uses: Vec::new(),
        }
    }

    /// Reads the claims of the last generation, and gives each one's hash of bytes to `found`, with the hash of its last
    /// user's name where that leads to no claim.
    pub(super) fn load(
        subject: Subject,
        ledger: &Ledger,
        mut rows: Rows,
        mut found: impl FnMut(u64, Option<u64>) -> Result<()>,
    ) -> Result<Roster> {
        let mut roster = Roster::new(subject);
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(3)?;
            let flags = columns.take()?.integer().unwrap_or_default() as u8;
            // Behind the claims come the rows of those merged of several.
            let Some((stored, values)) = Stored::read(ledger, &mut columns)? else {
                break;
            };
            if id != roster.claims.len() as i64 + 1 {
                return Err(damaged("a row is missing"));
            }
            roster.values.extend(&values[..values_of(subject)]);
            let mut others = None;
            for (part, _) in stored.others.iter().rev() {
                others = Some(roster.list(*part, false, others));
            }
            let newest = stored.newest;
            let mut unknown = None;
            if subject == Subject::Device {
                let last_use = columns.take()?.blob().unwrap_or_default();
                let last_use = LastUse::read(last_use, &newest, ledger);
                unknown = last_use
                    .and_then(|(last_use, name)| last_use.account.is_none().then_some(name));
                roster
                    .last_uses
                    .push(last_use.map(|(last_use, _)| last_use));
            }
            found(stored.print.raw, unknown)?;
            roster.claims.push(Claim {
                hash: stored.hash,
                newest,
                others,
                is_held: flags & flag::HELD != 0,
                was_newest: true,
            });
        }
        roster.kept = roster.claims.len();
        roster.rehash(roster.kept);
        Ok(roster)
    }

    fn list(&mut self, part: Part, was_newest: bool, next: Option<OtherId>) -> OtherId {
        self.others.push(Other {
            part,
            was_newest,
            next,
        });
        OtherId::of_position(self.others.len() - 1)
    }

    fn rehash(&mut self, claims: usize) {
        self.slots = Slots::for_hashes(claims);
        for (at, claim) in (0..).zip(&self.claims) {
            self.slots.place(claim.hash, at);
        }
    }

    /// Forgets by what claims are found: no more rows come.
    pub(super) fn seal(&mut self) {
        self.slots = Slots::default();
    }

    /// Forgets the values: the rows of all claims are written.
    pub(super) fn forget_values(&mut self) {
        self.values = Vec::new();
    }

    /// Returns a claim.
    pub(super) fn claim(&self, id: ClaimId) -> &Claim {
        &self.claims[id.at()]
    }

    /// Returns the parts of a claim, the newest first.
    pub(super) fn parts(&self, id: ClaimId) -> impl Iterator<Item = Part> {
        let claim = self.claim(id);
        std::iter::once(claim.newest).chain(self.others_of(claim).map(|other| other.part))
    }

    /// Returns the older parts of a claim, in the order of their rows, the newer first.
    pub(super) fn others_of(&self, claim: &Claim) -> impl Iterator<Item = &Other> {
        let mut next = claim.others;
        std::iter::from_fn(move || {
            let other = &self.others[next?.at()];
            next = other.next;
            Some(other)
        })
    }

    /// Returns a claim's values.
    pub(super) fn values(&self, id: ClaimId) -> &[u64] {
        let count = values_of(self.subject);
        &self.values[id.at() * count..(id.at() + 1) * count]
    }

    /// Looks at where the claims of some rows are found.
    pub(super) fn touch(&self, claims: impl Iterator<Item = u64>) {
        self.slots.touch(claims);
    }

    /// Returns the id of a row's claim, if it is known.
    pub(super) fn find(&self, claim: u64) -> Option<ClaimId> {
        let hash = |at: u32| self.claims[at as usize].hash;
        self.slots
            .find(claim, hash)
            .map(|at| ClaimId::of_position(at as usize))
    }

    /// Takes a row in, and returns its claim. Its text is `text`'s to keep, if it is the newest of its part.
    ///
    /// # Errors
    /// When there are as many claims as references can name, and those of `text`.
    pub(super) fn fold(
        &mut self,
        ledger: &Ledger,
        row: NewRow,
        text: impl FnOnce() -> Result<Text>,
    ) -> Result<ClaimId> {
        let Some(id) = self.find(row.claim) else {
            return self.insert(row, text()?);
        };
        self.note_values(id, row.values);
        let part = self.part_of_shape(id, row.shape);
        let is_newest = part.is_none_or(|part| ledger.compare(row.said, said(&part)).is_gt());
        let first = match part {
            Some(part) => ledger.earlier(part.first, row.said.object),
            None => row.said.object,
        };
        let new = match (part, is_newest) {
            (Some(part), false) => Part { first, ..part },
            _ => part_of(row.said, row.shape, first, text()?),
        };
        self.set_part(ledger, id, new);
        Ok(id)
    }

    fn insert(&mut self, row: NewRow, text: Text) -> Result<ClaimId> {
        if self.claims.len() >= MAX_ID as usize {
            return Err(Error::Full { limit: MAX_ID });
        }
        if self.slots.is_full() {
            self.rehash(self.claims.len() * 2);
        }
        self.slots.place(row.claim, self.claims.len() as u32);
        self.claims.push(Claim {
            hash: row.claim,
            newest: part_of(row.said, row.shape, row.said.object, text),
            others: None,
            is_held: false,
            was_newest: false,
        });
        self.values.extend(&row.values[..values_of(self.subject)]);
        if self.subject == Subject::Device {
            self.last_uses.push(None);
        }
        Ok(ClaimId::of_position(self.claims.len() - 1))
    }

    /// A value that no row carried before is the claim's.
    fn note_values(&mut self, id: ClaimId, values: [u64; VALUES]) {
        let count = values_of(self.subject);
        let known = &mut self.values[id.at() * count..(id.at() + 1) * count];
        for (known, new) in known.iter_mut().zip(values) {
            if *known == NOT_CARRIED {
                *known = new;
            }
        }
    }

    /// Sets one of a claim's values.
    pub(super) fn set_value(&mut self, id: ClaimId, at: usize, value: u64) {
        self.values[id.at() * values_of(self.subject) + at] = value;
    }

    /// Returns a claim's newest part that carries a field.
    pub(super) fn newest_carrying(
        &self,
        ledger: &Ledger,
        id: ClaimId,
        field: usize,
    ) -> Result<Option<Part>> {
        for part in self.parts(id) {
            if ledger.shape(part.shape)?.carries(field) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// Returns a claim's part with a set of columns.
    pub(super) fn part_of_shape(&self, id: ClaimId, shape: ShapeId) -> Option<Part> {
        self.parts(id).find(|part| part.shape == shape)
    }

    /// Puts a part in the place of the one with the same columns, if there is one; the newest first.
    fn set_part(&mut self, ledger: &Ledger, id: ClaimId, part: Part) {
        let claim = &mut self.claims[id.at()];
        if claim.newest.shape == part.shape {
            claim.newest = part;
        } else if let Some(known) = self.other_of_shape(id, part.shape) {
            self.others[known].part = part;
        } else {
            let next = self.claims[id.at()].others;
            let others = self.list(part, false, next);
            self.claims[id.at()].others = Some(others);
        }
        if self.claims[id.at()].others.is_some() {
            self.order(ledger, id);
        }
    }

    fn other_of_shape(&self, id: ClaimId, shape: ShapeId) -> Option<usize> {
        let mut next = self.claim(id).others;
        while let Some(other) = next {
            if self.others[other.at()].part.shape == shape {
                return Some(other.at());
            }
            next = self.others[other.at()].next;
        }
        None
    }

    /// Has the newest of a claim's parts come first.
    fn order(&mut self, ledger: &Ledger, id: ClaimId) {
        let claim = *self.claim(id);
        let mut parts: Vec<(Part, bool)> = vec![(claim.newest, claim.was_newest)];
        parts.extend(
            self.others_of(&claim)
                .map(|other| (other.part, other.was_newest)),
        );
        parts.sort_by(|left, right| ledger.compare(said(&right.0), said(&left.0)));
        let mut parts = parts.into_iter();
        if let Some((newest, was_newest)) = parts.next() {
            let claim = &mut self.claims[id.at()];
            (claim.newest, claim.was_newest) = (newest, was_newest);
        }
        let mut next = claim.others;
        for (part, was_newest) in parts {
            let Some(other) = next.map(|other| &mut self.others[other.at()]) else {
                return;
            };
            (other.part, other.was_newest) = (part, was_newest);
            next = other.next;
        }
    }

    /// Takes in a row that says what the newest one of its claim said before this run.
    pub(super) fn fold_recognised(&mut self, ledger: &Ledger, id: ClaimId, new: Said) {
        let claim = &mut self.claims[id.at()];
        // Nearly always: the newest part is what it was, and the only one.
        if claim.was_newest {
            repeat(ledger, &mut claim.newest, new);
            return;
        }
        let Some(part) = self
            .others_of(self.claim(id))
            .find(|other| other.was_newest)
        else {
            return;
        };
        let mut part = part.part;
        repeat(ledger, &mut part, new);
        self.set_part(ledger, id, part);
    }

    /// Returns the part whose row was the newest of its claim before this run.
    pub(super) fn part_before(&self, id: ClaimId) -> Option<Part> {
        let claim = self.claim(id);
        if claim.was_newest {
            return Some(claim.newest);
        }
        let mut others = self.others_of(claim);
        others
            .find(|other| other.was_newest)
            .map(|other| other.part)
    }

    /// Returns the times of the newest row of all.
    pub(super) fn newest_row(&self, ledger: &Ledger) -> Option<i64> {
        let times = self
            .claims
            .iter()
            .map(|claim| ledger.observed_at(claim.newest.object));
        times.max()
    }
}

/// Takes in a row that says what a part's text of before this run says.
fn repeat(ledger: &Ledger, part: &mut Part, new: Said) {
    part.first = ledger.earlier(part.first, new.object);
    if ledger.compare(new, said(part)).is_gt() {
        part.object = new.object;
        part.row = new.row;
        part.last_seen = new.last_seen;
        part.text = Text::KEPT;
    }
}

fn part_of(said: Said, shape: ShapeId, first: ObjectId, text: Text) -> Part {
    Part {
        last_seen: said.last_seen,
        object: said.object,
        row: said.row,
        first,
        text,
        shape,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::tests::ledger_of;
    use super::*;
    use crate::observation::SAYS_NOTHING;

    /// A claim as it stands after some rows: its values, and of each part its shape, newest row and first time.
    type Folded = (u64, Vec<u64>, Vec<(u16, ObjectId, u32, i64, i64)>);

    fn folded(ledger: &Ledger, rows: &[NewRow]) -> Vec<Folded> {
        let mut roster = Roster::new(Subject::Account);
        for row in rows {
            roster.fold(ledger, *row, || Ok(Text::KEPT)).unwrap();
        }
        let ids = (0..roster.claims.len()).map(ClaimId::of_position);
        let claims = ids.map(|id| {
            let parts = roster.parts(id).map(|part| {
                let first = ledger.observed_at(part.first);
                (part.shape.0, part.object, part.row, part.last_seen, first)
            });
            let hash = roster.claim(id).hash;
            (hash, roster.values(id).to_vec(), parts.collect())
        });
        let mut claims: Vec<Folded> = claims.collect();
        claims.sort_unstable_by_key(|(hash, ..)| *hash);
        claims
    }

    /// Rows of objects observed at times of which some are equal, for few claims, so that they compete.
    fn rows() -> impl Strategy<Value = Vec<NewRow>> {
        let row = (0..4u64, 1..7u32, 0..3i64, 0..5u32);
        let row = row.prop_map(|(claim, object, last_seen, row)| NewRow {
            claim: claim.wrapping_mul(0x9e37_79b9_7f4a_7c15),
            // All rows of an object have its columns.
            shape: ShapeId((object % 3) as u16),
            said: Said {
                object: ObjectId::of(object).unwrap(),
                last_seen,
                row,
            },
            // A claim has one value per column here: others are `held`'s to keep.
            values: match object % 3 {
                0 => [NOT_CARRIED; VALUES],
                1 => [claim + SAYS_NOTHING, NOT_CARRIED, 0, 0],
                _ => [NOT_CARRIED, claim + SAYS_NOTHING, 0, 0],
            },
        });
        proptest::collection::vec(row, 0..40)
    }

    proptest! {
        #[test]
        fn folding_is_commutative_associative_and_idempotent(
            (some, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
            split in 0..40usize,
        ) {
            let ledger = ledger_of(&[3, 1, 2, 2, 9, 3]);
            let expected = folded(&ledger, &some);
            prop_assert_eq!(&folded(&ledger, &shuffled), &expected);
            // The parts of a claim stand in the order of their rows, the newest first.
            for (_, _, parts) in &expected {
                let said = parts.iter().map(|(_, object, row, last_seen, _)| Said {
                    object: *object,
                    last_seen: *last_seen,
                    row: *row,
                });
                prop_assert!(said.is_sorted_by(|left, right| ledger.compare(*left, *right).is_ge()));
            }
            let (front, back) = some.split_at(split.min(some.len()));
            prop_assert_eq!(&folded(&ledger, &[back, front].concat()), &expected);
            prop_assert_eq!(&folded(&ledger, &[&some[..], front, back].concat()), &expected);
        }
    }
}
