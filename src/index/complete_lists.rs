//! Lists of all that there is: which sources give such objects of a dataset, when each gave its newest, and whether a file of it is
//! missing.

use std::collections::BTreeMap;

use super::days::DAY;
use crate::identifier::hash128;
use crate::observation::Object;
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

/// The key of `meta` that has objects which were not taken in, a line each.
pub(super) const MISSING: &str = "missing";

/// An object that is listed and was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Missing {
    /// The hash of its name.
    pub(super) source: u128,
    observed_at: i64,
    likeness: u128,
}

impl Missing {
    pub(super) fn of(object: &Object) -> Missing {
        Missing {
            source: hash128(&object.source),
            observed_at: object.observed_at,
            likeness: likeness(&object.name()),
        }
    }

    /// Writes it as the next generation reads it, which may be made without a listing.
    fn line(&self) -> String {
        let Missing {
            source,
            observed_at,
            likeness,
        } = self;
        format!("{source:x} {observed_at} {likeness:x}")
    }

    pub(super) fn of_line(line: &str) -> Option<Missing> {
        let mut words = line.split(' ');
        Some(Missing {
            source: u128::from_str_radix(words.next()?, 16).ok()?,
            observed_at: words.next()?.parse().ok()?,
            likeness: u128::from_str_radix(words.next()?, 16).ok()?,
        })
    }
}

/// A file, as a part of a list.
#[derive(Debug, Clone, Copy)]
struct Part {
    likeness: u128,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// It can list all that there is.
    Whole,
    /// It lacks some.
    Cut,
    /// It has so few rows that it may be a test, or a last part.
    Small,
}

/// The files of a source and a dataset, by when they were observed.
#[derive(Debug, Default)]
struct Lists {
    /// The hash of the source's name.
    source: u128,
    parts: BTreeMap<i64, Vec<Part>>,
}

/// Writes objects that were not taken in as lines.
pub(super) fn lines(missing: &[Missing]) -> String {
    let lines: Vec<String> = missing.iter().map(Missing::line).collect();
    lines.join("\n")
}

/// Objects that can list all that there is.
#[derive(Debug, Default)]
pub(super) struct CompleteLists(BTreeMap<(u32, Dataset), Lists>);

impl CompleteLists {
    /// Notes an object: whether it can be such a list, which is no test, was not cut, and lost no row.
    pub(super) fn note(
        &mut self,
        (source, dataset): (u32, Dataset),
        object: (&str, &str, i64),
        (rows, rejected): (u64, u64),
    ) {
        const OF_A_TEST: u64 = 20;
        let (source_name, name, observed_at) = object;
        // A part with a header alone is no list of nobody.
        let is_cut = rows == 0
            || ROW_CAPS.contains(&rows)
            || rejected > 0
            || name.ends_with("-truncated.csv");
        let what = match rows > OF_A_TEST {
            _ if is_cut => What::Cut,
            true => What::Whole,
            false => What::Small,
        };
        let lists = self.0.entry((source, dataset)).or_default();
        lists.source = hash128(source_name);
        let likeness = likeness(name);
        lists
            .parts
            .entry(observed_at)
            .or_default()
            .push(Part { likeness, what });
    }

    /// Returns the newest list of a dataset of which no file is missing: none where several sources give such lists, of which each
    /// may lack what another has.
    pub(super) fn newest(&self, dataset: Dataset, missing: &[Missing]) -> Option<CompleteList> {
        let (source, lists) = self.the_one(dataset)?;
        let newest = lists.times().find(|at| !lists.lacks_a_file(*at, missing))?;
        Some(CompleteList {
            source,
            since: newest.saturating_sub(WITHIN),
        })
    }

    /// Tells whether a file of the newest list of a dataset is missing, or lacks some.
    pub(super) fn is_newest_cut(&self, dataset: Dataset, missing: &[Missing]) -> bool {
        self.the_one(dataset).is_some_and(|(_, lists)| {
            let newest = lists.times().next();
            newest.is_some_and(|at| lists.lacks_a_file(at, missing))
        })
    }

    /// Returns of how many files the newest list of a dataset is, and of how many the one before it was.
    pub(super) fn files(&self, dataset: Dataset) -> Option<(usize, usize)> {
        let (_, lists) = self.the_one(dataset)?;
        let newest = lists.times().next()?;
        let since = newest.saturating_sub(WITHIN);
        let before = lists.times().find(|at| *at < since)?;
        let of = |at: i64| lists.parts_of(at).count();
        Some((of(newest), of(before)))
    }

