//! The metrics, as Prometheus reads them.

#![expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point")]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::chat::slack;
use crate::domain::audit::Behind;
use crate::domain::provider::ProviderName;
use crate::engine::health::{BotHealth, LastSweep, PolicyHealth, ProviderSign};
use crate::identity::{Terms, Traffic};

use super::tally::{DECISIONS, Of, RESTORATIONS, SUSPENSIONS, SWEEPS, Tally};

/// What every name begins with.
const PREFIX: &str = "inactive_contractors";

/// Every metric that is served, without the prefix: dashboards and alerts are held against this list.
pub const NAMES: [&str; 26] = [
    "build_info",
    "up_healthy",
    "sweeps_total",
    "listed_accounts",
    "candidates",
    "last_sweep_timestamp_seconds",
    "next_sweep_timestamp_seconds",
    "decisions_total",
    "decision_seconds",
    "suspensions_total",
    "restorations_total",
    "open_requests",
    "paused",
    "inputs_total",
    "slack_connected",
    "slack_reconnects_total",
    "slack_unreadable_frames_total",
    "okta_healthy",
    "okta_calls_total",
    "okta_rate_limit_waits_total",
    "okta_rate_limit_wait_seconds_total",
    "database_healthy",
    "audit_events_total",
    "audit_behind_events",
    "audit_behind_seconds",
    "stuck_work",
];

/// Upper bounds of the time to a decision: from a minute to a day.
const DECISION_SECONDS: [f64; 8] = [60.0, 300.0, 900.0, 3600.0, 7200.0, 14400.0, 28800.0, 86400.0];

type Labels = Vec<(&'static str, String)>;

/// All of them, now.
pub(super) fn text(
    health: &BotHealth,
    tally: &Tally,
    slack: slack::Traffic,
    providers: &BTreeMap<ProviderName, Traffic>,
) -> Result<String, fmt::Error> {
    let mut all = Metrics(Registry::with_prefix(PREFIX));
    let build =
        vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("commit", env!("COMMIT").to_owned())];
    all.gauge("build_info", "What runs: always 1", [(build, 1.0)]);
    all.one("up_healthy", "Whether nothing is wrong, as `status` says it", health.healthy.into());
    all.one("slack_connected", "Whether the socket is connected", truth(health.slack.ok));
    all.one("database_healthy", "Whether the database can be written", truth(health.database.ok));
    all.one("stuck_work", "Work that should have been done", health.stuck.len() as f64);
    all.policies(health);
    all.tallied(health, tally, slack.acknowledged);
    all.count("slack_reconnects", "Sockets after the first one", slack.connections.saturating_sub(1));
    all.count("slack_unreadable_frames", "Frames that could not be read", slack.unreadable);
    for (name, provider) in &health.providers {
        all.provider(name, provider, providers.get(name).copied().unwrap_or_default());
    }
    let behind = |value: &dyn Fn(&Behind) -> f64| {
        let each = health.collectors_behind.iter();
        each.map(|one| (vec![("collector", one.collector.clone())], value(one))).collect::<Vec<_>>()
    };
    all.gauge("audit_behind_events", "Events that a collector lacks", behind(&|one| one.events as f64));
    let seconds = behind(&|one| (health.at - one.since).num_seconds() as f64);
    all.gauge("audit_behind_seconds", "For how long it has lacked the first of them", seconds);
    let mut text = String::new();
    encode(&mut text, &all.0)?;
    Ok(text)
}

/// What nobody knows yet isn't so.
fn truth(ok: Option<bool>) -> f64 {
    ok.unwrap_or(false).into()
}

struct Metrics(Registry);

