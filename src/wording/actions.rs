//! What the buttons, menus and dialogs of the bot do, and how that travels through the chat system and back.
//!
//! A click brings back the name and the value that its button was drawn with. Both are written and read here and nowhere
//! else. Messages of earlier versions stand in channels, so a name and the form of its value never change. Whatever comes
//! back is looked up, never trusted.

use crate::chat::{Button, MenuItem};
use crate::domain::draft::{Change, Sort};
use crate::domain::ids::RequestId;
use crate::domain::outreach::OutreachAnswer;

/// Defines an enum of what has a word of its own on the wire, with the list of all of it.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$what])* $variant,)+ }

        impl $name {
            /// Lists every variant.
            pub const ALL: &[$name] = &[$($name::$variant),+];

            /// Returns its word on the wire.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)+ }
            }

            fn of(word: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// What a button does about a request, on the list that the person sees.
    RequestAction {
        /// Suspends everybody on the list.
        Suspend = "suspend",
        /// Suspends nobody.
        Deny = "deny",
        /// Opens the dialog that suspends nobody and says why.
        DenyWhy = "deny_why",
        /// Opens the review dialog.
        Choose = "choose",
        /// Releases a held request.
        Release = "release",
        /// Takes a previewed rule live.
        GoLive = "go_live",
        /// Takes back one's own first approval.
        TakeBack = "take_back_approval",
        /// Tries again what failed.
        Retry = "retry",
        /// Asks about an ended request again.
        AskAgain = "ask_again",
    }
}

words! {
    /// Which page of a card a button shows.
    PageTurn {
        /// The page before.
        Back = "page_back",
        /// The page after.
        On = "page_on",
    }
}

words! {
    /// What an entry of the menu beside a person does.
    RowAction {
        /// Shows all that is known of the account.
        Details = "details",
        /// Keeps it for a while, at once.
        Keep = "keep",
        /// Opens the dialog that asks until when it is to be kept.
        Exempt = "exempt",
        /// Opens the dialog that asks why it is restored.
        Restore = "give_back",
        /// Opens the provider's own page about it, which the client does by itself.
        Console = "console",
    }
}

words! {
    /// The names of the actions that come alone.
    ActionName {
        /// The menu beside a person.
        Row = "person",
        /// An answer to a question.
        Answer = "concern",
        /// A command.
        Command = "ask",
        /// A sweep.
        Sweep = "home_sweep",
    }
}

/// What a button or a menu entry of a message or of a person's page does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ButtonAction {
    /// Something about a request.
    Request {
        what: RequestAction,
        /// The request.
        request: RequestId,
        /// The hash of the list that the person sees.
        list_hash: String,
    },
    /// Shows everybody another page of a card.
    Page {
        /// The button that was pressed.
        turn: PageTurn,
        /// The request.
        request: RequestId,
        /// The page, from 0.
        page: usize,
    },
    /// An entry of the menu beside a person.
    Row(RowEntry),
    /// Answers the question that the bot asked the person.
    Answer {
        /// The question.
        question: i64,
        answer: OutreachAnswer,
    },
    /// Asks a command in place of the answer on which the button stands, with the rights of the person who presses.
    Command {
        /// Tells the buttons of a message apart.
        name: String,
        /// The command's line.
        line: String,
    },
    /// Sweeps a policy.
    Sweep {
        /// The policy's name.
        policy: String,
    },
}

/// An entry of the menu beside a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowEntry {
    /// What it does.
    pub what: RowAction,
    /// The request.
    pub request: RequestId,
    /// The place in its list.
    pub position: u32,
    /// The hash of the list that the person sees.
    pub list_hash: String,
}

