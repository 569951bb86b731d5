//! A remote: a place in a store, or a folder, that files are put into and got from by name.
//!
//! What they are is the affair of whoever asks. A pointer is replaced only as long as it is what was read: whoever else
//! replaced it meanwhile is not undone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion,
    WriteMultipart,
};

use super::error::{Error, Reply, told};
use super::store::{self, Kind};
use super::{SourceConfig, Threads};
use crate::fault::cause;

/// Bytes of a part of an upload, and parts on their way at once.
const PART_BYTES: usize = 8 << 20;
const PARTS_AT_ONCE: usize = 4;
/// A pointer is a line or two.
const POINTER_BYTES: u64 = 64 << 10;

/// A place that files are put into and got from.
#[derive(Debug)]
pub struct Remote {
    objects: Arc<dyn ObjectStore>,
    root: Path,
    place: String,
    kind: Kind,
    /// Of files: where they are.
    folder: PathBuf,
    /// Of files: which mode they get; none: that of the system.
    mode: Option<u32>,
    runtime: Threads,
}

/// A small file, and by what it is known that it is still the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The store's word for this content.
    pub tag: Option<String>,
}

/// What asking for a pointer comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// It is not there.
    Missing,
    /// It is what it was.
    Same,
    /// This is what it holds.
    Found(Pointer),
}

impl Remote {
    /// Opens a place; nothing is asked of it yet.
    ///
    /// # Errors
    /// A URL or option that cannot be used, or a folder that is not there.
    pub fn open(
        name: &str,
        url: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<Remote, Error> {
        let config = SourceConfig {
            options: options.clone(),
            ..SourceConfig::new(name, url)
        };
        let runtime = Threads::start()?;
        let store = runtime.block_on(store::open(&config))?;
        Ok(Remote {
            root: store.root.path().clone(),
            place: store.place,
            kind: store.kind,
            folder: store.folder,
            mode: None,
            objects: store.objects,
            runtime,
        })
    }

    /// Returns how people call it.
    pub fn place(&self) -> &str {
        &self.place
    }

    fn at(&self, name: &str) -> Path {
        self.root.clone().join(name)
    }

    fn error(&self, name: &str, error: &object_store::Error) -> Error {
        told(error, format!("{name} in {}", self.place))
    }

    /// Reads a pointer, unless it is still what it was under a tag.
    ///
    /// # Errors
    /// The store's; a pointer that is too long to be one.
    pub fn pointer(&self, name: &str, tag: Option<&str>) -> Result<Looked, Error> {
        let options = GetOptions {
            if_none_match: tag.map(str::to_owned),
            ..GetOptions::default()
        };
        let got = self.runtime.block_on(async {
            let got = self.objects.get_opts(&self.at(name), options).await?;
            if got.meta.size > POINTER_BYTES {
                return Ok(None);
            }
            let tag = got.meta.e_tag.clone();
            let bytes = got.bytes().await?.to_vec();
            Ok(Some(Pointer { bytes, tag }))
        });
        match got {
            Ok(Some(pointer)) => Ok(Looked::Found(pointer)),
            Ok(None) => Err(Error::BadListing {
                place: format!("{name} in {}", self.place),
                reason: "it is too long to be what it should",
            }),
            Err(object_store::Error::NotModified { .. }) => Ok(Looked::Same),
            Err(error) if status(&error) == Some(304) => Ok(Looked::Same),
            Err(error) => match self.error(name, &error) {
                Error::NotFound { .. } => Ok(Looked::Missing),
                error => Err(error),
            },
        }
    }

    /// Replaces a pointer that was read, or makes it where it was missing.
    ///
    /// # Errors
    /// [`Error::Changed`] where somebody else replaced or made it meanwhile; the store's.
    pub fn replace(&self, name: &str, bytes: Vec<u8>, read: Option<&Pointer>) -> Result<(), Error> {
        let changed = || Error::Changed {
            object: format!("{name} in {}", self.place),
        };
        let mode = match (read, &self.kind) {
            (None, _) => PutMode::Create,
            (Some(_), Kind::Files) => {
                // Folders cannot compare by themselves.
                let lock = File::create(self.folder.join(".publishing"));
                let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
                let _lock = lock.map_err(|source| Error::Spool {
                    folder: self.folder.clone(),
                    source,
                })?;
                let is_same = matches!(
                    (self.pointer(name, None)?, read),
                    (Looked::Found(now), Some(read)) if now.bytes == read.bytes
                );
                return match is_same {
                    true => self.put(name, bytes, PutMode::Overwrite),
                    false => Err(changed()),
                };
            }
            (Some(read), Kind::Service(_)) => PutMode::Update(UpdateVersion {
                e_tag: read.tag.clone(),
                version: None,
            }),
        };
        match self.put(name, bytes, mode) {
            Err(Error::Changed { .. }) => Err(changed()),
            put => put,
        }
    }

    /// Has files that are put into a folder have a mode.
    pub fn with_mode(self, mode: u32) -> Remote {
        Remote {
            mode: Some(mode),
            ..self
        }
    }

    fn give_mode(&self, name: &str) -> Result<(), Error> {
        let (Some(mode), Kind::Files) = (self.mode, &self.kind) else {
            return Ok(());
        };
        let path = self.folder.join(self.at(name).as_ref());
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&path, permissions).map_err(|source| Error::Spool {
            folder: path,
            source,
        })
    }

