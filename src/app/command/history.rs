//! Questions to the audit trail.

use super::super::App;
use super::super::wording::answers;
use super::Answer;
use crate::domain::audit::AuditEvent;
use crate::domain::policy::Policy;
use crate::store::AuditQuery;

/// Events on one page of `audit`.
const AUDIT_PAGE: u32 = 15;

impl App {
    /// Reads the whole chain.
    pub(super) async fn verify(&self) -> anyhow::Result<Answer> {
        Ok(Ok(answers::verified(&self.store.verify().await?)))
    }

    pub(super) async fn audit(
        &self,
        visible: &[&Policy],
        person: Option<String>,
        before: Option<i64>,
    ) -> anyhow::Result<Answer> {
        let asked = person.clone();
        let about = match person {
            Some(person) => match self.address_of(&person).await {
                Ok(address) => Some(address),
                Err(text) => return Ok(Err(text)),
            },
            None => None,
        };
        let page = AUDIT_PAGE as usize;
        let query = AuditQuery { account: about, before_seq: before, ..AuditQuery::latest(AUDIT_PAGE + 1) };
        let mut events = self.store.audit(query).await?;
        let more = events.len() > page;
        events.truncate(page);
        let older = events.last().filter(|_| more).map(|event| {
            let person = asked.map(|person| format!(" {person}")).unwrap_or_default();
            format!("audit{person} --before {}", event.seq)
        });
        events.retain(|event| self.may_see(visible, event));
        Ok(Ok(answers::audit(&events, older)))
    }

    /// Whether an event belongs to a policy that the person may ask about; who may see all sees the bot's own too.
    pub(super) fn may_see(&self, visible: &[&Policy], event: &AuditEvent) -> bool {
        visible.len() == self.policies.len()
            || visible.iter().any(|policy| event.policy.as_ref() == Some(&policy.name))
    }
}
