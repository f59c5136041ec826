//! The bot's page per person.

use inactive_contractors::chat::{Block, Connection, Text};
use inactive_contractors::domain::audit::{Actor, AuditEvent, GENESIS, Subject};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::person::Principal;
use inactive_contractors::identity::watched::{LastAnswer, Problem};
use inactive_contractors::identity::{IdentityError, okta};
use inactive_contractors::wording::{answers, home};

use crate::desk::{Desk, compare};
use crate::fixture::{contractor, days, every_request_state, policy, request};
use crate::people::{EVIL, NAMES, alice, at, granted, somewhere};

fn principal(approver: bool, admin: bool) -> Principal {
    Principal { person: alice(), approver, admin, viewer: true }
}

fn decision(action: &str, request: Option<RequestId>) -> AuditEvent {
    let subject = Subject { id: contractor("kim").id, login: NAMES[7].into() };
    AuditEvent {
        seq: 1,
        at: at(5),
        actor: Actor::Person(alice()),
        action: action.into(),
        policy: Some("contractors".into()),
        sweep: None,
        request,
        subject: request.is_none().then_some(subject),
        detail: serde_json::Value::Null,
        prev_hash: GENESIS.into(),
        hash: GENESIS.into(),
    }
}

#[tokio::test]
async fn a_page_shows_what_its_person_may_see() {
    let mut desk = Desk::open().await;
    let policy = policy();
    let status = |open| answers::PolicyStatus {
        policy: &policy,
        last_sweep: Some((at(0), EVIL.into())),
        next_slot: Some(at(0) + days(1)),
        listing: None,
        live: true,
        days_off: vec![Text::plain("The holiday list ends in a month.")],
        paused: None,
        backlog: None,
        open,
    };
    let open =
        || every_request_state().into_iter().map(|state| (request(state), Some(somewhere()))).collect();
    let people =
        [principal(true, true), principal(true, false), principal(false, true), principal(false, false)];
    let policies = [status(open()), status(Vec::new()), status(Vec::new()), status(open())];
    let mut decisions: Vec<_> = ["approved", "denied", "withdrawn", "released", "went_live"]
        .map(|action| decision(action, Some(RequestId(7))))
        .into();
    decisions.extend(["exempted", "unexempted", "restore_asked"].map(|action| decision(action, None)));
    let health = answers::Health {
        chat: Connection::Connected,
        providers: vec![(
            okta::TERMS,
            Some(LastAnswer {
                at: at(0),
                problem: Some(Problem::Answer(IdentityError::Transient(EVIL.into()))),
            }),
        )],
        database: Ok(()),
        behind: Vec::new(),
    };
    let view = home::HomeView {
        trends: Vec::new(),
        health: &health,
        policies: &policies,
        roles: people.iter().collect(),
        ending: &[granted(1, NAMES[5]), granted(2, NAMES[1])],
        decisions: &decisions,
        unsure: true,
        now: at(60),
    };
    let said = desk.page(&home::dashboard(&view)).await;
    compare("home", &said);
    let waiting = policies[0].open.iter().filter(|(request, _)| request.state.is_pending()).count();
    assert_eq!(said.matches("[Review request").count(), waiting, "only for people who may decide: {said}");
    desk.close();
}

#[tokio::test]
async fn a_page_for_everybody_else_shows_nothing() {
    let mut desk = Desk::open().await;
    let admins: Vec<String> = (1..9).map(|number| format!("U{number}")).collect();
    let mut said = String::new();
    for page in [
        home::nothing_to_see(&[]),
        home::nothing_to_see(&admins[..1]),
        home::nothing_to_see(&admins),
        home::cant_tell(),
        home::plain(),
    ] {
        said += &desk.page(&page).await;
        said.push('\n');
    }
    compare("home_nothing", &said);
    desk.close();
}

#[test]
fn a_page_shows_twelve_policies_and_counts_the_others() {
    let policy = policy();
    let viewer = principal(false, false);
    let health = answers::Health {
        chat: Connection::Connected,
        providers: vec![(okta::TERMS, None)],
        database: Ok(()),
        behind: Vec::new(),
    };
    let status = || answers::PolicyStatus {
        policy: &policy,
        last_sweep: None,
        next_slot: None,
        listing: None,
        live: true,
        days_off: Vec::new(),
        paused: None,
        backlog: None,
        open: Vec::new(),
    };
    let rest = |count: usize| {
        let policies: Vec<_> = (0..count).map(|_| status()).collect();
        let page = home::dashboard(&home::HomeView {
            trends: Vec::new(),
            health: &health,
            policies: &policies,
            roles: vec![&viewer; count],
            ending: &[],
            decisions: &[],
            unsure: false,
            now: at(60),
        });
        page.blocks.into_iter().find_map(|block| match block {
            Block::Context(text) => Some(text.to_plain()),
            _ => None,
        })
    };
    assert_eq!((rest(12), rest(13).as_deref()), (None, Some("… and 1 more policy.")));
    assert_eq!(rest(14).as_deref(), Some("… and 2 more policies."));
}
