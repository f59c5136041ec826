//! A client whose every answer is checked: objects against Graph's metadata, errors against Graph's form, projections
//! against what `@odata.context` says of them.

use std::collections::BTreeMap;

use boon::{Compiler, SchemaIndex, Schemas};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Map, Value, json};

use crate::fake::clock::FakeClock;
use crate::fake::entra::FakeEntra;
use crate::fake::entra::metadata::{TYPES, properties};
use crate::fake::gate::Gate;

pub const ADA: &str = "ada@ext.example";

pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().timeout(crate::fake::GUARD).build().expect("a client without special wishes")
}

/// A tenant with a token of its own app.
pub struct Tenant {
    pub entra: FakeEntra,
    pub clock: FakeClock,
    pub gate: Gate,
    client: Client,
    token: std::sync::Mutex<String>,
}

impl std::ops::Deref for Tenant {
    type Target = FakeEntra;

    fn deref(&self) -> &FakeEntra {
        &self.entra
    }
}

/// An answer that was checked.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    /// Status and `error.code`.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status, self.body["error"]["code"].as_str().unwrap_or_default())
    }

    pub fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// The property of every object of a collection.
    pub fn all(&self, property: &str) -> Vec<&str> {
        let objects = self.body["value"].as_array().unwrap_or_else(|| panic!("no collection: {}", self.body));
        objects.iter().map(|object| object[property].as_str().unwrap_or_default()).collect()
    }
}

pub async fn tenant() -> Tenant {
    let (gate, clock) = (Gate::default(), FakeClock::default());
    let entra = FakeEntra::start(gate.clone(), clock.clone()).await;
    let tenant = Tenant { entra, clock, gate, client: client(), token: std::sync::Mutex::default() };
    tenant.sign_in_app().await;
    tenant
}

impl Tenant {
    pub fn token_url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.url(), self.tenant_id())
    }

    pub fn scope(&self) -> String {
        format!("{}/.default", self.url())
    }

    /// Takes a new token, with the permissions that are granted now.
    pub async fn sign_in_app(&self) {
        let (scope, secret) = (self.scope(), self.client_secret());
        let request = self.client.post(self.token_url()).form(&[
            ("grant_type", "client_credentials"),
            ("client_id", FakeEntra::CLIENT_ID),
            ("client_secret", secret.as_str()),
            ("scope", scope.as_str()),
        ]);
        let body: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let token = body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}"));
        token.clone_into(&mut self.token.lock().expect("nobody panics with it"));
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let token = self.token.lock().expect("nobody panics with it").clone();
        let url =
            if path.starts_with("http") { path.to_owned() } else { format!("{}/v1.0{path}", self.url()) };
        self.client.request(method, url).bearer_auth(token)
    }

    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        check(self.request(Method::GET, path).query(query)).await
    }

    /// With the header and `$count=true`.
    pub async fn advanced(&self, path: &str, query: &[(&str, &str)]) -> Answer {
        let request = self.request(Method::GET, path).query(query).query(&[("$count", "true")]);
        check(request.header("ConsistencyLevel", "eventual")).await
    }

    pub async fn patch(&self, id: &str, enabled: bool) -> Answer {
        let request = self.request(Method::PATCH, &format!("/users/{id}"));
        check(request.json(&json!({ "accountEnabled": enabled }))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        check(self.request(Method::POST, path).json(body)).await
    }

    /// Every object of the listing, page by page, with the header on each.
    pub async fn walk(&self, query: &[(&str, &str)]) -> (Vec<Value>, usize) {
        let mut answer = self.advanced("/users", query).await;
        let (mut found, mut pages) = (Vec::new(), 0);
        loop {
            assert_eq!(answer.status, 200, "{}", answer.body);
            found.extend(answer.body["value"].as_array().expect("a collection").clone());
            pages += 1;
            let Some(next) = answer.body["@odata.nextLink"].as_str() else { return (found, pages) };
            let request = self.request(Method::GET, next).header("ConsistencyLevel", "eventual");
            answer = check(request).await;
        }
    }
}

