//! People with difficult names, requests about them, and everything else that is said something about.

use chrono::{DateTime, Utc};
use inactive_contractors::chat::MessageRef;
use inactive_contractors::domain::account::Account;
use inactive_contractors::domain::assess::{Idle, Signal};
use inactive_contractors::domain::audit::{Person, Subject};
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::exemption::Granted;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Decision, Request, RequestState, list_hash};
use inactive_contractors::domain::sighting::{Sign, Way};
use inactive_contractors::wording::card_view::Before;

use crate::fixture::{candidate, contractor, days, now, person, request};

/// Accounts of which our own records say nothing.
pub static BEFORE: Before =
    Before { denied: std::collections::BTreeMap::new(), exempted: std::collections::BTreeMap::new() };

/// Names that others have tripped over.
pub const NAMES: [&str; 9] = [
    "Wolfeschlegelsteinhausenbergerdorff-Maximiliana Wilhelmina Theodora Xaver X",
    "محمد بن عبد الله \u{202e}gnp.exe",
    "山田太郎・寿限無寿限無五劫の擦り切れ",
    "",
    "<!channel>",
    "*bold* _and_ ~struck~",
    "`code` ```block```",
    "<https://evil.example|Okta> & <@U0ALICE>",
    "> quoted :tada: \n- a list",
];

/// What somebody writes who wants to be noticed.
pub const EVIL: &str = "<!here> *now* `x` <https://evil.example|click>";

/// So many proposed accounts; the first nine have the difficult names.
pub fn crowd(count: u32) -> Vec<Candidate> {
    let mut crowd: Vec<_> =
        (0..count).map(|position| candidate(position, CandidateState::Proposed)).collect();
    for one in &mut crowd {
        let position = one.position as usize;
        one.shown.name =
            NAMES.get(position).map_or_else(|| format!("Person {position}"), |name| (*name).to_owned());
        one.shown.evidence.idle =
            Idle::new(now() - days(100) + days(i64::from(one.position % 90)), Signal::SignIn);
        one.shown.evidence.last_sign_in = Some(one.shown.evidence.idle.since);
        one.shown.pending_sweeps = one.position % 3;
        if position < NAMES.len() {
            one.shown.manager = Some(NAMES[NAMES.len() - 1 - position].to_owned());
            one.shown.organization = Some(NAMES[(position + 4) % NAMES.len()].to_owned());
        }
    }
    crowd
}

/// So many people with names, managers and organisations as long as Slack shows a name.
pub fn long_crowd(count: u32) -> Vec<Candidate> {
    let mut crowd = crowd(count);
    for one in &mut crowd {
        NAMES[0].clone_into(&mut one.shown.name);
        one.shown.login = format!("{}{:03}@a-rather-long-company-name.example", "x".repeat(35), one.position);
        one.shown.manager = Some(NAMES[0].to_owned());
        one.shown.organization = Some(NAMES[0].to_owned());
        let idle = &mut one.shown.evidence.idle;
        idle.signal = Signal::LogActivity;
        idle.sign = Some(Sign { way: Way::Federated, event: "event".into(), app: Some("&".repeat(300)) });
        idle.at_least_since = Some(idle.since + days(1));
    }
    crowd
}

/// A request about these.
pub fn about(candidates: &[Candidate], state: RequestState) -> Request {
    let list_hash = list_hash(candidates.iter().map(|one| &one.shown.id));
    Request { list_hash, ..request(state) }
}

/// Somebody with a name that wants to be noticed.
pub fn alice() -> Person {
    Person { id: "U0ALICE".into(), name: "<!channel> Alice".into(), ..person("alice") }
}

/// What she decided, and why.
pub fn decision() -> Decision {
    Decision { by: alice(), at: at(10), reason: Some(EVIL.into()) }
}

/// So many minutes after the sweep.
pub fn at(minutes: i64) -> DateTime<Utc> {
    now() + chrono::Duration::minutes(minutes)
}

/// Where a card stands.
pub fn somewhere() -> MessageRef {
    MessageRef { channel: "C0OPS".into(), id: "1767348000.000100".into() }
}

/// An account with a difficult name.
pub fn account(name: &str) -> Account {
    Account { name: name.into(), ..contractor("kim") }
}

/// An exemption of it.
pub fn granted(id: i64, name: &str) -> Granted {
    let account = contractor(&format!("e{id}"));
    Granted {
        id,
        policy: "contractors".into(),
        provider: ProviderName::default(),
        account: Subject { id: account.id, login: account.login },
        by: alice(),
        reason: name.into(),
        granted_at: at(0),
        starts_at: at(0),
        ends_at: at(0) + days(30),
        end: None,
    }
}
