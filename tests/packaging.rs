//! Holds the files of `packaging/` against the tools that read them, against each other, and against the code.
//!
//! systemd-analyze and promtool (Debian's `prometheus`) are used where they are installed; where one is missing, that is
//! said loudly, and in CI it is a failure.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use inactive_contractors::config::Config;
use inactive_contractors::monitoring::NAMES;
use saphyr::{LoadableYamlNode, Yaml};
use secrecy::ExposeSecret;
use serde_json::Value;

const PREFIX: &str = "inactive_contractors_";

const UNIT: &str = include_str!("../packaging/systemd/inactive-contractors.service");
const UNIT_CONFIG: &str = include_str!("../packaging/systemd/bot.toml");
const TMPFILE: &str = include_str!("../packaging/systemd/inactive-contractors.tmpfile");
const DOCKERFILE: &str = include_str!("../packaging/docker/Dockerfile");
const CONTEXT: &str = include_str!("../.dockerignore");
const COMPOSE: &str = include_str!("../packaging/docker/compose.yaml");
const CONTAINER_CONFIG: &str = include_str!("../packaging/docker/bot.toml");
const ALERTS: &str = include_str!("../packaging/prometheus/alerts.yaml");
const DASHBOARD: &str = include_str!("../packaging/grafana/dashboard.json");
const CHANGELOG: &str = include_str!("../CHANGELOG.md");
const MANIFEST: &str = include_str!("../Cargo.toml");

/// Systemd's score, from 0 to 10, above which the unit has lost a restriction.
const EXPOSURE_MAX: &str = "15";

fn root(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// Runs a tool of the machine and returns what it said. `None`: it isn't installed, and that is said.
fn tool(name: &str, arguments: &[&str], folder: &Path) -> Option<String> {
    let mut command = Command::new(name);
    let run = command.args(arguments).current_dir(folder).env("SYSTEMD_LOG_LEVEL", "warning").output();
    let output = match run {
        Ok(output) => output,
        Err(error) => {
            let sentence = format!("SKIPPED: {name} {} was not run: {error}", arguments.join(" "));
            #[expect(
                clippy::disallowed_methods,
                reason = "whether a check may be left out is not configuration"
            )]
            let must_run = std::env::var_os("CI").is_some();
            assert!(!must_run, "{sentence}");
            // Not eprintln!: the test harness would swallow what a passing test prints.
            writeln!(std::io::stderr(), "\n{sentence}\n").expect("stderr can be written");
            return None;
        }
    };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {}:\n{said}", arguments.join(" "));
    Some(said)
}

/// The values of a setting of the unit.
fn settings(key: &str) -> Vec<&'static str> {
    UNIT.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
}

fn setting(key: &str) -> &'static str {
    let [one] = settings(key)[..] else { panic!("{key} is not there once") };
    one
}

/// Reads a configuration whose secrets are in files; also returns their names.
fn read(text: &str) -> (Config, BTreeSet<PathBuf>) {
    let asked = std::cell::RefCell::new(BTreeSet::new());
    let file = |path: &Path| {
        asked.borrow_mut().insert(path.to_owned());
        let name = path.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        Ok(match name {
            "slack-bot-token" => "xoxb-1".to_owned(),
            "slack-app-token" => "xapp-1".to_owned(),
            other => other.to_owned(),
        })
    };
    let config = Config::parse(text, "bot.toml", &std::collections::BTreeMap::new(), &file);
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-1");
    (config, asked.into_inner())
}

#[test]
fn systemd_understands_the_unit_and_finds_it_narrow() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = UNIT
        .replace("/usr/bin/inactive-contractors ", concat!(env!("CARGO_BIN_EXE_inactive-contractors"), " "));
    assert_ne!(unit, UNIT, "the unit starts another program");
    let path = folder.path().join("inactive-contractors.service");
    std::fs::write(&path, unit).expect("the folder can be written");
    let path = path.to_str().expect("a UTF-8 path");
    if let Some(said) = tool("systemd-analyze", &["verify", "--man=no", path], folder.path()) {
        assert_eq!(said, "");
    }
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    tool("systemd-analyze", &["security", "--offline=yes", "--no-pager", &threshold, path], folder.path());
}

