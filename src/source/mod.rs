//! Sources: where exported files are, as objects that can be listed and fetched into a spool.
//!
//! A folder, S3 and what speaks it, Azure (Blob and Data Lake) and Google are one code path through `object_store`.
//! This is the asynchronous stage: it owns a small runtime on its own threads, and every call here is a plain blocking
//! one, not to be made from asynchronous code. What is new is decided by the ledger, what the bytes mean by `decode`.
//!
//! - `config`: what is said of a source; `filter`: which of its keys count
//! - `store`: from a configuration to a store; `aws`: its credentials; `http`: the client under it, `asked` its log,
//!   `proxy` what stands between
//! - `error`: what can go wrong; `hint`: what helps
//! - `observed`: when an object was observed
//! - `fetch`: objects into the spool
//! - `remote`: a place that files are put into and got from

mod asked;
mod aws;
mod config;
mod error;
mod fetch;
mod filter;
mod form;
mod hint;
mod http;
mod inside;
mod observed;
mod proxy;
mod remote;
mod store;
mod stored;

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path as FilePath;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use tokio::runtime::Runtime;

use self::inside::{Entry, Inside};
pub use crate::fault::Fault;
pub use crate::observation::{Object, ObservedFrom};
pub use config::SourceConfig;
pub use error::{Error, Reply};
pub use fetch::{Fetch, Spooled};
pub use observed::{days_in, observed_at};
pub use remote::{Looked, Pointer, Remote};
pub use stored::Stored;

use crate::fault::cause;
use error::told;
use http::Pages;
use store::{Kind, Root, Store};

/// The most objects of one source: each is kept in memory (about 300 bytes) to be compared with the ledger.
const OBJECTS_AT_MOST: usize = 1_000_000;

/// Threads for the network; those for reading files come beside them.
const THREADS: usize = 2;
const FILE_THREADS: usize = 4;

/// How soon a stop is noticed.
const STOP_POLL: Duration = Duration::from_millis(50);

/// What the sources hold.
#[derive(Debug, Default)]
pub struct Listing {
    /// The objects that can be taken, by source as configured and then by key.
    pub objects: Vec<Object>,
    /// How many were left out by rule: empty ones, what is written still or is no export by its name, and `_*` and `.*`, of
    /// which a folder may be one.
    pub left_out: usize,
    /// Of those, the ones that are empty or written still, under the keys that they will have: of an export in parts they are missing.
    pub unfinished: Vec<Object>,
    /// Sources of which the filters leave nothing, and how many objects they have.
    pub filtered: Vec<(String, usize)>,
    /// Objects that cannot be addressed and so are not read, to be reported; at most 1,000 of each source.
    pub odd_keys: Vec<OddKey>,
    /// Sources that could not be opened or listed, each with the reason: what they hold is not known.
    pub sick: Vec<Sick>,
}

/// A source that could not be opened or listed, and why.
pub type Sick = (String, Arc<Error>);

/// Fails for the first of sources that could not be opened or listed, and tells of the others.
fn fail_for(failed: Vec<Sick>, others: &[Sick]) -> Result<(), Error> {
    let mut failed = failed.into_iter();
    let first = failed.next();
    for (name, error) in others.iter().cloned().chain(failed) {
        let error = &*error as &dyn std::error::Error;
        tracing::error!(source = name, error, "source failed");
    }
    match first.map(|(_, error)| Arc::try_unwrap(error)) {
        Some(Ok(error)) => Err(error),
        _ => Ok(()),
    }
}

/// A key with an empty, `.` or `..` segment, a leading `/` or a control character, or a file name that is no UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddKey {
    /// What is wrong with it.
    pub reason: &'static str,
    /// The name of its source.
    pub source: String,
    /// The key as listed.
    pub key: String,
}

impl fmt::Display for OddKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "object `{}` of source `{}`",
            self.key.escape_debug(),
            self.source
        )
    }
}

/// Opened sources.
#[derive(Debug)]
pub struct Sources {
    stores: Arc<Vec<Store>>,
    /// Sources that could not be opened.
    sick: Vec<Sick>,
    runtime: Threads,
    stop: Arc<AtomicBool>,
    bytes_fetched: Arc<AtomicU64>,
}

