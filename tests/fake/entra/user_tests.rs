//! Users: filters, projections, pages, sign-in dates, and the ways in which a listing can go wrong without an error.

use chrono::Duration;
use reqwest::Method;
use serde_json::{Value, json};

use super::schema_tests::{ADA, Tenant, check, tenant};
use crate::fake::entra::{FakeEntra, Fault, Licence, Person};

const CONTRACTORS: (&str, &str) = ("$filter", "employeeType eq 'Contractor'");
const UPN: (&str, &str) = ("$select", "id,userPrincipalName");
const DATES: (&str, &str) = ("$select", "id,signInActivity");

async fn found(tenant: &Tenant, filter: &str) -> Vec<String> {
    let answer = tenant.advanced("/users", &[("$filter", filter), UPN]).await;
    assert_eq!(answer.status, 200, "{filter}: {}", answer.body);
    answer
        .all("userPrincipalName")
        .into_iter()
        .map(|name| name.split('@').next().unwrap_or(name).to_owned())
        .collect()
}

#[tokio::test]
async fn filters_mean_what_odata_says() {
    let tenant = tenant().await;
    tenant.add(Person::contractor("a@ext.example").company("O'Hara & Sons").extension(7, "ext"));
    tenant.add(Person::employee("b@corp.example").disabled().synced("corp.example"));
    tenant.add(Person::guest("c@vendor.example").pending_days_ago(90));
    tenant.add(Person::new("d@ext.example", "Vendor").attribute("department", "IT").created_days_ago(10));
    let week_ago =
        (tenant.now() - Duration::days(20)).format("createdDateTime ge %Y-%m-%dT%H:%M:%SZ").to_string();
    let guest = "c_vendor.example#EXT#";
    for (filter, names) in [
        ("employeeType eq 'contractor'", vec!["a"]),
        ("employeeType in ('Contractor','Vendor')", vec!["a", "d"]),
        ("employeeType ne 'Contractor'", vec!["b", guest, "d"]),
        ("startsWith(employeeType,'Ven')", vec!["d"]),
        ("userType eq 'Guest' and externalUserState eq 'PendingAcceptance'", vec![guest]),
        ("accountEnabled eq false or employeeType eq 'Vendor'", vec!["b", "d"]),
        ("accountEnabled eq true and (employeeType eq 'Vendor' or employeeType eq 'Employee')", vec!["d"]),
        ("not(userType eq 'Guest') and not startswith(displayName,'a')", vec!["b", "d"]),
        ("companyName eq 'O''Hara & Sons'", vec!["a"]),
        ("onPremisesExtensionAttributes/extensionAttribute7 eq 'ext'", vec!["a"]),
        (
            "onPremisesExtensionAttributes/extensionAttribute7 eq null and userType ne null",
            vec!["b", guest, "d"],
        ),
        ("onPremisesSyncEnabled eq true", vec!["b"]),
        ("proxyAddresses/any(p:p eq 'smtp:a@ext.example')", vec!["a"]),
        ("otherMails/any(o:startsWith(o,'c@'))", vec![guest]),
        ("userPrincipalName eq 'd@ext.example' or mail eq 'd@ext.example'", vec!["d"]),
        (&week_ago, vec!["d"]),
        ("department eq 'none'", vec![]),
    ] {
        assert_eq!(found(&tenant, filter).await, names, "{filter}");
    }
    tenant.configure(|settings| settings.case_sensitive = true);
    assert_eq!(found(&tenant, "employeeType eq 'contractor'").await, [""; 0]);
    tenant.accept_invitation("c@vendor.example");
    assert_eq!(found(&tenant, "externalUserState eq 'Accepted'").await, [guest]);
}

