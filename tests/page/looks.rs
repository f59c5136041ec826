//! What every part of the page has to be: named for a screen reader, readable, and there in a narrow window too.

use super::app::call;
use super::{story, suspend, swept};
use crate::browser::Browser;
use crate::fake::slack::{U_APPROVER, U_VIEWER};
use serde_json::json;

/// Controls that nobody could name.
const NAMELESS: &str = "
const named = (one) => one.getAttribute('aria-label') || one.innerText?.trim() || one.title
  || [...(one.labels ?? [])].some((label) => label.innerText.trim())
  || (one.getAttribute('aria-labelledby') ?? '').split(' ').some((id) => document.getElementById(id)?.innerText.trim());
return [...document.querySelectorAll('button, a, input, select, textarea, [role=listbox], [role=menu], img')]
  .filter((one) => one.checkVisibility() && !named(one) && !one.alt)
  .map((one) => one.outerHTML.slice(0, 160));";

/// Visible text that stands out too little from what is behind it: WCAG asks for 4.5, 3 if it is large.
const FAINT: &str = "
const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((one) => one / 255)
  .map((one) => (one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
  .reduce((sum, one, at) => sum + one * [0.2126, 0.7152, 0.0722][at], 0);
const over = ([r, g, b, a = 1], below) => [r, g, b].map((one, at) => one * a + below[at] * (1 - a));
const behind = (node) => {
  const chain = [];
  for (let one = node; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.backgroundImage !== 'none') return null;
    chain.push(parts(style.backgroundColor));
  }
  return chain.reverse().reduce((below, colour) => over(colour, below), [255, 255, 255]);
};
const faint = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const node = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !node.checkVisibility({ opacityProperty: true })) continue;
  if (node.closest('.visually-hidden, :disabled, script, style, option')) continue;
  const style = getComputedStyle(node);
  const back = behind(node);
  if (!back) continue;
  const [one, two] = [light(over(parts(style.color), back)), light(back)];
  const contrast = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
  const size = parseFloat(style.fontSize);
  const enough = size >= 24 || (size >= 18.6 && style.fontWeight >= 700) ? 3 : 4.5;
  if (contrast < enough) faint.push(`${contrast.toFixed(2)}: ${walk.currentNode.data.trim().slice(0, 60)} (${node.className})`);
}
return faint;";

async fn is_accessible(page: &Browser, what: &str) {
    for script in [NAMELESS, FAINT] {
        let found = page.run(script).await;
        assert_eq!(found, json!([]), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_is_named_and_readable() {
    story(async |page, sandbox| {
        swept(page).await;
        is_accessible(page, "the channel").await;
        page.input("#messages [data-action-id=choose]").await;
        page.see(".modal button.submit").await;
        is_accessible(page, "a dialog").await;
        page.input(".modal button.close-all").await;
        page.see_no(".modal").await;
        suspend(page).await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.input("#tab-audit").await;
        is_accessible(page, "a finished card and the audit").await;
        page.input("#place-home").await;
        is_accessible(page, "Home").await;
        page.input("#place-messages").await;
        is_accessible(page, "Messages").await;
        let account = sandbox.world.okta.person(super::ADA).id;
        page.go(&format!("/admin/user/profile/view/{account}")).await;
        page.see("#account h2").await;
        is_accessible(page, "the admin console").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_window_shows_everything() {
    story(async |page, sandbox| {
        swept(page).await;
        let long = "A message with a word that is long: ".to_owned() + &"x".repeat(200);
        let direct = sandbox.world.slack.direct_channel(U_VIEWER);
        call(sandbox, "chat.postMessage", json!({ "channel": direct, "text": long })).await;
        for width in [1100, 760, 480] {
            page.fit(width, 900).await;
            for place in ["#place-home", "#place-messages", "#place-channel"] {
                page.input(place).await;
                page.holds("document.documentElement.scrollWidth <= innerWidth").await;
            }
            page.see_words("#messages", "Suspend 12 accounts?").await;
        }
        page.input("#messages [data-action-id=choose]").await;
        page.see(".modal button.submit").await;
        page.holds("document.querySelector('.modal').getBoundingClientRect().right <= innerWidth").await;
        page.open(U_APPROVER).await;
    })
    .await;
}
