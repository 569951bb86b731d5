//! Finding: from a query to the subjects that fit all of its texts, and what is to be known of the answer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::Options;
use super::acting::{Known, Times};
use super::answer::{self, Flag, Match, NotEnough, Outcome, Skipped, Verdict};
use super::candidate::Candidate;
use super::evidence::Level;
use super::fit::Fit;
use super::found::Found;
use super::generation::Generation;
use super::heard::Heard;
use super::history::Move;
use super::query::{Asked, Clue, Probe, Query, field_kind, probes_of};
use super::rank::{self, AccountsOf};
use super::reader::Reader;
use super::row::{Row, SubjectId};
use super::search::{Holder, Search, Trace};
use super::waiting::Waiting;
use crate::identifier::{self, Kind};
use crate::schema::{NotPrimary, Subject};
use crate::sqlite;

/// Parts that are looked at for who once held a clue's value.
const FORMER_AT_MOST: usize = 64;

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
    options: &Options,
) -> sqlite::Result<Findings> {
    let mut finding = Finding {
        search: Search::new(reader, generation, options.max_holders as usize),
        query,
        quiet_after: options.quiet_after,
        candidates: Vec::new(),
        heard: Vec::with_capacity(query.clues().size_hint().0),
        is_somebody_gone: false,
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
    quiet_after: Duration,
    candidates: Vec<Candidate>,
    /// What was found of each clue, in the order of the query.
    heard: Vec<Heard<'a>>,
    /// Somebody is passed over who holds what was asked for, and is gone.
    is_somebody_gone: bool,
}

impl<'a> Finding<'a> {
    /// Looks up one of the query's texts.
    fn hear(&mut self, clue: &'a Clue) -> sqlite::Result<()> {
        let mut heard = Heard::new(clue);
        let looked_up = self.search.look_up(&heard.probes)?;
        let moved = self.search.moved(&looked_up)?;
        let mut now = BTreeSet::new();
        for Trace {
            probe,
            holders,
            parts,
        } in looked_up
        {
            let Some(holders) = holders else {
                heard.non_identifying.push(probe.kind);
                continue;
            };
            heard.is_held |= !holders.is_empty();
            if self.query.has_several() {
                heard.former.extend(self.former(probe, &parts)?);
                let subject = Subject::of(probe.kind);
                heard
                    .led_to
                    .extend(parts.iter().map(|part| (subject, *part)));
            }
            for holder in &holders {
                now.insert(holder.subject.key());
                if holder.subject.subject == Subject::Device {
                    heard.devices.insert(holder.subject.id);
                }
            }
            self.add(clue, probe, holders, &moved)?;
        }
        if clue.asked == Asked::As(Kind::Email) {
            heard.is_anothers_upn = self.is_upn_of_another(clue, &now)?;
        }
        heard.former.retain(|subject| !now.contains(subject));
        heard.led_to.retain(|subject| !now.contains(subject));
        self.heard.push(heard);
        Ok(())
    }

    /// Tells whether a text is the UPN of an account other than those that hold it as what they are asked for.
    fn is_upn_of_another(
        &self,
        clue: &Clue,
        holding: &BTreeSet<SubjectId>,
    ) -> sqlite::Result<bool> {
        if holding.is_empty() {
            return Ok(false);
        }
        for probe in clue.probes_as(Kind::Upn) {
            let holders = self.search.holders(&probe, &self.search.filed(&probe)?)?;
            let is_another = |holder: &Holder| {
                !holder.subject.class.is_skipped() && !holding.contains(&holder.subject.key())
            };
            if holders.is_none_or(|holders| holders.iter().any(is_another)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns who holds a clue's value or once held it: all to whom it leads.
    fn former(&self, probe: &Probe, parts: &[u32]) -> sqlite::Result<Vec<SubjectId>> {
        let subject = Subject::of(probe.kind);
        let mut former = Vec::new();
        for part in parts.iter().take(FORMER_AT_MOST) {
            let whole = self.search.subject_of(subject, *part)?;
            former.extend(whole.map(|whole| whole.key()));
        }
        Ok(former)
    }

    fn add(
        &mut self,
        clue: &Clue,
        probe: &Probe,
        holders: Vec<Holder>,
        moved: &BTreeMap<SubjectId, Move>,
    ) -> sqlite::Result<()> {
        for holder in holders {
            let level = probe
                .level
                .unwrap_or(match clue.text.trim() == holder.value {
                    true => Level::Exact,
                    false => Level::Folded,
                });
            let evidence = match self.query.is_ids_only {
                true => None,
                false => self.search.evidence(probe, holder.value, holder.said)?,
            };
            let since = moved.get(&holder.subject.key());
            let candidate = self.candidate(holder.subject, level);
            candidate.moved = candidate.moved.max(since.copied());
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
                self.candidates.push(Candidate::new(row, level));
                self.candidates.len() - 1
            }
        };
        let candidate = &mut self.candidates[at];
        candidate.level = candidate.level.min(level);
        candidate
    }

    /// Shows those who fit by rank, and says what is to be known of the answer.
    fn settle(mut self) -> sqlite::Result<Findings> {
        let mut skipped = Skipped::default();
        self.hear_users()?;
        let candidates = self.of_class(&mut skipped);
        let is_anybody_found = !candidates.is_empty();
        let fit = match self.query.has_several() {
            true => Fit::of(candidates, &self.heard),
            false => Fit::whole(candidates),
        };
        let is_confusable = self.is_confusable(&fit.fitting)?;
        let clues = self.clues(&fit);
        // What a match does not hold and others do, few or many, says that somebody else may be meant.
        let is_split = fit.is_by_exclusion(&self.heard)
            || fit.is_anothers_name(&self.heard)
            || clues
                .iter()
                .any(|clue| matches!(clue.verdict, Verdict::Elsewhere | Verdict::TooMany));
        let fitting = fit.fitting;
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
            if is_confusable {
                shown.flags.push(Flag::Confusable);
                shown.mind(NotEnough::Flagged(Flag::Confusable));
            }
            matches.push(shown);
        }
        matches.sort_by(|left, right| match_rank(left).cmp(&match_rank(right)));
        let outcome = self.outcome(&matches, is_split);
        if outcome != Outcome::One {
            for one in &mut matches {
                one.mind(NotEnough::NotOne);
            }
        }
        Ok(Findings {
            outcome,
            matches,
            skipped,
            non_identifying: self.non_identifying(),
            flags,
            clues,
        })
    }

    /// Takes the candidates that are not passed over for their class.
    fn of_class(&mut self, skipped: &mut Skipped) -> Vec<Candidate> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain(|one| {
            if one.row.is_gone() && !self.query.is_with_gone {
                skipped.gone += 1;
                self.is_somebody_gone |= one.row.subject == Subject::Account;
                return false;
            }
            let is_account = one.row.subject == Subject::Account;
            let is_skipped = is_account && self.query.passes_over(one.row.class);
            if is_skipped {
                skipped.add(one.row.class);
            }
            !is_skipped
        });
        candidates
    }

    /// Notes which of the accounts that may be meant use a device that a clue names, and what waits for it.
    fn hear_users(&mut self) -> sqlite::Result<()> {
        if !self.query.has_several() {
            return Ok(());
        }
        let accounts = self.candidates.iter().map(|one| one.row.as_ref());
        let accounts = accounts.filter(|row| row.subject == Subject::Account);
        let accounts: Vec<&Row> = accounts.collect();
        if accounts.is_empty() {
            return Ok(());
        }
        for heard in self
            .heard
            .iter_mut()
            .filter(|heard| !heard.devices.is_empty())
        {
            let devices = heard.devices.clone();
            for device in &devices {
                heard.note_waiting(self.search.waiting(*device)?);
            }
            let mut last_use = None;
            for account in &accounts {
                for device in &devices {
                    let usage = rank::of_usage(self.search.reader, account.id, *device)?;
                    let Some(usage) = usage else { continue };
                    let (rank, used) = (usage.rank, usage.used);
                    let is_current = rank.is_current && !rank.is_shared;
                    // What may be another's, who bears the same name, is no more proof than a visit.
                    let is_likely = rank.not_primary == Some(NotPrimary::NameOfSeveral);
                    match is_likely
                        || (is_current && usage.is_visit(self.search.reader, *device)?)
                    {
                        true => heard.note_visit(account.id),
                        false => heard.note_use(account.id, *device, is_current),
                    }
                    // Counts of a long window go on when somebody has left.
                    let seen = account.seen.last_seen.or(used);
                    last_use = last_use.max(used.min(seen));
                }
            }
            for account in &accounts {
                if self.search.is_joiner(account, last_use)? {
                    heard.note_joiner(account.id);
                }
            }
        }
        Ok(())
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
    fn is_confusable(&self, candidates: &[Candidate]) -> sqlite::Result<bool> {
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
    fn clues(&self, fit: &Fit) -> Vec<answer::Clue> {
        if !self.query.has_several() {
            return Vec::new();
        }
        let heard = self.heard.iter();
        let rows = || fit.fitting.iter().map(|one| &*one.row);
        let shown = heard.map(|heard| heard.shown(rows(), fit.is_of_nobody(heard)));
        shown.collect()
    }

    fn shown(&self, candidate: Candidate, skipped: &mut Skipped) -> sqlite::Result<Match> {
        let Candidate {
            row,
            level,
            mut evidence,
            kinds,
            has_weak_sid,
            moved,
        } = candidate;
        evidence.sort_by_key(|one| one.kind);
        let strength = self.strength(&row);
        let has_stable_key = kinds.iter().any(|kind| match kind {
            Kind::Sid => !has_weak_sid,
            kind => matches!(kind, Kind::Uid | Kind::DeviceUid | Kind::CollectorUid),
        });
        let mut vouched = self.heard.iter().filter(|heard| heard.clue.is_verified);
        let known = Known {
            is_namesake_waiting: !has_stable_key && row.is_namesake_waiting(),
            has_weak_sid,
            moved,
            is_quiet: self.times().is_quiet(&row, self.search.reader)?,
            is_enough: has_stable_key
                || strength >= 2
                // Whoever is gone may be missing in a list only, and be the one who speaks.
                || (!self.is_somebody_gone
                    && vouched.any(|heard| heard.identifier_of(&row).is_some())),
        };
        let doubts = known.not_enough(self.times().newest(row.subject));
        let waiting = match row.is_waited_for() && !self.query.is_ids_only {
            true => Waiting::read(self.search.reader, row.subject, row.id)?.shown(),
            false => Waiting::default(),
        };
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
            flags: known.flags().collect(),
            moved_at: moved.map(|moved| moved.since),
            not_enough: doubts.first().copied(),
            doubts,
        })
    }

    fn times(&self) -> Times<'_> {
        Times {
            generation: self.search.generation,
            quiet_after: self.quiet_after,
        }
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

    fn account(&self, row: Row) -> sqlite::Result<Found> {
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

    fn device(&self, row: Row, skipped: &mut Skipped) -> sqlite::Result<Found> {
        let (reader, is_all_classes) = (self.search.reader, self.query.is_all_classes);
        let (is_shared, accounts, accounts_left_out) = match self.query.is_ids_only {
            true => (false, Vec::new(), 0),
            false => {
                let accounts = rank::accounts_of(reader, row.id, is_all_classes, skipped)?;
                let AccountsOf { ranked, is_shared } = accounts;
                (is_shared, ranked.list, ranked.left_out)
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
