//! Account names: their two spellings, made one, and the parts of a normal one.
//!
//! Which account a bare name may mean is for a lookup to say.

use std::borrow::Cow;

use super::refusal::Refusal;
use super::text::trimmed;

const ACCOUNT_NAME: Refusal = Refusal::Grammar {
    expected: r"sam@DOMAIN, DOMAIN\sam or sam",
};

/// Returns what stands before the last `@` of a normal account name, or all of it.
pub fn sam(normal_account_name: &str) -> &str {
    parts(normal_account_name).map_or(normal_account_name, |(sam, _)| sam)
}

/// Returns what stands behind the last `@` of a normal account name; none for a bare name.
pub fn domain(normal_account_name: &str) -> Option<&str> {
    parts(normal_account_name).map(|(_, domain)| domain)
}

/// Returns what stands before and behind the last `@`. Names are short: a search for a character costs more to prepare than to
/// look at each byte.
fn parts(name: &str) -> Option<(&str, &str)> {
    let at = name.bytes().rposition(|byte| byte == b'@')?;
    Some((&name[..at], &name[at + 1..]))
}

/// Tells whether a domain in lower case is what Windows writes before the address of an account that is of no domain.
pub fn is_provider(domain: &str) -> bool {
    matches!(
        domain,
        "azuread" | "entraid" | "microsoftaccount" | "microsoft account"
    )
}

/// Returns the address behind a provider's name in lower case, `AzureAD\jane@contoso.com`; any other text as it is.
pub(super) fn without_provider(normal: &str) -> &str {
    let behind = normal.split_once('\\');
    let behind = behind.filter(|(provider, _)| is_provider(provider));
    behind.map_or(normal, |(_, address)| trimmed(address))
}

/// `sam@domain` for both spellings; `\` and `@` together say two different things and are refused, but for the address behind
/// a provider's name: that is `sam`.
pub(super) fn account_name(normal: Cow<'_, str>) -> Result<Cow<'_, str>, Refusal> {
    if let Some(at) = normal.bytes().position(|byte| byte == b'\\') {
        let (domain, sam) = (&normal[..at], &normal[at + 1..]);
        let is_address = is_provider(domain) && sam.split_once('@').is_some_and(is_address);
        let is_mixed = sam.contains('\\') || (normal.contains('@') && !is_address);
        let is_whole = !is_mixed && is_name_part(sam) && is_name_part(domain);
        return is_whole
            .then(|| Cow::Owned(format!("{sam}@{domain}")))
            .ok_or(ACCOUNT_NAME);
    }
    let is_whole = match parts(&normal) {
        Some((sam, domain)) => is_name_part(sam) && is_name_part(domain),
        None => true,
    };
    is_whole.then_some(normal).ok_or(ACCOUNT_NAME)
}

fn is_address((local, suffix): (&str, &str)) -> bool {
    is_name_part(local) && is_name_part(suffix) && !suffix.contains('@')
}

/// Not empty, and without the outer white space that would be trimmed if it stood alone.
fn is_name_part(part: &str) -> bool {
    !part.is_empty() && trimmed(part).len() == part.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifier::Kind;
    use crate::identifier::tests::{normal, refusal};

    #[test]
    fn both_spellings_of_an_account_name_are_one_value() {
        assert_eq!(
            normal(Kind::AccountName, r"EMEA\JDoe").as_deref(),
            Some("jdoe@emea")
        );
        assert_eq!(
            normal(Kind::AccountName, "JDoe@EMEA").as_deref(),
            Some("jdoe@emea")
        );
        assert_eq!(normal(Kind::AccountName, "JDoe").as_deref(), Some("jdoe"));
        assert_eq!(
            normal(Kind::AccountName, r"EMEA\NB-0042$").as_deref(),
            Some("nb-0042$@emea")
        );
    }

    #[test]
    fn an_address_behind_a_providers_name_is_what_stands_before_it() {
        for (text, expected) in [
            (
                r"AzureAD\Jane.Roe@Contoso.com",
                "jane.roe@contoso.com@azuread",
            ),
            (
                r"MicrosoftAccount\jane@outlook.com",
                "jane@outlook.com@microsoftaccount",
            ),
        ] {
            assert_eq!(normal(Kind::AccountName, text).as_deref(), Some(expected));
        }
        for text in [
            r"AzureAD\@contoso.com",
            r"AzureAD\a@b@c",
            r"AzureAD\a@",
            r"EMEA\a@b",
        ] {
            assert_eq!(
                refusal(Kind::AccountName, text),
                Some(ACCOUNT_NAME),
                "{text}"
            );
        }
    }

    #[test]
    fn an_account_name_with_a_part_missing_or_two_readings_is_refused() {
        let texts = [
            r"EMEA\",
            r"\jdoe",
            r"\",
            "@EMEA",
            "jdoe@",
            "@",
            r"a\b\c",
            r"EMEA\jdoe@EMEA",
            r"jdoe@EMEA\x",
            r"EMEA\ jdoe",
            "jdoe @EMEA",
        ];
        for text in texts {
            assert_eq!(
                refusal(Kind::AccountName, text),
                Some(ACCOUNT_NAME),
                "{text}"
            );
        }
    }

    #[test]
    fn the_parts_of_an_account_name_lie_around_the_last_at_sign() {
        assert_eq!((sam("a@b@c"), domain("a@b@c")), ("a@b", Some("c")));
        assert_eq!((sam("jdoe"), domain("jdoe")), ("jdoe", None));
    }
}
