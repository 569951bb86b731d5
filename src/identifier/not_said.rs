//! Not said: the words, signs and numbers that stand for "no value", by the lists of `schemas/not_said.toml`.
//!
//! What every column of an export leaves out, no question is asked for either. The nil UUID is the affair of `uuid`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::kind::Kind;
use super::lengths::Lengths;
use super::text::{folded, trimmed};

/// What a column holds, as far as that tells what says nothing in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Column {
    /// Any text.
    #[default]
    Text,
    /// Keys, on one line each.
    Key,
    /// SIDs of accounts, or the ids of their objects in Entra ID; keys, too.
    Sid,
    /// UPNs and emails.
    Identifier,
    /// Times.
    Time,
    /// Serial numbers.
    SerialNumber,
}

/// What says nothing: what the lists have, and what a configuration adds to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotSaid {
    any: BTreeSet<String>,
    time: BTreeSet<String>,
    serial_number: BTreeSet<String>,
}

/// The lists as shipped; only what they have on lines of their own is read, so that lookups need no reader of TOML.
static SHIPPED: LazyLock<NotSaid> = LazyLock::new(|| {
    let mut shipped = NotSaid::default();
    let mut list = None;
    for line in include_str!("../../schemas/not_said.toml").lines() {
        match line.split_once(" = [") {
            Some((name, _)) => list = shipped.list(name),
            None => {
                let text = line.trim().strip_prefix('"');
                let text = text.and_then(|text| text.strip_suffix("\","));
                if let (Some(list), Some(text)) = (list.as_mut(), text) {
                    list.insert(text.replace("\\\\", "\\"));
                }
            }
        }
    }
    shipped
});

/// Nearly every cell is told from what the lists have by these.
static LENGTHS: LazyLock<[Lengths; 2]> = LazyLock::new(|| {
    let lists = [&SHIPPED.any, &SHIPPED.serial_number];
    let [mut any, serial_number] = lists.map(|list| Lengths::of(list.iter().map(String::as_str)));
    RULER.iter().for_each(|sign| any.add_all_between(*sign));
    [any, serial_number]
});

/// Signs of which rulers are made.
const RULER: &[u8] = b"-=_~*#.+?";

impl Column {
    /// Tells whether it holds keys.
    pub fn is_key(self) -> bool {
        matches!(self, Column::Key | Column::Sid)
    }

    /// Tells whether it holds identifiers.
    pub fn is_identifier(self) -> bool {
        self.is_key() || matches!(self, Column::Identifier | Column::SerialNumber)
    }
}

impl NotSaid {
    /// Adds a text to a list by its name; tells whether there is such a list.
    pub fn add(&mut self, name: &str, text: &str) -> bool {
        let text = match name {
            "serial_number" => letters_and_digits(text, &mut [0; PLACE_BYTES]).into_owned(),
            _ => lower(text),
        };
        self.list(name).map(|list| list.insert(text)).is_some()
    }

    fn list(&mut self, name: &str) -> Option<&mut BTreeSet<String>> {
        match name {
            "any" => Some(&mut self.any),
            "time" => Some(&mut self.time),
            "serial_number" => Some(&mut self.serial_number),
            _ => None,
        }
    }

    /// Tells whether a cell of a column says nothing, though it is not empty.
    #[inline]
    pub fn covers(&self, column: Column, cell: &str) -> bool {
        let cell = trimmed(cell);
        if says_nothing(cell) || (!self.any.is_empty() && self.any.contains(&lower(cell))) {
            return true;
        }
        match column {
            Column::Text | Column::Key | Column::Sid | Column::Identifier => false,
            // Nearly every time is of this century, and none of the lists'.
            Column::Time if cell.starts_with("20") && self.time.is_empty() => false,
            Column::Time => self.covers_time(cell),
            Column::SerialNumber => self.covers_serial_number(cell),
        }
    }

    fn covers_time(&self, cell: &str) -> bool {
        let lower = lower(cell);
        let has = |list: &NotSaid| list.time.contains(&lower);
        is_zero_date(&lower) || has(&SHIPPED) || has(self)
    }

    fn covers_serial_number(&self, cell: &str) -> bool {
        let mut place = [0; PLACE_BYTES];
        let plain = letters_and_digits(cell, &mut place);
        is_no_serial_number(&plain) || self.serial_number.contains(&*plain)
    }
}

/// Tells whether a text, without white space around it, says nothing in any column.
#[inline]
pub(crate) fn says_nothing(text: &str) -> bool {
    let [any, _] = &*LENGTHS;
    any.may_have(text) && is_in_list_of_any(text)
}

/// Apart, so that what comes before it stays small: nearly no text comes so far.
#[cold]
fn is_in_list_of_any(text: &str) -> bool {
    is_ruler(text) || SHIPPED.any.contains(&text.to_ascii_lowercase())
}

/// Tells whether a text is one sign over and over, as in the line that `sqlcmd` and others draw below a header.
fn is_ruler(text: &str) -> bool {
    let [first, second, ..] = text.as_bytes() else {
        return false;
    };
    first == second && RULER.contains(first) && text.bytes().all(|byte| byte == *first)
}

