//! `[entra]`: who the bot is to a tenant, and what a policy on one may say.

use inactive_contractors::config::{Config, EntraCloud, EntraConfig, EntraCredential};
use inactive_contractors::domain::account::UserType;
use secrecy::ExposeSecret;

use super::{APP, BOT, CERTIFICATE, ENTRA_SECRET, GOOD, PEM, TOKENS, parse, schema};

const ID: &str = "c0ffee00-0000-4000-8000-00000000b007";
const SLACK: [(&str, &str); 2] = [("SLACK_BOT_TOKEN", BOT), ("SLACK_APP_TOKEN", APP)];
const POLICY: &str =
    "[[policy]]\nname = \"contractors\"\nchannel = \"C0123\"\napprovers = { users = [\"U1\"] }\n";

/// A file with `[entra]` alone, with these lines in it and in its policy.
fn file(lines: &str, policy: &str) -> String {
    format!("[entra]\ntenant_id = \"acme.example\"\nclient_id = \"{ID}\"\n{lines}\n{POLICY}{policy}")
}

fn good(text: &str) -> Config {
    assert_eq!(schema::marked(text), None, "{text}");
    parse(text, &SLACK).unwrap_or_else(|problems| panic!("{}", problems.join("\n")))
}

fn entra(config: Config) -> EntraConfig {
    config.entra.expect("it has the section")
}

/// The one thing that is wrong.
fn wrong(text: &str, variables: &[(&str, &str)]) -> String {
    let all: Vec<_> = SLACK.iter().chain(variables).copied().collect();
    let problems = parse(text, &all).expect_err("it is wrong");
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.into_iter().next().expect("there is one")
}

const CERTIFIED: &str = "certificate_file = \"entra\"";

#[test]
fn a_file_may_have_entra_alone_and_its_policies_need_not_say_so() {
    let config = good(&file(CERTIFIED, ""));
    assert!(config.okta.is_none());
    assert_eq!(&*config.policies[0].rule.provider, "entra");
    let entra = entra(config);
    assert_eq!((entra.tenant_id.as_str(), entra.client_id.as_str()), ("acme.example", ID));
    assert_eq!((entra.cloud, entra.base_url), (EntraCloud::Global, None));
    let EntraCredential::Certificate(pem) = entra.credential else { panic!("no certificate") };
    assert_eq!(pem.expose_secret(), format!("{CERTIFICATE}{PEM}"));
}

#[test]
fn a_file_with_both_providers_has_policies_that_say_which() {
    let both = |policy: &str| {
        format!("{GOOD}{policy}\n{}", file(CERTIFIED, "").replace("\"contractors\"", "\"c2\""))
    };
    let all = |text: &str| parse(text, &TOKENS);
    let problems = all(&both("")).expect_err("neither policy says it");
    assert_eq!(problems.len(), 2, "{problems:#?}");
    assert!(
        problems[0].contains("several identity providers") && problems[0].contains("\"entra\""),
        "{problems:?}"
    );
    let config = all(&format!("{}provider = \"entra\"\n", both("provider = \"okta\""))).expect("both say it");
    let names: Vec<&str> = config.policies.iter().map(|policy| &*policy.rule.provider).collect();
    assert_eq!(names, ["okta", "entra"]);
    assert!(config.okta.is_some() && config.entra.is_some());
}

#[test]
fn each_credential_can_be_given_in_the_file_and_in_the_environment_which_wins() {
    let key = format!("{CERTIFICATE}{PEM}").replace('\n', "\\n");
    let kind = |text: &str, variables: &[(&str, &str)]| {
        let all: Vec<_> = SLACK.iter().chain(variables).copied().collect();
        let config = parse(text, &all).unwrap_or_else(|problems| panic!("{}", problems.join("\n")));
        match entra(config).credential {
            EntraCredential::Secret(secret) => secret.expose_secret().to_owned(),
            EntraCredential::Certificate(pem) => pem.expose_secret().to_owned(),
            EntraCredential::FederatedToken(path) => path.display().to_string(),
        }
    };
    let whole = format!("{CERTIFICATE}{PEM}");
    assert_eq!(kind(&file("client_secret_file = \"entra secret\"", ""), &[]), ENTRA_SECRET);
    assert_eq!(kind(&file("federated_token_file = \"/run/token\"", ""), &[]), "/run/token");
    for (variable, value, credential) in [
        ("ENTRA_CERTIFICATE", key.as_str(), whole.as_str()),
        ("ENTRA_CERTIFICATE", "entra", &whole),
        ("ENTRA_CLIENT_SECRET", ENTRA_SECRET, ENTRA_SECRET),
        ("ENTRA_FEDERATED_TOKEN_FILE", "/run/other", "/run/other"),
    ] {
        assert_eq!(kind(&file(CERTIFIED, ""), &[(variable, value)]), credential, "{variable}");
    }
    let ids = [("ENTRA_TENANT_ID", ID), ("ENTRA_CLIENT_ID", ID), ("ENTRA_CLIENT_SECRET", ENTRA_SECRET)];
    assert_eq!(kind(POLICY, &ids), ENTRA_SECRET, "without a section");
}

