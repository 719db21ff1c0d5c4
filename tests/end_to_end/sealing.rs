//! What was recorded, opened with Debian's tools by whoever has the key, and by nobody else
//! (REC-07, REC-08, D22, D23, D24).

use harness::site::OFFICER;
use harness::{Answers, Site, SiteOptions, Terminal, eventually, program};
use std::process::{Command, Stdio};

fn shell_out(script: &str) -> (bool, String) {
    let out = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output().unwrap();
    (out.status.success(), String::from_utf8_lossy(&out.stdout).into_owned())
}

fn recorded_shell(site: &Site, lines: &[&str]) -> String {
    let mut shell = site.shell("alice");
    shell.expect("# ");
    for line in lines {
        shell.type_line(line);
    }
    shell.type_line("exit");
    shell.wait();
    site.ended_session()["id"].as_str().unwrap().to_owned()
}

/// `cat head body | age -d | zstd -d | asciinema cat -`, and nothing without the officer's key.
#[test]
fn debians_tools_open_it_and_the_servers_files_do_not() {
    let site = Site::start();
    let id = recorded_shell(&site, &["echo proof-$((40+2))"]);
    let sealed = site.sealed(&id);
    assert!(sealed.altered().is_empty());
    let state = site.state().display().to_string();
    let key = site.folder().join("officer.key").display().to_string();
    std::fs::write(&key, format!("{OFFICER}\n")).unwrap();
    let parts = format!("{state}/keyring/{id}/channel-1.cast.head {state}/recordings/{id}/channel-1.cast.body");
    // asciinema wants a terminal to show it on.
    let pipe = format!("cat {parts} | age -d -i {key} | zstd -dq | asciinema cat -");
    let mut player = Terminal::start("sh", &["-c", &pipe]);
    player.expect("proof-42");
    assert!(player.wait().success());
    // Every secret line that lies on the server opens nothing.
    let vault = gateway::vault::Vault::open(&site.state().join("vault")).unwrap();
    let secrets: gateway::vault::SiteSecrets = vault.get("site", 1).unwrap();
    let vault_key = std::fs::read_to_string(site.state().join("vault/vault-key")).unwrap();
    for line in [secrets.recovery.clone(), vault_key] {
        std::fs::write(site.folder().join("stolen.key"), line).unwrap();
        let stolen = site.folder().join("stolen.key").display().to_string();
        assert!(!shell_out(&format!("cat {parts} | age -d -i {stolen} 2>/dev/null >/dev/null")).0);
    }
    assert!(!site.state().join("recordings").join(format!("{id}.spool")).exists());
    // The journal names the manifest.
    let entry = site.entries("recording-sealed").remove(0);
    assert_eq!((&entry["manifest"], &entry["state"]), (&sealed.digest.as_str().into(), &"whole".into()));
}

/// Replay, search and export ask for purpose and role, and journal both; a wrong key opens nothing.
#[test]
fn reading_is_by_role_and_journalled() {
    let site = Site::start();
    let id = recorded_shell(&site, &["echo needle-$((40+2))", "sleep 1"]);
    site.sealed(&id);
    let key = site.folder().join("officer.key").display().to_string();
    std::fs::write(&key, format!("# officer\n{OFFICER}\n")).unwrap();
    let export = ["recording", "export", &id, "--format", "text", "--key", &key, "--purpose", "audit 12"];
    assert_eq!(site.poterne(&export, "").status.code(), Some(77));
    site.sign_in("claire");
    assert_eq!(site.poterne(&export, "").status.code(), Some(77), "an approver reads no recordings");
    site.sign_in("sophie");
    assert!(site.ok(&export).contains("needle-42"));
    let search = ["recording", "search", &id, "NEEDLE-42", "--key", &key, "--purpose", "audit 12"];
    let found = site.json(&search);
    assert!(found[0]["row"].as_str().unwrap().contains("needle-42"), "{found}");
    let cast = site.ok(&["recording", "export", &id, "--format", "asciicast", "--key", &key, "--purpose", "audit 12"]);
    let header: serde_json::Value = serde_json::from_str(cast.lines().next().unwrap()).unwrap();
    assert_eq!((&header["version"], &header["width"]), (&2.into(), &100.into()), "{header}");
    let config = site.config.display().to_string();
    let poterne = program("poterne-under-test").display().to_string();
    // In a terminal of its own, so signed in there.
    let script = format!(
        "{poterne} --config {config} login --as sophie && \
         {poterne} --config {config} recording replay {id} --key {key} --purpose 'audit 12' --speed 64 --at 0"
    );
    let mut replay = Terminal::start("sh", &["-c", &script]);
    let sophie = site.member("sophie");
    replay.expect("password: ");
    replay.type_line(&sophie.password);
    replay.expect("code: ");
    replay.type_line(&sophie.fresh_code());
    replay.expect("needle-42");
    replay.type_raw(b"\x1b[H \x1b[F");
    replay.expect("PAUSE");
    replay.type_raw(b"q");
    assert!(replay.wait().success());
    let read = site.entries("recording-read");
    assert_eq!(read.len(), 4);
    assert!(read.iter().all(|one| one["purpose"] == "audit 12" && one["staff"] == "sophie"), "{read:?}");
    let stranger = site.folder().join("stranger.key").display().to_string();
    assert!(shell_out(&format!("age-keygen -o {stranger} 2>/dev/null")).0);
    let out = site.poterne(&["recording", "export", &id, "--format", "text", "--key", &stranger, "--purpose", "x"], "");
    assert_eq!(out.status.code(), Some(77));
    assert!(String::from_utf8_lossy(&out.stderr).contains("none of these keys opens it"));
}

