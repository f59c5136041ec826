//! What a person, or nobody, can decide about a request, and what the channel shows of it.

use chrono::Duration;

use super::dialog::{submit_keeping, unticked};
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, Input, Sees, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAT: &str = "cat@ext.example";

/// As many contractors as that, with names as long as Slack takes in a checkbox.
fn add_crowd(world: &World, count: usize) {
    for number in 0..count {
        let person = Person::contractor(&format!("crowd{number:03}@ext.example"));
        let long = format!("{number:03} {}", "Maximiliana-Wilhelmina ".repeat(4));
        let ago = Duration::days(41) - Duration::minutes(i64::try_from(number).expect("a small number"));
        world.okta.add(person.attribute("displayName", &long[..75]).last_login_ago(ago));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_means_nobody_is_suspended_and_the_channel_knows_who_said_so() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    let ending = world.message(" denied ").await;
    assert!(ending.current().text.contains("<@U0BOB> denied"), "{}", ending.current().text);
    let card = world.card_says(&card, "Denied: nobody is suspended").await;
    assert!(card.buttons().is_empty(), "no live buttons");
    assert_eq!(world.audit_of(ADA), ["proposed"]);
    assert_eq!((world.audited("denied"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_by_the_deadline_nobody_is_suspended() {
    let policy = format!("{PLAIN_POLICY}approval_timeout = \"2h\"\n");
    let (world, card) = World::asking(&policy, &[ADA]).await;
    world.advance(Duration::minutes(119));
    assert!(world.slack.message(&card.ts).expect("the card stays").offers("suspend"));
    world.advance(Duration::minutes(2));
    world.message("nobody answered").await;
    let card = world.card_says(&card, "Expired: nobody is suspended").await;
    assert_eq!(card.buttons(), ["ask_again"], "nothing that decides is left");
    assert_eq!(world.okta.person(ADA).status, Status::Active);
    assert_eq!((world.audited("expired"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_ticked_keeps_their_access_and_the_reason_is_kept() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the choice", |view| view.visible_text().contains(BEN)).await;
    let reason = Input::Text("Ben is on parental leave".into());
    let reply = submit_keeping(&world, U_APPROVER, &[1], &[("reason", reason)]).await;
    assert_eq!(reply.sees, Sees::ViewClosed);

    world.message("2 accounts suspended, 1 kept active").await;
    let card = world.card_says(&card, "Ben is on parental leave").await;
    assert!(card.buttons().is_empty(), "no live buttons");
    assert_eq!([ADA, BEN, CAT].map(|login| world.okta.suspend_requests(login)), [1, 0, 1]);
    assert_eq!(world.audit_of(BEN), ["proposed", "kept"]);
    let kept = world.audit().into_iter().find(|line| line.action == "kept").expect("it is audited");
    assert_eq!(kept.detail["reason"], "Ben is on parental leave");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_everybody_is_a_denial() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the choice", |view| view.visible_text().contains(BEN)).await;
    let reply = submit_keeping(&world, U_APPROVER, &[0, 1], &[]).await;
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message(" denied ").await;
    world.card_says(&card, "Denied: nobody is suspended").await;
    assert_eq!((world.audited("denied"), world.audited("kept"), world.audited("approved")), (1, 2, 0));
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_comes_too_late_says_so_in_the_modal() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the choice", |view| view.visible_text().contains(BEN)).await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the modal is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    let view = world.slack.views(U_APPROVER).pop().expect("the dialog says why");
    assert!(view.visible_text().contains("Already denied by"), "{}", view.visible_text());
    assert_eq!(world.audited("input_refused"), 1);
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_of_45_people_has_pages_and_its_button_means_all_of_them() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}viewers = {{ users = [\"{U_ADMIN}\"] }}\n")).await;
    add_crowd(&world, 45);
    world.start_bot().await;
    let first = world.sweep().await;
    assert!(first.visible_text().contains("crowd000@") && first.visible_text().contains("crowd024@"));
    assert!(!first.visible_text().contains("crowd025@") && !first.offers("page_back"));
    world.slack.click(U_APPROVER, &first.ts, "page_on").await.expect("there is a next page");
    let second = world.card_says(&first, "page 2 of 2").await;
    assert!(second.visible_text().contains("crowd044@") && !second.offers("page_on"));
    let nora = SlackUser::new("U0NORA", "Nora", "nora@corp.example");
    world.slack.add_user(nora, &[C_OPS]);
    world.slack.click("U0NORA", &first.ts, "page_back").await.expect("the button is there");
    world.told("U0NORA", "turn the card's pages").await;
    assert_eq!(world.audited("input_refused"), 1);
    world.card_says(&first, "page 2 of 2").await;

    // Somebody whose client still shows the first page.
    world.slack.click_stale(U_APPROVER, &first, "suspend").await.expect("it was there");
    world.message("45 accounts suspended. Approved by").await;
    assert_eq!((world.audited("suspended"), world.slack.replies(C_OPS, &first.ts).len()), (45, 2));
    world.slack.click(U_APPROVER, &first.ts, "page_back").await.expect("a finished card has its pages too");
    world.card_says(&first, "page 1 of 2").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_ticked_on_the_other_pages_of_the_modal_counts() {
    let world = World::at_ten(PLAIN_POLICY).await;
    add_crowd(&world, 45);
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "page 1", |view| view.visible_text().contains("page 1 of 2")).await;
    let first = unticked(&world, U_APPROVER, &[0, 9, 29]);
    let first: Vec<_> = first.iter().map(|(name, input)| (name.as_str(), input.clone())).collect();
    world.slack.click_in_view(U_APPROVER, "choose_on", &first).await.expect("there is a next page");
    world.slack.wait_view(U_APPROVER, "page 2", |view| view.visible_text().contains("page 2 of 2")).await;
    submit_keeping(&world, U_APPROVER, &[44], &[]).await;

    world.message("41 accounts suspended, 4 kept active").await;
    let kept = ["crowd000", "crowd009", "crowd029", "crowd044"].map(|name| format!("{name}@ext.example"));
    assert!(kept.iter().all(|login| world.okta.suspend_requests(login) == 0));
    assert_eq!(world.audited("suspended"), 41);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_reach_all_of_300_people_on_card_and_modal() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}max_candidates = 1000\n")).await;
    add_crowd(&world, 300);
    world.start_bot().await;
    let card = world.sweep().await;
    for page in 2..=12 {
        world.slack.click(U_APPROVER, &card.ts, "page_on").await.expect("there is a next page");
        world.card_says(&card, &format!("page {page} of 12")).await;
    }
    assert!(world.card_says(&card, "crowd299@").await.offers("suspend"));
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    for page in 1..10 {
        let here = format!("page {page} of 10");
        world.slack.wait_view(U_APPROVER, &here, |view| view.visible_text().contains(&here)).await;
        world.slack.click_in_view(U_APPROVER, "choose_on", &[]).await.expect("there is a next page");
    }
    world.slack.wait_view(U_APPROVER, "the end", |view| view.visible_text().contains("crowd299@")).await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    assert_eq!((world.audited("proposed"), world.changes_asked()), (300, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_rule_is_previewed_and_asks_as_soon_as_it_is_live() {
    let (world, preview) = World::asking("max_share = 1.0\n", &[ADA]).await;
    assert!(preview.visible_text().contains("Preview: 1 account would be proposed"));
    assert!(!preview.offers("suspend"));
    world.until("the preview's deadline", |world| world.audited("card_posted") == 1).await;
    world.slack.click(U_ADMIN, &preview.ts, "go_live").await.expect("the button is there");
    world.card_says(&preview, "The rule is live").await;
    let card = world.message("Answer by").await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    assert_eq!(world.audited("went_live"), 1);

    world.add_idle(&[BEN]);
    let next = world.sweep().await;
    assert!(next.offers("suspend"), "the rule stays live");
    world.nothing_else_is_wrong().await;
}
