//! Nobody can decide, or too few people: the card, the admins, `status` and `check` say so and name them.

use chrono::Duration;

use super::commands::ask;
use super::watch::status;
use crate::fake::okta::Person;
use crate::fake::slack::{
    C_OPS, FakeSlack, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_DEACTIVATED, U_GUEST, UserGroup,
};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, UNSCHEDULED_POLICY, World, is_open_card};

const LOGIN: &str = "temp@ext.example";
const S_EMPTY: &str = "S0EMPTY";
const NOBODY: &str = "This can't be decided now";

/// The configuration of a second policy, whose people are these.
fn staffing(base: &str, people: &str) -> String {
    format!(
        "{base}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n{base}\
         admins = {{ users = [\"{U_ADMIN}\"] }}\n{people}\n"
    )
}

/// A world in which the second policy has swept, and its card.
async fn asked(people: &str, okta: &[Person]) -> (World, Message) {
    let world = World::at_ten(&staffing(PLAIN_POLICY, people)).await;
    world.slack.add_group(UserGroup { id: S_EMPTY.into(), handle: "empty".into(), users: Vec::new() });
    world.okta.add(Person::new(LOGIN, "temp").last_login_days_ago(41));
    for person in okta {
        world.okta.add(person.clone());
    }
    world.start_bot().await;
    ask(&world, U_ADMIN, "sweep staffing").await;
    let card = world.message(LOGIN).await;
    let card = world.slack.wait_update(&card.ts, "an open card", is_open_card).await;
    (world, card)
}

async fn admin_hears(world: &World, words: &str) -> String {
    let told = |note: &Message| note.visible_text().contains(words);
    let note = |slack: &FakeSlack| slack.direct_messages(U_ADMIN).into_iter().find(told);
    world.slack.wait_for("a word to the admin", note).await.visible_text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_nobody_can_decide_says_so_and_why_and_the_admins_hear_of_it() {
    let people =
        format!("approvers = {{ users = [\"{U_DEACTIVATED}\", \"{U_GUEST}\"], groups = [\"{S_EMPTY}\"] }}");
    let (world, card) = asked(&people, &[]).await;
    let said = card.visible_text();
    for part in [NOBODY, "nobody can approve it", "deactivated", "guest", "no members"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let told = admin_hears(&world, "can't be decided now").await;
    assert!(told.contains("deactivated") && told.contains("staffing"), "{told}");
    ask(&world, U_ADMIN, "sweep staffing").await;
    world.nothing_else_is_wrong().await;
    let notes = world.slack.direct_messages(U_ADMIN);
    let notes = notes.iter().filter(|note| note.visible_text().contains("can't be decided now"));
    assert_eq!(notes.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_people_for_two_approvals_are_said_until_one_more_is_invited() {
    let people =
        format!("approvers = {{ users = [\"{U_APPROVER}\", \"{U_APPROVER2}\"] }}\napprovals_needed = 2");
    let world = World::at_ten(&staffing(PLAIN_POLICY, &people)).await;
    world.okta.add(Person::new(LOGIN, "temp").last_login_days_ago(41));
    world.slack.leave(U_APPROVER2, C_OPS);
    world.start_bot().await;
    ask(&world, U_ADMIN, "sweep staffing").await;
    let card = world.message(LOGIN).await;
    let card = world.slack.wait_update(&card.ts, "an open card", is_open_card).await;
    let said = card.visible_text();
    assert!(said.contains("2 people must approve it, and only 1 person can"), "{said}");
    assert!(said.contains("not a member of the channel"), "{said}");
    world.slack.invite(U_APPROVER2, C_OPS).await;
    let quiet = |card: &Message| is_open_card(card) && !card.visible_text().contains(NOBODY);
    world.slack.wait_update(&card.ts, "a card that can be decided", quiet).await;
    // An approver who leaves is noticed within ten minutes.
    world.slack.leave(U_APPROVER, C_OPS);
    world.advance(Duration::minutes(11));
    world.card_says(&card, NOBODY).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_that_slack_does_not_know_any_more_stops_nothing_and_is_named() {
    let people = format!("approvers = {{ users = [\"{U_APPROVER}\", \"U0GONE\"], groups = [\"S0GONE\"] }}");
    let (world, card) = asked(&people, &[]).await;
    let said = card.visible_text();
    for part in ["U0GONE", "S0GONE", "no longer has this person", "no longer has this user group"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains(NOBODY), "{said}");
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_named_approver_stays_protected_once_their_slack_account_is_deactivated() {
    let dora = Person::new("dora@example.com", "temp").last_login_days_ago(60);
    let people = format!("approvers = {{ users = [\"{U_APPROVER}\", \"{U_DEACTIVATED}\"] }}");
    let (world, card) = asked(&people, &[dora]).await;
    let said = card.visible_text();
    assert!(!said.contains("dora@example.com") && said.contains("deactivated"), "{said}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_names_a_request_that_nobody_can_decide() {
    let people = format!("approvers = {{ users = [\"{U_DEACTIVATED}\"] }}");
    let world = World::new(&staffing(UNSCHEDULED_POLICY, &people)).await;
    world.okta.add(Person::new(LOGIN, "temp").last_login_days_ago(41));
    let process = BotProcess::run(&world).await;
    ask(&world, U_ADMIN, "sweep staffing").await;
    world.message(NOBODY).await;
    let (code, json) = status(&world).await;
    assert_eq!(code, Some(1), "{json:#}");
    assert!(
        json["wrong"].to_string().contains("request 1 can't be decided: nobody can approve it"),
        "{json:#}"
    );
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
}

/// What `check` says of the people of the second policy.
async fn checked(people: &str) -> (bool, String) {
    let world = World::new(&staffing(UNSCHEDULED_POLICY, people)).await;
    world.add_idle(&["ada@ext.example"]);
    world.okta.add(Person::new(LOGIN, "temp"));
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    let line = ended.stdout.lines().find(|line| line.contains("approvers of staffing")).unwrap_or_default();
    (!ended.stdout.contains("FAIL"), line.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_fails_where_too_few_can_decide_and_warns_of_those_who_can_not() {
    let users = |users: &[&str]| {
        let users: Vec<String> = users.iter().map(|user| format!("\"{user}\"")).collect();
        format!("approvers = {{ users = [{}] }}\n", users.join(", "))
    };
    let (good, line) = checked(&users(&[U_DEACTIVATED, U_GUEST])).await;
    assert!(!good && line.starts_with("FAIL") && line.contains("nobody can approve"), "{line}");
    assert!(line.contains(U_DEACTIVATED) && line.contains(U_GUEST) && line.contains("guest"), "{line}");
    let (good, line) = checked(&format!("{}approvals_needed = 2\n", users(&[U_APPROVER, U_GUEST]))).await;
    assert!(!good && line.contains("only 1 person can"), "{line}");
    // One who may release what a guard holds, and nobody else who approves it.
    let (good, line) = checked(&users(&[U_ADMIN])).await;
    assert!(good && line.starts_with("warn") && line.contains("too few"), "{line}");
    let (good, line) = checked(&users(&[U_APPROVER, "U0GONE"])).await;
    assert!(good && line.starts_with("warn") && line.contains("U0GONE"), "{line}");
    assert_eq!(checked(&users(&[U_APPROVER, U_APPROVER2])).await, (true, String::new()));
}
