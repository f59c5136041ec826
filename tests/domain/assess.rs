//! Who is inactive: every answer, each signal, each missing date, each grace, the second look.

use chrono::Duration;
use inactive_contractors::domain::account::{Account, AccountStatus, NotSuspendable, Reading, UserType};
use inactive_contractors::domain::assess::{
    Assessment, Grace, Signal, Standing, assess, left_alone_until, needs_second_look, settled,
};
use inactive_contractors::domain::calendar::{Calendar, Period};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::sighting::{SecondLook, Sighting};

use super::fixture::{ago, contractor, days, now, rule, time};

fn unreadable() -> Reading {
    Reading::Unreadable("is not a date".into())
}

/// The answer in a few words, so that a table row reads as a sentence.
fn words(assessment: &Assessment) -> String {
    match assessment {
        Assessment::OtherType(of) => format!("other type {}", of.as_deref().unwrap_or("none")),
        Assessment::Exempt(exemption) => format!("exempt {exemption:?}"),
        Assessment::NotSuspendable(status) => format!("not suspendable {status}"),
        Assessment::Unknown(why) => format!("unknown: {why}"),
        Assessment::Active(idle) => format!("active by {:?}", idle.signal),
        Assessment::InGrace { grace, until, .. } => {
            format!("in grace {grace:?} until day {}", (*until - now()).num_days())
        }
        Assessment::Candidate(evidence) => format!(
            "candidate, {} days by {:?}",
            (now() - evidence.idle.since).num_days(),
            evidence.idle.signal
        ),
    }
}

fn judge(account: &Account) -> String {
    words(&assess(account, &Standing::plain(), &rule(), now()))
}

#[test]
fn the_latest_sign_of_life_decides() {
    let all = |created, activated, status_changed, last_sign_in| Account {
        created,
        activated,
        status_changed,
        last_sign_in,
        ..contractor("kim")
    };
    let never = || Reading::Never;
    let table = [
        (
            "last signed in 8 days ago",
            all(ago(300), ago(300), ago(300), ago(8)),
            "candidate, 8 days by SignIn",
        ),
        ("exactly at the period", all(ago(300), ago(300), ago(300), ago(7)), "candidate, 7 days by SignIn"),
        ("last signed in 6 days ago", all(ago(300), ago(300), ago(300), ago(6)), "active by SignIn"),
        (
            "never signed in",
            all(ago(300), ago(290), ago(280), never()),
            "candidate, 280 days by StatusChanged",
        ),
        ("only activated", all(ago(300), ago(290), never(), never()), "candidate, 290 days by Activated"),
        ("only created", all(ago(300), never(), never(), never()), "candidate, 300 days by Created"),
        ("activated 3 days ago", all(ago(300), ago(3), ago(300), never()), "active by Activated"),
        ("status changed 3 days ago", all(ago(300), ago(300), ago(3), ago(100)), "active by StatusChanged"),
        (
            "status changed 8 days ago",
            all(ago(300), ago(300), ago(8), ago(9)),
            "candidate, 8 days by StatusChanged",
        ),
        (
            "all on one day: the strongest is named",
            all(ago(20), ago(20), ago(20), ago(20)),
            "candidate, 20 days by SignIn",
        ),
        ("created yesterday", all(ago(1), ago(1), ago(1), never()), "active by Activated"),
        (
            "signed in before it was created",
            all(ago(30), never(), never(), ago(90)),
            "candidate, 30 days by Created",
        ),
    ];
    for (name, account, expected) in table {
        assert_eq!(judge(&account), expected, "{name}");
    }
}

#[test]
fn one_second_less_than_the_period_is_active() {
    let account =
        Account { last_sign_in: Reading::At(now() - days(7) + Duration::seconds(1)), ..contractor("kim") };
    assert_eq!(judge(&account), "active by SignIn");
}

#[test]
fn where_signs_of_life_show_late_nobody_is_idle_before_they_would_show() {
    let account = contractor("kim");
    let late = |lag| Standing { evidence_lag: lag, ..Standing::plain() };
    let Assessment::Candidate(evidence) = assess(&account, &Standing::plain(), &rule(), now()) else {
        panic!("idle for long")
    };
    let idle_for = now() - evidence.idle.since;
    let slack = idle_for - Duration::seconds(evidence.inactive_after_s);
    let judge = |lag| assess(&account, &late(lag), &rule(), now());
    assert!(matches!(judge(slack), Assessment::Candidate(_)));
    assert!(matches!(judge(slack + Duration::seconds(1)), Assessment::Active(_)));
}