impl Sources {
    /// Opens sources without listing them. Once `stop` is set, every call and fetch ends with [`Error::Stopped`].
    ///
    /// # Errors
    ///
    /// A URL or option that cannot be used, two sources of one name; or when none can be opened.
    pub fn open(configs: &[SourceConfig], stop: Arc<AtomicBool>) -> Result<Sources, Error> {
        let mut names = HashSet::new();
        if let Some(twice) = configs.iter().find(|config| !names.insert(&config.name)) {
            return Err(Error::BadUrl {
                name: twice.name.clone(),
                reason: "another source has the same name",
            });
        }
        let runtime = Threads::start()?;
        let (mut stores, mut sick) = (Vec::new(), Vec::new());
        for config in configs {
            let opened = unless(|| stop.load(Ordering::Relaxed), store::open(config));
            match runtime.block_on(opened)? {
                Ok(store) => stores.push(store),
                Err(error) if error.is_configuration() => return Err(error),
                // Another one may be there: a sick source costs itself.
                Err(error) => sick.push((config.name.clone(), Arc::new(error))),
            }
        }
        if stores.is_empty() {
            fail_for(std::mem::take(&mut sick), &[])?;
        }
        Ok(Sources {
            stores: Arc::new(stores),
            sick,
            runtime,
            stop,
            bytes_fetched: Arc::default(),
        })
    }

    /// Lists all sources. One that cannot be listed to its end is left out whole, and named.
    ///
    /// Files whose name ends in `#` and digits are not seen: `object_store` takes them for its own.
    ///
    /// # Errors
    ///
    /// Where none can be listed: a missing bucket, credentials, an unreachable service, a listing that does not end.
    pub fn list(&self) -> Result<Listing, Error> {
        let mut listing = Listing {
            sick: self.sick.clone(),
            ..Listing::default()
        };
        let mut is_one_listed = false;
        for store in self.stores.iter() {
            let listed = catch_unwind(AssertUnwindSafe(|| self.list_one(store, &mut listing)));
            match listed
                .unwrap_or_else(|_| Err(fetch::broken(format!("source `{}`", store.config.name))))
            {
                Ok(()) => is_one_listed = true,
                Err(Error::Stopped) => return Err(Error::Stopped),
                Err(error) => listing
                    .sick
                    .push((store.config.name.clone(), Arc::new(error))),
            }
        }
        if !is_one_listed {
            let own = listing.sick.split_off(self.sick.len());
            fail_for(own, &self.sick)?;
        }
        Ok(listing)
    }

