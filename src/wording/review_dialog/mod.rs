//! The dialog behind "Choose…": a box per person, ticked if the account is to be suspended, in pages, with a search.
//!
//! What the dialog shows is a [`Draft`] in the database; its value only says which, and each of its inputs is named
//! after the draft's generation, so that a dialog that was sent before never passes for the one on the screen. Slack
//! keeps what was typed and ticked as long as an input keeps its name.

pub mod form;

use std::collections::BTreeMap;

use crate::chat::{Block, Button, Choice, FormState, Menu, MenuItem, Modal, Span, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::draft::{Change, Draft, SEARCH_MAX, Seen, Sort};
use crate::domain::request::{Request, RequestState};
use crate::wording::{accounts, belongs_to, idle_in_words, mention, outcome_in_words, shown_who};

/// The dialog's kind.
pub const KIND: &str = "choose";
/// The kind of what is shown in its place once there is nothing left to choose.
pub const OVER: &str = "choose_over";
/// The reason's name.
pub const REASON: &str = "reason";
/// The menu beside each person: keep them until a day.
pub const PERSON: &str = "keep_until";
/// The most characters of a reason.
pub const REASON_MAX: u32 = 500;

/// People on one page: two blocks each, and a dozen for the rest, within Slack's 100.
pub const PAGE: usize = 30;

const TICK: &str = "tick";
const SEARCH: &str = "search";
const SORT: &str = "sort";
const TURN_BACK: &str = "choose_back";
const TURN_ON: &str = "choose_on";
const ALL: &str = "tick_all";
const NOBODY: &str = "untick_all";
const CLEAR: &str = "clear_search";
const START_OVER: &str = "start_over";

/// Which draft a dialog shows: it travels through Slack and is looked up, never trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The request.
    pub request: i64,
    /// The list that the person sees.
    pub list_hash: String,
    /// The draft's generation.
    pub generation: u32,
}

impl Memory {
    /// As an opaque value.
    pub fn encode(&self) -> String {
        format!("{}:{}:{}", self.request, self.list_hash, self.generation)
    }

    /// The value's meaning; `None` if it isn't one of ours.
    pub fn decode(value: &str) -> Option<Memory> {
        let mut parts = value.split(':');
        let memory = Memory {
            request: parts.next()?.parse().ok()?,
            list_hash: parts.next()?.to_owned(),
            generation: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(memory)
    }
}

/// What the inputs of a dialog said.
pub fn seen(memory: &Memory, state: &FormState, stamp: &str) -> Seen {
    let named = |name: &str| format!("{name}-{}", memory.generation);
    let of_person = |group: &str| group.strip_prefix(&named(TICK))?.strip_prefix('-')?.parse::<u32>().ok();
    let ticked: BTreeMap<u32, bool> = state
        .ticked
        .iter()
        .filter_map(|(group, ticked)| Some((of_person(group)?, !ticked.is_empty())))
        .collect();
    Seen {
        generation: memory.generation,
        stamp: stamp.to_owned(),
        ticked,
        reason: state
            .typed
            .get(REASON)
            // Slack keeps to the length; what comes over the wire need not come from its dialog.
            .map(|reason| reason.trim().chars().take(REASON_MAX as usize).collect()),
        search: state.typed.get(&named(SEARCH)).cloned(),
    }
}

/// What a click in the dialog means. `None`: it is no control of ours.
pub fn change(action: &str, value: &str) -> Option<Change> {
    match action.split('-').next().unwrap_or_default() {
        TICK | PERSON => Some(Change::Tick),
        SEARCH => Some(Change::Search),
        SORT => Some(Change::Sort(match value {
            "shortest" => Sort::ShortestIdle,
            "name" => Sort::Name,
            _ => Sort::LongestIdle,
        })),
        TURN_BACK | TURN_ON => Some(Change::Page(value.parse().ok()?)),
        ALL => Some(Change::All),
        NOBODY => Some(Change::Nobody),
        CLEAR => Some(Change::ClearSearch),
        START_OVER => Some(Change::StartOver),
        _ => None,
    }
}

/// All that the dialog shows.
pub struct View<'a> {
    /// The request.
    pub request: &'a Request,
    /// Its list.
    pub candidates: &'a [Candidate],
    /// What the person chose so far.
    pub draft: &'a Draft,
    /// What they must know first.
    pub note: Option<Text>,
}

