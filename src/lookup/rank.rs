//! Ranks: the devices of an account and the accounts of a device, and which of them has a clear lead.
//!
//! Newest use first, then logins, then when the other side was last seen, then its uid.

use std::cmp::Reverse;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::answer::{Account, AccountUse, Device, DeviceUse, Skipped, Use};
use super::reader::Reader;
use super::row::{Row, time};
use crate::schema::{Class, SHARED_BY, Subject, get_optional};

/// How many devices or accounts an answer lists: those of a scanner's account or a kiosk are without end.
const LISTED_AT_MOST: usize = 100;
/// A lead is clear from so many logins on, if they are so many times those of any other.
const LEAD_LOGINS: u64 = 5;
const LEAD_FACTOR: u64 = 2;

const DEVICES_OF: &str = "SELECT device, seen FROM usage WHERE id >= ?1 AND id < ?2";
const ACCOUNTS_OF: &str = "SELECT id >> 32, seen FROM usage WHERE device = ?1";
const IS_SHARED: &str =
    "SELECT count(*) FROM (SELECT 1 FROM usage u JOIN account a ON a.id = u.id >> 32
     WHERE u.device = ?1 AND a.class NOT IN (?2, ?3) LIMIT ?4)";

/// A ranked list, and how many of lower rank it leaves out.
pub(super) struct Ranked<T> {
    pub(super) list: Vec<T>,
    pub(super) left_out: u64,
}

/// One row of `usage`, seen from one side.
#[derive(Debug, Clone, Copy)]
struct Usage {
    /// The id of the other side.
    other: u32,
    last_used: Option<i64>,
    logins: Option<u64>,
}

impl Usage {
    /// Reads the fixed-width text that `schemas/index.sql` describes.
    fn of(other: u32, seen: &str) -> Usage {
        let number = |range| get_optional(seen.as_bytes().get(range)?).flatten();
        Usage {
            other,
            last_used: number(0..18),
            logins: number(36..54).and_then(|logins| u64::try_from(logins).ok()),
        }
    }

    fn shown(self) -> Use {
        Use {
            logins: self.logins,
            last_used: time(self.last_used),
            is_primary: false,
        }
    }
}

/// Returns the devices of an account.
pub(super) fn devices_of(reader: &Reader, account: u32) -> rusqlite::Result<Ranked<DeviceUse>> {
    let account = i64::from(account);
    let usages = usages(
        reader,
        DEVICES_OF,
        params![account << 32, (account + 1) << 32],
    )?;
    let mut ranked = read(reader, usages, Subject::Device, |_| true)?;
    let mut list = Vec::with_capacity(ranked.list.len());
    for (row, usage) in ranked.list.drain(..) {
        let is_shared = is_shared(reader, row.id)?;
        list.push(DeviceUse {
            device: row.into_device(),
            usage,
            is_shared,
        });
    }
    list.sort_by(|left, right| device_rank(left).cmp(&device_rank(right)));
    let is_first_own = list.first().is_some_and(|first| !first.is_shared);
    if is_first_own && ranked.left_out == 0 {
        let own = list.iter_mut().filter(|device| !device.is_shared);
        mark_primary(own.map(|device| &mut device.usage));
    }
    Ok(Ranked {
        list,
        left_out: ranked.left_out,
    })
}

/// Returns the accounts of a device, those of other classes counted unless they are asked for.
pub(super) fn accounts_of(
    connection: &Connection,
    device: u32,
    is_shared: bool,
    is_all_classes: bool,
    skipped: &mut Skipped,
) -> rusqlite::Result<Ranked<AccountUse>> {
    let usages = usages(connection, ACCOUNTS_OF, params![device])?;
    let ranked = read(connection, usages, Subject::Account, |row| {
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
    if !is_shared && ranked.left_out == 0 {
        let own = list
            .iter_mut()
            .filter(|user| !user.account.class.is_skipped());
        mark_primary(own.map(|user| &mut user.usage));
    }
    Ok(Ranked {
        list,
        left_out: ranked.left_out,
    })
}

/// Tells whether three or more accounts that are neither machine nor local use a device.
pub(super) fn is_shared(reader: &Reader, device: u32) -> rusqlite::Result<bool> {
    // Most devices have one or two accounts, of whatever class.
    if !reader.may_be_shared(device)? {
        return Ok(false);
    }
    let mut select = reader.prepare_cached(IS_SHARED)?;
    let (machine, local) = (Class::Machine as u8, Class::Local as u8);
    let users: u32 =
        select.query_row(params![device, machine, local, SHARED_BY], |row| row.get(0))?;
    Ok(users >= SHARED_BY)
}

fn usages(
    connection: &Connection,
    sql: &str,
    of: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Usage>> {
    let mut select = connection.prepare_cached(sql)?;
    let rows = select.query_map(of, |row| {
        Ok(Usage::of(
            row.get(0)?,
            row.get_ref(1)?.as_str().unwrap_or_default(),
        ))
    })?;
    rows.collect()
}

/// Reads the other sides of usages, the best ranked ones when there are too many, as far as they are wanted.
fn read(
    connection: &Connection,
    mut usages: Vec<Usage>,
    subject: Subject,
    mut is_wanted: impl FnMut(&Row) -> bool,
) -> rusqlite::Result<Ranked<(Row, Use)>> {
    usages.sort_by_key(|usage| (Reverse(usage.last_used), Reverse(usage.logins), usage.other));
    let mut list = Vec::with_capacity(usages.len().min(LISTED_AT_MOST));
    let mut left_out = 0;
    for usage in usages {
        if list.len() == LISTED_AT_MOST {
            left_out += 1;
            continue;
        }
        let row = Row::read(connection, subject, usage.other)?;
        if let Some(row) = row.filter(|row| is_wanted(row)) {
            list.push((row, usage.shown()));
        }
    }
    Ok(Ranked { list, left_out })
}

/// What orders a list: compared from left to right, the smaller one first.
type Rank<'a> = (
    Reverse<Option<Timestamp>>,
    Reverse<Option<u64>>,
    Reverse<Option<Timestamp>>,
    Option<&'a str>,
);

fn device_rank(one: &DeviceUse) -> Rank<'_> {
    let Device { last_seen, uid, .. } = &one.device;
    rank(&one.usage, *last_seen, uid)
}

fn account_rank(one: &AccountUse) -> Rank<'_> {
    let Account { last_seen, uid, .. } = &one.account;
    rank(&one.usage, *last_seen, uid)
}

fn rank<'a>(usage: &Use, last_seen: Option<Timestamp>, uid: &'a Option<String>) -> Rank<'a> {
    (
        Reverse(usage.last_used),
        Reverse(usage.logins),
        Reverse(last_seen),
        uid.as_deref(),
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
