//! Messages that are said once: the transaction of a fact adds its message, and the outbox sends it.

use chrono::{DateTime, Utc};

use super::codec::{self, Cells, time_text};
use super::tx::{Row, Tx, params};
use super::{Store, StoreError};
use crate::domain::ids::SweepId;

/// What a message that is said once is about, with the id of its row. What it says is made when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// A pause: its beginning, the sweeps that it holds back, and its end.
    Pause(i64),
    /// A digest.
    Digest(i64),
    /// A batch of exemptions that end soon.
    ExemptionsEnd(i64),
    /// A batch of accounts that are active again.
    Drift(i64),
    /// A suspension before which somebody was seen after all.
    Missed(i64),
    /// How a sweep ended.
    Sweep(SweepId),
    /// A sweep that has not ended when it should have. No row waits for this: it is found by the clock.
    LateSweep(SweepId),
    /// How a restoration ended.
    Restoration(i64),
}

impl Notice {
    /// The key of its message, by which it is found again in the channel. It never changes.
    pub fn key(self) -> String {
        self.stored().2
    }

    /// Its kind, its subject and its key.
    fn stored(self) -> (&'static str, i64, String) {
        match self {
            Notice::Pause(id) => ("pause", id, format!("pause:{id}:began")),
            Notice::Digest(id) => ("digest", id, format!("digest:{id}")),
            Notice::ExemptionsEnd(id) => ("exemptions_end", id, format!("exemptions:{id}:ending")),
            Notice::Drift(id) => ("drift", id, format!("drift:{id}")),
            Notice::Missed(id) => ("missed", id, format!("missed:{id}")),
            Notice::Sweep(id) => ("sweep", id.0, format!("sweep:{id}:notice")),
            Notice::LateSweep(id) => ("late_sweep", id.0, format!("sweep:{id}:late")),
            Notice::Restoration(id) => ("restoration", id, format!("restoration:{id}")),
        }
    }

    fn decode(row: &Row<'_>) -> Result<Notice, StoreError> {
        let cells = Cells::of(row, "message", "key")?;
        let (kind, subject): (String, i64) = (cells.get("kind")?, cells.get("subject")?);
        let kinds: [fn(i64) -> Notice; 7] = [
            Notice::Pause,
            Notice::Digest,
            Notice::ExemptionsEnd,
            Notice::Drift,
            Notice::Missed,
            |id| Notice::Sweep(SweepId(id)),
            Notice::Restoration,
        ];
        let mut notices = kinds.into_iter().map(|of| of(subject));
        notices.find(|notice| notice.stored().0 == kind).ok_or_else(|| cells.bad("kind: unknown"))
    }
}

impl Store {
    /// What is still to be said, in the order in which it came up.
    pub async fn unsaid(&self) -> Result<Vec<Notice>, StoreError> {
        let sql = "SELECT key, kind, subject FROM message WHERE due_at IS NOT NULL ORDER BY due_at, subject";
        self.read(move |tx| codec::readable(tx, sql, params![], Notice::decode)).await
    }
}

/// Adds a message to what is to be said, in the transaction of the fact that it is about.
pub(super) fn say(tx: &dyn Tx, notice: Notice, now: DateTime<Utc>) -> Result<(), StoreError> {
    let (kind, subject, key) = notice.stored();
    // Its channel is that of the policy when it is sent.
    let sql = "INSERT INTO message (key, channel, kind, subject, due_at) VALUES (?1, '', ?2, ?3, ?4)
               ON CONFLICT (key) DO UPDATE SET
                   kind = excluded.kind, subject = excluded.subject, due_at = excluded.due_at";
    tx.run(sql, params![key, kind, subject, time_text(now)]).map(drop)
}
