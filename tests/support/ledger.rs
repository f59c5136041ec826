//! What the database says, read beside the bot by a connection of its own, as raw rows: the checks don't trust the code
//! that wrote them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::store::{EventRecord, Inspection, Store, StoreError};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What stands before the first event in place of a hash.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A number that the rows say.
pub type Number = fn(&Ledger) -> usize;

/// Something still to be done that no clock but a retry's keeps waiting.
pub const DUE: [(&str, Number); 5] = [
    ("accounts without an outcome", |file| {
        file.all(Inspection::candidates).iter().filter(|one| one.state == "due").count()
    }),
    ("sweeps without an end", |file| {
        file.all(Inspection::sweeps).iter().filter(|sweep| sweep.state == "started").count()
    }),
    ("sweeps that were not told", |file| unsaid(file, "sweep")),
    ("restorations that are due or not told", |file| {
        let due = file.all(Inspection::restorations).iter().filter(|one| one.state == "due").count();
        due + unsaid(file, "restoration")
    }),
    ("requests that are to be carried out or told", |file| {
        let waits = |state: &str| matches!(state, "preview" | "held" | "pending");
        let requests = file.all(Inspection::requests).into_iter().filter(|request| !request.told);
        requests.filter(|request| !waits(&request.state) || request.deadline.is_none()).count()
    }),
];

/// How many messages of this kind wait to be said.
fn unsaid(file: &Ledger, kind: &str) -> usize {
    let messages = file.all(Inspection::messages);
    messages.iter().filter(|one| one.due_at.is_some() && one.kind.as_deref() == Some(kind)).count()
}

/// An audit event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: i64,
    pub at: String,
    pub actor: Value,
    pub action: String,
    pub policy: Option<String>,
    pub sweep: Option<SweepId>,
    pub request: Option<RequestId>,
    pub account: Option<(String, String)>,
    pub detail: Value,
    pub prev_hash: String,
    pub hash: String,
}

impl Event {
    /// The person who did it.
    pub fn person(&self) -> Option<&str> {
        self.actor.pointer("/person/id")?.as_str()
    }

    pub fn at(&self) -> DateTime<Utc> {
        time(&self.at)
    }

    /// The hash as the documents describe it.
    pub fn true_hash(&self) -> String {
        let subject = self.account.as_ref().map(|(id, login)| json!({ "id": id, "login": login }));
        let body = json!([
            self.seq,
            self.at,
            self.actor,
            self.action,
            self.policy,
            self.sweep,
            self.request,
            subject,
            self.detail
        ]);
        let hash = Sha256::digest(format!("{}\n{body}", self.prev_hash));
        hash.iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .filter_map(|half| char::from_digit(half.into(), 16))
            .collect()
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    pub id: RequestId,
    pub rule: Value,
    pub deadline: Option<DateTime<Utc>>,
    pub approvals_needed: u32,
    pub state: Value,
}

impl Asked {
    pub fn word(&self) -> &str {
        self.state["state"].as_str().unwrap_or_default()
    }

    pub fn has_ended(&self) -> bool {
        !matches!(self.word(), "preview" | "held" | "pending" | "approved")
    }
}

/// One account of a request.
#[derive(Clone, Debug)]
pub struct Listed {
    pub request: RequestId,
    pub position: u32,
    pub account: String,
    pub login: String,
    pub state: String,
    pub json: Value,
}

/// A connection that only reads.
pub struct Ledger(Mutex<Inspection>);

impl Ledger {
    pub fn open(path: &Path) -> Ledger {
        Ledger(Mutex::new(Store::inspect(path).expect("the file is there")))
    }

    /// Reads another file from now on.
    pub fn reopen(&self, path: &Path) {
        let Ledger(file) = Ledger::open(path);
        *self.file() = file.into_inner().unwrap_or_else(PoisonError::into_inner);
    }

    fn file(&self) -> MutexGuard<'_, Inspection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all<T>(&self, read: impl FnOnce(&Inspection) -> Result<Vec<T>, StoreError>) -> Vec<T> {
        read(&self.file()).expect("every row can be read")
    }

    pub fn number(&self, of: Number) -> usize {
        of(self)
    }

    /// Accounts that more than one open request holds.
    pub fn held_twice(&self) -> usize {
        let open = |state: &str| matches!(state, "proposed" | "due");
        let candidates = self.all(Inspection::candidates).into_iter().filter(|one| open(&one.state));
        more_than_once(candidates.map(|one| one.account_id))
    }

    /// Slots that have more than one sweep.
    pub fn swept_twice(&self) -> usize {
        more_than_once(self.all(Inspection::sweeps).into_iter().map(|sweep| (sweep.policy, sweep.slot)))
    }

