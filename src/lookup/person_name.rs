//! What people are called: whether two texts may name the same person.
//!
//! A channel and a directory rarely spell a name alike: accents, apostrophes, titles, initials, the order of words and what
//! stands in brackets say nothing. Nor does it that letters are written out (`Mueller`), or in another script.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::identifier;

/// Bytes of what a person is called; no directory has longer ones, and each candidate is compared.
const BYTES_AT_MOST: usize = 1_024;

/// Words that stand before or behind a name and are none of it.
const TITLES: [&str; 23] = [
    "dr", "prof", "mr", "mrs", "ms", "miss", "sir", "mx", "herr", "frau", "hr", "fr", "mme",
    "mlle", "sig", "sra", "ing", "dipl", "mag", "msc", "bsc", "phd", "mba",
];

/// Letters that have no accent to take away, and how they are written without them.
const PLAIN: [(char, &str); 10] = [
    ('ß', "ss"),
    ('ł', "l"),
    ('ø', "o"),
    ('đ', "d"),
    ('ð', "d"),
    ('þ', "th"),
    ('æ', "ae"),
    ('œ', "oe"),
    ('ı', "i"),
    ('ħ', "h"),
];

/// How letters are written where a keyboard lacks them. `Michael` has one of these as well, so a name that is the same by them only
/// agrees with nothing.
const WRITTEN_OUT: [(&str, &str); 4] = [("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a")];

/// How two names compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// All words are the same.
    Same,
    /// Some words are.
    Some,
    /// None is.
    None,
}

/// Compares what two texts call a person; none where one of them says no name.
pub(super) fn compare(left: &str, right: &str) -> Option<Likeness> {
    let written_together = [left, right].map(|name| split(name).concat());
    let (left, right) = (words(left), words(right));
    if left.is_empty() || right.is_empty() || !share_a_script(&left, &right) {
        return None;
    }
    if left == right {
        return Some(Likeness::Same);
    }
    if written_together[0] == written_together[1] {
        // `Ann Alee` is not `Anna Lee`.
        let is_without_spaces = written_together[0].chars().all(is_of_east_asia);
        return Some(match is_without_spaces {
            true => Likeness::Same,
            false => Likeness::Some,
        });
    }
    if share_letters_of_names(&written_together) {
        return Some(Likeness::Some);
    }
    let is_in_right = |word: &String| right.contains(word);
    let written_out = |words: &[String]| -> BTreeSet<String> {
        words.iter().map(|word| written_out(word)).collect()
    };
    let are_some =
        left.iter().any(is_in_right) || !written_out(&left).is_disjoint(&written_out(&right));
    Some(match are_some {
        true => Likeness::Some,
        false => Likeness::None,
    })
}

/// Tells whether words have letters of the same alphabet: by the blocks of Unicode, those of East Asia as one.
fn share_a_script(left: &[String], right: &[String]) -> bool {
    let script = |letter: char| match u32::from(letter) {
        _ if is_of_east_asia(letter) => u32::MAX,
        ..0x250 | 0x1e00..0x1f00 => 0,
        code => 1 + (code >> 7),
    };
    let scripts = |words: &[String]| -> BTreeSet<u32> {
        let letters = words.iter().flat_map(|word| word.chars());
        letters
            .filter(|letter| letter.is_alphabetic())
            .map(script)
            .collect()
    };
    let (left, right) = (scripts(left), scripts(right));
    left.is_empty() || right.is_empty() || !left.is_disjoint(&right)
}

/// Tells whether two names of East Asia have the same letters in another order, or of Chinese ones one in common: which of these is
/// the family's name is not known.
fn share_letters_of_names(names: &[String; 2]) -> bool {
    let [left, right] = names.each_ref().map(|name| -> BTreeSet<char> {
        let whole = name.nfc().filter(|letter| is_of_east_asia(*letter));
        whole.collect()
    });
    let is_chinese = |letter: &char| matches!(u32::from(*letter), 0x3400..0xa000 | 0xf900..0xfb00 | 0x20000..0x40000);
    let mut common = left.intersection(&right);
    !left.is_empty() && left == right || common.any(is_chinese)
}

