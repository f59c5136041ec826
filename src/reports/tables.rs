//! The tables of a bundle of evidence: one row per sweep, candidate, decision, suspension and exception.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::audit::{Actor, AuditEvent};
use crate::domain::candidate::CandidateState;
use crate::domain::exemption::End;
use crate::domain::ids::SweepId;
use crate::domain::plan::Counts;
use crate::domain::sighting::SecondLook;
use crate::reports::facts::{Decided, Evidence, Suspension, Swept, adds_up, decisions, names};
use crate::reports::sheet::{Sheet, or_empty, time, time_or_empty};
use crate::reports::text as wording;
use crate::store::{SweepRow, SweepState};

pub(crate) fn sweeps_csv(evidence: &Evidence) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "sweep",
        "policy",
        "trigger",
        "triggered_by_id",
        "triggered_by",
        "slot",
        "started_at",
        "finished_at",
        "result",
        "complete",
        "pages_read",
        "population",
        "candidates",
        "waiting_elsewhere",
        "active",
        "in_grace",
        "exempt",
        "not_suspendable",
        "unknown",
        "other_type",
        "counts_add_up",
        "in_period",
        "rule_fingerprint",
        "request",
        "result_in_words",
    ]);
    for Swept { sweep, request, in_period, terms } in &evidence.swept {
        let by = sweep.trigger.person();
        let (finished_at, counts, pages, why) = match &sweep.state {
            SweepState::Started => (None, None, None, "has not ended yet".to_owned()),
            SweepState::Failed { at, error } => (Some(*at), None, None, error.clone()),
            SweepState::Finished { at, counts, verdict, pages } => {
                (Some(*at), Some(*counts), Some(*pages), wording::verdict_in_words(verdict, *terms))
            }
        };
        let count = |number: fn(&Counts) -> u32| or_empty(counts.as_ref().map(number));
        sheet.row([
            sweep.id.to_string(),
            sweep.policy.to_string(),
            wording::trigger_word(&sweep.trigger).to_owned(),
            or_empty(by.map(|by| &by.id)),
            or_empty(by.map(|by| &by.name)),
            sweep.slot.clone(),
            time(sweep.started_at),
            time_or_empty(finished_at),
            sweep.state.word().to_owned(),
            // The listing was read to its last page; a sweep of which that can't be said fails.
            counts.is_some().to_string(),
            or_empty(pages),
            count(|counts| counts.population),
            count(|counts| counts.candidates),
            count(|counts| counts.waiting),
            count(|counts| counts.active),
            count(|counts| counts.in_grace),
            count(|counts| counts.exempt),
            count(|counts| counts.not_suspendable),
            count(|counts| counts.unknown),
            count(|counts| counts.other_type),
            or_empty(counts.map(|counts| adds_up(&counts))),
            in_period.to_string(),
            sweep.fingerprint.clone(),
            or_empty(request.as_ref().map(|(request, _)| request.id)),
            why,
        ]);
    }
    sheet.into_bytes()
}

/// Each rule as it ran, once, with the sweeps that ran by it.
pub(crate) fn rules_json(evidence: &Evidence) -> Vec<u8> {
    let mut rules: Vec<(&SweepRow, Vec<SweepId>)> = Vec::new();
    for Swept { sweep, .. } in &evidence.swept {
        let same = |(first, _): &&mut (&SweepRow, Vec<SweepId>)| {
            first.policy == sweep.policy && first.fingerprint == sweep.fingerprint
        };
        match rules.iter_mut().find(same) {
            Some((_, sweeps)) => sweeps.push(sweep.id),
            None => rules.push((sweep, vec![sweep.id])),
        }
    }
    let rules: Vec<_> = rules
        .into_iter()
        .map(|(first, sweeps)| {
            json!({ "policy": first.policy, "fingerprint": first.fingerprint, "sweeps": sweeps, "rule": first.rule })
        })
        .collect();
    let mut out = serde_json::to_vec_pretty(&rules).expect("values of ours have string keys only");
    out.push(b'\n');
    out
}

