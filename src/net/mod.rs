//! Leads out of this machine, the same way for every adapter: which proxy leads where, whose certificates count, why a
//! connection could not be made, how answers are read, how long to wait between tries, and the keys that sign tokens.
//!
//! What it promises:
//! - This machine is never behind a proxy, whatever the environment says.
//! - A proxy's user name and password reach the proxy and nothing else: no error, no log line, no `Debug`.
//! - Calls of the Web APIs and Slack's socket go the same way, and trust the same certificates.

mod backoff;
mod body;
mod cause;
mod headers;
mod keys;
mod loopback;
mod network;
mod proxy;
mod tls;

pub use backoff::{doubled, spread};
pub use body::{BodyError, read_body};
pub use cause::{Cause, why};
pub use headers::{date, retry_after, secret_header};
pub use keys::{Assertion, DpopKey};
pub use loopback::{is_loopback, is_safe, is_safe_socket, is_this_machine};
pub use network::{Connection, Network};
pub use proxy::Proxies;
pub use tls::NetworkError;

#[cfg(test)]
mod tests;
