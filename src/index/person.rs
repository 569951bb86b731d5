//! All that a generation says of one account: the row of each claim, its usages' mentions aside.

use std::path::Path;

use super::error::Result;
use super::last::Last;
use super::subject::{is_key_sid, keys_in};
use super::text::{Fields, Texts};
use crate::bucket::Hash;
#[cfg(feature = "cli")]
use crate::identifier::Naming;
use crate::identifier::{Kind, normal_form};
use crate::schema::{
    FieldType, HEAD_COLUMNS, NAME, STRONG, Subject, account_field, flag, microseconds_of,
};
use crate::sealed::{filed, is_sealed};
use crate::sqlite::{Columns, Value};

/// An account by the keys that an answer shows of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountKeys {
    /// The SID.
    pub sid: Option<String>,
    /// `user.uid`.
    pub uid: Option<String>,
    /// `sam@DOMAIN`.
    pub name: Option<String>,
}

/// What a claim's row says, field by field: what it says nothing of is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PersonRow {
    /// Names of fields and what they say; times as stored.
    pub fields: Vec<(&'static str, String)>,
    /// What no field takes, as a JSON object.
    pub extra: Option<String>,
}

/// What a generation says of an account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The account's id, as views have it.
    pub id: i64,
    /// One for each way in which exports told of it.
    pub rows: Vec<PersonRow>,
    /// The hashes of all keys that it ever had.
    pub keys: Vec<(Kind, u64)>,
    /// What else identifies the account: the keys as they are shown, and addresses.
    pub values: Vec<String>,
    /// What the person was ever called.
    pub full_names: Vec<String>,
    /// The hashes of what the person was called once, and is not kept in clear.
    pub sealed_names: Vec<u64>,
}

/// Returns one whom no export of users tells of, by what others name the account by; none where the text is no key.
pub fn person_named(text: &str) -> Option<Person> {
    let kinds = [Kind::Sid, Kind::Uid, Kind::AccountName].into_iter();
    let normals = kinds.filter_map(|kind| Some((kind, normal_form(kind, text).ok()?)));
    let keys: Vec<_> = normals
        .map(|(kind, normal)| (kind, Hash::of(&normal).high))
        .collect();
    let person = Person {
        keys,
        values: vec![text.to_owned()],
        ..Person::default()
    };
    (!person.keys.is_empty()).then_some(person)
}

/// Returns all that a generation says of an account; none where it has no such one.
///
/// # Errors
/// When the generation cannot be read.
pub fn person(generation: &Path, keys: &AccountKeys) -> Result<Option<Person>> {
    let last = Last::open_whole(generation)?;
    let texts = Texts::load(last.reader.rows("text")?)?;
    let mut subject = None;
    each_row(&last, |id, head, text| {
        if head.owner.is_none() && shown_keys(&texts, text)? == *keys {
            subject = Some(id);
        }
        Ok(())
    })?;
    let Some(subject) = subject else {
        return Ok(None);
    };
    let mut person = Person {
        id: subject,
        ..Person::default()
    };
    each_row(&last, |id, head, text| {
        match head.is_claim && head.owner.unwrap_or(id) == subject {
            true => person.add(head.flags, &texts, text),
            false => Ok(()),
        }
    })?;
    Ok(Some(person))
}

/// Returns what accounts or devices are called, or else known by, of some ids.
///
/// # Errors
/// When the generation cannot be read.
pub fn names_of(generation: &Path, subject: Subject, ids: &[u32]) -> Result<Vec<String>> {
    let last = Last::open(generation)?;
    let texts = Texts::load(last.reader.rows("text")?)?;
    let mut rows = last.reader.rows(subject.table())?;
    let mut names = Vec::with_capacity(ids.len());
    for id in ids {
        let Some(mut columns) = rows.find(i64::from(*id))? else {
            continue;
        };
        columns.skip(HEAD_COLUMNS.len() + 1)?;
        let fields = Fields::read(subject, columns)?;
        let keys = [NAME, STRONG, STRONG + 1];
        let shown = keys.iter().find_map(|key| texts.shown(fields.values[*key]));
        names.extend(shown.map(|name| name.into_owned()));
    }
    Ok(names)
}

