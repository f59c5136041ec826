//! Notifies systemd that the bot is ready, lives, reloads and stops. Without systemd it notifies nobody.
//! <https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html>

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio_util::sync::CancellationToken;

use super::Watch;

/// How often the line in `systemctl status` is renewed, if the watchdog doesn't want it more often.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Speaks to systemd.
pub struct Supervisor;

impl Supervisor {
    /// The bot does its job, or waits for Slack to be there.
    pub fn ready() {
        tell(&[NotifyState::Ready]);
    }

    /// The configuration is read again; [`Supervisor::ready`] ends that.
    pub fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// Feeds the watchdog, for as long as the process itself works: a restart doesn't fix Slack or Okta. Until `stop`;
    /// that is reported too.
    pub async fn feed(watch: Arc<Watch>, stop: CancellationToken) {
        let watchdog = sd_notify::watchdog_enabled();
        let every = watchdog.map_or(TOLD_EVERY, |within| (within / 3).min(TOLD_EVERY));
        loop {
            let health = watch.status().await.health;
            // A line of the message is a command to systemd.
            let line = if health.healthy { "healthy".to_owned() } else { health.wrong.join("; ") }
                .replace(char::is_control, " ");
            if health.alive && watchdog.is_some() {
                tell(&[NotifyState::Watchdog, NotifyState::Status(&line)]);
            } else {
                tell(&[NotifyState::Status(&line)]);
            }
            tokio::select! {
                () = stop.cancelled() => return tell(&[NotifyState::Stopping]),
                () = tokio::time::sleep(every) => {}
            }
        }
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd can't be notified");
    }
}
