//! Days of use: the UTC days on which something was used, those within 64 days of the newest. A set that days are added
//! to, so the order makes no difference.

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

/// Some days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Days {
    /// The newest, counted since 1970.
    pub(super) newest: i32,
    /// Bit n is n days before it.
    pub(super) mask: u64,
}

impl Days {
    /// Returns the day of a time.
    pub(super) fn of(time: i64) -> Days {
        Days {
            newest: time.div_euclid(DAY) as i32,
            mask: 1,
        }
    }

    /// Returns how many there are.
    pub(super) fn count(self) -> u32 {
        self.mask.count_ones()
    }

    /// Returns those from a day on, if there are any.
    pub(super) fn since(self, day: i32) -> Option<Days> {
        let before = i64::from(self.newest) - i64::from(day);
        let mask = match u32::try_from(before).ok()? {
            before @ ..63 => self.mask & ((2 << before) - 1),
            _ => self.mask,
        };
        Some(Days { mask, ..self })
    }

    /// Returns those up to a day, if there are any.
    pub(super) fn until(self, day: i32) -> Option<Days> {
        let behind = i64::from(self.newest) - i64::from(day);
        let Ok(behind @ 1..) = u32::try_from(behind) else {
            return Some(self);
        };
        let mask = self.mask.checked_shr(behind).unwrap_or(0);
        (mask != 0).then(|| Days {
            newest: day - mask.trailing_zeros() as i32,
            mask: mask >> mask.trailing_zeros(),
        })
    }

    /// Returns the oldest.
    pub(super) fn first(self) -> i32 {
        self.newest - (63 - self.mask.leading_zeros() as i32)
    }

    /// Returns them as bits: bit n is n days after the oldest.
    pub(super) fn by_first(self) -> u64 {
        let unused = self.mask.leading_zeros();
        self.mask.reverse_bits().checked_shr(unused).unwrap_or(0)
    }

    /// Returns the days of both.
    pub(super) fn and(self, other: Days) -> Days {
        let (newer, older) = match self.newest >= other.newest {
            true => (self, other),
            false => (other, self),
        };
        let apart = newer.newest.abs_diff(older.newest);
        Days {
            newest: newer.newest,
            mask: newer.mask | older.mask.checked_shl(apart).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_a_set_whatever_the_order() {
        let day = |day: i64| Days::of(day * DAY + 5);
        let all = |days: &[i64]| days.iter().map(|at| day(*at)).reduce(Days::and).unwrap();
        let expected = Days {
            newest: 100,
            mask: 1 | 1 << 3 | 1 << 63,
        };
        assert_eq!(all(&[100, 97, 37, 36, -5]), expected);
        assert_eq!(all(&[36, -5, 37, 100, 97, 97]), expected);
        assert_eq!(expected.and(expected), expected);
    }

    #[test]
    fn days_are_counted_from_a_day_on() {
        let days = Days {
            newest: 100,
            mask: 1 | 1 << 3 | 1 << 63,
        };
        let since = |day| days.since(day).map_or(0, Days::count);
        assert_eq!([since(101), since(100), since(98), since(97)], [0, 1, 1, 2]);
        assert_eq!([since(38), since(37), since(i32::MIN)], [2, 3, 3]);
        assert_eq!(days.since(98).map(Days::first), Some(100));
        assert_eq!((days.count(), days.first()), (3, 37));
        assert_eq!(days.by_first(), 1 | 1 << 60 | 1 << 63);
        assert_eq!(days.since(38).map(Days::by_first), Some(0b1001));
        let until = |day| days.until(day).map(|days| (days.newest, days.count()));
        assert_eq!(
            [until(101), until(100), until(99)],
            [Some((100, 3)), Some((100, 3)), Some((97, 2))]
        );
        assert_eq!(
            [until(96), until(37), until(36)],
            [Some((37, 1)), Some((37, 1)), None]
        );
    }
}
