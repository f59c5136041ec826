//! Traces, of a program that was built with the feature `otlp`: what a collector gets of a sweep, and what it doesn't.

extern crate fake;
extern crate support;

#[path = "support/process.rs"]
#[expect(dead_code, reason = "other tests do more with a process")]
mod process;

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;

use fake::okta::Person;
use fake::slack::C_OPS;
use process::BotProcess;
use support::{UNSCHEDULED_POLICY, World, is_open_card};

type Got = Arc<Mutex<Vec<u8>>>;

async fn take(State(got): State<Got>, body: Bytes) {
    got.lock().expect("nothing panics while it is held").extend_from_slice(&body);
}

async fn collector() -> (String, Got) {
    let got = Got::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = axum::Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&got));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), got)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_traced_and_no_secret_is() {
    let (endpoint, got) = collector().await;
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    let process = BotProcess::run_with(&world, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]).await;
    world.ask_for_sweep().await;
    let card = |slack: &fake::slack::FakeSlack| slack.messages(C_OPS).into_iter().find(is_open_card);
    world.slack.wait_for("a card", card).await;
    process.terminate();
    // What is left is exported at the end.
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
    let got = got.lock().expect("nothing panics while it is held").clone();
    let traces = String::from_utf8_lossy(&got);
    for words in [
        "inactive-contractors",
        "input",
        "work",
        "Sweep(1)",
        "/api/v1/users",
        "slack",
        "/api/chat.postMessage",
    ] {
        assert!(traces.contains(words), "{words}");
    }
    for secret in [world.slack.bot_token(), world.slack.app_token(), world.okta.api_token().to_owned()] {
        assert!(!traces.contains(&secret));
    }
}
