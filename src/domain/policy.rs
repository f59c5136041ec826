//! A policy: which accounts, inactive after how long, asked where, decided by which people, within which limits.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::account::{Account, UserType};
use super::audit::{Person, Subject};
use super::calendar::{Calendar, Period};
use super::fold::same;
use super::hash::hex;
use super::ids::PolicyName;
use super::provider::ProviderName;
use super::settings::{self, Limits, People, Reminders, Schedule};
use super::template::Outreach;

/// A policy as the configuration states it, already validated.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Unique among the policies; the word that commands and messages use.
    pub name: PolicyName,
    /// Who becomes a candidate. Changing it makes the next sweep a preview.
    pub rule: Rule,
    /// When the sweep runs.
    pub schedule: Schedule,
    /// The channel's id where the policy asks and reports.
    pub channel: String,
    /// Who may decide.
    pub approvers: People,
    /// Who may also go live, release a held sweep or withdraw a request.
    pub admins: People,
    /// Who may run read-only commands.
    pub viewers: People,
    /// Accounts of people whose address in the chat system is another one.
    pub account_owners: AccountOwners,
    /// How many different people have to approve before anybody is suspended: 1 or 2.
    pub approvals_needed: u32,
    /// The people that it notifies if nobody answers.
    pub silence: Reminders,
    /// How long a request waits for an answer, counted from the posting of its card.
    pub approval_timeout: Duration,
    /// How long after the decision a suspension may still be carried out.
    pub execute_within: Duration,
    /// How old a missed slot may be and still run.
    pub catch_up: Duration,
    /// The brakes.
    pub limits: Limits,
    /// Whether the first sweep of a rule only shows its list.
    pub preview_first: bool,
    /// Whether a sweep without candidates posts one line.
    pub announce_no_candidates: bool,
    /// Whether sessions and tokens are cleared after a suspension.
    pub clear_sessions: bool,
    /// The longest that an exemption which a person grants may be.
    pub exemption_max: Duration,
    /// How long before its end an exemption is announced in the channel.
    pub exemption_notice: Duration,
    /// Who else is asked about the accounts that are proposed.
    pub ask: Outreach,
    /// When the channel gets a summary, if it does.
    pub digest: Option<settings::Digest>,
    /// How long after a suspension the finished card offers to take it back.
    pub restore_button_for: Duration,
    /// For how long a suspended account is looked at again, in case others bring it back. `None`: not at all.
    pub drift_watch: Option<Duration>,
}

/// The accounts of people as the configuration names them: for each person's id in the chat system the logins,
/// addresses or ids of accounts that are theirs as well.
pub type AccountOwners = BTreeMap<String, BTreeSet<String>>;

/// Whether the account, with its address, is the person's own: by their address, or because the configuration says so.
/// The only place that says.
pub fn is_own_account(
    account_owners: &AccountOwners,
    person: &Person,
    account: &Subject,
    email: Option<&str>,
) -> bool {
    let names = [Some(account.id.0.as_str()), Some(account.login.as_str()), email];
    let is_named = |own: &String| names.iter().flatten().any(|name| same(name, own));
    person.ids().filter_map(|id| account_owners.get(id)).flatten().chain(&person.email).any(is_named)
}

/// What "keep" means where no end is asked for.
pub const KEPT_FOR: Duration = Duration::days(30);

impl Policy {
    /// For how long a person keeps an account without saying until when.
    pub fn kept_for(&self) -> Duration {
        KEPT_FOR.min(self.exemption_max)
    }

    /// The moment at which a day ends in the policy's zone. `None` beyond the calendar.
    pub fn end_of_day(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        start_of_day(day.succ_opt()?, self.schedule.zone)
    }

    /// The last whole or begun day before a moment, in the policy's zone.
    pub fn last_day_before(&self, at: DateTime<Utc>) -> NaiveDate {
        (at - Duration::seconds(1)).with_timezone(&self.schedule.zone).date_naive()
    }

    /// The day that is proposed to a person who keeps an account: its end is not further away than the policy allows.
    pub fn day_to_keep_until(&self, now: DateTime<Utc>) -> NaiveDate {
        let day = self.last_day_before(now + self.kept_for());
        match self.end_of_day(day) {
            Some(end) if end - now <= self.exemption_max => day,
            Some(_) | None => day - Duration::days(1),
        }
    }
}

/// The moment at which a day starts in a zone. `None` beyond the calendar.
pub fn start_of_day(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    let start = zone.from_local_datetime(&midnight).earliest();
    // A zone whose midnight daylight saving skips starts that day an hour later.
    let start = start.or_else(|| zone.from_local_datetime(&(midnight + Duration::hours(1))).earliest());
    start.map(|at| at.to_utc())
}

