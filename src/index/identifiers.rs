//! The identifier table (its format is `crate::bucket`): what the last generation had and what is new, merged in one walk
//! in the order of hashes. What the walk finds is the affair of `finds`.

use std::ops::Range;

use super::building::Building;
use super::claim::ClaimId;
use super::error::{Result, damaged};
use super::finds::Finds;
use super::in_order::in_order;
use super::lanes::{Entry, LANES, Lanes, hashes_of};
use super::last::Last;
use super::near;
use crate::bucket::{CROWD, Entries, IN_CROWD, bucket_of, kind_and_id, put_tag, read_u32};
use crate::identifier::Kind;
use crate::schema::{BySubject, Subject};
use crate::sqlite::{Record, Rows, Table};

/// Entries of a bucket, on average, before the number of buckets is doubled.
const MEAN_ENTRIES: u64 = 64;
/// Lanes that are read and sorted at once.
const LANES_AT_ONCE: usize = 2;
const LAST_LANE: usize = LANES - 1;
/// References of a row of `crowd`: half a page.
const CROWD_ROW: usize = 1_000;

/// What the walk came to.
pub(super) struct Merged {
    /// How many top bits of a hash name its bucket.
    pub(super) bits: u32,
    pub(super) entries: u64,
    /// Holders of values that more than a bucket's share have, in the order of hashes.
    pub(super) crowds: Vec<(u64, Vec<u32>)>,
}

/// The entries of a lane, and what is wanted of them, each sorted.
struct Lane {
    entries: Vec<Entry>,
    wanted: Vec<Entry>,
}

/// Writes the table, and gives `finds` all references of each hash, with what is wanted under it.
pub(super) fn merge(
    building: &mut Building,
    last: Option<&Last>,
    claims: BySubject<usize>,
    (new, wanted): (&Lanes, &Lanes),
    finds: &mut Finds,
) -> Result<Merged> {
    let before = last.map_or(Ok(0), |last| last.number("identifier_entries"))?;
    let mut merged = Merged {
        bits: bits_for(before.saturating_add(new.len() as u64)),
        entries: 0,
        crowds: Vec::new(),
    };
    let last = last.map(|last| LastEntries::of(last, claims)).transpose()?;
    let mut crowds = last.as_ref().map(LastCrowds::open).transpose()?;
    let make = |(): &mut (), lanes: Range<usize>| {
        let lane = |at: usize| {
            let kept = last.as_ref().map(|last| last.lane(at)).transpose()?;
            let kept = kept.unwrap_or_default();
            Ok(Lane {
                entries: joined(kept, new.sorted(at)?),
                wanted: wanted.sorted(at)?,
            })
        };
        lanes.map(lane).collect::<Result<Vec<Lane>>>()
    };
    building.table("identifier", |table| {
        let mut buckets = Buckets::new(table, merged.bits);
        let take = |lanes: Vec<Lane>| {
            lanes
                .iter()
                .try_for_each(|lane| merged.take(lane, crowds.as_mut(), &mut buckets, finds))
        };
        in_order(LANES, LANES_AT_ONCE, || Ok(()), make, take)?;
        buckets.end()
    })?;
    Ok(merged)
}

/// Joins two runs of entries that are sorted each.
fn joined(mut kept: Vec<Entry>, new: Vec<Entry>) -> Vec<Entry> {
    if kept.is_empty() {
        return new;
    }
    if !new.is_empty() {
        kept.extend(new);
        kept.sort();
        kept.dedup();
    }
    kept
}

impl Merged {
    /// Takes up a lane, hash by hash.
    fn take(
        &mut self,
        lane: &Lane,
        mut crowds: Option<&mut LastCrowds>,
        buckets: &mut Buckets,
        finds: &mut Finds,
    ) -> Result<()> {
        let mut wanted = Wanted::new(&lane.wanted);
        let mut references = Vec::new();
        for same in lane
            .entries
            .chunk_by(|left, right| left.hash() == right.hash())
        {
            let hash = same[0].hash();
            references.clear();
            references.extend(same.iter().map(|entry| entry.reference));
            if let (Some(&IN_CROWD), Some(crowds)) = (references.last(), crowds.as_mut()) {
                references.pop();
                references.extend(crowds.of(hash)?);
                references.sort_unstable();
                references.dedup();
            }
            finds.note(hash, &references, wanted.under(hash, finds));
            self.entries += references.len() as u64;
            if references.len() > CROWD {
                self.crowds.push((hash, references.clone()));
                buckets.push(hash, &[IN_CROWD])?;
            } else {
                buckets.push(hash, &references)?;
            }
        }
        Ok(())
    }
}

