//! The audit log: who had what done to whom, written before it is done and after. One JSON object a line.
//!
//! It names people, since that is what it is for: its file is its owner's alone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tracing::error;

use super::wait::now;
use super::{Error, Outcome};

/// A file to which every act is written before it is sent; lines are only added. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Audit {
    log: Arc<Mutex<Log>>,
    written: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    /// Its last line has no end: what was written while the disk was full.
    is_torn: bool,
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
        let opened = Log::open(path.as_ref());
        let log = opened.map_err(|source| Error::Audit { source })?;
        Ok(Audit {
            log: Arc::new(Mutex::new(log)),
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
            Outcome::Refused(answer) => {
                line["state"] = json!("refused");
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
        let log = Arc::clone(&self.log);
        let add = move || {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.add(&text)
        };
        let added = tokio::task::spawn_blocking(add).await;
        added.unwrap_or_else(|_| Err(io::Error::other("the writer was stopped")))
    }
}

impl Log {
    /// Opens a file that lines can be added to, or begins one.
    fn open(path: &Path) -> io::Result<Log> {
        let mut options = OpenOptions::new();
        // Read, too: a pipe that nobody reads would be waited for.
        options.append(true).create(true).read(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Log {
            path: path.to_owned(),
            file,
            is_torn: last != [b'\n'],
        })
    }

    fn add(&mut self, line: &str) -> io::Result<()> {
        if !self.is_there()? {
            *self = Log::open(&self.path)?;
        }
        let end = if self.is_torn { "\n" } else { "" };
        self.is_torn = true;
        self.file.write_all(format!("{end}{line}").as_bytes())?;
        self.is_torn = false;
        self.file.sync_data()
    }

    /// Tells whether the file is still the one of its path: it may have been moved away, or deleted.
    #[cfg(unix)]
    fn is_there(&self) -> io::Result<bool> {
        use std::os::unix::fs::MetadataExt;
        let of = |file: &std::fs::Metadata| (file.dev(), file.ino());
        let own = of(&self.file.metadata()?);
        Ok(std::fs::metadata(&self.path).is_ok_and(|found| of(&found) == own))
    }

    #[cfg(not(unix))]
    fn is_there(&self) -> io::Result<bool> {
        Ok(self.path.exists())
    }
}
