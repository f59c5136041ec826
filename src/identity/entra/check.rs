//! Tries every permission that the bot needs, as far as that can be known without changing anything.

use crate::domain::account::UserType;
use crate::domain::plan::Guard;
use crate::domain::policy::Rule;
use crate::identity::{IdentityError, Probe};

use super::errors::Right;
use super::ids::nobody;
use super::{Entra, log, protected, search};

impl Entra {
    pub(super) async fn probe_all(&self, rules: &[&Rule]) -> Vec<Probe> {
        let mut probes = Vec::new();
        let signed_in = self.http.sign_in().await;
        let works = signed_in.is_ok();
        add(&mut probes, "Entra ID credential", signed_in.map(str::to_owned));
        if !works {
            return probes;
        }
        let admins = protected::admins(&self.http).await;
        let admins = admins.map(|admins| {
            format!(
                "{} accounts have an administrator role, may take one on, or have a say in one",
                admins.len()
            )
        });
        add(&mut probes, "Entra ID: read administrator roles", admins);
        add(&mut probes, "Entra ID: read sign-in dates", self.probe_dates().await);
        if rules.iter().any(|rule| rule.check_sign_in_log) {
            let read = log::look(&self.http, &nobody(), None).await.map(|_| "readable".to_owned());
            add(&mut probes, "Entra ID: read the sign-in log", read);
        }
        for rule in rules {
            let what = match &rule.user_type {
                UserType::Guest => "Entra ID: guests".to_owned(),
                other => format!("Entra ID: accounts of employee type {:?}", other.to_string()),
            };
            probes.push(Probe { what, result: self.probe_type(rule).await });
            for group in &rule.exempt_groups {
                let members = protected::exempt(&self.http, group).await;
                let members = members.map(|members| format!("{} members", members.len()));
                add(&mut probes, &format!("Entra ID: exempt group {group}"), members);
            }
        }
        let unproven = format!(
            "can't be proven without blocking somebody; it needs the application permission {}",
            Right::Block.permission()
        );
        add(&mut probes, "Entra ID: block sign-ins", Ok(unproven));
        probes.push(Probe { what: "Entra ID: clock".into(), result: self.probe_clock() });
        probes
    }

    async fn probe_dates(&self) -> Result<String, IdentityError> {
        if self.dates.somebody_has_one(&self.http).await? {
            return Ok("readable".into());
        }
        Err(IdentityError::Denied(
            "none of the tenant's first accounts has any: without them nobody can be judged. They need Microsoft Entra ID \
             P1 or P2"
                .into(),
        ))
    }

    /// Whether the type exists. Zero accounts are what a misspelt one looks like.
    async fn probe_type(&self, rule: &Rule) -> Result<String, String> {
        let count = async { Ok::<_, IdentityError>(self.count(&search::of_type(&rule.user_type)?).await?) };
        match count.await.map_err(|error| error.to_string())? {
            0 => Err("no account has it: check its spelling in the policy".into()),
            1 => Ok("1 account".into()),
            count => Ok(format!("{count} accounts")),
        }
    }

    /// After all the others, whose answers have said what time it is there.
    fn probe_clock(&self) -> Result<String, String> {
        let Some(ahead) = self.http.clock_ahead() else {
            return Ok(
                "warning: Entra ID's answers don't say what time it is there, so nobody compares".into()
            );
        };
        let seconds = ahead.num_seconds();
        let way = if seconds < 0 { "behind" } else { "ahead of" };
        let off = format!("{} s {way} Entra ID's", seconds.abs());
        if Guard::of_clock(Some(ahead)).is_none() {
            return Ok(if seconds == 0 { "agrees with Entra ID's".into() } else { off });
        }
        Err(format!(
            "{off}; set this machine's clock right and keep it so (with NTP): until then every sweep is refused"
        ))
    }
}

fn add(probes: &mut Vec<Probe>, what: &str, result: Result<String, IdentityError>) {
    probes.push(Probe { what: what.to_owned(), result: result.map_err(|error| error.to_string()) });
}
