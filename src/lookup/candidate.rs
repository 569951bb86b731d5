//! A candidate: a subject that holds a value asked for, and what was found of it.

use std::rc::Rc;

use super::evidence::{Evidence, Level};
use super::history::Move;
use super::row::Row;
use crate::identifier::Kind;

/// A subject that holds a value asked for.
pub(super) struct Candidate {
    pub(super) row: Rc<Row>,
    pub(super) level: Level,
    pub(super) evidence: Vec<Evidence>,
    /// The kinds of the fields that agree: a name that agrees whole and bare agrees once.
    pub(super) kinds: Vec<Kind>,
    pub(super) has_weak_sid: bool,
    /// How it came to hold what somebody else held before.
    pub(super) moved: Option<Move>,
}

impl Candidate {
    /// Begins with a subject of which nothing was found yet.
    pub(super) fn new(row: Rc<Row>, level: Level) -> Candidate {
        Candidate {
            row,
            level,
            evidence: Vec::new(),
            kinds: Vec::new(),
            has_weak_sid: false,
            moved: None,
        }
    }

    /// Keeps, of each kind, the evidence that was observed last; of equal ones the smallest key.
    pub(super) fn take(&mut self, new: Evidence) {
        match self.evidence.iter_mut().find(|one| one.kind == new.kind) {
            Some(known) if new.rank() < known.rank() => *known = new,
            Some(_) => {}
            None => self.evidence.push(new),
        }
    }
}
