//! Pages, digests and questions: rows that are written once however often they are asked for.

use chrono::Duration;
use inactive_contractors::domain::audit::Action;
use inactive_contractors::domain::digest::Owed;
use inactive_contractors::domain::outreach::{Asking, OutreachAnswer, Refusal};
use inactive_contractors::domain::template::OutreachRole;
use inactive_contractors::store::{AuditQuery, Notice};

use crate::harness::{Bench, POLICY, at, events, person, posted};

#[tokio::test]
async fn a_page_is_waited_for_until_it_is_published_and_what_comes_meanwhile_is_not_lost() {
    let bench = Bench::new();
    let store = bench.open();
    assert!(!store.home_stale("Uann").await.unwrap(), "they never opened it");
    store.home_opened("Uann", at(0)).await.unwrap();
    let mut row = store.homes(at(0)).await.unwrap().remove(0);
    assert!(row.is_waited_for());
    assert!(store.home_stale("Uann").await.unwrap());
    (row.answered, row.published_at) = (row.asked, Some(at(1)));
    store.save_home(&row).await.unwrap();
    let row = store.homes(at(0)).await.unwrap().remove(0);
    assert!(row.is_waited_for(), "the click came while the page was published");
    store.home_opened("Ubob", at(60)).await.unwrap();
    assert_eq!(store.homes(at(30)).await.unwrap().len(), 1);
    assert_eq!(store.forget_homes(at(30)).await.unwrap(), 1);
    assert_eq!(store.forget_homes(at(30)).await.unwrap(), 0);
    assert_eq!(store.homes(at(0)).await.unwrap()[0].user, "Ubob");
}

#[tokio::test]
async fn a_slot_has_one_digest() {
    let bench = Bench::new();
    let store = bench.open();
    store.know_policy(POLICY, at(0)).await.unwrap();
    let owed = Owed { slot: at(0), since: at(0) - Duration::days(7) };
    for _ in 0..2 {
        store.start_digest(POLICY, owed).await.unwrap();
    }
    assert_eq!(store.unsaid().await.unwrap(), [Notice::Digest(1)]);
    let digest = store.digest(1).await.unwrap().unwrap();
    assert_eq!((digest.since, digest.until), (owed.since, owed.slot));
    store.said(Notice::Digest(1), at(1)).await.unwrap();
    store.start_digest(POLICY, owed).await.unwrap();
    assert!(store.unsaid().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_question_is_made_once_and_an_answer_settles_its_input_once() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["kim", "lee"]).await;
    for _ in 0..2 {
        let questions = store.ask_people(request, vec![OutreachRole::Person]).await.unwrap();
        assert_eq!(questions.len(), 2);
    }
    let both = store.ask_people(request, vec![OutreachRole::Manager]).await.unwrap();
    assert_eq!(both.len(), 4, "another role is asked too");
    assert_eq!(store.waiting_requests(vec![POLICY.into()]).await.unwrap(), [request]);
    assert!(store.waiting_requests(vec!["other".into()]).await.unwrap().is_empty());
    let id = store.questions(request).await.unwrap()[0].id;
    let asked =
        Asking::Asked { user: "Ukim".into(), address: "kim@example.com".into(), at: at(3), answered: None };
    store.set_asking(vec![id], asked.clone()).await.unwrap();
    store.set_asking(vec![id], Asking::NotFound).await.unwrap();
    assert_eq!(store.question(id).await.unwrap().unwrap().state, asked, "it was asked");
    store.receive("a", None, "Ukim", at(4)).await.unwrap();
    let answer = || store.person_answered("a", id, person("kim"), OutreachAnswer::Needed, at(4), at(4));
    assert_eq!(answer().await.unwrap(), Ok(()));
    assert_eq!(answer().await.unwrap(), Err(Refusal::Repeated));
    store.receive("b", None, "Ubob", at(5)).await.unwrap();
    let other = store.person_answered("b", id, person("bob"), OutreachAnswer::Needed, at(5), at(5)).await;
    assert_eq!(other.unwrap(), Err(Refusal::NotYours));
    for (action, times) in [(Action::PersonAnswered, 1), (Action::InputRefused, 1)] {
        let query = AuditQuery { actions: vec![action], ..AuditQuery::latest(10) };
        assert_eq!(events(&store, query).await.len(), times, "{action:?}");
    }
}

#[tokio::test]
async fn the_last_event_is_the_number_of_the_newest() {
    let bench = Bench::new();
    let store = bench.open();
    assert_eq!(store.last_event().await.unwrap(), 0);
    posted(&store, 0, &["kim", "lee"]).await;
    let newest = events(&store, AuditQuery::latest(1)).await[0].seq;
    assert!(newest > 3);
    assert_eq!(store.last_event().await.unwrap(), newest);
}

#[tokio::test]
async fn what_went_wrong_before_does_not_hold_back_a_page_that_was_opened_since() {
    let bench = Bench::new();
    let store = bench.open();
    store.home_opened("Uann", at(0)).await.unwrap();
    let mut row = store.homes(at(0)).await.unwrap().remove(0);
    store.home_opened("Uann", at(1)).await.unwrap();
    (row.attempts, row.retry_at) = (6, Some(at(60 * 24)));
    store.save_home(&row).await.unwrap();
    let row = store.homes(at(0)).await.unwrap().remove(0);
    assert_eq!((row.attempts, row.retry_at, row.is_waited_for()), (0, None, true));
    let row = inactive_contractors::store::HomeRow { attempts: 2, retry_at: Some(at(5)), ..row };
    store.save_home(&row).await.unwrap();
    assert_eq!(store.homes(at(0)).await.unwrap().remove(0).attempts, 2);
}
