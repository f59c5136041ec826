//! What a changed rule means, and that its fingerprint is the same in every process.

use chrono::Duration;
use inactive_contractors::domain::account::UserType;
use inactive_contractors::domain::calendar::{Calendar, Period};
use inactive_contractors::domain::hash::hex;
use inactive_contractors::domain::policy::{Policy, Rule, execute_by};
use inactive_contractors::domain::settings::People;

use super::fixture::{attribute, days, now, policy, rule, time};

/// A rule with something in every field.
fn full() -> Rule {
    Rule {
        check_sign_in_log: true,
        exempt_logins: vec!["svc-*".into()],
        exempt_groups: vec!["00g1".into()],
        exempt_attributes: vec![attribute("leave", "yes")],
        break_glass: vec!["root@firm.example".into()],
        ..rule()
    }
}

/// Each field changed so that the rule proposes fewer accounts than [`full`].
fn narrower() -> Vec<(&'static str, Rule)> {
    let with = |more: &dyn Fn(&mut Rule)| {
        let mut rule = full();
        more(&mut rule);
        rule
    };
    vec![
        ("a longer period", with(&|rule| rule.inactive_after = (days(7) + Duration::seconds(1)).into())),
        ("a longer grace for new accounts", with(&|rule| rule.new_account_grace = days(15).into())),
        ("a longer grace for restored accounts", with(&|rule| rule.restored_grace = days(11).into())),
        ("another login", with(&|rule| rule.exempt_logins.insert(0, "x@y.example".into()))),
        ("another group", with(&|rule| rule.exempt_groups.insert(0, "00g0".into()))),
        ("another attribute", with(&|rule| rule.exempt_attributes.insert(0, attribute("leave", "no")))),
        ("another break-glass account", with(&|rule| rule.break_glass.insert(0, "00u0".into()))),
    ]
}

#[test]
fn each_field_narrows_in_one_direction_only() {
    for (name, narrow) in narrower() {
        assert!(narrow.only_narrows(&full()), "{name}");
        assert!(!full().only_narrows(&narrow), "the reverse of {name}");
    }
    let without_look = Rule { check_sign_in_log: false, ..full() };
    assert!(full().only_narrows(&without_look), "a second look only takes away");
    assert!(!without_look.only_narrows(&full()));
    assert!(full().only_narrows(&full()));
}

#[test]
fn another_user_type_never_narrows() {
    let types = ["vendor", "Contractor", "oty1"].map(|text| UserType::Profile(text.into()));
    for user_type in types.into_iter().chain([UserType::TypeId("contractor".into())]) {
        let other = Rule { user_type, ..full() };
        assert!(!other.only_narrows(&full()) && !full().only_narrows(&other), "{:?}", other.user_type);
    }
}

#[test]
fn another_provider_never_narrows_and_the_first_one_leaves_no_mark_in_what_is_stored() {
    let other = Rule { provider: "entra".into(), ..full() };
    assert!(!other.only_narrows(&full()) && !full().only_narrows(&other));
    assert_ne!(other.fingerprint(), full().fingerprint());
    let stored = |rule: &Rule| serde_json::to_value(rule).unwrap().get("provider").cloned();
    assert_eq!((stored(&full()), stored(&other)), (None, Some("entra".into())));
}

#[test]
fn a_change_that_narrows_here_and_widens_there_does_not_narrow() {
    let mixed = Rule { inactive_after: days(30).into(), exempt_logins: Vec::new(), ..full() };
    assert!(!mixed.only_narrows(&full()));
    let swapped = Rule { exempt_attributes: vec![attribute("leave", "no")], ..full() };
    assert!(!swapped.only_narrows(&full()));
}

