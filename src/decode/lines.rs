//! The physical lines of a text, buffered: runs of them whose quotes are balanced, and those that leave one open.

use super::text::Text;
use super::{Error, MAX_LINE_BYTES, MAX_RECORD_LINES};

/// What stands next in the text.
pub(super) enum Run {
    /// [`Lines::run`] is one line or more, each with balanced quotes.
    Balanced,
    /// The first line leaves a quote open.
    Open,
    /// A line over the limit was passed over.
    Overlong {
        line: u64,
    },
    End,
}

/// The text's physical lines, buffered.
pub(super) struct Lines {
    text: Text,
    buffer: Vec<u8>,
    start: usize,
    run_end: usize,
    /// The physical line that `start` stands on.
    pub(super) line: u64,
    ended: bool,
}

impl Lines {
    pub(super) fn open(text: Text) -> Lines {
        Lines {
            text,
            buffer: Vec::new(),
            start: 0,
            run_end: 0,
            line: 1,
            ended: false,
        }
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    pub(super) fn run(&self) -> &[u8] {
        &self.buffer[self.start..self.run_end]
    }

    pub(super) fn first_line(&self) -> &[u8] {
        let rest = self.rest();
        &rest[..memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)]
    }

    pub(super) fn consume(&mut self, bytes: usize, lines: u64) {
        self.start += bytes;
        self.line += lines;
    }

    /// Reads on; false at the end of the text.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        self.text.append_to(&mut self.buffer)?;
        self.ended = self.buffer.len() == before;
        Ok(!self.ended)
    }

    pub(super) fn next_run(&mut self) -> Result<Run, Error> {
        loop {
            let mut end = self.start;
            let mut next = None;
            for newline in memchr::memchr_iter(b'\n', &self.buffer[self.start..]) {
                let line_end = self.start + newline + 1;
                next = self.unusual(&self.buffer[end..line_end]);
                if next.is_some() {
                    break;
                }
                end = line_end;
            }
            self.run_end = end;
            match next {
                _ if end > self.start => return Ok(Run::Balanced),
                Some(Run::Overlong { .. }) => return self.pass_over(),
                Some(next) => return Ok(next),
                None => {}
            }
            // No complete line is buffered.
            if self.rest().len() > MAX_LINE_BYTES {
                return self.pass_over();
            }
            if !self.fill()? {
                return Ok(self.last_line());
            }
        }
    }

    /// What a complete line is, when it is none that a run can hold.
    fn unusual(&self, line: &[u8]) -> Option<Run> {
        if line.len() > MAX_LINE_BYTES + 1 {
            return Some(Run::Overlong { line: self.line });
        }
        (quotes(line) % 2 == 1).then_some(Run::Open)
    }

    /// The text behind the last new line.
    fn last_line(&mut self) -> Run {
        self.run_end = self.buffer.len();
        match self.run() {
            [] => Run::End,
            line if quotes(line) % 2 == 1 => Run::Open,
            _ => Run::Balanced,
        }
    }

    /// Passes over a line that is too long, however long it is, in bounded memory.
    fn pass_over(&mut self) -> Result<Run, Error> {
        let line = self.line;
        loop {
            if let Some(at) = memchr::memchr(b'\n', self.rest()) {
                self.consume(at + 1, 1);
                return Ok(Run::Overlong { line });
            }
            self.start = self.buffer.len();
            if !self.fill()? {
                return Ok(Run::Overlong { line });
            }
        }
    }

    /// Buffers what a quoted row of at most [`MAX_RECORD_LINES`] lines can take.
    pub(super) fn hold_record(&mut self) -> Result<(), Error> {
        while memchr::memchr_iter(b'\n', self.rest())
            .nth(MAX_RECORD_LINES)
            .is_none()
            && self.rest().len() <= MAX_LINE_BYTES
            && self.fill()?
        {}
        Ok(())
    }

    /// Buffers [`MAX_LINE_BYTES`], as far as there are any.
    pub(super) fn hold_most(&mut self) -> Result<(), Error> {
        while self.rest().len() <= MAX_LINE_BYTES && self.fill()? {}
        Ok(())
    }

    /// The places (bytes and lines from here) where an opened quote could be closed at the end of a buffered line,
    /// within [`MAX_LINE_BYTES`].
    pub(super) fn closing_places(&self) -> impl Iterator<Item = (usize, u64)> {
        let rest = self.rest();
        let (mut balance, mut begin, mut lines) = (0, 0, 0);
        std::iter::from_fn(move || {
            loop {
                let end = match memchr::memchr(b'\n', &rest[begin..]) {
                    Some(at) => begin + at + 1,
                    None if self.ended => rest.len(),
                    None => return None,
                };
                if end == begin || end > MAX_LINE_BYTES {
                    return None;
                }
                balance += quotes(&rest[begin..end]);
                (begin, lines) = (end, lines + 1);
                if balance % 2 == 0 {
                    return Some((end, lines));
                }
            }
        })
    }
}

pub(super) fn quotes(line: &[u8]) -> usize {
    memchr::memchr_iter(b'"', line).count()
}
