//! Drafts: kept per request and person until the request ends; and exemptions that go with a decision.

use std::collections::BTreeSet;

use chrono::Duration;
use inactive_contractors::domain::draft::Draft;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::keep::{KeptUntil, Until};
use inactive_contractors::domain::request::{Input, Refusal, Verb};
use inactive_contractors::store::{Decided, Reviewed};

use crate::harness::{Bench, actions, approval, at, click, id, input, posted};

#[expect(clippy::unnecessary_wraps, reason = "a change may also be none")]
fn keep_the_first(review: &Reviewed) -> Option<Draft> {
    let mut draft = Draft::fresh(&review.candidates, |_| false, BTreeSet::new());
    draft.keep.insert(0);
    Some(draft)
}

fn until(position: u32, days: i64) -> KeptUntil {
    let until = Until { ends_at: at(10) + Duration::days(days), reason: "on leave".into() };
    KeptUntil { wishes: [(position, until)].into(), max: Duration::days(90) }
}

#[tokio::test]
async fn a_draft_is_kept_over_a_restart_and_forgotten_with_the_end_of_its_request() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["ada", "ben"]).await;
    assert_eq!(store.review(request, "Uann").await.unwrap().unwrap().draft, None);
    store.change_review(request, "Uann", keep_the_first).await.unwrap();
    store.close().await.unwrap();
    let store = bench.open();
    let draft = store.review(request, "Uann").await.unwrap().unwrap().draft.expect("it was kept");
    assert_eq!(draft.keep, [0].into());
    assert_eq!(store.review(request, "Ubob").await.unwrap().unwrap().draft, None, "it is one person's");

    let input = approval(&store, request, "ann", at(10)).await;
    click(&store, "k", request, input).await;
    let after = store.change_review(request, "Uann", keep_the_first).await.unwrap().unwrap();
    assert_eq!((after.draft, after.request.state.word()), (None, "approved"));
    assert!(store.change_review(RequestId(99), "Uann", keep_the_first).await.unwrap().is_none());
}

#[tokio::test]
async fn a_decision_and_its_exemptions_are_one_write() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["ada", "ben"]).await;
    let mut approve = approval(&store, request, "ann", at(10)).await;
    approve.verb = Verb::Suspend { keep: [].into(), until: until(0, 91) };
    let refused = click(&store, "k1", request, approve.clone()).await;
    assert!(matches!(refused, Decided::Refused(Refusal::NotUntil { .. })), "{refused:?}");
    assert!(store.exemptions_of(&id("ada")).await.unwrap().is_empty());

    approve.verb = Verb::Suspend { keep: [].into(), until: until(0, 5) };
    click(&store, "k2", request, approve).await;
    let granted = store.exemptions_of(&id("ada")).await.unwrap();
    assert_eq!((granted.len(), granted[0].ends_at), (1, at(10) + Duration::days(5)));
    let actions = actions(&store).await;
    assert_eq!(actions[actions.len() - 4..], ["input_refused", "approved", "kept", "exempted"]);
    assert_eq!(store.verify().await.unwrap().broken_at, None);
}

#[tokio::test]
async fn of_two_people_who_keep_the_same_account_the_second_gets_an_answer() {
    let bench = Bench::new();
    let store = bench.open();
    let request = posted(&store, 0, &["ada", "ben"]).await;
    let list_hash = approval(&store, request, "ann", at(10)).await.list_hash;
    let keep = |who: &str| {
        let verb = Verb::Keep { until: until(0, 5) };
        Input { list_hash: list_hash.clone(), ..input(who, verb, at(10)) }
    };
    assert!(matches!(click(&store, "k1", request, keep("ann")).await, Decided::Done(_)));
    let second = click(&store, "k2", request, keep("bob")).await;
    assert!(matches!(second, Decided::Refused(Refusal::NotProposed { .. })), "{second:?}");
    assert_eq!(store.exemptions_of(&id("ada")).await.unwrap().len(), 1);
}
