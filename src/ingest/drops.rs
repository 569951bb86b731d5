//! Columns that are to be dropped and that no object had: a name that is written otherwise leaves nothing out.

use std::collections::{BTreeMap, BTreeSet};

use crate::schema::Dataset;

/// Of the datasets of which objects were taken in.
#[derive(Default)]
pub(super) struct IdleDrops(BTreeMap<Dataset, BTreeSet<String>>);

impl IdleDrops {
    /// Notes those that an object does not have.
    pub(super) fn note(&mut self, dataset: Dataset, names: BTreeSet<String>) {
        self.0
            .entry(dataset)
            .and_modify(|known| known.retain(|name| names.contains(name)))
            .or_insert(names);
    }

    /// Says which no object had.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let idle = self.0.iter().filter(|(_, names)| !names.is_empty());
        idle.map(|(dataset, names)| {
            let dataset = dataset.as_str();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!(
                "[dataset.{dataset}] drop names columns that no {dataset} object of this run has: {}; check how they are written",
                names.join(", ")
            )
        })
    }
}
