//! The digest: a week or a month in numbers.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, Span, Text};
use crate::domain::digest::Tally;
use crate::domain::settings::DigestPeriod;
use crate::wording::history::to_decide;
use crate::wording::{accounts, counted};

/// What a digest says.
pub struct DigestView<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// A week or a month.
    pub period: DigestPeriod,
    pub since: DateTime<Utc>,
    pub until: DateTime<Utc>,
    /// What happened.
    pub tally: &'a Tally,
    /// Requests that are open now.
    pub open: usize,
    /// Exemptions that end before the next digest.
    pub ending: usize,
    /// The trend picture, if there is one.
    pub trend: Option<Block>,
}

/// Renders the digest. All numbers are text; the summary has those that matter most.
pub fn card(view: &DigestView) -> Card {
    let tally = view.tally;
    let period = match view.period {
        DigestPeriod::Weekly => "the last week",
        DigestPeriod::Monthly => "the last month",
    };
    let proposed = match (tally.proposed, tally.suspended) {
        (0, 0) => "no account proposed".to_owned(),
        (proposed, suspended) => format!("{} proposed, {suspended} suspended", accounts(proposed as usize)),
    };
    let open = match view.open {
        0 => "No open request".to_owned(),
        open => counted(open, "open request", "open requests"),
    };
    let summary = Text::plain(format!("{} in {period}: {proposed}. {open}.", view.policy));
    let title = match view.period {
        DigestPeriod::Weekly => format!("Weekly digest: {}", view.policy),
        DigestPeriod::Monthly => format!("Monthly digest: {}", view.policy),
    };
    let span = Text::default().with(Span::Date(view.since)).then(" to ").with(Span::Date(view.until));
    let mut blocks = vec![Block::Header(title), Block::Context(span)];
    blocks.extend([swept(tally), accounts_line(tally), decided(tally), ahead(view)].map(Block::Section));
    blocks.extend(view.trend.clone());
    Card { summary, blocks }
}

fn swept(tally: &Tally) -> Text {
    let all = (tally.sweeps + tally.troubled) as usize;
    match (all, tally.troubled) {
        (0, _) => Text::plain("No sweep ran."),
        (all, 0) => Text::plain(format!("{} ran.", counted(all, "sweep", "sweeps"))),
        (all, troubled) => Text::plain(format!(
            "{} ran; {} by a guard.",
            counted(all, "sweep", "sweeps"),
            counted(troubled as usize, "failed or was stopped", "failed or were stopped")
        )),
    }
}

fn accounts_line(tally: &Tally) -> Text {
    let parts = [
        (tally.suspended, "suspended"),
        (tally.kept, "kept active by a person"),
        (tally.restored, "restored"),
        (tally.failed, "NOT suspended because of errors"),
    ];
    let named: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let proposed = match tally.proposed {
        0 => "No account was proposed".to_owned(),
        proposed => format!("{} proposed", accounts(proposed as usize)),
    };
    Text::plain(if named.is_empty() {
        format!("{proposed}.")
    } else {
        format!("{proposed}: {}.", named.join(", "))
    })
}

fn decided(tally: &Tally) -> Text {
    let requests = |count: u32| counted(count as usize, "request", "requests");
    let text = Text::plain(match (tally.denied, tally.expired) {
        (0, 0) => "No request was denied or expired.".to_owned(),
        (denied, 0) => format!("{} denied.", requests(denied)),
        (0, expired) => format!("{} expired without an answer.", requests(expired)),
        (denied, expired) => format!("{} denied, {expired} expired without an answer.", requests(denied)),
    });
    match tally.median_to_decide() {
        Some(median) => text.then(format!(" Median time to a decision: {}.", to_decide(median))),
        None => text,
    }
}

fn ahead(view: &DigestView) -> Text {
    let some = |count: usize, none: &str, one: &str, many: &str| match count {
        0 => none.to_owned(),
        count => counted(count, one, many),
    };
    let open = some(view.open, "No request is", "request is", "requests are");
    let ending = some(view.ending, "No exemption ends", "exemption ends", "exemptions end");
    let text = Text::plain(format!("{open} open now. {ending} before the next digest."));
    match view.open {
        0 => text,
        _ => text.then(" ").command("pending").then(" lists the open requests."),
    }
}
