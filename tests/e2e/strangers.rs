//! Every control, pressed by everybody who may not: nothing changes, each gets an answer, and each is in the audit
//! trail.
//!
//! Of one person only the first try within an hour has an event of its own (tries.rs), so each waits for the next hour.
//!
//! Who may not: a guest, somebody of another company, somebody deactivated, another bot, a member without a role, an
//! approver who has left the channel, and an approver that Slack can't identify. Dialogs and buttons that only
//! others were shown are forged.

use std::collections::BTreeMap;

use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::store::Inspection;
use inactive_contractors::wording::actions::{ButtonAction, ControlName, DialogKind, RowAction};
use serde_json::Value as Json;

use super::dialog::{self, choose, says};
use crate::fake::okta::Fault;
use crate::fake::slack::{
    BOT_USER, C_GENERAL, C_OPS, Fault as SlackFault, Input, Message, U_ADMIN, U_APPROVER, U_APPROVER2,
    U_DEACTIVATED, U_GUEST, U_OTHER_BOT, U_STRANGER, U_VIEWER,
};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
/// Nobody but the named ones may even look.
const STRICT: &str = "viewers = { users = [\"U0ADAM\"] }\nschedule = \"0 0 29 2 *\"\n";
/// Long enough for all of them.
const LONG: &str = "approval_timeout = \"30d\"\n";

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
pub fn state(world: &World) -> Vec<String> {
    let file = world.inspect().expect("the file is there");
    let of_requests = file.requests().expect("it can be read").into_iter().map(|request| {
        let state = (request.state_json, request.deadline, request.release, request.asked_again);
        format!("{} {state:?}", request.id)
    });
    let of_candidates = file.candidates().expect("it can be read").into_iter();
    let of_candidates =
        of_candidates.map(|one| format!("{}/{} {}", one.request, one.position, one.state_json));
    let numbers = [
        world.count(Inspection::exemptions, |_| true),
        world.count(Inspection::restorations, |_| true),
        world.count(Inspection::pauses, |_| true),
        world.count(Inspection::sweeps, |_| true),
    ];
    assert!(!numbers.contains(&-1), "it can be read");
    let of_policies = file.policies().expect("it can be read").into_iter();
    let of_policies = of_policies.map(|policy| format!("{} {:?}", policy.name, policy.live_rule));
    let rows = of_requests.chain(of_candidates).chain(of_policies);
    rows.chain([format!("{numbers:?}")]).collect()
}

