//! The real bot's dialogs and menus, from the search to giving access back.

use fantoccini::key::Key;

use super::{ADA, CHIDI, menu_of, status_of, story, suspend, swept, ticked};
use crate::browser::Browser;

/// Asks from the review to keep this person until a day.
async fn ask_to_keep(page: &Browser, login: &str) {
    page.input(&format!(".modal .input-block[data-label*='{login}'] + .block .bk-overflow")).await;
    page.input(".menu [role=menuitem]").await;
    page.see_words(".modal h2", "Keep until").await;
}

/// Opens the review from the card and searches in it.
pub async fn search(page: &Browser, words: &str) {
    page.input("#messages [data-action-id=choose]").await;
    page.see_words(".modal button.submit", "Suspend 12").await;
    page.focus(".modal [data-action-id^=search]").await;
    page.keys(&format!("{words}{}", char::from(Key::Enter))).await;
    page.see_words(".modal", "of 12 match").await;
}

/// Keeps the one that the search found, until this day.
pub async fn keep(page: &Browser, login: &str, day: &str, reason: &str) {
    ask_to_keep(page, login).await;
    page.choose(".modal [data-action-id=until]", day).await;
    page.choose(".modal [data-action-id=reason]", reason).await;
    page.input(".modal button.submit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_searched_for_and_kept_until_a_day() {
    story(async |page, sandbox| {
        swept(page).await;
        search(page, "northwind").await;
        assert_eq!(page.count(".modal .bk-overflow").await, 4, "people of one organization");
        let today = sandbox.world.clock.now().date_naive();
        let day = |days: u64| (today + chrono::Days::new(days)).to_string();

        // Too long for the policy: said at the day, with what was typed still there.
        keep(page, ADA, &day(300), "on leave").await;
        page.see(".modal [data-block-id].invalid [data-action-id=until][aria-invalid=true]").await;
        page.holds("document.querySelector('.modal [data-action-id=reason]').value === 'on leave'").await;
        page.input(".modal button.back").await;
        page.see_words(".modal h2", "Request 1").await;
        page.see_words(".modal", "of 12 match").await;

        keep(page, ADA, &day(30), "on leave").await;
        page.see_words(".modal", "keep until").await;
        page.see_words(".modal button.submit", "Suspend 11").await;
        page.input(&ticked(CHIDI)).await;
        page.see_words(".modal button.submit", "Suspend 10").await;
        page.input(".modal button.submit").await;
        page.see_no(".modal").await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        page.see(&status_of(CHIDI, "ACTIVE")).await;
        assert_eq!(sandbox.world.audited("suspended"), 10);
        assert_eq!(sandbox.world.audited("exempted"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_card_keeps_one_person_and_gives_access_back_to_another() {
    story(async |page, sandbox| {
        swept(page).await;
        page.input(&menu_of("Chidi Eze")).await;
        page.input(".menu [data-value^='details:']").await;
        page.see_words("#messages li.ephemeral", "Chidi Eze").await;
        page.input(&menu_of("Chidi Eze")).await;
        page.input(".menu [data-value^='keep:']").await;
        page.see_words("#messages [data-action-id=suspend]", "Suspend 11").await;
        suspend(page).await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
        page.see(&status_of(CHIDI, "ACTIVE")).await;
        page.see_words("#messages li.message", "in the thread of").await;

        page.input(&menu_of("Ada Okafor")).await;
        page.input(".menu [data-value^='give_back:']").await;
        page.input(".modal button.submit").await;
        page.see_words(".modal .error", "complete this required field").await;
        page.choose(".modal [data-action-id=reason]", "back on the project").await;
        page.input(".modal button.submit").await;
        page.see_no(".modal").await;
        page.see(&status_of(ADA, "ACTIVE")).await;
        page.see_words("#messages li.message", "back on the project").await;
        assert_eq!(sandbox.world.audited("restored"), 1);
    })
    .await;
}
