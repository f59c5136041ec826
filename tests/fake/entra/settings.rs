//! The tenant as a whole: its licence, and how Entra behaves where its documents are silent or its field reports
//! differ.

use std::collections::BTreeSet;

use chrono::Duration;

use super::wire::guid;

/// What the tenant has paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Licence {
    /// No sign-in dates, no sign-in log; audits are kept for 7 days.
    Free,
    /// Sign-in dates and both logs, kept for 30 days.
    P1,
    /// The same, and eligible roles.
    P2,
}

impl Licence {
    pub fn log_kept(self) -> Duration {
        Duration::days(if self == Licence::Free { 7 } else { 30 })
    }
}

/// Which entry of the audit log a change of `accountEnabled` leaves: the documents name both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditStyle {
    /// "Disable account" and "Enable account".
    Named,
    /// "Update user" with the property among the modified ones.
    Updated,
    /// Both, with one correlation id.
    Both,
}

/// All of it may change while the fake runs (`FakeEntra::configure`).
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    pub tenant_id: String,
    pub domain: String,
    pub licence: Licence,
    /// Without a licence sign-in dates are missing without an error, as some tools found.
    pub silent_licence: bool,
    /// How long an access token lives; between 60 and 90 minutes if nothing is said.
    pub token_life: Option<Duration>,
    /// Filters on text tell upper from lower case.
    pub case_sensitive: bool,
    /// No page of a collection holds more than this, whatever `$top` says.
    pub page_cap: usize,
    /// A page with sign-in dates holds at most this.
    pub sign_in_page: usize,
    /// A larger `$top` with sign-in dates is an error instead of being cut.
    pub refuse_large_sign_in_pages: bool,
    /// Sign-in dates and the advanced parameters can't be had in one query.
    pub sign_ins_refuse_advanced: bool,
    /// Each page is followed by an empty one that links to the next.
    pub empty_pages: bool,
    /// Links to next pages lead to this address instead of the fake's own.
    pub link_base: Option<String>,
    /// The link of a page is good for so long.
    pub page_life: Duration,
    /// These properties are missing in `@odata.context` and in the objects, though `$select` names them.
    pub lost_projection: BTreeSet<String>,
    /// `$count=true` is ignored even with the header.
    pub lost_count: bool,
    /// Reads show a change only after so long.
    pub replication_lag: Duration,
    /// Every second read of an account comes from a replica that is a day behind.
    pub replicas_disagree: bool,
    /// A sign-in shows in `signInActivity` only after so long: up to a day in a real tenant.
    pub activity_lag: Duration,
    /// An entry shows in the logs only after so long.
    pub log_lag: Duration,
    /// The logs also want Directory.Read.All, a known issue of their check of the licence.
    pub logs_need_directory: bool,
    pub audit_style: AuditStyle,
    /// The audit log leaves out which app it was, and names its service principal only.
    pub audit_hides_app_id: bool,
    /// The code of the 403 for an account in a restricted unit, which no document names.
    pub restricted_code: &'static str,
    /// A PATCH of a synced account is refused. Otherwise it takes effect until the next sync.
    pub synced_refuse: bool,
    /// After so long the sync has overwritten a change in the cloud.
    pub sync_every: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            tenant_id: guid(),
            domain: "corp.example".to_owned(),
            licence: Licence::P2,
            silent_licence: false,
            token_life: None,
            case_sensitive: false,
            page_cap: usize::MAX,
            sign_in_page: 500,
            refuse_large_sign_in_pages: false,
            sign_ins_refuse_advanced: false,
            empty_pages: false,
            link_base: None,
            page_life: Duration::hours(1),
            lost_projection: BTreeSet::new(),
            lost_count: false,
            replication_lag: Duration::zero(),
            replicas_disagree: false,
            activity_lag: Duration::zero(),
            log_lag: Duration::zero(),
            logs_need_directory: false,
            audit_style: AuditStyle::Named,
            audit_hides_app_id: false,
            restricted_code: "Authorization_RequestDenied",
            synced_refuse: true,
            sync_every: Duration::minutes(30),
        }
    }
}