impl ButtonAction {
    /// Lists the names of all actions, as [`ButtonAction::id`] begins.
    pub fn names() -> impl Iterator<Item = &'static str> {
        let about_requests = RequestAction::ALL.iter().map(|one| one.word());
        let pages = PageTurn::ALL.iter().map(|one| one.word());
        about_requests.chain(pages).chain(ActionName::ALL.iter().map(|one| one.word()))
    }

    /// Returns the name that comes back with a click: unique in its message.
    pub fn id(&self) -> String {
        match self {
            ButtonAction::Request { what, .. } => what.word().to_owned(),
            ButtonAction::Page { turn, .. } => turn.word().to_owned(),
            ButtonAction::Row(_) => ActionName::Row.word().to_owned(),
            ButtonAction::Answer { question, answer } => {
                format!("{}.{}.{question}", ActionName::Answer.word(), answer.word())
            }
            ButtonAction::Command { name, .. } => format!("{}.{name}", ActionName::Command.word()),
            ButtonAction::Sweep { .. } => ActionName::Sweep.word().to_owned(),
        }
    }

    /// Returns the value that comes back with a click.
    pub fn value(&self) -> String {
        match self {
            ButtonAction::Request { request, list_hash, .. } => format!("{request}:{list_hash}"),
            ButtonAction::Page { request, page, .. } => format!("{request}:{page}"),
            ButtonAction::Row(RowEntry { what, request, position, list_hash }) => {
                format!("{}:{request}:{position}:{list_hash}", what.word())
            }
            ButtonAction::Answer { question, answer } => format!("{question}:{}", answer.word()),
            ButtonAction::Command { line, .. } => line.clone(),
            ButtonAction::Sweep { policy } => policy.clone(),
        }
    }

    /// Returns what a click means; `None` if the button isn't ours, or of another version.
    pub fn decode(id: &str, value: &str) -> Option<ButtonAction> {
        if let Some(what) = RequestAction::of(id) {
            let (request, list_hash) = value.split_once(':').unwrap_or((value, ""));
            let list_hash = list_hash.to_owned();
            return Some(ButtonAction::Request { what, request: request.parse().ok()?, list_hash });
        }
        if let Some(turn) = PageTurn::of(id) {
            let (request, page) = value.split_once(':')?;
            return Some(ButtonAction::Page {
                turn,
                request: request.parse().ok()?,
                page: page.parse().ok()?,
            });
        }
        let (word, rest) = id.split_once('.').map_or((id, None), |(word, rest)| (word, Some(rest)));
        Some(match (ActionName::of(word)?, rest) {
            (ActionName::Row, None) => ButtonAction::Row(RowEntry::decode(value)?),
            (ActionName::Sweep, None) => ButtonAction::Sweep { policy: value.to_owned() },
            (ActionName::Row | ActionName::Sweep, Some(_)) => return None,
            (ActionName::Answer, _) => {
                let (question, answer) = value.split_once(':')?;
                ButtonAction::Answer { question: question.parse().ok()?, answer: OutreachAnswer::of(answer)? }
            }
            (ActionName::Command, name) => {
                ButtonAction::Command { name: name.unwrap_or_default().to_owned(), line: value.to_owned() }
            }
        })
    }

    /// Returns whether a click opens a dialog.
    pub fn opens_dialog(&self) -> bool {
        match self {
            ButtonAction::Request { what, .. } => match what {
                RequestAction::DenyWhy | RequestAction::Choose => true,
                RequestAction::Suspend
                | RequestAction::Deny
                | RequestAction::Release
                | RequestAction::GoLive
                | RequestAction::TakeBack
                | RequestAction::Retry
                | RequestAction::AskAgain => false,
            },
            ButtonAction::Row(entry) => entry.opens_dialog(),
            ButtonAction::Page { .. }
            | ButtonAction::Answer { .. }
            | ButtonAction::Command { .. }
            | ButtonAction::Sweep { .. } => false,
        }
    }

    /// Returns an ordinary button that does this.
    pub fn button(&self, label: impl Into<String>) -> Button {
        Button { opens: self.opens_dialog(), ..Button::new(self.id(), self.value(), label) }
    }

    /// Returns an entry of a menu that does this.
    pub fn menu_item(&self, label: impl Into<String>) -> MenuItem {
        MenuItem { value: self.value(), label: label.into(), url: None, opens: self.opens_dialog() }
    }
}

impl RowEntry {
    fn decode(value: &str) -> Option<RowEntry> {
        let mut parts = value.split(':');
        let entry = RowEntry {
            what: RowAction::of(parts.next()?)?,
            request: parts.next()?.parse().ok()?,
            position: parts.next()?.parse().ok()?,
            list_hash: parts.next()?.to_owned(),
        };
        parts.next().is_none().then_some(entry)
    }

    /// Returns whether choosing it opens a dialog.
    pub fn opens_dialog(&self) -> bool {
        match self.what {
            RowAction::Exempt | RowAction::Restore => true,
            RowAction::Details | RowAction::Keep | RowAction::Console => false,
        }
    }
}

words! {
    /// The names of the review dialog's controls.
    ControlName {
        /// A person's box.
        Tick = "tick",
        /// The search field.
        Search = "search",
        /// The order.
        Sort = "sort",
        /// The page before.
        PageBack = "choose_back",
        /// The page after.
        PageOn = "choose_on",
        /// All boxes.
        TickAll = "tick_all",
        /// No box.
        UntickAll = "untick_all",
        /// The end of a search.
        ClearSearch = "clear_search",
        /// The end of an earlier choice.
        StartOver = "start_over",
        /// The menu beside a person.
        KeepUntil = "keep_until",
    }
}

