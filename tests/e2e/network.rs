//! The networks that companies have: a proxy that wants credentials, looks into TLS, or refuses; and what `check` and `run`
//! of the real binary say and do there.

use crate::fake::okta::Person;
use crate::fake::proxy::{FakeProxy, Manner};
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::process::{BotProcess, Ended};
use crate::support::{UNSCHEDULED_POLICY, World};

const CREDENTIALS: &str = "bot:pass#word";
/// As it stands in an address.
const IN_ADDRESS: &str = "bot:pass%23word";
const OUR_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/tls/ca.pem");
const ANOTHER_CA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/keys/tls/other-ca.pem");

/// A world in which Slack is beyond a proxy.
struct Office {
    world: World,
    proxy: FakeProxy,
    variables: Vec<(&'static str, String)>,
}

impl Office {
    async fn new() -> Office {
        let world = World::new(UNSCHEDULED_POLICY).await;
        world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
        let (slack, okta) = (world.slack.api_url(), world.okta.url().to_owned());
        let proxy = FakeProxy::start(&[
            ("slack.acme.test", &slack),
            ("sockets.acme.test", &slack),
            ("okta.acme.test", &okta),
            // They get an answer of somebody, which is all that is needed here.
            ("collector.acme.test", &okta),
            ("beat.acme.test", &okta),
        ])
        .await;
        world.slack.offer_sockets_at("wss://sockets.acme.test");
        let variables = vec![
            ("SLACK_API_URL", "https://slack.acme.test/api".to_owned()),
            ("HTTPS_PROXY", format!("http://{}", proxy.address())),
            ("SSL_CERT_FILE", OUR_CA.to_owned()),
        ];
        Office { world, proxy, variables }
    }

    /// With this variable set.
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Office {
        self.variables.retain(|(other, _)| *other != name);
        self.variables.push((name, value.into()));
        self
    }

    fn begin(&self, arguments: &[&str]) -> BotProcess {
        let variables: Vec<_> = self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        BotProcess::spawn(&self.world, arguments, &variables)
    }

    async fn end(&self, process: BotProcess) -> Ended {
        let ended = process.ended().await;
        ended.tells_no_secrets(&self.world);
        for secret in ["pass#word", "pass%23word", "Ym90OnBhc3Mjd29yZA"] {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
        }
        ended
    }

    /// What `check` says, line by line; it has to fail or not.
    async fn check(&self, fails: bool) -> String {
        let ended = self.end(self.begin(&["check"])).await;
        assert_eq!(ended.code != Some(0), fails, "{ended:?}");
        ended.stdout
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_a_proxy_that_wants_credentials_and_looks_into_tls() {
    let office = Office::new().await;
    let proxy = format!("http://{IN_ADDRESS}@{}", office.proxy.address());
    let mut office = office.with("HTTPS_PROXY", proxy).with("OKTA_ORG_URL", "https://okta.acme.test");
    office.proxy.set_manner(Manner::WithCredentials(CREDENTIALS.to_owned()));
    let said = office.check(false).await;
    assert!(said.contains("Slack socket: opened, and Slack said hello"), "{said}");

    let more = "[forward]\nurl = \"https://collector.acme.test/audit\"\n[log]\nlevel = \"trace\"\n";
    let policy = format!("{UNSCHEDULED_POLICY}{more}");
    office.world.set_policy(&policy);
    let office = office.with("HEARTBEAT_URL", "https://beat.acme.test/ping");
    let before = office.world.slack.connections_opened();
    let bot = office.begin(&["run"]);
    bot.connected(&office.world, before).await;
    office.world.sweep().await;
    for host in ["slack", "sockets", "okta", "collector", "beat"] {
        office.proxy.was_asked(&format!("{host}.acme.test:443 200")).await;
    }
    bot.terminate();
    assert_eq!(office.end(bot).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_names_what_a_proxy_refuses_and_how_to_fix_it() {
    let office = Office::new().await;
    office.proxy.set_manner(Manner::WithCredentials(CREDENTIALS.to_owned()));
    let said = office.check(true).await;
    assert!(
        said.contains("no connection to Slack could be made: the proxy wants a user name and a password"),
        "{said}"
    );
    assert!(said.contains("http://user:password@host:port"), "{said}");
    // Okta is on this machine, and no proxy leads there.
    assert!(said.contains("ok    Okta credential"), "{said}");

    office.proxy.set_manner(Manner::Refusing);
    let said = office.check(true).await;
    assert!(said.contains("the proxy refused to connect there"), "{said}");
    let asked = office.proxy.asked();
    assert_eq!(asked, ["slack.acme.test:443 407", "slack.acme.test:443 403"]);

    // Taken and let go, so that nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("a port");
    let office = office.with("HTTPS_PROXY", format!("http://{gone}"));
    let said = office.check(true).await;
    assert!(said.contains("the proxy can't be reached: it was refused"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_proxy_names_is_not_asked_of_the_proxy() {
    let office = Office::new().await.with("NO_PROXY", "slack.acme.test");
    // There is no such name but in the proxy's own book.
    let said = office.check(true).await;
    assert!(
        said.contains("FAIL  Slack: ") && said.contains("no connection to Slack could be made"),
        "{said}"
    );
    assert_eq!(office.proxy.asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_the_proxy_does_not_let_through_fails_the_check() {
    let office = Office::new().await;
    office.world.slack.offer_sockets_at("wss://elsewhere.acme.test");
    let said = office.check(true).await;
    assert!(said.contains("ok    Slack app-level token"), "{said}");
    assert!(
        said.contains("FAIL  Slack socket: ") && said.contains("the proxy refused to connect there"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_nobody_knows_is_named() {
    let office = Office::new().await.with("SSL_CERT_FILE", ANOTHER_CA);
    let said = office.check(true).await;
    assert!(said.contains("it was issued by \"Acme Corp Inspection CA\""), "{said}");
    assert!(said.contains("set SSL_CERT_FILE"), "{said}");
    let said = office.with("SSL_CERT_FILE", "/nonexistent/ca.pem").check(true).await;
    assert!(said.contains("no CA certificates could be read"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_two_apps_fail_the_check_and_end_the_run() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.slack.app_token_is_of("A0OTHER");
    for arguments in ["check", "run"] {
        let ended = BotProcess::spawn(&world, &[arguments], &[]).ended().await;
        ended.tells_no_secrets(&world);
        assert_ne!(ended.code, Some(0), "{ended:?}");
        let said = ended.stdout + &ended.stderr;
        assert!(
            said.contains("the bot token is of the Slack app A0BOT") && said.contains("A0OTHER"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_with_the_token_of_another_app_changes_nothing() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let token = world.folder().join("app-token");
    std::fs::write(&token, world.slack.app_token()).expect("the folder can be written");
    let config = format!("{}[slack]\napp_token_file = '{}'\n", world.config_toml(), token.display());
    std::fs::write(world.folder().join("bot.toml"), config).expect("the folder can be written");
    let bot = BotProcess::spawn_as_configured(&world, &["run"], &[("SLACK_APP_TOKEN", "")]);
    bot.connected(&world, 0).await;

    world.slack.app_token_is_of("A0OTHER");
    std::fs::write(&token, world.slack.app_token()).expect("the folder can be written");
    bot.hang_up();
    bot.writes("the new configuration can't be used", 1).await;
    assert!(bot.written().contains("the app-level token of another, A0OTHER"), "{}", bot.written());
    let answer = world.slack.slash(U_APPROVER, C_OPS, "/inactive-contractors help").await;
    assert!(answer.is_ok_and(|answer| answer.acked_after.is_some()), "the old one goes on");
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
}
