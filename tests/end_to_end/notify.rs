//! People are told that somebody asks: a real request, a real receiver of webhooks, a real end of
//! SMTP. Both are a few lines here, so that what is seen is what was on the wire.

use harness::{Answers, Site, SiteOptions, eventually, free_port};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};

const KEY: &str = "0123456789abcdef0123456789abcdef";

/// What came over a connection, piece by piece.
type Seen<T> = Arc<Mutex<Vec<T>>>;

/// A post: its head with lower-case names, and its body.
#[derive(Clone)]
struct Post {
    head: String,
    body: String,
}

impl Post {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether the signature is right, as docs/operations/notify.md says it is made.
    fn is_signed(&self) -> bool {
        let value = self.head.lines().find_map(|line| line.strip_prefix("poterne-signature: ")).unwrap();
        let (at, code) = value.split_once(",v1=").unwrap();
        let seconds = at.strip_prefix("t=").unwrap();
        let age = jiff::Timestamp::now().as_second() - seconds.parse::<i64>().unwrap();
        code == hmac(KEY.as_bytes(), format!("{seconds}.{}", self.body).as_bytes()) && (0..300).contains(&age)
    }
}

/// HMAC-SHA256 by RFC 2104, for keys of at most a block.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let pad = |with: u8| (0..64).map(|n| key.get(n).copied().unwrap_or(0) ^ with).collect::<Vec<u8>>();
    let inner = Sha256::digest([&pad(0x36), message].concat());
    data_encoding::HEXLOWER.encode(&Sha256::digest([&pad(0x5c)[..], &inner[..]].concat()))
}

/// Takes posts, answering each with this status.
fn receiver(status: &'static str) -> (u16, Seen<Post>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Seen::default());
    let shared = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap_or(0) > 2 {}
            let head = head.to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map(|n| n.trim().parse());
            let mut body = vec![0; length.unwrap_or(Ok(0)).unwrap()];
            reader.read_exact(&mut body).unwrap();
            shared.lock().unwrap().push(Post { head, body: String::from_utf8(body).unwrap() });
            let answer = format!(
                "HTTP/1.1 {status}\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, seen)
}

/// One mail: to whom, and its text.
type Mail = (String, String);

/// Takes mail.
fn sink() -> (u16, Seen<Mail>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Seen::default());
    let shared = seen.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, shared) = (stream.unwrap(), shared.clone());
            std::thread::spawn(move || take_mail(stream, &shared));
        }
    });
    (port, seen)
}

fn take_mail(mut stream: TcpStream, seen: &Seen<Mail>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut say = |text: &str| stream.write_all(format!("{text}\r\n").as_bytes());
    let _ = say("220 sink");
    let mut to = String::new();
    while let Some(Ok(line)) = lines.next() {
        let answer = match line.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250 sink",
            "RCPT" => {
                to = line;
                // One address that the server does not know.
                if to.contains("paul@") { "550 no such mailbox" } else { "250 ok" }
            }
            "DATA" => {
                let _ = say("354 go on");
                let text: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| line != ".").collect();
                seen.lock().unwrap().push((to.clone(), text.join("\n")));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "250 ok",
        };
        if say(answer).is_err() {
            return;
        }
    }
}

/// A hospital whose console is said to be somewhere, with webhooks of these names and ports.
fn told(hooks: &[(&str, u16, &str)], mail: Option<u16>) -> (SiteOptions, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("hook.key");
    std::fs::write(&key, format!("{KEY}\n")).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut more =
        format!("[console]\nlisten = \"127.0.0.1:{}\"\naddress = \"https://poterne.chu.example\"\n\n", free_port());
    for (name, port, events) in hooks {
        let events = if events.is_empty() { String::new() } else { format!("events = [{events}]\n") };
        more.push_str(&format!(
            "[notify.webhooks.{name}]\nurl = \"http://127.0.0.1:{port}/hook/T0KEN\"\nkey-file = \"{}\"\n{events}\n",
            key.display()
        ));
    }
    if let Some(port) = mail {
        more.push_str(&format!(
            "[notify.mail]\nserver = \"127.0.0.1:{port}\"\ntls = \"none\"\nfrom = \"poterne@chu.example\"\n"
        ));
    }
    (SiteOptions { more, ..SiteOptions::default() }, folder)
}

