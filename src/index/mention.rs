//! Mentions: logins rows by the keys that they say of a user and of a device. They describe neither.
//!
//! Of each pair of keys, the rows of the newest object that has it are kept, added up, with the days of use of all. A key
//! that leads to a claim is kept as that claim's; which account and device it means is worked out anew in every run.

use std::cmp::Ordering;

use super::claim::{ClaimId, NEVER};
use super::days::Days;
use super::error::{Error, Result, damaged};
use super::lanes::{Entry, Lanes};
use super::ledger::{Ledger, ObjectId};
use super::mention_rows::{self, BLOCK, Written};
use super::slots::Slots;
use super::spill::{Spill, Text};
use super::subject::Bits;
use crate::bucket::{Hash, MAX_ID, kind_and_id};
use crate::identifier::Kind;
use crate::observation::{Batch, LOGINS_DEVICE, Layout, Login, Recognised};
use crate::schema::{BySubject, SECOND, Subject};
use crate::sqlite::Rows;

/// Stands for "no row counts logins".
pub(super) const NO_COUNT: u64 = u64::MAX;
/// Keys of both sides.
pub(super) const KEYS: usize = 6;
/// What is wanted under a hash, beside the keys of mentions: the user of a device's last login, now and once.
pub(super) const LAST_USER: u32 = 6;
pub(super) const FORMER_USER: u32 = 7;

/// Packs what is wanted under a hash.
pub(super) fn wanted(what: u32, at: usize) -> u32 {
    what << 28 | at as u32
}

/// Unpacks it.
pub(super) fn wanted_at(reference: u32) -> (u32, usize) {
    (reference >> 28, (reference & MAX_ID) as usize)
}

/// Returns the side of a key, by its position among those of both, and which of that side's it is.
fn side_of(position: usize) -> (Subject, usize) {
    match position.checked_sub(LOGINS_DEVICE) {
        None => (Subject::Account, position),
        Some(position) => (Subject::Device, position),
    }
}

/// Returns the position of a side's first key.
fn first_of(side: Subject) -> usize {
    side as usize * LOGINS_DEVICE
}

fn kind_of(position: usize) -> Kind {
    let (side, at) = side_of(position);
    side.key_kinds()[at]
}

/// The rows of one pair of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mention {
    /// The hash of all keys: see `Claim::hash`.
    pub(super) group: u64,
    /// The newest time of use that a row of the newest object says, or `NEVER`.
    pub(super) used: i64,
    pub(super) days: u64,
    pub(super) day: i32,
    pub(super) logins: u64,
    /// The newest object, and its newest row.
    pub(super) object: ObjectId,
    pub(super) row: u32,
    /// How many rows it has.
    pub(super) rows: u32,
    /// Claims that have the strongest key of each side, as far as they are known.
    pub(super) claims: BySubject<Option<ClaimId>>,
    pub(super) text: Text,
    /// Which keys are said, by their positions; and which of them can find anybody.
    pub(super) said: u8,
    pub(super) keys: u8,
}

impl Mention {
    /// Returns how many logins the rows count.
    pub(super) fn logins(&self) -> Option<u64> {
        (self.logins != NO_COUNT).then_some(self.logins)
    }

    /// Returns the newest time of use.
    pub(super) fn used(&self) -> Option<i64> {
        (self.used != NEVER).then_some(self.used)
    }

    pub(super) fn days(&self) -> Days {
        Days {
            newest: self.day,
            mask: self.days,
        }
    }

    fn set_days(&mut self, days: Days) {
        (self.day, self.days) = (days.newest, days.mask);
    }

    /// Returns the keys of a side that can find anybody, as bits.
    fn keys_of(&self, side: Subject) -> u8 {
        self.keys >> first_of(side) & 7
    }

    /// Returns the keys of a side that are said, as bits.
    fn said_of(&self, side: Subject) -> u8 {
        self.said >> first_of(side) & 7
    }

    /// Tells whether a side's one key is that of a claim, and need not be kept.
    pub(super) fn is_as_claim(&self, side: Subject) -> bool {
        self.claims[side].is_some() && self.said_of(side).is_power_of_two()
    }
}

/// Splits the keys of a side.
pub(super) fn split_keys(keys: &str) -> [Option<&str>; 3] {
    let mut keys = keys
        .split('\t')
        .map(|key| Some(key).filter(|key| !key.is_empty()));
    std::array::from_fn(|_| keys.next().flatten())
}

/// All mentions while a generation is made.
#[derive(Default)]
pub(super) struct Mentions {
    pub(super) all: Vec<Mention>,
    slots: Slots,
    /// Claims that have a key of a side which says several: mention and position, claim.
    hits: Vec<(u32, ClaimId)>,
}

