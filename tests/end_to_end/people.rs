//! Accounts and configuration, as an operator handles them.

use harness::{Answers, Person, Site, SiteOptions, eventually};
use std::time::{Duration, Instant};

pub(crate) fn fails(site: &Site, args: &[&str], exit: i32, says: &str) {
    let out = site.poterne(args, "");
    let error = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(exit), "{args:?}: {error}");
    assert!(error.contains(says), "{args:?} says: {error}");
    if exit != 64 {
        let lines: Vec<&str> = error.lines().filter(|line| !line.starts_with("poterne: warning: ")).collect();
        assert!(lines.len() == 1 && lines[0].starts_with("poterne: "), "one line: {error}");
    }
}

const PERSON: [&str; 6] = ["--name", "Ada Lovelace", "--email", "ada@imagix.example", "--phone", "+33 6 99 99 99 99"];

fn technician<'a>(login: &'a str, person: &[&'a str], vendor: &'a str) -> Vec<&'a str> {
    let mut args = vec!["technician", "add", login, "--vendor", vendor, "--proofing", "met in person"];
    args.extend(person);
    args
}

/// IDM-02, IDM-16: a named person, one account, never reused; and what to write instead.
#[test]
fn accounts_are_personal_and_never_reused() {
    let site = Site::start();
    site.sign_in("nadia");
    fails(&site, &technician("support", &PERSON, "imagix"), 65, "names no person");
    fails(&site, &technician("imagix2", &PERSON, "imagix"), 65, "names no person");
    fails(&site, &technician("Ada", &PERSON, "imagix"), 64, "");
    fails(
        &site,
        &technician("ada", &["--name", "Ada", "--email", "a@b.fr", "--phone", "0611223344"], "imagix"),
        65,
        "not a first name and a surname",
    );
    fails(
        &site,
        &technician("ada", &["--name", "Ada Lovelace", "--email", "ada", "--phone", "0611223344"], "imagix"),
        65,
        "not an e-mail address",
    );
    fails(&site, &technician("ada", &PERSON, "nobody"), 66, "no vendor `nobody`");
    let made = site.json(&technician("ada", &PERSON, "imagix"));
    assert!(made["totp"].as_str().unwrap().starts_with("otpauth://totp/"));
    assert!(made["password"].as_str().unwrap().len() > 20);
    fails(&site, &technician("ada", &PERSON, "imagix"), 65, "taken");
    fails(&site, &technician("ada-l", &PERSON, "imagix"), 65, "one person has one account");
    site.ok(&["technician", "disable", "ada", "--reason", "left the company"]);
    fails(&site, &technician("ada", &PERSON, "imagix"), 65, "never given out twice");
    fails(&site, &["technician", "disable", "eve", "--reason", "x"], 67, "no technician `eve`");
    fails(
        &site,
        &[
            "staff",
            "add",
            "zoe",
            "--role",
            "approver",
            "--group",
            "cardio",
            "--name",
            "Zoe Blanc",
            "--email",
            "z@chu.example",
            "--phone",
            "0611111111",
        ],
        66,
        "no group `cardio`",
    );
}

/// IDM-20: two targets may not share one secret; LOG-15: and none is anywhere in clear.
#[test]
fn secrets_are_not_shared_and_nowhere_in_clear() {
    let site = Site::with(SiteOptions {
        more: "[target.second]\nname = \"Second\"\naddress = \"127.0.0.1:9\"\nhost-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ\"\naccount = \"root\"\napprovers = [\"radiologie\"]\n".to_owned(),
        ..SiteOptions::default()
    });
    site.sign_in("nadia");
    let key = site.sshd.key_file.display().to_string();
    fails(&site, &["target", "credential", "second", "--key", &key], 65, "two targets may not share one");
    let out = site.poterne(&["target", "credential", "second", "--password"], "CANARY-target-password\n");
    assert!(out.status.success());
    let mut terminal = site.shell("alice");
    terminal.type_line("exit");
    terminal.wait();
    site.ended_session();
    let alice = site.technician("alice");
    let pem = std::fs::read_to_string(&key).unwrap();
    let pem_line = pem.lines().nth(1).unwrap();
    let canaries = ["CANARY-target-password", &alice.password, &alice.totp, pem_line];
    let mut folders = vec![site.state()];
    let mut looked = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                looked += 1;
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(canaries.iter().all(|canary| !text.contains(canary)), "{}", path.display());
            }
        }
    }
    assert!(looked > 10);
    assert!(canaries.iter().all(|canary| !site.log().contains(canary)));
}

