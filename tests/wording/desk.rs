//! Sends what the bot says to the fake Slack, and holds it against what it said before.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use inactive_contractors::chat::slack::{Settings, Slack};
use inactive_contractors::chat::{
    Ack, Block, Button, Card, Chat, Handler, Home, Inbound, Mark, Modal, Response, Text,
};
use inactive_contractors::clock::Clock;
use serde_json::Value;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::clock::FakeClock;
use crate::fake::gate::Gate;
use crate::fake::slack::{C_OPS, FakeSlack, U_APPROVER};
use crate::plain::{plain, view_in_words};

/// Opens this dialog for anyone who presses something.
#[derive(Default)]
struct Opens(Mutex<Option<Modal>>);

#[async_trait]
impl Handler for Opens {
    async fn handle(&self, _: Inbound) -> Ack {
        let modal = self.0.lock().expect("no test panics with it").take();
        modal.map_or(Ack::Done, |modal| Ack::Respond(Response::Open(modal)))
    }
}

/// A workspace and the real adapter.
pub struct Desk {
    fake: FakeSlack,
    slack: Slack,
    sent: u32,
    opens: Arc<Opens>,
    /// The message whose button opens dialogs, once there is one.
    way_in: Option<String>,
    _stop: DropGuard,
}

impl Desk {
    pub async fn open() -> Desk {
        let fake = FakeSlack::start(Gate::default(), FakeClock::default()).await;
        let settings = Settings {
            api_url: Some(fake.api_url().parse().expect("an address")),
            bot_token: fake.bot_token().into(),
            app_token: fake.app_token().into(),
            command: "/inactive-contractors".into(),
            network: inactive_contractors::net::Network::default(),
        };
        let slack = Slack::connect(settings, Clock::system()).await.expect("the fake lets it in");
        let (opens, stop) = (Arc::<Opens>::default(), CancellationToken::new());
        let (runner, handler, token) = (slack.clone(), Arc::clone(&opens), stop.clone());
        tokio::spawn(async move { runner.run(handler, token).await });
        Desk { fake, slack, sent: 0, opens, way_in: None, _stop: stop.drop_guard() }
    }

    /// A message as the channel reads it.
    pub async fn message(&mut self, card: &Card) -> String {
        self.sent += 1;
        let key = format!("said:{}", self.sent);
        let posted =
            self.slack.post(C_OPS, None, &Mark::new(key), card).await.expect("Slack takes it as it is");
        let message = self.fake.message(&posted.id).expect("it stands");
        let version = message.current();
        assert!(!version.text.trim().is_empty(), "no sentence for screen readers");
        let said = format!("{}\n\n{}", version.text, whole(&version.blocks));
        // The workspace is on another port each time.
        said.replace(self.fake.api_url().trim_end_matches("/api/"), "https://acme.slack.example")
    }

    /// A dialog as the person reads it.
    pub async fn dialog(&mut self, modal: &Modal) -> String {
        let way_in = match self.way_in.take() {
            Some(way_in) => way_in,
            None => self.make_way_in().await,
        };
        *self.opens.0.lock().expect("no test panics with it") = Some(modal.clone());
        self.fake.click(U_APPROVER, &way_in, "open").await.expect("the button is there");
        self.way_in = Some(way_in);
        let view = self.fake.wait_view(U_APPROVER, "the dialog", |_| true).await;
        self.fake.close_view(U_APPROVER).await.expect("it is open");
        whole(view.blocks());
        view_in_words(&view.json)
    }

    async fn make_way_in(&self) -> String {
        self.fake.wait_connected(1).await;
        let open = Block::Buttons(vec![Button::new("open", "1", "Open")]);
        let card = Card { summary: Text::plain("A way in."), blocks: vec![open] };
        self.slack.post(C_OPS, None, &Mark::new("way-in"), &card).await.expect("Slack takes it").id
    }

    /// A person's page as they read it.
    pub async fn page(&mut self, home: &Home) -> String {
        self.slack.publish_home(U_APPROVER, home).await.expect("Slack takes it as it is");
        let page = self.fake.home(U_APPROVER).expect("it stands");
        let said = whole(page.blocks());
        said.replace(self.fake.api_url().trim_end_matches("/api/"), "https://acme.slack.example")
    }

    pub async fn message_is(&mut self, name: &str, card: &Card) {
        let said = self.message(card).await;
        compare(name, &said);
    }

    pub async fn dialog_is(&mut self, name: &str, modal: &Modal) {
        let said = self.dialog(modal).await;
        compare(name, &said);
    }

    /// The end of every test: Slack would have refused nothing.
    pub fn close(self) {
        assert_eq!(self.fake.violations(), Vec::<String>::new());
    }
}

/// The blocks in words; nothing may have been left out for want of room.
fn whole(blocks: &[Value]) -> String {
    let words = plain(blocks);
    assert!(!words.contains("there is more than fits here"), "{words}");
    words
}

/// Holds what was said against the file.
pub fn compare(name: &str, said: &str) {
    let said = format!("{}\n", said.trim_end());
    let path =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/wording/said").join(format!("{name}.txt"));
    #[expect(clippy::disallowed_methods, reason = "a switch of this test, not of the bot")]
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    if update {
        std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
        return std::fs::write(&path, said).expect("the file can be written");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = before.lines().zip(said.lines()).position(|(before, now)| before != now);
    assert!(
        before == said,
        "{} says something else from line {} on:\n{said}",
        path.display(),
        differs.unwrap_or_else(|| before.lines().count().min(said.lines().count())) + 1
    );
}