impl Metrics {
    fn gauge(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, f64)>) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    fn one(&mut self, name: &str, help: &str, value: f64) {
        self.gauge(name, help, [(vec![], value)]);
    }

    fn count(&mut self, name: &str, help: &str, value: u64) {
        self.counter(name, help, [(vec![], value)]);
    }

    /// The name gets its `_total` when it is written.
    fn counter(&mut self, name: &str, help: &str, values: impl IntoIterator<Item = (Labels, u64)>) {
        let family = Family::<Labels, Counter>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).inc_by(value);
        }
        self.0.register(name, help, family);
    }

    /// Each provider has names of its own, which begin with its name.
    fn provider(&mut self, name: &ProviderName, provider: &ProviderSign, traffic: Traffic) {
        let ProviderSign { terms: Terms { name: called, .. }, sign } = provider;
        let help = format!("Whether {called}'s last answer was good");
        self.one(&format!("{name}_healthy"), &help, truth(sign.ok));
        self.count(&format!("{name}_calls"), &format!("Requests to {called}"), traffic.calls);
        let help = format!("Waits for a rate limit of {called}'s");
        self.count(&format!("{name}_rate_limit_waits"), &help, traffic.waits);
        let waited = Counter::<f64, AtomicU64>::default();
        waited.inc_by(traffic.waited_ms as f64 / 1e3);
        let help = format!("Time spent waiting for rate limits of {called}'s");
        self.0.register(format!("{name}_rate_limit_wait_seconds"), help, waited);
    }

    fn policies(&mut self, health: &BotHealth) {
        let each = |value: &dyn Fn(&PolicyHealth) -> Option<f64>| {
            let policies = health.policies.iter();
            let valued = policies.filter_map(|one| Some((vec![("policy", one.policy.clone())], value(one)?)));
            valued.collect::<Vec<_>>()
        };
        let of_last =
            |value: &dyn Fn(&LastSweep) -> Option<f64>| each(&|one| one.last_sweep.as_ref().and_then(value));
        self.gauge(
            "listed_accounts",
            "Accounts that the last sweep listed",
            of_last(&|last| last.listed.map(f64::from)),
        );
        self.gauge(
            "candidates",
            "Accounts that it found inactive",
            of_last(&|last| last.candidates.map(f64::from)),
        );
        let ended = of_last(&|last| last.ended_at.map(|at| at.timestamp() as f64));
        self.gauge("last_sweep_timestamp_seconds", "When it ended, whatever it came to", ended);
        // One that is overdue is the next one still: so it can be seen that it doesn't come.
        let next = each(&|one| one.overdue_since.or(one.next_sweep).map(|at| at.timestamp() as f64));
        self.gauge("next_sweep_timestamp_seconds", "When the next one begins", next);
        self.gauge(
            "open_requests",
            "Requests that wait for people",
            each(&|one| Some(one.open_requests as f64)),
        );
        self.gauge("paused", "Whether an admin has stopped the policy", each(&|one| Some(one.paused.into())));
    }

    fn tallied(&mut self, health: &BotHealth, tally: &Tally, acknowledged: u64) {
        // What has not happened yet is there as zero, so that the first time is an increase.
        let policies = health.policies.iter().map(|one| &one.policy);
        let by_policy = |counts: &BTreeMap<Of, u64>, label: &'static str, kinds: &[&'static str]| {
            let never =
                policies.clone().flat_map(|policy| kinds.iter().map(|kind| ((policy.clone(), *kind), 0)));
            let happened = counts.iter().map(|(of, count)| (of.clone(), *count));
            let labelled = |((policy, what), count): (Of, u64)| {
                (vec![("policy", policy), (label, what.to_owned())], count)
            };
            never.chain(happened).map(labelled).collect::<Vec<_>>()
        };
        self.count("audit_events", "Events of the audit trail", tally.events);
        self.counter("sweeps", "Sweeps that ended", by_policy(&tally.sweeps, "result", &SWEEPS));
        self.counter("decisions", "Requests that ended", by_policy(&tally.decisions, "kind", &DECISIONS));
        self.counter(
            "suspensions",
            "Approved accounts by their result",
            by_policy(&tally.suspensions, "outcome", &SUSPENSIONS),
        );
        let restorations = RESTORATIONS.map(|what| {
            (vec![("outcome", what.to_owned())], tally.restorations.get(what).copied().unwrap_or_default())
        });
        self.counter("restorations", "Wishes to restore an account", restorations);
        let inputs = [("acknowledged", acknowledged), ("refused", tally.refused_inputs)];
        let inputs = inputs.map(|(result, count)| (vec![("result", result.to_owned())], count));
        self.counter("inputs", "Clicks, commands and dialogs; refused ones are acknowledged too", inputs);
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(DECISION_SECONDS));
        for policy in policies {
            let histogram = seconds.get_or_create_owned(&vec![("policy", policy.clone())]);
            tally
                .decision_seconds
                .get(policy)
                .into_iter()
                .flatten()
                .for_each(|time| histogram.observe(*time));
        }
        self.0.register("decision_seconds", "From the question to the decision", seconds);
    }
}
