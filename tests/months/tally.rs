//! The tally: of every kind of export, how many of those who plainly have a machine are told so, and what was wrong.

use std::collections::BTreeMap;
use std::fmt;

use super::kinds::Kind;

/// What came of the months of one kind, or of several.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub(super) months: u64,
    /// Plainly have one machine,
    pub(super) plain: u64,
    /// and are told that.
    pub(super) right: u64,
    /// or why not, and how many;
    pub(super) missed: BTreeMap<String, u64>,
    /// are given a machine that is not theirs, by what it is to them.
    pub(super) wrong: BTreeMap<&'static str, u64>,
}

impl Count {
    pub(super) fn add(&mut self, other: &Count) {
        self.months += other.months;
        self.plain += other.plain;
        self.right += other.right;
        for (why, count) in &other.missed {
            *self.missed.entry(why.clone()).or_default() += count;
        }
        for (sort, count) in &other.wrong {
            *self.wrong.entry(sort).or_default() += count;
        }
    }

    /// Tells whether of those who plainly have one so many of a hundred are told so.
    pub(super) fn is_right_for(&self, percent: u64) -> bool {
        self.right * 100 >= self.plain * percent
    }
}

/// What came of all months, by the kind of export.
#[derive(Debug, Default)]
pub(super) struct Tally(pub(super) BTreeMap<Kind, Count>);

impl Tally {
    pub(super) fn add(&mut self, kind: Kind, count: &Count) {
        self.0.entry(kind).or_default().add(count);
    }

    pub(super) fn add_all(&mut self, other: &Tally) {
        for (&kind, count) in &other.0 {
            self.add(kind, count);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, to: &mut fmt::Formatter) -> fmt::Result {
        let [mut dated, mut others] = [Count::default(), Count::default()];
        for (kind, count) in &self.0 {
            line(to, &kind.to_string(), count)?;
            if kind.is_dated() {
                &mut dated
            } else {
                &mut others
            }
            .add(count);
        }
        for (name, count) in [("where logins are dated", dated), ("elsewhere", others)] {
            line(to, name, &count)?;
            writeln!(
                to,
                "  missed: {:?}\n  wrong: {:?}",
                count.missed, count.wrong
            )?;
        }
        Ok(())
    }
}

fn line(to: &mut fmt::Formatter, name: &str, count: &Count) -> fmt::Result {
    let share = count.right as f64 * 100.0 / count.plain.max(1) as f64;
    let (plain, months) = (count.plain, count.months);
    let wrong: u64 = count.wrong.values().sum();
    writeln!(
        to,
        "{name:67} {share:5.1} % of {plain:6} right, {wrong:3} wrong, {months:4} months"
    )
}
