//! What a look at a suspended account finds, and what follows from it.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::{
    AccountId, AccountStatus, Changer, NotSuspendable, Reading, StatusChange,
};
use inactive_contractors::domain::audit::{Action, Subject};
use inactive_contractors::domain::drift::{
    Back, DriftStep, End, FIRST_LOOK_AFTER, Finding, Log, Ours, SKEW, Seen, Watch, find, needs_log, step,
};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::provider::ProviderName;

use crate::fixture::now;

fn suspended_at() -> DateTime<Utc> {
    now() - Duration::hours(3)
}

fn month() -> Duration {
    Duration::days(30)
}

fn watch() -> Watch {
    Watch {
        id: 1,
        request: RequestId(7),
        provider: ProviderName::default(),
        account: Subject { id: AccountId("00ukim".into()), login: "kim@contractors.example".into() },
        name: "Kim".into(),
        suspended_at: suspended_at(),
        looked_at: None,
        failures: 0,
        idle_since: suspended_at() - Duration::days(41),
        checked: false,
    }
}

fn seen(status: AccountStatus, log: Log) -> Seen {
    Seen::Account { status, status_changed: Reading::At(brought_back()), log }
}

fn brought_back() -> DateTime<Utc> {
    now() - Duration::hours(1)
}

fn change(by: Changer) -> StatusChange {
    StatusChange { at: brought_back(), what: "unsuspend".into(), by }
}

fn says(by: Changer) -> Log {
    Log::Says(Some(change(by)))
}

fn import() -> Changer {
    Changer::Import { source: "HR".into() }
}

fn back(finding: Finding) -> Back {
    let Finding::BackBy(back) = finding else { panic!("{finding:?}") };
    back
}

fn is_not_told(finding: &Finding) -> bool {
    matches!(finding, Finding::NotTold(_))
}

#[test]
fn a_restored_account_is_reported_with_who_did_it_and_when() {
    let admin = Changer::Admin { name: "Bea".into(), id: None };
    for by in [import(), admin, Changer::Us, Changer::Unknown] {
        let found = back(find(&watch(), Ours::Never, seen(AccountStatus::Active, says(by.clone())), now()));
        let expected =
            Back { by, at: brought_back(), what: Some("unsuspend".into()), status: AccountStatus::Active };
        assert_eq!(found, expected);
    }
}

/// What a provider that doesn't date its statuses shows.
fn undated(log: Log) -> Seen {
    Seen::Account { status: AccountStatus::Active, status_changed: Reading::Never, log }
}

#[test]
fn without_a_date_the_log_says_when_and_its_delay_is_waited_out() {
    let found = back(find(&watch(), Ours::Never, undated(says(import())), now()));
    assert_eq!((found.by, found.at), (import(), brought_back()));
    let silent = |failures| {
        let watch = Watch { failures, ..watch() };
        find(&watch, Ours::Never, undated(Log::Says(None)), now() + Duration::days(1))
    };
    assert!((0..4).all(|failures| is_not_told(&silent(failures))));
    let found = back(silent(4));
    assert_eq!((found.by, found.at), (Changer::Unknown, now() + Duration::days(1)), "when it was seen");
}

#[test]
fn every_status_is_distinguished() {
    let find = |status| find(&watch(), Ours::Never, seen(status, says(import())), now());
    assert_eq!(find(AccountStatus::Suspended), Finding::StillSuspended);
    assert_eq!(
        find(AccountStatus::other(NotSuspendable::Deactivated, "DEPROVISIONED")),
        Finding::Deactivated
    );
    for status in [
        AccountStatus::Suspended,
        AccountStatus::other(NotSuspendable::Deactivated, "DEPROVISIONED"),
        AccountStatus::other(NotSuspendable::Unknown, "NEW"),
    ] {
        assert!(!needs_log(&status), "{status:?}: nobody brought it back");
    }
    assert!(
        is_not_told(&find(AccountStatus::other(NotSuspendable::Unknown, "NEW"))),
        "unknown is not fine, and not back"
    );
    for status in [
        AccountStatus::Active,
        AccountStatus::other(NotSuspendable::NotActivated, "STAGED"),
        AccountStatus::other(NotSuspendable::NotActivated, "PROVISIONED"),
        AccountStatus::other(NotSuspendable::NeedsReset, "RECOVERY"),
        AccountStatus::other(NotSuspendable::NeedsReset, "PASSWORD_EXPIRED"),
        AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"),
    ] {
        assert!(needs_log(&status));
        assert_eq!(back(find(status.clone())).status, status);
    }
}