#[test]
fn the_unit_and_its_configuration_name_the_same_files() {
    let (config, secrets) = read(UNIT_CONFIG);
    let loaded: BTreeSet<PathBuf> = settings("LoadCredential")
        .into_iter()
        .map(|line| {
            let (name, path) = line.split_once(':').expect("a name and a path");
            assert!(path.ends_with(&format!("/{name}")), "{line}: the copy has the name of the file");
            path.into()
        })
        .collect();
    assert_eq!(secrets, loaded);
    let (copies, folder) = setting("BindReadOnlyPaths").split_once(':').expect("two paths");
    assert_eq!(copies, "%d");
    assert!(secrets.iter().all(|path| path.parent() == Some(Path::new(folder))), "{secrets:?}");
    assert_eq!(TMPFILE.split(' ').take(3).collect::<Vec<_>>(), ["d", folder, "0700"]);

    let state = Path::new("/var/lib").join(setting("StateDirectory"));
    assert_eq!(config.database.parent(), Some(state.as_path()));
    assert_eq!(Path::new(setting("WorkingDirectory")), state);
    assert!(setting("ExecStart").ends_with(" run --config /etc/inactive-contractors/bot.toml"));
}

#[test]
fn the_container_has_no_more_than_it_needs() {
    let last = DOCKERFILE.rsplit("\nFROM ").next().expect("a stage");
    assert!(last.starts_with("scratch\n"), "{last}");
    let exec = |word: &str| -> Vec<String> {
        let at = last.find(&format!("{word} [")).unwrap_or_else(|| panic!("{word} is not in exec form"));
        let words = last[at + word.len()..].lines().next().expect("a line");
        serde_json::from_str(words).unwrap_or_else(|error| panic!("{word}: {error}"))
    };
    let program = exec("ENTRYPOINT").remove(0);
    let health = exec("    CMD");
    assert_eq!((&health[0], health[1].as_str()), (&program, "status"));
    assert_eq!(health.last(), exec("\nCMD").last(), "both read one configuration");
    let user = last.lines().find_map(|line| line.strip_prefix("USER ")).expect("not root");
    assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{user}");
    assert!(COMPOSE.contains(&format!("user {}", user.split(':').next().expect("a number"))));

    let compose = Yaml::load_from_str(COMPOSE).expect("compose.yaml is YAML");
    let service = &compose[0]["services"]["inactive-contractors"];
    assert_eq!(service["read_only"].as_bool(), Some(true));
    assert_eq!(service["cap_drop"][0].as_str(), Some("ALL"));
    assert_eq!(service["security_opt"][0].as_str(), Some("no-new-privileges:true"));
    let (_, secrets) = read(CONTAINER_CONFIG);
    let mounted: BTreeSet<PathBuf> = service["secrets"]
        .as_sequence()
        .expect("a list")
        .iter()
        .map(|name| Path::new("/run/secrets").join(name.as_str().expect("a name")))
        .collect();
    assert_eq!(secrets, mounted);
    let volume = service["volumes"][1].as_str().and_then(|volume| volume.strip_prefix("state:"));
    let database = last.lines().find_map(|line| line.strip_prefix("ENV INACTIVE_CONTRACTORS_DB="));
    assert_eq!(database.and_then(|path| Path::new(path).parent()), volume.map(Path::new));
    assert!(last.contains(&format!("VOLUME [\"{}\"]", volume.expect("the state has a volume"))));
}

/// The files that sources below a folder include, from the repository's root.
fn included(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root(folder)).expect("the folder can be read") {
        let path = format!("{folder}/{}", entry.expect("an entry").file_name().to_string_lossy());
        if root(&path).is_dir() {
            found.extend(included(&path));
        } else if Path::new(&path).extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(root(&path)).expect("sources are text");
            for rest in text.split("include_str!(\"").skip(1) {
                let mut parts: Vec<&str> = folder.split('/').collect();
                for part in rest.split('"').next().unwrap_or_default().split('/') {
                    if part == ".." {
                        parts.truncate(parts.len() - 1);
                    } else {
                        parts.push(part);
                    }
                }
                found.push(parts.join("/"));
            }
        }
    }
    found
}

#[test]
fn the_image_is_built_with_every_file_that_the_program_includes() {
    let let_in: Vec<&str> = CONTEXT.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert!(CONTEXT.starts_with("*\n"), "nothing else gets in");
    let files = included("src");
    assert!(files.contains(&"src/reports/verify.py".to_owned()), "{files:?}");
    for file in files {
        let first = file.split('/').next().expect("a path");
        assert!(let_in.contains(&first), "{file} is not in .dockerignore");
    }
    // Cargo reads the manifest of each member, whichever it builds.
    let manifest: toml::Table = MANIFEST.parse().expect("Cargo.toml is TOML");
    let members = manifest["workspace"]["members"].as_array().expect("a list");
    for member in members {
        let manifest = format!("{}/Cargo.toml", member.as_str().expect("a path"));
        assert!(let_in.contains(&manifest.as_str()), "{manifest} is not in .dockerignore");
    }
}