#[test]
fn the_fingerprint_is_stable_and_knows_every_field() {
    assert_eq!(full().fingerprint(), "fd2649db1ebe4ced", "old rows hold it");
    let mut all: Vec<_> = narrower().into_iter().map(|(_, rule)| rule.fingerprint()).collect();
    all.push(full().fingerprint());
    all.push(Rule { check_sign_in_log: false, ..full() }.fingerprint());
    all.push(Rule { user_type: UserType::TypeId("contractor".into()), ..full() }.fingerprint());
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "no two rules share one");
}

#[test]
fn a_rule_is_kept_as_it_was() {
    let json = serde_json::to_string(&full()).unwrap();
    let kept: Rule = serde_json::from_str(&json).unwrap();
    assert_eq!(kept, full());
    assert_eq!(kept.fingerprint(), full().fingerprint());
    let endless = json.replace("604800", "9223372036854775807");
    assert!(serde_json::from_str::<Rule>(&endless).is_err(), "out of range is an error, not a panic");
}

#[test]
fn an_approval_is_executed_within_its_time() {
    assert_eq!(execute_by(&policy(), now()), now() + Duration::hours(48));
}

#[test]
fn what_two_rules_need_is_looked_up_together() {
    let other = Rule {
        exempt_groups: vec!["00g1".into(), "00g2".into()],
        exempt_attributes: vec![attribute("team", "blue"), attribute("leave", "yes")],
        ..rule()
    };
    let groups = |rule: &Rule| rule.exempt_groups.join(" ");
    let attributes =
        |rule: &Rule| rule.exempt_attributes.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
    let both = full().looking_up_also_for(&other);
    assert_eq!((groups(&both).as_str(), both.check_sign_in_log), ("00g1 00g2", true));
    assert_eq!(attributes(&both), ["leave", "team"]);
    assert_eq!(both.exempt_logins, full().exempt_logins, "the rest is its own");
    let both = other.looking_up_also_for(&full());
    assert_eq!((groups(&both).as_str(), both.check_sign_in_log), ("00g1 00g2", true));
    assert_eq!(attributes(&both), ["team", "leave"]);
}

#[test]
fn the_day_that_is_proposed_to_keep_until_ends_within_the_longest_exemption() {
    let day = |exemption_max, now: &str| {
        Policy { exemption_max, ..policy() }.day_to_keep_until(time(now)).to_string()
    };
    assert_eq!(day(days(90), "2026-11-23T12:00:00Z"), "2026-12-23", "thirty days, if the policy allows them");
    assert_eq!(day(days(30), "2026-11-23T12:00:00Z"), "2026-12-22", "half a day too long");
    // Midnight in Berlin: the last second of a stretch is still the day before.
    assert_eq!(day(days(10), "2026-11-22T23:00:00Z"), "2026-12-02");
    assert_eq!(day(days(10), "2026-11-22T23:00:01Z"), "2026-12-02");
    assert_eq!(day(days(10), "2026-11-22T22:59:59Z"), "2026-12-01");
}

#[test]
fn a_day_ends_at_midnight_in_the_policys_zone() {
    let end = policy().end_of_day("2026-11-23".parse().unwrap()).unwrap();
    assert_eq!(end, time("2026-11-23T23:00:00Z"));
    assert_eq!(policy().last_day_before(end).to_string(), "2026-11-23");
    assert_eq!(policy().last_day_before(end + Duration::seconds(1)).to_string(), "2026-11-24");
    assert_eq!(policy().end_of_day(chrono::NaiveDate::MAX), None);
}

#[test]
fn a_set_of_people_is_empty_only_when_it_can_hold_nobody() {
    assert!(People::default().is_empty());
    assert!(!People { users: vec!["U1".into()], ..People::default() }.is_empty());
    assert!(!People { groups: vec!["S1".into()], ..People::default() }.is_empty());
    assert!(!People { channel_members: true, ..People::default() }.is_empty());
}

#[test]
fn hexadecimal_is_lower_case_and_padded() {
    assert_eq!(hex(&[0, 15, 171, 255]), "000fabff");
}

