//! Finding: from a query to the subjects that fit all of its texts, and what is to be known of the answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;

use super::answer::{self, Flag, Match, Outcome, Skipped, Verdict};
use super::evidence::{Evidence, Level};
use super::found::Found;
use super::generation::Generation;
use super::heard::Heard;
use super::query::{Clue, Probe, Query, field_kind, probes_of};
use super::rank;
use super::reader::Reader;
use super::row::{Row, SubjectId};
use super::search::{Holder, Search, Trace};
use super::waiting::Waiting;
use crate::identifier::{self, Kind};
use crate::schema::Subject;

/// What a query comes to.
pub(super) struct Findings {
    pub(super) outcome: Outcome,
    pub(super) matches: Vec<Match>,
    pub(super) skipped: Skipped,
    pub(super) non_identifying: Vec<Kind>,
    pub(super) flags: Vec<Flag>,
    /// What became of each of several texts; empty for one.
    pub(super) clues: Vec<answer::Clue>,
}

/// Looks a query up in a generation.
pub(super) fn find(
    reader: &Reader,
    generation: &Generation,
    query: &Query,
    max_holders: u32,
) -> rusqlite::Result<Findings> {
    let mut finding = Finding {
        search: Search::new(reader, generation, max_holders as usize),
        query,
        candidates: Vec::new(),
        heard: Vec::new(),
    };
    for clue in query.clues() {
        finding.hear(clue)?;
    }
    finding.settle()
}

/// A query that is being answered.
struct Finding<'a> {
    search: Search<'a>,
    query: &'a Query,
    candidates: Vec<Candidate>,
    /// What was found of each clue, in the order of the query.
    heard: Vec<Heard<'a>>,
}

/// A subject that holds a value asked for.
struct Candidate {
    row: Rc<Row>,
    level: Level,
    evidence: Vec<Evidence>,
    /// The kinds of the fields that agree: a name that agrees whole and bare agrees once.
    kinds: Vec<Kind>,
    has_weak_sid: bool,
    /// Since when it holds what somebody else held before.
    moved_at: Option<Timestamp>,
}

impl<'a> Finding<'a> {
    /// Looks up one of the query's texts.
    fn hear(&mut self, clue: &'a Clue) -> rusqlite::Result<()> {
        let mut heard = Heard::new(clue);
        let looked_up = self.search.look_up(&heard.probes)?;
        let moved = self.search.moved(&looked_up)?;
        for Trace { probe, holders, .. } in looked_up {
            match holders {
                Some(holders) => {
                    heard.is_held |= !holders.is_empty();
                    self.add(clue, probe, holders, &moved)?;
                }
                None => heard.non_identifying.push(probe.kind),
            }
        }
        self.heard.push(heard);
        Ok(())
    }

    fn add(
        &mut self,
        clue: &Clue,
        probe: &Probe,
        holders: Vec<Holder>,
        moved: &BTreeMap<SubjectId, Timestamp>,
    ) -> rusqlite::Result<()> {
        for holder in holders {
            let level = probe
                .level
                .unwrap_or(match clue.text.trim() == holder.value {
                    true => Level::Exact,
                    false => Level::Folded,
                });
            let evidence = match self.query.is_ids_only {
                true => None,
                false => self
                    .search
                    .evidence(probe.kind, holder.value, holder.said)?,
            };
            let since = moved.get(&holder.subject.key());
            let candidate = self.candidate(holder.subject, level);
            candidate.moved_at = candidate.moved_at.max(since.copied());
            candidate.has_weak_sid |= holder.is_weak_sid;
            let kind = field_kind(probe.kind);
            if !candidate.kinds.contains(&kind) {
                candidate.kinds.push(kind);
            }
            if let Some(evidence) = evidence {
                candidate.take(evidence);
            }
        }
        Ok(())
    }

    /// Returns a subject among the candidates, where it is put if it is new.
    fn candidate(&mut self, row: Rc<Row>, level: Level) -> &mut Candidate {
        let known = |one: &Candidate| one.row.key() == row.key();
        let at = match self.candidates.iter().position(known) {
            Some(at) => at,
            None => {
                self.candidates.push(Candidate {
                    row,
                    level,
                    evidence: Vec::new(),
                    kinds: Vec::new(),
                    has_weak_sid: false,
                    moved_at: None,
                });
                self.candidates.len() - 1
            }
        };
        let candidate = &mut self.candidates[at];
        candidate.level = candidate.level.min(level);
        candidate
    }

