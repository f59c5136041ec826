//! Decides what HTTP gives, where every program of the machine can ask: policies and numbers, never people. The words
//! of an error may name anybody, so none of them goes out; the socket of the bot's own user has them.

use crate::domain::provider::ProviderName;
use crate::engine::health::{
    BotHealth, HealthCheck, LastSweep, PolicyHealth, ProviderSign, behind_in_words, overdue_in_words,
};

use super::{Reload, Status};

/// Names the command that shows the rest.
const MORE: &str = "`inactive-contractors status` says more";

/// Returns the status without words that may name somebody.
pub(super) fn in_public(status: Status) -> Status {
    // Each by its name, so that a new field is decided about here.
    let Status { version, pid, started_at, reload, health } = status;
    let BotHealth {
        at,
        alive,
        healthy,
        wrong: _,
        slack,
        providers,
        database,
        other_connections,
        database_id,
        policies,
        collectors_behind,
        stuck,
    } = health;
    let mut wrong = Vec::new();
    let of_providers = providers.values().map(|provider| (provider.terms.name, &provider.sign));
    for (what, sign) in
        [("Slack", &slack)].into_iter().chain(of_providers).chain([("the database", &database)])
    {
        wrong.extend((sign.ok == Some(false)).then(|| format!("{what} is not healthy")));
    }
    if other_connections > 0 {
        wrong.push(format!("connections of other bots to this Slack app: {other_connections}"));
    }
    wrong.extend(policies.iter().flat_map(wrong_with));
    wrong.extend(collectors_behind.iter().map(behind_in_words));
    if !stuck.is_empty() {
        wrong.push(format!("overdue work: {}", stuck.len()));
    }
    wrong.push(MORE.to_owned());
    let health = BotHealth {
        at,
        alive,
        healthy,
        wrong: if healthy { Vec::new() } else { wrong },
        slack: without_words(slack),
        providers: providers.into_iter().map(provider_without_words).collect(),
        database: without_words(database),
        other_connections,
        database_id,
        policies: policies.into_iter().map(without_outcome).collect(),
        collectors_behind,
        stuck: stuck.iter().map(|_| MORE.to_owned()).collect(),
    };
    let reload =
        reload.map(|Reload { at, refused }| Reload { at, refused: refused.map(|_| MORE.to_owned()) });
    Status { version, pid, started_at, reload, health }
}

fn wrong_with(policy: &PolicyHealth) -> impl Iterator<Item = String> {
    let name = &policy.policy;
    let overdue = policy.overdue_since.map(|since| overdue_in_words(name, since));
    let failed = match policy.last_sweep.as_ref().map(|last| last.state) {
        Some("failed") => Some(format!("the last sweep of {name} failed")),
        Some("refused") => Some(format!("the last sweep of {name} was stopped by a guard")),
        Some(_) | None => None,
    };
    overdue.into_iter().chain(failed)
}

fn without_words(sign: HealthCheck) -> HealthCheck {
    HealthCheck { why: sign.why.map(|_| MORE.to_owned()), ..sign }
}

fn provider_without_words(
    (name, ProviderSign { terms, sign }): (ProviderName, ProviderSign),
) -> (ProviderName, ProviderSign) {
    (name, ProviderSign { terms, sign: without_words(sign) })
}

fn without_outcome(policy: PolicyHealth) -> PolicyHealth {
    let last_sweep = policy.last_sweep.map(|last| LastSweep { outcome: last.state.to_owned(), ..last });
    PolicyHealth { last_sweep, ..policy }
}
