//! A whole hospital in a folder: the real program, a real `sshd` as target, real clients in real
//! terminals. Everything is on loopback and goes away with the value that holds it.

pub mod clamd;
pub mod people;
pub mod rsyslog;
pub mod site;
pub mod sshd;
pub mod terminal;

pub use clamd::Clamd;
pub use people::Person;
pub use site::{Answers, Site, SiteOptions};
pub use sshd::Sshd;
pub use terminal::Terminal;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Long enough for anything on a busy machine of two cores; nothing waits for it when all is well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something holds. For what has no event to wait for; looks 20 times a second.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never came: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Whether any client still holds an established connection to this port of the loopback: state 01 of
/// proc_net_tcp(5).
pub fn is_connected(port: u16) -> bool {
    let to = format!(" 0100007F:{port:04X} 01 ");
    std::fs::read_to_string("/proc/net/tcp").expect("proc_net_tcp(5)").contains(&to)
}

/// A program of this package, built beside the test.
pub fn program(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join(name)
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
