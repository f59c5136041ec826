//! What people's hands do in Slack: buttons of cards that are or were there, menus, dialogs, commands, and the same
//! frame once more.

use std::collections::{BTreeMap, BTreeSet};

use inactive_contractors::chat::{Block, Button, FormState, Inbound, Menu, MessageRef, Modal, ReplyTo, What};
use inactive_contractors::domain::ids::RequestId;

use crate::court::Deed;
use crate::slack::Dialog;
use crate::terms::{ADMIN, APPROVERS, CHANNEL, CONTRACTOR, IN_GROUP, STRANGER};
use crate::world::World;

/// Who clicks: approvers most of the time.
const HANDS: [&str; 12] = [
    APPROVERS[0],
    APPROVERS[0],
    APPROVERS[0],
    APPROVERS[1],
    APPROVERS[1],
    IN_GROUP,
    IN_GROUP,
    ADMIN,
    ADMIN,
    APPROVERS[2],
    STRANGER,
    CONTRACTOR,
];

impl World {
    pub fn somebody(&self) -> &'static str {
        HANDS[self.fate.below(HANDS.len())]
    }

    /// Sends something new.
    fn send(&mut self, user: &'static str, what: What, deed: Option<Wish>) {
        self.number += 1;
        // No two deeds at one moment: by their time they are distinguished.
        self.fate.advance(chrono::Duration::milliseconds(1));
        let key = format!("envelope-{:04}", self.number);
        self.slack.clicked(user, &key);
        let at = self.fate.bot_now();
        let reply = ReplyTo { user: user.to_owned(), channel: Some(CHANNEL.to_owned()), handle: None };
        let inbound = Inbound { key: key.clone(), received_at: at, user: user.to_owned(), reply, what };
        self.fate.trace(&format!("{user} sends {key}: {}", in_words(&inbound.what)));
        if let Some(Wish { request, verb, forged, ticked }) = deed {
            self.court.note(Deed {
                key,
                user,
                request,
                verb,
                at: vec![at],
                forged,
                ticked,
                may_approve: self.terms.may_approve(user, &self.slack),
                may_steer: self.terms.may_steer(user, &self.slack),
                emails: [self.slack.member(user).and_then(|member| member.email)].into(),
                settled: false,
            });
        }
        self.deliver(inbound);
    }

    /// Somebody presses a button of a card, perhaps of one that their screen alone still shows.
    pub fn input(&mut self) {
        let Some((reference, blocks)) = self.screen() else { return };
        let buttons: Vec<Button> = blocks
            .iter()
            .filter_map(
                |block| if let Block::Buttons(buttons) = block { Some(buttons.clone()) } else { None },
            )
            .flatten()
            .collect();
        if buttons.is_empty() {
            return self.choose();
        }
        let first = self.fate.chance(40);
        let button = buttons[if first { 0 } else { self.fate.below(buttons.len()) }].clone();
        let user = self.somebody();
        self.presses(user, reference, button);
    }

    /// This person presses this button of this card.
    pub fn presses(&mut self, user: &'static str, reference: MessageRef, button: Button) {
        let mut value = button.value.clone();
        let (request, rest) = value.split_once(':').unwrap_or((value.as_str(), ""));
        let Ok(request) = request.parse() else { return };
        let forged = self.fate.chance(4) && !rest.is_empty();
        if forged {
            // What says whose button it is can be copied as well.
            let signature = value.rsplit_once('~').map_or("", |(_, signature)| signature);
            value = format!("{request}:0123456789ab~{signature}");
        }
        let wish = decision(&button.action).map(|verb| Wish { request, verb, forged, ticked: None });
        let action = button.action;
        self.send(user, What::Click { message: reference, action, value }, wish);
    }

    /// Somebody chooses from the menu beside a person.
    pub fn choose(&mut self) {
        let Some((reference, blocks)) = self.screen() else { return };
        let menus: Vec<Menu> = blocks
            .iter()
            .filter_map(|block| if let Block::Row { menu, .. } = block { Some(menu.clone()) } else { None })
            .collect();
        if menus.is_empty() {
            return;
        }
        let menu = menus[self.fate.below(menus.len())].clone();
        let value = menu.items[self.fate.below(menu.items.len())].value.clone();
        let request =
            value.split(':').nth(1).and_then(|request| request.parse().ok()).unwrap_or(RequestId(0));
        let keeps = value.starts_with("keep:");
        let wish = keeps.then_some(Wish { request, verb: "keep", forged: false, ticked: None });
        let user = self.somebody();
        self.send(user, What::Click { message: reference, action: menu.action, value }, wish);
    }

    /// What somebody sees of a card: the last one most of the time, as it is most of the time.
    fn screen(&self) -> Option<(MessageRef, Vec<Block>)> {
        let cards: Vec<_> =
            self.slack.messages().into_iter().filter(|message| message.key.ends_with(":card")).collect();
        let last = cards.len().checked_sub(1)?;
        let place = if self.fate.chance(75) { last } else { self.fate.below(cards.len()) };
        let versions = &cards[place].cards;
        let version = if self.fate.chance(80) { versions.len() - 1 } else { self.fate.below(versions.len()) };
        Some((cards[place].reference.clone(), versions[version].blocks.clone()))
    }

    /// Somebody ticks, submits or closes a dialog.
    pub fn fill_in(&mut self) {
        let dialogs = self.slack.dialogs();
        if dialogs.is_empty() {
            return self.input();
        }
        let dialog = dialogs[self.fate.below(dialogs.len())].clone();
        let user = crate::terms::everybody().find(|user| *user == dialog.user).expect("a member");
        match self.fate.below(4) {
            0 | 1 => self.tick(user, &dialog),
            2 => self.submit(user, &dialog),
            _ if self.fate.chance(30) => self.slack.close_dialogs(user),
            _ => self.submit(user, &dialog),
        }
    }

    fn tick(&mut self, user: &'static str, dialog: &Dialog) {
        let boxes: Vec<String> = boxes(&dialog.modal).into_keys().collect();
        if boxes.is_empty() {
            return self.submit(user, dialog);
        }
        let name = boxes[self.fate.below(boxes.len())].clone();
        self.slack.tick(&dialog.view.id, |modal| {
            for block in &mut modal.blocks {
                if let Block::Checkboxes { name: this, choices, .. } = block
                    && *this == name
                {
                    for choice in choices {
                        choice.ticked = !choice.ticked;
                    }
                }
            }
        });
        let Some(dialog) = self.slack.dialogs().into_iter().find(|one| one.view == dialog.view) else {
            return;
        };
        let stamp = format!("{:010}", self.number);
        let Dialog { view, modal, .. } = dialog;
        let state = state(&modal);
        self.send(
            user,
            What::ModalClick {
                view,
                kind: modal.kind,
                modal_value: modal.value,
                action: name,
                value: String::new(),
                state,
                stamp,
            },
            None,
        );
    }

    fn submit(&mut self, user: &'static str, dialog: &Dialog) {
        let modal = dialog.modal.clone();
        if modal.submit.is_none() {
            return self.slack.close_dialogs(user);
        }
        let request = modal.value.split(':').next().and_then(|id| id.parse().ok()).unwrap_or(RequestId(0));
        let ticked: BTreeSet<u32> = boxes(&modal)
            .into_iter()
            .filter(|(_, ticked)| *ticked)
            .filter_map(|(name, _)| name.rsplit('-').next()?.parse().ok())
            .collect();
        let wish = match modal.kind.as_str() {
            "choose" => Some(Wish { request, verb: "suspend", forged: false, ticked: Some(ticked) }),
            "exempt_form" => Some(Wish { request, verb: "keep", forged: false, ticked: None }),
            "deny_form" => Some(Wish { request, verb: "deny", forged: false, ticked: None }),
            _ => None,
        };
        let (view, state) = (dialog.view.clone(), state(&modal));
        let Modal { kind, value, .. } = modal;
        self.send(user, What::Submission { view, kind, modal_value: value, state }, wish);
    }

    /// Somebody types a command.
    pub fn command(&mut self) {
        let requests = self.court.ledger().requests().len();
        let request = RequestId(i64::try_from(1 + self.fate.below(requests.max(1))).expect("few"));
        let worker = format!("worker{}@example.com", self.fate.below(8));
        let wish = |verb| Some(Wish { request, verb, forged: false, ticked: None });
        let user = self.somebody();
        let (text, wish) = match self.fate.below(12) {
            0..8 => return self.sweep(),
            8 => (format!("withdraw {request} it was a mistake"), wish("withdraw")),
            9 => (format!("retry {request}"), wish("retry")),
            10 => (format!("restore {worker} is back"), None),
            _ => (format!("exempt {worker} for 10d on leave"), None),
        };
        self.send(user, What::Command { text, channel: CHANNEL.to_owned() }, wish);
    }

    /// Somebody asks for a sweep.
    pub fn sweep(&mut self) {
        let user = [APPROVERS[0], IN_GROUP, ADMIN][self.fate.below(3)];
        self.sweep_for(user);
    }

    pub fn sweep_for(&mut self, user: &'static str) {
        let text = "sweep".to_owned();
        self.send(user, What::Command { text, channel: CHANNEL.to_owned() }, None);
    }

    /// An admin lets a stopped database go on.
    pub fn resumes(&mut self) {
        let text = "resume it was checked".to_owned();
        self.send(ADMIN, What::Command { text, channel: CHANNEL.to_owned() }, None);
    }

    /// A frame arrives once more: one that was not acknowledged, or any other.
    pub fn again(&mut self) {
        let unheard = !self.unheard.is_empty() && self.fate.chance(70);
        let from = if unheard { &self.unheard } else { &self.sent };
        if from.is_empty() {
            return;
        }
        let mut inbound = from[self.fate.below(from.len())].clone();
        inbound.received_at = self.fate.bot_now();
        self.fate.count("frames delivered again");
        self.fate.trace(&format!("{} arrives again", inbound.key));
        self.court.again(&inbound.key, inbound.received_at);
        self.deliver(inbound);
    }
}