#[test]
fn a_date_that_is_missing_or_unreadable_is_unknown_and_never_acted_on() {
    let base = || contractor("kim");
    let table = [
        (Account { created: Reading::Never, ..base() }, "unknown: the creation date is missing"),
        (Account { created: unreadable(), ..base() }, "unknown: the creation date is not a date"),
        (Account { activated: unreadable(), ..base() }, "unknown: the activation date is not a date"),
        (
            Account { status_changed: unreadable(), ..base() },
            "unknown: the date of the last status change is not a date",
        ),
        (Account { last_sign_in: unreadable(), ..base() }, "unknown: the last sign-in is not a date"),
    ];
    for (account, expected) in table {
        assert_eq!(judge(&account), expected);
        let recent = Account { last_sign_in: ago(1), ..account.clone() };
        assert!(!judge(&recent).starts_with("candidate"), "{expected}");
    }
}

#[test]
fn a_date_in_the_future_is_unknown_beyond_an_hour_of_clock_skew() {
    let ahead = |minutes| Reading::At(now() + Duration::minutes(minutes));
    let future = "unknown: a date is in the future (23 Nov 2026)";
    let base = || contractor("kim");
    let table = [
        (Account { last_sign_in: ahead(60), ..base() }, "active by SignIn"),
        (Account { last_sign_in: ahead(61), ..base() }, future),
        (Account { created: ahead(61), ..base() }, future),
        (Account { activated: ahead(61), ..base() }, future),
        (Account { status_changed: ahead(61), ..base() }, future),
    ];
    for (account, expected) in table {
        assert_eq!(judge(&account), expected, "{account:?}");
    }
    let mut standing = Standing::plain();
    standing.restored_at = Some(now() + days(1));
    assert!(words(&assess(&base(), &standing, &rule(), now())).starts_with("unknown"));
    standing.restored_at = None;
    standing.second_look = SecondLook::Seen(Sighting::at(now() + days(1)));
    assert!(words(&assess(&base(), &standing, &rule(), now())).starts_with("unknown"));
}

#[test]
fn a_new_account_has_its_grace() {
    let table = [
        (6, "active by Created"),
        (7, "in grace NewAccount until day 7"),
        (13, "in grace NewAccount until day 1"),
        (14, "candidate, 14 days by Created"),
    ];
    for (age, expected) in table {
        let account = Account {
            created: ago(age),
            activated: Reading::Never,
            status_changed: Reading::Never,
            last_sign_in: Reading::Never,
            ..contractor("kim")
        };
        assert_eq!(judge(&account), expected, "created {age} days ago");
    }
}

#[test]
fn a_restored_account_has_its_grace() {
    let table = [
        (6, "active by Restored"),
        (7, "in grace Restored until day 3"),
        (9, "in grace Restored until day 1"),
        (10, "candidate, 10 days by Restored"),
    ];
    for (age, expected) in table {
        let standing = Standing { restored_at: Some(now() - days(age)), ..Standing::plain() };
        let answer = assess(&contractor("kim"), &standing, &rule(), now());
        assert_eq!(words(&answer), expected, "restored {age} days ago");
    }
}

#[test]
fn of_two_graces_the_longer_one_is_named() {
    let account = Account {
        created: ago(8),
        activated: ago(8),
        status_changed: ago(8),
        last_sign_in: ago(8),
        ..contractor("kim")
    };
    let standing = Standing { restored_at: Some(now() - days(8)), ..Standing::plain() };
    let Assessment::InGrace { grace, until, .. } = assess(&account, &standing, &rule(), now()) else {
        panic!("in grace");
    };
    assert_eq!((grace, until), (Grace::NewAccount, now() + days(6)));
}

#[test]
fn the_second_look_has_the_last_word() {
    let seen = |age| SecondLook::Seen(Sighting::at(now() - days(age)));
    let table = [
        (true, SecondLook::NotAsked, "unknown: the provider's log was not read"),
        (true, SecondLook::Failed("503".into()), "unknown: the provider's log could not be read: 503"),
        (true, SecondLook::Nothing { since: now() - days(7) }, "candidate, 100 days by SignIn"),
        (true, seen(3), "active by LogActivity"),
        (true, seen(7), "candidate, 7 days by LogActivity"),
        (true, seen(200), "candidate, 100 days by SignIn"),
        (false, SecondLook::NotAsked, "candidate, 100 days by SignIn"),
        (false, SecondLook::Failed("503".into()), "candidate, 100 days by SignIn"),
        (false, seen(3), "active by LogActivity"),
    ];
    for (second_look, look, expected) in table {
        let rule = Rule { check_sign_in_log: second_look, ..rule() };
        let standing = Standing { second_look: look.clone(), ..Standing::plain() };
        let answer = assess(&contractor("kim"), &standing, &rule, now());
        assert_eq!(words(&answer), expected, "wanted: {second_look}, {look:?}");
        if let Assessment::Candidate(evidence) = answer {
            assert_eq!(evidence.second_look, look, "the evidence keeps what the log said");
        }
    }
}

