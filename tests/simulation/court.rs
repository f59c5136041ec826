//! Judges what the bot does by what people really did: every call to Okta at the moment at which it is made, and every
//! event of the trail as it appears.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::{DateTime, Duration, Utc};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::policy::Rule;

use crate::fate::Fate;
use crate::okta::Look;
use crate::slack::Slack;
use crate::support::judge::{self, Suspension};
use crate::support::ledger::{Asked, Event, Ledger, Listed};
use crate::terms::Terms;

/// How long what was read of an account may be acted on.
const HOLDS: Duration = Duration::minutes(5);

/// What somebody really did, and who they were while it was looked at.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "four questions that are answered at different times")]
pub struct Deed {
    pub key: String,
    pub user: &'static str,
    pub request: RequestId,
    /// As the trail calls it.
    pub verb: &'static str,
    /// When the frames with it arrived.
    pub at: Vec<DateTime<Utc>>,
    /// The list that it names is not the request's.
    pub forged: bool,
    /// The positions that were selected; all, if there are none.
    pub ticked: Option<BTreeSet<u32>>,
    pub may_approve: bool,
    pub may_steer: bool,
    /// Every address that the person had meanwhile.
    pub emails: BTreeSet<Option<String>>,
    pub settled: bool,
}

impl Deed {
    fn for_judge(self) -> judge::Deed {
        let Deed { forged, ticked, may_approve, emails, .. } = self;
        judge::Deed { forged, ticked, may_approve, emails }
    }
}

#[derive(Default)]
struct Inner {
    deeds: Vec<Deed>,
    known: BTreeMap<String, Terms>,
    today: Option<Terms>,
}

/// Clones are the same.
#[derive(Clone)]
pub struct Court {
    inner: Arc<Mutex<Inner>>,
    ledger: Arc<OnceLock<Ledger>>,
    pub fate: Fate,
}

