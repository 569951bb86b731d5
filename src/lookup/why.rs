//! Why an answer is what it is: every rule tried, what it found, and what was found and does not answer.
//!
//! For people who ask back, not for a chatbot: it reads everything that a lookup reads, and tells of former holders and
//! of accounts that lookups pass over.

use std::collections::BTreeSet;

use super::answer::Answer;
use super::evidence::Evidence;
use super::generation::Generation;
use super::history::Held;
use super::query::{Clue, Probe, Query, field_kind};
use super::reader::Reader;
use super::row::{Row, SubjectId};
use super::search::{Search, TOLD_APART_AT_MOST};
use crate::identifier::{Kind, Refusal, normal_form};
use crate::schema::{Class, Subject};
use crate::sqlite;

/// Hits that are listed of one rule; all are counted.
const HITS_AT_MOST: usize = 20;

/// An answer, and how it came about.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Why {
    /// What [`Index::find`](super::Index::find) says.
    pub answer: Answer,
    /// The rules in the order in which they were tried.
    pub tried: Vec<Tried>,
}

/// One rule: a text taken for a value of one kind.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Tried {
    /// The text.
    pub text: String,
    /// What it was taken for; `BareName` and `ShortName` are names without their domain.
    pub kind: Kind,
    /// What came of it.
    pub found: Result<LookedUp, Refusal>,
}

/// What a value that could be looked up came to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LookedUp {
    /// The normal form that was looked up.
    pub normal: String,
    /// How many subjects hold it, or once held it.
    pub count: usize,
    /// The first of them.
    pub hits: Vec<Hit>,
}

/// A subject that holds a value, or once held it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hit {
    /// An account or a device.
    pub subject: Subject,
    /// Its uid.
    pub uid: Option<String>,
    /// The SID of an account, the collector uid of a device.
    pub other_id: Option<String>,
    /// Its account name or device name.
    pub name: Option<String>,
    /// The class of an account.
    pub class: Class,
    /// Whether it answers.
    pub verdict: HitVerdict,
    /// When it was seen with the value; none only where the file is damaged.
    pub held: Option<Held>,
    /// Where the value was said, or, of a former one, where the newest row of the subject is.
    pub evidence: Option<Evidence>,
}

/// Whether a hit answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HitVerdict {
    /// It holds the value.
    Holds,
    /// It holds the value, and is a machine or local account: [`Query::all_classes`] includes it.
    Skipped,
    /// It holds the value, and the newest export that lists all that there is does not have it.
    Gone,
    /// It was known by the value and is known by another one now, or passed it on to another.
    Former,
}

impl Hit {
    /// Takes in what another part of the same subject comes to.
    fn join(&mut self, other: Hit) {
        let held = Held::joined(self.held, other.held);
        if other.rank() < self.rank() {
            *self = other;
        }
        self.held = held;
    }

    /// Of several parts of a subject the one that holds the value counts, and of those the one observed last.
    fn rank(&self) -> impl Ord + '_ {
        (self.verdict, self.evidence.as_ref().map(Evidence::rank))
    }

    fn order(&self) -> impl Ord + '_ {
        (
            self.verdict,
            &self.uid,
            &self.other_id,
            &self.name,
            self.rank(),
        )
    }
}

impl HitVerdict {
    /// Returns the name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            HitVerdict::Holds => "holds",
            HitVerdict::Skipped => "skipped",
            HitVerdict::Gone => "gone",
            HitVerdict::Former => "former",
        }
    }
}

/// Tries every rule of a query, in order.
pub(super) fn tried(
    reader: &Reader,
    generation: &Generation,
    query: &Query,
) -> sqlite::Result<Vec<Tried>> {
    let trying = Trying {
        search: Search::new(reader, generation, usize::MAX),
        query,
    };
    let mut tried = Vec::new();
    for clue in query.clues() {
        for kind in clue.kinds() {
            trying.try_kind(clue, kind, &mut tried)?;
        }
    }
    Ok(tried)
}

