//! What a message of the bot's own says about the file, and what it doesn't.

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::lineage::{
    DatabaseId, Head, Lineage, Mismatch, Sighting, Stop, Witness, acknowledge,
};

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::minutes(minutes)
}

fn witness(id: &str, epoch: i64, event: i64) -> Witness {
    let database = DatabaseId { id: id.to_owned(), epoch };
    Witness { database, head: Head { event, hash: format!("hash {event}") } }
}

fn seen(id: &str, epoch: i64, event: i64, minutes: i64) -> Sighting {
    Sighting {
        channel: "C1".to_owned(),
        message: format!("{id} {epoch} {event}"),
        posted_at: at(minutes),
        key: format!("request:{event}:card"),
        witness: witness(id, epoch, event),
        facts: [].into(),
    }
}

fn lineage(epoch: i64) -> Lineage {
    Lineage {
        database: DatabaseId { id: "ours".to_owned(), epoch },
        epoch_began: (epoch > 1).then(|| at(0)),
        migrated: false,
        acknowledged: Vec::new(),
        last_request: RequestId(0),
        last_restoration: 0,
        stopped: None,
    }
}

/// The file ends at event 50; up to event 10 it is archived.
fn judge(lineage: &Lineage, seen: &Sighting) -> Option<Mismatch> {
    let head = Head { event: 50, hash: "hash 50".to_owned() };
    lineage.judge(seen, &head, |event| (10..=50).contains(&event).then(|| format!("hash {event}")))
}

#[test]
fn a_message_that_names_what_the_file_has_or_has_archived_proves_nothing() {
    for event in [0, 3, 10, 49, 50] {
        assert_eq!(judge(&lineage(1), &seen("ours", 1, event, 5)), None, "{event}");
    }
}

#[test]
fn a_message_that_names_what_the_file_does_not_have_proves_that_it_is_not_the_latest() {
    assert_eq!(judge(&lineage(1), &seen("ours", 1, 51, 5)), Some(Mismatch::Ahead));
    let mut other = seen("ours", 1, 40, 5);
    other.witness.head.hash = "another hash".to_owned();
    assert_eq!(judge(&lineage(1), &other), Some(Mismatch::Forked));
    assert_eq!(judge(&lineage(1), &seen("ours", 2, 3, 5)), Some(Mismatch::LaterEpoch));
    assert_eq!(judge(&lineage(1), &seen("theirs", 1, 3, 5)), Some(Mismatch::OtherDatabase));
}

#[test]
fn what_was_left_behind_proves_nothing_until_somebody_goes_on_with_it() {
    let mut ours = lineage(2);
    // Posted before the epoch began.
    assert_eq!(judge(&ours, &seen("ours", 1, 80, -1)), None);
    assert_eq!(judge(&ours, &seen("theirs", 1, 80, -1)), None);
    // By a clock that is ahead; the file has it.
    assert_eq!(judge(&ours, &seen("ours", 1, 40, 1)), None);
    // Posted since: somebody works with the earlier epoch, or with another file.
    assert_eq!(judge(&ours, &seen("ours", 1, 81, 1)), Some(Mismatch::Forked));
    assert_eq!(judge(&ours, &seen("theirs", 1, 81, 1)), Some(Mismatch::OtherDatabase));
    // By a clock that is ahead, or updated since: an admin has seen up to there.
    ours.acknowledged =
        acknowledge(&[], [witness("ours", 1, 80), witness("ours", 1, 60), witness("theirs", 4, 9)]);
    assert_eq!(judge(&ours, &seen("ours", 1, 80, 1)), None);
    assert_eq!(judge(&ours, &seen("ours", 1, 81, 1)), Some(Mismatch::Forked));
    assert_eq!(judge(&ours, &seen("theirs", 4, 9, 1)), None);
    assert_eq!(judge(&ours, &seen("theirs", 4, 10, 1)), Some(Mismatch::OtherDatabase));
    // Its own epoch is never left behind.
    assert_eq!(judge(&ours, &seen("ours", 2, 51, -1)), Some(Mismatch::Ahead));
}

#[test]
fn what_is_seen_twice_is_kept_once_and_the_next_epoch_follows_all_that_was_seen() {
    let why = Mismatch::Ahead;
    let head = Head { event: 50, hash: "hash 50".to_owned() };
    let mut stop = Stop { since: at(0), why, head, restored_from: None, seen: vec![seen("ours", 1, 60, 0)] };
    assert!(!stop.add(vec![seen("ours", 1, 60, 0)]));
    assert!(stop.add(vec![seen("ours", 5, 70, 0), seen("theirs", 9, 99, 0)]));
    assert_eq!((stop.seen.len(), stop.last_event("ours")), (3, Some(70)));
    assert_eq!(stop.next_epoch(&lineage(2).database), 6);
    assert_eq!(stop.requests("ours"), [60, 70].map(RequestId).into());
}

#[test]
fn an_input_from_right_before_a_stop_does_not_know_of_it_and_a_clock_that_was_ahead_shuts_nobody_out() {
    let head = Head { event: 50, hash: "hash 50".to_owned() };
    let stop = Stop { since: at(0), why: Mismatch::Ahead, head, restored_from: None, seen: Vec::new() };
    let unknown = |seconds| stop.is_unknown_to_sender(at(0) + Duration::seconds(seconds));
    assert_eq!([-301, -300, -1, 0, 1].map(unknown), [false, true, true, false, false]);
}
