//! The files of a bundle of evidence: each table, the README and the summary, about a time in which everything happened
//! that can, and about one in which nothing did.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{Cursor, Read};

use chrono::Duration;
use inactive_contractors::domain::assess::{Assessment, Idle, Signal};
use inactive_contractors::domain::attempt::Confirmation;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Person, Subject};
use inactive_contractors::domain::candidate::{Candidate, CandidateState, Skip};
use inactive_contractors::domain::date_range::DateRange;
use inactive_contractors::domain::exemption::{End, Granted};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::lineage::DatabaseId;
use inactive_contractors::domain::plan::{Counts, Guard, Verdict};
use inactive_contractors::domain::request::{Decision, Request, RequestState};
use inactive_contractors::domain::sighting::{SecondLook, Sighting, Sign, Way};
use inactive_contractors::domain::sweep::{Trigger, slot_key};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::reports::evidence::bundle;
use inactive_contractors::reports::export::Excerpt;
use inactive_contractors::reports::facts::{Evidence, Swept};
use inactive_contractors::store::{SweepRow, SweepState};
use serde_json::{Value, json};

use crate::desk::compare;
use crate::fixture::{candidate, days, due, held, now, person, request, rule};
use crate::people::{EVIL, NAMES, alice, at, granted};

fn ann() -> Person {
    Person { name: "Ann Approver".into(), ..person("U0ANN") }
}

fn ben() -> Person {
    Person { name: "Ben Approver".into(), email: None, ..person("U0BEN") }
}

fn decision(by: Person, reason: Option<&str>) -> Decision {
    Decision { by, at: at(90), reason: reason.map(str::to_owned) }
}

/// A sweep of each kind, with what it made.
struct Reviews(Vec<Swept>);

impl Reviews {
    fn add(&mut self, trigger: Trigger, state: SweepState) -> &mut Swept {
        let id = i64::try_from(self.0.len()).expect("there are a few") + 1;
        let started_at = at(id);
        let sweep = SweepRow {
            id: SweepId(id),
            policy: "contractors".into(),
            slot: slot_key(started_at),
            trigger,
            started_at,
            rule: rule(),
            fingerprint: "rule-one".into(),
            state,
        };
        self.0.push(Swept { sweep, request: None, in_period: true, terms: TERMS });
        self.0.last_mut().expect("it was just added")
    }

    fn finished(&mut self, trigger: Trigger, verdict: Verdict) -> &mut Swept {
        let counts = Counts {
            population: 255,
            candidates: 1,
            waiting: 2,
            active: 4,
            in_grace: 8,
            exempt: 16,
            not_suspendable: 32,
            unknown: 64,
            other_type: 128,
        };
        self.add(trigger, SweepState::Finished { at: at(60), counts, verdict, pages: 3 })
    }
}

fn asks(swept: &mut Swept, state: RequestState, candidates: Vec<Candidate>) {
    let id = swept.sweep.id;
    let request =
        Request { id: RequestId(id.0), sweep: id, created_at: swept.sweep.started_at, ..request(state) };
    swept.request = Some((request, candidates));
}

