//! Where a list, a page or an offer ends: the last that has room or time, and the first that has none. Nothing is sent.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Duration, NaiveDate};
use inactive_contractors::chat::slack::ROOM;
use inactive_contractors::chat::{Block, Button, Card, ChatTerms, Text};
use inactive_contractors::domain::assess::{Standing, assess};
use inactive_contractors::domain::attempt::{Confirmation, Sessions};
use inactive_contractors::domain::calendar::Calendar;
use inactive_contractors::domain::candidate::{Candidate, CandidateState};
use inactive_contractors::domain::exemption::{End, Granted};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::outreach::{Answered, Asking, OutreachAnswer, OutreachQuestion};
use inactive_contractors::domain::pause::Pause;
use inactive_contractors::domain::plan::{Assessed, Counts, Plan, Verdict};
use inactive_contractors::domain::policy::Policy;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::{Decision, FirstApproval, Request, RequestState};
use inactive_contractors::domain::restoration::{Restoration, RestorationState, Wish};
use inactive_contractors::domain::template::OutreachRole;
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::wording::card::card;
use inactive_contractors::wording::card_view::CardView;
use inactive_contractors::wording::layout;
use inactive_contractors::wording::{answers, days_off, exemptions, history, outreach, row_menu};

use crate::answers::event;
use crate::fixture::{due, person, policy, request};
use crate::people::{about, account, at, crowd, decision, granted};

static NO_LINKS: BTreeMap<u32, String> = BTreeMap::new();

fn view<'a>(request: &'a Request, candidates: &'a [Candidate], policy: &'a Policy) -> CardView<'a> {
    CardView {
        terms: TERMS,
        questions: &[],
        deciders: None,
        by_email: &[],
        before: &crate::people::BEFORE,
        room: ROOM,
        successor: None,
        request,
        candidates,
        counts: Counts { population: 400, ..Counts::default() },
        page: 0,
        obstacle: None,
        paused: None,
        policy: Some(policy),
        restorations: &[],
        links: &NO_LINKS,
        now: at(60),
    }
}

fn people_on(card: &Card) -> usize {
    card.blocks.iter().filter(|block| matches!(block, Block::Row { .. })).count()
}

/// The paragraphs, small print and rows.
fn said(card: &Card) -> String {
    let terms =
        ChatTerms { name: "Slack", command: "/inactive-contractors".to_owned(), address_right: "addresses" };
    let text = |block: &Block| match block {
        Block::Section(text) | Block::Context(text) | Block::Row { text, .. } => {
            Some(text.in_terms(&terms).to_plain())
        }
        _ => None,
    };
    card.blocks.iter().filter_map(text).collect::<Vec<_>>().join("\n")
}

fn buttons(blocks: &[Block]) -> Vec<&Button> {
    let rows = blocks.iter().filter_map(|block| match block {
        Block::Buttons(buttons) => Some(buttons),
        _ => None,
    });
    rows.flatten().collect()
}

/// Sixty people whose names and logins have so many characters together.
fn named(chars: usize) -> Vec<Candidate> {
    let mut candidates = crowd(60);
    for one in &mut candidates {
        (one.shown.manager, one.shown.organization) = (None, None);
        one.shown.name = "n".repeat(chars - one.shown.login.len());
    }
    candidates
}

fn suspended() -> CandidateState {
    CandidateState::suspended(at(12), Confirmation::ByCall)
}

fn completed(retry_first: Option<Decision>) -> RequestState {
    let retry_first = retry_first.map(Box::new);
    RequestState::Completed { decision: decision(), at: at(20), first: None, retry: None, retry_first }
}

fn approved() -> RequestState {
    RequestState::Approved { decision: decision(), first: None, retry: None }
}

#[test]
fn a_page_of_a_card_has_as_many_people_as_there_is_room_for() {
    let policy = policy();
    let on_the_first = |chars| {
        let candidates = named(chars);
        let request = about(&candidates, RequestState::pending());
        people_on(&card(&view(&request, &candidates, &policy)))
    };
    // 10,500 characters, of which each takes 310 besides the names.
    assert_eq!((on_the_first(215), on_the_first(216)), (20, 19));
    assert_eq!(on_the_first(100), ROOM.card_rows);
    assert_eq!(on_the_first(11_000), 1, "nobody's name is too long for a page of its own");
}

