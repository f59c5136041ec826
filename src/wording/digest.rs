//! The digest: a week or a month in numbers.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Card, Span, Text};
use crate::domain::digest::{Period, Tally};
use crate::wording::{accounts, counted, span_of_time};

/// All that a digest tells.
pub struct View<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// A week or a month.
    pub period: Period,
    /// From when on.
    pub since: DateTime<Utc>,
    /// Until when.
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
pub fn card(view: &View) -> Card {
    let tally = view.tally;
    let period = match view.period {
        Period::Weekly => "the last week",
        Period::Monthly => "the last month",
    };
    let summary = Text::plain(format!(
        "{} in {period}: {} proposed, {} suspended, {} open.",
        view.policy,
        accounts(tally.proposed as usize),
        tally.suspended,
        counted(view.open, "request", "requests"),
    ));
    let title = match view.period {
        Period::Weekly => format!("The week of {}", view.policy),
        Period::Monthly => format!("The month of {}", view.policy),
    };
    let span = Text::default().with(Span::Date(view.since)).then(" to ").with(Span::Date(view.until));
    let mut blocks = vec![Block::Header(title), Block::Context(span)];
    blocks.extend([swept(tally), accounts_line(tally), decided(tally), ahead(view)].map(Block::Section));
    blocks.extend(view.trend.clone());
    Card { summary, blocks }
}

fn swept(tally: &Tally) -> Text {
    let all = (tally.sweeps + tally.troubled) as usize;
    let text = Text::plain(format!("Swept {}", counted(all, "time", "times")));
    match tally.troubled {
        0 => text.then("."),
        troubled => text.then(format!("; {troubled} of them failed or were stopped by a guard.")),
    }
}

fn accounts_line(tally: &Tally) -> Text {
    let text = Text::plain(format!(
        "{} proposed: {} suspended, {} kept active by a person. {} given back.",
        accounts(tally.proposed as usize),
        tally.suspended,
        tally.kept,
        tally.restored,
    ));
    match tally.failed {
        0 => text,
        failed => text.then(format!(" {failed} could NOT be suspended because of errors.")),
    }
}

fn decided(tally: &Tally) -> Text {
    let text = Text::plain(format!(
        "{} denied, {} expired without an answer.",
        counted(tally.denied as usize, "request", "requests"),
        tally.expired
    ));
    match tally.median_to_decide() {
        Some(median) => text.then(format!(" Half of the decisions took {} at most.", span_of_time(median))),
        None => text.then(" Nobody decided anything."),
    }
}

fn ahead(view: &View) -> Text {
    let open = counted(view.open, "request is", "requests are");
    let ending = counted(view.ending, "exemption ends", "exemptions end");
    let text = Text::plain(format!("{open} still open. {ending} before the next digest."));
    match view.open {
        0 => text,
        _ => text
            .then(" ")
            .with(Span::Code("/inactive-contractors pending".into()))
            .then(" lists what is open."),
    }
}