#[tokio::test]
async fn what_is_no_filter_is_refused() {
    let tenant = tenant().await;
    for (filter, code) in [
        ("employeeType eq Contractor", "BadRequest"),
        ("employeeType eq 'Contractor", "BadRequest"),
        ("employeeType eq 'a' and", "BadRequest"),
        ("(employeeType eq 'a'", "BadRequest"),
        ("employeetype eq 'a'", "BadRequest"),
        ("accountEnabled eq 'true'", "BadRequest"),
        ("createdDateTime ge '2026-01-01T00:00:00Z'", "BadRequest"),
        ("contains(displayName,'a')", "BadRequest"),
        ("employeeType like 'a'", "BadRequest"),
        ("signInActivity/lastSignInDateTime le 2026-01-01T00:00:00Z", "Request_UnsupportedQuery"),
        ("isManagementRestricted eq true", "Request_UnsupportedQuery"),
        ("endsWith(employeeType,'a')", "Request_UnsupportedQuery"),
        ("proxyAddresses/any(p:q eq 'a')", "BadRequest"),
    ] {
        let answer = tenant.advanced("/users", &[("$filter", filter)]).await;
        assert_eq!(answer.refusal(), (400, code), "{filter}");
    }
    let nested = format!("{}accountEnabled eq true{}", "(".repeat(30), ")".repeat(30));
    assert_eq!(tenant.advanced("/users", &[("$filter", &nested)]).await.status, 400);
}

#[tokio::test]
async fn advanced_queries_fail_with_or_without_an_error_without_their_parameters() {
    let tenant = tenant().await;
    tenant.add(Person::contractor(ADA));
    for filter in ["employeeType eq 'Contractor'", "userType ne 'Guest'", "not(accountEnabled eq true)"] {
        let bare = tenant.get("/users", &[("$filter", filter)]).await;
        assert_eq!(bare.refusal(), (400, "Request_UnsupportedQuery"), "{filter}");
        let counted = tenant.get("/users", &[("$filter", filter), ("$count", "true")]).await;
        assert_eq!(counted.refusal(), (400, "Request_UnsupportedQuery"), "{filter}");
        let request = tenant.request(Method::GET, "/users").query(&[("$filter", filter)]);
        let with_header = check(request.header("ConsistencyLevel", "eventual")).await;
        assert_eq!(with_header.refusal(), (400, "Request_UnsupportedQuery"), "{filter}");
    }
    let silent = tenant.get("/users", &[("$filter", "accountEnabled eq true"), ("$count", "true")]).await;
    assert!(silent.status == 200 && silent.body.get("@odata.count").is_none());
    let counted = tenant.advanced("/users", &[CONTRACTORS]).await;
    assert_eq!(counted.body["@odata.count"], json!(1));
    tenant.configure(|settings| settings.lost_count = true);
    assert!(tenant.advanced("/users", &[CONTRACTORS]).await.body.get("@odata.count").is_none());
    assert_eq!(tenant.advanced("/users", &[CONTRACTORS, DATES]).await.status, 200);
    tenant.configure(|settings| settings.sign_ins_refuse_advanced = true);
    let both = tenant.advanced("/users", &[CONTRACTORS, DATES]).await;
    assert_eq!(both.refusal(), (400, "Request_UnsupportedQuery"));
    assert_eq!(tenant.get("/users", &[DATES]).await.status, 200);
    let request = tenant.request(Method::GET, "/users").header("ConsistencyLevel", "session");
    assert_eq!(check(request).await.status, 400);
}

#[tokio::test]
async fn counts_come_as_text() {
    let tenant = tenant().await;
    tenant.add(Person::contractor(ADA));
    tenant.add(Person::employee("b@corp.example"));
    assert_eq!(tenant.get("/users/$count", &[]).await.refusal(), (400, "Request_BadRequest"));
    let request = tenant.request(Method::GET, "/users/$count").query(&[CONTRACTORS]);
    assert_eq!(check(request.header("ConsistencyLevel", "eventual")).await.body, json!("1"));
}

