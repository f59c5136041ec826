//! Exemptions and restorations as rows: once per input, ended once, and stronger than an approval.

use chrono::Duration;
use inactive_contractors::domain::attempt::Proof;
use inactive_contractors::domain::audit::Subject;
use inactive_contractors::domain::candidate::SuspensionStep;
use inactive_contractors::domain::exemption::{End, Wish};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::restoration::{self, RestorationState};
use inactive_contractors::store::{AskedFor, AuditQuery, Exempted, Notice, Store};

use crate::harness::{Bench, POLICY, actions, approved, at, events, id, person};

fn wish(name: &str, from_minute: i64, to_minute: i64) -> Wish {
    Wish {
        policy: POLICY.into(),
        provider: ProviderName::default(),
        account: Subject { id: id(name), login: format!("{name}@contractor.example") },
        email: None,
        by: person("ann"),
        reason: "on leave".to_owned(),
        starts_at: at(from_minute),
        ends_at: at(to_minute),
    }
}

async fn grant(store: &Store, key: &str, wish: Wish) -> i64 {
    match store.grant_exemption(key, wish, at(0)).await.unwrap() {
        Exempted::New(granted) => granted.id,
        Exempted::Repeated(granted) => panic!("granted before as {}", granted.id),
    }
}

#[tokio::test]
async fn the_same_input_grants_once() {
    let (_bench, store) = with_policy().await;
    let first = grant(&store, "k", wish("kim", 0, 60)).await;
    let again = store.grant_exemption("k", wish("kim", 0, 90), at(1)).await.unwrap();
    assert!(matches!(again, Exempted::Repeated(granted) if granted.id == first && granted.ends_at == at(60)));
    assert_eq!(actions(&store).await, ["exempted"]);
}

#[tokio::test]
async fn in_force_is_from_its_start_up_to_its_end() {
    let (_bench, store) = with_policy().await;
    grant(&store, "k", wish("kim", 10, 60)).await;
    for (minute, in_force) in [(9, false), (10, true), (59, true), (60, false)] {
        let found = store.exemptions_in_force(POLICY, at(minute)).await.unwrap();
        assert_eq!(found.contains_key(&id("kim")), in_force, "{minute}");
    }
    assert!(store.exemptions_in_force("another", at(30)).await.unwrap().is_empty());
    assert_eq!(store.lapse_exemptions(at(59)).await.unwrap(), 0);
    assert_eq!(store.lapse_exemptions(at(60)).await.unwrap(), 1);
    assert_eq!(store.lapse_exemptions(at(61)).await.unwrap(), 0);
    assert_eq!(actions(&store).await, ["exempted", "exemption_ended"]);
}

#[tokio::test]
async fn ending_early_ends_all_of_the_account_and_nobody_elses() {
    let (_bench, store) = with_policy().await;
    grant(&store, "k1", wish("kim", 0, 60)).await;
    grant(&store, "k2", wish("kim", 90, 120)).await;
    grant(&store, "k3", wish("lee", 0, 60)).await;
    let end = End::Lifted { by: person("bob"), reason: None };
    let lifted = store.lift_exemptions(POLICY, &id("kim"), end.clone(), at(5)).await.unwrap();
    assert_eq!(lifted.len(), 2);
    assert!(store.lift_exemptions(POLICY, &id("kim"), end, at(6)).await.unwrap().is_empty());
    let open = store.open_exemptions(vec![POLICY.into()], at(6)).await.unwrap();
    assert_eq!(open.iter().map(|granted| &granted.account.id).collect::<Vec<_>>(), [&id("lee")]);
    assert_eq!(store.exemptions_between(at(30), at(40)).await.unwrap().len(), 1);
    assert_eq!(store.exemptions_between(at(0), at(40)).await.unwrap().len(), 2, "one begins later");
}

