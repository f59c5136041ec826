//! Random faults on the wire: the real bot over real HTTP and a real WebSocket, while both ends misbehave.
//!
//! A seed gives a plan ([`plan`]): who is in the org, and a few rounds of what people do, what goes wrong on which call
//! and on the socket, when the process dies and how far the clock moves. The plan is played ([`play`]) against the fakes;
//! what follows from it is real I/O, so a replay does the same things and meets the same faults, and only the machine's
//! own moments differ. After each round nothing goes wrong any more and everything has to settle; then all that was done
//! is judged (`judge.rs`, `tests/support/judge.rs`) by what Okta's log, Slack's envelopes and messages, and the rows and the trail on the disk say,
//! without the code that did it.
//!
//! `tests/simulation` plays the same game behind the two ports, thousands of times faster; what an HTTP answer or a frame
//! can do to the adapters is the business of this one.
//!
//! ```text
//! cargo test --test wire                              a few seeds
//! RUNS=300 cargo test --test wire -- --nocapture      more, with their figures
//! SEED=7 cargo test --test wire -- --nocapture        one, with all that happened
//! ```

extern crate fake;
extern crate support;

mod arm;
mod authorization;
mod deeds;
mod figures;
mod hands;
mod judge;
mod plan;
mod play;
mod secrets;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use figures::Figures;
use play::Told;
use support::judge::Kind;

/// Seeds of a run that nobody asked more of.
const RUNS: u64 = 12;
/// Worlds that are played side by side: most of their time is waiting.
const AT_ONCE: usize = 8;
/// Failing seeds that are printed in full.
const TOLD_MAX: usize = 2;

#[expect(clippy::disallowed_methods, reason = "how tests are run is no setting of the bot")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays the seeds. What came of each.
async fn play_all(seeds: std::ops::Range<u64>) -> BTreeMap<u64, Told> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut plays = JoinSet::new();
    for seed in seeds {
        let places = Arc::clone(&places);
        plays.spawn(async move {
            let _place = places.acquire_owned().await.expect("nobody closes it");
            (seed, play::play(seed).await)
        });
    }
    let mut told = BTreeMap::new();
    while let Some(one) = plays.join_next().await {
        let (seed, one) = one.expect("a play catches its own panics");
        told.insert(seed, one);
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_the_wire_does_nothing_is_lost_or_doubled_and_nobody_is_wrongly_suspended() {
    secrets::watch();
    let seeds = match asked("SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + asked("RUNS").unwrap_or(RUNS),
    };
    let told = play_all(seeds).await;
    let mut figures = Figures::default();
    for one in told.values() {
        figures.add(&one.figures);
    }
    let wrong = |kind: Kind| {
        let all = told.values().flat_map(|one| &one.wrong);
        all.filter(|(of, _)| *of == kind).count()
    };
    let failed: Vec<(&u64, &Told)> = told.iter().filter(|(_, one)| !one.wrong.is_empty()).collect();
    println!(
        "runs: {}; {figures}; lost: {}; doubled: {}; wrongly suspended: {}; otherwise wrong: {}; seeds that went wrong: {}",
        told.len(),
        wrong(Kind::Lost),
        wrong(Kind::Doubled),
        wrong(Kind::WronglySuspended),
        wrong(Kind::Other),
        failed.len()
    );
    let alone = told.len() == 1;
    for (seed, one) in told.iter().filter(|(_, one)| alone || !one.wrong.is_empty()).take(TOLD_MAX) {
        println!("\n{}\n\nSEED={seed} cargo test --test wire -- --nocapture", one.trace.join("\n"));
    }
    let wrong: Vec<String> = failed
        .iter()
        .flat_map(|(seed, one)| one.wrong.iter().map(move |(_, why)| format!("{seed}: {why}")))
        .collect();
    assert!(failed.is_empty(), "{} of {} seeds went wrong: {wrong:#?}", failed.len(), told.len());
    assert_eq!(secrets::found(), Vec::<String>::new());
}

#[test]
fn a_seed_gives_one_plan() {
    let plans: Vec<String> = (1..50).map(|seed| format!("{:?}", plan::Plan::of(seed))).collect();
    let again: Vec<String> = (1..50).map(|seed| format!("{:?}", plan::Plan::of(seed))).collect();
    assert_eq!(plans, again);
    assert!(plans.windows(2).all(|two| two[0] != two[1]), "another seed, another plan");
}
