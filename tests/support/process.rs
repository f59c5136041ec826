//! The binary as it ships, in a process of its own: it can be killed, asked to end, and what it wrote can be read.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fake::GUARD;

use crate::support::World;

/// A running `inactive-contractors`. Dropping it kills it; in a failing test it first shows what the process wrote.
pub struct BotProcess {
    child: Option<Child>,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// How a process ended, and everything it wrote.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl BotProcess {
    /// Starts the binary in the world's environment, with changes. `--config` is added to the arguments.
    pub fn spawn(world: &World, arguments: &[&str], changes: &[(&str, &str)]) -> BotProcess {
        std::fs::write(world.folder().join("bot.toml"), world.config_toml())
            .expect("the folder can be written");
        BotProcess::spawn_as_configured(world, arguments, changes)
    }

    /// The same, with the configuration as it lies there.
    pub fn spawn_as_configured(world: &World, arguments: &[&str], changes: &[(&str, &str)]) -> BotProcess {
        let directory = world.folder().to_owned();
        let config = directory.join("bot.toml");
        let number = std::fs::read_dir(&directory).expect("the folder can be read").count();
        let (stdout, stderr) =
            (directory.join(format!("{number}.stdout")), directory.join(format!("{number}.stderr")));
        let open = |path: &Path| File::create(path).expect("the folder can be written");
        let mut environment = world.environment();
        environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let child = Command::new(env!("CARGO_BIN_EXE_inactive-contractors"))
            .args(arguments)
            .arg("--config")
            .arg(config)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(open(&stdout))
            .stderr(open(&stderr))
            .spawn()
            .expect("the binary can be started");
        BotProcess { child: Some(child), stdout, stderr }
    }

    /// Starts `run` and waits until Slack has said hello to it.
    pub async fn run(world: &World) -> BotProcess {
        BotProcess::run_with(world, &[]).await
    }

    /// The same, with changes of the environment.
    pub async fn run_with(world: &World, changes: &[(&str, &str)]) -> BotProcess {
        let before = world.slack.connections_opened();
        let process = BotProcess::spawn(world, &["run"], changes);
        process.connected(world, before).await;
        process
    }

    /// Returns once the process has a socket; so many had been opened before it started.
    pub async fn connected(&self, world: &World, before: usize) {
        let connected = |slack: &crate::fake::slack::FakeSlack| {
            (slack.connections_opened() > before && slack.fresh_sockets() > 0).then_some(())
        };
        world.slack.wait_for("a socket of the process", connected).await;
    }

    /// Returns when the process has ended by itself, however that was.
    pub async fn gone(&mut self) {
        let mut looks = tokio::time::interval(Duration::from_millis(5));
        let child = self.child.as_mut().expect("a process ends once");
        while child.try_wait().expect("a child can be waited for").is_none() {
            looks.tick().await;
        }
    }

    /// SIGKILL; returns when the process is gone and Slack has noticed.
    pub async fn kill(mut self, world: &World) {
        let mut child = self.child.take().expect("a process ends once");
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("a child can be waited for");
        world.slack.wait_connected(0).await;
    }

    /// SIGTERM; the process goes on until it ends by itself.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// SIGHUP; the process goes on.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("the process has not been waited for").id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is installed");
        assert!(sent.success(), "the process is gone already:\n{}", self.written());
    }

    /// How many files and connections the process has open.
    pub fn open_files(&self) -> usize {
        let id = self.child.as_ref().expect("the process has not been waited for").id();
        std::fs::read_dir(format!("/proc/{id}/fd")).expect("the process runs").count()
    }

    /// Waits until the process ends by itself.
    pub async fn ended(mut self) -> Ended {
        let mut child = self.child.take().expect("a process ends once");
        let id = child.id().to_string();
        let end = tokio::task::spawn_blocking(move || child.wait());
        let Ok(end) = tokio::time::timeout(GUARD, end).await else {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
            panic!("the process did not end within {GUARD:?}; it wrote:\n{}", self.written());
        };
        let status = end.expect("waiting doesn't panic").expect("a child can be waited for");
        let read = |path: &Path| std::fs::read_to_string(path).expect("the process wrote text");
        Ended { code: status.code(), stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }

    /// Waits until the process has written this so often.
    pub async fn writes(&self, words: &str, times: usize) {
        let mut looks = tokio::time::interval(Duration::from_millis(20));
        let written = async {
            while self.written().matches(words).count() < times {
                looks.tick().await;
            }
        };
        let waited = tokio::time::timeout(GUARD, written).await;
        assert!(waited.is_ok(), "not written {times} times: {words:?}");
    }

    /// What the process wrote so far.
    pub fn written(&self) -> String {
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        read(&self.stdout) + &read(&self.stderr)
    }
}

impl Ended {
    /// Neither token nor the address of a socket was written.
    pub fn tells_no_secrets(&self, world: &World) -> &Ended {
        let (slack, okta) = (&world.slack, &world.okta);
        let secrets =
            [slack.bot_token(), slack.app_token(), okta.api_token().to_owned(), "ticket".to_owned()];
        for secret in secrets {
            let told = self.stdout.contains(&secret) || self.stderr.contains(&secret);
            assert!(!told, "{secret} was written: {self:?}");
        }
        self
    }
}

impl Drop for BotProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the process wrote:\n{}", self.written());
        }
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
