//! Projections: a generation written anew for readers who are to find whom they can name, and read nobody else: what is not to be
//! shown is sealed where something is found by it, and left out where nothing is.
//!
//! Hashes, times and references stay, so a lookup finds in it what it finds in the whole, with the same doubts. What only the
//! next generation needs is not in it: none is made of it.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use serde_json::Value as Json;

use super::bits::Bits;
use super::building::{Building, write_meta};
use super::error::{Error, Result};
use super::last::{Last, PROJECTION};
use super::make::create;
use super::text::{Texts, text_of};
use crate::identifier::{self, Kind, normal_form};
use crate::schema::{
    BySubject, FieldType, HEAD_COLUMNS, STRONG, Subject, USAGE_DEVICE_FIELDS, USER_VERSION, flag,
};
use crate::sealed::{is_sealed, seal, seal_user, seal_word};
use crate::sqlite::{Columns, Record, Table, Value};

/// What a projection shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownFields {
    fields: BySubject<Vec<&'static str>>,
}

impl ShownFields {
    /// What a bot needs for the next call: the account's uid; which device it is, and of what sort.
    pub fn of_a_bot() -> ShownFields {
        ShownFields {
            fields: BySubject {
                account: vec!["uid"],
                device: vec!["uid", "collector_uid", "name", "type", "os"],
            },
        }
    }

    /// Shows other fields of accounts, or devices.
    ///
    /// # Errors
    /// The first name that is none of a text field.
    pub fn show<'n>(
        &mut self,
        subject: Subject,
        names: impl Iterator<Item = &'n str>,
    ) -> std::result::Result<(), &'n str> {
        let mut fields = Vec::new();
        for name in names {
            let known = subject.texts().find(|known| *known == name);
            fields.push(known.ok_or(name)?);
        }
        self.fields[subject] = fields;
        Ok(())
    }

    fn shows(&self, subject: Subject, field: &str) -> bool {
        self.fields[subject].contains(&field)
    }

    /// Returns the mark of a projection of the generation whose file is called so.
    pub fn mark(&self, of: &str) -> String {
        let [accounts, devices] =
            [Subject::Account, Subject::Device].map(|subject| self.fields[subject].join(","));
        /// Of the way in which values are sealed and left out.
        const VERSION: u32 = 1;
        format!("{of} {VERSION} {accounts};{devices}")
    }
}

/// Returns the mark of a projection: of which generation it is, and what it shows; none where a generation is no projection.
///
/// # Errors
/// When it cannot be read.
pub fn mark_of(path: &Path) -> Result<Option<String>> {
    Ok(Last::open(path)?.meta.remove(PROJECTION))
}

/// Writes a projection of the generation at `from`, whose file is called `of`, as a file at `to`. It is not made durable.
///
/// # Errors
/// When the generation cannot be read, or the file not be written.
pub fn project(from: &Path, of: &str, shown: &ShownFields, to: &Path) -> Result<File> {
    let last = Last::open_whole(from)?;
    if last.is_outdated() {
        return Err(Error::Older {
            path: from.display().to_string(),
            found: last.reader.user_version,
            known: USER_VERSION,
        });
    }
    let projecting = Projecting {
        texts: Texts::load(last.reader.rows("text")?)?,
        last: &last,
        shown,
    };
    projecting.write(Building::new(create(to)?)?, &shown.mark(of))
}

/// Columns of `usage` before those of the device.
const HEAD_OF_USAGE: usize = 10;

/// The columns of `object` behind its id.
const OBJECT_COLUMNS: [&str; 20] = [
    "source",
    "key",
    "e_tag",
    "version",
    "size_bytes",
    "modified_at",
    "observed_at",
    "observed_from",
    "blake3",
    "state",
    "dataset",
    "shape",
    "rows_read",
    "rows_stored",
    "rows_unchanged",
    "rows_superseded",
    "rows_rejected",
    "identifiers_refused",
    "upns_hashed",
    "loaded_generation",
];

struct Projecting<'p> {
    last: &'p Last,
    texts: Texts,
    shown: &'p ShownFields,
}