/// APR-10: the request is told by webhook and by mail, with a link to it and without its code. A
/// webhook that is dead and an address that is wrong hinder nobody.
#[test]
fn a_request_is_told_with_a_link_to_it() {
    let (hook, posts) = receiver("204 No Content");
    let (alerts, alerted) = receiver("204 No Content");
    let (port, mails) = sink();
    let dead = free_port();
    let (options, _files) =
        told(&[("chat", hook, ""), ("dead", dead, ""), ("soc", alerts, "\"alert\", \"lockdown\"")], Some(port));
    let site = Site::with(options);
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());

    eventually("the webhook hears of it", || !posts.lock().unwrap().is_empty());
    let post = posts.lock().unwrap()[0].clone();
    assert!(post.is_signed(), "{}\n{}", post.head, post.body);
    assert!(post.head.starts_with("post /hook/t0ken http/1.1"), "{}", post.head);
    let said = post.json();
    let link = format!("https://poterne.chu.example/requests/{number}");
    assert_eq!(
        (&said["event"], &said["number"], &said["url"]),
        (&"request".into(), &number.into(), &link.clone().into())
    );
    assert_eq!((&said["target"]["id"], &said["target"]["name"]), (&"scanner".into(), &"IRM".into()));
    assert_eq!((&said["vendor"]["name"], &said["technician"]), (&"Imagix".into(), &"Test Person".into()));
    assert_eq!((&said["reason"], &said["site"]), (&"PACS disk full".into(), &"CHU Test".into()));

    eventually("the mail arrives", || !mails.lock().unwrap().is_empty());
    let (to, text) = mails.lock().unwrap()[0].clone();
    assert_eq!(to, "RCPT TO:<claire@chu.example>");
    assert!(text.lines().any(|line| line == link), "{text}");
    assert!(text.contains(&format!("Subject: [CHU Test] Request {number}: IRM")), "{text}");
    for told in [&post.body, &text] {
        assert!(!told.contains(&code), "the code is nowhere: {told}");
    }
    assert!(!site.log().contains("T0KEN"), "the webhook's path is a secret");

    // Three wrong codes are an alert, for the officers and for whoever takes alerts.
    for _ in 0..3 {
        site.approve_as("claire", number, "AAAA");
    }
    eventually("the alert arrives", || !alerted.lock().unwrap().is_empty());
    let alert = alerted.lock().unwrap()[0].clone();
    assert!(alert.is_signed());
    assert_eq!((&alert.json()["event"], &alert.json()["number"]), (&"alert".into(), &number.into()));
    eventually("the officer is mailed", || mails.lock().unwrap().iter().any(|(to, _)| to.contains("sophie@")));
    site.ok(&["lockdown", "on", "--reason", "drill"]);
    eventually("the lockdown is told", || alerted.lock().unwrap().len() == 2);
    assert_eq!(alerted.lock().unwrap()[1].json()["reason"], "drill");
    let mailed: Vec<String> = mails.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert_eq!(mailed.iter().filter(|to| to.contains("claire@")).count(), 1, "{mailed:?}");
}

