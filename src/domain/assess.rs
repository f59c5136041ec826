//! The answer to "is this account inactive?", with its reason. Every account gets exactly one answer.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::account::{Account, AccountStatus, Reading};
use super::fold::folded;
use super::policy::Rule;
use super::sighting::{SecondLook, Sign};

/// How far ahead of us a provider's clock may be before a date is called unreadable.
const CLOCK_SKEW_MAX: Duration = Duration::hours(1);

/// What tells us that somebody is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The provider's last sign-in.
    SignIn,
    /// A sign of life in the provider's log.
    LogActivity,
    /// The account was created; nothing has been seen since.
    Created,
    /// The account was activated; nothing has been seen since.
    Activated,
    /// Its status changed (an unsuspension, a password recovery).
    StatusChanged,
    /// We gave it back to its person.
    Restored,
}

/// Since when an account is idle, and what the last sign of life was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idle {
    /// The latest sign of life.
    pub since: DateTime<Utc>,
    pub signal: Signal,
    /// What it was in the log, if it comes from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
    /// The log could be read from then on only, so that a later sign of life may have been missed before: the account is
    /// idle at least since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least_since: Option<DateTime<Utc>>,
}

impl Idle {
    /// Makes the state of an account that is idle since a sign of life after which nothing can have been missed.
    pub fn new(since: DateTime<Utc>, signal: Signal) -> Idle {
        Idle { since, signal, sign: None, at_least_since: None }
    }

    /// Returns since when it is certain that nothing was seen.
    pub fn surely_since(&self) -> DateTime<Utc> {
        self.at_least_since.unwrap_or(self.since)
    }
}

/// What an account is protected by, whatever its activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exemption {
    /// Holds an administrator role in the provider. Can't be overridden.
    AdminRole,
    /// The identity that this bot itself uses. Can't be overridden.
    OwnIdentity,
    /// On the break-glass list. Can't be overridden.
    BreakGlass,
    /// One of the policy's approvers or admins. Can't be overridden.
    Approver,
    /// A person granted an exemption.
    Granted {
        /// The exemption's id.
        id: i64,
        until: DateTime<Utc>,
    },
    /// The login matches this exempt pattern.
    Login(String),
    /// A member of this exempt group.
    Group(String),
    /// A profile attribute says so.
    Attribute {
        /// The attribute's name.
        name: String,
        value: String,
    },
}

/// Which grace period an account is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grace {
    NewAccount,
    /// The account was restored recently.
    Restored,
}

/// Everything that is known of an account beyond its own record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, looked up by itself")]
pub struct Standing {
    /// Holds an administrator role.
    pub admin_role: bool,
    /// Is the bot's own identity.
    pub own_identity: bool,
    /// Belongs to an approver or admin of the policy.
    pub approver: bool,
    /// It does by the e-mail address of its profile alone.
    pub approver_by_email: bool,
    /// The exempt groups (of those that the rule names) that it is in.
    pub exempt_groups: Vec<String>,
    /// The exemption of the policy that is in force: its id and its end.
    pub granted: Option<(i64, DateTime<Utc>)>,
    /// When we last gave it back.
    pub restored_at: Option<DateTime<Utc>>,
    /// What the log said.
    pub second_look: SecondLook,
    /// How late the account's own record may show a sign of life.
    pub evidence_lag: Duration,
}

impl Standing {
    /// An account of which nothing beyond its own record is known.
    pub fn plain() -> Standing {
        Standing {
            admin_role: false,
            own_identity: false,
            approver: false,
            approver_by_email: false,
            exempt_groups: Vec::new(),
            granted: None,
            restored_at: None,
            second_look: SecondLook::NotAsked,
            evidence_lag: Duration::zero(),
        }
    }
}

/// What an approver is shown and what the audit trail keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Since when, by which signal.
    pub idle: Idle,
    /// The last sign-in as the provider gave it (`None`: never).
    pub last_sign_in: Option<DateTime<Utc>>,
    /// What the log said.
    pub second_look: SecondLook,
    /// The rule's period, in seconds; where it counts working days, with the days off that lay in it.
    pub inactive_after_s: i64,
    /// When this was looked up.
    pub looked_at: DateTime<Utc>,
}

