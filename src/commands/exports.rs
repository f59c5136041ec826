//! Copies of the audit trail: exports and evidence, as files in the direct messages of the person who asked.
//!
//! A copy holds what its person may see, and says so where that is a part. That it was taken is recorded before they
//! get it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::chat::{ShareIn, Text, Upload, time_in_words};
use crate::commands::asked::Asked;
use crate::commands::filters::period_words;
use crate::commands::history::read_period;
use crate::commands::{Answer, Commands};
use crate::domain::audit::{Action, AuditEvent, Draft};
use crate::domain::date_range::DateRange;
use crate::domain::ids::{PolicyName, RequestId};
use crate::domain::policy::Policy;
use crate::reports::evidence::bundle;
use crate::reports::export::{Excerpt, Format};
use crate::reports::facts::{Evidence, Swept};
use crate::reports::sha256;
use crate::services::WorkResult;
use crate::store::{AuditContext, AuditQuery};
use crate::wording::{counted, history as wording};

/// Events that are read in one go: decisions get their turn in between.
const CHUNK: u32 = 1000;
/// Events of one file. More would take hundreds of megabytes while they are put together.
const FILE_EVENTS_MAX: usize = 100_000;

/// Which events a file has, and which it does not.
struct Taken {
    query: AuditQuery,
    filters: Vec<String>,
    restricted_to: Option<Vec<PolicyName>>,
}

impl Commands {
    /// Sends the person a part of the trail as a file.
    pub(crate) async fn export(&self, asked: &Asked<'_>, words: &[String]) -> WorkResult<Answer> {
        let Some(_one) = self.reports.report_lock() else { return Ok(Err(wording::busy())) };
        let question = match self.question(asked, words).await? {
            Ok(question) => question,
            Err(text) => return Ok(Err(text)),
        };
        let format = question.filters.format.unwrap_or(Format::Csv);
        let taken = Taken {
            restricted_to: question.query.visible.clone(),
            filters: question.in_words,
            query: question.query,
        };
        let excerpt = match self.excerpt(asked.at, taken).await? {
            Ok(excerpt) => excerpt,
            Err(text) => return Ok(Err(text)),
        };
        let (excerpt, bytes, hash) = tokio::task::spawn_blocking(move || {
            let bytes = excerpt.file(format);
            let hash = sha256(&bytes);
            (excerpt, bytes, hash)
        })
        .await?;
        let rows = excerpt.events.len();
        let detail = json!({
            "format": format.extension(), "filters": excerpt.filters, "rows": rows,
            "restricted_to": excerpt.restricted_to, "sha256": hash,
            "head": { "seq": excerpt.head.0, "hash": excerpt.head.1 },
            "database": self.s.store.lineage().database,
        });
        self.record(asked, Action::Exported, detail).await?;
        let what = counted(rows, "audit event", "audit events");
        let file = Upload {
            name: format!("audit-{}.{}", stamp(asked.at), format.extension()),
            title: "Audit trail".to_owned(),
            alt: None,
            bytes,
        };
        let said = wording::made(&wording::Made {
            what: what.clone(),
            filters: &excerpt.filters,
            range: excerpt.range(),
            head: &excerpt.head,
            sha256: &hash,
            restricted: excerpt.restricted_to.is_some(),
        });
        Ok(self.hand_over(asked, &format!("the export of {what}"), file, said).await)
    }

    /// Reads events for a file, in goes, up to where the trail ends now.
    async fn excerpt(&self, now: DateTime<Utc>, taken: Taken) -> WorkResult<Result<Excerpt, Text>> {
        let Some(head) = self.s.store.audit_head().await? else {
            return Ok(Err(wording::nothing_to_export(&taken.filters)));
        };
        let mut events = BTreeMap::new();
        if !self.add_events(taken.query, head.0, &mut events).await? {
            return Ok(Err(wording::too_much(FILE_EVENTS_MAX)));
        }
        if events.is_empty() {
            return Ok(Err(wording::nothing_to_export(&taken.filters)));
        }
        let events: Vec<AuditEvent> = events.into_values().collect();
        Ok(Ok(Excerpt {
            database: self.s.store.lineage().database.clone(),
            made_at: now,
            head,
            filters: taken.filters,
            restricted_to: taken.restricted_to,
            gapless: is_gapless(&events),
            events,
        }))
    }

