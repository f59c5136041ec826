//! What a test does with apps: registers them, gives them credentials, grants and withdraws permissions.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::wire::random_text;
use super::FakeEntra;
use super::access::{App, Certificate, Federation, Secret};
use super::roles::Role;
use super::wire::guid;

/// Apps, by client id. An unknown one is a mistake of the test and panics.
impl FakeEntra {
    /// The client id of the app that every tenant of the fake has.
    pub const CLIENT_ID: &'static str = "c0ffee00-0000-4000-8000-00000000b007";

    /// What that app is granted.
    pub const PERMISSIONS: [&'static str; 6] = [
        "User.Read.All",
        "AuditLog.Read.All",
        "User.EnableDisableAccount.All",
        "RoleManagement.Read.Directory",
        "GroupMember.Read.All",
        "User.RevokeSessions.All",
    ];

    pub(super) fn add_own_app(&self) {
        self.register_app(Self::CLIENT_ID, "Inactive contractors");
        for permission in Self::PERMISSIONS {
            self.grant(Self::CLIENT_ID, permission);
        }
        self.add_secret(Self::CLIENT_ID, Duration::days(365));
    }

    /// A secret of that app that is good.
    pub fn client_secret(&self) -> String {
        self.app(Self::CLIENT_ID, |app| app.secrets[0].value.clone())
    }

    /// The id of that secret, which people paste instead of its value.
    pub fn client_secret_id(&self) -> String {
        self.app(Self::CLIENT_ID, |app| app.secrets[0].id.clone())
    }

    /// Registers an app without credentials and permissions. Registering again replaces it.
    pub fn register_app(&self, client_id: &str, name: &str) {
        let app = App {
            name: name.to_owned(),
            object_id: guid(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federations: Vec::new(),
            permissions: std::collections::BTreeSet::new(),
            enabled: true,
            public: false,
        };
        self.change(|state, _| state.access.apps.insert(client_id.to_owned(), app));
    }

    /// The object id of the app's service principal: what the audit log and a token's `oid` name.
    pub fn service_principal(&self, client_id: &str) -> String {
        self.app(client_id, |app| app.object_id.clone())
    }

    /// Adds a secret that lives so long and returns its value.
    pub fn add_secret(&self, client_id: &str, life: Duration) -> String {
        let (id, value) = (guid(), format!("{}8Q~{}", random_text(3), random_text(34)));
        let expires = self.now() + life;
        self.app(client_id, |app| app.secrets.push(Secret { id, value: value.clone(), expires }));
        value
    }

    /// Adds the certificate of a PEM text, which expires then whatever it says itself.
    pub fn add_certificate(&self, client_id: &str, pem: &str, expires: DateTime<Utc>) {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).expect("the test has a certificate");
        let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(&der));
        let certificate = Certificate { der: der.to_vec(), thumbprint, expires };
        self.app(client_id, |app| app.certificates.push(certificate));
    }

    /// From now on the app's tokens may come by tokens of this issuer about this subject, for the audience
    /// `api://AzureADTokenExchange`; the keys are JWKs.
    pub fn add_federation(&self, client_id: &str, issuer: &str, subject: &str, keys: Vec<Value>) {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.app(client_id, |app| app.federations.push(Federation { issuer, subject, keys }));
    }

    /// No secret, certificate or federation of the app is good any more.
    pub fn remove_credentials(&self, client_id: &str) {
        self.app(client_id, |app| {
            app.secrets.clear();
            app.certificates.clear();
            app.federations.clear();
        });
    }

    /// Grants an application permission: in the tokens that are issued from now on.
    pub fn grant(&self, client_id: &str, permission: &str) {
        self.app(client_id, |app| app.permissions.insert(permission.to_owned()));
    }

    /// Takes an application permission back: out of the tokens that are issued from now on.
    pub fn withdraw(&self, client_id: &str, permission: &str) {
        self.app(client_id, |app| app.permissions.remove(permission));
    }

    /// Whether the app may get tokens.
    pub fn enable_app(&self, client_id: &str, enabled: bool) {
        self.app(client_id, |app| app.enabled = enabled);
    }

    /// Whether the app is registered as a public client.
    pub fn make_public(&self, client_id: &str, public: bool) {
        self.app(client_id, |app| app.public = public);
    }

    /// Gives the app's service principal a directory role, which no bot should have.
    pub fn give_role_to_app(&self, client_id: &str, role: Role) {
        let principal = self.service_principal(client_id);
        self.change(|state, _| state.directory.assign(&principal, role, "/"));
    }

    /// The access tokens that are good.
    pub fn access_tokens(&self) -> Vec<String> {
        self.change(|state, now| {
            let good = state.access.issued.iter().filter(|(_, issued)| issued.expires > now);
            good.map(|(token, _)| token.clone()).collect()
        })
    }

    /// Access tokens handed out so far are wrong from now on.
    pub fn revoke_access_tokens(&self) {
        self.change(|state, _| state.access.issued.clear());
    }

    fn app<T>(&self, client_id: &str, effect: impl FnOnce(&mut App) -> T) -> T {
        self.change(|state, _| {
            let app = state.access.apps.get_mut(client_id);
            effect(app.unwrap_or_else(|| panic!("no such app in the fake: {client_id}")))
        })
    }
}