fn reviews() -> Vec<Swept> {
    let mut all = Reviews(Vec::new());
    let scheduled = || Trigger::Schedule { slot: at(0) };
    let by_hand = || Trigger::Command { by: alice() };
    let completed = RequestState::Completed {
        decision: decision(ann(), None),
        at: at(200),
        first: Some(Box::new(decision(ben(), None))),
        retry: None,
        retry_first: None,
    };

    let before = all.finished(scheduled(), Verdict::Ask);
    before.in_period = false;
    asks(before, completed.clone(), settled());
    if let Some((request, _)) = &mut before.request {
        request.approvals_needed = 2;
        request.swept_by = Some(alice());
    }

    let stopped = || Verdict::Held(Guard::TooMany { candidates: 51, max: 50 });
    let lost = all.finished(Trigger::CatchUp { slot: at(0) }, stopped());
    if let SweepState::Finished { counts, .. } = &mut lost.sweep.state {
        counts.population += 1;
    }
    asks(lost, completed, vec![candidate(0, skipped(Skip::Gone, None)), candidate(3, suspended())]);

    let changed = all.finished(by_hand(), Verdict::NoCandidates);
    changed.sweep.fingerprint = "rule-two".into();
    let again = Trigger::AskedAgain { by: ann(), request: RequestId(1) };
    let shown = vec![candidate(0, CandidateState::Previewed)];
    let went_live = RequestState::WentLive { decision: decision(ben(), None) };
    asks(all.finished(again, Verdict::Preview), went_live, shown);
    let waits = vec![candidate(0, CandidateState::Proposed)];
    let outdated = Trigger::RuleChanged { request: RequestId(2) };
    asks(all.finished(outdated, stopped()), held(), waits.clone());
    let few = Verdict::Refused(Guard::FarFewer { now: 10, before: 100 });
    all.finished(Trigger::WentLive { by: ann() }, few).sweep.policy = "vendors".into();
    all.add(scheduled(), SweepState::Failed { at: at(61), error: EVIL.into() });
    all.add(scheduled(), SweepState::Started);

    let dropped = vec![candidate(0, CandidateState::Dropped), candidate(1, CandidateState::Dropped)];
    let denied = RequestState::Denied { decision: decision(alice(), Some(EVIL)) };
    asks(all.finished(scheduled(), Verdict::Ask), denied, dropped.clone());
    asks(all.finished(scheduled(), Verdict::Ask), RequestState::Expired { at: at(500) }, dropped.clone());
    let withdrawn = RequestState::Withdrawn { decision: decision(ann(), Some("wrong rule")) };
    asks(all.finished(scheduled(), Verdict::Ask), withdrawn, dropped);
    asks(all.finished(scheduled(), Verdict::Ask), RequestState::pending(), waits);
    all.0
}

fn suspended() -> CandidateState {
    CandidateState::suspended(at(101), Confirmation::ByCall)
}

fn skipped(why: Skip, error: Option<&str>) -> CandidateState {
    CandidateState::Skipped { at: at(102), why, error: error.map(str::to_owned) }
}

/// Accounts with every outcome, seen in every way.
fn settled() -> Vec<Candidate> {
    let active = Idle::new(at(95), Signal::LogActivity);
    let states = [
        suspended(),
        skipped(Skip::NoLongerMatches(Assessment::Active(active)), None),
        CandidateState::suspended(at(130), Confirmation::ByReading),
        skipped(Skip::ApprovalTooOld, Some("500 on and on")),
        due(1),
        CandidateState::Failed { at: at(103), error: EVIL.into(), attempts: 5, status_changed: None },
        CandidateState::Kept { by: alice(), until: None },
        CandidateState::Kept { by: ben(), until: Some(now() + days(30)) },
    ];
    let mut all: Vec<Candidate> = (0..).zip(states).map(|(place, state)| candidate(place, state)).collect();
    for (one, name) in all.iter_mut().zip(NAMES) {
        name.clone_into(&mut one.shown.name);
        one.shown.pending_sweeps = one.position;
    }
    all[0].shown.manager = Some(EVIL.into());
    all[0].shown.organization = Some("=1+1".into());
    all[1].shown.email = None;
    let looks = [
        SecondLook::Nothing { since: now() - days(7) },
        SecondLook::Seen(Sighting {
            sign: Some(Sign { way: Way::Radius, event: "radius".into(), app: Some(EVIL.into()) }),
            read_since: Some(now() - days(90)),
            ..Sighting::at(now() - days(8))
        }),
        SecondLook::Failed(EVIL.into()),
    ];
    for (one, look) in all.iter_mut().zip(looks) {
        one.shown.evidence.second_look = look;
    }
    let never = &mut all[3].shown.evidence;
    never.last_sign_in = None;
    never.idle =
        Idle { at_least_since: Some(at(0) - days(90)), ..Idle::new(now() - days(300), Signal::Created) };
    never.inactive_after_s = days(90).num_seconds();
    all
}

/// Events, each chained to the one before.
struct Trail(Vec<AuditEvent>);

impl Trail {
    fn add(
        &mut self,
        action: Action,
        request: Option<RequestId>,
        account: Option<u32>,
        detail: Value,
    ) -> &mut Trail {
        let seq = self.0.last().map_or(101, |last| last.seq + 1);
        let subject = account.map(|position| {
            let shown = candidate(position, CandidateState::Proposed).shown;
            Subject { id: shown.id, login: shown.login }
        });
        let mut event = AuditEvent {
            seq,
            at: at(60) + Duration::seconds(seq * 61) + Duration::milliseconds(7),
            actor: Actor::System,
            action: action.word().to_owned(),
            policy: Some("contractors".into()),
            sweep: request.map(|id| SweepId(id.0)),
            request,
            subject,
            detail,
            prev_hash: self.0.last().map_or(GENESIS.to_owned(), |last| last.hash.clone()),
            hash: String::new(),
        };
        event.hash = event.compute_hash();
        self.0.push(event);
        self
    }

