//! Usages: which account uses which device, how much and how lately.
//!
//! A usage's numbers stand in its own row as fixed-width text and are patched in place. What rows say of it is the
//! business of `logins`, `last_login` and `mention`.

use rusqlite::blob::Blob;
use rusqlite::{Connection, OptionalExtension, Statement, params};

use super::busy::Gained;
use super::part::text;
use super::{Error, Result, Writer};
use crate::schema::{get_digits, get_optional, put_digits, put_optional};

/// Where the last login of a usage is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastLogin {
    /// Nowhere.
    Never,
    /// In the device's own row, whose time it has.
    Current,
    /// In rows of this object, at the latest.
    In(u32),
}

/// What a usage's logins stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logins {
    /// No logins object mentions the pair.
    None,
    /// One group of mentions, named by its hash, stands in the usage's own row.
    Inline(u64),
    /// See `mention`.
    Mentioned,
}

impl Logins {
    fn of(group: u64) -> Logins {
        match group {
            0 => Logins::Mentioned,
            1 => Logins::None,
            group => Logins::Inline(group),
        }
    }
}

/// The fixed-width text `seen` of a usage: `last_used` (18), object (8), row (10), logins (18), last login (8: an
/// object, or stars for "as the device's row says"), group (16 hexadecimal digits; 0: see `mention`; 1: no logins).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UsageSeen {
    pub(super) last_used: Option<i64>,
    pub(super) object: u32,
    pub(super) row: u32,
    pub(super) count: Option<u64>,
    pub(super) last_login: LastLogin,
    pub(super) logins: Logins,
}

const WIDTH: usize = 78;

/// The index by device: made when all rows of a first load are there.
pub(super) const USAGE_BY_DEVICE: &str = "usage_by_device";

pub(super) const NO_USAGE: UsageSeen = UsageSeen {
    last_used: None,
    object: 0,
    row: 0,
    count: None,
    last_login: LastLogin::Never,
    logins: Logins::None,
};

/// What a usage says that nothing but a device's current last login speaks of.
pub(super) const ONLY_LAST_LOGIN: UsageSeen = UsageSeen {
    last_login: LastLogin::Current,
    ..NO_USAGE
};

impl LastLogin {
    /// Returns that of a usage which a device's row names, or does not.
    pub(super) fn current_if(is_named: bool) -> LastLogin {
        match is_named {
            true => LastLogin::Current,
            false => LastLogin::Never,
        }
    }
}

impl UsageSeen {
    /// Tells whether both say what the same row says.
    pub(super) fn is_of_row(self, other: UsageSeen) -> bool {
        (self.object, self.row) == (other.object, other.row)
    }

    pub(super) fn encode(self) -> [u8; WIDTH] {
        let mut seen = [b' '; WIDTH];
        put_optional(&mut seen[..18], self.last_used);
        if self.logins != Logins::None {
            put_digits(&mut seen[18..26], u64::from(self.object));
            put_digits(&mut seen[26..36], u64::from(self.row));
            put_optional(
                &mut seen[36..54],
                self.count.and_then(|count| i64::try_from(count).ok()),
            );
        }
        match self.last_login {
            LastLogin::Never => {}
            LastLogin::Current => seen[54..62].fill(b'*'),
            LastLogin::In(object) => put_digits(&mut seen[54..62], u64::from(object)),
        }
        let group = match self.logins {
            Logins::None => 1,
            Logins::Inline(group) => group,
            Logins::Mentioned => 0,
        };
        for (at, digit) in seen[62..].iter_mut().enumerate() {
            *digit = b"0123456789abcdef"[(group >> (60 - 4 * at)) as usize & 15];
        }
        seen
    }

    pub(super) fn decode(seen: &[u8]) -> Option<UsageSeen> {
        if seen.len() != WIDTH {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            get_optional(&seen[range]).map(Option::unwrap_or_default)
        };
        Some(UsageSeen {
            last_used: get_optional(&seen[..18])?,
            object: u32::try_from(number(18..26)?).ok()?,
            row: u32::try_from(number(26..36)?).ok()?,
            count: get_optional(&seen[36..54])?.and_then(|count| u64::try_from(count).ok()),
            last_login: match seen[54] {
                b' ' => LastLogin::Never,
                b'*' => LastLogin::Current,
                _ => LastLogin::In(u32::try_from(get_digits(&seen[54..62])?).ok()?),
            },
            logins: UsageSeen::decode_logins(seen)?,
        })
    }

