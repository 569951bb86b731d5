//! Counts of each day: how many accounts, devices and usages of each kind there were, kept for as long as the index lives.
//!
//! A day is that of the newest object, so a generation made again of the same objects counts for the same day, and the last
//! generation of a day stands for it.

use std::collections::BTreeMap;

use super::error::Result;
use crate::schema::Class;
use crate::sqlite::{Record, Rows, Table};

/// What is counted, as `schemas/index.sql` decodes it; classes of accounts have their own codes, below these.
const ACCOUNTS_GONE: u8 = 8;
const DEVICES: u8 = 16;
const DEVICES_GONE: u8 = 17;
const DEVICES_SHARED: u8 = 18;
const DEVICES_OWNED: u8 = 19;
const USAGES: u8 = 24;
const WAITING: u8 = 32;
/// Bits of an id that say what is counted.
const WHAT_BITS: u32 = 8;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// How many rows there are of a subject.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    classes: [u64; Class::ALL.len()],
    gone: u64,
}

impl Tally {
    pub(super) fn add(&mut self, class: Class, is_gone: bool) {
        self.classes[class as usize] += 1;
        self.gone += u64::from(is_gone);
    }

    pub(super) fn join(&mut self, other: Tally) {
        for (count, other) in self.classes.iter_mut().zip(other.classes) {
            *count += other;
        }
        self.gone += other.gone;
    }
}

/// What is counted of one generation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    pub(super) accounts: Tally,
    pub(super) devices: Tally,
    /// Devices that are shared, and those that are somebody's own.
    pub(super) shared: u64,
    pub(super) owned: u64,
    pub(super) usages: u64,
    /// Mentions that wait: of nobody known, and of several.
    pub(super) waiting: [u64; 2],
}

/// Counts by day and by what is counted.
#[derive(Debug, Default)]
pub(super) struct DayCounts(BTreeMap<i64, u64>);

impl DayCounts {
    /// Reads those of the last generation.
    pub(super) fn load(mut rows: Rows) -> Result<DayCounts> {
        let mut counts = DayCounts::default();
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let count = columns.take()?.integer().unwrap_or_default();
            counts.0.insert(id, count.unsigned_abs());
        }
        Ok(counts)
    }

    /// Counts a generation, whose newest object was observed at a time; one of the same day does not count any more.
    pub(super) fn add(&mut self, newest: i64, counted: &Counted) {
        let day = newest.div_euclid(DAY) << WHAT_BITS;
        self.0.retain(|id, _| id >> WHAT_BITS << WHAT_BITS != day);
        let Counted {
            accounts,
            devices,
            shared,
            owned,
            usages,
            waiting,
        } = counted;
        let classes = Class::ALL.map(|class| (class as u8, accounts.classes[class as usize]));
        let others = [
            (ACCOUNTS_GONE, accounts.gone),
            (DEVICES, devices.classes.iter().sum()),
            (DEVICES_GONE, devices.gone),
            (DEVICES_SHARED, *shared),
            (DEVICES_OWNED, *owned),
            (USAGES, *usages),
            (WAITING, waiting[0]),
            (WAITING + 1, waiting[1]),
        ];
        for (what, count) in classes.into_iter().chain(others) {
            self.0.insert(day | i64::from(what), count);
        }
    }

    pub(super) fn write(&self, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        for (id, count) in &self.0 {
            record.clear();
            record.put_null();
            record.put_integer(i64::try_from(*count).unwrap_or(i64::MAX));
            table.push(*id, &record)?;
        }
        Ok(())
    }
}
