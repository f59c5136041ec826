//! Holds `bot-manifest.yaml` against Slack's rules and against the code: the command, and the scopes that the Web API
//! methods in `src/slack/` need, no fewer and no more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use inactive_contractors::chat::slack::REQUIRED_SCOPES;
use inactive_contractors::config::Config;
use saphyr::{LoadableYamlNode, Yaml};

const MANIFEST: &str = include_str!("../bot-manifest.yaml");

/// Web API methods and the bot scopes that they need; both of a pair where a channel may be public or private:
/// <https://docs.slack.dev/reference/methods>.
const METHODS: [(&str, &[&str]); 32] = [
    ("api.test", &[]),
    ("apps.connections.open", &[]),
    ("auth.test", &[]),
    ("blocks.validate", &[]),
    ("chat.delete", &["chat:write"]),
    ("chat.getPermalink", &[]),
    ("chat.postEphemeral", &["chat:write"]),
    ("chat.postMessage", &["chat:write"]),
    ("chat.scheduleMessage", &["chat:write"]),
    ("chat.update", &["chat:write"]),
    ("conversations.history", &["channels:history", "groups:history", "im:history"]),
    ("conversations.info", &["channels:read", "groups:read"]),
    ("conversations.join", &["channels:join"]),
    ("conversations.list", &["channels:read", "groups:read"]),
    ("conversations.members", &["channels:read", "groups:read"]),
    ("conversations.open", &["im:write"]),
    ("conversations.replies", &["channels:history", "groups:history", "im:history"]),
    ("files.completeUploadExternal", &["files:write"]),
    ("files.getUploadURLExternal", &["files:write"]),
    ("reactions.add", &["reactions:write"]),
    ("reactions.get", &["reactions:read"]),
    ("reactions.remove", &["reactions:write"]),
    ("team.info", &["team:read"]),
    ("usergroups.list", &["usergroups:read"]),
    ("usergroups.users.list", &["usergroups:read"]),
    ("users.info", &["users:read"]),
    ("users.list", &["users:read"]),
    ("users.lookupByEmail", &["users:read.email"]),
    ("views.open", &[]),
    ("views.publish", &[]),
    ("views.push", &[]),
    ("views.update", &[]),
];

/// Scopes that no single method shows: the slash command's, and that of the e-mail field of `users.info`.
const WITHOUT_A_METHOD: [&str; 2] = ["commands", "users:read.email"];

/// The keys that Slack knows where we use some; it refuses a manifest with any other.
const KNOWN_KEYS: [(&[&str], &[&str]); 5] = [
    (&[], &["_metadata", "display_information", "features", "oauth_config", "settings"]),
    (&["display_information"], &["name", "description", "background_color", "long_description"]),
    (&["features"], &["bot_user", "app_home", "slash_commands", "shortcuts"]),
    (
        &["features", "app_home"],
        &["home_tab_enabled", "messages_tab_enabled", "messages_tab_read_only_enabled"],
    ),
    (
        &["settings"],
        &[
            "interactivity",
            "event_subscriptions",
            "socket_mode_enabled",
            "org_deploy_enabled",
            "token_rotation_enabled",
        ],
    ),
];

fn manifest() -> Yaml<'static> {
    let documents = Yaml::load_from_str(MANIFEST).expect("the manifest is YAML");
    assert_eq!(documents.len(), 1);
    documents.into_iter().next().expect("there is one")
}

fn at<'m>(manifest: &'m Yaml<'static>, path: &[&str]) -> &'m Yaml<'static> {
    path.iter().fold(manifest, |node, key| &node[*key])
}

fn text<'m>(manifest: &'m Yaml<'static>, path: &[&str]) -> &'m str {
    at(manifest, path).as_str().unwrap_or_else(|| panic!("{path:?} is not a text"))
}

fn texts(manifest: &Yaml<'static>, path: &[&str]) -> Vec<String> {
    let items = at(manifest, path).as_sequence().unwrap_or_else(|| panic!("{path:?} is not a list"));
    items.iter().map(|item| item.as_str().expect("each is a text").to_owned()).collect()
}

fn scopes() -> BTreeSet<String> {
    let scopes = texts(&manifest(), &["oauth_config", "scopes", "bot"]);
    let set: BTreeSet<String> = scopes.iter().cloned().collect();
    assert_eq!(set.len(), scopes.len(), "a scope is listed twice");
    set
}

#[test]
fn slack_knows_every_key_and_no_text_is_too_long() {
    let manifest = manifest();
    for (path, known) in KNOWN_KEYS {
        for key in at(&manifest, path).as_mapping().expect("a table").keys() {
            assert!(known.contains(&key.as_str().expect("a text")), "{key:?} in {path:?}");
        }
    }
    for (path, longest) in [
        (&["display_information", "name"][..], 35),
        (&["display_information", "description"], 140),
        (&["features", "bot_user", "display_name"], 80),
    ] {
        assert!(text(&manifest, path).chars().count() <= longest, "{path:?} is too long");
    }
}