/// Sends the request and checks what comes.
pub async fn check(request: RequestBuilder) -> Answer {
    answer_of(request.send().await.expect("an answer")).await
}

pub async fn answer_of(response: Response) -> Answer {
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.expect("a body");
    let kind = headers.get("content-type").map(|kind| kind.to_str().expect("text").to_owned());
    let body = match kind.as_deref() {
        Some(json) if json.starts_with("application/json") => serde_json::from_str(&text).expect("JSON"),
        _ => Value::String(text),
    };
    let answer = Answer { status, body, headers };
    match status {
        200 if answer.body.is_object() => check_success(&answer.body),
        200 => assert!(answer.body.as_str().is_some_and(|text| text.parse::<u64>().is_ok()), "{answer:?}"),
        204 => assert_eq!(answer.body, json!("")),
        _ => check_error(&answer),
    }
    assert!(answer.header("request-id").is_some_and(is_guid), "{answer:?}");
    assert!(answer.header("x-ms-ags-diagnostic").is_some() && answer.header("date").is_some());
    answer
}

fn is_guid(text: &str) -> bool {
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
}

fn check_error(answer: &Answer) {
    let error = &answer.body["error"];
    let inner = &error["innerError"];
    assert!(error["code"].is_string() && error["message"].is_string(), "{answer:?}");
    assert_eq!(inner["request-id"].as_str(), answer.header("request-id"), "{answer:?}");
    assert_eq!(inner["client-request-id"].as_str(), answer.header("client-request-id"), "{answer:?}");
    let date = inner["date"].as_str().expect("a date");
    assert!(chrono::NaiveDateTime::parse_from_str(date, "%Y-%m-%dT%H:%M:%S").is_ok(), "{date}");
}

/// The resource type of what `@odata.context` names; nothing for objects of several types.
fn resource(collection: &str) -> Option<&'static str> {
    Some(match collection {
        "users" => "user",
        "groups" => "group",
        "directoryRoles" => "directoryRole",
        "directoryObjects" => return None,
        "auditLogs/signIns" => "signIn",
        "auditLogs/directoryAudits" => "directoryAudit",
        "roleManagement/directory/roleAssignments" => "unifiedRoleAssignment",
        "roleManagement/directory/roleEligibilityScheduleInstances" => {
            "unifiedRoleEligibilityScheduleInstance"
        }
        "roleManagement/directory/roleEligibilitySchedules" => "unifiedRoleEligibilitySchedule",
        "organization" => "organization",
        "servicePrincipals" => "servicePrincipal",
        other => panic!("what is {other}?"),
    })
}

fn check_success(body: &Value) {
    let context = body["@odata.context"].as_str().unwrap_or_else(|| panic!("no context: {body}"));
    let (_, context) = context.split_once("/v1.0/$metadata#").expect("a context of this address");
    match context {
        "Edm.Boolean" => return assert!(body["value"].is_boolean()),
        "Collection(Edm.String)" => {
            return assert!(body["value"].as_array().expect("a list").iter().all(Value::is_string));
        }
        _ => {}
    }
    let (is_one, context) = match context.strip_suffix("/$entity") {
        Some(rest) => (true, rest),
        None => (false, context),
    };
    let (collection, projection) = match context.split_once('(') {
        Some((collection, names)) => (collection, Some(names.trim_end_matches(')'))),
        None => (context, None),
    };
    let one = [body.clone()];
    let objects = if is_one { &one[..] } else { body["value"].as_array().expect("a collection") };
    for object in objects {
        let resource = resource(collection);
        check_object(object, resource);
        if let Some(names) = projection.filter(|names| !names.starts_with("principal(")) {
            check_projection(object, names);
        }
    }
}

fn check_projection(object: &Value, names: &str) {
    for name in object.as_object().expect("an object").keys().filter(|name| !name.starts_with('@')) {
        assert!(names.split(',').any(|selected| selected == name), "{name} is not in the projection {names}");
    }
}

