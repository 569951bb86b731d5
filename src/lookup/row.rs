//! Rows of `account` and `device`, and what an answer shows of them.

use std::borrow::Cow;

use jiff::Timestamp;

use super::found::{Account, Device};
use super::query::{Probe, field_kind};
use super::reader::{Reader, row_time};
use super::select::Selected;
use super::tables::SUBJECT_COLUMNS;
use crate::identifier::{self, Kind};
use crate::schema::{
    Class, FieldType, NAME, NOBODY, SECOND, STRONG, Subject, account_field, flag, shared_text,
    uuid_text,
};
use crate::sealed::{is_sealed, is_whole, shown, stored_form};
use crate::sqlite::{self, Value};

/// When a row was last seen, and where its newest row in an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) last_seen: Option<Timestamp>,
    pub(super) object: u32,
    pub(super) row: u32,
}

/// A stored row: a subject, or a claim that one is made of.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) subject: Subject,
    pub(super) id: u32,
    owner: Option<u32>,
    pub(super) class: Class,
    flags: u8,
    pub(super) seen: Seen,
    /// The object that told of it first.
    pub(super) first: u32,
    /// The text fields in the order of [`Subject::fields`]; the last of those is a time.
    texts: Vec<Option<String>>,
    first_seen: Option<Timestamp>,
}

/// What tells rows apart.
pub(super) type SubjectId = (Subject, u32);

impl Row {
    /// Reads a row; `None` when there is none.
    pub(super) fn read(reader: &Reader, subject: Subject, id: u32) -> sqlite::Result<Option<Row>> {
        let select = &reader.tables.subjects[subject];
        reader.row(select, i64::from(id), |row| {
            Row::of(reader, row, subject, id)
        })
    }

    fn of(reader: &Reader, row: &Selected, subject: Subject, id: u32) -> sqlite::Result<Row> {
        const BEFORE: usize = SUBJECT_COLUMNS;
        let texts = subject.fields().len() - 1;
        let seen = Seen {
            last_seen: row_time(row.optional(3)?),
            object: row.number(4)?,
            row: row.number(5)?,
        };
        // A list that is collected from what may fail grows step by step.
        let mut shown = Vec::with_capacity(texts);
        for at in 0..texts {
            shown.push(text(reader, row.value(BEFORE + at)?)?);
        }
        Ok(Row {
            subject,
            id,
            owner: row.optional(0)?,
            class: Class::from_code(row.number(1)?).unwrap_or(Class::Unknown),
            flags: row.number(2)?,
            seen,
            first: row.number(6)?,
            texts: shown,
            first_seen: row_time(row.optional(BEFORE + texts)?),
        })
    }

    /// Returns what tells it from every other row.
    pub(super) fn key(&self) -> SubjectId {
        (self.subject, self.id)
    }

    /// Returns the id of the subject that the row belongs to; `None`: nobody.
    pub(super) fn subject_id(&self) -> Option<u32> {
        Some(self.owner.unwrap_or(self.id)).filter(|id| *id != NOBODY)
    }

    /// Returns the value by which it fits a probe.
    pub(super) fn value(&self, probe: &Probe) -> Option<&str> {
        let kind = field_kind(probe.kind);
        let fields = self.subject.fields().iter().zip(&self.texts);
        let mut values = fields.filter_map(|(field, text)| match field.kind {
            FieldType::Key(held) | FieldType::Identifier(held) if held == kind => text.as_deref(),
            _ => None,
        });
        values.find(|value| probe.is_held_as(value))
    }

    /// Tells whether it has a value of a kind, given in normal form.
    pub(super) fn holds(&self, kind: Kind, normal: &str) -> bool {
        self.values(kind)
            .any(|value| value == normal || is_whole(&value, normal))
    }

