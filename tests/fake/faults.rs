//! Failures on demand: what goes wrong, for which calls, how often. They are the same for every provider.

use std::collections::VecDeque;
use std::time::Duration;

/// One way in which a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This HTTP status with this code of the provider's (on Okta's token endpoint: this `error`; on Entra's: this
    /// `AADSTS` number); nothing takes effect.
    Status(u16, &'static str),
    /// This HTTP status with a gateway's HTML page; nothing takes effect.
    Html(u16),
    /// 429 with the provider's word for when to come again: that many seconds from now. Nothing takes effect.
    RateLimited { reset_in_s: i64 },
    /// The 429 of too many calls in flight: Okta's limit and remaining are both 0, Entra doesn't say when to come
    /// again. Nothing takes effect.
    Concurrency,
    /// The connection closes; nothing takes effect.
    DropBefore,
    /// The call takes effect, then the connection closes without a byte of response.
    LostResponse,
    /// The call takes effect; its status line and half of its body arrive, then the connection closes.
    BrokenBody,
    /// No answer ever comes; nothing takes effect.
    Hang,
    /// 429 without any of the provider's headers, as a gateway sends it, with `Retry-After` if it says when. Nothing
    /// takes effect.
    BareRateLimit { retry_after_s: Option<u64> },
    /// The call takes effect; its answer comes whole, in small pieces, over so long.
    Drip(Duration),
    /// The call takes effect; half of its body comes, under a length that says that this is all.
    CutJson,
    /// The call takes effect; its body is as long as it was and no JSON.
    Garbled,
    /// The call takes effect; its status line and half of its body arrive, then the connection is reset.
    Reset,
    /// The first page of the listing, whatever the cursor says.
    FirstPageAgain,
    /// The call takes effect; the link to the next page is missing in its answer.
    NoLinks,
}

struct Rule {
    method: Option<String>,
    part: String,
    fault: Fault,
    /// `None`: for ever.
    left: Option<usize>,
}

impl Rule {
    fn matches(&self, method: &str, target: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method) && target.contains(&self.part)
    }
}

/// Rules in the order they were given; the first that matches a call is used up by it.
#[derive(Default)]
pub(super) struct Faults {
    rules: VecDeque<Rule>,
    /// Those that met a call, in that order.
    struck: Vec<Fault>,
}

impl Faults {
    /// `what` is `"METHOD part"`, `"METHOD"` or `"part"`; the part is looked for in `path?query`, decoded.
    pub fn add(&mut self, what: &str, fault: Fault, times: Option<usize>) {
        let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
        let is_method = !first.is_empty() && first.bytes().all(|byte| byte.is_ascii_uppercase());
        let (method, part) = if is_method { (Some(first.to_owned()), rest) } else { (None, what) };
        self.rules.push_back(Rule { method, part: part.to_owned(), fault, left: times });
    }

    pub fn take(&mut self, method: &str, target: &str) -> Option<Fault> {
        let index = self.rules.iter().position(|rule| rule.matches(method, target))?;
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        rule.left = rule.left.map(|left| left - 1);
        if rule.left == Some(0) {
            self.rules.remove(index);
        }
        self.struck.push(fault.clone());
        Some(fault)
    }

    pub fn struck(&self) -> &[Fault] {
        &self.struck
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    /// How many rules still wait for a call.
    pub fn len(&self) -> usize {
        self.rules.len()
    }
}
