//! Every sentence the bot says, as pure functions of values: plain, short, and the same thing named the same way.
//!
//! "Approve" means "suspend" here, so buttons and sentences name the effect. Text from a directory or a person is
//! always a [`Span::Quoted`]. The summary of each card is a sentence that stands alone, because notifications and
//! screen readers get nothing else.
//!
//! A [`Span::Time`] has no "on" or "at" before it, because Slack shows it as "today at 9:20" where it can. "By", "until",
//! "since" and "from" fit both forms, and so does a comma.

pub mod actions;
pub mod answers;
pub mod before;
pub mod blocked;
mod buttons;
pub mod card;
pub mod card_view;
pub mod days_off;
pub mod deciders;
pub mod digest;
pub mod drift;
pub mod events;
pub mod exemptions;
pub mod history;
pub mod home;
pub mod layout;
pub mod lineage;
pub mod mistakes;
pub mod notices;
pub mod outreach;
pub mod pauses;
pub mod refusals;
pub mod review_dialog;
pub mod row_menu;
mod small_print;

use chrono::{DateTime, Utc};

use crate::chat::{Span, Text};
use crate::domain::account::{Account, AccountStatus, NotSuspendable};
use crate::domain::assess::{Assessment, Exemption, Grace, Idle, Signal};
use crate::domain::attempt::{Attempt, Confirmation, Dropped, RetryState, Sessions, Unproven};
use crate::domain::audit::Person;
use crate::domain::calendar::Period;
use crate::domain::candidate::{Candidate, CandidateState, Skip};
use crate::domain::plan::Guard;
use crate::domain::policy::Rule;
use crate::domain::request::Decision;
use crate::domain::sighting::{Sign, Way};
use crate::domain::snapshot::CandidateSnapshot;
use crate::identity::Terms;
use crate::identity::watched::Problem;
use crate::wording::layout::cut;

/// "1 account", "12 accounts".
pub fn accounts(count: usize) -> String {
    counted(count, "account", "accounts")
}

/// Returns "1 sweep", "2 sweeps".
pub fn counted(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// "12 accounts have been pending for up to 9 sweeps.", if sweeps before this one proposed any of them.
pub fn backlog<'a>(candidates: impl Iterator<Item = &'a Candidate>) -> Option<String> {
    let sweeps: Vec<u32> =
        candidates.map(|candidate| candidate.shown.pending_sweeps).filter(|sweeps| *sweeps > 0).collect();
    let most = *sweeps.iter().max()?;
    let accounts = counted(sweeps.len(), "account has", "accounts have");
    let up_to = if sweeps.iter().all(|sweeps| *sweeps == most) { "" } else { "up to " };
    Some(format!("{accounts} been pending for {up_to}{}.", counted(most as usize, "sweep", "sweeps")))
}

/// "41 days", "1 day", "5 hours": whole units, rounded down.
pub fn span_of_time(duration: chrono::Duration) -> String {
    let (days, hours, minutes) = (duration.num_days(), duration.num_hours(), duration.num_minutes());
    let unit = |count: i64, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    if days > 0 {
        unit(days, "day")
    } else if hours > 0 {
        unit(hours, "hour")
    } else if minutes > 0 {
        unit(minutes, "minute")
    } else {
        unit(duration.num_seconds().max(0), "second")
    }
}

/// "7 days", "7 working days", "12 hours".
pub fn period(period: Period) -> String {
    match period {
        Period::Time(duration) => span_of_time(duration),
        Period::WorkingDays(days) => counted(days as usize, "working day", "working days"),
    }
}

/// "active accounts of type contractor with no activity for 7 days".
pub fn rule_in_words(rule: &Rule) -> Text {
    Text::plain("active accounts of type ")
        .quoted(rule.user_type.to_string())
        .then(format!(" with no activity for {}", period(rule.inactive_after)))
}

