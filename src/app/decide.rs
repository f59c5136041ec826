//! What people send: clicks, dialogs and commands. A decision is committed before it is acknowledged, and nothing
//! here ever calls the identity provider to change something.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tracing::Instrument as _;

use super::App;
use super::command::{Role, unidentified};
use super::pace::Turn;
use super::people::{self, Known, Stranger};
use super::review::Click;
use super::signed::{self, Origin};
use super::wording::choose::{self, form};
use super::wording::{answers, card, concerned, lineage, refusals};
use crate::chat::{Ack, FormState, Handler, Inbound, MessageRef, ReplyTo, Text, What};
use crate::domain::audit::{Action, Actor, Draft, Person};
use crate::domain::keep::KeptUntil;
use crate::domain::request::{Input, KnownForRetry, Refusal, Request, Verb};
use crate::scheduler::Class;
use crate::store::{AuditContext, Decided, Receipt};

/// The handler that the chat adapter calls with each input.
pub struct Inbox(pub Arc<App>);

#[async_trait]
impl Handler for Inbox {
    async fn handle(&self, inbound: Inbound) -> Ack {
        // The workflow has not ended before this has.
        let _handled = self.0.runtime.tasks.token();
        let reply = inbound.reply.clone();
        let opened = matches!(inbound.what, What::HomeOpened | What::Joined { .. });
        let joined = matches!(inbound.what, What::Joined { .. });
        let span = tracing::info_span!("input", key = inbound.key);
        // What costs only a question's place says so itself.
        let received = Class::Action.run(self.0.receive(inbound)).instrument(span).await;
        if !opened {
            let (app, user) = (Arc::clone(&self.0), reply.user.clone());
            self.0.runtime.tasks.spawn(async move { app.freshen_home_of(&user).await });
        }
        match received {
            Ok(ack) => signed::ack(ack, &self.0.store.lineage().database),
            Err(error) if joined => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "can't handle that somebody has joined a channel"
                );
                Ack::Done
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an input could not be handled");
                self.0.whisper(reply, refusals::broken());
                Ack::Done
            }
        }
    }
}

/// A button or dialog of a request.
pub(super) struct Press {
    pub(super) request: i64,
    pub(super) list_hash: Option<String>,
    pub(super) verb: Verb,
    pub(super) reason: Option<String>,
}

/// Why an input had no effect.
pub(super) enum Turned {
    /// The person was rejected, or the input was a duplicate; in words.
    Away(Text),
    /// The request refused it.
    Refused(Refusal),
}

impl Turned {
    /// The sentence for the person.
    pub(super) fn text(&self) -> Text {
        match self {
            Turned::Away(text) => text.clone(),
            Turned::Refused(refusal) => refusals::refusal(refusal),
        }
    }
}

impl App {
    async fn receive(self: &Arc<Self>, mut inbound: Inbound) -> anyhow::Result<Ack> {
        let origin = signed::unsigned(&mut inbound.what, &self.store.lineage());
        if let Turn::TooFast { noted } = self.turn(&inbound).await? {
            let is_told = match inbound.what {
                // One sentence a minute: a script that types commands must not cost a connection each time.
                What::Command { .. } => noted,
                What::HomeOpened | What::Joined { .. } => false,
                What::Click { .. }
                | What::ModalClick { .. }
                | What::Submission { .. }
                | What::HomeClick { .. } => true,
            };
            if is_told {
                self.whisper(inbound.reply.clone(), refusals::too_fast());
            }
            return Ok(Ack::Done);
        }
        if origin != Origin::Ours {
            return self.not_of_this_database(&inbound, origin).await;
        }
        match &inbound.what {
            What::Click { action, value, trigger, message } => {
                self.click(&inbound, message, action, value, trigger).await
            }
            What::ModalClick { view, kind, modal_value, action, value, state, trigger, stamp } => {
                if kind != choose::KIND {
                    return Ok(Ack::Done);
                }
                let click = Click { view, modal_value, action, value, state, trigger, stamp };
                self.review_click(&inbound, click).await
            }
            What::Submission { kind, modal_value, state, .. } => {
                self.submit(&inbound, kind, modal_value, state).await
            }
            What::Command { text, channel } => self.command(&inbound, text, channel).await,
            What::HomeOpened => self.home_opened(&inbound).await,
            What::Joined { channel } => self.somebody_joined(channel).await.map(|()| Ack::Done),
            What::HomeClick { action, value, trigger } => {
                self.home_click(&inbound, action, value, trigger).await
            }
        }
    }

