//! What a cold reading of the workflow found: each story goes wrong without its mend.

use crate::fake::okta::Person;
use crate::fake::slack::{Fault, Sees, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_added_after_the_card_holds_when_the_card_is_approved() {
    let mut world = World::new(PLAIN_POLICY).await;
    let group = world.okta.add_group("Keep these");
    for login in ["grouped@ext.example", "marked@ext.example", "ada@ext.example"] {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world.okta.set_group("grouped@ext.example", &group);
    world.okta.set_attribute("marked@ext.example", "costCenter", "keep");
    world.start_bot().await;
    let card = world.sweep().await;
    world.stop_bot().await;
    world.set_policy(&format!(
        "{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n\
         exempt_attributes = [{{ name = \"costCenter\", value = \"keep\" }}]\n"
    ));
    world.start_bot().await;

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspend_requests("grouped@ext.example"), 0);
    assert_eq!(world.okta.suspend_requests("marked@ext.example"), 0);
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_slack_could_not_vouch_for_can_be_sent_again() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the dialog", |_| true).await;

    world.slack.fail_next("users.info", Fault::Status(503));
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog can be sent");
    assert!(matches!(reply.sees, Sees::ViewErrors(_)), "{:?}", reply.sees);
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog stays");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}
