//! `sweep --dry-run`: the survey of a sweep, printed. It posts nothing, changes nothing, and works beside a running
//! bot, because it reads a copy of the database.

use std::sync::Arc;
use std::time::Duration;

use anstyle::Style;
use anyhow::Context;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::bot::{Timeouts, adapters, install_crypto};
use crate::chat::slack::Timing;
use crate::chat::{Connection, Text};
use crate::cli::terminal::{BAD, FAINT, GOOD, HEADING, Progress, WARNING, printable, put, show, styled};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::assess::Assessment;
use crate::domain::plan::{Assessed, Plan, Verdict};
use crate::domain::policy::Policy;
use crate::engine::Engine;
use crate::exit::{Exit, Usage};
use crate::identity::Terms;
use crate::messenger::Messenger;
use crate::scheduler::Class;
use crate::services::{Parts, WorkResult};
use crate::store::Store;
use crate::sweep::survey::{KeepMode, survey};
use crate::sweep::surveys::{Survey, Surveys};
use crate::wording::{self, assessment_in_words};

/// Surveys each policy (or the one named) and prints who would be proposed, who not, and why: as a table, or as one JSON
/// object a line for each policy.
pub async fn run(config: &Config, only: Option<&str>, json: bool) -> anyhow::Result<Exit> {
    install_crypto();
    let clock = Clock::system();
    let policies: Vec<Policy> = config
        .policies
        .iter()
        .filter(|policy| only.is_none_or(|name| policy.name == name))
        .cloned()
        .collect();
    if policies.is_empty() {
        anyhow::bail!(Usage(format!("there is no policy {}", only.unwrap_or_default())));
    }
    let store = Store::open_copy(&config.database)?;
    let messenger = Messenger::connect(config, Timing::default(), clock.clone())
        .await
        .with_context(|| format!("the approvers' accounts are looked up in {}", Messenger::name(config)))?;
    let providers = adapters(config, &Timeouts::default(), &clock)?;
    let (_, connection) = watch::channel(Connection::Closed);
    let parts = Parts {
        store,
        chat: messenger.chat(),
        providers,
        clock: clock.clone(),
        policies,
        concurrency: 1,
        connection,
    };
    let engine = Engine::new(parts, Arc::new(Surveys::default()));
    for policy in &engine.s.policies {
        let mut plan =
            surveyed(&engine, policy).await.with_context(|| format!("policy {}", policy.name))?.plan;
        plan.assessed.sort_by(|a, b| {
            let is_last = |one: &Assessed| !matches!(one.assessment, Assessment::Candidate(_));
            (is_last(a), &a.account.login).cmp(&(is_last(b), &b.account.login))
        });
        let terms = engine.s.terms(&policy.rule.provider);
        if json {
            put(format!("{}\n", document(policy, &plan, clock.now(), terms)).as_bytes())?;
        } else {
            show(&table(policy, &plan, clock.now(), terms))?;
        }
    }
    Ok(Exit::Done)
}

/// Surveys a policy while the terminal shows how far that has come.
async fn surveyed(engine: &Engine, policy: &Policy) -> WorkResult<Survey> {
    let progress = Progress::of("accounts listed");
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    let mut survey = std::pin::pin!(Class::Sweep.run(survey(
        &engine.sweeper,
        policy,
        KeepMode::Everybody,
        engine.s.clock.now()
    )));
    loop {
        tokio::select! {
            survey = &mut survey => return survey,
            _ = looks.tick() => if let Some(listing) = engine.s.listings.under_way(&policy.name) {
                progress.at(listing.accounts.into(), listing.expected.map(u64::from));
            },
        }
    }
}

/// The plan for a program.
fn document(policy: &Policy, plan: &Plan, now: DateTime<Utc>, terms: Terms) -> Value {
    let account = |one: &Assessed| {
        json!({
            "login": one.account.login,
            "id": one.account.id.0,
            "assessment": in_a_word(one).0,
            "why": assessment_in_words(&one.assessment, &policy.rule, now).to_plain(),
            "waiting_in": one.waiting_in,
        })
    };
    let (verdict, guard) = match &plan.verdict {
        Verdict::NoCandidates => ("no_candidates", None),
        Verdict::Ask => ("ask", None),
        Verdict::Preview => ("preview", None),
        Verdict::Held(guard) => ("held", Some(guard)),
        Verdict::Refused(guard) => ("refused", Some(guard)),
    };
    json!({
        "policy": policy.name,
        "verdict": verdict,
        "guard": guard.map(|guard| wording::guard_in_words(guard, terms).to_plain()),
        "counts": plan.counts,
        "accounts": plan.assessed.iter().map(account).collect::<Vec<_>>(),
    })
}

/// What was found of an account in one word, and how that looks.
fn in_a_word(one: &Assessed) -> (&'static str, Style) {
    match &one.assessment {
        Assessment::Candidate(_) if one.waiting_in.is_some() => ("waiting", WARNING),
        Assessment::Candidate(_) => ("candidate", BAD),
        Assessment::Unknown(_) => ("unknown", WARNING),
        Assessment::InGrace { .. } => ("in_grace", GOOD),
        Assessment::Active(_) => ("active", GOOD),
        Assessment::Exempt(_) => ("exempt", FAINT),
        Assessment::NotSuspendable(_) => ("not_suspendable", FAINT),
        Assessment::OtherType(_) => ("other_type", FAINT),
    }
}

/// The plan as a table for a terminal.
fn table(policy: &Policy, plan: &Plan, now: DateTime<Utc>, terms: Terms) -> String {
    use std::fmt::Write;
    /// The longest of the words.
    const WORD: usize = 15;
    let width = plan.assessed.iter().map(|one| one.account.login.chars().count()).max().unwrap_or(0).min(50);
    let mut out = String::new();
    if !plan.assessed.is_empty() {
        let heads = format!("{:width$}  {:WORD$}  why", "login", "assessment");
        writeln!(out, "{}", styled(HEADING, &heads)).expect("writing to a string can't fail");
    }
    for one in &plan.assessed {
        let (word, style) = in_a_word(one);
        let word = styled(style, &format!("{word:WORD$}"));
        let why = plain(&assessment_in_words(&one.assessment, &policy.rule, now));
        let waiting = one.waiting_in.map_or_else(String::new, |id| format!(" (request {id} already asks)"));
        let login = printable(&one.account.login);
        writeln!(out, "{login:width$}  {word}  {why}{waiting}").expect("writing to a string can't fail");
    }
    let verdict = match &plan.verdict {
        Verdict::NoCandidates => "nobody would be proposed".into(),
        Verdict::Ask => format!("{} would be proposed", wording::accounts(plan.counts.candidates as usize)),
        Verdict::Preview => format!(
            "{} would be shown as a preview, because the rule is not live",
            wording::accounts(plan.counts.candidates as usize)
        ),
        Verdict::Held(guard) => {
            format!("a guard would hold the sweep. {}", plain(&wording::guard_in_words(guard, terms)))
        }
        Verdict::Refused(guard) => {
            format!("a guard would stop the sweep. {}", plain(&wording::guard_in_words(guard, terms)))
        }
    };
    writeln!(
        out,
        "\n{}: {} checked; {verdict}. Nothing was posted or changed.",
        policy.name, plan.counts.population
    )
    .expect("writing to a string can't fail");
    out
}

fn plain(text: &Text) -> String {
    printable(&text.to_plain())
}
