//! Restores what people typed from what Slack hands over: escaped once, with markup around what it takes for a link.
//!
//! <https://docs.slack.dev/messaging/formatting-message-text>

use super::escape::as_before;

/// Returns the words as they were typed. Mentions of people and channels keep Slack's form, which names them by id.
pub(super) fn as_typed(text: &str) -> String {
    let mut typed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        typed.push_str(&unescaped(&rest[..at]));
        rest = &rest[at..];
        let Some((inner, after)) = rest[1..].split_once('>').filter(|(inner, _)| !inner.contains('<')) else {
            typed.push('<');
            rest = &rest[1..];
            continue;
        };
        let (target, label) = inner.split_once('|').unwrap_or((inner, inner));
        let address = ["mailto:", "tel:"].iter().find_map(|scheme| target.strip_prefix(scheme));
        if address.is_some() || target.contains("://") {
            let bare = address.unwrap_or(target);
            typed.push_str(&unescaped(if label == inner { bare } else { label }));
        } else {
            typed.push('<');
            typed.push_str(&unescaped(inner));
            typed.push('>');
        }
        rest = after;
    }
    typed.push_str(&unescaped(rest));
    typed.split_inclusive(char::is_whitespace).map(as_before).collect()
}

/// Takes Slack's three escapes back, once: a person who typed `&gt;` sees `&gt;`.
fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slack_made_of_it_is_what_was_typed() {
        for (sent, typed) in [
            ("moved -&gt; new team", "moved -> new team"),
            ("R&amp;D &lt;later&gt;", "R&D <later>"),
            ("she wrote &amp;gt;", "she wrote &gt;"),
            ("why <mailto:ada@x.example|ada@x.example> now", "why ada@x.example now"),
            ("why <mailto:ada@x.example>", "why ada@x.example"),
            ("see <https://wiki.example/a?b=1&amp;c=2>", "see https://wiki.example/a?b=1&c=2"),
            ("see <http://wiki.example|wiki.example>", "see wiki.example"),
            ("why <@U1|ada> in <#C1|ops> &lt;@U2&gt;", "why <@U1|ada> in <#C1|ops> <@U2>"),
            ("1 < 2 <@U1> <", "1 < 2 <@U1> <"),
            ("why extˍjohnˍdoe@x.example\nnow", "why ext_john_doe@x.example\nnow"),
            ("for mañana∗", "for mañana∗"),
            ("<mailto:|>", ""),
            ("", ""),
        ] {
            assert_eq!(as_typed(sent), typed, "{sent}");
        }
    }
}
