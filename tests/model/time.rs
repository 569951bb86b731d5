//! Times: the instant that a cell or an object's key says, in microseconds since 1970, UTC.
//! Which of a row's times counts is left to `rows`.

use super::samples::device;
use crate::tenant::{Object, days_in_month};

pub(super) const DAY_US: i64 = 86_400_000_000;

/// Returns when an object was observed: the date-time in its key, else its modification time.
///
/// In microseconds since 1970, UTC.
pub(super) fn observed_us(object: &Object) -> i64 {
    const FORMS: [&str; 3] = ["####-##-##T##-##-##", "########_######", "####-##-##/##"];
    let key = &object.key;
    let found =
        (0..key.len()).find_map(|at| FORMS.iter().find_map(|form| digits(&key[at..], form)));
    found.map_or(object.modified, |digits| instant_us(&digits))
}

/// Returns the microseconds since 1970 of `2026-08-14 12:16:03` or `2026-08-14T12:16:03Z`, UTC.
pub(super) fn time_us(cell: &str) -> Option<i64> {
    let forms = ["####-##-## ##:##:##", "####-##-##T##:##:##Z"];
    forms
        .iter()
        .find_map(|form| digits(cell, form))
        .map(|digits| instant_us(&digits))
}

/// Returns the digits at the start of a text that stand where the form has `#`.
///
/// Nothing if the text has not that form, or if one more digit follows: then it is something else.
fn digits(text: &str, form: &str) -> Option<String> {
    let mut rest = text.chars();
    let mut digits = String::new();
    for expected in form.chars() {
        match rest.next()? {
            digit if expected == '#' && digit.is_ascii_digit() => digits.push(digit),
            other if other == expected => {}
            _ => return None,
        }
    }
    (!rest.next().is_some_and(|next| next.is_ascii_digit())).then_some(digits)
}

/// Returns the microseconds since 1970 of the digits of year, month, day, hour and perhaps minute and second.
fn instant_us(digits: &str) -> i64 {
    let padded = format!("{digits:0<14}");
    let number = |from: usize, to: usize| -> i64 { padded[from..to].parse().expect("digits only") };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let days_of_year = |year| {
        (1..=12)
            .map(|month| days_in_month(year, month))
            .sum::<i64>()
    };
    let years: i64 = (1970..year).map(days_of_year).sum();
    let months: i64 = (1..month).map(|month| days_in_month(year, month)).sum();
    let seconds = number(8, 10) * 3_600 + number(10, 12) * 60 + number(12, 14);
    (years + months + day - 1) * DAY_US + seconds * 1_000_000
}

#[test]
fn the_time_in_the_key_counts_and_a_date_alone_does_not() {
    let observed = |key: &str| {
        let key = key.to_owned();
        observed_us(&Object {
            key,
            modified: 7,
            ..device()
        })
    };
    let six = 1_795_154_400_000_000;
    assert_eq!(observed("users/a/2026-11-20T06-00-00Z.csv"), six);
    assert_eq!(observed("users/20261120_060001.csv"), six + 1_000_000);
    assert_eq!(observed("users/2026-11-20/06/a.csv"), six);
    assert_eq!(observed("users/2026-11-20/a.csv"), 7);
    assert_eq!(observed("users/a/2026-11-20.csv"), 7);
    assert_eq!(time_us("2026-11-20 06:00:00"), Some(six));
}
