//! Lists of all that there is: which sources give such objects of a dataset, when each gave its newest, and whether a file of it is
//! missing.

use std::collections::BTreeMap;

use super::days::DAY;
use crate::identifier::hash128;
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

/// An object that is listed and was not taken in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    observed_at: i64,
    likeness: u128,
}

impl Missing {
    pub(super) fn new(name: &str, observed_at: i64) -> Missing {
        Missing {
            observed_at,
            likeness: likeness(name),
        }
    }
}

/// The objects of a source and a dataset that can list all that there is: by when they were observed, what they are called like.
type Lists = BTreeMap<i64, Vec<u128>>;

/// Objects that can list all that there is.
#[derive(Debug, Default)]
pub(super) struct CompleteLists(BTreeMap<(u32, Dataset), Lists>);

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
            let lists = self.0.entry((source, dataset)).or_default();
            let files = lists.entry(observed_at).or_default();
            files.push(likeness(name));
        }
    }

    /// Returns the newest list of a dataset of which no file is missing: none where several sources give such lists, of which each
    /// may lack what another has.
    pub(super) fn newest(&self, dataset: Dataset, missing: &[Missing]) -> Option<CompleteList> {
        let [(source, _)] = self.of(dataset)[..] else {
            return None;
        };
        let lists = self.0.get(&(source, dataset))?;
        let mut times = lists.keys().rev();
        let newest = times.find(|at| !lacks_a_file(lists, **at, missing))?;
        Some(CompleteList {
            source,
            since: newest.saturating_sub(WITHIN),
        })
    }

    /// Tells whether a file of the newest list of a dataset is missing.
    pub(super) fn is_newest_cut(&self, dataset: Dataset, missing: &[Missing]) -> bool {
        let newest = self.of(dataset);
        let is_cut = |(source, at): &(u32, i64)| {
            let lists = self.0.get(&(*source, dataset));
            lists.is_some_and(|lists| lacks_a_file(lists, *at, missing))
        };
        newest.len() == 1 && newest.iter().any(is_cut)
    }

    /// Returns of how many files the newest list of a dataset is, and of how many the one before it was.
    pub(super) fn files(&self, dataset: Dataset) -> Option<(usize, usize)> {
        let [(source, newest)] = self.of(dataset)[..] else {
            return None;
        };
        let lists = self.0.get(&(source, dataset))?;
        let since = newest.saturating_sub(WITHIN);
        let (before, _) = lists.range(..since).next_back()?;
        let of = |at: i64| files_of(lists, at).count();
        Some((of(newest), of(*before)))
    }

    /// Returns the sources that give lists of a dataset, and when the newest of each was observed.
    pub(super) fn of(&self, dataset: Dataset) -> Vec<(u32, i64)> {
        let lists = self.0.iter().filter(|((_, of), _)| *of == dataset);
        let newest =
            lists.filter_map(|((source, _), lists)| Some((*source, *lists.keys().next_back()?)));
        let lists: Vec<_> = newest.collect();
        let newest = lists.iter().map(|(_, newest)| *newest).max();
        let is_quiet = |at: i64| newest.is_some_and(|newest| newest.saturating_sub(at) > QUIET);
        lists.into_iter().filter(|(_, at)| !is_quiet(*at)).collect()
    }
}

/// Returns what the files of a list are called like.
fn files_of(lists: &Lists, at: i64) -> impl Iterator<Item = &u128> {
    lists
        .range(at.saturating_sub(WITHIN)..=at)
        .flat_map(|(_, files)| files)
}

/// Tells whether a list lacks a file that is called like one of its own.
fn lacks_a_file(lists: &Lists, at: i64, missing: &[Missing]) -> bool {
    let mut beside = missing
        .iter()
        .filter(|one| one.observed_at.abs_diff(at) <= WITHIN.unsigned_abs());
    beside.any(|one| files_of(lists, at).any(|file| *file == one.likeness))
}

/// What the names of the files of an export have in common: all but what numbers them, in digits, those of UUIDs, or one letter.
fn likeness(name: &str) -> u128 {
    let words = name.split_inclusive(|letter: char| !letter.is_ascii_alphanumeric());
    let alike = words.map(|word| {
        let end = word.trim_end_matches(|letter: char| !letter.is_ascii_alphanumeric());
        let is_of_uuid = end.len() >= 4 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_number =
            end.len() == 1 || is_of_uuid || end.bytes().any(|byte| byte.is_ascii_digit());
        match is_number {
            true => &word[end.len()..],
            false => word,
        }
    });
    hash128(&alike.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000_000;

    fn lists(objects: &[(&str, i64)]) -> CompleteLists {
        let mut lists = CompleteLists::default();
        for (name, at) in objects {
            lists.note((1, Dataset::Users), (name, *at), (30, 0));
        }
        lists
    }

    #[test]
    fn a_list_of_which_a_file_is_missing_is_none() {
        let lists = lists(&[
            ("a/users-1.p1.csv", 0),
            ("a/users-1.p2.csv", MINUTE),
            ("a/users-2.p1.csv", DAY),
        ]);
        let newest = |missing: &[Missing]| {
            let newest = lists.newest(Dataset::Users, missing);
            newest.map(|list| list.since + WITHIN)
        };
        assert_eq!(newest(&[]), Some(DAY));
        for like in ["a/users-2.p2.csv", "a/users-7f3ab2c1.p2.csv"] {
            let missing = [Missing::new(like, DAY + MINUTE)];
            assert_eq!(newest(&missing), Some(MINUTE), "{like}");
            assert!(lists.is_newest_cut(Dataset::Users, &missing));
        }
        for (unlike, at) in [("a/devices-2.p2.csv", DAY), ("a/users-2.p2.csv", DAY * 2)] {
            let missing = [Missing::new(unlike, at)];
            assert_eq!(newest(&missing), Some(DAY), "{unlike}");
        }
        assert_eq!(lists.files(Dataset::Users), Some((1, 2)));
    }
}
