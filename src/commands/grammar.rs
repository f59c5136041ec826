//! What can be typed. The doc comments of `Command` are the help.

use clap::{Args, CommandFactory, FromArgMatches as _, Parser, Subcommand};

use crate::authz::rights::Role;
use crate::chat::Card;
use crate::commands::tail::Form;
use crate::commands::{mistakes, typed};
use crate::scheduler::Class;

/// Finds inactive contractor accounts, asks for approval here, and suspends what is approved.
#[derive(Debug, Parser)]
#[command(
    no_binary_name = true,
    disable_version_flag = true,
    color = clap::ColorChoice::Never,
    term_width = 80,
)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Show the answer to everybody in this channel; only in the channel of a policy
    #[arg(long, global = true)]
    pub(crate) here: bool,
}

impl Line {
    /// Reads a line as a person types it. `Err` is the answer to a line that can't be read.
    /// `command` is what it begins with, as the help shows it.
    pub(crate) fn typed(text: &str, command: &str) -> Result<Line, Card> {
        let mut grammar = Line::command().bin_name(command);
        let parser = grammar.clone();
        grammar.build();
        let arguments = typed::arguments(text, &grammar).map_err(|mistake| mistakes::said(&mistake))?;
        let parsed = parser.try_get_matches_from(&arguments);
        let read = parsed.and_then(|matches| Line::from_arg_matches(&matches));
        read.map_err(|error| mistakes::answer(&error, &arguments, &grammar))
    }

    /// As a button of an answer carries it: only what changes nothing.
    pub(crate) fn pressed(line: &str) -> Option<(Command, bool)> {
        let line = Line::try_parse_from(line.split_whitespace()).ok().filter(Line::is_question)?;
        Some((line.command?, line.here))
    }

    pub(crate) fn is_question(&self) -> bool {
        self.command.as_ref().is_some_and(|command| command.facts().effect == Effect::Question)
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
pub(crate) enum Command {
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
    /// Explain one account: whether a sweep proposes it, by which rule, and what happened to it earlier
    #[command(after_help = "Examples:\n  why ada@example.com\n  why @ada")]
    Why {
        /// A login, an e-mail address, an Okta id or an @mention
        person: String,
    },
    /// Exempt an account from its policy for a time; you own the exemption
    ///
    /// `leave` is another name of this command.
    ///
    /// Times come first: for 30 days, for two weeks, until friday, until 14 Dec, from 2026-12-20. Without an end it lasts as
    /// long as the policy allows. The reason is the rest of the line. The word because always starts the reason.
    #[command(visible_alias = "leave")]
    #[command(after_help = "Examples:\n  exempt ada@example.com for 30d parental leave cover\n  \
                            exempt @ada until 2026-12-31 on site without Okta\n  \
                            exempt @ada from 2026-12-20 until 2027-01-07 because for the holidays")]
    Exempt {
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
        /// The reason, if you want to give one
        words: Option<String>,
    },
    /// Retry the failed suspensions of a finished request
    #[command(after_help = "Example:\n  retry 7")]
    Retry {
        /// The request's number, as its card shows it
        request: String,
        /// The reason, if you want to give one
        words: Option<String>,
    },
    /// Pause a policy: nobody is suspended and no sweep starts until an admin resumes it; for admins
    ///
    /// You can still deny, withdraw, keep and restore. Without a policy, this pauses every policy that you are an admin
    /// of. A policy's name as the first word means that policy. The rest is the reason. The word because always starts
    /// it.
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
    /// Verify the whole audit trail and report up to which event it is intact
    Verify,
    /// Show the audit trail, newest first: who did what, when, and to which account
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
pub(crate) struct About {
    /// The policy; optional if only one covers accounts of this type
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// A login, an e-mail address, an Okta id or an @mention
    pub(crate) person: String,
    /// Times, if the command takes them, and then the reason: the rest of the line
    pub(crate) words: Option<String>,
}

/// A policy, or the only one.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct Which {
    /// The policy; optional if there is only one
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// The policy, written without --policy
    #[arg(value_name = "NAME")]
    pub(crate) words: Option<String>,
}

/// A policy, or all, and why.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct Stop {
    /// The policy; without it, all that you are an admin of
    #[arg(long)]
    pub(crate) policy: Option<String>,
    /// A policy's name and the reason; you can leave out either
    pub(crate) words: Option<String>,
}

/// What a command is, apart from its arguments.
pub(crate) struct Facts {
    /// The word of the audit trail for it.
    pub(crate) word: &'static str,
    /// The role that it needs.
    pub(crate) role: Role,
    pub(crate) effect: Effect,
    /// What it does, to follow "may".
    pub(crate) what: &'static str,
    /// Whether it is answered about all policies in which the person holds the role.
    pub(crate) is_about_all: bool,
}

/// What a command leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, here or anywhere.
    Question,
    /// A file or a picture for the person, and its record.
    Copy,
    /// A change that is committed before the answer says so.
    Change,
    /// A wish that is committed before it is acknowledged: an acknowledged wish is not lost.
    Wish,
}

