//! The next generation made of what is kept: resolve, derive, write.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bits::Bits;
use super::building::Building;
use super::complete_lists::{MISSING, Missing};
use super::error::{Error, Result, file_error};
use super::finds::Finds;
use super::gone::{born_gone, gone};
use super::identifiers;
use super::identity::Identity;
use super::kept::Kept;
use super::lanes::Lanes;
use super::last::{Published, rows_of};
use super::ledger::NewestOf;
use super::mention::State;
use super::mention_rows::MentionReader;
use super::object_lines::Loaded;
use super::place;
use super::spill::{Spill, Spilled};
use super::subject::{Sharing, Standing};
use super::superseded::Superseded;
use super::text_reader::TextReader;
use super::write::{self, Tables, Writing};
use super::{ChangesOf, Examples, Rules};
use crate::identifier::hash128;
use crate::schema::{BySubject, Dataset, Subject};

/// The next generation, not published.
#[derive(Debug)]
pub struct Made {
    /// Its file, durable and complete.
    pub path: PathBuf,
    /// What it holds.
    pub published: Published,
    /// The objects whose rows were taken in.
    pub loaded: Vec<Loaded>,
    /// What an operator should know of identity, though it is answered honestly.
    pub oddities: Vec<String>,
    /// Which lists of all that there is lack some.
    pub cut_lists: Vec<String>,
    /// When the newest object of each source and dataset was observed.
    pub newest_of_sources: NewestOf,
    /// How it differs from the last one.
    pub changes: ChangesOf,
    /// Some of those that differ.
    pub examples: BySubject<Examples>,
    /// How many claims the last one had.
    pub claims_before: BySubject<usize>,
    pub(crate) file: std::fs::File,
}

impl Kept {
    /// Makes the next generation, as a file at `path`.
    ///
    /// # Errors
    /// When the last one is damaged, or the file cannot be written; nothing is published by this.
    pub fn make(mut self, rules: &Rules, path: &Path) -> Result<Made> {
        let spill = Spill::new(self.folder.clone());
        let spilled = std::mem::replace(&mut self.spill, spill).seal()?;
        self.seal(&spilled)?;
        let mut building = Building::new(create(path)?)?;
        let (merged, sharing) = self.merge_identifiers(&mut building)?;
        let (identities, standings, exact) = self.resolve(&sharing, &spilled)?;
        let superseded = BySubject::of(|subject| {
            let newest = self.ledger.coverage()[subject.dataset() as usize]?;
            let before = newest.saturating_sub(rules.superseded?);
            let of = (subject, &identities[subject]);
            Some(Superseded::of(
                of,
                (&self.rosters[subject], &self.ledger),
                before,
            ))
        });
        let missing = self.missing(rules);
        let gone = gone(rules, &missing, &self.ledger, &self.rosters, &standings);
        let known = place::WhoIsWho {
            rosters: &self.rosters,
            identities: &identities,
            standings: &standings,
            exact,
            superseded: &superseded,
        };
        let mut placed = self.place(rules, known, &spilled)?;
        let are_patterns_new = self.are_patterns_new(rules);
        let writing = Writing {
            kept: &mut self,
            spilled: &spilled,
            rules,
            sharing: &sharing,
            standings: &standings,
            placed: &mut placed,
            merged: &merged,
            gone: &gone,
            missing: &missing,
            superseded: &superseded,
            are_patterns_new,
        };
        let tables = write::write(building, writing)?;
        let mut made = self.made(rules, path, tables, &standings, &identities)?;
        made.oddities.extend(apart(&placed));
        made.oddities.extend(last_logins_apart(&placed));
        made.oddities.extend(several_names(&placed));
        made.oddities
            .extend(Subject::ALL.into_iter().filter_map(|subject| {
                all_gone(subject, born_gone(&gone[subject], &self.rosters[subject]))
            }));
        made.oddities.extend(local_by_name(&sharing));
        made.cut_lists = self.cut_lists(rules, &missing);
        Ok(made)
    }