/// "idle 41 days, last sign-in 13 Oct"; where the rule counts working days, "idle 9 days (5 working days), …".
pub fn idle_in_words(
    idle: &Idle,
    last_sign_in: Option<DateTime<Utc>>,
    rule: &Rule,
    now: DateTime<Utc>,
) -> Text {
    let time = idle_for(idle, now);
    let days = if rule.inactive_after.counts_working_days() {
        let worked = rule.calendar.working_days_between(idle.surely_since(), now);
        let worked = counted(usize::try_from(worked).unwrap_or_default(), "working day", "working days");
        format!("idle {time} ({worked}), ")
    } else {
        format!("idle {time}, ")
    };
    let sign = match idle.signal {
        Signal::SignIn => "last sign-in ",
        Signal::LogActivity => {
            return Text::plain(days + "last ")
                .and(sign_in_words(idle.sign.as_ref()))
                .then(" ")
                .with(Span::Date(idle.since));
        }
        Signal::Created if last_sign_in.is_none() => "never signed in, created ",
        Signal::Created => "created ",
        Signal::Activated if last_sign_in.is_none() => "never signed in, activated ",
        Signal::Activated => "activated ",
        Signal::StatusChanged if last_sign_in.is_none() => "never signed in, status changed ",
        Signal::StatusChanged => "status last changed ",
        Signal::Restored => "restored ",
    };
    Text::plain(days + sign).with(Span::Date(idle.since))
}

/// Returns "41 days", or "at least 90 days" where the log could be read no further back.
pub(crate) fn idle_for(idle: &Idle, now: DateTime<Utc>) -> String {
    let time = span_of_time(now - idle.surely_since());
    if idle.at_least_since.is_some() { format!("at least {time}") } else { time }
}

/// Says what somebody did, after "last" or before "meanwhile": "signed in over RADIUS ("VPN")".
fn sign_in_words(sign: Option<&Sign>) -> Text {
    let Some(sign) = sign else { return Text::plain("used an app") };
    let text = Text::plain(match sign.way {
        Way::SignedIn => "signed in",
        Way::Directory => "signed in with a directory password",
        Way::Radius => "signed in over RADIUS",
        Way::Computer => "signed in from a computer",
        Way::Federated => "signed in through another identity provider",
        Way::Verified => "verified their identity",
        Way::App => "used an app",
        Way::Token => "used an app with a token",
        Way::OwnAccount => "changed their own account",
    });
    match &sign.app {
        Some(app) => text.then(" (").quoted(layout::short(app)).then(")"),
        None => text,
    }
}

/// The name with the login, or the login alone where there is no name.
pub fn who(name: &str, login: &str) -> Text {
    if name.trim().is_empty() || name == login {
        Text::default().login_as_name(login)
    } else {
        Text::default().with(Span::Name(name.to_owned())).then(" (").login(login).then(")")
    }
}

pub(crate) fn shown_who(shown: &CandidateSnapshot) -> Text {
    who(&shown.name, &shown.login)
}

/// The organisation and the manager, as far as the profile names them.
pub(crate) fn belongs_to(shown: &CandidateSnapshot) -> Text {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.trim().is_empty());
    let mut text = Text::default();
    if let Some(organization) = named(&shown.organization) {
        text = text.then(" · ").quoted(organization);
    }
    if let Some(manager) = named(&shown.manager) {
        text = text.then(" · manager ").quoted(manager);
    }
    text
}

pub(crate) fn account_who(account: &Account) -> Text {
    who(&account.name, &account.login)
}

/// Offers what may have been meant.
pub(crate) fn did_you_mean(text: Text, nearest: Option<impl Into<String>>) -> Text {
    match nearest {
        Some(nearest) => text.then(" Did you mean ").with(Span::Code(nearest.into())).then("?"),
        None => text,
    }
}

/// A mention of a person who decided something.
pub fn mention(person: &Person) -> Text {
    Text::default().with(Span::Mention { id: person.id.clone(), name: person.name.clone() })
}

/// Who decided: two people where it took two.
pub(crate) fn by_both(first: Option<&Decision>, decision: &Decision) -> Text {
    match first {
        Some(first) => mention(&first.by).then(" and ").and(mention(&decision.by)),
        None => mention(&decision.by),
    }
}

