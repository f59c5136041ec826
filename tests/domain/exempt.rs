//! Protections and exemptions: each one, their order, and that they only ever subtract.

use inactive_contractors::domain::account::{Account, AccountStatus, NotSuspendable, Reading};
use inactive_contractors::domain::assess::{Assessment, Exemption, Standing, assess};
use inactive_contractors::domain::policy::Rule;
use inactive_contractors::domain::sighting::{SecondLook, Sighting};

use super::fixture::{ago, attribute, contractor, days, now, rule};

fn exemption(account: &Account, standing: &Standing, rule: &Rule) -> Option<Exemption> {
    match assess(account, standing, rule, now()) {
        Assessment::Exempt(exemption) => Some(exemption),
        Assessment::OtherType(_)
        | Assessment::NotSuspendable(_)
        | Assessment::Unknown(_)
        | Assessment::Active(_)
        | Assessment::InGrace { .. }
        | Assessment::Candidate(_) => None,
    }
}

#[test]
fn protections_come_first_and_in_their_order() {
    let kim = contractor("kim");
    let mut rule = Rule {
        break_glass: vec!["KIM@contractors.example".into()],
        exempt_logins: vec!["kim@*".into()],
        exempt_attributes: vec![attribute("team", "blue")],
        ..rule()
    };
    let mut standing = Standing {
        admin_role: true,
        own_identity: true,
        approver: true,
        exempt_groups: vec!["00g1".into(), "00g2".into()],
        ..Standing::plain()
    };
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::AdminRole));
    standing.admin_role = false;
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::OwnIdentity));
    standing.own_identity = false;
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::BreakGlass));
    rule.break_glass.clear();
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::Approver));
    standing.approver = false;
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::Login("kim@*".into())));
    rule.exempt_logins.clear();
    assert_eq!(exemption(&kim, &standing, &rule), Some(Exemption::Group("00g1".into())));
    standing.exempt_groups.clear();
    let by_attribute = Exemption::Attribute { name: "team".into(), value: "blue".into() };
    assert_eq!(exemption(&kim, &standing, &rule), Some(by_attribute));
    rule.exempt_attributes.clear();
    assert!(matches!(assess(&kim, &standing, &rule, now()), Assessment::Candidate(_)));
}

#[test]
fn an_exemption_is_named_before_a_status_or_an_unreadable_date() {
    let standing = Standing { admin_role: true, ..Standing::plain() };
    let locked = Account {
        status: AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"),
        ..contractor("kim")
    };
    let broken = Account { created: Reading::Never, ..contractor("kim") };
    let employee = Account { user_type: Some("employee".into()), ..contractor("kim") };
    assert_eq!(exemption(&locked, &standing, &rule()), Some(Exemption::AdminRole));
    assert_eq!(exemption(&broken, &standing, &rule()), Some(Exemption::AdminRole));
    let other = assess(&employee, &standing, &rule(), now());
    assert_eq!(other, Assessment::OtherType(Some("employee".into())), "the type comes before all");
}

#[test]
fn login_patterns_match_the_whole_login_or_address() {
    let table = [
        ("kim@contractors.example", true),
        ("KIM@Contractors.Example", true),
        (" kim@contractors.example ", true),
        ("kim@mail.example", true),
        ("kim", false),
        ("kim*", true),
        ("*@contractors.example", true),
        ("*@CONTRACTORS.example", true),
        ("*", true),
        ("**", true),
        ("k*m@*.example", true),
        ("*kim@contractors.example*", true),
        ("kim@contractors.example*kim@contractors.example", false),
        ("*.test", false),
        ("im@*", false),
        ("*@contractors", false),
        ("k*@*@*", false),
        ("kim@contractors?example", false),
        ("kim.contractors.example", false),
        ("", false),
    ];
    for (pattern, matches) in table {
        let rule = Rule { exempt_logins: vec![pattern.into()], ..rule() };
        let found = exemption(&contractor("kim"), &Standing::plain(), &rule);
        assert_eq!(found.is_some(), matches, "{pattern:?}");
    }
}

#[test]
fn a_star_does_not_let_one_stretch_of_text_count_twice() {
    let table =
        [("aba", "ab*ba", false), ("abba", "ab*ba", true), ("abcab", "ab*ab", true), ("ab", "ab*ab", false)];
    for (login, pattern, matches) in table {
        let rule = Rule { exempt_logins: vec![pattern.into()], ..rule() };
        let account = Account { login: login.into(), email: None, ..contractor("kim") };
        assert_eq!(exemption(&account, &Standing::plain(), &rule).is_some(), matches, "{login} {pattern}");
    }
}

#[test]
fn break_glass_knows_logins_addresses_and_ids_but_no_patterns() {
    let table = [
        ("kim@contractors.example", true),
        ("Kim@Mail.Example", true),
        ("00ukim", true),
        ("00uKIM", true),
        (" 00ukim ", true),
        ("kim*", false),
    ];
    for (name, matches) in table {
        let rule = Rule { break_glass: vec![name.into()], ..rule() };
        let found = exemption(&contractor("kim"), &Standing::plain(), &rule);
        assert_eq!(found, matches.then_some(Exemption::BreakGlass), "{name}");
    }
}

