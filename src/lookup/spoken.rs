//! Spoken text: identifiers as people write them, in a sentence, an address line or with the slash the wrong way round.
//!
//! Only what stands around an identifier is taken away, and nothing is put right inside one: what is dangerous is refused
//! afterwards as it would have been.

use std::borrow::Cow;

use crate::identifier;

/// What may stand around a value.
const QUOTES: [(char, char); 8] = [
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('\u{201c}', '\u{201d}'),
    ('\u{201e}', '\u{201c}'),
    ('\u{2018}', '\u{2019}'),
    ('\u{ab}', '\u{bb}'),
    ('\u{bb}', '\u{ab}'),
];

/// What addresses begin with where programs write them.
const SCHEMES: [&str; 6] = ["sip:", "sips:", "im:", "xmpp:", "mailto:", "smtp:"];

/// Returns the identifier that a text means, where it is not the text itself.
pub(super) fn meant(text: &str) -> Option<Cow<'_, str>> {
    let whole = text.trim();
    let mut inner = whole;
    loop {
        let before = inner;
        inner = unquoted(inner.trim_end_matches(['?', '!', '.', ',', ';']).trim());
        inner = without_scheme(inner);
        inner = provided(inner)
            .or_else(|| address_in(inner))
            .unwrap_or(inner);
        if inner == before {
            break;
        }
    }
    let named = domain_and_name(inner).map_or(Cow::Borrowed(inner), Cow::Owned);
    (named != whole && !named.is_empty()).then_some(named)
}

fn unquoted(text: &str) -> &str {
    let pair = QUOTES.iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(*open)?;
        inner.strip_suffix(*close)
    });
    pair.unwrap_or(text).trim()
}

/// Returns a text without the scheme that it begins with, in any case.
fn without_scheme(text: &str) -> &str {
    let scheme = SCHEMES.iter().find(|scheme| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    scheme.map_or(text, |scheme| &text[scheme.len()..])
}

/// Returns the address in `AzureAD\john.doe@contoso.com`. What stands before a name is the domain of that.
fn provided(text: &str) -> Option<&str> {
    let (provider, address) = text.split_once(['\\', '/'])?;
    let is_provider = identifier::is_provider(&provider.to_ascii_lowercase());
    (is_provider && address.contains('@')).then_some(address)
}

/// Returns the address in `John Doe <john.doe@contoso.com>`.
fn address_in(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once('<')?;
    let address = rest.strip_suffix('>')?;
    address.contains('@').then_some(address.trim())
}

/// Turns the slash of `EMEA/jdoe` round.
fn domain_and_name(text: &str) -> Option<String> {
    let (domain, name) = text.split_once('/')?;
    // `n/a` says nothing, and is no account.
    let says_nothing = identifier::folded(text).is_none_or(|text| identifier::says_nothing(&text));
    if says_nothing {
        return None;
    }
    let is_word = |text: &str| {
        let mut letters = text.chars();
        !text.is_empty()
            && letters
                .all(|letter| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | '$'))
    };
    (is_word(domain) && is_word(name)).then(|| format!("{domain}\\{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_around_an_identifier_is_taken_away() {
        for (text, expected) in [
            ("EMEA/jdoe", r"EMEA\jdoe"),
            ("sip:john.doe@contoso.com", "john.doe@contoso.com"),
            ("SIP:john.doe@contoso.com", "john.doe@contoso.com"),
            ("John Doe <john.doe@contoso.com>", "john.doe@contoso.com"),
            ("\"John Doe\" <sip:a@b.example>.", "a@b.example"),
            (r"AzureAD\john.doe@contoso.com", "john.doe@contoso.com"),
            (r"MicrosoftAccount\a@b.example", "a@b.example"),
            ("azuread/a@b.example", "a@b.example"),
            ("mailto:a@b.example", "a@b.example"),
            ("SMTP:a@b.example", "a@b.example"),
            ("<a@b.example>", "a@b.example"),
            ("mailto:<a@b.example>", "a@b.example"),
            ("jdoe?", "jdoe"),
            ("jdoe.", "jdoe"),
            ("'jdoe@EMEA'!", "jdoe@EMEA"),
            ("\u{201e}NB-0042\u{201c}", "NB-0042"),
            ("\u{ab} NB-0042 \u{bb}", "NB-0042"),
        ] {
            assert_eq!(meant(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_an_identifier_already_is_left_alone() {
        for text in [
            "jdoe@EMEA",
            r"EMEA\jdoe",
            r"AzureAD\JohnDoe",
            "S-1-5-21-1-2-3-1101",
            "NB-0042",
            "a/b/c",
            "?",
            "",
            "https://contoso.com/jdoe",
            "n/a",
            "N/A",
        ] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
