//! Where a file of an scp transfer stands: what the command line says, and the folders entered since.

use bytes::Bytes;
use policy::Direction;

/// How many folders may stand in each other.
const DEEPEST: usize = 128;

/// The folder that a source is in.
#[derive(Debug)]
pub(super) struct Place {
    recursive: bool,
    base: Bytes,
    entered: Vec<Bytes>,
}

impl Place {
    /// Where the transfer of this command line begins.
    pub(super) fn of_command(line: &[u8], direction: Direction) -> Self {
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).skip(1).peekable();
        let mut recursive = false;
        while let Some(option) = words.next_if(|word| word.starts_with(b"-")) {
            if option == b"--" {
                break;
            }
            recursive |= option.contains(&b'r');
        }
        // Of several paths nobody can say which one a file belongs to: its name alone is shown then.
        let path = words.next().filter(|_| words.next().is_none()).unwrap_or_default();
        let base = match direction {
            Direction::ToTarget => path,
            Direction::FromTarget => folder_of(path),
        };
        Self { recursive, base: Bytes::copy_from_slice(base), entered: Vec::new() }
    }

    /// Whether a folder may be announced here.
    pub(super) fn may_enter(&self) -> Result<(), String> {
        if !self.recursive {
            return Err("announced a folder in a transfer without -r".to_owned());
        }
        if self.entered.len() >= DEEPEST {
            return Err(format!("announced folders in each other, more than {DEEPEST}"));
        }
        Ok(())
    }

    /// Into a folder.
    pub(super) fn enter(&mut self, name: Bytes) {
        self.entered.push(name);
    }

    /// Out of the folder.
    pub(super) fn leave(&mut self) -> Result<(), String> {
        self.entered.pop().map(drop).ok_or_else(|| "ended a folder that it had not announced".to_owned())
    }

    /// The path of a name in this folder.
    pub(super) fn path(&self, name: &[u8]) -> Bytes {
        let mut path = self.base.to_vec();
        for part in self.entered.iter().map(std::ops::Deref::deref).chain([name]) {
            if !path.is_empty() && !path.ends_with(b"/") {
                path.push(b'/');
            }
            path.extend_from_slice(part);
        }
        path.into()
    }
}

/// The folder that what a path names stands in.
fn folder_of(path: &[u8]) -> &[u8] {
    let mut path = path;
    while let Some(shorter) = path.strip_suffix(b"/") {
        path = shorter;
    }
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(slash) => path.get(..slash).unwrap_or_default(),
        None => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(line: &str, direction: Direction, folders: &[&'static str], name: &str) -> String {
        let mut place = Place::of_command(line.as_bytes(), direction);
        folders.iter().for_each(|folder| place.enter(Bytes::from_static(folder.as_bytes())));
        String::from_utf8(place.path(name.as_bytes()).to_vec()).unwrap()
    }

    #[test]
    fn a_path_is_the_command_lines_and_the_folders_since() {
        let (up, down) = (Direction::ToTarget, Direction::FromTarget);
        assert_eq!(path("scp -t /srv", up, &[], "a"), "/srv/a");
        assert_eq!(path("scp -r -p -t -- /srv/", up, &["b", "c"], "a"), "/srv/b/c/a");
        assert_eq!(path("scp -rpt .", up, &["b"], "a"), "./b/a");
        assert_eq!(path("/usr/bin/scp -f /var/log/*.log", down, &[], "x.log"), "/var/log/x.log");
        assert_eq!(path("scp -r -f /var/log/", down, &["log"], "x"), "/var/log/x");
        assert_eq!(path("scp -f x", down, &[], "x"), "x");
        assert_eq!(path("scp -f /x", down, &[], "x"), "/x");
        assert_eq!(path("scp -f a/x b/y", down, &[], "y"), "y");
        assert_eq!(path("scp -f", down, &[], "y"), "y");
        assert_eq!(path("scp -f /", down, &[], "y"), "y");
    }

    #[test]
    fn folders_are_entered_only_where_they_were_asked_for() {
        let enters = |line: &str| Place::of_command(line.as_bytes(), Direction::FromTarget).may_enter().is_ok();
        assert!(enters("scp -r -f x"));
        assert!(enters("scp -vprf x"));
        assert!(!enters("scp -f x"));
        assert!(!enters("scp -f -- -r"));
        let mut place = Place::of_command(b"scp -rt x", Direction::ToTarget);
        for _ in 0..DEEPEST {
            place.may_enter().unwrap();
            place.enter(Bytes::from_static(b"x"));
        }
        assert!(place.may_enter().is_err());
        (0..DEEPEST).for_each(|_| place.leave().unwrap());
        assert!(place.leave().is_err());
    }
}
