//! What the people that a request asks are asked and answered, what the card says of it, and the digest.

use std::collections::BTreeMap;

use inactive_contractors::chat::Text;
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::domain::attempt::Confirmation;
use inactive_contractors::domain::audit::{Person, Subject};
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::digest::Tally;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::outreach::{Answered, Asking, OutreachAnswer, OutreachQuestion, Refusal};
use inactive_contractors::domain::plan::Counts;
use inactive_contractors::domain::request::{Request, RequestState};
use inactive_contractors::domain::settings::DigestPeriod;
use inactive_contractors::domain::template::{OutreachRole, Template, WORDING_MAX};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::outreach::Message;
use inactive_contractors::wording::{card, digest, refusals};
use inactive_contractors::wording::{card_view, outreach};

use crate::desk::{Desk, compare};
use crate::fixture::{days, policy, request};
use crate::people::{EVIL, NAMES, about, alice, at, crowd, decision, long_crowd};

fn question(candidate: &Candidate, role: OutreachRole, state: Asking) -> OutreachQuestion {
    let shown = &candidate.shown;
    let account = Subject { id: shown.id.clone(), login: shown.login.clone() };
    OutreachQuestion { id: i64::from(candidate.position), request: RequestId(7), account, role, state }
}

fn asked(answer: Option<(Person, OutreachAnswer)>) -> Asking {
    Asking::Asked {
        user: "U0ALICE".into(),
        address: "alice@firm.example".into(),
        at: at(1),
        answered: answer.map(|(by, answer)| Answered { by, answer, at: at(30) }),
    }
}

/// One of each state, by turns.
fn states(role: OutreachRole) -> Vec<Asking> {
    let answers = match role {
        OutreachRole::Person => [OutreachAnswer::Needed, OutreachAnswer::Needed],
        OutreachRole::Manager => [OutreachAnswer::StillHere, OutreachAnswer::Left],
    };
    let mut states = vec![
        Asking::NEW,
        Asking::Found { user: "U1".into(), address: "a@b.example".into() },
        asked(None),
        Asking::NotFound,
        Asking::Failed { error: EVIL.into() },
    ];
    states.extend(answers.map(|answer| asked(Some((alice(), answer)))));
    states
}

fn wording(text: &str) -> Template {
    Template::parse(text).expect("it is one")
}

#[tokio::test]
async fn each_is_asked_about_their_own_and_a_manager_about_all() {
    let mut desk = Desk::open().await;
    let request = request(RequestState::pending());
    let words = wording("Hello {name}, {days}, {policy}, {deadline} <!channel> *x*");
    let candidates = crowd(9);
    let mut said = String::new();
    for (role, states) in [
        (OutreachRole::Person, states(OutreachRole::Person)),
        (OutreachRole::Manager, states(OutreachRole::Manager)),
    ] {
        let questions: Vec<_> =
            candidates.iter().zip(states).map(|(one, state)| question(one, role, state)).collect();
        let mut about: Vec<_> = questions.iter().zip(&candidates).collect();
        if role == OutreachRole::Person {
            about = about.split_off(2);
        }
        let message = Message { request: &request, role, wording: &words, name: NAMES[4], about };
        said += &desk.message(&outreach::message(&message)).await;
        said.push('\n');
    }
    compare("concerned_messages", &said);
    desk.close();
}

#[tokio::test]
async fn the_longest_question_fits() {
    let mut desk = Desk::open().await;
    let request = request(RequestState::pending());
    let words = wording(&"w".repeat(WORDING_MAX));
    let candidates = long_crowd(u32::try_from(outreach::PEOPLE_MAX).expect("a small number"));
    let questions: Vec<_> =
        candidates.iter().map(|one| question(one, OutreachRole::Manager, asked(None))).collect();
    let about = questions.iter().zip(&candidates).collect();
    let message =
        Message { request: &request, role: OutreachRole::Manager, wording: &words, name: NAMES[0], about };
    let said = desk.message(&outreach::message(&message)).await;
    assert_eq!(said.matches("[Still working with us]").count(), outreach::PEOPLE_MAX, "{said}");
    desk.close();
}

