//! The configuration: one TOML file, the environment for what differs by machine, and files for secrets.
//!
//! What this module promises:
//! - A [`Config`] is valid: nothing later checks a number, a URL or a cron text again.
//! - All mistakes of a file are reported at once, each as one sentence with file, line and column, and an unknown key
//!   with the nearest known one.
//! - Secrets come only from the environment or from files that the configuration names. One that is written into
//!   the file is refused, and no message and no `Debug` repeats it.
//! - No other module reads the environment (clippy holds that line).
//!
//! The environment overrides the file, so that the same file serves a company and a sandbox. An empty variable
//! counts as unset. Relative paths are relative to the working directory; that of a `holidays_file`, which belongs to
//! the file, is relative to the file's own folder.

mod calendar;
mod duration;
mod entra;
mod forward;
mod ics;
mod ids;
mod monitoring;
mod network;
mod notifications;
mod policy;
mod providers;
mod reminders;
mod report;
mod schema;
mod section;
mod settings;
mod surroundings;
mod values;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::json;
use toml::de::DeTable;

use crate::domain::nearest::nearest;
use crate::domain::policy::Policy;
use crate::domain::provider::ProviderName;
use crate::forward::Collector;
use crate::net::Network;
use report::{Report, quote};
use section::Section;
use surroundings::Surroundings;

pub use entra::{ENTRA, EntraCloud, EntraConfig, EntraCredential};
pub use monitoring::MonitoringConfig;
pub use providers::{Credential, OKTA, OktaConfig, SlackConfig};
pub use report::{ConfigError, Key};
pub use schema::schema;
pub use settings::{Setting, SettingValue, toml_text};

/// Where the configuration is when no path is given.
pub const DEFAULT_PATH: &str = "config/bot.toml";

/// Bytes of a file that the configuration names; more than any of them may have, so that too much is noticed.
const FILE_MAX: u64 = 2_097_152;

/// Every environment variable that is read.
pub const VARIABLES: [&str; 27] = [
    "SLACK_BOT_TOKEN",
    "SLACK_APP_TOKEN",
    "SLACK_API_URL",
    "SLACK_CHANNEL",
    "OKTA_ORG_URL",
    "OKTA_API_TOKEN",
    "OKTA_CLIENT_ID",
    "OKTA_PRIVATE_KEY",
    "ENTRA_TENANT_ID",
    "ENTRA_CLIENT_ID",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_CERTIFICATE",
    "ENTRA_FEDERATED_TOKEN_FILE",
    "ENTRA_BASE_URL",
    "INACTIVE_CONTRACTORS_DB",
    "DB_PATH",
    "FORWARD_AUTHORIZATION",
    "HEARTBEAT_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

/// Everything that can be set, validated. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// How to reach Slack.
    pub slack: SlackConfig,
    /// How to reach Okta, the provider of the name [`OKTA`]. There is at least one provider.
    pub okta: Option<OktaConfig>,
    /// How to reach Entra ID, the provider of the name [`ENTRA`].
    pub entra: Option<EntraConfig>,
    /// The database file.
    pub database: PathBuf,
    pub log: LogConfig,
    /// Where the audit trail goes besides.
    pub forward: Vec<Collector>,
    /// How other programs see that the bot is at work.
    pub monitoring: MonitoringConfig,
    /// Which way leads out of this machine.
    pub network: Network,
    /// The enabled policies, in the order of the file; at least one, with unique names.
    pub policies: Vec<Policy>,
    /// Whether OpenTelemetry's own variables say where traces go.
    pub traces: bool,
    /// What is allowed, but somebody should know; one sentence each.
    pub warnings: Vec<String>,
}

/// How to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// For eyes or for machines.
    pub format: LogFormat,
    /// A level, or a filter such as `info,inactive_contractors=debug`.
    pub level: String,
}