    /// Requests that have more than one of these events.
    pub fn twice_in_trail(&self, actions: &[&str]) -> usize {
        let events = self.events_after(0).into_iter();
        more_than_once(
            events.filter(|event| actions.contains(&event.action.as_str())).map(|event| event.request),
        )
    }

    /// Messages that are to be sent again.
    pub fn unsent(&self) -> usize {
        let messages = self.all(Inspection::messages).into_iter();
        messages.filter(|message| message.retry_at.is_some() || message.render_again_at.is_some()).count()
    }

    /// Whether the database says that nothing is executed.
    pub fn is_stopped(&self) -> bool {
        self.all(Inspection::lineage).iter().any(|row| row.stopped.is_some())
    }

    /// The last request of an earlier epoch; 0 if there is none.
    pub fn last_of_earlier_epoch(&self) -> RequestId {
        self.all(Inspection::lineage).pop().map_or(RequestId(0), |row| row.last_request)
    }

    pub fn events_after(&self, seq: i64) -> Vec<Event> {
        self.all(|file| file.events_after(seq)).into_iter().map(event).collect()
    }

    /// The events that name this person.
    pub fn events_of(&self, user: &str) -> Vec<Event> {
        self.events_after(0).into_iter().filter(|event| event.person() == Some(user)).collect()
    }

    fn events_about(&self, account: &str) -> impl DoubleEndedIterator<Item = EventRecord> {
        self.all(|file| file.events_about(account)).into_iter()
    }

    /// The actions of the trail about one account within one request, oldest first.
    pub fn actions(&self, request: RequestId, account: &str) -> Vec<String> {
        let events = self.events_about(account).filter(|event| event.request == Some(request));
        events.map(|event| event.action).collect()
    }

    /// The last thing that the bot did about an account, and when. What people say of it meanwhile changes nothing about
    /// a call that is on its way.
    pub fn last_event(&self, account: &str) -> Option<(String, DateTime<Utc>)> {
        let last = self.events_about(account).rfind(|event| event.actor == "system")?;
        Some((last.action, time(&last.at)))
    }

    pub fn requests(&self) -> Vec<Asked> {
        let requests = self.all(Inspection::requests).into_iter();
        requests
            .map(|row| Asked {
                id: row.id,
                rule: row.rule,
                deadline: row.deadline,
                approvals_needed: row.approvals_needed,
                state: row.state_json,
            })
            .collect()
    }

    pub fn request(&self, id: RequestId) -> Option<Asked> {
        self.requests().into_iter().find(|request| request.id == id)
    }

    pub fn candidates(&self) -> Vec<Listed> {
        let candidates = self.all(Inspection::candidates).into_iter();
        candidates
            .map(|row| Listed {
                request: row.request,
                position: row.position,
                account: row.account_id,
                login: row.login,
                state: row.state,
                json: row.state_json,
            })
            .collect()
    }

    /// The result of an input: `None` if it isn't recorded, an empty text if it isn't settled.
    pub fn outcome(&self, key: &str) -> Option<String> {
        let receipt = self.all(Inspection::receipts).into_iter().find(|receipt| receipt.key == key);
        Some(receipt?.outcome.unwrap_or_default())
    }

    /// The same of the input of this person whose key ends with Slack's time of it.
    pub fn outcome_of(&self, user: &str, stamp: &str) -> Option<String> {
        let mut receipts = self.all(Inspection::receipts).into_iter();
        let receipt = receipts.rfind(|receipt| receipt.user_id == user && receipt.key.ends_with(stamp));
        Some(receipt?.outcome.unwrap_or_default())
    }

    /// Where the message with this mark stands.
    pub fn message(&self, key: &str) -> Option<String> {
        self.all(Inspection::messages).into_iter().find(|message| message.key == key)?.ts
    }

    /// Everything in it.
    pub fn dump(&self) -> Vec<String> {
        self.all(Inspection::dump)
    }
}

/// How many different values come more than once.
fn more_than_once<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    let mut times = BTreeMap::<T, usize>::new();
    values.for_each(|value| *times.entry(value).or_default() += 1);
    times.into_values().filter(|times| *times > 1).count()
}

fn event(row: EventRecord) -> Event {
    Event {
        seq: row.seq,
        at: row.at,
        actor: row.actor,
        action: row.action,
        policy: row.policy,
        sweep: row.sweep,
        request: row.request,
        account: row.account_id.zip(row.login),
        detail: row.detail,
        prev_hash: row.prev_hash,
        hash: row.hash,
    }
}

pub fn time(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).expect("what is stored as a time is one").to_utc()
}
