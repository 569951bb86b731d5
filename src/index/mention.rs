//! Mentions that wait for an account or a device, or whose keys depend on times: the table `mention`.
//!
//! They stand there with the keys they wait for, are resolved again whenever one of these changes hands, and the usages
//! they lead to are summed up from there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, Row, params};

use super::identity::Component;
use super::logins::{Tally, WriteLogins};
use super::part::{Keys, text};
use super::quick::Quick;
use super::settle::Meant;
use super::usage::{LastLogin, Logins, NO_USAGE, UsageSeen, subjects_of, usage_id};
use super::{Error, Result, Writer};
use crate::bucket::Hash;
use crate::schema::{NAME, Seen, Subject, flag};

#[derive(Default)]
pub(super) struct Mentions {
    /// Groups in `mention` to be resolved again.
    pub(super) groups: BTreeSet<u64>,
    /// Usages to be summed up again.
    pub(super) touched: BTreeSet<u64>,
    /// Upper halves of the hashes of keys that mentions may depend on, and that may lead elsewhere now.
    pub(super) keys: Vec<u64>,
}

/// A row for `mention`.
pub(super) struct NewMention<'a> {
    pub(super) part: Option<u32>,
    pub(super) current: bool,
    pub(super) seen: &'a str,
    pub(super) group: u64,
    pub(super) user_keys: &'a str,
    pub(super) device_keys: &'a str,
    pub(super) extra: Option<&'a str>,
}

/// A row of `mention`.
pub(super) struct Kept {
    id: i64,
    usage: Option<i64>,
    part: Option<u32>,
    current: bool,
    seen: String,
}

impl Kept {
    /// Reads the first five columns of a row: `id, usage, part, current, seen`.
    fn read(row: &Row) -> rusqlite::Result<Kept> {
        Ok(Kept {
            id: row.get(0)?,
            usage: row.get(1)?,
            part: row.get(2)?,
            current: row.get(3)?,
            seen: row.get(4)?,
        })
    }
}

/// Writes keys as `usage` and `mention` keep them: tabs cannot stand in a normal form.
pub(super) fn join_keys(keys: &Keys) -> String {
    keys.each_ref()
        .map(|key| key.as_deref().unwrap_or_default())
        .join("\t")
}

fn split_keys(text: &str) -> Keys {
    let mut keys = text
        .split('\t')
        .map(|key| (!key.is_empty()).then(|| key.to_owned()));
    std::array::from_fn(|_| keys.next().flatten())
}

impl<'c> Writer<'c> {
    /// Writes a group that waits, or that depends on times, and has it resolved with the others.
    pub(super) fn write_mention(
        &mut self,
        write: &mut WriteLogins,
        group: u64,
        tally: Tally,
        (user, device): (String, String),
        resolve: bool,
    ) -> Result<()> {
        let new = tally.seen(write.taking.id, Logins::Mentioned);
        match self.logins_in_mention(group, &user, &device)? {
            Some((id, old)) => {
                let merged = self.merge_rows(write, old, new, tally);
                self.update_logins(id, merged, new, write.extra(tally).as_deref())?;
            }
            None => {
                write.taking.counts.stored += u64::from(tally.rows);
                self.insert_mention(NewMention {
                    part: None,
                    current: false,
                    seen: text(&new.encode()),
                    group,
                    user_keys: &user,
                    device_keys: &device,
                    extra: write.extra(tally).as_deref(),
                })?;
            }
        }
        if resolve {
            self.mentions.groups.insert(group);
        }
        Ok(())
    }