/// The one answer for one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assessment {
    /// Not of the policy's user type.
    OtherType(Option<String>),
    /// Left alone, with the reason.
    Exempt(Exemption),
    /// Can't be suspended in this status.
    NotSuspendable(AccountStatus),
    /// Something needed is missing or unreadable: never acted on.
    Unknown(String),
    /// Seen within the period.
    Active(Idle),
    /// Idle, but in a grace period.
    InGrace {
        /// Since when it is idle.
        idle: Idle,
        grace: Grace,
        until: DateTime<Utc>,
    },
    /// Idle longer than the rule allows.
    Candidate(Evidence),
}

/// Judges one account by one rule. Pure: the same input gives the same answer.
///
/// Protections are looked at first and exemptions only ever subtract, so no activity data, however wrong, can make
/// a protected account a candidate. A rule that wants a second look and didn't get one ends in `Unknown`.
pub fn assess(account: &Account, standing: &Standing, rule: &Rule, now: DateTime<Utc>) -> Assessment {
    let idle = match would_be_candidate(account, standing, rule, now) {
        Ok(idle) => idle,
        Err(answer) => return answer,
    };
    if rule.check_sign_in_log {
        match &standing.second_look {
            SecondLook::Nothing { .. } | SecondLook::Seen(_) => {}
            SecondLook::NotAsked => return Assessment::Unknown("the provider's log was not read".into()),
            SecondLook::Failed(why) => {
                return Assessment::Unknown(format!("the provider's log could not be read: {why}"));
            }
        }
    }
    let idle_enough_at = rule.calendar.after(idle.since, rule.inactive_after);
    Assessment::Candidate(Evidence {
        last_sign_in: account.last_sign_in.at(),
        second_look: standing.second_look.clone(),
        inactive_after_s: (idle_enough_at - idle.since).num_seconds(),
        idle,
        looked_at: now,
    })
}

/// Since when the account is idle, if nothing but the log can keep it from being a candidate; otherwise the answer.
fn would_be_candidate(
    account: &Account,
    standing: &Standing,
    rule: &Rule,
    now: DateTime<Utc>,
) -> Result<Idle, Assessment> {
    if !account.is_of(&rule.user_type) {
        return Err(Assessment::OtherType(account.user_type.clone()));
    }
    if let Some(exemption) = exemption(account, standing, rule) {
        return Err(Assessment::Exempt(exemption));
    }
    if account.status != AccountStatus::Active || account.in_transition {
        return Err(Assessment::NotSuspendable(account.status.clone()));
    }
    let idle = idle_since(account, standing, rule, now).map_err(Assessment::Unknown)?;
    // A sign of life that the record doesn't show yet must not be missed.
    if now - standing.evidence_lag < rule.calendar.after(idle.since, rule.inactive_after) {
        return Err(Assessment::Active(idle));
    }
    match grace(account, standing, rule, now) {
        Some((grace, until)) => Err(Assessment::InGrace { idle, grace, until }),
        None => Ok(idle),
    }
}

/// Returns until when an account that is restored at `restored_at` is not proposed, unless its owner is active sooner.
pub fn left_alone_until(restored_at: DateTime<Utc>, rule: &Rule) -> DateTime<Utc> {
    let after = |period| rule.calendar.after(restored_at, period);
    after(rule.inactive_after).max(after(rule.restored_grace))
}

/// The answer for an account that nothing looked up later can change: neither the log, nor when the account was given
/// back. Most of a directory gets it from its own record, as it comes.
pub fn settled(
    account: &Account,
    standing: &Standing,
    rule: &Rule,
    now: DateTime<Utc>,
) -> Option<Assessment> {
    match would_be_candidate(account, standing, rule, now) {
        // A restoration is a later sign of life and may start a grace period: it makes nobody idle.
        Err(
            answer @ (Assessment::OtherType(_)
            | Assessment::Exempt(_)
            | Assessment::NotSuspendable(_)
            | Assessment::Active(_)),
        ) => Some(answer),
        Err(Assessment::Unknown(_) | Assessment::InGrace { .. } | Assessment::Candidate(_)) | Ok(_) => None,
    }
}

/// Whether `account` needs a second look: idle by its own record and by nothing that protects it.
pub fn needs_second_look(account: &Account, standing: &Standing, rule: &Rule, now: DateTime<Utc>) -> bool {
    rule.check_sign_in_log && would_be_candidate(account, standing, rule, now).is_ok()
}

