//! Security identifiers: their form, which of them lookups find, and which are keys.
//!
//! Whether a row shows that a SID is local to one device is for the caller to know.

use super::kind::Kind;
use super::normal_form;
use super::refusal::Refusal;

pub(super) const SID: Refusal = Refusal::Grammar {
    expected: "S-1-5-21-…",
};

const DOMAIN_SID: &str = "s-1-5-21-";
const ENTRA_SID: &str = "s-1-12-1-";

/// Answers whether a normal SID is one that lookups find: that of a domain, a machine or Entra ID.
///
/// The others (`S-1-5-18` and its like) are the same on every machine.
pub fn is_indexed_sid(normal: &str) -> bool {
    normal.starts_with(DOMAIN_SID) || normal.starts_with(ENTRA_SID)
}

/// Answers whether a normal SID has the form of a key: `S-1-12-1-…` with four numbers, or
/// `S-1-5-21-a-b-c-RID` with RID ≥ 1000.
///
/// The form cannot tell a domain's SID from a machine's: whether a row shows it to be local is
/// for the caller to know. A number with leading zeros or above 32 bits makes it no key, because
/// Windows writes neither.
pub fn is_key_sid(normal: &str) -> bool {
    if let Some(rest) = normal.strip_prefix(DOMAIN_SID) {
        // RIDs below 1000 are built in (Administrator is 500): each domain has the same ones.
        return four_numbers(rest).is_some_and(|[.., rid]| rid >= 1000);
    }
    let rest = normal.strip_prefix(ENTRA_SID);
    rest.and_then(four_numbers).is_some()
}

/// Answers whether a normal SID is that of an account which every Windows computer has of itself: SYSTEM and the other two
/// services, the web server's, virtual accounts of services, application pools and virtual machines, and of the window manager;
/// or a group that is built in.
pub fn is_built_in_sid(normal: &str) -> bool {
    // As nearly all have.
    if normal.starts_with(DOMAIN_SID) {
        return false;
    }
    let Some(rest) = normal.strip_prefix("s-1-5-") else {
        // Everyone.
        return normal == "s-1-1-0";
    };
    let authority = rest.split('-').next().unwrap_or_default();
    match authority {
        "7" | "17" | "18" | "19" | "20" => authority.len() == rest.len(),
        "32" | "80" | "82" | "83" | "90" | "94" | "96" => authority.len() < rest.len(),
        _ => false,
    }
}

/// Returns the SID that an object of Entra ID has on its computers, `S-1-12-1-…` in normal form: its id, a UUID in any usual
/// spelling, as four numbers, in the order in which Windows keeps the bytes of a UUID. A text that is no UUID has none.
pub fn entra_sid(text: &str) -> Option<String> {
    let uuid = normal_form(Kind::Uid, text).ok()?;
    let hex: String = uuid.chars().filter(|letter| *letter != '-').collect();
    let number = |from: usize, to: usize| u32::from_str_radix(hex.get(from..to)?, 16).ok();
    let first = number(0, 8)?;
    let words = number(12, 16)? << 16 | number(8, 12)?;
    let [third, fourth] = [number(16, 24)?, number(24, 32)?].map(u32::swap_bytes);
    Some(format!("{ENTRA_SID}{first}-{words}-{third}-{fourth}"))
}

/// `S` and 2 to 10 numbers, as the official API describes `user.sid`.
pub(super) fn is_sid(normal: &str) -> bool {
    let Some(numbers) = normal.strip_prefix('s') else {
        return false;
    };
    let (mut count, mut is_open) = (0, false);
    for byte in numbers.bytes() {
        match byte {
            b'-' if !is_open => (count, is_open) = (count + 1, true),
            b'0'..=b'9' if count > 0 => is_open = false,
            _ => return false,
        }
    }
    !is_open && (2..=10).contains(&count)
}

