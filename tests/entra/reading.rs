//! What is read of one account, and how one is found.

use inactive_contractors::domain::account::{AccountId, AccountStatus, NotSuspendable};
use inactive_contractors::domain::policy::{ExemptAttribute, Rule};
use inactive_contractors::identity::{Directory, IdentityError};

use crate::fake::entra::{Fault, Person};
use crate::world::{rule, world};

const LOGIN: &str = "ada@corp.example";

#[tokio::test]
async fn an_account_is_read_by_its_id_alone() {
    let world = world().await;
    let id = world.add_person(Person::contractor(LOGIN).name("Ada", "Okafor").company("Vendor"));
    let account = world.entra.read(&id).await.unwrap();
    assert_eq!((account.id, account.login.as_str(), account.name.as_str()), (id, LOGIN, "Ada Okafor"));
    assert_eq!(account.organization.as_deref(), Some("Vendor"));
    world.fake.forget_calls();
    for not_an_id in [LOGIN, "", "../groups", "00u1"] {
        let result = world.entra.read(&AccountId(not_an_id.to_owned())).await;
        assert!(matches!(result, Err(IdentityError::NotFound(_))), "{not_an_id}: {result:?}");
    }
    assert!(world.calls().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_a_renamed_one_is_the_same() {
    let world = world().await;
    let id = world.add(LOGIN);
    world.fake.rename(LOGIN, "ada.new@corp.example");
    assert_eq!(world.entra.read(&id).await.unwrap().login, "ada.new@corp.example");
    world.fake.delete("ada.new@corp.example");
    for result in [
        world.entra.read(&id).await,
        world.entra.confirm(&id, &rule()).await,
        world.entra.look(&id, &rule(), None).await.map(|look| look.account),
    ] {
        assert!(matches!(result, Err(IdentityError::NotFound(_))), "{result:?}");
    }
}

#[tokio::test]
async fn accounts_that_are_not_ours_to_block_say_why() {
    let world = world().await;
    for (person, why) in [
        (Person::contractor("a@x.test").synced("corp.local"), NotSuspendable::Synced),
        (Person::contractor("b@x.test").restricted(), NotSuspendable::Restricted),
        (Person::contractor("c@x.test").agent(), NotSuspendable::Agent),
        (Person::guest("d@vendor.test").pending_days_ago(9), NotSuspendable::NotActivated),
    ] {
        let id = world.add_person(person);
        let status = world.entra.read(&id).await.unwrap().status;
        assert!(matches!(&status, AccountStatus::NotSuspendable { why: is, .. } if *is == why), "{status:?}");
    }
    let synced = world.entra.find("a@x.test", &rule()).await.unwrap().remove(0);
    assert_eq!(synced.source.as_deref(), Some("corp.local"));
}

#[tokio::test]
async fn people_are_found_by_all_that_they_are_called() {
    let world = world().await;
    let id = world.add_person(
        Person::contractor(LOGIN)
            .attribute("mail", "a.okafor@corp.example")
            .attribute(
                "proxyAddresses",
                serde_json::json!(["SMTP:a.okafor@corp.example", "smtp:ao@corp.example"]),
            )
            .attribute("otherMails", serde_json::json!(["ada@home.test"]))
            .attribute("employeeId", "E-4711"),
    );
    for who in
        [LOGIN, "a.okafor@corp.example", "ao@corp.example", "ada@home.test", "E-4711", &id.0.to_uppercase()]
    {
        let found = world.entra.find(&format!(" {who} "), &rule()).await.unwrap();
        assert_eq!(found.iter().map(|account| &account.id).collect::<Vec<_>>(), [&id], "{who}");
    }
    for nobody in ["", "x@y.test", "4711", "o'neil@x.test", &"x".repeat(300)] {
        assert!(world.entra.find(nobody, &rule()).await.unwrap().is_empty(), "{nobody}");
    }
    let nobody = "00000000-0000-4000-8000-000000000000";
    assert!(world.entra.find(nobody, &rule()).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_answers_for_somebody_is_read_where_people_are_proposed() {
    let world = world().await;
    let ada = world.add_person(Person::contractor(LOGIN).manager("boss@corp.example"));
    let eve = world.add_person(Person::guest("eve@vendor.test").sponsor("boss@corp.example"));
    let lone = world.add("lone@corp.example");
    for id in [ada, eve] {
        let account = world.entra.confirm(&id, &rule()).await.unwrap();
        assert_eq!(account.manager.as_deref(), Some("Bea Boss"));
        let found = world.entra.find(account.manager_id.as_deref().unwrap(), &rule()).await.unwrap();
        assert_eq!(found[0].login, "boss@corp.example");
    }
    let alone = world.entra.confirm(&lone, &rule()).await.unwrap();
    assert_eq!((alone.manager, alone.manager_id), (None, None));
    world.fake.fail_next("GET manager", Fault::Status(403, "Authorization_RequestDenied"));
    assert!(world.entra.confirm(&lone, &rule()).await.is_ok(), "nobody needs a manager to be judged");
}

#[tokio::test]
async fn attributes_that_exempt_are_read_with_the_account() {
    let world = world().await;
    let id =
        world.add_person(Person::contractor(LOGIN).attribute("department", "Night").extension(7, "keep"));
    let exempt = |name: &str, value: &str| ExemptAttribute { name: name.into(), value: value.into() };
    let rule = Rule {
        exempt_attributes: vec![exempt("department", "night"), exempt("extensionAttribute7", "Keep")],
        ..rule()
    };
    let account = world.entra.confirm(&id, &rule).await.unwrap();
    assert_eq!((account.attributes["department"].as_str(), account.attributes.len()), ("Night", 2));
    let unknown = Rule { exempt_attributes: vec![exempt("shoeSize", "44")], ..rule.clone() };
    let result = world.entra.confirm(&id, &unknown).await;
    assert!(matches!(result, Err(IdentityError::Refused(_))), "{result:?}");
    world.fake.forget_calls();
    for odd in ["a,b", "department&$top=1", "extension attribute", "signInActivity"] {
        let odd = Rule { exempt_attributes: vec![exempt(odd, "44")], ..rule.clone() };
        assert!(matches!(world.list(&odd).await, Err(IdentityError::Refused(_))));
    }
    assert!(world.calls().is_empty(), "nobody was asked");
}

#[tokio::test]
async fn a_link_leads_to_the_account_in_the_admin_center() {
    let world = world().await;
    let id = world.add(LOGIN);
    let link = world.entra.console_link(&id).unwrap();
    assert!(link.starts_with(world.fake.url()) && link.ends_with(&format!("/userId/{id}")), "{link}");
    assert_eq!(world.entra.console_link(&AccountId("<script>".into())), None);
}
