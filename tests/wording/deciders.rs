//! That nobody can decide, what was decided before, and the dialog that denies.

use std::collections::BTreeMap;

use inactive_contractors::chat::Card;
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::domain::candidate::Candidate;
use inactive_contractors::domain::deciders::{Deciders, Lack, Unable};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::Counts;
use inactive_contractors::domain::request::{Request, RequestState};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::card::card;
use inactive_contractors::wording::card_view::{Before, CardView};
use inactive_contractors::wording::deciders;
use inactive_contractors::wording::review_dialog::form;

use crate::desk::Desk;
use crate::fixture::{held, policy};
use crate::people::{BEFORE, EVIL, about, alice, at, crowd, decision, granted, somewhere};

fn unable(count: usize) -> Vec<Unable> {
    let who = (0..count).map(|number| Unable { who: format!("{EVIL} (U{number})"), why: EVIL.into() });
    who.collect()
}

fn shown(request: &Request, candidates: &[Candidate], deciders: &Deciders, before: &Before) -> Card {
    let policy = policy();
    card(&CardView {
        terms: TERMS,
        questions: &[],
        deciders: Some(deciders),
        by_email: &[],
        before,
        successor: None,
        request,
        candidates,
        counts: Counts { population: 400, ..Counts::default() },
        page: 0,
        obstacle: None,
        paused: None,
        policy: Some(&policy),
        restorations: &[],
        links: &BTreeMap::new(),
        now: at(60),
        room: ROOM,
    })
}

#[tokio::test]
async fn a_card_says_that_it_can_not_be_decided_and_why() {
    let mut desk = Desk::open().await;
    let candidates = crowd(1);
    let nobody = Deciders { unable: unable(7), ..Deciders::default() };
    let one = Deciders { approvers: vec![alice()], ..Deciders::default() };
    for (name, state, deciders) in [
        ("nobody_can_approve", RequestState::pending(), &nobody),
        ("nobody_can_release", held(), &one),
        ("nobody_takes_it_live", RequestState::Preview, &one),
    ] {
        let request = about(&candidates, state);
        desk.message_is(name, &shown(&request, &candidates, deciders, &BEFORE)).await;
        let lack =
            deciders.lack(&request, &candidates, 1, &policy().account_owners).expect("something lacks");
        let note = deciders::to_admin(&request, Some(&somewhere()), lack, &deciders.unable);
        desk.message_is(&format!("{name}_to_admin"), &note).await;
    }
    desk.close();
}

#[test]
fn a_lack_is_named_with_its_numbers() {
    let words = |able, needed| deciders::lack_in_words(Lack::Approvers { able, needed });
    assert_eq!(words(0, 1), "nobody can approve it");
    assert_eq!(words(1, 2), "2 people must approve it, and only 1 person can");
    assert_eq!(words(2, 3), "3 people must approve it, and only 2 people can");
}

#[tokio::test]
async fn a_card_says_what_was_decided_before_and_what_was_exempted_since() {
    let mut desk = Desk::open().await;
    let mut candidates = crowd(25);
    for (pending, one) in (0..).zip(&mut candidates) {
        one.shown.pending_sweeps = pending;
    }
    let request = about(&candidates, RequestState::pending());
    let id = |place: usize| candidates[place].shown.id.clone();
    let mut denial = decision();
    denial.reason = Some(EVIL.repeat(20));
    let before = Before {
        denied: (1..25).map(|place| (id(place), (RequestId(3), denial.clone()))).collect(),
        exempted: (2..25).map(|place| (id(place), granted(1, "ada"))).collect(),
    };
    let all = Deciders { approvers: vec![alice()], ..Deciders::default() };
    desk.message_is("card_denied_before", &shown(&request, &candidates, &all, &before)).await;
    desk.close();
}

#[tokio::test]
async fn the_dialog_that_denies() {
    let mut desk = Desk::open().await;
    for (name, policy, count) in [("one", "contractors", 1), ("many", EVIL, 300)] {
        desk.dialog_is(&format!("deny_{name}"), &form::deny(RequestId(7), "abc", policy, count)).await;
    }
    desk.close();
}
