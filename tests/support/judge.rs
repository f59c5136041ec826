//! The invariants, judged by what people did, what the org did and what the file says, without the code that did it. The
//! tests that play with faults, behind the ports and on the wire, bring their own evidence and share this judge.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::ids::RequestId;
use serde_json::Value;

use crate::ledger::{Asked, DUE, Event, GENESIS, Ledger, Listed, time};

/// What kind of wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something acknowledged has no trace, or no outcome.
    Lost,
    /// Something happened or was said twice.
    Doubled,
    /// An account was suspended that should not have been.
    WronglySuspended,
    Other,
}

/// Something wrong, in words.
pub type Wrong = (Kind, String);

/// What follows `before` in the trail is chained to it, by hashes that are right.
pub fn chain(before: Option<&Event>, events: &[Event]) -> Vec<Wrong> {
    let mut place = before.map_or((1, GENESIS), |before| (before.seq + 1, before.hash.as_str()));
    let mut wrong = Vec::new();
    for event in events {
        if place != (event.seq, event.prev_hash.as_str()) || event.true_hash() != event.hash {
            wrong.push((Kind::Other, format!("the chain is broken at event {}", event.seq)));
        }
        place = (event.seq + 1, &event.hash);
    }
    wrong
}

/// What ends a request or decides it. No two of them happen to one request.
const DECISIONS: [&str; 6] = ["approved", "denied", "expired", "withdrawn", "went_live", "outdated"];

/// An account is held by one open request, a slot has one sweep, and a request is decided once.
pub fn once(ledger: &Ledger) -> Vec<Wrong> {
    let counts = [
        ("two open requests hold one account", ledger.held_twice()),
        ("one slot has two sweeps", ledger.swept_twice()),
        ("a request was decided twice", ledger.twice_in_trail(&DECISIONS)),
    ];
    let wrong = counts.into_iter().filter(|(_, number)| *number > 0);
    wrong.map(|(what, _)| (Kind::Doubled, what.to_owned())).collect()
}

/// For one request an account is suspended once. Takes each suspension that took effect.
pub fn suspended_once(effects: impl IntoIterator<Item = (Option<RequestId>, String)>) -> Vec<Wrong> {
    let mut times = BTreeMap::<_, usize>::new();
    effects.into_iter().for_each(|effect| *times.entry(effect).or_default() += 1);
    let twice = times.into_iter().filter(|(_, times)| *times > 1);
    twice
        .map(|((request, account), times)| {
            (Kind::Doubled, format!("{account} was suspended {times} times for request {request:?}"))
        })
        .collect()
}

/// The intent of each call that changes an account, with what may come after it.
pub const INTENTS: [(&str, [&str; 4]); 3] = [
    ("suspension_intended", ["suspended", "skipped", "suspension_try_failed", "suspension_failed"]),
    ("restore_intended", ["restored", "restore_skipped", "restore_try_failed", "restore_failed"]),
    (
        "sessions_clear_intended",
        ["sessions_cleared", "sessions_clear_skipped", "sessions_clear_try_failed", "sessions_clear_failed"],
    ),
];

/// In a calm, the last intent about each account has its outcome.
pub fn intents_ended(trail: &[Event]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    for (intended, outcomes) in INTENTS {
        let mut open = BTreeMap::new();
        for event in trail {
            let Some((account, login)) = &event.account else { continue };
            if event.action == intended {
                open.insert(account, (event.seq, login));
            } else if outcomes.contains(&event.action.as_str()) {
                open.remove(account);
            }
        }
        wrong.extend(open.into_values().map(|(seq, login)| {
            (Kind::Lost, format!("the intent {intended} of event {seq} about {login} has no outcome"))
        }));
    }
    wrong
}

/// What the org knows of one account of a request.
pub struct InOrg {
    /// How many suspensions for the request took effect.
    pub effects: usize,
    /// The last of them stands: nobody has changed the account since, and the file may know of it.
    pub stands: bool,
}

/// What a row says of an account is what the trail and the org say.
pub fn outcome(ledger: &Ledger, one: &Listed, org: &InOrg) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let (actions, says) = (ledger.actions(one.request, &one.account), one.state == "suspended");
    if says != actions.iter().any(|action| action == "suspended") {
        let what = format!("{}: {} in the row, and in the trail {actions:?}", one.login, one.state);
        wrong.push((Kind::Other, what));
    }
    if says && one.json["confirmation"] == "by_call" && org.effects != 1 {
        let kind = if org.effects == 0 { Kind::Lost } else { Kind::Doubled };
        wrong.push((kind, format!("{} was suspended by call {} times", one.login, org.effects)));
    }
    if !says && org.stands {
        wrong.push((Kind::Lost, format!("{} was suspended, and the row says {}", one.login, one.json)));
    }
    wrong
}

