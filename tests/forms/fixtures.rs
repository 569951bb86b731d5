//! Fixtures by their names, and that each of them is explained. What is in them is left to the tests that read them.

use std::fs;
use std::path::Path;

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn names_of_fixtures(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(folder);
    let entries = fs::read_dir(path).expect("the fixtures are there");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_fixture_is_in_the_readme() {
    let readme = String::from_utf8(fixture("README.md")).unwrap();
    for folder in ["forms", "pair", "bad"] {
        for name in names_of_fixtures(folder) {
            assert!(readme.contains(&format!("`{name}`")), "{folder}/{name}");
        }
    }
}
