//! Pushing: the current generation, packed, and then what names it.

use std::fs::File;
use std::io::{self, Read, Write};

use tracing::info;

use super::manifest::{Manifest, SigningKey};
use super::{CURRENT, Error, Lease, Result};
use crate::generation::Name;
use crate::index;
use crate::publish::{Folder, Generation};
use crate::source::{self, Looked, Pointer, Remote};

/// How hard it is packed: 3 is zstd's own choice, and as fast as a network.
const LEVEL: i32 = 3;
/// What the names of packed generations end in.
const PACKED: &str = ".zst";
/// Bytes that are read at once.
const READ_BYTES: usize = 1 << 20;

/// What became of pushing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// What names the generation there now.
    pub manifest: Manifest,
    /// It was there already.
    pub was_there: bool,
    /// Older generations that were removed there.
    pub removed: Vec<String>,
}

/// How a generation is pushed.
#[derive(Debug, Clone, Copy)]
pub struct Pushing {
    /// How many generations stay there, the current one included.
    pub keep: u32,
    /// The file is put there once more, whatever is there under its name.
    pub is_again: bool,
    /// The number of the last manifest that is known of here: where a store was emptied, readers still know it.
    pub after: u64,
}

/// Puts the current generation of an index into a remote, and names it as the current one there, as long as a lease, if it was taken,
/// is held. Generations with people who were erased since go.
///
/// # Errors
/// [`Error::Conflict`] where somebody else does the same; [`Error::Unsigned`] where what is there was signed with another key;
/// [`Error::NotErased`]; the store's. Readers there read what they did, or the new one whole.
pub fn push(
    folder: &Folder,
    remote: &Remote,
    key: &SigningKey,
    pushing: Pushing,
    lease: Option<&Lease>,
) -> Result<Pushed> {
    let (before, pointer) = match remote.pointer(CURRENT, None)? {
        Looked::Found(pointer) => {
            let before = Manifest::read(&pointer.bytes, &key.public(), remote.place())?;
            (Some(before), Some(pointer))
        }
        Looked::Missing | Looked::Same => (None, None),
    };
    let current = folder.current()?.ok_or(index::Error::Empty)?;
    current.verify()?;
    let mut manifest = manifest_of(folder, &current, before.as_ref(), (remote, pushing.after))?;
    let names = remote.names()?;
    let is_there = |before: &&Manifest| {
        !pushing.is_again
            && before.is_of(&manifest)
            && names.get(&before.file) == Some(&before.stored_bytes)
    };
    if let Some(before) = before.as_ref().filter(is_there) {
        let removed = prune(remote, before, pushing.keep)?;
        return Ok(Pushed {
            manifest: before.clone(),
            was_there: true,
            removed,
        });
    }
    upload(&current, remote, &mut manifest)?;
    if folder.current()?.as_ref() != Some(&current) {
        // A run has published meanwhile: its generation is not to be named before this one.
        return push(folder, remote, key, pushing, lease);
    }
    if let Some(lease) = lease {
        // Whoever lost it meanwhile has nothing to name.
        lease.renew()?;
    }
    name(remote, &manifest, key, pointer.as_ref())?;
    info!(
        generation = manifest.generation,
        place = remote.place(),
        "published"
    );
    let removed = prune(remote, &manifest, pushing.keep)?;
    Ok(Pushed {
        manifest,
        was_there: false,
        removed,
    })
}

fn manifest_of(
    folder: &Folder,
    current: &Generation,
    before: Option<&Manifest>,
    (remote, after): (&Remote, u64),
) -> Result<Manifest> {
    let (erasures, is_done) = folder.erasures_of(current)?;
    if !is_done {
        return Err(Error::NotErased);
    }
    let known = before.map_or(0, |before| before.erasures);
    if known > erasures.count() {
        return Err(Error::ErasuresLost {
            place: remote.place().to_owned(),
            known,
            found: erasures.count(),
        });
    }
    let sequence = before.map_or(0, |before| before.sequence).max(after) + 1;
    let mut manifest = Manifest::new(sequence, current.number, current.blake3);
    manifest.erasures = erasures.count();
    manifest.oldest = erasures.since().min(current.number);
    Ok(manifest)
}

fn upload(current: &Generation, remote: &Remote, manifest: &mut Manifest) -> Result<()> {
    let path = &current.path;
    let failed = |source| Error::File {
        operation: "read",
        path: path.display().to_string(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    manifest.size_bytes = file.metadata().map_err(failed)?.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    manifest.file = format!("{name}{PACKED}");
    let mut packed = Packed::new(file).map_err(failed)?;
    manifest.stored_bytes = remote.upload(&manifest.file, &mut packed)?;
    Ok(())
}

/// Names it; whoever did the same meanwhile had the same right.
fn name(
    remote: &Remote,
    manifest: &Manifest,
    key: &SigningKey,
    read: Option<&Pointer>,
) -> Result<()> {
    match remote.replace(CURRENT, manifest.signed(key), read) {
        Err(source::Error::Changed { .. }) => {
            let place = || remote.place().to_owned();
            let Looked::Found(now) = remote.pointer(CURRENT, None)? else {
                return Err(Error::Conflict { place: place() });
            };
            let now = Manifest::read(&now.bytes, &key.public(), remote.place())?;
            match now.blake3 == manifest.blake3 {
                true => Ok(()),
                false => Err(Error::Conflict { place: place() }),
            }
        }
        replaced => Ok(replaced?),
    }
}

/// Removes generations beyond `keep`, and those that may not be there any more; the one that is named stays.
fn prune(remote: &Remote, manifest: &Manifest, keep: u32) -> Result<Vec<String>> {
    let names = remote.names()?.into_keys();
    let others = names.filter(|name| *name != manifest.file);
    let others = others.filter_map(|name| Some((number_of(&name)?, name)));
    let mut others: Vec<(u64, String)> = others.collect();
    others.sort_unstable_by(|left, right| right.cmp(left));
    let mut removed = Vec::new();
    for (at, (number, name)) in (1..).zip(others) {
        if at >= keep.max(1) || number < manifest.oldest {
            remote.remove(&name)?;
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Returns the number of a packed generation by its name.
fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_suffix(PACKED)?;
    Some(Name::parse(name)?.number)
}

/// A file, packed while it is read.
struct Packed {
    file: File,
    encoder: Option<zstd::stream::write::Encoder<'static, Vec<u8>>>,
    ready: Vec<u8>,
    given: usize,
    buffer: Vec<u8>,
}

impl Packed {
    fn new(file: File) -> io::Result<Packed> {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Packed {
            file,
            encoder: Some(encoder),
            ready: Vec::new(),
            given: 0,
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Packs until there is something to give, or the end.
    fn fill(&mut self) -> io::Result<()> {
        while let (true, Some(encoder)) = (self.given == self.ready.len(), &mut self.encoder) {
            let read = self.file.read(&mut self.buffer)?;
            self.given = 0;
            if read > 0 {
                encoder.write_all(&self.buffer[..read])?;
                self.ready = std::mem::take(encoder.get_mut());
            } else if let Some(encoder) = self.encoder.take() {
                self.ready = encoder.finish()?;
            }
        }
        Ok(())
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        // Parts of an upload are of one size.
        while filled < into.len() {
            self.fill()?;
            let left = &self.ready[self.given..];
            if left.is_empty() {
                break;
            }
            let bytes = left.len().min(into.len() - filled);
            into[filled..filled + bytes].copy_from_slice(&left[..bytes]);
            self.given += bytes;
            filled += bytes;
        }
        Ok(filled)
    }
}
