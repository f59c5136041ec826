//! Whether Slack can be reached, without asking for a socket.
//!
//! Sockets are asked for once a minute and a little more, so the wait between two tries has to grow. A look costs Slack
//! next to nothing: one call of `api.test`, and one handshake without a ticket where the last socket led. Slack answers
//! that with an error of ours as soon as it answers at all (408 for a ticket that is of no use,
//! <https://github.com/slackapi/node-slack-sdk/issues/1472>), and with one of its own while it takes no sockets.
//! <https://docs.slack.dev/apis/web-api/rate-limits>

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use url::Url;

use crate::chat::slack::api::Api;
use crate::net;

use super::handshake::{WsError, handshake};
use super::watched::Socket;

/// Looks for Slack.
pub(super) struct Reach {
    api: Arc<Api>,
    probe: Duration,
    pause: Duration,
    /// Where the last socket led that Slack offered.
    socket: Mutex<Option<Url>>,
    /// A socket was refused where it leads, and nobody has looked since.
    refused: AtomicBool,
}

impl Reach {
    pub(super) fn new(socket: &Socket) -> Reach {
        Reach {
            api: Arc::clone(&socket.api),
            probe: socket.timing.probe,
            pause: socket.timing.probe_pause,
            socket: Mutex::default(),
            refused: AtomicBool::default(),
        }
    }

    /// Remembers where a socket leads. Its ticket is a secret and is not kept.
    pub(super) fn leads_to(&self, url: &Url) {
        let mut place = url.clone();
        place.set_query(None);
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Returns where the last socket led that Slack offered, without its ticket.
    pub(super) fn place(&self) -> Option<Url> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Remembers that Slack offered a socket and then refused it.
    pub(super) fn refused(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    /// Looks from `first` on, and returns once Slack can be reached after it could not. Where Slack can be reached all the
    /// time and refuses, this never returns.
    pub(super) async fn comes_back(&self, first: Duration) {
        sleep(first).await;
        // A socket that was just refused has been the first look.
        let mut lost = self.refused.swap(false, Ordering::Relaxed);
        loop {
            match (self.is_there().await, lost) {
                (true, true) => return,
                (true, false) => {}
                (false, _) => lost = true,
            }
            // Many bots that lost Slack at once must not look at once.
            sleep(net::spread(self.pause, 0.5)).await;
        }
    }

    async fn is_there(&self) -> bool {
        let place = self.place();
        let socket = async {
            match place {
                Some(place) => match timeout(self.probe, handshake(&self.api.network, &place)).await {
                    Ok(Ok(_)) => true,
                    Ok(Err(WsError::Http(answer))) => !answer.status().is_server_error(),
                    Ok(Err(_)) | Err(_) => false,
                },
                None => true,
            }
        };
        let (api, socket) = tokio::join!(self.api.client.http_api.connector.answers(), socket);
        api && socket
    }
}
