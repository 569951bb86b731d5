//! Text: the normal form that the values of all kinds share, in lower case and composed; dangerous characters are refused.
//!
//! What one kind asks for beyond that is left to that kind.

use std::borrow::Cow;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::refusal::Refusal;

/// Returns the form in which texts of any kind are compared, such as what people are called; none for a text that holds
/// a character which identifiers must not have.
pub fn folded(text: &str) -> Option<Cow<'_, str>> {
    plain(trimmed(text)).ok()
}

/// Takes off outer white space; most texts have none, and their first and last bytes show it.
pub(super) fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

pub(super) fn plain(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    // Most texts are short: to look each byte up costs less than to work on many at once.
    let signs = trimmed
        .bytes()
        .fold(0, |all, byte| all | SIGNS[usize::from(byte)]);
    match signs {
        signs if signs & FOREIGN != 0 => plain_unicode(trimmed),
        signs if signs & CONTROL != 0 => Err(Refusal::Character),
        signs if signs & UPPER != 0 => Ok(Cow::Owned(trimmed.to_ascii_lowercase())),
        _ => Ok(Cow::Borrowed(trimmed)),
    }
}

const UPPER: u8 = 1;
const CONTROL: u8 = 2;
/// Not of ASCII.
const FOREIGN: u8 = 4;

/// What a byte is.
static SIGNS: [u8; 256] = {
    let mut signs = [0; 256];
    let mut byte = 0;
    while byte < signs.len() {
        signs[byte] = match byte as u8 {
            byte if !byte.is_ascii() => FOREIGN,
            byte if byte.is_ascii_control() => CONTROL,
            byte if byte.is_ascii_uppercase() => UPPER,
            _ => 0,
        };
        byte += 1;
    }
    signs
};

fn plain_unicode(trimmed: &str) -> Result<Cow<'_, str>, Refusal> {
    if trimmed.chars().any(is_refused) {
        return Err(Refusal::Character);
    }
    let lower: String = nfc(trimmed).chars().map(lower).collect();
    // Again, because lower-casing `H` + U+0331 makes something that composes.
    let normal = nfc(&lower);
    if normal == trimmed {
        return Ok(Cow::Borrowed(trimmed));
    }
    Ok(Cow::Owned(normal.into_owned()))
}

fn nfc(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        _ => Cow::Owned(text.nfc().collect()),
    }
}

/// Lower-cases one character by itself, unless that would turn a foreign letter into an ASCII one.
fn lower(character: char) -> char {
    let mut mapped = character.to_lowercase();
    match (mapped.next(), mapped.next()) {
        (Some(lower), None) if character.is_ascii() || !lower.is_ascii() => lower,
        // Only `İ` maps to two characters, and the first is `i`: it stays as it is.
        _ => character,
    }
}

/// The characters that make two values look, sort or compare as one.
fn is_refused(character: char) -> bool {
    let is_control = character.is_control() || character == '\u{FFFD}';
    // Kelvin sign, Greek question mark, Greek varia: NFC would turn them into `K`, `;` and a backtick.
    let becomes_ascii = matches!(character, '\u{212A}' | '\u{037E}' | '\u{1FEF}');
    is_control || is_hidden(character) || becomes_ascii
}

/// Tells whether a character is shown as nothing, or turns those behind it round: what Unicode says may be ignored where it is
/// shown (`Default_Ignorable_Code_Point`), marks of annotations, and the empty pattern of Braille.
pub(crate) fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use unicode_normalization::char::{canonical_combining_class, compose};

    use super::*;
    use crate::identifier::Kind;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn white_space_is_trimmed_and_nothing_else_is_empty() {
        assert_eq!(
            normal(Kind::BareName, "\u{3000}\t jdoe\u{A0}\n").as_deref(),
            Some("jdoe")
        );
        for kind in Kind::ALL {
            assert_eq!(refusal(kind, ""), Some(Refusal::Empty));
            assert_eq!(refusal(kind, " \u{2003}\u{3000}"), Some(Refusal::Empty));
        }
    }

    #[test]
    fn dangerous_characters_are_refused_by_every_kind() {
        let dangerous = "\0\u{1}\u{1B}\u{7F}\u{9B}\u{AD}\u{61C}\u{180E}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\
            \u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{FEFF}\u{FFFD}\u{212A}\u{37E}\u{1FEF}\u{FE0F}\u{34F}\u{E0020}\u{115F}\u{2800}\u{3164}\u{FFF9}";
        for kind in Kind::ALL {
            for character in dangerous.chars() {
                let text = format!("a{character}b@c");
                assert_eq!(
                    refusal(kind, &text),
                    Some(Refusal::Character),
                    "{kind:?} {character:?}"
                );
            }
        }
    }

    #[test]
    fn letters_are_lowered_and_composed_in_every_script() {
        let pairs = [
            ("JÖRG", "jörg"),
            ("JO\u{308}RG", "jörg"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
            ("ИВАН", "иван"),
            ("H\u{331}", "\u{1E96}"),
            ("ẞ", "ß"),
            ("Å", "å"),
        ];
        for (given, expected) in pairs {
            assert_eq!(normal(Kind::BareName, given).as_deref(), Some(expected));
        }
    }

    #[test]
    fn no_foreign_letter_becomes_an_ascii_one() {
        assert_eq!(
            refusal(Kind::BareName, "\u{212A}im"),
            Some(Refusal::Character)
        );
        for text in ["mıke", "straße", "İ", "ſmith", "ｍike", "ﬁ", "ª"] {
            assert_eq!(normal(Kind::BareName, text).as_deref(), Some(text));
        }
        assert_eq!(normal(Kind::BareName, "I\u{307}").as_deref(), Some("İ"));
    }

    #[test]
    fn only_ascii_has_an_ascii_normal_form() {
        for character in ('\u{80}'..=char::MAX).filter(|character| !character.is_whitespace()) {
            let mut buffer = [0; 4];
            let given = &*character.encode_utf8(&mut buffer);
            if let Ok(found) = plain(given) {
                assert!(!found.bytes().any(|byte| byte.is_ascii()), "{character:?}");
                assert_eq!(plain(&found).as_deref(), Ok(&*found), "{character:?}");
            }
        }
    }

    #[test]
    fn every_cased_letter_with_a_mark_is_idempotent() {
        let cased =
            ('\0'..=char::MAX).filter(|letter| letter.is_lowercase() || letter.is_uppercase());
        let cased: Vec<char> = cased.collect();
        let marks = ('\u{300}'..'\u{3100}').filter(|&mark| canonical_combining_class(mark) != 0);
        // A mark that composes with no cased letter cannot change one; three of those stand for all.
        let (composing, idle): (Vec<char>, Vec<char>) =
            marks.partition(|&mark| cased.iter().any(|&letter| compose(letter, mark).is_some()));
        assert!(composing.len() > 20);
        let mut text = String::new();
        for mark in composing.into_iter().chain(idle.into_iter().step_by(100)) {
            for &letter in &cased {
                text.clear();
                text.extend([letter, mark]);
                let once = plain(&text).unwrap_or_default();
                assert!(
                    once.is_empty() || plain(&once).as_deref() == Ok(&*once),
                    "{text:?}"
                );
            }
        }
    }
}
