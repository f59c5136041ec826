//! Whether Slack can be reached, without asking for a socket.
//!
//! Sockets are asked for once a minute and a little more, so the wait between two tries has to grow. A look costs Slack
//! next to nothing: one call of `api.test` and one TCP connection to where the last socket led.
//! <https://docs.slack.dev/apis/web-api/rate-limits>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use url::Url;

use super::Socket;
use crate::slack::api::Api;

/// Looks for Slack.
pub(super) struct Reach {
    api: Arc<Api>,
    probe: Duration,
    pause: Duration,
    /// Host and port of the last socket that Slack offered.
    socket: Mutex<Option<(String, u16)>>,
}

impl Reach {
    pub(super) fn new(socket: &Socket) -> Reach {
        Reach {
            api: Arc::clone(&socket.api),
            probe: socket.timing.probe,
            pause: socket.timing.probe_pause,
            socket: Mutex::default(),
        }
    }

    /// Remembers where a socket leads. The rest of its address is a secret and is not kept.
    pub(super) fn leads_to(&self, url: &Url) {
        let place = url.host_str().zip(url.port_or_known_default());
        let place = place.map(|(host, port)| (host.trim_matches(['[', ']']).to_owned(), port));
        *self.socket.lock().unwrap_or_else(PoisonError::into_inner) = place;
    }

    /// Looks from `first` on, and returns once Slack can be reached after a look that found that it could not. Where
    /// Slack can be reached all the time and refuses, this never returns.
    pub(super) async fn comes_back(&self, first: Duration) {
        sleep(first).await;
        let mut lost = false;
        loop {
            match (self.is_there().await, lost) {
                (true, true) => return,
                (true, false) => {}
                (false, _) => lost = true,
            }
            // Many bots that lost Slack at once must not look at once.
            sleep(self.pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
        }
    }

    async fn is_there(&self) -> bool {
        let place = self.socket.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let socket = async {
            match place {
                Some(place) => matches!(timeout(self.probe, TcpStream::connect(place)).await, Ok(Ok(_))),
                None => true,
            }
        };
        let (api, socket) = tokio::join!(self.api.client.http_api.connector.answers(), socket);
        api && socket
    }
}
