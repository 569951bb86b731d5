//! Ranks: the devices of an account and the accounts of a device, and which of them has a clear lead.
//!
//! Newest use first, then logins, then when the other side was last seen, then its ids.

use std::cmp::Reverse;
use std::sync::LazyLock;

use jiff::Timestamp;

use super::answer::Skipped;
use super::found::{AccountUse, Device, DeviceUse, Use};
use super::reader::{Reader, row_time};
use super::row::{Row, text};
use crate::schema::{Subject, USAGE_DEVICE_FIELDS};

/// How many devices or accounts an answer lists: those of a scanner's account or a kiosk are without end.
const LISTED_AT_MOST: usize = 100;
/// A lead is clear from so many logins on, if they are so many times those of any other.
const LEAD_LOGINS: u64 = 5;
const LEAD_FACTOR: u64 = 2;

static DEVICES_OF: LazyLock<String> = LazyLock::new(|| {
    let fields = USAGE_DEVICE_FIELDS.join(", ");
    format!(
        "SELECT logins, last_used, is_shared, last_seen, {fields} FROM usage WHERE id >= ?1 AND id < ?2"
    )
});
const ACCOUNTS_OF: &str =
    "SELECT id >> 32, logins, last_used FROM usage WHERE id & 4294967295 = ?1";

/// A ranked list, and how many of lower rank it leaves out.
pub(super) struct Ranked<T> {
    pub(super) list: Vec<T>,
    pub(super) left_out: u64,
}

/// One row of `usage`, seen from a device.
#[derive(Debug, Clone, Copy)]
struct Usage {
    account: u32,
    last_used: Option<Timestamp>,
    logins: Option<u64>,
}

fn shown(logins: Option<u64>, last_used: Option<Timestamp>) -> Use {
    Use {
        logins,
        last_used,
        is_primary: false,
    }
}

/// Returns the devices of an account.
pub(super) fn devices_of(reader: &Reader, account: u32) -> rusqlite::Result<Ranked<DeviceUse>> {
    let account = i64::from(account);
    let mut select = reader.prepare_cached(&DEVICES_OF)?;
    let rows = select.query_map([account << 32, (account + 1) << 32], |row| {
        device_use(reader, row)
    })?;
    let mut list: Vec<DeviceUse> = rows.collect::<rusqlite::Result<_>>()?;
    list.sort_by(|left, right| device_rank(left).cmp(&device_rank(right)));
    let left_out = list.len().saturating_sub(LISTED_AT_MOST) as u64;
    list.truncate(LISTED_AT_MOST);
    let is_first_own = list.first().is_some_and(|first| !first.is_shared);
    if is_first_own && left_out == 0 {
        let own = list.iter_mut().filter(|device| !device.is_shared);
        mark_primary(own.map(|device| &mut device.usage));
    }
    Ok(Ranked { list, left_out })
}

/// Reads a device and its use, both of which a usage's row has.
fn device_use(reader: &Reader, row: &rusqlite::Row) -> rusqlite::Result<DeviceUse> {
    const BEFORE: usize = 4;
    let field = |at: usize| text(reader, row.get_ref(BEFORE + at)?);
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
        first_seen: row_time(row.get(BEFORE + 9)?),
        last_seen: row_time(row.get(3)?),
    };
    let logins: Option<i64> = row.get(0)?;
    Ok(DeviceUse {
        device,
        usage: shown(logins.map(i64::unsigned_abs), row_time(row.get(1)?)),
        is_shared: row.get(2)?,
    })
}

/// Returns the accounts of a device, those of other classes counted unless they are asked for.
pub(super) fn accounts_of(
    reader: &Reader,
    device: u32,
    is_shared: bool,
    is_all_classes: bool,
    skipped: &mut Skipped,
) -> rusqlite::Result<Ranked<AccountUse>> {
    let usages = usages_of(reader, device)?;
    let ranked = accounts(reader, usages, |row| {
        let is_skipped = row.class.is_skipped() && !is_all_classes;
        if is_skipped {
            skipped.add(row.class);
        }
        !is_skipped
    })?;
    let list = ranked.list.into_iter().map(|(row, usage)| AccountUse {
        account: row.into_account(),
        usage,
    });
    let mut list: Vec<AccountUse> = list.collect();
    list.sort_by(|left, right| account_rank(left).cmp(&account_rank(right)));
    let left_out = ranked.left_out + list.len().saturating_sub(LISTED_AT_MOST) as u64;
    list.truncate(LISTED_AT_MOST);
    if !is_shared && left_out == 0 {
        let own = list
            .iter_mut()
            .filter(|user| !user.account.class.is_skipped());
        mark_primary(own.map(|user| &mut user.usage));
    }
    Ok(Ranked { list, left_out })
}

