//! Slack can't be reached, is slow, or turns connections away: the bot is back as soon as Slack is, and asks for no more
//! sockets than it has to.

use std::time::{Duration, Instant};

use inactive_contractors::chat::slack::Timing;
use inactive_contractors::chat::{Ack, Connection};
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::wire::{Answer, Greeting, Outage, SOON, Wire};
use super::{BRIEF, Running, click, timing};

/// What is promised of a Slack that can be reached again: at worst a look has just begun without success, and after a
/// pause the next one finds it. The tests below show that the sight of it ends every wait.
#[test]
fn a_slack_that_is_back_is_seen_within_five_seconds() {
    let timing = Timing::default();
    assert!(timing.probe + timing.probe_pause <= Duration::from_secs(5), "{timing:?}");
}

/// A bot whose back-off has grown beyond every patience: only the sight of Slack ends a wait.
async fn patient() -> Running {
    let wire = Wire::start().await;
    // With full jitter any wait may be short; of this one hardly any is.
    let days = Duration::from_secs(10 * 24 * 3600);
    Running::bounded(wire, Timing { backoff_first: days, backoff_most: days, ..timing() }).await
}

#[tokio::test]
async fn after_a_long_outage_the_bot_is_back_at_once() {
    for outage in [Outage::Reset, Outage::Silent, Outage::Unavailable] {
        let mut bot = patient().await;
        let peer = bot.works().await;
        bot.wire.goes_down(outage);
        peer.reset();
        bot.is(Connection::Connecting).await;
        // A call of `api.test` and a try to connect each, beside the first try for a socket.
        bot.wire.rejected_before(5).await;
        let opens = bot.wire.count("apps.connections.open");
        bot.wire.comes_up();
        bot.works_again("2").await;
        assert_eq!(bot.wire.count("apps.connections.open"), opens + 1, "{outage:?}");
    }
}

#[tokio::test]
async fn a_call_for_a_socket_that_an_outage_swallowed_is_not_waited_for() {
    let wire = Wire::start().await;
    // A call that were waited for would outlast the test.
    let timing = Timing { call: SOON * 10, probe: Duration::from_millis(200), ..timing() };
    let mut bot = Running::bounded(wire, timing).await;
    let peer = bot.works().await;
    bot.wire.goes_down(Outage::Silent);
    peer.reset();
    bot.wire.rejected_before(4).await;
    bot.wire.comes_up();
    bot.works_again("2").await;
}

#[tokio::test]
async fn where_slack_is_there_and_refuses_no_socket_is_asked_for_before_its_time() {
    let refused = Answer::Json(json!({ "ok": false, "error": "internal_error" }));
    for refusal in [refused, Answer::Status(500, vec![])] {
        let mut bot = patient().await;
        let peer = bot.works().await;
        bot.wire.answer("apps.connections.open", refusal);
        peer.reset();
        for _ in 0..20 {
            bot.wire.call("api.test").await;
        }
        // The good one and the refused one.
        assert_eq!(bot.wire.count("apps.connections.open"), 2);
    }
}

#[tokio::test]
async fn the_time_that_slack_asks_for_is_waited_whatever_is_seen_meanwhile() {
    let mut bot = Running::start().await;
    let peer = bot.works().await;
    bot.wire.answer("apps.connections.open", Answer::Status(429, vec![("retry-after", "2")]));
    peer.reset();
    for _ in 0..2 {
        bot.wire.call("apps.connections.open").await;
    }
    let refused = Instant::now();
    // Nobody looks before: Slack has said when.
    bot.wire.goes_down(Outage::Reset);
    bot.wire.rejected_before(1).await;
    assert!(refused.elapsed() >= Duration::from_millis(1900), "{:?}", refused.elapsed());
    bot.wire.comes_up();
    bot.works_again("2").await;
}

#[tokio::test]
async fn a_slow_slack_is_waited_for() {
    let wire = Wire::start().await;
    let slow = Duration::from_millis(2500);
    wire.slow(slow);
    let mut bot = Running::bounded(wire, Timing::default()).await;
    bot.works().await;
    assert_eq!(bot.wire.count("apps.connections.open"), 1, "it is not asked for a second one meanwhile");
}

#[tokio::test]
async fn a_connection_that_is_one_too_many_costs_no_other() {
    let timing = Timing { retire: BRIEF, ..timing() };
    let mut bot = Running::bounded(Wire::start().await, timing.clone()).await;
    let mut good = bot.works().await;
    good.send(&json!({ "type": "disconnect", "reason": "refresh_requested" }));
    // Longer in all than an old one is kept beside a new one.
    let begun = Instant::now();
    let mut rejected_before = Vec::new();
    while begun.elapsed() < timing.retire * 2 {
        let peer = bot.wire.peer().await;
        peer.send(&json!({ "type": "disconnect", "reason": "too_many_websockets" }));
        // Not closed by the far end: each stays as long as the bot keeps it.
        rejected_before.push(peer);
    }
    good.send(&click("kept", "2"));
    bot.input().await.answer.send(Ack::Done).unwrap();
    assert_eq!(good.ack().await["envelope_id"], "kept");
    bot.works_again("3").await;
    good.said_goodbye().await;
}

#[tokio::test]
async fn a_frame_larger_than_any_costs_the_connection_and_is_counted() {
    let mut bot = Running::start().await;
    let peer = bot.works().await;
    peer.raw(Message::text("x".repeat(4 * 1024 * 1024 + 1)));
    bot.works_again("2").await;
    assert_eq!(bot.slack.traffic().unreadable, 1);
    bot.is(Connection::Connected).await;
}

#[tokio::test]
async fn sockets_that_were_refused_while_the_api_answered_are_back_at_once() {
    let mut bot = patient().await;
    let peer = bot.works().await;
    bot.wire.refuse_sockets(true);
    peer.reset();
    // The refused one, and looks that find nothing: no socket is asked for on their account.
    let refused = async {
        while bot.wire.handshakes().0 < 5 {
            bot.wire.call("api.test").await;
        }
    };
    timeout(SOON, refused).await.expect("looks in time");
    assert_eq!((bot.wire.count("apps.connections.open"), bot.wire.handshakes().1), (2, 2));
    bot.wire.refuse_sockets(false);
    // Without a look that notices, the next try comes in days.
    bot.works_again("2").await;
    assert_eq!((bot.wire.count("apps.connections.open"), bot.wire.handshakes().1), (3, 3));
}

#[tokio::test]
async fn a_refusal_that_was_over_at_the_first_look_costs_no_wait() {
    let mut bot = patient().await;
    let peer = bot.works().await;
    for _ in 0..3 {
        bot.wire.greet(Greeting::Refused);
    }
    peer.reset();
    bot.works_again("2").await;
    assert_eq!(bot.wire.handshakes().1, 5, "one good, three refused, one good");
}
