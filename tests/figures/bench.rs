//! `cargo bench --bench figures`: the figures that README.md names, measured on this machine with the binary as it
//! ships, against the fakes. It prints; it never fails on a number.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fake::okta::seed_demo;
use fake::slack::{C_OPS, FakeSlack, Message, U_ADMIN, U_APPROVER, U_APPROVER2};
use futures_util::future::join_all;
use support::{PLAIN_POLICY, World};

const BINARY: &str = env!("CARGO_BIN_EXE_inactive-contractors");
const STARTS: usize = 15;
const ANSWERS: usize = 11;
/// How many inactive people are in the dialogs of a flood, how many dialogs two approvers open in the same moment, and
/// how many questions an admin asks: the bot takes no more of one person.
const INACTIVE: usize = 1_000;
const DIALOGS: usize = 240;
const ASKED: usize = 60;
const QUESTIONS: [&str; 8] = [
    "preview",
    "export json",
    "status",
    "why worker000001@ext.example",
    "audit",
    "evidence 30d",
    "report",
    "pending",
];
/// After which time a flood is over and its work done.
const LATER: Duration = Duration::from_secs(30);
/// Of a large directory everybody who is inactive is asked about at once.
const AT_SIZE: &str = "schedule = \"0 0 29 2 *\"\npreview_first = false\ncheck_sign_in_log = false\nmax_candidates = 10000\n\
                       max_share = 1.0\nsurge_factor = 0.0\n[okta]\nrate_share = 1.0\nconcurrency = 25\n";

#[tokio::main]
async fn main() {
    let world = World::new(PLAIN_POLICY).await;
    seed_demo(&world.okta);
    let config = world.database().with_file_name("bot.toml");
    std::fs::write(&config, world.config_toml()).expect("the directory is ours");

    let size = std::fs::metadata(BINARY).expect("the binary is there").len();
    println!("binary                          {:.1} MB", megabytes(size));

    let mut empty = Vec::new();
    let mut connected = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let version = Command::new(BINARY).arg("--version").stdout(Stdio::null()).status();
        assert!(version.expect("the binary runs").success());
        empty.push(start.elapsed());

        let start = Instant::now();
        let mut bot = run(&world, &config);
        world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
        connected.push(start.elapsed());
        end(&world, &mut bot).await;
    }
    let (empty, connected) = (median(&mut empty), median(&mut connected));
    println!("start to connected, median      {:.1} ms of {STARTS}", milliseconds(connected));
    println!("  as a multiple of `--version`  {:.1}", connected.as_secs_f64() / empty.as_secs_f64());

    let mut bot = run(&world, &config);
    world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
    println!("resident memory, connected      {:.1} MB", megabytes(resident(&bot)));
    world.ask_for_sweep().await;
    let card =
        |slack: &fake::slack::FakeSlack| slack.messages(C_OPS).into_iter().find(|one| one.offers("suspend"));
    world.slack.wait_for("a card", card).await;
    println!("resident memory, after a sweep  {:.1} MB", megabytes(resident(&bot)));
    for line in [
        "status",
        "help",
        "pending",
        "exemptions",
        "preview",
        "why ines.carvalho@ext.example",
        "audit since 30d outcome proposed",
        "verify",
        "report",
        "export json",
        "evidence 30d",
    ] {
        let mut answered = Vec::new();
        for _ in 0..ANSWERS {
            answered.push(answer(&world, line).await);
        }
        let (slowest, middle) = (*answered.iter().max().expect("some"), median(&mut answered));
        let (slowest, middle) = (milliseconds(slowest), milliseconds(middle));
        println!("{line:<31} {middle:.0} ms median, {slowest:.0} ms slowest of {ANSWERS}");
    }
    end(&world, &mut bot).await;
    for (accounts, inactive) in [(2_000, 100), (20_000, 100), (20_000, 1_000)] {
        at_size(accounts, inactive).await;
    }
    flood().await;
}

