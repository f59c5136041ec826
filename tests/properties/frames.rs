//! What Slack sends back of what was shown: each control comes back as what it was, and half a frame is none.

use inactive_contractors::chat::slack::fuzzing::{Frame, frame as read, message, view};
use inactive_contractors::chat::{Block, Button, Card, Choice, Modal, Text, What};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::generate::{holds, nasty};
use crate::targets::frame::{self, COMMAND};
use crate::targets::{kit, now, team_url};

fn input(frame: &Value) -> What {
    let text = frame.to_string();
    frame::check(text.as_bytes());
    match read(&text, COMMAND, now()) {
        Frame::Input(inbound, _) => inbound.what,
        other => panic!("not read: {other:?}: {frame}"),
    }
}

fn click(action: &str, value: &str) -> Value {
    json!({ "type": "interactive", "envelope_id": "e", "payload": {
        "type": "block_actions", "trigger_id": "t", "user": { "id": "U1" },
        "container": { "type": "message", "message_ts": "1.2", "channel_id": "C1", "is_ephemeral": false },
        "response_url": "https://hooks.slack.com/actions/s3cret",
        "actions": [{ "type": "button", "action_id": action, "block_id": "b", "value": value, "action_ts": "1" }] } })
}

#[test]
fn each_button_of_many_alike_comes_back_as_itself() {
    let buttons =
        prop::collection::vec((prop::sample::select(vec!["suspend", "deny", "ask.2"]), nasty()), 1..40);
    holds(60, &buttons, |pressed| {
        let made = pressed.iter().map(|(action, label)| Button::new(*action, "r7", label)).collect();
        let card = Card { summary: Text::default(), blocks: vec![Block::Buttons(made)] };
        let shown = message(&card, &team_url());
        let ids = kit::actions(&shown["blocks"]);
        assert_eq!(ids.len(), pressed.len());
        for (id, (wanted, label)) in ids.into_iter().zip(&pressed) {
            let What::Click { action, value, .. } = input(&click(id, label)) else { panic!("not a click") };
            assert_eq!((action.as_str(), &value), (*wanted, label));
        }
    });
}

#[test]
fn what_is_ticked_comes_back_in_its_order() {
    holds(60, &(prop::collection::vec(nasty(), 1..60), nasty()), |(labels, typed)| {
        let choice = |(number, label): (usize, &String)| Choice {
            value: format!("a{number}"),
            label: label.clone(),
            description: None,
            ticked: true,
        };
        let choices: Vec<Choice> = labels.iter().enumerate().map(choice).collect();
        let values: Vec<String> = choices.iter().map(|choice| choice.value.clone()).collect();
        let (name, label) = ("keep".to_owned(), "Keep".to_owned());
        let boxes = Block::Checkboxes { name, label, choices, instant: false };
        let (kind, value, title) = ("choose".to_owned(), "r7".to_owned(), "Keep".to_owned());
        let shown = view(&Modal { kind, value, title, submit: None, blocks: vec![boxes] }, &team_url());
        let mut state = serde_json::Map::new();
        for block in shown["blocks"].as_array().expect("a view has blocks") {
            let id = block["block_id"].as_str().expect("an input has an id");
            let ticked = &block["element"]["initial_options"];
            state.insert(id.to_owned(), json!({ id: { "type": "checkboxes", "selected_options": ticked } }));
        }
        state.insert("why".to_owned(), json!({ "why": { "type": "plain_text_input", "value": typed } }));
        let submitted = json!({ "type": "interactive", "envelope_id": "e", "payload": {
            "type": "view_submission", "user": { "id": "U1" }, "trigger_id": "t",
            "view": { "id": "V1", "callback_id": "choose", "private_metadata": "r7", "state": { "values": state } } } });
        let What::Submission { state, .. } = input(&submitted) else { panic!("not a submission") };
        assert_eq!(state.ticked["keep"], values);
        assert_eq!(state.typed["why"], typed);
    });
}

#[test]
fn a_frame_that_was_cut_off_or_damaged_is_never_another_input() {
    let whole = click("suspend", "r7").to_string();
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end], COMMAND, now()), Frame::Unreadable(None), "{}", &whole[..end]);
    }
    let damage = (0..whole.len(), any::<u8>());
    holds(1500, &damage, |(at, byte)| {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] = byte;
        frame::check(&bytes);
    });
}
