//! `check`: looks at everything that `run` will need, one line each, and says how to mend what is wrong.

use std::path::Path;
use std::process::ExitCode;

use crate::app::wording::days_off;
use crate::bot::{everybody_approves, install_crypto, okta_settings, slack_settings};
use crate::clock::Clock;
use crate::config::Config;
use crate::okta::Okta;
use crate::slack::Slack;
use crate::store::{OpenError, Store};

/// One line of the report.
struct Line {
    what: String,
    result: Result<String, String>,
}

/// Runs all checks and prints a line for each. Fails if one of them did.
pub async fn run(path: Option<&Path>) -> anyhow::Result<ExitCode> {
    install_crypto();
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => {
            for problem in error.problems() {
                print_line(&Line { what: "configuration".into(), result: Err(problem.clone()) });
            }
            return Ok(ExitCode::FAILURE);
        }
    };
    let policies = config.policies.iter().map(|policy| policy.name.as_str()).collect::<Vec<_>>().join(", ");
    let mut lines =
        vec![Line { what: "configuration".into(), result: Ok(format!("read; policies: {policies}")) }];
    lines.extend(
        config
            .warnings
            .iter()
            .map(|warning| Line { what: "configuration".into(), result: Ok(format!("warning: {warning}")) }),
    );
    let clock = Clock::system();
    lines.extend(config.policies.iter().filter_map(|policy| {
        let warning = days_off::list_ends(policy, clock.now())?.to_plain();
        Some(Line { what: format!("policy {}", policy.name), result: Ok(format!("warning: {warning}")) })
    }));
    lines.extend(slack(&config, &clock).await);
    lines.extend(okta(&config, &clock).await);
    lines.push(database(&config, &clock).await);
    for line in &lines {
        print_line(line);
    }
    let failed = lines.iter().any(|line| line.result.is_err());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn slack(config: &Config, clock: &Clock) -> Vec<Line> {
    match Slack::connect(slack_settings(config), clock.clone()).await {
        Ok(slack) => {
            let channels: Vec<String> = config.policies.iter().map(|policy| policy.channel.clone()).collect();
            let probes = slack.probe(&channels).await;
            let warnings = everybody_approves(&slack, &config.policies).await;
            let warning = |text| Line { what: "approvers".into(), result: Ok(format!("warning: {text}")) };
            let probes = probes.into_iter().map(|probe| Line { what: probe.what, result: probe.result });
            probes.chain(warnings.into_iter().map(warning)).collect()
        }
        Err(error) => vec![Line { what: "Slack".into(), result: Err(error.to_string()) }],
    }
}

async fn okta(config: &Config, clock: &Clock) -> Vec<Line> {
    match Okta::new(okta_settings(config), clock.clone()) {
        Ok(okta) => {
            let rules: Vec<_> = config.policies.iter().map(|policy| &policy.rule).collect();
            let probes = okta.probe(&rules).await;
            probes.into_iter().map(|probe| Line { what: probe.what, result: probe.result }).collect()
        }
        Err(error) => vec![Line { what: "Okta".into(), result: Err(format!("{error:#}")) }],
    }
}

async fn database(config: &Config, clock: &Clock) -> Line {
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
    let path = config.database.display();
    Line { what: "database".into(), result: result.map(|found| format!("{path} {found}")) }
}

async fn closed(store: Store, found: Result<String, String>) -> Result<String, String> {
    let closed = store.close().await.map_err(|error| error.to_string());
    // What was found comes before what it made of the end.
    found.and_then(|found| closed.map(|()| found))
}

/// Reads every page and every event of the file.
async fn read_through(store: &Store, how: &str) -> Result<String, String> {
    match store.verify_file().await {
        Ok(Ok(verified)) => match verified.broken_at {
            None => Ok(format!("{how} and is whole; the audit trail holds up to event {}", verified.events)),
            Some(seq) => Err(format!(
                "the audit trail is broken at event {seq}: somebody changed the file. Keep it as evidence, compare it \
                 with a backup and with the heads in the channel"
            )),
        },
        Ok(Err(why)) => Err(format!(
            "the file is damaged ({why}); stop the bot, put a backup in its place, and check again"
        )),
        Err(error) => Err(error.to_string()),
    }
}

fn print_line(line: &Line) {
    match &line.result {
        Ok(detail) => println!("ok    {}: {detail}", line.what),
        Err(mend) => println!("FAIL  {}: {mend}", line.what),
    }
}
