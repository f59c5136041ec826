//! `config`: what is set and where from, and the shape of the file for editors.

use std::path::PathBuf;

use crate::cli::terminal;
use crate::config::{self, Config, Setting, SettingValue};
use crate::exit::Exit;

/// Where the sources begin, so that most of them stand in one column.
const SOURCES_FROM: usize = 44;

/// What can be asked.
#[derive(clap::Subcommand)]
pub enum ConfigQuestion {
    /// Print what every key is set to, and where that comes from; of a secret only whether it is set
    Show {
        /// The configuration file [default: config/bot.toml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// As a list of objects with section, policy, key, value and source
        #[arg(long)]
        json: bool,
    },
    /// Print a JSON Schema of the configuration file, for editors
    Schema,
}

/// Prints the answer.
pub fn answer(question: &ConfigQuestion) -> anyhow::Result<Exit> {
    let text = match question {
        ConfigQuestion::Show { config, json: false } => as_toml(&Config::settings(config.as_deref())?),
        ConfigQuestion::Show { config, json: true } => {
            serde_json::to_string_pretty(&Config::settings(config.as_deref())?)?
        }
        ConfigQuestion::Schema => serde_json::to_string_pretty(&config::schema())?,
    };
    terminal::put(format!("{}\n", text.trim_end()).as_bytes())?;
    Ok(Exit::Done)
}

/// As a file that one could use: what can't stand there is a comment, and so is each source.
fn as_toml(settings: &[Setting]) -> String {
    let mut lines = Vec::new();
    let mut before = None;
    for setting in settings {
        let section = (setting.section, setting.policy.as_deref());
        if before.replace(section) != Some(section) {
            lines.push(match section {
                (name, None) => format!("\n[{name}]"),
                (name, Some(_)) => format!("\n[[{name}]]"),
            });
        }
        let key = setting.key;
        let line = match &setting.value {
            SettingValue::Value(value) => format!("{key} = {}", config::toml_text(value)),
            SettingValue::NotSet => format!("#{key} = (not set)"),
            SettingValue::Secret(said) => format!("#{key} = {said}"),
        };
        lines.push(format!("{line:SOURCES_FROM$}  # {}", setting.source));
    }
    lines.join("\n").trim_start().to_owned()
}