/// The dialog as the draft has it.
pub fn modal(view: &View) -> Modal {
    let View { request, candidates, draft, note } = view;
    let matching = draft.matching(candidates);
    let pages = matching.len().div_ceil(PAGE).max(1);
    let page = (draft.page as usize).min(pages - 1);
    let mut blocks: Vec<Block> = note.iter().cloned().map(Block::Section).collect();
    blocks.push(Block::Section(question(request)));
    blocks.extend(resumed(draft));
    blocks.extend(controls(draft, matching.len(), candidates.len()));
    blocks.push(Block::Context(counts(view, matching.len(), page, pages)));
    for candidate in matching.iter().skip(page * PAGE).take(PAGE) {
        blocks.extend(person(view, candidate));
    }
    if pages > 1 {
        blocks.push(Block::Buttons(turn_buttons(page, pages)));
    }
    blocks.push(Block::TextInput {
        name: REASON.into(),
        label: "Reason".into(),
        hint: Some("Kept in the audit trail and shown on the card.".into()),
        optional: true,
        max_chars: REASON_MAX,
        initial: Some(draft.reason.clone()),
        multiline: true,
        instant: false,
    });
    let memory =
        Memory { request: request.id, list_hash: request.list_hash.clone(), generation: draft.generation };
    Modal {
        kind: KIND.into(),
        value: memory.encode(),
        title: format!("Request {}", request.id),
        submit: Some(submit_label(draft, candidates)),
        blocks,
    }
}

/// What the submit button does, with the number that it does it to.
fn submit_label(draft: &Draft, candidates: &[Candidate]) -> String {
    match draft.to_suspend(candidates) {
        0 => format!("Keep all {}", candidates.len()),
        count => format!("Suspend {count}"),
    }
}

fn question(request: &Request) -> Text {
    let text = Text::plain(
        "When you submit, the ticked accounts are suspended and the others keep their access. Your selection is saved until then.",
    );
    match request.deadline {
        Some(deadline) => text.then(" Answer by ").with(Span::Time(deadline)).then("."),
        None => text,
    }
}

/// The choice of an earlier look.
fn resumed(draft: &Draft) -> Vec<Block> {
    let Some(at) = draft.resumed else { return Vec::new() };
    let text = Text::plain("Your selection of ").with(Span::Time(at)).then(" is still here.");
    vec![Block::Section(text), Block::Buttons(vec![button(START_OVER, String::new(), "Start over".into())])]
}

fn controls(draft: &Draft, matching: usize, all: usize) -> Vec<Block> {
    let orders =
        [("longest", "Longest idle first"), ("shortest", "Shortest idle first"), ("name", "By name")];
    let chosen = match draft.sort {
        Sort::LongestIdle => "longest",
        Sort::ShortestIdle => "shortest",
        Sort::Name => "name",
    };
    let which = if draft.search.is_empty() { format!("all {all}") } else { format!("the {matching} found") };
    let mut buttons = Vec::new();
    if matching > 0 {
        buttons.push(button(ALL, String::new(), format!("Tick {which}")));
        buttons.push(button(NOBODY, String::new(), format!("Untick {which}")));
    }
    if !draft.search.is_empty() {
        buttons.push(button(CLEAR, String::new(), "Clear the search".into()));
    }
    vec![
        Block::TextInput {
            name: format!("{SEARCH}-{}", draft.generation),
            label: "Search".into(),
            hint: Some("Name, login, e-mail, manager or organisation. Press Enter.".into()),
            optional: true,
            max_chars: u32::try_from(SEARCH_MAX).expect("a search is short"),
            initial: Some(draft.search.clone()),
            multiline: false,
            instant: true,
        },
        Block::Select {
            name: format!("{SORT}-{}", draft.generation),
            label: "Order".into(),
            options: orders.map(|(value, label)| (value.to_owned(), label.to_owned())).into(),
            chosen: Some(chosen.into()),
            instant: true,
        },
        Block::Buttons(buttons),
    ]
}

fn counts(view: &View, matching: usize, page: usize, pages: usize) -> Text {
    let all = view.candidates.len();
    let suspend = view.draft.to_suspend(view.candidates);
    let mut parts = Vec::new();
    if !view.draft.search.is_empty() {
        let verb = if matching == 1 { "matches" } else { "match" };
        parts.push(format!("{matching} of {all} {verb}"));
    }
    parts.push(format!("{suspend} to be suspended, {} to keep their access", all - suspend));
    if pages > 1 {
        parts.push(format!("page {} of {pages}", page + 1));
    }
    Text::plain(parts.join(" · "))
}

