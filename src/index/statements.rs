//! The statements of `schemas/index.sql`, one by one.

use super::error::{Error, Result};
use crate::schema::INDEX_SQL;

/// The statements of `schemas/index.sql`.
pub(super) struct Statements(Vec<(&'static str, &'static str, &'static str)>);

impl Statements {
    /// Reads them: what each makes, its name, and its text.
    pub(super) fn read() -> Statements {
        let statements = INDEX_SQL.split(";\n").filter_map(|text| {
            let begin = text.find("CREATE ")?;
            let sql = text[begin..].trim_end();
            let mut words = sql.split_ascii_whitespace().skip(1);
            Some((words.next()?, words.next()?, sql))
        });
        Statements(statements.collect())
    }

    /// Returns the text of one.
    pub(super) fn of(&self, name: &str) -> Result<&'static str> {
        let found = self.0.iter().find(|(_, known, _)| *known == name);
        found
            .map(|(.., sql)| *sql)
            .ok_or(Error::Inconsistent("a table has no statement"))
    }

    pub(super) fn views(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let views = self.0.iter().filter(|(kind, ..)| *kind == "VIEW");
        views.map(|(_, name, sql)| (*name, *sql))
    }
}
