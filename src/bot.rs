//! The wiring: from a validated configuration to a running bot. The binary and the sandbox both start it here, so
//! what people try is what they install.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::decide::Inbox;
use crate::app::wording::days_off;
use crate::chat::ChatError;
use crate::clock::Clock;
use crate::config::{Config, Credential};
use crate::domain::audit::{Action, Actor, Draft};
use crate::domain::policy::Policy;
use crate::domain::schedule;
use crate::exit::Misconfigured;
use crate::okta::Okta;
use crate::slack::Slack;
use crate::store::{AuditContext, Store};
use crate::{okta, slack};

/// How long the bot waits for the two outside systems. The defaults are for production; tests shorten them instead of
/// sleeping.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Each step of a call to Slack, and of its socket.
    pub slack: slack::Timing,
    /// The pause between two tries to reach Slack at the start. `auth.test` may be called hundreds of times a minute, so
    /// it does not grow. <https://docs.slack.dev/reference/methods/auth.test>
    pub connect_pause: Duration,
    /// One request to Okta, its answer included.
    pub okta_request: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            slack: slack::Timing::default(),
            connect_pause: Duration::from_secs(2),
            okta_request: okta::REQUEST_TIMEOUT,
        }
    }
}

/// How the Okta adapter is configured.
pub fn okta_settings(config: &Config) -> okta::Settings {
    let credential = match &config.okta.credential {
        Credential::ApiToken(token) => okta::Credential::ApiToken(token.clone()),
        Credential::ServiceApp { client_id, private_key_pem, key_id } => okta::Credential::ServiceApp {
            client_id: client_id.clone(),
            private_key_pem: private_key_pem.clone(),
            key_id: key_id.clone(),
            scopes: okta_scopes(&config.policies),
        },
    };
    okta::Settings {
        rate_share: config.okta.rate_share,
        ..okta::Settings::new(config.okta.org_url.clone(), credential)
    }
}

/// The scopes that these policies need; asking for one that was not granted fails the whole token.
pub fn okta_scopes(policies: &[Policy]) -> Vec<String> {
    let needs_logs = policies.iter().any(|policy| policy.rule.second_look);
    let needs_groups = policies.iter().any(|policy| !policy.rule.exempt_groups.is_empty());
    [
        ("okta.users.read", true),
        ("okta.users.manage", true),
        ("okta.roles.read", true),
        ("okta.logs.read", needs_logs),
        ("okta.groups.read", needs_groups),
    ]
    .into_iter()
    .filter(|(_, needed)| *needed)
    .map(|(scope, _)| scope.to_owned())
    .collect()
}

/// How the Slack adapter is configured.
pub fn slack_settings(config: &Config) -> slack::Settings {
    slack::Settings {
        api_url: config.slack.api_url.clone(),
        bot_token: config.slack.bot_token.clone(),
        app_token: config.slack.app_token.clone(),
        command: config.slack.command.clone(),
    }
}

/// The cryptography that TLS uses. Called first, because otherwise it depends on who builds a TLS configuration first.
pub fn install_crypto() {
    // A second call finds one installed, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs the bot until `stop`. Returns early with what can't heal by itself: a bad token, a file that somebody else
/// holds, a database that is gone.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    run_patiently(config, Patience::default(), clock, stop).await
}

/// As [`run`], with other waits for the outside systems.
pub async fn run_patiently(
    config: Config,
    patience: Patience,
    clock: Clock,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    install_crypto();
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for policy in &config.policies {
        if let Some(text) = days_off::list_ends(policy, clock.now()) {
            tracing::warn!(policy = policy.name, "{}", text.to_plain());
        }
    }
    let store = Store::open(&config.database, clock.now())?;
    let result = Box::pin(run_with(&config, patience, clock, stop, store.clone())).await;
    let closed = store.close().await.context("can't close the database");
    // Why it ended comes before what that made of the end.
    result.and(closed)
}

