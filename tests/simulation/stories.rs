//! What the simulation once found, told so that it stays found.

use chrono::Duration;
use inactive_contractors::chat::{Block, Button};

use crate::fate::{Fate, Weather};
use crate::okta::Person;
use crate::terms::{APPROVERS, Terms, first_day};
use crate::world::World;

/// A world in which the suspension of one person is approved, and the bot has just read their account.
fn about_to_suspend() -> World {
    let mut world = approved(Terms::plain(), Weather::Still);
    world.works_for(3_000);
    assert!(world.court.ledger().candidates().iter().all(|one| one.state == "due"));
    world
}

/// A world in which the suspension of one person is approved just now. Anyone who reads an account is held after that.
fn approved(terms: Terms, okta: Weather) -> World {
    let fate = Fate::new(1, first_day());
    fate.set_weather(Weather::Still, Weather::Still);
    let mut world = World::on_terms(fate, terms);
    let now = world.fate.now();
    let mut idle = Person::new(0, "worker0@example.com", "Contractor", now);
    idle.last_sign_in = Some(now - Duration::days(41));
    world.okta.add(idle);
    world.start();
    world.sweep_for(APPROVERS[0]);
    world.works_for(3_000);
    let cards = world.slack.messages();
    let card = cards.last().expect("the bot asks");
    let suspend = |block: &Block| match block {
        Block::Buttons(buttons) => buttons.iter().find(|button| button.action == "suspend").cloned(),
        _ => None,
    };
    let button: Button =
        card.cards.last().and_then(|card| card.blocks.iter().find_map(suspend)).expect("it waits");
    world.fate.hold(Some("after a look in Okta"));
    world.fate.set_weather(okta, Weather::Still);
    world.presses(APPROVERS[0], card.reference.clone(), button);
    world
}

/// It goes on, and everything settles.
fn goes_on(world: &mut World) {
    world.fate.hold(None);
    world.settle();
    let (_, trace, wrong) = world.fate.told();
    assert_eq!(wrong, Vec::<String>::new(), "{}", trace.join("\n"));
}

#[test]
fn an_account_that_was_read_is_suspended() {
    let mut world = about_to_suspend();
    goes_on(&mut world);
    assert_eq!(world.okta.suspensions().len(), 1);
}

#[test]
fn who_signed_in_while_the_machine_slept_right_before_the_call_is_left_alone() {
    let mut world = about_to_suspend();
    world.fate.advance(Duration::hours(2));
    let account = world.okta.people()[0].id.clone();
    world.okta.change(&account, |person, now| person.last_sign_in = Some(now - Duration::hours(1)));
    goes_on(&mut world);
    assert_eq!(world.okta.suspensions().len(), 0);
    assert_eq!(world.court.ledger().candidates()[0].state, "skipped");
}

#[test]
fn an_approval_that_grew_old_while_the_machine_slept_right_before_the_call_is_not_executed() {
    let mut world = about_to_suspend();
    world.fate.advance(Duration::hours(25));
    goes_on(&mut world);
    assert_eq!(world.okta.suspensions().len(), 0);
    assert_eq!(world.court.ledger().candidates()[0].json["why"], "approval_too_old");
}

#[test]
fn an_approval_whose_time_ends_between_the_look_and_the_call_is_not_executed() {
    let mut world = approved(Terms { carry_out_hours: 1, ..Terms::plain() }, Weather::LockedOut);
    world.works_for(3_000);
    world.fate.advance(Duration::minutes(57));
    world.fate.set_weather(Weather::Still, Weather::Still);
    world.works_for(3_000);
    assert!(world.court.ledger().candidates().iter().all(|one| one.state == "due"));
    // The look is fresh enough, the approval is not.
    world.fate.advance(Duration::minutes(4));
    goes_on(&mut world);
    assert_eq!(world.okta.suspensions().len(), 0);
    assert_eq!(world.court.ledger().candidates()[0].json["why"], "approval_too_old");
}
