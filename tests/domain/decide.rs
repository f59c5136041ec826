//! A person's input to a request: the whole table of states and verbs, every refusal, and who may do what.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::audit::{Action, Actor, Person};
use inactive_contractors::domain::candidate::{Candidate, CandidateState, Skip};
use inactive_contractors::domain::keep::{KeptUntil, Until};
use inactive_contractors::domain::pause::Pause;
use inactive_contractors::domain::person::Principal;
use inactive_contractors::domain::policy::{AccountOwners, Rule};
use inactive_contractors::domain::request::{
    Decision, Input, KnownForRetry, Refusal, Release, Request, RequestState, Transition, Verb, decide,
    outdate, refused,
};

use super::fixture::{
    candidate, due, every_candidate_state, every_request_state, held, now, pending, person, proposed,
    request, rule,
};

fn every_verb() -> Vec<Verb> {
    vec![
        suspend(&[]),
        Verb::Deny,
        Verb::Release,
        Verb::GoLive,
        Verb::Withdraw,
        keep_one(),
        Verb::TakeBackApproval,
        Verb::Retry { known: KnownForRetry { told: true, ..KnownForRetry::default() } },
        Verb::AskAgain,
    ]
}

fn suspend(keep: &[u32]) -> Verb {
    Verb::Suspend { keep: keep.iter().copied().collect(), until: KeptUntil::default() }
}

fn keep_one() -> Verb {
    let until = Until { ends_at: now() + Duration::days(5), reason: "on leave".into() };
    Verb::Keep { until: KeptUntil { wishes: [(0, until)].into(), max: Duration::days(90) } }
}

/// Ten minutes after the card was posted, by somebody who may do everything, on the right list.
fn input(who: &str, verb: Verb) -> Input {
    Input {
        verb,
        principal: Principal { person: person(who), approver: true, admin: true, viewer: true },
        received_at: now() + Duration::minutes(10),
        list_hash: Some(pending().list_hash),
        reason: Some("because".into()),
        approvals_needed: 1,
        rule: rule(),
        account_owners: AccountOwners::new(),
        paused: None,
    }
}

fn states(transition: &Transition) -> Vec<&'static str> {
    transition.candidates.iter().map(|(_, state)| state.word()).collect()
}

fn actions(transition: &Transition) -> Vec<Action> {
    transition.events.iter().map(|event| event.action).collect()
}

/// The candidates after a transition.
fn after(candidates: &[Candidate], transition: &Transition) -> Vec<CandidateState> {
    let changed = |one: &Candidate| transition.candidates.iter().find(|(at, _)| *at == one.position);
    candidates
        .iter()
        .map(|one| changed(one).map_or_else(|| one.state.clone(), |(_, state)| state.clone()))
        .collect()
}

/// The next state's word, or the refusal's.
fn outcome(state: RequestState, verb: Verb) -> &'static str {
    match decide(&request(state), &proposed(), &input("bob", verb)) {
        Ok(transition) => transition.state.word(),
        Err(Refusal::AlreadyDecided { .. }) => "decided",
        Err(Refusal::DoesNotFit | Refusal::NotYourApproval { .. } | Refusal::NothingFailed) => "no",
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn every_verb_in_every_state() {
    #[rustfmt::skip]
    let table = [
        // state        suspend     deny       release    go live      withdraw     keep one   take back  retry      ask again
        ("preview",   ["no",       "denied",  "no",      "went_live", "withdrawn", "no", "no",      "no",      "no"]),
        ("held",      ["no",       "denied",  "pending", "no",        "withdrawn", "no", "no",      "no",      "no"]),
        ("pending",   ["approved", "denied",  "no",      "no",        "withdrawn", "pending", "no",      "no",      "no"]),
        ("approved",  ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "decided", "no"]),
        ("completed", ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "no",      "no"]),
        ("denied",    ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "no",      "no"]),
        ("expired",   ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "no",      "expired"]),
        ("withdrawn", ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "no",      "withdrawn"]),
        ("went_live", ["decided",  "decided", "decided", "decided",   "decided",   "decided", "decided", "no",      "no"]),
    ];
    for (state, (word, row)) in every_request_state().into_iter().zip(table) {
        assert_eq!(state.word(), word);
        for (verb, expected) in every_verb().into_iter().zip(row) {
            assert_eq!(outcome(state.clone(), verb.clone()), expected, "{word} and {verb:?}");
        }
    }
}

