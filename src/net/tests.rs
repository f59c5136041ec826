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
