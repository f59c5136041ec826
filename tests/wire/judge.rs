//! Judges a world by what both ends and the disk hold, once nothing goes wrong any more.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use inactive_contractors::store::Store;

use crate::deeds::{Deed, deeds};
use crate::fake::slack::{BOT_USER, Message};
use crate::figures::Kind;
use crate::ledger::{Asked, DUE, Event, GENESIS, Ledger, Number};
use crate::mandate;
use crate::plan::Terms;
use crate::play::Notes;
use crate::secrets;
use crate::support::World;

/// The same of messages.
const UNSENT: (&str, Number) = ("messages that are to be sent again", Ledger::unsent);

/// Each call that changes an account, with its events: the intent before it, and what may come after it.
const CHANGES: [(&str, &str, &str, &[&str]); 3] = [
    (
        "POST",
        "/lifecycle/suspend",
        "suspension_intended",
        &["suspended", "skipped", "suspension_try_failed", "suspension_failed"],
    ),
    (
        "POST",
        "/lifecycle/unsuspend",
        "restore_intended",
        &["restored", "restore_skipped", "restore_try_failed", "restore_failed"],
    ),
    (
        "DELETE",
        "/sessions",
        "sessions_clear_intended",
        &["sessions_cleared", "sessions_clear_skipped", "sessions_clear_try_failed", "sessions_clear_failed"],
    ),
];

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
    let counts = DUE.iter().chain([&UNSENT]).map(|(what, number)| (what, ledger.number(*number)));
    let due = counts.filter(|(_, number)| *number > 0).map(|(what, number)| format!("{number} {what}"));
    due.chain(late).collect()
}

