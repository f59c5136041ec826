//! Changes: the PATCH of `accountEnabled`, the accounts it doesn't reach, what undoes it, and what the ledger says.

use chrono::Duration;
use reqwest::Method;
use serde_json::json;

use super::schema_tests::{ADA, check, client, tenant};
use crate::fake::entra::{FakeEntra, Fault, Initiator, Person, Role};
use crate::fake::gate::Moment;

#[tokio::test]
async fn a_block_takes_effect_once_and_is_in_the_ledger() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    let correlation = "11111111-2222-4333-8444-555555555555";
    let request =
        tenant.request(Method::PATCH, &format!("/users/{id}")).json(&json!({ "accountEnabled": false }));
    let answer = check(request.header("client-request-id", correlation)).await;
    assert_eq!((answer.status, answer.header("client-request-id")), (204, Some(correlation)));
    assert_eq!(tenant.patch(&id, false).await.status, 204);
    assert_eq!((tenant.suspends(ADA), tenant.patch_requests(ADA), tenant.enabled(ADA)), (1, 2, false));
    let change = &tenant.changes_of(ADA)[0];
    assert_eq!((change.enabled, change.correlation_id.as_str()), (false, correlation));
    assert!(matches!(&change.by, Initiator::App { app_id, .. } if app_id == FakeEntra::CLIENT_ID));
    assert!(!tenant.sign_in(ADA));
    assert_eq!(tenant.blocked(), [ADA]);
    assert_eq!(tenant.patch(&id, true).await.status, 204);
    assert_eq!((tenant.restores(ADA), tenant.blocked().len()), (1, 0));
    assert!(tenant.sign_in(ADA));
}

#[tokio::test]
async fn a_patch_changes_nothing_else_and_goes_by_the_id() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    let path = format!("/users/{id}");
    let change = |path: &str| tenant.request(Method::PATCH, path);
    for (body, status) in [
        (json!({ "accountEnabled": false, "jobTitle": "x" }), 403),
        (json!({ "accountEnabled": "false" }), 400),
        (json!({ "accountEnabled": null }), 400),
        (json!({}), 400),
    ] {
        assert_eq!(check(change(&path).json(&body)).await.status, status, "{body}");
    }
    let untyped = change(&path).body("{\"accountEnabled\":false}");
    assert_eq!(check(untyped).await.status, 415);
    let by_name = change(&format!("/users/{ADA}")).json(&json!({ "accountEnabled": false }));
    assert_eq!(check(by_name).await.status, 400);
    let nobody =
        change("/users/00000000-0000-4000-8000-000000000000").json(&json!({ "accountEnabled": false }));
    assert_eq!(check(nobody).await.refusal(), (404, "Request_ResourceNotFound"));
    let bodiless = client().post(format!("{}/v1.0{path}/revokeSignInSessions", tenant.url()));
    assert_eq!(bodiless.send().await.expect("an answer").status().as_u16(), 411);
    assert!(tenant.enabled(ADA) && tenant.suspends(ADA) == 0);
}

#[tokio::test]
async fn permissions_alone_do_not_reach_the_privileged() {
    let tenant = tenant().await;
    let (admins, nested) =
        (tenant.add_role_assignable_group("Admins"), tenant.add_role_assignable_group("Inner"));
    tenant.nest_group(&nested, &admins);
    let unreachable = [
        Person::contractor("role@ext.example").role(Role::HelpdeskAdministrator),
        Person::contractor("member@ext.example").in_group(&admins),
        Person::contractor("nested@ext.example").in_group(&nested),
        Person::contractor("owner@ext.example"),
        Person::contractor("scoped@ext.example"),
    ];
    let ids: Vec<String> = unreachable.into_iter().map(|person| tenant.add(person)).collect();
    tenant.set_owner("owner@ext.example", &admins);
    tenant.set_scoped_role("scoped@ext.example", Role::UserAdministrator, "/administrativeUnits/1");
    for id in &ids {
        let answer = tenant.patch(id, false).await;
        assert_eq!(answer.refusal(), (403, "Authorization_RequestDenied"), "{id}");
    }
    let once_synced = tenant.add(Person::contractor("mover@ext.example").mastered_elsewhere());
    let answer = tenant.patch(&once_synced, false).await;
    assert!(answer.status == 400 && answer.message().contains("originated within an external service"));
    let restricted = tenant.add(Person::contractor("unit@ext.example").restricted());
    let answer = tenant.patch(&restricted, false).await;
    assert!(answer.status == 403 && answer.message().contains("restricted management administrative unit"));
    tenant.configure(|settings| settings.restricted_code = "Directory_ObjectRestricted");
    assert_eq!(tenant.patch(&restricted, false).await.refusal(), (403, "Directory_ObjectRestricted"));
    let eligible = tenant.add(Person::contractor(ADA).eligible_for(Role::GlobalAdministrator));
    assert_eq!(tenant.patch(&eligible, false).await.status, 204, "an eligible role protects nobody");
    assert_eq!(tenant.blocked(), [ADA]);
    tenant.give_role_to_app(FakeEntra::CLIENT_ID, Role::PrivilegedAuthenticationAdministrator);
    assert_eq!(tenant.patch(&ids[0], false).await.status, 204);
    tenant.withdraw(FakeEntra::CLIENT_ID, "User.EnableDisableAccount.All");
    tenant.sign_in_app().await;
    assert_eq!(tenant.patch(&eligible, true).await.refusal(), (403, "Authorization_RequestDenied"));
}

