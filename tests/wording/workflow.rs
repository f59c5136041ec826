//! Two people, retries, reminders and asking again, in words.

use std::collections::BTreeMap;

use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::{Card, MessageRef};
use inactive_contractors::domain::attempt::Confirmation;
use inactive_contractors::domain::audit::Person;
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::Counts;
use inactive_contractors::domain::reminders::Kind;
use inactive_contractors::domain::request::{
    AskedAgain, Became, Decision, FirstApproval, Refusal, Request, RequestState, Retry,
};
use inactive_contractors::domain::settings::People;
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::card::card;
use inactive_contractors::wording::card_view::CardView;
use inactive_contractors::wording::{blocked, notices, refusals};

use crate::desk::{Desk, compare};
use crate::fixture::policy;
use crate::people::{EVIL, about, alice, at, crowd, decision, somewhere};

fn bob() -> Decision {
    let by = Person {
        id: "U0BOB".into(),
        name: EVIL.into(),
        email: Some("bob@firm.example".into()),
        person_id: None,
    };
    Decision { by, at: at(7), reason: Some(EVIL.into()) }
}

fn shown(request: &Request, candidates: &[Candidate], successor: Option<&MessageRef>) -> Card {
    let mut policy = policy();
    policy.approvals_needed = request.approvals_needed;
    card(&CardView {
        terms: TERMS,
        questions: &[],
        deciders: None,
        by_email: &[],
        before: &crate::people::BEFORE,
        successor,
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

fn first(keep: &[u32]) -> RequestState {
    let first = FirstApproval { decision: bob(), keep: keep.iter().copied().collect() };
    RequestState::Pending { first: Some(Box::new(first)) }
}

fn of_two(candidates: &[Candidate], state: RequestState) -> Request {
    Request { approvals_needed: 2, ..about(candidates, state) }
}

#[tokio::test]
async fn a_card_that_needs_two_people() {
    let mut desk = Desk::open().await;
    let mut people = crowd(3);
    for (name, state) in [
        ("card_of_two", RequestState::pending()),
        ("card_of_two_first", first(&[])),
        ("card_of_two_first_left_one_out", first(&[1])),
        ("card_of_two_nobody_in_common", first(&[0, 1, 2])),
    ] {
        desk.message_is(name, &shown(&of_two(&people, state), &people, None)).await;
    }
    for one in &mut people {
        one.state = CandidateState::suspended(at(12), Confirmation::ByCall);
    }
    let state = RequestState::Completed {
        decision: decision(),
        at: at(20),
        first: Some(Box::new(bob())),
        retry: None,
        retry_first: None,
    };
    desk.message_is("card_of_two_completed", &shown(&of_two(&people, state), &people, None)).await;
    desk.close();
}

#[tokio::test]
async fn a_card_whose_failures_are_tried_again() {
    let mut desk = Desk::open().await;
    let mut people = crowd(3);
    people[0].state = CandidateState::suspended(at(12), Confirmation::ByCall);
    for one in &mut people[1..] {
        one.state =
            CandidateState::Failed { at: at(13), error: EVIL.into(), attempts: 5, status_changed: None };
    }
    let completed = |retry: Option<Retry>, wish: Option<Decision>| RequestState::Completed {
        decision: decision(),
        at: at(20),
        first: None,
        retry: retry.map(Box::new),
        retry_first: wish.map(Box::new),
    };
    let retry = Retry { decision: bob(), first: Some(decision()), positions: [1, 2].into(), round: 1 };
    desk.message_is(
        "card_retry_waits",
        &shown(&of_two(&people, completed(None, Some(bob()))), &people, None),
    )
    .await;
    people[1].state = CandidateState::suspended(at(32), Confirmation::ByCall);
    let request = of_two(&people, completed(Some(retry), None));
    desk.message_is("card_retried", &shown(&request, &people, None)).await;
    let ending = notices::ending(&request, &people, &somewhere(), None).expect("it has ended");
    desk.message_is("retry_ending", &ending).await;
    desk.close();
}

#[tokio::test]
async fn a_card_that_is_asked_again() {
    let mut desk = Desk::open().await;
    let people = crowd(1);
    for (name, became) in [
        ("card_asked_again", None),
        ("card_asked_again_for_nothing", Some(Became::Nothing)),
        ("card_asked_again_as", Some(Became::Request(RequestId(8)))),
    ] {
        let mut request = about(&people, RequestState::Expired { at: at(480) });
        request.asked_again = Some(AskedAgain { decision: bob(), became });
        desk.message_is(name, &shown(&request, &people, Some(&somewhere()))).await;
    }
    desk.close();
}

#[tokio::test]
async fn reminders_name_people_and_say_what_happens_without_an_answer() {
    let mut desk = Desk::open().await;
    let people = crowd(26);
    let nobody = People::default();
    let two =
        People { users: vec!["U0ALICE".into()], groups: vec!["S0APPROVERS".into()], channel_members: false };
    let held = RequestState::Held {
        guard: inactive_contractors::domain::plan::Guard::TooMany { candidates: 51, max: 50 },
    };
    let mut said = String::new();
    for (state, kind, to) in [
        (RequestState::pending(), Kind::Reminder, &two),
        (first(&[]), Kind::Reminder, &nobody),
        (held, Kind::Reminder, &two),
        (RequestState::pending(), Kind::Escalation, &two),
    ] {
        let request = about(&people, state);
        said += &desk.message(&notices::unanswered(&request, &people, &somewhere(), kind, to)).await;
        said.push('\n');
    }
    compare("unanswered", &said);
    desk.close();
}

#[tokio::test]
async fn every_refusal_of_the_workflow_is_a_sentence() {
    let mut desk = Desk::open().await;
    let again = |became| Box::new(AskedAgain { decision: bob(), became });
    let refusals = [
        Refusal::ApprovedFirstByYou { at: at(5) },
        Refusal::NotYourApproval { first: Some(alice()) },
        Refusal::NotYourApproval { first: None },
        Refusal::NothingInCommon { first: bob().by },
        Refusal::NothingFailed,
        Refusal::AllHeld,
        Refusal::OutcomesNotTold,
        Refusal::RetryTooLate { ended_at: at(5) },
        Refusal::AlreadyAskedAgain { again: again(None), by_you: true },
        Refusal::AlreadyAskedAgain { again: again(Some(Became::Nothing)), by_you: false },
        Refusal::AlreadyAskedAgain { again: again(Some(Became::Request(RequestId(9)))), by_you: false },
    ];
    let mut texts: Vec<_> = refusals.iter().map(refusals::refusal).collect();
    texts.push(refusals::left_out_of_retry(1, 1, &[RequestId(8)].into()));
    texts.push(refusals::left_out_of_retry(3, 2, &[8, 9].map(RequestId).into()));
    texts.push(refusals::left_out_of_retry(1, 0, &[].into()));
    texts.push(refusals::left_out_of_retry(2, 1, &[RequestId(8)].into()));
    let retry = Retry { decision: bob(), first: None, positions: [1].into(), round: 1 };
    let people = crowd(2);
    let state = RequestState::Approved { decision: decision(), first: None, retry: Some(Box::new(retry)) };
    texts.push(refusals::retried(&about(&people, state)));
    texts.push(refusals::retried(&about(&people, first(&[]))));
    let mut said = String::new();
    for text in texts {
        let note = desk.message(&refusals::note(text)).await;
        said += note.lines().last().unwrap_or_default();
        said.push('\n');
    }
    compare("workflow_notes", &said);
    desk.close();
}

#[tokio::test]
async fn a_blocker_says_what_to_fix_and_that_nothing_is_lost() {
    let mut desk = Desk::open().await;
    let people = crowd(3);
    let state = RequestState::Approved { decision: decision(), first: None, retry: None };
    let request = about(&people, state);
    let card = somewhere();
    let about = blocked::About { request: &request, left: 3, card: Some(&card), why: EVIL, until: at(900) };
    let admins =
        People { users: vec!["U0ADAM".into()], groups: vec!["S0ADMINS".into()], channel_members: false };
    desk.message_is("obstacle", &blocked::in_channel(&about, &admins)).await;
    let without_card = blocked::About { card: None, left: 1, ..about };
    desk.message_is("obstacle_to_admin", &blocked::to_admin(&without_card)).await;
    desk.message_is("obstacle_over", &blocked::goes_on(&request, Some(&card))).await;
    desk.close();
}
