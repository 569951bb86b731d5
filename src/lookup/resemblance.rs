//! Resemblance: how a name compares with a text that was meant to be one.
//!
//! A million names are compared in one call: what is ASCII is folded in place, and most are told apart by their letters.

use std::borrow::Cow;

use super::person_name;
use crate::identifier::{Kind, normal_form, short_name};

/// A text of fewer letters resembles too much.
const LETTERS_AT_LEAST: usize = 3;
/// From so many letters on, two edits leave a name recognisable.
const LETTERS_FOR_TWO: usize = 6;

/// How a name resembles a text; the closer one is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// One letter is another, missing, too many, or changed places with the next; or it is what the person is called.
    OneEdit,
    /// The name goes on where the text ends.
    Prefix,
    /// Two such edits.
    TwoEdits,
}

impl Likeness {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Likeness::OneEdit => "one_edit",
            Likeness::Prefix => "prefix",
            Likeness::TwoEdits => "two_edits",
        }
    }
}

/// What names of a kind are compared with.
pub(super) struct Pattern {
    kind: Kind,
    normal: String,
    letters: usize,
    mask: u64,
    edits: usize,
}

impl Pattern {
    /// Returns none for a text that is no name, or too short to resemble one.
    pub(super) fn new(kind: Kind, text: &str) -> Option<Pattern> {
        // What stands before an address's `@` may be all that was typed.
        let normal = match kind {
            Kind::Upn | Kind::Email if !text.contains('@') => normal_form(Kind::BareName, text),
            kind => normal_form(kind, text),
        };
        let normal = normal.ok()?.into_owned();
        let letters = normal.chars().count();
        (letters >= LETTERS_AT_LEAST).then(|| Pattern {
            kind,
            letters,
            mask: mask(&normal),
            edits: if letters >= LETTERS_FOR_TWO { 2 } else { 1 },
            normal,
        })
    }

    /// Compares a name whole and without its domain.
    pub(super) fn likeness(&self, name: &str) -> Option<Likeness> {
        let folded = self.folded(name)?;
        let short = match self.kind {
            Kind::DeviceName => short_name(&folded),
            _ => folded.rsplit_once('@').map(|(local, _)| local),
        };
        let short = short.and_then(|short| self.likeness_to(short));
        short.into_iter().chain(self.likeness_to(&folded)).min()
    }

    fn folded<'n>(&self, name: &'n str) -> Option<Cow<'n, str>> {
        let is_plain = name.is_ascii() && !name.contains('\\');
        match is_plain {
            true if !name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Some(Cow::Borrowed(name))
            }
            true => Some(Cow::Owned(name.to_ascii_lowercase())),
            false => normal_form(self.kind, name).ok(),
        }
    }

    fn likeness_to(&self, name: &str) -> Option<Likeness> {
        let letters = match name.is_ascii() {
            true => name.len(),
            false => name.chars().count(),
        };
        // Each edit changes at most two letters of those that are there.
        let is_near = letters.abs_diff(self.letters) <= self.edits
            && (mask(name) ^ self.mask).count_ones() as usize <= 2 * self.edits;
        let edits = is_near.then(|| strsim::osa_distance(&self.normal, name));
        match edits {
            Some(1) => Some(Likeness::OneEdit),
            _ if letters > self.letters && name.starts_with(&self.normal) => Some(Likeness::Prefix),
            Some(2) if self.edits == 2 => Some(Likeness::TwoEdits),
            _ => None,
        }
    }
}

/// What people's names are compared with, in any order of their words.
pub(super) struct PersonPattern(Vec<String>);

impl PersonPattern {
    /// Returns none for a text of one word, or of none that is long enough.
    pub(super) fn new(text: &str) -> Option<PersonPattern> {
        let words = person_name::words(text);
        let is_long = words
            .iter()
            .any(|word| word.chars().count() >= LETTERS_AT_LEAST);
        (words.len() >= 2 && is_long).then_some(PersonPattern(words))
    }

    /// Compares what a person is called: each word of the text is one of the name's, or begins one.
    pub(super) fn likeness(&self, full_name: &str) -> Option<Likeness> {
        let PersonPattern(wanted) = self;
        // Most names have no word that begins so.
        let first = wanted.first()?.bytes().next()?;
        let begins = |word: &str| {
            let byte = word.bytes().next();
            byte.is_none_or(|byte| !byte.is_ascii() || byte.eq_ignore_ascii_case(&first))
        };
        if full_name.is_ascii() && !full_name.split([' ', ',', '-', '(', '.']).any(begins) {
            return None;
        }
        let words = person_name::words(full_name);
        let all = |is_like: fn(&str, &str) -> bool| {
            let mut wanted = wanted.iter();
            wanted.all(|wanted| words.iter().any(|word| is_like(word, wanted)))
        };
        if all(|word, wanted| word == wanted) {
            return Some(Likeness::OneEdit);
        }
        all(|word, wanted| word.starts_with(wanted)).then_some(Likeness::Prefix)
    }
}

/// Returns which letters a name has, many letters to a bit.
fn mask(name: &str) -> u64 {
    name.chars()
        .fold(0, |mask, letter| mask | 1 << (letter as u32 % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(text: &str, name: &str) -> Option<Likeness> {
        Pattern::new(Kind::AccountName, text)?.likeness(name)
    }

    #[test]
    fn a_name_resembles_by_edits_or_as_a_beginning() {
        assert_eq!(likeness("jdeo", "jdoe@EMEA"), Some(Likeness::OneEdit));
        assert_eq!(
            likeness(r"EMEA\jdoee", "jdoe@EMEA"),
            Some(Likeness::OneEdit)
        );
        assert_eq!(likeness("jdoe", "jdoe2@EMEA"), Some(Likeness::OneEdit));
        assert_eq!(likeness("jdoe", "jdoester@EMEA"), Some(Likeness::Prefix));
        assert_eq!(
            likeness("almeida", "alneyda@EMEA"),
            Some(Likeness::TwoEdits)
        );
        assert_eq!(likeness("almeida", "alneydo@EMEA"), None);
        assert_eq!(
            likeness("jdoe", "jxye@EMEA"),
            None,
            "two edits of four letters"
        );
        assert_eq!(
            likeness("jd", "jdoe@EMEA"),
            None,
            "two letters resemble too much"
        );
        assert_eq!(likeness("jdoe", "jdoe@EMEA"), Some(Likeness::Prefix));
    }

    #[test]
    fn an_address_resembles_whole_or_by_what_stands_before_its_sign() {
        let upn = |text: &str| Pattern::new(Kind::Upn, text)?.likeness("John.Doe@contoso.com");
        assert_eq!(upn("jon.doe"), Some(Likeness::OneEdit));
        assert_eq!(upn("john.doe@contso.com"), Some(Likeness::OneEdit));
        assert_eq!(upn("john"), Some(Likeness::Prefix));
        assert_eq!(upn("jane.roe"), None);
    }

    #[test]
    fn a_person_resembles_in_either_order_of_the_words() {
        let person = |text: &str, name: &str| PersonPattern::new(text)?.likeness(name);
        for text in ["Doe John", "john doe", "Doe, John", "JOHN DÖE"] {
            assert_eq!(person(text, "Doe, John"), Some(Likeness::OneEdit), "{text}");
        }
        assert_eq!(person("john do", "Doe, John"), Some(Likeness::Prefix));
        assert_eq!(person("do jo", "Doe, John"), None, "too short");
        assert_eq!(
            person("john", "Doe, John"),
            None,
            "one word says too little"
        );
        assert_eq!(person("jane do", "Doe, John"), None);
    }
}
