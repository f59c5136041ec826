//! `status`: asks the running bot how it does, through the socket beside its database.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::chat::time_in_words;
use crate::cli::terminal::{self, BAD, GOOD, printable, styled};
use crate::exit::Exit;
use crate::monitoring::socket_path;

/// How long the bot may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Prints how the bot does. Succeeds if nothing is wrong; or, of what only has to be `alive`, if the process itself works.
pub async fn run(database: &Path, json: bool, alive: bool) -> anyhow::Result<Exit> {
    let status = ask(database).await?;
    if json {
        terminal::put(format!("{status:#}\n").as_bytes())?;
    } else {
        terminal::show(&lines(&status))?;
    }
    let well = if alive { &status["alive"] } else { &status["healthy"] };
    Ok(if *well == true { Exit::Done } else { Exit::Failed })
}

/// Asks the bot that works with this database for its status.
pub async fn ask(database: &Path) -> anyhow::Result<Value> {
    tokio::time::timeout(PATIENCE, answer(database)).await.context("the bot does not answer")?
}

async fn answer(database: &Path) -> anyhow::Result<Value> {
    let path = socket_path(database);
    let stream = UnixStream::connect(&path).await.with_context(|| {
        format!("no bot is running with this database, or it belongs to another user: {}", path.display())
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::get("/status").header("host", "bot").body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await.context("the bot closed the connection")?;
    let code = response.status();
    let body = response.into_body().collect().await.context("the bot closed the connection")?.to_bytes();
    if !code.is_success() {
        bail!("the bot answered {code}");
    }
    serde_json::from_slice(&body).context("the answer is not from this program")
}

/// For eyes.
fn lines(status: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| "-".to_owned(), printable);
    let time = |value: &Value| {
        let at = value.as_str().and_then(|text| text.parse().ok());
        at.map_or_else(|| text(value), time_in_words)
    };
    let mut lines = vec![format!(
        "inactive-contractors {}, process {}, since {}",
        text(&status["version"]),
        status["pid"],
        time(&status["started_at"])
    )];
    // What else says how it does is an identity provider.
    let signs = status.as_object().into_iter().flatten().filter(|(_, sign)| sign.get("ok").is_some());
    let providers = signs.map(|(what, _)| what.as_str()).filter(|what| !["slack", "database"].contains(what));
    for what in ["slack"].into_iter().chain(providers).chain(["database"]) {
        let sign = &status[what];
        let how = match sign["ok"].as_bool() {
            Some(true) => styled(GOOD, "ok"),
            Some(false) => format!("{}  {}", styled(BAD, "FAIL"), text(&sign["why"])),
            None => "not asked yet".to_owned(),
        };
        lines.push(format!("{what}: {how}"));
    }
    for policy in status["policies"].as_array().into_iter().flatten() {
        let last = &policy["last_sweep"];
        let last = if last.is_null() {
            "no sweep yet".to_owned()
        } else {
            format!("last sweep {}: {}", time(&last["started_at"]), text(&last["outcome"]))
        };
        let paused = if policy["paused"] == true { " PAUSED;" } else { "" };
        let (name, next) = (text(&policy["policy"]), time(&policy["next_sweep"]));
        lines.push(format!("{name}:{paused} {last}; next {next}; {} open", policy["open_requests"]));
    }
    if let Some(why) = status["reload"]["refused"].as_str() {
        lines.push(format!("the last reload was refused: {}", printable(&why.replace('\n', "; "))));
    }
    let wrong = status["wrong"].as_array().into_iter().flatten();
    lines.extend(wrong.map(|sentence| format!("{} {}", styled(BAD, "WRONG:"), text(sentence))));
    let healthy = status["healthy"] == true;
    lines.push(if healthy { styled(GOOD, "healthy") } else { styled(BAD, "NOT HEALTHY") });
    lines.join("\n") + "\n"
}
