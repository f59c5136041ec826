//! Groups and roles: who is in what, who holds what, and what a caller may not see.

use serde_json::{Value, json};

use super::schema_tests::{ADA, check, tenant};
use crate::fake::entra::{FakeEntra, Licence, Person, Role};

#[tokio::test]
async fn members_are_direct_or_through_groups() {
    let tenant = tenant().await;
    let (outer, inner) = (tenant.add_group("Keep"), tenant.add_group("Keep, too"));
    tenant.nest_group(&inner, &outer);
    let ada = tenant.add(Person::contractor(ADA).in_group(&inner));
    let bob = tenant.add(Person::contractor("bob@ext.example").in_group(&outer));
    let select = [("$select", "id,userPrincipalName")];
    let direct = tenant.get(&format!("/groups/{outer}/members"), &select).await;
    assert_eq!(direct.all("id"), [&inner, &bob]);
    assert_eq!(direct.all("@odata.type"), ["#microsoft.graph.group", "#microsoft.graph.user"]);
    let path = format!("/groups/{outer}/transitiveMembers");
    assert_eq!(tenant.get(&path, &[]).await.all("id"), [&inner, &ada, &bob]);
    let cast = format!("{path}/microsoft.graph.user");
    assert_eq!(tenant.get(&cast, &select).await.refusal(), (400, "Request_UnsupportedQuery"));
    let people = tenant.advanced(&cast, &[select[0], ("$top", "1")]).await;
    assert_eq!((people.all("id"), &people.body["@odata.count"]), (vec![ada.as_str()], &json!(2)));
    let next = people.body["@odata.nextLink"].as_str().expect("a second page").to_owned();
    let request = tenant.request(reqwest::Method::GET, &next).header("ConsistencyLevel", "eventual");
    assert_eq!(check(request).await.all("id"), [&bob]);
    tenant.delete_group(&inner);
    let gone = tenant.get(&format!("/groups/{inner}/transitiveMembers"), &[]).await;
    assert_eq!(gone.refusal(), (404, "Request_ResourceNotFound"));
    assert_eq!(tenant.get(&format!("/groups/{outer}"), &[]).await.body["displayName"], "Keep");
}

#[tokio::test]
async fn hidden_members_look_like_none() {
    let tenant = tenant().await;
    let group = tenant.add_hidden_group("Secret");
    tenant.add(Person::contractor(ADA).in_group(&group));
    let path = format!("/groups/{group}/transitiveMembers");
    let count = async || tenant.get(&path, &[]).await.all("id").len();
    assert_eq!(count().await, 0);
    tenant.grant(FakeEntra::CLIENT_ID, "Member.Read.Hidden");
    tenant.sign_in_app().await;
    assert_eq!(count().await, 1);
}

#[tokio::test]
async fn of_what_a_caller_may_not_read_comes_the_id_only() {
    let tenant = tenant().await;
    let group = tenant.add_group("Keep");
    let ada = tenant.add(Person::contractor(ADA).in_group(&group));
    tenant.withdraw(FakeEntra::CLIENT_ID, "User.Read.All");
    tenant.sign_in_app().await;
    let member = tenant.get(&format!("/groups/{group}/members"), &[]).await.body["value"][0].clone();
    assert_eq!((&member["id"], &member["displayName"]), (&json!(ada), &Value::Null));
}

#[tokio::test]
async fn role_assignable_groups_are_found_with_their_owners() {
    let tenant = tenant().await;
    tenant.add_group("Keep");
    let admins = tenant.add_role_assignable_group("Admins");
    let ada = tenant.add(Person::contractor(ADA));
    tenant.set_owner(ADA, &admins);
    let query = [("$filter", "isAssignableToRole eq true"), ("$select", "id")];
    assert_eq!(tenant.get("/groups", &query).await.all("id"), [&admins]);
    assert_eq!(tenant.get(&format!("/groups/{admins}/owners"), &[("$select", "id")]).await.all("id"), [&ada]);
}

