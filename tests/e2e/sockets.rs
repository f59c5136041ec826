//! The socket breaks in all its ways: a decision counts once, and people see the right thing.

use crate::fake::gate::Moment;
use crate::fake::okta::{Fault, Person};
use crate::fake::slack::{C_OPS, Disconnect, FakeSlack, Message, Sees, U_APPROVER, U_APPROVER2};
use crate::support::{UNSCHEDULED_POLICY, World};

const LOGIN: &str = "ada@ext.example";

async fn world_with_card() -> (World, Message) {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(LOGIN).last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    (world, card)
}

async fn back_after(world: &World, connections: usize) {
    let back = |slack: &FakeSlack| {
        (slack.connections_opened() > connections && slack.fresh_sockets() > 0).then_some(())
    };
    world.slack.wait_for("the next socket", back).await;
}

async fn decided_once(world: &World) {
    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.audited("approved"), world.okta.suspends(LOGIN)), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_or_closes_in_the_middle_of_a_click_acks_on_the_next() {
    for broken in [FakeSlack::drop_sockets, FakeSlack::close_sockets] {
        let (world, card) = world_with_card().await;
        // Slack doesn't say who clicked, until the bot gives up on that: the click is in the middle for that long.
        world.gate.stop_at_label("slack users.info", 1, Moment::Before);
        let breaks = async {
            world.gate.stopped().await;
            broken(&world.slack);
        };
        let (reply, ()) = tokio::join!(world.slack.click(U_APPROVER, &card.ts, "suspend"), breaks);
        assert_eq!(reply.expect("the button is there").sees, Sees::Nothing, "the next socket takes the ack");
        let told =
            |seen: &crate::fake::slack::Ephemeral| seen.visible_text().contains("try again in a moment");
        world.slack.wait_ephemeral(U_APPROVER, "that nothing was changed", told).await;
        assert_eq!(world.audited("approved"), 0);
        world.gate.open();
        let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the card is still open");
        assert_eq!(reply.sees, Sees::Nothing);
        decided_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_lost_socket_the_next_takes_the_click() {
    for broken in [FakeSlack::drop_sockets, FakeSlack::close_sockets] {
        let (world, card) = world_with_card().await;
        let before = world.slack.connections_opened();
        broken(&world.slack);
        back_after(&world, before).await;
        let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        assert_eq!(reply.sees, Sees::Nothing);
        decided_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_into_a_half_open_socket_is_lost_and_a_repeat_counts() {
    let (world, card) = world_with_card().await;
    let before = world.slack.connections_opened();
    world.slack.freeze_sockets();
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert!(matches!(reply.sees, Sees::Trouble(_)), "{reply:?}");
    assert_eq!(world.audited("approved"), 0);
    back_after(&world, before).await;
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing);
    decided_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_while_slack_exchanges_the_socket_counts_once() {
    for why in [Disconnect::Warning, Disconnect::RefreshRequested] {
        let (world, card) = world_with_card().await;
        world.slack.send_disconnect(why);
        let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        assert_eq!(reply.sees, Sees::Nothing, "{why:?}");
        decided_once(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_that_slack_delivers_twice_counts_once() {
    let (world, card) = world_with_card().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let again = world.slack.resend_last_envelope().await;
    assert!(again.acked_after.is_some());
    decided_once(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn acks_are_in_time_while_okta_hangs() {
    let (world, card) = world_with_card().await;
    world.okta.fail_always("/api/v1", Fault::Hang);
    for line in ["sweep", "preview", "why ada@ext.example", "status"] {
        let line = format!("/inactive-contractors {line}");
        let reply = world.slack.slash(U_APPROVER, C_OPS, &line).await.expect("it can be typed");
        assert!(reply.acked_after.is_some(), "{line}: {reply:?}");
    }
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert!(reply.acked_after.is_some(), "{reply:?}");
    assert_eq!((world.audited("approved"), world.okta.suspends(LOGIN)), (1, 0));
    world.kill_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_clicks_in_a_second_one_decides_and_every_other_is_refused() {
    let (world, card) = world_with_card().await;
    let notes = |slack: &FakeSlack| slack.ephemerals(U_APPROVER).len() + slack.ephemerals(U_APPROVER2).len();
    world.slack.wait_for("the answer to the command", |slack| (notes(slack) == 1).then_some(())).await;
    let clicks = (0..1000).map(|number| {
        let (slack, card) = (&world.slack, &card);
        let user = if number % 2 == 0 { U_APPROVER } else { U_APPROVER2 };
        async move { slack.click_stale(user, card, "deny").await.expect("it was there") }
    });
    let replies = futures_util::future::join_all(clicks).await;
    let acked = replies.iter().filter(|reply| reply.acked_after.is_some()).count();
    println!("{acked} of 1000 clicks were acknowledged in time");
    world.message(" denied ").await;
    // Those that came too late for an acknowledgement were taken all the same, and each has its answer.
    let told = |slack: &FakeSlack| (notes(slack) == 1000).then_some(());
    world.slack.wait_long("999 refusals", told).await;
    assert_eq!((world.audited("denied"), world.changes_asked()), (1, Vec::new()));
    assert!(acked > 0);
}
