//! The configuration: one TOML file, and the environment, which can override every key of it.
//!
//! Both are first turned into the same thing, a setting: a key, a value, and the place where it stood. One function,
//! `assign`, then gives each key its type and its limits, so that file and environment cannot come to differ.
//! An error names the place, the key and what was expected, never the value: it may be a secret.
//!
//! `load` reads the file and the environment into a `draft`, by its `keys` and what a `value` may be; it ends as
//! sections (`section`, `source`) or as an error (`error`).
//!
//! Left to others: which URL schemes exist and which options a store knows (`crate::source`), which fields a column can
//! be mapped to (`mapping`), which names a class pattern fits (`identifier`).
//! `schemas/config.schema.json` and `deploy/identidex.toml` describe the same keys; the tests of `keys` hold them together.

mod assign;
mod draft;
mod error;
mod keys;
mod reference;
mod section;
mod source;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

pub(crate) use self::assign::ADDRESS;
use self::draft::Draft;
pub use self::error::Error;
use self::error::{Place, Problem};
use self::keys::PREFIX;
pub(crate) use self::reference::reference;
pub use self::section::{
    Answers, Breaker, Class, Dataset, Index, Metrics, Nexthink, Projection, Publish, Pull, Receive,
    Retention, Semantics, Serve,
};
pub use self::source::{ObservedFrom, Source};
pub(crate) use self::value::duration;
use crate::identifier::NotSaid;
pub use crate::receive::Webhook;

/// The file that is read, when it is there, if none is named.
pub const DEFAULT_FILE: &str = "identidex.toml";

/// The longest configuration file that is read, in bytes: a mapping of a thousand columns takes a tenth of it.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Everything that can be configured; `Config::default()` is what holds without file and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from.
    pub file: Option<PathBuf>,
    /// The index and how it is written.
    pub index: Index,
    /// Where export files come from: those of the file in its order, then those of the environment by name.
    pub sources: Vec<Source>,
    /// By name (`users`, `devices`, `logins`), only those that something is said about.
    pub datasets: BTreeMap<String, Dataset>,
    /// Limits of answers.
    pub answers: Answers,
    /// What says nothing in exports, beside what is known to.
    pub not_said: NotSaid,
    /// Patterns for the classes that nothing in an export shows.
    pub class: Class,
    /// Nexthink's own APIs.
    pub nexthink: Nexthink,
    /// Lookups over HTTP.
    pub serve: Serve,
    /// What Nexthink sends by itself.
    pub receive: Receive,
    /// What runs leave for monitors.
    pub metrics: Metrics,
    /// For how long rows are kept.
    pub retention: Retention,
    /// Where generations are put for other machines.
    pub publish: Publish,
    /// Where they are got from.
    pub pull: Pull,
    /// How much a run may change.
    pub breaker: Breaker,
    /// Webhooks by name.
    pub webhooks: BTreeMap<String, Webhook>,
    /// Files beside the index for readers who are not to read all of it, by name.
    pub projections: BTreeMap<String, Projection>,
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
    let mut read_from = None;
    match file.or(named) {
        Some(path) => {
            draft.read_text(&read(path).map_err(|cause| Error::file(path, cause))?, path)?;
            read_from = Some(path.to_owned());
        }
        None => match read(Path::new(DEFAULT_FILE)) {
            Ok(text) => {
                draft.read_text(&text, Path::new(DEFAULT_FILE))?;
                read_from = Some(PathBuf::from(DEFAULT_FILE));
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::file(Path::new(DEFAULT_FILE), cause)),
        },
    }
    draft.read_environment(env)?;
    Ok(Config {
        file: read_from,
        ..draft.finish()?
    })
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
mod sample;

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::keys::{OTHER_VARIABLES, TEST_VARIABLES};
    use super::sample::parse;
    use super::*;

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
    fn variables_of_others_are_left_alone() {
        let others = OTHER_VARIABLES.iter().chain(TEST_VARIABLES);
        let others: Vec<_> = others.map(|name| (*name, "x")).collect();
        assert_eq!(parse("", &others).unwrap(), Config::default());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.toml");
        std::fs::write(&file, "").unwrap();
        let foreign = ["PATH", "IDENTIDEXTER"].map(|name| (name.to_owned(), "x".to_owned()));
        assert_eq!(
            load(Some(&file), foreign.into_iter()).unwrap(),
            Config {
                file: Some(file),
                ..Config::default()
            }
        );
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
}