#[test]
fn a_credential_that_is_none_is_refused_and_never_repeated() {
    for (lines, variables, word) in [
        ("", &[][..], "no Entra credential"),
        ("client_secret = \"abc\"", &[], "client_secret is a secret"),
        ("certificate = \"abc\"", &[], "certificate is a secret"),
        ("certificate_file = \"pem\"", &[], "holds no certificate"),
        ("certificate_file = \"public\"", &[], "holds no private key"),
        ("certificate_file = \"none\"", &[], "can't be read"),
        ("client_secret_file = \"entra secret\"\nfederated_token_file = \"/x\"", &[], "both given"),
        ("", &[("ENTRA_CLIENT_SECRET", ID)], "give its value"),
        ("", &[("ENTRA_CLIENT_SECRET", "two canary words")], "with no spaces"),
        ("", &[("ENTRA_CERTIFICATE", "/none")], "names a file that can't be read"),
        (CERTIFIED, &[("ENTRA_BASE_URL", "http://entra.example")], "must begin with https://"),
        (
            CERTIFIED,
            &[("ENTRA_BASE_URL", "https://entra.example/v1.0")],
            "give \"https://entra.example\" alone",
        ),
        ("certificate_file = \"entra\"\ncloud = \"moon\"", &[], "\"us-gov\""),
        ("certificate_file = \"entra\"\nbase_url = \"https://x.test\"", &[], "base_url"),
    ] {
        let said = wrong(&file(lines, ""), variables);
        assert!(said.contains(word), "{lines:?} {variables:?}: {said}");
    }
    let inline = format!("certificate_file = \"{ENTRA_SECRET}\"");
    assert!(wrong(&file(&inline, ""), &[]).contains("holds a secret"));
    for (key, value) in [("tenant_id", "common"), ("client_id", "acme"), ("tenant_id", "a/b")] {
        let text = file(CERTIFIED, "");
        let line = text.lines().find(|line| line.starts_with(key)).expect("it has the key").to_owned();
        let said = wrong(&text.replace(&line, &format!("{key} = \"{value}\"")), &[]);
        assert!(said.contains(key) && said.contains("which is none"), "{said}");
    }
}

#[test]
fn the_environment_may_put_everything_at_one_address() {
    for url in ["https://entra.example", "http://127.0.0.1:8080/"] {
        let variables = [&SLACK[..], &[("ENTRA_BASE_URL", url)]].concat();
        let config = parse(&file(CERTIFIED, ""), &variables).expect("a good address");
        assert_eq!(entra(config).base_url, Some(url.parse().expect("an address")));
    }
    for (name, cloud) in
        [("us-gov", EntraCloud::UsGov), ("us-dod", EntraCloud::UsDod), ("china", EntraCloud::China)]
    {
        let lines = format!("{CERTIFIED}\ncloud = \"{name}\"");
        assert_eq!(entra(good(&file(&lines, ""))).cloud, cloud);
    }
}

#[test]
fn a_policy_on_entra_selects_by_employee_type_or_guests() {
    let of = |policy: &str| good(&file(CERTIFIED, policy)).policies[0].rule.clone();
    assert_eq!(of("").user_type, UserType::Profile("contractor".into()));
    assert_eq!(of("guests = true").user_type, UserType::Guest);
    assert_eq!(of(&format!("exempt_groups = [\"{ID}\"]")).exempt_groups, [ID]);
    let capitals = ID.to_uppercase();
    assert_eq!(of(&format!("exempt_groups = [\"{capitals}\"]")).exempt_groups, [ID], "as Entra ID writes it");
    for (policy, word) in [
        ("guests = true\nuser_type = \"Contractor\"", "not both"),
        ("okta_user_type_id = \"oty1\"", "for a policy on Okta"),
        ("exempt_groups = [\"00g1\"]", "object id"),
        ("inactive_after = \"47h\"", "at least \"2d\""),
        ("inactive_after = \"1 working day\"", "at least \"2d\""),
    ] {
        let said = wrong(&file(CERTIFIED, policy), &[]);
        assert!(said.contains(word), "{policy}: {said}");
    }
    let on_okta = parse(&format!("{GOOD}guests = true\n"), &TOKENS).expect_err("Okta has none");
    assert!(on_okta[0].contains("Okta has no guests"), "{on_okta:?}");
    assert!(parse(&format!("{GOOD}inactive_after = \"1d\"\n"), &TOKENS).is_ok(), "Okta's dates are not late");
}