pub(super) fn is_placeholder(kind: Kind, normal: &str) -> bool {
    says_nothing(normal)
        || match kind {
            Kind::AccountName => are_all_parts_unsaid(normal),
            Kind::BareName | Kind::Domain | Kind::DeviceName | Kind::ShortName => {
                is_no_name(normal)
            }
            Kind::SerialNumber => {
                is_no_serial_number(&letters_and_digits(normal, &mut [0; PLACE_BYTES]))
            }
            // People have such initials.
            _ => is_no_name(normal) || normal == "na",
        }
}

/// Tells whether neither an account nor its domain has a name. Nearly every first part has one.
fn are_all_parts_unsaid(normal: &str) -> bool {
    let is_unsaid = |part: &str| says_nothing(part) || is_no_name(part);
    let mut bytes = normal.bytes();
    let end = bytes.position(|byte| matches!(byte, b'@' | b'\\'));
    is_unsaid(&normal[..end.unwrap_or(normal.len())]) && normal.split(['@', '\\']).all(is_unsaid)
}

/// Signs that nobody is called.
fn is_no_name(normal: &str) -> bool {
    matches!(normal, "*" | "?" | "0" | ".")
}

/// Texts are compared as all others are; one that holds what identifiers must not have is in no list.
fn lower(text: &str) -> String {
    folded(text).unwrap_or_default().into_owned()
}

/// Bytes of a serial number that are looked at in place: those of nearly every one.
const PLACE_BYTES: usize = 64;

/// Returns the letters and digits of a text in lower case, in a place of its own where they find room there: a copy of each
/// serial number would cost more than all that is asked of it.
fn letters_and_digits<'p>(text: &str, place: &'p mut [u8; PLACE_BYTES]) -> Cow<'p, str> {
    if !text.is_ascii() || text.len() > PLACE_BYTES {
        let lower = folded(text).unwrap_or(Cow::Borrowed(text));
        let letters = lower.chars().filter(|letter| letter.is_alphanumeric());
        return Cow::Owned(letters.collect());
    }
    let mut length = 0;
    for byte in text.bytes().filter(u8::is_ascii_alphanumeric) {
        place[length] = byte.to_ascii_lowercase();
        length += 1;
    }
    Cow::Borrowed(std::str::from_utf8(&place[..length]).unwrap_or_default())
}

/// Tells whether the letters and digits of a serial number are what firmware holds where nobody wrote one.
fn is_no_serial_number(plain: &str) -> bool {
    /// Serial numbers that are shorter are counts, not numbers of machines.
    const SHORTEST: usize = 4;
    /// An x that stands so often beside itself stands for other letters. Those of hexadecimal numbers do by chance.
    const REPEATED: usize = 5;
    let [_, serial_number] = &*LENGTHS;
    let (mut letters, mut alike, mut most_alike, mut is_one_letter) = (0, 0, 0, true);
    let mut before = None;
    for letter in plain.chars() {
        let is_same = before.replace(letter).is_none_or(|before| before == letter);
        letters += 1;
        is_one_letter &= is_same;
        alike = if is_same { alike + 1 } else { 1 };
        if letter == 'x' {
            most_alike = alike.max(most_alike);
        }
    }
    letters < SHORTEST
        || is_one_letter
        || most_alike >= REPEATED
        || is_run_of_digits(plain)
        || names_itself(plain)
        || plain
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte == b'0'))
        || (serial_number.may_have(plain) && SHIPPED.serial_number.contains(plain))
}

/// Tells whether a text has the words of the form in it. In a text so short, a search costs less than to prepare one.
fn names_itself(plain: &str) -> bool {
    const WORDS: &[u8] = b"serialnumber";
    let mut places = plain.as_bytes().windows(WORDS.len());
    places.any(|place| place[0] == WORDS[0] && place == WORDS)
}

/// `123456789`, `9876543210`, `1234567890000`, also behind the letters that firmware writes before them; of all ten digits behind
/// whichever letters. `SN0000`, too.
fn is_run_of_digits(plain: &str) -> bool {
    const BEFORE: [&str; 9] = [
        "", "sn", "sys", "bsn", "bss", "mb", "asset", "chassis", "0x",
    ];
    let letters = plain.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (before, digits) = plain.split_at(letters);
    let digits = digits.as_bytes();
    if digits.len() < 3 || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let zeros = digits.iter().rev().take_while(|digit| **digit == b'0');
    let counted = &digits[..digits.len() - zeros.count()];
    let is_next = |pair: &[u8], step: u8| (pair[0] - b'0' + step) % 10 == pair[1] - b'0';
    let is_run = |step| counted.windows(2).all(|pair| is_next(pair, step));
    let is_in_order = counted.len() >= 3 && (is_run(1) || is_run(9));
    match BEFORE.contains(&before) {
        true => counted.is_empty() || is_in_order,
        false => digits.len() >= 10 && counted.len() >= 9 && is_in_order,
    }
}

