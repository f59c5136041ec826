//! Two people's approvals, and trying again what failed.

use std::collections::BTreeSet;

use chrono::Duration;
use inactive_contractors::domain::audit::{Action, Person};
use inactive_contractors::domain::candidate::{Candidate, CandidateState, Skip};
use inactive_contractors::domain::keep::{KeptUntil, Until};
use inactive_contractors::domain::person::Principal;
use inactive_contractors::domain::plan::Guard;
use inactive_contractors::domain::policy::AccountOwners;
use inactive_contractors::domain::request::{
    Decision, Input, KnownForRetry, RETRY_WITHIN, Refusal, Release, Request, RequestState, Transition, Verb,
    complete, decide,
};

use super::fixture::{candidate, now, pending, person, proposed, request, rule};

fn input(by: Person, verb: Verb) -> Input {
    Input {
        verb,
        principal: Principal { person: by, approver: true, admin: false, viewer: true },
        received_at: now() + Duration::minutes(10),
        list_hash: Some(pending().list_hash),
        reason: None,
        approvals_needed: 1,
        rule: rule(),
        account_owners: AccountOwners::new(),
        paused: None,
    }
}

fn suspend(keep: &[u32]) -> Verb {
    Verb::Suspend { keep: keep.iter().copied().collect(), until: KeptUntil::default() }
}

/// A request that was asked of two people.
fn of_two() -> Request {
    Request { approvals_needed: 2, ..pending() }
}

fn approve(request: &Request, by: &str, keep: &[u32]) -> Result<Transition, Refusal> {
    decide(request, &proposed(), &input(person(by), suspend(keep)))
}

/// The request after `by` approved first.
fn approved_first(by: &str, keep: &[u32]) -> Request {
    let first = approve(&of_two(), by, keep).unwrap();
    assert!(first.state.is_pending(), "{:?}", first.state);
    Request { state: first.state, ..of_two() }
}

fn words(transition: &Transition) -> Vec<(u32, &'static str)> {
    transition.candidates.iter().map(|(position, state)| (*position, state.word())).collect()
}

fn actions(transition: &Transition) -> Vec<Action> {
    transition.events.iter().map(|event| event.action).collect()
}

