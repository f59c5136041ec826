//! What HTTP gives to any program of this machine: no page of somebody else's, and no names.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::watch::{free_port, status_says};
use crate::fake::slack::{C_OPS, SlackUser, U_APPROVER2};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};

/// The answer to a request with these lines.
async fn asked(port: u16, lines: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the bot listens");
    let request = format!("{lines}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the bot reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the bot answers");
    answer
}

async fn watched() -> (World, u16) {
    let port = free_port().await;
    let policy = format!("{UNSCHEDULED_POLICY}[monitoring]\nhttp = \"127.0.0.1:{port}\"\n");
    (World::new(&policy).await, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_name_was_made_to_lead_here_reads_nothing() {
    let (world, port) = watched().await;
    let process = BotProcess::run(&world).await;
    let hosts = ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"];
    for host in hosts.into_iter().flat_map(|host| [host.to_owned(), format!("{host}:{port}")]) {
        for path in ["/healthz", "/livez", "/status", "/metrics"] {
            let answer = asked(port, &format!("GET {path} HTTP/1.1\r\nhost: {host}")).await;
            assert!(answer.starts_with("HTTP/1.1 200"), "{host} {path} {answer}");
        }
    }
    let foreign =
        ["evil.example", &format!("evil.example:{port}"), "127.0.0.1.evil.example", "192.0.2.7", "", "@"];
    let foreign = foreign.iter().map(|host| format!("\r\nhost: {host}"));
    let others = [String::new(), "\r\nhost: localhost\r\nhost: evil.example".to_owned()];
    for host in foreign.chain(others) {
        for path in ["/healthz", "/livez", "/status", "/metrics"] {
            let answer = asked(port, &format!("GET {path} HTTP/1.1{host}")).await;
            assert!(answer.starts_with("HTTP/1.1 4"), "{host} {path} {answer}");
            let tells = ["contractors_", "healthy", "\nok\n"].iter().any(|word| answer.contains(word));
            assert!(!tells, "{host} {path} {answer}");
        }
    }
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_name_people_are_for_the_bots_own_user_only() {
    let (world, port) = watched().await;
    let nameless = SlackUser { email: None, ..SlackUser::new(U_APPROVER2, "Bob Approver", "") };
    world.slack.add_user(nameless, &[C_OPS]);
    let process = BotProcess::run(&world).await;
    world.ask_for_sweep().await;
    world.message("gives no confirmed address of Bob Approver").await;
    let (_, json) =
        status_says(&world, "the sweep failed", |json| json["wrong"].to_string().contains("Bob Approver"))
            .await;
    assert!(json["policies"][0]["last_sweep"]["outcome"].to_string().contains("Bob Approver"), "{json:#}");
    // What a reload is refused for may name anybody, too.
    let wrong = world.config_toml().replace("approvers", "aprovers");
    super::watch::reload(&world, &process, &wrong);
    status_says(&world, "refused", |json| json["reload"]["refused"].is_string()).await;
    let mut told = String::new();
    for path in ["/healthz", "/status", "/metrics"] {
        told += &asked(port, &format!("GET {path} HTTP/1.1\r\nhost: localhost")).await;
    }
    assert!(told.contains("the last sweep of contractors failed"), "{told}");
    for name in ["Bob", U_APPROVER2, "aprovers"] {
        assert!(!told.contains(name), "{name}: {told}");
    }
    process.terminate();
    process.ended().await;
}
