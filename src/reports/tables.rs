//! The tables of a bundle of evidence: one row per sweep, candidate, decision, suspension and exception.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::domain::audit::{AuditEvent, Person};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::exemption::{End, Granted};
use crate::domain::ids::SweepId;
use crate::domain::plan::Counts;
use crate::domain::request::Request;
use crate::domain::sighting::SecondLook;
use crate::reports::facts::{Decided, Evidence, Suspension, Swept, adds_up, decisions, names};
use crate::reports::sheet::{Column, csv, or_empty, time, time_or_empty};
use crate::reports::text as wording;
use crate::store::{SweepRow, SweepState};

fn count(swept: &Swept, number: fn(&Counts) -> u32) -> String {
    or_empty(swept.sweep.state.counts().as_ref().map(number))
}

fn result_in_words(swept: &Swept) -> String {
    match &swept.sweep.state {
        SweepState::Started => "has not ended yet".to_owned(),
        SweepState::Failed { error, .. } => error.clone(),
        SweepState::Finished { verdict, .. } => wording::verdict_in_words(verdict, swept.terms),
    }
}

pub(crate) fn sweeps_csv(evidence: &Evidence) -> Vec<u8> {
    let columns: &[Column<Swept>] = &[
        ("sweep", |one| one.sweep.id.to_string()),
        ("policy", |one| one.sweep.policy.to_string()),
        ("trigger", |one| wording::trigger_word(&one.sweep.trigger).to_owned()),
        ("triggered_by_id", |one| or_empty(one.sweep.trigger.person().map(|by| &by.id))),
        ("triggered_by", |one| or_empty(one.sweep.trigger.person().map(|by| &by.name))),
        ("slot", |one| one.sweep.slot.clone()),
        ("started_at", |one| time(one.sweep.started_at)),
        ("finished_at", |one| time_or_empty(one.sweep.state.ended_at())),
        ("result", |one| one.sweep.state.word().to_owned()),
        // The listing was read to its last page; a sweep of which that can't be said fails.
        ("complete", |one| one.sweep.state.counts().is_some().to_string()),
        ("pages_read", |one| or_empty(one.sweep.state.pages())),
        ("population", |one| count(one, |counts| counts.population)),
        ("candidates", |one| count(one, |counts| counts.candidates)),
        ("waiting_elsewhere", |one| count(one, |counts| counts.waiting)),
        ("active", |one| count(one, |counts| counts.active)),
        ("in_grace", |one| count(one, |counts| counts.in_grace)),
        ("exempt", |one| count(one, |counts| counts.exempt)),
        ("not_suspendable", |one| count(one, |counts| counts.not_suspendable)),
        ("unknown", |one| count(one, |counts| counts.unknown)),
        ("other_type", |one| count(one, |counts| counts.other_type)),
        ("counts_add_up", |one| or_empty(one.sweep.state.counts().map(|counts| adds_up(&counts)))),
        ("in_period", |one| one.in_period.to_string()),
        ("rule_fingerprint", |one| one.sweep.fingerprint.clone()),
        ("request", |one| or_empty(one.request.as_ref().map(|(request, _)| request.id))),
        ("result_in_words", result_in_words),
    ];
    csv(columns, &evidence.swept)
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
    let columns: &[Column<(&Request, &Candidate)>] = &[
        ("request", |(request, _)| request.id.to_string()),
        ("sweep", |(request, _)| request.sweep.to_string()),
        ("policy", |(request, _)| request.policy.to_string()),
        ("position", |(_, one)| one.position.to_string()),
        ("account_id", |(_, one)| one.shown.id.to_string()),
        ("login", |(_, one)| one.shown.login.clone()),
        ("name", |(_, one)| one.shown.name.clone()),
        ("email", |(_, one)| or_empty(one.shown.email.as_ref())),
        ("manager", |(_, one)| or_empty(one.shown.manager.as_ref())),
        ("organization", |(_, one)| or_empty(one.shown.organization.as_ref())),
        ("idle_since", |(_, one)| time(one.shown.evidence.idle.since)),
        ("idle_days", |(_, one)| {
            let seen = &one.shown.evidence;
            (seen.looked_at - seen.idle.surely_since()).num_days().to_string()
        }),
        ("idle_days_are", |(_, one)| {
            let is_bound = one.shown.evidence.idle.at_least_since.is_some();
            (if is_bound { "at least" } else { "exact" }).to_owned()
        }),
        ("signal", |(_, one)| word(&one.shown.evidence.idle.signal)),
        ("last_sign_in", |(_, one)| one.shown.evidence.last_sign_in.map_or("never".to_owned(), time)),
        ("sign_in_log", |(_, one)| second_look(&one.shown.evidence.second_look)),
        ("inactive_after_days", |(_, one)| (one.shown.evidence.inactive_after_s / 86400).to_string()),
        ("looked_at", |(_, one)| time(one.shown.evidence.looked_at)),
        ("proposed_before", |(_, one)| one.shown.pending_sweeps.to_string()),
        ("outcome", |(_, one)| one.state.word().to_owned()),
        ("outcome_at", |(_, one)| time_or_empty(outcome(&one.state).0)),
        ("outcome_by", |(_, one)| outcome(&one.state).1),
        ("outcome_because", |(_, one)| outcome(&one.state).2),
    ];
    let requests = evidence.swept.iter().filter_map(|swept| swept.request.as_ref());
    let rows = requests.flat_map(|(request, candidates)| candidates.iter().map(move |one| (request, one)));
    csv(columns, rows)
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

fn decider<'a>(decided: &Decided<'a>) -> Option<&'a Person> {
    decided.event?.actor.person()
}

