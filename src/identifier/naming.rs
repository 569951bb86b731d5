//! Naming: whether texts of others name a person, by what is known of that one.

use std::collections::HashSet;

use serde_json::Value;

use super::kind::Kind;
use super::normal_form;
use super::text::folded;
use super::words::words;

/// As what a word may name an account.
const KINDS: [Kind; 5] = [
    Kind::Sid,
    Kind::Uid,
    Kind::AccountName,
    Kind::Upn,
    Kind::Email,
];

/// By what a person is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct Naming {
    /// Normal forms of what identifies the account.
    identifiers: HashSet<String>,
    /// What the person is called, folded.
    full_names: Vec<String>,
}

impl Naming {
    /// Makes it of identifiers and full names, as they are shown.
    pub(crate) fn of<'t>(
        identifiers: impl IntoIterator<Item = &'t String>,
        full_names: impl IntoIterator<Item = &'t String>,
    ) -> Naming {
        let identifiers = identifiers.into_iter().flat_map(|text| normals(text));
        let full_names = full_names.into_iter();
        Naming {
            identifiers: identifiers.collect(),
            full_names: full_names
                .filter_map(|text| Some(folded(text)?.into_owned()))
                .filter(|text| !text.is_empty())
                .collect(),
        }
    }

    /// Tells whether a text names the person: it is, or one of its words is, an identifier, in any spelling that is understood; or it is
    /// what the person is called; or that stands in it, in several words, since one word may be anything.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.is_identifier(text)
            || words(text).any(|word| self.is_identifier(word))
            || self.is_called(text)
    }

    /// Tells whether any text of a value does; names of members are others' words.
    pub(crate) fn is_in_json(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.is_in(text),
            Value::Array(values) => values.iter().any(|value| self.is_in_json(value)),
            Value::Object(members) => members.values().any(|value| self.is_in_json(value)),
            _ => false,
        }
    }

    fn is_identifier(&self, word: &str) -> bool {
        normals(word).any(|normal| self.identifiers.contains(&normal))
    }

    fn is_called(&self, text: &str) -> bool {
        let Some(text) = folded(text) else {
            return false;
        };
        self.full_names.iter().any(|name| {
            *text == **name || (name.contains(char::is_whitespace) && stands_in(name, &text))
        })
    }
}

/// Tells whether words stand in a text, not as parts of longer ones.
fn stands_in(words: &str, text: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + words.len()..].chars().next();
        let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        !is_part(before) && !is_part(behind)
    })
}

fn normals(text: &str) -> impl Iterator<Item = String> + '_ {
    let normals = KINDS
        .into_iter()
        .filter_map(|kind| normal_form(kind, text).ok());
    normals.map(|normal| normal.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_person_by_whole_words_in_any_spelling() {
        let identifiers = [
            "lee@contoso.com",
            "jdoe@EMEA",
            "S-1-5-21-1-2-3-1101",
            "desk",
        ];
        let identifiers = identifiers.map(String::from);
        let naming = Naming::of(&identifiers, &["John Q. Doe".into(), "IT".into()]);
        for text in [
            "lee@contoso.com",
            "mail to SMTP:Lee@Contoso.com.",
            r"EMEA\jdoe",
            "user:jdoe@emea, twice",
            "(s-1-5-21-1-2-3-1101)",
            "ask john q. doe!",
            "it",
            " Desk ",
        ] {
            assert!(naming.is_in(text), "{text}");
        }
        for text in [
            "ashlee@contoso.com",
            "lee@contoso.com.evil",
            "xjdoe@EMEA",
            "S-1-5-21-1-2-3-11012",
            "John Q. Doerr",
            "the IT desk",
            "",
        ] {
            assert!(!naming.is_in(text), "{text}");
        }
        let message = serde_json::json!({"lee@contoso.com": 1, "users": [{"name": "EMEA\\jdoe"}]});
        assert!(naming.is_in_json(&message));
        assert!(!naming.is_in_json(&message["lee@contoso.com"]));
    }
}