/// Says until when a restored account is left alone.
pub(crate) fn restored_until(left_alone_until: DateTime<Utc>) -> Text {
    Text::plain(" The policy then leaves the account alone until ")
        .with(Span::Time(left_alone_until))
        .then(", unless its owner is active sooner.")
}

/// What an assessment means, as a sentence without its subject: "is active: …".
pub fn assessment_in_words(assessment: &Assessment, rule: &Rule, now: DateTime<Utc>) -> Text {
    match assessment {
        Assessment::OtherType(found) => match found {
            Some(found) => Text::plain("is of another user type: ").quoted(found),
            None => Text::plain("has no user type"),
        },
        Assessment::Exempt(exemption) => exemption_in_words(exemption),
        Assessment::NotSuspendable(status) => not_suspendable(status),
        Assessment::Unknown(why) => Text::plain("can't be judged: ").quoted(why),
        Assessment::Active(idle) => Text::plain("is active: ")
            .and(idle_in_words(idle, Some(now), rule, now))
            .then(format!(". The rule proposes accounts after {}", period(rule.inactive_after))),
        Assessment::InGrace { idle, grace, until } => {
            let grace = match grace {
                Grace::NewAccount => "but the account is new and is left alone until ",
                Grace::Restored => "but the account was restored and is left alone until ",
            };
            Text::plain("is ")
                .and(idle_in_words(idle, Some(now), rule, now))
                .then(format!(", {grace}"))
                .with(Span::Time(*until))
        }
        Assessment::Candidate(evidence) => Text::plain("is inactive: ")
            .and(idle_in_words(&evidence.idle, evidence.last_sign_in, rule, now))
            .then(format!("; the limit is {}", period(rule.inactive_after))),
    }
}

/// Says why an account in this status can't be suspended.
fn not_suspendable(status: &AccountStatus) -> Text {
    let (why, word) = match status {
        AccountStatus::Suspended => return Text::plain("is already suspended"),
        // The provider is about to change the status.
        AccountStatus::Active => return Text::plain("is changing its status just now"),
        AccountStatus::NotSuspendable { why, word } => (why, word),
    };
    match why {
        NotSuspendable::Deactivated => Text::plain("is deactivated, so there is nothing to suspend"),
        NotSuspendable::NotActivated => {
            Text::plain("has not been activated yet, and only active accounts are suspended")
        }
        NotSuspendable::Synced => Text::plain(
            "comes from another directory, such as an on-premises Active Directory, and has to be suspended there",
        ),
        NotSuspendable::Restricted => Text::plain(
            "is in a restricted management administrative unit, where only its own administrators may suspend it",
        ),
        NotSuspendable::Agent => Text::plain("belongs to an AI agent and to no person"),
        NotSuspendable::NeedsReset | NotSuspendable::Unknown => Text::plain("has the status ")
            .with(Span::Code(word.clone()))
            .then(", and only active accounts are suspended"),
    }
}

/// The last moment before an end. A day that is kept to its end ends at the next midnight, so the moment before is
/// what names the right day. Every zone's midnight is at a quarter of an hour.
pub fn last_moment(ends_at: DateTime<Utc>) -> DateTime<Utc> {
    if ends_at.timestamp() % 900 == 0 { ends_at - chrono::Duration::seconds(1) } else { ends_at }
}

fn exemption_in_words(exemption: &Exemption) -> Text {
    match exemption {
        Exemption::AdminRole => Text::plain("is protected: it has an administrator role"),
        Exemption::OwnIdentity => Text::plain("is protected: it is the account that this bot itself uses"),
        Exemption::BreakGlass => Text::plain("is protected: it is on the break-glass list"),
        Exemption::Approver => Text::plain("is protected: it belongs to one of the policy's approvers"),
        Exemption::Granted { id, until } => {
            Text::plain(format!("is exempt (exemption {id}) until ")).with(Span::Time(last_moment(*until)))
        }
        Exemption::Login(pattern) => {
            Text::plain("is exempt: its login matches ").with(Span::Code(pattern.clone()))
        }
        Exemption::Group(group) => {
            Text::plain("is exempt: a member of group ").with(Span::Code(group.clone()))
        }
        Exemption::Attribute { name, value } => {
            Text::plain("is exempt: ").with(Span::Code(name.clone())).then(" is ").quoted(value)
        }
    }
}

