//! The next generation's file, table after table: unchanged text is copied from the last one as it lies there.

use std::fs::File;
use std::ops::Range;

use super::aside::{Aside, AsideReader, PutAside};
use super::bits::Bits;
use super::building::{Building, write_meta};
use super::complete_lists::{self, MISSING, Missing};
use super::day_counts::Counted;
use super::digest::Digest;
use super::domains::{DOMAINS, Domains};
use super::error::{Error, Result};
use super::identifiers::{self, Merged};
use super::in_order::{ROWS, in_order};
use super::kept::Kept;
use super::last::rows_of;
use super::ledger::Ledger;
use super::mention::{Mention, State};
use super::mention_rows::{self, BLOCK, MentionReader, Written};
use super::object_lines::NewestRows;
use super::place::Placed;
use super::ranked::{People, Ranked};
use super::replaced::Records;
use super::rows::SubjectRows;
use super::shown::Shown;
use super::spill::Spilled;
use super::stands_for::{Accounts, Holder, Namesakes, namesakes};
use super::subject::{Sharing, Standing, SubjectId};
use super::superseded::Superseded;
use super::text_reader::TextReader;
use super::usage::{is_gone, no_device};
use super::usage_heads::Head;
use super::written_rows::WrittenRows;
use super::{ChangesOf, Examples, Rules};
use crate::schema::{BySubject, Class, Rank, Subject, waiting_id};
use crate::sqlite::{Columns, Encoded, Record, Table};

/// What the tables are written from.
pub(super) struct Writing<'k> {
    pub(super) kept: &'k mut Kept,
    pub(super) spilled: &'k Spilled,
    pub(super) rules: &'k Rules,
    pub(super) sharing: &'k Sharing,
    pub(super) standings: &'k BySubject<Standing>,
    pub(super) placed: &'k mut Placed,
    pub(super) merged: &'k Merged,
    pub(super) gone: &'k BySubject<Bits>,
    /// Objects that were not taken in.
    pub(super) missing: &'k [Missing],
    pub(super) superseded: &'k BySubject<Option<Superseded>>,
    /// The classes are to be worked out anew: other patterns, or none before.
    pub(super) are_patterns_new: bool,
}

/// What was written, beside the file.
pub(super) struct Tables {
    pub(super) file: File,
    pub(super) digest: u128,
    pub(super) usages: u64,
    pub(super) changes: ChangesOf,
    pub(super) examples: BySubject<Examples>,
}

/// Writes all tables but that of the identifiers.
pub(super) fn write(mut building: Building, mut writing: Writing) -> Result<Tables> {
    let mut digest = Digest::default();
    writing.crowds(&mut building)?;
    let mut accounts = writing.subjects(&mut building, Subject::Account, &mut digest)?;
    let usages = writing.placed.makers.count(writing.gone) as u64;
    let namesakes = writing.stand_for(std::mem::take(&mut accounts.same_value), &accounts.classes);
    writing.kept.rosters.account.forget_values();
    let mut devices = writing.subjects(&mut building, Subject::Device, &mut digest)?;
    devices.same_value.sort_unstable();
    devices.same_value.dedup();
    writing.kept.rosters.device.forget_values();
    let extras = writing.mentions(&mut building, &mut digest)?;
    let ranked = writing.rank(&accounts, &devices, &namesakes, &extras)?;
    writing.usages(&mut building, &devices.shown, &ranked, &extras)?;
    writing.held(&mut building, &mut digest)?;
    writing.rest(&mut building, &mut digest)?;
    writing.count_day(&mut building, (&accounts, &devices), &ranked, usages)?;
    let digest = digest.sum();
    let changes = BySubject {
        account: accounts.changes(),
        device: devices.changes(),
    };
    let examples = BySubject {
        account: accounts.examples(),
        device: devices.examples(),
    };
    accounts.domains.extend(devices.domains);
    writing.meta(&mut building, digest, usages, &accounts.domains)?;
    let file = building.finish()?;
    Ok(Tables {
        file,
        digest,
        usages,
        changes,
        examples,
    })
}

