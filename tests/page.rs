//! The sandbox's page in a real headless Chromium, as a newcomer uses it. A machine without Chromium and its driver
//! says loudly that nothing was tested; with `CI` set that is a failure.

#[path = "fake/mod.rs"]
mod fake;
#[path = "sandbox/mod.rs"]
mod sandbox;
#[path = "support/mod.rs"]
mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use sandbox::{Sandbox, U_CONTRACTOR};
use serde_json::json;

use fake::slack::{U_APPROVER, U_GUEST};

/// How long the page may take to show what has happened.
const PATIENCE: Duration = Duration::from_secs(20);
/// An inactive contractor of the demo.
const IDLE: &str = "ada.okafor@ext.example";

/// A world, its page, and a browser that looks at it.
struct Visit {
    sandbox: Arc<Sandbox>,
    page: Client,
    address: String,
    _driver: Driver,
    _profile: tempfile::TempDir,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        // Ending the driver ends its browsers. Whether it was already gone doesn't matter.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Visit {
    /// `None` where there is no browser.
    async fn start() -> Option<Visit> {
        let (driver, port) = driver()?;
        let profile = tempfile::tempdir().expect("a temporary directory");
        let sandbox = Arc::new(Sandbox::start().await);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(sandbox::server::serve(Arc::clone(&sandbox), listener));
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(profile.path()))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("the driver starts a browser");
        let visit = Visit { sandbox, page, address, _driver: driver, _profile: profile };
        visit.be(U_APPROVER).await;
        Some(visit)
    }

    async fn be(&self, user: &str) {
        self.page.goto(&format!("{}/?who={user}", self.address)).await.expect("the page loads");
        self.see("body[data-revision]").await;
    }

    /// Waits for an element.
    async fn see(&self, selector: &str) -> fantoccini::elements::Element {
        let wait = self.page.wait().at_most(PATIENCE).for_element(Locator::Css(selector));
        wait.await.unwrap_or_else(|error| panic!("{selector} never came: {error}"))
    }

    async fn click(&self, selector: &str) {
        self.see(selector).await.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    /// Waits until the page as a whole, or a part of it, says this.
    async fn read(&self, selector: &str, words: &str) {
        let script = "return [...document.querySelectorAll(arguments[0])].some(
            (one) => one.textContent.includes(arguments[1]));";
        self.holds(script, &[json!(selector), json!(words)], &format!("{words:?} in {selector}")).await;
    }

    /// Waits until a script answers true.
    async fn holds(&self, script: &str, arguments: &[serde_json::Value], what: &str) {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let answer = self.page.execute(script, arguments.to_vec()).await.expect("the script runs");
            if answer == true {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "waited in vain for {what}");
            // The browser tells nobody of its changes, so it is asked at the pace of its frames.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn status(&self, login: &str, status: &str) {
        self.read(&format!("[data-okta-login=\"{login}\"] .status"), status).await;
    }

    async fn count(&self, selector: &str) -> usize {
        self.page.find_all(Locator::Css(selector)).await.expect("the page answers").len()
    }

    async fn sweep(&self) {
        self.click("#sweep-now").await;
        self.see("[data-action-id=suspend]").await;
        self.read("#messages", "Answer by").await;
    }

    /// Takes a picture for README.md when `PICTURES` asks for it.
    async fn picture(&self, name: &str) {
        #[expect(clippy::disallowed_methods, reason = "a test may read what its caller wants")]
        if std::env::var_os("PICTURES").is_some() {
            let png = self.page.screenshot().await.expect("the browser takes a picture");
            let path = format!("{}/tests/sandbox/{name}.png", env!("CARGO_MANIFEST_DIR"));
            std::fs::write(path, png).expect("the folder is there");
        }
    }
}

/// Starts the driver on a port of its choice.
fn driver() -> Option<(Driver, u16)> {
    let started =
        Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = match (started, Command::new("chromium").arg("--version").output()) {
        (Ok(child), Ok(_)) => child,
        (Ok(child), Err(_)) => {
            drop(Driver(child));
            return skipped();
        }
        (Err(_), _) => return skipped(),
    };
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let driver = Driver(child);
    let port = output.lines().map_while(Result::ok).find_map(|line| {
        line.split("on port ").nth(1)?.trim_end_matches('.').parse::<u16>().ok().filter(|port| *port > 0)
    });
    Some((driver, port.expect("the driver says its port")))
}

