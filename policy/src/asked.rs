//! What a channel asks for, and which rights it takes (NET-04, NET-14).
//!
//! A right to run commands is no way round a missing right to move files: the server halves of scp,
//! sftp and rsync are recognised by what they are, wherever they stand in a command line. In doubt
//! more rights are needed rather than fewer. A free shell, or a script that builds the command, can
//! of course still move bytes; that is why those rights are shown as such.

use crate::right::{CommandLine, Right, Rights};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the technician to the target.
    ToTarget,
    /// From the target to the technician.
    FromTarget,
}

/// What a channel asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// An interactive shell.
    Shell,
    /// A command line, byte for byte.
    Command(Vec<u8>),
    /// The sftp subsystem.
    Sftp,
    /// The server half of scp and nothing else.
    Scp(Direction),
    /// The server half of rsync and nothing else.
    Rsync(Direction),
    /// A tunnel to an address.
    Forward(SocketAddr),
    /// A tunnel to the bastion's own inner SSH server, whose channels ask for themselves (ProxyJump).
    Jump,
}

impl Asked {
    /// What a command line is.
    ///
    /// A line is a transfer and nothing else only if a shell could make nothing else of it; all other
    /// lines are commands, which need the rights of the transfers in them besides.
    pub fn by_command(line: &[u8]) -> Asked {
        let words: Option<Vec<&str>> = std::str::from_utf8(line).ok().and_then(plain_words);
        match words.as_deref() {
            Some([program, options @ ..]) if is_the_systems_own(program) => match base(program) {
                "scp" => scp(options).map(Asked::Scp),
                "rsync" => rsync(options).map(Asked::Rsync),
                "sftp-server" if options.is_empty() => Some(Asked::Sftp),
                _ => None,
            },
            _ => None,
        }
        .unwrap_or_else(|| Asked::Command(line.to_vec()))
    }

    /// Whether these rights allow it; if not, a right that is missing.
    pub fn allowed_by(&self, rights: &Rights) -> Result<(), Right> {
        let has = |right: Right| if rights.contains(&right) { Ok(()) } else { Err(right) };
        match self {
            Asked::Shell => has(Right::Shell),
            Asked::Command(line) => {
                transfers_in(line).into_iter().try_for_each(has)?;
                let named = std::str::from_utf8(line).ok().and_then(|line| line.parse::<CommandLine>().ok());
                match named.map(Right::Command).filter(|named| rights.contains(named)) {
                    Some(_) => Ok(()),
                    None => has(Right::Exec),
                }
            }
            // Looking around takes either; what is done with files is judged request by request.
            Asked::Sftp => has(Right::SftpRead).or_else(|missing| has(Right::SftpWrite).map_err(|_| missing)),
            Asked::Scp(Direction::FromTarget) | Asked::Rsync(Direction::FromTarget) => has(Right::ScpRead),
            Asked::Scp(Direction::ToTarget) | Asked::Rsync(Direction::ToTarget) => has(Right::ScpWrite),
            Asked::Forward(to) => has(Right::Forward(*to)),
            Asked::Jump => Ok(()),
        }
    }
}

impl Asked {
    /// Which of these rights it rests on, once they allowed it: when one of them ends, it ends.
    pub fn rests_on(&self, granted: &Rights) -> Rights {
        let used = |right: &&Right| match (self, right) {
            (Asked::Sftp, Right::SftpRead | Right::SftpWrite) => true,
            (Asked::Jump, _) => false,
            (Asked::Command(line), Right::Command(named)) => named.as_str().as_bytes() == line,
            (Asked::Command(line), right) => **right == Right::Exec || transfers_in(line).contains(right),
            // The rest rests on one right: that without which it is not allowed.
            (_, right) => self.allowed_by(&granted.iter().filter(|one| one != right).cloned().collect()).is_err(),
        };
        granted.iter().filter(used).cloned().collect()
    }
}

/// The words of a line of which a shell makes just these words: no quotes, substitutions, redirections,
/// assignments or second commands. Patterns (`*`, `?`, `[…]`) and `~` may stand there: they name files.
fn plain_words(line: &str) -> Option<Vec<&str>> {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || "/._-~*?[]@%+=:, ".contains(c) || (!c.is_ascii() && !c.is_control());
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let assigns = words.first().is_some_and(|word| word.contains('='));
    (line.chars().all(plain) && !assigns).then_some(words)
}

