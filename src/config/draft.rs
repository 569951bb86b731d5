//! A configuration in the making: takes the settings of the file, then those of the environment, and checks each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{self, OTHER_VARIABLES, variable_part};
use super::value::{Refusal, URL, Value};
use super::{Config, Dataset, Error, ObservedFrom, Place, Problem, Semantics, Source};
use crate::{mapping, schema};

/// The longest name of a source, in bytes: it is written into every line of the ledger.
const MAX_SOURCE_NAME_BYTES: usize = 64;

const FIELD: &str = "the name of a field of the dataset, such as name, department or serial";
const SOURCES: &str = "one [[source]] table per source";
const SOURCE_NAME: &str =
    "a name of at most 64 letters, digits, '-', '_' or '.', beginning with a letter or digit";

/// What has been set so far, and where.
#[derive(Default)]
pub(super) struct Draft {
    config: Config,
    places: BTreeMap<String, Place>,
}

/// The text of a file, for the line of what stands in it.
struct Lines<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let line = 1 + self.text[..offset].matches('\n').count();
        Place::Line(self.file.to_path_buf(), line)
    }
}

impl Draft {
    pub(super) fn read_text(&mut self, text: &str, file: &Path) -> Result<(), Error> {
        let lines = Lines { file, text };
        let document = DeTable::parse(text).map_err(|fault| syntax(&lines, &fault))?;
        for (key, value) in document.get_ref() {
            let place = lines.place(key.span().start);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("source", DeValue::Array(sources)) => {
                    for source in sources {
                        let place = lines.place(source.span().start);
                        self.read_source(source.get_ref(), place, &lines)?;
                    }
                }
                ("source", _) => return Err(Error::expected(place, "source", SOURCES)),
                (key, value) => self.read_value(&[key], value, place, &lines)?,
            }
        }
        Ok(())
    }

    /// Reads one `[[source]]`: its name first, since the keys of the others hold it.
    fn read_source(
        &mut self,
        source: &DeValue<'_>,
        place: Place,
        lines: &Lines<'_>,
    ) -> Result<(), Error> {
        let DeValue::Table(table) = source else {
            return Err(Error::expected(place, "source", SOURCES));
        };
        let Some((key, name)) = table.get_key_value("name") else {
            return Err(Error::missing(place, "source.name", SOURCE_NAME));
        };
        let at = lines.place(key.span().start);
        let name = match name.get_ref().as_str() {
            Some(name) if is_source_name(name) => name,
            _ => return Err(Error::expected(at, "source.name", SOURCE_NAME)),
        };
        let variable = variable_part(name);
        let mut known = self.config.sources.iter();
        if known.any(|known| variable_part(&known.name) == variable) {
            let name = name.to_owned();
            return Err(Error::new(at, Problem::Duplicate { name }));
        }
        self.config.sources.push(Source::new(name, ""));
        self.places.insert(format!("source.{name}"), place.clone());
        self.read_value(&["source", name], source, place, lines)
    }

    fn read_value(
        &mut self,
        key: &[&str],
        value: &DeValue<'_>,
        place: Place,
        lines: &Lines<'_>,
    ) -> Result<(), Error> {
        match value {
            DeValue::Table(table) if keys::is_section(key) => {
                for (name, value) in table {
                    let key = [key, &[name.get_ref()]].concat();
                    let place = lines.place(name.span().start);
                    self.read_value(&key, value.get_ref(), place, lines)?;
                }
                Ok(())
            }
            value => self.set(key, &Value::from_toml(value), place),
        }
    }

    pub(super) fn read_environment(&mut self, env: BTreeMap<String, String>) -> Result<(), Error> {
        self.add_sources_of(&env);
        for (name, value) in env {
            if OTHER_VARIABLES.contains(&name.as_str()) {
                continue;
            }
            let place = Place::Variable(name.clone());
            let Some(key) = keys::of_variable(&name, &self.config.sources) else {
                let nearest = keys::nearest(&name, keys::variables(&self.config.sources));
                return Err(Error::new(place, Problem::UnknownVariable { nearest }));
            };
            let key: Vec<&str> = key.iter().map(String::as_str).collect();
            self.set(&key, &Value::Variable(value), place)?;
        }
        Ok(())
    }

    /// Adds the sources that only the environment knows: those of which it gives the URL.
    fn add_sources_of(&mut self, env: &BTreeMap<String, String>) {
        let mut names: Vec<String> = env
            .keys()
            .filter_map(|name| keys::new_source(name))
            .collect();
        // The shortest first: `…_SOURCE_A_OPTIONS_URL` is an option of `a` once that is known.
        names.sort_by_key(String::len);
        for name in names.into_iter().filter(|name| is_source_name(name)) {
            let variable = format!("IDENTIDEX_SOURCE_{}_URL", variable_part(&name));
            if keys::of_variable(&variable, &self.config.sources).is_none() {
                self.config.sources.push(Source::new(name, ""));
            }
        }
    }

    fn set(&mut self, key: &[&str], value: &Value, place: Place) -> Result<(), Error> {
        let name = key.join(".");
        match assign(&mut self.config, key, value) {
            Ok(()) => {
                self.places.insert(name, place);
                Ok(())
            }
            Err(Refusal::Expected(expected)) => Err(Error::expected(place, &name, expected)),
            Err(Refusal::UnknownKey) if keys::is_section(key) => {
                Err(Error::expected(place, &name, "a table"))
            }
            Err(Refusal::UnknownKey) => {
                let nearest = keys::nearest(&name, keys::like(key));
                Err(Error::new(
                    place,
                    Problem::UnknownKey { key: name, nearest },
                ))
            }
        }
    }

    /// Checks what no single setting shows.
    pub(super) fn finish(self) -> Result<Config, Error> {
        if let Some(source) = self
            .config
            .sources
            .iter()
            .find(|source| source.url.is_empty())
        {
            let key = format!("source.{}", source.name);
            return Err(Error::missing(
                self.place(&[&key]),
                &format!("{key}.url"),
                URL,
            ));
        }
        let answers = &self.config.answers;
        if answers.ageing_for < answers.fresh_for {
            let place = self.place(&["answers.ageing_for", "answers.fresh_for"]);
            let expected = "a duration not shorter than answers.fresh_for";
            return Err(Error::expected(place, "answers.ageing_for", expected));
        }
        Ok(self.config)
    }

    /// Returns the place of the first of these keys that was set.
    fn place(&self, keys: &[&str]) -> Place {
        let found = keys.iter().find_map(|key| self.places.get(*key));
        // The defaults are right, and a source of the environment has its URL from there.
        found
            .cloned()
            .unwrap_or_else(|| Place::File(PathBuf::from(super::DEFAULT_FILE)))
    }
}