/// Checks an object that is of the type, or says itself of which it is.
fn check_object(object: &Value, resource: Option<&str>) {
    let said = object["@odata.type"].as_str().map(|kind| kind.trim_start_matches("#microsoft.graph."));
    let said = said.map(|kind| if kind == "agentUser" { "user" } else { kind });
    let resource = said.or(resource).unwrap_or_else(|| panic!("of which type is {object}?"));
    if let Some(cause) = complaint(object, resource) {
        panic!("{resource}: {cause}\n{object:#}");
    }
    if let Some(principal) = object.get("principal") {
        check_object(principal, None);
    }
}

/// What the metadata has against the object being of this type.
fn complaint(object: &Value, resource: &str) -> Option<String> {
    thread_local!(static COMPILED: (Schemas, BTreeMap<&'static str, SchemaIndex>) = compiled());
    COMPILED.with(|(schemas, indexes)| {
        let index = indexes.get(resource).unwrap_or_else(|| panic!("what is {resource}?"));
        schemas.validate(object, *index).err().map(|error| error.to_string())
    })
}

/// The metadata as JSON schemas, one for each type.
fn compiled() -> (Schemas, BTreeMap<&'static str, SchemaIndex>) {
    const NAME: &str = "file:///graph.json";
    let types: Map<String, Value> =
        TYPES.iter().map(|(name, _)| ((*name).to_owned(), schema_of(name))).collect();
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.enable_format_assertions();
    compiler.add_resource(NAME, json!({ "$defs": types })).expect("it has a name");
    let mut index = |name: &&'static str| {
        let place = format!("{NAME}#/$defs/{name}");
        compiler
            .compile(&place, &mut schemas)
            .unwrap_or_else(|error| panic!("{name} is no schema: {error:#}"))
    };
    let indexes = TYPES.iter().map(|(name, _)| (*name, index(name))).collect();
    (schemas, indexes)
}

/// Nothing but its properties, and `OData`'s own words.
fn schema_of(resource: &str) -> Value {
    let mut all: Map<String, Value> =
        properties(resource).map(|(name, kind)| (name.to_owned(), schema_of_kind(kind))).collect();
    if resource == "unifiedRoleAssignment" {
        all.insert("principal".to_owned(), json!({ "type": "object" }));
    }
    json!({
        "type": "object",
        "properties": all,
        "patternProperties": { "^@odata\\.": true },
        "additionalProperties": false,
    })
}

fn schema_of_kind(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return json!({ "anyOf": [schema_of_kind(kind), { "type": "null" }] });
    }
    if let Some(kind) = kind.strip_suffix("[]") {
        return json!({ "type": "array", "items": schema_of_kind(kind) });
    }
    match kind {
        "text" => json!({ "type": "string" }),
        "date" => json!({ "type": "string", "format": "date-time" }),
        "bool" => json!({ "type": "boolean" }),
        "int" => json!({ "type": "integer" }),
        "any" => json!(true),
        resource => json!({ "$ref": format!("#/$defs/{resource}") }),
    }
}

#[test]
fn the_check_finds_what_graph_would_not_say() {
    let wrong = [
        json!({ "id": 7 }),
        json!({ "id": null }),
        json!({ "accountEnabled": "true" }),
        json!({ "createdDateTime": "yesterday" }),
        json!({ "onPremisesExtensionAttributes": { "extensionAttribute16": "x" } }),
        json!({ "signInActivity": { "lastSignInDateTime": "2026-11-30" } }),
        json!({ "proxyAddresses": null }),
        json!({ "employeetype": "Contractor" }),
    ];
    for wrong in wrong {
        assert!(complaint(&wrong, "user").is_some(), "{wrong}");
    }
    let right = json!({
        "@odata.type": "#microsoft.graph.user", "id": "1", "accountEnabled": null, "signInActivity": null,
        "createdDateTime": "2026-11-30T10:00:00Z", "proxyAddresses": ["SMTP:a@b.example"],
    });
    assert_eq!(complaint(&right, "user"), None);
}
