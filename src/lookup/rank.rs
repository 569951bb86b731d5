//! Ranked lists: the devices of an account and the accounts of a device, in the order in which an answer has them.
//!
//! How they rank was worked out when the generation was written (`index::ranking`); here it is read. Current ones first,
//! then by time of use, then by logins, then when the other side was last seen, then its ids.

use std::cmp::Reverse;
use std::sync::LazyLock;

use jiff::Timestamp;
use rusqlite::OptionalExtension;

use super::answer::Skipped;
use super::found::{AccountUse, Device, DeviceUse, Use};
use super::reader::{Reader, row_time};
use super::row::{Row, text};
use crate::schema::{Rank, Subject, USAGE_DEVICE_FIELDS, usage_id};

/// How many devices or accounts an answer lists: those of a scanner's account or a kiosk are without end.
const LISTED_AT_MOST: usize = 100;

/// What every usage is read with: columns as they are, which costs SQLite least.
const USAGE: &str = "id, logins, last_used, time_of_use, object, rank, through";
/// Of format 3, which has no ranks: no device is anybody's primary one until the next run.
const USAGE_OF_FORMAT_3: &str = "id, logins, last_used, NULL, object, is_shared << 1 | 44, NULL";
/// So many columns.
const USAGE_COLUMNS: usize = 7;

/// The statements of a format.
struct Statements {
    devices_of: String,
    accounts_of: String,
    rank_of: String,
}

impl Statements {
    fn of(usage: &str) -> Statements {
        let fields = USAGE_DEVICE_FIELDS.join(", ");
        Statements {
            devices_of: format!(
                "SELECT {usage}, last_seen, {fields} FROM usage WHERE id >= ?1 AND id < ?2"
            ),
            accounts_of: format!("SELECT {usage} FROM usage WHERE id & 4294967295 = ?1"),
            rank_of: format!("SELECT {usage} FROM usage WHERE id = ?1"),
        }
    }
}

static STATEMENTS: LazyLock<Statements> = LazyLock::new(|| Statements::of(USAGE));
static STATEMENTS_OF_FORMAT_3: LazyLock<Statements> =
    LazyLock::new(|| Statements::of(USAGE_OF_FORMAT_3));

fn statements(reader: &Reader) -> &'static Statements {
    match reader.format {
        3 => &STATEMENTS_OF_FORMAT_3,
        _ => &STATEMENTS,
    }
}

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
    fn read(row: &rusqlite::Row) -> rusqlite::Result<Usage> {
        let (id, logins): (i64, Option<i64>) = (row.get(0)?, row.get(1)?);
        let last_used = row_time(row.get(2)?);
        Ok(Usage {
            account: (id >> 32) as u32,
            logins: logins.map(i64::unsigned_abs),
            last_used,
            // Mostly it is the same.
            time_of_use: row_time(row.get(3)?).or(last_used),
            object: row.get(4)?,
            rank: Rank::of_code(row.get(5)?),
            through: row.get(6)?,
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

    fn shown(self, reader: &Reader) -> rusqlite::Result<Use> {
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
pub(super) fn devices_of(reader: &Reader, account: u32) -> rusqlite::Result<Ranked<DeviceUse>> {
    let account = i64::from(account);
    let mut select = reader.prepare_cached(&statements(reader).devices_of)?;
    let rows = select.query_map([account << 32, (account + 1) << 32], |row| {
        device_use(reader, row)
    })?;
    // As many as nearly everybody has: a list that grows by itself asks for twice as much.
    let mut list: Vec<DeviceUse> = Vec::with_capacity(2);
    for row in rows {
        list.push(row?);
    }
    list.sort_by(|left, right| device_rank(left).cmp(&device_rank(right)));
    let left_out = list.len().saturating_sub(LISTED_AT_MOST) as u64;
    list.truncate(LISTED_AT_MOST);
    Ok(Ranked { list, left_out })
}

/// Reads a device and its use, both of which a usage's row has.
fn device_use(reader: &Reader, row: &rusqlite::Row) -> rusqlite::Result<DeviceUse> {
    const BEFORE: usize = USAGE_COLUMNS + 1;
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
        last_seen: row_time(row.get(USAGE_COLUMNS)?),
    };
    let usage = Usage::read(row)?;
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
) -> rusqlite::Result<AccountsOf> {
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

/// Returns how an account's usage of a device ranks, if it uses it.
pub(super) fn of_usage(
    reader: &Reader,
    account: u32,
    device: u32,
) -> rusqlite::Result<Option<(Rank, Option<Timestamp>)>> {
    let mut select = reader.prepare_cached(&statements(reader).rank_of)?;
    let usage = select.query_row([usage_id(account, device)], Usage::read);
    Ok(usage
        .optional()?
        .map(|usage| (usage.rank, usage.time_of_use)))
}

fn usages_of(reader: &Reader, device: u32) -> rusqlite::Result<Vec<Usage>> {
    let mut select = reader.prepare_cached(&statements(reader).accounts_of)?;
    let rows = select.query_map([device], Usage::read)?;
    rows.collect()
}

/// Reads the accounts of usages, the best ranked ones when there are too many, as far as they are wanted.
fn accounts(
    reader: &Reader,
    mut usages: Vec<Usage>,
    mut is_wanted: impl FnMut(&Row) -> bool,
) -> rusqlite::Result<Ranked<(Row, Usage)>> {
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
