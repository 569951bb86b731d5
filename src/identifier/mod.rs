//! Identifiers: the values by which accounts and devices are found, and the one normal form of each.
//!
//! Ingest and lookup both call [`normal_form`], so a value is filed and sought under the same bytes.
//! It refuses rather than repairs: a value with a dangerous character, a placeholder or a value that
//! is not of its kind has no normal form. Which subject a value belongs to, and how strong a
//! proof it is, is decided elsewhere.
//!
//! The way of a text: `text` makes it what all kinds have in common, `not_said` tells what stands for no value (`lengths` tell
//! most texts from those of a list at a glance), then
//! the file of its kind checks and rewrites it. `hash` is what the index files it under, `look_alike` what it may be
//! taken for.

mod kind;
mod refusal;

mod lengths;
mod not_said;
mod text;

mod account_name;
mod address;
mod device_name;
#[cfg(any(feature = "live", feature = "cli"))]
mod shown;
mod sid;
mod upn;
mod uuid;
#[cfg(feature = "ingest")]
mod words;

mod hash;
mod look_alike;
#[cfg(feature = "cli")]
mod naming;

use std::borrow::Cow;

use self::account_name::{account_name, without_provider};
pub use self::account_name::{domain, is_provider, sam};
use self::address::{address, bare_address};
pub use self::device_name::short_name;
use self::device_name::without_root_dot;
#[cfg(feature = "ingest")]
pub(crate) use self::hash::hash_bytes128;
pub use self::hash::hash128;
pub use self::kind::Kind;
#[cfg(feature = "ingest")]
pub(crate) use self::lengths::Lengths;
pub use self::look_alike::ascii_skeleton;
#[cfg(feature = "cli")]
pub(crate) use self::naming::Naming;
use self::not_said::is_placeholder;
pub(crate) use self::not_said::says_nothing;
pub use self::not_said::{Column, NotSaid};
pub use self::refusal::Refusal;
#[cfg(feature = "cli")]
pub(crate) use self::shown::is_steering;
#[cfg(any(feature = "live", feature = "cli"))]
pub(crate) use self::shown::printable;
use self::sid::{SID, is_sid};
pub use self::sid::{entra_sid, is_built_in_sid, is_indexed_sid, is_key_sid};
pub use self::text::folded;
#[cfg(feature = "ingest")]
pub(crate) use self::text::is_hidden;
use self::text::{plain, trimmed};
#[cfg(feature = "ingest")]
pub(crate) use self::upn::is_hash;
use self::upn::upn;
use self::uuid::uuid;
#[cfg(feature = "ingest")]
pub(crate) use self::words::words;

/// Returns the normal form of `text` as an identifier of `kind`.
///
/// Two texts are the same identifier when their normal forms are equal; the normal form of a normal
/// form is itself. Borrows from `text` when at most its ends are dropped: an ASCII text that
/// is already normal allocates nothing.
///
/// # Errors
/// Says why `text` is not an identifier of this kind.
///
/// # Examples
/// ```
/// use identidex::identifier::{Kind, Refusal, normal_form};
///
/// assert_eq!(normal_form(Kind::AccountName, r"EMEA\JDoe").as_deref(), Ok("jdoe@emea"));
/// assert_eq!(normal_form(Kind::Upn, "n/a"), Err(Refusal::Placeholder));
/// ```
pub fn normal_form(kind: Kind, text: &str) -> Result<Cow<'_, str>, Refusal> {
    let limit = kind.max_bytes();
    let within = |length: usize| {
        (length <= limit)
            .then_some(())
            .ok_or(Refusal::TooLong { limit })
    };
    within(text.len())?;
    let trimmed = trimmed(text);
    if trimmed.is_empty() {
        return Err(Refusal::Empty);
    }
    let normal = match kind {
        kind if kind.is_uuid() => uuid(trimmed)?,
        _ => value(kind, trimmed)?,
    };
    // Composition, lower-casing and Punycode can lengthen a text: without this second look, a
    // normal form could be refused when it comes back.
    within(normal.len())?;
    Ok(normal)
}

/// Every kind but the UUIDs: the normal form that all share, then the kind's own rules.
fn value(kind: Kind, trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    let normal = match kind {
        Kind::Email => part_of(plain(trimmed)?, bare_address),
        Kind::Upn => part_of(plain(trimmed)?, without_provider),
        Kind::DeviceName | Kind::ShortName => part_of(plain(trimmed)?, without_root_dot),
        _ => plain(trimmed)?,
    };
    if normal.is_empty() {
        return Err(Refusal::Empty);
    }
    if is_placeholder(kind, &normal) {
        return Err(Refusal::Placeholder);
    }
    if kind.is_name() && has_lost_letters(&normal) {
        return Err(Refusal::Character);
    }
    match kind {
        Kind::Sid | Kind::WeakSid => is_sid(&normal).then_some(normal).ok_or(SID),
        Kind::AccountName => account_name(normal),
        Kind::Upn => upn(normal),
        Kind::Email => address(normal),
        _ => Ok(normal),
    }
}

/// Tells whether a text has what programs write for letters that their encoding lacks, by which two names can become one, or
/// letters as web pages write them: `o&#39;neil`, `r&amp;d`.
fn has_lost_letters(normal: &str) -> bool {
    const ENTITIES: [&str; 7] = ["&#", "&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&nbsp;"];
    // Without an early exit the loop works on many bytes at once.
    let may_have = |all: bool, byte: u8| all | (byte == b'?') | (byte == b'&');
    normal.bytes().fold(false, may_have)
        && (normal.contains('?') || ENTITIES.iter().any(|entity| normal.contains(entity)))
}

