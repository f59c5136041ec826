//! What a button, a menu entry or a dialog does, through the chat system and back.

use std::collections::BTreeSet;
use std::fmt::Debug;

use inactive_contractors::domain::draft::Sort;
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::outreach::OutreachAnswer;
use inactive_contractors::wording::actions::{
    About, ButtonAction, Control, ControlName, Dialog, DialogKind, Memory, PageTurn, RequestAction,
    RowAction, RowEntry,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::generate::{holds, nasty};

/// The hash of a list, as far as its characters matter.
const HASH: &str = "[0-9a-f]{0,64}";

fn turns() -> impl Strategy<Value = PageTurn> {
    select(PageTurn::ALL)
}

fn buttons() -> impl Strategy<Value = ButtonAction> {
    let answers = select(vec![OutreachAnswer::Needed, OutreachAnswer::StillHere, OutreachAnswer::Left]);
    prop_oneof![
        (select(RequestAction::ALL), any::<i64>().prop_map(RequestId), HASH)
            .prop_map(|(what, request, list_hash)| ButtonAction::Request { what, request, list_hash }),
        (turns(), any::<i64>().prop_map(RequestId), any::<usize>())
            .prop_map(|(turn, request, page)| ButtonAction::Page { turn, request, page }),
        (select(RowAction::ALL), any::<i64>().prop_map(RequestId), any::<u32>(), HASH).prop_map(
            |(what, request, position, list_hash)| {
                ButtonAction::Row(RowEntry { what, request, position, list_hash })
            }
        ),
        (any::<i64>(), answers).prop_map(|(question, answer)| ButtonAction::Answer { question, answer }),
        (nasty(), nasty()).prop_map(|(name, line)| ButtonAction::Command { name, line }),
        nasty().prop_map(|policy| ButtonAction::Sweep { policy }),
    ]
}

fn controls() -> impl Strategy<Value = Control> {
    let sorts = select(vec![Sort::LongestIdle, Sort::ShortestIdle, Sort::Name]);
    prop_oneof![
        (any::<u32>(), any::<u32>())
            .prop_map(|(generation, position)| Control::Tick { generation, position }),
        any::<u32>().prop_map(|generation| Control::Search { generation }),
        (any::<u32>(), sorts).prop_map(|(generation, sort)| Control::Sort { generation, sort }),
        (turns(), any::<u32>()).prop_map(|(turn, page)| Control::Page { turn, page }),
        select(vec![Control::TickAll, Control::UntickAll, Control::ClearSearch, Control::StartOver]),
        any::<u32>().prop_map(|position| Control::KeepUntil { position }),
    ]
}

fn dialogs() -> impl Strategy<Value = Dialog> {
    let about = || {
        (any::<i64>().prop_map(RequestId), HASH, any::<u32>(), nasty())
            .prop_map(|(request, list_hash, position, below)| About { request, list_hash, position, below })
    };
    prop_oneof![
        (any::<i64>().prop_map(RequestId), HASH, any::<u32>()).prop_map(
            |(request, list_hash, generation)| { Dialog::Review(Memory { request, list_hash, generation }) }
        ),
        Just(Dialog::Over),
        about().prop_map(Dialog::KeepUntil),
        about().prop_map(Dialog::Exempt),
        about().prop_map(Dialog::Restore),
        (any::<i64>().prop_map(RequestId), HASH)
            .prop_map(|(request, list_hash)| Dialog::Deny { request, list_hash }),
    ]
}

/// Everything of a kind comes back as it was sent, and each name was among it.
fn comes_back<T: Clone + Debug + PartialEq>(
    all: &impl Strategy<Value = T>,
    names: impl Iterator<Item = &'static str>,
    sent: impl Fn(&T) -> (String, String),
    read: impl Fn(&str, &str) -> Option<T>,
) {
    let seen = std::cell::RefCell::new(BTreeSet::new());
    holds(400, all, |one| {
        let (name, value) = sent(&one);
        assert_eq!(read(&name, &value).as_ref(), Some(&one), "{name} {value}");
        seen.borrow_mut().insert(name.split(['.', '-']).next().unwrap_or_default().to_owned());
    });
    assert_eq!(seen.into_inner(), names.map(str::to_owned).collect());
}

#[test]
fn a_click_brings_back_what_was_drawn() {
    let sent = |one: &ButtonAction| (one.id(), one.value());
    comes_back(&buttons(), ButtonAction::names(), sent, ButtonAction::decode);
    let names = ControlName::ALL.iter().map(|name| name.word());
    comes_back(&controls(), names, |one| (one.id(), one.value()), Control::decode);
    let kinds = DialogKind::ALL.iter().map(|kind| kind.word());
    comes_back(&dialogs(), kinds, |one| (one.kind(), one.value()), Dialog::decode);
}

/// Names of ours with anything behind them, and values that look like ours.
#[test]
fn anything_else_is_read_as_what_it_would_be_drawn_with_or_not_at_all() {
    let names: Vec<&str> = ButtonAction::names()
        .chain(ControlName::ALL.iter().map(|name| name.word()))
        .chain(DialogKind::ALL.iter().map(|kind| kind.word()))
        .collect();
    let name = prop_oneof![
        3 => select(names.clone()).prop_map(str::to_owned),
        1 => (select(names), "[-.:][0-9a-z-.]{0,6}").prop_map(|(name, rest)| format!("{name}{rest}")),
        1 => nasty(),
    ];
    let value = prop_oneof![2 => "[a-z]{0,7}:?[0-9]{0,3}:[0-9a-f]{0,4}:?[0-9]{0,2}:?", 1 => nasty()];
    holds(4000, &(name, value), |(name, value)| {
        if let Some(one) = ButtonAction::decode(&name, &value) {
            assert_eq!(ButtonAction::decode(&one.id(), &one.value()), Some(one));
        }
        if let Some(one) = Control::decode(&name, &value) {
            assert_eq!(Control::decode(&one.id(), &one.value()), Some(one));
        }
        if let Some(one) = Dialog::decode(&name, &value) {
            assert_eq!(Dialog::decode(&one.kind(), &one.value()), Some(one));
        }
    });
}

/// Cards and dialogs of earlier versions stand in channels, and bring this back.
#[test]
fn what_was_drawn_once_is_read_for_ever() {
    let on = |what| ButtonAction::Request { what, request: RequestId(7), list_hash: "abc".to_owned() };
    let row = |what| {
        ButtonAction::Row(RowEntry { what, request: RequestId(7), position: 2, list_hash: "abc".into() })
    };
    let drawn = [
        ("suspend", "7:abc", on(RequestAction::Suspend)),
        ("deny", "7:abc", on(RequestAction::Deny)),
        ("deny_why", "7:abc", on(RequestAction::DenyWhy)),
        ("choose", "7:abc", on(RequestAction::Choose)),
        ("release", "7:abc", on(RequestAction::Release)),
        ("go_live", "7:abc", on(RequestAction::GoLive)),
        ("take_back_approval", "7:abc", on(RequestAction::TakeBack)),
        ("retry", "7:abc", on(RequestAction::Retry)),
        ("ask_again", "7:abc", on(RequestAction::AskAgain)),
        ("page_back", "7:0", ButtonAction::Page { turn: PageTurn::Back, request: RequestId(7), page: 0 }),
        ("page_on", "7:1", ButtonAction::Page { turn: PageTurn::On, request: RequestId(7), page: 1 }),
        ("person", "details:7:2:abc", row(RowAction::Details)),
        ("person", "keep:7:2:abc", row(RowAction::Keep)),
        ("person", "exempt:7:2:abc", row(RowAction::Exempt)),
        ("person", "give_back:7:2:abc", row(RowAction::Restore)),
        ("person", "console:7:2:abc", row(RowAction::Console)),
        ("concern.left.5", "5:left", ButtonAction::Answer { question: 5, answer: OutreachAnswer::Left }),
        (
            "ask.next",
            "audit --page 2",
            ButtonAction::Command { name: "next".into(), line: "audit --page 2".into() },
        ),
        ("home_sweep", "contractors", ButtonAction::Sweep { policy: "contractors".into() }),
    ];
    for (id, value, action) in drawn {
        assert_eq!((action.id().as_str(), action.value().as_str()), (id, value));
        assert_eq!(ButtonAction::decode(id, value), Some(action));
    }
    let controls = [
        ("tick-3-2", "2", Control::Tick { generation: 3, position: 2 }),
        ("search-3", "", Control::Search { generation: 3 }),
        ("sort-3", "longest", Control::Sort { generation: 3, sort: Sort::LongestIdle }),
        ("sort-3", "shortest", Control::Sort { generation: 3, sort: Sort::ShortestIdle }),
        ("sort-3", "name", Control::Sort { generation: 3, sort: Sort::Name }),
        ("choose_back", "0", Control::Page { turn: PageTurn::Back, page: 0 }),
        ("choose_on", "1", Control::Page { turn: PageTurn::On, page: 1 }),
        ("tick_all", "", Control::TickAll),
        ("untick_all", "", Control::UntickAll),
        ("clear_search", "", Control::ClearSearch),
        ("start_over", "", Control::StartOver),
        ("keep_until", "2", Control::KeepUntil { position: 2 }),
    ];
    for (id, value, control) in controls {
        assert_eq!((control.id().as_str(), control.value().as_str()), (id, value));
        assert_eq!(Control::decode(id, value), Some(control));
    }
    let about = About { request: RequestId(7), list_hash: "abc".into(), position: 2, below: "V1".into() };
    let review = Memory { request: RequestId(7), list_hash: "abc".into(), generation: 3 };
    let dialogs = [
        ("choose", "7:abc:3", Dialog::Review(review)),
        ("choose_over", "", Dialog::Over),
        ("keep_until_form", "7:abc:2:V1", Dialog::KeepUntil(about.clone())),
        ("exempt_form", "7:abc:2:V1", Dialog::Exempt(about.clone())),
        ("give_back_form", "7:abc:2:V1", Dialog::Restore(about)),
        ("deny_form", "7:abc:0:", Dialog::Deny { request: RequestId(7), list_hash: "abc".into() }),
    ];
    for (kind, value, dialog) in dialogs {
        assert_eq!((dialog.kind().as_str(), dialog.value().as_str()), (kind, value));
        assert_eq!(Dialog::decode(kind, value), Some(dialog));
    }
}

#[test]
fn what_opens_a_dialog_is_known_before_it_is_pressed() {
    let of_requests = RequestAction::ALL.iter().filter(|what| {
        ButtonAction::Request { what: **what, request: RequestId(7), list_hash: String::new() }.opens_dialog()
    });
    assert_eq!(of_requests.collect::<Vec<_>>(), [&RequestAction::DenyWhy, &RequestAction::Choose]);
    let entry = |what| RowEntry { what, request: RequestId(7), position: 2, list_hash: String::new() };
    let of_rows = RowAction::ALL.iter().filter(|what| ButtonAction::Row(entry(**what)).opens_dialog());
    assert_eq!(of_rows.collect::<Vec<_>>(), [&RowAction::Exempt, &RowAction::Restore]);
    assert!(Control::KeepUntil { position: 2 }.opens_dialog());
    assert!(!Control::Tick { generation: 3, position: 2 }.opens_dialog());
}
