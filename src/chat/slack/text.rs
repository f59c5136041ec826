//! Turns [`Text`] into Slack's two kinds of formatted text.
//!
//! Paragraphs become `rich_text`: its text elements are never parsed, so somebody else's words can't ping, link or
//! format, and they keep every character as it is in the directory. Small print and notifications only exist as mrkdwn;
//! there quoted words are escaped and their markers replaced (see `escape`).

use chrono::{DateTime, Utc};
use slack_morphism::SlackUtcDateTime;
use slack_morphism::prelude::{
    SlackDateTime, SlackRichTextDate, SlackRichTextInlineElement, SlackRichTextLink, SlackRichTextStyle,
    SlackRichTextText, SlackRichTextUser, SlackRichTextUserGroup,
};
use url::Url;

use crate::chat::{ChatTerms, MessageRef, Span, Text, date_in_words, time_in_words};

use super::escape::{clamp, escape, escape_marked, escape_quoted, tidy};

/// The most characters of one quoted value: a long reason, not a flood.
const QUOTED_CHARS_MAX: usize = 1000;

/// What a mention, a date or a link is counted as against a limit: its label is at most about this long.
pub(super) const TOKEN_CHARS: usize = 30;

/// <https://docs.slack.dev/messaging/formatting-message-text#date-formatting>
const TIME_FORMAT: &str = "{date_short_pretty} at {time}";
const DATE_FORMAT: &str = "{date_short_pretty}";

/// What the system is called.
pub const NAME: &str = "Slack";

/// What a text is rendered for.
#[derive(Clone, Debug)]
pub(super) struct Workspace {
    pub(super) url: Url,
    pub(super) terms: ChatTerms,
}

impl Workspace {
    /// Returns the workspace at `url`, in which the bot answers to `command`.
    pub(super) fn new(url: Url, command: String) -> Workspace {
        let terms = ChatTerms { name: NAME, command, address_right: "users:read.email" };
        Workspace { url, terms }
    }
}

/// A message's address in the workspace, as Slack's "Copy link" gives it.
pub(super) fn permalink(team_url: &Url, message: &MessageRef) -> String {
    let stamp = message.id.replace('.', "");
    format!("{}/archives/{}/p{stamp}", team_url.as_str().trim_end_matches('/'), message.channel)
}

/// Slack's ids are letters and digits; anything else is not put where an id is expected.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric())
}

/// As mrkdwn of at most `max` characters. A span that doesn't fit is left out with what follows it, and an ellipsis says so.
pub(super) fn mrkdwn(text: &Text, workspace: &Workspace, max: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    if max == 0 {
        return out;
    }
    for span in &text.in_terms(&workspace.terms).0 {
        let piece = mrkdwn_span(span, workspace);
        let length = piece.chars().count();
        if used + length + 1 > max {
            if let Span::Plain(words) = span {
                // Cut before escaping, so that no entity is cut in half.
                out.push_str(&escape(&clamp(words, (max - used) / "&amp;".len())));
            } else {
                out.push('…');
            }
            break;
        }
        used += length;
        out.push_str(&piece);
    }
    out
}

fn mrkdwn_span(span: &Span, workspace: &Workspace) -> String {
    match span {
        Span::Plain(words) => escape(words),
        Span::Bold(words) if words.trim().is_empty() => String::new(),
        Span::Bold(words) => format!("*{}*", escape_marked(words)),
        Span::Code(words) | Span::Command(words) if words.trim().is_empty() => String::new(),
        Span::Code(words) | Span::Command(words) => format!("`{}`", escape(&tidy(words).replace('`', "ˋ"))),
        Span::Chat(word) => mrkdwn_span(&Span::of_word(*word, &workspace.terms), workspace),
        Span::Quoted(words) => escape_quoted(&clamp(&tidy(words), QUOTED_CHARS_MAX)),
        Span::Name(words) if tidy(words).is_empty() => String::new(),
        // Bold, which nothing in an inert name can end.
        Span::Name(words) => format!("*{}*", escape_quoted(&clamp(&tidy(words), QUOTED_CHARS_MAX))),
        Span::Login { login, is_name } => exactly(&clamp(&tidy(login), QUOTED_CHARS_MAX), *is_name),
        Span::Mention { id, .. } if is_id(id) => format!("<@{id}>"),
        // <https://docs.slack.dev/messaging/formatting-message-text#mentioning-groups>
        Span::Group(id) if is_id(id) => format!("<!subteam^{id}>"),
        Span::Mention { id, .. } | Span::Group(id) => escape_quoted(id),
        Span::Time(at) => format!("<!date^{}^{TIME_FORMAT}|{}>", at.timestamp(), time_in_words(*at)),
        Span::Date(at) => format!("<!date^{}^{DATE_FORMAT}|{}>", at.timestamp(), date_in_words(*at)),
        Span::MessageLink { message, label } => {
            format!("<{}|{}>", permalink(&workspace.url, message), escape_marked(label).replace('|', "ǀ"))
        }
    }
}

