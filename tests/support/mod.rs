//! A whole world on this machine: a fake Okta org, a fake Slack workspace, and the real bot between them, over real
//! HTTP, a real WebSocket and a real SQLite file. Stories and the sandbox use the same one.

#![allow(missing_docs, reason = "names of a test's world say what they are")]

pub mod bot;
mod entra;
pub mod judge;
pub mod ledger;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::bot::Timeouts;
use inactive_contractors::clock::Clock;
use inactive_contractors::config::Config;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::{Inspection, MessageRecord, Store, StoreError};
use serde_json::Value;

use bot::BotTask;
use fake::GUARD;
use fake::clock::FakeClock;
use fake::entra::FakeEntra;
use fake::gate::Gate;
use fake::okta::{FakeOkta, Person};
use fake::slack::{C_OPS, Ephemeral, FakeSlack, Message, U_ADMIN, U_APPROVER, U_APPROVER2};

/// A policy for stories: everything that would need a second sweep or a second day is off unless a story adds it.
pub const PLAIN_POLICY: &str = "preview_first = false\nmax_share = 1.0\n";

/// The same, with a schedule that doesn't come while a story runs: for worlds on the machine's own clock.
pub const UNSCHEDULED_POLICY: &str = "preview_first = false\nmax_share = 1.0\nschedule = \"0 0 29 2 *\"\n";

/// One world. Dropping it ends its bot.
pub struct World {
    pub okta: FakeOkta,
    /// The tenant, in a world that has one.
    pub entra: Option<FakeEntra>,
    pub slack: FakeSlack,
    pub gate: Gate,
    pub clock: Clock,
    fake_clock: FakeClock,
    directory: tempfile::TempDir,
    database: PathBuf,
    policy_name: String,
    channel: String,
    policy: String,
    has_okta: bool,
    variables: BTreeMap<String, String>,
    patience: Timeouts,
    bot: std::sync::Mutex<Option<BotTask>>,
    /// How far everybody's clock was moved.
    moved: std::sync::Mutex<Duration>,
}

impl World {
    /// A world with an empty org and no bot yet. `policy` is TOML for the one policy, besides its name, channel and people.
    pub async fn new(policy: &str) -> World {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (gate, fake_clock) = (Gate::default(), FakeClock::default());
        let slack = FakeSlack::start(gate.clone(), fake_clock.clone()).await;
        slack.wait_for_slow(true);
        World {
            okta: FakeOkta::start(gate.clone(), fake_clock.clone()).await,
            entra: None,
            slack,
            gate,
            clock: Clock::system(),
            fake_clock,
            database: directory.path().join("bot.db"),
            directory,
            policy_name: "contractors".to_owned(),
            channel: C_OPS.to_owned(),
            policy: policy.to_owned(),
            has_okta: true,
            variables: BTreeMap::new(),
            patience: Timeouts { provider_limits: false, ..Timeouts::default() },
            bot: std::sync::Mutex::new(None),
            moved: std::sync::Mutex::default(),
        }
    }

    /// Another policy for the bot's next start.
    pub fn set_policy(&mut self, policy: &str) {
        policy.clone_into(&mut self.policy);
    }

    /// Another name for the one policy, from the bot's next start on: the previous one is gone.
    pub fn rename_policy(&mut self, name: &str) {
        name.clone_into(&mut self.policy_name);
    }

    /// Another channel for the one policy, from the bot's next start on.
    pub fn set_channel(&mut self, channel: &str) {
        channel.clone_into(&mut self.channel);
    }

    /// One more variable of the bot's environment.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Other waits for the outside systems at the bot's next start.
    pub fn set_patience(&mut self, patience: Timeouts) {
        self.patience = patience;
    }

    /// The database's file.
    pub fn database(&self) -> PathBuf {
        self.database.clone()
    }

    /// Another place for it.
    pub fn set_database(&mut self, path: PathBuf) {
        self.database = path;
    }

