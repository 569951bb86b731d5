//! Settling: after rows were taken in, every part whose identity may have changed gets its subject again.
//!
//! Nearly all parts share no key with another one and need nothing. For the others, the component that shared keys join
//! is read, resolved by `identity` and compared with what stands in the table.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::identity::{Component, Found, PartKeys};
use super::part::{Keys, MERGED_SHAPE, NOBODY, Part, joining_keys, merge};
use super::{Result, Writer};
use crate::bucket::{Hash, kind_and_id};
use crate::class::class_of;
use crate::identifier::{self, Kind};
use crate::schema::{Class, NAME, SECOND, STRONG, Subject, flag};

/// Whose a part is, where that is not simply itself, and its flags, where it has any: parts that share a key with others,
/// and those that once had another UPN, email or serial number.
#[derive(Default)]
pub(super) struct Standing {
    owner: HashMap<u32, u32>,
    flags: HashMap<u32, u8>,
}

impl Standing {
    /// Reads what the table says.
    pub(super) fn load(
        connection: &rusqlite::Connection,
        subject: Subject,
    ) -> rusqlite::Result<Standing> {
        let table = subject.table();
        let mut standing = Standing::default();
        let mut select = connection.prepare(&format!(
            "SELECT id, owner FROM {table} WHERE owner IS NOT NULL"
        ))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            standing.owner.insert(row.get(0)?, row.get(1)?);
        }
        let mut select =
            connection.prepare(&format!("SELECT id, flags FROM {table} WHERE flags <> 0"))?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            standing.flags.insert(row.get(0)?, row.get(1)?);
        }
        Ok(standing)
    }

    /// Returns the subject that a part belongs to; `None`: nobody's.
    pub(super) fn subject_of(&self, part: u32) -> Option<u32> {
        match self.owner.get(&part) {
            None => Some(part),
            Some(&NOBODY) => None,
            Some(owner) => Some(*owner),
        }
    }

    /// Returns the merged subject that a part is one of several of.
    pub(super) fn merged_into(&self, part: u32) -> Option<u32> {
        self.owner
            .get(&part)
            .copied()
            .filter(|owner| *owner != NOBODY)
    }

    pub(super) fn has(&self, part: u32, flag: u8) -> bool {
        self.flags.get(&part).is_some_and(|flags| flags & flag != 0)
    }

    /// Adds a flag; false when it was there.
    pub(super) fn add_flag(&mut self, part: u32, flag: u8) -> bool {
        let flags = self.flags.entry(part).or_insert(0);
        let is_new = *flags & flag == 0;
        *flags |= flag;
        is_new
    }

    fn flags_of(&self, part: u32) -> u8 {
        self.flags.get(&part).copied().unwrap_or(0)
    }

    fn owner_of(&self, part: u32) -> Option<u32> {
        self.owner.get(&part).copied()
    }

    fn set(&mut self, part: u32, owner: Option<u32>, flags: u8) {
        match owner {
            Some(owner) => self.owner.insert(part, owner),
            None => self.owner.remove(&part),
        };
        match flags {
            0 => self.flags.remove(&part),
            flags => self.flags.insert(part, flags),
        };
    }

    /// Returns every part that is not simply a subject by itself, with its subject.
    pub(super) fn joined(&self) -> impl Iterator<Item = (u32, u32)> {
        self.owner.iter().map(|(part, owner)| (*part, *owner))
    }
}

/// Flags that do not depend on whose a part is.
const KEPT: u8 = flag::LAST_LOGIN_KEPT | flag::HELD;

/// What a run has to look at again.
#[derive(Default)]
pub(super) struct Dirty {
    /// Parts whose component is to be resolved again.
    pub(super) parts: BTreeSet<u32>,
    /// Merged subjects one of whose parts changed.
    pub(super) merged: BTreeSet<u32>,
    /// Accounts whose class may have changed.
    pub(super) classes: BTreeSet<u32>,
    /// Hashes of the keys of new parts: mentions may wait for them.
    pub(super) keys: Vec<u64>,
}

