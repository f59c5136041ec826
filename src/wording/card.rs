//! The card: one per approval request, from the question to the last outcome.

use chrono::Duration;

use crate::chat::{Block, Card, Span, Text};
use crate::domain::candidate::{Candidate, CandidateState};
use crate::domain::progress;
use crate::domain::request::{AskedAgain, Became, Decision, FirstApproval, Request, RequestState, Retry};
use crate::wording::card_view::{CardView, in_both, in_state, needs_two, selected};
use crate::wording::layout::{cut, starts};
use crate::wording::{
    accounts, backlog, before, belongs_to, buttons, by_both, deciders, guard_in_words, idle_in_words,
    mention, outcome_in_words, outreach, pauses, row_menu, rule_in_words, sessions_in_words, shown_who,
    sign_in_words, small_print, span_of_time,
};

/// Of fewer accounts nobody wonders when they will be done.
const MANY_LEFT: usize = 20;

/// Renders the card.
pub fn card(view: &CardView) -> Card {
    let mut blocks = vec![
        Block::Header(title(view)),
        Block::Section(question(view)),
        Block::Section(deciders::lack_on(view).unwrap_or_default().and(state_line(view))),
        Block::Divider,
    ];
    let starts = page_starts(view);
    let pages = starts.len();
    let page = view.page.min(pages - 1);
    let end = starts.get(page + 1).copied().unwrap_or(view.candidates.len());
    for candidate in &view.candidates[starts[page]..end] {
        blocks.push(Block::Row { text: person(view, candidate), menu: row_menu::menu(view, candidate) });
    }
    if pages > 1 {
        blocks.push(Block::Buttons(buttons::pages(view.request, page, pages)));
    }
    let decide = buttons::decisions(view);
    if !decide.is_empty() {
        blocks.push(Block::Divider);
        blocks.push(Block::Buttons(decide));
    }
    blocks.push(Block::Context(small_print::text(view, page, pages)));
    Card { summary: summary(view), blocks }
}

/// Where in the list each page starts: as many people as fit, so that nobody is left out for their neighbours' names.
fn page_starts(view: &CardView) -> Vec<usize> {
    starts(
        view.candidates.iter().map(|candidate| row_chars(view, candidate)),
        view.room.card_rows,
        view.room.page_chars,
    )
}

fn row_chars(view: &CardView, candidate: &Candidate) -> usize {
    let shown = &candidate.shown;
    let long = |words: &str| view.room.of_words(words);
    let row = view.room.row_chars;
    let names = [Some(&shown.name), Some(&shown.login), shown.manager.as_ref(), shown.organization.as_ref()];
    let names: usize = names.into_iter().flatten().map(|name| long(name)).sum();
    let sign = shown.evidence.idle.sign.as_ref();
    let sign = sign.map_or(0, |sign| long(&sign_in_words(Some(sign)).to_plain()));
    let error = match &candidate.state {
        CandidateState::Failed { error, .. } => long(&cut(error)),
        CandidateState::Suspended { sessions, .. } => long(&sessions_in_words(sessions).to_plain()),
        CandidateState::Previewed
        | CandidateState::Proposed
        | CandidateState::Kept { .. }
        | CandidateState::Dropped
        | CandidateState::Due { .. }
        | CandidateState::Skipped { .. } => 0,
    };
    let back = row_menu::restoration(view, candidate).map_or(0, |text| long(&text.to_plain()) + row / 2);
    let said = outreach::evidence(view.questions, candidate, view.terms);
    let said = said.map_or(0, |text| long(&text.to_plain()) + row / 2);
    let before = [before::denied(view, candidate), before::exempted(view, candidate)];
    let before: usize = before.into_iter().flatten().map(|text| long(&text.to_plain())).sum();
    row + names + sign + error + back + said + before
}

fn title(view: &CardView) -> String {
    let count = accounts(view.candidates.len());
    match &view.request.state {
        RequestState::Preview => format!("Preview: {count} would be proposed"),
        RequestState::Held { .. } => format!("Held: {count} would be proposed"),
        RequestState::Pending { .. } => format!("Suspend {}?", accounts(in_state(view, "proposed"))),
        RequestState::Approved { retry: Some(retry), .. } => {
            format!("Retrying {}", accounts(retry.positions.len()))
        }
        RequestState::Approved { retry: None, .. } => format!("Suspending {}", accounts(selected(view))),
        RequestState::Completed { .. } => {
            let done = in_state(view, "suspended");
            let failed = in_state(view, "failed");
            if failed > 0 {
                format!("{} suspended, {failed} FAILED", accounts(done))
            } else {
                format!("{} suspended", accounts(done))
            }
        }
        RequestState::Denied { .. } => "Denied: nobody is suspended".into(),
        RequestState::Expired { .. } => "Expired: nobody is suspended".into(),
        RequestState::Withdrawn { .. } => "Withdrawn: nobody is suspended".into(),
        RequestState::WentLive { .. } => "The rule is live".into(),
        RequestState::Outdated { .. } => "The rule was changed: nobody is suspended".into(),
    }
}

