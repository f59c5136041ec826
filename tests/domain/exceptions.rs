//! Which exemptions are granted, and what a restoration may do next.

use chrono::{DateTime, Duration, TimeZone, Utc};
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::assess::left_alone_until;
use inactive_contractors::domain::attempt::{ATTEMPTS_MAX, Attempt, Confirmation, Proof, RetryState};
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Person, Subject};
use inactive_contractors::domain::exemption::{
    End, Granted, REASON_MAX, Refusal, START_AHEAD_MAX, Wish, check, strongest,
};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::policy::AccountOwners;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::restoration::{
    self, Restoration, RestorationState, RestoreStep, Skip, restore_by, step,
};

use crate::fixture;

const MAX: Duration = Duration::days(90);

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, 1, 9, 0, 0).unwrap()
}

fn wish() -> Wish {
    Wish {
        policy: "contractors".into(),
        provider: ProviderName::default(),
        account: Subject { id: AccountId("00u1".into()), login: "kim@ext.example".into() },
        email: Some("kim@mail.example".into()),
        by: Person {
            id: "U1".into(),
            name: "Ann".into(),
            email: Some("ann@example.com".into()),
            person_id: None,
        },
        reason: "on leave".into(),
        starts_at: now(),
        ends_at: now() + Duration::days(30),
    }
}

#[test]
fn an_exemption_has_a_reason_an_end_and_a_bound() {
    assert_eq!(check(&wish(), &AccountOwners::new(), MAX, now()), Ok(()));
    assert_eq!(check(&Wish { ends_at: now() + MAX, ..wish() }, &AccountOwners::new(), MAX, now()), Ok(()));
    let starts_at = now() + START_AHEAD_MAX;
    let leave = Wish { starts_at, ends_at: starts_at + MAX, ..wish() };
    assert_eq!(check(&leave, &AccountOwners::new(), MAX, now()), Ok(()), "the length counts from its start");
    let late = now() + START_AHEAD_MAX + Duration::seconds(1);
    for (wish, refusal) in [
        (Wish { reason: " ".into(), ..wish() }, Refusal::NoReason),
        (Wish { reason: "é".repeat(REASON_MAX + 1), ..wish() }, Refusal::ReasonTooLong),
        (Wish { ends_at: now(), ..wish() }, Refusal::EndsTooEarly),
        (Wish { starts_at: now() + Duration::days(31), ..wish() }, Refusal::EndsTooEarly),
        (Wish { ends_at: now() + MAX + Duration::seconds(1), ..wish() }, Refusal::TooLong { max: MAX }),
        (Wish { starts_at: late, ends_at: late + MAX, ..wish() }, Refusal::StartsTooLate),
    ] {
        assert_eq!(check(&wish, &AccountOwners::new(), MAX, now()), Err(refusal));
    }
    assert_eq!(
        check(&Wish { reason: "é".repeat(REASON_MAX), ..wish() }, &AccountOwners::new(), MAX, now()),
        Ok(())
    );
}

fn granted(id: i64, account: &str, starts_in: i64, ends_in: i64) -> Granted {
    let wish = wish();
    Granted {
        id,
        policy: wish.policy,
        provider: ProviderName::default(),
        account: Subject { id: AccountId(account.into()), ..wish.account },
        by: wish.by,
        reason: wish.reason,
        granted_at: now(),
        starts_at: now() + Duration::days(starts_in),
        ends_at: now() + Duration::days(ends_in),
        end: None,
    }
}

#[test]
fn an_exemption_is_in_force_from_its_start_until_its_end() {
    let week = granted(1, "00u1", 1, 8);
    let (start, end) = (now() + Duration::days(1), now() + Duration::days(8));
    assert!(!week.in_force(start - Duration::seconds(1)));
    assert!(week.in_force(start));
    assert!(week.in_force(end - Duration::seconds(1)));
    assert!(!week.in_force(end));
    let lifted = End::Lifted { by: wish().by, reason: None };
    let ended = Granted { end: Some((now(), lifted)), ..week };
    assert!(!ended.in_force(start), "it is over early");
}

