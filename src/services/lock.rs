//! Takes a lock, also after a panic.

use std::sync::{Mutex, PoisonError};

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The maps behind these locks are valid after any panic: each is changed by single calls.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
