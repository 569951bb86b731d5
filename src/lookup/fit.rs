//! Fit: who of those that were found fits all texts of a query, and whether anybody does only because the others do not.

use super::candidate::Candidate;
use super::heard::{Heard, Stand};
use super::query::Asked;
use crate::identifier::Kind;

/// Those that were found.
pub(super) struct Fit {
    pub(super) fitting: Vec<Candidate>,
    /// Those whom a text contradicts.
    pub(super) contradicted: Vec<Candidate>,
}

impl Fit {
    /// Sets several texts against those that were found.
    pub(super) fn of(candidates: Vec<Candidate>, heard: &[Heard]) -> Fit {
        let is_contradicted = |one: &Candidate| {
            let mut stands = heard.iter().map(|heard| heard.stand(&one.row));
            stands.any(|stand| stand == Stand::Contradicts)
        };
        let (contradicted, mut fitting): (Vec<Candidate>, Vec<Candidate>) =
            candidates.into_iter().partition(is_contradicted);
        for one in heard {
            match one.clue.asked {
                Asked::FullName => leave_who_is_called_so(&mut fitting, one),
                Asked::As(Kind::Sid | Kind::Uid | Kind::Upn) => {
                    leave_who_holds(&mut fitting, one, heard);
                }
                _ => {}
            }
        }
        Fit {
            fitting,
            contradicted,
        }
    }

    /// Has all fit, of one text.
    pub(super) fn whole(candidates: Vec<Candidate>) -> Fit {
        Fit {
            fitting: candidates,
            contradicted: Vec::new(),
        }
    }

    /// Tells whether somebody is left of whom nothing is known that the texts could contradict, and others are not for what they
    /// are known by: it may well be one of those who is meant, by a nickname, say.
    pub(super) fn is_by_exclusion(&self, heard: &[Heard]) -> bool {
        let is_left = |one: &Candidate, other: &Candidate| {
            let mut against = heard
                .iter()
                .filter(|heard| heard.stand(&other.row) == Stand::Contradicts);
            one.row.subject == other.row.subject && !against.any(|heard| heard.speaks_for(&one.row))
        };
        let mut fitting = self.fitting.iter();
        fitting.any(|one| self.contradicted.iter().any(|other| is_left(one, other)))
    }

    /// Tells whether a name is just that of somebody whom another text contradicts, and of nobody who is left.
    pub(super) fn is_anothers_name(&self, heard: &[Heard]) -> bool {
        let mut names = heard
            .iter()
            .filter(|heard| heard.clue.asked == Asked::FullName);
        names.any(|name| {
            let is_called_so = |one: &Candidate| name.stand(&one.row) == Stand::Agrees;
            self.contradicted.iter().any(is_called_so) && !self.fitting.iter().any(is_called_so)
        })
    }

    /// Tells whether a text contradicts somebody, and speaks for nobody who is left.
    pub(super) fn is_of_nobody(&self, heard: &Heard) -> bool {
        let mut contradicted = self.contradicted.iter();
        contradicted.any(|one| heard.stand(&one.row) == Stand::Contradicts)
            && !self.fitting.iter().any(|one| heard.speaks_for(&one.row))
    }
}

/// Whoever is called just so leaves out those who are called so in part, but for whom an initial may stand.
fn leave_who_is_called_so(fitting: &mut Vec<Candidate>, name: &Heard) {
    let is_called_so = |one: &Candidate| name.stand(&one.row) == Stand::Agrees;
    if fitting.iter().any(is_called_so) {
        fitting.retain(|one| is_called_so(one) || name.is_shortened(&one.row));
    }
}

/// Whoever holds what is given to one at a time leaves out those who have none, if all that agrees with them does with him, too.
fn leave_who_holds(fitting: &mut Vec<Candidate>, identifier: &Heard, all: &[Heard]) {
    let agrees = |heard: &Heard, one: &Candidate| heard.stand(&one.row) == Stand::Agrees;
    let agreeing =
        |one: &Candidate| -> Vec<bool> { all.iter().map(|heard| agrees(heard, one)).collect() };
    let holders = fitting.iter().filter(|one| agrees(identifier, one));
    let holders: Vec<Vec<bool>> = holders.map(agreeing).collect();
    let is_more = |holder: &Vec<bool>, one: &[bool]| {
        let mut both = holder.iter().zip(one);
        both.all(|(holder, one)| *holder || !*one)
    };
    fitting.retain(|one| {
        let own = agreeing(one);
        let has_none = identifier.stand(&one.row) == Stand::SaysNothing;
        !has_none || !holders.iter().any(|holder| is_more(holder, &own))
    });
}
