//! When the bot reminds people next, for the clock of the page to jump there. Read from the bot's own file: what is
//! due is what the rows say.

use chrono::{DateTime, Utc};

use super::Sandbox;

/// The next moment at which the bot has something to remind of by itself.
pub fn next(sandbox: &Sandbox) -> Option<DateTime<Utc>> {
    let now = sandbox.world.clock.now();
    exemption_ends(sandbox).into_iter().chain(unanswered(sandbox)).filter(|at| *at > now).min()
}

/// When the coming ends of exemptions are announced.
fn exemption_ends(sandbox: &Sandbox) -> Vec<DateTime<Utc>> {
    let Some(connection) = sandbox.file() else { return Vec::new() };
    let sql = "SELECT policy, ends_at FROM exemption WHERE ended_at IS NULL AND notice IS NULL";
    let Ok(mut statement) = connection.prepare(sql) else { return Vec::new() };
    let policies = sandbox.world.config().policies;
    let announced = |policy: &str, ends_at: &str| {
        let notice = policies.iter().find(|one| one.name == policy)?.exemption_notice;
        Some(DateTime::parse_from_rfc3339(ends_at).ok()?.to_utc() - notice)
    };
    let rows =
        statement.query_map([], |row| Ok(announced(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)));
    rows.map(|rows| rows.filter_map(Result::ok).flatten().collect()).unwrap_or_default()
}

/// When people are reminded of requests that nobody has answered, and somebody else is told.
fn unanswered(sandbox: &Sandbox) -> Vec<DateTime<Utc>> {
    let Some(connection) = sandbox.file() else { return Vec::new() };
    let sql =
        "SELECT policy, deadline FROM request WHERE deadline IS NOT NULL AND state IN ('held', 'pending')";
    let Ok(mut statement) = connection.prepare(sql) else { return Vec::new() };
    let policies = sandbox.world.config().policies;
    let moments = |policy: &str, deadline: &str| {
        let silence = policies.iter().find(|one| one.name == policy).map(|policy| policy.silence.clone());
        let deadline = DateTime::parse_from_rfc3339(deadline).ok().map(|deadline| deadline.to_utc());
        let (Some(silence), Some(deadline)) = (silence, deadline) else { return Vec::new() };
        silence
            .remind_before
            .iter()
            .chain(&silence.escalate_before)
            .map(|before| deadline - *before)
            .collect()
    };
    let rows =
        statement.query_map([], |row| Ok(moments(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)));
    rows.map(|rows| rows.filter_map(Result::ok).flatten().collect()).unwrap_or_default()
}