impl Mentions {
    /// Reads those of the last generation, gives each one's hash of bytes to `raw`, and wants the claims of keys that lead
    /// to none.
    pub(super) fn load(
        mut rows: Rows,
        wants: &mut Lanes,
        mut raw: impl FnMut(u64),
    ) -> Result<Mentions> {
        let mut mentions = Mentions::default();
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut block = columns.take()?.blob().unwrap_or_default();
            let begin = id
                .checked_sub(1)
                .and_then(|at| at.checked_mul(BLOCK as i64));
            if begin != Some(mentions.all.len() as i64) || block.is_empty() {
                return Err(damaged("a block of mentions is missing"));
            }
            while !block.is_empty() {
                let taken = mention_rows::take(&mut block);
                let (mention, written) = taken.ok_or(damaged("a block of mentions"))?;
                raw(written.raw);
                for side in Subject::ALL {
                    // Of several keys a weaker one may count, once the strongest is shown to be none.
                    if !mention.is_as_claim(side) {
                        let keys = written.keys[side].unwrap_or_default();
                        mentions.want(wants, &mention, side, keys)?;
                    }
                }
                mentions.all.push(mention);
            }
        }
        mentions.rehash(mentions.all.len());
        Ok(mentions)
    }

    /// Wants the claims of a side's keys.
    fn want(&self, wants: &mut Lanes, mention: &Mention, side: Subject, keys: &str) -> Result<()> {
        for (at, key) in split_keys(keys).into_iter().enumerate() {
            let is_key = mention.keys_of(side) >> at & 1 != 0;
            if let Some(key) = key.filter(|_| is_key) {
                let position = first_of(side) + at;
                wants.push(Entry::new(
                    Hash::of(key).high,
                    wanted(position as u32, self.all.len()),
                ))?;
            }
        }
        Ok(())
    }

    fn rehash(&mut self, mentions: usize) {
        self.slots = Slots::for_hashes(mentions);
        for (at, mention) in (0..).zip(&self.all) {
            self.slots.place(mention.group, at);
        }
    }

    /// Forgets by what mentions are found: no more rows come.
    pub(super) fn seal(&mut self) {
        self.slots = Slots::default();
    }

    /// Takes a logins row in.
    pub(super) fn fold(
        &mut self,
        ledger: &Ledger,
        object: ObjectId,
        row: &Login,
        (batch, layout): (&Batch, &Layout),
        (spill, wants): (&mut Spill, &mut Lanes),
    ) -> Result<()> {
        let hash = |at: u32| self.all[at as usize].group;
        let tally = Tally::of(row.row, row.logins, row.last_seen);
        let known = self.slots.find(row.group, hash).map(|at| at as usize);
        if let Some(at) = known
            && !self.all[at].add(ledger, object, tally)
        {
            return Ok(());
        }
        let keys =
            BySubject::of(|side| join_keys(&batch.keys(layout, first_of(side), side, row.record)));
        let extra = match layout.extra.is_empty() {
            true => None,
            false => batch.extra(layout, row.record),
        };
        let written = Written {
            raw: row.raw,
            keys: keys.as_ref().map(|keys| Some(keys.as_str())),
            extra: extra.as_deref(),
        };
        let text = written.spill(spill)?;
        match known {
            Some(at) => self.all[at].text = text,
            None => self.insert(ledger, object, row, batch, (text, wants))?,
        }
        Ok(())
    }

    fn insert(
        &mut self,
        ledger: &Ledger,
        object: ObjectId,
        row: &Login,
        batch: &Batch,
        (text, wants): (Text, &mut Lanes),
    ) -> Result<()> {
        if self.all.len() >= MAX_ID as usize {
            return Err(Error::Full { limit: MAX_ID });
        }
        let mut keys = 0;
        for entry in batch.entries_at(row.entries) {
            let position = (0..KEYS).find(|position| kind_of(*position) == entry.kind);
            let Some(position) = position else { continue };
            keys |= 1 << position;
            wants.push(Entry::new(
                entry.hash.high,
                wanted(position as u32, self.all.len()),
            ))?;
        }
        let at = ledger.observed_at(object);
        let days = Days::of(row.last_seen.unwrap_or(at));
        if self.slots.is_full() {
            self.rehash(self.all.len() * 2);
        }
        self.slots.place(row.group, self.all.len() as u32);
        self.all.push(Mention {
            group: row.group,
            used: row.last_seen.unwrap_or(NEVER),
            days: days.mask,
            day: days.newest,
            logins: row.logins.unwrap_or(NO_COUNT),
            object,
            row: row.row,
            rows: 1,
            claims: BySubject::default(),
            text,
            said: row.said,
            keys,
        });
        Ok(())
    }

    /// Takes in a row that says what the newest one of its keys said before this run, its count and time aside.
    pub(super) fn fold_recognised(&mut self, ledger: &Ledger, object: ObjectId, row: &Recognised) {
        let at = (row.id as usize).checked_sub(1);
        let Some(mention) = at.and_then(|at| self.all.get_mut(at)) else {
            return;
        };
        if mention.add(
            ledger,
            object,
            Tally::of(row.row, row.logins, row.last_seen),
        ) {
            mention.text = Text::KEPT;
        }
    }

    /// Notes a claim that has a wanted key.
    pub(super) fn found(&mut self, position: usize, at: usize, references: &[u32]) {
        let (side, key) = side_of(position);
        let kind = side.key_kinds()[key];
        let holders = references.iter().copied().filter_map(kind_and_id);
        let holders = holders.filter(|(held, _)| *held == kind);
        let mut holders = holders.filter_map(|(_, row)| ClaimId::of_row(row));
        let mention = &mut self.all[at];
        if mention.keys_of(side).is_power_of_two() {
            mention.claims[side] = holders.next();
            return;
        }
        let is_strongest = mention.keys_of(side).trailing_zeros() as usize == key;
        for claim in holders {
            self.hits.push((wanted(position as u32, at), claim));
            if is_strongest {
                mention.claims[side].get_or_insert(claim);
            }
        }
    }

    /// Returns all claims that have a key of mentions whose strongest key leads to none, or to one of some claims.
    pub(super) fn claims_of_weaker_keys(&self, subject: Subject, some: &Bits) -> Vec<ClaimId> {
        let hits = self.hits.iter().filter_map(|(what, claim)| {
            let (position, at) = wanted_at(*what);
            let (side, _) = side_of(position as usize);
            let strongest = self.all[at].claims[side];
            let is_open = strongest.is_none_or(|strongest| some.has(strongest.row()));
            (side == subject && is_open).then_some(*claim)
        });
        hits.collect()
    }
}

