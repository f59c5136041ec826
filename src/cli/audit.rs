//! `verify` and `audit export`: the audit trail, read beside a running bot.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::cli::terminal::{BAD, GOOD, Progress, put, show, styled};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::audit::{Action, AuditEvent, Draft};
use crate::domain::date_range::{self, Misread};
use crate::domain::hash::hex;
use crate::domain::ids::PolicyName;
use crate::exit::{Exit, Usage};
use crate::files::{self, PRIVATE};
use crate::reports::export::{csv_end, csv_head, csv_rows};
use crate::store::{ACCOUNTS_MAX, AuditContext, AuditQuery, OpenError, Store};
use crate::wording::history::misread;
use crate::wording::lineage::name;

/// Events that are read in one go.
const CHUNK: u32 = 1000;

/// Reads every page and every event, and says up to which event the trail holds, or where it is broken.
pub async fn verify(database: &Path, json: bool) -> anyhow::Result<Exit> {
    let path = database.display();
    let store = Store::open_to_read(database)?;
    let of = store.audit_head().await?.map(|(seq, _)| seq.unsigned_abs());
    let progress = Progress::of("events verified");
    let verified = store.verify_file(&|events| progress.at(events, of)).await?;
    drop(progress);
    let ours = store.lineage().database.clone();
    store.close().await?;
    let ok = verified.as_ref().is_ok_and(|verified| verified.broken_at.is_none());
    if json {
        let document = match &verified {
            Ok(found) => json!({
                "ok": ok, "archived": found.archived, "events": found.events, "head": found.head,
                "broken_at": found.broken_at, "damage": null, "database": ours,
            }),
            Err(damage) => json!({ "ok": false, "damage": damage }),
        };
        put(format!("{document}\n").as_bytes())?;
    } else {
        let said = match &verified {
            Ok(found) if ok => {
                let from = match found.archived {
                    0 => String::new(),
                    archived => format!(" from event {} (earlier events are archived)", archived + 1),
                };
                let (events, head, of) = (found.events, &found.head, name(&ours));
                format!("the audit trail verifies{from} up to event {events}, head {head}; {of}")
            }
            Ok(found) => broken(found.broken_at.unwrap_or_default()),
            Err(damage) => {
                format!("the file is damaged ({damage}); stop the bot and put a backup in its place")
            }
        };
        let (style, word) = if ok { (GOOD, "ok  ") } else { (BAD, "FAIL") };
        show(&format!("{}  {path}: {said}\n", styled(style, word)))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

/// What is to be said of a trail that doesn't hold from this event on.
pub fn broken(seq: i64) -> String {
    format!(
        "the audit trail is broken at event {seq}: somebody changed the file. Keep it as evidence, compare it with a backup \
         and with the heads in the channel"
    )
}

/// A part of the trail, and what is made of it.
#[derive(clap::Args)]
#[group(skip)]
pub struct Export {
    /// From this time on: 2026-10-01, 2026-10, "Q3 2026", 30d and similar, in the policy's time zone
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Up to this time; a day counts whole
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Only about the account with this login or Okta id, or with this in its login
    #[arg(long, value_name = "LOGIN")]
    person: Option<String>,
    /// Only of this policy, which may be one of former times
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// JSON lines can be verified; CSV is for spreadsheets
    #[arg(long, value_enum, default_value = "jsonl")]
    format: Format,
    /// A new file, instead of standard output
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

/// What a reading of the events came to.
struct Read {
    events: usize,
    range: Option<(i64, i64)>,
    sha256: String,
}

impl Read {
    /// Somebody may have moved events away between two readings.
    fn is_as(&self, recorded: &Read) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.sha256 == recorded.sha256,
            "the audit trail was archived meanwhile, so this export is not what was recorded; export again"
        );
        Ok(())
    }
}

/// One export: which events, as they were when it began, and how they are written.
struct Excerpt<'a> {
    store: &'a Store,
    query: AuditQuery,
    head: (i64, String),
    format: Format,
    made_at: DateTime<Utc>,
}

/// Writes the events that match, oldest first. That they leave is recorded before they do, if no bot holds the database.
pub async fn export(config: &Config, asked: &Export) -> anyhow::Result<Exit> {
    let now = Clock::system().now();
    if let Some(path) = asked.to.as_ref().filter(|path| files::is_taken(path)) {
        anyhow::bail!("the file {} already exists; name a new one", path.display());
    }
    let store = Store::open_to_read(&config.database)?;
    let query = question(config, &store, asked, now).await?;
    let Some(head) = store.audit_head().await? else {
        eprintln!("the audit trail is empty");
        return Ok(Exit::Done);
    };
    let excerpt = Excerpt { store: &store, query, head, format: asked.format, made_at: now };
    // Read twice, so that the hash is in the trail before anybody has the file, and no file has to fit into memory.
    let progress = Progress::of("events read");
    let read = excerpt.write(&mut std::io::sink(), &progress).await?;
    drop(progress);
    if read.events == 0 {
        eprintln!("no event of the audit trail matches");
        return Ok(Exit::Done);
    }
    let written = if let Some(path) = &asked.to {
        // Made before it is recorded: what can't be written doesn't leave.
        let mut file =
            files::create(path, PRIVATE).with_context(|| format!("can't make {}", path.display()))?;
        let written = leave(config, asked, &excerpt, &read, &mut file, &Progress::of("events written")).await;
        let written = written.and_then(|()| Ok(file.sync_all()?));
        if written.is_err() {
            // Half an export would be taken for a whole one.
            let _ = std::fs::remove_file(path);
        }
        written
    } else {
        // It may be the same terminal, where the two would get in each other's way.
        leave(config, asked, &excerpt, &read, &mut Out, &Progress::hidden()).await
    };
    written?;
    let (first, last) = read.range.unwrap_or_default();
    let (head, hash) = &excerpt.head;
    eprintln!(
        "{} events, {first} to {last}, sha256 {}; the trail's head is {head}:{hash}",
        read.events, read.sha256
    );
    store.close().await?;
    Ok(Exit::Done)
}

