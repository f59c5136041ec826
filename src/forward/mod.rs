//! Forwarding: every event of the audit trail goes to the collectors that the configuration names, in order, at least
//! once.
//!
//! The trail is its own outbox. Per collector the database keeps up to which event it has it, and moves that mark only
//! after the collector took the events; so neither a crash nor a collector that is down loses one. After a crash some
//! come twice, and their number distinguishes them. Nothing else waits for a collector.

mod send;

use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::domain::audit::AuditEvent;
use crate::net;
use crate::store::Store;

pub use send::{Collector, Syslog};

/// Events that are sent in one go.
const BATCH: u32 = 500;
/// The pause after a collector did not take what it was sent; twice as long each time in a row, up to the second.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(120);

/// Sends the trail to each collector until `stop`. Fails only if the database is gone.
pub async fn run(store: Store, collectors: Vec<Collector>, stop: CancellationToken) -> anyhow::Result<()> {
    let named = collectors.iter().map(|collector| (collector.name(), collector.wants_the_past()));
    store.set_collectors(named.collect()).await?;
    let each = collectors.into_iter().map(|collector| feed(store.clone(), collector, stop.clone()));
    futures_util::future::try_join_all(each).await?;
    Ok(())
}

async fn feed(store: Store, mut collector: Collector, stop: CancellationToken) -> anyhow::Result<()> {
    let name = collector.name();
    let mut written = store.written();
    let mut failures = 0;
    while !stop.is_cancelled() {
        // Noted before looking, so that an event which comes meanwhile is looked for at once.
        written.borrow_and_update();
        let sent = tokio::select! {
            () = stop.cancelled() => break,
            sent = send_next(&store, &name, &mut collector) => sent,
        };
        match sent {
            Ok(true) => failures = 0,
            Ok(false) => {
                failures = 0;
                tokio::select! {
                    () = stop.cancelled() => {}
                    changed = written.changed() => if changed.is_err() { return Ok(()) },
                }
            }
            Err(error) => {
                let pause = net::doubled(PAUSE, failures, PAUSE_MAX);
                failures += 1;
                tracing::error!(
                    collector = name,
                    error = format!("{error:#}"),
                    again_in_s = pause.as_secs(),
                    "a collector does not take the audit trail; nothing is lost, it is sent again"
                );
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = store.closed() => return Ok(()),
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
    Ok(())
}

/// Returns the events up to the first sweep that the channel has not heard of yet: nobody knows of it, so it did not go
/// through. A sweep that the channel will never hear of is left out. With the last event that was looked at.
async fn delivered(store: &Store, events: Vec<AuditEvent>) -> anyhow::Result<(Vec<AuditEvent>, Option<i64>)> {
    let (mut heard, mut last) = (Vec::new(), None);
    for event in events {
        let seq = event.seq;
        match event.sweep.filter(|_| send::is_through(&event)) {
            Some(sweep) => match store.sweep_delivered(sweep).await? {
                None => break,
                Some(told) => heard.extend(told.then_some(event)),
            },
            None => heard.push(event),
        }
        last = Some(seq);
    }
    Ok((heard, last))
}

/// Sends what comes next. `false`: there is nothing to send.
async fn send_next(store: &Store, name: &str, collector: &mut Collector) -> anyhow::Result<bool> {
    let events = store.to_forward(name, BATCH).await?;
    let last = events.last().map(|event| event.seq);
    let (events, last) =
        if collector.hears_of_sweeps() { delivered(store, events).await? } else { (events, last) };
    let Some(last) = last else {
        return Ok(false);
    };
    let events: Vec<(AuditEvent, Value)> =
        events.into_iter().map(|event| (event.clone(), event.to_json())).collect();
    collector.send(&events).await?;
    store.forwarded_up_to(name, last).await?;
    Ok(true)
}
