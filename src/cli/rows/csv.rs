//! Rows as CSV, safe for a spreadsheet: names come from people, and a spreadsheet runs what begins like a formula.

use std::borrow::Cow;
use std::io::Write;

use super::Writing;
use crate::cli::ClosedPipe;
use crate::identifier::printable;
use crate::sql::{Taker, ValueRef};

/// How texts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Texts {
    /// As they are.
    Verbatim,
    /// So that no spreadsheet runs them.
    Harmless,
    /// So that no terminal does either.
    Printable,
}

impl Texts {
    /// Returns how texts are written to a file.
    pub(in crate::cli) fn in_file(is_verbatim: bool) -> Texts {
        match is_verbatim {
            true => Texts::Verbatim,
            false => Texts::Harmless,
        }
    }
}

/// Writes rows as CSV.
pub(super) struct Csv<W: Write> {
    to: csv::Writer<W>,
    texts: Texts,
}

impl<W: Write> Csv<W> {
    pub(super) fn new(to: W, texts: Texts) -> Csv<W> {
        Csv {
            to: csv::Writer::from_writer(to),
            texts,
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
                ValueRef::Text(text) => match self.texts {
                    Texts::Verbatim => Cow::Borrowed(*text),
                    Texts::Harmless => harmless(text),
                    Texts::Printable => shown(text),
                },
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

/// Has letters escaped, too, that steer a terminal.
fn shown(text: &[u8]) -> Cow<'_, [u8]> {
    let text = String::from_utf8_lossy(text);
    let shown = printable(&text);
    Cow::Owned(harmless(shown.as_bytes()).into_owned())
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
