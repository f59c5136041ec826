//! The command line: what each command prints for people and for programs, and with which code it ends.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::by_hand;
use crate::fake::okta::Person;
use crate::fake::slack::C_OPS;
use crate::forward::the_readmes_program;
use crate::process::{BotProcess, Ended};
use crate::support::{UNSCHEDULED_POLICY, World};

/// The script that cargo runs before it builds the program.
#[path = "../../build.rs"]
#[expect(dead_code, reason = "its `main` is cargo's to call")]
mod build;

const ADA: &str = "ada@ext.example";

/// A world whose bot has swept once and was stopped: its trail has some events.
async fn swept() -> World {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    world.okta.add(Person::contractor("busy@ext.example").last_login_days_ago(1));
    let bot = BotProcess::run(&world).await;
    world.sweep().await;
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world
}

async fn run(world: &World, arguments: &[&str]) -> Ended {
    let ended = BotProcess::spawn(world, arguments, &[]).ended().await;
    ended.tells_no_secrets(world);
    ended
}

/// The program without a world around it.
fn alone(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_inactive-contractors");
    Command::new(program).args(arguments).env_clear().output().expect("the binary can be started")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_version_names_the_commit() {
    let said = String::from_utf8(alone(&["--version"]).stdout).expect("it is text");
    let begin = concat!("inactive-contractors ", env!("CARGO_PKG_VERSION"), " (");
    assert!(said.starts_with(begin) && said.ends_with(")\n") && said.len() > begin.len() + 2, "{said}");

    let folder = tempfile::tempdir().expect("a temporary directory");
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false"];
        let output = Command::new("git").arg("-C").arg(folder.path()).args(identity).args(arguments).output();
        let output = output.expect("git is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("git writes text").trim().to_owned()
    };
    assert_eq!(build::commit(folder.path()), "unknown", "an unpacked archive");
    std::fs::write(folder.path().join("Cargo.toml"), "").expect("the folder can be written");
    git(&["init", "--quiet"]);
    assert_eq!(build::commit(folder.path()), "unknown", "an archive in somebody else's repository");
    git(&["add", "Cargo.toml"]);
    git(&["commit", "--quiet", "--message", "first"]);
    let (hash, day) = (git(&["rev-parse", "HEAD"]), git(&["log", "-1", "--format=%cs"]));
    assert_eq!(build::commit(folder.path()), format!("{} {day}", &hash[..12]));
    assert_eq!(build::tidied(&format!("{hash}\n")), Some(hash[..12].to_owned()), "what a pipeline gives");
    assert_eq!((build::tidied(" "), build::tidied("a\ncargo::error=b")), (None, None));
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let text = |arguments: &[&str]| {
        let output = alone(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it is text")
    };
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&["completions", shell]);
        for word in ["sweep", "dry-run", "audit", "completions"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let page = text(&["man"]);
    for words in [".TH inactive", "sweep", "Exit codes:", "database can\\*(Aqt be used"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(text(&["man", "audit", "export"]).contains("audit export\\fR [\\fB\\-\\-config\\fR]"));
    assert_eq!(alone(&["man", "nope"]).status.code(), Some(2));
    assert_eq!(alone(&["completions", "nope"]).status.code(), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn check_answers_programs_too_and_shows_colours_where_they_are_seen() {
    let policy = format!("{UNSCHEDULED_POLICY}holidays = [\"2019-12-25\"]\n");
    let world = World::new(&policy).await;
    world.okta.add(Person::contractor(ADA));
    let found = json(&run(&world, &["check", "--json"]).await.stdout);
    assert_eq!(found["ok"], true);
    let states: Vec<&str> =
        found["lines"].as_array().expect("lines").iter().filter_map(|line| line["state"].as_str()).collect();
    assert!(states.len() > 5 && states.iter().all(|state| ["ok", "warning"].contains(state)), "{found}");
    let warning =
        found["lines"].as_array().expect("lines").iter().find(|line| line["what"] == "policy contractors");
    let warning = warning.expect("the list of holidays has ended");
    assert_eq!(warning["state"], "warning");
    assert!(
        warning["text"].as_str().is_some_and(|text| text.starts_with("The list of holidays")),
        "{warning}"
    );

    world.okta.revoke_api_token();
    let ended = run(&world, &["check", "--json"]).await;
    let found = json(&ended.stdout);
    assert_eq!((ended.code, &found["ok"]), (Some(1), &Value::Bool(false)));
    assert!(
        found["lines"].as_array().expect("lines").iter().any(|line| line["state"] == "failed"),
        "{found}"
    );

    let plain = run(&world, &["check"]).await.stdout;
    assert!(plain.contains("\nFAIL  ") && !plain.contains('\u{1b}'), "{plain}");
    let forced = BotProcess::spawn(&world, &["check"], &[("CLICOLOR_FORCE", "1")]).ended().await.stdout;
    for words in ["\u{1b}[32mok  \u{1b}[0m  configuration", "\u{1b}[33mwarn", "FAIL\u{1b}[0m"] {
        assert!(forced.contains(words), "{words:?}: {forced:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_reads_beside_a_running_bot_and_finds_what_was_changed() {
    let world = swept().await;
    let bot = BotProcess::run(&world).await;
    let ended = run(&world, &["verify"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = world.audit().last().expect("the bot's start is in it").seq;
    let said = format!("the audit trail verifies up to event {last}, head ");
    assert!(ended.stdout.starts_with("ok    ") && ended.stdout.contains(&said), "{}", ended.stdout);
    let found = json(&run(&world, &["verify", "--json"]).await.stdout);
    assert_eq!(
        (&found["ok"], &found["events"], &found["broken_at"]),
        (&true.into(), &last.into(), &Value::Null)
    );
    assert!(ended.stdout.contains(found["head"].as_str().expect("a hash")), "{}", ended.stdout);
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));

    by_hand::empty_event(&world.database(), 3);
    let ended = run(&world, &["verify"]).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.starts_with("FAIL  ") && ended.stdout.contains("broken at event 3"), "{ended:?}");
    let ended = run(&world, &["verify", "--json"]).await;
    let found = json(&ended.stdout);
    assert_eq!((ended.code, &found["ok"], &found["broken_at"]), (Some(1), &false.into(), &3.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_verifies_and_is_in_the_trail_before_it_leaves() {
    let world = swept().await;
    let before = world.audit();
    let ended = run(&world, &["audit", "export"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<Value> = ended.stdout.lines().map(json).collect();
    assert_eq!(lines.len(), before.len());
    assert!(!ended.stderr.contains("not recorded in the audit trail"), "{}", ended.stderr);
    if let Some(said) = the_readmes_program(world.folder(), &ended.stdout) {
        let head = lines.last().expect("a line")["hash"].as_str().expect("a hash");
        let said = said.expect("it verifies");
        assert_eq!(said.trim(), format!("from event 1 on\nit verifies up to {head}"));
    }
    let recorded = world.audit().pop().expect("the export itself");
    assert_eq!(
        (recorded.action.as_str(), Some(recorded.seq - 1)),
        ("exported", before.last().map(|line| line.seq))
    );
    let detail = &recorded.detail;
    assert_eq!((&detail["rows"], &detail["from"]), (&before.len().into(), &"command line".into()));
    assert!(ended.stderr.contains(detail["sha256"].as_str().expect("a hash")), "{}", ended.stderr);

    let table = world.folder().join("trail.csv");
    let to = table.to_str().expect("it is text");
    let about = ["audit", "export", "--person", "ada", "--format", "csv", "--to", to];
    let ended = run(&world, &about).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    let text = std::fs::read_to_string(&table).expect("it was written");
    let of_ada = before.iter().filter(|line| line.login.as_deref() == Some(ADA)).count();
    assert!(of_ada > 0);
    assert_eq!(text.lines().count(), of_ada + 2, "the columns, and what the file is: {text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&table.metadata().expect("it is there").permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(world.audit().pop().expect("the second").detail["filters"], serde_json::json!(["person ada"]));
    let ended = run(&world, &about).await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("already exists"), "{}", ended.stderr);

    for (filters, rows) in [
        (["--until", "2020-01-01"], 0),
        (["--since", "2020-01-01"], before.len() + 2),
        (["--policy", "nope"], 0),
    ] {
        let ended = run(&world, &[&["audit", "export"][..], &filters].concat()).await;
        assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), rows), "{filters:?}");
    }
    for (filters, words) in [(["--since", "soonish"], "as a date"), (["--person", "zoe"], "no account zoe")] {
        let ended = run(&world, &[&["audit", "export"][..], &filters].concat()).await;
        assert_eq!(ended.code, Some(2));
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_written_or_recorded_does_not_leave() {
    let world = swept().await;
    let nowhere = world.folder().join("no such folder/audit.jsonl").display().to_string();
    let ended = run(&world, &["audit", "export", "--to", &nowhere]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(world.audited("exported"), 0, "nothing left");
    // Nobody can take the lock of a link.
    let lock = world.folder().join("bot.db.lock");
    std::fs::remove_file(&lock).expect("no bot runs");
    std::os::unix::fs::symlink("/dev/null", &lock).expect("the folder is ours");
    let to = world.folder().join("audit.jsonl");
    let ended = run(&world, &["audit", "export", "--to", &to.display().to_string()]).await;
    assert_eq!(ended.code, Some(5), "{ended:?}");
    assert!(ended.stderr.contains("what can't be recorded isn't exported"), "{ended:?}");
    assert!(!to.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_beside_a_running_bot_says_that_nothing_records_it() {
    let world = swept().await;
    let bot = BotProcess::run(&world).await;
    let before = world.audit().len();
    let ended = run(&world, &["audit", "export"]).await;
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(0), before), "{ended:?}");
    for words in
        ["is not recorded in the audit trail", "is in use by process", "`/inactive-contractors export`"]
    {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert_eq!(world.audit().len(), before);
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_has_columns_for_people_and_an_object_for_programs() {
    let world = swept().await;
    let table = run(&world, &["sweep", "--dry-run"]).await;
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""), "no progress where nobody looks");
    let lines: Vec<&str> = table.stdout.lines().collect();
    let column = |line: &str, word: &str| line.find(word).unwrap_or_else(|| panic!("{word}: {line}"));
    let (at, why) = (column(lines[0], "assessment"), column(lines[0], "why"));
    assert!(lines[1].starts_with(ADA) && column(lines[1], "waiting") == at, "{}", table.stdout);
    assert_eq!(column(lines[2], "active"), at, "{}", table.stdout);
    assert!(lines[1..3].iter().all(|line| line.as_bytes()[why - 1] == b' ' && line.as_bytes()[why] != b' '));

    let ended = run(&world, &["sweep", "--dry-run", "--json"]).await;
    let found = json(&ended.stdout);
    assert_eq!((&found["policy"], &found["verdict"]), (&"contractors".into(), &"no_candidates".into()));
    assert_eq!((&found["counts"]["population"], &found["counts"]["waiting"]), (&2.into(), &1.into()));
    let accounts = found["accounts"].as_array().expect("a list");
    assert_eq!((&accounts[0]["login"], &accounts[0]["assessment"]), (&ADA.into(), &"waiting".into()));
    assert_eq!((&accounts[0]["waiting_in"], &accounts[1]["assessment"]), (&1.into(), &"active".into()));
    assert!(accounts.iter().all(|one| one["id"].is_string() && one["why"].is_string()), "{found}");
    assert_eq!(world.slack.messages(C_OPS).len(), 1, "the one of the sweep before");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_keeps_the_file_needs_no_token() {
    let world = swept().await;
    let folder = world.folder().join("kept");
    let (backup, folder) = (world.folder().join("backup.db"), folder.display().to_string());
    let backup = backup.display().to_string();
    let without = [("SLACK_BOT_TOKEN", ""), ("SLACK_APP_TOKEN", ""), ("OKTA_API_TOKEN", "")];
    for (arguments, words) in [
        (&["verify"][..], "the audit trail verifies up to event"),
        (&["backup", &backup], "intact; the audit trail verifies up to event"),
        (&["archive", "--before", "2020-01-01", "--to", &folder], "Nothing to move"),
    ] {
        let ended = BotProcess::spawn(&world, arguments, &without).ended().await;
        assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
        assert!(ended.stdout.contains(words), "{arguments:?}: {ended:?}");
    }
    let elsewhere = [("INACTIVE_CONTRACTORS_DB", "")];
    let mistaken = BotProcess::spawn_as_configured;
    std::fs::write(world.folder().join("bot.toml"), "[database]\npth = \"bot.db\"\n").expect("it is ours");
    let ended = mistaken(&world, &["archive", "--before", "2020-01-01", "--to", &folder], &elsewhere);
    let ended = ended.ended().await;
    assert!(ended.code == Some(3) && ended.stderr.contains("did you mean \"path\"?"), "{ended:?}");
    let nowhere = world.folder().join("nowhere.db").display().to_string();
    let elsewhere = [("INACTIVE_CONTRACTORS_DB", nowhere.as_str())];
    let ended = mistaken(&world, &["archive", "--before", "2020-01-01", "--to", &folder], &elsewhere);
    let ended = ended.ended().await;
    assert!(ended.code == Some(1) && ended.stderr.contains("there is no database"), "{ended:?}");
    let ended = BotProcess::spawn(&world, &["audit", "export"], &without).ended().await;
    assert_eq!(ended.code, Some(3), "the tokens were taken away: {ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_says_whose_turn_it_is() {
    let world = swept().await;
    let bot = BotProcess::run(&world).await;
    let wrong: [(&str, &str); 1] = [("SLACK_BOT_TOKEN", "xoxb-1-wrong")];
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    let key = [("OKTA_API_TOKEN", ""), ("OKTA_CLIENT_ID", "0oa1"), ("OKTA_PRIVATE_KEY", broken)];
    for (arguments, changes, code, words) in [
        (&["verify"][..], &[][..], 0, ""),
        (&["nope"], &[], 2, "unrecognized subcommand"),
        (&["sweep", "--dry-run", "--policy", "nope"], &[], 2, "hint: --help"),
        (
            &["audit", "export"],
            &[("OKTA_ORG_URL", "http://acme.okta.com")],
            3,
            "hint: `inactive-contractors init`",
        ),
        (&["check"], &[("OKTA_ORG_URL", "http://acme.okta.com")], 3, ""),
        (&["sweep", "--dry-run"], &key, 3, "the Okta credential can't be used: the Okta app's private key"),
        (&["sweep", "--dry-run"], &wrong, 4, "hint: `inactive-contractors check`"),
        (&["run"], &[], 5, "hint: `backup`, `verify`"),
        (&["verify"], &[("INACTIVE_CONTRACTORS_DB", "/nowhere/bot.db")], 5, "/nowhere/bot.db"),
    ] {
        let ended = BotProcess::spawn(&world, arguments, changes).ended().await;
        assert_eq!(ended.code, Some(code), "{arguments:?} {changes:?}: {ended:?}");
        assert!(ended.stderr.contains(words), "{words}: {ended:?}");
    }
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
    world.okta.revoke_api_token();
    assert_eq!(run(&world, &["sweep", "--dry-run"]).await.code, Some(4));
    let help = String::from_utf8(alone(&["--help"]).stdout).expect("it is text");
    assert!((0..=5).all(|code| help.contains(&format!("\n  {code}  "))), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_how_far_it_has_come() {
    let world = swept().await;
    let config = world.folder().join("bot.toml");
    let line = |command: &str| {
        format!("{} {command} --config {}", env!("CARGO_BIN_EXE_inactive-contractors"), config.display())
    };
    let seen = on_a_terminal(&world, &line("verify"));
    assert!(seen.contains("events verified"), "{seen:?}");
    assert!(seen.contains("\u{1b}[32mok  \u{1b}[0m"), "{seen:?}");
    let seen = on_a_terminal(&world, &line("sweep --dry-run"));
    assert!(seen.contains("accounts listed") && seen.contains("\u{1b}[33mwaiting"), "{seen:?}");
    let seen = on_a_terminal(&world, &format!("NO_COLOR=1 {}", line("verify")));
    assert!(seen.contains("ok    ") && !seen.contains("\u{1b}[32m"), "{seen:?}");
}

/// What the line of a shell shows on a terminal of its own.
fn on_a_terminal(world: &World, line: &str) -> String {
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", line, "/dev/null"])
        .env_clear()
        .envs(world.environment())
        .envs([("TERM", "xterm"), ("SHELL", "/bin/sh"), ("PATH", "/usr/bin:/bin")])
        .current_dir(Path::new("/"))
        .output()
        .expect("script is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
