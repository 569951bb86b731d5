//! The rows of claims that are kept: as they are, or without what only older rows said and what told of somebody who was
//! erased.

use super::{Fates, LetGo, Sifting};
use crate::bucket::Hash;
use crate::identifier::{Kind, normal_form};
use crate::index::bits::Bits;
use crate::index::claim::Stored;
use crate::index::error::{Result, damaged};
use crate::index::last_use::{LastUse, VALUE};
use crate::index::ledger::Ledger;
use crate::index::roster::values_of;
use crate::index::rows::Head;
use crate::index::said::NEVER;
use crate::index::text::{Fields, text_of};
use crate::observation::{NOT_CARRIED, SAYS_NOTHING, VALUES};
use crate::schema::{BySubject, Class, FieldType, HEAD_COLUMNS, Subject, device_field, flag};
use crate::sqlite::{Columns, Record, Table, Value};

/// A claim's row, cut.
pub(super) struct ClaimRow<'r> {
    pub(super) all: Columns<'r>,
    pub(super) flags: u8,
    pub(super) stored: Stored,
    pub(super) values: [u64; VALUES],
    pub(super) last_use: Option<&'r [u8]>,
    pub(super) text: Columns<'r>,
}

impl<'r> ClaimRow<'r> {
    /// Reads one; none for a row of a subject that several claims tell of.
    pub(super) fn read(ledger: &Ledger, columns: Columns<'r>) -> Result<Option<ClaimRow<'r>>> {
        let mut rest = columns;
        rest.skip(3)?;
        let flags = rest.take()?.integer().unwrap_or_default() as u8;
        let Some((stored, values)) = Stored::read(ledger, &mut rest)? else {
            return Ok(None);
        };
        Ok(Some(ClaimRow {
            all: columns,
            flags,
            stored,
            values,
            last_use: rest.take()?.blob(),
            text: rest,
        }))
    }
}

impl Sifting<'_> {
    pub(super) fn claims(
        &self,
        subject: Subject,
        fates: &BySubject<Fates>,
        (table, used): (&mut Table, &mut Bits),
        let_go: &mut LetGo,
    ) -> Result<()> {
        let (mut at, mut record) = (0, Record::default());
        self.each_claim(subject, |row| {
            let new = fates[subject].rows[at];
            at += 1;
            if new == 0 {
                return Ok(());
            }
            self.claim(subject, &fates.account, row, &mut record, let_go)?;
            self.note_used(subject, record.columns(), used)?;
            Ok(table.push(i64::from(new), &record)?)
        })
    }

    /// Puts a claim's row into a record, without what is let go of it.
    fn claim(
        &self,
        subject: Subject,
        accounts: &Fates,
        mut row: ClaimRow,
        record: &mut Record,
        let_go: &mut LetGo,
    ) -> Result<()> {
        let old = row.stored.others.len();
        let others = std::mem::take(&mut row.stored.others).into_iter();
        row.stored.others = others
            .filter(|(part, _)| !self.is_part_old(subject, part))
            .collect();
        let parts = (old - row.stored.others.len()) as u64;
        let mut fields = Fields::read(subject, row.text)?;
        let mut cells = self.clear_extra(&mut fields);
        if parts > 0 {
            self.clear_uncarried(subject, &mut row, &mut fields)?;
        }
        let last_use = self.last_use(&row, accounts, &mut fields, &mut cells)?;
        let is_as_it_was = parts == 0 && cells == 0 && last_use.as_deref() == row.last_use;
        if is_as_it_was {
            record.clear();
            record.put_columns(row.all);
            return Ok(());
        }
        let_go.parts += parts;
        let_go.cells += cells;
        if last_use.is_none() && subject == Subject::Device {
            row.values[VALUE] = row.values[VALUE].min(SAYS_NOTHING);
        }
        self.put_claim(subject, &row, &fields, last_use.as_deref(), record)
    }

