//! What people really did, read from the envelopes that Slack sent: who, when, to which request, about which account.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::fake::slack::{FakeSlack, Sent};
use inactive_contractors::domain::ids::RequestId;

/// One click or submitted dialog that names a request.
#[derive(Clone, Debug)]
pub struct Deed {
    pub user: String,
    pub request: RequestId,
    /// The button's action, or the dialog's kind.
    pub verb: String,
    /// When it was first sent.
    pub at: DateTime<Utc>,
    pub acknowledged: bool,
    /// The dialog was closed, which says that it was taken.
    pub closed: bool,
    /// Of a review: who was left ticked, by position.
    pub ticked: Option<BTreeSet<u32>>,
    /// What the click's key ends with.
    pub stamp: Option<String>,
}

/// All of them, in the order in which they were done.
pub fn deeds(slack: &FakeSlack) -> Vec<Deed> {
    slack.everything_sent().iter().filter(|sent| sent.kind == "interactive").filter_map(deed).collect()
}

fn deed(sent: &Sent) -> Option<Deed> {
    let payload = &sent.payload;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let first = |value: &str| value.split(':').next()?.parse().ok();
    let user = text(&payload["user"]["id"])?;
    let (at, acknowledged) = (*sent.at.first()?, !sent.acks.is_empty());
    match payload["type"].as_str()? {
        "block_actions" if payload["view"].is_null() => {
            let action = &payload["actions"][0];
            // A menu's item begins with what is chosen.
            let item = action["selected_option"]["value"].as_str().and_then(|item| item.split_once(':'));
            Some(Deed {
                user,
                request: first(action["value"].as_str().or(item.map(|(_, about)| about))?)?,
                verb: text(&action["action_id"])?,
                at,
                acknowledged,
                closed: false,
                ticked: None,
                stamp: text(&action["action_ts"]),
            })
        }
        "view_submission" => Some(Deed {
            user,
            request: first(payload["view"]["private_metadata"].as_str()?)?,
            verb: text(&payload["view"]["callback_id"])?,
            at,
            acknowledged,
            closed: sent.acks.first().is_some_and(|ack| {
                ack.payload.as_ref().is_none_or(|answer| answer["response_action"] == "clear")
            }),
            ticked: Some(ticked(&payload["view"]["state"]["values"])),
            stamp: None,
        }),
        _ => None,
    }
}

fn ticked(values: &Value) -> BTreeSet<u32> {
    let inputs = values
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(_, block)| block.as_object().into_iter().flatten());
    inputs
        .filter(|(name, _)| name.starts_with("tick-"))
        .flat_map(|(_, input)| input["selected_options"].as_array().cloned().unwrap_or_default())
        .filter_map(|option| option["value"].as_str()?.parse().ok())
        .collect()
}
