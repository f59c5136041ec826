//! What people do in each story, wherever it stands, and how each must end.

use std::path::PathBuf;

use chrono::Duration;
use inactive_contractors::store::{Inspection, Store};

use crate::dialog;
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

pub const ADA: &str = "ada@ext.example";
pub const BEN: &str = "ben@ext.example";
/// What only the last message of an approval says.
const ENDING: &str = "in the thread of";
/// What only the last message of the second approval says, where the first one was superseded.
const AGAIN: &str = "2 accounts suspended. Approved by";
const RIGHT: &str = "lifecycle/suspend";
/// The message about the right that is missing. Its digest is that of the words without what is in brackets.
const OBSTACLE: &str = "request:1:obstacle:00:516bd63f";
const SUSPEND: &str = "POST /lifecycle/suspend";

/// What people do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// One person approves.
    One,
    /// One person approves and keeps one account.
    Some,
    /// Two people approve.
    Two,
    /// Somebody denies.
    Deny,
    /// Nobody answers in time.
    Expire,
    /// One person approves, and an account is restored afterwards.
    GivenBack,
    /// One person approves, Okta fails, and a retry succeeds.
    Retry,
    /// One person approves, the right to suspend is missing, and is given.
    Blocked,
    /// A copy is made while what was approved waits for Okta, an admin pauses, and the copy is put back. An admin resumes, and
    /// one person approves.
    PutBack,
    /// A copy in which a request is open is restored by command after the request was denied. An admin resumes, and one
    /// person approves.
    Restored,
}

impl Story {
    pub async fn world(self) -> World {
        let needed = if self == Story::Two { 2 } else { 1 };
        let world =
            World::new(&format!("{UNSCHEDULED_POLICY}clear_sessions = true\napprovals_needed = {needed}\n"))
                .await;
        for (ago, login) in [(42, ADA), (41, BEN)] {
            world.okta.add(Person::contractor(login).last_login_days_ago(ago));
        }
        if self == Story::Retry {
            world.okta.fail_always(SUSPEND, Fault::Html(502));
        }
        match self {
            Story::Blocked => world.okta.deny(RIGHT),
            Story::PutBack => put_a_copy_back(&world).await,
            Story::Restored => restore_a_copy(&world).await,
            Story::One
            | Story::Some
            | Story::Two
            | Story::Deny
            | Story::Expire
            | Story::GivenBack
            | Story::Retry => {}
        }
        world
    }

    /// Whether the database is older than the channel: then the story begins with the start of the process.
    pub fn is_of_an_older_database(self) -> bool {
        matches!(self, Story::PutBack | Story::Restored)
    }

    /// How this account ends.
    pub fn status(self, login: &str) -> Status {
        match (self, login) {
            (Story::Deny | Story::Expire, _) | (Story::GivenBack, ADA) | (Story::Some, BEN) => Status::Active,
            (
                Story::One
                | Story::Some
                | Story::Two
                | Story::GivenBack
                | Story::Retry
                | Story::Blocked
                | Story::PutBack
                | Story::Restored,
                _,
            ) => Status::Suspended,
        }
    }

    /// How often this account was suspended.
    pub fn suspends(self, login: &str) -> usize {
        match (self, login) {
            (Story::Deny | Story::Expire, _) | (Story::Some, BEN) => 0,
            (
                Story::One
                | Story::Some
                | Story::Two
                | Story::GivenBack
                | Story::Retry
                | Story::Blocked
                | Story::PutBack
                | Story::Restored,
                _,
            ) => 1,
        }
    }