/// What is still to be done, and by no clock but a retry's.
pub fn due(ledger: &Ledger) -> Vec<String> {
    let counts = DUE.iter().map(|(what, number)| (what, ledger.number(*number)));
    counts.filter(|(_, number)| *number > 0).map(|(what, number)| format!("{number} {what}")).collect()
}

/// What somebody did about a request, and what they were while it was looked at.
#[derive(Clone, Debug)]
pub struct Deed {
    /// The list that it names is not the request's.
    pub forged: bool,
    /// The positions that were selected; all, if there are none.
    pub ticked: Option<BTreeSet<u32>>,
    pub may_approve: bool,
    /// Every address that the person had meanwhile.
    pub emails: BTreeSet<Option<String>>,
}

/// Finds what a person did about the request at a time, as one of these verbs.
pub type Deeds<'a> = dyn Fn(&str, DateTime<Utc>, &[&str]) -> Option<Deed> + 'a;

/// A suspension that was made, or is about to be.
pub struct Suspension<'a> {
    pub asked: &'a Asked,
    pub listed: &'a Listed,
    pub trail: &'a [Event],
    /// When the bot set about it.
    pub at: DateTime<Utc>,
    /// The event of its intent. What came before it is told by this, since clocks are set.
    pub intent: i64,
    /// How many people the policy takes.
    pub approvals: u32,
    /// For how long their word holds.
    pub execute_within: Duration,
    pub deeds: &'a Deeds<'a>,
}

/// What ends a request without anybody's suspension.
const ENDINGS: [&str; 4] = ["denied", "expired", "withdrawn", "outdated"];

impl Suspension<'_> {
    /// Whether people who may wanted exactly this, in time, and nobody ended or kept it.
    pub fn authorization(&self) -> Result<(), String> {
        let Asked { state, .. } = self.asked;
        if !matches!(self.asked.word(), "approved" | "completed") {
            return Err(format!("its request is {}", self.asked.word()));
        }
        let deadline = self.asked.deadline.ok_or("the card never stood")?;
        let mut people = BTreeSet::new();
        for decision in [&state["decision"], &state["first"]].into_iter().filter(|one| !one.is_null()) {
            let (user, at) = decided(decision);
            if at >= deadline {
                return Err(format!("{user} approved after the deadline"));
            }
            self.stands(&user, at, &["suspend"])?;
            people.insert(user);
        }
        if people.len() < self.approvals as usize {
            return Err(format!("{} people are needed, and {people:?} approved", self.approvals));
        }
        self.nothing_against()?;
        let mut authorization = decided(&state["decision"]).1;
        if let Some((user, at)) = self.retried() {
            self.stands(&user, at, &["retry"])?;
            authorization = at;
        }
        let late = self.at - (authorization + self.execute_within);
        if late > Duration::zero() {
            return Err(format!("its approval ended {} min before", late.num_minutes()));
        }
        Ok(())
    }

    /// Whether the person did decide this about this account, and might.
    pub fn stands(&self, user: &str, at: DateTime<Utc>, verbs: &[&str]) -> Result<(), String> {
        stands(self.listed, user, at, verbs, self.deeds)
    }

    /// Who had it tried again, by the row or, if somebody did once more since, by the trail.
    fn retried(&self) -> Option<(String, DateTime<Utc>)> {
        let row = &self.asked.state["retry"]["decision"];
        let row = Some(row).filter(|row| !row.is_null()).map(decided).filter(|(_, at)| *at <= self.at);
        row.or_else(|| {
            let event = self.events().rfind(|event| event.action == "retried" && event.seq < self.intent)?;
            Some((event.person()?.to_owned(), event.at()))
        })
    }

    fn nothing_against(&self) -> Result<(), String> {
        if !self.events().any(|event| event.action == "approved" && event.seq < self.intent) {
            return Err("the trail holds no approval".to_owned());
        }
        if let Some(ended) = self.events().find(|event| ENDINGS.contains(&event.action.as_str())) {
            return Err(format!("the request was {}", ended.action));
        }
        let is_it = |event: &Event| event.account.as_ref().is_some_and(|(id, _)| *id == self.listed.account);
        if self.events().any(|event| event.action == "kept" && is_it(event)) {
            return Err("it was kept".to_owned());
        }
        Ok(())
    }

    fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.trail.iter().filter(|event| event.request == Some(self.asked.id))
    }
}

