//! A quiet day: with nobody inactive, nothing changes anywhere.

use crate::fake::okta::{Person, Status};
use crate::fake::slack::C_OPS;
use crate::support::{PLAIN_POLICY, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_with_nobody_inactive_changes_nothing_anywhere() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("busy@ext.example").last_login_days_ago(2));
    world.okta.add(Person::employee("boss@corp.example").last_login_days_ago(90));
    world.okta.add(Person::contractor("new@ext.example").created_days_ago(3).never_signed_in());
    world.start_bot().await;

    world.ask_for_sweep().await;
    let line = world.message("found no account to suspend").await;
    assert!(line.visible_text().contains("2 accounts checked"), "{}", line.visible_text());
    assert!(line.actions().is_empty());
    assert_eq!(world.slack.messages(C_OPS).len(), 1);
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    for login in ["busy@ext.example", "boss@corp.example", "new@ext.example"] {
        assert_eq!(world.okta.person(login).status, Status::Active);
        assert_eq!(world.audit_of(login), Vec::<String>::new());
    }
    world.nothing_else_is_wrong().await;
}
