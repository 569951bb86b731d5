//! The ledger: which objects were taken in, what became of their rows, and in what order rows were said.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::complete_lists::{CompleteList, CompleteLists, Missing};
use super::error::{Error, Result, damaged};
use super::object_lines::{Line, Listing, Loaded, REJECTS_KEPT, RowCounts, count, identity_of};
use super::said::{NEVER, ObjectId, RowStamp, Said, ShapeId};
use super::shapes::Shapes;
use super::text::Shape;
use crate::identifier::hash128;
use crate::observation::{Object, Refused, Reject};
use crate::schema::{Dataset, SECOND, STRONG, Subject};
use crate::sqlite::{Columns, Reader, Record, Table};

/// Objects that a ledger can have.
const MAX_OBJECTS: usize = 99_999_999;

/// By source and dataset: the columns that objects carried from a time on, by that time, as [`Layout::shape`] names them.
///
/// [`Layout::shape`]: crate::observation::Layout::shape
pub type ShapesOf = BTreeMap<(String, Dataset), BTreeMap<i64, Vec<String>>>;

/// By source and dataset: when the newest object was observed, in microseconds.
pub type NewestOf = BTreeMap<(String, Dataset), i64>;

/// What orders the rows of an object among those of others, and which columns it carried.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    observed_at: i64,
    /// The latest of its copies' times of modification.
    modified_at: i64,
    blake3: [u8; 32],
    shape: ShapeId,
    /// Among the sources.
    source: u32,
}

fn key_and_time(name: &str, observed_at: i64) -> u128 {
    hash128(&format!("{observed_at} {name}"))
}

/// The ledger of the generation in the making.
#[derive(Default)]
pub(super) struct Ledger {
    /// Hashes of what identifies an object in a listing.
    known: HashSet<u128>,
    /// Hashes of the names and observed times of loaded objects.
    keys_and_times: HashSet<u128>,
    /// When the objects were modified that the last generation has of each source.
    by_source: BTreeMap<String, HashMap<u128, i64>>,
    sources: BTreeMap<String, u32>,
    /// Objects that can list all that there is.
    pub(super) complete: CompleteLists,
    /// By object id - 1, those of the last generation first.
    stamps: Vec<Stamp>,
    pub(super) shapes: Shapes,
    /// The original of each content and time.
    originals: HashMap<([u8; 32], i64), ObjectId>,
    lines: Vec<Line>,
    /// The newest time of each dataset's loaded objects.
    coverage: [Option<i64>; 3],
    /// The columns of the loaded objects of each source and dataset, by when these were observed.
    shapes_of: BTreeMap<(String, Dataset), BTreeMap<i64, ShapeId>>,
}

impl Ledger {
    /// Reads that of the last generation.
    pub(super) fn load(last: &Reader) -> Result<Ledger> {
        let mut ledger = Ledger {
            shapes: Shapes::load(last.rows("shape")?)?,
            ..Ledger::default()
        };
        let mut rows = last.rows("object")?;
        while let Some((_, columns)) = rows.next()? {
            ledger.load_line(columns)?;
        }
        Ok(ledger)
    }

