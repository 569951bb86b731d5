//! The calendar: dates of seconds since 1970, UTC, counted year by year. How a time is written is left to its callers.

use super::making::START_S;

pub(super) const SECOND_US: i64 = 1_000_000;
pub(super) const HOUR_S: i64 = 3_600;
pub(super) const DAY_S: i64 = 86_400;

/// Returns [year, month, day] and [hour, minute, second] of a time since 1970, UTC.
pub(super) fn date_and_time(at_s: i64) -> [[i64; 3]; 2] {
    let time = at_s % DAY_S;
    let mut days = at_s / DAY_S;
    let mut year = 1970;
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
    }
    let mut month = 1;
    while days >= days_in_month(year, month) {
        days -= days_in_month(year, month);
        month += 1;
    }
    let time = [time / HOUR_S, time % HOUR_S / 60, time % 60];
    [[year, month, days + 1], time]
}

/// Returns the number of days of a month of a year between 1901 and 2099.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_in_year(year: i64) -> i64 {
    (1..=12).map(|month| days_in_month(year, month)).sum()
}

#[test]
fn dates_are_those_of_the_calendar() {
    assert_eq!(date_and_time(START_S), [[2020, 1, 6], [6, 0, 0]]);
    assert_eq!(date_and_time(1_709_164_799), [[2024, 2, 28], [23, 59, 59]]);
    assert_eq!(date_and_time(1_709_164_800), [[2024, 2, 29], [0, 0, 0]]);
}
