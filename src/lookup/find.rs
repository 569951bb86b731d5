//! Finding: from a query's probes to the subjects that hold what is asked for now.
//!
//! The identifier table only says where to look. It keeps what a subject was once known by, and different values may
//! share a hash, so every hit is compared with the subject's row.

use std::cmp::Reverse;

use rusqlite::{Connection, OptionalExtension, params};

use super::answer::{Evidence, Flag, Found, Level, Match, Outcome, Skipped};
use super::query::{Probe, Query, field_kind};
use super::rank;
use super::row::{Row, time};
use crate::bucket::{Hash, IN_CROWD, MAX_ID, bucket_of, kind_and_id, reference, references_in};
use crate::identifier::Kind;
use crate::schema::{Class, Subject};

/// Rows that are read for one value that more than a bucket's share ever held; more make it non-identifying.
const READ_AT_MOST: usize = 4_096;

const BUCKET: &str = "SELECT entries FROM identifier WHERE bucket = ?1";
const IN_CROWD_OF: &str = "SELECT reference FROM crowd
     WHERE hash = ?1 AND rest = ?2 AND reference BETWEEN ?3 AND ?4";
const OBJECT: &str = "SELECT observed_at, key FROM object WHERE id = ?1";

/// What a query comes to.
pub(super) struct Findings {
    pub(super) outcome: Outcome,
    pub(super) matches: Vec<Match>,
    pub(super) skipped: Skipped,
    pub(super) non_identifying: Vec<Kind>,
}

/// Looks a query up in a generation whose buckets are named by `bits`.
pub(super) fn find(
    connection: &Connection,
    bits: u32,
    query: &Query,
    max_holders: u32,
) -> rusqlite::Result<Findings> {
    let mut search = Search {
        connection,
        bits,
        query,
        max_holders: max_holders as usize,
        candidates: Vec::new(),
        non_identifying: Vec::new(),
    };
    let probes = query.probes();
    for same in probes.chunk_by(|left, right| left.normal == right.normal) {
        search.probe(same)?;
    }
    search.settle(probes.is_empty())
}

struct Search<'a> {
    connection: &'a Connection,
    bits: u32,
    query: &'a Query,
    max_holders: usize,
    candidates: Vec<Candidate>,
    non_identifying: Vec<Kind>,
}

/// A subject that holds a value asked for.
struct Candidate {
    row: Row,
    level: Level,
    evidence: Vec<Evidence>,
    /// The kinds of the fields that agree: a name that agrees whole and bare agrees once.
    kinds: Vec<Kind>,
}

/// A subject that holds a probe's value, by the part through which it was found.
struct Holder {
    subject: Row,
    /// The subject's value, as exported.
    value: String,
    /// The object and row that say so.
    said: (u32, u32),
}

