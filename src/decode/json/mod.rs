//! JSON: objects that are rows, in the shapes in which exporters and the receivers behind them write these.
//!
//! `shape` tells which one a text has, `objects` walks it in bounded memory, and `properties` makes an object's values cells.
//! A property is a column: `{"user": {"name": …}}` has `user.name`, as `{"user.name": …}` has. One that a row lacks is an
//! empty cell, as one that is null.

mod objects;
mod page;
mod properties;
mod shape;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::path::Path;

use self::objects::{Found, Objects};
use self::properties::{Properties, Value};
use self::shape::shape_by;
pub(super) use self::shape::{Shape, shape_of};
use super::batch::{Builder, NOT_UTF8};
use super::text::Text;
use super::{Error, Form, header};

/// Returns the columns of a text, in the order in which its rows first have them, and whether it says that more rows follow in
/// another one. Reads all of it.
pub(super) fn columns(
    path: &Path,
    form: &Form,
    shape: Shape,
    names: &HashSet<String>,
) -> Result<(Vec<String>, bool), Error> {
    let mut objects = Objects::new(Text::open(path, form)?, shape);
    let mut columns = Columns::default();
    while objects.next(|row, line| columns.note_row(row, line, names))? != Found::End {
        // A text that is keyed by ids has as many names as ids.
        if columns.is_over() {
            return Ok((header::checked(columns.names)?, false));
        }
    }
    if let Some(line) = columns.no_row {
        return Err(Error::Json {
            line,
            what: "an object among the rows is no row, but has a list of objects",
        });
    }
    let names = columns.into_names();
    match names.is_empty() {
        true => Err(Error::NoRows),
        false => Ok((header::checked(names)?, objects.says_more())),
    }
}

/// The columns that were found so far.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
    /// By column: nothing but null stands in it.
    is_null: Vec<bool>,
    /// The column that comes next where a row has the order of the one before it.
    next: usize,
    /// The line of the first object that is no row.
    no_row: Option<u64>,
}

impl Columns {
    fn note_row(&mut self, row: Properties, line: u64, names: &HashSet<String>) {
        let has_list = row.values().any(|(_, value)| value.is_list_of_objects());
        if has_list && !matches!(shape_by(&row, names), Ok(Shape::Rows)) {
            self.no_row.get_or_insert(line);
        }
        // What is wrong with a row is said when it is read.
        let _ = row.each(&mut |name, value| {
            self.note(name, value);
            Ok(())
        });
    }

    /// Tells whether there are more names, or longer ones, than a file may have.
    fn is_over(&self) -> bool {
        let is_long = |name: &String| name.len() > super::MAX_NAME_BYTES;
        self.names.len() > super::MAX_COLUMNS || self.names.last().is_some_and(is_long)
    }

    fn note(&mut self, name: &str, value: Value) {
        let place = self.place(name);
        self.is_null[place] &= value.is_null();
        self.next = place + 1;
    }

    fn place(&mut self, name: &str) -> usize {
        if self.names.get(self.next).is_some_and(|next| next == name) {
            return self.next;
        }
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        // More are refused afterwards, by their number.
        if self.names.len() <= super::MAX_COLUMNS {
            self.names.push(name.to_owned());
            self.is_null.push(true);
        }
        let last = self.names.len() - 1;
        self.places.insert(name.to_owned(), last);
        last
    }

    /// Returns the names; one that stands for objects in other rows (`"device": null`) is no column.
    fn into_names(self) -> Vec<String> {
        let parents: HashSet<&str> = self.names.iter().flat_map(|name| parents(name)).collect();
        let is_column =
            |(name, is_null): &(&String, &bool)| !(**is_null && parents.contains(name.as_str()));
        let columns = self.names.iter().zip(&self.is_null).filter(is_column);
        columns.map(|(name, _)| name.clone()).collect()
    }
}

/// Returns what stands before the dots of a name.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.').map(|(dot, _)| &name[..dot])
}

/// The rows of a JSON text.
pub(super) struct Rows {
    objects: Objects,
    cells: Cells,
    row: u32,
}

/// Where the cells of a row stand.
struct Cells {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Rows {
    pub(super) fn new(text: Text, shape: Shape, header: &[String]) -> Rows {
        let places = header.iter().cloned().zip(0..);
        Rows {
            objects: Objects::new(text, shape),
            cells: Cells {
                names: header.to_vec(),
                places: places.collect(),
            },
            row: 0,
        }
    }
}

impl super::batch::Rows for Rows {
    fn fill(&mut self, batch: &mut Builder) -> Result<bool, Error> {
        self.row += 1;
        let (cells, row) = (&self.cells, self.row);
        let found = self
            .objects
            .next(|properties, line| match cells.of(properties) {
                Ok(found) => batch.append(found.iter().map(|cell| &**cell), 0, row, line),
                Err(Refused { field, reason }) => batch.reject(line, &field, reason),
            })?;
        match found {
            Found::Row => {}
            Found::Broken { line, is_encoded } => {
                let reason = match is_encoded {
                    true => NOT_UTF8,
                    false => "the line is no JSON object",
                };
                batch.reject(line, "", reason);
            }
            Found::End => return Ok(false),
        }
        Ok(true)
    }
}

/// Why a row cannot be read.
struct Refused {
    field: String,
    reason: &'static str,
}

impl Cells {
    /// Returns a row's cells in the order of the header.
    fn of<'t>(&self, properties: Properties<'t>) -> Result<Vec<Cow<'t, str>>, Refused> {
        let mut cells: Vec<Option<Cow<str>>> = vec![None; self.names.len()];
        let mut next = 0;
        let mut refused = None;
        let whole = properties.each(&mut |name, value| {
            let place = match self.place(name, next) {
                Some(place) => place,
                // What is null in every row, and stands for objects, is no column.
                None if value.is_null() => return Ok(()),
                None => return Err("a property that was not there when the file was checked"),
            };
            next = place + 1;
            let text = value.text();
            let reason = match (&text, &cells[place]) {
                (Err(reason), _) => Some(*reason),
                (_, Some(_)) => Some("the property stands twice in the row"),
                _ => None,
            };
            if let Some(reason) = reason {
                refused.get_or_insert_with(|| Refused {
                    field: name.to_owned(),
                    reason,
                });
            }
            cells[place] = text.ok();
            Ok(())
        });
        match (whole, refused) {
            (Err(reason), _) => Err(Refused {
                field: String::new(),
                reason,
            }),
            (_, Some(refused)) => Err(refused),
            _ => Ok(cells.into_iter().map(Option::unwrap_or_default).collect()),
        }
    }

    fn place(&self, name: &str, next: usize) -> Option<usize> {
        match self.names.get(next).is_some_and(|next| next == name) {
            true => Some(next),
            false => self.places.get(name).copied(),
        }
    }
}