#[test]
fn every_transition_is_audited_and_an_ended_request_holds_no_account() {
    for state in every_request_state() {
        for verb in every_verb().into_iter().chain([suspend(&[0]), suspend(&[0, 1, 2])]) {
            let Ok(transition) = decide(&request(state.clone()), &proposed(), &input("bob", verb.clone()))
            else {
                continue;
            };
            let first = transition.events.first().expect("no transition without an event");
            assert_eq!(first.actor, Actor::Person(person("bob")), "{state:?} {verb:?}");
            assert_eq!(first.at, now() + Duration::minutes(10));
            let works = matches!(
                transition.state,
                RequestState::Approved { .. } | RequestState::Pending { first: None }
            );
            if verb == Verb::AskAgain {
                assert_eq!(transition.candidates, [], "what it left alone stays so");
                continue;
            }
            let open = after(&proposed(), &transition).iter().any(CandidateState::is_open);
            assert_eq!(open, works, "{state:?} {verb:?}");
        }
    }
}

#[test]
fn an_approval_makes_the_selected_accounts_due_and_keeps_the_rest() {
    let transition = decide(&pending(), &proposed(), &input("bob", suspend(&[1]))).unwrap();
    assert_eq!(states(&transition), ["due", "kept", "due"]);
    assert_eq!(transition.candidates[0].1, due(0));
    assert_eq!(transition.candidates[1].1, CandidateState::Kept { by: person("bob"), until: None });
    assert_eq!(actions(&transition), [Action::Approved, Action::Kept]);
    let approved = &transition.events[0].detail;
    assert_eq!(approved["selected"], 2);
    assert_eq!(approved["kept"], 1);
    assert_eq!(approved["list_hash"], pending().list_hash);
    assert_eq!(approved["seconds_to_decide"], 600);
    assert_eq!(approved["reason"], "because");
    assert_eq!(transition.events[1].subject, Some(proposed()[1].subject()));
    assert_eq!(transition.deadline, pending().deadline);
    let RequestState::Approved { decision, first: None, retry: None } = transition.state else {
        panic!("approved")
    };
    let expected =
        Decision { by: person("bob"), at: now() + Duration::minutes(10), reason: Some("because".into()) };
    assert_eq!(decision, expected);
}

#[test]
fn the_audit_counts_the_accounts_that_were_kept_not_the_positions_that_were_sent() {
    let transition = decide(&pending(), &proposed(), &input("bob", suspend(&[1, 98, 99]))).unwrap();
    assert_eq!(transition.events[0].detail["kept"], 1);
}

#[test]
fn keeping_everybody_is_a_denial() {
    let transition = decide(&pending(), &proposed(), &input("bob", suspend(&[0, 1, 2]))).unwrap();
    assert_eq!(transition.state.word(), "denied");
    assert_eq!(states(&transition), ["kept", "kept", "kept"]);
    assert_eq!(actions(&transition), [Action::Denied, Action::Kept, Action::Kept, Action::Kept]);
}

/// The pending request's candidates, the first of which is known by `address`.
fn with_own(login: &str, email: Option<&str>) -> Vec<Candidate> {
    let mut candidates = proposed();
    login.clone_into(&mut candidates[0].shown.login);
    candidates[0].shown.email = email.map(str::to_owned);
    candidates
}

#[test]
fn nobody_suspends_their_own_account_known_by_login_or_address_in_any_case() {
    let table = [
        ("BOB@firm.example", None, true),
        ("b@x.example", Some("Bob@Firm.Example"), true),
        ("b@x.example", Some("notbob@firm.example"), false),
        ("b@x.example", None, false),
    ];
    for (login, email, own) in table {
        let transition = decide(&pending(), &with_own(login, email), &input("bob", suspend(&[]))).unwrap();
        assert_eq!(transition.state.word(), "approved");
        let expected = if own { "skipped" } else { "due" };
        assert_eq!(states(&transition), [expected, "due", "due"], "{login} {email:?}");
        if own {
            let at = now() + Duration::minutes(10);
            assert_eq!(
                transition.candidates[0].1,
                CandidateState::Skipped { at, why: Skip::OwnAccount, error: None }
            );
            assert_eq!(actions(&transition), [Action::Approved, Action::Skipped]);
        }
    }
}