#[test]
fn what_stands_below_a_person_takes_room_as_well() {
    let policy = policy();
    let given_back = |chars| {
        let mut candidates = named(chars);
        for one in &mut candidates {
            one.state = suspended();
        }
        let request = about(&candidates, completed(None));
        let restored = |one: &Candidate| Restoration {
            id: 1,
            wish: Wish {
                policy: "contractors".into(),
                provider: ProviderName::default(),
                request: Some(RequestId(7)),
                account: one.subject(),
                name: one.shown.name.clone(),
                by: person("bob"),
                reason: "back".into(),
            },
            asked_at: at(30),
            state: RestorationState::Restored { at: at(31), confirmation: Confirmation::ByCall },
        };
        let restorations: Vec<_> = candidates.iter().map(restored).collect();
        let shown = CardView { restorations: &restorations, ..view(&request, &candidates, &policy) };
        (people_on(&card(&shown)), row_menu::restoration(&shown, &candidates[0]))
    };
    let asked = |chars| {
        let candidates = named(chars);
        let request = about(&candidates, RequestState::pending());
        let question = |one: &Candidate| OutreachQuestion {
            id: 1,
            request: RequestId(7),
            account: one.subject(),
            role: OutreachRole::Person,
            state: Asking::Asked {
                user: "U1".into(),
                address: "a@b.example".into(),
                at: at(1),
                answered: Some(Answered { by: person("kim"), answer: OutreachAnswer::Needed, at: at(30) }),
            },
        };
        let questions: Vec<_> = candidates.iter().map(question).collect();
        let shown = CardView { questions: &questions, ..view(&request, &candidates, &policy) };
        let evidence = outreach::evidence(&questions, &candidates[0], TERMS);
        (people_on(&card(&shown)), evidence)
    };
    let pages: [&dyn Fn(usize) -> (usize, Option<Text>); 2] = [&given_back, &asked];
    for page in pages {
        let words = page(100).1.expect("something is said").to_plain();
        // Half of what a row takes for the dates in it.
        let names = 10_500 / 15 - 310 - 155 - words.chars().count();
        assert_eq!((page(names).0, page(names + 1).0), (15, 14), "{words}");
    }
}

#[test]
fn a_page_beyond_the_end_of_a_card_is_the_last_one() {
    let policy = policy();
    let page = |count, page| {
        let candidates = crowd(count);
        let request = about(&candidates, RequestState::pending());
        card(&CardView { page, ..view(&request, &candidates, &policy) })
    };
    assert_eq!((people_on(&page(26, 9)), page(26, 9)), (1, page(26, 1)));
    assert_eq!(page(25, 9), page(25, 0));
    assert!(!page(25, 0).blocks.contains(&Block::Buttons(Vec::new())), "there is nothing to turn");
}

#[test]
fn an_error_in_a_row_is_as_long_as_a_row_takes() {
    let policy = policy();
    let row = |chars| {
        let mut candidates = crowd(1);
        let error = "e".repeat(chars);
        candidates[0].state = CandidateState::Failed { at: at(12), error, attempts: 5, status_changed: None };
        said(&card(&view(&about(&candidates, completed(None)), &candidates, &policy)))
    };
    assert!(row(150).contains(&format!(": {}\n", "e".repeat(150))), "{}", row(150));
    assert!(row(151).contains(&format!(": {}…\n", "e".repeat(149))), "{}", row(151));
}

#[test]
fn how_long_it_will_take_is_said_where_many_are_left_and_nothing_is_in_the_way() {
    let policy = policy();
    let pause = Pause { id: 1, policy: "contractors".into(), began: decision(), ended: None };
    let told = |left: u32, obstacle: Option<&str>, paused: Option<&Pause>| {
        let mut candidates = crowd(40);
        for one in &mut candidates {
            one.state = if one.position < left { due(0) } else { suspended() };
        }
        let request = about(&candidates, approved());
        let card = card(&CardView { obstacle, paused, ..view(&request, &candidates, &policy) });
        said(&card).contains("20 of 40 done. About 50 minutes left.")
    };
    assert!(told(20, None, None));
    assert!(!told(20, Some("a right is missing"), None));
    assert!(!told(20, None, Some(&pause)));
    let mut few = crowd(20);
    for one in &mut few {
        one.state = if one.position == 0 { suspended() } else { due(0) };
    }
    let nearly_many = said(&card(&view(&about(&few, approved()), &few, &policy)));
    assert!(nearly_many.contains("1 of 20 done.") && !nearly_many.contains(" left."), "{nearly_many}");
}

#[test]
fn a_sweep_that_waits_for_an_admin_to_resume_is_said_to() {
    let policy = policy();
    let pause = Pause { id: 1, policy: "contractors".into(), began: decision(), ended: None };
    let told = |paused: Option<&Pause>| {
        let candidates = crowd(1);
        let request = about(&candidates, RequestState::WentLive { decision: decision() });
        said(&card(&CardView { paused, ..view(&request, &candidates, &policy) }))
    };
    assert!(told(None).contains("A sweep that asks for approval follows."));
    assert!(
        told(Some(&pause))
            .contains("A sweep that asks for approval follows once an admin resumes the policy.")
    );
}

