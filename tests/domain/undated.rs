//! Whose doing a status is at a provider that does not say when it changed, and that a date decides alone where there is
//! one.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::account::{AccountStatus, Changer, Reading, StatusChange};
use inactive_contractors::domain::assess::{Assessment, Grace, Standing, assess};
use inactive_contractors::domain::candidate::{CandidateState, Skip, SuspensionStep, step};
use inactive_contractors::domain::undated::{Sight, back_by_others, is_changed_by_others, is_our_suspension};

use super::fixture::{ago, candidate, contractor, days, now, rule};

fn suspended_at() -> DateTime<Utc> {
    now() - days(3)
}

fn change(by: Changer, after: Duration) -> StatusChange {
    StatusChange { at: suspended_at() + after, what: "Disable account".into(), by }
}

fn admin() -> Changer {
    Changer::Admin { name: "Bea".into(), id: None }
}

#[test]
fn a_suspension_is_ours_by_its_date_or_as_the_last_change_in_the_log_or_while_it_is_watched() {
    let later = Duration::hours(5);
    let (ours, others) = (change(Changer::Us, Duration::seconds(1)), change(admin(), later));
    let at = |seconds| Some(suspended_at() + Duration::seconds(seconds));
    let watched = Some(Sight::Suspended);
    let back = Some(Sight::BackSince(now()));
    for (changed, in_log, sight, is_ours) in [
        (at(5), None, None, true),
        (at(6), None, None, false),
        // The date decides alone.
        (at(5), Some(&others), back, true),
        (at(6), Some(&ours), watched, false),
        // Without one, the log does.
        (None, Some(&ours), None, true),
        (None, Some(&others), watched, false),
        // Without both, the account was suspended at every look since.
        (None, None, watched, true),
        (None, None, back, false),
        (None, None, Some(Sight::Over), false),
        (None, None, None, false),
    ] {
        let found = is_our_suspension(suspended_at(), changed, in_log, sight);
        assert_eq!(found, is_ours, "{changed:?} {in_log:?} {sight:?}");
    }
}

#[test]
fn an_account_that_others_brought_back_is_back_since_its_date_or_since_our_watch_saw_it() {
    let (seen, hours) = (now() - Duration::hours(30), |hours| Some(suspended_at() + Duration::hours(hours)));
    let active = AccountStatus::Active;
    let back = |status, changed, sight| back_by_others(suspended_at(), status, changed, sight, now());
    assert_eq!(back(&active, hours(1), None), hours(1));
    assert_eq!(back(&active, hours(1), Some(Sight::BackSince(seen))), hours(1), "the date decides alone");
    assert_eq!(back(&active, hours(0), Some(Sight::Suspended)), None, "that change is our suspension");
    assert_eq!(back(&active, None, Some(Sight::BackSince(seen))), Some(seen));
    assert_eq!(back(&active, None, Some(Sight::Suspended)), Some(now()), "the next look will tell");
    assert_eq!(back(&AccountStatus::Suspended, None, Some(Sight::Suspended)), None);
    assert_eq!(
        back(&active, None, Some(Sight::BackSince(suspended_at() - days(9)))),
        None,
        "of an earlier one"
    );
    assert_eq!(back(&active, None, Some(Sight::Over)), None);
    assert_eq!(back(&active, None, None), None);
}

#[test]
fn an_account_that_others_brought_back_has_its_grace_without_a_date_too() {
    let mut account = contractor("kim");
    (account.status_changed, account.last_sign_in) = (Reading::Never, ago(200));
    let back = |sight| back_by_others(suspended_at(), &account.status, None, sight, now());
    let judge =
        |sight| assess(&account, &Standing { restored_at: back(sight), ..Standing::plain() }, &rule(), now());
    assert!(matches!(judge(None), Assessment::Candidate(_)));
    for sight in [Sight::BackSince(now() - days(1)), Sight::Suspended] {
        let judged = judge(Some(sight));
        let is_left_alone = match &judged {
            Assessment::InGrace { grace, .. } => *grace == Grace::Restored,
            other => matches!(other, Assessment::Active(_)),
        };
        assert!(is_left_alone, "{judged:?}");
    }
}

#[test]
fn between_two_tries_somebody_else_is_seen_by_the_date_or_else_in_the_log() {
    let at = |hours| Some(suspended_at() + Duration::hours(hours));
    let hour = Duration::hours(1);
    assert!(is_changed_by_others(at(0), at(1), None));
    assert!(!is_changed_by_others(at(0), at(0), None));
    assert!(!is_changed_by_others(at(0), at(0), Some(&change(admin(), hour))), "the date decides alone");
    assert!(is_changed_by_others(at(0), None, None), "it had one before");
    assert!(!is_changed_by_others(None, None, None), "the log has nothing");
    assert!(!is_changed_by_others(None, None, Some(&change(Changer::Us, hour))), "our own try");
    let import = Changer::Import { source: "HR".into() };
    for by in [admin(), import, Changer::Unknown] {
        assert!(is_changed_by_others(None, None, Some(&change(by.clone(), hour))), "{by:?}");
    }
}

#[test]
fn without_a_date_only_a_try_that_counts_may_have_worked() {
    let take =
        |state: CandidateState, wanted| step(&candidate(0, state), wanted, now()).expect("it is due").0;
    let intend = || SuspensionStep::Intend { status_changed: None, evidence: None };
    let tried = take(CandidateState::due(), intend());
    assert!(!CandidateState::due().may_have_worked() && tried.may_have_worked());
    // One that was rejected unseen counts as never made: what is found suspended then is somebody else's doing.
    let rejected = take(tried, SuspensionStep::Rejected { error: "too many".into(), wait: Duration::zero() });
    assert!(!rejected.may_have_worked());
    let found = take(rejected, SuspensionStep::Skip(Skip::AlreadySuspended));
    assert!(matches!(found, CandidateState::Skipped { why: Skip::AlreadySuspended, .. }));
}
