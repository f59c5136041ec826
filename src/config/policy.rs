//! The sections `[[policy]]`: each becomes a [`Policy`] that nothing later needs to check again.

use chrono::{DateTime, Duration};
use chrono_tz::Tz;
use serde_json::json;

use crate::domain::account::UserType;
use crate::domain::calendar::{Calendar, Period};
use crate::domain::nearest::nearest;
use crate::domain::policy::{AccountOwners, ExemptAttribute, Policy, Rule};
use crate::domain::provider::ProviderName;
use crate::domain::schedule;
use crate::domain::settings::{Limits, People, Schedule};

use super::entra::{ENTRA, is_guid};
use super::report::quote;
use super::section::{DurationKey, Found, Scale, Section};
use super::settings::{self, SettingValue};
use super::surroundings::Surroundings;
use super::values::{IDS, group, texts_like, values};
use super::{calendar, notifications, reminders};

const INACTIVE_AFTER: DurationKey = DurationKey {
    key: "inactive_after",
    default: "7d",
    least: "1d",
    most: "1825d",
    why: "people who work every day must never look inactive",
};
const NEW_ACCOUNT_GRACE: DurationKey = DurationKey {
    key: "new_account_grace",
    default: "14d",
    least: "1d",
    most: "365d",
    why: "people need time to sign in for the first time",
};
const RESTORED_GRACE: DurationKey = DurationKey {
    key: "restored_grace",
    default: "7d",
    least: "1h",
    most: "365d",
    why: "the owner of a restored account needs time to use it",
};
const APPROVAL_TIMEOUT: DurationKey = DurationKey {
    key: "approval_timeout",
    default: "8h",
    least: "1s",
    most: "30d",
    why: "a request shows who was inactive when it was posted, and that grows old",
};
const EXECUTE_WITHIN: DurationKey = DurationKey {
    key: "execute_within",
    default: "24h",
    least: "1m",
    most: "30d",
    why: "an approval is meant for now, but must outlast a short outage",
};
const CATCH_UP: DurationKey = DurationKey {
    key: "catch_up",
    default: "12h",
    least: "1m",
    most: "7d",
    why: "a missed sweep runs late, but not when the next one would say the same",
};
const EXEMPTION_MAX: DurationKey = DurationKey {
    key: "exemption_max",
    default: "90d",
    least: "1d",
    most: "1825d",
    why: "an exemption without an end in sight is an account that nobody looks at again",
};
const EXEMPTION_NOTICE: DurationKey = DurationKey {
    key: "exemption_notice",
    default: "3d",
    least: "1h",
    most: "90d",
    why: "the owner of an exemption needs time to renew it",
};
const RESTORE_BUTTON_FOR: DurationKey = DurationKey {
    key: "restore_button_for",
    default: "7d",
    least: "1h",
    most: "90d",
    why: "a mistake is noticed within days; later the restore command does the same",
};
const DRIFT_WATCH: DurationKey = DurationKey {
    key: "drift_watch",
    default: "30d",
    least: "1h",
    most: "365d",
    why: "the first look comes an hour after the suspension; 0 is not at all",
};
const MAX_CANDIDATES: Scale<u32> = Scale {
    key: "max_candidates",
    default: 50,
    bounds: 1..=10_000,
    why: "a sweep with more candidates is held until somebody has looked",
};
const MAX_SHARE: Scale<f64> = Scale {
    key: "max_share",
    default: 0.5,
    bounds: 0.01..=1.0,
    why: "it is the share of the listed accounts above which a sweep is held",
};
const MIN_POPULATION_SHARE: Scale<f64> = Scale {
    key: "min_population_share",
    default: 0.5,
    bounds: 0.0..=1.0,
    why: "it is the share of the previous sweep's accounts below which a sweep is held",
};
const SURGE_FACTOR: Scale<f64> = Scale {
    key: "surge_factor",
    default: 3.0,
    bounds: 0.0..=1_000.0,
    why: "it multiplies the recent median of candidates; 0 switches this brake off",
};