/// A rule whose accounts are idle for seven working days, with Christmas off.
fn working(holidays: &[&str]) -> Rule {
    let holidays = holidays.iter().map(|date| date.parse().expect("the test states a date")).collect();
    let calendar = Calendar { zone: chrono_tz::Europe::Berlin, holidays, ..Calendar::default() };
    Rule { inactive_after: Period::WorkingDays(7), calendar, ..full() }
}

const CHRISTMAS: &str = "2026-12-25";
const EASTER: &str = "2027-03-29";

#[test]
fn working_days_and_holidays_narrow_and_the_reverse_does_not() {
    let live = working(&[CHRISTMAS]);
    let more_days = Rule { inactive_after: Period::WorkingDays(8), ..live.clone() };
    let grace = Rule { restored_grace: Period::WorkingDays(10), ..live.clone() };
    for (name, narrow, wide) in [
        ("7d to 7 working days", live.clone(), full()),
        ("one more working day", more_days, live.clone()),
        ("one more holiday", working(&[CHRISTMAS, EASTER]), live.clone()),
        ("a grace in working days", grace, live.clone()),
    ] {
        assert!(narrow.only_narrows(&wide), "{name}");
        assert!(!wide.only_narrows(&narrow), "the reverse of {name}");
    }
    assert!(!Rule { inactive_after: Period::WorkingDays(6), ..live.clone() }.only_narrows(&full()));
    let six_days = Rule { inactive_after: days(6).into(), ..full() };
    assert!(!six_days.only_narrows(&live) && live.only_narrows(&six_days));
}

#[test]
fn a_list_that_is_carried_on_without_the_old_holidays_widens_nothing() {
    let (live, next) = (working(&[CHRISTMAS, EASTER]), working(&[EASTER, "2027-12-24"]));
    assert!(!next.only_narrows(&live));
    let at = |now: &str| next.only_narrows(&live.without_bygone_holidays(time(now)));
    assert!(!at("2026-12-28T09:00:00Z"), "a person last seen on the 23rd would become a candidate earlier");
    assert!(at("2027-01-11T09:00:00Z"));
    assert_eq!(full().without_bygone_holidays(now()), full());
}

/// A rule as the first version stored it, with the fingerprint that it had then.
const OLD: (&str, &str) = (
    r#"{"user_type":{"profile":"Contractor"},"inactive_after":2592000,"new_account_grace":604800,"restored_grace":604800,"second_look":false,"exempt_logins":["ceo@*"],"exempt_groups":[],"exempt_attributes":[],"break_glass":[]}"#,
    "e0e4714e68385daa",
);

#[test]
fn a_rule_without_working_days_is_stored_as_it_always_was() {
    let old: Rule = serde_json::from_str(OLD.0).expect("old rows can be read");
    assert_eq!(serde_json::to_string(&old).expect("it is data"), OLD.0);
    assert_eq!(old.fingerprint(), OLD.1);
    assert_eq!(old.calendar, Calendar::default());
    assert!(!old.counts_working_days());
}

#[test]
fn a_rule_with_working_days_is_kept_with_its_calendar() {
    let rule = working(&[CHRISTMAS]);
    let json = serde_json::to_string(&rule).expect("it is data");
    assert!(json.contains(r#""inactive_after":{"working_days":7}"#), "{json}");
    let calendar = r#""calendar":{"zone":"Europe/Berlin","working_week":["Mon","Tue","Wed","Thu","Fri"],"holidays":["2026-12-25"]}"#;
    assert!(json.contains(calendar), "{json}");
    let kept: Rule = serde_json::from_str(&json).expect("it was kept");
    assert_eq!((kept.fingerprint(), &kept), (rule.fingerprint(), &rule));
    let plain = serde_json::to_string(&Calendar::default()).expect("it is data");
    let meant = r#"{"zone":"UTC","working_week":["Mon","Tue","Wed","Thu","Fri"],"holidays":[]}"#;
    assert_eq!(plain, meant, "rows without a calendar mean this one");
}
