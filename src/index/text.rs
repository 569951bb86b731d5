//! The text of a claim's row as the index stores it: the fields of its subject and what no field takes, as columns that
//! can be copied from file to file.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

use foldhash::fast::RandomState;
use serde_json::{Map, Value as Json};

use super::erased::Erased;
use super::error::{Error, Result, damaged};
use crate::identifier::Kind;
use crate::observation::{Batch, Described, Layout};
use crate::schema::{
    DOMAIN_SID, FieldType, NAME, Subject, device_field, domain_and_rid, shared_text, stored_sid,
    stored_time, uuid_bytes, uuid_text,
};
use crate::sealed::is_sealed;
use crate::sqlite::{Columns, Record, Rows, Table, Value};

/// Texts that are stored once; beyond, a text stands in each row that has it.
const SHARED_AT_MOST: usize = 100_000;
/// Domains of SIDs among them: a computer is the domain of its own accounts, and one more text for each saves nothing.
const DOMAINS_AT_MOST: usize = 4_096;
/// A longer text is not shared.
const SHARED_BYTES_AT_MOST: usize = 200;

/// Texts that many rows have alike, each with an id that never changes.
#[derive(Default)]
pub(super) struct Texts {
    by_id: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32, RandomState>,
    /// How many of them are domains of SIDs.
    domains: usize,
}

impl Texts {
    /// Reads those of the last generation.
    pub(super) fn load(mut rows: Rows) -> Result<Texts> {
        let mut texts = Texts::default();
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let text = columns
                .take()?
                .text()
                .ok_or(damaged("a shared text is none"))?;
            texts.add(text);
        }
        Ok(texts)
    }

    fn add(&mut self, text: &str) -> u32 {
        let id = self.by_id.len() as u32 + 1;
        self.domains += usize::from(text.starts_with(DOMAIN_SID));
        self.by_id.push(text.into());
        self.ids.insert(text.into(), id);
        id
    }

    /// Returns the id of a text; none where it cannot be shared any more.
    fn id_of(&mut self, text: &str) -> Option<u32> {
        let known = self.ids.get(text).copied();
        known.or_else(|| {
            let is_shared = self.by_id.len() < SHARED_AT_MOST && text.len() <= SHARED_BYTES_AT_MOST;
            is_shared.then(|| self.add(text))
        })
    }

    fn put(&mut self, text: &str, into: &mut Record) {
        match self.id_of(text) {
            Some(id) => into.put_integer(i64::from(id)),
            None => into.put_text(text),
        }
    }

    fn put_sid(&mut self, sid: &str, into: &mut Record) {
        match domain_and_rid(sid).and_then(|(domain, rid)| Some((self.id_of_domain(domain)?, rid)))
        {
            Some((domain, rid)) => into.put_integer(stored_sid(domain, rid)),
            None => into.put_text(sid),
        }
    }

    fn id_of_domain(&mut self, domain: &str) -> Option<u32> {
        let known = self.ids.get(domain).copied();
        known.or_else(|| {
            (self.domains < DOMAINS_AT_MOST)
                .then(|| self.id_of(domain))
                .flatten()
        })
    }

    /// Returns a stored value as text.
    pub(super) fn shown<'a>(&'a self, value: Value<'a>) -> Option<Cow<'a, str>> {
        match value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Integer(stored) => {
                let text = |id: i64| {
                    let at = usize::try_from(id - 1).ok();
                    let text = at.and_then(|at| self.by_id.get(at));
                    Ok::<_, Infallible>(text.map(|text| Cow::Borrowed(&**text)))
                };
                let Ok(text) = shared_text(stored, text);
                text
            }
            Value::Blob(bytes) => uuid_text(bytes).map(Cow::Owned),
            Value::Null => None,
        }
    }

    /// Writes them in the order of their ids, from 1 on; one that is not to be kept says nothing.
    pub(super) fn write(&self, is_kept: impl Fn(u32) -> bool, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        for (id, text) in (1..).zip(&self.by_id) {
            record.clear();
            record.put_null();
            record.put_text(if is_kept(id) { text } else { "" });
            table.push(i64::from(id), &record)?;
        }
        Ok(())
    }
}

/// Returns the id of the shared text in a stored value: of a SID, that of its domain.
pub(super) fn text_of(stored: i64) -> u32 {
    match stored >> 32 {
        0 => stored as u32,
        domain => domain as u32,
    }
}

