//! The rows of `account` and `device`: those of claims, then those of subjects that several claims tell of.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::aside::Aside;
use super::bits::Bits;
use super::claim::{Claim, ClaimId, Part, Print, Stored, said};
use super::error::Result;
use super::in_order::{ROWS, in_order};
use super::ledger::Ledger;
use super::object_lines::NewestRows;
use super::roster::Roster;
use super::said::{NEVER, ObjectId, ShapeId};
use super::stands_for::holders;
use super::subject::{Sharing, Standing, SubjectId, is_key_sid};
use super::superseded::Superseded;
use super::text::{Fields, Texts, no_text};
use super::text_reader::TextReader;
use super::written_rows::{MadeRows, WrittenRows};
use crate::bucket::Hash;
use crate::class::{Evidence, Patterns, traits_of};
use crate::identifier::{Kind, normal_form};
use crate::observation::{Says, Traits};
use crate::schema::{
    Class, FieldType, NAME, NOBODY, SECOND, STRONG, Subject, USAGE_DEVICE_FIELDS, account_field,
    device_field, flag, microseconds_of, stored_time,
};
use crate::sqlite::{Columns, Record, Table, Value};

/// A row's head: what changes from generation to generation while its text stays.
pub(super) struct Head<'a> {
    pub(super) owner: Option<u32>,
    pub(super) class: Class,
    pub(super) flags: u8,
    pub(super) last_seen: Option<i64>,
    pub(super) newest: Part,
    pub(super) first: ObjectId,
    pub(super) parts: &'a [u8],
    pub(super) last_use: Option<&'a [u8]>,
}

impl Head<'_> {
    pub(super) fn put(&self, record: &mut Record) {
        record.clear();
        record.put_null();
        record.put_optional(self.owner.map(i64::from));
        record.put_integer(self.class as i64);
        record.put_integer(i64::from(self.flags));
        record.put_optional(self.last_seen.map(stored_time));
        record.put_integer(i64::from(self.newest.object.number()));
        record.put_integer(i64::from(self.newest.row));
        record.put_integer(i64::from(self.first.number()));
        record.put_blob(self.parts);
        match self.last_use {
            Some(last_use) => record.put_blob(last_use),
            None => record.put_null(),
        }
    }
}

/// What the rows of one subject are made from.
pub(super) struct SubjectRows<'w> {
    pub(super) subject: Subject,
    pub(super) ledger: &'w Ledger,
    pub(super) roster: &'w Roster,
    pub(super) texts: &'w Texts,
    pub(super) sharing: &'w Sharing,
    pub(super) standing: &'w Standing,
    pub(super) patterns: &'w Patterns,
    /// What the last generation says of classes was worked out with others.
    pub(super) are_patterns_new: bool,
    /// Rows that mentions wait for.
    pub(super) waiting: Bits,
    pub(super) gone: &'w Bits,
    pub(super) superseded: Option<&'w Superseded>,
    /// When the newest mention was that waits and is of a namesake of an account.
    pub(super) namesakes: Option<&'w BTreeMap<SubjectId, i64>>,
}

/// Returns the fingerprint and `last_seen` of the newest row with a set of columns.
fn of_shape(before: &Stored, shape: ShapeId) -> Option<(u64, i64)> {
    if before.newest.shape == shape {
        return Some((before.print.fingerprint, before.newest.last_seen));
    }
    let mut others = before.others.iter();
    let other = others.find(|(part, _)| part.shape == shape);
    other.map(|(part, fingerprint)| (*fingerprint, part.last_seen))
}