/// A target without a path is looked for where the image has nothing, and then nothing can be built.
#[test]
fn each_target_says_where_it_is() {
    let manifest: toml::Table = MANIFEST.parse().expect("Cargo.toml is TOML");
    let targets = ["test", "bench"].into_iter().filter_map(|kind| manifest.get(kind)?.as_array());
    let targets: Vec<&toml::Value> = targets.flatten().collect();
    assert!(targets.len() > 3, "{targets:?}");
    for target in targets {
        assert!(target.get("path").is_some(), "{target}");
    }
}

#[test]
fn each_file_of_the_debian_package_is_there_and_nothing_starts_by_itself() {
    let manifest: toml::Table = MANIFEST.parse().expect("Cargo.toml is TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let mut checked = 0;
    for asset in deb["assets"].as_array().expect("a list") {
        let source = asset[0].as_str().expect("a path");
        assert!(source == "target/release/inactive-contractors" || root(source).is_file(), "no {source}");
        checked += 1;
    }
    assert!(checked > 5, "only {checked} files");
    assert!(root(deb["maintainer-scripts"].as_str().expect("a path")).is_dir());
    for switch in ["enable", "start"] {
        assert_eq!(deb["systemd-units"][switch].as_bool(), Some(false), "{switch}");
    }
}

#[test]
fn the_changelog_has_this_version() {
    let version = format!("\n## [{}]", env!("CARGO_PKG_VERSION"));
    assert!(CHANGELOG.contains(&version), "CHANGELOG.md has no {version}");
}

/// The metrics that a text names.
fn metrics(text: &str) -> BTreeSet<&str> {
    let name = |rest: &'_ str| rest.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(rest.len());
    let of_histogram = |name| {
        let parts = ["_bucket", "_sum", "_count"];
        parts.into_iter().find_map(|part| str::strip_suffix(name, part)).unwrap_or(name)
    };
    text.split(PREFIX).skip(1).map(|rest| of_histogram(&rest[..name(rest)])).collect()
}

#[test]
fn alerts_and_dashboard_use_metrics_that_there_are_and_show_each() {
    let known = BTreeSet::from(NAMES);
    let shown = metrics(DASHBOARD);
    let used: BTreeSet<&str> = metrics(ALERTS).union(&shown).copied().collect();
    assert_eq!(used.difference(&known).collect::<Vec<_>>(), Vec::<&&str>::new(), "not exported");
    assert_eq!(known.difference(&used).collect::<Vec<_>>(), Vec::<&&str>::new(), "on no panel");
}

/// Each query of the dashboard, with values for Grafana's variables.
fn queries() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("a list");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let queries: Vec<String> = targets
        .map(|target| {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{target}");
            let query = target["expr"].as_str().expect("a query");
            query.replace("$__rate_interval", "5m").replace("$__range", "1d").replace("$policy", ".*")
        })
        .collect();
    assert!(queries.len() > 20, "only {} queries", queries.len());
    queries
}

#[test]
fn prometheus_understands_every_query() {
    let rules: Vec<Value> = (0..)
        .zip(queries())
        .map(|(number, expr)| serde_json::json!({ "record": format!("panel:{number}"), "expr": expr }))
        .collect();
    let rules = serde_json::json!({ "groups": [{ "name": "dashboard", "rules": rules }] });
    let folder = tempfile::tempdir().expect("a folder");
    // JSON is YAML, too.
    std::fs::write(folder.path().join("dashboard.yaml"), rules.to_string()).expect("it can be written");
    tool("promtool", &["check", "rules", "dashboard.yaml"], folder.path());
}

#[test]
fn each_alert_speaks_when_it_must_and_none_does_when_all_is_well() {
    let folder = root("packaging/prometheus");
    tool("promtool", &["check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml"], &folder);
    tool("promtool", &["test", "rules", "alerts_test.yaml"], &folder);
    let told = std::fs::read_to_string(folder.join("alerts_test.yaml")).expect("it is there");
    let alerts = Yaml::load_from_str(ALERTS).expect("the alerts are YAML");
    for rule in alerts[0]["groups"][0]["rules"].as_sequence().expect("a list") {
        let name = rule["alert"].as_str().expect("a name");
        assert!(told.contains(name), "{name} has no test");
        for said in ["summary", "description"] {
            assert!(rule["annotations"][said].as_str().is_some(), "{name} has no {said}");
        }
    }
}
