//! `cargo bench --bench audit`: how long the first page of an audit question takes among a million events, what an event
//! weighs, and how fast the chain is verified. It prints; it never fails on a number.
//!
//! The events are what the bot writes: sweeps of two policies that propose accounts, decisions of five people, and
//! suspensions, over three years. The hashes are real.

#[path = "../store/fill.rs"]
mod fill;

use std::time::{Duration, Instant};

use chrono::{DateTime, Duration as Span, TimeZone, Utc};
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Person, Subject};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::store::{AuditQuery, Store};
use serde_json::json;

use fill::fill;

const EVENTS: i64 = 1_000_000;
const POLICIES: [&str; 2] = ["contractors", "vendors"];
const PEOPLE: i64 = 5;
const ACCOUNTS: i64 = 20_000;
/// Of one request: a sweep, its proposals, the decision and what came of it.
const PER_REQUEST: i64 = 50;
const TRIES: usize = 7;
/// What `audit` reads for a page, one more than it shows.
const PAGE: u32 = 16;

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bot.db");
    let start = at(0);
    Store::open(&file, start).expect("a new file").close().await.expect("it is whole");
    let began = Instant::now();
    fill(&file, EVENTS, GENESIS, event);
    println!("{EVENTS} events written in {:.0} s", began.elapsed().as_secs_f64());
    let store = Store::open(&file, at(EVENTS)).expect("the file");
    let bytes = std::fs::metadata(&file).expect("the file").len();
    println!("file size per event             {} bytes, with all indexes", bytes / EVENTS.unsigned_abs());
    for (what, query) in questions() {
        let mut took = Vec::new();
        let mut found = 0;
        for _ in 0..TRIES {
            let began = Instant::now();
            found = store.audit(query.clone()).await.expect("it can be asked").len();
            took.push(began.elapsed());
        }
        took.sort();
        let (middle, slowest) = (took[TRIES / 2], took[TRIES - 1]);
        println!("{what:<55} {found:>2} found {:>8.2} ms median {:>8.2} ms slowest", ms(middle), ms(slowest));
    }
    for part in ["person00042@ext.example", "son1999", "no such person"] {
        let began = Instant::now();
        let accounts = store.audited_accounts(part, None).await.expect("it can be asked").len();
        println!("person {part:?} names{:>44} found {:>8.2} ms", accounts, ms(began.elapsed()));
    }
    let began = Instant::now();
    let verified = store.verify().await.expect("it can be read");
    assert_eq!((verified.events, verified.broken_at), (EVENTS, None));
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    let rate = EVENTS as f64 / began.elapsed().as_secs_f64();
    println!("verified                        {rate:.0} events a second");
    store.close().await.expect("it is whole");
}

fn questions() -> Vec<(&'static str, AuditQuery)> {
    let all = AuditQuery::latest(PAGE);
    let seen = || Some(vec![POLICIES[0].into()]);
    let account = |number: i64| vec![AccountId(format!("00u{number:08}"))];
    let (year, day) = (at(EVENTS / 3), at(EVENTS / 3 + 1000));
    vec![
        ("everything", all.clone()),
        ("one policy", AuditQuery { policy: Some(POLICIES[1].into()), ..all.clone() }),
        ("what a viewer of one policy sees", AuditQuery { visible: seen(), ..all.clone() }),
        ("a person's account", AuditQuery { accounts: account(42), ..all.clone() }),
        ("an account of which there is nothing", AuditQuery { accounts: account(99_999_999), ..all.clone() }),
        ("a request", AuditQuery { request: Some(RequestId(777)), ..all.clone() }),
        ("by somebody", AuditQuery { by: Some("U3".into()), ..all.clone() }),
        ("by nobody", AuditQuery { by: Some("U99".into()), ..all.clone() }),
        ("outcome suspended", AuditQuery { actions: vec![Action::Suspended], ..all.clone() }),
        ("an outcome that never was", AuditQuery { actions: vec![Action::WentLive], ..all.clone() }),
        ("since a year ago", AuditQuery { since: Some(year), ..all.clone() }),
        ("until two years ago", AuditQuery { until: Some(year), ..all.clone() }),
        ("on a day two years ago", AuditQuery { since: Some(year), until: Some(day), ..all.clone() }),
        ("in a time without events", AuditQuery { until: Some(at(0)), ..all.clone() }),
        (
            "by somebody, denied, until two years ago",
            AuditQuery {
                by: Some("U3".into()),
                actions: vec![Action::Denied],
                until: Some(year),
                ..all.clone()
            },
        ),
        (
            "by somebody, an outcome that never was, one policy",
            AuditQuery {
                by: Some("U3".into()),
                actions: vec![Action::WentLive],
                policy: Some(POLICIES[0].into()),
                ..all.clone()
            },
        ),
        (
            "by somebody in a policy in which they never did anything",
            AuditQuery { by: Some("U0".into()), policy: Some(POLICIES[1].into()), ..all.clone() },
        ),
        (
            "an account, an outcome that never was",
            AuditQuery { accounts: account(42), actions: vec![Action::WentLive], ..all.clone() },
        ),
        (
            "an outcome on a day two years ago",
            AuditQuery { actions: vec![Action::Denied], since: Some(year), until: Some(day), ..all.clone() },
        ),
        ("a page in the middle", AuditQuery { before_seq: Some(EVENTS / 2), ..all }),
    ]
}

/// A million events in three years.
fn at(seq: i64) -> DateTime<Utc> {
    let start = Utc.with_ymd_and_hms(2023, 11, 23, 9, 0, 0).single().expect("a time");
    start + Span::seconds(seq * 3 * 365 * 86400 / EVENTS)
}

fn event(seq: i64, prev_hash: String) -> AuditEvent {
    let (request, step) = (seq / PER_REQUEST + 1, seq % PER_REQUEST);
    // The first person decides for the first policy only.
    let policy = usize::try_from(request % 2).expect("0 or 1");
    let decider = if policy == 0 { request % PEOPLE } else { 1 + request % (PEOPLE - 1) };
    let person = Actor::Person(Person {
        id: format!("U{decider}"),
        name: format!("Approver {decider}"),
        email: Some(format!("u{decider}@example.com")),
        person_id: None,
    });
    let number = (request * 24 + step % 24) % ACCOUNTS;
    let subject =
        Subject { id: AccountId(format!("00u{number:08}")), login: format!("person{number:05}@ext.example") };
    let (actor, action, subject, detail) = match step {
        0 => (Actor::System, Action::SweepFinished, None, json!({ "population": 900, "candidates": 24 })),
        1 => {
            let action = if request % 10 == 0 { Action::Denied } else { Action::Approved };
            (person, action, None, json!({ "selected": 24, "seconds_to_decide": 5400, "reason": null }))
        }
        2..26 => {
            (Actor::System, Action::Proposed, Some(subject), json!({ "idle_days": 31, "signal": "sign_in" }))
        }
        _ => (
            Actor::System,
            Action::Suspended,
            Some(subject),
            json!({ "confirmation": "by_call", "attempts": 1 }),
        ),
    };
    let mut event = AuditEvent {
        seq,
        at: at(seq),
        actor,
        action: action.word().to_owned(),
        policy: Some(POLICIES[policy].into()),
        sweep: Some(SweepId(request)),
        request: Some(RequestId(request)),
        subject,
        detail,
        prev_hash,
        hash: String::new(),
    };
    event.hash = event.compute_hash();
    event
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
