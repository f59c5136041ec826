//! Says once what each of Slack's errors means for the workflow.
//!
//! The texts are made from Slack's error codes and our own words only. Slack's error types carry whole answers
//! in their Display, with response addresses and people in them, so they end here.

use std::time::Duration;

use slack_morphism::errors::{SlackClientApiError, SlackClientError};

use crate::chat::ChatError;
use crate::net::Cause;

use super::connector::TransportFault;
use super::escape::{clamp, tidy};

/// How long to wait if Slack says "too fast" without saying how long.
const RATE_LIMIT_DEFAULT: Duration = Duration::from_secs(30);

/// How much of Slack's own explanation is passed on.
const DETAIL_CHARS_MAX: usize = 200;

/// What a lost answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// It changes nothing: it can be made again.
    Read,
    /// It may have taken effect.
    Write,
    /// A write to a one-off reply address, which answers with a status of HTTP once it is used up.
    Reply,
}

impl Call {
    fn lost(self, why: impl Into<String>) -> ChatError {
        match self {
            Call::Read => ChatError::Unavailable(why.into()),
            Call::Write | Call::Reply => ChatError::Ambiguous(why.into()),
        }
    }

    /// The workflow's word for an error of this call.
    pub(super) fn failed(self, error: &SlackClientError) -> ChatError {
        match error {
            SlackClientError::ApiError(error) => self.refused(error),
            SlackClientError::RateLimitError(error) => {
                ChatError::RateLimited(error.retry_after.unwrap_or(RATE_LIMIT_DEFAULT))
            }
            SlackClientError::HttpError(error) if error.status_code.is_server_error() => {
                self.lost(format!("Slack answered HTTP {}", error.status_code.as_u16()))
            }
            SlackClientError::HttpError(error) => {
                let why = format!("Slack answered HTTP {}", error.status_code.as_u16());
                match self {
                    Call::Reply => ChatError::NotFound(why),
                    // The Web API says in its JSON what is not there. Any other status is a proxy's, on the way: a
                    // card must not be taken for deleted, and posted again, because of it.
                    Call::Read | Call::Write => ChatError::Unavailable(why),
                }
            }
            SlackClientError::HttpProtocolError(error) => {
                let fault = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<TransportFault>());
                match fault {
                    Some(fault @ TransportFault::NotConnected(_)) => {
                        ChatError::Unavailable(fault.to_string())
                    }
                    Some(fault) => self.lost(fault.to_string()),
                    None => ChatError::Unavailable(TransportFault::NotConnected(Cause::Unknown).to_string()),
                }
            }
            // Slack said ok and did it, but its answer has a shape that we don't know.
            SlackClientError::ProtocolError(_) => self.lost("Slack's answer could not be read"),
            SlackClientError::EndOfStream(_) | SlackClientError::SocketModeProtocolError(_) => {
                self.lost(TransportFault::Broken.to_string())
            }
            SlackClientError::SystemError(_) => {
                ChatError::Content("the call to Slack could not be put together".to_owned())
            }
        }
    }

    fn refused(self, error: &SlackClientApiError) -> ChatError {
        let code = safe_code(&error.code);
        let detail = error.errors.iter().flatten().next().map(|words| clamp(&tidy(words), DETAIL_CHARS_MAX));
        match class(&code) {
            Class::Denied => ChatError::Denied(denied_words(&code, detail.as_deref())),
            Class::Channel => ChatError::Channel(channel_words(&code)),
            Class::NotFound => ChatError::NotFound(code),
            Class::Slower => ChatError::RateLimited(RATE_LIMIT_DEFAULT),
            Class::Passing => ChatError::Unavailable(passing_words(&code)),
            Class::Lost => self.lost(code),
            Class::Content => ChatError::Content(match detail {
                Some(detail) => format!("{code}: {detail}"),
                None => code,
            }),
        }
    }
}

enum Class {
    Denied,
    Channel,
    NotFound,
    Slower,
    Passing,
    Lost,
    Content,
}

