//! Lines of `poterne session watch` for what has no screen: channels by kind, and the files on them.

use crate::texts::Texts;
use console::wire::{ChannelLine, FileLine};
use policy::Direction;

/// What a channel carries. Commands stand there as they are.
pub(super) fn kind(texts: &Texts, one: &ChannelLine) -> String {
    let key = match one.kind.as_str() {
        "sftp" => "watch-kind-sftp",
        "scp" => "watch-kind-scp",
        "rsync" => "watch-kind-rsync",
        "forward" => "watch-kind-forward",
        "jump" => "watch-kind-jump",
        _ => return one.what.clone(),
    };
    if one.detail.is_empty() { texts.text(key) } else { format!("{} {}", texts.text(key), one.detail) }
}

/// A channel in a line of its own, and a line for each of its files.
pub(super) fn lines(texts: &Texts, one: &ChannelLine) -> Vec<String> {
    let mark = if one.ended { "-" } else { "*" };
    let unseen = if one.kind == "forward" { texts.text("watch-unseen") } else { String::new() };
    let (up, down) = (bytes(one.bytes_in), bytes(one.bytes_out));
    let first = format!("{mark} {}  {}  in {up}  out {down}  {unseen}", one.number, kind(texts, one));
    let mut lines = vec![first.trim_end().to_owned()];
    lines.extend(one.files.iter().map(|file| format!("    {}", file_line(texts, file))));
    if one.more_files > 0 {
        lines.push(format!("    {}", texts.with("watch-more-files", &[("files", &one.more_files.to_string())])));
    }
    lines
}

/// A channel in few words, with the file that is under way on it.
pub(super) fn in_strip(texts: &Texts, one: &ChannelLine) -> String {
    let mark = if one.ended { "-" } else { "+" };
    let moved = bytes(one.bytes_in.saturating_add(one.bytes_out));
    let file = one.files.first().map_or_else(String::new, |file| format!(" {}", file_line(texts, file)));
    format!("{mark}{} {} ({moved}){file}", one.number, kind(texts, one))
}

/// One file: which way, its name, how far it is or what came of it.
pub(super) fn file_line(texts: &Texts, file: &FileLine) -> String {
    let path = if file.to.is_empty() { file.path.clone() } else { format!("{} -> {}", file.path, file.to) };
    let what = match file.direction {
        Some(Direction::ToTarget) => "->".to_owned(),
        Some(Direction::FromTarget) => "<-".to_owned(),
        None if file.did == "refused" => String::new(),
        None => texts.text(&format!("watch-file-{}", file.did)),
    };
    let amount = match (file.direction, file.size) {
        (None, _) => String::new(),
        (Some(_), Some(size)) => format!("{} / {}", bytes(file.bytes), bytes(size)),
        (Some(_), None) => bytes(file.bytes),
    };
    let state = match file.state.as_str() {
        "under-way" => String::new(),
        state => texts.with(&format!("watch-state-{state}"), &[("why", &file.why)]),
    };
    [what, path, amount, state].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ")
}

/// An amount of bytes.
pub(super) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} B"),
        10_000..10_000_000 => format!("{} kB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;
    use jiff::tz::TimeZone;

    fn file(did: &str, direction: Option<Direction>, state: &str) -> FileLine {
        FileLine {
            n: 1,
            did: did.to_owned(),
            path: "/opt/fw.bin".to_owned(),
            to: String::new(),
            direction,
            bytes: 20_000,
            size: Some(40_000),
            state: state.to_owned(),
            why: "Eicar".to_owned(),
        }
    }

    fn channel(kind: &str, detail: &str, files: Vec<FileLine>) -> ChannelLine {
        ChannelLine {
            number: 2,
            what: format!("{kind}: {detail}"),
            kind: kind.to_owned(),
            detail: detail.to_owned(),
            bytes_in: 5,
            bytes_out: 7,
            ended: false,
            terminal: false,
            quiet: 0,
            files,
            more_files: 3,
        }
    }

    #[test]
    fn channels_without_a_screen_have_lines() {
        let texts = Texts::new(Language::English, TimeZone::UTC);
        let files = vec![file("moved", Some(Direction::ToTarget), "held"), file("rename", None, "done")];
        let sftp = lines(&texts, &channel("sftp", "", files.clone()));
        assert_eq!(sftp[0], "* 2  files (SFTP)  in 5 B  out 7 B");
        assert_eq!(sftp[1], "    ->  /opt/fw.bin  20 kB / 40 kB  held: the scanner looks at it");
        assert_eq!(sftp[2], "    renamed  /opt/fw.bin  done");
        assert_eq!(sftp[3], "    and 3 more files under way");
        let tunnel = lines(&texts, &channel("forward", "10.1.1.1:443", Vec::new()));
        assert_eq!(tunnel[0], "* 2  tunnel to 10.1.1.1:443  in 5 B  out 7 B  content not seen");
        let strip = in_strip(&texts, &channel("sftp", "", files));
        assert!(strip.starts_with("+2 files (SFTP) (12 B) ->"), "{strip}");
        assert_eq!(kind(&texts, &channel("exec", "uptime", Vec::new())), "exec: uptime");
    }

    /// Each word that comes has a text, in both languages.
    #[test]
    fn every_word_of_a_file_has_its_text() {
        let acts = ["rename", "remove", "make-folder", "remove-folder", "link", "hard-link", "attributes", "copy"];
        let states = ["held", "done", "failed", "partial", "infected", "unscanned", "refused"];
        for language in [Language::French, Language::English] {
            let texts = Texts::new(language, TimeZone::UTC);
            let mut all: Vec<String> = acts.iter().map(|act| file_line(&texts, &file(act, None, "done"))).collect();
            all.extend(
                states.iter().map(|state| file_line(&texts, &file("moved", Some(Direction::FromTarget), state))),
            );
            all.extend(
                ["sftp", "scp", "rsync", "forward", "jump"].map(|word| kind(&texts, &channel(word, "", Vec::new()))),
            );
            assert!(all.iter().all(|line| !line.contains("watch-")), "{all:#?}");
        }
    }
}
