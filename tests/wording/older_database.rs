//! What is said when the database is not the latest, and when it goes on.

use chrono::Duration;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::lineage::{DatabaseId, Head, Lineage, Mismatch, Sighting, Stop, Witness};
use inactive_contractors::store::ResumedDatabase;
use inactive_contractors::wording::{lineage, refusals};

use crate::desk::{Desk, compare};
use crate::fixture::{every_request_state, now, person, request};

fn database(id: &str, epoch: i64) -> DatabaseId {
    DatabaseId { id: id.repeat(32), epoch }
}

fn stop(why: Mismatch, seen: &[(&str, i64)]) -> Stop {
    let sighting = |(id, event): &(&str, i64)| Sighting {
        channel: "C1".to_owned(),
        message: format!("{event}.1"),
        posted_at: now(),
        key: format!("request:{event}:card"),
        witness: Witness { database: database(id, 1), head: Head { event: *event, hash: "b".repeat(64) } },
        facts: [].into(),
    };
    Stop {
        since: now(),
        why,
        head: Head { event: 41, hash: "a".repeat(64) },
        restored_from: (why == Mismatch::Restored).then(|| "/backup/<!channel> *bot*.db".to_owned()),
        seen: seen.iter().map(sighting).collect(),
    }
}

#[tokio::test]
async fn a_database_that_is_not_the_latest() {
    let mut desk = Desk::open().await;
    let lineage = Lineage {
        database: database("a", 1),
        epoch_began: None,
        migrated: false,
        acknowledged: Vec::new(),
        last_request: RequestId(0),
        last_restoration: 0,
        stopped: None,
    };
    let missing =
        ["ada@ext.example until 2026-12-14".to_owned(), "<!channel> *x* until 2026-12-15".to_owned()];
    let many: Vec<(&str, i64)> = (42..70).map(|event| ("a", event)).collect();
    let mut said = String::new();
    for stop in [
        stop(Mismatch::Ahead, &[("a", 44)]),
        stop(Mismatch::Ahead, &many),
        stop(Mismatch::Forked, &[("a", 12)]),
        stop(Mismatch::LaterEpoch, &[]),
        stop(Mismatch::OtherDatabase, &[("c", 7)]),
        stop(Mismatch::Restored, &[("a", 44)]),
    ] {
        said += &desk.message(&lineage::stopped(&lineage, &stop, &missing)).await;
        said += "\n";
    }
    let done = ResumedDatabase {
        database: database("a", 2),
        stop: stop(Mismatch::Ahead, &[]),
        superseded: vec![RequestId(3), RequestId(4)],
        swept: vec!["contractors".into()],
    };
    let nothing = ResumedDatabase { superseded: Vec::new(), swept: Vec::new(), ..done.clone() };
    let open = request(every_request_state().swap_remove(2));
    for card in [
        lineage::superseded_card(&open),
        lineage::resumed(&person("adam"), now() + Duration::hours(1), 2),
        refusals::note(lineage::resumed_answer(&done, &missing, &["staffing".into()])),
        refusals::note(lineage::resumed_answer(&nothing, &[], &[])),
        refusals::note(lineage::refused()),
        refusals::note(lineage::superseded()),
        refusals::note(lineage::not_of_this_database(true)),
        refusals::note(lineage::not_of_this_database(false)),
        refusals::note(lineage::resume_all()),
        refusals::note(lineage::resume_again()),
    ] {
        said += &desk.message(&card).await;
        said += "\n";
    }
    compare("older_database", &said);
    desk.close();
}
