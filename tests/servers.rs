//! Storage servers on loopback: S3 (moto), Azure Blob (Azurite) and an evil S3 server in plain `std`.
//!
//! The real ones are installed by `tests/setup` and started once for the whole test binary; each test keeps to its own
//! prefix. They end with the process, however it ends: they watch a pipe that it holds.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path as FilePath, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use identidex::ingest::SourceConfig;
use jiff::tz::TimeZone;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::runtime::Runtime;

/// The bucket, and the container, that the servers come with.
pub(crate) const BUCKET: &str = "exports";

/// The account and key of the Azure emulator, as Microsoft publishes them.
const AZURE_ACCOUNT: &str = "devstoreaccount1";
const AZURE_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// A store that tests fill and sources read.
pub(crate) trait Server: Sync {
    /// Puts an object, over the one that was there.
    fn put(&self, key: &str, bytes: &[u8]);
    /// Deletes an object.
    fn delete(&self, key: &str);
    /// Returns a source of everything below a prefix; an empty one is the whole bucket.
    fn config(&self, prefix: &str) -> SourceConfig;
    /// Returns a source with credentials that the server does not know.
    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig>;
    /// Returns a source in a bucket, container or folder that is not there.
    fn config_elsewhere(&self) -> SourceConfig;
}

/// A source's configuration: UTC, no options.
pub(crate) fn source(name: &str, url: &str) -> SourceConfig {
    SourceConfig {
        name: name.to_owned(),
        url: url.to_owned(),
        time_zone: TimeZone::UTC,
        observed_from: None,
        options: BTreeMap::new(),
    }
}

fn with_options(mut config: SourceConfig, options: &[(&str, &str)]) -> SourceConfig {
    for (key, value) in options {
        config
            .options
            .insert((*key).to_owned(), (*value).to_owned());
    }
    config
}

/// An S3 server with the bucket [`BUCKET`].
pub(crate) struct S3 {
    store: Filled,
    endpoint: String,
    key_id: String,
    secret: String,
}

impl S3 {
    /// Returns the server of this test binary, started by whoever asks first.
    pub(crate) fn start() -> &'static S3 {
        static S3: OnceLock<S3> = OnceLock::new();
        S3.get_or_init(|| {
            let mut python = Command::new(tool("python/bin/python"));
            let (server, ready) = Process::start(python.arg(script("s3.py")));
            let [port, key_id, secret] = words(&ready);
            let endpoint = format!("http://127.0.0.1:{port}");
            let store = AmazonS3Builder::new()
                .with_bucket_name(BUCKET)
                .with_region("us-east-1")
                .with_endpoint(&endpoint)
                .with_allow_http(true)
                .with_access_key_id(&key_id)
                .with_secret_access_key(&secret);
            S3 {
                store: Filled::new(store.build().unwrap(), server),
                endpoint,
                key_id,
                secret,
            }
        })
    }

    fn source(&self, url: &str, secret: &str) -> SourceConfig {
        let options = [
            ("region", "us-east-1"),
            ("endpoint", &self.endpoint),
            ("allow_http", "true"),
            ("access_key_id", &self.key_id),
            ("secret_access_key", secret),
        ];
        with_options(source("s3", url), &options)
    }
}

impl Server for S3 {
    fn put(&self, key: &str, bytes: &[u8]) {
        self.store.put(key, bytes);
    }

    fn delete(&self, key: &str) {
        self.store.delete(key);
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        self.source(&format!("s3://{BUCKET}/{prefix}"), &self.secret)
    }

    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig> {
        Some(self.source(&format!("s3://{BUCKET}/{prefix}"), "not-the-secret"))
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.source("s3://no-such-bucket/", &self.secret)
    }
}

/// An Azure Blob server with the container [`BUCKET`].
pub(crate) struct Azure {
    store: Filled,
    endpoint: String,
}

impl Azure {
    /// Returns the server of this test binary, started by whoever asks first.
    pub(crate) fn start() -> &'static Azure {
        static AZURE: OnceLock<Azure> = OnceLock::new();
        AZURE.get_or_init(|| {
            let mut node = Command::new("node");
            node.env("NODE_PATH", tool("node/node_modules"));
            let (server, ready) = Process::start(node.arg(script("azure.js")));
            let [port] = words(&ready);
            let endpoint = format!("http://127.0.0.1:{port}/{AZURE_ACCOUNT}");
            let store = MicrosoftAzureBuilder::new()
                .with_account(AZURE_ACCOUNT)
                .with_access_key(AZURE_KEY)
                .with_container_name(BUCKET)
                .with_endpoint(endpoint.clone())
                .with_allow_http(true);
            Azure {
                store: Filled::new(store.build().unwrap(), server),
                endpoint,
            }
        })
    }

    fn source(&self, url: &str, key: &str) -> SourceConfig {
        let options = [
            ("account_name", AZURE_ACCOUNT),
            ("account_key", key),
            ("endpoint", &self.endpoint),
            ("allow_http", "true"),
        ];
        with_options(source("azure", url), &options)
    }
}

