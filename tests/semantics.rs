//! The examples of `docs/semantics.md`: objects, questions, and what must be answered, whichever object comes first.
//! Belongs here: how examples are read and tried. A case that explains no rule belongs into `fixtures/answers`.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use identidex::Index;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{answers, replay};

/// When an object was last modified that does not say it.
const MODIFIED: &str = "2026-11-22T00:00:00Z";

#[test]
fn every_example_is_answered_as_it_says_in_both_orders() {
    let text = page();
    let rules = rules(&text);
    let examples = rules.iter().flat_map(|rule| &rule.examples);
    let failures: Vec<String> = examples.flat_map(Example::failures).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_rule_has_an_example() {
    let text = page();
    let rules = rules(&text);
    let bare = rules.iter().filter(|rule| rule.examples.is_empty());
    let bare: Vec<&str> = bare.map(|rule| rule.name).collect();
    assert!(bare.is_empty(), "without an example: {}", bare.join(", "));
    let examples: usize = rules.iter().map(|rule| rule.examples.len()).sum();
    let fences = text.lines().filter(|line| line.starts_with("```"));
    assert_eq!(fences.count(), 2 * examples, "a block is not tried");
    for name in ["R1", "R2", "R3", "R4", "R5"] {
        let is_it = |rule: &Rule| rule.name.starts_with(name);
        assert!(rules.iter().any(is_it), "{name} is not there");
    }
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/semantics.md");
    fs::read_to_string(path).unwrap()
}

/// A heading of the third level and the examples below it.
struct Rule<'a> {
    name: &'a str,
    examples: Vec<Example<'a>>,
}

/// One block. What stands at the margin begins an object or a question; what is indented below is its content.
struct Example<'a> {
    /// Where it begins in the page.
    line: usize,
    objects: Vec<Item<'a>>,
    questions: Vec<Item<'a>>,
}

struct Item<'a> {
    head: &'a str,
    lines: Vec<&'a str>,
}

fn rules(page: &str) -> Vec<Rule<'_>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut lines = (1..).zip(page.lines());
    while let Some((line, text)) = lines.next() {
        if let Some(name) = text.strip_prefix("### ") {
            let examples = Vec::new();
            rules.push(Rule { name, examples });
        } else if text == "```example" {
            let block = lines.by_ref().map(|(_, text)| text);
            let block = block.take_while(|text| *text != "```");
            let example = Example::read(line, block);
            let rule = rules.last_mut().expect("an example has a rule");
            rule.examples.push(example);
        }
    }
    rules
}

impl<'a> Example<'a> {
    fn read(line: usize, block: impl Iterator<Item = &'a str>) -> Example<'a> {
        let mut items: Vec<Item> = Vec::new();
        for text in block {
            if let Some(content) = text.strip_prefix("  ") {
                let item = items.last_mut().expect("content has a head");
                item.lines.push(content);
            } else {
                let lines = Vec::new();
                items.push(Item { head: text, lines });
            }
        }
        let is_object = |item: &Item| !item.head.starts_with("ask ");
        let (objects, questions) = items.into_iter().partition(is_object);
        Example {
            line,
            objects,
            questions,
        }
    }

    /// Tries it; says what was answered otherwise.
    fn failures(&self) -> Vec<String> {
        let forwards = Taken::one_by_one(self.objects.iter());
        let backwards = Taken::one_by_one(self.objects.iter().rev());
        let mut failures = Vec::new();
        for (taken, order) in [(&forwards, "as it stands"), (&backwards, "backwards")] {
            let index = Index::open(taken.home.path().join("identity.db")).unwrap();
            let wrong = self.questions.iter().filter_map(|one| one.failure(&index));
            failures.extend(wrong.map(|why| format!("{order}: {why}")));
        }
        if forwards.digest != backwards.digest {
            failures.push("the digest depends on the order".to_owned());
        }
        let place = format!("docs/semantics.md:{}", self.line);
        let failures = failures.into_iter();
        failures.map(|why| format!("{place}, {why}")).collect()
    }
}

/// An index of an example's objects.
struct Taken {
    home: tempfile::TempDir,
    digest: String,
}

impl Taken {
    fn one_by_one<'a>(objects: impl Iterator<Item = &'a Item<'a>>) -> Taken {
        let home = tempfile::tempdir().unwrap();
        let (source, index) = (home.path().join("exports"), home.path().join("identity.db"));
        let mut digest = String::new();
        for object in objects {
            object.put(&source);
            digest = replay::sync(&source, &index, Duration::from_secs(300)).digest;
        }
        Taken { home, digest }
    }
}

impl Item<'_> {
    /// Writes an object: its key, and perhaps when it was modified.
    fn put(&self, source: &Path) {
        let said = self.head.split_once(" modified ");
        let (key, modified) = said.unwrap_or((self.head, MODIFIED));
        let path = source.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, self.lines.join("\n") + "\n").unwrap();
        let modified: Timestamp = modified.parse().unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::from(modified)).unwrap();
    }

    /// Asks a question; says what does not fit.
    fn failure(&self, index: &Index) -> Option<String> {
        let expected: Value = serde_json::from_str(&self.lines.join(" ")).unwrap();
        let answer = index.find(answers::query(&self.asked())).unwrap();
        let found = serde_json::to_value(answer).unwrap();
        let place = answers::fits(&found, &expected, "answer").err()?;
        Some(format!("{}: {place}\nfound {found}", self.head))
    }

    /// Reads a question in the form of a case of `fixtures/answers`.
    fn asked(&self) -> Value {
        let mut text = self.head.strip_prefix("ask ").unwrap();
        let mut case = json!({});
        if let Some(rest) = text.strip_prefix("--all-classes ") {
            case["all_classes"] = json!(true);
            text = rest;
        }
        if let Some(clues) = text.strip_prefix("--together ") {
            let clues = clues.split(' ').map(|clue| clue.split_once('=').unwrap());
            let clues = clues.map(|(kind, text)| json!({"kind": kind, "text": text}));
            case["query"] = json!({"all_of": clues.collect::<Vec<_>>()});
            return case;
        }
        let mut query = json!({});
        if let Some(rest) = text.strip_prefix("--kind ") {
            let (kind, rest) = rest.split_once(' ').unwrap();
            query["kind"] = json!(kind);
            text = rest;
        }
        query["text"] = match text.starts_with('"') {
            true => serde_json::from_str(text).unwrap(),
            false => json!(text),
        };
        case["query"] = query;
        case
    }
}
