//! Interaction payloads as Slack sends them: <https://docs.slack.dev/reference/interaction-payloads>.

use serde_json::{Value, json};

use super::blocks::Element;
use super::people::Input;
use super::state::{ChannelKind, State};
use super::{APP_ID, TEAM};

/// The verification token, which Socket Mode apps have no use for.
const TOKEN: &str = "not-a-secret-token";

/// A click or choice on a message.
pub struct OnMessage<'a> {
    pub channel: &'a str,
    pub ts: &'a str,
    pub thread_ts: Option<&'a str>,
    /// As the server knows it; ephemeral messages are not in the payload.
    pub message: Option<Value>,
    pub state: Value,
}

impl State {
    pub fn message_action(&mut self, user: &str, on: OnMessage<'_>, action: &Value) -> Value {
        let mut payload = self.interaction("block_actions", user, None);
        let ephemeral = on.message.is_none();
        let mut container = json!({
            "type": "message", "message_ts": on.ts, "channel_id": on.channel, "is_ephemeral": ephemeral,
        });
        if let Some(thread_ts) = on.thread_ts {
            container["thread_ts"] = json!(thread_ts);
        }
        payload["container"] = container;
        payload["channel"] = json!({"id": on.channel, "name": self.channel_name(on.channel)});
        if let Some(message) = on.message {
            payload["message"] = message;
        }
        payload["state"] = json!({"values": on.state});
        payload["response_url"] = json!(self.new_response_url(user, on.channel, Some(on.ts)));
        payload["actions"] = json!([action]);
        payload
    }

    pub fn view_action(&mut self, user: &str, view_id: &str, action: &Value) -> Value {
        let mut payload = self.interaction("block_actions", user, Some(view_id));
        payload["container"] = json!({"type": "view", "view_id": view_id});
        payload["view"] = self.view_mut(view_id).map(|view| view.to_json()).unwrap_or_default();
        payload["actions"] = json!([action]);
        payload
    }

    /// `view_submission` or `view_closed`.
    pub fn view_ended(&mut self, kind: &str, user: &str, view_id: &str) -> Value {
        let mut payload = self.interaction(kind, user, Some(view_id));
        payload["view"] = self.view_mut(view_id).map(|view| view.to_json()).unwrap_or_default();
        if kind == "view_submission" {
            payload["response_urls"] = json!([]);
        } else {
            payload["is_cleared"] = json!(false);
            payload.as_object_mut().expect("an object").remove("trigger_id");
        }
        payload
    }

    pub fn slash_command(&mut self, user: &str, channel: &str, command: &str, text: &str) -> Value {
        json!({
            "token": TOKEN, "team_id": TEAM, "team_domain": "contractors", "channel_id": channel,
            "channel_name": self.channel_name(channel), "user_id": user, "user_name": self.handle(user),
            "command": command, "text": escaped(text), "api_app_id": APP_ID, "is_enterprise_install": "false",
            "response_url": self.new_response_url(user, channel, None), "trigger_id": self.new_trigger(user, None),
        })
    }

    pub fn home_opened(&mut self, user: &str) -> Value {
        let channel = self.direct_channel(user);
        let event_ts = self.next_ts();
        let mut event = json!({
            "type": "app_home_opened", "user": user, "channel": channel, "tab": "home", "event_ts": event_ts,
        });
        if let Some(home) = self.homes.get(user) {
            event["view"] = home.to_json();
        }
        self.event(&event)
    }

    /// <https://docs.slack.dev/reference/events/member_joined_channel>
    pub fn member_joined(&mut self, user: &str, channel: &str) -> Value {
        let event_ts = self.next_ts();
        let event = json!({
            "type": "member_joined_channel", "user": user, "channel": channel, "channel_type": "C", "team": TEAM,
            "inviter": super::U_ADMIN, "event_ts": event_ts,
        });
        self.event(&event)
    }

    fn event(&mut self, event: &Value) -> Value {
        json!({
            "token": TOKEN, "team_id": TEAM, "api_app_id": APP_ID, "event": event, "type": "event_callback",
            "event_id": self.mint("Ev"), "event_time": self.clock.now().timestamp(), "is_ext_shared_channel": false,
            "authorizations": [{
                "enterprise_id": null, "team_id": TEAM, "user_id": super::BOT_USER, "is_bot": true,
                "is_enterprise_install": false,
            }],
        })
    }

