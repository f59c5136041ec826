//! The org's admin console about one account: what "Open in Okta" leads to.

use serde_json::{Value, json};

use super::Sandbox;

/// Who acts in the admin console, and the source whose import brings people back.
const ADMIN: &str = "ingrid.castro@corp.example";
const SOURCE: &str = "Workday HR import";

/// The account, and who changed its status when, newest first. `None` if there is no such account.
pub fn account(sandbox: &Sandbox, id: &str) -> Option<Value> {
    let okta = &sandbox.world.okta;
    let person = okta.people().into_iter().find(|person| person.id == id)?;
    Some(json!({ "now": sandbox.world.clock.now(), "account": person, "changes": okta.status_changes(id) }))
}

/// Somebody else than the bot makes the account active again.
pub fn bring_back(sandbox: &Sandbox, id: &str, by: &str) -> Result<(), String> {
    let okta = &sandbox.world.okta;
    let people = okta.people();
    let person = people.iter().find(|person| person.id == id).ok_or("There is no such account in Okta.")?;
    let done = match by {
        "admin" => okta.bring_back_by_admin(&person.login, ADMIN),
        "import" => okta.bring_back_by_import(&person.login, SOURCE),
        other => return Err(format!("{other:?} can't bring anybody back.")),
    };
    if done { Ok(()) } else { Err(format!("The account is {}, not SUSPENDED.", person.status.as_str())) }
}