/// The outcome of a candidate, as a phrase: "suspended", "left alone: …".
pub fn outcome_in_words(candidate: &Candidate, rule: &Rule, now: DateTime<Utc>) -> Text {
    match &candidate.state {
        CandidateState::Previewed => Text::plain("would be proposed"),
        CandidateState::Proposed => Text::plain("proposed"),
        CandidateState::Kept { by, until: None } => Text::plain("kept active by ").and(mention(by)),
        CandidateState::Kept { by, until: Some(until) } => {
            Text::plain("kept until ").with(Span::Time(last_moment(*until))).then(" by ").and(mention(by))
        }
        CandidateState::Dropped => Text::plain("left alone"),
        CandidateState::Due(Attempt { attempts: 0, .. }) => Text::plain("to be suspended"),
        CandidateState::Due(Attempt { attempts, .. }) => {
            Text::plain(format!("being suspended, try {attempts}"))
        }
        CandidateState::Suspended { at, confirmation, sessions } => {
            let confirmed = match confirmation {
                Confirmation::ByCall => "",
                Confirmation::ByReading => ", confirmed by reading the account again",
            };
            let text = Text::plain("suspended ").with(Span::Time(*at)).then(confirmed);
            text.and(sessions_in_words(sessions))
        }
        CandidateState::Skipped { why, error, .. } => {
            let text = Text::plain("left alone: ").and(skip_in_words(why, rule, now));
            match error {
                Some(error) => text.then(". The last error: ").quoted(error),
                None => text,
            }
        }
        CandidateState::Failed { error, attempts: 0, .. } => Text::plain("NOT suspended: ").quoted(error),
        CandidateState::Failed { error, attempts, .. } => Text::plain(format!(
            "NOT suspended, failed after {}: ",
            counted(*attempts as usize, "try", "tries")
        ))
        .quoted(error),
    }
}

/// The outcome for the sessions of a suspended account, as the end of a phrase.
fn sessions_in_words(sessions: &Sessions) -> Text {
    let text = Text::plain("; its sessions ");
    match sessions {
        Sessions::Left => Text::default(),
        Sessions::Due(Attempt { trouble: RetryState { error: Some(error), .. }, .. }) => {
            text.then("have not been ended yet, because of an error: ").quoted(cut(error))
        }
        Sessions::Due { .. } => text.then("are being ended"),
        Sessions::Cleared { .. } => text.then("were ended"),
        Sessions::Dropped { why: Dropped::NotSuspended(_), .. } => {
            text.then("were left alone: the account is no longer suspended")
        }
        Sessions::Dropped { why: Dropped::SignsInElsewhere, .. } => {
            text.then("were left alone: a guest signs in elsewhere, and has them there")
        }
        Sessions::Dropped { why: Dropped::Gone, .. } => {
            text.then("were left alone: the account no longer exists")
        }
        Sessions::Dropped { why: Dropped::NotWanted, .. } => {
            text.then("were left alone: the policy no longer asks for it")
        }
        Sessions::Dropped { why: Dropped::Unproven, .. } => {
            text.then("were left alone: the audit trail has no record of the suspension")
        }
        Sessions::Dropped { why: Dropped::Superseded, .. } => {
            text.then("were left alone: that was approved before the bot's database was restored")
        }
        Sessions::Failed { error, unclear: true, .. } => text.then("may NOT have ended: ").quoted(cut(error)),
        Sessions::Failed { error, unclear: false, .. } => text.then("were NOT ended: ").quoted(cut(error)),
    }
}

