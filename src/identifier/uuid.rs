//! UUIDs: their spellings, made one; the nil UUID is a placeholder.
//!
//! Which kinds are UUIDs is said by `kind`.

use std::borrow::Cow;

use super::kind::Kind;
use super::not_said::is_placeholder;
use super::refusal::Refusal;
use super::text::plain;

const UUID: Refusal = Refusal::Grammar { expected: "a UUID" };
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

pub(super) fn uuid(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    // Nearly every row has the canonical spelling: no other work for it.
    let canonical = if is_canonical_uuid(trimmed) {
        Cow::Borrowed(trimmed)
    } else {
        Cow::Owned(respelled_uuid(&plain(trimmed)?)?)
    };
    let is_nil = canonical.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    if is_nil {
        return Err(Refusal::Placeholder);
    }
    Ok(canonical)
}

fn respelled_uuid(normal: &str) -> Result<String, Refusal> {
    if is_placeholder(Kind::Uid, normal) {
        return Err(Refusal::Placeholder);
    }
    let spelled = normal.strip_prefix("urn:uuid:").unwrap_or(normal);
    let braced = spelled
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let digits = braced.unwrap_or(spelled);
    if is_canonical_uuid(digits) {
        return Ok(digits.to_owned());
    }
    if digits.len() != 32 || !digits.bytes().all(is_lower_hex) {
        return Err(UUID);
    }
    let [a, b, c, d, e] = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    Ok(format!("{a}-{b}-{c}-{d}-{e}"))
}

fn is_canonical_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && HYPHENS.iter().all(|&at| bytes[at] == b'-')
        && bytes
            .iter()
            .map(|&byte| u8::from(is_lower_hex(byte)))
            .sum::<u8>()
            == 32
}

pub(super) fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn every_spelling_of_a_uuid_is_one_value() {
        let canonical = "0f8fad5b-d9cb-469f-a165-70867728950e";
        let spellings = [
            "0F8FAD5B-D9CB-469F-A165-70867728950E",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e",
            "URN:UUID:{0F8FAD5BD9CB469FA16570867728950E}",
            "0f8fad5bd9cb469fa16570867728950e",
            "  0f8fad5b-d9cb-469f-a165-70867728950e ",
        ];
        for kind in [Kind::Uid, Kind::DeviceUid, Kind::CollectorUid] {
            for spelling in spellings {
                assert_eq!(
                    normal(kind, spelling).as_deref(),
                    Some(canonical),
                    "{spelling}"
                );
            }
        }
    }

    #[test]
    fn what_is_nearly_a_uuid_is_none() {
        let texts = [
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5bd9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950g",
            "0f8fad5-bd9cb-469f-a165-70867728950e",
            "{0f8fad5b-d9cb-469f-a165-70867728950e",
            "０f8fad5b-d9cb-469f-a165-70867728950e",
            "{}",
        ];
        for text in texts {
            assert_eq!(refusal(Kind::Uid, text), Some(UUID), "{text}");
        }
    }

    #[test]
    fn the_nil_uuid_is_a_placeholder_in_every_spelling() {
        let nil = "00000000-0000-0000-0000-000000000000";
        for text in [nil, &format!("{{{nil}}}"), &nil.replace('-', "")] {
            assert_eq!(
                refusal(Kind::CollectorUid, text),
                Some(Refusal::Placeholder)
            );
        }
    }
}
