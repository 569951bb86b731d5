//! Headers among the rows: files that were appended to one another each bring one.

use std::collections::HashSet;

/// Why a row was left out that repeats the header.
pub const REPEATS_HEADER: &str = "the row repeats the header";

/// Bytes that the name of a column has at the most that is looked for in a first cell.
const NAME_BYTES: usize = 128;

/// The header of an object, and what other columns are called.
#[derive(Debug)]
pub(super) struct Headers<'r> {
    /// In small letters.
    own: Vec<String>,
    /// Names of columns in small letters: a row of nothing else is a header.
    known: &'r HashSet<String>,
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
    pub(super) fn new(own: &[String], known: &'r HashSet<String>) -> Headers<'r> {
        Headers {
            own: without_empty_ends(own.iter().map(|name| name_in(name)).collect()),
            known,
        }
    }

    fn is_name(&self, name: &str) -> bool {
        self.known.contains(name) || self.own.iter().any(|own| own == name)
    }

    /// Tells whether a row ends in a header that begins behind its last cell: a file without its last line end, and another one
    /// behind it.
    pub(super) fn is_glued<'t>(&self, cells: impl Iterator<Item = &'t str>) -> bool {
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
        let first = cells.clone().next().filter(|first| may_be_name(first))?;
        let mut place = [0; NAME_BYTES];
        if !is_name(lower_in(bare(first), &mut place)) {
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

/// Tells whether a text is a name of the export language: `user.#team`, `device.name`.
pub(super) fn is_path(name: &str) -> bool {
    let is_path = name.starts_with("user.") || name.starts_with("device.");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.#-".contains(&byte);
    is_path && name.bytes().all(is_plain)
}

/// Tells whether a text may be the name that a query gave a column.
fn is_word(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn may_be_name(cell: &str) -> bool {
    let begin = cell
        .trim_start_matches(['\u{feff}', '"', ' '])
        .bytes()
        .next();
    cell.len() <= NAME_BYTES
        // As accounts have, and no column.
        && !cell.contains(['@', '\\'])
        && begin.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'#')
}

/// Returns the name that a cell is, without what files begin with and what stands around a name.
fn name_in(cell: &str) -> String {
    bare(cell).to_ascii_lowercase()
}

fn bare(cell: &str) -> &str {
    cell.trim_matches(|letter: char| {
        letter == '\u{feff}' || letter == '"' || letter.is_whitespace()
    })
}

/// Writes a name in small letters to a place of its own, which costs less than a text of its own; what is longer than any
/// name stays empty.
fn lower_in<'p>(name: &str, place: &'p mut [u8; NAME_BYTES]) -> &'p str {
    let place = place.get_mut(..name.len()).unwrap_or_default();
    if place.len() == name.len() {
        place.copy_from_slice(name.as_bytes());
    }
    place.make_ascii_lowercase();
    std::str::from_utf8(place).unwrap_or_default()
}

/// Spreadsheets write delimiters behind the last column, too.
fn without_empty_ends(mut names: Vec<String>) -> Vec<String> {
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
