//! The slash command. The doc comments of `Command` are its help.
//!
//! Every subcommand names the role that may use it. The role is looked up when the command is used, per policy, and the
//! answer is about those policies only in which the person holds it; anyone who holds it in none gets a sentence, and
//! the audit trail an event.

mod act;
mod ask;
mod copies;
mod exceptions;
mod filters;
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod mistakes;
mod nearest;
mod pauses;
mod person;
mod rights;
mod tail;
#[cfg(test)]
mod tests;
mod typed;

use std::sync::{Arc, OnceLock};

use clap::{Args, CommandFactory, Parser, Subcommand};

pub(super) use self::ask::{Preview, outcome};
use self::rights::{Asked, Rights};
pub(super) use self::rights::{Role, unidentified};
use self::tail::{Form, Said};
use super::App;
use super::people::Stranger;
use super::wording::{answers, refusals};
use crate::chat::{Ack, Card, Inbound, Mark, Text};
use crate::scheduler::Class;

/// Finds inactive contractor accounts, asks for approval here, and suspends what is approved.
#[derive(Debug, Parser)]
#[command(
    name = "/inactive-contractors",
    no_binary_name = true,
    disable_version_flag = true,
    color = clap::ColorChoice::Never,
    term_width = 80,
)]
struct Line {
    #[command(subcommand)]
    command: Option<Command>,
    /// Answer for everybody in this channel; only in the channel of a policy
    #[arg(long, global = true)]
    here: bool,
}

impl Line {
    /// Reads a line as a person types it. `Err` is the answer to a line that can't be read.
    fn typed(text: &str) -> Result<Line, Card> {
        let mut grammar = Line::command();
        grammar.build();
        let arguments = typed::arguments(text, &grammar).map_err(|mistake| mistakes::said(&mistake))?;
        Line::try_parse_from(&arguments).map_err(|error| mistakes::answer(&error, &arguments, &grammar))
    }

    /// As a button of an answer carries it: only what changes nothing.
    fn pressed(line: &str) -> Option<(Command, bool)> {
        let line = Line::try_parse_from(line.split_whitespace()).ok().filter(Line::is_question)?;
        Some((line.command?, line.here))
    }

    fn is_question(&self) -> bool {
        self.command.as_ref().is_some_and(Command::is_question)
    }
}

