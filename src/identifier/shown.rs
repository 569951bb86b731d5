//! Shown: how texts of others are written where a person or a program reads them in passing: no letter steers it.

use std::borrow::Cow;

use super::text::is_hidden;

/// Tells whether a letter would command a terminal, break a line, turn the order of letters around, or not be seen: what cannot be
/// seen is read by programs all the same.
pub(crate) fn is_steering(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}') || is_hidden(letter)
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