#[test]
fn what_a_stop_forbids_is_said_on_the_card_that_asks_for_it() {
    let policy = policy();
    let pause = Pause { id: 1, policy: "contractors".into(), began: decision(), ended: None };
    for (state, words) in [
        (RequestState::Preview, "It can't go live until an admin resumes the policy."),
        (RequestState::pending(), "Nothing can be approved until an admin resumes the policy."),
    ] {
        let candidates = crowd(1);
        let request = about(&candidates, state);
        let told = |paused| said(&card(&CardView { paused, ..view(&request, &candidates, &policy) }));
        assert!(told(Some(&pause)).contains(words) && !told(None).contains(words), "{}", told(Some(&pause)));
    }
}

#[test]
fn sessions_are_counted_once_everybody_is_suspended() {
    let policy = policy();
    let told = |other: CandidateState| {
        let mut candidates = crowd(2);
        candidates[0].state = CandidateState::Suspended {
            at: at(12),
            confirmation: Confirmation::ByCall,
            sessions: Sessions::due(),
        };
        candidates[1].state = other;
        said(&card(&view(&about(&candidates, approved()), &candidates, &policy)))
    };
    let sessions = "The sessions of 1 account have not ended yet.";
    let (before, after) = (told(due(0)), told(suspended()));
    assert!(before.contains("1 of 2 done.") && !before.contains(sessions), "{before}");
    assert!(after.contains(&format!("2 of 2 done. {sessions}")), "{after}");
}

#[test]
fn a_wish_to_try_again_is_shown_until_it_lapses() {
    let policy = policy();
    let candidates = crowd(1);
    let wish = Decision { at: at(30), ..decision() };
    let request = about(&candidates, completed(Some(wish)));
    let lapses = at(30) + request.approval_timeout;
    let told = |now| {
        let card = card(&CardView { now, ..view(&request, &candidates, &policy) });
        said(&card).contains("asked for a retry")
    };
    assert!(told(lapses - Duration::milliseconds(1)) && !told(lapses));
}

#[test]
fn an_account_is_offered_back_for_as_long_as_the_policy_says() {
    let policy = policy();
    let mut candidates = crowd(1);
    candidates[0].state = suspended();
    let request = about(&candidates, completed(None));
    let offered = |now| {
        let menu = row_menu::menu(&CardView { now, ..view(&request, &candidates, &policy) }, &candidates[0]);
        menu.items.iter().any(|item| item.label == "Restore access…")
    };
    let until = at(12) + policy.restore_button_for;
    assert!(offered(until - Duration::milliseconds(1)) && !offered(until));
}

#[test]
fn the_button_that_suspends_counts_on_the_first_approval_that_its_card_shows() {
    let policy = policy();
    let candidates = crowd(3);
    let first = FirstApproval { decision: decision(), keep: BTreeSet::new() };
    let request = about(&candidates, RequestState::Pending { first: Some(Box::new(first)) });
    let card = card(&view(&request, &candidates, &policy));
    let value = |action: &str| {
        let all = buttons(&card.blocks);
        all.into_iter().find(|button| button.action == action).map(|button| button.value.clone())
    };
    assert_eq!(value("suspend"), Some(format!("7:{}", request.shown())));
    assert_eq!(value("choose"), Some(format!("7:{}", request.list_hash)));
    assert_ne!(request.shown(), request.list_hash);
}

#[test]
fn what_opens_a_dialog_says_so_when_it_is_drawn() {
    let (policy, candidates) = (policy(), named(100));
    let request = about(&candidates, RequestState::pending());
    let card = card(&view(&request, &candidates, &policy));
    let opening = buttons(&card.blocks).into_iter().filter(|button| button.opens);
    assert_eq!(opening.map(|button| button.action.as_str()).collect::<Vec<_>>(), ["choose", "deny_why"]);
    let menu = row_menu::menu(&view(&request, &candidates, &policy), &candidates[0]);
    let opening = menu.items.iter().filter(|item| item.opens).map(|item| item.label.as_str());
    assert_eq!(opening.collect::<Vec<_>>(), ["Exempt…"]);
}

#[test]
fn a_list_in_an_answer_has_twenty_lines_and_says_how_many_more_there_are() {
    let pending = |count| {
        let open: Vec<_> = (0..count).map(|_| (request(RequestState::Preview), None)).collect();
        answers::pending(&open)
    };
    let exempt = |count| (0..count).map(|id| granted(id, "on leave")).collect::<Vec<_>>();
    let listed = |count| exemptions::list(&exempt(count), at(0));
    let ending = |count| exemptions::ending_soon(&exempt(count), at(0));
    let lists: [(&dyn Fn(i64) -> Card, &str); 3] = [
        (&pending, "… and 1 more."),
        (&listed, "… and 1 that end later."),
        (&ending, "… and 1 account more; see /inactive-contractors exemptions."),
    ];
    for (list, rest) in lists {
        assert!(!said(&list(20)).contains('…'), "{}", said(&list(20)));
        assert!(said(&list(21)).contains(rest), "{}", said(&list(21)));
    }
}

