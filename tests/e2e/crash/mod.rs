//! The crash matrix: the binary is killed before and after each call that it makes to the outside, each acknowledgement
//! and each commit, started again, and people go on as people would. However it ends, each account is suspended once and
//! everything is said once.
//!
//! The places are learned from an undisturbed run, so a new kind of call is covered the day it is made.
//! `CRASH_EVERYWHERE=1` stops at every single one; otherwise those that come often are stopped at here and there.

mod places;
mod restoring;
mod shim;
mod stories;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use inactive_contractors::store::Notice;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::fake::slack::{C_OPS, Message, U_ADMIN};
use crate::process::BotProcess;
use crate::support::World;
use places::{Moment, Place, places};
pub use shim::next_commit_fails;
pub use stories::a_minute_each;
use stories::{ADA, BEN, Story};

/// Worlds at the same time: each waits for its process and its disk more than it computes.
const WORLDS_AT_ONCE: usize = 4;

/// Starts the binary with the shim, and waits until it is connected and has asked what it last said in the channel.
async fn run(world: &World, die: Option<(usize, Moment)>) -> BotProcess {
    let (before, looks) = (world.slack.connections_opened(), world.looks_into_channels());
    let process = spawn(world, die);
    process.connected(world, before).await;
    world.looks_into_channel(looks).await;
    process
}

fn spawn(world: &World, die: Option<(usize, Moment)>) -> BotProcess {
    let variables = shim::environment(world, die);
    let changes: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    BotProcess::spawn(world, &["run"], &changes)
}

/// Starts the binary by the world's clock, and doesn't wait.
pub fn spawn_by_worlds_clock(world: &World) -> BotProcess {
    spawn(world, None)
}

/// Starts the binary by the world's clock, so that a story can't meet midnight.
pub async fn run_by_worlds_clock(world: &World) -> BotProcess {
    run(world, None).await
}

/// Starts the binary for a story: from here on, calls are counted or stopped at, as `gate` says.
async fn begin(world: &World, story: Story, gate: impl Fn()) -> BotProcess {
    if story.is_of_an_older_database() {
        gate();
        return spawn(world, None);
    }
    let process = run(world, None).await;
    gate();
    process
}

/// The calls of an undisturbed story and its commits.
async fn effects_of(story: Story) -> (Vec<String>, usize) {
    let world = story.world().await;
    let process = begin(&world, story, || world.gate.count()).await;
    story.see_through(&world).await;
    let commits = shim::commits(&world);
    all_is_well(&world, process, story).await;
    (world.gate.calls(), commits)
}

/// Tells the story until the place, and kills the process there; false if it ends without coming there.
async fn die_at(world: &World, place: &Place, story: Story) -> bool {
    match place {
        Place::Call { label, number, moment } => {
            let stop_there = || world.gate.stop_at_label(label, *number, *moment);
            let process = begin(world, story, stop_there).await;
            let reached = reach(world, label, *number, story).await;
            process.kill(world).await;
            reached
        }
        Place::Commit { number, moment } => {
            // It may die before Slack has heard of it.
            let mut process = spawn(world, Some((*number, *moment)));
            let died = tokio::select! {
                () = process.gone() => true,
                () = story.see_through(world) => false,
            };
            process.kill(world).await;
            died
        }
    }
}

/// Tells the story until the call that the gate stops; false if it ends without making it.
async fn reach(world: &World, label: &str, number: usize, story: Story) -> bool {
    tokio::select! {
        () = world.gate.stopped() => return true,
        () = story.see_through(world) => {}
    }
    // The ending itself may be the place: people see it a moment before its response is held.
    let calls = world.gate.calls().into_iter().filter(|call| *call == label).count();
    if calls >= number {
        world.gate.stopped().await;
    }
    calls >= number
}

/// One story with a crash. Returns whether the place was reached.
async fn crash_at(place: Place, story: Story) -> bool {
    let world = story.world().await;
    let reached = die_at(&world, &place, story).await;
    world.gate.open();
    let process = run(&world, None).await;
    story.see_through(&world).await;
    all_is_well(&world, process, story).await;
    reached
}

/// The end of each story. Ending the process as a supervisor does lets the last rows be written.
async fn all_is_well(world: &World, process: BotProcess, story: Story) {
    process.terminate();
    let ended = process.ended().await;
    assert_eq!(ended.tells_no_secrets(world).code, Some(0), "{}", ended.stderr);
    world.nothing_else_is_wrong().await;
    approvals_bear_it_out(world);
    for login in [ADA, BEN] {
        let suspends = story.suspends(login);
        assert_eq!(world.okta.person(login).status, story.status(login), "{login}");
        assert_eq!(world.okta.suspends(login), suspends, "{login}");
        let count = |word: &str| world.audit_of(login).into_iter().filter(|action| action == word).count();
        let counts = (count("suspended"), count("sessions_cleared"));
        assert_eq!(counts, (suspends, suspends), "{login}: {:?}", world.audit_of(login));
        assert_eq!(!world.okta.sessions_cleared(login).is_empty(), suspends == 1, "{login}");
    }
    for (action, times) in story.audited() {
        assert_eq!(world.audited(action), times, "{action}: {:#?}", world.audit());
    }
    everything_is_said_once(world, story);
    nothing_is_due(world).await;
}