/// Whether the person did decide this about this account, and might.
pub fn stands(
    listed: &Listed,
    user: &str,
    at: DateTime<Utc>,
    verbs: &[&str],
    deeds: &Deeds<'_>,
) -> Result<(), String> {
    let Some(deed) = deeds(user, at, verbs) else {
        return Err(format!("{user} never did {verbs:?} at {at}"));
    };
    let own = |email: &Option<String>| email.as_deref() == Some(listed.login.as_str());
    if deed.forged {
        return Err(format!("{user} saw another list"));
    }
    if !deed.may_approve {
        return Err(format!("{user} is no approver"));
    }
    if deed.ticked.is_some_and(|ticked| !ticked.contains(&listed.position)) {
        return Err(format!("{user} left it out"));
    }
    if deed.emails.iter().all(own) {
        return Err(format!("it is {user}'s own"));
    }
    Ok(())
}

/// Who decided, and when, as a row has it.
fn decided(decision: &Value) -> (String, DateTime<Utc>) {
    let text = |pointer: &str| decision.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    (text("/by/id").to_owned(), time(text("/at")))
}

/// What an input that had no effect came to, as its receipt has it.
const NO_EFFECT: [&str; 10] = [
    "of an earlier epoch",
    "of another database",
    "refused",
    "error",
    "turned away",
    "no such request",
    "policy gone",
    "the draft is gone",
    "the dialog had changed",
    "would be refused",
];

/// The result of an acknowledged input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became {
    /// Nothing says what, which must never be.
    Lost(&'static str),
    NoEffect,
    /// The trail must have it.
    Decided,
}

/// Reads the receipt of an acknowledged input.
pub fn became(outcome: Option<&str>) -> Became {
    match outcome {
        None => Became::Lost("is not recorded"),
        Some("") => Became::Lost("was never settled"),
        Some(outcome) if NO_EFFECT.iter().any(|none| outcome.starts_with(none)) => Became::NoEffect,
        Some(_) => Became::Decided,
    }
}

/// Turning the pages of a card decides nothing.
const TURNING: [&str; 2] = ["page_back", "page_on"];

/// A card shows its request's state, and no button that does nothing any more.
pub fn card(asked: &Asked, candidates: &[Listed], header: &str, buttons: &[&str]) -> Vec<Wrong> {
    let (title, allowed) = match due_on_card(asked, candidates) {
        Ok(due) => due,
        Err(why) => return vec![(Kind::Other, why)],
    };
    let mut wrong = Vec::new();
    if !header.starts_with(&title) {
        wrong.push((Kind::Other, format!("the card says {header:?} instead of {title:?}")));
    }
    let live = buttons.iter().filter(|one| !TURNING.contains(one) && !allowed.contains(one));
    wrong.extend(live.map(|button| (Kind::Other, format!("a live button: {button}"))));
    wrong
}

/// The title that the card of a request has to show, and the buttons that it may.
fn due_on_card(asked: &Asked, candidates: &[Listed]) -> Result<(String, &'static [&'static str]), String> {
    let count =
        |state: &str| candidates.iter().filter(|one| one.request == asked.id && one.state == state).count();
    let accounts = |number: usize| format!("{number} account{}", if number == 1 { "" } else { "s" });
    let (done, failed) = (count("suspended"), count("failed"));
    Ok(match asked.word() {
        "preview" => ("Preview".to_owned(), &["go_live"]),
        "held" => ("Held".to_owned(), &["release", "deny", "deny_why"]),
        "pending" => (
            format!("Suspend {}?", accounts(count("proposed"))),
            &["suspend", "choose", "deny", "deny_why", "take_back_approval"],
        ),
        "completed" if failed > 0 => (format!("{} suspended, {failed} FAILED", accounts(done)), &["retry"]),
        "completed" => (format!("{} suspended", accounts(done)), &[]),
        "denied" => ("Denied".to_owned(), &[]),
        "expired" => ("Expired".to_owned(), &["ask_again"]),
        "withdrawn" => ("Withdrawn".to_owned(), &["ask_again"]),
        "went_live" => ("The rule is live".to_owned(), &[]),
        "outdated" => ("The rule was changed".to_owned(), &[]),
        other => return Err(format!("it is still {other}")),
    })
}
