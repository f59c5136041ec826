//! The bot's page: the dashboard for anyone who may see it, next to nothing for everybody else, and always up to date.

use chrono::Duration;
use inactive_contractors::store::{HomeRecord, Inspection};

use super::commands::ask;
use crate::fake::okta::Person;
use crate::fake::slack::{
    C_GENERAL, C_OPS, Fault, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2, U_GUEST, U_STRANGER, U_VIEWER, View,
};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CID: &str = "cid@ext.example";
const DOT: &str = "dot@ext.example";

/// Opens the page and waits until it says this.
async fn opened(world: &World, user: &str, words: &str) -> View {
    assert!(world.slack.open_home(user).await.acked_after.is_some());
    shows(world, user, words).await
}

async fn shows(world: &World, user: &str, words: &str) -> View {
    let what = format!("a page of {user} that says {words:?}");
    world.slack.wait_home(user, &what, |home| text(home).contains(words)).await
}

/// Its pieces joined.
fn text(home: &View) -> String {
    home.visible_text().replace('\n', "")
}

fn shown(world: &World, user: &str, words: &str) -> bool {
    world.slack.home(user).is_some_and(|home| text(&home).contains(words))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_sees_the_whole_dashboard() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.add_idle(&[BEN, CID, DOT]);
    for (login, days) in [(BEN, 10), (CID, 30), (DOT, 13)] {
        ask(&world, U_APPROVER, &format!("exempt {login} for {days}d on leave")).await;
    }
    let page = opened(&world, U_APPROVER, "You are an approver of contractors").await;
    for words in [
        "Slack: connected",
        "Database: fine.",
        "Last sweep",
        "asked about 1 of 1",
        "Next sweep",
        "request 1",
        "needs a decision",
        "2 exemptions end soon",
        BEN,
        "exempted",
    ] {
        assert!(text(&page).contains(words), "{words:?} is missing: {}", text(&page));
    }
    assert_eq!(page.actions(), ["home_sweep", "choose"]);
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    world.advance(Duration::seconds(11));
    let page = shows(&world, U_APPROVER, "denied request 1").await;
    assert_eq!(page.actions(), ["home_sweep"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_a_role_sees_what_this_is_and_who_to_ask() {
    let policy = format!("{PLAIN_POLICY}viewers = {{ users = [\"{U_APPROVER}\"] }}\n");
    let (world, _) = World::asking(&policy, &[ADA]).await;
    for user in [U_GUEST, U_STRANGER, U_VIEWER] {
        let page = opened(&world, user, "This bot looks for contractor accounts").await;
        assert!(page.json.to_string().contains(U_ADMIN), "{}", page.json);
        for word in ["contractors of", "request", ADA, "Sweep", "Slack:", C_OPS] {
            assert!(!page.json.to_string().contains(word), "{user} sees {word}: {}", page.json);
        }
        assert_eq!(page.actions(), Vec::<String>::new());
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_has_no_buttons_and_a_hostile_name_stays_text() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.slack.add_user(SlackUser::new(U_APPROVER, "<!channel> *boss*", "alice@example.com"), &[]);
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    let page = opened(&world, U_VIEWER, "You are a viewer of contractors").await;
    assert!(text(&page).contains("denied request 1"));
    assert_eq!(page.actions(), Vec::<String>::new());
    assert!(!page.json.to_string().contains("<!channel>"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sweep_and_review_start_from_the_page() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    opened(&world, U_APPROVER, "No sweep yet").await;
    world.slack.click_in_view(U_APPROVER, "home_sweep", &[]).await.expect("the button is there");
    world.message("Suspend 1 account?").await;
    // A click has the page looked at again at once; what came of it follows within seconds.
    world.advance(Duration::seconds(11));
    shows(&world, U_APPROVER, "Review request 1").await;
    world.slack.click_in_view(U_APPROVER, "choose", &[]).await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the dialog", |view| view.visible_text().contains(ADA)).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_rights_hide_the_page_and_a_stale_button_is_refused() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    opened(&world, U_APPROVER, "You are an approver of contractors").await;
    world.slack.add_user(SlackUser::new(U_APPROVER, "Alice", "alice@example.com").guest(), &[]);
    world.slack.click_in_view(U_APPROVER, "home_sweep", &[]).await.expect("the old page has it");
    let refusal = "Only full members of this workspace may use this bot";
    world.slack.wait_message("a refusal", |message| message.visible_text().contains(refusal)).await;
    let page = shows(&world, U_APPROVER, "If you need to see it, ask").await;
    assert_eq!(page.actions(), Vec::<String>::new());
    assert!(!text(&page).contains("request"), "{}", text(&page));
    assert_eq!((world.audited("sweep_started"), world.audited("input_refused")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_asks_for_anything_has_their_page_looked_at_again() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    opened(&world, U_VIEWER, "You are a viewer of contractors").await;
    world.slack.leave(U_VIEWER, C_OPS);
    let events = world.audit().len();
    world.slack.slash(U_VIEWER, C_GENERAL, "/inactive-contractors help").await.expect("it can be typed");
    shows(&world, U_VIEWER, "If you need to see it, ask").await;
    assert_eq!(world.audit().len(), events, "nothing has happened that pages tell of");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_cannot_be_established_show_nothing_and_heal() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.fail_always("users.info", Fault::Status(503));
    let page = opened(&world, U_APPROVER, "I can't find out").await;
    assert!(!text(&page).contains("request") && page.actions().is_empty());
    let waits = |home: &HomeRecord| home.retry_at.is_some_and(|at| at > world.clock.now());
    world.until("it is looked at again in a while", |world| world.count(Inspection::homes, waits) == 1).await;
    world.slack.clear_faults();
    world
        .until("the page heals", |world| {
            world.advance(Duration::seconds(1));
            shown(world, U_APPROVER, "You are an approver of contractors")
        })
        .await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_survives_conflicts_lost_answers_rate_limits_and_a_crash() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.fail_next("views.publish", Fault::Error("hash_conflict".into()));
    world.slack.fail_next("views.publish", Fault::LostResponse);
    world.slack.fail_next("views.publish", Fault::RateLimited { retry_after: 20 });
    assert!(world.slack.open_home(U_APPROVER).await.acked_after.is_some());
    world
        .until("the page is there in spite of all", |world| {
            world.advance(Duration::seconds(1));
            world.slack.waiting_faults() == 0 && shown(world, U_APPROVER, "You are an approver")
        })
        .await;
    world.kill_bot().await;
    world.start_bot().await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.advance(Duration::seconds(11));
    shows(&world, U_APPROVER, "denied request 1").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_shown_to_its_own_viewers_only() {
    let other = format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n{PLAIN_POLICY}\
         approvers = {{ users = [\"{U_ADMIN}\"] }}\nviewers = {{ users = [\"{U_ADMIN}\"] }}\n"
    );
    let world = World::at_ten(&other).await;
    world.okta.add(Person::new("temp@ext.example", "temp").last_login_days_ago(41));
    world.add_idle(&[ADA]);
    world.start_bot().await;
    ask(&world, U_ADMIN, "sweep staffing").await;
    let card = world.message("Suspend 1 account?").await;
    world.slack.wait_update(&card.ts, "an open card", |card| card.offers("deny")).await;
    world.slack.click(U_ADMIN, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    let page = opened(&world, U_ADMIN, "denied request 1").await;
    assert!(text(&page).contains("You are an admin of contractors and an approver and admin of staffing."));
    let page = opened(&world, U_APPROVER, "You are an approver of contractors.").await;
    assert!(!page.json.to_string().contains("staffing") && text(&page).contains("Nobody has decided"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trend_is_on_the_page_once_slack_can_show_it() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    world.slack.delay_pictures(2);
    world.slack.open_home(U_VIEWER).await;
    let plain =
        world.slack.wait_home(U_VIEWER, "the page", |home| home.visible_text().contains("Slack:")).await;
    assert!(!plain.visible_text().contains("Picture:"), "Slack refuses it so far");
    let shows = |home: View| home.visible_text().contains("Picture: Four line charts of contractors");
    world
        .until("the page with the trend", |world| {
            world.advance(Duration::seconds(1));
            world.slack.home(U_VIEWER).is_some_and(shows)
        })
        .await;
    let page = world.slack.home(U_VIEWER).expect("it is there");
    assert!(page.visible_text().contains("1 account suspended"), "{}", page.visible_text());
    world.slack.open_home(U_APPROVER).await;
    world.slack.wait_home(U_APPROVER, "the same", |home| home.visible_text().contains("Picture:")).await;
    assert_eq!(world.slack.files().len(), 1, "everybody sees the same file");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_does_without_a_trend_that_can_not_be_uploaded() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.slack.fail_always("files.getUploadURLExternal", Fault::Error("missing_scope".into()));
    world.slack.open_home(U_VIEWER).await;
    let page =
        world.slack.wait_home(U_VIEWER, "the page", |home| home.visible_text().contains("denied")).await;
    assert!(!page.visible_text().contains("Picture:"));
    world.nothing_else_is_wrong().await;
}
