//! Words of `user.type` that say neither local nor domain, as far as they can be shown.
//!
//! A column of types has a few words, each of them again and again within an object. Where each row has another, or one has a
//! word of its own, or there are spaces or dots in them, the column may hold names: these are counted, and not shown.

use std::collections::BTreeMap;

/// Words that are told apart.
const WORDS: usize = 8;
/// Bytes that a word has at the most.
const WORD_BYTES: usize = 32;
/// Rows that a word stands in before it is shown.
const SHOWN_FROM: u64 = 3;

/// What was seen of such words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OddTypes {
    /// Each with the most rows that it has in one object.
    words: BTreeMap<String, u64>,
    rows: u64,
    /// There are further ones, too many or such as are no types.
    has_others: bool,
}

impl OddTypes {
    pub(super) fn note(&mut self, word: &str) {
        self.rows += 1;
        if let Some(count) = self.words.get_mut(word) {
            *count += 1;
        } else if self.words.len() < WORDS && is_word(word) {
            self.words.insert(word.to_owned(), 1);
        } else {
            self.has_others = true;
        }
    }

    /// Adds what was seen of another object.
    pub fn join(&mut self, other: OddTypes) {
        self.rows += other.rows;
        self.has_others |= other.has_others;
        for (word, count) in other.words {
            if self.words.len() < WORDS || self.words.contains_key(&word) {
                let known = self.words.entry(word).or_default();
                *known = count.max(*known);
            } else {
                self.has_others = true;
            }
        }
    }

    /// Says what was seen, if anything was.
    pub fn warning(&self) -> Option<String> {
        let is_shown = |count: &u64| !self.has_others && *count >= SHOWN_FROM;
        let shown = self.words.iter().filter(|(_, count)| is_shown(count));
        let shown: Vec<&String> = shown.map(|(word, _)| word).collect();
        let words = match shown.is_empty() {
            true => "what stands there is not shown, since it may be names".to_owned(),
            false => format!("{shown:?}"),
        };
        let rows = self.rows;
        (rows > 0).then(|| {
            format!("user.type says neither local nor domain in {rows} rows: {words}; such accounts are told by their names")
        })
    }
}

fn is_word(word: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    word.len() <= WORD_BYTES && word.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(words: &[&str]) -> OddTypes {
        let mut types = OddTypes::default();
        words.iter().for_each(|word| types.note(word));
        types
    }

    #[test]
    fn words_are_shown_that_stand_in_several_rows_and_names_are_not() {
        assert_eq!(noted(&[]).warning(), None);
        let shown = noted(&["FOO_BAR", "2", "FOO_BAR", "2", "2", "FOO_BAR", "jdoe"]);
        let shown = shown.warning().unwrap();
        assert!(
            shown.contains("in 7 rows: [\"2\", \"FOO_BAR\"];"),
            "{shown}"
        );
        assert!(!shown.contains("jdoe"), "{shown}");
        for names in [["Ann Keller"; 5], ["ann@EMEA"; 5], ["a.keller"; 5]] {
            assert!(!noted(&names).warning().unwrap().contains(names[0]));
        }
        let names: Vec<String> = (0..40)
            .map(|number| format!("jdoe{}", number % 10))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(!noted(&names).warning().unwrap().contains("jdoe"));
    }

    #[test]
    fn a_word_that_stands_once_in_each_of_many_objects_is_not_shown() {
        let mut all = OddTypes::default();
        (0..9).for_each(|_| all.join(noted(&["ann", "bob"])));
        let warning = all.warning().unwrap();
        assert!(
            warning.contains("in 18 rows") && !warning.contains("ann"),
            "{warning}"
        );
    }
}
