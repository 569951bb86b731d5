//! Sniffing: what a file is by its first bytes, never by its name.

use super::Error;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// What files begin with that are no exports, and what people call them.
const OTHERS: [(&[u8], &str); 30] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook (xlsx)"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (xls)"),
    (b"%PDF", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\0", "compressed with xz"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"MZ\x90\0", "a program"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"\x1f\x9d", "compressed with compress (Z)"),
    (b"\x78\x01", "compressed with zlib"),
    (b"\x78\x9c", "compressed with zlib"),
    (b"\x78\xda", "compressed with zlib"),
    (
        &[0; 16],
        "nothing but zeros, as a full disk or a broken upload leaves it",
    ),
    (b"\xff\x06\0\0sNaPpY", "compressed with snappy"),
    (b"\x5d\0\0\x80\0", "compressed with lzma"),
    (b"ARROW1", "an Arrow (Feather) file"),
    (b"FEA1", "a Feather file"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"PARE", "an encrypted Parquet file"),
    (b"PAR1", "a Parquet file that was compressed once more"),
    (b"\x7fELF", "a program"),
    (
        b"-----BEGIN",
        "a key, a certificate or an encrypted message",
    ),
];

/// Tags that documents of the web and of XML begin with.
const TAGS: [(&str, &str); 5] = [
    (
        "<!doctype html",
        "an HTML page, perhaps of a proxy or a login",
    ),
    ("<html", "an HTML page, perhaps of a proxy or a login"),
    ("<head", "an HTML page, perhaps of a proxy or a login"),
    ("<?xml", "an XML document, perhaps a store's error"),
    ("<!--", "an HTML or XML document"),
];

/// Where archives say that they are one.
const TAR_AT: usize = 257;

pub(super) fn compression_of(start: &[u8]) -> Compression {
    const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
    if start.starts_with(&GZIP_MAGIC) {
        Compression::Gzip
    } else if start.starts_with(&ZSTD_MAGIC) || is_skippable(start) {
        Compression::Zstd
    } else {
        Compression::None
    }
}

/// Tells whether a text begins with a frame of zstd that holds nothing of it: so do programs that compress in parallel.
fn is_skippable(start: &[u8]) -> bool {
    matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

/// Returns what a text is encoded in, where that is UTF-16.
pub(crate) fn utf16_of(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    match start {
        [0xff, 0xfe, ..] => Some(encoding_rs::UTF_16LE),
        [0xfe, 0xff, ..] => Some(encoding_rs::UTF_16BE),
        // Without a mark: an ASCII header has every second byte zero.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(encoding_rs::UTF_16LE),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

/// Tells whether a text, of which this is the start, is JSON. No name of a column begins so.
pub(super) fn is_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start(), [b'{' | b'[', ..])
}

pub(super) fn is_parquet(start: &[u8]) -> bool {
    start.starts_with(b"PAR1")
}

/// Tells whether a text is in UTF-32, by its mark or by the zeros of an ASCII header.
fn is_utf32(start: &[u8]) -> bool {
    match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => true,
        [first, 0, 0, 0, second, 0, 0, 0, ..] | [0, 0, 0, first, 0, 0, 0, second, ..] => {
            *first != 0 && *second != 0
        }
        _ => false,
    }
}

/// Refuses what is plainly another kind of file.
pub(super) fn refuse_others(start: &[u8]) -> Result<(), Error> {
    let marked = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text = marked.trim_ascii_start();
    let tag = TAGS.iter().find(|(tag, _)| {
        let begin = text.get(..tag.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(tag.as_bytes()))
    });
    // No name of a column begins so.
    let is_tag = matches!(text, [b'<', letter, ..] if letter.is_ascii_alphabetic());
    let other = OTHERS.iter().find(|(magic, _)| start.starts_with(magic));
    let is_tar = start
        .get(TAR_AT..)
        .is_some_and(|rest| rest.starts_with(b"ustar"));
    let what = tag.map(|(_, what)| *what).or(other.map(|(_, what)| *what));
    let what = what.or(is_tar.then_some("a tar archive"));
    let what = what.or(is_utf32(start).then_some("a text in UTF-32"));
    let is_marked_parquet = marked.len() < start.len() && is_parquet(marked);
    let what = what.or(is_marked_parquet
        .then_some("a Parquet file that was written as a text, with a byte-order mark before it"));
    let what = what.or(is_tag.then_some("an XML or HTML document"));
    what.map_or(Ok(()), |what| Err(Error::NoExport { what }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_export_is_named_and_a_header_is_not() {
        let said = |start: &[u8]| refuse_others(start).err().map(|error| error.to_string());
        for (start, what) in [
            (b"%PDF-1.7".as_slice(), "PDF"),
            (b"\xef\xbb\xbf\n<!DOCTYPE html><html>", "HTML"),
            (b"  <html>", "HTML"),
            (b"PK\x03\x04\x14", "zip"),
            (b"Rar!\x1a\x07\x01\0", "RAR"),
            (b"\x89PNG\r\n", "PNG"),
            (b"<users><user/></users>", "XML"),
            (b"\x1f\x9d\x90abc", "(Z)"),
            (b"\x78\x9cabc", "zlib"),
            (&[0; 300], "zeros"),
        ] {
            assert!(
                said(start).is_some_and(|said| said.contains(what)),
                "{what}"
            );
        }
        for start in [
            b"user.name,user.sid\n".as_slice(),
            b"\xef\xbb\xbf\"name\"",
            b"\xff\xfeu\0",
        ] {
            assert_eq!(said(start), None);
        }
    }
}
