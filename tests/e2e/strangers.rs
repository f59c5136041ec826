//! Every control, pressed by everybody who may not: nothing changes, each is told, and each is in the audit trail.
//!
//! Who may not: a guest, somebody of another company, somebody deactivated, another bot, a member without a role, an
//! approver who has left the channel, and an approver of whom Slack can't say who they are. Dialogs and buttons that only
//! others were shown are forged.

use rusqlite::types::Value;

use super::dialog::{self, choose, says};
use crate::fake::okta::Fault;
use crate::fake::slack::{
    C_OPS, Fault as SlackFault, Input, Message, U_ADMIN, U_APPROVER, U_APPROVER2, U_DEACTIVATED, U_GUEST,
    U_OTHER_BOT, U_STRANGER, U_VIEWER,
};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
/// Nobody but the named ones may even look.
const STRICT: &str = "viewers = { users = [\"U0ADAM\"] }\n";

/// Who may not, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    /// By themselves.
    Is(&'static str),
    /// An approver who has left.
    Gone,
    /// An approver, as far as Slack could say.
    Unknown,
}

const EVERYBODY: [Who; 7] = [
    Who::Is(U_GUEST),
    Who::Is(U_STRANGER),
    Who::Is(U_DEACTIVATED),
    Who::Is(U_OTHER_BOT),
    Who::Is(U_VIEWER),
    Who::Gone,
    Who::Unknown,
];

impl Who {
    fn id(self) -> &'static str {
        match self {
            Who::Is(id) => id,
            Who::Gone | Who::Unknown => U_APPROVER2,
        }
    }

    fn begin(self, world: &World) {
        match self {
            Who::Is(_) => {}
            Who::Gone => world.slack.leave(U_APPROVER2, C_OPS),
            Who::Unknown => world.slack.fail_always("users.info", SlackFault::Error("internal_error".into())),
        }
    }

    fn end(self, world: &World) {
        match self {
            Who::Is(_) => {}
            Who::Gone => {
                let bob = world.slack.people().into_iter().find(|user| user.id == U_APPROVER2);
                world.slack.add_user(bob.expect("he is still there"), &[C_OPS]);
            }
            Who::Unknown => world.slack.clear_faults(),
        }
    }
}

/// All that a decision or a command could change, as stored.
fn state(world: &World) -> Vec<Vec<Value>> {
    let file = rusqlite::Connection::open(world.database()).expect("the file is there");
    let read = |sql: &str| {
        let mut statement = file.prepare(sql).expect("the table is there");
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| (0..columns).map(|index| row.get(index)).collect::<Result<Vec<Value>, _>>())
            .expect("it can be read");
        rows.collect::<Result<Vec<_>, _>>().expect("it can be read")
    };
    [
        "SELECT id, state_json, deadline, release, asked_again FROM request ORDER BY id",
        "SELECT request, position, state_json FROM candidate ORDER BY 1, 2",
        "SELECT count(*) FROM exemption",
        "SELECT count(*) FROM restoration",
        "SELECT count(*) FROM pause",
        "SELECT count(*) FROM sweep",
        "SELECT name, live_rule FROM policy",
    ]
    .into_iter()
    .flat_map(read)
    .collect()
}

