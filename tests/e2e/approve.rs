//! The main job: a sweep, an approval, suspensions, and what the channel and the audit trail say of them.

use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, Sees, U_APPROVER};
use crate::support::{PLAIN_POLICY, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_contractor_is_suspended_once_and_everybody_is_notified() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").name("Ada", "Okafor").last_login_days_ago(41));
    world.okta.add(Person::contractor("busy@ext.example").last_login_days_ago(2));
    world.start_bot().await;

    let card = world.sweep().await;
    assert!(card.visible_text().contains("ada@ext.example"));
    assert!(!card.visible_text().contains("busy@ext.example"));
    let reply = world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing);

    let ending = world.message("in the thread of").await;
    assert!(ending.visible_text().contains("1 account suspended. Approved by"));
    assert_eq!(world.okta.person("ada@ext.example").status, Status::Suspended);
    assert_eq!(
        (world.okta.suspends("ada@ext.example"), world.okta.suspend_requests("busy@ext.example")),
        (1, 0)
    );
    assert_eq!(world.audit_of("ada@ext.example"), ["proposed", "suspension_intended", "suspended"]);
    let line = |action: &str| world.audit().into_iter().find(|line| line.action == action).expect(action);
    let (shown, read) = (line("proposed").detail, line("suspension_intended").detail);
    assert_eq!(read["evidence"]["idle"], shown["evidence"]["idle"], "what was read right before the call");
    let request = line("suspended").detail["provider_request"].as_str().map(str::to_owned);
    let answered = world.okta.calls().into_iter().find(|call| call.path.ends_with("/lifecycle/suspend"));
    assert_eq!(request, answered.map(|call| call.request_id), "as Okta calls it");
    let thread = world.slack.replies(C_OPS, &card.ts);
    assert!(thread[0].visible_text().contains("suspended"));
    assert!(world.slack.message(&card.ts).expect("the card stays").buttons().is_empty(), "no live buttons");
    world.nothing_else_is_wrong().await;
}
