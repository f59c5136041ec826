//! The `inactive-contractors` program: parses the command line, builds, runs. Everything else is in the library.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use inactive_contractors::cli::audit::{self, Export};
use inactive_contractors::cli::init::{self, Answers};
use inactive_contractors::cli::{archive, backup, check, config, dry_run, restore, status, terminal};
use inactive_contractors::clock::Clock;
use inactive_contractors::config::{Config, LogFormat};
use inactive_contractors::exit::{self, Exit, Usage};
use inactive_contractors::{VERSION, bot};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Finds inactive contractor accounts in Okta, asks for approval in Slack, and suspends what is approved.
#[derive(Parser)]
#[command(name = "inactive-contractors", version = VERSION, after_help = exit::HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the bot: connect to Slack over Socket Mode and work until stopped
    Run {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Ask a few questions, write the configuration and the Slack app's manifest, and say what to do next
    Init {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        answers: Answers,
    },
    /// Test the configuration, both Slack tokens, the channels, Okta's rights and the database, one line for each
    Check {
        #[command(flatten)]
        config: ConfigFile,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Show the health of the running bot; fails if something is wrong
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
        /// Fail only if the process itself hangs, which a restart may fix; not for Slack or Okta
        #[arg(long)]
        alive: bool,
    },
    /// Show what is configured, and the shape of the configuration file
    Config {
        #[command(subcommand)]
        question: config::ConfigQuestion,
    },
    /// Verify the audit trail, also while the bot is running, and report up to which event it is intact
    Verify {
        #[command(flatten)]
        config: ConfigFile,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Export the audit trail
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Copy the database to a new file, also while the bot is running, and verify the copy
    Backup {
        #[command(flatten)]
        config: ConfigFile,
        /// The new file
        to: PathBuf,
    },
    /// Restore the database from a copy; the bot must be stopped, and executes no earlier approval when it starts
    Restore {
        #[command(flatten)]
        config: ConfigFile,
        /// The copy, as `backup` made it or a migration left it
        from: PathBuf,
    },
    /// Move old audit events out of the database into files that can be verified on their own; the bot must be stopped
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
        /// Print the plan as a table; post and change nothing. To start a sweep that asks, use Slack
        #[arg(long, required = true)]
        dry_run: bool,
        /// Only this policy
        #[arg(long)]
        policy: Option<String>,
        /// Print one line of JSON for each policy
        #[arg(long)]
        json: bool,
    },
    /// Print the completion script of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of the program, or of one of its commands, for `man -l`
    Man {
        /// The command, such as `audit export`
        command: Vec<String>,
    },
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Write events of the audit trail, oldest first, also while the bot is running
    Export {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        export: Export,
    },
}

#[derive(clap::Args)]
struct ConfigFile {
    /// The configuration file [default: config/bot.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }

    /// Returns the database for commands that need no token, such as backups.
    fn database(&self) -> anyhow::Result<PathBuf> {
        Ok(Config::database_of(self.config.as_deref())?)
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let result = runtime.block_on(command(cli.command));
            // A name that is still being looked up would keep the process for as long as the resolver likes.
            runtime.shutdown_background();
            result
        });
    result.unwrap_or_else(|error| exit::tell(&error)).into()
}

async fn command(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Run { config } => {
            let path = config.config.clone();
            let config = config.load()?;
            bot::install_crypto();
            let _exporting = start_log(&config)?;
            let reloads = reload_on_signal(path)?;
            bot::run(config, Clock::system(), reloads, stop_on_signal()?).await?;
            Ok(Exit::Done)
        }
        Command::Init { config, answers } => init::run(config.config.as_deref(), answers).await,
        Command::Check { config, json } => check::run(config.config.as_deref(), json).await,
        Command::Status { config, json, alive } => status::run(&config.database()?, json, alive).await,
        Command::Config { question } => config::answer(&question),
        Command::Verify { config, json } => audit::verify(&config.database()?, json).await,
        Command::Audit(AuditCommand::Export { config, export }) => {
            audit::export(&config.load()?, &export).await
        }
        Command::Backup { config, to } => backup::run(&config.database()?, &to).await,
        Command::Restore { config, from } => restore::run(&config.database()?, &from).await,
        Command::Archive { config, before, to } => archive::run(&config.database()?, before, &to).await,
        Command::Sweep { config, dry_run: _, policy, json } => {
            dry_run::run(&config.load()?, policy.as_deref(), json).await
        }
        Command::Completions { shell } => {
            let (mut cli, mut script) = (Cli::command(), Vec::new());
            let name = cli.get_name().to_owned();
            clap_complete::generate(shell, &mut cli, name, &mut script);
            terminal::put(&script)?;
            Ok(Exit::Done)
        }
        Command::Man { command } => {
            terminal::put(&manual_page(&command)?)?;
            Ok(Exit::Done)
        }
    }
}

