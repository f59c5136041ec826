//! Plays a plan: rounds of people, faults and crashes, each followed by a calm in which everything settles and is judged.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration as StdDuration;

use chrono::Duration;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::arm;
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, FakeSlack};
use crate::figures::Figures;
use crate::hands;
use crate::judge::{self, Case};
use crate::plan::{self, InOkta, Line, Plan, Round, Step, Terms, Then};
use crate::support::World;
use crate::support::judge::{Kind, Wrong};
use crate::support::ledger::Ledger;

/// Okta's account of somebody who approves in Slack: never proposed, though idle.
pub const APPROVERS_OWN: &str = "bob@example.com";
/// Holds an administrator's role: never proposed, though idle.
pub const ADMINISTRATOR: &str = "root@ext.example";
/// How long the end of a round waits for dialogs before it takes them from people.
const LAST_HANDS: StdDuration = StdDuration::from_millis(250);
/// So often the calm is looked at before it counts as blocked, and how often the clock is moved meanwhile.
const LOOKS_MAX: usize = 1500;
const LOOKS_PER_MOVE: usize = 12;

/// What came of one seed.
pub struct Told {
    pub figures: Figures,
    pub trace: Vec<String>,
    pub wrong: Vec<Wrong>,
}

/// Written by anyone who plays, read also after a panic.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Written>>);

/// What is counted, what happened, and what is wrong with it.
type Written = (Figures, Vec<String>, Vec<Wrong>);

impl Notes {
    fn with<T>(&self, f: impl FnOnce(&mut Written) -> T) -> T {
        f(&mut self.0.lock().expect("nobody panics while writing"))
    }

    pub fn count(&self, what: &'static str, number: usize) {
        self.with(|notes| notes.0.count(what, number));
    }

    pub fn trace(&self, line: impl Into<String>) {
        self.with(|notes| notes.1.push(line.into()));
    }

    /// The same thing is reported once.
    pub fn wrong(&self, kind: Kind, why: impl Into<String>) {
        let why = why.into();
        self.with(|(_, trace, wrong)| {
            if !wrong.iter().any(|(_, known)| *known == why) {
                trace.push(format!("WRONG: {why}"));
                wrong.push((kind, why));
            }
        });
    }

    pub fn tell(&self, wrong: Vec<Wrong>) {
        for (kind, why) in wrong {
            self.wrong(kind, why);
        }
    }

    fn is_wrong(&self) -> bool {
        self.with(|notes| !notes.2.is_empty())
    }
}

/// Plays the seed's plan to its end, or to what is wrong.
pub async fn play(seed: u64) -> Told {
    let plan = Plan::of(seed);
    let notes = Notes::default();
    let played = AssertUnwindSafe(run(&plan, &notes)).catch_unwind().await;
    if let Err(panic) = played {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        notes.wrong(Kind::Other, text.unwrap_or_default());
    }
    let (figures, trace, wrong) = notes.with(std::mem::take);
    Told { figures, trace, wrong }
}

async fn run(plan: &Plan, notes: &Notes) {
    let mut player = Player::new(plan, notes.clone()).await;
    for (number, round) in plan.rounds.iter().enumerate() {
        notes.trace(format!("---- round {number}"));
        player.round(round).await;
        player.settle().await;
        player.judge();
        if notes.is_wrong() {
            notes.trace(player.world.slack.dump());
            return;
        }
    }
    player.end().await;
    if notes.is_wrong() {
        notes.trace(player.world.slack.dump());
    }
}

