//! When the rows of an object were observed: the date-time in its key, else its last-modified time.
//!
//! Exports carry no time of their own, and a file that is copied to another bucket gets a new last-modified time; the
//! key is what survives. Pure functions of their arguments: no clock, no store.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use crate::observation::ObservedFrom;

/// Years that a key can mean. Outside of it, eight digits are a number of some other kind.
const YEARS: std::ops::RangeInclusive<i16> = 1970..=2099;

/// Ten digits that would be of another year are a number of another kind.
const SECONDS_YEARS: std::ops::RangeInclusive<i16> = 2015..=2035;

/// Returns when an object was observed, in microseconds UTC, and what says so.
///
/// `choice` fixes where the time comes from; `None` prefers the key. A key without a date-time, or whose date-times
/// name different instants, falls back to `modified_at` whatever the choice. Read as date-times, where no digit or
/// letter follows:
///
/// - a date and a time: `2026-11-20T06-00-00`, `2026-11-20T06:00:00` (`%3A` for `:`, or `_`, what downloads make of it),
///   `20261120T060000`, `20261120_060000`, also with a space or, between full forms, `-`; after `T` the seconds, or
///   minutes and seconds, may be absent;
/// - fourteen digits: `20261120060000`;
/// - a date folder and an hour or time below it: `2026-11-20/06`, `2026/11/20/06`, `2026-11-20/06-30-00`, also with what
///   they are before a `=`: `date=2026-11-20/hour=06`;
/// - then a fraction and `Z` or an offset (`+02:00`, `+0200`); without either, `time_zone` applies.
///
/// A date alone is no date-time, nor is one that no calendar has (30 February, 25 o'clock), nor one behind which more digits
/// stand than could be read.
pub fn observed_at(
    key: &str,
    modified_at: i64,
    time_zone: &TimeZone,
    choice: Option<ObservedFrom>,
) -> (i64, ObservedFrom) {
    let said = match choice {
        Some(ObservedFrom::Modified) => None,
        Some(ObservedFrom::Key) | None => the_instant(key, time_zone),
    };
    match said {
        Some(instant) => (instant, ObservedFrom::Key),
        None => (modified_at, ObservedFrom::Modified),
    }
}

/// Returns the days that a key's dates name, those before a time too that cannot be read, and those of forms that are no dates of
/// exports: `2026.11.20`, `2026_11_20`, `20.11.2026` (of which `11-20-2026` may be the same), ten or thirteen digits of seconds
/// or milliseconds since 1970.
pub fn days_in(key: &str) -> Vec<Date> {
    let mut rest = key.as_bytes();
    let mut days = Vec::new();
    let mut before = b'/';
    while let Some(first) = rest.first() {
        if !before.is_ascii_digit() {
            let day = Reader(rest).day();
            days.extend(Reader(rest).days_before_a_year());
            days.extend(day.or_else(|| match before.is_ascii_alphabetic() {
                // As the end of a hash it is no time.
                true => None,
                false => Reader(rest).day_since_1970(),
            }));
        }
        before = *first;
        rest = &rest[1..];
    }
    days
}

/// Returns the one instant that every date-time in the key names.
fn the_instant(key: &str, time_zone: &TimeZone) -> Option<i64> {
    // As some tools write the signs of a time.
    let signs = [("%3A", ":"), ("%3a", ":"), ("%2B", "+"), ("%2b", "+")];
    let key = signs.iter().fold(key.to_owned(), |key, (written, sign)| {
        key.replace(written, sign)
    });
    let mut rest = key.as_bytes();
    let mut instant = None;
    let mut after_digit = false;
    while let Some(first) = rest.first() {
        match Reader(rest).date_time(time_zone).filter(|_| !after_digit) {
            Some((_, found)) if instant.is_some_and(|known| known != found) => return None,
            Some((tail, found)) => {
                instant = Some(found);
                rest = tail;
                after_digit = true;
            }
            None => {
                after_digit = first.is_ascii_digit();
                rest = &rest[1..];
            }
        }
    }
    instant
}

/// What separates a date from its time decides how much of the time may be left out.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    T,
    /// Nothing: `20261120060000`.
    Nothing,
    Folder,
    Dash,
    Other,
}

