//! Tunnels to the addresses of a permit, and `ssh -J`: with the real client, counted and recorded, held
//! and cut with the session, and no side door (NET-14, T23).

use harness::{Answers, Site, SiteOptions, Terminal, eventually, free_port};
use recorder::{Frame, FrameKind};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What the daemon may use for any of this, in MiB, as in the relay's tests.
const MEMORY: u64 = 100;

fn sum(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

/// Bytes that are the same every time and repeat themselves nowhere near.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A destination that says this first, then gives back all that comes, and ends when it does.
struct Destination {
    port: u16,
    accepted: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

impl Destination {
    fn start(greeting: &'static [u8]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
        let count = accepted.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                std::thread::spawn(move || {
                    let (mut from, mut to) = (stream.try_clone().unwrap(), stream);
                    let _ = to.write_all(greeting);
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        });
        Self { port, accepted }
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn accepted(&self) -> usize {
        self.accepted.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// A hospital whose vendor may reach these addresses besides.
fn with_forwards(to: &[String], options: SiteOptions) -> Site {
    let list = to.iter().map(|to| format!("\"{to}\"")).collect::<Vec<_>>().join(", ");
    let rule = format!(
        "[[vendor.imagix.allow]]\ntargets = [\"scanner\"]\nforward = [{list}]\n\
         approval = {{ quorum = 1, per = \"session\" }}\nlongest = \"8h\"\n{}",
        options.more
    );
    Site::with(SiteOptions { more: rule, ..options })
}

fn control(site: &Site) -> String {
    site.folder().join("ctl-alice").display().to_string()
}

/// A stream through the master to this destination, on standard input and output.
fn through(site: &Site, to: &str) -> Command {
    let mut ssh = Command::new("ssh");
    ssh.args(site.ssh_options()).args(["-S", &control(site), "-W", to, "alice+scanner@127.0.0.1"]);
    ssh
}

/// `ssh -L`, on the master; gives the local port.
fn listen(site: &Site, to: &str) -> u16 {
    let local = free_port();
    let spec = format!("127.0.0.1:{local}:{to}");
    let mut ssh = Command::new("ssh");
    ssh.args(site.ssh_options()).args(["-S", &control(site), "-O", "forward", "-L", &spec, "alice+scanner@127.0.0.1"]);
    assert!(ssh.status().unwrap().success());
    local
}

fn tunnel(local: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", local)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    all
}

/// Asks through the master what is refused; the master shows the reason.
fn is_refused(site: &Site, master: &mut Terminal, to: &str, reason: &str) {
    let out = through(site, to).stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.code(), Some(255), "{to}: {}", String::from_utf8_lossy(&out.stderr));
    master.expect(&format!("open failed: [a-z ]+: [^\n]*{reason}"));
}

fn frames_of(site: &Site, mut master: Terminal) -> Vec<Frame> {
    master.kill();
    let session = site.ended_session();
    site.recording(session["id"].as_str().unwrap())
}

fn of_kind(frames: &[Frame], track: u32, kind: FrameKind) -> Vec<u8> {
    let mine = frames.iter().filter(|frame| frame.track == track && frame.kind == kind);
    mine.flat_map(|frame| frame.data.to_vec()).collect()
}

fn markers(frames: &[Frame]) -> Vec<String> {
    let markers = frames.iter().filter(|frame| frame.kind == FrameKind::Marker);
    markers.map(|frame| String::from_utf8_lossy(&frame.data).into_owned()).collect()
}

fn session_id(site: &Site) -> String {
    site.last_session()["id"].as_str().unwrap().to_owned()
}

fn forget_peak(site: &Site) {
    fs::write(format!("/proc/{}/clear_refs", site.daemon_pid()), "5").unwrap();
}

fn memory_stayed_bounded(site: &Site) {
    let status = fs::read_to_string(format!("/proc/{}/status", site.daemon_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let peak = line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10;
    eprintln!("the daemon's peak memory: {peak} MiB");
    assert!(peak < MEMORY, "{peak} MiB");
}

/// Nothing arrives any more, but for what was on its way.
fn stands_still(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
    let mut block = vec![0; 1 << 20];
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        match stream.read(&mut block) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
            Ok(count) if count > 0 => assert!(Instant::now() < until, "frozen, and yet it flows"),
            other => panic!("{other:?}"),
        }
    }
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
}

/// Counted and digested both ways, the ends of both sides passed on, and stated where people look.
#[test]
fn a_tunnel_is_counted_digested_and_ends_on_both_sides() {
    let echo = Destination::start(b"hello\n");
    let site = with_forwards(&[echo.address()], SiteOptions::default());
    let mut master = site.master("alice");
    let stream = tunnel(listen(&site, &echo.address()));
    let sent = noise(3_000_000);
    let back = std::thread::scope(|scope| {
        let reading = scope.spawn(|| rest(&stream));
        (&stream).write_all(&sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        reading.join().unwrap()
    });
    let received = [b"hello\n".as_slice(), &sent].concat();
    assert_eq!(sum(&back), sum(&received), "{} bytes came back", back.len());
    drop(stream);
    eventually("the journal has its end", || site.entries("channel-closed").len() == 1);

    // The target's own name stands for its address; a program that hangs up after its last word has said it.
    let port = echo.port.to_string();
    let mut named = through(&site, &format!("scanner:{port}"));
    let mut named = named.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    named.stdin.take().unwrap().write_all(b"by name").unwrap();
    assert_eq!(named.wait_with_output().unwrap().stdout, b"hello\nby name");
    eventually("the journal has its end", || site.entries("channel-closed").len() == 2);

    let opened = site.entries("channel-opened");
    let what = json!({ "forward": { "to": echo.address() } });
    assert_eq!((&opened[0]["what"], &opened[1]["what"]), (&what, &what));
    let closed = site.entries("channel-closed");
    assert_eq!((&closed[0]["bytes_in"], &closed[0]["bytes_out"]), (&json!(3_000_000), &json!(3_000_006)));
    assert_eq!((&closed[1]["bytes_in"], &closed[1]["bytes_out"]), (&json!(7), &json!(13)));
    master.kill();
    let session = site.ended_session();
    assert_eq!((&session["bytes_in"], &session["bytes_out"]), (&json!(3_000_007), &json!(3_000_019)));
    let frames = site.recording(session["id"].as_str().unwrap());
    let begins: Vec<Value> = frames
        .iter()
        .filter(|frame| frame.kind == FrameKind::Begin)
        .map(|frame| serde_json::from_slice(&frame.data).unwrap())
        .collect();
    assert_eq!((&begins[0]["what"], &begins[0]["to"]), (&json!("forward"), &json!(echo.address())));
    // The content is not kept; its digests are.
    assert!(!frames.iter().any(|frame| matches!(frame.kind, FrameKind::Input | FrameKind::Output)));
    let said = markers(&frames);
    for wanted in [
        format!("Input not kept: 3000000 bytes, SHA-256 of what is not kept {}", sum(&sent)),
        format!("Output not kept: 3000006 bytes, SHA-256 of what is not kept {}", sum(&received)),
        format!("Input not kept: 7 bytes, SHA-256 of what is not kept {}", sum(b"by name")),
    ] {
        assert!(said.contains(&wanted), "{wanted} is not in {said:#?}");
    }
}

/// `tunnels = "kept"`: the bytes themselves, up to the limit, then the digest of the rest.
#[test]
fn a_tunnel_is_kept_where_the_target_says_so() {
    let echo = Destination::start(b"");
    let options = SiteOptions {
        target: "tunnels = \"kept\"".to_owned(),
        recordings: "record-limit = \"1 MiB\"".to_owned(),
        ..SiteOptions::default()
    };
    let site = with_forwards(&[echo.address()], options);
    let master = site.master("alice");
    let sent = noise(1_500_000);
    let file = site.folder().join("noise");
    fs::write(&file, &sent).unwrap();
    let back = through(&site, &echo.address()).stdin(File::open(&file).unwrap()).output().unwrap().stdout;
    assert_eq!(sum(&back), sum(&sent));
    let frames = frames_of(&site, master);
    let beyond = sum(&sent[1 << 20..]);
    for (kind, name) in [(FrameKind::Input, "Input"), (FrameKind::Output, "Output")] {
        assert_eq!(sum(&of_kind(&frames, 1, kind)), sum(&sent[..1 << 20]), "{name}");
        let wanted = format!("{name} recorded up to the limit: 1500000 bytes, SHA-256 of what is not kept {beyond}");
        assert!(markers(&frames).contains(&wanted), "{:?}", markers(&frames));
    }
}

/// D26: both directions stand still, nothing new reaches the destination, and a cut ends it at once.
#[test]
fn a_freeze_holds_a_tunnel_and_a_cut_ends_it() {
    let echo = Destination::start(b"");
    let site = with_forwards(&[echo.address()], SiteOptions::default());
    let mut master = site.master("alice");
    let id = session_id(&site);
    let local = listen(&site, &echo.address());
    let mut stream = tunnel(local);
    let flood = stream.try_clone().unwrap();
    std::thread::spawn(move || while (&flood).write_all(&[7; 65536]).is_ok() {});
    let mut block = vec![0; 1 << 20];
    stream.read_exact(&mut block).unwrap();
    site.sign_in("claire");
    site.ok(&["session", "freeze", &id]);
    stands_still(&mut stream);
    // Another one is neither refused nor connected.
    let second = tunnel(local);
    (&second).write_all(b"later").unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    stands_still(&mut second.try_clone().unwrap());
    assert_eq!(echo.accepted(), 1);
    site.ok(&["session", "resume", &id]);
    stream.read_exact(&mut block).unwrap();
    assert_eq!(rest(&second), b"later");
    let cut = Instant::now();
    site.ok(&["session", "cut", &id, "--reason", "enough"]);
    rest(&stream);
    assert!(cut.elapsed() < Duration::from_millis(1500), "{:?}", cut.elapsed());
    master.wait();
    assert_eq!(site.ended_session()["cause"], "cut");
    let frames = site.recording(&id);
    assert!(markers(&frames).iter().any(|text| text.starts_with("Input not kept: ")), "{:?}", markers(&frames));
}

/// T23: SSH inside a tunnel ends it with an alarm, whichever side begins, and nothing of it passes.
#[test]
fn ssh_inside_a_tunnel_ends_it_with_an_alarm() {
    let echo = Destination::start(b"");
    let server = Destination::start(b"Welcome\r\nSSH-2.0-Hidden\r\n");
    let site = with_forwards(&[echo.address(), server.address()], SiteOptions::default());
    let mut master = site.master("alice");
    // As a client would begin it, in two pieces.
    let stream = tunnel(listen(&site, &echo.address()));
    (&stream).write_all(b"SS").unwrap();
    std::thread::sleep(Duration::from_millis(200)); // So that they are two packets.
    (&stream).write_all(b"H-2.0-OpenSSH_9.2\r\n").unwrap();
    assert_eq!(rest(&stream), b"", "an echo would have come back");
    let stream = tunnel(listen(&site, &server.address()));
    let seen = rest(&stream);
    assert!(!String::from_utf8_lossy(&seen).contains("SSH"), "{seen:?}");
    // The real client, which would open a shell.
    let ssh = format!("-oProxyCommand=ssh -F none -S {} -W {} alice+scanner@127.0.0.1", control(&site), echo.address());
    let out = Command::new("ssh").args(["-F", "none", "-oBatchMode=yes", &ssh, "root@x"]).output().unwrap();
    assert_eq!(out.status.code(), Some(255));
    let alarms = site.entries("session-alarm");
    let to = |address: String| json!({ "ssh-inside-forward": { "to": address } });
    let found: Vec<Value> = alarms.iter().map(|entry| entry["alarm"].clone()).collect();
    assert_eq!(found, [to(echo.address()), to(server.address()), to(echo.address())]);
    assert_eq!(site.entries("channel-closed")[0]["bytes_in"], 0);
    // The session itself goes on.
    let out = site.over("alice", "echo still here").stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.stdout, b"still here\n");
    master.kill();
}

/// Only what the permit names, by its address; everything else is refused with what to write instead.
#[test]
fn tunnels_lead_where_the_permit_says_and_nowhere_else() {
    let echo = Destination::start(b"");
    let silent = format!("127.0.0.1:{}", free_port());
    let more = "[target.console]\nname = \"Console IRM\"\naddress = \"127.0.0.9:22\"\naccount = \"maint\"\n\
                approvers = [\"radiologie\"]\nsupervision = \"none\"\nhost-key = \"ssh-ed25519 \
                AAAAC3NzaC1lZDI1NTE5AAAAIJL0Y1mJ3ZkF0l8G0bUoSgX0m8yH0cG0m7e3o9qv1b2c\"\n\n\
                [[vendor.imagix.allow]]\ntargets = [\"console\"]\nrights = [\"shell\"]\n"
        .to_owned();
    let mut site = with_forwards(&[echo.address(), silent.clone()], SiteOptions { more, ..SiteOptions::default() });
    site.stop_daemon();
    fs::write(&site.config, fs::read_to_string(&site.config).unwrap().replace("[ssh]\n", "[ssh]\nforwards = 2\n"))
        .unwrap();
    site.start_daemon();
    let mut master = site.master("alice");
    let port = echo.port;
    is_refused(&site, &mut master, &format!("localhost:{port}"), "write the equipment's address");
    is_refused(&site, &mut master, &format!("nowhere:{port}"), "write the equipment's address");
    is_refused(&site, &mut master, &format!("127.0.0.2:{port}"), "does not include a tunnel to 127.0.0.2");
    is_refused(&site, &mut master, &format!("127.0.0.1:{}", site.port), "does not include a tunnel to 127.0.0.1");
    is_refused(&site, &mut master, &silent, "does not answer");
    // Another target of the list: by the way that works.
    let command = r"Use: ssh -J alice\+console@bastion maint@console";
    is_refused(&site, &mut master, "127.0.0.9:22", command);
    is_refused(&site, &mut master, "console:22", command);
    // Of what the client asks the bastion to listen for, and of SOCKS, nothing works.
    let local = free_port();
    let remote = |flag: &str, spec: &str| -> Output {
        let mut ssh = Command::new("ssh");
        ssh.args(site.ssh_options()).args([
            "-S",
            &control(&site),
            "-O",
            "forward",
            flag,
            spec,
            "alice+scanner@127.0.0.1",
        ]);
        ssh.output().unwrap()
    };
    assert!(!remote("-R", &format!("0:127.0.0.1:{port}")).status.success());
    assert!(remote("-D", &local.to_string()).status.success());
    let socks = tunnel(local);
    let mut asked = vec![5, 1, 0, 5, 1, 0, 3, 9];
    asked.extend(b"localhost");
    asked.extend(port.to_be_bytes());
    (&socks).write_all(&asked).unwrap();
    rest(&socks);
    assert_eq!(echo.accepted(), 0);
    // Two at a time.
    let local = listen(&site, &echo.address());
    let open: Vec<TcpStream> = (0..2).map(|_| tunnel(local)).collect();
    for stream in &open {
        (&*stream).write_all(b"x").unwrap();
        (&*stream).read_exact(&mut [0]).unwrap();
    }
    is_refused(&site, &mut master, &echo.address(), "At most 2 tunnels");
    drop(open);
    eventually("there is room again", || {
        let out = through(&site, &echo.address()).stdin(Stdio::null()).output().unwrap();
        out.status.success()
    });
    let whys: Vec<Value> = site.entries("channel-refused").iter().map(|entry| entry["what"].clone()).collect();
    assert!(whys.contains(&json!("direct-tcpip")), "{whys:?}");
    master.kill();
}

/// 100 MB through a tunnel and back, also to a reader who pauses, in bounded memory.
#[test]
fn a_hundred_megabytes_come_back_whole_through_a_tunnel() {
    let echo = Destination::start(b"");
    let site = with_forwards(&[echo.address()], SiteOptions::default());
    let _master = site.master("alice");
    forget_peak(&site);
    let sent = noise(100 << 20);
    let stream = tunnel(listen(&site, &echo.address()));
    let back = std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            std::thread::sleep(Duration::from_secs(2)); // The pause is what is tested.
            rest(&stream)
        });
        (&stream).write_all(&sent).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        reading.join().unwrap()
    });
    assert_eq!((back.len(), sum(&back)), (sent.len(), sum(&sent)));
    memory_stayed_bounded(&site);
    eventually("it ends", || site.entries("channel-closed").len() == 1);
    assert_eq!(site.entries("channel-closed")[0]["bytes_out"], sent.len());
}

