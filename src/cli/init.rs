//! `init`: asks the few things that no default can answer, writes the configuration and the Slack app's manifest, and says
//! what to do next in Slack and Okta.
//!
//! Each answer is read by the configuration's own parser at once, so that a mistake is asked again with its reason.
//! Secrets are neither asked for nor written.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::Context;

use crate::bot::okta_scopes;
use crate::cli::check;
use crate::cli::terminal::{FAINT, HEADING, WARNING, show, styled};
use crate::config::{Config, DEFAULT_PATH};
use crate::exit::{Exit, Usage};
use crate::files::{self, READABLE};

const MANIFEST: &str = include_str!("../../bot-manifest.yaml");
/// What the shipped manifest calls the app and the command.
const APP_NAME: &str = "Inactive Contractors";
const COMMAND: &str = "/inactive-contractors";

/// What is asked; each answer can be given as an option instead.
#[derive(clap::Args, Clone, Debug)]
pub struct Answers {
    /// The Okta org's address, such as <https://acme.okta.com>
    #[arg(long, value_name = "URL")]
    org_url: Option<String>,
    /// The id of the Slack channel that is asked, such as C0123ABCDEF
    #[arg(long, value_name = "ID")]
    channel: Option<String>,
    /// Who may approve: ids of Slack users (U…) and user groups (S…), with commas in between
    #[arg(long, value_name = "IDS")]
    approvers: Option<String>,
    /// When to sweep, in five cron fields [default: 0 9 * * *]
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// In which time zone [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Whose accounts: the user type of their Okta profile [default: contractor]
    #[arg(long, value_name = "TYPE")]
    user_type: Option<String>,
    /// How long without a sign of life makes an account inactive [default: 7d]
    #[arg(long, value_name = "PERIOD")]
    inactive_after: Option<String>,
    /// How the bot signs in to Okta: service-app or api-token [default: service-app]
    #[arg(long, value_name = "WAY")]
    okta: Option<String>,
    /// The name of the Slack app [default: Inactive Contractors]
    #[arg(long, value_name = "NAME")]
    app_name: Option<String>,
    /// The slash command [default: /inactive-contractors]
    #[arg(long, value_name = "/NAME")]
    command: Option<String>,
    /// Ask nothing, and take the default of whatever is not given
    #[arg(long)]
    yes: bool,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
}

/// Every answer, as it was given.
#[derive(Clone)]
struct Given {
    org_url: String,
    channel: String,
    approvers: String,
    schedule: String,
    time_zone: String,
    user_type: String,
    inactive_after: String,
    okta: String,
    app_name: String,
    command: String,
}

/// Good answers, so that whatever the parser complains of is the one that was put in their midst.
fn good() -> Given {
    Given {
        org_url: "https://acme.okta.com".to_owned(),
        channel: "C0123ABCDEF".to_owned(),
        approvers: "U0123ABCDEF".to_owned(),
        schedule: "0 9 * * *".to_owned(),
        time_zone: "UTC".to_owned(),
        user_type: "contractor".to_owned(),
        inactive_after: "7d".to_owned(),
        okta: "service-app".to_owned(),
        app_name: APP_NAME.to_owned(),
        command: COMMAND.to_owned(),
    }
}

/// One question.
struct Question {
    option: &'static str,
    text: &'static str,
    /// Whether the answer in [`good`] is a default; otherwise it only is an example.
    has_default: bool,
    given: fn(&Answers) -> Option<&String>,
    slot: fn(&mut Given) -> &mut String,
}

