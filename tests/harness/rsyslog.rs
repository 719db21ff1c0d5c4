//! Debian's own `rsyslogd` as receiver of the journal, as an ordinary process of the test: a folder and a
//! port on loopback of its own, TLS with certificates that the test makes, every message in one file.

use crate::free_port;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::{Pid, Signal, kill_process};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Makes an authority and what it signs for 127.0.0.1: `NAME-ca.pem`, `NAME.pem`, `NAME.key` in this
/// folder; and, for whoever connects, `NAME-client.pem` and `NAME-client.key`.
pub fn certificates(folder: &Path, name: &str) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).expect("parameters");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, format!("{name} authority"));
    let key = KeyPair::generate().expect("a key");
    let certificate = authority.self_signed(&key).expect("a certificate");
    std::fs::write(folder.join(format!("{name}-ca.pem")), certificate.pem()).expect("a file");
    let issuer = Issuer::new(authority, key);
    for (file, names) in [(name.to_owned(), vec!["127.0.0.1"]), (format!("{name}-client"), vec!["poterne.example"])] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut leaf = CertificateParams::new(names).expect("parameters");
        leaf.distinguished_name.push(DnType::CommonName, file.clone());
        let key = KeyPair::generate().expect("a key");
        let certificate = leaf.signed_by(&key, &issuer).expect("a certificate");
        std::fs::write(folder.join(format!("{file}.pem")), certificate.pem()).expect("a file");
        let path = folder.join(format!("{file}.key"));
        std::fs::write(&path, key.serialize_pem()).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }
}

/// A receiver, running or not.
pub struct Rsyslog {
    folder: PathBuf,
    /// Where it listens.
    pub port: u16,
    child: Option<Child>,
}

impl Rsyslog {
    /// Sets one up in this folder, with the certificates of this name in `certificates`; it asks for a
    /// client's if `strict`. As `docs/operations/siem.md` has it.
    pub fn new(folder: PathBuf, certificates: &Path, name: &str, strict: bool) -> Rsyslog {
        std::fs::create_dir_all(folder.join("spool")).expect("a folder");
        let port = free_port();
        let file = |end: &str| certificates.join(format!("{name}{end}")).display().to_string();
        let text = format!(
            "global(\n  workDirectory=\"{0}/spool\"\n  maxMessageSize=\"8k\"\n  \
             defaultNetstreamDriver=\"gtls\"\n  defaultNetstreamDriverCAFile=\"{1}\"\n  \
             defaultNetstreamDriverCertFile=\"{2}\"\n  defaultNetstreamDriverKeyFile=\"{3}\"\n)\n\
             module(load=\"imtcp\" streamDriver.name=\"gtls\" streamDriver.mode=\"1\" streamDriver.authMode=\"{4}\")\n\
             main_queue(queue.type=\"Direct\")\n\
             template(name=\"whole\" type=\"string\" string=\"%rawmsg%\\n\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             action(type=\"omfile\" file=\"{0}/received\" template=\"whole\")\n",
            folder.display(),
            file("-ca.pem"),
            file(".pem"),
            file(".key"),
            if strict { "x509/certvalid" } else { "anon" },
        );
        std::fs::write(folder.join("rsyslog.conf"), text).expect("a configuration");
        Rsyslog { folder, port, child: None }
    }

    /// Starts it, and waits until it listens.
    pub fn start(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).expect("a log");
        let child = Command::new("/usr/sbin/rsyslogd")
            .arg("-n")
            .arg("-f")
            .arg(self.folder.join("rsyslog.conf"))
            .arg("-i")
            .arg(self.folder.join("pid"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("rsyslogd: install rsyslog and rsyslog-gnutls");
        self.child = Some(child);
        crate::eventually("rsyslogd listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Kills it in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut child) = self.child.take() else { return };
        let id = Pid::from_raw(child.id().cast_signed()).expect("a pid");
        kill_process(id, signal).expect("a signal");
        child.wait().expect("a child");
        let _ = std::fs::remove_file(self.folder.join("pid"));
    }

    /// Whole messages that came, in order.
    pub fn received(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join("received")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// The sequence numbers of the entries that came, in order; signs of life have none. A message that
    /// was cut off by a kill stands in one line with the next.
    pub fn numbers(&self) -> Vec<u64> {
        let text = std::fs::read_to_string(self.folder.join("received")).unwrap_or_default();
        let pieces = text.split("[poterne@32473 seq=\"").skip(1);
        pieces.filter_map(|piece| piece.split_once("\" origin=")?.0.parse().ok()).collect()
    }
}

impl Drop for Rsyslog {
    fn drop(&mut self) {
        self.kill();
    }
}
