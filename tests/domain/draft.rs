//! The draft behind the review dialog: it ends at what the person last saw, in whatever order their clicks arrive.

use std::collections::BTreeSet;

use chrono::Duration;
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::draft::{Change, Draft, Seen, Sort};
use inactive_contractors::domain::keep::Until;
use inactive_contractors::domain::request::Verb;

use super::fixture::{candidate, days, now, person};

/// Four accounts, the second the longest idle.
fn list() -> Vec<Candidate> {
    let mut list: Vec<_> = (0..4).map(|position| candidate(position, CandidateState::Proposed)).collect();
    for (one, (name, idle)) in list.iter_mut().zip([("Zoe", 30), ("adam", 60), ("Ümit", 20), ("", 10)]) {
        one.shown.name = name.into();
        one.shown.evidence.idle.since = now() - days(idle);
    }
    list
}

fn draft() -> Draft {
    Draft::fresh(&list(), |_| false, BTreeSet::new())
}

fn seen(draft: &Draft, stamp: u32, ticked: &[(u32, bool)]) -> Seen {
    Seen {
        generation: draft.generation,
        stamp: format!("1700000000.{stamp:06}"),
        ticked: ticked.iter().copied().collect(),
        ..Seen::default()
    }
}

fn positions(draft: &Draft) -> Vec<u32> {
    draft.matching(&list()).iter().map(|candidate| candidate.position).collect()
}

#[test]
fn the_newest_of_two_ticks_counts_in_whatever_order_they_arrive() {
    let first = seen(&draft(), 1, &[(0, false), (1, true)]);
    let second = seen(&draft(), 2, &[(0, true), (1, false)]);
    for order in [[&first, &second], [&second, &first]] {
        let mut draft = draft();
        for seen in order {
            draft.take(&list(), seen, Change::Tick, now());
        }
        assert_eq!(draft.keep, [1].into(), "{order:?}");
        assert_eq!(draft.to_suspend(&list()), 3);
        assert!(!draft.take(&list(), &second, Change::Tick, now()), "it is known already");
    }
}

#[test]
fn a_tick_in_a_dialog_that_is_gone_from_the_screen_is_dropped() {
    let mut draft = draft();
    let stale = seen(&draft, 9, &[(0, true)]);
    let none = seen(&draft, 2, &[(0, true)]);
    assert!(draft.take(&list(), &none, Change::Nobody, now()));
    assert!(!draft.take(&list(), &stale, Change::Tick, now()));
    assert!(!draft.submit(&list(), &stale, now()));
    assert_eq!(draft.to_suspend(&list()), 0);
    let fresh = seen(&draft, 3, &[(0, true)]);
    assert!(draft.take(&list(), &fresh, Change::Tick, now()), "stamps start again");
    assert_eq!(draft.to_suspend(&list()), 1);
}

#[test]
fn pressing_twice_turns_one_page() {
    let mut draft = draft();
    let input = seen(&draft, 1, &[]);
    assert!(draft.take(&list(), &input, Change::Page(1), now()));
    assert!(!draft.take(
        &list(),
        &seen(&Draft { generation: 0, ..draft.clone() }, 2, &[]),
        Change::Page(2),
        now()
    ));
    assert_eq!(draft.page, 1);
}

#[test]
fn search_finds_name_login_address_manager_and_organisation() {
    let mut list = list();
    list[3].shown.manager = Some("Grace Hopper".into());
    list[3].shown.organization = Some("Navy".into());
    for (words, found) in [
        ("ADAM", vec![1]),
        ("ümit", vec![2]),
        ("c2@mail", vec![2]),
        ("c0@contractors", vec![0]),
        ("hopper", vec![3]),
        (" navy ", vec![3]),
        ("nobody", vec![]),
    ] {
        let mut draft = draft();
        let searched = Seen { search: Some(words.into()), ..seen(&draft, 1, &[]) };
        draft.take(&list, &searched, Change::Search, now());
        let positions: Vec<u32> = draft.matching(&list).iter().map(|one| one.position).collect();
        assert_eq!(positions, found, "{words}");
        draft.take(&list, &seen(&draft.clone(), 2, &[]), Change::ClearSearch, now());
        assert_eq!(draft.matching(&list).len(), 4);
    }
}

#[test]
fn the_order_is_by_idle_time_or_by_name() {
    let mut draft = draft();
    assert_eq!(positions(&draft), [1, 0, 2, 3]);
    draft.sort = Sort::ShortestIdle;
    assert_eq!(positions(&draft), [3, 2, 0, 1]);
    draft.sort = Sort::Name;
    assert_eq!(positions(&draft), [1, 3, 0, 2], "a person without a name is sorted by the login");
}

#[test]
fn all_and_none_are_meant_for_those_that_match() {
    let mut draft = draft();
    let searched = Seen { search: Some("adam".into()), ..seen(&draft, 1, &[]) };
    draft.take(&list(), &searched, Change::Search, now());
    draft.take(&list(), &seen(&draft.clone(), 2, &[(1, true)]), Change::Nobody, now());
    assert_eq!(draft.keep, [1].into());
    draft.take(&list(), &seen(&draft.clone(), 3, &[(1, false)]), Change::All, now());
    assert_eq!(draft.to_suspend(&list()), 4);
}

#[test]
fn ticking_somebody_ends_their_keep_until_and_starting_over_all_of_them() {
    let until = Until { ends_at: now() + days(5), reason: "x".into() };
    let mut draft = draft();
    draft.keep_until(1, until.clone(), now());
    draft.keep_until(2, until, now());
    assert_eq!(draft.to_suspend(&list()), 2);
    draft.take(&list(), &seen(&draft.clone(), 1, &[(1, true), (2, false)]), Change::Tick, now());
    assert_eq!(draft.until.keys().copied().collect::<Vec<_>>(), [2]);
    draft.take(&list(), &seen(&draft.clone(), 2, &[]), Change::StartOver, now());
    assert_eq!((draft.to_suspend(&list()), draft.chosen_at), (4, None));
}

#[test]
fn an_own_account_and_one_that_was_kept_meanwhile_can_not_be_chosen() {
    let mut list = list();
    let mut draft = Draft::fresh(&list, |one| one.position == 0, BTreeSet::new());
    list[1].state = CandidateState::Kept { by: person("ann"), until: None };
    draft.take(&list, &seen(&draft.clone(), 1, &[(0, true), (1, true)]), Change::Tick, now());
    assert_eq!(draft.to_suspend(&list), 2);
    draft.take(&list, &seen(&draft.clone(), 2, &[]), Change::Nobody, now());
    let Verb::Suspend { keep, .. } = draft.verb(&list, days(90)) else { panic!("not a decision") };
    assert_eq!(keep, [0, 2, 3].into(), "a person who keeps everybody denies for all");
}

#[test]
fn a_dialog_that_is_opened_again_says_when_the_choice_was_made() {
    let mut draft = draft();
    assert_eq!(draft.clone().reopened().resumed, None, "nothing was chosen");
    draft.take(&list(), &seen(&draft.clone(), 1, &[(0, false)]), Change::Tick, now() + Duration::minutes(2));
    let again = draft.reopened();
    assert_eq!((again.resumed, &again.keep), (Some(now() + Duration::minutes(2)), &[0].into()));
    let mut undone = again;
    undone.take(&list(), &seen(&undone.clone(), 2, &[(0, true)]), Change::Tick, now());
    assert_eq!(undone.reopened().resumed, None, "all of it was taken back");
}
