//! Answers to commands and clicks, notices of sweeps, and every refusal.

use inactive_contractors::chat::{Connection, Text};
use inactive_contractors::domain::account::AccountStatus;
use inactive_contractors::domain::assess::{Assessment, Exemption, Standing, assess};
use inactive_contractors::domain::attempt::Confirmation;
use inactive_contractors::domain::audit::{Actor, AuditEvent, Behind, GENESIS, Subject};
use inactive_contractors::domain::candidate::CandidateState;
use inactive_contractors::domain::date_range::Misread;
use inactive_contractors::domain::exemption::{End, Refusal as NotExempt};
use inactive_contractors::domain::ids::{RequestId, SweepId};
use inactive_contractors::domain::pause::Pause;
use inactive_contractors::domain::person::Denied;
use inactive_contractors::domain::plan::{Assessed, Counts, Guard, Plan, Verdict};
use inactive_contractors::domain::progress::Progress;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Decision, Refusal, RequestState};
use inactive_contractors::domain::restoration::{Restoration, RestorationState, Skip, Wish};
use inactive_contractors::identity::IdentityError;
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::identity::watched::{LastAnswer, Problem};
use inactive_contractors::wording::exemptions;
use inactive_contractors::wording::exemptions::NotRestored;
use inactive_contractors::wording::pauses;
use inactive_contractors::wording::pauses::Missed;
use inactive_contractors::wording::review_dialog::form;
use inactive_contractors::wording::{answers, mistakes, notices, refusals};

use crate::desk::{Desk, compare};
use crate::fixture::{contractor, days, every_request_state, policy, request, rule};
use crate::people::{EVIL, NAMES, account, alice, at, granted, somewhere};

/// Each text as a note of its own, one below the other.
async fn notes(desk: &mut Desk, name: &str, texts: Vec<Text>) {
    let mut said = String::new();
    for text in texts {
        let note = desk.message(&refusals::note(text)).await;
        said += note.lines().last().unwrap_or_default();
        said += "\n";
    }
    compare(name, &said);
}

#[tokio::test]
async fn every_refusal_is_a_sentence() {
    let mut desk = Desk::open().await;
    let subject = || Subject { id: contractor("kim").id, login: "kim@contractors.example".into() };
    let decided = every_request_state().into_iter().map(|state| Refusal::AlreadyDecided {
        by_you: matches!(state, RequestState::Denied { .. }),
        state: Box::new(state),
    });
    let until = [
        NotExempt::NoReason,
        NotExempt::ReasonTooLong,
        NotExempt::EndsTooEarly,
        NotExempt::TooLong { max: days(90) },
        NotExempt::StartsTooLate,
        NotExempt::OwnAccount,
        NotExempt::NoEmail,
    ];
    let until = until.into_iter().zip(NAMES).map(|(why, name)| Refusal::NotUntil {
        account: subject(),
        name: name.into(),
        why,
    });
    let not_proposed = [
        CandidateState::Kept { by: alice(), until: None },
        CandidateState::Kept { by: alice(), until: Some(at(0) + days(30)) },
        CandidateState::suspended(at(1), Confirmation::ByCall),
    ];
    let not_proposed = not_proposed.into_iter().map(|state| Refusal::NotProposed {
        account: subject(),
        name: NAMES[5].into(),
        state: Box::new(state),
    });
    let others = [
        Refusal::NotAnApprover,
        Refusal::NotAnAdmin,
        Refusal::PastDeadline { deadline: at(480) },
        Refusal::OtherList,
        Refusal::NotPostedYet,
        Refusal::DoesNotFit,
        Refusal::Paused { by: Box::new(Decision { by: alice(), at: at(1), reason: Some(EVIL.into()) }) },
        Refusal::RuleChanged,
        Refusal::DatabaseStopped,
        Refusal::Superseded,
        Refusal::SecondPersonNeeded { first: alice() },
        Refusal::NoEmail,
        Refusal::OnlyOwnAccounts,
    ];
    let all = decided.chain(until).chain(not_proposed).chain(others);
    notes(&mut desk, "refusals", all.map(|refusal| refusals::refusal(&refusal)).collect()).await;
    desk.close();
}