impl Effect {
    /// Returns what its look-ups are for: to change something, or only to answer the person.
    pub(crate) fn class(self) -> Class {
        match self {
            Effect::Question | Effect::Copy => Class::Question,
            Effect::Change | Effect::Wish => Class::FreshLook,
        }
    }
}

const ASK_THAT: &str = "ask that";

impl Facts {
    fn new(word: &'static str, role: Role, effect: Effect, what: &'static str) -> Facts {
        Facts { word, role, effect, what, is_about_all: false }
    }

    fn question(word: &'static str) -> Facts {
        Facts::new(word, Role::Viewer, Effect::Question, ASK_THAT)
    }

    fn about_all(self) -> Facts {
        Facts { is_about_all: true, ..self }
    }
}

impl Command {
    /// Returns what the command is, apart from its arguments.
    pub(crate) fn facts(&self) -> Facts {
        use Effect::{Change, Copy, Wish};
        use Role::{Admin, Approver, Viewer};
        match self {
            Command::Status => Facts::question("status").about_all(),
            Command::Preview { .. } => Facts::question("preview"),
            Command::Pending => Facts::question("pending").about_all(),
            Command::Why { .. } => Facts::question("why").about_all(),
            Command::Exemptions => Facts::question("exemptions").about_all(),
            Command::Audit { .. } => Facts::question("audit").about_all(),
            Command::Verify => Facts::question("verify"),
            Command::Sweep { .. } => Facts::new("sweep", Approver, Wish, "start a sweep"),
            Command::Exempt { .. } => Facts::new("exempt", Approver, Change, "exempt an account"),
            Command::Unexempt { .. } => Facts::new("unexempt", Approver, Change, "end an exemption"),
            Command::Restore { .. } => Facts::new("restore", Approver, Change, "restore an account"),
            Command::Withdraw { .. } => Facts::new("withdraw", Approver, Wish, "withdraw a request"),
            Command::Retry { .. } => Facts::new("retry", Approver, Wish, "retry suspensions"),
            // The answer to pausing or resuming all policies names those that were left out.
            Command::Pause { .. } => Facts::new("pause", Admin, Wish, "pause it"),
            Command::Resume { .. } => Facts::new("resume", Admin, Wish, "resume it"),
            Command::Export { .. } => {
                Facts::new("export", Approver, Copy, "export the audit trail").about_all()
            }
            Command::Report { .. } => Facts::new("report", Viewer, Copy, ASK_THAT).about_all(),
            Command::Evidence { .. } => {
                Facts::new("evidence", Approver, Copy, "export the evidence").about_all()
            }
        }
    }

    /// Returns what may follow its fixed words, the policy that an option names, and the rest of the line.
    pub(crate) fn tail(&self) -> Option<(Form, Option<&str>, &str)> {
        let (form, option, words) = match self {
            Command::Sweep { which } => (Form::which("sweep"), &which.policy, &which.words),
            Command::Preview { which, .. } => (Form::which("preview"), &which.policy, &which.words),
            Command::Exempt { about } => (Form::exemption(), &about.policy, &about.words),
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
}