    /// How often each of these stands in the audit trail.
    pub fn audited(self) -> Vec<(&'static str, usize)> {
        let is = |stories: &[Story]| usize::from(stories.contains(&self));
        let approved = 1 - is(&[Story::Deny, Story::Expire]);
        let older = usize::from(self.is_of_an_older_database());
        vec![
            ("database_stopped", older),
            ("database_resumed", older),
            ("sweep_started", 1 + older),
            ("approved", approved + is(&[Story::PutBack])),
            ("completed", approved + is(&[Story::Retry, Story::PutBack])),
            ("approved_first", is(&[Story::Two])),
            ("kept", is(&[Story::Some])),
            ("denied", is(&[Story::Deny])),
            ("expired", is(&[Story::Expire])),
            ("restore_asked", is(&[Story::GivenBack])),
            ("restored", is(&[Story::GivenBack])),
            ("retried", is(&[Story::Retry])),
        ]
    }

    /// The marks of the messages in the channel and its threads.
    pub fn messages(self) -> Vec<&'static str> {
        let mut keys = vec!["request:1:card", "request:1:ending"];
        match self {
            Story::Deny | Story::Expire => {}
            Story::One | Story::Some | Story::Two => keys.push("request:1:outcomes:0"),
            Story::GivenBack => keys.extend(["request:1:outcomes:0", "restoration:1"]),
            Story::Retry => keys.extend([
                "request:1:outcomes:0",
                "request:1:retry:1:ending",
                "request:1:retry:1:outcomes:0",
            ]),
            Story::Blocked => keys.extend([OBSTACLE, "request:1:obstacle:00:over", "request:1:outcomes:0"]),
            Story::PutBack => keys.extend([
                OBSTACLE,
                "request:1:outcomes:0",
                "pause:1:began",
                "database:stopped:1:C0OPS",
                "database:resumed:2:C0OPS",
                "request:2:card",
                "request:2:ending",
                "request:2:outcomes:0",
            ]),
            Story::Restored => keys.extend([
                "database:stopped:2:C0OPS",
                "database:resumed:3:C0OPS",
                "request:2:card",
                "request:2:ending",
                "request:2:outcomes:0",
            ]),
        }
        keys.sort_unstable();
        keys
    }

    /// What people do until the story has ended, wherever it stands.
    pub async fn see_through(self, world: &World) {
        world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
        if world.audited("sweep_started") == 0 {
            world.ask_for_sweep().await;
        }
        match self {
            Story::One => approve(world, ENDING).await,
            Story::Some => keep_ben(world).await,
            Story::Two => approve_by_two(world).await,
            Story::Deny => input(world, U_APPROVER, "deny", " denied ").await,
            Story::Expire => let_it_expire(world).await,
            Story::GivenBack => {
                approve(world, ENDING).await;
                give_back(world).await;
            }
            Story::Retry => fail_and_retry(world).await,
            Story::Blocked => fix(world).await,
            Story::PutBack | Story::Restored => {
                resume(world).await;
                approve(world, AGAIN).await;
            }
        }
        all_told(world).await;
    }
}

/// The first life of a database: what was approved can't be done, a copy is made, an admin pauses. Then the copy is put in
/// its place as any file.
async fn put_a_copy_back(world: &World) {
    let fault = Fault::Status(403, "E0000006");
    for login in [ADA, BEN] {
        let suspend = format!("POST {}/lifecycle/suspend", world.okta.person(login).id);
        world.okta.fail_always(&suspend, fault.clone());
    }
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let to_admin = |slack: &FakeSlack| (!slack.direct_messages(U_ADMIN).is_empty()).then_some(());
    world.slack.wait_for("a message to the admin", to_admin).await;
    // What has been said is in the copy.
    world.stop_bot().await;
    world.file_let_go().await;
    let copy = copy(world);
    world.start_bot().await;
    let line = "/inactive-contractors pause wrong people";
    world.slack.slash(U_ADMIN, C_OPS, line).await.expect("the command can be typed");
    world.message("was paused by").await;
    world.stop_bot().await;
    world.file_let_go().await;
    world.okta.clear_faults();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", world.database().display()));
    }
    std::fs::copy(copy, world.database()).expect("the copy can be put back");
}

