//! Decoration: what spreadsheets and careless writers put around cells that is no part of them.

use std::borrow::Cow;

/// Returns a record without what stands between its delimiters and the quotes of its cells: white space, and the `=` of
/// `="0042"`, by which spreadsheets keep zeros. Only where a quote follows: a cell without quotes is as it stands.
pub(super) fn undecorated(record: &[u8], delimiter: u8) -> Cow<'_, [u8]> {
    if !is_decorated(record) {
        return Cow::Borrowed(record);
    }
    let mut plain = Vec::with_capacity(record.len());
    let mut rest = record;
    while !rest.is_empty() {
        let cell = &rest[before_quote(rest, delimiter)..];
        let end = match cell.strip_prefix(b"\"") {
            None => memchr::memchr3(delimiter, b'\n', b'\r', cell).unwrap_or(cell.len()),
            Some(quoted) => 1 + quoted_length(quoted),
        };
        plain.extend_from_slice(&cell[..end]);
        let behind = &cell[end..];
        let space = match cell.starts_with(b"\"") {
            true => spaces(behind, delimiter),
            false => 0,
        };
        // The space before a delimiter or the end of the line goes; any other is a fault, and is left to be found.
        let is_end =
            |byte: Option<&u8>| byte.is_none_or(|byte| [delimiter, b'\n', b'\r'].contains(byte));
        rest = match is_end(behind.get(space)) {
            true => &behind[space..],
            false => behind,
        };
        let next = rest.len().min(1);
        plain.extend_from_slice(&rest[..next]);
        rest = &rest[next..];
    }
    Cow::Owned(plain)
}

fn is_decorated(record: &[u8]) -> bool {
    let mut quotes = memchr::memchr_iter(b'"', record);
    quotes.any(|at| {
        let before = at.checked_sub(1).map(|at| record[at]);
        let behind = record.get(at + 1).copied();
        matches!(before, Some(b' ' | b'\t' | b'=')) || matches!(behind, Some(b' ' | b'\t'))
    })
}

/// Returns how much of a cell stands before its opening quote and is no part of it; 0 where no quote opens.
fn before_quote(cell: &[u8], delimiter: u8) -> usize {
    let space = spaces(cell, delimiter);
    match &cell[space..] {
        [b'"', ..] => space,
        [b'=', b'"', ..] => space + 1,
        _ => 0,
    }
}

fn spaces(text: &[u8], delimiter: u8) -> usize {
    let is_space = |byte: &&u8| matches!(byte, b' ' | b'\t') && **byte != delimiter;
    text.iter().take_while(is_space).count()
}

/// Returns the length of a quoted cell behind its opening quote, the closing one included.
fn quoted_length(quoted: &[u8]) -> usize {
    let mut at = 0;
    while let Some(quote) = memchr::memchr(b'"', &quoted[at..]) {
        at += quote + 1;
        match quoted.get(at) {
            Some(b'"') => at += 1,
            _ => return at,
        }
    }
    quoted.len()
}

/// Returns what a spreadsheet shows of a cell by which it keeps zeros, as `="0042"` is written by whoever quotes all cells:
/// `"=""0042"""`.
pub(super) fn unwrapped(cell: &str) -> &str {
    let inner = cell
        .strip_prefix("=\"")
        .and_then(|cell| cell.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(cell)
}

/// Tells whether a text is a number with a fraction of zeros, or to a power of ten: `40711.0`, `1.23457E+11`. What it was made of is
/// lost, or found by nobody.
fn is_made_number(cell: &str) -> bool {
    /// Bytes of the longest such number, and more.
    const LONGEST: usize = 24;
    if cell.len() > LONGEST || !cell.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let digits = cell.bytes().take_while(u8::is_ascii_digit).count();
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (fraction, power) = match cell[digits..].split_once(['e', 'E']) {
        Some((fraction, power)) => (fraction, Some(power)),
        None => (&cell[digits..], None),
    };
    let fraction = fraction.strip_prefix(['.', ',']);
    match (fraction, power) {
        (Some(fraction), None) => are_digits(fraction) && fraction.bytes().all(|byte| byte == b'0'),
        // A serial number may be `12E4`.
        (Some(fraction), Some(power)) => {
            are_digits(fraction) && are_digits(power.strip_prefix(['+', '-']).unwrap_or(power))
        }
        (None, Some(power)) => {
            digits + power.len() + 1 == cell.len()
                && power.strip_prefix('+').is_some_and(are_digits)
        }
        (None, None) => false,
    }
}

/// Tells whether a cell that should be an identifier has quotes around it, or one before it as the apostrophe
/// by which spreadsheets keep a text one, or is a formula; or is a list, as JSON and Parquet have them; or a number as
/// spreadsheets and programs make it of a text of digits.
pub(super) fn is_guarded(cell: &str) -> bool {
    if is_made_number(cell.trim_ascii()) {
        return true;
    }
    if matches!(cell.as_bytes(), [first, .., last] if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
    {
        return false;
    }
    let cell = cell.trim();
    // An apostrophe may end a name; nothing else of these begins or ends one.
    let is_double =
        |letter: char| matches!(letter, '"' | '\u{201c}'..='\u{201f}' | '\u{ab}' | '\u{bb}');
    let is_quote =
        |letter: char| is_double(letter) || matches!(letter, '\'' | '`' | '\u{2018}'..='\u{201b}');
    if cell.len() < 2 {
        return false;
    }
    cell.starts_with(is_quote)
        || cell.ends_with(is_double)
        || cell.starts_with('=')
        || (cell.starts_with('[') && cell.ends_with(']'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_delimiters_and_quotes_goes() {
        for (record, plain) in [
            (r#"a, "b", "c" ,d"#, r#"a,"b","c",d"#),
            (r#" "a","b, c" "#, r#""a","b, c""#),
            (r#"="0042",=1+1,="a""b""#, r#""0042",=1+1,"a""b""#),
            (r#"a "b" c,d"#, r#"a "b" c,d"#),
            ("a , b ", "a , b "),
            ("\"a\" x,\"b\"\n", "\"a\" x,\"b\"\n"),
        ] {
            let shown = undecorated(record.as_bytes(), b',');
            assert_eq!(String::from_utf8_lossy(&shown), plain, "{record}");
        }
        assert_eq!(&*undecorated(b"\"a\"\t\"b\"", b'\t'), b"\"a\"\t\"b\"");
    }
}
