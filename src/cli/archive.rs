//! `archive`: moves audit events of long ago out of the database into files that verify by themselves.
//!
//! A file is on the disk, whole, before its events are removed, and the removal is an event of the trail with the file's
//! hash. A run that is cut short leaves at most one file whose events are still in the database; the next run writes
//! it again.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use sha2::{Digest, Sha256};

use crate::cli::terminal::{Progress, show};
use crate::clock::Clock;
use crate::domain::audit::AuditEvent;
use crate::domain::hash::hex;
use crate::domain::lineage::DatabaseId;
use crate::exit::{Exit, Usage};
use crate::files::{self, PRIVATE};
use crate::reports::export::Excerpt;
use crate::store::{Archive, Store};

/// Events of one file: what a verifier reads in one go.
const EVENTS_PER_FILE: u32 = 100_000;

/// Moves the events before the day (in UTC) into files of the folder, and says what it did.
pub async fn run(database: &Path, before: NaiveDate, folder: &Path) -> anyhow::Result<Exit> {
    let now = Clock::system().now();
    let before = before.and_time(NaiveTime::MIN).and_utc();
    if before > now {
        anyhow::bail!(Usage(format!("{} is not in the past", before.date_naive())));
    }
    // It would be made, and there would be nothing to move.
    anyhow::ensure!(database.exists(), "there is no database {}", database.display());
    files::create_folder(folder).with_context(|| format!("can't make the folder {}", folder.display()))?;
    let store = Store::open(database, now)?;
    let result = move_events(&store, before, folder, now).await;
    let closed = store.close().await.context("can't close the database");
    result.and(closed).map(|()| Exit::Done)
}

async fn move_events(
    store: &Store,
    before: DateTime<Utc>,
    folder: &Path,
    now: DateTime<Utc>,
) -> anyhow::Result<()> {
    let progress = Progress::of("events verified");
    let of = store.audit_head().await?.map(|(seq, _)| seq.unsigned_abs());
    let verified = store.verify_telling(&|events| progress.at(events, of)).await?;
    drop(progress);
    anyhow::ensure!(
        verified.broken_at.is_none(),
        "the audit trail is broken at event {}; nothing was moved, because the file is the evidence",
        verified.broken_at.unwrap_or_default()
    );
    let mut moved = 0;
    let progress = Progress::of("events moved");
    loop {
        let events = store.archivable(before, EVENTS_PER_FILE).await?;
        let (Some(first), Some(last)) = (events.first(), events.last()) else { break };
        let (from, up_to, head) = (first.seq, last.seq, last.hash.clone());
        let name = format!("audit-{from:09}-{up_to:09}.json");
        let head_of_all = (verified.events, verified.head.clone());
        let sha256 = write(&folder.join(&name), events, head_of_all, &store.lineage().database, now)?;
        progress.say(&format!("{name}: events {from} to {up_to}, head {head}"));
        store.archive(Archive { file: name, sha256, from, up_to, head }, now).await?;
        moved += up_to - from + 1;
        progress.at(moved.unsigned_abs(), None);
    }
    drop(progress);
    if moved == 0 {
        // Space that an earlier run could not release.
        store.shrink().await.context("the file could not be made smaller")?;
        show("Nothing to move: no event of an ended request is old enough.\n")?;
        return Ok(());
    }
    store.shrink().await.context("the events were moved, but the file could not be made smaller")?;
    show(&format!(
        "{moved} events moved to {}. Keep the files: python3 verify.py FILE SEQ:HASH checks each.\n",
        folder.display()
    ))?;
    Ok(())
}

/// Writes one file; its hash. It gets its name when it is whole and on the disk. One of that name that is there already and
/// ends with another event, such as another bot's, may be the only copy of what is in it, so it stays.
fn write(
    path: &Path,
    events: Vec<AuditEvent>,
    head: (i64, String),
    database: &DatabaseId,
    now: DateTime<Utc>,
) -> anyhow::Result<String> {
    let ours = events.last().map_or("", |last| last.hash.as_str());
    let is_free = match std::fs::read_to_string(path) {
        Ok(there) => there.contains(ours),
        Err(error) if error.kind() == ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    anyhow::ensure!(
        is_free,
        "{} already exists and is not of this audit trail; name another folder. Nothing was removed",
        path.display()
    );
    let excerpt = Excerpt {
        made_at: now,
        head,
        database: database.clone(),
        filters: Vec::new(),
        restricted_to: None,
        gapless: true,
        events,
    };
    let bytes = excerpt.json();
    files::write_whole(path, &bytes, PRIVATE)
        .with_context(|| format!("can't write {}; nothing was removed", path.display()))?;
    Ok(hex(&Sha256::digest(&bytes)))
}