/// "signed in meanwhile, 23 Nov 2026, 09:25 UTC".
fn seen_meanwhile(idle: &Idle) -> Text {
    let seen = match idle.signal {
        Signal::SignIn => Text::plain("signed in"),
        Signal::LogActivity => sign_in_words(idle.sign.as_ref()),
        Signal::Created | Signal::Activated | Signal::StatusChanged | Signal::Restored => {
            Text::plain("changed")
        }
    };
    seen.then(" meanwhile, ").with(Span::Time(idle.since))
}

fn skip_in_words(why: &Skip, rule: &Rule, now: DateTime<Utc>) -> Text {
    match why {
        Skip::NoLongerMatches(Assessment::Active(idle)) => seen_meanwhile(idle),
        Skip::NoLongerMatches(assessment) => {
            Text::plain("it ").and(assessment_in_words(assessment, rule, now))
        }
        Skip::Gone => Text::plain("the account no longer exists"),
        Skip::AlreadySuspended => Text::plain("somebody else had already suspended it"),
        Skip::ChangedByOthers => Text::plain("somebody else changed its status after the first try"),
        Skip::ApprovalTooOld => Text::plain("the approval was too old to execute; sweep again"),
        Skip::OwnAccount => Text::plain("nobody decides about their own account"),
        Skip::PolicyGone => Text::plain("its policy is no longer in the configuration"),
        Skip::Superseded => Text::plain("that was approved before the bot's database was restored"),
        Skip::Unproven(what) => {
            let what = match what {
                Unproven::Decision => "an approval",
                Unproven::Selection => "an approval of this account",
            };
            Text::plain(format!(
                "the audit trail has no record of {what}. Somebody changed the database by hand, so keep the file as \
                 evidence"
            ))
        }
    }
}

/// Says what is wrong with this machine's clock, and how to fix it.
fn clock_off(ahead_s: i64, terms: Terms) -> String {
    let minutes = usize::try_from((ahead_s.unsigned_abs() + 30) / 60).unwrap_or(usize::MAX);
    let way = if ahead_s > 0 { "ahead of" } else { "behind" };
    format!(
        "This machine's clock is {} {way} {}'s, so nobody can tell how long an account has been idle. Correct it, \
         keep it correct with NTP, and sweep again.",
        counted(minutes, "minute", "minutes"),
        terms.name
    )
}

/// What is wrong with the identity provider, in words.
pub fn problem_in_words(problem: &Problem, terms: Terms) -> String {
    match problem {
        Problem::Clock(guard) => guard_in_words(guard, terms).to_plain(),
        Problem::Answer(error) => error.to_string(),
    }
}

