//! The card through its life, with few and many people.

use std::collections::BTreeMap;

use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::{Block, Card};
use inactive_contractors::domain::account::AccountStatus;
use inactive_contractors::domain::attempt::{Attempt, Confirmation, Dropped, RetryState, Sessions, Unproven};
use inactive_contractors::domain::candidate::{Candidate, CandidateState, Skip};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::{Counts, Guard};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Release, Request, RequestState};
use inactive_contractors::domain::restoration::{Restoration, RestorationState, Skip as NotBack, Wish};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::card::card;
use inactive_contractors::wording::card_view::CardView;
use inactive_contractors::wording::notices;

use crate::desk::{Desk, compare};
use crate::fixture::{days, due, held, policy};
use crate::people::{EVIL, NAMES, about, alice, at, crowd, decision, long_crowd, somewhere};

fn shown(request: &Request, candidates: &[Candidate], page: usize, restorations: &[Restoration]) -> Card {
    let counts = Counts { population: 400, active: 80, exempt: 7, unknown: 1, ..Counts::default() };
    let link = |one: &Candidate| (one.position, format!("https://acme-admin.okta.com/user/{}", one.shown.id));
    let links: BTreeMap<u32, String> = candidates.iter().take(2).map(link).collect();
    let policy = policy();
    card(&CardView {
        terms: TERMS,
        questions: &[],
        deciders: None,
        by_email: &[],
        before: &crate::people::BEFORE,
        room: ROOM,
        successor: None,
        request,
        candidates,
        counts,
        page,
        obstacle: None,
        paused: None,
        policy: Some(&policy),
        restorations,
        links: &links,
        now: at(60),
    })
}

fn people_on(card: &Card) -> usize {
    card.blocks.iter().filter(|block| matches!(block, Block::Row { .. })).count()
}

#[tokio::test]
async fn a_card_asks_about_one_and_about_many() {
    let mut desk = Desk::open().await;
    for count in [1, 24, 25, 26, 300] {
        let candidates = crowd(count);
        let request = about(&candidates, RequestState::Pending { first: None });
        let first = shown(&request, &candidates, 0, &[]);
        assert_eq!(people_on(&first), count.min(25) as usize);
        desk.message_is(&format!("card_pending_{count}"), &first).await;
    }
    let candidates = crowd(26);
    let request = about(&candidates, RequestState::Pending { first: None });
    desk.message_is("card_pending_26_page_2", &shown(&request, &candidates, 1, &[])).await;
    desk.close();
}

#[tokio::test]
async fn the_longest_names_fit_and_nobody_is_left_out() {
    let mut desk = Desk::open().await;
    let failed =
        CandidateState::Failed { at: at(9), error: "E".repeat(900), attempts: 5, status_changed: None };
    let completed = RequestState::Completed {
        decision: decision(),
        at: at(20),
        first: None,
        retry: None,
        retry_first: None,
    };
    for (each, state) in
        [(CandidateState::Proposed, RequestState::Pending { first: None }), (failed, completed)]
    {
        let mut candidates = long_crowd(60);
        for one in &mut candidates {
            one.state = each.clone();
        }
        let request = about(&candidates, state);
        let mut said = String::new();
        for page in 0..8 {
            let card = shown(&request, &candidates, page, &[]);
            let before = said.len();
            said += &desk.message(&card).await;
            assert_eq!(said[before..].matches(NAMES[0]).count(), 3 * people_on(&card), "{said}");
            if !said[before..].contains(&format!("[Page {}", page + 2)) {
                break;
            }
        }
        for one in &candidates {
            assert_eq!(said.matches(&one.shown.login).count(), 1, "{}", one.shown.login);
        }
    }
    desk.close();
}

#[tokio::test]
async fn a_card_before_and_without_an_approval() {
    let mut desk = Desk::open().await;
    let mut candidates = crowd(9);
    let states = [
        ("preview", RequestState::Preview),
        ("held", held()),
        ("denied", RequestState::Denied { decision: decision() }),
        ("expired", RequestState::Expired { at: at(480) }),
        ("withdrawn", RequestState::Withdrawn { decision: decision() }),
        ("went_live", RequestState::WentLive { decision: decision() }),
    ];
    for (name, state) in states {
        desk.message_is(&format!("card_{name}"), &shown(&about(&candidates, state), &candidates, 0, &[]))
            .await;
    }
    candidates[1].state = CandidateState::Kept { by: alice(), until: Some(at(0) + days(30)) };
    let mut request = about(&candidates, RequestState::Pending { first: None });
    let guard = Guard::TooMany { candidates: 51, max: 50 };
    request.release = Some(Release { by: alice(), at: at(5), guard });
    desk.message_is("card_released_one_kept", &shown(&request, &candidates, 0, &[])).await;
    desk.close();
}