/// D27: a password typed on the target is not in the main track.
#[test]
fn a_secret_typed_on_the_target_is_set_apart() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    shell.expect("# ");
    shell.type_line("stty -echo; printf 'Password: '; read s; stty echo; echo; echo got $((${#s}+100))");
    // The prompt itself, not the echo of the command that prints it.
    shell.expect(r"[\r\n]Password: ");
    shell.type_line("CANARY-typed");
    shell.expect("got 112");
    shell.type_line("stty -echo; printf '$ '");
    shell.type_line("echo hidden-$((1+1)) >/dev/null");
    shell.type_line("stty echo; exit");
    shell.wait();
    let id = site.ended_session()["id"].as_str().unwrap().to_owned();
    let frames = site.recording(&id);
    let of = |kind| {
        let all = frames.iter().filter(|frame| frame.kind == kind).flat_map(|frame| frame.data.to_vec());
        String::from_utf8_lossy(&all.collect::<Vec<u8>>()).into_owned()
    };
    let typed = of(recorder::FrameKind::Input);
    assert!(!typed.contains("CANARY"), "{typed}");
    assert!(of(recorder::FrameKind::Marker).contains("secret typed"));
    // REC-03: hidden commands are no secrets.
    assert!(typed.contains("echo hidden-$((1+1))"), "{typed}");
    let sealed = site.sealed(&id);
    assert!(sealed.parts(recorder::PartKind::Secrets).next().is_some());
    assert_eq!(sealed.manifest.secrets_open_to, [(1, 2)]);
    let part = sealed.parts(recorder::PartKind::Secrets).next().unwrap();
    assert!(sealed.read(part, &Site::officer()).is_err(), "one officer alone opens no secrets");
}

/// D24, T3: killed, then the spool cut by hand: called mutilated, with what is missing.
#[test]
fn a_spool_cut_by_hand_is_called_mutilated() {
    let mut site = Site::start();
    let mut shell = site.shell("alice");
    shell.expect("# ");
    shell.type_line("seq 1 20000 | tail -3; echo done-$((1+1))");
    shell.expect("done-2");
    // A head is committed every ten seconds at the latest; a freeze commits one at once.
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    site.sign_in("claire");
    site.ok(&["session", "freeze", &id]);
    eventually("the head is committed", || {
        let journal = site.journal();
        let last = journal.iter().rposition(|(kind, _)| kind == "recording-committed");
        last > journal.iter().position(|(kind, _)| kind == "session-frozen")
    });
    site.kill_daemon();
    shell.wait();
    let spool = site.state().join("recordings").join(format!("{id}.spool"));
    let file = std::fs::OpenOptions::new().write(true).open(&spool).unwrap();
    file.set_len(file.metadata().unwrap().len() - 500).unwrap();
    site.start_daemon();
    eventually("it is sealed", || site.entries("recording-sealed").len() == 1);
    let entry = site.entries("recording-sealed").remove(0);
    assert_eq!(entry["state"], "mutilated", "{entry}");
    assert!(entry["missing"].as_u64().unwrap() > 0, "{entry}");
    assert!(site.log().contains("mutilated"));
    let listed = site.json(&["recording", "list"]);
    assert_eq!((&listed[0]["state"], &listed[0]["missing"]), (&"mutilated".into(), &entry["missing"]));
    assert!(site.state().join("aside").join(format!("{id}.spool")).exists(), "what is left of it is kept");
    assert!(site.check_journal(&site.journal_key()).findings.is_empty());
}

/// Promise 6, REC-06: 20 kills at different moments; each session closed once, each recording sealed
/// and complete to the last byte that was shown.
#[test]
fn twenty_kills_lose_nothing_that_was_shown() {
    const KILLS: u32 = 20;
    let technicians = 20;
    let mut site = Site::with(SiteOptions { technicians, approvers: 10, ..SiteOptions::default() });
    let key = site.journal_key();
    let mut seen = Vec::new();
    for round in 0..KILLS {
        let login = site.technicians[round as usize % technicians].login.clone();
        let mut shell = site.ssh(&format!("{login}+scanner"), &[], &[]);
        let (number, code) = site.walk(&mut shell, &login, &Answers::default());
        assert!(site.approve_as(&format!("marc-{}", round % 10), number, &code).status.success());
        shell.expect("APPROVED until");
        shell.expect("# ");
        let from = shell.shown().len();
        shell.type_line("i=0; while :; do i=$((i+1)); echo n$i.; done");
        shell.expect(r"n200\.");
        // From at once to half a second later, in steps that share nothing with any timer of ours.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(round * 29 % 500)));
        site.kill_daemon();
        shell.wait();
        seen.push(shell.shown()[from..].to_owned());
        site.start_daemon();
    }
    eventually("all are sealed", || site.entries("recording-sealed").len() == KILLS as usize);
    let ended = site.entries("session-ended");
    assert_eq!(ended.len(), KILLS as usize);
    let lines = regex::Regex::new(r"n\d+\.").unwrap();
    for (end, shown) in ended.iter().zip(&seen) {
        assert_eq!(end["cause"], "interrupted");
        let id = end["session"].as_str().unwrap();
        let frames = site.recording(id);
        let output: Vec<u8> = frames
            .iter()
            .filter(|frame| frame.kind == recorder::FrameKind::Output)
            .flat_map(|frame| frame.data.to_vec())
            .collect();
        let output = String::from_utf8_lossy(&output);
        let last = lines.find_iter(shown).last().expect("something was shown").as_str();
        assert!(output.contains(last), "{last} was shown and is not recorded");
    }
    let sealed = site.entries("recording-sealed");
    assert!(sealed.iter().all(|one| one["state"] == "interrupted" && one["missing"] == 0), "{sealed:?}");
    site.stop_daemon();
    assert!(site.check_journal(&key).findings.is_empty());
}
