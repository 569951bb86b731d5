//! The conformance vectors of `fixtures/answers`, as any binding runs them: index content, query, expected answer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use identidex::Kind;
use identidex::{Index, Query};
use serde_json::Value;

use crate::replay;

/// So many are promised.
const CASES_AT_LEAST: usize = 500;

#[test]
fn every_vector_is_answered_as_it_says() {
    let mut cases = 0;
    let mut failures = Vec::new();
    for file in vectors() {
        let text = fs::read_to_string(&file).unwrap();
        let vector: Value = serde_json::from_str(&text).unwrap();
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let home = tempfile::tempdir().unwrap();
        let index = Index::open(publish(home.path(), &vector["objects"])).unwrap();
        for case in vector["cases"].as_array().unwrap() {
            cases += 1;
            let found = serde_json::to_value(index.find(query(case)).unwrap()).unwrap();
            if let Err(place) = fits(&found, &case["answer"], "answer") {
                failures.push(format!(
                    "{name}: {}: {} {place}\nfound {found}",
                    case["about"], case["query"]
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {cases}:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(cases >= CASES_AT_LEAST, "{cases}");
}

fn vectors() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/answers");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    files
}

/// Takes objects in, each a key and its content.
pub(crate) fn publish(home: &Path, objects: &Value) -> PathBuf {
    let source = home.join("exports");
    for (key, content) in objects.as_object().unwrap() {
        let path = source.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.as_str().unwrap()).unwrap();
    }
    let index = home.join("identity.db");
    let report = replay::sync(&source, &index, Duration::from_secs(300));
    assert_eq!(report.rows.rejected, 0);
    index
}

pub(crate) fn query(case: &Value) -> Query {
    let asked = &case["query"];
    let query = match asked["all_of"].as_array() {
        Some(all) => Query::all_of(all.iter().map(one)),
        None => one(asked),
    };
    match case["all_classes"].as_bool() {
        Some(true) => query.all_classes(),
        _ => query,
    }
}

fn one(asked: &Value) -> Query {
    let text = asked.as_str().or(asked["text"].as_str()).unwrap();
    let query = match asked["kind"].as_str() {
        None => Query::any(text),
        Some("full_name") => Query::full_name(text),
        Some(name) => {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
            Query::of(kind.unwrap(), text)
        }
    };
    match asked["verified"].as_bool() {
        Some(true) => query.verified(),
        _ => query,
    }
}

/// Compares what was expected, and nothing beyond: every key of an object, with null for what is absent; arrays whole.
pub(crate) fn fits(found: &Value, expected: &Value, place: &str) -> Result<(), String> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            expected.iter().try_for_each(|(key, value)| {
                fits(
                    found.get(key).unwrap_or(&Value::Null),
                    value,
                    &format!("{place}.{key}"),
                )
            })
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let pairs = found.iter().zip(expected).enumerate();
            pairs.into_iter().try_for_each(|(at, (found, expected))| {
                fits(found, expected, &format!("{place}[{at}]"))
            })
        }
        _ if found == expected => Ok(()),
        _ => Err(format!("{place}: expected {expected}, found {found}")),
    }
}