/// What makes an account a candidate: the part of a policy that a request keeps as it ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Whose accounts. Left out for the provider that every rule was about before there were several, so that what is
    /// stored of those, and their fingerprints, stay as they are.
    #[serde(default, skip_serializing_if = "ProviderName::is_first")]
    pub provider: ProviderName,
    /// Which accounts the policy is about.
    pub user_type: UserType,
    /// Idle for at least this long.
    pub inactive_after: Period,
    /// New accounts are left alone for this long after their creation.
    pub new_account_grace: Period,
    /// Restored accounts are left alone for this long after we gave them back.
    pub restored_grace: Period,
    /// Whether the provider's log of sign-ins is asked about each would-be candidate.
    #[serde(rename = "second_look")]
    pub check_sign_in_log: bool,
    /// Logins that are never proposed; `*` stands for any text.
    pub exempt_logins: Vec<String>,
    /// Ids of groups whose members are never proposed.
    pub exempt_groups: Vec<String>,
    /// Profile attributes that exempt an account when they have the given value, ignoring case.
    pub exempt_attributes: Vec<ExemptAttribute>,
    /// Logins or ids that no button can touch.
    pub break_glass: Vec<String>,
    /// What periods of working days are counted by; the default where no period counts them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calendar: Calendar,
}

fn is_default(calendar: &Calendar) -> bool {
    *calendar == Calendar::default()
}

/// An exemption by profile attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExemptAttribute {
    /// The attribute's name in the profile.
    pub name: String,
    /// The value that exempts.
    pub value: String,
}

impl ExemptAttribute {
    /// Whether a value of the attribute exempts: in any case, and with any white space around it.
    pub fn exempts(&self, value: &str) -> bool {
        same(value, &self.value)
    }
}

impl Rule {
    /// Whether the account is on the list of those that nothing of ours ever touches.
    pub fn is_break_glass(&self, account: &Account) -> bool {
        self.break_glass.iter().any(|name| account.is_named(name))
    }

    /// A short fingerprint of the rule: the same for the same rule, in every process.
    pub fn fingerprint(&self) -> String {
        let json = serde_json::to_vec(self).expect("a rule has only string keys and finite numbers");
        hex(&Sha256::digest(json))[..16].to_owned()
    }

    /// The three periods.
    fn periods(&self) -> [Period; 3] {
        [self.inactive_after, self.new_account_grace, self.restored_grace]
    }

    /// Whether any of its periods counts working days.
    pub fn counts_working_days(&self) -> bool {
        self.periods().into_iter().any(Period::counts_working_days)
    }

    /// This rule without the holidays that have passed so long ago that nobody's period depends on them any more. A
    /// list that is carried on into the new year without the old one's holidays widens nothing.
    #[must_use]
    pub fn without_bygone_holidays(&self, now: DateTime<Utc>) -> Rule {
        let mut rule = self.clone();
        let working = self.periods().into_iter().filter(|period| period.counts_working_days());
        if let Some(longest) = working.max_by_key(|period| period.at_least()) {
            rule.calendar = self.calendar.without_bygone_holidays(longest, now);
        }
        rule
    }

    /// Whether both rules are about the same accounts, whatever they say of them.
    pub fn same_scope_as(&self, other: &Rule) -> bool {
        self.provider == other.provider && self.user_type == other.user_type
    }

    /// Whether this rule can only propose accounts that `live` would have proposed too. Such a change needs no new
    /// preview: an exemption or a holiday added in a hurry takes effect at once and costs nobody a day.
    pub fn only_narrows(&self, live: &Rule) -> bool {
        fn covers<T: PartialEq>(wider: &[T], narrower: &[T]) -> bool {
            narrower.iter().all(|item| wider.contains(item))
        }
        self.same_scope_as(live)
            && self.calendar.outlasts(self.inactive_after, &live.calendar, live.inactive_after)
            && self.calendar.outlasts(self.new_account_grace, &live.calendar, live.new_account_grace)
            && self.calendar.outlasts(self.restored_grace, &live.calendar, live.restored_grace)
            && (self.check_sign_in_log || !live.check_sign_in_log)
            && covers(&self.exempt_logins, &live.exempt_logins)
            && covers(&self.exempt_groups, &live.exempt_groups)
            && covers(&self.exempt_attributes, &live.exempt_attributes)
            && covers(&self.break_glass, &live.break_glass)
    }

    /// This rule with everything that `other` wants looked up about an account as well. For look-ups only: what comes
    /// back is then enough to judge by either of the two rules. How far back the log is read is not said here.
    #[must_use]
    pub fn looking_up_also_for(&self, other: &Rule) -> Rule {
        fn both<T: Clone + PartialEq>(mine: &[T], others: &[T]) -> Vec<T> {
            mine.iter().chain(others.iter().filter(|item| !mine.contains(item))).cloned().collect()
        }
        Rule {
            check_sign_in_log: self.check_sign_in_log || other.check_sign_in_log,
            exempt_groups: both(&self.exempt_groups, &other.exempt_groups),
            exempt_attributes: both(&self.exempt_attributes, &other.exempt_attributes),
            ..self.clone()
        }
    }
}

impl Policy {
    /// The days off that the policy heeds in some way, if it heeds any.
    pub fn calendar(&self) -> Option<&Calendar> {
        let counted_by = || self.rule.counts_working_days().then_some(&self.rule.calendar);
        self.schedule.days_off.as_ref().or_else(counted_by)
    }
}

/// The time by which an approval given at `decided_at` must have been carried out.
pub fn execute_by(policy: &Policy, decided_at: DateTime<Utc>) -> DateTime<Utc> {
    decided_at + policy.execute_within
}

pub(super) mod seconds {
    use chrono::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(duration.num_seconds())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let seconds = i64::deserialize(deserializer)?;
        Duration::try_seconds(seconds).ok_or_else(|| serde::de::Error::custom("duration out of range"))
    }
}