/// An identifier without look-alikes. What has a character that mrkdwn may read as a marker is code, in which only the
/// backtick means something.
fn exactly(login: &str, is_name: bool) -> String {
    let quoted = escape_quoted(login);
    match login {
        "" => quoted,
        _ if quoted != escape(login) => format!("`{}`", escape(&login.replace('`', "ˋ"))),
        _ if is_name => format!("*{quoted}*"),
        _ => quoted,
    }
}

/// As `rich_text` elements of at most `max` characters in all, and how many they are; none if there is nothing to show.
pub(super) fn rich(
    text: &Text,
    workspace: &Workspace,
    max: usize,
) -> (Vec<SlackRichTextInlineElement>, usize) {
    let mut left = max;
    let mut elements = Vec::new();
    for span in &text.in_terms(&workspace.terms).0 {
        if left == 0 {
            break;
        }
        let (element, length) = rich_span(span, workspace, left);
        left = left.saturating_sub(length);
        elements.extend(element);
    }
    (elements, max - left)
}

fn rich_span(span: &Span, workspace: &Workspace, left: usize) -> (Option<SlackRichTextInlineElement>, usize) {
    let token = |element: SlackRichTextInlineElement| (Some(element), TOKEN_CHARS);
    match span {
        Span::Plain(words) => rich_words(words, None, left),
        Span::Bold(words) => rich_words(words, Some(SlackRichTextStyle::new().with_bold(true)), left),
        Span::Code(words) | Span::Command(words) => {
            rich_words(&tidy(words), Some(SlackRichTextStyle::new().with_code(true)), left)
        }
        Span::Chat(word) => rich_span(&Span::of_word(*word, &workspace.terms), workspace, left),
        Span::Quoted(words) | Span::Login { login: words, is_name: false } => {
            rich_words(&clamp(&tidy(words), QUOTED_CHARS_MAX), None, left)
        }
        Span::Name(words) | Span::Login { login: words, is_name: true } => {
            let bold = SlackRichTextStyle::new().with_bold(true);
            rich_words(&clamp(&tidy(words), QUOTED_CHARS_MAX), Some(bold), left)
        }
        Span::Mention { id, .. } if is_id(id) => {
            token(SlackRichTextInlineElement::User(SlackRichTextUser::new(id.as_str().into())))
        }
        Span::Group(id) if is_id(id) => {
            token(SlackRichTextInlineElement::UserGroup(SlackRichTextUserGroup::new(id.as_str().into())))
        }
        Span::Mention { id, .. } | Span::Group(id) => rich_words(&tidy(id), None, left),
        Span::Time(at) => rich_date(*at, TIME_FORMAT, time_in_words(*at), left),
        Span::Date(at) => rich_date(*at, DATE_FORMAT, date_in_words(*at), left),
        Span::MessageLink { message, label } => {
            let label = clamp(label, left);
            let length = label.chars().count().max(TOKEN_CHARS);
            let link = SlackRichTextLink::new(permalink(&workspace.url, message).into()).with_text(label);
            (Some(SlackRichTextInlineElement::Link(link)), length)
        }
    }
}

fn rich_words(
    words: &str,
    style: Option<SlackRichTextStyle>,
    left: usize,
) -> (Option<SlackRichTextInlineElement>, usize) {
    // Slack refuses an element without text.
    if words.is_empty() {
        return (None, 0);
    }
    let words = clamp(words, left);
    let length = words.chars().count();
    (Some(SlackRichTextInlineElement::Text(SlackRichTextText::new(words).opt_style(style))), length)
}

fn rich_date(
    at: DateTime<Utc>,
    format: &str,
    fallback: String,
    left: usize,
) -> (Option<SlackRichTextInlineElement>, usize) {
    match SlackUtcDateTime::from_second(at.timestamp()) {
        Ok(moment) => {
            let date = SlackRichTextDate::new(SlackDateTime::from(moment), format.to_owned())
                .with_fallback(fallback);
            (Some(SlackRichTextInlineElement::Date(date)), TOKEN_CHARS)
        }
        Err(_) => rich_words(&fallback, None, left),
    }
}
