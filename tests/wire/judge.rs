//! Judges a world by what both ends and the disk hold, once nothing goes wrong any more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::Store;

use crate::authorization;
use crate::deeds::{Deed, deeds};
use crate::fake::slack::{BOT_USER, Message};
use crate::plan::Terms;
use crate::play::Notes;
use crate::secrets;
use crate::support::World;
use crate::support::judge::{self, Became, INTENTS, InOrg, Kind, became};
use crate::support::ledger::{Asked, Event, Ledger};

/// Each call that changes an account, in the order of [`INTENTS`].
const CALLS: [(&str, &str); 3] =
    [("POST", "/lifecycle/suspend"), ("POST", "/lifecycle/unsuspend"), ("DELETE", "/sessions")];

/// Of the fake's own complaints, those that say no more than that this machine was slow, or that somebody closed a dialog
/// before its answer came.
const EXCUSED: [&str; 4] = [
    "within 3 s",
    "a late ack",
    "pings went unanswered",
    "the answer to a submission was refused: not_found",
];

/// What is judged, and by what.
pub struct Case<'a> {
    pub world: &'a World,
    pub ledger: &'a Ledger,
    pub terms: &'a Terms,
    pub logins: &'a [String],
    pub notes: &'a Notes,
}

/// What is still to be done.
pub fn due(ledger: &Ledger, now: DateTime<Utc>) -> Vec<String> {
    let is_late =
        |asked: &Asked| !asked.has_ended() && asked.deadline.is_some_and(|deadline| deadline <= now);
    let late = ledger
        .requests()
        .into_iter()
        .filter(is_late)
        .map(|asked| format!("request {} is to expire", asked.id));
    let unsent = Some(ledger.unsent()).filter(|number| *number > 0);
    let unsent = unsent.map(|number| format!("{number} messages that are to be sent again"));
    judge::due(ledger).into_iter().chain(unsent).chain(late).collect()
}

/// Everything that must hold in a calm.
pub fn judge(case: &Case<'_>) {
    let (deeds, trail) = (deeds(&case.world.slack), case.ledger.events_after(0));
    case.notes.tell(judge::chain(None, &trail));
    case.notes.tell(judge::once(case.ledger));
    case.notes.tell(judge::intents_ended(&trail));
    authorization::suspensions(case, &deeds, &trail);
    intents_first(case, &trail);
    clicks_kept(case, &deeds, &trail);
    one_effect_each(case, &deeds, &trail);
    said_once(case);
    cards(case);
    rows(case, &trail);
    for what in case.world.slack.violations() {
        if !EXCUSED.iter().any(|excused| what.contains(excused)) {
            case.notes.wrong(Kind::Other, format!("Slack would not have taken: {what}"));
        }
    }
}

/// Every call has its own intent before it.
fn intents_first(case: &Case<'_>, trail: &[Event]) {
    let people = case.world.okta.people();
    for ((method, end), (intended, _)) in CALLS.into_iter().zip(INTENTS) {
        for person in &people {
            let path = format!("/api/v1/users/{}{end}", person.id);
            let of = |event: &&Event| event.account.as_ref().is_some_and(|(id, _)| *id == person.id);
            let intents: Vec<&Event> =
                trail.iter().filter(of).filter(|event| event.action == intended).collect();
            let calls =
                case.world.okta.calls().into_iter().filter(|call| call.method == method && call.path == path);
            for (number, call) in calls.enumerate() {
                let before = |event: &&&Event| event.at().timestamp_millis() <= call.at.timestamp_millis();
                if intents.iter().filter(before).count() <= number {
                    let what =
                        format!("call {number} of {end} for {} has no intent of its own", person.login);
                    case.notes.wrong(Kind::Lost, what);
                }
            }
        }
    }
}

/// The buttons that decide something, with the events of which one says that it was taken.
const DECIDING: [(&str, &[&str]); 6] = [
    ("suspend", &["approved", "approved_first"]),
    ("deny", &["denied"]),
    ("retry", &["retried", "retried_first"]),
    ("take_back_approval", &["approval_taken_back"]),
    ("ask_again", &["asked_again"]),
    ("choose", &["approved", "approved_first", "denied"]),
];

/// What came of an input of somebody who had no right to what they tried, as its receipt has it.
const LACKING: [&str; 3] = ["turned away", "refused: not_an_approver", "refused: not_an_admin"];

/// Whatever was acknowledged is recorded; whatever was taken is in the trail, and so is whatever was refused.
fn clicks_kept(case: &Case<'_>, deeds: &[Deed], trail: &[Event]) {
    for deed in deeds.iter().filter(|deed| deed.acknowledged) {
        let Some((_, events)) = DECIDING.iter().find(|(verb, _)| *verb == deed.verb) else { continue };
        let theirs = |event: &&Event| {
            event.request == Some(deed.request) && event.person() == Some(deed.user.as_str())
        };
        let has = |actions: &[&str]| {
            trail.iter().filter(theirs).any(|event| actions.contains(&event.action.as_str()))
        };
        let wrong = |why: &str| {
            let Deed { user, verb, request, at, .. } = deed;
            case.notes.wrong(
                Kind::Lost,
                format!("{verb} of request {request} by {user} at {at} was acknowledged and {why}"),
            );
        };
        if deed.ticked.is_some() {
            if deed.closed && !has(events) {
                wrong("its dialog closed, and is not in the trail");
            }
            continue;
        }
        // Opening a dialog decides nothing.
        let Some(stamp) = deed.stamp.as_ref().filter(|_| deed.verb != "choose") else { continue };
        let outcome = case.ledger.outcome_of(&deed.user, stamp);
        let said = outcome.as_deref().unwrap_or_default();
        match became(outcome.as_deref()) {
            Became::Lost(why) => wrong(why),
            Became::NoEffect if said.starts_with("error") => wrong(&format!("came to {said}")),
            Became::NoEffect => {
                // Of somebody without the right, only the first within an hour has an event of its own.
                let of_a_person = |event: &Event| {
                    event.person() == Some(deed.user.as_str()) && event.action == "input_refused"
                };
                let lacks_the_right = LACKING.contains(&said) && trail.iter().any(of_a_person);
                if said != "no such request" && !lacks_the_right && !has(&["input_refused"]) {
                    wrong("its refusal is not in the trail");
                }
            }
            Became::Decided if has(events) => {}
            Became::Decided => wrong(&format!("came to {said}, which is not in the trail")),
        }
    }
}

