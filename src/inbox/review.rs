//! The review dialog: a person chooses, over as many pages and days as they need, and submits once.
//!
//! What they chose is a draft in the database, so a closed dialog or a crash loses nothing. Ticks are recorded before
//! they are acknowledged; the dialog is drawn again after it, one drawing at a time, from the draft as it then is, so
//! the last one shows the newest. Whatever happened to the request meanwhile is answered in the dialog, and audited.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::authz;
use crate::chat::{Ack, FormState, Inbound, Modal, Response, Text, ViewRef};
use crate::domain::candidate::Candidate;
use crate::domain::draft::{Change, Draft};
use crate::domain::ids::RequestId;
use crate::domain::keep::{KeptUntil, Until};
use crate::domain::person::{Denied, Principal};
use crate::domain::policy::Policy;
use crate::domain::request::{self, Refusal, Request, Verb};
use crate::inbox::{DialogInput, Inbox, Made, Place};
use crate::request::decision::{ButtonInput, Rejected};
use crate::services::WorkResult;
use crate::store::{AuditContext, Reviewed};
use crate::wording::actions::{About, Control, Dialog, Memory};
use crate::wording::refusals;
use crate::wording::review_dialog::{self, form};

/// Why a dialog is not shown.
pub(crate) enum NotShown {
    /// There is nothing to choose, or not for this person.
    Over(Text),
    /// It is not known now whether there is.
    CantTell(Text),
}

impl NotShown {
    pub(crate) fn text(self) -> Text {
        match self {
            NotShown::Over(text) | NotShown::CantTell(text) => text,
        }
    }
}

impl Inbox {
    /// Opens the dialog, which decides nothing.
    pub(crate) fn open_review(self: &Arc<Self>, inbound: &Inbound, id: RequestId, list_hash: String) -> Ack {
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        self.later(async move {
            Ok(match this.first_look(&inbound, id, &list_hash).await? {
                Ok((modal, place)) => {
                    Made { response: Response::Open(modal), until_shown: Some(Box::new(place)) }
                }
                Err(not) => Made::reply(not.text()),
            })
        })
    }

    async fn first_look(
        &self,
        inbound: &Inbound,
        id: RequestId,
        list_hash: &str,
    ) -> WorkResult<Result<(Modal, Place), NotShown>> {
        let (policy, principal) = match self.identified(inbound, id).await? {
            Ok(found) => found,
            Err(not) => return Ok(Err(not)),
        };
        // Only somebody who is known waits for a place.
        let place = self.dialogs.place().await;
        // Asked as if it were submitted now: a person who would be refused then learns it before they fill it in.
        let principal = match self.may_decide(inbound, policy, principal, id, list_hash).await? {
            Ok(principal) => principal,
            Err(not) => return Ok(Err(not)),
        };
        let (person, account_owners) = (principal.person, self.authz.account_owners(policy));
        let opened = self.s.store.change_review(id, &inbound.user, move |review| {
            let left_out = review.request.left_out_before(&person);
            let fresh =
                Draft::fresh(&review.candidates, |one| one.is_own_of(&person, &account_owners), left_out);
            Some(match review.draft.clone() {
                Some(draft) => Draft { own: fresh.own, left_out: fresh.left_out, ..draft.reopened() },
                None => fresh,
            })
        });
        Ok(match opened.await? {
            Some(Reviewed { request, candidates, draft: Some(draft) }) => {
                Ok((self.drawn(&request, &candidates, &draft, None), place))
            }
            Some(_) | None => Err(NotShown::Over(self.requests.no_such_request())),
        })
    }

    /// Returns who this person is to the request's policy. A person who is nobody there is in the audit trail.
    async fn identified(
        &self,
        inbound: &Inbound,
        id: RequestId,
    ) -> WorkResult<Result<(&Policy, Principal), NotShown>> {
        let nothing = || NotShown::Over(self.requests.no_such_request());
        let Some(request) = self.s.store.request_alone(id).await? else { return Ok(Err(nothing())) };
        let Some(policy) = self.s.policy(&request.policy) else { return Ok(Err(nothing())) };
        match authz::identify(&self.authz, policy, &inbound.user).await {
            Ok(principal) => Ok(Ok((policy, principal))),
            Err(denied) => {
                self.requests.note_stranger(inbound, AuditContext::of(&request), &denied).await?;
                let text = refusals::denied(&denied);
                Ok(Err(match denied {
                    Denied::Outsider(..) | Denied::NotInChannel(..) => NotShown::Over(text),
                    Denied::CantTell(_) => NotShown::CantTell(text),
                }))
            }
        }
    }

