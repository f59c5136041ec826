//! The crash matrix: the binary is killed before and after each call that it makes to the outside, started again, and
//! people go on as people would. However it ends, each account is suspended once and everything is said once.
//!
//! The calls are learned from an undisturbed run, so a new kind of call is covered the day it is made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use inactive_contractors::store::Store;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fake::gate::Moment;
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack, Message, U_APPROVER, U_APPROVER2};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

const LOGINS: [&str; 2] = ["ada@ext.example", "ben@ext.example"];
/// What only the last message of the story says.
const ENDING: &str = "in the thread of";
/// What only the message about an account that was given back says.
const GIVEN_BACK: &str = "has access again";
/// Worlds at the same time: each waits for its process and its disk more than it computes.
const WORLDS_AT_ONCE: usize = 4;
/// Of calls that a story makes often, so many are stopped at, evenly spread.
const PER_LABEL_MAX: usize = 8;

/// What people do in a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Story {
    /// One person approves.
    One,
    /// Two people have to.
    Two,
    /// One person approves, and an account is given back afterwards.
    GivenBack,
}

/// A place in the story: the `number`-th call with this label.
#[derive(Clone, Debug)]
struct Place {
    label: String,
    number: usize,
    moment: Moment,
}

async fn world_of(story: Story) -> World {
    let needed = if story == Story::Two { 2 } else { 1 };
    let world =
        World::new(&format!("{UNSCHEDULED_POLICY}clear_sessions = true\napprovals_needed = {needed}\n"))
            .await;
    for login in LOGINS {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world
}

/// What people do until the story has ended, wherever it stands.
async fn people_see_it_through(world: &World, story: Story) {
    if world.audited("sweep_started") == 0 {
        world.ask_for_sweep().await;
    }
    for approver in [U_APPROVER, U_APPROVER2] {
        let next = |slack: &FakeSlack| {
            let messages = slack.messages(C_OPS);
            let ended = messages.iter().any(|message| message.visible_text().contains(ENDING));
            let is_first = |card: &Message| card.visible_text().contains("Waits for a second person");
            let mut open = messages.into_iter().filter(is_open_card);
            if ended {
                Some(None)
            } else {
                open.find(|card| is_first(card) == (approver == U_APPROVER2)).map(Some)
            }
        };
        if approver == U_APPROVER2 && story != Story::Two {
            break;
        }
        if approver == U_APPROVER && story == Story::Two && world.audited("approved_first") > 0 {
            continue;
        }
        if let Some(card) = world.slack.wait_for("an open card or the ending", next).await {
            // The card may have closed under the person's hand: then there is nothing to press, which is as good.
            let _ = world.slack.click(approver, &card.ts, "suspend").await;
        }
    }
    world.message(ENDING).await;
    if story == Story::GivenBack {
        if world.audited("restore_asked") == 0 {
            let line = format!("/inactive-contractors restore {} she called", LOGINS[0]);
            world.slack.slash(U_APPROVER, C_OPS, &line).await.expect("the command can be typed");
        }
        world.message(GIVEN_BACK).await;
        // The card says so too.
        world
            .until("the card", |world| world.count("SELECT told FROM request WHERE id = ?1", "1") == 1)
            .await;
    }
}

/// The calls of an undisturbed story, from the slash command on.
async fn calls_of(story: Story) -> Vec<String> {
    let world = world_of(story).await;
    let process = BotProcess::run(&world).await;
    world.gate.count();
    people_see_it_through(&world, story).await;
    all_is_well(&world, process, story).await;
    world.gate.calls()
}

/// The places to stop at: each label, before and after, at its first and last call and some between.
fn places(calls: &[String]) -> Vec<Place> {
    let mut counts = BTreeMap::<&String, usize>::new();
    for label in calls {
        *counts.entry(label).or_default() += 1;
    }
    let mut places = Vec::new();
    for (label, count) in counts {
        let wanted = count.min(PER_LABEL_MAX);
        let numbers: BTreeSet<usize> =
            (0..wanted).map(|index| 1 + index * (count - 1) / (wanted - 1).max(1)).collect();
        for number in numbers {
            for moment in [Moment::Before, Moment::After] {
                places.push(Place { label: label.clone(), number, moment });
            }
        }
    }
    places
}

/// Tells the story until the place; false if it ends without coming there.
async fn reach(world: &World, place: &Place, story: Story) -> bool {
    world.gate.stop_at_label(&place.label, place.number, place.moment);
    tokio::select! {
        () = world.gate.stopped() => return true,
        () = people_see_it_through(world, story) => {}
    }
    // The ending itself may be the place: people see it a moment before its response is held.
    let calls = world.gate.calls().into_iter().filter(|label| *label == place.label).count();
    if calls >= place.number {
        world.gate.stopped().await;
    }
    calls >= place.number
}

/// One story with a crash. Returns whether the place was reached: calls side by side vary a little in number.
async fn crash_at(place: Place, story: Story) -> bool {
    let world = world_of(story).await;
    let process = BotProcess::run(&world).await;
    let reached = reach(&world, &place, story).await;
    process.kill(&world).await;
    world.gate.open();
    let process = BotProcess::run(&world).await;
    people_see_it_through(&world, story).await;
    all_is_well(&world, process, story).await;
    reached
}

/// The end of each story. Ending the process as a supervisor does lets the last rows be written.
async fn all_is_well(world: &World, process: BotProcess, story: Story) {
    process.terminate();
    let ended = process.ended().await;
    assert_eq!(ended.tells_no_secrets(world).code, Some(0), "{}", ended.stderr);
    world.nothing_else_is_wrong().await;
    for login in LOGINS {
        let given_back = story == Story::GivenBack && login == LOGINS[0];
        let status = if given_back { Status::Active } else { Status::Suspended };
        assert_eq!(world.okta.person(login).status, status, "{login}");
        assert_eq!(world.okta.suspends(login), 1, "{login}");
        let suspended = world.audit_of(login).into_iter().filter(|action| action == "suspended").count();
        assert_eq!(suspended, 1, "{login}: {:?}", world.audit_of(login));
        assert!(!world.okta.sessions_cleared(login).is_empty(), "{login}: {:?}", world.audit_of(login));
        let cleared = world.audit_of(login).into_iter().filter(|action| action == "sessions_cleared").count();
        assert_eq!(cleared, 1, "{login}: {:?}", world.audit_of(login));
    }
    for action in ["sweep_started", "approved", "completed"] {
        assert_eq!(world.audited(action), 1, "{action}: {:#?}", world.audit());
    }
    let others =
        [("approved_first", Story::Two), ("restore_asked", Story::GivenBack), ("restored", Story::GivenBack)];
    for (action, of) in others {
        assert_eq!(world.audited(action), usize::from(story == of), "{action}: {:#?}", world.audit());
    }
    everything_is_said_once(world, story);
    nothing_is_due(world).await;
}

fn everything_is_said_once(world: &World, story: Story) {
    let mut keys: Vec<String> = Vec::new();
    for message in world.slack.messages(C_OPS) {
        assert!(message.buttons().is_empty(), "live buttons:\n{}", world.slack.dump());
        keys.extend(key(&message));
        keys.extend(world.slack.replies(C_OPS, &message.ts).iter().filter_map(key));
    }
    keys.sort();
    let mut wanted = vec!["request:1:card", "request:1:ending", "request:1:outcomes:0"];
    if story == Story::GivenBack {
        wanted.push("restoration:1");
    }
    assert_eq!(keys, wanted, "{}", world.slack.dump());
}

/// The mark by which the bot finds its message again.
fn key(message: &Message) -> Option<String> {
    let metadata = message.versions.iter().find_map(|version| version.metadata.as_ref())?;
    metadata.pointer("/event_payload/key")?.as_str().map(str::to_owned)
}

async fn nothing_is_due(world: &World) {
    world.file_let_go().await;
    let store = Store::open(&world.database(), world.clock.now()).expect("the file is free");
    let requests = store.live_requests().await.expect("the requests can be read");
    assert!(requests.is_empty(), "still to be driven: {requests:#?}");
    assert!(store.unfinished_sweeps().await.expect("the sweeps can be read").is_empty());
    assert!(store.untold_sweeps().await.expect("the sweeps can be read").is_empty());
    store.close().await.expect("the file can be closed");
}

/// Runs stories side by side, and returns those that went wrong and those that never reached their place.
async fn tell_all<T, F>(places: Vec<T>, story: impl Fn(T) -> F) -> (Vec<T>, Vec<T>)
where
    T: Clone + Send + 'static,
    F: Future<Output = bool> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(WORLDS_AT_ONCE));
    let mut stories = JoinSet::new();
    for place in places {
        let (room, story) = (Arc::clone(&room), story(place.clone()));
        stories.spawn(async move {
            let _permit = room.acquire().await.expect("the semaphore is never closed");
            (place, tokio::spawn(story).await)
        });
    }
    let (mut failed, mut missed) = (Vec::new(), Vec::new());
    while let Some(story) = stories.join_next().await {
        match story.expect("the stories' panics are caught") {
            (_, Ok(true)) => {}
            (place, Ok(false)) => missed.push(place),
            (place, Err(_)) => failed.push(place),
        }
    }
    (failed, missed)
}

