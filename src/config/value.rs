//! Values before their key has said what they must be, and the types that keys ask for.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use toml::de::DeValue;

pub(super) const URL: &str = "a folder or a URL such as \"s3://bucket/prefix/\", without password and query \
     (credentials go into options)";

/// What a key with keys inside must be in a file.
pub(super) const TABLE: &str = "a table";

/// A value before its key has said what it must be. Without `Debug`: it may be a secret.
pub(super) enum Value {
    Text(String),
    Whole(u64),
    Switch(bool),
    List(Vec<String>),
    /// A variable: text that is read as whatever the key asks for.
    Variable(String),
    /// Anything that no key takes: a float, a date, a table, a list of other things than text.
    Other,
}

/// Why a key did not take a value.
pub(super) enum Refusal {
    UnknownKey,
    Expected(&'static str),
}

const DURATION: &str = "a duration such as \"10m\" (ms, s, m, h or d)";

/// Reads a duration as the configuration has them.
///
/// # Errors
/// What was expected.
pub(crate) fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = amount(text).and_then(|(amount, unit)| match unit {
        "ms" => Some(Duration::from_millis(amount)),
        "s" => Some(Duration::from_secs(amount)),
        "m" => amount.checked_mul(60).map(Duration::from_secs),
        "h" => amount.checked_mul(60 * 60).map(Duration::from_secs),
        "d" => amount.checked_mul(24 * 60 * 60).map(Duration::from_secs),
        _ => None,
    });
    duration.ok_or(DURATION)
}

