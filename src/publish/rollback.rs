//! Going back to an older generation, and telling which there are.

use std::time::SystemTime;

use super::folder::Folder;
use super::generation::Generation;
use super::undone::Undone;
use crate::index::{Error, Result, erasures_of, identity_of, objects_of};
use crate::observation::Object;

/// What a rollback did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The number of the generation that was current.
    pub from: u64,
    /// The number of the one that is.
    pub to: u64,
    /// Objects that runs leave out from now on, until they are asked to retry.
    pub undone: Vec<String>,
    /// The objects that were undone could be read; otherwise the next run takes them in again.
    pub is_listed: bool,
}

/// A generation in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The generation.
    pub generation: Generation,
    /// What it is to the index.
    pub state: GenerationState,
    /// Its size.
    pub size_bytes: u64,
    /// When it was made.
    pub made_at: SystemTime,
}

/// What a generation is to the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationState {
    /// Readers read it.
    Current,
    /// It was current, and newer ones were made of it.
    Older,
    /// A rollback went back behind it; the next publication removes it.
    Undone,
}

impl GenerationState {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            GenerationState::Current => "current",
            GenerationState::Older => "older",
            GenerationState::Undone => "undone",
        }
    }
}

impl Undone {
    /// Tells whether runs leave an object out.
    pub fn leaves_out(&self, object: &Object) -> bool {
        self.has(identity_of(object))
    }
}

/// Lists the generations in a folder, the newest first.
///
/// # Errors
/// The file system's.
pub fn generations(folder: &Folder) -> Result<Vec<Listed>> {
    let current = folder.named()?;
    let undone = folder.undone()?;
    let mut listed = Vec::new();
    for generation in folder.generations()? {
        let number = generation.number;
        let state = match &current {
            Some(current) if generation == *current => GenerationState::Current,
            _ if undone.generations.contains(&number) => GenerationState::Undone,
            Some(current) if number < current.number => GenerationState::Older,
            // Made by a run that was killed before it was named as current.
            _ => continue,
        };
        let (size_bytes, made_at) = generation.size_and_time()?;
        listed.push(Listed {
            generation,
            state,
            size_bytes,
            made_at,
        });
    }
    Ok(listed)
}

/// Names another generation as the current one: the one of a number, or the newest that is older. Only under the lock.
///
/// # Errors
/// When there is none, or it differs from what was published; the current one is as it was then.
pub fn roll_back(folder: &Folder, number: Option<u64>) -> Result<RolledBack> {
    let from = folder.named()?.ok_or(Error::Empty)?;
    let listed = generations(folder)?;
    let is_meant = |one: &&Listed| match number {
        Some(number) => one.generation.number == number,
        None => one.state == GenerationState::Older && one.generation.number < from.number,
    };
    let Some(to) = listed.iter().find(is_meant) else {
        let wanted = match number {
            Some(number) => format!("generation {number}"),
            None => "older generation".to_owned(),
        };
        return Err(no_generation(wanted, &listed, &from));
    };
    let to = &to.generation;
    let sound = to.verify();
    if matches!(sound, Err(Error::Rotten { .. })) {
        return Err(no_generation(
            format!("sound generation {}", to.number),
            &listed,
            &from,
        ));
    }
    sound?;
    // Where the list is lost, what the generations hold is all that is known of it.
    // One that is damaged, which may be why somebody goes back, says nothing.
    let known = erasures_of(&from.path).unwrap_or_default();
    if erasures_of(&to.path)? < folder.erasures()?.count().max(known) {
        return Err(Error::HasErased {
            generation: to.number,
        });
    }
    // What a damaged file says of its objects is not to keep a run from taking them in.
    let taken_in = from.verify().and_then(|()| objects_of(&from.path)).ok();
    let is_listed = taken_in.is_some();
    let kept = objects_of(&to.path)?;
    let mut undone = folder.undone()?;
    undone.add(taken_in.unwrap_or_default());
    undone.forget(&kept);
    let numbers = listed.iter().map(|one| one.generation.number);
    let between = numbers.chain([from.number]);
    // Those that it was made of are older ones, whatever went back behind them once; it has all that they took in.
    for one in listed
        .iter()
        .filter(|one| one.generation.number < to.number)
    {
        let objects = objects_of(&one.generation.path).unwrap_or_default();
        if !objects.is_empty() && objects.keys().all(|identity| kept.contains_key(identity)) {
            undone.generations.remove(&one.generation.number);
        }
    }
    undone.generations.remove(&to.number);
    undone
        .generations
        .extend(between.filter(|number| (to.number + 1..=from.number).contains(number)));
    // First, so that a run after a kill in between does not take them in.
    folder.set_undone(&undone)?;
    folder.make_current(to)?;
    Ok(RolledBack {
        from: from.number,
        to: to.number,
        undone: undone.objects().into_iter().map(str::to_owned).collect(),
        is_listed,
    })
}

/// Strikes off the list what the current generation has taken in after all, and what was replaced in the sources since.
/// Only under the lock.
///
/// # Errors
/// When the current generation or the list cannot be read or written.
pub fn settle_undone(folder: &Folder, listed: &[Object]) -> Result<()> {
    let before = folder.undone()?;
    let current = folder.current()?;
    let Some(current) = current.filter(|_| !before.objects().is_empty()) else {
        return Ok(());
    };
    let mut undone = before.clone();
    undone.forget(&objects_of(&current.path)?);
    let listed = listed.iter().map(|one| (identity_of(one), one.name()));
    undone.forget_replaced(&listed.collect());
    match undone == before {
        true => Ok(()),
        false => folder.set_undone(&undone),
    }
}

/// Says that there is no such generation to go back to, and which others there are.
fn no_generation(wanted: String, listed: &[Listed], from: &Generation) -> Error {
    let others = listed
        .iter()
        .filter(|one| one.state != GenerationState::Current);
    let others: Vec<String> = others
        .map(|one| one.generation.number.to_string())
        .collect();
    let there = match others.as_slice() {
        [] => format!("generation {} is the only one", from.number),
        others => format!("beside the current one there are {}", others.join(", ")),
    };
    Error::NoGeneration { wanted, there }
}
