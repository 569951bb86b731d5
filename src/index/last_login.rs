//! The last login that a devices row names: a usage too, and one that stays when the row names another user.
//!
//! What a device's row names now stands in the usage as "current" and takes its time from the row, so that a device
//! seen again costs nothing. Former ones, and those that depend on times, stand in `mention`.

use rusqlite::{OptionalExtension, params};

use super::keyring::MANY;
use super::lanes::Filed;
use super::mention::{NewMention, join_keys};
use super::part::{normal, text};
use super::quick::{HARD, NO_KEY, UNKNOWN};
use super::usage::{LastLogin, ONLY_LAST_LOGIN, UsageSeen, usage_id};
use super::{Result, Writer};
use crate::bucket::Hash;
use crate::identifier::Kind;
use crate::observation::Entry;
use crate::schema::{Seen, Subject, device_field};

/// A user that a device's row once named as the last to log in, and does not name now.
pub(super) struct Former {
    pub(super) part: u32,
    /// In normal form.
    pub(super) name: String,
    pub(super) seen: Seen,
}

/// The last login that a device part's row names. Kept small: a cold load has one for every device.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedLast {
    pub(super) part: u32,
    low: u32,
    high: u64,
}

impl NamedLast {
    /// Notes the hash of the name; `None` when the row names nobody any more.
    pub(super) fn new(part: u32, name: Option<Hash>) -> NamedLast {
        let hash = name.unwrap_or(Hash { high: 0, low: 0 });
        NamedLast {
            part,
            low: hash.low,
            high: hash.high,
        }
    }

    fn name(self) -> Option<Hash> {
        (self.high != 0).then_some(Hash {
            high: self.high,
            low: self.low,
        })
    }
}

/// Last logins to be looked at, and what of them waits for the end of the object or the run.
#[derive(Default)]
pub(super) struct LastLogins {
    /// Of device parts whose row names another last login than before.
    pub(super) named: Vec<NamedLast>,
    pub(super) formers: Vec<Former>,
    /// Device parts observed anew whose last login stands in `mention`.
    pub(super) kept: Vec<u32>,
    /// Usages that devices' rows name as their last logins, sorted, and whether each is written: logins that are
    /// written in between take it along.
    resolved: Vec<u64>,
    is_written: Vec<bool>,
    /// How many of them, from the first on, are written.
    taken: usize,
}

impl LastLogins {
    /// Tells whether a usage is a last login that is not written yet; it counts as written from now on.
    pub(super) fn take(&mut self, usage: u64) -> bool {
        match self.resolved.binary_search(&usage) {
            Ok(at) => !std::mem::replace(&mut self.is_written[at], true),
            Err(_) => false,
        }
    }

    /// Tells whether so many last logins have to be resolved that all names are worth looking up beforehand.
    pub(super) fn are_many(&self) -> bool {
        self.named.len() >= MANY
    }

    /// Returns the first usage that is a last login of which none was written.
    pub(super) fn next_unwritten(&self) -> Option<u64> {
        self.resolved.get(self.taken).copied()
    }

    /// Counts that one as written.
    pub(super) fn take_next(&mut self) {
        self.is_written[self.taken] = true;
        self.taken += 1;
    }
}

/// The hash of a last login's group: the user's name and the device's keys.
fn last_login_group(name: &str, device_keys: &str) -> u64 {
    Hash::of(&format!("{name}\n{device_keys}")).high
}

impl<'c> Writer<'c> {
    /// Takes in the last logins that devices rows named since the last time.
    pub(super) fn settle_last_logins(&mut self) -> Result<()> {
        for part in std::mem::take(&mut self.last_logins.kept) {
            self.unsettle_last_login(part)?;
        }
        let mut pending = std::mem::take(&mut self.last_logins.named);
        // A part whose row was replaced twice names what it named last.
        pending.reverse();
        pending.sort_by_key(|named| named.part);
        pending.dedup_by_key(|named| named.part);
        for former in std::mem::take(&mut self.last_logins.formers) {
            if pending
                .binary_search_by_key(&former.part, |named| named.part)
                .is_ok()
            {
                self.drop_current(former.part)?;
            }
            self.keep_former(&former)?;
        }
        self.resolve_last_logins(&pending)?;
        self.last_logins.resolved.sort_unstable();
        self.last_logins.is_written = vec![false; self.last_logins.resolved.len()];
        self.last_logins.taken = 0;
        Ok(())
    }

    fn resolve_last_logins(&mut self, named: &[NamedLast]) -> Result<()> {
        let at_hand = |hash| {
            let kind = Kind::AccountName;
            self.keyring.as_ref()?.find(&Entry { kind, hash })
        };
        let mut wanted = Vec::new();
        let mut found = vec![None; named.len()];
        for (at, hash) in (0..).zip(named.iter().map(|named| named.name())) {
            let Some(hash) = hash else { continue };
            found[at as usize] = at_hand(hash);
            if found[at as usize].is_none() {
                wanted.push(Filed::new(hash, at));
            }
        }
        let asked = self.quick_outcomes(&mut wanted, named.len(), |_| Kind::AccountName)?;
        let outcomes = found
            .iter()
            .zip(asked)
            .map(|(found, asked)| found.unwrap_or(asked));
        for (named, account) in named
            .iter()
            .zip(outcomes)
            .filter(|(named, _)| named.name().is_some())
        {
            let is_plain =
                self.standing[Subject::Device as usize].subject_of(named.part) == Some(named.part);
            if is_plain && !matches!(account, UNKNOWN | HARD | NO_KEY) {
                let usage = usage_id(account, named.part);
                self.last_logins.resolved.push(usage);
            } else {
                self.keep_last_login(named.part)?;
            }
        }
        Ok(())
    }

