//! Usages: which account uses which device, how much and how lately.
//!
//! Rows of a logins object, and the last login that a devices row names, *mention* a user and a device; they describe
//! neither. Where the keys of a mention lead to one account and one device whatever the time, its numbers stand in the
//! usage's own row and are patched in place. All others stand in `mention`, with the keys they wait for or depend on,
//! and their usage is summed up from there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{OptionalExtension, params};

use super::identity::Component;
use super::ledger::Taking;
use super::part::{CONTESTED, Keys, LAST_LOGIN_KEPT, LOCAL_SID, normal, text};
use super::settle::Meant;
use super::{Error, Result, Writer};
use crate::bucket::{Hash, kind_and_id};
use crate::identifier::Kind;
use crate::observation::{Batch, LOGINS_DEVICE, Layout, Mention, Rows};
use crate::schema::{
    NAME, Seen, Subject, device_field, get_digits, get_optional, put_digits, put_optional,
};

/// Mentions that are resolved together: 35 MB.
const RESOLVED_AT_ONCE: usize = 256 << 10;
/// Mentions that are written together, in the order of usages: 130 MB.
const WRITTEN_AT_ONCE: usize = 2 << 20;
/// Mentions held back whose text has to be written out: some hundred bytes each.
const TEXTS_AT_ONCE: usize = 256 << 10;

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

pub(super) const WIDTH: usize = 78;
const NO_USAGE: UsageSeen = UsageSeen {
    last_used: None,
    object: 0,
    row: 0,
    count: None,
    last_login: LastLogin::Never,
    logins: Logins::None,
};

impl UsageSeen {
    fn encode(self) -> [u8; WIDTH] {
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
            Logins::Inline(group) => group.max(2),
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
        let group = u64::from_str_radix(text(&seen[62..]), 16).ok()?;
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
            logins: match group {
                0 => Logins::Mentioned,
                1 => Logins::None,
                group => Logins::Inline(group),
            },
        })
    }
}

/// The rows of one group in one object, added up.
#[derive(Debug, Clone, Copy)]
struct Tally {
    rows: u32,
    count: Option<u64>,
    last_used: Option<i64>,
    row: u32,
    /// Where the newest row's text is in [`Pending::texts`], or [`NO_TEXT`].
    text: u32,
}

/// Stands for: the keys are the names of the usage's two parts, and no other column says anything.
const NO_TEXT: u32 = u32::MAX;

/// What of a logins row has to be written out.
#[derive(Debug, Default)]
struct Texts {
    /// User keys and device keys; `None`: the names of the usage's two parts, which those keep for ever.
    keys: Option<(String, String)>,
    extra: Option<String>,
}

impl Tally {
    fn of(mention: &Mention, text: u32) -> Tally {
        Tally {
            rows: 1,
            count: mention.logins,
            last_used: mention.last_seen,
            row: mention.row,
            text,
        }
    }

    fn add(&mut self, other: Tally) {
        self.rows += other.rows;
        self.count = add_counts(self.count, other.count);
        if (other.last_used, other.row) > (self.last_used, self.row) {
            (self.last_used, self.row, self.text) = (other.last_used, other.row, other.text);
        }
    }
}

fn add_counts(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.saturating_add(right)),
        (left, right) => left.or(right),
    }
}

/// Mentions held back until enough are there to go through the tables in their order.
#[derive(Default)]
pub(super) struct Pending {
    /// The text of `mentions`.
    batches: Vec<Batch>,
    /// With the number of its batch.
    mentions: Vec<(u32, Mention)>,
    texts: Vec<Texts>,
    /// Usage, group and rows of mentions that lead to one usage whatever the time.
    inline: Vec<(u64, u64, Tally)>,
    /// Other groups: whether it has to be resolved, and its rows.
    others: BTreeMap<u64, (bool, Tally)>,
}

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

/// Last logins to be looked at, and what else waits for the end of the object or the run.
#[derive(Default)]
pub(super) struct Mentions {
    /// Of device parts whose row names another last login than before.
    pub(super) last_logins: Vec<NamedLast>,
    pub(super) formers: Vec<Former>,
    /// Usages that devices' rows name as their last logins, sorted, and whether each is written: logins that are
    /// written in between take it along.
    resolved: Vec<u64>,
    is_written: Vec<bool>,
    /// Groups in `mention` to be resolved again.
    pub(super) groups: BTreeSet<u64>,
    /// Usages to be summed up again.
    touched: BTreeSet<u64>,
}

