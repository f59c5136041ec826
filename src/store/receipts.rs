//! Receipts: each input of a person is recorded when it arrives, and settled once.
//!
//! The deadline is judged by the recorded time, so a click in time counts even if the decision is made a moment later,
//! and a replayed one has no second effect.

use chrono::{DateTime, Duration, Utc};

use crate::domain::audit::Draft;
use crate::domain::candidate::Candidate;
use crate::domain::ids::RequestId;
use crate::domain::lineage::Lineage;
use crate::domain::request::{self, Input, Refusal, Request, Verb};

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, time_text};
use super::stops::Stops;
use super::tx::{Row, Tx, params};
use super::{Store, StoreError, account_history, pause_rows, request_rows, requests};

/// So long an input that came in time keeps its request from expiring. Slack gives up on us after 3 s; what is not
/// settled by now was lost in a crash.
const UNSETTLED_MAX: Duration = Duration::seconds(60);

/// Whether an input is new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// It is, and it is recorded.
    New,
    /// It came before.
    Repeated {
        /// When it came first: what the deadline is judged by.
        received_at: DateTime<Utc>,
        /// Its result; `None` if a crash came in between, and it may be decided now.
        outcome: Option<String>,
    },
}

/// What a person's input came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Decided {
    /// It had its effect; the request after it.
    Done(Box<Request>),
    /// It had none.
    Refused(Refusal),
    /// It was settled before, with this outcome, and has no second effect.
    Repeated(String),
}

impl Store {
    /// Records an input by its key. `request` is what the input names, looked up or not.
    pub async fn receive(
        &self,
        key: &str,
        request: Option<RequestId>,
        user_id: &str,
        received_at: DateTime<Utc>,
    ) -> Result<Receipt, StoreError> {
        let (key, user_id) = (key.to_owned(), user_id.to_owned());
        self.write(move |tx| receive(tx, &key, request, &user_id, received_at)).await
    }

    /// Settles a recorded input: its step, or its refusal, with the audit events that go with it. The deadline is
    /// judged by the time that the receipt has, whatever `input` says; a receipt of somebody else's is
    /// [`StoreError::Invalid`].
    pub async fn decide(
        &self,
        key: &str,
        request: RequestId,
        input: Input,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        self.decide_noting(key, request, input, now, true).await
    }

    /// Does the same for somebody who has tried before without the right: if that is what it is refused for, the caller
    /// counts it and no event is written.
    pub async fn decide_unrecorded(
        &self,
        key: &str,
        request: RequestId,
        input: Input,
        now: DateTime<Utc>,
    ) -> Result<Decided, StoreError> {
        self.decide_noting(key, request, input, now, false).await
    }

    async fn decide_noting(
        &self,
        key: &str,
        request: RequestId,
        input: Input,
        now: DateTime<Utc>,
        lack_of_right: bool,
    ) -> Result<Decided, StoreError> {
        let (key, lineage, stops) = (key.to_owned(), self.lineage.subscribe(), self.stops.clone());
        self.write(move |tx| {
            let lineage = lineage.borrow().clone();
            decide(tx, (&lineage, &stops), &key, request, input, now, lack_of_right)
        })
        .await
    }

    /// Settles an input that changes no request, with an audit event if it deserves one. `false`: it was settled
    /// before, and nothing is written.
    pub async fn settle(
        &self,
        key: &str,
        outcome: &str,
        event: Option<(AuditContext, Draft)>,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let (key, outcome) = (key.to_owned(), outcome.to_owned());
        self.write(move |tx| {
            if need(tx, &key)?.outcome.is_some() {
                return Ok(false);
            }
            if let Some((context, draft)) = event {
                audit::append(tx, &context, draft)?;
            }
            settle(tx, &key, &outcome, now)?;
            Ok(true)
        })
        .await
    }

    /// Forgets inputs received before `before`, settled or left by a crash. Returns how many.
    pub async fn forget_receipts(&self, before: DateTime<Utc>) -> Result<usize, StoreError> {
        self.write(move |tx| tx.run("DELETE FROM receipt WHERE received_at < ?1", params![time_text(before)]))
            .await
    }

