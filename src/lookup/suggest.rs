//! Names that resemble a text which found nobody: for a person to choose from, never an answer.
//!
//! They disclose who is there, so they are given on request only. All names are read, which takes a fraction of a second
//! at a million accounts. How texts compare is `resemblance`'s affair.

use super::generation::Generation;
use super::reader::Reader;
use super::resemblance::{Likeness, Pattern, PersonPattern};
use super::row::Row;
use super::select::{Select, Selected};
use crate::error::Error;
use crate::identifier::Kind;
use crate::schema::{Class, Subject, flag};
use crate::sealed::is_sealed;
use crate::sqlite;

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
        let mut shown: Vec<Suggestion> = shown.collect::<sqlite::Result<_>>()?;
        // By what the files say, not by the order in which they came.
        shown.sort_by(|left, right| {
            let order =
                |one: &Suggestion| (one.likeness, one.name.clone(), one.kind, one.uid.clone());
            order(left).cmp(&order(right))
        });
        Ok(shown)
    })
}

/// The kinds of identifiers of accounts that people know, in the order in which one is shown.
const KINDS: [Kind; 3] = [Kind::AccountName, Kind::Upn, Kind::Email];

/// What accounts are compared with.
struct AccountPatterns {
    of_kinds: [Option<Pattern>; 3],
    person: Option<PersonPattern>,
}

impl AccountPatterns {
    /// Returns the identifier of an account by which it resembles most; `values` are those of `KINDS`.
    fn best<'v>(
        &self,
        values: [Option<&'v str>; 3],
        full_name: Option<&str>,
    ) -> Option<(Likeness, Kind, &'v str)> {
        let of_kinds = self.of_kinds.iter().zip(KINDS).zip(values);
        let likenesses = of_kinds.filter_map(|((pattern, kind), value)| {
            let likeness = pattern.as_ref()?.likeness(value?)?;
            Some((likeness, kind, value?))
        });
        likenesses
            .min_by_key(|(likeness, ..)| *likeness)
            .or_else(|| {
                let likeness = self.person.as_ref()?.likeness(full_name?)?;
                let mut named = KINDS.into_iter().zip(values);
                named.find_map(|(kind, value)| Some((likeness, kind, value?)))
            })
    }
}

fn accounts(reader: &Reader, text: &str) -> sqlite::Result<Vec<Found>> {
    let patterns = AccountPatterns {
        of_kinds: KINDS.map(|kind| Pattern::new(kind, text)),
        person: PersonPattern::new(text),
    };
    let columns = [
        "owner",
        "flags",
        "class",
        "name",
        "upn",
        "email",
        "full_name",
    ];
    let select = Select::all(reader.finder.file(), "account", &columns)?;
    let mut rows = reader.finder.file().rows("account")?;
    let mut found = Vec::new();
    while let Some((id, row)) = rows.next()? {
        let row = select.from(row)?;
        if !is_there(&row)? {
            continue;
        }
        let class = Class::from_code(row.number(2)?).unwrap_or_default();
        let value = |at: usize| shown_in(&row, at);
        let best = match class.is_skipped() {
            true => None,
            false => patterns.best([value(3), value(4), value(5)], value(6)),
        };
        if let Some((likeness, kind, name)) = best {
            let one = Found {
                likeness,
                name: name.to_owned(),
                kind,
                subject: Subject::Account,
                id: id as u32,
            };
            push(&mut found, one);
        }
    }
    Ok(found)
}

fn devices(reader: &Reader, text: &str) -> sqlite::Result<Vec<Found>> {
    let Some(pattern) = Pattern::new(Kind::DeviceName, text) else {
        return Ok(Vec::new());
    };
    let select = Select::all(reader.finder.file(), "device", &["owner", "flags", "name"])?;
    let mut rows = reader.finder.file().rows("device")?;
    let mut found = Vec::new();
    while let Some((id, row)) = rows.next()? {
        let row = select.from(row)?;
        if !is_there(&row)? {
            continue;
        }
        let Some(name) = shown_in(&row, 2) else {
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
                    id: id as u32,
                },
            );
        }
    }
    Ok(found)
}

/// Tells whether a row is a subject of its own that is not gone.
fn is_there(row: &Selected) -> sqlite::Result<bool> {
    let owner: Option<u32> = row.optional(0)?;
    Ok(owner.is_none() && row.number::<u8>(1)? & flag::GONE == 0)
}

/// Returns a text of a row that may be shown.
fn shown_in<'r>(row: &Selected<'r>, at: usize) -> Option<&'r str> {
    let text = row.value(at).ok()?.text()?;
    (!is_sealed(text)).then_some(text)
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

fn shown(reader: &Reader, one: Found) -> sqlite::Result<Suggestion> {
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