/// What a guard saw, as a sentence.
pub fn guard_in_words(guard: &Guard, terms: Terms) -> Text {
    let called = terms.name;
    match guard {
        Guard::NobodyOfType { user_type } => Text::plain(format!("{called} has no account of type "))
            .quoted(user_type.to_string())
            .then(". The type may be misspelt: check ")
            .with(Span::Code("user_type".into()))
            .then(" in the configuration."),
        Guard::MostlyUnknown { unknown, population } => Text::plain(format!(
            "{unknown} of {population} accounts could not be judged, so the data can't be trusted."
        )),
        Guard::FarFewer { now, before } => Text::plain(format!(
            "{called} listed only {}; the previous sweep had {before}. The list may be incomplete.",
            accounts(*now as usize)
        )),
        Guard::TooMany { candidates, max } => Text::plain(format!(
            "{} inactive; this policy allows {max} (",
            counted(*candidates as usize, "account is", "accounts are")
        ))
        .with(Span::Code("max_candidates".into()))
        .then(")."),
        Guard::TooLargeAShare { candidates, population, max_percent } => Text::plain(format!(
            "{candidates} of {} are inactive; this policy allows {max_percent} % (",
            accounts(*population as usize)
        ))
        .with(Span::Code("max_share".into()))
        .then(")."),
        Guard::ClockOff { ahead_s } => Text::plain(clock_off(*ahead_s, terms)),
        Guard::Surge { candidates, median } => Text::plain(format!(
            "{} inactive, many more than usual (the median of recent sweeps is {median}).",
            counted(*candidates as usize, "account is", "accounts are")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::bench::{policy, shown};

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + chrono::Duration::days(day)
    }

    fn waiting_for(pending_sweeps: u32) -> Candidate {
        let shown = CandidateSnapshot { pending_sweeps, ..shown(at(41)) };
        Candidate { position: 0, shown, state: CandidateState::Proposed }
    }

    #[test]
    fn a_span_of_time_is_said_in_its_largest_whole_unit() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (3_599, "59 minutes"),
            (3_600, "1 hour"),
            (86_399, "23 hours"),
            (86_400, "1 day"),
            (3 * 86_400 - 1, "2 days"),
        ] {
            assert_eq!(span_of_time(chrono::Duration::seconds(seconds)), said);
        }
    }

    #[test]
    fn an_end_at_midnight_names_the_day_that_it_ends() {
        assert_eq!(crate::chat::time_in_words(last_moment(at(41))), "10 Feb 1970, 23:59 UTC");
        let later = at(41) + chrono::Duration::seconds(1);
        assert_eq!(last_moment(later), later);
    }

    #[test]
    fn a_backlog_says_up_to_only_where_some_wait_for_less() {
        let said = |sweeps: &[u32]| {
            let all: Vec<Candidate> = sweeps.iter().copied().map(waiting_for).collect();
            backlog(all.iter())
        };
        assert_eq!(said(&[0]), None);
        assert_eq!(said(&[3, 0]).as_deref(), Some("1 account has been pending for 3 sweeps."));
        assert_eq!(said(&[9, 9]).as_deref(), Some("2 accounts have been pending for 9 sweeps."));
        assert_eq!(said(&[9, 2]).as_deref(), Some("2 accounts have been pending for up to 9 sweeps."));
    }

    #[test]
    fn each_way_of_being_there_has_its_words_and_a_bound_is_said() {
        let said = |way, app: Option<&str>, at_least_since| {
            let sign = Sign { way, event: "event".into(), app: app.map(str::to_owned) };
            let idle = Idle { sign: Some(sign), at_least_since, ..Idle::new(at(0), Signal::LogActivity) };
            idle_in_words(&idle, None, &policy().rule, at(41)).to_plain()
        };
        for (way, words) in [
            (Way::SignedIn, "last signed in "),
            (Way::Directory, "last signed in with a directory password "),
            (Way::Radius, "last signed in over RADIUS "),
            (Way::Computer, "last signed in from a computer "),
            (Way::Federated, "last signed in through another identity provider "),
            (Way::Verified, "last verified their identity "),
            (Way::App, "last used an app "),
            (Way::Token, "last used an app with a token "),
            (Way::OwnAccount, "last changed their own account "),
        ] {
            let plain = said(way, None, None);
            assert!(plain.starts_with(&format!("idle 41 days, {words}")), "{plain}");
            assert!(said(way, Some("VPN"), None).contains("VPN"));
        }
        let bounded = said(Way::App, None, Some(at(11)));
        assert!(bounded.starts_with("idle at least 30 days, last used an app "), "{bounded}");
    }

    #[test]
    fn only_of_who_never_signed_in_it_is_said() {
        let rule = policy().rule;
        for (signal, never, once) in [
            (Signal::Created, "never signed in, created", "created"),
            (Signal::Activated, "never signed in, activated", "activated"),
            (Signal::StatusChanged, "never signed in, status changed", "status last changed"),
        ] {
            let said = |last| {
                let idle = Idle::new(at(0), signal);
                idle_in_words(&idle, last, &rule, at(41)).to_plain()
            };
            assert!(said(None).starts_with(&format!("idle 41 days, {never} ")), "{}", said(None));
            assert!(
                said(Some(at(0))).starts_with(&format!("idle 41 days, {once} ")),
                "{}",
                said(Some(at(0)))
            );
        }
    }
}