/// What a row counts.
#[derive(Debug, Clone, Copy)]
struct Tally {
    row: u32,
    logins: Option<u64>,
    used: Option<i64>,
}

impl Tally {
    fn of(row: u32, logins: Option<u64>, used: Option<i64>) -> Tally {
        Tally { row, logins, used }
    }
}

impl Mention {
    /// Adds a row; true when it is the newest now.
    fn add(&mut self, ledger: &Ledger, object: ObjectId, row: Tally) -> bool {
        let used = row.used.unwrap_or(NEVER);
        self.set_days(self.days().and(Days::of(
            row.used.unwrap_or_else(|| ledger.observed_at(object)),
        )));
        match ledger.compare_objects(object, self.object) {
            Ordering::Less => false,
            Ordering::Greater => {
                self.object = object;
                self.row = row.row;
                self.rows = 1;
                self.used = used;
                self.logins = row.logins.unwrap_or(NO_COUNT);
                true
            }
            Ordering::Equal => {
                self.rows += 1;
                self.logins = sum(self.logins(), row.logins).unwrap_or(NO_COUNT);
                let is_newest = (used, row.row) > (self.used, self.row);
                if is_newest {
                    (self.used, self.row) = (used, row.row);
                }
                is_newest
            }
        }
    }
}

/// Adds up counts, of which each may not be said.
pub(super) fn sum(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        // A sum that is too large to be told from none is no sum that a tenant reaches.
        (Some(left), Some(right)) => Some(left.saturating_add(right).min(NO_COUNT - 1)),
        (left, right) => left.or(right),
    }
}

/// Writes the keys of a side: tabs cannot stand in a normal form.
fn join_keys(keys: &[Option<String>; 3]) -> String {
    keys.each_ref()
        .map(|key| key.as_deref().unwrap_or_default())
        .join("\t")
}

impl Mention {
    /// Returns the position of the one key that a side has, where it is kept as a claim's.
    pub(super) fn key_of_claim(&self, side: Subject) -> Option<usize> {
        let at = self.said_of(side).trailing_zeros() as usize;
        self.is_as_claim(side).then_some(at)
    }

    /// Tells which of a side's keys can find anybody.
    pub(super) fn is_key(&self, side: Subject, at: usize) -> bool {
        debug_assert!(at <= SECOND + 1);
        self.keys_of(side) >> at & 1 != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ledger::tests::ledger_of;
    use super::*;

    fn added(ledger: &Ledger, rows: &[(ObjectId, Tally)]) -> Option<Mention> {
        let ((object, first), rest) = rows.split_first()?;
        let days = Days::of(first.used.unwrap_or(ledger.observed_at(*object)));
        let mut mention = Mention {
            group: 1,
            used: first.used.unwrap_or(NEVER),
            days: days.mask,
            day: days.newest,
            logins: first.logins.unwrap_or(NO_COUNT),
            object: *object,
            row: first.row,
            rows: 1,
            claims: BySubject::default(),
            text: Text::KEPT,
            said: 1,
            keys: 1,
        };
        for (object, tally) in rest {
            mention.add(ledger, *object, *tally);
        }
        Some(mention)
    }

    proptest! {
        #[test]
        fn rows_of_one_pair_add_up_alike_in_any_order(
            (some, shuffled) in proptest::collection::vec(
                (1..6u32, proptest::option::of(0..9u64), proptest::option::of(0..5i64)),
                1..20,
            )
            .prop_map(|rows| {
                let rows = (1..).zip(rows).map(|(row, (object, logins, day))| {
                    let used = day.map(|day| day * super::super::days::DAY);
                    (ObjectId::of(object).unwrap(), Tally { row, logins, used })
                });
                rows.collect::<Vec<_>>()
            })
            .prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        ) {
            let ledger = ledger_of(&[3, 1, 2, 2, 9]);
            prop_assert_eq!(added(&ledger, &some), added(&ledger, &shuffled));
        }
    }
}
