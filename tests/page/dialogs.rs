//! Dialogs that act at once, that the app changes under the person's hands, and that lie on top of each other.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::app::{button, call, heard_action, option, plain, post, trigger};
use super::story;
use crate::browser::Browser;
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::sandbox::Sandbox;

const SEARCH: &str = ".modal [data-action-id=search]";
const LONG: usize = 40;

/// A dialog like the review's: a search that acts on Enter, boxes that act at once, a reason, and a lot below.
fn review(submit: &str, rest: usize) -> Value {
    let people = [option("ada", "Ada Okafor, 41 days"), option("chidi", "Chidi Eze, 97 days")];
    let mut blocks = vec![
        json!({
            "type": "input", "block_id": "words", "label": plain("Search"), "optional": true, "dispatch_action": true,
            "element": { "type": "plain_text_input", "action_id": "search" },
        }),
        json!({
            "type": "input", "block_id": "people", "label": plain("Suspend"), "optional": true, "dispatch_action": true,
            "element": { "type": "checkboxes", "action_id": "ticked", "options": people, "initial_options": people },
        }),
        json!({
            "type": "input", "block_id": "why", "label": plain("Reason"),
            "element": { "type": "plain_text_input", "action_id": "reason", "multiline": true },
        }),
        button("until", "Keep until…"),
    ];
    blocks.extend((0..rest).map(|number| {
        json!({ "type": "section", "block_id": format!("p{number}"), "text": plain(&format!("Person {number}")) })
    }));
    modal("Choose who", submit, &Value::from(blocks))
}

fn modal(title: &str, submit: &str, blocks: &Value) -> Value {
    json!({ "type": "modal", "title": plain(title), "submit": plain(submit), "close": plain("Cancel"), "blocks": blocks })
}

/// Opens the dialog with a button of a message, as an app does. Returns its id.
async fn open(page: &Browser, sandbox: &Sandbox, view: Value) -> String {
    page.open(U_APPROVER).await;
    let message = post(sandbox, C_OPS, "A card", json!([button("open", "Choose…")])).await;
    page.input(&format!("{message} [data-action-id=open]")).await;
    heard_action(sandbox, "open").await;
    let answer = call(sandbox, "views.open", json!({ "trigger_id": trigger(sandbox), "view": view })).await;
    answer["view"]["id"].as_str().expect("a view has an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_changes_leaves_the_person_where_they_are() {
    story(async |page, sandbox| {
        let view = open(page, sandbox, review("Suspend 2", LONG)).await;
        page.see_words(".modal button.submit", "Suspend 2").await;
        page.holds("document.activeElement.dataset.actionId === 'search'").await;
        page.input(".modal [data-action-id=ticked] input[value=chidi]").await;
        let action = heard_action(sandbox, "ticked").await;
        assert_eq!(action["selected_options"].as_array().map(Vec::len), Some(1));

        page.focus(".modal [data-action-id=reason]").await;
        page.keys("contract ends").await;
        let caret = "(() => { const one = document.activeElement; one.setSelectionRange(3, 3); \
                     document.querySelector('.modal .dialog-body').scrollTop = 90; return true; })()";
        page.run(&format!("return {caret}")).await;
        let update = json!({ "view_id": view, "view": review("Suspend 1", LONG - 5) });
        call(sandbox, "views.update", update).await;
        page.see_words(".modal button.submit", "Suspend 1").await;
        page.holds("document.activeElement.value === 'contract ends'").await;
        page.holds("document.activeElement.selectionStart === 3").await;
        page.holds("document.querySelector('.modal .dialog-body').scrollTop === 90").await;
        page.holds("!document.querySelector('.modal input[value=chidi]').checked").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_acts_on_enter_and_knows_when_it_is_emptied() {
    story(async |page, sandbox| {
        open(page, sandbox, review("Suspend 2", 0)).await;
        page.focus(".modal [data-action-id=reason]").await;
        page.keys("because").await;
        page.focus(SEARCH).await;
        page.keys(&format!("okafor{}", char::from(Key::Enter))).await;
        assert_eq!(heard_action(sandbox, "search").await["value"], "okafor");
        page.see(".modal").await;
        let sent = sandbox.world.slack.last_sent().expect("the search was sent");
        assert_eq!(
            sent["view"]["state"]["values"]["why"]["reason"]["value"], "because",
            "what else was typed"
        );
        page.choose(SEARCH, "").await;
        page.input(".modal [data-action-id=ticked] input[value=ada]").await;
        heard_action(sandbox, "ticked").await;
        let sent = sandbox.world.slack.last_sent().expect("the tick was sent");
        assert_eq!(sent["view"]["state"]["values"]["words"]["search"]["value"], Value::Null);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dialogs_are_stacked_and_closing_one_shows_the_one_below() {
    story(async |page, sandbox| {
        open(page, sandbox, review("Suspend 2", 0)).await;
        page.focus(".modal [data-action-id=reason]").await;
        page.keys("half a thought").await;
        page.input(".modal [data-action-id=until]").await;
        heard_action(sandbox, "until").await;
        let date = json!([{
            "type": "input", "block_id": "day", "label": plain("Keep until"),
            "element": { "type": "datepicker", "action_id": "date" },
        }]);
        let pushed =
            json!({ "trigger_id": trigger(sandbox), "view": modal("Keep Ada Okafor", "Keep", &date) });
        call(sandbox, "views.push", pushed).await;
        page.see_words(".modal h2", "Keep Ada Okafor").await;
        page.see_words(".modal .trail", "Choose who").await;
        assert_eq!(page.count("dialog").await, 1, "the one below is not in the way");

        // Slack asks for what is missing at its field, before the app hears of it.
        page.input(".modal button.submit").await;
        page.see_words(".modal [data-block-id=day] .error", "complete this required field").await;
        page.holds("document.activeElement.getAttribute('aria-invalid') === 'true'").await;
        page.see(".modal [data-block-id=day].invalid").await;

        page.input(".modal button.back").await;
        page.see_words(".modal h2", "Choose who").await;
        page.holds("document.querySelector('.modal [data-action-id=reason]').value === 'half a thought'")
            .await;
        page.holds("document.activeElement.dataset.actionId === 'until'").await;
        page.input(".modal button.close-all").await;
        page.see_no(".modal").await;
        assert!(sandbox.world.slack.views(U_APPROVER).is_empty());
    })
    .await;
}
