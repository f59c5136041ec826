//! The slash command. The doc comments of `Command` are its help.

use std::sync::Arc;

use clap::{Parser, Subcommand};

use super::people::{self, Known};
use super::survey::{fresh_standing, log_since, survey};
use super::wording::{answers, refusals};
use super::{App, lock};
use crate::chat::{Ack, Card, Inbound, MessageRef, Span, Text};
use crate::domain::account::Account;
use crate::domain::assess::{Standing, assess};
use crate::domain::audit::AuditEvent;
use crate::domain::plan::Verdict;
use crate::domain::policy::Policy;
use crate::domain::request::Request;
use crate::domain::schedule;
use crate::store::{AuditQuery, StartedSweep, SweepRow, SweepState};

/// Events on one page of `audit`.
const AUDIT_PAGE: u32 = 15;
/// Events in the answer to `why`.
const WHY_EVENTS: u32 = 5;

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
}

/// What can be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
enum Command {
    /// Show each policy's last and next sweep, open requests, and the health of the bot (the default)
    Status,
    /// Sweep now and ask for approval, as the schedule would
    Sweep {
        /// The policy; may be left out if there is only one
        policy: Option<String>,
    },
    /// Show what a sweep would propose now, and why others are left alone; posts and changes nothing
    Preview {
        /// The policy; may be left out if there is only one
        policy: Option<String>,
    },
    /// List the open requests with links
    Pending,
    /// Explain one account: is it proposed or not, by which rule, and what happened to it before
    Why {
        /// A login, an e-mail address, an Okta id or an @mention
        person: String,
    },
    /// Show the audit trail, newest first
    Audit {
        /// Only events about this login, Okta id or @mention
        person: Option<String>,
        /// Only events before this number
        #[arg(long)]
        before: Option<i64>,
    },
}

impl App {
    /// Handles the slash command. A sweep is committed before this returns; reads are answered afterwards.
    pub(super) async fn command(self: &Arc<Self>, inbound: &Inbound, text: &str) -> anyhow::Result<Ack> {
        let words = text.split_whitespace().map(|word| word.trim_matches(['“', '”', '"']));
        let command = match Line::try_parse_from(words) {
            Ok(line) => line.command.unwrap_or(Command::Status),
            Err(error) => {
                self.whisper_card(inbound.reply.clone(), help(&error));
                return Ok(Ack::Done);
            }
        };
        if let Command::Sweep { policy } = &command {
            let answer = self.sweep_now(inbound, policy.as_deref()).await?;
            self.whisper(inbound.reply.clone(), answer);
            return Ok(Ack::Done);
        }
        let (reply, user) = (inbound.reply.clone(), inbound.user.clone());
        let app = Arc::clone(self);
        self.background(reply.clone(), async move {
            let card = match app.answer(&user, command).await? {
                Ok(card) => card,
                Err(text) => refusals::note(text),
            };
            app.whisper_card(reply, card);
            Ok(())
        });
        Ok(Ack::Done)
    }

    async fn sweep_now(self: &Arc<Self>, inbound: &Inbound, policy: Option<&str>) -> anyhow::Result<Text> {
        let policy = match self.named_policy(policy) {
            Ok(policy) => policy,
            Err(text) => return Ok(text),
        };
        let known = match people::identify(self, policy, &inbound.user).await {
            Ok(known) => known,
            Err(stranger) => return Ok(refusals::stranger(&stranger)),
        };
        if !known.voter.approver && !known.voter.admin {
            return Ok(refusals::not_allowed("start a sweep", "approvers and admins of this policy"));
        }
        if let Some(running) = self.running_sweep(&policy.name).await? {
            return Ok(Text::plain("Sweep ")
                .then(format!("{running} of "))
                .with(Span::Code(policy.name.clone()))
                .then(" is running already; its result comes in the channel."));
        }
        Ok(match self.start_asked_sweep(policy, &inbound.key, &known).await? {
            StartedSweep::New(_) => Text::plain("The sweep of ")
                .with(Span::Code(policy.name.clone()))
                .then(" has started; its result comes in the policy's channel."),
            StartedSweep::Exists(_) => refusals::repeated(),
        })
    }

    /// The policy's sweep that has started and not ended: asking again while it runs would only list everybody twice.
    async fn running_sweep(&self, policy: &str) -> anyhow::Result<Option<i64>> {
        let last = self.store.last_sweep(policy).await?;
        Ok(last.filter(|sweep| sweep.state == SweepState::Started).map(|sweep| sweep.id))
    }