pub(crate) fn candidates_csv(evidence: &Evidence) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "request",
        "sweep",
        "policy",
        "position",
        "account_id",
        "login",
        "name",
        "email",
        "manager",
        "organization",
        "idle_since",
        "idle_days",
        "idle_days_are",
        "signal",
        "last_sign_in",
        "sign_in_log",
        "inactive_after_days",
        "looked_at",
        "proposed_before",
        "outcome",
        "outcome_at",
        "outcome_by",
        "outcome_because",
    ]);
    for (request, candidates) in evidence.swept.iter().filter_map(|swept| swept.request.as_ref()) {
        for candidate in candidates {
            let shown = &candidate.shown;
            let seen = &shown.evidence;
            let (outcome_at, by, because) = outcome(&candidate.state);
            sheet.row([
                request.id.to_string(),
                request.sweep.to_string(),
                request.policy.to_string(),
                candidate.position.to_string(),
                shown.id.to_string(),
                shown.login.clone(),
                shown.name.clone(),
                or_empty(shown.email.as_ref()),
                or_empty(shown.manager.as_ref()),
                or_empty(shown.organization.as_ref()),
                time(seen.idle.since),
                (seen.looked_at - seen.idle.surely_since()).num_days().to_string(),
                (if seen.idle.at_least_since.is_some() { "at least" } else { "exact" }).to_owned(),
                word(&seen.idle.signal),
                seen.last_sign_in.map_or("never".to_owned(), time),
                second_look(&seen.second_look),
                (seen.inactive_after_s / 86400).to_string(),
                time(seen.looked_at),
                shown.pending_sweeps.to_string(),
                candidate.state.word().to_owned(),
                time_or_empty(outcome_at),
                by,
                because,
            ]);
        }
    }
    sheet.into_bytes()
}

/// Returns when a candidate got its outcome, who decided it, and why, as far as its row says.
fn outcome(state: &CandidateState) -> (Option<DateTime<Utc>>, String, String) {
    match state {
        CandidateState::Previewed | CandidateState::Proposed | CandidateState::Dropped => {
            (None, String::new(), String::new())
        }
        CandidateState::Due { .. } => (None, String::new(), "approved, not executed yet".to_owned()),
        CandidateState::Kept { by, until } => {
            let until = until.map(|until| format!("kept until {}", time(until)));
            (None, by.name.clone(), until.unwrap_or_default())
        }
        CandidateState::Suspended { at, confirmation, .. } => (Some(*at), String::new(), word(confirmation)),
        CandidateState::Skipped { at, why, error } => {
            let error = error.as_ref().map(|error| format!("; last error: {error}")).unwrap_or_default();
            (Some(*at), String::new(), word(why) + &error)
        }
        CandidateState::Failed { at, error, .. } => (Some(*at), String::new(), error.clone()),
    }
}

fn second_look(look: &SecondLook) -> String {
    match look {
        SecondLook::NotAsked => "not asked".to_owned(),
        SecondLook::Nothing { since } => format!("nothing since {}", time(*since)),
        SecondLook::Seen(seen) => {
            let sign = seen.sign.as_ref();
            let event = sign.map(|sign| format!(" by {}", sign.event)).unwrap_or_default();
            let this =
                sign.and_then(|sign| sign.app.as_ref()).map(|app| format!(" ({app})")).unwrap_or_default();
            let read =
                seen.read_since.map(|since| format!(", read since {}", time(since))).unwrap_or_default();
            format!("seen {}{event}{this}{read}", time(seen.at))
        }
        SecondLook::Failed(why) => format!("could not be read: {why}"),
    }
}

