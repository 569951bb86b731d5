//! Column names to fields, and record batches to observations.
//!
//! The dataset is recognised from the header, never from the object's name. What the columns are called is data:
//! `schemas/export/*.toml`, which the configuration extends. Everything that can be done per row without the database
//! is done here, in `rows`, on a thread of its own: normal forms, hashes, times.

mod odd_types;
mod row;
mod rows;
mod time;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use self::odd_types::OddTypes;
pub(crate) use self::row::count;
pub use self::rows::Mapper;
pub use self::time::parse_time;
pub use self::told::shown_name;
use self::told::{listed, nearest};
use crate::identifier::{Column, Kind};
use crate::observation::{LOGINS_COUNT, LOGINS_DEVICE, LOGINS_FIELDS, Layout};
use crate::schema::{Dataset, FieldType, NAME, STRONG, Subject, device_field};

const LAST_SEEN: &str = "last_seen";

/// Why a header fits no dataset. Column names are the export's own and may be shown; cells never are.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither a users, nor a devices, nor a logins file.
    #[error(
        "the header fits no dataset: found {found}; expected columns such as \"user.sid\" and \"user.name\", or \
         \"device.uid\" and \"device.name\""
    )]
    NoDataset {
        /// The columns found.
        found: String,
    },
    /// Short names that fit both users and devices, or neither.
    #[error(
        "the header fits users and devices alike: found {found}; list full names (\"user.name\", \"device.name\") in \
         the query"
    )]
    Ambiguous {
        /// The columns found.
        found: String,
    },
    /// No column identifies a row.
    #[error(
        "a {dataset} file needs one of {expected}: found {found}; {nearest}add it to the query's list"
    )]
    NoKey {
        /// The dataset the header fits best.
        dataset: &'static str,
        /// The key columns it could have.
        expected: String,
        /// The columns found.
        found: String,
        /// The nearest miss, as a half sentence.
        nearest: String,
    },
    /// Two columns fill one field.
    #[error("columns {first:?} and {second:?} both fill {field:?}; export it once")]
    Repeated {
        /// The field.
        field: String,
        /// The column met first.
        first: String,
        /// The column met second.
        second: String,
    },
}

/// The column names of every dataset.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Per dataset: lower-cased column name to field name.
    names: [BTreeMap<String, String>; 3],
    /// Per dataset: the field names with their export names, as shipped.
    shown: [BTreeMap<String, Vec<String>>; 3],
    /// Per dataset: lower-cased names of columns that are not read at all.
    dropped: [BTreeSet<String>; 3],
    /// Per dataset: columns that no field takes are kept.
    keeps_extra: [bool; 3],
}

/// A column of the configuration that names no field.
#[derive(Debug, thiserror::Error)]
#[error("column {column:?} is mapped to {field:?}, which is no field of {dataset}")]
pub struct UnknownField {
    dataset: &'static str,
    column: String,
    field: String,
}

impl Mapping {
    /// Returns the mapping as shipped.
    pub fn shipped() -> Mapping {
        let shown = Dataset::ALL.map(|dataset| dataset.export().columns.clone());
        let names = shown.clone().map(|fields| {
            let pairs = fields.into_iter().flat_map(|(field, names)| {
                names
                    .into_iter()
                    .map(move |name| (name, field.clone()))
                    .collect::<Vec<_>>()
            });
            pairs.collect::<BTreeMap<_, _>>()
        });
        Mapping {
            names,
            shown,
            dropped: Default::default(),
            keeps_extra: [true; 3],
        }
    }

