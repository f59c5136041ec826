//! The sections `[slack]` and `[okta]`: addresses, and where their secrets come from.

use std::path::Path;

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde_json::json;
use url::{ParseError, Url};

use crate::net::is_safe;

use super::report::{looks_secret, quote, shown};
use super::section::{Found, Scale, Section};
use super::settings::{self, SettingValue};
use super::surroundings::Surroundings;

/// How to reach Slack.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// The base of the Web API without a slash at the end, when it isn't Slack's own.
    pub api_url: Option<Url>,
    /// The bot token, `xoxb-…`: for everything but the socket.
    pub bot_token: SecretString,
    /// The app-level token, `xapp-…`: for opening the socket only.
    pub app_token: SecretString,
    /// The slash command, with its slash.
    pub command: String,
}

/// How to reach Okta.
#[derive(Clone, Debug)]
pub struct OktaConfig {
    /// The org's own address: `https://acme.okta.com/`, without a path.
    pub org_url: Url,
    /// How the bot proves who it is.
    pub credential: Credential,
    /// The share (above 0, up to 1) of each of Okta's rate limits that the bot may use.
    pub rate_share: f64,
    /// How many requests may be under way at once: those of all policies and commands together.
    pub concurrency: u32,
}

/// How the bot proves to Okta who it is.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API token, with all the rights of the administrator who made it.
    ApiToken(SecretString),
    /// A service app that signs its own requests for tokens, with the scopes it was granted and no more.
    ServiceApp {
        /// The app's client id.
        client_id: String,
        /// Its private key in PEM.
        private_key_pem: SecretString,
        /// Which of the app's keys it is; Okta needs it when the app has several.
        key_id: Option<String>,
    },
}

/// The name of the provider that `[okta]` configures.
pub const OKTA: &str = "okta";

/// The variables of `[okta]`: one of them is as good as the section.
pub(super) const OKTA_VARIABLES: [&str; 4] =
    ["OKTA_ORG_URL", "OKTA_API_TOKEN", "OKTA_CLIENT_ID", "OKTA_PRIVATE_KEY"];

/// The two ways to give a secret.
pub(super) struct Secret {
    /// What it is, for people.
    pub(super) what: &'static str,
    /// The environment variable that holds it.
    pub(super) variable: &'static str,
    /// The key that names a file which holds it.
    pub(super) file_key: &'static str,
    /// The key under which people would write the secret itself, which is refused.
    pub(super) inline_key: &'static str,
}

const BOT_TOKEN: Secret = Secret {
    what: "Slack bot token",
    variable: "SLACK_BOT_TOKEN",
    file_key: "bot_token_file",
    inline_key: "bot_token",
};
const APP_TOKEN: Secret = Secret {
    what: "Slack app-level token",
    variable: "SLACK_APP_TOKEN",
    file_key: "app_token_file",
    inline_key: "app_token",
};
const API_TOKEN: Secret = Secret {
    what: "Okta API token",
    variable: "OKTA_API_TOKEN",
    file_key: "api_token_file",
    inline_key: "api_token",
};
const PRIVATE_KEY: Secret = Secret {
    what: "private key of the Okta service app",
    variable: "OKTA_PRIVATE_KEY",
    file_key: "private_key_file",
    inline_key: "private_key",
};

/// A secret as it was given, not yet looked at; wiped when it is let go.
pub(super) struct Given {
    pub(super) text: Zeroizing<String>,
    /// Where it came from, for people: the variable, or the key and the file.
    origin: String,
    /// The place in the file, when it came from a file.
    at: Option<usize>,
    /// The variable or the file, as a setting names it.
    pub(super) source: String,
}

impl Given {
    /// Whether the environment gives it.
    pub(super) fn is_from_variable(&self) -> bool {
        self.at.is_none()
    }

    pub(super) fn problem(&self, section: &Section<'_>, message: &str) {
        let message = format!("{} {message}", self.origin);
        match self.at {
            Some(at) => section.problem(at, &message),
            None => section.report.problem(&message),
        }
    }
}

