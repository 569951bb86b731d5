//! A source: where export files come from, and how it is shown without its secrets.
//! Which schemes and options there are is left to `crate::source`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

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
    /// What its texts are encoded in, where that is not Unicode.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Globs of keys below the source: where there are any, an object must fit one.
    pub include: Vec<String>,
    /// Globs of keys below the source that are left out.
    pub exclude: Vec<String>,
    /// Fewer objects than these are a failure.
    pub min_objects: u64,
    /// What tells when an object's rows were observed; `None` takes the key where it has a time.
    pub observed_from: Option<ObservedFrom>,
    /// How long its files stay in their folder once they are taken in; `None`: for ever.
    pub keep_for: Option<Duration>,
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

impl Source {
    /// Returns a source with nothing but a name and a URL: UTC, no options.
    pub fn new(name: impl Into<String>, url: impl Into<String>) -> Self {
        Source {
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
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("url", &self.url)
            .field("time_zone", &self.time_zone.iana_name())
            .field("encoding", &self.encoding.map(encoding_rs::Encoding::name))
            .field("include", &self.include)
            .field("exclude", &self.exclude)
            .field("min_objects", &self.min_objects)
            .field("observed_from", &self.observed_from)
            .field("keep_for", &self.keep_for)
            .field("options", &self.options.keys())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{SECRET, parse};

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
}
