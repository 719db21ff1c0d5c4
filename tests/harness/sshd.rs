//! Debian's own `sshd` as a target, on loopback, as an ordinary process of the test.

use crate::{eventually, free_port};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `sshd` that one key opens.
pub struct Sshd {
    /// Its port.
    pub port: u16,
    /// Its host key, as an OpenSSH line.
    pub host_key: String,
    /// The file of the private key that opens it.
    pub key_file: std::path::PathBuf,
    child: Child,
}

fn keygen(file: &Path, kind: &str) {
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(file).status().expect("ssh-keygen");
    assert!(made.success());
}

impl Sshd {
    /// Starts one in this folder, with more lines of configuration.
    pub fn start(folder: &Path, more: &str) -> Sshd {
        Sshd::start_with(folder, more, "ed25519")
    }

    /// The same, with keys of this kind.
    pub fn start_with(folder: &Path, more: &str, kind: &str) -> Sshd {
        std::fs::create_dir_all(folder).expect("a folder");
        // Debian's sshd separates privileges into this folder and does not make it itself.
        let _ = std::fs::create_dir_all("/run/sshd");
        let (host, opens) = (folder.join("host"), folder.join("opens"));
        keygen(&host, kind);
        keygen(&opens, kind);
        std::fs::copy(opens.with_extension("pub"), folder.join("authorized_keys")).expect("authorized_keys");
        // Not the machine's own: what its shells read at their start is no part of the test.
        let home = folder.join("home");
        std::fs::create_dir_all(&home).expect("a home");
        let port = free_port();
        let config = folder.join("sshd_config");
        let text = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\nPidFile none\n\
             PermitRootLogin yes\nPasswordAuthentication no\nMaxStartups 200:30:400\nMaxSessions 100\nPrintMotd no\nPrintLastLog no\n\
             UseDNS no\nSubsystem sftp internal-sftp\nSetEnv HOME={}\n{more}\n",
            host.display(),
            folder.join("authorized_keys").display(),
            home.display(),
        );
        std::fs::write(&config, text).expect("sshd_config");
        let log = std::fs::File::create(folder.join("sshd.log")).expect("a log");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd: install openssh-server");
        eventually("sshd listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let host_key = std::fs::read_to_string(host.with_extension("pub")).expect("a public key");
        let host_key = host_key.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Sshd { port, host_key, key_file: opens, child }
    }

    /// The process id of the listener.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