/// Reads every `[[policy]]`, and returns the enabled ones.
pub(super) fn all(
    top: &Section<'_>,
    surroundings: &Surroundings<'_>,
    providers: &[ProviderName],
) -> Vec<Policy> {
    let Some(sections) = top.tables("policy", "policy") else { return Vec::new() };
    if sections.is_empty() {
        top.report.problem("no [[policy]]: add at least one, or the bot has nothing to do");
    }
    let mut names: Vec<String> = Vec::new();
    let mut policies = Vec::new();
    for section in &sections {
        let enabled = section.flag("enabled", true);
        let Some(policy) = one(section, surroundings, providers, &mut names) else { continue };
        if enabled {
            policies.push(policy);
        } else {
            top.report.warning(format!("policy \"{}\" is not enabled: it runs no sweeps", policy.name));
        }
    }
    if policies.is_empty() && !sections.is_empty() {
        top.report.nothing_enabled();
    }
    policies
}

/// Reads one policy; `None` when something that it needs was reported.
fn one(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    providers: &[ProviderName],
    names: &mut Vec<String>,
) -> Option<Policy> {
    let name = name(section, names);
    let mut rule = rule(section, providers);
    let mut schedule = schedule(section);
    let days_off = calendar::read(section, surroundings, schedule.zone);
    if let (Some(name), Some(rule)) = (&name, &mut rule) {
        days_off.settle(section, name, rule, &mut schedule);
    }
    let channel = channel(section, surroundings);
    let (approvers, admins, viewers) = people(section);
    let approval_timeout = section.duration(&APPROVAL_TIMEOUT).value;
    let execute_within = section.duration(&EXECUTE_WITHIN).value;
    let catch_up = section.duration(&CATCH_UP).value;
    let limits = limits(section);
    let preview_first = section.flag("preview_first", true);
    let announce_no_candidates = section.flag("announce_no_candidates", true);
    let clear_sessions = section.flag("clear_sessions", false);
    let exemption_max = section.duration(&EXEMPTION_MAX).value;
    let exemption_notice = section.duration(&EXEMPTION_NOTICE).value;
    let restore_button_for = section.duration(&RESTORE_BUTTON_FOR).value;
    let drift_watch = section.duration_or_off(&DRIFT_WATCH);
    let digest = notifications::digest(section, schedule.zone);
    let ask = notifications::ask(section);
    let account_owners = account_owners(section);
    let approvals_needed = approvals_needed(section);
    let silence = reminders::read(section, approvers.as_ref(), approval_timeout);
    section.finish();
    let policy = Policy {
        name: name?.into(),
        rule: rule?,
        schedule,
        channel: channel?,
        approvers: approvers?,
        admins: admins?,
        viewers: viewers?,
        approval_timeout,
        execute_within,
        catch_up,
        limits,
        preview_first,
        announce_no_candidates,
        clear_sessions,
        exemption_max,
        exemption_notice,
        restore_button_for,
        drift_watch,
        ask,
        account_owners,
        approvals_needed,
        silence,
        digest,
    };
    warn(section, &policy);
    Some(policy)
}

/// Says what is allowed but rarely meant.
fn warn(section: &Section<'_>, policy: &Policy) {
    let name = &policy.name;
    if policy.rule.break_glass.is_empty() {
        let advice = "list the emergency accounts that no button may ever suspend";
        section.report.warning(format!("policy \"{name}\" has an empty break_glass; {advice}"));
    }
    if policy.approval_timeout < Duration::minutes(1) {
        let advice = "that is for trying things out, not for people";
        section.report.warning(format!("policy \"{name}\" has an approval_timeout below a minute; {advice}"));
    }
    if policy.ask.before.is_some_and(|before| before >= policy.approval_timeout) {
        let advice = "the people concerned are asked at once, as without it";
        section
            .report
            .warning(format!("policy \"{name}\" has an ask_before above approval_timeout: {advice}"));
    }
}

fn name(section: &Section<'_>, names: &mut Vec<String>) -> Option<String> {
    const LONGEST: usize = 40;
    let name = section.text("name");
    section.looks_like("name", json!({ "pattern": format!("^[A-Za-z0-9_-]{{1,{LONGEST}}}$") }));
    let Some(Found { value, at }) = name else {
        missing(section, "name", "a [[policy]] needs a name: one word that commands and messages use for it");
        return None;
    };
    let word = value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !word || value.len() > LONGEST {
        let rule = "but must be one word of up to 40 letters, digits, hyphens or underscores";
        section.problem(at, &format!("name is {}, {rule}", quote(&value)));
        return None;
    }
    if names.iter().any(|taken| taken.eq_ignore_ascii_case(&value)) {
        let wrong = format!("there are two policies called {}", quote(&value));
        section
            .problem(at, &format!("{wrong}; requests and history go by the name, so give this one another"));
        return None;
    }
    names.push(value.clone());
    Some(value)
}

