//! What is refused, and how: at the door nobody learns why, inside nothing gets through that was
//! not granted, and the journal tells everything apart.

use crate::raw::{approved, raw, with_key};
use harness::{Person, Site, SiteOptions, eventually};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const ELSEWHERE: &str = "[vendor.autre]\nname = \"Autre\"\n\
    contract = { reference = \"2025-118\", from = \"2020-01-01\", until = \"2037-12-31\" }\n\
    contact = { name = \"Support\", phone = \"+33 1 11 11 11 11\", email = \"support@autre.example\" }\n\
    sources = [\"192.0.2.0/24\"]\ncalendar = \"vendor\"\nfactors = [\"password\", \"totp\"]\n\n\
    [[vendor.autre.allow]]\ntargets = [\"scanner\"]\nrights = [\"shell\"]\n";

/// A code that does not fit at present, nor in the minutes around.
fn wrong_code(person: &Person) -> String {
    let now = Timestamp::now().as_second();
    let near: Vec<String> = (-4..=4).map(|n| person.code_at(Timestamp::from_second(now + 30 * n).unwrap())).collect();
    (0..).map(|n| format!("{n:06}")).find(|code| !near.contains(code)).unwrap()
}

fn states(site: &Site) -> Value {
    let all = site.json(&["technician", "list"]);
    all.as_array()
        .unwrap()
        .iter()
        .map(|one| (one["login"].as_str().unwrap().to_owned(), one["state"].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// IDM-10, promise 10: whatever is wrong, the client sees the same bytes after the same time; the
/// journal knows each cause (IDM-11).
/// Past failures: CVE-2026-91164.
#[test]
fn every_refusal_looks_the_same() {
    // All of them come from one address, which is penalised in the course of it.
    let more = format!("{ELSEWHERE}\n[limits]\npenalty-delay = \"0s\"\n");
    let site = Site::with(SiteOptions { technicians: 6, more, ..SiteOptions::default() });
    let elsa = Person::new("elsa");
    site.sign_in("nadia");
    let verb = ["technician", "add", "elsa", "--vendor", "autre", "--proofing", "in the test", "--name", "Elsa Petit"];
    let verb = [&verb[..], &["--email", "elsa@autre.example", "--phone", "+33 6 22 33 44 55", "--stdin"]].concat();
    assert!(site.poterne(&verb, &format!("{}\n{}\n", elsa.password, elsa.totp)).status.success());
    let [alice, bruno, chloe, disabled, locked, off_list] = &site.technicians[..] else { panic!("six people") };
    site.ok(&["technician", "disable", &disabled.login, "--reason", "left"]);
    let reused = chloe.fresh_code();
    assert_eq!(raw(&site, "probe", &["chloe+scanner", &chloe.password, &reused])["outcome"], "in");
    for _ in 0..3 {
        raw(&site, "probe", &[&locked.login, &locked.password, &wrong_code(locked)]);
    }
    assert_eq!(states(&site)[&locked.login], "locked");

    let nonsense = "x".repeat(40);
    let cases: Vec<(&str, String, &str, String)> = vec![
        ("unknown", "zoe+scanner".into(), "whatever it is", "123456".into()),
        ("no login at all", "\u{1b}[31mZO\u{c9}+x+y".into(), "whatever it is", "123456".into()),
        ("password", "alice+scanner".into(), &nonsense, alice.fresh_code()),
        ("code", "bruno+scanner".into(), &bruno.password, wrong_code(bruno)),
        ("both", "bruno".into(), &nonsense, wrong_code(bruno)),
        ("code-malformed", "bruno+scanner".into(), &bruno.password, "12 34".into()),
        ("code-reused", "chloe+scanner".into(), &chloe.password, reused),
        ("disabled", format!("{}+scanner", disabled.login), &disabled.password, disabled.fresh_code()),
        ("locked", format!("{}+scanner", locked.login), &locked.password, locked.fresh_code()),
        ("target", format!("{}+console", off_list.login), &off_list.password, off_list.fresh_code()),
        ("source", "elsa+scanner".into(), &elsa.password, elsa.fresh_code()),
    ];
    let before = site.entries("factors-refused").len();
    // Side by side, as a guesser would do it; four comparisons run at once.
    let outcomes: Vec<(&str, Value)> = std::thread::scope(|scope| {
        let tries: Vec<_> = cases
            .iter()
            .map(|(cause, login, password, code)| {
                (*cause, scope.spawn(|| raw(&site, "probe", &[login, password, code])))
            })
            .collect();
        tries.into_iter().map(|(cause, one)| (cause, one.join().unwrap())).collect()
    });
    let (_, first) = &outcomes[0];
    for (cause, outcome) in &outcomes {
        assert_eq!(outcome["outcome"], "refused", "{cause}");
        assert_eq!(outcome["seen"], first["seen"], "{cause}");
        let seconds = outcome["seconds"].as_f64().unwrap();
        assert!((1.5..2.5).contains(&seconds), "{cause}: {seconds}");
    }
    let mut causes: Vec<String> = site.entries("factors-refused")[before..]
        .iter()
        .map(|entry| entry["cause"].as_str().unwrap().to_owned())
        .collect();
    let mut expected: Vec<&str> = outcomes.iter().skip(2).map(|(cause, _)| *cause).collect();
    causes.sort();
    expected.sort_unstable();
    assert_eq!(causes, expected);
}

/// D4, IDM-08: three half-right tries lock for a minute; nothing else ever locks.
#[test]
fn half_right_tries_lock_and_others_never_do() {
    let site = Site::with(SiteOptions { technicians: 4, ..SiteOptions::default() });
    let [alice, bruno, chloe, tessa] = &site.technicians[..] else { panic!("four people") };
    std::thread::scope(|scope| {
        scope.spawn(|| (0..3).for_each(|_| drop(raw(&site, "probe", &["alice", &alice.password, &wrong_code(alice)]))));
        scope.spawn(|| (0..3).for_each(|_| drop(raw(&site, "probe", &["bruno", "wrong", &bruno.fresh_code()]))));
        scope.spawn(|| (0..5).for_each(|_| drop(raw(&site, "probe", &["chloe", "wrong", &wrong_code(chloe)]))));
        scope.spawn(|| (0..5).for_each(|_| drop(raw(&site, "probe", &[&tessa.login, &tessa.password, "12345"]))));
    });
    let found = states(&site);
    assert_eq!((&found["alice"], &found["bruno"]), (&"locked".into(), &"locked".into()));
    assert_eq!((&found["chloe"], &found[&tessa.login]), (&"active".into(), &"active".into()));
    let locks = site.entries("technician-locked");
    assert_eq!(locks.len(), 2);
    for lock in &locks {
        let until: Timestamp = lock["lock"]["until"].as_str().unwrap().parse().unwrap();
        let left = until.duration_since(Timestamp::now()).as_secs();
        assert!((30..=60).contains(&left), "{left}");
        assert_eq!(lock["source"], "127.0.0.1");
    }
    // Everything right does not help before the minute is over; an operator does.
    let outcome = raw(&site, "probe", &["alice", &alice.password, &alice.fresh_code()]);
    assert_eq!(outcome["outcome"], "refused");
    site.sign_in("nadia");
    site.ok(&["technician", "unlock", "alice"]);
    let outcome = raw(&site, "probe", &["alice", &alice.password, &alice.fresh_code()]);
    assert_eq!(outcome["outcome"], "in");
}

/// IDM-07: one code, ten connections, one that gets in.
/// Past failures: PAST-totp.
#[test]
fn a_code_works_once_over_parallel_connections() {
    let site = Site::start();
    let alice = site.technician("alice");
    let outcome = raw(&site, "one_code", &["alice+scanner", &alice.password, &alice.fresh_code(), "10"]);
    assert_eq!((&outcome["in"], &outcome["refused"]), (&1.into(), &9.into()));
    assert_eq!(site.entries("factors-accepted").len(), 1);
    let refused = site.entries("factors-refused");
    // Two replays count as half right each, the third locks.
    assert!(refused.iter().all(|entry| entry["cause"] == "code-reused" || entry["cause"] == "locked"), "{refused:?}");
}

/// D3, CVE-2023-42818, CVE-2024-45337, CVE-2023-43660: the key counts that was proven, if it is the account's.
#[test]
fn a_demanded_key_is_the_accounts_own_and_proven() {
    let options = SiteOptions { factors: vec!["key", "password", "totp"], technicians: 0, ..SiteOptions::default() };
    let mut site = Site::with(options);
    // Each tries once: a code that was seen is a code that is used up.
    let logins = ["alice", "bruno", "chloe", "didier", "elodie", "fanny"];
    let keys: Vec<String> = logins.iter().map(|login| with_key(&mut site, login)).collect();
    let own = |login: &str| keys[logins.iter().position(|one| *one == login).unwrap()].as_str();
    let stranger = site.folder().join("stranger").display().to_string();
    crate::raw::keygen(&stranger);
    let ask = |scenario: &str, login: &str, keys: &[&str]| {
        let (person, user) = (site.technician(login), format!("{login}+scanner"));
        let code = person.fresh_code();
        let args = [&[user.as_str(), &person.password, &code], keys].concat();
        raw(&site, scenario, &args)
    };
    let without = ask("probe", "bruno", &[]);
    assert_eq!(without["outcome"], "refused");
    // Another person's key proves that it is held, and opens nothing here.
    let others = ask("probe", "chloe", &[own("bruno")]);
    assert_eq!((&others["outcome"], &others["proven"]), (&"refused".into(), &serde_json::json!([[51, true]])));
    // A key that nobody registered is not worth a signature (D1).
    let strange = ask("probe", "didier", &[&stranger]);
    assert_eq!((&strange["outcome"], &strange["proven"]), (&"refused".into(), &serde_json::json!([[51, false]])));
    let mixed = ask("offer_a_sign_b", "elodie", &[own("elodie"), own("bruno")]);
    assert_eq!((&mixed["offered"], &mixed["again"]), (&60.into(), &60.into()), "the offered key is registered");
    assert_eq!(mixed["mixed"], serde_json::json!([51, false]), "a signature by another key than the one shown");
    assert_eq!((&mixed["signed"], &mixed["in"]), (&serde_json::json!([51, true]), &false.into()));
    let offered = ask("offer_only", "fanny", &[own("fanny")]);
    assert_eq!((&offered["offered"], &offered["in"]), (&serde_json::json!([60, 60, 60]), &false.into()));
    assert!(!offered["kinds"].as_array().unwrap().contains(&52.into()));
    let refused = site.entries("factors-refused");
    assert_eq!(refused.len(), 5);
    assert!(refused.iter().all(|entry| entry["cause"] == "key"), "{refused:?}");

    let port = site.port.to_string();
    let options =
        ["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oIdentitiesOnly=yes"];
    let args =
        [&options[..], &["-p", &port, "-i", own("alice"), "alice+scanner@127.0.0.1", "echo in-$((6*7))"]].concat();
    let mut terminal = harness::Terminal::start("ssh", &args);
    let (number, code) = site.walk(&mut terminal, "alice", &harness::Answers::default());
    site.approve(number, &code);
    terminal.expect("in-42");
    let accepted = site.entries("factors-accepted");
    assert_eq!(accepted.len(), 1);
    assert_eq!(accepted[0]["factors"], serde_json::json!(["password", "totp", "key"]));
    assert!(accepted[0]["key"].as_str().unwrap().starts_with("SHA256:"));
}

fn run(site: &Site, program: &str, args: &[&str]) -> Output {
    let control = format!("-oControlPath={}", site.folder().join("ctl-alice").display());
    let mut command = Command::new("timeout");
    // A refusal that hangs is a failure too: whatever runs gets eight seconds.
    command.args(["8", program, "-F", "none", &control]).args(args).stdin(Stdio::null());
    command.env("DISPLAY", "127.0.0.1:99").env("LC_TEST", "x").env_remove("SSH_AUTH_SOCK");
    let agent = site.folder().join("agent");
    if agent.exists() {
        command.env("SSH_AUTH_SOCK", agent);
    }
    command.output().unwrap()
}

/// A child that goes away with the test, however that ends.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn refused_whats(site: &Site) -> BTreeSet<String> {
    site.entries("channel-refused").iter().map(|entry| entry["what"].as_str().unwrap().to_owned()).collect()
}

/// A listener that nobody may reach through the bastion.
fn forbidden_port() -> (u16, std::net::TcpListener) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    (listener.local_addr().unwrap().port(), listener)
}

/// NET-04, CVE-2023-45140: each side door of an approved session is shut, says so, and stands in
/// the journal; the front door stays open.
/// Past failures: CVE-2026-46673.
#[test]
fn side_doors_are_shut_and_journalled() {
    const HOST: &str = "alice+scanner@127.0.0.1";
    let site = Site::start();
    // What a master may ask for, its clients may: it is given everything.
    let control = site.folder().join("ctl-alice").display().to_string();
    let wishes = ["-M", "-N", "-S", &control, "-A", "-X", "-oSendEnv=LC_TEST", HOST];
    let mut line = vec!["DISPLAY=127.0.0.1:99".to_owned(), "ssh".to_owned()];
    line.extend(site.ssh_options().into_iter().chain(wishes.map(str::to_owned)));
    site.await_open();
    let mut master = harness::Terminal::start("env", &line);
    let (number, code) = site.walk(&mut master, "alice", &harness::Answers::default());
    site.approve(number, &code);
    eventually("the master listens", || Path::new(&control).exists());
    let (port, listener) = forbidden_port();
    let agent = site.folder().join("agent");
    let _keys =
        Killed(Command::new("ssh-agent").arg("-D").arg("-a").arg(&agent).stdout(Stdio::null()).spawn().unwrap());
    eventually("an agent", || agent.exists());
    let file = site.folder().join("file");
    std::fs::write(&file, "x").unwrap();
    let (file, elsewhere) = (file.display().to_string(), site.folder().join("elsewhere").display().to_string());
    let there = format!("{HOST}:{elsewhere}");

    // Clean: an end by itself, with a status that says no.
    let fails = |what: &str, out: Output| {
        let (code, said) = (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned());
        assert!(code != Some(0) && code != Some(124), "{what}: {code:?} {said}");
        said
    };
    let forward = format!("127.0.0.1:{port}");
    let said = fails("-W", run(&site, "ssh", &["-W", &forward, HOST]));
    assert!(said.contains("Session open refused by peer"), "{said}");
    let remote = format!("0:127.0.0.1:{port}");
    fails("-R", run(&site, "ssh", &["-O", "forward", "-R", &remote, HOST]));
    fails("sftp", run(&site, "sftp", &[HOST]));
    fails("scp by sftp", run(&site, "scp", &[&file, &there]));
    fails("scp -O up", run(&site, "scp", &["-O", &file, &there]));
    fails("scp -O down", run(&site, "scp", &["-O", &format!("{HOST}:{file}"), &elsewhere]));
    fails("rsync up", run(&site, "ssh", &[HOST, "rsync --server -vlogDtpre.iLsfxC . /tmp/x"]));
    fails("rsync down", run(&site, "ssh", &[HOST, "rsync --server --sender -vlogDtpre.iLsfxC . /tmp/x"]));
    fails("a subsystem", run(&site, "ssh", &["-s", HOST, "netconf"]));
    // A jump through the bastion to a machine that is no target is `-W` by another name.
    let through =
        format!("-oProxyCommand=ssh -F none -S {} -W %h:%p {HOST}", site.folder().join("ctl-alice").display());
    let jump = ["8", "ssh", "-F", "none", "-oBatchMode=yes", &through, "-p", &port.to_string(), "root@127.0.0.1", "id"];
    fails("-J", Command::new("timeout").args(jump).stdin(Stdio::null()).output().unwrap());
    // The client's own listener opens; what comes in by it goes nowhere.
    for (flag, spec) in
        [("-L", format!("{}:127.0.0.1:{port}", harness::free_port())), ("-D", harness::free_port().to_string())]
    {
        let local: u16 = spec.split(':').next().unwrap().parse().unwrap();
        assert!(run(&site, "ssh", &["-O", "forward", flag, &spec, HOST]).status.success());
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", local)).unwrap();
        use std::io::{Read as _, Write as _};
        if flag == "-D" {
            let mut socks = vec![5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1];
            socks.extend(port.to_be_bytes());
            stream.write_all(&socks).unwrap();
        }
        stream.set_read_timeout(Some(std::time::Duration::from_secs(8))).unwrap();
        let mut all = Vec::new();
        let end = stream.read_to_end(&mut all);
        assert!(end.is_ok() || end.unwrap_err().kind() == std::io::ErrorKind::ConnectionReset, "{flag} hangs");
        assert!(!all.starts_with(b"SSH-"));
    }
    assert!(listener.accept().is_err(), "somebody reached the forbidden port");
    // What a session asks besides is refused, and the session itself goes on without it.
    let out = run(
        &site,
        "ssh",
        &["-A", "-X", "-oSendEnv=LC_TEST", HOST, "echo agent=$SSH_AUTH_SOCK display=$DISPLAY env=$LC_TEST"],
    );
    assert_eq!(
        String::from_utf8_lossy(&out.stdout),
        "agent= display= env=\n",
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(!Path::new(&elsewhere).exists());

    let whats = refused_whats(&site);
    for what in ["direct-tcpip", "tcpip-forward", "agent", "x11", "env", "sftp", "scp", "rsync", "subsystem netconf"] {
        assert!(whats.contains(what), "{what} is not among {whats:?}");
    }
    // The first of its kind is an entry by itself, all of them are counted in the closing one (D19).
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    site.ok(&["session", "cut", &session, "--reason", "over"]);
    let end = site.ended_session();
    let counted = site.json(&["session", "show", end["id"].as_str().unwrap()])["closing"]["refused"].clone();
    assert!(counted["direct-tcpip"].as_u64().unwrap() >= 4, "{counted}");
}

/// NET-04: a right to a shell is no right to commands, and the other way round.
/// Past failures: CVE-2023-45140.
#[test]
fn shell_and_exec_are_rights_of_their_own() {
    for (right, denied) in [("shell", "exec"), ("exec", "shell")] {
        let site = Site::with(SiteOptions { rights: vec![right], ..SiteOptions::default() });
        let mut master = site.master("alice");
        let host = "alice+scanner@127.0.0.1";
        let exec = run(&site, "ssh", &[host, "echo exec-$((6*7))"]);
        let shell = run(&site, "ssh", &["-T", host]);
        let (yes, no) = if right == "shell" { (&shell, &exec) } else { (&exec, &shell) };
        assert_eq!(yes.status.code(), Some(0), "{right}");
        assert_ne!(no.status.code(), Some(0), "{denied} with {right}");
        assert_eq!(refused_whats(&site), BTreeSet::from([denied.to_owned()]));
        master.kill();
    }
}

/// D30: a refused shell says on the terminal what is missing.
#[test]
fn a_refused_shell_says_why() {
    let site = Site::with(SiteOptions { rights: vec!["exec"], ..SiteOptions::default() });
    let mut terminal = site.shell("alice");
    terminal.expect("refused: shell. The intervention does not include this right");
    assert_ne!(terminal.wait().code(), Some(0));
}

/// NET-14: a transfer is a transfer, whatever stands around it and whether or not there is a terminal.
#[test]
fn transfers_in_disguise_need_their_own_right() {
    let site = Site::start();
    let _master = site.master("alice");
    let host = "alice+scanner@127.0.0.1";
    for command in [
        "scp -t x; bash",
        "true && 's'cp -f /etc/passwd",
        "sh -c '/usr/bin/scp -r -t /tmp'",
        "exec /usr/lib/openssh/sftp-server",
        "\"rsync\" --server --sender . /",
    ] {
        for terminal in ["-tt", "-T"] {
            let out = run(&site, "ssh", &[terminal, host, command]);
            assert!(!matches!(out.status.code(), Some(0 | 124)), "{terminal} {command}: {out:?}");
        }
    }
    let whats = refused_whats(&site);
    assert!(whats.iter().all(|what| what.starts_with("exec (")), "{whats:?}");
    assert_eq!(site.entries("channel-opened").len(), 0);
    // What only speaks of such a thing is no transfer.
    let out = run(&site, "ssh", &[host, "echo about scp and rsync"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout), "about scp and rsync\n");
}

/// What OpenSSH cannot ask for: odd kinds of channels, odd global requests.
#[test]
fn odd_channels_are_refused_and_journalled() {
    let site = Site::start();
    let outcome = approved(&site, "alice", &["strange-channels"], |_| ());
    for (kind, reply) in outcome.as_object().unwrap() {
        let refused = if kind.ends_with("forward") || kind == "no-such-request" { 82 } else { 92 };
        assert_eq!(*reply, refused, "{kind}: {outcome}");
    }
    for what in ["direct-streamlocal", "x11", "forwarded-tcpip", "streamlocal-forward"] {
        eventually(&format!("{what} is journalled"), || refused_whats(&site).contains(what));
    }
}
