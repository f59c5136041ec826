//! The slash command: whatever is typed is understood or refused in words that fit, and a button can only ask what it
//! was made to ask.

use std::sync::OnceLock;

use inactive_contractors::app::command::fuzzing::{Read, pressed, typed};
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::slack::fuzzing::message;

use super::kit;

/// Two policies in different zones.
pub fn policies() -> Vec<&'static Policy> {
    static POLICIES: OnceLock<Vec<Policy>> = OnceLock::new();
    let policies = POLICIES.get_or_init(|| {
        let second = "[[policy]]\nname = \"vendors\"\nchannel = \"C9\"\nuser_type = \"Vendor\"\n\
                      approvers = { users = [\"U2\"] }\n";
        let text = format!("{}time_zone = \"Europe/Berlin\"\n{second}", super::GOOD);
        super::configure(&text, "").unwrap_or_else(|error| panic!("{error}")).policies
    });
    policies.iter().collect()
}

/// Reads the bytes as what somebody typed, and as what a button carries.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    let (policies, now) = (policies(), super::now());
    match typed(&text, &policies, now) {
        Read::Question(filters, line) => {
            // <https://docs.slack.dev/reference/block-kit/block-elements/button-element>
            assert!(line.len() <= 2000, "{line}");
            match pressed(&line, &policies, now) {
                Some(Read::Question(again, line_again)) => assert_eq!((again, line_again), (filters, line)),
                other => panic!("the button asks something else: {line:?}: {other:?}"),
            }
        }
        Read::Exemption(_, _, reason) => {
            let words: Vec<&str> = text.split_whitespace().map(bare).collect();
            let said: Vec<&str> = reason.split_whitespace().collect();
            assert!(said.iter().all(|word| words.iter().any(|typed| typed.contains(word))), "{reason:?}");
        }
        Read::Period(period) => assert!(period.since < period.until && period.until <= now, "{period:?}"),
        Read::Command(_) => {}
        Read::Refused(card) => kit::message(&message(&card, &super::team_url())),
    }
    match pressed(&text, &policies, now) {
        None | Some(Read::Question(..) | Read::Refused(_)) => {}
        Some(Read::Command(command)) => {
            let harmless = ["Status", "Preview", "Pending", "Why", "Exemptions", "Verify"];
            assert!(harmless.iter().any(|word| command.starts_with(word)), "a button does {command}");
        }
        Some(other) => panic!("a button does {other:?}"),
    }
}

fn bare(word: &str) -> &str {
    word.trim_matches(['“', '”', '"'])
}