#[test]
fn an_account_that_can_not_be_read_is_not_reported_and_one_that_is_gone_is_gone() {
    assert!(is_not_told(&find(&watch(), Ours::Never, Seen::Unreadable("down".into()), now())));
    assert_eq!(find(&watch(), Ours::Never, Seen::Gone, now()), Finding::Gone);
}

#[test]
fn what_we_restored_ourselves_is_no_drift() {
    let find = |ours, by| find(&watch(), ours, seen(AccountStatus::Active, says(by)), now());
    assert_eq!(find(Ours::Done, Changer::Us), Finding::RestoredByUs);
    assert_eq!(find(Ours::Done, Changer::Unknown), Finding::RestoredByUs);
    assert!(is_not_told(&find(Ours::UnderWay, Changer::Us)), "its end will say");
    assert_eq!(find(Ours::Tried, Changer::Us), Finding::RestoredByUs, "the call worked, the answer was lost");
    assert_eq!(back(find(Ours::Tried, import())).by, import(), "somebody else was faster");
    assert_eq!(back(find(Ours::Never, Changer::Us)).by, Changer::Us, "our credential without us is drift");
}

#[test]
fn the_suspension_itself_is_not_taken_for_what_brought_it_back() {
    let at = |at: DateTime<Utc>, by: Changer| Log::Says(Some(StatusChange { at, ..change(by) }));
    let find = |log| back(find(&watch(), Ours::Never, seen(AccountStatus::Active, log), now())).by;
    assert_eq!(find(at(suspended_at() + Duration::seconds(30), Changer::Us)), Changer::Unknown);
    assert_eq!(find(at(suspended_at() - Duration::days(1), import())), Changer::Unknown);
    assert_eq!(find(at(suspended_at() + Duration::seconds(30), import())), import());
    // The clocks of two systems differ by so much at most.
    assert_eq!(find(at(suspended_at() - SKEW, import())), import());
    assert_eq!(find(at(suspended_at() + SKEW, Changer::Us)), Changer::Us);
}

#[test]
fn a_status_that_is_older_than_the_suspension_does_not_say_when_the_account_came_back() {
    let told = |status_changed: DateTime<Utc>| {
        let status_changed = Reading::At(status_changed);
        let seen = Seen::Account { status: AccountStatus::Active, status_changed, log: Log::Closed };
        back(find(&watch(), Ours::Never, seen, now())).at
    };
    assert_eq!(told(suspended_at() - SKEW), now());
    let within = suspended_at() - SKEW + Duration::seconds(1);
    assert_eq!(told(within), within, "the clocks of two systems differ");
}

#[test]
fn a_log_that_lags_or_fails_is_waited_for_but_not_for_ever() {
    let fresh = |log| {
        let status_changed = Reading::At(now() - Duration::minutes(5));
        Seen::Account { status: AccountStatus::Active, status_changed, log }
    };
    assert!(is_not_told(&find(&watch(), Ours::Never, fresh(Log::Says(None)), now())));
    let after = |lag| Seen::Account {
        status: AccountStatus::Active,
        status_changed: Reading::At(now() - lag),
        log: Log::Says(None),
    };
    assert!(is_not_told(&find(&watch(), Ours::Never, after(Duration::seconds(899)), now())));
    let silent = find(&watch(), Ours::Never, after(Duration::minutes(15)), now());
    assert_eq!(back(silent).by, Changer::Unknown, "no log lags for so long");
    let failed = || seen(AccountStatus::Active, Log::Unreadable("down".into()));
    assert!(is_not_told(&find(&watch(), Ours::Never, failed(), now())));
    let patient = Watch { failures: 4, ..watch() };
    assert_eq!(back(find(&patient, Ours::Never, fresh(Log::Says(None)), now())).by, Changer::Unknown);
    assert_eq!(back(find(&patient, Ours::Never, failed(), now())).by, Changer::Unknown);
    let closed = find(&watch(), Ours::Never, fresh(Log::Closed), now());
    assert_eq!(back(closed).by, Changer::Unknown, "a missing right won't come by waiting");
}

