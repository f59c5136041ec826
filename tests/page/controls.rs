//! Every kind of control that Slack has, in messages: used with the keyboard and by pressing, and what reaches the bot.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::app::{heard, heard_action, option, plain, post};
use super::{ADA, story};
use crate::browser::Browser;
use crate::fake::slack::{C_OPS, U_ADMIN, U_APPROVER};

fn key(key: Key) -> String {
    char::from(key).to_string()
}

fn row(options: &Value, confirm: &Value) -> Value {
    let mut menu = json!({ "type": "overflow", "action_id": "person", "options": options });
    if !confirm.is_null() {
        menu["confirm"] = confirm.clone();
    }
    json!([{ "type": "section", "block_id": "row", "text": plain("Ada Okafor, idle 41 days"), "accessory": menu }])
}

const MENU: &str = "[data-action-id=person]";

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_beside_a_person_works_with_the_keyboard() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let options = json!([
            option("details:7", "Details"),
            option("keep:7", "Keep 30 days"),
            option("exempt:7", "Exempt…")
        ]);
        let message = post(sandbox, C_OPS, "A card", row(&options, &Value::Null)).await;
        let menu = format!("{message} {MENU}");
        page.focus(&menu).await;
        page.keys(&key(Key::Down)).await;
        page.see(&format!("{menu}[aria-expanded=true]")).await;
        page.holds("document.activeElement.dataset.value === 'details:7'").await;
        page.keys(&key(Key::Up)).await;
        page.holds("document.activeElement.dataset.value === 'exempt:7'").await;
        page.keys("k").await;
        page.holds("document.activeElement.dataset.value === 'keep:7'").await;
        page.keys(&key(Key::Escape)).await;
        page.see_no(".menu").await;
        page.holds("document.activeElement.dataset.actionId === 'person'").await;
        page.see(&format!("{menu}[aria-expanded=false]")).await;

        page.keys(&key(Key::Enter)).await;
        page.see(".menu[role=menu] [role=menuitem]").await;
        page.keys(&key(Key::Down)).await;
        page.keys(&key(Key::Enter)).await;
        let action = heard_action(sandbox, "person").await;
        assert_eq!(action["type"], "overflow");
        assert_eq!(action["selected_option"]["value"], "keep:7");
        page.see_no(".menu").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_asks_before_what_it_confirms() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let confirm = json!({
            "title": plain("Keep Ada Okafor?"), "text": plain("For 30 days."), "confirm": plain("Keep"), "deny": plain("No"),
        });
        let before = sandbox.world.slack.last_sent();
        let message = post(sandbox, C_OPS, "A card", row(&json!([option("keep:7", "Keep 30 days")]), &confirm)).await;
        page.input(&format!("{message} {MENU}")).await;
        page.input(".menu [data-value='keep:7']").await;
        page.see_words("dialog.confirm", "For 30 days.").await;
        page.input("dialog.confirm button.deny").await;
        page.see_no("dialog").await;
        assert_eq!(sandbox.world.slack.last_sent(), before, "nothing was sent");
        page.input(&format!("{message} {MENU}")).await;
        page.input(".menu [data-value='keep:7']").await;
        page.input("dialog.confirm button.confirm").await;
        heard_action(sandbox, "person").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_a_menu_opens_the_account_where_it_can_be_brought_back() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let okta = &sandbox.world.okta;
        let account = okta.person("aylin.demir@ext.example").id;
        let mut link = option("okta:7", "Open in Okta");
        link["url"] = json!(format!("{}/admin/user/profile/view/{account}", okta.url()));
        let message = post(sandbox, C_OPS, "A card", row(&json!([link]), &Value::Null)).await;
        page.input(&format!("{message} {MENU}")).await;
        let here = format!("/admin/user/profile/view/{account}");
        page.see(&format!(".menu a[role=menuitem][target=_blank][href='{here}']")).await;

        page.go(&here).await;
        page.see_words("#account h2", "Aylin Demir").await;
        page.see("#account .status[data-status=SUSPENDED]").await;
        page.input("#back-import").await;
        page.see("#account .status[data-status=ACTIVE]").await;
        page.see_words("#changes tbody tr", "Workday").await;
        page.see("#back-import:disabled").await;
        page.go("/admin/user/profile/view/nobody").await;
        page.see_words("#account", "no such account").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_brings_an_account_back_that_the_bot_suspended() {
    story(async |page, sandbox| {
        super::swept(page).await;
        super::suspend(page).await;
        page.see(&super::status_of(ADA, "SUSPENDED")).await;
        let account = sandbox.world.okta.person(ADA).id;
        page.go(&format!("/admin/user/profile/view/{account}")).await;
        page.see_words("#changes tbody tr", "suspended").await;
        page.input("#back-admin").await;
        page.see_words("#account dl", "Ingrid Castro").await;
        page.see("#account .status[data-status=ACTIVE]").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_acts_at_once_reaches_the_bot_with_its_value() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let options = [option("longest", "Longest idle first"), option("name", "By name")];
        let text = json!({ "type": "plain_text_input", "action_id": "search" });
        let blocks = json!([
            { "type": "actions", "block_id": "all", "elements": [
                { "type": "static_select", "action_id": "sort", "placeholder": plain("Order"), "options": options },
                { "type": "datepicker", "action_id": "until", "placeholder": plain("Until") },
                { "type": "checkboxes", "action_id": "ticks", "options": options },
                { "type": "radio_buttons", "action_id": "which", "options": options },
            ]},
            { "type": "input", "block_id": "words", "label": plain("Search"), "dispatch_action": true, "element": text },
        ]);
        post(sandbox, C_OPS, "A form", blocks).await;
        page.choose("[data-action-id=sort]", "name").await;
        assert_eq!(heard_action(sandbox, "sort").await["selected_option"]["value"], "name");
        page.choose("[data-action-id=until]", "2026-12-31").await;
        assert_eq!(heard_action(sandbox, "until").await["selected_date"], "2026-12-31");
        page.input("[data-action-id=ticks] input[value=name]").await;
        assert_eq!(heard_action(sandbox, "ticks").await["selected_options"][0]["value"], "name");
        page.input("[data-action-id=which] input[value=longest]").await;
        assert_eq!(heard_action(sandbox, "which").await["selected_option"]["value"], "longest");
        page.focus("[data-action-id=search]").await;
        page.keys("okafor").await;
        assert_eq!(heard_action(sandbox, "which").await["type"], "radio_buttons", "typing alone sends nothing");
        page.keys(&key(Key::Enter)).await;
        assert_eq!(heard_action(sandbox, "search").await["value"], "okafor");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_replaced_where_it_stands() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        page.input("#big-org").await;
        page.see("#big-org:disabled").await;
        page.say("/inactive-contractors preview").await;
        let note = "#messages li.ephemeral";
        let first = format!("{note} [data-action-id^='ask.']");
        page.see(&first).await;
        let before = page.text(note).await;
        page.input(&first).await;
        heard(sandbox, "the press", |payload| payload["type"] == "block_actions").await;
        page.holds(&format!("document.querySelector('{note}').innerText !== {}", json!(before))).await;
        assert_eq!(page.count(note).await, 1, "no second note");
        page.holds("document.querySelector('#announce').textContent.includes('Only visible to you')").await;
    })
    .await;
}