    /// Reads what the logins stand in, and nothing else.
    pub(super) fn decode_logins(seen: &[u8]) -> Option<Logins> {
        let group = seen.get(62..WIDTH)?;
        u64::from_str_radix(text(group), 16).ok().map(Logins::of)
    }
}

pub(super) fn usage_id(account: u32, device: u32) -> u64 {
    u64::from(account) << 32 | u64::from(device)
}

pub(super) fn subjects_of(usage: u64) -> (u32, u32) {
    ((usage >> 32) as u32, (usage & u64::from(u32::MAX)) as u32)
}

/// The statements and counters of the table `usage`.
pub(super) struct Usages<'c> {
    select: Statement<'c>,
    insert: Statement<'c>,
    /// Gives a usage that had none its logins.
    pub(super) fill: Statement<'c>,
    /// A `seen`, and the usage whose it is: moving on is a fraction of opening.
    pub(super) blob: Option<(u64, Blob<'c>)>,
    /// The largest id that there was in this run: a larger one needs no look-up, and where it is 0 there is no usage.
    pub(super) largest: u64,
    /// There is a usage or a mention.
    pub(super) any: bool,
    /// Devices that gained a usage in this run.
    pub(super) gained: Gained,
    /// What inline logins add to the digest.
    pub(super) digest: u128,
}