    /// A folder that is removed with the world.
    pub fn folder(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// The configuration as a person would write it.
    pub fn config_toml(&self) -> String {
        format!(
            "[[policy]]\nname = \"{}\"\nchannel = \"{}\"\n\
             approvers = {{ users = [\"{U_APPROVER}\", \"{U_APPROVER2}\"] }}\n\
             admins = {{ users = [\"{U_ADMIN}\"] }}\n{}",
            self.policy_name, self.channel, self.policy
        )
    }

    /// What the environment gives the bot.
    pub fn environment(&self) -> BTreeMap<String, String> {
        [
            ("SLACK_API_URL", self.slack.api_url()),
            ("SLACK_BOT_TOKEN", self.slack.bot_token()),
            ("SLACK_APP_TOKEN", self.slack.app_token()),
            ("INACTIVE_CONTRACTORS_DB", self.database().display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .chain(self.providers_environment())
        .chain(self.variables.clone())
        .collect()
    }

    /// The validated configuration.
    pub fn config(&self) -> Config {
        let no_files = |_: &std::path::Path| Err(std::io::ErrorKind::NotFound.into());
        Config::parse(&self.config_toml(), "story.toml", &self.environment(), &no_files)
            .unwrap_or_else(|error| panic!("the story's configuration is wrong: {error}"))
    }

    /// Starts the bot and waits until Slack has said hello to it, and it has asked what it last said in the channel.
    pub async fn start_bot(&self) {
        let before = self.looks_into_channels();
        self.begin_bot();
        self.slack.wait_for("a socket of the bot", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
        self.looks_into_channel(before).await;
    }

    /// How often a bot has read what stands in a channel.
    pub fn looks_into_channels(&self) -> usize {
        self.slack.calls().iter().filter(|call| call.method == "conversations.history").count()
    }

    /// Returns once that was more often: a bot that starts asks what it last said there.
    pub async fn looks_into_channel(&self, before: usize) {
        self.until("a look into the channel", |world| world.looks_into_channels() > before).await;
    }

    /// Starts the bot, whether it gets anywhere or not.
    pub fn begin_bot(&self) {
        let bot = BotTask::start(self.config(), self.patience.clone(), self.clock.clone());
        *self.bot.lock().expect("no story panics while holding the bot") = Some(bot);
    }

    /// Has the approver ask for a sweep; returns its card once that is open for decisions.
    pub async fn sweep(&self) -> Message {
        let before = self.slack.messages(C_OPS).len();
        self.ask_for_sweep().await;
        let card = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().skip(before).find(is_open_card);
        self.slack.wait_for("a card with buttons and a deadline", card).await
    }

    /// Has the approver ask for a sweep, whatever becomes of it.
    pub async fn ask_for_sweep(&self) {
        let line = "/inactive-contractors sweep";
        self.slack.slash(U_APPROVER, C_OPS, line).await.expect("the command can be typed");
    }

    /// Waits for a top-level message of the channel that says this.
    pub async fn message(&self, words: &str) -> Message {
        let found = |slack: &FakeSlack| {
            slack.messages(C_OPS).into_iter().find(|message| message.visible_text().contains(words))
        };
        self.slack.wait_for(&format!("a message that says {words:?}"), found).await
    }

    /// The end of every story: Slack would have refused nothing, the audit chain holds, and no account was suspended
    /// twice or without its intent.
    pub async fn nothing_else_is_wrong(&self) {
        assert_eq!(self.slack.violations(), Vec::<String>::new());
        self.stop_bot().await;
        let store = self.open_again().await;
        let verified = store.verify().await.expect("the chain can be read");
        assert_eq!(verified.broken_at, None);
        store.close().await.expect("the file can be closed");
        for line in self.audit().iter().filter(|line| line.action == "suspended") {
            let login = line.login.as_deref().expect("a suspension names its account");
            // What was only read to be done may have been done by somebody else.
            let least = usize::from(line.detail["confirmation"] == "by_call");
            assert!((least..=1).contains(&self.suspends(login)), "{login}");
            assert!(self.audit_of(login).contains(&"suspension_intended".to_owned()), "{login}");
        }
    }

    /// Ends the bot as SIGTERM does.
    pub async fn stop_bot(&self) {
        if let Some(bot) = self.take_bot() {
            bot.stop().await;
        }
    }

    /// Ends the bot in the middle of whatever it does.
    pub async fn kill_bot(&self) {
        if let Some(bot) = self.take_bot() {
            bot.kill().await;
            self.file_let_go().await;
        }
    }

    /// Whether a bot runs.
    pub fn bot_runs(&self) -> bool {
        self.bot.lock().expect("no story panics while holding the bot").as_ref().is_some_and(BotTask::runs)
    }

    fn take_bot(&self) -> Option<BotTask> {
        self.bot.lock().expect("no story panics while holding the bot").take()
    }

    /// Moves everybody's clock.
    pub fn advance(&self, by: Duration) {
        self.fake_clock.advance(by);
        self.clock.advance(by);
        let mut moved = self.moved.lock().expect("no story panics while moving the clock");
        *moved += by;
        // In place: a process looks at these bytes all the time.
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(self.moved_file());
        let bytes = moved.num_milliseconds().to_ne_bytes();
        file.and_then(|mut file| file.write_all(&bytes)).expect("the folder can be written");
    }

    /// Where a process that was started with the shim reads how far its clock was moved.
    pub fn moved_file(&self) -> PathBuf {
        self.directory.path().join("moved")
    }

    /// The audit trail as it is on the disk: sequence, action, login, detail; oldest first.
    pub fn audit(&self) -> Vec<AuditLine> {
        self.audit_after(0)
    }

    /// The part of the audit trail behind this sequence number.
    pub fn audit_after(&self, seq: i64) -> Vec<AuditLine> {
        let events = self.inspect().and_then(|file| file.events_after(seq).ok()).unwrap_or_default();
        events
            .into_iter()
            .map(|event| AuditLine {
                seq: event.seq,
                at: event.at,
                actor: event.actor,
                action: event.action,
                login: event.login,
                detail: event.detail,
                request: event.request,
            })
            .collect()
    }

    /// The rows of the bot's file, if there is one.
    pub fn inspect(&self) -> Option<Inspection> {
        Store::inspect(&self.database()).ok()
    }

    /// The first deadline of the requests that wait for an answer, as stored.
    pub fn next_deadline(&self) -> Option<DateTime<Utc>> {
        let requests = self.inspect()?.requests().ok()?.into_iter();
        let waits = requests.filter(|one| matches!(one.state.as_str(), "preview" | "held" | "pending"));
        waits.filter_map(|one| one.deadline).min()
    }

    /// The actions of the audit trail about one login, oldest first.
    pub fn audit_of(&self, login: &str) -> Vec<String> {
        self.audit()
            .into_iter()
            .filter(|line| line.login.as_deref() == Some(login))
            .map(|line| line.action)
            .collect()
    }

    /// How many events of this policy have this action.
    pub fn audited_for(&self, policy: &str, action: &str) -> i64 {
        self.count(Inspection::events, |event| {
            event.policy.as_deref() == Some(policy) && event.action == action
        })
    }

    /// How many events have this action.
    pub fn audited(&self, action: &str) -> usize {
        self.audit().iter().filter(|line| line.action == action).count()
    }

    /// Of one person only the first try without the right within an hour has an event of its own: has the next be one.
    pub fn next_try_is_recorded(&self, user: &str) {
        let an_hour_ago = (self.clock.now() - Duration::minutes(61)).to_rfc3339();
        let has_tried = |line: &AuditLine| {
            line.action == "input_refused" && line.actor["person"]["id"] == user && line.at > an_hour_ago
        };
        if self.audit().iter().any(has_tried) {
            self.advance(Duration::minutes(61));
        }
    }

    /// How many tries of this person were refused: one event may stand for many.
    pub fn tries_refused(&self, user: &str) -> u64 {
        let theirs = self
            .audit()
            .into_iter()
            .filter(|line| line.action == "input_refused" && line.actor["person"]["id"] == user);
        theirs.map(|line| line.detail["count"].as_u64().unwrap_or(1)).sum()
    }

    /// A new world at ten in the morning, so that no story depends on when it is told: the next daily slot is 23 hours
    /// away.
    pub async fn at_ten(policy: &str) -> World {
        let world = World::new(policy).await;
        world.move_to(10, 0);
        world
    }

    /// Moves everybody's clock to the next time that it shows this, in UTC.
    pub fn move_to(&self, hour: u32, minute: u32) {
        let now = self.clock.now();
        let time = chrono::NaiveTime::from_hms_opt(hour, minute, 0).expect("a time of day");
        let today = now.date_naive().and_time(time).and_utc();
        let then = if today > now { today } else { today + Duration::days(1) };
        // Clocks move by whole milliseconds, and a millisecond early is early.
        self.advance(then - now + Duration::milliseconds(1));
    }

    /// A world whose bot has just asked about these contractors, all idle for 41 days, and the card that asks.
    pub async fn asking(policy: &str, logins: &[&str]) -> (World, Message) {
        let world = World::at_ten(policy).await;
        world.add_idle(logins);
        world.start_bot().await;
        let card = world.sweep().await;
        (world, card)
    }

    /// Adds contractors who signed in 41 days ago, the first one of them a little longer ago than the next.
    pub fn add_idle(&self, logins: &[&str]) {
        for (index, login) in (0..).zip(logins) {
            let ago = Duration::days(41) - Duration::minutes(index);
            self.okta.add(Person::contractor(login).last_login_ago(ago));
        }
    }

    /// Waits for a note that only this person sees and that says this.
    pub async fn told(&self, user: &str, words: &str) -> Ephemeral {
        let what = format!("a note to {user} that says {words:?}");
        self.slack.wait_ephemeral(user, &what, |note| note.visible_text().contains(words)).await
    }

    /// Waits until the card says this.
    pub async fn card_says(&self, card: &Message, words: &str) -> Message {
        let what = format!("a card that says {words:?}");
        self.slack.wait_update(&card.ts, &what, |card| card.visible_text().contains(words)).await
    }

    /// The calls that would change something in the org, failed ones too.
    pub fn changes_asked(&self) -> Vec<String> {
        let calls = self.okta.calls().into_iter().filter(|call| call.method != "GET");
        calls.map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    /// How many approved accounts wait for a later time to be tried at.
    pub fn accounts_put_off(&self) -> usize {
        let Some(file) = self.inspect() else { return 0 };
        let candidates = file.candidates().expect("the table is there once the file is");
        let is_later = |at: &str| DateTime::parse_from_rfc3339(at).is_ok_and(|at| at > self.clock.now());
        let due = candidates.iter().filter(|one| one.state == "due");
        due.filter(|one| one.state_json["not_before"].as_str().is_some_and(is_later)).count()
    }

    /// Waits for the database, which nobody can subscribe to, so it is looked at often.
    pub async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let look = async {
            let mut often = tokio::time::interval(std::time::Duration::from_millis(10));
            while !holds(self) {
                // Where a look takes longer than that, anyone who waits with less patience still gets a turn.
                tokio::task::yield_now().await;
                often.tick().await;
            }
        };
        tokio::time::timeout(GUARD, look)
            .await
            .unwrap_or_else(|_| panic!("waited without success for: {what}"));
    }
}

/// For stories in which things fail.
impl World {
    /// Waits until the bot has recorded that this message could not be sent, and returns when it is tried again. Only
    /// from then on does moving the clock bring the next try nearer.
    pub async fn put_off(&self, key: &str) -> DateTime<Utc> {
        self.stored(&format!("{key} put off"), || {
            let messages = self.inspect()?.messages().ok()?;
            let at = messages.into_iter().find(|message| message.key == key)?.retry_at?;
            (at > self.clock.now()).then_some(at)
        })
        .await
    }

    /// Waits until the bot has recorded that this message could be sent after all.
    pub async fn no_longer_put_off(&self, key: &str) {
        let is_sent = |message: &MessageRecord| message.key == key && message.retry_at.is_none();
        let sent = || (self.count(Inspection::messages, is_sent) == 1).then_some(());
        self.stored(&format!("{key} sent"), sent).await;
    }

    /// Waits until the audit trail has this many events with this action.
    pub async fn audited_times(&self, action: &str, times: usize) {
        self.stored(&format!("{times} x {action}"), || (self.audited(action) >= times).then_some(())).await;
    }

    /// Waits until the bot ends by itself, and says how.
    pub async fn bot_ended(&self) -> anyhow::Result<()> {
        self.take_bot().expect("a bot was started").ended().await
    }

    /// A process that is killed lets go of its file at once; here the writer's thread needs a moment to notice, and a
    /// process that another story is just starting holds what this one has open until it runs its own program.
    pub async fn file_let_go(&self) {
        for file in [self.database.clone(), self.database.with_extension("db.lock")] {
            self.stored("the file let go", || std::fs::File::open(&file).ok()?.try_lock().ok()).await;
        }
    }

    /// Opens the database once nobody has it any more. To see that it is free takes its lock for a moment, and that moment
    /// too may be held on to by a process that another story is just starting.
    pub async fn open_again(&self) -> Store {
        self.file_let_go().await;
        self.stored("the file free again", || Store::open(&self.database(), self.clock.now()).ok()).await
    }

    /// How many of these rows are like this, as it is on the disk; -1 while that can't be read.
    pub fn count<T>(
        &self,
        read: impl FnOnce(&Inspection) -> Result<Vec<T>, StoreError>,
        is_one: impl Fn(&T) -> bool,
    ) -> i64 {
        let rows = self.inspect().and_then(|file| read(&file).ok());
        let number = rows.map(|rows| rows.iter().filter(|row| is_one(row)).count());
        number.map_or(-1, |number| i64::try_from(number).expect("few rows"))
    }

    /// Whether everything has been posted to the channel of this request, as it is on the disk.
    pub fn all_told(&self, request: RequestId) -> bool {
        self.count(Inspection::requests, |row| row.id == request && row.told) == 1
    }

    /// Whether there is something to tell of this request, as it is on the disk.
    pub fn not_all_told(&self, request: RequestId) -> bool {
        self.count(Inspection::requests, |row| row.id == request && !row.told) == 1
    }

    /// The database doesn't tell of its changes, so it is looked at often.
    async fn stored<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let mut looks = tokio::time::interval(std::time::Duration::from_millis(20));
        let looking = async {
            loop {
                looks.tick().await;
                if let Some(found) = look() {
                    return found;
                }
            }
        };
        tokio::time::timeout(GUARD, looking).await.unwrap_or_else(|_| {
            panic!("waited without success for {what}; there was\n{}\n{:#?}", self.slack.dump(), self.audit())
        })
    }
}

/// A card that waits for a decision and shows until when.
pub fn is_open_card(message: &Message) -> bool {
    ["suspend", "release", "go_live"].iter().any(|action| message.offers(action))
        && (!message.offers("suspend") || message.visible_text().contains("Answer by"))
}

/// One audit event as stored.
#[derive(Clone, Debug)]
pub struct AuditLine {
    pub seq: i64,
    pub at: String,
    pub actor: Value,
    pub action: String,
    pub login: Option<String>,
    pub detail: Value,
    pub request: Option<RequestId>,
}
