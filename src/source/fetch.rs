//! Objects into the spool: many at once, within a share of the disk, handed over in order. Local files stay where they are.
//!
//! Each object is read under its listed e-tag and measured against its listed size, so that what is handed over is what
//! was listed, whole. Nothing here looks into the bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use object_store::path::Path;
use object_store::{GetOptions, GetResultPayload, ObjectMeta};
use tempfile::TempPath;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::error::{Error, Reply, spool_error, told};
use super::store::Store;
use super::stored::{LocalFile, Stored, Trace};
use super::{Object, Sources, unless};
use crate::fault::cause;

/// How many objects are fetched at once: enough to hide the latency of a service behind small files.
const FETCHES_AT_ONCE: usize = 16;

/// How often an object is begun again whose body ended early and could not be resumed.
const REFETCHES: usize = 2;

const REFETCH_PAUSE: Duration = Duration::from_millis(100);

/// The unit of the disk's share: a semaphore counts to 2^32.
const BLOCK_BYTES: u64 = 64 << 10;

/// How a file is read, in one piece.
const READ_BYTES: usize = 256 << 10;

/// The slowest that a service may drip, beside a minute to begin: its object fails, rather than the run never ending.
const BYTES_PER_SECOND: u64 = 16 << 10;
const SLOW_START: Duration = Duration::from_secs(60);

/// An object that can be read: whole, and as listed. Dropping it deletes what was spooled and gives its share of the disk
/// back.
#[derive(Debug)]
pub struct Spooled {
    /// What was fetched.
    pub object: Object,
    /// The hash of the bytes as stored, before any decompression.
    pub blake3: [u8; 32],
    /// Where the bytes are.
    pub file: Stored,
    // After the file: the share is free once the file is gone.
    _share: OwnedSemaphorePermit,
}

/// The objects of one [`Sources::fetch`], in the order asked for; dropping it ends the fetching.
#[derive(Debug)]
pub struct Fetch<'a> {
    job: Arc<Job>,
    results: mpsc::Receiver<(Object, Result<Spooled, Error>)>,
    /// The sources own the threads that fetch.
    _sources: &'a Sources,
}

impl Iterator for Fetch<'_> {
    type Item = (Object, Result<Spooled, Error>);

    fn next(&mut self) -> Option<Self::Item> {
        self.results.blocking_recv()
    }
}

impl Drop for Fetch<'_> {
    fn drop(&mut self) {
        self.job.abandoned.store(true, Ordering::Relaxed);
    }
}

/// Begins to fetch.
pub(super) fn begin(
    sources: &Sources,
    objects: Vec<Object>,
    spool: PathBuf,
    spool_bytes: u64,
) -> Fetch<'_> {
    let blocks = u32::try_from(spool_bytes / BLOCK_BYTES).unwrap_or(u32::MAX);
    let blocks = blocks.max(1);
    let job = Arc::new(Job {
        stores: Arc::clone(&sources.stores),
        spool,
        blocks,
        disk: Arc::new(Semaphore::new(blocks as usize)),
        stop: Arc::clone(&sources.stop),
        abandoned: AtomicBool::new(false),
        bytes_fetched: Arc::clone(&sources.bytes_fetched),
        refusals: Mutex::default(),
    });
    let (sender, results) = mpsc::channel(1);
    sources
        .runtime
        .spawn(hand_over(Arc::clone(&job), objects, sender));
    Fetch {
        job,
        results,
        _sources: sources,
    }
}

/// What all fetches of one call share.
#[derive(Debug)]
struct Job {
    stores: Arc<Vec<Store>>,
    spool: PathBuf,
    /// The disk's share in all, and what is left of it.
    blocks: u32,
    disk: Arc<Semaphore>,
    stop: Arc<AtomicBool>,
    abandoned: AtomicBool,
    bytes_fetched: Arc<AtomicU64>,
    /// Objects of a folder, and folders of a source, that were refused for want of rights; none where an object could be read.
    refusals: Mutex<HashMap<Place, Option<u32>>>,
}