fn base(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Whether a program is named as those that come with a system are: by its name alone, or in a folder
/// of the system's. Anybody who may send a file can call one `scp` and put it anywhere else, so that to
/// run that one is to run a command.
fn is_the_systems_own(program: &str) -> bool {
    // Not all of `/usr`: some systems have their homes there.
    const FOLDERS: [&str; 8] = [
        "/bin/",
        "/lib/",
        "/usr/bin/",
        "/usr/lib/",
        "/usr/lib64/",
        "/usr/libexec/",
        "/usr/local/bin/",
        "/usr/local/libexec/",
    ];
    let pattern = |c: char| "*?[]~".contains(c);
    let climbs = program.split('/').any(|part| part == "..");
    let named = !program.contains('/') || FOLDERS.iter().any(|folder| program.starts_with(folder));
    named && !climbs && !program.contains(pattern)
}

/// Whether a path is an option to the program, or may become one: the target's shell puts names of files in the
/// place of a pattern, and whoever may send a file may call it `--sender`. `./*` cannot.
fn may_be_option(path: &str) -> bool {
    path.starts_with(['-', '*', '?', '['])
}

/// Options of scp's server half that take nothing and change nothing that matters.
fn scp(words: &[&str]) -> Option<Direction> {
    let mut direction = None;
    let mut words = words.iter();
    for word in words.by_ref() {
        if *word == "--" {
            break;
        }
        let Some(options) = word.strip_prefix('-') else {
            // The first path: one for a server half, and options behind it would still count.
            return (!may_be_option(word) && !words.any(|word| may_be_option(word))).then_some(direction).flatten();
        };
        for option in options.chars() {
            let seen = match option {
                't' => Direction::ToTarget,
                'f' => Direction::FromTarget,
                'r' | 'p' | 'q' | 'v' | 'd' => continue,
                _ => return None,
            };
            if direction.replace(seen).is_some_and(|before| before != seen) {
                return None;
            }
        }
    }
    direction
}

/// rsync's server half with options that only say how files are compared and written.
fn rsync(words: &[&str]) -> Option<Direction> {
    const HARMLESS: [&str; 13] = [
        "--server",
        "--sender",
        "--partial",
        "--inplace",
        "--delete",
        "--delete-before",
        "--delete-during",
        "--delete-after",
        "--delete-excluded",
        "--numeric-ids",
        "--existing",
        "--ignore-existing",
        "--append",
    ];
    let options: Vec<&&str> = words.iter().take_while(|word| word.starts_with('-')).collect();
    let paths = words.get(options.len()..).unwrap_or_default();
    let known = options.iter().all(|word| rsync_letters(word) || HARMLESS.contains(word) || harmless_value(word));
    let whole = options.contains(&&"--server") && !paths.iter().any(|word| may_be_option(word));
    let direction = if options.contains(&&"--sender") { Direction::FromTarget } else { Direction::ToTarget };
    (known && whole).then_some(direction)
}

/// The letters that an rsync client gives its server half (rsync's `options.c`, `server_options`), and
/// behind `e` what it can do. Not `s`: the server half then takes its true options from its input,
/// where nobody sees them.
fn rsync_letters(word: &str) -> bool {
    const LETTERS: &str = "vubnldKmOJyLkWHgoDUtANXrcCRxSpEIzi";
    let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) else { return false };
    let (letters, abilities) = letters.split_once('e').unwrap_or((letters, "."));
    letters.chars().all(|letter| LETTERS.contains(letter))
        && !abilities.is_empty()
        && abilities.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
}

/// Whether rsync's server half is told to take its options from its input: `-s`, and not behind `e`.
fn rsync_hides_options(word: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    let before_abilities = |letters: &str| letters.split('e').next().unwrap_or_default().contains('s');
    letters.is_some_and(before_abilities) || ["--secluded-args", "--protect-args"].contains(&word)
}

fn harmless_value(word: &str) -> bool {
    ["--bwlimit=", "--timeout=", "--max-size=", "--min-size=", "--compress-level="]
        .iter()
        .any(|option| word.strip_prefix(option).is_some_and(|value| value.bytes().all(|b| b.is_ascii_alphanumeric())))
}