/// Reads a date-time from the front of a key; each step consumes what it accepts.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Returns what follows the date-time, and its instant in microseconds UTC.
    fn date_time(mut self, time_zone: &TimeZone) -> Option<(&'a [u8], i64)> {
        let (year, month, day, separator) = self.date(b"-/")?;
        let between = self.between(separator)?;
        let (hour, minute, second) = self.time(between, separator)?;
        let (nanosecond, offset) = self.fraction_and_zone()?;
        // A zone that cannot be read, or a half of a day, makes another instant of it.
        let is_whole = !self
            .0
            .first()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'+');
        let may_be_zone = offset.is_none() && self.may_be_zone();
        if !is_whole || may_be_zone || self.is_half_a_day() || !self.ends_an_hour(between) {
            return None;
        }
        let local = DateTime::new(year, month, day, hour, minute, second, nanosecond).ok()?;
        let instant = match offset {
            Some(offset) => offset.to_timestamp(local).ok()?,
            // The hour that a clock change repeats is its first, the one it skips is moved on.
            None => time_zone.to_ambiguous_timestamp(local).compatible().ok()?,
        };
        Some((self.0, instant.as_microsecond()))
    }

    /// Reads what may be meant for a day; hours, minutes and seconds may follow at once.
    fn day(mut self) -> Option<Date> {
        let (year, month, day, _) = self.date(b"-/._")?;
        // With milliseconds behind the seconds, too, as programs of .NET write them.
        let is_whole = matches!(self.digits(), 0 | 2 | 4 | 6 | 9);
        Date::new(year, month, day).ok().filter(|_| is_whole)
    }

    /// Reads `20.11.2026`; of two numbers either may be the month.
    fn days_before_a_year(mut self) -> Vec<Date> {
        let Some((one, other, year)) = self.before_a_year() else {
            return Vec::new();
        };
        let is_whole = self.digits() == 0 && YEARS.contains(&year);
        let days = [(one, other), (other, one)]
            .into_iter()
            .filter(|_| is_whole);
        days.filter_map(|(day, month)| Date::new(year, month, day).ok())
            .collect()
    }

    fn before_a_year(&mut self) -> Option<(i8, i8, i16)> {
        let one = self.two_digits()?;
        let separator = self.one_of(b".-_")?;
        let other = self.two_digits()?;
        self.one_of(&[separator])?;
        let year = i16::from(self.two_digits()?) * 100 + i16::from(self.two_digits()?);
        Some((one, other, year))
    }

    /// Reads seconds or milliseconds since 1970, by themselves.
    fn day_since_1970(self) -> Option<Date> {
        let (digits, behind) = self.0.split_at(self.digits());
        let number = str::from_utf8(digits).ok()?.parse().ok()?;
        let time = match digits.len() {
            10 => Timestamp::from_second(number).ok()?,
            13 => Timestamp::from_millisecond(number).ok()?,
            _ => return None,
        };
        let day = Offset::UTC.to_datetime(time).date();
        let is_alone = !behind.first().is_some_and(u8::is_ascii_alphabetic);
        Some(day).filter(|day| is_alone && SECONDS_YEARS.contains(&day.year()))
    }

    /// Reads `2026-11-20`, `2026/11/20` or `20261120`, with one of some separators, which is part of the answer.
    fn date(&mut self, separators: &[u8]) -> Option<(i16, i8, i8, Option<u8>)> {
        let year = i16::from(self.two_digits()?) * 100 + i16::from(self.two_digits()?);
        let separator = self.one_of(separators);
        self.label(separator);
        let month = self.two_digits()?;
        if separator.is_some_and(|separator| self.one_of(&[separator]).is_none()) {
            return None;
        }
        self.label(separator);
        let day = self.two_digits()?;
        YEARS
            .contains(&year)
            .then_some((year, month, day, separator))
    }

    fn between(&mut self, date_separator: Option<u8>) -> Option<Between> {
        if date_separator.is_none() && self.digits() == 6 {
            return Some(Between::Nothing);
        }
        let between = match self.one_of(b"Tt_ /-")? {
            b'T' | b't' => Between::T,
            b'/' => {
                self.label(Some(b'/'));
                Between::Folder
            }
            b'-' => Between::Dash,
            _ => Between::Other,
        };
        // 2026/11/20 is three folders: only a fourth one can be its time.
        (date_separator != Some(b'/') || between == Between::Folder).then_some(between)
    }

    /// Reads `06-00-00`, `06:00:00` or `060000`, and as much less as `between` allows.
    fn time(&mut self, between: Between, date_separator: Option<u8>) -> Option<(i8, i8, i8)> {
        let hour = self.two_digits()?;
        let after_hour = self.0;
        let separator = self.one_of(b"-:_.");
        // `20261120-060000` and `2026-11-20-060000` may be a running number.
        if between == Between::Dash && (separator.is_none() || date_separator.is_none()) {
            return None;
        }
        let Some(minute) = self.two_digits() else {
            self.0 = after_hour;
            let hour_will_do = matches!(between, Between::T | Between::Folder);
            return (hour_will_do && !self.goes_on()).then_some((hour, 0, 0));
        };
        let after_minute = self.0;
        let next = separator.is_none_or(|separator| self.one_of(&[separator]).is_some());
        match next.then(|| self.two_digits()).flatten() {
            Some(second) => Some((hour, minute, second)),
            None => {
                self.0 = after_minute;
                (between == Between::T && !self.goes_on()).then_some((hour, minute, 0))
            }
        }
    }

    /// Reads `.123Z`, `Z`, `+02:00` or nothing. A fraction counts only before a zone: `_060000.7z` is an archive.
    fn fraction_and_zone(&mut self) -> Option<(i32, Option<Offset>)> {
        let before = self.0;
        let fraction = self.fraction();
        let is_extension = fraction.is_some() && self.0.first() == Some(&b'z');
        match self.zone().filter(|_| !is_extension) {
            Some(offset) => Some((fraction.unwrap_or(0), Some(offset))),
            None => {
                self.0 = before;
                Some((0, None))
            }
        }
    }

    /// Returns the fraction of a second in nanoseconds, to the microsecond.
    fn fraction(&mut self) -> Option<i32> {
        let before = self.0;
        let sign = self.0.first().copied();
        self.one_of(b".,-_")?;
        let (fraction, rest) = self.0.split_at(self.digits());
        // What file names make of a dot is one where the zone follows: `06-30-45-123Z`.
        let is_dot = matches!(sign, Some(b'.' | b','));
        if fraction.is_empty() || !is_dot && !matches!(rest, [b'Z' | b'z', ..]) {
            self.0 = before;
            return None;
        }
        self.0 = rest;
        let padded = fraction.iter().copied().chain(std::iter::repeat(b'0'));
        let microseconds = padded
            .take(6)
            .fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
        Some(microseconds * 1_000)
    }

    /// Reads `Z`, `+02:00`, `-02:00` or `+0200`; `-0200` may be a running number (`may_be_zone`).
    fn zone(&mut self) -> Option<Offset> {
        for utc in ["UTC", "GMT"] {
            let behind = self.0.strip_prefix(b" ").or(self.0.strip_prefix(b"_"));
            let behind = behind.or(self.0.strip_prefix(b"-")).unwrap_or(self.0);
            match behind.strip_prefix(utc.as_bytes()) {
                // Java's `GMT-05:00` is another one.
                Some([b'+' | b'-', b'0'..=b'9', ..]) => return None,
                Some(rest) => {
                    self.0 = rest;
                    return Some(Offset::UTC);
                }
                None => {}
            }
        }
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(Offset::UTC),
        };
        let hours = self.two_digits()?;
        let colon = self.one_of(b":");
        let minutes = self.two_digits()?;
        if minutes > 59 || (sign < 0 && colon.is_none()) {
            return None;
        }
        let seconds = (i32::from(hours) * 60 + i32::from(minutes)) * 60;
        Offset::from_seconds(sign * seconds).ok()
    }

    /// Returns how many digits follow.
    fn digits(&self) -> usize {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit());
        digits.count()
    }

    /// Tells whether a zone follows that is not read: one west of Greenwich as `%z` writes it (`-0500`), which may be a running
    /// number as well, one behind a space, or a word (`EST`), of which several have two meanings. Whoever takes it for nothing is
    /// hours off.
    fn may_be_zone(&self) -> bool {
        const WEST: [&[u8; 4]; 13] = [
            b"0100", b"0200", b"0300", b"0330", b"0400", b"0500", b"0600", b"0700", b"0800",
            b"0900", b"0930", b"1000", b"1100",
        ];
        const WORDS: [&str; 22] = [
            "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "MEZ", "MESZ",
            "WET", "EET", "EEST", "MSK", "BST", "JST", "AEST", "AEDT", "UTC", "GMT",
        ];
        match self.0 {
            [b' ' | b'_', b'+', b'0'..=b'9', ..] => true,
            // What upload tools make of `-05:00`.
            [
                b'-',
                b'0'..=b'1',
                b'0'..=b'9',
                b'-',
                b'0' | b'3' | b'4',
                b'0' | b'5',
                rest @ ..,
            ] => !rest.first().is_some_and(u8::is_ascii_alphanumeric),
            [b' ' | b'_' | b'-', rest @ ..] if is_sign_in_words(rest) => true,
            [b' ' | b'_' | b'-', rest @ ..] if rest.first().is_some_and(u8::is_ascii_uppercase) => {
                let letters = rest
                    .iter()
                    .take_while(|byte| byte.is_ascii_alphanumeric())
                    .count();
                WORDS.iter().any(|word| word.as_bytes() == &rest[..letters])
            }
            [b'-', rest @ ..] => {
                let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                digits == 4 && WEST.iter().any(|zone| rest.starts_with(*zone))
            }
            _ => false,
        }
    }

    /// Tells whether `AM` or `PM` follows.
    fn is_half_a_day(&self) -> bool {
        let [
            b' ' | b'_' | b'-',
            b'a' | b'A' | b'p' | b'P',
            b'm' | b'M',
            rest @ ..,
        ] = self.0
        else {
            return false;
        };
        !rest.first().is_some_and(u8::is_ascii_alphanumeric)
    }

    /// Tells whether more digits follow a time that was read without its seconds: it was not read whole.
    fn goes_on(&self) -> bool {
        let goes_on = matches!(self.0, [b'-' | b':' | b'_' | b'.' | b' ', b'0'..=b'9', ..]);
        // A folder of the minute: `2026/11/20/06/45`.
        let is_minute = match self.0 {
            [b'/', b'0'..=b'9', b'0'..=b'9', rest @ ..] => matches!(rest, [] | [b'/' | b'.', ..]),
            _ => false,
        };
        goes_on || is_minute
    }

    /// Passes over what a folder is before a `=`: `hour=06`.
    fn label(&mut self, separator: Option<u8>) {
        let letters = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        if separator == Some(b'/') && letters > 0 && self.0.get(letters) == Some(&b'=') {
            self.0 = &self.0[letters + 1..];
        }
    }

    /// Below a date folder, an hour is a folder or a whole file name: `2026-11-20/06-users.csv` is part 6.
    fn ends_an_hour(&self, between: Between) -> bool {
        between != Between::Folder || matches!(self.0.first(), None | Some(b'/' | b'.' | b'_'))
    }

    fn two_digits(&mut self) -> Option<i8> {
        let [tens @ b'0'..=b'9', ones @ b'0'..=b'9', rest @ ..] = self.0 else {
            return None;
        };
        self.0 = rest;
        i8::try_from((tens - b'0') * 10 + (ones - b'0')).ok()
    }

    fn one_of(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        let found = wanted.contains(first).then_some(*first)?;
        self.0 = rest;
        Some(found)
    }
}

