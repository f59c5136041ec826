//! The `inactive-contractors` program: parses the command line, builds, runs. Everything else is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use inactive_contractors::clock::Clock;
use inactive_contractors::config::{Config, LogFormat};
use inactive_contractors::{archive, backup, bot, check, dry_run, settings, status};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Finds inactive contractor accounts in Okta, asks for approval in Slack, and suspends what is approved.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect to Slack over Socket Mode and do the job until stopped
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Look at the configuration, both Slack tokens, the channels, Okta's rights and the database, a line each
    Check {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Ask the running bot how it does; fails if something is wrong
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Copy the database to a new file while the bot is at work, and read the copy through
    Backup {
        #[command(flatten)]
        config: ConfigFile,
        /// The new file
        to: PathBuf,
    },
    /// Move audit events of long ago out of the database into files that verify by themselves; the bot must be stopped
    Archive {
        #[command(flatten)]
        config: ConfigFile,
        /// Only events before this day, in UTC
        #[arg(long, value_name = "YYYY-MM-DD")]
        before: chrono::NaiveDate,
        /// The folder that the files go to
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// List, look up and judge every account now
    Sweep {
        #[command(flatten)]
        config: ConfigFile,
        /// Print the plan as a table; post and change nothing. Sweeps that ask are started in Slack
        #[arg(long, required = true)]
        dry_run: bool,
        /// Only this policy
        #[arg(long)]
        policy: Option<String>,
    },
    /// Show what is configured, and the shape of the configuration file
    Config {
        #[command(subcommand)]
        question: settings::Question,
    },
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file [default: config/bot.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

fn main() -> ExitCode {
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let result = runtime.block_on(command(Cli::parse().command));
            // A name that is still being looked up would keep the process for as long as the resolver likes.
            runtime.shutdown_background();
            result
        });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("inactive-contractors: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { config } => {
            let path = config.config;
            let config = Config::load(path.as_deref())?;
            start_log(&config);
            let reloads = reload_on_signal(path)?;
            bot::run(config, Clock::system(), reloads, stop_on_signal()?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Check { config } => check::run(config.config.as_deref()).await,
        Command::Status { config, json } => {
            status::run(&Config::database_of(config.config.as_deref())?, json).await
        }
        Command::Backup { config, to } => {
            backup::run(&Config::load(config.config.as_deref())?, &to).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Archive { config, before, to } => {
            archive::run(&Config::load(config.config.as_deref())?, before, &to).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Sweep { config, dry_run: _, policy } => {
            let config = Config::load(config.config.as_deref())?;
            dry_run::run(&config, policy.as_deref()).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Config { question } => {
            settings::answer(&question)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Logs go to standard error, as lines for people or as JSON.
fn start_log(config: &Config) {
    let filter = filter(&config.log.level);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let log = tracing_subscriber::registry();
    match config.log.format {
        LogFormat::Human => log.with(lines.with_filter(filter)).init(),
        LogFormat::Json => log.with(lines.json().with_filter(filter)).init(),
    }
}

/// The configured filter, which the configuration has validated. The libraries below us show whole frames and
/// addresses with tickets at their chattier levels, so they never go beyond `info`.
fn filter(level: &str) -> Targets {
    const LIBRARIES: [&str; 7] =
        ["hyper", "hyper_util", "reqwest", "rustls", "slack_morphism", "tokio_tungstenite", "tungstenite"];
    let configured: Targets = level.parse().unwrap_or_default();
    let default = configured.default_level().unwrap_or(LevelFilter::OFF);
    // A directive for one of their modules would be the more specific one.
    let others =
        configured.into_iter().filter(|(target, _)| !LIBRARIES.iter().any(|name| target.starts_with(name)));
    let at_most = default.min(LevelFilter::INFO);
    others.collect::<Targets>().with_default(default).with_targets(LIBRARIES.map(|name| (name, at_most)))
}

/// Reads the configuration again at each SIGHUP.
fn reload_on_signal(path: Option<PathBuf>) -> anyhow::Result<bot::Reloads> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())?;
    let (read, reloads) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("reading the configuration again");
            if read.send(Config::load(path.as_deref())).await.is_err() {
                return;
            }
        }
    });
    Ok(reloads)
}

/// Cancelled by the first SIGTERM or Ctrl-C; a second one ends the process at once.
fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if token.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping: work in flight is let finish");
            token.cancel();
        }
    });
    Ok(stop)
}
