//! Replaced records: of a computer that was set up anew the older ones, by what they have in common with the newer.

use std::collections::{BTreeMap, BTreeSet};

use super::bits::Bits;
use super::ledger::Ledger;
use super::seen::Seen;
use super::stand::{Seconds, is_later, seconds};
use super::stands_for::Holder;
use super::subject::SubjectId;

/// Records of one computer: as many as an identifier may have to identify anybody. More with one serial number have a filler.
const HOLDERS: usize = 8;

/// Devices that have a key in common.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SameKey {
    /// It is the name, which two computers may have; else it is the collector's uid.
    pub(super) is_name: bool,
    pub(super) devices: Vec<SubjectId>,
}

/// Records of devices that may be of one computer.
#[derive(Clone, Copy)]
pub(super) struct Records<'a> {
    /// Of the same name or collector's uid.
    pub(super) same_devices: &'a [SameKey],
    /// By the hash of their serial number, in order.
    pub(super) same_serial: &'a [Holder],
}

/// Devices of which another record is newer: of one computer that was set up anew.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    devices: Bits,
    /// Older records, by the newer.
    older: BTreeMap<u32, BTreeSet<u32>>,
}

/// When a record was seen.
#[derive(Debug, Clone, Copy)]
struct Record {
    device: u32,
    /// By a row that says so.
    first: Option<Seconds>,
    /// By its row, or by logins that are newer.
    last: Seconds,
    /// A row says when it was last seen.
    tells_last: bool,
    /// The hash of a serial number that others have, too.
    serial: Option<u64>,
}

/// What records have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Name,
    CollectorUid,
    Serial,
}

impl Record {
    /// Tells whether another record is newer: it was seen more than a day later or, with this one's serial number, came after this
    /// one was last seen. Where no row says when that was, it is enough that it came later; with one serial number, where it is
    /// not known which did, either may be the newer one.
    fn is_older(&self, other: &Record, by: By) -> bool {
        let is_one = self.serial.is_some() && self.serial == other.serial;
        let is_over = match (by, other.first) {
            (By::Serial, Some(first)) => first > self.last,
            (By::Serial, None) => is_later(other.last, self.last),
            // That was there before this one was last seen: two computers of one name, unless their serial number says otherwise.
            (By::Name, Some(first)) if !is_one && is_later(self.last, first) => false,
            (By::Name | By::CollectorUid, _) => is_later(other.last, self.last),
        };
        let may_be_older = match self.first.zip(other.first) {
            Some((own, other)) => other > own,
            None => by == By::Serial,
        };
        self.device != other.device && (is_over || (!self.tells_last && may_be_older))
    }
}

impl Replaced {
    /// `used` returns when logins were on a device at the latest, as far as they say it.
    pub(super) fn of(
        records: &Records,
        seen: &Seen,
        used: impl Fn(u32) -> Option<Seconds>,
        ledger: &Ledger,
    ) -> Replaced {
        let same_serial = records.same_serial;
        let of_one = || {
            let all = same_serial.chunk_by(|left, right| left.0 == right.0);
            // More have a filler.
            all.filter(|same| same.len() <= HOLDERS)
        };
        let serials = of_one()
            .flatten()
            .map(|(serial, device)| (device.0, *serial));
        let serials: BTreeMap<u32, u64> = serials.collect();
        let record = |device: &SubjectId| {
            let last = seen.last(device.0, ledger);
            Record {
                device: device.0,
                first: seen.first(device.0).map(seconds),
                last: seconds(last.last_seen.unwrap_or(last.observed_at))
                    .max(used(device.0).unwrap_or(0)),
                tells_last: last.last_seen.is_some(),
                serial: serials.get(&device.0).copied(),
            }
        };
        let mut replaced = Replaced::default();
        for same in records.same_devices {
            let by = match same.is_name {
                true => By::Name,
                false => By::CollectorUid,
            };
            let same: Vec<Record> = same.devices.iter().map(record).collect();
            match same.len() <= HOLDERS {
                true => replaced.add(&same, by),
                false => replaced.add_of_many(&same, by),
            }
        }
        for same in of_one() {
            let same: Vec<Record> = same.iter().map(|(_, device)| record(device)).collect();
            replaced.add(&same, By::Serial);
        }
        replaced
    }

    fn add(&mut self, same: &[Record], by: By) {
        for one in same {
            for newer in same.iter().filter(|other| one.is_older(other, by)) {
                self.devices.set(one.device);
                self.older
                    .entry(newer.device)
                    .or_default()
                    .insert(one.device);
            }
        }
    }

    /// Adds records of one name that more have than identifies anybody: whose computer was whose before is not told.
    fn add_of_many(&mut self, same: &[Record], by: By) {
        let newest = same.iter().max_by_key(|one| one.last);
        let youngest = same.iter().max_by_key(|one| one.first);
        for one in same {
            let mut newer = newest.into_iter().chain(youngest);
            if newer.any(|other| one.is_older(other, by)) {
                self.devices.set(one.device);
            }
        }
    }

    /// Tells whether another record of a device is newer.
    pub(super) fn has(&self, device: u32) -> bool {
        self.devices.has(device)
    }

    /// Tells whether a record is an older one of a device's computer.
    pub(super) fn is_before(&self, older: u32, device: u32) -> bool {
        let of_device = self.older.get(&device);
        of_device.is_some_and(|records| records.contains(&older))
    }

    /// Returns the older records of a device.
    pub(super) fn older(&self, device: u32) -> impl Iterator<Item = u32> {
        self.older.get(&device).into_iter().flatten().copied()
    }
}
