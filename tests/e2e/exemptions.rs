//! Exemptions that people grant: they keep accounts off the list, stop what was approved, end by themselves, and the
//! channel hears of it before.

use chrono::Duration;

use super::commands::{ask, assert_answer};
use crate::by_hand;
use crate::fake::okta::Person;
use crate::fake::slack::{C_OPS, U_APPROVER, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn an_exempt_account_is_not_proposed_until_the_exemption_ends() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    let line = format!("exempt {ADA} for 10d parental leave");
    assert_answer(&world, U_APPROVER, &line, &[ADA, "is exempt until", "exemption 1"]).await;
    let card = world.sweep().await;
    assert!(card.visible_text().contains(BEN) && !card.visible_text().contains(ADA));
    assert_answer(&world, U_VIEWER, "exemptions", &["1 exemption", ADA, "parental leave", "until"]).await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["is exempt (exemption 1) until"]).await;
    world.slack.click(U_APPROVER, &card.ts, "deny").await.expect("the button is there");
    world.message("denied").await;
    world.advance(Duration::days(11));
    world.until("the exemption has ended", |world| world.audited("exemption_ended") == 1).await;
    let card = world.sweep().await;
    assert!(card.visible_text().contains(ADA));
    assert_eq!(world.audit_of(ADA)[..2], ["exempted", "exemption_ended"]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_stops_a_suspension_that_was_asked_for() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let line = format!("exempt {ADA} on site without Okta");
    assert_answer(&world, U_APPROVER, &line, &["Request 1 lists the account"]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended, 1 left alone").await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspends(BEN)), (0, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leave_starts_later_and_an_exemption_can_be_ended_early() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    let day = |days: i64| (world.clock.now() + Duration::days(days)).format("%Y-%m-%d");
    let line = format!("leave {ADA} from {} until {} holidays", day(2), day(20));
    assert_answer(&world, U_APPROVER, &line, &["is exempt from", "until"]).await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["is inactive"]).await;
    world.advance(Duration::days(2));
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["is exempt (exemption 1) until"]).await;
    let line = format!("unexempt {ADA} she is back");
    assert_answer(&world, U_APPROVER, &line, &["is no longer exempt: 1 exemption"]).await;
    assert_answer(&world, U_APPROVER, &line, &["has no exemption"]).await;
    assert_answer(
        &world,
        U_VIEWER,
        &format!("why {ADA}"),
        &["is inactive", "ended the exemption", "she is back"],
    )
    .await;
    assert_answer(&world, U_VIEWER, "exemptions", &["No person has granted an exemption"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_channel_is_notified_once_before_exemptions_end() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n")).await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    assert_answer(&world, U_APPROVER, &format!("exempt {ADA} for 30d <!channel> *cover*"), &["is exempt"])
        .await;
    assert_answer(&world, U_APPROVER, &format!("exempt {BEN} for 30d cover"), &["is exempt"]).await;
    world.advance(Duration::days(28));
    let notice = world.message("2 exemptions end soon").await;
    let text = notice.visible_text();
    assert!(text.contains(ADA) && text.contains(BEN) && text.contains("<!channel> *cover*"), "{text}");
    world.until("both are announced", |world| world.audited("exemption_end_announced") == 2).await;
    world.kill_bot().await;
    world.start_bot().await;
    world.advance(Duration::days(3));
    world.until("both have ended", |world| world.audited("exemption_ended") == 2).await;
    assert_eq!(world.slack.messages(C_OPS).len(), 1, "told once");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_needs_a_role_a_reason_an_end_within_bounds_and_another_persons_account() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}exemption_max = \"40d\"\n")).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    for (user, line, answer) in [
        (
            U_VIEWER,
            format!("exempt {ADA} for 10d because"),
            "Only approvers and admins of this policy may exempt",
        ),
        (U_VIEWER, format!("unexempt {ADA}"), "may end an exemption"),
        (U_APPROVER, format!("exempt {ADA} for 10d"), "a reason is missing"),
        (U_APPROVER, format!("exempt {ADA} for 41d because"), "allows exemptions of 40 days at most"),
        (U_APPROVER, format!("exempt {ADA} for 3x because"), "as a length of time"),
        (U_APPROVER, format!("exempt {ADA} until soon because"), "as a day"),
        (U_APPROVER, format!("exempt {ADA} until 2001-01-01 because"), "end before it starts"),
        (U_APPROVER, "exempt nobody@ext.example for 10d because".to_owned(), "None of your policies covers"),
        (U_APPROVER, format!("exempt {ADA} --policy other for 10d because"), "There is no policy"),
    ] {
        if user == U_VIEWER {
            world.next_try_is_recorded(user);
        }
        let answer_given = ask(&world, user, &line).await;
        assert!(answer_given.contains(answer), "{line:?} should say {answer:?} and says: {answer_given}");
    }
    assert_eq!(world.audited("exempted"), 0);
    assert_eq!(world.audited("input_refused"), 2);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_exempts_their_own_account() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.start_bot().await;
    let own = "alice@example.com";
    world.okta.add(Person::contractor(own));
    assert_answer(&world, U_APPROVER, &format!("exempt {own} for 10d me"), &["You can't exempt your own"])
        .await;
    assert_eq!((world.audited("exempted"), world.audited_for("contractors", "input_refused")), (0, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_another_exemption_goes_on_from_is_not_announced() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n")).await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    for line in [format!("exempt {ADA} for 30d cover"), format!("exempt {BEN} for 30d cover")] {
        assert_answer(&world, U_APPROVER, &line, &["is exempt"]).await;
    }
    assert_answer(&world, U_APPROVER, &format!("exempt {ADA} for 60d more cover"), &["is exempt"]).await;
    world.advance(Duration::days(28));
    let text = world.message("1 exemption ends soon").await.visible_text();
    assert!(text.contains(BEN) && !text.contains(ADA), "{text}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_exemption_that_can_not_be_read_keeps_nothing_else_waiting() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}approval_timeout = \"2h\"\n"), &[ADA]).await;
    world.add_idle(&[BEN]);
    assert_answer(&world, U_APPROVER, &format!("exempt {BEN} for 30d cover"), &["is exempt"]).await;
    world.stop_bot().await;
    by_hand::break_exemptions(&world.database());
    world.start_bot().await;
    world.advance(Duration::hours(3));
    world.message("nobody answered").await;
    world.card_says(&card, "Expired: nobody is suspended").await;
    world.stop_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_that_is_granted_is_answered_as_granted_whatever_else_is_broken() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    by_hand::break_requests(&world.database());
    assert_answer(&world, U_APPROVER, &format!("exempt {ADA} for 10d on leave"), &["is exempt until"]).await;
    assert_eq!(world.audited("exempted"), 1);
    world.nothing_else_is_wrong().await;
}
