//! Entra ID instead of Okta, and beside it: the same story, by the real bot.

use chrono::Duration;

use super::commands::{ask, assert_answer};
use crate::fake::entra::{Person, Role};
use crate::fake::okta::Status;
use crate::fake::slack::{C_OPS, Sees, U_APPROVER};
use crate::support::{PLAIN_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";

/// A tenant with somebody who works there and with Ada, who has not been seen for 41 days; the bot knows no Okta.
async fn tenant(policy: &str) -> World {
    let mut world = World::with_entra(&format!("{PLAIN_POLICY}{policy}")).await;
    world.set_okta(false);
    let tenant = world.tenant();
    tenant.add(Person::employee("boss@corp.example").name("Bea", "Boss"));
    tenant.add(Person::contractor(ADA).name("Ada", "Okafor").last_login_days_ago(41));
    world
}

/// Approves the open card and waits for its end.
async fn approve(world: &World) {
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("suspended. Approved by").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_contractor_is_blocked_once_and_everybody_is_told_in_entras_words() {
    let world = tenant("").await;
    let tenant = world.tenant();
    tenant.add(Person::contractor("busy@ext.example").last_login_days_ago(2));
    // Teams signs in for somebody who has not opened a browser for months.
    tenant.add(Person::contractor("teams@ext.example").last_login_days_ago(90).non_interactive_days_ago(1));
    tenant.add(Person::contractor("synced@ext.example").last_login_days_ago(90).synced("corp.local"));
    tenant.add(Person::contractor("unit@ext.example").last_login_days_ago(90).restricted());
    tenant.add(Person::contractor("admin@ext.example").last_login_days_ago(90).role(Role::UserAdministrator));
    tenant.add(Person::contractor("agent@ext.example").last_login_days_ago(90).agent());
    world.start_bot().await;

    let card = world.sweep().await;
    let shown = card.visible_text();
    assert!(shown.contains(ADA) && shown.contains("41 days"), "{shown}");
    assert!(shown.contains("suspending an account blocks its sign-in in Entra ID"), "{shown}");
    assert!(shown.contains("2 in a status that Entra ID can't suspend"), "{shown}");
    for other in ["busy@", "teams@", "synced@", "unit@", "admin@", "agent@", "Okta"] {
        assert!(!shown.contains(other), "{other}: {shown}");
    }
    let blocks = serde_json::Value::from(card.current().blocks.clone()).to_string();
    assert!(blocks.contains("Open in Entra"), "the menu of a row leads there: {blocks}");
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing);

    let ending = world.message("in the thread of").await;
    assert!(ending.visible_text().contains("1 account suspended. Approved by"));
    assert_eq!((tenant.enabled(ADA), tenant.suspends(ADA), tenant.patch_requests(ADA)), (false, 1, 1));
    assert_eq!(tenant.blocked(), [ADA]);
    assert_eq!(world.audit_of(ADA), ["proposed", "suspension_intended", "suspended"]);
    let line = world.audit().into_iter().find(|line| line.action == "suspended").expect("it is recorded");
    let name = tenant.changes_of(ADA).remove(0).correlation_id;
    assert_eq!(line.detail["provider_request"], name, "as Entra's own audit log calls it");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_bot_blocked_it_gives_back_and_what_an_admin_unblocked_is_told_with_the_name() {
    let world = tenant("").await;
    world.tenant().add(Person::contractor("ben@ext.example").last_login_days_ago(50));
    world.start_bot().await;
    approve(&world).await;
    world.advance(Duration::minutes(20));
    ask(&world, U_APPROVER, &format!("restore {ADA} she called")).await;
    world.message("has access again").await;
    assert!(world.tenant().enabled(ADA));
    assert!(world.tenant().set_enabled_by_admin("ben@ext.example", true, "boss@corp.example"));
    world.advance(Duration::minutes(61));
    let told = world.message("is active again").await.visible_text();
    assert!(told.contains("ben@ext.example") && told.contains("boss@corp.example"), "{told}");
    assert!(!told.contains(ADA), "that was the bot itself: {told}");
    world.nothing_else_is_wrong().await;
}

/// Entra ID doesn't say when an account was unblocked: without a look at it, it would count as just back for ever.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_back_is_proposed_again_after_its_grace_also_without_a_drift_watch() {
    let world = tenant("drift_watch = 0\n").await;
    world.start_bot().await;
    approve(&world).await;
    assert!(world.tenant().set_enabled_by_admin(ADA, true, "boss@corp.example"));
    world.advance(Duration::minutes(61));
    world.message("is active again").await;
    assert_answer(&world, U_APPROVER, &format!("why {ADA}"), &["restored"]).await;
    world.advance(Duration::days(8));
    assert!(world.sweep().await.visible_text().contains(ADA));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_blocked_and_that_their_sessions_are_elsewhere_is_said() {
    let world = tenant("guests = true\nclear_sessions = true\n").await;
    let guest = "eve@vendor.example";
    world.tenant().add(Person::guest(guest).last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    assert!(card.visible_text().contains("vendor.example") && !card.visible_text().contains(ADA));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    let login = world.tenant().person(guest).login;
    world.until("that they were left alone", |world| world.audited("sessions_clear_skipped") == 1).await;
    assert_eq!(world.audited("sessions_clear_intended"), 0, "nobody asks Entra for what it does not do");
    assert!(!world.tenant().enabled(&login));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_without_the_licence_is_told_so_and_nobody_is_proposed() {
    let world = tenant("").await;
    world.tenant().configure(|settings| settings.licence = crate::fake::entra::Licence::Free);
    world.start_bot().await;
    world.ask_for_sweep().await;
    let told = world.message("P1 or P2").await.visible_text();
    assert!(!told.contains(ADA), "{told}");
    assert_eq!(world.tenant().patch_requests(ADA), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bot_serves_both_providers_each_by_its_own_policy() {
    let policies = format!(
        "{PLAIN_POLICY}provider = \"okta\"\n[[policy]]\nname = \"tenant\"\nprovider = \"entra\"\nchannel = \"{C_OPS}\"\n\
         {PLAIN_POLICY}approvers = {{ users = [\"{U_APPROVER}\"] }}\n"
    );
    let world = World::with_entra(&policies).await;
    let (ben, tenant) = ("ben@ext.example", world.tenant());
    world.add_idle(&[ben]);
    tenant.add(Person::employee("boss@corp.example"));
    tenant.add(Person::contractor(ADA).last_login_days_ago(41));
    world.start_bot().await;
    assert_answer(&world, U_APPROVER, "status", &["Okta", "Entra ID"]).await;
    for (policy, login) in [("contractors", ben), ("tenant", ADA)] {
        ask(&world, U_APPROVER, &format!("sweep {policy}")).await;
        let card = |slack: &crate::fake::slack::FakeSlack| {
            let open = |card: &crate::fake::slack::Message| {
                is_open_card(card) && card.visible_text().contains(login)
            };
            slack.messages(C_OPS).into_iter().find(open)
        };
        let card = world.slack.wait_for("a card about the one account", card).await;
        world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
        world
            .until("it is suspended", |world| {
                world.audit_of(login).last().is_some_and(|last| last == "suspended")
            })
            .await;
    }
    assert_eq!((world.okta.person(ben).status, world.okta.suspends(ben)), (Status::Suspended, 1));
    assert_eq!((tenant.enabled(ADA), tenant.suspends(ADA)), (false, 1));
    world.nothing_else_is_wrong().await;
}
