//! Takes the README's pictures again: `PICTURES=1 cargo test --test page pictures`.

use std::path::Path;

use super::{ADA, status_of, story, swept};
use crate::browser::{Browser, asked_for};

/// High enough for the lower half of a finished card, its thread, and the message that ends it.
const HIGH: (u32, u32) = (1400, 1320);

/// Signs in between the sweep and the approval.
const MEI: &str = "mei.tanaka@ext.example";

#[tokio::test(flavor = "multi_thread")]
async fn pictures() {
    if !asked_for("PICTURES") {
        return;
    }
    story(async |page, sandbox| {
        swept(page).await;
        calm(page).await;
        keep("sandbox.png", &page.picture().await);
        page.press("#messages [data-action-id=choose]").await;
        page.see_words(".modal .choice", "Bjørn Aasen").await;
        page.press(".modal input[value='9']").await;
        assert!(sandbox.world.okta.sign_in(MEI));
        page.press(".modal button.submit").await;
        page.see(&status_of(ADA, "SUSPENDED")).await;
        page.see_words("#messages li.message", "in the thread of").await;
        page.fit(HIGH.0, HIGH.1).await;
        calm(page).await;
        let workspace = page.see("#slack").await;
        keep("finished.png", &workspace.screenshot().await.expect("it can be drawn"));
    })
    .await;
}

/// Waits for what passes by itself, and lets go of what was pressed last.
async fn calm(page: &Browser) {
    page.see_no(".toast").await;
    page.run("document.activeElement.blur()").await;
    page.run("document.querySelector('#messages').scrollTop = 1e6").await;
}

fn keep(name: &str, picture: &[u8]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox").join(name);
    std::fs::write(path, picture).expect("the repository can be written");
}