struct Player {
    world: World,
    notes: Notes,
    terms: Terms,
    ledger: Ledger,
    /// All who ever were contractors, by login.
    logins: Vec<String>,
    hands: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Player {
    async fn new(plan: &Plan, notes: Notes) -> Player {
        let terms = plan.terms.clone();
        let mut world = World::at_ten(&policy(&terms)).await;
        let folder = folder();
        world.set_database(folder.path().join("bot.db"));
        world.set_patience(arm::patience());
        // What breaks an ack on purpose would be waited for.
        world.slack.wait_for_slow(false);
        world.okta.page_at_most(terms.page);
        let administrator = Person::contractor(ADMINISTRATOR).last_login_days_ago(50);
        world.okta.add(administrator.admin_role("HELP_DESK_ADMIN"));
        world.okta.add(Person::contractor(APPROVERS_OWN).last_login_days_ago(50));
        world.start_bot().await;
        let ledger = Ledger::open(&world.database());
        let mut player = Player {
            world,
            notes,
            terms,
            ledger,
            logins: Vec::new(),
            hands: JoinSet::new(),
            _folder: folder,
        };
        plan.away_days.iter().for_each(|days| player.comes(*days));
        player.notes.trace(format!("{:?}", player.terms));
        player
    }

    fn comes(&mut self, away_days: i64) {
        let login = format!("kim{}@ext.example", self.logins.len());
        self.world.okta.add(Person::contractor(&login).last_login_days_ago(away_days));
        self.logins.push(login);
    }

    async fn round(&mut self, round: &Round) {
        for armed in &round.faults {
            self.notes.trace(format!("armed: {armed:?}"));
            arm::arm(&self.world, armed);
        }
        for (step, then) in &round.steps {
            self.notes.trace(format!("{step:?}, {then:?}"));
            self.step(step).await;
            self.then(*then).await;
            self.notes.count("steps", 1);
        }
        for then in &round.after {
            self.notes.trace(format!("after it: {then:?}"));
            self.then(*then).await;
        }
        self.notes.count("rounds", 1);
    }

    /// How far the bot gets until the next thing happens is the point.
    async fn then(&self, then: Then) {
        if then.seconds > 0 {
            self.world.advance(Duration::seconds(then.seconds));
        }
        let pause = StdDuration::from_millis(then.pause_ms);
        let _ = tokio::time::timeout(pause, std::future::pending::<()>()).await;
    }

    async fn step(&mut self, step: &Step) {
        let slack = self.world.slack.clone();
        match step {
            Step::ButtonInput { user, action, card } => {
                if let Some((card, behind)) = hands::card(&slack, action, *card) {
                    self.hands.spawn(hands::input(slack, user, action, card, behind));
                }
            }
            Step::Review { user, unticked } => {
                if let Some((card, _)) = hands::card(&slack, "choose", crate::plan::Pick::Newest) {
                    self.hands.spawn(hands::review(slack, user, card, *unticked));
                }
            }
            Step::Row { user, wanted, person } => {
                let day = (self.world.clock.now() + Duration::days(20)).format("%Y-%m-%d").to_string();
                if let Some(card) = slack.messages(C_OPS).pop() {
                    self.hands.spawn(hands::row(slack, user, card, wanted, *person, day));
                }
            }
            Step::Line { user, line } => self.types(slack, user, line),
            Step::OpenHome { user } => {
                let user = *user;
                self.hands.spawn(async move { drop(slack.open_home(user).await) });
            }
            Step::Again => {
                if slack.last_sent().is_some() {
                    self.hands.spawn(async move { drop(slack.resend_last_envelope().await) });
                }
            }
            Step::Dies => {
                self.notes.count("crashes", usize::from(self.world.bot_runs()));
                self.world.kill_bot().await;
            }
            Step::Starts => self.starts(),
            Step::Minutes(minutes) => self.world.advance(Duration::minutes(*minutes)),
            Step::InOkta { person, what } => self.in_okta(*person, *what),
            Step::Socket(what) => {
                self.notes.with(|notes| notes.0.fault(plan::of_socket(*what)));
                arm::trouble(&self.world, *what);
            }
        }
    }

    fn starts(&self) {
        if !self.world.bot_runs() {
            self.world.begin_bot();
        }
    }

    fn types(&mut self, slack: FakeSlack, user: &'static str, line: &Line) {
        let person = |place: &usize| self.logins[place % self.logins.len()].clone();
        let last = self.ledger.requests().len();
        let text = match line {
            Line::Sweep => "sweep".to_owned(),
            Line::Withdraw => format!("withdraw {last} the list is wrong"),
            Line::Retry => format!("retry {last}"),
            Line::Restore(place) => format!("restore {} back from leave", person(place)),
            Line::Exempt(place) => format!("exempt {} for 20d parental leave", person(place)),
            Line::Why(place) => format!("why {}", person(place)),
            Line::Other(text) => (*text).to_owned(),
        };
        self.hands.spawn(async move {
            let _ = slack.slash(user, C_OPS, &format!("/inactive-contractors {text}")).await;
        });
    }

    fn in_okta(&mut self, person: usize, what: InOkta) {
        let login = self.logins[person % self.logins.len()].clone();
        let okta = &self.world.okta;
        let Some(status) = okta.people().into_iter().find(|one| one.login == login).map(|one| one.status)
        else {
            return;
        };
        match what {
            InOkta::Comes => self.comes(41),
            InOkta::SignsIn => drop(okta.sign_in(&login)),
            InOkta::UsesAnApp if status == Status::Active => okta.sso(&login),
            InOkta::SuspendedByAnAdmin if status == Status::Active => {
                okta.set_status(&login, Status::Suspended);
            }
            InOkta::BroughtBack => drop(okta.bring_back_by_admin(&login, ADMINISTRATOR)),
            InOkta::LockedOut if status == Status::Active => okta.set_status(&login, Status::LockedOut),
            InOkta::Gone if status != Status::Suspended => okta.set_status(&login, Status::Deprovisioned),
            InOkta::UsesAnApp | InOkta::SuspendedByAnAdmin | InOkta::LockedOut | InOkta::Gone => {}
        }
    }

    /// Nothing goes wrong any more, and everything comes to its end.
    async fn settle(&mut self) {
        let hands = async { while self.hands.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_HANDS, hands).await;
        self.hands.abort_all();
        arm::disarm(&self.world);
        self.starts();
        self.world.slack.wait_for("a live socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
        self.until_calm().await;
    }

    async fn until_calm(&self) {
        let mut looks = tokio::time::interval(StdDuration::from_millis(10));
        let mut calm = 0;
        for look in 0..LOOKS_MAX {
            looks.tick().await;
            calm = if judge::due(&self.ledger, self.world.clock.now()).is_empty() { calm + 1 } else { 0 };
            if calm == 4 {
                return;
            }
            if calm == 0 && look % LOOKS_PER_MOVE == LOOKS_PER_MOVE - 1 {
                self.world.advance(Duration::seconds(40));
            }
        }
        for what in judge::due(&self.ledger, self.world.clock.now()) {
            self.notes.wrong(Kind::Lost, format!("in the calm there stays: {what}"));
        }
    }

    fn judge(&self) {
        if !self.world.bot_runs() {
            self.notes.wrong(Kind::Other, "the bot ended by itself");
        }
        let case = Case {
            world: &self.world,
            ledger: &self.ledger,
            terms: &self.terms,
            logins: &self.logins,
            notes: &self.notes,
        };
        judge::judge(&case);
    }

    /// What waits for an answer expires, and whatever is to be said of that is said.
    async fn end(&mut self) {
        let open = self.ledger.requests().into_iter().filter(|asked| !asked.has_ended());
        if let Some(last) = open.filter_map(|asked| asked.deadline).max() {
            let left = (last - self.world.clock.now()).max(Duration::zero());
            self.world.advance(left + Duration::seconds(61));
            self.until_calm().await;
        }
        self.judge();
        let (okta, slack) = (self.world.okta.faults_struck(), self.world.slack.faults_struck());
        let struck = okta.iter().map(plan::of_okta).chain(slack.iter().map(plan::of_slack));
        struck.for_each(|kind| self.notes.with(|notes| notes.0.fault(kind)));
        let told = self.world.slack.everything_sent();
        let acked = told.iter().filter(|sent| !sent.acks.is_empty()).count();
        self.notes.count("inputs", told.len());
        self.notes.count("acknowledged", acked);
        self.notes.count("sockets", self.world.slack.connections_opened());
        for event in self.ledger.events_after(0) {
            let decides = event.person().is_some() && event.action != "input_refused";
            self.notes.count("decisions", usize::from(decides));
            self.notes.count("refusals", usize::from(event.action == "input_refused"));
            self.notes.count("events", 1);
            self.notes.trace(format!(
                "    {} {} {}: {} {:?} {:?} {}",
                event.seq,
                event.at,
                event.person().unwrap_or("the bot"),
                event.action,
                event.request,
                event.account.as_ref().map(|(_, login)| login),
                event.detail.to_string().chars().take(160).collect::<String>()
            ));
        }
        let suspensions = self.logins.iter().map(|login| self.world.okta.suspended_at(login).len()).sum();
        self.notes.count("suspensions", suspensions);
        self.world.stop_bot().await;
        self.world.file_let_go().await;
        judge::on_the_disk(&self.world, &self.notes).await;
    }
}

fn policy(terms: &Terms) -> String {
    let Terms { approvals, clear_sessions, second_look, answer_hours, restored_grace, .. } = terms;
    format!(
        "preview_first = false\nmax_share = 1.0\nsurge_factor = 0.0\nschedule = \"0 0 29 2 *\"\n\
         approvals_needed = {approvals}\nclear_sessions = {clear_sessions}\ncheck_sign_in_log = {second_look}\n\
         approval_timeout = \"{answer_hours}h\"\nrestored_grace = \"{restored_grace}\"\n"
    )
}

/// In memory where that is possible: what a disk makes of a commit is another test's.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}
