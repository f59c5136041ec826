//! The plan of one run: a pure function of the seed.

use std::time::Duration;

use fastrand::Rng;

use crate::fake::okta::Fault as OktaFault;
use crate::fake::slack::{
    Fault as SlackFault, U_ADMIN, U_APPROVER, U_APPROVER2, U_GUEST, U_STRANGER, U_VIEWER,
};

/// Longer than the bot waits for an answer here.
const BEYOND: Duration = Duration::from_millis(900);
/// Shorter.
const WITHIN: Duration = Duration::from_millis(160);

/// Everything that is decided beforehand.
#[derive(Clone, Debug)]
pub struct Plan {
    pub terms: Terms,
    /// Of each contractor in the beginning: how many days they have been away.
    pub away_days: Vec<i64>,
    pub rounds: Vec<Round>,
}

/// The policy.
#[derive(Clone, Debug)]
pub struct Terms {
    pub approvals: usize,
    pub clear_sessions: bool,
    pub second_look: bool,
    pub answer_hours: i64,
    /// For so long anyone who was restored is left alone.
    pub restored_grace: &'static str,
    /// Okta gives out so many users at a time.
    pub page: usize,
}

#[derive(Clone, Debug)]
pub struct Round {
    pub faults: Vec<Armed>,
    pub steps: Vec<(Step, Then)>,
    /// What is tried again meets the faults that are left: the clock is moved to it before they are taken away.
    pub after: Vec<Then>,
}

/// What comes before the next step.
#[derive(Clone, Copy, Debug)]
pub struct Then {
    /// So far everybody's clock is moved.
    pub seconds: i64,
    /// For so long nothing else happens.
    pub pause_ms: u64,
}

/// A fault that waits for its call.
#[derive(Clone, Debug)]
pub enum Armed {
    Okta {
        call: &'static str,
        fault: OktaFault,
        times: usize,
    },
    Slack {
        method: &'static str,
        fault: SlackFault,
    },
    /// Listings show everybody as they are now until the round is over.
    StaleIndex,
    HungHandshake,
    TooManySockets,
}

/// What somebody or something does. Numbers are places among what there is then.
#[derive(Clone, Debug)]
pub enum Step {
    /// On the newest card that offers it, or on an older one, or on one as it looked before.
    ButtonInput {
        user: &'static str,
        action: &'static str,
        card: Pick,
    },
    /// The review: who is unticked, as bits by position.
    Review {
        user: &'static str,
        unticked: u32,
    },
    /// From a menu beside somebody on a card.
    Row {
        user: &'static str,
        wanted: &'static str,
        person: usize,
    },
    Line {
        user: &'static str,
        line: Line,
    },
    OpenHome {
        user: &'static str,
    },
    /// Slack delivers the last payload once more.
    Again,
    Dies,
    Starts,
    Minutes(i64),
    InOkta {
        person: usize,
        what: InOkta,
    },
    Socket(Socket),
}

#[derive(Clone, Copy, Debug)]
pub enum Pick {
    Newest,
    Older,
    AsBefore,
}

#[derive(Clone, Debug)]
pub enum Line {
    Sweep,
    Withdraw,
    Retry,
    Restore(usize),
    Exempt(usize),
    Why(usize),
    Other(&'static str),
}

#[derive(Clone, Copy, Debug)]
pub enum InOkta {
    SignsIn,
    UsesAnApp,
    SuspendedByAnAdmin,
    BroughtBack,
    LockedOut,
    Gone,
    Comes,
}

#[derive(Clone, Copy, Debug)]
pub enum Socket {
    Refresh,
    Warning,
    Close,
    Drop,
    Freeze,
    NoJson,
    UnknownType,
    StrangeEnvelope,
    Binary,
    Deep,
    Oversized,
    /// Many questions at once.
    Flood(usize),
}

fn of<T: Clone>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())].clone()
}

impl Plan {
    pub fn of(seed: u64) -> Plan {
        let rng = &mut Rng::with_seed(seed);
        let terms = Terms {
            approvals: if rng.u8(..100) < 20 { 2 } else { 1 },
            clear_sessions: rng.u8(..100) < 40,
            second_look: rng.u8(..100) < 60,
            answer_hours: of(rng, &[2, 8, 8]),
            restored_grace: of(rng, &["1h", "7d"]),
            page: of(rng, &[2, 3, 200]),
        };
        let away_days = (0..3 + rng.usize(..5)).map(|_| of(rng, &[1, 20, 41, 41, 60, 90])).collect();
        let rounds = (0..3 + rng.usize(..2)).map(|_| Round::draw(rng)).collect();
        Plan { terms, away_days, rounds }
    }
}

