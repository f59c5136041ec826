//! Files for people and auditors, full of other people's text: a spreadsheet takes no cell for a formula, a browser none
//! for markup, and what can be verified can still be read as it was.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use chrono::Duration;
use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::audit::{Action, Actor, AuditEvent, GENESIS, Person, Subject};
use inactive_contractors::domain::date_range::DateRange;
use inactive_contractors::domain::exemption::{End, Granted};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::lineage::DatabaseId;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::sweep::Trigger;
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::reports::evidence::bundle;
use inactive_contractors::reports::export::Excerpt;
use inactive_contractors::reports::facts::{Evidence, Swept};
use inactive_contractors::reports::sha256;
use inactive_contractors::store::{SweepRow, SweepState};
use serde_json::{Value, json};

/// Reads each line of the bytes as something that a person or a directory says.
pub fn check(data: &[u8]) {
    let text = super::text(data);
    // The last one holds the others' line feeds.
    let said: Vec<&str> = text.split('\n').take(9).chain([&*text]).collect();
    let files = files(&bundle(&evidence(&said)));
    let benign = files_of_nobody(said.len());
    assert_eq!(files.keys().collect::<Vec<_>>(), benign.keys().collect::<Vec<_>>());
    for (name, bytes) in &files {
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => cells(bytes),
            Some("html") => assert_eq!(tags(bytes), tags(&benign[name]), "words became markup"),
            Some("json") => drop(serde_json::from_slice::<Value>(bytes).expect("a file that is JSON")),
            Some(_) | None => {}
        }
    }
    let excerpt = excerpt(&said);
    cells(&excerpt.csv());
    let read: Value = serde_json::from_slice(&excerpt.json()).expect("the export is JSON");
    for (event, words) in excerpt.events.iter().zip(&said) {
        let same = read["events"].as_array().into_iter().flatten().find(|read| read["seq"] == event.seq);
        assert_eq!(same.map(|event| &event["detail"]["reason"]), Some(&json!(words)));
        assert_eq!(event.compute_hash(), event.hash);
    }
    let listed = String::from_utf8(files["hashes.txt"].clone()).expect("our own text");
    for line in listed.lines() {
        let (hash, name) = line.split_once("  ").expect("the form of sha256sum");
        assert_eq!(sha256(&files[name]), hash);
    }
}

/// No program takes a cell for a formula, nor, where a semicolon or a tab begins a new one, any part of it.
fn cells(file: &[u8]) {
    let mut rows = csv::ReaderBuilder::new().flexible(true).has_headers(false).from_reader(file);
    let mut count = 0;
    for row in rows.records() {
        for cell in &row.expect("a file of rows") {
            for part in cell.split([';', '\t', '\r', '\n']) {
                let begins = part.trim_start_matches([' ', '"']).chars().next();
                let formula = begins.is_some_and(|begins| "=+-@＝＋－＠".contains(begins));
                assert!(!formula, "a formula: {cell:?}");
            }
        }
        count += 1;
    }
    assert!(count > 0);
}

/// The markup of a page without its words.
fn tags(page: &[u8]) -> Vec<String> {
    let page = String::from_utf8(page.to_vec()).expect("a page is text");
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "control characters in a page");
    let tags = page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default().to_owned());
    tags.collect()
}

fn files(zip: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut zip = zip::ZipArchive::new(Cursor::new(zip)).expect("a bundle is a zip");
    let mut files = BTreeMap::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("it is there");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("it can be read");
        let name = file.name().expect("a name is text").into_owned();
        files.insert(name, bytes);
    }
    files
}

fn files_of_nobody(count: usize) -> BTreeMap<String, Vec<u8>> {
    files(&bundle(&evidence(&vec!["x"; count])))
}

fn evidence(said: &[&str]) -> Evidence {
    let now = super::now();
    Evidence {
        archived: 0,
        version: "1".to_owned(),
        made_by: person(said[0]),
        period: DateRange { since: now - Duration::days(90), until: now },
        policies: said.iter().map(|words| (*words).into()).collect(),
        swept: said.iter().map(|words| swept(words)).collect(),
        exemptions: said.iter().map(|words| granted(words)).collect(),
        excerpt: excerpt(said),
    }
}

/// Each account is suspended in a request of its own, so that none can be taken for another.
fn excerpt(said: &[&str]) -> Excerpt {
    let steps = [Action::Approved, Action::SuspensionIntended, Action::Suspended];
    let mut events: Vec<AuditEvent> =
        said.iter().zip(1..).map(|(words, seq)| event(words, Action::Denied, RequestId(seq), seq)).collect();
    for (words, request) in said.iter().zip(1000..) {
        for action in steps {
            let seq = events.last().map_or(1, |last| last.seq + 1);
            events.push(event(words, action, RequestId(request), seq));
        }
    }
    let head = events.last().map_or((0, GENESIS.to_owned()), |last| (last.seq, last.hash.clone()));
    let filters = said.iter().map(|words| (*words).to_owned()).collect();
    let database = DatabaseId { id: "0123456789abcdef0123456789abcdef".to_owned(), epoch: 1 };
    Excerpt { made_at: super::now(), head, database, filters, restricted_to: None, gapless: true, events }
}

fn event(words: &str, action: Action, request: RequestId, seq: i64) -> AuditEvent {
    let mut event = AuditEvent {
        seq,
        at: super::now(),
        actor: Actor::Person(person(words)),
        action: action.word().to_owned(),
        policy: Some(words.into()),
        sweep: None,
        request: Some(request),
        subject: Some(subject(words)),
        detail: json!({ "reason": words, "error": words }),
        prev_hash: GENESIS.to_owned(),
        hash: String::new(),
    };
    event.hash = event.compute_hash();
    event
}

fn swept(words: &str) -> Swept {
    let rule = super::users::rules()[0].clone();
    let sweep = SweepRow {
        id: SweepId(1),
        policy: words.into(),
        slot: words.to_owned(),
        trigger: Trigger::Command { by: person(words) },
        started_at: super::now(),
        rule,
        fingerprint: words.to_owned(),
        state: SweepState::Failed { at: super::now(), error: words.to_owned() },
    };
    Swept { sweep, request: None, in_period: true, terms: TERMS }
}

fn granted(words: &str) -> Granted {
    let now = super::now();
    Granted {
        id: 1,
        policy: words.into(),
        provider: ProviderName::default(),
        account: subject(words),
        by: person(words),
        reason: words.to_owned(),
        granted_at: now,
        starts_at: now,
        ends_at: now,
        end: Some((now, End::Lifted { by: person(words), reason: Some(words.to_owned()) })),
    }
}

fn person(words: &str) -> Person {
    Person { id: words.to_owned(), name: words.to_owned(), email: Some(words.to_owned()), person_id: None }
}

fn subject(words: &str) -> Subject {
    Subject { id: AccountId(words.to_owned()), login: words.to_owned() }
}