    fn interaction(&mut self, kind: &str, user: &str, view: Option<&str>) -> Value {
        let team_id = self.people.get(user).map_or(TEAM, |person| person.team_id.as_str());
        json!({
            "type": kind, "token": TOKEN, "api_app_id": APP_ID, "enterprise": null, "is_enterprise_install": false,
            "team": {"id": TEAM, "domain": "contractors"},
            "user": {"id": user, "username": self.handle(user), "name": self.handle(user), "team_id": team_id},
            "trigger_id": self.new_trigger(user, view),
        })
    }

    fn handle(&self, user: &str) -> String {
        self.people
            .get(user)
            .map_or_else(|| user.to_owned(), |person| person.name.to_lowercase().replace(' ', "."))
    }

    fn channel_name(&self, channel: &str) -> String {
        match self.channels.get(channel) {
            Some(channel) if channel.kind == ChannelKind::Private => "privategroup".to_owned(),
            Some(channel) => channel.name.clone(),
            None => String::new(),
        }
    }

    /// The entry of `actions`: what was clicked, and what it now says.
    pub fn action(&mut self, element: &Element, chosen: &Value) -> Value {
        let mut action = json!({
            "type": element.kind, "action_id": element.action_id, "block_id": element.block_id,
            "action_ts": self.next_ts(),
        });
        for key in ["text", "value", "style"] {
            if let (true, Some(value)) = (element.kind == "button", element.json.get(key)) {
                action[key] = value.clone();
            }
        }
        for (key, value) in chosen.as_object().into_iter().flatten() {
            action[key] = value.clone();
        }
        action
    }
}

/// What the element's state becomes, or why a person could not do that.
pub fn chosen(element: &Element, input: &Input) -> Result<Value, String> {
    let pick = |value: &str| {
        let offered = super::blocks::option(&element.json, value);
        offered.cloned().ok_or_else(|| format!("{} has no option {value:?}", element.action_id))
    };
    let state = match (element.kind.as_str(), input) {
        ("plain_text_input" | "email_text_input" | "url_text_input" | "number_input", Input::Text(text)) => {
            let length = text.chars().count() as u64;
            let (least, most) = (element.json["min_length"].as_u64(), element.json["max_length"].as_u64());
            if least.is_some_and(|least| 0 < length && length < least) || length > most.unwrap_or(3000) {
                return Err(format!("{} does not take {length} characters", element.action_id));
            }
            json!({"value": if text.is_empty() { Value::Null } else { json!(text) }})
        }
        ("static_select" | "external_select", Input::Option(value)) if value.is_empty() => {
            json!({"selected_option": null})
        }
        ("static_select" | "radio_buttons" | "overflow" | "external_select", Input::Option(value)) => {
            json!({"selected_option": pick(value)?})
        }
        ("checkboxes" | "multi_static_select", Input::Options(values)) => {
            let options: Vec<Value> = values.iter().map(|value| pick(value)).collect::<Result<_, _>>()?;
            json!({"selected_options": options})
        }
        ("users_select", Input::User(user)) => json!({"selected_user": user}),
        ("multi_users_select", Input::Users(users)) => json!({"selected_users": users}),
        ("datepicker", Input::Date(date)) => {
            json!({"selected_date": if date.is_empty() { Value::Null } else { json!(date) }})
        }
        (kind, input) => {
            return Err(format!("{} is a {kind}, it does not take {input:?}", element.action_id));
        }
    };
    let mut state = state;
    state["type"] = json!(element.kind);
    Ok(state)
}

/// Nothing was put into the element.
pub fn is_blank(state: &Value) -> bool {
    let fields = state.as_object().into_iter().flatten().filter(|(key, _)| *key != "type");
    fields.into_iter().all(|(_, value)| value.is_null() || value.as_array().is_some_and(Vec::is_empty))
}

/// What a person typed as Slack sends it: `&`, `<` and `>` are escaped, except around mentions and links, which Slack
/// writes itself. <https://docs.slack.dev/messaging/formatting-message-text>
fn escaped(text: &str) -> String {
    let markup = |inner: &str| {
        ["@", "#", "mailto:", "http://", "https://"].iter().any(|start| inner.starts_with(start))
    };
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let Some((before, rest)) = text.split_once('<') else { return plain(text) };
    match rest.split_once('>') {
        Some((inner, after)) if markup(inner) => format!("{}<{inner}>{}", plain(before), escaped(after)),
        _ => format!("{}&lt;{}", plain(before), escaped(rest)),
    }
}
