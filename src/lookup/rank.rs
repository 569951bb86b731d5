//! Ranked lists: the devices of an account and the accounts of a device, in the order in which an answer has them.
//!
//! How they rank was worked out when the generation was written (`index::ranking`); here it is read. Current ones first,
//! then by time of use, then by logins, then when the other side was last seen, then its ids.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use jiff::Timestamp;

use super::answer::Skipped;
use super::found::{AccountUse, Device, DeviceUse, Use};
use super::reader::{Reader, row_time};
use super::row::{Row, text};
use super::select::Selected;
use super::tables::USAGE_COLUMNS;
use crate::schema::{Rank, Subject, usage_id};
use crate::sqlite;

/// How many devices or accounts an answer lists: those of a scanner's account or a kiosk are without end.
const LISTED_AT_MOST: usize = 100;

/// What format 3 says of a usage in place of a rank, beside whether the device is shared: it has none, so that no device is
/// anybody's primary one until the next run.
const NOT_RANKED: u8 = 44;

/// A ranked list, and how many of lower rank it leaves out.
pub(super) struct Ranked<T> {
    pub(super) list: Vec<T>,
    pub(super) left_out: u64,
}

/// The accounts of a device.
pub(super) struct AccountsOf {
    pub(super) ranked: Ranked<AccountUse>,
    pub(super) is_shared: bool,
}

/// One row of `usage`, but for what it says of the device.
#[derive(Debug, Clone, Copy)]
struct Usage {
    account: u32,
    logins: Option<u64>,
    last_used: Option<Timestamp>,
    time_of_use: Option<Timestamp>,
    object: Option<u32>,
    rank: Rank,
    through: Option<u32>,
}

impl Usage {
    fn read(id: i64, row: &Selected) -> sqlite::Result<Usage> {
        let logins: Option<i64> = row.optional(0)?;
        let last_used = row_time(row.optional(1)?);
        let rank = match row.optional(4)? {
            Some(rank) => rank,
            None => row.number::<u8>(5)? << 1 | NOT_RANKED,
        };
        Ok(Usage {
            account: (id >> 32) as u32,
            logins: logins.map(i64::unsigned_abs),
            last_used,
            // Mostly it is the same.
            time_of_use: row_time(row.optional(2)?).or(last_used),
            object: row.optional(3)?,
            rank: Rank::of_code(rank),
            through: row.optional(6)?,
        })
    }

    /// What orders usages, the smaller one first.
    fn order(
        &self,
    ) -> (
        Reverse<bool>,
        Reverse<Option<Timestamp>>,
        Reverse<Option<u64>>,
    ) {
        (
            Reverse(self.rank.is_current),
            Reverse(self.time_of_use),
            Reverse(self.logins),
        )
    }

    fn shown(self, reader: &Reader) -> sqlite::Result<Use> {
        let logins_observed = self.object.map(|object| reader.observed_at(object));
        let through = match self.through {
            Some(local) => Row::read(reader, Subject::Account, local)?,
            None => None,
        };
        Ok(Use {
            logins: self.logins,
            logins_observed: logins_observed.transpose()?.flatten(),
            last_used: self.last_used,
            time_of_use: self.time_of_use,
            is_current: self.rank.is_current,
            not_primary: self.rank.not_primary,
            through: through.and_then(|row| {
                let [uid, sid, name] = row.ids_and_name();
                name.or(uid).or(sid).map(str::to_owned)
            }),
        })
    }
}

/// Returns the devices of an account.
pub(super) fn devices_of(reader: &Reader, account: u32) -> sqlite::Result<Ranked<DeviceUse>> {
    let account = i64::from(account);
    let usages = account << 32..(account + 1) << 32;
    // As many as nearly everybody has: a list that grows by itself asks for twice as much.
    let mut list: Vec<DeviceUse> = Vec::with_capacity(2);
    reader.rows(&reader.tables.usage, usages, |id, row| {
        list.push(device_use(reader, id, row)?);
        Ok(())
    })?;
    list.sort_by(|left, right| device_rank(left).cmp(&device_rank(right)));
    let left_out = list.len().saturating_sub(LISTED_AT_MOST) as u64;
    list.truncate(LISTED_AT_MOST);
    Ok(Ranked { list, left_out })
}

/// Reads a device and its use, both of which a usage's row has.
fn device_use(reader: &Reader, id: i64, row: &Selected) -> sqlite::Result<DeviceUse> {
    const BEFORE: usize = USAGE_COLUMNS;
    let field = |at: usize| text(reader, row.value(BEFORE + at)?);
    let device = Device {
        uid: field(0)?,
        collector_uid: field(1)?,
        name: field(2)?,
        serial_number: field(3)?,
        kind: field(4)?,
        manufacturer: field(5)?,
        model: field(6)?,
        os: field(7)?,
        entity: field(8)?,
        first_seen: row_time(row.optional(BEFORE + 9)?),
        last_seen: row_time(row.optional(BEFORE - 1)?),
    };
    let usage = Usage::read(id, row)?;
    Ok(DeviceUse {
        device,
        is_shared: usage.rank.is_shared,
        usage: usage.shown(reader)?,
    })
}

