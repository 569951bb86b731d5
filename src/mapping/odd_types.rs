//! Words of `user.type` that say neither local nor domain, as far as they can be shown.
//!
//! A column of types has a few words, each of them again and again. Where each row has another, or one has a word of its own,
//! the column may hold names: these are counted, and not shown.

use std::collections::BTreeMap;

/// Words that are told apart.
const WORDS: usize = 8;
/// Bytes that a word has at the most.
const WORD_BYTES: usize = 32;
/// Rows that a word stands in before it is shown.
const SHOWN_FROM: u64 = 2;

/// What was seen of such words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OddTypes {
    words: BTreeMap<String, u64>,
    /// Rows with further ones.
    others: u64,
}

impl OddTypes {
    pub(super) fn note(&mut self, word: &str) {
        if let Some(count) = self.words.get_mut(word) {
            *count += 1;
        } else if self.words.len() < WORDS
            && word.len() <= WORD_BYTES
            && !word.contains(['@', '\\'])
        {
            self.words.insert(word.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    /// Adds what was seen of another object.
    pub fn join(&mut self, other: OddTypes) {
        self.others += other.others;
        for (word, count) in other.words {
            if self.words.len() < WORDS || self.words.contains_key(&word) {
                *self.words.entry(word).or_default() += count;
            } else {
                self.others += count;
            }
        }
    }

    /// Says what was seen, if anything was.
    pub fn warning(&self) -> Option<String> {
        let rows = self.others + self.words.values().sum::<u64>();
        let is_shown = |count: &u64| self.others == 0 && *count >= SHOWN_FROM;
        let shown = self.words.iter().filter(|(_, count)| is_shown(count));
        let shown: Vec<&String> = shown.map(|(word, _)| word).collect();
        let words = match shown.is_empty() {
            true => "words that stand in one row each, or too many to be types, are not shown"
                .to_owned(),
            false => format!("{shown:?}"),
        };
        (rows > 0).then(|| {
            format!("user.type says neither local nor domain in {rows} rows: {words}; such accounts are told by their names")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_shown_that_stand_in_several_rows_and_names_are_not() {
        let warning = |words: &[&str]| {
            let mut types = OddTypes::default();
            words.iter().for_each(|word| types.note(word));
            types.warning()
        };
        assert_eq!(warning(&[]), None);
        let shown = warning(&["FOO_BAR", "2", "FOO_BAR", "2", "jdoe"]).unwrap();
        assert!(
            shown.contains("in 5 rows: [\"2\", \"FOO_BAR\"];"),
            "{shown}"
        );
        assert!(!shown.contains("jdoe"), "{shown}");
        let names: Vec<String> = (0..20)
            .map(|number| format!("jdoe{}", number % 10))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(!warning(&names).unwrap().contains("jdoe"));
    }
}
