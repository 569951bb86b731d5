//! Pages in the making.

use super::page::{PLACE_BYTES, PageKind};

/// A page in the making: the cells' places from the front, the cells from the back.
pub(super) struct NewPage {
    bytes: Vec<u8>,
    /// Where the page's own header begins: behind the file's on page 1.
    begin: usize,
    kind: PageKind,
    cells: usize,
    /// Where the cell that was put in last begins.
    content: usize,
}

impl NewPage {
    pub(super) fn new(page_bytes: usize, kind: PageKind) -> NewPage {
        NewPage::behind(0, page_bytes, kind)
    }

    /// Leaves room for the file's header.
    pub(super) fn behind(begin: usize, page_bytes: usize, kind: PageKind) -> NewPage {
        NewPage {
            bytes: vec![0; page_bytes],
            begin,
            kind,
            cells: 0,
            content: page_bytes,
        }
    }

    fn places(&self) -> usize {
        self.begin + self.kind.header_bytes()
    }

    pub(super) fn has_room(&self, cell_bytes: usize) -> bool {
        self.places() + PLACE_BYTES * (self.cells + 1) + cell_bytes <= self.content
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells == 0
    }

    /// Puts in a cell there is room for.
    pub(super) fn put(&mut self, cell: &[u8]) {
        self.content -= cell.len();
        self.bytes[self.content..self.content + cell.len()].copy_from_slice(cell);
        let place = self.places() + PLACE_BYTES * self.cells;
        let content = (self.content as u16).to_be_bytes();
        self.bytes[place..place + PLACE_BYTES].copy_from_slice(&content);
        self.cells += 1;
    }

    /// Takes the cell back that was put in last.
    pub(super) fn pop(&mut self) -> Vec<u8> {
        self.cells = self.cells.saturating_sub(1);
        let begin = self.content;
        self.content = match self.cells {
            0 => self.bytes.len(),
            cells => {
                let place = self.places() + PLACE_BYTES * (cells - 1);
                usize::from(u16::from_be_bytes([
                    self.bytes[place],
                    self.bytes[place + 1],
                ]))
            }
        };
        self.bytes[begin..self.content].to_vec()
    }

    /// Names the last child of an interior page.
    pub(super) fn set_last_child(&mut self, page: u32) {
        let at = self.begin + 8;
        self.bytes[at..at + 4].copy_from_slice(&page.to_be_bytes());
    }

    /// Writes what the header says of the cells.
    pub(super) fn seal(&mut self) -> &mut [u8] {
        let header = &mut self.bytes[self.begin..];
        header[0] = self.kind as u8;
        header[3..5].copy_from_slice(&(self.cells as u16).to_be_bytes());
        // 65,536 is written as 0.
        header[5..7].copy_from_slice(&(self.content as u16).to_be_bytes());
        &mut self.bytes
    }

    /// Begins the next page of the same kind.
    pub(super) fn clear(&mut self) {
        // What stands between places and cells means nothing, but must not be what somebody once was called.
        self.bytes.fill(0);
        self.cells = 0;
        self.content = self.bytes.len();
    }
}
