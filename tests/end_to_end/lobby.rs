//! The lobby as a technician and the hospital live it: the menu, the reason, the wait, and every
//! way in which a request ends without a session.

use harness::{Answers, Person, Site, SiteOptions, Terminal, eventually, is_connected};
use jiff::Timestamp;
use serde_json::Value;
use std::process::Output;
use std::time::{Duration, Instant};

/// Password and code, up to the notice, which is accepted.
fn known(site: &Site, terminal: &mut Terminal, login: &str) {
    let person = site.technician(login);
    terminal.expect("Password: ");
    terminal.type_line(&person.password);
    terminal.expect("code: ");
    terminal.type_line(&person.fresh_code());
    terminal.expect("YES to accept: ");
    terminal.type_line("YES");
}

fn waiting(site: &Site, login: &str) -> (Terminal, u64, String) {
    let mut terminal = site.ssh(&format!("{login}+scanner"), &[], &[]);
    let (number, code) = site.walk(&mut terminal, login, &Answers::default());
    (terminal, number, code)
}

fn as_staff(site: &Site, who: &Person, password: &str, code: &str, verb: &[&str]) -> (Option<i32>, String) {
    let mut args = verb.to_vec();
    args.extend(["--as", &who.login]);
    let Output { status, stderr, .. } = site.poterne(&args, &format!("{password}\n{code}\n"));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn approve_with(site: &Site, who: &str, number: u64, code: &str, more: &[&str]) -> (Option<i32>, String) {
    let (person, number) = (site.member(who), number.to_string());
    let mut verb = vec!["intervention", "approve", &number, "--code", code];
    verb.extend(more);
    as_staff(site, person, &person.password, &person.fresh_code(), &verb)
}

fn refuse(site: &Site, who: &str, number: u64, reason: &str) {
    let person = site.member(who);
    let verb = ["intervention", "refuse", &number.to_string(), "--reason", reason];
    let (status, said) = as_staff(site, person, &person.password, &person.fresh_code(), &verb);
    assert_eq!(status, Some(0), "{said}");
}

fn state_of(site: &Site, number: u64) -> Value {
    site.json(&["intervention", "show", &number.to_string()])["state"].clone()
}

/// A second target whose hours begin in two days.
fn with_a_closed_target() -> SiteOptions {
    let host = tempfile::tempdir().unwrap();
    let file = host.path().join("host");
    let made =
        std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&file).status();
    assert!(made.unwrap().success());
    let key = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    let key = key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    let day = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        [usize::from(in_two_days().weekday().to_monday_zero_offset().unsigned_abs())];
    let more = format!(
        "[calendars.later]\nholidays = \"none\"\nhours = [{{ days = \"{day}\", from = \"08:15\", to = \"18:00\" }}]\n\n\
         [target.console]\nname = \"Console IRM\"\naddress = \"127.0.0.1:9\"\nhost-key = \"{key}\"\naccount = \"root\"\n\
         approvers = [\"radiologie\"]\ncalendar = \"later\"\nsupervision = \"none\"\n\n\
         [[vendor.imagix.allow]]\ntargets = [\"console\"]\nrights = [\"shell\"]\n"
    );
    SiteOptions { more, ..SiteOptions::default() }
}

fn in_two_days() -> jiff::civil::Date {
    let paris = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    Timestamp::now().to_zoned(paris).date().saturating_add(jiff::Span::new().days(2))
}