/// Narrows an owned or borrowed text, copying only what was owned and is narrowed.
fn part_of(whole: Cow<'_, str>, part: fn(&str) -> &str) -> Cow<'_, str> {
    match whole {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) if part(&text).len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    use super::*;

    pub(super) fn normal(kind: Kind, text: &str) -> Option<String> {
        normal_form(kind, text).ok().map(Cow::into_owned)
    }

    pub(super) fn refusal(kind: Kind, text: &str) -> Option<Refusal> {
        normal_form(kind, text).err()
    }

    #[track_caller]
    fn assert_idempotent(kind: Kind, text: &str) {
        if let Ok(once) = normal_form(kind, text) {
            assert_eq!(
                normal_form(kind, &once).as_deref(),
                Ok(&*once),
                "{kind:?} {text:?}"
            );
        }
    }

    #[test]
    fn a_normal_ascii_text_is_borrowed() {
        let texts = [
            (Kind::Sid, "s-1-5-21-1-2-3-1000"),
            (Kind::Uid, "0f8fad5b-d9cb-469f-a165-70867728950e"),
            (Kind::AccountName, "jdoe@emea"),
            (Kind::Upn, "jdoe@contoso.com"),
            (Kind::Email, "jdoe+tag@contoso.com"),
            (Kind::DeviceName, "nb-0042.corp.example"),
            (Kind::SerialNumber, "5cg1234xyz"),
        ];
        for (kind, text) in texts {
            let found = normal_form(kind, text);
            assert!(
                matches!(found, Ok(Cow::Borrowed(same)) if same == text),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_character_is_idempotent_in_every_kind() {
        // Every character below U+3000, where the scripts with cases, marks and oddities are; then
        // samples, and the compatibility forms.
        let low = '\0'..'\u{3000}';
        let high = ('\u{3000}'..=char::MAX).step_by(499);
        let compatible = '\u{F900}'..'\u{10000}';
        for character in low.chain(high).chain(compatible) {
            for text in [
                format!("{character}a@b.c{character}"),
                format!("{character}\\a.{character}"),
            ] {
                Kind::ALL
                    .iter()
                    .for_each(|&kind| assert_idempotent(kind, &text));
            }
        }
    }

    #[test]
    fn a_text_is_measured_as_given_and_once_normal() {
        for kind in Kind::ALL {
            let limit = kind.max_bytes();
            let long = "x".repeat(limit + 1);
            assert_eq!(refusal(kind, &long), Some(Refusal::TooLong { limit }));
        }
        // `Ⱥ` has two bytes, `ⱥ` three.
        let grows = "Ⱥ".repeat(128);
        assert_eq!(
            refusal(Kind::BareName, &grows),
            Some(Refusal::TooLong { limit: 256 })
        );
        assert!(normal(Kind::BareName, &"x".repeat(256)).is_some());
    }

    /// Texts made of what the rules look at, so that most of them reach the rules.
    fn identifier_like() -> impl Strategy<Value = String> {
        let pieces = [
            "a",
            "B",
            "z9",
            "jdoe",
            "0",
            "-",
            ".",
            "@",
            "\\",
            " ",
            "<",
            ">",
            "mailto:",
            "smtp:",
            "xn--",
            "xn--bcher-kva",
            "bücher",
            "s-1-5-21",
            "-1000",
            "none",
            "n/a",
            "{",
            "}",
            "urn:uuid:",
            "0f8fad5bd9cb469fa16570867728950e",
            "Ü",
            "u",
            "\u{308}",
            "\u{331}",
            "H",
            "İ",
            "I",
            "\u{307}",
            "ß",
            "ẞ",
            "ſ",
            "Σ",
            "ς",
            "א",
            "ا",
            "。",
            "\u{338}",
            "\u{3000}",
            "\u{345}",
            "ᾈ",
            "Ⱥ",
            "한",
            "\u{1100}",
            "\u{1161}",
            "＠",
            "İ",
            "\u{958}",
            "=",
            "$",
            "\u{323}",
        ];
        proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..9)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn any_text_is_idempotent(text in identifier_like(), noise in any::<String>()) {
            for kind in Kind::ALL {
                assert_idempotent(kind, &text);
                assert_idempotent(kind, &noise);
                assert_idempotent(kind, &format!("{text}{noise}"));
            }
        }

        #[test]
        fn canonically_equal_texts_are_one_identifier(text in identifier_like()) {
            let decomposed: String = text.nfd().collect();
            for kind in Kind::ALL {
                prop_assert_eq!(normal(kind, &text), normal(kind, &decomposed));
            }
        }

        #[test]
        fn the_parts_of_a_normal_name_are_normal(text in identifier_like()) {
            if let Ok(name) = normal_form(Kind::AccountName, &text) {
                let found = normal_form(Kind::BareName, sam(&name));
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(sam(&name)));
                let domain = domain(&name).unwrap_or("x");
                let found = normal_form(Kind::Domain, domain);
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(domain));
            }
            if let Ok(name) = normal_form(Kind::DeviceName, &text) {
                let short = short_name(&name).unwrap_or("x");
                let found = normal_form(Kind::ShortName, short);
                prop_assert!(found == Err(Refusal::Placeholder) || found.as_deref() == Ok(short));
            }
        }

        #[test]
        fn case_and_outer_white_space_of_ascii_never_matter(text in "[ -~]{0,40}") {
            for kind in Kind::ALL {
                let shouted = format!("  {}\t", text.to_ascii_uppercase());
                prop_assert_eq!(normal_form(kind, &text), normal_form(kind, &shouted));
            }
        }
    }
}
