//! Temporary.
#![allow(missing_docs, clippy::all, clippy::pedantic)]
use crate::domain::account::UserType;
use crate::domain::policy::*;
use chrono::Duration;
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use url::Url;

#[derive(Clone, Debug)]
pub struct Config {
    pub slack: SlackConfig,
    pub okta: OktaConfig,
    pub database: PathBuf,
    pub log: LogConfig,
    pub policies: Vec<Policy>,
    pub warnings: Vec<String>,
}
#[derive(Clone, Debug)]
pub struct SlackConfig {
    pub api_url: Option<Url>,
    pub bot_token: SecretString,
    pub app_token: SecretString,
    pub command: String,
}
#[derive(Clone, Debug)]
pub struct OktaConfig {
    pub org_url: Url,
    pub credential: Credential,
    pub rate_share: f64,
    pub concurrency: u32,
}
#[derive(Clone, Debug)]
pub enum Credential {
    ApiToken(SecretString),
    ServiceApp { client_id: String, private_key_pem: SecretString, key_id: Option<String> },
}
#[derive(Clone, Debug)]
pub struct LogConfig {
    pub format: LogFormat,
    pub level: String,
}
#[derive(Clone, Copy, Debug)]
pub enum LogFormat {
    Human,
    Json,
}
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);
#[derive(Deserialize)]
struct Raw {
    policy: Vec<RawPolicy>,
}
#[derive(Deserialize, Default)]
struct RawPeople {
    #[serde(default)]
    users: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    channel_members: bool,
}
#[derive(Deserialize)]
struct RawPolicy {
    name: String,
    channel: String,
    approvers: RawPeople,
    admins: Option<RawPeople>,
    viewers: Option<RawPeople>,
    #[serde(default)]
    exempt_logins: Vec<String>,
    #[serde(default)]
    exempt_groups: Vec<String>,
    preview_first: Option<bool>,
    max_share: Option<f64>,
    max_candidates: Option<u32>,
    answer_within: Option<String>,
    catch_up: Option<String>,
    #[serde(default)]
    break_glass: Vec<String>,
    surge_factor: Option<f64>,
    announce_no_candidates: Option<bool>,
    clear_sessions: Option<bool>,
    user_type: Option<String>,
    second_look: Option<bool>,
    carry_out_within: Option<String>,
}
fn people(raw: RawPeople) -> People {
    People { users: raw.users, groups: raw.groups, channel_members: raw.channel_members }
}
fn dur(text: &str) -> Duration {
    let (n, u) = text.split_at(text.len() - 1);
    let n: i64 = n.parse().unwrap();
    match u {
        "d" => Duration::days(n),
        "h" => Duration::hours(n),
        "m" => Duration::minutes(n),
        _ => Duration::seconds(n),
    }
}
impl Config {
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let text = path.map(|p| std::fs::read_to_string(p).unwrap()).unwrap_or_default();
        #[allow(clippy::disallowed_methods)]
        let env = std::env::vars().collect();
        Config::parse(&text, "x", &env, &|p| std::fs::read_to_string(p))
    }
    pub fn parse(
        text: &str,
        _name: &str,
        env: &BTreeMap<String, String>,
        _read: &dyn Fn(&Path) -> std::io::Result<String>,
    ) -> Result<Config, ConfigError> {
        let raw: Raw = toml::from_str(text).map_err(|e| ConfigError(e.to_string()))?;
        let get = |k: &str| env.get(k).cloned().unwrap_or_default();
        Ok(Config {
            slack: SlackConfig {
                api_url: Url::parse(&get("SLACK_API_URL")).ok(),
                bot_token: get("SLACK_BOT_TOKEN").into(),
                app_token: get("SLACK_APP_TOKEN").into(),
                command: "/inactive-contractors".into(),
            },
            okta: OktaConfig {
                org_url: Url::parse(&get("OKTA_ORG_URL")).map_err(|e| ConfigError(e.to_string()))?,
                credential: Credential::ApiToken(get("OKTA_API_TOKEN").into()),
                rate_share: 0.5,
                concurrency: 4,
            },
            database: get("INACTIVE_CONTRACTORS_DB").into(),
            log: LogConfig { format: LogFormat::Human, level: "info".into() },
            warnings: vec![],
            policies: raw
                .policy
                .into_iter()
                .map(|p| {
                    let approvers = people(p.approvers);
                    Policy {
                        name: p.name,
                        rule: Rule {
                            user_type: UserType::Profile(p.user_type.unwrap_or("contractor".into())),
                            inactive_after: Duration::days(7),
                            new_account_grace: Duration::days(14),
                            restored_grace: Duration::days(7),
                            second_look: p.second_look.unwrap_or(true),
                            exempt_logins: p.exempt_logins,
                            exempt_groups: p.exempt_groups,
                            exempt_attributes: vec![],
                            break_glass: p.break_glass,
                        },
                        schedule: Schedule { cron: "0 9 * * *".into(), zone: chrono_tz::UTC },
                        channel: p.channel,
                        admins: p.admins.map(people).unwrap_or(approvers.clone()),
                        approvers,
                        viewers: p
                            .viewers
                            .map(people)
                            .unwrap_or(People { channel_members: true, ..People::default() }),
                        answer_within: dur(&p.answer_within.unwrap_or("8h".into())),
                        carry_out_within: dur(&p.carry_out_within.unwrap_or("24h".into())),
                        catch_up: dur(&p.catch_up.unwrap_or("12h".into())),
                        limits: Limits {
                            max_candidates: p.max_candidates.unwrap_or(50),
                            max_share: p.max_share.unwrap_or(0.5),
                            min_population_share: 0.5,
                            surge_factor: p.surge_factor.unwrap_or(3.0),
                        },
                        preview_first: p.preview_first.unwrap_or(true),
                        announce_no_candidates: p.announce_no_candidates.unwrap_or(true),
                        clear_sessions: p.clear_sessions.unwrap_or(false),
                    }
                })
                .collect(),
        })
    }
}
