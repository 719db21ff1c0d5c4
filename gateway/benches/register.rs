//! How long the register of a hospital's many years takes to open: `cargo bench -p gateway --bench register`.
//! Interventions as they end in a journal, written once, then opened, folded and verified. Beside it, in the
//! same run, what cannot be undercut: SHA-256 over the same files. Prints figures, judges nothing, and is not
//! run in CI. An argument gives the number of interventions (500 000).
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a measurement")]

use jiff::{SignedDuration, Timestamp};
use journal::{Disk, Entropy, Journal, MasterKey, OsDisk, Reader, SigningKey, check_log};
use lifecycle::{AccountId, EndCause, Event, InterventionNumber, RecordingState, Register, SessionEnd, SessionId};
use policy::{Approval, Per, Right, Supervision, Verified};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Entries that an intervention leaves here: asked, shown, granted, let in, over, over, sealed.
const EACH: u64 = 7;
/// Interventions a group commit.
const GROUP: u64 = 128;
/// A hospital that is asked every two minutes, day and night.
const APART: SignedDuration = SignedDuration::from_secs(120);

/// The machine's file system without its syncs: what is written here is thrown away.
struct Hasty;

impl Disk for Hasty {
    fn read(&mut self, path: &Path) -> std::io::Result<Option<Vec<u8>>> {
        OsDisk::default().read(path)
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        use std::io::Write as _;
        std::fs::OpenOptions::new().append(true).open(path)?.write_all(bytes)
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap())?;
        std::fs::write(path, bytes)
    }
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        self.replace(path, bytes)
    }
    fn remove(&mut self, path: &Path) -> std::io::Result<()> {
        OsDisk::default().remove(path)
    }
    fn list(&mut self, folder: &Path) -> std::io::Result<Vec<PathBuf>> {
        OsDisk::default().list(folder)
    }
}

fn entropy() -> Entropy {
    let mut state = 1u64;
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = state.to_be_bytes().first().copied().unwrap_or_default();
        }
    })
}

fn signer() -> SigningKey {
    SigningKey::new("poterne.test/journal", &[7; 32]).unwrap()
}

fn master() -> MasterKey {
    MasterKey::new([9; 32])
}

fn open(folder: &Path, disk: Box<dyn Disk>) -> Journal {
    Journal::open(folder, disk, signer(), master(), entropy()).unwrap().0
}

fn at(n: u64) -> Timestamp {
    let after = APART.checked_mul(i32::try_from(n).unwrap()).unwrap();
    "2020-01-01T00:00:00Z".parse::<Timestamp>().unwrap().checked_add(after).unwrap()
}

/// One intervention from its request to its sealed recording.
fn intervention(n: u64) -> Vec<Event> {
    let number = InterventionNumber(n + 1);
    let account = AccountId::from_random((n % 200).to_be_bytes());
    let session = SessionId::from_random(n.to_be_bytes());
    let technician: policy::TechnicianLogin = format!("technician{}", n % 200).parse().unwrap();
    let vendor: policy::VendorId = format!("vendor{}", n % 40).parse().unwrap();
    let target: policy::TargetId = format!("target{}", n % 300).parse().unwrap();
    let login: policy::TargetAccount = "maint".parse().unwrap();
    let staff: policy::StaffLogin = format!("staff{}", n % 30).parse().unwrap();
    let rights: policy::Rights = [Right::Shell, Right::Exec].into_iter().collect();
    let source = "203.0.113.7:51022".parse().unwrap();
    let begun = at(n);
    let until = begun.checked_add(SignedDuration::from_hours(2)).unwrap();
    let requested = Event::InterventionRequested {
        number,
        account: account.clone(),
        technician: technician.clone(),
        name: "Zoé Lemoine".into(),
        vendor: vendor.clone(),
        target: target.clone(),
        login: login.clone(),
        rights: rights.clone(),
        source,
        reason: "the cooling alarm comes back every morning".into(),
        ticket: format!("INC-{n}"),
        notice: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        quorum: 1,
        per: Per::Session,
        supervision: Supervision::Required,
        call_back: false,
        because: Vec::new(),
        config: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
    };
    let approval = Approval {
        by: staff.clone(),
        person: policy::Person::new("claire@chu.example", "+33 6 00 00 00 00"),
        groups: BTreeSet::from(["radiologie".parse().unwrap()]),
        at: begun,
        verified: Verified::Called,
        rights: None,
        until: None,
    };
    let admitted = Event::SessionAdmitted {
        session: session.clone(),
        number,
        account: account.clone(),
        target: target.clone(),
        login: login.clone(),
        rights,
        until,
        approved_by: vec![staff.clone()],
        recipients: vec!["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".into()],
        second_recipients: Vec::new(),
        config: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        joined_from: None,
    };
    let head = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned();
    let ended = Event::SessionEnded(SessionEnd {
        session: session.clone(),
        number,
        account,
        technician,
        name: "Zoé Lemoine".into(),
        vendor,
        source,
        target,
        login,
        started: begun,
        ended: begun,
        seconds: 0,
        at_least: false,
        cause: EndCause::Technician,
        approved_by: vec![staff.clone()],
        watched_by: vec![staff],
        bytes_in: 812,
        bytes_out: 90_211,
        refused: BTreeMap::new(),
        head: head.clone(),
        length: 123_456,
    });
    let sealed = Event::RecordingSealed {
        session,
        state: RecordingState::Whole,
        manifest: head.clone(),
        head,
        length: 123_456,
        missing: 0,
        files: 7,
        bytes: 45_678,
    };
    vec![
        requested,
        Event::InterventionSubmitted { number },
        Event::InterventionApproved { number, approval, code: "matched".into(), missing: 0 },
        admitted,
        ended,
        Event::InterventionEnded { number, cause: EndCause::Technician, seconds: 0 },
        sealed,
    ]
}