/// What is wanted under the hashes of a lane, in order.
struct Wanted<'l> {
    rest: &'l [Entry],
    /// How many of the rest were looked at.
    touched: usize,
}

impl<'l> Wanted<'l> {
    fn new(wanted: &'l [Entry]) -> Wanted<'l> {
        Wanted {
            rest: wanted,
            touched: 0,
        }
    }

    /// Returns what is wanted under a hash, and passes over what is wanted under smaller ones.
    fn under(&mut self, hash: u64, finds: &Finds) -> &'l [Entry] {
        let skipped = self
            .rest
            .iter()
            .take_while(|entry| entry.hash() < hash)
            .count();
        self.pass(skipped);
        let here = self
            .rest
            .iter()
            .take_while(|entry| entry.hash() == hash)
            .count();
        if here > self.touched {
            self.touched = self.rest.len().min(near::AT_ONCE.max(here));
            finds.touch(&self.rest[..self.touched]);
        }
        self.pass(here)
    }

    fn pass(&mut self, count: usize) -> &'l [Entry] {
        let (passed, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.touched = self.touched.saturating_sub(count);
        passed
    }
}

fn bits_for(entries: u64) -> u32 {
    let mut bits = 0;
    while entries >> bits > MEAN_ENTRIES {
        bits += 1;
    }
    bits
}

/// Buckets on their way into the table.
struct Buckets<'t, 'b> {
    table: &'t mut Table<'b>,
    bits: u32,
    bucket: i64,
    tags: Vec<u8>,
    references: Vec<u8>,
    record: Record,
}

impl<'t, 'b> Buckets<'t, 'b> {
    fn new(table: &'t mut Table<'b>, bits: u32) -> Buckets<'t, 'b> {
        Buckets {
            table,
            bits,
            bucket: 0,
            tags: Vec::new(),
            references: Vec::new(),
            record: Record::default(),
        }
    }

    fn push(&mut self, hash: u64, references: &[u32]) -> Result<()> {
        let bucket = bucket_of(hash, self.bits);
        if bucket != self.bucket {
            self.end()?;
            self.bucket = bucket;
        }
        for reference in references {
            put_tag(hash, self.bits, &mut self.tags);
            self.references.extend_from_slice(&reference.to_le_bytes());
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.tags.is_empty() {
            return Ok(());
        }
        self.tags.append(&mut self.references);
        self.record.clear();
        self.record.put_null();
        self.record.put_blob(&self.tags);
        self.tags.clear();
        Ok(self.table.push(self.bucket, &self.record)?)
    }
}

/// What the last generation has.
struct LastEntries<'r> {
    last: &'r Last,
    bits: u32,
    claims: BySubject<usize>,
}

impl<'r> LastEntries<'r> {
    fn of(last: &'r Last, claims: BySubject<usize>) -> Result<LastEntries<'r>> {
        Ok(LastEntries {
            last,
            bits: bits_of(last)?,
            claims,
        })
    }

    /// Returns the entries of a lane, in their order.
    fn lane(&self, lane: usize) -> Result<Vec<Entry>> {
        let [first, last] = hashes_of(lane).map(|hash| bucket_of(hash, self.bits));
        let mut entries = Vec::new();
        let mut rows = self.last.reader.rows("identifier")?;
        rows.seek(first)?;
        while let Some((bucket, mut columns)) = rows.next()? {
            match lane {
                _ if bucket <= last => {}
                LAST_LANE => return Err(damaged("a bucket of no hash")),
                _ => break,
            }
            columns.skip(1)?;
            let bytes = columns.take()?.blob();
            let bytes = bytes.ok_or(damaged("a bucket of identifiers"))?;
            let here = Entries::of(bytes, self.bits).all(bucket, self.bits);
            let here = here.map(|(hash, reference)| Entry::new(hash, reference));
            // A bucket of a small index has entries of several lanes.
            entries.extend(here.filter(|entry| entry.lane() == lane));
        }
        match entries.iter().all(|entry| self.is_there(entry.reference)) {
            true => Ok(entries),
            false => Err(damaged("an identifier of no claim")),
        }
    }

    /// Tells whether there is a claim that a reference names.
    fn is_there(&self, reference: u32) -> bool {
        let is_claim = |(kind, row): (Kind, u32)| {
            let claim = ClaimId::of_row(row);
            claim.is_some_and(|claim| claim.at() < self.claims[Subject::of(kind)])
        };
        reference == IN_CROWD || kind_and_id(reference).is_some_and(is_claim)
    }
}

/// What the last generation's table of crowds has, in the order of hashes.
struct LastCrowds<'r> {
    entries: &'r LastEntries<'r>,
    rows: Rows<'r>,
    /// A row that was read, and belongs to a later hash.
    ahead: Option<(u64, Vec<u32>)>,
}

