//! Pushing: the current generation, packed, and then what names it.

use std::fs::File;
use std::io::{self, Read, Write};

use tracing::info;

use super::manifest::{Manifest, SigningKey};
use super::{CURRENT, Error, Result};
use crate::index;
use crate::publish::{Folder, Generation};
use crate::source::{self, Looked, Pointer, Remote};

/// How hard it is packed: 3 is zstd's own choice, and as fast as a network.
const LEVEL: i32 = 3;
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

/// Puts the current generation of an index into a remote, and names it as the current one there. `keep` generations stay,
/// that one included; where people were erased since, that one alone.
///
/// # Errors
/// [`Error::Conflict`] where somebody else does the same; [`Error::Unsigned`] where what is there was signed with another key; the
/// store's. Readers there read what they did, or the new one whole.
pub fn push(folder: &Folder, remote: &Remote, key: &SigningKey, keep: u32) -> Result<Pushed> {
    let current = folder.current()?.ok_or(index::Error::Empty)?;
    current.verify()?;
    let erasures = folder.erasures()?.count();
    let (before, pointer) = match remote.pointer(CURRENT, None)? {
        Looked::Found(pointer) => {
            let before = Manifest::read(&pointer.bytes, &key.public(), remote.place())?;
            (Some(before), Some(pointer))
        }
        Looked::Missing | Looked::Same => (None, None),
    };
    let mut manifest = Manifest::new(
        before.as_ref().map_or(0, |before| before.sequence) + 1,
        current.number,
        current.blake3,
    );
    manifest.erasures = erasures.max(before.as_ref().map_or(0, |before| before.erasures));
    let names = remote.names()?;
    let is_named = |before: &Manifest| {
        (before.generation, &before.blake3, before.erasures)
            == (manifest.generation, &manifest.blake3, manifest.erasures)
            && names.get(&before.file) == Some(&before.stored_bytes)
    };
    if let Some(before) = before.as_ref().filter(|before| is_named(before)) {
        let removed = prune(remote, before, keep)?;
        return Ok(Pushed {
            manifest: before.clone(),
            was_there: true,
            removed,
        });
    }
    upload(&current, remote, &mut manifest)?;
    name(remote, &manifest, key, pointer.as_ref())?;
    info!(
        generation = manifest.generation,
        place = remote.place(),
        "published"
    );
    let has_more = before.is_some_and(|before| before.erasures < manifest.erasures);
    let removed = prune(remote, &manifest, if has_more { 1 } else { keep })?;
    Ok(Pushed {
        manifest,
        was_there: false,
        removed,
    })
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
    manifest.file = format!("{name}.zst");
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

/// Removes generations beyond `keep`; the one that is named stays.
fn prune(remote: &Remote, manifest: &Manifest, keep: u32) -> Result<Vec<String>> {
    let names = remote.names()?.into_keys();
    let is_generation = |name: &String| {
        name.starts_with("gen-") && name.ends_with(".db.zst") && *name != manifest.file
    };
    let mut others: Vec<String> = names.filter(is_generation).collect();
    // The newer the generation, the later its name.
    others.reverse();
    let removed: Vec<String> = others.into_iter().skip(keep.max(1) as usize - 1).collect();
    for name in &removed {
        remote.remove(name)?;
    }
    Ok(removed)
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