/// LOG-16: an alert reaches people although the hospital's own mail is down, by a second server and by a webhook;
/// so does its going on when nobody took it, to whoever is named for that. A request is not for the second.
#[test]
fn an_alert_goes_round_a_mail_server_that_is_down() {
    let (pager, posts) = receiver("204 No Content");
    let (port, mails) = sink();
    let (mut options, _files) = told(&[("pager", pager, "\"lockdown\", \"escalation\"")], Some(free_port()));
    options.more.push_str(&format!(
        "[notify.second-mail]\nserver = \"127.0.0.1:{port}\"\ntls = \"none\"\nfrom = \"poterne@ght.example\"\n\n\
         [alarms]\nescalate-after = \"15m\"\n"
    ));
    let pressed: jiff::Timestamp = "2026-11-24T13:58:00Z".parse().unwrap();
    options.clock = Some(pressed);
    let site = Site::with(options);
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let answers = Answers { code: Some(site.technician("alice").code_at(pressed)), ..Answers::default() };
    site.walk(&mut terminal, "alice", &answers);
    site.ok(&["lockdown", "on", "--reason", "attack under way"]);
    let mailed = |what: &str| -> Vec<String> {
        let mails = mails.lock().unwrap();
        mails.iter().filter(|(_, text)| text.contains(what)).map(|(to, _)| to.clone()).collect()
    };
    let sophie = "RCPT TO:<sophie@chu.example>".to_owned();
    eventually("the second server has the alert", || mailed("attack under way").contains(&sophie));
    eventually("so has the pager", || posts.lock().unwrap().iter().any(|post| post.json()["event"] == "lockdown"));
    site.set_clock(pressed + jiff::SignedDuration::from_mins(16));
    eventually("nobody took it: it goes on", || !site.entries("alert-escalated").is_empty());
    let escalated = || posts.lock().unwrap().iter().find(|post| post.json()["event"] == "escalation").cloned();
    eventually("the pager hears that too", || escalated().is_some());
    eventually("and so does the second server", || mailed("has waited too long").contains(&sophie));
    let post = escalated().unwrap().json();
    assert_eq!((&post["alert"], &post["about"]), (&"1".into(), &"attack under way".into()), "{post}");
    assert!(post["title"].as_str().unwrap().ends_with("All access was cut"), "{post}");
    assert!(post["url"].as_str().unwrap().ends_with("/alerts"), "{post}");
    // The request went by the first alone, which is down; and is told nowhere else.
    assert!(mailed("PACS disk full").is_empty(), "{:?}", mails.lock().unwrap());
}

/// What an operator does first: try the channels, and read which one does not work.
#[test]
fn an_operator_tries_the_channels() {
    let (good, posts) = receiver("200 OK");
    let (moved, followed) = receiver("307 Temporary Redirect");
    let (port, mails) = sink();
    let (options, _files) = told(&[("good", good, ""), ("moved", moved, "")], Some(port));
    let site = Site::with(options);
    let out = site.poterne(&["notify", "test"], "");
    assert_eq!(out.status.code(), Some(77), "nobody is signed in: {}", String::from_utf8_lossy(&out.stderr));
    site.sign_in("nadia");
    let out = site.poterne(&["notify", "test", "--json"], "");
    assert_eq!(out.status.code(), Some(75));
    let rows: Value = serde_json::from_slice(&out.stdout).unwrap();
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["channel"] == name).unwrap().clone();
    assert_eq!((&row("good")["sent"], &row("mail")["sent"]), (&true.into(), &true.into()), "{rows}");
    assert_eq!(row("moved")["sent"], false);
    assert!(row("moved")["error"].as_str().unwrap().contains("redirects are not followed"), "{rows}");
    assert_eq!(followed.lock().unwrap().len(), 1, "it was not followed");
    let post = posts.lock().unwrap()[0].clone();
    assert!(post.is_signed());
    assert_eq!((&post.json()["event"], &post.json()["number"]), (&"test".into(), &Value::Null));
    assert_eq!(mails.lock().unwrap()[0].0, "RCPT TO:<nadia@chu.example>");
    let out = site.poterne(&["notify", "test", "--channel", "godo"], "");
    assert_eq!(out.status.code(), Some(66));
    assert!(String::from_utf8_lossy(&out.stderr).contains("there is good, moved, mail"));
    site.ok(&["notify", "test", "--channel", "good"]);
}

/// Mail alone is said so by the check.
#[test]
fn the_check_says_that_mail_is_not_enough() {
    let (options, _files) = told(&[], Some(25));
    let site = Site::with(options);
    let out = site.poterne(&["config", "check"], "");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() && said.contains("mail is the only channel for requests"), "{said}");
}