/// APR-15: the menu says what is open until when and what opens when; a wrong answer is asked again.
#[test]
fn the_menu_says_what_is_open_and_asks_again() {
    let site = Site::with(with_a_closed_target());
    let mut terminal = site.ssh("alice", &[], &[]);
    known(&site, &mut terminal, "alice");
    terminal.expect("The equipment you maintain:");
    let opening = format!(r"1  console +closed[^\n]* until [A-Z][a-z]+ {} 08:15", in_two_days());
    terminal.expect(&opening);
    terminal.expect("Console IRM");
    terminal.expect("2  scanner +open");
    terminal.expect(r"Target \[1-2\]: ");
    terminal.type_line("7");
    terminal.expect("Type a number from the list");
    terminal.expect(r"Target \[1-2\]: ");
    terminal.type_line("2");
    terminal.expect("Reason[^:]*: ");
    terminal.kill();

    // Three wrong answers end it.
    let mut terminal = site.ssh("alice", &[], &[]);
    known(&site, &mut terminal, "alice");
    for answer in ["0", "console; id", ""] {
        terminal.expect(r"Target \[1-2\]: ");
        terminal.type_line(answer);
    }
    terminal.expect("Type a number from the list");
    assert_eq!(terminal.wait().code(), Some(255));
    assert!(site.entries("intervention-requested").is_empty());
}

/// D18: the red button cuts those in the lobby too, and tells whoever has proven both factors why: who waits, and
/// who stands at a prompt. A stranger hears nothing.
#[test]
fn the_red_button_tells_whoever_is_in_the_lobby() {
    let site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    site.sign_in("nadia");
    let (mut alice, number, _) = waiting(&site, "alice");
    let mut bruno = site.ssh("bruno+scanner", &[], &[]);
    known(&site, &mut bruno, "bruno");
    bruno.expect("Reason[^:]*: ");
    let mut stranger = site.ssh("nobody+scanner", &[], &[]);
    stranger.expect("Password: ");
    let pressed = Instant::now();
    site.ok(&["lockdown", "on", "--reason", "worm on the ward"]);
    alice.expect("the hospital has cut all access");
    assert_eq!(alice.wait().code(), Some(255));
    eventually("nobody is in the lobby any more", || !is_connected(site.port));
    assert!(pressed.elapsed() < Duration::from_secs(5), "D18: within five seconds: {:?}", pressed.elapsed());
    // At a prompt ssh does not look at its connection: it hears of it with the next line that is typed.
    bruno.type_line("a look");
    bruno.expect("Ticket[^:]*: ");
    bruno.type_line("");
    bruno.expect("the hospital has cut all access");
    assert_eq!(bruno.wait().code(), Some(255));
    stranger.type_line("anything");
    stranger.wait();
    assert!(!stranger.shown().contains("cut"), "{}", stranger.shown());
    assert_eq!(state_of(&site, number), "withdrawn");
}

/// A request that staff withdrew before it was sent is not said to have found nobody.
#[test]
fn a_request_that_was_withdrawn_before_it_was_sent_says_so() {
    let site = Site::start();
    site.sign_in("nadia");
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    known(&site, &mut terminal, "alice");
    terminal.expect("Reason[^:]*: ");
    terminal.type_line("a look");
    terminal.expect("[Tt]icket[^:]*: ");
    terminal.type_line("T-1");
    terminal.expect("Enter");
    let number = site.entries("intervention-requested")[0]["number"].to_string();
    site.ok(&["intervention", "withdraw", &number]);
    terminal.type_line("");
    terminal.expect("The request was withdrawn");
    assert_eq!(terminal.wait().code(), Some(255));
}

/// NET-01, APR-15: a closed target is refused before anything is asked, with its next opening; and
/// `explain` gives the same answer.
#[test]
fn a_closed_target_is_refused_with_its_next_opening() {
    let site = Site::with(with_a_closed_target());
    let mut terminal = site.ssh("alice+console", &[], &[]);
    known(&site, &mut terminal, "alice");
    let opening = format!("Not possible: console: closed until [A-Z][a-z]+ {} 08:15", in_two_days());
    terminal.expect(&opening);
    terminal.expect("Help: https://chu.example/aide");
    assert_eq!(terminal.wait().code(), Some(255));
    assert!(!terminal.shown().contains("Reason"));

    let explained = site.json(&["explain", "--technician", "alice", "--target", "console"]);
    assert_eq!((&explained["decision"], &explained["denial"]), (&"deny".into(), &"closed".into()));
    let denied = site.entries("request-denied");
    assert_eq!(denied.len(), 1);
    assert_eq!(denied[0]["denial"]["next_opening"], explained["next_opening"], "{denied:?}");
    let explained = site.json(&["explain", "--technician", "alice", "--target", "scanner"]);
    assert_eq!(explained["decision"], "await-approval");
}

