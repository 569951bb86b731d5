//! All mentions while a generation is made: folded, and given the claims that their keys lead to.

use super::bits::Bits;
use super::claim::ClaimId;
use super::erased::Erased;
use super::error::{Error, Result, damaged};
use super::lanes::{Entry, Lanes};
use super::ledger::Ledger;
use super::mention::{
    KEYS, Mention, NO_COUNT, Tally, day_of_use, first_of, kind_of, side_of, split_keys,
};
use super::mention_rows::{self, BLOCK, Written};
use super::said::{NEVER, ObjectId};
use super::slots::Slots;
use super::spill::{Spill, Text};
use super::text::extra_of;
use super::wants::{wanted, wanted_at};
use crate::bucket::{MAX_ID, kind_and_id};
use crate::observation::{Batch, Layout, Login, Recognised};
use crate::schema::{BySubject, Subject};
use crate::sealed::filed;
use crate::sqlite::Rows;

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
                    filed(key).high,
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

    /// Looks at where some rows are found.
    pub(super) fn touch(&self, rows: &[Login]) {
        self.slots.touch(rows.iter().map(|row| row.group));
    }

    /// Takes a logins row in.
    pub(super) fn fold(
        &mut self,
        ledger: &Ledger,
        object: ObjectId,
        row: &Login,
        (batch, layout, erased): (&Batch, &Layout, &Erased),
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
        let extra = extra_of((batch, layout), row.record, erased);
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
        let days = day_of_use(row.last_seen, ledger.observed_at(object));
        if self.slots.is_full() {
            self.rehash(self.all.len() * 2);
        }
        self.slots.place(row.group, self.all.len() as u32);
        self.all.push(Mention {
            group: row.group,
            used: row.last_seen.unwrap_or(NEVER),
            days: days.mask,
            day: days.newest,
            first_day: days.newest,
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

/// Writes the keys of a side: tabs cannot stand in a normal form.
pub(super) fn join_keys(keys: &[Option<String>; 3]) -> String {
    let bytes = keys.iter().flatten().map(String::len).sum::<usize>();
    let mut joined = String::with_capacity(bytes + keys.len());
    for key in keys {
        joined.push_str(key.as_deref().unwrap_or_default());
        joined.push('\t');
    }
    joined.pop();
    joined
}