fn question(view: &CardView) -> Text {
    let text = Text::plain("Policy ")
        .with(Span::Code(view.request.policy.to_string()))
        .then(": ")
        .and(rule_in_words(&view.request.rule))
        .then(format!(". {} found among {}.", accounts(view.candidates.len()), view.counts.population));
    let asks = view.request.state.awaits_decision();
    match backlog(before::pending(view)).filter(|_| asks) {
        Some(backlog) => text.then(" ").then(backlog),
        None => text,
    }
}

fn state_line(view: &CardView) -> Text {
    let request = view.request;
    match &request.state {
        RequestState::Preview => stopped(view, " It can't go live until an admin resumes the policy. ").then(
            "This rule is new or was changed, so this first list only shows what it would propose. \
             Nothing happens until an admin takes the rule live.",
        ),
        RequestState::Held { guard } => Text::plain("Held by a guard; nobody was asked. ")
            .and(guard_in_words(guard, view.terms))
            .then(" If the list is right, one person may release it once, and another person decides."),
        RequestState::Pending { first } => {
            let text = what_holds_for_it(view);
            match first {
                Some(first) => text.and(approved_first(view, first)),
                None if needs_two(view) => {
                    text.then("Two people must approve before anybody is suspended. ").and(answer_by(request))
                }
                None => text.and(answer_by(request)),
            }
        }
        RequestState::Approved { decision, first, retry } => {
            let progress = Text::plain(progress(view));
            let progress = match (view.paused, view.obstacle) {
                (Some(pause), _) => progress.then(" ").and(pauses::in_force(pause)).then(
                    " It continues when an admin resumes the policy, unless the approval is too old by then.",
                ),
                (None, Some(why)) => progress
                    .then(" Stopped: ")
                    .sentence(why)
                    .then(" It continues on its own once that is fixed."),
                (None, None) => progress,
            };
            approved(first.as_deref(), decision, retry.as_deref(), progress)
        }
        RequestState::Completed { decision, at, first, retry, retry_first } => {
            let finished = Text::plain(" Finished ").with(Span::Time(*at)).then(".");
            let holds = |wish: &&Decision| wish.at + request.approval_timeout > view.now;
            let finished = match retry_first.as_deref().filter(holds) {
                Some(wish) => finished
                    .then(" ")
                    .and(mention(&wish.by))
                    .then(" asked for a retry, ")
                    .with(Span::Time(wish.at))
                    .then(". A second person must confirm it by ")
                    .with(Span::Time(wish.at + request.approval_timeout))
                    .then("."),
                None => finished,
            };
            approved(first.as_deref(), decision, retry.as_deref(), finished)
        }
        RequestState::Denied { decision } => decided("Denied by ", decision, Text::default()),
        RequestState::Expired { at } => {
            let text = Text::plain("Nobody answered by ");
            text.with(Span::Time(request.deadline.unwrap_or(*at))).then(".").and(asked_again(view))
        }
        RequestState::Withdrawn { decision } => decided("Withdrawn by ", decision, asked_again(view)),
        RequestState::WentLive { decision } => {
            let when = if view.paused.is_some() { " once an admin resumes the policy." } else { "." };
            decided(
                "Taken live by ",
                decision,
                Text::plain(format!(" A sweep that asks for approval follows{when}")),
            )
        }
        RequestState::Outdated { at } => Text::plain("The policy's rule was changed (")
            .with(Span::Time(*at))
            .then("), so this list is out of date. A new sweep asks by the new rule")
            .then(if view.paused.is_some() { " once an admin resumes the policy." } else { "." }),
    }
}

/// What has happened to an open question besides being asked: a pause, a release.
fn what_holds_for_it(view: &CardView) -> Text {
    let paused = stopped(view, " Nothing can be approved until an admin resumes the policy. ");
    let released = view.request.release.as_ref().map(|release| {
        Text::plain("Released by ")
            .and(mention(&release.by))
            .then(" in spite of the guard: ")
            .and(guard_in_words(&release.guard, view.terms))
            .then(" Somebody else must decide. ")
    });
    paused.and(released.unwrap_or_default())
}

/// What a pause that is in force stops.
fn stopped(view: &CardView, what: &str) -> Text {
    view.paused.map(|pause| pauses::in_force(pause).then(what)).unwrap_or_default()
}

