//! Payloads that are longer than a page holds: how much of one stays in its cell.

/// How much of a payload stays in its cell.
#[derive(Clone, Copy)]
pub(super) struct Spill {
    /// What fits whole.
    most: usize,
    least: usize,
    page_bytes: usize,
}

impl Spill {
    pub(super) fn of_table(page_bytes: usize) -> Spill {
        Spill {
            most: page_bytes - 35,
            least: (page_bytes - 12) * 32 / 255 - 23,
            page_bytes,
        }
    }

    pub(super) fn of_index(page_bytes: usize) -> Spill {
        Spill {
            most: (page_bytes - 12) * 64 / 255 - 23,
            ..Spill::of_table(page_bytes)
        }
    }

    /// Returns how many bytes of a payload stay in the cell; the others go to overflow pages.
    pub(super) fn kept(self, payload: usize) -> usize {
        if payload <= self.most {
            return payload;
        }
        let kept = self.least + (payload - self.least) % (self.page_bytes - 4);
        if kept <= self.most { kept } else { self.least }
    }
}