impl<'r> LastCrowds<'r> {
    fn open(entries: &'r LastEntries<'r>) -> Result<LastCrowds<'r>> {
        Ok(LastCrowds {
            entries,
            rows: entries.last.reader.rows("crowd")?,
            ahead: None,
        })
    }

    /// Returns the holders of a hash; hashes are asked for in order.
    fn of(&mut self, hash: u64) -> Result<Vec<u32>> {
        let mut all = Vec::new();
        loop {
            match self.ahead.take() {
                Some((here, references)) if here == hash => all.extend(references),
                Some((here, _)) if here < hash => {}
                Some(later) => {
                    self.ahead = Some(later);
                    return Ok(all);
                }
                None => {}
            }
            let Some((_, mut columns)) = self.rows.next()? else {
                return Ok(all);
            };
            columns.skip(1)?;
            let here = columns.take()?.integer().unwrap_or_default() as u64;
            columns.skip(1)?;
            let bytes = columns.take()?.blob().unwrap_or_default();
            let references = bytes.chunks_exact(4).map(|bytes| read_u32(bytes, 0));
            let references: Vec<u32> = references.collect();
            if !references.iter().all(|one| self.entries.is_there(*one)) {
                return Err(damaged("an identifier of no claim"));
            }
            self.ahead = Some((here, references));
        }
    }
}

/// Writes the identifiers of a generation anew, with the references that `renumber` gives; none where it gives none.
pub(super) fn without_claims(
    last: &Last,
    renumber: impl Fn(u32) -> Option<u32>,
    table: &mut Table,
) -> Result<()> {
    let bits = bits_of(last)?;
    let mut buckets = Buckets::new(table, bits);
    let mut rows = last.reader.rows("identifier")?;
    while let Some((bucket, mut columns)) = rows.next()? {
        columns.skip(1)?;
        let bytes = columns.take()?.blob().unwrap_or_default();
        for (hash, old) in Entries::of(bytes, bits).all(bucket, bits) {
            let new = match old {
                IN_CROWD => Some(IN_CROWD),
                old => renumber(old),
            };
            if let Some(new) = new {
                buckets.push(hash, &[new])?;
            }
        }
    }
    buckets.end()
}

fn bits_of(last: &Last) -> Result<u32> {
    let bits = u32::try_from(last.number("identifier_bits")?).ok();
    let bits = bits.filter(|bits| *bits < u64::BITS);
    bits.ok_or(damaged("too many buckets"))
}

/// Returns the rows of `crowd`: hash and references.
fn crowd_rows(crowds: &[(u64, Vec<u32>)]) -> impl Iterator<Item = (i64, &[u32])> {
    let rows = crowds.iter();
    rows.flat_map(|(hash, references)| references.chunks(CROWD_ROW).map(|row| (*hash as i64, row)))
}

/// Writes the crowds.
pub(super) fn write_crowds(crowds: &[(u64, Vec<u32>)], table: &mut Table) -> Result<()> {
    let mut record = Record::default();
    for (id, (hash, references)) in (1..).zip(crowd_rows(crowds)) {
        let bytes: Vec<u8> = references
            .iter()
            .flat_map(|one| one.to_le_bytes())
            .collect();
        record.clear();
        record.put_null();
        record.put_integer(hash);
        record.put_integer(references.last().map_or(0, |last| i64::from(*last)));
        record.put_blob(&bytes);
        table.push(id, &record)?;
    }
    Ok(())
}

/// Returns the entries of the index by hash, in its order.
pub(super) fn crowds_by_hash(crowds: &[(u64, Vec<u32>)]) -> Vec<[i64; 3]> {
    let rows = (1..).zip(crowd_rows(crowds));
    let mut entries: Vec<_> = rows
        .map(|(id, (hash, references))| {
            [
                hash,
                references.last().map_or(0, |last| i64::from(*last)),
                id,
            ]
        })
        .collect();
    entries.sort_unstable();
    entries
}
