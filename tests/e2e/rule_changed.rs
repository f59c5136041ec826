//! What was asked by a rule that has been changed since is not decided any more: the question is asked again.

use crate::fake::gate::Moment;
use crate::fake::okta::Person;
use crate::fake::slack::{Fault, U_APPROVER};
use crate::support::{PLAIN_POLICY, World, is_open_card};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_could_propose_others_ends_the_request_and_asks_again() {
    let (mut world, card) = World::asking(&format!("{PLAIN_POLICY}inactive_after = \"40d\"\n"), &[ADA]).await;
    world.okta.add(Person::contractor(BEN).last_login_days_ago(33));
    world.stop_bot().await;
    world.set_policy(&format!("{PLAIN_POLICY}inactive_after = \"30d\"\n"));
    world.start_bot().await;

    world.message("the rule was changed before anybody decided").await;
    let old = world.card_says(&card, "The rule was changed").await;
    assert!(old.buttons().is_empty(), "{:?}", old.buttons());
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "is closed").await;
    let fresh = |slack: &crate::fake::slack::FakeSlack| {
        let cards = slack.messages(crate::fake::slack::C_OPS);
        cards.into_iter().find(|one| one.ts != card.ts && is_open_card(one))
    };
    let fresh = world.slack.wait_for("a fresh card", fresh).await;
    assert!(fresh.visible_text().contains(ADA) && fresh.visible_text().contains(BEN));
    assert_eq!(["outdated", "approved", "sweep_started"].map(|action| world.audited(action)), [1, 0, 2]);
    // Restarting asks no third time.
    world.kill_bot().await;
    world.start_bot().await;
    world.slack.click(U_APPROVER, &fresh.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended. Approved by").await;
    assert_eq!(world.audited("sweep_started"), 2);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_that_comes_before_the_bot_has_noticed_is_refused() {
    let (mut world, card) = World::asking(&format!("{PLAIN_POLICY}inactive_after = \"40d\"\n"), &[ADA]).await;
    world.stop_bot().await;
    world.set_policy(&format!("{PLAIN_POLICY}inactive_after = \"30d\"\n"));
    // Nothing can be shown or posted, so the card stays as it was.
    world.slack.fail_always("chat.update", Fault::Error("internal_error".into()));
    world.start_bot().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.until("a refusal", |world| world.audited("input_refused") == 1).await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.slack.clear_faults();
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_only_narrows_lets_the_question_stand() {
    let (mut world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.stop_bot().await;
    world.set_policy(&format!("{PLAIN_POLICY}exempt_logins = [\"{BEN}\"]\n"));
    world.start_bot().await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(BEN)), (1, 0));
    assert_eq!(world.audited("outdated"), 0);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_has_begun_runs_by_the_rule_that_it_began_with() {
    let mut world = World::at_ten(&format!("{PLAIN_POLICY}inactive_after = \"40d\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    world.gate.stop_at_label("okta GET /api/v1/users", 1, Moment::Before);
    world.ask_for_sweep().await;
    world.gate.stopped().await;
    world.kill_bot().await;
    world.gate.open();
    world.set_policy(&format!("{PLAIN_POLICY}inactive_after = \"60d\"\n"));
    world.start_bot().await;
    let card = world.message("Answer by").await.visible_text();
    assert!(card.contains(ADA), "{card}");
    assert_eq!((world.audited("sweep_started"), world.audited("outdated")), (1, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_come_back_on_the_same_day_are_asked_by_each_time() {
    let longer = format!("{PLAIN_POLICY}inactive_after = \"35d\"\n");
    let exempting = format!("{PLAIN_POLICY}inactive_after = \"30d\"\nexempt_logins = [\"{BEN}\"]\n");
    let (mut world, _) = World::asking(&longer, &[ADA, BEN]).await;
    for (change, rule) in (1..).zip([&exempting, &longer, &exempting, &longer]) {
        world.stop_bot().await;
        world.set_policy(rule);
        world.start_bot().await;
        let asks = |world: &World| world.audited("card_posted") == change + 1;
        world.until(&format!("a fresh question after change {change}"), asks).await;
        assert_eq!((world.audited("outdated"), world.audited("sweep_started")), (change, change + 1));
    }
    world.nothing_else_is_wrong().await;
}
