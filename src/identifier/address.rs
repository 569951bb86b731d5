//! Addresses, `local@suffix`: what mail addresses and UPNs have in common, the suffix as DNS writes it.
//!
//! What a UPN is beyond that is the affair of `upn`.

use std::borrow::Cow;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use super::refusal::Refusal;

pub(super) const ADDRESS: Refusal = Refusal::Grammar {
    expected: "local@suffix",
};

/// Takes off what mail programs and directories wrap around an address.
pub(super) fn bare_address(normal: &str) -> &str {
    let mut address = normal;
    loop {
        let bracketed = address
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'));
        let schemed = || {
            address
                .strip_prefix("mailto:")
                .or_else(|| address.strip_prefix("smtp:"))
        };
        match bracketed.or_else(schemed) {
            Some(inner) => address = inner.trim(),
            None => return address,
        }
    }
}

/// Checks `local@suffix` and writes the suffix as DNS does; the local part is kept as it is.
///
/// A quoted local part (`"john doe"@example.com`) is refused: no directory exports one.
pub(super) fn address(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    let at = normal
        .bytes()
        .position(|byte| byte == b'@')
        .ok_or(ADDRESS)?;
    let (local, suffix) = (&normal[..at], &normal[at + 1..]);
    if !is_local_part(local) {
        return Err(ADDRESS);
    }
    let rewritten = ascii_suffix(suffix)?.map(|ascii| format!("{local}@{ascii}"));
    Ok(rewritten.map_or(normal, Cow::Owned))
}

/// Not empty, and nothing that would need quotes in a mail address.
fn is_local_part(local: &str) -> bool {
    let is_special = |byte: u8| matches!(byte, b' ' | b'"' | b'(' | b')' | b',' | b':'..=b'<' | b'>' | b'['..=b']');
    let has_space = || !local.is_ascii() && local.contains(char::is_whitespace);
    !local.is_empty() && !local.bytes().any(is_special) && !has_space()
}

/// Returns the suffix in ASCII by UTS 46; none when it is so already.
fn ascii_suffix(suffix: &str) -> Result<Option<String>, Refusal> {
    // Nearly every suffix has no hyphen: to search for one costs less than for four signs.
    let is_encoded = suffix.contains('-') && suffix.contains("xn--");
    if suffix.is_ascii() && !is_encoded {
        return has_plain_labels(suffix).then_some(None).ok_or(ADDRESS);
    }
    let uts46 = Uts46::new();
    let bytes = suffix.as_bytes();
    let ascii = uts46.to_ascii(
        bytes,
        AsciiDenyList::EMPTY,
        Hyphens::Allow,
        DnsLength::Ignore,
    );
    let ascii = ascii
        .ok()
        .filter(|ascii| has_plain_labels(ascii))
        .ok_or(ADDRESS)?;
    let (unicode, _) = uts46.to_unicode(bytes, AsciiDenyList::EMPTY, Hyphens::Allow);
    if !keeps_its_letters(suffix, &ascii, &unicode) {
        return Err(Refusal::Character);
    }
    Ok((ascii != suffix).then(|| ascii.into_owned()))
}

/// Labels as DNS and Active Directory have them (`_` included): 1 to 63 bytes between the dots.
fn has_plain_labels(suffix: &str) -> bool {
    let mut length = 0;
    for byte in suffix.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' if length < 63 => length += 1,
            b'.' if length > 0 => length = 0,
            _ => return false,
        }
    }
    length > 0
}

/// Answers whether IDNA has only encoded the suffix, label by label.
///
/// Its mapping also folds `ſ` to `s` and full-width letters to ASCII ones. That suits a browser;
/// here, a value with such a letter must not become its look-alike.
fn keeps_its_letters(suffix: &str, ascii: &str, unicode: &str) -> bool {
    let kept = |(given, (ascii, unicode)): (&str, (&str, &str))| given == ascii || given == unicode;
    let count = suffix.split('.').count();
    let labels = ascii.split('.').zip(unicode.split('.'));
    count == ascii.split('.').count() && suffix.split('.').zip(labels).all(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Kind;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn a_suffix_in_unicode_and_its_ascii_form_are_one() {
        let ascii = Some("jürgen@xn--bcher-kva.example");
        for kind in [Kind::Upn, Kind::Email] {
            for text in [
                "JÜRGEN@BÜCHER.example",
                "jürgen@xn--bcher-kva.EXAMPLE",
                "jürgen@bu\u{308}cher.example",
            ] {
                assert_eq!(normal(kind, text).as_deref(), ascii, "{text}");
            }
            assert_eq!(
                normal(kind, "a@straße.example").as_deref(),
                Some("a@xn--strae-oqa.example")
            );
        }
    }

    #[test]
    fn a_suffix_never_becomes_its_look_alike() {
        for suffix in [
            "contoſo.com",
            "ｃontoso.com",
            "contoso。com",
            "bü\u{FF41}.com",
            "İ.com",
            "①.com",
        ] {
            let text = format!("jdoe@{suffix}");
            assert_eq!(
                refusal(Kind::Upn, &text),
                Some(Refusal::Character),
                "{text}"
            );
        }
    }

    #[test]
    fn an_address_needs_two_sound_parts() {
        let long_label = format!("a@{}.com", "x".repeat(64));
        let texts = [
            "jdoe",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b c",
            "a@.",
            "a@b.",
            "a@b..c",
            "a@[10.0.0.1]",
            "a@xn--a.com",
            "a@xn--zca-.com",
            "Jane <jane@contoso.com>",
            r"EMEA\a@b",
            &long_label,
        ];
        for kind in [Kind::Upn, Kind::Email] {
            for text in texts {
                assert_eq!(refusal(kind, text), Some(ADDRESS), "{kind:?} {text}");
            }
            assert_eq!(normal(kind, "JDoe@corp").as_deref(), Some("jdoe@corp"));
            assert!(normal(kind, "o'neil#ext#@MAXON_IES.local").is_some());
        }
    }

    #[test]
    fn a_mail_address_is_unwrapped_and_keeps_its_tag() {
        for text in [
            "mailto:J+x@C.com",
            "SMTP:j+x@c.com",
            "smtp:j+x@c.com",
            "<j+x@c.com>",
            "MailTo:<j+x@c.com>",
        ] {
            assert_eq!(
                normal(Kind::Email, text).as_deref(),
                Some("j+x@c.com"),
                "{text}"
            );
        }
        assert_eq!(refusal(Kind::Email, "mailto:"), Some(Refusal::Empty));
        assert_eq!(refusal(Kind::Email, "<none>"), Some(Refusal::Placeholder));
        assert_eq!(refusal(Kind::Upn, "smtp:j@c.com"), Some(ADDRESS));
    }
}
