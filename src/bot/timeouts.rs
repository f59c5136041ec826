//! How long the bot waits for the outside systems.

use std::time::Duration;

use crate::chat::slack;
use crate::identity::okta;

/// How long the bot waits for the outside systems. The defaults are for production; tests shorten them instead of
/// sleeping.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Each step of a call to Slack, and of its socket.
    pub slack: slack::Timing,
    /// The pause between two tries to reach Slack at the start. `auth.test` may be called hundreds of times a minute, so
    /// it does not grow. <https://docs.slack.dev/reference/methods/auth.test>
    pub connect_pause: Duration,
    /// One request to an identity provider, its answer included.
    pub provider_request: Duration,
    /// Whether the limits of a provider that doesn't say what is left of them are kept by waiting.
    pub provider_limits: bool,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            slack: slack::Timing::default(),
            connect_pause: Duration::from_secs(2),
            provider_request: okta::REQUEST_TIMEOUT,
            provider_limits: true,
        }
    }
}