#[tokio::test]
async fn only_what_is_selected_comes_and_the_context_names_it() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA).never_signed_in());
    let path = format!("/users/{id}");
    let default = tenant.get(&path, &[]).await.body;
    assert!(default["displayName"] == "ada Example" && default.get("employeeType").is_none());
    let one = tenant
        .get(&path, &[("$select", "id,employeeType,companyName,proxyAddresses,signInActivity")])
        .await
        .body;
    let context = one["@odata.context"].as_str().expect("a context");
    assert!(context.ends_with("#users(id,employeeType,companyName,proxyAddresses,signInActivity)/$entity"));
    assert_eq!((&one["companyName"], one.get("signInActivity")), (&Value::Null, None));
    let list = tenant.get("/users", &[DATES]).await.body;
    assert!(
        list["@odata.context"].as_str().is_some_and(|context| context.ends_with("#users(id,signInActivity)"))
    );
    assert!(list["value"][0].get("signInActivity").is_none());
    tenant.configure(|settings| settings.lost_projection.extend(["signInActivity".to_owned()]));
    let without = tenant.get("/users", &[DATES]).await.body;
    assert!(without["@odata.context"].as_str().is_some_and(|context| context.ends_with("#users(id)")));
    for (select, status) in [("id,nosuch", 400), ("id,aboutMe", 501)] {
        assert_eq!(tenant.get("/users", &[("$select", select)]).await.status, status);
    }
}

