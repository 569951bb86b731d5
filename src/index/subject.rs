//! Subjects: the accounts and devices that claims come to, and what an account is.

use std::collections::{BTreeMap, BTreeSet};

use super::Result;
use super::bits::Bits;
use super::claim::{ClaimId, said};
use super::identity::{Identity, Key, KeyHash, KeyedClaim, PartTimes};
use super::ledger::Ledger;
use super::roster::Roster;
use super::text::Texts;
use super::text_reader::TextReader;
use crate::bucket::{Hash, kind_and_id};
use crate::identifier::{self, Kind, normal_form};
use crate::observation::{Says, Traits};
use crate::schema::{BySubject, Class, NOBODY, STRONG, Subject, account_field, microseconds_of};
use crate::sealed::{filed, stored_form};
use crate::sqlite::Columns;

/// The row of a subject in `account` or `device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubjectId(pub(super) u32);

/// So many accounts a computer hardly has of its own: its name is a domain's, too.
const MANY_ON_A_DEVICE: u32 = 20;

/// What the walk over all identifiers says of claims.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// Claims that share a key with another one, by subject.
    pub(super) claims: BySubject<Bits>,
    /// SIDs that rows with a local type said, and others as well.
    local: BTreeSet<KeyHash>,
    /// Accounts whose name's domain part, or part before it, is a device's name.
    domain_is_device: Bits,
    sam_is_device: Bits,
    /// Accounts that no type tells of and that are local, for each domain of many.
    pub(super) of_many_in_device: u64,
    /// Accounts that say a UPN which others say too, and devices with such a serial number.
    pub(super) same_value: BySubject<Bits>,
    /// The hashes of all names of devices, whole and short, in order.
    device_names: Vec<KeyHash>,
}

impl Sharing {
    /// Takes in the holders of a hash, and whether a mention says it.
    pub(super) fn note(&mut self, hash: KeyHash, references: &[u32], is_mentioned: bool) {
        let holders = || references.iter().copied().filter_map(kind_and_id);
        if holders().any(|(kind, _)| matches!(kind, Kind::DeviceName | Kind::ShortName)) {
            self.device_names.push(hash);
        }
        if references.len() < 2 && !is_mentioned {
            return;
        }
        let mut counts = [0u32; Kind::ALL.len()];
        holders().for_each(|(kind, _)| counts[kind as usize] += 1);
        let count = |kind: Kind| counts[kind as usize];
        let is_device = count(Kind::DeviceName) + count(Kind::ShortName) > 0;
        for (kind, id) in holders() {
            let joins = match kind {
                Kind::Sid => count(Kind::Sid) > 1 || count(Kind::WeakSid) > 0,
                Kind::Uid
                | Kind::AccountName
                | Kind::DeviceUid
                | Kind::CollectorUid
                | Kind::DeviceName => count(kind) > 1,
                Kind::Domain if is_device => {
                    self.domain_is_device.set(id);
                    true
                }
                Kind::BareName if is_device => {
                    self.sam_is_device.set(id);
                    false
                }
                Kind::Upn | Kind::SerialNumber if count(kind) > 1 => {
                    self.same_value[Subject::of(kind)].set(id);
                    false
                }
                _ => false,
            };
            if joins {
                self.claims[Subject::of(kind)].set(id);
            }
        }
        if is_device && count(Kind::Domain) >= MANY_ON_A_DEVICE {
            self.of_many_in_device += u64::from(count(Kind::Domain));
        }
        if count(Kind::WeakSid) > 0 && (count(Kind::Sid) > 0 || is_mentioned) {
            self.local.insert(hash);
        }
    }

    /// Tells whether any device ever had a name.
    pub(super) fn is_device_name(&self, name: &str) -> bool {
        self.device_names
            .binary_search(&Hash::of(name).high)
            .is_ok()
    }

    /// Returns the class of an account.
    pub(super) fn class(&self, traits: Traits, name: ClaimId) -> Class {
        let is_local = traits.is_untyped && self.domain_is_device.has(name.row());
        match traits.class {
            // By its name or SID alone.
            class if class == Class::Machine || traits.is_built_in => class,
            _ if is_local => Class::Local,
            Class::Local => Class::Local,
            _ if self.sam_is_device.has(name.row()) && !traits.has_person => Class::Machine,
            class => class,
        }
    }

    /// Works out who is who among the claims that share keys, and those in `others`.
    pub(super) fn resolve(
        &self,
        subject: Subject,
        others: &Bits,
        roster: &Roster,
        ledger: &Ledger,
        (texts, source): (&Texts, &mut TextReader),
    ) -> Result<Identity> {
        let mut wanted = self.claims[subject].clone();
        others.iter().for_each(|id| wanted.set(id));
        let mut claims = Vec::new();
        for id in wanted.iter().filter_map(ClaimId::of_row) {
            claims.push(self.keyed(subject, id, roster, ledger, (texts, source))?);
        }
        let newest = roster.newest_row(ledger).unwrap_or(i64::MIN);
        Ok(Identity::resolve(claims, self.local.clone(), newest))
    }