/// The manual page of the command that these words name; of the whole program without any.
fn manual_page(words: &[String]) -> anyhow::Result<Vec<u8>> {
    let mut cli = Cli::command();
    // Gives each command its full name.
    cli.build();
    let mut named = &cli;
    for word in words {
        let found = named.find_subcommand(word);
        named = found.ok_or_else(|| Usage(format!("there is no command {}", words.join(" "))))?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(named.clone())
        .source(format!("inactive-contractors {VERSION}"))
        .render(&mut page)?;
    Ok(page)
}

/// Logs go to standard error, as lines for people or as JSON; spans to where OpenTelemetry's variables say, until what is
/// returned is dropped.
#[cfg_attr(not(feature = "otlp"), expect(clippy::unnecessary_wraps, reason = "what exports traces may fail"))]
fn start_log(config: &Config) -> anyhow::Result<impl Sized + use<>> {
    let coloured = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(coloured);
    let lines = match config.log.format {
        LogFormat::Human => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    let log = tracing_subscriber::registry().with(lines.with_filter(filter(&config.log.level)));
    #[cfg(feature = "otlp")]
    let (log, exporting) = {
        let (spans, exporting) = inactive_contractors::traces::layer(config.traces)?.unzip();
        (log.with(spans), exporting)
    };
    #[cfg(not(feature = "otlp"))]
    let exporting = ();
    log.init();
    Ok(exporting)
}

/// The configured filter, which the configuration has validated. The libraries below us show whole frames and
/// addresses with tickets at their chattier levels, so they never go beyond `info`.
fn filter(level: &str) -> Targets {
    const LIBRARIES: [&str; 7] =
        ["hyper", "hyper_util", "reqwest", "rustls", "slack_morphism", "tokio_tungstenite", "tungstenite"];
    let configured: Targets = level.parse().unwrap_or_default();
    let default = configured.default_level().unwrap_or(LevelFilter::OFF);
    // At `info` libraries tell of their own workings; a directive that names one still gets it.
    let quiet = if default == LevelFilter::INFO { LevelFilter::WARN } else { default };
    // A directive for one of their modules would be the more specific one.
    let (theirs, others): (Vec<_>, Vec<_>) =
        configured.into_iter().partition(|(target, _)| LIBRARIES.iter().any(|name| target.starts_with(name)));
    let at_most = |name: &str| {
        let asked = theirs.iter().find(|(target, _)| target == name).map_or(quiet, |(_, level)| *level);
        asked.min(default).min(LevelFilter::INFO)
    };
    let libraries = LIBRARIES.map(|name| (name, at_most(name)));
    let ours = Targets::new().with_default(quiet).with_target(env!("CARGO_CRATE_NAME"), default);
    ours.with_targets(others).with_targets(libraries)
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

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::filter;

    #[test]
    fn a_library_may_be_made_quieter_and_never_chattier_than_info() {
        let shows = |level: &str, target: &str, at: &Level| filter(level).would_enable(target, at);
        for library in ["hyper", "tokio_cron_scheduler"] {
            assert!(
                !shows("info", library, &Level::INFO) && shows("info", library, &Level::WARN),
                "{library}"
            );
            assert!(shows(&format!("info,{library}=info"), library, &Level::INFO), "{library}");
            assert!(shows("debug", library, &Level::INFO), "{library}");
        }
        assert!(!shows("info,hyper=warn", "hyper", &Level::INFO));
        assert!(shows("info", "inactive_contractors::identity::okta", &Level::INFO));
        assert!(shows("info,hyper=warn", "hyper", &Level::WARN));
        for level in ["trace", "trace,hyper=trace", "info,hyper::client=trace"] {
            assert!(!shows(level, "hyper::client", &Level::DEBUG), "{level}");
        }
        assert!(shows(
            "warn,inactive_contractors=debug",
            "inactive_contractors::identity::okta",
            &Level::DEBUG
        ));
    }
}
