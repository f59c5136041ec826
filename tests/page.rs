//! The sandbox page in a real browser: what a person sees and presses, with the real bot behind it.

extern crate fake;
extern crate sandbox;
extern crate support;

#[path = "page/app.rs"]
mod app;
#[path = "page/browser.rs"]
mod browser;
#[path = "page/controls.rs"]
mod controls;
#[path = "page/dialogs.rs"]
mod dialogs;
#[path = "page/files.rs"]
mod files;
#[path = "page/looks.rs"]
mod looks;
#[path = "page/pictures.rs"]
mod pictures;
#[path = "page/places.rs"]
mod places;
#[path = "page/review.rs"]
mod review;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use browser::Browser;
use fake::slack::{U_APPROVER, U_GUEST};
use futures_util::FutureExt;
use sandbox::Sandbox;

const SIZE: (u32, u32) = (1400, 900);

/// Runs a story in a world of its own, with a browser of its own.
async fn story(tell: impl AsyncFnOnce(&Browser, &Sandbox)) {
    if !browser::is_there() {
        return;
    }
    let sandbox = Arc::new(Sandbox::start().await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("it is bound"));
    let serving = tokio::spawn(sandbox::server::serve(Arc::clone(&sandbox), listener));
    let browser = Browser::start(address, SIZE).await;
    let told = AssertUnwindSafe(tell(&browser, &sandbox)).catch_unwind().await;
    // A story that failed must not leave a browser behind either.
    browser.close().await;
    serving.abort();
    sandbox.world.stop_bot().await;
    if let Err(panic) = told {
        std::panic::resume_unwind(panic);
    }
    assert_eq!(sandbox.world.slack.violations(), Vec::<String>::new());
}

/// The card of a sweep that the approver asked for with the page's own button.
async fn swept(page: &Browser) {
    page.open(U_APPROVER).await;
    page.see("#bot-state[data-state=connected]").await;
    page.input("#sweep-now").await;
    page.see_words("#messages li.message", "Answer by").await;
}

/// Presses the card's red button and confirms.
async fn suspend(page: &Browser) {
    page.input("#messages [data-action-id=suspend]").await;
    page.input("dialog.confirm button.confirm").await;
}

/// The box of a person in the review dialog.
fn ticked(login: &str) -> String {
    format!(".modal .input-block[data-label*='{login}'] input")
}

/// The menu beside a person on the card.
fn menu_of(name: &str) -> String {
    format!("#messages .bk-overflow[aria-label*='{name}']")
}

fn status_of(login: &str, status: &str) -> String {
    format!("[data-okta-login='{login}'] .status[data-status={status}]")
}

