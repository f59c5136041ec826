//! The slash command: answers for one person, and nothing in the channel.

use crate::by_hand;
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_GENERAL, C_OPS, Fault, U_ADMIN, U_APPROVER, U_GUEST, U_STRANGER, U_VIEWER};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";

/// What the person is answered, its lines joined.
pub async fn ask(world: &World, user: &str, line: &str) -> String {
    let before = world.slack.ephemerals(user).len();
    let line = format!("/inactive-contractors {line}");
    let reply = world.slack.slash(user, C_OPS, line.trim()).await.expect("the command can be typed");
    assert!(reply.acked_after.is_some());
    let answer = |slack: &crate::fake::slack::FakeSlack| slack.ephemerals(user).get(before).cloned();
    let answer = world.slack.wait_for(&format!("an answer to {line:?}"), answer).await;
    answer.visible_text().replace('\n', "")
}

pub async fn assert_answer(world: &World, user: &str, line: &str, parts: &[&str]) {
    let answer = ask(world, user, line).await;
    for part in parts {
        assert!(answer.contains(part), "{line:?} should say {part:?} and says: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_what_the_bare_command_says() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("busy@ext.example"));
    world.start_bot().await;
    assert_answer(&world, U_VIEWER, "", &["No sweep yet", "Next sweep", "Slack: connected", "not asked yet"])
        .await;
    world.ask_for_sweep().await;
    world.message("found no account to suspend").await;
    let parts = ["contractors", "no account to propose; 1 account checked", "answered", "Database: fine."];
    assert_answer(&world, U_VIEWER, "status", &parts).await;
    assert!(!ask(&world, U_VIEWER, "status").await.contains("left out"), "Slack could tell of each policy");
    world.okta.revoke_api_token();
    world.ask_for_sweep().await;
    world.message("does not accept the API token").await;
    assert_answer(&world, U_VIEWER, "status", &["failed", "does not accept the API token"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_knows_what_okta_answered_for_any_command() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41));
    world.okta.deny("okta.roles.read");
    world.start_bot().await;
    // The account is found; only the closer look at it is denied.
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["I can't read that account"]).await;
    assert_answer(&world, U_VIEWER, "status", &["Okta: last request failed", "administrator roles"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn help_names_every_command_and_a_typo_gets_the_nearest() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.start_bot().await;
    let commands = [
        "status",
        "sweep",
        "preview",
        "pending",
        "why",
        "audit",
        "exempt",
        "leave",
        "unexempt",
        "exemptions",
        "retry",
        "export",
        "report",
        "evidence",
        "restore",
        "withdraw",
        "verify",
        "pause",
        "resume",
    ];
    assert_answer(&world, U_VIEWER, "help", &commands).await;
    assert_answer(&world, U_VIEWER, "pendin", &["the command “pendin”", "Did you mean pending?"]).await;
    assert_answer(&world, U_VIEWER, "help exempt", &["parental leave", "[WORDS]"]).await;
    assert_answer(&world, U_VIEWER, "why", &["needs a person", "why ada@example.com"]).await;
    assert_answer(&world, U_APPROVER, "sweep contracters", &["There is no policy", "contractors"]).await;
    assert!(world.slack.messages(C_OPS).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_posts_and_changes_nothing() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.okta.add(Person::contractor("busy@ext.example"));
    world.start_bot().await;
    let parts = [
        "would ask about 1 account",
        "2 accounts checked; nothing was posted or changed",
        ADA,
        "is inactive",
    ];
    assert_answer(&world, U_VIEWER, "preview", &parts).await;
    assert!(world.slack.messages(C_OPS).is_empty());
    assert_eq!((world.audited("sweep_started"), world.audit_of(ADA)), (0, Vec::new()));
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pending_links_to_the_card() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    assert_answer(&world, U_VIEWER, "pending", &["No request is open"]).await;
    let card = world.sweep().await;
    assert_answer(&world, U_VIEWER, "pending", &["1 request is open", "needs a decision"]).await;
    let answer = world.slack.ephemerals(U_VIEWER).pop().expect("it was just read");
    let link = format!("/archives/{C_OPS}/p{}", card.ts.replace('.', ""));
    let json = serde_json::to_string(&answer.blocks).expect("blocks are JSON");
    assert!(json.contains(&link) || answer.text.contains(&link), "{json}");
    world.slack.click(U_APPROVER, &answer.ts, "choose").await.expect_err("it is somebody else's answer");
    assert_answer(&world, U_APPROVER, "pending", &["Review request 1…"]).await;
    let answer = world.slack.ephemerals(U_APPROVER).pop().expect("it was just read");
    world.slack.click(U_APPROVER, &answer.ts, "choose").await.expect("the button is there");
    let dialog = |slack: &crate::fake::slack::FakeSlack| slack.views(U_APPROVER).pop();
    let dialog = world.slack.wait_for("the review dialog", dialog).await;
    assert!(dialog.visible_text().contains(ADA));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_has_an_answer_for_everybody() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}exempt_logins = [\"exempt@*\"]\n")).await;
    world.add_idle(&[ADA, "exempt@ext.example", "vera@example.com"]);
    world.okta.add(Person::contractor("busy@ext.example"));
    world.okta.add(Person::employee("boss@corp.example"));
    world.okta.add(Person::contractor("new@ext.example").created_days_ago(10).never_signed_in());
    world.start_bot().await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["is inactive", "The next sweep proposes it"])
        .await;
    assert_answer(&world, U_VIEWER, "why busy@ext.example", &["is active", "would be proposed after"]).await;
    assert_answer(&world, U_VIEWER, "why exempt@ext.example", &["is exempt: its login matches"]).await;
    assert_answer(&world, U_VIEWER, "why boss@corp.example", &["None of your policies covers an account"])
        .await;
    assert_answer(&world, U_VIEWER, "why new@ext.example", &["the account is new", "not proposed before"])
        .await;
    assert_answer(&world, U_VIEWER, "why nobody@ext.example", &["None of your policies covers an account"])
        .await;
    assert_answer(&world, U_VIEWER, "why <@U0VERA|vera>", &["vera@example.com", "is inactive"]).await;
    let mailed = format!("why <mailto:{ADA}|{ADA}>");
    assert_answer(&world, U_VIEWER, &mailed, &["is inactive"]).await;
    assert!(world.slack.messages(C_OPS).is_empty());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_can_be_asked_about_one_person() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["Request 1 already asks about it", "proposed"])
        .await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended. Approved by").await;
    let answer = ask(&world, U_VIEWER, &format!("audit {ADA}")).await;
    assert!(answer.contains("about to suspend") && answer.contains("The latest 3 audit events"), "{answer}");
    assert!(!answer.contains(BEN), "{answer}");
    assert_answer(&world, U_VIEWER, "audit", &["completed", "approved", BEN]).await;
    assert_answer(&world, U_VIEWER, "audit nobody@ext.example", &["No audit event matches"]).await;
    assert_answer(&world, U_VIEWER, &format!("why {ADA}"), &["SUSPENDED", "about to suspend"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_and_strangers_learn_nothing_and_viewers_start_no_sweep() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.add_idle(&[ADA]);
    world.start_bot().await;
    for line in ["status", "preview", "pending", "audit", "why ada@ext.example", "sweep"] {
        world.next_try_is_recorded(U_GUEST);
        let answer = ask(&world, U_GUEST, line).await;
        assert!(answer.contains("a guest in this Slack workspace") && !answer.contains(ADA), "{answer}");
        let answer = ask(&world, U_STRANGER, line).await;
        assert!(answer.contains("belongs to another") && !answer.contains(ADA), "{answer}");
    }
    assert_answer(&world, U_VIEWER, "sweep", &["Only approvers and admins of this policy may start"]).await;
    world.slack.fail_always("users.info", Fault::Error("internal_error".into()));
    assert_answer(&world, U_VIEWER, "status", &["can't find out from Slack who you are"]).await;
    assert_eq!(world.audited("sweep_started"), 0);
    let refused = world.audit().into_iter().filter(|line| line.action == "input_refused");
    let commands: Vec<String> = refused.map(|line| line.detail["command"].to_string()).collect();
    assert_eq!(commands.len(), 14, "each refusal is in the audit trail: {commands:?}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_everybody_is_given_in_the_policys_channel_only() {
    let world = World::at_ten(PLAIN_POLICY).await;
    world.start_bot().await;
    let line = "/inactive-contractors pending --here";
    world.slack.slash(U_VIEWER, C_OPS, line).await.expect("the command can be typed");
    world.message("No request is open").await;
    world.slack.slash(U_VIEWER, C_GENERAL, line).await.expect("the command can be typed");
    world.told(U_VIEWER, "only in a policy's own channel").await;
    assert!(world.slack.messages(C_GENERAL).is_empty());
    world.slack.slash(U_GUEST, C_OPS, line).await.expect("the command can be typed");
    world.told(U_GUEST, "a guest in this Slack workspace").await;
    assert_eq!(world.slack.messages(C_OPS).len(), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_request_is_taken_back_with_a_reason_and_once() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    assert_answer(&world, U_VIEWER, "withdraw 1 because", &["may withdraw a request"]).await;
    assert_answer(&world, U_APPROVER, "withdraw 1", &["a reason is missing"]).await;
    assert_answer(&world, U_APPROVER, "withdraw seven because", &["There is no such request"]).await;
    assert_answer(&world, U_APPROVER, "withdraw 7 because", &["There is no such request"]).await;
    assert!(world.slack.message(&card.ts).expect("the card stays").offers("suspend"));
    assert_answer(&world, U_APPROVER, "withdraw #1 the <!here> import", &["Request 1 is withdrawn"]).await;
    let told = world.message("withdrew").await.visible_text();
    assert!(told.contains("nobody is suspended") && told.contains("the <!here> import"), "{told}");
    assert!(!world.card_says(&card, "Withdrawn: nobody is suspended").await.offers("suspend"));
    assert_answer(&world, U_APPROVER, "withdraw 1 again", &["Already withdrawn by you"]).await;
    assert_eq!((world.audited("withdrawn"), world.changes_asked()), (1, Vec::new()));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_trail_is_verified_on_request_and_says_where_it_breaks() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    assert_answer(&world, U_VIEWER, "verify", &["The audit trail verifies: ", "events in order, head "])
        .await;
    by_hand::rename_in_trail(&world.database(), "proposed", "x");
    assert_answer(&world, U_VIEWER, "verify", &["BROKEN at event ", "Keep a copy"]).await;
    world.stop_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_has_pages_that_are_turned_with_the_rights_of_anyone_who_turns() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}max_candidates = 100\n")).await;
    let logins: Vec<String> = (0..45).map(|number| format!("p{number:02}@ext.example")).collect();
    world.add_idle(&logins.iter().map(String::as_str).collect::<Vec<_>>());
    world.start_bot().await;
    assert_answer(&world, U_VIEWER, "preview", &["Page 1 of 3", "p00@"]).await;
    let answer = world.slack.ephemerals(U_VIEWER).pop().expect("it was just read");
    world.slack.click(U_VIEWER, &answer.ts, "ask.next").await.expect("the button is there");
    let page = |slack: &crate::fake::slack::FakeSlack| {
        slack.ephemerals(U_VIEWER).into_iter().find(|seen| seen.visible_text().contains("Page 2 of 3"))
    };
    let second = world.slack.wait_for("the second page", page).await;
    assert_eq!(second.ts, answer.ts, "it takes the place of the first");
    assert_eq!(second.actions(), ["ask.previous", "ask.next"]);
    let shown = world.slack.slash(U_VIEWER, C_OPS, "/inactive-contractors preview --here").await;
    shown.expect("the command can be typed");
    let shown = world.message("Page 1 of 3").await;
    let next = shown.element("ask.next").expect("the button is there");
    let line = next["value"].as_str().and_then(|value| value.rsplit_once('~'));
    assert_eq!(line.map(|(line, _)| line), Some("preview contractors --page 2 --here"));
    world.slack.click(U_GUEST, &shown.ts, "ask.next").await.expect("the button is there");
    world.told(U_GUEST, "a guest in this Slack workspace").await;
    assert_eq!(world.audited("input_refused"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_that_is_too_long_changes_nothing() {
    let (world, _) = World::asking(PLAIN_POLICY, &[ADA]).await;
    world.okta.add(Person::contractor(BEN).status(Status::Suspended));
    let reason = "x".repeat(501);
    for (user, command) in [
        (U_APPROVER, "withdraw 1".to_owned()),
        (U_APPROVER, "retry 1".to_owned()),
        (U_APPROVER, format!("exempt {ADA} for 10d")),
        (U_APPROVER, format!("unexempt {ADA}")),
        (U_ADMIN, format!("restore {BEN}")),
        (U_ADMIN, "pause".to_owned()),
        (U_ADMIN, "resume".to_owned()),
    ] {
        let answer = ask(&world, user, &format!("{command} {reason}")).await;
        assert!(answer.contains("the reason is longer than"), "{command}: {answer}");
    }
    let changed = ["withdrawn", "retried", "exempted", "restore_asked", "paused", "input_refused"];
    assert_eq!(changed.map(|action| world.audited(action)), [0; 6]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_rest_of_the_directory_no_command_tells_anything() {
    let world = World::at_ten(PLAIN_POLICY).await;
    let chief =
        || Person::employee("ceo@corp.example").name("Chief", "Exec").attribute("employeeNumber", "no-1");
    let id = world.okta.add(chief());
    for (login, number) in
        [("cfo@corp.example", "no-2"), ("cto@corp.example", "no-2"), ("clerk@corp.example", "3")]
    {
        world.okta.add(Person::employee(login).name("Chief", "Officer").attribute("employeeNumber", number));
    }
    world.okta.add(Person::contractor(ADA).last_login_days_ago(41).attribute("employeeNumber", "3"));
    world.start_bot().await;
    let mut lines = Vec::new();
    let asked = ["ceo@corp.example", &id, "no-1", "no-2"];
    for person in asked {
        lines.extend(
            ["restore {} x", "unexempt {}", "exempt {} for 3d x", "leave {} from tomorrow x", "why {}"]
                .map(|line| (line.replace("{}", person), person)),
        );
    }
    for (line, person) in lines {
        let answer = ask(&world, U_APPROVER, &line).await;
        // Word for word what is said of an account that isn't there.
        let nobody = ask(&world, U_APPROVER, &line.replace(person, "nobody@corp.example")).await;
        assert_eq!(answer, nobody.replace("nobody@corp.example", person), "{line:?}");
        assert!(answer.starts_with("None of your policies covers an account"), "{line:?} says: {answer}");
    }
    assert_eq!(world.audited("exempted"), 0);
    // And the trail has no more than what was typed.
    let refused: Vec<_> = world.audit().into_iter().filter(|event| event.action == "input_refused").collect();
    assert_eq!(refused.len(), 8);
    let nobody = serde_json::json!({ "bot": env!("CARGO_PKG_VERSION"), "command": "restore", "typed": "nobody@corp.example",
        "why": "none of their policies covers such an account" });
    for (pair, person) in refused.chunks(2).zip(asked) {
        assert_eq!((&pair[0].login, &pair[1].login, &pair[1].detail), (&None, &None, &nobody));
        assert_eq!(pair[0].detail.to_string().replace(person, "nobody@corp.example"), nobody.to_string());
    }
    // Who shares a contractor's number is none of anybody's business either.
    assert_answer(&world, U_VIEWER, "why 3", &[ADA, "is inactive"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_copied_from_a_message_as_it_is() {
    let login = "ext_john_doe*7~@ext.example";
    let world = World::at_ten(PLAIN_POLICY).await;
    world.okta.add(Person::contractor(login).name("John_Paul", "_Doe_").last_login_days_ago(41));
    world.okta.add(Person::contractor("_no_name_@ext.example").name("", "").last_login_days_ago(42));
    world.start_bot().await;
    let card = world.sweep().await.visible_text();
    for shown in [format!("(`{login}`)"), "`_no_name_@ext.example`".to_owned()] {
        assert!(card.contains(&shown), "{shown} in {card}");
    }
    // Copied from the place of a name, or from an old message.
    for copied in [login, "extˍjohnˍdoe∗7∼@ext.example"] {
        assert_answer(&world, U_VIEWER, &format!("why {copied}"), &[login, "is inactive"]).await;
    }
    world.nothing_else_is_wrong().await;
}