/// <https://docs.slack.dev/reference/methods/chat.postMessage#errors> and the pages of the other methods.
fn class(code: &str) -> Class {
    match code {
        "invalid_auth"
        | "not_authed"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "missing_scope"
        | "not_allowed_token_type"
        | "no_permission"
        | "access_denied"
        | "link_disabled"
        | "team_disabled"
        | "user_removed_from_team"
        | "not_enabled"
        | "invalid_app_token" => Class::Denied,
        "not_in_channel"
        | "channel_not_found"
        | "is_archived"
        | "restricted_action"
        | "restricted_action_read_only_channel"
        | "restricted_action_thread_only_channel"
        | "restricted_action_non_threadable_channel"
        | "restricted_action_thread_locked"
        | "external_channel_migrating"
        | "posting_to_channel_denied"
        | "invalid_channel"
        | "channel_type_not_supported" => Class::Channel,
        "message_not_found"
        | "cant_update_message"
        | "edit_window_closed"
        | "thread_not_found"
        | "user_not_found"
        | "users_not_found"
        | "user_not_visible"
        | "user_not_in_channel"
        | "user_disabled"
        | "invalid_user_combination"
        | "no_such_subteam"
        | "subteam_not_found"
        | "not_found"
        | "view_not_found"
        | "hash_conflict"
        | "expired_trigger_id"
        | "trigger_expired"
        | "exchanged_trigger_id"
        | "trigger_exchanged"
        | "invalid_trigger_id"
        | "used_url"
        | "expired_url"
        | "messages_tab_disabled"
        | "cannot_dm_bot"
        // The upload's ticket is gone: another upload gets another.
        | "file_not_found" => Class::NotFound,
        "ratelimited" | "rate_limited" | "message_limit_exceeded" => Class::Slower,
        "request_timeout" | "service_unavailable" | "team_added_to_org" | "org_login_required"
        | "ekm_access_denied" | "accesslimited" | "team_access_not_granted"
        | "two_factor_setup_required" => Class::Passing,
        // Slack's words: "It's possible some aspect of the operation succeeded before the error was raised."
        "internal_error" | "fatal_error" | "unknown_error" | "file_update_failed" => Class::Lost,
        _ => Class::Content,
    }
}

/// Says what keeps Slack away for now. Another token would not fix it; it ends by itself, or when an administrator of
/// Slack ends it, so the bot waits.
fn passing_words(code: &str) -> String {
    let why = match code {
        "team_added_to_org" | "org_login_required" => "the workspace is being moved into an organisation",
        "ekm_access_denied" => "the organisation's administrators have suspended the access to its keys",
        "accesslimited" => "Slack takes no calls from this network; an administrator can allow its address",
        "team_access_not_granted" => {
            "the app has no access to this workspace; an administrator of the organisation can grant it"
        }
        "two_factor_setup_required" => "Slack wants two-factor authentication to be set up first",
        _ => return code.to_owned(),
    };
    format!("{code}: {why}")
}

/// Says that the two tokens are of two apps: one would post cards, and the other would get no click on them.
pub(super) fn two_apps(bot: &str, app_level: &str) -> ChatError {
    let named = |id: &str| id.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>();
    ChatError::Denied(format!(
        "the bot token is of the Slack app {}, and the app-level token of another, {}: copy both from the same app's \
         settings",
        named(bot),
        named(app_level)
    ))
}

/// A token that Slack has declared dead.
pub(super) fn dead_token(code: &str) -> ChatError {
    ChatError::Denied(denied_words(&safe_code(code), None))
}

fn denied_words(code: &str, detail: Option<&str>) -> String {
    match (code, detail) {
        ("missing_scope", Some("connections:write")) => format!(
            "{code}: the app-level token lacks connections:write; make a new one under \"Basic Information\""
        ),
        ("missing_scope", Some(scope)) => format!(
            "{code}: the Slack app lacks the scope {scope}; add it under \"OAuth & Permissions\" and reinstall the app"
        ),
        ("link_disabled", _) => {
            format!("{code}: Socket Mode is switched off; switch it on in the Slack app's settings")
        }
        ("not_enabled", _) => format!(
            "{code}: the Home tab is switched off; switch it on under \"App Home\" in the Slack app's settings"
        ),
        ("not_allowed_token_type", _) => {
            format!("{code}: the bot token (xoxb-) and the app-level token (xapp-) may have been mixed up")
        }
        _ => format!("{code}: Slack refuses the token; copy the current one from the Slack app's settings"),
    }
}

