//! What a cold reading of the workflow found: each story goes wrong without its fix.

use chrono::Duration;
use inactive_contractors::store::{Inspection, ReviewRecord};

use super::commands::assert_answer;
use super::dialog::{ask_until, box_of, open, says, search, submit_label, tick, top, until};
use crate::by_hand;
use crate::fake::gate::Moment;
use crate::fake::okta::{Fault as OktaFault, Person};
use crate::fake::slack::{
    C_OPS, FakeSlack, Fault, Input, Message, Sees, U_APPROVER, U_APPROVER2, U_GUEST, U_VIEWER, View,
};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
const CAT: &str = "cat@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn an_exemption_added_after_the_card_holds_when_the_card_is_approved() {
    let mut world = World::new(PLAIN_POLICY).await;
    let group = world.okta.add_group("Keep these");
    for login in ["grouped@ext.example", "marked@ext.example", "ada@ext.example"] {
        world.okta.add(Person::contractor(login).last_login_days_ago(41));
    }
    world.okta.set_group("grouped@ext.example", &group);
    world.okta.set_attribute("marked@ext.example", "costCenter", "keep");
    world.start_bot().await;
    let card = world.sweep().await;
    world.stop_bot().await;
    world.set_policy(&format!(
        "{PLAIN_POLICY}exempt_groups = [\"{group}\"]\n\
         exempt_attributes = [{{ name = \"costCenter\", value = \"keep\" }}]\n"
    ));
    world.start_bot().await;

    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspend_requests("grouped@ext.example"), 0);
    assert_eq!(world.okta.suspend_requests("marked@ext.example"), 0);
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_slack_could_not_vouch_for_can_be_sent_again() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_APPROVER, &card.ts, "choose").await.expect("the button is there");
    world.slack.wait_view(U_APPROVER, "the dialog", |_| true).await;

    world.slack.fail_next("users.info", Fault::Status(503));
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog can be sent");
    assert!(matches!(reply.sees, Sees::ViewErrors(_)), "{:?}", reply.sees);
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("the dialog stays");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("in the thread of").await;
    assert_eq!(world.okta.suspends("ada@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_also_when_the_answer_to_the_suspension_was_lost() {
    let world = World::new(&format!("{PLAIN_POLICY}clear_sessions = true\n")).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.okta.fail_next("POST /lifecycle/suspend", OktaFault::LostResponse);
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("in the thread of").await;
    assert_eq!(world.okta.sessions_cleared("ada@ext.example"), [true]);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_log_is_no_clean_day_however_few_are_idle() {
    let world = World::new(&format!("{PLAIN_POLICY}announce_no_candidates = false\n")).await;
    for day in 0..9 {
        world.okta.add(Person::contractor(&format!("busy{day}@ext.example")).last_login_days_ago(1));
    }
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.okta.deny("okta.logs.read");
    world.start_bot().await;
    world.ask_for_sweep().await;
    let told = world.message("failed, and nobody was proposed").await;
    assert!(told.visible_text().contains("System Log could not be read"), "{}", told.visible_text());
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_and_its_sentence_both_put_off_are_posted_once_and_not_before_slack_says() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    world.slack.fail_next("chat.postMessage", Fault::Error("invalid_blocks".to_owned()));
    world.slack.fail_next("chat.postMessage", Fault::RateLimited { retry_after: 600 });
    world.ask_for_sweep().await;
    let drained = |slack: &FakeSlack| (slack.waiting_faults() == 0).then_some(());
    world.slack.wait_for("both to be put off", drained).await;
    world.advance(Duration::seconds(60));
    world.slack.slash(U_APPROVER, C_OPS, "/inactive-contractors pending").await.expect("it can be typed");
    let answered = |slack: &FakeSlack| (slack.ephemerals(U_APPROVER).len() >= 2).then_some(());
    world.slack.wait_for("the answer to the command", answered).await;
    assert!(world.slack.messages(C_OPS).is_empty(), "Slack asked for ten minutes");
    world.advance(Duration::seconds(600));
    world.message("ada@ext.example").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_who_presses_choose_gets_an_answer_and_is_audited() {
    let world = World::new(PLAIN_POLICY).await;
    world.okta.add(Person::contractor("ada@ext.example").last_login_days_ago(41));
    world.start_bot().await;
    let card = world.sweep().await;
    world.slack.click(U_GUEST, &card.ts, "choose").await.expect("guests see the button too");
    let told = |slack: &FakeSlack| (!slack.ephemerals(U_GUEST).is_empty()).then_some(());
    world.slack.wait_for("a note for the guest", told).await;
    assert!(world.slack.views(U_GUEST).is_empty());
    assert_eq!(world.audited("input_refused"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_counts_with_every_tick_and_the_choice_outlives_the_dialog_and_a_crash() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    assert_eq!(submit_label(&open(&world, U_APPROVER, &card).await), "Suspend 3");
    tick(&world, U_APPROVER, 1, false).await;
    counts(&world, "Suspend 2").await;
    tick(&world, U_APPROVER, 0, false).await;
    counts(&world, "Suspend 1").await;
    tick(&world, U_APPROVER, 1, true).await;
    counts(&world, "Suspend 2").await;
    world.slack.close_view(U_APPROVER).await.expect("it is open");
    world.kill_bot().await;
    world.start_bot().await;

    let again = open(&world, U_APPROVER, &card).await;
    assert!(again.visible_text().contains("is still here"), "{}", again.visible_text());
    assert_eq!(submit_label(&again), "Suspend 2");
    let other = open(&world, U_APPROVER2, &card).await;
    assert_eq!(submit_label(&other), "Suspend 3", "a draft is one person's");
    world.slack.click_in_view(U_APPROVER2, "choose_on", &[]).await.expect_err("three people are one page");
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("2 accounts suspended, 1 kept active").await;
    assert_eq!([ADA, BEN, CAT].map(|login| world.okta.suspends(login)), [0, 1, 1]);
    assert_eq!(drafts(&world), 0, "they go with the end of the request");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_are_drawn_while_slack_can_not_say_who_ticks() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    open(&world, U_APPROVER, &card).await;
    world.slack.fail_always("users.info", Fault::Status(503));
    tick(&world, U_APPROVER, 1, false).await;
    counts(&world, "Suspend 2").await;
    world.slack.clear_faults();
    world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    world.message("2 accounts suspended, 1 kept active").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_starts_over_has_everybody_ticked_again() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    tick(&world, U_APPROVER, 0, false).await;
    counts(&world, "Suspend 1").await;
    world.slack.close_view(U_APPROVER).await.expect("it is open");
    open(&world, U_APPROVER, &card).await;
    counts(&world, "Suspend 1").await;
    world.slack.click_in_view(U_APPROVER, "start_over", &[]).await.expect("the button is there");
    let view = counts(&world, "Suspend 2").await;
    assert!(!view.visible_text().contains("is still here"));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clicks_at_the_same_time_end_at_what_the_person_last_saw() {
    let logins: Vec<String> = (0..8).map(|number| format!("p{number}@ext.example")).collect();
    let logins: Vec<&str> = logins.iter().map(String::as_str).collect();
    let (world, card) = World::asking(PLAIN_POLICY, &logins).await;
    open(&world, U_APPROVER, &card).await;
    for _ in 0..5 {
        let ticks = (0..8).map(|position| tick(&world, U_APPROVER, position, position % 2 == 0));
        futures_util::future::join_all(ticks).await;
        let back = (0..8).map(|position| tick(&world, U_APPROVER, position, position == 3));
        futures_util::future::join_all(back).await;
    }
    counts(&world, "Suspend 1").await;
    world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    world.message("1 account suspended, 7 kept active").await;
    assert_eq!(world.okta.suspends("p3@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ticked_while_the_dialog_is_being_drawn_is_drawn_after_that() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    open(&world, U_APPROVER, &card).await;
    world.gate.stop_at_label("slack views.update", 1, Moment::Before);
    tick(&world, U_APPROVER, 0, false).await;
    world.gate.stopped().await;
    tick(&world, U_APPROVER, 1, false).await;
    world.gate.release();
    counts(&world, "Suspend 1").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_ticks_than_dialogs_are_made_at_once_are_drawn_in_the_end() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN, CAT]).await;
    open(&world, U_APPROVER, &card).await;
    world.gate.stop_at_label("slack views.update", 1, Moment::Before);
    tick(&world, U_APPROVER, 0, false).await;
    world.gate.stopped().await;
    for number in 0..40 {
        tick(&world, U_APPROVER, 1, number % 2 == 0).await;
    }
    world.gate.release();
    counts(&world, "Suspend 1").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_could_not_be_drawn_again_is_not_taken_at_its_word() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    world.slack.fail_next("views.update", Fault::Status(503));
    world.slack.click_in_view(U_APPROVER, "untick_all", &[]).await.expect("the button is there");
    let failed = |slack: &FakeSlack| (slack.waiting_faults() == 0).then_some(());
    world.slack.wait_for("the drawing to fail", failed).await;
    // The screen still shows two ticks; the draft has none.
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    let view = says(&world, U_APPROVER, "The dialog changed while you submitted it").await;
    assert_eq!(submit_label(&view), "Keep all 2");
    assert_eq!((world.audited("approved"), world.audited("denied")), (0, 0));
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message(" denied ").await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_people_are_searched_sorted_ticked_and_decided() {
    let world = World::at_ten(&format!("{PLAIN_POLICY}max_candidates = 1000\n")).await;
    for number in 0..500_i64 {
        let ago = Duration::days(41) - Duration::minutes(number);
        let person = Person::contractor(&format!("p{number:03}@ext.example")).last_login_ago(ago);
        world.okta.add(person.attribute("displayName", format!("{:03} Person", 499 - number)));
    }
    world.start_bot().await;
    let card = world.sweep().await;
    let view = open(&world, U_APPROVER, &card).await;
    assert!(view.visible_text().contains("page 1 of 17") && view.blocks().len() <= 100);
    search(&world, U_APPROVER, "P12").await;
    says(&world, U_APPROVER, "10 of 500 match").await;
    world.slack.click_in_view(U_APPROVER, "untick_all", &[]).await.expect("the button is there");
    counts(&world, "Suspend 490").await;
    let sort = top(&world, U_APPROVER).actions().into_iter().find(|id| id.starts_with("sort-")).expect("it");
    let name = Input::Option("name".into());
    world.slack.choose_in_view(U_APPROVER, &sort, name).await.expect("it can be chosen");
    let by_name = |text: &str| text.find("p129@") < text.find("p120@");
    world.slack.wait_view(U_APPROVER, "by name", |view| by_name(&view.visible_text())).await;
    world.slack.click_in_view(U_APPROVER, "clear_search", &[]).await.expect("the button is there");
    says(&world, U_APPROVER, "page 1 of 17").await;
    world.slack.click_in_view(U_APPROVER, "untick_all", &[]).await.expect("the button is there");
    counts(&world, "Keep all 500").await;
    search(&world, U_APPROVER, "p007").await;
    says(&world, U_APPROVER, "1 of 500 matches").await;
    tick(&world, U_APPROVER, 7, true).await;
    counts(&world, "Suspend 1").await;
    world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    world.message("1 account suspended, 499 kept active").await;
    assert_eq!(world.okta.suspends("p007@ext.example"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_kept_until_a_day_with_a_reason() {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}exemption_max = \"20d\"\n"), &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    let form = ask_until(&world, U_APPROVER, 0).await.visible_text();
    assert!(form.contains(ADA) && !form.contains(BEN), "{form}");
    let day = |days: i64| (world.clock.now() + Duration::days(days)).format("%Y-%m-%d").to_string();
    let reply = world.slack.submit_view(U_APPROVER, &until(&day(40), "leave")).await.expect("it is open");
    let Sees::ViewErrors(errors) = reply.sees else { panic!("{:?}", reply.sees) };
    assert!(errors["until"].contains(ADA) && errors["until"].contains("20 days at most"), "{errors:?}");
    let reply = world.slack.submit_view(U_APPROVER, &until(&day(5), "on <!here> leave")).await;
    assert_eq!(reply.expect("it is open").sees, Sees::ViewClosed);
    let view = says(&world, U_APPROVER, "on &lt;!here&gt; leave").await;
    assert!(view.visible_text().contains("keep until") && world.slack.views(U_APPROVER).len() == 1);
    assert_eq!(submit_label(&counts(&world, "Suspend 1").await), "Suspend 1");
    assert_eq!(world.audited("exempted"), 0, "nothing happens before it is submitted");

    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewClosed);
    world.message("1 account suspended, 1 kept active").await;
    assert_eq!(world.audit_of(ADA), ["proposed", "kept", "exempted"]);
    world.card_says(&card, "kept until").await;
    assert_answer(&world, U_VIEWER, "exemptions", &["1 exemption", ADA, "leave"]).await;
    assert_eq!((world.okta.suspends(ADA), world.okta.suspends(BEN)), (0, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tick_takes_the_day_back_and_an_end_that_became_too_far_is_refused_by_name() {
    let (mut world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    let day = (world.clock.now() + Duration::days(60)).format("%Y-%m-%d").to_string();
    open(&world, U_APPROVER, &card).await;
    for position in [0, 1] {
        ask_until(&world, U_APPROVER, position).await;
        world.slack.submit_view(U_APPROVER, &until(&day, "leave")).await.expect("it is open");
        world.slack.wait_for("the review", |slack| (slack.views(U_APPROVER).len() == 1).then_some(())).await;
    }
    counts(&world, "Keep all 2").await;
    tick(&world, U_APPROVER, 1, true).await;
    counts(&world, "Suspend 1").await;
    world.slack.close_view(U_APPROVER).await.expect("it is open");
    world.stop_bot().await;
    world.set_policy(&format!("{PLAIN_POLICY}exemption_max = \"20d\"\n"));
    world.start_bot().await;
    counts_after_opening(&world, &card, "Suspend 1").await;
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    let Sees::ViewErrors(errors) = reply.sees else { panic!("{:?}", reply.sees) };
    assert!(errors["reason"].contains(ADA) && errors["reason"].contains("20 days"), "{errors:?}");
    assert_eq!((world.audited("approved"), world.audited("exempted")), (0, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_of_somebody_else_closes_the_dialog_with_their_name() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    ask_until(&world, U_APPROVER, 0).await;
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    let day = (world.clock.now() + Duration::days(5)).format("%Y-%m-%d").to_string();
    let reply = world.slack.submit_view(U_APPROVER, &until(&day, "leave")).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    says(&world, U_APPROVER, "Already approved by").await;
    world.slack.close_view(U_APPROVER).await.expect("it is open");
    let name = box_of(&top(&world, U_APPROVER), 0);
    let tick = Input::Options(Vec::new());
    world.slack.choose_in_view(U_APPROVER, &name, tick).await.expect("the box is there");
    let view = says(&world, U_APPROVER, "Already approved by").await;
    assert!(view.visible_text().contains("had 2 accounts suspended"), "{}", view.visible_text());
    assert!(view.json["submit"].is_null());
    assert_eq!((world.audited("approved"), world.audited("input_refused"), drafts(&world)), (1, 2, 0));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_that_is_submitted_after_the_end_is_answered_with_the_result() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.message("2 accounts suspended").await;
    world.until("the choices gone", |world| drafts(world) == 0).await;
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    let view = says(&world, U_APPROVER, "Already approved by").await.visible_text();
    assert!(view.contains("had 2 accounts suspended"), "{view}");
    assert_eq!((world.audited("approved"), world.audited("input_refused")), (1, 1));
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dialog_that_is_open_past_the_deadline_or_by_a_guest_says_so() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    for user in [U_APPROVER, U_APPROVER2] {
        open(&world, user, &card).await;
    }
    let mut person = world.slack.people().into_iter().find(|one| one.id == U_APPROVER).expect("Alice");
    person.is_restricted = true;
    world.slack.add_user(person, &[]);
    search(&world, U_APPROVER, "ada").await;
    says(&world, U_APPROVER, "is a guest in this Slack workspace").await;
    assert_eq!(world.audited("input_refused"), 1);

    world.advance(Duration::hours(9));
    tick(&world, U_APPROVER2, 0, false).await;
    let view = world.slack.wait_view(U_APPROVER2, "why not", |view| view.json["submit"].is_null()).await;
    let text = view.visible_text();
    assert!(text.contains("expired") || text.contains("The deadline was"), "{text}");
    assert_eq!(world.changes_asked(), Vec::<String>::new());
    world.nothing_else_is_wrong().await;
}

/// Waits until the submit button says this.
async fn counts(world: &World, label: &str) -> View {
    let what = format!("a button that says {label:?}");
    world.slack.wait_view(U_APPROVER, &what, |view| submit_label(view) == label).await
}

async fn counts_after_opening(world: &World, card: &Message, label: &str) {
    open(world, U_APPROVER, card).await;
    counts(world, label).await;
}

/// How many drafts are stored.
fn drafts(world: &World) -> i64 {
    world.count(Inspection::reviews, |_| true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_whose_choices_are_lost_decides_nothing() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA, BEN]).await;
    open(&world, U_APPROVER, &card).await;
    tick(&world, U_APPROVER, 0, false).await;
    until_stored(&world).await;
    // As after a backup from before the dialog was opened.
    by_hand::forget_reviews(&world.database());
    let reply = world.slack.submit_view(U_APPROVER, &[]).await.expect("it is open");
    assert_eq!(reply.sees, Sees::ViewUpdated);
    let view = top(&world, U_APPROVER).visible_text();
    assert!(view.contains("out of date"), "{view}");
    assert_eq!((world.audited("approved"), world.changes_asked()), (0, Vec::new()));
    world.nothing_else_is_wrong().await;
}

/// Until the choice is in the database.
async fn until_stored(world: &World) {
    let chosen = |review: &ReviewRecord| review.draft.to_string().contains("chosen_at\":\"2");
    world.until("the choice", |world| world.count(Inspection::reviews, chosen) == 1).await;
}