impl Writing<'_> {
    fn crowds(&mut self, building: &mut Building) -> Result<()> {
        let crowds = &self.merged.crowds;
        building.table("crowd", |table| identifiers::write_crowds(crowds, table))?;
        let by_hash = identifiers::crowds_by_hash(crowds);
        building.index(("crowd_by_hash", "crowd"), by_hash)
    }

    /// Writes the rows of a subject.
    fn subjects(
        &mut self,
        building: &mut Building,
        subject: Subject,
        digest: &mut Digest,
    ) -> Result<WrittenRows> {
        let mut waiting = Bits::default();
        for (kind, row) in self.placed.waiting.keys() {
            if *kind == subject {
                waiting.set(row.0);
            }
        }
        let Kept {
            rosters,
            ledger,
            texts,
            last,
            folder,
            ..
        } = &*self.kept;
        let rows = SubjectRows {
            subject,
            ledger,
            roster: &rosters[subject],
            texts,
            sharing: self.sharing,
            standing: &self.standings[subject],
            patterns: &self.rules.patterns,
            are_patterns_new: self.are_patterns_new,
            waiting,
            gone: &self.gone[subject],
            superseded: self.superseded[subject].as_ref(),
            namesakes: match subject {
                Subject::Account => Some(&self.placed.namesakes),
                Subject::Device => None,
            },
        };
        let last = last.as_ref().map(|last| &last.reader);
        let source = || {
            Ok::<_, Error>(TextReader::new(
                rows_of(last, subject.table())?,
                self.spilled.reader(),
            ))
        };
        let sources = || Ok((source()?, source()?));
        let mut written =
            building.table(subject.table(), |table| rows.write(sources, folder, table))?;
        self.count(&written.counts);
        digest.join(std::mem::take(&mut written.digest));
        Ok(written)
    }

    /// Has the usages of local accounts count for those that they stand for; returns all that hold the same UPN.
    fn stand_for(&mut self, same_upn: Vec<Holder>, classes: &[Class]) -> Vec<Namesakes> {
        let Kept {
            rosters,
            ledger,
            held,
            ..
        } = &*self.kept;
        let accounts = Accounts {
            roster: &rosters.account,
            standing: &self.standings.account,
            ledger,
            held,
            classes,
        };
        let namesakes = namesakes(same_upn, &accounts);
        let is_gone = |account: SubjectId| self.gone.account.has(account.0);
        let standing = namesakes.iter().filter(|one| one.stands);
        let standing = standing.filter(|one| !is_gone(one.other) && !is_gone(one.account));
        let pairs = standing.map(|one| (one.other, one.account));
        self.placed.makers.stand_for(pairs);
        namesakes
    }

    /// Works out which device is whose.
    fn rank(
        &mut self,
        accounts: &WrittenRows,
        devices: &WrittenRows,
        namesakes: &[Namesakes],
        extras: &PutAside,
    ) -> Result<Ranked> {
        // Not needed behind this.
        let makers = std::mem::take(&mut self.placed.makers);
        let mentions = std::mem::take(&mut self.kept.mentions);
        let people = People {
            classes: &accounts.classes,
            seen: BySubject {
                account: &accounts.seen,
                device: &devices.seen,
            },
            standing: &self.standings.device,
            sharing: self.sharing,
            waiting: &self.placed.waiting,
            records: Records {
                same_devices: &self.placed.same_devices,
                same_serial: &devices.same_value,
            },
            last_candidates: &self.placed.last_candidates,
            several_names: &self.placed.several_names,
            named_anew: &self.placed.named_anew,
            namesakes,
            likely: &self.placed.likely,
            extras,
        };
        let last = self.kept.last.as_ref().map(|last| &last.reader);
        let source = || {
            let rows = rows_of(last, Subject::Device.table())?;
            Ok(TextReader::new(rows, self.spilled.reader()))
        };
        Ranked::rank(self.kept, self.rules, (makers, mentions), &people, source)
    }

    /// Writes the mentions; returns where the other columns of those that make usages are.
    fn mentions(&mut self, building: &mut Building, digest: &mut Digest) -> Result<PutAside> {
        let mut extras = Aside::new(&self.kept.folder);
        let Kept {
            ledger,
            mentions,
            last,
            ..
        } = &*self.kept;
        let last = last.as_ref().map(|last| &last.reader);
        let source = || {
            let rows = rows_of(last, "mention")?;
            Ok(MentionReader::new(rows, self.spilled.reader()))
        };
        let make = |source: &mut MentionReader, some: Range<usize>| {
            let mut made = MadeMentions::default();
            for at in some {
                let state = self.placed.states[at];
                made.add(ledger, &mentions.all[at], at, state, source)?;
                if (at + 1) % BLOCK == 0 || at + 1 == mentions.all.len() {
                    made.end_block(at / BLOCK);
                }
            }
            Ok(made)
        };
        let mut counts = NewestRows::default();
        building.table("mention", |table| {
            let take = |made: MadeMentions| {
                table.push_all(&made.rows)?;
                for (at, extra) in made.extras {
                    extras.put(at, &[extra.as_bytes()])?;
                }
                counts.join(made.counts);
                digest.join(made.digest);
                Ok(())
            };
            in_order(mentions.all.len(), ROWS, source, make, take)
        })?;
        self.count(&counts);
        extras.seal()
    }

    /// Counts rows that are the newest of their parts, or of their keys.
    fn count(&mut self, counts: &NewestRows) {
        for (object, is_unchanged, rows) in counts.iter() {
            self.kept.ledger.count(object, rows, is_unchanged);
        }
    }

    fn usages(
        &mut self,
        building: &mut Building,
        shown: &Shown,
        ranked: &Ranked,
        extras: &PutAside,
    ) -> Result<()> {
        let gone = self.gone;
        let make = |reader: &mut AsideReader, some: Range<usize>| {
            let (mut rows, mut record) = (Encoded::default(), Record::default());
            for (first, heads) in &ranked.heads[some] {
                let here = *first..*first + heads.rows;
                shown.touch(here.map(|at| ranked.of(at).0 as u32));
                for (at, head) in (*first..).zip(heads.iter()) {
                    let (id, rank) = ranked.of(at);
                    if is_gone(id, gone) {
                        continue;
                    }
                    let of_device = shown.get(id as u32).ok_or_else(no_device)?;
                    put_usage(&head, rank, of_device, reader, &mut record)?;
                    rows.push(id, &record);
                }
            }
            Ok(rows)
        };
        let reader = || Ok(extras.reader());
        building.table("usage", |table| {
            let take = |rows: Encoded| Ok(table.push_all(&rows)?);
            in_order(ranked.heads.len(), HEADS, reader, make, take)
        })?;
        let by_device = ranked.by_device();
        let by_device = by_device.filter(|[_, id]| !is_gone(*id, gone));
        building.index(("usage_by_device", "usage"), by_device)
    }

    fn held(&mut self, building: &mut Building, digest: &mut Digest) -> Result<()> {
        let Kept { held, rosters, .. } = &*self.kept;
        building.table("held", |table| held.write(table))?;
        building.index(("held_by_hash", "held"), held.by_hash())?;
        digest.add_held(held, rosters);
        Ok(())
    }

    fn rest(&mut self, building: &mut Building, digest: &mut Digest) -> Result<()> {
        let Kept {
            ledger,
            formers,
            texts,
            last,
            rosters,
            generation,
            ..
        } = &*self.kept;
        let last = last.as_ref().map(|last| &last.reader);
        building.table("last_login", |table| formers.write(table))?;
        digest.add_last_logins(ledger, &rosters.device, formers);
        for subject in Subject::ALL {
            digest.add_joined(subject, &rosters[subject], &self.standings[subject]);
        }
        building.table("waiting", |table| self.waiting(table))?;
        building.table("object", |table| ledger.write(last, *generation, table))?;
        building.table("reject", |table| ledger.write_rejects(last, table))?;
        building.table("shape", |table| ledger.shapes.write(table))?;
        building.table("text", |table| texts.write(|_| true, table))
    }

    fn count_day(
        &mut self,
        building: &mut Building,
        (accounts, devices): (&WrittenRows, &WrittenRows),
        ranked: &Ranked,
        usages: u64,
    ) -> Result<()> {
        let waiting = [State::Unknown, State::Ambiguous];
        let (shared, owned) = ranked.shared_and_owned(self.gone);
        let counted = Counted {
            accounts: accounts.tally,
            devices: devices.tally,
            shared,
            owned,
            usages,
            waiting: waiting.map(|state| self.placed.counts[state as usize]),
        };
        let newest = self.kept.ledger.coverage().into_iter().flatten().max();
        if let Some(newest) = newest {
            self.kept.day_counts.add(newest, &counted);
        }
        let counts = &self.kept.day_counts;
        building.table("day", |table| counts.write(table))
    }

    fn waiting(&self, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        for ((subject, SubjectId(row)), waiting) in &self.placed.waiting {
            let mentions: Vec<_> = self
                .placed
                .named(waiting)
                .into_iter()
                .map(|([user, device], state)| serde_json::json!([user, device, state as u8]))
                .collect();
            record.clear();
            record.put_null();
            record.put_integer(i64::from(waiting.unknown));
            record.put_integer(i64::from(waiting.ambiguous));
            record.put_text(&serde_json::Value::from(mentions).to_string());
            table.push(waiting_id(*subject, *row), &record)?;
        }
        Ok(())
    }

    fn meta(
        &self,
        building: &mut Building,
        digest: u128,
        usages: u64,
        domains: &Domains,
    ) -> Result<()> {
        let domains = domains.lines(self.rules, self.kept.last.as_ref(), self.sharing);
        let Placed { counts, .. } = &*self.placed;
        let coverage = self.kept.ledger.coverage();
        let shown = |at: Option<i64>| at.map_or(String::new(), |at| at.to_string());
        let at = |dataset: usize| shown(coverage[dataset]);
        let newest =
            |subject: Subject| shown(self.kept.rosters[subject].newest_row(&self.kept.ledger));
        let values = [
            ("generation", self.kept.generation.to_string()),
            ("identifier_bits", self.merged.bits.to_string()),
            ("identifier_entries", self.merged.entries.to_string()),
            ("digest", format!("{digest:032x}")),
            ("accounts", self.standings.account.subjects.to_string()),
            ("devices", self.standings.device.subjects.to_string()),
            ("usages", usages.to_string()),
            (
                "waiting_unknown",
                counts[State::Unknown as usize].to_string(),
            ),
            (
                "waiting_ambiguous",
                counts[State::Ambiguous as usize].to_string(),
            ),
            ("users_until", at(0)),
            ("devices_until", at(1)),
            ("logins_until", at(2)),
            ("newest_users_row", newest(Subject::Account)),
            ("newest_devices_row", newest(Subject::Device)),
            ("erasures", self.kept.erased.count().to_string()),
            ("class_patterns", self.rules.patterns.to_string()),
            (DOMAINS, domains),
            (MISSING, complete_lists::lines(self.missing)),
        ];
        building.table("meta", |table| write_meta(values, table))
    }
}