impl Court {
    pub fn new(fate: Fate) -> Court {
        Court { inner: Arc::default(), ledger: Arc::default(), fate }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn ledger(&self) -> &Ledger {
        self.ledger.get().expect("the file was opened before")
    }

    /// The file is there now.
    pub fn read_from(&self, path: &std::path::Path) {
        self.ledger.get_or_init(|| Ledger::open(path));
    }

    /// Another file is there now.
    pub fn reads_again(&self, path: &std::path::Path) {
        self.ledger().reopen(path);
    }

    /// The bot goes by these terms from now on.
    pub fn goes_by(&self, terms: &Terms, rule: &Rule) {
        let mut inner = self.inner();
        inner.known.insert(rule.fingerprint(), terms.clone());
        inner.today = Some(terms.clone());
    }

    pub fn today(&self) -> Terms {
        self.inner().today.clone().expect("a bot was started")
    }

    pub fn note(&self, deed: Deed) {
        self.inner().deeds.push(deed);
    }

    /// The same frame arrives once more.
    pub fn again(&self, key: &str, at: DateTime<Utc>) {
        if let Some(deed) = self.inner().deeds.iter_mut().find(|deed| deed.key == key) {
            deed.at.push(at);
        }
    }

    pub fn settled(&self, key: &str) {
        if let Some(deed) = self.inner().deeds.iter_mut().find(|deed| deed.key == key) {
            deed.settled = true;
        }
    }

    pub fn deed(&self, key: &str) -> Option<Deed> {
        self.inner().deeds.iter().find(|deed| deed.key == key).cloned()
    }

    /// Who people are has changed: whose click is on its way may be judged by either.
    pub fn people_changed(&self, slack: &Slack) {
        let today = self.today();
        for deed in self.inner().deeds.iter_mut().filter(|deed| !deed.settled) {
            deed.may_approve |= today.may_approve(deed.user, slack);
            deed.may_steer |= today.may_steer(deed.user, slack);
            deed.emails.insert(slack.member(deed.user).and_then(|member| member.email));
        }
    }

    /// The deed behind a decision.
    fn behind(&self, request: RequestId, user: &str, at: DateTime<Utc>, verbs: &[&str]) -> Option<Deed> {
        let same = |one: &DateTime<Utc>| one.timestamp_millis() == at.timestamp_millis();
        let inner = self.inner();
        let fits = |deed: &&Deed| {
            deed.request == request
                && deed.user == user
                && verbs.contains(&deed.verb)
                && deed.at.iter().any(same)
        };
        inner.deeds.iter().find(fits).cloned()
    }

    /// Judges a call that suspends. Returns the request that it stands on.
    pub fn suspension(&self, account: &str, look: Option<&Look>) -> Option<RequestId> {
        let due = self.ledger().candidates().into_iter();
        let due: Vec<Listed> = due.filter(|one| one.account == account && one.state == "due").collect();
        let [listed] = due.as_slice() else {
            self.fate.wrong(format!("{account} is to be suspended with {} rows due", due.len()));
            return None;
        };
        let wrong = |why: &str| self.fate.wrong(format!("{} is to be suspended, but {why}", listed.login));
        let asked = self.ledger().request(listed.request).expect("a candidate has a request");
        let intent = self.ledger().last_event(account).filter(|(action, _)| action == "suspension_intended");
        let Some((_, intended_at)) = intent else {
            wrong("its intent is not in the trail");
            return Some(asked.id);
        };
        if let Err(why) = self.authorization(&asked, listed, intended_at) {
            wrong(&why);
        }
        match look {
            None => wrong("nobody looked at it"),
            Some(look) => self.objections(&asked, look, intended_at).iter().for_each(|why| wrong(why)),
        }
        Some(asked.id)
    }

    /// What speaks against suspending an account that was seen like this.
    fn objections(&self, asked: &Asked, look: &Look, intended_at: DateTime<Utc>) -> Vec<String> {
        let mut found = Vec::new();
        // The last look may be another one's, under a clock that was put right since: what either time calls recent is so.
        let ago = (intended_at - look.noticed_at).min(self.fate.now() - look.at);
        if ago > HOLDS {
            found.push(format!("it was last looked at {} min before", ago.num_minutes()));
        }
        let rule: Rule = serde_json::from_value(asked.rule.clone()).expect("a stored rule");
        let shown = self.inner().known.get(&rule.fingerprint()).cloned().expect("the bot went by it once");
        found.extend([shown, self.today()].iter().filter_map(|terms| terms.objection(look)));
        found
    }

    /// Whether people who may wanted exactly this, in time.
    fn authorization(&self, asked: &Asked, listed: &Listed, at: DateTime<Utc>) -> Result<(), String> {
        if asked.word() != "approved" {
            return Err(format!("its request is {}", asked.word()));
        }
        let suspension = Suspension {
            asked,
            listed,
            trail: &self.ledger().events_after(0),
            at,
            intent: i64::MAX,
            approvals: asked.approvals_needed,
            execute_within: Duration::hours(self.today().carry_out_hours),
            deeds: &|user, at, verbs| self.behind(asked.id, user, at, verbs).map(Deed::for_judge),
        };
        suspension.authorization()
    }

    /// Judges a call that gives an account back.
    pub fn restoration(&self, account: &str) -> Option<RequestId> {
        if self.ledger().last_event(account).is_none_or(|(action, _)| action != "restore_intended") {
            self.fate.wrong(format!("{account} is to be restored, but its intent is not in the trail"));
        }
        None
    }

    /// Judges an event of the trail that a person is named in.
    pub fn event(&self, event: &Event) {
        let (Some(user), Some(request)) = (event.person(), event.request) else { return };
        let Some((verbs, steers)) = verbs(&event.action) else { return };
        if event.detail["superseded"] == true {
            // What was open when an older copy was put back ends with the word that lets the bot go on.
            return;
        }
        let wrong =
            |why: &str| self.fate.wrong(format!("event {} ({}) of {user}: {why}", event.seq, event.action));
        let asked = self.ledger().request(request).expect("an event's request is there");
        let Some(deed) = self.behind(request, user, event.at(), verbs) else {
            wrong("they never did that then");
            return;
        };
        if deed.forged && deed.verb != "ask_again" {
            wrong("they saw another list");
        }
        let may = if event.action == "went_live" {
            user == crate::terms::ADMIN
        } else if steers || deed.verb == "keep" {
            deed.may_steer
        } else {
            deed.may_approve
        };
        if !may && event.action != "approval_taken_back" {
            wrong("they might not");
        }
        let bound = !matches!(deed.verb, "retry" | "ask_again" | "withdraw");
        if bound && asked.deadline.is_none_or(|deadline| event.at() >= deadline) {
            wrong("that was not before the deadline");
        }
        if event.action == "approved" {
            let list = self.ledger().candidates().into_iter();
            for due in list.filter(|one| one.request == request && one.state == "due") {
                let deeds = |user: &str, at, verbs: &[&str]| {
                    self.behind(request, user, at, verbs).map(Deed::for_judge)
                };
                if let Err(why) = judge::stands(&due, user, event.at(), verbs, &deeds) {
                    wrong(&format!("{} is due, but {why}", due.login));
                }
            }
        }
        self.fate.count("decisions");
    }
}

/// The verbs that may be behind an action of a person, and whether an admin may as well.
fn verbs(action: &str) -> Option<(&'static [&'static str], bool)> {
    Some(match action {
        "approved" | "approved_first" => (&["suspend"], false),
        "retried" | "retried_first" => (&["retry"], false),
        // Anyone who keeps everybody denies.
        "denied" => (&["deny", "suspend", "keep"], false),
        "withdrawn" => (&["withdraw"], true),
        "released" => (&["release"], true),
        "went_live" => (&["go_live"], true),
        "approval_taken_back" => (&["take_back_approval"], true),
        "asked_again" => (&["ask_again"], true),
        _ => return None,
    })
}
