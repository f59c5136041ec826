//! Where an administrator opens an account in Okta's admin console.
//!
//! The console of `https://acme.okta.com` is `https://acme-admin.okta.com`. From an address of one's own the console's
//! can't be determined, so there is no link then: a wrong one would lead people to type their password elsewhere.

use url::Url;

use crate::domain::account::AccountId;
use crate::net::is_this_machine;

/// Okta's own domains.
const DOMAINS: [&str; 5] = ["okta.com", "oktapreview.com", "okta-emea.com", "okta-gov.com", "okta.mil"];

/// The account's page. A server on this machine is a sandbox, which has everything at one address.
pub(super) fn profile(org: &Url, account: &AccountId) -> Option<String> {
    let mut url = org.clone();
    if !is_this_machine(org) {
        let host = console_host(org.host_str()?)?;
        if org.scheme() != "https" || org.port().is_some() {
            return None;
        }
        url.set_host(Some(&host)).ok()?;
    }
    url.path_segments_mut().ok()?.clear().extend(["admin", "user", "profile", "view", account.0.as_str()]);
    Some(url.into())
}

fn console_host(host: &str) -> Option<String> {
    let (org, domain) = host.split_once('.')?;
    (DOMAINS.contains(&domain) && !org.is_empty()).then(|| format!("{org}-admin.{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(org: &str) -> Option<String> {
        profile(&Url::parse(org).unwrap(), &AccountId("00u1".into()))
    }

    #[test]
    fn the_console_is_known_for_oktas_own_addresses_only() {
        let at = |host: &str| Some(format!("https://{host}/admin/user/profile/view/00u1"));
        assert_eq!(link("https://acme.okta.com"), at("acme-admin.okta.com"));
        assert_eq!(link("https://acme.oktapreview.com/"), at("acme-admin.oktapreview.com"));
        for other in
            ["https://id.acme.example", "https://okta.com", "https://a.b.okta.com", "http://acme.okta.com"]
        {
            assert_eq!(link(other), None, "{other}");
        }
        assert_eq!(link("https://acme.okta.com.evil.example"), None);
    }

    #[test]
    fn a_sandbox_has_its_pages_at_its_own_address() {
        let page = "http://127.0.0.1:4000/admin/user/profile/view/00u1";
        assert_eq!(link("http://127.0.0.1:4000").as_deref(), Some(page));
    }
}
