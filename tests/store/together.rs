//! Changes that come at the same time: one commit for all, and to each its own answer.

use futures_util::future::join_all;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{NewSweep, Store, StoreError};

use super::harness::{Bench, at, scheduled};

/// How often something was committed to the log since the file was opened.
fn commits(bench: &Bench) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = std::fs::read(bench.path.with_extension("db-wal")).unwrap();
    let number = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let frame = FRAME_HEADER + number(8) as usize;
    // The last frame of each commit says how large the file is then. <https://www.sqlite.org/fileformat.html#walformat>
    (HEADER..log.len()).step_by(frame).filter(|at| number(at + 4) > 0).count()
}

#[tokio::test]
async fn changes_that_come_together_are_one_commit_and_each_has_its_own_answer() {
    let bench = Bench::new();
    let (store, mut writer) = Store::open_with_writer(&bench.path, at(0)).unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("policy{number}")).collect();
    let known = join_all(names.iter().map(|name| store.know_policy(name, at(0))));
    let missing = store.transition(RequestId(4711), |_, _| panic!("there is no such request"));
    let look = store.pause_of("policy0");
    let work = async {
        let jobs = writer.next(100).await;
        assert_eq!(jobs.len(), 22, "all that wait");
        writer.execute_round(jobs);
    };
    let (known, missing, look, ()) = tokio::join!(known, missing, look, work);
    assert!(known.into_iter().all(|one| one.is_ok_and(|policy| policy.first_seen_at == at(0))));
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    assert_eq!(look.unwrap(), None);
    assert_eq!(commits(&bench), 1);
    let there: i64 = bench.raw().query_row("SELECT count(*) FROM policy", [], |row| row.get(0)).unwrap();
    assert_eq!(there, 20, "what failed took nobody else with it");
}

#[tokio::test]
async fn what_a_failed_change_did_is_taken_back_and_the_rest_stays() {
    let bench = Bench::new();
    let (store, mut writer) = Store::open_with_writer(&bench.path, at(0)).unwrap();
    // The second is refused in its middle, and so is whatever comes while its first half is there.
    bench
        .raw()
        .execute_batch(
            "CREATE TRIGGER no_second BEFORE INSERT ON audit_event
             WHEN EXISTS (SELECT 1 FROM sweep WHERE policy = 'second')
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )
        .unwrap();
    let sweep = |policy: &str| store.start_sweep(NewSweep { policy: policy.into(), ..scheduled(0) });
    let started = join_all([sweep("first"), sweep("second"), sweep("third")]);
    let work = async {
        let jobs = writer.next(100).await;
        writer.execute_round(jobs);
    };
    let (started, ()) = tokio::join!(started, work);
    assert_eq!(started.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let there: String =
        bench.raw().query_row("SELECT group_concat(policy) FROM sweep", [], |row| row.get(0)).unwrap();
    // The trigger is the other one.
    assert_eq!((there.as_str(), commits(&bench)), ("first,third", 2));
}

#[tokio::test]
async fn a_file_that_can_not_be_had_fails_all_that_came_together_and_the_next_are_made() {
    let bench = Bench::new();
    let (store, mut writer) = Store::open_with_writer(&bench.path, at(0)).unwrap();
    let other = bench.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut round = async |expected: bool| {
        let known = join_all(["first", "second"].iter().map(|name| store.know_policy(name, at(0))));
        let work = async {
            let jobs = writer.next(100).await;
            assert_eq!(jobs.len(), 2, "they wait together");
            writer.execute_round(jobs);
        };
        let (known, ()) = tokio::join!(known, work);
        for one in &known {
            assert_eq!(one.is_ok(), expected, "{one:?}");
        }
    };
    round(false).await;
    other.execute_batch("ROLLBACK").unwrap();
    round(true).await;
    assert_eq!(commits(&bench), 1);
}
