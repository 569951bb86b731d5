//! Text: CSV records, and how names, numbers and times are written in them.

use std::io::{self, Write};

use super::DAY_SECONDS;

/// One CSV record; no value has a quote in it.
#[derive(Default)]
pub(super) struct Row(Vec<u8>);

impl Row {
    pub(super) fn field(&mut self, value: impl FnOnce(&mut Vec<u8>)) {
        self.0
            .extend_from_slice(if self.0.is_empty() { b"\"" } else { b",\"" });
        value(&mut self.0);
        self.0.push(b'"');
    }

    pub(super) fn text(&mut self, value: &str) {
        self.field(|text| push(text, value));
    }

    pub(super) fn texts(&mut self, values: &[&str]) {
        values.iter().for_each(|value| self.text(value));
    }

    pub(super) fn header(&mut self, columns: &[&str]) -> &mut Row {
        self.texts(columns);
        self
    }

    pub(super) fn write_to(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.0.push(b'\n');
        out.write_all(&self.0)?;
        self.0.clear();
        Ok(())
    }
}

pub(super) fn push(text: &mut Vec<u8>, value: &str) {
    text.extend_from_slice(value.as_bytes());
}

/// Lower case, without accents, as directories make login names.
pub(super) fn push_ascii_lower(text: &mut Vec<u8>, value: &str) {
    text.extend(value.chars().filter_map(|letter| {
        match letter {
            'á' => Some(b'a'),
            'ć' => Some(b'c'),
            'é' | 'ë' => Some(b'e'),
            'Ł' => Some(b'l'),
            'ñ' => Some(b'n'),
            'ø' => Some(b'o'),
            'Š' => Some(b's'),
            'ü' => Some(b'u'),
            _ => letter
                .is_ascii_alphabetic()
                .then_some(letter.to_ascii_lowercase() as u8),
        }
    }));
}

pub(super) fn push_number(text: &mut Vec<u8>, number: u32) {
    push_padded(text, number.into(), 1);
}

pub(super) fn push_part(text: &mut Vec<u8>, number: u32) {
    text.push(b'-');
    push_number(text, number);
}

/// Decimal digits, with zeros in front up to `width`; written by hand because `write!` took half of the time.
pub(super) fn push_padded(text: &mut Vec<u8>, mut number: u64, width: usize) {
    let start = text.len();
    while number > 0 || text.len() < start + width {
        text.push(b'0' + (number % 10) as u8);
        number /= 10;
    }
    text[start..].reverse();
}

/// The low `width` digits.
pub(super) fn push_hex(text: &mut Vec<u8>, number: u64, width: u32) {
    text.extend(
        (0..width)
            .rev()
            .map(|digit| b"0123456789abcdef"[(number >> (4 * digit) & 15) as usize]),
    );
}

/// `2026-08-14 12:16:03`, in UTC.
pub(super) fn push_time(text: &mut Vec<u8>, seconds: u64) {
    let (year, month, day) = civil(seconds / DAY_SECONDS);
    let second = seconds % DAY_SECONDS;
    push_padded(text, year, 4);
    let parts = [
        (b'-', month),
        (b'-', day),
        (b' ', second / 3_600),
        (b':', second / 60 % 60),
        (b':', second % 60),
    ];
    for (mark, part) in parts {
        text.push(mark);
        push_padded(text, part, 2);
    }
}

/// Year, month and day of a day since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::words::{FIRST_NAMES, LAST_NAMES};

    #[test]
    fn every_accented_letter_of_a_name_has_a_plain_form() {
        for name in FIRST_NAMES.iter().chain(&LAST_NAMES) {
            let mut plain = Vec::new();
            push_ascii_lower(&mut plain, name);
            let letters = name.chars().filter(|letter| letter.is_alphabetic());
            assert_eq!(plain.len(), letters.count(), "{name}");
        }
    }
}