/// Puts a row's fields into a record, and what no field takes.
pub(super) fn put_row(
    (texts, erased): (&mut Texts, &Erased),
    subject: Subject,
    (batch, layout): (&Batch, &Layout),
    row: &Described,
    into: &mut Record,
) {
    into.clear();
    for (at, field) in subject.fields().iter().enumerate() {
        // A key that says nothing (a placeholder, a nil UUID) is none.
        let is_said = at > NAME || row.said & 1 << at != 0;
        let is_user = subject == Subject::Device && at == device_field::LAST_LOGIN;
        let text = || {
            let text = batch.text(layout, at, row.record).filter(|_| is_said);
            // What looks like a sealed value is none of ours.
            let text = text.filter(|text| !is_sealed(text));
            text.filter(|text| !(is_user && erased.has_name(text)))
        };
        match field.kind {
            FieldType::Time => into.put_optional(row.first_seen.map(stored_time)),
            kind => match text() {
                Some(text) => put_text(texts, kind, text, into),
                None => into.put_null(),
            },
        }
    }
    into.put_optional_text(extra_of((batch, layout), row.record, erased).as_deref());
}

/// Returns what no field takes of a row, as a JSON object, without what told of somebody who was erased.
pub(super) fn extra_of(
    (batch, layout): (&Batch, &Layout),
    record: u32,
    erased: &Erased,
) -> Option<String> {
    if layout.extra.is_empty() {
        return None;
    }
    batch.extra(layout, record, |value| !erased.has_value(value))
}

fn put_text(texts: &mut Texts, kind: FieldType, text: &str, into: &mut Record) {
    match kind {
        FieldType::Key(kind) if kind.is_uuid() => match uuid_bytes(text) {
            Some(bytes) => into.put_blob(&bytes),
            None => into.put_text(text),
        },
        FieldType::Key(Kind::Sid) => texts.put_sid(text, into),
        FieldType::Shared => texts.put(text, into),
        _ => into.put_text(text),
    }
}

/// The fields of a row, read.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    /// In the order of `Subject::fields`.
    pub(super) values: Vec<Value<'a>>,
    /// A JSON object.
    pub(super) extra: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    /// Reads a row's text.
    pub(super) fn read(subject: Subject, mut text: Columns<'a>) -> Result<Fields<'a>> {
        let mut values = Vec::with_capacity(subject.fields().len());
        for _ in subject.fields() {
            values.push(text.take()?);
        }
        Ok(Fields {
            values,
            extra: text.take()?.text().map(Cow::Borrowed),
        })
    }

    /// Begins with fields that say nothing.
    pub(super) fn nothing(subject: Subject) -> Fields<'a> {
        Fields {
            values: vec![Value::Null; subject.fields().len()],
            extra: None,
        }
    }

    /// Takes in what a newer row says: each field that it carries; keys are never cleared.
    pub(super) fn overlay(&mut self, subject: Subject, shape: &Shape, newer: &Fields<'a>) {
        for (at, field) in subject.fields().iter().enumerate() {
            let is_key = matches!(field.kind, FieldType::Key(_));
            let said = newer.values[at];
            if shape.carries(at) && (said != Value::Null || !is_key) {
                self.values[at] = said;
            }
        }
        if !shape.extra.is_empty() {
            self.extra = merged_extra(self.extra.as_deref(), shape, newer.extra.as_deref());
        }
    }

    /// Keeps only some of what no field takes, by name and value; returns how many are left out.
    pub(super) fn keep_extra(&mut self, keep: impl Fn(&str, &str) -> bool) -> u64 {
        let Some(extra) = self.extra.as_deref() else {
            return 0;
        };
        let mut read: Map<String, Json> = serde_json::from_str(extra).unwrap_or_default();
        let before = read.len();
        read.retain(|name, value| keep(name, value.as_str().unwrap_or_default()));
        let left_out = before - read.len();
        if left_out > 0 {
            self.extra = (!read.is_empty()).then(|| Cow::Owned(Json::Object(read).to_string()));
        }
        left_out as u64
    }

    /// Returns the names of what no field takes.
    pub(super) fn extra_names(&self) -> Vec<String> {
        let extra = self.extra.as_deref();
        let read = extra.and_then(|extra| serde_json::from_str::<Map<String, Json>>(extra).ok());
        let names = read.into_iter().flatten();
        names.map(|(name, _)| name).collect()
    }

    /// Puts them into a record.
    pub(super) fn put(&self, into: &mut Record) {
        into.clear();
        self.values.iter().for_each(|value| into.put(*value));
        into.put_optional_text(self.extra.as_deref());
    }
}