#[tokio::test]
async fn a_user_is_in_groups_and_roles() {
    let tenant = tenant().await;
    let (outer, inner) = (tenant.add_group("Outer"), tenant.add_group("Inner"));
    let admins = tenant.add_role_assignable_group("Admins");
    tenant.nest_group(&inner, &outer);
    tenant.set_group_role(&admins, Role::UserAdministrator);
    let ada = tenant.add(Person::contractor(ADA).in_group(&inner));
    let path = format!("/users/{ada}/transitiveMemberOf");
    let select = [("$select", "id")];
    assert_eq!(tenant.get(&path, &select).await.all("id"), [&outer, &inner]);
    assert_eq!(tenant.get(&format!("/users/{ada}/memberOf"), &select).await.all("id"), [&inner]);
    tenant.set_scoped_role(ADA, Role::HelpdeskAdministrator, "/administrativeUnits/1");
    assert_eq!(tenant.get(&path, &select).await.all("id").len(), 2, "a role for a unit is no membership");
    tenant.set_group(ADA, &admins);
    let all = tenant.get(&path, &select).await;
    assert!(all.all("@odata.type").contains(&"#microsoft.graph.directoryRole"), "{}", all.body);
    let roles = tenant.advanced(&format!("{path}/microsoft.graph.directoryRole"), &[]).await;
    assert_eq!(roles.all("displayName"), ["User Administrator"]);
    let other = "00000000-0000-4000-8000-000000000000";
    let asked = json!({ "groupIds": [outer, other] });
    let check = format!("/users/{ada}/checkMemberGroups");
    assert_eq!(tenant.post(&check, &asked).await.body["value"], json!([outer]));
    for wrong in
        [json!({ "groupIds": vec![other; 21] }), json!({ "groupIds": [] }), json!({ "groupIds": ["x"] })]
    {
        assert_eq!(tenant.post(&check, &wrong).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn assignments_name_people_groups_and_apps() {
    let tenant = tenant().await;
    let admins = tenant.add_role_assignable_group("Admins");
    tenant.set_group_role(&admins, Role::GlobalAdministrator);
    let ada = tenant.add(Person::contractor(ADA).role(Role::UserAdministrator));
    tenant.give_role_to_app(FakeEntra::CLIENT_ID, Role::DirectoryReaders);
    let path = "/roleManagement/directory/roleAssignments";
    let plain = tenant.get(path, &[("$top", "2")]).await;
    assert_eq!(plain.all("principalId"), [&admins, &ada]);
    assert!(plain.body["@odata.nextLink"].is_string() && plain.body["value"][0].get("principal").is_none());
    let all = tenant.get(path, &[("$expand", "principal")]).await;
    let kinds: Vec<_> = all.body["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["principal"]["@odata.type"])
        .collect();
    assert_eq!(
        kinds,
        ["#microsoft.graph.group", "#microsoft.graph.user", "#microsoft.graph.servicePrincipal"]
    );
    let own = format!("principalId eq '{}'", tenant.service_principal(FakeEntra::CLIENT_ID));
    assert_eq!(tenant.get(path, &[("$filter", &own)]).await.all("id").len(), 1);
    assert_eq!(tenant.get(path, &[("$expand", "roleDefinition")]).await.status, 400);
    tenant.withdraw(FakeEntra::CLIENT_ID, "RoleManagement.Read.Directory");
    tenant.sign_in_app().await;
    assert_eq!(tenant.get(path, &[]).await.refusal(), (403, "Authorization_RequestDenied"));
}

#[tokio::test]
async fn eligible_roles_take_a_licence() {
    let tenant = tenant().await;
    let ada = tenant.add(Person::contractor(ADA).eligible_for(Role::GlobalAdministrator));
    tenant.add(Person::contractor("bob@ext.example").eligible_for(Role::UserAdministrator));
    let filter = format!("principalId eq '{ada}'");
    for name in ["roleEligibilityScheduleInstances", "roleEligibilitySchedules"] {
        let path = format!("/roleManagement/directory/{name}");
        tenant.configure(|settings| settings.licence = Licence::P2);
        assert_eq!(tenant.get(&path, &[]).await.all("principalId").len(), 2);
        let select = [("$filter", filter.as_str()), ("$select", "principalId,roleDefinitionId")];
        assert_eq!(
            tenant.get(&path, &select).await.all("roleDefinitionId"),
            [Role::GlobalAdministrator.template()]
        );
        tenant.configure(|settings| settings.licence = Licence::P1);
        assert_eq!(tenant.get(&path, &[]).await.refusal(), (400, "AadPremiumLicenseRequired"));
    }
    tenant.withdraw(FakeEntra::CLIENT_ID, "RoleManagement.Read.Directory");
    tenant.sign_in_app().await;
    let refused = tenant.get("/roleManagement/directory/roleEligibilitySchedules", &[]).await;
    assert_eq!(refused.refusal(), (403, "PermissionScopeNotGranted"));
}

#[tokio::test]
async fn the_tenant_names_its_plans_and_the_app_itself() {
    let tenant = tenant().await;
    let app = tenant.service_principal(FakeEntra::CLIENT_ID);
    assert_eq!(tenant.get("/organization", &[]).await.status, 403);
    for permission in ["Organization.Read.All", "Application.Read.All"] {
        tenant.grant(FakeEntra::CLIENT_ID, permission);
    }
    tenant.sign_in_app().await;
    let plans = async || {
        let answer = tenant.get("/organization", &[("$select", "id,assignedPlans")]).await;
        answer.body["value"][0]["assignedPlans"].as_array().map(Vec::len)
    };
    assert_eq!(plans().await, Some(2));
    tenant.configure(|settings| settings.licence = Licence::Free);
    assert_eq!(plans().await, Some(0));
    let own = tenant.get(&format!("/servicePrincipals/{app}"), &[]).await.body;
    assert_eq!(own["appId"], FakeEntra::CLIENT_ID);
}