#[test]
fn the_first_of_two_approvals_suspends_nobody_and_the_second_does() {
    let first = approve(&of_two(), "ann", &[1]).unwrap();
    assert_eq!((words(&first), actions(&first)), (vec![], vec![Action::ApprovedFirst]));
    assert_eq!(first.deadline, of_two().deadline, "it waits no longer for that");
    assert_eq!(first.events[0].detail["selected"], 2);
    let later = now() + Duration::hours(1);
    let by = Input { received_at: later, ..input(person("bob"), suspend(&[2])) };
    let second = decide(&approved_first("ann", &[1]), &proposed(), &by).unwrap();
    assert!(second.events.iter().all(|event| event.at == later), "what happens, happens with the second");
    assert_eq!(words(&second), [(0, "due"), (1, "kept"), (2, "kept")], "what both selected");
    assert_eq!(actions(&second), [Action::Approved, Action::Kept, Action::Kept]);
    let kept_by = |at: usize| match &second.candidates[at].1 {
        CandidateState::Kept { by, .. } => by.id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!((kept_by(1).as_str(), kept_by(2).as_str()), ("ann", "bob"));
    let RequestState::Approved { decision, first: Some(first), retry: None } = second.state else {
        panic!("approved by two")
    };
    assert_eq!((decision.by.id.as_str(), first.by.id.as_str()), ("bob", "ann"));
}

#[test]
fn a_button_that_counts_on_a_first_approval_works_while_that_stands() {
    let request = approved_first("ann", &[1]);
    let input = |request: &Request, shown: String| {
        decide(request, &proposed(), &Input { list_hash: Some(shown), ..input(person("bob"), suspend(&[])) })
    };
    assert!(input(&request, request.shown()).is_ok());
    assert!(input(&request, of_two().shown()).is_ok(), "one that came since only makes fewer of it");
    for other in [approved_first("ann", &[2]), approved_first("cat", &[1]), of_two()] {
        assert_eq!(input(&other, request.shown()).unwrap_err(), Refusal::OtherList, "{:?}", other.state);
    }
    assert_eq!(request.left_out_before(&person("bob")), BTreeSet::from([1]));
    assert_eq!(request.left_out_before(&person("ann")), BTreeSet::new(), "it is their own choice");
    assert_eq!(of_two().left_out_before(&person("bob")), BTreeSet::new());
}

#[test]
fn the_second_person_is_another_one_by_account_and_by_address() {
    let request = approved_first("ann", &[]);
    let alias = Person { id: "U9".into(), email: Some("ANN@firm.example ".into()), ..person("x") };
    let other_id = Person { id: "W9".into(), person_id: Some("ANN".into()), ..person("x") };
    let same_id = Person { email: Some("other@firm.example".into()), ..person("ANN") };
    for by in [person("ann"), alias, other_id, same_id] {
        let refusal = decide(&request, &proposed(), &input(by.clone(), suspend(&[]))).unwrap_err();
        let at = now() + Duration::minutes(10);
        assert_eq!(refusal, Refusal::ApprovedFirstByYou { at }, "{by:?}");
    }
}

#[test]
fn the_larger_of_the_two_numbers_counts() {
    for (asked, today, waits) in [(1, 1, false), (2, 1, true), (1, 2, true), (2, 2, true)] {
        let request = Request { approvals_needed: asked, ..pending() };
        let by = Input { approvals_needed: today, ..input(person("ann"), suspend(&[])) };
        let transition = decide(&request, &proposed(), &by).unwrap();
        assert_eq!(transition.state.is_pending(), waits, "asked of {asked}, today {today}");
    }
}

#[test]
fn one_person_denies_keeps_all_or_takes_their_approval_back() {
    let request = approved_first("ann", &[]);
    for verb in [Verb::Deny, suspend(&[0, 1, 2])] {
        let denied = decide(&request, &proposed(), &input(person("bob"), verb)).unwrap();
        assert_eq!(denied.state.word(), "denied");
    }
    let not_yours = decide(&request, &proposed(), &input(person("bob"), Verb::TakeBackApproval)).unwrap_err();
    assert_eq!(not_yours, Refusal::NotYourApproval { first: Some(person("ann")) });
    let mut by = input(person("ann"), Verb::TakeBackApproval);
    by.principal.approver = false;
    let back = decide(&request, &proposed(), &by).unwrap();
    assert_eq!((back.state, back.candidates.len()), (RequestState::pending(), 0));
    let by = Input { received_at: request.deadline.unwrap(), ..by };
    assert!(matches!(decide(&request, &proposed(), &by), Err(Refusal::PastDeadline { .. })));
}

#[test]
fn nothing_in_common_is_said_and_suspends_nobody() {
    let refusal = approve(&approved_first("ann", &[0]), "bob", &[1, 2]).unwrap_err();
    assert_eq!(refusal, Refusal::NothingInCommon { first: person("ann") });
}

#[test]
fn neither_of_two_decides_about_their_own_account() {
    let mut candidates = proposed();
    candidates[0].shown.email = Some("ANN@firm.example".into());
    candidates[1].shown.email = Some("bob@firm.example".into());
    let first = decide(&of_two(), &candidates, &input(person("ann"), suspend(&[]))).unwrap();
    assert_eq!(words(&first), [], "that waits for the second person too");
    let request = Request { state: first.state, ..of_two() };
    let second = decide(&request, &candidates, &input(person("bob"), suspend(&[]))).unwrap();
    assert_eq!(words(&second), [(0, "skipped"), (1, "skipped"), (2, "due")]);
    let own = second
        .candidates
        .iter()
        .filter(|(_, state)| matches!(state, CandidateState::Skipped { why: Skip::OwnAccount, .. }));
    assert_eq!(own.count(), 2);
}

#[test]
fn an_account_that_the_first_person_keeps_until_a_day_is_kept_at_once() {
    let until = Until { ends_at: now() + Duration::days(5), reason: "on leave".into() };
    let until = KeptUntil { wishes: [(2, until)].into(), max: Duration::days(90) };
    let verb = Verb::Suspend { keep: [1].into(), until };
    let first = decide(&of_two(), &proposed(), &input(person("ann"), verb)).unwrap();
    assert_eq!((words(&first), first.exemptions.len()), (vec![(2, "kept")], 1));
    assert_eq!(actions(&first), [Action::ApprovedFirst, Action::Kept]);
    assert_eq!(first.events[1].subject, Some(proposed()[2].subject()));
    let RequestState::Pending { first: Some(first) } = first.state else { panic!("waits") };
    assert_eq!(first.keep, BTreeSet::from([1]));
}

#[test]
fn a_person_who_released_the_request_is_neither_of_the_two() {
    let guard = Guard::TooMany { candidates: 51, max: 50 };
    let release = Some(Release { by: person("cat"), at: now(), guard });
    for request in [of_two(), approved_first("ann", &[])] {
        let request = Request { release: release.clone(), ..request };
        let refusal = approve(&request, "cat", &[]).unwrap_err();
        assert_eq!(refusal, Refusal::SecondPersonNeeded { first: person("cat") });
    }
}

fn failed(positions: &[u32]) -> Vec<Candidate> {
    let state = |position: &u32| {
        if positions.contains(position) {
            CandidateState::Failed { at: now(), error: "E".into(), attempts: 5, status_changed: None }
        } else {
            CandidateState::skipped(now(), Skip::Gone)
        }
    };
    (0..3).map(|position| candidate(position, state(&position))).collect()
}

fn completed() -> Request {
    let decision = Decision { by: person("ann"), at: now(), reason: None };
    request(RequestState::Completed { decision, at: now(), first: None, retry: None, retry_first: None })
}

fn retry(held: &[u32]) -> Verb {
    Verb::Retry { known: KnownForRetry { asked_since: held.iter().copied().collect(), told: true } }
}

/// A day after everything, by command.
fn asks_retry(by: &str, held: &[u32]) -> Input {
    let received_at = now() + Duration::days(1);
    Input { received_at, list_hash: None, ..input(person(by), retry(held)) }
}

#[test]
fn what_failed_is_due_once_more_for_as_long_as_the_new_decision_holds() {
    let transition = decide(&completed(), &failed(&[0, 2]), &asks_retry("bob", &[])).unwrap();
    assert_eq!(transition.candidates, [(0, CandidateState::due()), (2, CandidateState::due())]);
    assert_eq!(actions(&transition), [Action::Retried]);
    let authorization = transition.state.authorization().unwrap();
    assert_eq!((authorization.by.id.as_str(), authorization.at), ("bob", now() + Duration::days(1)));
    let again = Request { state: transition.state, ..completed() };
    let ended = complete(&again, &failed(&[0]), now()).unwrap();
    let once_more = Request { state: ended.state, ..completed() };
    let second = decide(&once_more, &failed(&[0]), &asks_retry("ann", &[])).unwrap();
    let retry = second.state.retry().unwrap();
    assert_eq!((retry.round, &retry.positions), (2, &BTreeSet::from([0])));
}

#[test]
fn a_second_retry_learns_whether_the_first_was_by_the_same_person() {
    let first = decide(&completed(), &failed(&[0]), &asks_retry("bob", &[])).unwrap();
    let request = Request { state: first.state, ..completed() };
    for (who, itself) in [("bob", true), ("cat", false)] {
        let refusal = decide(&request, &failed(&[0]), &asks_retry(who, &[])).unwrap_err();
        assert!(matches!(refusal, Refusal::AlreadyDecided { by_you, .. } if by_you == itself), "{refusal:?}");
    }
}

#[test]
fn a_retry_leaves_out_what_is_held_elsewhere_and_ones_own() {
    let transition = decide(&completed(), &failed(&[0, 2]), &asks_retry("bob", &[0])).unwrap();
    assert_eq!(words(&transition), [(2, "due")]);
    let refusal = decide(&completed(), &failed(&[0, 2]), &asks_retry("bob", &[0, 2])).unwrap_err();
    assert_eq!(refusal, Refusal::AllHeld);
    let mut own = failed(&[0]);
    own[0].shown.email = Some("Bob@firm.example".into());
    assert_eq!(decide(&completed(), &own, &asks_retry("bob", &[])), Err(Refusal::OnlyOwnAccounts));
    let named = Input { account_owners: owned("bob", 0), ..asks_retry("bob", &[]) };
    assert_eq!(decide(&completed(), &failed(&[0]), &named), Err(Refusal::OnlyOwnAccounts));
    let transition = decide(&completed(), &failed(&[0, 2]), &named).unwrap();
    assert_eq!(words(&transition), [(2, "due")]);
}

/// A configuration that says of one account whose it is.
fn owned(person: &str, position: u32) -> AccountOwners {
    let shown = candidate(position, CandidateState::Proposed).shown;
    [(person.into(), [shown.login].into())].into()
}

#[test]
fn what_the_configuration_says_is_ones_own_is_decided_neither_first_nor_second() {
    for (owner, first, second) in [("bob", "ann", "bob"), ("bob", "bob", "ann")] {
        let by = |who| Input { account_owners: owned(owner, 1), ..input(person(who), suspend(&[])) };
        let state = decide(&of_two(), &proposed(), &by(first)).unwrap().state;
        let both = decide(&Request { state, ..of_two() }, &proposed(), &by(second)).unwrap();
        assert_eq!(words(&both), [(0, "due"), (1, "skipped"), (2, "due")], "{first}, then {second}");
    }
}

#[test]
fn a_retry_needs_an_approver_failures_and_the_list_that_was_seen() {
    assert_eq!(decide(&completed(), &failed(&[]), &asks_retry("bob", &[])), Err(Refusal::NothingFailed));
    let mut admin = asks_retry("bob", &[]);
    admin.principal = Principal { approver: false, admin: true, ..admin.principal };
    assert_eq!(decide(&completed(), &failed(&[0]), &admin), Err(Refusal::NotAnApprover));
    let stale = Input { list_hash: Some("stale".into()), ..asks_retry("bob", &[]) };
    assert_eq!(decide(&completed(), &failed(&[0]), &stale), Err(Refusal::OtherList));
    let mut nameless = asks_retry("bob", &[]);
    nameless.principal.person.email = None;
    assert_eq!(decide(&completed(), &failed(&[0]), &nameless), Err(Refusal::NoEmail));
}

#[test]
fn what_failed_may_be_tried_again_for_three_days() {
    let after = |time| Input { received_at: now() + time, ..asks_retry("bob", &[]) };
    let decided = |time| decide(&completed(), &failed(&[0]), &after(time));
    assert!(decided(RETRY_WITHIN).is_ok());
    let late = decided(RETRY_WITHIN + Duration::milliseconds(1));
    assert_eq!(late, Err(Refusal::RetryTooLate { ended_at: now() }));
}

#[test]
fn where_two_approve_two_retry() {
    let request = Request { approvals_needed: 2, ..completed() };
    let first = decide(&request, &failed(&[0]), &asks_retry("bob", &[])).unwrap();
    assert_eq!((words(&first), actions(&first)), (vec![], vec![Action::RetriedFirst]));
    let waiting = Request { state: first.state, ..request };
    let again = decide(&waiting, &failed(&[0]), &asks_retry("bob", &[])).unwrap_err();
    assert!(matches!(again, Refusal::ApprovedFirstByYou { .. }), "{again:?}");
    let second = decide(&waiting, &failed(&[0]), &asks_retry("cat", &[])).unwrap();
    let retry = second.state.retry().unwrap();
    assert_eq!((retry.first.as_ref().unwrap().by.id.as_str(), words(&second)), ("bob", vec![(0, "due")]));
    // A wish that is older than a question may be is a first one again.
    let late = Input { received_at: now() + Duration::days(2), ..asks_retry("cat", &[]) };
    assert_eq!(actions(&decide(&waiting, &failed(&[0]), &late).unwrap()), [Action::RetriedFirst]);
}