    async fn answer(&self, user: &str, command: Command) -> anyhow::Result<Result<Card, Text>> {
        let (visible, refusal) = self.visible_policies(user).await;
        if visible.is_empty() {
            return Ok(Err(refusal));
        }
        match command {
            Command::Status => self.status(&visible).await.map(Ok),
            Command::Pending => Ok(Ok(answers::pending(&self.open_requests(&visible).await?))),
            Command::Preview { policy } => {
                let policy = match self.named_policy(policy.as_deref()) {
                    Ok(policy) if visible.iter().any(|seen| seen.name == policy.name) => policy,
                    Ok(_) => return Ok(Err(refusal)),
                    Err(text) => return Ok(Err(text)),
                };
                let now = self.clock.now();
                Ok(match survey(self, policy, now).await {
                    Ok(survey) => Ok(answers::preview(policy, &survey.plan, now)),
                    Err(error) => Err(Text::plain("The preview failed, and nothing was done: ")
                        .quoted(format!("{error:#}"))),
                })
            }
            Command::Why { person } => self.why(&visible, &person).await,
            Command::Audit { person, before } => self.audit(&visible, person, before).await,
            Command::Sweep { .. } => Ok(Err(refusals::broken())),
        }
    }

    /// The policies that the person may ask about, and what to tell them if there is none.
    async fn visible_policies(&self, user: &str) -> (Vec<&Policy>, Text) {
        let mut refusal = refusals::not_allowed("ask that", "the viewers, approvers and admins of a policy");
        let mut visible = Vec::new();
        for policy in &self.policies {
            match people::identify(self, policy, user).await {
                Ok(Known { viewer: true, .. }) => visible.push(policy),
                Ok(Known { viewer: false, .. }) => {}
                Err(stranger) => refusal = refusals::stranger(&stranger),
            }
        }
        (visible, refusal)
    }

