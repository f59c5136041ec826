//! What people do with what they see. Each does it beside the others: a dialog takes several steps, and a click may wait
//! for an acknowledgement that never comes.

use std::time::Duration;

use serde_json::Value;

use crate::fake::slack::{C_OPS, FakeSlack, Input, Message, View};
use crate::plan::Pick;

/// How long somebody waits for a dialog before they give it up.
const FOR_A_DIALOG: Duration = Duration::from_millis(1200);

/// The card to press this on, as the person has it before them: with whether they are behind.
pub fn card(slack: &FakeSlack, action: &str, pick: Pick) -> Option<(Message, bool)> {
    let mut offering = slack.messages(C_OPS).into_iter().filter(|message| message.offers(action)).rev();
    match pick {
        Pick::Newest => offering.next().map(|card| (card, false)),
        Pick::Older => offering.nth(1).map(|card| (card, false)),
        Pick::AsBefore => slack
            .messages(C_OPS)
            .into_iter()
            .rev()
            .find_map(|card| {
                let looked =
                    |count: &usize| Message { versions: card.versions[..*count].to_vec(), ..card.clone() };
                (1..=card.versions.len()).map(|count| looked(&count)).find(|then| then.offers(action))
            })
            .map(|card| (card, true)),
    }
}

/// Presses; anyone who is behind presses what they see.
pub async fn input(slack: FakeSlack, user: &'static str, action: &'static str, card: Message, behind: bool) {
    let _ = if behind {
        slack.click_stale(user, &card, action).await
    } else {
        slack.click(user, &card.ts, action).await
    };
}

/// Opens the review of a card, unticks some, and submits.
pub async fn review(slack: FakeSlack, user: &'static str, card: Message, unticked: u32) {
    let before = slack.views(user).len();
    if slack.click(user, &card.ts, "choose").await.is_err() {
        return;
    }
    let Some(view) = dialog(&slack, user, before).await else { return };
    let edits: Vec<(String, Input)> = (0..32)
        .filter(|position| unticked & (1 << position) != 0)
        .filter_map(|position| {
            let end = format!("-{position}:0");
            let mut boxes = view.actions().into_iter();
            boxes.find(|id| id.starts_with("tick-") && id.ends_with(&end))
        })
        .map(|name| (name, Input::Options(Vec::new())))
        .collect();
    let mut edits: Vec<(&str, Input)> =
        edits.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
    edits.extend(
        view.actions().iter().any(|id| id == "reason").then(|| ("reason", Input::Text("seen".to_owned()))),
    );
    let _ = slack.submit_view(user, &edits).await;
    leave(&slack, user);
}

/// Chooses from the menu beside somebody on the card, and fills in the dialog that comes.
pub async fn row(
    slack: FakeSlack,
    user: &'static str,
    card: Message,
    wanted: &'static str,
    person: usize,
    day: String,
) {
    let Some((menu, value)) = item(&card.current().blocks, wanted, person) else { return };
    let before = slack.views(user).len();
    if slack.select(user, &card.ts, &menu, &value).await.is_err() {
        return;
    }
    let Some(view) = dialog(&slack, user, before).await else { return };
    let edits = [("until", Input::Date(day)), ("reason", Input::Text("on leave".to_owned()))];
    let known = edits.into_iter().filter(|(name, _)| view.actions().iter().any(|id| id == name));
    let _ = slack.submit_view(user, &known.collect::<Vec<_>>()).await;
    leave(&slack, user);
}

async fn dialog(slack: &FakeSlack, user: &str, before: usize) -> Option<View> {
    let mut changes = slack.changed();
    let opened = async {
        loop {
            changes.mark_unchanged();
            let views = slack.views(user);
            if views.len() > before {
                return views.into_iter().next_back();
            }
            let _ = changes.changed().await;
        }
    };
    tokio::time::timeout(FOR_A_DIALOG, opened).await.ok().flatten()
}

/// Whatever is still open is closed: nobody waits in a dialog for ever.
fn leave(slack: &FakeSlack, user: &'static str) {
    let slack = slack.clone();
    tokio::spawn(async move { while slack.close_view(user).await.is_ok() {} });
}

/// The item of a menu on the card, of the person that comes at this place among those who have it.
fn item(blocks: &[Value], wanted: &str, person: usize) -> Option<(String, String)> {
    let found: Vec<(String, String)> = blocks
        .iter()
        .filter_map(|block| {
            let menu = &block["accessory"];
            let id = menu["action_id"].as_str().filter(|id| id.split('~').next() == Some("person"))?;
            let values = menu["options"].as_array()?.iter().filter_map(|option| option["value"].as_str());
            let value = values.into_iter().find(|value| value.split(':').next() == Some(wanted))?;
            Some((format!("{}/{id}", block["block_id"].as_str()?), value.to_owned()))
        })
        .collect();
    (!found.is_empty()).then(|| found[person % found.len()].clone())
}
