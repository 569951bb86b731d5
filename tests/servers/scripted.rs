//! A server that answers as it is told, and remembers what it was asked.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// An answer: status, headers, body; without one, the connection is held open and nothing comes.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    is_silent: bool,
}

impl Reply {
    pub(crate) fn of(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
            is_silent: false,
        }
    }

    pub(crate) fn silent() -> Reply {
        Reply {
            is_silent: true,
            ..Reply::of(200, "")
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Reply {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By name in small letters.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    replies: Mutex<HashMap<String, VecDeque<Reply>>>,
    asked: Mutex<Vec<Asked>>,
}

/// A server on a free port, which ends with the process.
pub(crate) struct Scripted {
    port: u16,
    shared: Arc<Shared>,
}

impl Scripted {
    pub(crate) fn start() -> Scripted {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                std::thread::spawn(move || shared.serve(connection));
            }
        });
        Scripted { port, shared }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has a path answered so, one reply after another; the last one from then on.
    pub(crate) fn answers(&self, path: &str, replies: &[Reply]) {
        let replies = replies.iter().cloned().collect();
        self.shared
            .replies
            .lock()
            .unwrap()
            .insert(path.to_owned(), replies);
    }

    /// Returns what a path was asked.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.path == path)
            .cloned()
            .collect()
    }
}

impl Shared {
    fn serve(&self, mut connection: TcpStream) {
        let Some(asked) = read(&connection) else {
            return;
        };
        let reply = {
            let mut replies = self.replies.lock().unwrap();
            let queue = replies.entry(asked.path.clone()).or_default();
            match queue.len() {
                0 => Reply::of(404, ""),
                1 => queue[0].clone(),
                _ => queue.pop_front().unwrap(),
            }
        };
        self.asked.lock().unwrap().push(asked);
        if reply.is_silent {
            // Until the client goes away.
            let _ = connection.read(&mut [0]);
            return;
        }
        let headers: String = reply
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let head = format!(
            "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            reply.status,
            reply.body.len()
        );
        // A client that has what it wants may be gone.
        let _ = connection.write_all(&[head.as_bytes(), &reply.body].concat());
    }
}

fn read(connection: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(connection);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Asked {
        method,
        path,
        headers,
        body,
    })
}
