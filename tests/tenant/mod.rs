//! A tenant: a few small export files about the same few people and machines, made from a seed.
//! The pools of values are tiny, so that keys collide, move, return and contradict each other;
//! every value is well formed for its grammar, so a row is rejected only for having no key.
//! What the files mean is left to `model`.
//!
//! `people` are whom and what it is about, `making` writes one object after another and `cells` what stands in a row,
//! by the throws of `dice`. `peculiarities` holds it to what a tenant may do to an index.

mod calendar;
mod cells;
mod dice;
mod making;
mod peculiarities;
mod people;

pub(crate) use self::calendar::days_in_month;
pub(crate) use self::dice::Random;
use self::making::Tenant;

/// One exported file of a tenant.
///
/// Two objects with the same key are one key overwritten: the one with the later `modified` came second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    /// Where it lies in the source; may carry the observed time.
    pub(crate) key: String,
    /// What its rows are about.
    pub(crate) dataset: Dataset,
    /// Its column names, full NQL paths.
    pub(crate) header: Vec<String>,
    /// Its rows, each as wide as the header.
    pub(crate) rows: Vec<Vec<String>>,
    /// When the store says it was last modified: microseconds since 1970, UTC.
    pub(crate) modified: i64,
}

impl Object {
    /// Returns the file's text: RFC 4180, every field quoted, lines ended by `\n`.
    pub(crate) fn csv(&self) -> String {
        let lines = std::iter::once(&self.header).chain(&self.rows);
        lines.map(|cells| csv_line(cells)).collect()
    }
}

/// What an object's rows are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dataset {
    /// Rows that describe accounts.
    Users,
    /// Rows that describe devices.
    Devices,
    /// Rows that mention an account and a device.
    Logins,
}

/// Returns the tenant of a seed: two to eight objects of one to eight rows.
pub(crate) fn random(seed: u64) -> Vec<Object> {
    let mut tenant = Tenant::new(Random::new(seed));
    let count = 2 + tenant.random.below(7);
    let mut objects = Vec::with_capacity(count);
    while objects.len() < count {
        let object = tenant.next_object(&objects);
        objects.push(object);
    }
    objects
}

fn csv_line(cells: &[String]) -> String {
    let quoted = cells
        .iter()
        .map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

#[test]
fn a_seed_always_makes_the_same_tenant() {
    for seed in 0..50 {
        assert_eq!(random(seed), random(seed));
    }
    assert_ne!(random(1), random(2));
}

#[test]
fn tenants_are_small_and_their_rows_as_wide_as_the_header() {
    for objects in (0..500).map(random) {
        assert!((2..=8).contains(&objects.len()));
        for object in objects {
            assert!((1..=8).contains(&object.rows.len()));
            assert!(
                object
                    .rows
                    .iter()
                    .all(|row| row.len() == object.header.len())
            );
            assert!(object.csv().is_ascii());
        }
    }
}

#[test]
fn every_field_of_the_file_is_quoted_and_quotes_are_doubled() {
    let object = Object {
        key: String::new(),
        dataset: Dataset::Users,
        header: vec!["user.name".to_owned(), "user.ad.full_name".to_owned()],
        rows: vec![vec!["a@B".to_owned(), "O \"X\", Y".to_owned()]],
        modified: 0,
    };
    let text = "\"user.name\",\"user.ad.full_name\"\n\"a@B\",\"O \"\"X\"\", Y\"\n";
    assert_eq!(object.csv(), text);
}
