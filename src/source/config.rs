//! What is said of a source: where it is, and how it is read.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::error::Error;
use crate::observation::ObservedFrom;

/// Where to find exports, and how to read the times in their keys.
#[derive(Clone)]
pub struct SourceConfig {
    /// What the ledger calls the source.
    pub name: String,
    /// A folder or file, `file://…`, `s3://bucket/prefix`, `az://container/prefix`, `abfss://…`, `gs://…`, or the
    /// `https` address of S3, Azure or R2.
    pub url: String,
    /// What a date-time in a key means that says no zone.
    pub time_zone: TimeZone,
    /// What its texts are encoded in, where that is not Unicode.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Globs of keys below the source: of those that are there, an object must fit one of the first and none of the others.
    pub include: Vec<String>,
    /// See `include`.
    pub exclude: Vec<String>,
    /// Fewer objects than these are a failure of the source.
    pub min_objects: u64,
    /// Where observed times come from; `None` is the key, else the last-modified time.
    pub observed_from: Option<ObservedFrom>,
    /// Of a folder: how long its files stay once they are taken in; `None`: for ever.
    pub keep_for: Option<Duration>,
    /// `object_store`'s options (`region`, `endpoint`, `allow_http`, `account_name`, `sas_key`, …) and `max_retries`, `profile`.
    pub options: BTreeMap<String, String>,
}

impl SourceConfig {
    /// A source by its name and URL or folder: times are UTC, every object counts, no options.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> SourceConfig {
        SourceConfig {
            name: name.into(),
            url: url.into(),
            time_zone: TimeZone::UTC,
            encoding: None,
            include: Vec::new(),
            exclude: Vec::new(),
            min_objects: 0,
            observed_from: None,
            keep_for: None,
            options: BTreeMap::new(),
        }
    }

    /// `object_store` says what it does not like together with the value, so that nothing of it can be repeated.
    pub(super) fn bad_settings(&self) -> Error {
        let names: Vec<&str> = self.options.keys().map(String::as_str).collect();
        let option = match names.is_empty() {
            true => "*".to_owned(),
            false => names.join("`, `"),
        };
        let reason = "with the url it names no store: a value, or a file that it names, is missing or not understood";
        self.bad_option(&option, reason)
    }

    pub(super) fn bad_url(&self, reason: &'static str) -> Error {
        Error::BadUrl {
            name: self.name.clone(),
            reason,
        }
    }

    pub(super) fn bad_option(&self, option: &str, reason: &'static str) -> Error {
        Error::BadOption {
            name: self.name.clone(),
            option: option.to_owned(),
            reason,
        }
    }
}

/// Shows which options are set, never their values: some are secrets.
impl fmt::Debug for SourceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.options.keys().collect();
        f.debug_struct("SourceConfig")
            .field("name", &self.name)
            .field("options", &options)
            .finish_non_exhaustive()
    }
}
