//! Stateful fakes of Okta and Slack over real HTTP and a real WebSocket. They import nothing of the bot's own
//! code, so that they can't share its mistakes. Tests and the sandbox use the same fakes.

#![allow(dead_code, unused_imports, reason = "each test target uses a part of the fakes")]

pub mod clock;
pub mod gate;
pub mod okta;
pub mod proxy;
pub mod slack;
