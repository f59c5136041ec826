//! Messages: where they stand, and the clock that a card starts.

use inactive_contractors::store::MessageRow;

use crate::harness::{Bench, CHANNEL, actions, asked, at, card};

#[tokio::test]
async fn a_card_that_stands_starts_the_clock_once() {
    let bench = Bench::new();
    let store = bench.open();
    let request = asked(&store, 0, &["kim"]).await;
    let tried = MessageRow {
        tried_at: Some(at(1)),
        retry_at: Some(at(5)),
        rendered: Some("what could not be posted".to_owned()),
        attempts: 2,
        page: 1,
        ..MessageRow::new(format!("card:{request}"), CHANNEL.to_owned())
    };
    store.save_message(&tried).await.unwrap();
    let after = store.card_stands(card(request), at(2)).await.unwrap().unwrap();
    assert_eq!((after.deadline, after.version), (Some(at(62)), 1));
    assert_eq!(store.card_stands(card(request), at(30)).await.unwrap(), None);

    let message = store.message(&card(request).key).await.unwrap().unwrap();
    assert_eq!((message.channel.as_str(), message.ts.as_ref()), (CHANNEL, Some(&card(request).ts)));
    assert_eq!((message.tried_at, message.retry_at, message.attempts, message.page), (None, None, 0, 1));
    assert_eq!(message.rendered.as_deref(), Some("v0"));
    assert_eq!(actions(&store).await.last().unwrap(), "card_posted");
}

#[tokio::test]
async fn a_message_reads_back_as_it_was_saved() {
    let bench = Bench::new();
    let store = bench.open();
    assert_eq!(store.message("summary:1").await.unwrap(), None);
    let mut message = MessageRow::new("summary:1".to_owned(), CHANNEL.to_owned());
    for change in [Some("1.2"), Some("1.3"), None] {
        message.thread = change.map(str::to_owned);
        message.ts = change.map(str::to_owned);
        message.retry_at = change.map(|_| at(5));
        message.render_again_at = change.map(|_| at(6));
        message.attempts += 1;
        store.save_message(&message).await.unwrap();
        assert_eq!(store.message("summary:1").await.unwrap().as_ref(), Some(&message));
    }
}

#[tokio::test]
async fn a_request_moves_to_another_channel_only_while_there_is_something_to_tell() {
    let bench = Bench::new();
    let store = bench.open();
    let request = asked(&store, 0, &["kim"]).await;
    let as_it_is = || async { store.request_alone(request).await.unwrap().unwrap() };
    let before = as_it_is().await;
    assert!(store.move_request(request, "C0NEW".to_owned()).await.unwrap());
    let moved = as_it_is().await;
    assert_eq!((moved.channel.as_str(), moved.version), ("C0NEW", before.version + 1));
    assert!(store.request_told(request, moved.version).await.unwrap());
    assert!(!store.move_request(request, "C0NEWER".to_owned()).await.unwrap());
    assert_eq!(as_it_is().await, moved);
}
