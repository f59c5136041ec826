//! Who must not be blocked, for a sweep and for one account.

use inactive_contractors::domain::account::AccountId;
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::identity::{Directory, FreshLook, IdentityError};

use crate::fake::entra::{FakeEntra, Fault, Licence, Person, Role};
use crate::world::{World, denied, rule, world};

async fn is_privileged(world: &World, id: &AccountId) -> (bool, bool) {
    let listed = world.entra.protected(&rule()).await.unwrap().admins.contains(id);
    let fresh = world.entra.look(id, &rule(), None).await.unwrap().admin_role;
    (listed, fresh)
}

#[tokio::test]
async fn administrators_and_people_who_may_become_one_are_protected() {
    let world = world().await;
    let add = |login: &str| world.add(&format!("{login}@x.test"));
    let group = world.fake.add_role_assignable_group("Tier 0");
    let (inner, outer) = (world.fake.add_group("Inner"), world.fake.add_role_assignable_group("Outer"));
    world.fake.nest_group(&inner, &outer);
    let holder = add("holder");
    world.fake.set_role("holder@x.test", Role::HelpdeskAdministrator);
    let scoped = add("scoped");
    world.fake.set_scoped_role("scoped@x.test", Role::UserAdministrator, "/administrativeUnits/1");
    let eligible = add("eligible");
    world.fake.set_eligible("eligible@x.test", Role::GlobalAdministrator);
    let member = add("member");
    world.fake.set_group("member@x.test", &group);
    let owner = add("owner");
    world.fake.set_owner("owner@x.test", &group);
    let nested = add("nested");
    world.fake.set_group("nested@x.test", &inner);
    for id in [holder, scoped, eligible, member, owner, nested] {
        let login = world.entra.read(&id).await.unwrap().login;
        assert_eq!(is_privileged(&world, &id).await, (true, true), "{login}");
    }
    let nobody = add("nobody");
    let ordinary = world.fake.add_group("Ordinary");
    world.fake.set_group("nobody@x.test", &ordinary);
    world.fake.set_owner("nobody@x.test", &ordinary);
    assert_eq!(is_privileged(&world, &nobody).await, (false, false));
}

#[tokio::test]
async fn a_role_that_a_group_holds_is_its_members() {
    let world = world().await;
    let group = world.fake.add_role_assignable_group("Helpdesk");
    world.fake.set_group_role(&group, Role::HelpdeskAdministrator);
    let id = world.add_person(Person::contractor("a@x.test").in_group(&group));
    assert_eq!(is_privileged(&world, &id).await, (true, true));
    assert_eq!(world.entra.protected(&rule()).await.unwrap().own, None, "an app is no account");
}

#[tokio::test]
async fn a_tenant_without_eligible_roles_has_none_and_any_other_failure_is_one() {
    let world = world().await;
    let id = world.add("a@x.test");
    world.fake.configure(|settings| settings.licence = Licence::P1);
    assert_eq!(is_privileged(&world, &id).await, (false, false));
    world.fake.configure(|settings| settings.licence = Licence::P2);
    for (status, code) in [(400, "Request_BadRequest"), (403, "PermissionScopeNotGranted")] {
        world.fake.fail_always("GET roleEligibility", Fault::Status(status, code));
        assert!(world.entra.protected(&rule()).await.is_err(), "{code}");
        assert!(world.entra.look(&id, &rule(), None).await.is_err(), "{code}");
        world.fake.clear_faults();
    }
}

#[tokio::test]
async fn what_the_app_may_not_see_is_an_error_and_never_nobody() {
    for permission in ["RoleManagement.Read.Directory", "GroupMember.Read.All"] {
        let world = world().await;
        let group = world.fake.add_role_assignable_group("Tier 0");
        let id = world.add_person(Person::contractor("a@x.test").in_group(&group));
        world.fake.withdraw(FakeEntra::CLIENT_ID, permission);
        assert!(denied(world.entra.protected(&rule()).await).contains(permission));
        assert!(denied(world.entra.look(&id, &rule(), None).await).contains(permission));
    }
}

fn exempting(group: &str) -> Rule {
    Rule { exempt_groups: vec![group.to_owned()], ..rule() }
}

#[tokio::test]
async fn members_of_an_exempt_group_are_found_through_other_groups() {
    let world = world().await;
    let (inner, outer) = (world.fake.add_group("Inner"), world.fake.add_group("Outer"));
    world.fake.nest_group(&inner, &outer);
    let id = world.add_person(Person::contractor("a@x.test").in_group(&inner));
    let other = world.add("b@x.test");
    let rule = exempting(&outer);
    let protected = world.entra.protected(&rule).await.unwrap();
    assert!(protected.groups[&outer].contains(&id) && !protected.groups[&outer].contains(&other));
    let groups = async |id| {
        let FreshLook { exempt_groups, .. } = world.entra.look(id, &rule, None).await.unwrap();
        exempt_groups
    };
    assert_eq!(groups(&id).await, std::slice::from_ref(&outer));
    assert_eq!(groups(&other).await, Vec::<String>::new());
}

#[tokio::test]
async fn an_exempt_group_that_is_empty_hidden_or_gone_is_an_error() {
    let world = world().await;
    let (empty, hidden, gone) =
        (world.fake.add_group("Empty"), world.fake.add_hidden_group("Hidden"), world.fake.add_group("Gone"));
    world.add_person(Person::contractor("a@x.test").in_group(&hidden));
    world.fake.delete_group(&gone);
    for group in [empty, hidden.clone(), gone, "not a group".to_owned()] {
        let result = world.entra.protected(&exempting(&group)).await;
        assert!(
            matches!(&result, Err(IdentityError::NotFound(why)) if why.contains(&group)),
            "{group}: {result:?}"
        );
    }
    world.fake.grant(FakeEntra::CLIENT_ID, "Member.Read.Hidden");
    let mut world = world;
    world.begin_again();
    assert!(world.entra.protected(&exempting(&hidden)).await.is_ok());
}

#[tokio::test]
async fn long_lists_are_read_to_their_end() {
    let world = world().await;
    let group = world.fake.add_role_assignable_group("Tier 0");
    let ids: Vec<AccountId> = (0..25)
        .map(|number| world.add_person(Person::contractor(&format!("c{number}@x.test")).in_group(&group)))
        .collect();
    world.fake.configure(|settings| (settings.page_cap, settings.empty_pages) = (4, true));
    let admins = world.entra.protected(&rule()).await.unwrap().admins;
    assert!(ids.iter().all(|id| admins.contains(id)));
}
