//! Modals and home tabs: opening, updating, and what a submission's answer does.
//!
//! See <https://docs.slack.dev/surfaces/modals>.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{Args, Outcome, Refusal};
use super::blocks::{elements, fill_ids, state_values};
use super::limits::{Surface, check_blocks, check_view, is_too_large, pictures};
use super::state::{State, TRIGGER_LIFETIME, Trigger, View};

/// Views that may lie on top of each other.
const STACK_MAX: usize = 3;

impl State {
    pub fn views_open(&mut self, args: &Args) -> Outcome {
        let json = self.acceptable_view(args.json("view"), Surface::Modal)?;
        self.unnamed(&json)?;
        let trigger = self.use_trigger(args)?;
        let view = self.new_view(&trigger.0, json, None);
        let answer = view.to_json();
        self.modals.insert(trigger.0, vec![view]);
        Ok(json!({"view": answer}))
    }

    pub fn views_push(&mut self, args: &Args) -> Outcome {
        let json = self.acceptable_view(args.json("view"), Surface::Modal)?;
        self.unnamed(&json)?;
        let (user, from) = self.use_trigger(args)?;
        let stack = self.modals.get(&user).map_or(&[][..], Vec::as_slice);
        let from_here = stack.iter().any(|view| Some(&view.id) == from.as_ref());
        let below = stack.last().filter(|_| from_here).cloned().ok_or(Refusal::new("invalid_trigger_id"))?;
        if stack.len() >= STACK_MAX {
            return Err(Refusal::new("push_limit_reached"));
        }
        let view = self.new_view(&user, json, Some(&below));
        let answer = view.to_json();
        self.modals.entry(user).or_default().push(view);
        Ok(json!({"view": answer}))
    }

    pub fn views_update(&mut self, args: &Args) -> Outcome {
        let wanted = (args.text("view_id"), args.text("external_id"));
        let json = args.json("view");
        let surface = if json["type"] == "home" { Surface::Home } else { Surface::Modal };
        let json = self.acceptable_view(json, surface)?;
        let views = self.modals.values().flatten().chain(self.homes.values());
        let found = views.into_iter().find(|view| match &wanted {
            (Some(id), _) => view.id == *id,
            (None, Some(external)) => view.json["external_id"] == external.as_str(),
            (None, None) => false,
        });
        let id = found.map(|view| view.id.clone()).ok_or(Refusal::new("not_found"))?;
        self.replace_view(&id, json, args.text("hash"))
    }

    pub fn views_publish(&mut self, args: &Args) -> Outcome {
        let json = self.acceptable_view(args.json("view"), Surface::Home)?;
        let user = args.text("user_id").filter(|id| self.people.contains_key(id));
        let user = user.ok_or(Refusal::new("user_not_found"))?;
        if let Some(home) = self.homes.get(&user) {
            let id = home.id.clone();
            return self.replace_view(&id, json, args.text("hash"));
        }
        let view = self.new_view(&user, json, None);
        let answer = view.to_json();
        self.homes.insert(user, view);
        Ok(json!({"view": answer}))
    }

    fn acceptable_view(&mut self, mut json: Value, surface: Surface) -> Result<Value, Refusal> {
        if is_too_large(&json) {
            return Err(Refusal::new("view_too_large"));
        }
        let problems = check_view(&json, surface);
        if !problems.is_empty() {
            return Err(Refusal::with_messages("invalid_arguments", problems));
        }
        let blocks = json["blocks"].as_array_mut().expect("check_view wants blocks");
        self.look_at_pictures(&pictures(blocks), "invalid_arguments")?;
        fill_ids(blocks, || self.mint("b"));
        Ok(json)
    }

    /// Slack keeps the names that apps give to views apart.
    fn unnamed(&self, json: &Value) -> Result<(), Refusal> {
        let mut views = self.modals.values().flatten().chain(self.homes.values());
        let name = json["external_id"].as_str().filter(|name| !name.is_empty());
        let taken = name.is_some_and(|name| views.any(|view| view.json["external_id"] == name));
        if taken { Err(Refusal::new("duplicate_external_id")) } else { Ok(()) }
    }

    /// The user and the modal that the trigger came from; the trigger is used up.
    fn use_trigger(&mut self, args: &Args) -> Result<(String, Option<String>), Refusal> {
        let id = args.text("trigger_id").unwrap_or_default();
        let trigger: &mut Trigger = self.triggers.get_mut(&id).ok_or(Refusal::new("invalid_trigger_id"))?;
        if trigger.used {
            return Err(Refusal::new("exchanged_trigger_id"));
        }
        if trigger.issued.elapsed() > TRIGGER_LIFETIME && !self.waits_for_slow {
            return Err(Refusal::new("expired_trigger_id"));
        }
        trigger.used = true;
        Ok((trigger.user.clone(), trigger.view.clone()))
    }

