//! The audit trail as it is asked about: each filter alone and with others, and only what may be seen.

use chrono::Duration;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, Draft, Subject};
use inactive_contractors::domain::digest::Tally;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{ACCOUNTS_MAX, AuditContext, AuditQuery, Store};
use serde_json::json;

use crate::harness::{Bench, POLICY, approved, asked, at, events, id, person};

const OTHER: &str = "vendors";

async fn add(store: &Store, policy: Option<&str>, actor: Actor, action: Action, name: &str, minute: i64) {
    let subject =
        (!name.is_empty()).then(|| Subject { id: id(name), login: format!("{name}@contractor.example") });
    let context = AuditContext { policy: policy.map(Into::into), ..AuditContext::default() };
    let draft = Draft { at: at(minute), actor, action, subject, detail: json!({}) };
    store.append(context, draft).await.unwrap();
}

/// Two sweeps of one policy (events 1 to 8), and four events about another one, the bot and a third day.
async fn full(bench: &Bench) -> Store {
    let store = bench.open();
    approved(&store, 0, &["kim"]).await;
    asked(&store, 1, &["lee"]).await;
    let ann = || Actor::Person(person("ann"));
    add(&store, Some(OTHER), ann(), Action::Exempted, "kim", 20).await;
    add(&store, None, Actor::Person(person("bob")), Action::InputRefused, "", 30).await;
    add(&store, Some(OTHER), Actor::System, Action::Suspended, "zoe", 60 * 24 * 3).await;
    // The clock was put back.
    add(&store, Some(POLICY), ann(), Action::Denied, "", 40).await;
    store
}

