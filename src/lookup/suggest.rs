//! Names that resemble a text which found nobody: for a person to choose from, never an answer.
//!
//! They disclose who is there, so they are given on request only. All names are read, which takes a fraction of a second
//! at a million accounts.

use rusqlite::Connection;

use super::generation::Generation;
use crate::error::Error;
use crate::identifier::{Kind, normal_form, sam, short_name};
use crate::schema::{Class, Subject};

/// Suggestions that are given.
const GIVEN_AT_MOST: usize = 10;
/// Names that are kept before they are sorted out.
const KEPT_AT_MOST: usize = 1_000;
/// A text of fewer letters resembles too much.
const LETTERS_AT_LEAST: usize = 3;
/// From so many letters on, two edits leave a name recognisable.
const LETTERS_FOR_TWO: usize = 6;

/// A name that resembles what was asked for. Not a match: nothing says that it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suggestion {
    /// `AccountName` or `DeviceName`.
    pub kind: Kind,
    /// The name as exported.
    pub name: String,
    /// How it resembles the text.
    pub likeness: Likeness,
}

/// How a name resembles a text; the closer one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// One letter is another, missing, too many, or changed places with the next.
    OneEdit,
    /// The name goes on where the text ends.
    Prefix,
    /// Two such edits.
    TwoEdits,
}

impl Likeness {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Likeness::OneEdit => "one_edit",
            Likeness::Prefix => "prefix",
            Likeness::TwoEdits => "two_edits",
        }
    }
}

/// Reads all names of a generation, accounts and devices side by side.
pub(super) fn suggest(generation: &Generation, text: &str) -> Result<Vec<Suggestion>, Error> {
    let read = |kind, subject, sql| {
        move || match Pattern::new(kind, text) {
            Some(pattern) => generation.read(|connection| pattern.scan(connection, subject, sql)),
            None => Ok(Vec::new()),
        }
    };
    const ACCOUNTS: &str = "SELECT name, class FROM account WHERE owner IS NULL";
    const DEVICES: &str = "SELECT name, class FROM device WHERE owner IS NULL";
    let accounts = read(Kind::AccountName, Subject::Account, ACCOUNTS);
    let devices = read(Kind::DeviceName, Subject::Device, DEVICES);
    let (accounts, devices) = std::thread::scope(|scope| {
        let other = std::thread::Builder::new().spawn_scoped(scope, accounts);
        let devices = devices();
        let accounts = match other.map(|other| other.join()) {
            // A panic of the other thread is one of this call.
            Ok(joined) => joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            // Where no thread can be had, one after the other.
            Err(_) => accounts(),
        };
        (accounts, devices)
    });
    let mut suggestions = accounts?;
    suggestions.extend(devices?);
    sort_out(&mut suggestions);
    Ok(suggestions)
}

/// Sorts the closest names to the front and drops the others.
fn sort_out(suggestions: &mut Vec<Suggestion>) {
    suggestions.sort_by(|left, right| {
        (left.likeness, &left.name, left.kind).cmp(&(right.likeness, &right.name, right.kind))
    });
    suggestions.dedup_by(|later, first| (later.kind, &later.name) == (first.kind, &first.name));
    suggestions.truncate(GIVEN_AT_MOST);
}

/// What names are compared with.
struct Pattern {
    kind: Kind,
    normal: String,
    letters: usize,
    mask: u64,
    edits: usize,
}

impl Pattern {
    /// Returns none for a text that is no name, or too short to resemble one.
    fn new(kind: Kind, text: &str) -> Option<Pattern> {
        let normal = normal_form(kind, text).ok()?.into_owned();
        let letters = normal.chars().count();
        (letters >= LETTERS_AT_LEAST).then(|| Pattern {
            kind,
            letters,
            mask: mask(&normal),
            edits: if letters >= LETTERS_FOR_TWO { 2 } else { 1 },
            normal,
        })
    }

