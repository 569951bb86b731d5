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

/// Domains of one word that networks within offices and homes have. Another one may be a surname: people name their computers
/// `ann.smith`, and `maria.smith` is not the computer `maria` then.
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
    /// The one met last, as it was written: nearly every row has it.
    last: String,
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
        text.skip(account_field::UPN)?;
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
        let folded = identifier::folded(domain);
        let is_domain = |domain: &str| domain.contains('.') || OF_ONE_WORD.contains(&domain);
        if let Some(domain) = folded.filter(|domain| is_domain(domain)) {
            self.all.insert(domain.into_owned());
        }
        if self.all.len() > KEPT {
            self.all.pop_last();
        }
    }

    /// Adds those of other rows.
    pub(super) fn extend(&mut self, others: Domains) {
        self.all.extend(others.all);
        while self.all.len() > KEPT {
            self.all.pop_last();
        }
    }

    /// Returns them, and those above them but for what a registry sells, with some more.
    pub(super) fn with_parents<'a>(
        &'a self,
        more: impl Iterator<Item = &'a str>,
    ) -> BTreeSet<&'a str> {
        let mut all: BTreeSet<&str> = self.all.iter().map(String::as_str).collect();
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
        let all: Vec<&str> = domains
            .with_parents(std::iter::once("corp"))
            .into_iter()
            .collect();
        assert_eq!(all, ["contoso.com", "corp", "emea.contoso.com", "local"]);
    }
}
