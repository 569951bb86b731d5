//! Rows of `account` and `device`: parts as files told them, and what several parts of one subject come to.

use std::fmt::Write as _;

use rusqlite::{Connection, OptionalExtension, Row, Statement, params};

use super::identity::Stamp;
use super::record::Record;
use crate::class::Evidence;
use crate::identifier::{self, Kind};
use crate::observation::{Batch, Described, Layout, Says};
use crate::schema::{Class, FieldType, NAME, SECOND, STRONG, Seen, Subject, account_field};

/// The shape of a row that was merged of several parts.
pub(super) const MERGED_SHAPE: u32 = 0;
/// The owner of a part that belongs to no subject.
pub(super) const NOBODY: u32 = 0;

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// The text fields, in the order of `Subject::fields`; the last of those, a time, is apart.
    pub(super) texts: Vec<Option<String>>,
    pub(super) first_seen: Option<i64>,
    /// A JSON object.
    pub(super) extra: Option<String>,
}

/// A stored row.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) seen: Seen,
    pub(super) shape: u32,
    pub(super) content: Content,
}

/// Normal forms of a row's keys.
pub(super) type Keys = [Option<String>; 3];

impl Content {
    /// Returns the normal forms of its keys.
    pub(super) fn keys(&self, subject: Subject) -> Keys {
        let kinds = subject.key_kinds();
        std::array::from_fn(|at| normal(kinds[at], self.texts[at].as_deref()))
    }

    /// Returns what a users row says of being local.
    pub(super) fn says(&self) -> Says {
        Says::of(self.texts[account_field::TYPE].as_deref())
    }

    /// Returns what tells the class of an account whose name has this normal form.
    pub(super) fn evidence<'a>(&self, name: Option<&'a str>) -> Evidence<'a> {
        let has = |field: usize| self.texts[field].is_some();
        let has_person =
            has(account_field::UPN) || has(account_field::EMAIL) || has(account_field::FULL_NAME);
        Evidence {
            name,
            says: self.says(),
            has_person,
        }
    }
}

/// Returns the normal form of a stored text, which was parsed before it was stored.
pub(super) fn normal(kind: Kind, text: Option<&str>) -> Option<String> {
    identifier::normal_form(kind, text?)
        .ok()
        .map(|normal| normal.into_owned())
}

/// The columns that a part's object carried.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) subject: Subject,
    fields: Vec<bool>,
    last_seen: bool,
    /// Names of columns that no field takes.
    extra: Vec<String>,
}

impl Shape {
    /// Reads the names that `observation::Layout::shape` lists.
    pub(super) fn of(subject: Subject, names: &[String]) -> Shape {
        let carries = |name: &str| names.iter().any(|known| known == name);
        Shape {
            subject,
            fields: subject
                .fields()
                .iter()
                .map(|field| carries(field.name))
                .collect(),
            last_seen: carries("last_seen"),
            extra: names
                .iter()
                .filter_map(|name| name.strip_prefix('+').map(str::to_owned))
                .collect(),
        }
    }

    /// Tells whether the object carried a field.
    pub(super) fn carries(&self, field: usize) -> bool {
        self.fields[field]
    }

    /// Tells whether the object had columns that no field takes.
    pub(super) fn has_extra(&self) -> bool {
        !self.extra.is_empty()
    }
}

/// Merges parts: each field has the value of the newest row that carries it; keys are never cleared.
pub(super) fn merge(subject: Subject, mut parts: Vec<(Stamp, &Shape, &Part)>) -> (Content, Seen) {
    parts.sort_by_key(|(stamp, ..)| *stamp);
    let width = subject.fields().len() - 1;
    let mut content = Content {
        texts: vec![None; width],
        first_seen: None,
        extra: None,
    };
    let mut seen = Seen {
        last_seen: None,
        object: 0,
        row: 0,
    };
    let mut extra = serde_json::Map::new();
    for (_, shape, part) in &parts {
        for at in 0..width {
            let said = &part.content.texts[at];
            let is_key = matches!(subject.fields()[at].kind, FieldType::Key(_));
            if shape.fields[at] && (said.is_some() || !is_key) {
                content.texts[at].clone_from(said);
            }
        }
        if shape.fields[width] {
            content.first_seen = part.content.first_seen;
        }
        merge_extra(&mut extra, shape, part.content.extra.as_deref());
        let last_seen = if shape.last_seen {
            part.seen.last_seen
        } else {
            seen.last_seen
        };
        seen = Seen {
            last_seen,
            ..part.seen
        };
    }
    content.extra = (!extra.is_empty()).then(|| serde_json::Value::Object(extra).to_string());
    (content, seen)
}