    fn put_claim(
        &self,
        subject: Subject,
        row: &ClaimRow,
        fields: &Fields,
        last_use: Option<&[u8]>,
        record: &mut Record,
    ) -> Result<()> {
        let Stored { newest, others, .. } = &row.stored;
        let all = || std::iter::once(newest).chain(others.iter().map(|(part, _)| part));
        let mut last_seen = NEVER;
        for part in all() {
            if self.ledger.shape(part.shape)?.carries_last_seen() {
                last_seen = part.last_seen;
                break;
            }
        }
        let first = all().fold(newest.first, |first, part| {
            self.ledger.earlier(first, part.first)
        });
        let mut parts = Vec::new();
        let values = &row.values[..values_of(subject)];
        row.stored.put(values, last_seen, &mut parts);
        let head = Head {
            owner: None,
            class: Class::Unknown,
            flags: row.flags & flag::HELD,
            last_seen: Some(last_seen).filter(|last_seen| *last_seen != NEVER),
            newest: *newest,
            first,
            parts: &parts,
            last_use,
        };
        let mut text = Record::default();
        fields.put(&mut text);
        head.put(record);
        record.put_columns(text.columns());
        Ok(())
    }

    /// Clears fields that only rows carried which are let go; keys are the claim's own.
    fn clear_uncarried(
        &self,
        subject: Subject,
        row: &mut ClaimRow,
        fields: &mut Fields,
    ) -> Result<()> {
        let mut shapes = vec![self.ledger.shape(row.stored.newest.shape)?];
        for (part, _) in &row.stored.others {
            shapes.push(self.ledger.shape(part.shape)?);
        }
        let is_carried = |at: usize| shapes.iter().any(|shape| shape.carries(at));
        let mut value = 0;
        for (at, field) in subject.fields().iter().enumerate() {
            let is_value = matches!(field.kind, FieldType::Identifier(_))
                || (subject == Subject::Device && at == device_field::LAST_LOGIN);
            if !matches!(field.kind, FieldType::Key(_)) && !is_carried(at) {
                fields.values[at] = Value::Null;
                if is_value {
                    row.values[value] = NOT_CARRIED;
                }
            }
            value += usize::from(is_value);
        }
        fields.keep_extra(|name, _| shapes.iter().any(|shape| shape.carries_extra(name)));
        Ok(())
    }
    /// Returns what is to be stored of a device's last use, by the new numbers of claims; the name of somebody who was
    /// erased is cleared.
    fn last_use(
        &self,
        row: &ClaimRow,
        accounts: &Fates,
        fields: &mut Fields,
        cells: &mut u64,
    ) -> Result<Option<Vec<u8>>> {
        let Some(stored) = row.last_use else {
            return Ok(None);
        };
        let name = fields.values[device_field::LAST_LOGIN].text();
        let Some(name) = name.filter(|name| !self.erased.has_name(name)) else {
            *cells += u64::from(name.is_some());
            fields.values[device_field::LAST_LOGIN] = Value::Null;
            return Ok(None);
        };
        let newest = &row.stored.newest;
        let read = LastUse::read(stored, newest, &self.ledger);
        let (mut last_use, mut hash) = read.ok_or(damaged("a last use"))?;
        if let Some(account) = last_use.account {
            last_use.account = accounts.new_id(account);
            let normal = normal_form(Kind::AccountName, name);
            hash = normal.map_or(0, |normal| Hash::of(&normal).high);
        }
        let mut bytes = Vec::new();
        last_use.put(newest, &self.ledger, hash, &mut bytes);
        Ok(Some(bytes))
    }

    /// Notes which shared texts a row needs.
    fn note_used(&self, subject: Subject, row: Columns, used: &mut Bits) -> Result<()> {
        let mut text = row;
        text.skip(HEAD_COLUMNS.len() + 1)?;
        for field in subject.fields() {
            let value = text.take()?;
            let (Some(number), true) = (value.integer(), field.kind != FieldType::Time) else {
                continue;
            };
            used.set(text_of(number));
        }
        Ok(())
    }
}