#[test]
fn an_approval_that_leaves_only_the_own_account_is_refused() {
    let candidates = with_own("bob@firm.example", None);
    for (kept, list) in [(vec![], &candidates[..1]), (vec![1, 2], &candidates[..])] {
        let answer = decide(&pending(), list, &input("bob", suspend(&kept)));
        assert_eq!(answer, Err(Refusal::OnlyOwnAccounts), "{kept:?}");
    }
}

#[test]
fn keeping_everybody_the_own_account_among_them_is_a_denial() {
    let candidates = with_own("bob@firm.example", None);
    let transition = decide(&pending(), &candidates, &input("bob", suspend(&[0, 1, 2]))).unwrap();
    assert_eq!(transition.state.word(), "denied");
}

#[test]
fn without_an_address_nobody_approves_but_anybody_may_deny() {
    for email in [None, Some(String::new()), Some("  ".to_owned())] {
        let mut by = input("bob", suspend(&[]));
        by.principal.person = Person { email: email.clone(), ..person("bob") };
        assert_eq!(decide(&pending(), &proposed(), &by), Err(Refusal::NoEmail), "{email:?}");
        by.verb = Verb::Deny;
        assert_eq!(decide(&pending(), &proposed(), &by).unwrap().state.word(), "denied");
    }
}

#[test]
fn the_deadline_is_judged_by_the_receipt() {
    let deadline = pending().deadline.unwrap();
    let at = |received_at: DateTime<Utc>, verb| {
        decide(&pending(), &proposed(), &Input { received_at, ..input("bob", verb) })
    };
    for verb in [suspend(&[]), Verb::Deny, Verb::Withdraw] {
        assert!(at(deadline - Duration::milliseconds(1), verb.clone()).is_ok(), "{verb:?}");
        let late = Err(Refusal::PastDeadline { deadline });
        assert_eq!(at(deadline, verb.clone()), late, "{verb:?}");
        assert_eq!(at(deadline + Duration::days(9), verb.clone()), late, "{verb:?}");
    }
}

#[test]
fn nothing_but_a_withdrawal_is_taken_before_the_card_stands() {
    for (state, verb) in [
        (RequestState::Pending { first: None }, suspend(&[])),
        (RequestState::Pending { first: None }, Verb::Deny),
        (held(), Verb::Release),
        (RequestState::Preview, Verb::GoLive),
    ] {
        let unposted = Request { deadline: None, ..request(state) };
        assert_eq!(decide(&unposted, &proposed(), &input("bob", verb)), Err(Refusal::NotPostedYet));
        let withdrawn = decide(&unposted, &proposed(), &input("bob", Verb::Withdraw)).unwrap();
        assert_eq!(withdrawn.state.word(), "withdrawn");
    }
}

#[test]
fn a_decision_on_another_list_is_refused() {
    for (state, verb) in [
        (RequestState::Pending { first: None }, suspend(&[])),
        (RequestState::Pending { first: None }, Verb::Deny),
        (held(), Verb::Release),
        (RequestState::Preview, Verb::GoLive),
        (RequestState::Pending { first: None }, Verb::Withdraw),
    ] {
        let mut by = input("bob", verb.clone());
        by.list_hash = Some("0123456789abcdef".into());
        assert_eq!(decide(&request(state), &proposed(), &by), Err(Refusal::OtherList), "{verb:?}");
    }
    let mut command = input("bob", Verb::Withdraw);
    command.list_hash = None;
    assert!(decide(&pending(), &proposed(), &command).is_ok(), "a command shows no list");
}

#[test]
fn each_verb_needs_its_right() {
    let (neither, admin, approver) = ((false, false), (false, true), (true, false));
    let table = [
        (RequestState::Pending { first: None }, suspend(&[]), neither, Err(Refusal::NotAnApprover)),
        (RequestState::Pending { first: None }, suspend(&[]), admin, Err(Refusal::NotAnApprover)),
        (RequestState::Pending { first: None }, suspend(&[]), approver, Ok("approved")),
        (RequestState::Pending { first: None }, Verb::Deny, neither, Err(Refusal::NotAnApprover)),
        (RequestState::Pending { first: None }, Verb::Deny, admin, Err(Refusal::NotAnApprover)),
        (RequestState::Pending { first: None }, Verb::Deny, approver, Ok("denied")),
        (held(), Verb::Release, neither, Err(Refusal::NotAnApprover)),
        (held(), Verb::Release, admin, Ok("pending")),
        (held(), Verb::Release, approver, Ok("pending")),
        (RequestState::Preview, Verb::GoLive, neither, Err(Refusal::NotAnAdmin)),
        (RequestState::Preview, Verb::GoLive, approver, Err(Refusal::NotAnAdmin)),
        (RequestState::Preview, Verb::GoLive, admin, Ok("went_live")),
        (RequestState::Pending { first: None }, Verb::Withdraw, neither, Err(Refusal::NotAnApprover)),
        (RequestState::Pending { first: None }, Verb::Withdraw, admin, Ok("withdrawn")),
        (RequestState::Pending { first: None }, Verb::Withdraw, approver, Ok("withdrawn")),
    ];
    for (state, verb, (approver, admin), expected) in table {
        let mut by = input("bob", verb.clone());
        by.principal = Principal { person: person("bob"), approver, admin, viewer: true };
        let answer = decide(&request(state), &proposed(), &by).map(|transition| transition.state.word());
        assert_eq!(answer, expected, "{verb:?} by approver {approver}, admin {admin}");
    }
}

