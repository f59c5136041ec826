//! What the adapter does when Graph fails.

use inactive_contractors::identity::{Directory, IdentityError};

use crate::fake::entra::{Fault, Person};
use crate::world::{rule, world};

const LOGIN: &str = "ada@corp.example";

#[tokio::test]
async fn what_is_no_whole_answer_is_read_again() {
    for fault in [
        Fault::Html(200),
        Fault::CutJson,
        Fault::Garbled,
        Fault::Reset,
        Fault::BrokenBody,
        Fault::DropBefore,
        Fault::Status(503, "UnknownError"),
    ] {
        let world = world().await;
        let id = world.add(LOGIN);
        world.fake.fail_next("GET", fault.clone());
        assert!(world.entra.read(&id).await.is_ok(), "{fault:?}");
        assert_eq!(world.calls().len(), 2, "{fault:?}");
        world.fake.fail_always("GET", fault.clone());
        assert!(matches!(world.entra.read(&id).await, Err(IdentityError::Transient(_))), "{fault:?}");
        assert_eq!(world.calls().len(), 7, "{fault:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_in_itself_is_not_tried_again() {
    for (status, code) in
        [(400, "Request_BadRequest"), (404, "Request_ResourceNotFound"), (501, "NotImplemented")]
    {
        let world = world().await;
        let id = world.add(LOGIN);
        world.fake.fail_always("GET", Fault::Status(status, code));
        let error = world.entra.read(&id).await.unwrap_err();
        assert!(!error.may_pass() && error.to_string().contains(code), "{error}");
        assert_eq!(world.calls().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_answer_about_somebody_else_is_an_error() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.raw_user(LOGIN, |user| user["id"] = "00000000-0000-4000-8000-000000000000".into());
    let result = world.entra.read(&id).await;
    assert!(matches!(result, Err(IdentityError::Malformed(_))), "{result:?}");
}

#[tokio::test]
async fn an_account_without_an_id_fails_the_listing() {
    let world = world().await;
    world.add(LOGIN);
    world.fake.raw_user(LOGIN, |user| user["id"] = serde_json::Value::Null);
    let result = world.list(&rule()).await;
    assert!(matches!(result, Err(IdentityError::Malformed(_))), "{result:?}");
}

#[tokio::test]
async fn no_error_tells_of_the_account_or_of_a_secret() {
    let world = world().await;
    let id = world.add_person(Person::contractor(LOGIN).synced("corp.local"));
    let secret = world.fake.client_secret();
    for (status, code) in
        [(400, "Request_BadRequest"), (403, "Authorization_RequestDenied"), (500, "UnknownError")]
    {
        world.fake.fail_always("GET", Fault::Status(status, code));
        let error = world.entra.read(&id).await.unwrap_err().to_string();
        world.fake.clear_faults();
        for private in [LOGIN, &id.0, &secret, "An error that was asked for", world.fake.url()] {
            assert!(!error.contains(private), "{error}");
        }
    }
    let shown = format!("{:?}", world.entra);
    assert!(!shown.contains(&secret), "{shown}");
}

#[tokio::test]
async fn replicas_that_disagree_make_no_listing_fail() {
    let world = world().await;
    world.add(LOGIN);
    world.fake.configure(|settings| settings.replicas_disagree = true);
    for _ in 0..4 {
        assert_eq!(world.logins(&rule()).await, [LOGIN]);
    }
}
