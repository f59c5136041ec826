//! The keys of the digest and of the people that a request asks.

use chrono::Duration;
use inactive_contractors::domain::settings::DigestPeriod;
use inactive_contractors::domain::template::{Field, OutreachRole, Piece};

use super::{GOOD, bad_line, good};

#[test]
fn nobody_is_notified_or_asked_by_default() {
    let policy = good(GOOD).policies.remove(0);
    assert_eq!((policy.digest, policy.ask.roles(), policy.ask.before), (None, Vec::new(), None));
}

#[test]
fn a_digest_comes_at_a_civil_time_in_the_policys_zone() {
    for (lines, period, cron) in [
        ("digest = \"weekly\"", DigestPeriod::Weekly, "0 9 * * 1"),
        ("digest = \"weekly\"\ndigest_at = \"sun 17:45\"", DigestPeriod::Weekly, "45 17 * * 0"),
        ("digest = \"monthly\"", DigestPeriod::Monthly, "0 9 1 * *"),
        ("digest = \"monthly\"\ndigest_at = \"28 00:00\"", DigestPeriod::Monthly, "0 0 28 * *"),
    ] {
        let policy = good(&format!("{GOOD}time_zone = \"Europe/Berlin\"\n{lines}")).policies.remove(0);
        let digest = policy.digest.expect("there is one");
        assert_eq!((digest.period, digest.schedule.cron.as_str()), (period, cron), "{lines}");
        assert_eq!(digest.schedule.zone, chrono_tz::Europe::Berlin);
    }
}

#[test]
fn people_concerned_are_asked_in_the_configured_words() {
    let keys = "ask_contractor = true\nask_manager = true\nask_before = \"4h\"\nask_contractor_text = \"Hi {name}: {days}\"";
    let ask = good(&format!("{GOOD}{keys}")).policies.remove(0).ask;
    assert_eq!(
        (ask.roles(), ask.before),
        (vec![OutreachRole::Person, OutreachRole::Manager], Some(Duration::hours(4)))
    );
    let pieces = ask.contractor.expect("they are asked").0;
    let expected = [
        Piece::Words("Hi ".into()),
        Piece::Field(Field::Name),
        Piece::Words(": ".into()),
        Piece::Field(Field::Days),
    ];
    assert_eq!(pieces, expected);
    assert!(ask.manager.expect("they are asked").0.contains(&Piece::Field(Field::Days)));
}

#[test]
fn each_mistake_has_its_sentence() {
    const THERE_ARE: &str = "there are {name}, {policy}, {deadline} and {days}";
    let long = format!("ask_contractor_text = \"{}\"", "x".repeat(1001));
    for (line, sentence) in [
        (
            "digest = \"weekley\"",
            r#"10: digest is "weekley", but must be "weekly" or "monthly"; did you mean "weekly"?"#.to_owned(),
        ),
        (
            "digest = \"never\"",
            r#"10: digest is "never", but must be "weekly" or "monthly"; leave it out for none"#.to_owned(),
        ),
        (
            "digest_at = \"Mon 09:00\"",
            r#"13: digest_at needs digest = "weekly" or digest = "monthly" beside it"#.to_owned(),
        ),
        (
            "digest_at = \"1 09:00\"\ndigest = \"weekly\"",
            r#"13: digest_at is "1 09:00", but a weekly digest comes at a day and a time such as "Mon 09:00""#.to_owned(),
        ),
        (
            "digest_at = \"29 09:00\"\ndigest = \"monthly\"",
            r#"13: digest_at is "29 09:00", but a monthly digest comes at a day from 1 to 28 and a time such as "1 09:00""#
                .to_owned(),
        ),
        (
            "ask_before = \"40d\"",
            r#"14: ask_before is "40d", but must be a duration between "1m" and "30d": how long before the deadline contractors and managers are asked"#
                .to_owned(),
        ),
        (
            "ask_manager_text = \"Hi {nmae}\"",
            format!("20: ask_manager_text has {{nmae}}, which is no placeholder; {THERE_ARE}"),
        ),
        (
            "ask_contractor_text = \"Hi {name\"",
            format!("23: ask_contractor_text has a brace that is not closed; {THERE_ARE}"),
        ),
        (&long, "23: ask_contractor_text has more than 1000 characters".to_owned()),
        ("ask_manager = \"yes\"", "15: ask_manager must be true or false, not a text".to_owned()),
    ] {
        assert_eq!(bad_line(line), format!("bot.toml:7:{sentence}"), "{line}");
    }
}
