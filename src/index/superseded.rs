//! What newer rows have replaced, and is not kept in clear: names, addresses and all else that an account or a device had
//! once, as rows said it that are older than is configured. Identifiers are sealed, all else is cleared.
//!
//! Two claims are of one subject for ever if they have the same SID, or none, and the same uid (of a device: the same uid and
//! collector uid): of these alone one replaces what another said, so that no later row can show that it was needed. A SID alone
//! is not enough: a later row may show that it is local, and was of several. What is replaced was shown nowhere any more, and all
//! that follows from former identifiers follows from their hashes.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::claim::{ClaimId, Part, said};
use super::error::Result;
use super::identity::{Identity, KeyHash};
use super::ledger::Ledger;
use super::roster::Roster;
use super::text::{Fields, Shape};
use crate::identifier::folded;
use crate::schema::{FieldType, NAME, SECOND, STRONG, Subject, account_field, device_field};
use crate::sealed::{is_sealed, seal, seal_word};
use crate::sqlite::{Columns, Record, Value};

/// Claims of which one replaces what others said.
#[derive(Debug)]
pub(super) struct Superseded {
    subject: Subject,
    /// What rows said that were observed before is not kept in clear.
    before: i64,
    /// Claims that are of one subject for ever: all of their parts, the newest first.
    groups: Vec<Vec<Member>>,
    /// By claim.
    group_of: BTreeMap<ClaimId, usize>,
}

/// A part of a claim in a group.
#[derive(Debug)]
struct Member {
    claim: ClaimId,
    part: Part,
    has_name: bool,
}

impl Superseded {
    /// Finds the claims that are of one subject for ever.
    pub(super) fn of(
        (subject, identity): (Subject, &Identity),
        (roster, ledger): (&Roster, &Ledger),
        before: i64,
    ) -> Superseded {
        let mut alike: HashMap<[Option<KeyHash>; 2], Vec<usize>> = HashMap::new();
        for (at, claim) in identity.claims.iter().enumerate() {
            let keys = [claim.keys[STRONG], claim.keys[SECOND]];
            let is_one_for_ever = match subject {
                Subject::Account => claim.keys[SECOND].is_some(),
                Subject::Device => keys.iter().any(Option::is_some),
            };
            if is_one_for_ever {
                alike.entry(keys).or_default().push(at);
            }
        }
        let mut superseded = Superseded {
            subject,
            before,
            groups: Vec::new(),
            group_of: BTreeMap::new(),
        };
        for some in alike.into_values().filter(|some| some.len() > 1) {
            let mut group = Vec::new();
            for claim in some.into_iter().map(|at| &identity.claims[at]) {
                superseded
                    .group_of
                    .insert(claim.id, superseded.groups.len());
                group.extend(roster.parts(claim.id).map(|part| Member {
                    claim: claim.id,
                    part,
                    has_name: claim.keys[NAME].is_some(),
                }));
            }
            group.sort_by(|left, right| ledger.compare(said(&right.part), said(&left.part)));
            superseded.groups.push(group);
        }
        superseded
    }

    /// Returns a claim's text without what newer rows have replaced; none where that is as it is.
    pub(super) fn cut(
        &self,
        id: ClaimId,
        text: Columns,
        ledger: &Ledger,
    ) -> Result<Option<Record>> {
        let Some(group) = self.group_of.get(&id) else {
            return Ok(None);
        };
        let group = &self.groups[*group];
        let whole = Fields::read(self.subject, text)?;
        let mut instead = Vec::new();
        for (at, value) in whole.values.iter().enumerate() {
            if *value != Value::Null && self.is_replaced_at(group, id, at, ledger)? {
                instead.push((at, self.sealed(at, *value)));
            }
        }
        let mut fields = whole.clone();
        for (at, sealed) in &instead {
            fields.values[*at] = sealed.as_deref().map_or(Value::Null, Value::Text);
        }
        let mut replaced = Vec::new();
        for name in whole.extra_names() {
            let carries = |shape: &Shape| shape.carries_extra(&name);
            if self.is_replaced(group, id, ledger, (false, carries))? {
                replaced.push(name);
            }
        }
        let gone = fields.keep_extra(|name, _| !replaced.iter().any(|one| one == name));
        let is_cut = gone > 0 || fields.values != whole.values;
        Ok(is_cut.then(|| {
            let mut record = Record::default();
            fields.put(&mut record);
            record
        }))
    }

    /// Tells whether what a claim says in a field is not kept in clear.
    pub(super) fn has(&self, id: ClaimId, at: usize, ledger: &Ledger) -> Result<bool> {
        match self.group_of.get(&id) {
            Some(group) => self.is_replaced_at(&self.groups[*group], id, at, ledger),
            None => Ok(false),
        }
    }

    fn is_replaced_at(
        &self,
        group: &[Member],
        id: ClaimId,
        at: usize,
        ledger: &Ledger,
    ) -> Result<bool> {
        let of = (at == NAME, |shape: &Shape| shape.carries(at));
        Ok(!self.is_kept(at) && self.is_replaced(group, id, ledger, of)?)
    }

    /// Returns what comes into the place of a value: of an identifier, what it is found by; of a full name, its hash, since whoever
    /// is erased is to be known in others' columns by what he was called, too.
    fn sealed(&self, at: usize, value: Value) -> Option<String> {
        let text = value.text()?;
        let is_full_name = self.subject == Subject::Account && at == account_field::FULL_NAME;
        match self.subject.fields()[at].kind {
            FieldType::Key(_) | FieldType::Identifier(_) if is_sealed(text) => {
                Some(text.to_owned())
            }
            FieldType::Key(kind) | FieldType::Identifier(kind) => seal(kind, text),
            _ if is_full_name && is_sealed(text) => Some(text.to_owned()),
            _ if is_full_name => Some(seal_word(&folded(text).unwrap_or(Cow::Borrowed(text)))),
            _ => None,
        }
    }

    /// Tells whether a field stays as it is: keys but the name are those of all claims of a group, and the rest says what follows
    /// from the row as a whole (that an account is local), or is a usage of its own (whom a device names as its last user).
    fn is_kept(&self, at: usize) -> bool {
        let kept = match self.subject {
            Subject::Account => account_field::TYPE,
            Subject::Device => device_field::LAST_LOGIN,
        };
        match self.subject.fields()[at].kind {
            FieldType::Time => true,
            FieldType::Key(_) => at != NAME,
            _ => at == kept,
        }
    }

    /// Tells whether what a claim says in a column is old, and another one says something newer.
    fn is_replaced(
        &self,
        group: &[Member],
        id: ClaimId,
        ledger: &Ledger,
        (is_name, carries): (bool, impl Fn(&Shape) -> bool),
    ) -> Result<bool> {
        for member in group {
            let is_own = member.claim == id;
            if (!is_own && is_name && !member.has_name)
                || !carries(ledger.shape(member.part.shape)?)
            {
                continue;
            }
            // Where the newest of all is another one's, whether one's own is old is left to ask.
            return Ok(!is_own && self.is_old(group, id, ledger, carries)?);
        }
        Ok(false)
    }

    fn is_old(
        &self,
        group: &[Member],
        id: ClaimId,
        ledger: &Ledger,
        carries: impl Fn(&Shape) -> bool,
    ) -> Result<bool> {
        for own in group.iter().filter(|member| member.claim == id) {
            if carries(ledger.shape(own.part.shape)?) {
                return Ok(ledger.observed_at(own.part.object) < self.before);
            }
        }
        Ok(false)
    }
}
