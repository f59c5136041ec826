//! The bot's page per person.

use chrono::{DateTime, Utc};

use crate::chat::{Block, Button, Confirm, Home, Span, Text};
use crate::domain::audit::{Actor, AuditEvent};
use crate::domain::exemption::Granted;
use crate::domain::person::Principal;
use crate::wording::actions::ButtonAction;
use crate::wording::answers::{self, Health, PolicyStatus, health_line, policy_line};
use crate::wording::{card_view, counted, events, exemptions, mention};

/// Policies with all their lines; Slack takes 100 blocks in all.
const POLICIES_MAX: usize = 12;
/// Review buttons of one policy.
const REVIEWS_MAX: usize = 5;
/// Exemptions that end soon.
const ENDING_MAX: usize = 10;
/// Trend pictures.
pub const TRENDS_MAX: usize = 3;
/// People to ask.
const ADMINS_MAX: usize = 5;

/// All that the dashboard shows.
pub struct HomeView<'a> {
    /// What the bot depends on.
    pub health: &'a Health,
    /// The policies that the person may see.
    pub policies: &'a [PolicyStatus<'a>],
    /// What the person is to each of them.
    pub roles: Vec<&'a Principal>,
    /// The trend picture of each policy that has one.
    pub trends: Vec<Block>,
    /// Exemptions that end soon, the next first.
    pub ending: &'a [Granted],
    /// What people decided lately, newest first.
    pub decisions: &'a [AuditEvent],
    /// Whether the person's rights in some other policy could not be established.
    pub unsure: bool,
    /// The moment.
    pub now: DateTime<Utc>,
}

/// The dashboard.
pub fn dashboard(view: &HomeView) -> Home {
    let mut blocks = vec![header(), Block::Section(health_line(view.health)), Block::Section(rights(view))];
    if view.unsure {
        blocks.push(Block::Section(answers::left_out()));
    }
    for (status, principal) in view.policies.iter().zip(&view.roles).take(POLICIES_MAX) {
        blocks.push(Block::Divider);
        blocks.push(Block::Section(policy_line(status, view.now)));
        if principal.approver || principal.admin {
            blocks.push(Block::Buttons(buttons(status, principal)));
        }
    }
    if view.policies.len() > POLICIES_MAX {
        let more = counted(view.policies.len() - POLICIES_MAX, "more policy", "more policies");
        blocks.push(Block::Context(Text::plain(format!("… and {more}."))));
    }
    blocks.extend(view.trends.iter().take(TRENDS_MAX).cloned());
    if !view.ending.is_empty() {
        blocks.push(Block::Divider);
        let title = format!("{} soon:", counted(view.ending.len(), "exemption ends", "exemptions end"));
        blocks.push(Block::Section(Text::plain(title)));
        let lines = view.ending.iter().take(ENDING_MAX);
        blocks.extend(lines.map(|granted| Block::Section(exemptions::line(granted, view.now))));
    }
    blocks.push(Block::Divider);
    blocks.push(Block::Section(decisions(view.decisions)));
    Home { blocks }
}

fn header() -> Block {
    Block::Header("Inactive contractors".to_owned())
}

/// "You are an approver of contractors, and a viewer of staff."
fn rights(view: &HomeView) -> Text {
    let mut text = Text::plain("You are ");
    let last = view.policies.len().saturating_sub(1);
    for (index, (status, principal)) in view.policies.iter().zip(&view.roles).enumerate() {
        let joint = match index {
            0 => "",
            _ if index == last => " and ",
            _ => ", ",
        };
        let role = match (principal.approver, principal.admin) {
            (true, true) => "an approver and admin of ",
            (true, false) => "an approver of ",
            (false, true) => "an admin of ",
            (false, false) => "a viewer of ",
        };
        text = text.then(format!("{joint}{role}")).with(Span::Code(status.policy.name.to_string()));
    }
    text.then(".")
}

