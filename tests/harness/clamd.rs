//! Debian's own `clamd` as the scanner, as an ordinary process of the test: a socket of its own, and a
//! database of one signature, so that nothing has to be fetched.

use crate::eventually;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What `clamd` calls the file of [`eicar`].
pub const SIGNATURE: &str = "Poterne-Eicar-Test.UNOFFICIAL";

/// The file that every scanner recognises and that harms nobody (eicar.org). Put together here, so that no
/// scanner takes this repository for one.
pub fn eicar() -> Vec<u8> {
    let [first, second] = [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"];
    [first, second].concat().into_bytes()
}

/// A running `clamd`.
pub struct Clamd {
    folder: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
    child: Option<Child>,
}

impl Clamd {
    /// Starts one in this folder, set as `docs/operations/scan-files.md` says.
    pub fn start(folder: &Path) -> Clamd {
        Self::with(folder, "AlertExceedsMax yes\n")
    }

    /// Starts one with these lines of configuration.
    pub fn with(folder: &Path, more: &str) -> Clamd {
        let database = folder.join("database");
        std::fs::create_dir_all(&database).expect("a folder");
        // An extended signature: name, any type of file, any place, these bytes.
        let name = SIGNATURE.trim_end_matches(".UNOFFICIAL");
        let signature = format!("{name}:0:*:{}\n", data_encoding::HEXLOWER.encode(&eicar()));
        std::fs::write(database.join("poterne.ndb"), signature).expect("a signature");
        let socket = folder.join("clamd.ctl");
        let config = format!(
            "Foreground yes\nLocalSocket {}\nLocalSocketMode 600\nDatabaseDirectory {}\nTemporaryDirectory {}\n{more}",
            socket.display(),
            database.display(),
            folder.display(),
        );
        std::fs::write(folder.join("clamd.conf"), config).expect("clamd.conf");
        let mut clamd = Clamd { folder: folder.to_owned(), socket, child: None };
        clamd.restart();
        clamd
    }

    /// Starts it again, or another time.
    pub fn restart(&mut self) {
        self.stop();
        let log = std::fs::File::create(self.folder.join("clamd.log")).expect("a log");
        let child = Command::new("/usr/sbin/clamd")
            .arg("--config-file")
            .arg(self.folder.join("clamd.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("clamd: install clamav-daemon");
        self.child = Some(child);
        eventually("clamd answers", || self.answers());
    }

    /// Ends it, as a crash would: its socket stays.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Holds it: it takes connections and answers none.
    pub fn hold(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn let_go(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// The lines of the bastion's configuration that name it.
    pub fn section(&self) -> String {
        format!("[clamav]\nsocket = \"{}\"\n\n", self.socket.display())
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.as_ref().expect("it runs").id();
        let id = rustix::process::Pid::from_raw(i32::try_from(id).expect("a process id")).expect("a process id");
        rustix::process::kill_process(id, signal).expect("a signal");
    }

    fn answers(&self) -> bool {
        let ping = || -> std::io::Result<Vec<u8>> {
            let mut socket = UnixStream::connect(&self.socket)?;
            socket.write_all(b"zPING\0")?;
            let mut answer = Vec::new();
            socket.read_to_end(&mut answer)?;
            Ok(answer)
        };
        ping().is_ok_and(|answer| answer == b"PONG\0")
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.stop();
    }
}
