//! The review dialog and the small ones about one person.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::{Block, Modal};
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::draft::{Change, Draft, Sort};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::keep::Until;
use inactive_contractors::domain::request::{Refusal, RequestState};
use inactive_contractors::wording::actions::{About, Control, Dialog};
use inactive_contractors::wording::refusals;
use inactive_contractors::wording::review_dialog;
use inactive_contractors::wording::review_dialog::{DialogView, form};

use crate::desk::Desk;
use crate::fixture::days;
use crate::people::{EVIL, about, alice, at, crowd, decision, long_crowd};

fn review(candidates: &[Candidate], draft: &Draft) -> Modal {
    let request = about(candidates, RequestState::Pending { first: None });
    review_dialog::modal(&DialogView {
        request: &request,
        candidates,
        draft,
        note: None,
        rows: ROOM.dialog_rows,
    })
}

#[tokio::test]
async fn the_review_of_one_and_of_many() {
    let mut desk = Desk::open().await;
    for count in [1, 24, 25, 26, 300] {
        let candidates = crowd(count);
        let draft = Draft::fresh(&candidates, |_| false, BTreeSet::new());
        desk.dialog_is(&format!("review_{count}"), &review(&candidates, &draft)).await;
    }
    let candidates = long_crowd(500);
    let draft = Draft { page: 16, sort: Sort::Name, ..Draft::fresh(&candidates, |_| false, BTreeSet::new()) };
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
    let mut draft = Draft::fresh(&candidates, |one| one.position == 3, BTreeSet::new());
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
    let view = DialogView {
        request: &request,
        candidates: &candidates,
        draft: &draft,
        note,
        rows: ROOM.dialog_rows,
    };
    desk.dialog_is("review_keeping_all", &review_dialog::modal(&view)).await;
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
    let over = review_dialog::over(RequestId(7), refusals::refusal(&refusal), Some((&request, &candidates)));
    desk.dialog_is("review_over", &over).await;
    desk.close();
}

#[tokio::test]
async fn the_dialogs_about_one_person() {
    let mut desk = Desk::open().await;
    let about = About { request: RequestId(7), list_hash: "abc".into(), position: 0, below: "V1".into() };
    let day = NaiveDate::from_ymd_opt(2026, 12, 31);
    for (name, candidate) in ["long", "rtl", "cjk", "nameless", "channel"].into_iter().zip(crowd(5)) {
        desk.dialog_is(
            &format!("keep_until_{name}"),
            &form::keep(&Dialog::KeepUntil(about.clone()), &candidate, day, EVIL),
        )
        .await;
        desk.dialog_is(
            &format!("exempt_{name}"),
            &form::keep(&Dialog::Exempt(about.clone()), &candidate, day, ""),
        )
        .await;
        desk.dialog_is(
            &format!("give_back_{name}"),
            &form::give_back(about.clone(), &candidate, at(0) + days(7)),
        )
        .await;
    }
    desk.close();
}

#[test]
fn a_review_is_turned_to_the_pages_that_there_are() {
    let candidates = crowd(61);
    let page =
        |page| review(&candidates, &Draft { page, ..Draft::fresh(&candidates, |_| false, BTreeSet::new()) });
    let turns = |modal: &Modal| {
        let buttons = modal.blocks.iter().filter_map(|block| match block {
            Block::Buttons(buttons) => Some(buttons),
            _ => None,
        });
        let turns = buttons.flatten().filter(|button| button.label.starts_with("Page "));
        turns.map(|button| (button.action.clone(), button.value.clone())).collect::<Vec<_>>()
    };
    let (back, on) =
        (|to: &str| ("choose_back".into(), to.into()), |to: &str| ("choose_on".into(), to.into()));
    assert_eq!(turns(&page(0)), [on("1")]);
    assert_eq!(turns(&page(1)), [back("0"), on("2")]);
    assert_eq!(turns(&page(2)), [back("1")]);
    assert_eq!(page(9), page(2));
    let shown = |modal: &Modal| {
        let labels = modal.blocks.iter().filter_map(|block| match block {
            Block::Checkboxes { label, .. } => Some(label.clone()),
            _ => None,
        });
        labels.collect::<Vec<_>>()
    };
    let everybody: Vec<String> = candidates.iter().map(review_dialog::plain_who).collect();
    let all: Vec<String> = (0..3).flat_map(|number| shown(&page(number))).collect();
    assert_eq!((all, shown(&page(2)).len()), (everybody, 1));
    let few = crowd(30);
    let only = review(&few, &Draft::fresh(&few, |_| false, BTreeSet::new()));
    assert!(!only.blocks.contains(&Block::Buttons(Vec::new())), "there is nothing to turn");
}

#[test]
fn an_account_that_the_first_approver_left_out_is_marked_until_it_has_another_outcome() {
    let mut candidates = crowd(2);
    candidates[1].state = CandidateState::Kept { by: alice(), until: None };
    let draft = Draft::fresh(&candidates, |_| false, [0, 1].into());
    let said = format!("{:?}", review(&candidates, &draft).blocks);
    assert_eq!(said.matches("left out by the first approver").count(), 1, "{said}");
    assert_eq!(said.matches("kept active by ").count(), 1, "{said}");
}

#[test]
fn each_order_can_be_chosen() {
    for (value, order) in
        [("longest", Sort::LongestIdle), ("shortest", Sort::ShortestIdle), ("name", Sort::Name)]
    {
        assert_eq!(
            Control::decode("sort-3", value).map(|control| control.change()),
            Some(Change::Sort(order))
        );
    }
}