/// A value of ours as its stored word, or as JSON where it holds more.
fn word<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::json!(value);
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn decisions_csv(evidence: &Evidence) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "request",
        "sweep",
        "policy",
        "list_hash",
        "candidates",
        "asked_for_by",
        "created_at",
        "deadline",
        "approvals_needed",
        "decision",
        "event",
        "by_id",
        "by",
        "by_email",
        "at",
        "seconds_since_asked",
        "accounts",
        "reason",
        "stands_now",
    ]);
    for Decided { request, candidates, event } in decisions(evidence) {
        let by = event.and_then(|event| match &event.actor {
            Actor::Person(person) => Some(person),
            Actor::System => None,
        });
        let detail =
            |key: &str| event.and_then(|event| event.detail.get(key)).filter(|value| !value.is_null());
        sheet.row([
            request.id.to_string(),
            request.sweep.to_string(),
            request.policy.to_string(),
            request.list_hash.clone(),
            candidates.len().to_string(),
            request.swept_by.as_ref().map_or("schedule".to_owned(), |by| by.name.clone()),
            time(request.created_at),
            time_or_empty(request.deadline),
            request.approvals_needed.to_string(),
            event.map_or("none so far".to_owned(), |event| event.action.clone()),
            or_empty(event.map(|event| event.seq)),
            or_empty(by.map(|by| &by.id)),
            or_empty(by.map(|by| &by.name)),
            or_empty(by.and_then(|by| by.email.as_ref())),
            time_or_empty(event.map(|event| event.at)),
            or_empty(event.map(|event| (event.at - request.created_at).num_seconds())),
            or_empty(detail("selected")),
            or_empty(detail("reason").map(word)),
            request.state.word().to_owned(),
        ]);
    }
    sheet.into_bytes()
}

pub(crate) fn suspensions_csv(suspensions: &[Suspension<'_>]) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "request",
        "account_id",
        "login",
        "approved_by",
        "approved_event",
        "approved_at",
        "intents",
        "first_intent_event",
        "first_intent_at",
        "last_intent_event",
        "outcome",
        "outcome_event",
        "outcome_at",
        "confirmation",
        "provider_request",
        "because",
        "seconds_from_approval",
        "restored_event",
        "restored_at",
        "active_again_event",
        "active_again_at",
    ]);
    for one in suspensions {
        let (first, last) = (one.intents.first(), one.intents.last());
        let detail = |key: &str| one.outcome.and_then(|event| event.detail.get(key)).map(word);
        let at = |event: Option<&AuditEvent>| time_or_empty(event.map(|event| event.at));
        let seq = |event: Option<&AuditEvent>| or_empty(event.map(|event| event.seq));
        let approved = one.approval.last().copied();
        let took = one.outcome.zip(approved).map(|(event, approval)| event.at - approval.at);
        sheet.row([
            one.request.to_string(),
            one.account.to_string(),
            one.login.to_owned(),
            names(&one.approval),
            seq(approved),
            at(approved),
            one.intents.len().to_string(),
            seq(first.copied()),
            at(first.copied()),
            seq(last.copied()),
            one.outcome.map_or("open".to_owned(), |event| event.action.clone()),
            seq(one.outcome),
            at(one.outcome),
            or_empty(detail("confirmation")),
            or_empty(detail("provider_request")),
            or_empty(detail("why").or(detail("error"))),
            or_empty(took.map(|took| took.num_seconds())),
            seq(one.restored),
            at(one.restored),
            seq(one.drifted),
            at(one.drifted),
        ]);
    }
    sheet.into_bytes()
}

pub(crate) fn exceptions_csv(evidence: &Evidence) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "exemption",
        "policy",
        "account_id",
        "login",
        "owner_id",
        "owner",
        "owner_email",
        "reason",
        "granted_at",
        "starts_at",
        "ends_at",
        "ended_at",
        "ended_how",
        "ended_by",
        "ended_because",
    ]);
    for granted in &evidence.exemptions {
        let (how, by, because) = match granted.end.as_ref().map(|(_, end)| end) {
            None => ("", None, None),
            Some(End::Lapsed) => ("expired", None, None),
            Some(End::Lifted { by, reason }) => ("ended early", Some(&by.name), reason.as_ref()),
        };
        sheet.row([
            granted.id.to_string(),
            granted.policy.to_string(),
            granted.account.id.to_string(),
            granted.account.login.clone(),
            granted.by.id.clone(),
            granted.by.name.clone(),
            or_empty(granted.by.email.as_ref()),
            granted.reason.clone(),
            time(granted.granted_at),
            time(granted.starts_at),
            time(granted.ends_at),
            time_or_empty(granted.end.as_ref().map(|(at, _)| *at)),
            how.to_owned(),
            or_empty(by),
            or_empty(because),
        ]);
    }
    sheet.into_bytes()
}
