//! Locks the state that a component keeps in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for a lock, whose data is valid after any panic: each is changed by single calls.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