    /// Fetches objects into the folder `spool`, several at once, and hands them over in the order given.
    ///
    /// At most `spool_bytes` are on disk at once, those that the caller holds included; one larger object is let
    /// through by itself. So a caller that keeps what it was given, and waits for more, may wait for ever.
    /// An object's failure is its own. After a stop, the rest come as [`Error::Stopped`].
    pub fn fetch(&self, objects: Vec<Object>, spool: &FilePath, spool_bytes: u64) -> Fetch<'_> {
        fetch::begin(self, objects, spool.to_owned(), spool_bytes)
    }

    /// Removes the file of an object from its folder, if it is still the one that was listed. Objects of services stay.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove(&self, object: &Object) -> std::io::Result<()> {
        let mut stores = self.stores.iter();
        let store = stores.find(|store| store.config.name == object.source);
        let Some(store) = store.filter(|store| matches!(store.kind, Kind::Files)) else {
            return Ok(());
        };
        let path = store.folder.join(&object.key);
        let found = match std::fs::symlink_metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            found => found?,
        };
        let Ok(location) = Path::parse(&object.key) else {
            return Ok(());
        };
        let head = away_from_runtimes(|| store.objects.head(&location).now_or_never());
        let is_it = |meta| store.object(meta) == *object;
        // A link is somebody's, and another file by now is none that was taken in.
        match found.is_file() && head.and_then(Result::ok).is_some_and(is_it) {
            true => std::fs::remove_file(&path),
            false => Ok(()),
        }
    }

    /// Returns the count of bytes fetched so far, to be watched while fetching; what was fetched twice counts twice.
    pub fn bytes_fetched(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes_fetched)
    }

    fn list_one(&self, store: &Store, listing: &mut Listing) -> Result<(), Error> {
        let (metas, odd_keys) = match (&store.root, &store.kind) {
            (Root::Object(path), _) => (self.on_threads(the_object(store, path))?, Vec::new()),
            (_, Kind::Files) => away_from_runtimes(|| files(store, &self.stop))?,
            (_, Kind::Service(pages)) => {
                pages.start_over();
                let metas = self.on_threads(remote_objects(store, pages))?;
                let odd_keys = pages.start_over().into_iter();
                (metas, odd_keys.map(|key| (key, NO_URL)).collect())
            }
        };
        let found = metas.len();
        let (taken, others): (Vec<ObjectMeta>, Vec<ObjectMeta>) = metas
            .into_iter()
            .partition(|meta| store.filter.takes(meta, store.root.path()));
        let mut objects: Vec<Object> = taken.into_iter().map(|meta| store.object(meta)).collect();
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        let unfinished = others.into_iter().filter_map(|meta| store.unfinished(meta));
        let is_whole = |object: &Object| {
            objects
                .binary_search_by(|one| one.key.cmp(&object.key))
                .is_ok()
        };
        let unfinished = unfinished.filter(|object| !is_whole(object));
        listing.unfinished.extend(unfinished);
        if objects.is_empty() && found > 0 {
            listing.filtered.push((store.config.name.clone(), found));
        }
        listing.left_out += found - objects.len();
        listing.objects.append(&mut objects);
        let odd_keys = odd_keys.into_iter().map(|(key, reason)| OddKey {
            reason,
            source: store.config.name.clone(),
            key,
        });
        listing.odd_keys.extend(odd_keys);
        Ok(())
    }

    fn on_threads<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let is_ended = || self.stop.load(Ordering::Relaxed);
        self.runtime.block_on(unless(is_ended, work))?
    }
}

impl Store {
    /// Returns what an object that is left out will be when it is whole.
    fn unfinished(&self, meta: ObjectMeta) -> Option<Object> {
        let location = self.filter.unfinished(&meta, self.root.path())?;
        Some(self.object(ObjectMeta { location, ..meta }))
    }

    fn object(&self, meta: ObjectMeta) -> Object {
        let config = &self.config;
        let key = String::from(meta.location);
        let modified_at = meta.last_modified.timestamp_micros();
        let (observed_at, observed_from) =
            observed_at(&key, modified_at, &config.time_zone, config.observed_from);
        Object {
            source: config.name.clone(),
            key,
            e_tag: meta.e_tag,
            version: meta.version,
            size_bytes: meta.size,
            modified_at,
            observed_at,
            observed_from,
        }
    }
}