/// The rights of the file transfers that a command line has in it, wherever they stand.
pub fn transfers_in(command: &[u8]) -> Vec<Right> {
    let text = String::from_utf8_lossy(command);
    // A shell joins `s'c'p` into one word, and a line that ends in `\` with the next; it takes `'scp -t'`
    // apart, and `{scp,-t}`: all readings count.
    let joined = text.replace("\\\n", "").replace(['\'', '"', '\\'], "");
    let (mut sftp, mut read, mut write) = (false, false, false);
    for reading in [text.as_ref(), joined.as_str()] {
        let words: Vec<&str> = reading
            .split(|c: char| c.is_whitespace() || ";|&()`'\"$\\{}<>,".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        for (position, word) in words.iter().enumerate() {
            // Options of scp take words of their own (`-l 100 -t`), so all that follow are looked at.
            let options = || words.iter().skip(position + 1).filter(|word| word.starts_with('-'));
            let short = |wanted: char| options().any(|option| !option.starts_with("--") && option.contains(wanted));
            let long = |wanted: &str| options().any(|option| *option == wanted);
            match base(word) {
                "sftp-server" | "internal-sftp" => sftp = true,
                "scp" => (read, write) = (read || short('f'), write || short('t')),
                "rsync" if long("--server") => {
                    let hides = options().any(|option| rsync_hides_options(option));
                    (read, write) = (read || hides || long("--sender"), write || hides || !long("--sender"));
                }
                _ => {}
            }
        }
    }
    let found = [(sftp, Right::SftpRead), (sftp, Right::SftpWrite), (read, Right::ScpRead), (write, Right::ScpWrite)];
    found.into_iter().filter(|(found, _)| *found).map(|(_, right)| right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: [Right; 1] = [Right::ScpRead];
    const WRITE: [Right; 1] = [Right::ScpWrite];

    /// linagora/open-bastion#287: a transfer hidden in a longer command line.
    #[test]
    fn transfers_are_recognised_by_what_they_are() {
        assert_eq!(transfers_in(b"scp -t /tmp"), WRITE);
        assert_eq!(transfers_in(b"scp -v -p -t -- x"), WRITE);
        assert_eq!(transfers_in(b"/usr/bin/scp -qrt x"), WRITE);
        assert_eq!(transfers_in(b"scp -t x; bash"), WRITE);
        assert_eq!(transfers_in(b"true && scp -f /etc/passwd"), READ);
        assert_eq!(transfers_in(b"sh -c 'scp -f x'"), READ);
        assert_eq!(transfers_in(b"rsync --server -vlogDtpre.iLsfxC . /tmp"), WRITE);
        assert_eq!(transfers_in(b"rsync --server --sender -r . /tmp"), READ);
        assert_eq!(transfers_in(b"/usr/lib/openssh/sftp-server").len(), 2);
        assert!(transfers_in(b"ls -t").is_empty());
        assert!(transfers_in(b"scp a b:c").is_empty());
        assert!(transfers_in(b"cat scp.txt").is_empty());
    }

    /// Each of these once needed fewer rights than it uses, or none.
    #[test]
    fn no_option_order_or_quoting_hides_a_transfer() {
        let both = [Right::ScpRead, Right::ScpWrite];
        // An option with a word of its own before the one that counts.
        assert_eq!(transfers_in(b"scp -l 100 -t /tmp"), WRITE);
        // scp sends when it finds both.
        assert_eq!(transfers_in(b"scp -tf /etc/passwd"), both);
        assert_eq!(transfers_in(b"scp -t /tmp; scp -f /etc/passwd"), both);
        assert_eq!(transfers_in(b"\\scp -t x"), WRITE);
        assert_eq!(transfers_in(b"s'c'p -t x"), WRITE);
        assert_eq!(transfers_in(b"sh -c\"scp -t x\""), WRITE);
        assert_eq!(transfers_in(b"sftp-server; scp -f x").len(), 3);
        // One word over two lines, and two words out of one.
        assert_eq!(transfers_in(b"sc\\\np -\\\nt x"), WRITE);
        assert_eq!(transfers_in(b"{scp,-t,/tmp}"), WRITE);
        // Which way it goes is said where nobody sees it.
        assert_eq!(transfers_in(b"rsync --server -s . x"), both);
        assert_eq!(transfers_in(b"rsync --server -vlogDtprse.iLsfxCIvu . x"), both);
        assert_eq!(transfers_in(b"rsync --server --protect-args . x"), both);
        assert_eq!(transfers_in(b"rsync --server -re.iLsfxC . x"), WRITE);
    }

    /// NET-14: a transfer and nothing else needs its own right; whatever else a shell could make of the
    /// line is a command.
    #[test]
    fn only_a_line_that_is_nothing_else_is_a_transfer() {
        let scp = |line: &str| Asked::by_command(line.as_bytes());
        for line in ["scp -t /tmp", "scp -v -r -p -d -t -- dossier/é.bin", "/usr/bin/scp -qrpt x", "scp -t ~/x"] {
            assert_eq!(scp(line), Asked::Scp(Direction::ToTarget), "{line}");
        }
        assert_eq!(scp("scp -f /var/log/*.log"), Asked::Scp(Direction::FromTarget));
        assert_eq!(scp("rsync --server -vlogDtpre.iLsfxCIvu . /tmp/x"), Asked::Rsync(Direction::ToTarget));
        assert_eq!(scp("rsync --server --sender -r . /tmp"), Asked::Rsync(Direction::FromTarget));
        assert_eq!(scp("/usr/lib/openssh/sftp-server"), Asked::Sftp);
        for line in [
            "scp -t x; bash",
            "scp -t x\nbash",
            "scp -t `id`",
            "scp -t $(id)",
            "scp -t 'x'",
            "scp -t x > y",
            "scp -t x &",
            "scp -S sh -t x",
            "scp -o ProxyCommand=x -t y",
            "scp -tf x",
            "A=1 scp -t x",
            "scp",
            "scp x y",
            "scp -t x -f y",
            "rsync --server --rsh=sh . x",
            "rsync --server --log-file=/etc/x . x",
            "rsync --daemon",
            "sftp-server -R",
            "PATH=/tmp:/bin scp -t x",
            // Programs that somebody sent before, under a name that sounds harmless.
            "/tmp/scp -t x",
            "./scp -t x",
            "~/scp -t x",
            "bin/scp -t x",
            "/usr/../tmp/scp -t x",
            "/usr/lib/*/scp -t x",
            "/usr/home/alice/scp -t x",
            "[s]cp -t x",
            "/tmp/rsync --server . x",
            "/home/alice/sftp-server",
            // Options that are read from where nobody sees them, and those that take a word.
            "rsync --server -s . x",
            "rsync --server -rse.iLsfxCIvu . x",
            "rsync --server -T /etc . x",
            "rsync --server -e sh . x",
            "rsync --server -r -e.L/sh . x",
        ] {
            assert!(matches!(scp(line), Asked::Command(_)), "{line}");
        }
    }

    #[test]
    fn rights_are_asked_for_what_it_is() {
        let rights = |words: &[&str]| words.iter().map(|word| word.parse().unwrap()).collect::<Rights>();
        let may = |line: &str, words: &[&str]| Asked::by_command(line.as_bytes()).allowed_by(&rights(words));
        assert_eq!(may("uptime -p", &["command uptime -p"]), Ok(()));
        assert_eq!(may("uptime -p ", &["command uptime -p"]), Err(Right::Exec));
        assert_eq!(may("uptime -p; id", &["command uptime -p"]), Err(Right::Exec));
        assert_eq!(may("uptime", &["exec"]), Ok(()));
        assert_eq!(may("scp -t x", &["exec"]), Err(Right::ScpWrite));
        assert_eq!(may("scp -t x", &["scp-write"]), Ok(()));
        assert_eq!(may("scp -t x; id", &["scp-write"]), Err(Right::Exec));
        assert_eq!(may("scp -t x; id", &["exec"]), Err(Right::ScpWrite));
        assert_eq!(may("scp -t x; id", &["exec", "scp-write"]), Ok(()));
        assert_eq!(Asked::Sftp.allowed_by(&rights(&["sftp-write"])), Ok(()));
        assert_eq!(Asked::Sftp.allowed_by(&rights(&["shell", "exec"])), Err(Right::SftpRead));
        let to = "10.20.3.14:3389".parse().unwrap();
        assert_eq!(Asked::Forward(to).allowed_by(&rights(&["forward 10.20.3.14:3389"])), Ok(()));
        assert!(Asked::Forward(to).allowed_by(&rights(&["shell", "forward 10.20.3.14:3390"])).is_err());
        let all = rights(&["shell", "exec", "sftp-read", "scp-write", "forward 10.20.3.14:3389"]);
        assert_eq!(Asked::Shell.rests_on(&all), rights(&["shell"]));
        assert_eq!(Asked::Sftp.rests_on(&all), rights(&["sftp-read"]));
        assert_eq!(Asked::by_command(b"scp -t x; id").rests_on(&all), rights(&["exec", "scp-write"]));
        assert_eq!(Asked::by_command(b"scp -t x").rests_on(&all), rights(&["scp-write"]));
        assert_eq!(Asked::Forward(to).rests_on(&all), rights(&["forward 10.20.3.14:3389"]));
    }
}
