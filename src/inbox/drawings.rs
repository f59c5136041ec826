//! Drawings of one dialog wait for each other, and one that comes after another covers it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::OwnedMutexGuard;

use crate::services::lock;

/// The dialogs that are being drawn, by their id.
#[derive(Clone, Default)]
pub(crate) struct Drawings(Arc<Mutex<BTreeMap<String, Arc<Drawing>>>>);

#[derive(Default)]
struct Drawing {
    wanted: AtomicU64,
    drawn: Arc<tokio::sync::Mutex<u64>>,
}

/// Keeps other drawings of the dialog waiting until this one is shown.
pub(crate) struct DrawingTurn {
    drawings: Drawings,
    view: String,
    drawing: Arc<Drawing>,
    drawn: OwnedMutexGuard<u64>,
}

impl Drawings {
    /// Waits until the drawings that began before are shown. `None` if one of them shows what this one would.
    pub(crate) async fn turn(&self, view: &str) -> Option<DrawingTurn> {
        let drawing = Arc::clone(lock(&self.0).entry(view.to_owned()).or_default());
        let ticket = drawing.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let drawn = Arc::clone(&drawing.drawn).lock_owned().await;
        let mut turn = DrawingTurn { drawings: self.clone(), view: view.to_owned(), drawing, drawn };
        if *turn.drawn >= ticket {
            return None;
        }
        *turn.drawn = turn.drawing.wanted.load(Ordering::SeqCst);
        Some(turn)
    }
}

impl Drop for DrawingTurn {
    /// Forgets the dialog, unless another drawing of it waits.
    fn drop(&mut self) {
        let mut drawings = lock(&self.drawings.0);
        // The map's and ours.
        if Arc::strong_count(&self.drawing) <= 2 {
            drawings.remove(&self.view);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_dialog_is_forgotten_by_the_last_that_draws_it() {
        let drawings = Drawings::default();
        let first = drawings.turn("V1").await.expect("nobody draws it");
        let mut second = Box::pin(drawings.turn("V1"));
        assert!(second.as_mut().now_or_never().is_none(), "it waits for the first");
        drop(first);
        let second = second.await.expect("it is newer");
        assert_eq!(lock(&drawings.0).len(), 1, "it is still drawn");
        drop(second);
        assert!(lock(&drawings.0).is_empty());
    }
}