    /// Answers a button or dialog of another database, or of an earlier epoch of this one. It changes nothing.
    async fn not_of_this_database(
        self: &Arc<Self>,
        inbound: &Inbound,
        origin: Origin,
    ) -> anyhow::Result<Ack> {
        let why = match origin {
            Origin::Ours => return Ok(Ack::Done),
            Origin::EarlierEpoch => "of an earlier epoch of the database",
            Origin::Elsewhere => "of another database",
        };
        let received = self.store.receive(&inbound.key, None, &inbound.user, inbound.received_at).await?;
        if let Receipt::New | Receipt::Repeated { outcome: None, .. } = received {
            let person =
                Person { id: inbound.user.clone(), name: String::new(), email: None, person_id: None };
            let event = refused_unseen(person, inbound.received_at, why);
            self.settle_try(inbound, why, AuditContext::default(), event).await?;
        }
        self.whisper(inbound.reply.clone(), lineage::not_of_this_database(origin == Origin::EarlierEpoch));
        Ok(Ack::Done)
    }

    async fn submit(
        self: &Arc<Self>,
        inbound: &Inbound,
        kind: &str,
        value: &str,
        state: &FormState,
    ) -> anyhow::Result<Ack> {
        match kind {
            choose::KIND => self.submit_review(inbound, value, state).await,
            form::KEEP => self.submit_until(inbound, value, state).await,
            form::EXEMPT => self.submit_exempt(inbound, value, state).await,
            form::GIVE_BACK => self.submit_give_back(inbound, value, state).await,
            form::DENY => self.submit_denial(inbound, value, state).await,
            _ => Ok(Ack::Done),
        }
    }

    async fn click(
        self: &Arc<Self>,
        inbound: &Inbound,
        message: &MessageRef,
        action: &str,
        value: &str,
        trigger: &str,
    ) -> anyhow::Result<Ack> {
        if action.split('.').next() == Some(concerned::ANSWER) {
            return self.concern_click(inbound, value).await;
        }
        if action.split('.').next() == Some(answers::ASK) {
            return Ok(self.ask_instead(inbound, value, &message.channel));
        }
        if action == card::action::PERSON {
            return self.row_click(inbound, value, trigger).await;
        }
        let (request, rest) = value.split_once(':').unwrap_or((value, ""));
        let Ok(request) = request.parse::<i64>() else {
            return Ok(self.unknown_button(inbound, message, action));
        };
        let verb = match action {
            card::action::SUSPEND => Verb::Suspend { keep: [].into(), until: KeptUntil::default() },
            card::action::DENY => Verb::Deny,
            card::action::RELEASE => Verb::Release,
            card::action::TAKE_BACK => Verb::TakeBackApproval,
            card::action::ASK_AGAIN => Verb::AskAgain,
            card::action::RETRY => Verb::Retry { known: KnownForRetry::default() },
            card::action::GO_LIVE => Verb::GoLive,
            card::action::DENY_WHY => {
                self.ask_why_denied(inbound, request, rest, trigger);
                return Ok(Ack::Done);
            }
            card::action::CHOOSE => {
                self.open_review(inbound, request, rest, trigger);
                return Ok(Ack::Done);
            }
            card::action::PAGE_BACK | card::action::PAGE_ON => {
                self.turn_page_if_allowed(inbound, request, rest.parse().unwrap_or_default());
                return Ok(Ack::Done);
            }
            _ => return Ok(self.unknown_button(inbound, message, action)),
        };
        let press = Press { request, list_hash: Some(rest.to_owned()), verb, reason: None };
        let said = match self.decide(inbound, press).await? {
            Ok(request) => self.left_out_of_retry(&request).await,
            Err(turned) => Some(turned.text()),
        };
        if let Some(text) = said {
            self.whisper(inbound.reply.clone(), text);
        }
        Ok(Ack::Done)
    }

