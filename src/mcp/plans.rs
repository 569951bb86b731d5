//! Plans: what was shown to be done, and waits to be confirmed. A confirmation is good for one plan, once, for ten minutes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::live::act::RemoteAction;
use crate::lookup::Target;

const GOOD_FOR: Duration = Duration::from_mins(10);
/// Plans that wait at once, at the most; of more the oldest are forgotten.
const PLANS_AT_MOST: usize = 100;

/// What was shown.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) device: Option<String>,
    /// What it was for when it was shown.
    pub(super) target: Target,
    pub(super) action: RemoteAction,
}

/// Plans by what confirms them.
#[derive(Debug, Default)]
pub(super) struct Plans {
    waiting: Mutex<HashMap<String, (Instant, Plan)>>,
}

impl Plans {
    /// Keeps a plan; returns what confirms it.
    pub(super) fn keep(&self, plan: Plan) -> String {
        let confirmation = unguessable();
        let now = Instant::now();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, (at, _)| now.duration_since(*at) < GOOD_FOR);
        if waiting.len() >= PLANS_AT_MOST {
            let oldest = waiting.iter().min_by_key(|(_, (at, _))| *at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                waiting.remove(&oldest);
            }
        }
        waiting.insert(confirmation.clone(), (now, plan));
        confirmation
    }

    /// Takes the plan that is confirmed; there is none a second time.
    pub(super) fn take(&self, confirmation: &str) -> Option<Plan> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, plan) = waiting.remove(confirmation)?;
        (at.elapsed() < GOOD_FOR).then_some(plan)
    }
}

/// Returns 128 bits of chance, by the keys that the standard library hashes with.
fn unguessable() -> String {
    let part = || RandomState::new().hash_one(Instant::now());
    format!("{:016x}{:016x}", part(), part())
}