fn buttons(status: &PolicyStatus, principal: &Principal) -> Vec<Button> {
    let name = &status.policy.name;
    let confirm = Confirm {
        title: format!("Sweep {name} now?"),
        text: "The bot looks for inactive accounts, as a scheduled sweep does, and asks in the policy's channel. \
               Nobody is suspended without an approval."
            .into(),
        yes: "Sweep now".into(),
        no: "Go back".into(),
    };
    let about = Some(format!("Sweep {name} now"));
    let sweep = ButtonAction::Sweep { policy: name.to_string() };
    let mut buttons = vec![Button { confirm: Some(confirm), about, ..sweep.button("Sweep now") }];
    if principal.approver {
        let pending = status.open.iter().filter(|(request, _)| request.can_be_reviewed());
        buttons.extend(pending.take(REVIEWS_MAX).map(|(request, _)| card_view::review_button(request)));
    }
    buttons
}

fn decisions(events: &[AuditEvent]) -> Text {
    if events.is_empty() {
        return Text::plain("Nobody has decided anything yet.");
    }
    events.iter().fold(Text::default().with(Span::Bold("Recent decisions".into())), |text, event| {
        text.then("\n").and(decision(event))
    })
}

/// Who, what, when.
fn decision(event: &AuditEvent) -> Text {
    let text = match &event.actor {
        Actor::System => Text::plain("The bot"),
        Actor::Person(person) => mention(person),
    };
    let request = event.request.map_or_else(String::new, |request| format!(" request {request}"));
    let what = match event.action.as_str() {
        "approved" => format!(" approved{request}"),
        "approved_first" => format!(" approved{request} as the first of two"),
        "retried" => format!(" retried{request}"),
        "asked_again" => format!(" asked about{request} again"),
        "denied" => format!(" denied{request}"),
        "withdrawn" => format!(" withdrew{request}"),
        "released" => format!(" released{request}"),
        "went_live" => " took the rule live".to_owned(),
        "exempted" => " exempted".to_owned(),
        "unexempted" => " ended the exemption of".to_owned(),
        "restore_asked" => " asked to restore".to_owned(),
        _ => format!(" {}{request}", events::action(event)),
    };
    let mut text = text.then(what);
    if let Some(subject) = &event.subject {
        text = text.then(" ").login(&subject.login);
    }
    if let Some(policy) = &event.policy {
        text = text.then(" (").with(Span::Code(policy.to_string())).then(")");
    }
    text.then(", ").with(Span::Time(event.at))
}

/// Tells guests, outsiders and people without a role what this is, and who to ask. Nothing else.
pub fn nothing_to_see(admins: &[String]) -> Home {
    let ask = match admins {
        [] => Text::plain("If you need to see it, ask the person who runs this bot in your workspace."),
        admins => {
            let count = admins.len().min(ADMINS_MAX);
            let ask =
                if count > 1 { "If you need to see it, ask one of " } else { "If you need to see it, ask " };
            let some = admins.iter().take(ADMINS_MAX).enumerate();
            let text = some.fold(Text::plain(ask), |text, (index, id)| {
                let joint = match index {
                    0 => "",
                    last if last + 1 == count => " and ",
                    _ => ", ",
                };
                text.then(joint).with(Span::Mention { id: id.clone(), name: String::new() })
            });
            text.then(".")
        }
    };
    Home { blocks: vec![header(), Block::Section(what_this_is()), Block::Section(ask)] }
}

/// Answers a person whose rights can't be looked up at this moment.
pub fn cant_tell() -> Home {
    let text = Text::plain("I can't find out from ").chat_name().then(
        " just now what you may see here, so I show nothing. I will try again, or you can open this page again in a \
         moment.",
    );
    Home { blocks: vec![header(), Block::Section(what_this_is()), Block::Section(text)] }
}

/// In place of a page that Slack refused.
pub fn plain() -> Home {
    let text = Text::plain("This page could not be shown. Run ")
        .command("status")
        .then(" to see the same information.");
    Home { blocks: vec![header(), Block::Section(text)] }
}

fn what_this_is() -> Text {
    Text::plain(
        "This bot looks for contractor accounts that nobody uses any more, and asks the people responsible whether to \
         suspend them. It shows its findings to those people only.",
    )
}