impl Round {
    fn draw(rng: &mut Rng) -> Round {
        let mut faults: Vec<Armed> = (0..rng.usize(..14)).map(|_| Armed::draw(rng)).collect();
        if rng.u8(..100) < 25 {
            // What may or may not have happened is looked for, and the look fails too.
            let (lost, looked) = [
                (Armed::lost_post(), Armed::Slack { method: of(rng, &FINDING), fault: in_slack(rng) }),
                (
                    Armed::lost_suspension(),
                    Armed::Okta { call: READS[2], fault: reading(rng, READS[2]), times: 1 },
                ),
            ][rng.usize(..2)]
            .clone();
            faults.extend([lost, looked]);
        }
        // There is something to decide in most rounds, and somebody decides it.
        if rng.u8(..100) < 40 {
            let method = of(rng, &["chat.update", "chat.update", "chat.postMessage", "users.info"]);
            faults.extend((0..2 + rng.usize(..5)).map(|_| Armed::Slack { method, fault: in_slack(rng) }));
        }
        let at_once = Then { seconds: 0, pause_ms: 0 };
        let mut steps: Vec<(Step, Then)> =
            (0..rng.usize(..3)).map(|_| (Step::InOkta { person: 0, what: InOkta::Comes }, at_once)).collect();
        let swept = Then { seconds: of(rng, &[0, 0, 20]), pause_ms: of(rng, &[60, 150, 300, 500]) };
        steps.push((Step::Line { user: U_APPROVER, line: Line::Sweep }, swept));
        for _ in 0..5 + rng.usize(..7) {
            let pause_ms = of(rng, &[0, 0, 3, 10, 40, 120, 250]);
            let seconds = of(rng, &[0, 0, 0, 0, 3, 12, 35]);
            steps.push((Step::draw(rng), Then { seconds, pause_ms }));
        }
        if rng.u8(..100) < 15 {
            faults.push(Armed::Okta {
                call: "POST /lifecycle/suspend",
                fault: OktaFault::Drip(BEYOND),
                times: 3,
            });
            steps.extend(others_in_the_middle());
        }
        let after = (0..2 + rng.usize(..5))
            .map(|_| Then { seconds: of(rng, &[5, 15, 40, 70]), pause_ms: of(rng, &[30, 80, 150]) })
            .collect();
        Round { faults, steps, after }
    }
}

/// A process dies while it waits to hear of its suspensions, and an admin gives the accounts back long before the next
/// one looks.
fn others_in_the_middle() -> Vec<(Step, Then)> {
    let then = |pause_ms| Then { seconds: 0, pause_ms };
    let input = |user| (Step::ButtonInput { user, action: "suspend", card: Pick::Newest }, then(150));
    let given_back = (0..8).map(|person| (Step::InOkta { person, what: InOkta::BroughtBack }, then(0)));
    let mut scene = vec![input(U_APPROVER), input(U_APPROVER2), (Step::Dies, then(0))];
    scene.extend(given_back);
    // Longer than the shortest time for which anyone who was restored is left alone.
    scene.push((Step::Minutes(70), then(0)));
    scene.push((Step::Starts, then(250)));
    scene
}

/// Calls to Okta that read, by a part of what they ask for.
const READS: [&str; 8] = [
    "GET /api/v1/users?",
    "GET after=",
    "GET /api/v1/users/00u",
    "GET /roles",
    "GET /api/v1/logs",
    "GET iam/assignees",
    "GET users/me",
    "GET",
];

