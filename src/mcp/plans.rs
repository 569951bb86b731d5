//! Plans: what was shown to be done, and waits to be confirmed. A confirmation is good for one plan, once, for ten minutes.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::live::act::RemoteAction;
use crate::lookup::Query;

const GOOD_FOR: Duration = Duration::from_mins(10);
/// Plans that wait at once, at the most; of more the oldest are forgotten.
const PLANS_AT_MOST: usize = 100;

/// What was shown.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) query: Query,
    pub(super) device: Option<String>,
    /// What the device was known by when it was shown.
    pub(super) collector_uid: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(collector_uid: String) -> Plan {
        Plan {
            query: Query::any("a"),
            device: None,
            collector_uid,
            action: RemoteAction::new("#a").unwrap(),
        }
    }

    #[test]
    fn a_plan_is_confirmed_once_and_the_oldest_are_forgotten() {
        let plans = Plans::default();
        let first = plans.keep(plan("first".to_owned()));
        let second = plans.keep(plan("second".to_owned()));
        assert_ne!(first, second);
        assert_eq!(plans.take(&second).unwrap().collector_uid, "second");
        assert!(plans.take(&second).is_none() && plans.take("").is_none());
        for number in 0..PLANS_AT_MOST {
            plans.keep(plan(number.to_string()));
        }
        assert!(plans.take(&first).is_none());
    }
}
