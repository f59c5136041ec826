//! Whether something that comes to light after a suspension would have kept the account.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::audit::Subject;
use inactive_contractors::domain::drift::{FIRST_LOOK_AFTER, LOG_LAG_MAX, Watch};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::missed::{Checked, Missed, found, is_due, missed};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::sighting::{SecondLook, Sighting, Sign, Way};

use crate::fixture::{days, now, rule};

/// Idle for 41 days, suspended now.
fn watch() -> Watch {
    Watch {
        id: 1,
        request: RequestId(7),
        provider: ProviderName::default(),
        account: Subject { id: AccountId("00ukim".into()), login: "kim@contractors.example".into() },
        name: "Kim".into(),
        suspended_at: now(),
        looked_at: None,
        failures: 0,
        idle_since: now() - days(41),
        checked: false,
    }
}

fn in_log(at: DateTime<Utc>) -> SecondLook {
    let sign = Sign { way: Way::Radius, event: "radius".into(), app: None };
    SecondLook::Seen(Sighting { sign: Some(sign), ..Sighting::at(at) })
}

#[test]
fn a_suspension_is_checked_once_when_the_log_has_caught_up() {
    assert!(!is_due(&watch(), Duration::zero(), now() + LOG_LAG_MAX - Duration::seconds(1)));
    assert!(is_due(&watch(), Duration::zero(), now() + LOG_LAG_MAX) && FIRST_LOOK_AFTER >= LOG_LAG_MAX);
    let day = days(1);
    assert!(!is_due(&watch(), day, now() + day - Duration::seconds(1)), "the account's record is a day late");
    assert!(is_due(&watch(), day, now() + day));
    assert!(!is_due(&Watch { checked: true, ..watch() }, Duration::zero(), now() + days(1)));
}

#[test]
fn only_what_would_have_kept_the_account_is_a_missed_sign() {
    let second = Duration::seconds(1);
    let table = [
        (None, SecondLook::NotAsked, None),
        (None, SecondLook::Nothing { since: now() - days(1) }, None),
        (Some(now() - days(41)), SecondLook::NotAsked, None),
        (Some(now() - second), SecondLook::NotAsked, Some(now() - second)),
        (Some(now() - days(41)), in_log(now() - second), Some(now() - second)),
        (Some(now() - days(2)), in_log(now() - days(3)), Some(now() - days(2))),
        // Later than the evidence, and still idle for longer than seven days.
        (None, in_log(now() - days(8)), None),
        // Nobody was proposed for less than what they were shown.
        (None, in_log(now() - days(60)), None),
        (None, in_log(now() + days(1)), Some(now() + days(1))),
    ];
    for (last_sign_in, look, expected) in table {
        let checked = Checked { last_sign_in, look: look.clone() };
        let found = missed(&watch(), &rule(), checked);
        assert_eq!(found.map(|found| found.at), expected, "{last_sign_in:?} {look:?}");
    }
}

#[test]
fn the_audit_event_has_the_sign_and_what_was_known() {
    let event = found(&watch(), &Missed { at: now() - days(1), sign: None }, now());
    assert_eq!(event.action.word(), "missed_sign_found");
    assert_eq!(event.detail["seen"]["at"], serde_json::json!(now() - days(1)));
    assert_eq!(event.detail["idle_since"], serde_json::json!(now() - days(41)));
}
