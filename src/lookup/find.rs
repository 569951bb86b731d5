//! Finding: from a query's probes to the subjects that hold what is asked for now.
//!
//! The identifier table only says where to look. It keeps what a subject was once known by, and different values may
//! share a hash, so every hit is compared with the subject's row.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::answer::{
    self, Account, Device, Evidence, Flag, Found, Level, Match, Outcome, Skipped, Verdict,
};
use super::generation::Generation;
use super::heard::Heard;
use super::history::LookedUp;
use super::query::{Clue, Probe, Query, field_kind, probes_of};
use super::rank;
use super::reader::Reader;
use super::row::Row;
use crate::bucket::{Hash, IN_CROWD, MAX_ID, bucket_of, kind_and_id, reference, references_in};
use crate::identifier::{self, Kind};
use crate::schema::{Class, Subject};

/// Rows that are read for one value that more than a bucket's share ever held; more make it non-identifying.
const READ_AT_MOST: usize = 4_096;

const BUCKET: &str = "SELECT entries FROM identifier WHERE bucket = ?1";
const IN_CROWD_OF: &str = "SELECT reference FROM crowd
     WHERE hash = ?1 AND rest = ?2 AND reference BETWEEN ?3 AND ?4";

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
    let mut search = Search::new(reader, generation, query, max_holders as usize);
    for clue in query.clues() {
        search.hear(clue)?;
    }
    search.settle()
}

pub(super) struct Search<'a> {
    pub(super) reader: &'a Reader,
    pub(super) generation: &'a Generation,
    query: &'a Query,
    max_holders: usize,
    candidates: Vec<Candidate>,
    /// What was found of each clue, in the order of the query.
    heard: Vec<Heard<'a>>,
    /// Rows read of late: kinds that hold the same text mean the same row.
    rows: RefCell<Vec<Rc<Row>>>,
}

/// Rows that are kept at hand.
const ROWS_KEPT: usize = 8;

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

/// A subject that holds a probe's value, by the part through which it was found.
pub(super) struct Holder {
    pub(super) subject: Rc<Row>,
    /// The subject's value, as exported.
    pub(super) value: String,
    /// The object and row that say so.
    pub(super) said: (u32, u32),
    /// The value is a SID that proves nothing by itself.
    pub(super) is_weak_sid: bool,
}

