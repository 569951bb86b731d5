//! Refusals: what an API said when it did not do what it was asked.

use std::fmt;

use serde_json::{Map, Value};

use crate::identifier::printable;

/// Characters that are kept of a text.
const KEPT: usize = 1_000;
/// And shown, in one line.
const SHOWN: usize = 300;

/// What an API said when it refused.
///
/// The bodies of Nexthink's APIs have four shapes: `message`, `code` as a number and `source` (NQL); `code` and `message`
/// (remote actions, campaigns); `code` and `details` (workflows); `message` alone (Spark). What is none of them is kept as it
/// came, in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The API's own code.
    pub code: Option<String>,
    /// What it says, at most 1,000 characters of it.
    pub message: Option<String>,
    /// The beginning of a body of another shape, at most 1,000 characters.
    pub body: Option<String>,
}

impl Refusal {
    pub(super) fn of(status: u16, body: &[u8]) -> Refusal {
        let mut refusal = Refusal {
            status,
            ..Refusal::default()
        };
        if let Ok(Value::Object(said)) = serde_json::from_slice(body) {
            refusal.code = text_of(&said, &["code", "errorCode", "error"]);
            refusal.message = text_of(&said, &["message", "details", "error_description"]);
        }
        let text = String::from_utf8_lossy(body);
        if refusal.code.is_none() && refusal.message.is_none() && !text.trim().is_empty() {
            refusal.body = Some(cut(text.trim()));
        }
        refusal
    }

    /// Takes texts out of what was said: an API may repeat what it was sent.
    pub(super) fn without(mut self, texts: &[&str]) -> Refusal {
        let said = [&mut self.code, &mut self.message, &mut self.body];
        for said in said.into_iter().flatten() {
            // A shorter one stands in words of any kind.
            for text in texts.iter().filter(|text| text.len() >= 4) {
                *said = said.replace(text, "…");
            }
        }
        self
    }
}

/// Returns all texts of JSON, names of members and ids of queries aside.
pub(super) fn texts_in(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) if !text.starts_with('#') => vec![text],
        Value::Array(values) => values.iter().flat_map(texts_in).collect(),
        Value::Object(members) => members.values().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

/// Returns the first of some members that says something.
fn text_of(said: &Map<String, Value>, names: &[&str]) -> Option<String> {
    let mut values = names.iter().filter_map(|name| said.get(*name));
    let text = values.find_map(|value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    });
    text.filter(|text| !text.is_empty()).map(|text| cut(&text))
}

fn cut(text: &str) -> String {
    text.chars().take(KEPT).collect()
}

impl fmt::Display for Refusal {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "status {}", self.status)?;
        if let Some(code) = &self.code {
            write!(to, ", code {}", shown(code))?;
        }
        if let Some(message) = &self.message {
            write!(to, ": {}", shown(message))?;
        }
        Ok(())
    }
}

/// Returns the beginning of a text that others wrote, as one line without what steers a terminal.
pub(super) fn shown(text: &str) -> String {
    let beginning: String = text.chars().take(SHOWN).collect();
    printable(&beginning).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shape_of_a_body_is_understood() {
        let said = |body: &str| {
            let Refusal {
                code,
                message,
                body,
                ..
            } = Refusal::of(400, body.as_bytes());
            (code, message, body)
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            said(r#"{"message":"m","code":100,"source":"s"}"#),
            (some("100"), some("m"), None)
        );
        assert_eq!(
            said(r#"{"code":"BAD","message":"m"}"#),
            (some("BAD"), some("m"), None)
        );
        assert_eq!(
            said(r#"{"code":"BAD","details":{"a":1}}"#),
            (some("BAD"), some(r#"{"a":1}"#), None)
        );
        assert_eq!(said(r#"{"message":"m"}"#), (None, some("m"), None));
        assert_eq!(
            said("<html>no</html>"),
            (None, None, some("<html>no</html>"))
        );
        assert_eq!(said(""), (None, None, None));
        assert_eq!(
            said(&"x".repeat(5_000)).2.map(|text| text.len()),
            Some(KEPT)
        );
    }

    #[test]
    fn what_was_sent_is_not_repeated() {
        let sent = serde_json::json!({"queryId": "#user", "parameters": {"upn": "ann@example.com", "n": ["abc", "x"]}});
        let said = Refusal::of(400, br#"{"message":"abc: no ann@example.com in #user"}"#);
        let said = said.without(&texts_in(&sent)).to_string();
        assert_eq!(said, "status 400: abc: no … in #user");
    }

    #[test]
    fn what_others_wrote_stays_in_its_line() {
        let refusal = Refusal::of(403, b"{\"message\":\"a\\n\\u202eb\"}");
        assert_eq!(refusal.to_string(), r"status 403: a\n\u{202e}b");
    }
}
