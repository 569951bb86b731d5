//! Domains: what stands behind the dot or the `@` of names that the index has. A lookup tells by them whether a dotted text may
//! be the full name of a device.

use std::collections::BTreeSet;

use super::Result;
use crate::identifier;
use crate::schema::{NAME, Subject, account_field};
use crate::sqlite::Columns;

/// Domains that are kept: an office has a few. Of more, those that come first in the alphabet.
const KEPT: usize = 4_096;
/// Bytes that a domain can have.
const BYTES: usize = 253;

/// Domains of one word that networks within offices and homes have, beside those of account names. Another one may be a surname:
/// people name their computers `ann.smith`, and `maria.smith` is not the computer `maria` then.
const OF_ONE_WORD: [&str; 14] = [
    "ad",
    "corp",
    "dom",
    "domain",
    "home",
    "internal",
    "intern",
    "intra",
    "intranet",
    "lan",
    "local",
    "localdomain",
    "office",
    "private",
];

/// The domains of devices' full names, of UPNs and of emails, in small letters.
#[derive(Debug, Default)]
pub(super) struct Domains {
    all: BTreeSet<String>,
    /// Domains of account names, of one word: an office has a few.
    of_accounts: BTreeSet<String>,
    /// Those met last of each, as they were written: nearly every row has them.
    last: String,
    last_of_accounts: String,
}

impl Domains {
    /// Notes those of a row.
    pub(super) fn note(&mut self, subject: Subject, mut text: Columns) -> Result<()> {
        if subject == Subject::Device {
            text.skip(NAME)?;
            let name = text.take()?.text().unwrap_or_default();
            self.add(name.split_once('.'));
            return Ok(());
        }
        text.skip(NAME)?;
        self.add_of_account(text.take()?.text().unwrap_or_default());
        text.skip(account_field::UPN - NAME - 1)?;
        for _ in [account_field::UPN, account_field::EMAIL] {
            let address = text.take()?.text().unwrap_or_default();
            // Nearly every one ends as the last did.
            let before = address.strip_suffix(self.last.as_str());
            if !before.is_some_and(|before| before.ends_with('@')) {
                self.add(address.rsplit_once('@'));
            }
        }
        Ok(())
    }

    fn add(&mut self, split: Option<(&str, &str)>) {
        let Some((_, domain)) = split.filter(|(_, domain)| domain.len() <= BYTES) else {
            return;
        };
        if self.last == domain {
            return;
        }
        domain.clone_into(&mut self.last);
        if self.all.contains(domain) {
            return;
        }
        if let Some(domain) = identifier::folded(domain) {
            self.all.insert(domain.into_owned());
        }
        if self.all.len() > KEPT {
            self.all.pop_last();
        }
    }

    /// Adds the domain of an account's name. Computers, which local accounts have there, are numbered.
    fn add_of_account(&mut self, name: &str) {
        let Some((_, domain)) = name.rsplit_once('@') else {
            return;
        };
        if self.last_of_accounts == domain {
            return;
        }
        domain.clone_into(&mut self.last_of_accounts);
        let is_numbered = domain.contains(|sign: char| sign == '.' || sign.is_ascii_digit());
        if let Some(domain) = identifier::folded(domain).filter(|_| !is_numbered) {
            self.of_accounts.insert(domain.into_owned());
        }
        if self.of_accounts.len() > KEPT {
            self.of_accounts.pop_last();
        }
    }

    /// Adds those of other rows.
    pub(super) fn extend(&mut self, others: Domains) {
        for (all, others) in [
            (&mut self.all, others.all),
            (&mut self.of_accounts, others.of_accounts),
        ] {
            all.extend(others);
            while all.len() > KEPT {
                all.pop_last();
            }
        }
    }

    fn is_domain(&self, domain: &str) -> bool {
        domain.contains('.') || OF_ONE_WORD.contains(&domain) || self.of_accounts.contains(domain)
    }

    /// Returns them, and those above them but for what a registry sells, with some more.
    pub(super) fn with_parents<'a>(
        &'a self,
        more: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let domains = self.all.iter().map(String::as_str);
        let mut all: BTreeSet<&str> = domains.filter(|one| self.is_domain(one)).collect();
        for domain in &self.all {
            let mut rest = domain.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                if parent.contains('.') {
                    all.insert(parent);
                }
                rest = parent;
            }
        }
        all.extend(more);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_come_with_those_above_them() {
        let mut domains = Domains::default();
        domains.add("NB-1.emea.Contoso.com".split_once('.'));
        domains.add("jdoe@contoso.com".rsplit_once('@'));
        domains.add("MARIA".split_once('.'));
        domains.add("ann.smith".split_once('.'));
        domains.add("anns-mac.local".split_once('.'));
        domains.add("nb-2.emea".split_once('.'));
        domains.add_of_account("jdoe@EMEA");
        let all: Vec<&str> = domains
            .with_parents(std::iter::once("corp"))
            .into_iter()
            .collect();
        assert_eq!(
            all,
            ["contoso.com", "corp", "emea", "emea.contoso.com", "local"]
        );
    }
}