    /// A step of a person about a request.
    fn decide(&mut self, by: Person, action: Action, request: RequestId, detail: Value) -> &mut Trail {
        self.add(action, Some(request), None, detail);
        let event = self.0.last_mut().expect("it was just added");
        event.actor = Actor::Person(by);
        event.hash = event.compute_hash();
        self
    }

    /// What is done about an account of a request.
    fn act(&mut self, action: Action, request: RequestId, account: u32, detail: Value) -> &mut Trail {
        self.add(action, Some(request), Some(account), detail)
    }

    fn intend(&mut self, request: RequestId, account: u32) -> &mut Trail {
        self.act(Action::SuspensionIntended, request, account, json!({ "attempt": 1 }))
    }
}

/// Two accounts are tried twice, on two different mandates; another is released and then approved by one person. The
/// first account of all is suspended, then asked about in another request and left alone there, and restored: what is
/// restored is what the first request took.
fn trail() -> Vec<AuditEvent> {
    let mut trail = Trail(Vec::new());
    let by_call =
        || json!({ "confirmation": "by_call", "attempts": 1, "provider_request": "okta-request-1" });
    let approval = |selected| json!({ "selected": selected, "kept": 2, "reason": null });
    trail
        .decide(ben(), Action::ApprovedFirst, RequestId(1), approval(6))
        .decide(ben(), Action::ApprovalTakenBack, RequestId(1), json!({ "approved_at": at(1) }))
        .decide(ben(), Action::ApprovedFirst, RequestId(1), approval(6))
        .decide(ann(), Action::Approved, RequestId(1), approval(6))
        .intend(RequestId(1), 0)
        .act(Action::Suspended, RequestId(1), 0, by_call())
        .intend(RequestId(1), 1)
        .act(Action::SuspensionTryFailed, RequestId(1), 1, json!({ "error": "timed out", "attempt": 1 }))
        .act(Action::Skipped, RequestId(1), 1, json!({ "why": Skip::AlreadySuspended }))
        .intend(RequestId(1), 2)
        .act(Action::SuspensionFailed, RequestId(1), 2, json!({ "error": EVIL, "attempts": 5 }))
        .intend(RequestId(1), 4)
        .act(Action::SuspensionFailed, RequestId(1), 4, json!({ "error": EVIL, "attempts": 5 }))
        // Nobody intended it.
        .act(Action::Skipped, RequestId(1), 5, json!({ "why": "own_account" }))
        .decide(ben(), Action::Released, RequestId(2), json!({ "reason": null }))
        .decide(alice(), Action::Approved, RequestId(2), json!({ "selected": 2, "reason": EVIL }))
        .intend(RequestId(2), 0)
        .act(Action::Skipped, RequestId(2), 0, json!({ "why": Skip::Gone }))
        .intend(RequestId(2), 3)
        .act(Action::Suspended, RequestId(2), 3, by_call())
        .decide(
            ben(),
            Action::RetriedFirst,
            RequestId(1),
            json!({ "selected": 2, "failed": 2, "reason": null }),
        )
        .decide(
            ann(),
            Action::Retried,
            RequestId(1),
            json!({ "selected": 2, "failed": 2, "reason": "Okta is back" }),
        )
        .intend(RequestId(1), 2)
        .act(Action::Suspended, RequestId(1), 2, json!({ "confirmation": "by_reading", "attempts": 2 }))
        .intend(RequestId(1), 4)
        .add(Action::Restored, None, Some(0), json!({ "confirmation": "by_call" }))
        .add(Action::DriftFound, None, Some(2), json!({ "status": "ACTIVE" }))
        // Of nobody that we suspended.
        .add(Action::DriftFound, None, Some(1), json!({ "status": "ACTIVE" }))
        .decide(ben(), Action::WentLive, RequestId(4), json!({ "rule": rule() }))
        .decide(ann(), Action::Denied, RequestId(9), json!({ "reason": EVIL, "seconds_to_decide": 30 }))
        .add(Action::Expired, Some(RequestId(10)), None, json!({}))
        .decide(ann(), Action::Withdrawn, RequestId(11), json!({ "reason": "wrong rule" }))
        .add(Action::BotStarted, None, None, Value::Null);
    trail.0
}

