//! Projections: files beside the index for readers who are not to read all of it, made whenever the index's current generation
//! is another one than theirs is of.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::PathBuf;

use tracing::{error, info};

use super::error::{Error, Result, chain};
use super::{Failure, Options};
use crate::index::{self, ShownFields, mark_of, project};
use crate::publish::{Folder, Generation, Readers};

/// A file of which readers are to find whom they can name, and read nobody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// What it is called in messages.
    pub name: String,
    /// Where it is: an index by itself, with a folder of its own.
    pub path: PathBuf,
    /// Who may read it.
    pub readers: Readers,
    /// What it shows.
    pub shown: ShownFields,
}

/// Has all projections be of an index's current generation; returns those that cannot be.
///
/// # Errors
/// Where the index cannot be read, or another run is at work.
pub fn renew_projections(options: &Options) -> Result<Vec<Failure>> {
    if options.projections.is_empty() {
        return Ok(Vec::new());
    }
    let folder = Folder::open(&options.index, options.readers)?;
    let _lock = folder.lock()?;
    renew(options, &folder)
}

/// Returns the names of projections that are of something else than what is published.
///
/// # Errors
/// Where the index cannot be read.
pub fn stale_projections(options: &Options) -> Result<Vec<&str>> {
    let folder = Folder::open(&options.index, options.readers)?;
    let Some(current) = folder.current()? else {
        return Ok(Vec::new());
    };
    let stale = options.projections.iter();
    let stale = stale.filter(|projection| is_stale(projection, &current));
    Ok(stale.map(|projection| projection.name.as_str()).collect())
}

fn is_stale(projection: &Projection, current: &Generation) -> bool {
    let Ok(folder) = Folder::open(&projection.path, projection.readers) else {
        return true;
    };
    // Whoever may not look into it is told nothing.
    let seen = folder.path().join("current").metadata();
    if seen.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
        return false;
    }
    let made = folder.current().ok().flatten();
    let mark = made.and_then(|made| mark_of(&made.path).ok().flatten());
    mark != Some(projection.shown.mark(&called(current)))
}

/// Returns what a generation's file is called.
fn called(generation: &Generation) -> Cow<'_, str> {
    let name = generation.path.file_name().unwrap_or_default();
    name.to_string_lossy()
}

/// As [`renew_projections`], under the lock.
pub(crate) fn renew(options: &Options, folder: &Folder) -> Result<Vec<Failure>> {
    let Some(current) = folder.current()? else {
        return Ok(Vec::new());
    };
    let is_anybody_erased = folder.erasures()?.has_key();
    let renewed = options.projections.iter().map(|projection| {
        let renewed = renew_one(options, projection, &current, is_anybody_erased);
        renewed.err().map(|error| failure(projection, &error))
    });
    Ok(renewed.flatten().collect())
}

fn failure(projection: &Projection, error: &Error) -> Failure {
    let (name, error) = (&projection.name, chain(error));
    error!(projection = name, error, "a projection is not made");
    Failure::new(
        projection.path.display().to_string(),
        format!("the projection {name} is not of what is published: {error}"),
    )
}

fn renew_one(
    options: &Options,
    projection: &Projection,
    current: &Generation,
    is_anybody_erased: bool,
) -> Result<()> {
    let folder = Folder::open(&projection.path, projection.readers)?;
    let _lock = folder.lock()?;
    let before = mark_there(&folder, projection)?;
    let mark = projection.shown.mark(&called(current));
    if before.as_ref() != Some(&mark) {
        make(&folder, projection, current)?;
    }
    folder.link_current()?;
    let shows_the_same = before.is_some_and(|before| before.ends_with(&projection.shown.mark("")));
    match (is_anybody_erased || !shows_the_same, folder.current()?) {
        // Those who were erased, and what is not to be shown any more, are in the ones before.
        (true, Some(made)) => folder.remove_before(made.number)?,
        _ => folder.prune(1, options.prune_after)?,
    }
    Ok(())
}

/// Returns the mark of the projection that is there; none where there is none, or it is damaged.
///
/// # Errors
/// Where something else is there.
fn mark_there(folder: &Folder, projection: &Projection) -> Result<Option<String>> {
    let there = folder.clean().and_then(|()| folder.current());
    let there = there.and_then(|there| {
        let mark = there.as_ref().map(|there| mark_of(&there.path));
        Ok((mark.transpose()?.flatten(), there))
    });
    match there {
        Ok((Some(mark), Some(there))) => Ok(there.verify().is_ok().then_some(mark)),
        Ok((_, None)) => Ok(None),
        // Whatever became of it, it is made anew.
        _ if folder.is_projection() => Ok(None),
        Ok(_) => Err(index::Error::Foreign {
            path: projection.path.display().to_string(),
            found: "an index by itself",
        }
        .into()),
        Err(error) => Err(error.into()),
    }
}

fn make(folder: &Folder, projection: &Projection, current: &Generation) -> Result<()> {
    folder.set_projection(&projection.name)?;
    let number = folder.next_number()?.max(current.number);
    let building = folder.building();
    let made = project(
        &current.path,
        &called(current),
        &projection.shown,
        &building,
    );
    let made = made.and_then(|file| folder.publish_file(&building, file, number));
    if made.is_err() {
        folder.abandon();
    }
    made?;
    info!(
        projection = projection.name,
        generation = number,
        "projected"
    );
    Ok(())
}