/// What the event's detail has under this key.
fn detail<'a>(event: Option<&'a AuditEvent>, key: &str) -> Option<&'a Value> {
    event?.detail.get(key)
}

fn at(event: Option<&AuditEvent>) -> String {
    time_or_empty(event.map(|event| event.at))
}

fn seq(event: Option<&AuditEvent>) -> String {
    or_empty(event.map(|event| event.seq))
}

pub(crate) fn decisions_csv(evidence: &Evidence) -> Vec<u8> {
    let columns: &[Column<Decided<'_>>] = &[
        ("request", |one| one.request.id.to_string()),
        ("sweep", |one| one.request.sweep.to_string()),
        ("policy", |one| one.request.policy.to_string()),
        ("list_hash", |one| one.request.list_hash.clone()),
        ("candidates", |one| one.candidates.len().to_string()),
        ("asked_for_by", |one| {
            one.request.swept_by.as_ref().map_or("schedule".to_owned(), |by| by.name.clone())
        }),
        ("created_at", |one| time(one.request.created_at)),
        ("deadline", |one| time_or_empty(one.request.deadline)),
        ("approvals_needed", |one| one.request.approvals_needed.to_string()),
        ("decision", |one| one.event.map_or("none so far".to_owned(), |event| event.action.clone())),
        ("event", |one| seq(one.event)),
        ("by_id", |one| or_empty(decider(one).map(|by| &by.id))),
        ("by", |one| or_empty(decider(one).map(|by| &by.name))),
        ("by_email", |one| or_empty(decider(one).and_then(|by| by.email.as_ref()))),
        ("at", |one| at(one.event)),
        ("seconds_since_asked", |one| {
            or_empty(one.event.map(|event| (event.at - one.request.created_at).num_seconds()))
        }),
        ("accounts", |one| or_empty(detail(one.event, "selected").filter(|value| !value.is_null()))),
        ("reason", |one| or_empty(detail(one.event, "reason").filter(|value| !value.is_null()).map(word))),
        ("stands_now", |one| one.request.state.word().to_owned()),
    ];
    csv(columns, decisions(evidence))
}

pub(crate) fn suspensions_csv(suspensions: &[Suspension<'_>]) -> Vec<u8> {
    let columns: &[Column<Suspension<'_>>] = &[
        ("request", |one| one.request.to_string()),
        ("account_id", |one| one.account.to_string()),
        ("login", |one| one.login.to_owned()),
        ("approved_by", |one| names(&one.approval)),
        ("approved_event", |one| seq(one.approval.last().copied())),
        ("approved_at", |one| at(one.approval.last().copied())),
        ("intents", |one| one.intents.len().to_string()),
        ("first_intent_event", |one| seq(one.intents.first().copied())),
        ("first_intent_at", |one| at(one.intents.first().copied())),
        ("last_intent_event", |one| seq(one.intents.last().copied())),
        ("outcome", |one| one.outcome.map_or("open".to_owned(), |event| event.action.clone())),
        ("outcome_event", |one| seq(one.outcome)),
        ("outcome_at", |one| at(one.outcome)),
        ("confirmation", |one| or_empty(detail(one.outcome, "confirmation").map(word))),
        ("provider_request", |one| or_empty(detail(one.outcome, "provider_request").map(word))),
        ("because", |one| {
            let why = detail(one.outcome, "why").or(detail(one.outcome, "error"));
            or_empty(why.map(word))
        }),
        ("seconds_from_approval", |one| {
            let took = one.outcome.zip(one.approval.last()).map(|(event, approval)| event.at - approval.at);
            or_empty(took.map(|took| took.num_seconds()))
        }),
        ("restored_event", |one| seq(one.restored)),
        ("restored_at", |one| at(one.restored)),
        ("active_again_event", |one| seq(one.drifted)),
        ("active_again_at", |one| at(one.drifted)),
    ];
    csv(columns, suspensions)
}

pub(crate) fn exceptions_csv(evidence: &Evidence) -> Vec<u8> {
    let columns: &[Column<Granted>] = &[
        ("exemption", |one| one.id.to_string()),
        ("policy", |one| one.policy.to_string()),
        ("account_id", |one| one.account.id.to_string()),
        ("login", |one| one.account.login.clone()),
        ("owner_id", |one| one.by.id.clone()),
        ("owner", |one| one.by.name.clone()),
        ("owner_email", |one| or_empty(one.by.email.as_ref())),
        ("reason", |one| one.reason.clone()),
        ("granted_at", |one| time(one.granted_at)),
        ("starts_at", |one| time(one.starts_at)),
        ("ends_at", |one| time(one.ends_at)),
        ("ended_at", |one| time_or_empty(one.end.as_ref().map(|(at, _)| *at))),
        ("ended_how", |one| ended(one).0.to_owned()),
        ("ended_by", |one| or_empty(ended(one).1)),
        ("ended_because", |one| or_empty(ended(one).2)),
    ];
    csv(columns, &evidence.exemptions)
}

/// Returns how an exemption ended, who ended it, and why.
fn ended(granted: &Granted) -> (&'static str, Option<&String>, Option<&String>) {
    match granted.end.as_ref().map(|(_, end)| end) {
        None => ("", None, None),
        Some(End::Lapsed) => ("expired", None, None),
        Some(End::Lifted { by, reason }) => ("ended early", Some(&by.name), reason.as_ref()),
    }
}
