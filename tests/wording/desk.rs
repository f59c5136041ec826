//! Sends what the bot says to the fake Slack, and holds it against what it said before.

use std::path::PathBuf;

use inactive_contractors::chat::slack::{Settings, Slack};
use inactive_contractors::chat::{Card, Chat, Home, Mark, Modal};
use inactive_contractors::clock::Clock;
use serde_json::Value;

use crate::fake::clock::FakeClock;
use crate::fake::gate::Gate;
use crate::fake::slack::{C_OPS, FakeSlack, U_APPROVER};
use crate::plain::{plain, view_in_words};

/// A workspace and the real adapter.
pub struct Desk {
    fake: FakeSlack,
    slack: Slack,
    sent: u32,
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
        Desk { fake, slack, sent: 0 }
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
        let trigger = self.fake.trigger(U_APPROVER);
        self.slack.open_modal(&trigger, modal).await.expect("Slack takes it as it is");
        let view = self.fake.views(U_APPROVER).pop().expect("it is open");
        whole(view.blocks());
        view_in_words(&view.json)
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
    let anew = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    if anew {
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
