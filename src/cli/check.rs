//! `check`: looks at everything that `run` will need, one line each, and says how to fix what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::Path;

use serde_json::json;

use crate::authz::deciders;
use crate::authz::state::{LookedUp, SoFar};
use crate::bot::{Configured, Timeouts, install_crypto, providers};
use crate::chat::Chat;
use crate::chat::slack::{self, Probe, Timing};
use crate::cli::audit::broken;
use crate::cli::status;
use crate::cli::terminal::{BAD, GOOD, Progress, WARNING, printable, put, show, styled};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::deciders::Lack;
use crate::domain::policy::Policy;
use crate::engine::health::others_in_words;
use crate::exit::Exit;
use crate::messenger::Messenger;
use crate::store::{OpenError, Store};
use crate::wording::days_off;
use crate::wording::deciders::{lack_in_words, unable_in_words};
use crate::wording::lineage::reason;

/// So many addresses of people who decide are looked for in the directory.
const ADDRESSES_MAX: usize = 50;

/// What was found of one thing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    /// It works, and somebody should know.
    Warning,
    Failed,
}

/// One line of the report.
struct Line {
    what: String,
    state: State,
    /// What was found, or how to fix it.
    text: String,
}

impl Line {
    /// A probe marks what only warns with a word.
    fn new(what: impl Into<String>, result: Result<String, String>) -> Line {
        let (state, text) = match result {
            Ok(text) => match text.strip_prefix("warning: ") {
                Some(warning) => (State::Warning, warning.to_owned()),
                None => (State::Ok, text),
            },
            Err(fix) => (State::Failed, fix),
        };
        Line { what: what.into(), state, text }
    }

    fn warning(what: impl Into<String>, text: String) -> Line {
        Line { what: what.into(), state: State::Warning, text }
    }
}

/// Runs all checks and prints a line for each, or all as one JSON document.
pub async fn run(path: Option<&Path>, json: bool) -> anyhow::Result<Exit> {
    install_crypto();
    let (lines, wrong) = match Config::load(path) {
        Ok(config) => (look(&config).await, Exit::Failed),
        Err(error) => {
            let problem = |problem: &String| Line::new("configuration", Err(problem.clone()));
            (error.problems().iter().map(problem).collect(), Exit::Configuration)
        }
    };
    let ok = lines.iter().all(|line| line.state != State::Failed);
    if json {
        let lines: Vec<_> = lines
            .iter()
            .map(|line| json!({ "what": line.what, "state": line.state.word(), "text": line.text }))
            .collect();
        put(format!("{}\n", json!({ "ok": ok, "lines": lines })).as_bytes())?;
    } else {
        lines.iter().try_for_each(print_line)?;
    }
    Ok(if ok { Exit::Done } else { wrong })
}

async fn look(config: &Config) -> Vec<Line> {
    let policies = config.policies.iter().map(|policy| &*policy.name).collect::<Vec<_>>().join(", ");
    let mut lines = vec![Line::new("configuration", Ok(format!("read; policies: {policies}")))];
    lines.extend(config.warnings.iter().map(|warning| Line::warning("configuration", warning.clone())));
    let clock = Clock::system();
    lines.extend(config.policies.iter().filter_map(|policy| {
        let warning = days_off::list_ends(policy, clock.now())?.to_plain();
        Some(Line::warning(format!("policy {}", policy.name), warning))
    }));
    lines.extend(chat(config, &clock).await);
    for provider in providers(config, &Timeouts::default(), &clock) {
        lines.extend(probes(config, provider).await);
    }
    lines.push(database(config, &clock).await);
    lines
}