/// Tells whether a letter is of a script in which a name may be written without spaces: Hangul, of which the parts stand apart, kana,
/// Bopomofo and Chinese ones.
fn is_of_east_asia(letter: char) -> bool {
    matches!(
        u32::from(letter),
        0x1100..0x1200
            | 0x2e80..0x2fe0
            | 0x3005..0x3008
            | 0x3040..0x31c0
            | 0x31f0..0x3200
            | 0x3400..0x4dc0
            | 0x4e00..0xa000
            | 0xa960..0xa980
            | 0xac00..0xd800
            | 0xf900..0xfb00
            | 0x20000..0x40000
    )
}

fn written_out(word: &str) -> String {
    let pairs = WRITTEN_OUT.iter();
    pairs.fold(word.to_owned(), |word, (pair, letter)| {
        word.replace(pair, letter)
    })
}

/// Tells whether one text is the other with a word written out of which that has the initial: `John P. Smith` may be John Paul
/// Smith.
pub(super) fn is_written_out(left: &str, right: &str) -> bool {
    let of = |text: &str| (words(text), initials(text));
    let ((left, left_initials), (right, right_initials)) = (of(left), of(right));
    let shortened = |words: &[String], others: &[String], initials: &[char]| {
        let mut initials = initials.to_vec();
        let is_kept = |word: &&String| {
            let found = initials
                .iter()
                .position(|initial| word.starts_with(*initial));
            let found = found.filter(|_| !others.contains(word));
            found.map(|at| initials.remove(at)).is_none()
        };
        words.iter().filter(is_kept).cloned().collect::<Vec<_>>()
    };
    let short = shortened(&left, &right, &right_initials);
    let other = shortened(&right, &left, &left_initials);
    !short.is_empty() && short == other && left != right
}

/// Tells whether a text says what somebody is called.
pub(super) fn is_name(text: &str) -> bool {
    !words(text).is_empty()
}

/// Returns the words of a name that tell people apart, in order, each once; none for a placeholder, which says nothing.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = split(name);
    words.retain(|word| !is_initial(word) && !TITLES.contains(&word.as_str()));
    words.sort_unstable();
    words.dedup();
    words
}

/// Returns the letters that stand for a word.
fn initials(name: &str) -> Vec<char> {
    let words = split(name).into_iter();
    let letters = words.filter(|word| is_initial(word));
    letters.filter_map(|word| word.chars().next()).collect()
}

/// Tells whether a word is but a letter; in East Asia one is a word.
fn is_initial(word: &str) -> bool {
    let mut letters = word.chars();
    let first = letters.next();
    letters.next().is_none() && !first.is_some_and(is_of_east_asia)
}