    /// Adds what the query finds up to the head, in goes. `false`: it is too much for one file.
    async fn add_events(
        &self,
        mut query: AuditQuery,
        head: i64,
        events: &mut BTreeMap<i64, AuditEvent>,
    ) -> WorkResult<bool> {
        (query.limit, query.before_seq) = (CHUNK, Some(head + 1));
        loop {
            let some = self.s.store.audit_onward(query.clone()).await?;
            query.after_seq = some.last().map(|event| event.seq);
            let full = some.len() == CHUNK as usize;
            events.extend(some.into_iter().map(|event| (event.seq, event)));
            if is_too_much(events.len()) {
                return Ok(false);
            }
            if !full {
                return Ok(true);
            }
        }
    }

    /// Records that a copy is taken, before anybody gets it.
    async fn record(&self, asked: &Asked<'_>, action: Action, detail: serde_json::Value) -> WorkResult<()> {
        let policies = asked.policies();
        let policy = match policies.as_slice() {
            [only] => Some(only.name.clone()),
            _ => None,
        };
        let event = Draft::by(asked.person(), asked.at, action, detail);
        self.s.store.append(AuditContext { policy, ..AuditContext::default() }, event).await?;
        Ok(())
    }

    /// Sends a file to the person, in the direct messages with them.
    async fn hand_over(&self, asked: &Asked<'_>, what: &str, file: Upload, said: Text) -> Answer {
        let send = async {
            let channel = self.s.chat.open_direct(&asked.person().id).await?;
            let share = ShareIn { channel, thread: None, comment: said.clone() };
            self.s.chat.upload(&file, Some(&share)).await
        };
        match send.await {
            Ok(_) => Ok(wording::sent(what, said)),
            Err(error) => {
                tracing::warn!(%error, file = what, "a file could not be sent");
                Err(wording::not_sent(what, &error.to_string()))
            }
        }
    }

    /// Puts the evidence of a period together for an auditor.
    pub(crate) async fn evidence(&self, asked: &Asked<'_>, words: &[String]) -> WorkResult<Answer> {
        let Some(_one) = self.reports.report_lock() else { return Ok(Err(wording::busy())) };
        let (name, _) = period_words(words);
        let mut policies = asked.policies();
        if let Some(name) = name {
            match asked.policy(self, Some(name)) {
                Ok((policy, _)) => policies = vec![policy],
                Err(text) => return Ok(Err(text)),
            }
        }
        let period = match read_period(words, policies[0], asked.at) {
            Ok(period) => period,
            Err(text) => return Ok(Err(text)),
        };
        let evidence = match self.gather(asked, &policies, period).await? {
            Ok(evidence) => evidence,
            Err(text) => return Ok(Err(text)),
        };
        let (evidence, bytes) = tokio::task::spawn_blocking(move || {
            let bytes = bundle(&evidence);
            (evidence, bytes)
        })
        .await?;
        let (hash, excerpt) = (sha256(&bytes), &evidence.excerpt);
        let detail = json!({
            "filters": excerpt.filters, "policies": evidence.policies, "rows": excerpt.events.len(),
            "sweeps": evidence.swept.len(), "sha256": hash, "restricted_to": excerpt.restricted_to,
            "head": { "seq": excerpt.head.0, "hash": excerpt.head.1 },
        });
        self.record(asked, Action::EvidenceMade, detail).await?;
        let said = wording::made(&wording::Made {
            what: format!("Evidence of {}", evidence.policies.join(", ")),
            filters: &excerpt.filters,
            range: excerpt.range(),
            head: &excerpt.head,
            sha256: &hash,
            restricted: excerpt.restricted_to.is_some(),
        });
        let file = Upload {
            name: format!("evidence-{}.zip", stamp(asked.at)),
            title: "Evidence".to_owned(),
            alt: None,
            bytes,
        };
        Ok(self.hand_over(asked, "the evidence", file, said).await)
    }