    fn named_policy(&self, name: Option<&str>) -> Result<&Policy, Text> {
        let names = self.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ");
        match (name, self.policies.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Text::plain(format!("Which policy? Add one of: {names}."))),
            (Some(name), _) => self.policy(name).ok_or_else(|| {
                Text::plain("There is no policy ").quoted(name).then(format!(". There are: {names}."))
            }),
        }
    }

    async fn status(&self, visible: &[&Policy]) -> anyhow::Result<Card> {
        let now = self.clock.now();
        let open = self.open_requests(visible).await?;
        let mut policies = Vec::new();
        for policy in visible {
            let last = self.store.last_sweep(&policy.name).await?;
            let known = self.store.know_policy(&policy.name, now).await?;
            policies.push(answers::PolicyStatus {
                policy,
                last_sweep: last.map(|sweep| (sweep.started_at, outcome(&sweep))),
                next_slot: schedule::next_slot(&policy.schedule, now),
                live: known.live_rule.is_some_and(|live| policy.rule.only_narrows(&live)),
                open: open.iter().filter(|(request, _)| request.policy == policy.name).cloned().collect(),
            });
        }
        let chat = *self.connection.borrow();
        let identity = lock(&self.runtime.identity_health).clone();
        let health = answers::Health {
            chat,
            identity,
            database: self.store.health().await.map_err(|error| error.to_string()),
        };
        Ok(answers::status(env!("CARGO_PKG_VERSION"), &policies, &health))
    }

    async fn open_requests(&self, visible: &[&Policy]) -> anyhow::Result<Vec<(Request, Option<MessageRef>)>> {
        let mut open = Vec::new();
        for (request, _) in self.store.open_requests(None).await? {
            if visible.iter().any(|policy| policy.name == request.policy) {
                let card = self.store.message(&super::requests::card_key(request.id)).await?;
                open.push((request, card.as_ref().and_then(super::messages::reference)));
            }
        }
        Ok(open)
    }

    async fn why(&self, visible: &[&Policy], person: &str) -> anyhow::Result<Result<Card, Text>> {
        let address = match self.address_of(person).await {
            Ok(address) => address,
            Err(text) => return Ok(Err(text)),
        };
        let now = self.clock.now();
        // The first policy of the account's type speaks; without one, the first policy says why it is not its business.
        let mut found: Option<(&Policy, Account)> = None;
        for policy in visible {
            let accounts = self.identity.find(&address, &policy.rule).await;
            self.note_identity(&accounts);
            let mut accounts = match accounts {
                Ok(accounts) => accounts,
                Err(error) => {
                    return Ok(Err(Text::plain("I can't look that up now: ").quoted(error.to_string())));
                }
            };
            if accounts.len() > 1 {
                let logins =
                    accounts.iter().map(|account| account.login.clone()).collect::<Vec<_>>().join(", ");
                return Ok(Err(
                    Text::plain("Several accounts match; ask with one of these logins: ").quoted(logins)
                ));
            }
            if let Some(account) = accounts.pop() {
                let of_type = account.is_of(&policy.rule.user_type);
                if of_type || found.is_none() {
                    found = Some((policy, account));
                }
                if of_type {
                    break;
                }
            }
        }
        let Some((policy, account)) = found else {
            return Ok(Err(Text::plain(
                "The identity provider has no account with the login, address or id ",
            )
            .quoted(address)
            .then(".")));
        };
        let fresh = self.identity.look(&account.id, &policy.rule, log_since(&policy.rule, now)).await;
        let (account, standing) = match fresh {
            Ok(fresh) => {
                let standing = fresh_standing(self, policy, &fresh).await?;
                (fresh.account, standing)
            }
            Err(error) => {
                return Ok(Err(Text::plain("I can't look that account up now: ").quoted(error.to_string())));
            }
        };
        self.explain(visible, policy, &account, &standing).await.map(Ok)
    }

    async fn explain(
        &self,
        visible: &[&Policy],
        policy: &Policy,
        account: &Account,
        standing: &Standing,
    ) -> anyhow::Result<Card> {
        let now = self.clock.now();
        let waiting = self.store.waiting(vec![account.id.clone()]).await?;
        let query = AuditQuery { account: Some(account.id.0.clone()), ..AuditQuery::latest(WHY_EVENTS) };
        let mut history: Vec<AuditEvent> = self.store.audit(query).await?;
        history.retain(|event| self.may_see(visible, event));
        let why = answers::Why {
            account,
            standing,
            policy,
            assessment: &assess(account, standing, &policy.rule, now),
            waiting_in: waiting.get(&account.id).copied(),
            next_slot: schedule::next_slot(&policy.schedule, now),
            history: &history,
        };
        Ok(answers::why(&why, now))
    }

    async fn audit(
        &self,
        visible: &[&Policy],
        person: Option<String>,
        before: Option<i64>,
    ) -> anyhow::Result<Result<Card, Text>> {
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
        let more_before = events.last().filter(|_| more).map(|event| event.seq);
        events.retain(|event| self.may_see(visible, event));
        Ok(Ok(answers::audit(&events, more_before)))
    }

    /// Whether an event belongs to a policy that the person may ask about; who may see all sees the bot's own too.
    fn may_see(&self, visible: &[&Policy], event: &AuditEvent) -> bool {
        visible.len() == self.policies.len()
            || visible.iter().any(|policy| event.policy.as_ref() == Some(&policy.name))
    }

    /// An `@mention` as that person's e-mail address; anything else as it is.
    async fn address_of(&self, person: &str) -> Result<String, Text> {
        let Some(id) = person.strip_prefix("<@").and_then(|rest| rest.strip_suffix('>')) else {
            // Slack turns an e-mail address into <mailto:a@b|a@b>.
            let bare = person.strip_prefix("<mailto:").and_then(|rest| rest.strip_suffix('>'));
            return Ok(bare.and_then(|rest| rest.split('|').next()).unwrap_or(person).to_owned());
        };
        let id = id.split('|').next().unwrap_or(id);
        match self.chat.user(id).await {
            Ok(user) => user.email.ok_or_else(|| {
                Text::plain(
                    "Slack doesn't tell me that person's e-mail address; ask with their login instead.",
                )
            }),
            Err(error) => {
                Err(Text::plain("I can't look that person up in Slack now: ").quoted(error.to_string()))
            }
        }
    }
}

/// What came of a sweep, as a phrase.
fn outcome(sweep: &SweepRow) -> String {
    match &sweep.state {
        SweepState::Started => "still running".into(),
        SweepState::Failed { error, .. } => format!("failed: {error}"),
        SweepState::Finished { verdict, counts, .. } => match verdict {
            Verdict::NoCandidates => format!("nobody to ask about among {}", counts.population),
            Verdict::Ask => format!("asked about {} of {}", counts.candidates, counts.population),
            Verdict::Preview => format!("previewed {} of {}", counts.candidates, counts.population),
            Verdict::Held(_) => format!("held by a guard, {} candidates", counts.candidates),
            Verdict::Refused(_) => "stopped by a guard".into(),
        },
    }
}

/// Clap's own words, as they are: usage, help, or what was wrong with the nearest valid word.
fn help(error: &clap::Error) -> Card {
    refusals::note(Text::default().with(Span::Code(error.to_string().trim_end().to_owned())))
}