    /// Returns whether this person could decide now on the list that they see. Who could not is in the audit trail.
    async fn may_review(
        &self,
        inbound: &Inbound,
        id: RequestId,
        list_hash: &str,
    ) -> WorkResult<Result<(&Policy, Principal), NotShown>> {
        let (policy, principal) = match self.identified(inbound, id).await? {
            Ok(found) => found,
            Err(not) => return Ok(Err(not)),
        };
        let may = self.may_decide(inbound, policy, principal, id, list_hash).await?;
        Ok(may.map(|principal| (policy, principal)))
    }

    async fn may_decide(
        &self,
        inbound: &Inbound,
        policy: &Policy,
        principal: Principal,
        id: RequestId,
        list_hash: &str,
    ) -> WorkResult<Result<Principal, NotShown>> {
        let Some((request, candidates)) = self.s.store.request(id).await? else {
            return Ok(Err(NotShown::Over(self.requests.no_such_request())));
        };
        let verb = Verb::Suspend { keep: [].into(), until: KeptUntil::default() };
        let said = ButtonInput { request: id, list_hash: Some(list_hash.to_owned()), verb, reason: None };
        let input = self.requests.input(policy, principal, said, inbound.received_at);
        match request::decide(&request, &candidates, &input) {
            Ok(_) => Ok(Ok(input.principal)),
            Err(refusal) => {
                let (context, event) = (AuditContext::of(&request), request::refused(&input, &refusal));
                let is_try = refusal.is_lack_of_right() && !input.principal.admin;
                self.authz.append_refused(is_try, context, event).await?;
                self.s.nudge();
                Ok(Err(NotShown::Over(refusals::refusal(&refusal))))
            }
        }
    }

    /// Takes over a click in the dialog, and draws the dialog again.
    pub(crate) async fn review_click(
        self: &Arc<Self>,
        inbound: &Inbound,
        click: DialogInput<'_>,
    ) -> WorkResult<Ack> {
        let DialogInput { view, memory, control, state, stamp } = click;
        let (now, change) = (self.s.clock.now(), control.change());
        let seen = review_dialog::seen(&memory, state, stamp);
        self.s
            .store
            .change_review(memory.request, &inbound.user, move |review| {
                let mut draft = review.draft.clone()?;
                draft.take(&review.candidates, &seen, change, now).then_some(draft)
            })
            .await?;
        let (this, view, inbound) = (Arc::clone(self), view.clone(), inbound.clone());
        Ok(self.later(async move {
            if let Control::KeepUntil { position } = control {
                return this.ask_until(&inbound, &view, &memory, position).await;
            }
            this.draw(&inbound, &view, &memory, change == Change::Tick, Response::Replace).await
        }))
    }

    /// Draws the dialog from the draft as it is, after every drawing that began before. A tick needs no new look at the
    /// person's rights: it shows them nothing that they don't see already.
    async fn draw(
        self: &Arc<Self>,
        inbound: &Inbound,
        view: &ViewRef,
        memory: &Memory,
        tick: bool,
        shown_by: impl FnOnce(Modal) -> Response,
    ) -> WorkResult<Made> {
        let Some(turn) = self.drawings.turn(&view.id).await else {
            return Ok(Made::of(Response::Nothing));
        };
        let place = self.dialogs.place().await;
        let response = match self.drawing(inbound, memory, tick).await? {
            Ok(modal) => shown_by(modal),
            Err(text) => Response::Reply(refusals::note(text)),
        };
        Ok(Made { response, until_shown: Some(Box::new((turn, place))) })
    }

