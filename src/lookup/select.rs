//! Columns of a table, asked for by name and read by number, whatever else the file's format has.

use crate::sqlite::{Columns, Error, FoundColumns, Layout, Reader, Result, Value};

/// Columns of a table, in the order in which they are asked for.
#[derive(Debug)]
pub(super) struct Select {
    pub(super) table: Layout,
    /// Of each in a row.
    places: Vec<Option<usize>>,
}

impl Select {
    /// Asks for columns; where there is none, every row is empty.
    ///
    /// # Errors
    /// The file's, and that it does not have the table, or one of the columns.
    pub(super) fn of<'c>(
        file: &Reader,
        table: &str,
        columns: impl IntoIterator<Item = Option<&'c str>>,
    ) -> Result<Select> {
        let table = file.table(table)?;
        let place = |column: Option<&str>| column.map(|column| table.place(column)).transpose();
        let places: Result<_> = columns.into_iter().map(place).collect();
        Ok(Select {
            places: places?,
            table,
        })
    }

    /// Asks for columns that every file has.
    ///
    /// # Errors
    /// As [`Select::of`].
    pub(super) fn all(file: &Reader, table: &str, columns: &[&str]) -> Result<Select> {
        Select::of(file, table, columns.iter().copied().map(Some))
    }

    /// Takes the columns of a row.
    #[inline]
    pub(super) fn from<'a>(&'a self, columns: Columns<'a>) -> Result<Selected<'a>> {
        Ok(Selected {
            columns: columns.found()?,
            places: &self.places,
        })
    }
}

/// What a row has in the columns that were asked for.
pub(super) struct Selected<'a> {
    columns: FoundColumns<'a>,
    places: &'a [Option<usize>],
}

impl<'a> Selected<'a> {
    /// Returns what stands in a column.
    #[inline]
    pub(super) fn value(&self, at: usize) -> Result<Value<'a>> {
        match self.places.get(at).copied().flatten() {
            Some(place) => self.columns.get(place),
            None => Ok(Value::Null),
        }
    }

    /// Returns a number that every row has.
    pub(super) fn number<T: TryFrom<i64>>(&self, at: usize) -> Result<T> {
        number(self.value(at)?)
    }

    /// Returns a number that some rows have.
    pub(super) fn optional<T: TryFrom<i64>>(&self, at: usize) -> Result<Option<T>> {
        match self.value(at)? {
            Value::Null => Ok(None),
            value => number(value).map(Some),
        }
    }

    /// Returns a text that every row has.
    pub(super) fn text(&self, at: usize) -> Result<&'a str> {
        self.value(at)?.text().ok_or(MISSING)
    }

    /// Returns bytes that every row has.
    pub(super) fn blob(&self, at: usize) -> Result<&'a [u8]> {
        self.value(at)?.blob().ok_or(MISSING)
    }
}

const MISSING: Error = Error::Damaged("a row without a value that every one has");

fn number<T: TryFrom<i64>>(value: Value) -> Result<T> {
    let number = value.integer().ok_or(MISSING)?;
    T::try_from(number).map_err(|_| Error::Damaged("a number that is none of its column's"))
}