    /// Returns the mapping as shipped, extended by `columns` (dataset, column name, field name).
    ///
    /// # Errors
    /// When a field does not exist.
    pub fn new<'a>(
        columns: impl IntoIterator<Item = (Dataset, &'a str, &'a str)>,
    ) -> Result<Mapping, UnknownField> {
        let mut mapping = Mapping::shipped();
        for (dataset, column, field) in columns {
            if !mapping.shown[dataset as usize].contains_key(field) {
                let (dataset, column, field) =
                    (dataset.as_str(), column.to_owned(), field.to_owned());
                return Err(UnknownField {
                    dataset,
                    column,
                    field,
                });
            }
            mapping.names[dataset as usize].insert(column.to_ascii_lowercase(), field.to_owned());
        }
        Ok(mapping)
    }

    /// Leaves columns of a dataset out altogether: those of some names and, unless `keeps_extra`, all that no field takes.
    #[must_use]
    pub fn without<'a>(
        mut self,
        dataset: Dataset,
        columns: impl Iterator<Item = &'a str>,
        keeps_extra: bool,
    ) -> Mapping {
        let columns = columns.map(|name| name.trim().to_ascii_lowercase());
        self.dropped[dataset as usize].extend(columns);
        self.keeps_extra[dataset as usize] = keeps_extra;
        self
    }

    /// Returns the names of all columns that are understood, in small letters.
    pub fn column_names(&self) -> HashSet<String> {
        let names = self.names.iter().flat_map(BTreeMap::keys);
        names.cloned().collect()
    }

    fn field(&self, dataset: Dataset, column: &str) -> Option<&str> {
        self.names[dataset as usize]
            .get(&column.to_ascii_lowercase())
            .map(String::as_str)
    }

    /// Says what an object's columns fill.
    ///
    /// # Errors
    /// When the header fits no dataset, lacks every key, or fills a field twice.
    pub fn layout(&self, header: &[String]) -> Result<Layout, Error> {
        let dataset = self.recognise(header)?;
        let fields = field_names(dataset);
        let mut columns = vec![None; fields.len()];
        let mut extra: Vec<(String, usize)> = Vec::new();
        for (at, name) in header.iter().enumerate() {
            if self.is_dropped(dataset, name, header) {
                continue;
            }
            let position = self
                .field(dataset, name)
                .and_then(|field| fields.iter().position(|known| *known == field));
            match position {
                Some(position) => match columns[position].replace(at) {
                    None => {}
                    Some(first) => return Err(repeated(fields[position], &header[first], name)),
                },
                None if !self.keeps_extra[dataset as usize] => {}
                None if extra.iter().any(|(known, _)| known == name) => {
                    return Err(repeated(name, name, name));
                }
                None => extra.push((name.clone(), at)),
            }
        }
        self.require_keys(dataset, &columns, header)?;
        // What a row says must not depend on the order of its columns.
        extra.sort();
        let carried = fields
            .iter()
            .zip(&columns)
            .filter(|(_, column)| column.is_some());
        let mut shape: Vec<String> = carried.map(|(field, _)| (*field).to_owned()).collect();
        shape.extend(extra.iter().map(|(name, _)| format!("+{name}")));
        shape.sort();
        Ok(Layout {
            dataset,
            columns,
            extra,
            shape,
        })
    }

    /// Tells whether a column is not read at all: by its name or, where no column has that, by another name of its field.
    fn is_dropped(&self, dataset: Dataset, name: &str, header: &[String]) -> bool {
        let mut dropped = self.dropped[dataset as usize].iter();
        dropped.any(|one| match header.iter().any(|name| is_called(one, name)) {
            true => is_called(one, name),
            false => self.is_of_field(dataset, one, name),
        })
    }

    fn is_of_field(&self, dataset: Dataset, one: &str, other: &str) -> bool {
        let field = self.field(dataset, one);
        field.is_some() && field == self.field(dataset, other)
    }

    /// Returns the names of columns that are not to be read and that an object does not have.
    pub fn idle_drops(&self, dataset: Dataset, header: &[String]) -> BTreeSet<String> {
        let has = |one: &String| {
            let mut names = header.iter();
            names.any(|name| is_called(one, name) || self.is_of_field(dataset, one, name))
        };
        let dropped = self.dropped[dataset as usize].iter();
        dropped.filter(|one| !has(one)).cloned().collect()
    }

    fn recognise(&self, header: &[String]) -> Result<Dataset, Error> {
        let lower: Vec<String> = header
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect();
        let has = |prefix: &str| lower.iter().any(|name| name.starts_with(prefix));
        let is_of = |keys: &[&str], name: &String| {
            let field = self.field(Dataset::Logins, name);
            field.is_some_and(|field| keys.contains(&field))
        };
        let (user_keys, rest) = LOGINS_FIELDS.split_at(LOGINS_DEVICE);
        let is_device_key = |name: &String| is_of(&rest[..LOGINS_COUNT - LOGINS_DEVICE], name);
        let is_user_key = |name: &String| is_of(user_keys, name);
        let names_both = lower.iter().any(is_user_key) && lower.iter().any(is_device_key);
        // What the configuration says of a column holds whatever it is called.
        let is_mapped = |name: &String| self.is_mapped(Dataset::Logins, name);
        let is_mapped_so = names_both && lower.iter().any(is_mapped);
        match (has("user."), has("device.")) {
            _ if is_mapped_so => Ok(Dataset::Logins),
            (true, true) if lower.iter().any(is_device_key) => Ok(Dataset::Logins),
            (true, _) => Ok(Dataset::Users),
            (false, true) => Ok(Dataset::Devices),
            (false, false) => self.recognise_short(header),
        }
    }

    /// Tells whether the configuration, and not the shipped mapping, says which field of a dataset a column fills.
    fn is_mapped(&self, dataset: Dataset, column: &str) -> bool {
        let shown = &self.shown[dataset as usize];
        let field = self.field(dataset, column);
        let shipped = field.and_then(|field| shown.get(field));
        shipped.is_some_and(|shipped| !shipped.iter().any(|name| name == column))
    }

    /// Short names only: the one dataset that has a column the other lacks.
    fn recognise_short(&self, header: &[String]) -> Result<Dataset, Error> {
        let only = |dataset, other| {
            header.iter().any(|name| {
                self.field(dataset, name).is_some() && self.field(other, name).is_none()
            })
        };
        let any = header
            .iter()
            .any(|name| self.field(Dataset::Users, name).is_some());
        match (
            only(Dataset::Users, Dataset::Devices),
            only(Dataset::Devices, Dataset::Users),
        ) {
            (true, false) => Ok(Dataset::Users),
            (false, true) => Ok(Dataset::Devices),
            (false, false) if !any => Err(Error::NoDataset {
                found: listed(header, |name| self.is_known(name)),
            }),
            _ => Err(Error::Ambiguous {
                found: listed(header, |name| self.is_known(name)),
            }),
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.fields_of(name).next().is_some()
    }

    /// Returns the fields that a column of a name fills, of any dataset.
    fn fields_of(&self, name: &str) -> impl Iterator<Item = &str> {
        let datasets = Dataset::ALL.into_iter();
        datasets.filter_map(|dataset| self.field(dataset, name))
    }

    fn require_keys(
        &self,
        dataset: Dataset,
        columns: &[Option<usize>],
        header: &[String],
    ) -> Result<(), Error> {
        let sides = match dataset {
            Dataset::Logins => vec![0..LOGINS_DEVICE, LOGINS_DEVICE..LOGINS_COUNT],
            _ => std::iter::once(STRONG..NAME + 1).collect(),
        };
        for side in sides {
            if columns[side.clone()].iter().all(Option::is_none) {
                let fields = &field_names(dataset)[side.clone()];
                let shown: Vec<&String> = fields
                    .iter()
                    .filter_map(|field| self.shown[dataset as usize].get(*field)?.first())
                    .collect();
                let expected = shown
                    .iter()
                    .map(|name| format!("{name:?}"))
                    .collect::<Vec<_>>()
                    .join(", ");
                let unknown = header.iter().filter(|name| !self.is_known(name));
                let nearest = nearest(unknown, &shown);
                return Err(Error::NoKey {
                    dataset: dataset.as_str(),
                    expected,
                    found: listed(header, |name| self.is_known(name)),
                    nearest,
                });
            }
        }
        Ok(())
    }
}

