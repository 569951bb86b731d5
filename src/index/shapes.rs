//! Shapes: the sets of columns that objects carried, each once.

use super::error::{Error, Result, damaged};
use super::said::ShapeId;
use super::text::Shape;
use crate::schema::{Dataset, Subject};
use crate::sqlite::{Record, Rows, Table};

/// All that there are, by id.
#[derive(Default)]
pub(super) struct Shapes(Vec<(Dataset, Vec<String>, Shape)>);

impl Shapes {
    /// Reads those of the last generation.
    pub(super) fn load(mut rows: Rows) -> Result<Shapes> {
        let mut shapes = Shapes::default();
        while let Some((_, mut columns)) = rows.next()? {
            columns.skip(1)?;
            let dataset = columns
                .take()?
                .integer()
                .and_then(|code| Dataset::from_code(u8::try_from(code).ok()?));
            let names = columns.take()?.text();
            let names = names.and_then(|text| serde_json::from_str(text).ok());
            let (Some(dataset), Some(names)) = (dataset, names) else {
                return Err(damaged("a set of columns"));
            };
            shapes.add(dataset, names);
        }
        Ok(shapes)
    }

    fn add(&mut self, dataset: Dataset, names: Vec<String>) -> ShapeId {
        let subject = match dataset {
            Dataset::Devices => Subject::Device,
            _ => Subject::Account,
        };
        let shape = Shape::of(subject, &names);
        self.0.push((dataset, names, shape));
        ShapeId((self.0.len() - 1) as u16)
    }

    /// Returns the id of one, which is a new one where it was not there.
    pub(super) fn intern(&mut self, dataset: Dataset, names: &[String]) -> Result<ShapeId> {
        let is_it = |known: &(Dataset, Vec<String>, Shape)| known.0 == dataset && known.1 == names;
        match self.0.iter().position(is_it) {
            Some(id) => Ok(ShapeId(id as u16)),
            None if self.0.len() > usize::from(u16::MAX) => Err(Error::Full {
                limit: u32::from(u16::MAX),
            }),
            None => Ok(self.add(dataset, names.to_vec())),
        }
    }

    pub(super) fn get(&self, id: ShapeId) -> Result<&Shape> {
        let shape = self.0.get(usize::from(id.0)).map(|(.., shape)| shape);
        shape.ok_or(damaged("a set of columns is not there"))
    }

    /// Returns the names of one's columns; none where it is not there.
    pub(super) fn names(&self, id: ShapeId) -> &[String] {
        self.0
            .get(usize::from(id.0))
            .map_or(&[], |(_, names, _)| names)
    }

    /// Returns all of a dataset.
    pub(super) fn of(&self, dataset: Dataset) -> impl Iterator<Item = &Shape> {
        let all = self.0.iter().filter(move |(of, ..)| *of == dataset);
        all.map(|(.., shape)| shape)
    }

    /// Writes them.
    pub(super) fn write(&self, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        for (id, (dataset, names, _)) in (0..).zip(&self.0) {
            record.clear();
            record.put_null();
            record.put_integer(*dataset as i64);
            record.put_text(&serde_json::Value::from(names.as_slice()).to_string());
            table.push(id, &record)?;
        }
        Ok(())
    }
}
