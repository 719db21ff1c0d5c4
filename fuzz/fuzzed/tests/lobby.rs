//! The lobby, fed with whatever a client answers, in whatever order: nobody is known without both factors,
//! and nobody is let in whom no approver let in (promises 1, 2 and 8; D1).
//!
//! Not libFuzzer's: each walk compares passwords, which is slow by design, and a refusal takes a second
//! and a half. So these run side by side, against a whole daemon in this process.

use fuzzed::draws::Draws;
use gateway::clock::{Clock, SystemClock};
use gateway::daemon::{Daemon, Options};
use gateway::factors::{code_at, new_totp};
use gateway::relay::gate::Gate;
use gateway::relay::pressure::ClientSide;
use gateway::site::{Site, technician_document};
use gateway::ssh::lobby::{Lobby, Login, Origin, Say};
use gateway::vault::PersonSecrets;
use lifecycle::{AccountId, Actor, Command, Identity};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Walks: each has an account of its own, so that no code is used twice but by the walk itself.
const WALKS: u8 = 48;
/// Answers a walk gives at most.
const ROUNDS: usize = 12;
/// No round takes longer: a refusal waits for its floor, and all compare their passwords two at a time.
const ROUND: Duration = Duration::from_secs(60);
const PASSWORD: &str = "quatre mots tout simples";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const HOST_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzaP7jT70e+Z1k0TYkwRbQ5Gkilzn8Fgfz5vSrf8g1B";

fn configuration(folder: &Path) -> std::path::PathBuf {
    // The port is the listener's; nobody connects to it here.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = format!(
        "[site]\nname = \"CHU\"\ntimezone = \"Europe/Paris\"\nstate = \"{}\"\n\n\
         [ssh]\nlisten = [\"127.0.0.1:{port}\"]\n\n\
         [calendars.always]\nholidays = \"none\"\nhours = [{{ days = \"mon-sun\", from = \"00:00\", to = \"24:00\" }}]\n\n\
         [groups.radiologie]\nname = \"Radiologie\"\n\n\
         [recordings]\nrecipients = [\"{RECIPIENT}\"]\n\n\
         [vendor.imagix]\nname = \"Imagix\"\ncontract = {{ reference = \"1\", from = \"2020-01-01\", until = \"2037-12-31\" }}\n\
         contact = {{ name = \"Support\", phone = \"+33 1 00 00 00 00\", email = \"support@imagix.example\" }}\n\
         sources = [\"127.0.0.0/8\"]\ncalendar = \"always\"\nfactors = [\"password\", \"totp\"]\n\n\
         [[vendor.imagix.allow]]\ntargets = [\"scanner\"]\nrights = [\"shell\"]\n\n\
         [target.scanner]\nname = \"IRM\"\naddress = \"127.0.0.1:9\"\nhost-key = \"{HOST_KEY}\"\naccount = \"root\"\napprovers = [\"radiologie\"]\n",
        folder.join("state").display(),
    );
    let path = folder.join("poterne.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn login(n: u8) -> String {
    format!("dora-{}", char::from(b'a' + n / 26).to_string() + &char::from(b'a' + n % 26).to_string())
}

async fn account(site: &Site, n: u8, hash: &str) -> String {
    let (account, totp) = (AccountId::from_random([n; 8]), new_totp().unwrap());
    let secrets = PersonSecrets { password: hash.to_owned(), totp: totp.clone() };
    site.vault.put(&technician_document(&account), 1, &secrets).unwrap();
    let identity =
        Identity::new("Dora Martin", &format!("{}@imagix.example", login(n)), &format!("06000000{n:02}")).unwrap();
    let command = Command::AddTechnician {
        account,
        technician: login(n).parse().unwrap(),
        vendor: "imagix".parse().unwrap(),
        identity,
        proofing: "seen".into(),
        keys: Vec::new(),
        secret: 1,
        by: Actor::Root(0),
    };
    site.registrar.command(command).await.unwrap().unwrap();
    totp
}