fn exemption(account: &Account, standing: &Standing, rule: &Rule) -> Option<Exemption> {
    if standing.admin_role {
        return Some(Exemption::AdminRole);
    }
    if standing.own_identity {
        return Some(Exemption::OwnIdentity);
    }
    if rule.is_break_glass(account) {
        return Some(Exemption::BreakGlass);
    }
    if standing.approver {
        return Some(Exemption::Approver);
    }
    if let Some((id, until)) = standing.granted {
        return Some(Exemption::Granted { id, until });
    }
    if let Some(pattern) = rule.exempt_logins.iter().find(|pattern| matches_login(account, pattern)) {
        return Some(Exemption::Login(pattern.clone()));
    }
    if let Some(group) = standing.exempt_groups.first() {
        return Some(Exemption::Group(group.clone()));
    }
    rule.exempt_attributes
        .iter()
        .find(|wanted| account.attributes.get(&wanted.name).is_some_and(|value| wanted.exempts(value)))
        .map(|wanted| Exemption::Attribute { name: wanted.name.clone(), value: wanted.value.clone() })
}

fn matches_login(account: &Account, pattern: &str) -> bool {
    let pattern = folded(pattern);
    std::iter::once(&account.login)
        .chain(&account.email)
        .any(|address| matches_pattern(&folded(address), &pattern))
}

/// Whole-text match in which each `*` stands for any text, the empty one included.
fn matches_pattern(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match text.find(part) {
            Some(at) => text = &text[at + part.len()..],
            None => return false,
        }
    }
    text.ends_with(last)
}

fn idle_since(
    account: &Account,
    standing: &Standing,
    rule: &Rule,
    now: DateTime<Utc>,
) -> Result<Idle, String> {
    let Reading::At(created) = &account.created else {
        return Err(unreadable("the creation date", &account.created));
    };
    let mut signs = vec![(*created, Signal::Created)];
    for (reading, what, signal) in [
        (&account.activated, "the activation date", Signal::Activated),
        (&account.status_changed, "the date of the last status change", Signal::StatusChanged),
        (&account.last_sign_in, "the last sign-in", Signal::SignIn),
    ] {
        match reading {
            Reading::At(at) => signs.push((*at, signal)),
            Reading::Never => {}
            Reading::Unreadable(_) => return Err(unreadable(what, reading)),
        }
    }
    let (seen, read_since) = match &standing.second_look {
        SecondLook::NotAsked | SecondLook::Failed(_) => (None, None),
        SecondLook::Nothing { since } => (None, Some(*since)),
        SecondLook::Seen(seen) => (Some(seen), seen.read_since),
    };
    if let Some(seen) = seen {
        signs.push((seen.at, Signal::LogActivity));
    }
    if let Some(at) = standing.restored_at {
        signs.push((at, Signal::Restored));
    }
    if let Some((at, _)) = signs.iter().find(|(at, _)| *at > now + CLOCK_SKEW_MAX) {
        return Err(format!("a date is in the future ({})", at.format("%-d %b %Y")));
    }
    let (since, signal) = signs
        .into_iter()
        .max_by_key(|(at, signal)| (*at, strength(*signal)))
        .expect("the creation date is always there");
    let sign = seen.filter(|_| signal == Signal::LogActivity).and_then(|seen| seen.sign.clone());
    // Without a look at the log the rule goes by the account's own record.
    // Where that is late, and else complete, the log has only the rest to tell.
    let complete_until = if standing.evidence_lag.is_zero() { since } else { now - standing.evidence_lag };
    let at_least_since =
        read_since.filter(|read| rule.check_sign_in_log && *read > since.max(complete_until));
    Ok(Idle { since, signal, sign, at_least_since })
}

/// Of two signs at the same instant the stronger one is named: a sign-in says more than the creation.
fn strength(signal: Signal) -> u8 {
    match signal {
        Signal::Created => 0,
        Signal::StatusChanged => 1,
        Signal::Activated => 2,
        Signal::Restored => 3,
        Signal::LogActivity => 4,
        Signal::SignIn => 5,
    }
}

fn unreadable(what: &str, reading: &Reading) -> String {
    match reading {
        Reading::Unreadable(why) => format!("{what} {why}"),
        Reading::Never | Reading::At(_) => format!("{what} is missing"),
    }
}

fn grace(
    account: &Account,
    standing: &Standing,
    rule: &Rule,
    now: DateTime<Utc>,
) -> Option<(Grace, DateTime<Utc>)> {
    let after = |at, period| rule.calendar.after(at, period);
    let new = account.created.at().map(|at| (Grace::NewAccount, after(at, rule.new_account_grace)));
    let restored = standing.restored_at.map(|at| (Grace::Restored, after(at, rule.restored_grace)));
    [new, restored].into_iter().flatten().filter(|(_, until)| now < *until).max_by_key(|(_, until)| *until)
}