#[tokio::test]
async fn sign_in_dates_take_a_permission_and_a_licence() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA).last_login_days_ago(41));
    let one = format!("/users/{id}");
    tenant.configure(|settings| settings.licence = Licence::Free);
    for path in ["/users", &one] {
        let refused = tenant.get(path, &[DATES]).await;
        assert_eq!(refused.refusal(), (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"));
    }
    tenant.configure(|settings| settings.silent_licence = true);
    assert!(tenant.get(&one, &[DATES]).await.body.get("signInActivity").is_none());
    tenant.configure(|settings| settings.licence = Licence::P1);
    tenant.withdraw(FakeEntra::CLIENT_ID, "AuditLog.Read.All");
    tenant.sign_in_app().await;
    let refused = tenant.get("/users", &[DATES]).await;
    assert_eq!(refused.refusal(), (403, "Authentication_MSGraphPermissionMissing"));
    assert!(refused.message().contains("AuditLog.Read.All"));
    assert_eq!(tenant.get("/users", &[UPN]).await.status, 200);
}

#[tokio::test]
async fn the_three_dates_are_apart_and_late() {
    let tenant = tenant().await;
    let person =
        Person::contractor(ADA).last_login_days_ago(90).attempt_days_ago(3).non_interactive_days_ago(40);
    let path = format!("/users/{}", tenant.add(person));
    let day = |days: i64| (tenant.now() - Duration::days(days)).format("%Y-%m-%d").to_string();
    let dates = async || {
        let activity = tenant.get(&path, &[DATES]).await.body["signInActivity"].clone();
        ["lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime"]
            .map(|name| activity[name].as_str().map(|date| date[..10].to_owned()))
    };
    assert_eq!(dates().await, [Some(day(3)), Some(day(40)), Some(day(40))]);
    tenant.configure(|settings| settings.activity_lag = Duration::hours(24));
    assert!(tenant.sign_in(ADA));
    assert_eq!(dates().await[0], Some(day(3)), "not there yet");
    tenant.clock.advance(Duration::hours(25));
    tenant.sign_in_app().await;
    assert_eq!(dates().await[0], Some(day(1)));
    tenant.configure(|settings| settings.replicas_disagree = true);
    let (first, second) = (dates().await, dates().await);
    assert_ne!(first[0], second[0]);
    let by_name = tenant.get(&format!("/users/{ADA}"), &[DATES]).await;
    assert_eq!(by_name.refusal(), (400, "Request_BadRequest"));
}

#[tokio::test]
async fn a_listing_is_walked_by_its_links_through_empty_pages() {
    let tenant = tenant().await;
    for number in 0..7 {
        tenant.add(Person::contractor(&format!("c{number}@ext.example")));
        tenant.add(Person::employee(&format!("e{number}@corp.example")));
    }
    let query = [CONTRACTORS, ("$top", "3"), UPN];
    let (people, pages) = tenant.walk(&query).await;
    assert_eq!((people.len(), pages), (7, 3));
    tenant.configure(|settings| settings.empty_pages = true);
    let (people, pages) = tenant.walk(&query).await;
    assert_eq!((people.len(), pages), (7, 5));
    tenant.configure(|settings| (settings.empty_pages, settings.page_cap) = (false, 2));
    assert_eq!(tenant.walk(&query).await.1, 4);
    let first = tenant.advanced("/users", &query).await.body;
    assert_eq!(first["@odata.count"], json!(7));
    let next = first["@odata.nextLink"].as_str().expect("a second page");
    let second = check(tenant.request(Method::GET, next).header("ConsistencyLevel", "eventual")).await;
    assert!(second.body.get("@odata.count").is_none());
}

#[tokio::test]
async fn links_expire_and_want_the_header_again() {
    let tenant = tenant().await;
    for number in 0..3 {
        tenant.add(Person::contractor(&format!("c{number}@ext.example")));
    }
    let query = [CONTRACTORS, ("$top", "1"), UPN];
    let link = async || {
        let first = tenant.advanced("/users", &query).await.body;
        first["@odata.nextLink"].as_str().expect("a second page").to_owned()
    };
    let get = |url: &str| tenant.request(Method::GET, url);
    let next = link().await;
    assert_eq!(check(get(&next)).await.refusal(), (400, "Directory_ExpiredPageToken"));
    let other = next.replace("%24top=1", "%24top=2");
    assert_ne!(other, next);
    assert_eq!(check(get(&other).header("ConsistencyLevel", "eventual")).await.status, 400);
    assert_eq!(check(get(&next).header("ConsistencyLevel", "eventual")).await.status, 200);
    tenant.expire_pages();
    let expired = check(get(&next).header("ConsistencyLevel", "eventual")).await;
    assert_eq!(expired.refusal(), (400, "Directory_ExpiredPageToken"));
    tenant.configure(|settings| settings.page_life = Duration::minutes(5));
    let next = link().await;
    tenant.clock.advance(Duration::minutes(6));
    let expired = check(get(&next).header("ConsistencyLevel", "eventual")).await;
    assert_eq!(expired.refusal(), (400, "Directory_ExpiredPageToken"));
}

#[tokio::test]
async fn a_page_with_sign_in_dates_is_smaller() {
    let tenant = tenant().await;
    for number in 0..6 {
        tenant.add(Person::contractor(&format!("c{number}@ext.example")));
    }
    tenant.configure(|settings| settings.sign_in_page = 4);
    let size = async |query: &[(&str, &str)]| {
        tenant.get("/users", query).await.body["value"].as_array().map(Vec::len)
    };
    assert_eq!(size(&[DATES, ("$top", "999")]).await, Some(4));
    assert_eq!(size(&[UPN, ("$top", "999")]).await, Some(6));
    tenant.configure(|settings| settings.refuse_large_sign_in_pages = true);
    assert_eq!(tenant.get("/users", &[DATES, ("$top", "999")]).await.status, 400);
    for top in ["0", "1000", "many"] {
        assert_eq!(tenant.get("/users", &[("$top", top)]).await.status, 400);
    }
}

#[tokio::test]
async fn what_nobody_serves_is_refused() {
    let tenant = tenant().await;
    let id = tenant.add(Person::contractor(ADA));
    for query in [
        ("$skip", "1"),
        ("$search", "\"a\""),
        ("$orderby", "displayName"),
        ("$expand", "manager"),
        ("limit", "5"),
    ] {
        assert_eq!(tenant.get("/users", &[query]).await.status, 400, "{query:?}");
    }
    let twice = [("$top", "5"), ("$top", "6")];
    assert_eq!(tenant.get("/users", &twice).await.status, 400);
    assert_eq!(tenant.get("/me", &[]).await.refusal(), (400, "BadRequest"));
    let beta = tenant.request(Method::GET, &format!("{}/beta/users", tenant.url()));
    assert_eq!(check(beta).await.status, 400);
    let deleted = tenant.request(Method::DELETE, &format!("/users/{id}")).header("content-length", "0");
    assert_eq!(check(deleted).await.status, 405);
    let misnamed = tenant.request(Method::GET, "/users").header("client-request-id", "call-1");
    assert_eq!(check(misnamed).await.status, 400);
    let gone = tenant.get("/users/00000000-0000-4000-8000-000000000000", &[]).await;
    assert_eq!(gone.refusal(), (404, "Request_ResourceNotFound"));
}

#[tokio::test]
async fn guests_agents_managers_and_sponsors_are_as_graph_has_them() {
    let tenant = tenant().await;
    let boss = tenant.add(Person::employee("boss@corp.example"));
    let ada = tenant.add(Person::contractor(ADA).manager("boss@corp.example"));
    let guest = tenant.add(Person::guest("g@vendor.example").sponsor("boss@corp.example"));
    tenant.add(Person::new("bot@corp.example", "Agent").agent());
    let people = tenant.get("/users", &[UPN]).await;
    assert_eq!(people.all("@odata.type"), ["", "", "", "#microsoft.graph.agentUser"]);
    let name = "g_vendor.example%23EXT%23@corp.onmicrosoft.example";
    assert_eq!(tenant.get(&format!("/users/{name}"), &[UPN]).await.body["id"], json!(guest));
    let select = ("$select", "id,displayName,mail,userPrincipalName");
    let manager = tenant.get(&format!("/users/{ada}/manager"), &[select]).await.body;
    assert_eq!((&manager["id"], &manager["@odata.type"]), (&json!(boss), &json!("#microsoft.graph.user")));
    let none = tenant.get(&format!("/users/{guest}/manager"), &[select]).await;
    assert_eq!(none.refusal(), (404, "Request_ResourceNotFound"));
    assert_eq!(tenant.get(&format!("/users/{guest}/sponsors"), &[select]).await.all("id"), [boss]);
    let dates = tenant.get(&format!("/users/{ada}/manager"), &[DATES]).await;
    assert_eq!(dates.refusal(), (400, "Request_UnsupportedQuery"));
    tenant.set_manager(ADA, None);
    assert_eq!(tenant.get(&format!("/users/{ada}/manager"), &[select]).await.status, 404);
}

#[tokio::test]
async fn a_page_can_come_again_lose_its_link_or_lag() {
    let tenant = tenant().await;
    for login in [ADA, "b@ext.example"] {
        tenant.add(Person::contractor(login).last_login_days_ago(41));
    }
    let query = [CONTRACTORS, ("$top", "1"), UPN];
    let first = tenant.advanced("/users", &query).await.body;
    let next = first["@odata.nextLink"].as_str().expect("a second page");
    let follow =
        async || check(tenant.request(Method::GET, next).header("ConsistencyLevel", "eventual")).await;
    tenant.fail_next("GET $skiptoken=", Fault::FirstPageAgain);
    assert_eq!(follow().await.all("userPrincipalName"), [ADA]);
    assert_eq!(follow().await.all("userPrincipalName"), ["b@ext.example"]);
    tenant.fail_next("GET", Fault::NoLinks);
    assert!(tenant.advanced("/users", &query).await.body.get("@odata.nextLink").is_none());
    tenant.configure(|settings| settings.link_base = Some("https://graph.other.example".to_owned()));
    let elsewhere = tenant.advanced("/users", &query).await.body["@odata.nextLink"].clone();
    assert!(
        elsewhere.as_str().is_some_and(|link| link.starts_with("https://graph.other.example/v1.0/users?"))
    );
    tenant.configure(|settings| settings.link_base = None);
    tenant.freeze_index();
    tenant.delete("b@ext.example");
    assert_eq!(tenant.walk(&query).await.0.len(), 2);
    tenant.thaw_index();
    assert_eq!(tenant.walk(&query).await.0.len(), 1);
    tenant.raw_user(ADA, |user| user["signInActivity"] = json!({}));
    assert_eq!(
        tenant.get(&format!("/users/{}", tenant.person(ADA).id), &[DATES]).await.body["signInActivity"],
        json!({})
    );
}
