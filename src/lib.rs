//! inactive-contractors: finds inactive contractor accounts, asks people in chat, and suspends what they approve.

pub mod app;
pub mod chat;
pub mod clock;
pub mod domain;
pub mod identity;
pub mod okta;
pub mod slack;
pub mod store;
