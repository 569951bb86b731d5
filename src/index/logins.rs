//! Rows of logins objects: each *mentions* a user and a device, and describes neither.
//!
//! Rows are held back until enough are there to go through the tables in their order. Where the keys of a row lead to
//! one account and one device whatever the time, its numbers go to the usage's own row; all others go to `mention`.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use rusqlite::params;

use super::keyring::MANY;
use super::lanes::Filed;
use super::ledger::Taking;
use super::mention::join_keys;
use super::quick::{Quick, quick};
use super::usage::{LastLogin, Logins, UsageSeen, subjects_of, usage_id};
use super::{Result, Writer};
use crate::identifier::Kind;
use crate::observation::{Batch, Entry, KnownMention, LOGINS_DEVICE, Layout, Mention, Rows};
use crate::schema::Subject;

/// Mentions that are resolved together: 50 MB with their text.
const RESOLVED_AT_ONCE: usize = 320 << 10;
/// Mentions that are written together, in the order of usages: 100 MB.
const WRITTEN_AT_ONCE: usize = 2 << 20;
/// Mentions held back whose text has to be written out: some hundred bytes each.
const TEXTS_AT_ONCE: usize = 256 << 10;

/// Mentions held back until enough are there to go through the tables in their order.
#[derive(Default)]
pub(super) struct Pending {
    /// The text of `unresolved`.
    batches: Vec<Batch>,
    unresolved: Vec<Unresolved>,
    /// The keys of `unresolved`, each with its position.
    keys: Vec<Filed>,
    kinds: Vec<Kind>,
    pub(super) texts: Vec<Texts>,
    /// Mentions of groups that stand, or once stood, in a usage's own row.
    known: Vec<Placed>,
    /// Mentions that lead to one usage whatever the time.
    pub(super) inline: Vec<Placed>,
    /// Other groups: whether it has to be resolved, and its rows.
    others: BTreeMap<u64, (bool, Tally)>,
}

/// A mention whose keys have not been looked up yet.
#[derive(Debug, Clone, Copy)]
struct Unresolved {
    said: Said,
    /// Where its text is, in `Pending::batches`.
    batch: u32,
    /// Where its keys begin, and how many it has.
    first_key: u32,
    keys: u8,
}

/// What a mention says, its keys aside.
#[derive(Debug, Clone, Copy)]
struct Said {
    group: u64,
    tally: Tally,
    /// Where its text is in its batch.
    record: u32,
    names_only: bool,
}

impl Said {
    fn of(mention: &Mention) -> Said {
        Said {
            group: mention.group,
            tally: Tally::of(mention.row, mention.logins, mention.last_seen),
            record: mention.record,
            names_only: mention.names_only,
        }
    }
}

/// Rows of a group on their way to a usage's own row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) usage: u64,
    pub(super) group: u64,
    pub(super) tally: Tally,
}

/// The rows of one group in one object, added up. Kept small: an object can have millions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    pub(super) rows: u32,
    row: u32,
    /// Where the newest row's text is in [`Pending::texts`], or [`NO_TEXT`].
    text: u32,
    /// Logins, or [`NO_COUNT`].
    count: u64,
    /// Microseconds since 1970, or [`NEVER`].
    last_used: i64,
}

/// Stands for: the keys stand elsewhere, and no other column says anything.
const NO_TEXT: u32 = u32::MAX;
const NO_COUNT: u64 = u64::MAX;
/// Sorts before every time.
const NEVER: i64 = i64::MIN;

/// What of a logins row has to be written out.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// User keys and device keys; `None`: they stand elsewhere.
    keys: Option<(String, String)>,
    extra: Option<String>,
}

impl Tally {
    fn of(row: u32, logins: Option<u64>, last_seen: Option<i64>) -> Tally {
        Tally {
            rows: 1,
            row,
            text: NO_TEXT,
            count: logins.unwrap_or(NO_COUNT),
            last_used: last_seen.unwrap_or(NEVER),
        }
    }

    fn add(&mut self, other: Tally) {
        self.rows += other.rows;
        self.count = add_counts(self.count(), other.count()).unwrap_or(NO_COUNT);
        if (other.last_used, other.row) > (self.last_used, self.row) {
            (self.last_used, self.row, self.text) = (other.last_used, other.row, other.text);
        }
    }

