//! Sealed values: what stands in the place of an identifier that nobody is to read, in a projection, or once newer rows replaced
//! it. Whoever brings the value can tell that it is this one, and the index finds by it as before. A hash can be tried with names
//! by the million: who has the file can ask it as often as he likes, and learns what asking a bot would tell.

use std::borrow::Cow;

use crate::bucket::Hash;
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

/// Seals a word as it is.
pub(crate) fn seal_word(word: &str) -> String {
    format!("{MARK}{:032x}", hash128(word))
}

/// Seals what a user who is named may be called before the `@`: a name of several words ends like others.
#[cfg(feature = "ingest")]
pub(crate) fn seal_user(name: &str) -> String {
    let local = local(name);
    let words = local.match_indices(' ').map(|(at, _)| &local[at + 1..]);
    let ends = std::iter::once(local)
        .chain(words)
        .filter(|end| !end.is_empty());
    let hashes: String = ends.map(|end| format!("{:032x}", hash128(end))).collect();
    match hashes.is_empty() {
        true => hashes,
        false => format!("{MARK}{hashes}"),
    }
}

/// Returns what a sealed name says of its user, as [`seal_user`] does.
#[cfg(feature = "ingest")]
pub(crate) fn user_of(sealed: &str) -> String {
    let local = sealed
        .len()
        .checked_sub(DIGITS)
        .and_then(|at| sealed.get(at..));
    format!("{MARK}{}", local.unwrap_or_default())
}

/// Returns what the index files a normal form under, or one that was sealed.
pub(crate) fn filed(normal: &str) -> Hash {
    Hash::of_bits(hash_of(normal))
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

/// Returns what stands before the first `@`: namesakes have it alike.
pub(crate) fn local(text: &str) -> &str {
    text.split('@').next().unwrap_or_default()
}

/// Tells whether a name, which may be sealed, is one of what a sealed user may be called before the `@`.
pub(crate) fn is_called(name: &str, user: &str) -> bool {
    let of_name = match name.strip_prefix(MARK) {
        Some(sealed) => sealed
            .len()
            .checked_sub(DIGITS)
            .and_then(|at| digits(name, at)),
        None => Some(hash128(local(name))),
    };
    let mut of_user = (0..).step_by(DIGITS).map_while(|at| digits(user, at));
    of_name.is_some_and(|of_name| of_user.any(|of_user| of_user == of_name))
}

/// Tells whether the part of a sealed value that is looked for by itself (a name without its domain) is this one.
pub(crate) fn is_part(sealed: &str, part: &str) -> bool {
    digits(sealed, DIGITS).is_some_and(|known| known == hash_of(part))
}