const QUESTIONS: [Question; 10] = [
    Question {
        option: "--org-url",
        text: "The Okta org's address",
        has_default: false,
        given: |answers| answers.org_url.as_ref(),
        slot: |given| &mut given.org_url,
    },
    Question {
        option: "--channel",
        text: "The id of the Slack channel to ask in (at the bottom of the channel's details)",
        has_default: false,
        given: |answers| answers.channel.as_ref(),
        slot: |given| &mut given.channel,
    },
    Question {
        option: "--approvers",
        text: "Who may approve: ids of users (profile, ⋮, \"Copy member ID\") and user groups, with commas in between",
        has_default: false,
        given: |answers| answers.approvers.as_ref(),
        slot: |given| &mut given.approvers,
    },
    Question {
        option: "--schedule",
        text: "When to sweep: minute, hour, day of the month, month, day of the week",
        has_default: true,
        given: |answers| answers.schedule.as_ref(),
        slot: |given| &mut given.schedule,
    },
    Question {
        option: "--time-zone",
        text: "In which time zone",
        has_default: true,
        given: |answers| answers.time_zone.as_ref(),
        slot: |given| &mut given.time_zone,
    },
    Question {
        option: "--user-type",
        text: "Which accounts: the user type in their Okta profile",
        has_default: true,
        given: |answers| answers.user_type.as_ref(),
        slot: |given| &mut given.user_type,
    },
    Question {
        option: "--inactive-after",
        text: "How long without a sign of life makes an account inactive: \"7d\", \"5 working days\"",
        has_default: true,
        given: |answers| answers.inactive_after.as_ref(),
        slot: |given| &mut given.inactive_after,
    },
    Question {
        option: "--okta",
        text: "How the bot signs in to Okta: service-app (only the scopes it needs) or api-token (quicker to make)",
        has_default: true,
        given: |answers| answers.okta.as_ref(),
        slot: |given| &mut given.okta,
    },
    Question {
        option: "--app-name",
        text: "The name of the Slack app",
        has_default: true,
        given: |answers| answers.app_name.as_ref(),
        slot: |given| &mut given.app_name,
    },
    Question {
        option: "--command",
        text: "The slash command",
        has_default: true,
        given: |answers| answers.command.as_ref(),
        slot: |given| &mut given.command,
    },
];

/// Asks, writes both files, and says what to do next. Ends with `check` if nothing is missing.
pub async fn run(path: Option<&Path>, answers: Answers) -> anyhow::Result<Exit> {
    let path = path.unwrap_or(Path::new(DEFAULT_PATH));
    let manifest_path = path.with_file_name("bot-manifest.yaml");
    if path == manifest_path {
        anyhow::bail!(Usage(
            "--config names the configuration; the manifest gets the name bot-manifest.yaml".to_owned()
        ));
    }
    if let Some(there) =
        [path, &manifest_path].into_iter().find(|path| files::is_taken(path) && !answers.force)
    {
        anyhow::bail!(
            "there is a file {} already; --force replaces it, --config names another",
            there.display()
        );
    }
    let asks = !answers.yes && std::io::stdin().is_terminal();
    let given = if asks { ask(&answers)? } else { take(&answers)? };
    let config =
        read(&given).map_err(|problem| Usage(format!("the answers contradict each other: {problem}")))?;
    write(path, &toml(&given))?;
    write(&manifest_path, &manifest(&given))?;
    show(&format!("{}\n", next_steps(&given, &okta_scopes(&config.policies), path, &manifest_path)))?;
    match Config::load(Some(path)) {
        Ok(_) => {
            show("\nEverything is set; this is what `check` finds:\n\n")?;
            check::run(Some(path), false).await
        }
        Err(error) => {
            let missing = error.problems().iter().map(|problem| format!("  {}\n", without_place(problem)));
            let path = path.display();
            show(&format!(
                "\nStill missing:\n{}\nThen: inactive-contractors check --config {path}\n",
                missing.collect::<String>()
            ))?;
            Ok(Exit::Done)
        }
    }
}

/// Every answer from the options; defaults for the rest.
fn take(answers: &Answers) -> anyhow::Result<Given> {
    let needed = QUESTIONS.iter().filter(|question| !question.has_default);
    let missing: Vec<&str> = needed
        .filter(|question| (question.given)(answers).is_none())
        .map(|question| question.option)
        .collect();
    if !missing.is_empty() {
        anyhow::bail!(Usage(format!(
            "this is not a terminal, and these have no default: {}",
            missing.join(", ")
        )));
    }
    let mut given = good();
    for question in &QUESTIONS {
        if let Some(answer) = (question.given)(answers) {
            accept(&mut given, question, answer)
                .map_err(|problem| Usage(format!("{}: {problem}", question.option)))?;
        }
    }
    Ok(given)
}