fn merge_extra(
    into: &mut serde_json::Map<String, serde_json::Value>,
    shape: &Shape,
    extra: Option<&str>,
) {
    let mut said: serde_json::Map<String, serde_json::Value> = extra
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    for name in &shape.extra {
        match said.remove(name) {
            Some(value) => into.insert(name.clone(), value),
            None => into.remove(name),
        };
    }
}

/// The statements of one subject's table.
pub(super) struct Table<'c> {
    connection: &'c Connection,
    subject: Subject,
    insert: Statement<'c>,
    update: Statement<'c>,
    select: Statement<'c>,
}

impl<'c> Table<'c> {
    /// Prepares the statements.
    pub(super) fn open(
        connection: &'c Connection,
        subject: Subject,
    ) -> rusqlite::Result<Table<'c>> {
        let table = subject.table();
        let columns = subject.column_list();
        let count = subject.fields().len();
        let numbered = |first: usize| {
            (first..=first + count).fold(String::new(), |mut text, number| {
                let _ = write!(text, ", ?{number}");
                text
            })
        };
        let assigned =
            subject
                .fields()
                .iter()
                .enumerate()
                .fold(String::new(), |mut text, (at, field)| {
                    let _ = write!(text, ", {} = ?{}", field.name, at + 4);
                    text
                });
        Ok(Table {
            connection,
            subject,
            insert: connection.prepare(&format!(
                "INSERT INTO {table} (id, seen, class, {columns}, extra, owner, shape, flags)
                 VALUES (?1, ?2, ?3{}, NULL, ?{}, 0)",
                numbered(4),
                count + 5
            ))?,
            update: connection.prepare(&format!(
                "UPDATE {table} SET seen = ?2, class = ?3{assigned}, extra = ?{} WHERE id = ?1",
                count + 4
            ))?,
            select: connection.prepare(&format!(
                "SELECT seen, shape, {columns}, extra FROM {table} WHERE id = ?1"
            ))?,
        })
    }

    /// Inserts a part from a batch, without copying its text.
    pub(super) fn insert_row(&mut self, id: u32, row: &NewRow, shape: u32) -> rusqlite::Result<()> {
        row.bind(&mut self.insert, id, self.subject)?;
        self.insert
            .raw_bind_parameter(self.subject.fields().len() + 5, shape)?;
        self.insert.raw_execute().map(|_| ())
    }

    /// Replaces what a part says by a newer row of the same shape.
    pub(super) fn update_row(&mut self, id: u32, row: &NewRow) -> rusqlite::Result<()> {
        row.bind(&mut self.update, id, self.subject)?;
        self.update.raw_execute().map(|_| ())
    }

    /// Writes the row of a merged subject, new or not.
    pub(super) fn write_merged(
        &mut self,
        id: u32,
        is_new: bool,
        seen: Seen,
        class: Class,
        content: &Content,
    ) -> rusqlite::Result<()> {
        let statement = if is_new {
            &mut self.insert
        } else {
            &mut self.update
        };
        let width = content.texts.len();
        statement.raw_bind_parameter(1, id)?;
        statement.raw_bind_parameter(2, text(&seen.encode()))?;
        statement.raw_bind_parameter(3, class as u8)?;
        for (at, field) in content.texts.iter().enumerate() {
            statement.raw_bind_parameter(4 + at, field.as_deref())?;
        }
        statement.raw_bind_parameter(4 + width, content.first_seen)?;
        statement.raw_bind_parameter(5 + width, content.extra.as_deref())?;
        if is_new {
            statement.raw_bind_parameter(6 + width, MERGED_SHAPE)?;
        }
        statement.raw_execute().map(|_| ())
    }

    /// Reads a row.
    pub(super) fn read(&mut self, id: u32) -> rusqlite::Result<Option<Part>> {
        let width = self.subject.fields().len() - 1;
        self.select
            .query_row([id], |row| read_part(row, width))
            .optional()
    }

    /// Removes the row of a merged subject that is none any more.
    pub(super) fn delete(&mut self, id: u32) -> rusqlite::Result<()> {
        let sql = format!("DELETE FROM {} WHERE id = ?1", self.subject.table());
        let mut delete = self.connection.prepare_cached(&sql)?;
        delete.execute([id]).map(|_| ())
    }

    /// Sets whose a part is, its class and its flags.
    pub(super) fn set_standing(
        &mut self,
        id: u32,
        owner: Option<u32>,
        class: Class,
        flags: u8,
    ) -> rusqlite::Result<()> {
        let sql = format!(
            "UPDATE {} SET owner = ?2, class = ?3, flags = ?4 WHERE id = ?1",
            self.subject.table()
        );
        let mut update = self.connection.prepare_cached(&sql)?;
        let values = params![id, owner, class as u8, flags];
        update.execute(values).map(|_| ())
    }

    /// Patches where and when parts were last seen; `patches` in the order of ids.
    pub(super) fn patch_seen(&mut self, patches: &[(u32, Seen)]) -> rusqlite::Result<()> {
        let Some((first, _)) = patches.first() else {
            return Ok(());
        };
        let mut blob = self.connection.blob_open(
            "main",
            self.subject.table(),
            "seen",
            i64::from(*first),
            false,
        )?;
        for (at, (id, seen)) in patches.iter().enumerate() {
            if at > 0 {
                blob.reopen(i64::from(*id))?;
            }
            blob.write_all_at(&seen.encode(), 0)?;
        }
        blob.close()
    }
}

