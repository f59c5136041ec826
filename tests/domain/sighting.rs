//! What is remembered of the log: it only ever makes somebody less idle, and says where something may be missing.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::assess::{Assessment, Signal, Standing, assess};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::sighting::{
    Memory, OVERLAP, SecondLook, Sighting, Sign, Way, known, remembered,
};

use crate::fixture::{contractor, days, now, rule};

fn sign(event: &str) -> Sign {
    Sign { way: Way::App, event: event.into(), app: None }
}

fn seen(days_ago: i64, read_days_ago: i64) -> SecondLook {
    let read_since = Some(now() - days(read_days_ago));
    SecondLook::Seen(Sighting { at: now() - days(days_ago), sign: Some(sign("sso")), read_since })
}

fn nothing(read_days_ago: i64) -> SecondLook {
    SecondLook::Nothing { since: now() - days(read_days_ago) }
}

/// Seen so many days ago, in a log that was read between the other two.
fn memory(seen: Option<i64>, since: i64, until: i64) -> Memory {
    Memory {
        latest: seen.map(|ago| (now() - days(ago), Some(sign("earlier")))),
        since: now() - days(since),
        until: now() - days(until),
    }
}

fn ago(days_ago: i64) -> DateTime<Utc> {
    now() - days(days_ago)
}

#[test]
fn a_look_goes_on_from_the_last_one_with_an_overlap_for_what_was_late() {
    assert_eq!(memory(None, 90, 7).next_look(now()), Some(ago(7) - OVERLAP));
    assert!(OVERLAP > Duration::minutes(15), "longer than the log may lag");
    assert_eq!(
        memory(None, 90, -1).next_look(now()),
        None,
        "the clock has gone back: all of it is read again"
    );
}

#[test]
fn what_was_seen_once_is_known_until_something_later_is_seen() {
    let table = [
        // before, the look, when the latest sign was, since when the log is read without a gap
        (None, nothing(90), None, 90),
        (None, seen(5, 90), Some(5), 90),
        (Some(memory(Some(60), 97, 7)), nothing(8), Some(60), 97),
        (Some(memory(Some(60), 97, 7)), seen(1, 8), Some(1), 97),
        (Some(memory(Some(9), 97, 7)), seen(9, 10), Some(9), 97),
        (Some(memory(None, 97, 7)), nothing(8), None, 97),
        // Longer ago than the log is kept: a gap.
        (Some(memory(Some(150), 200, 120)), nothing(90), Some(150), 90),
        (Some(memory(Some(150), 200, 120)), seen(3, 90), Some(3), 90),
        // Our clock was ahead then.
        (Some(memory(Some(60), 97, -3)), nothing(90), Some(60), 90),
    ];
    for (before, look, latest, since) in table {
        let after = remembered(before.clone(), &look, now()).expect("something was found out");
        assert_eq!(after.latest.as_ref().map(|(at, _)| *at), latest.map(ago), "{before:?} {look:?}");
        assert_eq!((after.since, after.until), (ago(since), now()), "{before:?} {look:?}");
        assert_eq!(known(before.as_ref(), &look, now()), after.as_look());
    }
    for look in [SecondLook::NotAsked, SecondLook::Failed("503".into())] {
        assert_eq!(remembered(Some(memory(Some(9), 90, 7)), &look, now()), Some(memory(Some(9), 90, 7)));
    }
    assert_eq!(
        known(Some(&memory(Some(9), 90, 7)), &SecondLook::Failed("503".into()), now()),
        SecondLook::Failed("503".into())
    );
    assert_eq!(known(Some(&memory(None, 90, 7)), &SecondLook::NotAsked, now()), SecondLook::NotAsked);
}

fn judge(look: SecondLook, rule: &Rule) -> Assessment {
    assess(&contractor("kim"), &Standing { second_look: look, ..Standing::plain() }, rule, now())
}

#[test]
fn a_remembered_sighting_protects_and_never_makes_anybody_more_inactive() {
    let rule = Rule { check_sign_in_log: true, ..rule() };
    let idle = |answer: &Assessment| match answer {
        Assessment::Active(idle) => (true, idle.since),
        Assessment::Candidate(evidence) => (false, evidence.idle.since),
        other => panic!("{other:?}"),
    };
    for look in [nothing(90), seen(3, 90), seen(40, 90), seen(200, 90)] {
        let without = idle(&judge(look.clone(), &rule));
        for before in [
            memory(None, 90, 7),
            memory(Some(2), 90, 1),
            memory(Some(30), 90, 7),
            memory(Some(300), 400, 120),
        ] {
            let with = idle(&judge(known(Some(&before), &look, now()), &rule));
            assert!(with.1 >= without.1 && with.0 >= without.0, "{before:?} {look:?}");
        }
    }
    // Also for a rule that doesn't ask the log any more.
    let unasked = Rule { check_sign_in_log: false, ..rule };
    let answer = judge(known(Some(&memory(Some(2), 90, 1)), &SecondLook::NotAsked, now()), &unasked);
    assert!(matches!(answer, Assessment::Active(_)), "{answer:?}");
}

#[test]
fn evidence_names_its_source_and_says_at_least_where_the_log_was_read_no_further() {
    let asking = Rule { check_sign_in_log: true, ..rule() };
    let evidence = |look: SecondLook, rule: &Rule| match judge(look, rule) {
        Assessment::Candidate(evidence) => evidence,
        other => panic!("{other:?}"),
    };
    let table = [
        // the look, what is said of the log, since when at least
        (nothing(90), None, Some(90)),
        (nothing(101), None, None),
        (seen(40, 90), Some(sign("sso")), None),
        (seen(95, 90), Some(sign("sso")), Some(90)),
        (seen(200, 90), None, Some(90)),
    ];
    for (look, sign, at_least) in table {
        let idle = evidence(look.clone(), &asking).idle;
        assert_eq!((idle.sign.clone(), idle.at_least_since), (sign, at_least.map(ago)), "{look:?}");
        assert_eq!(idle.surely_since(), at_least.map_or(idle.since, ago));
        assert_eq!(idle.sign.is_some(), idle.signal == Signal::LogActivity);
    }
    assert_eq!(
        evidence(nothing(90), &rule()).idle.at_least_since,
        None,
        "its own record is all that it goes by"
    );
}

#[test]
fn evidence_of_an_earlier_version_is_still_read() {
    let old = serde_json::json!({ "seen": { "at": now() } });
    let read: SecondLook = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(read, SecondLook::Seen(Sighting::at(now())));
    assert_eq!(serde_json::to_value(&read).unwrap(), old);
}