fn split(name: &str) -> Vec<String> {
    if name.len() > BYTES_AT_MOST {
        return Vec::new();
    }
    let name = identifier::folded(name).filter(|name| !identifier::says_nothing(name));
    let name = without_brackets(&name.unwrap_or_default());
    let letters = name.chars().filter(|letter| !is_apostrophe(*letter));
    let plain: String = letters.nfkd().filter_map(plain_letter).collect();
    let plain = PLAIN.iter().fold(plain, |name, (letter, written)| {
        name.replace(*letter, written)
    });
    let words = plain.split(|letter: char| !letter.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Tells whether a letter is none, but what stands for one that is left out: what it parts is one word.
fn is_apostrophe(letter: char) -> bool {
    matches!(
        letter,
        '\'' | '`' | '´' | '\u{2018}' | '\u{2019}' | '\u{02bc}'
    )
}

/// Leaves accents out.
fn plain_letter(letter: char) -> Option<char> {
    // `İ` is a capital I with a mark.
    (!is_combining_mark(letter)).then_some(letter.to_ascii_lowercase())
}

/// Leaves out what stands in brackets; one that is never closed goes on to the end.
fn without_brackets(name: &str) -> String {
    let mut depth = 0usize;
    let outside = name.chars().filter(|letter| {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_channels_and_directories_do_to_a_name_says_nothing() {
        for (left, right) in [
            ("Palotás, Mónika", "Monika Palotas"),
            ("Palotás Mónika (External)", "Monika Palotas [Guest]"),
            ("John R. Doe", "Doe, John"),
            ("Dr. John Doe", "john doe"),
            ("Seán O'Brien", "Sean O\u{2019}Brien"),
            ("Łukasz Żółć", "Lukasz Zolc"),
            ("Anne-Marie Weiß", "Weiss, Anne Marie"),
            ("山田 太郎", "山田太郎"),
            ("王 伟", "王伟"),
            ("Seán O´Brien", "Sean O'Brien"),
            ("İsmail Işık", "ismail ışık"),
            ("김 민수", "김민수"),
            ("ﾔﾏﾀﾞ ﾀﾛｳ", "ヤマダ タロウ"),
        ] {
            assert_eq!(compare(left, right), Some(Likeness::Same), "{left} {right}");
        }
    }

    #[test]
    fn an_initial_may_stand_for_a_word_of_the_other_name() {
        for (left, right) in [
            ("Smith, John Paul", "John P. Smith"),
            ("Lee Min Ho", "Min H. Lee"),
            ("María José Díaz", "Maria J. Diaz"),
            ("John P. Smith", "Smith John Paul"),
        ] {
            assert!(is_written_out(left, right), "{left} {right}");
        }
        for (left, right) in [
            ("Smith, John", "John P. Smith"),
            ("John Quentin Smith", "John P. Smith"),
            ("John Smith", "John Smith"),
            ("John Paul Peter Smith", "John P. Smith"),
        ] {
            assert!(!is_written_out(left, right), "{left} {right}");
        }
    }

    #[test]
    fn a_name_in_part_neither_agrees_nor_contradicts_and_another_one_contradicts() {
        assert_eq!(
            compare("John Michael Doe", "John Doe"),
            Some(Likeness::Some)
        );
        assert_eq!(compare("Jane Smith", "Jane Doe"), Some(Likeness::Some));
        assert_eq!(compare("Jane Smith", "John Doe"), Some(Likeness::None));
        // An initial is no word.
        assert_eq!(compare("J Smith", "J Doe"), Some(Likeness::None));
        for (left, right) in [
            ("Juergen Mueller", "Müller, Jürgen"),
            ("Oeystein Aase", "Øystein Åse"),
            ("Michael Novak", "Michal Novák"),
            ("MaryAnn Lee", "Mary Ann Lee"),
            ("김민수", "민수 김"),
            ("王伟", "王 小明"),
            ("MaryAnn", "Mary Ann"),
            ("Ann Alee", "Anna Lee"),
        ] {
            assert_eq!(compare(left, right), Some(Likeness::Some), "{left} {right}");
        }
        for (left, right) in [
            ("김민수", "박지영"),
            ("ヤマダ タロウ", "サトウ タケシ"),
            ("王伟", "李娜"),
        ] {
            assert_eq!(compare(left, right), Some(Likeness::None), "{left} {right}");
        }
        // What a name is in another script is not known.
        for (left, right) in [
            ("李伟", "Li Wei"),
            ("Иван Петров", "Ivan Petrov"),
            ("李伟", "Иван Петров"),
            ("王伟 2024", "Wang Wei"),
        ] {
            assert_eq!(compare(left, right), None, "{left} {right}");
        }
        for nothing in ["", "n/a", "J.", "(External)", "Dr."] {
            assert_eq!(compare("John Doe", nothing), None, "{nothing}");
        }
    }
}