impl Mentions {
    /// Tells whether a usage is a last login that is not written yet; it counts as written from now on.
    fn take_last_login(&mut self, usage: u64) -> bool {
        match self.resolved.binary_search(&usage) {
            Ok(at) => !std::mem::replace(&mut self.is_written[at], true),
            Err(_) => false,
        }
    }
}

/// What one key leads to without regard to time.
const UNKNOWN: u32 = 0;
const HARD: u32 = u32::MAX;
const NO_KEY: u32 = u32::MAX - 1;

/// What the keys of one side lead to without regard to time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quick {
    One(u32),
    Unknown,
    Hard,
}

fn quick(said: &[Option<Hash>; 3], outcomes: &[u32]) -> Quick {
    let mut is_stronger_unknown = false;
    for (_, outcome) in said.iter().zip(outcomes).filter(|(said, _)| said.is_some()) {
        match *outcome {
            NO_KEY => {}
            UNKNOWN => is_stronger_unknown = true,
            HARD => return Quick::Hard,
            _ if is_stronger_unknown => return Quick::Hard,
            id => return Quick::One(id),
        }
    }
    Quick::Unknown
}

fn usage_id(account: u32, device: u32) -> u64 {
    u64::from(account) << 32 | u64::from(device)
}

fn subjects_of(usage: u64) -> (u32, u32) {
    ((usage >> 32) as u32, (usage & u64::from(u32::MAX)) as u32)
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

/// The hash of a last login's group: the user's name and the device's keys.
fn last_login_group(name: &str, device_keys: &str) -> u64 {
    Hash::of(&format!("{name}\n{device_keys}")).high
}

impl<'c> Writer<'c> {
    /// Takes in a batch of a logins object.
    pub(super) fn take_mentions(
        &mut self,
        taking: &mut Taking,
        layout: &Layout,
        mut batch: Batch,
    ) -> Result<()> {
        let number = self.pending.batches.len() as u32;
        if let Rows::Mentions(mentions) = &mut batch.rows {
            let mentions = std::mem::take(mentions);
            self.pending
                .mentions
                .extend(mentions.into_iter().map(|mention| (number, mention)));
        }
        self.pending.batches.push(batch);
        if self.pending.mentions.len() >= RESOLVED_AT_ONCE {
            self.resolve_pending(layout)?;
        }
        let is_full = self.pending.inline.len() >= WRITTEN_AT_ONCE
            || self.pending.texts.len() >= TEXTS_AT_ONCE;
        if is_full {
            self.write_pending(taking, layout)
        } else {
            Ok(())
        }
    }

    /// Finds what the mentions held back lead to.
    fn resolve_pending(&mut self, layout: &Layout) -> Result<()> {
        let mentions = std::mem::take(&mut self.pending.mentions);
        let batches = std::mem::take(&mut self.pending.batches);
        let outcomes = self.quick_outcomes(&mentions)?;
        for (at, (batch, mention)) in mentions.iter().enumerate() {
            let user = quick(&mention.user, &outcomes[at * 6..at * 6 + 3]);
            let device = quick(&mention.device, &outcomes[at * 6 + 3..at * 6 + 6]);
            let usage = match (user, device) {
                (Quick::One(account), Quick::One(device)) => Some(usage_id(account, device)),
                _ => None,
            };
            let text = self.text_to_keep(&batches[*batch as usize], layout, mention, usage);
            let tally = Tally::of(mention, text);
            if let Some(usage) = usage {
                self.pending.inline.push((usage, mention.group, tally));
                continue;
            }
            let is_hard = user == Quick::Hard || device == Quick::Hard;
            let known = self.pending.others.entry(mention.group);
            known
                .and_modify(|known| known.1.add(tally))
                .or_insert((is_hard, tally));
        }
        Ok(())
    }

    /// Copies what of a row has to be written out, and returns where it is.
    fn text_to_keep(
        &mut self,
        batch: &Batch,
        layout: &Layout,
        mention: &Mention,
        usage: Option<u64>,
    ) -> u32 {
        let are_parts = |usage: u64| {
            let (account, device) = subjects_of(usage);
            let [accounts, devices] = &self.rosters;
            !accounts.is_merged(account) && !devices.is_merged(device)
        };
        let is_known = mention.names_only && usage.is_some_and(are_parts);
        let side = |first, subject| join_keys(&batch.keys(layout, first, subject, mention.record));
        let keys = (!is_known).then(|| {
            (
                side(0, Subject::Account),
                side(LOGINS_DEVICE, Subject::Device),
            )
        });
        let extra = if layout.extra.is_empty() {
            None
        } else {
            batch.extra(layout, mention.record)
        };
        if keys.is_none() && extra.is_none() {
            return NO_TEXT;
        }
        self.pending.texts.push(Texts { keys, extra });
        self.pending.texts.len() as u32 - 1
    }

    /// Writes the mentions held back.
    pub(super) fn write_pending(&mut self, taking: &mut Taking, layout: &Layout) -> Result<()> {
        self.resolve_pending(layout)?;
        let Pending {
            mut inline,
            others,
            texts,
            ..
        } = std::mem::take(&mut self.pending);
        inline.sort_unstable_by_key(|(usage, group, _)| (*usage, *group));
        let mut write = WriteLogins {
            taking,
            layout,
            texts: &texts,
        };
        for same in inline.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1)) {
            let mut sum = same[0].2;
            same[1..].iter().for_each(|(_, _, tally)| sum.add(*tally));
            self.write_inline(&mut write, same[0].0, same[0].1, sum)?;
        }
        for (group, (is_hard, tally)) in others {
            let keys = write.keys(tally).unwrap_or_default();
            self.write_mention(&mut write, group, tally, keys, is_hard)?;
        }
        self.settle_mentions()
    }

    /// What each key of each mention leads to, six to a mention, in one walk over the identifier table.
    fn quick_outcomes(&mut self, mentions: &[(u32, Mention)]) -> Result<Vec<u32>> {
        let kinds = [Subject::Account.key_kinds(), Subject::Device.key_kinds()].concat();
        let mut wanted: Vec<(Hash, u32)> = Vec::with_capacity(mentions.len() * 2);
        for (at, (_, mention)) in mentions.iter().enumerate() {
            let keys = mention.user.iter().chain(&mention.device).enumerate();
            wanted.extend(
                keys.filter_map(|(position, key)| {
                    key.map(|hash| (hash, (at * 6 + position) as u32))
                }),
            );
        }
        let mut outcomes = vec![UNKNOWN; mentions.len() * 6];
        self.walk(&mut wanted, |standing, references, slot| {
            outcomes[slot as usize] = quick_outcome(standing, kinds[slot as usize % 6], references);
        })?;
        Ok(outcomes)
    }

    /// Looks many hashes up in the order of the identifier table.
    fn walk(
        &mut self,
        wanted: &mut [(Hash, u32)],
        mut found: impl FnMut(&[super::settle::Standing; 2], &[u32], u32),
    ) -> Result<()> {
        wanted.sort_unstable();
        let runs: Vec<&[(Hash, u32)]> = wanted.chunk_by(|left, right| left.0 == right.0).collect();
        let hashes: Vec<Hash> = runs.iter().map(|run| run[0].0).collect();
        let standing = &self.standing;
        self.identifiers.walk(&hashes, |at, references| {
            for (_, slot) in runs[at] {
                found(standing, references, *slot);
            }
        })?;
        Ok(())
    }

    fn read_usage(&mut self, usage: u64) -> Result<Option<UsageSeen>> {
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

    fn patch_usage(&mut self, usage: u64, old: UsageSeen, new: UsageSeen) -> Result<()> {
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

    fn insert_usage(
        &mut self,
        usage: u64,
        seen: UsageSeen,
        keys: Option<&(String, String)>,
        extra: Option<&str>,
    ) -> Result<()> {
        self.usages.digest = self.usages.digest.wrapping_add(self.usage_digest(&seen));
        self.usages.largest = self.usages.largest.max(usage);
        self.usages.any = true;
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

    /// What the logins that stand in a usage's own row add to the digest.
    fn usage_digest(&self, seen: &UsageSeen) -> u128 {
        match seen.logins {
            Logins::Inline(group) => self.digest_of_logins(group, seen),
            _ => 0,
        }
    }

    fn write_inline(
        &mut self,
        write: &mut WriteLogins,
        usage: u64,
        group: u64,
        tally: Tally,
    ) -> Result<()> {
        let object = write.taking.id;
        let new = |last_login| UsageSeen {
            last_used: tally.last_used,
            object,
            row: tally.row,
            count: tally.count,
            last_login,
            logins: Logins::Inline(group.max(2)),
        };
        let Some(old) = self.read_usage(usage)? else {
            let (keys, extra) = (write.keys(tally), write.extra(tally));
            write.taking.counts.stored += u64::from(tally.rows);
            let is_last_login = self.mentions.take_last_login(usage);
            let new = new(if is_last_login {
                LastLogin::Current
            } else {
                LastLogin::Never
            });
            return self.insert_usage(usage, new, keys.as_ref(), extra.as_deref());
        };
        match old.logins {
            Logins::Inline(known) if known == group.max(2) => {
                let merged = self.merge_rows(write, old, new(old.last_login), tally);
                if merged.object == object
                    && merged.row == tally.row
                    && self.has_extra(write, old.object)
                {
                    let extra = write.extra(tally);
                    self.execute(
                        "UPDATE usage SET extra = ?2 WHERE id = ?1",
                        params![usage as i64, extra],
                    )?;
                }
                self.patch_usage(usage, old, merged)
            }
            Logins::None => {
                let (keys, extra) = (write.keys(tally), write.extra(tally));
                write.taking.counts.stored += u64::from(tally.rows);
                if keys.is_some() || extra.is_some() {
                    let (user, device) = keys.unzip();
                    let fill = &mut self.usages.fill;
                    fill.execute(params![usage as i64, user, device, extra])?;
                }
                self.patch_usage(usage, old, new(old.last_login))
            }
            _ => {
                self.spill_logins(usage)?;
                let keys = match write.keys(tally) {
                    Some(keys) => keys,
                    None => self.kept_keys(usage, (None, None))?,
                };
                self.write_mention(write, group, tally, keys, true)
            }
        }
    }

    /// Returns the keys of the logins that stand in a usage's own row.
    fn kept_keys(
        &mut self,
        usage: u64,
        kept: (Option<String>, Option<String>),
    ) -> Result<(String, String)> {
        if let (Some(user), Some(device)) = kept {
            return Ok((user, device));
        }
        let (account, device) = subjects_of(usage);
        let mut name_only = |subject: Subject, id| -> Result<String> {
            let part = self.tables[subject as usize].read(id)?;
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

    fn has_extra(&self, write: &WriteLogins, old_object: u32) -> bool {
        !write.layout.extra.is_empty() || self.ledger.has_extra(old_object)
    }

    /// The logins of the newer object, or of both rows when it is the same object; counts what became of the rows.
    fn merge_rows(
        &self,
        write: &mut WriteLogins,
        old: UsageSeen,
        new: UsageSeen,
        tally: Tally,
    ) -> UsageSeen {
        let counts = &mut write.taking.counts;
        match self.ledger.compare_objects(new.object, old.object) {
            std::cmp::Ordering::Less => {
                counts.superseded += u64::from(tally.rows);
                old
            }
            std::cmp::Ordering::Greater => {
                let is_same = (old.count, old.last_used) == (new.count, new.last_used);
                *(if is_same {
                    &mut counts.unchanged
                } else {
                    &mut counts.stored
                }) += u64::from(tally.rows);
                new
            }
            std::cmp::Ordering::Equal => {
                counts.stored += u64::from(tally.rows);
                let count = add_counts(old.count, new.count);
                let is_newer = (new.last_used, new.row) > (old.last_used, old.row);
                UsageSeen {
                    count,
                    ..if is_newer { new } else { old }
                }
            }
        }
    }

    /// Writes a group that waits, or that depends on times, and has it resolved with the others.
    fn write_mention(
        &mut self,
        write: &mut WriteLogins,
        group: u64,
        tally: Tally,
        (user, device): (String, String),
        resolve: bool,
    ) -> Result<()> {
        let known = self
            .query_row(
                "SELECT id, seen FROM mention WHERE group_hash = ?1 AND part IS NULL AND user_keys = ?2 AND device_keys = ?3",
                params![group as i64, user, device],
                |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)),
            )
            .optional()?;
        let new = UsageSeen {
            last_used: tally.last_used,
            object: write.taking.id,
            row: tally.row,
            count: tally.count,
            last_login: LastLogin::Never,
            logins: Logins::Mentioned,
        };
        match known {
            Some((id, seen)) => {
                let old = UsageSeen::decode(seen.as_bytes()).unwrap_or(NO_USAGE);
                let merged = self.merge_rows(write, old, new, tally);
                let is_newest = merged.object == new.object && merged.row == new.row;
                self.execute(
                    "UPDATE mention SET seen = ?2, extra = CASE WHEN ?3 THEN ?4 ELSE extra END WHERE id = ?1",
                    params![id, text(&merged.encode()), is_newest, write.extra(tally)],
                )?;
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

    fn insert_mention(&mut self, new: NewMention) -> Result<()> {
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

    /// Moves the logins in a usage's own row to `mention`.
    fn spill_logins(&mut self, usage: u64) -> Result<()> {
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
        self.insert_mention(NewMention {
            part: None,
            current: false,
            seen: text(&seen.encode()),
            group,
            user_keys: &user,
            device_keys: &device,
            extra: extra.as_deref(),
        })?;
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

    /// Moves a last login that only stands in its device's row to `mention`.
    fn spill_last_login(&mut self, usage: u64) -> Result<()> {
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

    /// Writes a device part's current last login to `mention`.
    fn keep_last_login(&mut self, part: u32) -> Result<()> {
        let Some(row) = self.tables[Subject::Device as usize].read(part)? else {
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
                self.unsettled_keys.push(Hash::of(key).high);
            }
            if subject == Subject::Device {
                self.unsettle_last_login(part.id)?;
            }
        }
        Ok(())
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

    /// Takes in the last logins that devices rows named since the last time.
    pub(super) fn settle_last_logins(&mut self) -> Result<()> {
        let mut pending = std::mem::take(&mut self.mentions.last_logins);
        // A part whose row was replaced twice names what it named last.
        pending.reverse();
        pending.sort_by_key(|named| named.part);
        pending.dedup_by_key(|named| named.part);
        for former in std::mem::take(&mut self.mentions.formers) {
            if pending
                .binary_search_by_key(&former.part, |named| named.part)
                .is_ok()
            {
                self.drop_current(former.part)?;
            }
            self.keep_former(&former)?;
        }
        for some in pending.chunks(RESOLVED_AT_ONCE) {
            self.resolve_last_logins(some)?;
        }
        self.mentions.resolved.sort_unstable();
        self.mentions.is_written = vec![false; self.mentions.resolved.len()];
        Ok(())
    }

    fn resolve_last_logins(&mut self, named: &[NamedLast]) -> Result<()> {
        let mut wanted: Vec<(Hash, u32)> = named
            .iter()
            .enumerate()
            .filter_map(|(at, named)| Some((named.name()?, at as u32)))
            .collect();
        let mut outcomes = vec![UNKNOWN; named.len()];
        self.walk(&mut wanted, |standing, references, at| {
            outcomes[at as usize] = quick_outcome(standing, Kind::AccountName, references);
        })?;
        for (named, account) in named
            .iter()
            .zip(outcomes)
            .filter(|(named, _)| named.name().is_some())
        {
            let is_plain =
                self.standing[Subject::Device as usize].subject_of(named.part) == Some(named.part);
            match account {
                UNKNOWN | HARD | NO_KEY => self.keep_last_login(named.part)?,
                account if is_plain => {
                    let usage = usage_id(account, named.part);
                    self.mentions.resolved.push(usage);
                }
                _ => self.keep_last_login(named.part)?,
            }
        }
        Ok(())
    }

    /// Writes the last logins that no logins took along.
    pub(super) fn write_last_logins(&mut self) -> Result<()> {
        let is_written = std::mem::take(&mut self.mentions.is_written);
        let resolved = std::mem::take(&mut self.mentions.resolved);
        for (usage, _) in resolved
            .into_iter()
            .zip(is_written)
            .filter(|(_, is_written)| !is_written)
        {
            match self.read_usage(usage)? {
                None => self.insert_usage(
                    usage,
                    UsageSeen {
                        last_login: LastLogin::Current,
                        ..NO_USAGE
                    },
                    None,
                    None,
                )?,
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

    /// A device's row names another last login now: the usage stays, with the time of the row that named it.
    fn keep_former(&mut self, former: &Former) -> Result<()> {
        let Some(row) = self.tables[Subject::Device as usize].read(former.part)? else {
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

    fn delete_mention(&mut self, id: i64) -> Result<()> {
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

    /// Resolves again what waits for keys that changed, and sums up the usages that this touches.
    pub(super) fn settle_mentions(&mut self) -> Result<()> {
        let mut keys = std::mem::take(&mut self.unsettled_keys);
        if self.usages.any {
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
        }
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

    /// Resolves the rows of `mention` with a group's hash at the time of their newest row.
    fn resolve_group(&mut self, group: u64) -> Result<()> {
        let mut by_keys: BTreeMap<(String, String, bool), Vec<Kept>> = BTreeMap::new();
        {
            let mut select = self.connection.prepare_cached(
                "SELECT id, usage, part, current, seen, user_keys, device_keys FROM mention WHERE group_hash = ?1",
            )?;
            let mut rows = select.query([group as i64])?;
            while let Some(row) = rows.next()? {
                let kept = Kept {
                    id: row.get(0)?,
                    usage: row.get(1)?,
                    part: row.get(2)?,
                    current: row.get(3)?,
                    seen: row.get(4)?,
                };
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
            self.set_flag(Subject::Device, part, LAST_LOGIN_KEPT)?;
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
        let logins = rows.iter().filter(|(row, _)| row.part.is_none());
        if !matches!(new.logins, Logins::Inline(_)) {
            let seen = logins
                .filter_map(|(row, extra)| Some((UsageSeen::decode(row.seen.as_bytes())?, extra)));
            new = UsageSeen {
                last_login: new.last_login,
                ..NO_USAGE
            };
            for (seen, said) in seen {
                let order = match new.logins {
                    Logins::None => std::cmp::Ordering::Greater,
                    _ => self.ledger.compare_objects(seen.object, new.object),
                };
                let count = add_counts(new.count, seen.count);
                let is_newer = (seen.last_used, seen.row) > (new.last_used, new.row);
                match order {
                    std::cmp::Ordering::Less => continue,
                    std::cmp::Ordering::Greater => {
                        new = UsageSeen {
                            last_login: new.last_login,
                            ..seen
                        }
                    }
                    std::cmp::Ordering::Equal if is_newer => {
                        new = UsageSeen {
                            last_login: new.last_login,
                            count,
                            ..seen
                        };
                    }
                    std::cmp::Ordering::Equal => {
                        new.count = count;
                        continue;
                    }
                }
                extra.clone_from(said);
            }
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
        let rows = select.query_map([usage as i64], |row| {
            let kept = Kept {
                id: row.get(0)?,
                usage: row.get(1)?,
                part: row.get(2)?,
                current: row.get(3)?,
                seen: row.get(4)?,
            };
            Ok((kept, row.get(5)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn replace_usage(
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

    /// Builds the index by device, once there is something to look up.
    pub(super) fn index_usages(&mut self) -> Result<()> {
        // An open blob would lock the table.
        self.usages.blob = None;
        self.connection
            .execute_batch("CREATE INDEX IF NOT EXISTS usage_by_device ON usage (device)")?;
        Ok(())
    }
}

fn quick_outcome(standing: &[super::settle::Standing; 2], kind: Kind, references: &[u32]) -> u32 {
    let standing = &standing[Subject::of(kind) as usize];
    let mut outcome = UNKNOWN;
    let mut is_weak = false;
    for (found, id) in references.iter().copied().filter_map(kind_and_id) {
        is_weak |= found == Kind::WeakSid;
        if found != kind {
            continue;
        }
        match standing.subject_of(id) {
            _ if standing.has(id, CONTESTED | LOCAL_SID) => return HARD,
            Some(subject) if outcome == UNKNOWN || outcome == subject => outcome = subject,
            _ => return HARD,
        }
    }
    if kind == Kind::Sid && is_weak {
        // Some row says that the SID is local, and so no key.
        return if outcome == UNKNOWN { NO_KEY } else { HARD };
    }
    outcome
}

/// The object whose logins rows are written, and where their text is.
struct WriteLogins<'a> {
    taking: &'a mut Taking,
    layout: &'a Layout,
    texts: &'a [Texts],
}

impl WriteLogins<'_> {
    fn keys(&self, tally: Tally) -> Option<(String, String)> {
        self.texts.get(tally.text as usize)?.keys.clone()
    }

    fn extra(&self, tally: Tally) -> Option<String> {
        self.texts.get(tally.text as usize)?.extra.clone()
    }
}

/// A row for `mention`.
struct NewMention<'a> {
    part: Option<u32>,
    current: bool,
    seen: &'a str,
    group: u64,
    user_keys: &'a str,
    device_keys: &'a str,
    extra: Option<&'a str>,
}

/// A row of `mention`.
struct Kept {
    id: i64,
    usage: Option<i64>,
    part: Option<u32>,
    current: bool,
    seen: String,
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
