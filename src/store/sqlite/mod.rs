//! `SQLite`: one file, opened, locked, migrated, copied and written by one thread. The only folder that names its crate.

mod copy;
mod error;
mod file;
mod lock;
mod migrate;
mod open;
mod restore;
mod schema;
mod transaction;
mod writer;

pub(super) use copy::open_to_inspect;
pub use error::OpenError;
pub use restore::Restoring;
pub use writer::Writer;
