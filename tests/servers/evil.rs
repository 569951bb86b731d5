//! An S3 server that lists what it is told and then does evil: it answers by hand, since no real one would.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use identidex::ingest::SourceConfig;

use super::source;

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
