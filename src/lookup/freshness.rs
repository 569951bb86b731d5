//! Freshness: how old what an index knows is, and whether that is recent enough by the configured limits.
//!
//! Until when it was told of what is the affair of `coverage`.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How far ahead of this machine's clock a time may be: clocks differ by less.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// How old what the index knows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Freshness {
    /// By the configured limits.
    pub state: FreshnessState,
    /// The time of the dataset that is furthest behind; none in an empty index.
    pub as_of: Option<Timestamp>,
    /// How long ago that is.
    pub age: Option<Duration>,
    /// The newest time, where that is ahead of this machine's clock: why the state is not known.
    pub ahead: Option<Timestamp>,
}

impl Freshness {
    /// Judges the age at `now` of what was observed at `times`, by the oldest of them.
    pub fn new(
        times: impl Iterator<Item = Timestamp> + Clone,
        now: Timestamp,
        fresh_for: Duration,
        ageing_for: Duration,
    ) -> Freshness {
        let as_of = times.clone().min();
        let age = as_of.map(|as_of| now.duration_since(as_of).max(SignedDuration::ZERO));
        let age = age.map(|age| age.unsigned_abs());
        let ahead = times
            .max()
            .filter(|newest| newest.duration_since(now) > CLOCKS_DIFFER);
        let state = match age {
            _ if ahead.is_some() => FreshnessState::Unknown,
            Some(age) if age <= fresh_for => FreshnessState::Fresh,
            Some(age) if age <= ageing_for => FreshnessState::Ageing,
            _ => FreshnessState::Stale,
        };
        Freshness {
            state,
            as_of,
            age,
            ahead,
        }
    }
}

/// Whether data is recent enough to be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FreshnessState {
    /// Within the first limit.
    Fresh,
    /// Within the second.
    Ageing,
    /// Beyond both, or there is none.
    Stale,
    /// Something was observed at a time that has not come yet, by this machine's clock: one of the clocks or zones is wrong,
    /// and so may be the age.
    Unknown,
}

impl FreshnessState {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FreshnessState::Fresh => "fresh",
            FreshnessState::Ageing => "ageing",
            FreshnessState::Stale => "stale",
            FreshnessState::Unknown => "unknown",
        }
    }
}

impl fmt::Display for FreshnessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(seconds: &[i64]) -> Freshness {
        let time = |seconds: &i64| Timestamp::from_second(1_000_000 - seconds).unwrap();
        let now = Timestamp::from_second(1_000_000).unwrap();
        let (fresh_for, ageing_for) = (Duration::from_secs(10), Duration::from_secs(20));
        Freshness::new(seconds.iter().map(time), now, fresh_for, ageing_for)
    }

    #[test]
    fn age_is_judged_by_both_limits_and_never_negative() {
        assert_eq!(judged(&[-5]).age, Some(Duration::ZERO));
        assert_eq!(judged(&[10]).state, FreshnessState::Fresh);
        assert_eq!(judged(&[3, 11]).state, FreshnessState::Ageing);
        assert_eq!(judged(&[21]).state, FreshnessState::Stale);
        let nothing = judged(&[]);
        assert_eq!((nothing.state, nothing.age), (FreshnessState::Stale, None));
    }

    #[test]
    fn it_is_unknown_while_anything_lies_ahead() {
        assert_eq!(judged(&[5, -600]).state, FreshnessState::Fresh);
        assert_eq!(judged(&[5, -601]).state, FreshnessState::Unknown);
        assert_eq!(judged(&[-601]).state, FreshnessState::Unknown);
    }
}
