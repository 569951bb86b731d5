//! Names that resemble a text which found nobody: for a person to choose from, never an answer.
//!
//! They disclose who is there, so they are given on request only. All names are read, which takes a fraction of a second
//! at a million accounts. How texts compare is `resemblance`'s affair.

use super::generation::Generation;
use super::reader::Reader;
use super::resemblance::{Likeness, Pattern, PersonPattern};
use super::row::Row;
use crate::error::Error;
use crate::identifier::Kind;
use crate::schema::{Class, Subject};

/// Suggestions that are given.
const GIVEN_AT_MOST: usize = 10;
/// Names that are kept before they are sorted out.
const KEPT_AT_MOST: usize = 1_000;

/// A name that resembles what was asked for. Not a match: nothing says that it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suggestion {
    /// `AccountName`, `Upn`, `Email` or `DeviceName`.
    pub kind: Kind,
    /// The name as exported. Where what the person is called resembles the text, by what the account is asked for.
    pub name: String,
    /// How it resembles the text.
    pub likeness: Likeness,
    /// The class of an account.
    pub class: Option<Class>,
    /// What the person is called whose account it is.
    pub full_name: Option<String>,
    /// Its uid: of an account, or a device.
    pub uid: Option<String>,
}

/// A name that resembles a text, and whose it is.
#[derive(Debug)]
struct Found {
    likeness: Likeness,
    name: String,
    kind: Kind,
    subject: Subject,
    id: u32,
}

/// Reads all names of a generation, accounts and devices side by side.
pub(super) fn suggest(generation: &Generation, text: &str) -> Result<Vec<Suggestion>, Error> {
    let accounts = || generation.read(|reader| accounts(reader, text));
    let devices = || generation.read(|reader| devices(reader, text));
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
    let mut found = accounts?;
    found.extend(devices?);
    sort_out(&mut found);
    generation.read(|reader| {
        let shown = found.into_iter().map(|one| shown(reader, one));
        shown.collect()
    })
}

fn accounts(reader: &Reader, text: &str) -> rusqlite::Result<Vec<Found>> {
    const KINDS: [Kind; 3] = [Kind::AccountName, Kind::Upn, Kind::Email];
    let patterns = KINDS.map(|kind| Pattern::new(kind, text));
    let person = PersonPattern::new(text);
    let mut select = reader.prepare_cached(
        "SELECT id, class, name, upn, email, full_name FROM account WHERE owner IS NULL",
    )?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let class = Class::from_code(row.get(1)?).unwrap_or_default();
        if class.is_skipped() {
            continue;
        }
        let value = |at: usize| row.get_ref(at).ok()?.as_str().ok();
        let of_kinds = patterns.iter().zip(KINDS).zip(2..);
        let mut best = of_kinds
            .filter_map(|((pattern, kind), at)| {
                let value = value(at)?;
                Some((pattern.as_ref()?.likeness(value)?, kind, value))
            })
            .min_by_key(|(likeness, ..)| *likeness);
        if best.is_none() {
            let full_name = value(5);
            let likeness = full_name.and_then(|name| person.as_ref()?.likeness(name));
            let mut named = KINDS.into_iter().zip(2..);
            let called = named.find_map(|(kind, at)| Some((kind, value(at)?)));
            best = likeness
                .zip(called)
                .map(|(likeness, (kind, value))| (likeness, kind, value));
        }
        if let Some((likeness, kind, value)) = best {
            push(
                &mut found,
                Found {
                    likeness,
                    name: value.to_owned(),
                    kind,
                    subject: Subject::Account,
                    id: row.get(0)?,
                },
            );
        }
    }
    Ok(found)
}

fn devices(reader: &Reader, text: &str) -> rusqlite::Result<Vec<Found>> {
    let Some(pattern) = Pattern::new(Kind::DeviceName, text) else {
        return Ok(Vec::new());
    };
    let mut select = reader.prepare_cached("SELECT id, name FROM device WHERE owner IS NULL")?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(name) = row.get_ref(1)?.as_str() else {
            continue;
        };
        if let Some(likeness) = pattern.likeness(name) {
            push(
                &mut found,
                Found {
                    likeness,
                    name: name.to_owned(),
                    kind: Kind::DeviceName,
                    subject: Subject::Device,
                    id: row.get(0)?,
                },
            );
        }
    }
    Ok(found)
}

fn push(found: &mut Vec<Found>, one: Found) {
    found.push(one);
    if found.len() == KEPT_AT_MOST {
        sort_out(found);
    }
}

/// Sorts the closest names to the front and drops the others. Those of one spelling are all kept: they are of several.
fn sort_out(found: &mut Vec<Found>) {
    found.sort_by(|left, right| {
        let order = |one: &Found| (one.likeness, one.kind, one.id);
        (left.likeness, &left.name, order(left)).cmp(&(right.likeness, &right.name, order(right)))
    });
    found.truncate(GIVEN_AT_MOST);
}

fn shown(reader: &Reader, one: Found) -> rusqlite::Result<Suggestion> {
    let row = Row::read(reader, one.subject, one.id)?;
    let row = row.as_ref();
    let is_account = one.subject == Subject::Account;
    Ok(Suggestion {
        kind: one.kind,
        name: one.name,
        likeness: one.likeness,
        class: row.map(|row| row.class).filter(|_| is_account),
        full_name: row.and_then(|row| row.full_name().map(str::to_owned)),
        uid: row.and_then(|row| row.ids_and_name()[0].map(str::to_owned)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_names_come_first_and_no_more_than_a_person_reads() {
        let one = |id: u32, name: &str, likeness| Found {
            likeness,
            name: name.to_owned(),
            kind: Kind::DeviceName,
            subject: Subject::Device,
            id,
        };
        let mut all: Vec<_> = (0..20)
            .map(|at| one(at, &format!("n{at:02}"), Likeness::Prefix))
            .collect();
        all.push(one(30, "z", Likeness::OneEdit));
        sort_out(&mut all);
        assert_eq!(all.len(), GIVEN_AT_MOST);
        assert_eq!((all[0].name.as_str(), all[1].name.as_str()), ("z", "n00"));
    }
}