/// A query whose rules are tried.
struct Trying<'a> {
    search: Search<'a>,
    query: &'a Query,
}

impl Trying<'_> {
    fn try_kind(&self, clue: &Clue, kind: Kind, tried: &mut Vec<Tried>) -> sqlite::Result<()> {
        if let Err(refusal) = normal_form(kind, &clue.text) {
            tried.push(Tried {
                text: clue.text.clone(),
                kind,
                found: Err(refusal),
            });
            return Ok(());
        }
        for probe in clue.probes_as(kind) {
            let mut hits = self.hits(&probe)?;
            let count = hits.len();
            hits.truncate(HITS_AT_MOST);
            tried.push(Tried {
                text: clue.text.clone(),
                kind: probe.kind,
                found: Ok(LookedUp {
                    normal: probe.normal.into_owned(),
                    count,
                    hits,
                }),
            });
        }
        Ok(())
    }

    /// Returns who holds a probe's value or held it: each subject once, those that answer first.
    fn hits(&self, probe: &Probe) -> sqlite::Result<Vec<Hit>> {
        let mut hits: Vec<(u32, Hit)> = Vec::new();
        let parts = self.search.filed(probe)?;
        let passed_on = self.passed_on(probe, &parts)?;
        for part in parts {
            let Some((id, mut hit)) = self.hit(probe, part)? else {
                continue;
            };
            if passed_on.contains(&(hit.subject, id)) {
                hit.verdict = HitVerdict::Former;
            }
            match hits.iter_mut().find(|(known, _)| *known == id) {
                Some((_, known)) => known.join(hit),
                None => hits.push((id, hit)),
            }
        }
        let mut hits: Vec<Hit> = hits.into_iter().map(|(_, hit)| hit).collect();
        // By what the files say, not by the order in which they came.
        hits.sort_by(|left, right| left.order().cmp(&right.order()));
        Ok(hits)
    }

    /// Returns who passed a value on, of the first who hold it.
    fn passed_on(&self, probe: &Probe, parts: &[u32]) -> sqlite::Result<BTreeSet<SubjectId>> {
        let mut holders = Vec::new();
        for part in parts.iter().take(TOLD_APART_AT_MOST) {
            holders.extend(self.search.holder(probe, *part)?);
        }
        match holders.len() {
            0 | 1 => Ok(BTreeSet::new()),
            _ => self.search.passed_on(probe, &holders),
        }
    }

    fn hit(&self, probe: &Probe, part: u32) -> sqlite::Result<Option<(u32, Hit)>> {
        let held = self.search.held(probe, part)?;
        if let Some(holder) = self.search.holder(probe, part)? {
            let row = &holder.subject;
            let is_skipped = row.subject == Subject::Account && self.query.passes_over(row.class);
            let evidence = self.search.evidence(probe, holder.value, holder.said)?;
            let verdict = match is_skipped {
                _ if row.is_gone() => HitVerdict::Gone,
                true => HitVerdict::Skipped,
                false => HitVerdict::Holds,
            };
            return Ok(Some((row.id, shown(row, verdict, held, evidence))));
        }
        let Some(row) = self.search.subject_of(Subject::of(probe.kind), part)? else {
            return Ok(None);
        };
        if row.holds(field_kind(probe.kind), &probe.normal) {
            // Held whole, which another rule says: a name that never had a domain.
            return Ok(None);
        }
        let said = (row.seen.object, row.seen.row);
        let evidence = self
            .search
            .evidence(probe, probe.normal.to_string(), said)?;
        Ok(Some((
            row.id,
            shown(&row, HitVerdict::Former, held, evidence),
        )))
    }
}

fn shown(row: &Row, verdict: HitVerdict, held: Option<Held>, evidence: Option<Evidence>) -> Hit {
    let [uid, other_id, name] = row.ids_and_name();
    Hit {
        subject: row.subject,
        uid: uid.map(str::to_owned),
        other_id: other_id.map(str::to_owned),
        name: name.map(str::to_owned),
        class: row.class,
        verdict,
        held,
        evidence,
    }
}
