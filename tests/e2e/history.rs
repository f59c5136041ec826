//! Looking back from Slack: questions with filters, files to take along, pictures, and evidence that others can check.

use std::ffi::OsStr;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use chrono::Duration;
use serde_json::Value;

use super::commands::{ask, assert_answer};
use crate::fake::okta::Person;
use crate::fake::slack::{
    BOT_USER, C_OPS, Channel, ChannelKind, Fault, File, Message, SlackUser, U_ADMIN, U_APPROVER, U_APPROVER2,
    U_GUEST, U_VIEWER,
};
use crate::support::{PLAIN_POLICY, World};

const ADA: &str = "ada@ext.example";
const BEN: &str = "ben@ext.example";
/// What a spreadsheet would take for a formula, and a browser for markup.
const CAT: &str = "cat@ext.example";
const FORMULA: &str = "=HYPERLINK(\"http://evil.example\") \\ \"q\" <b>ü</b>\u{2028}😀\u{7f}";

/// A world with two days of history: Ada was suspended and Ben exempt, then a request about Cat was denied.
async fn history() -> World {
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n"), &[ADA]).await;
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    world.okta.add(Person::contractor(BEN));
    assert_answer(&world, U_APPROVER2, &format!("exempt {BEN} for 20d {FORMULA}"), &["ben@ext.example"])
        .await;
    world.advance(Duration::days(1));
    world.okta.add(Person::contractor(CAT).name("=1+1", FORMULA).last_login_days_ago(41));
    let card = world.sweep().await;
    world.slack.click(U_APPROVER2, &card.ts, "deny").await.expect("the button is there");
    world.message(" denied ").await;
    world
}

/// The file that was handed to the person in their direct messages last.
async fn handed_over(world: &World, user: &str, name: &str) -> (File, Message) {
    let channel = world.slack.direct_channel(user);
    let found = |slack: &crate::fake::slack::FakeSlack| {
        slack
            .files()
            .into_iter()
            .rfind(|file| file.name.ends_with(name) && file.channel.as_ref() == Some(&channel))
    };
    let file = world.slack.wait_for(name, found).await;
    let shows = |message: &Message| message.files.contains(&file.id);
    let message = world.slack.direct_messages(user).into_iter().find(shows).expect("it is shown there");
    (file, message)
}

/// Runs the verifier that auditors get. `None`: there is no Python here, and that is said.
fn verifies(directory: &Path, script: &Path, file: &Path, heads: &[&str]) -> Option<Result<String, String>> {
    let mut arguments = vec![script.as_os_str(), file.as_os_str()];
    arguments.extend(heads.iter().map(OsStr::new));
    python(directory, &arguments)
}

