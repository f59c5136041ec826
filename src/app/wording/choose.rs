//! The dialog behind "Choose…": a checkbox per person to keep active, in pages, with a reason.

use std::collections::{BTreeMap, BTreeSet};

use super::{accounts, span_of_time};
use crate::chat::{Block, Button, Choice, FormState, Modal, Text, Tone};
use crate::domain::candidate::Candidate;
use crate::domain::policy::hex;
use crate::domain::request::Request;

/// The dialog's kind.
pub const KIND: &str = "choose";
/// The reason's name.
pub const REASON: &str = "reason";
/// The button to another page.
pub const TURN_BACK: &str = "choose_back";
/// The button to another page.
pub const TURN_ON: &str = "choose_on";
/// The most characters of a reason.
pub const REASON_MAX: u32 = 500;

/// People on one page of the dialog: Slack allows 100 blocks and 10 checkboxes in each.
pub const PAGE: usize = 30;

/// What the dialog remembers between its pages: it travels through Slack and is looked up, never trusted. A forged
/// set of positions can only keep people active.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The request.
    pub request: i64,
    /// The list that the person sees.
    pub list_hash: String,
    /// The page, from 0.
    pub page: usize,
    /// Positions ticked so far, on all pages.
    pub keep: BTreeSet<u32>,
}

impl Memory {
    /// A first look at a request.
    pub fn fresh(request: &Request) -> Memory {
        Memory { request: request.id, list_hash: request.list_hash.clone(), page: 0, keep: BTreeSet::new() }
    }

    /// As an opaque value: at most about 1 character per 4 people.
    pub fn encode(&self) -> String {
        let bytes = self.keep.last().map_or(0, |last| *last as usize / 8 + 1);
        let mut bits = vec![0_u8; bytes];
        for position in &self.keep {
            bits[*position as usize / 8] |= 1 << (position % 8);
        }
        format!("{}:{}:{}:{}", self.request, self.list_hash, self.page, hex(&bits))
    }

    /// The value's meaning; `None` if it isn't one of ours.
    pub fn decode(value: &str) -> Option<Memory> {
        let mut parts = value.split(':');
        let request = parts.next()?.parse().ok()?;
        let list_hash = parts.next()?.to_owned();
        let page = parts.next()?.parse().ok()?;
        let bits = parts.next()?;
        if parts.next().is_some() || !bits.is_ascii() || bits.len() % 2 != 0 {
            return None;
        }
        let mut keep = BTreeSet::new();
        for index in 0..bits.len() / 2 {
            let byte = u8::from_str_radix(&bits[index * 2..index * 2 + 2], 16).ok()?;
            let first = u32::try_from(index * 8).ok()?;
            keep.extend((0..8).filter(|bit| byte & (1 << bit) != 0).map(|bit| first + bit));
        }
        Some(Memory { request, list_hash, page, keep })
    }

    /// Takes over what is ticked on the page that the person sees.
    pub fn absorb(&mut self, state: &FormState) {
        let start = u32::try_from(self.page.saturating_mul(PAGE)).unwrap_or(u32::MAX);
        let end = start.saturating_add(u32::try_from(PAGE).expect("a page is small"));
        self.keep.retain(|position| !(start..end).contains(position));
        let ticked = state.ticked.get(&group(self.page)).into_iter().flatten();
        // Only what the page shows: a position out of thin air would make the memory as large as it says.
        let shown = |position: &u32| (start..end).contains(position);
        self.keep.extend(ticked.filter_map(|value| value.parse::<u32>().ok()).filter(shown));
    }
}

/// The checkboxes' name, one for each page: Slack keeps what was ticked by the block's name across pages.
fn group(page: usize) -> String {
    format!("keep-{page}")
}

/// What was typed as the reason, if anything.
pub fn reason(typed: &BTreeMap<String, String>) -> Option<String> {
    typed.get(REASON).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The dialog's page that `memory` points at.
pub fn modal(request: &Request, candidates: &[Candidate], memory: &Memory) -> Modal {
    let pages = candidates.len().div_ceil(PAGE).max(1);
    let page = memory.page.min(pages - 1);
    let choices = candidates.iter().skip(page * PAGE).take(PAGE).map(|candidate| choice(candidate, memory));
    let mut blocks = vec![
        Block::Section(Text::plain(format!(
            "Tick who is to keep their access. Everybody else of the {} will be suspended when you submit.",
            accounts(candidates.len())
        ))),
        Block::Checkboxes {
            name: group(page),
            label: if pages > 1 {
                format!("Keep active (page {} of {pages})", page + 1)
            } else {
                "Keep active".into()
            },
            choices: choices.collect(),
            instant: false,
        },
    ];
    if pages > 1 {
        blocks.push(Block::Buttons(turn_buttons(page, pages)));
    }
    blocks.push(Block::TextInput {
        name: REASON.into(),
        label: "Reason".into(),
        hint: Some("Kept in the audit trail and shown on the card.".into()),
        optional: true,
        max_chars: REASON_MAX,
        initial: None,
        multiline: true,
        instant: false,
    });
    let memory = Memory { page, ..memory.clone() };
    Modal {
        kind: KIND.into(),
        value: memory.encode(),
        title: format!("Request {}", request.id),
        submit: Some("Suspend the rest".into()),
        blocks,
    }
}

fn choice(candidate: &Candidate, memory: &Memory) -> Choice {
    let shown = &candidate.shown;
    let name = if shown.name.trim().is_empty() { &shown.login } else { &shown.name };
    let idle = span_of_time(shown.evidence.looked_at - shown.evidence.idle.since);
    Choice {
        value: candidate.position.to_string(),
        label: name.clone(),
        description: Some(format!("idle {idle}, {}", shown.login)),
        ticked: memory.keep.contains(&candidate.position),
    }
}

fn turn_buttons(page: usize, pages: usize) -> Vec<Button> {
    let button = |action: &str, to: usize| Button {
        action: action.into(),
        value: to.to_string(),
        label: format!("Page {} of {pages}", to + 1),
        tone: Tone::Neutral,
        confirm: None,
    };
    let back = (page > 0).then(|| button(TURN_BACK, page - 1));
    let on = (page + 1 < pages).then(|| button(TURN_ON, page + 1));
    back.into_iter().chain(on).collect()
}
