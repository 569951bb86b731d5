//! Inputs from the field (`fixtures/field`): each failed once, and each is a case of a kind. Belongs here: what became of such
//! a file, as its user sees it. The rules themselves are tested where they stand.

mod asked;
mod cells;
mod objects;
mod rewritten;
mod sources;

use std::fs;

use serde_json::Value;

use crate::util::{Ended, Home, fixture};

/// Copies a folder of fixtures to a home's `exports`.
fn add(home: &Home, folder: &str) {
    copy(&fixture(&format!("field/{folder}")), &home.path("exports"));
}

fn copy(from: &str, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(path.to_str().unwrap(), &to),
            false => fs::write(to, fs::read(&path).unwrap()).unwrap(),
        }
    }
}

fn sync(home: &Home) -> Ended {
    home.run(&["sync", "--json", "exports"])
}

fn synced(folder: &str) -> (Home, Value) {
    let home = Home::new();
    add(&home, folder);
    let report = sync(&home).json();
    (home, report)
}

fn answer(home: &Home, query: &[&str]) -> Value {
    let arguments = [&["resolve", "--json", "--all-classes"], query].concat();
    home.run(&arguments).json()
}

fn matches(answer: &Value) -> Vec<Value> {
    answer["matches"].as_array().unwrap().clone()
}

fn error(report: &Value) -> String {
    report["failures"][0]["error"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}