/// Tells whether a text begins as `plus0200` does.
fn is_sign_in_words(text: &[u8]) -> bool {
    let behind = text.strip_prefix(b"plus").or(text.strip_prefix(b"minus"));
    behind.is_some_and(|behind| behind.first().is_some_and(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: i64 = 7;

    fn observed(key: &str) -> Option<String> {
        observed_in(key, "UTC")
    }

    fn observed_in(key: &str, zone: &str) -> Option<String> {
        let zone = TimeZone::get(zone).unwrap();
        match observed_at(key, MODIFIED, &zone, None) {
            (at, ObservedFrom::Key) => {
                Some(jiff::Timestamp::from_microsecond(at).unwrap().to_string())
            }
            (at, ObservedFrom::Modified) => {
                assert_eq!(at, MODIFIED);
                None
            }
        }
    }

    #[test]
    fn the_documented_and_evident_forms_are_read() {
        for key in [
            "users/2026-11-20T06-00-00Z.csv",
            "users/2026-11-20T06:00:00Z.csv",
            "users/20261120_060000.csv",
            "users_20261120_060000.csv.gz",
            "users_20261120060000.csv",
            "users-20261120060000Z.csv",
            "users20261120T060000Z.csv",
            "20261120T060000Z",
            "20261120T0600Z.csv",
            "2026-11-20T06Z.csv",
            "2026-11-20T06:00.csv",
            "2026-11-20t06-00-00z.csv",
            "2026-11-20 06:00:00.csv",
            "2026-11-20_06-00-00.csv",
            "2026-11-20-06-00-00.csv",
            "2026-11-20/06",
            "2026-11-20/06/users.csv",
            "nexthink/2026/11/20/06/users.csv",
            "2026-11-20/06.csv",
            "2026-11-20/06-00-00.csv",
            "2026-11-20/060000_users.csv",
            "20261120/06/part-0001.csv",
            "2026-11-20T06_00_00Z.csv",
            "20261120_060000_GMT.csv",
            "20261120_060000_plus_devices.csv",
            "users_20261120_060000_WEST.csv",
            "2026-11-20T06%3A00%3A00Z.csv",
            "2026-11-20_06_00_00.csv",
            "date=2026-11-20/hour=06/users.csv",
            "2026-11-20T06-00-00-000Z.csv",
            "2026-11-20T06.00.00Z.csv",
            "2026-11-20T06-00-00_UTC.csv",
            "year=2026/month=11/day=20/hour=06/part-0.csv",
            "dt=20261120/hour=06/users.csv",
            "2026-11-20T08-00-00+02:00.csv",
            "20261120T080000+0200.csv",
            "2026-11-20T01:00:00-05:00.csv",
        ] {
            let expected = Some("2026-11-20T06:00:00Z".to_owned());
            assert_eq!(observed(key), expected, "{key}");
        }
    }

    #[test]
    fn what_is_no_date_time_leaves_the_last_modified_time() {
        for key in [
            "",
            "users.csv",
            "users/2026-11-20.csv",
            "users_20261120.csv",
            "2026/11/20/users.csv",
            "2026-11-20/users.csv",
            "2026-11-20/06-users.csv",
            "2026-11-20/0600.csv",
            "2026-11-20-06.csv",
            "20261120_0600.csv",
            "20261120-060000.csv",
            "20261120_060000123.csv",
            "120261120_060000.csv",
            "2026112006000012.csv",
            "202611200600.csv",
            "20261120069900.csv",
            "2026-11-20T06-00-00 PM.csv",
            "20261120_060000th.csv",
            "2026-11-20T.csv",
            "2026-11/20T06-00-00Z.csv",
            "2026/11/20T06-00-00Z.csv",
            "12345678_123456.csv",
            "2026-11-20T06-00-00Zulu.csv",
            "2026-11-20T06_1.csv",
            "2026-11-20T06 30 45.csv",
            "2026-11-20T06-30-45+05-00.csv",
            "2026/11/20/06/45/users.csv",
            "2026-11-20T06-00-7.csv",
            "2026-11-20T06-00-00-0500.csv",
            "20261120T060000-0330.csv",
            "2026-11-20T06-00-00 +0100.csv",
            "2026-11-20/06_45.csv",
            "date=2026-11-20/users.csv",
            "users_2026-11-20T06-00-00_EST.csv",
            "users_20261120_060000 CEST.csv",
            "20261120_060000-PST/users.csv",
            "2026-11-20T06-00-00-08-00.csv",
            "2026-11-20T06-00-00_plus0200.csv",
            "20261120_060000_+02.csv",
            "20261120_060000_GMT-0500.csv",
            "20261120_060000 UTC+02-00.csv",
        ] {
            assert_eq!(observed(key), None, "{key}");
        }
    }

    #[test]
    fn dates_are_told_though_they_are_no_time() {
        let days = |key| days_in(key).iter().map(Date::to_string).collect::<Vec<_>>();
        for key in [
            "users_2026-11-20.csv",
            "20261120/users.csv",
            "users_202611200600.csv",
            "users_2026.11.20.csv",
            "users_2026_11_20.csv",
            "users_1795150800.csv",
            "users_20261120060000123.csv",
            "users-1795150800000.csv",
        ] {
            assert_eq!(days(key), ["2026-11-20"], "{key}");
        }
        assert_eq!(
            days("2026-11-20/2026-11-21.csv"),
            ["2026-11-20", "2026-11-21"]
        );
        for key in ["users_20.11.2026.csv", "users 11-20-2026.csv", "20_11_2026"] {
            assert_eq!(days(key), ["2026-11-20"], "{key}");
        }
        assert_eq!(days("05.06.2026.csv"), ["2026-06-05", "2026-05-06"]);
        assert!(days("10.20.2026.1").len() == 1 && days("1.20.2026").is_empty());
        for key in [
            "users.csv",
            "12345678.csv",
            "202611201.csv",
            "1234567890.csv",
            "1795150800f.csv",
            "9876543210/users.csv",
            "9f1e-0a1795150800.csv",
        ] {
            assert_eq!(days(key), [""; 0], "{key}");
        }
    }

    #[test]
    fn impossible_dates_and_times_leave_the_last_modified_time() {
        for key in [
            "2026-02-30T06-00-00Z.csv",
            "2026-13-01T06-00-00Z.csv",
            "2026-00-10T06-00-00Z.csv",
            "2026-11-20T25-00-00Z.csv",
            "2026-11-20T06-60-00Z.csv",
            "20261120_246060.csv",
            "2026-11-20/24/users.csv",
            "0000-00-00T00-00-00Z.csv",
        ] {
            assert_eq!(observed(key), None, "{key}");
        }
    }

    #[test]
    fn without_a_zone_the_time_zone_of_the_source_applies() {
        let at = |key| observed_in(key, "Europe/Zurich").unwrap();
        assert_eq!(at("2026-11-20T06-00-00.csv"), "2026-11-20T05:00:00Z");
        assert_eq!(at("2026-07-20/06/users.csv"), "2026-07-20T04:00:00Z");
        assert_eq!(at("2026-11-20T06-00-00Z.csv"), "2026-11-20T06:00:00Z");
    }

    #[test]
    fn a_repeated_hour_is_its_first_and_a_skipped_one_is_moved_on() {
        let at = |key| observed_in(key, "Europe/Zurich").unwrap();
        assert_eq!(at("20261025_023000.csv"), "2026-10-25T00:30:00Z");
        assert_eq!(at("20260329_023000.csv"), "2026-03-29T01:30:00Z");
    }

    #[test]
    fn several_date_times_count_when_they_name_one_instant() {
        let same = "2026-11-20/06/users_20261120_060000_2026-11-20T07:00:00+01:00.csv";
        assert_eq!(observed(same).as_deref(), Some("2026-11-20T06:00:00Z"));
        assert_eq!(observed("2026-11-20/06/users_20261120_061500.csv"), None);
        assert_eq!(observed("20261120_060000-20261121_060000.csv"), None);
        // In another zone the folder and the name no longer agree.
        let zoned = "2026-11-20/06/2026-11-20T06-00-00Z.csv";
        assert_eq!(observed(zoned).as_deref(), Some("2026-11-20T06:00:00Z"));
        assert_eq!(observed_in(zoned, "Europe/Zurich"), None);
    }

    #[test]
    fn an_impossible_date_time_beside_a_real_one_is_only_a_number() {
        let key = "job_20269999_123456/2026-11-20T06-00-00Z.csv";
        assert_eq!(observed(key).as_deref(), Some("2026-11-20T06:00:00Z"));
    }

    #[test]
    fn a_fraction_counts_to_the_microsecond_and_only_before_a_zone() {
        let at = |key| observed(key).unwrap();
        assert_eq!(
            at("2026-11-20T06:00:00.1234567Z.csv"),
            "2026-11-20T06:00:00.123456Z"
        );
        assert_eq!(at("20261120_060000.7z"), "2026-11-20T06:00:00Z");
        assert_eq!(at("20261120_060000.123.csv"), "2026-11-20T06:00:00Z");
    }

    #[test]
    fn the_choice_of_the_source_is_kept() {
        let key = "2026-11-20T06-00-00Z.csv";
        let by = |choice, key| observed_at(key, MODIFIED, &TimeZone::UTC, choice).1;
        assert_eq!(
            by(Some(ObservedFrom::Modified), key),
            ObservedFrom::Modified
        );
        assert_eq!(by(Some(ObservedFrom::Key), key), ObservedFrom::Key);
        assert_eq!(
            by(Some(ObservedFrom::Key), "users.csv"),
            ObservedFrom::Modified
        );
    }

    #[test]
    fn any_text_is_read_without_a_panic() {
        for key in [
            "ü2026-11-20T06-00-00Zß",
            "2026",
            "20",
            "2026-11-20/",
            "+-:T",
            "\u{0}",
        ] {
            observed(key);
        }
    }
}
