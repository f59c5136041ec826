//! What people do in the review dialog and in the menus of a card, found as a person finds it: by the person that it is
//! about.

use serde_json::Value;

use crate::fake::slack::{Input, Message, Reply, View};
use crate::support::World;

/// Opens the review dialog from the card.
pub async fn open(world: &World, user: &str, card: &Message) -> View {
    world.slack.click(user, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(user, "the dialog", |view| view.visible_text().contains("Suspend")).await
}

/// The dialog on top.
pub fn top(world: &World, user: &str) -> View {
    world.slack.views(user).pop().expect("a dialog is open")
}

/// The box of the person at this position of the list.
pub fn box_of(view: &View, position: u32) -> String {
    let end = format!("-{position}:0");
    let found = view.actions().into_iter().find(|id| id.starts_with("tick-") && id.ends_with(&end));
    found.unwrap_or_else(|| panic!("no box for {position} in {}", view.visible_text()))
}

fn state(position: u32, ticked: bool) -> Input {
    Input::Options(ticked.then(|| position.to_string()).into_iter().collect())
}

/// The boxes of these people, empty.
pub fn unticked(world: &World, user: &str, positions: &[u32]) -> Vec<(String, Input)> {
    let view = top(world, user);
    positions.iter().map(|&position| (box_of(&view, position), state(position, false))).collect()
}

/// Unticks these people and submits at once, before the bot has heard of the ticks.
pub async fn submit_keeping(world: &World, user: &str, positions: &[u32], more: &[(&str, Input)]) -> Reply {
    let boxes = unticked(world, user, positions);
    let mut edits: Vec<_> = boxes.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
    edits.extend(more.iter().cloned());
    world.slack.submit_view(user, &edits).await.expect("the dialog is open")
}

/// Ticks or unticks one person.
pub async fn tick(world: &World, user: &str, position: u32, ticked: bool) {
    let name = box_of(&top(world, user), position);
    world.slack.choose_in_view(user, &name, state(position, ticked)).await.expect("the box is there");
}

/// Waits until the dialog on top says this.
pub async fn says(world: &World, user: &str, words: &str) -> View {
    let what = format!("a dialog that says {words:?}");
    world.slack.wait_view(user, &what, |view| view.visible_text().contains(words)).await
}

/// Types into the search field and presses Enter.
pub async fn search(world: &World, user: &str, words: &str) {
    let view = top(world, user);
    let field = view.actions().into_iter().find(|id| id.starts_with("search-")).expect("a search field");
    world.slack.choose_in_view(user, &field, Input::Text(words.into())).await.expect("it takes text");
}

/// A menu with an item whose value fits, as `block/action`, with the item's value.
fn item(blocks: &[Value], action: &str, fits: impl Fn(&str) -> bool) -> Option<(String, String)> {
    blocks.iter().find_map(|block| {
        let menu = &block["accessory"];
        // The second menu of a kind has a number after its action.
        let id = menu["action_id"].as_str().filter(|id| id.split('~').next() == Some(action))?;
        let options = menu["options"].as_array()?;
        let values = options.iter().filter_map(|option| option["value"].as_str());
        let value = values.into_iter().find(|value| fits(value))?;
        Some((format!("{}/{id}", block["block_id"].as_str()?), value.to_owned()))
    })
}

/// Opens the dialog that asks until when the person at this position is kept.
pub async fn ask_until(world: &World, user: &str, position: u32) -> View {
    let value = position.to_string();
    let found = item(top(world, user).blocks(), "keep_until", |item| item == value);
    let (menu, value) = found.expect("the menu is there");
    world.slack.choose_in_view(user, &menu, Input::Option(value)).await.expect("the item is there");
    says(world, user, "Keep until then").await
}

/// Whether the card offers this (`details`, `keep`, `exempt`, `give_back`) for the person at this position.
pub fn offers(card: &Message, wanted: &str, position: u32) -> bool {
    find(card, wanted, position).is_some()
}

fn find(card: &Message, wanted: &str, position: u32) -> Option<(String, String)> {
    let fits = |value: &str| {
        let mut parts = value.split(':');
        parts.next() == Some(wanted) && parts.nth(1) == Some(&position.to_string())
    };
    item(&card.current().blocks, "person", fits)
}

/// Chooses from the menu beside the person at this position of the card as it is now.
pub async fn choose(world: &World, user: &str, card: &Message, wanted: &str, position: u32) {
    let card = world.slack.message(&card.ts).expect("the card stands");
    let found = find(&card, wanted, position);
    let (menu, value) = found.unwrap_or_else(|| panic!("no {wanted} for {position}: {}", world.slack.dump()));
    world.slack.select(user, &card.ts, &menu, &value).await.expect("the item is there");
}

/// Chooses from the menu of the card as it was in this snapshot, as a client that is behind does.
pub async fn choose_stale(world: &World, user: &str, seen: &Message, wanted: &str, position: u32) {
    let (menu, value) = find(seen, wanted, position).expect("it was offered then");
    world.slack.select_stale(user, seen, &menu, &value).await.expect("it was there");
}

/// The label of the button that submits the dialog.
pub fn submit_label(view: &View) -> String {
    view.json["submit"]["text"].as_str().unwrap_or_default().to_owned()
}

/// The inputs of a dialog that asks until when and why.
pub fn until(day: &str, reason: &str) -> [(&'static str, Input); 2] {
    [("until", Input::Date(day.into())), ("reason", Input::Text(reason.into()))]
}