/// Each subcommand and the first line of its help, as `help` lists them: for a client that completes what people type.
#[must_use]
pub fn subcommands() -> Vec<(String, String)> {
    let mut line = Line::command();
    line.build();
    let about = |command: &clap::Command| command.get_about().map(ToString::to_string).unwrap_or_default();
    line.get_subcommands().map(|command| (command.get_name().to_owned(), about(command))).collect()
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
enum Command {
    /// Show each policy's last and next sweep, open requests, and the health of the bot (the default)
    Status,
    /// Sweep now and ask for approval, as the schedule would
    #[command(after_help = "Examples:\n  sweep\n  sweep contractors")]
    Sweep {
        #[command(flatten)]
        which: Which,
    },
    /// Show what a sweep would propose now, and why others are left alone; posts and changes nothing
    #[command(after_help = "Examples:\n  preview\n  preview contractors")]
    Preview {
        #[command(flatten)]
        which: Which,
        /// The page of the answer
        #[arg(long, default_value_t = 1)]
        page: usize,
    },
    /// List the open requests with links
    Pending,
    /// Explain one account: whether it is proposed, by which rule, and what happened to it earlier
    #[command(after_help = "Examples:\n  why ada@example.com\n  why @ada")]
    Why {
        /// A login, an e-mail address, an Okta id or an @mention
        person: String,
    },
    /// Have a policy leave an account alone for a time; you own the exemption
    ///
    /// Times come first: for 30 days, for two weeks, until friday, until 14 Dec, from 2026-12-20. Without an end it lasts as
    /// long as the policy allows. The reason is the rest of the line. The word because always starts the reason.
    #[command(after_help = "Examples:\n  exempt ada@example.com for 30d parental leave cover\n  \
                            exempt @ada until 2026-12-31 on site without Okta\n  \
                            exempt @ada from 2026-12-20 until 2027-01-07 because for the holidays")]
    Exempt {
        #[command(flatten)]
        about: About,
    },
    /// Exempt an account from a later day; the same as exempt with from
    #[command(after_help = "Example:\n  leave ada@example.com from 2026-12-20 until 2027-01-07 holidays")]
    Leave {
        #[command(flatten)]
        about: About,
    },
    /// End the exemptions of an account now
    #[command(after_help = "Example:\n  unexempt ada@example.com contract is over")]
    Unexempt {
        #[command(flatten)]
        about: About,
    },
    /// Restore a suspended account; the policy then leaves it alone for a while
    #[command(after_help = "Example:\n  restore ada@example.com back from leave")]
    Restore {
        #[command(flatten)]
        about: About,
    },
    /// List the exemptions that people granted; those that end soonest come first
    Exemptions,
    /// Withdraw an open request; nobody on it is suspended
    #[command(after_help = "Example:\n  withdraw 7 the list is from before the import was fixed")]
    Withdraw {
        /// The request's number, as its card and `pending` show it
        request: String,
        /// The reason
        words: Option<String>,
    },
    /// Retry the failed suspensions of a finished request
    #[command(after_help = "Example:\n  retry 7")]
    Retry {
        /// The request's number, as its card shows it
        request: String,
        /// Why, if you want to say so
        words: Option<String>,
    },
    /// Stop: nobody is suspended and no sweep starts until an admin resumes; for admins
    ///
    /// Denying, keeping and restoring still work. Without a policy, this pauses every policy that you are an admin of. A
    /// policy's name as the first word means that policy. The rest is the reason. The word because always starts it.
    #[command(
        after_help = "Examples:\n  pause\n  pause contractors the import is wrong\n  pause because contractors \
                            are listed twice"
    )]
    Pause {
        #[command(flatten)]
        stop: Stop,
    },
    /// Resume a paused policy; for admins
    ///
    /// Without a policy, this resumes every policy that you are an admin of. A policy's name as the first word means that
    /// policy. The rest is the reason. The word because always starts it.
    #[command(
        after_help = "Examples:\n  resume\n  resume contractors the import is fixed\n  resume because the import \
                            is fixed"
    )]
    Resume {
        #[command(flatten)]
        stop: Stop,
    },
    /// Verify the whole audit trail, and say up to which event it is intact
    Verify,
    /// Show the audit trail, newest first: who did what, to whom, when
    ///
    /// You can combine filters in any order: since, until, in, by, outcome, request, policy.
    #[command(after_help = "Examples:\n  audit ada@example.com\n  audit since last month by @ben\n  \
                            audit in Q3 2026 outcome failed\n  audit request 12")]
    Audit {
        /// A login or part of it, an Okta id or an @mention, and filters
        words: Vec<String>,
        /// Only events before this number
        #[arg(long)]
        before: Option<i64>,
        /// Only events after this number
        #[arg(long)]
        after: Option<i64>,
    },
    /// Send you a part of the audit trail as a file; the export is recorded
    ///
    /// The filters are those of audit. A csv file is for spreadsheets, a json file can be verified.
    #[command(after_help = "Examples:\n  export since 2026-01-01 csv\n  export ada@example.com json")]
    Export {
        /// Filters as for audit, and csv or json
        words: Vec<String>,
    },
    /// Show the trend of a period as numbers and a picture: 90d unless you say otherwise
    #[command(after_help = "Examples:\n  report\n  report last quarter\n  report 2026-01 to 2026-06")]
    Report {
        /// The period, and "policy" with a name if there are several
        words: Vec<String>,
    },
    /// Send you the evidence of a period for an auditor, as a zip; the export is recorded
    #[command(after_help = "Examples:\n  evidence last quarter\n  evidence 2026-01-01 to 2026-06-30")]
    Evidence {
        /// The period, and "policy" with a name for one policy only
        words: Vec<String>,
    },
}

