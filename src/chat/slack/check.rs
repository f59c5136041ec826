//! Looks at everything that the adapter needs of Slack before it is needed, and says how to fix what is missing.

use crate::chat::ChatError;

use super::{Slack, socket};

/// A right of the bot token, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Slack's name for it.
    pub name: &'static str,
    /// What the bot does with it.
    pub purpose: &'static str,
}

/// The least scopes of the bot token. <https://docs.slack.dev/reference/scopes>
pub const REQUIRED_SCOPES: &[Scope] = &[
    Scope { name: "commands", purpose: "the slash command" },
    Scope { name: "chat:write", purpose: "posting and updating its messages" },
    Scope { name: "users:read", purpose: "distinguishing approvers from guests, bots and outsiders" },
    Scope { name: "users:read.email", purpose: "keeping people from approving their own account" },
    Scope { name: "channels:read", purpose: "seeing whether it is in a public channel, and who else is" },
    Scope { name: "groups:read", purpose: "seeing whether it is in a private channel, and who else is" },
    Scope { name: "channels:history", purpose: "finding its own message again in a public channel" },
    Scope { name: "groups:history", purpose: "finding its own message again in a private channel" },
    Scope {
        name: "im:write",
        purpose: "direct messages: requested files, and questions to contractors and managers",
    },
    Scope {
        name: "im:history",
        purpose: "finding its own direct message again, so that nobody is asked twice",
    },
    Scope { name: "files:write", purpose: "exports, evidence and pictures as files" },
    Scope { name: "usergroups:read", purpose: "knowing who is in a user group of approvers" },
];

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub what: String,
    /// What was found, or what is wrong and how to fix it.
    pub result: Result<String, String>,
}

impl Slack {
    /// Looks at the bot token, the scopes and the channels. Changes nothing.
    pub async fn probe(&self, channels: &[String]) -> Vec<Probe> {
        let me = &self.api.me;
        let mut probes = vec![Probe {
            what: "Slack bot token".to_owned(),
            result: Ok(format!("works in the workspace {}", me.team)),
        }];
        probes.extend(self.scopes().await);
        for channel in channels {
            probes.push(self.channel(channel).await);
        }
        probes
    }

    /// Whether anybody of the workspace can join the channel without being asked in. `None`: that can't be determined.
    pub async fn anybody_may_join(&self, channel: &str) -> Option<bool> {
        self.api.channel(channel).await.ok()?.is_private.map(|is_private| !is_private)
    }

    /// Looks at the app-level token, without opening a socket.
    pub async fn probe_token(&self) -> Probe {
        app_level(self.may_connect().await)
    }

    /// Opens a socket up to Slack's hello, by the same way as [`Slack::run`], and closes it: what came of that, and how many
    /// connections to the app Slack counted, this one included, if it said so. For when no bot of ours runs: see
    /// [`Slack::try_socket`].
    pub async fn probe_socket(&self) -> (Vec<Probe>, Option<u64>) {
        let tried = socket::try_once(&self.socket()).await;
        let socket = |result| Probe { what: "Slack socket".to_owned(), result };
        match tried.opened {
            Ok(counted) => {
                (vec![app_level(Ok(())), socket(Ok("opened, and Slack said hello".to_owned()))], counted)
            }
            Err(error) if tried.was_offered => {
                (vec![app_level(Ok(())), socket(Err(error.to_string()))], None)
            }
            Err(error) => (vec![app_level(Err(error))], None),
        }
    }

    async fn scopes(&self) -> Vec<Probe> {
        let granted = match self.api.scopes().await {
            Ok(granted) => granted,
            Err(error) => {
                return vec![Probe { what: "Slack scopes".to_owned(), result: Err(error.to_string()) }];
            }
        };
        let probe = |scope: &Scope| Probe {
            what: format!("Slack scope {}", scope.name),
            result: if granted.iter().any(|name| name == scope.name) {
                Ok(scope.purpose.to_owned())
            } else {
                Err(format!(
                    "missing, needed for {}; add it under \"OAuth & Permissions\" and reinstall the app",
                    scope.purpose
                ))
            },
        };
        REQUIRED_SCOPES.iter().map(probe).collect()
    }

    async fn channel(&self, channel: &str) -> Probe {
        let result = match self.api.channel(channel).await {
            Ok(info) if info.is_archived => Err("is archived; unarchive it or configure another".to_owned()),
            Ok(info) if info.is_member => Ok(format!("the bot is in #{}", info.name)),
            Ok(info) => Err(format!("the bot is not in #{}; invite it there with /invite", info.name)),
            Err(error) => Err(error.to_string()),
        };
        Probe { what: format!("Slack channel {channel}"), result }
    }
}

/// Returns whether the app-level token may open a socket.
fn app_level(result: Result<(), ChatError>) -> Probe {
    let result = match result {
        Ok(()) => Ok("may open a socket".to_owned()),
        Err(error) => {
            Err(format!("{error}; the app-level token needs connections:write and Socket Mode must be on"))
        }
    };
    Probe { what: "Slack app-level token".to_owned(), result }
}
