//! Words: what of a text may be an identifier.

/// What no identifier holds, and so stands between words.
const BETWEEN: &[char] = &[
    '"', '\'', '<', '>', '(', ')', '[', ']', '{', '}', ',', ';', '|', '=', '&', '?', '!',
];

/// Returns the words of a text that may be identifiers: one behind a colon twice, with what stands before it and without.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let between = |letter: char| letter.is_whitespace() || BETWEEN.contains(&letter);
    let words = text
        .split(between)
        .map(|word| word.trim_end_matches(['.', ':']));
    let words = words.flat_map(|word| {
        let behind = word.rsplit_once(':').map(|(_, behind)| behind);
        [Some(word), behind].into_iter().flatten()
    });
    words.filter(|word| !word.is_empty())
}
