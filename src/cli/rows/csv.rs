//! Rows as CSV, safe for a spreadsheet: names come from people, and a spreadsheet runs what begins like a formula.

use std::borrow::Cow;
use std::io::Write;

use super::Writing;
use crate::cli::ClosedPipe;
use crate::sql::{Taker, ValueRef};

/// Writes rows as CSV.
pub(super) struct Csv<W: Write> {
    to: csv::Writer<W>,
    is_verbatim: bool,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(to: W, is_verbatim: bool) -> Csv<W> {
        Csv {
            to: csv::Writer::from_writer(to),
            is_verbatim,
        }
    }
}

impl<W: Write> Taker for Csv<W> {
    type Error = anyhow::Error;

    fn columns(&mut self, names: &[String]) -> anyhow::Result<()> {
        self.to.write_record(names).map_err(of_csv)
    }

    fn row(&mut self, cells: &[ValueRef<'_>]) -> anyhow::Result<()> {
        for cell in cells {
            let field = match cell {
                ValueRef::Null => Cow::Borrowed(&b""[..]),
                ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
                ValueRef::Real(number) => Cow::Owned(number.to_string().into_bytes()),
                ValueRef::Text(text) if self.is_verbatim => Cow::Borrowed(*text),
                ValueRef::Text(text) => harmless(text),
                ValueRef::Blob(bytes) => Cow::Owned(crate::generation::hex(bytes).into_bytes()),
            };
            self.to.write_field(field).map_err(of_csv)?;
        }
        self.to.write_record(None::<&[u8]>).map_err(of_csv)
    }
}

impl<W: Write> Writing for Csv<W> {
    fn end(&mut self) -> anyhow::Result<()> {
        self.to.flush().map_err(super::of_output)
    }
}

/// Has a text that begins like a formula begin with `'`, as OWASP has it of CSV injection.
fn harmless(text: &[u8]) -> Cow<'_, [u8]> {
    match text.first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => Cow::Owned([b"'", text].concat()),
        _ => Cow::Borrowed(text),
    }
}

fn of_csv(error: csv::Error) -> anyhow::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ClosedPipe.into()
        }
        csv::ErrorKind::Io(error) => {
            anyhow::Error::new(error).context("the rows cannot be written")
        }
        _ => anyhow::anyhow!("the rows cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_is_none() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@a", "'@a"),
            ("a=1", "a=1"),
            ("", ""),
            ("-", "'-"),
        ] {
            assert_eq!(harmless(text.as_bytes()).as_ref(), expected.as_bytes());
        }
    }
}
