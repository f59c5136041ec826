//! What callers ask of the writer: calls on their way to the thread that executes them, and their answers.

use tokio::sync::oneshot;

use super::StoreError;
use super::tx::{Committed, Tx};

/// One call of the store on its way to the writer.
pub struct Job(pub(super) Asked);

pub(super) enum Asked {
    /// A look at one state of the database.
    Look(Look),
    /// A change, in a transaction that it may share with others.
    Change(Box<dyn Change>),
    /// A reading of every page: what is wrong with the file, or "ok".
    Check(oneshot::Sender<Result<String, StoreError>>),
    /// Giving room that is free back to the disk.
    Shrink(oneshot::Sender<Result<(), StoreError>>),
    Close(oneshot::Sender<()>),
}

/// A use case that only reads, or the error that keeps it from that.
pub(super) type Look = Box<dyn FnOnce(Result<&dyn Tx, StoreError>) + Send>;

/// A change on its way into the file: made within a transaction, answered after its commit.
pub(super) trait Change: Send {
    /// Makes it. An error is its own: its part is taken back, and that of others stays, unless the engine ends the whole
    /// transaction for it, as `SQLite` does on a full disk.
    fn make(&mut self, tx: &dyn Tx) -> Result<(), StoreError>;
    /// Tells the caller, when the transaction has ended.
    fn answer(self: Box<Self>, committed: Committed);
}

/// A change by a use case, and who waits for it.
pub(super) struct Asking<F, T> {
    f: Option<F>,
    made: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Asking<F, T> {
    pub(super) fn new(f: F, caller: oneshot::Sender<Result<T, StoreError>>) -> Self {
        Asking { f: Some(f), made: None, caller }
    }
}

impl<F, T> Change for Asking<F, T>
where
    F: FnOnce(&dyn Tx) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn make(&mut self, tx: &dyn Tx) -> Result<(), StoreError> {
        let f = self.f.take().expect("a change is made once");
        let made = f(tx);
        let how = made.as_ref().map(drop).map_err(Clone::clone);
        self.made = Some(made);
        how
    }

    fn answer(self: Box<Self>, committed: Committed) {
        let answer = match (self.made, committed) {
            // The cause that stopped this one says more than the result of all.
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(_)) | None, Committed::No(error) | Committed::Unknown(error)) => Err(error),
            (Some(Ok(value)), Committed::Yes) => Ok(value),
            (None, Committed::Yes) => Err(StoreError::Closed),
        };
        // A caller that has gone away doesn't want the answer; the change is made all the same.
        let _ = self.caller.send(answer);
    }
}
