//! Holds emergency stops that could not be written yet. They are in force at once, and are written as soon as that is
//! possible.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::pause::Pause;
use crate::domain::request::Decision;

/// A stop on its way into the file.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// The key of the input that asked for it.
    pub(super) key: String,
    /// Who stops the policy, when, and in whose words.
    pub(super) by: Decision,
}

/// The stops that are not in the file, by policy. Clones share them, and each handle of the store has one: so they
/// outlive a configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Stops(Arc<Mutex<BTreeMap<String, Stop>>>);

impl Stops {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stop>> {
        // Valid after any panic: each change is one call.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the stop in force. One that is in force already stays as it is.
    pub(super) fn hold(&self, policy: &str, stop: Stop) {
        self.lock().entry(policy.to_owned()).or_insert(stop);
    }

    /// Lets go of a stop that is in the file, or was taken back there.
    pub(super) fn release(&self, policy: &str) {
        self.lock().remove(policy);
    }

    /// Returns the stops that are still to be written.
    pub(super) fn unwritten(&self) -> Vec<(String, Stop)> {
        self.lock().iter().map(|(policy, stop)| (policy.clone(), stop.clone())).collect()
    }

    /// Returns the stop of this policy, as the pause that it will be: without a number yet.
    pub(super) fn of(&self, policy: &str) -> Option<Pause> {
        let began = self.lock().get(policy)?.by.clone();
        Some(Pause { id: 0, policy: policy.into(), began, ended: None })
    }
}