/// PRV-01: without an acknowledged notice nothing is asked for and nothing is opened.
#[test]
fn a_declined_notice_opens_nothing() {
    let site = Site::start();
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let person = site.technician("alice");
    terminal.expect("Password: ");
    terminal.type_line(&person.password);
    terminal.expect("code: ");
    terminal.type_line(&person.fresh_code());
    terminal.expect("The hospital can watch it live and end it");
    terminal.expect("YES to accept: ");
    terminal.type_line("no");
    terminal.expect("Not accepted: nothing was opened");
    assert_eq!(terminal.wait().code(), Some(255));
    assert!(site.entries("intervention-requested").is_empty());
    assert_eq!(site.entries("factors-accepted").len(), 1);
}

#[test]
fn an_empty_reason_is_asked_again_three_times() {
    let site = Site::start();
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    known(&site, &mut terminal, "alice");
    for reason in ["", "  ", "\u{200b}"] {
        terminal.expect("Reason[^:]*: ");
        terminal.type_line(reason);
        terminal.expect("Ticket[^:]*: ");
        terminal.type_line("CHG-1");
        terminal.expect("The reason is empty");
    }
    assert_eq!(terminal.wait().code(), Some(255));
    assert!(site.entries("intervention-requested").is_empty());
}

/// D2, D5: who leaves withdraws; approval never goes to a ghost.
#[test]
fn leaving_during_the_wait_withdraws_at_once() {
    let site = Site::start();
    let (mut terminal, number, code) = waiting(&site, "alice");
    let left = Instant::now();
    terminal.type_raw(b"\x03");
    eventually("it is withdrawn", || state_of(&site, number) == "withdrawn");
    assert!(left.elapsed() < Duration::from_secs(2), "{:?}", left.elapsed());
    let withdrawn = site.entries("intervention-withdrawn");
    assert_eq!(withdrawn.iter().map(|entry| entry["cause"].clone()).collect::<Vec<_>>(), ["left"]);
    // The code that was on the screen opens nothing any more.
    let (status, said) = approve_with(&site, "claire", number, &code, &["--verified", "called"]);
    assert_eq!(status, Some(65), "{said}");
    assert!(said.contains("is withdrawn: nothing to approve"), "{said}");
    // Leaving before Enter withdraws as well.
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    known(&site, &mut terminal, "alice");
    terminal.expect("Reason[^:]*: ");
    terminal.type_line("x");
    terminal.expect("Ticket[^:]*: ");
    terminal.type_line("x");
    terminal.expect("Press Enter to send: ");
    terminal.kill();
    eventually("it is withdrawn too", || state_of(&site, number + 1) == "withdrawn");
}

/// APR-06: the reason of a refusal is shown; after two of them the technician has to wait.
#[test]
fn a_refusal_is_explained_and_two_cool_down() {
    let site = Site::start();
    for (who, reason) in [("claire", "not tonight"), ("paul", "still not")] {
        let (mut terminal, number, _) = waiting(&site, "alice");
        refuse(&site, who, number, reason);
        terminal.expect(&format!("REFUSED by the hospital: {reason}"));
        assert_eq!(terminal.wait().code(), Some(255));
        assert_eq!(site.entries("intervention-refused").pop().unwrap()["by"], who);
    }
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    known(&site, &mut terminal, "alice");
    terminal.expect("Reason[^:]*: ");
    terminal.type_line("please");
    terminal.expect("Ticket[^:]*: ");
    terminal.type_line("-");
    terminal.expect("Two requests were refused. The next one is possible at [^ ]*[0-9][0-9]:[0-9][0-9]");
    assert_eq!(terminal.wait().code(), Some(255));
    assert_eq!(site.entries("request-refused").len(), 1);
}

