//! Both logs: what is in them, when, for how long, and who may read them.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use reqwest::Method;
use serde_json::{Value, json};

use super::schema_tests::{ADA, Answer, Tenant, check, tenant};
use crate::fake::entra::{AuditStyle, FakeEntra, Licence, Person};

const SIGN_INS: &str = "/auditLogs/signIns";
const AUDITS: &str = "/auditLogs/directoryAudits";

fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

async fn sign_ins(tenant: &Tenant, id: &str, days: i64) -> Answer {
    let since = stamp(tenant.now() - Duration::days(days));
    let filter = format!("userId eq '{id}' and createdDateTime ge {since} and status/errorCode eq 0");
    tenant.get(SIGN_INS, &[("$filter", &filter), ("$top", "1")]).await
}

async fn audits(tenant: &Tenant, id: &str, days: i64) -> Vec<Value> {
    let since = stamp(tenant.now() - Duration::days(days));
    let filter = format!("targetResources/any(t:t/id eq '{id}') and activityDateTime ge {since}");
    let answer = tenant.get(AUDITS, &[("$filter", &filter), ("$orderby", "activityDateTime desc")]).await;
    answer.body["value"].as_array().unwrap_or_else(|| panic!("{}", answer.body)).clone()
}

#[tokio::test]
async fn the_sign_in_log_has_interactive_sign_ins_only() {
    let tenant = tenant().await;
    let id = tenant
        .add(Person::contractor(ADA).last_login_days_ago(41).attempt_days_ago(1).non_interactive_days_ago(1));
    assert_eq!(sign_ins(&tenant, &id, 29).await.all("id").len(), 0);
    assert!(tenant.sign_in_by_client(ADA));
    assert_eq!(sign_ins(&tenant, &id, 2).await.all("id").len(), 0);
    assert!(tenant.sign_in(ADA));
    assert_eq!(sign_ins(&tenant, &id, 2).await.all("userPrincipalName"), [ADA]);
    let all = tenant.get(SIGN_INS, &[("$filter", &format!("userId eq '{id}'"))]).await;
    assert_eq!(all.all("id").len(), 2, "the failed one too, and not the one of 41 days ago");
    let guest = tenant.add(Person::guest("g@vendor.example"));
    assert_eq!(sign_ins(&tenant, &guest, 2).await.all("userPrincipalName"), ["g@vendor.example"]);
}

#[tokio::test]
async fn entries_come_late_and_go_with_the_licence() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA).never_signed_in());
    tenant.configure(|settings| settings.log_lag = Duration::minutes(5));
    assert!(tenant.sign_in(ADA));
    assert!(tenant.set_enabled_by_app(ADA, false, "Workday"));
    assert_eq!(
        (sign_ins(&tenant, &id, 2).await.all("id").len(), audits(&tenant, &id, 2).await.len()),
        (0, 0)
    );
    tenant.clock.advance(Duration::minutes(6));
    assert_eq!(
        (sign_ins(&tenant, &id, 2).await.all("id").len(), audits(&tenant, &id, 2).await.len()),
        (1, 1)
    );
    tenant.clock.advance(Duration::days(8));
    tenant.sign_in_app().await;
    assert_eq!(audits(&tenant, &id, 20).await.len(), 1);
    tenant.configure(|settings| settings.licence = Licence::Free);
    assert_eq!(audits(&tenant, &id, 20).await.len(), 0);
    let refused = sign_ins(&tenant, &id, 2).await;
    assert_eq!(refused.refusal(), (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"));
}

#[tokio::test]
async fn the_audit_log_names_who_and_by_which_call() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    let correlation = "11111111-2222-4333-8444-555555555555";
    let patch =
        tenant.request(Method::PATCH, &format!("/users/{id}")).json(&json!({ "accountEnabled": false }));
    assert_eq!(check(patch.header("client-request-id", correlation)).await.status, 204);
    assert_eq!(tenant.patch(&id, false).await.status, 204, "no change, no entry");
    tenant.clock.advance(Duration::minutes(1));
    tenant.add(Person::employee("admin@corp.example"));
    assert!(tenant.set_enabled_by_admin(ADA, true, "admin@corp.example"));
    let entries = audits(&tenant, &id, 1).await;
    assert_eq!((entries.len(), &entries[1]["correlationId"]), (2, &json!(correlation)));
    assert_eq!(entries[1]["initiatedBy"]["app"]["appId"], FakeEntra::CLIENT_ID);
    assert_eq!(entries[1]["activityDisplayName"], "Disable account");
    assert_eq!(entries[0]["initiatedBy"]["user"]["userPrincipalName"], "admin@corp.example");
    let modified = &entries[1]["targetResources"][0]["modifiedProperties"][0];
    assert_eq!((&modified["oldValue"], &modified["newValue"]), (&json!("[true]"), &json!("[false]")));
    let by_call = format!("correlationId eq '{correlation}'");
    let by_app = format!("initiatedBy/app/appId eq '{}'", FakeEntra::CLIENT_ID);
    for filter in [by_call.as_str(), &by_app, "startswith(activityDisplayName,'Disable')"] {
        assert_eq!(tenant.get(AUDITS, &[("$filter", filter)]).await.all("id").len(), 1, "{filter}");
    }
    tenant.configure(|settings| settings.audit_hides_app_id = true);
    let app = audits(&tenant, &id, 1).await[1]["initiatedBy"]["app"].clone();
    assert_eq!(
        (&app["appId"], &app["servicePrincipalId"]),
        (&Value::Null, &json!(tenant.service_principal(FakeEntra::CLIENT_ID)))
    );
}