/// Reports that a key is missing, unless it is there and its value was reported.
fn missing(section: &Section<'_>, key: &str, message: &str) {
    if section.position_of(key).is_none() {
        section.problem(section.at, message);
    }
}

/// Returns whose accounts the policy is about. A file with one provider need not say so.
fn provider(section: &Section<'_>, providers: &[ProviderName]) -> Option<ProviderName> {
    let only = if let [only] = providers { Some(only) } else { None };
    let found = match only {
        Some(only) => Some(section.text_or("provider", only)),
        None => section.text("provider"),
    };
    let configured: Vec<String> = providers.iter().map(|one| quote(one)).collect();
    let configured = configured.join(", ");
    let Some(Found { value, at }) = found else {
        let how = format!("name one of those that are configured: {configured}");
        missing(
            section,
            "provider",
            &format!("several identity providers are configured, so a policy needs provider: {how}"),
        );
        return None;
    };
    let known = providers.iter().find(|one| ***one == *value).cloned();
    if known.is_none() {
        let wrong = format!("provider is {}, but the configuration has", quote(&value));
        section.problem(at, &format!("{wrong} {configured}"));
    }
    known
}

fn rule(section: &Section<'_>, providers: &[ProviderName]) -> Option<Rule> {
    let provider = provider(section, providers);
    let is_entra = provider.as_deref() == Some(ENTRA);
    Some(Rule {
        // Everything is read before the `?`, so that the rest of the section is checked too.
        inactive_after: inactive_after(section, is_entra),
        new_account_grace: section.period(&NEW_ACCOUNT_GRACE),
        restored_grace: section.period(&RESTORED_GRACE),
        check_sign_in_log: section.flag("check_sign_in_log", true),
        exempt_logins: exempt_logins(section),
        exempt_groups: exempt_groups(section, is_entra),
        exempt_attributes: exempt_attributes(section),
        break_glass: values(section.list("break_glass")),
        calendar: Calendar::default(),
        user_type: user_type(section, is_entra)?,
        provider: provider?,
    })
}

/// Entra ID's sign-in dates are up to a day late, so a shorter period would find people who worked yesterday.
fn inactive_after(section: &Section<'_>, is_entra: bool) -> Period {
    let period = section.period(&INACTIVE_AFTER);
    if is_entra && period.at_least() < Duration::days(2) {
        let why = "in Entra ID inactive_after must be at least \"2d\": sign-ins show there up to a day late";
        section.problem(section.position_of(INACTIVE_AFTER.key).unwrap_or(section.at), why);
    }
    period
}

fn user_type(section: &Section<'_>, is_entra: bool) -> Option<UserType> {
    const DEFAULT: &str = "contractor";
    let by_profile = section.text_or("user_type", DEFAULT);
    let guests = section.flag("guests", false);
    if let Some(at) = section.position_of("guests").filter(|_| guests) {
        let wrong = if !is_entra {
            Some("guests = true is for a policy on Entra ID: Okta has no guests")
        } else if ["user_type", "okta_user_type_id"].iter().any(|key| section.position_of(key).is_some()) {
            Some("a policy has guests = true or a user type, not both")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            section.problem(at, wrong);
        }
    }
    let by_id = section.text("okta_user_type_id");
    section.looks_like("okta_user_type_id", json!({ "pattern": "^oty[A-Za-z0-9]*$" }));
    let Some(Found { value, at }) = by_id else {
        if guests {
            section.settled("user_type", SettingValue::NotSet, settings::DEFAULT);
            return Some(UserType::Guest);
        }
        return Some(UserType::Profile(by_profile.value));
    };
    if is_entra {
        section.problem(
            at,
            "okta_user_type_id is for a policy on Okta; in Entra ID user_type is the employeeType",
        );
        return None;
    }
    if section.position_of("user_type").is_some() {
        let rule = "user_type matches the profile's text, okta_user_type_id Okta's user type object";
        section.problem(at, &format!("a policy has user_type or okta_user_type_id, not both: {rule}"));
        return None;
    }
    if !(value.starts_with("oty") && value.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        let rule = "but those ids begin with oty; they are in the address of the type's page in Okta's Profile Editor";
        section.problem(at, &format!("okta_user_type_id is {}, {rule}", quote(&value)));
        return None;
    }
    section.settled("user_type", SettingValue::NotSet, settings::DEFAULT);
    Some(UserType::TypeId(value))
}