#[tokio::test]
async fn synced_accounts_refuse_or_come_back_with_the_next_sync() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA).synced("corp.example"));
    let answer = tenant.patch(&id, false).await;
    assert!(
        answer.refusal() == (400, "Request_BadRequest") && answer.message().contains("on-premises mastered")
    );
    tenant.configure(|settings| settings.synced_refuse = false);
    assert_eq!(tenant.patch(&id, false).await.status, 204);
    tenant.clock.advance(Duration::minutes(29));
    assert!(!tenant.enabled(ADA));
    tenant.clock.advance(Duration::minutes(2));
    assert!(tenant.enabled(ADA));
    assert_eq!(tenant.changes_of(ADA)[1].by, Initiator::sync());
    tenant.clock.advance(Duration::days(1));
    assert_eq!(tenant.changes_of(ADA).len(), 2);
    assert!(tenant.set_enabled_by_sync(ADA, false));
    assert!(tenant.set_enabled_by_admin(ADA, true, ADA));
    tenant.clock.advance(Duration::days(1));
    assert!(!tenant.enabled(ADA), "the AD has the last word");
}

#[tokio::test]
async fn a_change_shows_after_the_replication() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    tenant.configure(|settings| settings.replication_lag = Duration::seconds(30));
    let shown = async || {
        let user = tenant.get(&format!("/users/{id}"), &[("$select", "id,accountEnabled")]).await;
        user.body["accountEnabled"].as_bool()
    };
    let listed = async || {
        let query = [("$filter", "accountEnabled eq false"), ("$select", "id")];
        tenant.get("/users", &query).await.all("id").len()
    };
    assert_eq!(tenant.patch(&id, false).await.status, 204);
    assert_eq!((shown().await, listed().await, tenant.enabled(ADA)), (Some(true), 0, false));
    tenant.clock.advance(Duration::seconds(31));
    assert_eq!((shown().await, listed().await), (Some(false), 1));
}

#[tokio::test]
async fn sessions_of_members_end_and_those_of_guests_stay() {
    let tenant = tenant().await;
    let member = tenant.add(Person::contractor(ADA));
    let guest = tenant.add(Person::guest("g@vendor.example"));
    for id in [&member, &guest] {
        let request = tenant.request(Method::POST, &format!("/users/{id}/revokeSignInSessions"));
        let answer = check(request.header("content-length", "0")).await;
        assert_eq!((answer.status, &answer.body["value"]), (200, &json!(true)));
    }
    assert_eq!(
        (tenant.sessions_cleared(ADA).len(), tenant.sessions_cleared("g@vendor.example").len()),
        (1, 0)
    );
}

#[tokio::test]
async fn a_lost_answer_took_effect_and_a_refused_call_did_not() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    let patch = |enabled: bool| {
        tenant.request(Method::PATCH, &format!("/users/{id}")).json(&json!({ "accountEnabled": enabled }))
    };
    tenant.fail_next("PATCH", Fault::DropBefore);
    assert!(patch(false).send().await.is_err() && tenant.enabled(ADA));
    tenant.fail_next("PATCH", Fault::Status(409, "Request_Conflict"));
    assert_eq!(check(patch(false)).await.refusal(), (409, "Request_Conflict"));
    assert!(tenant.enabled(ADA));
    tenant.fail_next("PATCH", Fault::LostResponse);
    assert!(patch(false).send().await.is_err() && !tenant.enabled(ADA));
    assert_eq!((tenant.suspends(ADA), tenant.patch_requests(ADA), tenant.waiting_faults()), (1, 3, 0));
    tenant.fail_next("PATCH", Fault::RateLimited { reset_in_s: 17 });
    let limited = check(patch(true)).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("17")));
    tenant.fail_next("PATCH", Fault::Concurrency);
    let limited = check(patch(true)).await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, None));
}

#[tokio::test]
async fn the_gate_holds_a_call_before_or_after_it_takes_effect() {
    for (moment, enabled) in [(Moment::Before, true), (Moment::After, false)] {
        let tenant = tenant().await;
        let id = tenant.add(Person::contractor(ADA));
        tenant.gate.stop_at_label("entra PATCH /v1.0/users/{id}", 1, moment);
        let patch = tenant.request(Method::PATCH, &format!("/users/{id}"));
        let call = tokio::spawn(patch.json(&json!({ "accountEnabled": false })).send());
        tenant.gate.stopped().await;
        assert_eq!((tenant.enabled(ADA), tenant.patch_requests(ADA)), (enabled, 1));
        tenant.gate.release();
        assert_eq!(call.await.expect("the task").expect("an answer").status().as_u16(), 204);
        tenant.entra.until("ada to be blocked", |entra| !entra.enabled(ADA)).await;
    }
}

#[tokio::test]
async fn others_change_accounts_too() {
    let tenant = tenant().await;
    tenant.add(Person::contractor(ADA));
    tenant.add(Person::employee("admin@corp.example").role(Role::UserAdministrator));
    assert!(tenant.set_enabled_by_admin(ADA, false, "admin@corp.example"));
    assert!(!tenant.set_enabled_by_admin(ADA, false, "admin@corp.example"));
    assert!(tenant.set_enabled_by_app(ADA, true, "Workday Provisioning"));
    assert!(tenant.set_enabled_by_own_app(ADA, false));
    let by: Vec<_> = tenant.changes_of(ADA).into_iter().map(|change| change.by).collect();
    assert!(matches!(&by[0], Initiator::User { login, .. } if login == "admin@corp.example"));
    assert!(matches!(&by[1], Initiator::App { name, .. } if name == "Workday Provisioning"));
    assert_eq!(tenant.suspends(ADA), 1);
    tenant.rename(ADA, "ada.married@ext.example");
    assert!(!tenant.person("ada.married@ext.example").enabled);
}
