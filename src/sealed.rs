//! Sealed values: what stands in a projection in the place of a value that it does not show. Whoever brings the value can tell
//! that it is this one; nobody can read it there. A hash can be tried with names by the million: who has the file can ask it as
//! often as he likes, and learns what asking a bot would tell.

use std::borrow::Cow;

use crate::identifier::{Kind, Refusal, hash128, normal_form};
#[cfg(feature = "ingest")]
use crate::identifier::{domain, sam, short_name};

/// What a sealed value begins with: nothing that is taken in has it.
const MARK: char = '\u{2}';
/// Digits of a hash.
const DIGITS: usize = 32;

/// Seals a value of a kind; none where it is none of that kind, and finds nobody.
#[cfg(feature = "ingest")]
pub(crate) fn seal(kind: Kind, value: &str) -> Option<String> {
    let normal = normal_form(kind, value).ok()?;
    let mut sealed = seal_word(&normal);
    let part = match kind {
        Kind::AccountName => domain(&normal).map(|_| sam(&normal)),
        Kind::DeviceName => short_name(&normal),
        _ => None,
    };
    let local = matches!(kind, Kind::AccountName | Kind::Upn)
        .then(|| local(&normal))
        .filter(|local| *local != normal);
    for part in part.into_iter().chain(local) {
        sealed.push_str(&format!("{:032x}", hash128(part)));
    }
    Some(sealed)
}

/// Seals a word that is no identifier by itself.
#[cfg(feature = "ingest")]
pub(crate) fn seal_word(word: &str) -> String {
    format!("{MARK}{:032x}", hash128(word))
}

/// Tells whether a text is a sealed value.
pub(crate) fn is_sealed(text: &str) -> bool {
    text.starts_with(MARK)
}

/// Returns a text where it may be shown.
pub(crate) fn shown(text: Option<String>) -> Option<String> {
    text.filter(|text| !is_sealed(text))
}

/// Returns the normal form of a stored value: of a sealed one, itself.
pub(crate) fn stored_form(kind: Kind, stored: &str) -> Result<Cow<'_, str>, Refusal> {
    match is_sealed(stored) {
        true => Ok(Cow::Borrowed(stored)),
        false => normal_form(kind, stored),
    }
}

/// Returns the hash of a normal form, or of what was sealed.
pub(crate) fn hash_of(normal: &str) -> u128 {
    whole(normal).unwrap_or_else(|| hash128(normal))
}

fn digits(text: &str, at: usize) -> Option<u128> {
    let digits = text.strip_prefix(MARK)?.get(at..at + DIGITS)?;
    u128::from_str_radix(digits, 16).ok()
}

fn whole(text: &str) -> Option<u128> {
    digits(text, 0)
}

/// Tells whether a sealed value is one in normal form; false of any other.
pub(crate) fn is_whole(sealed: &str, normal: &str) -> bool {
    whole(sealed).is_some_and(|whole| whole == hash_of(normal))
}

/// Returns what tells a normal form from others, of any kind: of a sealed one, its hash alone.
pub(crate) fn distinct(normal: &str) -> &str {
    let end = MARK.len_utf8() + DIGITS;
    match is_sealed(normal) {
        true => normal.get(..end).unwrap_or(normal),
        false => normal,
    }
}

/// Returns what stands before the first `@`: namesakes have it alike.
pub(crate) fn local(text: &str) -> &str {
    text.split('@').next().unwrap_or_default()
}

/// Tells whether what stands before the `@` of a name, which may be sealed, is what a sealed word says.
pub(crate) fn has_local(name: &str, word: &str) -> bool {
    let of_name = match name.strip_prefix(MARK) {
        Some(sealed) => sealed
            .len()
            .checked_sub(DIGITS)
            .and_then(|at| digits(name, at)),
        None => Some(hash128(local(name))),
    };
    of_name.is_some() && of_name == whole(word)
}

/// Tells whether the part of a sealed value that is looked for by itself (a name without its domain) is this one.
pub(crate) fn is_part(sealed: &str, part: &str) -> bool {
    digits(sealed, DIGITS).is_some_and(|known| known == hash_of(part))
}
