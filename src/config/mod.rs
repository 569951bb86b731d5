//! The configuration: one TOML file, and the environment, which can override every key of it.
//!
//! Both are first turned into the same thing, a setting: a key, a value, and the place where it stood. One function,
//! `assign`, then gives each key its type and its limits, so that file and environment cannot come to differ.
//! An error names the place, the key and what was expected, never the value: it may be a secret.
//!
//! Left to others: which URL schemes exist and which options a store knows (`source`), which fields a column can be
//! mapped to (`mapping`), which names a class pattern fits (`identifier`).
//! `schemas/config.schema.json` and `deploy/identidex.toml` describe the same keys; tests at the foot hold them together.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;

mod draft;
mod keys;
mod value;

use draft::Draft;
use keys::PREFIX;

/// The file that is read, when it is there, if none is named.
pub const DEFAULT_FILE: &str = "identidex.toml";

/// The longest configuration file that is read, in bytes: a mapping of a thousand columns takes a tenth of it.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Everything that can be configured; `Config::default()` is what holds without file and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The index and how it is written.
    pub index: Index,
    /// Where export files come from: those of the file in its order, then those of the environment by name.
    pub sources: Vec<Source>,
    /// By name (`users`, `devices`, `logins`), only those that something is said about.
    pub datasets: BTreeMap<String, Dataset>,
    /// Limits of answers.
    pub answers: Answers,
    /// Patterns for the classes that nothing in an export shows.
    pub class: Class,
}

/// Where the index is and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The index file; relative to the current folder, like a path on the command line.
    pub path: PathBuf,
    /// Permission bits of the files that readers open; the folder gets the search bits that belong to them.
    pub mode: u32,
    /// The name or number of the group that they are given to; `None` leaves that of the run.
    pub group: Option<String>,
    /// How many generations are kept, the current one included; at least 1.
    pub keep_generations: u32,
    /// How old a generation beyond that must be before it is removed.
    pub prune_after: Duration,
    /// How long a backfill works before it publishes what it has.
    pub publish_every: Duration,
    /// How much disk the fetched objects that wait for their turn may take, in bytes.
    pub spool_bytes: u64,
}

/// A folder, bucket or container that exporters write to.
///
/// Its `Debug` text shows the keys of `options` but not their values.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    /// A name of the user's choice, part of the identity of every object; letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// A folder or a URL; never with a password or a query in it.
    pub url: String,
    /// The zone of times that carry none.
    pub time_zone: TimeZone,
    /// What tells when an object's rows were observed; `None` takes the key where it has a time.
    pub observed_from: Option<ObservedFrom>,
    /// Options of the store, by lower-case key: region, endpoint, credentials.
    pub options: BTreeMap<String, String>,
}

/// What tells when the rows of an object were observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservedFrom {
    /// The date-time in the object's key.
    Key,
    /// The time the store says the object was modified.
    Modified,
}

/// What is said about one dataset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// What absence from a file means.
    pub semantics: Semantics,
    /// Columns that the built-in mapping does not know: column name → field.
    pub columns: BTreeMap<String, String>,
    /// Of logins: the time that each file covers, up to when it was observed.
    pub window: Option<Duration>,
}

/// What it means that a file does not mention a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Semantics {
    /// Nothing: the file shows what was active.
    #[default]
    Window,
    /// It is gone: the file lists everything there is.
    Complete,
}

/// Limits of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// An identifier held by more subjects than this identifies none of them; at least 1.
    pub max_holders: u32,
    /// An answer is `fresh` while its dataset is no older than this.
    pub fresh_for: Duration,
    /// It is `ageing` while the dataset is no older than this, then `stale`; not less than `fresh_for`.
    pub ageing_for: Duration,
}

/// Patterns for account classes, compared with the account name before its `@`; `*` stands for any run of characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Class {
    /// Names of service accounts.
    pub service: Vec<String>,
    /// Names of administrators' second accounts.
    pub admin: Vec<String>,
}

/// A configuration that cannot be used: bad usage, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Error {
    place: Place,
    problem: Problem,
    #[source]
    cause: Option<io::Error>,
}