fn put_usage(
    head: &Head,
    rank: Rank,
    of_device: Columns,
    extras: &mut AsideReader,
    record: &mut Record,
) -> Result<()> {
    record.clear();
    record.put_columns(head.columns);
    record.put_integer(i64::from(rank.to_code()));
    record.put_columns(of_device);
    match head.extra {
        Some(mention) => {
            let extra = extras.get(mention as usize)?.map(String::from_utf8_lossy);
            record.put_optional_text(extra.as_deref());
        }
        None => record.put_null(),
    }
    Ok(())
}

/// Rows of mentions that are made, and what else they come to.
#[derive(Default)]
struct MadeMentions {
    rows: Encoded,
    /// By mention.
    extras: Vec<(usize, String)>,
    counts: NewestRows,
    digest: Digest,
    block: Vec<u8>,
    record: Record,
}

/// Heads of usages that are best taken up at once: about as many usages as there are of other rows.
const HEADS: usize = 8;
/// What is made at once are whole blocks.
const _: () = assert!(ROWS.is_multiple_of(BLOCK));

impl MadeMentions {
    fn add(
        &mut self,
        ledger: &Ledger,
        mention: &Mention,
        at: usize,
        state: State,
        source: &mut MentionReader,
    ) -> Result<()> {
        if mention.rows > 0 && ledger.is_new(mention.object) {
            let before = source.kept(at)?;
            let before = before.map(|(before, _)| (before.logins, before.used));
            let is_unchanged = before == Some((mention.logins, mention.used));
            self.counts.add(mention.object, is_unchanged, mention.rows);
        }
        let text: Written = source.written(at, mention)?;
        mention_rows::put(mention, &text, &mut self.block);
        if let (State::Resolved, Some(extra)) = (state, text.extra) {
            self.extras.push((at, extra.to_owned()));
        }
        self.digest.add_mention(ledger, mention);
        Ok(())
    }

    fn end_block(&mut self, block: usize) {
        self.record.clear();
        self.record.put_null();
        self.record.put_blob(&self.block);
        self.rows.push(block as i64 + 1, &self.record);
        self.block.clear();
    }
}