#[test]
fn the_log_is_asked_about_would_be_candidates_only() {
    let mut rule = rule();
    let plain = Standing::plain();
    let active = Account { last_sign_in: ago(1), ..contractor("kim") };
    let unknown = Account { last_sign_in: unreadable(), ..contractor("kim") };
    let admin = Standing { admin_role: true, ..Standing::plain() };
    assert!(!needs_second_look(&contractor("kim"), &plain, &rule, now()), "the rule wants none");
    rule.check_sign_in_log = true;
    assert!(needs_second_look(&contractor("kim"), &plain, &rule, now()));
    assert!(!needs_second_look(&contractor("kim"), &admin, &rule, now()));
    assert!(!needs_second_look(&active, &plain, &rule, now()));
    assert!(!needs_second_look(&unknown, &plain, &rule, now()));
}

#[test]
fn what_is_settled_stays_as_it_is_whatever_is_looked_up_later() {
    let rule = Rule { check_sign_in_log: true, ..rule() };
    let base = contractor("kim");
    let mut settled_ones = 0;
    let accounts = [
        base.clone(),
        Account { last_sign_in: ago(1), ..base.clone() },
        Account { last_sign_in: Reading::Never, ..base.clone() },
        Account { last_sign_in: unreadable(), ..base.clone() },
        Account { created: ago(1), activated: ago(1), last_sign_in: Reading::Never, ..base.clone() },
        Account { status: AccountStatus::Suspended, ..base.clone() },
        Account { user_type: Some("Employee".into()), ..base.clone() },
    ];
    let looks = [
        SecondLook::NotAsked,
        SecondLook::Nothing { since: now() - days(7) },
        SecondLook::Seen(Sighting::at(now() - days(1))),
        SecondLook::Seen(Sighting::at(now() - days(60))),
        SecondLook::Failed("down".into()),
    ];
    for account in &accounts {
        for admin_role in [false, true] {
            let standing = Standing { admin_role, ..Standing::plain() };
            let Some(answer) = settled(account, &standing, &rule, now()) else { continue };
            settled_ones += 1;
            for restored_at in [None, Some(now() - days(1)), Some(now() - days(60))] {
                for second_look in looks.clone() {
                    let later = Standing { restored_at, second_look, ..standing.clone() };
                    let then = assess(account, &later, &rule, now());
                    let same = std::mem::discriminant(&then) == std::mem::discriminant(&answer);
                    assert!(same, "{} became {}", words(&answer), words(&then));
                }
            }
        }
    }
    // Every admin, and of the others who is active, new, suspended or of another type.
    assert_eq!(settled_ones, 7 + 4);
}

#[test]
fn the_evidence_says_what_was_seen() {
    let account = Account { last_sign_in: Reading::Never, ..contractor("kim") };
    let Assessment::Candidate(evidence) = assess(&account, &Standing::plain(), &rule(), now()) else {
        panic!("a candidate");
    };
    assert_eq!(evidence.last_sign_in, None);
    assert_eq!(evidence.inactive_after_s, 7 * 86_400);
    assert_eq!(evidence.looked_at, now());
    assert_eq!(evidence.idle.since, now() - days(300));
    assert_eq!(evidence.idle.signal, Signal::Activated);
}

#[test]
fn only_an_active_account_can_be_suspended() {
    let table = [
        AccountStatus::other(NotSuspendable::NotActivated, "STAGED"),
        AccountStatus::other(NotSuspendable::NotActivated, "PROVISIONED"),
        AccountStatus::other(NotSuspendable::NeedsReset, "RECOVERY"),
        AccountStatus::other(NotSuspendable::NeedsReset, "PASSWORD_EXPIRED"),
        AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"),
        AccountStatus::Suspended,
        AccountStatus::other(NotSuspendable::Deactivated, "DEPROVISIONED"),
        AccountStatus::other(NotSuspendable::Unknown, "ACTIVE"),
    ];
    for status in table {
        let account = Account { status: status.clone(), ..contractor("kim") };
        assert_eq!(judge(&account), format!("not suspendable {status}"));
    }
    let moving = Account { in_transition: true, ..contractor("kim") };
    assert_eq!(judge(&moving), "not suspendable ACTIVE");
}