/// Tells whether an account, that bears another name today, ever had one of a person's keys.
///
/// # Errors
/// When the generation cannot be read.
pub fn is_anybodys(generation: &Path, person: &Person) -> Result<bool> {
    let last = Last::open(generation)?;
    let texts = Texts::load(last.reader.rows("text")?)?;
    let mut is_one = false;
    each_row(&last, |_, _, text| {
        let keys = keys_in(Subject::Account, text, &texts)?;
        let keys = Subject::Account.key_kinds().into_iter().zip(keys);
        is_one |= keys
            .filter_map(|(kind, key)| Some((kind, key?)))
            .any(|key| person.keys.contains(&key));
        Ok(())
    })?;
    Ok(is_one)
}

/// What stands before a row's text.
struct RowHead {
    owner: Option<i64>,
    flags: u8,
    /// It is not of a subject that several claims tell of, and that says what they do.
    is_claim: bool,
}

/// Reads the rows of all accounts: id, head and text.
fn each_row(last: &Last, mut each: impl FnMut(i64, RowHead, Columns) -> Result<()>) -> Result<()> {
    let mut rows = last.reader.rows(Subject::Account.table())?;
    while let Some((id, mut columns)) = rows.next()? {
        columns.skip(1)?;
        let owner = columns.take()?.integer();
        columns.skip(1)?;
        let flags = columns.take()?.integer().unwrap_or_default() as u8;
        columns.skip(4)?;
        let parts = columns.take()?.blob();
        columns.skip(HEAD_COLUMNS.len() - 8)?;
        let head = RowHead {
            owner,
            flags,
            is_claim: parts.is_some_and(|parts| !parts.is_empty()),
        };
        each(id, head, columns)?;
    }
    Ok(())
}

fn shown_keys(texts: &Texts, mut text: Columns) -> Result<AccountKeys> {
    let mut key = || {
        let shown = texts.shown(text.take()?);
        Ok::<_, super::Error>(shown.map(|shown| shown.into_owned()))
    };
    Ok(AccountKeys {
        sid: key()?,
        uid: key()?,
        name: key()?,
    })
}

impl Person {
    fn add(&mut self, flags: u8, texts: &Texts, text: Columns) -> Result<()> {
        let is_sid_key = flags & flag::LOCAL_SID == 0 && is_key_sid(text, texts)?;
        let read = Fields::read(Subject::Account, text)?;
        let mut row = PersonRow {
            fields: Vec::new(),
            extra: read.extra.as_deref().map(str::to_owned),
        };
        for (at, (field, value)) in Subject::Account
            .fields()
            .iter()
            .zip(read.values)
            .enumerate()
        {
            let Some(shown) = shown(texts, field.kind, value) else {
                continue;
            };
            if let (FieldType::Key(kind) | FieldType::Identifier(kind), true) =
                (field.kind, is_sealed(&shown))
            {
                self.keys.push((kind, filed(&shown).high));
                continue;
            }
            if let FieldType::Key(kind) = field.kind {
                let is_key = at != STRONG || is_sid_key;
                self.add_key(is_key, kind, &shown);
            }
            if matches!(field.kind, FieldType::Identifier(_)) {
                self.values.push(shown.clone());
            }
            if at == account_field::FULL_NAME && is_sealed(&shown) {
                self.sealed_names.push(filed(&shown).high);
                continue;
            }
            if at == account_field::FULL_NAME {
                self.full_names.push(shown.clone());
            }
            row.fields.push((field.name, shown));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Computers have SIDs alike: one that is shown to be local tells of nobody.
    fn add_key(&mut self, is_key: bool, kind: Kind, shown: &str) {
        let Ok(normal) = normal_form(kind, shown) else {
            return;
        };
        let hash = Hash::of(&normal).high;
        match is_key {
            true => {
                self.keys.push((kind, hash));
                self.values.push(shown.to_owned());
            }
            false => self.keys.push((Kind::WeakSid, hash)),
        }
    }

    /// Returns what tells whether texts of others name the person.
    #[cfg(feature = "cli")]
    pub(crate) fn naming(&self) -> Naming {
        Naming::of(&self.values, &self.full_names)
    }
}

fn shown(texts: &Texts, kind: FieldType, value: Value) -> Option<String> {
    match kind {
        FieldType::Time => {
            let time = jiff::Timestamp::from_microsecond(microseconds_of(value.integer()?));
            time.ok().map(|time| time.to_string())
        }
        _ => texts.shown(value).map(|text| text.into_owned()),
    }
}