    /// Returns the objects that sources have and that were not taken in: those of sources that cannot be listed now as they were
    /// known before.
    fn missing(&self, rules: &Rules) -> Vec<Missing> {
        let listed: BTreeSet<u128> = rules
            .listed_sources
            .iter()
            .map(|name| hash128(name))
            .collect();
        let before = self.last.as_ref().and_then(|last| last.meta.get(MISSING));
        let before = before.into_iter().flat_map(|lines| lines.lines());
        let before = before.filter_map(Missing::of_line);
        let before = before.filter(|one| !listed.contains(&one.source));
        let all = before.chain(self.ledger.missing(&rules.listed));
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Says of which lists a file is missing, or more were there before.
    fn cut_lists(&self, rules: &Rules, missing: &[Missing]) -> Vec<String> {
        let lists = &self.ledger.complete;
        let of = |dataset: &Dataset| {
            let name = dataset.as_str();
            if lists.is_newest_cut(*dataset, missing) {
                return Some(format!(
                    "{name} are declared complete, and a file beside the newest of them was not taken in, or lost rows: nobody is taken \
                     for gone by these"
                ));
            }
            let (files, before) = lists.files(*dataset)?;
            (files < before).then(|| {
                format!(
                    "{name} are declared complete and came in {files} files where they came in {before} before: whom they lack is \
                     taken for gone; check whether the export was whole"
                )
            })
        };
        rules.complete.iter().filter_map(of).collect()
    }

    fn are_patterns_new(&self, rules: &Rules) -> bool {
        let before = self
            .last
            .as_ref()
            .and_then(|last| last.meta.get("class_patterns"));
        before.is_some_and(|before| *before != rules.patterns.to_string())
    }

    /// No more rows come: reads the texts that were left unread.
    fn seal(&mut self, spilled: &Spilled) -> Result<()> {
        self.known = Arc::default();
        self.mentions.seal();
        let last = self.last.as_ref().map(|last| &last.reader);
        for subject in Subject::ALL {
            let roster = &mut self.rosters[subject];
            roster.seal();
            let mut source = TextReader::new(rows_of(last, subject.table())?, spilled.reader());
            self.held
                .settle(subject, roster, &self.ledger, &self.texts, &mut source)?;
        }
        let mut source = TextReader::new(rows_of(last, Subject::Device.table())?, spilled.reader());
        self.formers.settle(&mut self.wants, &mut source)
    }

    /// Writes the identifier table, and finds who shares keys and whom mentions name.
    fn merge_identifiers(
        &mut self,
        building: &mut Building,
    ) -> Result<(identifiers::Merged, Sharing)> {
        let Kept {
            mentions,
            rosters,
            formers,
            identifiers,
            wants,
            last,
            folder,
            ..
        } = &mut *self;
        let claims = rosters.as_ref().map(|roster| roster.claims.len());
        let mut finds = Finds {
            sharing: Sharing::default(),
            mentions,
            formers,
            devices: &mut rosters.device,
        };
        let last = last.as_ref();
        // Not needed behind this.
        let lanes =
            [identifiers, wants].map(|lanes| std::mem::replace(lanes, Lanes::new(folder.clone())));
        let [new, wanted] = lanes.each_ref();
        let merged = identifiers::merge(building, last, claims, (new, wanted), &mut finds)?;
        Ok((merged, finds.sharing))
    }

    /// Works out who is who, devices first.
    fn resolve(
        &mut self,
        sharing: &Sharing,
        spilled: &Spilled,
    ) -> Result<(BySubject<Identity>, BySubject<Standing>, BySubject<Bits>)> {
        let last = self.last.as_ref().map(|last| &last.reader);
        let resolve = |subject: Subject| {
            let mut exact = sharing.claims[subject].clone();
            let shared = exact.clone();
            for claim in self.mentions.claims_of_weaker_keys(subject, &shared) {
                exact.set(claim.row());
            }
            let roster = &self.rosters[subject];
            let mut source = TextReader::new(rows_of(last, subject.table())?, spilled.reader());
            let texts = (&self.texts, &mut source);
            let identity = sharing.resolve(subject, &exact, roster, &self.ledger, texts)?;
            let standing = Standing::of(&identity, roster.claims.len());
            Ok::<_, Error>((identity, standing, exact))
        };
        let (device, device_standing, device_exact) = resolve(Subject::Device)?;
        let (account, account_standing, account_exact) = resolve(Subject::Account)?;
        let of = |account, device| BySubject { account, device };
        Ok((
            BySubject { account, device },
            of(account_standing, device_standing),
            BySubject {
                account: account_exact,
                device: device_exact,
            },
        ))
    }

    /// Works out who uses what.
    fn place(
        &self,
        rules: &Rules,
        known: place::WhoIsWho,
        spilled: &Spilled,
    ) -> Result<place::Placed> {
        let last = self.last.as_ref().map(|last| &last.reader);
        let written = MentionReader::new(rows_of(last, "mention")?, spilled.reader());
        let source = |subject: Subject| {
            let rows = rows_of(last, subject.table())?;
            Ok::<_, Error>(TextReader::new(rows, spilled.reader()))
        };
        let sources = BySubject {
            account: source(Subject::Account)?,
            device: source(Subject::Device)?,
        };
        place::place(
            known,
            &self.ledger,
            rules,
            (&self.mentions, written),
            (&self.formers, &self.texts, sources),
        )
    }

    /// Joins what is to be said of how a generation differs from the last one with how many that had.
    fn changes(&self, mut changes: ChangesOf) -> Result<ChangesOf> {
        if let Some(last) = &self.last {
            changes.account.before = last.number("accounts")?;
            changes.device.before = last.number("devices")?;
        }
        Ok(changes)
    }

    fn made(
        &self,
        rules: &Rules,
        path: &Path,
        tables: Tables,
        standings: &BySubject<Standing>,
        identities: &BySubject<Identity>,
    ) -> Result<Made> {
        Ok(Made {
            path: path.to_owned(),
            published: Published {
                generation: self.generation,
                accounts: standings.account.subjects as u64,
                devices: standings.device.subjects as u64,
                usages: tables.usages,
                digest: tables.digest,
            },
            loaded: self.ledger.loaded().collect(),
            oddities: self.oddities(rules, identities),
            cut_lists: Vec::new(),
            newest_of_sources: self.ledger.newest_of_sources(),
            changes: self.changes(tables.changes)?,
            examples: tables.examples,
            claims_before: self.rosters.as_ref().map(|roster| roster.kept),
            file: tables.file,
        })
    }

    fn oddities(&self, rules: &Rules, identities: &BySubject<Identity>) -> Vec<String> {
        let mut oddities = Vec::new();
        for dataset in &rules.complete {
            let sources = self.ledger.complete.of(*dataset).len();
            if sources > 1 {
                oddities.push(format!(
                    "{sources} sources have exports of {}, which are declared complete: none has all, so nobody is taken \
                     for gone",
                    dataset.as_str()
                ));
            }
            oddities.extend(self.ledger.lossy(*dataset).map(|(name, rows)| {
                format!(
                    "{name} is declared complete and lost {rows} rows, of people or devices that are there: nobody is taken for \
                     gone by it"
                )
            }));
        }
        for (subject, identity) in Subject::ALL.into_iter().zip(identities.iter()) {
            let [strong, second, ..] = subject.fields() else {
                continue;
            };
            let (table, strong, second) = (subject.table(), strong.name, second.name);
            if self.ledger.lacks_both_keys(subject) {
                oddities.push(format!(
                    "some {table} files have {strong} and others {second}, none has both: their rows cannot be joined; \
                     list both columns in one query"
                ));
            }
            if let Some((rows, object)) = self.at_odds[subject] {
                let name = self.ledger.name_of(object).unwrap_or_default();
                oddities.push(format!(
                    "{rows} rows have the keys of another row of their file, and another UPN, email or serial number (last in {name}): \
                     one of each counts, and nobody is found by the others; list {strong} and {second} too"
                ));
            }
            let contradictions = identity.contradictions();
            if contradictions > 0 {
                oddities.push(format!(
                    "{contradictions} values of {table} {second} came with several {strong}s; each {strong} is a \
                     {table} of its own"
                ));
            }
        }
        oddities
    }
}

/// Says that many logins name whom no other dataset has.
fn apart(placed: &place::Placed) -> Option<String> {
    /// Fewer may be new since the last export of users or devices.
    const MANY: u64 = 100;
    /// The share of all pairs from which on datasets are of different populations: one of so many.
    const SHARE: u64 = 5;
    let unknown = placed
        .states
        .iter()
        .filter(|state| **state == State::Unknown);
    let (unknown, all) = (unknown.count() as u64, placed.states.len() as u64);
    let is_much = unknown >= MANY && unknown * SHARE > all;
    let is_all = unknown == all && unknown > 0;
    (is_much || is_all).then(|| {
        format!(
            "{unknown} of {all} pairs that logins name have a user or a device that no export of users or devices has: these may cover \
             other populations, one be missing, or one write names with their domain (jdoe@EMEA) and another without"
        )
    })
}

/// Says that many accounts are local for what a computer is called.
fn local_by_name(sharing: &Sharing) -> Option<String> {
    let accounts = sharing.of_many_in_device;
    (accounts > 0).then(|| {
        format!(
            "{accounts} accounts without a type count as local, for a computer is called as their domain is: nobody is found among them \
             unless all classes are asked for; have exports of users list user.type, or call the computer otherwise"
        )
    })
}

/// Says that many of those that are new are gone, by a list of another time than the one that has them.
fn all_gone(subject: Subject, (gone, new): (u64, u64)) -> Option<String> {
    /// Fewer may have left while lists of many days were not read.
    const SHARE: u64 = 3;
    const MANY: u64 = 10;
    (gone >= MANY && gone * SHARE > new).then(|| {
        format!(
            "{gone} of {new} new {}s are gone already: the newest list of all that there are, by its time, has them not; where one list \
             comes in several files, have their names say one time",
            subject.table()
        )
    })
}

/// Says that a key is of several, as one object tells.
fn several_names(placed: &place::Placed) -> Option<String> {
    let counts = placed.several_names.iter().map(BTreeSet::len);
    let [accounts, devices] = <[usize; 2]>::try_from(counts.collect::<Vec<_>>()).ok()?;
    (accounts + devices > 0).then(|| {
        format!(
            "{accounts} accounts and {devices} devices have several names in one file, under one SID, uid or collector uid, as clones of \
             an image have: they count as one each, under one of the names, and none is anybody's own; list stronger keys too"
        )
    })
}

/// Says that most last logins of devices name nobody known.
fn last_logins_apart(placed: &place::Placed) -> Option<String> {
    /// Fewer may be of computers in no domain, which name local accounts.
    const MANY: u64 = 20;
    let (unknown, all) = placed.last_logins;
    (unknown >= MANY && unknown * 2 > all).then(|| {
        format!(
            "{unknown} of {all} last logins that devices name are of nobody whom an export of users has: these may lack them, or one \
             write names with their domain (jdoe@EMEA), or as AzureAD\\jdoe@contoso.com, and another otherwise"
        )
    })
}

/// Makes an empty file that only the user of the run may read, until it is published.
pub(super) fn create(path: &Path) -> Result<std::fs::File> {
    let made = OpenOptions::new()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path);
    made.map_err(file_error("create", path))
}
