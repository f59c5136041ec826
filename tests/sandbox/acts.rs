//! What the person at the page does, done in the world.

use std::time::Duration as StdDuration;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::schedule;
use serde_json::{Value, json};

use super::{Sandbox, Side, admin, reminders};
use fake::okta;
use fake::slack::{self, C_OPS, Input, NotThere, Reply, Sees};

/// Does it, and says what came of it.
pub async fn act(sandbox: &Sandbox, what: &Value) -> Value {
    let result = dispatch(sandbox, what).await;
    sandbox.touched();
    match result {
        Ok(answer) => answer,
        Err(error) => json!({ "ok": false, "error": error }),
    }
}

async fn dispatch(sandbox: &Sandbox, what: &Value) -> Result<Value, String> {
    let text = |key: &str| what[key].as_str().unwrap_or_default();
    let (world, user) = (&sandbox.world, text("user"));
    match text("do") {
        "click" => click(sandbox, user, what).await,
        "submit_view" => {
            let edits = edits(&what["state"]);
            answered(world.slack.submit_view(user, &borrowed(&edits)).await)
        }
        "open_home" => {
            world.slack.open_home(user).await;
            Ok(done())
        }
        "close_view" => {
            while world.slack.close_view(user).await.is_ok() && what["clear"] == true {}
            Ok(done())
        }
        "slash" => {
            let channel = what["channel"].as_str().unwrap_or(C_OPS);
            answered(world.slack.slash(user, channel, text("text")).await)
        }
        "sweep" => answered(world.slack.slash(user, C_OPS, "/inactive-contractors sweep").await),
        "clock" => {
            world.advance(move_by(sandbox, text("move"))?);
            Ok(done())
        }
        "okta_fault" => {
            let fault = match text("fault") {
                "500" => okta::Fault::Status(500, "E0000009"),
                "429" => okta::Fault::RateLimited { reset_in_s: 5 },
                "lost_response" => okta::Fault::LostResponse,
                other => return Err(format!("There is no fault {other}.")),
            };
            // Any call: what a person wants to see is that the next thing the bot does goes wrong.
            world.okta.fail_next("/api/v1", fault);
            sandbox.arm(Side::Okta, text("fault"));
            Ok(done())
        }
        "slack_fault" => {
            let fault = match text("fault") {
                "500" => slack::Fault::Status(500),
                "429" => slack::Fault::RateLimited { retry_after: 5 },
                "lost_response" => slack::Fault::LostResponse,
                other => return Err(format!("There is no fault {other}.")),
            };
            world.slack.fail_next("*", fault);
            sandbox.arm(Side::Slack, text("fault"));
            Ok(done())
        }
        "drop_socket" => {
            world.slack.drop_sockets();
            Ok(done())
        }
        "kill" => {
            world.kill_bot().await;
            Ok(done())
        }
        "start" => start(sandbox).await,
        "big_org" => {
            if sandbox.grow() {
                Ok(done())
            } else {
                Err("The org is big already.".to_owned())
            }
        }
        "sign_in" => sign_in(sandbox, text("okta"), true),
        "sso" => sign_in(sandbox, text("okta"), false),
        "bring_back" => admin::bring_back(sandbox, text("okta"), text("by")).map(|()| done()),
        other => Err(format!("The sandbox can't do {other:?}.")),
    }
}

fn done() -> Value {
    json!({ "ok": true })
}

/// What Slack's client would say.
fn answered(result: Result<Reply, NotThere>) -> Result<Value, String> {
    match result {
        Err(NotThere(why)) => Err(format!("Slack's client doesn't offer that: {why}")),
        Ok(Reply { sees: Sees::Trouble(words), .. }) => Err(format!("Slack says: {words}")),
        Ok(Reply { sees: Sees::ViewErrors(errors), .. }) => Ok(json!({ "ok": true, "errors": errors })),
        Ok(_) => Ok(done()),
    }
}