#[test]
fn a_clock_that_was_ahead_neither_puts_an_exemption_off_nor_ends_it() {
    let set_right = now() - Duration::hours(3);
    let week = granted(1, "00u1", 0, 7);
    assert!(week.in_force(set_right), "it began when it was granted");
    assert!(!granted(1, "00u1", 1, 7).in_force(set_right), "a leave starts later");
    let lapsed = Granted { end: Some((week.ends_at, End::Lapsed)), ..week };
    assert!(lapsed.in_force(set_right));
    assert!(!lapsed.in_force(lapsed.ends_at));
}

#[test]
fn of_several_exemptions_in_force_the_one_that_ends_last_counts() {
    let all = [
        granted(1, "00u1", 0, 7),
        granted(2, "00u1", -1, 9),
        granted(3, "00u1", 1, 30),
        granted(4, "00u2", 0, 60),
    ];
    let found = |account: &str| strongest(all.iter(), &AccountId(account.into()), now()).map(|one| one.id);
    assert_eq!((found("00u1"), found("00u2"), found("00u3")), (Some(2), Some(4), None));
}

#[test]
fn nobody_exempts_an_account_that_is_or_may_be_their_own() {
    let by = |email: Option<&str>| Person { email: email.map(str::to_owned), ..wish().by };
    for (email, refusal) in [
        (Some("KIM@ext.example"), Refusal::OwnAccount),
        (Some("kim@MAIL.example"), Refusal::OwnAccount),
        (Some(" "), Refusal::NoEmail),
        (None, Refusal::NoEmail),
    ] {
        assert_eq!(check(&Wish { by: by(email), ..wish() }, &AccountOwners::new(), MAX, now()), Err(refusal));
    }
}

#[test]
fn a_restored_account_is_left_alone_for_the_longer_of_the_two_times() {
    let mut rule = fixture::policy().rule;
    (rule.inactive_after, rule.restored_grace) = (Duration::days(7).into(), Duration::days(14).into());
    assert_eq!(left_alone_until(now(), &rule), now() + Duration::days(14));
    rule.inactive_after = Duration::days(30).into();
    assert_eq!(left_alone_until(now(), &rule), now() + Duration::days(30));
}

fn due(attempts: u32) -> Restoration {
    restoration(RestorationState::Due(Attempt { attempts, ..Attempt::default() }))
}

fn restoration(state: RestorationState) -> Restoration {
    let wish = restoration::Wish {
        policy: "contractors".into(),
        provider: ProviderName::default(),
        request: None,
        account: wish().account,
        name: "Kim".into(),
        by: wish().by,
        reason: "back".into(),
    };
    Restoration { id: 1, wish, asked_at: now(), state }
}

fn words(restoration: &Restoration, taken: RestoreStep) -> Option<(&'static str, Vec<&'static str>)> {
    step(restoration, taken, now())
        .map(|(state, events)| (state.word(), events.iter().map(|event| event.action.word()).collect()))
}

#[test]
fn a_restoration_is_confirmed_only_after_its_intent() {
    let confirm = RestoreStep::Confirm(Proof::by_call(None));
    let wait = RestoreStep::Wait { error: "no".to_owned(), wait: Duration::seconds(5) };
    assert_eq!(words(&due(0), confirm.clone()), None);
    assert_eq!(
        words(&due(0), RestoreStep::Intend { status_changed: None, evidence: None }),
        Some(("due", vec!["restore_intended"]))
    );
    assert_eq!(words(&due(1), confirm), Some(("restored", vec!["restored"])));
    assert_eq!(words(&due(0), RestoreStep::Skip(Skip::Gone)), Some(("skipped", vec!["restore_skipped"])));
    assert_eq!(words(&due(1), wait), Some(("due", vec![])));
}