impl Armed {
    fn draw(rng: &mut Rng) -> Armed {
        match rng.u8(..100) {
            0..24 => {
                let call = of(rng, &READS);
                Armed::Okta { call, fault: reading(rng, call), times: 1 + rng.usize(..3) }
            }
            24..46 => {
                let fault = changing(rng);
                Armed::Okta { call: "POST /lifecycle/suspend", fault, times: 1 + rng.usize(..2) }
            }
            46..50 => {
                let call = of(rng, &["DELETE /sessions", "POST /lifecycle/unsuspend"]);
                Armed::Okta { call, fault: changing(rng), times: 1 }
            }
            50..54 => Armed::StaleIndex,
            54..57 => Armed::HungHandshake,
            57..60 => Armed::TooManySockets,
            60..82 => Armed::Slack { method: of(rng, &WRITES), fault: in_slack(rng) },
            82..86 => {
                // What the bot waits for here is no clock that anybody moves.
                let fault = match in_slack(rng) {
                    SlackFault::TooFast | SlackFault::RateLimited { .. } => {
                        SlackFault::RateLimited { retry_after: 1 }
                    }
                    other => other,
                };
                Armed::Slack { method: of(rng, &CONNECTING), fault }
            }
            86..93 => {
                // The bot looks for a message that it may have posted.
                Armed::Slack { method: of(rng, &FINDING), fault: in_slack(rng) }
            }
            _ => Armed::Slack {
                method: of(rng, &["users.info", "conversations.members"]),
                fault: in_slack(rng),
            },
        }
    }

    fn lost_post() -> Armed {
        Armed::Slack { method: "chat.postMessage", fault: SlackFault::LostResponse }
    }

    fn lost_suspension() -> Armed {
        Armed::Okta { call: "POST /lifecycle/suspend", fault: OktaFault::LostResponse, times: 1 }
    }
}

/// The first word of what is shown of it.
fn word(debug: &str) -> &str {
    debug.split([' ', '{', '(']).next().unwrap_or_default()
}

/// A fault's kind, for the figures.
pub fn of_okta(fault: &OktaFault) -> String {
    match fault {
        OktaFault::Status(status, code) => format!("okta:{status}:{code}"),
        OktaFault::Html(status) => format!("okta:Html:{status}"),
        OktaFault::Drip(over) => format!("okta:Drip:{}", if *over == BEYOND { "beyond" } else { "within" }),
        OktaFault::BareRateLimit { retry_after_s } => {
            format!("okta:BareRateLimit:{}", if retry_after_s.is_some() { "Retry-After" } else { "nothing" })
        }
        other => format!("okta:{}", word(&format!("{other:?}"))),
    }
}

/// The same of one in Slack.
pub fn of_slack(fault: &SlackFault) -> String {
    match fault {
        SlackFault::Status(status) => format!("slack:{status}"),
        SlackFault::Html(status) => format!("slack:Html:{status}"),
        SlackFault::Error(code) => format!("slack:{code}"),
        SlackFault::Drip(over) => format!("slack:Drip:{}", if *over == BEYOND { "beyond" } else { "within" }),
        other => format!("slack:{}", word(&format!("{other:?}"))),
    }
}

/// The same of one on the socket.
pub fn of_socket(what: Socket) -> String {
    format!("socket:{}", word(&format!("{what:?}")))
}

fn reading(rng: &mut Rng, call: &str) -> OktaFault {
    if call == "GET after=" && rng.bool() {
        // A cursor that has expired, and one that is not minded.
        return of(rng, &[OktaFault::Status(400, "E0000031"), OktaFault::FirstPageAgain]);
    }
    of(
        rng,
        &[
            OktaFault::Status(500, "E0000009"),
            OktaFault::Html(502),
            OktaFault::Html(503),
            OktaFault::Html(200),
            OktaFault::RateLimited { reset_in_s: 30 },
            OktaFault::Concurrency,
            OktaFault::BareRateLimit { retry_after_s: None },
            OktaFault::BareRateLimit { retry_after_s: Some(7) },
            OktaFault::DropBefore,
            OktaFault::LostResponse,
            OktaFault::BrokenBody,
            OktaFault::Reset,
            OktaFault::Hang,
            OktaFault::Drip(WITHIN),
            OktaFault::Drip(BEYOND),
            OktaFault::CutJson,
            OktaFault::Garbled,
        ],
    )
}

fn changing(rng: &mut Rng) -> OktaFault {
    of(
        rng,
        &[
            OktaFault::Status(500, "E0000009"),
            OktaFault::Status(503, "E0000010"),
            OktaFault::Status(400, "E0000001"),
            OktaFault::Status(403, "E0000006"),
            OktaFault::Html(502),
            OktaFault::Html(200),
            OktaFault::RateLimited { reset_in_s: 30 },
            OktaFault::Concurrency,
            OktaFault::BareRateLimit { retry_after_s: None },
            OktaFault::BareRateLimit { retry_after_s: Some(7) },
            OktaFault::DropBefore,
            OktaFault::LostResponse,
            OktaFault::LostResponse,
            OktaFault::Reset,
            OktaFault::Hang,
            OktaFault::Drip(WITHIN),
            OktaFault::Drip(BEYOND),
        ],
    )
}

