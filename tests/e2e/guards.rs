//! The brakes: each stops a sweep that must not speak, says so in the channel, and nobody is suspended.

use super::commands::assert_answer;
use crate::fake::gate::Moment;
use crate::fake::okta::{Call, Fault, Person, Status};
use crate::fake::slack::{C_OPS, U_APPROVER, U_APPROVER2};
use crate::support::{PLAIN_POLICY, World};

/// `idle` contractors to propose and `busy` ones to leave alone.
async fn world_of(policy: &str, idle: usize, busy: usize) -> World {
    let world = World::at_ten(policy).await;
    add(&world, "idle", idle, 41);
    add(&world, "busy", busy, 2);
    world
}

fn add(world: &World, name: &str, count: usize, days: i64) {
    for number in 0..count {
        let login = format!("{name}{number}@ext.example");
        world.okta.add(Person::contractor(&login).last_login_days_ago(days));
    }
}

/// A sweep that has no card: the channel is notified why, nothing else happens.
async fn assert_stopped(world: &World, action: &str, words: &str) {
    world.ask_for_sweep().await;
    world.message(words).await;
    assert_eq!(world.slack.messages(C_OPS).len(), 1, "one line, no card");
    assert_eq!((world.audited(action), world.audited("proposed")), (1, 0));
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

/// A sweep whose card can only be released or denied.
async fn assert_held(world: &World, words: &str) {
    let card = world.sweep().await;
    let text = card.visible_text();
    assert!(text.contains("Held by a guard; nobody was asked. ") && text.contains(words), "{text}");
    assert!(!card.offers("suspend") && !card.offers("choose"), "{:?}", card.actions());
    assert_eq!((world.audited("sweep_held"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_of_the_type_is_no_clean_day() {
    let world = world_of(&format!("{PLAIN_POLICY}user_type = \"contracter\"\n"), 3, 0).await;
    world.start_bot().await;
    assert_stopped(&world, "sweep_refused", "no account of type").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_a_proxy_cut_short_is_no_clean_day() {
    let world = world_of(PLAIN_POLICY, 0, 200).await;
    add(&world, "idle", 3, 41);
    world.okta.fail_always("GET /api/v1/users?", Fault::NoLinks);
    world.start_bot().await;
    assert_stopped(&world, "sweep_failed", "let the Link header of answers through").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_could_judge_few_accounts_is_refused() {
    let world = world_of(PLAIN_POLICY, 5, 4).await;
    for number in 0..5 {
        world.okta.raw_user(&format!("idle{number}@ext.example"), |user| {
            user.as_object_mut().expect("a user is an object").remove("lastLogin");
        });
    }
    world.start_bot().await;
    assert_stopped(&world, "sweep_refused", "5 of 9 accounts could not be judged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_log_makes_everybody_unknown_and_the_sweep_is_refused() {
    let world = world_of(PLAIN_POLICY, 3, 0).await;
    world.okta.deny("okta.logs.read");
    world.start_bot().await;
    assert_stopped(&world, "sweep_refused", "3 of 3 accounts could not be judged").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_candidates_than_the_policy_allows_are_held() {
    let world = world_of(&format!("{PLAIN_POLICY}max_candidates = 2\n"), 3, 9).await;
    world.start_bot().await;
    assert_held(&world, "3 accounts are inactive; this policy allows 2").await;
    assert_eq!(world.slack.messages(C_OPS).len(), 1, "the card says it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_share_than_the_policy_allows_is_held() {
    let world = world_of("preview_first = false\nmax_share = 0.2\n", 3, 9).await;
    world.start_bot().await;
    assert_held(&world, "3 of 12 accounts are inactive; this policy allows 20 %").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn far_fewer_accounts_than_the_sweep_before_are_held() {
    let world = world_of(PLAIN_POLICY, 0, 20).await;
    world.start_bot().await;
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    for number in 3..20 {
        world.okta.delete(&format!("busy{number}@ext.example"));
    }
    world.add_idle(&["ada@ext.example"]);
    assert_held(&world, "Okta listed only 4 accounts; the previous sweep had 20").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn far_fewer_accounts_are_no_clean_day_even_with_nobody_to_ask_about() {
    let world = world_of(PLAIN_POLICY, 0, 20).await;
    world.start_bot().await;
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    for number in 3..20 {
        world.okta.delete(&format!("busy{number}@ext.example"));
    }
    world.ask_for_sweep().await;
    let told = world.message("Okta listed only 3 accounts; the previous sweep had 20").await;
    assert_eq!((told.actions(), world.audited("sweep_held")), (Vec::new(), 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_more_candidates_than_lately_are_held() {
    let world = world_of(&format!("{PLAIN_POLICY}surge_factor = 2.0\n"), 0, 20).await;
    world.start_bot().await;
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    add(&world, "idle", 6, 41);
    assert_held(&world, "6 accounts are inactive, many more than usual").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_becomes_protected_while_a_large_directory_is_listed_is_not_proposed() {
    const PEOPLE: [&str; 3] = ["ada@ext.example", "ben@ext.example", "cat@ext.example"];
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&PEOPLE);
    world.okta.page_at_most(1);
    world.start_bot().await;
    world.gate.stop_at_label("okta GET /api/v1/users", 2, Moment::Before);
    world.ask_for_sweep().await;
    world.gate.stopped().await;
    let listing = |call: &Call| call.query.contains("after=");
    assert!(world.okta.calls().iter().any(listing), "the second page is on its way");
    world.okta.set_admin_role(PEOPLE[0], "USER_ADMIN");
    assert_answer(&world, U_APPROVER, "exempt ben@ext.example for 30d on leave", &["ben@ext.example"]).await;
    world.gate.release();
    let card = world.message("Answer by").await.visible_text();
    assert_eq!(PEOPLE.map(|login| card.contains(login)), [false, false, true], "{card}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_failed_half_way_asks_nothing() {
    let world = world_of(&format!("{PLAIN_POLICY}max_candidates = 1000\n"), 201, 0).await;
    world.okta.fail_always("GET after=", Fault::Status(404, "E0000007"));
    world.start_bot().await;
    assert_stopped(&world, "sweep_failed", "failed, and nobody was proposed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_group_that_cannot_be_read_stops_the_sweep() {
    let mut world = world_of(PLAIN_POLICY, 3, 9).await;
    let group = world.okta.add_group("Keep access");
    world.okta.set_group("busy0@ext.example", &group);
    world.set_policy(&format!("{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n"));
    world.okta.deny("okta.groups.read");
    world.start_bot().await;
    assert_stopped(&world, "sweep_failed", "read groups and their members").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_group_without_members_stops_the_sweep() {
    let mut world = world_of(PLAIN_POLICY, 3, 9).await;
    let group = world.okta.add_group("Keep access");
    world.set_policy(&format!("{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n"));
    world.start_bot().await;
    assert_stopped(&world, "sweep_failed", "has no members that the bot can see").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_of_administrators_that_fails_stops_the_sweep() {
    let world = world_of(PLAIN_POLICY, 3, 9).await;
    world.okta.deny("okta.roles.read");
    world.start_bot().await;
    assert_stopped(&world, "sweep_failed", "read who has administrator roles").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_protected_and_the_exempt_are_not_proposed() {
    let mut world = world_of(PLAIN_POLICY, 6, 3).await;
    let group = world.okta.add_group("Keep access");
    world.okta.set_group("idle0@ext.example", &group);
    world.okta.set_admin_role("idle1@ext.example", "HELP_DESK_ADMIN");
    world.okta.set_attribute("idle2@ext.example", "email", "alice@example.com");
    world.set_policy(&format!(
        "{PLAIN_POLICY}exempt_groups = [\"{group}\"]\nexempt_logins = [\"idle3@*\"]\n\
         break_glass = [\"idle4@ext.example\"]\n"
    ));
    world.start_bot().await;
    let card = world.sweep().await;
    assert!(card.visible_text().contains("Suspend 1 account?"), "{}", card.visible_text());
    assert!(card.visible_text().contains("idle5@ext.example"));
    assert!(card.visible_text().contains("5 exempt or protected"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_sweep_is_released_by_one_and_approved_only_by_another() {
    let world = world_of(&format!("{PLAIN_POLICY}max_candidates = 2\n"), 3, 9).await;
    world.start_bot().await;
    let card = world.sweep().await;
    world.until("the card's deadline", |world| world.audited("card_posted") == 1).await;
    world.slack.click(U_APPROVER, &card.ts, "release").await.expect("the button is there");
    world.told(U_APPROVER, "This needs a second person").await;
    world.slack.click(U_APPROVER2, &card.ts, "release").await.expect("the button is there");
    world.slack.wait_update(&card.ts, "the released card", |card| card.offers("suspend")).await;
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.told(U_APPROVER2, "This needs a second person").await;
    assert_eq!((world.audited("released"), world.audited("input_refused")), (1, 2));
    assert_eq!(world.okta.person("idle0@ext.example").status, Status::Active);

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("3 accounts suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}