#[test]
fn the_user_type_matches_as_a_whole_and_ignoring_case() {
    let profile = |text: &str| UserType::Profile(text.into());
    let table = [
        (profile("contractor"), Some("contractor"), true),
        (profile("contractor"), Some("Contractor"), true),
        (profile("CONTRACTOR"), Some("contractor"), true),
        (profile("contractor"), Some("contractors"), false),
        (profile("contractor"), Some("sub-contractor"), false),
        (profile("contractor"), Some(" contractor"), true),
        (profile("contractor "), Some("contractor"), true),
        (profile("prestataire extérieur"), Some("PRESTATAIRE EXTÉRIEUR"), true),
        (profile("außendienst"), Some("AUSSENDIENST"), true),
        (profile("contractor"), Some(""), false),
        (profile("contractor"), None, false),
        (profile("oty1"), Some("contractor"), false),
        (UserType::TypeId("oty1".into()), Some("employee"), true),
        (UserType::TypeId("oty12".into()), Some("contractor"), false),
        (UserType::TypeId("contractor".into()), Some("contractor"), false),
    ];
    for (wanted, of, matches) in table {
        let account = Account { user_type: of.map(str::to_owned), ..contractor("kim") };
        assert_eq!(account.is_of(&wanted), matches, "{wanted:?} and {of:?}");
        let mut rule = rule();
        rule.user_type = wanted;
        let answer = words(&assess(&account, &Standing::plain(), &rule, now()));
        let expected = format!("other type {}", of.unwrap_or("none"));
        assert_eq!(answer == expected, !matches, "{answer}");
    }
}

/// Five working days; both graces in working days too. Wednesday to Friday of Christmas week 2026 are off.
fn working_rule() -> Rule {
    let holidays = ["2026-12-23", "2026-12-24", "2026-12-25"].map(|date| date.parse().expect("a date"));
    Rule {
        inactive_after: Period::WorkingDays(5),
        new_account_grace: Period::WorkingDays(6),
        restored_grace: Period::WorkingDays(7),
        calendar: Calendar { holidays: holidays.into(), ..Calendar::default() },
        ..rule()
    }
}

#[test]
fn a_week_of_holidays_makes_nobody_a_candidate() {
    let account = Account {
        last_sign_in: Reading::At(time("2026-12-18T16:00:00Z")), // a Friday afternoon
        ..contractor("kim")
    };
    let at = |now: &str| assess(&account, &Standing::plain(), &working_rule(), time(now));
    assert_eq!(words(&at("2026-12-28T09:00:00Z")), "active by SignIn", "ten calendar days later");
    assert_eq!(words(&at("2026-12-30T15:59:59Z")), "active by SignIn");
    let Assessment::Candidate(evidence) = at("2026-12-30T16:00:00Z") else { panic!("a candidate") };
    assert_eq!(evidence.inactive_after_s, 12 * 86_400, "with the seven days off that lay in it");
    let calendar_days = Rule { inactive_after: days(5).into(), ..working_rule() };
    let answer = assess(&account, &Standing::plain(), &calendar_days, time("2026-12-23T16:00:00Z"));
    assert!(matches!(answer, Assessment::Candidate(_)), "{answer:?}");
}

#[test]
fn graces_may_be_in_working_days() {
    let new = Reading::At(time("2026-12-18T16:00:00Z"));
    let fresh = Account {
        created: new.clone(),
        activated: new.clone(),
        status_changed: new,
        last_sign_in: Reading::Never,
        ..contractor("kim")
    };
    let now = time("2026-12-30T16:00:00Z");
    let until = |answer| match answer {
        Assessment::InGrace { grace, until, .. } => (grace, until),
        other => panic!("{other:?}"),
    };
    let answer = assess(&fresh, &Standing::plain(), &working_rule(), now);
    assert_eq!(until(answer), (Grace::NewAccount, time("2026-12-31T16:00:00Z")));
    let back = Standing { restored_at: Some(time("2026-12-18T15:00:00Z")), ..Standing::plain() };
    let old = Account { last_sign_in: ago(100), ..contractor("kim") };
    let answer = assess(&old, &back, &working_rule(), now);
    assert_eq!(until(answer), (Grace::Restored, time("2027-01-01T15:00:00Z")));
    assert_eq!(left_alone_until(time("2026-12-18T15:00:00Z"), &working_rule()), time("2027-01-01T15:00:00Z"));
}