fn skipped<T>() -> Option<T> {
    #[expect(clippy::disallowed_methods, reason = "a test may read where it runs")]
    let in_ci = std::env::var_os("CI").is_some();
    assert!(!in_ci, "chromium or chromedriver is missing");
    let words =
        b"\n******** SKIPPED: the sandbox's page was not tested: install chromium and chromium-driver\n\n";
    // Written past the test harness, which hides what a passing test prints.
    std::io::stderr().write_all(words).expect("standard error is there");
    None
}

fn capabilities(profile: &std::path::Path) -> serde_json::Map<String, serde_json::Value> {
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1400,1080",
    ];
    let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
    arguments.push(format!("--user-data-dir={}", profile.display()));
    let options = json!({ "goog:chromeOptions": { "args": arguments } });
    options.as_object().expect("it is an object").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_sweeps_suspends_and_watches() {
    let Some(visit) = Visit::start().await else { return };
    visit.sweep().await;
    visit.status(IDLE, "ACTIVE").await;
    visit.holds("return !document.querySelector('.toast')", &[], "the note to go").await;
    visit.picture("sandbox").await;
    visit.click("[data-action-id=suspend]").await;
    visit.read("dialog.confirm", "Suspend 12 accounts?").await;
    visit.click("dialog.confirm button.confirm").await;
    visit.status(IDLE, "SUSPENDED").await;
    visit.read("#messages", "12 accounts suspended. Approved by").await;
    visit
        .holds("return document.querySelectorAll('#guide li.done').length === 3", &[], "the guide done")
        .await;
    assert_eq!(visit.count("[data-action-id=suspend]").await, 0, "no live button is left");
    assert_eq!(visit.count(".ping").await, 0, "no name pings anybody");
    visit.click("#tab-audit").await;
    visit.see("#audit tbody tr[data-event=suspended]").await;
    visit.picture("finished").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_decide_is_told_so_alone() {
    let Some(visit) = Visit::start().await else { return };
    visit.sweep().await;
    for user in [U_GUEST, U_CONTRACTOR] {
        visit.be(user).await;
        visit.click("[data-action-id=deny]").await;
        visit.read("#messages li.ephemeral", "Nothing was changed").await;
    }
    visit.be(U_APPROVER).await;
    visit.see("[data-action-id=suspend]").await;
    assert_eq!(visit.sandbox.world.audited("input_refused"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_kept_and_the_rest_suspended() {
    let Some(visit) = Visit::start().await else { return };
    visit.sweep().await;
    visit.click("[data-action-id=choose]").await;
    // The longest idle stands first in the list, so the first box is theirs.
    visit.click(".modal input[value=\"0\"]").await;
    visit.click(".modal button.submit").await;
    visit.status(IDLE, "SUSPENDED").await;
    visit.read("#messages", "11 accounts suspended, 1 kept active").await;
    visit.status("sean.ohara@ext.example", "ACTIVE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_answered_and_the_clock_ends_a_question() {
    let Some(visit) = Visit::start().await else { return };
    let command = visit.see("#command").await;
    command.clear().await.expect("the box can be cleared");
    command.send_keys(&format!("/inactive-contractors why {IDLE}")).await.expect("the box takes text");
    visit.click("#send").await;
    visit.read("#messages li.ephemeral", "is inactive: idle 41 days").await;
    visit.sweep().await;
    visit.click("#clock-past-deadline").await;
    visit.read("#messages", "Expired: nobody is suspended").await;
    visit.status(IDLE, "ACTIVE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_bot_comes_back_and_a_dropped_socket_too() {
    let Some(visit) = Visit::start().await else { return };
    visit.sweep().await;
    visit.click("#bot-kill").await;
    visit.see("#bot-state[data-state=down]").await;
    visit.click("#bot-start").await;
    visit.see("#bot-state[data-state=connected]").await;
    let before = visit.sandbox.world.slack.connections_opened();
    visit.click("#drop-socket").await;
    let again = |slack: &fake::slack::FakeSlack| {
        (slack.connections_opened() > before && slack.fresh_sockets() > 0).then_some(())
    };
    visit.sandbox.world.slack.wait_for("another socket", again).await;
    visit.click("#okta-fail").await;
    visit.click("[data-action-id=suspend]").await;
    visit.click("dialog.confirm button.confirm").await;
    visit.read("#messages", "12 accounts suspended. Approved by").await;
    assert_eq!(visit.sandbox.world.okta.waiting_faults(), 0, "the fault was used up");
}
