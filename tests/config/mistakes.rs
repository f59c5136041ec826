//! The sentence for each mistake in a file.

use chrono::Duration;

use super::{GOOD, bad, bad_line, good};

/// A line in a policy, and the sentence for it after `bot.toml:7:`.
const BAD_LINES: [(&str, &str); 51] = [
    (
        "inactive_afer = \"7d\"",
        r#"1: unknown key "inactive_afer" in [[policy]]; did you mean "inactive_after"?"#,
    ),
    (
        "deadline = \"7d\"",
        r#"1: unknown key "deadline" in [[policy]]; config/bot.example.toml lists every key"#,
    ),
    (
        "admins = { user = [\"U1\"], groups = [\"S1\"] }",
        r#"12: unknown key "user" in admins of [[policy]]; did you mean "users"?"#,
    ),
    ("inactive_after = 7", "18: inactive_after must be a text such as \"7d\", not a number"),
    (
        "inactive_after = \"7 days\"",
        r#"18: inactive_after is "7 days", which is not a duration; write a whole number above 0 and a unit, such as "12h", "7d" or "4w", or "5 working days""#,
    ),
    (
        "inactive_after = \"0 working days\"",
        r#"18: inactive_after is "0 working days", which is not a duration; write a whole number above 0 and a unit, such as "12h", "7d" or "4w", or "5 working days""#,
    ),
    (
        "inactive_after = \"9999 working days\"",
        r#"18: inactive_after is "9999 working days", but must be between "1d" and "1825d": people who work every day must never look inactive"#,
    ),
    (
        "approval_timeout = \"1 working day\"",
        r#"20: approval_timeout is "1 working day", which is not a duration; write a whole number above 0 and a unit, such as "30m", "12h", "7d" or "4w""#,
    ),
    (
        "inactive_after = \"12h\"",
        r#"18: inactive_after is "12h", but must be between "1d" and "1825d": people who work every day must never look inactive"#,
    ),
    (
        "approval_timeout = \"5w\"",
        r#"20: approval_timeout is "5w", but must be between "1s" and "30d": a request shows who was inactive when it was posted, and that grows old"#,
    ),
    (
        "execute_within = \"5s\"",
        r#"18: execute_within is "5s", but must be between "1m" and "30d": an approval is meant for now, but must outlast a short outage"#,
    ),
    (
        "catch_up = \"2w\"",
        r#"12: catch_up is "2w", but must be between "1m" and "7d": a missed sweep runs late, but not when the next one would say the same"#,
    ),
    (
        "new_account_grace = \"1h\"",
        r#"21: new_account_grace is "1h", but must be between "1d" and "365d": people need time to sign in for the first time"#,
    ),
    (
        "restored_grace = \"1m\"",
        r#"18: restored_grace is "1m", but must be between "1h" and "365d": the owner of a restored account needs time to use it"#,
    ),
    (
        "approvals_needed = 3",
        "20: approvals_needed is 3, but must be between 1 and 2: it is how many different people have to approve",
    ),
    (
        "remind_before = [\"4h\", \"9h\"]",
        r#"24: remind_before has "9h", but must be a duration such as "1h", shorter than approval_timeout: how long before the deadline"#,
    ),
    (
        "remind_before = [\"6h\", \"5h\", \"4h\", \"3h\", \"2h\", \"1h\"]",
        "18: remind_before has 6 times, but at most 5 are read",
    ),
    (
        "remind = { channel_members = true }",
        "1: remind can't be channel_members: name users or groups, a channel is never notified",
    ),
    ("escalate_before = \"1h\"", "1: escalate_before needs escalate_to: who is notified when nobody answers"),
    (
        "escalate_to = { users = [\"U1\"] }",
        "1: escalate_to needs escalate_before: how long before the deadline they are notified",
    ),
    ("schedule = \"every day\"", "12: schedule: "),
    ("schedule = \"0 9 30 2 *\"", r#"12: schedule is "0 9 30 2 *", which never comes"#),
    (
        "time_zone = \"Europe/Berln\"",
        r#"13: time_zone is "Europe/Berln", which is not a zone's name; did you mean "Europe/Berlin"?"#,
    ),
    (
        "time_zone = \"new york\"",
        r#"13: time_zone is "new york", which is not a zone's name; did you mean "America/New_York"?"#,
    ),
    (
        "time_zone = \"somewhere nice\"",
        r#"13: time_zone is "somewhere nice", which is not a zone's name; such names are "UTC", "Europe/Berlin" or "America/New_York""#,
    ),
    (
        "admins = { users = [\"@alice\"] }",
        r#"21: admins: "@alice" must be a member id such as "U0123ABCDEF": in Slack open the person's profile, ⋮, "Copy member ID""#,
    ),
    (
        "admins = { groups = [\"it-team\"] }",
        r#"22: admins: "it-team" must be a user group's id such as "S0123ABCDEF", which ends the address of its page in Slack's People"#,
    ),
    ("admins = {}", "10: admins names nobody; leave the key out and the approvers are the admins"),
    (
        "viewers = { users = [] }",
        "11: viewers names nobody; leave the key out and everybody in the channel is a viewer",
    ),
    ("admins = [\"U1\"]", "10: admins must be a table in braces, not a list"),
    (
        "max_candidates = 0",
        "18: max_candidates is 0, but must be between 1 and 10000: a sweep with more candidates is held until somebody has looked",
    ),
    (
        "max_candidates = -5",
        "18: max_candidates is -5, but must be between 1 and 10000: a sweep with more candidates is held until somebody has looked",
    ),
    ("max_candidates = 5.5", "18: max_candidates must be a whole number, not a fraction"),
    (
        "max_share = 50",
        "13: max_share is 50, but must be between 0.01 and 1: it is the share of the listed accounts above which a sweep is held",
    ),
    (
        "max_share = nan",
        "13: max_share is nan, but must be between 0.01 and 1: it is the share of the listed accounts above which a sweep is held",
    ),
    (
        "min_population_share = -0.1",
        "24: min_population_share is -0.1, but must be between 0 and 1: it is the share of the previous sweep's accounts below which a sweep is held",
    ),
    (
        "surge_factor = 0.5",
        "1: surge_factor is 0.5, but must be 0 (off) or at least 1: it multiplies the recent median of candidates",
    ),
    (
        "drift_watch = \"30m\"",
        "15: drift_watch is \"30m\", but must be between \"1h\" and \"365d\": the first look comes an hour after the suspension; 0 is not at all",
    ),
    ("drift_watch = 30", "15: drift_watch must be a text such as \"7d\", not a number"),
    ("check_sign_in_log = \"yes\"", "21: check_sign_in_log must be true or false, not a text"),
    ("provider = \"entra\"", r#"12: provider is "entra", but the configuration has "okta""#),
    ("user_type = \"\"", "13: user_type is empty; give it a value or leave it out"),
    (
        "okta_user_type_id = \"contractor\"",
        r#"21: okta_user_type_id is "contractor", but those ids begin with oty; they are in the address of the type's page in Okta's Profile Editor"#,
    ),
    ("exempt_logins = [\"*\"]", "18: exempt_logins exempts everybody; to stop a policy set enabled = false"),
    ("exempt_logins = \"a@b.c\"", "17: exempt_logins must be a list of texts in brackets, not a text"),
    (
        "exempt_groups = [\"Night shift\"]",
        r#"18: exempt_groups: "Night shift" is not a group's id; give the id that ends the address of the group's page in Okta, such as "00g1emaKYZTWRYYRRTSK""#,
    ),
    (
        "exempt_attributes = [{ name = \"x\" }]",
        r#"22: exempt_attributes needs both: { name = "department", value = "Night shift" }"#,
    ),
    ("exempt_attributes = [\"x\"]", "22: exempt_attributes must be a list of tables, not a text"),
    ("channel = \"C9\"", "1: duplicate key"),
    (
        "token = \"xoxb-canary\"",
        r#"1: unknown key "token" in [[policy]]; config/bot.example.toml lists every key"#,
    ),
    (
        "time_zone = \"xoxb-canary\"",
        "13: time_zone holds a secret; secrets have no place in this file, only in the environment or in files that it names",
    ),
];

#[test]
fn each_mistake_in_a_policy_has_its_sentence() {
    for (line, sentence) in BAD_LINES {
        let problem = bad_line(line);
        let wanted = format!("bot.toml:7:{sentence}");
        // The cron parser's own words follow; they are its business.
        let matches = if sentence.ends_with(": ") { problem.starts_with(&wanted) } else { problem == wanted };
        assert!(matches, "{line}\n  is {problem}\n wants {wanted}");
    }
}

#[test]
fn a_users_type_is_given_in_one_way() {
    let problem = bad_line("user_type = \"contractor\"\nokta_user_type_id = \"oty1\"");
    assert_eq!(
        problem,
        "bot.toml:8:21: a policy has user_type or okta_user_type_id, not both: user_type matches the profile's text, \
         okta_user_type_id Okta's user type object"
    );
}

#[test]
fn what_a_policy_cannot_do_without_is_asked_for() {
    assert_eq!(
        bad("okta.org_url = \"https://acme.okta.com\"\n[[policy]]\n"),
        [
            "bot.toml:2:1: a [[policy]] needs a name: one word that commands and messages use for it",
            "bot.toml:2:1: a [[policy]] needs a channel, here or in SLACK_CHANNEL: an id such as \"C0123ABCDEF\": in \
             Slack click the channel's name and copy the id at the end of \"About\"",
            "bot.toml:2:1: approvers must name somebody (users, groups, or channel_members = true): nobody may approve \
             by default",
        ]
    );
}

#[test]
fn names_channels_and_empty_approvers_are_refused() {
    let head = "okta.org_url = \"https://acme.okta.com\"\n";
    let text = format!(
        "{head}[[policy]]\nname = \"two words\"\nchannel = \"#it-access\"\napprovers = {{}}\n\
         [[policy]]\nname = \"a\"\nchannel = \"D0123\"\napprovers.users = [\"U1\"]\n\
         [[policy]]\nname = \"A\"\nchannel = \"C0123\"\napprovers.users = [\"U1\"]\n"
    );
    let how = "but must be an id such as \"C0123ABCDEF\": in Slack click the channel's name and copy the id at the end \
               of \"About\"";
    assert_eq!(
        bad(&text),
        [
            "bot.toml:3:8: name is \"two words\", but must be one word of up to 40 letters, digits, hyphens or \
             underscores",
            &format!("bot.toml:4:11: channel is \"#it-access\", {how}"),
            "bot.toml:5:13: approvers must name somebody (users, groups, or channel_members = true): nobody may \
             approve by default",
            &format!("bot.toml:8:11: channel is \"D0123\", {how}"),
            "bot.toml:11:8: there are two policies called \"A\"; requests and history go by the name, so give this one \
             another",
        ]
    );
}

/// A whole file, and what is wrong with it.
const BAD_FILES: [(&str, &[&str]); 12] = [
    (
        "",
        &[
            "bot.toml: no Okta org: set org_url in [okta] or the environment variable OKTA_ORG_URL, such as \
         \"https://acme.okta.com\"",
            "bot.toml: no [[policy]]: add at least one, or the bot has nothing to do",
        ],
    ),
    (
        "policy = []\n[okta]\norg_url = \"https://a.okta.com\"",
        &["bot.toml: no [[policy]]: add at least one, or the bot has nothing to do"],
    ),
    (
        "[policy]\n[okta]\norg_url = \"https://a.okta.com\"",
        &["bot.toml:1:1: policy must be a section in double brackets, [[policy]], not a table"],
    ),
    ("[slak]\n", &["bot.toml:1:2: unknown key \"slak\" in the file; did you mean \"slack\"?"]),
    ("slack = 1", &["bot.toml:1:9: slack must be a section in brackets, not a number"]),
    (
        "[slack]\ncommand = \"inactive\"",
        &[
            "bot.toml:2:11: command is \"inactive\", but must be a slash and up to 31 letters, digits, hyphens or underscores",
        ],
    ),
    (
        "[forward]\nurl = \"https://collector.example/canary?x\"",
        &["bot.toml:2:7: url is \"https://collector.example/…\"; give the address without ? and #"],
    ),
    (
        "[forward]\nurl = \"http://collector.example/canary\"",
        &[
            "bot.toml:2:7: url is \"http://collector.example/…\", but must begin with https:// (http:// only for this \
         machine, such as http://127.0.0.1:8080)",
        ],
    ),
    (
        "[forward]\nurl = \"collector.example/canary?to=https://x\"",
        &["bot.toml:2:7: url is \"collector.example/…\", which lacks https:// at its beginning"],
    ),
    (
        "[log]\nformat = \"xml\"\nlevel = \"inof\"",
        &[
            "bot.toml:2:10: format is \"xml\", but must be \"human\" or \"json\"",
            "bot.toml:3:9: level is \"inof\", which is none of off, error, warn, info, debug, trace and no filter such as \
         \"info,hyper=warn\"; did you mean \"info\"?",
        ],
    ),
    (
        "[okta]\nrate_share = 2.0\nconcurrency = 99",
        &[
            "bot.toml:2:14: rate_share is 2.0, but must be between 0.01 and 1: it is the share of Okta's rate limits that \
         the bot may use",
            "bot.toml:3:15: concurrency is 99, but must be between 1 and 50: Okta limits how many requests one org may \
         have under way",
        ],
    ),
    (
        "[slack]\nbot_token = \"xoxb-canary\"\n[okta]\napi_token = \"canary\"",
        &[
            "bot.toml:2:1: bot_token is a secret; secrets have no place in this file, only in the environment or in files \
         that it names: set SLACK_BOT_TOKEN, or bot_token_file = \"…\"",
            "bot.toml:4:1: api_token is a secret; secrets have no place in this file, only in the environment or in files \
         that it names: set OKTA_API_TOKEN, or api_token_file = \"…\"",
        ],
    ),
];

#[test]
fn each_mistake_in_a_file_has_its_sentence() {
    for (text, sentences) in BAD_FILES {
        let problems = bad(text);
        for sentence in sentences {
            assert!(problems.iter().any(|problem| problem == sentence), "{text}\n{problems:#?}\n{sentence}");
        }
    }
}

#[test]
fn text_that_is_not_toml_has_a_place_and_its_line_is_not_repeated() {
    let problems = bad("[slack]\nbot_token = xoxb-canary\n[okta\n");
    assert!(problems[0].starts_with("bot.toml:2:13: "), "{problems:#?}");
    assert!(problems.len() > 1, "both mistakes are told: {problems:#?}");
}

#[test]
fn a_renamed_key_keeps_its_old_name_and_is_warned_of() {
    let old = "second_look = false\nown_accounts = []\nanswer_within = \"2h\"\ncarry_out_within = \"3h\"\n\
               undo_for = \"4d\"\nwatch_suspended_for = 0\n[watch]\nhttp = \"127.0.0.1:9464\"\n";
    let config = good(&format!("{GOOD}{old}"));
    let policy = &config.policies[0];
    assert!(!policy.rule.check_sign_in_log && policy.drift_watch.is_none());
    assert_eq!(policy.approval_timeout, Duration::hours(2));
    assert_eq!(policy.execute_within, Duration::hours(3));
    assert_eq!(policy.restore_button_for, Duration::days(4));
    assert_eq!(config.monitoring.http.map(|http| http.port()), Some(9464));
    let renamed = config.warnings.iter().filter(|warning| warning.contains("; the old name still works"));
    assert_eq!(renamed.count(), 7, "{:?}", config.warnings);
    assert!(
        config
            .warnings
            .iter()
            .any(|warning| warning.contains(": answer_within is called approval_timeout now"))
    );
    let both = bad_line("answer_within = \"2h\"\napproval_timeout = \"2h\"");
    assert!(both.ends_with(
        "answer_within is the old name of approval_timeout, which is set too; remove one of them"
    ));
}
