//! Pages, and how their cells are found in one that was read.

use super::{Error, Result};

/// What a page of a b-tree holds, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum PageKind {
    IndexInterior = 2,
    TableInterior = 5,
    IndexLeaf = 10,
    TableLeaf = 13,
}

impl PageKind {
    /// Bytes before the places of cells; an interior page names its last child there.
    pub(super) fn header_bytes(self) -> usize {
        match self {
            PageKind::IndexInterior | PageKind::TableInterior => 12,
            PageKind::IndexLeaf | PageKind::TableLeaf => 8,
        }
    }
}

/// Bytes of a cell's place.
pub(super) const PLACE_BYTES: usize = 2;

/// A page that was read.
#[derive(Clone, Copy)]
pub(super) struct Read<'a> {
    bytes: &'a [u8],
    begin: usize,
    pub(super) kind: PageKind,
    pub(super) cells: usize,
}

impl<'a> Read<'a> {
    /// Finds the header at `begin` of a page's bytes.
    pub(super) fn of(bytes: &'a [u8], begin: usize) -> Result<Read<'a>> {
        let header = bytes.get(begin..begin + 8);
        let header = header.ok_or(Error::Damaged("a page without a header"))?;
        let kind = match header[0] {
            2 => PageKind::IndexInterior,
            5 => PageKind::TableInterior,
            10 => PageKind::IndexLeaf,
            13 => PageKind::TableLeaf,
            _ => return Err(Error::Damaged("a page of no known kind")),
        };
        let cells = usize::from(u16::from_be_bytes([header[3], header[4]]));
        Ok(Read {
            bytes,
            begin,
            kind,
            cells,
        })
    }

    /// Returns the bytes from a cell's begin to the page's end.
    pub(super) fn cell(self, at: usize) -> Result<&'a [u8]> {
        let place = self.begin + self.kind.header_bytes() + PLACE_BYTES * at;
        let cell = self
            .bytes
            .get(place..place + PLACE_BYTES)
            .and_then(|place| {
                let begin = usize::from(u16::from_be_bytes([place[0], place[1]]));
                self.bytes.get(begin..)
            });
        cell.ok_or(Error::Damaged("a cell outside of its page"))
    }

    /// Returns the last child of an interior page.
    pub(super) fn last_child(self) -> Result<u32> {
        page_number(self.bytes.get(self.begin + 8..))
    }
}

/// Reads the number of a page.
pub(super) fn page_number(bytes: Option<&[u8]>) -> Result<u32> {
    let number = bytes.and_then(|bytes| bytes.first_chunk());
    let number = number.ok_or(Error::Damaged("a page number is cut"))?;
    Ok(u32::from_be_bytes(*number))
}