    fn count(self) -> Option<u64> {
        (self.count != NO_COUNT).then_some(self.count)
    }

    /// Returns what a usage or a mention says that has these rows of an object and no others.
    pub(super) fn seen(self, object: u32, logins: Logins) -> UsageSeen {
        UsageSeen {
            last_used: (self.last_used != NEVER).then_some(self.last_used),
            object,
            row: self.row,
            count: self.count(),
            last_login: LastLogin::Never,
            logins,
        }
    }
}

impl Pending {
    /// Holds a mention of the next batch back until its keys are looked up.
    fn hold_back(&mut self, mention: &Mention, keys: &[Entry]) {
        let first_key = self.keys.len() as u32;
        self.unresolved.push(Unresolved {
            said: Said::of(mention),
            batch: self.batches.len() as u32,
            first_key,
            keys: keys.len() as u8,
        });
        let filed = (first_key..).zip(keys);
        self.keys
            .extend(filed.map(|(at, key)| Filed::new(key.hash, at)));
        self.kinds.extend(keys.iter().map(|key| key.kind));
    }
}

/// Adds up counts, of which each may not be said.
fn add_counts(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    match (left, right) {
        // A sum that is too large to be told from none is no sum that a tenant reaches.
        (Some(left), Some(right)) => Some(left.saturating_add(right).min(NO_COUNT - 1)),
        (left, right) => left.or(right),
    }
}

/// Returns the rows of each usage and group added up, in the order of usages.
pub(super) fn summed(mut placed: Vec<Placed>) -> impl Iterator<Item = Placed> {
    placed.sort_unstable_by_key(|placed| (placed.usage, placed.group));
    placed.dedup_by(|later, first| {
        let is_same = (later.usage, later.group) == (first.usage, first.group);
        if is_same {
            first.tally.add(later.tally);
        }
        is_same
    });
    placed.into_iter()
}

/// The object whose logins rows are written, and where their text is.
pub(super) struct WriteLogins<'a> {
    pub(super) taking: &'a mut Taking,
    pub(super) layout: &'a Layout,
    pub(super) texts: &'a [Texts],
}

impl WriteLogins<'_> {
    pub(super) fn keys(&self, tally: Tally) -> Option<(String, String)> {
        self.texts.get(tally.text as usize)?.keys.clone()
    }

    pub(super) fn extra(&self, tally: Tally) -> Option<String> {
        self.texts.get(tally.text as usize)?.extra.clone()
    }
}

impl<'c> Writer<'c> {
    /// Takes in a batch of a logins object.
    pub(super) fn take_mentions(
        &mut self,
        taking: &mut Taking,
        layout: &Layout,
        mut batch: Batch,
    ) -> Result<()> {
        let empty = Rows::Described(Vec::new());
        let Rows::Mentions { known, mut unknown } = std::mem::replace(&mut batch.rows, empty)
        else {
            return Ok(());
        };
        let rows = known.len() + unknown.len();
        for mention in &known {
            self.take_known(&batch, layout, mention);
        }
        if self.keyring.is_none() && self.pending.unresolved.len() >= MANY {
            self.load_keyring(layout)?;
        }
        self.take_resolved(&mut unknown, &batch, layout);
        if unknown.len() < rows {
            // What is held back is counted in unknown rows: others must not take room beside them.
            batch.keep_text_of(&mut unknown);
        }
        for mention in &unknown {
            self.pending.hold_back(mention, batch.keys_of(mention));
        }
        if !unknown.is_empty() {
            batch.entries = Vec::new();
            self.pending.batches.push(batch);
        }
        if self.pending.unresolved.len() >= RESOLVED_AT_ONCE {
            self.resolve_pending(layout)?;
        }
        let is_full = self.pending.inline.len() + self.pending.known.len() >= WRITTEN_AT_ONCE
            || self.pending.texts.len() >= TEXTS_AT_ONCE;
        if is_full {
            self.write_pending(taking, layout)
        } else {
            Ok(())
        }
    }

    /// Takes in a mention whose group the index knows: its keys stand there.
    fn take_known(&mut self, batch: &Batch, layout: &Layout, mention: &KnownMention) {
        let text = self.text_to_keep(batch, layout, mention.record, false);
        self.pending.known.push(Placed {
            usage: mention.usage,
            group: mention.group,
            tally: Tally {
                text,
                ..Tally::of(mention.row, mention.logins, mention.last_seen)
            },
        });
    }