impl<'a> Search<'a> {
    /// Begins to look a query up.
    pub(super) fn new(
        reader: &'a Reader,
        generation: &'a Generation,
        query: &'a Query,
        max_holders: usize,
    ) -> Search<'a> {
        Search {
            reader,
            generation,
            query,
            max_holders,
            candidates: Vec::new(),
            heard: Vec::new(),
            rows: RefCell::default(),
        }
    }

    /// Looks up one of the query's texts.
    fn hear(&mut self, clue: &'a Clue) -> rusqlite::Result<()> {
        let mut heard = Heard::new(clue);
        let mut looked_up = Vec::with_capacity(heard.probes.len());
        let same = |left: &Probe, right: &Probe| left.normal == right.normal;
        for probes in heard.probes.chunk_by(same) {
            self.probe(probes, &mut looked_up)?;
        }
        let moved = self.moved(&looked_up)?;
        for LookedUp { probe, holders, .. } in looked_up {
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

    /// Looks up probes of one normal form.
    fn probe<'p, 'q>(
        &self,
        probes: &'p [Probe<'q>],
        looked_up: &mut Vec<LookedUp<'p, 'q>>,
    ) -> rusqlite::Result<()> {
        let Some(first) = probes.first() else {
            return Ok(());
        };
        let hash = Hash::of(&first.normal);
        let found = self.references(hash)?;
        if found.is_empty() {
            return Ok(());
        }
        for probe in probes {
            let parts = self.parts(probe, hash, &found)?;
            let holders = match parts.len() {
                0 => continue,
                READ_AT_MOST.. => None,
                _ => self.holders(probe, &parts)?,
            };
            looked_up.push(LookedUp {
                probe,
                parts,
                holders,
            });
        }
        Ok(())
    }

    fn references(&self, hash: Hash) -> rusqlite::Result<Vec<u32>> {
        let mut select = self.reader.prepare_cached(BUCKET)?;
        let found = select.query_row([bucket_of(hash.high, self.generation.bits)], |row| {
            Ok(references_in(row.get_ref(0)?.as_blob()?, hash).collect())
        });
        Ok(found.optional()?.unwrap_or_default())
    }

    /// Returns the parts that a probe's value leads to, those of a crowd up to a limit.
    pub(super) fn filed(&self, probe: &Probe) -> rusqlite::Result<Vec<u32>> {
        let hash = Hash::of(&probe.normal);
        self.parts(probe, hash, &self.references(hash)?)
    }

    fn parts(&self, probe: &Probe, hash: Hash, found: &[u32]) -> rusqlite::Result<Vec<u32>> {
        if found.contains(&IN_CROWD) {
            return self.crowd(hash, probe);
        }
        let found = found.iter().copied().filter_map(kind_and_id);
        Ok(found
            .filter_map(|(kind, part)| probe.is_filed_as(kind).then_some(part))
            .collect())
    }

    fn crowd(&self, hash: Hash, probe: &Probe) -> rusqlite::Result<Vec<u32>> {
        let mut select = self.reader.prepare_cached(IN_CROWD_OF)?;
        let mut parts = Vec::new();
        for kind in Kind::ALL
            .into_iter()
            .filter(|kind| probe.is_filed_as(*kind))
        {
            let range = (reference(kind, 0), reference(kind, MAX_ID));
            let found = select.query_map(
                params![hash.high as i64, hash.low, range.0, range.1],
                |row| row.get::<_, u32>(0),
            )?;
            for one in found.take(READ_AT_MOST) {
                parts.push(one? & MAX_ID);
            }
        }
        Ok(parts)
    }

    /// Returns the subjects that hold the value now; `None` when there are more than identify anybody.
    fn holders(&self, probe: &Probe, parts: &[u32]) -> rusqlite::Result<Option<Vec<Holder>>> {
        let mut holders: Vec<Holder> = Vec::new();
        let mut subjects = 0;
        for part in parts {
            let Some(holder) = self.holder(probe, *part)? else {
                continue;
            };
            // Several parts may be of one subject.
            let is_same = |other: &Holder| other.subject.id == holder.subject.id;
            subjects += usize::from(!holders.iter().any(is_same));
            holders.push(holder);
            if subjects > self.max_holders {
                return Ok(None);
            }
        }
        Ok(Some(holders))
    }

    /// Returns the subject of a part, if the subject holds the value now.
    pub(super) fn holder(&self, probe: &Probe, part: u32) -> rusqlite::Result<Option<Holder>> {
        let subject = Subject::of(probe.kind);
        let Some(part) = self.row(subject, part)? else {
            return Ok(None);
        };
        let whole = match part.subject_id() {
            None => return Ok(None),
            Some(id) if id == part.id => None,
            Some(id) => match self.row(subject, id)? {
                None => return Ok(None),
                whole => whole,
            },
        };
        let seen = match &whole {
            // Of several parts, one whose own value it is says so.
            Some(whole) if part.value(probe).is_none() => whole.seen,
            _ => part.seen,
        };
        // A merged account does not say of its parts' SID what they do.
        let is_weak_sid = probe.kind == Kind::Sid
            && (part.has_weak_sid() || whole.as_ref().is_some_and(|whole| whole.has_weak_sid()));
        let row = whole.unwrap_or(part);
        Ok(row.value(probe).map(str::to_owned).map(|value| Holder {
            subject: row,
            value,
            said: (seen.object, seen.row),
            is_weak_sid,
        }))
    }

    /// Returns the subject that a part belongs to now, whatever it holds.
    pub(super) fn subject_of(
        &self,
        subject: Subject,
        part: u32,
    ) -> rusqlite::Result<Option<Rc<Row>>> {
        let Some(part) = self.row(subject, part)? else {
            return Ok(None);
        };
        match part.subject_id() {
            Some(id) if id != part.id => self.row(subject, id),
            Some(_) => Ok(Some(part)),
            None => Ok(None),
        }
    }

    pub(super) fn row(&self, subject: Subject, id: u32) -> rusqlite::Result<Option<Rc<Row>>> {
        let is_it = |row: &&Rc<Row>| (row.subject, row.id) == (subject, id);
        if let Some(known) = self.rows.borrow().iter().find(is_it) {
            return Ok(Some(Rc::clone(known)));
        }
        let row = Row::read(self.reader, subject, id)?.map(Rc::new);
        let mut rows = self.rows.borrow_mut();
        if rows.len() == ROWS_KEPT {
            rows.clear();
        }
        rows.extend(row.clone());
        Ok(row)
    }

    fn add(
        &mut self,
        clue: &Clue,
        probe: &Probe,
        holders: Vec<Holder>,
        moved: &BTreeMap<(Subject, u32), Timestamp>,
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
                false => self.evidence(probe.kind, holder.value, holder.said)?,
            };
            let since = moved.get(&(holder.subject.subject, holder.subject.id));
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
        let known = |one: &Candidate| (one.row.subject, one.row.id) == (row.subject, row.id);
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

    pub(super) fn evidence(
        &self,
        kind: Kind,
        value: String,
        (object, row): (u32, u32),
    ) -> rusqlite::Result<Option<Evidence>> {
        let found = self.reader.object(object)?;
        Ok(found.map(|(observed_at, object)| Evidence {
            kind,
            value,
            observed_at,
            object,
            row,
        }))
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
        // A row that nobody else has is shown without a copy.
        self.rows.take();
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
            let is_skipped = is_account && self.passes_over(one.row.class);
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
                let holders = self.holders(&probe, &self.filed(&probe)?)?;
                let is_another = |holder: &Holder| {
                    let mut known = candidates.iter().map(|one| (one.row.subject, one.row.id));
                    known.all(|known| known != (holder.subject.subject, holder.subject.id))
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

    /// Tells whether accounts of a class are passed over.
    pub(super) fn passes_over(&self, class: Class) -> bool {
        class.is_skipped() && !self.query.is_all_classes
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

    fn account(&self, row: Row) -> rusqlite::Result<Found> {
        let (devices, devices_left_out) = match self.query.is_ids_only {
            true => (Vec::new(), 0),
            false => {
                let devices = rank::devices_of(self.reader, row.id)?;
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
        let is_all_classes = self.query.is_all_classes;
        let (is_shared, accounts, accounts_left_out) = match self.query.is_ids_only {
            true => (false, Vec::new(), 0),
            false => {
                let is_shared = rank::is_shared(self.reader, row.id)?;
                let accounts =
                    rank::accounts_of(self.reader, row.id, is_shared, is_all_classes, skipped)?;
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
        Found::Account { account, .. } => {
            let Account {
                uid,
                sid,
                account_name,
                upn,
                ..
            } = account;
            (
                account.last_seen,
                [uid, sid, account_name, upn, &account.email],
            )
        }
        Found::Device { device, .. } => {
            let Device {
                uid,
                collector_uid,
                name,
                serial_number,
                ..
            } = device;
            (
                device.last_seen,
                [uid, collector_uid, name, serial_number, &device.model],
            )
        }
    };
    (one.level, Reverse(one.strength), Reverse(last_seen), ids)
}