/// D5: three wrong read-out codes refuse the request; the right one does not help afterwards.
#[test]
fn three_wrong_read_out_codes_refuse_the_request() {
    let site = Site::start();
    let (mut terminal, number, code) = waiting(&site, "alice");
    let wrong = if code == "AAAA" { "BBBB" } else { "AAAA" };
    for (who, left) in [("claire", 2), ("paul", 1), ("claire", 0)] {
        let (status, said) = approve_with(&site, who, number, wrong, &["--verified", "called"]);
        assert_eq!(status, Some(65), "{said}");
        assert!(said.contains(&format!("{left} tries left")), "{said}");
    }
    terminal.expect("REFUSED: three wrong codes were typed at the hospital");
    assert_eq!(terminal.wait().code(), Some(255));
    let (status, _) = approve_with(&site, "paul", number, &code, &["--verified", "called"]);
    assert_eq!(status, Some(65));
    assert_eq!(state_of(&site, number), "refused");
    // The code itself stands nowhere, neither right nor wrong.
    let journal = format!("{:?}", site.journal());
    assert!(!journal.contains(&format!("\"{code}\"")) && !journal.contains(&format!("\"{wrong}\"")));
}

/// D11, D12, APR-03: who may not approve is told why, by a text and an exit status of their own.
#[test]
fn approvers_are_judged_one_by_one() {
    let site =
        Site::with(SiteOptions { more: "[groups.labo]\nname = \"Labo\"\n".to_owned(), ..SiteOptions::default() });
    let xavier = Person::new("xavier");
    site.sign_in("nadia");
    let verb = ["staff", "add", "xavier", "--role", "approver", "--group", "labo", "--name", "Xavier Roux"];
    let verb = [&verb[..], &["--email", "xavier@chu.example", "--phone", "+33 6 11 22 33 44", "--stdin"]].concat();
    assert!(site.poterne(&verb, &format!("{}\n{}\n", xavier.password, xavier.totp)).status.success());
    let (mut terminal, number, code) = waiting(&site, "alice");
    let number = number.to_string();
    let approve = ["intervention", "approve", &number, "--code", &code, "--verified", "called"];
    let (nadia, claire) = (site.member("nadia"), site.member("claire"));

    let (status, said) = as_staff(&site, &xavier, &xavier.password, &xavier.fresh_code(), &approve);
    assert_eq!(status, Some(77), "{said}");
    assert!(said.contains("you are in none of the groups that approve for this target"), "{said}");
    let (status, said) = as_staff(&site, nadia, &nadia.password, &nadia.fresh_code(), &approve);
    assert_eq!(status, Some(77), "{said}");
    assert!(said.contains("`nadia` has not the role approver"), "{said}");
    let used = claire.fresh_code();
    let (status, said) = as_staff(&site, claire, "not the password", &used, &approve);
    assert_eq!(status, Some(77), "{said}");
    let wrong_password = said;
    // A right code is used up even with a wrong password.
    let (status, said) = as_staff(&site, claire, &claire.password, &used, &approve);
    assert_eq!((status, said.as_str()), (Some(77), wrong_password.as_str()));
    let nobody = Person::new("nobody");
    let (status, said) = as_staff(&site, &nobody, "not the password", "123456", &approve);
    assert_eq!((status, said.replace("nobody", "claire")), (Some(77), wrong_password));

    // None of that used up a try of the read-out code, or told the technician anything.
    assert_eq!(site.entries("code-mismatched").len(), 0);
    assert_eq!(site.json(&["intervention", "list"])[0]["approvals"], 0);
    let causes: Vec<Value> = site.entries("staff-refused").into_iter().map(|entry| entry["cause"].clone()).collect();
    assert_eq!(causes, ["password", "code-reused", "inactive"]);
    site.approve(number.parse().unwrap(), &code);
    terminal.expect("APPROVED until");
}

