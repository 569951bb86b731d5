//! The keys there are, the variables that stand for them, and which of them a misspelt one is nearest to.

use super::Source;

/// Every key, `*` standing for a name that the user chooses; the likelier of two equally near ones first.
pub(super) const KEYS: &[&str] = &[
    "index.path",
    "index.mode",
    "index.group",
    "index.keep_generations",
    "index.prune_after",
    "index.publish_every",
    "index.spool_bytes",
    "answers.max_holders",
    "answers.fresh_for",
    "answers.ageing_for",
    "class.admin",
    "class.service",
    "source.*.name",
    "source.*.url",
    "source.*.time_zone",
    "source.*.observed_from",
    "source.*.options.*",
    "dataset.users.semantics",
    "dataset.users.columns.*",
    "dataset.devices.semantics",
    "dataset.devices.columns.*",
    "dataset.logins.semantics",
    "dataset.logins.window",
    "dataset.logins.columns.*",
];

/// What every variable of ours begins with: one that is no key and not in `OTHER_VARIABLES` is a mistake.
pub(super) const PREFIX: &str = "IDENTIDEX_";

/// Variables that are read elsewhere: by `load`, by `telemetry`, and by the tests and their tools.
pub(super) const OTHER_VARIABLES: &[&str] = &[
    "IDENTIDEX_BIN",
    "IDENTIDEX_CLOUD_TESTS",
    "IDENTIDEX_CONFIG",
    "IDENTIDEX_LOG",
    "IDENTIDEX_LOG_FORMAT",
    "IDENTIDEX_TEST_TOOLS",
];

/// Whether there are known keys inside this one: then it is a table.
pub(super) fn is_section(key: &[&str]) -> bool {
    KEYS.iter().any(|known| {
        let mut known = known.split('.');
        let is_prefix = key
            .iter()
            .all(|given| matches!(known.next(), Some(part) if part == "*" || part == *given));
        is_prefix && known.next().is_some()
    })
}

/// Returns the known keys with the names that a given key has in their places.
pub(super) fn like(key: &[&str]) -> impl Iterator<Item = String> {
    KEYS.iter().map(move |known| {
        let parts = known.split('.').enumerate().map(|(at, part)| match part {
            "*" => key.get(at).copied().unwrap_or("<name>"),
            part => part,
        });
        parts.collect::<Vec<_>>().join(".")
    })
}

/// Returns the key that a variable overrides.
pub(super) fn of_variable(variable: &str, sources: &[Source]) -> Option<Vec<String>> {
    if let Some(rest) = variable.strip_prefix("IDENTIDEX_SOURCE_") {
        let keys = sources
            .iter()
            .filter_map(|source| of_source(rest, &source.name));
        // The longest name wins: `a_options` may be a source beside `a`.
        return keys.max_by_key(|key| key[1].len());
    }
    let key = fixed().find(|key| variable_of(key) == variable)?;
    Some(key.split('.').map(str::to_owned).collect())
}

/// Returns the name of the source that a variable would make, if it is one for a URL.
pub(super) fn new_source(variable: &str) -> Option<String> {
    let name = variable
        .strip_prefix("IDENTIDEX_SOURCE_")?
        .strip_suffix("_URL")?;
    Some(name.to_ascii_lowercase())
}

/// Returns the variables that would have been understood.
pub(super) fn variables(sources: &[Source]) -> impl Iterator<Item = String> {
    let of_sources = sources.iter().flat_map(|source| {
        let name = variable_part(&source.name);
        ["URL", "TIME_ZONE", "OBSERVED_FROM", "OPTIONS_<KEY>"]
            .map(|key| format!("IDENTIDEX_SOURCE_{name}_{key}"))
    });
    let others = OTHER_VARIABLES
        .iter()
        .chain(&["IDENTIDEX_SOURCE_<NAME>_URL"]);
    let others = others.map(|name| (*name).to_owned());
    of_sources.chain(fixed().map(variable_of)).chain(others)
}

/// Spells a name as a variable does: upper case, `_` for anything but letters and digits.
pub(super) fn variable_part(name: &str) -> String {
    name.to_ascii_uppercase()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "_")
}

/// Returns the candidate with the fewest letters to change; one that only goes on is nearer than any other.
pub(super) fn nearest(given: &str, candidates: impl Iterator<Item = String>) -> String {
    let cost = |candidate: &String| (!candidate.starts_with(given), edits(given, candidate));
    candidates.min_by_key(cost).unwrap_or_default()
}

/// Returns the keys outside sources, without the `*` at the end of tables that a variable sets as a whole.
fn fixed() -> impl Iterator<Item = &'static str> {
    let keys = KEYS.iter().filter(|key| !key.starts_with("source."));
    keys.map(|key| key.trim_end_matches(".*"))
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", variable_part(key))
}

/// Reads what follows `IDENTIDEX_SOURCE_` as a key of the source with this name.
fn of_source(rest: &str, name: &str) -> Option<Vec<String>> {
    let tail = rest.strip_prefix(&variable_part(name))?.strip_prefix('_')?;
    let key = match tail.strip_prefix("OPTIONS_") {
        Some(option) if !option.is_empty() => vec!["options", option],
        None if ["URL", "TIME_ZONE", "OBSERVED_FROM"].contains(&tail) => vec![tail],
        _ => return None,
    };
    let key = key.into_iter().map(str::to_ascii_lowercase);
    Some(
        ["source".to_owned(), name.to_owned()]
            .into_iter()
            .chain(key)
            .collect(),
    )
}

/// Counts the insertions, deletions and replacements between two texts (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