    fn put(&self, name: &str, bytes: Vec<u8>, mode: PutMode) -> Result<(), Error> {
        let options = PutOptions::from(mode);
        let at = self.at(name);
        let put = self.objects.put_opts(&at, bytes.into(), options);
        match self.runtime.block_on(put) {
            Ok(_) => self.give_mode(name),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Err(Error::Changed {
                object: name.to_owned(),
            }),
            // Two at once are told so, too.
            Err(error) if matches!(status(&error), Some(409 | 412)) => Err(Error::Changed {
                object: name.to_owned(),
            }),
            Err(error) => Err(self.error(name, &error)),
        }
    }

    /// Puts what a reader gives, part by part; returns how many bytes that were.
    ///
    /// # Errors
    /// The store's; [`Error::Spool`] where the reader fails. Nothing is there under the name then.
    pub fn upload(&self, name: &str, from: &mut impl Read) -> Result<u64, Error> {
        let at = self.at(name);
        let bytes = self.runtime.block_on(async {
            let upload = self.objects.put_multipart(&at).await;
            let upload = upload.map_err(|error| self.error(name, &error))?;
            let mut write = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            let (mut bytes, mut part) = (0, vec![0; PART_BYTES]);
            loop {
                let read = match from.read(&mut part) {
                    Ok(read) => read,
                    Err(source) => {
                        let _ = write.abort().await;
                        return Err(Error::Spool {
                            folder: name.into(),
                            source,
                        });
                    }
                };
                if read == 0 {
                    break;
                }
                if let Err(error) = write.wait_for_capacity(PARTS_AT_ONCE).await {
                    // Parts that nobody sees are paid for all the same.
                    let _ = write.abort().await;
                    return Err(self.error(name, &error));
                }
                write.write(&part[..read]);
                bytes += read as u64;
            }
            let ended = write.finish().await;
            ended.map_err(|error| self.error(name, &error))?;
            Ok::<_, Error>(bytes)
        })?;
        self.give_mode(name)?;
        Ok(bytes)
    }

    /// Gets some bytes of a file, and writes them; returns how many came. One that is longer there is left where they end.
    ///
    /// # Errors
    /// The store's; [`Error::Spool`] where it cannot be written. What came is written then.
    pub fn download(
        &self,
        name: &str,
        range: Range<u64>,
        to: &mut impl Write,
    ) -> Result<u64, Error> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            ..GetOptions::default()
        };
        self.runtime.block_on(async {
            let got = self.objects.get_opts(&self.at(name), options).await;
            let mut stream = got.map_err(|error| self.error(name, &error))?.into_stream();
            let mut bytes = 0;
            loop {
                let part = stream.try_next().await;
                let Some(part) = part.map_err(|error| self.error(name, &error))? else {
                    return Ok(bytes);
                };
                to.write_all(&part).map_err(|source| Error::Spool {
                    folder: name.into(),
                    source,
                })?;
                bytes += part.len() as u64;
            }
        })
    }

    /// Returns the names of what is there, with their sizes.
    ///
    /// # Errors
    /// The store's.
    pub fn names(&self) -> Result<BTreeMap<String, u64>, Error> {
        if let Kind::Service(pages) = &self.kind {
            pages.start_over();
        }
        let prefix = (self.root != Path::default()).then_some(&self.root);
        let listed = self.objects.list(prefix).try_collect::<Vec<_>>();
        let listed = self.runtime.block_on(listed);
        let listed = listed.map_err(|error| self.error("a listing", &error))?;
        let names = listed.into_iter().filter_map(|meta| {
            let mut parts = meta.location.prefix_match(&self.root)?;
            let name = parts.next()?.as_ref().to_owned();
            parts.next().is_none().then_some((name, meta.size))
        });
        Ok(names.collect())
    }

    /// Removes a file; one that is not there is removed.
    ///
    /// # Errors
    /// The store's.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        match self.runtime.block_on(self.objects.delete(&self.at(name))) {
            Ok(()) => Ok(()),
            Err(error) => match self.error(name, &error) {
                Error::NotFound { .. } => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// Returns the status that a service refused with.
fn status(error: &object_store::Error) -> Option<u16> {
    cause::<Reply>(error).and_then(|reply| reply.status)
}
