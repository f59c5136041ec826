//! What people really type: understood, or asked back; never half of it.

use inactive_contractors::store::Inspection;

use super::commands::{ask, assert_answer};
use crate::fake::slack::{C_OPS, U_ADMIN, U_APPROVER, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// Two policies about two types of accounts, with the same people.
async fn two_policies() -> World {
    let world = World::at_ten(&format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"vendors\"\nuser_type = \"vendor\"\nchannel = \"{C_OPS}\"\n\
         {PLAIN_POLICY}approvers = {{ users = [\"{U_APPROVER}\"] }}\nadmins = {{ users = [\"{U_ADMIN}\"] }}\n"
    ))
    .await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    world
}

/// The policies that are paused now.
fn paused(world: &World) -> [i64; 2] {
    ["contractors", "vendors"].map(|policy| {
        world.count(Inspection::pauses, |pause| pause.policy == policy && pause.ended.is_none())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phones_dashes_capitals_quotes_and_spaces_are_understood() {
    let world = two_policies().await;
    assert_answer(&world, U_VIEWER, "Status", &["Next sweep"]).await;
    assert_answer(&world, U_VIEWER, "“Why” “ada@ext.example”", &["is inactive"]).await;
    let line = "/inactive-contractors Pending\u{a0}—here";
    world.slack.slash(U_VIEWER, C_OPS, line).await.expect("the command can be typed");
    world.message("No request is open").await;
    assert_answer(
        &world,
        U_ADMIN,
        "Pause",
        &["every policy that you are an admin of", "contractors is paused"],
    )
    .await;
    let parts = ["Asked to resume: vendors.", "vendors is resumed"];
    assert_answer(&world, U_ADMIN, "resume —policy vendors", &parts).await;
    assert_eq!(paused(&world), [1, 0]);
    assert_answer(
        &world,
        U_ADMIN,
        "pause –Policy “Vendors” it is wrong",
        &["vendors, reason: “it is wrong”"],
    )
    .await;
    assert_answer(&world, U_ADMIN, "resume VENDORS: it is right", &["vendors, reason: “it is right”"]).await;
    assert_answer(&world, U_ADMIN, "resume policy contractors", &["Asked to resume: contractors."]).await;
    assert_eq!(paused(&world), [0, 0]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_or_its_end_that_is_not_understood_changes_nothing() {
    let world = two_policies().await;
    ask(&world, U_ADMIN, "pause").await;
    for (line, answer) in [
        ("resume vendor", "mean the policy vendors"),
        ("resume the vendors list is right", "mean the policy vendors"),
        ("resume —polcy vendors", "Did you mean --policy?"),
        ("resume --policy nosuch", "There is no policy “nosuch”"),
        ("resume policy nosuch", "There is no policy “nosuch”"),
        ("resume vendors contractors", "two policies"),
        ("resume --policy", "missing after --policy"),
        ("resume tomorrow", "acts at once"),
        ("resume until friday", "acts at once"),
        ("resume --policy vendors --policy contractors", "more than once"),
        ("Resum vendors", "Did you mean resume?"),
    ] {
        let said = ask(&world, U_ADMIN, line).await;
        assert!(said.contains(answer) && said.contains("Nothing was changed"), "{line:?} says: {said}");
        assert_eq!(paused(&world), [1, 1], "{line:?}");
    }
    assert_eq!(world.audited("resumed"), 0);
    let said = ask(&world, U_ADMIN, "resume because vendors are  listed -> \"right\" – now").await;
    assert!(said.contains("every policy") && said.contains("vendors are"), "{said}");
    let reasons: Vec<String> = world
        .audit()
        .into_iter()
        .filter(|line| line.action == "resumed")
        .map(|line| line.detail["reason"].to_string())
        .collect();
    assert_eq!(reasons, [r#""vendors are  listed -> \"right\" – now""#; 2], "as it was typed");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_is_granted_for_the_time_that_was_meant_or_asked_back() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA, BEN]);
    world.start_bot().await;
    for (words, answer) in [
        ("for a few weeks holiday", "as a length of time"),
        ("for two wekes holiday", "as a length of time"),
        ("holiday for two weeks", "Times come first"),
        ("until 03/04 holiday", " can be "),
        ("until next friday holiday", " can be "),
        ("2 weeks holiday", "looks like a time"),
        ("untill friday holiday", "but is in the reason"),
        ("--for 2w holiday", "I don't know the option"),
        ("for 2w —until friday holiday", "I don't know the option"),
    ] {
        let line = format!("exempt {ADA} {words}");
        let said = ask(&world, U_APPROVER, &line).await;
        assert!(said.contains(answer) && said.contains("Nothing was changed"), "{line:?} says: {said}");
    }
    assert_eq!(world.audited("exempted"), 0);
    let line = format!("exempt {ADA} for two weeks moved -> new team, R&D <soon>:  see — \"notes\"");
    let parts = ["is exempt until", "Reason: “moved"];
    assert_answer(&world, U_APPROVER, &line, &parts).await;
    let line = format!("Exempt <mailto:{BEN}|{BEN}> from tomorrow for 30 days parental leave");
    assert_answer(&world, U_APPROVER, &line, &["is exempt from", "Reason: “parental leave”"]).await;
    let granted: Vec<_> = world.audit().into_iter().filter(|line| line.action == "exempted").collect();
    assert_eq!(granted[0].detail["reason"], "moved -> new team, R&D <soon>:  see — \"notes\"");
    let time = |index: usize, key: &str| -> chrono::DateTime<chrono::Utc> {
        granted[index].detail[key].as_str().expect("a time").parse().expect("a time")
    };
    let lasts = [0, 1].map(|index| (time(index, "ends_at") - time(index, "starts_at")).num_days());
    assert_eq!(lasts, [14, 30]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_acting_command_repeats_its_reason_and_refuses_what_it_can_not_read() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    for line in [
        "withdraw 1 —policy contractors it is wrong",
        "withdraw 1 until friday",
        "retry 1 tomorrow",
        "unexempt ada@ext.example until monday",
        "restore ada@ext.example in 2 weeks",
        "unexempt ada@ext.example ben@ext.example",
        "retry 1 2",
        "sweep contractor",
        "sweep contractors tomorrow",
        "sweep --now",
    ] {
        let said = ask(&world, U_APPROVER, line).await;
        assert!(said.contains("Nothing was changed"), "{line:?} says: {said}");
        assert!(
            !["error:", "tip:", "Usage:"].iter().any(|words| said.contains(words)),
            "{line:?} says: {said}"
        );
    }
    let changed = ["withdrawn", "retried", "unexempted", "restore_asked"].map(|action| world.audited(action));
    assert_eq!((changed, world.audited("sweep_started")), ([0; 4], 1));
    assert_answer(&world, U_APPROVER, "exempt ada@ext.example for 5d on leave", &["Reason: “on leave”"])
        .await;
    assert_answer(&world, U_APPROVER, "Unexempt ada@ext.example she is back", &["Reason: “she is back”"])
        .await;
    assert_answer(
        &world,
        U_APPROVER,
        "Withdraw #1 because until friday nobody looks",
        &["Reason: “until friday nobody looks”"],
    )
    .await;
    world.nothing_else_is_wrong().await;
}