    /// Returns the dialog as it is to be shown. `Err`: it stays as it is, and why.
    async fn drawing(
        &self,
        inbound: &Inbound,
        memory: &Memory,
        tick: bool,
    ) -> WorkResult<Result<Modal, Text>> {
        let review = self.s.store.review(memory.request, &inbound.user).await?;
        // A person without a draft was never shown this dialog.
        let stands = review.as_ref().is_some_and(|review| {
            review.draft.is_some() && waits(&review.request, memory, self.s.clock.now())
        });
        if !(tick && stands)
            && let Err(not) = self.may_review(inbound, memory.request, &memory.list_hash).await?
        {
            return Ok(match not {
                NotShown::Over(why) => Ok(review_dialog::over(memory.request, why, whole(review.as_ref()))),
                // The ticks are kept; only the drawing waits for the next click.
                NotShown::CantTell(text) => Err(text),
            });
        }
        Ok(Ok(match &review {
            Some(Reviewed { request, candidates, draft: Some(draft) }) => {
                self.drawn(request, candidates, draft, None)
            }
            Some(_) | None => review_dialog::over(memory.request, refusals::dialog_out_of_date(), None),
        }))
    }

    fn drawn(&self, request: &Request, candidates: &[Candidate], draft: &Draft, note: Option<Text>) -> Modal {
        let rows = self.s.chat.room().dialog_rows;
        review_dialog::modal(&review_dialog::DialogView { request, candidates, draft, note, rows })
    }

    /// Puts the dialog on top that asks until when somebody is kept.
    async fn ask_until(
        self: &Arc<Self>,
        inbound: &Inbound,
        view: &ViewRef,
        memory: &Memory,
        position: u32,
    ) -> WorkResult<Made> {
        let may = self.may_review(inbound, memory.request, &memory.list_hash).await?;
        let place = self.dialogs.place().await;
        let review = self.s.store.review(memory.request, &inbound.user).await?;
        let policy = match may {
            Ok((policy, _)) => policy,
            Err(NotShown::Over(why)) => {
                let modal = review_dialog::over(memory.request, why, whole(review.as_ref()));
                return Ok(Made::of(Response::Replace(modal)));
            }
            Err(NotShown::CantTell(text)) => return Ok(Made::reply(text)),
        };
        let choosable = review.and_then(|Reviewed { candidates, draft, .. }| {
            let draft = draft?;
            let candidate = candidates.into_iter().find(|candidate| candidate.position == position)?;
            draft.may_choose(&candidate).then_some((candidate, draft))
        });
        let Some((candidate, draft)) = choosable else {
            drop(place);
            // Kept meanwhile: the dialog says who did it.
            return self.draw(inbound, view, memory, true, Response::Replace).await;
        };
        let about = About {
            request: memory.request,
            list_hash: memory.list_hash.clone(),
            position,
            below: view.id.clone(),
        };
        let before = draft.until.get(&position);
        let day = before.map(|until| policy.last_day_before(until.ends_at));
        let day = day.unwrap_or_else(|| policy.day_to_keep_until(self.s.clock.now()));
        let reason = before.map(|until| until.reason.as_str()).unwrap_or_default();
        let modal = form::keep(&Dialog::KeepUntil(about), &candidate, Some(day), reason);
        Ok(Made { response: Response::Push(modal), until_shown: Some(Box::new(place)) })
    }

    /// Takes over until when somebody is kept. It takes effect with the review.
    pub(crate) async fn submit_until(
        self: &Arc<Self>,
        inbound: &Inbound,
        about: About,
        state: &FormState,
    ) -> WorkResult<Ack> {
        let (policy, principal) = match self.may_review(inbound, about.request, &about.list_hash).await? {
            Ok(found) => found,
            Err(NotShown::Over(why)) => {
                return Ok(replaced(review_dialog::over(about.request, why, None)));
            }
            Err(NotShown::CantTell(text)) => return Ok(fault(review_dialog::REASON, text)),
        };
        let Some(until) = until(policy, state) else { return Ok(fault(form::UNTIL, form::no_day())) };
        if let Some(ack) = self.would_refuse(inbound, policy, principal, &about, &until).await? {
            return Ok(ack);
        }
        let (now, position) = (self.s.clock.now(), about.position);
        self.s
            .store
            .change_review(about.request, &inbound.user, move |review| {
                let mut draft = review.draft.clone()?;
                draft.keep_until(position, until, now);
                Some(draft)
            })
            .await?;
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        Ok(self.later(async move {
            let below = ViewRef { id: about.below };
            let memory = Memory { request: about.request, list_hash: about.list_hash, generation: 0 };
            let back = |modal| Response::Back { below: below.clone(), modal };
            this.draw(&inbound, &below, &memory, true, back).await
        }))
    }