/// One of each outcome.
fn carried_out() -> Vec<Candidate> {
    let suspended = |confirmation| CandidateState::suspended(at(12), confirmation);
    let with_sessions = |sessions| {
        let confirmation = Confirmation::ByCall;
        CandidateState::Suspended { at: at(12), confirmation, sessions }
    };
    let left = Dropped::NotSuspended(AccountStatus::Active);
    let states = [
        suspended(Confirmation::ByCall),
        with_sessions(Sessions::Failed { at: at(13), error: EVIL.into(), unclear: false }),
        CandidateState::Kept { by: alice(), until: None },
        CandidateState::Kept { by: alice(), until: Some(at(0) + days(30)) },
        CandidateState::Skipped { at: at(12), why: Skip::Gone, error: None },
        CandidateState::Failed { at: at(12), error: EVIL.into(), attempts: 5, status_changed: None },
        suspended(Confirmation::ByReading),
        with_sessions(Sessions::Cleared { at: at(13) }),
        with_sessions(Sessions::Dropped { at: at(13), why: left }),
        with_sessions(Sessions::Failed { at: at(13), error: EVIL.into(), unclear: true }),
        CandidateState::skipped(at(12), Skip::Unproven(Unproven::Decision)),
    ];
    let mut candidates = crowd(11);
    for (one, state) in candidates.iter_mut().zip(states) {
        one.state = state;
    }
    candidates
}

fn restoration(of: &Candidate, state: RestorationState) -> Restoration {
    let wish = Wish {
        policy: "contractors".into(),
        provider: ProviderName::default(),
        request: Some(RequestId(7)),
        account: of.subject(),
        name: of.shown.name.clone(),
        by: alice(),
        reason: EVIL.into(),
    };
    Restoration { id: 1, wish, asked_at: at(30), state }
}

fn restorations(of: &[Candidate]) -> Vec<Restoration> {
    let restored = RestorationState::Restored { at: at(31), confirmation: Confirmation::ByCall };
    let active = NotBack::NotSuspended(AccountStatus::Active);
    let trouble = RetryState { error: Some(EVIL.into()), waits: 3 };
    let paused = RestorationState::Due(Attempt { trouble, ..Attempt::default() });
    vec![
        restoration(&of[1], restored),
        restoration(&of[6], paused),
        restoration(&of[7], RestorationState::Skipped { at: at(31), why: active }),
        restoration(
            &of[8],
            RestorationState::Failed { at: at(31), error: EVIL.into(), too_late: false, unclear: false },
        ),
    ]
}

#[tokio::test]
async fn a_card_while_and_after_it_is_executed() {
    let mut desk = Desk::open().await;
    let mut candidates = carried_out();
    let completed = RequestState::Completed {
        decision: decision(),
        at: at(20),
        first: None,
        retry: None,
        retry_first: None,
    };
    let request = about(&candidates, completed);
    let card = shown(&request, &candidates, 0, &restorations(&candidates));
    desk.message_is("card_completed", &card).await;
    let trouble = RetryState { error: Some(EVIL.into()), waits: 1 };
    candidates[1].state = CandidateState::Suspended {
        at: at(12),
        confirmation: Confirmation::ByReading,
        sessions: Sessions::Due(Attempt { attempts: 1, trouble, ..Attempt::default() }),
    };
    candidates[0].state = due(0);
    candidates[8].state = due(2);
    let request =
        about(&candidates, RequestState::Approved { decision: decision(), first: None, retry: None });
    desk.message_is("card_approved", &shown(&request, &candidates, 0, &[])).await;
    desk.close();
}

#[tokio::test]
async fn the_end_of_a_request_is_reported() {
    let mut desk = Desk::open().await;
    let candidates = carried_out();
    let mut said = String::new();
    for state in [
        RequestState::Completed {
            decision: decision(),
            at: at(20),
            first: None,
            retry: None,
            retry_first: None,
        },
        RequestState::Denied { decision: decision() },
        RequestState::Expired { at: at(480) },
        RequestState::Withdrawn { decision: decision() },
        RequestState::WentLive { decision: decision() },
    ] {
        let request = about(&candidates, state);
        let chain = Some((4711, "0123456789abcdef0123"));
        let card = notices::ending(&request, &candidates, &somewhere(), chain).expect("it has ended");
        said += &["=== ", request.state.word(), "\n", &desk.message(&card).await, "\n"].concat();
    }
    compare("endings", &said);
    let request = about(
        &candidates,
        RequestState::Completed {
            decision: decision(),
            at: at(20),
            first: None,
            retry: None,
            retry_first: None,
        },
    );
    desk.message_is("outcomes", &notices::outcomes(&request, &candidates, at(20))).await;
    desk.close();
}