/// What a control of the review dialog does. Inputs are named after the draft's generation, so that a dialog that was sent
/// earlier never passes for the one on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// Ticks a person, or takes the tick away.
    Tick {
        /// The draft's generation.
        generation: u32,
        /// The person's place in the list.
        position: u32,
    },
    /// Shows the people that match.
    Search {
        /// The draft's generation.
        generation: u32,
    },
    /// Shows people in this order.
    Sort {
        /// The draft's generation.
        generation: u32,
        /// The order.
        sort: Sort,
    },
    /// Shows another page.
    Page {
        /// The button that was pressed.
        turn: PageTurn,
        /// The page, from 0.
        page: u32,
    },
    /// Ticks everybody who is found.
    TickAll,
    /// Takes the tick from everybody who is found.
    UntickAll,
    /// Shows everybody again.
    ClearSearch,
    /// Drops what was chosen in an earlier look.
    StartOver,
    /// Opens the dialog that asks until when a person is kept.
    KeepUntil {
        /// The person's place in the list.
        position: u32,
    },
}

impl Control {
    fn name(&self) -> ControlName {
        match self {
            Control::Tick { .. } => ControlName::Tick,
            Control::Search { .. } => ControlName::Search,
            Control::Sort { .. } => ControlName::Sort,
            Control::Page { turn: PageTurn::Back, .. } => ControlName::PageBack,
            Control::Page { turn: PageTurn::On, .. } => ControlName::PageOn,
            Control::TickAll => ControlName::TickAll,
            Control::UntickAll => ControlName::UntickAll,
            Control::ClearSearch => ControlName::ClearSearch,
            Control::StartOver => ControlName::StartOver,
            Control::KeepUntil { .. } => ControlName::KeepUntil,
        }
    }

    /// Returns the name that comes back with a click, and that an input's state has.
    pub fn id(&self) -> String {
        let word = self.name().word();
        match self {
            Control::Tick { generation, position } => format!("{word}-{generation}-{position}"),
            Control::Search { generation } | Control::Sort { generation, .. } => {
                format!("{word}-{generation}")
            }
            Control::Page { .. }
            | Control::TickAll
            | Control::UntickAll
            | Control::ClearSearch
            | Control::StartOver
            | Control::KeepUntil { .. } => word.to_owned(),
        }
    }

    /// Returns the value that comes back with a click.
    pub fn value(&self) -> String {
        match self {
            Control::Sort { sort, .. } => sort_word(*sort).to_owned(),
            Control::Page { page, .. } => page.to_string(),
            Control::Tick { position, .. } | Control::KeepUntil { position } => position.to_string(),
            Control::Search { .. }
            | Control::TickAll
            | Control::UntickAll
            | Control::ClearSearch
            | Control::StartOver => String::new(),
        }
    }

    /// Returns what a click means; `None` if the control isn't ours, or of another version. The value of a box or of the
    /// search field is in the dialog's state, so it isn't read here.
    pub fn decode(id: &str, value: &str) -> Option<Control> {
        let mut parts = id.split('-');
        let name = ControlName::of(parts.next()?)?;
        let mut number = || parts.next()?.parse::<u32>().ok();
        let control = match name {
            ControlName::Tick => Control::Tick { generation: number()?, position: number()? },
            ControlName::Search => Control::Search { generation: number()? },
            ControlName::Sort => {
                let sort = SORTS.into_iter().find(|sort| sort_word(*sort) == value).unwrap_or_default();
                Control::Sort { generation: number()?, sort }
            }
            ControlName::PageBack => Control::Page { turn: PageTurn::Back, page: value.parse().ok()? },
            ControlName::PageOn => Control::Page { turn: PageTurn::On, page: value.parse().ok()? },
            ControlName::TickAll => Control::TickAll,
            ControlName::UntickAll => Control::UntickAll,
            ControlName::ClearSearch => Control::ClearSearch,
            ControlName::StartOver => Control::StartOver,
            ControlName::KeepUntil => Control::KeepUntil { position: value.parse().ok()? },
        };
        parts.next().is_none().then_some(control)
    }

    /// Returns what it does to the draft besides ticking.
    pub fn change(&self) -> Change {
        match self {
            Control::Tick { .. } | Control::KeepUntil { .. } => Change::Tick,
            Control::Search { .. } => Change::Search,
            Control::Sort { sort, .. } => Change::Sort(*sort),
            Control::Page { page, .. } => Change::Page(*page),
            Control::TickAll => Change::All,
            Control::UntickAll => Change::Nobody,
            Control::ClearSearch => Change::ClearSearch,
            Control::StartOver => Change::StartOver,
        }
    }

    /// Returns whether a click opens another dialog on top.
    pub fn opens_dialog(&self) -> bool {
        matches!(self, Control::KeepUntil { .. })
    }

    /// Returns an ordinary button that does this.
    pub fn button(&self, label: impl Into<String>) -> Button {
        Button { opens: self.opens_dialog(), ..Button::new(self.id(), self.value(), label) }
    }