async fn hand_over(
    job: Arc<Job>,
    objects: Vec<Object>,
    sender: mpsc::Sender<(Object, Result<Spooled, Error>)>,
) {
    // Shares are given one after another: an object never waits for one behind it, which nobody would take away.
    let shared = stream::iter(objects).then(|object| {
        let job = Arc::clone(&job);
        async move {
            let share = job.share(object.size_bytes).await;
            (job, object, share)
        }
    });
    let fetched = shared.map(|(job, object, share)| {
        // A task of its own, so that hashing uses every thread.
        let task = tokio::spawn(fetch(job, object.clone(), share));
        async move {
            let result = task
                .await
                .unwrap_or_else(|_| Err(broken(place_of(&object))));
            (object, result)
        }
    });
    let mut fetched = pin!(fetched.buffered(FETCHES_AT_ONCE));
    while let Some(result) = fetched.next().await {
        if sender.send(result).await.is_err() {
            return;
        }
    }
}

async fn fetch(
    job: Arc<Job>,
    object: Object,
    share: Result<OwnedSemaphorePermit, Error>,
) -> Result<Spooled, Error> {
    let share = share?;
    job.refuse_if_left_alone(&object)?;
    let spooled = unless(|| job.is_ended(), job.spooled(&object)).await?;
    let spooled = spooled.map_err(Error::of_object);
    job.note(&object, &spooled);
    let (blake3, file) = spooled?;
    Ok(Spooled {
        object,
        blake3,
        file,
        _share: share,
    })
}

/// So many refusals in a folder, or refused folders of a source, and no object there that could be read, say that none can be.
const REFUSALS: u32 = 20;

impl Job {
    /// Fails an object of a source or a folder of which nothing may be read, without asking once more: rights are often given by
    /// folder.
    fn refuse_if_left_alone(&self, object: &Object) -> Result<(), Error> {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let is_left_alone =
            |place| matches!(refusals.get(&place), Some(Some(refused)) if *refused >= REFUSALS);
        match places_of(object).into_iter().any(is_left_alone) {
            true => Err(Error::LeftAlone {
                source_name: object.source.clone(),
                refusals: REFUSALS,
            }),
            false => Ok(()),
        }
    }

    /// Notes whether an object could be read.
    fn note<T>(&self, object: &Object, read: &Result<T, Error>) {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let [folder, source] = places_of(object);
        let in_folder = refusals.entry(folder).or_insert(Some(0));
        let is_first = *in_folder == Some(0);
        let count = |known: &mut Option<u32>| match read {
            Ok(_) => *known = None,
            Err(Error::NotPermitted { .. }) => *known = known.map(|known| known + 1),
            Err(_) => {}
        };
        count(in_folder);
        // Of a source, folders count: rights are often given by folder, and another one may be read.
        if is_first || read.is_ok() {
            count(refusals.entry(source).or_insert(Some(0)));
        }
    }

    /// Waits for a share of the disk. An object larger than all of it gets all of it, and so is there alone.
    async fn share(&self, size_bytes: u64) -> Result<OwnedSemaphorePermit, Error> {
        let blocks = size_bytes
            .div_ceil(BLOCK_BYTES)
            .clamp(1, u64::from(self.blocks));
        let blocks = u32::try_from(blocks).unwrap_or(self.blocks);
        let share = Arc::clone(&self.disk).acquire_many_owned(blocks);
        // The semaphore is never closed.
        unless(|| self.is_ended(), share)
            .await?
            .map_err(|_| Error::Stopped)
    }

    async fn spooled(self: &Arc<Self>, object: &Object) -> Result<([u8; 32], Stored), Error> {
        let store = self
            .stores
            .iter()
            .find(|store| store.config.name == object.source);
        let Some(store) = store else {
            return Err(Error::NotFound {
                place: format!("source `{}`", object.source),
                reply: Reply::default(),
            });
        };
        let patience = SLOW_START + Duration::from_secs(object.size_bytes / BYTES_PER_SECOND);
        let whole = tokio::time::timeout(patience, self.whole(store, object)).await;
        whole.unwrap_or_else(|_| {
            Err(Error::Unreachable {
                place: store.name_of(&object.key),
                reply: Reply::default(),
            })
        })
    }

