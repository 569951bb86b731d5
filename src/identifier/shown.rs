//! Shown: how texts of others are written where a person or a program reads them in passing: no letter steers it.

use std::borrow::Cow;

/// Tells whether a letter would command a terminal, break a line, turn the order of letters around, or not be seen: what cannot be
/// seen is read by programs all the same.
pub(crate) fn is_steering(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{61c}'
        )
        || is_invisible(letter)
}

/// Joiners and marks of direction, fillers, selectors of variants, and tags.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}' | '\u{34f}' | '\u{180b}'..='\u{180f}')
        || matches!(
            letter,
            '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{17b4}' | '\u{17b5}'
        )
        || matches!(letter, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
}

/// Writes such letters as escapes.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_steering) {
        return Cow::Borrowed(text);
    }
    let escaped = |letter: char| match is_steering(letter) {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    Cow::Owned(text.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_or_cannot_be_seen_is_escaped() {
        for letter in [
            '\u{1b}',
            '\u{202e}',
            '\u{200b}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{3164}',
            '\u{ad}',
        ] {
            let shown = printable(&format!("a{letter}b")).into_owned();
            assert_eq!(shown, format!("a{}b", letter.escape_default()));
        }
        assert_eq!(printable("Zoë 王 O’Brien"), "Zoë 王 O’Brien");
    }
}