    /// Takes in the mentions whose strongest keys tell what they lead to, and leaves the others.
    fn take_resolved(&mut self, unknown: &mut Vec<Mention>, batch: &Batch, layout: &Layout) {
        let Some(keyring) = self.keyring.take() else {
            return;
        };
        unknown.retain(|mention| {
            let outcomes = keyring.outcomes(batch.keys_of(mention));
            if let Some(outcomes) = outcomes {
                self.take_outcomes(Said::of(mention), outcomes, batch, layout);
            }
            outcomes.is_none()
        });
        self.keyring = Some(keyring);
    }

    /// Finds what the mentions held back lead to.
    pub(super) fn resolve_pending(&mut self, layout: &Layout) -> Result<()> {
        let unresolved = std::mem::take(&mut self.pending.unresolved);
        let batches = std::mem::take(&mut self.pending.batches);
        let mut keys = std::mem::take(&mut self.pending.keys);
        let kinds = std::mem::take(&mut self.pending.kinds);
        let outcomes = self.quick_outcomes(&mut keys, kinds.len(), |at| kinds[at])?;
        for mention in unresolved {
            let first = mention.first_key as usize;
            let keys = first..first + usize::from(mention.keys);
            let side = |subject| {
                let keys = kinds[keys.clone()].iter().zip(&outcomes[keys.clone()]);
                let keys = keys.filter(|(kind, _)| Subject::of(**kind) == subject);
                quick(keys.map(|(_, outcome)| *outcome))
            };
            let outcomes = (side(Subject::Account), side(Subject::Device));
            let batch = &batches[mention.batch as usize];
            self.take_outcomes(mention.said, outcomes, batch, layout);
        }
        Ok(())
    }

    /// Holds a mention back until it is written, where its keys lead.
    fn take_outcomes(
        &mut self,
        said: Said,
        (user, device): (Quick, Quick),
        batch: &Batch,
        layout: &Layout,
    ) {
        let usage = match (user, device) {
            (Quick::One(account), Quick::One(device)) => Some(usage_id(account, device)),
            _ => None,
        };
        // The names of an account or device that is one part are those of the part for ever.
        let has_keys = said.names_only && usage.is_some_and(|usage| self.is_of_parts(usage));
        let text = self.text_to_keep(batch, layout, said.record, !has_keys);
        let group = said.group;
        let tally = Tally { text, ..said.tally };
        if let Some(usage) = usage {
            self.pending.inline.push(Placed {
                usage,
                group,
                tally,
            });
            return;
        }
        let is_hard = user == Quick::Hard || device == Quick::Hard;
        let known = self.pending.others.entry(group);
        known
            .and_modify(|known| known.1.add(tally))
            .or_insert((is_hard, tally));
    }

    /// Tells whether neither side of a usage was merged of several parts.
    fn is_of_parts(&self, usage: u64) -> bool {
        let (account, device) = subjects_of(usage);
        let [accounts, devices] = &self.rosters;
        !accounts.is_merged(account) && !devices.is_merged(device)
    }

    /// Copies what of a row has to be written out, and returns where it is.
    fn text_to_keep(
        &mut self,
        batch: &Batch,
        layout: &Layout,
        record: u32,
        with_keys: bool,
    ) -> u32 {
        let side = |first, subject| join_keys(&batch.keys(layout, first, subject, record));
        let keys = with_keys.then(|| {
            (
                side(0, Subject::Account),
                side(LOGINS_DEVICE, Subject::Device),
            )
        });
        let extra = if layout.extra.is_empty() {
            None
        } else {
            batch.extra(layout, record)
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
            known,
            inline,
            others,
            texts,
            ..
        } = std::mem::take(&mut self.pending);
        let mut write = WriteLogins {
            taking,
            layout,
            texts: &texts,
        };
        for placed in summed(known) {
            self.write_known(&mut write, placed)?;
        }
        for placed in summed(inline) {
            self.write_inline(&mut write, placed)?;
        }
        for (group, (is_hard, tally)) in others {
            let keys = write.keys(tally).unwrap_or_default();
            self.write_mention(&mut write, group, tally, keys, is_hard)?;
        }
        self.settle_mentions()
    }