impl<'c> Writer<'c> {
    /// Settles everything that rows taken in so far have changed.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.plant()?;
        self.merge_identifiers()?;
        for subject in Subject::ALL.into_iter().rev() {
            let dirty = std::mem::take(&mut self.dirty[subject as usize]);
            let mut done = BTreeSet::new();
            for part in dirty.parts {
                if !done.contains(&part) {
                    let component = self.component(subject, [part])?;
                    done.extend(component.parts.iter().map(|part| part.id));
                    self.apply_component(subject, component)?;
                }
            }
            for merged in dirty.merged {
                self.merge_again(subject, merged)?;
            }
            for account in dirty.classes {
                self.classify_again(account)?;
            }
            self.mentions.keys.extend(dirty.keys);
        }
        Ok(())
    }

    /// Files the identifiers held back, and notes the parts that share a key with others.
    pub(super) fn merge_identifiers(&mut self) -> Result<()> {
        // Tables cannot be replaced while a blob is open.
        self.usages.blob = None;
        let dirty = &mut self.dirty;
        self.identifiers
            .merge(|references| note_shared(dirty, references))?;
        Ok(())
    }

    /// Reads the parts that are joined by shared keys, directly or over others, and resolves them.
    pub(super) fn component(
        &mut self,
        subject: Subject,
        seeds: impl IntoIterator<Item = u32>,
    ) -> Result<Component> {
        let mut waiting: Vec<u32> = seeds.into_iter().collect();
        let mut seen_parts: BTreeSet<u32> = waiting.iter().copied().collect();
        let mut seen_keys: BTreeSet<(usize, String)> = BTreeSet::new();
        let mut parts = Vec::new();
        let mut local = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            let Some(part) = self.table(subject)?.read(id)? else {
                continue;
            };
            if part.shape == MERGED_SHAPE {
                continue;
            }
            let keys = joining_keys(subject, &part.content);
            for (at, key) in keys.iter().enumerate() {
                let Some(key) = key else { continue };
                if !seen_keys.insert((at, key.clone())) {
                    continue;
                }
                for reference in self.identifiers.references(Hash::of(key))? {
                    let Some((kind, id)) = kind_and_id(reference) else {
                        continue;
                    };
                    if kind == Kind::WeakSid && at == STRONG {
                        local.insert(key.clone());
                    }
                    if kind == subject.key_kinds()[at] && seen_parts.insert(id) {
                        waiting.push(id);
                    }
                }
            }
            parts.push(self.part_keys(subject, id, &part, keys)?);
        }
        parts.sort_by_key(|part| part.id);
        Ok(Component::resolve(parts, local))
    }

    fn part_keys(
        &mut self,
        subject: Subject,
        id: u32,
        part: &Part,
        keys: Keys,
    ) -> Result<PartKeys> {
        let shows_local = match (subject, &keys[STRONG], &keys[NAME]) {
            (Subject::Account, Some(_), Some(name))
                if part.content.says() == crate::observation::Says::Nothing =>
            {
                identifier::domain(name).map_or(Ok(false), |domain| self.is_device_name(domain))?
            }
            _ => false,
        };
        let [strong, second, name] = keys;
        Ok(PartKeys {
            id,
            strong,
            second,
            name,
            shows_local,
            stamp: self.ledger.stamp(part.seen),
        })
    }

    /// Tells whether any device ever had this name, whole or short.
    pub(super) fn is_device_name(&mut self, normal: &str) -> Result<bool> {
        let hash = Hash::of(normal);
        Ok(self.identifiers.has(hash, Kind::DeviceName)?
            || self.identifiers.has(hash, Kind::ShortName)?)
    }

    fn apply_component(&mut self, subject: Subject, component: Component) -> Result<()> {
        let old_subjects: BTreeSet<u32> = component
            .parts
            .iter()
            .filter_map(|part| self.standing[subject as usize].subject_of(part.id))
            .collect();
        let owners = self.owners(subject, &component)?;
        self.contradictions[subject as usize].extend(component.contradictions.iter().cloned());
        let mut changed = false;
        for (at, part) in component.parts.iter().enumerate() {
            let owner = owners[at];
            let mut flags = self.standing[subject as usize].flags_of(part.id) & KEPT;
            if component.is_contested(at) {
                flags |= flag::CONTESTED;
            }
            if part
                .strong
                .as_ref()
                .is_some_and(|strong| component.local.contains(strong))
            {
                flags |= flag::LOCAL_SID;
            }
            let standing = &mut self.standing[subject as usize];
            let before = (standing.owner_of(part.id), standing.flags_of(part.id));
            changed |= before != (owner, flags) || flags & flag::CONTESTED != 0;
            standing.set(part.id, owner, flags);
            let class = self.class_of_part(subject, part.id)?;
            self.table(subject)?
                .set_standing(part.id, owner, class, flags)?;
        }
        let new_subjects: BTreeSet<u32> = component
            .parts
            .iter()
            .filter_map(|part| self.standing[subject as usize].subject_of(part.id))
            .collect();
        for merged in owners
            .iter()
            .flatten()
            .filter(|owner| **owner != NOBODY)
            .collect::<BTreeSet<_>>()
        {
            self.merge_again(subject, *merged)?;
        }
        for gone in old_subjects.difference(&new_subjects) {
            if !component.parts.iter().any(|part| part.id == *gone) {
                self.table(subject)?.delete(*gone)?;
            }
        }
        if changed {
            self.unsettle_mentions(
                subject,
                &component,
                old_subjects.union(&new_subjects).copied().collect(),
            )?;
        }
        Ok(())
    }

    /// Returns each part's owner: none for a subject of one part, the merged row's id for one of several.
    fn owners(&mut self, subject: Subject, component: &Component) -> Result<Vec<Option<u32>>> {
        let mut owners = vec![Some(NOBODY); component.parts.len()];
        let mut taken = BTreeSet::new();
        for resolved in &component.subjects {
            if let [one] = resolved.parts.as_slice() {
                owners[*one] = None;
                continue;
            }
            let standing = &self.standing[subject as usize];
            let known = resolved
                .parts
                .iter()
                .filter_map(|at| standing.merged_into(component.parts[*at].id))
                .filter(|owner| !taken.contains(owner))
                .min();
            let owner = match known {
                Some(owner) => owner,
                None => self.new_merged(subject)?,
            };
            taken.insert(owner);
            for at in &resolved.parts {
                owners[*at] = Some(owner);
            }
        }
        Ok(owners)
    }

    fn new_merged(&mut self, subject: Subject) -> Result<u32> {
        let id = self.rosters[subject as usize].insert_merged();
        let empty = vec![None; subject.fields().len() - 1];
        let content = super::part::Content {
            texts: empty,
            first_seen: None,
            extra: None,
        };
        let seen = crate::schema::Seen {
            last_seen: None,
            object: 0,
            row: 0,
        };
        self.table(subject)?
            .write_merged(id, true, seen, Class::Unknown, &content)?;
        Ok(id)
    }

    /// Writes the row of a merged subject from its parts.
    fn merge_again(&mut self, subject: Subject, merged: u32) -> Result<()> {
        let sql = format!("SELECT id FROM {} WHERE owner = ?1", subject.table());
        let ids: Vec<u32> = self
            .connection
            .prepare_cached(&sql)?
            .query_map([merged], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut parts = Vec::new();
        for id in ids {
            parts.extend(self.table(subject)?.read(id)?);
        }
        let stamped = parts
            .iter()
            .filter_map(|part| {
                Some((
                    self.ledger.stamp(part.seen),
                    self.ledger.shape(part.shape)?,
                    part,
                ))
            })
            .collect::<Vec<_>>();
        if stamped.is_empty() {
            return Ok(());
        }
        let (content, seen) = merge(subject, stamped);
        let class = self.class_of_content(subject, &content)?;
        self.table(subject)?
            .write_merged(merged, false, seen, class, &content)?;
        Ok(())
    }

    fn class_of_part(&mut self, subject: Subject, id: u32) -> Result<Class> {
        if subject == Subject::Device {
            return Ok(Class::Unknown);
        }
        match self.table(subject)?.read(id)? {
            Some(part) => self.class_of_content(subject, &part.content),
            None => Ok(Class::Unknown),
        }
    }

    fn class_of_content(
        &mut self,
        subject: Subject,
        content: &super::part::Content,
    ) -> Result<Class> {
        if subject == Subject::Device {
            return Ok(Class::Unknown);
        }
        let [_, _, name] = content.keys(subject);
        let patterns = std::mem::take(&mut self.patterns);
        let class = class_of(content.evidence(name.as_deref()), &patterns, |text| {
            self.is_device_name(text)
        });
        self.patterns = patterns;
        class
    }

    fn classify_again(&mut self, id: u32) -> Result<()> {
        let account = self.standing[Subject::Account as usize]
            .merged_into(id)
            .unwrap_or(id);
        let class = self.class_of_part(Subject::Account, account)?;
        self.execute(
            "UPDATE account SET class = ?2 WHERE id = ?1",
            rusqlite::params![account, class as u8],
        )?;
        Ok(())
    }

    /// Finds the subject that a mention's keys mean at a time: R5.
    pub(super) fn find_mentioned(
        &mut self,
        subject: Subject,
        keys: &Keys,
        at: i64,
    ) -> Result<Meant> {
        let mut unknown = Vec::new();
        for (position, key) in keys.iter().enumerate() {
            let Some(key) = key else { continue };
            if position == STRONG && subject == Subject::Account && !identifier::is_key_sid(key) {
                continue;
            }
            let kind = subject.key_kinds()[position];
            let references = self.identifiers.references(Hash::of(key))?;
            let seeds: Vec<u32> = references
                .into_iter()
                .filter_map(kind_and_id)
                .filter(|found| found.0 == kind)
                .map(|found| found.1)
                .collect();
            if seeds.is_empty() {
                if position != STRONG || !self.is_local_sid(subject, key)? {
                    unknown.push(position);
                }
                continue;
            }
            let component = self.component(subject, seeds)?;
            if position == STRONG && component.local.contains(key) {
                continue;
            }
            let found = match position {
                STRONG => component.with_strong(key),
                SECOND => component.with_second(key),
                _ => component.named(key, at),
            };
            return Ok(match found {
                Found::None if position == NAME => Meant::Unknown,
                Found::None => {
                    unknown.push(position);
                    continue;
                }
                Found::Several => Meant::Ambiguous,
                Found::One(one) => self.unless_contradicted(subject, &component, one, &unknown),
            });
        }
        Ok(Meant::Unknown)
    }

    /// A SID that only rows with a local type said is no key: as if the mention had not said it.
    fn is_local_sid(&mut self, subject: Subject, key: &str) -> Result<bool> {
        if subject == Subject::Device {
            return Ok(false);
        }
        let references = self.identifiers.references(Hash::of(key))?;
        Ok(references
            .into_iter()
            .filter_map(kind_and_id)
            .any(|(kind, _)| kind == Kind::WeakSid))
    }

    /// A stronger key that nobody is known by must not meet a subject that has another value of it.
    fn unless_contradicted(
        &self,
        subject: Subject,
        component: &Component,
        one: usize,
        unknown: &[usize],
    ) -> Meant {
        let (strong, second) = component.keys_of(one);
        let contradicts = |position: &usize| match *position {
            STRONG => !strong.is_empty(),
            SECOND => !second.is_empty(),
            _ => false,
        };
        if unknown.iter().any(contradicts) {
            return Meant::Unknown;
        }
        let first = component.subjects[one]
            .parts
            .first()
            .map(|at| component.parts[*at].id);
        match first.and_then(|part| self.standing[subject as usize].subject_of(part)) {
            Some(id) => Meant::One(id),
            None => Meant::Unknown,
        }
    }
}