/// Asks whatever the options leave open, on standard error, until each answer is good.
fn ask(answers: &Answers) -> anyhow::Result<Given> {
    let mut given = good();
    for question in &QUESTIONS {
        let mut from_option = (question.given)(answers).cloned();
        loop {
            let answer = match from_option.take() {
                Some(answer) => answer,
                None => one_line(question, &given)?,
            };
            match accept(&mut given, question, &answer) {
                Ok(()) => break,
                Err(problem) => anstream::eprintln!("{}", styled(WARNING, &problem)),
            }
        }
    }
    Ok(given)
}

/// Asks a question once. An empty line takes the default.
fn one_line(question: &Question, given: &Given) -> anyhow::Result<String> {
    let shown = (question.slot)(&mut given.clone()).clone();
    let hint = if question.has_default { format!("[{shown}]") } else { format!("(such as {shown})") };
    anstream::eprint!("{} {}: ", question.text, styled(FAINT, &hint));
    std::io::stderr().flush()?;
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).context("can't read the answer")?;
    anyhow::ensure!(read > 0, "nothing was written, because not all questions were answered");
    let answer = line.trim();
    Ok(if answer.is_empty() && question.has_default { shown } else { answer.to_owned() })
}

/// Puts an answer in its place if it is a good one; otherwise says what is wrong with it.
fn accept(given: &mut Given, question: &Question, answer: &str) -> Result<(), String> {
    let answer = answer.trim();
    if answer.is_empty() {
        return Err("an answer is needed".to_owned());
    }
    if answer.chars().any(char::is_control) {
        return Err("that contains characters that can't be used".to_owned());
    }
    // The files are read by more people than may see a token, and each may be shown.
    if ["xoxb-", "xoxp-", "xapp-", "-----BEGIN"].iter().any(|mark| answer.contains(mark)) {
        return Err(
            "that is a secret, and these files must not contain secrets. Set it in the environment later"
                .to_owned(),
        );
    }
    let mut tried = good();
    answer.clone_into((question.slot)(&mut tried));
    read(&tried)?;
    answer.clone_into((question.slot)(given));
    Ok(())
}

/// The configuration that these answers make, or what is wrong with it.
fn read(given: &Given) -> Result<Config, String> {
    // Slack's own bound for the name of an app: https://docs.slack.dev/reference/app-manifest
    if given.app_name.chars().count() > 35 {
        return Err("Slack takes at most 35 characters for the name of an app".to_owned());
    }
    if !["service-app", "api-token"].contains(&given.okta.as_str()) {
        return Err("the answer must be service-app or api-token".to_owned());
    }
    let variables = [("SLACK_BOT_TOKEN", "xoxb-"), ("SLACK_APP_TOKEN", "xapp-"), ("OKTA_API_TOKEN", "x")];
    let variables: BTreeMap<String, String> =
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let no_files = |_: &Path| Err(std::io::ErrorKind::NotFound.into());
    Config::parse(&toml(given), "", &variables, &no_files).map_err(|error| {
        let problems: Vec<&str> = error.problems().iter().map(|problem| without_place(problem)).collect();
        problems.join("\n")
    })
}

/// A problem without its file, line and column: those of a file that isn't there yet help nobody.
fn without_place(problem: &str) -> &str {
    problem.split_once(": ").map_or(problem, |(_, text)| text)
}

