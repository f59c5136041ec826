//! The bundle for an auditor: what was looked at, by which rule, what people were shown, what they decided and how long
//! it took, and the proof of what was done, with the means to check all of it.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use chrono::{DateTime, Utc};
use serde_json::json;
use zip::write::SimpleFileOptions;

use super::export::Excerpt;
use super::sheet::{Sheet, or_empty, time, time_or_empty};
use super::{VERIFIER, sha256};
use crate::app::wording::evidence as wording;
use crate::domain::account::AccountId;
use crate::domain::assess::SecondLook;
use crate::domain::audit::{Action, AuditEvent, Person};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::exemption::{End, Granted};
use crate::domain::plan::Counts;
use crate::domain::request::{Decision, Request, RequestState};
use crate::domain::when::Period;
use crate::store::{SweepRow, SweepState};

/// A sweep with the request that it made.
#[derive(Clone, Debug)]
pub struct Swept {
    /// The sweep.
    pub sweep: SweepRow,
    /// The request with its candidates, if it made one.
    pub request: Option<(Request, Vec<Candidate>)>,
}

/// All that a bundle is made of.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The version of the bot that makes it.
    pub version: String,
    /// Who asked for it.
    pub made_by: Person,
    /// The time that it is about.
    pub period: Period,
    /// The policies that it is about.
    pub policies: Vec<String>,
    /// The sweeps that started in that time, oldest first.
    pub swept: Vec<Swept>,
    /// The exemptions that were in force at some time of it.
    pub exemptions: Vec<Granted>,
    /// The events of that time, and of its requests after it.
    pub excerpt: Excerpt,
}

/// What was done about one account of one request, with the events that prove it.
#[derive(Clone, Debug)]
pub struct Suspension<'a> {
    /// The request.
    pub request: i64,
    /// The account.
    pub account: &'a AccountId,
    /// Its login then.
    pub login: &'a str,
    /// The approval that it rests on, as the request's row has it.
    pub approval: Option<&'a Decision>,
    /// What was committed before each call.
    pub intents: Vec<&'a AuditEvent>,
    /// What came of it; `None`: it is still open.
    pub outcome: Option<&'a AuditEvent>,
    /// Given back by us afterwards.
    pub restored: Option<&'a AuditEvent>,
    /// Seen to be active again by other hands afterwards.
    pub drifted: Option<&'a AuditEvent>,
}

impl Suspension<'_> {
    /// Whether the account was suspended.
    pub fn is_suspended(&self) -> bool {
        self.outcome.is_some_and(|event| event.action == Action::Suspended.word())
    }
}

/// The zip, with the same bytes for the same evidence.
pub fn bundle(evidence: &Evidence) -> Vec<u8> {
    let suspensions = suspensions(evidence);
    let mut files = vec![
        ("README.txt", wording::readme(evidence).into_bytes()),
        ("summary.html", wording::html(evidence, &suspensions).into_bytes()),
        ("sweeps.csv", sweeps_csv(evidence)),
        ("rules.json", rules_json(evidence)),
        ("candidates.csv", candidates_csv(evidence)),
        ("decisions.csv", decisions_csv(evidence)),
        ("suspensions.csv", suspensions_csv(&suspensions)),
        ("exceptions.csv", exceptions_csv(evidence)),
        ("events.json", evidence.excerpt.json()),
        ("verify.py", VERIFIER.as_bytes().to_vec()),
    ];
    // In the form that `sha256sum --check` reads.
    let hashes: Vec<String> =
        files.iter().map(|(name, bytes)| format!("{}  {name}\n", sha256(bytes))).collect();
    let hashes = hashes.concat();
    files.push(("hashes.txt", hashes.into_bytes()));
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    // Without a time of its own each entry has the zip format's first one, always the same.
    let options = SimpleFileOptions::default().last_modified_time(zip::DateTime::default());
    for (name, bytes) in files {
        let written = zip.start_file(name, options).map(|()| zip.write_all(&bytes));
        written.expect("the names are fine").expect("writing to memory can't fail");
    }
    zip.finish().expect("writing to memory can't fail").into_inner()
}

fn sweeps_csv(evidence: &Evidence) -> Vec<u8> {
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
        "rule_fingerprint",
        "request",
        "held_or_failed_because",
    ]);
    for Swept { sweep, request } in &evidence.swept {
        let by = sweep.trigger.person();
        let (finished_at, counts, pages, why) = match &sweep.state {
            SweepState::Started => (None, None, None, "it has not ended yet".to_owned()),
            SweepState::Failed { at, error } => (Some(*at), None, None, error.clone()),
            SweepState::Finished { at, counts, verdict, pages } => {
                (Some(*at), Some(*counts), Some(*pages), wording::verdict_in_words(verdict))
            }
        };
        let count = |number: fn(&Counts) -> u32| or_empty(counts.as_ref().map(number));
        sheet.row([
            sweep.id.to_string(),
            sweep.policy.clone(),
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
            sweep.fingerprint.clone(),
            or_empty(request.as_ref().map(|(request, _)| request.id)),
            why,
        ]);
    }
    sheet.into_bytes()
}