impl Search<'_> {
    /// Looks up probes of one normal form.
    fn probe(&mut self, probes: &[Probe]) -> rusqlite::Result<()> {
        let Some(first) = probes.first() else {
            return Ok(());
        };
        let hash = Hash::of(&first.normal);
        let references = self.references(hash)?;
        for probe in probes {
            let holders = match references.contains(&IN_CROWD) {
                false => self.holders(probe, &references)?,
                true => match self.crowd(hash, probe)? {
                    crowd if crowd.len() >= READ_AT_MOST => None,
                    crowd => self.holders(probe, &crowd)?,
                },
            };
            match holders {
                Some(holders) => self.add(probe, holders)?,
                None => self.non_identifying.push(probe.kind),
            }
        }
        Ok(())
    }

    fn references(&self, hash: Hash) -> rusqlite::Result<Vec<u32>> {
        let mut select = self.connection.prepare_cached(BUCKET)?;
        let found = select.query_row([bucket_of(hash.high, self.bits)], |row| {
            Ok(references_in(row.get_ref(0)?.as_blob()?, hash).collect())
        });
        Ok(found.optional()?.unwrap_or_default())
    }

    fn crowd(&self, hash: Hash, probe: &Probe) -> rusqlite::Result<Vec<u32>> {
        let mut select = self.connection.prepare_cached(IN_CROWD_OF)?;
        let mut references = Vec::new();
        for kind in Kind::ALL
            .into_iter()
            .filter(|kind| probe.is_filed_as(*kind))
        {
            let range = (reference(kind, 0), reference(kind, MAX_ID));
            let found = select.query_map(
                params![hash.high as i64, hash.low, range.0, range.1],
                |row| row.get(0),
            )?;
            for one in found.take(READ_AT_MOST) {
                references.push(one?);
            }
        }
        Ok(references)
    }

    /// Returns the subjects that hold the value now; `None` when there are more than identify anybody.
    fn holders(&self, probe: &Probe, references: &[u32]) -> rusqlite::Result<Option<Vec<Holder>>> {
        let mut holders: Vec<Holder> = Vec::new();
        for (kind, id) in references.iter().copied().filter_map(kind_and_id) {
            if !probe.is_filed_as(kind) {
                continue;
            }
            holders.extend(self.holder(probe, Subject::of(kind), id)?);
            if count_subjects(&holders) > self.max_holders {
                return Ok(None);
            }
        }
        Ok(Some(holders))
    }

    /// Returns the subject of a part, if the subject holds the value now.
    fn holder(
        &self,
        probe: &Probe,
        subject: Subject,
        part: u32,
    ) -> rusqlite::Result<Option<Holder>> {
        let read = |id| Row::read(self.connection, subject, id);
        let Some(part) = read(part)? else {
            return Ok(None);
        };
        let whole = match part.subject_id() {
            None => return Ok(None),
            Some(id) if id == part.id => None,
            Some(id) => match read(id)? {
                None => return Ok(None),
                whole => whole,
            },
        };
        let seen = match &whole {
            // Of several parts, one whose own value it is says so.
            Some(whole) if part.value(probe).is_none() => whole.seen,
            _ => part.seen,
        };
        let row = whole.unwrap_or(part);
        Ok(row.value(probe).map(str::to_owned).map(|value| Holder {
            subject: row,
            value,
            said: (seen.object, seen.row),
        }))
    }

    fn add(&mut self, probe: &Probe, holders: Vec<Holder>) -> rusqlite::Result<()> {
        for holder in holders {
            let level = probe
                .level
                .unwrap_or(match self.query.text.trim() == holder.value {
                    true => Level::Exact,
                    false => Level::Folded,
                });
            let evidence = match self.query.is_ids_only {
                true => None,
                false => self.evidence(probe.kind, holder.value, holder.said)?,
            };
            let candidate = self.candidate(holder.subject, level);
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
    fn candidate(&mut self, row: Row, level: Level) -> &mut Candidate {
        let known = |one: &Candidate| (one.row.subject, one.row.id) == (row.subject, row.id);
        let at = match self.candidates.iter().position(known) {
            Some(at) => at,
            None => {
                self.candidates.push(Candidate {
                    row,
                    level,
                    evidence: Vec::new(),
                    kinds: Vec::new(),
                });
                self.candidates.len() - 1
            }
        };
        let candidate = &mut self.candidates[at];
        candidate.level = candidate.level.min(level);
        candidate
    }

    fn evidence(
        &self,
        kind: Kind,
        value: String,
        (object, row): (u32, u32),
    ) -> rusqlite::Result<Option<Evidence>> {
        let mut select = self.connection.prepare_cached(OBJECT)?;
        let found = select.query_row([object], |found| {
            Ok(time(found.get(0)?).map(|observed_at| (observed_at, found.get(1))))
        });
        let Some((observed_at, object)) = found.optional()?.flatten() else {
            return Ok(None);
        };
        Ok(Some(Evidence {
            kind,
            value,
            observed_at,
            object: object?,
            row,
        }))
    }

    /// Passes over the classes that were not asked for, and shows the others by rank.
    fn settle(mut self, is_unparseable: bool) -> rusqlite::Result<Findings> {
        let mut skipped = Skipped::default();
        let is_skipped =
            |row: &Row| row.subject == Subject::Account && is_passed_over(self.query, row.class);
        self.candidates.retain(|one| {
            let is_skipped = is_skipped(&one.row);
            if is_skipped {
                skipped.add(one.row.class);
            }
            !is_skipped
        });
        let mut matches = Vec::with_capacity(self.candidates.len());
        for candidate in std::mem::take(&mut self.candidates) {
            matches.push(self.shown(candidate, &mut skipped)?);
        }
        matches.sort_by(|left, right| match_rank(left).cmp(&match_rank(right)));
        self.non_identifying.sort_unstable();
        self.non_identifying.dedup();
        Ok(Findings {
            outcome: match matches.len() {
                _ if is_unparseable => Outcome::Unparseable,
                0 => Outcome::None,
                1 if self.non_identifying.is_empty() => Outcome::One,
                // Also for a single match when the value is, as another kind, held by too many to be shown: what the
                // query means is not clear then.
                _ => Outcome::Several,
            },
            matches,
            skipped,
            non_identifying: self.non_identifying,
        })
    }

    fn shown(&self, candidate: Candidate, skipped: &mut Skipped) -> rusqlite::Result<Match> {
        let Candidate {
            row,
            level,
            mut evidence,
            kinds,
        } = candidate;
        evidence.sort_by_key(|one| one.kind);
        let flags = match kinds.contains(&Kind::Sid) && row.has_weak_sid() {
            true => vec![Flag::WeakSid],
            false => Vec::new(),
        };
        let subject = match row.subject {
            Subject::Account => self.account(row)?,
            Subject::Device => self.device(row, skipped)?,
        };
        Ok(Match {
            subject,
            level,
            // One value was asked for: kinds that hold the same text are not independent of one another.
            strength: 1,
            evidence,
            flags,
        })
    }

    fn account(&self, row: Row) -> rusqlite::Result<Found> {
        let (devices, devices_left_out) = match self.query.is_ids_only {
            true => (Vec::new(), 0),
            false => {
                let devices = rank::devices_of(self.connection, row.id)?;
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
                let is_shared = rank::is_shared(self.connection, row.id)?;
                let accounts =
                    rank::accounts_of(self.connection, row.id, is_shared, is_all_classes, skipped)?;
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
        let rank = |one: &Evidence| (Reverse(one.observed_at), one.object.clone(), one.row);
        match self.evidence.iter_mut().find(|one| one.kind == new.kind) {
            Some(known) if rank(&new) < rank(known) => *known = new,
            Some(_) => {}
            None => self.evidence.push(new),
        }
    }
}

fn is_passed_over(query: &Query, class: Class) -> bool {
    class.is_skipped() && !query.is_all_classes
}

/// Counts the subjects among holders, of which several parts may be one.
fn count_subjects(holders: &[Holder]) -> usize {
    let is_first = |(at, holder): &(usize, &Holder)| {
        let before = &holders[..*at];
        before
            .iter()
            .all(|other| other.subject.id != holder.subject.id)
    };
    holders.iter().enumerate().filter(is_first).count()
}

/// The better level first, then more evidence, then what was seen last; uids and names settle what is left.
fn match_rank(one: &Match) -> impl Ord {
    let (last_seen, uid, name) = match &one.subject {
        Found::Account { account, .. } => (account.last_seen, &account.uid, &account.account_name),
        Found::Device { device, .. } => (device.last_seen, &device.uid, &device.name),
    };
    let (uid, name) = (uid.clone(), name.clone());
    (
        one.level,
        Reverse(one.strength),
        Reverse(last_seen),
        uid,
        name,
    )
}