/// Returns the accounts of a device, those of other classes counted unless they are asked for.
pub(super) fn accounts_of(
    reader: &Reader,
    device: u32,
    is_all_classes: bool,
    skipped: &mut Skipped,
) -> sqlite::Result<AccountsOf> {
    let usages = usages_of(reader, device)?;
    let is_shared = usages.iter().any(|usage| usage.rank.is_shared);
    let ranked = accounts(reader, usages, |row| {
        let is_skipped = row.class.is_skipped() && !is_all_classes;
        if is_skipped {
            skipped.add(row.class);
        }
        !is_skipped
    })?;
    let mut list = Vec::with_capacity(ranked.list.len());
    for (row, usage) in ranked.list {
        list.push(AccountUse {
            account: row.into_account(),
            usage: usage.shown(reader)?,
        });
    }
    list.sort_by(|left, right| account_rank(left).cmp(&account_rank(right)));
    let left_out = ranked.left_out + list.len().saturating_sub(LISTED_AT_MOST) as u64;
    list.truncate(LISTED_AT_MOST);
    Ok(AccountsOf {
        ranked: Ranked { list, left_out },
        is_shared,
    })
}

/// How an account uses a device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    account: u32,
    /// The local account whose usage it is, which stands for this one.
    through: Option<u32>,
    pub(super) rank: Rank,
    pub(super) used: Option<Timestamp>,
    logins: Option<u64>,
}

impl Standing {
    /// Tells whether others use a device of late and no less than this one, whose own it is not: it may be a visitor's.
    pub(super) fn is_visit(&self, reader: &Reader, device: u32) -> sqlite::Result<bool> {
        if self.rank.not_primary.is_none() {
            return Ok(false);
        }
        let mut is_visit = false;
        each_usage_of(reader, device, |usage| {
            let is_other = usage.account != self.account && Some(usage.account) != self.through;
            // Without logins on both sides it is not known who is there more.
            let is_as_much = usage.logins.is_some() && usage.logins >= self.logins;
            let is_theirs = usage.rank.not_primary.is_none() || is_as_much;
            is_visit = is_other && usage.rank.is_current && is_theirs;
            match is_visit {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        Ok(is_visit)
    }
}

/// Returns how an account uses a device, if it does.
pub(super) fn of_usage(
    reader: &Reader,
    account: u32,
    device: u32,
) -> sqlite::Result<Option<Standing>> {
    let id = usage_id(account, device);
    let usage = reader.row(&reader.tables.usage, id, |row| Usage::read(id, row))?;
    Ok(usage.map(|usage| Standing {
        account,
        through: usage.through,
        rank: usage.rank,
        used: usage.time_of_use,
        logins: usage.logins,
    }))
}

fn usages_of(reader: &Reader, device: u32) -> sqlite::Result<Vec<Usage>> {
    let mut usages = Vec::new();
    each_usage_of(reader, device, |usage| {
        usages.push(usage);
        ControlFlow::Continue(())
    })?;
    Ok(usages)
}

/// Reads the usages of a device until `take` breaks.
fn each_usage_of(
    reader: &Reader,
    device: u32,
    mut take: impl FnMut(Usage) -> ControlFlow<()>,
) -> sqlite::Result<()> {
    let (index, device) = (&reader.tables.usage_by_device, i64::from(device));
    let usage = |id| reader.indexed_row(&reader.tables.usage, id, |row| Usage::read(id, row));
    reader
        .finder
        .entries(index, &[device], |entry| match *entry {
            [found, id] if found == device => Ok(take(usage(id)?)),
            _ => Ok(ControlFlow::Break(())),
        })
}

/// Reads the accounts of usages, the best ranked ones when there are too many, as far as they are wanted.
fn accounts(
    reader: &Reader,
    mut usages: Vec<Usage>,
    mut is_wanted: impl FnMut(&Row) -> bool,
) -> sqlite::Result<Ranked<(Row, Usage)>> {
    usages.sort_by_key(Usage::order);
    // Those that are as good as the last one listed are read too: what they are called tells them apart, not their ids.
    let mut last = None;
    let mut list = Vec::with_capacity(usages.len().min(LISTED_AT_MOST));
    let mut left_out = 0;
    for usage in usages {
        if list.len() >= LISTED_AT_MOST && last != Some(usage.order()) {
            left_out += 1;
            continue;
        }
        let row = Row::read(reader, Subject::Account, usage.account)?;
        if let Some(row) = row.filter(|row| is_wanted(row)) {
            last = Some(usage.order());
            list.push((row, usage));
        }
    }
    Ok(Ranked { list, left_out })
}

fn device_rank(one: &DeviceUse) -> impl Ord + '_ {
    let it = &one.device;
    let ids = [&it.uid, &it.collector_uid, &it.name];
    rank(&one.usage, it.last_seen, ids)
}

fn account_rank(one: &AccountUse) -> impl Ord + '_ {
    let it = &one.account;
    let ids = [&it.uid, &it.sid, &it.account_name];
    rank(&one.usage, it.last_seen, ids)
}

/// What orders a list: compared from left to right, the smaller one first.
fn rank<'a>(
    usage: &Use,
    last_seen: Option<Timestamp>,
    ids: [&'a Option<String>; 3],
) -> impl Ord + use<'a> {
    (
        Reverse(usage.is_current),
        Reverse(usage.time_of_use),
        Reverse(usage.logins),
        Reverse(last_seen),
        ids.map(|id| id.as_deref()),
    )
}