fn is_called(one: &str, name: &str) -> bool {
    one.eq_ignore_ascii_case(name.trim())
}

/// Says what each of so many columns of an object holds.
pub fn held_by(layout: &Layout, columns: usize) -> Vec<Column> {
    let last = layout.columns.len() - 1;
    let held = |field: usize| match (layout.dataset, field) {
        (_, field) if field == last => Column::Time,
        (Dataset::Logins, LOGINS_COUNT) => Column::Text,
        (Dataset::Logins, STRONG) => Column::Sid,
        (Dataset::Logins, _) => Column::Key,
        (Dataset::Users, field) => held_in(Subject::Account, field),
        (Dataset::Devices, field) => held_in(Subject::Device, field),
    };
    let mut all = vec![Column::Text; columns];
    for (field, column) in layout.columns.iter().enumerate() {
        if let Some(column) = column {
            all[*column] = held(field);
        }
    }
    all
}

fn held_in(subject: Subject, field: usize) -> Column {
    match subject.fields()[field].kind {
        FieldType::Key(Kind::Sid) => Column::Sid,
        FieldType::Key(_) => Column::Key,
        FieldType::Identifier(Kind::SerialNumber) => Column::SerialNumber,
        FieldType::Identifier(_) => Column::Identifier,
        FieldType::Time => Column::Time,
        _ if subject == Subject::Device && field == device_field::LAST_LOGIN => Column::Identifier,
        FieldType::Text | FieldType::Shared => Column::Text,
    }
}

/// Returns the names of the fields that columns of a dataset can fill.
pub fn field_names(dataset: Dataset) -> Vec<&'static str> {
    let mut names: Vec<&str> = match dataset {
        Dataset::Users => Subject::Account
            .fields()
            .iter()
            .map(|field| field.name)
            .collect(),
        Dataset::Devices => Subject::Device
            .fields()
            .iter()
            .map(|field| field.name)
            .collect(),
        Dataset::Logins => LOGINS_FIELDS.to_vec(),
    };
    names.push(LAST_SEEN);
    names
}