/// Each suspension has an approval before it, in the same epoch of the database.
fn approvals_bear_it_out(world: &World) {
    let audit = world.audit();
    for intent in audit.iter().filter(|line| line.action == "suspension_intended") {
        let before = audit.iter().rev().filter(|line| line.seq < intent.seq);
        let mut in_epoch = before.take_while(|line| !line.action.starts_with("database_"));
        let is_approval = |action: &str| action == "approved" || action == "retried";
        let found = in_epoch.any(|line| line.request == intent.request && is_approval(&line.action));
        assert!(found, "{intent:?} by {audit:#?}");
    }
}

fn everything_is_said_once(world: &World, story: Story) {
    let mut keys: Vec<String> = Vec::new();
    for message in world.slack.messages(C_OPS) {
        let live: Vec<_> = message.buttons().into_iter().filter(|button| *button != "ask_again").collect();
        assert!(live.is_empty(), "live buttons:\n{}", world.slack.dump());
        keys.extend(key(&message));
        keys.extend(world.slack.replies(C_OPS, &message.ts).iter().filter_map(key));
    }
    keys.sort();
    assert_eq!(keys, story.messages(), "{}", world.slack.dump());
    let to_admin = match story {
        Story::Blocked | Story::Restored => 1,
        // The right that is missing, and the stop.
        Story::PutBack => 2,
        Story::One
        | Story::Some
        | Story::Two
        | Story::Deny
        | Story::Expire
        | Story::GivenBack
        | Story::Retry => 0,
    };
    assert_eq!(world.slack.direct_messages(U_ADMIN).len(), to_admin, "{}", world.slack.dump());
}

/// The mark by which the bot finds its message again.
fn key(message: &Message) -> Option<String> {
    let metadata = message.versions.iter().find_map(|version| version.metadata.as_ref())?;
    metadata.pointer("/event_payload/key")?.as_str().map(str::to_owned)
}

async fn nothing_is_due(world: &World) {
    let store = world.open_again().await;
    let requests = store.live_requests().await.expect("the requests can be read");
    assert!(requests.is_empty(), "still to be driven: {requests:#?}");
    assert!(store.unfinished_sweeps().await.expect("the sweeps can be read").is_empty());
    let unsaid = store.unsaid().await.expect("the messages can be read");
    assert!(unsaid.iter().all(|notice| matches!(notice, Notice::Pause(_))), "{unsaid:?}");
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

/// Crashes at each place of a story, and prints how many there were.
async fn crash_everywhere(story: Story) {
    let (calls, commits) = effects_of(story).await;
    assert!(calls.iter().any(|label| label == "slack ack"), "{calls:?}");
    let all = places(&calls, commits);
    let crashes = Arc::new(AtomicUsize::new(0));
    let tell = |place| {
        let crashes = Arc::clone(&crashes);
        async move {
            let reached = crash_at(place, story).await;
            crashes.fetch_add(usize::from(reached), Ordering::Relaxed);
            reached
        }
    };
    let (failed, missed) = tell_all(all.clone(), tell).await;
    println!(
        "crash points: {story:?}: {} outside calls and {commits} commits; {} crashes, {} went wrong",
        calls.len(),
        crashes.load(Ordering::Relaxed),
        failed.len()
    );
    assert!(failed.is_empty(), "a crash at these went wrong: {failed:#?}");
    // The first call of each kind is always made.
    assert!(missed.iter().all(|place| !place.is_always_reached()), "these were never reached: {missed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_effect_loses_and_doubles_nothing() {
    crash_everywhere(Story::One).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_some_are_kept() {
    crash_everywhere(Story::Some).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_two_people_approve() {
    crash_everywhere(Story::Two).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_somebody_denies() {
    crash_everywhere(Story::Deny).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_nobody_answers() {
    crash_everywhere(Story::Expire).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_an_account_is_restored() {
    crash_everywhere(Story::GivenBack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_failures_are_tried_again() {
    crash_everywhere(Story::Retry).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_a_right_is_missing() {
    crash_everywhere(Story::Blocked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_a_copy_that_was_put_back_is_noticed_and_resumed() {
    crash_everywhere(Story::PutBack).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_while_a_restored_copy_is_resumed() {
    crash_everywhere(Story::Restored).await;
}

/// A crash after a call took effect, and another while the next process finds out about it.
async fn crash_twice(place: Place, finding_out: &'static str, moment: Moment) -> bool {
    let story = Story::One;
    let world = story.world().await;
    if !die_at(&world, &place, story).await {
        return false;
    }
    world.gate.stop_at_label(finding_out, 1, moment);
    let process = spawn(&world, None);
    world.gate.stopped().await;
    process.kill(&world).await;
    world.gate.open();
    let process = run(&world, None).await;
    story.see_through(&world).await;
    all_is_well(&world, process, story).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_while_recovering_from_a_crash_loses_and_doubles_nothing() {
    let post = "slack chat.postMessage";
    let after = |label: &str, number| Place::Call { label: label.to_owned(), number, moment: Moment::After };
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