    /// Fetches until the object is whole, or is not going to be.
    async fn whole(
        self: &Arc<Self>,
        store: &Store,
        object: &Object,
    ) -> Result<([u8; 32], Stored), Error> {
        let mut left = REFETCHES.min(store.max_retries);
        loop {
            match self.once(store, object).await {
                Err(Error::Truncated { .. }) if left > 0 => left -= 1,
                result => return result,
            }
            tokio::time::sleep(REFETCH_PAUSE).await;
        }
    }

    async fn once(
        self: &Arc<Self>,
        store: &Store,
        object: &Object,
    ) -> Result<([u8; 32], Stored), Error> {
        let name = store.name_of(&object.key);
        let path = Path::parse(&object.key).map_err(|err| told(&err.into(), name.clone()))?;
        let options = GetOptions::new().with_if_match(object.e_tag.as_deref().and_then(condition));
        let got = store.objects.get_opts(&path, options).await;
        let got = got.map_err(|err| told(&err, name.clone()))?;
        if !is_same(object, &got.meta) {
            return Err(Error::Changed { object: name });
        }
        if got.meta.size != object.size_bytes {
            return Err(truncated(object, name, got.meta.size));
        }
        match got.payload {
            GetResultPayload::File(file, path) => {
                let reading = Reading::new(self, object, name);
                reading.in_place(file, path).await
            }
            GetResultPayload::Stream(chunks) => {
                let spool = Spool::new(self, Reading::new(self, object, name))?;
                spool.receive(chunks).await
            }
        }
    }

    fn is_ended(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed)
    }
}

/// An object that is being read for the first time: hashed, and measured.
struct Reading {
    job: Arc<Job>,
    object: Object,
    name: String,
    blake3: blake3::Hasher,
    bytes: u64,
}

impl Reading {
    fn new(job: &Arc<Job>, object: &Object, name: String) -> Reading {
        Reading {
            job: Arc::clone(job),
            object: object.clone(),
            name,
            blake3: blake3::Hasher::new(),
            bytes: 0,
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let length = chunk.len() as u64;
        self.bytes += length;
        self.job.bytes_fetched.fetch_add(length, Ordering::Relaxed);
        if self.bytes > self.object.size_bytes {
            // At once: the disk's share is no larger.
            return Err(truncated(&self.object, self.name.clone(), self.bytes));
        }
        self.blake3.update(chunk);
        Ok(())
    }

    fn whole(self, file: Stored) -> Result<([u8; 32], Stored), Error> {
        match self.bytes == self.object.size_bytes {
            true => Ok((self.blake3.finalize().into(), file)),
            false => Err(truncated(&self.object, self.name, self.bytes)),
        }
    }

    /// Reads a local file on a thread for blocking work.
    async fn in_place(self, file: File, path: PathBuf) -> Result<([u8; 32], Stored), Error> {
        let broken = broken(place_of(&self.object));
        let read = tokio::task::spawn_blocking(move || self.in_place_now(file, path)).await;
        read.unwrap_or(Err(broken))
    }

    fn in_place_now(mut self, mut file: File, path: PathBuf) -> Result<([u8; 32], Stored), Error> {
        let broken = broken(place_of(&self.object));
        let Ok(was) = Trace::of(&file) else {
            return Err(broken);
        };
        let mut buffer = vec![0; READ_BYTES];
        loop {
            if self.job.is_ended() {
                return Err(Error::Stopped);
            }
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => self.take(&buffer[..length])?,
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return Err(broken),
            }
        }
        // A file is not replaced but written in place by who does not know better: then it is not what was listed.
        let modified = file.metadata().and_then(|metadata| metadata.modified());
        let modified = modified
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok());
        if modified.map(|time| time.as_microsecond()) != Some(self.object.modified_at) {
            return Err(Error::Changed { object: self.name });
        }
        self.whole(Stored::Local(LocalFile::new(path, was)))
    }
}

