//! Work comes before questions: what many people ask, and what sweeps look up, keeps no decision waiting.

use chrono::Duration;

use crate::commands::ask;
use crate::fake::gate::Moment;
use crate::fake::okta::{Bucket, Fault, Person};
use crate::fake::slack::{
    C_OPS, Fault as SlackFault, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2, U_VIEWER, UserGroup,
};
use crate::process::BotProcess;
use crate::support::{PLAIN_POLICY, UNSCHEDULED_POLICY, World, is_open_card};
use crate::watch::reload;

/// A window of Okta's and Slack's limits, and a second.
const WINDOW: Duration = Duration::seconds(61);

/// These members ask all these questions at the same moment; returns when each was acknowledged.
async fn all_ask(world: &World, members: &[String], line: impl Fn(usize) -> String, times: usize) {
    let asked = members.iter().flat_map(|member| (0..times).map(move |number| (member, number)));
    let typed = asked.map(|(member, number)| {
        let line = format!("/inactive-contractors {}", line(number));
        async move { world.slack.slash(member, C_OPS, &line).await }
    });
    futures_util::future::try_join_all(typed).await.expect("it can be typed");
}

/// The calls that Okta counts together with suspensions.
fn users_calls(world: &World) -> usize {
    let calls = world.okta.calls();
    calls
        .iter()
        .filter(|call| call.path.starts_with("/api/v1/users"))
        .filter(|call| call.method != "GET" || call.path.split('/').count() != 5)
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_suspensions_go_on_however_many_questions_wait() {
    let logins: Vec<String> = (0..30).map(|number| format!("idle{number}@ext.example")).collect();
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let policy = format!("{PLAIN_POLICY}viewers = {{ channel_members = true }}\n");
    let (world, card) = World::asking(&policy, &logins).await;
    world.slack.add_user(SlackUser::new("U0DAVE", "Dave", "dave@example.com"), &[C_OPS]);
    // Half of it is ours.
    world.okta.set_rate_limit(Bucket::Users, 60);
    let members = [U_VIEWER, U_APPROVER2, U_ADMIN, "U0DAVE"].map(str::to_owned);
    all_ask(&world, &members, |number| format!("why {}", logins[number]), 20).await;
    let busy = |world: &World| {
        let notes = members.iter().flat_map(|member| world.slack.ephemerals(member));
        notes.filter(|note| note.visible_text().contains("I am busy: 40 questions are waiting")).count()
    };
    world.until("a question too many is refused", |world| busy(world) > 0).await;

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let is_done = |world: &World| world.audited("suspended") == logins.len();
    // Each takes two of the 30 calls a minute, of which questions leave three quarters.
    for _ in 0..4 {
        let before = users_calls(&world);
        world.advance(WINDOW);
        // Of 30, a look at an account leaves 3 to suspensions.
        let used_up = |world: &World| users_calls(world) - before >= 27;
        world.until("the window is used up", |world| is_done(world) || used_up(world)).await;
    }
    assert!(is_done(&world), "{} of {} are suspended", world.audited("suspended"), logins.len());
    world.kill_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_calls_together_are_never_more_than_the_configuration_says() {
    let others = "[[policy]]\nname = \"others\"\nuser_type = \"partner\"\nchannel = \"C0OPS\"\n\
                  approvers = { users = [\"U0ALICE\"] }\npreview_first = false\nmax_share = 1.0\n";
    let world = World::at_ten(&format!("{PLAIN_POLICY}{others}[okta]\nconcurrency = 2\n")).await;
    world.add_idle(&["ada@ext.example"]);
    world.start_bot().await;
    world.okta.fail_always("/api/v1", Fault::Hang);
    let before = world.okta.calls().len();
    for line in ["sweep contractors", "sweep others", "why ada@ext.example", "preview contractors"] {
        let line = format!("/inactive-contractors {line}");
        world.slack.slash(U_APPROVER, C_OPS, &line).await.expect("it can be typed");
    }
    world.until("two calls", |world| world.okta.calls().len() - before == 2).await;
    // Whatever asks Okta has had its chance once the next answer has come, which needs none.
    ask(&world, U_APPROVER, "pending").await;
    assert_eq!(world.okta.calls().len() - before, 2, "they hang, and no other is sent");
    world.kill_bot().await;
}

/// A policy whose approvers are so many that looking them up takes several minutes' worth of calls.
async fn with_many_approvers(many: usize) -> World {
    let staffing = format!(
        "{PLAIN_POLICY}[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_OPS}\"\n{PLAIN_POLICY}\
         approvers = {{ groups = [\"S0MANY\"] }}\nadmins = {{ users = [\"{U_ADMIN}\"] }}\n"
    );
    let world = World::at_ten(&staffing).await;
    world.okta.add(Person::new("temp@ext.example", "temp").last_login_days_ago(41));
    let users: Vec<String> = (0..many).map(|number| format!("U0MANY{number}")).collect();
    for id in &users {
        world.slack.add_user(SlackUser::new(id, id, &format!("{id}@example.com")), &[C_OPS]);
    }
    world.slack.add_group(UserGroup { id: "S0MANY".to_owned(), handle: "many".to_owned(), users });
    world
}

/// How often Slack answered who somebody is whose id begins like this.
fn looked_up(world: &World, prefix: &str) -> usize {
    let is_one = |call: &crate::fake::slack::Call| {
        call.method == "users.info" && call.args["user"].as_str().is_some_and(|user| user.starts_with(prefix))
    };
    world.slack.calls().iter().filter(|call| is_one(call)).count()
}

/// Lets time run much faster until this is so.
async fn hurry(world: &World, what: &str, is_so: impl Fn(&World) -> bool) {
    let look = |world: &World| {
        let so = is_so(world);
        if !so {
            world.advance(Duration::seconds(1));
        }
        so
    };
    world.until(what, look).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_of_many_approvers_goes_on_where_a_rate_limit_stopped_it_and_leaves_room_for_admins() {
    let world = with_many_approvers(60).await;
    world.start_bot().await;
    world.slack.limit("users.info", 30);
    world.move_to(9, 0);
    world.until("the first minute is used up", |world| world.slack.rate_limited() > 0).await;
    assert_eq!(looked_up(&world, "U"), 30);
    let first = looked_up(&world, "U0MANY");
    // A quarter of what Slack has shown to allow is left to people.
    hurry(&world, "the second, too", |world| looked_up(world, "U") >= 30 + 22).await;
    let answer = ask(&world, U_ADMIN, "pause --policy contractors").await;
    assert!(answer.contains("aused"), "{answer}");
    let second = looked_up(&world, "U0MANY") - first;
    assert!(second <= 23, "{second} of the 30 went to the sweep");
    hurry(&world, "all are looked up", |world| looked_up(world, "U0MANY") >= 60).await;
    let card = world.message("Suspend 1 account?").await;
    world.slack.wait_update(&card.ts, "an open card", is_open_card).await;
    assert_eq!(looked_up(&world, "U0MANY"), 60, "each of them once");
    world.nothing_else_is_wrong().await;
}

/// How often the directory's first page of this type of account was asked for.
fn listings(world: &World, user_type: &str) -> usize {
    let first_page = |query: &str| query.contains(user_type) && !query.contains("after=");
    world.okta.calls().iter().filter(|call| first_page(&call.query)).count()
}

/// A bot in the middle of a listing of 250 accounts.
async fn sweeping() -> (World, BotProcess) {
    let world = World::new(UNSCHEDULED_POLICY).await;
    for number in 0..250 {
        let login = format!("worker{number}@ext.example");
        world.okta.add(Person::contractor(&login).last_login_days_ago(1));
    }
    let process = BotProcess::run(&world).await;
    // A page has 200.
    world.gate.stop_at_label("okta GET /api/v1/users", 2, Moment::Before);
    world.ask_for_sweep().await;
    world.gate.stopped().await;
    (world, process)
}

async fn ended_well(world: &World, process: BotProcess) {
    process.terminate();
    assert_eq!(process.ended().await.code, Some(0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_survives_a_reload_that_leaves_its_policy_alone_and_holds_no_other_policy_up() {
    let (world, process) = sweeping().await;
    let others = "[[policy]]\nname = \"others\"\nuser_type = \"partner\"\nchannel = \"C0OPS\"\n\
                  approvers = { users = [\"U0ALICE\"] }\npreview_first = false\nschedule = \"0 0 29 2 *\"\n";
    let sockets = world.slack.connections_opened();
    reload(&world, &process, &(world.config_toml() + others));
    process.connected(&world, sockets).await;
    assert_eq!(world.audited("configuration_reloaded"), 1);
    world.okta.add(Person::new("partner@ext.example", "partner"));
    ask(&world, U_APPROVER, "sweep others").await;
    world.until("the sweep of the new policy", |world| world.audited("sweep_finished") == 1).await;
    let progress = ask(&world, U_APPROVER, "status").await;
    assert!(progress.contains("Reading the directory now: 101 accounts so far"), "{progress}");
    world.gate.release();
    world.until("the sweep under way", |world| world.audited("sweep_finished") == 2).await;
    assert_eq!(listings(&world, "contractor"), 1, "it was not begun again");
    ended_well(&world, process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_begins_again_after_a_reload_that_changes_its_policy_or_its_connection() {
    for change in ["approvals_needed = 2\n", "[okta]\nconcurrency = 3\n"] {
        let (world, process) = sweeping().await;
        reload(&world, &process, &(world.config_toml() + change));
        world.until("the new one", |world| world.audited("configuration_reloaded") == 1).await;
        world.until("the sweep", |world| world.audited("sweep_finished") == 1).await;
        assert_eq!(listings(&world, "contractor"), 2, "{change}");
        world.gate.release();
        ended_well(&world, process).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_is_begun_again_and_again_is_reported_once() {
    let world = World::at_ten(UNSCHEDULED_POLICY).await;
    world.add_idle(&["ada@ext.example"]);
    world.okta.fail_always("/api/v1", Fault::Hang);
    world.start_bot().await;
    world.ask_for_sweep().await;
    world.audited_times("sweep_started", 1).await;
    let late = |world: &World| {
        let messages = world.slack.messages(C_OPS);
        messages.iter().filter(|message| message.visible_text().contains("longer than expected")).count()
    };
    for hours in 1..=8 {
        world.kill_bot().await;
        world.advance(Duration::hours(1));
        world.start_bot().await;
        let status = ask(&world, U_APPROVER, "status").await;
        assert_eq!(status.contains("should have ended by now"), hours >= 6, "{hours} h: {status}");
        if hours >= 6 {
            world.until("the notice", |world| late(world) == 1).await;
        } else {
            assert_eq!(late(&world), 0, "{hours} h");
        }
    }
    world.kill_bot().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_commands_opens_a_bounded_number_of_files() {
    let world = World::new(&format!("{UNSCHEDULED_POLICY}viewers = {{ channel_members = true }}\n")).await;
    let members: Vec<String> = (0..10).map(|number| format!("U0CROWD{number}")).collect();
    for id in &members {
        world.slack.add_user(SlackUser::new(id, id, &format!("{id}@example.com")), &[C_OPS]);
    }
    let process = BotProcess::run(&world).await;
    let quiet = process.open_files();
    // Nobody can be looked up: each question keeps its connections for as long as it may.
    world.slack.fail_always("users.info", SlackFault::Hang);
    let mut most = 0;
    let flood = all_ask(&world, &members, |_| "pending".to_owned(), 80);
    tokio::pin!(flood);
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(5));
    loop {
        tokio::select! {
            () = &mut flood => break,
            _ = looks.tick() => most = most.max(process.open_files()),
        }
    }
    most = most.max(process.open_files());
    assert!(most <= quiet + 100, "{most} files are open, and {quiet} were before");
    let told = |user: &String| {
        let notes = world.slack.ephemerals(user);
        notes.iter().filter(|note| note.visible_text().contains("more than I take from one person")).count()
    };
    world.until("each is told once", |_| members.iter().all(|user| told(user) > 0)).await;
    assert!(members.iter().all(|user| told(user) == 1), "one sentence for all that was refused");
    process.kill(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_flood_of_clicks_few_dialogs_are_put_together_at_once() {
    let (world, card) = World::asking(PLAIN_POLICY, &["ada@ext.example", "ben@ext.example"]).await;
    // Each keeps its list for as long as Slack takes.
    let opened = |world: &World| world.slack.faults_struck().len();
    world.slack.fail_always("views.open", SlackFault::Hang);
    let people = [U_APPROVER, U_APPROVER2].into_iter().cycle().take(60);
    let clicks = people.map(|person| world.slack.click(person, &card.ts, "choose"));
    for click in futures_util::future::join_all(clicks).await {
        assert!(click.expect("the button is there").acked_after.is_some(), "no click waits for a dialog");
    }
    world.until("dialogs are opened", |world| opened(world) >= 32).await;
    // An answer to a question has come all the way behind the clicks.
    ask(&world, U_ADMIN, "pending").await;
    assert_eq!(opened(&world), 32);
    world.kill_bot().await;
}