    fn load_line(&mut self, mut columns: Columns) -> Result<()> {
        let Listing {
            identity,
            source,
            name,
            modified_at,
        } = Listing::read(&mut columns)?;
        let of_source = self.by_source.entry(source.clone()).or_default();
        // One that is written anew under its name is one.
        let newest = of_source.entry(hash128(&name)).or_insert(modified_at);
        *newest = modified_at.max(*newest);
        let observed_at = columns.take()?.integer().unwrap_or_default();
        columns.skip(1)?;
        let blake3 = columns
            .take()?
            .blob()
            .and_then(|bytes| bytes.try_into().ok());
        let is_loaded = columns.take()?.text() == Some("loaded");
        let dataset = columns.take()?.integer();
        let shape = columns.take()?.integer();
        let rows = columns.take()?.integer().unwrap_or_default();
        self.known.insert(identity);
        let dataset = dataset.and_then(|code| Dataset::from_code(u8::try_from(code).ok()?));
        let shape = shape.and_then(|shape| u16::try_from(shape).ok().map(ShapeId));
        let (Some(blake3), Some(dataset), Some(shape)) = (blake3, dataset, shape) else {
            return Err(damaged("a line of the ledger"));
        };
        let stamp = Stamp {
            observed_at,
            modified_at,
            blake3,
            shape,
            source: self.source_id(&source),
        };
        self.add_stamp(stamp, !is_loaded);
        if is_loaded {
            columns.skip(3)?;
            let rejected = columns.take()?.integer().unwrap_or_default();
            let rows_of_list = (rows.unsigned_abs(), rejected.unsigned_abs());
            let list = (stamp.source, dataset);
            let object = (&*source, &*name, observed_at);
            self.complete.note(list, object, rows_of_list);
            self.keys_and_times.insert(key_and_time(&name, observed_at));
            let shapes = self.shapes_of.entry((source, dataset)).or_default();
            shapes.insert(observed_at, shape);
            self.cover(dataset, observed_at, rows.unsigned_abs());
        }
        Ok(())
    }

    /// Adds an object's stamp; that of a duplicate is its original's, too.
    fn add_stamp(&mut self, stamp: Stamp, is_duplicate: bool) {
        self.stamps.push(stamp);
        let id = self.newest();
        let content = (stamp.blake3, stamp.observed_at);
        if is_duplicate {
            let original = *self.originals.entry(content).or_insert(id);
            let original = &mut self.stamps[original.at()];
            original.modified_at = original.modified_at.max(stamp.modified_at);
            return;
        }
        // A copy that was taken in once more stands for its content from then on.
        self.originals.insert(content, id);
    }

    /// Notes until when a dataset was told of. A file without a row tells nothing: the query or a right may have gone.
    fn cover(&mut self, dataset: Dataset, observed_at: i64, rows: u64) {
        if rows > 0 {
            let newest = &mut self.coverage[dataset as usize];
            *newest = (*newest).max(Some(observed_at));
        }
    }

    fn source_id(&mut self, source: &str) -> u32 {
        let next = self.sources.len() as u32;
        *self.sources.entry(source.to_owned()).or_insert(next)
    }

    /// Returns the objects of a dataset that were taken in now and lost rows, and how many.
    pub(super) fn lossy(&self, dataset: Dataset) -> impl Iterator<Item = (String, u64)> {
        let lines = self.lines.iter();
        let lossy = lines.filter(move |line| line.dataset == dataset && line.counts.rejected > 0);
        lossy.map(|line| (line.object.name(), line.counts.rejected))
    }

    /// Tells whether a row of an object is older than a list of its source, which has no such row then.
    pub(super) fn is_left_out(&self, object: ObjectId, list: CompleteList) -> bool {
        self.stamp(object)
            .is_some_and(|stamp| stamp.source == list.source && stamp.observed_at < list.since)
    }

    /// Returns the object that was added last.
    fn newest(&self) -> ObjectId {
        ObjectId::of_position(self.stamps.len().saturating_sub(1))
    }

    /// Returns a set of columns.
    pub(super) fn shape(&self, id: ShapeId) -> Result<&Shape> {
        self.shapes.get(id)
    }

    /// Returns the columns that an object carried.
    pub(super) fn shape_of(&self, object: ObjectId) -> ShapeId {
        self.stamp(object).map_or(ShapeId(0), |stamp| stamp.shape)
    }

    /// Returns when the objects of a source were modified last that were taken in before, by their keys.
    pub(super) fn modified_of(&self, source: &str) -> Vec<i64> {
        let of_source = self.by_source.get(source);
        of_source.map_or_else(Vec::new, |keys| keys.values().copied().collect())
    }

