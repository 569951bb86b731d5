//! Pulling: what was published elsewhere becomes the current generation here.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::info;

use super::manifest::{Manifest, PublicKey};
use super::{CURRENT, Error, Result};
use crate::index::mark_of;
use crate::publish::Folder;
use crate::source::{Looked, Remote};

/// In the folder of the index: what is on its way, packed.
const PART: &str = "building-pulled.zst";
/// And unpacked.
const UNPACKED: &str = "building-pulled.db";
/// Bytes that are unpacked at once.
const UNPACKED_AT_ONCE: usize = 1 << 20;

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
    /// What its signature was checked with.
    key: String,
    sequence: u64,
    erasures: u64,
    /// The file that is on its way.
    part: String,
    /// When it was asked last, and answered, in seconds since 1970; written once in a while.
    at: i64,
}

/// Returns when an index that is pulled was last known to be what is published; none where it is made here.
///
/// # Errors
/// [`Error::Damaged`]; the file system's.
pub fn pulled_at(folder: &Folder) -> Result<Option<Timestamp>> {
    let known = read_known(folder)?;
    Ok(known.map(|known| Timestamp::from_second(known.at).unwrap_or_default()))
}

/// Makes what a remote names the current generation of an index, if it is another one. `keep` generations stay, and those younger
/// than `prune_after`, but none with people who were erased.
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
    // Another key is to be tried, though nothing is new.
    let is_checked = current.is_some() && known.key == key.to_string();
    let tag = known.tag.clone().filter(|_| is_checked);
    let place = || remote.place().to_owned();
    let pointer = match remote.pointer(CURRENT, tag.as_deref())? {
        Looked::Found(pointer) => pointer,
        Looked::Same => {
            note_time(folder, known)?;
            return Ok(Pulled::Same);
        }
        Looked::Missing => return Err(Error::Nothing { place: place() }),
    };
    let manifest = Manifest::read(&pointer.bytes, key, remote.place())?;
    if manifest.erasures < known.erasures {
        return Err(Error::Unerased {
            place: place(),
            found: manifest.erasures,
            known: known.erasures,
        });
    }
    if manifest.sequence < known.sequence {
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
    // First, so that it is done again where the program ends in between.
    folder.prune(keep, prune_after)?;
    folder.remove_before(manifest.oldest.min(manifest.generation))?;
    known = Known {
        tag: pointer.tag,
        key: key.to_string(),
        sequence: manifest.sequence,
        erasures: manifest.erasures,
        part: String::new(),
        at: Timestamp::now().as_second(),
    };
    write_known(folder, &known)?;
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
    let adopted = match whole {
        Ok(true) if is_other_kind(folder, &unpacked)? => {
            remove(&[&part, &unpacked]);
            return Err(Error::OtherKind {
                place: remote.place().to_owned(),
            });
        }
        Ok(true) => folder.adopt(&unpacked, manifest.generation, hash),
        Ok(false) => {
            remove(&[&part, &unpacked]);
            return Err(torn());
        }
        // What came need not come again.
        Err(error) => {
            remove(&[&unpacked]);
            return Err(error);
        }
    };
    remove(&[&part, &unpacked]);
    match adopted {
        Ok(()) => Ok(bytes),
        Err(crate::index::Error::Rotten { .. }) => Err(torn()),
        Err(error) => Err(error.into()),
    }
}

/// Tells whether what came is a projection and what is here is none, or the other way round: who may read it is to read no more.
fn is_other_kind(folder: &Folder, unpacked: &Path) -> Result<bool> {
    let Some(current) = folder.current()? else {
        return Ok(false);
    };
    // One that is damaged is told of as that.
    let is_projection = |path: &Path| Some(mark_of(path).ok()?.is_some());
    let (here, there) = (is_projection(&current.path), is_projection(unpacked));
    Ok(here.zip(there).is_some_and(|(here, there)| here != there))
}

/// Removes files; the next pull writes over what cannot be removed.
fn remove(paths: &[&Path]) {
    for path in paths {
        let _ = fs::remove_file(path);
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
    let range = there..manifest.stored_bytes;
    let bytes = remote.download(&manifest.file, range, &mut file)?;
    file.flush().map_err(failed("write", part))?;
    Ok(bytes)
}

/// Unpacks a file; tells whether it is one that was packed whole, and has as many bytes as it should.
fn unpack(part: &Path, to: &Path, size_bytes: u64) -> Result<bool> {
    let packed = File::open(part).map_err(failed("open", part))?;
    let packed = zstd::stream::read::Decoder::new(BufReader::new(packed));
    let mut packed = packed.map_err(failed("read", part))?;
    let opened = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(to);
    let mut unpacked = opened.map_err(failed("make", to))?;
    let (mut bytes, mut buffer) = (0, vec![0; UNPACKED_AT_ONCE]);
    loop {
        let Ok(read) = packed.read(&mut buffer) else {
            return Ok(false);
        };
        bytes += read as u64;
        if read == 0 || bytes > size_bytes {
            return Ok(bytes == size_bytes);
        }
        unpacked
            .write_all(&buffer[..read])
            .map_err(failed("write", to))?;
    }
}

fn read_known(folder: &Folder) -> Result<Option<Known>> {
    let Some(text) = folder.pulled()? else {
        return Ok(None);
    };
    let known = serde_json::from_slice(&text);
    known.map(Some).map_err(|_| Error::Damaged {
        path: folder.path().join("pulled.json").display().to_string(),
    })
}

/// Notes that nothing is new, where that was not noted lately: a disk is not to be written each second.
fn note_time(folder: &Folder, known: Known) -> Result<()> {
    /// Seconds ago that are not lately.
    const NOTED_FOR: i64 = 60;
    let now = Timestamp::now().as_second();
    match (now - known.at).abs() < NOTED_FOR {
        true => Ok(()),
        false => write_known(folder, &Known { at: now, ..known }),
    }
}

fn write_known(folder: &Folder, known: &Known) -> Result<()> {
    let text = serde_json::json!(known).to_string();
    Ok(folder.set_pulled(text.as_bytes())?)
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File {
        operation,
        path,
        source,
    }
}
