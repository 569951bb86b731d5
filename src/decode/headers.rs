//! Headers among the rows: files that were appended to one another each bring one.

use std::collections::HashSet;

use super::MAX_NAME_BYTES;

/// Why a row was left out that repeats the header.
pub const REPEATS_HEADER: &str = "the row repeats the header";

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

    /// Returns what header a row is, if it is one.
    pub(super) fn judge<'t>(&self, cells: impl Iterator<Item = &'t str> + Clone) -> Option<Header> {
        let is_name = |name: &String| self.known.contains(name) || self.own.contains(name);
        // Nearly every row is told by its first cell.
        let first = cells.clone().next().filter(|first| may_be_name(first))?;
        if !is_name(&name_in(first)) {
            return None;
        }
        let names = without_empty_ends(cells.map(name_in).collect());
        if names == self.own {
            return Some(Header::Same);
        }
        // Somebody may be called `name`: one cell alone is no header.
        let is_header =
            names.len() > 1 && names.iter().all(|name| name.is_empty() || is_name(name));
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

fn may_be_name(cell: &str) -> bool {
    let begin = cell
        .trim_start_matches(['\u{feff}', '"', ' '])
        .bytes()
        .next();
    cell.len() <= MAX_NAME_BYTES
        && begin.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'#')
}

/// Returns the name that a cell is, without what files begin with and what stands around a name.
fn name_in(cell: &str) -> String {
    let name = cell.trim_matches(|letter: char| {
        letter == '\u{feff}' || letter == '"' || letter.is_whitespace()
    });
    name.to_ascii_lowercase()
}

/// Spreadsheets write delimiters behind the last column, too.
fn without_empty_ends(mut names: Vec<String>) -> Vec<String> {
    while names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    names
}
