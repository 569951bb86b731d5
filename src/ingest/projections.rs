//! Projections: files beside the index for readers who are not to read all of it, made whenever the index's current generation
//! is another one than theirs is of.

use std::borrow::Cow;
use std::path::PathBuf;

use tracing::{error, info};

use super::error::{Error, Result, chain};
use super::{Failure, Options};
use crate::index::{self, ShownFields, is_projection_of, project, shows};
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
    let is_current = |projection: &Projection| {
        let made = Folder::open(&projection.path, projection.readers)?.current()?;
        match made {
            Some(made) => is_projection_of(&made.path, &projection.shown, &called(&current)),
            None => Ok(false),
        }
    };
    let stale = options.projections.iter();
    let stale = stale.filter(|projection| !is_current(projection).unwrap_or_default());
    Ok(stale.map(|projection| projection.name.as_str()).collect())
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
    let is_of_now = is_of(&folder, projection, current)?;
    let was_shown = folder.current().ok().flatten();
    let was_shown = was_shown.map(|before| shows(&before.path, &projection.shown));
    if !is_of_now {
        make(&folder, projection, current)?;
    }
    folder.link_current()?;
    let is_narrowed = !matches!(was_shown, Some(Ok(true)));
    match (is_anybody_erased || is_narrowed, folder.current()?) {
        // Those who were erased, and what is not to be shown any more, are in the ones before.
        (true, Some(made)) => folder.remove_before(made.number)?,
        _ => folder.prune(1, options.prune_after)?,
    }
    Ok(())
}

/// Tells whether what is there is what is to be there, and whole.
///
/// # Errors
/// Where it is nothing that a projection replaces.
fn is_of(folder: &Folder, projection: &Projection, current: &Generation) -> Result<bool> {
    let is_ours = folder.is_projection();
    let before = match folder.clean().and_then(|()| folder.current()) {
        // Whatever became of it, it is made anew.
        Err(_) if is_ours => return Ok(false),
        before => before?,
    };
    let Some(before) = before else {
        return Ok(false);
    };
    if !is_ours && !index::is_projection(&before.path)? {
        return Err(index::Error::Foreign {
            path: projection.path.display().to_string(),
            found: "an index by itself",
        }
        .into());
    }
    let is_of = is_projection_of(&before.path, &projection.shown, &called(current));
    Ok(is_of.unwrap_or_default() && before.verify().is_ok())
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