/// One who may not does it: nothing changes but the audit trail, which has one refusal more.
async fn refused(world: &World, who: Who, what: &str, act: impl AsyncFnOnce(&'static str)) {
    let user = who.id();
    world.next_try_is_recorded(user);
    let (before, refusals) = (state(world), world.audited("input_refused"));
    let (changes, files) = (world.changes_asked(), world.slack.files().len());
    // As many as were forged.
    let modals = world.slack.views(user).len().max(world.slack.views(U_APPROVER).len());
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

/// The first element of each kind, by kind, with its whole name.
fn offered(blocks: &[Json], kind: impl Fn(&str) -> &str) -> BTreeMap<String, (String, Json)> {
    let mut found = BTreeMap::new();
    for block in blocks {
        let several = block["elements"].as_array().into_iter().flatten();
        for element in several.chain(block.get("accessory")).chain(block.get("element")) {
            if let (Some(block), Some(action)) = (block["block_id"].as_str(), element["action_id"].as_str()) {
                let new = || (format!("{block}/{action}"), element.clone());
                found.entry(kind(action).to_owned()).or_insert_with(new);
            }
        }
    }
    found
}

/// What can be done with an element: press it, or each of its items. A link only opens what it leads to.
fn ways(element: &Json) -> Vec<Option<String>> {
    let Some(options) = element["options"].as_array() else { return vec![None] };
    let options = options.iter().filter(|option| option["url"].is_null());
    options.map(|option| option["value"].as_str().map(str::to_owned)).collect()
}

/// Everybody who may not does everything that the card offers. These are among it, and the menus beside people.
async fn buttons(world: &World, card: &Message, expected: &[&str]) {
    world.until("the card's deadline", |world| world.audited("card_posted") == 1).await;
    let card = world.slack.message(&card.ts).expect("the card stands");
    let offered = offered(&card.current().blocks, |action| action);
    for action in expected {
        assert!(offered.contains_key(*action), "{action} is not among {:?}", offered.keys());
    }
    for who in EVERYBODY {
        for (kind, (action, element)) in &offered {
            for way in ways(element) {
                let what = format!("{kind} {}", way.as_deref().unwrap_or_default());
                refused(world, who, &what, async |user| {
                    let done = match &way {
                        Some(value) => world.slack.select_stale(user, &card, action, value).await,
                        None => world.slack.click_stale(user, &card, action).await,
                    };
                    done.expect("it is shown");
                })
                .await;
            }
        }
    }
}

/// Everybody who may not does everything that the approver's dialog offers, forged: of the boxes and menus beside people
/// the first of each kind. These kinds are among it.
async fn clicks_in_dialog(world: &World, expected: &[&str]) {
    let view = dialog::top(world, U_APPROVER);
    let mut kinds = offered(view.blocks(), |id| id.split(['-', '~']).next().unwrap_or_default());
    // Text that is only sent with its form.
    kinds.remove("reason");
    for one in expected {
        assert!(kinds.contains_key(*one), "{one} is not among {kinds:?}");
    }
    for who in EVERYBODY {
        for (kind, (action, element)) in &kinds {
            refused(world, who, kind, async |user| {
                world.slack.hand_over(U_APPROVER, user);
                let input = match element["type"].as_str() {
                    Some("button") => None,
                    Some("checkboxes") => Some(Input::Options(Vec::new())),
                    Some("plain_text_input") => Some(Input::Text("x".into())),
                    Some("overflow" | "static_select") => ways(element).remove(0).map(Input::Option),
                    other => panic!("how is this used? {other:?}"),
                };
                let done = match input {
                    Some(input) => world.slack.choose_in_view(user, action, input).await,
                    None => world.slack.click_in_view(user, action, &[]).await,
                };
                done.expect("the forged dialog offers it");
            })
            .await;
        }
        world.slack.hand_over("nobody", who.id());
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
    let long = if policy.contains("approval_timeout") { "" } else { LONG };
    World::asking(&format!("{PLAIN_POLICY}{STRICT}{long}{policy}"), &[ADA, BEN]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_open_card() {
    let (world, card) = world("").await;
    buttons(&world, &card, &["suspend", "deny", "deny_why", "choose", "person"]).await;
    for wanted in ["details", "keep", "exempt"] {
        assert!(dialog::offers(&world.slack.message(&card.ts).expect("it stands"), wanted, 0), "{wanted}");
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
    while let Ok(Some(_)) = world.slack.close_view(U_APPROVER).await {}
    world.slack.hand_over("nobody", U_APPROVER);
    dialog::open(&world, U_APPROVER, &card).await;
    dialog::ask_until(&world, U_APPROVER, 0).await;
    submissions(&world, "until when to keep", &dialog::until(&day, "on leave")).await;
    world.nothing_else_is_wrong().await;
}

/// So many that the card has two pages, and the dialog too.
fn crowd() -> Vec<String> {
    (0..60).map(|number| format!("p{number:03}@ext.example")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_card_of_several_pages() {
    let crowd = crowd();
    let logins: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let (world, card) =
        World::asking(&format!("{PLAIN_POLICY}{STRICT}{LONG}max_candidates = 100\n"), &logins).await;
    world.slack.click(U_ADMIN, &card.ts, "page_on").await.expect("the button is there");
    let what = "the second page";
    let second = |card: &Message| card.offers("page_on") && card.offers("page_back");
    let card = world.slack.wait_update(&card.ts, what, second).await;
    buttons(&world, &card, &["page_back", "page_on"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_controls_of_the_dialog() {
    let crowd = crowd();
    let logins: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let (world, card) =
        World::asking(&format!("{PLAIN_POLICY}{STRICT}{LONG}max_candidates = 100\n"), &logins).await;
    dialog::open(&world, U_APPROVER, &card).await;
    clicks_in_dialog(
        &world,
        &["tick", "keep_until", "search", "sort", "choose_on", "tick_all", "untick_all"],
    )
    .await;
    world.slack.click_in_view(U_APPROVER, "choose_on", &[]).await.expect("the button is there");
    let second = |view: &crate::fake::slack::View| view.actions().iter().any(|id| id == "choose_back");
    world.slack.wait_view(U_APPROVER, "the second page", second).await;
    clicks_in_dialog(&world, &["choose_back"]).await;
    dialog::search(&world, U_APPROVER, "p00").await;
    let found = |view: &crate::fake::slack::View| view.actions().iter().any(|id| id == "clear_search");
    world.slack.wait_view(U_APPROVER, "what was found", found).await;
    clicks_in_dialog(&world, &["clear_search"]).await;
    dialog::tick(&world, U_APPROVER, 0, false).await;
    let begun = |view: &crate::fake::slack::View| view.actions().iter().any(|id| id == "start_over");
    if world.slack.views(U_APPROVER).last().is_some_and(|view| !begun(view)) {
        world.slack.close_view(U_APPROVER).await.expect("it is open");
        dialog::open(&world, U_APPROVER, &card).await;
    }
    world.slack.wait_view(U_APPROVER, "a choice to take back", begun).await;
    clicks_in_dialog(&world, &["start_over"]).await;
    world.nothing_else_is_wrong().await;
}

/// A card about these contractors, and one of another policy about one person that only the admin may see and suspend.
async fn of_two_policies(logins: &[&str]) -> (World, Message, Message) {
    let staffing = format!(
        "{PLAIN_POLICY}{STRICT}{LONG}max_candidates = 100\n[[policy]]\nname = \"staffing\"\nuser_type = \"temp\"\nchannel = \"{C_GENERAL}\"\n\
         {PLAIN_POLICY}{LONG}approvers = {{ users = [\"{U_ADMIN}\"] }}\nadmins = {{ users = [\"{U_ADMIN}\"] }}\n\
         viewers = {{ users = [\"{U_ADMIN}\"] }}\n"
    );
    let (world, ours) = World::asking(&staffing, logins).await;
    for id in [BOT_USER, U_ADMIN] {
        let user = world.slack.people().into_iter().find(|user| user.id == id).expect("they are there");
        world.slack.add_user(user, &[C_GENERAL]);
    }
    world.okta.add(crate::fake::okta::Person::new("temp@ext.example", "temp").last_login_days_ago(41));
    super::commands::ask(&world, U_ADMIN, "sweep staffing").await;
    let open = |slack: &crate::fake::slack::FakeSlack| {
        slack.messages(C_GENERAL).into_iter().find(crate::support::is_open_card)
    };
    let theirs = world.slack.wait_for("the other policy's card", open).await;
    world.until("both stand", |world| world.audited("card_posted") == 2).await;
    (world, ours, theirs)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sees_one_policy_turns_no_page_of_another() {
    let crowd = crowd();
    let logins: Vec<&str> = crowd.iter().map(String::as_str).collect();
    let (world, ours, theirs) = of_two_policies(&logins).await;
    let deny = theirs.element("deny").expect("the button is there");
    let (their_id, _) = deny["value"].as_str().and_then(|value| value.split_once(':')).expect("an id");
    refused(&world, Who::Is(U_APPROVER), "page_on", async |user| {
        world
            .slack
            .click_forged(user, &ours, "page_on", &format!("{their_id}:1"))
            .await
            .expect("it can be forged");
    })
    .await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_request_of_another_policy() {
    let (world, ours, theirs) = of_two_policies(&[ADA]).await;
    let value = |card: &Message| {
        let element = card.element("suspend").expect("the button is there");
        element["value"].as_str().expect("it has a value").to_owned()
    };
    let (their_value, our_value) = (value(&theirs), value(&ours));
    let (their_id, _) = their_value.split_once(':').expect("an id and the list's hash");
    let (_, our_hash) = our_value.split_once(':').expect("an id and the list's hash");
    for forged in [their_value.clone(), format!("{their_id}:{our_hash}")] {
        for action in ["suspend", "deny", "deny_why", "choose"] {
            for user in [U_APPROVER, U_APPROVER2] {
                refused(&world, Who::Is(user), action, async |user| {
                    world.slack.click_forged(user, &ours, action, &forged).await.expect("it can be forged");
                })
                .await;
                let last = world.audit().into_iter().rfind(|line| line.action == "input_refused");
                assert_eq!(
                    last.and_then(|line| line.request),
                    their_id.parse().ok(),
                    "in that policy's trail"
                );
            }
        }
    }
    // Who decides there decides there, and about the list that they were shown.
    refused(&world, Who::Is(U_ADMIN), "another list", async |user| {
        let forged = format!("{their_id}:{our_hash}");
        world.slack.click_forged(user, &theirs, "suspend", &forged).await.expect("it can be forged");
    })
    .await;
    world.slack.click(U_ADMIN, &theirs.ts, "deny").await.expect("the button is there");
    world.until("theirs denied", |world| world.audited("denied") == 1).await;
    world.slack.click(U_APPROVER, &ours.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended. Approved by").await;
    world.nothing_else_is_wrong().await;
}

/// Every control and dialog has a name, and every name stands in this file, so in front of everybody who may not; or
/// here, with the reason why it need not.
#[test]
fn no_control_is_left_out() {
    let elsewhere = [
        ("ask", "runs a command as the person who presses it: with_every_command"),
        ("concern", "of a message to one person: the answers of others are in concerned.rs"),
        ("choose_over", "a dialog without controls"),
        ("console", "a link, which opens the provider's page and sends nothing that is acted on"),
        ("keep_until_form", "the dialog in_the_dialogs_of_an_open_card, until when to keep"),
        ("exempt_form", "the dialog in_the_dialogs_of_an_open_card, the exemption"),
        ("give_back_form", "the dialog on_cards_that_have_ended, giving back"),
        ("deny_form", "decides as the button does; in front of a stranger in before.rs"),
    ];
    let here = include_str!("strangers.rs");
    let names: Vec<&str> = ButtonAction::names()
        .chain(RowAction::ALL.iter().map(|one| one.word()))
        .chain(ControlName::ALL.iter().map(|one| one.word()))
        .chain(DialogKind::ALL.iter().map(|one| one.word()))
        .collect();
    assert!(names.len() > 25, "{names:?}");
    let missing: Vec<_> = names
        .into_iter()
        .filter(|name| elsewhere.iter().all(|(known, _)| known != name))
        .filter(|name| !here.contains(&format!("\"{name}\"")))
        .collect();
    assert_eq!(missing, Vec::<&str>::new(), "who may not is to be seen trying these");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_preview_a_held_card_and_one_that_waits_for_a_second_person() {
    let (preview, card) = World::asking(&format!("max_share = 1.0\n{STRICT}{LONG}"), &[ADA, BEN]).await;
    buttons(&preview, &card, &["go_live"]).await;
    preview.nothing_else_is_wrong().await;

    let (held, card) = world("max_candidates = 1\n").await;
    buttons(&held, &card, &["release", "deny", "deny_why"]).await;
    held.nothing_else_is_wrong().await;

    let (two, card) = world("approvals_needed = 2\n").await;
    two.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    let card = two.card_says(&card, "A second person must approve too").await;
    buttons(&two, &card, &["suspend", "take_back_approval", "choose", "deny", "deny_why"]).await;
    two.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_cards_that_have_ended() {
    let (expired, card) = world("approval_timeout = \"8h\"\n").await;
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
    done.until("all told", |world| world.all_told(RequestId(1))).await;
    done.okta.clear_faults();
    buttons(&done, &card, &["retry", "person"]).await;
    assert!(dialog::offers(&done.slack.message(&card.ts).expect("it stands"), "give_back", 0));
    choose(&done, U_APPROVER, &card, "give_back", 0).await;
    says(&done, U_APPROVER, "Restore").await;
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
    let subcommands = inactive_contractors::commands::grammar::subcommands();
    let commands: Vec<String> =
        subcommands.into_iter().map(|(name, _)| name).filter(|name| name != "help").collect();
    assert!(commands.len() > 17, "{commands:?}");
    // Bots type nothing.
    for who in EVERYBODY.into_iter().filter(|who| *who != Who::Is(U_OTHER_BOT)) {
        for command in &commands {
            let rest = match command.as_str() {
                "why" => " ada@ext.example",
                "exempt" | "unexempt" | "restore" => " ada@ext.example because",
                "withdraw" | "retry" => " 1 because",
                _ => "",
            };
            refused(&world, who, command, async |user| {
                let line = format!("/inactive-contractors {command}{rest}");
                // Anyone who has left the channel types it elsewhere.
                let channel = if who == Who::Gone { C_GENERAL } else { C_OPS };
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
    let (preview, card) = World::asking(&format!("max_share = 1.0\n{STRICT}{LONG}"), &[ADA, BEN]).await;
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
