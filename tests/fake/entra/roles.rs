//! Directory roles: who holds one, who may take one on, and `/roleManagement/directory`
//! (<https://learn.microsoft.com/graph/api/resources/unifiedroleassignment>).

use axum::extract::State;
use serde_json::{Value, json};

use super::Shared;
use super::filter::{Expression, Grammar, Rule};
use super::objects::reference;
use super::pages::Frame;
use super::query::Asked;
use super::settings::Licence;
use super::wire::{GraphError, Reply, timestamp};

/// Some of Entra's built-in roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    GlobalAdministrator,
    UserAdministrator,
    HelpdeskAdministrator,
    PrivilegedAuthenticationAdministrator,
    DirectoryReaders,
    DirectorySynchronizationAccounts,
}

impl Role {
    /// The id of the role's template, which is also the id of its definition: the same in every tenant.
    pub fn template(self) -> &'static str {
        match self {
            Role::GlobalAdministrator => "62e90394-69f5-4237-9190-012177145e10",
            Role::UserAdministrator => "fe930be7-5e62-47db-91af-98c3a49a38b1",
            Role::HelpdeskAdministrator => "729827e3-9c14-49f7-bb1b-9608f156bbb8",
            Role::PrivilegedAuthenticationAdministrator => "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
            Role::DirectoryReaders => "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
            Role::DirectorySynchronizationAccounts => "d29b2b05-8046-44ba-8758-1e26182fcf32",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Role::GlobalAdministrator => "Global Administrator",
            Role::UserAdministrator => "User Administrator",
            Role::HelpdeskAdministrator => "Helpdesk Administrator",
            Role::PrivilegedAuthenticationAdministrator => "Privileged Authentication Administrator",
            Role::DirectoryReaders => "Directory Readers",
            Role::DirectorySynchronizationAccounts => "Directory Synchronization Accounts",
        }
    }

    /// As a directory object: what the role is called in this tenant.
    pub fn object(self) -> Value {
        json!({
            "id": self.template().replacen(&self.template()[..8], "0a0b0c0d", 1),
            "displayName": self.name(),
            "description": self.name(),
            "deletedDateTime": null,
            "roleTemplateId": self.template(),
        })
    }
}

/// That somebody holds a role, or may take it on.
#[derive(Clone)]
pub struct Assignment {
    pub id: String,
    /// A user, a group or a service principal.
    pub principal: String,
    pub role: Role,
    /// `/`, or an administrative unit.
    pub scope: String,
}

const RULES: &[Rule] =
    &[("principalId", "eq", ""), ("roleDefinitionId", "eq", ""), ("directoryScopeId", "eq", "")];
const ASSIGNMENTS: Grammar = Grammar { resource: "unifiedRoleAssignment", rules: RULES };
const INSTANCES: Grammar = Grammar { resource: "unifiedRoleEligibilityScheduleInstance", rules: RULES };
const SCHEDULES: Grammar = Grammar { resource: "unifiedRoleEligibilitySchedule", rules: RULES };

fn facts(assignment: &Assignment) -> Value {
    json!({
        "id": assignment.id,
        "principalId": assignment.principal,
        "roleDefinitionId": assignment.role.template(),
        "directoryScopeId": assignment.scope,
    })
}

/// Those of them that match, keyed by their place in the list.
fn matching(
    all: &[Assignment],
    filter: Option<&Expression>,
    after: Option<&String>,
) -> Vec<(String, Assignment)> {
    let keyed = all.iter().enumerate().map(|(number, one)| (format!("{number:08}"), one));
    keyed
        .filter(|(key, _)| after.is_none_or(|after| key > after))
        .filter(|(_, one)| filter.is_none_or(|filter| filter.matches(&facts(one), true)))
        .map(|(key, one)| (key, one.clone()))
        .collect()
}

/// `GET /roleManagement/directory/roleAssignments`
pub async fn assignments(State(world): State<Shared>, asked: Asked) -> Reply {
    let query = asked.query(&["$filter", "$expand", "$top", "$skiptoken"])?;
    let filter = query.filter(&ASSIGNMENTS, false)?;
    let expands = match query.get("$expand") {
        None => false,
        Some("principal") => true,
        Some(other) => return Err(GraphError::odata(format!("The fake doesn't expand '{other}'."))),
    };
    let now = world.now();
    let mut state = world.lock();
    let page = state.pages.open(&query, &asked.path, &state.settings, now)?;
    let found = matching(&state.directory.assignments, filter.as_ref(), page.after.as_ref());
    let state = &mut *state;
    let json = |one: Assignment| {
        let mut json = facts(&one);
        if expands {
            json["principal"] = reference(&state.directory, &state.access, &one.principal);
        }
        json
    };
    let context = if expands {
        "roleManagement/directory/roleAssignments(principal())"
    } else {
        "roleManagement/directory/roleAssignments"
    };
    let frame = Frame { base: &world.base, context, count: None };
    Ok(state.pages.fill(&page, &state.settings, query.top(100, 999)?, found.into_iter(), &frame, json))
}

/// `GET /roleManagement/directory/roleEligibilityScheduleInstances`
pub async fn eligibility_instances(State(world): State<Shared>, asked: Asked) -> Reply {
    let started = timestamp(world.now() - chrono::Duration::days(30));
    let context = "roleManagement/directory/roleEligibilityScheduleInstances";
    eligibility(&world, &asked, &INSTANCES, context, move |json| {
        json["startDateTime"] = json!(started);
        json["endDateTime"] = Value::Null;
        json["memberType"] = json!("Direct");
        json["appScopeId"] = Value::Null;
        json["roleEligibilityScheduleId"] = json["id"].clone();
    })
}

/// `GET /roleManagement/directory/roleEligibilitySchedules`
pub async fn eligibility_schedules(State(world): State<Shared>, asked: Asked) -> Reply {
    let context = "roleManagement/directory/roleEligibilitySchedules";
    eligibility(&world, &asked, &SCHEDULES, context, |json| {
        json["memberType"] = json!("Direct");
        json["status"] = json!("Provisioned");
        json["appScopeId"] = Value::Null;
    })
}

fn eligibility(
    world: &Shared,
    asked: &Asked,
    grammar: &Grammar,
    context: &str,
    complete: impl Fn(&mut Value),
) -> Reply {
    let now = world.now();
    let mut state = world.lock();
    if state.settings.licence < Licence::P2 {
        let message =
            "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.";
        return Err(GraphError::new(400, "AadPremiumLicenseRequired", message));
    }
    let query = asked.query(&["$filter", "$select", "$top", "$skiptoken"])?;
    let filter = query.filter(grammar, false)?;
    let select = query.selected(grammar.resource, true)?;
    let page = state.pages.open(&query, &asked.path, &state.settings, now)?;
    let found = matching(&state.directory.eligibilities, filter.as_ref(), page.after.as_ref());
    let json = |one: Assignment| {
        let mut json = facts(&one);
        complete(&mut json);
        if let Some(select) = &select {
            json.as_object_mut().expect("facts are an object").retain(|name, _| select.contains(name));
        }
        json
    };
    let projection = select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    let context = format!("{context}{projection}");
    let frame = Frame { base: &world.base, context: &context, count: None };
    let state = &mut *state;
    Ok(state.pages.fill(&page, &state.settings, query.top(100, 999)?, found.into_iter(), &frame, json))
}