/// What one walk came to: whether it was known, and how many rooms it saw behind that.
async fn walk(site: Arc<Site>, clock: Arc<dyn Clock>, n: u8, totp: String, data: Vec<u8>) -> (bool, usize) {
    let mut draws = Draws::new(&data);
    let line = match draws.byte() % 8 {
        0 => format!("{}+ghost", login(n)),
        1 => "zoe+scanner".to_owned(),
        2 => String::from_utf8_lossy(draws.bytes(40)).into_owned(),
        3..=5 => format!("{}+scanner", login(n)),
        _ => login(n),
    };
    let mine = line.starts_with(&login(n)) && !line.contains("ghost");
    // Each from an address of its own: what one brings upon itself is not what is looked at here.
    let network = if draws.rarely(6) { "192.0.2" } else { "127.0.0" };
    let source: std::net::SocketAddr = format!("{network}.{}:4000", n + 1).parse().unwrap();
    let client = Arc::new(ClientSide::new(Arc::new(Gate::default()), 8));
    let mut lobby = Lobby::new(site, client, Login::parse(&line), Vec::new(), Origin { source, via: None });
    assert!(matches!(lobby.begin(), Say::Ask { .. }));
    let (mut password, mut code, mut seen) = (false, false, 0);
    for round in 0..ROUNDS {
        let right = code_at(&totp, clock.now()).unwrap();
        let answers: Vec<String> = match draws.byte() % 16 {
            0 => Vec::new(),
            1 => vec![String::new()],
            2 => vec!["x".repeat(5000), PASSWORD.to_owned()],
            3 => vec![String::from_utf8_lossy(draws.bytes(20)).into_owned()],
            4 => vec!["000000".to_owned()],
            5 => vec![right.clone(), PASSWORD.to_owned()],
            6 => vec![PASSWORD.to_owned(), right.clone()],
            _ => vec![[PASSWORD, &right, "oui", "1"].get(round).unwrap_or(&"disk").to_string(), "T-1".to_owned()],
        };
        let first = answers.first().cloned().unwrap_or_default();
        match round {
            0 => password = first == PASSWORD,
            1 => code = first == right,
            _ => {}
        }
        let was_known = lobby.is_known();
        let said = tokio::time::timeout(ROUND, lobby.answer(&answers)).await.expect("a round that never ends");
        match said {
            Say::Accept => panic!("{line}: let in, and nobody approved"),
            Say::Enrol(_) => panic!("{line}: enrolled, and nobody invited them"),
            Say::Refuse { reason, .. } => {
                assert!(reason.is_ascii());
                assert!(!lobby.is_known() || was_known, "refused, and taken for somebody known");
                // What was refused stays so, whatever is answered.
                assert!(matches!(lobby.answer(&answers).await, Say::Refuse { .. }));
                assert!(lobby.admitted().is_none());
                break;
            }
            Say::Ask { instructions, prompts } => {
                assert!(instructions.is_ascii() && prompts.iter().all(|(prompt, _)| prompt.is_ascii()));
                assert!(
                    !instructions.contains('\u{1b}') && prompts.iter().all(|(prompt, _)| !prompt.contains('\u{1b}'))
                );
                let inside = source.ip().is_loopback() && mine && password && code && round >= 1;
                assert!(!lobby.is_known() || inside, "{line}: known by {answers:?} in round {round}");
                assert!(lobby.is_known() || !was_known);
                seen += usize::from(lobby.is_known());
                if prompts.is_empty() && lobby.is_known() {
                    break; // It waits for the hospital, or was told goodbye.
                }
            }
        }
    }
    (seen > 0, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_known_without_both_factors_and_nobody_is_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let options = Options { config: configuration(folder.path()), confirm_clock: false, confined: None };
    let daemon = Daemon::start(&options, clock.clone()).await.unwrap();
    let site = daemon.site.clone();
    let hash = site.comparer.hash(PASSWORD.to_owned()).await.unwrap();
    let mut walks = Vec::new();
    for n in 0..WALKS {
        let totp = account(&site, n, &hash).await;
        // xorshift: any spread of bytes will do, but always the same.
        let mut state = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let byte = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        let data = (0..200).map(byte).collect();
        walks.push(tokio::spawn(walk(site.clone(), clock.clone(), n, totp, data)));
    }
    let (mut known, mut furthest) = (0, 0);
    for walk in walks {
        let (was, seen) = walk.await.unwrap();
        known += usize::from(was);
        furthest = furthest.max(seen);
    }
    // Else it would prove nothing.
    assert!(known > 3 && known < usize::from(WALKS) && furthest > 2, "{known} known, {furthest} rooms");
    let sessions = site.registrar.view(|core, _| core.register.sessions.len()).await.unwrap();
    assert_eq!(sessions, 0);
    daemon.stop("the test is over").await;
}