/// One who may not does it: nothing changes but the audit trail, which has one refusal more.
async fn refused(world: &World, who: Who, what: &str, act: impl AsyncFnOnce(&'static str)) {
    let user = who.id();
    let (before, refusals) = (state(world), world.audited("input_refused"));
    let (changes, files) = (world.changes_asked(), world.slack.files().len());
    let modals = world.slack.views(user).len();
    who.begin(world);
    act(user).await;
    world
        .until(&format!("a refusal of {what} by {who:?}"), |world| world.audited("input_refused") > refusals)
        .await;
    who.end(world);
    assert_eq!(world.audited("input_refused"), refusals + 1, "{what} by {who:?}");
    assert_eq!(state(world), before, "{what} by {who:?}");
    assert_eq!(world.changes_asked(), changes, "{what} by {who:?}");
    assert_eq!(world.slack.files().len(), files, "{what} by {who:?}");
    assert!(world.slack.views(user).len() <= modals.max(1), "{what} by {who:?} opened a dialog");
    let last = world.audit().into_iter().rfind(|line| line.action == "input_refused").expect("it is there");
    assert_eq!(last.actor["person"]["id"], user, "{what} by {who:?}");
}

/// Everybody who may not presses each of these buttons of the card.
async fn buttons(world: &World, card: &Message, actions: &[&str]) {
    world.until("the card's deadline", |world| world.audited("card_posted") == 1).await;
    let card = world.slack.message(&card.ts).expect("the card stands");
    for who in EVERYBODY {
        for action in actions {
            refused(world, who, action, async |user| {
                world.slack.click_stale(user, &card, action).await.expect("it is shown");
            })
            .await;
        }
    }
}

/// Everybody who may not submits the dialog that the approver has open, forged.
async fn submissions(world: &World, what: &str, edits: &[(&str, Input)]) {
    for who in EVERYBODY {
        refused(world, who, what, async |user| {
            world.slack.hand_over(U_APPROVER, user);
            world.slack.submit_view(user, edits).await.expect("the forged dialog can be sent");
        })
        .await;
        while let Ok(Some(_)) = world.slack.close_view(who.id()).await {}
        world.slack.hand_over("nobody", who.id());
    }
}

async fn world(policy: &str) -> (World, Message) {
    World::asking(&format!("{PLAIN_POLICY}{STRICT}{policy}"), &[ADA, BEN]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_open_card() {
    let (world, card) = world("").await;
    buttons(&world, &card, &["suspend", "deny", "choose"]).await;
    for who in EVERYBODY {
        for wanted in ["details", "keep", "exempt"] {
            refused(&world, who, wanted, async |user| {
                dialog::choose_stale(
                    &world,
                    user,
                    &world.slack.message(&card.ts).expect("it stands"),
                    wanted,
                    0,
                )
                .await;
            })
            .await;
        }
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_dialogs_of_an_open_card() {
    let (world, card) = world("").await;
    dialog::open(&world, U_APPROVER, &card).await;
    submissions(&world, "the review", &[]).await;
    while let Ok(Some(_)) = world.slack.close_view(U_APPROVER).await {}
    world.slack.hand_over("nobody", U_APPROVER);
    choose(&world, U_APPROVER, &card, "exempt", 0).await;
    says(&world, U_APPROVER, "Exempt").await;
    let day = (world.clock.now() + chrono::Duration::days(5)).date_naive().to_string();
    submissions(&world, "the exemption", &dialog::until(&day, "on leave")).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_preview_a_held_card_and_one_that_waits_for_a_second_person() {
    let (preview, card) = World::asking(&format!("max_share = 1.0\n{STRICT}"), &[ADA, BEN]).await;
    buttons(&preview, &card, &["go_live"]).await;
    preview.nothing_else_is_wrong().await;

    let (held, card) = world("max_candidates = 1\n").await;
    buttons(&held, &card, &["release", "deny"]).await;
    held.nothing_else_is_wrong().await;

    let (two, card) = world("approvals_needed = 2\n").await;
    two.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let card = two.card_says(&card, "Waits for a second person").await;
    buttons(&two, &card, &["suspend", "take_back_approval", "choose", "deny"]).await;
    two.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_cards_that_have_ended() {
    let (expired, card) = world("").await;
    expired.advance(chrono::Duration::hours(9));
    expired.message("nobody answered").await;
    let card = expired.card_says(&card, "Ask again").await;
    buttons(&expired, &card, &["ask_again"]).await;
    expired.nothing_else_is_wrong().await;

    let (done, card) = world("").await;
    done.okta.fail_always(&format!("POST {}/lifecycle/suspend", done.okta.person(BEN).id), Fault::Html(502));
    done.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    for _ in 1..5 {
        done.until("the try put off", |world| world.accounts_put_off() == 1).await;
        done.advance(chrono::Duration::seconds(30));
    }
    let card = done.card_says(&card, "1 account suspended, 1 FAILED").await;
    done.until("all told", |world| world.count("SELECT told FROM request WHERE id = ?1", "1") == 1).await;
    done.okta.clear_faults();
    buttons(&done, &card, &["retry"]).await;
    for who in EVERYBODY {
        refused(&done, who, "give back", async |user| {
            dialog::choose_stale(
                &done,
                user,
                &done.slack.message(&card.ts).expect("it stands"),
                "give_back",
                0,
            )
            .await;
        })
        .await;
    }
    choose(&done, U_APPROVER, &card, "give_back", 0).await;
    says(&done, U_APPROVER, "Give").await;
    submissions(&done, "giving back", &[("reason", Input::Text("she called".into()))]).await;
    done.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_home() {
    let (world, _) = world("").await;
    world.slack.open_home(U_APPROVER).await;
    let drawn = |slack: &crate::fake::slack::FakeSlack| {
        slack.home(U_APPROVER).filter(|home| home.actions().iter().any(|id| id.starts_with("home_sweep")))
    };
    let home = world.slack.wait_for("the page", drawn).await;
    let actions = home.actions();
    for who in EVERYBODY {
        for action in &actions {
            refused(&world, who, action, async |user| {
                world.slack.hand_over(U_APPROVER, user);
                world.slack.click_in_view(user, action, &[]).await.expect("the forged button is there");
            })
            .await;
        }
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_command() {
    let (world, _) = world("").await;
    let subcommands = inactive_contractors::app::command::subcommands();
    let commands: Vec<String> =
        subcommands.into_iter().map(|(name, _)| name).filter(|name| name != "help").collect();
    assert!(commands.len() > 18, "{commands:?}");
    // Bots type nothing.
    for who in EVERYBODY.into_iter().filter(|who| *who != Who::Is(U_OTHER_BOT)) {
        for command in &commands {
            let rest = match command.as_str() {
                "why" => " ada@ext.example",
                "exempt" | "unexempt" | "restore" => " ada@ext.example because",
                "leave" => " ada@ext.example from 2027-01-01 until 2027-01-05 because",
                "withdraw" | "retry" => " 1 because",
                _ => "",
            };
            refused(&world, who, command, async |user| {
                let line = format!("/inactive-contractors {command}{rest}");
                // Whoever has left the channel types it elsewhere.
                let channel = if who == Who::Gone { crate::fake::slack::C_GENERAL } else { C_OPS };
                let typed = world.slack.slash(user, channel, &line).await;
                typed.unwrap_or_else(|error| panic!("{who:?} {line}: {error:?}"));
            })
            .await;
        }
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approver_does_not_become_an_admin_by_pressing() {
    let (preview, card) = World::asking(&format!("max_share = 1.0\n{STRICT}"), &[ADA, BEN]).await;
    preview.until("the card's deadline", |world| world.audited("card_posted") == 1).await;
    for user in [U_APPROVER, U_APPROVER2] {
        refused(&preview, Who::Is(user), "go_live", async |user| {
            preview.slack.click(user, &card.ts, "go_live").await.expect("it is shown");
        })
        .await;
        for command in ["pause", "resume"] {
            refused(&preview, Who::Is(user), command, async |user| {
                let line = format!("/inactive-contractors {command}");
                preview.slack.slash(user, C_OPS, &line).await.expect("it can be typed");
            })
            .await;
        }
    }
    // And an admin is no approver.
    let (world, card) = world("").await;
    for action in ["suspend", "deny"] {
        refused(&world, Who::Is(U_ADMIN), action, async |user| {
            world.slack.click(user, &card.ts, action).await.expect("it is shown");
        })
        .await;
    }
    world.nothing_else_is_wrong().await;
    preview.nothing_else_is_wrong().await;
}
