//! The audit log: who had what done to whom, written before it is done and after. One JSON object a line.
//!
//! It names people, since that is what it is for: its file is its owner's alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::error;

use super::wait::now;
use super::{Error, Outcome};

/// A file to which every act is written before it is sent; lines are only added. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Audit {
    file: Arc<Mutex<File>>,
    written: Arc<AtomicU64>,
}

/// On whose word something is done, and where that is written.
#[derive(Debug, Clone, Copy)]
pub struct Mandate<'m> {
    /// Who asked for it, as the chatbot knows them: an address, a ticket. Written to the log as it is.
    pub asked_by: &'m str,
    /// The log.
    pub audit: &'m Audit,
}

impl Audit {
    /// Opens a log, or begins one that only its owner can read.
    ///
    /// # Errors
    /// [`Error::Audit`] where it cannot be written.
    pub fn open(path: impl AsRef<Path>) -> Result<Audit, Error> {
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(path)
            .map_err(|source| Error::Audit { source })?;
        Ok(Audit {
            file: Arc::new(Mutex::new(file)),
            written: Arc::default(),
        })
    }

    /// Writes that an act begins; returns what its end is told by.
    pub(super) async fn begin(
        &self,
        act: &'static str,
        asked_by: &str,
        on: &[Value],
        sent: &Value,
    ) -> Result<String, Error> {
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let mut line = json!({
            "at": now().to_string(), "state": "begun", "act": act, "asked_by": asked_by, "on": on, "sent": sent,
        });
        let unique = format!("{line}{}{number}", std::process::id());
        let id = blake3::hash(unique.as_bytes()).to_hex()[..16].to_owned();
        line["id"] = json!(id);
        self.add(&line)
            .await
            .map_err(|source| Error::Audit { source })?;
        Ok(id)
    }

    /// Writes how an act ended. What cannot be written any more is told as an error of the program: the act is done.
    pub(super) async fn end(&self, id: &str, outcome: &Outcome<'_>) {
        let mut line = json!({"at": now().to_string(), "id": id});
        match outcome {
            Outcome::Sent(answer) => {
                line["state"] = json!("sent");
                line["answer"] = (*answer).clone();
            }
            Outcome::Failed(error) => {
                let is_unknown = error.may_be_done();
                line["state"] = json!(if is_unknown { "unknown" } else { "not_sent" });
                line["error"] = json!(error.to_string());
            }
        }
        if let Err(fault) = self.add(&line).await {
            error!(id, %fault, "an act ended, and the audit log cannot say how");
        }
    }

    /// Adds a line, and waits until it is on the disk.
    async fn add(&self, line: &Value) -> io::Result<()> {
        let text = format!("{line}\n");
        let file = Arc::clone(&self.file);
        let add = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write_all(text.as_bytes())?;
            file.sync_data()
        };
        let added = tokio::task::spawn_blocking(add).await;
        added.unwrap_or_else(|_| Err(io::Error::other("the writer was stopped")))
    }
}