/// Five hundred candidates: the card has pages, the dialog follows each tick, and the page keeps up with the rest.
#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_candidates_stay_fluent() {
    story(async |page, _| {
        page.open(U_APPROVER).await;
        page.input("#big-org").await;
        page.input("#sweep-now").await;
        page.see_words("#messages li.message", "Page 2 of").await;
        page.holds("document.querySelectorAll('#okta tbody tr').length > 500").await;
        eprintln!("a change is drawn in {} ms", drawing_ms(page).await);
        page.input("#messages [data-action-id^=page]").await;
        page.see_words("#messages li.message", "page 2 of").await;
        // The brake wants to be released by somebody who did not ask for the sweep.
        page.open(U_ADMIN).await;
        page.input("#messages [data-action-id=release]").await;
        page.input("dialog.confirm button.confirm").await;
        page.see("#messages [data-action-id=choose]").await;

        page.open(U_APPROVER).await;
        page.input("#messages [data-action-id=choose]").await;
        page.see_words(".modal button.submit", "Suspend 512").await;
        page.input(".modal [data-action-id^=tick-] input").await;
        page.see_words(".modal button.submit", "Suspend 511").await;
        page.input(".modal button.submit").await;
        page.see_no(".modal").await;
        page.see(".status[data-status=SUSPENDED]").await;
        eprintln!("a change is drawn in {} ms while hundreds are suspended", drawing_ms(page).await);
        page.holds("/(\\d+) suspended/.exec(document.querySelector('#okta-count').innerText)[1] > 10").await;
    })
    .await;
}

/// How long the page is busy with a whole redraw, as after a change of person. Said, and not judged: the browser shares
/// its processor.
async fn drawing_ms(page: &Browser) -> f64 {
    let script = "const who = document.querySelector('#who'); const from = performance.now(); \
                  who.dispatchEvent(new Event('change', { bubbles: true })); return performance.now() - from";
    page.run(script).await.as_f64().expect("a number")
}