/// However often it is delivered, an input decides once, or is refused once.
fn one_effect_each(case: &Case<'_>, deeds: &[Deed], trail: &[Event]) {
    let verbs = DECIDING.iter().flat_map(|(_, events)| events.iter().copied());
    let counted: Vec<&str> = verbs.chain(["withdrawn", "input_refused"]).collect();
    let mut effects: BTreeMap<(&str, RequestId), usize> = BTreeMap::new();
    for event in trail.iter().filter(|event| counted.contains(&event.action.as_str())) {
        if let (Some(user), Some(request)) = (event.person(), event.request) {
            *effects.entry((user, request)).or_default() += 1;
        }
    }
    let lines: Vec<_> =
        case.world.slack.everything_sent().into_iter().filter(|sent| sent.kind == "slash_commands").collect();
    for ((user, request), effects) in effects {
        let done = deeds.iter().filter(|deed| deed.user == user && deed.request == request).count();
        let names = |text: &str| {
            ["withdraw", "retry"].iter().any(|verb| text.starts_with(&format!("{verb} {request}")))
        };
        let typed = lines.iter().filter(|sent| {
            sent.payload["user_id"] == user && sent.payload["text"].as_str().is_some_and(names)
        });
        let inputs = done + typed.count();
        if effects > inputs {
            let what = format!("{inputs} inputs of {user} about request {request} came to {effects} effects");
            case.notes.wrong(Kind::Doubled, what);
        }
    }
}

/// The mark by which the bot finds a message of its own again.
fn mark(message: &Message) -> Option<String> {
    let metadata = message.versions.iter().find_map(|version| version.metadata.as_ref())?;
    metadata["event_payload"]["key"].as_str().map(str::to_owned)
}

fn said_once(case: &Case<'_>) {
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let all = case.world.slack.everything_said();
    for mark in all.iter().filter(|message| message.user == BOT_USER).filter_map(mark) {
        *said.entry(mark).or_default() += 1;
    }
    for (mark, times) in said.iter().filter(|(_, times)| **times > 1) {
        case.notes.wrong(Kind::Doubled, format!("{mark} was said {times} times"));
    }
    for asked in case.ledger.requests() {
        let ending = format!("request:{}:ending", asked.id);
        let card = format!("request:{}:card", asked.id);
        if !said.contains_key(&card) {
            case.notes.wrong(Kind::Lost, format!("request {} has no card", asked.id));
        }
        if asked.has_ended() && !said.contains_key(&ending) {
            case.notes.wrong(Kind::Lost, format!("the end of request {} was not told", asked.id));
        }
    }
}

/// Each card says what the row says, and offers nothing that does nothing any more.
fn cards(case: &Case<'_>) {
    let candidates = case.ledger.candidates();
    let all = case.world.slack.everything_said();
    for asked in case.ledger.requests() {
        let key = format!("request:{}:card", asked.id);
        let Some(card) = all.iter().find(|message| mark(message).as_deref() == Some(&key)) else { continue };
        let header = card.current().blocks.iter().find(|block| block["type"] == "header");
        let header = header.and_then(|block| block["text"]["text"].as_str()).unwrap_or_default();
        let buttons = card.buttons();
        let buttons: Vec<&str> = buttons.iter().map(String::as_str).collect();
        for (kind, what) in judge::card(&asked, &candidates, header, &buttons) {
            case.notes.wrong(kind, format!("request {} ({}): {what}", asked.id, asked.word()));
        }
    }
}

/// What the rows and Okta say of each other.
fn rows(case: &Case<'_>, trail: &[Event]) {
    for one in case.ledger.candidates() {
        let effects = authorization::effects_for(case, trail, one.request, &one.login);
        // Nobody has touched the account since the bot suspended it for this request.
        let stands = authorization::last_suspended_for(case, trail, &one.login) == Some(one.request);
        case.notes.tell(judge::outcome(case.ledger, &one, &InOrg { effects, stands }));
    }
}

/// What stays when the bot has ended: a whole trail, and no secret in any file or message.
pub async fn on_the_disk(world: &World, notes: &Notes) {
    let store = Store::open(&world.database(), world.clock.now()).expect("the file is free again");
    let verified = store.verify().await.expect("the chain can be read");
    if verified.broken_at.is_some() {
        notes.wrong(Kind::Other, format!("verify: {verified:?}"));
    }
    store.close().await.expect("the file can be closed");
    let mut secrets: Vec<&str> = secrets::SECRETS.to_vec();
    secrets.push(world.okta.api_token());
    let folder = world.database().parent().expect("a file is in a folder").to_owned();
    for entry in std::fs::read_dir(folder).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in secrets::in_bytes(&bytes, &secrets) {
            notes.wrong(Kind::Other, format!("{secret} stands in {}", path.display()));
        }
    }
    for secret in secrets::in_bytes(world.slack.dump().as_bytes(), &secrets) {
        notes.wrong(Kind::Other, format!("{secret} stands in Slack"));
    }
}