/// The dates that programs write for "no time".
fn is_zero_date(lower: &str) -> bool {
    /// Of .NET, Windows, Unix, Excel, SQL Server, and the end of all times.
    const ZEROS: [&str; 8] = [
        "0000-00-00",
        "0001-01-01",
        "1601-01-01",
        "1899-12-30",
        "1899-12-31",
        "1900-01-00",
        "1900-01-01",
        "9999-12-31",
    ];
    let date = lower.split_at_checked(10).map_or(lower, |(date, _)| date);
    // In other zones the first second of Unix and Windows is another hour, or the day before: nothing was seen so early.
    ZEROS.contains(&date) || matches!(date, "1600-12-31" | "1969-12-31" | "1970-01-01")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Refusal;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn placeholders_are_no_values() {
        for kind in Kind::ALL {
            for text in [
                "-", "N/A", "Unknown", "none", "nil", "(null)", " NULL ", "\\N", "--------", "====",
            ] {
                assert_eq!(
                    refusal(kind, text),
                    Some(Refusal::Placeholder),
                    "{kind:?} {text}"
                );
            }
        }
    }

    #[test]
    fn odd_names_are_names() {
        for text in ["na", "001", "1e5", "true", "nano", "unknown2"] {
            assert_eq!(normal(Kind::AccountName, text).as_deref(), Some(text));
            assert_eq!(normal(Kind::DeviceName, text).as_deref(), Some(text));
        }
        assert!(normal(Kind::AccountName, "null@EMEA").is_some());
        for text in ["unknown\\unknown", "n/a@n/a", "-@-"] {
            assert_eq!(normal(Kind::AccountName, text), None, "{text}");
        }
    }

    #[test]
    fn serial_numbers_that_firmware_invents_are_not_said() {
        for text in [
            "To be filled by O.E.M.",
            "Default string",
            "System Serial Number",
            "Not Specified",
            "00000000",
            "FFFF-FFFF",
            "....",
            "None",
            "123456789",
            "SYS-9876543210",
            "SN-1234567890",
            "CHANGEME",
            "Not Filled",
            "Empty Serial",
            "ABCDEFGHIJ",
            "123456789000",
            "xxxxxxxxxxx",
            "PF0XXXXX",
            "oem default string inject xxxxxxxxxx",
            "BSN12345678901234567",
            "MB-1234567890",
            "SN0000",
            "NB-1234567890",
            "0123456789ABCDEF",
            "03000200-0400-0500-0006-000700080009",
            "Fill By OEM",
            "ABC123",
            "12345",
            "1",
            "/",
        ] {
            assert_eq!(
                refusal(Kind::SerialNumber, text),
                Some(Refusal::Placeholder),
                "{text}"
            );
        }
        for text in [
            "5CG1234XYZ",
            "7XK2M34",
            "PF4XK0QZ",
            "C02G8416Q05D",
            "1000234",
            "MXL1234567",
            "PF12345678",
            "MXL0000",
            "VMware-42 1a 7c 55",
        ] {
            assert!(normal(Kind::SerialNumber, text).is_some(), "{text}");
        }
    }

    #[test]
    fn zero_dates_say_nothing_in_columns_of_times_alone() {
        let not_said = NotSaid::default();
        for text in [
            "never",
            "1601-01-01 00:00:00",
            "0001-01-01T00:00:00Z",
            "1970-01-01",
            "1970-01-01 00:00:00",
            "1970-01-01 01:00:00",
            "1969-12-31T19:00:00",
            "9999-12-31",
        ] {
            assert!(not_said.covers(Column::Time, text), "{text}");
            assert!(!not_said.covers(Column::Text, text), "{text}");
        }
        for text in ["1970-01-02 00:00:01", "2026-11-20 05:00:00", ""] {
            assert!(!not_said.covers(Column::Time, text), "{text}");
        }
    }

    #[test]
    fn a_configuration_adds_to_the_lists() {
        let mut not_said = NotSaid::default();
        assert!(not_said.add("any", "k. A."));
        assert!(not_said.add("serial_number", "Test-Serial"));
        assert!(!not_said.add("names", "x"));
        assert!(not_said.covers(Column::Text, " K. a. "));
        assert!(not_said.covers(Column::SerialNumber, "TEST SERIAL"));
        assert!(!not_said.covers(Column::Text, "TEST SERIAL"));
    }

    #[cfg(feature = "ingest")]
    #[test]
    fn the_lists_are_what_a_reader_of_toml_reads() {
        use std::collections::BTreeMap;
        let text = include_str!("../../schemas/not_said.toml");
        let lists: BTreeMap<String, Vec<String>> = toml::from_str(text).expect("the list is TOML");
        let mut all = NotSaid::default();
        for (name, texts) in lists {
            for text in texts {
                assert!(all.add(&name, &text), "{name}");
            }
        }
        assert_eq!(all, *SHIPPED);
    }
}