fn person(view: &View, candidate: &Candidate) -> Vec<Block> {
    let View { request, draft, .. } = view;
    let shown = &candidate.shown;
    if !draft.may_choose(candidate) {
        let text = shown_who(shown).then(": ");
        let text = if draft.own.contains(&candidate.position) {
            text.then("your own account, so somebody else decides on it")
        } else if draft.left_out.contains(&candidate.position) && candidate.state == CandidateState::Proposed
        {
            text.then("left out by the first approver, so kept active")
        } else {
            text.and(outcome_in_words(candidate, &request.rule, shown.evidence.looked_at))
        };
        return vec![Block::Section(text)];
    }
    let evidence = &shown.evidence;
    let tick = Choice {
        value: candidate.position.to_string(),
        label: "Suspend".into(),
        description: None,
        ticked: draft.would_suspend(candidate),
    };
    let idle = idle_in_words(&evidence.idle, evidence.last_sign_in, &request.rule, evidence.looked_at);
    let mut text = idle.and(belongs_to(shown));
    let until = draft.until.get(&candidate.position);
    if let Some(until) = until {
        let keep = text.then("\n").with(Span::Bold("○ keep until".into())).then(" ");
        text = keep.with(Span::Time(super::last_moment(until.ends_at))).then(": ").quoted(&until.reason);
    }
    let item = MenuItem {
        value: candidate.position.to_string(),
        label: if until.is_some() { "Keep until another day…" } else { "Keep until…" }.into(),
        url: None,
    };
    let menu = Menu { action: PERSON.into(), items: vec![item], confirm: None };
    vec![
        Block::Checkboxes {
            name: format!("{TICK}-{}-{}", draft.generation, candidate.position),
            label: plain_who(candidate),
            choices: vec![tick],
            instant: true,
        },
        Block::Row { text, menu },
    ]
}

/// The name with the login, for places that take plain text only.
pub fn plain_who(candidate: &Candidate) -> String {
    shown_who(&candidate.shown).to_plain()
}

fn turn_buttons(page: usize, pages: usize) -> Vec<Button> {
    let turn =
        |action: &str, to: usize| button(action, to.to_string(), format!("Page {} of {pages}", to + 1));
    let back = (page > 0).then(|| turn(TURN_BACK, page - 1));
    let on = (page + 1 < pages).then(|| turn(TURN_ON, page + 1));
    back.into_iter().chain(on).collect()
}

fn button(action: &str, value: String, label: String) -> Button {
    Button::new(action, value, label)
}

/// What is shown in the dialog's place once there is nothing left to choose: why, and what became of the request.
pub fn over(id: i64, why: Text, request: Option<(&Request, &[Candidate])>) -> Modal {
    let mut blocks = vec![Block::Section(why)];
    if let Some((request, candidates)) = request {
        blocks.extend(became(request, candidates).map(Block::Section));
    }
    blocks.push(Block::Context(Text::plain("You can close this. Your selection was not used.")));
    Modal { kind: OVER.into(), value: String::new(), title: format!("Request {id}"), submit: None, blocks }
}

fn became(request: &Request, candidates: &[Candidate]) -> Option<Text> {
    let count = |word| candidates.iter().filter(|candidate| candidate.state.word() == word).count();
    let decision = match &request.state {
        RequestState::Approved { decision, .. } | RequestState::Completed { decision, .. } => decision,
        RequestState::Preview
        | RequestState::Held { .. }
        | RequestState::Pending { .. }
        | RequestState::Denied { .. }
        | RequestState::Expired { .. }
        | RequestState::Withdrawn { .. }
        | RequestState::WentLive { .. }
        | RequestState::Outdated { .. } => return None,
    };
    let selected = candidates.len() - count("kept");
    let text = mention(&decision.by).then(format!(" had {} suspended", accounts(selected)));
    let text = match count("kept") {
        0 => text.then("."),
        kept => text.then(format!(" and kept {kept} active.")),
    };
    Some(match &decision.reason {
        Some(reason) => text.then(" Reason: ").quoted(reason),
        None => text,
    })
}
