//! Targeted: a target or what speaks against one, in one value and one JSON: what HTTP and the bindings answer.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::Index;
use super::answer::Outcome;
use super::called::Which;
use super::doubt::{Doubt, NoTarget};
use super::query::Query;
use super::target::Target;
use crate::error::Error;

/// A device that may be acted on, or why there is none.
#[derive(Debug)]
#[non_exhaustive]
pub struct Targeted {
    /// How many fitted what was asked.
    pub outcome: Outcome,
    /// The device; else what speaks against it. Never [`NoTarget::Index`].
    pub found: Result<Target, NoTarget>,
}

impl Index {
    /// Looks a query up, and returns the device of the answer that may be acted on, as [`Index::target`] has it.
    ///
    /// # Errors
    /// The index's own faults.
    pub fn targeted(
        &self,
        query: impl Into<Query>,
        which: Which,
        allowed: &[Doubt],
    ) -> Result<Targeted, Error> {
        let answer = self.find(query)?;
        let found = match self.target(&answer, which, allowed) {
            Err(NoTarget::Index(error)) => return Err(error),
            found => found,
        };
        Ok(Targeted {
            outcome: answer.outcome,
            found,
        })
    }
}

impl Serialize for Targeted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("target", &self.found.as_ref().ok())?;
        if let Err(why) = &self.found {
            map.serialize_entry("refused", &why.to_string())?;
            map.serialize_entry("doubts", &why.doubts())?;
            map.serialize_entry("outcome", self.outcome.as_str())?;
        }
        map.end()
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let because = self.because();
        let allowed: Vec<&str> = because.allowed.iter().map(|doubt| doubt.as_str()).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("device", self.device())?;
        map.serialize_entry("collector_uid", self.collector_uid())?;
        map.serialize_entry("account", &self.account())?;
        map.serialize_entry("query", &because.query)?;
        map.serialize_entry("generation", &because.generation)?;
        map.serialize_entry("allowed", &allowed)?;
        map.end()
    }
}