#[test]
fn without_a_date_of_its_own_the_date_of_the_log_or_today_is_reported() {
    let undated = |log| Seen::Account { status: AccountStatus::Active, status_changed: Reading::Never, log };
    assert_eq!(back(find(&watch(), Ours::Never, undated(says(import())), now())).at, brought_back());
    assert_eq!(back(find(&watch(), Ours::Never, undated(Log::Closed), now())).at, now());
}

#[test]
fn an_account_that_is_still_suspended_is_looked_at_again_after_an_hour_or_at_the_next_sweep() {
    let next = |now| match step(&watch(), Finding::StillSuspended, Some(month()), now) {
        DriftStep::Watch { next_at, looked_at, failures: 0 } if looked_at == Some(now) => next_at,
        other => panic!("{other:?}"),
    };
    let hour = suspended_at() + FIRST_LOOK_AFTER;
    assert_eq!(next(suspended_at() + Duration::minutes(10)), hour, "a sweep does not replace the first look");
    assert_eq!(next(hour), suspended_at() + month());
}

#[test]
fn a_failed_look_is_never_a_good_one_and_waits_longer_each_time() {
    for (failures, minutes) in [(0, 1), (1, 2), (5, 32), (6, 60), (40, 60)] {
        let watch = Watch { failures, looked_at: Some(suspended_at()), ..watch() };
        let expected = DriftStep::Watch {
            next_at: now() + Duration::minutes(minutes),
            looked_at: Some(suspended_at()),
            failures: failures + 1,
        };
        assert_eq!(step(&watch, Finding::NotTold("down".into()), Some(month()), now()), expected);
    }
}

#[test]
fn while_the_clock_is_off_no_watch_ends_because_it_was_long_enough() {
    let late = suspended_at() + month() + Duration::days(10);
    let watch = Watch { looked_at: Some(suspended_at()), ..watch() };
    for finding in [Finding::StillSuspended, Finding::NotTold("down".into())] {
        match step(&watch, finding, None, late) {
            DriftStep::Watch { next_at, looked_at, .. } => {
                assert!(next_at > late && next_at <= late + Duration::hours(1));
                assert_eq!(looked_at, Some(suspended_at()), "nobody knows when this was");
            }
            DriftStep::End(end, _) => panic!("{end:?}"),
        }
    }
    assert_eq!(step(&watch, Finding::Gone, None, late), DriftStep::End(End::Gone, Vec::new()));
}

#[test]
fn only_drift_is_audited() {
    let found = find(&watch(), Ours::Never, seen(AccountStatus::Active, says(import())), now());
    let DriftStep::End(End::Back(_), events) = step(&watch(), found, Some(month()), now()) else {
        panic!("it ends")
    };
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].action, events[0].action.word()), (Action::DriftFound, "drift_found"));
    assert_eq!(events[0].subject, Some(watch().account));
    assert_eq!(events[0].detail["changer"]["by"], "import");
    for (finding, end) in [
        (Finding::Gone, End::Gone),
        (Finding::Deactivated, End::Deactivated),
        (Finding::RestoredByUs, End::RestoredByUs),
    ] {
        assert_eq!(step(&watch(), finding, Some(month()), now()), DriftStep::End(end, Vec::new()));
    }
}

#[test]
fn a_watch_ends_with_a_last_look_that_works_or_says_that_it_lost_sight() {
    let end = |finding, after| step(&watch(), finding, Some(month()), suspended_at() + month() + after);
    let down = || Finding::NotTold("down".into());
    assert_eq!(end(Finding::StillSuspended, Duration::zero()), DriftStep::End(End::Over, Vec::new()));
    assert!(matches!(end(down(), Duration::hours(23)), DriftStep::Watch { .. }));
    let lost = End::LostSight { why: "down".into() };
    assert_eq!(end(down(), Duration::days(1)), DriftStep::End(lost, Vec::new()));
    let found = find(&watch(), Ours::Never, seen(AccountStatus::Active, says(import())), now());
    assert!(matches!(end(found, Duration::days(9)), DriftStep::End(End::Back(_), _)), "found late is found");
}
