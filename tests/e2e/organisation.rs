//! An organisation of several Slack workspaces: a person with two ids is one person, whichever of them a list, the channel
//! or a click has.

use crate::commands::assert_answer;
use crate::fake::slack::{C_OPS, SlackUser, U_APPROVER, U_APPROVER2};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
/// The first approver's id in the organisation. The configuration and the channel have the other one.
const W_ALICE: &str = "W0ALICE0001";

/// A world whose first approver also comes as somebody else, as it seems: with another id and another address.
async fn world(policy: &str, in_channel: bool) -> World {
    let world = World::at_ten(&format!("{PLAIN_POLICY}{policy}")).await;
    for (id, name, channels) in [
        (U_APPROVER, "alice", [C_OPS].as_slice()),
        (U_APPROVER2, "bob", &[C_OPS]),
        (W_ALICE, "a.approver", if in_channel { &[C_OPS] } else { &[] }),
    ] {
        let person = if id == U_APPROVER2 { "W0BOB0000001" } else { W_ALICE };
        let user = SlackUser::new(id, name, &format!("{name}@example.com")).in_organisation_as(person);
        world.slack.add_user(user, channels);
    }
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ids_of_one_person_are_one_approver_and_not_two() {
    let world = world("approvals_needed = 2\n", false).await;
    let card = world.sweep().await;
    world.slack.click_stale(W_ALICE, &card, "suspend").await.expect("it is there");
    let card = world.card_says(&card, "Approved first by").await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.told(U_APPROVER, "somebody else has to approve too").await;
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.slack.click(U_APPROVER, &card.ts, "take_back_approval").await.expect("the button is there");
    world.card_says(&card, "Two people must approve").await;
    assert_eq!(world.audited("approval_taken_back"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_ones_own_under_either_id() {
    for owner in [W_ALICE, U_APPROVER] {
        let owned = format!("account_owners = [{{ slack = \"{owner}\", okta = \"{ADA}\" }}]\n");
        let world = world(&owned, true).await;
        let card = world.sweep().await.visible_text();
        assert!(card.contains(BEN) && !card.contains(ADA), "{card}");
        for id in [W_ALICE, U_APPROVER] {
            let exempt = format!("exempt {ADA} for 10d me");
            assert_answer(&world, id, &exempt, &["You can't exempt your own"]).await;
        }
        assert_eq!(world.audited("exempted"), 0);
        world.nothing_else_is_wrong().await;
    }
}