fn repeated(field: &str, first: &str, second: &str) -> Error {
    Error::Repeated {
        field: shown_name(field).to_owned(),
        first: shown_name(first).to_owned(),
        second: shown_name(second).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &[&str]) -> Result<Layout, Error> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Mapping::new([]).unwrap().layout(&header)
    }

    #[test]
    fn columns_can_be_left_out_altogether() {
        let header = [
            "user.name",
            "user.ad.full_name",
            "user.#birthday",
            "user.#team",
        ];
        let header: Vec<String> = header.map(str::to_owned).to_vec();
        let mapping = || Mapping::new([]).unwrap();
        let dropped = ["USER.#birthday", "user.ad.full_name"].into_iter();
        let layout = mapping()
            .without(Dataset::Users, dropped, true)
            .layout(&header)
            .unwrap();
        assert_eq!(layout.extra, [("user.#team".to_owned(), 3)]);
        assert_eq!(layout.shape, ["+user.#team", "name"]);
        let none = mapping().without(Dataset::Users, [].into_iter(), false);
        assert_eq!(none.layout(&header).unwrap().shape, ["full_name", "name"]);
    }

    #[test]
    fn every_shipped_field_exists() {
        let mapping = Mapping::new([]).unwrap();
        for dataset in Dataset::ALL {
            let known = field_names(dataset);
            for field in mapping.shown[dataset as usize].keys() {
                assert!(
                    known.contains(&field.as_str()),
                    "{field} of {}",
                    dataset.as_str()
                );
            }
        }
    }

    #[test]
    fn the_dataset_is_recognised_from_the_header() {
        let dataset = |header: &[&str]| layout(header).map(|layout| layout.dataset);
        assert_eq!(dataset(&["user.sid", "user.name"]).unwrap(), Dataset::Users);
        assert_eq!(
            dataset(&["device.uid", "device.login.last_login_user_name"]).unwrap(),
            Dataset::Devices
        );
        assert_eq!(
            dataset(&["device.name", "user.name", "logins"]).unwrap(),
            Dataset::Logins
        );
        assert_eq!(dataset(&["name", "sid"]).unwrap(), Dataset::Users);
        assert_eq!(
            dataset(&["name", "collector.uid"]).unwrap(),
            Dataset::Devices
        );
        assert!(matches!(
            dataset(&["name", "uid"]),
            Err(Error::Ambiguous { .. })
        ));
        assert!(matches!(
            dataset(&["name", "sid", "collector.uid"]),
            Err(Error::Ambiguous { .. })
        ));
        assert!(matches!(
            dataset(&["colour", "size"]),
            Err(Error::NoDataset { .. })
        ));
    }

    #[test]
    fn a_column_that_is_mapped_tells_what_an_object_is_about() {
        let dataset = |columns: &[(Dataset, &str, &str)], header: &[&str]| {
            let mapping = Mapping::new(columns.iter().copied()).unwrap();
            let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
            mapping.layout(&header).ok().map(|layout| layout.dataset)
        };
        let pc = (Dataset::Logins, "PC", "device_name");
        assert_eq!(
            dataset(&[pc], &["user.name", "PC", "logins"]),
            Some(Dataset::Logins)
        );
        assert_eq!(
            dataset(&[], &["user.name", "PC", "logins"]),
            Some(Dataset::Users)
        );
        let both = [
            (Dataset::Logins, "usr", "user_sid"),
            (Dataset::Logins, "host", "device_name"),
        ];
        assert_eq!(
            dataset(&both, &["usr", "host", "logins"]),
            Some(Dataset::Logins)
        );
        // Users and devices stay what they are.
        assert_eq!(
            dataset(&[pc], &["user.sid", "user.name"]),
            Some(Dataset::Users)
        );
        let devices = [pc, (Dataset::Devices, "PC", "name")];
        assert_eq!(
            dataset(&devices, &["PC", "device.uid"]),
            Some(Dataset::Devices)
        );
    }

    #[test]
    fn a_header_without_a_key_names_what_it_lacks() {
        let error = layout(&["user.sidd", "user.ad.department"])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("\"user.sidd\" is close to \"user.sid\""),
            "{error}"
        );
        let error = layout(&["user.upn", "user.ad.department"])
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("close to"),
            "a column with a meaning of its own is no misspelling: {error}"
        );
    }

    #[test]
    fn a_first_line_that_is_a_row_is_not_shown() {
        let rows: [&[&str]; 4] = [
            &["jdoe@EMEA", "Doe"],
            &["Doe, John", "jdoe"],
            &["jdoe", "S-1-5-21-1085031214-1563985344-725345543-1101"],
            &["jdoe", "2026-08-14 12:16:03"],
        ];
        for row in rows {
            let error = layout(row).unwrap_err().to_string();
            assert!(
                error.contains("found no column names in the first line, which has 2 cells"),
                "{error}"
            );
            assert!(!error.contains("oe"), "{error}");
        }
    }

    #[test]
    fn a_field_filled_twice_is_refused() {
        assert!(matches!(
            layout(&["user.sid", "user.name", "user.sid"]),
            Err(Error::Repeated { .. })
        ));
        assert!(matches!(
            layout(&["user.sid", "team", "team"]),
            Err(Error::Repeated { .. })
        ));
    }
}
