//! An OpenTelemetry collector, as `otlp.py` starts it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::process::{Process, script, tool, words};

/// A collector of one test.
pub(crate) struct Otlp {
    _server: Process,
    received: PathBuf,
    /// Where it listens.
    pub(crate) url: String,
}

impl Otlp {
    /// Starts one that keeps what it gets in `folder`.
    pub(crate) fn start(folder: &Path) -> Otlp {
        let received = folder.join("received.jsonl");
        let mut python = Command::new(tool("python/bin/python"));
        let (server, ready) = Process::start(python.arg(script("otlp.py")).arg(&received));
        let [port] = words(&ready);
        Otlp {
            _server: server,
            received,
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// Returns what it got, in order, and forgets it.
    pub(crate) fn received(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.received).unwrap();
        std::fs::write(&self.received, "").unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}
