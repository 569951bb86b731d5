//! The pace: how many calls a second a tenant is asked at the most. Excess use may have the whole tenant paused.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Calls come at a rate, some at once where there were none before.
#[derive(Debug)]
pub(super) struct Pace {
    between: Duration,
    at_once: u32,
    /// When the next call would come if all came at the rate.
    next: Mutex<Instant>,
}

impl Pace {
    /// `per_second` is at least 1.
    pub(super) fn new(per_second: u32, at_once: u32) -> Pace {
        Pace {
            between: Duration::from_secs(1) / per_second.max(1),
            at_once: at_once.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// Returns when a call may be made, and counts it. None where that would be after a deadline.
    pub(super) fn take(&self, now: Instant, deadline: Instant) -> Option<Instant> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = (*next).max(now);
        let at = earliest
            .checked_sub(self.between * (self.at_once - 1))
            .unwrap_or(now)
            .max(now);
        if at > deadline {
            return None;
        }
        *next = earliest + self.between;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_come_at_once_and_the_rest_at_the_rate() {
        let pace = Pace::new(10, 3);
        let now = Instant::now() + Duration::from_secs(1);
        let deadline = now + Duration::from_millis(250);
        let taken = (0..6).map(|_| pace.take(now, deadline));
        let taken: Vec<Option<u128>> = taken
            .map(|at| at.map(|at| (at - now).as_millis()))
            .collect();
        assert_eq!(
            taken,
            [Some(0), Some(0), Some(0), Some(100), Some(200), None]
        );
        // One that was not made does not count.
        assert!(pace.take(now, now + Duration::from_millis(300)).is_some());
    }
}
