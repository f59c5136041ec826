//! kill -9 of the real binary at random moments, again and again, while people press buttons.
//!
//! `KILLS=200 cargo test --test e2e kills -- --nocapture` kills two hundred times and prints what came of it;
//! without `KILLS` it is a short run. `SEED` repeats the moments, as far as a machine repeats anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::Inspection;

use crate::crash::{a_minute_each, run_by_worlds_clock, spawn_by_worlds_clock};
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, Message, U_APPROVER, U_APPROVER2};
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

/// New contractors per sweep.
const NEW_EACH_SWEEP: usize = 3;
/// The longest that a process lives.
const LIFE_MAX_MS: u64 = 900;

/// What people did, as far as Slack told them that it had arrived.
#[derive(Default)]
struct Tally {
    clicks: usize,
    /// The cards on which a decision was acknowledged.
    acknowledged: BTreeSet<String>,
    contractors: usize,
}

#[expect(clippy::disallowed_methods, reason = "how long a run is, is for the person who starts it to say")]
fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_random_nothing_is_lost_or_done_twice() {
    let kills = number("KILLS").unwrap_or(10);
    let seed = number("SEED").unwrap_or_else(|| fastrand::u64(0..1_000_000));
    println!("SEED={seed} KILLS={kills}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new(&format!(
        "{UNSCHEDULED_POLICY}clear_sessions = true\nmax_candidates = 1000\nsurge_factor = 0.0\n"
    ))
    .await;
    let mut tally = Tally::default();
    for _ in 0..kills {
        let process = spawn_by_worlds_clock(&world);
        let life = Duration::from_millis(random.u64(0..LIFE_MAX_MS));
        // The moment is the point here: nothing waits for it.
        let _ = tokio::time::timeout(life, people(&world, &mut random, &mut tally)).await;
        process.kill(&world).await;
    }
    let process = run_by_worlds_clock(&world).await;
    settle(&world).await;
    process.terminate();
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
    world.nothing_else_is_wrong().await;
    judge(&world, kills, &tally);
}

/// Approvers who press what they see, and ask for a sweep when there is nothing to press; for ever.
async fn people(world: &World, random: &mut fastrand::Rng, tally: &mut Tally) {
    loop {
        world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
        let open = world.slack.messages(C_OPS).into_iter().find(is_open_card);
        let Some(card) = open else {
            for _ in 0..NEW_EACH_SWEEP {
                tally.contractors += 1;
                let login = format!("kim{}@ext.example", tally.contractors);
                world.okta.add(Person::contractor(&login).last_login_days_ago(41));
            }
            world.ask_for_sweep().await;
            let before = world.slack.messages(C_OPS).len();
            // Whether it was heard or not, there is something to do again after the next message.
            world
                .slack
                .wait_for("a message", |slack| (slack.messages(C_OPS).len() > before).then_some(()))
                .await;
            continue;
        };
        let user = if random.bool() { U_APPROVER } else { U_APPROVER2 };
        let action = if random.u8(0..10) < 8 { "suspend" } else { "deny" };
        tally.clicks += 1;
        if let Ok(reply) = world.slack.click(user, &card.ts, action).await
            && reply.acked_after.is_some()
        {
            tally.acknowledged.insert(card.ts.clone());
        }
        let closed = |slack: &crate::fake::slack::FakeSlack| {
            slack.message(&card.ts).filter(|card| !is_open_card(card)).map(drop)
        };
        world.slack.wait_for("the card to close", closed).await;
    }
}

/// Nobody kills it any more: what is open is approved, and everything comes to its end.
async fn settle(world: &World) {
    let open = |slack: &crate::fake::slack::FakeSlack| {
        let messages = slack.messages(C_OPS);
        messages.into_iter().find(|message: &Message| {
            is_open_card(message) || message.visible_text().contains("Suspend ") && message.offers("deny")
        })
    };
    loop {
        let unfinished = |world: &World| {
            world.count(Inspection::requests, |request| !request.told)
                + world.count(Inspection::sweeps, |sweep| sweep.state == "started")
        };
        if let Some(card) = open(&world.slack) {
            let _ = world.slack.click(U_APPROVER, &card.ts, "suspend").await;
            world
                .slack
                .wait_long("the card to close", |slack| {
                    slack.message(&card.ts).filter(|card| !is_open_card(card)).map(drop)
                })
                .await;
            continue;
        }
        let there = |world: &World| unfinished(world) == 0 || open(&world.slack).is_some();
        a_minute_each(world, "all told, or a card", there).await;
        if open(&world.slack).is_none() {
            return;
        }
    }
}

fn judge(world: &World, kills: u64, tally: &Tally) {
    let trail = world.audit();
    let mut approved = BTreeSet::new();
    let mut decided = BTreeSet::new();
    for line in &trail {
        if matches!(line.action.as_str(), "approved" | "denied") {
            decided.insert(line.request);
        }
        if line.action == "approved" {
            approved.insert(line.request);
        }
    }
    let mut requests = BTreeMap::<String, Option<RequestId>>::new();
    let messages = world.inspect().expect("the file is there").messages().expect("it can be read");
    for ts in &tally.acknowledged {
        let key = messages.iter().find(|message| message.ts.as_ref() == Some(ts)).map(|message| &message.key);
        let number = key.and_then(|key| key.strip_prefix("request:")?.split(':').next()?.parse().ok());
        requests.insert(ts.clone(), Some(number.unwrap_or(RequestId(-1))));
    }
    let lost = requests.values().filter(|request| !decided.contains(*request)).count();
    let (mut suspended, mut doubled, mut wrong, mut missing) = (0, 0, 0, 0);
    for number in 1..=tally.contractors {
        let login = format!("kim{number}@ext.example");
        let is_approved = trail.iter().any(|line| {
            line.login.as_deref() == Some(&login)
                && line.action == "proposed"
                && approved.contains(&line.request)
        });
        let is_suspended = world.okta.person(&login).status == Status::Suspended;
        suspended += usize::from(is_suspended);
        doubled += usize::from(world.okta.suspends(&login) > 1);
        wrong += usize::from(is_suspended && !is_approved);
        missing += usize::from(is_approved && !is_suspended);
    }
    println!(
        "kills {kills}, clicks {}, cards with an acknowledged decision {}, requests decided {}, accounts suspended \
         {suspended}; lost {}, doubled {doubled}, wrongly suspended {wrong}",
        tally.clicks,
        requests.len(),
        decided.len(),
        lost + missing
    );
    assert_eq!((lost, missing, doubled, wrong), (0, 0, 0, 0));
}