#[test]
fn tries_are_counted_unless_they_were_rejected_unseen() {
    let (error, wait) = ("no".to_owned(), Duration::seconds(5));
    let again = RestoreStep::TryAgain { error: error.clone(), wait };
    let away = RestoreStep::Rejected { error, wait };
    assert_eq!(words(&due(ATTEMPTS_MAX - 1), again.clone()), Some(("due", vec!["restore_try_failed"])));
    assert_eq!(words(&due(ATTEMPTS_MAX), again), Some(("due", vec!["restore_try_failed"])));
    assert!(due(ATTEMPTS_MAX).state.is_tried_enough() && !due(ATTEMPTS_MAX - 1).state.is_tried_enough());
    let (given_up, _) =
        step(&due(ATTEMPTS_MAX), RestoreStep::GiveUp { error: "no".into() }, now()).expect("it is due");
    assert!(matches!(given_up, RestorationState::Failed { too_late: false, unclear: false, .. }));
    let (unknown, events) = step(&due(1), RestoreStep::TooLateToTell, now()).expect("it is due");
    assert!(matches!(unknown, RestorationState::Failed { too_late: true, unclear: true, .. }));
    assert_eq!(events[0].detail["unclear"], true);
    let (state, _) = step(&due(3), away, now()).expect("it is due");
    let trouble = RetryState { error: Some("no".to_owned()), waits: 1 };
    assert_eq!(
        state,
        RestorationState::Due(Attempt {
            attempts: 2,
            not_before: Some(now() + wait),
            trouble,
            ..Attempt::default()
        })
    );
}

#[test]
fn what_turns_away_for_the_same_reason_is_audited_once() {
    let wait = Duration::seconds(60);
    let away = |error: &str| RestoreStep::Rejected { error: error.to_owned(), wait };
    let next = |before: &Restoration, taken| {
        let (state, events) = step(before, taken, now()).expect("it is due");
        (restoration(state), events.len())
    };
    let (first, told) = next(&due(1), away("no right (HTTP 403, request a): until 09:30"));
    assert_eq!(told, 1);
    let (tried, _) = next(&first, RestoreStep::Intend { status_changed: None, evidence: None });
    let (second, told) = next(&tried, away("no right (HTTP 403, request b): until 10:45"));
    assert_eq!(told, 0, "the same reason");
    let (third, told) = next(&second, away("no token"));
    assert_eq!(told, 1, "another reason");
    let RestorationState::Due(Attempt { trouble, .. }) = third.state else { panic!("it is due") };
    assert_eq!(trouble, RetryState { error: Some("no token".to_owned()), waits: 3 });
}

#[test]
fn a_wish_that_grows_too_old_fails_with_what_stood_in_the_way() {
    let (state, _) =
        step(&due(0), RestoreStep::Wait { error: "no".into(), wait: Duration::zero() }, now()).unwrap();
    let RestorationState::Due(Attempt { trouble, .. }) = &state else { panic!("{state:?}") };
    assert_eq!(trouble.waits, 1);
    let (state, events) = step(&restoration(state), RestoreStep::TooLate, now()).expect("it is due");
    assert_eq!(
        state,
        RestorationState::Failed { at: now(), error: "no".into(), too_late: true, unclear: false }
    );
    assert_eq!(events[0].action.word(), "restore_failed");
    assert_eq!(words(&due(0), RestoreStep::TooLate), Some(("failed", vec!["restore_failed"])));
    let policy = fixture::policy();
    assert_eq!(restore_by(Some(&policy), now()), now() + policy.execute_within);
    assert_eq!(restore_by(None, now()), now() + Duration::hours(24));
}

