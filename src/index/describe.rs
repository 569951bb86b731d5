//! Users and devices rows taken into the index: same, changed or new.

use super::identifiers::spill_error;
use super::last_login::{Former, NamedLast};
use super::ledger::Taking;
use super::part::{NewRow, Part, normal};
use super::roster::Newest;
use super::{Error, Result, Writer};
use crate::bucket::{Hash, MAX_ID};
use crate::identifier::Kind;
use crate::observation::{Batch, Described, Layout, Rows};
use crate::schema::{Seen, Subject, device_field, flag};

/// Where a row belongs.
enum Place {
    /// A part that says the same already, `last_seen` perhaps aside.
    Same(u32),
    /// A part that says something else.
    Other(u32, Box<Part>),
    /// No part yet: the hash that it will be known by.
    New(u64),
}

/// Works out what was left out of a known row, from the row of the same part that has taken its place since. Its
/// identifiers are filed, and its class is worked out when the run settles.
fn work_out(subject: Subject, new: &NewRow, old: &Part) -> Described {
    let keys = old.content.keys(subject);
    let said = (0..)
        .zip(&keys)
        .map(|(at, key)| u8::from(key.is_some()) << at);
    Described {
        said: said.sum(),
        ..*new.row
    }
}

/// Moves a part's hash on when another part has it: an odd constant with well-spread bits (2^64 / golden ratio).
const NEXT_HASH: u64 = 0x9e37_79b9_7f4a_7c15;

impl<'c> Writer<'c> {
    /// Takes in a batch of a users or devices object.
    pub(super) fn take_described(
        &mut self,
        taking: &mut Taking,
        subject: Subject,
        layout: &Layout,
        batch: &Batch,
    ) -> Result<()> {
        let Rows::Described(rows) = &batch.rows else {
            return Ok(());
        };
        let mut patches: Vec<(u32, Seen)> = Vec::with_capacity(rows.len());
        for row in rows {
            let new = NewRow::new(batch, layout, row, taking.id);
            match self.place(subject, row, &new)? {
                Place::Same(id) => {
                    if self.take_same(taking, subject, id, &new)? {
                        patches.push((id, new.seen));
                    }
                }
                Place::Other(id, old) => {
                    let worked_out = row.known.is_some().then(|| work_out(subject, &new, &old));
                    let row = worked_out.as_ref().unwrap_or(row);
                    let new = NewRow { row, ..new };
                    if self.take_other(taking, subject, id, &new, &old)? {
                        // Behind a patch that an earlier row of the batch left for the same part.
                        patches.push((id, new.seen));
                    }
                }
                Place::New(part) => self.take_new(taking, subject, row, part, &new)?,
            }
        }
        // In the order of ids, which is that of the table; of two rows of one part the later one counts.
        patches.sort_by_key(|(id, _)| *id);
        if !patches.is_empty() {
            self.table(subject)?.patch_seen(&patches)?;
        }
        Ok(())
    }

    /// Finds a row's part. The hash of its keys is only believed together with the fingerprint or with the keys themselves.
    fn place(&mut self, subject: Subject, row: &Described, new: &NewRow) -> Result<Place> {
        let mut part = row.part;
        while let Some(id) = row
            .known
            .or_else(|| self.rosters[subject as usize].find(part))
        {
            if self.rosters[subject as usize].newest(id).fingerprint == row.fingerprint {
                return Ok(Place::Same(id));
            }
            let old = self
                .table(subject)?
                .read(id)?
                .ok_or(Error::Inconsistent("a part of the roster has no row"))?;
            if row.known.is_some() {
                // Another row of this run told something else of the part.
                return Ok(Place::Other(id, Box::new(old)));
            }
            let kinds = subject.key_kinds();
            let is_same = |at: usize| {
                normal(kinds[at], old.content.texts[at].as_deref())
                    == normal(kinds[at], new.text(at))
            };
            if (0..kinds.len()).all(is_same) {
                return Ok(Place::Other(id, Box::new(old)));
            }
            part = part.wrapping_add(NEXT_HASH);
        }
        Ok(Place::New(part))
    }

    fn is_newer(&self, taking: &Taking, row: &Described, newest: Newest) -> bool {
        self.ledger
            .is_newer(taking.id, row.last_seen, (newest.object, newest.last_seen))
    }

