//! Rows as a table for people: columns as wide as what stands in their first rows.

use std::io::Write;

use super::{Writing, of_output};
use crate::cli::words::printable;
use crate::sql::{Taker, ValueRef};

/// Rows that are looked at for how wide columns are to be.
const LOOKED_AT: usize = 1_000;
/// The widest column, in letters; what is longer goes beyond it.
const WIDEST: usize = 60;

/// Writes rows as a table.
pub(super) struct Table<W: Write> {
    to: W,
    /// Until the columns are wide enough, the header being the first.
    kept: Vec<Vec<String>>,
    widths: Vec<usize>,
    is_begun: bool,
}

impl<W: Write> Table<W> {
    pub(super) fn new(to: W) -> Table<W> {
        Table {
            to,
            kept: Vec::new(),
            widths: Vec::new(),
            is_begun: false,
        }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.is_begun = true;
        let rows = std::mem::take(&mut self.kept);
        self.widths = vec![0; rows.first().map_or(0, Vec::len)];
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count()).min(WIDEST);
            }
        }
        rows.iter().try_for_each(|row| self.write(row))
    }

    fn write(&mut self, row: &[String]) -> anyhow::Result<()> {
        let padded = row
            .iter()
            .zip(&self.widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let line = padded.collect::<Vec<_>>().join("  ");
        writeln!(self.to, "{}", line.trim_end()).map_err(of_output)
    }
}

impl<W: Write> Taker for Table<W> {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.kept.push(
            names
                .iter()
                .map(|name| printable(name).into_owned())
                .collect(),
        );
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        let row: Vec<String> = cells.iter().map(shown).collect();
        if self.is_begun {
            return self.write(&row);
        }
        self.kept.push(row);
        match self.kept.len() > LOOKED_AT {
            true => self.begin(),
            false => Ok(()),
        }
    }
}

impl<W: Write> Writing for Table<W> {
    fn end(&mut self) -> anyhow::Result<()> {
        if self.is_begun { Ok(()) } else { self.begin() }
    }
}

/// Returns a cell as text that steers no terminal.
fn shown(cell: &ValueRef<'_>) -> String {
    match cell {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => printable(&String::from_utf8_lossy(text)).into_owned(),
        ValueRef::Blob(bytes) => crate::generation::hex(bytes),
    }
}