    fn new_view(&mut self, user: &str, json: Value, below: Option<&View>) -> View {
        let id = self.mint("V");
        let blocks = json["blocks"].as_array().map_or(&[][..], Vec::as_slice);
        View {
            user: user.to_owned(),
            hash: self.mint("1700000000."),
            root_id: below.map_or_else(|| id.clone(), |below| below.root_id.clone()),
            previous_id: below.map(|below| below.id.clone()),
            state: state_values(blocks, &Value::Null),
            errors: BTreeMap::new(),
            json,
            id,
        }
    }

    fn replace_view(&mut self, id: &str, json: Value, hash: Option<String>) -> Outcome {
        let fresh = self.mint("1700000000.");
        let view = self.view_mut(id).ok_or(Refusal::new("not_found"))?;
        if hash.is_some_and(|hash| hash != view.hash) {
            return Err(Refusal::new("hash_conflict"));
        }
        let blocks = json["blocks"].as_array().map_or(&[][..], Vec::as_slice);
        view.state = state_values(blocks, &view.state);
        view.errors.clear();
        view.hash = fresh;
        view.json = json;
        Ok(json!({"view": view.to_json()}))
    }

    pub fn view_mut(&mut self, id: &str) -> Option<&mut View> {
        let views = self.modals.values_mut().flatten().chain(self.homes.values_mut());
        views.into_iter().find(|view| view.id == id)
    }

    /// Applies the ack of a `view_submission`: <https://docs.slack.dev/surfaces/modals#response_actions>.
    pub fn submission_answered(&mut self, user: &str, view_id: &str, payload: Option<Value>) {
        let payload = payload.unwrap_or_default();
        let result = match payload["response_action"].as_str() {
            None if payload.is_null() || payload == json!({}) => {
                self.modals.entry(user.to_owned()).or_default().retain(|view| view.id != view_id);
                Ok(())
            }
            Some("clear") => {
                self.modals.remove(user);
                Ok(())
            }
            Some("errors") => self.show_errors(view_id, &payload["errors"]),
            Some("update") => self
                .acceptable_view(payload["view"].clone(), Surface::Modal)
                .and_then(|json| self.replace_view(view_id, json, None))
                .map(|_| ()),
            Some("push") => self.push_answered(user, payload["view"].clone()),
            None | Some(_) => Err(Refusal::new("unknown response_action")),
        };
        if let Err(refusal) = result {
            self.violation(format!("the answer to a submission was refused: {refusal}"));
        }
    }

    fn push_answered(&mut self, user: &str, json: Value) -> Result<(), Refusal> {
        let json = self.acceptable_view(json, Surface::Modal)?;
        self.unnamed(&json)?;
        let stack = self.modals.get(user).map_or(&[][..], Vec::as_slice);
        let below = stack.last().cloned().ok_or(Refusal::new("not_found"))?;
        if stack.len() >= STACK_MAX {
            return Err(Refusal::new("push_limit_reached"));
        }
        let view = self.new_view(user, json, Some(&below));
        self.modals.entry(user.to_owned()).or_default().push(view);
        Ok(())
    }

    fn show_errors(&mut self, view_id: &str, errors: &Value) -> Result<(), Refusal> {
        let errors: BTreeMap<String, String> = serde_json::from_value(errors.clone()).unwrap_or_default();
        let view = self.view_mut(view_id).ok_or(Refusal::new("not_found"))?;
        let blocks = view.json["blocks"].as_array().map_or(&[][..], Vec::as_slice);
        let inputs = elements(blocks);
        let foreign = errors.keys().find(|id| !inputs.iter().any(|input| input.block_id == **id)).cloned();
        view.errors.clone_from(&errors);
        match foreign {
            Some(id) => Err(Refusal::with_messages(
                "invalid_arguments",
                vec![format!("error for unknown block {id:?}")],
            )),
            None if errors.is_empty() => {
                Err(Refusal::with_messages("invalid_arguments", vec!["no errors".to_owned()]))
            }
            None => Ok(()),
        }
    }

    /// The message that a slash command's ack carries.
    pub fn slash_answered(&mut self, user: &str, channel: &str, payload: &Value) {
        let text = payload["text"].as_str().unwrap_or_default().to_owned();
        let mut blocks = payload["blocks"].as_array().cloned().unwrap_or_default();
        if text.is_empty() && blocks.is_empty() {
            return self.violation("a slash command answered with an empty payload");
        }
        let problems = check_blocks(&blocks, Surface::Message);
        if !problems.is_empty() {
            return self
                .violation(format!("a slash command answered with invalid blocks: {}", problems.join("; ")));
        }
        fill_ids(&mut blocks, || self.mint("b"));
        if payload["response_type"] == "in_channel" {
            let content = super::state::Content { text, blocks, metadata: None };
            self.post(channel, super::BOT_USER, None, content);
        } else {
            self.send_ephemeral(channel, user, None, text, blocks);
        }
    }
}