fn usages_of(reader: &Reader, device: u32) -> rusqlite::Result<Vec<Usage>> {
    let mut select = reader.prepare_cached(ACCOUNTS_OF)?;
    let rows = select.query_map([device], |row| {
        let logins: Option<i64> = row.get(1)?;
        Ok(Usage {
            account: row.get(0)?,
            logins: logins.map(i64::unsigned_abs),
            last_used: row_time(row.get(2)?),
        })
    })?;
    rows.collect()
}

/// Reads the accounts of usages, the best ranked ones when there are too many, as far as they are wanted.
fn accounts(
    reader: &Reader,
    mut usages: Vec<Usage>,
    mut is_wanted: impl FnMut(&Row) -> bool,
) -> rusqlite::Result<Ranked<(Row, Use)>> {
    let order = |usage: &Usage| (Reverse(usage.last_used), Reverse(usage.logins));
    usages.sort_by_key(order);
    // Those that are as good as the last one listed are read too: what they are called tells them apart, not their ids.
    let mut last = None;
    let mut list = Vec::with_capacity(usages.len().min(LISTED_AT_MOST));
    let mut left_out = 0;
    for usage in usages {
        if list.len() >= LISTED_AT_MOST && last != Some(order(&usage)) {
            left_out += 1;
            continue;
        }
        let row = Row::read(reader, Subject::Account, usage.account)?;
        if let Some(row) = row.filter(|row| is_wanted(row)) {
            last = Some(order(&usage));
            list.push((row, shown(usage.logins, usage.last_used)));
        }
    }
    Ok(Ranked { list, left_out })
}

/// What orders a list: compared from left to right, the smaller one first.
type Rank<'a> = (
    Reverse<Option<Timestamp>>,
    Reverse<Option<u64>>,
    Reverse<Option<Timestamp>>,
    [Option<&'a str>; 3],
);

fn device_rank(one: &DeviceUse) -> Rank<'_> {
    let it = &one.device;
    let ids = [&it.uid, &it.collector_uid, &it.name];
    rank(&one.usage, it.last_seen, ids)
}

fn account_rank(one: &AccountUse) -> Rank<'_> {
    let it = &one.account;
    let ids = [&it.uid, &it.sid, &it.account_name];
    rank(&one.usage, it.last_seen, ids)
}

fn rank<'a>(usage: &Use, last_seen: Option<Timestamp>, ids: [&'a Option<String>; 3]) -> Rank<'a> {
    (
        Reverse(usage.last_used),
        Reverse(usage.logins),
        Reverse(last_seen),
        ids.map(|id| id.as_deref()),
    )
}

/// Marks the first of those that may be primary, if its lead is clear.
fn mark_primary<'a>(mut own: impl Iterator<Item = &'a mut Use>) {
    let Some(first) = own.next() else { return };
    let others = own.map(|other| other.logins.unwrap_or(0)).max();
    first.is_primary = has_clear_lead(first.logins.unwrap_or(0), others);
}

fn has_clear_lead(logins: u64, most_of_others: Option<u64>) -> bool {
    match most_of_others {
        None => true,
        Some(others) => logins >= LEAD_LOGINS && logins >= others.saturating_mul(LEAD_FACTOR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lead_is_clear_alone_or_with_twice_the_logins_of_any_other() {
        assert!(has_clear_lead(0, None));
        assert!(has_clear_lead(26, Some(13)));
        assert!(!has_clear_lead(26, Some(14)));
        assert!(!has_clear_lead(26, Some(21)));
        assert!(!has_clear_lead(4, Some(1)));
        assert!(has_clear_lead(5, Some(0)));
    }
}
