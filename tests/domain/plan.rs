//! What a sweep may say: the counts, the order, and every guard just below, at and above its threshold.

use inactive_contractors::domain::account::{Account, AccountStatus, NotSuspendable};
use inactive_contractors::domain::assess::{Assessment, Exemption, Grace, Idle, Signal};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::plan::{Assessed, Counts, Guard, Past, Plan, Verdict, plan};
use inactive_contractors::domain::policy::Policy;

use super::fixture::{contractor, days, evidence, now, policy};

fn assessed(name: &str, assessment: Assessment) -> Assessed {
    Assessed { account: contractor(name), assessment, waiting_in: None }
}

fn idle(days_ago: i64) -> Idle {
    Idle::new(now() - days(days_ago), Signal::SignIn)
}

fn active() -> Assessment {
    Assessment::Active(idle(1))
}

fn candidate() -> Assessment {
    Assessment::Candidate(evidence(30))
}

fn unknown() -> Assessment {
    Assessment::Unknown("odd".into())
}

#[test]
fn accounts_that_were_not_kept_count_like_all_others() {
    let mut others = Counts::default();
    for _ in 0..98 {
        others.add(&active(), false);
    }
    let few = || vec![assessed("a", candidate()), assessed("b", candidate())];
    let plan_of = |others| plan(&policy(), few(), others, &live());
    assert_eq!(
        plan_of(others).counts,
        Counts { population: 100, candidates: 2, active: 98, ..Counts::default() }
    );
    // A share is one of all, kept or not.
    let limited = || {
        let mut policy = policy();
        policy.limits.max_share = 0.02;
        policy
    };
    assert_eq!(plan(&limited(), few(), others, &live()).verdict, Verdict::Ask);
    others.active -= 88;
    others.population -= 88;
    let held = plan(&limited(), few(), others, &live()).verdict;
    assert!(matches!(held, Verdict::Held(Guard::TooLargeAShare { population: 12, .. })), "{held:?}");
}

/// So many accounts with the one answer, and so many with the other.
fn crowd(groups: &[(u32, Assessment)]) -> Vec<Assessed> {
    let mut all = Vec::new();
    for (count, assessment) in groups {
        for _ in 0..*count {
            all.push(assessed(&format!("n{}", all.len()), assessment.clone()));
        }
    }
    all
}

fn live() -> Past {
    Past { live: true, ..Past::default() }
}

/// A policy whose guards stay out of the way of each other.
fn lenient() -> Policy {
    let mut policy = policy();
    policy.limits.max_candidates = 1000;
    policy.limits.max_share = 1.0;
    policy.limits.min_population_share = 0.0;
    policy.limits.surge_factor = 0.0;
    policy
}

fn verdict(policy: &Policy, past: &Past, groups: &[(u32, Assessment)]) -> Verdict {
    plan(policy, crowd(groups), Counts::default(), past).verdict
}

