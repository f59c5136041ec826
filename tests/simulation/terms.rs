//! The policy as the simulation knows it: what it writes into the configuration, and judges by without the bot's code.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::config::Config;
use inactive_contractors::domain::account::AccountStatus;
use inactive_contractors::domain::policy::Policy;

use crate::fate::Fate;
use crate::okta::Look;
use crate::slack::Slack;

pub const CHANNEL: &str = "C0OPS00001";
pub const GROUP: &str = "S0APPROVE1";
pub const APPROVERS: [&str; 3] = ["U0ANNA0001", "U0BEN00001", "U0GUEST001"];
pub const IN_GROUP: &str = "U0CARA0001";
pub const ADMIN: &str = "U0ADMIN001";
pub const STRANGER: &str = "U0STRANGE1";
pub const CONTRACTOR: &str = "U0CONTRAC1";

/// One version of the policy.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "switches, as in the configuration")]
pub struct Terms {
    pub inactive_days: i64,
    pub second_look: bool,
    pub exempt: Option<&'static str>,
    pub approvals: u32,
    pub answer_hours: i64,
    pub carry_out_hours: i64,
    pub approvers: Vec<&'static str>,
    pub group: bool,
    pub max_candidates: u32,
    pub preview_first: bool,
    pub clear_sessions: bool,
}

impl Terms {
    /// For stories: one person decides, and what they decide holds for a day.
    pub fn plain() -> Terms {
        Terms {
            inactive_days: 7,
            second_look: true,
            exempt: None,
            approvals: 1,
            answer_hours: 8,
            carry_out_hours: 24,
            approvers: APPROVERS.to_vec(),
            group: false,
            max_candidates: 50,
            preview_first: false,
            clear_sessions: false,
        }
    }

    /// Any.
    pub fn draw(fate: &Fate) -> Terms {
        let one_of = |from: &[i64]| from[fate.below(from.len())];
        let mut approvers = APPROVERS.to_vec();
        if fate.chance(20) {
            approvers.remove(fate.below(2));
        }
        Terms {
            inactive_days: one_of(&[7, 7, 30]),
            second_look: fate.chance(60),
            exempt: fate.chance(20).then_some("worker1@example.com"),
            approvals: if fate.chance(25) { 2 } else { 1 },
            answer_hours: one_of(&[1, 8, 8, 48]),
            carry_out_hours: one_of(&[1, 24, 24]),
            approvers,
            group: fate.chance(70),
            max_candidates: if fate.chance(12) { 2 } else { 50 },
            preview_first: fate.chance(8),
            clear_sessions: fate.chance(40),
        }
    }

    /// A change of some of it.
    pub fn changed(&self, fate: &Fate) -> Terms {
        let other = Terms::draw(fate);
        match fate.below(6) {
            0 => Terms { inactive_days: other.inactive_days, second_look: other.second_look, ..self.clone() },
            1 => Terms { exempt: other.exempt, ..self.clone() },
            2 => Terms { approvals: other.approvals, ..self.clone() },
            3 => Terms { approvers: other.approvers, group: other.group, ..self.clone() },
            4 => Terms { carry_out_hours: other.carry_out_hours, ..self.clone() },
            _ => other,
        }
    }

    fn toml(&self) -> String {
        let exempt = self.exempt.map_or_else(String::new, |login| format!("\"{login}\""));
        let groups = if self.group { format!("\"{GROUP}\"") } else { String::new() };
        format!(
            "[[policy]]\nname = \"contractors\"\nchannel = \"{CHANNEL}\"\n\
             approvers = {{ users = {:?}, groups = [{groups}] }}\nadmins = {{ users = [\"{ADMIN}\"] }}\n\
             max_share = 1.0\nsurge_factor = 0\nmin_population_share = 0.0\n\
             inactive_after = \"{}d\"\ncheck_sign_in_log = {}\nexempt_logins = [{exempt}]\napprovals_needed = {}\n\
             approval_timeout = \"{}h\"\ncarry_out_within = \"{}h\"\nmax_candidates = {}\npreview_first = {}\n\
             clear_sessions = {}\n",
            self.approvers,
            self.inactive_days,
            self.second_look,
            self.approvals,
            self.answer_hours,
            self.carry_out_hours,
            self.max_candidates,
            self.preview_first,
            self.clear_sessions,
        )
    }

    /// As the bot reads it.
    pub fn policies(&self) -> Vec<Policy> {
        let environment: BTreeMap<String, String> = [
            ("SLACK_BOT_TOKEN", "xoxb-simulated"),
            ("SLACK_APP_TOKEN", "xapp-simulated"),
            ("OKTA_ORG_URL", "https://simulated.okta.com"),
            ("OKTA_API_TOKEN", "simulated"),
            ("INACTIVE_CONTRACTORS_DB", "bot.db"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let no_files = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        let config = Config::parse(&self.toml(), "simulation.toml", &environment, &no_files);
        config.unwrap_or_else(|error| panic!("the simulation's configuration is wrong: {error}")).policies
    }

    /// Whether the person may approve now.
    pub fn may_approve(&self, user: &str, slack: &Slack) -> bool {
        let member = slack.member(user).filter(|member| !member.outsider);
        let named = self.approvers.contains(&user);
        member.is_some() && (named || self.group && slack.group().contains(&user))
    }

    /// Whether the person may do what an approver or an admin may.
    pub fn may_steer(&self, user: &str, slack: &Slack) -> bool {
        self.may_approve(user, slack) || user == ADMIN
    }

    /// Why nobody may suspend the account that the bot saw like this.
    pub fn objection(&self, look: &Look) -> Option<String> {
        let person = &look.person;
        let idle = look.at - person.alive_at(self.second_look && look.with_log);
        if person.status != AccountStatus::Active {
            return Some(format!("it was {}", person.status));
        }
        if person.user_type != "Contractor" || person.admin {
            return Some("it is protected".to_owned());
        }
        if self.exempt == Some(person.login.as_str()) {
            return Some("it is exempt".to_owned());
        }
        // The bot's own clock may be behind the world's, never ahead of it.
        (idle < Duration::days(self.inactive_days))
            .then(|| format!("it was idle for {} h only", idle.num_hours()))
    }
}

/// When the first day of every simulation begins: a Monday.
pub fn first_day() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-02T10:00:00Z").expect("a date").to_utc()
}

/// Everybody in the workspace.
pub fn everybody() -> impl Iterator<Item = &'static str> {
    APPROVERS.into_iter().chain([IN_GROUP, ADMIN, STRANGER, CONTRACTOR])
}
