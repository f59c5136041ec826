//! `sweep --dry-run`: the survey of a sweep, printed. It posts nothing, changes nothing, and works beside a running
//! bot, because it reads a copy of the database.

use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use crate::app::App;
use crate::app::survey::{Keep, survey};
use crate::app::wording::{self, assessment_in_words};
use crate::bot::{install_crypto, okta_settings, slack_settings};
use crate::chat::{Connection, Text};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::plan::{Plan, Verdict};
use crate::domain::policy::Policy;
use crate::okta::Okta;
use crate::slack::Slack;
use crate::store::Store;

/// Surveys each policy (or the one named) and prints who would be proposed, who not, and why.
pub async fn run(config: &Config, only: Option<&str>) -> anyhow::Result<()> {
    install_crypto();
    let clock = Clock::system();
    let policies: Vec<Policy> = config
        .policies
        .iter()
        .filter(|policy| only.is_none_or(|name| name == policy.name))
        .cloned()
        .collect();
    anyhow::ensure!(!policies.is_empty(), "there is no policy {}", only.unwrap_or_default());
    let store = Store::open_copy(&config.database, clock.now())?;
    let slack = Slack::connect(slack_settings(config), clock.clone())
        .await
        .context("the approvers' accounts are looked up in Slack")?;
    let okta = Okta::new(okta_settings(config), clock.clone())?;
    let (_, connection) = watch::channel(Connection::Closed);
    let app = App::new(store, Arc::new(slack), Arc::new(okta), clock.clone(), policies, 1, connection);
    for policy in &app.policies {
        let survey = survey(&app, policy, Keep::Everybody, clock.now())
            .await
            .with_context(|| format!("policy {}", policy.name))?;
        print!("{}", table(policy, &survey.plan, &clock));
    }
    Ok(())
}

/// The plan as a table for a terminal.
fn table(policy: &Policy, plan: &Plan, clock: &Clock) -> String {
    use std::fmt::Write;
    let now = clock.now();
    let width = plan.assessed.iter().map(|one| one.account.login.chars().count()).max().unwrap_or(0).min(50);
    let mut out = String::new();
    for one in &plan.assessed {
        let why = plain(&assessment_in_words(&one.assessment, &policy.rule, now));
        let waiting = one.waiting_in.map_or_else(String::new, |id| format!(" (request {id} asks already)"));
        let login = printable(&one.account.login);
        writeln!(out, "{login:width$}  {why}{waiting}").expect("writing to a string can't fail");
    }
    let verdict = match &plan.verdict {
        Verdict::NoCandidates => "nobody would be proposed".into(),
        Verdict::Ask => format!("{} would be proposed", wording::accounts(plan.counts.candidates as usize)),
        Verdict::Preview => format!(
            "{} would be shown as a preview, because the rule has not gone live",
            wording::accounts(plan.counts.candidates as usize)
        ),
        Verdict::Held(guard) => {
            format!("the sweep would be held. {}", plain(&wording::guard_in_words(guard)))
        }
        Verdict::Refused(guard) => {
            format!("the sweep would be refused. {}", plain(&wording::guard_in_words(guard)))
        }
    };
    writeln!(
        out,
        "\n{}: {} looked at; {verdict}. Nothing was posted or changed.",
        policy.name, plan.counts.population
    )
    .expect("writing to a string can't fail");
    out
}

fn plain(text: &Text) -> String {
    printable(&text.to_plain())
}

/// Directory text can't move the cursor or hide lines in a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}
