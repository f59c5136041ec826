//! Exemptions: granted, ended early, listed.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;

use super::super::App;
use super::super::people::{Known, Stranger};
use super::super::wording::{exceptions, history, refusals};
use super::{About, Answer, Asked};
use crate::chat::Text;
use crate::domain::account::Account;
use crate::domain::audit::{Action, Actor, Draft, Subject};
use crate::domain::exemption::{self, End, Granted, Wish};
use crate::domain::policy::Policy;
use crate::domain::when::{self, Misread};
use crate::store::{AuditContext, Exempted};

/// What the words after the person say.
pub(super) struct Said {
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
    pub(super) reason: String,
}

impl App {
    /// Grants an exemption; `leave` wants to know from when on.
    pub(super) async fn exempt(
        &self,
        asked: &Asked<'_>,
        about: &About,
        leave: bool,
    ) -> anyhow::Result<Answer> {
        let (policy, known, account) = match self.concerned(asked, about).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        if !account.is_of(&policy.rule.user_type) {
            return Ok(Err(refusals::other_type()));
        }
        let said = match read_words(&about.words, asked.at, policy.schedule.zone) {
            Ok(said) => said,
            Err(text) => return Ok(Err(text)),
        };
        if leave && said.from.is_none() {
            return Ok(Err(exceptions::leave_needs_a_start()));
        }
        let starts_at = said.from.unwrap_or(asked.at);
        let wish = Wish {
            policy: policy.name.clone(),
            account: Subject { id: account.id.clone(), login: account.login.clone() },
            email: account.email.clone(),
            by: known.voter.person.clone(),
            reason: said.reason,
            starts_at,
            ends_at: said.until.unwrap_or(starts_at.max(asked.at) + policy.exemption_max),
        };
        self.grant(policy, asked.key, wish, asked.at).await
    }