async fn click(sandbox: &Sandbox, user: &str, what: &Value) -> Result<Value, String> {
    let slack = &sandbox.world.slack;
    let action = &what["action"];
    let name = format!(
        "{}/{}",
        action["block_id"].as_str().unwrap_or_default(),
        action["action_id"].as_str().unwrap_or_default()
    );
    let input = input(action);
    if let Some(message) = what["on"]["message"].as_str().or(what["on"]["ephemeral"].as_str()) {
        return answered(match input {
            None => slack.click(user, message, &name).await,
            Some(input) => slack.choose(user, message, &name, input).await,
        });
    }
    // What was typed elsewhere goes along, whatever was used.
    let edits = edits(&what["state"]);
    slack.fill_in(user, &borrowed(&edits)).map_err(|NotThere(why)| why)?;
    answered(match input {
        None => slack.click_in_view(user, &name, &[]).await,
        Some(input) => slack.choose_in_view(user, &name, input).await,
    })
}

fn borrowed(edits: &[(String, Input)]) -> Vec<(&str, Input)> {
    edits.iter().map(|(name, input)| (name.as_str(), input.clone())).collect()
}

/// What was put into an element that isn't a button.
fn input(element: &Value) -> Option<Input> {
    let value = |option: &Value| option["value"].as_str().unwrap_or_default().to_owned();
    match element["type"].as_str()? {
        "overflow" | "radio_buttons" => {
            element["selected_option"].is_object().then(|| Input::Option(value(&element["selected_option"])))
        }
        // What is empty now may have been filled before.
        "static_select" => Some(Input::Option(value(&element["selected_option"]))),
        "checkboxes" => {
            let options = element["selected_options"].as_array()?;
            Some(Input::Options(options.iter().map(value).collect()))
        }
        "plain_text_input" => Some(Input::Text(element["value"].as_str().unwrap_or_default().to_owned())),
        "datepicker" => Some(Input::Date(element["selected_date"].as_str().unwrap_or_default().to_owned())),
        _ => None,
    }
}

/// All inputs of a view, as the fake takes them.
fn edits(state: &Value) -> Vec<(String, Input)> {
    let mut edits = Vec::new();
    for (block, actions) in state["values"].as_object().into_iter().flatten() {
        for (action, value) in actions.as_object().into_iter().flatten() {
            edits.extend(input(value).map(|input| (format!("{block}/{action}"), input)));
        }
    }
    edits
}

fn move_by(sandbox: &Sandbox, how: &str) -> Result<Duration, String> {
    let now = sandbox.world.clock.now();
    let until = |at: Option<DateTime<Utc>>, what: &str| {
        let at = at.ok_or_else(|| format!("There is no {what}."))?;
        Ok(at - now + Duration::seconds(1))
    };
    match how {
        "hour" => Ok(Duration::hours(1)),
        "day" => Ok(Duration::days(1)),
        "week" => Ok(Duration::weeks(1)),
        "next_sweep" => {
            let schedules = sandbox.world.config().policies;
            until(
                schedules.iter().filter_map(|policy| schedule::next_slot(&policy.schedule, now)).min(),
                "schedule",
            )
        }
        "next_reminder" => until(reminders::next(sandbox), "reminder to come"),
        "past_deadline" => until(sandbox.world.next_deadline(), "open request with a deadline"),
        other => Err(format!("The clock can't move by {other:?}.")),
    }
}

/// How long a started bot may take to connect. Shorter than the world's own patience, which ends in a panic.
const CONNECTS_WITHIN: StdDuration = StdDuration::from_secs(30);

async fn start(sandbox: &Sandbox) -> Result<Value, String> {
    if sandbox.world.bot_runs() {
        return Err("The bot runs already.".into());
    }
    let started = tokio::time::timeout(CONNECTS_WITHIN, sandbox.world.start_bot()).await;
    started.map(|()| done()).map_err(|_| "The bot did not connect; see the terminal.".to_owned())
}

fn sign_in(sandbox: &Sandbox, id: &str, to_okta: bool) -> Result<Value, String> {
    let okta = &sandbox.world.okta;
    let people = okta.people();
    let person = people.iter().find(|person| person.id == id).ok_or("There is no such person in Okta.")?;
    let could = if to_okta {
        okta.sign_in(&person.login)
    } else {
        okta.sso(&person.login);
        true
    };
    if could { Ok(done()) } else { Err(format!("{} can't sign in: the account is not active.", person.name)) }
}