    /// Returns its values of a kind, in normal form, or sealed.
    fn values(&self, kind: Kind) -> impl Iterator<Item = Cow<'_, str>> {
        let fields = self.subject.fields().iter().zip(&self.texts);
        fields.filter_map(move |(field, text)| match field.kind {
            FieldType::Key(held) | FieldType::Identifier(held) if held == kind => {
                stored_form(kind, text.as_deref()?).ok()
            }
            _ => None,
        })
    }

    /// Tells whether it has any value of a kind: what is only kept for display, a hashed UPN say, is none.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.values(kind).next().is_some()
    }

    /// Returns its uid, its SID or collector uid, and its account name or device name.
    pub(super) fn ids_and_name(&self) -> [Option<&str>; 3] {
        let fields = match self.subject {
            Subject::Account => [SECOND, STRONG, NAME],
            Subject::Device => [STRONG, SECOND, NAME],
        };
        fields.map(|field| self.texts[field].as_deref().filter(|text| !is_sealed(text)))
    }

    /// Returns an account's name and its UPNs, in normal form, or sealed.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let kinds = [Kind::AccountName, Kind::Upn].into_iter();
        kinds.flat_map(|kind| self.values(kind).map(Cow::into_owned))
    }

    /// Returns what the person is called whose account it is.
    pub(super) fn full_name(&self) -> Option<&str> {
        match self.subject {
            Subject::Account => {
                let name = self.texts[account_field::FULL_NAME].as_deref();
                name.filter(|name| !is_sealed(name))
            }
            Subject::Device => None,
        }
    }

    /// Tells whether its SID proves nothing by itself.
    pub(super) fn has_weak_sid(&self) -> bool {
        let sid = self.texts[STRONG].as_deref();
        let normal = sid.and_then(|sid| stored_form(Kind::Sid, sid).ok());
        // Of one that is sealed, the flag says it.
        let is_key = normal.is_some_and(|sid| is_sealed(&sid) || identifier::is_key_sid(&sid));
        let says_local = self.class == Class::Local;
        self.subject == Subject::Account
            && (!is_key || says_local || self.flags & flag::LOCAL_SID != 0)
    }

    /// Tells whether the newest object that lists all that there is does not have it.
    pub(super) fn is_gone(&self) -> bool {
        self.flags & flag::GONE != 0
    }

    /// Tells whether usages of it wait.
    pub(super) fn is_waited_for(&self) -> bool {
        self.flags & flag::WAITED_FOR != 0
    }

    /// Tells whether usages wait, newer than itself, that name it with another SID or uid.
    pub(super) fn is_namesake_waiting(&self) -> bool {
        self.flags & flag::NAMESAKE_WAITS != 0
    }

    /// Returns when it was first seen.
    pub(super) fn first_seen(&self) -> Option<Timestamp> {
        self.first_seen
    }

    /// Returns when it was last seen.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        self.seen.last_seen
    }

    /// Shows an account's row.
    pub(super) fn into_account(self) -> Account {
        let last_seen = self.last_seen();
        let mut texts = self.texts.into_iter().map(shown);
        let mut next = || texts.next().flatten();
        let [sid, uid, account_name, upn, email, full_name] = std::array::from_fn(|_| next());
        let [_type, _upn_privacy, _ad_username] = std::array::from_fn(|_| next());
        let [department, job_title] = std::array::from_fn(|_| next());
        Account {
            uid,
            account_name,
            sid,
            upn,
            email,
            full_name,
            department,
            job_title,
            class: self.class,
            first_seen: self.first_seen,
            last_seen,
        }
    }

    /// Shows a device's row.
    pub(super) fn into_device(self) -> Device {
        let last_seen = self.last_seen();
        let mut texts = self.texts.into_iter().map(shown);
        let mut next = || texts.next().flatten();
        let [uid, collector_uid, name] = std::array::from_fn(|_| next());
        let [serial_number, _chassis_serial, _bios_serial] = std::array::from_fn(|_| next());
        let [kind, manufacturer, model, os] = std::array::from_fn(|_| next());
        let [_platform, entity] = std::array::from_fn(|_| next());
        Device {
            uid,
            collector_uid,
            name,
            serial_number,
            kind,
            manufacturer,
            model,
            os,
            entity,
            first_seen: self.first_seen,
            last_seen,
        }
    }
}

/// Reads a stored text: as it is, a number (see `shared_text`), or the bytes of a UUID.
pub(super) fn text(reader: &Reader, value: Value) -> sqlite::Result<Option<String>> {
    match value {
        Value::Integer(stored) => {
            let text = |id| -> sqlite::Result<_> { Ok(reader.text(id)?.map(Cow::Owned)) };
            Ok(shared_text(stored, text)?.map(Cow::into_owned))
        }
        Value::Blob(bytes) => Ok(uuid_text(bytes)),
        Value::Text(text) => Ok(Some(text.to_owned())),
        Value::Null => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row in which every field holds its own name.
    fn named(subject: Subject) -> Row {
        let fields = subject.fields();
        let texts = fields[..fields.len() - 1].iter();
        Row {
            subject,
            id: 1,
            owner: None,
            class: Class::Person,
            flags: 0,
            seen: Seen {
                last_seen: None,
                object: 1,
                row: 1,
            },
            first: 1,
            texts: texts.map(|field| Some(field.name.to_owned())).collect(),
            first_seen: None,
        }
    }

    #[test]
    fn every_field_is_shown_under_its_own_name() {
        let account = named(Subject::Account).into_account();
        assert_eq!(account.uid.as_deref(), Some("uid"));
        assert_eq!(account.account_name.as_deref(), Some("name"));
        assert_eq!(account.sid.as_deref(), Some("sid"));
        assert_eq!(account.upn.as_deref(), Some("upn"));
        assert_eq!(account.email.as_deref(), Some("email"));
        assert_eq!(account.full_name.as_deref(), Some("full_name"));
        assert_eq!(account.department.as_deref(), Some("department"));
        assert_eq!(account.job_title.as_deref(), Some("job_title"));
        let device = named(Subject::Device).into_device();
        assert_eq!(device.uid.as_deref(), Some("uid"));
        assert_eq!(device.collector_uid.as_deref(), Some("collector_uid"));
        assert_eq!(device.name.as_deref(), Some("name"));
        assert_eq!(device.serial_number.as_deref(), Some("serial"));
        assert_eq!(device.kind.as_deref(), Some("type"));
        assert_eq!(device.manufacturer.as_deref(), Some("manufacturer"));
        assert_eq!(device.model.as_deref(), Some("model"));
        assert_eq!(device.os.as_deref(), Some("os"));
        assert_eq!(device.entity.as_deref(), Some("entity"));
    }
}
