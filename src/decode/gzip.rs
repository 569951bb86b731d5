//! Gzip: all members of a file, one behind the other, and the zeros or line ends that some tools pad a file with.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// What every member begins with.
const FIRST_BYTE: u8 = 0x1f;

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

/// Passes over what pads a file, and begins the next member if there is one.
fn next_member<R: BufRead>(mut rest: R) -> io::Result<Option<GzDecoder<R>>> {
    loop {
        let buffered = rest.fill_buf()?;
        if buffered.is_empty() {
            return Ok(None);
        }
        let is_padding = |byte: &&u8| matches!(**byte, 0 | b'\n' | b'\r');
        let padding = buffered.iter().take_while(is_padding).count();
        let next = buffered.get(padding).copied();
        rest.consume(padding);
        match next {
            None => {}
            Some(FIRST_BYTE) => return Ok(Some(GzDecoder::new(rest))),
            Some(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "something else stands behind it",
                ));
            }
        }
    }
}
