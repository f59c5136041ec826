//! `backup`: a verified copy of the database, made while the bot is at work.

use std::path::Path;

use crate::cli::terminal::{Progress, show};
use crate::exit::Exit;
use crate::files;
use crate::store::Store;
use crate::wording::lineage::name;

/// Copies the database to a new file and reads the copy through. Says what is in it.
pub async fn run(database: &Path, to: &Path) -> anyhow::Result<Exit> {
    anyhow::ensure!(!files::is_taken(to), "a file of that name already exists: {}", to.display());
    Store::copy(database, to)?;
    let copy = Store::open_to_read(to)?;
    let progress = Progress::of("events of the copy");
    let verified = copy.verify_file(&|events| progress.at(events, None)).await?;
    drop(progress);
    let of = name(&copy.lineage().database);
    copy.close().await?;
    match verified {
        Ok(verified) if verified.broken_at.is_none() => {
            show(&format!(
                "{}: intact; the audit trail verifies up to event {}, head {}; {of}\n",
                to.display(),
                verified.events,
                verified.head
            ))?;
            Ok(Exit::Done)
        }
        Ok(verified) => anyhow::bail!(
            "{} is a copy of a database whose audit trail is broken at event {}; keep both files as evidence",
            to.display(),
            verified.broken_at.unwrap_or_default()
        ),
        Err(why) => {
            anyhow::bail!("{} is damaged ({why}), and its source may be damaged too", to.display())
        }
    }
}
