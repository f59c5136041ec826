//! inactive-contractors: finds inactive contractor accounts, asks people in chat, and suspends what they approve.

pub mod chat;
pub mod clock;
pub mod config;
pub mod domain;
pub mod identity;
