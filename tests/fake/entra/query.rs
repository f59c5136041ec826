//! What a call asks for: query options, the advanced parameters, and the caller. What an endpoint doesn't know is
//! refused.

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::access::Caller;
use super::filter::{Expression, Grammar};
use super::metadata::property;
use super::wire::GraphError;

/// Properties that Graph serves for one object only, never in a list.
const SINGLE_ONLY: [&str; 10] = [
    "aboutMe",
    "birthday",
    "hireDate",
    "interests",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "responsibilities",
    "schools",
    "skills",
];

/// One call to Graph, as far as an endpoint cares.
pub struct Asked {
    pub caller: Caller,
    /// Percent-encoded, without the query.
    pub path: String,
    raw_query: String,
    headers: HeaderMap,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = GraphError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Asked, GraphError> {
        let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |original| &original.0);
        let caller = parts.extensions.get::<Caller>().expect("the pipeline admits nobody without a caller");
        Ok(Asked {
            caller: caller.clone(),
            path: uri.path().to_owned(),
            raw_query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.clone(),
        })
    }
}

impl Asked {
    /// The query options; any but these is refused, and so is one that comes twice.
    pub fn query(&self, allowed: &[&str]) -> Result<Query, GraphError> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(self.raw_query.as_bytes()).into_owned().collect();
        for (number, (name, _)) in pairs.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                let message = format!("The query parameter '{name}' is not supported here.");
                return Err(GraphError::odata(message));
            }
            if pairs[..number].iter().any(|(earlier, _)| earlier == name) {
                let message = format!("Query option '{name}' was specified more than once.");
                return Err(GraphError::odata(message));
            }
        }
        Ok(Query { pairs, eventual: self.eventual()? })
    }

    /// The body, which is to be JSON and to say so.
    pub fn json(&self, body: &[u8]) -> Result<Value, GraphError> {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.starts_with("application/json")) {
            let message = "The content type of the request is not supported: application/json is.";
            return Err(GraphError::new(415, "Request_BadRequest", message));
        }
        serde_json::from_slice(body).map_err(|_| GraphError::odata("Unable to read JSON request payload."))
    }

    /// Whether the header says so. Any other value is refused.
    fn eventual(&self) -> Result<bool, GraphError> {
        match self.headers.get("consistencylevel").map(|value| value.to_str().unwrap_or_default()) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("eventual") => Ok(true),
            Some(value) => Err(GraphError::bad_request(format!("Invalid ConsistencyLevel '{value}'."))),
        }
    }
}

/// Query options, decoded, and the header that goes with them.
pub struct Query {
    pairs: Vec<(String, String)>,
    pub eventual: bool,
}

impl Query {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn counts(&self) -> bool {
        self.get("$count") == Some("true")
    }

    /// Header and `$count=true`.
    pub fn advanced(&self) -> bool {
        self.eventual && self.counts()
    }

    /// A page size from 1 to 999, or to 1000 for a log.
    pub fn top(&self, default: usize, max: usize) -> Result<usize, GraphError> {
        match self.get("$top").map(str::parse) {
            None => Ok(default),
            Some(Ok(top)) if (1..=max).contains(&top) => Ok(top),
            Some(_) => {
                let top = self.get("$top").unwrap_or_default();
                Err(GraphError::bad_request(format!(
                    "Invalid page size specified: '{top}'. Must be between 1 and {max} inclusive."
                )))
            }
        }
    }

    /// The properties that `$select` names, if there is one.
    pub fn selected(&self, resource: &str, is_list: bool) -> Result<Option<Vec<String>>, GraphError> {
        let Some(select) = self.get("$select") else { return Ok(None) };
        let names: Vec<String> = select.split(',').map(|name| name.trim().to_owned()).collect();
        for name in &names {
            if property(resource, name).is_none() {
                let message =
                    format!("Could not find a property named '{name}' on type 'microsoft.graph.{resource}'.");
                return Err(GraphError::odata(format!("Parsing OData Select and Expand failed: {message}")));
            }
            if is_list && SINGLE_ONLY.contains(&name.as_str()) {
                return Err(GraphError::new(
                    501,
                    "NotImplemented",
                    format!("'{name}' is not served in a list."),
                ));
            }
        }
        Ok(Some(names))
    }

    pub fn filter(&self, grammar: &Grammar, advanced: bool) -> Result<Option<Expression>, GraphError> {
        self.get("$filter").map(|text| grammar.parse(text, advanced)).transpose()
    }

    /// The options without the one that names the page: two pages of one listing have the same.
    pub fn without_page(&self) -> String {
        let pairs = self.pairs.iter().filter(|(name, _)| name != "$skiptoken");
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }
}
