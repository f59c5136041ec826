//! The people that a request asks: when they are asked, who may answer what, and that no answer decides anything.

use chrono::Duration;
use inactive_contractors::domain::audit::{Action, Person, Subject};
use inactive_contractors::domain::candidate::CandidateState;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::outreach::{
    Answered, Asking, LOOKUPS_MAX, OutreachAnswer, OutreachQuestion, Refusal, answer, ask_at, is_own_address,
    look_up_again, manager_of,
};
use inactive_contractors::domain::request::{Request, RequestState};
use inactive_contractors::domain::snapshot::CandidateSnapshot;
use inactive_contractors::domain::template::{Outreach, OutreachRole};

use super::fixture::{candidate, every_request_state, now, pending, person, request};

fn question(role: OutreachRole) -> OutreachQuestion {
    let shown = candidate(0, CandidateState::Proposed).shown;
    OutreachQuestion {
        id: 1,
        request: RequestId(7),
        account: Subject { id: shown.id, login: shown.login },
        role,
        state: Asking::Asked {
            user: "kim".into(),
            address: "KIM@firm.example".into(),
            at: now(),
            answered: None,
        },
    }
}

#[test]
fn people_are_asked_while_the_request_is_pending_and_its_card_stands() {
    let at_once = Outreach::default();
    for state in every_request_state() {
        let asks = ask_at(&request(state.clone()), &at_once).is_some();
        assert_eq!(asks, state == RequestState::Pending { first: None }, "{state:?}");
    }
    assert_eq!(ask_at(&Request { deadline: None, ..pending() }, &at_once), None);
    assert_eq!(ask_at(&pending(), &at_once), Some(now()));
    for (hours, at) in [(4, 20), (24, 0), (48, 0)] {
        let ask = Outreach { before: Some(Duration::hours(hours)), ..Outreach::default() };
        assert_eq!(ask_at(&pending(), &ask), Some(now() + Duration::hours(at)), "{hours} h before");
    }
}

#[test]
fn an_answer_is_recorded_and_changes_no_request() {
    let (state, event) =
        answer(&question(OutreachRole::Person), &pending(), &person("kim"), OutreachAnswer::Needed, now())
            .expect("it is theirs to give");
    let answered = Answered { by: person("kim"), answer: OutreachAnswer::Needed, at: now() };
    assert_eq!(state.answered(), Some(&answered));
    assert_eq!((event.action, event.detail["answer"].as_str()), (Action::PersonAnswered, Some("needed")));
}

#[test]
fn only_the_recipient_can_answer_and_only_what_they_were_asked() {
    let asked = question(OutreachRole::Person);
    let give =
        |question: &OutreachQuestion, by: &Person, what| answer(question, &pending(), by, what, now()).err();
    let other_address = Person { email: Some("other@firm.example".into()), ..person("kim") };
    let no_address = Person { email: None, ..person("kim") };
    let same_address = Person { email: person("kim").email, ..person("bob") };
    for by in [person("bob"), other_address, no_address, same_address] {
        assert_eq!(give(&asked, &by, OutreachAnswer::Needed), Some(Refusal::NotYours), "{by:?}");
    }
    assert_eq!(give(&asked, &person("kim"), OutreachAnswer::Left), Some(Refusal::DoesNotFit));
    assert_eq!(
        give(&question(OutreachRole::Manager), &person("kim"), OutreachAnswer::Needed),
        Some(Refusal::DoesNotFit)
    );
    for state in [Asking::NEW, Asking::NotFound, Asking::Failed { error: "E".into() }] {
        let unasked = OutreachQuestion { state, ..question(OutreachRole::Person) };
        assert_eq!(give(&unasked, &person("kim"), OutreachAnswer::Needed), Some(Refusal::DoesNotFit));
    }
}

#[test]
fn an_answer_counts_until_the_end_and_the_last_word_stands() {
    let by = person("kim");
    for state in
        every_request_state().into_iter().filter(|state| *state != RequestState::Pending { first: None })
    {
        let late =
            answer(&question(OutreachRole::Person), &request(state), &by, OutreachAnswer::Needed, now());
        assert_eq!(late.err(), Some(Refusal::Over));
    }
    let deadline = pending().deadline.expect("it has one");
    let late = answer(&question(OutreachRole::Person), &pending(), &by, OutreachAnswer::Needed, deadline);
    assert_eq!(late.err(), Some(Refusal::Over));
    let (state, _) =
        answer(&question(OutreachRole::Manager), &pending(), &by, OutreachAnswer::Left, now()).expect("fits");
    let again = OutreachQuestion { state, ..question(OutreachRole::Manager) };
    let same = answer(&again, &pending(), &by, OutreachAnswer::Left, now()).err();
    assert!(matches!(same, Some(Refusal::Same(before)) if before.answer == OutreachAnswer::Left));
    assert!(answer(&again, &pending(), &by, OutreachAnswer::StillHere, now()).is_ok());
}

#[test]
fn a_look_up_that_fails_is_tried_again_less_and_less_often_and_then_given_up() {
    let waits: Vec<_> = (0..LOOKUPS_MAX)
        .map(|attempts| match look_up_again(attempts, "E".into(), now()) {
            Asking::Due { not_before: Some(at), .. } => Some((at - now()).num_seconds()),
            _ => None,
        })
        .collect();
    assert_eq!(waits, [Some(10), Some(20), Some(40), Some(80), None]);
}

#[test]
fn the_manager_is_the_one_that_the_directory_identifies_best_and_never_oneself() {
    let shown = candidate(0, CandidateState::Proposed).shown;
    assert_eq!(manager_of(&shown), None);
    let by_name = CandidateSnapshot { manager: Some("Bo Li".into()), ..shown };
    assert_eq!(manager_of(&by_name), Some("Bo Li"));
    let by_id = CandidateSnapshot { manager_id: Some(" 00u7 ".into()), ..by_name.clone() };
    assert_eq!(manager_of(&by_id), Some("00u7"));
    assert!(
        is_own_address(&by_name, "C0@mail.example") && is_own_address(&by_name, "c0@contractors.EXAMPLE")
    );
    assert!(!is_own_address(&by_name, "bo@firm.example"));
}