/// D6: on a first visit `--verified caller` is not enough, and the message says what to do.
#[test]
fn a_first_visit_wants_a_call_to_the_contracts_number() {
    let site = Site::start();
    let (mut terminal, number, code) = waiting(&site, "alice");
    for known_by in ["caller", "present"] {
        let (status, said) = approve_with(&site, "claire", number, &code, &["--verified", known_by]);
        assert_eq!(status, Some(77), "{said}");
        assert!(said.contains("call the number in the vendor's contract yourself"), "{said}");
        assert!(said.contains("`--verified called`"), "{said}");
    }
    site.approve(number, &code);
    terminal.expect("APPROVED until");
}

/// APR-05: two different people; the technician hears of the first, and nothing opens before the second.
#[test]
fn a_quorum_of_two_wants_two_people() {
    let site = Site::with(SiteOptions { quorum: 2, ..SiteOptions::default() });
    let (mut terminal, number, code) = waiting(&site, "alice");
    site.approve(number, &code);
    terminal.expect("One approval came, 1 more needed");
    let (status, said) = approve_with(&site, "claire", number, &code, &["--verified", "called"]);
    assert_eq!(status, Some(77), "{said}");
    assert!(said.contains("you approved already: another person must"), "{said}");
    assert_eq!(state_of(&site, number), "requested");
    assert!(site.entries("session-admitted").is_empty());
    let (status, said) = approve_with(&site, "paul", number, &code, &["--verified", "called"]);
    assert_eq!(status, Some(0), "{said}");
    terminal.expect("APPROVED until");
    assert_eq!(site.entries("session-admitted")[0]["approved_by"], serde_json::json!(["claire", "paul"]));
}

/// APR-11: an approver narrows rights and time, and both hold.
#[test]
fn what_the_approver_narrows_stays_narrow() {
    let site = Site::start();
    let control = site.folder().join("ctl-alice").display().to_string();
    let mut terminal = site.ssh("alice+scanner", &["-M", "-N", "-S", &control], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    let narrow = ["--verified", "called", "--rights", "exec", "--minutes", "5"];
    let (status, said) = approve_with(&site, "claire", number, &code, &narrow);
    assert_eq!(status, Some(0), "{said}");
    terminal.expect("APPROVED until");
    eventually("the master listens", || std::path::Path::new(&control).exists());
    let out = site.over("alice", "echo $((6*7))").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), "42\n");
    let mut shell = Terminal::start("ssh", &["-F", "none", "-tt", "-S", &control, "alice+scanner@127.0.0.1"]);
    assert_ne!(shell.wait().code(), Some(0), "{}", shell.shown());
    let refused = site.entries("channel-refused");
    assert_eq!(refused.iter().map(|entry| entry["what"].clone()).collect::<Vec<_>>(), ["shell"]);
    let until: Timestamp = site.last_session()["until"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(Timestamp::now()).as_secs();
    assert!((200..=300).contains(&left), "{left}");
}

