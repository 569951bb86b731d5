//! Domains: what stands behind the dot or the `@` of names that the index has. A lookup tells by them whether a dotted text may
//! be the full name of a device.

use std::collections::BTreeSet;

use super::last::Last;
use super::subject::Sharing;
use super::{Result, Rules};
use crate::identifier;
use crate::schema::{NAME, Subject, account_field};
use crate::sqlite::Columns;

/// Domains that are kept: an office has a few. Of more, those that come first in the alphabet.
const KEPT: usize = 4_096;
/// The key of `meta` that has them, a line each.
pub(super) const DOMAINS: &str = "domains";
/// A text with a digit that is so long is a computer's name rather than an office's.
const OF_A_COMPUTER: usize = 8;
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
    /// Those of one word.
    words: BTreeSet<String>,
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
        let all = match domain.contains('.') {
            true => &mut self.all,
            false => &mut self.words,
        };
        if let Some(domain) = identifier::folded(domain) {
            all.insert(domain.into_owned());
        }
        if all.len() > KEPT {
            all.pop_last();
        }
    }

    /// Adds the domain of an account's name. Computers, which local accounts have there, are numbered, and would leave no room for
    /// others.
    fn add_of_account(&mut self, name: &str) {
        let Some((_, domain)) = name.rsplit_once('@') else {
            return;
        };
        if self.last_of_accounts == domain {
            return;
        }
        domain.clone_into(&mut self.last_of_accounts);
        let has_digit = domain.contains(|sign: char| sign.is_ascii_digit());
        let is_left_out = domain.contains('.') || (has_digit && domain.len() >= OF_A_COMPUTER);
        if let Some(domain) = identifier::folded(domain).filter(|_| !is_left_out) {
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
            (&mut self.words, others.words),
            (&mut self.of_accounts, others.of_accounts),
        ] {
            all.extend(others);
            while all.len() > KEPT {
                all.pop_last();
            }
        }
    }

    /// Writes them as lines, with those above them but for what a registry sells, those of the configuration and, where names are
    /// sealed by now, those that were known before.
    pub(super) fn lines(&self, rules: &Rules, last: Option<&Last>, sharing: &Sharing) -> String {
        let last = last.and_then(|last| last.meta.get(DOMAINS));
        let last = last.filter(|_| rules.superseded.is_some());
        let last = last.into_iter().flat_map(|domains| domains.lines());
        let is_device = |word: &str| sharing.is_device_name(word);
        let mut all = self.with_parents(last, is_device);
        all.extend(rules.device_domains.iter().map(String::as_str));
        all.remove("");
        all.into_iter().collect::<Vec<_>>().join("\n")
    }

    /// Returns those of several words, and those of one that is no surname, for sure, with those above them.
    fn with_parents<'a>(
        &'a self,
        last: impl Iterator<Item = &'a str>,
        is_device: impl Fn(&str) -> bool,
    ) -> BTreeSet<&'a str> {
        let is_of_office = |word: &str| self.of_accounts.contains(word) && !is_device(word);
        let is_domain = |domain: &&str| {
            domain.contains('.') || OF_ONE_WORD.contains(domain) || is_of_office(domain)
        };
        let known = self.all.iter().chain(&self.words).map(String::as_str);
        let mut all: BTreeSet<&str> = known.chain(last).filter(is_domain).collect();
        for domain in &self.all {
            let mut rest = domain.as_str();
            while let Some((_, parent)) = rest.split_once('.') {
                if parent.contains('.') {
                    all.insert(parent);
                }
                rest = parent;
            }
        }
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
        domains.add("nb-3.corp01".split_once('.'));
        domains.add_of_account("kim@CORP01");
        // A computer's own account, and one of a surname.
        domains.add("ann.maria".split_once('.'));
        domains.add_of_account("admin@MARIA");
        let all: Vec<&str> = domains
            .with_parents(std::iter::once("corp"), |word| word == "maria")
            .into_iter()
            .collect();
        assert_eq!(
            all,
            [
                "contoso.com",
                "corp",
                "corp01",
                "emea",
                "emea.contoso.com",
                "local"
            ]
        );
    }
}
