//! Takes the README's pictures again: `PICTURES=1 cargo test --test page pictures`.

use std::path::Path;

use chrono::Duration;

use super::places::asked;
use super::review::{keep as keep_until, search};
use super::{ADA, CHIDI, menu_of, status_of, story, suspend, swept, ticked};
use crate::browser::{Browser, asked_for};
use crate::fake::okta::Status;
use crate::fake::slack::U_APPROVER;
use crate::sandbox::people::U_MANAGER;
use crate::support::World;

/// High enough for most of a finished card and the messages after it, or for a whole answer or dialog.
const HIGH: (u32, u32) = (1400, 1420);

/// Signs in between the sweep and the approval.
const MEI: &str = "mei.tanaka@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_a_card_from_the_question_to_the_undo() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, sandbox| {
        swept(page).await;
        calm(page).await;
        page.input(&menu_of("Zofia")).await;
        page.see(".menu").await;
        keep("sandbox.png", &page.picture().await);
        page.input(".menu [data-value^='keep:']").await;
        page.see_words("#messages [data-action-id=suspend]", "Suspend 11").await;
        assert!(sandbox.world.okta.sign_in(MEI));
        suspend(page).await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.input(&menu_of("Ada Okafor")).await;
        page.input(".menu [data-value^='give_back:']").await;
        page.choose(".modal [data-action-id=reason]", "back on the migration project").await;
        page.input(".modal button.submit").await;
        page.see_words("#messages li.message", "back on the migration project").await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        page.fit(HIGH.0, HIGH.1).await;
        page.input(".thread-toggle:not([hidden])").await;
        calm(page).await;
        page.input(&menu_of("Priya")).await;
        page.see_words(".menu", "Restore access").await;
        page.shoot("#slack", "finished.png").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_review() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, sandbox| {
        page.fit(HIGH.0, HIGH.1).await;
        swept(page).await;
        calm(page).await;
        search(page, "northwind").await;
        let day = sandbox.world.clock.now().date_naive() + chrono::Days::new(38);
        keep_until(page, ADA, &day.to_string(), "on leave").await;
        page.see_words(".modal button.submit", "Suspend 11").await;
        page.input(&ticked(CHIDI)).await;
        page.see_words(".modal button.submit", "Suspend 10").await;
        calm(page).await;
        page.shoot(".modal", "review.png").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_the_audit() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, _| {
        page.fit(HIGH.0, HIGH.1).await;
        swept(page).await;
        suspend(page).await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.say("/inactive-contractors audit").await;
        page.see("#messages li.ephemeral [data-action-id^='ask.']").await;
        calm(page).await;
        page.shoot("#messages li.ephemeral:has([data-action-id^='ask.'])", "audit.png").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_exemptions() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, _| {
        page.fit(HIGH.0, 880).await;
        page.open(U_APPROVER).await;
        page.say(&format!("/inactive-contractors exempt {CHIDI} for 30d on site without Okta")).await;
        page.see_words("#messages li.ephemeral", "is exempt until").await;
        let leave = "priya.raghunathan@ext.example from 2027-01-04 until 2027-01-22 holidays";
        page.say(&format!("/inactive-contractors leave {leave}")).await;
        page.see_words("#messages li.ephemeral:last-child", "is exempt from").await;
        page.say("/inactive-contractors exemptions").await;
        page.see_words("#messages li.ephemeral:last-child", "granted by people").await;
        page.say(&format!("/inactive-contractors why {CHIDI}")).await;
        page.see_words("#messages li.ephemeral:last-child", "is exempt (exemption").await;
        calm(page).await;
        page.shoot("#channel", "exemption.png").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_home_and_of_the_people_concerned() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, _| {
        page.fit(HIGH.0, 1000).await;
        swept(page).await;
        page.input(&menu_of("Zofia")).await;
        page.input(".menu [data-value^='keep:']").await;
        page.see_words("#messages [data-action-id=suspend]", "Suspend 11").await;
        suspend(page).await;
        page.see_words("#messages li.message", "in the thread of").await;
        // Others are inactive by then.
        page.input("#clock-day").await;
        page.input("#clock-day").await;
        page.input("#sweep-now").await;
        page.see("#messages [data-action-id=suspend]").await;
        page.input("#place-home").await;
        page.see_words("#home", "approved request 1").await;
        page.see("#home [data-action-id=home_sweep]").await;
        calm(page).await;
        page.shoot("#slack", "home.png").await;
    })
    .await;
    story(async |page, sandbox| {
        page.fit(HIGH.0, 700).await;
        asked(page, sandbox).await;
        page.open(U_MANAGER).await;
        page.input("#place-messages").await;
        page.see("#messages [data-action-id^='concern.left']").await;
        calm(page).await;
        page.shoot("#slack", "manager.png").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_a_report() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, sandbox| {
        page.fit(HIGH.0, HIGH.1).await;
        page.open(U_APPROVER).await;
        page.see("#bot-state[data-state=connected]").await;
        let world = &sandbox.world;
        for round in 0..12 {
            let card = world.sweep().await;
            world.advance(Duration::minutes(40 + 25 * (round % 5)));
            let decision = if round % 4 == 3 { "deny" } else { "suspend" };
            world.slack.click(U_APPROVER, &card.ts, decision).await.expect("the button is there");
            let decided = usize::try_from(round).expect("a small number") + 1;
            let ended = |world: &World| world.audited("completed") + world.audited("denied") == decided;
            world.until("the decision to be carried out", ended).await;
            // Somebody comes back, and some others stay away.
            for (index, person) in (0..).zip(world.okta.people()) {
                if person.status == Status::Suspended && index % 3 == round % 3 {
                    world.okta.set_status(&person.login, Status::Active);
                }
                if (index + round) % 4 != 0 {
                    world.okta.sign_in(&person.login);
                }
            }
            world.advance(Duration::days(6));
            world.until("the sweep of that day", |world| world.next_deadline().is_none()).await;
        }
        page.say("/inactive-contractors report").await;
        page.see_words("#messages li.ephemeral:last-child", "I am sending you the picture").await;
        page.input("#place-messages").await;
        page.see("#messages img").await;
        calm(page).await;
        page.shoot("#messages li.message:has(img)", "report.png").await;
    })
    .await;
}

/// Waits for what passes by itself, lets go of what was pressed last, and looks at the newest message.
async fn calm(page: &Browser) {
    page.see_no(".toast").await;
    page.run("document.activeElement.blur()").await;
    page.run("document.querySelector('#messages').scrollTop = 1e6").await;
}

impl Browser {
    /// Keeps a picture of the part of the page where this is, with what lies above it.
    async fn shoot(&self, css: &str, name: &str) {
        let part = self.see(css).await;
        keep(name, &part.screenshot().await.expect("it can be drawn"));
    }
}

fn keep(name: &str, picture: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox").join(name);
    std::fs::write(path, picture).expect("the repository can be written");
}