/// For eyes or for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Human,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads the file at `path` (or [`DEFAULT_PATH`]), the environment, and the files that they name.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let Parsed { mut config, secret_files, settings: _ } = load(path)?;
        let open = |path: &&PathBuf| readable_by_others(path).unwrap_or(true);
        config.warnings.extend(secret_files.iter().filter(open).map(|path| {
            let path = path.display();
            format!("{path} holds a secret and others on this machine may read it; chmod 600 {path}")
        }));
        if readable_by_others(&config.database).unwrap_or(false) {
            let path = config.database.display();
            config.warnings.push(format!(
                "{path} holds names and decisions and others on this machine may read or change it; chmod 600 {path}"
            ));
        }
        Ok(config)
    }

    /// Only where the database is: to ask the bot that runs, or to read or copy the file, takes none of its secrets.
    pub fn database_of(path: Option<&Path>) -> Result<PathBuf, ConfigError> {
        let path = path.unwrap_or(Path::new(DEFAULT_PATH));
        let name = path.display().to_string();
        let fail = |problem: String| ConfigError { problems: vec![format!("{name}: {problem}")] };
        let variables = environment().map_err(fail)?;
        let surroundings = Surroundings {
            variables: &variables,
            read_file: &read_file,
            folder: Path::new(""),
            secret_files: RefCell::default(),
        };
        let by_variable = database_variable(&surroundings).map(|(_, path)| PathBuf::from(path));
        let text = match (std::fs::read_to_string(path), by_variable) {
            (_, Some(database)) => return Ok(database),
            (Err(error), None) => {
                return Err(fail(format!("can't be read: {error}; --config names another file")));
            }
            (Ok(text), None) => text,
        };
        let report = Report::new(&name, &text);
        let (table, errors) = DeTable::parse_recoverable(&text);
        if !errors.is_empty() {
            // The section may be what is missing for it.
            return Err(fail("is no TOML; `inactive-contractors check` says where".to_owned()));
        }
        let database = database(&Section::top(&report, table.get_ref()).section("database"), &surroundings);
        report.verdict()?;
        Ok(database)
    }

    /// What would have to change for the other configuration and can't while the bot runs.
    pub fn cannot_become(&self, other: &Config) -> Option<&'static str> {
        let fixed = [
            ("[database] path", self.database == other.database),
            ("[log]", self.log == other.log),
            ("[monitoring] http", self.monitoring.http == other.monitoring.http),
        ];
        fixed.into_iter().find(|(_, same)| !same).map(|(what, _)| what)
    }

    /// Makes a configuration of the `text` of the file called `name`, the environment `variables`, and the files
    /// that they name, read with `read_file`. Reads nothing else.
    pub fn parse(
        text: &str,
        name: &str,
        variables: &BTreeMap<String, String>,
        read_file: &dyn Fn(&Path) -> io::Result<String>,
    ) -> Result<Config, ConfigError> {
        parse(text, name, variables, read_file).map(|parsed| parsed.config)
    }

    /// What [`Config::load`] makes of each key, and where that comes from; no secret is among it.
    pub fn settings(path: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
        load(path).map(|parsed| parsed.settings)
    }

    /// Every key that a file may have, found by reading one that has every section.
    pub fn keys() -> Vec<Key> {
        const EVERY_SECTION: &str = "[okta]\n[entra]\n[[policy]]\napprovers = {}\nadmins = {}\nviewers = {}\nremind = {}\nescalate_to = {}\n\
             exempt_attributes = [{}]\nown_accounts = [{}]";
        let report = Report::new("", EVERY_SECTION);
        let table = DeTable::parse(EVERY_SECTION).expect("the constant is TOML");
        let surroundings = Surroundings {
            variables: &BTreeMap::new(),
            read_file: &|_| Err(io::Error::from(io::ErrorKind::NotFound)),
            folder: Path::new(""),
            secret_files: RefCell::default(),
        };
        // Such a file is wrong in many ways; what it is read for are the keys that were asked for.
        let _ = read(&report, table.get_ref(), &surroundings);
        report.into_keys()
    }
}

/// What comes of a file.
struct Parsed {
    config: Config,
    /// The files that were read because they hold a secret.
    secret_files: Vec<PathBuf>,
    settings: Vec<Setting>,
}

/// Reads the file at `path` (or [`DEFAULT_PATH`]), the environment, and the files that they name.
fn load(path: Option<&Path>) -> Result<Parsed, ConfigError> {
    let path = path.unwrap_or(Path::new(DEFAULT_PATH));
    let name = path.display().to_string();
    let fail = |problem: String| ConfigError { problems: vec![format!("{name}: {problem}")] };
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            fail("no such file; copy config/bot.example.toml to it, or name another with --config".to_owned())
        }
        _ => fail(format!("can't be read: {error}")),
    })?;
    let variables = environment().map_err(fail)?;
    parse(&text, &name, &variables, &read_file)
}

/// Reads a text.
fn parse(
    text: &str,
    name: &str,
    variables: &BTreeMap<String, String>,
    read_file: &dyn Fn(&Path) -> io::Result<String>,
) -> Result<Parsed, ConfigError> {
    let report = Report::new(name, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // The message only: the error's own Display quotes the line, and the line may hold a secret.
        report.problem_at(error.span().map_or(0, |span| span.start), error.message());
    }
    if !errors.is_empty() {
        report.verdict()?;
    }
    let folder = Path::new(name).parent().unwrap_or(Path::new(""));
    let surroundings = Surroundings { variables, read_file, folder, secret_files: RefCell::default() };
    let config = read(&report, table.get_ref(), &surroundings)?;
    let secret_files = surroundings.secret_files.into_inner();
    Ok(Parsed { config, secret_files, settings: report.into_settings() })
}