fn channel_words(code: &str) -> String {
    let fix = match code {
        "is_archived" => "it is archived; unarchive it or configure another",
        "not_in_channel" | "channel_not_found" | "invalid_channel" => {
            "the bot does not see it; check the channel's id and invite the bot with /invite"
        }
        _ => "its posting rules keep the bot out; allow the bot to post there",
    };
    format!("{code}: {fix}")
}

/// Codes are passed on only if they look like one.
fn safe_code(code: &str) -> String {
    let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    match code {
        code if !code.is_empty() && code.len() <= 60 && code.chars().all(safe) => code.to_owned(),
        _ => "unknown_error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(call: Call, code: &str) -> ChatError {
        call.failed(&SlackClientError::ApiError(SlackClientApiError::new(code.to_owned())))
    }

    #[test]
    fn each_code_has_its_class() {
        for code in ["invalid_auth", "token_revoked", "account_inactive", "link_disabled"] {
            assert!(matches!(api(Call::Write, code), ChatError::Denied(_)), "{code}");
        }
        for code in ["not_in_channel", "channel_not_found", "is_archived"] {
            assert!(
                matches!(api(Call::Write, code), ChatError::Channel(words) if words.len() > 30),
                "{code}"
            );
        }
        for code in ["invalid_blocks", "msg_too_long", "msg_blocks_too_long", "something_new"] {
            assert!(matches!(api(Call::Write, code), ChatError::Content(_)), "{code}");
        }
        for code in ["user_disabled", "users_not_found", "expired_trigger_id", "hash_conflict"] {
            assert!(matches!(api(Call::Write, code), ChatError::NotFound(_)), "{code}");
        }
        assert!(matches!(api(Call::Write, "posting_to_channel_denied"), ChatError::Channel(_)));
        assert!(api(Call::Write, "not_enabled").to_string().contains("App Home"));
        assert!(matches!(api(Call::Write, "internal_error"), ChatError::Ambiguous(_)));
        assert!(matches!(api(Call::Read, "internal_error"), ChatError::Unavailable(_)));
    }

    #[test]
    fn what_keeps_slack_away_for_now_is_waited_for() {
        for code in ["org_login_required", "team_added_to_org", "ekm_access_denied", "accesslimited"] {
            for call in [Call::Read, Call::Write] {
                let error = api(call, code);
                assert!(matches!(&error, ChatError::Unavailable(words) if words.len() > 40), "{error}");
            }
        }
        assert!(matches!(api(Call::Write, "team_access_not_granted"), ChatError::Unavailable(_)));
    }

    #[test]
    fn a_lost_answer_is_ambiguous_only_if_something_was_sent() {
        let fault = |fault: TransportFault| Call::Write.failed(&fault.into());
        let never_sent = fault(TransportFault::NotConnected(Cause::NameNotFound));
        assert!(
            matches!(never_sent, ChatError::Unavailable(words) if words.contains("the name was not found"))
        );
        assert!(matches!(fault(TransportFault::TimedOut), ChatError::Ambiguous(_)));
        assert!(matches!(fault(TransportFault::Broken), ChatError::Ambiguous(_)));
    }

    #[test]
    fn a_status_on_the_way_to_the_web_api_does_not_mean_that_a_message_is_gone() {
        let status = |call: Call, code: u16| {
            let code = reqwest::StatusCode::from_u16(code).unwrap();
            call.failed(&SlackClientError::HttpError(slack_morphism::errors::SlackClientHttpError::new(code)))
        };
        for code in [302, 403, 404, 407] {
            assert!(matches!(status(Call::Write, code), ChatError::Unavailable(_)), "{code}");
        }
        assert!(matches!(status(Call::Reply, 404), ChatError::NotFound(_)));
        assert!(matches!(status(Call::Write, 502), ChatError::Ambiguous(_)));
    }

    #[test]
    fn the_missing_scope_is_named() {
        let error =
            SlackClientApiError::new("missing_scope".to_owned()).with_errors(vec!["groups:read".to_owned()]);
        let words = Call::Read.failed(&SlackClientError::ApiError(error)).to_string();
        assert!(words.contains("groups:read") && words.contains("reinstall"), "{words}");
    }

    #[test]
    fn a_code_that_is_none_is_not_repeated() {
        assert!(!api(Call::Read, "xoxb-1234 secret").to_string().contains("xoxb"));
    }
}