/// The first life of a database: a request is open, a copy is made, the request is denied. Then the copy is restored.
async fn restore_a_copy(world: &World) {
    world.start_bot().await;
    let card = world.sweep().await;
    let copy = copy(world);
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.stop_bot().await;
    world.file_let_go().await;
    let arguments = ["restore", copy.to_str().expect("text")];
    let ended = BotProcess::spawn(world, &arguments, &[]).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

/// A copy of the database as it is now.
pub fn copy(world: &World) -> PathBuf {
    let copy = world.folder().join("copy.db");
    Store::copy(&world.database(), &copy).expect("the database can be copied");
    copy
}

/// An admin resumes once the channel and they have been notified that the database is stopped.
async fn resume(world: &World) {
    const STOPPED: &str = "I have stopped";
    if world.audited("database_resumed") == 0 {
        world.message(STOPPED).await;
        let to_admin = |slack: &FakeSlack| {
            let said = slack.direct_messages(U_ADMIN);
            said.iter().any(|one| one.visible_text().contains(STOPPED)).then_some(())
        };
        world.slack.wait_for("a message to the admin", to_admin).await;
        let line = "/inactive-contractors resume checked";
        world.slack.slash(U_ADMIN, C_OPS, line).await.expect("the command can be typed");
    }
    world.message("resumed the database").await;
}

/// An open card, unless the channel says these words already.
async fn open_card(world: &World, ended: &str, fits: impl Fn(&Message) -> bool) -> Option<Message> {
    let next = |slack: &FakeSlack| {
        let messages = slack.messages(C_OPS);
        if messages.iter().any(|message| message.visible_text().contains(ended)) {
            return Some(None);
        }
        messages.into_iter().find(|card| is_open_card(card) && fits(card)).map(Some)
    };
    world.slack.wait_for("an open card or the ending", next).await
}

async fn input(world: &World, user: &str, action: &str, ended: &str) {
    if let Some(card) = open_card(world, ended, |_| true).await {
        // The card may have closed under the person's hand: then there is nothing to press, which is as good.
        let _ = world.slack.click(user, &card.ts, action).await;
    }
    world.message(ended).await;
}

async fn approve(world: &World, ended: &str) {
    input(world, U_APPROVER, "suspend", ended).await;
}

async fn approve_by_two(world: &World) {
    let waits = |card: &Message| card.visible_text().contains("A second person must approve too");
    if world.audited("approved_first") == 0
        && let Some(card) = open_card(world, ENDING, |card| !waits(card)).await
    {
        let _ = world.slack.click(U_APPROVER, &card.ts, "suspend").await;
    }
    if let Some(card) = open_card(world, ENDING, waits).await {
        let _ = world.slack.click(U_APPROVER2, &card.ts, "suspend").await;
    }
    world.message(ENDING).await;
}

async fn keep_ben(world: &World) {
    if world.audited("approved") == 0
        && let Some(card) = open_card(world, ENDING, |_| true).await
    {
        // A dialog from before a crash is closed by hand.
        while let Ok(Some(_)) = world.slack.close_view(U_APPROVER).await {}
        if world.slack.click(U_APPROVER, &card.ts, "choose").await.is_ok() {
            dialog::says(world, U_APPROVER, BEN).await;
            dialog::submit_keeping(world, U_APPROVER, &[1], &[]).await;
        }
    }
    world.message(ENDING).await;
}

async fn let_it_expire(world: &World) {
    const ENDED: &str = "nobody answered";
    if let Some(card) = open_card(world, ENDED, |_| true).await {
        world.advance(Duration::hours(9));
        poke(world, &card).await;
    }
    world.message(ENDED).await;
}

/// Anyone who presses a button has the bot look at what is due: a moved clock wakes nobody.
async fn poke(world: &World, card: &Message) {
    let _ = world.slack.click_stale(U_VIEWER, card, "deny").await;
}

async fn give_back(world: &World) {
    const GIVEN_BACK: &str = "has access again";
    if world.audited("restore_asked") == 0 {
        let line = format!("/inactive-contractors restore {ADA} she called");
        world.slack.slash(U_APPROVER, C_OPS, &line).await.expect("the command can be typed");
    }
    world.message(GIVEN_BACK).await;
}

async fn fail_and_retry(world: &World) {
    const FAILED: &str = "NOT suspended because of errors";
    const RETRIED: &str = "Retry approved by";
    if world.audited("approved") == 0
        && let Some(card) = open_card(world, FAILED, |_| true).await
    {
        let _ = world.slack.click(U_APPROVER, &card.ts, "suspend").await;
    }
    while world.audited("retried") == 0 && world.audited("suspension_failed") < 2 {
        world
            .until("a try put off, or the end", |world| {
                let failed = world.audited("suspension_failed");
                failed == 2 || world.accounts_put_off() + failed == 2
            })
            .await;
        world.advance(Duration::seconds(60));
        poke_any(world).await;
    }
    world.message(FAILED).await;
    a_minute_each(world, "all told", |world| world.audited("retried") > 0 || is_told(world)).await;
    if world.audited("retried") == 0 {
        world.okta.clear_faults();
        let card = world.slack.messages(C_OPS).into_iter().find(|card| card.offers("retry"));
        if let Some(card) = card {
            let _ = world.slack.click(U_APPROVER, &card.ts, "retry").await;
        }
    }
    world.message(RETRIED).await;
    let both = |slack: &FakeSlack| {
        let said = |words: &str| {
            slack.messages(C_OPS).iter().filter(|message| message.visible_text().contains(words)).count()
        };
        (said("2 accounts suspended") >= 2).then_some(())
    };
    world.slack.wait_for("the card and the ending of the retry", both).await;
}

/// The right is given once everybody has been notified that it is missing.
async fn fix(world: &World) {
    const OVER: &str = "the problem is fixed";
    if world.audited("approved") == 0
        && let Some(card) = open_card(world, ENDING, |_| true).await
    {
        let _ = world.slack.click(U_APPROVER, &card.ts, "suspend").await;
    }
    let says = |words: &str, messages: Vec<Message>| {
        messages.iter().any(|message| message.visible_text().replace('\n', "").contains(words))
    };
    let in_channel = |words| move |world: &World| says(words, world.slack.messages(C_OPS));
    let all_know = |world: &World| {
        in_channel("have stopped")(world) && says("have stopped", world.slack.direct_messages(U_ADMIN))
    };
    a_minute_each(world, "told", all_know).await;
    world.okta.allow(RIGHT);
    a_minute_each(world, "told that it goes on", in_channel(OVER)).await;
    a_minute_each(world, "ended", in_channel(ENDING)).await;
}

/// Moves the clock a minute at a time, and has the bot look, until this holds.
pub async fn a_minute_each(world: &World, what: &str, holds: impl Fn(&World) -> bool) {
    for _ in 0..30 {
        let soon = std::time::Duration::from_millis(500);
        if tokio::time::timeout(soon, world.until(what, &holds)).await.is_ok() {
            return;
        }
        world.advance(Duration::seconds(61));
        poke_any(world).await;
    }
    panic!("never {what}: {}", world.slack.dump());
}

/// The same, by the latest card as it was while it was open.
async fn poke_any(world: &World) {
    let as_open = |card: Message| {
        let open =
            card.versions.iter().position(|version| format!("{:?}", version.blocks).contains("deny"))?;
        Some(Message { versions: card.versions[..=open].to_vec(), ..card })
    };
    if let Some(seen) = world.slack.messages(C_OPS).into_iter().rev().find_map(as_open) {
        poke(world, &seen).await;
    }
}

/// Until everything about each request is said. An update under which the process died may still come for a minute.
async fn all_told(world: &World) {
    a_minute_each(world, "all told", is_told).await;
}

fn is_told(world: &World) -> bool {
    world.count(Inspection::requests, |request| !request.told) == 0
}
