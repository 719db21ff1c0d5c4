//! As a new technician: an invitation in hand, a plain `ssh`, a phone's authenticator (D8).

use crate::people::fails;
use harness::{Person, Site, SiteOptions, Terminal};

const PASSWORD: &str = "lilas carafe 71 moulin";

fn invite(site: &Site, login: &str) -> serde_json::Value {
    let email = format!("{login}@imagix.example");
    let verb = [
        "technician",
        "invite",
        login,
        "--vendor",
        "imagix",
        "--proofing",
        "called the contract's number",
        "--name",
        "Elsa Petit",
        "--email",
        &email,
        "--phone",
        "+33 6 55 55 55 55",
    ];
    site.json(&verb)
}

/// What a phone sees: the cells of the terminal, two modules a character, read by a reader of QR codes.
fn scan(shown: &str) -> String {
    let rows: Vec<Vec<(bool, bool)>> = shown
        .lines()
        .filter(|line| line.contains('▀'))
        .map(|line| {
            let (mut cells, mut colours) = (Vec::new(), (false, false));
            let mut rest = line;
            while let Some(c) = rest.chars().next() {
                if let Some(sequence) = rest.strip_prefix("\x1b[") {
                    let (codes, after) = sequence.split_once('m').expect("a colour");
                    for code in codes.split(';') {
                        match code {
                            "30" => colours.0 = true,
                            "97" => colours.0 = false,
                            "40" => colours.1 = true,
                            "107" => colours.1 = false,
                            _ => {}
                        }
                    }
                    rest = after;
                    continue;
                }
                if c == '▀' {
                    cells.push(colours);
                }
                rest = &rest[c.len_utf8()..];
            }
            cells
        })
        .collect();
    const PIXELS: usize = 6;
    let width = rows[0].len();
    assert!(rows.len() <= 22 && width <= 80, "{} rows of {width}", rows.len());
    let dark = |x: usize, y: usize| {
        let cell = rows.get(y / 2).and_then(|row| row.get(x)).copied().unwrap_or_default();
        if y.is_multiple_of(2) { cell.0 } else { cell.1 }
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * PIXELS, rows.len() * 2 * PIXELS, |x, y| {
        if dark(x / PIXELS, y / PIXELS) { 0 } else { 255 }
    });
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code is found");
    grids[0].decode().expect("a code that can be read").1
}

/// Walks the page to its end; gives the person with the factors made there, and the check word.
fn enrol(site: &Site, terminal: &mut Terminal, login: &str, code: &str) -> (Person, String) {
    terminal.expect("Password: ");
    terminal.type_line(code);
    terminal.expect("code: ");
    terminal.type_line("");
    terminal.expect("accept it[^:]*: ");
    terminal.type_line("YES");
    terminal.expect("New password: ");
    terminal.type_line("password1234");
    terminal.expect("list of known passwords");
    terminal.expect("New password: ");
    terminal.type_line(PASSWORD);
    terminal.expect("again: ");
    terminal.type_line(PASSWORD);
    terminal.expect("ready: ");
    let before = terminal.shown().len();
    terminal.type_line("");
    let text = terminal.expect(r"Or type: ([A-Z2-7 ]+)\r").remove(0);
    let address = scan(&terminal.shown()[before..]);
    let secret = gateway::factors::read_totp(&address).expect("an address for authenticators");
    assert_eq!(secret, text.replace(' ', ""), "the picture and the text say the same");
    assert!(address.contains(login), "{address}");
    let person = Person::with_secrets(login, PASSWORD, &secret);
    terminal.expect("6 digits[^:]*: ");
    terminal.type_line("000000");
    terminal.expect("not it");
    terminal.expect("6 digits[^:]*: ");
    terminal.type_line(&person.fresh_code());
    let word = terminal.expect("Your word is: ([A-Z]+)").remove(0);
    assert!(!terminal.shown().contains(PASSWORD), "what is typed as password is never shown");
    terminal.wait();
    let _ = site;
    (person, word)
}

