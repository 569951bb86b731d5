//! Words: what of a text may be an identifier by itself.

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
    // A bare name is a word like any other: in a longer text it may be anything.
    words.filter(|word| word.contains(['@', '\\', '-']))
}
