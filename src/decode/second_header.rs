//! Headers among the rows: files that were appended to one another each bring one.

use std::collections::HashSet;

use crate::identifier::{Lengths, is_hidden};

/// Why a row was left out that repeats the header.
pub const REPEATS_HEADER: &str = "the row repeats the header";

/// No name of a column of row numbers is longer.
const SHORT: usize = 8;

/// Letters of what columns are called by other systems that tell of people and devices: nobody means their files, yet one may stand
/// behind an export.
const OF_OTHERS: [&str; 44] = [
    "userprincipalname",
    "samaccountname",
    "upn",
    "mail",
    "email",
    "emailaddress",
    "login",
    "loginname",
    "logonname",
    "username",
    "accountname",
    "displayname",
    "fullname",
    "givenname",
    "surname",
    "objectsid",
    "objectguid",
    "sid",
    "employeeid",
    "department",
    "jobtitle",
    "hostname",
    "computername",
    "machinename",
    "devicename",
    "dnshostname",
    "serialnumber",
    "lastlogon",
    "lastseen",
    "benutzername",
    "benutzer",
    "anmeldename",
    "anzeigename",
    "vorname",
    "nachname",
    "abteilung",
    "computer",
    "gerätename",
    "seriennummer",
    "utilisateur",
    "nomutilisateur",
    "courriel",
    "ordinateur",
    "usuario",
];

/// The header of an object, and what other columns are called.
#[derive(Debug)]
pub(super) struct Headers {
    /// The letters of its names.
    own: Vec<String>,
    /// Columns of it behind the last one that has a name.
    pub(super) unnamed: usize,
    /// The letters of these names and of those of all known columns: a row of nothing else is a header.
    letters: HashSet<String>,
    /// Of all these names, those of the export language.
    paths: Vec<String>,
    /// Some of these names have a digit.
    have_digits: bool,
    /// Of all these names and their letters, and nearly every row is told from a header by these.
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

impl Headers {
    /// Takes the names of an object's columns, and those of known ones in small letters.
    pub(super) fn new(own: &[String], unnamed: usize, known: &HashSet<String>) -> Headers {
        let own = without_empty_ends(own.iter().map(|name| name_in(name)).collect());
        let names = || known.iter().chain(&own).map(String::as_str);
        let letters = names().map(letters_of).chain(OF_OTHERS.map(str::to_owned));
        let letters: HashSet<String> = letters.collect();
        Headers {
            unnamed,
            paths: names()
                .filter(|name| is_path(name))
                .map(str::to_owned)
                .collect(),
            have_digits: names().any(|name| name.bytes().any(|byte| byte.is_ascii_digit())),
            lengths: Lengths::of(names().chain(letters.iter().map(String::as_str))),
            own: own.iter().map(|name| letters_of(name)).collect(),
            letters,
        }
    }

    /// Tells whether a text is the name of a column, also as people see it: `User name`, `UserName`, `user.name (string)`.
    fn is_name(&self, name: &str) -> bool {
        let letters = letters_of(without_type(name));
        !letters.is_empty() && self.letters.contains(&letters)
    }

