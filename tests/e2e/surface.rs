//! What the adapter can show and hear, against a Slack that refuses what Slack refuses: menus, pictures, files, home
//! tabs, dialogs on dialogs, and inputs that act at once.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::NaiveDate;
use inactive_contractors::chat::slack::{Settings, Slack};
use inactive_contractors::chat::{
    Ack, Block, Button, Card, Chat, ChatError, Choice, FormState, Handler, Home, Inbound, Mark, Menu,
    MenuItem, Modal, Response, ShareIn, Span, Text, Upload, What,
};
use tokio_util::sync::CancellationToken;

use crate::fake::clock::FakeClock;
use crate::fake::gate::Gate;
use crate::fake::slack::{
    C_GENERAL, C_OPS, FakeSlack, Fault, Input, U_APPROVER, U_DEACTIVATED, U_GUEST, U_VIEWER, View,
};

const EVIL: &str = "<!channel> *b* _i_ `c` <https://evil.example|Okta>";
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nnot much of a picture";

/// Keeps what arrived; answers with what the test laid out, else with "received".
#[derive(Default)]
struct Desk {
    inputs: Mutex<Vec<Inbound>>,
    answers: Mutex<Vec<Ack>>,
}

#[async_trait]
impl Handler for Desk {
    async fn handle(&self, inbound: Inbound) -> Ack {
        self.inputs.lock().unwrap().push(inbound);
        self.answers.lock().unwrap().pop().unwrap_or(Ack::Done)
    }
}

struct Surface {
    fake: FakeSlack,
    slack: Slack,
    desk: Arc<Desk>,
    _stop: tokio_util::sync::DropGuard,
}

impl Surface {
    async fn start() -> Surface {
        let fake = FakeSlack::start(Gate::default(), FakeClock::default()).await;
        let settings = Settings {
            api_url: Some(fake.api_url().parse().unwrap()),
            bot_token: fake.bot_token().into(),
            app_token: fake.app_token().into(),
            command: "/inactive-contractors".to_owned(),
            network: inactive_contractors::net::Network::default(),
        };
        let clock = inactive_contractors::clock::Clock::system();
        let slack = Slack::connect(settings, clock).await.unwrap();
        let (desk, stop) = (Arc::new(Desk::default()), CancellationToken::new());
        let (runner, handler, token) = (slack.clone(), Arc::clone(&desk), stop.clone());
        tokio::spawn(async move { runner.run(handler, token).await });
        fake.wait_for("a socket", |fake| (fake.fresh_sockets() > 0).then_some(())).await;
        Surface { fake, slack, desk, _stop: stop.drop_guard() }
    }

    fn last(&self) -> What {
        self.desk.inputs.lock().unwrap().last().expect("something arrived").what.clone()
    }

    fn answer(&self, ack: Ack) {
        self.desk.answers.lock().unwrap().push(ack);
    }

    /// Opens a dialog as the approver, from a button in the channel.
    async fn dialog(&self, blocks: Vec<Block>) {
        let opener = Block::Buttons(vec![Button::new("open", "1", "Open")]);
        let card = Card { summary: Text::plain("A way in."), blocks: vec![opener] };
        let posted = self.slack.post(C_OPS, None, &Mark::new("way-in"), &card).await.unwrap();
        self.answer(Ack::Respond(Response::Open(modal("first", blocks))));
        self.fake.click(U_APPROVER, &posted.id, "open").await.unwrap();
        self.fake.wait_view(U_APPROVER, "the dialog", |_| true).await;
    }
}

fn modal(kind: &str, blocks: Vec<Block>) -> Modal {
    Modal {
        kind: kind.into(),
        value: "v".into(),
        title: "Dialog".into(),
        submit: Some("Send".into()),
        blocks,
    }
}

