//! What the people that a request asks answer: recorded before it is acknowledged, and judged by who they are at that
//! moment.

use std::sync::Arc;

use crate::authz::person_of;
use crate::chat::{Ack, ChatUser, Inbound, Text};
use crate::domain::audit::Person;
use crate::domain::outreach::{OutreachAnswer, OutreachQuestion};
use crate::domain::person::Denied;
use crate::domain::template::OutreachRole;
use crate::inbox::Inbox;
use crate::request::decision::rejected_before;
use crate::services::WorkResult;
use crate::store::{AuditContext, Receipt};
use crate::wording::{outreach, refusals};

impl Inbox {
    /// Somebody pressed an answer. It is recorded before this returns; the reply says what it means.
    pub(crate) async fn concern_click(
        self: &Arc<Self>,
        inbound: &Inbound,
        question: i64,
        answer: OutreachAnswer,
    ) -> WorkResult<Ack> {
        let text = self.take_answer(inbound, question, answer).await?;
        self.outbox.send_ephemeral(inbound.reply.clone(), text);
        Ok(Ack::Done)
    }

    async fn take_answer(&self, inbound: &Inbound, id: i64, answer: OutreachAnswer) -> WorkResult<Text> {
        let received = self.s.store.receive(&inbound.key, None, &inbound.user, inbound.received_at).await?;
        let received_at = match received {
            Receipt::New => inbound.received_at,
            Receipt::Repeated { received_at, outcome: None } => received_at,
            Receipt::Repeated { outcome: Some(_), .. } => return Ok(refusals::repeated()),
        };
        let Some(question) = self.s.store.question(id).await? else {
            self.s.store.settle(&inbound.key, "no such question", None, self.s.clock.now()).await?;
            return Ok(self.requests.no_such_request());
        };
        let time = self.s.chat.answer_time().to_identify();
        let user = match tokio::time::timeout(time, self.s.chat.user(&inbound.user)).await {
            Ok(Ok(user)) => user,
            Ok(Err(error)) => return self.answer_of_nobody(inbound, &question, &error.to_string()).await,
            Err(_) => return self.answer_of_nobody(inbound, &question, "it did not answer in time").await,
        };
        let by = who_answers(user, question.role);
        let now = self.s.clock.now();
        let answered = self.s.store.person_answered(&inbound.key, id, by, answer, received_at, now).await?;
        let Some((request, candidates)) = self.s.store.request(question.request).await? else {
            return Ok(self.requests.no_such_request());
        };
        Ok(match answered {
            Ok(()) => {
                self.s.nudge();
                outreach::thanks(&request, answer)
            }
            Err(refusal) => {
                let candidate = candidates.iter().find(|one| one.shown.id == question.account.id);
                outreach::refusal(&refusal, &request, candidate, now)
            }
        })
    }

    /// The chat system can't say who this is: refused for now, and in the audit trail like every refusal.
    async fn answer_of_nobody(
        &self,
        inbound: &Inbound,
        question: &OutreachQuestion,
        why: &str,
    ) -> WorkResult<Text> {
        let event = rejected_before(&inbound.user, inbound.received_at, &Denied::CantTell(why.to_owned()));
        let request = self.s.store.request(question.request).await?;
        let context = request.map_or_else(AuditContext::default, |(request, _)| AuditContext::of(&request));
        self.s
            .store
            .settle(&inbound.key, "could not be identified", Some((context, event)), self.s.clock.now())
            .await?;
        Ok(outreach::cant_tell())
    }
}

/// Who clicked, as the rule judges them. Who may not speak in that role any more has no address there.
fn who_answers(user: ChatUser, role: OutreachRole) -> Person {
    let may = user.is_person && (role == OutreachRole::Person || user.outsider.is_none());
    let person = person_of(user);
    Person { email: person.email.filter(|_| may), ..person }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_may_not_speak_has_no_address() {
        let speaks = |is_person, outsider: Option<&str>, role| {
            let (id, name, email) = ("U1".to_owned(), String::new(), Some("ada@ext.example".to_owned()));
            let outsider = outsider.map(str::to_owned);
            who_answers(ChatUser { id, person_id: None, name, email, outsider, is_person }, role)
                .email
                .is_some()
        };
        assert!(
            speaks(true, Some("a guest"), OutreachRole::Person) && speaks(true, None, OutreachRole::Manager)
        );
        assert!(!speaks(true, Some("a guest"), OutreachRole::Manager));
        assert!(!speaks(false, None, OutreachRole::Person) && !speaks(false, None, OutreachRole::Manager));
    }
}
