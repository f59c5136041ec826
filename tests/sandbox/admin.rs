//! The org's admin console about one account: what "Open in Okta" leads to.

use serde_json::{Value, json};

use super::Sandbox;
use crate::fake::okta::Other;

/// The account, and who changed its status when, newest first. `None` if there is no such account.
pub fn account(sandbox: &Sandbox, id: &str) -> Option<Value> {
    let okta = &sandbox.world.okta;
    let person = okta.people().into_iter().find(|person| person.id == id)?;
    Some(json!({ "now": sandbox.world.clock.now(), "account": person, "changes": okta.status_changes(id) }))
}

/// Somebody else than the bot makes the account active again.
pub fn bring_back(sandbox: &Sandbox, id: &str, by: &str) -> Result<(), String> {
    let by = match by {
        "admin" => Other::Admin,
        "import" => Other::Import,
        other => return Err(format!("{other:?} can't bring anybody back.")),
    };
    let person = account(sandbox, id).ok_or("There is no such account in Okta.")?;
    if sandbox.world.okta.bring_back(id, by) {
        return Ok(());
    }
    Err(format!("The account is {}, not SUSPENDED.", person["account"]["status"].as_str().unwrap_or("gone")))
}