#[test]
fn rights_are_checked_before_anything_that_would_tell_of_the_state() {
    for state in every_request_state() {
        for verb in every_verb() {
            let mut by = input("eve", verb.clone());
            by.principal = Principal { person: person("eve"), approver: false, admin: false, viewer: true };
            by.list_hash = Some("stale".into());
            by.received_at = now() + Duration::days(99);
            let refusal = decide(&request(state.clone()), &proposed(), &by).unwrap_err();
            let expected = if verb == Verb::GoLive { Refusal::NotAnAdmin } else { Refusal::NotAnApprover };
            assert_eq!(refusal, expected, "{state:?} {verb:?}");
        }
    }
}

#[test]
fn the_answer_to_a_second_decision_names_the_first_person() {
    let decision = Decision { by: person("ann"), at: now(), reason: None };
    let state = RequestState::Approved { decision, first: None, retry: None };
    for (who, by_you) in [("ann", true), ("bob", false)] {
        let refusal = decide(&request(state.clone()), &proposed(), &input(who, Verb::Deny)).unwrap_err();
        assert_eq!(refusal, Refusal::AlreadyDecided { state: Box::new(state.clone()), by_you });
    }
    let expired = request(RequestState::Expired { at: now() });
    let refusal = decide(&expired, &proposed(), &input("ann", suspend(&[]))).unwrap_err();
    assert_eq!(refusal, Refusal::AlreadyDecided { state: Box::new(expired.state), by_you: false });
}

#[test]
fn a_release_asks_again_and_is_remembered() {
    let transition = decide(&request(held()), &proposed(), &input("bob", Verb::Release)).unwrap();
    let at = now() + Duration::minutes(10);
    let RequestState::Held { guard } = held() else { panic!("held") };
    assert_eq!(transition.state, RequestState::Pending { first: None });
    assert_eq!(transition.deadline, Some(at + Duration::hours(24)), "the full time to answer");
    assert_eq!(transition.release, Some(Release { by: person("bob"), at, guard }));
    assert_eq!(transition.candidates, []);
    assert_eq!(actions(&transition), [Action::Released]);
    let released = Request {
        state: transition.state,
        deadline: transition.deadline,
        release: transition.release,
        ..pending()
    };
    let again = decide(&released, &proposed(), &input("cyd", Verb::Release));
    assert_eq!(again, Err(Refusal::DoesNotFit), "once");
}

#[test]
fn a_guard_is_overridden_by_two_people() {
    let asked_by_ann = Request { swept_by: Some(person("ann")), ..request(held()) };
    let by_ann = decide(&asked_by_ann, &proposed(), &input("ann", Verb::Release));
    assert_eq!(by_ann, Err(Refusal::SecondPersonNeeded { first: person("ann") }));
    assert!(decide(&asked_by_ann, &proposed(), &input("bob", Verb::Release)).is_ok());
    let RequestState::Held { guard } = held() else { panic!("held") };
    let release = Some(Release { by: person("bob"), at: now(), guard });
    let released = Request { release, ..pending() };
    let by_bob = decide(&released, &proposed(), &input("bob", suspend(&[])));
    assert_eq!(by_bob, Err(Refusal::SecondPersonNeeded { first: person("bob") }));
    assert!(decide(&released, &proposed(), &input("ann", suspend(&[]))).is_ok());
    assert!(decide(&released, &proposed(), &input("bob", Verb::Deny)).is_ok(), "denying needs no second");
    let ordinary = Request { swept_by: Some(person("ann")), ..pending() };
    assert!(decide(&ordinary, &proposed(), &input("ann", suspend(&[]))).is_ok(), "nothing to override");
}