#[test]
fn each_answer_has_its_count_and_they_add_up_to_the_population() {
    let mut all = crowd(&[
        (3, candidate()),
        (4, active()),
        (5, Assessment::InGrace { idle: idle(9), grace: Grace::NewAccount, until: now() }),
        (6, Assessment::Exempt(Exemption::AdminRole)),
        (7, Assessment::NotSuspendable(AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"))),
        (8, unknown()),
        (9, Assessment::OtherType(None)),
    ]);
    all[0].waiting_in = Some(RequestId(4));
    all[9].waiting_in = Some(RequestId(4));
    let Plan { counts, .. } = plan(&lenient(), all, Counts::default(), &live());
    let parts = [
        counts.candidates,
        counts.waiting,
        counts.active,
        counts.in_grace,
        counts.exempt,
        counts.not_suspendable,
        counts.unknown,
        counts.other_type,
    ];
    assert_eq!(parts, [2, 1, 4, 5, 6, 7, 8, 9]);
    assert_eq!(counts.population, 42);
    assert_eq!(parts.iter().sum::<u32>(), counts.population);
}

#[test]
fn candidates_come_first_and_the_longest_idle_first_whatever_the_order_they_came_in() {
    let waiting = Assessed {
        waiting_in: Some(RequestId(1)),
        ..assessed("waiting", Assessment::Candidate(evidence(90)))
    };
    let mut all = vec![
        assessed("other", Assessment::OtherType(None)),
        assessed("active", active()),
        assessed(
            "locked",
            Assessment::NotSuspendable(AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT")),
        ),
        assessed("exempt", Assessment::Exempt(Exemption::BreakGlass)),
        assessed("new", Assessment::InGrace { idle: idle(9), grace: Grace::NewAccount, until: now() }),
        assessed("odd", unknown()),
        waiting,
        assessed("idle-b", Assessment::Candidate(evidence(20))),
        assessed("idle-a", Assessment::Candidate(evidence(20))),
        assessed("idle-longest", Assessment::Candidate(evidence(41))),
    ];
    let expected =
        ["idle-longest", "idle-a", "idle-b", "waiting", "odd", "new", "exempt", "locked", "active", "other"]
            .map(|name| format!("{name}@contractors.example"));
    for _ in 0..all.len() {
        all.rotate_left(3);
        let plan = plan(&lenient(), all.clone(), Counts::default(), &live());
        let logins: Vec<_> = plan.assessed.iter().map(|one| one.account.login.clone()).collect();
        assert_eq!(logins, expected);
        let asked: Vec<_> = plan.candidates().map(|one| one.account.login.clone()).collect();
        assert_eq!(asked, expected[..3], "those that an open request holds are not asked about twice");
    }
}

#[test]
fn accounts_with_one_login_are_distinguished_by_id() {
    let twin = |id: &str| Assessed {
        account: Account {
            id: inactive_contractors::domain::account::AccountId(id.into()),
            ..contractor("kim")
        },
        assessment: candidate(),
        waiting_in: None,
    };
    let one = plan(&lenient(), vec![twin("b"), twin("a")], Counts::default(), &live());
    let two = plan(&lenient(), vec![twin("a"), twin("b")], Counts::default(), &live());
    assert_eq!(one, two);
}

#[test]
fn nobody_of_the_type_is_refused_and_never_all_clear() {
    let guard = Verdict::Refused(Guard::NobodyOfType { user_type: policy().rule.user_type });
    assert_eq!(verdict(&policy(), &live(), &[]), guard);
    assert_eq!(verdict(&policy(), &live(), &[(30, Assessment::OtherType(None))]), guard);
    assert_eq!(verdict(&policy(), &live(), &[(1, active())]), Verdict::NoCandidates);
    assert_eq!(
        verdict(&policy(), &live(), &[(1, Assessment::Exempt(Exemption::AdminRole))]),
        Verdict::NoCandidates
    );
}

#[test]
fn mostly_unknown_is_refused_above_half() {
    let of = |unknowns, others| verdict(&lenient(), &live(), &[(unknowns, unknown()), (others, candidate())]);
    assert_eq!(of(9, 11), Verdict::Ask);
    assert_eq!(of(10, 10), Verdict::Ask);
    assert_eq!(of(11, 9), Verdict::Refused(Guard::MostlyUnknown { unknown: 11, population: 20 }));
    assert_eq!(of(1, 0), Verdict::Refused(Guard::MostlyUnknown { unknown: 1, population: 1 }));
}

#[test]
fn far_fewer_accounts_than_last_time_are_held_even_without_candidates() {
    let mut policy = lenient();
    policy.limits.min_population_share = 0.5;
    let after = |before, count, of| {
        let past = Past { previous_population: before, ..live() };
        verdict(&policy, &past, &[(count, of)])
    };
    assert_eq!(after(None, 1, candidate()), Verdict::Ask, "nothing to compare with");
    assert_eq!(after(Some(40), 21, candidate()), Verdict::Ask);
    assert_eq!(after(Some(40), 20, candidate()), Verdict::Ask);
    let guard = Verdict::Held(Guard::FarFewer { now: 19, before: 40 });
    assert_eq!(after(Some(40), 19, candidate()), guard);
    assert_eq!(after(Some(40), 19, active()), guard);
    assert_eq!(after(Some(9), 1, candidate()), Verdict::Ask, "so few mean nothing");
    assert_eq!(after(Some(10), 4, candidate()), Verdict::Held(Guard::FarFewer { now: 4, before: 10 }));
}

#[test]
fn more_candidates_than_the_policy_allows_are_held() {
    let mut policy = lenient();
    policy.limits.max_candidates = 12;
    let of = |count| verdict(&policy, &live(), &[(count, candidate()), (100, active())]);
    assert_eq!(of(11), Verdict::Ask);
    assert_eq!(of(12), Verdict::Ask);
    assert_eq!(of(13), Verdict::Held(Guard::TooMany { candidates: 13, max: 12 }));
}

#[test]
fn a_larger_share_than_the_policy_allows_is_held() {
    let mut policy = lenient();
    policy.limits.max_share = 0.25;
    let of = |count, others| verdict(&policy, &live(), &[(count, candidate()), (others, active())]);
    assert_eq!(of(9, 31), Verdict::Ask);
    assert_eq!(of(10, 30), Verdict::Ask);
    let guard = Guard::TooLargeAShare { candidates: 11, population: 40, max_percent: 25 };
    assert_eq!(of(11, 29), Verdict::Held(guard));
    assert_eq!(of(9, 0), Verdict::Ask, "so few accounts mean nothing");
    let all = Guard::TooLargeAShare { candidates: 10, population: 10, max_percent: 25 };
    assert_eq!(of(10, 0), Verdict::Held(all));
}

#[test]
fn exactly_the_allowed_share_passes_whatever_the_percentage() {
    let mut policy = lenient();
    for percent in 1..100_u32 {
        policy.limits.max_share = f64::from(percent) / 100.0;
        let of = |count| verdict(&policy, &live(), &[(count, candidate()), (100 - count, active())]);
        assert_eq!(of(percent), Verdict::Ask, "{percent} of 100");
        assert!(matches!(of(percent + 1), Verdict::Held(_)), "{} of 100", percent + 1);
    }
}

#[test]
fn exactly_the_least_population_passes_whatever_the_percentage() {
    let mut policy = lenient();
    let past = Past { previous_population: Some(100), ..live() };
    for percent in 2..100_u32 {
        policy.limits.min_population_share = f64::from(percent) / 100.0;
        assert_eq!(verdict(&policy, &past, &[(percent, active())]), Verdict::NoCandidates, "{percent}");
        assert!(matches!(verdict(&policy, &past, &[(percent - 1, active())]), Verdict::Held(_)), "{percent}");
    }
}

#[test]
fn a_surge_over_the_recent_median_is_held_above_a_floor() {
    let mut policy = lenient();
    policy.limits.surge_factor = 3.0;
    let after = |recent: &[u32], count| {
        let past = Past { recent_candidates: recent.to_vec(), ..live() };
        verdict(&policy, &past, &[(count, candidate()), (100, active())])
    };
    let surge = |candidates, median| Verdict::Held(Guard::Surge { candidates, median });
    assert_eq!(after(&[], 90), Verdict::Ask, "no history, no surge");
    assert_eq!(after(&[4, 4, 4], 12), Verdict::Ask);
    assert_eq!(after(&[4, 4, 4], 13), surge(13, 4));
    assert_eq!(after(&[90, 4, 1], 13), surge(13, 4), "one odd sweep does not move the median");
    assert_eq!(after(&[1, 1, 9, 9, 9], 13), Verdict::Ask);
    assert_eq!(after(&[1, 1, 1], 5), Verdict::Ask, "1 to 5 is no alarm");
    assert_eq!(after(&[1, 1, 1], 6), surge(6, 1));
    assert_eq!(after(&[0, 0, 0], 6), surge(6, 0));
    let past = Past { recent_candidates: vec![4, 4, 4], ..live() };
    let mut all = crowd(&[(13, candidate()), (100, active())]);
    for one in &mut all[..6] {
        one.waiting_in = Some(RequestId(1));
    }
    assert_eq!(
        plan(&policy, all, Counts::default(), &past).verdict,
        surge(13, 4),
        "those who wait were counted before too"
    );
    policy.limits.surge_factor = 0.0;
    let past = Past { recent_candidates: vec![1], ..live() };
    assert_eq!(verdict(&policy, &past, &[(90, candidate())]), Verdict::Ask, "switched off");
}

#[test]
fn a_rule_that_is_not_live_yet_only_shows_its_list() {
    let mut policy = lenient();
    let new = Past::default();
    assert_eq!(verdict(&policy, &new, &[(3, candidate())]), Verdict::Preview);
    assert_eq!(verdict(&policy, &live(), &[(3, candidate())]), Verdict::Ask);
    assert_eq!(verdict(&policy, &new, &[(3, active())]), Verdict::NoCandidates);
    policy.preview_first = false;
    assert_eq!(verdict(&policy, &new, &[(3, candidate())]), Verdict::Ask);
}

#[test]
fn only_waiting_candidates_ask_nothing_new() {
    let mut all = crowd(&[(3, candidate())]);
    for one in &mut all {
        one.waiting_in = Some(RequestId(1));
    }
    let plan = plan(&lenient(), all, Counts::default(), &live());
    assert_eq!(plan.verdict, Verdict::NoCandidates);
    assert_eq!((plan.counts.candidates, plan.counts.waiting), (0, 3));
    assert_eq!(plan.candidates().count(), 0);
}

#[test]
fn no_guard_lets_a_rule_that_is_not_live_yet_be_released_into_asking() {
    let mut policy = policy();
    policy.limits.max_candidates = 12;
    let new = Past { previous_population: Some(500), recent_candidates: vec![1, 1, 1], live: false };
    let many = [(13, candidate()), (20, active())];
    assert_eq!(verdict(&policy, &new, &many), Verdict::Preview, "a preview asks for nothing");
    assert!(matches!(verdict(&policy, &Past { live: true, ..new.clone() }, &many), Verdict::Held(_)));
    let few = verdict(&policy, &new, &[(20, active())]);
    assert_eq!(
        few,
        Verdict::Held(Guard::FarFewer { now: 20, before: 500 }),
        "no list to show, but no all-clear"
    );
    assert_eq!(
        verdict(&policy, &new, &[(20, unknown())]),
        Verdict::Refused(Guard::MostlyUnknown { unknown: 20, population: 20 })
    );
    policy.preview_first = false;
    assert!(matches!(verdict(&policy, &new, &many), Verdict::Held(_)), "no preview wanted");
}
