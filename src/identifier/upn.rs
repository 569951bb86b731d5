//! User principal names: addresses, unless the collector hashed them.
//!
//! What an address looks like is the affair of `address`.

use std::borrow::Cow;

use super::address::address;
use super::refusal::Refusal;
use super::uuid::is_lower_hex;

/// An address, unless it looks like the output of the collector's hashing.
///
/// Inferred: the documentation says that UPNs can be hashed, not how the result looks. Taken for
/// hashed are a local part that is a digest (hexadecimal of a usual length, or padded Base64), and
/// a text without `@` that is one, or is 22 or more Base64 characters with letters and digits.
/// The second sort would be refused anyway; the distinction lets a report name the cause.
pub(super) fn upn(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let is_hashed = match normal.split_once('@') {
        Some((local, _)) => is_hash(local),
        None => is_hash(&normal) || is_long_token(&normal),
    };
    if is_hashed {
        return Err(Refusal::Hashed);
    }
    address(normal)
}

/// Tells whether a text in lower case is a digest, as hexadecimal digits or as padded Base64.
pub(crate) fn is_hash(text: &str) -> bool {
    // MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512.
    let is_hex =
        matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) && text.bytes().all(is_lower_hex);
    // 16 bytes, the shortest digest in use, make 24 characters.
    let is_padded = text.len() >= 24 && text.len().is_multiple_of(4) && text.ends_with('=');
    is_hex || (is_padded && text.bytes().all(is_base64))
}

fn is_long_token(text: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| text.as_bytes().iter().any(wanted);
    text.len() >= 22
        && text.bytes().all(is_base64)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_lowercase)
}

/// Either alphabet, of a text that has been lower-cased.
fn is_base64(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Kind;
    use crate::identifier::address::ADDRESS;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn a_hashed_upn_is_recognised() {
        let sha1 = "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709";
        let hashed = [
            sha1,
            &format!("{sha1}@contoso.com"),
            "d41d8cd98f00b204e9800998ecf8427e@contoso.com",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU",
        ];
        for text in hashed {
            assert_eq!(refusal(Kind::Upn, text), Some(Refusal::Hashed), "{text}");
        }
        for text in [
            "0f8fad5b-d9cb-469f-a165-70867728950e@contoso.com",
            "deadbeef@contoso.com",
        ] {
            assert!(normal(Kind::Upn, text).is_some(), "{text}");
        }
        assert_eq!(refusal(Kind::Upn, "JohnDoe"), Some(ADDRESS));
    }
}