fn write(folder: &Path, interventions: u64) {
    let mut journal = open(folder, Box::new(Hasty));
    for first in (0..interventions).step_by(usize::try_from(GROUP).unwrap()) {
        let numbers = first..interventions.min(first + GROUP);
        let group: Vec<_> = numbers
            .flat_map(|n| intervention(n).into_iter().map(move |event| gateway::registrar::entry(at(n), &event)))
            .collect();
        journal.append(journal.size(), &group).unwrap();
    }
}

fn timed<T>(what: &str, entries: u64, bytes: u64, act: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = act();
    let took = begun.elapsed();
    #[allow(clippy::cast_precision_loss, reason = "figures for people")]
    let (rate, speed) = (entries as f64 / took.as_secs_f64(), bytes as f64 / (1 << 20) as f64 / took.as_secs_f64());
    println!("{what:<58} {:>8.2} s  {rate:>9.0} entries/s  {speed:>7.1} MB/s", took.as_secs_f64());
    (done, took)
}

fn main() {
    let interventions = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(500_000);
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("journal");
    let entries = interventions * EACH;
    write(&log, interventions);
    let files = OsDisk::default().list(&log).unwrap();
    let bytes = files.iter().map(|path| std::fs::metadata(log.join(path)).unwrap().len()).sum();
    println!("{interventions} interventions, {entries} entries, {} MB on the disk", bytes >> 20);
    let (_, floor) = timed("SHA-256 of all files, the peer", entries, bytes, || {
        files.iter().map(|path| Sha256::digest(std::fs::read(log.join(path)).unwrap())).fold(0, |n, one| n + one.len())
    });
    let (report, verified) = timed("poterne-verify log: every file, hash and signature", entries, bytes, || {
        check_log(&mut OsDisk::default(), &log, Some(&signer().verifier()), None)
    });
    assert!(report.findings.is_empty() && report.entries == entries);
    let (mut opened, opening) = timed("a start: the tree, each tile held against it", entries, bytes, || {
        open(&log, Box::new(OsDisk::default()))
    });
    let (register, folding) = timed("a start: bodies opened and folded into the register", entries, bytes, || {
        let mut register = Register::default();
        opened
            .for_each(0, |entry| {
                register.apply(entry.leaf.at, &Event::from_body(&entry.body.unwrap()).unwrap());
            })
            .unwrap();
        register
    });
    assert_eq!(register.interventions.len() as u64, interventions);
    let (mut reader, _) = timed("beside the daemon: a reader opened", entries, bytes, || {
        Reader::open(&log, master(), &signer().verifier()).unwrap()
    });
    let size = reader.size();
    let (_, proving) = timed("1000 entries spread over it, each with its proof", 1000, 0, || {
        for n in 0..1000 {
            let index = size / 1000 * n;
            reader.read(index, |_| ControlFlow::Break(())).unwrap();
            reader.inclusion(index, size).unwrap().unwrap();
        }
    });
    let ratio = |one: Duration| one.div_duration_f64(floor);
    println!(
        "beside the peer: verifying {:.1}×, a start {:.1}×; an entry with its proof {:.2} ms",
        ratio(verified),
        ratio(opening + folding),
        proving.as_secs_f64()
    );
}
