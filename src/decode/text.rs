//! Text: a file's bytes behind its compression, bounded, and the text that they are in UTF-8.
//!
//! How it is compressed and encoded is found out by `sniff`; what the text says is for the formats.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use super::sniff::Compression;
use super::{
    BYTE_ORDER_MARK, Error, Form, MAX_LINE_BYTES, MAX_RATIO, MAX_TEXT_BYTES, RATIO_FREE_BYTES, gzip,
};

const BUFFER_BYTES: usize = 256 << 10;

/// The file's bytes behind one level of compression, bounded in size and ratio.
pub(super) fn decompress(path: &Path, compression: Compression) -> Result<Bounded, Error> {
    let file = File::open(path).map_err(Error::Read)?;
    let stored = file.metadata().map_err(Error::Read)?.len();
    let buffered = BufReader::with_capacity(BUFFER_BYTES, file);
    let inner: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(buffered),
        Compression::Gzip => Box::new(gzip::Members::new(buffered)),
        Compression::Zstd => Box::new(zstd::Decoder::with_buffer(buffered).map_err(Error::Read)?),
    };
    let limit = match compression {
        Compression::None => MAX_TEXT_BYTES,
        _ => limit_of(stored),
    };
    let bounded = Bounded {
        inner,
        compression,
        left: limit,
        limit,
    };
    // Of a plain file only the start is read before rows are taken: too late then to find that it is too large.
    if compression == Compression::None && stored > limit {
        Err(bounded.too_large())
    } else {
        Ok(bounded)
    }
}

/// Returns how many bytes what takes so many on disk may unpack to.
pub(super) fn limit_of(stored: u64) -> u64 {
    MAX_TEXT_BYTES.min(RATIO_FREE_BYTES.max(stored.saturating_mul(MAX_RATIO)))
}

/// A reader that refuses to yield more than its limit and names damage in its own words.
pub(super) struct Bounded {
    inner: Box<dyn Read + Send>,
    compression: Compression,
    left: u64,
    limit: u64,
}

impl Bounded {
    fn error(&self, error: io::Error) -> Error {
        let compression = match self.compression {
            // What the machine says has a number; what a decompressor says is a fixed text about its format.
            _ if error.raw_os_error().is_some() => return Error::Read(error),
            Compression::None => return Error::Read(error),
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        };
        let reason = error.to_string();
        // What zstd says of a window above its default; it has no kind of its own.
        if reason.contains("too much memory") {
            return Error::TooLarge {
                what: "the window of the zstd data",
                limit: "128 MiB".to_owned(),
                hint: "compress it again, with a window of 27 bits at most (without --long, or with --long=27)",
            };
        }
        Error::Damaged {
            compression,
            reason,
        }
    }

    fn too_large(&self) -> Error {
        let limit = format!("{} MiB", self.limit >> 20);
        if self.limit == MAX_TEXT_BYTES {
            let hint = "split the export into smaller files";
            return Error::TooLarge {
                what: "the text",
                limit,
                hint,
            };
        }
        let hint = "an export does not compress that well: check that the object is one";
        Error::TooLarge {
            what: "the text, for what its compressed size is,",
            limit,
            hint,
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let read = loop {
            match self.inner.read(buffer) {
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.error(error)),
            }
        };
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| self.too_large())?;
        Ok(read)
    }
}

pub(super) fn read_start(bytes: &mut Bounded) -> Result<Vec<u8>, Error> {
    let mut start = vec![0; MAX_LINE_BYTES];
    let mut filled = 0;
    while filled < start.len() {
        match bytes.read_some(&mut start[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    start.truncate(filled);
    Ok(start)
}

pub(super) fn drain(mut bytes: Bounded) -> Result<(), Error> {
    let mut buffer = vec![0; BUFFER_BYTES];
    while bytes.read_some(&mut buffer)? > 0 {}
    Ok(())
}

/// The text as UTF-8 bytes (or what claims to be), without a byte-order mark.
pub(super) struct Text {
    bytes: Bounded,
    decoder: Option<encoding_rs::Decoder>,
    raw: Vec<u8>,
    raw_start: usize,
    at_start: bool,
    ended: bool,
}

/// A hole has no fewer zeros; one alone costs its cell.
const HOLE: [u8; 8] = [0; 8];

impl Text {
    pub(super) fn open(path: &Path, form: &Form) -> Result<Text, Error> {
        Ok(Text {
            bytes: decompress(path, form.compression)?,
            decoder: form
                .encoding
                .map(encoding_rs::Encoding::new_decoder_with_bom_removal),
            raw: Vec::new(),
            raw_start: 0,
            at_start: true,
            ended: false,
        })
    }

    /// Appends up to about `BUFFER_BYTES` to `text`; nothing appended means the end.
    ///
    /// # Errors
    /// Also for a hole of zeros, as a full disk or a broken upload leaves it, which may join the halves of two rows.
    pub(super) fn append_to(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let before = text.len();
        match self.decoder.is_some() {
            true => self.append_decoded(text)?,
            false => self.append_utf8(text)?,
        }
        // One may be in what was there before, and a mark at the start was taken away.
        let from = before.saturating_sub(HOLE.len()).min(text.len());
        match memchr::memmem::find(&text[from..], &HOLE) {
            None => Ok(()),
            Some(_) => Err(Error::Zeros),
        }
    }

    fn append_utf8(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let before = text.len();
        text.resize(before + BUFFER_BYTES, 0);
        let read = self.bytes.read_some(&mut text[before..])?;
        text.truncate(before + read);
        if self.at_start && text.len() >= 3 {
            self.at_start = false;
            if text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..3);
                // A member of gzip may hold the mark alone: that is not the end.
                if text.is_empty() {
                    return self.append_utf8(text);
                }
            }
        }
        Ok(())
    }

    fn append_decoded(&mut self, text: &mut Vec<u8>) -> Result<(), Error> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Ok(());
        };
        let before = text.len();
        while text.len() == before && !self.ended {
            if self.raw_start == self.raw.len() {
                self.raw.resize(BUFFER_BYTES, 0);
                let read = self.bytes.read_some(&mut self.raw)?;
                self.raw.truncate(read);
                self.raw_start = 0;
                self.ended = read == 0;
            }
            let mut decoded = vec![0; BUFFER_BYTES * 2];
            let (_, read, written, is_damaged) =
                decoder.decode_to_utf8(&self.raw[self.raw_start..], &mut decoded, self.ended);
            if is_damaged {
                return Err(Error::Damaged {
                    compression: decoder.encoding().name(),
                    reason: "a character of it is cut or none".to_owned(),
                });
            }
            self.raw_start += read;
            text.extend_from_slice(&decoded[..written]);
        }
        Ok(())
    }
}
