//! OpenSSH, and what it shows.

use super::{COMMAND, WHO, finishes, gets_through};
use harness::{Site, SiteOptions, eventually};

#[test]
fn openssh() {
    let site = Site::start();
    let terminal = site.ssh(WHO, &[], &[COMMAND]);
    gets_through(&site, terminal, false);
}

/// What must be seen stands in a prompt: `-q` hides everything else.
#[test]
fn openssh_without_any_texts() {
    let site = Site::start();
    let mut terminal = site.ssh(WHO, &["-q"], &[COMMAND]);
    let person = site.technician("alice");
    for (prompt, answer) in [
        ("Password: ", person.password.clone()),
        ("code: ", person.fresh_code()),
        ("You are recorded. Type YES to accept: ", "yes".to_owned()),
        ("Reason[^:]*: ", "PACS disk full".to_owned()),
        ("Ticket[^:]*: ", String::new()),
    ] {
        terminal.expect(prompt);
        terminal.type_line(&answer);
    }
    let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Press Enter to send: ").remove(0);
    terminal.type_line("");
    eventually("the request waits", || site.json(&["intervention", "list"])[0]["state"] == "requested");
    assert_eq!(site.json(&["intervention", "list"])[0]["ticket"], "-");
    site.approve(1, &code);
    terminal.expect("out-42");
    for hidden in ["authorised use only", "NOTICE", "Sent at", "APPROVED"] {
        assert!(!terminal.shown().contains(hidden), "{hidden:?} is shown after all: no reason for the long prompts");
    }
    terminal.wait();
    site.ended_session();
}

/// A French site: all of it without accents, because several clients show none; OUI is a yes.
#[test]
fn a_french_lobby() {
    let site = Site::with(SiteOptions { language: "fr", ..SiteOptions::default() });
    let mut terminal = site.ssh(WHO, &[], &[COMMAND]);
    let person = site.technician("alice");
    terminal.expect("acces reserve, les sessions sont enregistrees");
    terminal.expect("Mot de passe / Password: ");
    terminal.type_line(&person.password);
    terminal.expect("Code unique / One-time code: ");
    terminal.type_line(&person.fresh_code());
    terminal.expect("votre session est enregistree");
    terminal.expect(r"Tapez OUI \(YES\) : ");
    terminal.type_line("OUI");
    terminal.expect(r"Motif \(lu par l'hopital\) : ");
    // What people write keeps its letters in the journal and loses them on the screen.
    terminal.type_line("disque plein à l'étage");
    terminal.expect("Ticket, ou - : ");
    terminal.type_line("CHG-1");
    terminal.expect("motif : disque plein a l'etage");
    let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Entree pour envoyer : ").remove(0);
    terminal.type_line("");
    terminal.expect("Ctrl-C abandonne");
    site.approve(1, &code);
    terminal.expect("ACCORDE jusqu'a");
    let by_the_bastion = terminal.shown().replace("disque plein à l'étage", "");
    assert!(by_the_bastion.is_ascii(), "{by_the_bastion}");
    finishes(&site, terminal, false);
    assert_eq!(site.entries("intervention-requested")[0]["reason"], "disque plein à l'étage");
}
