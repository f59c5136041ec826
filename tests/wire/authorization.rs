//! Whether each suspension that took effect was one that people who may had asked for, and that nothing stood against.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::deeds::Deed;
use crate::fake::okta::{Call, PersonView, Status};
use crate::fake::slack::{U_APPROVER, U_APPROVER2};
use crate::judge::Case;
use crate::play::{ADMINISTRATOR, APPROVERS_OWN};
use crate::support::judge::{self, Kind, Suspension};
use crate::support::ledger::Event;
use inactive_contractors::domain::ids::RequestId;

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
        let mut effects = Vec::new();
        for at in case.world.okta.suspended_at(login) {
            let Some((request, intent)) = intended_for(trail, login, at) else {
                case.notes.wrong(Kind::WronglySuspended, format!("{login} at {at}: no intent in the trail"));
                continue;
            };
            effects.push((Some(request), login.clone()));
            let effect = Effect { login, request, intent, at };
            if let Err(why) = authorization(case, deeds, trail, &effect)
                .and_then(|()| standing(case, &effect, person, &calls))
            {
                case.notes
                    .wrong(Kind::WronglySuspended, format!("{login} at {at} for request {request}: {why}"));
            }
        }
        case.notes.tell(judge::suspended_once(effects));
    }
}

/// How many suspensions of an account for a request took effect.
pub fn effects_for(case: &Case<'_>, trail: &[Event], request: RequestId, login: &str) -> usize {
    let effects = case.world.okta.suspended_at(login).into_iter();
    effects.filter(|at| intended_for(trail, login, *at).is_some_and(|(of, _)| of == request)).count()
}

/// The request for which the bot suspended an account that has not changed since.
pub fn last_suspended_for(case: &Case<'_>, trail: &[Event], login: &str) -> Option<RequestId> {
    let person = case.world.okta.person(login);
    let last = case.world.okta.suspended_at(login).pop()?;
    (person.status == Status::Suspended && person.status_changed == Some(last)).then_some(())?;
    intended_for(trail, login, last).map(|(request, _)| request)
}

struct Effect<'a> {
    login: &'a str,
    request: RequestId,
    /// The event of its intent.
    intent: i64,
    at: DateTime<Utc>,
}

/// The request that the last intent before this moment names, and its event.
fn intended_for(trail: &[Event], login: &str, at: DateTime<Utc>) -> Option<(RequestId, i64)> {
    let is_it = |event: &&Event| {
        event.action == "suspension_intended"
            && event.account.as_ref().is_some_and(|(_, of)| of == login)
            && event.at().timestamp_millis() <= at.timestamp_millis()
    };
    let intent = trail.iter().rfind(is_it)?;
    Some((intent.request?, intent.seq))
}

/// Whether enough approvers asked for it in time, and nobody ended or kept it.
fn authorization(
    case: &Case<'_>,
    deeds: &[Deed],
    trail: &[Event],
    effect: &Effect<'_>,
) -> Result<(), String> {
    let asked = case.ledger.request(effect.request).ok_or("there is no such request")?;
    let candidates = case.ledger.candidates();
    let listed = candidates.iter().find(|one| one.request == effect.request && one.login == effect.login);
    let policy = &case.world.config().policies[0];
    let suspension = Suspension {
        asked: &asked,
        listed: listed.ok_or("the account is not on its list")?,
        trail,
        at: effect.at,
        intent: effect.intent,
        approvals: u32::try_from(case.terms.approvals).unwrap_or(u32::MAX).max(asked.approvals_needed),
        execute_within: policy.execute_within,
        deeds: &|user, at, verbs| behind(case, deeds, effect.request, user, at, verbs),
    };
    suspension.authorization()
}

/// What somebody had sent about a request by the time at which the bot has it, as one of these verbs.
fn behind(
    case: &Case<'_>,
    deeds: &[Deed],
    request: RequestId,
    user: &str,
    at: DateTime<Utc>,
    verbs: &[&str],
) -> Option<judge::Deed> {
    let done = |ticked: Option<BTreeSet<u32>>| judge::Deed {
        forged: false,
        ticked,
        may_approve: [U_APPROVER, U_APPROVER2].contains(&user),
        // Whose own account is never suspended at all is judged apart.
        emails: [None].into(),
    };
    let in_time = |sent: DateTime<Utc>| sent.timestamp_millis() <= at.timestamp_millis();
    let is_it = |deed: &&Deed| {
        // A review suspends those who are left ticked.
        let verb = if deed.verb == "choose" && deed.ticked.is_some() { "suspend" } else { &deed.verb };
        deed.request == request && deed.user == user && verbs.contains(&verb) && in_time(deed.at)
    };
    let typed = || {
        let line = format!("retry {request}");
        let all = case.world.slack.everything_sent().into_iter();
        let mut lines = all.filter(|sent| sent.kind == "slash_commands" && sent.payload["user_id"] == user);
        let is_it = |text: &str| text == line || text.starts_with(&format!("{line} "));
        lines.any(|sent| {
            let in_time = sent.at.first().is_some_and(|sent| in_time(*sent));
            in_time && verbs.contains(&"retry") && sent.payload["text"].as_str().is_some_and(is_it)
        })
    };
    // Which of several it took is the bot's matter: anyone who was left ticked in one of them was wanted.
    let ticked = deeds.iter().filter(is_it).map(|deed| deed.ticked.clone());
    let wanted = ticked.reduce(|all, more| Some(all?.union(&more?).copied().collect()));
    wanted.or_else(|| typed().then_some(None)).map(done)
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