    /// Tells whether a listed object was taken in before.
    pub(super) fn knows(&self, object: &Object) -> bool {
        self.known.contains(&identity_of(object))
    }

    /// Returns those of some objects that were not taken in, before or now.
    pub(super) fn missing(&self, listed: &[Object]) -> Vec<Missing> {
        let now: HashSet<u128> = self
            .lines
            .iter()
            .map(|line| identity_of(&line.object))
            .collect();
        let missing = listed
            .iter()
            .filter(|object| !self.knows(object) && !now.contains(&identity_of(object)));
        missing.map(Missing::of).collect()
    }

    /// Tells whether an object of the same source, key and observed time was taken in before.
    pub(super) fn has_key_and_time(&self, object: &Object) -> bool {
        let of = key_and_time(&object.name(), object.observed_at);
        self.keys_and_times.contains(&of)
    }

    /// Returns the content and the observed time of every object, with its latest time of modification.
    pub(super) fn contents(&self) -> impl Iterator<Item = ([u8; 32], i64, i64)> {
        let stamps = self.stamps.iter();
        stamps.map(|stamp| (stamp.blake3, stamp.observed_at, stamp.modified_at))
    }

    /// Returns from when on the objects of each source and dataset carried which columns, by the last generation.
    pub(super) fn shapes_of(&self) -> ShapesOf {
        let names = |shape: &ShapeId| self.shapes.names(*shape).to_vec();
        let changes = |shapes: &BTreeMap<i64, ShapeId>| {
            let mut before = None;
            let changes = shapes
                .iter()
                .filter(|(_, shape)| before.replace(**shape) != Some(**shape));
            changes.map(|(at, shape)| (*at, names(shape))).collect()
        };
        let all = self.shapes_of.iter();
        all.map(|(of, shapes)| (of.clone(), changes(shapes)))
            .collect()
    }

    /// Returns when the newest object of each source and dataset was observed that was taken in.
    pub(super) fn newest_of_sources(&self) -> NewestOf {
        let before = self.shapes_of.iter();
        let before =
            before.filter_map(|(of, shapes)| Some((of.clone(), *shapes.keys().next_back()?)));
        let now = self.lines.iter().filter(|line| !line.is_duplicate);
        let now = now.map(|line| {
            (
                (line.object.source.clone(), line.dataset),
                line.object.observed_at,
            )
        });
        let mut newest = NewestOf::new();
        for (of, at) in before.chain(now) {
            let known = newest.entry(of).or_insert(at);
            *known = at.max(*known);
        }
        newest
    }

    /// Begins an object, and returns its id: its rows can be compared from now on.
    ///
    /// # Errors
    /// When the ledger is full.
    pub(super) fn begin(
        &mut self,
        object: Object,
        blake3: [u8; 32],
        dataset: Dataset,
        columns: &[String],
        is_duplicate: bool,
    ) -> Result<ObjectId> {
        if self.stamps.len() >= MAX_OBJECTS {
            return Err(Error::Full {
                limit: MAX_OBJECTS as u32,
            });
        }
        let shape = self.shapes.intern(dataset, columns)?;
        let stamp = Stamp {
            observed_at: object.observed_at,
            modified_at: object.modified_at,
            blake3,
            shape,
            source: self.source_id(&object.source),
        };
        self.add_stamp(stamp, is_duplicate);
        self.lines.push(Line {
            object,
            blake3,
            is_duplicate,
            dataset,
            shape,
            taken: 0,
            counts: RowCounts::default(),
            refused: Refused::default(),
            rejects: Vec::new(),
        });
        Ok(self.newest())
    }

    /// Notes rows of the object that was begun last: how many were taken in, and those that were rejected.
    pub(super) fn note_rows(&mut self, taken: usize, rejects: Vec<Reject>) {
        let Some(line) = self.lines.last_mut() else {
            return;
        };
        line.taken += taken as u64;
        line.counts.read += (taken + rejects.len()) as u64;
        line.counts.rejected += rejects.len() as u64;
        let room = REJECTS_KEPT.saturating_sub(line.rejects.len());
        line.rejects.extend(rejects.into_iter().take(room));
    }

