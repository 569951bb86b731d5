//! The architecture as a table: which module may name which. Belongs here: rules about the source text itself.
//!
//! Dependencies point one way, and sibling stages never see each other; `ingest` and `cli` join them. A change of the
//! table is a change of the design: make it in a commit of its own, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What always-on modules rest on, and what every module may name.
const BASE: &[&str] = &["error", "identifier", "schema"];

/// Module, and what it may name beside `BASE` and itself. In `BASE` itself, each may name those before it.
const LAYERS: &[(&str, &[&str])] = &[
    // Always on: no runtime, no network.
    ("error", &[]),
    ("identifier", &[]),
    ("schema", &[]),
    ("bucket", &[]),
    ("generation", &[]),
    ("hashing", &[]),
    ("sealed", &["bucket"]),
    ("sqlite", &["write_behind"]),
    (
        "lookup",
        &["bucket", "generation", "hashing", "sealed", "sqlite"],
    ),
    // The stages of ingest.
    ("observation", &["bucket"]),
    ("fault", &[]),
    ("source", &["fault", "observation"]),
    ("decode", &["observation"]),
    ("write_behind", &[]),
    ("class", &["observation"]),
    ("mapping", &["bucket", "class", "observation"]),
    (
        "index",
        &[
            "bucket",
            "class",
            "observation",
            "sealed",
            "sqlite",
            "write_behind",
        ],
    ),
    (
        "publish",
        &["generation", "hashing", "index", "observation"],
    ),
    (
        "ingest",
        &[
            "class",
            "decode",
            "index",
            "lookup",
            "mapping",
            "observation",
            "publish",
            "source",
        ],
    ),
    ("live", &["fault", "lookup"]),
    ("resolver", &["ingest", "live", "lookup"]),
    // Keeps what comes, and leaves what it means to a run; its tests read the time in a name as a source does.
    ("receive", &["source"]),
    ("distribute", &["generation", "index", "publish", "source"]),
    ("queried", &["ingest", "live", "receive"]),
    ("mcp", &["live", "lookup"]),
    // Takes in nothing itself: it has exports looked at by the code that will.
    ("serve", &["ingest", "live", "lookup", "mcp", "receive"]),
    ("demo", &["live"]),
    // The program.
    // Checks that columns are mapped to fields there are.
    ("config", &["live", "mapping", "receive", "serve", "source"]),
    ("telemetry", &["live"]),
    ("sql", &["generation"]),
    (
        "cli",
        &[
            "class",
            "config",
            "decode",
            "demo",
            "generation",
            "index",
            "ingest",
            "live",
            "lookup",
            "mapping",
            "mcp",
            "observation",
            "publish",
            "queried",
            "distribute",
            "receive",
            "resolver",
            "serve",
            "source",
            "sql",
            "telemetry",
        ],
    ),
    ("main", &["cli"]),
    // For tests and benches.
    (
        "internals",
        &[
            "bucket",
            "class",
            "config",
            "decode",
            "demo",
            "generation",
            "index",
            "mapping",
            "observation",
            "publish",
            "source",
            "telemetry",
        ],
    ),
    // Declares them all.
    ("lib", &["lookup", "resolver"]),
];