#[tokio::test]
async fn what_began_under_a_clock_that_was_ahead_has_begun_and_what_was_to_start_later_has_not() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    for (name, starts) in [("kim", 200), ("lee", 201)] {
        store.grant_exemption(name, wish(name, starts, 600), at(200)).await.unwrap();
    }
    let found = store.exemptions_in_force(POLICY, at(11)).await.unwrap();
    assert_eq!(found.into_keys().collect::<Vec<_>>(), [id("kim")], "the clock was set right");
    let intend = SuspensionStep::Intend { status_changed: None, evidence: None };
    assert_eq!(store.step_candidate(request, 0, intend.clone(), at(11)).await.unwrap(), None);
    assert!(store.step_candidate(request, 1, intend, at(11)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_clock_that_was_ahead_ends_no_exemption_and_undoes_nobodys_word() {
    let (_bench, store) = with_policy().await;
    let first = grant(&store, "k1", wish("kim", 0, 600)).await;
    grant(&store, "k2", wish("lee", 0, 600)).await;
    let lift = async |name: &str, minute| {
        let end = End::Lifted { by: person("bob"), reason: None };
        store.lift_exemptions(POLICY, &id(name), end, at(minute)).await.unwrap().len()
    };
    assert_eq!(lift("lee", 500).await, 1);
    assert_eq!(store.lapse_exemptions(at(700)).await.unwrap(), 1);
    let in_force = async |minute| {
        let found = store.exemptions_in_force(POLICY, at(minute)).await.unwrap();
        found.into_keys().collect::<Vec<_>>()
    };
    assert_eq!((in_force(700).await, in_force(100).await), (vec![], vec![id("kim")]));
    assert_eq!(store.open_exemptions(vec![POLICY.into()], at(100)).await.unwrap().len(), 1);
    store.notice_exemptions(POLICY, Duration::minutes(60), at(550)).await.unwrap();
    let notice = Notice::ExemptionsEnd(first);
    assert_eq!(store.unsaid().await.unwrap(), [notice], "its end is still to come");
    store.said(notice, at(551)).await.unwrap();
    assert_eq!((lift("lee", 560).await, lift("kim", 560).await), (0, 1));
    assert_eq!((in_force(561).await, store.lapse_exemptions(at(600)).await.unwrap()), (vec![], 0));
    let trail = ["unexempted", "exemption_ended", "exemption_end_announced", "unexempted"];
    assert_eq!(actions(&store).await[2..], trail);
}

#[tokio::test]
async fn coming_ends_are_one_batch_that_is_reported_once() {
    let (_bench, store) = with_policy().await;
    let first = grant(&store, "k1", wish("kim", 0, 600)).await;
    grant(&store, "k2", wish("lee", 0, 610)).await;
    grant(&store, "short", wish("moe", 0, 100)).await;
    let notice = Duration::minutes(60);
    store.notice_exemptions(POLICY, notice, at(90)).await.unwrap();
    assert!(store.unsaid().await.unwrap().is_empty(), "as short as its notice");
    store.notice_exemptions(POLICY, notice, at(555)).await.unwrap();
    store.notice_exemptions(POLICY, notice, at(556)).await.unwrap();
    let notice = Notice::ExemptionsEnd(first);
    assert_eq!(store.unsaid().await.unwrap(), [notice]);
    assert_eq!(store.exemption_batch(first).await.unwrap().len(), 2);
    store.said(notice, at(557)).await.unwrap();
    store.said(notice, at(558)).await.unwrap();
    assert!(store.unsaid().await.unwrap().is_empty());
    let told = actions(&store).await.into_iter().filter(|word| word == "exemption_end_announced").count();
    assert_eq!(told, 2);
}

#[tokio::test]
async fn an_exemption_that_comes_right_before_the_intent_stops_it() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    grant(&store, "k", wish("kim", 0, 600)).await;
    let intend = SuspensionStep::Intend { status_changed: None, evidence: None };
    assert_eq!(store.step_candidate(request, 0, intend.clone(), at(11)).await.unwrap(), None);
    assert!(store.step_candidate(request, 1, intend, at(11)).await.unwrap().is_some());
    let intents = actions(&store).await.into_iter().filter(|word| word == "suspension_intended").count();
    assert_eq!(intents, 1);
}

fn restore(name: &str) -> restoration::Wish {
    restoration::Wish {
        policy: POLICY.into(),
        provider: ProviderName::default(),
        request: None,
        account: Subject { id: id(name), login: format!("{name}@contractor.example") },
        name: name.to_owned(),
        by: person("ann"),
        reason: "back".to_owned(),
    }
}

#[tokio::test]
async fn one_restoration_at_a_time_and_once_per_input() {
    let (_bench, store) = with_policy().await;
    let AskedFor::New(first) = store.ask_restoration("k", restore("kim"), None, at(0)).await.unwrap() else {
        panic!("the first is new")
    };
    assert_eq!(
        store.ask_restoration("k", restore("kim"), None, at(1)).await.unwrap(),
        AskedFor::Repeated(first)
    );
    let other = store.ask_restoration("k2", restore("kim"), None, at(1)).await.unwrap();
    assert!(matches!(other, AskedFor::Already(before) if before.id == first));
    let step = |step| store.step_restoration(first, step, at(2));
    assert_eq!(
        step(restoration::RestoreStep::Confirm(Proof::by_call(None))).await.unwrap(),
        None,
        "no intent yet"
    );
    assert_eq!(store.live_restorations().await.unwrap(), [first]);
    assert!(store.unsaid().await.unwrap().is_empty(), "what is due has no outcome to tell");
    step(restoration::RestoreStep::Intend { status_changed: None, evidence: None }).await.unwrap().unwrap();
    let done = step(restoration::RestoreStep::Confirm(Proof::by_call(None))).await.unwrap();
    assert!(matches!(done, Some(RestorationState::Restored { .. })));
    assert_eq!(
        step(restoration::RestoreStep::Intend { status_changed: None, evidence: None }).await.unwrap(),
        None,
        "it is done"
    );
    let of_the_policy = AuditQuery { policy: Some(POLICY.to_owned()), ..AuditQuery::latest(3) };
    let trail: Vec<_> = events(&store, of_the_policy).await.into_iter().map(|event| event.action).collect();
    assert_eq!(trail, ["restored", "restore_intended", "restore_asked"], "who sees the policy sees these");
    assert_eq!(store.unsaid().await.unwrap(), [Notice::Restoration(first)]);
    store.said(Notice::Restoration(first), at(3)).await.unwrap();
    assert!(store.live_restorations().await.unwrap().is_empty() && store.unsaid().await.unwrap().is_empty());
    assert_eq!(store.restored_by_us(vec![id("kim"), id("lee")]).await.unwrap(), [(id("kim"), at(2))].into());
    assert!(matches!(
        store.ask_restoration("k3", restore("kim"), None, at(9)).await.unwrap(),
        AskedFor::New(_)
    ));
}

#[tokio::test]
async fn what_is_restored_is_known_by_the_request_that_it_was_suspended_for() {
    let bench = Bench::new();
    let store = bench.open();
    let request = approved(&store, 0, &["kim", "lee"]).await;
    let wish = |name, request| restoration::Wish { request, ..restore(name) };
    for (key, wish) in [("k", wish("kim", Some(request))), ("l", wish("lee", None))] {
        store.ask_restoration(key, wish, None, at(20)).await.unwrap();
    }
    let of_it = store.restorations_for(request).await.unwrap();
    assert_eq!(of_it.iter().map(|one| one.wish.account.id.clone()).collect::<Vec<_>>(), [id("kim")]);
    assert!(store.restorations_for(RequestId(request.0 + 1)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wish_that_nobody_had_gives_nobody_back() {
    for by_hand in [
        "UPDATE restoration SET asked_by = json_set(asked_by, '$.id', 'Ubob')",
        "UPDATE restoration SET asked_at = '2026-01-05T09:00:01.000Z'",
        "UPDATE restoration SET account_id = '00ulee', login = 'lee@contractor.example'",
    ] {
        let (bench, store) = with_policy().await;
        let AskedFor::New(wish) = store.ask_restoration("k", restore("kim"), None, at(0)).await.unwrap()
        else {
            panic!("the first is new")
        };
        let live = store.archivable(at(99_999), 1000).await.unwrap();
        assert!(live.iter().all(|event| event.action != "restore_asked"), "it is still to be held to it");
        bench.raw().execute_batch(by_hand).unwrap();
        let intend = restoration::RestoreStep::Intend { status_changed: None, evidence: None };
        assert_eq!(store.step_restoration(wish, intend, at(2)).await.unwrap(), None, "{by_hand}");
        assert_eq!(actions(&store).await.last().unwrap(), "restore_skipped");
        let row = store.restoration(wish).await.unwrap().unwrap();
        assert!(matches!(row.state, RestorationState::Skipped { why: restoration::Skip::Unproven, .. }));
    }
}

async fn with_policy() -> (Bench, Store) {
    let bench = Bench::new();
    let store = bench.open();
    store.know_policy(POLICY, at(0)).await.unwrap();
    (bench, store)
}
