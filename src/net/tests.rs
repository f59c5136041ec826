//! Tests what real failures of real connections are called.

use std::time::Duration;

use tokio::net::TcpListener;

use super::*;

async fn of_call(network: &Network, url: &str) -> Cause {
    let client = network.http(&url.parse().unwrap(), Duration::from_secs(5)).unwrap().build().unwrap();
    Cause::of(&client.get(url).send().await.unwrap_err())
}

async fn of_socket(network: &Network, url: &str) -> Cause {
    let error = network.connect(&url.parse().unwrap()).await.unwrap_err();
    Cause::of(error.as_ref())
}

#[tokio::test]
async fn calls_and_sockets_have_the_same_causes() {
    let network = Network::default();
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(of_call(&network, &format!("https://{gone}/")).await, Cause::Refused);
    assert_eq!(of_socket(&network, &format!("wss://{gone}/")).await, Cause::Refused);
    // No resolver knows it: <https://www.rfc-editor.org/rfc/rfc6761#section-6.4>.
    assert_eq!(of_call(&network, "https://nowhere.invalid/").await, Cause::NameNotFound);
    assert_eq!(of_socket(&network, "wss://nowhere.invalid/").await, Cause::NameNotFound);
    let behind = Network::new(Proxies::new(&format!("http://{gone}"), "").unwrap());
    let proxy = Cause::Proxy(Box::new(Cause::Refused));
    assert_eq!(of_call(&behind, "https://slack.example/").await, proxy);
    assert_eq!(of_socket(&behind, "wss://slack.example/").await, proxy);
}

#[tokio::test]
async fn what_speaks_no_tls_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"220 mail.example ESMTP\r\n").await.unwrap();
        stream
    };
    let network = Network::default();
    let (cause, _stream) = tokio::join!(of_call(&network, &url), answer);
    assert_eq!(cause, Cause::Tls);
}

/// What the client gets from a server that says this and closes.
async fn answered(client: &reqwest::Client, says: &str) -> reqwest::Response {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, says.as_bytes()).await.unwrap();
    };
    tokio::join!(client.get(url).send(), answer).0.unwrap()
}

#[tokio::test]
async fn an_answer_is_read_no_further_than_it_may_be_long_and_a_redirect_is_not_followed() {
    let client = |base: &str| {
        let client = Network::default().http(&base.parse().unwrap(), Duration::from_secs(5));
        client.unwrap().build().unwrap()
    };
    let plain = client("http://127.0.0.1/");
    let says = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 5\r\n\r\nabcde";
    let answer = answered(&plain, says).await;
    assert_eq!(answer.status(), http::StatusCode::FOUND);
    assert_eq!(read_body(answer, 5).await.unwrap(), b"abcde");
    let longer = read_body(answered(&plain, says).await, 4).await;
    assert!(matches!(longer, Err(BodyError::TooLong)), "{longer:?}");
    let broken = read_body(answered(&plain, &says[..says.len() - 1]).await, 5).await;
    assert!(matches!(broken, Err(BodyError::Broken(_))), "{broken:?}");
    let unencrypted = client("https://slack.example/").get("http://127.0.0.1:9/").send().await;
    assert!(unencrypted.unwrap_err().is_builder(), "it was made for encrypted calls only");
}

#[test]
fn a_wait_doubles_and_keeps_its_least_part() {
    let [first, longest] = [500, 15_000].map(Duration::from_millis);
    let waits = [0, 1, 4, 5, u32::MAX].map(|waits| doubled(first, waits, longest).as_millis());
    assert_eq!(waits, [500, 1000, 8000, 15_000, 15_000]);
    for _ in 0..100 {
        assert!((first / 2..=first).contains(&spread(first, 0.5)) && spread(first, 0.0) <= first);
    }
}

#[test]
fn each_cause_says_what_to_do() {
    let untrusted = Cause::Untrusted { issuer: Some("Acme CA".to_owned()) };
    for cause in [
        Cause::NameNotFound,
        Cause::Refused,
        Cause::TimedOut,
        Cause::Unreachable,
        Cause::Broken,
        Cause::WrongName,
        Cause::WrongTime,
        Cause::Tls,
        Cause::NoAuthorities,
        Cause::ProxyCredentials,
        Cause::ProxyRefused,
        untrusted.clone(),
    ] {
        let said = cause.to_string();
        assert!(["check", "set", "write", "name the host"].iter().any(|word| said.contains(word)), "{said}");
        assert_eq!(Cause::Proxy(Box::new(cause)).to_string(), format!("the proxy can't be reached: {said}"));
    }
    assert!(untrusted.to_string().contains("issued by \"Acme CA\""));
}