/// Reads the configuration: the defaults, then the file, then the variables of `env`.
///
/// Without `file` it is the one that `IDENTIDEX_CONFIG` names, else `identidex.toml` in the current folder if there is
/// one. Variables that do not begin with `IDENTIDEX_` are ignored.
///
/// # Errors
///
/// The first mistake in the file, then the first in the environment.
pub fn load(
    file: Option<&Path>,
    env: impl Iterator<Item = (String, String)>,
) -> Result<Config, Error> {
    let env: BTreeMap<String, String> = env.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    let named = env
        .get("IDENTIDEX_CONFIG")
        .filter(|path| !path.is_empty())
        .map(Path::new);
    let mut draft = Draft::default();
    match file.or(named) {
        Some(path) => {
            draft.read_text(&read(path).map_err(|cause| Error::file(path, cause))?, path)?
        }
        None => match read(Path::new(DEFAULT_FILE)) {
            Ok(text) => draft.read_text(&text, Path::new(DEFAULT_FILE))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::file(Path::new(DEFAULT_FILE), cause)),
        },
    }
    draft.read_environment(env)?;
    draft.finish()
}

/// Returns this process's variables that begin with `IDENTIDEX_`, for `load`.
///
/// # Errors
///
/// One of them is not UTF-8: `std::env::vars` would panic on it, and any repair would be another value.
pub fn environment() -> Result<Vec<(String, String)>, Error> {
    std::env::vars_os()
        .filter(|(name, _)| name.to_string_lossy().starts_with(PREFIX))
        .map(
            |(name, value)| match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                (name, _) => {
                    let name = name.unwrap_or_else(|name| name.to_string_lossy().into_owned());
                    Err(Error::new(Place::Variable(name), Problem::NotUtf8))
                }
            },
        )
        .collect()
}

impl Source {
    /// Returns a source with nothing but a name and a URL: UTC, no options.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            url: url.into(),
            time_zone: TimeZone::UTC,
            observed_from: None,
            options: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("time_zone", &self.time_zone.iana_name())
            .field("observed_from", &self.observed_from)
            .field("options", &self.options.keys())
            .finish()
    }
}

impl Default for Index {
    fn default() -> Self {
        Index {
            path: PathBuf::from("identity.db"),
            mode: 0o640,
            group: None,
            keep_generations: 2,
            prune_after: Duration::from_mins(10),
            publish_every: Duration::from_mins(5),
            spool_bytes: 8 << 30,
        }
    }
}

impl Default for Answers {
    /// A daily export that is half a day late is still fresh; a weekly one that is a day late is not yet stale.
    fn default() -> Self {
        Answers {
            max_holders: 8,
            fresh_for: Duration::from_hours(36),
            ageing_for: Duration::from_hours(8 * 24),
        }
    }
}

/// Where a setting stood.
#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Line(PathBuf, usize),
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Place::Variable(name) => f.write_str(name),
        }
    }
}

/// What is wrong there; nothing in it comes from a value.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot read the configuration")]
    Unreadable,
    #[error("expected UTF-8 text")]
    NotUtf8,
    #[error("not TOML: {0}")]
    Syntax(String),
    #[error("{key}: unknown key; the nearest is {nearest}")]
    UnknownKey { key: String, nearest: String },
    #[error("unknown variable; the nearest is {nearest}")]
    UnknownVariable { nearest: String },
    #[error("{key}: expected {expected}")]
    Value { key: String, expected: &'static str },
    #[error("{key}: missing; expected {expected}")]
    Missing { key: String, expected: &'static str },
    #[error(
        "source.{name}: the name is used twice (names that differ only in case or punctuation count as one)"
    )]
    Duplicate { name: String },
}

impl Error {
    fn expected(place: Place, key: &str, expected: &'static str) -> Self {
        let key = key.to_owned();
        Error::new(place, Problem::Value { key, expected })
    }

    fn missing(place: Place, key: &str, expected: &'static str) -> Self {
        let key = key.to_owned();
        Error::new(place, Problem::Missing { key, expected })
    }

    fn new(place: Place, problem: Problem) -> Self {
        Error {
            place,
            problem,
            cause: None,
        }
    }