/// Records that the copy leaves, and then lets it.
async fn leave(
    config: &Config,
    asked: &Export,
    excerpt: &Excerpt<'_>,
    read: &Read,
    out: &mut impl Write,
    progress: &Progress,
) -> anyhow::Result<()> {
    record(config, asked, excerpt, read).await?;
    excerpt.write(out, progress).await?.is_as(read)
}

async fn question(
    config: &Config,
    store: &Store,
    asked: &Export,
    now: DateTime<Utc>,
) -> anyhow::Result<AuditQuery> {
    let named = config.policies.iter().find(|policy| asked.policy.as_deref() == Some(&*policy.name));
    let zone = named.or(config.policies.first()).map_or(Tz::UTC, |policy| policy.schedule.zone);
    let usage = |error: Misread| Usage(misread(&error).to_plain());
    let since =
        asked.since.as_ref().map(|text| date_range::since(text, zone, now)).transpose().map_err(usage)?;
    let until =
        asked.until.as_ref().map(|text| date_range::until(text, zone, now)).transpose().map_err(usage)?;
    let mut query = AuditQuery { policy: asked.policy.clone(), since, until, ..AuditQuery::latest(CHUNK) };
    if let Some(person) = &asked.person {
        query.accounts = store.audited_accounts(person, None).await?;
        match query.accounts.len() {
            0 => anyhow::bail!(Usage(format!("the audit trail has no account {person}"))),
            1..=ACCOUNTS_MAX => {}
            _ => anyhow::bail!(Usage(format!(
                "more than {ACCOUNTS_MAX} accounts have {person} in their login; name one, or its Okta id"
            ))),
        }
    }
    Ok(query)
}

impl Excerpt<'_> {
    /// Writes all of it, in goes. Always the same, since a trail is only appended to.
    async fn write(&self, out: &mut impl Write, progress: &Progress) -> anyhow::Result<Read> {
        let mut query = AuditQuery { before_seq: Some(self.head.0 + 1), ..self.query.clone() };
        let (mut hash, mut read) = (Sha256::new(), Read { events: 0, range: None, sha256: String::new() });
        let mut put = |bytes: &[u8]| -> anyhow::Result<()> {
            hash.update(bytes);
            out.write_all(bytes).context("can't write the export")
        };
        if matches!(self.format, Format::Csv) {
            put(&csv_head())?;
        }
        loop {
            let events = self.store.audit_onward(query.clone()).await?;
            let (Some(first), Some(last)) = (events.first(), events.last()) else { break };
            read.range = Some((read.range.map_or(first.seq, |(first, _)| first), last.seq));
            read.events += events.len();
            query.after_seq = Some(last.seq);
            progress.at(read.events as u64, None);
            match self.format {
                Format::Jsonl => put(&json_lines(&events))?,
                Format::Csv => put(&csv_rows(&events))?,
            }
            if events.len() < CHUNK as usize {
                break;
            }
        }
        if matches!(self.format, Format::Csv) {
            put(&csv_end(read.range, &self.head, &self.store.lineage().database, self.made_at))?;
        }
        read.sha256 = hex(&hash.finalize());
        Ok(read)
    }
}

/// An event per line, as the collectors get them.
fn json_lines(events: &[AuditEvent]) -> Vec<u8> {
    events.iter().flat_map(|event| format!("{}\n", event.to_json()).into_bytes()).collect()
}

/// Says in the trail that the copy leaves. Only one process may write it, so while the bot is running this can only
/// be reported to the person who exports; who may read the file could copy it without us.
async fn record(config: &Config, asked: &Export, excerpt: &Excerpt<'_>, read: &Read) -> anyhow::Result<()> {
    let filters: Vec<String> = [
        ("since", &asked.since),
        ("until", &asked.until),
        ("person", &asked.person),
        ("policy", &asked.policy),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)))
    .collect();
    let format = match asked.format {
        Format::Jsonl => "jsonl",
        Format::Csv => "csv",
    };
    let (seq, hash) = &excerpt.head;
    let detail = json!({
        "format": format, "filters": filters, "rows": read.events, "restricted_to": null, "sha256": read.sha256,
        "head": { "seq": seq, "hash": hash }, "from": "command line",
    });
    let event = Draft::by_bot(excerpt.made_at, Action::Exported, detail);
    let store = match Store::open(&config.database, excerpt.made_at) {
        Ok(store) => store,
        Err(why @ OpenError::Held { .. }) => {
            eprintln!(
                "note: this export is not recorded in the audit trail: {why}. `{} export` in Slack makes one that is",
                config.slack.command
            );
            return Ok(());
        }
        Err(error) => return Err(error).context("what can't be recorded isn't exported"),
    };
    store
        .append(
            AuditContext { policy: asked.policy.clone().map(PolicyName::from), ..AuditContext::default() },
            event,
        )
        .await?;
    Ok(store.close().await?)
}

/// Standard output.
struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        put(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
