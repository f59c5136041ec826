//! Everything that the bot logs is read for secrets as it is written.

use std::io;
use std::sync::Mutex;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The fakes' tokens, and the parts of addresses that are as good as one.
pub const SECRETS: [&str; 5] =
    ["xoxb-100-200-fakefakefakefake", "xapp-1-A0BOT-300-fakefakefakefake", "ticket=", "/actions/", "SSWS "];

static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Reads all that is logged from now on.
pub fn watch() {
    let ours = ["inactive_contractors", "slack_morphism", "reqwest"];
    let only_ours = Targets::new().with_targets(ours.map(|target| (target, LevelFilter::TRACE)));
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| Reader);
    // A second test in this process would find it installed already.
    let _ = tracing_subscriber::registry().with(only_ours).with(layer).try_init();
}

/// Lines with a secret in them.
pub fn found() -> Vec<String> {
    FOUND.lock().expect("nobody panics with it").clone()
}

/// Which of these secrets are in these bytes.
pub fn in_bytes<'a>(bytes: &[u8], secrets: &[&'a str]) -> Vec<&'a str> {
    let is_in = |secret: &&&str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
    secrets.iter().filter(is_in).copied().collect()
}

/// One line of the log on its way.
struct Reader;

impl io::Write for Reader {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !in_bytes(line, &SECRETS).is_empty() {
            let line = String::from_utf8_lossy(line).into_owned();
            FOUND.lock().expect("nobody panics with it").push(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
