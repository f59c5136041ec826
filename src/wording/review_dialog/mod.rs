//! The dialog behind "Choose…": a box per person, ticked if the account is to be suspended, in pages, with a search.
//!
//! What the dialog shows is a [`Draft`] in the database; its value only says which, and each of its inputs is named
//! after the draft's generation, so that a dialog that was sent before never passes for the one on the screen. Slack
//! keeps what was typed and ticked as long as an input keeps its name.

pub mod form;

use std::collections::BTreeMap;

use crate::chat::{Block, Button, Choice, FormState, Menu, Modal, Span, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::draft::{Draft, SEARCH_MAX, Seen, Sort};
use crate::domain::ids::RequestId;
use crate::domain::request::Request;
use crate::wording::actions::{Control, Dialog, Memory, PageTurn, SORTS, sort_word};
use crate::wording::{accounts, belongs_to, idle_in_words, mention, outcome_in_words, shown_who};

/// The reason's name.
pub const REASON: &str = "reason";
/// The most characters of a reason.
pub const REASON_MAX: u32 = 500;

/// What the inputs of a dialog said.
pub fn seen(memory: &Memory, state: &FormState, stamp: &str) -> Seen {
    let generation = memory.generation;
    let of_person = |group: &str| match Control::decode(group, "")? {
        Control::Tick { generation: of, position } => (of == generation).then_some(position),
        _ => None,
    };
    let ticked: BTreeMap<u32, bool> = state
        .ticked
        .iter()
        .filter_map(|(group, ticked)| Some((of_person(group)?, !ticked.is_empty())))
        .collect();
    Seen {
        generation,
        stamp: stamp.to_owned(),
        ticked,
        reason: state
            .typed
            .get(REASON)
            // Slack keeps to the length; what comes over the wire need not come from its dialog.
            .map(|reason| reason.trim().chars().take(REASON_MAX as usize).collect()),
        search: state.typed.get(&Control::Search { generation }.id()).cloned(),
    }
}

/// All that the dialog shows.
pub struct DialogView<'a> {
    /// The request.
    pub request: &'a Request,
    /// Its list.
    pub candidates: &'a [Candidate],
    /// What the person chose so far.
    pub draft: &'a Draft,
    /// What they must know first.
    pub note: Option<Text>,
    /// The most people on one page.
    pub rows: usize,
}

/// The dialog as the draft has it.
pub fn modal(view: &DialogView) -> Modal {
    let DialogView { request, candidates, draft, note, rows } = view;
    let matching = draft.matching(candidates);
    let pages = matching.len().div_ceil(*rows).max(1);
    let page = (draft.page as usize).min(pages - 1);
    let mut blocks: Vec<Block> = note.iter().cloned().map(Block::Section).collect();
    blocks.push(Block::Section(question(request)));
    blocks.extend(resumed(draft));
    blocks.extend(controls(draft, matching.len(), candidates.len()));
    blocks.push(Block::Context(counts(view, matching.len(), page, pages)));
    for candidate in matching.iter().skip(page * rows).take(*rows) {
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
    let dialog = Dialog::Review(Memory {
        request: request.id,
        list_hash: request.list_hash.clone(),
        generation: draft.generation,
    });
    Modal {
        kind: dialog.kind(),
        value: dialog.value(),
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
    let text = Text::plain("Your selection from ").with(Span::Time(at)).then(" is still here.");
    vec![Block::Section(text), Block::Buttons(vec![Control::StartOver.button("Start over")])]
}

fn controls(draft: &Draft, matching: usize, all: usize) -> Vec<Block> {
    let which = if draft.search.is_empty() { format!("all {all}") } else { format!("the {matching} found") };
    let mut buttons = Vec::new();
    if matching > 0 {
        buttons.push(Control::TickAll.button(format!("Tick {which}")));
        buttons.push(Control::UntickAll.button(format!("Untick {which}")));
    }
    if !draft.search.is_empty() {
        buttons.push(Control::ClearSearch.button("Clear the search"));
    }
    vec![
        Block::TextInput {
            name: Control::Search { generation: draft.generation }.id(),
            label: "Search".into(),
            hint: Some("Name, login, e-mail, manager or organisation. Press Enter.".into()),
            optional: true,
            max_chars: u32::try_from(SEARCH_MAX).expect("a search is short"),
            initial: Some(draft.search.clone()),
            multiline: false,
            instant: true,
        },
        Block::Select {
            name: Control::Sort { generation: draft.generation, sort: draft.sort }.id(),
            label: "Order".into(),
            options: SORTS.map(|sort| (sort_word(sort).to_owned(), order(sort).to_owned())).into(),
            chosen: Some(sort_word(draft.sort).to_owned()),
            instant: true,
        },
        Block::Buttons(buttons),
    ]
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::LongestIdle => "Longest idle first",
        Sort::ShortestIdle => "Shortest idle first",
        Sort::Name => "By name",
    }
}

fn counts(view: &DialogView, matching: usize, page: usize, pages: usize) -> Text {
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

fn person(view: &DialogView, candidate: &Candidate) -> Vec<Block> {
    let DialogView { request, draft, .. } = view;
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
    let position = candidate.position;
    let keep_until = Control::KeepUntil { position };
    let item =
        keep_until.menu_item(if until.is_some() { "Keep until another day…" } else { "Keep until…" });
    let menu = Menu { action: keep_until.id(), items: vec![item], confirm: None };
    vec![
        Block::Checkboxes {
            name: Control::Tick { generation: draft.generation, position }.id(),
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
    let button = |turn, page: usize| {
        let to = u32::try_from(page).unwrap_or(u32::MAX);
        Control::Page { turn, page: to }.button(format!("Page {} of {pages}", page + 1))
    };
    let back = (page > 0).then(|| button(PageTurn::Back, page - 1));
    let on = (page + 1 < pages).then(|| button(PageTurn::On, page + 1));
    back.into_iter().chain(on).collect()
}

/// What is shown in the dialog's place once there is nothing left to choose: why, and the result of the request.
pub fn over(id: RequestId, why: Text, request: Option<(&Request, &[Candidate])>) -> Modal {
    let mut blocks = vec![Block::Section(why)];
    if let Some((request, candidates)) = request {
        blocks.extend(became(request, candidates).map(Block::Section));
    }
    blocks.push(Block::Context(Text::plain("You can close this. Your selection was not used.")));
    Modal {
        kind: Dialog::Over.kind(),
        value: Dialog::Over.value(),
        title: format!("Request {id}"),
        submit: None,
        blocks,
    }
}

fn became(request: &Request, candidates: &[Candidate]) -> Option<Text> {
    let count = |word| candidates.iter().filter(|candidate| candidate.state.word() == word).count();
    let decision = request.state.approval()?;
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
