//! Drift: what the columns of an object have that those of the newest one before it had not, of its source and dataset.
//!
//! A frozen dataset takes no drift; else a column that was probably renamed is named, with the line that would take it. A
//! guess maps nothing: values under a wrong name are worse than none.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use jiff::tz::TimeZone;

use crate::identifier::{self, Kind};
use crate::index::ShapesOf;
use crate::mapping::{parse_time, shown_name};
use crate::observation::{Layout, Object};

/// Values that are looked at for what they are like.
const LOOKED_AT: usize = 100;
/// How alike names must be that are taken for each other, where values tell nothing.
const ALIKE: f64 = 0.85;

/// What was seen of columns so far.
pub(super) struct Drift {
    shapes: ShapesOf,
    /// There were objects before this run.
    has_past: bool,
}

/// How an object's columns differ.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Fields and other columns that are not carried any more.
    gone: Vec<String>,
    new: Vec<String>,
    /// No object of the source had just these columns, and there were some before this run.
    is_first: bool,
}

impl Drift {
    pub(super) fn new(shapes: ShapesOf) -> Drift {
        Drift {
            has_past: !shapes.is_empty(),
            shapes,
        }
    }

    /// Returns how an object differs from the newest one before it, whatever was taken in first.
    pub(super) fn of(&self, object: &Object, layout: &Layout) -> Change {
        let known = self.shapes.get(&(object.source.clone(), layout.dataset));
        let before = known.and_then(|shapes| shapes.range(..=object.observed_at).next_back());
        let is_known = known.is_some_and(|known| known.values().any(|one| *one == layout.shape));
        before.map_or_else(Change::default, |(_, before)| Change {
            is_first: self.has_past && !is_known,
            ..Change::between(before, &layout.shape)
        })
    }

    /// Notes an object that was taken in.
    pub(super) fn note(&mut self, object: &Object, layout: &Layout) {
        let of = (object.source.clone(), layout.dataset);
        let shapes = self.shapes.entry(of).or_default();
        shapes.insert(object.observed_at, layout.shape.clone());
    }
}

impl Change {
    fn between(before: &[String], after: &[String]) -> Change {
        let (old, new): (BTreeSet<&String>, BTreeSet<&String>) =
            (before.iter().collect(), after.iter().collect());
        let only = |left: &BTreeSet<&String>, right: &BTreeSet<&String>| {
            left.difference(right).map(|name| (*name).clone()).collect()
        };
        Change {
            gone: only(&old, &new),
            new: only(&new, &old),
            is_first: false,
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.gone.is_empty() && self.new.is_empty()
    }

    /// Says why a frozen dataset does not take it.
    pub(super) fn refusal(&self, layout: &Layout) -> String {
        let listed = |names: &[String]| match names.is_empty() {
            true => "none".to_owned(),
            false => {
                const SHOWN: usize = 12;
                let names = names.iter().take(SHOWN);
                let names = names.map(|name| shown_name(name.strip_prefix('+').unwrap_or(name)));
                names.collect::<Vec<_>>().join(", ")
            }
        };
        format!(
            "its columns differ from those of the newest {dataset} object (gone: {}; new: {}), and [dataset.{dataset}] \
             has contract = \"freeze\"; correct the export, or take the change with `sync --accept`",
            listed(&self.gone),
            listed(&self.new),
            dataset = layout.dataset.as_str(),
        )
    }

    /// Returns, for each field that is gone, the new column that is probably its own, or, the first time, that there is none, as a
    /// line of a report. `records` are some of the object's rows.
    pub(super) fn hints(&self, layout: &Layout, records: &RecordBatch) -> Vec<String> {
        let dataset = layout.dataset.as_str();
        let gone = self.gone.iter().filter(|name| !name.starts_with('+'));
        let hints = gone.filter_map(|field| {
            let mut new = layout.extra.iter();
            let found = new.find(|(column, at)| {
                let is_new = self.new.iter().any(|new| new.strip_prefix('+') == Some(column));
                is_new && shown_name(column) == column && is_like(field, column, records, *at)
            });
            let Some((column, _)) = found else {
                return self.is_first.then(|| {
                    format!(
                        "{dataset}: no column fills {field} any more, which the objects before had: what it said stays as it was; check the \
                         query of the exporter"
                    )
                });
            };
            Some(format!(
                "{dataset}: no column fills {field} any more, and the new column {column:?} looks like it; if it is, add to \
                 [dataset.{dataset}.columns]: {column:?} = {field:?}"
            ))
        });
        hints.collect()
    }
}

/// Tells whether a column may be a field: by what its values are, and where these tell nothing by its name.
fn is_like(field: &str, column: &str, records: &RecordBatch, at: usize) -> bool {
    let Some(cells) = records
        .columns()
        .get(at)
        .and_then(|cells| cells.as_string_opt::<i32>())
    else {
        return false;
    };
    let mut cells = cells.iter().flatten().take(LOOKED_AT).peekable();
    if cells.peek().is_none() {
        return false;
    }
    let field = field
        .strip_prefix("user_")
        .or(field.strip_prefix("device_"))
        .unwrap_or(field);
    let kind = match field {
        "sid" => Kind::Sid,
        "uid" | "collector_uid" => Kind::Uid,
        "upn" | "email" => Kind::Upn,
        "first_seen" | "last_seen" | "last_used" => {
            return cells.all(|cell| parse_time(cell, &TimeZone::UTC).is_some());
        }
        _ => return is_called(field, column),
    };
    cells.all(|cell| identifier::normal_form(kind, cell).is_ok())
}

/// Tells whether a column is called as a field is, but for signs and what stands before its last dot.
fn is_called(field: &str, column: &str) -> bool {
    let plain = |text: &str| -> String {
        let last = text.rsplit('.').next().unwrap_or(text);
        let letters = last.chars().filter(char::is_ascii_alphanumeric);
        letters.collect::<String>().to_ascii_lowercase()
    };
    strsim::jaro_winkler(&plain(field), &plain(column)) >= ALIKE
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};
    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::observation::ObservedFrom;
    use crate::schema::Dataset;

