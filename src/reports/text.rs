//! What a bundle of evidence says in words: its README and the summary that an auditor reads and prints.
//!
//! The summary is one HTML file without scripts and without anything from elsewhere. All text from directories and
//! people is escaped and isolated, so that it is neither markup nor turns the line around.

use std::fmt::Write;

use chrono::{DateTime, Utc};

use crate::domain::plan::Verdict;
use crate::domain::request::RequestState;
use crate::domain::sweep::Trigger;
use crate::identity::Terms;
use crate::reports::facts::{self, Decided, Evidence, Suspension, Swept, adds_up};
use crate::reports::sheet::or_empty;
use crate::store::SweepState;
use crate::wording::lineage::name;
use crate::wording::{events, guard_in_words, last_moment, rule_in_words, span_of_time};

/// Rows of one table of the summary; the file beside it has all.
const ROWS_MAX: usize = 500;

/// Requirement, what it asks in our words, what proves it here, and what it can't.
const CONTROLS: [[&str; 4]; 5] = [
    [
        "SOC 2 CC6.2",
        "Credentials are taken away when access is no longer authorised.",
        "suspensions.csv: for each account the approval, the intent before the call and the confirmed outcome, with event numbers in events.json.",
        "People who leave are not in it unless they are also inactive.",
    ],
    [
        "SOC 2 CC6.3",
        "Access is reviewed regularly, with separation of duties.",
        "sweeps.csv: population and completeness of each review. decisions.csv: who decided, when, why, and how long it took. Rejected attempts, such as on one's own account: events.json, where the action is input_refused.",
        "It reviews whether an account is used, not which rights it has.",
    ],
    [
        "ISO 27001:2022 A.5.18",
        "Access rights are reviewed, changed and removed by a policy of your own.",
        "rules.json: each rule as it ran. decisions.csv and suspensions.csv: review and removal. exceptions.csv: exemptions with owner, reason and end.",
        "The policy itself, and that the rule fits it, are yours to show.",
    ],
    [
        "NIST SP 800-53 AC-2(3)",
        "Accounts that are inactive for a set time are disabled within a set time.",
        "rules.json: inactive_after. candidates.csv: idle_since and idle_days as the approvers saw them. suspensions.csv: seconds_from_approval.",
        "The two times are set by your organisation; compare them with rules.json.",
    ],
    [
        "PCI DSS 8.2.6",
        "Accounts that are inactive for 90 days are removed or disabled.",
        "candidates.csv: last_sign_in and idle_days per account. suspensions.csv: when it was disabled. exceptions.csv: who was exempt, and until when.",
        "Only accounts that the policy lists; accounts elsewhere are not in it.",
    ],
];