/// Everything that must hold in a calm.
pub fn judge(case: &Case<'_>) {
    let (deeds, trail) = (deeds(&case.world.slack), case.ledger.events_after(0));
    chain(case, &trail);
    mandate::suspensions(case, &deeds, &trail);
    intents_and_outcomes(case, &trail);
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

fn chain(case: &Case<'_>, trail: &[Event]) {
    let mut before = (0, GENESIS.to_owned());
    for event in trail {
        let follows = event.seq == before.0 + 1 && event.prev_hash == before.1;
        if !follows || event.true_hash() != event.hash {
            case.notes.wrong(Kind::Other, format!("the chain is broken at event {}", event.seq));
        }
        before = (event.seq, event.hash.clone());
    }
}

/// Every call has its own intent before it, and the last intent of each account has its outcome.
fn intents_and_outcomes(case: &Case<'_>, trail: &[Event]) {
    let people = case.world.okta.people();
    for (method, end, intended, outcomes) in CHANGES {
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
            let Some(last) = intents.last() else { continue };
            let ends = |event: &&Event| event.seq > last.seq && outcomes.contains(&event.action.as_str());
            if !trail.iter().filter(of).any(|event| ends(&event)) {
                case.notes
                    .wrong(Kind::Lost, format!("intent {} of {} has no outcome", last.seq, person.login));
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

/// What came of an input that had no effect, as its receipt has it.
const REFUSED: [&str; 3] = ["refused", "turned away", "no such request"];

/// The same of people who had no right to what they tried.
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
        match case.ledger.outcome_of(&deed.user, stamp).as_deref() {
            None => wrong("is not recorded"),
            Some("") => wrong("was never settled"),
            Some(outcome) if outcome.starts_with("error") => wrong(&format!("came to {outcome}")),
            Some(outcome) if REFUSED.iter().any(|refused| outcome.starts_with(refused)) => {
                // Of somebody without the right, only the first within an hour has an event of its own.
                let of_a_person = |event: &Event| {
                    event.person() == Some(deed.user.as_str()) && event.action == "input_refused"
                };
                let lacks_the_right = LACKING.contains(&outcome) && trail.iter().any(of_a_person);
                if outcome != "no such request" && !lacks_the_right && !has(&["input_refused"]) {
                    wrong("its refusal is not in the trail");
                }
            }
            Some(_) if has(events) => {}
            Some(outcome) => wrong(&format!("came to {outcome}, which is not in the trail")),
        }
    }
}

/// However often it is delivered, an input decides once, or is refused once.
fn one_effect_each(case: &Case<'_>, deeds: &[Deed], trail: &[Event]) {
    let verbs = DECIDING.iter().flat_map(|(_, events)| events.iter().copied());
    let counted: Vec<&str> = verbs.chain(["withdrawn", "input_refused"]).collect();
    let mut effects: BTreeMap<(&str, i64), usize> = BTreeMap::new();
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
        let count = |state: &str| {
            candidates.iter().filter(|one| one.request == asked.id && one.state == state).count()
        };
        let (done, failed) = (count("suspended"), count("failed"));
        let accounts = |number: usize| format!("{number} account{}", if number == 1 { "" } else { "s" });
        let (title, allowed): (String, &[&str]) = match asked.word() {
            "held" => ("Held".to_owned(), &["release", "deny", "deny_why"]),
            "pending" => (
                format!("Suspend {}?", accounts(count("proposed"))),
                &["suspend", "choose", "deny", "deny_why", "take_back_approval"],
            ),
            "completed" if failed > 0 => {
                (format!("{} suspended, {failed} FAILED", accounts(done)), &["retry"])
            }
            "completed" => (format!("{} suspended", accounts(done)), &[]),
            "denied" => ("Denied".to_owned(), &[]),
            "expired" => ("Expired".to_owned(), &["ask_again"]),
            "withdrawn" => ("Withdrawn".to_owned(), &["ask_again"]),
            other => (format!("(request {} is still {other})", asked.id), &[]),
        };
        let header = card.current().blocks.iter().find(|block| block["type"] == "header");
        let header = header.and_then(|block| block["text"]["text"].as_str()).unwrap_or_default();
        if !header.starts_with(&title) {
            case.notes.wrong(
                Kind::Other,
                format!("the card of request {} says {header:?}, not {title:?}", asked.id),
            );
        }
        let buttons = card.buttons();
        let turning = ["page_back", "page_on"];
        for button in
            buttons.iter().map(String::as_str).filter(|one| !turning.contains(one) && !allowed.contains(one))
        {
            case.notes.wrong(
                Kind::Other,
                format!("request {} is {}, and its card offers {button}", asked.id, asked.word()),
            );
        }
    }
}

/// What the rows and Okta say of each other.
fn rows(case: &Case<'_>, trail: &[Event]) {
    let wrong = |what: &str, number: usize| {
        if number > 0 {
            case.notes.wrong(Kind::Doubled, what);
        }
    };
    wrong("two open requests hold one account", case.ledger.held_twice());
    wrong(
        "a request was decided twice",
        case.ledger.twice_in_trail(&["approved", "denied", "expired", "withdrawn"]),
    );
    for one in case.ledger.candidates() {
        let actions = case.ledger.actions(one.request, &one.account);
        if (one.state == "suspended") != actions.iter().any(|action| action == "suspended") {
            let what = format!("{}: {} in the row, and in the trail {actions:?}", one.login, one.state);
            case.notes.wrong(Kind::Other, what);
        }
        let effects = case.world.okta.suspended_at(&one.login);
        if one.state == "suspended" && one.json["confirmation"] == "by_call" && effects.is_empty() {
            case.notes.wrong(
                Kind::Lost,
                format!("{} was suspended by call, and Okta knows nothing of it", one.login),
            );
        }
        // Nobody has touched the account since the bot suspended it for this request.
        let stands = mandate::last_suspended_for(case, trail, &one.login) == Some(one.request);
        if stands && one.state != "suspended" {
            case.notes
                .wrong(Kind::Lost, format!("{} is suspended, and the row says {}", one.login, one.json));
        }
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
