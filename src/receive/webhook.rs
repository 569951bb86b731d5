//! A webhook: which parts of its messages are devices, users and the alert. Nexthink has the administrator write the message
//! ([DOC] docs.nexthink.com, configuring webhook fields: a payload with placeholders), so that only they know.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use super::strict::Strict;

/// The most devices, and the most users, of one message.
const NAMED_AT_MOST: usize = 100;
/// The longest name of one, and of an alert, in bytes: as long as any identifier.
const NAME_BYTES: usize = 1_024;

/// A place in a JSON text, such as `/device/name` (RFC 6901).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(String);

/// A webhook that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// What it is called in its address.
    pub name: String,
    /// Where its messages have a device, or a list of them: a name or an id.
    pub device: Option<Pointer>,
    /// Where they have a user, or a list of them: any identifier of theirs.
    pub user: Option<Pointer>,
    /// Where they say what is up.
    pub alert: Option<Pointer>,
    /// The same message within so long is the same event.
    pub window: Duration,
}

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Devices.
    pub devices: Vec<String>,
    /// Users.
    pub users: Vec<String>,
    /// What is up.
    pub alert: Option<String>,
}

/// What is wrong with a message; no text of it is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// It is no JSON.
    #[error("line {line}, column {column}: the message is no JSON")]
    Syntax {
        /// The line, the first being 1.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An object of it has a name twice: which one is meant is not known.
    #[error("line {line}: an object has the same name twice")]
    Twice {
        /// The line, the first being 1.
        line: usize,
    },
    /// It names no device and no user.
    #[error("expected a device or a user at {places}; the message has neither there")]
    NobodyNamed {
        /// Where they were looked for.
        places: String,
    },
    /// Something else stands where a text is expected.
    #[error("{place}: expected a text, or a list of at most 100 texts, each of at most 1024 bytes")]
    NoText {
        /// Where.
        place: Pointer,
    },
}

impl Pointer {
    /// Takes a pointer: empty, or `/` and a name, any number of times; `~0` is `~` and `~1` is `/`.
    pub fn new(text: &str) -> Option<Pointer> {
        let is_one = text.is_empty() || text.starts_with('/');
        let mut escapes = text.split('~').skip(1);
        let is_escaped = escapes.all(|rest| rest.starts_with(['0', '1']));
        (is_one && is_escaped).then(|| Pointer(text.to_owned()))
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl Webhook {
    /// Reads a message.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(&self, message: &[u8]) -> Result<Said, Fault> {
        let fault = |error: serde_json::Error| match error.is_data() {
            true => Fault::Twice { line: error.line() },
            false => Fault::Syntax {
                line: error.line(),
                column: error.column(),
            },
        };
        // Of two equal names the last would stand alone.
        let Strict(message) = serde_json::from_slice(message).map_err(fault)?;
        let said = Said {
            devices: texts(&message, self.device.as_ref())?,
            users: texts(&message, self.user.as_ref())?,
            alert: alert(&message, self.alert.as_ref()),
        };
        if said.devices.is_empty() && said.users.is_empty() {
            let places = [&self.device, &self.user].into_iter().flatten();
            let places: Vec<&str> = places.map(|place| place.0.as_str()).collect();
            return Err(Fault::NobodyNamed {
                places: places.join(" or "),
            });
        }
        Ok(said)
    }
}

/// Returns the texts at a place; what is not there, empty or null is none.
fn texts(message: &Value, place: Option<&Pointer>) -> Result<Vec<String>, Fault> {
    let Some(place) = place else {
        return Ok(Vec::new());
    };
    let found = message.pointer(&place.0).unwrap_or(&Value::Null);
    let texts: Option<Vec<&str>> = match found {
        Value::Null => Some(Vec::new()),
        Value::String(text) => Some(vec![text]),
        Value::Array(list) => list.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let is_fit = |texts: &Vec<&str>| {
        texts.len() <= NAMED_AT_MOST && texts.iter().all(|text| text.len() <= NAME_BYTES)
    };
    let texts = texts.filter(is_fit).ok_or_else(|| Fault::NoText {
        place: place.clone(),
    })?;
    let mut said: Vec<String> = Vec::new();
    for text in texts.iter().map(|text| text.trim()) {
        if !text.is_empty() && !said.iter().any(|known| known == text) {
            said.push(text.to_owned());
        }
    }
    Ok(said)
}

/// Returns what an alert is called: a number as it is written, of a list the first. Whoever is to be told is told without one, too.
fn alert(message: &Value, place: Option<&Pointer>) -> Option<String> {
    let found = message.pointer(&place?.0)?;
    let found = found.as_array().map_or(Some(found), |list| list.first())?;
    let text = match found {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (1..=NAME_BYTES).contains(&text.len()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook() -> Webhook {
        let place = |text: &str| Pointer::new(text);
        Webhook {
            name: "disk".to_owned(),
            device: place("/device/name"),
            user: place("/users"),
            alert: place("/alert"),
            window: Duration::from_hours(1),
        }
    }

    #[test]
    fn devices_users_and_the_alert_are_where_they_are_said_to_be() {
        let message =
            br#"{"device":{"name":" NB-1 "},"users":["jdoe@EMEA",""],"alert":"disk full"}"#;
        let said = webhook().read(message).unwrap();
        let expected = Said {
            devices: vec!["NB-1".to_owned()],
            users: vec!["jdoe@EMEA".to_owned()],
            alert: Some("disk full".to_owned()),
        };
        assert_eq!(said, expected);
    }

    #[test]
    fn faults_say_where_and_never_what() {
        for (message, expected) in [
            ("{\"secret\":\n", "line 2, column 0: the message is no JSON"),
            (
                "{\"users\":\"a\",\n\"users\":\"b\"}",
                "line 2: an object has the same name twice",
            ),
            (
                "{}",
                "expected a device or a user at /device/name or /users; the message has neither there",
            ),
            (
                "[]",
                "expected a device or a user at /device/name or /users; the message has neither there",
            ),
            (
                r#"{"device":{"name":7}}"#,
                "/device/name: expected a text, or a list of at most 100 texts, each of at most 1024 bytes",
            ),
            (
                r#"{"users":["a",{"b":"secret"}]}"#,
                "/users: expected a text, or a list of at most 100 texts, each of at most 1024 bytes",
            ),
        ] {
            let fault = webhook().read(message.as_bytes()).unwrap_err();
            assert_eq!(fault.to_string(), expected, "{message}");
        }
    }

    #[test]
    fn an_alert_is_a_text_or_a_number_and_never_costs_the_message() {
        for (alert, called) in [
            ("\"disk full\"", Some("disk full")),
            ("3", Some("3")),
            ("[\" a \",\"b\"]", Some("a")),
            ("{}", None),
            ("[]", None),
            ("\"\"", None),
        ] {
            let message = format!(r#"{{"users":["jdoe@EMEA"],"alert":{alert}}}"#);
            let said = webhook().read(message.as_bytes()).unwrap();
            assert_eq!(said.alert.as_deref(), called, "{alert}");
        }
    }

    #[test]
    fn pointers_are_those_of_the_standard() {
        for (text, is_one) in [
            ("", true),
            ("/a/0/~1b~0", true),
            ("a", false),
            ("/a~2", false),
            ("/a~", false),
        ] {
            assert_eq!(Pointer::new(text).is_some(), is_one, "{text}");
        }
    }
}