const LIMITS: [&str; 6] = [
    "It covers the accounts that each policy lists in Okta, and nothing else.",
    "Activity and statuses are as Okta reported them at that moment.",
    "“Suspended” means that Okta confirmed it. Whether every application ended its sessions is not known here.",
    "The chain of hashes shows changed, missing and reordered events. It can't show that the newest events were cut off, or that somebody with access to the file rewrote the whole chain. A head that was kept elsewhere shows both: the channel has one at the end of each request, and exports and earlier bundles have theirs. Give them to verify.py; each proves the events up to it.",
    "hashes.txt shows damage to this bundle, not who made it. The SHA-256 of the whole zip is in the audit trail (where the action is evidence_made) and in the message that came with the file.",
    "Whether the rule, the deadlines and the people are the right ones is for you to judge.",
];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1,h2{line-height:1.2}h2{margin-top:2.5rem;border-bottom:2px solid #222}table{border-collapse:collapse;width:100%;font-size:.85rem}\
th,td{border:1px solid #999;padding:.25rem .5rem;text-align:left;vertical-align:top}td{overflow-wrap:break-word}th{background:#eee}\
code{overflow-wrap:anywhere}.note{border-left:6px solid #d55e00;padding:.5rem 1rem;background:#fff6ef}\
@media print{body{max-width:none;margin:0;font-size:11px}h2{break-after:avoid}tr{break-inside:avoid}}";

/// The word for what started a sweep.
pub fn trigger_word(trigger: &Trigger) -> &'static str {
    match trigger {
        Trigger::Schedule { .. } => "schedule",
        Trigger::CatchUp { .. } => "catch-up",
        Trigger::Command { .. } => "command",
        Trigger::AskedAgain { .. } => "asked again",
        Trigger::RuleChanged { .. } => "rule changed",
        Trigger::WentLive { .. } => "went live",
    }
}

/// What a sweep came to.
pub fn verdict_in_words(verdict: &Verdict, terms: Terms) -> String {
    match verdict {
        Verdict::NoCandidates => "no account to propose".to_owned(),
        Verdict::Ask => "asked for approval".to_owned(),
        Verdict::Preview => "previewed, because the rule was not live yet".to_owned(),
        Verdict::Held(guard) => format!("held: {}", guard_in_words(guard, terms).to_plain()),
        Verdict::Refused(guard) => format!("stopped: {}", guard_in_words(guard, terms).to_plain()),
    }
}

/// The README of a bundle.
pub fn readme(evidence: &Evidence) -> String {
    let (seq, hash) = &evidence.excerpt.head;
    format!(
        "Evidence of inactive-contractors {version}, {since} to {until} (UTC)\n\
         Policies: {policies}\n{restricted}\n\
         Read summary.html first; it opens in any browser and prints well.\n\n\
         summary.html     what happened, the map to SOC 2, ISO 27001, NIST and PCI DSS, and what this can't show\n\
         sweeps.csv       each review of the directory: population, completeness, counts, rule, trigger, result\n\
         rules.json       each rule as it ran, with the sweeps that used it\n\
         candidates.csv   each proposed account with the evidence that approvers were shown, and its outcome\n\
         decisions.csv    each request: who decided what, when, why, and after how many seconds\n\
         suspensions.csv  each approved account: approval, intent, outcome and confirmation with event numbers\n\
         exceptions.csv   each exemption with owner, reason, start and end\n\
         events.json      the part of the audit trail that all of it rests on, exactly as hashed\n\
         verify.py        checks the chain of hashes: python3 verify.py events.json\n\
         hashes.txt       SHA-256 of every file: sha256sum --check hashes.txt\n\n\
         The head of the audit trail when this was created: event {seq},\n{hash}\nof {of}\n\
         Cells that a spreadsheet would take for a formula begin with an apostrophe.\n",
        version = evidence.version,
        of = name(&evidence.excerpt.database),
        since = minute(evidence.period.since),
        until = minute(evidence.period.until),
        policies = evidence.policies.join(", "),
        restricted = missing(evidence).into_iter().map(|note| note + "\n").collect::<String>(),
    )
}

/// Says what is missing because of who asked, or because it was archived.
fn missing(evidence: &Evidence) -> Vec<String> {
    let restricted = evidence.excerpt.restricted_to.as_ref().map(|_| {
        "This covers the named policies only. Events of other policies and of the bot itself are not in it, so the \
         event numbers have gaps."
            .to_owned()
    });
    let archived = (evidence.archived > 0).then(|| {
        format!(
            "The events up to number {} were moved to archive files earlier. Those that belong to this period are only \
             in those files.",
            evidence.archived
        )
    });
    restricted.into_iter().chain(archived).collect()
}

/// The summary.
pub fn html(evidence: &Evidence, suspensions: &[Suspension<'_>]) -> String {
    let title = format!(
        "Evidence: {}, {} to {}",
        evidence.policies.join(", "),
        minute(evidence.period.since),
        minute(evidence.period.until)
    );
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title><style>{STYLE}</style></head><body>\n\
         <h1>{0}</h1>\n<p>All times are UTC. Created {1} for {2} by inactive-contractors {3}.</p>\n",
        escaped(&title),
        minute(evidence.excerpt.made_at),
        escaped(&evidence.made_by.name),
        escaped(&evidence.version),
    );
    for note in missing(evidence) {
        paragraph(&mut page, "note", &note);
    }
    glance(&mut page, evidence, suspensions);
    sweeps(&mut page, evidence);
    decisions(&mut page, evidence);
    suspended(&mut page, suspensions);
    exceptions(&mut page, evidence);
    page += "<h2>Map to controls</h2>\n";
    let controls = CONTROLS.iter().map(|row| row.map(str::to_owned).to_vec());
    table(
        &mut page,
        &["Requirement", "What it asks", "What proves it here", "What this can't show"],
        controls,
        "README.txt",
    );
    how_to_check(&mut page, evidence);
    page += "<h2>What this can't show</h2>\n<ul>\n";
    for limit in LIMITS {
        add(&mut page, format_args!("<li>{}</li>\n", escaped(limit)));
    }
    page + "</ul>\n</body></html>\n"
}

fn glance(page: &mut String, evidence: &Evidence, suspensions: &[Suspension<'_>]) {
    // A preview asks nobody.
    let asks = |swept: &&Swept| {
        !matches!(&swept.sweep.state, SweepState::Finished { verdict: Verdict::Preview, .. })
    };
    let in_period = || evidence.swept.iter().filter(|swept| swept.in_period);
    let requests = || in_period().filter(asks).filter_map(|swept| swept.request.as_ref());
    let complete = in_period().filter(|swept| is_complete(swept)).count();
    let before = evidence.swept.iter().filter(|swept| !swept.in_period).count();
    let decided = requests().filter(|(request, _)| request.state.decision().is_some()).count();
    let expired =
        requests().filter(|(request, _)| matches!(request.state, RequestState::Expired { .. })).count();
    let done = suspensions.iter().filter(|one| one.is_suspended()).count();
    let rows = [
        ("Reviews of the directory (sweeps)", in_period().count()),
        ("… that read the whole list, with counts that add up", complete),
        ("Requests for approval", requests().count()),
        ("… decided by a person", decided),
        ("… expired without an answer; nobody was suspended", expired),
        ("Earlier requests that were executed in this period", before),
        ("Accounts proposed", requests().map(|(_, candidates)| candidates.len()).sum()),
        ("Accounts suspended and confirmed", done),
        ("… restored since", suspensions.iter().filter(|one| one.restored.is_some()).count()),
        ("… restored by someone else since", suspensions.iter().filter(|one| one.drifted.is_some()).count()),
        ("Exemptions in force during the period", evidence.exemptions.len()),
        ("Events in events.json", evidence.excerpt.events.len()),
    ];
    *page += "<h2>At a glance</h2>\n";
    let rows = rows.into_iter().map(|(what, number)| vec![what.to_owned(), number.to_string()]);
    table(page, &["What", "Number"], rows, "README.txt");
}

fn is_complete(swept: &Swept) -> bool {
    swept.sweep.state.counts().is_some_and(|counts| adds_up(&counts))
}

fn sweeps(page: &mut String, evidence: &Evidence) {
    *page += "<h2>Reviews: population and completeness</h2>\n";
    let rows = evidence.swept.iter().map(|swept| {
        let sweep = &swept.sweep;
        let by = sweep.trigger.person().map(|by| format!(" by {}", by.name)).unwrap_or_default();
        let counts = sweep.state.counts();
        let result = match &sweep.state {
            SweepState::Finished { verdict, .. } => verdict_in_words(verdict, swept.terms),
            SweepState::Failed { error, .. } => format!("failed: {error}"),
            SweepState::Started => "has not ended yet".to_owned(),
        };
        vec![
            sweep.id.to_string(),
            sweep.policy.to_string(),
            minute(sweep.started_at),
            format!("{}{by}", trigger_word(&sweep.trigger)),
            or_empty(counts.map(|counts| counts.population)),
            or_empty(sweep.state.pages()),
            if is_complete(swept) { "yes" } else { "no" }.to_owned(),
            or_empty(counts.map(|counts| counts.candidates)),
            format!("{} ({})", rule_in_words(&sweep.rule).to_plain(), sweep.fingerprint),
            result,
        ]
    });
    let columns = [
        "Sweep",
        "Policy",
        "Started",
        "Trigger",
        "Population",
        "Pages",
        "Complete",
        "Proposed",
        "Rule",
        "Result",
    ];
    table(page, &columns, rows, "sweeps.csv");
}

fn decisions(page: &mut String, evidence: &Evidence) {
    *page += "<h2>Decisions</h2>\n";
    let rows = facts::decisions(evidence).into_iter().map(|decided| {
        let Decided { request, candidates, event } = decided;
        let reason = event.and_then(|event| event.detail.get("reason")?.as_str().map(str::to_owned));
        vec![
            request.id.to_string(),
            minute(request.created_at),
            candidates.len().to_string(),
            event.map_or("none so far".to_owned(), events::action),
            event.map(|event| facts::names(&[event])).unwrap_or_default(),
            event.map(|event| minute(event.at)).unwrap_or_default(),
            event.map(|event| span_of_time(event.at - request.created_at)).unwrap_or_default(),
            reason.unwrap_or_default(),
        ]
    });
    let columns = ["Request", "Asked at", "Accounts", "Decision", "By", "Decided at", "After", "Reason"];
    table(page, &columns, rows, "decisions.csv");
}

fn suspended(page: &mut String, suspensions: &[Suspension<'_>]) {
    *page += "<h2>Approved accounts</h2>\n";
    let event = |event: Option<&crate::domain::audit::AuditEvent>| {
        event.map(|event| format!("{} (event {})", minute(event.at), event.seq)).unwrap_or_default()
    };
    let rows = suspensions.iter().map(|one| {
        vec![
            one.request.to_string(),
            one.login.to_owned(),
            facts::names(&one.approval),
            event(one.intents.first().copied()),
            one.outcome.map_or("open".to_owned(), events::action),
            event(one.outcome),
            event(one.restored),
            event(one.drifted),
        ]
    });
    let columns = [
        "Request",
        "Account",
        "Approved by",
        "Intent at",
        "Outcome",
        "Outcome at",
        "Restored at",
        "Active again at",
    ];
    table(page, &columns, rows, "suspensions.csv");
}

fn exceptions(page: &mut String, evidence: &Evidence) {
    *page += "<h2>Exemptions</h2>\n";
    let rows = evidence.exemptions.iter().map(|granted| {
        vec![
            granted.account.login.clone(),
            granted.policy.to_string(),
            granted.by.name.clone(),
            granted.reason.clone(),
            minute(granted.starts_at),
            minute(last_moment(granted.ends_at)),
            granted.end.as_ref().map(|(at, _)| minute(*at)).unwrap_or_default(),
        ]
    });
    let columns = ["Account", "Policy", "Owner", "Reason", "From", "Until", "Ended"];
    table(page, &columns, rows, "exceptions.csv");
}

fn how_to_check(page: &mut String, evidence: &Evidence) {
    let (seq, hash) = &evidence.excerpt.head;
    *page += "<h2>How to check this</h2>\n<ol>\n\
              <li><code>sha256sum --check hashes.txt</code> shows that no file of this bundle was damaged.</li>\n\
              <li><code>python3 verify.py events.json</code> computes the hash of every event again and follows the chain. \
              It needs Python 3 and nothing else, and it is short enough to read.</li>\n\
              <li><code>python3 verify.py events.json SEQ:HASH</code>, with heads that the channel has (“Audit trail up to event \
              SEQ, head HASH”), shows that nobody rewrote the whole file.</li>\n\
              <li>Follow an account: its row in suspensions.csv names its events in events.json by number.</li>\n</ol>\n";
    add(
        page,
        format_args!(
            "<p>The head of the audit trail when this was created is event {seq} of {}:<br><code>{}</code></p>\n",
            escaped(&name(&evidence.excerpt.database)),
            escaped(hash)
        ),
    );
}

fn add(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a string can't fail");
}

fn paragraph(page: &mut String, class: &str, text: &str) {
    add(page, format_args!("<p class=\"{class}\">{}</p>\n", escaped(text)));
}

/// A table of escaped cells; what is too much for a page is in `file`.
fn table(page: &mut String, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>, file: &str) {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    if rows.is_empty() {
        *page += "<p>None in this period.</p>\n";
        return;
    }
    let more = rows.len().saturating_sub(ROWS_MAX);
    *page += "<table><thead><tr>";
    for column in columns {
        add(page, format_args!("<th scope=\"col\">{}</th>", escaped(column)));
    }
    *page += "</tr></thead><tbody>\n";
    for row in rows.iter().take(ROWS_MAX) {
        *page += "<tr>";
        for cell in row {
            add(page, format_args!("<td><bdi>{}</bdi></td>", escaped(cell)));
        }
        *page += "</tr>\n";
    }
    *page += "</tbody></table>\n";
    if more > 0 {
        add(page, format_args!("<p>… and {more} more in {file}.</p>\n"));
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            // Not characters that a page may have.
            c if c.is_control() && c != '\n' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M").to_string()
}
