//! Whose account it is: people with another address in Okta than in Slack decide about themselves no more than others.

use crate::commands::assert_answer;
use crate::dialog::{choose, choose_stale, says};
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, Message, U_APPROVER, U_APPROVER2, U_VIEWER};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// A policy that says of these logins that they are the first approver's accounts.
fn owned(logins: &[&str]) -> String {
    let one = |login: &&str| format!("{{ slack = \"{U_APPROVER}\", okta = \"{login}\" }}");
    let all: Vec<String> = logins.iter().map(one).collect();
    format!("{PLAIN_POLICY}account_owners = [{}]\n", all.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approvers_other_account_is_never_proposed() {
    let world = World::at_ten(&owned(&["ADA@ext.example"])).await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    let card = world.sweep().await.visible_text();
    assert!(card.contains(BEN) && !card.contains(ADA), "{card}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_out_to_be_an_approvers_other_account_after_the_card_is_not_suspended() {
    let (mut world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.stop_bot().await;
    let id = world.okta.person(ADA).id;
    world.set_policy(&owned(&[&id]));
    world.start_bot().await;
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!((world.okta.suspend_requests(ADA), world.okta.suspends(BEN)), (0, 1));
    world.nothing_else_is_wrong().await;
}

/// A card that asks about Ada and Ben, after which the configuration says that Ada's account is the first approver's.
async fn owned_since_the_card(policy: &str) -> (World, Message) {
    let (mut world, card) = World::asking(policy, &[ADA, BEN]).await;
    world.stop_bot().await;
    world.set_policy(&(owned(&[ADA]) + policy.strip_prefix(PLAIN_POLICY).expect("a plain one and more")));
    world.start_bot().await;
    (world, card)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turns_out_to_be_ones_other_account_after_the_card_is_not_kept_by_oneself() {
    let (world, card) = owned_since_the_card(PLAIN_POLICY).await;
    choose(&world, U_APPROVER, &card, "keep", 0).await;
    world.told(U_APPROVER, "You can't exempt your own").await;
    choose(&world, U_APPROVER, &card, "exempt", 0).await;
    world.audited_times("input_refused", 2).await;
    assert!(world.slack.views(U_APPROVER).is_empty(), "no dialog that would be refused");
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    says(&world, U_APPROVER, "your own account, so somebody else decides on it").await;
    assert_eq!(world.audited("exempted"), 0);
    // Somebody else may.
    choose(&world, U_APPROVER2, &card, "keep", 0).await;
    world.card_says(&card, "kept until").await;
    choose_stale(&world, U_APPROVER, &card, "keep", 1).await;
    world.audited_times("exempted", 2).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_their_other_account_first_or_second() {
    for (first, second) in [(U_APPROVER, U_APPROVER2), (U_APPROVER2, U_APPROVER)] {
        let (world, card) = owned_since_the_card(&format!("{PLAIN_POLICY}approvals_needed = 2\n")).await;
        world.slack.click(first, &card.ts, "suspend").await.expect("the button is there");
        world.audited_times("approved_first", 1).await;
        let card = world.card_says(&card, "second").await;
        world.slack.click(second, &card.ts, "suspend").await.expect("the button is there");
        world.message("1 account suspended, 1 left alone").await;
        let thread = &world.slack.replies(C_OPS, &card.ts)[0].visible_text();
        assert!(thread.contains("nobody decides about their own account"), "{thread}");
        assert_eq!((world.okta.suspend_requests(ADA), world.okta.suspends(BEN)), (0, 1));
        world.nothing_else_is_wrong().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_exempts_or_restores_their_other_account() {
    let world = World::at_ten(&owned(&[ADA])).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let exempt = format!("exempt {ADA} for 10d me");
    assert_answer(&world, U_APPROVER, &exempt, &["You can't exempt your own"]).await;
    world.okta.set_status(ADA, Status::Suspended);
    let restore = format!("restore {ADA} it is me");
    assert_answer(&world, U_APPROVER, &restore, &["You can't restore your own account"]).await;
    assert_eq!((world.audited("exempted"), world.audited("restore_asked")), (0, 0));
    assert_eq!(world.audited("input_refused"), 2);
    // Somebody else may.
    assert_answer(&world, U_APPROVER2, &exempt, &["is exempt"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_an_approvers_address_is_left_out_and_everybody_sees_it() {
    let world = World::at_ten(PLAIN_POLICY).await;
    let eve = "eve@ext.example";
    let idle = |login| Person::contractor(login).last_login_days_ago(60);
    world.okta.add(idle(eve).attribute("email", "Alice@Example.com"));
    // Bob's own: a login is nobody else's.
    world.okta.add(idle("bob@example.com"));
    world.okta.add(Person::employee("alice@example.com"));
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let card = world.sweep().await.visible_text();
    assert!(card.contains(ADA) && !card.contains("bob@example.com"), "{card}");
    assert!(
        card.ends_with(&format!("left out because they have an approver's e-mail address: {eve}")),
        "{card}"
    );
    let only = "counts as an approver's account only because of the e-mail address in its profile, Alice@Example.com";
    assert_answer(&world, U_VIEWER, &format!("why {eve}"), &["one of the policy's approvers", only]).await;
    let found = world.audit().into_iter().find(|event| event.action == "sweep_finished").expect("it ended");
    assert_eq!(found.detail["by_email"][0]["login"], eve);
    world.stop_bot().await;
    let check = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    let named = format!("check that they belong to the approver: {eve} (alice@example.com)\n");
    assert!(check.stdout.contains(&named), "{}", check.stdout);
    world.nothing_else_is_wrong().await;
}
