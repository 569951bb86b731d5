//! Mentions and former last logins that are kept.

use super::{Fates, LetGo, Sifting};
use crate::index::claim::ClaimId;
use crate::index::error::{Error, Result, damaged};
use crate::index::mention::{Mention, split_keys};
use crate::index::mention_rows::{self, BLOCK, Written};
use crate::index::mentions::join_keys;
use crate::index::said::ObjectId;
use crate::index::text::Fields;
use crate::schema::{BySubject, Dataset, Subject};
use crate::sealed::filed;
use crate::sqlite::{Record, Table};

impl Sifting<'_> {
    pub(super) fn mentions(
        &self,
        fates: &BySubject<Fates>,
        table: &mut Table,
        let_go: &mut LetGo,
    ) -> Result<()> {
        let mut rows = self.last.reader.rows("mention")?;
        let (mut block, mut count, mut id) = (Vec::new(), 0, 0);
        let mut record = Record::default();
        let mut end = |block: &mut Vec<u8>| {
            id += 1;
            record.clear();
            record.put_null();
            record.put_blob(block);
            block.clear();
            table.push(id, &record)
        };
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut rest = columns.take()?.blob().unwrap_or_default();
            while !rest.is_empty() {
                let taken = mention_rows::take(&mut rest);
                let (mut mention, written) = taken.ok_or(damaged("a block of mentions"))?;
                if !self.keeps_mention(&fates.account, &mention, &written) {
                    let_go.usages += 1;
                    continue;
                }
                let keys = BySubject::of(|side| renamed(&fates[side], side, &mut mention));
                let extra = self.extra_of(written.extra, let_go);
                let written = Written {
                    keys: BySubject::of(|side| keys[side].as_deref().or(written.keys[side])),
                    extra: extra.as_deref(),
                    ..written
                };
                mention_rows::put(&mention, &written, &mut block);
                count += 1;
                if count % BLOCK == 0 {
                    end(&mut block)?;
                }
            }
        }
        if !block.is_empty() {
            end(&mut block)?;
        }
        Ok(())
    }

    /// Returns other columns of a logins row, without what told of somebody who was erased.
    fn extra_of(&self, extra: Option<&str>, let_go: &mut LetGo) -> Option<String> {
        let mut fields = Fields::nothing(Subject::Account);
        fields.extra = extra.map(Into::into);
        let_go.cells += self.clear_extra(&mut fields);
        fields.extra.map(|extra| extra.into_owned())
    }

    fn keeps_mention(&self, accounts: &Fates, mention: &Mention, written: &Written) -> bool {
        let observed_at = self.ledger.observed_at(mention.object);
        !self.is_old(Dataset::Logins, observed_at)
            && !self.is_mention_erased(accounts, mention, written)
    }

    /// Tells whether the strongest key of a mention's user is that of somebody who was erased.
    fn is_mention_erased(&self, accounts: &Fates, mention: &Mention, written: &Written) -> bool {
        let side = Subject::Account;
        if let Some((claim, at)) = mention.claims[side].zip(mention.key_of_claim(side)) {
            let mut keys = [None; 3];
            let dropped = accounts.keys.get(&claim);
            keys[at] = dropped.and_then(|keys| Some(filed(keys[at].as_deref()?).high));
            return accounts.shared.contains(&(claim, at)) || self.erased.has_strongest(keys);
        }
        let keys = split_keys(written.keys[side].unwrap_or_default());
        let mut keys = keys.map(|key| key.map(|key| filed(key).high));
        for (at, key) in keys.iter_mut().enumerate() {
            *key = key.filter(|_| mention.is_key(side, at));
        }
        self.erased.has_strongest(keys)
    }

    pub(super) fn formers(
        &self,
        fates: &BySubject<Fates>,
        table: &mut Table,
        let_go: &mut LetGo,
    ) -> Result<()> {
        let mut rows = self.last.reader.rows("last_login")?;
        let (mut id, mut record) = (0, Record::default());
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let mut claim = || {
                let row = columns.take()?.integer().unwrap_or_default();
                Ok::<_, Error>(ClaimId::of_row(row as u32))
            };
            let (device, account) = (claim()?, claim()?);
            let name = columns.take()?.text().unwrap_or_default();
            let mut rest = columns;
            rest.skip(2)?;
            let last = ObjectId::read(rest.take()?)?;
            let device = device.and_then(|device| fates.device.new_id(device));
            let is_old = self.is_old(Dataset::Devices, self.ledger.observed_at(last));
            let Some(device) = device.filter(|_| !is_old && !self.erased.has_name(name)) else {
                let_go.usages += 1;
                continue;
            };
            let account = account.and_then(|account| fates.account.new_id(account));
            id += 1;
            record.clear();
            record.put_null();
            record.put_integer(i64::from(device.row()));
            record.put_integer(account.map_or(0, |account| i64::from(account.row())));
            record.put_text(name);
            record.put_columns(columns);
            table.push(id, &record)?;
        }
        Ok(())
    }
}

/// Has a side of a mention name its claim by the new number; one that is dropped, by its key, which is returned.
fn renamed(fates: &Fates, side: Subject, mention: &mut Mention) -> Option<String> {
    let old = mention.claims[side]?;
    let at = mention.key_of_claim(side);
    mention.claims[side] = fates.new_id(old);
    let at = at.filter(|_| mention.claims[side].is_none())?;
    let mut keys = [None, None, None];
    keys[at] = fates.keys.get(&old)?[at].clone();
    Some(join_keys(&keys))
}
