//! Acting: what speaks against acting on a match, and whether enough agreed for it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::answer::{Flag, NotEnough};
use super::generation::Generation;
use super::history::Move;
use super::reader::Reader;
use super::row::Row;
use crate::schema::Subject;
use crate::sqlite;

/// What times are measured by: the newest rows of a generation, not the clock.
pub(super) struct Times<'a> {
    pub(super) generation: &'a Generation,
    pub(super) quiet_after: Duration,
}

impl Times<'_> {
    /// Returns when the newest row of a subject's dataset was observed.
    pub(super) fn newest(&self, subject: Subject) -> Option<Timestamp> {
        self.generation.newest_row(subject)
    }

    /// Tells whether a subject was not seen for long.
    pub(super) fn is_quiet(&self, row: &Row, reader: &Reader) -> sqlite::Result<bool> {
        let seen = match row.seen.last_seen {
            None => reader.observed_at(row.seen.object)?,
            seen => seen,
        };
        let quiet_after = SignedDuration::try_from(self.quiet_after);
        let quiet_after = quiet_after.unwrap_or(SignedDuration::MAX);
        let both = seen.zip(self.newest(row.subject));
        Ok(both.is_some_and(|(seen, newest)| newest.duration_since(seen) > quiet_after))
    }
}

/// What is known of a match.
pub(super) struct Known {
    pub(super) has_weak_sid: bool,
    pub(super) moved: Option<Move>,
    /// It was not seen for long.
    pub(super) is_quiet: bool,
    /// A stable key agreed, or two identifiers, or one that the channel vouches for.
    pub(super) is_enough: bool,
    /// Somebody of its name may be meant who is not known yet.
    pub(super) is_namesake_waiting: bool,
}

impl Known {
    /// Returns what is to be minded.
    pub(super) fn flags(&self) -> impl Iterator<Item = Flag> {
        let flags = [
            self.has_weak_sid.then_some(Flag::WeakSid),
            self.moved.map(|_| Flag::Moved),
            self.is_quiet.then_some(Flag::NotSeenLately),
        ];
        flags.into_iter().flatten()
    }

    /// Returns all that speaks against acting on it, what weighs most first; `newest` is when the newest row of its dataset was
    /// observed.
    pub(super) fn not_enough(&self, newest: Option<Timestamp>) -> Vec<NotEnough> {
        let is_recent = |moved: Move| newest.is_none_or(|newest| moved.is_recent(newest));
        let minded = self.flags().filter(|flag| match flag {
            Flag::Moved => self.moved.is_some_and(is_recent),
            _ => true,
        });
        let too_little = (!self.is_enough).then_some(NotEnough::TooLittle);
        let namesake = self.is_namesake_waiting.then_some(NotEnough::NamesakeWaits);
        minded
            .map(NotEnough::Flagged)
            .chain(too_little)
            .chain(namesake)
            .collect()
    }
}