    /// Another page of the card for everybody, if the person who presses may see what is on it.
    fn turn_page_if_allowed(self: &Arc<Self>, inbound: &Inbound, request: i64, page: usize) {
        let (app, inbound) = (Arc::clone(self), inbound.clone());
        self.background_question(inbound.reply.clone(), async move {
            let Some(row) = app.store.request_alone(request).await? else {
                app.whisper(inbound.reply, app.no_such_request());
                return Ok(());
            };
            let rights = app.granted(&inbound.user, Role::Viewer).await;
            let Err(stranger) = rights.and_then(|rights| rights.held_in(&row.policy)) else {
                app.turn_page(request, page);
                return Ok(());
            };
            let text = stranger.as_ref().map_or_else(
                || refusals::not_allowed("turn the card's pages", Role::Viewer.in_words()),
                refusals::stranger,
            );
            app.note_refused(&inbound, "turn the page", stranger).await?;
            app.whisper(inbound.reply, text);
            Ok(())
        });
    }

    /// Says that there is no such request here.
    pub(super) fn no_such_request(&self) -> Text {
        let text = refusals::no_such_request();
        if self.chat.other_connections() > 0 { text.and(refusals::perhaps_of_another_bot()) } else { text }
    }

    fn unknown_button(self: &Arc<Self>, inbound: &Inbound, message: &MessageRef, action: &str) -> Ack {
        tracing::warn!(channel = message.channel, action, "a button that isn't ours, or of another version");
        self.whisper(inbound.reply.clone(), self.no_such_request());
        Ack::Done
    }

    /// Takes a decision to the database. The request after it; `Err`: it had no effect.
    pub(super) async fn decide(
        self: &Arc<Self>,
        inbound: &Inbound,
        press: Press,
    ) -> anyhow::Result<Result<Request, Turned>> {
        // The receipt is recorded first: until it is settled, the deadline waits for it.
        let received =
            self.store.receive(&inbound.key, Some(press.request), &inbound.user, inbound.received_at).await?;
        let received_at = match received {
            Receipt::New => inbound.received_at,
            // A crash came between the receipt and the decision: the first arrival counts.
            Receipt::Repeated { received_at, outcome: None } => received_at,
            Receipt::Repeated { outcome: Some(_), .. } => return Ok(Err(Turned::Away(refusals::repeated()))),
        };
        let outcome = self.judge(inbound, press, received_at).await;
        if let Err(error) = &outcome {
            self.settle(inbound, &format!("error: {error:#}"), None).await?;
        }
        // Either way the card is rendered again: a stale one is put right.
        self.nudge();
        outcome
    }

    async fn judge(
        self: &Arc<Self>,
        inbound: &Inbound,
        press: Press,
        received_at: DateTime<Utc>,
    ) -> anyhow::Result<Result<Request, Turned>> {
        let id = press.request;
        let Some(request) = self.store.request_alone(id).await? else {
            self.settle(inbound, "no such request", None).await?;
            return Ok(Err(Turned::Away(self.no_such_request())));
        };
        let Some(policy) = self.policy(&request.policy) else {
            let person =
                Person { id: inbound.user.clone(), name: String::new(), email: None, person_id: None };
            let why = "the policy is no longer in the configuration";
            let event = refused_unseen(person, inbound.received_at, why);
            self.settle(inbound, "policy gone", Some((AuditContext::of(&request), event))).await?;
            return Ok(Err(Turned::Away(Text::plain(
                "This request's policy is no longer in the configuration, so nothing was changed.",
            ))));
        };
        let known = match people::identify(self, policy, &inbound.user).await {
            Ok(known) => known,
            Err(stranger) => {
                self.turn_away(inbound, &request, &stranger).await?;
                return Ok(Err(Turned::Away(refusals::stranger(&stranger))));
            }
        };
        let Known { voter, .. } = known;
        let person = voter.person.clone();
        let may_nothing = !voter.approver && !voter.admin;
        let only_counted = may_nothing && self.is_only_counted(&person.id);
        let input = Input {
            verb: press.verb,
            voter,
            received_at,
            list_hash: press.list_hash,
            reason: press.reason,
            approvals_needed: policy.approvals_needed,
            rule: policy.rule.clone(),
            own_accounts: self.own_accounts(policy),
            paused: None,
        };
        let now = self.clock.now();
        let decided = if only_counted {
            self.store.decide_unrecorded(&inbound.key, id, input, now).await?
        } else {
            self.store.decide(&inbound.key, id, input, now).await?
        };
        if may_nothing && matches!(&decided, Decided::Refused(refusal) if refusal.is_lack_of_right()) {
            self.note_try(&person, Some(&request.policy), now, only_counted);
        }
        Ok(match decided {
            Decided::Done(request) => Ok(*request),
            Decided::Refused(refusal) => Err(Turned::Refused(refusal)),
            Decided::Repeated(_) => Err(Turned::Away(refusals::repeated())),
        })
    }

