//! Headers among the rows: files that were appended to one another each bring one.

use std::collections::HashSet;

use crate::identifier::{Lengths, is_hidden};

/// Why a row was left out that repeats the header.
pub const REPEATS_HEADER: &str = "the row repeats the header";

/// The header of an object, and what other columns are called.
#[derive(Debug)]
pub(super) struct Headers<'r> {
    /// In small letters.
    own: Vec<String>,
    /// Columns of it behind the last one that has a name.
    pub(super) unnamed: usize,
    /// Names of columns in small letters: a row of nothing else is a header.
    known: &'r HashSet<String>,
    /// Of both, and nearly every row is told from a header by these.
    lengths: Lengths,
}

/// What a row is that has only names of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    /// The same header once more.
    Same,
    /// Values below it would stand in wrong columns.
    Another(&'static str),
}

impl<'r> Headers<'r> {
    pub(super) fn new(own: &[String], unnamed: usize, known: &'r HashSet<String>) -> Headers<'r> {
        let own = without_empty_ends(own.iter().map(|name| name_in(name)).collect());
        let names = known.iter().chain(&own).map(String::as_str);
        let lengths = Lengths::of(names);
        Headers {
            own,
            unnamed,
            known,
            lengths,
        }
    }

    fn is_name(&self, name: &str) -> bool {
        !name.is_empty() && (self.known.contains(name) || self.own.iter().any(|own| own == name))
    }

    /// Returns what header begins within a row, if one does.
    pub(super) fn within<'t>(
        &self,
        cells: impl Iterator<Item = &'t str> + Clone,
    ) -> Option<&'static str> {
        if self.is_glued(cells.clone()) {
            return Some("behind a row that has no line end");
        }
        is_misread(cells).then_some("in another encoding")
    }

    /// Tells whether a row ends in a header that begins behind its last cell: a file without its last line end, and another one
    /// behind it.
    fn is_glued<'t>(&self, cells: impl Iterator<Item = &'t str>) -> bool {
        let cells: Vec<String> = cells.map(name_in).collect();
        let begins_in = |cell: &String| {
            let mut paths = self
                .known
                .iter()
                .chain(&self.own)
                .filter(|name| is_path(name));
            paths.any(|name| cell.len() > name.len() && cell.ends_with(name.as_str()))
        };
        let Some(at) = cells.iter().position(begins_in) else {
            return false;
        };
        let mut behind = cells[at + 1..].iter();
        behind.all(|name| name.is_empty() || self.is_name(name) || is_path(name))
    }

    /// Returns what header a row is, if it is one.
    pub(super) fn judge<'t>(&self, cells: impl Iterator<Item = &'t str> + Clone) -> Option<Header> {
        let is_name = |name: &str| self.is_name(name) || is_path(name);
        // Nearly every row is told by its first cell.
        let first = bare(cells.clone().next()?);
        // A column may be without a name, and a row without a value there.
        if first.is_empty() {
            return None;
        }
        let may_be_name = self.lengths.may_have(first) || begins_path(first) || hides(first);
        if !may_be_name || !is_name(&name_in(first)) {
            return None;
        }
        let names = without_empty_ends(cells.map(name_in).collect());
        if names == self.own {
            return Some(Header::Same);
        }
        // Somebody may be called `name`, and a computer `count`: one of them is a path.
        let is_header = names
            .iter()
            .all(|name| name.is_empty() || is_name(name) || is_word(name))
            && names.iter().any(|name| {
                is_path(name) || self.own.len() > 1 && self.is_name(name) && names.len() > 1
            });
        is_header.then(|| {
            let sorted = |names: &[String]| {
                let mut names = names.to_vec();
                names.sort_unstable();
                names
            };
            Header::Another(match sorted(&names) == sorted(&self.own) {
                true => "with the columns in another order",
                false => "with other columns",
            })
        })
    }
}

/// Tells whether a row is text of one byte a letter that was read as of two, and has names of columns in it: behind a file
/// in UTF-16, one in another encoding.
fn is_misread<'t>(mut cells: impl Iterator<Item = &'t str>) -> bool {
    let has_path = |bytes: Vec<u8>| {
        let bytes = bytes.to_ascii_lowercase();
        let mut paths = ["user.", "device."].iter();
        paths.any(|path| memchr::memmem::find(&bytes, path.as_bytes()).is_some())
    };
    cells.any(|cell| {
        let halves = |of: fn(u16) -> [u8; 2]| cell.encode_utf16().flat_map(of).collect();
        !cell.is_ascii()
            && (has_path(halves(u16::to_le_bytes)) || has_path(halves(u16::to_be_bytes)))
    })
}

/// Tells whether a text is a name of the export language: `user.#team`, `device.name`.
pub(super) fn is_path(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.#-".contains(&byte);
    begins_path(name) && name.bytes().all(is_plain)
}

/// Tells whether a text may be the name that a query gave a column.
fn is_word(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Tells whether a text, in any case, begins as the names of the export language do.
fn begins_path(name: &str) -> bool {
    let begins = |path: &str| {
        let begin = name.as_bytes().get(..path.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(path.as_bytes()))
    };
    begins("user.") || begins("device.")
}

/// Returns the name that a cell is, without what stands around a name, and what is not seen in it.
fn name_in(cell: &str) -> String {
    let mut name = bare(cell).to_ascii_lowercase();
    name.retain(|letter| !is_unseen(letter));
    name
}

/// Returns a cell without signs around it: no name begins or ends with one.
fn bare(cell: &str) -> &str {
    cell.trim_matches(|letter: char| !letter.is_alphanumeric() || is_unseen(letter))
}

/// Tells whether a text has letters that are not seen; nearly none has others than ASCII.
fn hides(text: &str) -> bool {
    !text.is_ascii() && text.contains(is_unseen)
}

fn is_unseen(letter: char) -> bool {
    letter.is_control() || is_hidden(letter)
}

/// Spreadsheets write delimiters behind the last column, too.
fn without_empty_ends(mut names: Vec<String>) -> Vec<String> {
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
