//! A configuration that is read again while much is under way.

use crate::fake::gate::Moment;
use crate::fake::slack::{C_OPS, U_APPROVER};
use crate::process::BotProcess;
use crate::support::World;
use crate::watch::{asking, reload};

const ADA: &str = "ada@ext.example";

/// Ends the process once its configuration was read again.
async fn reloaded_then_ended(world: &World, process: BotProcess) {
    world.gate.release();
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_asked_something_holds_no_reload_up_and_is_told_to_ask_again() {
    let (world, process) = asking().await;
    world.gate.stop_at_label("okta GET /api/v1/users", 1, Moment::Before);
    world.slack.slash(U_APPROVER, C_OPS, "/inactive-contractors preview").await.expect("it can be typed");
    world.gate.stopped().await;
    reload(&world, &process, &world.config_toml());
    world.until("the new one", |world| world.audited("configuration_reloaded") == 1).await;
    world.told(U_APPROVER, "ask again").await;
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
    world.told(U_APPROVER, "ask again").await;
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