    /// Grants an exemption if it may be, or says why it may not.
    pub(in super::super) async fn grant(
        &self,
        policy: &Policy,
        key: &str,
        wish: Wish,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Answer> {
        if let Err(refusal) = exemption::check(&wish, &policy.own_accounts, policy.exemption_max, now) {
            match refusal {
                exemption::Refusal::OwnAccount => self.note_not_exempted(&wish, "own account").await?,
                exemption::Refusal::NoEmail => self.note_not_exempted(&wish, "no e-mail address").await?,
                // A slip of the pen.
                exemption::Refusal::NoReason
                | exemption::Refusal::ReasonTooLong
                | exemption::Refusal::EndsTooEarly
                | exemption::Refusal::TooLong { .. }
                | exemption::Refusal::StartsTooLate => {}
            }
            return Ok(Err(exceptions::refusal(&refusal)));
        }
        let (Exempted::New(granted) | Exempted::Repeated(granted)) =
            self.store.grant_exemption(key, wish, now).await?;
        self.nudge();
        // It is granted, whether the rest can be said or not. Of another policy's request nobody here hears.
        let waiting = self.waiting_in(&[policy], &granted.account.id).await.unwrap_or_else(|error| {
            let error = format!("{error:#}");
            tracing::error!(
                account = granted.account.id.0,
                error,
                "can't tell who asks about an exempt account"
            );
            None
        });
        Ok(Ok(exceptions::exempted(&granted, waiting, now)))
    }

    async fn note_not_exempted(&self, wish: &Wish, why: &str) -> anyhow::Result<()> {
        let event = Draft {
            at: self.clock.now(),
            actor: Actor::Person(wish.by.clone()),
            action: Action::InputRefused,
            subject: Some(wish.account.clone()),
            detail: serde_json::json!({ "command": "exempt", "why": why }),
        };
        let context = AuditContext { policy: Some(wish.policy.clone()), ..AuditContext::default() };
        self.store.append(context, event).await?;
        Ok(())
    }

    /// Ends the account's exemptions.
    pub(super) async fn unexempt(&self, asked: &Asked<'_>, about: &About) -> anyhow::Result<Answer> {
        let (policy, known, account) = match self.concerned(asked, about).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        // One whose type was changed since may still be exempt.
        let granted = self.store.exemptions_of(&account.id).await?;
        if !has_open(&granted, &policy.name, asked.at) && !account.is_of(&policy.rule.user_type) {
            return Ok(Err(refusals::other_type()));
        }
        let reason = Some(about.words.join(" ")).filter(|reason| !reason.is_empty());
        if reason.as_deref().is_some_and(exemption::is_too_long) {
            return Ok(Err(exceptions::refusal(&exemption::Refusal::ReasonTooLong)));
        }
        let end = End::Lifted { by: known.voter.person.clone(), reason };
        let lifted = self.store.lift_exemptions(&policy.name, &account.id, end, asked.at).await?;
        self.nudge();
        Ok(Ok(exceptions::lifted(&account, policy, &lifted)))
    }

    /// Lists the exemptions that have not ended.
    pub(super) async fn exemptions(&self, policies: &[&Policy]) -> anyhow::Result<Answer> {
        let names = policies.iter().map(|policy| policy.name.clone()).collect();
        let now = self.clock.now();
        let open = self.store.open_exemptions(names, now).await?;
        Ok(Ok(exceptions::list(&open, now)))
    }

    /// The account that a command is about, with the policy that is concerned: the named one, or the one whose type the
    /// account has.
    pub(super) async fn concerned<'a, 'b>(
        &self,
        asked: &'b Asked<'a>,
        about: &About,
    ) -> anyhow::Result<Result<(&'a Policy, &'b Known, Account), Text>> {
        let wanted = about.policy.as_deref();
        let policies = match wanted {
            Some(name) => match asked.policy(self, Some(name)) {
                Ok((policy, _)) => vec![policy],
                Err(text) => return Ok(Err(text)),
            },
            None => asked.policies(),
        };
        let (policy, account) = match self.account_of(&policies, &about.person).await? {
            Ok(found) => found,
            Err(text) => return Ok(Err(text)),
        };
        let of_type = |policy: &&&Policy| account.is_of(&policy.rule.user_type);
        let unsure = asked.unsure.iter().find(|(unsure, _)| wanted.is_none() && of_type(&unsure));
        if let Some((_, why)) = unsure {
            // That policy may have been meant, and nobody can tell now.
            return Ok(Err(refusals::stranger(&Stranger::CantTell(why.clone()))));
        }
        if wanted.is_none() && policies.iter().filter(of_type).count() > 1 {
            let names: Vec<&str> =
                policies.iter().filter(of_type).map(|policy| policy.name.as_str()).collect();
            return Ok(Err(refusals::which_policy(&names)));
        }
        Ok(asked.policy(self, Some(&policy.name)).map(|(policy, known)| (policy, known, account)))
    }
}

/// Whether one of these exemptions, of this policy, has not ended.
fn has_open(granted: &[Granted], policy: &str, now: DateTime<Utc>) -> bool {
    granted.iter().any(|one| one.policy == policy && one.is_open(now))
}

/// Reads "from … until … reason" in any order of the times, which come before the reason.
pub(super) fn read_words(words: &[String], now: DateTime<Utc>, zone: Tz) -> Result<Said, Text> {
    let (mut from, mut until, mut lasts) = (None, None, None);
    let mut rest = words;
    while let [keyword, value, ..] = rest {
        let count = when::date_words(&rest[1..], zone, now).max(1);
        let text = rest[1..=count].join(" ");
        match keyword.to_lowercase().as_str() {
            // "for parental leave" is a reason, "for 30d" a time.
            "for" if !value.starts_with(|c: char| c.is_ascii_digit()) => break,
            "for" => lasts = Some(length(value)?),
            "until" | "till" => {
                until = Some(when::ending(&text, zone, now).map_err(|misread| not_a_day(&misread))?);
            }
            "from" => {
                from = Some(when::beginning(&text, zone, now).map_err(|misread| not_a_day(&misread))?);
            }
            _ => break,
        }
        rest = &rest[1 + count..];
    }
    // Of two ends the one that was said counts; a length begins when the exemption does.
    let until = until.or(lasts.map(|lasts| from.unwrap_or(now) + lasts));
    Ok(Said { from, until, reason: rest.join(" ") })
}

fn length(word: &str) -> Result<Duration, Text> {
    when::length(word).map(Duration::days).ok_or_else(|| exceptions::not_a_length(word))
}

fn not_a_day(misread: &Misread) -> Text {
    match misread {
        Misread::NotUnderstood(text) => exceptions::not_a_day(text),
        Misread::NotInCalendar(_) | Misread::InFuture(_) | Misread::Backwards(_) => history::misread(misread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::AccountId;
    use crate::domain::audit::Person;

    fn read(line: &str) -> Result<(Option<String>, Option<String>, String), String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let now = "2026-10-14T12:00:00Z".parse().expect("a time");
        let time = |at: DateTime<Utc>| at.format("%Y-%m-%d %H:%M").to_string();
        let said = read_words(&words, now, Tz::UTC).map_err(|text| text.to_plain())?;
        Ok((said.from.map(time), said.until.map(time), said.reason))
    }

    #[test]
    fn an_exemption_counts_for_its_policy_until_it_ends() {
        let now: DateTime<Utc> = "2026-10-14T12:00:00Z".parse().expect("a time");
        let account = Subject { id: AccountId("00u1".to_owned()), login: "ada".to_owned() };
        let granted = |policy: &str, days| Granted {
            id: 1,
            policy: policy.to_owned(),
            account: account.clone(),
            by: Person { id: "U1".to_owned(), name: "Ann".to_owned(), email: None },
            reason: String::new(),
            granted_at: now - Duration::days(9),
            starts_at: now - Duration::days(9),
            ends_at: now + Duration::days(days),
            end: None,
        };
        assert!(has_open(&[granted("q", 1), granted("p", 1)], "p", now));
        assert!(!has_open(&[granted("q", 1), granted("p", -1)], "p", now));
    }

    #[test]
    fn times_come_before_the_reason_in_any_order() {
        let said = |from: Option<&str>, until: Option<&str>, reason: &str| {
            Ok((from.map(str::to_owned), until.map(str::to_owned), reason.to_owned()))
        };
        assert_eq!(read("for 30d on leave"), said(None, Some("2026-11-13 12:00"), "on leave"));
        assert_eq!(read("for parental leave"), said(None, None, "for parental leave"));
        assert_eq!(read("until 2026-12-31 for 30d people"), said(None, Some("2027-01-01 00:00"), "people"));
        assert_eq!(
            read("for 30d from 2026-12-20 holidays"),
            said(Some("2026-12-20 00:00"), Some("2027-01-19 00:00"), "holidays")
        );
        assert_eq!(read("until end of year shut down"), said(None, Some("2027-01-01 00:00"), "shut down"));
        assert_eq!(
            read("from tomorrow until 2026-12 on site"),
            said(Some("2026-10-15 00:00"), Some("2027-01-01 00:00"), "on site")
        );
        assert_eq!(read("until"), said(None, None, "until"));
        for (line, says) in [
            ("until friday off", "I can't read friday as a day"),
            ("until 2026-02-30 off", "The calendar has no 2026-02-30."),
            ("until +262142-12-31 off", "as a day"),
            ("for 999999999d off", "as a length of time"),
            ("for 3x off", "as a length of time"),
        ] {
            let error = read(line).expect_err(line);
            assert!(
                error.contains(says) && error.contains("Nothing was changed") || error.contains("calendar"),
                "{error}"
            );
        }
    }
}
