//! Lists of all that there is: which sources give such objects of a dataset, and when each gave its newest.

use std::collections::BTreeMap;

use super::days::DAY;
use crate::schema::{Dataset, ROW_CAPS};

/// An export may come in several files, one after the other.
const WITHIN: i64 = 15 * 60 * 1_000_000;
/// A source that gave none for so long gives none any more: it may have got another name.
const QUIET: i64 = 31 * DAY;

/// The newest list of all that there is in a dataset.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompleteList {
    pub(super) source: u32,
    /// Objects of this time and later are the list.
    pub(super) since: i64,
}

/// When the newest object of a source and a dataset was observed that can list all that there is.
#[derive(Debug, Default)]
pub(super) struct CompleteLists(BTreeMap<(u32, Dataset), i64>);

impl CompleteLists {
    /// Notes an object, if it can be such a list: it is no test, was not cut, and lost no row.
    pub(super) fn note(
        &mut self,
        (source, dataset): (u32, Dataset),
        (name, observed_at): (&str, i64),
        (rows, rejected): (u64, u64),
    ) {
        const OF_A_TEST: u64 = 20;
        let is_whole = !ROW_CAPS.contains(&rows) && rejected == 0;
        if rows > OF_A_TEST && is_whole && !name.ends_with("-truncated.csv") {
            let newest = self.0.entry((source, dataset)).or_insert(i64::MIN);
            *newest = (*newest).max(observed_at);
        }
    }

    /// Returns the newest list of a dataset: none where several sources give such lists, of which each may lack what another has.
    pub(super) fn newest(&self, dataset: Dataset) -> Option<CompleteList> {
        match self.of(dataset).as_slice() {
            [(source, newest)] => Some(CompleteList {
                source: *source,
                since: newest.saturating_sub(WITHIN),
            }),
            _ => None,
        }
    }

    /// Returns the sources that give lists of a dataset, and when the newest of each was observed.
    pub(super) fn of(&self, dataset: Dataset) -> Vec<(u32, i64)> {
        let lists = self.0.iter().filter(|((_, of), _)| *of == dataset);
        let lists: Vec<_> = lists
            .map(|((source, _), newest)| (*source, *newest))
            .collect();
        let newest = lists.iter().map(|(_, newest)| *newest).max();
        let is_quiet = |at: i64| newest.is_some_and(|newest| newest.saturating_sub(at) > QUIET);
        lists.into_iter().filter(|(_, at)| !is_quiet(*at)).collect()
    }
}
