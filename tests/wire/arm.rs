//! Puts the plan's faults where they wait for their calls, and takes them away.

use std::time::Duration;

use inactive_contractors::bot::Timeouts;
use inactive_contractors::chat::slack::Timing;
use serde_json::json;

use crate::fake::slack::{C_OPS, Disconnect, U_VIEWER};
use crate::plan::{Armed, Socket};
use crate::support::World;

/// More than any frame that the bot takes.
const OVERSIZED: usize = 5 << 20;
/// Deeper than any payload.
const DEPTH: usize = 20_000;

/// The bot's waits, so that what takes minutes in production takes parts of a second here.
pub fn patience() -> Timeouts {
    let ms = Duration::from_millis;
    Timeouts {
        slack: Timing {
            connect: ms(500),
            call: ms(600),
            upload: ms(1000),
            probe: ms(200),
            probe_pause: ms(200),
            handshake: ms(500),
            hello: ms(500),
            write: ms(500),
            close: ms(200),
            ping: ms(200),
            stale: ms(800),
            retire: ms(400),
            settle: std::time::Duration::from_secs(300),
            backoff_first: ms(20),
            backoff_most: ms(200),
            steady: ms(500),
            slow_handler: ms(2500),
            ack: ms(1500),
            drain: ms(1000),
        },
        connect_pause: ms(20),
        provider_request: ms(600),
        provider_limits: false,
    }
}

pub fn arm(world: &World, armed: &Armed) {
    match armed {
        Armed::Okta { call, fault, times } => world.okta.fail_times(call, *times, fault.clone()),
        Armed::Slack { method, fault } => world.slack.fail_next(method, fault.clone()),
        Armed::StaleIndex => world.okta.freeze_index(),
        Armed::HungHandshake => world.slack.hang_next_handshake(),
        Armed::TooManySockets => world.slack.too_many_sockets(1),
    }
}

/// Nothing goes wrong any more.
pub fn disarm(world: &World) {
    world.okta.clear_faults();
    world.okta.thaw_index();
    world.slack.clear_faults();
}

pub fn trouble(world: &World, what: Socket) {
    let slack = &world.slack;
    match what {
        Socket::Refresh => slack.send_disconnect(Disconnect::RefreshRequested),
        Socket::Warning => slack.send_disconnect(Disconnect::Warning),
        Socket::Close => slack.close_sockets(),
        Socket::Drop => slack.drop_sockets(),
        Socket::Freeze => slack.freeze_sockets(),
        Socket::NoJson => slack.send_raw("\u{feff}{'type': hello"),
        Socket::UnknownType => {
            slack.send_raw("{\"type\": \"weather_report\", \"payload\": {\"rain\": true}}");
        }
        Socket::StrangeEnvelope => slack.send_strange("holograms", &json!({"user": {"id": U_VIEWER}})),
        Socket::Binary => slack.send_bytes(&[0xff; 64]),
        Socket::Deep => slack.send_raw(&"[".repeat(DEPTH)),
        Socket::Oversized => slack.send_raw(&format!("{{\"type\": \"{}\"}}", "x".repeat(OVERSIZED))),
        Socket::Flood(number) => {
            for count in 0..number {
                let slack = slack.clone();
                let line = format!("/inactive-contractors why nobody{count}@ext.example");
                tokio::spawn(async move { slack.slash(U_VIEWER, C_OPS, &line).await });
            }
        }
    }
}