async fn seqs(store: &Store, query: AuditQuery) -> Vec<i64> {
    events(store, query).await.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn a_tally_counts_what_happened_and_not_what_was_only_previewed() {
    let bench = Bench::new();
    let store = bench.open();
    let add = async |action: Action, times: u32, detail: serde_json::Value| {
        for _ in 0..times {
            let context = AuditContext { policy: Some(POLICY.into()), ..AuditContext::default() };
            let draft = Draft::by_bot(at(5), action, detail.clone());
            store.append(context, draft).await.unwrap();
        }
    };
    for (action, times) in [
        (Action::SweepFinished, 1),
        (Action::SweepHeld, 2),
        (Action::SweepRefused, 1),
        (Action::SweepFailed, 1),
        (Action::Proposed, 2),
        (Action::Suspended, 3),
        (Action::Kept, 4),
        (Action::Expired, 5),
        (Action::Restored, 6),
        (Action::SuspensionFailed, 7),
        (Action::BotStarted, 8),
    ] {
        add(action, times, json!({})).await;
    }
    add(Action::Proposed, 20, json!({ "as": "previewed" })).await;
    add(Action::Expired, 20, json!({ "as": "previewed" })).await;
    add(Action::Denied, 2, json!({ "seconds_to_decide": 60 })).await;
    add(Action::Approved, 1, json!({ "seconds_to_decide": 90 })).await;
    let mut tally = store.tally(POLICY, at(5), at(6)).await.unwrap();
    tally.seconds_to_decide.sort_unstable();
    let expected = Tally {
        sweeps: 1,
        troubled: 4,
        proposed: 2,
        suspended: 3,
        kept: 4,
        denied: 2,
        expired: 5,
        restored: 6,
        failed: 7,
        seconds_to_decide: vec![60, 60, 90],
    };
    assert_eq!(tally, expected);
    for (since, until) in [(at(4), at(5)), (at(6), at(9))] {
        assert_eq!(store.tally(POLICY, since, until).await.unwrap(), Tally::default());
    }
    assert_eq!(store.tally(OTHER, at(5), at(6)).await.unwrap(), Tally::default());
}

#[tokio::test]
async fn each_filter_finds_its_events_newest_first() {
    let bench = Bench::new();
    let store = full(&bench).await;
    let all = AuditQuery::latest(100);
    for (query, expected) in [
        (AuditQuery { accounts: vec![id("lee")], ..all.clone() }, vec![8]),
        (AuditQuery { accounts: vec![id("lee"), id("kim")], ..all.clone() }, vec![9, 8, 3]),
        (AuditQuery { accounts: vec![id("nobody")], ..all.clone() }, vec![]),
        (AuditQuery { request: Some(RequestId(1)), ..all.clone() }, vec![5, 4, 3]),
        (AuditQuery { actions: vec![Action::Proposed], ..all.clone() }, vec![8, 3]),
        (AuditQuery { actions: vec![Action::Proposed, Action::Denied], ..all.clone() }, vec![12, 8, 3]),
        (AuditQuery { policy: Some(OTHER.to_owned()), ..all.clone() }, vec![11, 9]),
        (AuditQuery { policy: Some(POLICY.to_owned()), ..all.clone() }, vec![12, 8, 7, 6, 5, 4, 3, 2, 1]),
        (AuditQuery { policy: Some("no such".to_owned()), ..all.clone() }, vec![]),
        (AuditQuery { by: Some("Uann".to_owned()), ..all.clone() }, vec![12, 9, 5]),
        (AuditQuery { by: Some("Ubob".to_owned()), ..all.clone() }, vec![10]),
        (AuditQuery { since: Some(at(60)), ..all.clone() }, vec![11]),
        (AuditQuery { until: Some(at(2)), ..all.clone() }, vec![8, 7, 6, 3, 2, 1]),
        (AuditQuery { since: Some(at(2)), until: Some(at(21)), ..all.clone() }, vec![9, 5, 4]),
        (
            AuditQuery { since: Some(at(40)), until: Some(at(41)), before_seq: Some(99), ..all.clone() },
            vec![12],
        ),
        (AuditQuery { since: Some(at(99_999)), ..all.clone() }, vec![]),
        (AuditQuery { before_seq: Some(3), ..all.clone() }, vec![2, 1]),
        (AuditQuery { after_seq: Some(10), ..all.clone() }, vec![12, 11]),
        (AuditQuery::latest(2), vec![12, 11]),
    ] {
        assert_eq!(seqs(&store, query.clone()).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn filters_go_together_and_the_oldest_can_come_first() {
    let bench = Bench::new();
    let store = full(&bench).await;
    let by_ann = AuditQuery { by: Some("Uann".to_owned()), ..AuditQuery::latest(100) };
    for (query, expected) in [
        (AuditQuery { actions: vec![Action::Denied, Action::Kept], ..by_ann.clone() }, vec![12]),
        (AuditQuery { policy: Some(OTHER.to_owned()), ..by_ann.clone() }, vec![9]),
        (
            AuditQuery { policy: Some(OTHER.to_owned()), actions: vec![Action::Denied], ..by_ann.clone() },
            vec![],
        ),
        (AuditQuery { accounts: vec![id("kim")], ..by_ann.clone() }, vec![9]),
        (
            AuditQuery { request: Some(RequestId(1)), actions: vec![Action::Approved], ..by_ann.clone() },
            vec![5],
        ),
        (
            AuditQuery { request: Some(RequestId(1)), accounts: vec![id("kim")], ..AuditQuery::latest(9) },
            vec![3],
        ),
        (AuditQuery { since: Some(at(15)), until: Some(at(60)), ..by_ann.clone() }, vec![12, 9]),
        (AuditQuery { limit: 1, since: Some(at(15)), ..by_ann.clone() }, vec![12]),
    ] {
        assert_eq!(seqs(&store, query.clone()).await, expected, "{query:?}");
    }
    let onward: Vec<AuditEvent> =
        store.audit_onward(AuditQuery { after_seq: Some(5), limit: 1, ..by_ann }).await.unwrap();
    assert_eq!(onward.iter().map(|event| event.seq).collect::<Vec<_>>(), [9]);
}

#[tokio::test]
async fn who_may_see_some_policies_gets_full_pages_of_those_and_nothing_else() {
    let bench = Bench::new();
    let store = full(&bench).await;
    let visible = Some(vec![OTHER.into()]);
    let seen = AuditQuery { visible: visible.clone(), ..AuditQuery::latest(2) };
    for (query, expected) in [
        (seen.clone(), vec![11, 9]),
        (AuditQuery { accounts: vec![id("kim")], ..seen.clone() }, vec![9]),
        (AuditQuery { request: Some(RequestId(1)), ..seen.clone() }, vec![]),
        (AuditQuery { policy: Some(POLICY.to_owned()), ..seen.clone() }, vec![]),
        (AuditQuery { policy: Some(POLICY.to_owned()), request: Some(RequestId(1)), ..seen.clone() }, vec![]),
        (AuditQuery { by: Some("Uann".to_owned()), ..seen.clone() }, vec![9]),
        (AuditQuery { by: Some("Ubob".to_owned()), ..seen.clone() }, vec![]),
        (AuditQuery { actions: vec![Action::Denied], ..seen.clone() }, vec![]),
        (AuditQuery { visible: Some(Vec::new()), ..seen.clone() }, vec![]),
        (AuditQuery { visible: Some(Vec::new()), request: Some(RequestId(1)), ..seen.clone() }, vec![]),
        (AuditQuery { visible: Some(vec![OTHER.into(), POLICY.into()]), ..seen }, vec![12, 11]),
    ] {
        assert_eq!(seqs(&store, query.clone()).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn part_of_a_login_names_accounts_and_a_whole_one_only_its_own() {
    let bench = Bench::new();
    let store = bench.open();
    for number in 0..60 {
        add(&store, None, Actor::System, Action::Proposed, &format!("crowd{number}"), 0).await;
    }
    add(&store, None, Actor::System, Action::Proposed, "ada", 0).await;
    add(&store, None, Actor::System, Action::Proposed, "nada", 0).await;
    let named = async |part: &str| store.audited_accounts(part, None).await.unwrap();
    assert_eq!(named("ADA@contractor").await.len(), 2);
    assert_eq!(named("Ada@contractor.example").await, [id("ada")]);
    assert_eq!(named("00unada").await, [id("nada")]);
    assert_eq!(named("%").await, []);
    assert_eq!(named("").await, []);
    assert_eq!(named("contractor").await.len(), ACCOUNTS_MAX + 1);
}

#[tokio::test]
async fn the_span_of_a_time_is_exact_though_a_clock_was_put_back() {
    let bench = Bench::new();
    let store = full(&bench).await;
    let day = Duration::days(1);
    let span = async |since, until| {
        let query = AuditQuery { since: Some(since), until: Some(until), ..AuditQuery::latest(1000) };
        let found = events(&store, query).await;
        found.last().map(|event| event.seq).zip(found.first().map(|event| event.seq))
    };
    assert_eq!(span(at(0) - day, at(0) + day * 9).await, Some((1, 12)));
    assert_eq!(span(at(20), at(31)).await, Some((9, 10)));
    assert_eq!(span(at(40), at(41)).await, Some((12, 12)));
    assert_eq!(span(at(0) + day, at(0) + day * 2).await, None);
    let head = store.audit_head().await.unwrap().unwrap();
    assert_eq!((head.0, head.1), (12, store.verify().await.unwrap().head));
}

#[tokio::test]
async fn what_questions_go_by_is_made_for_the_events_of_before_too() {
    let bench = Bench::new();
    bench.raw().execute_batch(include_str!("versions/v5.sql")).unwrap();
    let store = bench.open();
    assert_eq!(store.audited_accounts("kim@", None).await.unwrap(), [id("kim")]);
    let all = events(&store, AuditQuery::latest(1000)).await;
    let (first, last) = (all.last().unwrap().at, all[0].at);
    let query = AuditQuery { since: Some(first), until: Some(last), ..AuditQuery::latest(1000) };
    let expected = all.iter().filter(|event| event.at >= first && event.at < last).count();
    assert_eq!(events(&store, query).await.len(), expected);
    let ann = AuditQuery { by: Some("Uann".to_owned()), ..AuditQuery::latest(1000) };
    assert!(!events(&store, ann).await.is_empty());
}