    fn file(path: &Path, cause: io::Error) -> Self {
        Error {
            place: Place::File(path.to_path_buf()),
            problem: Problem::Unreadable,
            cause: Some(cause),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::other("longer than 1 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::keys::{KEYS, OTHER_VARIABLES};
    use super::*;

    /// A value that no error and no `Debug` text may show.
    const SECRET: &str = "hunter2hunter2";

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Config, Error> {
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut draft = Draft::default();
        draft.read_text(text, Path::new("c.toml"))?;
        draft.read_environment(env)?;
        draft.finish()
    }

    #[track_caller]
    fn error(text: &str, env: &[(&str, &str)]) -> String {
        let error = parse(text, env).expect_err("a mistake");
        let shown = error.to_string();
        assert!(
            !shown.contains(SECRET) && !format!("{error:?}").contains(SECRET),
            "{shown}"
        );
        shown
    }

    #[test]
    fn nothing_said_is_the_defaults() {
        let config = parse("", &[]).unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(config.index.path, Path::new("identity.db"));
        assert_eq!(
            (config.index.mode, config.index.keep_generations),
            (0o640, 2)
        );
        assert_eq!(config.index.spool_bytes, 8 * 1024 * 1024 * 1024);
        assert!(config.sources.is_empty() && config.class.admin.is_empty());
    }

    #[test]
    fn the_design_example_is_read() {
        let config = parse(
            r#"
                [index]
                path = "identity.db"
                [[source]]
                name = "tenant-a"
                url = "s3://exports/nexthink/"
                time_zone = "Europe/Zurich"
                observed_from = "modified"
                [source.options]
                region = "eu-central-1"
                allow_http = true
                [[source]]
                name = "tenant-b"
                url = "abfss://container@account.dfs.core.windows.net/prefix"
                [dataset.users]
                semantics = "complete"
                [dataset.users.columns]
                "user.#team" = "department"
            "#,
            &[],
        )
        .unwrap();
        let [a, b] = &config.sources[..] else {
            panic!("two sources")
        };
        assert_eq!(
            (a.name.as_str(), a.url.as_str()),
            ("tenant-a", "s3://exports/nexthink/")
        );
        assert_eq!(a.time_zone.iana_name(), Some("Europe/Zurich"));
        assert_eq!(a.observed_from, Some(ObservedFrom::Modified));
        assert_eq!(a.options["allow_http"], "true");
        assert_eq!(
            (b.name.as_str(), &b.time_zone),
            ("tenant-b", &TimeZone::UTC)
        );
        assert_eq!(config.datasets["users"].semantics, Semantics::Complete);
        assert_eq!(config.datasets["users"].columns["user.#team"], "department");
    }

    #[test]
    fn the_environment_overrides_every_key() {
        let file = "[[source]]\nname = \"tenant-a\"\nurl = \"/a\"\n";
        let variables = "
            ANSWERS_AGEING_FOR=9d
            ANSWERS_FRESH_FOR=2h
            ANSWERS_MAX_HOLDERS=3
            CLASS_ADMIN=adm-*, *-adm
            CLASS_SERVICE=
            DATASET_DEVICES_COLUMNS=
            DATASET_DEVICES_SEMANTICS=complete
            DATASET_LOGINS_COLUMNS=
            DATASET_LOGINS_SEMANTICS=window
            DATASET_USERS_COLUMNS=user.#team=department, user.#mail=email
            DATASET_USERS_SEMANTICS=complete
            DATASET_LOGINS_WINDOW=1d
            INDEX_GROUP=chatbots
            INDEX_KEEP_GENERATIONS=5
            INDEX_MODE=0600
            INDEX_PATH=/srv/i.db
            INDEX_PRUNE_AFTER=250ms
            INDEX_PUBLISH_EVERY=30s
            INDEX_SPOOL_BYTES=64MiB
            SOURCE_TENANT_A_OBSERVED_FROM=key
            SOURCE_TENANT_A_OPTIONS_ACCESS_KEY_ID=hunter2hunter2
            SOURCE_TENANT_A_TIME_ZONE=Asia/Tokyo
            SOURCE_TENANT_A_URL=/b";
        let variables = variables
            .lines()
            .filter_map(|line| line.trim().split_once('='));
        let env: Vec<_> = variables
            .map(|(name, value)| (format!("{PREFIX}{name}"), value))
            .collect();
        let env: Vec<_> = env
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let Config {
            index,
            sources,
            datasets,
            answers,
            class,
        } = parse(file, &env).unwrap();

        assert_eq!(answers.ageing_for, Duration::from_hours(9 * 24));
        assert_eq!(answers.fresh_for, Duration::from_hours(2));
        assert_eq!(answers.max_holders, 3);
        assert_eq!(
            (class.service.len(), class.admin),
            (0, vec!["adm-*".to_owned(), "*-adm".to_owned()])
        );
        assert_eq!(datasets["users"].columns["user.#mail"], "email");
        assert_eq!(datasets["devices"].semantics, Semantics::Complete);
        assert_eq!((index.mode, index.keep_generations), (0o600, 5));
        assert_eq!(datasets["logins"].window, Some(Duration::from_hours(24)));
        assert_eq!(index.group.as_deref(), Some("chatbots"));
        assert_eq!(index.path, Path::new("/srv/i.db"));
        assert_eq!(index.prune_after, Duration::from_millis(250));
        assert_eq!(index.publish_every, Duration::from_secs(30));
        assert_eq!(index.spool_bytes, 64 << 20);
        let source = &sources[0];
        assert_eq!(
            (source.url.as_str(), source.observed_from),
            ("/b", Some(ObservedFrom::Key))
        );
        assert_eq!(source.options["access_key_id"], SECRET);
        assert_eq!(source.time_zone.iana_name(), Some("Asia/Tokyo"));

        let mut understood = keys::variables(&[])
            .filter(|name| name.matches('_').count() > 1 && !name.contains('<'));
        let forgotten = understood.find(|name| {
            !OTHER_VARIABLES.contains(&name.as_str()) && !env.iter().any(|(given, _)| given == name)
        });
        assert_eq!(forgotten, None);
    }

    #[test]
    fn a_source_can_come_wholly_from_the_environment() {
        let env = [
            ("IDENTIDEX_SOURCE_X_Y_URL", "az://c/p"),
            (
                "IDENTIDEX_SOURCE_X_Y_OPTIONS_ENDPOINT",
                "http://localhost:1",
            ),
            ("IDENTIDEX_SOURCE_X_Y_OPTIONS_URL", "odd"),
        ];
        let config = parse("", &env).unwrap();
        let [source] = &config.sources[..] else {
            panic!("one source")
        };
        assert_eq!(
            (source.name.as_str(), source.url.as_str()),
            ("x_y", "az://c/p")
        );
        assert_eq!(
            source.options.keys().collect::<Vec<_>>(),
            ["endpoint", "url"]
        );
    }

    #[test]
    fn the_longest_name_of_a_source_takes_a_variable() {
        let file = "[[source]]\nname = \"a\"\nurl = \"/a\"\n[[source]]\nname = \"a.options\"\nurl = \"/b\"\n";
        let config = parse(file, &[("IDENTIDEX_SOURCE_A_OPTIONS_URL", "/c")]).unwrap();
        assert_eq!(
            config
                .sources
                .iter()
                .map(|source| source.url.as_str())
                .collect::<Vec<_>>(),
            ["/a", "/c"]
        );
    }

    #[test]
    fn debug_text_shows_no_option() {
        let file = format!(
            "[[source]]\nname = \"a\"\nurl = \"/a\"\noptions = {{ secret_access_key = \"{SECRET}\" }}"
        );
        let config = parse(&file, &[]).unwrap();
        assert_eq!(config.sources[0].options["secret_access_key"], SECRET);
        let shown = format!("{config:?} {config:#?}");
        assert!(
            shown.contains("secret_access_key") && !shown.contains(SECRET),
            "{shown}"
        );
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
            "c.toml:1: dataset.user: unknown key; the nearest is dataset.users.semantics"
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
    fn variables_of_others_are_left_alone() {
        let others: Vec<_> = OTHER_VARIABLES.iter().map(|name| (*name, "x")).collect();
        assert_eq!(parse("", &others).unwrap(), Config::default());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "").unwrap();
        let foreign = ["PATH", "IDENTIDEXTER"].map(|name| (name.to_owned(), "x".to_owned()));
        assert_eq!(
            load(Some(&file), foreign.into_iter()).unwrap(),
            Config::default()
        );
    }

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
            class.service: a list of patterns: "svc" | [1] | ["*"] | [""] | ["svc@D"]
            dataset.users.semantics: "window" or "complete": "full" | 1979-05-27
            dataset.logins.window: a duration such as: 1 | "day"
            index.group: the name or number of a group: 100 | ""
            dataset.users.columns.a: the name of a field: 1 | "" | "serial"
            dataset.users.columns: columns and their fields: ["a"] | "a=b"
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

    #[test]
    fn names_of_sources_are_checked() {
        assert!(
            error("\n[[source]]\nurl = \"x\"", &[])
                .starts_with("c.toml:2: source.name: missing; expected a name")
        );
        for name in ["3", "\"\"", "\"-a\"", "\"a b\"", "\"hunter2hunter2/\""] {
            let shown = error(&format!("[[source]]\nname = {name}"), &[]);
            assert!(
                shown.starts_with("c.toml:2: source.name: expected a name"),
                "{shown}"
            );
        }
        assert!(
            error(
                "[[source]]\nname = \"a-1\"\nurl = \"x\"\n[[source]]\nname = \"A_1\"",
                &[]
            )
            .starts_with("c.toml:5: source.A_1: the name is used twice")
        );
    }

    #[test]
    fn a_source_without_url_is_refused_unless_the_environment_has_it() {
        let file = "\n[[source]]\nname = \"t\"\n";
        assert!(
            error(file, &[])
                .starts_with("c.toml:2: source.t.url: missing; expected a folder or a URL")
        );
        assert_eq!(
            parse(file, &[("IDENTIDEX_SOURCE_T_URL", "/x")])
                .unwrap()
                .sources[0]
                .url,
            "/x"
        );
    }

    #[test]
    fn limits_of_freshness_must_be_in_order() {
        let expected = "answers.ageing_for: expected a duration not shorter than answers.fresh_for";
        assert_eq!(
            error("[answers]\nageing_for = \"1h\"", &[]),
            format!("c.toml:2: {expected}")
        );
        let env = [("IDENTIDEX_ANSWERS_FRESH_FOR", "300d")];
        assert_eq!(
            error("", &env),
            format!("IDENTIDEX_ANSWERS_FRESH_FOR: {expected}")
        );
    }

    #[test]
    fn text_that_is_not_toml_says_the_line_and_not_its_text() {
        for text in [
            "a = 1\nb = \"hunter2hunter2",
            "a = 1\nhunter2hunter2",
            "a = 1\na = \"hunter2hunter2\"",
        ] {
            let shown = error(text, &[]);
            assert!(shown.starts_with("c.toml:2: not TOML: "), "{shown}");
        }
    }

    #[test]
    fn a_named_file_must_be_there_and_be_short_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        let load = |file: Option<&Path>, env: &[(&str, &Path)]| {
            let env: Vec<_> = env
                .iter()
                .map(|(n, v)| ((*n).to_owned(), v.display().to_string()))
                .collect();
            super::load(file, env.into_iter())
        };
        let expected = format!("{}: cannot read the configuration", path.display());
        assert_eq!(load(Some(&path), &[]).unwrap_err().to_string(), expected);
        assert_eq!(
            load(None, &[("IDENTIDEX_CONFIG", &path)])
                .unwrap_err()
                .to_string(),
            expected
        );
        for content in [vec![b'#'; MAX_FILE_BYTES as usize + 1], vec![0xff]] {
            std::fs::write(&path, content).unwrap();
            let error = load(Some(&path), &[]).unwrap_err();
            assert_eq!(error.to_string(), expected);
            assert!(std::error::Error::source(&error).is_some());
        }
        std::fs::write(&path, "index.path = \"x.db\"").unwrap();
        assert_eq!(
            load(None, &[("IDENTIDEX_CONFIG", &path)])
                .unwrap()
                .index
                .path,
            Path::new("x.db")
        );
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
            .map(|key| key.replace("source.*", "source"))
            .collect();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}
