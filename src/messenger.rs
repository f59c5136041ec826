//! The chat system that a configuration names. The wiring treats all of them alike; what they are beside their port, such
//! as a connection that is kept, is decided here only.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::chat::slack::{self, Probe, Slack, Timing, Traffic};
use crate::chat::{Chat, ChatError, Connection, Handler};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::policy::Policy;

/// A chat system that the bot is let into. Clones share the connection.
#[derive(Clone, Debug)]
pub enum Messenger {
    /// Slack, by Socket Mode.
    Slack(Slack),
}

impl Messenger {
    /// Returns what the configured system is called.
    pub fn name(_: &Config) -> &'static str {
        slack::NAME
    }

    /// Returns whether both configurations let the bot in by the same secrets.
    pub fn same_secrets(one: &Config, other: &Config) -> bool {
        let secrets = |config: &Config| {
            [&config.slack.bot_token, &config.slack.app_token].map(|token| token.expose_secret().to_owned())
        };
        secrets(one) == secrets(other)
    }

    /// Returns whether both configurations make the same connection in every respect.
    pub fn same_connection(one: &Config, other: &Config) -> bool {
        slack_settings(one).same_as(&slack_settings(other))
    }

    /// Checks the settings, and learns who and where we are. Opens no lasting connection yet.
    pub async fn connect(config: &Config, timing: Timing, clock: Clock) -> Result<Messenger, ChatError> {
        Slack::connect_with(slack_settings(config), timing, clock).await.map(Messenger::Slack)
    }

    /// Returns the port to it.
    pub fn chat(&self) -> Arc<dyn Chat> {
        match self {
            Messenger::Slack(slack) => Arc::new(slack.clone()),
        }
    }

    /// Gives what arrives to `handler`, until `shutdown`.
    ///
    /// # Errors
    /// [`ChatError::Denied`] if it refuses a secret for good: that doesn't heal. Everything else is tried again.
    pub async fn run(&self, handler: Arc<dyn Handler>, shutdown: CancellationToken) -> Result<(), ChatError> {
        match self {
            Messenger::Slack(slack) => slack.run(handler, shutdown).await,
        }
    }

    /// Returns the state of the connection.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        match self {
            Messenger::Slack(slack) => slack.connection(),
        }
    }

    /// Returns what went to and fro since the start.
    pub fn traffic(&self) -> Traffic {
        match self {
            Messenger::Slack(slack) => slack.traffic(),
        }
    }

    /// Asks whether inputs may be received, without opening a connection for them.
    pub async fn may_receive(&self) -> Result<(), ChatError> {
        match self {
            Messenger::Slack(slack) => slack.may_connect().await,
        }
    }

    /// Opens a connection for inputs and closes it. An input that arrives at that moment may be lost, so this is for when no
    /// bot of ours runs with these secrets.
    pub async fn try_receiving(&self) -> Result<(), ChatError> {
        match self {
            Messenger::Slack(slack) => slack.try_socket().await.map(drop),
        }
    }

    /// Looks at the rights and the channels. Changes nothing.
    pub async fn probe(&self, channels: &[String]) -> Vec<Probe> {
        match self {
            Messenger::Slack(slack) => slack.probe(channels).await,
        }
    }

    /// Looks at what receives inputs, without opening a connection for them.
    pub async fn probe_receiving(&self) -> Probe {
        match self {
            Messenger::Slack(slack) => slack.probe_token().await,
        }
    }

    /// Opens a connection for inputs and closes it: what came of that, and how many connections the system counted, this one
    /// included, if it said so. As [`Messenger::try_receiving`], it is for when no bot of ours runs.
    pub async fn probe_connection(&self) -> (Vec<Probe>, Option<u64>) {
        match self {
            Messenger::Slack(slack) => slack.probe_socket().await,
        }
    }

    /// Returns a warning for each policy that anybody can make themselves an approver of.
    pub async fn everybody_approves(&self, policies: &[Policy]) -> Vec<String> {
        let Messenger::Slack(slack) = self;
        let mut warnings = Vec::new();
        for policy in
            policies.iter().filter(|one| one.approvers.channel_members || one.admins.channel_members)
        {
            if slack.anybody_may_join(&policy.channel).await == Some(true) {
                let Policy { name, channel, .. } = policy;
                warnings.push(format!(
                    "the members of {channel} decide for policy {name}, and the channel is public, so anyone who joins it may approve. Make it private, or name the approvers"
                ));
            }
        }
        warnings
    }
}

fn slack_settings(config: &Config) -> slack::Settings {
    slack::Settings {
        api_url: config.slack.api_url.clone(),
        bot_token: config.slack.bot_token.clone(),
        app_token: config.slack.app_token.clone(),
        command: config.slack.command.clone(),
        network: config.network.clone(),
    }
}