    /// Tells whether the row is the newest of its part, whose place of that is to be patched.
    fn take_same(
        &mut self,
        taking: &mut Taking,
        subject: Subject,
        id: u32,
        new: &NewRow,
    ) -> Result<bool> {
        let row = new.row;
        let newest = self.rosters[subject as usize].newest(id);
        if !self.is_newer(taking, row, newest) {
            taking.counts.superseded += 1;
            self.note_older(subject, id, new)?;
            return Ok(false);
        }
        let is_unchanged = newest.last_seen == row.last_seen;
        *(if is_unchanged {
            &mut taking.counts.unchanged
        } else {
            &mut taking.counts.stored
        }) += 1;
        self.observe(subject, id, taking.id, row);
        Ok(true)
    }

    /// Notes that a part was observed anew, and what depends on when it was.
    fn observe(&mut self, subject: Subject, id: u32, object: u32, row: &Described) {
        let newest = Newest {
            fingerprint: row.fingerprint,
            last_seen: row.last_seen,
            object,
        };
        self.rosters[subject as usize].set(id, newest);
        let standing = &self.standing[subject as usize];
        if standing.has(id, flag::CONTESTED) {
            self.dirty[subject as usize].parts.insert(id);
        }
        if let Some(merged) = standing.merged_into(id) {
            self.dirty[subject as usize].merged.insert(merged);
        }
        if standing.has(id, flag::LAST_LOGIN_KEPT) {
            self.last_logins.kept.push(id);
        }
    }

    fn take_other(
        &mut self,
        taking: &mut Taking,
        subject: Subject,
        id: u32,
        new: &NewRow,
        old: &Part,
    ) -> Result<bool> {
        let row = new.row;
        let newest = self.rosters[subject as usize].newest(id);
        let is_newer = self.is_newer(taking, row, newest);
        if subject == Subject::Device {
            let seen = Seen {
                last_seen: newest.last_seen,
                object: newest.object,
                row: old.seen.row,
            };
            self.note_last_login(row, id, new, (old, seen), is_newer);
        }
        let has_others = self.note_values(subject, id, new, old, is_newer)?;
        if !is_newer {
            taking.counts.superseded += 1;
            self.note_first(subject, id, taking.id);
            if has_others {
                self.file(row, new, id)?;
            }
            return Ok(false);
        }
        taking.counts.stored += 1;
        self.table(subject)?.update_row(id, new)?;
        self.observe(subject, id, taking.id, row);
        if subject == Subject::Account {
            self.dirty[subject as usize].classes.insert(id);
        }
        self.file(row, new, id)?;
        Ok(true)
    }

    fn take_new(
        &mut self,
        taking: &mut Taking,
        subject: Subject,
        row: &Described,
        part: u64,
        new: &NewRow,
    ) -> Result<()> {
        taking.counts.stored += 1;
        let newest = Newest {
            fingerprint: row.fingerprint,
            last_seen: row.last_seen,
            object: taking.id,
        };
        let id = self.rosters[subject as usize].insert(part, newest);
        if id > MAX_ID {
            return Err(Error::Full { limit: MAX_ID });
        }
        self.insert_part(subject, id, new, taking.shape)?;
        self.file(row, new, id)?;
        if self.usages.any {
            // A weak SID too: it may be what tells that a SID which mentions say is no key.
            let keys = subject.key_kinds();
            let entries = new
                .batch
                .entries_of(row)
                .iter()
                .filter(|entry| keys.contains(&entry.kind) || entry.kind == Kind::WeakSid);
            self.dirty[subject as usize]
                .keys
                .extend(entries.map(|entry| entry.hash.high));
        }
        if let Some(name) = row.last_login {
            self.last_logins.named.push(NamedLast::new(id, Some(name)));
        }
        Ok(())
    }

    /// Files a row's identifiers; those it had before are known and cost a comparison when they are merged.
    fn file(&mut self, row: &Described, new: &NewRow, id: u32) -> Result<()> {
        let entries = new.batch.entries_of(row).iter().copied();
        self.identifiers.add(entries, id).map_err(spill_error)
    }

    /// Notes what a devices row changes about last logins: every user it ever named stays a usage.
    fn note_last_login(
        &mut self,
        row: &Described,
        id: u32,
        new: &NewRow,
        (old, seen): (&Part, Seen),
        is_newer: bool,
    ) {
        let before = normal(
            Kind::AccountName,
            old.content.texts[device_field::LAST_LOGIN].as_deref(),
        );
        if before.as_deref().map(Hash::of) == row.last_login {
            return;
        }
        if is_newer {
            self.last_logins
                .named
                .push(NamedLast::new(id, row.last_login));
            if let Some(name) = before {
                self.last_logins.formers.push(Former {
                    part: id,
                    name,
                    seen,
                });
            }
        } else if let Some(name) = normal(Kind::AccountName, new.text(device_field::LAST_LOGIN)) {
            self.last_logins.formers.push(Former {
                part: id,
                name,
                seen: new.seen,
            });
        }
    }
}
