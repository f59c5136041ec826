//! The running bot as it is watched: by `status`, over HTTP, by a dead man's line, and by systemd.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use inactive_contractors::monitoring::NAMES;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fake::gate::Moment;
use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, FakeSlack, U_APPROVER, U_VIEWER};
use crate::process::{BotProcess, Ended};
use crate::support::{UNSCHEDULED_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";

/// Runs a command of the binary to its end.
async fn ask(world: &World, arguments: &[&str]) -> Ended {
    BotProcess::spawn_as_configured(world, arguments, &[]).ended().await
}

pub(super) async fn status(world: &World) -> (Option<i32>, Value) {
    let ended = ask(world, &["status", "--json"]).await;
    let json = serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    (ended.code, json)
}

/// Asks until the answer is this.
pub(super) async fn status_says(
    world: &World,
    what: &str,
    holds: impl Fn(&Value) -> bool,
) -> (Option<i32>, Value) {
    for _ in 0..40 {
        let (code, json) = status(world).await;
        if holds(&json) {
            return (code, json);
        }
    }
    panic!("the status never said: {what}");
}

fn socket(world: &World) -> PathBuf {
    world.folder().join("bot.db.sock")
}

async fn card(world: &World) {
    let next = |slack: &FakeSlack| slack.messages(C_OPS).into_iter().find(is_open_card);
    world.slack.wait_for("an open card", next).await;
}

/// A bot that asks about one person.
pub(super) async fn asking() -> (World, BotProcess) {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let process = BotProcess::run(&world).await;
    world.ask_for_sweep().await;
    card(&world).await;
    (world, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_of_a_bot_that_does_its_job_and_of_none() {
    let (world, process) = asking().await;
    let (code, json) = status(&world).await;
    assert_eq!(
        (code, json["healthy"].as_bool(), &json["wrong"]),
        (Some(0), Some(true), &Value::from(vec![0; 0]))
    );
    for what in ["slack", "okta", "database"] {
        assert_eq!(json[what]["ok"], true, "{json:#}");
    }
    let policy = &json["policies"][0];
    assert_eq!((&policy["policy"], &policy["open_requests"]), (&"contractors".into(), &1.into()), "{json:#}");
    assert_eq!(
        (&policy["last_sweep"]["listed"], &policy["last_sweep"]["candidates"]),
        (&1.into(), &1.into())
    );
    let eyes = ask(&world, &["status"]).await;
    assert!(eyes.stdout.contains("asked about 1 of 1") && eyes.stdout.ends_with("\nhealthy\n"), "{eyes:?}");

    let mode = std::fs::metadata(socket(&world)).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    process.kill(&world).await;
    let gone = ask(&world, &["status"]).await;
    assert_eq!(gone.code, Some(1));
    assert!(gone.stderr.contains("no bot is running with this database"), "{gone:?}");
    // What the killed one left behind is in nobody's way.
    let process = BotProcess::run(&world).await;
    assert_eq!(status(&world).await.0, Some(0));
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    assert!(!socket(&world).exists());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_is_wrong() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    world.okta.revoke_api_token();
    let process = BotProcess::run(&world).await;
    world.ask_for_sweep().await;
    let failed =
        |json: &Value| json["policies"][0]["last_sweep"]["state"] == "failed" && json["okta"]["ok"] == false;
    let (code, json) = status_says(&world, "the sweep failed", failed).await;
    assert_eq!((code, &json["healthy"], &json["alive"]), (Some(1), &false.into(), &true.into()), "{json:#}");
    let wrong = json["wrong"].to_string();
    assert!(
        wrong.contains("Okta: access denied") && wrong.contains("the last sweep of contractors failed"),
        "{wrong}"
    );
    let eyes = ask(&world, &["status"]).await;
    assert!(
        eyes.stdout.contains("WRONG: Okta: access denied") && eyes.stdout.ends_with("\nNOT HEALTHY\n"),
        "{eyes:?}"
    );
    process.terminate();
    process.ended().await.tells_no_secrets(&world);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_not_healthy_while_a_missing_right_keeps_what_was_approved_from_being_done() {
    let (world, card) = World::asking(UNSCHEDULED_POLICY, &[ADA]).await;
    std::fs::write(world.folder().join("bot.toml"), world.config_toml()).expect("the folder is ours");
    world.okta.deny("lifecycle/suspend");
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("have stopped").await;
    // Okta answers everything else, and well.
    world.ask_for_sweep().await;
    world.until("another sweep", |world| world.audited("sweep_finished") == 2).await;
    let (code, json) = status_says(&world, "Okta answers", |json| json["okta"]["ok"] == true).await;
    assert_eq!((code, &json["healthy"], &json["alive"]), (Some(1), &false.into(), &true.into()), "{json:#}");
    let stuck = json["stuck"][0].as_str().unwrap_or_default();
    assert!(
        stuck.starts_with("the suspensions of request 1 wait: ") && stuck.contains("may not suspend users"),
        "{json:#}"
    );
    world.okta.allow("lifecycle/suspend");
    world.advance(chrono::Duration::seconds(61));
    world.message("1 account suspended. Approved by").await;
    status_says(&world, "healthy", |json| json["healthy"] == true).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_answers_while_slack_can_not_be_reached_and_needs_no_secrets() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let nowhere = [("SLACK_API_URL", "http://127.0.0.1:9/api")];
    let process = BotProcess::spawn(&world, &["run"], &nowhere);
    process.writes("Slack can't be reached yet", 1).await;
    let without = [("SLACK_BOT_TOKEN", ""), ("SLACK_APP_TOKEN", ""), ("OKTA_API_TOKEN", "")];
    let ended = BotProcess::spawn(&world, &["status", "--json"], &without).ended().await;
    let json: Value =
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"));
    assert_eq!((ended.code, &json["alive"]), (Some(1), &true.into()), "{json:#}");
    assert_eq!(json["wrong"][0], "Slack has not been reached since the start or the last reload");
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_without_its_configuration_does_not_say_that_no_bot_runs() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let without = [("INACTIVE_CONTRACTORS_DB", "")];
    for (config, why) in [(None, "--config names another file"), (Some("[slack\n"), "is no TOML")] {
        if let Some(config) = config {
            std::fs::write(world.folder().join("bot.toml"), config).expect("the folder is ours");
        }
        let ended = BotProcess::spawn_as_configured(&world, &["status"], &without).ended().await;
        assert_eq!(ended.code, Some(3), "{ended:?}");
        assert!(ended.stderr.contains(why), "{ended:?}");
    }
}

/// What `curl -i` would print.
async fn get(port: u16, line: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the bot listens");
    let request = format!("{line} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the bot reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the bot answers");
    answer
}

pub(super) async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.and_then(|bound| bound.local_addr()).expect("a free port").port()
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_metrics_are_served_to_this_machine() {
    let port = free_port().await;
    let world = World::new(&format!("{UNSCHEDULED_POLICY}[monitoring]\nhttp = \"127.0.0.1:{port}\"\n")).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let process = BotProcess::run(&world).await;
    world.ask_for_sweep().await;
    card(&world).await;
    let asked = world.slack.messages(C_OPS)[0].ts.clone();
    world.slack.click(U_APPROVER, &asked, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;

    let healthy = get(port, "GET /healthz").await;
    assert!(healthy.starts_with("HTTP/1.1 200") && healthy.ends_with("\r\n\r\nok\n"), "{healthy}");
    let metrics = get(port, "GET /metrics").await;
    // No collector lacks anything.
    let served = NAMES.iter().filter(|name| !name.starts_with("audit_behind_"));
    let served: BTreeSet<&str> = served.map(|name| name.trim_end_matches("_total")).collect();
    let described = metrics.lines().filter_map(|line| line.strip_prefix("# HELP inactive_contractors_"));
    assert_eq!(
        described.filter_map(|line| line.split(' ').next()).collect::<BTreeSet<_>>(),
        served,
        "{metrics}"
    );
    for line in [
        "up_healthy 1.0",
        "sweeps_total{policy=\"contractors\",result=\"finished\"} 1",
        "listed_accounts{policy=\"contractors\"} 1.0",
        "candidates{policy=\"contractors\"} 1.0",
        "decisions_total{policy=\"contractors\",kind=\"approved\"} 1",
        "suspensions_total{policy=\"contractors\",outcome=\"suspended\"} 1",
        "decision_seconds_count{policy=\"contractors\"} 1",
        "open_requests{policy=\"contractors\"} 0.0",
        "decisions_total{policy=\"contractors\",kind=\"denied\"} 0",
        "slack_connected 1.0",
        "slack_reconnects_total 0",
    ] {
        assert!(metrics.contains(&format!("\ninactive_contractors_{line}\n")), "{line}: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    assert!(get(port, "POST /healthz").await.starts_with("HTTP/1.1 405"));
    assert!(get(port, "GET /").await.starts_with("HTTP/1.1 404"));

    world.okta.revoke_api_token();
    world.ask_for_sweep().await;
    world.message("failed").await;
    let ill = get(port, "GET /healthz").await;
    assert!(ill.starts_with("HTTP/1.1 503") && ill.contains("the last sweep of contractors failed"), "{ill}");
    assert!(get(port, "GET /metrics").await.contains("\ninactive_contractors_up_healthy 0.0\n"));
    // No restart fixes that.
    assert!(get(port, "GET /livez").await.starts_with("HTTP/1.1 200"));
    assert_eq!(ask(&world, &["status", "--alive"]).await.code, Some(0));
    process.terminate();
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let world = World::new(&format!("{UNSCHEDULED_POLICY}[monitoring]\nhttp = \"{address}\"\n")).await;
    let ended = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_ne!(ended.code, Some(0));
    assert!(ended.stderr.contains("name a free port"), "{ended:?}");
}

/// Counts the calls of a heartbeat.
pub(super) async fn line() -> (String, Arc<AtomicUsize>) {
    let (calls, counted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let called = Arc::clone(&calls);
    let beat = move || {
        let (called, counted) = (Arc::clone(&called), Arc::clone(&counted));
        async move {
            // The first call fails: it is made again.
            if counted.fetch_add(1, Ordering::SeqCst) == 0 {
                return axum::http::StatusCode::BAD_GATEWAY;
            }
            called.fetch_add(1, Ordering::SeqCst);
            axum::http::StatusCode::OK
        }
    };
    let router = axum::Router::new().route("/ping/s3cret-line", axum::routing::get(beat));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}/ping/s3cret-line"), calls)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_mans_line_is_called_after_each_sweep_that_went_through_and_no_other() {
    let (url, calls) = line().await;
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let heartbeat = [("HEARTBEAT_URL", url.as_str())];
    let process = BotProcess::run_with(&world, &heartbeat).await;
    world.ask_for_sweep().await;
    card(&world).await;
    world.until("one call", |_| calls.load(Ordering::SeqCst) == 1).await;
    world.okta.revoke_api_token();
    world.ask_for_sweep().await;
    world.message("failed").await;
    world.okta.restore_api_token();
    process.kill(&world).await;
    // It begins where it ended, and what failed did not call.
    let process = BotProcess::run_with(&world, &heartbeat).await;
    world.ask_for_sweep().await;
    world.until("another sweep", |world| world.audited("sweep_finished") == 2).await;
    world.until("another call", |_| calls.load(Ordering::SeqCst) == 2).await;
    process.terminate();
    let ended = process.ended().await;
    assert!(!ended.stderr.contains("s3cret-line"), "{}", ended.stderr);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// Changes the configuration's file and has it read again.
pub(super) fn reload(world: &World, process: &BotProcess, config: &str) {
    std::fs::write(world.folder().join("bot.toml"), config).expect("the folder can be written");
    process.hang_up();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_takes_effect_as_a_whole_while_a_card_waits() {
    let (world, process) = asking().await;
    let asked = world.slack.messages(C_OPS)[0].ts.clone();
    let refused = world.slack.click(U_VIEWER, &asked, "suspend").await.expect("the button is there");
    assert!(refused.acked_after.is_some());
    world.until("a refusal", |world| world.audited("input_refused") == 1).await;

    let before = world.slack.connections_opened();
    reload(&world, &process, &world.config_toml().replace(U_APPROVER, U_VIEWER));
    process.connected(&world, before).await;
    let (code, json) = status_says(&world, "reloaded", |json| !json["reload"].is_null()).await;
    assert_eq!((code, &json["reload"]["refused"]), (Some(0), &Value::Null), "{json:#}");
    world.slack.click(U_VIEWER, &asked, "suspend").await.expect("the button is there still");
    world.message("in the thread of").await;
    assert_eq!((world.audited("bot_started"), world.audited("configuration_reloaded")), (1, 1));
    assert_eq!(world.okta.suspends(ADA), 1);
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_can_not_be_used_changes_nothing_and_says_why() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    let process = BotProcess::run(&world).await;
    let good = world.config_toml();
    let cases = [
        (good.replace("approvers", "aprovers"), "unknown key \"aprovers\""),
        (format!("[log]\nlevel = \"debug\"\n{good}"), "[log] can't change while the bot runs: restart it"),
    ];
    for (config, why) in cases {
        reload(&world, &process, &config);
        let says = |json: &Value| json["reload"]["refused"].as_str().is_some_and(|said| said.contains(why));
        status_says(&world, why, says).await;
    }
    // Anyone who lost the credential in the meantime learns of it, and loses nothing else.
    world.okta.revoke_api_token();
    reload(&world, &process, &good);
    let denied =
        |json: &Value| json["reload"]["refused"].as_str().is_some_and(|said| said.starts_with("Okta: "));
    let (_, json) = status_says(&world, "the credential is refused", denied).await;
    assert_eq!(world.slack.connections_opened(), 1, "{json:#}");
    world.okta.restore_api_token();
    world.ask_for_sweep().await;
    card(&world).await;
    process.terminate();
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_ends_by_the_old_configuration_before_anything_begins_by_the_new_one() {
    let (world, process) = asking().await;
    let call = "okta POST /api/v1/users/{id}/lifecycle/suspend";
    world.gate.stop_at_label(call, 1, Moment::Before);
    let asked = world.slack.messages(C_OPS)[0].ts.clone();
    world.slack.click(U_APPROVER, &asked, "suspend").await.expect("the button is there");
    world.gate.stopped().await;
    let exempt = format!("{}exempt_logins = [\"{ADA}\"]\n", world.config_toml());
    reload(&world, &process, &exempt);
    // However long that takes.
    process.writes("some work is still in flight", 1).await;
    assert_eq!(world.audited("configuration_reloaded"), 0);
    world.gate.release();
    world.until("the new one", |world| world.audited("configuration_reloaded") == 1).await;
    let audited = world.audit().into_iter().map(|line| line.action);
    let then = audited.filter(|action| ["suspended", "configuration_reloaded"].contains(&action.as_str()));
    assert_eq!(then.collect::<Vec<_>>(), ["suspended", "configuration_reloaded"]);
    world.message("in the thread of").await;
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_level_token_that_slack_refuses_ends_nothing() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let token = world.folder().join("app-token");
    std::fs::write(&token, world.slack.app_token()).expect("the folder is ours");
    let config = format!("[slack]\napp_token_file = \"{}\"\n{}", token.display(), world.config_toml());
    std::fs::write(world.folder().join("bot.toml"), &config).expect("the folder is ours");
    let process = BotProcess::spawn_as_configured(&world, &["run"], &[("SLACK_APP_TOKEN", "")]);
    process.connected(&world, 0).await;
    std::fs::write(&token, "xapp-1-A0WRONG-1-wrong").expect("the folder is ours");
    reload(&world, &process, &config);
    let refused = |json: &Value| {
        json["reload"]["refused"].as_str().is_some_and(|said| said.contains("with the app-level token"))
    };
    let (code, json) = status_says(&world, "the token is refused", refused).await;
    assert_eq!((code, &json["healthy"]), (Some(0), &true.into()), "{json:#}");
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_is_taken_while_slack_can_not_be_reached() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let nowhere = "[slack]\napi_url = \"http://127.0.0.1:9/api\"\n";
    let config = format!("{nowhere}{}", world.config_toml());
    std::fs::write(world.folder().join("bot.toml"), &config).expect("the folder is ours");
    let process = BotProcess::spawn_as_configured(&world, &["run"], &[("SLACK_API_URL", "")]);
    process.writes("Slack can't be reached yet", 1).await;
    let right = nowhere.replace("http://127.0.0.1:9/api", &world.slack.api_url());
    reload(&world, &process, &format!("{right}{}", world.config_toml()));
    process.connected(&world, 0).await;
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

/// A socket such as systemd's, and what was said on it.
fn systemd(world: &World) -> (String, Arc<Mutex<Vec<String>>>) {
    let path = world.folder().join("notify");
    let socket = UnixDatagram::bind(&path).expect("the folder is ours");
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(length) = socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            heard.lock().expect("nothing panics while it is held").extend(text.lines().map(str::to_owned));
        }
    });
    (path.display().to_string(), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn systemd_gets_each_notification_that_it_waits_for() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let (path, said) = systemd(&world);
    let process =
        BotProcess::run_with(&world, &[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "300000")]).await;
    let heard = |line: &str| said.lock().expect("nothing panics").iter().any(|said| said.starts_with(line));
    let times = |line: &str| said.lock().expect("nothing panics").iter().filter(|said| *said == line).count();
    for line in ["READY=1", "WATCHDOG=1", "STATUS=healthy"] {
        world.until(line, |_| heard(line)).await;
    }
    reload(&world, &process, &world.config_toml());
    for line in ["RELOADING=1", "MONOTONIC_USEC="] {
        world.until(line, |_| heard(line)).await;
    }
    world.until("ready again", |_| times("READY=1") == 2).await;
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.until("the end", |_| heard("STOPPING=1")).await;
}
