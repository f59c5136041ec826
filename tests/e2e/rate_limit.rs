//! One person's haste is not the others' delay: what is asked again and again is not looked up again and again.

use crate::commands::{ask, assert_answer};
use crate::fake::slack::{C_OPS, U_APPROVER, U_GUEST, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";

/// How often Slack was asked who somebody is.
fn lookups(world: &World) -> usize {
    world.slack.calls().iter().filter(|call| call.method == "users.info").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_floods_the_bot_is_refused_and_others_are_not() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let before = lookups(&world);
    let line = "/inactive-contractors pending";
    let typed = (0..80).map(|_| world.slack.slash(U_VIEWER, C_OPS, line));
    futures_util::future::try_join_all(typed).await.expect("it can be typed");
    world.told(U_VIEWER, "more than I take from one person").await;
    assert!(lookups(&world) - before < 80, "what is refused costs nobody a look-up");
    assert_eq!(world.audited("input_refused"), 1, "the trail says it once");
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_is_looked_up_once_and_refused_each_time() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.start_bot().await;
    let before = lookups(&world);
    for _ in 0..5 {
        assert_answer(&world, U_GUEST, "pending", &["guest"]).await;
    }
    // The others are counted until the hour is over, or the bot ends.
    assert_eq!((lookups(&world) - before, world.audited("input_refused")), (1, 1));
    world.stop_bot().await;
    assert_eq!((world.audited("input_refused"), world.tries_refused(U_GUEST)), (2, 5));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_made_again_only_when_a_minute_has_passed_or_something_has_happened() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let listings = |world: &World| {
        world.okta.calls().iter().filter(|call| call.query.contains("profile.userType eq")).count()
    };
    let first = ask(&world, U_VIEWER, "preview").await;
    let once = listings(&world);
    let second = ask(&world, U_APPROVER, "preview").await;
    assert!(first.contains(ADA) && !first.contains("at most once"), "{first}");
    assert!(second.contains(ADA) && second.contains("refreshed at most once"), "{second}");
    assert_eq!(listings(&world), once);
    assert_answer(&world, U_APPROVER, &format!("exempt {ADA} for 10d on leave"), &["is exempt"]).await;
    assert_answer(&world, U_VIEWER, "preview", &["no account"]).await;
    assert_eq!(listings(&world), 2 * once);
    world.advance(chrono::Duration::seconds(61));
    assert_answer(&world, U_VIEWER, "preview", &["no account"]).await;
    assert_eq!(listings(&world), 3 * once);
    world.nothing_else_is_wrong().await;
}
