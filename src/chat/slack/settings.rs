//! The settings of the adapter, and its timeouts.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::net::{Network, is_safe};

/// The public address of Slack's Web API.
const API_URL: &str = "https://slack.com/api";

/// Where Slack is and who we are. Its Debug hides the tokens.
#[derive(Clone)]
pub struct Settings {
    /// The Web API's base address, if it isn't Slack's own: https, or http on loopback only.
    pub api_url: Option<Url>,
    /// The bot token (`xoxb-…`): everything but opening the socket.
    pub bot_token: SecretString,
    /// The app-level token (`xapp-…`) with `connections:write`: opens the socket and nothing else.
    pub app_token: SecretString,
    /// The slash command with its slash, such as `/inactive-contractors`. Others are left unanswered.
    pub command: String,
    /// The way there, for the Web API and the socket.
    pub network: Network,
}

impl Settings {
    /// Says in one sentence what is wrong with these settings, before anything is sent anywhere.
    pub fn check(&self) -> Result<(), String> {
        token_kind(&self.bot_token, "bot token", "xoxb-", "OAuth & Permissions")?;
        token_kind(&self.app_token, "app-level token", "xapp-", "Basic Information, App-Level Tokens")?;
        if !self.command.starts_with('/') {
            return Err("the slash command must start with a slash".to_owned());
        }
        match &self.api_url {
            Some(url) if !is_safe(url) => {
                Err("the Slack API address must be https, or http on this machine (127.0.0.1)".to_owned())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Returns whether these are the same connection in every respect.
    pub fn same_as(&self, other: &Settings) -> bool {
        // The network is the process environment's, which no reload changes.
        let Settings { api_url, bot_token, app_token, command, network: _ } = self;
        *api_url == other.api_url
            && bot_token.expose_secret() == other.bot_token.expose_secret()
            && app_token.expose_secret() == other.app_token.expose_secret()
            && *command == other.command
    }

    /// The base address without a slash at the end.
    pub(super) fn base_url(&self) -> String {
        let url = self.api_url.as_ref().map_or(API_URL, Url::as_str);
        url.trim_end_matches('/').to_owned()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("api_url", &self.api_url.as_ref().map(Url::as_str))
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

fn token_kind(token: &SecretString, name: &str, prefix: &str, page: &str) -> Result<(), String> {
    if token.expose_secret().starts_with(prefix) {
        return Ok(());
    }
    Err(format!("the Slack {name} must start with {prefix}: copy it from the app's page \"{page}\""))
}

/// How long each step may take. The defaults are for production; tests shorten them instead of sleeping.
#[derive(Clone, Debug)]
pub struct Timing {
    /// TCP and TLS of a Web API call.
    pub connect: Duration,
    /// A whole Web API call. Slack answers in well under a second; its own bound is 10 s or more for a few methods.
    pub call: Duration,
    /// Sending the bytes of a file: the largest one over a slow line.
    pub upload: Duration,
    /// One look at whether Slack can be reached at all.
    pub probe: Duration,
    /// The longest pause between two such looks while there is no connection.
    pub probe_pause: Duration,
    /// TCP, TLS and upgrade of the websocket.
    pub handshake: Duration,
    /// From the upgrade to Slack's `hello`.
    pub hello: Duration,
    /// One write to the websocket.
    pub write: Duration,
    /// From our close frame to the end of the connection. Slack doesn't close TCP by itself after the handshake.
    pub close: Duration,
    /// Between two pings of ours.
    pub ping: Duration,
    /// A connection on which nothing at all arrived for this long is given up.
    pub stale: Duration,
    /// How long an old connection is read after Slack asked for a new one, if Slack doesn't close it.
    pub retire: Duration,
    /// How long Slack may go on counting a connection that is gone, and others have to be counted before anybody is warned.
    pub settle: Duration,
    /// The first wait of the back-off; it doubles with each failure.
    pub backoff_first: Duration,
    /// The longest wait of the back-off.
    pub backoff_most: Duration,
    /// A connection that lived this long clears the back-off: its end is answered by a new one at once.
    pub steady: Duration,
    /// A handler that takes longer than this is logged: Slack gives up at 3 s.
    pub slow_handler: Duration,
    /// How long an acknowledgement waits for a live connection if its own is gone.
    pub ack: Duration,
    /// How long handlers in flight may go on after shutdown began.
    pub drain: Duration,
}

impl Default for Timing {
    fn default() -> Timing {
        Timing {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(15),
            upload: Duration::from_secs(120),
            probe: Duration::from_secs(3),
            probe_pause: Duration::from_millis(1500),
            handshake: Duration::from_secs(8),
            hello: Duration::from_secs(8),
            write: Duration::from_secs(5),
            close: Duration::from_secs(2),
            ping: Duration::from_secs(5),
            stale: Duration::from_secs(15),
            retire: Duration::from_secs(30),
            settle: Duration::from_secs(5 * 60),
            backoff_first: Duration::from_millis(500),
            backoff_most: Duration::from_secs(30),
            steady: Duration::from_secs(10),
            slow_handler: Duration::from_millis(2500),
            ack: Duration::from_secs(3),
            drain: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long an open, a handshake and a hello take where nothing is wrong.
    const CONNECTING: Duration = Duration::from_millis(500);

    #[test]
    fn the_defaults_keep_what_is_promised_of_the_socket() {
        let timing = Timing::default();
        // Slack comes back just after a look began, which is lost; the pause; the next look finds it.
        assert!(timing.probe + timing.probe_pause + CONNECTING <= Duration::from_secs(5));
        // A connection without an answer has lived long enough to be followed by another at once.
        assert!(timing.steady <= timing.stale);
        assert!(timing.stale + CONNECTING <= Duration::from_secs(20));
        // Two pings may be lost, and one write may hang, without a good connection being given up.
        assert!(timing.ping * 3 <= timing.stale && timing.write < timing.stale);
        // A connection that hangs in each step is given up within the minute.
        assert!(
            timing.call + timing.handshake + timing.hello + timing.backoff_most <= Duration::from_secs(61)
        );
    }
}
