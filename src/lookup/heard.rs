//! Hearing: what was found of each text of a query, and whether a subject agrees with it.

use super::answer::{self, Verdict};
use super::query::{Asked, Clue, Probe, field_kind};
use super::row::Row;
use crate::identifier::{self, Kind};
use crate::schema::Subject;

/// Bytes of what a person is called; no directory has longer ones, and each candidate is compared.
const NAME_BYTES_AT_MOST: usize = 1_024;

/// What was found of a clue.
pub(super) struct Heard<'q> {
    pub(super) clue: &'q Clue,
    pub(super) probes: Vec<Probe<'q>>,
    /// Somebody holds it, of whatever class.
    pub(super) is_held: bool,
    /// Kinds as which too many hold it.
    pub(super) non_identifying: Vec<Kind>,
}

impl<'q> Heard<'q> {
    /// Begins with a text of which nothing was looked up yet.
    pub(super) fn new(clue: &'q Clue) -> Heard<'q> {
        Heard {
            clue,
            probes: clue.probes(),
            is_held: false,
            non_identifying: Vec::new(),
        }
    }

    /// Says what became of the text, with those left who fit.
    pub(super) fn shown<'r>(&self, mut fitting: impl Iterator<Item = &'r Row>) -> answer::Clue {
        let verdict = match fitting.any(|row| self.agrees(row)) {
            true => Verdict::Agrees,
            false if !self.is_parsed() => Verdict::Unparseable,
            false if !self.non_identifying.is_empty() => Verdict::TooMany,
            false if self.is_held => Verdict::Elsewhere,
            false => Verdict::Nobody,
        };
        answer::Clue {
            text: self.clue.text.clone(),
            kind: match self.clue.asked {
                Asked::As(kind) => Some(kind),
                Asked::Any | Asked::FullName => None,
            },
            is_full_name: self.clue.asked == Asked::FullName,
            verdict,
        }
    }

    /// Tells whether it says by itself who is meant: somebody holds it, and as no other kind too many to be shown do.
    pub(super) fn is_clear(&self) -> bool {
        self.is_held && self.non_identifying.is_empty()
    }

    /// Returns the probe whose value a subject holds.
    fn held_as(&self, row: &Row) -> Option<&Probe<'_>> {
        self.probes.iter().find(|probe| row.value(probe).is_some())
    }

    /// Returns the value of a subject that the text agrees with, whole and in normal form: a name without its domain is
    /// no other identifier than the name. None for one that too many hold.
    pub(super) fn identifier_of(&self, row: &Row) -> Option<String> {
        let mut probes = self.probes.iter();
        probes.find_map(|probe| {
            let value = row.value(probe)?;
            let kind = field_kind(probe.kind);
            let is_crowded = self
                .non_identifying
                .iter()
                .any(|other| field_kind(*other) == kind);
            let normal = identifier::normal_form(kind, value).ok()?;
            (!is_crowded).then(|| normal.into_owned())
        })
    }

    /// Tells whether the text can be what it is taken for.
    fn is_parsed(&self) -> bool {
        match self.clue.asked {
            Asked::FullName => !words(&self.clue.text).is_empty(),
            _ => !self.probes.is_empty(),
        }
    }

    /// Tells whether the text is what a subject holds, or is called.
    fn agrees(&self, row: &Row) -> bool {
        match self.clue.asked {
            Asked::FullName => row
                .full_name()
                .is_some_and(|name| is_same_name(name, &self.clue.text)),
            _ => self.held_as(row).is_some(),
        }
    }

    /// Tells whether the text is another one than what a subject holds or is called, or nothing that such a subject has.
    pub(super) fn contradicts(&self, row: &Row) -> bool {
        let is_said = match self.clue.asked {
            Asked::FullName => {
                row.subject == Subject::Device
                    || row.full_name().is_some_and(|name| !words(name).is_empty())
            }
            Asked::As(kind) => Subject::of(kind) != row.subject || row.has(field_kind(kind)),
            Asked::Any => true,
        };
        is_said && self.is_parsed() && !self.agrees(row)
    }
}

/// Tells whether two texts name a person alike: the same words, whatever their case, order and commas.
fn is_same_name(left: &str, right: &str) -> bool {
    let left = words(left);
    !left.is_empty() && left == words(right)
}

/// Returns the words of what a person is called; none for a placeholder, which says nothing.
fn words(name: &str) -> Vec<String> {
    if name.len() > NAME_BYTES_AT_MOST {
        return Vec::new();
    }
    let name = identifier::folded(name).filter(|name| !identifier::is_no_name(name));
    let name = name.unwrap_or_default();
    let words = name.split(|letter: char| letter == ',' || letter.is_whitespace());
    let mut words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.sort_unstable();
    words
}
