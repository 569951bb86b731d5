//! What failed by its content: objects that runs leave out until they, or what judged them, change.
//!
//! Kept beside the generations in `failed.json`: a generation knows only what was taken in. Faults of the network, a disk or
//! credentials are not among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::index::identity_of;
use crate::observation::Object;

/// Bytes that are kept of a reason.
const REASON_BYTES: usize = 600;
/// Objects that are kept; of more, those that failed first are tried again.
const KEPT: usize = 10_000;

/// Why an object stays out of whose run too much would have changed.
pub const OF_REFUSED: &str = "a run with it was refused for what it would have changed; `identidex sync --accept` takes it in";

/// Objects that failed by their content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// By what identifies them in a listing, as 32 hexadecimal digits.
    objects: BTreeMap<String, FailedObject>,
}

/// An object that failed by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedObject {
    /// Its source and key.
    pub object: String,
    /// What was wrong and what to do.
    pub reason: String,
    /// What judged it: another version of the program, or another configuration, may take it in.
    judged_by: String,
}

impl Failed {
    /// Tells whether an object failed before, by the same judge.
    pub fn leaves_out(&self, object: &Object, judged_by: &str) -> bool {
        let known = self.objects.get(&digits(object));
        known.is_some_and(|known| known.judged_by == judged_by)
    }

    /// Notes an object that failed.
    pub fn add(&mut self, object: &Object, reason: &str, judged_by: &str) {
        let mut end = reason.len().min(REASON_BYTES);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let failed = FailedObject {
            object: object.name(),
            reason: reason[..end].to_owned(),
            judged_by: judged_by.to_owned(),
        };
        self.objects.insert(digits(object), failed);
        while self.objects.len() > KEPT {
            self.objects.pop_first();
        }
    }

    /// Notes an object of a run that was refused for what it would have changed.
    pub fn refuse(&mut self, object: &Object) {
        self.add(object, OF_REFUSED, OF_REFUSED);
    }

    /// Tells whether a run with an object was refused.
    pub fn is_refused(&self, object: &Object) -> bool {
        let known = self.objects.get(&digits(object));
        known.is_some_and(|known| known.judged_by == OF_REFUSED)
    }

    /// Takes out objects that a listing does not have any more, or that were taken in.
    pub fn keep_only(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.objects.retain(|identity, _| is_kept(identity));
    }

    /// Returns them in the order of their names.
    pub fn objects(&self) -> Vec<&FailedObject> {
        let mut objects: Vec<&FailedObject> = self.objects.values().collect();
        objects.sort_by(|left, right| left.object.cmp(&right.object));
        objects
    }
}

/// Returns what an object is known by here.
pub fn digits(object: &Object) -> String {
    format!("{:032x}", identity_of(object))
}
