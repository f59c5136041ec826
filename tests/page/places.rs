//! The app's Home and Messages tabs, the people who have only those, and the slash command box.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::app::{button, call, heard, heard_action, plain, post};
use super::{ADA, CHIDI, story};
use crate::browser::Browser;
use crate::fake::okta::Status;
use crate::fake::slack::{U_APPROVER, U_GUEST, U_VIEWER};
use crate::sandbox::Sandbox;
use crate::sandbox::people::{U_ADA, U_CONTRACTOR, U_MANAGER};

fn key(key: Key) -> String {
    char::from(key).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_tab_is_the_persons_own() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        page.input("#place-home").await;
        let opened = |payload: &Value| payload["event"]["type"] == "app_home_opened";
        let event = heard(sandbox, "the opened Home tab", opened).await;
        assert_eq!(event["event"]["user"], U_APPROVER);
        // This one comes after the bot's own.
        page.see("#home-blocks .block").await;
        let title = json!({ "type": "header", "block_id": "title", "text": plain("Hello Alice") });
        let view = json!({ "type": "home", "blocks": [title, button("home_button", "Press here")] });
        let publish = json!({ "user_id": U_APPROVER, "view": view });
        call(sandbox, "views.publish", publish.clone()).await;
        page.see_words("#home", "Hello Alice").await;
        page.see("#place-home[aria-current=page]").await;
        page.input("#home [data-action-id=home_button]").await;
        heard_action(sandbox, "home_button").await;
        let sent = sandbox.world.slack.last_sent().expect("the press was sent");
        assert_eq!(sent["view"]["type"], "home");
        page.choose("#who", U_VIEWER).await;
        page.holds("!document.querySelector('#home').innerText.includes('Hello Alice')").await;
        page.choose("#who", U_APPROVER).await;
        page.input("#place-channel").await;
        page.see("#command").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_in_the_channel_has_direct_messages() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let direct = sandbox.world.slack.direct_channel(U_ADA);
        let message = post(
            sandbox,
            &direct,
            "Do you still need your account?",
            json!([button("need", "I still need this")]),
        )
        .await;
        page.see_words("#who option[value=U0ADA]", "1 new").await;
        assert_eq!(page.count(&message).await, 0, "it is not for the approver");

        page.open(U_ADA).await;
        page.input("#place-channel").await;
        page.see_words("#not-member", "Ada Okafor is not in #contractor-access").await;
        page.see_words("#place-messages", "1").await;
        page.see("#composer[hidden]").await;
        page.input("#place-messages").await;
        page.input(&format!("{message} [data-action-id=need]")).await;
        heard_action(sandbox, "need").await;
        page.see_no("#unread .badge").await;

        page.say("/inactive-contractors status").await;
        let in_direct = |payload: &Value| payload["channel_id"] == direct.as_str();
        heard(sandbox, "a command in the direct messages", in_direct).await;
        page.see("#messages li.ephemeral").await;
        page.open(U_MANAGER).await;
        page.see_words("#who-card", "Grace Berg").await;
        assert_eq!(page.count("#messages li").await, 0, "somebody else's direct messages are not shown");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_completed_and_come_back_with_the_arrow() {
    story(async |page, _| {
        page.open(U_APPROVER).await;
        page.focus("#command").await;
        page.keys("wh").await;
        page.see("#suggestions [role=option][data-value=why]").await;
        page.keys(&key(Key::Tab)).await;
        page.holds("document.querySelector('#command').value === '/inactive-contractors why '").await;
        page.keys("oka").await;
        page.see(&format!("#suggestions [data-value='{ADA}']")).await;
        page.keys(&key(Key::Down)).await;
        page.see("#command[aria-activedescendant=suggestion-0]").await;
        page.keys(&key(Key::Enter)).await;
        page.holds(&format!(
            "document.querySelector('#command').value === '/inactive-contractors why {ADA} '"
        ))
        .await;
        page.keys(&key(Key::Enter)).await;
        page.see_words("#messages li.ephemeral", "idle 41 days").await;
        page.holds("document.querySelector('#command').value === '/inactive-contractors '").await;

        page.keys(&key(Key::Up)).await;
        page.holds(&format!(
            "document.querySelector('#command').value === '/inactive-contractors why {ADA}'"
        ))
        .await;
        page.keys(&key(Key::Down)).await;
        page.holds("document.querySelector('#command').value === '/inactive-contractors '").await;
        page.keys(&key(Key::Down)).await;
        page.see("#suggestions [data-value=exemptions]").await;
        page.keys(&key(Key::Escape)).await;
        page.see("#suggestions[hidden]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_jumps_to_the_next_reminder() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        page.input("#clock-next-reminder").await;
        page.see_words(".toast.error", "There is no reminder to come").await;
        page.say(&format!("/inactive-contractors exempt {ADA} for 30d parental leave cover")).await;
        page.see_words("#messages li.ephemeral", "is exempt until").await;
        let before = sandbox.world.clock.now();
        page.input("#clock-next-reminder").await;
        page.see_words("#messages li.message", "ada.okafor").await;
        let days = (sandbox.world.clock.now() - before).num_days();
        assert!((26..30).contains(&days), "an end is announced days before it: {days}");
        page.input("#clock-week").await;
        page.holds("!document.querySelector('#clock-week').hasAttribute('aria-busy')").await;
        assert!((sandbox.world.clock.now() - before).num_days() >= days + 7);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_jumps_to_the_reminders_of_a_request_that_nobody_answers() {
    story(async |page, _| {
        super::swept(page).await;
        page.input("#clock-next-reminder").await;
        page.see_words("#messages li.message", "Reminder: ").await;
        page.input("#clock-next-reminder").await;
        page.see_words("#messages li.message", "The approvers have not decided yet").await;
        page.input("#clock-past-deadline").await;
        page.input("#messages [data-action-id=ask_again]").await;
        page.see_words("#messages li.message", "took its place").await;
        page.see("#messages [data-action-id=suspend]").await;
    })
    .await;
}

/// A card about the people who can be asked at the page, once the bot has asked them: it does so without haste.
pub async fn asked(page: &Browser, sandbox: &Sandbox) {
    let here = [ADA, CHIDI, "mei.tanaka@ext.example"];
    let others: Vec<_> = sandbox.world.okta.people();
    for person in
        others.iter().filter(|one| one.status == Status::Active && !here.contains(&one.login.as_str()))
    {
        assert!(sandbox.world.okta.sign_in(&person.login));
    }
    super::swept(page).await;
    for who in [U_MANAGER, U_ADA, U_CONTRACTOR] {
        let told = format!("document.querySelector('#who option[value={who}]').innerText.includes('1 new')");
        page.holds(&told).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_concerned_answer_and_the_card_says_so() {
    story(async |page, sandbox| {
        asked(page, sandbox).await;
        page.open(U_ADA).await;
        page.input("#place-messages").await;
        page.input("#messages [data-action-id^='concern.needed']").await;
        page.see_no("#messages [data-action-id^='concern.needed']").await;
        page.open(U_MANAGER).await;
        page.see_words("#messages li.message", "Chidi Eze").await;
        page.input("#messages [data-action-id^='concern.left']").await;
        page.see_words("#messages", "has left").await;
        page.open(U_APPROVER).await;
        page.input("#place-channel").await;
        page.see_words("#messages li.message", "still need").await;
        page.see_words("#messages li.message", "has left").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bots_own_home_shows_what_the_person_may_see() {
    story(async |page, _| {
        super::swept(page).await;
        page.input("#place-home").await;
        page.see_words("#home", "You are an approver of").await;
        page.see("#home [data-action-id=home_sweep]").await;
        page.choose("#who", U_GUEST).await;
        page.holds("document.querySelector('#home').innerText.trim() !== ''").await;
        page.see_no("#home [data-action-id=home_sweep]").await;
        page.holds("!document.querySelector('#home').innerText.includes('Next sweep')").await;
    })
    .await;
}
