//! Freshness: how old what an index knows is, and whether that is recent enough by the configured limits.
//!
//! Until when it was told of what is the affair of `coverage`.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

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
    /// The index lies on this machine and is mapped into memory; where it may lie on another one, it is read, about half
    /// as fast.
    pub is_mapped: bool,
}

impl Freshness {
    /// Judges the age that `as_of` has at `now`; a time to come counts as now.
    pub fn new(
        as_of: Option<Timestamp>,
        now: Timestamp,
        fresh_for: Duration,
        ageing_for: Duration,
    ) -> Freshness {
        let age = as_of.map(|as_of| now.duration_since(as_of).max(jiff::SignedDuration::ZERO));
        let age = age.map(|age| age.unsigned_abs());
        let state = match age {
            Some(age) if age <= fresh_for => FreshnessState::Fresh,
            Some(age) if age <= ageing_for => FreshnessState::Ageing,
            _ => FreshnessState::Stale,
        };
        Freshness {
            state,
            as_of,
            age,
            is_mapped: false,
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
}

impl FreshnessState {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            FreshnessState::Fresh => "fresh",
            FreshnessState::Ageing => "ageing",
            FreshnessState::Stale => "stale",
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

    #[test]
    fn age_is_judged_by_both_limits_and_never_negative() {
        let judge = |seconds: i64| {
            let as_of = Timestamp::from_second(1_000_000 - seconds).unwrap();
            let now = Timestamp::from_second(1_000_000).unwrap();
            Freshness::new(
                Some(as_of),
                now,
                Duration::from_secs(10),
                Duration::from_secs(20),
            )
        };
        assert_eq!(judge(-5).age, Some(Duration::ZERO));
        assert_eq!(judge(10).state, FreshnessState::Fresh);
        assert_eq!(judge(11).state, FreshnessState::Ageing);
        assert_eq!(judge(21).state, FreshnessState::Stale);
        let nothing = Freshness::new(None, Timestamp::UNIX_EPOCH, Duration::MAX, Duration::MAX);
        assert_eq!((nothing.state, nothing.age), (FreshnessState::Stale, None));
    }
}
