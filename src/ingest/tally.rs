//! Tally: how many rows of an object were rejected, and for what; whether so many that the object fails.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::decode::{NOT_UTF8, REPEATS_HEADER};
use crate::observation::{Decoded, Reject};

/// So many rejected rows make an object fail where they are more than a fifth of all.
const MANY: u64 = 100;
/// The share of rejected rows from which on an object fails: one of so many.
const SHARE: u64 = 5;

/// So many rows that are not UTF-8, and none that is more than ASCII, show another encoding.
const UMLAUTS: u64 = 3;

/// The rows of an object.
#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    rejected: u64,
    /// Rows that are not UTF-8.
    undecodable: u64,
    /// Some text is UTF-8, and more than ASCII.
    has_utf8: bool,
    /// By column and reason.
    reasons: BTreeMap<(String, Cow<'static, str>), u64>,
}

impl Tally {
    /// Notes what a batch tells of how its object is encoded.
    pub(super) fn note_encoding(&mut self, batch: &Decoded) {
        let rejects = batch.rejects.iter();
        self.undecodable += rejects.filter(|reject| reject.reason == NOT_UTF8).count() as u64;
        // Looked at from the first batch on: how many rows a batch has must not tell what an object is.
        self.has_utf8 = self.has_utf8 || !batch.is_ascii();
    }

    /// Notes rows that were taken, and rejects.
    pub(super) fn note(&mut self, taken: usize, rejects: &[Reject]) {
        // Files that were appended to one another are whole.
        let rejects = rejects
            .iter()
            .filter(|reject| reject.reason != REPEATS_HEADER);
        self.rows += taken as u64;
        for reject in rejects {
            self.rows += 1;
            self.rejected += 1;
            let reason = (reject.field.clone(), reject.reason.clone());
            *self.reasons.entry(reason).or_default() += 1;
        }
    }

    /// Returns how many rows there are.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns how many of them are rejected.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Tells whether more than a fifth of what was read so far is rejected.
    pub(super) fn looks_bad(&self) -> bool {
        self.rejected > 0 && self.rejected * SHARE > self.rows
    }

    /// Returns why the object fails, if it does: what it says of the others is not to be trusted.
    pub(super) fn failure(&self) -> Option<String> {
        // Everybody with an umlaut is lost by another encoding, however few they are.
        let is_share = self.undecodable * SHARE > self.rows || self.undecodable >= UMLAUTS;
        let is_encoded = is_share && !self.has_utf8;
        let is_many = self.rejected >= MANY || self.rejected == self.rows || is_encoded;
        if !(self.looks_bad() && is_many || is_encoded) {
            return None;
        }
        let commonest = self.reasons.iter().max_by_key(|(_, count)| **count);
        let ((column, reason), count) = commonest?;
        let column = match column.is_empty() {
            true => String::new(),
            false => format!(" in column {column:?}"),
        };
        let hint = match *reason == NOT_UTF8 {
            true => {
                " (say what it is written in, encoding = \"windows-1252\" or \"shift_jis\", say, in its [[source]]; another than it is makes wrong names)"
            }
            false => "",
        };
        Some(format!(
            "{} of {} rows are rejected, {count} of them{column}: {reason}{hint}; nothing of it is taken in",
            self.rejected, self.rows
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(taken: usize, rejected: usize) -> Option<String> {
        let reject = Reject {
            line: 2,
            field: "user.last_seen".to_owned(),
            reason: "not a time".into(),
        };
        let mut tally = Tally::default();
        tally.note(taken, &vec![reject; rejected]);
        tally.failure()
    }

    #[test]
    fn an_object_fails_when_more_than_a_fifth_of_it_and_a_hundred_rows_or_all_are_rejected() {
        for (taken, rejected, fails) in [
            (0, 0, false),
            (0, 1, true),
            (1, 99, false),
            (1, 100, true),
            (400, 100, false),
            (399, 100, true),
        ] {
            assert_eq!(
                failure(taken, rejected).is_some(),
                fails,
                "{taken} {rejected}"
            );
        }
        let failure = failure(0, 2).unwrap_or_default();
        assert!(failure.starts_with(
            "2 of 2 rows are rejected, 2 of them in column \"user.last_seen\": not a time"
        ));
    }
}