    /// Expires the requests whose deadline has passed, except while an input that came in time is being decided.
    /// Returns those that expired.
    pub async fn expire_due(&self, now: DateTime<Utc>) -> Result<Vec<RequestId>, StoreError> {
        self.write(move |tx| expire_due(tx, now)).await
    }
}

struct ReceiptRow {
    user_id: String,
    received_at: DateTime<Utc>,
    outcome: Option<String>,
}

pub(super) fn receive(
    tx: &dyn Tx,
    key: &str,
    request: Option<RequestId>,
    user_id: &str,
    received_at: DateTime<Utc>,
) -> Result<Receipt, StoreError> {
    if let Some(row) = load(tx, key)? {
        return Ok(Receipt::Repeated { received_at: row.received_at, outcome: row.outcome });
    }
    tx.run(
        "INSERT INTO receipt (key, request, user_id, received_at) VALUES (?1, ?2, ?3, ?4)",
        params![key, request, user_id, time_text(received_at)],
    )?;
    Ok(Receipt::New)
}

fn decide(
    tx: &dyn Tx,
    (lineage, stops): (&Lineage, &Stops),
    key: &str,
    request: RequestId,
    input: Input,
    now: DateTime<Utc>,
    record_lack_of_right: bool,
) -> Result<Decided, StoreError> {
    let receipt = need(tx, key)?;
    if receipt.user_id != input.principal.person.id {
        return Err(StoreError::Invalid("the input's receipt is another person's".to_owned()));
    }
    if let Some(outcome) = receipt.outcome {
        return Ok(Decided::Repeated(outcome));
    }
    let mut input = Input { received_at: receipt.received_at, ..input };
    let request = request_rows::need_alone(tx, request)?;
    input.paused = pause_rows::in_force(tx, stops, &request.policy)?.map(Box::new);
    let admitted_by_database = match &input.verb {
        _ if lineage.stopped.is_some() => Err(Refusal::DatabaseStopped),
        // Starts a fresh sweep, and nothing else.
        Verb::AskAgain => Ok(()),
        _ if !lineage.owns_request(request.id) => Err(Refusal::Superseded),
        _ => Ok(()),
    };
    let (decided, outcome) = match admitted_by_database.and_then(|()| request::admit(&request, &input)) {
        Ok(()) => admitted(tx, request, input)?,
        Err(refusal) if refusal.is_lack_of_right() && !record_lack_of_right => refused(refusal),
        Err(refusal) => refuse(tx, &request, &input, refusal)?,
    };
    settle(tx, key, &outcome, now)?;
    Ok(decided)
}

/// Decides an input by the list. Returns the result, and its outcome in a word or two.
fn admitted(tx: &dyn Tx, request: Request, mut input: Input) -> Result<(Decided, String), StoreError> {
    let (request, candidates) = request_rows::with_candidates(tx, request)?;
    if let Verb::Retry { known } = &mut input.verb {
        let since = account_history::asked_since(tx, request.id)?;
        let is_asked = |one: &&Candidate| since.contains_key(&one.shown.id);
        known.asked_since = candidates.iter().filter(is_asked).map(|one| one.position).collect();
        known.told = request_rows::is_told(tx, request.id)?;
    }
    match request::decide(&request, &candidates, &input) {
        Ok(transition) => {
            let request = requests::apply(tx, &request, transition)?;
            let outcome = request.state.word().to_owned();
            Ok((Decided::Done(Box::new(request)), outcome))
        }
        Err(refusal) => refuse(tx, &request, &input, refusal),
    }
}

fn refuse(
    tx: &dyn Tx,
    request: &Request,
    input: &Input,
    refusal: Refusal,
) -> Result<(Decided, String), StoreError> {
    audit::append(tx, &AuditContext::of(request), request::refused(input, &refusal))?;
    Ok(refused(refusal))
}

fn refused(refusal: Refusal) -> (Decided, String) {
    let outcome = format!("refused: {}", refusal_word(&refusal));
    (Decided::Refused(refusal), outcome)
}

