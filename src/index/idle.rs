//! Idle: stretches of time in which nobody is known to have been anywhere: a company is closed, or exports fail; or in which one person
//! was nowhere.

use super::stand::{LEFT_BEHIND, Seconds, Stand, day, seconds};

/// With logins of a week in each export, some were at least so many days apart.
const DAYS_APART: u32 = 8;
/// Where somebody was about on so many days of the week before, it is no chance that nobody was then.
const DAYS_BEFORE: usize = 3;

/// Stretches in which nobody was anywhere, in order.
#[derive(Debug, Default, Clone)]
pub(super) struct Idle(Vec<(Seconds, Seconds)>);

impl Idle {
    /// Finds the stretches between the days of all usages.
    pub(super) fn of(stands: &[Stand]) -> Idle {
        let word = |stand: &Stand| usize::from(stand.began) / 64;
        let (first, last) = (stands.iter().map(word).min(), stands.iter().map(word).max());
        let (Some(first), Some(last)) = (first, last) else {
            return Idle::default();
        };
        let mut days = vec![0_u64; last - first + 2];
        for stand in stands {
            let (at, shift) = (word(stand) - first, stand.began % 64);
            let both = u128::from(stand.use_days()) << shift;
            days[at] |= both as u64;
            days[at + 1] |= (both >> 64) as u64;
        }
        let words = (first as Seconds..).zip(&days);
        let used = words.flat_map(|(at, word)| {
            let bits = (0..64).filter(move |bit| word >> bit & 1 != 0);
            bits.map(move |bit| at * 64 + bit)
        });
        let used: Vec<Seconds> = used.collect();
        let is_of_many = |last: Seconds| {
            let week = used
                .iter()
                .filter(|day| last.saturating_sub(6) <= **day && **day <= last);
            week.count() >= DAYS_BEFORE
        };
        let apart = used.windows(2);
        let apart = apart.filter(|two| two[1] - two[0] > DAYS_APART && is_of_many(two[0]));
        let stretches = apart.map(|two| [two[0] + 1, two[1]].map(|at| at.saturating_mul(day())));
        Idle(stretches.map(|[from, to]| (from, to)).collect())
    }

    /// Returns the stretches of both.
    pub(super) fn and(&self, other: &Idle) -> Idle {
        let mut all = [self.0.as_slice(), other.0.as_slice()].concat();
        all.sort_unstable();
        let mut joined: Vec<(Seconds, Seconds)> = Vec::with_capacity(all.len());
        for (from, to) in all {
            match joined.last_mut().filter(|last| from <= last.1) {
                Some(last) => last.1 = last.1.max(to),
                None => joined.push((from, to)),
            }
        }
        Idle(joined)
    }

    /// Tells whether a usage was too long before the newest one to compete with it. A time in which nobody was seen is none of being
    /// away.
    pub(super) fn is_left_behind(&self, stand: &Stand, newest: Seconds) -> bool {
        self.between(stand.known, newest) >= seconds(LEFT_BEHIND)
    }

    /// Returns how long it was from one time to another, without these stretches.
    fn between(&self, from: Seconds, to: Seconds) -> Seconds {
        let idle = self.0.iter().map(|(begin, end)| {
            let (begin, end) = ((*begin).max(from), (*end).min(to));
            end.saturating_sub(begin)
        });
        to.saturating_sub(from).saturating_sub(idle.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_left_out_as_far_as_they_lie_between() {
        let idle = Idle(vec![(10 * day(), 30 * day()), (50 * day(), 60 * day())]);
        for (from, to, days) in [
            (0, 10, 10),
            (0, 40, 20),
            (20, 40, 10),
            (12, 14, 0),
            (0, 70, 40),
            (30, 50, 20),
            (9, 8, 0),
        ] {
            assert_eq!(
                idle.between(from * day(), to * day()),
                days * day(),
                "{from} {to}"
            );
        }
    }
}