impl Server for Azure {
    fn put(&self, key: &str, bytes: &[u8]) {
        self.store.put(key, bytes);
    }

    fn delete(&self, key: &str) {
        self.store.delete(key);
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        self.source(&format!("az://{BUCKET}/{prefix}"), AZURE_KEY)
    }

    fn config_of_a_stranger(&self, prefix: &str) -> Option<SourceConfig> {
        let key = "bm90IHRoZSBrZXk=";
        Some(self.source(&format!("abfss://{BUCKET}/{prefix}"), key))
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.source("az://no-such-container/", AZURE_KEY)
    }
}

/// A folder, filled like the servers.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn start() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &FilePath {
        self.0.path()
    }
}

impl Server for Folder {
    fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As exporters do it: a new file under the old name.
        let _ = std::fs::remove_file(&path);
        std::fs::write(path, bytes).unwrap();
    }

    fn delete(&self, key: &str) {
        std::fs::remove_file(self.path().join(key)).unwrap();
    }

    fn config(&self, prefix: &str) -> SourceConfig {
        source("folder", self.path().join(prefix).to_str().unwrap())
    }

    fn config_of_a_stranger(&self, _prefix: &str) -> Option<SourceConfig> {
        None
    }

    fn config_elsewhere(&self) -> SourceConfig {
        self.config("no-such-folder")
    }
}

/// A store to put objects into, and the server that holds it.
struct Filled {
    store: Box<dyn ObjectStore>,
    runtime: Runtime,
    _server: Process,
}

impl Filled {
    fn new(store: impl ObjectStore, server: Process) -> Filled {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Filled {
            store: Box::new(store),
            runtime: runtime.unwrap(),
            _server: server,
        }
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        let (key, bytes) = (Path::parse(key).unwrap(), PutPayload::from(bytes.to_vec()));
        self.runtime.block_on(self.store.put(&key, bytes)).unwrap();
    }

    fn delete(&self, key: &str) {
        let key = Path::parse(key).unwrap();
        self.runtime.block_on(self.store.delete(&key)).unwrap();
    }
}

/// A server process. It ends when the pipe to its standard input closes: on drop, or with this process.
struct Process(Child);

impl Process {
    /// Starts a server, and returns the line with which it says that it is ready.
    fn start(command: &mut Command) -> (Process, String) {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.expect("the test servers are installed: run tests/setup first");
        let mut ready = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut ready).unwrap();
        assert!(!ready.is_empty(), "{command:?} ended before it was ready");
        (Process(child), ready)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tool(path: &str) -> PathBuf {
    let tools = std::env::var_os("IDENTIDEX_TEST_TOOLS").map(PathBuf::from);
    let cache = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
        cache.unwrap_or_else(home).join("identidex-tests")
    };
    tools.unwrap_or_else(cache).join(path)
}

fn script(name: &str) -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/servers")
        .join(name)
}

fn words<const N: usize>(line: &str) -> [String; N] {
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    words.try_into().unwrap()
}

