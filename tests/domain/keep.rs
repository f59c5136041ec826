//! Keeping accounts until a day: with a decision, one by one, and every refusal.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::audit::Action;
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::exemption::Refusal as NotExempt;
use inactive_contractors::domain::keep::{KeptUntil, Until};
use inactive_contractors::domain::person::Principal;
use inactive_contractors::domain::policy::AccountOwners;
use inactive_contractors::domain::request::{
    Input, Refusal, RequestState, Transition, Verb, decide, refused,
};

use super::fixture::{days, now, pending, person, proposed, request, rule};

fn until(positions: &[u32], ends_at: DateTime<Utc>, reason: &str) -> KeptUntil {
    let wish = Until { ends_at, reason: reason.into() };
    KeptUntil { wishes: positions.iter().map(|position| (*position, wish.clone())).collect(), max: days(90) }
}

fn input(who: &str, verb: Verb) -> Input {
    Input {
        verb,
        principal: Principal { person: person(who), approver: true, admin: false, viewer: true },
        received_at: now() + Duration::minutes(10),
        list_hash: Some(pending().list_hash),
        reason: Some("because".into()),
        approvals_needed: 1,
        rule: rule(),
        account_owners: AccountOwners::new(),
        paused: None,
    }
}

fn keep(candidates: &[Candidate], until: KeptUntil) -> Result<Transition, Refusal> {
    decide(&pending(), candidates, &input("bob", Verb::Keep { until }))
}

fn actions(transition: &Transition) -> Vec<Action> {
    transition.events.iter().map(|event| event.action).collect()
}

#[test]
fn one_is_kept_and_the_others_are_still_asked_about() {
    let transition = keep(&proposed(), until(&[1], now() + days(5), "on leave")).unwrap();
    assert_eq!(transition.state, RequestState::Pending { first: None });
    let kept = CandidateState::Kept { by: person("bob"), until: Some(now() + days(5)) };
    assert_eq!(transition.candidates, [(1, kept)]);
    assert_eq!(actions(&transition), [Action::Kept]);
    assert_eq!(transition.events[0].detail["reason"], "on leave");
    let (position, wish) = &transition.exemptions[0];
    assert_eq!((*position, wish.ends_at, wish.reason.as_str()), (1, now() + days(5), "on leave"));
    assert_eq!(wish.account, proposed()[1].subject());
}

#[test]
fn the_last_one_that_is_kept_ends_the_request_as_denied() {
    let mut candidates = proposed();
    for position in [0, 2] {
        candidates[position].state = CandidateState::Kept { by: person("ann"), until: None };
    }
    let transition = keep(&candidates, until(&[1], now() + days(5), "on leave")).unwrap();
    assert_eq!(transition.state.word(), "denied");
    assert_eq!(actions(&transition), [Action::Denied, Action::Kept]);
}

#[test]
fn what_is_kept_already_is_not_kept_again() {
    let mut candidates = proposed();
    candidates[1].state = CandidateState::Kept { by: person("ann"), until: None };
    let refusal = keep(&candidates, until(&[1], now() + days(5), "on leave")).unwrap_err();
    assert!(matches!(refusal, Refusal::NotProposed { .. }), "{refusal:?}");
    assert_eq!(keep(&candidates, until(&[9], now() + days(5), "x")), Err(Refusal::DoesNotFit));
}

#[test]
fn an_admin_may_keep_and_a_stranger_to_the_policy_may_not() {
    let verb = || Verb::Keep { until: until(&[1], now() + days(5), "on leave") };
    let mut admin = input("bob", verb());
    (admin.principal.approver, admin.principal.admin) = (false, true);
    assert!(decide(&pending(), &proposed(), &admin).is_ok());
    admin.principal.admin = false;
    assert_eq!(decide(&pending(), &proposed(), &admin), Err(Refusal::NotAnApprover));
    let blind = Input { list_hash: None, ..input("bob", verb()) };
    assert_eq!(decide(&pending(), &proposed(), &blind), Err(Refusal::OtherList));
    let late = Input { received_at: now() + days(1), ..input("bob", verb()) };
    assert!(matches!(decide(&pending(), &proposed(), &late), Err(Refusal::PastDeadline { .. })));
    let held = request(super::fixture::held());
    assert_eq!(decide(&held, &proposed(), &input("bob", verb())), Err(Refusal::DoesNotFit));
}