/// An account, and what a person says about it.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct About {
    /// The policy; optional if only one covers accounts of this type
    #[arg(long)]
    policy: Option<String>,
    /// A login, an e-mail address, an Okta id or an @mention
    person: String,
    /// Times, where the command takes them, and the reason: the rest of the line
    words: Option<String>,
}

/// A policy, or the only one.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct Which {
    /// The policy; optional if there is only one
    #[arg(long)]
    policy: Option<String>,
    /// The same without --policy
    #[arg(value_name = "NAME")]
    words: Option<String>,
}

/// A policy, or all, and why.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(super) struct Stop {
    /// The policy; without it, all that you are an admin of
    #[arg(long)]
    policy: Option<String>,
    /// A policy's name, and why, if you want to say so
    words: Option<String>,
}

impl Command {
    /// Whether it changes nothing, here or anywhere.
    fn is_question(&self) -> bool {
        match self {
            Command::Status
            | Command::Preview { .. }
            | Command::Pending
            | Command::Why { .. }
            | Command::Exemptions
            | Command::Audit { .. }
            | Command::Verify => true,
            Command::Sweep { .. }
            | Command::Exempt { .. }
            | Command::Leave { .. }
            | Command::Unexempt { .. }
            | Command::Withdraw { .. }
            | Command::Retry { .. }
            | Command::Restore { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Export { .. }
            | Command::Report { .. }
            | Command::Evidence { .. } => false,
        }
    }

    /// Returns what its look-ups are for: to change something, or only to tell the person.
    fn class(&self) -> Class {
        let only_tells =
            matches!(self, Command::Export { .. } | Command::Report { .. } | Command::Evidence { .. });
        if only_tells || self.is_question() { Class::Question } else { Class::FreshLook }
    }

    /// Whether it is answered about all policies in which the person holds the role.
    fn is_about_all(&self) -> bool {
        match self {
            Command::Status
            | Command::Pending
            | Command::Why { .. }
            | Command::Exemptions
            | Command::Audit { .. }
            | Command::Export { .. }
            | Command::Report { .. }
            | Command::Evidence { .. } => true,
            // Who pauses or resumes all is told which are not.
            Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Preview { .. }
            | Command::Verify
            | Command::Sweep { .. }
            | Command::Exempt { .. }
            | Command::Leave { .. }
            | Command::Unexempt { .. }
            | Command::Withdraw { .. }
            | Command::Retry { .. }
            | Command::Restore { .. } => false,
        }
    }

    /// Whether what it wants is recorded before it is acknowledged: an acknowledged wish is not lost.
    fn is_kept_first(&self) -> bool {
        match self {
            Command::Sweep { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Withdraw { .. }
            | Command::Retry { .. } => true,
            Command::Status
            | Command::Preview { .. }
            | Command::Pending
            | Command::Why { .. }
            | Command::Exempt { .. }
            | Command::Leave { .. }
            | Command::Unexempt { .. }
            | Command::Restore { .. }
            | Command::Exemptions
            | Command::Verify
            | Command::Audit { .. }
            | Command::Export { .. }
            | Command::Report { .. }
            | Command::Evidence { .. } => false,
        }
    }

    /// Returns what may follow its fixed words, the policy that an option names, and the rest of the line.
    fn tail(&self) -> Option<(Form, Option<&str>, &str)> {
        let (form, option, words) = match self {
            Command::Sweep { which } => (Form::which("sweep"), &which.policy, &which.words),
            Command::Preview { which, .. } => (Form::which("preview"), &which.policy, &which.words),
            Command::Exempt { about } => (Form::exemption("exempt"), &about.policy, &about.words),
            Command::Leave { about } => (Form::exemption("leave"), &about.policy, &about.words),
            Command::Unexempt { about } => (Form::account("unexempt"), &about.policy, &about.words),
            Command::Restore { about } => (Form::account("restore"), &about.policy, &about.words),
            Command::Withdraw { words, .. } => (Form::request("withdraw"), &None, words),
            Command::Retry { words, .. } => (Form::request("retry"), &None, words),
            Command::Pause { stop } => (Form::stop("pause"), &stop.policy, &stop.words),
            Command::Resume { stop } => (Form::stop("resume"), &stop.policy, &stop.words),
            Command::Status
            | Command::Pending
            | Command::Why { .. }
            | Command::Exemptions
            | Command::Verify
            | Command::Audit { .. }
            | Command::Export { .. }
            | Command::Report { .. }
            | Command::Evidence { .. } => return None,
        };
        Some((form, option.as_deref(), words.as_deref().unwrap_or_default()))
    }

    /// The role that it needs, the word of the audit trail for it, and what it does, to follow "may".
    fn needs(&self) -> (Role, &'static str, &'static str) {
        match self {
            Command::Status => (Role::Viewer, "status", "ask that"),
            Command::Sweep { .. } => (Role::Approver, "sweep", "start a sweep"),
            Command::Preview { .. } => (Role::Viewer, "preview", "ask that"),
            Command::Pending => (Role::Viewer, "pending", "ask that"),
            Command::Why { .. } => (Role::Viewer, "why", "ask that"),
            Command::Exempt { .. } => (Role::Approver, "exempt", "exempt an account"),
            Command::Leave { .. } => (Role::Approver, "leave", "exempt an account"),
            Command::Unexempt { .. } => (Role::Approver, "unexempt", "end an exemption"),
            Command::Restore { .. } => (Role::Approver, "restore", "restore an account"),
            Command::Withdraw { .. } => (Role::Approver, "withdraw", "withdraw a request"),
            Command::Retry { .. } => (Role::Approver, "retry", "retry suspensions"),
            Command::Pause { .. } => (Role::Admin, "pause", "pause it"),
            Command::Resume { .. } => (Role::Admin, "resume", "resume it"),
            Command::Verify => (Role::Viewer, "verify", "ask that"),
            Command::Exemptions => (Role::Viewer, "exemptions", "ask that"),
            Command::Audit { .. } => (Role::Viewer, "audit", "ask that"),
            Command::Export { .. } => (Role::Approver, "export", "export the audit trail"),
            Command::Report { .. } => (Role::Viewer, "report", "ask that"),
            Command::Evidence { .. } => (Role::Approver, "evidence", "export the evidence"),
        }
    }
}

/// What a command is answered with: a card, or the sentence that says why there is none.
pub(super) type Answer = Result<Card, Text>;

impl App {
    /// Handles the slash command. A sweep or a stop is committed before this returns; everything else is answered afterwards, and
    /// what it changes is committed before the answer says so.
    pub(super) async fn command(
        self: &Arc<Self>,
        inbound: &Inbound,
        text: &str,
        channel: &str,
    ) -> anyhow::Result<Ack> {
        let line = match Line::typed(text) {
            Ok(line) => line,
            Err(card) => {
                self.whisper_card(inbound.reply.clone(), card);
                return Ok(Ack::Done);
            }
        };
        let command = line.command.unwrap_or(Command::Status);
        let here = line.here.then(|| channel.to_owned());
        if command.is_kept_first() {
            self.give(inbound, here.as_deref(), self.answer(inbound, here.as_deref(), command).await?);
            return Ok(Ack::Done);
        }
        let (app, inbound) = (Arc::clone(self), inbound.clone());
        let (reply, only_asks, class) = (inbound.reply.clone(), command.is_question(), command.class());
        let answered = async move {
            app.give(&inbound, here.as_deref(), app.answer(&inbound, here.as_deref(), command).await?);
            Ok(())
        };
        if only_asks {
            self.background_question(reply, answered);
        } else {
            self.background(class, reply, answered);
        }
        Ok(Ack::Done)
    }

    /// A button of an answer: asks the command line that it carries, and shows that instead. Only questions can be asked
    /// like this, whatever the value says, and with the rights of the person who presses.
    pub(super) fn ask_instead(self: &Arc<Self>, inbound: &Inbound, line: &str, channel: &str) -> Ack {
        let Some((command, here)) = Line::pressed(line) else {
            self.whisper(inbound.reply.clone(), refusals::no_such_request());
            return Ack::Done;
        };
        let here = here.then(|| channel.to_owned());
        let (app, inbound) = (Arc::clone(self), inbound.clone());
        self.background_question(inbound.reply.clone(), async move {
            match app.answer(&inbound, here.as_deref(), command).await? {
                Ok(mut card) => {
                    if here.is_some() {
                        answers::stay_here(&mut card);
                    }
                    app.chat.revise(&inbound.reply, &card).await?;
                }
                Err(text) => app.whisper(inbound.reply.clone(), text),
            }
            Ok(())
        });
        Ack::Done
    }

    /// A button elsewhere that sweeps: as if the person had typed it.
    pub(super) async fn sweep_pressed(
        self: &Arc<Self>,
        inbound: &Inbound,
        policy: &str,
    ) -> anyhow::Result<Ack> {
        let command = Command::Sweep { which: Which { policy: Some(policy.to_owned()), words: None } };
        let answer = self.answer(inbound, None, command).await?;
        self.give(inbound, None, answer);
        Ok(Ack::Done)
    }

    /// Refusals and mistakes are for the person alone, wherever the answer would have gone.
    fn give(self: &Arc<Self>, inbound: &Inbound, here: Option<&str>, answer: Answer) {
        match (answer, here) {
            (Ok(card), None) => self.whisper_card(inbound.reply.clone(), card),
            (Err(text), _) => self.whisper(inbound.reply.clone(), text),
            (Ok(mut card), Some(channel)) => {
                answers::stay_here(&mut card);
                let (app, channel, key) =
                    (Arc::clone(self), channel.to_owned(), format!("answer:{}", inbound.key));
                self.background(Class::FreshLook, inbound.reply.clone(), async move {
                    app.chat.post(&channel, None, &Mark::new(key), &card).await?;
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
    ) -> anyhow::Result<Answer> {
        let (role, word, what) = command.needs();
        let mut rights = match self.granted(&inbound.user, role).await {
            Ok(rights) => rights,
            Err(stranger) => {
                let refusal = match &stranger {
                    Some(stranger) => refusals::stranger(stranger),
                    None => refusals::not_allowed(what, role.in_words()),
                };
                self.note_refused(inbound, word, stranger).await?;
                return Ok(Err(refusal));
            }
        };
        if let Some(channel) = here {
            rights.granted.retain(|(policy, _)| policy.channel == channel);
            rights.unsure.retain(|(policy, _)| policy.channel == channel);
            match rights.unsure.first() {
                _ if !rights.granted.is_empty() => {}
                Some((_, why)) => return Ok(Err(refusals::stranger(&Stranger::CantTell(why.clone())))),
                None => return Ok(Err(refusals::not_here())),
            }
        }
        let Rights { granted, unsure } = rights;
        let (key, at) = (&inbound.key, inbound.received_at);
        let asked = Asked { key, at, granted, unsure, reached: OnceLock::new() };
        let leaves_out = command.is_about_all() && !asked.unsure.is_empty();
        let mut answer = self.answer_to(inbound, here, &asked, command).await?;
        if leaves_out {
            answer = answers::leaves_some_out(answer);
        }
        if let Some((policy, why)) = asked.reached.get().cloned() {
            self.note_reached(&asked, word, policy, &why).await?;
        }
        Ok(answer)
    }

    async fn answer_to(
        self: &Arc<Self>,
        inbound: &Inbound,
        here: Option<&str>,
        asked: &Asked<'_>,
        command: Command,
    ) -> anyhow::Result<Answer> {
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
            Command::Exempt { about } => return self.exempt(asked, &about, false).await,
            Command::Leave { about } => return self.exempt(asked, &about, true).await,
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