fn row(name: &str, items: usize) -> Block {
    let item = |number: usize| MenuItem {
        value: format!("item {number}"),
        label: if name == EVIL {
            format!("Do {number}")
        } else {
            format!("{number} {EVIL} {}", "l".repeat(80))
        },
        url: (number == 1).then(|| "https://acme-admin.okta.com/admin/user/profile/view/00u1".to_owned()),
        opens: false,
    };
    let text = Text::default()
        .with(Span::Name(name.into()))
        .then(" · idle since ")
        .with(Span::Date(chrono::DateTime::UNIX_EPOCH));
    Block::Row {
        text,
        menu: Menu { action: "person".into(), items: (0..items).map(item).collect(), confirm: None },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_menu_at_the_side_of_a_line_says_what_was_chosen_and_names_do_nothing() {
    let surface = Surface::start().await;
    let rows = (0..30).map(|_| row(EVIL, 7)).chain([row("Ada", 7), row("", 1), row("Ada", 0)]).collect();
    let card = Card { summary: Text::plain("People."), blocks: rows };
    let posted = surface.slack.post(C_OPS, None, &Mark::new("k"), &card).await.unwrap();
    let message = surface.fake.message(&posted.id).unwrap();
    let shown = message.visible_text();
    assert!(shown.contains("&lt;!channel&gt; ∗b∗"), "{shown}");
    for (number, block) in message.current().blocks.iter().enumerate().take(32) {
        let menu = format!("{}/person", block["block_id"].as_str().unwrap());
        let item = if number == 31 { "item 0" } else { "item 3" };
        surface.fake.select(U_APPROVER, &posted.id, &menu, item).await.unwrap();
        let What::Click { action, value, .. } = surface.last() else { panic!("not a click") };
        assert_eq!((action.as_str(), value.as_str()), ("person", item));
    }
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_reaches_the_one_who_asked_and_a_picture_is_shown_with_words() {
    let surface = Surface::start().await;
    let direct = surface.slack.open_direct(U_VIEWER).await.unwrap();
    assert_eq!(surface.slack.open_direct(U_VIEWER).await.unwrap(), direct);
    let file =
        Upload { name: "audit.csv".into(), title: "Audit".into(), alt: None, bytes: b"a,b\n".to_vec() };
    let share = ShareIn { channel: direct, thread: None, comment: Text::plain("For you: ").quoted(EVIL) };
    surface.slack.upload(&file, Some(&share)).await.unwrap();
    let told = surface.fake.direct_messages(U_VIEWER).pop().unwrap();
    assert!(!told.visible_text().contains("<!channel>"));
    let stored = surface.fake.files().pop().unwrap();
    assert_eq!((told.files, stored.bytes), (vec![stored.id], Some(b"a,b\n".to_vec())));

    let alt = Some("a".repeat(2000));
    let picture = Upload { name: "trend.png".into(), title: "Trend".into(), alt, bytes: PNG.to_vec() };
    let picture = surface.slack.upload(&picture, None).await.unwrap();
    assert_eq!(surface.fake.files().pop().unwrap().channel, None);
    let image = Block::Image { file: picture, alt: "b".repeat(3000) };
    let card = Card { summary: Text::plain("The trend."), blocks: vec![image.clone()] };
    surface.slack.post(C_OPS, None, &Mark::new("k"), &card).await.unwrap();
    surface.slack.publish_home(U_VIEWER, &Home { blocks: vec![image] }).await.unwrap();
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_with_a_file_is_distinguished() {
    let surface = Surface::start().await;
    let file =
        |bytes: &[u8]| Upload { name: "x".into(), title: "x".into(), alt: None, bytes: bytes.to_vec() };
    let elsewhere = ShareIn { channel: C_GENERAL.into(), thread: None, comment: Text::plain("x") };
    let empty = surface.slack.upload(&file(b""), None).await;
    assert!(matches!(empty, Err(ChatError::Content(_))), "{empty:?}");
    surface.fake.fail_next("upload", Fault::Status(503));
    let unsent = surface.slack.upload(&file(b"x"), None).await;
    assert!(matches!(unsent, Err(ChatError::Unavailable(_))), "{unsent:?}");
    surface.fake.fail_next("files.completeUploadExternal", Fault::LostResponse);
    let lost = surface.slack.upload(&file(b"x"), None).await;
    assert!(matches!(lost, Err(ChatError::Ambiguous(_))), "{lost:?}");
    let not_a_member = surface.slack.upload(&file(b"x"), Some(&elsewhere)).await;
    assert!(matches!(not_a_member, Err(ChatError::Channel(_))), "{not_a_member:?}");
    let nobody = surface.slack.open_direct(U_DEACTIVATED).await;
    assert!(nobody.is_err(), "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_their_address() {
    let surface = Surface::start().await;
    let vera = surface.slack.find_user("VERA@example.com").await.unwrap().unwrap();
    assert_eq!((vera.id.as_str(), vera.outsider), (U_VIEWER, None));
    let gus = surface.slack.find_user("gus@example.com").await.unwrap().unwrap();
    assert!(gus.id == U_GUEST && gus.outsider.is_some());
    assert_eq!(surface.slack.find_user("nobody@example.com").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_home_tab_is_each_persons_own_and_its_buttons_work() {
    let surface = Surface::start().await;
    surface.fake.open_home(U_VIEWER).await;
    assert_eq!(surface.last(), What::HomeOpened);
    let blocks = vec![row(EVIL, 2), Block::Buttons(vec![Button::new("sweep", "contractors", "Sweep now")])];
    surface.slack.publish_home(U_VIEWER, &Home { blocks: blocks.clone() }).await.unwrap();
    surface.slack.publish_home(U_VIEWER, &Home { blocks }).await.unwrap();
    assert!(surface.fake.home(U_VIEWER).is_some() && surface.fake.home(U_APPROVER).is_none());
    surface.answer(Ack::Respond(Response::Open(modal("from home", vec![row("Ada", 1)]))));
    surface.fake.click_in_view(U_VIEWER, "sweep", &[]).await.unwrap();
    let What::HomeClick { action, value, .. } = surface.last() else { panic!("not a click") };
    assert_eq!((action.as_str(), value.as_str()), ("sweep", "contractors"));
    surface.fake.wait_view(U_VIEWER, "the dialog", |view| view.json["callback_id"] == "from home").await;
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_act_at_once_bring_all_that_was_put_in() {
    let surface = Surface::start().await;
    let choice =
        |n: usize| Choice { value: n.to_string(), label: EVIL.into(), description: None, ticked: n == 0 };
    let options =
        vec![("longest".to_owned(), "Longest first".to_owned()), ("name".to_owned(), "By name".to_owned())];
    surface
        .dialog(vec![
            Block::TextInput {
                name: "search".into(),
                label: "Search".into(),
                hint: None,
                optional: true,
                max_chars: 100,
                initial: Some("ad".into()),
                multiline: false,
                instant: true,
            },
            Block::Select {
                name: "sort".into(),
                label: "Sort".into(),
                options,
                chosen: Some("longest".into()),
                instant: true,
            },
            Block::Checkboxes {
                name: "suspend".into(),
                label: "Suspend".into(),
                choices: (0..12).map(choice).collect(),
                instant: true,
            },
            Block::DateInput {
                name: "until".into(),
                label: "Until".into(),
                hint: Some("A day".into()),
                initial: NaiveDate::from_ymd_opt(2026, 12, 31),
                optional: true,
            },
        ])
        .await;
    let ticks = Input::Options(vec!["11".into()]);
    surface.fake.choose_in_view(U_APPROVER, "suspend:1", ticks).await.unwrap();
    let What::ModalClick { action, state, .. } = surface.last() else { panic!("not a click") };
    assert_eq!(action, "suspend");
    assert_eq!(state.ticked["suspend"], ["0", "11"]);
    let typed = |name: &str, state: &FormState| state.typed[name].clone();
    assert_eq!((typed("until", &state), typed("sort", &state)), ("2026-12-31".into(), "longest".into()));
    surface.fake.choose_in_view(U_APPROVER, "sort", Input::Option("name".into())).await.unwrap();
    let What::ModalClick { action, value, state, .. } = surface.last() else { panic!("not a click") };
    assert_eq!((action.as_str(), value.as_str()), ("sort", "name"));
    assert_eq!((typed("sort", &state), typed("search", &state)), ("name".into(), "ad".into()));
    surface.fake.choose_in_view(U_APPROVER, "search", Input::Text(EVIL.into())).await.unwrap();
    let What::ModalClick { action, value, state, .. } = surface.last() else { panic!("not a click") };
    assert_eq!((action.as_str(), value.as_str()), ("search", EVIL));
    assert_eq!((typed("sort", &state), typed("search", &state)), ("name".into(), EVIL.into()));
    // A day is sent with the form, as is everything else then.
    let day = Input::Date("2027-01-15".into());
    assert!(surface.fake.choose_in_view(U_APPROVER, "until", day.clone()).await.is_err());
    surface.fake.submit_view(U_APPROVER, &[("until", day)]).await.unwrap();
    let What::Submission { state, .. } = surface.last() else { panic!("not a submission") };
    assert_eq!((typed("until", &state), typed("sort", &state)), ("2027-01-15".into(), "name".into()));
    assert_eq!(state.ticked["suspend"], ["0", "11"]);
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_lies_on_another_until_it_is_submitted() {
    let surface = Surface::start().await;
    surface.dialog(vec![row("Ada", 2)]).await;
    let second = modal("second", vec![Block::Section(Text::plain("On top."))]);
    surface.answer(Ack::Respond(Response::Push(second)));
    surface.fake.choose_in_view(U_APPROVER, "person", Input::Option("item 0".into())).await.unwrap();
    surface.fake.wait_view(U_APPROVER, "the second", |view| view.json["callback_id"] == "second").await;
    let kinds = || {
        surface
            .fake
            .views(U_APPROVER)
            .iter()
            .map(|view| view.json["callback_id"].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(kinds(), ["\"first\"", "\"second\""]);
    let below = match surface.last() {
        What::ModalClick { view, .. } => view,
        other => panic!("{other:?}"),
    };
    let drawn_again = modal("first, drawn again", vec![row("Ada", 2)]);
    surface.answer(Ack::Respond(Response::Back { below, modal: drawn_again }));
    surface.fake.submit_view(U_APPROVER, &[]).await.unwrap();
    let again = |view: &View| view.json["callback_id"] == "first, drawn again";
    surface.fake.wait_view(U_APPROVER, "the first", again).await;
    assert_eq!(kinds(), ["\"first, drawn again\""]);
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_too_large_for_an_acknowledgement_comes_in_place_all_the_same() {
    let surface = Surface::start().await;
    surface.dialog(vec![row("Ada", 2)]).await;
    let long = |n: usize| Block::Section(Text::plain(format!("{n} {}", "word ".repeat(100))));
    surface.answer(Ack::Respond(Response::Replace(modal("large", (0..60).map(long).collect()))));
    surface.fake.submit_view(U_APPROVER, &[]).await.unwrap();
    let shown = surface.fake.wait_view(U_APPROVER, "all of it", |view| view.blocks().len() == 60).await;
    assert_eq!((&shown.json["callback_id"], surface.fake.views(U_APPROVER).len()), (&"large".into(), 1));
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_slack_still_processes_is_shown_by_a_later_try() {
    let surface = Surface::start().await;
    surface.fake.delay_pictures(1);
    let alt = Some("A trend".to_owned());
    let picture = Upload { name: "t.png".into(), title: "T".into(), alt, bytes: PNG.to_vec() };
    let file = surface.slack.upload(&picture, None).await.unwrap();
    let image = Block::Image { file, alt: "A trend".into() };
    let card = Card { summary: Text::plain("The trend."), blocks: vec![image] };
    let early = surface.slack.post(C_OPS, None, &Mark::new("k"), &card).await;
    assert!(
        matches!(&early, Err(ChatError::Content(why)) if why.contains("invalid slack file")),
        "{early:?}"
    );
    surface.slack.post(C_OPS, None, &Mark::new("k"), &card).await.unwrap();
    // A file with a description is lost by Slack if its upload shares it, so there it has none.
    let share = ShareIn { channel: C_OPS.into(), thread: None, comment: Text::plain("A trend.") };
    surface.slack.upload(&picture, Some(&share)).await.unwrap();
    let shared = surface.fake.messages(C_OPS).pop().unwrap();
    assert_eq!((shared.visible_text().as_str(), shared.files.len()), ("A trend.", 1));
    assert_eq!(surface.fake.violations(), Vec::<String>::new());
}
