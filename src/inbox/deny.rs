//! Denies a request with a reason, by a dialog. The plain button denies without one.

use std::sync::Arc;

use serde_json::json;

use crate::chat::{Ack, FormState, Inbound, Modal, Text};
use crate::domain::audit::Draft;
use crate::domain::exemption;
use crate::domain::ids::RequestId;
use crate::domain::request::Verb;
use crate::inbox::{Inbox, Made};
use crate::request::decision::ButtonInput;
use crate::services::WorkResult;
use crate::store::AuditContext;
use crate::wording::refusals;
use crate::wording::review_dialog::{REASON, form};

impl Inbox {
    /// Opens the dialog that asks why, for somebody who may deny; the submission decides.
    pub(crate) fn ask_why_denied(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: RequestId,
        list_hash: String,
    ) -> Ack {
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        self.later(async move { this.denial(&inbound, request, &list_hash).await.map(Made::opened) })
    }

    /// Returns the dialog. `Err`: there is none, and why.
    async fn denial(
        &self,
        inbound: &Inbound,
        id: RequestId,
        list_hash: &str,
    ) -> WorkResult<Result<Modal, Text>> {
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok(Err(refusals::no_such_request()));
        };
        let Some(policy) = self.s.policy(&request.policy) else {
            return Ok(Err(refusals::no_such_request()));
        };
        let principal = match self.principal(inbound, policy, &request).await? {
            Ok(principal) => principal,
            Err(text) => return Ok(Err(text)),
        };
        if !principal.approver {
            let event = Draft::refused(
                &principal.person,
                inbound.received_at,
                json!({ "verb": "deny", "why": "not_an_approver" }),
            );
            self.authz.append_refused(!principal.admin, AuditContext::of(&request), event).await?;
            return Ok(Err(refusals::not_allowed("deny a request", "approvers of this policy")));
        }
        let open = candidates.iter().filter(|candidate| candidate.state.is_open()).count();
        Ok(Ok(form::deny(id, list_hash, &policy.name, open)))
    }

    /// Denies a request as the dialog says: committed before this is acknowledged.
    pub(crate) async fn submit_denial(
        self: &Arc<Self>,
        inbound: &Inbound,
        request: RequestId,
        list_hash: String,
        state: &FormState,
    ) -> WorkResult<Ack> {
        let reason = Some(form::reason(state)).filter(|reason| !reason.is_empty());
        let fault = |text: Text| Ok(Ack::FormErrors(vec![(REASON.into(), text)]));
        if reason.as_deref().is_some_and(exemption::is_too_long) {
            return fault(crate::wording::exemptions::refusal(&exemption::Refusal::ReasonTooLong));
        }
        let input = ButtonInput { request, list_hash: Some(list_hash), verb: Verb::Deny, reason };
        match self.requests.decide(inbound, input).await? {
            Ok(_) => Ok(Ack::Done),
            Err(turned) => fault(turned.text()),
        }
    }
}