    fn keyed(
        &self,
        subject: Subject,
        id: ClaimId,
        roster: &Roster,
        ledger: &Ledger,
        (texts, source): (&Texts, &mut TextReader),
    ) -> Result<KeyedClaim> {
        let parts: Vec<PartTimes> = roster
            .parts(id)
            .map(|part| PartTimes {
                first: ledger.observed_at(part.first),
                newest: ledger.row_stamp(said(&part)),
            })
            .collect();
        let first_seen_at = subject.fields().len() - 1;
        let newest = roster.newest_carrying(ledger, id, first_seen_at)?;
        let first_seen = match newest {
            Some(part) => {
                let mut text = source.text(id, part.text)?;
                text.skip(first_seen_at)?;
                let first_seen = text.take()?.integer().map(microseconds_of);
                Some((ledger.row_stamp(said(&part)), first_seen))
            }
            None => None,
        };
        let text = source.text(id, roster.claim(id).newest.text)?;
        let mut keys = keys_in(subject, text, texts)?;
        if subject == Subject::Account {
            let is_key = is_key_sid(text, texts)?;
            keys[STRONG] = keys[STRONG].filter(|_| is_key);
        }
        // A domain part is filed only for names that come without a type.
        let shows_local = subject == Subject::Account && self.domain_is_device.has(id.row());
        Ok(KeyedClaim {
            id,
            keys,
            shows_local,
            parts,
            first_seen,
        })
    }
}

/// Returns the hashes of a text's keys.
pub(super) fn keys_in(
    subject: Subject,
    mut text: Columns,
    texts: &Texts,
) -> Result<[Option<KeyHash>; 3]> {
    let mut keys = [None; 3];
    for (key, kind) in keys.iter_mut().zip(subject.key_kinds()) {
        let Some(value) = texts.shown(text.take()?) else {
            continue;
        };
        let normal = stored_form(kind, &value).ok();
        *key = normal.map(|normal| filed(&normal).high);
    }
    Ok(keys)
}

/// Tells whether an account's SID could make it known: of key form, and not said to be local by the row itself.
pub(super) fn is_key_sid(mut text: Columns, texts: &Texts) -> Result<bool> {
    let sid = texts.shown(text.take()?);
    let sid = sid
        .as_deref()
        .and_then(|sid| normal_form(Kind::Sid, sid).ok());
    text.skip(account_field::TYPE - 1)?;
    let user_type = texts.shown(text.take()?);
    let is_local = Says::of(user_type.as_deref()) == Says::Local;
    Ok(sid.is_some_and(|sid| identifier::is_key_sid(&sid)) && !is_local)
}

/// Whose each claim is, where that is not simply itself.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// The row of its subject, or `NOBODY`.
    owners: BTreeMap<ClaimId, u32>,
    /// Claims whose SID has the form of a key, and is shown to be local.
    local: BTreeSet<ClaimId>,
    /// The claims of each subject that is told of in several, and the key that names it; their rows come behind those of
    /// all claims.
    pub(super) merged: Vec<(Key, Vec<ClaimId>)>,
    /// The row of each subject of the identity.
    rows: Vec<SubjectId>,
    /// How many subjects there are.
    pub(super) subjects: usize,
}

impl Standing {
    /// Numbers the subjects that claims come to; `claims` is how many there are in all.
    pub(super) fn of(identity: &Identity, claims: usize) -> Standing {
        let mut standing = Standing {
            subjects: claims - identity.claims.len() + identity.subjects.len(),
            ..Standing::default()
        };
        for claim in &identity.claims {
            standing.owners.insert(claim.id, NOBODY);
            if claim.keys[STRONG].is_some_and(|strong| identity.local.contains(&strong)) {
                standing.local.insert(claim.id);
            }
        }
        for resolved in &identity.subjects {
            let mut own: Vec<ClaimId> = resolved
                .claims
                .iter()
                .map(|at| identity.claims[*at].id)
                .collect();
            own.sort_unstable();
            if let [one] = own.as_slice() {
                standing.owners.remove(one);
                standing.rows.push(SubjectId(one.row()));
                continue;
            }
            standing.merged.push((resolved.key, own.clone()));
            let row = (claims + standing.merged.len()) as u32;
            standing
                .owners
                .extend(own.into_iter().map(|claim| (claim, row)));
            standing.rows.push(SubjectId(row));
        }
        standing
    }

    /// Returns what a claim's row names as its owner: none when it is the subject itself.
    pub(super) fn owner(&self, claim: ClaimId) -> Option<u32> {
        self.owners.get(&claim).copied()
    }

    /// Returns the subject of a claim; none when it is nobody's.
    pub(super) fn subject_of(&self, claim: ClaimId) -> Option<SubjectId> {
        match self.owner(claim) {
            None => Some(SubjectId(claim.row())),
            Some(NOBODY) => None,
            Some(row) => Some(SubjectId(row)),
        }
    }

    /// Returns the row of a subject of the identity.
    pub(super) fn row(&self, subject: usize) -> SubjectId {
        self.rows[subject]
    }

    /// Tells whether a claim's SID is shown to be local.
    pub(super) fn has_local_sid(&self, claim: ClaimId) -> bool {
        self.local.contains(&claim)
    }

    /// Returns the claims that are not simply subjects by themselves.
    pub(super) fn joined(&self) -> impl Iterator<Item = (ClaimId, u32)> {
        self.owners.iter().map(|(claim, owner)| (*claim, *owner))
    }

    /// Returns the rows of merged subjects, with their claims; `claims` is how many there are in all.
    pub(super) fn merged_rows(
        &self,
        claims: usize,
    ) -> impl Iterator<Item = (SubjectId, &[ClaimId])> {
        let rows = (claims as u32 + 1..).map(SubjectId);
        rows.zip(self.merged.iter().map(|(_, claims)| claims.as_slice()))
    }

    /// Returns the claims of a merged subject; `claims` is how many there are in all.
    pub(super) fn claims_of(&self, row: SubjectId, claims: usize) -> &[ClaimId] {
        let at = (row.0 as usize).checked_sub(claims + 1);
        let merged = at.and_then(|at| self.merged.get(at));
        merged.map_or(&[], |(_, claims)| claims)
    }

    /// Returns the key that names a merged subject.
    pub(super) fn key_of(&self, row: u32, claims: usize) -> Option<Key> {
        let at = (row as usize).checked_sub(claims + 1)?;
        self.merged.get(at).map(|(key, _)| *key)
    }
}