/// IDM-07: a code is good once, after a restart too.
#[test]
fn a_code_is_good_once_across_a_restart() {
    let mut site = Site::start();
    let alice = site.technician("alice");
    let code = alice.fresh_code();
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    site.walk(&mut terminal, "alice", &Answers { code: Some(code.clone()), ..Answers::default() });
    terminal.kill();
    site.kill_daemon();
    site.start_daemon();
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    terminal.expect("Password: ");
    terminal.type_line(&site.technician("alice").password);
    terminal.expect("code: ");
    terminal.type_line(&code);
    terminal.expect("denied");
    let causes: Vec<_> = site.entries("factors-refused").iter().map(|entry| entry["cause"].clone()).collect();
    assert_eq!(causes, ["code-reused"]);
}

/// Promise 5, IDM-12: disabling ends the live session within a second, with the reason.
#[test]
fn disabling_ends_live_sessions_at_once() {
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("while :; do echo flood; done");
    terminal.expect("flood\r\nflood");
    let begun = Instant::now();
    let said = site.ok(&["technician", "disable", "alice", "--reason", "phone lost"]);
    assert!(said.contains("1 live session(s) ended"), "{said}");
    terminal.expect("your account was disabled");
    terminal.wait();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let session = site.ended_session();
    assert_eq!(session["cause"], "disabled");
    assert_eq!(site.json(&["technician", "list"])[0]["state"], "disabled");
}

/// D13, LOG-13: whole or not at all; what changed is journalled; live sessions are judged again.
#[test]
fn a_reload_is_whole_and_judges_live_sessions() {
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((10000+1))");
    terminal.expect("10001");
    let good = std::fs::read_to_string(&site.config).unwrap();
    std::fs::write(&site.config, good.replace("longest = \"8h\"", "longst = \"8h\"")).unwrap();
    fails(&site, &["reload"], 78, "did you mean `longest`?");
    terminal.type_line("echo $((10000+2))");
    terminal.expect("10002");
    std::fs::write(&site.config, good.replace("open = \"hours\"", "open = \"always\"")).unwrap();
    assert!(site.ok(&["reload"]).contains("ssh.open"));
    terminal.type_line("echo $((10000+3))");
    terminal.expect("10003");
    let forbidden =
        format!("{good}\n[[vendor.imagix.forbid]]\ntargets = [\"scanner\"]\nbecause = \"examination under way\"\n");
    std::fs::write(&site.config, forbidden).unwrap();
    site.ok(&["reload"]);
    terminal.expect("the hospital's rules no longer allow it");
    assert_eq!(site.ended_session()["cause"], "policy-changed");
    assert_eq!(site.entries("config-refused").len(), 1);
    let loaded = site.entries("config-loaded");
    assert_eq!(loaded.len(), 2);
    assert!(loaded[1]["changes"].to_string().contains("forbid"), "{}", loaded[1]);
    let mut next = site.ssh("alice+scanner", &[], &[]);
    let alice = site.technician("alice");
    next.expect("Password: ");
    next.type_line(&alice.password);
    next.expect("code: ");
    next.type_line(&alice.fresh_code());
    next.expect("YES[^:]*: ");
    next.type_line("YES");
    next.expect("examination under way");
}

/// D13: the files hold, but the people do not: `--state` says so, and the target alone is refused.
/// Past failures: PAST-no-approvers.
#[test]
fn a_quorum_that_nobody_meets_refuses_the_target() {
    let site = Site::with(SiteOptions { quorum: 2, ..SiteOptions::default() });
    assert!(site.ok(&["config", "check", "--state"]).contains("holds"));
    site.ok(&["staff", "disable", "paul", "--reason", "retired"]);
    fails(&site, &["config", "check", "--state"], 78, "fewer approvers");
    let explained = site.json(&["explain", "--technician", "alice", "--target", "scanner"]);
    assert_eq!(
        (explained["decision"].as_str(), explained["denial"].as_str()),
        (Some("deny"), Some("target-withdrawn"))
    );
}