const ADA: &str = "ada.okafor@ext.example";
const CHIDI: &str = "chidi.eze@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_is_approved_and_the_accounts_turn_suspended() {
    story(async |page, _| {
        swept(page).await;
        assert!(page.text("#messages li.message").await.contains("Suspend 12 accounts?"));
        page.see("#guide li.done[data-step='1']").await;
        page.see(&status_of(ADA, "ACTIVE")).await;

        page.input("#messages [data-action-id=suspend]").await;
        page.see_words("dialog.confirm", "These 12 people").await;
        page.input("dialog.confirm button.deny").await;
        page.see_no("dialog").await;
        page.see(&status_of(ADA, "ACTIVE")).await;

        suspend(page).await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
        page.see("#guide.finished li.done[data-step='3']").await;
        assert_eq!(page.count("#guide li.done").await, 3);
        page.see_words("#messages li.message", "in the thread of").await;
        page.see_no("#messages [data-action-id=suspend]").await;
        page.input("#tab-audit").await;
        page.see_words("#audit tr[data-event=suspended]", ADA).await;
        assert_eq!(page.count("#audit tr[data-event=suspended]").await, 12);
        assert!(!page.text("#audit").await.contains("[object"), "details are readable");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_gets_the_reason_and_nothing_changes() {
    story(async |page, sandbox| {
        swept(page).await;
        page.open(U_GUEST).await;
        assert_eq!(page.count("#messages li.ephemeral").await, 0, "notes for others are not shown");
        suspend(page).await;
        page.see_words("#messages li.ephemeral .only-you", "Only visible to you").await;
        page.see_words("#messages li.ephemeral", "guest").await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        page.see("#messages [data-action-id=suspend]").await;
        assert_eq!(sandbox.world.audited("suspension_intended"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unticked_in_the_dialog_stays_active() {
    story(async |page, sandbox| {
        swept(page).await;
        page.input("#messages [data-action-id=choose]").await;
        page.see_words(".modal .input-block", "Chidi Eze").await;
        page.input(&ticked(CHIDI)).await;
        page.see_words(".modal button.submit", "Suspend 11").await;
        page.input(".modal button.submit").await;
        page.see_no(".modal").await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.see(&status_of(CHIDI, "ACTIVE")).await;
        assert_eq!(sandbox.world.audited("suspended"), 11);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_composer_takes_slash_commands() {
    story(async |page, _| {
        page.open(U_APPROVER).await;
        page.say(&format!("/inactive-contractors why {ADA}")).await;
        page.see_words("#messages li.ephemeral", "is inactive: idle 41 days").await;
        page.input("#chips [data-say='']").await;
        page.see_words("#messages li.ephemeral", "Next sweep").await;
        page.say("hello").await;
        page.see_words(".toast.error", "slash commands only").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_bot_shows_as_down_and_works_again_once_started() {
    story(async |page, _| {
        swept(page).await;
        page.input("#bot-kill").await;
        page.see("#bot-state[data-state=down]").await;
        suspend(page).await;
        page.see(".toast.error").await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        page.input("#bot-start").await;
        page.see("#bot-state[data-state=connected]").await;
        suspend(page).await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_the_deadline_the_card_has_no_buttons() {
    story(async |page, sandbox| {
        swept(page).await;
        // On the way the clock may pass the next scheduled sweep, whose card is open: only the first one is looked at.
        let ts = page.run("return document.querySelector('#messages li.message').dataset.ts").await;
        let card = format!("#messages li[data-ts='{}']", ts.as_str().expect("a card has a ts"));
        page.see(&format!("{card} [data-action-id=suspend]")).await;
        page.input("#clock-past-deadline").await;
        page.see_words(&card, "Expired").await;
        page.see_no(&format!("{card} [data-action-id=suspend]")).await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        assert_eq!(sandbox.world.audited("suspension_intended"), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_from_the_directory_are_only_text() {
    story(async |page, _| {
        swept(page).await;
        let card = page.text("#messages li.message").await;
        assert!(card.contains("<!channel>"), "{card}");
        assert!(card.contains("//evil.example|click>"), "{card}");
        page.say("/inactive-contractors why broadcast@ext.example").await;
        page.see_words("#messages li.ephemeral", "<!channel>").await;
        page.input("#messages [data-action-id=choose]").await;
        page.see_words(".modal .input-block", "<!channel>").await;
        assert_eq!(page.count(".ping").await, 0);
        assert_eq!(page.count("a[href*='evil.example']").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_socket_comes_back_and_an_armed_fault_is_used_up() {
    story(async |page, sandbox| {
        page.open(U_APPROVER).await;
        let slack = &sandbox.world.slack;
        let before = slack.connections_opened();
        page.input("#drop-socket").await;
        slack.wait_for("another socket", |slack| (slack.connections_opened() > before).then_some(())).await;
        page.see("#bot-state[data-state=connected]").await;
        page.input("#okta-fail").await;
        page.see_words("#okta-fail.armed", "Armed").await;
        page.input("#sweep-now").await;
        page.see("#okta-fail:not(.armed)").await;
        page.see_words("#messages li.message", "Answer by").await;
    })
    .await;
}
