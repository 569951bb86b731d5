//! Forgetting: a person is erased from the index, and stays so.
//!
//! The list of who was erased is made durable first: where the program ends before a generation without them is published,
//! the next run makes it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tracing::info;

use super::error::Result;
use super::projections::renew;
use super::{Error, Failure, Options};
use crate::index::{self, AccountKeys, Erased, Kept, LetGo, Made, Person, Rules, Sieve, sift};
use crate::publish::{Erasures, Folder, Generation};
use crate::schema::BySubject;

/// What became of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// By which it can be undone.
    pub id: u64,
    /// The generation without the person; the only one that there is.
    pub generation: u64,
    /// What was let go.
    pub let_go: LetGo,
    /// Projections that the person is in still.
    pub failures: Vec<Failure>,
}

/// Who is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whom {
    /// An account that exports of users tell of.
    Account(AccountKeys),
    /// One that only others name, as the user of a device, by a SID, uid or account name.
    Named(String),
}

/// Erases an account of an index: makes a generation without it, removes all others, and keeps keyed hashes of what it is known
/// by, so that later files do not bring it back. `key` is 32 bytes by chance, used where nobody was erased before.
///
/// # Errors
/// When another run is at work, there is no such account, or a file cannot be written. Where the list was written, the next run
/// does the rest.
pub fn forget(options: &Options, whom: &Whom, reason: &str, key: [u8; 32]) -> Result<Forgotten> {
    let folder = Folder::open(&options.index, options.readers)?;
    folder.is_whole()?;
    folder.is_made_here()?;
    let _lock = folder.lock()?;
    folder.clean()?;
    let current = folder.current()?.ok_or(index::Error::Empty)?;
    current.verify()?;
    let person = match whom {
        Whom::Account(keys) => index::person(&current.path, keys)?,
        Whom::Named(text) => named(&folder, &current, text, key)?,
    };
    let person = person.ok_or(Error::Nobody)?;
    let (mut erasures, _) = folder.erasures_of(&current)?;
    if !erasures.has_key() {
        erasures = Erasures::begin(key);
    }
    let id = erasures.add(&person, reason, Timestamp::now());
    let id = id.ok_or(index::Error::Inconsistent("a list of who was erased"))?;
    folder.set_erasures(&erasures)?;
    let (generation, let_go) = make_without(options, &folder, &current)?;
    Ok(Forgotten {
        id,
        generation,
        let_go,
        failures: renew(options, &folder)?,
    })
}

/// Says what erasing somebody would let go; nothing is changed.
///
/// # Errors
/// As those of [`forget`].
pub fn would_forget(options: &Options, person: &Person) -> Result<Option<LetGo>> {
    let folder = Folder::open(&options.index, options.readers)?;
    let _lock = folder.lock()?;
    let current = folder.current()?.ok_or(index::Error::Empty)?;
    if person.rows.is_empty() && index::is_anybodys(&current.path, person)? {
        return Err(Error::Former);
    }
    let_go(&folder, &current, person, [0; 32])
}

/// Returns whom others name by a text; none where none does.
fn named(
    folder: &Folder,
    current: &Generation,
    text: &str,
    key: [u8; 32],
) -> Result<Option<Person>> {
    let Some(person) = index::person_named(text) else {
        return Ok(None);
    };
    if index::is_anybodys(&current.path, &person)? {
        return Err(Error::Former);
    }
    let let_go = let_go(folder, current, &person, key)?;
    Ok(let_go.map(|_| person))
}

/// Says what erasing somebody lets go of a generation.
fn let_go(
    folder: &Folder,
    current: &Generation,
    person: &Person,
    key: [u8; 32],
) -> Result<Option<LetGo>> {
    let mut only = Erasures::begin(key);
    only.add(person, "", Timestamp::UNIX_EPOCH);
    let sieve = Sieve {
        keep_for: None,
        before: BySubject::default(),
        erased: &only.hashes().unwrap_or_default(),
    };
    let let_go = sift(&current.path, &folder.sifted(), &sieve)?;
    let _ = std::fs::remove_file(folder.sifted());
    Ok(let_go)
}

/// Does what an erasure that was ended left to do, and tells whether it did anything. Only under the lock.
///
/// # Errors
/// Where the list of who was erased is not the one that the index was made with.
pub(super) fn settle(options: &Options, folder: &Folder) -> Result<bool> {
    let Some(current) = folder.current()? else {
        return Ok(false);
    };
    let (_, is_done) = folder.erasures_of(&current)?;
    let is_due = !is_done && !options.is_dry_run;
    if is_due {
        current.verify()?;
        make_without(options, folder, &current)?;
    }
    Ok(is_due)
}

/// Publishes a generation without all who were erased, and removes all others.
fn make_without(options: &Options, folder: &Folder, current: &Generation) -> Result<(u64, LetGo)> {
    let mut erasures = folder.erasures()?;
    let erased = Arc::new(erasures.hashes().unwrap_or_default());
    let spool = folder.spool()?;
    let made = remade(options, folder, (&current.path, &spool), &erased);
    let _ = std::fs::remove_dir_all(&spool);
    if made.is_err() {
        folder.abandon();
    }
    let (made, let_go) = made?;
    let published = folder.publish(made)?;
    let _ = std::fs::remove_file(folder.sifted());
    folder.prune(1, Duration::ZERO)?;
    folder.link_current()?;
    if folder.generations()?.len() != 1 {
        return Err(index::Error::Inconsistent("a generation that was removed is there").into());
    }
    erasures.done(published.generation);
    folder.set_erasures(&erasures)?;
    info!(generation = published.generation, "erased");
    Ok((published.generation, let_go))
}

/// Makes the next generation of one without those who were erased.
fn remade(
    options: &Options,
    folder: &Folder,
    (current, spool): (&Path, &Path),
    erased: &Arc<Erased>,
) -> Result<(Made, LetGo)> {
    let (rules, number) = (options.rules((&[], &[])), folder.next_number()?);
    let kept = Kept::load(Some(current), spool, number)?;
    // What is sifted is of this format.
    let older = spool.join("written-anew.db");
    let current = match kept.is_outdated() {
        true => kept.make(&rules, &older)?.path,
        false => current.to_owned(),
    };
    let sieve = Sieve {
        keep_for: None,
        before: BySubject::default(),
        erased,
    };
    let let_go = sift(&current, &folder.sifted(), &sieve)?;
    let from = match let_go {
        Some(_) => folder.sifted(),
        None => current,
    };
    let made = made_of(&from, (folder, spool), &rules, number, erased)?;
    Ok((made, let_go.unwrap_or_default()))
}

/// Makes a generation of another one, without new rows.
pub(super) fn made_of(
    from: &Path,
    (folder, spool): (&Folder, &Path),
    rules: &Rules,
    number: u64,
    erased: &Arc<Erased>,
) -> Result<Made> {
    let kept = Kept::load(Some(from), spool, number)?.without(Arc::clone(erased));
    Ok(kept.make(rules, &folder.building())?)
}