/// Keeps the message only: the error's own text quotes the line, value and all.
fn syntax(lines: &Lines<'_>, fault: &toml::de::Error) -> Error {
    let place = match fault.span() {
        Some(span) => lines.place(span.start),
        None => Place::File(lines.file.to_path_buf()),
    };
    Error::new(place, Problem::Syntax(fault.message().to_owned()))
}

fn is_source_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    name.len() <= MAX_SOURCE_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(is_allowed)
}

const GROUP: &str = "the name or number of a group";

/// Gives a key its value: one arm for each of `keys::KEYS`.
fn assign(config: &mut Config, key: &[&str], value: &Value) -> Result<(), Refusal> {
    let Config {
        index,
        answers,
        class,
        ..
    } = config;
    match *key {
        ["answers", "ageing_for"] => answers.ageing_for = value.duration()?,
        ["answers", "fresh_for"] => answers.fresh_for = value.duration()?,
        ["answers", "max_holders"] => answers.max_holders = value.count()?,
        ["class", "admin"] => class.admin = value.patterns()?,
        ["class", "service"] => class.service = value.patterns()?,
        ["index", "keep_generations"] => index.keep_generations = value.count()?,
        ["index", "group"] => index.group = Some(value.text(GROUP)?.to_owned()),
        ["index", "mode"] => index.mode = value.mode()?,
        ["index", "path"] => index.path = value.path()?,
        ["index", "prune_after"] => index.prune_after = value.duration()?,
        ["index", "publish_every"] => index.publish_every = value.duration()?,
        ["index", "spool_bytes"] => index.spool_bytes = value.size()?,
        [
            "dataset",
            name @ ("users" | "devices" | "logins"),
            ref key @ ..,
        ] => {
            let dataset = config.datasets.entry(name.to_owned()).or_default();
            if key == ["window"] && name != "logins" {
                return Err(Refusal::UnknownKey);
            }
            assign_dataset(dataset, key, value)?;
            return check_fields(name, &dataset.columns);
        }
        ["source", name, ref key @ ..] => {
            let mut sources = config.sources.iter_mut();
            let source = sources.find(|source| source.name == name);
            return assign_source(source.ok_or(Refusal::UnknownKey)?, key, value);
        }
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

/// A column can only be mapped to a field that its dataset has.
fn check_fields(dataset: &str, columns: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let known = schema::Dataset::ALL.into_iter();
    let fields = known
        .filter(|known| known.as_str() == dataset)
        .flat_map(mapping::field_names)
        .collect::<Vec<_>>();
    let is_known = |field: &String| fields.contains(&field.as_str());
    if columns.values().all(is_known) {
        Ok(())
    } else {
        Err(Refusal::Expected(FIELD))
    }
}

fn assign_dataset(dataset: &mut Dataset, key: &[&str], value: &Value) -> Result<(), Refusal> {
    const SEMANTICS: &str = "\"window\" or \"complete\"";
    match *key {
        ["columns"] => dataset.columns = value.pairs()?,
        ["columns", column] => {
            let field = value.text(FIELD)?;
            dataset.columns.insert(column.to_owned(), field.to_owned());
        }
        ["semantics"] => {
            dataset.semantics = match value.text(SEMANTICS)? {
                "window" => Semantics::Window,
                "complete" => Semantics::Complete,
                _ => return Err(Refusal::Expected(SEMANTICS)),
            };
        }
        ["window"] => dataset.window = Some(value.duration()?),
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}

fn assign_source(source: &mut Source, key: &[&str], value: &Value) -> Result<(), Refusal> {
    const OBSERVED_FROM: &str = "\"key\" or \"modified\"";
    match *key {
        // Set already, by `read_source`.
        ["name"] => {}
        ["observed_from"] => {
            source.observed_from = Some(match value.text(OBSERVED_FROM)? {
                "key" => ObservedFrom::Key,
                "modified" => ObservedFrom::Modified,
                _ => return Err(Refusal::Expected(OBSERVED_FROM)),
            });
        }
        ["options", option] => {
            let option = option.to_ascii_lowercase();
            source.options.insert(option, value.option()?);
        }
        ["time_zone"] => source.time_zone = value.time_zone()?,
        ["url"] => source.url = value.url()?,
        _ => return Err(Refusal::UnknownKey),
    }
    Ok(())
}