    /// Writes the last logins that no logins took along.
    pub(super) fn write_last_logins(&mut self) -> Result<()> {
        self.last_logins.taken = 0;
        let is_written = std::mem::take(&mut self.last_logins.is_written);
        let resolved = std::mem::take(&mut self.last_logins.resolved);
        for (usage, _) in resolved
            .into_iter()
            .zip(is_written)
            .filter(|(_, is_written)| !is_written)
        {
            match self.read_usage(usage)? {
                None => self.insert_usage(usage, ONLY_LAST_LOGIN, None, None)?,
                Some(old) => self.patch_usage(
                    usage,
                    old,
                    UsageSeen {
                        last_login: LastLogin::Current,
                        ..old
                    },
                )?,
            }
        }
        Ok(())
    }

    /// Writes a device part's current last login to `mention`.
    fn keep_last_login(&mut self, part: u32) -> Result<()> {
        let Some(row) = self.table(Subject::Device)?.read(part)? else {
            return Ok(());
        };
        let Some(name) = normal(
            Kind::AccountName,
            row.content.texts[device_field::LAST_LOGIN].as_deref(),
        ) else {
            return Ok(());
        };
        let device_keys = join_keys(&row.content.keys(Subject::Device));
        let group = last_login_group(&name, &device_keys);
        self.insert_mention(NewMention {
            part: Some(part),
            current: true,
            seen: "",
            group,
            user_keys: &format!("\t\t{name}"),
            device_keys: &device_keys,
            extra: None,
        })?;
        self.mentions.groups.insert(group);
        Ok(())
    }

    /// A device's row names another last login now: the usage stays, with the time of the row that named it.
    fn keep_former(&mut self, former: &Former) -> Result<()> {
        let Some(row) = self.table(Subject::Device)?.read(former.part)? else {
            return Ok(());
        };
        let device_keys = join_keys(&row.content.keys(Subject::Device));
        let user_keys = format!("\t\t{}", former.name);
        let group = last_login_group(&former.name, &device_keys);
        self.mentions.groups.insert(group);
        let known = self
            .query_row(
                "SELECT id, seen FROM mention WHERE part = ?1 AND current = 0 AND user_keys = ?2",
                params![former.part, user_keys],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
            )
            .optional()?;
        let Some((id, seen)) = known else {
            return self.insert_mention(NewMention {
                part: Some(former.part),
                current: false,
                seen: text(&former.seen.encode()),
                group,
                user_keys: &user_keys,
                device_keys: &device_keys,
                extra: None,
            });
        };
        let is_newer = Seen::decode(seen.as_bytes())
            .is_none_or(|seen| self.ledger.stamp(former.seen) > self.ledger.stamp(seen));
        if is_newer {
            let seen = former.seen.encode();
            self.execute(
                "UPDATE mention SET seen = ?2 WHERE id = ?1",
                params![id, text(&seen)],
            )?;
        }
        Ok(())
    }

    /// Takes back what was written of a device part's current last login, before what it names now is written.
    fn drop_current(&mut self, part: u32) -> Result<()> {
        self.index_usages()?;
        self.unsettle_last_login(part)?;
        let mut select = self
            .connection
            .prepare_cached("SELECT id, usage FROM mention WHERE part = ?1 AND current = 1")?;
        let kept: Vec<(i64, Option<i64>)> = select
            .query_map([part], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (id, usage) in kept {
            self.delete_mention(id)?;
            self.mentions
                .touched
                .extend(usage.map(|usage| usage as u64));
        }
        let mut select = self
            .connection
            .prepare_cached("SELECT id FROM usage WHERE device = ?1")?;
        let usages: Vec<i64> = select
            .query_map([part], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        for usage in usages {
            if let Some(old) = self
                .read_usage(usage as u64)?
                .filter(|old| old.last_login == LastLogin::Current)
            {
                self.patch_usage(
                    usage as u64,
                    old,
                    UsageSeen {
                        last_login: LastLogin::Never,
                        ..old
                    },
                )?;
                self.mentions.touched.insert(usage as u64);
            }
        }
        Ok(())
    }

    /// Moves a last login that only stands in its device's row to `mention`.
    pub(super) fn spill_last_login(&mut self, usage: u64) -> Result<()> {
        let Some(old) = self
            .read_usage(usage)?
            .filter(|seen| seen.last_login == LastLogin::Current)
        else {
            return Ok(());
        };
        let part = (usage & u64::from(u32::MAX)) as u32;
        self.patch_usage(
            usage,
            old,
            UsageSeen {
                last_login: LastLogin::Never,
                ..old
            },
        )?;
        self.mentions.touched.insert(usage);
        self.keep_last_login(part)
    }

    /// Has the last logins of a device part that stand in `mention` resolved again.
    pub(super) fn unsettle_last_login(&mut self, part: u32) -> Result<()> {
        let mut select = self
            .connection
            .prepare_cached("SELECT group_hash FROM mention WHERE part = ?1")?;
        let groups = select.query_map([part], |row| row.get::<_, i64>(0))?;
        for group in groups {
            self.mentions.groups.insert(group? as u64);
        }
        Ok(())
    }
}
