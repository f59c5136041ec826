//! Secrets never leave the process but for where they belong: everything that it ever wrote is read through for them.

use std::path::Path;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};

use crate::fake::okta::{Fault, Person};
use crate::fake::slack::{C_OPS, Fault as SlackFault, U_APPROVER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};

const ADA: &str = "ada@ext.example";
const COLLECTOR: &str = "Bearer collector-secret-77";
const KEY: &str = include_str!("../keys/ec-pkcs8.pem");
/// Parts of addresses that are as good as a password: anyone who has one may use it.
const ADDRESSES: [&str; 3] = ["ticket=", "/upload/v1/", "/actions/"];

/// Everything that must not be found, in the forms in which it would travel.
fn secrets(world: &World) -> Vec<String> {
    let mut secrets = vec![
        world.slack.bot_token(),
        world.slack.app_token(),
        world.okta.api_token().to_owned(),
        COLLECTOR.rsplit(' ').next().unwrap_or_default().to_owned(),
    ];
    secrets.extend(KEY.lines().filter(|line| !line.starts_with("---")).map(str::to_owned));
    secrets.extend(world.okta.access_tokens());
    let encoded: Vec<String> = secrets
        .iter()
        .map(|secret| url::form_urlencoded::byte_serialize(secret.as_bytes()).collect())
        .collect();
    secrets.into_iter().chain(encoded).chain(ADDRESSES.map(str::to_owned)).collect()
}

/// Looks for each of them in these bytes.
fn assert_clean(world: &World, place: &str, bytes: &[u8]) {
    for secret in secrets(world) {
        let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "{secret} stands in {place}");
    }
}

/// All files of the world's folder but its configuration: the database, its log, its copies, what was printed, the
/// collector's file.
fn assert_files_clean(world: &World) {
    let mut looked_at = Vec::new();
    for entry in std::fs::read_dir(world.folder()).expect("it can be read") {
        let path = entry.expect("it can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name != "bot.toml" && path.is_file() {
            assert_clean(world, &name, &std::fs::read(&path).expect("it can be read"));
            looked_at.push(name);
        }
    }
    for kind in ["bot.db", "bot.db-wal", "1.stderr", "backup.db", "audit.jsonl"] {
        assert!(looked_at.iter().any(|name| name.ends_with(&kind[1..])), "{kind}: {looked_at:?}");
    }
}

/// A story in which much goes wrong, so that errors are written too, with everything said that can be said.
async fn story(world: &World, changes: &[(&str, &str)]) {
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    world.slack.fail_next("auth.test", SlackFault::DropBefore);
    world.slack.fail_next("apps.connections.open", SlackFault::Status(500));
    let bot = BotProcess::run_with(world, changes).await;
    world.okta.fail_next("GET /api/v1/users", Fault::Html(500));
    let card = world.sweep().await;
    world.slack.fail_next("users.info", SlackFault::Garbage);
    let _ = world.slack.click(U_APPROVER, &card.ts, "suspend").await;
    world.slack.fail_next("chat.update", SlackFault::LostResponse);
    world.okta.fail_next("POST /lifecycle/suspend", Fault::LostResponse);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world
        .slack
        .slash(U_APPROVER, C_OPS, "/inactive-contractors evidence 30d")
        .await
        .expect("it can be typed");
    world.slack.wait_for("the file", |slack| (!slack.files().is_empty()).then_some(())).await;
    world.slack.drop_sockets();
    world.slack.send_raw("{\"type\": \"nonsense\", \"token\": 7}");
    let to = world.folder().join("backup.db").display().to_string();
    let backup = BotProcess::spawn(world, &["backup", &to], changes).ended().await;
    assert_eq!(backup.code, Some(0), "{backup:?}");
    // Its log is still beside the database.
    bot.kill(world).await;
}

async fn assert_nothing_is_told(world: &World, changes: &[(&str, &str)]) {
    story(world, changes).await;
    assert_files_clean(world);
    assert_clean(world, "Slack", world.slack.dump().as_bytes());
    for file in world.slack.files() {
        assert_clean(world, &file.name, &file.bytes.unwrap_or_default());
    }
    let written = std::fs::read_dir(world.folder()).expect("it can be read").count();
    assert!(written > 5);
}

fn policy(folder: &Path) -> String {
    let file = folder.join("audit.jsonl").display().to_string();
    format!(
        "{UNSCHEDULED_POLICY}clear_sessions = true\n[log]\nlevel = \"trace\"\n\
         [forward]\nfile = \"{file}\"\nurl = \"http://127.0.0.1:9/\"\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_in_anything_that_the_process_ever_wrote() {
    let mut world = World::new("").await;
    let text = policy(world.folder());
    world.set_policy(&text);
    world.set_variable("FORWARD_AUTHORIZATION", COLLECTOR);
    assert_nothing_is_told(&world, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_is_the_key_of_a_service_app_or_a_token_that_it_got() {
    let mut world = World::new("").await;
    let text = policy(world.folder());
    world.set_policy(&text);
    world.set_variable("FORWARD_AUTHORIZATION", COLLECTOR);
    let key = EncodingKey::from_ec_pem(KEY.as_bytes()).expect("it is a key");
    let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256).expect("it has a public half");
    public.common.key_id = Some("key-1".into());
    let scopes =
        ["okta.users.read", "okta.users.manage", "okta.groups.read", "okta.logs.read", "okta.roles.read"];
    world.okta.register_client("0oaBot", vec![serde_json::to_value(public).expect("JSON")], &scopes);
    world.okta.require_dpop(true);
    let changes = [("OKTA_API_TOKEN", ""), ("OKTA_CLIENT_ID", "0oaBot"), ("OKTA_PRIVATE_KEY", KEY)];
    assert_nothing_is_told(&world, &changes).await;
    assert!(!world.okta.access_tokens().is_empty(), "it signed in as the app");
}
