//! A headless Chromium behind a chromedriver, for one story at a time. A failed wait shows what the page said and
//! leaves a picture of it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// Far longer than anything takes here, short enough to wait for when a test fails.
const PATIENCE: Duration = fake::GUARD;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where Debian's packages put the two programs.
const CHROMIUM: &str = "/usr/bin/chromium";
const CHROMEDRIVER: &str = "/usr/bin/chromedriver";

/// What the person or machine that runs the tests asked for by an environment variable.
#[expect(clippy::disallowed_methods, reason = "how tests are run is no setting of the bot")]
pub fn asked_for(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !["", "0", "false"].iter().any(|no| value == *no))
}

/// Whether there is a browser. Says so where nobody overlooks it if not, and in CI that is a failure.
pub fn is_there() -> bool {
    let missing: Vec<&str> =
        [CHROMIUM, CHROMEDRIVER].into_iter().filter(|path| !Path::new(path).exists()).collect();
    if missing.is_empty() {
        return true;
    }
    let sentence =
        format!("SKIPPED: the sandbox page was not tested, there is no {}", missing.join(" and no "));
    assert!(!asked_for("CI"), "{sentence}");
    // Not eprintln!: the test harness would swallow what a passing test prints.
    writeln!(std::io::stderr(), "\n{sentence}\n").expect("stderr can be written");
    false
}

/// One browser window on the page.
pub struct Browser {
    client: Client,
    address: String,
    _driver: Driver,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser of this size (CSS pixels), with nothing open.
    pub async fn start(address: String, (width, height): (u32, u32)) -> Browser {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let driver = tokio::task::spawn_blocking(Driver::start).await.expect("chromedriver starts");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            "--no-first-run".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--force-prefers-reduced-motion".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let options = json!({ "goog:chromeOptions": { "binary": CHROMIUM, "args": arguments } });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().expect("it is an object").clone())
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("chromedriver starts a browser");
        let browser = Browser { client, address, _driver: driver, _profile: profile };
        browser.fit(width, height).await;
        browser
    }

    /// Makes the page itself this size: a window has a frame, even a headless one.
    pub async fn fit(&self, width: u32, height: u32) {
        self.client.set_window_size(width, height).await.expect("a window has a size");
        let frame = self.run("return [outerWidth - innerWidth, outerHeight - innerHeight]").await;
        let extra = |at: usize| u32::try_from(frame[at].as_i64().unwrap_or_default()).unwrap_or_default();
        let size = self.client.set_window_size(width + extra(0), height + extra(1)).await;
        size.expect("a window has a size");
    }

    /// Opens the page as this person.
    pub async fn open(&self, who: &str) {
        self.client.goto(&format!("{}/?who={who}", self.address)).await.expect("the page opens");
        self.see("body[data-revision]").await;
    }

    /// Waits for an element.
    pub async fn see(&self, css: &str) -> Element {
        self.wait(Locator::Css(css), css).await
    }

    /// Waits for an element that says these words.
    pub async fn see_words(&self, css: &str, words: &str) {
        self.see_that(
            &format!("{css} that says {words:?}"),
            "return [...document.querySelectorAll(arguments[0])].some((one) => one.innerText.includes(arguments[1]))",
            vec![json!(css), json!(words)],
        )
        .await;
    }

    /// Waits until nothing fits.
    pub async fn see_no(&self, css: &str) {
        let script = "return !document.querySelector(arguments[0])";
        self.see_that(&format!("no {css}"), script, vec![json!(css)]).await;
    }

    /// Waits until a script answers true.
    async fn see_that(&self, what: &str, script: &str, arguments: Vec<Value>) {
        if !self.comes_true(script, &arguments).await {
            self.give_up(what).await;
        }
    }

    async fn comes_true(&self, script: &str, arguments: &[Value]) -> bool {
        let marked = format!(
            "const fits = (function () {{ {script} }}).apply(null, arguments); \
             return fits ? document.body : null;"
        );
        let looking = async {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            loop {
                ticks.tick().await;
                let found = self.client.execute(&marked, arguments.to_vec()).await;
                if !found.expect("the script runs").is_null() {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, looking).await.is_ok()
    }

    async fn wait(&self, locator: Locator<'_>, what: &str) -> Element {
        match self.client.wait().at_most(PATIENCE).every(LOOK_EVERY).for_element(locator).await {
            Ok(element) => element,
            Err(_) => self.give_up(what).await,
        }
    }

    /// Presses what is there, as soon as it is and nothing lies above it.
    pub async fn input(&self, css: &str) {
        let pressing = async {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            loop {
                ticks.tick().await;
                // Drawn again between finding and pressing, or under a dialog that closes: it is looked for again.
                if let Ok(element) = self.client.find(Locator::Css(css)).await
                    && element.click().await.is_ok()
                {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, pressing).await.is_err() {
            self.give_up(&format!("{css} to press")).await;
        }
    }

    /// Opens another page of the server.
    pub async fn go(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.address)).await.expect("the page opens");
    }

    /// Presses keys where the focus is.
    pub async fn keys(&self, keys: &str) {
        let focused = self.client.active_element().await.expect("something has the focus");
        focused.send_keys(keys).await.expect("it takes keys");
    }

    /// Moves the focus to an element, without pressing it.
    pub async fn focus(&self, css: &str) {
        self.see(css).await;
        self.client
            .execute("document.querySelector(arguments[0]).focus()", vec![json!(css)])
            .await
            .expect("it runs");
    }

    /// Puts a value into an input or select as if a person had chosen it.
    pub async fn choose(&self, css: &str, value: &str) {
        self.see(css).await;
        let script = "const one = document.querySelector(arguments[0]); one.value = arguments[1]; \
                      for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind, { bubbles: true }))";
        self.client.execute(script, vec![json!(css), json!(value)]).await.expect("the script runs");
    }

    /// Waits until a script, an expression, holds.
    pub async fn holds(&self, expression: &str) {
        self.see_that(expression, &format!("return {expression}"), Vec::new()).await;
    }

    /// Types a line into the composer and sends it.
    pub async fn say(&self, line: &str) {
        let composer = self.see("#command").await;
        composer.clear().await.expect("the composer can be emptied");
        let line = format!("{line}{}", char::from(Key::Enter));
        composer.send_keys(&line).await.expect("the composer takes a line");
    }

    /// How many elements fit.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.expect("a selector").len()
    }

    /// The visible text of the first element that fits.
    pub async fn text(&self, css: &str) -> String {
        self.see(css).await;
        // Not WebDriver's text: that is empty while something still fades in.
        let script = "return document.querySelector(arguments[0]).innerText";
        let text = self.client.execute(script, vec![json!(css)]).await.expect("the script runs");
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What a script answers.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// The page as a PNG.
    pub async fn picture(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("a page can be drawn")
    }

    /// Ends the browser and its driver.
    pub async fn close(self) {
        // Asked first: a killed driver would leave its browser running.
        let _ = self.client.close().await;
    }

    async fn give_up(&self, what: &str) -> ! {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.png");
        std::fs::write(&path, self.picture().await).expect("the build's folder can be written");
        let said = self.run("return document.body.innerText").await;
        panic!(
            "waited for {what}; see {}; the page says\n{}",
            path.display(),
            said.as_str().unwrap_or_default()
        );
    }
}

/// A chromedriver on a free port that it chose itself. Dropping it ends it.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    fn start() -> Driver {
        let mut process = Command::new(CHROMEDRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            line.split("started successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
        });
        // It goes on printing: with nobody at the other end it would die of that.
        std::thread::spawn(move || lines.count());
        Driver { process, port: port.expect("chromedriver says its port") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