    /// Ends the object that was begun last; `rows` is how many there were behind its header.
    ///
    /// # Errors
    /// When rows were read that are not accounted for.
    pub(super) fn end(&mut self, rows: u64, refused: Refused) -> Result<()> {
        let Some(line) = self.lines.last_mut() else {
            return Ok(());
        };
        line.refused = refused;
        if line.counts.read != rows || line.counts.read != line.taken + line.counts.rejected {
            return Err(Error::Inconsistent(
                "rows were read that are not accounted for",
            ));
        }
        line.counts.superseded = line.taken;
        let (dataset, observed_at) = (line.dataset, line.object.observed_at);
        let rejected = line.counts.rejected;
        if !line.is_duplicate {
            let (source, name) = (line.object.source.clone(), line.object.name());
            self.cover(dataset, observed_at, rows);
            if let Some(stamp) = self.stamps.last().copied() {
                let list = (stamp.source, dataset);
                let object = (&*source, &*name, stamp.observed_at);
                self.complete.note(list, object, (rows, rejected));
            }
        }
        Ok(())
    }

    /// Counts rows of an object that are the newest of their kind.
    pub(super) fn count(&mut self, object: ObjectId, rows: u32, is_unchanged: bool) {
        let Some(line) = self.new_line(object) else {
            return;
        };
        let (rows, counts) = (u64::from(rows), &mut line.counts);
        counts.superseded -= rows.min(counts.superseded);
        match is_unchanged {
            true => counts.unchanged += rows,
            false => counts.stored += rows,
        }
    }

    /// Tells whether an object was taken in by this run.
    pub(super) fn is_new(&self, object: ObjectId) -> bool {
        object.at() >= self.stamps.len() - self.lines.len()
    }

    fn new_line(&mut self, object: ObjectId) -> Option<&mut Line> {
        let at = self.place_of_new(object)?;
        self.lines.get_mut(at)
    }

    /// Returns where the line of an object is that was taken in now.
    fn place_of_new(&self, object: ObjectId) -> Option<usize> {
        let before = self.stamps.len() - self.lines.len();
        object.at().checked_sub(before)
    }

    fn stamp(&self, object: ObjectId) -> Option<&Stamp> {
        self.stamps.get(object.at())
    }

    /// Returns the name of an object that was taken in now.
    pub(super) fn name_of(&self, object: ObjectId) -> Option<String> {
        let line = self.lines.get(self.place_of_new(object)?)?;
        Some(line.object.name())
    }

    /// Returns when an object's rows were observed. One that the ledger lacks is named by a damaged file only, of which
    /// nothing is published.
    pub(super) fn observed_at(&self, object: ObjectId) -> i64 {
        self.stamp(object)
            .map_or(i64::MIN, |stamp| stamp.observed_at)
    }

    /// Returns which of two objects was observed first.
    pub(super) fn earlier(&self, left: ObjectId, right: ObjectId) -> ObjectId {
        std::cmp::min_by_key(left, right, |object| self.observed_at(*object))
    }

    /// Returns what orders a row.
    pub(super) fn row_stamp(&self, said: Said) -> RowStamp {
        let stamp = self.stamp(said.object);
        RowStamp {
            observed_at: self.observed_at(said.object),
            last_seen: (said.last_seen != NEVER).then_some(said.last_seen),
            modified_at: stamp.map_or(i64::MIN, |stamp| stamp.modified_at),
            blake3: stamp.map_or([0; 32], |stamp| stamp.blake3),
            row: said.row,
        }
    }