/// Reads a file that the configuration names, up to a length that none of them has.
fn read_file(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads every section, and judges at the end.
fn read<'r>(
    report: &'r Report<'r>,
    table: &'r DeTable<'r>,
    surroundings: &Surroundings<'_>,
) -> Result<Config, ConfigError> {
    let top = Section::top(report, table);
    let slack = providers::slack(&top.section("slack"), surroundings);
    let (okta, entra) = identity_providers(&top, surroundings);
    let database = database(&top.section("database"), surroundings);
    let log = log(&top.section("log"));
    let network = network::network(report, surroundings);
    let forward = forward::forward(&top.section("forward"), surroundings, &network);
    let monitoring = monitoring::monitoring(&top.section("monitoring"), surroundings);
    let names = [okta.as_ref().map(|_| OKTA), entra.as_ref().map(|_| ENTRA)];
    let names: Vec<ProviderName> = names.into_iter().flatten().map(ProviderName::from).collect();
    let policies = policy::all(&top, surroundings, &names);
    top.finish();
    let traces = surroundings.variable("OTEL_EXPORTER_OTLP_ENDPOINT").is_some();
    if traces && !cfg!(feature = "otlp") {
        report.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and this program was built without the feature otlp: there are no traces"
                .to_owned(),
        );
    }
    let warnings = report.verdict()?;
    let slack = slack.expect("a section that can't be used was reported");
    let (okta, entra) = (okta.flatten(), entra.flatten());
    Ok(Config { slack, okta, entra, database, log, forward, monitoring, network, policies, traces, warnings })
}

/// A section that is there, and what came of it.
type Configured<T> = Option<Option<T>>;

/// Reads the sections of the identity providers that are there: by themselves, or because a variable of theirs is set. Where
/// none is, Okta's is missing.
fn identity_providers(
    top: &Section<'_>,
    surroundings: &Surroundings<'_>,
) -> (Configured<OktaConfig>, Configured<EntraConfig>) {
    let is_there = |key: &'static str, variables: &[&str]| {
        let section = top.section(key);
        let is_set = variables.iter().any(|name| surroundings.variable(name).is_some());
        (is_set || top.position_of(key).is_some()).then_some(section)
    };
    let entra = is_there("entra", &entra::VARIABLES);
    let okta = is_there("okta", &providers::OKTA_VARIABLES);
    let okta = okta.or_else(|| entra.is_none().then(|| top.section("okta")));
    let okta = okta.map(|section| providers::okta(&section, surroundings));
    (okta, entra.map(|section| entra::entra(&section, surroundings)))
}

/// The variable that says where the database is, if one does, and its value.
fn database_variable<'a>(surroundings: &'a Surroundings<'_>) -> Option<(&'static str, &'a str)> {
    ["INACTIVE_CONTRACTORS_DB", "DB_PATH"]
        .into_iter()
        .find_map(|name| Some((name, surroundings.variable(name)?)))
}

fn database(section: &Section<'_>, surroundings: &Surroundings<'_>) -> PathBuf {
    let path = section.text_or("path", "inactive-contractors.db").value;
    section.finish();
    let Some((name, value)) = database_variable(surroundings) else {
        return PathBuf::from(path);
    };
    section.settled("path", SettingValue::Value(value.into()), &format!("${name}"));
    PathBuf::from(value)
}

fn log(section: &Section<'_>) -> LogConfig {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    let format = section.text_or("format", "human");
    section.looks_like("format", json!({ "enum": ["human", "json"] }));
    let level = section.text_or("level", "info");
    section.finish();
    // A lone word that is no level would be taken for the name of a crate to trace in full: never meant.
    let valid = |part: &str| {
        LEVELS.contains(&part.trim())
            || (part.contains('=') && part.parse::<tracing_subscriber::filter::Targets>().is_ok())
    };
    if !level.value.split(',').all(valid) {
        let hint =
            nearest(&level.value, LEVELS).map_or(String::new(), |near| format!("; did you mean \"{near}\"?"));
        let wrong = format!("level is {}, which is none of {}", quote(&level.value), LEVELS.join(", "));
        section.problem(level.at, &format!("{wrong} and no filter such as \"info,hyper=warn\"{hint}"));
    }
    let format = match format.value.as_str() {
        "human" => LogFormat::Human,
        "json" => LogFormat::Json,
        other => {
            section.problem(
                format.at,
                &format!("format is {}, but must be \"human\" or \"json\"", quote(other)),
            );
            LogFormat::Human
        }
    };
    // The filter doesn't take a blank for what it is.
    let level = level.value.split_whitespace().collect();
    LogConfig { format, level }
}

/// The variables that we know, those of them that are set.
fn environment() -> Result<BTreeMap<String, String>, String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    let set = VARIABLES.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    set.map(|(name, value)| match value.into_string() {
        Ok(value) => Ok((name.to_owned(), value)),
        Err(_) => Err(format!("the environment variable {name} is not UTF-8 text")),
    })
    .collect()
}

/// Whether the file's permissions let its group or everybody read or change it. Root's group is root, who may anyway: so
/// systemd hands out credentials.
#[cfg(unix)]
fn readable_by_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let file = std::fs::metadata(path)?;
    let by_group = file.mode() & 0o070 != 0 && file.gid() != 0;
    Ok(by_group || file.mode() & 0o007 != 0)
}

/// Elsewhere permissions aren't three digits; nothing is said about them.
#[cfg(not(unix))]
fn readable_by_others(_path: &Path) -> io::Result<bool> {
    Ok(false)
}
