//! Everything that is shown, full of other people's text: cards of every block, and the bot's own cards.

use std::collections::BTreeMap;

use inactive_contractors::chat::Card;
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::slack::fuzzing::message;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Person, Subject};
use inactive_contractors::domain::candidate::Candidate;
use inactive_contractors::domain::deciders::{Deciders, Unable};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::Counts;
use inactive_contractors::domain::request::{Decision, Request};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::card::card;
use inactive_contractors::wording::card_view::{Before, CardView};
use inactive_contractors::wording::{answers, layout, notices};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fixture::{candidate, every_candidate_state, every_request_state, policy, request};
use crate::generate::{holds, nasty, nasty_line};
use crate::targets::{kit, now, render, team_url};

#[test]
fn other_peoples_words_do_nothing() {
    holds(600, &nasty(), |words| render::inert(&words));
}

/// Now and then a part or a line comes many times over.
fn repeat() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just(""), 1 => Just("+")]
}

#[test]
fn a_card_of_any_blocks_is_one_that_slack_takes() {
    let part = (repeat(), "[ncbpmgtdlq!]?", nasty_line())
        .prop_map(|(plus, kind, words)| format!("{plus}{kind}{words}"));
    let line = (repeat(), "[HSCPDIBRKLAT]", prop::collection::vec(part, 0..7))
        .prop_map(|(plus, kind, parts)| format!("{plus}{kind}{}", parts.join("|")));
    let lines = prop::collection::vec(line, 0..6);
    holds(60, &lines, |lines| render::check(lines.join("\n").as_bytes()));
}

#[test]
fn what_slack_would_obey_or_refuse_is_seen() {
    let marked = |words: &str| json!({ "type": "mrkdwn", "text": words });
    let shown = |text: &str, block: Value| json!({ "text": text, "blocks": [block] });
    let context = |words: &str| shown("x", json!({ "type": "context", "elements": [marked(words)] }));
    kit::message(&context("a &lt;!channel&gt; <@U1> <!date^0^{date_short_pretty}|1 Jan 1970>"));
    let header = |words: &str, emoji: bool| {
        let text = json!({ "type": "plain_text", "text": words, "emoji": emoji });
        shown("x", json!({ "type": "header", "text": text }))
    };
    kit::message(&header(&"h".repeat(150), false));
    for bad in [
        context("<!channel>"),
        context("<!here|here>"),
        context("<https://evil.example|Okta>"),
        context("<@U1|<b>"),
        context("a > b"),
        context("&am"),
        context(&"x".repeat(2001)),
        context(" "),
        header(&"h".repeat(151), false),
        header(":tada:", true),
        header("", false),
        shown("<!everyone>", json!({ "type": "divider" })),
        json!({ "text": "x", "blocks": vec![json!({ "type": "divider" }); 51] }),
        json!({ "text": "x", "blocks": [] }),
    ] {
        assert!(std::panic::catch_unwind(|| kit::message(&bad)).is_err(), "not seen: {bad}");
    }
}

/// People whose every attribute is somebody else's text.
fn hostile() -> impl Strategy<Value = (Request, Vec<Candidate>)> {
    let (states, ends) = (every_candidate_state(), every_request_state());
    let words = prop::collection::vec(nasty(), 5);
    let person = (words, prop::sample::select(states));
    (prop::collection::vec(person, 0..32), prop::sample::select(ends)).prop_map(|(people, end)| {
        let people = (0..).zip(people).map(|(position, (words, state))| {
            let mut one = candidate(position, state);
            let mut words = words.into_iter();
            let mut next = || words.next().unwrap_or_default();
            one.shown.login = next();
            one.shown.name = next();
            one.shown.email = Some(next());
            one.shown.manager = Some(next());
            one.shown.organization = Some(next());
            one
        });
        (request(end), people.collect())
    })
}

fn accepted(card: &Card) {
    kit::message(&message(card, &team_url()));
}

#[test]
fn the_bots_own_cards_hold_hostile_people() {
    holds(30, &(hostile(), nasty()), |((request, people), why)| {
        let policy = policy();
        let deciders = Deciders {
            unable: vec![Unable { who: why.clone(), why: why.clone() }; 7],
            ..Deciders::default()
        };
        let by = Person { id: "U1".into(), name: why.clone(), email: None, person_id: None };
        let denial = Decision { by, at: now(), reason: Some(why.clone()) };
        let denied =
            people.iter().map(|one| (one.shown.id.clone(), (RequestId(1), denial.clone()))).collect();
        let by_email: Vec<_> = people.iter().map(Candidate::subject).collect();
        let before = Before { denied, ..Before::default() };
        for page in 0..people.len().div_ceil(ROOM.card_rows).max(1) {
            accepted(&card(&CardView {
                terms: TERMS,
                paused: None,
                deciders: Some(&deciders),
                by_email: &by_email,
                before: &before,
                room: ROOM,
                questions: &[],
                successor: None,
                request: &request,
                candidates: &people,
                counts: Counts { population: 400, active: 80, ..Counts::default() },
                page,
                obstacle: None,
                policy: Some(&policy),
                restorations: &[],
                links: &BTreeMap::new(),
                now: now(),
            }));
        }
        accepted(&notices::outcomes(&request, &people, now()));
        accepted(&notices::sweep_failed(&policy.name, &why));
        accepted(&answers::usage(&why));
        let lines = people.iter().map(|one| answers::event_line(&event(&one.shown.name, &why))).collect();
        accepted(&layout::list(answers::event_line(&event(&why, &why)), lines));
    });
}

fn event(name: &str, why: &str) -> AuditEvent {
    AuditEvent {
        seq: 1,
        at: now(),
        actor: Actor::Person(Person {
            id: name.to_owned(),
            name: name.to_owned(),
            email: None,
            person_id: None,
        }),
        action: Action::Denied.word().to_owned(),
        policy: Some("contractors".into()),
        sweep: None,
        request: Some(RequestId(1)),
        subject: Some(Subject {
            id: candidate(0, every_candidate_state().remove(0)).shown.id,
            login: name.to_owned(),
        }),
        detail: json!({ "reason": why, "why": why, "error": why }),
        prev_hash: GENESIS.to_owned(),
        hash: String::new(),
    }
}
