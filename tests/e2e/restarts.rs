//! The bot ends in each phase of a request, as asked or all at once, and the next one goes on where it stood.

use chrono::Duration;

use crate::fake::okta::{self, Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Fault, Sees, U_APPROVER};
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

const LOGINS: [&str; 2] = ["ada@ext.example", "ben@ext.example"];

/// How the bot ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Stopped,
    Killed,
}

const ENDS: [End; 2] = [End::Stopped, End::Killed];

async fn world_with_bot() -> World {
    let world = World::new(UNSCHEDULED_POLICY).await;
    for login in LOGINS {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world.start_bot().await;
    world
}

async fn restart(world: &World, end: End) {
    match end {
        End::Stopped => world.stop_bot().await,
        End::Killed => world.kill_bot().await,
    }
    world.slack.wait_connected(0).await;
    world.slack.clear_faults();
    world.okta.clear_faults();
    world.start_bot().await;
}

async fn approve(world: &World) {
    let open = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().find(is_open_card);
    let card = world.slack.wait_for("an open card", open).await;
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing);
}

async fn ended_once(world: &World, end: End) {
    world.message("2 accounts suspended. Approved by").await;
    for login in LOGINS {
        let person = world.okta.person(login);
        assert_eq!((person.status, world.okta.suspends(login)), (Status::Suspended, 1), "{end:?} {login}");
    }
    assert_eq!(world.audited("approved"), 1);
    world.nothing_else_is_wrong().await;
    let messages = world.slack.messages(C_OPS);
    let endings = messages.iter().filter(|one| one.visible_text().contains("2 accounts suspended. Approved"));
    assert_eq!(endings.count(), 1, "{end:?}\n{}", world.slack.dump());
    assert!(messages.iter().all(|message| message.buttons().is_empty()), "{end:?}\n{}", world.slack.dump());
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_card() {
    for end in ENDS {
        let world = world_with_bot().await;
        world.slack.fail_always("chat.postMessage", Fault::DropBefore);
        world.ask_for_sweep().await;
        world.put_off("request:1:card").await;
        restart(&world, end).await;
        world.advance(Duration::seconds(70));
        approve(&world).await;
        ended_once(&world, end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_card_is_open() {
    for end in ENDS {
        let world = world_with_bot().await;
        world.sweep().await;
        restart(&world, end).await;
        approve(&world).await;
        ended_once(&world, end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn right_after_the_click() {
    for end in ENDS {
        let world = world_with_bot().await;
        world.sweep().await;
        approve(&world).await;
        restart(&world, end).await;
        ended_once(&world, end).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_middle_of_suspending() {
    for end in ENDS {
        for fault in [okta::Fault::Html(503), okta::Fault::LostResponse] {
            let world = world_with_bot().await;
            world.sweep().await;
            // The calls fail, and so does reading what they did.
            world.okta.fail_always("lifecycle/suspend", fault);
            approve(&world).await;
            world.audited_times("suspension_intended", 2).await;
            restart(&world, end).await;
            world.advance(Duration::minutes(2));
            ended_once(&world, end).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_ending() {
    for end in ENDS {
        let world = world_with_bot().await;
        world.sweep().await;
        world.slack.fail_always("chat.postMessage", Fault::Status(503));
        approve(&world).await;
        world.put_off("request:1:outcomes:0").await;
        restart(&world, end).await;
        world.advance(Duration::seconds(70));
        ended_once(&world, end).await;
    }
}
