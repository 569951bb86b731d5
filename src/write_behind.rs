//! A file that a thread of its own writes, front to back: nearly all that takes is the system's copying, which others need
//! not wait for.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::{self, JoinHandle};

/// Bytes that are best written at once.
pub(crate) const WRITTEN_AT_ONCE: usize = 1 << 20;
/// Full buffers between who fills them and the thread that writes.
const BUFFERS_AHEAD: usize = 3;

/// A file on its way.
pub(crate) struct WriteBehind {
    full: SyncSender<Vec<u8>>,
    /// Buffers that were written, to be filled again: the system gives out no memory that it has not cleared.
    empty: Receiver<Vec<u8>>,
    /// Taken when the file failed.
    writing: Option<JoinHandle<io::Result<File>>>,
}

impl WriteBehind {
    /// Begins to write a file.
    pub(crate) fn new(file: File) -> io::Result<WriteBehind> {
        let (full, buffers) = sync_channel::<Vec<u8>>(BUFFERS_AHEAD);
        let (written, empty) = channel();
        let write = move || {
            let mut file = file;
            for mut buffer in buffers {
                file.write_all(&buffer)?;
                buffer.clear();
                // Nobody fills another one where this fails.
                let _ = written.send(buffer);
            }
            Ok(file)
        };
        let writing = thread::Builder::new().name("write".into()).spawn(write)?;
        Ok(WriteBehind {
            full,
            empty,
            writing: Some(writing),
        })
    }

    /// Takes what is to be written next out of a buffer, and leaves an empty one.
    pub(crate) fn write(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let empty = match self.empty.try_recv() {
            Ok(empty) => empty,
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                Vec::with_capacity(buffer.capacity())
            }
        };
        if self.full.send(std::mem::replace(buffer, empty)).is_err() {
            joined(self.writing.take())?;
        }
        Ok(())
    }

    /// Returns the file once all is written.
    pub(crate) fn end(self) -> io::Result<File> {
        drop(self.full);
        joined(self.writing)
    }
}

/// Returns the file, or what it failed with.
fn joined(writing: Option<JoinHandle<io::Result<File>>>) -> io::Result<File> {
    let joined = writing.and_then(|writing| writing.join().ok());
    joined.unwrap_or_else(|| Err(io::Error::other("the thread that writes the file is gone")))
}
