//! How single values are stored: times, SIDs, UUIDs and small numbers, each so that what was exported can be shown again.

use std::borrow::Cow;

/// What the SIDs of a domain begin with, and those of a computer's own accounts.
pub const DOMAIN_SID: &str = "S-1-5-21-";

/// Microseconds of a second.
const MICROSECONDS: i64 = 1_000_000;

/// Returns how a time of a row, in microseconds since 1970 in UTC, is stored: as seconds, or as minus the microseconds where
/// it has a fraction. Exports have whole seconds, which take half the room.
pub fn stored_time(microseconds: i64) -> i64 {
    match microseconds % MICROSECONDS {
        0 => microseconds / MICROSECONDS,
        _ => -microseconds,
    }
}

/// Returns the microseconds of a time that is stored.
pub fn microseconds_of(stored: i64) -> i64 {
    match stored {
        ..0 => stored.saturating_neg(),
        seconds => seconds.saturating_mul(MICROSECONDS),
    }
}

/// Makes small numbers of either sign small ones of none, to be written in few bytes.
pub fn folded(number: i64) -> u64 {
    (number << 1 ^ number >> 63) as u64
}

/// Undoes it.
pub fn unfolded(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Splits the SID of a domain's account into what all of the domain have alike and its own number, from which it can be
/// written again.
pub fn domain_and_rid(sid: &str) -> Option<(&str, u32)> {
    let (domain, rid) = sid.rsplit_once('-')?;
    let is_number = rid.bytes().all(|byte| byte.is_ascii_digit()) && !rid.starts_with('0');
    let is_domain = domain.starts_with(DOMAIN_SID) && is_number;
    is_domain
        .then(|| Some((domain, rid.parse().ok()?)))
        .flatten()
}

/// Returns the number that a SID of a domain is stored as, by the id of the shared text `domain`.
pub fn stored_sid(domain: u32, rid: u32) -> i64 {
    i64::from(domain) << 32 | i64::from(rid)
}

/// Writes what is stored as a number: a shared text, by its id, or the SID of a domain whose own that is.
pub fn shared_text<'a, E>(
    stored: i64,
    text: impl FnOnce(i64) -> Result<Option<Cow<'a, str>>, E>,
) -> Result<Option<Cow<'a, str>>, E> {
    match stored >> 32 {
        0 => text(stored),
        domain => {
            let sid = |domain: Cow<str>| format!("{domain}-{}", stored as u32);
            Ok(text(domain)?.map(|domain| Cow::Owned(sid(domain))))
        }
    }
}

/// Reads the 16 bytes of a UUID in its canonical spelling, in which alone it is stored so.
pub fn uuid_bytes(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    let is_dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    if text.len() != 36 {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (at, byte) in text.iter().enumerate() {
        let digit = match byte {
            b'-' if is_dash(at) => continue,
            _ if is_dash(at) => return None,
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        bytes[digits / 2] = bytes[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(bytes)
}

/// Writes a UUID of which the bytes are stored; what has another length is no UUID.
pub fn uuid_text(bytes: &[u8]) -> Option<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    if bytes.len() != 16 {
        return None;
    }
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (number, byte) in bytes.iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 15)];
        at += 2;
    }
    std::str::from_utf8(&text).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_stored_as_bytes_only_in_the_spelling_that_is_shown() {
        let text = "628bfd60-81f0-4562-aca3-ae5a0f01610d";
        let bytes = uuid_bytes(text).unwrap();
        assert_eq!(uuid_text(&bytes).as_deref(), Some(text));
        for other in [
            "628BFD60-81f0-4562-aca3-ae5a0f01610d",
            "628bfd6081f04562aca3ae5a0f01610d",
            "628bfd60-81f0-4562-aca3-ae5a0f01610",
            "628bfd60-81f0-4562-aca3ae5a0f01610d0",
            "628bfd60-81f0-4562-aca3-ae5a0f01610g",
        ] {
            assert_eq!(uuid_bytes(other), None, "{other}");
        }
        assert_eq!(uuid_text(&bytes[1..]), None);
    }

    #[test]
    fn a_time_is_stored_whole_and_a_fraction_is_kept() {
        for (time, stored) in [
            (0, 0),
            (1, -1),
            (1_000_000, 1),
            (1_795_118_673_000_000, 1_795_118_673),
            (1_795_118_673_250_000, -1_795_118_673_250_000),
            (253_402_300_799_999_999, -253_402_300_799_999_999),
        ] {
            assert_eq!(stored_time(time), stored);
            assert_eq!(microseconds_of(stored), time);
        }
        for number in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(unfolded(folded(number)), number);
        }
    }

    #[test]
    fn a_sid_is_split_only_where_it_can_be_written_again() {
        let sid = "S-1-5-21-1085031214-1563985344-725345543-1101";
        let (domain, rid) = domain_and_rid(sid).unwrap();
        let stored = stored_sid(7, rid);
        let text = |id: i64| Ok::<_, ()>((id == 7).then_some(Cow::Borrowed(domain)));
        assert_eq!(shared_text(stored, text).unwrap().as_deref(), Some(sid));
        for other in [
            "S-1-5-21-1-2-3-01101",
            "S-1-5-21-1-2-3-+1101",
            "S-1-5-21-1-2-3-4294967296",
            "S-1-5-21-1-2-3-",
            "s-1-5-21-1-2-3-1101",
            "S-1-12-1-1-2-3-4",
        ] {
            assert_eq!(domain_and_rid(other), None, "{other}");
        }
    }
}