/// A row of a batch on its way into the table.
pub(super) struct NewRow<'a> {
    pub(super) batch: &'a Batch,
    pub(super) layout: &'a Layout,
    pub(super) row: &'a Described,
    pub(super) seen: Seen,
}

impl<'a> NewRow<'a> {
    /// Joins a row with where it stands.
    pub(super) fn new(
        batch: &'a Batch,
        layout: &'a Layout,
        row: &'a Described,
        object: u32,
    ) -> NewRow<'a> {
        let seen = Seen {
            last_seen: row.last_seen,
            object,
            row: row.row,
        };
        NewRow {
            batch,
            layout,
            row,
            seen,
        }
    }

    /// Returns a field's text; a key that says nothing (a placeholder, a nil UUID) is none.
    pub(super) fn text(&self, field: usize) -> Option<&str> {
        if field <= NAME && self.row.said & 1 << field == 0 {
            return None;
        }
        self.batch.text(self.layout, field, self.row.record)
    }

    /// Puts the row's columns into a record, in the order of the table.
    pub(super) fn put_into(&self, record: &mut Record, shape: u32, subject: Subject) {
        let width = subject.fields().len() - 1;
        record.clear();
        record.put_null();
        record.put_text(text(&self.seen.encode()));
        record.put_null();
        record.put_integer(i64::from(shape));
        record.put_integer(self.row.class as i64);
        record.put_integer(0);
        for at in 0..width {
            record.put_optional_text(self.text(at));
        }
        match self.row.first_seen {
            Some(first_seen) => record.put_integer(first_seen),
            None => record.put_null(),
        }
        record.put_optional_text(self.extra().as_deref());
    }

    fn extra(&self) -> Option<String> {
        if self.layout.extra.is_empty() {
            return None;
        }
        self.batch.extra(self.layout, self.row.record)
    }

    fn bind(&self, statement: &mut Statement, id: u32, subject: Subject) -> rusqlite::Result<()> {
        let width = subject.fields().len() - 1;
        statement.raw_bind_parameter(1, id)?;
        statement.raw_bind_parameter(2, text(&self.seen.encode()))?;
        statement.raw_bind_parameter(3, self.row.class as u8)?;
        for at in 0..width {
            statement.raw_bind_parameter(4 + at, self.text(at))?;
        }
        statement.raw_bind_parameter(4 + width, self.row.first_seen)?;
        statement.raw_bind_parameter(5 + width, self.extra())
    }
}

/// ASCII digits and blanks are UTF-8.
pub(super) fn text(ascii: &[u8]) -> &str {
    std::str::from_utf8(ascii).unwrap_or_default()
}

fn read_part(row: &Row, width: usize) -> rusqlite::Result<Part> {
    let mut texts = Vec::with_capacity(width);
    for at in 0..width {
        texts.push(row.get(2 + at)?);
    }
    Ok(Part {
        seen: read_seen(row, 0)?,
        shape: row.get(1)?,
        content: Content {
            texts,
            first_seen: row.get(2 + width)?,
            extra: row.get(3 + width)?,
        },
    })
}

/// Reads a fixed-width `seen`.
pub(super) fn read_seen(row: &Row, column: usize) -> rusqlite::Result<Seen> {
    let value = row.get_ref(column)?;
    let seen = value
        .as_str()
        .ok()
        .and_then(|text| Seen::decode(text.as_bytes()));
    seen.ok_or_else(|| rusqlite::Error::InvalidColumnType(column, "seen".into(), value.data_type()))
}

/// Returns the keys a component is joined by: the SID (or uid) only where its form makes it a key.
pub(super) fn joining_keys(subject: Subject, content: &Content) -> Keys {
    let [strong, second, name] = content.keys(subject);
    let strong = match subject {
        Subject::Account => {
            strong.filter(|sid| identifier::is_key_sid(sid) && content.says() != Says::Local)
        }
        Subject::Device => strong,
    };
    let mut keys = [None, None, None];
    keys[STRONG] = strong;
    keys[SECOND] = second;
    keys[NAME] = name;
    keys
}