/// A key that cannot be read, and why.
type Odd = (String, &'static str);

/// Why an object is left out whose name is of another encoding.
const NOT_UTF8: &str =
    "has a name that is not UTF-8 (%E4 and the like stand for its bytes); rename it";

const NO_URL: &str = "has an empty, . or .. part or a control character in its key, and cannot be asked for; give it another key";

/// What the system calls a link that leads to itself (ELOOP).
const TOO_MANY_LINKS: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// Lists a folder. Outside of the runtime `object_store` goes on after a file it cannot name; inside, it gives up.
fn files(store: &Store, stop: &AtomicBool) -> Result<(Vec<ObjectMeta>, Vec<Odd>), Error> {
    let mut entries = store.objects.list(None);
    let (mut metas, mut odd_keys) = (Vec::new(), Vec::new());
    let mut inside = Inside::new(FilePath::new(&store.folder));
    loop {
        let next = entries.next().now_or_never();
        let Some(entry) = next.ok_or_else(|| fetch::broken(store.name()))? else {
            break;
        };
        if stop.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        match entry {
            Ok(meta) => match inside.entry(meta.location.as_ref()) {
                Entry::File => metas.push(meta),
                Entry::NoFile => {}
                Entry::Outside => odd_keys.push((
                    String::from(meta.location),
                    "lies behind a link that leads out of the folder",
                )),
            },
            Err(object_store::Error::InvalidPath { source }) => {
                let reason = match &source {
                    object_store::path::Error::NonUnicode { .. } => NOT_UTF8,
                    _ => NO_URL,
                };
                odd_keys.extend(path_of(source).map(|path| (path, reason)));
            }
            Err(err) => match cause::<std::io::Error>(&err).map(std::io::Error::raw_os_error) {
                // Links that lead round in a circle, or to themselves.
                None | Some(Some(TOO_MANY_LINKS)) => {}
                // A folder that cannot be read hides what it holds: that is no smaller listing, but none. Of what is never taken
                // nobody need know.
                Some(_) => match inside.unreadable(|folder| store.filter.enters(folder)) {
                    Some(folder) if folder != FilePath::new("") => {
                        let place = format!("the folder {} in {}", folder.display(), store.name());
                        return Err(told(&err, place));
                    }
                    None if is_for_want_of_rights(&err) => {}
                    _ => return Err(told(&err, store.name())),
                },
            },
        }
        at_most(metas.len(), store)?;
    }
    let is_taken = |key: &str| {
        let path = Path::parse(key);
        path.is_ok_and(|path| store.filter.takes_key(&path, store.root.path()))
    };
    odd_keys.extend(inside.overlooked(is_taken, stop));
    Ok((metas, odd_keys))
}

fn is_for_want_of_rights(error: &object_store::Error) -> bool {
    let kind = cause::<std::io::Error>(error).map(std::io::Error::kind);
    kind == Some(std::io::ErrorKind::PermissionDenied)
}

/// Does work on a thread of its own: inside the caller's runtime the store reads folders on that one's threads, and nothing is
/// there at once.
fn away_from_runtimes<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(work).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Returns the path that could not be taken for a key.
fn path_of(error: object_store::path::Error) -> Option<String> {
    use object_store::path::Error as Odd;
    match error {
        Odd::EmptySegment { path }
        | Odd::BadSegment { path, .. }
        | Odd::NonUnicode { path, .. } => Some(path),
        _ => None,
    }
}

async fn remote_objects(store: &Store, pages: &Pages) -> Result<Vec<ObjectMeta>, Error> {
    let path = store.root.path();
    let mut entries = store.objects.list(Some(path));
    let mut metas = Vec::new();
    while let Some(meta) = entries
        .try_next()
        .await
        .map_err(|err| told(&err, store.name()))?
    {
        metas.push(meta);
        at_most(metas.len(), store)?;
    }
    let is_empty = metas.is_empty() && pages.is_clean();
    if is_empty && matches!(store.root, Root::Either(_)) {
        return match the_object(store, path).await {
            // A prefix under which there is nothing, yet.
            Err(Error::NotFound { .. }) => Ok(metas),
            object => object,
        };
    }
    Ok(metas)
}

async fn the_object(store: &Store, path: &Path) -> Result<Vec<ObjectMeta>, Error> {
    let meta = store.objects.head(path).await;
    Ok(vec![meta.map_err(|err| told(&err, store.name()))?])
}

fn at_most(objects: usize, store: &Store) -> Result<(), Error> {
    match objects > OBJECTS_AT_MOST {
        false => Ok(()),
        true => Err(Error::BadListing {
            place: store.name(),
            reason: "it has more than a million objects; give a longer prefix",
        }),
    }
}

/// Does `work`, unless the caller stops or goes away first.
async fn unless<T>(is_ended: impl Fn() -> bool, work: impl Future<Output = T>) -> Result<T, Error> {
    let ended = async {
        while !is_ended() {
            tokio::time::sleep(STOP_POLL).await;
        }
    };
    match select(pin!(ended), pin!(work)).await {
        Either::Left(_) => Err(Error::Stopped),
        Either::Right((done, _)) => Ok(done),
    }
}

/// The threads of the network. Dropping them does not wait for what they do: a name look-up can hang for a minute.
#[derive(Debug)]
struct Threads(Option<Runtime>);

impl Threads {
    fn start() -> Result<Threads, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(FILE_THREADS)
            .thread_name("identidex-source")
            .enable_all()
            .build();
        let place = "the first thread".to_owned();
        let failed = |_| Error::Other {
            place,
            reply: Reply::default(),
        };
        Ok(Threads(Some(runtime.map_err(failed)?)))
    }
}

impl Deref for Threads {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("only drop takes it")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