const WRITES: [&str; 7] = [
    "chat.postMessage",
    "chat.postMessage",
    "chat.update",
    "chat.update",
    "views.open",
    "chat.postEphemeral",
    "response_url",
];

const FINDING: [&str; 2] = ["conversations.history", "conversations.replies"];

const CONNECTING: [&str; 2] = ["apps.connections.open", "auth.test"];

fn in_slack(rng: &mut Rng) -> SlackFault {
    of(
        rng,
        &[
            SlackFault::Status(500),
            SlackFault::Html(500),
            SlackFault::Html(503),
            SlackFault::Html(200),
            SlackFault::RateLimited { retry_after: 20 },
            SlackFault::TooFast,
            SlackFault::DropBefore,
            SlackFault::LostResponse,
            SlackFault::LostResponse,
            SlackFault::Hang,
            SlackFault::Garbage,
            SlackFault::Drip(WITHIN),
            SlackFault::Drip(BEYOND),
            SlackFault::CutJson,
            SlackFault::Late(BEYOND),
            SlackFault::Error("internal_error".to_owned()),
            SlackFault::Error("fatal_error".to_owned()),
            SlackFault::Error("service_unavailable".to_owned()),
        ],
    )
}

impl Step {
    fn draw(rng: &mut Rng) -> Step {
        let user = of(
            rng,
            &[
                U_APPROVER,
                U_APPROVER,
                U_APPROVER,
                U_APPROVER2,
                U_APPROVER2,
                U_APPROVER2,
                U_ADMIN,
                U_VIEWER,
                U_GUEST,
                U_STRANGER,
            ],
        );
        let approver = of(rng, &[U_APPROVER, U_APPROVER2]);
        let person = rng.usize(..12);
        match rng.u8(..100) {
            0..26 => Step::ButtonInput { user, action: of(rng, &PRESSED), card: pick(rng) },
            26..34 => Step::ButtonInput { user: approver, action: "suspend", card: Pick::Newest },
            34..42 => Step::Review { user: approver, unticked: rng.u32(..8) },
            42..47 => Step::Row { user, wanted: of(rng, &["exempt", "give_back", "keep"]), person },
            47..58 => Step::Line { user, line: line(rng, person) },
            58..60 => Step::OpenHome { user },
            60..66 => Step::Again,
            66..73 => Step::Dies,
            73..78 => Step::Starts,
            78..82 => Step::Minutes(of(rng, &[1, 7, 40, 40, 150])),
            82..91 => Step::InOkta { person, what: in_okta(rng) },
            _ => Step::Socket(socket(rng)),
        }
    }
}

const PRESSED: [&str; 9] =
    ["suspend", "suspend", "suspend", "deny", "choose", "retry", "retry", "take_back_approval", "ask_again"];

fn pick(rng: &mut Rng) -> Pick {
    of(rng, &[Pick::Newest, Pick::Newest, Pick::Newest, Pick::Older, Pick::AsBefore])
}

fn line(rng: &mut Rng, person: usize) -> Line {
    of(
        rng,
        &[
            Line::Sweep,
            Line::Sweep,
            Line::Withdraw,
            Line::Retry,
            Line::Restore(person),
            Line::Exempt(person),
            Line::Why(person),
            Line::Other("status"),
            Line::Other("pending"),
            Line::Other("preview"),
            Line::Other("nonsense"),
        ],
    )
}

fn in_okta(rng: &mut Rng) -> InOkta {
    of(
        rng,
        &[
            InOkta::SignsIn,
            InOkta::SignsIn,
            InOkta::UsesAnApp,
            InOkta::SuspendedByAnAdmin,
            InOkta::BroughtBack,
            InOkta::BroughtBack,
            InOkta::LockedOut,
            InOkta::Gone,
            InOkta::Comes,
            InOkta::Comes,
        ],
    )
}

fn socket(rng: &mut Rng) -> Socket {
    let number = 5 + rng.usize(..15);
    of(
        rng,
        &[
            Socket::Refresh,
            Socket::Warning,
            Socket::Close,
            Socket::Drop,
            Socket::Drop,
            Socket::Freeze,
            Socket::NoJson,
            Socket::UnknownType,
            Socket::StrangeEnvelope,
            Socket::Binary,
            Socket::Deep,
            Socket::Oversized,
            Socket::Flood(number),
        ],
    )
}