pub(super) fn settle(tx: &dyn Tx, key: &str, outcome: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    tx.run(
        "UPDATE receipt SET settled_at = ?2, outcome = ?3 WHERE key = ?1",
        params![key, time_text(now), outcome],
    )
    .map(drop)
}

/// Settles a recorded input in the transaction of what it did. `false`: it was settled before, and nothing is written.
pub(super) fn settle_once(
    tx: &dyn Tx,
    key: &str,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    if need(tx, key)?.outcome.is_some() {
        return Ok(false);
    }
    settle(tx, key, outcome, now)?;
    Ok(true)
}

fn expire_due(tx: &dyn Tx, now: DateTime<Utc>) -> Result<Vec<RequestId>, StoreError> {
    // A request with a click on its way: in time, not settled, and not so old that a crash must have lost it.
    let due = "SELECT id FROM request
               WHERE state IN ('preview', 'held', 'pending') AND deadline <= ?1
               AND NOT EXISTS (SELECT 1 FROM receipt
                   WHERE receipt.request = request.id AND settled_at IS NULL
                       AND received_at < deadline AND received_at > ?2)
               ORDER BY id";
    let due = tx.all(due, params![time_text(now), time_text(now - UNSETTLED_MAX)], codec::id)?;
    let mut expired = Vec::new();
    for id in due {
        let (request, candidates) = match request_rows::need(tx, id) {
            Ok(whole) => whole,
            Err(error @ StoreError::BadRow { .. }) => {
                tracing::error!(request = id.0, %error, "can't expire a request that can't be read");
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Some(transition) = request::expire(&request, &candidates, now) {
            requests::apply(tx, &request, transition)?;
            expired.push(request.id);
        }
    }
    Ok(expired)
}

/// The refusal's name without its details.
fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::AlreadyDecided { .. } => "already_decided",
        Refusal::NotAnApprover => "not_an_approver",
        Refusal::NotAnAdmin => "not_an_admin",
        Refusal::PastDeadline { .. } => "past_deadline",
        Refusal::OtherList => "other_list",
        Refusal::NotPostedYet => "not_posted_yet",
        Refusal::Paused { .. } => "paused",
        Refusal::RuleChanged => "rule_changed",
        Refusal::DatabaseStopped => "database_stopped",
        Refusal::Superseded => "superseded",
        Refusal::DoesNotFit => "does_not_fit",
        Refusal::SecondPersonNeeded { .. } => "second_person_needed",
        Refusal::ApprovedFirstByYou { .. } => "approved_first_by_you",
        Refusal::NotYourApproval { .. } => "not_your_approval",
        Refusal::NothingInCommon { .. } => "nothing_in_common",
        Refusal::NothingFailed => "nothing_failed",
        Refusal::AllHeld => "all_held",
        Refusal::OutcomesNotTold => "outcomes_not_told",
        Refusal::RetryTooLate { .. } => "retry_too_late",
        Refusal::AlreadyAskedAgain { .. } => "already_asked_again",
        Refusal::NoEmail => "no_email",
        Refusal::OnlyOwnAccounts => "only_own_accounts",
        Refusal::NotUntil { .. } => "not_until",
        Refusal::NotProposed { .. } => "not_proposed",
    }
}

fn load(tx: &dyn Tx, key: &str) -> Result<Option<ReceiptRow>, StoreError> {
    tx.first("SELECT * FROM receipt WHERE key = ?1", params![key], decode)
}

fn need(tx: &dyn Tx, key: &str) -> Result<ReceiptRow, StoreError> {
    load(tx, key)?.ok_or_else(|| StoreError::Missing { table: "receipt", id: key.to_owned() })
}

fn decode(row: &Row<'_>) -> Result<ReceiptRow, StoreError> {
    let cells = Cells::of(row, "receipt", "key")?;
    let outcome: Option<String> = cells.get("outcome")?;
    if cells.get::<Option<DateTime<Utc>>>("settled_at")?.is_some() != outcome.is_some() {
        return Err(cells.bad("settled_at and outcome must be both there or both null"));
    }
    Ok(ReceiptRow { user_id: cells.get("user_id")?, received_at: cells.get("received_at")?, outcome })
}
