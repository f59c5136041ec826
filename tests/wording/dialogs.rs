//! The review dialog and the small ones about one person.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use inactive_contractors::app::wording::choose::{self, View, form};
use inactive_contractors::app::wording::refusals;
use inactive_contractors::chat::Modal;
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::draft::{Draft, Sort};
use inactive_contractors::domain::keep::Until;
use inactive_contractors::domain::request::{Refusal, RequestState};

use crate::desk::Desk;
use crate::fixture::days;
use crate::people::{EVIL, about, alice, at, crowd, decision, long_crowd};

fn review(candidates: &[Candidate], draft: &Draft) -> Modal {
    let request = about(candidates, RequestState::Pending { first: None });
    choose::modal(&View { request: &request, candidates, draft, note: None })
}

#[tokio::test]
async fn the_review_of_one_and_of_many() {
    let mut desk = Desk::open().await;
    for count in [1, 24, 25, 26, 300] {
        let candidates = crowd(count);
        let draft = Draft::fresh(&candidates, "", BTreeSet::new());
        desk.dialog_is(&format!("review_{count}"), &review(&candidates, &draft)).await;
    }
    let candidates = long_crowd(500);
    let draft = Draft { page: 16, sort: Sort::Name, ..Draft::fresh(&candidates, "", BTreeSet::new()) };
    let last = review(&candidates, &draft);
    assert!(last.blocks.len() <= 100 && last.value.chars().count() <= 100);
    assert!(desk.dialog(&last).await.contains("page 17 of 17"));
    desk.close();
}

#[tokio::test]
async fn the_review_with_everything_that_can_be_chosen() {
    let mut desk = Desk::open().await;
    let mut candidates = crowd(9);
    candidates[2].state = CandidateState::Kept { by: alice(), until: Some(at(0) + days(30)) };
    candidates[3].shown.email = Some("me@firm.example".into());
    let mut draft = Draft::fresh(&candidates, "ME@firm.example", BTreeSet::new());
    draft.keep = [0, 1].into();
    draft.until = [(4, Until { ends_at: at(0) + days(38), reason: EVIL.into() })].into();
    (draft.reason, draft.chosen_at, draft.resumed) = (EVIL.into(), Some(at(3)), Some(at(3)));
    desk.dialog_is("review_in_the_middle", &review(&candidates, &draft)).await;
    (draft.search, draft.generation, draft.page) = ("person".into(), 7, 3);
    desk.dialog_is("review_nobody_found", &review(&candidates, &draft)).await;
    draft.search = "<!channel>".into();
    desk.dialog_is("review_some_found", &review(&candidates, &draft)).await;
    draft.search = String::new();
    draft.keep = (0..9).collect();
    let request = about(&candidates, RequestState::Pending { first: None });
    let note = Some(refusals::dialog_changed());
    let view = View { request: &request, candidates: &candidates, draft: &draft, note };
    desk.dialog_is("review_keeping_all", &choose::modal(&view)).await;
    desk.close();
}

#[tokio::test]
async fn a_review_that_is_over_says_who_and_what() {
    let mut desk = Desk::open().await;
    let mut candidates = crowd(3);
    candidates[0].state = CandidateState::Kept { by: alice(), until: None };
    let state = RequestState::Approved { decision: decision(), first: None, retry: None };
    let request = about(&candidates, state.clone());
    let refusal = Refusal::AlreadyDecided { state: Box::new(state), by_you: false };
    let over = choose::over(7, refusals::refusal(&refusal), Some((&request, &candidates)));
    desk.dialog_is("review_over", &over).await;
    desk.close();
}

#[tokio::test]
async fn the_dialogs_about_one_person() {
    let mut desk = Desk::open().await;
    let about = form::About { request: 7, list_hash: "abc".into(), position: 0, below: "V1".into() };
    let day = NaiveDate::from_ymd_opt(2026, 12, 31);
    for (name, candidate) in ["long", "rtl", "cjk", "nameless", "channel"].into_iter().zip(crowd(5)) {
        desk.dialog_is(&format!("keep_until_{name}"), &form::keep(form::KEEP, &about, &candidate, day, EVIL))
            .await;
        desk.dialog_is(&format!("exempt_{name}"), &form::keep(form::EXEMPT, &about, &candidate, day, ""))
            .await;
        desk.dialog_is(&format!("give_back_{name}"), &form::give_back(&about, &candidate, at(0) + days(7)))
            .await;
    }
    desk.close();
}