    /// Returns the lists of the one source that gives some of a dataset.
    fn the_one(&self, dataset: Dataset) -> Option<(u32, &Lists)> {
        let [(source, _)] = self.of(dataset)[..] else {
            return None;
        };
        Some((source, self.0.get(&(source, dataset))?))
    }

    /// Returns the sources that give lists of a dataset, and when the newest of each was observed.
    pub(super) fn of(&self, dataset: Dataset) -> Vec<(u32, i64)> {
        let lists = self.0.iter().filter(|((_, of), _)| *of == dataset);
        let newest =
            lists.filter_map(|((source, _), lists)| Some((*source, lists.times().next()?)));
        let lists: Vec<_> = newest.collect();
        let newest = lists.iter().map(|(_, newest)| *newest).max();
        let is_quiet = |at: i64| newest.is_some_and(|newest| newest.saturating_sub(at) > QUIET);
        lists.into_iter().filter(|(_, at)| !is_quiet(*at)).collect()
    }
}

impl Lists {
    /// Returns when there were lists, the newest first.
    fn times(&self) -> impl Iterator<Item = i64> {
        let times = self.parts.iter().rev();
        let times = times.filter(|(_, parts)| parts.iter().any(|part| part.what == What::Whole));
        times.map(|(at, _)| *at)
    }

    /// Returns the files of a list.
    fn parts_of(&self, at: i64) -> impl Iterator<Item = &Part> {
        let parts = self.parts.range(at.saturating_sub(WITHIN)..=at);
        parts.flat_map(|(_, parts)| parts)
    }

    /// Tells whether a file that is called like one of a list was not taken in about that time, or lacks some.
    fn lacks_a_file(&self, at: i64, missing: &[Missing]) -> bool {
        let is_of_it = |likeness: u128| self.parts_of(at).any(|part| part.likeness == likeness);
        let about = at.saturating_sub(WITHIN)..=at.saturating_add(WITHIN);
        let mut missing = missing.iter().filter(|one| one.source == self.source);
        let parts = self.parts.range(about.clone()).flat_map(|(_, parts)| parts);
        let mut cut = parts.filter(|part| part.what == What::Cut);
        missing.any(|one| about.contains(&one.observed_at) && is_of_it(one.likeness))
            || cut.any(|part| is_of_it(part.likeness))
    }
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

    fn missing(name: &str, observed_at: i64) -> [Missing; 1] {
        [Missing {
            source: hash128("a"),
            observed_at,
            likeness: likeness(name),
        }]
    }

    fn lists(objects: &[(&str, i64, u64)]) -> CompleteLists {
        let mut lists = CompleteLists::default();
        for (name, at, rejected) in objects {
            lists.note((1, Dataset::Users), ("a", name, *at), (30, *rejected));
        }
        lists
    }

    #[test]
    fn a_list_of_which_a_file_is_missing_or_lacks_some_is_none() {
        let whole = [
            ("a/users-1.p1.csv", 0, 0),
            ("a/users-1.p2.csv", MINUTE, 0),
            ("a/users-2.p1.csv", DAY, 0),
        ];
        let lists_of = |third| lists(&[&whole[..], third].concat());
        let newest = |lists: &CompleteLists, missing: &[Missing]| {
            let newest = lists.newest(Dataset::Users, missing);
            newest.map(|list| list.since + WITHIN)
        };
        let lists = lists_of(&[]);
        assert_eq!(newest(&lists, &[]), Some(DAY));
        assert_eq!(lists.files(Dataset::Users), Some((1, 2)));
        for like in ["a/users-2.p2.csv", "a/users-7f3ab2c1.p2.csv"] {
            let missing = missing(like, DAY + MINUTE);
            assert_eq!(newest(&lists, &missing), Some(MINUTE), "{like}");
            assert!(lists.is_newest_cut(Dataset::Users, &missing));
            let known = Missing::of_line(&missing[0].line());
            assert_eq!(known, Some(missing[0]));
        }
        for (unlike, at) in [("a/devices-2.p2.csv", DAY), ("a/users-2.p2.csv", DAY * 2)] {
            let missing = missing(unlike, at);
            assert_eq!(newest(&lists, &missing), Some(DAY), "{unlike}");
        }
        let lists = lists_of(&[("a/users-2.p2.csv", DAY, 1)]);
        assert_eq!(newest(&lists, &[]), Some(MINUTE));
        assert_eq!(lists.files(Dataset::Users), Some((2, 2)));
    }
}