#[tokio::test]
async fn every_other_note_is_a_sentence() {
    let mut desk = Desk::open().await;
    let shown = || Text::default().with(inactive_contractors::chat::Span::Name(NAMES[4].into()));
    let texts = vec![
        refusals::denied(&Denied::Outsider(alice(), "this account is a guest".into())),
        refusals::denied(&Denied::CantTell(EVIL.into())),
        refusals::repeated(),
        refusals::no_such_request(),
        refusals::broken(),
        refusals::in_doubt(),
        refusals::not_allowed("start a sweep", "approvers and admins of this policy"),
        refusals::not_here(),
        refusals::which_policy(&["contractors", "vendors"]),
        refusals::dialog_out_of_date(),
        refusals::dialog_changed(),
        refusals::undo_is_over("kim@contractors.example"),
        refusals::undone_already(shown(), &alice(), true),
        refusals::undone_already(shown(), &alice(), false),
        refusals::nothing_to_undo(shown()),
        refusals::account_gone(TERMS),
        refusals::cant_look_up(TERMS),
        refusals::ask_again(),
        refusals::busy(40),
        exemptions::restore_asked(&account(NAMES[1]), None, at(0) + days(7)),
        Text::plain(refusals::kept_on_card(RequestId(7))),
        form::no_day(),
        refusals::no_such_request().and(refusals::perhaps_of_another_bot()),
    ];
    notes(&mut desk, "notes", texts).await;
    let why = [
        NotRestored::NotSuspended,
        NotRestored::NotOurs,
        NotRestored::OwnAccount,
        NotRestored::NoReason,
        NotRestored::ReasonTooLong,
        NotRestored::NoEmail,
    ];
    let texts = why
        .into_iter()
        .zip(NAMES)
        .map(|(why, name)| exemptions::not_restored(&account(name), why, TERMS))
        .collect();
    notes(&mut desk, "not_restored", texts).await;
    desk.message_is("database_lost", &notices::database_lost()).await;
    desk.message_is("usage", &answers::usage("Usage: exempt <PERSON>\n\n  <PERSON>  The account")).await;
    desk.close();
}

#[tokio::test]
async fn a_line_that_is_not_understood_is_answered_with_what_to_write() {
    let mut desk = Desk::open().await;
    let day = |day| chrono::NaiveDate::from_ymd_opt(2026, 4, day).expect("it is in the calendar");
    let example = Some("why ada@example.com");
    let known = ["contractors", "vendors"];
    let texts = vec![
        mistakes::unknown_command(EVIL, None),
        mistakes::unknown_command("statsu", Some("status")),
        mistakes::unknown_option(EVIL, None, false),
        mistakes::unknown_option("—polcy", Some("policy"), true),
        mistakes::no_value("policy"),
        mistakes::twice("--policy"),
        mistakes::missing("person", example),
        mistakes::missing("person", None),
        mistakes::too_much(EVIL, example),
        mistakes::bad_value("--page", EVIL),
        mistakes::not_understood(example),
        mistakes::nothing_after("until"),
        mistakes::no_such_policy(EVIL, None, &known),
        mistakes::no_such_policy("vendor", Some("vendors"), &known),
        mistakes::two_policies("contractors", "vendors"),
        mistakes::one_at_a_time("unexempt", EVIL),
        mistakes::meant_a_policy("resume", EVIL, None, &known),
        mistakes::meant_a_policy("resume", "vendor", Some("vendors"), &known),
        mistakes::takes_no_time("resume", "until friday"),
        mistakes::time_after_the_reason("exempt", "for 30 days"),
        mistakes::bare_time("friday"),
        mistakes::two_times("until"),
        mistakes::not_a_length(&["3x", EVIL, "c", "d"]),
        mistakes::not_a_day(&Misread::NotUnderstood(EVIL.to_owned())),
        mistakes::not_a_day(&Misread::Ambiguous("03/04".to_owned(), [day(3), day(9)])),
        mistakes::not_a_day(&Misread::NotInCalendar("2026-02-30".to_owned())),
        pauses::understood("pause", None, ""),
        pauses::understood("resume", Some("vendors"), EVIL),
        refusals::with_reason(refusals::note(Text::plain("Done.")), EVIL).summary,
        exemptions::without_an_end(refusals::note(Text::plain("Done."))).summary,
        refusals::with_reason(refusals::note(Text::plain("Done.")), "").summary,
    ];
    notes(&mut desk, "mistakes", texts).await;
    desk.close();
}