#[test]
fn the_status_change_known_before_the_first_try_stays_known() {
    let (asked, later) = (now() - Duration::hours(3), now() - Duration::hours(1));
    let known = |state: &RestorationState| match state {
        RestorationState::Due(Attempt { status_changed, .. }) => *status_changed,
        other => panic!("it is due, not {other:?}"),
    };
    let next = |state, taken| step(&restoration(state), taken, now()).expect("it is due").0;
    let again = || RestoreStep::TryAgain { error: "no".into(), wait: Duration::zero() };
    let state = next(
        RestorationState::due(Some(asked)),
        RestoreStep::Intend { status_changed: Some(later), evidence: None },
    );
    assert_eq!(known(&state), Some(asked));
    assert_eq!(known(&next(state, again())), Some(asked));
    let state = next(
        RestorationState::due(None),
        RestoreStep::Intend { status_changed: Some(later), evidence: None },
    );
    assert_eq!(known(&state), Some(later));
    let state =
        next(next(state, again()), RestoreStep::Intend { status_changed: Some(now()), evidence: None });
    assert_eq!(known(&state), Some(later));
    let state = next(due(1).state, RestoreStep::Intend { status_changed: Some(later), evidence: None });
    assert_eq!(known(&state), None, "what is read after a try may be its own work");
}

#[test]
fn rows_of_before_are_read_as_they_were_meant() {
    let state = |json: &str| serde_json::from_str::<RestorationState>(json).expect("an old row");
    let due = state(r#"{"state":"due","attempts":0,"not_before":null}"#);
    assert_eq!(due, RestorationState::due(None));
    assert_eq!(serde_json::to_string(&due).unwrap(), r#"{"state":"due","attempts":0,"not_before":null}"#);
    let failed = state(r#"{"state":"failed","at":"2026-03-02T09:00:00Z","error":"no"}"#);
    assert!(matches!(failed, RestorationState::Failed { too_late: false, .. }));
}

#[test]
fn what_has_ended_takes_no_step() {
    for state in [
        RestorationState::Restored { at: now(), confirmation: Confirmation::ByCall },
        RestorationState::Skipped { at: now(), why: Skip::Gone },
        RestorationState::Failed { at: now(), error: "no".into(), too_late: false, unclear: false },
    ] {
        assert_eq!(
            words(&restoration(state), RestoreStep::Intend { status_changed: None, evidence: None }),
            None
        );
    }
}

#[test]
fn a_wish_is_proven_by_its_own_event_of_the_trail_and_no_other() {
    let wish = restoration::Wish {
        policy: "contractors".into(),
        provider: ProviderName::default(),
        request: Some(RequestId(7)),
        account: wish().account,
        name: "Kim".into(),
        by: wish().by,
        reason: "she called".into(),
    };
    let asked = restoration::asked(&wish, now());
    let event = AuditEvent {
        seq: 1,
        at: asked.at,
        actor: asked.actor,
        action: asked.action.word().into(),
        policy: Some("contractors".into()),
        sweep: None,
        request: Some(RequestId(7)),
        subject: asked.subject,
        detail: asked.detail,
        prev_hash: GENESIS.into(),
        hash: String::new(),
    };
    let row = Restoration { id: 1, wish, asked_at: now(), state: RestorationState::due(None) };
    let whole = |event: AuditEvent| AuditEvent { hash: event.compute_hash(), ..event };
    assert!(restoration::is_proven(&row, Some(&whole(event.clone()))));
    assert!(!restoration::is_proven(&row, None));
    assert!(!restoration::is_proven(&row, Some(&event)), "its hash is another event's");
    let others: [fn(&mut AuditEvent); 4] = [
        |event| event.action = Action::Exempted.word().into(),
        |event| event.subject.as_mut().unwrap().login = "lee@ext.example".into(),
        |event| event.actor = Actor::System,
        |event| event.at += Duration::milliseconds(1),
    ];
    for (index, change) in others.into_iter().enumerate() {
        let mut other = event.clone();
        change(&mut other);
        assert!(!restoration::is_proven(&row, Some(&whole(other))), "{index}");
    }
}