    /// Returns an entry of a menu that does this.
    pub fn menu_item(&self, label: impl Into<String>) -> MenuItem {
        MenuItem { value: self.value(), label: label.into(), url: None, opens: self.opens_dialog() }
    }
}

/// The orders in which people can be shown, as they are offered.
pub(crate) const SORTS: [Sort; 3] = [Sort::LongestIdle, Sort::ShortestIdle, Sort::Name];

/// Returns the word of an order on the wire.
pub(crate) fn sort_word(sort: Sort) -> &'static str {
    match sort {
        Sort::LongestIdle => "longest",
        Sort::ShortestIdle => "shortest",
        Sort::Name => "name",
    }
}

words! {
    DialogKind {
        /// The review of a request.
        Review = "choose",
        /// What is shown in its place.
        Over = "choose_over",
        /// Until when a person is kept, on top of the review.
        KeepUntil = "keep_until_form",
        /// Until when a person is kept, from the card's menu.
        Exempt = "exempt_form",
        /// Why an account is restored.
        Restore = "give_back_form",
        /// Why a request is denied.
        Deny = "deny_form",
    }
}

/// What submitting a dialog does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// Decides as the draft says.
    Review(Memory),
    /// Nothing: it is shown in place of a review once there is nothing left to choose.
    Over,
    /// Keeps a person until a day once the review below is submitted.
    KeepUntil(About),
    /// Keeps a person until a day, at once.
    Exempt(About),
    /// Restores a suspended account.
    Restore(About),
    /// Denies a request.
    Deny {
        /// The request.
        request: RequestId,
        /// The hash of the list that the person sees.
        list_hash: String,
    },
}

/// Which draft a review dialog shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The request.
    pub request: RequestId,
    /// The hash of the list that the person sees.
    pub list_hash: String,
    /// The draft's generation.
    pub generation: u32,
}

/// The person that a dialog is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The request.
    pub request: RequestId,
    /// The hash of the list that the person sees.
    pub list_hash: String,
    /// The place in it.
    pub position: u32,
    /// The dialog below, if there is one; empty otherwise.
    pub below: String,
}

impl Dialog {
    fn name(&self) -> DialogKind {
        match self {
            Dialog::Review(_) => DialogKind::Review,
            Dialog::Over => DialogKind::Over,
            Dialog::KeepUntil(_) => DialogKind::KeepUntil,
            Dialog::Exempt(_) => DialogKind::Exempt,
            Dialog::Restore(_) => DialogKind::Restore,
            Dialog::Deny { .. } => DialogKind::Deny,
        }
    }

    /// Returns the kind that comes back with a submission.
    pub fn kind(&self) -> String {
        self.name().word().to_owned()
    }

    /// Returns the value that comes back with a submission.
    pub fn value(&self) -> String {
        match self {
            Dialog::Review(Memory { request, list_hash, generation }) => {
                format!("{request}:{list_hash}:{generation}")
            }
            Dialog::Over => String::new(),
            Dialog::KeepUntil(about) | Dialog::Exempt(about) | Dialog::Restore(about) => about.encode(),
            // It is about nobody.
            Dialog::Deny { request, list_hash } => format!("{request}:{list_hash}:0:"),
        }
    }

    /// Returns what a submission means; `None` if the dialog isn't ours, or of another version.
    pub fn decode(kind: &str, value: &str) -> Option<Dialog> {
        Some(match DialogKind::of(kind)? {
            DialogKind::Review => Dialog::Review(Memory::decode(value)?),
            DialogKind::Over => Dialog::Over,
            DialogKind::KeepUntil => Dialog::KeepUntil(About::decode(value)?),
            DialogKind::Exempt => Dialog::Exempt(About::decode(value)?),
            DialogKind::Restore => Dialog::Restore(About::decode(value)?),
            DialogKind::Deny => {
                let About { request, list_hash, .. } = About::decode(value)?;
                Dialog::Deny { request, list_hash }
            }
        })
    }
}

impl Memory {
    fn decode(value: &str) -> Option<Memory> {
        let mut parts = value.split(':');
        let memory = Memory {
            request: parts.next()?.parse().ok()?,
            list_hash: parts.next()?.to_owned(),
            generation: parts.next()?.parse().ok()?,
        };
        parts.next().is_none().then_some(memory)
    }
}

impl About {
    fn encode(&self) -> String {
        let About { request, list_hash, position, below } = self;
        format!("{request}:{list_hash}:{position}:{below}")
    }

    fn decode(value: &str) -> Option<About> {
        let mut parts = value.splitn(4, ':');
        Some(About {
            request: parts.next()?.parse().ok()?,
            list_hash: parts.next()?.to_owned(),
            position: parts.next()?.parse().ok()?,
            below: parts.next()?.to_owned(),
        })
    }
}