fn exempt_logins(section: &Section<'_>) -> Vec<String> {
    let logins = section.list("exempt_logins");
    for login in logins.iter().filter(|login| login.value.chars().all(|c| c == '*')) {
        section.problem(login.at, "exempt_logins exempts everybody; to stop a policy set enabled = false");
    }
    values(logins)
}

fn exempt_groups(section: &Section<'_>, is_entra: bool) -> Vec<String> {
    let groups = section.list("exempt_groups");
    section.looks_like("exempt_groups", texts_like("^[A-Za-z0-9-]+$"));
    let is_okta_id = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_id = |text: &str| if is_entra { is_guid(text) } else { is_okta_id(text) };
    let how = if is_entra {
        "give the object id that the group's overview in the Entra admin center shows, such as \
         \"00000000-0000-0000-0000-000000000000\""
    } else {
        "give the id that ends the address of the group's page in Okta, such as \"00g1emaKYZTWRYYRRTSK\""
    };
    for group in groups.iter().filter(|group| !is_id(&group.value)) {
        section
            .problem(group.at, &format!("exempt_groups: {} is not a group's id; {how}", quote(&group.value)));
    }
    let mut groups = values(groups);
    if is_entra {
        // As Entra ID writes them: they are compared with what it answers.
        for id in &mut groups {
            id.make_ascii_lowercase();
        }
    }
    groups
}

fn exempt_attributes(section: &Section<'_>) -> Vec<ExemptAttribute> {
    let read = |item: Section<'_>| {
        let (name, value) = (item.text("name"), item.text("value"));
        item.finish();
        let example = "exempt_attributes needs both: { name = \"department\", value = \"Night shift\" }";
        for key in ["name", "value"] {
            missing(&item, key, example);
        }
        Some(ExemptAttribute { name: name?.value, value: value?.value })
    };
    section
        .tables("exempt_attributes", "policy.exempt_attributes")
        .into_iter()
        .flatten()
        .filter_map(read)
        .collect()
}

fn account_owners(section: &Section<'_>) -> AccountOwners {
    let mut own = AccountOwners::new();
    for item in section.tables("account_owners", "policy.account_owners").into_iter().flatten() {
        // Two spellings of one key.
        let (slack, chat, okta) = (item.text("slack"), item.text("chat"), item.text("okta"));
        for key in ["slack", "chat"] {
            item.looks_like(key, json!({ "pattern": IDS.person.pattern() }));
        }
        item.finish();
        let example =
            "account_owners needs both: { slack = \"U0123ABCDEF\", okta = \"ada.ext@vendor.example\" }";
        if item.position_of("chat").is_none() {
            missing(&item, "slack", example);
        } else if let Some(at) = item.position_of("slack") {
            item.problem(at, "account_owners has slack and chat, which are the same key; leave one out");
        }
        missing(&item, "okta", example);
        let (Some(person), Some(okta)) = (slack.or(chat), okta) else { continue };
        if !IDS.person.fits(&person.value) {
            let (id, how) = (quote(&person.value), IDS.person.how);
            item.problem(person.at, &format!("account_owners: {id} must be {how}"));
        }
        own.entry(person.value).or_default().insert(okta.value);
    }
    own
}

fn schedule(section: &Section<'_>) -> Schedule {
    let cron = section.text_or("schedule", "0 9 * * *");
    let zone_name = section.text_or("time_zone", "UTC");
    let zone = zone_name.value.parse().unwrap_or_else(|_| {
        let wrong = format!("time_zone is {}, which is not a zone's name", quote(&zone_name.value));
        section.problem(zone_name.at, &format!("{wrong}; {}", zone_hint(&zone_name.value)));
        Tz::UTC
    });
    let schedule = Schedule { cron: cron.value, zone, days_off: None };
    match schedule::parse_cron(&schedule.cron) {
        Err(wrong) => {
            section.problem(cron.at, &format!("schedule: {wrong}; \"0 9 * * *\" is every day at 9"));
        }
        // Any start will do: a schedule that has no slot after it has none at all.
        Ok(_) if schedule::next_slot(&schedule, DateTime::UNIX_EPOCH).is_none() => {
            section.problem(cron.at, &format!("schedule is {}, which never comes", quote(&schedule.cron)));
        }
        Ok(_) => {}
    }
    schedule
}

