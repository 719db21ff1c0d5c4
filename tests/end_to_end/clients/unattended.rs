//! D10: programs that cannot answer prompts are refused. They end by themselves and say so, and where
//! they show what the bastion sends before it asks, it says where help is.

use super::{WHO, fingerprint, in_python};
use harness::{Site, Terminal};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const HELP: &str = "Help, and access for scripts: https://chu.example/aide";
/// A refusal takes no longer than this, on a busy machine.
const SOON: Duration = Duration::from_secs(20);

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr)).replace('\r', "")
}

/// Runs a line of the shell without a terminal; it must fail, soon.
fn fails(site: &Site, line: &str) -> (Option<i32>, String) {
    let began = Instant::now();
    let mut command = Command::new("setsid");
    command.args(["-w", "timeout", "60", "sh", "-c", line]).stdin(Stdio::null());
    let out = command.env("HOME", site.folder()).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(began.elapsed() < SOON, "{line}: {:?}: {}", began.elapsed(), said(&out));
    assert!(!out.status.success(), "{line}: {}", said(&out));
    (out.status.code(), said(&out))
}

/// So often somebody was judged and refused; nothing was asked for, and nobody came in.
fn only_refused(site: &Site, times: std::ops::RangeInclusive<usize>) {
    let refused = site.entries("factors-refused").len();
    assert!(times.contains(&refused), "{refused}");
    assert!(site.entries("session-admitted").is_empty());
    assert_eq!(site.json(&["intervention", "list", "--all"]).as_array().map(Vec::len), Some(0));
}

#[test]
fn programs_that_cannot_answer_are_refused_with_the_help() {
    let site = Site::start();
    site.await_open();
    let mut ssh = Command::new("ssh");
    ssh.args(site.ssh_options()).args(["-oBatchMode=yes", "alice+scanner@127.0.0.1", "true"]);
    let out = ssh.stdin(Stdio::null()).output().unwrap();
    assert_eq!(out.status.code(), Some(255));
    assert!(said(&out).contains(HELP), "{}", said(&out));
    assert!(said(&out).contains("Permission denied (publickey,keyboard-interactive)"), "{}", said(&out));

    let mut terminal = in_python(&site, "paramiko_client.py", &[WHO, "true", &site.technician("alice").password]);
    // It says what is offered; its own attempt at a fallback reaches nobody.
    terminal.expect(r"allowed types: \['publickey', 'keyboard-interactive'\]");
    assert_eq!(terminal.wait().code(), Some(5));
    only_refused(&site, 0..=0);
}

/// They end at once, with a status of their own; git and Ansible show the help.
#[test]
fn tools_alone_end_by_themselves() {
    let site = Site::start();
    site.await_open();
    let (port, password) = (site.port, site.technician("alice").password.clone());
    let ssh = format!("ssh {} -oBatchMode=yes", site.ssh_options().join(" "));

    // Debian's libssh2 knows no MAC that stands around the cipher text, and goes before it says anything: with
    // `ssh.legacy-clients` it would give the password to whatever is asked, and be judged.
    let (code, said) = fails(&site, &format!("curl -sSk -u '{WHO}:{password}' sftp://127.0.0.1:{port}/etc/hostname"));
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("Unable to exchange encryption keys"), "{said}");

    let git = format!("GIT_SSH_COMMAND='{ssh}' git ls-remote ssh://{WHO}@127.0.0.1:{port}/srv/x.git");
    let (code, said) = fails(&site, &git);
    assert!(code == Some(128) && said.contains(HELP), "{said}");

    let set = format!("ansible_host=127.0.0.1 ansible_port={port} ansible_user={WHO}");
    let set =
        format!("{set} ansible_ssh_common_args='-F none -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null'");
    let inventory = site.folder().join("inventory");
    std::fs::write(&inventory, format!("scanner {set}\n")).unwrap();
    let (code, said) = fails(&site, &format!("ansible all -i {} -m ping", inventory.display()));
    assert!(code == Some(4) && said.contains("UNREACHABLE") && said.contains(HELP), "{said}");

    let print = fingerprint(&site);
    let (code, said) =
        fails(&site, &format!("plink -batch -P {port} -hostkey {print} -pw '{password}' {WHO}@127.0.0.1 true"));
    assert!(code == Some(1) && said.contains("Cannot answer interactive prompts in batch mode"), "{said}");
    only_refused(&site, 0..=0);

    // It gives the password at the first prompt. When it gives up, its `ssh` loses the terminal and sends an
    // empty code, which is judged a moment later.
    let way = format!("ssh -a -x {}", site.ssh_options().join(" "));
    let settings = format!("set net:max-retries 1; set net:timeout 3; set sftp:connect-program \"{way}\"");
    let open = format!("open -u {WHO},{password} -p {port} sftp://127.0.0.1");
    let (code, said) = fails(&site, &format!("lftp -c '{settings}; {open}; ls'"));
    assert_eq!(code, Some(1), "{said}");

    only_refused(&site, 0..=1);
}

/// sshpass answers the first prompt, and `ssh` then waits at the second for somebody who is not there,
/// for good: no end of the connection is noticed meanwhile. The help stands above it.
#[test]
fn sshpass_gets_no_further_than_the_second_prompt() {
    let site = Site::start();
    site.await_open();
    let password = site.technician("alice").password.clone();
    let mut line = vec!["-p".to_owned(), password, "ssh".to_owned()];
    line.extend(site.ssh_options());
    line.extend([format!("{WHO}@127.0.0.1"), "true".to_owned()]);
    let mut terminal = Terminal::start("sshpass", &line);
    terminal.expect(HELP);
    assert!(terminal.expect_within("REFUSED|APPROVED", Duration::from_secs(3)).is_err());
    terminal.kill();
    only_refused(&site, 0..=0);
}