/// The first of two approvals, and what it left out.
fn approved_first(view: &CardView, first: &FirstApproval) -> Text {
    let waits = " A second person must approve too; the accounts that both select are suspended.";
    let more = match in_both(view, first) {
        0 => Text::plain(" ").and(nothing_selected(&first.decision)),
        both if both == in_state(view, "proposed") => Text::plain(waits),
        both => Text::plain(format!(" {} selected.{waits}", accounts(both))),
    };
    decided("Approved first by ", &first.decision, more.then(" ").and(answer_by(view.request)))
}

/// Says that a first approval has left nothing that a second one could confirm.
fn nothing_selected(first: &Decision) -> Text {
    mention(&first.by)
        .then(" selected none of the accounts that are still pending, so nobody can be suspended. ")
        .and(mention(&first.by))
        .then(" can take the approval back.")
}

/// Who approved, and who had it tried again.
fn approved(first: Option<&Decision>, decision: &Decision, retry: Option<&Retry>, more: Text) -> Text {
    let text = Text::plain("Approved by ").and(by_both(first, decision)).then(", ");
    let text = text.with(Span::Time(decision.at)).then(".");
    let text = match retry {
        Some(retry) => text
            .then(" Retry approved by ")
            .and(by_both(retry.first.as_ref(), &retry.decision))
            .then(", ")
            .with(Span::Time(retry.decision.at))
            .then("."),
        None => text,
    };
    let said = [first, Some(decision), retry.map(|retry| &retry.decision)].into_iter().flatten();
    let said: Vec<_> =
        said.filter_map(|decision| decision.reason.as_ref().map(|reason| (&decision.by, reason))).collect();
    match &said[..] {
        [(_, reason)] => text.and(more).then(" Reason: ").quoted(*reason),
        _ => said.iter().fold(text.and(more), |text, (by, reason)| {
            text.then(" ").and(mention(by)).then("'s reason: ").quoted(*reason)
        }),
    }
}

/// Whether and how an ended request was asked again.
fn asked_again(view: &CardView) -> Text {
    let Some(AskedAgain { decision, became }) = &view.request.asked_again else {
        return Text::default();
    };
    let text = Text::plain(" Asked again by ").and(mention(&decision.by)).then(", ");
    let text = text.with(Span::Time(decision.at));
    match became {
        None if view.paused.is_some() => text.then(": a new sweep starts once an admin resumes the policy."),
        None => text.then(": a new sweep is running."),
        Some(Became::Nothing) => text.then(": the new sweep found no account to propose."),
        Some(Became::Request(id)) => {
            let label = format!("request {id}");
            let named = match view.successor {
                Some(card) => Span::MessageLink { message: card.clone(), label },
                None => Span::Plain(label),
            };
            text.then(": ").with(named).then(" took its place.")
        }
    }
}

fn answer_by(request: &Request) -> Text {
    match request.deadline {
        Some(deadline) => Text::plain("Answer by ")
            .with(Span::Time(deadline))
            .then(". Without an answer nobody is suspended."),
        None => Text::plain("Without an answer nobody is suspended."),
    }
}

/// Who, when, what follows from it, and in the end why: nobody knows how somebody's words end.
fn decided(verb: &str, decision: &Decision, more: Text) -> Text {
    let text = Text::plain(verb)
        .and(mention(&decision.by))
        .then(", ")
        .with(Span::Time(decision.at))
        .then(".")
        .and(more);
    match &decision.reason {
        Some(reason) => text.then(" Reason: ").quoted(reason),
        None => text,
    }
}

fn progress(view: &CardView) -> String {
    let due = in_state(view, "due");
    let all = view.request.state.retry().map_or_else(|| selected(view), |retry| retry.positions.len());
    let sessions = view.candidates.iter().filter(|one| one.state.sessions_due_at(view.now).is_some()).count();
    let finished = all.saturating_sub(due);
    let mut done = format!(" {finished} of {all} done.");
    if let Some(left) = time_left(view, finished, due) {
        done = format!("{done} About {} left.", span_of_time(left));
    }
    if due > 0 || sessions == 0 {
        return done;
    }
    format!("{done} The sessions of {} have not ended yet.", accounts(sessions))
}

/// Where many are left, and nothing stands in their way, how long they will take by how long the others took.
fn time_left(view: &CardView, done: usize, due: usize) -> Option<Duration> {
    let goes_on = view.obstacle.is_none() && view.paused.is_none() && due >= MANY_LEFT;
    let decision = view.request.state.authorization().filter(|_| goes_on)?;
    progress::time_left(u32::try_from(done).ok()?, u32::try_from(due).ok()?, view.now - decision.at)
}