fn zone_hint(text: &str) -> String {
    let all = || chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = text.replace(' ', "_").to_lowercase();
    let same_city = all().find(|name| name.to_lowercase().rsplit('/').next() == Some(city.as_str()));
    match same_city.or_else(|| nearest(text, all())) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => "such names are \"UTC\", \"Europe/Berlin\" or \"America/New_York\"".to_owned(),
    }
}

fn channel(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<String> {
    const VARIABLE: &str = "SLACK_CHANNEL";
    let how = IDS.channel.how;
    let written = section.text("channel");
    section.looks_like("channel", json!({ "pattern": IDS.channel.pattern() }));
    if let Some(Found { value, at }) = written {
        if IDS.channel.fits(&value) {
            return Some(value);
        }
        section.problem(at, &format!("channel is {}, but must be {how}", quote(&value)));
        return None;
    }
    match surroundings.variable(VARIABLE) {
        Some(value) if IDS.channel.fits(value) => {
            section.settled("channel", SettingValue::Value(value.into()), &format!("${VARIABLE}"));
            return Some(value.to_owned());
        }
        Some(value) => {
            section.problem(section.at, &format!("{VARIABLE} is {}, but must be {how}", quote(value)));
        }
        None => {
            let message = format!("a [[policy]] needs a channel, here or in {VARIABLE}: {how}");
            missing(section, "channel", &message);
        }
    }
    None
}

/// Approvers, admins and viewers. Nobody may approve by default; the other two follow from it.
fn people(section: &Section<'_>) -> (Option<People>, Option<People>, Option<People>) {
    const NOBODY: &str = "approvers must name somebody (users, groups, or channel_members = true): \
         nobody may approve by default";
    let approvers = group(section, "approvers", "policy.approvers", NOBODY, || {
        missing(section, "approvers", NOBODY);
        None
    });
    let admins = group(
        section,
        "admins",
        "policy.admins",
        "admins names nobody; leave the key out and the approvers are the admins",
        || approvers.clone(),
    );
    let viewers = group(
        section,
        "viewers",
        "policy.viewers",
        "viewers names nobody; leave the key out and everybody in the channel is a viewer",
        || Some(People { channel_members: true, ..People::default() }),
    );
    for (key, people) in [("admins", &admins), ("viewers", &viewers)] {
        if let (None, Some(People { users, groups, channel_members })) = (section.position_of(key), people) {
            let people = json!({ "users": users, "groups": groups, "channel_members": channel_members });
            section.settled(key, SettingValue::Value(people), settings::DEFAULT);
        }
    }
    (approvers, admins, viewers)
}

/// Two people's approvals may be needed; more than that is a meeting.
const APPROVALS_NEEDED: Scale<u32> = Scale {
    key: "approvals_needed",
    default: 1,
    bounds: 1..=2,
    why: "it is how many different people have to approve",
};

fn approvals_needed(section: &Section<'_>) -> u32 {
    section.integer(&APPROVALS_NEEDED)
}

fn limits(section: &Section<'_>) -> Limits {
    Limits {
        max_candidates: section.integer(&MAX_CANDIDATES),
        max_share: section.number(&MAX_SHARE),
        min_population_share: section.number(&MIN_POPULATION_SHARE),
        surge_factor: surge_factor(section),
    }
}

/// Zero switches the brake off; a factor from 0 to 1 would hold the most ordinary sweep.
fn surge_factor(section: &Section<'_>) -> f64 {
    let factor = section.number(&SURGE_FACTOR);
    if factor > 0.0 && factor < 1.0 {
        let rule = "but must be 0 (off) or at least 1: it multiplies the recent median of candidates";
        section.problem(
            section.position_of("surge_factor").unwrap_or(section.at),
            &format!("surge_factor is {factor}, {rule}"),
        );
    }
    factor
}
