//! The reference of the configuration, made of the keys there are and of what the schema says of each.

use std::fmt::Write as _;

use serde_json::Value;

use super::keys;

const HEAD: &str = "# Configuration

Every key of `identidex.toml`, with the variable that overrides it; `identidex configuration` prints this page. How it is read is in
[operating.md](operating.md#configuration); [deploy/identidex.toml](../deploy/identidex.toml) is an example with reasons.

Durations are a number and `ms`, `s`, `m`, `h` or `d`; sizes a number and `B`, `KB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` or `TiB`.
A list in a variable has commas between.
";

/// Returns it as Markdown.
pub(crate) fn reference() -> String {
    // The tests of `keys` read the same text.
    let schema: Value =
        serde_json::from_str(include_str!("../../schemas/config.schema.json")).unwrap_or_default();
    let mut text = HEAD.to_owned();
    let mut section = String::new();
    for key in keys::all() {
        let parts: Vec<&str> = key.split('.').collect();
        let of = section_of(&parts);
        if of != section {
            let _ = write!(
                text,
                "\n## {of}\n\n{}\n\n| key | variable | default | |\n|---|---|---|---|\n",
                about(&schema, parts[0])
            );
            section = of;
        }
        let found = find(&schema, &schema, &parts);
        let default = found
            .get("default")
            .map_or(String::new(), |value| format!("`{value}`"));
        let about = found["description"].as_str().unwrap_or_default();
        let _ = writeln!(
            text,
            "| `{}` | {} | {default} | {about} |",
            shown(&parts),
            variable_of(key)
        );
    }
    text
}

/// Returns the variable of a key; the name of a source stands in those of its other keys.
fn variable_of(key: &str) -> String {
    match key {
        "source.*.name" => "(`<NAME>` below)".to_owned(),
        _ => format!("`{}`", keys::variable_shown(key)),
    }
}

/// Returns the heading that a key stands under.
fn section_of(parts: &[&str]) -> String {
    match parts {
        ["source", ..] => "[[source]]".to_owned(),
        [section @ ("webhook" | "projection"), ..] => format!("[{section}.NAME]"),
        ["dataset", name, ..] => format!("[dataset.{name}]"),
        [section, ..] => format!("[{section}]"),
        [] => String::new(),
    }
}

/// Returns a key as it stands below its heading.
fn shown(parts: &[&str]) -> String {
    let below = match parts {
        [
            "source" | "webhook" | "projection" | "dataset",
            _,
            below @ ..,
        ] => below,
        [_, below @ ..] => below,
        [] => &[],
    };
    below.join(".").replace('*', "NAME")
}

fn about(schema: &Value, section: &str) -> String {
    schema["properties"][section]["description"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Returns what the schema says of a key.
fn find<'s>(root: &'s Value, schema: &'s Value, parts: &[&str]) -> &'s Value {
    let schema = match schema["$ref"]
        .as_str()
        .filter(|_| schema["properties"].is_null())
    {
        Some(reference) if !parts.is_empty() => {
            let name = reference.trim_start_matches("#/$defs/");
            &root["$defs"][name]
        }
        _ => schema,
    };
    let schema = schema
        .get("items")
        .filter(|_| !parts.is_empty())
        .unwrap_or(schema);
    match parts {
        [] => schema,
        // The name of a source stands in it, and names of webhooks and options are any.
        ["*", rest @ ..]
            if schema["properties"].is_object() && schema["additionalProperties"] == false =>
        {
            find(root, schema, rest)
        }
        ["*", rest @ ..] => match rest.is_empty() {
            true => schema,
            false => find(root, &schema["additionalProperties"], rest),
        },
        [name, rest @ ..] => find(root, &schema["properties"][*name], rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_keys_and_the_schema_say() {
        let page = include_str!("../../docs/configuration.md");
        assert!(
            page == reference(),
            "write `identidex configuration` to docs/configuration.md"
        );
    }

    #[test]
    fn every_key_says_what_it_is() {
        for line in reference().lines().filter(|line| line.starts_with("| `")) {
            let about = line
                .trim_end_matches(" |")
                .rsplit(" | ")
                .next()
                .unwrap_or_default();
            assert!(about.len() > 5, "{line}");
        }
    }
}
