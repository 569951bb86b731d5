//! The keys there are, the variables that stand for them, and which of them a misspelt one is nearest to.

use super::Config;

/// Every key, `*` standing for a name that the user chooses; the likelier of two equally near ones first.
const KEYS: &[&str] = &[
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
    "answers.recent",
    "answers.quiet_after",
    "answers.device_domains",
    "class.admin",
    "class.service",
    "not_said.any",
    "not_said.time",
    "not_said.serial_number",
    "nexthink.instance",
    "nexthink.region",
    "nexthink.api_url",
    "nexthink.login_url",
    "nexthink.client_id",
    "nexthink.secret",
    "nexthink.secret_file",
    "nexthink.audit",
    "nexthink.deadline",
    "nexthink.calls_per_second",
    "serve.listen",
    "serve.token",
    "serve.token_file",
    "serve.requests_per_second",
    "serve.connections",
    "serve.actions",
    "serve.diagnose",
    "publish.url",
    "publish.key_file",
    "publish.keep",
    "publish.lease",
    "publish.options.*",
    "pull.url",
    "pull.public_key",
    "pull.every",
    "pull.options.*",
    "retention.days",
    "retention.superseded",
    "breaker.percent",
    "metrics.textfile",
    "metrics.pushgateway",
    "metrics.otlp",
    "receive.token",
    "receive.token_file",
    "receive.sources",
    "receive.test_rows",
    "receive.events",
    "receive.keep_events",
    "receive.forward_url",
    "receive.forward_token",
    "receive.forward_token_file",
    "projection.*.path",
    "projection.*.accounts",
    "projection.*.devices",
    "projection.*.mode",
    "projection.*.group",
    "webhook.*.device",
    "webhook.*.user",
    "webhook.*.alert",
    "webhook.*.window",
    "source.*.name",
    "source.*.url",
    "source.*.time_zone",
    "source.*.encoding",
    "source.*.include",
    "source.*.exclude",
    "source.*.min_objects",
    "source.*.observed_from",
    "source.*.keep_for",
    "source.*.options.*",
    "dataset.users.semantics",
    "dataset.users.contract",
    "dataset.users.drop",
    "dataset.users.extra",
    "dataset.users.columns.*",
    "dataset.devices.semantics",
    "dataset.devices.contract",
    "dataset.devices.drop",
    "dataset.devices.extra",
    "dataset.devices.columns.*",
    "dataset.logins.semantics",
    "dataset.logins.contract",
    "dataset.logins.drop",
    "dataset.logins.extra",
    "dataset.logins.window",
    "dataset.logins.columns.*",
];

/// What variables of a source end in, its options aside.
const SOURCE_KEYS: [&str; 8] = [
    "URL",
    "TIME_ZONE",
    "ENCODING",
    "INCLUDE",
    "EXCLUDE",
    "MIN_OBJECTS",
    "OBSERVED_FROM",
    "KEEP_FOR",
];

/// What variables of a webhook end in.
const WEBHOOK_KEYS: [&str; 4] = ["DEVICE", "USER", "ALERT", "WINDOW"];

/// What variables of a projection end in.
const PROJECTION_KEYS: [&str; 5] = ["PATH", "ACCOUNTS", "DEVICES", "MODE", "GROUP"];

/// What every variable of ours begins with: one that is no key and not read elsewhere is a mistake.
pub(super) const PREFIX: &str = "IDENTIDEX_";

/// Variables that are read elsewhere: by `load` and by `telemetry`.
pub(super) const OTHER_VARIABLES: &[&str] =
    &["IDENTIDEX_CONFIG", "IDENTIDEX_LOG", "IDENTIDEX_LOG_FORMAT"];

/// Variables of the tests and their tools. They are no mistake, but nothing that a user can have meant.
pub(super) const TEST_VARIABLES: &[&str] = &[
    "IDENTIDEX_BIN",
    "IDENTIDEX_CLOUD_TESTS",
    "IDENTIDEX_FIRST_TENANT",
    "IDENTIDEX_FIRST_MONTH",
    "IDENTIDEX_KILLS",
    "IDENTIDEX_MONTHS",
    "IDENTIDEX_MONTH_FILES",
    "IDENTIDEX_MONTH_KIND",
    "IDENTIDEX_QUERIES",
    "IDENTIDEX_READER_SECONDS",
    "IDENTIDEX_TENANTS",
    "IDENTIDEX_TEST_LONG_LINE",
    "IDENTIDEX_TEST_TOOLS",
];

/// Whether a variable that is no key's is read elsewhere.
pub(super) fn is_read_elsewhere(variable: &str) -> bool {
    OTHER_VARIABLES.contains(&variable)
        || TEST_VARIABLES.contains(&variable)
        || is_of_kubernetes(variable)
}