/// IDM-18, D9: while one request waits or one session runs, another is refused and says which.
#[test]
fn one_intervention_at_a_time() {
    let site = Site::start();
    let second = |site: &Site| {
        let mut terminal = site.ssh("alice+scanner", &[], &[]);
        known(site, &mut terminal, "alice");
        terminal
    };
    let (mut terminal, number, code) = waiting(&site, "alice");
    let mut early = second(&site);
    early.expect("Reason[^:]*: ");
    early.type_line("another");
    early.expect("Ticket[^:]*: ");
    early.type_line("-");
    early.expect("Your intervention 1 is still going on: end it first");
    assert_eq!(early.wait().code(), Some(255));
    site.approve(number, &code);
    terminal.expect("APPROVED until");
    // Each connection wants its own approval here, and waits for the first to be over (D9).
    let mut late = second(&site);
    late.expect("number 1 is open, and each");
    assert_eq!(late.wait().code(), Some(255));
    terminal.type_line("exit");
    terminal.wait();
    assert_eq!(site.entries("intervention-requested").len(), 1);
    assert_eq!(site.entries("request-refused").len(), 1);
    assert_eq!(site.entries("join-refused")[0]["why"], "per-session");
}

/// A session that shows as much as it can.
fn flooded(site: &Site) -> Terminal {
    let mut terminal = site.shell("alice");
    terminal.type_line("yes wake-up-$((6*7))");
    terminal.expect("wake-up-42");
    terminal
}

/// Promise 5, IDM-12: whatever flows, a brake ends the session within a second. The client's
/// own end is given a little more: it has to draw what it was sent.
fn ends_within_a_second(site: &Site, terminal: &mut Terminal, braked: Timestamp, reason: &str) {
    let session = site.ended_session();
    let ended: Timestamp = session["ended"].as_str().unwrap().parse().unwrap();
    assert!(ended.duration_since(braked).as_millis() < 1000, "{braked} {ended}");
    assert_eq!(terminal.wait().code(), Some(255));
    let after = Timestamp::now().duration_since(braked).as_millis();
    assert!(after < 4000, "the client ended {after} ms later");
    assert!(terminal.shown().contains(reason), "{:?}", terminal.shown().chars().rev().take(300).collect::<String>());
}

#[test]
fn disabling_ends_a_flooded_session_and_all_later_logins() {
    let site = Site::start();
    let mut terminal = flooded(&site);
    let braked = Timestamp::now();
    let said = site.ok(&["technician", "disable", "alice", "--reason", "left the company"]);
    assert!(said.contains("1 live session(s) ended"), "{said}");
    ends_within_a_second(&site, &mut terminal, braked, "Session ended: your account was disabled");
    assert_eq!(site.ended_session()["cause"], "disabled");

    let shown = |login: &str| {
        let mut terminal = site.ssh(&format!("{login}+scanner"), &["-q"], &[]);
        let person = site.technician("alice");
        terminal.expect("Password: ");
        terminal.type_line(&person.password);
        terminal.expect("code: ");
        let code = person.fresh_code();
        terminal.type_line(&code);
        assert_eq!(terminal.wait().code(), Some(255));
        terminal.shown().replace(login, "LOGIN").replace(&code, "CODE")
    };
    assert_eq!(shown("alice"), shown("nobody"));
    assert_eq!(site.entries("factors-refused").pop().unwrap()["cause"], "disabled");
    // IDM-13: a switched-off account is a canary.
    assert_eq!(site.entries("account-alert").len(), 1);
}

/// A request that waits goes with the account.
#[test]
fn disabling_withdraws_what_waits() {
    let site = Site::start();
    let (mut terminal, number, _) = waiting(&site, "alice");
    site.ok(&["technician", "disable", "alice", "--reason", "left the company"]);
    terminal.expect("The request was withdrawn");
    assert_eq!(terminal.wait().code(), Some(255));
    assert_eq!(state_of(&site, number), "withdrawn");
    assert_eq!(site.entries("intervention-withdrawn")[0]["cause"], "disabled");
}

#[test]
fn a_cut_ends_a_flooded_session() {
    let site = Site::start();
    let mut terminal = flooded(&site);
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    let braked = Timestamp::now();
    site.ok(&["session", "cut", &id, "--reason", "the scanner is needed"]);
    ends_within_a_second(&site, &mut terminal, braked, "Session ended: cut by the hospital: the scanner is needed");
    assert_eq!(site.ended_session()["cause"], "cut");
}
