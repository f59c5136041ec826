//! The slash command: whatever is typed is understood or refused in words that fit, and a button can only ask what it
//! was made to ask.

use std::sync::OnceLock;

use inactive_contractors::chat::slack::fuzzing::message;
use inactive_contractors::commands::fuzzing::{Read, Understood, pressed, typed};
use inactive_contractors::domain::policy::Policy;

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
        Read::Acts(verb, about, understood) => acts(&text, verb, about.as_deref(), &understood),
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

/// Every word of an acting command is in what it understood, and so in its answer: none was swallowed.
fn acts(text: &str, verb: &str, about: Option<&str>, understood: &Understood) {
    assert!(
        text.contains(&understood.reason) || text.contains("--") || has_long_dash(text),
        "{understood:?}"
    );
    let reason: Vec<&str> = understood.reason.split_whitespace().collect();
    let words: Vec<&str> = text.split_whitespace().collect();
    // The reason is the end of the line, but for options.
    let mut left: Vec<String> =
        words.iter().map(|word| folded(word)).filter(|word| !word.is_empty()).collect();
    for word in reason.iter().map(|word| folded(word)).filter(|word| !word.is_empty()) {
        let place = left.iter().rposition(|one| *one == word);
        left.remove(place.unwrap_or_else(|| panic!("{word:?} of the reason was not typed: {text:?}")));
    }
    let timed = understood.from.is_some() || understood.until.is_some();
    for word in left {
        let known = word == verb
            || (verb == "exempt" && word == "leave")
            || about.is_some_and(|about| folded(about) == word)
            || understood.policy.as_deref().is_some_and(|policy| word.contains(policy))
            || ["policy", "here", "because", "reason", "all", "every", "everything", "policies"]
                .contains(&&*word)
            || ["here=", "h", "help"].iter().any(|option| word.starts_with(option));
        assert!(known || timed, "{word:?} was swallowed: {text:?} as {understood:?}");
    }
}

fn has_long_dash(text: &str) -> bool {
    text.contains(|c| {
        matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' | '-')
    })
}

/// The letters and digits of a word, in lower case.
fn folded(word: &str) -> String {
    let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
    word.to_uppercase().to_lowercase()
}