/// Four numbers with a hyphen between each two, as Windows writes them: digits, no leading zero, 32 bits.
fn four_numbers(text: &str) -> Option<[u32; 4]> {
    let mut numbers = [0_u32; 4];
    let (mut at, mut digits) = (0, 0);
    for byte in text.bytes() {
        let is_zero_in_front = digits == 1 && numbers[at] == 0;
        match byte {
            b'0'..=b'9' if !is_zero_in_front => {
                let number = numbers[at].checked_mul(10)?;
                numbers[at] = number.checked_add(u32::from(byte - b'0'))?;
                digits += 1;
            }
            b'-' if digits > 0 && at < 3 => (at, digits) = (at + 1, 0),
            _ => return None,
        }
    }
    (at == 3 && digits > 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Kind;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn a_sid_is_accepted_in_any_case_and_only_whole() {
        let sid = "S-1-5-21-1004336348-1177238915-682003330-1001";
        assert_eq!(normal(Kind::Sid, sid), Some(sid.to_ascii_lowercase()));
        assert!(normal(Kind::Sid, "s-1-5-18").is_some());
        assert!(normal(Kind::Sid, "S-1-2-3-4-5-6-7-8-9-10").is_some());
        for text in [
            "S",
            "S-1",
            "S-1-",
            "S--1-5",
            "S-1-5-x",
            "S-1-5-21 ",
            "1-5-21",
            "S-1-2-3-4-5-6-7-8-9-10-11",
        ] {
            let expected = if text == "S-1-5-21 " { None } else { Some(SID) };
            assert_eq!(refusal(Kind::Sid, text), expected, "{text}");
        }
        assert_eq!(refusal(Kind::Sid, "ſ-1-5-21"), Some(SID));
        assert_eq!(refusal(Kind::Sid, "S-1-5-２１"), Some(SID));
    }

    #[test]
    fn the_id_of_an_entra_object_is_its_sid() {
        // The bytes of a UUID on Windows are d1 d1 d1 d1 | d2 d2 | d3 d3 | in order; numbers are little-endian.
        let sid = entra_sid("3aaed951-01c7-44c4-a039-3561d80a289e");
        assert_eq!(
            sid.as_deref(),
            Some("s-1-12-1-984537425-1153696199-1630878112-2653424344")
        );
        assert_eq!(entra_sid("3aaed951"), None);
        assert!(is_key_sid(
            "s-1-12-1-984537425-1153696199-1630878112-2653424344"
        ));
    }

    #[test]
    fn accounts_of_every_computer_are_told_by_their_sids() {
        for sid in [
            "s-1-5-18",
            "s-1-5-19",
            "s-1-5-20",
            "s-1-5-80-1-2-3-4-5",
            "s-1-5-90-0-1",
            "s-1-5-96-0-0",
            "s-1-5-17",
            "s-1-5-32-544",
            "s-1-5-94-1",
            "s-1-1-0",
        ] {
            assert!(is_built_in_sid(sid), "{sid}");
        }
        for sid in ["s-1-5-21-1-2-3-1001", "s-1-5-180", "s-1-5-80", "s-1-5-18-1"] {
            assert!(!is_built_in_sid(sid), "{sid}");
        }
    }

    #[test]
    fn only_domain_and_entra_sids_are_indexed() {
        assert!(is_indexed_sid("s-1-5-21-1-2-3-500"));
        assert!(is_indexed_sid("s-1-12-1-1-2-3-4"));
        assert!(!is_indexed_sid("s-1-5-18"));
        assert!(!is_indexed_sid("s-1-5-210-1"));
    }

    #[test]
    fn a_key_sid_has_four_canonical_numbers_and_a_rid_of_its_own() {
        for key in [
            "s-1-5-21-1-2-3-1000",
            "s-1-5-21-0-2-4294967295-1001",
            "s-1-12-1-1-2-3-4",
        ] {
            assert!(is_key_sid(key), "{key}");
        }
        let others = [
            "s-1-5-21-1-2-3-999",
            "s-1-5-21-1-2-3-01000",
            "s-1-5-21-01-2-3-1000",
            "s-1-5-21-1-2-3-4294967296",
            "s-1-5-21-1-2-3-99999999999999999999999",
            "s-1-5-21-1-2-3",
            "s-1-5-21-1-2-3-4-1000",
            "s-1-5-21-1-2-3-+1000",
            "s-1-5-21-1-2-3-",
            "s-1-12-1-1-2-3",
            "s-1-12-1-1-2-3-4-5",
            "s-1-5-18",
            "",
        ];
        for other in others {
            assert!(!is_key_sid(other), "{other}");
        }
    }
}
