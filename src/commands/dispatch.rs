//! Leads a command line from the person to its answer, with the rights that the command needs.

use std::sync::{Arc, OnceLock};

use crate::authz::rights::Rights;
use crate::chat::{Ack, Inbound, Mark, Text};
use crate::commands::asked::Asked;
use crate::commands::grammar::{Command, Effect, Facts, Line, Which};
use crate::commands::tail::Said;
use crate::commands::{Answer, Commands, history, tail};
use crate::domain::person::Denied;
use crate::scheduler::Class;
use crate::services::WorkResult;
use crate::wording::{answers, refusals};

impl Commands {
    /// Handles the slash command. A sweep or a stop is committed before this returns; everything else is answered afterwards, and
    /// what it changes is committed before the answer says so.
    pub(crate) async fn command(
        self: &Arc<Self>,
        inbound: &Inbound,
        text: &str,
        channel: &str,
    ) -> WorkResult<Ack> {
        let line = match Line::typed(text, &self.s.chat.terms().command) {
            Ok(line) => line,
            Err(card) => {
                self.outbox.send_ephemeral_card(inbound.reply.clone(), card);
                return Ok(Ack::Done);
            }
        };
        let command = line.command.unwrap_or(Command::Status);
        let here = line.here.then(|| channel.to_owned());
        let effect = command.facts().effect;
        if effect == Effect::Wish {
            self.give(inbound, here.as_deref(), self.answer(inbound, here.as_deref(), command).await?);
            return Ok(Ack::Done);
        }
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        let reply = inbound.reply.clone();
        let answered = async move {
            this.give(&inbound, here.as_deref(), this.answer(&inbound, here.as_deref(), command).await?);
            Ok(())
        };
        if effect == Effect::Question {
            self.background_question(reply, answered);
        } else {
            self.outbox.background(effect.class(), reply, answered);
        }
        Ok(Ack::Done)
    }

    /// A button of an answer: asks the command line that it carries, and shows that instead. Only questions can be asked
    /// like this, whatever the value says, and with the rights of the person who presses.
    pub(crate) fn ask_instead(self: &Arc<Self>, inbound: &Inbound, line: &str, channel: &str) -> Ack {
        let Some((command, here)) = Line::pressed(line) else {
            self.outbox.send_ephemeral(inbound.reply.clone(), refusals::no_such_request());
            return Ack::Done;
        };
        let here = here.then(|| channel.to_owned());
        let (this, inbound) = (Arc::clone(self), inbound.clone());
        self.background_question(inbound.reply.clone(), async move {
            match this.answer(&inbound, here.as_deref(), command).await? {
                Ok(mut card) => {
                    if here.is_some() {
                        answers::stay_here(&mut card);
                    }
                    this.s.chat.revise(&inbound.reply, &card).await?;
                }
                Err(text) => this.outbox.send_ephemeral(inbound.reply.clone(), text),
            }
            Ok(())
        });
        Ack::Done
    }

    /// A button elsewhere that sweeps: as if the person had typed it.
    pub(crate) async fn sweep_pressed(self: &Arc<Self>, inbound: &Inbound, policy: &str) -> WorkResult<Ack> {
        let command = Command::Sweep { which: Which { policy: Some(policy.to_owned()), words: None } };
        let answer = self.answer(inbound, None, command).await?;
        self.give(inbound, None, answer);
        Ok(Ack::Done)
    }

