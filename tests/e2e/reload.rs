//! A configuration that is read again while much is under way, and while Slack can't be reached.

use serde_json::Value;

use crate::fake::gate::Moment;
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};
use crate::watch::{asking, reload, status_says};

const ADA: &str = "ada@ext.example";
/// An EC key as the configuration takes it; to sign with it, it lacks its public half.
const HALF_A_KEY: &str = include_str!("../keys/ec-without-public.pem");

/// Ends the process once its configuration was read again.
async fn reloaded_then_ended(world: &World, process: BotProcess) {
    world.gate.release();
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_holds_up_no_reload_and_is_answered_with_ask_again() {
    let (world, process) = asking().await;
    world.gate.stop_at_label("okta GET /api/v1/users", 1, Moment::Before);
    world.slack.slash(U_APPROVER, C_OPS, "/inactive-contractors preview").await.expect("it can be typed");
    world.gate.stopped().await;
    reload(&world, &process, &world.config_toml());
    world.until("the new one", |world| world.audited("configuration_reloaded") == 1).await;
    world.told(U_APPROVER, "Try again in a moment").await;
    reloaded_then_ended(&world, process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_looks_somebody_up_holds_no_reload_up_and_does_nothing() {
    let (world, process) = asking().await;
    world.gate.stop_at_label("okta GET /api/v1/users", 1, Moment::Before);
    let exempt = format!("/inactive-contractors exempt {ADA} for 30d parental leave");
    world.slack.slash(U_APPROVER, C_OPS, &exempt).await.expect("it can be typed");
    world.gate.stopped().await;
    reload(&world, &process, &world.config_toml());
    world.until("the new one", |world| world.audited("configuration_reloaded") == 1).await;
    world.told(U_APPROVER, "Try again in a moment").await;
    assert_eq!(world.audited("exempted"), 0);
    reloaded_then_ended(&world, process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_being_looked_at_holds_no_reload_up_and_is_suspended_after_it() {
    let (world, process) = asking().await;
    let asked = world.slack.messages(C_OPS)[0].ts.clone();
    world.gate.stop_at_label("okta GET /api/v1/users/{id}", 1, Moment::Before);
    world.slack.click(U_APPROVER, &asked, "suspend").await.expect("the button is there");
    world.gate.stopped().await;
    reload(&world, &process, &world.config_toml());
    world.message("1 account suspended. Approved by").await;
    let audited = world.audit().into_iter().map(|line| line.action);
    let then = audited.filter(|action| action.starts_with("suspen") || action == "configuration_reloaded");
    assert_eq!(then.collect::<Vec<_>>(), ["configuration_reloaded", "suspension_intended", "suspended"]);
    reloaded_then_ended(&world, process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_ends_nothing_while_slack_can_not_be_reached() {
    let world = World::new(UNSCHEDULED_POLICY).await;
    let write = |name: &str, text: &str| {
        let path = world.folder().join(name);
        std::fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    let (right, wrong) = (write("right", &world.slack.bot_token()), write("wrong", "xoxb-1-wrong"));
    let (token, key) = (write("token", world.okta.api_token()), write("key", HALF_A_KEY));
    let (app, other_app) = (write("app", &world.slack.app_token()), write("other app", "xapp-1-wrong"));
    let revoked = write("revoked", "revoked");
    let nowhere = "http://127.0.0.1:9/api";
    let config = |url: &str, slack: &str, okta: &str| {
        let rest = world.config_toml();
        format!(
            "[slack]\napi_url = \"{url}\"\nbot_token_file = \"{slack}\"\napp_token_file = \"{app}\"\n[okta]\n{okta}\n{rest}"
        )
    };
    let by_token = format!("api_token_file = \"{token}\"");
    let by_key = format!("private_key_file = \"{key}\"\nclient_id = \"0oa1\"");
    write("bot.toml", &config(nowhere, &right, &by_token));
    let none =
        [("SLACK_API_URL", ""), ("SLACK_BOT_TOKEN", ""), ("SLACK_APP_TOKEN", ""), ("OKTA_API_TOKEN", "")];
    let process = BotProcess::spawn_as_configured(&world, &["run"], &none);
    process.writes("Slack can't be reached yet", 1).await;

    let refused = |why: &'static str| {
        move |json: &Value| json["reload"]["refused"].as_str().is_some_and(|said| said.contains(why))
    };
    let good = |json: &Value| json["reload"]["at"].is_string() && json["reload"]["refused"].is_null();
    reload(&world, &process, &config(nowhere, &right, &by_key));
    status_says(&world, "the key is refused", refused("the Okta credential")).await;
    reload(&world, &process, &config(nowhere, &right, &by_token));
    status_says(&world, "a good one is taken", good).await;
    // What Slack thinks of a token shows when it is there.
    reload(&world, &process, &config(&world.slack.api_url(), &wrong, &by_token));
    status_says(&world, "the token is refused", refused("Slack")).await;
    // Nor does what is only used later.
    let url = world.slack.api_url();
    let by_app = config(&url, &right, &by_token).replace(&app, &other_app);
    reload(&world, &process, &config(nowhere, &right, &by_token));
    status_says(&world, "a good one is taken", good).await;
    reload(&world, &process, &by_app);
    status_says(&world, "the app-level token is refused", refused("invalid_auth")).await;
    reload(&world, &process, &config(&url, &right, &format!("api_token_file = \"{revoked}\"")));
    status_says(&world, "the credential is refused", refused("Okta")).await;
    reload(&world, &process, &config(&world.slack.api_url(), &right, &by_token));
    process.connected(&world, 0).await;
    status_says(&world, "the last one is taken", good).await;
    process.terminate();
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
}
