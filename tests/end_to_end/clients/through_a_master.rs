//! Programs that cannot answer prompts, over a connection that a person opened: the same intervention,
//! no question, and what they move is listed as anybody's.

use crate::files::{Transfers, sha256};
use harness::SiteOptions;
use std::path::Path;
use std::process::{Command, Output};

const HOST: &str = "alice+scanner@127.0.0.1";

fn opened(rights: &[&'static str]) -> Transfers {
    Transfers::with(SiteOptions { rights: rights.to_vec(), ..SiteOptions::default() })
}

/// OpenSSH over the master, as one line for another program.
fn ssh(all: &Transfers) -> String {
    let control = all.file("ctl-alice");
    format!("ssh {} -oBatchMode=yes -S {}", all.site.ssh_options().join(" "), control.display())
}

/// Another program, away from its owner's settings, with a minute to end by itself.
fn run(all: &Transfers, program: &str, args: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", program]).args(args).current_dir(all.site.folder()).env("HOME", all.site.folder());
    command.env("LC_ALL", "C.UTF-8").env("GIT_SSH_COMMAND", ssh(all)).env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.output().unwrap()
}

fn fine(out: &Output) {
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{said}");
}

/// The directions in which a file of this content passed, whole.
fn passed(all: &Transfers, digest: &str) -> Vec<String> {
    let moved = all.site.entries("file-moved");
    let these = moved.iter().filter(|one| one["sha256"] == digest && one["result"] == "done");
    these.map(|one| one["direction"].as_str().unwrap().to_owned()).collect()
}

fn same(one: &Path, other: &Path) {
    assert_eq!(sha256(one), sha256(other), "{}", other.display());
}

#[test]
fn lftp() {
    let all = opened(&["sftp-read", "sftp-write"]);
    let up = all.made("up", &vec![1; 300_007]);
    std::fs::create_dir(all.file("tree")).unwrap();
    all.made("tree/leaf", b"leaf");
    let script = format!(
        "set cmd:fail-exit yes; set sftp:connect-program '{} -a -x'; open -u alice+scanner, -p {} sftp://127.0.0.1; \
         put {} -o {there}; get {there} -o {down}; mirror -R {tree} {mirrored}; ls {folder}; bye",
        ssh(&all),
        all.site.port,
        up.display(),
        there = all.file("there").display(),
        down = all.file("down").display(),
        tree = all.file("tree").display(),
        mirrored = all.file("mirrored").display(),
        folder = all.site.folder().display(),
    );
    fine(&run(&all, "lftp", &["-c", &script]));
    same(&up, &all.file("there"));
    same(&up, &all.file("down"));
    same(&all.file("tree/leaf"), &all.file("mirrored/leaf"));
    assert_eq!(passed(&all, &sha256(&up)), ["to-target", "from-target"]);
}

/// Its stream is not taken apart: the channel is journalled, and no file is listed.
#[test]
fn rsync() {
    let all = opened(&["scp-read", "scp-write"]);
    let up = all.made("up", &vec![2; 300_007]);
    let there = format!("{HOST}:{}", all.file("there").display());
    fine(&run(&all, "rsync", &["-t", "-e", &ssh(&all), &up.display().to_string(), &there]));
    fine(&run(&all, "rsync", &["-t", "-e", &ssh(&all), &there, &all.file("down").display().to_string()]));
    same(&up, &all.file("there"));
    same(&up, &all.file("down"));
    assert!(all.site.entries("file-moved").is_empty());
    assert_eq!(all.site.entries("channel-opened").len(), 2);
}

#[test]
fn git() {
    let all = opened(&["exec"]);
    let there = all.file("there.git").display().to_string();
    let url = format!("ssh://{HOST}:{}{there}", all.site.port);
    fine(&run(&all, "git", &["init", "-q", "--bare", &there]));
    fine(&run(&all, "git", &["init", "-q", "work"]));
    all.made("work/file", b"content");
    fine(&run(&all, "git", &["-C", "work", "add", "file"]));
    let commit = ["-C", "work", "-c", "user.name=T", "-c", "user.email=t@imagix.example", "commit", "-q", "-m", "one"];
    fine(&run(&all, "git", &commit));
    fine(&run(&all, "git", &["-C", "work", "push", "-q", &url, "HEAD:refs/heads/main"]));
    fine(&run(&all, "git", &["clone", "-q", "-b", "main", &url, "cloned"]));
    same(&all.file("work/file"), &all.file("cloned/file"));
    let opened = all.site.entries("channel-opened");
    let commands: Vec<_> = opened.iter().filter_map(|one| one["what"]["exec"]["command"].as_str()).collect();
    assert!(commands.len() == 2 && commands[0].starts_with("git-receive-pack"), "{commands:?}");
}

/// Its own folder on the target is named: left alone it makes one called `~alice+scanner`.
#[test]
fn ansible() {
    let all = opened(&["exec", "sftp-read", "sftp-write"]);
    let up = all.made("up", &vec![3; 300_007]);
    let set = [
        "ansible_host=127.0.0.1".to_owned(),
        format!("ansible_port={}", all.site.port),
        "ansible_user=alice+scanner".to_owned(),
        format!("ansible_ssh_common_args='-F none -oControlPath={}'", all.file("ctl-alice").display()),
        format!("ansible_remote_tmp={}", all.file("tmp").display()),
        "ansible_python_interpreter=/usr/bin/python3".to_owned(),
    ];
    let (module, inventory) = (
        format!("src={} dest={}", up.display(), all.file("there").display()),
        all.made("inventory", format!("scanner {}\n", set.join(" ")).as_bytes()).display().to_string(),
    );
    let out = run(&all, "ansible", &["all", "-i", &inventory, "-m", "copy", "-a", &module]);
    fine(&out);
    assert!(String::from_utf8_lossy(&out.stdout).contains("scanner | CHANGED"));
    same(&up, &all.file("there"));
    assert_eq!(passed(&all, &sha256(&up)), ["to-target"]);
}
