//! Every released schema version, with rows as they were then, opens in this one.
//!
//! `versions/vN.sql` is a dump of a file of version N. A migration adds the next one (open the last with the new
//! program, add rows that use what is new, dump it); the old ones are never edited.

use std::collections::BTreeSet;

use inactive_contractors::domain::audit::Action;
use inactive_contractors::domain::candidate::SuspensionStep;
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Became, Decision};
use inactive_contractors::store::{AuditQuery, MessageRow, Notice, Store, SweepState};

use crate::harness::{Bench, POLICY, at, card, events, id, person, rule};

const VERSIONS: &[&str] = &[
    include_str!("versions/v1.sql"),
    include_str!("versions/v2.sql"),
    include_str!("versions/v3.sql"),
    include_str!("versions/v4.sql"),
    include_str!("versions/v5.sql"),
    include_str!("versions/v6.sql"),
    include_str!("versions/v7.sql"),
    include_str!("versions/v8.sql"),
    include_str!("versions/v9.sql"),
    include_str!("versions/v10.sql"),
    include_str!("versions/v11.sql"),
];

/// Each row says whose account it is about: Okta's, in every row from before there was another provider.
async fn says_whose_accounts(store: &Store, version: i64) -> ProviderName {
    let other = ProviderName::from(if version > 10 { "entra" } else { "okta" });
    let kim = store.exemptions_of(&id("kim")).await.unwrap();
    let lee = store.exemptions_of(&id("lee")).await.unwrap();
    let restoration = store.restoration(1).await.unwrap().map(|one| one.wish.provider);
    let of = (kim.iter().map(|one| &one.provider).collect(), lee.iter().map(|one| &one.provider).collect());
    let okta = ProviderName::default();
    let expected = if version > 1 { (vec![&okta], vec![&other]) } else { (vec![], vec![]) };
    assert_eq!((of, restoration), (expected, (version > 1).then(|| other.clone())));
    let asked = store.request_alone(RequestId(4)).await.unwrap().map(|request| request.rule.provider);
    assert_eq!(asked, Some(other.clone()));
    other
}

#[tokio::test]
async fn every_version_opens_with_its_rows() {
    for (version, dump) in (1..).zip(VERSIONS) {
        let bench = Bench::new();
        bench.raw().execute_batch(dump).unwrap();
        assert_eq!(user_version(&bench), version);
        let store = bench.open();

        assert_eq!(store.know_policy(POLICY, at(0)).await.unwrap().live_rule, Some(rule()));
        assert!(matches!(store.last_sweep(POLICY).await.unwrap().unwrap().state, SweepState::Failed { .. }));
        let mut words = Vec::new();
        for live in store.live_requests().await.unwrap() {
            let (request, candidates) = store.request(live).await.unwrap().unwrap();
            let candidates: Vec<_> = candidates.iter().map(|one| one.state.word()).collect();
            words.push((request.state.word(), candidates.join(" ")));
        }
        let expected = [
            ("went_live", "previewed"),
            ("completed", "suspended kept"),
            ("approved", "due failed"),
            ("expired", "dropped"),
            ("held", "proposed"),
        ];
        assert_eq!(words, expected.map(|(state, each)| (state, each.to_owned())));
        assert_eq!(store.suspended_by_us(vec![id("kim")]).await.unwrap().len(), 1);
        assert!(
            store
                .message(&card(RequestId(2)).key)
                .await
                .unwrap()
                .is_some_and(|row| row.ts == Some(card(RequestId(2)).ts))
        );

        let kim = store.exemptions_of(&id("kim")).await.unwrap();
        let restored = store.restored_by_us(vec![id("kim")]).await.unwrap();
        assert_eq!((kim.len(), restored.len()), if version > 1 { (1, 1) } else { (0, 0) });

        let other = says_whose_accounts(&store, version).await;

        let draft = store.review(RequestId(5), "Uann").await.unwrap().unwrap().draft;
        assert_eq!(draft.map(|draft| draft.keep.len()), (version > 2).then_some(1));
        // Suspensions from before there were watches are watched from then on.
        let watched = store.watch_is_due(POLICY, at(60)).await.unwrap();
        let drifted = store.drift_batch(1).await.unwrap();
        assert_eq!((watched, drifted.len()), if version > 3 { (false, 1) } else { (true, 0) });
        assert!(drifted.iter().all(|one| one.watch.provider == other));
        let homes = store.homes(at(0)).await.unwrap();
        assert_eq!(homes.len(), usize::from(version > 4));

        let expired = store.request(RequestId(4)).await.unwrap().unwrap().0;
        let became = expired.asked_again.and_then(|again| again.became);
        let asked = (expired.approvals_needed, became);
        assert_eq!(asked, if version > 6 { (2, Some(Became::Nothing)) } else { (1, None) });

        let paused = store.pause_of(POLICY).await.unwrap();
        assert_eq!(paused.and_then(|pause| pause.began.reason).is_some(), version > 7);

        assert_eq!(store.lineage().database.epoch, if version > 8 { 2 } else { 1 });
        // What had not been reported waits to be said.
        let mut waits = store.unsaid().await.unwrap();
        waits.retain(|notice| !matches!(notice, Notice::Sweep(_)));
        let added = [(5, Notice::Digest(1)), (8, Notice::Pause(1)), (9, Notice::Missed(1))];
        let expected = added.into_iter().filter(|(since, _)| *since <= version).map(|(_, notice)| notice);
        assert_eq!(BTreeSet::from_iter(waits), expected.collect());
        let restored = store.message("restoration:1").await.unwrap();
        assert_eq!(restored.is_some_and(|row| row.ts.is_some()), version > 9);
        let seen = store.sightings(vec![id("kim")]).await.unwrap();
        assert_eq!(seen.len(), usize::from(version > 8));
        assert_eq!(store.left_out_by_email(SweepId(5)).await.unwrap().len(), usize::from(version > 8));

        let verified = store.verify().await.unwrap();
        assert_eq!((verified.broken_at, verified.events > 20), (None, true));
        // What was approved then is borne out by the trail as it was then.
        store.resume("r", POLICY, Decision { by: person("ann"), at: at(60), reason: None }).await.unwrap();
        let intend = SuspensionStep::Intend { status_changed: None, evidence: None };
        let state = store.step_candidate(RequestId(3), 0, intend, at(60)).await.unwrap();
        assert_eq!(state.map(|state| state.word()), Some("due"));
        let refusals = AuditQuery { actions: vec![Action::InputRefused], ..AuditQuery::latest(10) };
        assert_eq!(events(&store, refusals).await.len(), 1);
        store.close().await.unwrap();
        assert_eq!(user_version(&bench), newest());
    }
}