/// What the evil server does to the next request for an object.
#[derive(Debug, Clone)]
pub(crate) enum Evil {
    /// Sends this much of the body and hangs up.
    Cut(usize),
    /// Sends a whole body, of another length than listed, under the listed e-tag.
    Lie(Vec<u8>),
    /// Sends another body under another e-tag, whatever the condition says.
    Replace(Vec<u8>),
    /// Redirects to this address.
    Redirect(String),
    /// Answers with a status, and a body that tells a secret.
    Refuse(u16, &'static str),
}

/// An S3 server that lists what it is told and then does evil, once per entry of `evils`, then behaves.
pub(crate) struct EvilS3 {
    port: u16,
    shared: Arc<Shared>,
}

/// What a request may be answered from.
#[derive(Default)]
struct Shared {
    objects: HashMap<String, Vec<u8>>,
    /// For objects and for listings, in this order.
    evils: Mutex<Vec<Evil>>,
    list_evils: Mutex<Vec<Evil>>,
    endless: AtomicBool,
    requests: AtomicUsize,
}

pub(crate) const EVIL_SECRET: &str = "FwoGZXIvYXdzEBYaDK";

impl EvilS3 {
    /// Starts a server that lists these objects; keys are sent as they are given.
    pub(crate) fn start(objects: &[(&str, &[u8])]) -> EvilS3 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let objects = objects
            .iter()
            .map(|(key, bytes)| ((*key).to_owned(), bytes.to_vec()));
        let shared = Arc::new(Shared {
            objects: objects.collect(),
            ..Shared::default()
        });
        let for_thread = Arc::clone(&shared);
        // Ends with the process: it is blocked in accept, and holds nothing but its socket.
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                std::thread::spawn(move || shared.serve(&connection));
            }
        });
        EvilS3 { port, shared }
    }

    /// Returns a source of the whole bucket.
    pub(crate) fn config(&self) -> SourceConfig {
        let options = [
            ("endpoint", self.endpoint().as_str()),
            ("region", "us-east-1"),
            ("allow_http", "true"),
            ("access_key_id", "evil"),
            ("secret_access_key", "evil"),
            ("session_token", EVIL_SECRET),
            ("max_retries", "4"),
        ]
        .map(|(key, value)| (key, value.to_owned()));
        let mut config = source("evil", "s3://bucket/");
        config.options = options.map(|(key, value)| (key.to_owned(), value)).into();
        config
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Does these to the next requests for objects.
    pub(crate) fn then(&self, evils: &[Evil]) {
        *self.shared.evils.lock().unwrap() = evils.to_vec();
    }

    /// Does these to the next requests for a listing.
    pub(crate) fn then_listing(&self, evils: &[Evil]) {
        *self.shared.list_evils.lock().unwrap() = evils.to_vec();
    }

    /// Sends the same page, with the same token for the next, for ever.
    pub(crate) fn list_without_end(&self) {
        self.shared.endless.store(true, Ordering::Relaxed);
    }

    /// Returns how many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Answers one request: `path?query`, an optional range, and the connection closes.
    fn serve(&self, mut connection: &TcpStream) {
        let Some((target, range)) = read_request(connection) else {
            return;
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let is_list = query.contains("list-type=2");
        let evils = if is_list {
            &self.list_evils
        } else {
            &self.evils
        };
        let evil = {
            let mut evils = evils.lock().unwrap();
            (!evils.is_empty()).then(|| evils.remove(0))
        };
        let body = match path.strip_prefix("/bucket/") {
            Some(key) if !is_list => self.objects.get(key).cloned(),
            _ => Some(self.page().into_bytes()),
        };
        let reply = match (evil, body) {
            (None, None) => head(404, 0, "", ""),
            (None, Some(body)) => whole(&body, "as-listed", range),
            (Some(Evil::Cut(length)), Some(body)) => {
                let all = whole(&body, "as-listed", range);
                all[..all.len() - body[range.unwrap_or(0)..].len() + length].to_vec()
            }
            (Some(Evil::Lie(body)), _) => whole(&body, "as-listed", None),
            (Some(Evil::Replace(body)), _) => whole(&body, "another", None),
            (Some(Evil::Redirect(to)), _) => head(307, 0, "", &format!("Location: {to}\r\n")),
            (Some(Evil::Refuse(status, code)), _) => {
                let body = format!(
                    "<Error><Code>{code}</Code><Message>{EVIL_SECRET}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
                );
                [head(status, body.len(), "", ""), body.into_bytes()].concat()
            }
            (Some(Evil::Cut(_)), None) => Vec::new(),
        };
        // A client that has what it wants may be gone.
        let _ = connection.write_all(&reply);
    }

    fn page(&self) -> String {
        let contents = self.objects.iter().map(|(key, bytes)| {
            format!(
                "<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2026-11-20T06:00:00.000Z</LastModified><ETag>&quot;as-listed&quot;</ETag></Contents>",
                bytes.len()
            )
        });
        let token = match self.endless.load(Ordering::Relaxed) {
            true => "<NextContinuationToken>again</NextContinuationToken>",
            false => "",
        };
        format!(
            "<ListBucketResult>{}{token}</ListBucketResult>",
            contents.collect::<String>()
        )
    }
}

/// Returns the target of a request, and the first byte it asks for.
fn read_request(connection: &TcpStream) -> Option<(String, Option<usize>)> {
    let mut lines = BufReader::new(connection.take(64 << 10)).lines();
    let target = lines.next()?.ok()?.split(' ').nth(1)?.to_owned();
    let mut range = None;
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let line = line.to_ascii_lowercase();
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            range = bytes.split('-').next()?.parse().ok();
        }
    }
    Some((target, range))
}

fn head(status: u16, length: usize, e_tag: &str, more: &str) -> Vec<u8> {
    let time = "Fri, 20 Nov 2026 06:00:00 GMT";
    format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\nETag: \"{e_tag}\"\r\nLast-Modified: {time}\r\n{more}\r\n"
    )
    .into_bytes()
}

fn whole(body: &[u8], e_tag: &str, range: Option<usize>) -> Vec<u8> {
    let Some(first) = range else {
        return [head(200, body.len(), e_tag, ""), body.to_vec()].concat();
    };
    let (last, all) = (body.len() - 1, body.len());
    let more = format!("Content-Range: bytes {first}-{last}/{all}\r\n");
    [head(206, all - first, e_tag, &more), body[first..].to_vec()].concat()
}
