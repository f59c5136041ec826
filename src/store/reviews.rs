//! Drafts of decisions: what a person chose so far in the dialog, until the request ends.

use crate::domain::candidate::Candidate;
use crate::domain::draft::Draft;
use crate::domain::ids::RequestId;
use crate::domain::request::Request;

use super::codec::{Cells, json_text};
use super::tx::{Tx, params};
use super::{Store, StoreError, request_rows};

/// A request as a person reviews it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reviewed {
    /// The request.
    pub request: Request,
    /// Its list, in order.
    pub candidates: Vec<Candidate>,
    /// What the person chose so far; none if they never opened the dialog, or the request has ended.
    pub draft: Option<Draft>,
}

impl Store {
    /// What a person chose so far. `None`: there is no such request.
    pub async fn review(&self, request: RequestId, person: &str) -> Result<Option<Reviewed>, StoreError> {
        let person = person.to_owned();
        self.read(move |tx| look(tx, request, &person)).await
    }

    /// Changes a person's draft to what `change` makes of it, looking at everything as it is inside the transaction.
    /// Nothing is written if it makes nothing of it, or if the request awaits no decision any more. As it is then.
    pub async fn change_review<F>(
        &self,
        request: RequestId,
        person: &str,
        change: F,
    ) -> Result<Option<Reviewed>, StoreError>
    where
        F: FnOnce(&Reviewed) -> Option<Draft> + Send + 'static,
    {
        let person = person.to_owned();
        self.write(move |tx| {
            let Some(mut review) = look(tx, request, &person)? else { return Ok(None) };
            if !review.request.state.awaits_decision() {
                return Ok(Some(review));
            }
            if let Some(draft) = change(&review) {
                tx.run(
                    "INSERT INTO review (request, person, draft) VALUES (?1, ?2, ?3)
                     ON CONFLICT (request, person) DO UPDATE SET draft = excluded.draft",
                    params![request, person, json_text(&draft)?],
                )?;
                review.draft = Some(draft);
            }
            Ok(Some(review))
        })
        .await
    }
}

fn look(tx: &dyn Tx, request: RequestId, person: &str) -> Result<Option<Reviewed>, StoreError> {
    let Some((request, candidates)) = request_rows::load(tx, request)? else { return Ok(None) };
    let sql = "SELECT draft, request || '/' || person AS key FROM review WHERE request = ?1 AND person = ?2";
    let draft =
        tx.first(sql, params![request.id, person], |row| Cells::of(row, "review", "key")?.json("draft"))?;
    Ok(Some(Reviewed { request, candidates, draft }))
}

/// Forgets the drafts of a request that has ended.
pub(super) fn forget(tx: &dyn Tx, request: RequestId) -> Result<(), StoreError> {
    tx.run("DELETE FROM review WHERE request = ?1", params![request]).map(drop)
}