fn merged_extra<'a>(old: Option<&str>, shape: &Shape, new: Option<&str>) -> Option<Cow<'a, str>> {
    let read = |text: Option<&str>| -> Map<String, Json> {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default()
    };
    let (mut merged, mut said) = (read(old), read(new));
    for name in &shape.extra {
        match said.remove(name) {
            Some(value) => merged.insert(name.clone(), value),
            None => merged.remove(name),
        };
    }
    (!merged.is_empty()).then(|| Cow::Owned(Json::Object(merged).to_string()))
}

/// The columns that an object carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    /// Bits in the order of the fields of its dataset; `last_seen` comes last.
    fields: u32,
    last_seen: bool,
    /// Names of columns that no field takes.
    extra: Vec<String>,
}

impl Shape {
    /// Reads the names that `observation::Layout::shape` lists.
    pub(super) fn of(subject: Subject, names: &[String]) -> Shape {
        let carries = |name: &str| names.iter().any(|known| known == name);
        let fields = (0..).zip(subject.fields());
        let fields = fields.map(|(at, field)| u32::from(carries(field.name)) << at);
        Shape {
            fields: fields.sum(),
            last_seen: carries("last_seen"),
            extra: names
                .iter()
                .filter_map(|name| name.strip_prefix('+').map(str::to_owned))
                .collect(),
        }
    }

    /// Tells whether the object carried a field.
    pub(super) fn carries(&self, field: usize) -> bool {
        self.fields >> field & 1 != 0
    }

    /// Tells whether the object carried `last_seen`.
    pub(super) fn carries_last_seen(&self) -> bool {
        self.last_seen
    }

    /// Tells whether the object carried a column that no field takes.
    pub(super) fn carries_extra(&self, name: &str) -> bool {
        self.extra.iter().any(|known| known == name)
    }

    /// Tells whether all that another object carried is carried here, too.
    pub(super) fn covers(&self, other: &Shape) -> bool {
        self.fields & other.fields == other.fields
            && other.extra.iter().all(|name| self.extra.contains(name))
    }
}

/// The error of a row whose text is not what was stored.
pub(super) fn no_text() -> Error {
    damaged("a row has no text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_newer_row_clears_what_it_carries_but_no_key_and_no_other_column() {
        let subject = Subject::Account;
        let shape = Shape::of(subject, &names(&["sid", "name", "upn", "+team", "+desk"]));
        assert!(!shape.carries_last_seen());
        let mut old = Fields::nothing(subject);
        old.values[0] = Value::Text("S-1");
        old.values[2] = Value::Text("a@E");
        old.values[3] = Value::Text("a@x.example");
        old.values[4] = Value::Text("mail@x.example");
        old.extra = Some(r#"{"desk":"4","team":"Blue","floor":"2"}"#.into());
        let mut newer = Fields::nothing(subject);
        newer.values[2] = Value::Text("A@E");
        newer.extra = Some(r#"{"team":"Green"}"#.into());
        old.overlay(subject, &shape, &newer);
        let shown: Vec<_> = old
            .values
            .iter()
            .map(|value| value.text())
            .take(5)
            .collect();
        assert_eq!(
            shown,
            [Some("S-1"), None, Some("A@E"), None, Some("mail@x.example")]
        );
        assert_eq!(
            old.extra.as_deref(),
            Some(r#"{"floor":"2","team":"Green"}"#)
        );
        let other = Shape::of(subject, &names(&["sid", "+team", "last_seen"]));
        assert!(shape.covers(&other) && !other.covers(&shape));
    }

    #[test]
    fn shared_texts_keep_their_ids() {
        let mut texts = Texts::default();
        let mut record = Record::default();
        for text in ["laptop", "desktop", "laptop", "1"] {
            texts.put(text, &mut record);
        }
        let mut columns = record.columns();
        let read: Vec<_> = (0..4)
            .map(|_| texts.shown(columns.take().unwrap()).unwrap().into_owned())
            .collect();
        assert_eq!(read, ["laptop", "desktop", "laptop", "1"]);
        assert_eq!(texts.by_id.len(), 3);
        for none in [0, -1, 9, 9 << 32, i64::MIN] {
            assert_eq!(texts.shown(Value::Integer(none)), None);
        }
    }
}