#[tokio::test]
async fn sweeps_that_ask_nothing_say_why() {
    let mut desk = Desk::open().await;
    let counts = Counts { population: 40, waiting: 2, unknown: 1, ..Counts::default() };
    let user_type = rule().user_type;
    let guards = [
        Guard::NobodyOfType { user_type },
        Guard::MostlyUnknown { unknown: 30, population: 40 },
        Guard::FarFewer { now: 4, before: 40 },
        Guard::TooMany { candidates: 51, max: 50 },
        Guard::TooLargeAShare { candidates: 30, population: 40, max_percent: 50 },
        Guard::Surge { candidates: 30, median: 4 },
        Guard::ClockOff { ahead_s: 660 },
        Guard::ClockOff { ahead_s: -301 },
    ];
    let mut cards = vec![
        notices::no_candidates("contractors", &rule(), counts),
        notices::sweep_failed("contractors", EVIL),
        notices::sweep_late("contractors", at(0)),
        notices::channel_unusable("contractors", "C0OPS", EVIL),
    ];
    cards.extend(guards.iter().map(|guard| notices::sweep_refused("contractors", guard, TERMS)));
    let all_active = Counts { population: 40, active: 40, ..Counts::default() };
    cards.push(notices::no_candidates("contractors", &rule(), all_active));
    let mut said = String::new();
    for card in cards {
        said += &desk.message(&card).await;
        said.push('\n');
    }
    compare("sweeps", &said);
    desk.close();
}

#[tokio::test]
async fn exemptions_and_restorations_are_sentences() {
    let mut desk = Desk::open().await;
    let mut cards = vec![
        exemptions::exempted(&granted(1, EVIL), Some(RequestId(7)), at(0)),
        exemptions::lifted(&account(NAMES[2]), &policy(), &[granted(1, EVIL)]),
        exemptions::lifted(&account(NAMES[3]), &policy(), &[]),
        exemptions::list(&[], at(0)),
        exemptions::ending_soon(&[granted(1, EVIL)], at(0)),
    ];
    let mut many: Vec<_> = (0_i64..).zip(NAMES).map(|(id, name)| granted(id, name)).collect();
    (many[1].ends_at, many[1].end) = (at(3), Some((at(3), End::Lapsed)));
    many[2].end = Some((at(3), End::Lifted { by: alice(), reason: None }));
    many[3].starts_at = at(0) + days(5);
    cards.push(exemptions::list(&many, at(3)));
    cards.push(exemptions::ending_soon(&many, at(3)));
    let states = [
        RestorationState::due(None),
        RestorationState::Restored { at: at(9), confirmation: Confirmation::ByReading },
        RestorationState::Skipped { at: at(9), why: Skip::NotSuspended(AccountStatus::Active) },
        RestorationState::Skipped { at: at(9), why: Skip::Gone },
        RestorationState::Skipped { at: at(9), why: Skip::ChangedByOthers },
        RestorationState::Skipped { at: at(9), why: Skip::Unproven },
        RestorationState::Failed { at: at(9), error: EVIL.into(), too_late: false, unclear: false },
        RestorationState::Failed { at: at(9), error: EVIL.into(), too_late: true, unclear: false },
        RestorationState::Failed { at: at(9), error: String::new(), too_late: true, unclear: false },
        RestorationState::Failed { at: at(9), error: EVIL.into(), too_late: true, unclear: true },
    ];
    for (state, name) in states.into_iter().zip(NAMES) {
        let account = contractor("kim");
        let wish = Wish {
            policy: "contractors".into(),
            provider: ProviderName::default(),
            request: Some(RequestId(7)),
            account: Subject { id: account.id, login: account.login },
            name: name.into(),
            by: alice(),
            reason: EVIL.into(),
        };
        let restoration = Restoration { id: 1, wish, asked_at: at(5), state };
        cards.push(exemptions::restoration(&restoration, Some(&somewhere()), Some(at(0) + days(7)), TERMS));
    }
    let mut said = String::new();
    for card in cards {
        said += &desk.message(&card).await;
        said.push('\n');
    }
    compare("exceptions", &said);
    desk.close();
}

#[tokio::test]
async fn questions_are_answered() {
    let mut desk = Desk::open().await;
    let policy = policy();
    let open: Vec<_> =
        every_request_state().into_iter().map(|state| (request(state), Some(somewhere()))).collect();
    let status = answers::PolicyStatus {
        policy: &policy,
        last_sweep: Some((at(0), EVIL.into())),
        next_slot: Some(at(0) + days(1)),
        listing: Some(Progress {
            began: at(0) - chrono::Duration::minutes(1),
            accounts: 25_000,
            expected: Some(100_000),
        }),
        live: false,
        days_off: vec![Text::plain("The holiday list ends in a month.")],
        paused: None,
        backlog: Some("2 accounts have been pending for up to 9 sweeps.".into()),
        open: open.clone(),
    };
    let health = answers::Health {
        chat: Connection::Connected,
        providers: vec![(
            TERMS,
            Some(LastAnswer {
                at: at(0),
                problem: Some(Problem::Answer(IdentityError::Transient(EVIL.into()))),
            }),
        )],
        database: Ok(()),
        behind: vec![Behind { collector: EVIL.into(), events: 12, since: at(0) }],
    };
    desk.message_is("status", &answers::status("1.2.3", &[status], &health, at(0))).await;
    desk.message_is("pending", &answers::pending(&open)).await;
    desk.message_is("pending_none", &answers::pending(&[])).await;
    let assessed = NAMES.iter().map(|name| account(name)).chain((0..30).map(|_| account("Kim")));
    let judged = |account| {
        let assessment = assess(&account, &Standing::plain(), &policy.rule, at(0));
        Assessed { account, assessment, waiting_in: None }
    };
    let plan = Plan {
        counts: Counts { population: 39, candidates: 39, ..Counts::default() },
        verdict: Verdict::Ask,
        assessed: assessed.into_iter().map(judged).collect(),
    };
    for page in [0, 1] {
        let card = answers::preview(&policy, &plan, page, at(0), TERMS);
        desk.message_is(&format!("preview_page_{}", page + 1), &card).await;
    }
    desk.close();
}

