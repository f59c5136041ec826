//! What each command of the binary does.

pub mod archive;
pub mod audit;
pub mod backup;
pub mod check;
pub mod config;
pub mod dry_run;
pub mod init;
pub mod restore;
pub mod status;
pub mod terminal;
