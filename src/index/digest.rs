//! The logical digest: what the index knows, whatever the order in which it learned it.
//!
//! A sum of hashes, one for each part (its keys, what its newest row says and when, since when it is known), for each
//! value that a part once had, for each part that is of another subject than itself (which one), and for each group of
//! mentions. Ids and runs stay out. It is kept small enough to be had at every run: the parts are summed up from the
//! roster, the logins as they are written, what parts once had only by a run that adds to it.

use super::part::normal;
use super::usage::UsageSeen;
use super::{Result, Writer};
use crate::identifier::{self, Kind};
use crate::schema::{Seen, Subject, device_field, flag};

impl Writer<'_> {
    /// Returns the digest of what has been written.
    pub(super) fn digest(&mut self) -> Result<u128> {
        let mut sum = self.usages.digest;
        for subject in Subject::ALL {
            for (id, part, newest) in self.rosters[subject as usize].iter() {
                let stamp = self.ledger.stamp(Seen {
                    last_seen: newest.last_seen,
                    object: newest.object,
                    row: 0,
                });
                let local = self.standing[subject as usize].has(id, flag::LOCAL_SID);
                let first = self
                    .ledger
                    .observed_at(self.rosters[subject as usize].first(id));
                let mut bytes = [0; 56];
                bytes[0] = subject as u8;
                bytes[1] = u8::from(local);
                bytes[8..16].copy_from_slice(&part.to_le_bytes());
                bytes[16..24].copy_from_slice(&newest.fingerprint.to_le_bytes());
                bytes[24..32].copy_from_slice(&stamp.last_seen.unwrap_or(-1).to_le_bytes());
                bytes[32..40].copy_from_slice(&stamp.observed_at.to_le_bytes());
                bytes[40..48].copy_from_slice(&stamp.sha256[..8]);
                bytes[48..].copy_from_slice(&first.to_le_bytes());
                sum = sum.wrapping_add(identifier::hash_bytes128(&bytes));
            }
            sum = sum.wrapping_add(self.digest_of_joined(subject)?);
        }
        let sum = sum.wrapping_add(self.digest_of_held()?);
        Ok(sum.wrapping_add(self.digest_of_mentions()?))
    }

    fn digest_of_joined(&mut self, subject: Subject) -> Result<u128> {
        let joined: Vec<(u32, u32)> = self.standing[subject as usize].joined().collect();
        let mut sum = 0u128;
        for (part, owner) in joined {
            let Some(row) = self.table(subject)?.read(part)? else {
                continue;
            };
            let keys = super::mention::join_keys(&row.content.keys(subject));
            let name = self.name_of(subject, owner)?;
            sum = sum.wrapping_add(identifier::hash128(&format!(
                "{} {keys} {name}",
                subject.table()
            )));
        }
        Ok(sum)
    }

    /// Names a subject by its strongest key.
    fn name_of(&mut self, subject: Subject, id: u32) -> Result<String> {
        let Some(row) = self.table(subject)?.read(id)? else {
            return Ok(String::new());
        };
        let kinds = subject.key_kinds();
        let strong = normal(kinds[0], row.content.texts[0].as_deref());
        let is_key = |sid: &String| kinds[0] != Kind::Sid || identifier::is_key_sid(sid);
        let strong = strong
            .filter(is_key)
            .filter(|_| !self.standing[subject as usize].has(id, flag::LOCAL_SID));
        let others = || (1..3).find_map(|at| normal(kinds[at], row.content.texts[at].as_deref()));
        Ok(strong.or_else(others).unwrap_or_default())
    }

    /// What mentions say; where they lead follows from that and from the parts.
    fn digest_of_mentions(&mut self) -> Result<u128> {
        let mut sum = 0u128;
        let mut select = self
            .connection
            .prepare("SELECT part, seen, group_hash, user_keys FROM mention WHERE current = 0")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let part: Option<u32> = row.get(0)?;
            let seen = row.get_ref(1)?.as_str().unwrap_or_default().as_bytes();
            let group: i64 = row.get(2)?;
            let (user_keys, Some(part)) = (row.get_ref(3)?.as_str().unwrap_or_default(), part)
            else {
                if let Some(seen) = UsageSeen::decode(seen) {
                    sum = sum.wrapping_add(self.digest_of_logins(group as u64, &seen));
                }
                continue;
            };
            // What the device's row names now stands in its part; whether it also stands here depends on the order.
            if self.last_login_of(part)?.as_deref() == Some(user_keys.trim_start()) {
                continue;
            }
            let Some(seen) = Seen::decode(seen) else {
                continue;
            };
            let observed = self.ledger.observed_at(seen.object);
            sum = sum.wrapping_add(identifier::hash128(&format!(
                "{group} {observed} {:?} former",
                seen.last_seen
            )));
        }
        Ok(sum)
    }

    /// What a group's logins add to the digest, wherever they stand.
    pub(super) fn digest_of_logins(&self, group: u64, seen: &UsageSeen) -> u128 {
        let observed = self.ledger.observed_at(seen.object);
        let numbers = [
            group,
            observed.unsigned_abs(),
            seen.count.map_or(u64::MAX, |count| count),
            seen.last_used.map_or(u64::MAX, i64::unsigned_abs),
        ];
        let mut bytes = [0; 32];
        for (into, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            into.copy_from_slice(&number.to_le_bytes());
        }
        identifier::hash_bytes128(&bytes)
    }

    fn last_login_of(&mut self, part: u32) -> Result<Option<String>> {
        let row = self.table(Subject::Device)?.read(part)?;
        Ok(row.and_then(|row| {
            normal(
                Kind::AccountName,
                row.content.texts[device_field::LAST_LOGIN].as_deref(),
            )
        }))
    }
}