pub fn event(seq: i64, account: &str) -> AuditEvent {
    let subject = contractor("kim");
    AuditEvent {
        seq,
        at: at(seq),
        actor: if seq % 2 == 0 { Actor::System } else { Actor::Person(alice()) },
        action: "kept".into(),
        policy: Some("contractors".into()),
        sweep: Some(SweepId(3)),
        request: Some(RequestId(7)),
        subject: Some(Subject { id: subject.id, login: account.into() }),
        detail: serde_json::json!({ "reason": EVIL }),
        prev_hash: GENESIS.into(),
        hash: GENESIS.into(),
    }
}

#[tokio::test]
async fn one_account_and_the_history_are_explained() {
    let mut desk = Desk::open().await;
    let policy = policy();
    let history: Vec<_> = (1..).zip(NAMES).map(|(seq, name)| event(seq, name)).collect();
    let exemptions = [granted(1, EVIL)];
    for (name, who) in ["long", "rtl", "cjk", "nameless", "channel", "bold", "code"].into_iter().zip(NAMES) {
        let account = account(who);
        let why = answers::Why {
            terms: TERMS,
            account: &account,
            standing: &Standing::plain(),
            policy: &policy,
            assessment: &Assessment::Exempt(Exemption::Granted { id: 1, until: at(0) + days(30) }),
            waiting_in: None,
            next_slot: Some(at(0) + days(1)),
            exemptions: &exemptions,
            history: &history[..3],
            more_history: true,
            suspended_by_us: None,
        };
        desk.message_is(&format!("why_{name}"), &answers::why(&why, at(0))).await;
    }
    desk.close();
}

#[tokio::test]
async fn a_pause_is_said_from_its_beginning_to_its_end() {
    let mut desk = Desk::open().await;
    let by = |reason: Option<&str>| Decision { by: alice(), at: at(1), reason: reason.map(str::to_owned) };
    let pause = |reason| Pause { id: 1, policy: "contractors".into(), began: by(reason), ended: None };
    let (plain, evil) = (pause(None), pause(Some(EVIL)));
    let missed = [("staffing".into(), Missed::CantTell(EVIL.to_owned())), ("interns".into(), Missed::Broken)];
    let unwritten = [("contractors".into(), "the disk that holds the database is full".to_owned())];
    let mut said = String::new();
    for card in [
        pauses::began(&plain),
        pauses::began(&evil),
        pauses::no_sweep(&evil, at(60)),
        pauses::ended(&plain, &by(Some("it is fixed"))),
        refusals::note(pauses::paused(std::slice::from_ref(&plain), std::slice::from_ref(&evil), &[], &[])),
        refusals::note(pauses::paused(&[], &[evil], &[], &[])),
        refusals::note(pauses::paused(std::slice::from_ref(&plain), &[], &[], &missed)),
        refusals::note(pauses::paused(&[plain.clone(), plain.clone()], &[], &[], &missed[..1])),
        refusals::note(pauses::paused(&[], &[], &[], &missed)),
        refusals::note(pauses::paused(&[], &[], &unwritten, &[])),
        refusals::note(pauses::paused(std::slice::from_ref(&plain), &[], &unwritten, &missed[..1])),
        refusals::note(pauses::resumed(std::slice::from_ref(&plain), &[])),
        refusals::note(pauses::resumed(&[], &[])),
        refusals::note(pauses::resumed(&[plain], &missed)),
        refusals::note(pauses::resumed(&[], &missed)),
    ] {
        said += &desk.message(&card).await;
        said += "\n";
    }
    compare("pause", &said);
}