#[test]
fn the_command_is_the_one_that_the_bot_answers_to() {
    let manifest = manifest();
    let commands = at(&manifest, &["features", "slash_commands"]).as_sequence().expect("a list");
    assert_eq!(commands.len(), 1);
    let command = &commands[0];
    let keys = Config::keys();
    let default =
        keys.iter().find(|key| (key.section, key.name) == ("slack", "command")).expect("it is a key");
    let name = command["command"].as_str().expect("a text");
    assert_eq!(default.default, Some(format!("\"{name}\"")));
    assert!((2..=32).contains(&name.len()));
    assert!(command["description"].as_str().expect("a text").chars().count() <= 2000);
    assert!(command["usage_hint"].as_str().expect("a text").chars().count() <= 1000);
    assert_eq!(command["should_escape"].as_bool(), Some(true));
}

#[test]
fn the_switches_are_as_the_bot_needs_them() {
    let manifest = manifest();
    for (path, on) in [
        (&["settings", "socket_mode_enabled"][..], true),
        (&["settings", "interactivity", "is_enabled"], true),
        (&["settings", "org_deploy_enabled"], false),
        (&["settings", "token_rotation_enabled"], false),
        (&["features", "app_home", "home_tab_enabled"], true),
        (&["features", "app_home", "messages_tab_enabled"], true),
        (&["features", "app_home", "messages_tab_read_only_enabled"], true),
    ] {
        assert_eq!(at(&manifest, path).as_bool(), Some(on), "{path:?}");
    }
    assert_eq!(
        texts(&manifest, &["settings", "event_subscriptions", "bot_events"]),
        ["app_home_opened", "member_joined_channel"]
    );
}

#[test]
fn each_scope_says_why_it_is_there() {
    let lines: Vec<&str> = MANIFEST.lines().collect();
    for scope in scopes() {
        let line =
            lines.iter().position(|line| line.trim() == format!("- {scope}")).expect("on its own line");
        assert!(lines[line - 1].trim().starts_with('#'), "{scope} has no comment above it");
    }
}

#[test]
fn the_scopes_are_those_that_the_code_needs() {
    let source = slack_source();
    let used =
        methods_in(&source).unwrap_or_else(|unknown| panic!("add {unknown} and its scopes to METHODS"));
    let mut needed: BTreeSet<String> = WITHOUT_A_METHOD.iter().map(|&scope| scope.to_owned()).collect();
    needed.extend(used.values().flat_map(|scopes| scopes.iter().map(|&scope| scope.to_owned())));
    assert_eq!(scopes(), needed, "the methods in use are {:?}", used.keys());
}

#[test]
fn the_scopes_that_the_bot_checks_at_start_are_those_of_the_manifest() {
    let checked: BTreeSet<String> = REQUIRED_SCOPES.iter().map(|scope| scope.name.to_owned()).collect();
    assert_eq!(scopes(), checked);
}

/// All of the Slack adapter's code without its comments.
fn slack_source() -> String {
    rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chat/slack"))
}

fn rust_files(folder: &Path) -> String {
    let mut source = String::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            source.push_str(&rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            code.for_each(|line| source.extend([line, "\n"]));
        }
    }
    source
}

/// The methods that the code names, as `"chat.update"` or as slack-morphism's `.chat_update(`; an error names the
/// first text that has the form of a method and isn't in the table.
fn methods_in(source: &str) -> Result<BTreeMap<&'static str, &'static [&'static str]>, String> {
    let families: BTreeSet<&str> =
        METHODS.iter().filter_map(|(method, _)| method.split('.').next()).collect();
    // Every stretch between two quotes, inside or outside of a text: an escaped quote would swap the two.
    for quoted in source.split('"') {
        let method_like = quoted.split_once('.').is_some_and(|(family, rest)| {
            families.contains(family)
                && !rest.is_empty()
                && rest.bytes().all(|b| b.is_ascii_alphabetic() || b == b'.')
        });
        if method_like && !METHODS.iter().any(|(method, _)| *method == quoted) {
            return Err(quoted.to_owned());
        }
    }
    let is_used = |method: &str| {
        source.contains(&format!("\"{method}\"")) || source.contains(&format!(".{}(", snake_case(method)))
    };
    Ok(METHODS.into_iter().filter(|(method, _)| is_used(method)).collect())
}

/// `chat.postMessage` as slack-morphism calls it, `chat_post_message`; capitals in a row are one word.
fn snake_case(method: &str) -> String {
    let letters: Vec<char> = method.replace('.', "_").chars().collect();
    let mut name = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let before_small = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
        let after_small = index > 0 && letters[index - 1].is_ascii_lowercase();
        if letter.is_ascii_uppercase() && (before_small || after_small) {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn the_scan_finds_methods_however_they_are_called() {
    let source = "session.chat_post_message(&request)\nself.call(\"conversations.history\", &body)";
    let found: Vec<&str> = methods_in(source).expect("both are known").into_keys().collect();
    assert_eq!(found, ["chat.postMessage", "conversations.history"]);
    assert_eq!(methods_in("call(\"chat.unfurl\")"), Err("chat.unfurl".to_owned()));
    assert_eq!(snake_case("files.getUploadURLExternal"), "files_get_upload_url_external");
}