/// The whole way: invited, enrolled, activated by the word, in.
#[test]
fn a_new_technician_enrols_and_comes_in() {
    let mut site = Site::start();
    site.sign_in("nadia");
    let invitation = invite(&site, "elsa");
    let code = invitation["code"].as_str().unwrap().to_owned();
    assert!(invitation["known_hosts"].as_str().unwrap().contains("ssh-ed25519"), "{invitation}");
    assert_eq!(site.json(&["technician", "show", "elsa"])["state"], "invited");
    // The code opens nothing but the page: no command, no second channel, no forward.
    let mut command = site.ssh("elsa", &[], &["id"]);
    command.expect("Password: ");
    command.type_line(&code);
    command.expect("code: ");
    command.type_line("");
    command.wait();
    assert!(!command.shown().contains("uid="), "{}", command.shown());

    let mut terminal = site.ssh("elsa+scanner", &[], &[]);
    let (person, word) = enrol(&site, &mut terminal, "elsa", &code);
    assert_eq!(site.json(&["technician", "show", "elsa"])["state"], "enrolled");
    // Enrolled is not active: right factors are refused, and that is an alert (IDM-13).
    let mut early = site.ssh("elsa+scanner", &[], &[]);
    early.expect("Password: ");
    early.type_line(PASSWORD);
    early.expect("code: ");
    early.type_line(&person.fresh_code());
    assert_eq!(early.wait().code(), Some(255));
    assert_eq!(site.entries("account-alert").len(), 1);
    // The code is used up.
    let mut again = site.ssh("elsa", &[], &[]);
    again.expect("Password: ");
    again.type_line(&code);
    again.expect("code: ");
    again.type_line("");
    assert_eq!(again.wait().code(), Some(255));

    fails(&site, &["technician", "activate", "elsa", "--word", "BABABABABA"], 65, "2 tries left");
    site.ok(&["technician", "activate", "elsa", "--word", &word.to_lowercase()]);
    site.technicians.push(person);
    let mut shell = site.shell("elsa");
    shell.type_line("echo $((6*7))");
    shell.expect("42\r\n");
    shell.type_line("exit");
    shell.wait();
    let enrolled = site.entries("technician-enrolled").remove(0);
    assert_eq!(enrolled["charter"].as_str().unwrap().len(), 64, "LIF-08: {enrolled}");
    for secret in [PASSWORD, word.as_str(), code.as_str()] {
        assert!(!site.journal().iter().any(|(_, body)| body.to_string().contains(secret)));
        assert!(!site.log().contains(secret));
    }
}

/// T7: a reset throws factors and sessions away, and what follows is marked.
#[test]
fn a_reset_ends_sessions_and_old_factors() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    site.sign_in("nadia");
    let made = site.json(&["technician", "reset", "alice", "--reason", "phone lost"]);
    shell.expect("your account was disabled");
    shell.wait();
    let mut old = site.ssh("alice+scanner", &[], &[]);
    old.expect("Password: ");
    old.type_line(&site.technician("alice").password);
    old.expect("code: ");
    old.type_line(&site.technician("alice").fresh_code());
    assert_eq!(old.wait().code(), Some(255));
    let mut terminal = site.ssh("alice", &[], &[]);
    let (_, word) = enrol(&site, &mut terminal, "alice", made["code"].as_str().unwrap());
    site.ok(&["technician", "activate", "alice", "--word", &word]);
    let shown = site.json(&["technician", "show", "alice"]);
    assert_eq!((&shown["state"], &shown["factor_changed"]), (&"active".into(), &true.into()));
}

/// Three wrong words, and it has to be done again; left before the end, the invitation still holds.
#[test]
fn wrong_words_and_an_unfinished_page() {
    let site = Site::start();
    site.sign_in("nadia");
    let invitation = invite(&site, "elsa");
    let code = invitation["code"].as_str().unwrap();
    let mut left = site.ssh("elsa", &[], &[]);
    left.expect("Password: ");
    left.type_line(code);
    left.expect("code: ");
    left.type_line("");
    left.expect("accept it[^:]*: ");
    left.type_raw(&[3]);
    left.expect("Left before the end");
    left.wait();
    let mut terminal = site.ssh("elsa", &[], &[]);
    let (_, word) = enrol(&site, &mut terminal, "elsa", code);
    for left in [2, 1, 0] {
        fails(&site, &["technician", "activate", "elsa", "--word", "BABABABABA"], 65, &format!("{left} tries left"));
    }
    fails(&site, &["technician", "activate", "elsa", "--word", &word], 65, "three wrong words were typed");
}

/// D8: only from the vendor's sources, and not after 24 hours.
/// Past failures: CVE-2023-42820, CVE-2023-43650.
#[test]
fn an_invitation_has_a_place_and_a_time() {
    let start: jiff::Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
    let site = Site::with(SiteOptions { clock: Some(start), ..SiteOptions::default() });
    let nadia = site.member("nadia");
    let secrets = format!("{}\n{}\n", nadia.password, nadia.code_at(start));
    assert!(site.poterne(&["login", "--as", "nadia"], &secrets).status.success());
    let code = invite(&site, "elsa")["code"].as_str().unwrap().to_owned();
    site.set_clock(start + jiff::SignedDuration::from_hours(24));
    let mut late = site.ssh("elsa", &[], &[]);
    late.expect("Password: ");
    late.type_line(&code);
    late.expect("code: ");
    late.type_line("");
    assert_eq!(late.wait().code(), Some(255));
    assert_eq!(site.entries("invitation-refused")[0]["why"], "the invitation has run out");
}