    /// Shows those who fit by rank, and says what is to be known of the answer.
    fn settle(mut self) -> rusqlite::Result<Findings> {
        let mut skipped = Skipped::default();
        let (fitting, is_anybody_found) = self.fitting(&mut skipped);
        let is_confusable = self.is_confusable(&fitting)?;
        let clues = self.clues(&fitting);
        // What a match does not hold and others do, few or many, says that somebody else may be meant.
        let is_split = clues
            .iter()
            .any(|clue| matches!(clue.verdict, Verdict::Elsewhere | Verdict::TooMany));
        let mut flags = Vec::new();
        if is_confusable && fitting.is_empty() {
            flags.push(Flag::ConfusableWithKnown);
        }
        if is_split && is_anybody_found {
            flags.push(Flag::Contradiction);
        }
        self.search.forget_rows();
        let mut matches = Vec::with_capacity(fitting.len());
        for candidate in fitting {
            let mut shown = self.shown(candidate, &mut skipped)?;
            shown
                .flags
                .extend(is_confusable.then_some(Flag::Confusable));
            matches.push(shown);
        }
        matches.sort_by(|left, right| match_rank(left).cmp(&match_rank(right)));
        Ok(Findings {
            outcome: self.outcome(&matches, is_split),
            matches,
            skipped,
            non_identifying: self.non_identifying(),
            flags,
            clues,
        })
    }

    /// Takes the candidates that are not passed over for their class and that no clue contradicts. Tells also whether
    /// there was one before the clues were asked.
    fn fitting(&mut self, skipped: &mut Skipped) -> (Vec<Candidate>, bool) {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain(|one| {
            let is_account = one.row.subject == Subject::Account;
            let is_skipped = is_account && self.query.passes_over(one.row.class);
            if is_skipped {
                skipped.add(one.row.class);
            }
            !is_skipped
        });
        let is_anybody_found = !candidates.is_empty();
        if self.query.has_several() {
            candidates.retain(|one| self.heard.iter().all(|heard| !heard.contradicts(&one.row)));
        }
        (candidates, is_anybody_found)
    }

    fn outcome(&self, matches: &[Match], is_split: bool) -> Outcome {
        let is_unparseable = self.heard.iter().all(|heard| heard.probes.is_empty());
        match matches.len() {
            _ if is_unparseable => Outcome::Unparseable,
            0 => Outcome::None,
            1 if !is_split && self.heard.iter().any(Heard::is_clear) => Outcome::One,
            _ => Outcome::Several,
        }
    }

    /// Returns the kinds as which texts are held by too many.
    fn non_identifying(&self) -> Vec<Kind> {
        let kinds = self.heard.iter().flat_map(|heard| &heard.non_identifying);
        let kinds: BTreeSet<Kind> = kinds.copied().collect();
        kinds.into_iter().collect()
    }