    /// Writes logins of a group that the index knows. What it knew may be of before this run: when the group does not
    /// stand in the usage's own row any more, it stands in `mention`.
    fn write_known(&mut self, write: &mut WriteLogins, placed: Placed) -> Result<()> {
        let Placed {
            usage,
            group,
            tally,
        } = placed;
        match self.read_usage(usage)? {
            Some(old) if old.logins == Logins::Inline(group) => {
                self.update_inline(write, placed, old)
            }
            _ => {
                let keys = self.keys_of_group(group)?;
                self.write_mention(write, group, tally, keys, true)
            }
        }
    }

    fn write_inline(&mut self, write: &mut WriteLogins, placed: Placed) -> Result<()> {
        let Placed {
            usage,
            group,
            tally,
        } = placed;
        let new = tally.seen(write.taking.id, Logins::Inline(group));
        let Some(old) = self.read_usage(usage)? else {
            let (keys, extra) = (write.keys(tally), write.extra(tally));
            write.taking.counts.stored += u64::from(tally.rows);
            let last_login = LastLogin::current_if(self.last_logins.take(usage));
            let new = UsageSeen { last_login, ..new };
            return self.insert_usage(usage, new, keys.as_ref(), extra.as_deref());
        };
        match old.logins {
            logins if logins == new.logins => self.update_inline(write, placed, old),
            Logins::None => {
                let (keys, extra) = (write.keys(tally), write.extra(tally));
                write.taking.counts.stored += u64::from(tally.rows);
                if keys.is_some() || extra.is_some() {
                    let (user, device) = keys.unzip();
                    let fill = &mut self.usages.fill;
                    fill.execute(params![usage as i64, user, device, extra])?;
                }
                let last_login = old.last_login;
                self.patch_usage(usage, old, UsageSeen { last_login, ..new })
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

    /// Writes further logins of the group that stands in a usage's own row.
    fn update_inline(
        &mut self,
        write: &mut WriteLogins,
        placed: Placed,
        old: UsageSeen,
    ) -> Result<()> {
        let Placed { usage, tally, .. } = placed;
        let new = UsageSeen {
            last_login: old.last_login,
            ..tally.seen(write.taking.id, old.logins)
        };
        let merged = self.merge_rows(write, old, new, tally);
        if merged.is_of_row(new) && self.has_extra(write, old.object) {
            let extra = write.extra(tally);
            self.execute(
                "UPDATE usage SET extra = ?2 WHERE id = ?1",
                params![usage as i64, extra],
            )?;
        }
        self.patch_usage(usage, old, merged)
    }

    fn has_extra(&self, write: &WriteLogins, old_object: u32) -> bool {
        !write.layout.extra.is_empty() || self.ledger.has_extra(old_object)
    }

    /// The logins of the newer object, or of both rows when it is the same object; counts what became of the rows.
    pub(super) fn merge_rows(
        &self,
        write: &mut WriteLogins,
        old: UsageSeen,
        new: UsageSeen,
        tally: Tally,
    ) -> UsageSeen {
        let (order, merged) = self.merge_logins(old, new);
        let counts = &mut write.taking.counts;
        let is_same = (old.count, old.last_used) == (new.count, new.last_used);
        let count = match order {
            Ordering::Less => &mut counts.superseded,
            Ordering::Greater if is_same => &mut counts.unchanged,
            Ordering::Greater | Ordering::Equal => &mut counts.stored,
        };
        *count += u64::from(tally.rows);
        merged
    }

    /// The logins of the newer object, or of both when it is the same, and how the object of `new` compares.
    pub(super) fn merge_logins(&self, old: UsageSeen, new: UsageSeen) -> (Ordering, UsageSeen) {
        let order = self.ledger.compare_objects(new.object, old.object);
        let merged = match order {
            Ordering::Less => old,
            Ordering::Greater => new,
            Ordering::Equal => {
                let is_newer = (new.last_used, new.row) > (old.last_used, old.row);
                UsageSeen {
                    count: add_counts(old.count, new.count),
                    ..if is_newer { new } else { old }
                }
            }
        };
        (order, merged)
    }
}
