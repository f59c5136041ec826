//! What people send: clicks, dialogs and commands. A decision is committed before it is acknowledged, and nothing
//! here ever calls the identity provider to change something.

mod deny;
mod drawings;
mod home;
mod outreach;
mod rate_limit;
mod review;
mod row_menu;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::authz::Authz;
use crate::authz::rights::Role;
use crate::chat::{
    Ack, FormState, Handler, Inbound, Later, MessageRef, Modal, Prepared, Response, Text, ViewRef, What,
};
use crate::commands::Commands;
use crate::domain::audit::{Draft, Person};
use crate::domain::ids::RequestId;
use crate::domain::keep::KeptUntil;
use crate::domain::request::{KnownForRetry, Verb};
use crate::inbox::drawings::Drawings;
use crate::inbox::rate_limit::{RateLimits, RateVerdict};
use crate::outbox::Outbox;
use crate::outbox::ephemeral::broken;
use crate::outbox::signed::{self, Origin};
use crate::request::Requests;
use crate::request::decision::{ButtonInput, refused_unseen};
use crate::scheduler::Class;
use crate::services::{Services, WorkResult, lock};
use crate::store::{AuditContext, Receipt};
use crate::wording::actions::{ButtonAction, Control, Dialog, Memory, RequestAction};
use crate::wording::{lineage, refusals};

/// So many dialogs are put together at once, which is more than a channel's worth of clicks. Each one has a whole list
/// in memory, and what a flood takes of that stays with the process: glibc's allocator gives little of it back.
/// mimalloc and jemalloc give more back, but have 12 MB and 2 MB more in use when the bot is idle.
struct Dialogs(Arc<Semaphore>);

/// A place among them, for as long as a dialog is put together and shown.
type Place = Option<OwnedSemaphorePermit>;

impl Dialogs {
    async fn place(&self) -> Place {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }
}

impl Default for Dialogs {
    fn default() -> Self {
        Dialogs(Arc::new(Semaphore::new(32)))
    }
}

/// What a person gets, and what others wait for until they see it.
pub(crate) struct Made {
    response: Response,
    until_shown: Option<Box<dyn Send>>,
}

impl Made {
    /// A response that nothing waits for.
    fn of(response: Response) -> Made {
        Made { response, until_shown: None }
    }

    fn reply(text: Text) -> Made {
        Made::of(Response::Reply(refusals::note(text)))
    }

    /// A dialog, or why there is none.
    fn opened(dialog: Result<Modal, Text>) -> Made {
        dialog.map_or_else(Made::reply, |modal| Made::of(Response::Open(modal)))
    }
}

/// A click in the dialog.
pub(crate) struct DialogInput<'a> {
    pub(crate) view: &'a ViewRef,
    pub(crate) memory: Memory,
    pub(crate) control: Control,
    pub(crate) state: &'a FormState,
    pub(crate) stamp: &'a str,
}

/// What people send, one input at a time.
pub struct Inbox {
    s: Arc<Services>,
    authz: Arc<Authz>,
    outbox: Arc<Outbox>,
    requests: Arc<Requests>,
    commands: Arc<Commands>,
    drawings: Drawings,
    dialogs: Dialogs,
    pace: Mutex<RateLimits>,
}

impl Inbox {
    pub(crate) fn new(
        s: Arc<Services>,
        authz: Arc<Authz>,
        outbox: Arc<Outbox>,
        requests: Arc<Requests>,
        commands: Arc<Commands>,
    ) -> Inbox {
        Inbox {
            s,
            authz,
            outbox,
            requests,
            commands,
            drawings: Drawings::default(),
            dialogs: Dialogs::default(),
            pace: Mutex::default(),
        }
    }
}

#[async_trait]
impl Handler for Arc<Inbox> {
    async fn handle(&self, inbound: Inbound) -> Ack {
        // The workflow has not ended before this has.
        let _handled = self.s.tasks.token();
        let reply = inbound.reply.clone();
        let opened = matches!(inbound.what, What::HomeOpened | What::Joined { .. });
        let joined = matches!(inbound.what, What::Joined { .. });
        let span = tracing::info_span!("input", key = inbound.key);
        // What costs only a question's place says so itself.
        let received = Class::Action.run(self.receive(inbound)).instrument(span).await;
        if !opened {
            let (this, user) = (Arc::clone(self), reply.user.clone());
            self.s.tasks.spawn(async move { this.outbox.freshen_home_of(&user).await });
        }
        match received {
            Ok(ack) => signed::ack(ack, &self.s.store.lineage().database),
            Err(error) if joined => {
                tracing::error!(
                    error = format!("{error:#}"),
                    "can't handle that somebody has joined a channel"
                );
                Ack::Done
            }
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "an input could not be handled");
                self.outbox.send_ephemeral(reply, broken(&error));
                Ack::Done
            }
        }
    }
}

