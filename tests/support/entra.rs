//! What a world with a tenant of Entra ID has more, or instead of an org of Okta's.

use fake::entra::FakeEntra;

use super::World;

impl World {
    /// A new world at ten in the morning with an empty tenant beside the empty org. Whether the bot knows the org as
    /// well is said by [`World::set_okta`].
    pub async fn with_entra(policy: &str) -> World {
        let mut world = World::at_ten(policy).await;
        world.entra = Some(FakeEntra::start(world.gate.clone(), world.fake_clock.clone()).await);
        world
    }

    /// Whether the bot's environment names the org, from its next start on.
    pub fn set_okta(&mut self, named: bool) {
        self.has_okta = named;
    }

    /// The tenant of a world that has one.
    pub fn tenant(&self) -> &FakeEntra {
        self.entra.as_ref().expect("the story's world has a tenant")
    }

    /// How often the bot suspended the account with effect, wherever it is.
    pub(super) fn suspends(&self, login: &str) -> usize {
        let in_tenant =
            self.entra.as_ref().filter(|entra| entra.people().iter().any(|one| one.login == login));
        in_tenant.map_or_else(|| self.okta.suspends(login), |entra| entra.suspends(login))
    }

    /// What the environment tells the bot of its providers.
    pub(super) fn providers_environment(&self) -> Vec<(String, String)> {
        let okta = [
            ("OKTA_ORG_URL", self.okta.url().to_owned()),
            ("OKTA_API_TOKEN", self.okta.api_token().to_owned()),
        ];
        let entra = self.entra.iter().flat_map(|entra| {
            [
                ("ENTRA_BASE_URL", entra.url().to_owned()),
                ("ENTRA_TENANT_ID", entra.tenant_id()),
                ("ENTRA_CLIENT_ID", FakeEntra::CLIENT_ID.to_owned()),
                ("ENTRA_CLIENT_SECRET", entra.client_secret()),
            ]
        });
        let all = okta.into_iter().filter(|_| self.has_okta).chain(entra);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
