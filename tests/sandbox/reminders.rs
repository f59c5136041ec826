//! When the bot reminds people next, for the clock of the page to jump there. Read from the bot's own file: what is
//! due is what the rows say.

use chrono::{DateTime, Utc};
use inactive_contractors::store::{ExemptionRecord, RequestRecord};

use super::Sandbox;

/// The next moment at which the bot has something to remind of by itself.
pub fn next(sandbox: &Sandbox) -> Option<DateTime<Utc>> {
    let now = sandbox.world.clock.now();
    exemption_ends(sandbox).into_iter().chain(unanswered(sandbox)).filter(|at| *at > now).min()
}

/// When the coming ends of exemptions are announced.
fn exemption_ends(sandbox: &Sandbox) -> Vec<DateTime<Utc>> {
    let exemptions = sandbox.world.inspect().and_then(|file| file.exemptions().ok()).unwrap_or_default();
    let policies = sandbox.world.config().policies;
    let announced = |exemption: &ExemptionRecord| {
        let notice = policies.iter().find(|one| *one.name == exemption.policy)?.exemption_notice;
        Some(exemption.ends_at - notice)
    };
    let open = exemptions.iter().filter(|one| one.ended_at.is_none() && one.notice.is_none());
    open.filter_map(announced).collect()
}

/// When people are reminded of requests that nobody has answered, and somebody else is notified.
fn unanswered(sandbox: &Sandbox) -> Vec<DateTime<Utc>> {
    let requests = sandbox.world.inspect().and_then(|file| file.requests().ok()).unwrap_or_default();
    let policies = sandbox.world.config().policies;
    let moments = |request: &RequestRecord| {
        let reminders = policies.iter().find(|one| *one.name == request.policy).map(|policy| &policy.silence);
        let (Some(reminders), Some(deadline)) = (reminders, request.deadline) else { return Vec::new() };
        reminders
            .remind_before
            .iter()
            .chain(&reminders.escalate_before)
            .map(|before| deadline - *before)
            .collect()
    };
    let waiting = requests.iter().filter(|one| matches!(one.state.as_str(), "held" | "pending"));
    waiting.flat_map(moments).collect()
}