async fn run_with(
    config: &Config,
    patience: Patience,
    clock: Clock,
    stop: CancellationToken,
    store: Store,
) -> anyhow::Result<()> {
    let okta = okta::Settings { request_timeout: patience.okta_request, ..okta_settings(config) };
    let okta = Okta::new(okta, clock.clone()).context(Misconfigured("the Okta credential"))?;
    let Some(slack) = connect(config, patience, &clock, &stop).await? else {
        return Ok(());
    };
    for warning in everybody_approves(&slack, &config.policies).await {
        tracing::warn!("{warning}");
    }
    let forwarded = store.clone();
    let app = Arc::new(App::new(
        store,
        Arc::clone(&slack) as Arc<dyn crate::chat::Chat>,
        Arc::new(okta),
        clock,
        config.policies.clone(),
        config.okta.concurrency as usize,
        slack.connection(),
    ));
    announce(&app).await?;
    // The work goes on while the socket is down; either of the two ending ends the other.
    let both = stop.child_token();
    let _end = both.clone().drop_guard();
    let socket = async {
        let result = slack.run(Arc::new(Inbox(Arc::clone(&app))), both.clone()).await;
        both.cancel();
        result.context("Slack ended the connection for good")
    };
    let work = async {
        let result = Arc::clone(&app).run(both.clone()).await;
        both.cancel();
        result
    };
    // Its own end is no reason to end the work: what it lacks it gets after the next start.
    let forward = async {
        let fed = crate::forward::run(forwarded, config.forward.clone(), both.clone()).await;
        if let Err(error) = fed {
            tracing::error!(
                error = format!("{error:#}"),
                "the audit trail is not forwarded until the next start"
            );
        }
    };
    let (socket, work, ()) = tokio::join!(socket, work, forward);
    socket.and(work)
}

/// The first contact with Slack. A wrong token ends the start; a Slack that is down is waited for. `None`: stopped
/// while waiting.
async fn connect(
    config: &Config,
    patience: Patience,
    clock: &Clock,
    stop: &CancellationToken,
) -> anyhow::Result<Option<Arc<Slack>>> {
    loop {
        let connected = tokio::select! {
            () = stop.cancelled() => return Ok(None),
            connected = Slack::connect_with(slack_settings(config), patience.slack.clone(), clock.clone()) => connected,
        };
        let pause = match connected {
            Ok(slack) => return Ok(Some(Arc::new(slack))),
            Err(ChatError::RateLimited(asked)) => {
                tracing::warn!(asked_s = asked.as_secs(), "Slack asks to wait; trying again then");
                asked.max(patience.connect_pause)
            }
            Err(error @ (ChatError::Unavailable(_) | ChatError::Ambiguous(_))) => {
                tracing::warn!(%error, "Slack can't be reached yet; trying again");
                patience.connect_pause
            }
            Err(
                error @ (ChatError::Denied(_)
                | ChatError::NotFound(_)
                | ChatError::Channel(_)
                | ChatError::Content(_)),
            ) => {
                return Err(error)
                    .context("can't start with Slack; `inactive-contractors check` looks at each right");
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// A warning for each policy that anybody of the workspace can make themselves an approver of.
pub async fn everybody_approves(slack: &Slack, policies: &[Policy]) -> Vec<String> {
    let mut warnings = Vec::new();
    for policy in policies.iter().filter(|one| one.approvers.channel_members || one.admins.channel_members) {
        if slack.anybody_may_join(&policy.channel).await == Some(true) {
            let Policy { name, channel, .. } = policy;
            warnings.push(format!(
                "the members of {channel} decide for policy {name}, and the channel is public: whoever joins it may \
                 approve. Make it private, or name the approvers"
            ));
        }
    }
    warnings
}

/// One line of start-up truth, in the log and in the audit trail.
async fn announce(app: &App) -> anyhow::Result<()> {
    let now = app.clock.now();
    let version = env!("CARGO_PKG_VERSION");
    let policies: Vec<serde_json::Value> = app
        .policies
        .iter()
        .map(|policy| {
            let next = schedule::next_slot(&policy.schedule, now);
            json!({ "policy": policy.name, "rule": policy.rule.fingerprint(), "next_sweep": next })
        })
        .collect();
    tracing::info!(version, policies = %serde_json::Value::from(policies.clone()), "inactive-contractors starts");
    let event = Draft {
        at: now,
        actor: Actor::System,
        action: Action::BotStarted,
        subject: None,
        detail: json!({ "version": version, "policies": policies }),
    };
    app.store.append(AuditContext::default(), event).await?;
    Ok(())
}