/// Reads `[slack]`; `None` when something that it needs was reported.
pub(super) fn slack(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<SlackConfig> {
    let api_url = section.text("api_url");
    let command = section.text_or("command", "/inactive-contractors");
    let bot_token = token(section, surroundings, &BOT_TOKEN, "xoxb-");
    let app_token = token(section, surroundings, &APP_TOKEN, "xapp-");
    section.looks_like("api_url", json!({ "pattern": "^https?://" }));
    section.looks_like("command", json!({ "pattern": "^/[!-.0-~]{1,31}$" }));
    section.finish();
    // Slack's own rule for the name of a slash command: https://api.slack.com/reference/manifests
    let valid = command.value.strip_prefix('/').is_some_and(|name| {
        (1..32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
    });
    if !valid {
        let wrong = format!("command is {}", quote(&command.value));
        let rule = "but must be a slash and up to 31 letters, digits, hyphens or underscores";
        section.problem(command.at, &format!("{wrong}, {rule}"));
    }
    let api_url = address(section, surroundings, ["SLACK_API_URL", "api_url"], api_url, safe_url);
    Some(SlackConfig { api_url, bot_token: bot_token?, app_token: app_token?, command: command.value })
}

/// Reads `[okta]`; `None` when something that it needs was reported.
pub(super) fn okta(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<OktaConfig> {
    let org_url = section.text("org_url");
    section.looks_like("org_url", json!({ "pattern": "^https?://" }));
    let rate_share = section.number(&Scale {
        key: "rate_share",
        // What Okta itself gives one token or app by default: https://developer.okta.com/docs/reference/rl2-limits/
        default: 0.5,
        bounds: 0.01..=1.0,
        why: "it is the share of Okta's rate limits that the bot may use",
    });
    let concurrency = section.integer(&Scale {
        key: "concurrency",
        default: 4,
        bounds: 1..=50,
        why: "Okta limits how many requests one org may have under way",
    });
    let credential = credential(section, surroundings);
    section.finish();
    let missing = org_url.is_none() && surroundings.variable("OKTA_ORG_URL").is_none();
    if missing && section.position_of("org_url").is_none() {
        let how = "set org_url in [okta] or the environment variable OKTA_ORG_URL";
        section.report.problem(&format!("no Okta org: {how}, such as \"https://acme.okta.com\""));
    }
    let org_url = address(section, surroundings, ["OKTA_ORG_URL", "org_url"], org_url, org_root)?;
    Some(OktaConfig { org_url, credential: credential?, rate_share, concurrency })
}

/// An address from the environment or the file: https, or http to this machine only, and nothing secret in it.
fn address(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    [variable, key]: [&'static str; 2],
    written: Option<Found<String>>,
    read: fn(&str) -> Result<Url, String>,
) -> Option<Url> {
    if let Some(text) = surroundings.variable(variable) {
        section.settled(key, SettingValue::Value(text.into()), &format!("${variable}"));
    }
    let (text, origin, at) = match (surroundings.variable(variable), written) {
        (Some(text), _) => (text.to_owned(), variable, None),
        (None, Some(Found { value, at })) => (value, key, Some(at)),
        (None, None) => return None,
    };
    let read = if in_quotes(&text) { Err(IN_QUOTES.to_owned()) } else { read(&text) };
    match read {
        Ok(url) => Some(url),
        Err(wrong) => {
            let message = format!("{origin} {wrong}");
            at.map_or_else(|| section.report.problem(&message), |at| section.problem(at, &message));
            None
        }
    }
}

/// An address that is https, or http to this machine only, with nothing secret in it; or what is wrong with it.
pub(super) fn safe_url(text: &str) -> Result<Url, String> {
    let lacks_scheme = || format!("is {}, which lacks https:// at its beginning", shown_address(text));
    let url = match Url::parse(text) {
        Ok(url) if !url.cannot_be_a_base() => url,
        // `acme.okta.com:443` reads as something of the scheme `acme.okta.com`.
        Ok(_) | Err(ParseError::RelativeUrlWithoutBase) => return Err(lacks_scheme()),
        Err(error) => return Err(format!("is {}, which is not an address: {error}", shown_address(text))),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a user name or password in it; give the address alone".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("is {}; give the address without ? and #", shown_address(text)));
    }
    if !is_safe(&url) {
        return Err(format!("is {}, but {SAFE}", shown_address(text)));
    }
    Ok(url)
}

/// What makes an address safe.
const SAFE: &str = "must begin with https:// (http:// only for this machine, such as http://127.0.0.1:8080)";

/// An address that anyone who knows it may call, so it is a secret: no message repeats it. It is optional.
pub(super) fn secret_address(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    secret: &Secret,
) -> Option<SecretString> {
    let given = find(section, surroundings, secret)?.ok()?;
    match Url::parse(&given.text) {
        Ok(url) if is_safe(&url) => return one_word(section, &given, "address"),
        Ok(_) => given.problem(section, SAFE),
        Err(error) => given.problem(section, &format!("holds no address: {error}")),
    }
    None
}

/// An address for a message: without its path, which some collectors know their senders by. One that may have a password in
/// it isn't repeated at all.
fn shown_address(text: &str) -> String {
    if text.contains('@') {
        return "(an address with an @, not repeated here)".to_owned();
    }
    let ends = |rest: &str| rest.find(['/', '?', '#', '\\']);
    let scheme = text.split_once("://").map(|(scheme, _)| scheme).filter(|scheme| ends(scheme).is_none());
    let host_at = scheme.map_or(0, |scheme| scheme.len() + "://".len());
    match text.get(host_at..).and_then(ends) {
        Some(end) if text.len() > host_at + end + 1 => quote(&format!("{}/…", &text[..host_at + end])),
        Some(_) | None => quote(text),
    }
}

/// An org's address has no path, and isn't that of its admin console: calls there answer with a web page.
fn org_root(text: &str) -> Result<Url, String> {
    let url = safe_url(text).map_err(|wrong| match org_meant(text) {
        Some(meant) => format!("{wrong}; write {}", quote(&meant)),
        None => wrong,
    })?;
    let host = url.host_str().unwrap_or_default();
    if let Some(meant) = org_meant(text).filter(|_| host.contains(ADMIN_CONSOLE)) {
        return Err(format!("is the address of Okta's admin console; the org's own is {}", quote(&meant)));
    }
    if url.path() != "/" {
        let root = &url[..url::Position::BeforePath];
        return Err(format!("is the address of a page; give {} alone", quote(root)));
    }
    Ok(url)
}

/// In the host of an admin console: `acme-admin.okta.com`, `acme-admin.oktapreview.com`.
const ADMIN_CONSOLE: &str = "-admin.okta";

/// Returns the org's own address, where the text leaves no doubt about it.
fn org_meant(text: &str) -> Option<String> {
    let is_scheme = |scheme: &str| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rest = text.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = host.replacen(ADMIN_CONSOLE, ".okta", 1);
    let url = Url::parse(&format!("https://{host}")).ok()?;
    let named = url.domain().is_some_and(|name| name.contains('.')) && url.username().is_empty();
    named.then(|| url.origin().ascii_serialization())
}

/// A token that goes into a header: one word, and of Slack's two kinds the right one.
fn token(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    secret: &Secret,
    prefix: &str,
) -> Option<SecretString> {
    let Ok(given) = find(section, surroundings, secret)? else {
        let Secret { what, variable, file_key, .. } = secret;
        let ways = format!("set the environment variable {variable}, or {file_key} in [slack]");
        section.report.problem(&format!("no {what} ({prefix}…): {ways} to the path of a file that holds it"));
        return None;
    };
    if !given.text.starts_with(prefix) {
        let what = secret.what;
        given.problem(section, &format!("holds no {what}: those begin with {prefix}"));
        return None;
    }
    one_word(section, &given, "token")
}

/// A secret that may be left out; one line of anything that a header can have.
pub(super) fn optional_secret(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    secret: &Secret,
) -> Option<SecretString> {
    let given = find(section, surroundings, secret)?.ok()?;
    if given.text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Some(boxed(&given.text));
    }
    given.problem(section, "must be one line of plain characters");
    None
}

/// A box of its own, so that no growing text leaves a copy behind.
pub(super) fn boxed(text: &str) -> SecretString {
    SecretString::from(text)
}

pub(super) fn one_word(section: &Section<'_>, given: &Given, what: &str) -> Option<SecretString> {
    if given.text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(boxed(&given.text));
    }
    given.problem(section, &format!("must hold the {what} alone, with no spaces, quotes or other words"));
    None
}

/// The secret was given in neither way.
pub(super) struct Missing;

/// Finds a secret, and notes whether there is one; `None` when a problem with it was reported.
pub(super) fn find(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    secret: &Secret,
) -> Option<Result<Given, Missing>> {
    let found = look_for(section, surroundings, secret).and_then(|found| match found {
        Ok(given) if in_quotes(&given.text) => {
            given.problem(section, IN_QUOTES);
            None
        }
        found => Some(found),
    });
    match &found {
        Some(Ok(given)) => section.settled(secret.inline_key, secretly("(set)"), &given.source),
        Some(Err(Missing)) | None => {
            section.settled(secret.inline_key, secretly("(not set)"), settings::DEFAULT);
        }
    }
    found
}

/// The error about a value in quotes, as shells want it: most other programs that read such files keep them.
pub(super) const IN_QUOTES: &str = "is in quotes, which are taken for a part of it; write it without them";

/// Returns whether the text begins or ends with a quotation mark, which nothing does that is a secret or an address.
pub(super) fn in_quotes(text: &str) -> bool {
    let mark = |c: char| matches!(c, '"' | '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»');
    text.starts_with(mark) || text.ends_with(mark)
}

pub(super) fn secretly(said: &str) -> SettingValue {
    SettingValue::Secret(said.to_owned())
}

fn look_for(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    secret: &Secret,
) -> Option<Result<Given, Missing>> {
    section.refuse_secret(secret.inline_key, secret.variable, secret.file_key);
    let named = section.text(secret.file_key);
    if let Some(text) = surroundings.variable(secret.variable) {
        return Some(Ok(Given {
            text: text.to_owned().into(),
            origin: secret.variable.to_owned(),
            at: None,
            source: format!("${}", secret.variable),
        }));
    }
    let written =
        [secret.inline_key, secret.file_key].into_iter().any(|key| section.position_of(key).is_some());
    let Some(Found { value, at }) = named else { return (!written).then_some(Err(Missing)) };
    let origin = format!("{} {}", secret.file_key, quote(&value));
    match surroundings.read_secret(Path::new(&value)) {
        Ok(text) if text.trim().is_empty() => section.problem(at, &format!("{origin} is an empty file")),
        Ok(text) => {
            let text = Zeroizing::new(text);
            let source = shown(Path::new(&value));
            return Some(Ok(Given { text: text.trim().to_owned().into(), origin, at: Some(at), source }));
        }
        Err(error) => section.problem(at, &format!("{origin} can't be read: {error}")),
    }
    None
}

/// Which of the two credentials was meant. The environment overrides the file; two of one kind are refused.
fn credential(section: &Section<'_>, surroundings: &Surroundings<'_>) -> Option<Credential> {
    let client_id = section.text("client_id");
    let key_id = section.text("key_id").map(|found| found.value);
    let from_variable = Given::is_from_variable;
    let api_token = find(section, surroundings, &API_TOKEN);
    let private_key = find(section, surroundings, &PRIVATE_KEY);
    match (api_token?, private_key?) {
        (Err(Missing), Err(Missing)) => {
            section.report.problem(NO_CREDENTIAL);
            None
        }
        (Ok(token), Ok(key)) if from_variable(&token) == from_variable(&key) => {
            let rule = "are both given; keep the one that the bot should use";
            section.report.problem(&format!("{} and {} {rule}", token.origin, key.origin));
            None
        }
        (Ok(token), Ok(key)) if from_variable(&key) => {
            section.settled(API_TOKEN.inline_key, secretly(NOT_USED), &token.source);
            service_app(section, surroundings, client_id, key_id, key)
        }
        (Ok(token), key) => {
            if let Ok(key) = key {
                section.settled(PRIVATE_KEY.inline_key, secretly(NOT_USED), &key.source);
            }
            one_word(section, &token, "token").map(Credential::ApiToken)
        }
        (Err(Missing), Ok(key)) => service_app(section, surroundings, client_id, key_id, key),
    }
}

/// Said of the credential in the file when the environment has the other kind.
pub(super) const NOT_USED: &str = "(set, not used)";

const NO_CREDENTIAL: &str = "no Okta credential: set the environment variable OKTA_API_TOKEN or api_token_file in \
     [okta], or for a service app OKTA_PRIVATE_KEY or private_key_file, with OKTA_CLIENT_ID or client_id";

fn service_app(
    section: &Section<'_>,
    surroundings: &Surroundings<'_>,
    client_id: Option<Found<String>>,
    key_id: Option<String>,
    mut key: Given,
) -> Option<Credential> {
    let variable = surroundings.variable("OKTA_CLIENT_ID").map(str::to_owned);
    if variable.as_deref().is_some_and(looks_secret) {
        section
            .report
            .problem("OKTA_CLIENT_ID holds a secret; it is for the client id, which looks like 0oa…");
        return None;
    }
    if let Some(id) = &variable {
        section.settled("client_id", SettingValue::Value(id.as_str().into()), "$OKTA_CLIENT_ID");
    }
    let client_id = variable.or(client_id.map(|found| found.value));
    if client_id.is_none() {
        let how = "set client_id in [okta] or the environment variable OKTA_CLIENT_ID";
        section.report.problem(&format!("a private key needs the client id of its service app: {how}"));
    }
    // Environment files can't hold line breaks, so people write them as \n.
    if !key.text.contains('\n') {
        key.text = key.text.replace("\\n", "\n").into();
    }
    if let Some(wrong) = not_a_pem_key(&key.text) {
        key.problem(section, wrong);
        return None;
    }
    Some(Credential::ServiceApp { client_id: client_id?, private_key_pem: boxed(&key.text), key_id })
}

pub(super) fn not_a_pem_key(text: &str) -> Option<&'static str> {
    let first_line = text.lines().next().unwrap_or_default();
    if text.starts_with('{') {
        return Some("holds a JWK; in Okta choose \"PEM\" above the private key and copy that");
    }
    if first_line.contains("ENCRYPTED") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Some(
            "holds a key with a passphrase; give it without one, in a file that only the bot may read",
        );
    }
    if first_line.contains("PUBLIC KEY") || first_line.contains("CERTIFICATE") {
        return Some("holds the public half; give the private key");
    }
    let complete = first_line.starts_with("-----BEGIN ")
        && first_line.contains("PRIVATE KEY-----")
        && text.contains("-----END ");
    (!complete).then_some("holds no private key in PEM (\"-----BEGIN PRIVATE KEY-----\" and so on)")
}