    /// Tells whether a text has letters that look like others, and is with those what another subject holds.
    fn is_confusable(&self, candidates: &[Candidate]) -> rusqlite::Result<bool> {
        for heard in self
            .heard
            .iter()
            .filter(|heard| !heard.clue.text.is_ascii())
        {
            let folded = identifier::folded(&heard.clue.text);
            let Some(skeleton) = folded.and_then(|text| identifier::ascii_skeleton(&text)) else {
                continue;
            };
            for probe in probes_of(heard.clue.kinds(), &skeleton) {
                let holders = self.search.holders(&probe, &self.search.filed(&probe)?)?;
                let is_another = |holder: &Holder| {
                    let mut known = candidates.iter().map(|one| one.row.key());
                    known.all(|known| known != holder.subject.key())
                };
                if holders.is_none_or(|holders| holders.iter().any(is_another)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Says what became of each of several texts.
    fn clues(&self, candidates: &[Candidate]) -> Vec<answer::Clue> {
        if !self.query.has_several() {
            return Vec::new();
        }
        let heard = self.heard.iter();
        let rows = || candidates.iter().map(|one| &*one.row);
        heard.map(|heard| heard.shown(rows())).collect()
    }

    fn shown(&self, candidate: Candidate, skipped: &mut Skipped) -> rusqlite::Result<Match> {
        let Candidate {
            row,
            level,
            mut evidence,
            kinds,
            has_weak_sid,
            moved_at,
        } = candidate;
        evidence.sort_by_key(|one| one.kind);
        let mut flags = Vec::new();
        flags.extend(has_weak_sid.then_some(Flag::WeakSid));
        flags.extend(moved_at.map(|_| Flag::Moved));
        let strength = self.strength(&row);
        let has_stable_key = kinds.iter().any(|kind| match kind {
            Kind::Sid => !has_weak_sid,
            kind => matches!(kind, Kind::Uid | Kind::DeviceUid | Kind::CollectorUid),
        });
        let waiting = self.waiting(&row)?;
        let row = Rc::unwrap_or_clone(row);
        let subject = match row.subject {
            Subject::Account => self.account(row)?,
            Subject::Device => self.device(row, skipped)?,
        };
        Ok(Match {
            subject,
            level,
            strength,
            has_stable_key,
            evidence,
            waiting,
            flags,
            moved_at,
        })
    }

    /// Counts the independent identifiers that agree. Kinds that hold the same text are not independent of one another.
    fn strength(&self, row: &Row) -> u32 {
        if !self.query.has_several() {
            return 1;
        }
        let agreeing = self
            .heard
            .iter()
            .filter_map(|heard| heard.identifier_of(row));
        let values: BTreeSet<String> = agreeing.collect();
        // At least one found it.
        values.len().max(1) as u32
    }

    fn waiting(&self, row: &Row) -> rusqlite::Result<Waiting> {
        match row.is_waited_for() && !self.query.is_ids_only {
            true => Waiting::read(self.search.reader, row.subject, row.id),
            false => Ok(Waiting::default()),
        }
    }

    fn account(&self, row: Row) -> rusqlite::Result<Found> {
        let (devices, devices_left_out) = match self.query.is_ids_only {
            true => (Vec::new(), 0),
            false => {
                let devices = rank::devices_of(self.search.reader, row.id)?;
                (devices.list, devices.left_out)
            }
        };
        Ok(Found::Account {
            account: row.into_account(),
            devices,
            devices_left_out,
        })
    }

    fn device(&self, row: Row, skipped: &mut Skipped) -> rusqlite::Result<Found> {
        let (reader, is_all_classes) = (self.search.reader, self.query.is_all_classes);
        let (is_shared, accounts, accounts_left_out) = match self.query.is_ids_only {
            true => (false, Vec::new(), 0),
            false => {
                let is_shared = row.is_shared();
                let accounts =
                    rank::accounts_of(reader, row.id, is_shared, is_all_classes, skipped)?;
                (is_shared, accounts.list, accounts.left_out)
            }
        };
        Ok(Found::Device {
            device: row.into_device(),
            is_shared,
            accounts,
            accounts_left_out,
        })
    }
}

impl Candidate {
    /// Keeps, of each kind, the evidence that was observed last; of equal ones the smallest key.
    fn take(&mut self, new: Evidence) {
        match self.evidence.iter_mut().find(|one| one.kind == new.kind) {
            Some(known) if new.rank() < known.rank() => *known = new,
            Some(_) => {}
            None => self.evidence.push(new),
        }
    }
}

/// The better level first, then more evidence, then what was seen last; ids and names settle what is left.
fn match_rank(one: &Match) -> impl Ord + '_ {
    let (last_seen, ids) = match &one.subject {
        Found::Account { account: it, .. } => {
            let ids = [&it.uid, &it.sid, &it.account_name, &it.upn, &it.email];
            (it.last_seen, ids)
        }
        Found::Device { device: it, .. } => {
            let ids = [
                &it.uid,
                &it.collector_uid,
                &it.name,
                &it.serial_number,
                &it.model,
            ];
            (it.last_seen, ids)
        }
    };
    (one.level, Reverse(one.strength), Reverse(last_seen), ids)
}