    /// Orders two rows.
    pub(super) fn compare(&self, left: Said, right: Said) -> Ordering {
        if left.object == right.object {
            return (left.last_seen, left.row).cmp(&(right.last_seen, right.row));
        }
        let observed = self
            .observed_at(left.object)
            .cmp(&self.observed_at(right.object));
        observed
            .then(left.last_seen.cmp(&right.last_seen))
            .then_with(|| self.compare_objects(left.object, right.object))
            .then(left.row.cmp(&right.row))
    }

    /// Orders two objects.
    pub(super) fn compare_objects(&self, left: ObjectId, right: ObjectId) -> Ordering {
        if left == right {
            return Ordering::Equal;
        }
        let key = |object: ObjectId| {
            let stamp = self.stamp(object);
            stamp.map(|stamp| (stamp.observed_at, stamp.modified_at, stamp.blake3))
        };
        key(left).cmp(&key(right))
    }

    /// Tells whether some files brought the strong key and others the second one, and none both: their rows can never
    /// be joined.
    pub(super) fn lacks_both_keys(&self, subject: Subject) -> bool {
        let shapes = self.shapes.of(subject.dataset());
        let carried: HashSet<(bool, bool)> = shapes
            .map(|shape| (shape.carries(STRONG), shape.carries(SECOND)))
            .collect();
        carried.contains(&(true, false))
            && carried.contains(&(false, true))
            && !carried.contains(&(true, true))
    }

    /// Returns until when each dataset is covered.
    pub(super) fn coverage(&self) -> [Option<i64>; 3] {
        self.coverage
    }

    /// Returns what became of the objects whose rows were taken in.
    pub(super) fn loaded(&self) -> impl Iterator<Item = Loaded> {
        let loaded = self.lines.iter().filter(|line| !line.is_duplicate);
        loaded.map(|line| Loaded {
            object: line.object.clone(),
            counts: line.counts,
            refused: line.refused,
        })
    }

    /// Writes all lines: those of the last generation as they lie there.
    pub(super) fn write(
        &self,
        last: Option<&Reader>,
        generation: u64,
        table: &mut Table,
    ) -> Result<()> {
        let mut record = Record::default();
        let mut id = 0;
        if let Some(last) = last {
            let mut rows = last.rows("object")?;
            while let Some((rowid, columns)) = rows.next()? {
                record.clear();
                record.put_columns(columns);
                table.push(rowid, &record)?;
                id = rowid;
            }
        }
        for line in &self.lines {
            id += 1;
            line.put(generation, &mut record);
            table.push(id, &record)?;
        }
        Ok(())
    }

    /// Writes the rejects of all objects.
    pub(super) fn write_rejects(&self, last: Option<&Reader>, table: &mut Table) -> Result<()> {
        let mut record = Record::default();
        let mut id = 0;
        if let Some(last) = last {
            let mut rows = last.rows("reject")?;
            while let Some((rowid, columns)) = rows.next()? {
                record.clear();
                record.put_columns(columns);
                table.push(rowid, &record)?;
                id = rowid;
            }
        }
        let before = self.stamps.len() - self.lines.len();
        for (object, line) in (before as i64 + 1..).zip(&self.lines) {
            for reject in &line.rejects {
                id += 1;
                record.clear();
                record.put_null();
                record.put_integer(object);
                record.put_integer(count(reject.line));
                record.put_text(&reject.field);
                record.put_text(&reject.reason);
                table.push(id, &record)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::observation::ObservedFrom;

    /// Makes a ledger of objects observed at some times.
    pub(in super::super) fn ledger_of(observed: &[i64]) -> Ledger {
        let mut ledger = Ledger::default();
        for (at, observed_at) in (0..).zip(observed) {
            let object = Object {
                source: "tests".into(),
                key: format!("users/{at}.csv"),
                e_tag: None,
                version: None,
                size_bytes: 1,
                modified_at: *observed_at,
                observed_at: *observed_at,
                observed_from: ObservedFrom::Modified,
            };
            let columns = [at.to_string()];
            ledger
                .begin(object, [at; 32], Dataset::Users, &columns, false)
                .unwrap();
        }
        ledger
    }
}
