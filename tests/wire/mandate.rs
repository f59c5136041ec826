//! Whether each suspension that took effect was one that people who may had asked for, and that nothing stood against.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::deeds::Deed;
use crate::fake::okta::{Call, PersonView, Status};
use crate::fake::slack::{U_APPROVER, U_APPROVER2};
use crate::figures::Kind;
use crate::judge::Case;
use crate::ledger::{Event, Listed};
use crate::play::{ADMINISTRATOR, APPROVERS_OWN};

/// What ends a request without anybody's suspension.
const ENDINGS: [&str; 4] = ["denied", "expired", "withdrawn", "outdated"];

/// Judges every suspension in Okta's own log.
pub fn suspensions(case: &Case<'_>, deeds: &[Deed], trail: &[Event]) {
    let (people, calls) = (case.world.okta.people(), case.world.okta.calls());
    for login in [APPROVERS_OWN, ADMINISTRATOR] {
        if !case.world.okta.suspended_at(login).is_empty() {
            case.notes.wrong(Kind::WronglySuspended, format!("{login} must never be suspended"));
        }
    }
    for login in case.logins {
        let Some(person) = people.iter().find(|person| person.login == *login) else { continue };
        let mut by_request: BTreeMap<i64, usize> = BTreeMap::new();
        for at in case.world.okta.suspended_at(login) {
            let Some(request) = intended_for(trail, login, at) else {
                case.notes.wrong(Kind::WronglySuspended, format!("{login} at {at}: no intent in the trail"));
                continue;
            };
            *by_request.entry(request).or_default() += 1;
            let effect = Effect { login, request, at };
            if let Err(why) =
                mandate(case, deeds, trail, &effect).and_then(|()| standing(case, &effect, person, &calls))
            {
                case.notes
                    .wrong(Kind::WronglySuspended, format!("{login} at {at} for request {request}: {why}"));
            }
        }
        for (request, times) in by_request.into_iter().filter(|(_, times)| *times > 1) {
            case.notes
                .wrong(Kind::Doubled, format!("{login} was suspended {times} times for request {request}"));
        }
    }
}

/// The request for which the bot suspended an account that has not changed since.
pub fn last_suspended_for(case: &Case<'_>, trail: &[Event], login: &str) -> Option<i64> {
    let person = case.world.okta.person(login);
    let last = case.world.okta.suspended_at(login).pop()?;
    (person.status == Status::Suspended && person.status_changed == Some(last)).then_some(())?;
    intended_for(trail, login, last)
}

struct Effect<'a> {
    login: &'a str,
    request: i64,
    at: DateTime<Utc>,
}

/// The request that the last intent before this moment names.
fn intended_for(trail: &[Event], login: &str, at: DateTime<Utc>) -> Option<i64> {
    let is_it = |event: &&Event| {
        event.action == "suspension_intended"
            && event.account.as_ref().is_some_and(|(_, of)| of == login)
            && event.at().timestamp_millis() <= at.timestamp_millis()
    };
    trail.iter().rfind(is_it)?.request
}

/// Whether enough approvers asked for it in time, and nobody ended or kept it.
fn mandate(case: &Case<'_>, deeds: &[Deed], trail: &[Event], effect: &Effect<'_>) -> Result<(), String> {
    let asked = case.ledger.request(effect.request).ok_or("there is no such request")?;
    let candidates: Vec<Listed> = case.ledger.candidates();
    let listed = candidates.iter().find(|one| one.request == effect.request && one.login == effect.login);
    let position = listed.ok_or("the account is not on its list")?.position;
    let deadline = asked.deadline.ok_or("its card never stood")?;
    let wanted = |deed: &&Deed| {
        deed.request == effect.request
            && [U_APPROVER, U_APPROVER2].contains(&deed.user.as_str())
            && deed.at <= effect.at
            && deed.at < deadline
            && deed.wants_suspended(position)
    };
    let who: BTreeSet<&str> = deeds.iter().filter(wanted).map(|deed| deed.user.as_str()).collect();
    if who.len() < case.terms.approvals {
        return Err(format!("{} approvers are needed, and {who:?} wanted it", case.terms.approvals));
    }
    let events = trail.iter().filter(|event| event.request == Some(effect.request));
    let before = |event: &&&Event| event.at() <= effect.at;
    let events: Vec<&Event> = events.collect();
    if !events.iter().filter(before).any(|event| event.action == "approved") {
        return Err("the trail holds no approval".to_owned());
    }
    if let Some(ended) = events.iter().find(|event| ENDINGS.contains(&event.action.as_str())) {
        return Err(format!("the request was {}", ended.action));
    }
    let kept = |event: &&&Event| {
        event.action == "kept" && event.account.as_ref().is_some_and(|(_, login)| login == effect.login)
    };
    if events.iter().any(|event| kept(&event)) { Err("it was kept".to_owned()) } else { Ok(()) }
}

/// Whether the bot, when it last looked before this, could see that the person was back.
fn standing(case: &Case<'_>, effect: &Effect<'_>, person: &PersonView, calls: &[Call]) -> Result<(), String> {
    let path = format!("/api/v1/users/{}", person.id);
    let looks = calls.iter().filter(|call| call.method == "GET" && call.path == path && call.at <= effect.at);
    let looked = looks.map(|call| call.at).max().ok_or("nobody looked at it")?;
    let request = case.ledger.request(effect.request).ok_or("there is no such request")?;
    let shown = case.ledger.events_after(0).into_iter().find(|event| event.request == Some(request.id));
    let proposed = shown.map(|event| event.at()).ok_or("it was never proposed")?;
    let signed_in = person.last_login.filter(|at| *at > proposed && *at < looked);
    // Sign-ins leave one time behind, so a later one may hide it; the log has them all.
    let seen =
        case.world.okta.signed_in_at(effect.login).into_iter().find(|at| *at > proposed && *at < looked);
    match signed_in.or(seen) {
        Some(at) => Err(format!("they had signed in at {at}, and it was looked at at {looked}")),
        None => Ok(()),
    }
}