fn person(view: &CardView, candidate: &Candidate) -> Text {
    let shown = &candidate.shown;
    let evidence = &shown.evidence;
    let mut text = shown_who(shown).then("\n");
    let asked = matches!(
        candidate.state,
        CandidateState::Proposed | CandidateState::Previewed | CandidateState::Dropped
    );
    if !asked {
        text = text
            .with(Span::Bold(mark(&candidate.state).into()))
            .then(" ")
            .and(outcome(view, candidate))
            .then("\n");
    }
    if let Some(back) = row_menu::restoration(view, candidate) {
        text = text.and(back).then("\n");
    }
    // Days are counted to the moment of the look-up, so that the card says what the approver was shown.
    text = text.and(idle_in_words(
        &evidence.idle,
        evidence.last_sign_in,
        &view.request.rule,
        evidence.looked_at,
    ));
    text = text.and(belongs_to(shown));
    let text = text.and(before::earlier(view, candidate));
    let text = match before::exempted(view, candidate) {
        Some(exempted) => text.then("\n").and(exempted),
        None => text,
    };
    let first = view.request.state.first_approval().filter(|first| {
        candidate.state == CandidateState::Proposed && first.keep.contains(&candidate.position)
    });
    let text = match first {
        Some(first) => text
            .then("\n")
            .with(Span::Bold("○".into()))
            .then(" left out by ")
            .and(mention(&first.decision.by)),
        None => text,
    };
    match outreach::evidence(view.questions, candidate, view.terms) {
        Some(evidence) => text.then("\n").and(evidence),
        None => text,
    }
}

fn outcome(view: &CardView, candidate: &Candidate) -> Text {
    let mut candidate = candidate.clone();
    if let CandidateState::Failed { error, .. } = &mut candidate.state {
        *error = cut(error);
    }
    outcome_in_words(&candidate, &view.request.rule, candidate.shown.evidence.looked_at)
}

/// A word and a sign, so that colour is never the only difference.
fn mark(state: &CandidateState) -> &'static str {
    match state {
        CandidateState::Previewed | CandidateState::Proposed | CandidateState::Dropped => "–",
        CandidateState::Kept { .. } | CandidateState::Skipped { .. } => "○",
        CandidateState::Due { .. } => "…",
        CandidateState::Suspended { .. } => "✓",
        CandidateState::Failed { .. } => "✗",
    }
}

fn summary(view: &CardView) -> Text {
    let request = view.request;
    let count = accounts(view.candidates.len());
    let policy = &request.policy;
    match &request.state {
        RequestState::Preview => {
            Text::plain(format!("Preview for {policy}: {count} would be proposed for suspension."))
        }
        RequestState::Held { .. } => {
            Text::plain(format!("A guard held the sweep of {policy} with {count}; nobody was asked."))
        }
        RequestState::Pending { first: Some(first) } if in_both(view, first) == 0 => {
            let text = Text::plain(format!("{policy}: approved by ")).and(mention(&first.decision.by));
            text.then(". ").and(nothing_selected(&first.decision)).then(" ").and(answer_by(request))
        }
        RequestState::Pending { first: Some(first) } => Text::plain(format!("{policy}: "))
            .and(mention(&first.decision.by))
            .then(format!(
                " approved suspending {}; a second person is needed. ",
                accounts(in_both(view, first))
            ))
            .and(answer_by(request)),
        RequestState::Pending { first: None } => {
            let open = in_state(view, "proposed");
            let (count, them) = (accounts(open), if open == 1 { "it" } else { "them" });
            Text::plain(format!("{policy}: {count} inactive. Suspend {them}? ")).and(answer_by(request))
        }
        RequestState::Approved { retry: Some(retry), .. } => {
            Text::plain(format!("{policy}: retrying {} for ", accounts(retry.positions.len())))
                .and(by_both(retry.first.as_ref(), &retry.decision))
                .then(".")
        }
        RequestState::Approved { decision, first, retry: None } => {
            Text::plain(format!("{policy}: suspending "))
                .then(accounts(selected(view)))
                .then(", approved by ")
                .and(by_both(first.as_deref(), decision))
                .then(".")
        }
        RequestState::Completed { decision, first, .. } => Text::plain(format!(
            "{policy}: {} suspended, approved by ",
            accounts(in_state(view, "suspended"))
        ))
        .and(by_both(first.as_deref(), decision))
        .then("."),
        RequestState::Denied { decision } => Text::plain(format!("{policy}: denied by "))
            .and(mention(&decision.by))
            .then("; nobody is suspended."),
        RequestState::Expired { .. } => {
            Text::plain(format!("{policy}: nobody answered in time, so nobody is suspended."))
        }
        RequestState::Withdrawn { decision } => Text::plain(format!("{policy}: withdrawn by "))
            .and(mention(&decision.by))
            .then("; nobody is suspended."),
        RequestState::WentLive { decision } => {
            Text::plain(format!("{policy}: the rule was taken live by ")).and(mention(&decision.by)).then(".")
        }
        RequestState::Outdated { .. } => Text::plain(format!(
            "{policy}: the rule was changed, so nobody on this list is suspended. A new sweep asks by the new rule."
        )),
    }
}