/// What people take of the memory who all press and ask in the same moment, and what of it stays with the process.
async fn flood() {
    let (world, mut bot) = world_of(INACTIVE, INACTIVE).await;
    let idle = memory(&bot, "VmRSS:");
    let card = swept(&world).await;
    let approvers = [U_APPROVER, U_APPROVER2].into_iter().cycle().take(DIALOGS);
    let presses = approvers.map(|person| world.slack.click(person, &card.ts, "choose"));
    let questions = QUESTIONS.into_iter().cycle().take(ASKED).map(|line| {
        let line = format!("/inactive-contractors {line}");
        let slack = &world.slack;
        async move { slack.slash(U_ADMIN, C_OPS, &line).await }
    });
    futures_util::join!(join_all(presses), join_all(questions));
    tokio::time::sleep(LATER).await;
    let (most, left) = (memory(&bot, "VmHWM:"), memory(&bot, "VmRSS:"));
    println!(
        "{DIALOGS} dialogs of {INACTIVE}, {ASKED} questions   {:.1} MB at most, {:.1} MB {} s later, {:.1} times idle",
        megabytes(most),
        megabytes(left),
        LATER.as_secs(),
        megabytes(left) / megabytes(idle),
    );
    end(&world, &mut bot).await;
}

/// A sweep of a large directory, and the suspension of all that it finds. Most of the sweep's time is the make-believe
/// Okta's, which shares the machine: what the bot itself takes is its processor time.
async fn at_size(accounts: usize, inactive: usize) {
    let (world, mut bot) = world_of(accounts, inactive).await;
    let (idle, start, before) = (memory(&bot, "VmRSS:"), Instant::now(), processor_time(&bot));
    let card = swept(&world).await;
    let (took, cpu) = (start.elapsed(), processor_time(&bot).saturating_sub(before));
    let above = megabytes(memory(&bot, "VmHWM:").saturating_sub(idle));
    println!(
        "sweep of {accounts}, {inactive} inactive     {:.2} s, {:.2} s of processor time, {above:.1} MB above idle at most",
        took.as_secs_f64(),
        cpu.as_secs_f64(),
    );
    let (start, before) = (Instant::now(), processor_time(&bot));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let ended = |slack: &fake::slack::FakeSlack| {
        let messages = slack.messages(C_OPS);
        messages.iter().any(|one| one.visible_text().contains("in the thread of")).then_some(())
    };
    world.slack.wait_long("the ending", ended).await;
    let (took, cpu) = (start.elapsed(), processor_time(&bot).saturating_sub(before));
    println!(
        "  suspending these {inactive}          {:.2} s, {:.2} s of processor time",
        took.as_secs_f64(),
        cpu.as_secs_f64()
    );
    end(&world, &mut bot).await;
}

/// A large directory, and a bot that is connected and idle.
async fn world_of(accounts: usize, inactive: usize) -> (World, Child) {
    let world = World::new(AT_SIZE).await;
    for number in 0..accounts {
        let days = if number < inactive { 40 } else { 1 };
        let login = format!("worker{number:06}@ext.example");
        world.okta.add(fake::okta::Person::contractor(&login).last_login_days_ago(days));
    }
    let config = world.database().with_file_name("bot.toml");
    std::fs::write(&config, world.config_toml()).expect("the directory is ours");
    let bot = run(&world, &config);
    world.slack.wait_for("a socket", |slack| (slack.fresh_sockets() > 0).then_some(())).await;
    (world, bot)
}

/// Sweeps, and returns the card.
async fn swept(world: &World) -> Message {
    world.ask_for_sweep().await;
    let card = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().find(|one| one.offers("suspend"));
    world.slack.wait_long("a card", card).await
}

/// What the kernel counts for the process until now, in steps of 10 ms.
fn processor_time(bot: &Child) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", bot.id())).unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// From typing a command to its answer.
async fn answer(world: &World, line: &str) -> Duration {
    let before = world.slack.ephemerals(U_APPROVER).len();
    let start = Instant::now();
    let line = format!("/inactive-contractors {line}");
    world.slack.slash(U_APPROVER, C_OPS, &line).await.expect("the command can be typed");
    let answer = |slack: &fake::slack::FakeSlack| slack.ephemerals(U_APPROVER).get(before).map(|_| ());
    world.slack.wait_for("an answer", answer).await;
    start.elapsed()
}

fn run(world: &World, config: &std::path::Path) -> Child {
    Command::new(BINARY)
        .args(["run", "--config"])
        .arg(config)
        .env_clear()
        .envs(world.environment())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary runs")
}

async fn end(world: &World, bot: &mut Child) {
    bot.kill().expect("it runs");
    bot.wait().expect("it ends");
    world.slack.wait_for("no socket", |slack| (slack.sockets() == 0).then_some(())).await;
}

/// What the kernel counts as resident, in bytes.
fn resident(bot: &Child) -> u64 {
    memory(bot, "VmRSS:")
}

/// A figure of the kernel's about the process's memory, in bytes.
fn memory(bot: &Child, which: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", bot.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or_default() * 1024
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "for display")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
