//! Told: what of a header an error repeats. A first row may stand in its place, and that is people's.

use crate::identifier::{self, Kind};

/// What paths of the export language begin with.
const TABLES: [&str; 17] = [
    "alert",
    "application",
    "binary",
    "campaign",
    "collaboration",
    "connection",
    "device",
    "event",
    "execution",
    "monitor",
    "package",
    "platform",
    "remote_action",
    "session",
    "software",
    "user",
    "web",
];

/// The columns of a header, quoted: its first ones, and only those that are no values of a first row for sure.
pub(super) fn listed(header: &[String], is_known: impl Fn(&str) -> bool) -> String {
    const SHOWN: usize = 12;
    let names: Vec<&String> = header
        .iter()
        .filter(|name| is_known(name) || is_path(name))
        .collect();
    let is_header = header.iter().all(|name| looks_like_a_name(name));
    if names.is_empty() || !is_header {
        return match header {
            // By a delimiter that is none.
            [only] if only.matches("user.").count() + only.matches("device.").count() > 1 => {
                "one cell in the first line, which is to be cut at commas, semicolons, tabs or |"
                    .to_owned()
            }
            _ => format!(
                "no column names in the first line, which has {} cells",
                header.len()
            ),
        };
    }
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("{name:?}"))
        .collect();
    let mut text = shown.join(", ");
    if header.len() > shown.len() {
        text.push_str(&format!(" and {} more", header.len() - shown.len()));
    }
    text
}

/// Tells whether a text is a path of the export language: `jane.doe` is a person.
fn is_path(name: &str) -> bool {
    let table = name
        .split_once('.')
        .map(|(table, _)| table.to_ascii_lowercase());
    table.is_some_and(|table| TABLES.contains(&table.as_str()))
}

/// Returns a column's name as it may be shown: one that looks like a value, or has one in it, is none that anybody wrote.
pub fn shown_name(name: &str) -> &str {
    const LONGEST: usize = 100;
    let is_odd =
        name.len() > LONGEST || name.contains(['@', '\\']) || name.split('.').any(is_value);
    match is_odd {
        true => "(a name that looks like a value)",
        false => name,
    }
}

fn is_value(text: &str) -> bool {
    let kinds = [Kind::Sid, Kind::Uid];
    kinds
        .into_iter()
        .any(|kind| identifier::normal_form(kind, text).is_ok())
}

/// Tells a column name from an account name, address, SID, uid, number or time, or a person's name with a comma.
fn looks_like_a_name(text: &str) -> bool {
    let is_short = text.len() <= 100;
    let begins_well = text.is_empty()
        || text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '#');
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.#-() ".contains(&byte));
    is_short && begins_well && is_plain && !is_value(text)
}

/// Returns which of some expected columns one of those found is close to, as half a sentence; one that may be a value is not shown.
pub(super) fn nearest<'a>(found: impl Iterator<Item = &'a String>, expected: &[&String]) -> String {
    let pairs = found.flat_map(|found| expected.iter().map(move |wanted| (found, *wanted)));
    let pairs = pairs.filter(|(found, _)| looks_like_a_name(found));
    let best = pairs
        .map(|(found, wanted)| (distance(&found.to_ascii_lowercase(), wanted), found, wanted))
        .min();
    match best {
        Some((distance, found, wanted)) if distance <= 4 => match is_path(found) {
            true => format!("{found:?} is close to {wanted:?}; "),
            false => format!("one of them is close to {wanted:?}; "),
        },
        _ => String::new(),
    }
}

/// Levenshtein's distance, for column names only.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}
