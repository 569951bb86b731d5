//! Rows as JSON, an object a line.

use std::io::Write;

use serde_json::{Map, Value, json};

use super::{Writing, of_output};
use crate::cli::one_line;
use crate::sql::{Taker, ValueRef};

/// Writes an object a line.
pub(super) struct Lines<W: Write> {
    to: W,
    names: Vec<String>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(to: W) -> Lines<W> {
        Lines {
            to,
            names: Vec::new(),
        }
    }
}

impl<W: Write> Taker for Lines<W> {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.names = names.to_vec();
        Ok(())
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        let cells = cells.iter().map(|cell| match cell {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => json!(number),
            ValueRef::Real(number) => json!(number),
            ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
            ValueRef::Blob(bytes) => json!(crate::generation::hex(bytes)),
        });
        let object: Map<String, Value> = self.names.iter().cloned().zip(cells).collect();
        let line = Value::Object(object).to_string();
        writeln!(self.to, "{}", one_line(&line)).map_err(of_output)
    }
}

impl<W: Write> Writing for Lines<W> {}