fn toml(given: &Given) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let ids = |is_group: bool| {
        let ids = given.approvers.split(',').map(str::trim).filter(|id| !id.is_empty());
        let ids: Vec<String> = ids.filter(|id| id.starts_with('S') == is_group).map(text).collect();
        ids.join(", ")
    };
    let app = "# The service app: its client id, and a file (chmod 600) with its private key in PEM. Or set OKTA_CLIENT_ID and\n\
               # OKTA_PRIVATE_KEY.\n\
               #client_id = \"0oa1b2c3d4e5f6g7h8i9\"\n\
               #private_key_file = \"/etc/inactive-contractors/okta-private-key.pem\"\n";
    let token = "# The API token is OKTA_API_TOKEN, or in a file (chmod 600):\n\
                 #api_token_file = \"/etc/inactive-contractors/okta-api-token\"\n";
    format!(
        "# The configuration of inactive-contractors, as `init` made it. config/bot.example.toml of its sources has every\n\
         # other key, with its default and what it does. Secrets have no place here.\n\
         \n\
         [slack]\n\
         # The same word as in the app's manifest. The tokens are SLACK_BOT_TOKEN and SLACK_APP_TOKEN.\n\
         command = {command}\n\
         \n\
         [okta]\n\
         org_url = {org_url}\n\
         {credential}\
         \n\
         [[policy]]\n\
         # Commands, messages and history use this name.\n\
         name = \"contractors\"\n\
         # Which accounts, and how long without a sign of life makes one inactive.\n\
         user_type = {user_type}\n\
         inactive_after = {inactive_after}\n\
         # When the sweep runs: minute, hour, day of the month, month, day of the week.\n\
         schedule = {schedule}\n\
         time_zone = {time_zone}\n\
         # Where the bot asks; invite it there.\n\
         channel = {channel}\n\
         # Who may approve. They may also do what admins may, unless `admins` names others.\n\
         approvers = {{ users = [{users}], groups = [{groups}] }}\n\
         # Logins or ids of the accounts for emergencies, which no button can ever suspend. Fill this in.\n\
         break_glass = []\n",
        command = text(&given.command),
        org_url = text(&given.org_url),
        credential = if given.okta == "api-token" { token } else { app },
        user_type = text(&given.user_type),
        inactive_after = text(&given.inactive_after),
        schedule = text(&given.schedule),
        time_zone = text(&given.time_zone),
        channel = text(&given.channel),
        users = ids(false),
        groups = ids(true),
    )
}

/// The shipped manifest with the names that were chosen.
fn manifest(given: &Given) -> String {
    // A text of JSON is one of YAML.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    MANIFEST
        .replace(&format!("name: {APP_NAME}"), &format!("name: {}", quoted(&given.app_name)))
        .replace(&format!("@{APP_NAME}"), &format!("@{}", given.app_name))
        .replace(&format!("command: {COMMAND}"), &format!("command: {}", quoted(&given.command)))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder
        .map_or(Ok(()), files::create_folder)
        .and_then(|()| files::write_whole(path, text.as_bytes(), READABLE))
        .with_context(|| format!("can't write {}", path.display()))
}

/// What nobody can do but a person, in order.
fn next_steps(given: &Given, scopes: &[String], path: &Path, manifest: &Path) -> String {
    let admin = given.org_url.trim_end_matches('/').replacen(".okta", "-admin.okta", 1);
    // Both ways take the same rights.
    let role = "a custom role with View users, Suspend users and Unsuspend users (and Clear users'\n\
                \x20    sessions, for clear_sessions), on a resource set that holds only the accounts in question;\n\
                \x20    and a role that may read the System Log and users' roles";
    let okta = if given.okta == "api-token" {
        format!(
            "  6. Make a service account, and give it the least it needs: {role}.\n\
             \x20 7. Signed in as that account: Security → API → Tokens → Create token. This is OKTA_API_TOKEN. It\n\
             \x20    dies with the account, and after 30 days without use."
        )
    } else {
        format!(
            "  6. Applications → Create App Integration → API Services. Client authentication: Public key / Private\n\
             \x20    key; add a key and keep the private half as PEM. DPoP may stay on.\n\
             \x20 7. Okta API Scopes: grant {}\n\
             \x20    (and okta.groups.read if you exempt groups).\n\
             \x20 8. Admin roles, the least it needs: {role}.\n\
             \x20 9. The app's client id and its key are OKTA_CLIENT_ID and OKTA_PRIVATE_KEY, or client_id and\n\
             \x20    private_key_file in {}.",
            scopes.join(", "),
            path.display()
        )
    };
    format!(
        "Written: {} and {}\n\n\
         {}\n\
         \x20 1. https://api.slack.com/apps → Create New App → From a manifest → your workspace; paste {}.\n\
         \x20 2. Basic Information → App-Level Tokens → Generate, with the scope connections:write. This is\n\
         \x20    SLACK_APP_TOKEN (xapp-…).\n\
         \x20 3. Install App. This gives SLACK_BOT_TOKEN (xoxb-…).\n\
         \x20 4. In the channel {}: /invite @{}\n\
         \x20 5. Keep the tokens in the environment or in files that only the bot may read, never in the configuration.\n\n\
         {}\n{okta}",
        path.display(),
        manifest.display(),
        styled(HEADING, "In Slack:"),
        manifest.display(),
        given.channel,
        given.app_name,
        styled(HEADING, &format!("In Okta ({admin}):")),
    )
}