    /// Returns what header begins within a row, if one does.
    pub(super) fn within<'t>(
        &self,
        cells: impl Iterator<Item = &'t str> + Clone,
    ) -> Option<&'static str> {
        if self.has_another_delimiter(cells.clone()) {
            return Some("with another delimiter");
        }
        if self.is_glued(cells.clone()) {
            return Some("behind a row that has no line end");
        }
        is_misread(cells).then_some("in another encoding")
    }

    /// Tells whether a row is one cell, and a header of several where that is cut at another delimiter.
    fn has_another_delimiter<'t>(&self, mut cells: impl Iterator<Item = &'t str>) -> bool {
        let (Some(only), None) = (cells.next(), cells.next()) else {
            return false;
        };
        let is_header = |delimiter: char| {
            only.contains(delimiter)
                && only
                    .split(delimiter)
                    .all(|name| self.is_column(&name_in(name)))
        };
        self.own.len() > 1 && [',', ';', '\t', '|'].into_iter().any(is_header)
    }

    /// Tells whether a row ends in a header that begins in or behind its last cell: a file without its last line end, and another
    /// one behind it.
    fn is_glued<'t>(&self, cells: impl Iterator<Item = &'t str>) -> bool {
        let cells: Vec<String> = cells.map(name_in).collect();
        let may_be_name = |name: &String| name.is_empty() || self.is_column(name);
        let begins_in = |cell: &String| {
            let mut paths = self.paths.iter();
            paths.any(|name| cell.ends_with(name.as_str()))
        };
        if let Some(at) = cells.iter().position(begins_in) {
            return cells[at + 1..].iter().all(may_be_name);
        }
        self.is_glued_by_short_names(&cells)
    }

    /// Tells whether the same names in any order, or several known ones, end a row, the first of them in its last cell. One alone may be
    /// a word behind a comma that nobody quoted.
    fn is_glued_by_short_names(&self, cells: &[String]) -> bool {
        let is_name = |name: &&String| name.is_empty() || self.is_name(name);
        let behind = cells.iter().rev().take_while(is_name).count();
        let Some(at) = cells.len().checked_sub(behind + 1) else {
            return false;
        };
        let names = cells[at + 1..].iter().filter(|name| !name.is_empty());
        let mut names: Vec<String> = names.map(|name| letters_of(name)).collect();
        let last = letters_of(&cells[at]);
        let mut ends = self
            .own
            .iter()
            .filter(|own| !own.is_empty() && last.ends_with(own.as_str()));
        let are_several = names.len() > 1 && are_distinct(&names) && ends.clone().next().is_some();
        names.sort_unstable();
        let mut own = self.own.clone();
        own.sort_unstable();
        let are_all = ends.any(|end| {
            let mut all = names.clone();
            all.push(end.clone());
            all.sort_unstable();
            all.len() > 1 && all == own
        });
        cells.len() > self.own.len() && (are_several || are_all)
    }

    /// Returns what header a row is, if it is one.
    pub(super) fn judge<'t>(&self, cells: impl Iterator<Item = &'t str> + Clone) -> Option<Header> {
        if !self.may_begin(cells.clone()) {
            return None;
        }
        let names = without_empty_ends(cells.map(name_in).collect());
        let mut letters: Vec<String> = names.iter().map(|name| letters_of(name)).collect();
        if letters == self.own {
            return Some(Header::Same);
        }
        let is_header =
            self.is_of_names(&names) || self.has_paths(&names) || self.are_behind_numbers(&names);
        is_header.then(|| {
            let mut own = self.own.clone();
            own.sort_unstable();
            letters.sort_unstable();
            Header::Another(match letters == own {
                true => "with the columns in another order",
                false => "with other columns",
            })
        })
    }

    /// Tells by the first cells whether a row may be a header: nearly none may.
    fn may_begin<'t>(&self, mut cells: impl Iterator<Item = &'t str>) -> bool {
        let first = bare(cells.next().unwrap_or_default());
        let may_be_name = !self.is_value(first)
            && (self.lengths.may_have(first)
                || begins_path(first)
                || hides(first)
                || (first.contains(' ')
                    && self.lengths.may_have(&letters_of(without_type(first)))));
        // A column of row numbers may stand in front, which has a short name or none.
        let is_short = first.len() <= SHORT;
        may_be_name && self.is_column(&name_in(first))
            || cells.next().is_some_and(|second| {
                let second = bare(second);
                begins_path(second)
                    || is_short && self.lengths.may_have(second) && self.is_name(&name_in(second))
            })
    }

    /// Tells at a glance that a text is no name of a column: nearly every account has an `@`, and nearly every other key a digit.
    fn is_value(&self, text: &str) -> bool {
        text.bytes()
            .any(|byte| byte == b'@' || (byte.is_ascii_digit() && !self.have_digits))
    }

    fn is_column(&self, name: &str) -> bool {
        self.is_name(name) || is_path(name)
    }

    /// Tells whether cells are names of columns, all of them.
    fn is_of_names(&self, names: &[String]) -> bool {
        let may_be_name = |name: &String| name.is_empty() || self.is_column(name) || is_word(name);
        // Somebody may be called `name`, and a computer `count`: one of them is a path, or several are names of columns. No header
        // names two columns alike, and who is called `mail` may be so twice.
        let are_several = || {
            let letters: Vec<String> = names
                .iter()
                .filter(|name| self.is_name(name))
                .map(|name| letters_of(name))
                .collect();
            letters.len() > 1 && are_distinct(&letters)
        };
        let begins = names.first().is_some_and(|name| self.is_column(name));
        begins
            && names.iter().all(may_be_name)
            && (names.iter().any(|name| is_path(name)) || self.own.len() > 1 && are_several())
    }

    /// Tells whether all cells behind the first, and two at least, are names of columns: that numbers the rows.
    fn are_behind_numbers(&self, names: &[String]) -> bool {
        let behind = names.get(1..).unwrap_or_default();
        let letters: Vec<String> = behind.iter().map(|name| letters_of(name)).collect();
        behind.len() > 1 && behind.iter().all(|name| self.is_name(name)) && are_distinct(&letters)
    }

    /// Tells whether at least half of the cells, and two, are names of the export language that are known: there are other
    /// columns between them.
    fn has_paths(&self, names: &[String]) -> bool {
        let paths = names
            .iter()
            .filter(|name| self.paths.contains(name))
            .count();
        let said = names.iter().filter(|name| !name.is_empty()).count();
        paths >= 2 && 2 * paths >= said
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

/// Leaves out what some write behind a name: `user.name (string)`.
fn without_type(name: &str) -> &str {
    name.split_once(" (").map_or(name, |(name, _)| name)
}

/// What stays of a name as people see it, and of its path: `User name` is `user.name`.
fn letters_of(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .collect()
}

fn are_distinct(names: &[String]) -> bool {
    let all: HashSet<&String> = names.iter().collect();
    all.len() == names.len()
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
    // Nearly every key has none.
    if let [
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z',
        ..,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z',
    ] = cell.as_bytes()
    {
        return cell;
    }
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