impl Projecting<'_> {
    fn write(&self, mut building: Building, mark: &str) -> Result<File> {
        let mut used = Bits::default();
        for subject in Subject::ALL {
            building.table(subject.table(), |table| {
                self.subjects(subject, &mut used, table)
            })?;
        }
        let by_device = building.table("usage", |table| self.usages(table))?;
        building.index(("usage_by_device", "usage"), by_device)?;
        building.table("waiting", |table| self.waiting(table))?;
        building.table("identifier", |table| self.last.copy("identifier", table))?;
        for (name, index, at) in [
            ("crowd", "crowd_by_hash", [1, 2]),
            ("held", "held_by_hash", [1, 2]),
        ] {
            let by_hash = building.table(name, |table| self.copy_with_index(name, at, table))?;
            building.index((index, name), by_hash)?;
        }
        building.table("text", |table| self.texts.write(|id| used.has(id), table))?;
        building.table("object", |table| self.objects(table))?;
        for name in ["mention", "last_login", "reject", "shape", "day"] {
            building.table(name, |_| Ok(()))?;
        }
        building.table("meta", |table| self.meta(mark, table))?;
        building.finish_without_views()
    }

    fn subjects(&self, subject: Subject, used: &mut Bits, table: &mut Table) -> Result<()> {
        let mut rows = self.last.reader.rows(subject.table())?;
        let mut record = Record::default();
        while let Some((id, columns)) = rows.next()? {
            self.put_subject(subject, columns, used, &mut record)?;
            table.push(id, &record)?;
        }
        Ok(())
    }

    fn put_subject(
        &self,
        subject: Subject,
        mut row: Columns,
        used: &mut Bits,
        record: &mut Record,
    ) -> Result<()> {
        let mut text = row;
        text.skip(HEAD_COLUMNS.len() + 1)?;
        let (owner, class, flags) = {
            row.skip(1)?;
            (row.take()?, row.take()?, row.take()?)
        };
        let mut flags = flags.integer().unwrap_or_default();
        if subject == Subject::Account && !self.is_key_sid(text)? {
            // Once it is sealed, nothing else tells.
            flags |= i64::from(flag::LOCAL_SID);
        }
        record.clear();
        record.put_null();
        record.put(owner);
        record.put(class);
        record.put_integer(flags);
        let [last_seen, object, number, first] =
            [row.take()?, row.take()?, row.take()?, row.take()?];
        for value in [last_seen, object, number, first] {
            record.put(value);
        }
        record.put_blob(&[]);
        record.put_null();
        // What a claim said once, or who is gone, no answer shows.
        let is_shown = owner == Value::Null && flags & i64::from(flag::GONE) == 0;
        for field in subject.fields() {
            let value = text.take()?;
            match is_shown && self.shown.shows(subject, field.name) {
                true => {
                    if let Value::Integer(stored) = value {
                        used.set(text_of(stored));
                    }
                    record.put(value);
                }
                false => self.put_hidden(field.kind, value, record),
            }
        }
        record.put_null();
        Ok(())
    }

    fn put_hidden(&self, kind: FieldType, value: Value, record: &mut Record) {
        match kind {
            FieldType::Time => record.put(value),
            FieldType::Key(kind) | FieldType::Identifier(kind) => {
                let text = self.texts.shown(value);
                let sealed = text.and_then(|text| match is_sealed(&text) {
                    true => Some(text.into_owned()),
                    false => seal(kind, &text),
                });
                record.put_optional_text(sealed.as_deref());
            }
            _ => record.put_null(),
        }
    }

    fn is_key_sid(&self, mut text: Columns) -> Result<bool> {
        text.skip(STRONG)?;
        let sid = self.texts.shown(text.take()?);
        let normal = sid.and_then(|sid| Some(normal_form(Kind::Sid, &sid).ok()?.into_owned()));
        Ok(normal.is_some_and(|sid| identifier::is_key_sid(&sid)))
    }

    /// Writes the usages; returns their ids by device.
    fn usages(&self, table: &mut Table) -> Result<Vec<[i64; 2]>> {
        let mut rows = self.last.reader.rows("usage")?;
        let (mut record, mut by_device) = (Record::default(), Vec::new());
        while let Some((id, mut columns)) = rows.next()? {
            record.clear();
            for _ in 0..HEAD_OF_USAGE {
                record.put(columns.take()?);
            }
            for field in USAGE_DEVICE_FIELDS {
                let value = columns.take()?;
                let is_shown = field == "first_seen" || self.shown.shows(Subject::Device, field);
                record.put(if is_shown { value } else { Value::Null });
            }
            record.put(columns.take()?);
            record.put_null();
            table.push(id, &record)?;
            by_device.push([id & i64::from(u32::MAX), id]);
        }
        by_device.sort_unstable();
        Ok(by_device)
    }

    /// Writes what waits; of the names in it only what tells namesakes, sealed.
    fn waiting(&self, table: &mut Table) -> Result<()> {
        let mut rows = self.last.reader.rows("waiting")?;
        let mut record = Record::default();
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let counts = [columns.take()?, columns.take()?];
            let mentions = columns.take()?.text().unwrap_or_default();
            let mentions: Vec<[Json; 3]> = serde_json::from_str(mentions)
                .map_err(|_| Error::Inconsistent("what waits is no list"))?;
            let sealed = mentions.into_iter().map(|[user, _, state]| {
                let user = sealed_user(user.as_str().unwrap_or_default());
                serde_json::json!([user, "", state])
            });
            let sealed: Vec<Json> = sealed.collect();
            record.clear();
            record.put_null();
            counts.into_iter().for_each(|count| record.put(count));
            record.put_text(&Json::from(sealed).to_string());
            table.push(id, &record)?;
        }
        Ok(())
    }

    /// Writes of objects what evidence says of them.
    fn objects(&self, table: &mut Table) -> Result<()> {
        const KEPT: [&str; 3] = ["key", "observed_at", "dataset"];
        let mut rows = self.last.reader.rows("object")?;
        let mut record = Record::default();
        while let Some((id, mut columns)) = rows.next()? {
            columns.skip(1)?;
            record.clear();
            record.put_null();
            for name in OBJECT_COLUMNS {
                let value = columns.take()?;
                record.put(match value {
                    value if KEPT.contains(&name) => value,
                    Value::Text(_) => Value::Text(""),
                    Value::Blob(_) => Value::Blob(&[]),
                    _ => Value::Integer(0),
                });
            }
            table.push(id, &record)?;
        }
        Ok(())
    }

    fn meta(&self, mark: &str, table: &mut Table) -> Result<()> {
        let meta = self.last.meta.iter();
        // Who was erased is known where generations are made.
        let meta = meta.filter(|(key, _)| *key != "erasures" && *key != "class_patterns");
        let own = [("erasures", "0"), (PROJECTION, mark)];
        let meta = meta.map(|(key, value)| {
            let value = match key.as_str() {
                "domains" => Cow::Owned(sealed_lines(value)),
                _ => Cow::Borrowed(value.as_str()),
            };
            (key.as_str(), value)
        });
        let own = own.map(|(key, value)| (key, Cow::Borrowed(value)));
        write_meta(meta.chain(own), table)
    }

    /// Copies a table; returns the numbers in two of its columns with the ids, in order.
    fn copy_with_index(
        &self,
        name: &str,
        at: [usize; 2],
        table: &mut Table,
    ) -> Result<Vec<[i64; 3]>> {
        let mut rows = self.last.reader.rows(name)?;
        let (mut record, mut entries) = (Record::default(), Vec::new());
        while let Some((id, columns)) = rows.next()? {
            record.clear();
            record.put_columns(columns);
            table.push(id, &record)?;
            let mut numbers = [0; 2];
            for (number, at) in numbers.iter_mut().zip(at) {
                let mut columns = columns;
                columns.skip(at)?;
                *number = columns.take()?.integer().unwrap_or_default();
            }
            entries.push([numbers[0], numbers[1], id]);
        }
        entries.sort_unstable();
        Ok(entries)
    }
}