    fn layout(extra: &[&str]) -> Layout {
        Layout {
            dataset: Dataset::Users,
            columns: Vec::new(),
            extra: extra
                .iter()
                .zip(0..)
                .map(|(name, at)| ((*name).to_owned(), at))
                .collect(),
            shape: Vec::new(),
        }
    }

    fn change(gone: &[&str], new: &[&str]) -> Change {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Change {
            gone: owned(gone),
            new: owned(new),
            is_first: false,
        }
    }

    fn hints(gone: &str, new: &str, cells: &[&str]) -> Vec<String> {
        let column: ArrayRef = Arc::new(StringArray::from(cells.to_vec()));
        let schema = Schema::new(vec![Field::new(new, DataType::Utf8, true)]);
        let records = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
        change(&[gone], &[&format!("+{new}")]).hints(&layout(&[new]), &records)
    }

    #[test]
    fn an_object_is_compared_with_the_newest_before_it_in_any_order() {
        let object = |day: i64| Object {
            source: "s".into(),
            key: String::new(),
            e_tag: None,
            version: None,
            size_bytes: 0,
            modified_at: 0,
            observed_at: day,
            observed_from: ObservedFrom::Key,
        };
        let shaped = |shape: &[&str]| Layout {
            shape: shape.iter().map(|name| (*name).to_owned()).collect(),
            ..layout(&[])
        };
        let mut drift = Drift::new(ShapesOf::new());
        assert!(drift.of(&object(1), &shaped(&["name"])).is_none());
        drift.note(&object(1), &shaped(&["name"]));
        drift.note(&object(3), &shaped(&["name"]));
        assert_eq!(
            drift.of(&object(2), &shaped(&["sid"])),
            change(&["name"], &["sid"])
        );
        assert!(drift.of(&object(0), &shaped(&["sid"])).is_none());
    }

    #[test]
    fn a_change_is_what_one_has_and_the_other_has_not() {
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        let (before, after) = (names(&["name", "upn", "+a"]), names(&["+a", "+b", "name"]));
        assert_eq!(Change::between(&before, &after), change(&["upn"], &["+b"]));
        assert!(Change::between(&before, &names(&["+a", "upn", "name"])).is_none());
    }

    #[test]
    fn a_renamed_column_is_named_by_its_values_and_mapped_by_nobody() {
        assert_eq!(
            hints("upn", "user.principal", &["a@contoso.com", "b@contoso.com"]),
            [
                "users: no column fills upn any more, and the new column \"user.principal\" looks like it; if it is, add to \
                 [dataset.users.columns]: \"user.principal\" = \"upn\""
            ]
        );
        assert_eq!(hints("sid", "user.key", &["S-1-5-21-1-2-3-4"]).len(), 1);
        assert_eq!(
            hints("sid", "user.key", &["S-1-5-21-1-2-3-4", "x"]),
            Vec::<String>::new()
        );
        assert_eq!(
            hints("last_seen", "user.seen", &["2026-11-20 06:00:00"]).len(),
            1
        );
        assert_eq!(hints("department", "user.ad.departement", &["HR"]).len(), 1);
        assert_eq!(
            hints("department", "user.floor", &["4"]),
            Vec::<String>::new()
        );
        assert_eq!(hints("upn", "user.principal", &[]), Vec::<String>::new());
    }
}