    pub(super) fn insert_mention(&mut self, new: NewMention) -> Result<()> {
        self.usages.any = true;
        self.execute(
            "INSERT INTO mention (usage, state, part, current, seen, group_hash, user_keys, device_keys, extra)
             VALUES (NULL, 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![new.part, new.current, new.seen, new.group as i64, new.user_keys, new.device_keys, new.extra],
        )?;
        let id = self.connection.last_insert_rowid();
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO mention_key (hash, mention) VALUES (?1, ?2)")?;
        // The device of a last login is the one whose row it stands in: it depends on no device key.
        let device_keys = if new.part.is_none() {
            new.device_keys
        } else {
            ""
        };
        for key in split_keys(new.user_keys)
            .iter()
            .chain(&split_keys(device_keys))
            .flatten()
        {
            insert.execute(params![Hash::of(key).high as i64, id])?;
        }
        Ok(())
    }

    pub(super) fn delete_mention(&mut self, id: i64) -> Result<()> {
        let user_keys: String =
            self.query_row("SELECT user_keys FROM mention WHERE id = ?1", [id], |row| {
                row.get(0)
            })?;
        for key in split_keys(&user_keys).iter().flatten() {
            let hash = Hash::of(key).high as i64;
            self.execute(
                "DELETE FROM mention_key WHERE hash = ?1 AND mention = ?2",
                params![hash, id],
            )?;
        }
        self.execute("DELETE FROM mention WHERE id = ?1", [id])?;
        Ok(())
    }

    /// Returns the row of `mention` that has the logins of a group, and what it says.
    fn logins_in_mention(
        &self,
        group: u64,
        user: &str,
        device: &str,
    ) -> Result<Option<(i64, UsageSeen)>> {
        let row = self.query_row(
            "SELECT id, seen FROM mention WHERE group_hash = ?1 AND part IS NULL AND user_keys = ?2 AND device_keys = ?3",
            params![group as i64, user, device],
            |row| Ok((row.get(0)?, row.get::<_, String>(1)?)),
        );
        let seen = |seen: String| UsageSeen::decode(seen.as_bytes()).unwrap_or(NO_USAGE);
        Ok(row.optional()?.map(|(id, text)| (id, seen(text))))
    }

    /// Writes merged logins to `mention`, and the other columns of `new` if its row is the newest.
    fn update_logins(
        &self,
        id: i64,
        merged: UsageSeen,
        new: UsageSeen,
        extra: Option<&str>,
    ) -> Result<()> {
        self.execute(
            "UPDATE mention SET seen = ?2, extra = CASE WHEN ?3 THEN ?4 ELSE extra END WHERE id = ?1",
            params![id, text(&merged.encode()), merged.is_of_row(new), extra],
        )?;
        Ok(())
    }

    /// Returns the keys of a group of logins that stands in `mention`.
    pub(super) fn keys_of_group(&self, group: u64) -> Result<(String, String)> {
        let keys = self.query_row(
            "SELECT user_keys, device_keys FROM mention WHERE group_hash = ?1 AND part IS NULL",
            [group as i64],
            |row| Ok((row.get(0)?, row.get(1)?)),
        );
        keys.optional()?.ok_or(Error::Inconsistent(
            "a group of logins stands neither in its usage nor in mention",
        ))
    }

    /// Moves the logins in a usage's own row to `mention`.
    pub(super) fn spill_logins(&mut self, usage: u64) -> Result<()> {
        let Some(old) = self.read_usage(usage)? else {
            return Ok(());
        };
        let Logins::Inline(group) = old.logins else {
            return Ok(());
        };
        let (kept, extra): (_, Option<String>) = self.query_row(
            "SELECT user_keys, device_keys, extra FROM usage WHERE id = ?1",
            [usage as i64],
            |row| Ok(((row.get(0)?, row.get(1)?), row.get(2)?)),
        )?;
        let (user, device) = self.kept_keys(usage, kept)?;
        let seen = UsageSeen {
            last_login: LastLogin::Never,
            logins: Logins::Mentioned,
            ..old
        };
        match self.logins_in_mention(group, &user, &device)? {
            Some((id, other)) => {
                let (_, merged) = self.merge_logins(other, seen);
                self.update_logins(id, merged, seen, extra.as_deref())?;
            }
            None => self.insert_mention(NewMention {
                part: None,
                current: false,
                seen: text(&seen.encode()),
                group,
                user_keys: &user,
                device_keys: &device,
                extra: extra.as_deref(),
            })?,
        }
        self.mentions.groups.insert(group);
        self.patch_usage(
            usage,
            old,
            UsageSeen {
                logins: Logins::Mentioned,
                ..old
            },
        )?;
        self.mentions.touched.insert(usage);
        Ok(())
    }

    /// Returns the keys of the logins that stand in a usage's own row.
    pub(super) fn kept_keys(
        &mut self,
        usage: u64,
        kept: (Option<String>, Option<String>),
    ) -> Result<(String, String)> {
        if let (Some(user), Some(device)) = kept {
            return Ok((user, device));
        }
        let (account, device) = subjects_of(usage);
        let mut name_only = |subject: Subject, id| -> Result<String> {
            let part = self.table(subject)?.read(id)?;
            let name = part.and_then(|part| part.content.keys(subject)[NAME].take());
            let name = name.ok_or(Error::Inconsistent(
                "a usage without keys has a part without a name",
            ))?;
            Ok(join_keys(&[None, None, Some(name)]))
        };
        Ok((
            name_only(Subject::Account, account)?,
            name_only(Subject::Device, device)?,
        ))
    }

    /// Moves the usages of subjects whose identity may have changed to `mention`, and has their mentions resolved again.
    pub(super) fn unsettle_mentions(
        &mut self,
        subject: Subject,
        component: &Component,
        subjects: BTreeSet<u32>,
    ) -> Result<()> {
        if !self.usages.any {
            return Ok(());
        }
        self.index_usages()?;
        let select = match subject {
            Subject::Account => "SELECT id FROM usage WHERE id >= ?1 AND id < ?2",
            Subject::Device => "SELECT id FROM usage WHERE device >= ?1 AND device < ?2",
        };
        for one in subjects {
            let bounds = match subject {
                Subject::Account => [usage_id(one, 0) as i64, usage_id(one + 1, 0) as i64],
                Subject::Device => [i64::from(one), i64::from(one) + 1],
            };
            let usages: Vec<i64> = self
                .connection
                .prepare_cached(select)?
                .query_map(bounds, |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            for usage in usages {
                self.spill_logins(usage as u64)?;
                self.spill_last_login(usage as u64)?;
            }
        }
        for part in &component.parts {
            for key in [&part.strong, &part.second, &part.name]
                .into_iter()
                .flatten()
            {
                self.mentions.keys.push(Hash::of(key).high);
            }
            if subject == Subject::Device {
                self.unsettle_last_login(part.id)?;
            }
        }
        Ok(())
    }

    /// Resolves again what waits for keys that changed, and sums up the usages that this touches.
    pub(super) fn settle_mentions(&mut self) -> Result<()> {
        self.wake_mentions()?;
        // Summing up may find logins that can no longer stand by themselves, and so further groups.
        while !self.mentions.groups.is_empty() || !self.mentions.touched.is_empty() {
            for group in std::mem::take(&mut self.mentions.groups) {
                self.resolve_group(group)?;
            }
            for usage in std::mem::take(&mut self.mentions.touched) {
                self.sum_up(usage)?;
            }
        }
        Ok(())
    }

    /// Settles the mentions that lead to one usage whatever the time: further logins of theirs go to the usage's own row,
    /// and none may wait beside it. All others wait for those logins too, and are settled once.
    pub(super) fn settle_plain_mentions(&mut self) -> Result<()> {
        self.wake_mentions()?;
        let mut others = BTreeSet::new();
        for group in std::mem::take(&mut self.mentions.groups) {
            let is_plain = self.is_plain(group)?;
            let groups = if is_plain {
                &mut self.mentions.groups
            } else {
                &mut others
            };
            groups.insert(group);
        }
        self.settle_mentions()?;
        self.mentions.groups.extend(others);
        Ok(())
    }

    /// Has the mentions resolved again that depend on keys which may lead elsewhere now.
    fn wake_mentions(&mut self) -> Result<()> {
        let mut keys = std::mem::take(&mut self.mentions.keys);
        if !self.usages.any {
            return Ok(());
        }
        keys.sort_unstable();
        keys.dedup();
        let mut select = self.connection.prepare_cached(
            "SELECT group_hash FROM mention_key JOIN mention ON mention.id = mention WHERE hash = ?1",
        )?;
        for key in keys {
            let groups = select.query_map([key as i64], |row| row.get::<_, i64>(0))?;
            for group in groups {
                self.mentions.groups.insert(group? as u64);
            }
        }
        Ok(())
    }

    /// Tells whether the keys of any mention of a group lead to one account and one device whatever the time.
    fn is_plain(&mut self, group: u64) -> Result<bool> {
        let mut select = self
            .connection
            .prepare_cached("SELECT user_keys, device_keys FROM mention WHERE group_hash = ?1")?;
        let keys = select.query_map([group as i64], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for keys in keys {
            let (user, device) = keys?;
            let user = self.quick_side(Subject::Account, &split_keys(&user))?;
            let device = self.quick_side(Subject::Device, &split_keys(&device))?;
            if matches!((user, device), (Quick::One(_), Quick::One(_))) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Resolves the rows of `mention` with a group's hash at the time of their newest row.
    fn resolve_group(&mut self, group: u64) -> Result<()> {
        let mut by_keys: BTreeMap<(String, String, bool), Vec<Kept>> = BTreeMap::new();
        {
            let mut select = self.connection.prepare_cached(
                "SELECT id, usage, part, current, seen, user_keys, device_keys FROM mention WHERE group_hash = ?1",
            )?;
            let mut rows = select.query([group as i64])?;
            while let Some(row) = rows.next()? {
                let kept = Kept::read(row)?;
                by_keys
                    .entry((row.get(5)?, row.get(6)?, kept.part.is_some()))
                    .or_default()
                    .push(kept);
            }
        }
        for ((user_keys, device_keys, _), rows) in by_keys {
            let at = rows
                .iter()
                .map(|row| self.ledger.observed_at(self.object_of(row)))
                .max()
                .unwrap_or(0);
            let user = self.find_mentioned(Subject::Account, &split_keys(&user_keys), at)?;
            for row in rows {
                let device = match row.part {
                    None => self.find_mentioned(Subject::Device, &split_keys(&device_keys), at)?,
                    Some(part) => self.standing[Subject::Device as usize]
                        .subject_of(part)
                        .map_or(Meant::Unknown, Meant::One),
                };
                self.place_mention(&row, user, device)?;
            }
        }
        Ok(())
    }

    /// Returns the object of the newest row of a mention.
    fn object_of(&self, row: &Kept) -> u32 {
        match row.part {
            Some(part) if row.current => self.rosters[Subject::Device as usize].newest(part).object,
            Some(_) => Seen::decode(row.seen.as_bytes()).map_or(1, |seen| seen.object),
            None => UsageSeen::decode(row.seen.as_bytes()).map_or(1, |seen| seen.object),
        }
    }

    fn place_mention(&mut self, row: &Kept, user: Meant, device: Meant) -> Result<()> {
        let (usage, state) = match (user, device) {
            (Meant::One(account), Meant::One(device)) => (Some(usage_id(account, device)), 0),
            (Meant::Ambiguous, _) | (_, Meant::Ambiguous) => (None, 2),
            _ => (None, 1),
        };
        self.execute(
            "UPDATE mention SET usage = ?2, state = ?3 WHERE id = ?1",
            params![row.id, usage.map(|usage| usage as i64), state],
        )?;
        self.mentions.touched.extend(usage);
        self.mentions
            .touched
            .extend(row.usage.map(|usage| usage as u64));
        if let (Some(part), true) = (row.part, row.current) {
            self.set_flag(Subject::Device, part, flag::LAST_LOGIN_KEPT)?;
        }
        Ok(())
    }

    /// Writes a usage from its mentions and from what stands in its own row.
    fn sum_up(&mut self, usage: u64) -> Result<()> {
        let old = self.read_usage(usage)?;
        let mut new = old.unwrap_or(NO_USAGE);
        let mut extra = None;
        let rows = self.mentions_of(usage)?;
        if matches!(new.logins, Logins::Inline(_)) && rows.iter().any(|(row, _)| row.part.is_none())
        {
            return self.spill_logins(usage);
        }
        if !matches!(new.logins, Logins::Inline(_)) {
            let last_login = new.last_login;
            new = NO_USAGE;
            let logins = rows.iter().filter(|(row, _)| row.part.is_none());
            for (row, said) in logins {
                let Some(seen) = UsageSeen::decode(row.seen.as_bytes()) else {
                    continue;
                };
                (_, new) = self.merge_logins(new, seen);
                if new.is_of_row(seen) {
                    extra.clone_from(said);
                }
            }
            new.last_login = last_login;
        }
        if new.last_login != LastLogin::Current {
            let objects = rows
                .iter()
                .filter(|(row, _)| row.part.is_some())
                .map(|(row, _)| self.object_of(row));
            let newest = objects.max_by_key(|object| self.ledger.observed_at(*object));
            new.last_login = newest.map_or(LastLogin::Never, LastLogin::In);
        }
        self.replace_usage(usage, old, new, extra.as_deref())
    }

    fn mentions_of(&mut self, usage: u64) -> Result<Vec<(Kept, Option<String>)>> {
        let mut select = self
            .connection
            .prepare_cached("SELECT id, usage, part, current, seen, extra FROM mention WHERE usage = ?1 ORDER BY id")?;
        let rows = select.query_map([usage as i64], |row| Ok((Kept::read(row)?, row.get(5)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split_as_they_were_joined() {
        for keys in [
            [None, None, Some("jdoe@emea".to_owned())],
            [Some("s-1".to_owned()), Some("u".to_owned()), None],
        ] {
            assert_eq!(split_keys(&join_keys(&keys)), keys);
        }
    }
}