/// What a mention's keys lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    /// The id of an account or a device.
    One(u32),
    Unknown,
    Ambiguous,
}

/// Notes the parts to look at, from the holders of one hash.
fn note_shared(dirty: &mut [Dirty; 2], references: &[u32]) {
    let mut by_kind: BTreeMap<Kind, Vec<u32>> = BTreeMap::new();
    for (kind, id) in references.iter().copied().filter_map(kind_and_id) {
        by_kind.entry(kind).or_default().push(id);
    }
    let has = |kind: Kind| by_kind.contains_key(&kind);
    for (kind, ids) in &by_kind {
        let dirty = &mut dirty[Subject::of(*kind) as usize];
        let joins = match kind {
            Kind::Sid => ids.len() > 1 || has(Kind::WeakSid),
            Kind::Uid
            | Kind::AccountName
            | Kind::DeviceUid
            | Kind::CollectorUid
            | Kind::DeviceName => ids.len() > 1,
            _ => false,
        };
        if joins {
            // One is enough: the others are in its component.
            dirty.parts.extend(ids.first());
        }
        if has(Kind::DeviceName) || has(Kind::ShortName) {
            match kind {
                Kind::Domain => dirty.parts.extend(ids),
                Kind::BareName => dirty.classes.extend(ids),
                _ => {}
            }
        }
    }
}
