//! The audit trail at its collectors: whole, in order, whatever is down or dies meanwhile.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, UdpSocket};

use super::commands::assert_answer;
use crate::fake::slack::U_APPROVER;
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";

/// What a collector over HTTP got, and what it answers.
#[derive(Clone, Default)]
struct Endpoint {
    got: Arc<Mutex<Vec<(String, String)>>>,
    refuses: Arc<Mutex<usize>>,
}

impl Endpoint {
    async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let router = axum::Router::new().route("/audit", post(take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}/audit")
    }

    fn events(&self) -> Vec<Value> {
        let got = self.got.lock().expect("nothing panics while it is held");
        let lines = got.iter().flat_map(|(_, body)| body.lines());
        lines.map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

async fn take(State(endpoint): State<Endpoint>, headers: HeaderMap, body: String) -> StatusCode {
    let mut refuses = endpoint.refuses.lock().expect("nothing panics while it is held");
    if *refuses > 0 {
        *refuses -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let got = (authorization.to_owned(), body);
    endpoint.got.lock().expect("nothing panics while it is held").push(got);
    StatusCode::OK
}

/// Each event the first time that it came.
fn once_each(mut events: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    events.retain(|event| seen.insert(event["seq"].as_i64()));
    events
}

/// These are all events of the trail, each once, in order, as they are hashed.
fn assert_whole(world: &World, events: &[Value]) {
    let trail = world.audit();
    let numbers: Vec<i64> = events.iter().filter_map(|event| event["seq"].as_i64()).collect();
    assert_eq!(numbers, trail.iter().map(|line| line.seq).collect::<Vec<_>>());
    for pair in events.windows(2) {
        assert_eq!(pair[1]["prev_hash"], pair[0]["hash"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_down_gets_everything_later_and_a_crash_loses_nothing() {
    let endpoint = Endpoint::default();
    let url = endpoint.start().await;
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("audit.jsonl");
    // A line that an earlier crash cut off stays a line of its own.
    std::fs::write(&file, "{\"cut off\"").expect("it can be written");
    *endpoint.refuses.lock().expect("nothing panics") = 1;
    let forward = format!("{PLAIN_POLICY}[forward]\nurl = \"{url}\"\nfile = \"{}\"\n", file.display());
    let (world, card) = World::asking(&forward, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.kill_bot().await;
    world.start_bot().await;
    assert_answer(&world, U_APPROVER, "status", &["Database: fine."]).await;

    let all = |world: &World| world.audit().len();
    world.until("the endpoint to have everything", |world| endpoint.events().len() >= all(world)).await;
    let lines = |_: &World| std::fs::read_to_string(&file).unwrap_or_default().lines().count();
    world.until("the file to have everything", |world| lines(world) > all(world)).await;
    // What was sent when the bot died may come again, under its number.
    assert_whole(&world, &once_each(endpoint.events()));
    let text = std::fs::read_to_string(&file).expect("it is there");
    let events = text.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_whole(&world, &once_each(events));
    let mut seen = HashSet::new();
    let whole: Vec<&str> = text.lines().skip(1).filter(|line| seen.insert(*line)).collect();
    let forged = whole.join("\n").replacen("approved", "approvad", 1);
    for (lines, words) in [
        (text.clone(), "it verifies up to "),
        ([&whole[..3], &whole[1..]].concat().join("\n"), "it verifies up to "),
        (forged, "was changed"),
        ([&whole[..1], &whole[2..]].concat().join("\n"), "something is missing before event"),
        (whole[1..].join("\n"), "from event 2 on"),
    ] {
        let told = the_readmes_program(directory.path(), &lines);
        let Some(Ok(said) | Err(said)) = &told else { break };
        assert!(
            said.contains(words)
                && told.as_ref().is_some_and(Result::is_ok)
                    == (words.starts_with("it") || words.starts_with("from")),
            "{told:?}"
        );
    }
    world.nothing_else_is_wrong().await;
}

/// What the program in the README says of these lines. `None`: there is no Python here, and that is said.
pub fn the_readmes_program(folder: &std::path::Path, lines: &str) -> Option<Result<String, String>> {
    let readme = include_str!("../../README.md");
    let program =
        readme.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("it is shown");
    std::fs::write(folder.join("audit.jsonl"), lines).expect("the folder is ours");
    crate::history::python(folder, &["-c".as_ref(), program.as_ref()])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_is_sent_and_nowhere_to_be_read() {
    let endpoint = Endpoint::default();
    let url = endpoint.start().await;
    let mut world = World::at_ten(&format!("{PLAIN_POLICY}[forward]\nurl = \"{url}\"\n")).await;
    world.set_variable("FORWARD_AUTHORIZATION", "Splunk 0b1-secret");
    world.start_bot().await;
    world.until("an event", |_| !endpoint.events().is_empty()).await;
    assert_eq!(endpoint.got.lock().expect("nothing panics")[0].0, "Splunk 0b1-secret");
    assert!(!format!("{:?}", world.config()).contains("0b1-secret"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_stays_down_is_said_in_the_status() {
    let world =
        World::at_ten(&format!("{PLAIN_POLICY}[forward]\nurl = \"http://127.0.0.1:9/audit\"\n")).await;
    world.start_bot().await;
    world.advance(chrono::Duration::minutes(3));
    assert_answer(&world, U_APPROVER, "status", &[" has been missing "]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn syslog_servers_get_records_as_rfc_5424_has_them() {
    let tcp = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = tcp.local_addr().expect("it is bound");
    let world = World::at_ten(&format!("{PLAIN_POLICY}[forward]\nsyslog = \"tcp://{address}\"\n")).await;
    world.start_bot().await;
    let (mut stream, _) = tcp.accept().await.expect("the bot connects");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("it is text");
    drop(stream);
    let (length, record) = text.split_once(' ').expect("the length comes first");
    assert_eq!(length.parse::<usize>().expect("a number"), record.len());
    let (header, json) = record.split_once(" - {").expect("a header and a message");
    assert!(
        header.starts_with("<110>1 2") && header.ends_with("Z - inactive-contractors - bot_started"),
        "{header}"
    );
    assert_eq!(serde_json::from_str::<Value>(&format!("{{{json}")).expect("JSON")["seq"], 1);
    world.nothing_else_is_wrong().await;

    let udp = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = udp.local_addr().expect("it is bound");
    let world = World::at_ten(&format!("{PLAIN_POLICY}[forward]\nsyslog = \"udp://{address}\"\n")).await;
    world.start_bot().await;
    let mut datagram = [0; 4096];
    let length = udp.recv(&mut datagram).await.expect("a datagram");
    let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
    assert!(text.starts_with("<110>1 ") && text.contains("\"action\":\"bot_started\""), "{text}");
    world.nothing_else_is_wrong().await;
}
