//! The file of a generation while it is built: tables and indexes by the names that `schemas/index.sql` gives them.

use std::fs::File;

use super::error::{Error, Result};
use crate::schema::{APPLICATION_ID, INDEX_SQL, USER_VERSION};
use crate::sqlite::{Builder, Record, Table};

/// The file, and the statements that would make what is in it.
pub(super) struct Building {
    builder: Builder,
    statements: Vec<Statement>,
}

/// What a statement makes, its name, and its text.
type Statement = (&'static str, &'static str, &'static str);

impl Building {
    pub(super) fn new(file: File) -> Result<Building> {
        let statements = INDEX_SQL.split(";\n").filter_map(|text| {
            let sql = text[text.find("CREATE ")?..].trim_end();
            let mut words = sql.split_ascii_whitespace().skip(1);
            Some((words.next()?, words.next()?, sql))
        });
        Ok(Building {
            builder: Builder::new(file)?,
            statements: statements.collect(),
        })
    }

    fn statement(&self, name: &str) -> Result<&'static str> {
        let found = self.statements.iter().find(|(_, known, _)| *known == name);
        let (.., sql) = found.ok_or(Error::Inconsistent("a table has no statement"))?;
        Ok(sql)
    }

    /// Writes a table: `fill` puts its rows in.
    pub(super) fn table<T>(
        &mut self,
        name: &'static str,
        fill: impl FnOnce(&mut Table) -> Result<T>,
    ) -> Result<T> {
        let sql = self.statement(name)?;
        self.builder.table(name, sql, fill)
    }

    /// Writes an index of a table: numbers of each entry, the rowid last, in order.
    pub(super) fn index<const N: usize>(
        &mut self,
        (name, table): (&'static str, &'static str),
        entries: impl IntoIterator<Item = [i64; N]>,
    ) -> Result<()> {
        let sql = self.statement(name)?;
        self.builder.index((name, table), sql, |index| {
            let mut record = Record::default();
            for entry in entries {
                record.clear();
                entry
                    .into_iter()
                    .for_each(|number| record.put_integer(number));
                index.push(&record)?;
            }
            Ok(())
        })
    }

    /// Returns the file, for nobody to read by SQL. It is not made durable.
    pub(super) fn finish_without_views(self) -> Result<File> {
        Ok(self.builder.finish(APPLICATION_ID, USER_VERSION)?)
    }

    /// Adds the views, and returns the file. It is not made durable.
    pub(super) fn finish(mut self) -> Result<File> {
        for (_, name, sql) in self.statements.iter().filter(|(kind, ..)| *kind == "VIEW") {
            self.builder.view(name, sql);
        }
        self.finish_without_views()
    }
}

/// Writes what holds for the whole of a generation.
pub(super) fn write_meta<'a, T: AsRef<str>>(
    values: impl IntoIterator<Item = (&'a str, T)>,
    table: &mut Table,
) -> Result<()> {
    let mut record = Record::default();
    for (id, (key, value)) in (1..).zip(values) {
        record.clear();
        record.put_null();
        record.put_text(key);
        record.put_text(value.as_ref());
        table.push(id, &record)?;
    }
    Ok(())
}