fn exemptions() -> Vec<Granted> {
    let lifted = |reason: Option<&str>| End::Lifted { by: ben(), reason: reason.map(str::to_owned) };
    let ends =
        [None, Some(End::Lapsed), Some(lifted(None)), Some(lifted(Some("She is back & “well”"))), None];
    let all = (1..).zip(ends).zip(NAMES);
    all.map(|((id, end), name)| Granted { end: end.map(|end| (at(id), end)), ..granted(id, name) }).collect()
}

/// Everything that can happen.
fn eventful() -> Evidence {
    let events = trail();
    let head = events.last().map(|last| (last.seq + 7, "c".repeat(64))).expect("there are events");
    Evidence {
        version: "1.2.3".into(),
        made_by: alice(),
        period: DateRange { since: now() - days(7), until: now() + days(1) },
        policies: vec!["contractors".into(), "vendors".into()],
        swept: reviews(),
        exemptions: exemptions(),
        archived: 0,
        excerpt: Excerpt {
            made_at: now() + days(2),
            head,
            database: DatabaseId { id: "0123456789abcdef0123456789abcdef".to_owned(), epoch: 2 },
            filters: vec![format!("about {EVIL}")],
            restricted_to: None,
            gapless: true,
            events,
        },
    }
}

/// Nothing happened, somebody asked who sees a part only, and the oldest events are in a file of their own.
fn uneventful() -> Evidence {
    let whole = eventful();
    let policies = vec!["contractors".into()];
    let excerpt = Excerpt {
        filters: Vec::new(),
        restricted_to: Some(policies.clone()),
        gapless: false,
        events: Vec::new(),
        ..whole.excerpt
    };
    Evidence { policies, swept: Vec::new(), exemptions: Vec::new(), archived: 30, excerpt, ..whole }
}

fn files(evidence: &Evidence) -> BTreeMap<String, String> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bundle(evidence))).expect("a bundle is a zip");
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("it is there");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("it is text");
        files.insert(file.name().expect("a name is text").into_owned(), text);
    }
    files
}

/// A table to be read from top to bottom: the empty cells of a row are left out.
fn in_lines(table: &str) -> String {
    let mut said = String::new();
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(table.as_bytes());
    let columns = reader.headers().expect("the names of the columns").clone();
    writeln!(said, "{}\n", columns.iter().collect::<Vec<_>>().join(" ")).expect("a string takes it");
    for row in reader.records() {
        let row = row.expect("a row");
        assert!(row.len() == columns.len() || row.len() == 1, "{row:?}");
        for (column, cell) in columns.iter().zip(&row).filter(|(_, cell)| !cell.is_empty()) {
            writeln!(said, "{column}: {cell}").expect("a string takes it");
        }
        said += "\n";
    }
    said
}

#[test]
fn the_evidence_of_a_time_in_which_everything_happened() {
    let files = files(&eventful());
    compare("evidence_readme", &files["README.txt"]);
    compare("evidence_summary", &files["summary.html"]);
    compare("evidence_rules", &files["rules.json"]);
    compare("evidence_events", &files["events.json"]);
    for table in ["sweeps", "candidates", "decisions", "suspensions", "exceptions"] {
        compare(&format!("evidence_{table}"), &in_lines(&files[&format!("{table}.csv")]));
    }
}

#[test]
fn the_evidence_of_a_time_in_which_nothing_happened() {
    let files = files(&uneventful());
    compare("evidence_of_nothing_readme", &files["README.txt"]);
    compare("evidence_of_nothing_summary", &files["summary.html"]);
    compare("evidence_of_nothing_events", &files["events.json"]);
}

#[test]
fn an_export_is_a_row_per_event_and_a_last_line_about_the_chain() {
    let csv = |evidence: Evidence| String::from_utf8(evidence.excerpt.csv()).expect("it is text");
    compare("export", &in_lines(&csv(eventful())));
    compare("export_of_nothing", &in_lines(&csv(uneventful())));
}

#[test]
fn the_summary_shows_five_hundred_rows_of_a_table_and_says_where_the_others_are() {
    let with = |count| {
        let exemptions = (1..=count).map(|id| granted(id, "on leave")).collect();
        files(&Evidence { exemptions, ..uneventful() })["summary.html"].clone()
    };
    let (whole, cut) = (with(500), with(501));
    assert!(whole.contains("e500@") && !whole.contains("more in"), "all of them fit");
    assert!(cut.contains("e500@") && cut.contains("<p>… and 1 more in exceptions.csv.</p>"), "one does not");
    assert!(!cut.contains("e501@"));
}