/// An approver who is disabled counts no more: the session that rests on them ends.
#[test]
fn a_session_ends_with_its_approver() {
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((10000+1))");
    terminal.expect("10001");
    site.ok(&["staff", "disable", "claire", "--reason", "account stolen"]);
    terminal.expect("rules no longer allow it");
    assert_eq!(site.ended_session()["cause"], "policy-changed");
}

/// NET-06, T21: nothing is trusted on first use; a wrong comparison pins nothing.
#[test]
fn a_host_key_is_compared_before_it_is_pinned() {
    let site = Site::start();
    site.sign_in("nadia");
    let text = std::fs::read_to_string(&site.config).unwrap();
    let line = text.lines().find(|line| line.starts_with("host-key")).unwrap().to_owned();
    std::fs::write(&site.config, text.replace(&format!("{line}\n"), "# pinned by hand\n")).unwrap();
    fails(&site, &["config", "check"], 78, "`target.scanner.host-key` is missing");
    fails(&site, &["target", "pin", "scanner", "--write", "--fingerprint-ends", "AAAAAAAA"], 65, "nothing was pinned");
    let shown = site.ok(&["target", "pin", "scanner"]);
    let fingerprint = shown.lines().next().unwrap().rsplit(' ').next().unwrap().to_owned();
    let ends = fingerprint[fingerprint.len() - 8..].to_owned();
    site.ok(&["target", "pin", "scanner", "--write", "--fingerprint-ends", &ends]);
    let pinned = std::fs::read_to_string(&site.config).unwrap();
    assert!(pinned.contains(&line) && pinned.contains("# pinned by hand"), "{pinned}");
    assert!(site.ok(&["config", "check"]).contains("holds"));
    assert_eq!(site.entries("target-pinned").len(), 1);
}

/// Exit statuses by sysexits, and one line that says what to do, without a daemon too.
#[test]
fn errors_say_what_to_do() {
    let mut site = Site::start();
    site.stop_daemon();
    let out = site.poterne(&["session", "list"], "");
    assert_eq!(out.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&out.stderr).contains("start it with `systemctl start poterne`"));
    assert_eq!(site.poterne(&["session", "lst"], "").status.code(), Some(64));
    site.start_daemon();
    fails(&site, &["intervention", "show", "99"], 66, "no intervention 99");
    fails(&site, &["session", "show", "s-1"], 65, "is not an id");
    fails(&site, &["intervention", "withdraw", "1"], 77, "nobody is signed in");
    site.sign_in("nadia");
    fails(&site, &["intervention", "withdraw", "1"], 66, "no intervention 1");
}

/// D11: until there is an operator root does the work and is journalled as such; afterwards a change
/// takes a sign-in with the role, which is bound to its time. LOG-13: each change leaves one entry.
#[test]
fn who_changed_something_is_journalled() {
    let site = Site::start();
    let by: Vec<_> = site.entries("staff-added").into_iter().map(|one| one["by"].clone()).collect();
    assert!(by.iter().all(|by| by["root"].is_u64()), "{by:?}");
    let verb = ["technician", "unlock", "alice"];
    fails(&site, &verb, 77, "nobody is signed in at this terminal");
    site.sign_in("claire");
    fails(&site, &verb, 77, "has not the role operator");
    site.sign_in("nadia");
    assert_eq!(site.json(&["whoami"])["staff"], "nadia");
    let extra = Person::new("zoe");
    let secrets = format!("{}\n{}\n", extra.password, extra.totp);
    let out = site.poterne(
        &[
            "staff",
            "add",
            "zoe",
            "--role",
            "auditor",
            "--name",
            "Zoe Blanc",
            "--email",
            "z@chu.example",
            "--phone",
            "0611111111",
            "--stdin",
        ],
        &secrets,
    );
    assert!(out.status.success());
    eventually("the entry", || site.entries("staff-added").len() == 5);
    let last = site.entries("staff-added").pop().unwrap();
    assert_eq!((&last["by"]["staff"], &last["staff"]), (&"nadia".into(), &"zoe".into()), "{last}");
    site.ok(&["logout"]);
    fails(&site, &verb, 77, "nobody is signed in at this terminal");
    // Brakes never wait for a sign-in.
    site.ok(&["technician", "disable", "alice", "--reason", "left"]);
    assert!(site.entries("technician-disabled")[0]["by"]["root"].is_u64());
}