    /// What the reply would be if they kept this one now.
    async fn would_refuse(
        &self,
        inbound: &Inbound,
        policy: &Policy,
        principal: Principal,
        about: &About,
        until: &Until,
    ) -> WorkResult<Option<Ack>> {
        let Some((request, candidates)) = self.s.store.request(about.request).await? else {
            let over = review_dialog::over(about.request, self.requests.no_such_request(), None);
            return Ok(Some(replaced(over)));
        };
        let wishes = [(about.position, until.clone())].into();
        let said = ButtonInput {
            request: about.request,
            list_hash: Some(about.list_hash.clone()),
            verb: Verb::Keep { until: KeptUntil { wishes, max: policy.exemption_max } },
            reason: None,
        };
        let input = self.requests.input(policy, principal, said, inbound.received_at);
        let Err(refusal) = request::decide(&request, &candidates, &input) else { return Ok(None) };
        self.s.store.append(AuditContext::of(&request), request::refused(&input, &refusal)).await?;
        Ok(Some(answer(about.request, &refusal, Some((&request, &candidates)))))
    }

    /// Submits the review: the decision, with the exemptions of those who are kept until a day.
    pub(crate) async fn submit_review(
        self: &Arc<Self>,
        inbound: &Inbound,
        memory: Memory,
        state: &FormState,
    ) -> WorkResult<Ack> {
        // The receipt comes before anything else is written: until it is settled, the deadline waits for it.
        self.s.store.receive(&inbound.key, Some(memory.request), &inbound.user, inbound.received_at).await?;
        let (now, seen) = (self.s.clock.now(), review_dialog::seen(&memory, state, ""));
        let review = self.s.store.change_review(memory.request, &inbound.user, move |review| {
            let mut draft = review.draft.clone()?;
            draft.submit(&review.candidates, &seen, now).then_some(draft)
        });
        let (verb, reason) = match review.await? {
            Some(Reviewed { request, candidates, draft: Some(draft) }) => {
                if draft.generation != memory.generation && request.state.awaits_decision() {
                    let note = Some(refusals::dialog_changed());
                    self.requests.settle(inbound, "the dialog had changed", None).await?;
                    return Ok(replaced(self.drawn(&request, &candidates, &draft, note)));
                }
                let max = self
                    .s
                    .policy(&request.policy)
                    .map_or(chrono::Duration::zero(), |policy| policy.exemption_max);
                (draft.verb(&candidates, max), Some(draft.reason).filter(|reason| !reason.is_empty()))
            }
            // Nobody knows what they chose, and everybody is not it.
            Some(Reviewed { request, draft: None, .. }) if request.state.awaits_decision() => {
                self.requests.settle(inbound, "the draft is gone", None).await?;
                // A person who never had one may lack the right: that is for the audit trail.
                let why = match self.may_review(inbound, memory.request, &memory.list_hash).await? {
                    Err(NotShown::Over(why) | NotShown::CantTell(why)) => why,
                    Ok(_) => refusals::dialog_out_of_date(),
                };
                return Ok(replaced(review_dialog::over(memory.request, why, None)));
            }
            // It has ended: the decision is refused, and says why.
            Some(_) | None => (Verb::Suspend { keep: [].into(), until: KeptUntil::default() }, None),
        };
        let input = ButtonInput { request: memory.request, list_hash: Some(memory.list_hash), verb, reason };
        Ok(match self.requests.decide(inbound, input).await? {
            Ok(_) => Ack::Done,
            // The day was asked for in a dialog that is closed by now.
            Err(Rejected::Refused(refusal @ Refusal::NotUntil { .. })) => {
                fault(review_dialog::REASON, refusals::refusal(&refusal))
            }
            Err(Rejected::Refused(refusal)) => {
                let whole = self.s.store.request(memory.request).await?;
                let whole = whole.as_ref().map(|(request, candidates)| (request, candidates.as_slice()));
                answer(memory.request, &refusal, whole)
            }
            Err(Rejected::Away(text)) => fault(review_dialog::REASON, text),
        })
    }

