//! The binary as people start it: how it ends, what it says, and what it never says.

use std::time::{Duration, Instant};

use inactive_contractors::bot::Timeouts;

use crate::by_hand;
use crate::fake::gate::Moment;
use crate::fake::okta::{Person, Status};
use crate::fake::slack::{C_OPS, Channel, ChannelKind, Fault, U_APPROVER};
use crate::process::BotProcess;
use crate::support::{UNSCHEDULED_POLICY, World};

const LOGIN: &str = "ada@ext.example";

async fn world_of_one() -> World {
    let world = World::new(UNSCHEDULED_POLICY).await;
    world.okta.add(Person::contractor(LOGIN).last_login_days_ago(41));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_instance_on_the_same_file_is_refused() {
    let world = world_of_one().await;
    let first = BotProcess::run(&world).await;
    let second = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(second.tells_no_secrets(&world).code, Some(5));
    for words in ["bot.db is in use by process ", "stop that instance first"] {
        assert!(second.stderr.contains(words), "{}", second.stderr);
    }
    let card = world.sweep().await;
    assert!(card.offers("suspend"), "the first goes on");
    first.terminate();
    assert_eq!(first.ended().await.tells_no_secrets(&world).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_bot_token_ends_the_start_with_a_sentence() {
    let world = world_of_one().await;
    let ended = BotProcess::spawn(&world, &["run"], &[("SLACK_BOT_TOKEN", "xoxb-1-wrong")]).ended().await;
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("invalid_auth"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("xoxb-1-wrong"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_app_token_ends_the_start_with_a_sentence() {
    let world = world_of_one().await;
    let ended = BotProcess::spawn(&world, &["run"], &[("SLACK_APP_TOKEN", "xapp-1-wrong")]).ended().await;
    assert_eq!(ended.code, Some(4));
    assert!(ended.stderr.contains("invalid_auth"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("xapp-1-wrong"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_mode_off_ends_the_start_with_the_fix() {
    let world = world_of_one().await;
    world.slack.disable_socket_mode();
    let ended = BotProcess::spawn(&world, &["run"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(4));
    assert!(ended.stderr.contains("Socket Mode is switched off"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn socket_mode_switched_off_later_ends_it_with_the_fix() {
    let world = world_of_one().await;
    let process = BotProcess::run(&world).await;
    world.slack.disable_socket_mode();
    let ended = process.ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(4));
    assert!(ended.stderr.contains("Socket Mode is switched off"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_is_down_at_the_start_is_waited_for() {
    let world = world_of_one().await;
    world.slack.fail_next("auth.test", Fault::Status(503));
    world.slack.fail_next("auth.test", Fault::DropBefore);
    let process = BotProcess::run(&world).await;
    assert!(world.sweep().await.offers("suspend"));
    process.terminate();
    assert_eq!(process.ended().await.tells_no_secrets(&world).code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slack_that_asks_to_wait_at_the_start_is_not_asked_before() {
    let mut world = world_of_one().await;
    world.set_patience(Timeouts { connect_pause: Duration::from_millis(1), ..Timeouts::default() });
    world.slack.fail_next("auth.test", Fault::RateLimited { retry_after: 1 });
    let began = Instant::now();
    world.start_bot().await;
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_the_middle_of_suspensions_ends_in_time_and_the_next_start_finishes() {
    let world = world_of_one().await;
    world.okta.add(Person::contractor("ben@ext.example").last_login_days_ago(41));
    let process = BotProcess::run(&world).await;
    let card = world.sweep().await;
    world.gate.stop_at_label("okta POST /api/v1/users/{id}/lifecycle/suspend", 1, Moment::Before);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.gate.stopped().await;
    process.terminate();
    // The call that it was in the middle of never ends.
    let ended = process.ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(0), "{}", ended.stderr);
    world.gate.open();
    let process = BotProcess::run(&world).await;
    world.message("in the thread of").await;
    for login in [LOGIN, "ben@ext.example"] {
        assert_eq!((world.okta.person(login).status, world.okta.suspends(login)), (Status::Suspended, 1));
    }
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_a_file_has_no_colours_and_nothing_of_the_workings_of_libraries() {
    let mut world = world_of_one().await;
    let process = BotProcess::run(&world).await;
    world.sweep().await;
    process.terminate();
    let ended = process.ended().await;
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
    let not_ours = |line: &&str| !line.contains(" inactive_contractors");
    assert_eq!(ended.stderr.lines().filter(not_ours).collect::<Vec<_>>(), [] as [&str; 0]);
    world.set_policy(&format!("{UNSCHEDULED_POLICY}[log]\nlevel = \"info,tokio_cron_scheduler=info\"\n"));
    let named = BotProcess::run(&world).await;
    named.writes(" tokio_cron_scheduler", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_what_it_looked_at_and_fails_if_anything_is_wrong() {
    let world = world_of_one().await;
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(0), "{ended:?}");
    let fine = |line: &str| line.starts_with("ok    ") || line.starts_with("warn  configuration: policy");
    assert!(ended.stdout.lines().all(fine), "{}", ended.stdout);
    for what in ["configuration", C_OPS, "Okta", "database"] {
        assert!(ended.stdout.to_lowercase().contains(&what.to_lowercase()), "{what}: {}", ended.stdout);
    }
    world.okta.revoke_api_token();
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(1), "{ended:?}");
    let failed: Vec<&str> = ended.stdout.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(
        failed.iter().any(|line| line.contains("OKTA_API_TOKEN") || line.contains("token")),
        "{failed:?}"
    );
    assert_eq!(world.slack.messages(C_OPS).len(), 0, "a check posts nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_leaves_a_database_of_an_older_version_to_the_start() {
    let world = world_of_one().await;
    by_hand::make_version_7(&world.database());
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains("has schema version 7; the next start copies the file"),
        "{}",
        ended.stdout
    );
    assert_eq!(by_hand::version(&world.database()), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_compares_the_clock_with_oktas() {
    let world = world_of_one().await;
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert!(ended.stdout.contains("ok    clock: "), "{}", ended.stdout);
    world.okta.date_header(Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.code, Some(1));
    let line = ended.stdout.lines().find(|line| line.starts_with("FAIL  clock: ")).expect("it says so");
    assert!(line.contains("ahead of Okta's; set this machine's clock right"), "{line}");
    world.okta.date_header(Some("Thu"));
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stdout);
    assert!(ended.stdout.contains("warn  clock: "), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn check_warns_of_a_file_that_others_may_read_and_of_approvers_by_joining() {
    let policy = |channel: &str, name: &str| {
        format!(
            "[[policy]]\nname = \"{name}\"\nchannel = \"{channel}\"\napprovers = {{ channel_members = true }}\n"
        )
    };
    let world =
        World::new(&format!("{UNSCHEDULED_POLICY}{}{}", policy("C0OPEN", "open"), policy("C0SHUT", "shut")))
            .await;
    for (id, kind) in [("C0OPEN", ChannelKind::Public), ("C0SHUT", ChannelKind::Private)] {
        world.slack.add_channel(Channel::new(id, &id.to_lowercase(), kind, &[U_APPROVER, "U0BOT"]));
    }
    world.okta.add(Person::contractor(LOGIN));
    std::fs::write(world.database(), "").expect("the folder is there");
    std::fs::set_permissions(world.database(), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .expect("it is ours");
    let said = BotProcess::spawn(&world, &["check"], &[]).ended().await.stdout;
    assert!(said.contains("members of C0OPEN decide for policy open, and the channel is public"), "{said}");
    assert!(!said.contains("members of C0SHUT"), "{said}");
    assert!(said.contains("bot.db holds names and decisions and others on this machine may read"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_a_list_of_holidays_has_ended() {
    let world = World::new(&format!("{UNSCHEDULED_POLICY}holidays = [\"2019-12-25\"]\n")).await;
    world.okta.add(Person::contractor(LOGIN));
    let ended = BotProcess::spawn(&world, &["check"], &[]).ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let line = "warn  policy contractors: The list of holidays ended on 25 Dec 2019. Add later holidays";
    assert!(ended.stdout.contains(line), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_shows_the_plan_beside_a_running_bot_and_changes_nothing() {
    let world = world_of_one().await;
    world.okta.add(Person::contractor("busy@ext.example").last_login_days_ago(1));
    let bot = BotProcess::run(&world).await;
    let audited = world.audit().len();
    let ended = BotProcess::spawn(&world, &["sweep", "--dry-run"], &[]).ended().await;
    assert_eq!(ended.tells_no_secrets(&world).code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains(LOGIN) && ended.stdout.contains("busy@ext.example"), "{}", ended.stdout);
    assert!(ended.stdout.contains("1 account would be proposed"), "{}", ended.stdout);
    assert_eq!(world.slack.messages(C_OPS).len(), 0);
    assert_eq!((world.okta.suspend_requests(LOGIN), world.audit().len()), (0, audited));
    let unknown = BotProcess::spawn(&world, &["sweep", "--dry-run", "--policy", "nope"], &[]).ended().await;
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("no policy nope"), "{}", unknown.stderr);
    bot.terminate();
    assert_eq!(bot.ended().await.code, Some(0));
}