    fn scan(
        &self,
        connection: &Connection,
        subject: Subject,
        sql: &str,
    ) -> rusqlite::Result<Vec<Suggestion>> {
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let Ok(name) = row.get_ref(0)?.as_str() else {
                continue;
            };
            let is_skipped = || {
                let class = row.get(1).ok().and_then(Class::from_code);
                subject == Subject::Account && class.is_some_and(Class::is_skipped)
            };
            let Some(likeness) = self.likeness(name).filter(|_| !is_skipped()) else {
                continue;
            };
            found.push(Suggestion {
                kind: self.kind,
                name: name.to_owned(),
                likeness,
            });
            if found.len() == KEPT_AT_MOST {
                sort_out(&mut found);
            }
        }
        Ok(found)
    }

    /// Compares a name whole and without its domain.
    fn likeness(&self, name: &str) -> Option<Likeness> {
        let normal = normal_form(self.kind, name).ok()?;
        let short = match self.kind {
            Kind::AccountName => Some(sam(&normal)),
            _ => short_name(&normal),
        };
        let whole = self.likeness_to(&normal);
        short
            .into_iter()
            .filter_map(|short| self.likeness_to(short))
            .chain(whole)
            .min()
    }

    fn likeness_to(&self, name: &str) -> Option<Likeness> {
        let letters = name.chars().count();
        // Each edit changes at most two letters of those that are there.
        let is_near = letters.abs_diff(self.letters) <= self.edits
            && (mask(name) ^ self.mask).count_ones() as usize <= 2 * self.edits;
        let edits = is_near.then(|| strsim::osa_distance(&self.normal, name));
        match edits {
            Some(1) => Some(Likeness::OneEdit),
            _ if letters > self.letters && name.starts_with(&self.normal) => Some(Likeness::Prefix),
            Some(2) if self.edits == 2 => Some(Likeness::TwoEdits),
            _ => None,
        }
    }
}

/// Returns which letters a name has, many letters to a bit.
fn mask(name: &str) -> u64 {
    name.chars()
        .fold(0, |mask, letter| mask | 1 << (letter as u32 % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(text: &str, name: &str) -> Option<Likeness> {
        Pattern::new(Kind::AccountName, text)?.likeness(name)
    }

    #[test]
    fn a_name_resembles_by_edits_or_as_a_beginning() {
        assert_eq!(likeness("jdeo", "jdoe@EMEA"), Some(Likeness::OneEdit));
        assert_eq!(
            likeness(r"EMEA\jdoee", "jdoe@EMEA"),
            Some(Likeness::OneEdit)
        );
        assert_eq!(likeness("jdoe", "jdoe2@EMEA"), Some(Likeness::OneEdit));
        assert_eq!(likeness("jdoe", "jdoester@EMEA"), Some(Likeness::Prefix));
        assert_eq!(
            likeness("almeida", "alneyda@EMEA"),
            Some(Likeness::TwoEdits)
        );
        assert_eq!(likeness("almeida", "alneydo@EMEA"), None);
        assert_eq!(
            likeness("jdoe", "jxye@EMEA"),
            None,
            "two edits of four letters"
        );
        assert_eq!(
            likeness("jd", "jdoe@EMEA"),
            None,
            "two letters resemble too much"
        );
        assert_eq!(likeness("jdoe", "jdoe@EMEA"), Some(Likeness::Prefix));
    }

    #[test]
    fn the_closest_names_come_first_and_no_more_than_a_person_reads() {
        let one = |name: &str, likeness| Suggestion {
            kind: Kind::DeviceName,
            name: name.to_owned(),
            likeness,
        };
        let mut all: Vec<_> = (0..20)
            .map(|at| one(&format!("n{at:02}"), Likeness::Prefix))
            .collect();
        all.push(one("z", Likeness::OneEdit));
        all.push(one("z", Likeness::OneEdit));
        sort_out(&mut all);
        assert_eq!(all.len(), GIVEN_AT_MOST);
        assert_eq!((all[0].name.as_str(), all[1].name.as_str()), ("z", "n00"));
    }
}