    /// Records that somebody was rejected before their input was read.
    async fn turn_away(
        &self,
        inbound: &Inbound,
        request: &Request,
        stranger: &Stranger,
    ) -> anyhow::Result<()> {
        let context = AuditContext::of(request);
        let event = turned_away(&inbound.user, inbound.received_at, stranger);
        if stranger.is_certain() {
            self.settle_try(inbound, "turned away", context, event).await?;
            return Ok(());
        }
        self.settle(inbound, "turned away", Some((context, event))).await
    }

    /// Does the same for an input without a receipt.
    pub(super) async fn note_stranger(
        &self,
        inbound: &Inbound,
        context: AuditContext,
        stranger: &Stranger,
    ) -> anyhow::Result<()> {
        let event = turned_away(&inbound.user, self.clock.now(), stranger);
        if stranger.is_certain() {
            self.append_try(context, event).await?;
        } else {
            self.store.append(context, event).await?;
        }
        Ok(())
    }

    pub(super) async fn settle(
        &self,
        inbound: &Inbound,
        outcome: &str,
        event: Option<(AuditContext, Draft)>,
    ) -> anyhow::Result<()> {
        self.store.settle(&inbound.key, outcome, event, self.clock.now()).await?;
        Ok(())
    }

    /// Tells one person something in the background, so that no acknowledgement waits for it.
    pub(super) fn whisper(self: &Arc<Self>, to: ReplyTo, text: Text) {
        self.whisper_card(to, refusals::note(text));
    }

    pub(super) fn whisper_card(self: &Arc<Self>, to: ReplyTo, card: crate::chat::Card) {
        let app = Arc::clone(self);
        self.runtime.tasks.spawn(Class::FreshLook.run(async move {
            let _turn = app.runtime.whispers.0.acquire().await;
            if let Err(error) = app.chat.whisper(&to, &card).await {
                tracing::warn!(user = to.user, %error, "a reply could not be delivered");
            }
        }));
    }

    /// Runs something that decides nothing after the acknowledgement; the person is told if it breaks.
    pub(super) fn background(
        self: &Arc<Self>,
        class: Class,
        reply: ReplyTo,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let app = Arc::clone(self);
        self.runtime.tasks.spawn(class.run(async move {
            if let Err(error) = work.await {
                tracing::error!(error = format!("{error:#}"), "an answer could not be given");
                app.whisper(reply, refusals::broken());
            }
        }));
    }
}

/// Returns the audit event of somebody who was rejected before their input was read.
pub(super) fn turned_away(user: &str, at: DateTime<Utc>, stranger: &Stranger) -> Draft {
    match stranger {
        Stranger::Outsider(person, why) => refused_unseen(person.clone(), at, why),
        Stranger::NotInChannel(person, _) => {
            refused_unseen(person.clone(), at, "not a member of the channel")
        }
        Stranger::CantTell(why) => {
            let person = Person { id: user.to_owned(), name: String::new(), email: None, person_id: None };
            refused_unseen(person, at, &unidentified(why))
        }
    }
}

fn refused_unseen(person: Person, at: DateTime<Utc>, why: &str) -> Draft {
    Draft {
        at,
        actor: Actor::Person(person),
        action: Action::InputRefused,
        subject: None,
        detail: serde_json::json!({ "why": why }),
    }
}