    /// Refusals and mistakes are for the person alone, wherever the answer would have gone.
    fn give(self: &Arc<Self>, inbound: &Inbound, here: Option<&str>, answer: Answer) {
        match (answer, here) {
            (Ok(card), None) => self.outbox.send_ephemeral_card(inbound.reply.clone(), card),
            (Err(text), _) => self.outbox.send_ephemeral(inbound.reply.clone(), text),
            (Ok(mut card), Some(channel)) => {
                answers::stay_here(&mut card);
                let (this, channel, key) =
                    (Arc::clone(self), channel.to_owned(), format!("answer:{}", inbound.key));
                self.outbox.background(Class::FreshLook, inbound.reply.clone(), async move {
                    this.s.chat.post(&channel, None, &Mark::new(key), &card).await?;
                    Ok(())
                });
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        inbound: &Inbound,
        here: Option<&str>,
        command: Command,
    ) -> WorkResult<Answer> {
        let Facts { word, role, what, is_about_all, .. } = command.facts();
        let mut rights = match self.authz.granted(&inbound.user, role).await {
            Ok(rights) => rights,
            Err(denied) => {
                let refusal = match &denied {
                    Some(denied) => refusals::denied(denied),
                    // The one command of approvers that admins may not use.
                    None if matches!(command, Command::Retry { .. }) => {
                        refusals::not_allowed(what, "approvers of this policy")
                    }
                    None => refusals::not_allowed(what, role.in_words()),
                };
                self.authz.note_refused(inbound, word, denied).await?;
                return Ok(Err(refusal));
            }
        };
        if let Some(channel) = here {
            rights.granted.retain(|(policy, _)| policy.channel == channel);
            rights.unsure.retain(|(policy, _)| policy.channel == channel);
            match rights.unsure.first() {
                _ if !rights.granted.is_empty() => {}
                Some((_, why)) => return Ok(Err(refusals::denied(&Denied::CantTell(why.clone())))),
                None => return Ok(Err(refusals::not_here())),
            }
        }
        let Rights { granted, unsure } = rights;
        let (key, at) = (&inbound.key, inbound.received_at);
        let asked = Asked { key, at, granted, unsure, reached: OnceLock::new() };
        let leaves_out = is_about_all && !asked.unsure.is_empty();
        let mut answer = self.answer_to(inbound, here, &asked, command).await?;
        if leaves_out {
            answer = answers::leaves_some_out(answer);
        }
        if let Some((policy, why)) = asked.reached.get() {
            self.note_reached(&asked, word, policy, why).await?;
        }
        Ok(answer)
    }

    async fn answer_to(
        self: &Arc<Self>,
        inbound: &Inbound,
        here: Option<&str>,
        asked: &Asked<'_>,
        command: Command,
    ) -> WorkResult<Answer> {
        let command = match self.understood(asked, command) {
            Ok(understood) => understood,
            Err(text) => return Ok(Err(text)),
        };
        let (command, said) = command;
        let (policy, reason) = (said.policy.as_deref(), said.reason.as_str());
        let answer = match command {
            Command::Status => self.status(&asked.policies()).await.map(Ok),
            Command::Pending => Ok(Ok(self.pending(&asked.policies()).await?)),
            Command::Preview { page, .. } => self.preview(asked, policy, page.saturating_sub(1)).await,
            Command::Why { person } => self.why(&asked.policies(), &person).await,
            Command::Exempt { about } => return self.exempt(asked, &about).await,
            Command::Unexempt { about } => self.unexempt(asked, &about.person, &said).await,
            Command::Restore { about } => self.restore_asked(asked, &about.person, &said).await,
            Command::Withdraw { request, .. } => self.withdraw(inbound, &request, reason.to_owned()).await,
            Command::Retry { request, .. } => self.retry(inbound, &request, reason.to_owned()).await,
            // They repeat what they understood before they report the result.
            Command::Pause { .. } => return self.pause(asked, policy, reason).await,
            Command::Resume { .. } => return self.resume(asked, policy, reason).await,
            Command::Verify => self.verify().await,
            Command::Exemptions => self.exemptions(&asked.policies()).await,
            Command::Audit { words, before, after } => {
                self.audit(asked, &words, history::Cursor { before, after }).await
            }
            Command::Export { words } => self.export(asked, &words).await,
            Command::Report { words } => self.report(asked, &words, inbound, here).await,
            Command::Evidence { words } => self.evidence(asked, &words).await,
            Command::Sweep { .. } => self.sweep_now(asked, policy).await,
        };
        Ok(answer?.map(|card| refusals::with_reason(card, reason)))
    }

    /// Reads what stands after the fixed words of a command, unless the command reads that itself.
    fn understood(&self, asked: &Asked<'_>, command: Command) -> Result<(Command, Said), Text> {
        let Some((form, option, words)) = command.tail() else { return Ok((command, Said::default())) };
        if form.has_times() {
            // In the zone of a policy that is not known yet.
            return Ok((command, Said::default()));
        }
        let names = asked.names(self);
        let said = tail::read(form, words, option, &names, asked.at, chrono_tz::Tz::UTC)?;
        Ok((command, said))
    }
}