async fn chat(config: &Config, clock: &Clock) -> Vec<Line> {
    match Messenger::connect(config, Timing::default(), clock.clone()).await {
        Ok(messenger) => {
            let channels: Vec<String> = config.policies.iter().map(|policy| policy.channel.clone()).collect();
            let mut probes = messenger.probe(&channels).await;
            let (socket, connections) = socket(config, &messenger).await;
            probes.extend(socket);
            let warnings = messenger.everybody_approves(&config.policies).await;
            let mut lines: Vec<Line> =
                probes.into_iter().map(|probe| Line::new(probe.what, probe.result)).collect();
            lines.extend(warnings.into_iter().map(|text| Line::warning("approvers", text)));
            lines.extend(connections);
            for policy in &config.policies {
                let (line, accounts) = approvers(&*messenger.chat(), policy, clock).await;
                lines.extend(line);
                lines.extend(by_email(config, policy, &accounts, clock).await);
            }
            lines
        }
        Err(error) => vec![Line::new(Messenger::name(config), Err(error.to_string()))],
    }
}

/// Returns whether a socket can be opened, and whether anybody else is connected to the app. A bot that runs knows
/// both, and may lose an input to a second socket; where none does, a connection of our own finds out.
async fn socket(config: &Config, messenger: &Messenger) -> (Vec<Probe>, Option<Line>) {
    let others = match status::ask(&config.database).await {
        Ok(status) => Some(status["other_connections"].as_u64().unwrap_or_default()),
        Err(error) => match error.root_cause().downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                let (probes, counted) = messenger.probe_connection().await;
                return (probes, counted.map(|counted| connections(counted.saturating_sub(1))));
            }
            // It runs, and is for others to ask.
            Some(_) | None => None,
        },
    };
    (vec![messenger.probe_receiving().await], others.map(connections))
}

fn connections(others: u64) -> Line {
    let found = match others {
        0 => "no other bot is connected to this app".to_owned(),
        others => format!("warning: {}", others_in_words(slack::NAME, others)),
    };
    Line::new("Slack connections", Ok(found))
}

/// Returns whether enough of those that are named can decide, and the names of their accounts. `None`: all of them can.
async fn approvers(chat: &dyn Chat, policy: &Policy, clock: &Clock) -> (Option<Line>, BTreeSet<String>) {
    let what = format!("approvers of {}", policy.name);
    let found = match deciders::look_up(chat, policy, &SoFar::default(), clock).await {
        Ok(found) => found,
        // What a sweep would say, and end with.
        Err(error) => return (Some(Line::new(what, Err(format!("{error:#}")))), BTreeSet::new()),
    };
    let LookedUp { accounts, deciders: found } = found;
    let unable = match &found.unable[..] {
        [] => String::new(),
        unable => format!("can't decide: {}", unable_in_words(unable).to_plain()),
    };
    let lack = found.lack_of_policy(policy.approvals_needed);
    let lacks = lack.map(|lack| format!("{}; invite or name more people", lack_in_words(lack)));
    let text =
        lacks.into_iter().chain(Some(unable).filter(|text| !text.is_empty())).collect::<Vec<_>>().join("; ");
    let line = match lack {
        Some(Lack::Approvers { .. } | Lack::Admin) => {
            Some(Line::new(what, Err(format!("when a sweep asks, {text}"))))
        }
        // One person alone can decide as long as no guard holds a sweep.
        Some(Lack::SecondPerson) => Some(Line::warning(what, format!("when a guard holds a sweep, {text}"))),
        None => (!text.is_empty()).then(|| Line::warning(what, text)),
    };
    (line, accounts)
}