/// Each rule as it ran, once, with the sweeps that ran by it.
fn rules_json(evidence: &Evidence) -> Vec<u8> {
    let mut rules: Vec<(&SweepRow, Vec<i64>)> = Vec::new();
    for Swept { sweep, .. } in &evidence.swept {
        let same = |(first, _): &&mut (&SweepRow, Vec<i64>)| {
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

fn candidates_csv(evidence: &Evidence) -> Vec<u8> {
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
                request.policy.clone(),
                candidate.position.to_string(),
                shown.id.to_string(),
                shown.login.clone(),
                shown.name.clone(),
                or_empty(shown.email.as_ref()),
                or_empty(shown.manager.as_ref()),
                or_empty(shown.organization.as_ref()),
                time(seen.idle.since),
                (seen.looked_at - seen.idle.since).num_days().to_string(),
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

/// When a candidate got its outcome, from whom, and why; as far as its row says.
fn outcome(state: &CandidateState) -> (Option<DateTime<Utc>>, String, String) {
    match state {
        CandidateState::Previewed | CandidateState::Proposed | CandidateState::Dropped => {
            (None, String::new(), String::new())
        }
        CandidateState::Due { .. } => (None, String::new(), "approved, and not carried out yet".to_owned()),
        CandidateState::Kept { by, until } => {
            let until = until.map(|until| format!("kept until {}", time(until)));
            (None, by.name.clone(), until.unwrap_or_default())
        }
        CandidateState::Suspended { at, confirmation, .. } => (Some(*at), String::new(), word(confirmation)),
        CandidateState::Skipped { at, why, error } => {
            let error = error.as_ref().map(|error| format!(", after: {error}")).unwrap_or_default();
            (Some(*at), String::new(), word(why) + &error)
        }
        CandidateState::Failed { at, error, .. } => (Some(*at), String::new(), error.clone()),
    }
}

fn second_look(look: &SecondLook) -> String {
    match look {
        SecondLook::NotAsked => "not asked".to_owned(),
        SecondLook::Nothing { since } => format!("nothing since {}", time(*since)),
        SecondLook::Seen { at } => format!("seen {}", time(*at)),
        SecondLook::Failed(why) => format!("could not be read: {why}"),
    }
}

/// A value of ours as its stored word, or as JSON where it holds more.
fn word<T: serde::Serialize>(value: &T) -> String {
    let value = serde_json::json!(value);
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn decisions_csv(evidence: &Evidence) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "request",
        "sweep",
        "policy",
        "list_hash",
        "candidates",
        "kept",
        "asked_for_by",
        "created_at",
        "deadline",
        "decision",
        "decided_by_id",
        "decided_by",
        "decided_by_email",
        "decided_at",
        "seconds_to_decide",
        "reason",
        "approvals_needed",
        "first_approval_by_id",
        "first_approval_by",
        "first_approval_at",
        "retried_by",
        "retried_at",
        "released_by",
        "released_at",
    ]);
    for (request, candidates) in evidence.swept.iter().filter_map(|swept| swept.request.as_ref()) {
        let decision = decision(&request.state);
        let (first, retry) = (request.state.first_approval(), request.state.retry());
        let ended_at = decision.map(|decision| decision.at);
        let kept = candidates.iter().filter(|one| matches!(one.state, CandidateState::Kept { .. })).count();
        sheet.row([
            request.id.to_string(),
            request.sweep.to_string(),
            request.policy.clone(),
            request.list_hash.clone(),
            candidates.len().to_string(),
            kept.to_string(),
            request.swept_by.as_ref().map_or("schedule".to_owned(), |by| by.name.clone()),
            time(request.created_at),
            time_or_empty(request.deadline),
            request.state.word().to_owned(),
            or_empty(decision.map(|decision| &decision.by.id)),
            or_empty(decision.map(|decision| &decision.by.name)),
            or_empty(decision.and_then(|decision| decision.by.email.as_ref())),
            time_or_empty(ended_at),
            or_empty(ended_at.map(|at| (at - request.created_at).num_seconds())),
            or_empty(decision.and_then(|decision| decision.reason.as_ref())),
            request.approvals_needed.to_string(),
            or_empty(first.map(|first| &first.by.id)),
            or_empty(first.map(|first| &first.by.name)),
            time_or_empty(first.map(|first| first.at)),
            or_empty(retry.map(|retry| &retry.decision.by.name)),
            time_or_empty(retry.map(|retry| retry.decision.at)),
            or_empty(request.release.as_ref().map(|release| &release.by.name)),
            time_or_empty(request.release.as_ref().map(|release| release.at)),
        ]);
    }
    sheet.into_bytes()
}

/// The decision of a request, if a person took one; the second one where two are needed.
pub fn decision(state: &RequestState) -> Option<&Decision> {
    match state {
        RequestState::Approved { decision, .. }
        | RequestState::Completed { decision, .. }
        | RequestState::Denied { decision }
        | RequestState::Withdrawn { decision }
        | RequestState::WentLive { decision } => Some(decision),
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Expired { .. } => None,
    }
}

/// Per request and account what was done.
fn suspensions(evidence: &Evidence) -> Vec<Suspension<'_>> {
    let mut done: BTreeMap<(i64, &AccountId), Suspension> = BTreeMap::new();
    for event in &evidence.excerpt.events {
        let (Some(subject), Some(action)) = (&event.subject, Action::of_word(&event.action)) else {
            continue;
        };
        let account = &subject.id;
        if let Some(request) = event.request {
            if action == Action::SuspensionIntended {
                let begun = || Suspension {
                    request,
                    account,
                    login: &subject.login,
                    approval: approval(evidence, request, account),
                    intents: Vec::new(),
                    outcome: None,
                    restored: None,
                    drifted: None,
                };
                done.entry((request, account)).or_insert_with(begun).intents.push(event);
            } else if matches!(action, Action::Suspended | Action::Skipped | Action::SuspensionFailed)
                && let Some(one) = done.get_mut(&(request, account))
            {
                one.outcome = Some(event);
            }
        }
        if matches!(action, Action::Restored | Action::DriftFound) {
            let of = done.values_mut().filter(|one| one.account == account && one.is_suspended());
            if let Some(latest) = of.max_by_key(|one| one.request) {
                let place =
                    if action == Action::Restored { &mut latest.restored } else { &mut latest.drifted };
                *place = Some(event);
            }
        }
    }
    done.into_values().collect()
}

/// Whether every listed account got exactly one answer.
pub fn adds_up(counts: &Counts) -> bool {
    let Counts {
        population,
        candidates,
        waiting,
        active,
        in_grace,
        exempt,
        not_suspendable,
        unknown,
        other_type,
    } = *counts;
    population == candidates + waiting + active + in_grace + exempt + not_suspendable + unknown + other_type
}

/// What a suspension rests on: the approval, or the retry that the account was part of.
fn approval<'a>(evidence: &'a Evidence, id: i64, account: &AccountId) -> Option<&'a Decision> {
    let mut requests = evidence.swept.iter().filter_map(|swept| swept.request.as_ref());
    let (request, candidates) = requests.find(|(request, _)| request.id == id)?;
    let candidate = candidates.iter().find(|candidate| candidate.shown.id == *account)?;
    let retry = request.state.retry().filter(|retry| retry.positions.contains(&candidate.position));
    retry.map(|retry| &retry.decision).or_else(|| decision(&request.state))
}

