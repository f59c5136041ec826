//! The people that the page can act as, with their role in the policy.

use fake::okta::FakeOkta;
use fake::slack::{
    C_OPS, FakeSlack, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2, U_GUEST, U_STRANGER, U_VIEWER,
};

/// An inactive contractor who is a guest of the channel, so that they are on the card and see it.
pub const U_CONTRACTOR: &str = "U0CONTRACTOR";
/// An inactive contractor who is not in the channel: what concerns them comes as a direct message.
pub const U_ADA: &str = "U0ADA";
/// Another one.
pub const U_CHIDI: &str = "U0CHIDI";
/// The manager of these three, who is not in the channel either.
pub const U_MANAGER: &str = "U0GRACE";

/// In the order of the page's list.
pub const PEOPLE: [(&str, &str); 10] = [
    (U_APPROVER, "approver"),
    (U_APPROVER2, "approver"),
    (U_ADMIN, "admin"),
    (U_VIEWER, "member"),
    (U_MANAGER, "manager"),
    (U_ADA, "contractor"),
    (U_CHIDI, "contractor"),
    (U_CONTRACTOR, "guest, a contractor"),
    (U_GUEST, "guest"),
    (U_STRANGER, "from another company"),
];

const MANAGER: &str = "grace.berg@corp.example";

/// Contractors that are not found in Slack.
const NOT_IN_SLACK: [&str; 2] = ["broadcast@ext.example", "bold.ticks@ext.example"];

/// Gives the contractors of the org, and the managers that it names, accounts in the workspace that nobody at the page
/// can be: the bot asks them too.
pub fn join_everybody(slack: &FakeSlack, okta: &FakeOkta) {
    let people = okta.people();
    let known = slack.people();
    let is_new = |login: &str| known.iter().all(|user| user.email.as_deref() != Some(login));
    let contractors = people.iter().filter(|person| person.user_type.as_deref() == Some("Contractor"));
    for person in contractors.filter(|person| is_new(&person.login)) {
        if !NOT_IN_SLACK.contains(&person.login.as_str()) {
            slack.add_user(
                SlackUser::new(&format!("U{}", person.id.to_uppercase()), &person.name, &person.login),
                &[],
            );
        }
        let manager = people.iter().find(|other| Some(&other.name) == person.manager.as_ref());
        if let Some(manager) = manager {
            okta.set_attribute(&person.login, "managerId", manager.login.as_str());
            if is_new(&manager.login) {
                let user =
                    SlackUser::new(&format!("U{}", manager.id.to_uppercase()), &manager.name, &manager.login);
                slack.add_user(user, &[]);
            }
        }
    }
}

/// Gives some people of the demo org an account in the workspace, and a manager who has one too.
pub fn seed(slack: &FakeSlack, okta: &FakeOkta, guest: &str) {
    let person = |id: &str, login: &str| SlackUser::new(id, &okta.person(login).name, login);
    let contractors =
        [(U_CONTRACTOR, guest), (U_ADA, "ada.okafor@ext.example"), (U_CHIDI, "chidi.eze@ext.example")];
    slack.add_user(person(U_MANAGER, MANAGER), &[]);
    for (id, login) in contractors {
        let user = person(id, login);
        let (user, channels): (_, &[&str]) =
            if login == guest { (user.guest(), &[C_OPS]) } else { (user, &[]) };
        slack.add_user(user, channels);
        okta.set_attribute(login, "manager", okta.person(MANAGER).name);
        okta.set_attribute(login, "managerId", MANAGER);
    }
    join_everybody(slack, okta);
    for (id, _) in PEOPLE {
        slack.direct_channel(id);
    }
}
