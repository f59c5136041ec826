//! `restore`: puts a copy of the database in its place, so that nothing of the past is executed again.

use std::path::Path;

use crate::chat::time_in_words;
use crate::cli::terminal::{Progress, printable, show};
use crate::clock::Clock;
use crate::domain::audit::{Action, Actor, AuditEvent};
use crate::domain::lineage::Head;
use crate::exit::Exit;
use crate::store::{Restoring, Store};
use crate::wording::events;
use crate::wording::lineage::name;

/// How many decisions are printed; `audit export` has all.
const PRINTED_MAX: usize = 50;
/// Events that are read in one go.
const CHUNK: u32 = 1000;

/// Verifies the copy, keeps the present file aside, and puts the copy in place, stopped. Says what the copy lacks.
pub async fn run(database: &Path, from: &Path) -> anyhow::Result<Exit> {
    let now = Clock::system().now();
    let restoring = Store::prepare_restore(database, from, now)?;
    if let Err(error) = verify(&restoring).await {
        restoring.discard();
        return Err(error.context(format!("{} was not restored, and nothing was changed", from.display())));
    }
    let (ours, head) = (restoring.database.clone(), restoring.head.clone());
    let aside = restoring.finish(now)?;
    let mut said = vec![format!(
        "{} is restored from {}: the audit trail verifies up to event {}, head {}; {}\n",
        database.display(),
        from.display(),
        head.event,
        head.hash,
        name(&ours)
    )];
    if let Some(aside) = &aside {
        said.push(format!("the file that was there is kept as {}\n", aside.display()));
        said.push(
            lacks(aside, &head)
                .await
                .unwrap_or_else(|error| format!("can't read what it has and the copy lacks: {error:#}\n")),
        );
    }
    said.push(
        "The bot starts stopped: it suspends and restores nobody. Start it, read its message in the channel, and have \
         an admin run /inactive-contractors resume. Open requests then end, and a new sweep asks again.\n"
            .to_owned(),
    );
    show(&said.concat())?;
    Ok(Exit::Done)
}

async fn verify(restoring: &Restoring) -> anyhow::Result<()> {
    let copy = Store::open_to_read(restoring.staged())?;
    let progress = Progress::of("events of the copy");
    let verified = copy.verify_file(&|events| progress.at(events, None)).await?;
    drop(progress);
    copy.close().await?;
    match verified {
        Ok(verified) => match verified.broken_at {
            None => Ok(()),
            Some(seq) => anyhow::bail!("its audit trail is broken at event {seq}; use an earlier copy"),
        },
        Err(why) => anyhow::bail!("it is damaged ({why}); use an earlier copy"),
    }
}

/// Returns what was decided after the copy was made, by the file that was in its place.
async fn lacks(aside: &Path, head: &Head) -> anyhow::Result<String> {
    let store = Store::open_to_read(aside)?;
    let (end, hashes) = store.head_and_hashes(vec![head.event]).await?;
    let same = head.event == 0 || hashes.get(&head.event) == Some(&head.hash);
    let said = if same && end.event > head.event {
        let mut said =
            vec![format!("It has events {} to {}, which the copy lacks:\n", head.event + 1, end.event)];
        let (mut after, mut decisions) = (head.event, Vec::new());
        loop {
            let events = store.events_after(after, CHUNK).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            decisions.extend(events.iter().filter(|event| is_decision(event)).map(line));
        }
        let more = decisions.len().saturating_sub(PRINTED_MAX);
        said.extend(decisions.into_iter().take(PRINTED_MAX));
        if more > 0 {
            said.push(format!("  and {more} more; `audit export` of that file has all\n"));
        }
        said.concat()
    } else if same {
        "The copy lacks nothing that it has.\n".to_owned()
    } else {
        "It has another audit trail than the copy.\n".to_owned()
    };
    store.close().await?;
    Ok(said)
}

fn is_decision(event: &AuditEvent) -> bool {
    const DECISIONS: [Action; 17] = [
        Action::Approved,
        Action::ApprovedFirst,
        Action::ApprovalTakenBack,
        Action::Retried,
        Action::Kept,
        Action::Denied,
        Action::Withdrawn,
        Action::Released,
        Action::WentLive,
        Action::Exempted,
        Action::Unexempted,
        Action::RestoreAsked,
        Action::Paused,
        Action::Resumed,
        Action::Suspended,
        Action::Restored,
        Action::DatabaseResumed,
    ];
    DECISIONS.iter().any(|action| action.word() == event.action)
}

fn line(event: &AuditEvent) -> String {
    let by = match &event.actor {
        Actor::System => String::new(),
        Actor::Person(person) => format!(" by {} ({})", printable(&person.name), printable(&person.id)),
    };
    let of = event.request.map_or_else(String::new, |request| format!(", request {request}"));
    let account =
        event.subject.as_ref().map_or_else(String::new, |one| format!(", {}", printable(&one.login)));
    format!("  {} · {} · {}{by}{of}{account}\n", event.seq, time_in_words(event.at), events::action(event))
}