/// Warns of accounts that no sweep proposes because their profile has the e-mail address of one of these people. What the
/// provider can't answer is reported by its own lines.
async fn by_email(
    config: &Config,
    policy: &Policy,
    accounts: &BTreeSet<String>,
    clock: &Clock,
) -> Option<Line> {
    let mut configured = providers(config, &Timeouts::default(), clock).into_iter();
    let provider = configured.find(|one| one.name == policy.rule.provider)?.adapter.ok()?;
    let mut found = BTreeMap::new();
    for address in accounts.iter().filter(|name| name.contains('@')).take(ADDRESSES_MAX) {
        for account in provider.find(address, &policy.rule).await.ok()? {
            if account.is_of(&policy.rule.user_type) && account.is_among_by_email_alone(accounts) {
                found.insert(account.id, format!("{} ({address})", account.login));
            }
        }
    }
    let logins: Vec<String> = found.into_values().collect();
    (!logins.is_empty()).then(|| {
        let text = format!(
            "no sweep proposes these accounts, because their profile has an approver's e-mail address; check that they belong to the approver: {}",
            logins.join(", ")
        );
        Line::warning(format!("approvers of {}", policy.name), text)
    })
}

async fn probes(config: &Config, Configured { name, terms, adapter }: Configured) -> Vec<Line> {
    match adapter {
        Ok(provider) => {
            let rules = config.policies.iter().map(|policy| &policy.rule);
            let rules: Vec<_> = rules.filter(|rule| rule.provider == name).collect();
            let probes = provider.probe(&rules).await;
            probes.into_iter().map(|probe| Line::new(probe.what, probe.result)).collect()
        }
        Err(error) => vec![Line::new(terms.name, Err(format!("{error:#}")))],
    }
}

async fn database(config: &Config, clock: &Clock) -> Line {
    let path = config.database.display();
    // Opening it would bring it to the new schema: that is for the start to do.
    if let Ok(Some((found, known))) = Store::older_schema(&config.database) {
        let text = format!(
            "{path} has schema version {found}; the next start copies the file and migrates it to version {known}"
        );
        return Line::new("database", Ok(text));
    }
    let result = match Store::open(&config.database, clock.now()) {
        Ok(store) => {
            let whole = match store.health().await {
                Ok(()) => read_through(&store, "can be written").await,
                Err(error) => Err(error.to_string()),
            };
            closed(store, whole).await
        }
        // A running bot holds the file, which is as it should be.
        Err(OpenError::Held { by, .. }) => match Store::open_to_read(&config.database) {
            Ok(store) => {
                let whole = read_through(&store, &format!("in use by {by}")).await;
                closed(store, whole).await
            }
            Err(error) => Err(error.to_string()),
        },
        Err(error) => Err(error.to_string()),
    };
    Line::new("database", result.map(|found| format!("{path} {found}")))
}

async fn closed(store: Store, found: Result<String, String>) -> Result<String, String> {
    let closed = store.close().await.map_err(|error| error.to_string());
    // What was found comes before what it made of the end.
    found.and_then(|found| closed.map(|()| found))
}

/// Reads every page and every event of the file.
async fn read_through(store: &Store, how: &str) -> Result<String, String> {
    let progress = Progress::of("events of the audit trail");
    let verified = store.verify_file(&|events| progress.at(events, None)).await;
    drop(progress);
    let lineage = store.lineage();
    match verified {
        Ok(Ok(verified)) => match (verified.broken_at, &lineage.stopped) {
            (None, Some(stop)) => Err(format!(
                "{how}, but it is stopped: {}; an admin resumes it in Slack with `/inactive-contractors resume`",
                reason(&lineage, stop, slack::NAME)
            )),
            (None, None) => {
                Ok(format!("{how} and is intact; the audit trail verifies up to event {}", verified.events))
            }
            (Some(seq), _) => Err(broken(seq)),
        },
        Ok(Err(why)) => Err(format!(
            "the file is damaged ({why}); stop the bot, put a backup in its place, and check again"
        )),
        Err(error) => Err(error.to_string()),
    }
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
        }
    }
}

fn print_line(line: &Line) -> std::io::Result<()> {
    let (style, state) = match line.state {
        State::Ok => (GOOD, "ok  "),
        State::Warning => (WARNING, "warn"),
        State::Failed => (BAD, "FAIL"),
    };
    show(&format!("{}  {}: {}\n", styled(style, state), printable(&line.what), printable(&line.text)))
}
