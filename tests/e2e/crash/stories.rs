//! What people do in each story, wherever it stands, and how each must end.

use chrono::Duration;

use crate::dialog;
use crate::fake::okta::{Fault, Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

pub const ADA: &str = "ada@ext.example";
pub const BEN: &str = "ben@ext.example";
/// What only the last message of an approval says.
const ENDING: &str = "in the thread of";
const RIGHT: &str = "lifecycle/suspend";
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
        if self == Story::Blocked {
            world.okta.deny(RIGHT);
        }
        world
    }

    /// How this account ends.
    pub fn status(self, login: &str) -> Status {
        match (self, login) {
            (Story::Deny | Story::Expire, _) | (Story::GivenBack, ADA) | (Story::Some, BEN) => Status::Active,
            (Story::One | Story::Some | Story::Two | Story::GivenBack | Story::Retry | Story::Blocked, _) => {
                Status::Suspended
            }
        }
    }

    /// How often this account was suspended.
    pub fn suspends(self, login: &str) -> usize {
        match (self, login) {
            (Story::Deny | Story::Expire, _) | (Story::Some, BEN) => 0,
            (Story::One | Story::Some | Story::Two | Story::GivenBack | Story::Retry | Story::Blocked, _) => {
                1
            }
        }
    }

    /// How often each of these stands in the audit trail.
    pub fn audited(self) -> Vec<(&'static str, usize)> {
        let is = |stories: &[Story]| usize::from(stories.contains(&self));
        let approved = 1 - is(&[Story::Deny, Story::Expire]);
        vec![
            ("sweep_started", 1),
            ("approved", approved),
            ("completed", approved + is(&[Story::Retry])),
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
            // The digest is that of the words without what is in brackets: the right that is missing, and the fix.
            Story::Blocked => keys.extend([
                "request:1:obstacle:00:516bd63f",
                "request:1:obstacle:00:over",
                "request:1:outcomes:0",
            ]),
        }
        keys.sort_unstable();
        keys
    }

    /// What people do until the story has ended, wherever it stands.
    pub async fn see_through(self, world: &World) {
        if world.audited("sweep_started") == 0 {
            world.ask_for_sweep().await;
        }
        match self {
            Story::One => approve(world, ENDING).await,
            Story::Some => keep_ben(world).await,
            Story::Two => approve_by_two(world).await,
            Story::Deny => press(world, U_APPROVER, "deny", " denied ").await,
            Story::Expire => let_it_expire(world).await,
            Story::GivenBack => {
                approve(world, ENDING).await;
                give_back(world).await;
            }
            Story::Retry => fail_and_retry(world).await,
            Story::Blocked => mend(world).await,
        }
        all_told(world).await;
    }
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

async fn press(world: &World, user: &str, action: &str, ended: &str) {
    if let Some(card) = open_card(world, ended, |_| true).await {
        // The card may have closed under the person's hand: then there is nothing to press, which is as good.
        let _ = world.slack.click(user, &card.ts, action).await;
    }
    world.message(ended).await;
}

async fn approve(world: &World, ended: &str) {
    press(world, U_APPROVER, "suspend", ended).await;
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
    const RETRIED: &str = "Retried for";
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
        let first = world.slack.messages(C_OPS).into_iter().next().expect("the card is the first message");
        poke_any(world, &first).await;
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

/// The right is given once everybody has been told that it is missing.
async fn mend(world: &World) {
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
        let first = world.slack.messages(C_OPS).into_iter().next().expect("the card is the first message");
        poke_any(world, &first).await;
    }
    panic!("never {what}: {}", world.slack.dump());
}

async fn poke_any(world: &World, card: &Message) {
    let open = card.versions.iter().position(|version| format!("{:?}", version.blocks).contains("deny"));
    let seen = open.map(|index| Message { versions: card.versions[..=index].to_vec(), ..card.clone() });
    if let Some(seen) = seen {
        poke(world, &seen).await;
    }
}

/// Until all of the request has been told. An update under which the process died may still come for a minute.
async fn all_told(world: &World) {
    a_minute_each(world, "all told", is_told).await;
}

fn is_told(world: &World) -> bool {
    world.count("SELECT told FROM request WHERE id = ?1", "1") == 1
}