/// Whether Kubernetes makes a variable of a service whose name begins with ours: every container of the namespace has it.
fn is_of_kubernetes(variable: &str) -> bool {
    let Some(rest) = variable.strip_prefix(PREFIX) else {
        return false;
    };
    // `identidex`, and `identidex-api`.
    let rest = format!("_{rest}");
    ["_PORT", "_SERVICE_HOST", "_SERVICE_PORT"]
        .iter()
        .any(|end| rest.ends_with(end))
        || ["_PORT_", "_SERVICE_PORT_"]
            .iter()
            .any(|part| rest.contains(part))
}

/// Returns every key, `*` standing for a name that the user chooses.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KEYS.iter().copied()
}

/// Returns the variable of a key, with `<NAME>` for a name that the user chooses.
pub(super) fn variable_shown(key: &str) -> String {
    let parts = key.split('.').map(|part| match part {
        "*" => "<NAME>".to_owned(),
        part => variable_part(part),
    });
    let parts: Vec<String> = parts.collect();
    // Tables of pairs are set as a whole, outside of sources.
    let name = parts.join("_");
    let is_whole = ["dataset.", "publish.", "pull."]
        .iter()
        .any(|begin| key.starts_with(begin));
    match is_whole {
        true => format!("{PREFIX}{}", name.trim_end_matches("_<NAME>")),
        false => format!("{PREFIX}{name}"),
    }
}

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
pub(super) fn of_variable(variable: &str, config: &Config) -> Option<Vec<String>> {
    if let Some(rest) = variable.strip_prefix("IDENTIDEX_WEBHOOK_") {
        let mut keys = config
            .webhooks
            .keys()
            .filter_map(|name| of_named(("webhook", &WEBHOOK_KEYS), rest, name));
        return keys.next();
    }
    if let Some(rest) = variable.strip_prefix("IDENTIDEX_PROJECTION_") {
        let mut keys = config
            .projections
            .keys()
            .filter_map(|name| of_named(("projection", &PROJECTION_KEYS), rest, name));
        return keys.next();
    }
    if let Some(rest) = variable.strip_prefix("IDENTIDEX_SOURCE_") {
        let keys = config
            .sources
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
pub(super) fn variables(config: &Config) -> impl Iterator<Item = String> {
    let of_webhooks = config.webhooks.keys().flat_map(|name| {
        let name = variable_part(name);
        WEBHOOK_KEYS.map(|key| format!("IDENTIDEX_WEBHOOK_{name}_{key}"))
    });
    let of_projections = config.projections.keys().flat_map(|name| {
        let name = variable_part(name);
        PROJECTION_KEYS.map(|key| format!("IDENTIDEX_PROJECTION_{name}_{key}"))
    });
    let of_sources = config.sources.iter().flat_map(|source| {
        let name = variable_part(&source.name);
        let keys = SOURCE_KEYS.iter().chain(&["OPTIONS_<KEY>"]);
        keys.map(move |key| format!("IDENTIDEX_SOURCE_{name}_{key}"))
            .collect::<Vec<_>>()
    });
    let others = OTHER_VARIABLES
        .iter()
        .chain(&["IDENTIDEX_SOURCE_<NAME>_URL"]);
    let others = others.map(|name| (*name).to_owned());
    let named = of_sources.chain(of_webhooks).chain(of_projections);
    named.chain(fixed().map(variable_of)).chain(others)
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

/// Returns the keys outside sources, webhooks and projections, without the `*` at the end of tables that a variable sets as a whole.
fn fixed() -> impl Iterator<Item = &'static str> {
    let is_named = |key: &str| {
        let sections = ["source.", "webhook.", "projection."];
        sections.iter().any(|section| key.starts_with(section))
    };
    let is_fixed = move |key: &&&str| !is_named(key);
    let keys = KEYS.iter().filter(is_fixed);
    keys.map(|key| key.trim_end_matches(".*"))
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", variable_part(key))
}

/// Reads what follows `IDENTIDEX_WEBHOOK_`, say, as a key of the webhook with this name.
fn of_named((section, keys): (&str, &[&str]), rest: &str, name: &str) -> Option<Vec<String>> {
    let key = rest.strip_prefix(&variable_part(name))?.strip_prefix('_')?;
    let is_known = keys.contains(&key);
    is_known.then(|| {
        vec![
            section.to_owned(),
            name.to_owned(),
            key.to_ascii_lowercase(),
        ]
    })
}

/// Reads what follows `IDENTIDEX_SOURCE_` as a key of the source with this name.
fn of_source(rest: &str, name: &str) -> Option<Vec<String>> {
    let tail = rest.strip_prefix(&variable_part(name))?.strip_prefix('_')?;
    let key = match tail.strip_prefix("OPTIONS_") {
        Some(option) if !option.is_empty() => vec!["options", option],
        None if SOURCE_KEYS.contains(&tail) => vec![tail],
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

#[cfg(test)]
mod tests {
    use super::super::sample::{SECRET, error, parse};
    use super::super::{Answers, Index};
    use super::*;

    #[test]
    fn what_kubernetes_makes_of_a_service_is_no_configuration() {
        let env = [
            ("IDENTIDEX_PORT", "tcp://10.0.0.1:80"),
            ("IDENTIDEX_PORT_80_TCP_ADDR", "10.0.0.1"),
            ("IDENTIDEX_SERVICE_HOST", "10.0.0.1"),
            ("IDENTIDEX_SERVICE_PORT_HTTP", "80"),
            ("IDENTIDEX_API_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("IDENTIDEX_API_SERVICE_HOST", "10.0.0.1"),
        ];
        assert!(parse("", &env).is_ok());
        assert!(parse("", &[("IDENTIDEX_PORTS", "1")]).is_err());
    }

    #[test]
    fn a_misspelt_key_names_the_nearest() {
        let unknown = |text: &str| error(text, &[]);
        assert_eq!(
            unknown("# one\n[index]\npth = \"x\""),
            "c.toml:3: index.pth: unknown key; the nearest is index.path"
        );
        assert_eq!(
            unknown("[indx]"),
            "c.toml:1: indx: unknown key; the nearest is index.path"
        );
        assert_eq!(
            unknown("[dataset.user]\nsemantics = \"window\""),
            "c.toml:1: dataset.user: unknown key; the nearest is dataset.users.drop"
        );
        assert_eq!(
            unknown("[[source]]\nname = \"t\"\nurll = \"x\""),
            "c.toml:3: source.t.urll: unknown key; the nearest is source.t.url"
        );
        assert_eq!(
            unknown("[[source]]\nname = \"t\"\nurl = \"x\"\n[source.option]\nregion = \"x\""),
            "c.toml:4: source.t.option: unknown key; the nearest is source.t.options.<name>"
        );
    }

    #[test]
    fn a_misspelt_variable_names_the_nearest() {
        let file = "[[source]]\nname = \"t-1\"\nurl = \"x\"";
        let table = "
            IDENTIDEX_INDEX                  IDENTIDEX_INDEX_PATH
            IDENTIDEX_INDX_MODE              IDENTIDEX_INDEX_MODE
            IDENTIDEX_SOURCE_T_1_TIMEZONE    IDENTIDEX_SOURCE_T_1_TIME_ZONE
            IDENTIDEX_SOURCE_T_2_TIME_ZONE   IDENTIDEX_SOURCE_T_1_TIME_ZONE
            IDENTIDEX_LOGFORMAT              IDENTIDEX_LOG_FORMAT
            IDENTIDEX_DATASET_USER_SEMANTICS IDENTIDEX_DATASET_USERS_SEMANTICS";
        for (name, nearest) in table.lines().filter_map(|line| line.trim().split_once(' ')) {
            let expected = format!(
                "{name}: unknown variable; the nearest is {}",
                nearest.trim()
            );
            assert_eq!(error(file, &[(name, SECRET)]), expected);
        }
    }

    #[test]
    fn the_example_holds_every_key_and_the_defaults() {
        let text = include_str!("../../deploy/identidex.toml");
        let config = parse(text, &[]).unwrap();
        assert_eq!(
            (config.index, config.answers),
            (Index::default(), Answers::default())
        );
        for key in KEYS {
            let last = key.trim_end_matches(".*").rsplit('.').next().unwrap();
            assert!(
                text.contains(&format!("{last} = ")) || text.contains(&format!(".{last}]")),
                "{key}"
            );
        }
    }

    #[test]
    fn the_schema_holds_every_key_and_no_other() {
        fn keys(schema: &serde_json::Value, at: &str, found: &mut Vec<String>) {
            let schema = schema.get("items").unwrap_or(schema);
            // Of tables by name, all are alike.
            let by_name = &schema["additionalProperties"];
            let schema = match by_name.get("properties") {
                Some(_) => by_name,
                None => schema,
            };
            let inner = schema["properties"].as_object().into_iter().flatten();
            let leaf = inner.clone().count() == 0;
            inner.for_each(|(name, inner)| keys(inner, &format!("{at}.{name}"), found));
            if leaf {
                let star = if schema["additionalProperties"].is_object() {
                    ".*"
                } else {
                    ""
                };
                found.push(format!("{}{star}", &at[1..]));
            } else {
                assert_eq!(schema["additionalProperties"], false, "{at}");
            }
        }
        let text = include_str!("../../schemas/config.schema.json");
        let mut schema: serde_json::Value = serde_json::from_str(text).unwrap();
        for (name, of) in [
            ("users", "dataset"),
            ("devices", "dataset"),
            ("logins", "logins"),
        ] {
            let dataset = schema["$defs"][of].clone();
            schema["properties"]["dataset"]["properties"][name] = dataset;
        }
        let mut found = Vec::new();
        keys(&schema, "", &mut found);
        let mut expected: Vec<String> = KEYS
            .iter()
            .map(|key| {
                key.replace("source.*", "source")
                    .replace("webhook.*", "webhook")
                    .replace("projection.*", "projection")
            })
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}