/// Crashes at each place of a story.
async fn crash_everywhere(story: Story) {
    let calls = calls_of(story).await;
    assert!(calls.iter().any(|label| label.contains("suspend")), "{calls:?}");
    let (failed, missed) = tell_all(places(&calls), |place| crash_at(place, story)).await;
    assert!(failed.is_empty(), "of {} outside calls, a crash at these went wrong: {failed:#?}", calls.len());
    // The first call of each kind is always made.
    assert!(missed.iter().all(|place| place.number > 1), "these were never reached: {missed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_outside_call_loses_and_doubles_nothing() {
    crash_everywhere(Story::One).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_two_people_approve() {
    crash_everywhere(Story::Two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_an_account_is_given_back() {
    crash_everywhere(Story::GivenBack).await;
}

/// A crash after a call took effect, and another while the next process finds out about it.
async fn crash_twice(place: Place, finding_out: &'static str, moment: Moment) -> bool {
    let story = Story::One;
    let world = world_of(story).await;
    let process = BotProcess::run(&world).await;
    if !reach(&world, &place, story).await {
        return false;
    }
    process.kill(&world).await;
    world.gate.stop_at_label(finding_out, 1, moment);
    let process = BotProcess::spawn(&world, &["run"], &[]);
    world.gate.stopped().await;
    process.kill(&world).await;
    world.gate.open();
    let process = BotProcess::run(&world).await;
    people_see_it_through(&world, story).await;
    all_is_well(&world, process, story).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_recovering_from_a_crash_loses_and_doubles_nothing() {
    let post = "slack chat.postMessage";
    let after = |label: &str, number| Place { label: label.to_owned(), number, moment: Moment::After };
    let ways = [
        (after(post, 1), "slack conversations.history"),
        (after(post, 2), "slack conversations.replies"),
        (after(post, 3), "slack conversations.history"),
        (after("okta POST /api/v1/users/{id}/lifecycle/suspend", 1), "okta GET /api/v1/users/{id}"),
    ];
    let both = |(place, label): (Place, &'static str)| {
        [(place.clone(), label, Moment::Before), (place, label, Moment::After)]
    };
    let twice = ways.into_iter().flat_map(both).collect();
    let story = |(place, label, moment)| crash_twice(place, label, moment);
    let (failed, missed) = tell_all(twice, story).await;
    assert!(failed.is_empty() && missed.is_empty(), "went wrong: {failed:#?}; never reached: {missed:#?}");
}