/// The keys are written as an older version wrote them: by them its messages are found in the channel.
#[tokio::test]
async fn what_an_older_version_had_begun_to_say_waits_under_the_key_that_it_has_in_the_channel() {
    let bench = Bench::new();
    bench.raw().execute_batch(VERSIONS[8]).unwrap();
    let unsaid = "UPDATE sweep SET told = id != 3; UPDATE digest SET told = 0; UPDATE pause SET told = 0;
        UPDATE restoration SET told = 0; UPDATE watch SET told_at = NULL, missed_told_at = NULL;
        UPDATE exemption SET announced_at = NULL";
    bench.raw().execute_batch(unsaid).unwrap();
    let begun = [
        ("pause:1:began", Notice::Pause(1)),
        ("digest:1", Notice::Digest(1)),
        ("exemptions:2:ending", Notice::ExemptionsEnd(2)),
        ("drift:1", Notice::Drift(1)),
        ("missed:1", Notice::Missed(1)),
        ("sweep:3:notice", Notice::Sweep(SweepId(3))),
        ("restoration:1", Notice::Restoration(1)),
    ];
    for (key, _) in begun {
        let sql = "INSERT INTO message (key, channel, tried_at, attempts)
                   VALUES (?1, 'C1', '2026-01-05T09:00:00.000Z', 3)";
        bench.raw().execute(sql, [key]).unwrap();
    }
    let store = bench.open();
    assert_eq!(BTreeSet::from_iter(store.unsaid().await.unwrap()), begun.map(|(_, notice)| notice).into());
    for (key, notice) in begun {
        assert_eq!(notice.key(), key);
        let tried =
            MessageRow { tried_at: Some(at(0)), attempts: 3, ..MessageRow::new(key.into(), "C1".into()) };
        assert_eq!(store.message(key).await.unwrap(), Some(tried), "it is looked for before it is posted");
        store.said(notice, at(1)).await.unwrap();
    }
    assert!(store.unsaid().await.unwrap().is_empty());
    store.close().await.unwrap();
}

#[test]
fn a_copy_that_fails_leaves_no_part_of_it_and_the_old_version_as_it_was() {
    let bench = Bench::new();
    bench.raw().execute_batch(VERSIONS[0]).unwrap();
    // Nothing can be put in this one's place.
    let taken = bench.directory.path().join("bot.db.v1.20260105T090000Z.backup");
    std::fs::create_dir(&taken).unwrap();
    let error = Store::open(&bench.path, at(0)).err().unwrap();
    assert!(error.to_string().contains("make the backup"), "{error}");
    assert_eq!(user_version(&bench), 1);
    let names = std::fs::read_dir(bench.directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let parts: Vec<_> = names.filter(|name| name.to_string_lossy().contains(".part")).collect();
    assert!(parts.is_empty(), "{parts:?}");

    std::fs::remove_dir(&taken).unwrap();
    drop(bench.open());
    assert!(taken.is_file() && user_version(&bench) == newest());
}

#[test]
fn every_version_has_its_rows() {
    assert_eq!(newest(), i64::try_from(VERSIONS.len()).unwrap());
}

/// The version that this program gives a new file.
fn newest() -> i64 {
    let bench = Bench::new();
    drop(bench.open());
    user_version(&bench)
}

fn user_version(bench: &Bench) -> i64 {
    bench.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}
