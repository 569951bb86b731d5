//! What newer rows have replaced, and is not kept in clear: names, addresses and all else that an account or a device had
//! once, as rows said it that are older than is configured.
//!
//! Two claims are of one subject for ever if they have the same SID, or none, and the same uid (of a device: the same uid and
//! collector uid): of these alone one replaces what another said, so that no later row can show that it was needed. A SID alone
//! is not enough: a later row may show that it is local, and was of several. What is cleared was shown nowhere any more, and everything else follows
//! from hashes, which stay: of a name that of its normal form stands in its place, since identity goes by former names.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use super::claim::{ClaimId, Part, said};
use super::error::Result;
use super::identity::{Identity, KeyHash};
use super::ledger::Ledger;
use super::roster::Roster;
use super::text::{Fields, Shape};
use crate::bucket::Hash;
use crate::schema::{
    CLEARED, FieldType, NAME, SECOND, STRONG, Subject, account_field, device_field,
};
use crate::sqlite::{Columns, Record, Value};

/// Returns the hash of a key in normal form, or of one that is cleared.
pub(super) fn key_hash(key: &str) -> KeyHash {
    cleared_hash(key).unwrap_or_else(|| Hash::of(key).high)
}

/// Returns the hash that stands in the place of a name; none of a name.
pub(super) fn cleared_hash(text: &str) -> Option<KeyHash> {
    let digits = text.strip_prefix(CLEARED)?;
    KeyHash::from_str_radix(digits, 16).ok()
}

/// Claims of which one replaces what others said.
#[derive(Debug, Default)]
pub(super) struct Superseded {
    /// What rows said that were observed before is cleared.
    before: i64,
    groups: Vec<Vec<Member>>,
    /// By claim.
    group_of: BTreeMap<ClaimId, usize>,
}

#[derive(Debug)]
struct Member {
    claim: ClaimId,
    name: Option<KeyHash>,
}

/// A subject's claims, of which some have texts to clear.
#[derive(Clone, Copy)]
pub(super) struct Clearing<'c> {
    pub(super) superseded: &'c Superseded,
    pub(super) subject: Subject,
    pub(super) roster: &'c Roster,
    pub(super) ledger: &'c Ledger,
}

impl Superseded {
    /// Finds the claims that are of one subject for ever.
    pub(super) fn of(subject: Subject, identity: &Identity, before: i64) -> Superseded {
        let mut alike: HashMap<[Option<KeyHash>; 2], Vec<Member>> = HashMap::new();
        for claim in &identity.claims {
            let keys = [claim.keys[STRONG], claim.keys[SECOND]];
            let is_one_for_ever = match subject {
                Subject::Account => claim.keys[SECOND].is_some(),
                Subject::Device => keys.iter().any(Option::is_some),
            };
            if is_one_for_ever {
                alike.entry(keys).or_default().push(Member {
                    claim: claim.id,
                    name: claim.keys[NAME],
                });
            }
        }
        let groups: Vec<Vec<Member>> = alike.into_values().filter(|some| some.len() > 1).collect();
        let members = groups.iter().enumerate();
        let group_of = members
            .flat_map(|(at, group)| group.iter().map(move |member| (member.claim, at)))
            .collect();
        Superseded {
            before,
            groups,
            group_of,
        }
    }
}

impl Clearing<'_> {
    /// Returns a claim's text without what newer rows have replaced; none where that is as it is.
    pub(super) fn cleared(&self, id: ClaimId, text: Columns) -> Result<Option<Record>> {
        let Some(group) = self.superseded.group_of.get(&id) else {
            return Ok(None);
        };
        let group = &self.superseded.groups[*group];
        let own = group.iter().find(|member| member.claim == id);
        let name = own.and_then(|own| own.name).map(cleared_name);
        let mut fields = Fields::read(self.subject, text)?;
        let is_cleared = self.clear(id, group, name.as_deref(), &mut fields)?;
        Ok(is_cleared.then(|| {
            let mut record = Record::default();
            fields.put(&mut record);
            record
        }))
    }

    /// Clears it; `name` is what comes into the place of the name. Tells whether anything was there to clear.
    fn clear<'f>(
        &self,
        id: ClaimId,
        group: &[Member],
        name: Option<&'f str>,
        fields: &mut Fields<'f>,
    ) -> Result<bool> {
        let mut is_cleared = false;
        for (at, field) in self.subject.fields().iter().enumerate() {
            // Keys but the name are those of all; the rest says what follows from the row as a whole.
            let stays = match field.kind {
                FieldType::Time => true,
                FieldType::Key(_) => at != NAME,
                _ => at == stays(self.subject),
            };
            let instead = match at {
                NAME => name.map_or(fields.values[at], Value::Text),
                _ => Value::Null,
            };
            if stays || fields.values[at] == instead {
                continue;
            }
            let others = group.iter().filter(|other| other.claim != id);
            let others = others.filter(|other| at != NAME || other.name.is_some());
            if self.is_replaced(id, others, |shape| shape.carries(at))? {
                fields.values[at] = instead;
                is_cleared = true;
            }
        }
        let replaced = self.replaced_extra(id, group, fields)?;
        let cleared = fields.keep_extra(|name, _| !replaced.iter().any(|one| one == name));
        Ok(is_cleared || cleared > 0)
    }

    /// Returns the columns that no field takes and that newer rows carry.
    fn replaced_extra(
        &self,
        id: ClaimId,
        group: &[Member],
        fields: &Fields,
    ) -> Result<Vec<String>> {
        let mut replaced = Vec::new();
        for name in fields.extra_names() {
            let others = group.iter().filter(|other| other.claim != id);
            if self.is_replaced(id, others, |shape| shape.carries_extra(&name))? {
                replaced.push(name);
            }
        }
        Ok(replaced)
    }

    /// Tells whether what a claim says in a column is old, and another one says something newer.
    fn is_replaced<'m>(
        &self,
        id: ClaimId,
        others: impl Iterator<Item = &'m Member>,
        carries: impl Fn(&Shape) -> bool,
    ) -> Result<bool> {
        let Some(own) = self.newest(id, &carries)? else {
            return Ok(false);
        };
        if self.ledger.observed_at(own.object) >= self.superseded.before {
            return Ok(false);
        }
        for other in others {
            let newer = self.newest(other.claim, &carries)?;
            let is_newer =
                |part: Part| self.ledger.compare(said(&part), said(&own)) == Ordering::Greater;
            if newer.is_some_and(is_newer) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns a claim's newest part that carries a column.
    fn newest(&self, id: ClaimId, carries: impl Fn(&Shape) -> bool) -> Result<Option<Part>> {
        for part in self.roster.parts(id) {
            if carries(self.ledger.shape(part.shape)?) {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

/// Returns the position of the one text that stays: what says that an account is local; whom a device names as its last user,
/// which is a usage of its own.
fn stays(subject: Subject) -> usize {
    match subject {
        Subject::Account => account_field::TYPE,
        Subject::Device => device_field::LAST_LOGIN,
    }
}

/// Returns what stands in the place of a name.
fn cleared_name(hash: KeyHash) -> String {
    format!("{CLEARED}{hash:016x}")
}
