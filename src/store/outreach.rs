//! What the people that a request asks are asked, and what they said.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::audit::{Draft, Person, Subject};
use crate::domain::candidate::CandidateState;
use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::outreach::{self, Asking, OutreachAnswer, OutreachQuestion, Refusal};
use crate::domain::request::{Request, RequestState};
use crate::domain::template::OutreachRole;

use super::audit::{self, AuditContext};
use super::codec::{self, Cells, json_text};
use super::tx::{Row, Tx, Value, marks, params};
use super::{Store, StoreError, receipts, request_rows};

const OF_REQUEST: &str = "SELECT * FROM question WHERE request = ?1 ORDER BY id";

impl Store {
    /// The requests of these policies that wait for a decision and whose card stands, oldest first.
    pub async fn waiting_requests(&self, policies: Vec<PolicyName>) -> Result<Vec<RequestId>, StoreError> {
        self.read(move |tx| {
            if policies.is_empty() {
                return Ok(Vec::new());
            }
            let marks = marks(1, policies.len());
            let sql = format!(
                "SELECT id FROM request
                 WHERE told = 0 AND state = 'pending' AND deadline IS NOT NULL AND policy IN ({marks}) ORDER BY id"
            );
            let policies: Vec<_> = policies.iter().map(|policy| Value::Text(policy)).collect();
            tx.all(&sql, &policies, codec::id)
        })
        .await
    }

    /// Makes a question in each of these roles about each account that waits for the decision, unless there is one.
    /// All questions of the request, oldest first.
    pub async fn ask_people(
        &self,
        request: RequestId,
        roles: Vec<OutreachRole>,
    ) -> Result<Vec<OutreachQuestion>, StoreError> {
        let before = self.questions(request).await?;
        if roles.iter().all(|role| before.iter().any(|question| question.role == *role)) {
            return Ok(before);
        }
        self.write(move |tx| {
            let (request, candidates) = request_rows::need(tx, request)?;
            if matches!(request.state, RequestState::Pending { .. }) {
                let waiting = candidates.iter().filter(|one| one.state == CandidateState::Proposed);
                for candidate in waiting {
                    for role in &roles {
                        let account =
                            Subject { id: candidate.shown.id.clone(), login: candidate.shown.login.clone() };
                        insert(tx, request.id, &account, *role)?;
                    }
                }
            }
            tx.all(OF_REQUEST, params![request.id], decode)
        })
        .await
    }

    /// The questions about the accounts of a request, oldest first.
    pub async fn questions(&self, request: RequestId) -> Result<Vec<OutreachQuestion>, StoreError> {
        self.read(move |tx| tx.all(OF_REQUEST, params![request], decode)).await
    }

    /// The question with this id.
    pub async fn question(&self, id: i64) -> Result<Option<OutreachQuestion>, StoreError> {
        self.read(move |tx| load(tx, id)).await
    }

    /// Where these questions stand from now on; those that were asked meanwhile stay as they are.
    pub async fn set_asking(&self, ids: Vec<i64>, state: Asking) -> Result<(), StoreError> {
        self.write(move |tx| {
            for id in ids {
                let sql =
                    "UPDATE question SET state = ?2, state_json = ?3 WHERE id = ?1 AND state != 'asked'";
                tx.run(sql, params![id, state.word(), json_text(&state)?])?;
            }
            Ok(())
        })
        .await
    }

    /// Settles a recorded input that answers a question: the answer or its refusal, with the audit event of either.
    pub async fn person_answered(
        &self,
        key: &str,
        id: i64,
        by: Person,
        answer: OutreachAnswer,
        received_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Result<(), Refusal>, StoreError> {
        let key = key.to_owned();
        self.write(move |tx| {
            let question =
                load(tx, id)?.ok_or_else(|| StoreError::Missing { table: "question", id: id.to_string() })?;
            let (request, _) = request_rows::need(tx, question.request)?;
            let answered = outreach::answer(&question, &request, &by, answer, received_at);
            let outcome = if answered.is_ok() { "answered" } else { "refused" };
            if !receipts::settle_once(tx, &key, outcome, now)? {
                return Ok(Err(Refusal::Repeated));
            }
            match answered {
                Ok((state, event)) => {
                    let sql = "UPDATE question SET state = ?2, state_json = ?3 WHERE id = ?1";
                    tx.run(sql, params![id, state.word(), json_text(&state)?])?;
                    audit::append(tx, &AuditContext::of(&request), event)?;
                    Ok(Ok(()))
                }
                Err(refusal) => {
                    if refusal == Refusal::NotYours {
                        note_refused(tx, &request, &question, &by, received_at)?;
                    }
                    Ok(Err(refusal))
                }
            }
        })
        .await
    }
}

fn note_refused(
    tx: &dyn Tx,
    request: &Request,
    question: &OutreachQuestion,
    by: &Person,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let event = Draft::refused(by, at, json!({ "why": "another person was asked", "as": question.role }))
        .about(question.account.clone());
    audit::append(tx, &AuditContext::of(request), event).map(drop)
}

fn insert(tx: &dyn Tx, request: RequestId, account: &Subject, role: OutreachRole) -> Result<(), StoreError> {
    tx.run(
        "INSERT INTO question (request, account_id, login, role, state, state_json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (request, account_id, role) DO NOTHING",
        params![
            request,
            account.id.0,
            account.login,
            role.word(),
            Asking::NEW.word(),
            json_text(&Asking::NEW)?
        ],
    )
    .map(drop)
}

fn load(tx: &dyn Tx, id: i64) -> Result<Option<OutreachQuestion>, StoreError> {
    tx.first("SELECT * FROM question WHERE id = ?1", params![id], decode)
}

fn decode(row: &Row<'_>) -> Result<OutreachQuestion, StoreError> {
    let cells = Cells::of(row, "question", "id")?;
    let state = cells.state(Asking::word)?;
    let word: String = cells.get("role")?;
    let role = [OutreachRole::Person, OutreachRole::Manager].into_iter().find(|role| role.word() == word);
    Ok(OutreachQuestion {
        id: cells.get("id")?,
        request: cells.get("request")?,
        account: cells.subject()?,
        role: role.ok_or_else(|| cells.bad("role: not a role"))?,
        state,
    })
}