/// What somebody means to decide.
struct Wish {
    request: RequestId,
    verb: &'static str,
    forged: bool,
    ticked: Option<BTreeSet<u32>>,
}

/// The decision behind a button; `None` if it is none.
fn decision(action: &str) -> Option<&'static str> {
    ["suspend", "deny", "release", "take_back_approval", "ask_again", "retry", "go_live"]
        .into_iter()
        .find(|verb| *verb == action)
}

/// The boxes of a dialog, and which are ticked.
fn boxes(modal: &Modal) -> BTreeMap<String, bool> {
    let one = |block: &Block| match block {
        Block::Checkboxes { name, choices, .. } => {
            Some((name.clone(), choices.iter().any(|choice| choice.ticked)))
        }
        _ => None,
    };
    modal.blocks.iter().filter_map(one).collect()
}

/// What a client sends of a dialog.
fn state(modal: &Modal) -> FormState {
    let mut state = FormState::default();
    for block in &modal.blocks {
        match block {
            Block::Checkboxes { name, choices, .. } => {
                let ticked = choices.iter().filter(|choice| choice.ticked).map(|choice| choice.value.clone());
                state.ticked.insert(name.clone(), ticked.collect());
            }
            Block::Select { name, chosen, .. } => {
                state.typed.insert(name.clone(), chosen.clone().unwrap_or_default());
            }
            Block::DateInput { name, initial, .. } => {
                let day = initial.map(|day| day.to_string()).unwrap_or_default();
                state.typed.insert(name.clone(), day);
            }
            Block::TextInput { name, optional, initial, .. } => {
                let typed = initial.clone().filter(|text| !text.is_empty());
                let typed = typed.unwrap_or_else(|| if *optional { "" } else { "because" }.to_owned());
                state.typed.insert(name.clone(), typed);
            }
            _ => {}
        }
    }
    state
}

fn in_words(what: &What) -> String {
    match what {
        What::Click { action, value, .. } | What::HomeClick { action, value, .. } => {
            format!("{action} {value}")
        }
        What::ModalClick { kind, modal_value, action, .. } => format!("{action} in {kind} {modal_value}"),
        What::Submission { kind, modal_value, state, .. } => {
            let unticked = state.ticked.iter().filter(|(_, ticked)| ticked.is_empty()).map(|(name, _)| name);
            format!("submits {kind} {modal_value} without {:?}", unticked.collect::<Vec<_>>())
        }
        What::Command { text, .. } => format!("/{text}"),
        What::HomeOpened => "opens the page".to_owned(),
        What::Joined { channel } => format!("joins {channel}"),
    }
}