/// Runs Python; what it said, as an error if it ended with one. `None`: there is no Python here, and that is said.
pub fn python(directory: &Path, arguments: &[&OsStr]) -> Option<Result<String, String>> {
    let run = Command::new("python3").args(arguments).current_dir(directory).output();
    let output = match run {
        Ok(output) => output,
        Err(error) => {
            let sentence = format!("SKIPPED: the verifier was not run, python3 can't be started: {error}");
            #[expect(
                clippy::disallowed_methods,
                reason = "whether a check may be left out is not configuration"
            )]
            let must_run = std::env::var_os("CI").is_some();
            assert!(!must_run, "{sentence}");
            // Not eprintln!: the test harness would swallow what a passing test prints.
            std::io::Write::write_all(&mut std::io::stderr(), format!("\n{sentence}\n").as_bytes())
                .expect("stderr");
            return None;
        }
    };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some(if output.status.success() { Ok(said) } else { Err(said) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_goes_by_person_time_hand_outcome_and_request() {
    let world = history().await;
    for (line, with, without) in [
        ("audit ada", vec!["suspended", ADA], vec![CAT, "denied"]),
        ("audit outcome suspended", vec![ADA, "1 audit event"], vec![CAT]),
        ("audit outcome denied by <@U0BOB|bob>", vec!["1 audit event", "denied"], vec![ADA]),
        ("audit by me outcome approved", vec!["1 audit event", "approved"], vec!["denied"]),
        ("audit by bob@example.com outcome exempted", vec!["1 audit event", BEN], vec!["denied"]),
        ("audit request 2", vec![CAT, "denied"], vec![ADA]),
        ("audit since today", vec![CAT], vec![ADA]),
        ("audit until yesterday outcome suspended", vec![ADA], vec![CAT]),
        ("audit in yesterday outcome proposed", vec![ADA], vec![CAT]),
        ("audit since 1d outcome proposed", vec![CAT], vec![]),
        ("audit outcome suspendet", vec!["There is no outcome", "Did you mean suspended?"], vec![]),
        ("audit sicne 30d ada", vec!["Did you mean since?"], vec![]),
        ("audit until 2026-02-30", vec!["The calendar has no 2026-02-30"], vec![]),
        ("audit by nobody@example.com", vec!["Nobody in Slack has the address"], vec![]),
        ("audit request 99", vec!["No audit event matches", "Leave a filter out"], vec![]),
        ("audit policy secret", vec!["There is no policy secret that you may see"], vec![]),
    ] {
        let answer = ask(&world, U_APPROVER, line).await;
        for words in with {
            assert!(answer.contains(words), "{line:?} should say {words:?} and says: {answer}");
        }
        for words in without {
            assert!(!answer.contains(words), "{line:?} should not say {words:?} and says: {answer}");
        }
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_back_and_forth_with_the_rights_of_anyone_who_turns_them() {
    let world = history().await;
    for number in 0..20 {
        world.next_try_is_recorded(U_GUEST);
        assert_answer(&world, U_GUEST, "audit", &["a guest in this Slack workspace"]).await;
        assert!(world.audited("input_refused") > number);
    }
    assert_answer(&world, U_VIEWER, "audit outcome refused", &["The latest 15 audit events"]).await;
    let answer = world.slack.ephemerals(U_VIEWER).pop().expect("it was just read");
    assert_eq!(answer.actions(), ["ask.older"]);
    world.slack.click(U_VIEWER, &answer.ts, "ask.older").await.expect("the button is there");
    let page = |words: &'static str| {
        move |slack: &crate::fake::slack::FakeSlack| {
            slack.ephemerals(U_VIEWER).into_iter().find(|seen| seen.visible_text().starts_with(words))
        }
    };
    let older = world.slack.wait_for("the older page", page("5 audit events")).await;
    assert_eq!((older.ts.as_str(), older.actions()), (answer.ts.as_str(), vec!["ask.newer".to_owned()]));
    world.slack.click(U_VIEWER, &older.ts, "ask.newer").await.expect("the button is there");
    world.slack.wait_for("the newest page", page("The latest 15 audit events")).await;

    let line = "/inactive-contractors audit outcome refused --here";
    world.slack.slash(U_VIEWER, C_OPS, line).await.expect("the command can be typed");
    let shown = world.message("The latest 15 audit events").await;
    world.next_try_is_recorded(U_GUEST);
    world.slack.click(U_GUEST, &shown.ts, "ask.older").await.expect("everybody sees the button");
    world.until("the refusal", |world| world.audited("input_refused") == 21).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_on_one_of_the_pages_however_long_they_are() {
    let (world, card) = World::asking(PLAIN_POLICY, &[ADA]).await;
    let reason = format!("a{}z", "\"".repeat(490));
    assert_answer(&world, U_APPROVER, &format!("withdraw 1 {reason}"), &["is withdrawn"]).await;
    for number in 1..=18 {
        world.slack.click_stale(U_APPROVER2, &card, "deny").await.expect("it was there");
        world.audited_times("input_refused", number).await;
    }
    let refused: Vec<i64> =
        world.audit().iter().filter(|line| line.action == "input_refused").map(|line| line.seq).collect();
    let mut seen: Vec<i64> = Vec::new();
    let mut answer = {
        ask(&world, U_VIEWER, "audit outcome refused").await;
        world.slack.ephemerals(U_VIEWER).pop().expect("it was just read")
    };
    loop {
        let text = answer.visible_text();
        seen.extend(refused.iter().filter(|seq| text.contains(&format!("\n{seq} · "))));
        if !answer.actions().iter().any(|action| action == "ask.older") {
            break;
        }
        world.slack.click(U_VIEWER, &answer.ts, "ask.older").await.expect("the button is there");
        let other = |slack: &crate::fake::slack::FakeSlack| {
            slack.ephemerals(U_VIEWER).pop().filter(|answer| answer.visible_text() != text)
        };
        answer = world.slack.wait_for("the older page", other).await;
    }
    let newest_first: Vec<i64> = refused.iter().rev().copied().collect();
    seen.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(seen, newest_first, "each once");
    world.slack.click(U_VIEWER, &answer.ts, "ask.newer").await.expect("the button is there");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_comes_as_a_file_that_others_can_verify_and_is_itself_in_the_trail() {
    let world = history().await;
    let before = world.audit().last().expect("there are events").seq;
    assert_answer(
        &world,
        U_APPROVER,
        "export json",
        &[
            &format!("I sent you the export of {before} audit events in a direct message"),
            "Head of the audit trail",
        ],
    )
    .await;
    let (file, message) = handed_over(&world, U_APPROVER, ".json").await;
    let day = world.clock.now().format("audit-%Y%m%dT").to_string();
    assert!(file.name.starts_with(&day), "{}", file.name);
    let bytes = file.bytes.expect("it was uploaded");
    let document: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(document["head"]["seq"], before);
    assert_eq!(document["events"].as_array().map(Vec::len), usize::try_from(before).ok());
    let head = document["head"]["hash"].as_str().expect("a hash").to_owned();
    let exported = world.audit().into_iter().find(|line| line.action == "exported").expect("it is audited");
    assert_eq!(
        (exported.actor["person"]["id"].as_str(), exported.detail["rows"].as_i64()),
        (Some(U_APPROVER), Some(before))
    );
    assert_eq!(exported.detail["sha256"], hash_of(&bytes));
    assert_eq!(world.audited_for("contractors", "exported"), 1);
    assert!(message.current().text.contains(&head) && exported.detail["head"]["hash"] == head.as_str());

    let directory = tempfile::tempdir().expect("a directory");
    let (good, bad) = (directory.path().join("good.json"), directory.path().join("bad.json"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reports/verify.py");
    std::fs::write(&good, &bytes).expect("it can be written");
    if let Some(verdict) = verifies(directory.path(), &script, &good, &[]) {
        assert!(
            verdict.clone().is_ok_and(|said| said.contains(&head) && said.contains(" 0 gaps")),
            "{verdict:?}"
        );
        let text = String::from_utf8(bytes).expect("text");
        for (from, to) in
            [("ada@ext.example", "eve@ext.example"), ("\"action\": \"denied\"", "\"action\": \"approved\"")]
        {
            let compact = from.replace(": ", ":");
            let from = if text.contains(from) { from } else { &compact };
            assert!(text.contains(from), "{from}");
            std::fs::write(&bad, text.replacen(from, to, 1)).expect("it can be written");
            let verdict = verifies(directory.path(), &script, &bad, &[]).expect("it ran before");
            assert!(verdict.clone().is_err_and(|said| said.contains("was changed")), "{verdict:?}");
        }
        let mut short = document.clone();
        short["events"].as_array_mut().expect("a list").remove(3);
        std::fs::write(&bad, short.to_string()).expect("it can be written");
        let verdict = verifies(directory.path(), &script, &bad, &[]).expect("it ran before");
        assert!(verdict.clone().is_err_and(|said| said.contains("missing")), "{verdict:?}");
    }
    world.nothing_else_is_wrong().await;
}

/// The head that the channel has of the first request, as `SEQ:HASH`.
fn kept_head(world: &World) -> String {
    let texts = world.slack.messages(C_OPS).iter().map(Message::visible_text).collect::<Vec<_>>().join("\n");
    let (_, rest) = texts.split_once("Audit trail up to event ").expect("each ending has one");
    let (seq, rest) = rest.split_once(',').expect("its number");
    let hash: String =
        rest.chars().skip_while(|c| *c != '`').skip(1).take_while(char::is_ascii_hexdigit).collect();
    format!("{seq}:{hash}")
}

/// As `sha256sum` prints it.
fn hash_of(bytes: &[u8]) -> String {
    use sha2::Digest;
    inactive_contractors::domain::hash::hex(&sha2::Sha256::digest(bytes))
}

/// What `sha256sum` prints of all files but the one that holds that.
fn sums_of(files: &[(String, Vec<u8>)]) -> String {
    let summed = files.iter().filter(|(name, _)| name != "hashes.txt");
    let sums: Vec<String> = summed.map(|(name, bytes)| format!("{}  {name}\n", hash_of(bytes))).collect();
    sums.concat()
}

/// The same events with another login and all hashes computed again, as somebody does who has the file.
fn written_anew(document: &Value) -> String {
    use sha2::{Digest, Sha256};
    let mut document: Value =
        serde_json::from_str(&document.to_string().replace("ada@ext.example", "eve@ext.example"))
            .expect("JSON");
    let fields = ["seq", "at", "actor", "action", "policy", "sweep", "request", "subject", "detail"];
    let mut prev = String::from("0").repeat(64);
    for event in document["events"].as_array_mut().expect("a list") {
        event["prev_hash"] = prev.into();
        let body = Value::Array(fields.map(|name| event[name].clone()).into());
        let hash = Sha256::digest(format!("{}\n{body}", event["prev_hash"].as_str().expect("a hash")));
        prev = inactive_contractors::domain::hash::hex(&hash);
        event["hash"] = prev.clone().into();
    }
    document["head"]["hash"] = prev.into();
    document.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_kept_elsewhere_shows_a_rewritten_file() {
    let world = history().await;
    let head = kept_head(&world);
    assert_answer(&world, U_APPROVER, "export json", &["in a direct message"]).await;
    let (file, _) = handed_over(&world, U_APPROVER, ".json").await;
    let document: Value = serde_json::from_slice(&file.bytes.expect("it was uploaded")).expect("JSON");
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("events.json");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/reports/verify.py");
    let check = |text: &str, heads: &[&str]| {
        std::fs::write(&path, text).expect("it can be written");
        verifies(directory.path(), &script, &path, heads)
    };
    let genuine = document.to_string();
    let Some(verdict) = check(&genuine, &[&head]) else { return };
    assert!(
        verdict.clone().is_ok_and(|said| said.contains("OK") && said.contains("Heads given: 1")),
        "{verdict:?}"
    );
    let forged = written_anew(&document);
    let verdict = check(&forged, &[]).expect("it ran before");
    assert!(verdict.clone().is_ok_and(|said| said.contains("as a whole also passes")), "{verdict:?}");
    for (text, heads, says) in [
        (forged.as_str(), vec![head.as_str()], "is not the one whose head was kept"),
        (&genuine, vec!["9999:0123456789abcdef"], "is not in this file"),
        (&genuine, vec!["3:"], "is not the one whose head was kept"),
        (&genuine.replacen("{\"action\":", "{\"action\":\"x\",\"action\":", 1), vec![], "occurs twice"),
        (&genuine.replacen("{\"action\":", "{\"note\":\"x\",\"action\":", 1), vec![], "that no hash covers"),
    ] {
        let verdict = check(text, &heads).expect("it ran before");
        assert!(verdict.clone().is_err_and(|said| said.contains(says)), "{says}: {verdict:?}");
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_holds_no_formula() {
    let world = history().await;
    assert_answer(
        &world,
        U_APPROVER,
        &format!("export about {BEN} csv"),
        &["the export of 1 audit event in"],
    )
    .await;
    let (file, _) = handed_over(&world, U_APPROVER, ".csv").await;
    let text = String::from_utf8(file.bytes.expect("it was uploaded")).expect("text");
    assert!(text.contains("HYPERLINK") && text.contains(BEN), "{text}");
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 2);
    assert!(
        rows[1][0].starts_with("# events ") && rows[1][0].contains("the chain's head was event"),
        "{rows:?}"
    );
    for cell in rows.iter().flatten() {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell}");
    }
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_for_approvers_and_a_file_that_can_not_be_sent_is_said() {
    let world = history().await;
    for line in ["export", "evidence"] {
        world.next_try_is_recorded(U_VIEWER);
        assert_answer(&world, U_VIEWER, line, &["Only approvers and admins"]).await;
    }
    assert_eq!((world.audited("exported"), world.audited("input_refused")), (0, 2));
    world.slack.fail_next("files.getUploadURLExternal", Fault::Error("missing_scope".into()));
    assert_answer(&world, U_APPROVER, "export", &["but I can't send it to you"]).await;
    assert!(world.slack.files().is_empty());
    assert_answer(&world, U_APPROVER, "export request 99", &["there is nothing to export"]).await;
    world.nothing_else_is_wrong().await;
}

/// The picture that a message shows, decoded, with its description.
fn picture(world: &World, message: &Message) -> (png::OutputInfo, Vec<u8>, String) {
    let blocks = &message.current().blocks;
    let image = blocks.iter().find(|block| block["type"] == "image").expect("a picture");
    let id = image["slack_file"]["id"].as_str().expect("an uploaded one");
    let file = world.slack.files().into_iter().find(|file| file.id == id).expect("it is there");
    let bytes = file.bytes.expect("it was uploaded");
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("it fits")];
    let info = reader.next_frame(&mut pixels).expect("the whole picture");
    (info, pixels, image["alt_text"].as_str().expect("a description").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_numbers_and_a_picture_that_says_the_same() {
    let world = history().await;
    // Slack is still working on the picture when it is first shown.
    world.slack.delay_pictures(2);
    let line =
        ["Report on contractors", "1 account suspended", "1 request denied", "I am sending you the picture"];
    assert_answer(&world, U_VIEWER, "report 30d", &line).await;
    let shown = |slack: &crate::fake::slack::FakeSlack| slack.direct_messages(U_VIEWER).pop();
    let message = world.slack.wait_for("the picture", shown).await;
    let (info, pixels, alt) = picture(&world, &message);
    assert_eq!((info.width, info.height), (1200, 1000));
    assert!(pixels.chunks(3).any(|pixel| pixel == [0xd5, 0x5e, 0x00]), "a line is drawn");
    for words in ["Four line charts of contractors", "1 account suspended", "1 request denied", "Inactive: "]
    {
        assert!(alt.contains(words), "{words:?} is missing: {alt}");
    }
    let here = "/inactive-contractors report --here";
    world.slack.slash(U_VIEWER, C_OPS, here).await.expect("the command can be typed");
    world.message("I am posting the picture below").await;
    let has_picture = |slack: &crate::fake::slack::FakeSlack| {
        let is = |message: &Message| message.current().blocks.iter().any(|block| block["type"] == "image");
        slack.messages(C_OPS).into_iter().find(is)
    };
    world.slack.wait_for("the picture in the channel", has_picture).await;
    assert_answer(&world, U_VIEWER, "report 2025-01", &["there is nothing to report"]).await;
    assert_answer(&world, U_VIEWER, "report tomorrowish", &["I can't read tomorrowish as a date"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_picture_can_not_be_shown_says_so() {
    let world = history().await;
    world.slack.fail_always("files.getUploadURLExternal", Fault::Error("missing_scope".into()));
    assert_answer(&world, U_VIEWER, "report", &["1 account suspended"]).await;
    world.told(U_VIEWER, "The picture of the report could not be shown").await;
    world.nothing_else_is_wrong().await;
}

fn unzipped(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).expect("a zip");
    let mut files = Vec::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("a file");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("the whole file");
        files.push((file.name().expect("a name").into_owned(), bytes));
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_opens_and_verifies_and_holds_what_auditors_ask_for() {
    let world = history().await;
    assert_answer(&world, U_APPROVER, "evidence 7d", &["in a direct message"]).await;
    let (file, _) = handed_over(&world, U_APPROVER, ".zip").await;
    let files = unzipped(file.bytes.expect("it was uploaded"));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "README.txt",
        "summary.html",
        "sweeps.csv",
        "rules.json",
        "candidates.csv",
        "decisions.csv",
        "suspensions.csv",
        "exceptions.csv",
        "events.json",
        "verify.py",
        "hashes.txt",
    ];
    assert_eq!(names, wanted);
    let directory = tempfile::tempdir().expect("a directory");
    for (name, bytes) in &files {
        std::fs::write(directory.path().join(name), bytes).expect("it can be written");
    }
    let text = |name: &str| {
        String::from_utf8(files.iter().find(|(file, _)| file == name).expect(name).1.clone()).expect("text")
    };
    let rows = |name: &str| {
        let text = text(name);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader
            .deserialize::<std::collections::BTreeMap<String, String>>()
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    assert_eq!(text("hashes.txt"), sums_of(&files));
    let sweeps = rows("sweeps.csv");
    assert_eq!(sweeps.len(), 2);
    assert!(
        sweeps.iter().all(|row| row["complete"] == "true" && row["counts_add_up"] == "true"),
        "{sweeps:?}"
    );
    let decisions = rows("decisions.csv");
    let said: Vec<_> =
        decisions.iter().map(|row| (row["decision"].as_str(), row["by_id"].as_str())).collect();
    assert_eq!(said, [("approved", U_APPROVER), ("denied", U_APPROVER2)]);
    let suspensions = rows("suspensions.csv");
    assert_eq!((suspensions.len(), suspensions[0]["login"].as_str()), (1, ADA));
    assert_eq!(rows("exceptions.csv").len(), 1);
    assert!(rows("candidates.csv").iter().any(|row| row["login"] == CAT));
    let html = text("summary.html");
    for control in ["CC6.2", "CC6.3", "A.5.18", "AC-2(3)", "8.2.6"] {
        assert!(html.contains(control), "{control}");
    }
    assert!(!html.contains("<script") && !html.contains("<b>ü"), "what others wrote is no markup");
    let hashes = text("hashes.txt");
    assert_eq!(hashes.lines().count(), names.len() - 1);
    if let Some(verdict) = verifies(directory.path(), Path::new("verify.py"), Path::new("events.json"), &[]) {
        assert!(verdict.is_ok(), "{verdict:?}");
    }
    assert_eq!(world.audited("evidence_made"), 1);
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_sees_one_policy_gets_nothing_of_another() {
    let other = "[[policy]]\nname = \"secret\"\nchannel = \"C0OTHER\"\napprovers = { users = [\"U0ZOE\"] }\n\
                 user_type = \"Consultant\"\npreview_first = false\nmax_share = 1.0\nschedule = \"0 0 29 2 *\"\n";
    let world = World::at_ten(&format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n{other}")).await;
    world.slack.add_channel(Channel::new("C0OTHER", "other", ChannelKind::Public, &[BOT_USER]));
    world.slack.add_user(SlackUser::new("U0ZOE", "Zoe", "zoe@example.com"), &[C_OPS, "C0OTHER"]);
    world.add_idle(&[ADA]);
    world.okta.add(Person::new("sue@ext.example", "Consultant").last_login_days_ago(41));
    world.start_bot().await;
    assert_answer(&world, "U0ZOE", "sweep secret", &["sweep of"]).await;
    world
        .slack
        .wait_message("the other card", |message| message.visible_text().contains("sue@ext.example"))
        .await;
    assert_answer(&world, U_APPROVER, "sweep", &["sweep of"]).await;
    world.message(ADA).await;

    let answer = ask(&world, U_APPROVER, "audit").await;
    assert!(answer.contains(ADA) && !answer.contains("sue@"), "{answer}");
    for line in ["audit sue", "audit policy secret", "audit request 1"] {
        let answer = ask(&world, U_APPROVER, line).await;
        assert!(!answer.contains("sue@ext") && !answer.contains("Zoe"), "{line}: {answer}");
    }
    assert_answer(&world, U_APPROVER, "export json", &["It leaves out events"]).await;
    let (file, _) = handed_over(&world, U_APPROVER, ".json").await;
    let text = String::from_utf8(file.bytes.expect("it was uploaded")).expect("text");
    assert!(text.contains(ADA) && !text.contains("sue@") && !text.contains("U0ZOE"), "{text}");
    assert_answer(&world, U_APPROVER, "evidence", &["It leaves out events"]).await;
    let (file, _) = handed_over(&world, U_APPROVER, ".zip").await;
    for (name, bytes) in unzipped(file.bytes.expect("it was uploaded")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains("sue@") && !text.contains("U0ZOE"), "{name}: {text}");
    }
    assert_answer(&world, U_APPROVER, "report policy secret", &["right role in that policy"]).await;
    assert_answer(&world, U_ADMIN, "evidence policy secret", &["right role in that policy"]).await;
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_has_what_was_done_in_its_time_with_its_approval_and_nothing_of_later_requests() {
    let keys = "schedule = \"0 0 29 2 *\"\nanswer_within = \"5d\"\n";
    let (world, card) = World::asking(&format!("{PLAIN_POLICY}{keys}"), &[ADA]).await;
    world.advance(Duration::days(1));
    world.slack.click(U_APPROVER, &card.ts, "suspend").await.expect("the button is there");
    world.message("1 account suspended").await;
    world.advance(Duration::days(1));
    world.add_idle(&[BEN]);
    let card = world.sweep().await;
    world.slack.click(U_APPROVER2, &card.ts, "suspend").await.expect("the button is there");
    world.until("both suspended", |world| world.audited("completed") == 2).await;
    assert_answer(&world, U_APPROVER, &format!("restore {ADA} she called"), &["is being restored"]).await;
    world.message("has access again").await;
    assert_eq!(world.audit().last().map(|line| line.action.clone()).as_deref(), Some("restored"));
    let yesterday = (world.clock.now() - Duration::days(1)).format("%Y-%m-%d").to_string();

    assert_answer(&world, U_APPROVER, "evidence yesterday", &["in a direct message"]).await;
    let (file, _) = handed_over(&world, U_APPROVER, ".zip").await;
    let files = unzipped(file.bytes.expect("it was uploaded"));
    let text = |name: &str| {
        let bytes = files.iter().find(|(file, _)| file == name).expect(name).1.clone();
        String::from_utf8(bytes).expect("text")
    };
    for (name, bytes) in &files {
        assert!(!String::from_utf8_lossy(bytes).contains(BEN), "{name} has a later request");
    }
    let suspensions = text("suspensions.csv");
    assert!(suspensions.contains(ADA) && suspensions.contains("Alice Approver"), "{suspensions}");
    let decisions = text("decisions.csv");
    assert!(decisions.contains(",approved,") && decisions.contains("86400"), "{decisions}");
    assert!(text("sweeps.csv").contains(",false,"), "it started before");
    assert!(text("candidates.csv").contains(ADA));
    assert!(text("summary.html").contains("Earlier requests that were executed in this period"));
    let document: Value = serde_json::from_str(&text("events.json")).expect("JSON");
    let events = document["events"].as_array().expect("a list");
    for action in ["proposed", "approved", "suspended", "restored"] {
        assert!(events.iter().any(|event| event["action"] == action), "{action}");
    }
    let of_then = |event: &Value| event["at"].as_str().is_some_and(|at| at.starts_with(&yesterday));
    assert!(events.iter().all(|event| event["request"] == 1 || of_then(event)), "{events:?}");
    world.nothing_else_is_wrong().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_is_configured_no_more_is_not_everybodys() {
    let other = "[[policy]]\nname = \"secret\"\nchannel = \"C0OTHER\"\napprovers = { users = [\"U0ZOE\"] }\n\
                 user_type = \"Consultant\"\npreview_first = false\nmax_share = 1.0\nschedule = \"0 0 29 2 *\"\n";
    let only = format!("{PLAIN_POLICY}schedule = \"0 0 29 2 *\"\n");
    let mut world = World::at_ten(&format!("{only}{other}")).await;
    world.slack.add_channel(Channel::new("C0OTHER", "other", ChannelKind::Public, &[BOT_USER]));
    world.slack.add_user(SlackUser::new("U0ZOE", "Zoe", "zoe@example.com"), &[C_OPS, "C0OTHER"]);
    world.okta.add(Person::new("sue@ext.example", "Consultant").last_login_days_ago(41));
    world.start_bot().await;
    assert_answer(&world, "U0ZOE", "sweep secret", &["sweep of"]).await;
    world.slack.wait_message("the other card", |message| message.visible_text().contains("sue@ext")).await;
    world.stop_bot().await;
    world.set_policy(&only);
    world.start_bot().await;
    for line in ["audit", "audit sue", "why sue@ext.example"] {
        let answer = ask(&world, U_APPROVER, line).await;
        assert!(!answer.contains("proposed sue@ext") && !answer.contains("Zoe"), "{line}: {answer}");
    }
    assert_answer(&world, U_APPROVER, "export json", &["nothing to export"]).await;
    let answer = ask(&world, U_ADMIN, "audit sue").await;
    assert!(answer.contains("sue@ext.example"), "an admin of all the others sees it: {answer}");
    world.nothing_else_is_wrong().await;
}
