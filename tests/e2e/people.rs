//! Who may click, and what becomes of the clicks of everybody else: one sentence for the person, one event in the
//! audit trail, and nothing in Okta.

use chrono::Duration;

use crate::fake::okta::Status;
use crate::fake::slack::{
    C_OPS, Fault, Message, Sees, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2, U_DEACTIVATED, U_GUEST,
    U_STRANGER, U_VIEWER,
};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// The click was refused: the person got an answer, the audit trail knows, and the question is still open.
async fn assert_refused(world: &World, card: &Message, user: &str, action: &str, words: &str) {
    world.next_try_is_recorded(user);
    let (before, notes) = (world.audited("input_refused"), world.slack.ephemerals(user).len());
    let reply = world.slack.click(user, &card.ts, action).await.expect("the button is there");
    assert_eq!(reply.sees, Sees::Nothing, "the click was acknowledged");
    let note =
        world.slack.wait_for("a note to them", |slack| slack.ephemerals(user).get(notes).cloned()).await;
    assert!(note.visible_text().contains(words), "{}", note.visible_text());
    assert_eq!(world.audited("input_refused"), before + 1);
    // That the clock has jumped by an hour may be recorded after it.
    let refused =
        world.audit().into_iter().rfind(|line| line.action == "input_refused").expect("it is there");
    assert_eq!(refused.actor["person"]["id"], user);
    assert!(world.slack.message(&card.ts).expect("the card stays").offers(action), "still open");
    assert_eq!(world.changes_asked(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_no_approver_may_not_decide() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    for action in ["suspend", "deny", "choose"] {
        assert_refused(&world, &card, U_VIEWER, action, "not one of this policy's approvers").await;
    }
    assert!(world.slack.views(U_VIEWER).is_empty(), "no modal for them");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_strangers_and_the_deactivated_may_not_decide_even_if_they_are_listed() {
    let policy = PLAIN_POLICY.to_owned() + "viewers = { channel_members = true }\n";
    let (world, card) = World::asking(&policy, &[ADA]).await;
    assert_refused(&world, &card, U_GUEST, "suspend", "a guest in this Slack workspace").await;
    assert_refused(&world, &card, U_STRANGER, "suspend", "belongs to another").await;
    assert_refused(&world, &card, U_DEACTIVATED, "suspend", "deactivated").await;
    assert_refused(&world, &card, U_GUEST, "deny", "a guest in this Slack workspace").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_who_was_deactivated_after_the_card_was_posted_may_not_decide() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let alice = SlackUser::new(U_APPROVER, "Alice Approver", "alice@example.com").deactivated();
    world.slack.add_user(alice, &[C_OPS]);
    assert_refused(&world, &card, U_APPROVER, "suspend", "deactivated").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_who_left_the_channel_may_not_decide_until_they_are_back() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.leave(U_APPROVER, C_OPS);
    // Seen through somebody else's screen, or from before.
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "You are not in the channel of policy").await;
    assert_eq!((world.audited("input_refused"), world.changes_asked()), (1, Vec::new()));
    world.slack.fail_next("conversations.members", Fault::Error("internal_error".into()));
    world.slack.click_stale(U_APPROVER2, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER2, "find out from Slack who you are").await;
    assert_eq!((world.audited("input_refused"), world.changes_asked()), (2, Vec::new()));
    world.slack.add_user(SlackUser::new(U_APPROVER, "Alice Approver", "alice@example.com"), &[C_OPS]);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contractor_concerned_may_not_decide() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.add_user(SlackUser::new("U0ADA", "Ada", ADA), &[C_OPS]);
    assert_refused(&world, &card, "U0ADA", "deny", "not one of this policy's approvers").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approvers_own_account_is_left_out_and_the_rest_goes_on() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    // Known only now: an approver whose address the sweep knew would not be on the list at all.
    world.slack.add_user(SlackUser::new(U_APPROVER2, "Bob", BEN), &[C_OPS]);
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");

    world.message("1 account suspended, 1 left alone").await;
    let thread = &world.slack.replies(C_OPS, &card.ts)[0].visible_text();
    assert!(thread.contains("nobody decides about their own account"), "{thread}");
    assert_eq!(world.okta.person(ADA).status, Status::Suspended);
    assert_eq!(world.okta.suspend_requests(BEN), 0);
    assert_eq!(world.audit_of(BEN), ["proposed", "skipped"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_decides_about_their_own_account_alone() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.add_user(SlackUser::new(U_APPROVER2, "Bob", ADA), &[C_OPS]);
    assert_refused(&world, &card, U_APPROVER2, "suspend", "You can't decide on your own account").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_without_an_address_may_not_suspend() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let mut bob = SlackUser::new(U_APPROVER2, "Bob", "");
    bob.email = None;
    world.slack.add_user(bob, &[C_OPS]);
    assert_refused(&world, &card, U_APPROVER2, "suspend", "give me your e-mail address").await;
    world.nothing_else_is_wrong().await;
}

/// The second approver, whose address Slack doesn't tell.
fn without_an_address() -> SlackUser {
    SlackUser { email: None, ..SlackUser::new(U_APPROVER2, "Bob Approver", "") }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_gives_no_address_of_an_approver_no_sweep_can_propose_their_account() {
    let mut world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA, "bob@example.com"]);
    world.slack.add_user(without_an_address(), &[C_OPS]);
    world.start_bot().await;
    world.ask_for_sweep().await;
    let failed = world.message("gives no confirmed address of Bob Approver").await.visible_text();
    assert!(
        failed.contains("account_owners") && failed.contains(U_APPROVER2),
        "what to do about it: {failed}"
    );
    assert_eq!(world.audited("proposed"), 0);
    let check = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(check.code, Some(1));
    assert!(check.stdout.contains("gives no confirmed address of Bob Approver"), "{}", check.stdout);
    // Either way out helps.
    world.stop_bot().await;
    let own = format!("account_owners = [{{ slack = \"{U_APPROVER2}\", okta = \"bob@example.com\" }}]\n");
    world.set_policy(&format!("{PLAIN_POLICY}{own}"));
    world.start_bot().await;
    let card = world.sweep().await.visible_text();
    assert!(card.contains(ADA) && !card.contains("bob@example.com"), "{card}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_slack_gives_no_address_of_an_approver_nothing_is_executed() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.slack.add_user(without_an_address(), &[C_OPS]);
    world.advance(Duration::minutes(2));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.card_says(&card, "gives no confirmed address of Bob Approver").await;
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.slack.add_user(SlackUser::new(U_APPROVER2, "Bob Approver", BEN), &[C_OPS]);
    world.advance(Duration::seconds(61));
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspend_requests(BEN)), (1, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_at_once_exactly_one_decides() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let (one, other) = tokio::join!(
        world.slack.click_stale(U_APPROVER, &card, "suspend"),
        world.slack.click_stale(U_APPROVER2, &card, "deny"),
    );
    assert_eq!(
        (one.map(|reply| reply.sees), other.map(|reply| reply.sees)),
        (Ok(Sees::Nothing), Ok(Sees::Nothing))
    );

    let ending = world.message("Audit trail up to").await.visible_text();
    let (approved, denied) = (world.audited("approved"), world.audited("denied"));
    assert_eq!((approved + denied, world.audited("input_refused")), (1, 1));
    let loser = if approved == 1 { U_APPROVER2 } else { U_APPROVER };
    world.told(loser, if approved == 1 { "Already approved by" } else { "Already denied by" }).await;
    assert_eq!(ending.contains("1 account suspended"), approved == 1, "{ending}");
    assert_eq!(world.okta.suspends(ADA), approved);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_and_a_delivery_sent_again_change_nothing_more() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    assert!(world.slack.resend_last_envelope().await.acked_after.is_some());
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "Already approved by you").await;

    world.message("1 account suspended. Approved by").await;
    assert_eq!((world.audited("approved"), world.okta.suspend_requests(ADA)), (1, 1));
    assert_eq!(
        world.audited("input_refused"),
        1,
        "a second click is another input, a second delivery is not"
    );
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_click_after_a_denial_learns_who_denied() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    for action in ["suspend", "choose"] {
        world.slack.click_stale(U_APPROVER, &card, action).await.expect("it was there");
    }
    world.told(U_APPROVER, "Already denied by").await;
    world.until("two refusals", |world| world.audited("input_refused") == 2).await;
    assert!(world.slack.views(U_APPROVER).is_empty());
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_click_after_the_deadline_learns_how_to_ask_again() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.advance(chrono::Duration::hours(9));
    world.message("nobody answered").await;
    world.slack.click_stale(U_APPROVER, &card, "suspend").await.expect("it was there");
    world.told(U_APPROVER, "This request expired").await;
    assert_eq!((world.audited("expired"), world.audited("input_refused")), (1, 1));
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_admin_takes_a_rule_live() {
    let (world, card) = World::asking("max_share = 1.0\n", &[ADA]).await;
    world.until("the card's deadline", |world| world.audited("card_posted") == 1).await;
    assert_refused(&world, &card, U_APPROVER, "go_live", "Only an admin of this policy").await;
    world.slack.click(U_ADMIN, &card.ts, "go_live").await.expect("the button is there");
    world.message("took the rule live").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_slack_cannot_say_who_clicked_nothing_is_decided() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.fail_always("users.info", Fault::Error("internal_error".into()));
    assert_refused(&world, &card, U_APPROVER, "suspend", "can't find out from Slack who you are").await;
    world.slack.clear_faults();
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_never_says_who_clicked_does_not_hold_up_the_acknowledgement() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.fail_next("users.info", Fault::Hang);
    assert_refused(&world, &card, U_APPROVER, "suspend", "it did not answer in time").await;
    world.nothing_else_is_wrong().await;
}
