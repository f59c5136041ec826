//! What goes to Okta: a value stays a value, and only the org's own pages are followed.

use inactive_contractors::identity::okta::fuzzing::next_page;
use proptest::prelude::*;

use crate::generate::{holds, nasty};
use crate::targets::link::{headers, org};
use crate::targets::{scim, search};

#[test]
fn a_value_stays_a_value_in_every_expression() {
    holds(600, &nasty(), |value| search::check(value.as_bytes()));
}

#[test]
fn the_reader_of_expressions_sees_what_leaves_its_quotes() {
    let naive = |value: &str| scim::read(&format!("profile.login eq \"{value}\""));
    assert_eq!(naive("ada"), Some(scim::equals("profile.login", "ada")));
    assert!(matches!(naive("x\" or status eq \"ACTIVE"), Some(scim::Expression::Or(_))));
    assert_eq!(naive("x\\\" or status eq \\\"ACTIVE"), naive("x\\u0022 or status eq \\u0022ACTIVE"));
    assert_eq!(naive("x\\"), None);
    assert_eq!(naive("a\nb"), None);
}

/// A link as some server may write it.
#[derive(Clone, Debug)]
struct Link {
    target: String,
    is_own: bool,
    rel: &'static str,
    quoted: bool,
    before: &'static str,
}

fn link() -> impl Strategy<Value = Link> {
    let own = prop_oneof![
        "https://acme\\.okta\\.com/api/v1/users\\?after=[a-zA-Z0-9,;=&]{0,20}",
        "/api/v1/users\\?after=[a-zA-Z0-9]{0,9}",
        Just("https://ACME.okta.com:443/x".to_owned()),
    ];
    let foreign = prop_oneof![
        "https://[a-z]{1,9}\\.example/[a-z]{0,5}",
        "//[a-z]{1,9}\\.example/",
        Just("https://acme.okta.com.evil.example/".to_owned()),
        Just("https://acme.okta.com@evil.example/".to_owned()),
        Just("https://me:pw@acme.okta.com/".to_owned()),
        Just("https://acme.okta.com:8443/".to_owned()),
        Just("http://acme.okta.com/".to_owned()),
        Just("\\\\evil.example\\x".to_owned()),
        Just("file:///etc/passwd".to_owned()),
        Just("javascript:alert(1)".to_owned()),
    ];
    let target = prop_oneof![own.prop_map(|own| (own, true)), foreign.prop_map(|foreign| (foreign, false))];
    let rel = prop::sample::select(vec!["next", "NEXT", "last next", "self", "prev", "nexted", "next-1"]);
    let before =
        prop::sample::select(vec!["", "; title=\"a, <b>; rel=next\"", ";x=y", "; title=\"\\\"; rel=next\""]);
    (target, rel, any::<bool>(), before).prop_map(|((target, is_own), rel, quoted, before)| {
        // A rel of two words has to be quoted.
        Link { target, is_own, rel, quoted: quoted || rel.contains(' '), before }
    })
}

fn written(link: &Link) -> String {
    let quote = if link.quoted { "\"" } else { "" };
    format!("<{}>{} ; rel={quote}{}{quote}", link.target, link.before, link.rel)
}

#[test]
fn exactly_the_next_page_of_the_org_is_followed() {
    let lines = prop::collection::vec(prop::collection::vec(link(), 1..4), 0..4);
    let comma = prop::sample::select(vec![",", ", ", " ,\t ", ",,"]);
    holds(1500, &(lines, comma), |(lines, comma)| {
        let text: Vec<String> =
            lines.iter().map(|links| links.iter().map(written).collect::<Vec<_>>().join(comma)).collect();
        let found = next_page(&headers(text.iter().map(String::as_bytes)), &org());
        let is_next = |link: &&Link| link.rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"));
        let next: Vec<&Link> = lines.iter().flatten().filter(is_next).collect();
        match next[..] {
            [] => assert_eq!(found, Ok(None)),
            [one] if one.is_own => {
                let wanted = org().join(&one.target).expect("an address of our making");
                assert_eq!(found, Ok(Some(wanted)));
            }
            [_] => assert!(found.is_err(), "{found:?}"),
            _ => assert!(found.is_err(), "two next pages: {found:?}"),
        }
    });
}
