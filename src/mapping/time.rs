//! Times as exports write them, as microseconds since 1970 in UTC.

use std::borrow::Cow;

use jiff::civil;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::{Offset, OffsetConflict, TimeZone};

/// Reads `2026-08-14 12:16:03` (in `time_zone`; both forms are in real files, see nexthink's facts in
/// `fixtures/README.md`) or RFC 3339, as microseconds since 1970. `None` when it is neither or before 1970.
///
/// A time that the zone's clocks pass twice is taken as the earlier, one they skip as if they had not.
pub fn parse_time(text: &str, time_zone: &TimeZone) -> Option<i64> {
    let micros = match parse_civil(text.as_bytes()) {
        Some(civil) if *time_zone == TimeZone::UTC => {
            Offset::UTC.to_timestamp(civil).ok()?.as_microsecond()
        }
        Some(civil) => time_zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .ok()?
            .as_microsecond(),
        None => parse_other(text, time_zone)?,
    };
    (0..=253_402_300_799_999_999)
        .contains(&micros)
        .then_some(micros)
}

fn parse_other(text: &str, time_zone: &TimeZone) -> Option<i64> {
    let text = &*without_space_before_zone(text);
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return (!has_no_offset(text)).then(|| timestamp.as_microsecond());
    }
    if text.contains('[') {
        return parse_zoned(text);
    }
    let civil: civil::DateTime = text.parse().ok()?;
    // A date alone is no time.
    if !text.contains(':') {
        return None;
    }
    Some(
        time_zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .ok()?
            .as_microsecond(),
    )
}

/// Returns a time whose zone stands behind a space as it is written without: `05:00:00 UTC`, `05:00:00 +02:00`,
/// `05:00:00 [Europe/Zurich]`.
fn without_space_before_zone(text: &str) -> Cow<'_, str> {
    let behind_date = text.split_once(['T', 't', ' ']);
    let zone = behind_date.and_then(|(_, clock)| clock.split_once(' '));
    let Some((_, zone)) = zone else {
        return Cow::Borrowed(text);
    };
    let time = text[..text.len() - zone.len()].trim_end();
    match zone {
        "UTC" | "(UTC)" | "GMT" | "Z" => Cow::Owned(format!("{time}Z")),
        zone => {
            let (offset, name) = zone.split_at(zone.find('[').unwrap_or(zone.len()));
            let offset = offset.trim_end();
            match offset.is_empty() || is_offset(offset) {
                true => Cow::Owned(format!("{time}{offset}{name}")),
                false => Cow::Borrowed(text),
            }
        }
    }
}

/// Tells whether a text is `+02:00`, `+0200` or `+02`.
fn is_offset(text: &str) -> bool {
    let Some(digits) = text.strip_prefix(['+', '-']) else {
        return false;
    };
    let is_digit = |at: usize| digits.as_bytes()[at].is_ascii_digit();
    match digits.len() {
        2 => is_digit(0) && is_digit(1),
        4 => (0..4).all(is_digit),
        5 => digits.as_bytes()[2] == b':' && [0, 1, 3, 4].into_iter().all(is_digit),
        _ => false,
    }
}

/// Tells whether a time ends in what only looks like an offset: `+25:00`.
fn has_no_offset(text: &str) -> bool {
    let clock = text
        .split_once(['T', 't', ' '])
        .map_or("", |(_, clock)| clock);
    let clock = clock.split('[').next().unwrap_or_default();
    let offset = clock.rsplit_once(['+', '-']).map(|(_, offset)| offset);
    let hours = offset.and_then(|offset| offset.get(..2)?.parse::<u8>().ok());
    hours.is_some_and(|hours| hours > 23)
}

/// A time that names its zone in brackets, which is believed; an offset beside it wins.
fn parse_zoned(text: &str) -> Option<i64> {
    const PARSER: DateTimeParser =
        DateTimeParser::new().offset_conflict(OffsetConflict::AlwaysOffset);
    let zoned = PARSER.parse_zoned(text).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

/// The common form, without a general parser: it stands two times in every row.
fn parse_civil(text: &[u8]) -> Option<civil::DateTime> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b' ' | b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
    ] = *text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0i16, |value, digit| {
            digit
                .is_ascii_digit()
                .then(|| value * 10 + i16::from(digit - b'0'))
        })
    };
    let pair = |tens, ones| number(&[tens, ones]).map(|value| value as i8);
    civil::DateTime::new(
        number(&[y1, y2, y3, y4])?,
        pair(m1, m2)?,
        pair(d1, d2)?,
        pair(h1, h2)?,
        pair(n1, n2)?,
        pair(s1, s2)?,
        0,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_forms_are_one_instant() {
        let zurich = TimeZone::get("Europe/Zurich").unwrap();
        let utc = parse_time("2026-08-14 12:16:03", &TimeZone::UTC).unwrap();
        assert_eq!(
            parse_time("2026-08-14T12:16:03Z", &TimeZone::UTC),
            Some(utc)
        );
        assert_eq!(parse_time("2026-08-14 14:16:03", &zurich), Some(utc));
        assert_eq!(parse_time("2026-08-14T14:16:03+02:00", &zurich), Some(utc));
        for behind_space in [
            "2026-08-14 12:16:03 UTC",
            "2026-08-14 12:16:03 (UTC)",
            "2026-08-14 12:16:03 Z",
            "2026-08-14 14:16:03 +0200",
            "2026-08-14 14:16:03 +02:00",
            "2026-08-14 14:16:03 [Europe/Zurich]",
            "2026-08-14 14:16:03 +02:00 [Europe/Zurich]",
        ] {
            assert_eq!(
                parse_time(behind_space, &TimeZone::UTC),
                Some(utc),
                "{behind_space}"
            );
        }
        for other in [
            "2026-08-14 12:16:03 PM",
            "2026-08-14 12:16:03 CEST",
            "2026-08-14 09:00:00 - 10:00:00",
            "2026-08-14 09:00:00 -10:00:00",
        ] {
            assert_eq!(parse_time(other, &TimeZone::UTC), None, "{other}");
        }
        for text in ["2026-08-24T06Z", "2026-08-24T0616Z"] {
            assert!(parse_time(text, &zurich).is_some(), "{text}");
        }
        for no_offset in ["+25:00", "-24:30", "+2500", "+25:00[Europe/Zurich]"] {
            let text = format!("2026-08-14T14:16:03{no_offset}");
            assert_eq!(parse_time(&text, &zurich), None, "{text}");
        }
        assert_eq!(
            parse_time("2026-08-14 12:16:03.250", &TimeZone::UTC),
            Some(utc + 250_000)
        );
        for zoned in [
            "2026-08-14T14:16:03[Europe/Zurich]",
            "2026-08-14 14:16:03[Europe/Zurich]",
            "2026-08-14T14:16:03+02:00[Europe/Zurich]",
            "2026-08-14T12:16:03+00:00[Europe/Zurich]",
        ] {
            assert_eq!(parse_time(zoned, &TimeZone::UTC), Some(utc), "{zoned}");
        }
        for bad in [
            "2026-08-14",
            "2026-08-14T14:16:03[Mars/Olympus]",
            "yesterday",
            "2026-13-01 00:00:00",
            "1969-12-31 23:59:59",
            "2026-02-30 10:00:00",
        ] {
            assert_eq!(parse_time(bad, &TimeZone::UTC), None, "{bad}");
        }
    }
}