#[test]
fn each_module_names_only_the_layers_below_it() {
    let mut wrong = BTreeSet::new();
    for (file, module, text) in sources() {
        let Some(allowed) = allowed(&module) else {
            wrong.insert(format!(
                "{}: module `{module}` is not in the table LAYERS",
                file.display()
            ));
            continue;
        };
        // The binary sees the library from outside.
        let root = if module == "main" {
            "identidex::"
        } else {
            "crate::"
        };
        for named in modules_named_in(&text, root) {
            if named != module && !allowed.contains(&named.as_str()) {
                wrong.insert(format!(
                    "{}: `{module}` names `{named}`; it may name {}",
                    file.display(),
                    allowed.join(", ")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", Vec::from_iter(wrong).join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let table = LAYERS.iter().map(|(module, _)| {
        let allowed = allowed(module).unwrap_or_default();
        let allowed = allowed.into_iter().map(str::to_owned);
        ((*module).to_owned(), allowed.collect())
    });
    assert_eq!(circle_among(table.collect()), Vec::<String>::new());
}

#[test]
fn the_files_of_a_folder_name_one_another_in_no_circle() {
    let mut folders: BTreeMap<PathBuf, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (file, _, text) in sources() {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        if !["mod", "lib", "main"].contains(&&*name) {
            let named = modules_named_in(&text, "super::").into_iter().collect();
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            let files = folders.entry(folder).or_default();
            files.insert(name.into_owned(), named);
        }
    }
    for (folder, files) in folders {
        let circle = circle_among(files);
        assert!(
            circle.is_empty(),
            "{}: {}",
            folder.display(),
            circle.join(", ")
        );
    }
}

/// Returns those of some names that stand in a circle, or rest upon one, by what each names.
fn circle_among(mut left: BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    // Each round takes away those that name only what is gone already.
    loop {
        let before = left.len();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.retain(|own, named| named.iter().any(|name| name != own && names.contains(name)));
        if left.len() == before {
            return left.into_keys().collect();
        }
    }
}

#[test]
fn names_are_found_in_every_way_to_write_them() {
    let text = r#"
        //! [`crate::comment`] is a link, no dependency.
        use crate::one::Thing;
        use crate::{two, three::{self, Thing}, four as other};
        use crate::{
            five::{a, b::{c, d}},
            six,
        };
        let x = crate::seven::f(crate::eight::G); // crate::remark
        pub(crate) fn f() { crate::mac!() }

#[cfg(test)]
mod tests { use crate::of_tests; }
    "#;
    let expected = [
        "eight", "five", "four", "mac", "one", "seven", "six", "three", "two",
    ];
    assert_eq!(Vec::from_iter(modules_named_in(text, "crate::")), expected);
    assert_eq!(
        Vec::from_iter(modules_named_in("use identidex::cli;", "identidex::")),
        ["cli"]
    );
}

#[test]
fn each_variable_that_tests_read_is_none_that_the_program_refuses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let known = fs::read_to_string(root.join("src/config/keys.rs")).expect("the keys can be read");
    let mut read = BTreeSet::new();
    for text in files("tests").into_values() {
        for call in ["var(\"", "var_os(\""] {
            let names = text.split(call).skip(1);
            let names = names.filter_map(|rest| rest.split('"').next());
            let ours = names.filter(|name| name.starts_with("IDENTIDEX_"));
            read.extend(ours.map(str::to_owned));
        }
    }
    assert!(read.contains("IDENTIDEX_TENANTS"), "{read:?}");
    read.retain(|name| !known.contains(&format!("\"{name}\"")));
    assert_eq!(read, BTreeSet::new());
}

/// Returns what a module may name, or `None` if the table does not have it.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    let (_, names) = LAYERS.iter().find(|(known, _)| *known == module)?;
    let below = BASE
        .iter()
        .position(|known| *known == module)
        .unwrap_or(BASE.len());
    Some([&BASE[..below], names].concat())
}

/// Returns every Rust file below a folder of ours with its text.
fn files(folder: &str) -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut files = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("source files are text");
                files.insert(
                    path.strip_prefix(root)
                        .expect("found below it")
                        .to_path_buf(),
                    text,
                );
            }
        }
    }
    files
}

/// Returns every file under `src` with its module and text; a folder is one module.
fn sources() -> Vec<(PathBuf, String, String)> {
    files("src")
        .into_iter()
        .map(|(path, text)| {
            let top = path
                .components()
                .nth(1)
                .expect("a file below src")
                .as_os_str();
            let module = top.to_string_lossy().trim_end_matches(".rs").to_owned();
            (path, module, text)
        })
        .collect()
}

/// Returns the modules that shipped code names: comments and the tests at the foot of a file do not count.
fn modules_named_in(text: &str, root: &str) -> BTreeSet<String> {
    let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let code: String = shipped
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    let mut named = BTreeSet::new();
    for (at, _) in code.match_indices(root) {
        let rest = &code[at + root.len()..];
        match rest.strip_prefix('{') {
            Some(group) => named.extend(heads(group)),
            None => named.extend(head(rest)),
        }
    }
    named
}

/// Returns the first name of each item of a `use` group, of which the `{` has been taken off.
fn heads(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0_u32;
    let mut item = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                names.extend(head(group[item..at].trim()));
                item = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    names
}

/// Returns the first name of a path, if it is a module's: types that the crate's root shows begin with a capital.
fn head(path: &str) -> Option<String> {
    let name: String = path
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    name.starts_with(|c: char| c.is_lowercase()).then_some(name)
}