#[tokio::test]
async fn a_change_leaves_either_entry_or_both() {
    for (style, names) in [
        (AuditStyle::Named, vec!["Disable account"]),
        (AuditStyle::Updated, vec!["Update user"]),
        (AuditStyle::Both, vec!["Update user", "Disable account"]),
    ] {
        let tenant = tenant().await;
        let id = tenant.add(Person::contractor(ADA));
        tenant.configure(|settings| settings.audit_style = style);
        assert_eq!(tenant.patch(&id, false).await.status, 204);
        let entries = audits(&tenant, &id, 1).await;
        let names_found: Vec<_> = entries.iter().map(|entry| entry["activityDisplayName"].as_str()).collect();
        assert_eq!(names_found, names.into_iter().map(Some).collect::<Vec<_>>());
        tenant.hide_changes(ADA);
        assert!(audits(&tenant, &id, 1).await.is_empty());
    }
}

#[tokio::test]
async fn logs_are_paged_and_take_a_permission() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    for enabled in [false, true, false] {
        tenant.clock.advance(Duration::minutes(1));
        assert_eq!(tenant.patch(&id, enabled).await.status, 204);
    }
    let first = tenant.get(AUDITS, &[("$top", "2"), ("$orderby", "activityDateTime")]).await;
    assert_eq!(first.all("activityDisplayName"), ["Disable account", "Enable account"]);
    let next = first.body["@odata.nextLink"].as_str().expect("a second page");
    let second = check(tenant.request(Method::GET, next)).await;
    assert_eq!((second.all("id").len(), second.body.get("@odata.nextLink")), (1, None));
    for query in [("$select", "id"), ("$orderby", "id"), ("$top", "1001"), ("$filter", "riskState eq 'x'")] {
        assert_eq!(tenant.get(AUDITS, &[query]).await.status, 400, "{query:?}");
    }
    let quoted = ("$filter", "activityDateTime ge '2026-01-01T00:00:00Z'");
    assert_eq!(tenant.get(AUDITS, &[quoted]).await.status, 400);
    tenant.configure(|settings| settings.logs_need_directory = true);
    assert_eq!(tenant.get(AUDITS, &[]).await.refusal(), (403, "Authentication_MSGraphPermissionMissing"));
    tenant.grant(FakeEntra::CLIENT_ID, "Directory.Read.All");
    tenant.sign_in_app().await;
    assert_eq!(tenant.get(AUDITS, &[]).await.status, 200);
    tenant.withdraw(FakeEntra::CLIENT_ID, "AuditLog.Read.All");
    tenant.sign_in_app().await;
    for path in [AUDITS, SIGN_INS] {
        assert_eq!(tenant.get(path, &[]).await.refusal(), (403, "Authentication_MSGraphPermissionMissing"));
    }
}