#[test]
fn an_attribute_exempts_with_its_whole_value_in_any_case() {
    let table = [
        ("team", "blue", "Blue", true),
        ("team", "BLUE", "Blue", true),
        ("Team", "blue", "Blue", false),
        ("team", "blu", "Blue", false),
        ("site", "blue", "Blue", false),
        ("team", "", "Blue", false),
        ("team", "ärzte", "ÄRZTE", true),
        ("team", "straße", " STRASSE\t", true),
    ];
    for (name, wanted, has, matches) in table {
        let rule = Rule { exempt_attributes: vec![attribute(name, wanted)], ..rule() };
        let account = Account { attributes: [("team".into(), has.into())].into(), ..contractor("kim") };
        assert_eq!(
            exemption(&account, &Standing::plain(), &rule).is_some(),
            matches,
            "{name}={wanted}, {has}"
        );
    }
}

/// A generator that gives the same numbers each time, so that a failure can be repeated.
struct Dice(fastrand::Rng);

impl Dice {
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.0.usize(..from.len())].clone()
    }

    fn reading(&mut self) -> Reading {
        let age = self.0.i64(-1..120);
        self.pick(&[ago(age), ago(age), ago(age), Reading::Never, Reading::Unreadable("is odd".into())])
    }

    fn account(&mut self) -> Account {
        Account {
            status: self.pick(&[
                AccountStatus::Active,
                AccountStatus::Active,
                AccountStatus::other(NotSuspendable::NeedsReset, "LOCKED_OUT"),
            ]),
            in_transition: self.0.u8(..10) == 0,
            user_type: self.pick(&[Some("Contractor".into()), Some("contractor".into()), None]),
            email: self.pick(&[None, Some("kim@mail.example".into())]),
            created: self.pick(&[ago(300), ago(300), ago(10), Reading::Never]),
            activated: self.reading(),
            status_changed: self.reading(),
            last_sign_in: self.reading(),
            attributes: self.pick(&[[].into(), [("team".into(), "blue".into())].into()]),
            ..contractor(self.pick(&["kim", "lee", "max"]))
        }
    }

    fn standing(&mut self) -> Standing {
        let age = self.0.i64(0..40);
        Standing {
            admin_role: self.0.u8(..8) == 0,
            restored_at: self.pick(&[None, Some(now() - days(age))]),
            second_look: self.pick(&[
                SecondLook::NotAsked,
                SecondLook::Failed("503".into()),
                SecondLook::Nothing { since: now() - days(30) },
                SecondLook::Seen(Sighting::at(now() - days(age))),
            ]),
            ..Standing::plain()
        }
    }
}

/// The same account with one protection or exemption more: each must take away and never add.
fn with_one_more(standing: &Standing, rule: &Rule) -> Vec<(Standing, Rule)> {
    let mut all = Vec::new();
    for more in 0..7 {
        let (mut standing, mut rule) = (standing.clone(), rule.clone());
        match more {
            0 => standing.admin_role = true,
            1 => standing.own_identity = true,
            2 => standing.approver = true,
            3 => standing.exempt_groups.push("00g1".into()),
            4 => rule.exempt_logins.push("k*@contractors.example".into()),
            5 => rule.exempt_attributes.push(attribute("team", "Blue")),
            _ => rule.break_glass.push("lee@contractors.example".into()),
        }
        all.push((standing, rule));
    }
    all
}

#[test]
fn exemptions_only_ever_subtract() {
    let mut dice = Dice(fastrand::Rng::with_seed(7));
    let (mut candidates, mut taken_away) = (0, 0);
    for _ in 0..4000 {
        let (account, standing) = (dice.account(), dice.standing());
        let rule = Rule { check_sign_in_log: dice.0.bool(), ..rule() };
        let before = assess(&account, &standing, &rule, now());
        candidates += usize::from(matches!(before, Assessment::Candidate(_)));
        for (standing, rule) in with_one_more(&standing, &rule) {
            let after = assess(&account, &standing, &rule, now());
            if matches!(after, Assessment::Exempt(_)) {
                taken_away += usize::from(matches!(before, Assessment::Candidate(_)));
            } else {
                assert_eq!(after, before, "{account:?} {standing:?} {rule:?}");
            }
        }
    }
    assert!(candidates > 100 && taken_away > 100, "{candidates} candidates, {taken_away} taken away");
}

#[test]
fn no_activity_data_makes_a_protected_account_a_candidate() {
    let mut dice = Dice(fastrand::Rng::with_seed(8));
    for _ in 0..2000 {
        let account = Account { user_type: Some("contractor".into()), ..dice.account() };
        let standing = Standing { approver: true, ..dice.standing() };
        let answer = assess(&account, &standing, &rule(), now());
        assert!(matches!(answer, Assessment::Exempt(_)), "{answer:?}");
    }
}
