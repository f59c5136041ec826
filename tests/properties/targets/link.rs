//! The page after a page is the org's own, and a header that names one is never taken for the end of the listing.

use http::header::{HeaderMap, HeaderValue, LINK};
use inactive_contractors::identity::okta::fuzzing::next_page;
use url::Url;

/// The org's address, with which the credential goes along.
pub fn org() -> Url {
    Url::parse("https://acme.okta.com/").expect("a constant that is an address")
}

/// The headers of these lines; those that no header can hold are left out.
pub fn headers<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> HeaderMap {
    let values = lines.into_iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
    values.map(|value| (LINK, value)).collect()
}

/// Reads each line of the bytes as one `Link` header of an answer.
pub fn check(data: &[u8]) {
    let headers = headers(data.split(|byte| *byte == b'\n'));
    let names_next = headers.values().any(|line| {
        let line = line.as_bytes().to_ascii_lowercase();
        line.windows(4).any(|part| part == b"next")
    });
    match next_page(&headers, &org()) {
        Ok(Some(url)) => {
            assert!(names_next, "a next page that nobody named: {url}");
            assert_eq!((url.scheme(), url.host_str(), url.port()), ("https", Some("acme.okta.com"), None));
            assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        }
        Ok(None) => {
            let plain = |line: &HeaderValue| {
                let line = line.to_str().unwrap_or_default();
                line.strip_prefix("<")
                    .and_then(|line| line.strip_suffix(">; rel=\"next\""))
                    .is_some_and(|target| !target.contains(['>', '"']))
            };
            assert!(!headers.values().any(plain), "a next page was overlooked: {headers:?}");
        }
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
}