impl Value {
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other, Value::Whole),
            DeValue::Boolean(switch) => Value::Switch(*switch),
            DeValue::Array(items) => {
                let texts = items
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned));
                texts
                    .collect::<Option<_>>()
                    .map_or(Value::Other, Value::List)
            }
            DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => Value::Other,
        }
    }

    pub(super) fn text(&self, expected: &'static str) -> Result<&str, Refusal> {
        match self {
            Value::Text(text) | Value::Variable(text) if !text.is_empty() => Ok(text),
            _ => Err(Refusal::Expected(expected)),
        }
    }

    pub(super) fn count(&self) -> Result<u32, Refusal> {
        const COUNT: &str = "a whole number of at least 1";
        match self.number(COUNT)? {
            0 => Err(Refusal::Expected(COUNT)),
            number => Ok(number),
        }
    }

    pub(super) fn number(&self, expected: &'static str) -> Result<u32, Refusal> {
        let number = match self {
            Value::Whole(number) => u32::try_from(*number).ok(),
            Value::Variable(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or(Refusal::Expected(expected))
    }

    pub(super) fn path(&self) -> Result<PathBuf, Refusal> {
        const EXPECTED: &str = "the path of a file";
        let path = PathBuf::from(self.text(EXPECTED)?);
        if path.file_name().is_some() {
            Ok(path)
        } else {
            Err(Refusal::Expected(EXPECTED))
        }
    }

    /// Reads permission bits: the owner reads and writes, nobody executes, not everybody writes.
    pub(super) fn mode(&self) -> Result<u32, Refusal> {
        const EXPECTED: &str = "octal text between \"0600\" and \"0664\", such as \"0640\"";
        let mode = u32::from_str_radix(self.text(EXPECTED)?, 8).ok();
        mode.filter(|mode| mode & !0o064 == 0o600)
            .ok_or(Refusal::Expected(EXPECTED))
    }

    pub(super) fn duration(&self) -> Result<Duration, Refusal> {
        let text = self.text(DURATION)?;
        duration(text).map_err(|_| Refusal::Expected(DURATION))
    }

    pub(super) fn size(&self) -> Result<u64, Refusal> {
        const EXPECTED: &str =
            "a size such as \"64MiB\" or \"8GB\" (B, KB, KiB, MB, MiB, GB, GiB, TB or TiB), not 0";
        let bytes = amount(self.text(EXPECTED)?).and_then(|(amount, unit)| {
            let unit = match unit {
                "B" => 1,
                "KB" => 1_000,
                "MB" => 1_000_000,
                "GB" => 1_000_000_000,
                "TB" => 1_000_000_000_000,
                "KiB" => 1 << 10,
                "MiB" => 1 << 20,
                "GiB" => 1 << 30,
                "TiB" => 1 << 40,
                _ => return None,
            };
            amount.checked_mul(unit)
        });
        bytes
            .filter(|bytes| *bytes > 0)
            .ok_or(Refusal::Expected(EXPECTED))
    }

    pub(super) fn time_zone(&self) -> Result<TimeZone, Refusal> {
        const EXPECTED: &str = "an IANA time zone such as \"Europe/Zurich\"";
        TimeZone::get(self.text(EXPECTED)?).map_err(|_| Refusal::Expected(EXPECTED))
    }

    /// Reads the name of an encoding of one byte a character, or of several; Unicode is told by itself.
    pub(super) fn encoding(&self) -> Result<&'static encoding_rs::Encoding, Refusal> {
        const EXPECTED: &str =
            "an encoding such as \"windows-1252\", \"iso-8859-2\" or \"shift_jis\"";
        let encoding =
            encoding_rs::Encoding::for_label_no_replacement(self.text(EXPECTED)?.as_bytes());
        encoding.ok_or(Refusal::Expected(EXPECTED))
    }

    /// Reads a URL, refusing the two places where people leave secrets, since URLs are shown.
    pub(super) fn url(&self) -> Result<String, Refusal> {
        let url = self.text(URL)?;
        if let Some((_, rest)) = url.split_once("://") {
            let authority = rest.split('/').next().unwrap_or_default();
            // `abfss://container@account` is no password: that has a colon before the `@`.
            let password = authority
                .rsplit_once('@')
                .is_some_and(|(user, _)| user.contains(':'));
            // What a tenant is asked is no secret: the ids of saved queries.
            let is_asked = url.starts_with("nexthink://");
            if password || rest.contains('#') || (!is_asked && rest.contains('?')) {
                return Err(Refusal::Expected(URL));
            }
        }
        Ok(url.to_owned())
    }

    pub(super) fn option(&self) -> Result<String, Refusal> {
        match self {
            Value::Text(text) | Value::Variable(text) => Ok(text.clone()),
            Value::Switch(switch) => Ok(switch.to_string()),
            Value::Whole(number) => Ok(number.to_string()),
            _ => Err(Refusal::Expected("text, a whole number, true or false")),
        }
    }

    fn list(&self, expected: &'static str) -> Result<Vec<String>, Refusal> {
        match self {
            Value::List(items) => Ok(items.clone()),
            Value::Variable(text) if text.trim().is_empty() => Ok(Vec::new()),
            Value::Variable(text) if text.trim_start().starts_with('[') => Err(Refusal::Expected(
                "values with commas between, and no brackets or quotes",
            )),
            Value::Variable(text) => {
                Ok(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
            _ => Err(Refusal::Expected(expected)),
        }
    }

    pub(super) fn switch(&self) -> Result<bool, Refusal> {
        match self {
            Value::Switch(switch) => Ok(*switch),
            Value::Variable(text) if text == "true" => Ok(true),
            Value::Variable(text) if text == "false" => Ok(false),
            _ => Err(Refusal::Expected("true or false")),
        }
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, Refusal> {
        const EXPECTED: &str = "a list of texts, such as [\"one\", \"two\"]";
        let texts = self.list(EXPECTED)?;
        match texts.iter().any(|text| text.trim().is_empty()) {
            true => Err(Refusal::Expected(EXPECTED)),
            false => Ok(texts),
        }
    }

    pub(super) fn patterns(&self) -> Result<Vec<String>, Refusal> {
        const EXPECTED: &str = "a list of patterns for the name before the '@', such as [\"svc-*\"], none of them for every name";
        let patterns = self.list(EXPECTED)?;
        let is_pattern =
            |text: &String| text.chars().any(|c| c != '*') && !text.contains(['@', '\\']);
        if patterns.iter().all(is_pattern) {
            Ok(patterns)
        } else {
            Err(Refusal::Expected(EXPECTED))
        }
    }

    /// Reads domains, without dots around them, in small letters.
    pub(super) fn domains(&self) -> Result<Vec<String>, Refusal> {
        const EXPECTED: &str =
            "a list of domains behind a computer's name, such as [\"corp.contoso.com\"]";
        let bare = |text: String| text.trim_matches('.').to_ascii_lowercase();
        let domains: Vec<String> = self.list(EXPECTED)?.into_iter().map(bare).collect();
        let is_sign = |sign: char| sign.is_alphanumeric() || "-_.".contains(sign);
        let is_domain =
            |text: &String| !text.is_empty() && !text.contains("..") && text.chars().all(is_sign);
        match domains.iter().all(is_domain) {
            true => Ok(domains),
            false => Err(Refusal::Expected(EXPECTED)),
        }
    }

    /// Reads the columns and fields of a variable; a file has them as a table, of which each key is one setting.
    pub(super) fn pairs(&self) -> Result<BTreeMap<String, String>, Refusal> {
        const EXPECTED: &str =
            "columns and their fields, such as user.#team=department,user.#mail=email";
        let Value::Variable(_) = self else {
            return Err(Refusal::Expected(TABLE));
        };
        let pairs = self.list(EXPECTED)?.into_iter().map(|pair| {
            let (column, field) = pair.split_once('=')?;
            let (column, field) = (column.trim(), field.trim());
            (!column.is_empty() && !field.is_empty()).then(|| (column.to_owned(), field.to_owned()))
        });
        pairs
            .collect::<Option<_>>()
            .ok_or(Refusal::Expected(EXPECTED))
    }
}

/// Splits `10m` into its number and its unit.
fn amount(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::super::keys::{self, PREFIX};
    use super::super::sample::{SECRET, error, parse};

    #[test]
    fn a_wrong_value_says_what_was_expected_and_not_what_it_was() {
        let table = r#"
            index.path: the path of a file: 3 | "" | ".."
            index.mode: octal text between: 640 | "0999" | "0777" | "0440" | "0666"
            index.keep_generations: a whole number of at least 1: 0 | -1 | "2" | 2.5 | 99999999999
            index.prune_after: a duration: 10 | "10" | "m" | "10 weeks" | "-1s" | "1.5h"
            index.publish_every: a duration: true | "99999999999999999999d" | "999999999999999999d"
            index.spool_bytes: a size such as: 8 | "0GiB" | "8" | "8 gigs" | "99999999TiB"
            answers.max_holders: a whole number: 0
            dataset.users.extra: true or false: "yes" | 1
            not_said.any: a list of texts: "x" | [1] | [" "]
            class.service: a list of patterns: "svc" | [1] | ["*"] | [""] | ["svc@D"]
            dataset.users.semantics: "window" or "complete": "full" | 1979-05-27
            dataset.logins.window: a duration such as: 1 | "day"
            index.group: the name or number of a group: 100 | ""
            dataset.users.columns.a: the name of a field: 1 | "" | "serial"
            dataset.users.columns: a table: ["a"] | "a=b" | ["user.#a=department"] | [" =department"] | [] | 1
            index: a table: 1
            source: one [[source]] table per source: 1 | [1] | { name = "a" }"#;
        for row in table.lines().skip(1) {
            let [key, expected, values] = row.trim().splitn(3, ": ").collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            for value in values.split(" | ") {
                let shown = error(&format!("\n{key} = {value}"), &[]);
                let start = format!("c.toml:2: {key}: expected {expected}");
                assert!(shown.starts_with(&start), "{key} = {value}: {shown}");
            }
        }
    }

    #[test]
    fn a_wrong_value_of_a_source_says_what_was_expected() {
        let table = r#"
            url: a folder or a URL: "" | "https://u:hunter2hunter2@h/x" | "https://h/?sig=hunter2hunter2"
            time_zone: an IANA time zone such as "Europe/Zurich": "hunter2hunter2"
            observed_from: "key" or "modified": "hunter2hunter2"
            options.token: text, a whole number, true or false: 1.5
            options: a table: "hunter2hunter2""#;
        for row in table.lines().skip(1) {
            let [key, expected, values] = row.trim().splitn(3, ": ").collect::<Vec<_>>()[..] else {
                panic!("{row}")
            };
            for value in values.split(" | ") {
                let shown = error(&format!("[[source]]\nname = \"t\"\n{key} = {value}"), &[]);
                let start = format!("c.toml:3: source.t.{key}: expected {expected}");
                assert!(shown.starts_with(&start), "{shown}");
            }
        }
    }

    #[test]
    fn columns_and_fields_are_trimmed_before_they_are_judged() {
        const COLUMNS: &str = "IDENTIDEX_DATASET_USERS_COLUMNS";
        for pairs in [
            " =department",
            "user.#a= ",
            "=department",
            " = ",
            "user.#a=department,",
        ] {
            assert_eq!(
                error("", &[(COLUMNS, pairs)]),
                format!(
                    "{COLUMNS}: dataset.users.columns: expected columns and their fields, such as \
                     user.#team=department,user.#mail=email"
                ),
                "{pairs:?}"
            );
        }
        for name in ["", " "] {
            let shown = error(
                &format!("dataset.users.columns.\"{name}\" = \"department\""),
                &[],
            );
            let start =
                format!("c.toml:1: dataset.users.columns.{name}: expected the name of a column");
            assert!(shown.starts_with(&start), "{shown}");
        }
        let shown = error("dataset.users.columns.a = \" \"", &[]);
        assert!(shown.contains("expected the name of a field"), "{shown}");

        let file = "dataset.users.columns.\" user.#a \" = \" department \"";
        let variable = (COLUMNS, " user.#a = department ");
        for config in [parse(file, &[]), parse("", &[variable])] {
            let columns = &config.unwrap().datasets["users"].columns;
            assert_eq!(columns.len(), 1);
            assert_eq!(columns["user.#a"], "department");
        }
    }

    #[test]
    fn a_wrong_variable_says_what_was_expected_and_not_what_it_was() {
        for key in [
            "index.mode",
            "index.spool_bytes",
            "index.prune_after",
            "index.keep_generations",
            "dataset.users.semantics",
            "dataset.users.columns",
        ] {
            let name = format!("{PREFIX}{}", keys::variable_part(key));
            let shown = error("", &[(&name, SECRET)]);
            assert!(
                shown.starts_with(&format!("{name}: {key}: expected ")),
                "{shown}"
            );
        }
    }
}
