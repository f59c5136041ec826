//! inactive-contractors: finds inactive contractor accounts, asks people in chat, and suspends what they approve.

pub mod app;
pub mod bot;
pub mod chat;
pub mod check;
pub mod clock;
pub mod config;
pub mod domain;
pub mod dry_run;
pub mod identity;
pub mod okta;
pub mod slack;
pub mod store;