/// `ssh -J`.
mod jump {
    use super::*;

    /// A configuration file by which `-J` finds the bastion.
    fn client_config(site: &Site) -> String {
        let file = site.folder().join("ssh_config");
        let text = format!(
            "Host *\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n PubkeyAuthentication no\n LogLevel INFO\n\
             Host bastion\n HostName 127.0.0.1\n Port {}\n",
            site.port
        );
        fs::write(&file, text).unwrap();
        file.display().to_string()
    }

    /// A program of OpenSSH's that reaches the target by a jump over the approved master.
    fn by_jump(site: &Site, program: &str) -> Command {
        let way = format!("-oProxyCommand=ssh -F none -S {} -W %h:%p alice+scanner@127.0.0.1", control(site));
        let mut command = Command::new(program);
        command.args(["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]);
        command.arg(way).stdin(Stdio::null());
        command
    }

    fn run(site: &Site, words: &[&str]) -> Output {
        by_jump(site, "ssh").args(words).output().unwrap()
    }

    fn everything() -> SiteOptions {
        let rights = vec!["shell", "exec", "sftp-read", "sftp-write", "scp-read", "scp-write"];
        SiteOptions { rights, ..SiteOptions::default() }
    }

    /// The command of the issue: through the menu, into a shell, recorded and replayed.
    #[test]
    fn a_shell_by_jump_is_recorded_like_any() {
        let site = Site::start();
        site.await_open();
        let config = client_config(&site);
        let mut terminal = Terminal::start("ssh", &["-F", &config, "-J", "alice@bastion", "root@scanner"]);
        let person = site.technician("alice");
        terminal.expect("Password: ");
        terminal.type_line(&person.password);
        terminal.expect("code: ");
        terminal.type_line(&person.fresh_code());
        terminal.expect("YES[^:]*: ");
        terminal.type_line("YES");
        terminal.expect(r"Target \[1-1\]: ");
        terminal.type_line("1");
        terminal.expect("Reason[^:]*: ");
        terminal.type_line("PACS disk full");
        terminal.expect("Ticket[^:]*: ");
        terminal.type_line("CHG-1");
        let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Press Enter to send: ").remove(0);
        terminal.type_line("");
        eventually("the request waits", || site.json(&["intervention", "list"])[0]["state"] == "requested");
        site.approve(1, &code);
        terminal.expect("# ");
        terminal.type_line("echo $((6*7)) $TERM; stty size");
        terminal.expect("42 xterm\r\n24 100");
        terminal.resize(40, 120);
        terminal.type_line("until [ \"$(stty size)\" = '40 120' ]; do sleep 0.1; done; echo re\"\"sized");
        terminal.expect("resized");
        terminal.type_line("exit 5");
        assert_eq!(terminal.wait().code(), Some(5));
        let session = site.ended_session();
        assert_eq!(session["cause"], "technician");
        let opened: Vec<Value> = site.entries("channel-opened").iter().map(|entry| entry["what"].clone()).collect();
        assert_eq!(opened, [json!("jump"), json!("shell")]);
        let closed = site.entries("channel-closed");
        assert!(closed.iter().any(|entry| entry["exit"] == 5), "{closed:?}");
        // What the session counts is what reached the target, not the tunnel around it.
        let inner = closed.iter().find(|entry| entry["channel"] == 2).unwrap();
        assert_eq!((&session["bytes_in"], &session["bytes_out"]), (&inner["bytes_in"], &inner["bytes_out"]));
        let id = session["id"].as_str().unwrap();
        let sealed = site.sealed(id);
        assert_eq!(sealed.parts(recorder::PartKind::Cast).count(), 1);
        let output = of_kind(&site.recording(id), 2, FrameKind::Output);
        assert!(String::from_utf8_lossy(&output).contains("42 xterm"), "replayed from the sealed recording");
    }

    /// Commands with their status, scp new and old, sftp.
    #[test]
    fn commands_and_files_go_by_jump() {
        let site = Site::with(everything());
        let master = site.master("alice");
        let out = run(&site, &["root@scanner", "cat; echo out; echo err >&2; exit 3"]);
        let seen = (out.stdout.as_slice(), out.status.code());
        assert_eq!(seen, (b"out\n".as_slice(), Some(3)), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(String::from_utf8_lossy(&out.stderr).contains("err"));
        // By address and port too, as the host is written in a tool's settings.
        let port = site.sshd.port.to_string();
        assert_eq!(run(&site, &["-p", &port, "root@127.0.0.1", "exit 4"]).status.code(), Some(4));
        let (here, there) = (site.folder().join("here"), site.folder().join("there"));
        fs::write(&here, noise(2_000_000)).unwrap();
        let digest = sum(&fs::read(&here).unwrap());
        for options in [&["-q"][..], &["-q", "-O"]] {
            let _ = fs::remove_file(&there);
            let mut scp = by_jump(&site, "scp");
            let out = scp.args(options).arg(&here).arg(format!("root@scanner:{}", there.display())).output().unwrap();
            assert!(out.status.success(), "{options:?}: {}", String::from_utf8_lossy(&out.stderr));
            assert_eq!(sum(&fs::read(&there).unwrap()), digest);
            let back = site.folder().join("back");
            let mut scp = by_jump(&site, "scp");
            let out = scp.args(options).arg(format!("root@scanner:{}", there.display())).arg(&back).output().unwrap();
            assert!(out.status.success(), "{options:?}: {}", String::from_utf8_lossy(&out.stderr));
            assert_eq!(sum(&fs::read(&back).unwrap()), digest);
        }
        let batch = site.folder().join("batch");
        fs::write(&batch, format!("get {} {}\n", there.display(), site.folder().join("got").display())).unwrap();
        let out = by_jump(&site, "sftp").arg("-b").arg(&batch).arg("root@scanner").output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert_eq!(sum(&fs::read(site.folder().join("got")).unwrap()), digest);
        let frames = frames_of(&site, master);
        assert_eq!(of_kind(&frames, 2, FrameKind::Output), b"out\n");
        assert_eq!(of_kind(&frames, 2, FrameKind::ErrorOutput), b"err\n");
        assert!(of_kind(&frames, 1, FrameKind::Output).is_empty(), "the tunnel's own bytes say nothing");
    }

    /// T23: the permit's account and no other, nothing leads on from inside, and what is not in the
    /// permit is not in there either.
    #[test]
    fn a_jump_is_no_side_door() {
        let site = Site::start();
        let mut master = site.master("alice");
        let wrong = run(&site, &["admin@scanner", "id"]);
        let said = String::from_utf8_lossy(&wrong.stderr);
        assert_eq!((wrong.status.code(), wrong.stdout.as_slice()), (Some(255), b"".as_slice()));
        assert!(said.contains("is for the login root. Use: ssh -J alice+scanner@bastion root@scanner"), "{said}");
        // A second jump out of the first, and every other way on.
        let port = site.sshd.port;
        let nested = run(&site, &["-W", &format!("127.0.0.1:{port}"), "root@scanner"]);
        assert_eq!((nested.status.code(), nested.stdout.as_slice()), (Some(255), b"".as_slice()));
        let said = String::from_utf8_lossy(&nested.stderr).into_owned();
        assert!(said.contains("never possible through this bastion"), "{said}");
        let remote = format!("0:127.0.0.1:{port}");
        let out = run(&site, &["-oExitOnForwardFailure=yes", "-R", &remote, "root@scanner", "id"]);
        assert_eq!((out.status.code(), out.stdout.as_slice()), (Some(255), b"".as_slice()));
        let out = by_jump(&site, "sftp").arg("root@scanner").output().unwrap();
        assert!(!out.status.success());
        let whats: Vec<Value> = site.entries("channel-refused").iter().map(|entry| entry["what"].clone()).collect();
        for what in ["jump (another account)", "direct-tcpip", "tcpip-forward", "sftp"] {
            assert!(whats.contains(&json!(what)), "{what} is not among {whats:?}");
        }
        // And the session goes on.
        assert_eq!(run(&site, &["root@scanner", "exit 6"]).status.code(), Some(6));
        master.kill();
    }

    /// D26, promise 5: a freeze holds what is inside; a cut ends it, and says why, inside too.
    #[test]
    fn what_is_inside_a_jump_is_frozen_and_cut_with_the_session() {
        let site = Site::start();
        let mut master = site.master("alice");
        let id = session_id(&site);
        let way = format!("-oProxyCommand=ssh -F none -S {} -W %h:%p alice+scanner@127.0.0.1", control(&site));
        let options = ["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", &way];
        let mut shell = Terminal::start("ssh", &[&options[..], &["root@scanner"]].concat());
        shell.expect("# ");
        let file = site.folder().join("stream");
        let mut stream =
            by_jump(&site, "ssh").args(["root@scanner", "yes"]).stdout(File::create(&file).unwrap()).spawn().unwrap();
        let length = || fs::metadata(&file).map_or(0, |meta| meta.len());
        eventually("it flows", || length() > 1 << 20);
        site.sign_in("claire");
        site.ok(&["session", "freeze", &id]);
        shell.expect("Frozen by the hospital");
        std::thread::sleep(Duration::from_millis(700)); // What was on its way arrives; then nothing does.
        let still = length();
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(length(), still, "frozen, and yet it flows");
        // A jump may begin; what is asked for inside waits.
        let touched = site.folder().join("touched");
        let touch = format!("touch {}", touched.display());
        let mut waiting = by_jump(&site, "ssh").args(["root@scanner", &touch]).spawn().unwrap();
        eventually("it is inside", || {
            site.entries("channel-opened").iter().filter(|entry| entry["what"] == "jump").count() == 3
        });
        std::thread::sleep(Duration::from_millis(500)); // So that it would be there if it were not held.
        assert!(!touched.exists());
        site.ok(&["session", "resume", &id]);
        shell.expect("Resumed");
        eventually("it flows again", || length() > still + (1 << 20));
        assert!(waiting.wait().unwrap().success() && touched.exists());
        let cut = Instant::now();
        site.ok(&["session", "cut", &id, "--reason", "enough"]);
        shell.expect("cut by the hospital: enough");
        shell.wait();
        let _ = stream.wait();
        assert!(cut.elapsed() < Duration::from_millis(2000), "{:?}", cut.elapsed());
        master.wait();
        assert_eq!(site.ended_session()["cause"], "cut");
        let opened = site.entries("channel-opened").len();
        assert_eq!(site.entries("channel-closed").len(), opened, "each channel has its end");
    }

    /// Whatever ends the client ends its command on the target, and nothing else of the session.
    #[test]
    fn what_was_inside_ends_with_the_jump() {
        let site = Site::start();
        let mut master = site.master("alice");
        let file = site.folder().join("pid");
        let command = format!("echo $$ > {}; exec yes", file.display());
        let mut inside = by_jump(&site, "ssh");
        let mut inside = inside.args(["root@scanner", &command]).stdout(Stdio::piped()).spawn().unwrap();
        let mut pid = String::new();
        eventually("it runs", || {
            pid = fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
            !pid.is_empty()
        });
        // Until its window is full: nobody reads what it says, and nobody ever will.
        std::thread::sleep(Duration::from_secs(1));
        inside.kill().unwrap();
        inside.wait().unwrap();
        let runs = || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
        };
        eventually("the command is gone", || !runs());
        eventually("both have their ends", || site.entries("channel-closed").len() == 2);
        assert_eq!(run(&site, &["root@scanner", "exit 6"]).status.code(), Some(6));
        master.kill();
    }

    /// 100 MB each way inside a jump: the same bytes, in bounded memory, also to a reader who pauses.
    #[test]
    fn a_hundred_megabytes_pass_a_jump() {
        let site = Site::start();
        let _master = site.master("alice");
        forget_peak(&site);
        let file = site.folder().join("noise");
        let bytes = noise(100 << 20);
        fs::write(&file, &bytes).unwrap();
        let wanted = sum(&bytes);
        let mut cat = by_jump(&site, "ssh");
        let cat = cat.args(["root@scanner", "cat"]).stdin(File::open(&file).unwrap()).stdout(Stdio::piped());
        let mut cat = cat.spawn().unwrap();
        let mut output = cat.stdout.take().unwrap();
        std::thread::sleep(Duration::from_secs(2)); // The pause is what is tested.
        let mut back = Vec::new();
        output.read_to_end(&mut back).unwrap();
        assert!(cat.wait().unwrap().success());
        assert_eq!((back.len(), sum(&back)), (bytes.len(), wanted));
        memory_stayed_bounded(&site);
    }

    /// Other makes, by what they have for it: plink's `-proxycmd`, and paramiko's channel as a socket.
    #[test]
    fn other_clients_jump_too() {
        let site = Site::start();
        let mut master = site.master("alice");
        let way = format!("ssh -F none -S {} -W scanner:22 alice+scanner@127.0.0.1", control(&site));
        let print = print_of(&site);
        let out = Command::new("plink")
            .args(["-ssh", "-batch", "-proxycmd", &way, "-hostkey", &print, "root@scanner", "echo $((6*7)); exit 3"])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!((out.stdout.as_slice(), out.status.code()), (b"42\n".as_slice(), Some(3)), "{said}");
        for way_in in ["none", "password", "key"] {
            let out = Command::new("/usr/bin/python3")
                .args(["-c", PARAMIKO, &way, way_in])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&out.stderr);
            assert_eq!(
                (out.stdout.as_slice(), out.status.code()),
                (b"42\n3\n".as_slice(), Some(0)),
                "{way_in}: {said}"
            );
        }
        master.kill();
    }

    const PARAMIKO: &str = r#"
import paramiko, sys
way, way_in = sys.argv[1:]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
sock = paramiko.ProxyCommand(way)
if way_in == "none":
    t = paramiko.Transport(sock)
    t.start_client(timeout=20)
    t.auth_none("root")
    c = t.open_session()
    c.exec_command("echo $((6*7)); exit 3")
    print(c.makefile().read().decode(), end="")
    print(c.recv_exit_status(), flush=True)
    t.close()
else:
    more = {"password": "whatever"} if way_in == "password" else {"pkey": paramiko.ECDSAKey.generate()}
    client.connect("scanner", username="root", sock=sock, allow_agent=False, look_for_keys=False, **more)
    _, out, _ = client.exec_command("echo $((6*7)); exit 3")
    print(out.read().decode(), end="")
    print(out.channel.recv_exit_status(), flush=True)
    client.close()
"#;

    /// The fingerprint of the bastion's host key, which stands behind every target's name too.
    fn print_of(site: &Site) -> String {
        let line =
            format!("ssh-keyscan -T 20 -p {} 127.0.0.1 2>/dev/null | ssh-keygen -lf - | cut -d' ' -f2", site.port);
        let print = Command::new("sh").args(["-c", &line]).output().unwrap().stdout;
        String::from_utf8(print).unwrap().trim().to_owned()
    }

    /// With somebody who must watch: nothing inside begins before they do.
    #[test]
    fn a_supervised_jump_waits_for_its_watcher() {
        let site = Site::with(SiteOptions { supervision: "required", ..SiteOptions::default() });
        site.await_open();
        let config = client_config(&site);
        let touched = site.folder().join("touched");
        let command = format!("touch {}", touched.display());
        let mut terminal =
            Terminal::start("ssh", &["-F", &config, "-J", "alice+scanner@bastion", "root@scanner", &command]);
        let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
        site.approve(number, &code);
        eventually("it has jumped", || site.entries("channel-opened").iter().any(|entry| entry["what"] == "jump"));
        std::thread::sleep(Duration::from_millis(700)); // So that it would be there if it were not held.
        assert!(!Path::new(&touched).exists());
        terminal.kill();
        site.ended_session();
        assert!(!Path::new(&touched).exists());
        assert!(!site.entries("channel-opened").iter().any(|entry| entry["what"] != "jump"));
    }
}