/// An object on its way into the spool.
struct Spool {
    reading: Reading,
    file: File,
    path: TempPath,
}

impl Spool {
    fn new(job: &Job, reading: Reading) -> Result<Spool, Error> {
        let made = tempfile::Builder::new()
            .prefix("object-")
            .tempfile_in(&job.spool);
        let (file, path) = made
            .map_err(|err| spool_error(err, job.spool.clone()))?
            .into_parts();
        Ok(Spool {
            reading,
            file,
            path,
        })
    }

    /// Takes a body as it arrives. `object_store` has by then resumed it where that was possible.
    async fn receive<B: AsRef<[u8]>>(
        mut self,
        chunks: impl Stream<Item = object_store::Result<B>>,
    ) -> Result<([u8; 32], Stored), Error> {
        let mut chunks = pin!(chunks);
        while let Some(chunk) = chunks.next().await {
            let reading = &self.reading;
            match chunk {
                // Written in place: these threads have nothing else to do, and it only fills the page cache.
                Ok(chunk) => self.write(chunk.as_ref())?,
                Err(err) if cause::<Reply>(&err).is_some() => {
                    return Err(told(&err, self.reading.name));
                }
                Err(_) => {
                    return Err(truncated(
                        &reading.object,
                        reading.name.clone(),
                        reading.bytes,
                    ));
                }
            }
        }
        self.reading.whole(Stored::Spooled(self.path))
    }

    fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.reading.take(chunk)?;
        let written = self.file.write_all(chunk);
        written.map_err(|err| spool_error(err, self.reading.job.spool.clone()))
    }
}

fn truncated(object: &Object, name: String, got_bytes: u64) -> Error {
    Error::Truncated {
        object: name,
        listed_bytes: object.size_bytes,
        got_bytes,
    }
}

/// Returns what a fault of this program comes to.
pub(super) fn broken(place: String) -> Error {
    Error::Other {
        place,
        reply: Reply::default(),
    }
}

/// A source, and a folder of it; none: all folders.
type Place = (String, Option<String>);

/// Returns where an object is: its folder, and its source.
fn places_of(object: &Object) -> [Place; 2] {
    let folder = object.key.rsplit_once('/').map_or("", |(folder, _)| folder);
    let place = |folder: Option<&str>| (object.source.clone(), folder.map(str::to_owned));
    [place(Some(folder)), place(None)]
}

fn place_of(object: &Object) -> String {
    let key = object.key.escape_debug();
    format!("object `{key}` of source `{}`", object.source)
}

/// Returns the condition under which an object is the one that was listed. Azure lists its tags without the quotes
/// that HTTP wants; a weak tag never matches, by definition.
fn condition(e_tag: &str) -> Option<String> {
    match e_tag {
        weak if weak.starts_with("W/") => None,
        quoted if quoted.starts_with('"') => Some(quoted.to_owned()),
        bare => Some(format!("\"{bare}\"")),
    }
}

/// Returns whether an object as delivered is the one that was listed. Not every service heeds the condition.
fn is_same(listed: &Object, got: &ObjectMeta) -> bool {
    match (&listed.e_tag, &got.e_tag) {
        (Some(listed), Some(got)) => bare(listed) == bare(got),
        // A reply says its time in whole seconds, or not at all.
        _ => {
            let seconds = got.last_modified.timestamp();
            seconds == 0 || seconds == listed.modified_at.div_euclid(1_000_000)
        }
    }
}

fn bare(e_tag: &str) -> &str {
    e_tag.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_whatever_their_quotes() {
        assert_eq!(condition("\"abc-2\"").as_deref(), Some("\"abc-2\""));
        assert_eq!(condition("0x8D").as_deref(), Some("\"0x8D\""));
        assert_eq!(condition("W/\"abc\""), None);
        assert_eq!(bare("W/\"abc\""), bare("abc"));
    }
}
