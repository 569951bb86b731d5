//! Waits: how long until the next try.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::rfc2822};

const FIRST: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(20);

/// Returns how long to wait before a try, the second one being 1: twice as long each time, and a part of that by chance, so
/// that many who failed together do not come again together.
pub(crate) fn before(attempt: u32) -> Duration {
    let longest = FIRST
        .saturating_mul(1 << attempt.saturating_sub(1).min(16))
        .min(LONGEST);
    let chance = RandomState::new().hash_one(attempt) % 1_000;
    longest / 2 + longest.mul_f64(chance as f64 / 2_000.0)
}

/// Reads when to try again: seconds, or a date as HTTP has it or as ISO 8601 has it. Nexthink's reference has a number for
/// calls, and a date and time for the daily limit.
pub(super) fn until(header: &str) -> Option<Timestamp> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<i64>() {
        return now()
            .checked_add(jiff::SignedDuration::from_secs(seconds))
            .ok();
    }
    let zoned = rfc2822::parse(header).map(|zoned| zoned.timestamp());
    zoned
        .or_else(|_| header.parse::<Timestamp>())
        .ok()
        .or_else(|| {
            let civil: DateTime = header.parse().ok()?;
            Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
        })
}

/// Returns how long it is until a time; nothing for one that is past.
pub(super) fn from_now(until: Timestamp) -> Duration {
    Duration::try_from(until.duration_since(now())).unwrap_or_default()
}

pub(super) fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_microsecond(since.as_micros() as i64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read() {
        let date = "2099-01-02T03:04:05Z".parse().ok();
        for text in [
            "Fri, 02 Jan 2099 03:04:05 GMT",
            "2099-01-02T03:04:05Z",
            "2099-01-02T03:04:05",
            " 2099-01-02 03:04:05 ",
        ] {
            assert_eq!(until(text), date, "{text}");
        }
        let soon = from_now(until("120").unwrap());
        assert!((118..=120).contains(&soon.as_secs()), "{soon:?}");
        assert_eq!(
            from_now("2001-01-01T00:00:00Z".parse().unwrap()),
            Duration::ZERO
        );
        assert_eq!(until("soon"), None);
    }

    #[test]
    fn waits_grow_to_a_bound() {
        for attempt in 1..200 {
            let wait = before(attempt);
            assert!(wait >= FIRST / 2 && wait <= LONGEST, "{attempt}: {wait:?}");
        }
    }
}