    /// Exempts one person of a card at once.
    pub(crate) async fn submit_exempt(
        self: &Arc<Self>,
        inbound: &Inbound,
        about: About,
        state: &FormState,
    ) -> WorkResult<Ack> {
        let request = self.s.store.request(about.request).await?;
        let Some(policy) = request.as_ref().and_then(|(request, _)| self.s.policy(&request.policy)) else {
            self.outbox.send_ephemeral(inbound.reply.clone(), self.requests.no_such_request());
            return Ok(Ack::Done);
        };
        let Some(until) = until(policy, state) else { return Ok(fault(form::UNTIL, form::no_day())) };
        let until = KeptUntil { wishes: [(about.position, until)].into(), max: policy.exemption_max };
        let input = ButtonInput {
            request: about.request,
            list_hash: Some(about.list_hash),
            verb: Verb::Keep { until },
            reason: Some(form::reason(state)).filter(|reason| !reason.is_empty()),
        };
        Ok(match self.requests.decide(inbound, input).await? {
            Ok(_) => Ack::Done,
            Err(Rejected::Refused(refusal)) => answer(about.request, &refusal, None),
            Err(Rejected::Away(text)) => fault(review_dialog::REASON, text),
        })
    }
}

/// Whether the request still waits for the person's answer about the list that they see.
fn waits(request: &Request, memory: &Memory, now: DateTime<Utc>) -> bool {
    request.state.awaits_decision()
        && request.list_hash == memory.list_hash
        && request.deadline.is_some_and(|deadline| now < deadline)
}

fn whole(review: Option<&Reviewed>) -> Option<(&Request, &[Candidate])> {
    review.map(|review| (&review.request, review.candidates.as_slice()))
}

/// What was typed into a dialog about one person.
fn until(policy: &Policy, state: &FormState) -> Option<Until> {
    let ends_at: DateTime<Utc> = policy.end_of_day(form::day(state)?)?;
    Some(Until { ends_at, reason: form::reason(state) })
}

/// What the dialog shows to a person: what they can fix at its input, anything else in the dialog's place.
fn answer(id: RequestId, refusal: &Refusal, whole: Option<(&Request, &[Candidate])>) -> Ack {
    let text = refusals::refusal(refusal);
    match refusal {
        Refusal::NotUntil { why, .. } => fault(form::at_fault(why), text),
        Refusal::OnlyOwnAccounts
        | Refusal::NoEmail
        | Refusal::SecondPersonNeeded { .. }
        | Refusal::NothingInCommon { .. }
        | Refusal::NotProposed { .. } => fault(review_dialog::REASON, text),
        Refusal::AlreadyDecided { .. }
        | Refusal::NotAnApprover
        | Refusal::NotAnAdmin
        | Refusal::PastDeadline { .. }
        | Refusal::OtherList
        | Refusal::NotPostedYet
        | Refusal::ApprovedFirstByYou { .. }
        | Refusal::NotYourApproval { .. }
        | Refusal::NothingFailed
        | Refusal::AllHeld
        | Refusal::OutcomesNotTold
        | Refusal::RetryTooLate { .. }
        | Refusal::AlreadyAskedAgain { .. }
        | Refusal::Paused { .. }
        | Refusal::RuleChanged
        | Refusal::DatabaseStopped
        | Refusal::Superseded
        | Refusal::DoesNotFit => replaced(review_dialog::over(id, text, whole)),
    }
}

fn fault(input: &str, text: Text) -> Ack {
    Ack::FormErrors(vec![(input.into(), text)])
}

fn replaced(modal: Modal) -> Ack {
    Ack::Respond(Response::Replace(modal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::Bench;

    #[tokio::test]
    async fn a_request_waits_for_an_answer_about_its_list_until_its_deadline() {
        let bench = Bench::new();
        let store = &bench.engine.s.store;
        let id = bench.asked().await;
        let request = store.request_alone(id).await.unwrap().unwrap();
        let deadline = request.deadline.expect("its card stands");
        let before = deadline - chrono::Duration::milliseconds(1);
        let seen = Memory { request: id, list_hash: request.list_hash.clone(), generation: 0 };
        let other = Memory { list_hash: "other".to_owned(), ..seen.clone() };
        assert!(waits(&request, &seen, before));
        assert!(!waits(&request, &other, before));
        assert!(!waits(&request, &seen, deadline));
        store.expire_due(deadline).await.unwrap();
        let request = store.request_alone(id).await.unwrap().unwrap();
        assert!(!waits(&request, &seen, before), "it has ended");
    }
}