fn sealed_lines(lines: &str) -> String {
    let sealed: Vec<String> = lines.lines().map(seal_word).collect();
    sealed.join("\n")
}

/// Seals what stands before the `@` of a user's name, which comes behind its other keys.
fn sealed_user(keys: &str) -> String {
    if is_sealed(keys) {
        return keys.to_owned();
    }
    let mut name = keys;
    while let Some((first, rest)) = name.split_once(' ') {
        match is_id(first) {
            true => name = rest,
            false => break,
        }
    }
    match name.is_empty() || is_id(name) {
        true => String::new(),
        false => seal_user(name),
    }
}

fn is_id(word: &str) -> bool {
    [Kind::Sid, Kind::Uid]
        .iter()
        .any(|kind| normal_form(*kind, word).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::INDEX_SQL;

    fn columns_of(table: &str) -> Vec<&'static str> {
        let begin = format!("CREATE TABLE {table} (");
        let (_, rest) = INDEX_SQL.split_once(&begin).unwrap();
        let (columns, _) = rest.split_once("\n)").unwrap();
        let columns = columns
            .lines()
            .map(|line| line.split("--").next().unwrap_or_default());
        let columns = columns.flat_map(|line| line.split(','));
        columns
            .filter_map(|column| column.split_whitespace().next())
            .collect()
    }

    #[test]
    fn columns_are_copied_by_the_places_that_the_tables_give_them() {
        assert_eq!(columns_of("object")[1..], OBJECT_COLUMNS);
        let usage = columns_of("usage");
        assert_eq!(usage[HEAD_OF_USAGE..usage.len() - 2], USAGE_DEVICE_FIELDS);
        assert_eq!(usage[usage.len() - 2..], ["last_seen", "extra"]);
    }
}