#[test]
fn as_many_events_fit_on_a_page_as_a_message_has_room_for() {
    let events: Vec<_> = (500..700).map(|half| event(2 * half, "kim@ext.example")).collect();
    let page = history::Page { events: &events, filters: &[], newer: None, older: None };
    let Block::Section(line) = &history::audit(&page).blocks[1] else { panic!("an event is a paragraph") };
    // Room for two labels is kept in each.
    let each = line.to_plain().chars().count() + 60;
    assert_eq!(history::fitting(&events, 200, ROOM), 10_500 / each);
    assert_eq!(history::fitting(&events, 3, ROOM), 3);
}

#[test]
fn an_exemption_that_lapsed_by_a_clock_that_was_ahead_is_said_to_end() {
    let lapsed = Granted { end: Some((at(40), End::Lapsed)), ends_at: at(30), ..granted(1, "on leave") };
    let line = |minutes| exemptions::line(&lapsed, at(minutes)).to_plain();
    assert!(line(29).contains(" until "), "{}", line(29));
    assert!(line(30).contains(" ended "), "{}", line(30));
}

#[test]
fn that_policies_are_left_out_is_said_below_the_heading_or_in_the_only_sentence() {
    let left_out = answers::left_out().to_plain();
    let bare = Card { summary: Text::plain("Nobody."), blocks: Vec::new() };
    let told = answers::leaves_some_out(Ok(bare)).expect("it is an answer");
    assert_eq!((told.summary.to_plain(), told.blocks.len()), (format!("Nobody. {left_out}"), 0));
    let listed = layout::list(Text::plain("Two:"), vec![Text::plain("one"), Text::plain("two")]);
    let told = answers::leaves_some_out(Ok(listed)).expect("it is an answer");
    assert!(matches!(&told.blocks[1], Block::Context(text) if text.to_plain() == left_out), "{told:?}");
    assert_eq!(told.blocks.len(), 4);
}

#[test]
fn a_preview_is_turned_to_the_pages_that_there_are() {
    let policy = policy();
    let preview = |count, page| {
        let judged = |_| {
            let account = account("Kim");
            let assessment = assess(&account, &Standing::plain(), &policy.rule, at(0));
            Assessed { account, assessment, waiting_in: None }
        };
        let plan = Plan {
            counts: Counts { population: count, candidates: count, ..Counts::default() },
            verdict: Verdict::Ask,
            assessed: (0..count).map(judged).collect(),
        };
        answers::preview(&policy, &plan, page, at(0), TERMS)
    };
    let turns = |page| {
        let card = preview(60, page);
        let all = buttons(&card.blocks);
        all.into_iter().map(|button| (button.label.clone(), button.value.clone())).collect::<Vec<_>>()
    };
    let to = |label: &str, page: u32| (label.to_owned(), format!("preview contractors --page {page}"));
    assert_eq!(turns(0), [to("Next", 2)]);
    assert_eq!(turns(1), [to("Previous", 1), to("Next", 3)]);
    assert_eq!(turns(2), [to("Previous", 2)]);
    assert_eq!(preview(60, 9), preview(60, 2));
    let only = preview(20, 0);
    let turned = |block: &Block| matches!(block, Block::Buttons(_) | Block::Context(_));
    assert!(!only.blocks.iter().any(turned), "there is nothing to turn");
}

#[test]
fn a_list_of_holidays_is_said_to_end_from_thirty_days_before_its_last_day() {
    let christmas = NaiveDate::from_ymd_opt(2026, 12, 25).expect("a day");
    let calendar = Calendar { holidays: [christmas].into(), ..Calendar::default() };
    let mut policy = policy();
    policy.schedule.days_off = Some(calendar.clone());
    let told = |now| days_off::list_ends(&policy, now).map(|text| text.to_plain());
    let says = |now, verb: &str| {
        let said = told(now).expect("it is said");
        assert!(said.starts_with(&format!("The list of holidays {verb} 25 Dec 2026")), "{said}");
    };
    let (begins, moment) = (calendar.start_of(christmas), Duration::milliseconds(1));
    let soon = begins - Duration::days(30);
    assert_eq!(told(soon), None);
    says(soon + moment, "ends on");
    says(begins + Duration::days(1) - moment, "ends on");
    says(begins + Duration::days(1), "ended on");
}