impl<'c> Usages<'c> {
    /// Prepares the statements; `digest` is what inline logins add to the digest so far.
    pub(super) fn open(connection: &'c Connection, digest: u128) -> rusqlite::Result<Usages<'c>> {
        let largest: Option<i64> =
            connection.query_row("SELECT max(id) FROM usage", [], |row| row.get(0))?;
        let any_mention: bool =
            connection.query_row("SELECT EXISTS (SELECT 1 FROM mention)", [], |row| {
                row.get(0)
            })?;
        Ok(Usages {
            select: connection.prepare("SELECT seen FROM usage WHERE id = ?1")?,
            insert: connection.prepare(
                "INSERT INTO usage (id, seen, device, user_keys, device_keys, extra) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?,
            fill: connection
                .prepare("UPDATE usage SET user_keys = ?2, device_keys = ?3, extra = ?4 WHERE id = ?1")?,
            blob: None,
            largest: largest.and_then(|id| u64::try_from(id).ok()).unwrap_or(0),
            any: largest.is_some() || any_mention,
            gained: Gained::nothing(),
            digest,
        })
    }

    /// Reads a `seen` through the open blob: a fraction of a `SELECT` where row after row is there. `None`: ask the
    /// table.
    fn read_open(&mut self, usage: u64) -> rusqlite::Result<Option<[u8; WIDTH]>> {
        let Some((at, blob)) = &mut self.blob else {
            return Ok(None);
        };
        if blob.reopen(usage as i64).is_err() {
            self.blob = None;
            return Ok(None);
        }
        *at = usage;
        let mut seen = [0; WIDTH];
        blob.read_at_exact(&mut seen, 0)?;
        Ok(Some(seen))
    }

    fn patch(
        &mut self,
        connection: &'c Connection,
        usage: u64,
        seen: &[u8],
    ) -> rusqlite::Result<()> {
        if let Some((at, blob)) = &mut self.blob {
            // A blob whose row was changed by a statement is of no use any more, and says so here.
            let is_there = *at == usage || blob.reopen(usage as i64).is_ok();
            *at = usage;
            if is_there && blob.write_all_at(seen, 0).is_ok() {
                return Ok(());
            }
        }
        let mut blob = connection.blob_open("main", "usage", "seen", usage as i64, false)?;
        blob.write_all_at(seen, 0)?;
        self.blob = Some((usage, blob));
        Ok(())
    }
}

impl<'c> Writer<'c> {
    pub(super) fn read_usage(&mut self, usage: u64) -> Result<Option<UsageSeen>> {
        if usage > self.usages.largest {
            return Ok(None);
        }
        if let Some(seen) = self.usages.read_open(usage)? {
            return UsageSeen::decode(&seen)
                .map(Some)
                .ok_or(Error::Inconsistent("a usage's `seen` cannot be read"));
        }
        let read = self.usages.select.query_row([usage as i64], |row| {
            let value = row.get_ref(0)?;
            let seen = value
                .as_str()
                .ok()
                .and_then(|seen| UsageSeen::decode(seen.as_bytes()));
            seen.ok_or_else(|| {
                rusqlite::Error::InvalidColumnType(0, "seen".into(), value.data_type())
            })
        });
        Ok(read.optional()?)
    }

    pub(super) fn patch_usage(&mut self, usage: u64, old: UsageSeen, new: UsageSeen) -> Result<()> {
        if old != new {
            self.usages.digest = self
                .usages
                .digest
                .wrapping_sub(self.usage_digest(&old))
                .wrapping_add(self.usage_digest(&new));
            self.usages.patch(self.connection, usage, &new.encode())?;
        }
        Ok(())
    }

    /// Counts a new usage in.
    pub(super) fn note_usage(&mut self, usage: u64, seen: &UsageSeen) {
        self.usages.digest = self.usages.digest.wrapping_add(self.usage_digest(seen));
        self.usages.largest = self.usages.largest.max(usage);
        self.usages.any = true;
        self.usages.gained.add(subjects_of(usage).1);
    }

    pub(super) fn insert_usage(
        &mut self,
        usage: u64,
        seen: UsageSeen,
        keys: Option<&(String, String)>,
        extra: Option<&str>,
    ) -> Result<()> {
        self.note_usage(usage, &seen);
        let (user, device) = keys.map(|(user, device)| (user, device)).unzip();
        self.usages.insert.execute(params![
            usage as i64,
            text(&seen.encode()),
            (usage & u64::from(u32::MAX)) as u32,
            user,
            device,
            extra
        ])?;
        Ok(())
    }

    pub(super) fn replace_usage(
        &mut self,
        usage: u64,
        old: Option<UsageSeen>,
        new: UsageSeen,
        extra: Option<&str>,
    ) -> Result<()> {
        let is_empty = new.logins == Logins::None && new.last_login == LastLogin::Never;
        match old {
            None if is_empty => Ok(()),
            None => self.insert_usage(usage, new, None, extra),
            Some(old) if is_empty => {
                self.patch_usage(usage, old, NO_USAGE)?;
                self.execute("DELETE FROM usage WHERE id = ?1", [usage as i64])?;
                Ok(())
            }
            Some(old) => {
                if !matches!(new.logins, Logins::Inline(_)) {
                    self.execute(
                        "UPDATE usage SET user_keys = NULL, device_keys = NULL, extra = ?2 WHERE id = ?1",
                        params![usage as i64, extra],
                    )?;
                }
                self.patch_usage(usage, old, new)
            }
        }
    }

    /// What the logins that stand in a usage's own row add to the digest.
    pub(super) fn usage_digest(&self, seen: &UsageSeen) -> u128 {
        match seen.logins {
            Logins::Inline(group) => self.digest_of_logins(group, seen),
            _ => 0,
        }
    }

    /// Builds the index by device, once there is something to look up.
    pub(super) fn index_usages(&mut self) -> Result<()> {
        // An open blob would lock the table.
        self.usages.blob = None;
        self.connection.execute_batch(&format!(
            "CREATE INDEX IF NOT EXISTS {USAGE_BY_DEVICE} ON usage (device)"
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_reads_back_what_it_wrote() {
        let full = UsageSeen {
            last_used: Some(1_700_000_000_000_000),
            object: 12,
            row: 34,
            count: Some(26),
            last_login: LastLogin::In(7),
            logins: Logins::Inline(u64::MAX),
        };
        for seen in [
            NO_USAGE,
            full,
            UsageSeen {
                last_login: LastLogin::Current,
                ..NO_USAGE
            },
            UsageSeen {
                last_used: None,
                count: None,
                logins: Logins::Mentioned,
                ..full
            },
        ] {
            assert_eq!(UsageSeen::decode(&seen.encode()), Some(seen));
        }
    }
}
