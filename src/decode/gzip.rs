//! Gzip: all members of a file, one behind the other, and the zeros that some tools pad a file with.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The text of all members: real exporters append, and one decoder would stop behind the first without a word.
pub(super) struct Members<R> {
    /// None once the last one has ended.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(file: R) -> Members<R> {
        Members {
            member: Some(GzDecoder::new(file)),
        }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            self.member = rest.map(next_member).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// Passes over zeros, and begins the next member if there is one.
fn next_member<R: BufRead>(mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let buffered = rest.fill_buf()?;
        if buffered.is_empty() {
            return Ok(None);
        }
        let zeros = buffered.iter().take_while(|byte| **byte == 0).count();
        let is_padding = zeros == buffered.len();
        rest.consume(zeros);
        if !is_padding {
            return Ok(Some(GzDecoder::new(rest)));
        }
    }
}