#[test]
fn each_wish_is_checked_like_any_exemption_and_the_refusal_names_the_account() {
    let mut candidates = proposed();
    candidates[1].shown.name = "Kim".into();
    for (until, expected) in [
        (until(&[1], now() + days(5), "  "), NotExempt::NoReason),
        (until(&[1], now() + days(5), &"x".repeat(501)), NotExempt::ReasonTooLong),
        (until(&[1], now() - days(1), "x"), NotExempt::EndsTooEarly),
        (until(&[1], now() + days(91), "x"), NotExempt::TooLong { max: days(90) }),
    ] {
        let suspend = Verb::Suspend { keep: [].into(), until: until.clone() };
        for verb in [Verb::Keep { until }, suspend] {
            let input = input("bob", verb);
            let refusal = decide(&pending(), &candidates, &input).unwrap_err();
            let Refusal::NotUntil { account, name, why } = &refusal else { panic!("{refusal:?}") };
            assert_eq!((account, why), (&candidates[1].subject(), &expected));
            assert_eq!(name, "Kim");
            // It goes to the audit trail and comes back from it.
            let recorded = refused(&input, &refusal).detail["why"].clone();
            assert_eq!(serde_json::from_value::<Refusal>(recorded).unwrap(), refusal);
        }
    }
}

#[test]
fn nobody_keeps_their_own_account_until_a_day() {
    let mut candidates = proposed();
    candidates[1].shown.email = person("bob").email;
    let refusal = keep(&candidates, until(&[1], now() + days(5), "mine")).unwrap_err();
    assert!(matches!(refusal, Refusal::NotUntil { why: NotExempt::OwnAccount, .. }), "{refusal:?}");
    for name in [proposed()[1].shown.login.to_uppercase(), proposed()[1].shown.id.0.clone()] {
        let until = until(&[1], now() + days(5), "mine");
        let suspend = Verb::Suspend { keep: [].into(), until: until.clone() };
        for verb in [Verb::Keep { until }, suspend] {
            let account_owners = [("bob".into(), [name.clone()].into())].into();
            let by = Input { account_owners, ..input("bob", verb) };
            let refusal = decide(&pending(), &proposed(), &by).unwrap_err();
            assert!(matches!(refusal, Refusal::NotUntil { why: NotExempt::OwnAccount, .. }), "{refusal:?}");
        }
    }
}

#[test]
fn a_decision_keeps_some_until_a_day_and_suspends_the_rest() {
    let verb = Verb::Suspend { keep: [0].into(), until: until(&[1], now() + days(5), "on leave") };
    let transition = decide(&pending(), &proposed(), &input("bob", verb)).unwrap();
    assert_eq!(transition.state.word(), "approved");
    assert_eq!(actions(&transition), [Action::Approved, Action::Kept, Action::Kept]);
    let by = person("bob");
    let expected = [
        CandidateState::Kept { by: by.clone(), until: None },
        CandidateState::Kept { by, until: Some(now() + days(5)) },
        super::fixture::due(0),
    ];
    let states: Vec<_> = transition.candidates.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, expected);
    assert_eq!(transition.exemptions.len(), 1);
    assert_eq!(transition.events[2].detail["reason"], "on leave");
    assert_eq!(transition.events[1].detail["reason"], "because");
}

#[test]
fn a_candidate_kept_before_ends_were_known_is_still_read() {
    let old = r#"{"state":"kept","by":{"id":"ann","name":"ann","email":"ann@firm.example"}}"#;
    let kept: CandidateState = serde_json::from_str(old).unwrap();
    assert_eq!(kept, CandidateState::Kept { by: person("ann"), until: None });
    assert_eq!(serde_json::to_string(&kept).unwrap(), old);
}