impl Inbox {
    async fn receive(self: &Arc<Self>, mut inbound: Inbound) -> WorkResult<Ack> {
        let origin = signed::unsigned(&mut inbound.what, &self.s.store.lineage());
        if let RateVerdict::TooFast { noted } = self.turn(&inbound).await? {
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
                self.outbox.send_ephemeral(inbound.reply.clone(), refusals::too_fast());
            }
            return Ok(Ack::Done);
        }
        if origin != Origin::Ours {
            return self.not_of_this_database(&inbound, origin).await;
        }
        match &inbound.what {
            What::Click { action, value, message } => match ButtonAction::decode(action, value) {
                Some(pressed) => self.click(&inbound, message, pressed).await,
                None => Ok(self.unknown(&inbound, action)),
            },
            What::ModalClick { view, kind, modal_value, action, value, state, stamp } => {
                let dialog = Dialog::decode(kind, modal_value);
                let (Some(Dialog::Review(memory)), Some(control)) = (dialog, Control::decode(action, value))
                else {
                    tracing::warn!(kind, action, "a control that isn't ours, or of another version");
                    return Ok(Ack::Done);
                };
                self.review_click(&inbound, DialogInput { view, memory, control, state, stamp }).await
            }
            What::Submission { kind, modal_value, state, .. } => match Dialog::decode(kind, modal_value) {
                Some(dialog) => self.submit(&inbound, dialog, state).await,
                None => Ok(self.unknown(&inbound, kind)),
            },
            What::Command { text, channel } => self.commands.command(&inbound, text, channel).await,
            What::HomeOpened => self.outbox.home_opened(&inbound).await,
            What::Joined { channel } => self.outbox.somebody_joined(channel).await.map(|()| Ack::Done),
            What::HomeClick { action, value } => match ButtonAction::decode(action, value) {
                Some(pressed) => self.home_click(&inbound, pressed).await,
                None => Ok(self.unknown(&inbound, action)),
            },
        }
    }

    /// Returns whether the input is to be looked at; of too many in a row, the trail says so once a minute.
    async fn turn(&self, inbound: &Inbound) -> WorkResult<RateVerdict> {
        let person = self.authz.counted_by(&inbound.user);
        let turn = lock(&self.pace).take(&person, rate_limit::costs(&inbound.what), Instant::now());
        if turn == (RateVerdict::TooFast { noted: true }) {
            let why = "exceeded the limit for one person; further inputs of this minute were refused";
            let person = Person::unknown(&inbound.user);
            let event = Draft::refused(&person, inbound.received_at, json!({ "why": why }));
            // Of somebody who has just tried without the right, it is one more of these.
            let is_try = self.authz.is_only_counted(&inbound.user);
            self.authz.append_refused(is_try, AuditContext::default(), event).await?;
        }
        Ok(turn)
    }

    /// Answers a button or dialog of another database, or of an earlier epoch of this one. It changes nothing.
    async fn not_of_this_database(self: &Arc<Self>, inbound: &Inbound, origin: Origin) -> WorkResult<Ack> {
        let why = match origin {
            Origin::Ours => return Ok(Ack::Done),
            Origin::EarlierEpoch => "of an earlier epoch of the database",
            Origin::Elsewhere => "of another database",
        };
        let received = self.s.store.receive(&inbound.key, None, &inbound.user, inbound.received_at).await?;
        if let Receipt::New | Receipt::Repeated { outcome: None, .. } = received {
            let person = Person::unknown(&inbound.user);
            let event = refused_unseen(&person, inbound.received_at, why);
            self.authz.settle_try(inbound, why, AuditContext::default(), event).await?;
        }
        self.outbox.send_ephemeral(
            inbound.reply.clone(),
            lineage::not_of_this_database(origin == Origin::EarlierEpoch),
        );
        Ok(Ack::Done)
    }

    async fn submit(
        self: &Arc<Self>,
        inbound: &Inbound,
        dialog: Dialog,
        state: &FormState,
    ) -> WorkResult<Ack> {
        match dialog {
            Dialog::Review(memory) => self.submit_review(inbound, memory, state).await,
            Dialog::Over => Ok(Ack::Done),
            Dialog::KeepUntil(about) => self.submit_until(inbound, about, state).await,
            Dialog::Exempt(about) => self.submit_exempt(inbound, about, state).await,
            Dialog::Restore(about) => self.submit_give_back(inbound, &about, state).await,
            Dialog::Deny { request, list_hash } => {
                self.submit_denial(inbound, request, list_hash, state).await
            }
        }
    }

    async fn click(
        self: &Arc<Self>,
        inbound: &Inbound,
        message: &MessageRef,
        pressed: ButtonAction,
    ) -> WorkResult<Ack> {
        match pressed {
            ButtonAction::Request { what, request, list_hash } => {
                self.request_click(inbound, what, request, list_hash).await
            }
            ButtonAction::Page { request, page, .. } => {
                self.turn_page_if_allowed(inbound, request, page);
                Ok(Ack::Done)
            }
            ButtonAction::Row(entry) => self.row_click(inbound, entry).await,
            ButtonAction::Answer { question, answer } => self.concern_click(inbound, question, answer).await,
            ButtonAction::Command { line, .. } => {
                Ok(self.commands.ask_instead(inbound, &line, &message.channel))
            }
            ButtonAction::Sweep { .. } => Ok(self.unknown(inbound, &pressed.id())),
        }
    }

    async fn request_click(
        self: &Arc<Self>,
        inbound: &Inbound,
        what: RequestAction,
        request: RequestId,
        list_hash: String,
    ) -> WorkResult<Ack> {
        let verb = match what {
            RequestAction::Suspend => Verb::Suspend { keep: [].into(), until: KeptUntil::default() },
            RequestAction::Deny => Verb::Deny,
            RequestAction::Release => Verb::Release,
            RequestAction::TakeBack => Verb::TakeBackApproval,
            RequestAction::AskAgain => Verb::AskAgain,
            RequestAction::Retry => Verb::Retry { known: KnownForRetry::default() },
            RequestAction::GoLive => Verb::GoLive,
            RequestAction::DenyWhy => return Ok(self.ask_why_denied(inbound, request, list_hash)),
            RequestAction::Choose => return Ok(self.open_review(inbound, request, list_hash)),
        };
        let input = ButtonInput { request, list_hash: Some(list_hash), verb, reason: None };
        let said = match self.requests.decide(inbound, input).await? {
            Ok(request) => self.requests.left_out_of_retry(&request).await,
            Err(turned) => Some(turned.text()),
        };
        if let Some(text) = said {
            self.outbox.send_ephemeral(inbound.reply.clone(), text);
        }
        Ok(Ack::Done)
    }

    /// Answers with what is made after the acknowledgement where the chat system lets it wait, such as a dialog: it carries
    /// no decision. The class is that of one all the same, for chat systems open dialogs for some seconds only.
    fn later(self: &Arc<Self>, work: impl Future<Output = WorkResult<Made>> + Send + 'static) -> Ack {
        // The workflow has not ended before this has.
        let (this, handled) = (Arc::clone(self), self.s.tasks.token());
        Ack::Later(Later::new(Class::Action.run(async move {
            let _handled = handled;
            let made = match this.s.soon_unless_ended(work).await {
                Some(made) => made.unwrap_or_else(|error| {
                    tracing::error!(error = format!("{error:#}"), "an answer could not be given");
                    Made::reply(broken(&error))
                }),
                None => Made::reply(refusals::ask_again()),
            };
            let Made { response, until_shown } = made;
            Prepared { response, otherwise: refusals::note(refusals::broken()), until_shown }
        })))
    }

    /// Another page of the card for everybody, if the person who presses may see what is on it.
    fn turn_page_if_allowed(self: &Arc<Self>, inbound: &Inbound, request: RequestId, page: usize) {
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        self.commands.background_question(inbound.reply.clone(), async move {
            let Some(row) = this.s.store.request_alone(request).await? else {
                this.outbox.send_ephemeral(inbound.reply, this.requests.no_such_request());
                return Ok(());
            };
            let rights = this.authz.granted(&inbound.user, Role::Viewer).await;
            let Err(denied) = rights.and_then(|rights| rights.held_in(&row.policy)) else {
                this.requests.turn_page(request, page);
                return Ok(());
            };
            let text = denied.as_ref().map_or_else(
                || refusals::not_allowed("turn the card's pages", Role::Viewer.in_words()),
                refusals::denied,
            );
            this.authz.note_refused(&inbound, "turn the page", denied).await?;
            this.outbox.send_ephemeral(inbound.reply, text);
            Ok(())
        });
    }

    fn unknown(&self, inbound: &Inbound, name: &str) -> Ack {
        tracing::warn!(
            channel = inbound.reply.channel,
            name,
            "a button or dialog that isn't ours, or of another version"
        );
        self.outbox.send_ephemeral(inbound.reply.clone(), self.requests.no_such_request());
        Ack::Done
    }
}
