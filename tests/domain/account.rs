//! How the statuses of accounts are kept.

use inactive_contractors::domain::account::{AccountStatus, NotSuspendable};
use serde_json::json;

#[test]
fn a_status_is_kept_by_the_name_that_old_rows_have_and_shown_by_the_providers_word() {
    use NotSuspendable::{Deactivated, NeedsReset, NotActivated, Unknown};
    let other = |why, word: &str| AccountStatus::other(why, word);
    for (status, stored, shown) in [
        (AccountStatus::Active, json!("active"), "ACTIVE"),
        (AccountStatus::Suspended, json!("suspended"), "SUSPENDED"),
        (other(NotActivated, "STAGED"), json!("staged"), "STAGED"),
        (other(NotActivated, "PROVISIONED"), json!("provisioned"), "PROVISIONED"),
        (other(NeedsReset, "RECOVERY"), json!("recovery"), "RECOVERY"),
        (other(NeedsReset, "PASSWORD_EXPIRED"), json!("password_expired"), "PASSWORD_EXPIRED"),
        (other(NeedsReset, "LOCKED_OUT"), json!("locked_out"), "LOCKED_OUT"),
        (other(Deactivated, "DEPROVISIONED"), json!("deprovisioned"), "DEPROVISIONED"),
        (other(Unknown, "NEW"), json!({ "other": "NEW" }), "NEW"),
        // Another provider's word.
        (
            other(NotActivated, "PendingAcceptance"),
            json!({ "not_suspendable": { "why": "not_activated", "word": "PendingAcceptance" } }),
            "PendingAcceptance",
        ),
        // A word of Okta's that means something else elsewhere is not taken for Okta's.
        (
            other(Deactivated, "STAGED"),
            json!({ "not_suspendable": { "why": "deactivated", "word": "STAGED" } }),
            "STAGED",
        ),
    ] {
        assert_eq!(serde_json::to_value(&status).unwrap(), stored, "{status:?}");
        assert_eq!(serde_json::from_value::<AccountStatus>(stored).unwrap(), status);
        assert_eq!(status.to_string(), shown);
    }
}
