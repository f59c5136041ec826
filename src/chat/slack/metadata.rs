//! What a message of ours carries unseen, as Slack keeps it: metadata.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use slack_morphism::prelude::SlackMessageMetadata;

use crate::chat::Mark;

/// Marks our messages, so that one whose reply was lost can be found again.
const EVENT_TYPE: &str = "inactive_contractors";

/// The name of the key among the facts.
const KEY: &str = "key";

/// Returns the metadata that says this.
///
/// Strings only: slack-morphism can't read back anything else.
pub(super) fn write(mark: &Mark) -> SlackMessageMetadata {
    let facts = mark.facts.iter().map(|(name, fact)| (name.clone(), fact.clone()));
    let payload: HashMap<String, String> = facts.chain([(KEY.to_owned(), mark.key.clone())]).collect();
    SlackMessageMetadata::new(EVENT_TYPE.to_owned()).with_event_payload(payload)
}

/// Returns the mark that the metadata says, if it has our event type. Anybody may write that.
pub(super) fn read(metadata: &Value) -> Option<Mark> {
    if metadata.pointer("/event_type").and_then(Value::as_str) != Some(EVENT_TYPE) {
        return None;
    }
    let payload = metadata.pointer("/event_payload")?.as_object()?;
    let text = |(name, fact): (&String, &Value)| Some((name.clone(), fact.as_str()?.to_owned()));
    let mut facts: BTreeMap<String, String> = payload.iter().filter_map(text).collect();
    Some(Mark { key: facts.remove(KEY)?, facts })
}