impl SubjectRows<'_> {
    /// Writes the row of every claim, then those of subjects that several claims tell of. Of the two sources that `sources`
    /// opens, one reads what is copied, the other what is composed.
    pub(super) fn write<'s>(
        &self,
        sources: impl Fn() -> Result<(TextReader<'s>, TextReader<'s>)> + Sync,
        folder: &Path,
        table: &mut Table,
    ) -> Result<WrittenRows> {
        let rows = self.roster.claims.len() + self.standing.merged.len();
        let mut written = WrittenRows::with_capacity(rows);
        let mut composed = Aside::new(folder);
        let make = |(source, parts): &mut (TextReader, TextReader), claims: Range<usize>| {
            let mut made = MadeRows::default();
            for at in claims {
                self.make_claim(ClaimId::of_position(at), (source, parts), &mut made)?;
            }
            Ok(made)
        };
        let take = |made: MadeRows| {
            for (claim, text) in &made.composed {
                composed.put_columns(claim.at(), text.columns())?;
            }
            written.take(made, table)
        };
        in_order(self.roster.claims.len(), ROWS, sources, make, take)?;
        let composed = composed.seal()?;
        let mut composed = composed.reader();
        let mut made = MadeRows::default();
        for (at, (_, claims)) in self.standing.merged.iter().enumerate() {
            let row = (self.roster.claims.len() + 1 + at) as u32;
            self.make_merged(row, claims, &mut composed, &mut made)?;
        }
        written.take(made, table)?;
        Ok(written)
    }

    fn make_claim(
        &self,
        id: ClaimId,
        (source, parts): (&mut TextReader, &mut TextReader),
        made: &mut MadeRows,
    ) -> Result<()> {
        let claim = self.roster.claim(id);
        let is_kept = claim.newest.text.is_kept();
        let mut text = Record::default();
        let mut identifiers = None;
        let row = self.standing.owner(id).unwrap_or(id.row());
        let before = match id.at() < self.roster.kept {
            true => {
                let mut columns = source.head(id)?;
                columns.skip(2)?;
                let flags = columns.take()?.integer().unwrap_or_default() as u8;
                if self.gone.has(row) && flags & flag::GONE == 0 {
                    made.changed.gone.push(row);
                }
                let (before, _) = Stored::read(self.ledger, &mut columns)?.ok_or_else(no_text)?;
                columns.skip(1)?;
                match is_kept {
                    true => text.put_columns(columns),
                    false => identifiers = Some(self.identifiers(columns)?),
                }
                Some(before)
            }
            false => {
                made.changed.added += u64::from(row == id.row());
                None
            }
        };
        let mut print = before
            .as_ref()
            .map_or(Print::default(), |before| before.print);
        if !is_kept {
            let (spilled, columns) = source.spilled(claim.newest.text)?;
            print = spilled;
            text.put_columns(columns);
        }
        if claim.others.is_some() && !self.newest_covers(claim)? {
            text = self.composed(id, parts)?;
        }
        if let Some(before) = identifiers {
            let now = self.identifiers(text.columns())?;
            if before
                .iter()
                .zip(&now)
                .any(|(before, now)| is_other(before, now))
            {
                made.changed.changed.push(row);
            }
        }
        if claim.others.is_some() || (self.are_patterns_new && is_kept) {
            print.traits = self.traits(text.columns())?;
        }
        let cut = match self.superseded {
            Some(superseded) => superseded.cut(id, text.columns(), self.ledger)?,
            None => None,
        };
        if cut.is_some() {
            // Whoever has that row again is to say it whole.
            print.raw = 0;
        }
        let stored = self.stored(claim, print, before.as_ref(), source)?;
        made.digest.add_claim(self.ledger, self.subject, &stored);
        self.count(&stored, before.as_ref(), &mut made.counts);
        self.make_row((id, claim), &stored, (text, cut), made)
    }

    /// Returns what a row has by which its subject is found and which may change: UPN and email, or serial numbers.
    fn identifiers(&self, mut text: Columns) -> Result<Vec<Option<String>>> {
        let mut found = Vec::new();
        for field in self.subject.fields() {
            let value = text.take()?;
            if matches!(field.kind, FieldType::Identifier(_)) {
                found.push(value.text().map(str::to_owned));
            }
        }
        Ok(found)
    }

    /// Tells whether the newest part carries all that the older ones do.
    fn newest_covers(&self, claim: &Claim) -> Result<bool> {
        let newest = self.ledger.shape(claim.newest.shape)?;
        for other in self.roster.others_of(claim) {
            let shape = self.ledger.shape(other.part.shape)?;
            if !newest.covers(shape) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns a claim's text: each field by the newest part that carries it.
    fn composed(&self, id: ClaimId, source: &mut TextReader) -> Result<Record> {
        let mut record = Record::default();
        let mut parts: Vec<Part> = self.roster.parts(id).collect();
        parts.sort_by(|left, right| self.ledger.compare(said(left), said(right)));
        let mut texts: Vec<(Part, Record)> = Vec::with_capacity(parts.len());
        for part in parts {
            let mut text = Record::default();
            text.put_columns(source.text(id, part.text)?);
            texts.push((part, text));
        }
        let mut fields = Fields::nothing(self.subject);
        for (part, text) in &texts {
            let shape = self.ledger.shape(part.shape)?;
            fields.overlay(
                self.subject,
                shape,
                &Fields::read(self.subject, text.columns())?,
            );
        }
        fields.put(&mut record);
        Ok(record)
    }

    /// Works out anew what a row's class follows from.
    pub(super) fn traits(&self, text: Columns) -> Result<Traits> {
        if self.subject == Subject::Device {
            return Ok(Traits::default());
        }
        let fields = Fields::read(self.subject, text)?;
        let shown = |at: usize| self.texts.shown(fields.values[at]);
        let normal = |at, kind| {
            let text = shown(at)?;
            Some(normal_form(kind, &text).ok()?.into_owned())
        };
        let (sid, name) = (normal(STRONG, Kind::Sid), normal(NAME, Kind::AccountName));
        let has = |at: usize| fields.values[at] != Value::Null;
        let has_person =
            has(account_field::UPN) || has(account_field::EMAIL) || has(account_field::FULL_NAME);
        let evidence = Evidence {
            sid: sid.as_deref(),
            name: name.as_deref(),
            says: Says::of(shown(account_field::TYPE).as_deref()),
            has_person,
        };
        Ok(traits_of(evidence, self.patterns))
    }

    /// Returns what is to be stored of a claim's parts.
    fn stored(
        &self,
        claim: &Claim,
        print: Print,
        before: Option<&Stored>,
        source: &mut TextReader,
    ) -> Result<Stored> {
        let mut others = Vec::new();
        for other in self.roster.others_of(claim) {
            let fingerprint = match other.part.text.is_kept() {
                true => before
                    .and_then(|before| of_shape(before, other.part.shape))
                    .map(|(print, _)| print),
                false => Some(source.spilled(other.part.text)?.0.fingerprint),
            };
            others.push((other.part, fingerprint.unwrap_or_default()));
        }
        others.sort_by(|left, right| self.ledger.compare(said(&right.0), said(&left.0)));
        Ok(Stored {
            hash: claim.hash,
            newest: claim.newest,
            print,
            others,
        })
    }

    /// Counts the rows of this run that are the newest of their parts.
    fn count(&self, stored: &Stored, before: Option<&Stored>, counts: &mut NewestRows) {
        let newest = (stored.newest, stored.print.fingerprint);
        for (part, fingerprint) in std::iter::once(&newest).chain(&stored.others) {
            if self.ledger.is_new(part.object) {
                let known = before.and_then(|before| of_shape(before, part.shape));
                let is_unchanged = known == Some((*fingerprint, part.last_seen));
                counts.add(part.object, is_unchanged, 1);
            }
        }
    }

    /// Makes a claim's row; what is written of its text may be cut, where newer rows replaced some of it.
    fn make_row(
        &self,
        (id, claim): (ClaimId, &Claim),
        stored: &Stored,
        (text, cut): (Record, Option<Record>),
        made: &mut MadeRows,
    ) -> Result<()> {
        let MadeRows { bytes, record, .. } = made;
        bytes.clear();
        let (last_seen, seen_in) = self.last_seen(id)?;
        stored.put(self.roster.values(id), last_seen.unwrap_or(NEVER), bytes);
        let parts_end = bytes.len();
        let last_use = self.roster.last_uses.get(id.at()).copied().flatten();
        if let Some(last_use) = last_use {
            let name = match last_use.account {
                None => self.hash_of_last_login(text.columns())?,
                Some(_) => 0,
            };
            last_use.put(&claim.newest, self.ledger, name, bytes);
        }
        let (parts, last_use_bytes) = bytes.split_at(parts_end);
        let owner = self.standing.owner(id);
        let class = match self.subject {
            Subject::Account => self.sharing.class(stored.print.traits, id),
            Subject::Device => Class::Unknown,
        };
        let mut flags = if claim.is_held { flag::HELD } else { 0 };
        if self.standing.has_local_sid(id) {
            flags |= flag::LOCAL_SID;
        }
        let observed_at = self.ledger.observed_at(claim.newest.object);
        let seen = last_seen.unwrap_or(observed_at).min(observed_at);
        let head = Head {
            owner,
            class,
            flags: flags | self.row_flags(id.row(), seen),
            last_seen,
            newest: claim.newest,
            first: self.first(id),
            parts,
            last_use: last_use.map(|_| last_use_bytes),
        };
        head.put(record);
        record.put_columns(cut.as_ref().unwrap_or(&text).columns());
        made.rows.push(i64::from(id.row()), record);
        made.domains.note(self.subject, text.columns())?;
        made.classes.push(class);
        let there_since = self.there_since(&[(id, text.columns())], text.columns())?;
        let last = last_seen.unwrap_or(NEVER);
        made.seen.push(last, seen_in, there_since);
        match owner {
            None => {
                made.tally.add(class, self.gone.has(id.row()));
                if self.sharing.same_value[self.subject].has(id.row()) {
                    let same = holders(self.subject, id.row(), text.columns())?;
                    made.same_value.extend(same);
                }
                self.show(id.row(), last_seen, text.columns(), made)
            }
            Some(NOBODY) => Ok(()),
            Some(_) => {
                made.composed.push((id, text));
                Ok(())
            }
        }
    }

    /// Returns the marks of a row, whose subject was last seen at a time.
    pub(super) fn row_flags(&self, row: u32, seen: i64) -> u8 {
        let namesake = self.namesakes.and_then(|all| all.get(&SubjectId(row)));
        let is_newer = namesake.is_some_and(|time| *time > seen);
        let marks = [
            (self.gone.has(row), flag::GONE),
            (self.waiting.has(row), flag::WAITED_FOR),
            (is_newer, flag::NAMESAKE_WAITS),
        ];
        let marks = marks.into_iter().filter(|(is_so, _)| *is_so);
        marks.fold(0, |all, (_, mark)| all | mark)
    }

    /// Returns the `last_seen` of a claim: that of its newest part that carries the column, and the object of that.
    fn last_seen(&self, id: ClaimId) -> Result<(Option<i64>, ObjectId)> {
        for part in self.roster.parts(id) {
            if self.ledger.shape(part.shape)?.carries_last_seen() {
                return Ok((part.last_seen(), part.object));
            }
        }
        Ok((None, self.roster.claim(id).newest.object))
    }

    /// Returns since when an account or a device was there: its `first_seen`, or the first row of its SID or uid, which is never given
    /// to another as a name is. For want of a `first_seen`, where another account ever had a key of it, too, its first row: the name may
    /// have been that one's before.
    pub(super) fn there_since(
        &self,
        claims: &[(ClaimId, Columns)],
        mut text: Columns,
    ) -> Result<i64> {
        text.skip(self.subject.fields().len() - 1)?;
        let said = text.take()?.integer().map(microseconds_of);
        let first = |id| self.ledger.observed_at(self.first(id));
        let Some(mut since) = said else {
            return Ok(match claims {
                [(id, _)]
                    if self.subject == Subject::Account
                        && self.sharing.claims.account.has(id.row()) =>
                {
                    first(*id)
                }
                _ => NEVER,
            });
        };
        for (id, text) in claims {
            let first = first(*id);
            // To read a SID costs more than all the rest.
            if first < since && self.is_by_id(*id, *text)? {
                since = first;
            }
        }
        Ok(since)
    }

    /// Tells whether a claim has a SID or a uid that makes its subject known.
    fn is_by_id(&self, id: ClaimId, mut text: Columns) -> Result<bool> {
        let by_sid = text;
        let uid = match self.subject {
            Subject::Account => SECOND,
            Subject::Device => STRONG,
        };
        text.skip(uid)?;
        let has_uid = text.take()? != Value::Null;
        if has_uid || self.subject == Subject::Device {
            return Ok(has_uid);
        }
        // One that the row itself says to be local is not among those that others show to be.
        Ok(is_key_sid(by_sid, self.texts)? && !self.standing.has_local_sid(id))
    }

    fn first(&self, id: ClaimId) -> ObjectId {
        let newest = self.roster.claim(id).newest.first;
        let firsts = self.roster.parts(id).map(|part| part.first);
        firsts.fold(newest, |first, other| self.ledger.earlier(first, other))
    }

    fn hash_of_last_login(&self, mut text: Columns) -> Result<u64> {
        text.skip(device_field::LAST_LOGIN)?;
        let name = text.take()?.text().unwrap_or_default();
        let normal = normal_form(Kind::AccountName, name);
        Ok(normal.map_or(0, |normal| Hash::of(&normal).high))
    }

    /// Keeps what answers show of a device.
    pub(super) fn show(
        &self,
        row: u32,
        last_seen: Option<i64>,
        mut text: Columns,
        made: &mut MadeRows,
    ) -> Result<()> {
        if self.subject == Subject::Account {
            return Ok(());
        }
        let record = &mut made.record;
        let mut wanted = USAGE_DEVICE_FIELDS.iter().peekable();
        record.clear();
        for field in self.subject.fields() {
            match wanted.next_if(|wanted| **wanted == field.name) {
                Some(_) => record.put_next(&mut text)?,
                None => text.skip(1)?,
            }
        }
        record.put_optional(last_seen.map(stored_time));
        made.shown.put(row, record.columns())
    }
}

/// Tells whether an identifier was another one: that there was none before is no change.
pub(super) fn is_other(before: &Option<String>, now: &Option<String>) -> bool {
    let is_same = |before: &String| {
        now.as_ref()
            .is_some_and(|now| now.eq_ignore_ascii_case(before))
    };
    before.as_ref().is_some_and(|before| !is_same(before))
}
