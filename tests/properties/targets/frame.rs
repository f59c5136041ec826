//! A frame of Socket Mode: what is read of it is what it says, the same each time, and its secret address shows nowhere.

use inactive_contractors::chat::What;
use inactive_contractors::chat::slack::fuzzing::{Frame, frame};
use serde_json::Value;

/// The slash command that is ours.
pub const COMMAND: &str = "/inactive-contractors";

/// Reads the bytes as the text of one frame.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    let read = frame(&text, COMMAND, super::now());
    assert_eq!(read, frame(&text, COMMAND, super::now()), "read twice, and not alike");
    match read {
        Frame::Input(inbound, block_ids) => {
            let envelope: Value = serde_json::from_str(&text).expect("what was read is JSON");
            let said = |pointer: &str| envelope.pointer(pointer).and_then(Value::as_str);
            let user = match &inbound.what {
                What::Command { text, channel } => {
                    assert_eq!(said("/payload/command"), Some(COMMAND));
                    let sent = said("/payload/text").unwrap_or_default();
                    // Slack's escapes and markup are taken away; nothing is ever added.
                    assert!(text == sent || sent.contains(['&', '<']) && text.len() < sent.len(), "{sent:?}");
                    assert_eq!(said("/payload/channel_id"), Some(channel.as_str()));
                    said("/payload/user_id")
                }
                What::HomeOpened | What::Joined { .. } => said("/payload/event/user"),
                What::Click { .. }
                | What::ModalClick { .. }
                | What::HomeClick { .. }
                | What::Submission { .. } => said("/payload/user/id"),
            };
            assert_eq!(user, Some(inbound.user.as_str()));
            assert_eq!(inbound.reply.user, inbound.user);
            assert_eq!(inbound.received_at, super::now());
            assert!(!inbound.key.is_empty() && block_ids.is_sorted());
            hides_address(&text, said("/payload/response_url"), &format!("{inbound:?}"));
        }
        Frame::Nothing => {}
        Frame::Unreadable(to) => {
            let envelope: Value = serde_json::from_str(&text).unwrap_or_default();
            let address = envelope.pointer("/payload/response_url").and_then(Value::as_str);
            hides_address(&text, address, &format!("{to:?}"));
        }
    }
}

/// Anyone who has this address can answer in the bot's name.
fn hides_address(frame: &str, address: Option<&str>, shown: &str) {
    if let Some(address) = address.filter(|address| address.len() > 8 && frame.matches(*address).count() == 1)
    {
        assert!(!shown.contains(address), "{shown}");
    }
}
