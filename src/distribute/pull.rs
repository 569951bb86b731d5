//! Pulling: what was published elsewhere becomes the current generation here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::info;

use super::manifest::{Manifest, PublicKey};
use super::{CURRENT, Error, Result};
use crate::publish::Folder;
use crate::source::{Looked, Remote};

/// In the folder of the index: what was pulled.
const PULLED: &str = "pulled.json";
/// What is on its way, packed.
const PART: &str = "building-pulled.zst";
/// And unpacked.
const UNPACKED: &str = "building-pulled.db";

/// What became of pulling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pulled {
    /// Nothing is new.
    Same,
    /// This is the current generation now.
    New {
        /// Its number.
        generation: u64,
        /// Bytes that came for it.
        bytes: u64,
    },
}

/// What is known of what was pulled last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    tag: Option<String>,
    sequence: u64,
    erasures: u64,
    /// The file that is on its way.
    part: String,
}

/// Makes what a remote names the current generation of an index, if it is another one. `keep` generations stay, and those younger
/// than `prune_after`; where people were erased since the last, that one alone.
///
/// # Errors
/// [`Error::Unsigned`], [`Error::Replayed`], [`Error::Torn`]: what is there is not to be trusted; the store's. What readers read
/// stays.
pub fn pull(
    folder: &Folder,
    remote: &Remote,
    key: &PublicKey,
    (keep, prune_after): (u32, Duration),
) -> Result<Pulled> {
    let _lock = folder.lock()?;
    let known = read_known(folder)?;
    let current = folder.current()?;
    if current.is_some() && known.is_none() {
        return Err(Error::MadeHere {
            path: folder.path().display().to_string(),
        });
    }
    let mut known = known.unwrap_or_default();
    let tag = known.tag.clone().filter(|_| current.is_some());
    let place = || remote.place().to_owned();
    let pointer = match remote.pointer(CURRENT, tag.as_deref())? {
        Looked::Found(pointer) => pointer,
        Looked::Same => return Ok(Pulled::Same),
        Looked::Missing => return Err(Error::Nothing { place: place() }),
    };
    let manifest = Manifest::read(&pointer.bytes, key, remote.place())?;
    if manifest.sequence < known.sequence || manifest.erasures < known.erasures {
        return Err(Error::Replayed {
            place: place(),
            found: manifest.sequence,
            known: known.sequence,
        });
    }
    let hash = manifest
        .hash()
        .ok_or_else(|| Error::BadManifest { place: place() })?;
    let is_current =
        current.is_some_and(|one| (one.number, one.blake3) == (manifest.generation, hash));
    let mut bytes = 0;
    if !is_current {
        bytes = get(folder, remote, &manifest, hash, &mut known)?;
    }
    let has_more = manifest.erasures > known.erasures;
    known = Known {
        tag: pointer.tag,
        sequence: manifest.sequence,
        erasures: manifest.erasures,
        part: String::new(),
    };
    write_known(folder, &known)?;
    match has_more {
        true => folder.prune(1, Duration::ZERO)?,
        false => folder.prune(keep, prune_after)?,
    }
    if is_current {
        return Ok(Pulled::Same);
    }
    info!(generation = manifest.generation, bytes, "pulled");
    Ok(Pulled::New {
        generation: manifest.generation,
        bytes,
    })
}

/// Gets a generation and makes it the current one; returns how many bytes came.
fn get(
    folder: &Folder,
    remote: &Remote,
    manifest: &Manifest,
    hash: [u8; 32],
    known: &mut Known,
) -> Result<u64> {
    // A rollback names one that may be here still.
    let here = folder.generation(manifest.generation, hash)?;
    if let Some(here) = here.filter(|here| here.verify().is_ok()) {
        folder.adopt(&here.path, here.number, here.blake3)?;
        return Ok(0);
    }
    let (part, unpacked) = (folder.path().join(PART), folder.path().join(UNPACKED));
    if known.part != manifest.file {
        let _ = fs::remove_file(&part);
        known.part.clone_from(&manifest.file);
        write_known(folder, known)?;
    }
    let bytes = download(remote, manifest, &part)?;
    let torn = || Error::Torn {
        object: manifest.file.clone(),
        place: remote.place().to_owned(),
    };
    let whole = unpack(&part, &unpacked, manifest.size_bytes);
    let _ = fs::remove_file(&part);
    let is_whole = match whole {
        Ok(is_whole) => is_whole,
        Err(source) if source.kind() == io::ErrorKind::StorageFull => {
            let _ = fs::remove_file(&unpacked);
            return Err(failed("write", &unpacked)(source));
        }
        Err(_) => false,
    };
    let adopted = is_whole.then(|| folder.adopt(&unpacked, manifest.generation, hash));
    let _ = fs::remove_file(&unpacked);
    match adopted {
        Some(Ok(())) => Ok(bytes),
        Some(Err(crate::index::Error::Rotten { .. })) | None => Err(torn()),
        Some(Err(error)) => Err(error.into()),
    }
}

/// Gets what is left of a file.
fn download(remote: &Remote, manifest: &Manifest, part: &Path) -> Result<u64> {
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(part);
    let mut file = opened.map_err(failed("open", part))?;
    let mut there = file.metadata().map_err(failed("read", part))?.len();
    if there > manifest.stored_bytes {
        file.set_len(0).map_err(failed("empty", part))?;
        there = 0;
    }
    if there == manifest.stored_bytes {
        return Ok(0);
    }
    let bytes = remote.download(&manifest.file, there, &mut file)?;
    file.flush().map_err(failed("write", part))?;
    Ok(bytes)
}

/// Unpacks a file; tells whether it has as many bytes as it should.
fn unpack(part: &Path, to: &Path, size_bytes: u64) -> io::Result<bool> {
    let mut packed = zstd::stream::read::Decoder::new(BufReader::new(File::open(part)?))?;
    let mut unpacked = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(to)?;
    let limit = size_bytes.saturating_add(1);
    let bytes = io::copy(&mut io::Read::take(&mut packed, limit), &mut unpacked)?;
    Ok(bytes == size_bytes)
}

fn read_known(folder: &Folder) -> Result<Option<Known>> {
    let path = folder.path().join(PULLED);
    match fs::read(&path) {
        // What cannot be read is as if nothing had been pulled, but that something was.
        Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", &path)(error)),
    }
}

fn write_known(folder: &Folder, known: &Known) -> Result<()> {
    let text = serde_json::json!(known).to_string();
    Ok(folder.replace(PULLED, text.as_bytes())?)
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File {
        operation,
        path,
        source,
    }
}