#[test]
fn a_rule_goes_live_without_touching_an_account() {
    let previewed: Vec<_> = (0..2).map(|at| candidate(at, CandidateState::Previewed)).collect();
    let preview = request(RequestState::Preview);
    let transition = decide(&preview, &previewed, &input("bob", Verb::GoLive)).unwrap();
    assert_eq!(transition.candidates, []);
    assert_eq!(actions(&transition), [Action::WentLive]);
    assert_eq!(transition.events[0].detail["rule"]["inactive_after"], 7 * 86_400);
}

#[test]
fn what_has_an_outcome_keeps_it_when_the_request_ends() {
    let mixed: Vec<_> =
        every_candidate_state().into_iter().zip(0..).map(|(state, at)| candidate(at, state)).collect();
    for verb in [Verb::Deny, Verb::Withdraw] {
        let transition = decide(&pending(), &mixed, &input("bob", verb)).unwrap();
        let changed: Vec<_> = transition.candidates.iter().map(|(at, state)| (*at, state.word())).collect();
        assert_eq!(changed, [(1, "dropped"), (4, "dropped")]);
    }
}

#[test]
fn an_approval_reaches_only_accounts_that_wait_for_it() {
    let mixed: Vec<_> =
        every_candidate_state().into_iter().zip(0..).map(|(state, at)| candidate(at, state)).collect();
    let transition = decide(&pending(), &mixed, &input("bob", suspend(&[0, 2]))).unwrap();
    let changed: Vec<_> = transition.candidates.iter().map(|(at, state)| (*at, state.word())).collect();
    assert_eq!(changed, [(1, "due")]);
    assert_eq!(actions(&transition), [Action::Approved]);
}

#[test]
fn a_refused_input_leaves_a_trace() {
    let words = ["suspend", "deny", "release", "go_live", "withdraw", "keep"];
    for (verb, word) in every_verb().into_iter().zip(words) {
        let draft = refused(&input("eve", verb), &Refusal::NotAnApprover);
        assert_eq!(draft.action, Action::InputRefused);
        assert_eq!(draft.actor, Actor::Person(person("eve")));
        assert_eq!(draft.at, now() + Duration::minutes(10));
        assert_eq!(draft.detail, serde_json::json!({ "verb": word, "why": "not_an_approver" }));
    }
}

#[test]
fn while_paused_nothing_that_takes_access_away_or_sweeps_is_decided() {
    let pause = Pause {
        id: 1,
        policy: "contractors".into(),
        began: Decision { by: person("root"), at: now(), reason: None },
        ended: None,
    };
    let paused = |verb| Input { paused: Some(Box::new(pause.clone())), ..input("bob", verb) };
    for verb in [suspend(&[]), Verb::Retry { known: KnownForRetry::default() }, Verb::AskAgain] {
        let refusal = decide(&pending(), &proposed(), &paused(verb)).unwrap_err();
        assert_eq!(refusal, Refusal::Paused { by: Box::new(pause.began.clone()) });
    }
    decide(&pending(), &proposed(), &paused(Verb::Deny)).unwrap();
    decide(&pending(), &proposed(), &paused(Verb::Withdraw)).unwrap();
}

#[test]
fn what_a_changed_rule_left_behind_can_be_ended_and_nothing_else() {
    let wider = Rule { inactive_after: Duration::days(6).into(), ..rule() };
    let under = |verb| Input { rule: wider.clone(), ..input("bob", verb) };
    assert_eq!(decide(&pending(), &proposed(), &under(suspend(&[]))).unwrap_err(), Refusal::RuleChanged);
    decide(&pending(), &proposed(), &under(Verb::Deny)).unwrap();

    let left = outdate(&pending(), &proposed(), &wider, now()).unwrap();
    assert_eq!(left.state, RequestState::Outdated { at: now() });
    assert!(left.candidates.iter().all(|(_, state)| *state == CandidateState::Dropped));
    let narrower = Rule { exempt_logins: vec!["*@partner.example".into()], ..rule() };
    assert_eq!(outdate(&pending(), &proposed(), &narrower, now()), None);
    let ended = Request { state: RequestState::Expired { at: now() }, ..pending() };
    assert_eq!(outdate(&ended, &proposed(), &wider, now()), None);
}
