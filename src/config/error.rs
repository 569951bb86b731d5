//! An error of the configuration: where a setting stood, and what is wrong there, never its value.
//! What is wrong is found by `draft`, `value` and `keys`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// A configuration that cannot be used: bad usage, exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Error {
    place: Place,
    problem: Problem,
    #[source]
    cause: Option<io::Error>,
}

/// Where a setting stood.
#[derive(Debug, Clone)]
pub(super) enum Place {
    File(PathBuf),
    Line(PathBuf, usize),
    Variable(String),
}

/// What is wrong there; nothing in it comes from a value.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
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
    pub(super) fn expected(place: Place, key: &str, expected: &'static str) -> Self {
        let key = key.to_owned();
        Error::new(place, Problem::Value { key, expected })
    }

    pub(super) fn missing(place: Place, key: &str, expected: &'static str) -> Self {
        let key = key.to_owned();
        Error::new(place, Problem::Missing { key, expected })
    }

    pub(super) fn new(place: Place, problem: Problem) -> Self {
        Error {
            place,
            problem,
            cause: None,
        }
    }

    pub(super) fn file(path: &Path, cause: io::Error) -> Self {
        Error {
            place: Place::File(path.to_path_buf()),
            problem: Problem::Unreadable,
            cause: Some(cause),
        }
    }
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