#[tokio::test]
async fn the_card_says_what_they_said_and_nobody_is_left_out_for_it() {
    let mut desk = Desk::open().await;
    let (few, many) = (crowd(7), long_crowd(60));
    for (name, candidates) in [("card_concerned", few), ("", many)] {
        let request = about(&candidates, RequestState::pending());
        let by_turns = |role| {
            let states = states(role);
            candidates
                .iter()
                .map(move |one| question(one, role, states[one.position as usize % states.len()].clone()))
        };
        let questions: Vec<_> =
            by_turns(OutreachRole::Person).chain(by_turns(OutreachRole::Manager)).collect();
        let mut said = String::new();
        for page in 0..8 {
            let before = said.len();
            said += &desk.message(&shown(&request, &candidates, &questions, page)).await;
            if !said[before..].contains(&format!("[Page {}", page + 2)) {
                break;
            }
        }
        for one in &candidates {
            assert_eq!(said.matches(&one.shown.login).count(), 1, "{}", one.shown.login);
        }
        if !name.is_empty() {
            compare(name, &said);
        }
    }
    desk.close();
}

fn shown(
    request: &Request,
    candidates: &[Candidate],
    questions: &[OutreachQuestion],
    page: usize,
) -> inactive_contractors::chat::Card {
    let policy = policy();
    card::card(&card_view::CardView {
        questions,
        request,
        candidates,
        counts: Counts { population: 400, ..Counts::default() },
        page,
        obstacle: None,
        paused: None,
        policy: Some(&policy),
        restorations: &[],
        links: &BTreeMap::new(),
        successor: None,
        now: at(60),
        deciders: None,
        by_email: &[],
        before: &crate::people::BEFORE,
        terms: TERMS,
        room: ROOM,
    })
}

#[tokio::test]
async fn an_answer_is_thanked_for_or_refused_in_a_sentence_that_names_nobody() {
    let mut desk = Desk::open().await;
    let suspended = CandidateState::suspended(at(20), Confirmation::ByCall);
    let failed = CandidateState::Failed { at: at(20), error: EVIL.into(), attempts: 5, status_changed: None };
    let kept = CandidateState::Kept { by: alice(), until: None };
    let mut texts: Vec<Text> = [OutreachAnswer::Needed, OutreachAnswer::StillHere, OutreachAnswer::Left]
        .map(|answer| outreach::thanks(&request(RequestState::pending()), answer))
        .into();
    let before = Answered { by: alice(), answer: OutreachAnswer::Needed, at: at(5) };
    let refusals =
        [Refusal::NotYours, Refusal::DoesNotFit, Refusal::Same(before), Refusal::Repeated, Refusal::Over];
    let pending = request(RequestState::pending());
    texts.extend(refusals.map(|refusal| outreach::refusal(&refusal, &pending, None, at(60 * 30))));
    for state in [suspended, failed, kept, CandidateState::Dropped] {
        let mut candidate = crowd(1).remove(0);
        candidate.state = state;
        let over = request(RequestState::Completed {
            decision: decision(),
            at: at(30),
            first: None,
            retry: None,
            retry_first: None,
        });
        texts.push(outreach::refusal(&Refusal::Over, &over, Some(&candidate), at(60)));
    }
    let proposed = crowd(1).remove(0);
    let asked_anew = request(RequestState::pending());
    texts.push(outreach::refusal(&Refusal::Over, &asked_anew, Some(&proposed), at(60)));
    texts.push(outreach::cant_tell());
    let mut said = String::new();
    for text in texts {
        let note = desk.message(&refusals::note(text)).await;
        said += note.lines().last().unwrap_or_default();
        said.push('\n');
    }
    assert!(!said.contains("ALICE") && !said.contains("Alice"), "{said}");
    compare("concerned_answers", &said);
    desk.close();
}

#[tokio::test]
async fn a_digest_tells_numbers() {
    let mut desk = Desk::open().await;
    let busy = Tally {
        sweeps: 6,
        troubled: 1,
        proposed: 31,
        suspended: 20,
        kept: 4,
        denied: 1,
        expired: 2,
        restored: 3,
        failed: 1,
        seconds_to_decide: vec![600, 7200, 90],
    };
    let mut said = String::new();
    for (period, tally, open) in
        [(DigestPeriod::Weekly, busy, 2), (DigestPeriod::Monthly, Tally::default(), 0)]
    {
        let view = digest::DigestView {
            policy: "contractors",
            period,
            since: at(0) - days(7),
            until: at(0),
            tally: &tally,
            open,
            ending: open,
            trend: None,
        };
        said += &desk.message(&digest::card(&view)).await;
        said.push('\n');
    }
    compare("digest", &said);
    desk.close();
}