fn suspensions_csv(suspensions: &[Suspension<'_>]) -> Vec<u8> {
    let mut sheet = Sheet::new(&[
        "request",
        "account_id",
        "login",
        "approved_by",
        "approved_at",
        "intents",
        "first_intent_event",
        "first_intent_at",
        "last_intent_event",
        "outcome",
        "outcome_event",
        "outcome_at",
        "confirmation",
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
        let took = one.outcome.zip(one.approval).map(|(event, approval)| event.at - approval.at);
        sheet.row([
            one.request.to_string(),
            one.account.to_string(),
            one.login.to_owned(),
            or_empty(one.approval.map(|approval| &approval.by.name)),
            time_or_empty(one.approval.map(|approval| approval.at)),
            one.intents.len().to_string(),
            seq(first.copied()),
            at(first.copied()),
            seq(last.copied()),
            one.outcome.map_or("open".to_owned(), |event| event.action.clone()),
            seq(one.outcome),
            at(one.outcome),
            or_empty(detail("confirmation")),
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

fn exceptions_csv(evidence: &Evidence) -> Vec<u8> {
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
            Some(End::Lapsed) => ("its time was over", None, None),
            Some(End::Lifted { by, reason }) => ("ended early", Some(&by.name), reason.as_ref()),
        };
        sheet.row([
            granted.id.to_string(),
            granted.policy.clone(),
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
