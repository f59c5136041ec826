//! What came back through somebody else: one account by each, and many with difficult names.

use std::collections::BTreeMap;

use inactive_contractors::domain::account::{AccountStatus, Changer, NotSuspendable};
use inactive_contractors::domain::attempt::Confirmation;
use inactive_contractors::domain::candidate::CandidateState;
use inactive_contractors::domain::drift::{Back, Watch};
use inactive_contractors::domain::ids::RequestId;
use inactive_contractors::domain::missed::Missed;
use inactive_contractors::domain::provider::ProviderName;
use inactive_contractors::domain::request::RequestState;
use inactive_contractors::domain::sighting::{Sign, Way};
use inactive_contractors::identity::okta::TERMS;
use inactive_contractors::store::Drifted;
use inactive_contractors::wording::drift::{in_channel, in_thread, missed};

use crate::desk::{Desk, compare};
use crate::fixture::{candidate, policy, request};
use crate::people::{EVIL, at, crowd, somewhere};

fn back(by: Changer, status: AccountStatus) -> Back {
    Back { by, at: at(50), what: Some("user.lifecycle.unsuspend".into()), status }
}

fn import() -> Back {
    back(Changer::Import { source: EVIL.into() }, AccountStatus::Active)
}

/// So many accounts of request 7; the first nine have the difficult names.
fn drifted(count: u32, back: &Back) -> Vec<Drifted> {
    let watch = |one: inactive_contractors::domain::candidate::Candidate| Watch {
        id: i64::from(one.position),
        request: RequestId(7),
        provider: ProviderName::default(),
        account: one.subject(),
        name: one.shown.name,
        suspended_at: at(20),
        looked_at: None,
        failures: 0,
        idle_since: one.shown.evidence.idle.since,
        checked: false,
    };
    let one = |watch| Drifted { policy: "contractors".into(), watch, back: back.clone() };
    crowd(count).into_iter().map(watch).map(one).collect()
}

#[tokio::test]
async fn one_account_is_one_sentence_no_matter_who_restored_it() {
    let mut desk = Desk::open().await;
    let cards = BTreeMap::from([(RequestId(7), somewhere())]);
    let mut said = Vec::new();
    let admin = Changer::Admin { name: "A".repeat(300), id: None };
    for back in [
        import(),
        back(admin, AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT")),
        back(Changer::Us, AccountStatus::Active),
        back(Changer::Unknown, AccountStatus::Active),
    ] {
        said.push(desk.message(&in_channel(&policy(), &drifted(1, &back), &cards, TERMS)).await);
    }
    let without_its_card = in_channel(&policy(), &drifted(1, &import()), &BTreeMap::new(), TERMS);
    said.push(desk.message(&without_its_card).await);
    compare("drift_one", &said.join("\n\n---\n\n"));
    desk.close();
}

#[tokio::test]
async fn many_are_one_message_and_their_thread_names_all() {
    let mut desk = Desk::open().await;
    let cards = BTreeMap::from([(RequestId(7), somewhere())]);
    let many = drifted(30, &import());
    let channel = desk.message(&in_channel(&policy(), &many, &cards, TERMS)).await;
    let thread = desk.message(&in_thread(&policy(), &many.iter().collect::<Vec<_>>(), TERMS)).await;
    compare("drift_many", &format!("{channel}\n\n---\n\n{thread}"));
    desk.message_is("drift_thread_of_one", &in_thread(&policy(), &[&many[0]], TERMS)).await;
    desk.close();
}

#[test]
fn the_message_in_the_channel_names_twenty_and_counts_the_others() {
    let told = |count| {
        let card = in_channel(&policy(), &drifted(count, &import()), &BTreeMap::new(), TERMS);
        (card.blocks.len(), format!("{:?}", card.blocks).contains("… and 1 more account"))
    };
    // Above and below them stands a block each.
    assert_eq!((told(20), told(21)), ((22, false), (23, true)));
}

#[tokio::test]
async fn what_came_to_light_after_a_suspension_offers_the_way_back_as_long_as_there_is_one() {
    let mut desk = Desk::open().await;
    let asked = request(RequestState::pending());
    let mut one = candidate(3, CandidateState::suspended(at(20), Confirmation::ByCall));
    EVIL.clone_into(&mut one.shown.name);
    let watch = Watch { name: one.shown.name.clone(), ..drifted(1, &import()).remove(0).watch };
    let mut said = Vec::new();
    for (way, minute) in
        [(Some(Way::SignedIn), 19), (Some(Way::Radius), 19), (Some(Way::Token), 25), (None, 19)]
    {
        let sign = way.map(|way| Sign { way, event: "user.session.start".into(), app: Some(EVIL.into()) });
        let seen = Missed { at: at(minute), sign };
        said.push(desk.message(&missed(&policy(), &asked, Some(&one), &watch, &seen, at(80), TERMS)).await);
    }
    let too_late = at(20) + policy().restore_button_for;
    let seen = Missed { at: at(19), sign: None };
    said.push(desk.message(&missed(&policy(), &asked, Some(&one), &watch, &seen, too_late, TERMS)).await);
    compare("missed", &said.join("\n\n---\n\n"));
    desk.close();
}