    async fn gather(
        &self,
        asked: &Asked<'_>,
        policies: &[&Policy],
        period: DateRange,
    ) -> WorkResult<Result<Evidence, Text>> {
        let restricted_to = self.visible_names(policies, asked.is_admin()).await?;
        // A person who may see everything also sees policies that are no longer configured.
        let names = match &restricted_to {
            Some(names) => names.clone(),
            None => self.s.store.known_policies().await?,
        };
        let filters = vec![
            format!("since {}", time_in_words(period.since)),
            format!("before {}", time_in_words(period.until)),
        ];
        let query = AuditQuery {
            visible: restricted_to.clone(),
            since: Some(period.since),
            until: Some(period.until),
            ..AuditQuery::default()
        };
        let excerpt = match self.excerpt(asked.at, Taken { query, filters, restricted_to }).await? {
            Ok(excerpt) => excerpt,
            Err(text) => return Ok(Err(text)),
        };
        let mut swept = Vec::new();
        for policy in &names {
            for sweep in self.s.store.sweeps_between(policy, period.since, period.until).await? {
                let request = self.s.store.request_of_sweep(sweep.id).await?;
                let terms = self.s.terms(&sweep.rule.provider);
                swept.push(Swept { sweep, request, in_period: true, terms });
            }
        }
        self.add_requests_of_before(&excerpt, &mut swept).await?;
        swept.sort_by_key(|swept| swept.sweep.id);
        let excerpt = match self.with_all_of_its_requests(excerpt, &swept).await? {
            Ok(excerpt) => excerpt,
            Err(text) => return Ok(Err(text)),
        };
        let mut exemptions = self.s.store.exemptions_between(period.since, period.until).await?;
        exemptions.retain(|granted| names.contains(&granted.policy));
        Ok(Ok(Evidence {
            archived: self.s.store.archived().await?.map_or(0, |(seq, _)| seq),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_by: asked.person().clone(),
            period,
            policies: names,
            swept,
            exemptions,
            excerpt,
        }))
    }

    /// The requests that were asked before the period, and decided or carried out in it.
    async fn add_requests_of_before(&self, excerpt: &Excerpt, swept: &mut Vec<Swept>) -> WorkResult<()> {
        let known: BTreeSet<RequestId> =
            swept.iter().filter_map(|swept| Some(swept.request.as_ref()?.0.id)).collect();
        let named: BTreeSet<RequestId> = excerpt.events.iter().filter_map(|event| event.request).collect();
        for id in named.difference(&known) {
            let Some(request) = self.s.store.request(*id).await? else { continue };
            let Some(sweep) = self.s.store.sweep(request.0.sweep).await? else { continue };
            let terms = self.s.terms(&sweep.rule.provider);
            swept.push(Swept { sweep, request: Some(request), in_period: false, terms });
        }
        Ok(())
    }

    /// Adds what happened to the requests before and after the period: without it, a suspension in it may lack its
    /// approval, and an approval in it what came of it.
    async fn with_all_of_its_requests(
        &self,
        mut excerpt: Excerpt,
        swept: &[Swept],
    ) -> WorkResult<Result<Excerpt, Text>> {
        let mut events: BTreeMap<i64, AuditEvent> =
            excerpt.events.into_iter().map(|event| (event.seq, event)).collect();
        for (request, _) in swept.iter().filter_map(|swept| swept.request.as_ref()) {
            let query = AuditQuery { request: Some(request.id), ..AuditQuery::default() };
            if !self.add_events(query, excerpt.head.0, &mut events).await? {
                return Ok(Err(wording::too_much(FILE_EVENTS_MAX)));
            }
        }
        excerpt.events = events.into_values().collect();
        excerpt.gapless = is_gapless(&excerpt.events);
        Ok(Ok(excerpt))
    }
}

fn is_too_much(events: usize) -> bool {
    events > FILE_EVENTS_MAX
}

fn is_gapless(events: &[AuditEvent]) -> bool {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return true };
    usize::try_from(last.seq - first.seq + 1).is_ok_and(|span| span == events.len())
}

/// A moment in a file's name.
fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::{Actor, GENESIS};

    fn event(seq: i64) -> AuditEvent {
        AuditEvent {
            seq,
            at: DateTime::default(),
            actor: Actor::System,
            action: Action::Exported.word().to_owned(),
            policy: None,
            sweep: None,
            request: None,
            subject: None,
            detail: serde_json::Value::Null,
            prev_hash: GENESIS.to_owned(),
            hash: String::new(),
        }
    }

    #[test]
    fn events_are_gapless_if_each_follows_the_one_before() {
        for (numbers, gapless) in [
            (vec![], true),
            (vec![7], true),
            (vec![7, 8, 9], true),
            (vec![7, 9], false),
            (vec![5, 6, 8], false),
        ] {
            let events: Vec<AuditEvent> = numbers.iter().copied().map(event).collect();
            assert_eq!(is_gapless(&events), gapless, "{numbers:?}");
        }
    }

    #[test]
    fn a_file_has_a_hundred_thousand_events_at_most() {
        assert!(!is_too_much(100_000) && is_too_much(100_001));
    }

    #[test]
    fn a_files_name_has_the_moment_without_what_a_file_system_may_refuse() {
        assert_eq!(stamp("2026-10-14T12:34:56Z".parse().unwrap()), "20261014T123456Z");
    }
}
