//! Bundles made to deceive, judged by two verifiers that share no code: `poterne-verify` and
//! `tests/verify.py` (EVI-01, D33). Each must come to the same end, and say the same.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use journal::SigningKey;
use journal::bundle::{make_receipt, tar_header};
use serde_json::json;
use std::process::Command;
use support::forge::{Forge, SESSION, Told, both, checkpoint, container, judge, judge_bytes, judge_parts, recording};
use support::signer;

/// What the other tests begin with.
#[test]
fn what_is_true_holds() {
    judge(&Forge::new(), 0, &["HOLDS: signed by poterne.test/journal"]);
    judge(&Forge::reencrypted(), 0, &["is the word of whoever exported", "HOLDS"]);
}

/// A header that another tar reads otherwise would show other files there than were judged: each has one
/// spelling, in all its bytes.
#[test]
fn a_hostile_container_is_refused() {
    let good = container(&Forge::new().parts());
    // The last header is that of `secrets-1-2.age`: seven bytes, a block.
    let last = good.len() - 2 * 512 - 2 * 512;
    assert!(good[last..].starts_with(format!("recordings/{SESSION}/secrets-1-2.age").as_bytes()));
    for (at, bytes) in [
        (124, &b"+7\0"[..]),
        (124, b"+0000000007\0"),
        (124, b"7 \0"),
        (124, b"00000000007 "),
        (124, b"7\0junk"),
        (124, b"0000000007\0\0"),
        (124, b"\x80\0\0\0\0\0\0\0\0\0\0\x07"),
        (100, b"0000644\0"),
        (136, b"+0000000000\0"),
        (157, b"x"),
        (257, b"ustar  \0"),
        (265, b"root"),
        (345, b"elsewhere"),
        (500, b"x"),
    ] {
        let mut altered = good.clone();
        altered[last + at..last + at + bytes.len()].copy_from_slice(bytes);
        let header = &mut altered[last..last + 512];
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        judge_bytes(&altered, 1, &["there is no header of an ordinary file"]);
    }
    let mut spaced = good.clone();
    spaced[last + 154..last + 156].copy_from_slice(b" \0");
    judge_bytes(&spaced, 1, &["there is no header of an ordinary file"]);
    for kind in [b'1', b'2', b'5', b'x', b'L', b'\0'] {
        let mut altered = good.clone();
        let sum = altered[last..last + 512].iter().enumerate();
        let sum: u32 = sum.map(|(n, byte)| if (148..156).contains(&n) { 32 } else { u32::from(*byte) }).sum();
        altered[last + 156] = kind;
        let sum = sum + u32::from(kind) - u32::from(b'0');
        altered[last + 148..last + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        judge_bytes(&altered, 1, &["there is no header of an ordinary file"]);
    }
}

/// Which copies for an auditor there must be follows from the recordings' manifests, which the journal
/// names: none can be taken away, put in or listed twice.
#[test]
fn copies_are_those_that_the_recordings_ask_for() {
    let name = |part: &str| format!("reencrypted/{SESSION}/{part}.age");
    let (cast, other) = (name("channel-1.cast"), name("channel-9.cast"));
    let mut emptied = Forge::reencrypted();
    emptied.set_copies(&[]);
    judge(&emptied, 1, &["is a copy that is missing"]);
    let mut gone = Forge::reencrypted();
    gone.outside.clear();
    judge(&gone, 1, &["reencrypted.json"]);
    let mut filled = Forge::new();
    filled.set_copies(&[&other]);
    judge(&filled, 1, &["or one that nothing in this bundle asks for"]);
    let mut exchanged = Forge::reencrypted();
    exchanged.set_copies(&[&other]);
    judge(&exchanged, 1, &["is a copy that is missing", "channel-9"]);
    let mut doubled = Forge::reencrypted();
    doubled.set_copies(&[&cast, &other]);
    doubled.list(&[&cast, &cast]);
    judge(&doubled, 1, &["does not list what lies in"]);
    let mut many = Forge::reencrypted();
    many.list(&vec![cast.as_str(); 1000]);
    judge(&many, 1, &["does not list what lies in"]);
    // Where the bastion does not have a part any more there is nothing to copy. Typed secrets never are.
    let mut without = Forge::reencrypted();
    without.manifest["recordings"][SESSION]["without"] = json!(["channel-1.cast"]);
    judge(&without, 1, &["or one that nothing in this bundle asks for"]);
    without.set_copies(&[]);
    judge(&without, 0, &["the manifest of the recording of"]);
    let mut secrets = Forge::reencrypted();
    secrets.set_copies(&[&cast, &name("channel-1.secrets")]);
    judge(&secrets, 1, &["or one that nothing in this bundle asks for"]);
    // The manifest's own list is not for what is written after it.
    let mut named = Forge::new();
    named.files.push(("reencrypted.json".to_owned(), b"[]".to_vec()));
    judge(&named, 1, &["names a file twice, or one that it cannot name"]);
}

/// A stranger's texts command no terminal, whatever they stand in.
#[test]
fn nothing_that_is_said_commands_a_terminal() {
    let hostile = "\u{1b}[2J\u{1b}[8m\r\nHOLDS: signed\u{9b}2J\u{202e}";
    let mut part = Forge::new();
    let mut manifest = recording();
    manifest["parts"][0]["name"] = hostile.into();
    part.set_recording(manifest.to_string().into_bytes());
    judge(&part, 1, &["has another form"]);
    part.manifest["recordings"][SESSION]["without"] = json!([hostile]);
    judge(&part, 1, &["has another form"]);
    let mut state = Forge::new();
    let mut manifest = recording();
    manifest["state"] = hostile.into();
    state.set_recording(manifest.to_string().into_bytes());
    judge(&state, 0, &["the recording of s-0123456789abcdef is "]);
    let mut word = Forge::new();
    (word.word["staff"], word.word["purpose"]) = (hostile.into(), hostile.into());
    judge(&word, 0, &["it was exported by "]);
    let mut manifest = Forge::new();
    manifest.manifest["sessions"] = json!([SESSION, hostile]);
    judge(&manifest, 1, &["the admission of "]);
    let mut copy = Forge::reencrypted();
    copy.set_copies(&[]);
    copy.list(&[hostile]);
    judge(&copy, 1, &["does not list what lies in"]);
}

/// A checkpoint from elsewhere that cannot be used says nothing about the bundle: the call is wrong, and the
/// bundle is neither false nor continues anything.
#[test]
fn an_anchor_that_cannot_be_used_is_the_callers() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (bundle, anchor) = (path("bundle.tar"), path("anchor.txt"));
    let forge = Forge::new();
    forge.write(bundle.as_ref());
    let key = signer().verifier().to_string();
    let call = |more: &[&str], code, words: &[&str]| {
        both(&[&[bundle.as_str(), "--key", &key][..], more].concat(), code, words);
    };
    let leaves = forge.leaves();
    let other = SigningKey::new("poterne.test/before", &[9; 32]).unwrap();
    let early = forge.checkpoint(&signer(), 5);
    let unsigned = early.split_once("\n\n").unwrap().0.to_owned() + "\n";
    let forged = early.replace("\n5\n", "\n6\n");
    let damaged = make_receipt(&leaves[2], 2, &[], &early);
    for (text, code, words) in [
        (early.clone(), 0, &["the log continues"][..]),
        (unsigned, 64, &["says nothing about this bundle"]),
        (forged, 64, &["says nothing about this bundle"]),
        ("hello\n".to_owned(), 64, &["says nothing about this bundle"]),
        (damaged, 64, &["anchor.txt"]),
        ("-----BEGIN POTERNE RECEIPT-----\nAAAA\n-----END POTERNE RECEIPT-----\n".to_owned(), 64, &["receipt"]),
        (checkpoint(&other, &leaves[..5]), 64, &["says nothing about this bundle"]),
        (forge.checkpoint(&signer(), 8), 0, &["the log continues"]),
        (checkpoint(&signer(), &leaves[1..6]), 1, &["history was rewritten"]),
        (
            checkpoint(&signer(), &[&leaves[..], &leaves[..]].concat()),
            1,
            &["the bundle was made before it", "or rolled back"],
        ),
    ] {
        std::fs::write(&anchor, text).unwrap();
        call(&["--anchor", &anchor], code, words);
    }
    // A checkpoint from before a restore is signed by the key of then.
    std::fs::write(&anchor, checkpoint(&other, &leaves[..5])).unwrap();
    call(&["--anchor", &anchor, "--anchor-key", &other.verifier().to_string()], 0, &["the log continues"]);
    std::fs::write(&anchor, checkpoint(&other, &leaves[1..6])).unwrap();
    call(&["--anchor", &anchor, "--anchor-key", &other.verifier().to_string()], 1, &["history was rewritten"]);
    // Without any key its origin must be the bundle's.
    both(&[&bundle, "--anchor", &anchor], 1, &["is another log's"]);
}

/// What cannot be read is no finding about a bundle.
#[test]
fn a_wrong_call_is_told_from_a_wrong_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let bundle = path("bundle.tar");
    Forge::new().write(bundle.as_ref());
    let key = signer().verifier().to_string();
    both(&[&path("bundel.tar"), "--key", &key], 64, &["bundel.tar"]);
    both(&[&path(""), "--key", &key], 64, &[]);
    both(&[&bundle, "--key", ""], 64, &[]);
    both(&[&bundle, "--key", &key, "--anchor", &path("none")], 64, &["none"]);
    both(&[&bundle], 2, &["PROVEN TO NOBODY", "no checkpoint from elsewhere was given"]);
    let log = Command::new(env!("CARGO_BIN_EXE_poterne-verify")).args(["log", &path("journl")]).output().unwrap();
    assert_eq!(log.status.code(), Some(64));
}

/// What holds is said with what does not speak for itself.
#[test]
fn what_is_to_be_known_is_said() {
    judge(
        &Forge::new(),
        0,
        &[
            "it was exported by sophie, about intervention 1, for: audit",
            "names this very manifest",
            "3 of its 3 files are here",
            "7 entries hold, 0 without content (erased)",
            "no checkpoint from elsewhere was given",
        ],
    );
    let mut erased = Forge::new();
    erased.erased = vec![0, 3];
    judge(&erased, 0, &["7 entries hold, 2 without content (erased)"]);
    let mut gone = Forge::new();
    gone.manifest["recordings"][SESSION]["without"] = json!(["channel-1.cast", "channel-1.secrets", "secrets-1-2.age"]);
    gone.files.truncate(1);
    judge(&gone, 0, &["the manifest of the recording of", "channel-1.cast.age", "was not on the bastion any more"]);
    let mut mutilated = Forge::new();
    let mut manifest = recording();
    manifest["state"] = "mutilated".into();
    mutilated.set_recording(manifest.to_string().into_bytes());
    judge(&mutilated, 0, &["the recording of s-0123456789abcdef is mutilated"]);
}

/// Numbers and objects have one spelling: a verifier that takes another would be told another story.
#[test]
fn each_text_has_one_spelling() {
    let alter = |name: &str, from: &str, to: &str| {
        let mut parts = Forge::new().parts();
        let content = &mut parts.iter_mut().find(|(found, _)| found == name).unwrap().1;
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *content = text.replacen(from, to, 1).into_bytes();
        judge_parts(&parts, 1, &[]);
    };
    alter("custody.json", "{\"checkpoint\"", "{\"more\":1,\"checkpoint\"");
    alter("custody.json", "{\"checkpoint\"", "{\"checkpoint\":\"\",\"checkpoint\"");
    alter("custody.json", "\"index\":8", "\"index\":8.0");
    alter("custody.json", "\"index\":8", "\"index\":8,\"more\":null");
    // What is made of fields is no list of their values in order.
    let array = |name: &str, change: &dyn Fn(&str) -> String| {
        let mut parts = Forge::new().parts();
        let content = &mut parts.iter_mut().find(|(found, _)| found == name).unwrap().1;
        *content = change(std::str::from_utf8(content).unwrap()).into_bytes();
        judge_parts(&parts, 1, &[]);
    };
    let values = |text: &str, names: &[&str]| -> serde_json::Value {
        let one: serde_json::Value = serde_json::from_str(text).unwrap();
        names.iter().map(|name| one[name].clone()).collect()
    };
    let entry = ["index", "leaf", "path", "salt", "body"];
    array("custody.json", &|text| values(text, &["entry", "checkpoint", "consistency"]).to_string());
    array("custody.json", &|text| {
        let mut one: serde_json::Value = serde_json::from_str(text).unwrap();
        one["entry"] = values(&one["entry"].to_string(), &entry);
        one.to_string()
    });
    let mut listed = Forge::new();
    let mut manifest = recording();
    manifest["parts"][0] = values(&manifest["parts"][0].to_string(), &["name", "kind", "head_sha256", "body_sha256"]);
    listed.set_recording(manifest.to_string().into_bytes());
    judge(&listed, 1, &[]);
    let mut sealed = Forge::new();
    sealed.entries[5].body = values(&sealed.entries[5].body, &["manifest"]).to_string();
    judge(&sealed, 1, &[]);
    let mut held = Forge::new();
    held.manifest["recordings"][SESSION] = json!(["stored", []]);
    judge(&held, 1, &[]);
    for text in ["{}", "[[\"x\",1,\"y\"]]"] {
        let mut copies = Forge::new();
        copies.outside.push(("reencrypted.json".to_owned(), text.as_bytes().to_vec()));
        judge(&copies, 1, &[]);
    }
    // UTF-8 alone.
    for wide in [false, true] {
        let mut parts = Forge::new().parts();
        let content = &mut parts.iter_mut().find(|(found, _)| found == "custody.json").unwrap().1;
        let text = String::from_utf8(content.clone()).unwrap();
        let mark = if wide { "\u{feff}" } else { "" };
        *content = format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        judge_parts(&parts, 1, &[]);
    }
    let mut more = Forge::new();
    more.manifest["more"] = 1.into();
    judge(&more, 1, &[]);
    let mut held = Forge::new();
    held.manifest["recordings"][SESSION]["more"] = 1.into();
    judge(&held, 1, &[]);
    let mut float = Forge::new();
    float.manifest["end"] = 7.0.into();
    judge(&float, 1, &[]);
}

/// Lists that a stranger makes long take no more memory than they are long.
#[test]
fn a_bundle_takes_no_more_memory_than_it_is_long() {
    let mut long = Forge::new();
    let mut manifest = recording().to_string();
    manifest.truncate(manifest.len() - 1);
    manifest += ",\"x\":[";
    manifest += &"0,".repeat(8 << 20);
    manifest += "0]}";
    long.set_recording(manifest.into_bytes());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    long.write(&file);
    // 128 MiB for the program and a list of 16 MiB; as values of JSON that would be half a gigabyte.
    let limited = format!(
        "ulimit -v 131072; exec {} bundle {} --key {}",
        env!("CARGO_BIN_EXE_poterne-verify"),
        file.display(),
        signer().verifier()
    );
    let out = Command::new("sh").args(["-c", &limited]).output().unwrap();
    assert_eq!(out.status.code(), Some(0), "{out:?}");
    // A header of another kind that claims three gigabytes is refused before any of them is read.
    let mut header = tar_header("x", 3 << 30, 0);
    header[156] = b'x';
    let sum = header.iter().enumerate().map(|(n, byte)| if (148..156).contains(&n) { 32 } else { u32::from(*byte) });
    let sum = format!("{:06o}\0 ", sum.sum::<u32>());
    header[148..156].copy_from_slice(sum.as_bytes());
    judge_bytes(&header, 1, &["there is no header of an ordinary file"]);
}

/// A bundle must show what concerns its subject, whatever its own manifest says: an insider who holds the key
/// writes that before it is signed.
#[test]
fn nothing_can_be_left_out_of_what_is_shown() {
    let forge = |change: &dyn Fn(&mut Forge)| {
        let mut forge = Forge::new();
        change(&mut forge);
        forge
    };
    let wrong = |words: &[&str], change: &dyn Fn(&mut Forge)| judge(&forge(change), 1, words);
    // Sessions left out, and with them their alarms and their recording.
    wrong(&["is not in the manifest: its entries were left out"], &|forge| {
        forge.manifest["sessions"] = json!([]);
        forge.withheld = vec![3, 5, 7];
        forge.files.clear();
    });
    // Nothing, or not the beginning, is shown.
    wrong(&["that is none"], &|forge| {
        (forge.manifest["first"], forge.manifest["end"]) = (0.into(), 0.into());
        forge.hidden = (0..8).collect();
        forge.withheld = vec![0, 1, 3, 5, 6, 7];
    });
    wrong(&["that is none"], &|forge| forge.manifest["end"] = 9.into());
    wrong(&["the first entry of intervention 1 is not among those shown"], &|forge| {
        forge.manifest["first"] = 2.into();
        (forge.hidden, forge.withheld) = (vec![0, 1, 7], vec![0, 1, 7]);
    });
    // The end is not shown.
    wrong(&["has no closing entry among those shown, and what follows them is not shown"], &|forge| {
        forge.manifest["end"] = 3.into();
        (forge.hidden, forge.withheld) = (vec![3, 4, 5, 6, 7], vec![3, 4, 5, 6, 7]);
        forge.files.clear();
    });
    wrong(&["no recording of s-0123456789abcdef was sealed among those shown"], &|forge| {
        forge.entries.swap(5, 6);
        forge.manifest["end"] = 6.into();
        forge.manifest["recordings"][SESSION]["held"] = "not-sealed".into();
        (forge.hidden, forge.withheld) = (vec![6, 7], vec![6, 7]);
        forge.files.clear();
    });
    // A recording that was sealed and is said not to be.
    wrong(&["was sealed, and is not in the bundle"], &|forge| {
        forge.manifest["recordings"][SESSION]["held"] = "not-sealed".into();
        forge.files.clear();
    });
    wrong(&["was sealed, and is not in the bundle"], &|forge| {
        forge.manifest["recordings"] = json!({});
        forge.files.clear();
    });
    // About something else than was asked for.
    wrong(&["about something else than the journal says"], &|forge| forge.word["scope"] = json!({ "intervention": 2 }));
    wrong(&["about something else than the journal says"], &|forge| forge.word["scope"] = json!({ "session": "s-1" }));
    wrong(&["which is not in the manifest"], &|forge| {
        forge.manifest["interventions"] = json!([2]);
        forge.word["scope"] = json!({ "intervention": 2 });
    });
    wrong(&["that is none"], &|forge| {
        (forge.manifest["interventions"], forge.manifest["sessions"]) = (json!([]), json!([]));
        forge.withheld = (0..8).collect();
    });
    // About one session: others of its intervention are another bundle's.
    let one = forge(&|forge| {
        forge.word["scope"] = json!({ "session": SESSION });
        forge.entries[7] = Told { second: 7, ..forge.entries[2].clone() };
        forge.entries[7].session = Some("s-fedcba9876543210".to_owned());
        forge.entries.swap(6, 7);
        forge.entries[6].second = 6;
        forge.entries[7].second = 7;
        forge.manifest["end"] = 8.into();
        (forge.hidden, forge.withheld) = (Vec::new(), Vec::new());
    });
    judge(&one, 0, &["s-fedcba9876543210 of intervention 1 is not in this bundle, which is about one session"]);
    // Still going on: all that follows is shown, and it is said.
    let open = forge(&|forge| {
        forge.entries.truncate(4);
        (forge.manifest["end"], forge.manifest["size"]) = (4.into(), 4.into());
        forge.manifest["recordings"][SESSION]["held"] = "not-sealed".into();
        (forge.hidden, forge.withheld) = (Vec::new(), Vec::new());
        forge.files.clear();
    });
    judge(
        &open,
        0,
        &["s-0123456789abcdef has no closing entry among those shown", "no recording of s-0123456789abcdef was sealed"],
    );
}

/// What takes the signing key: a history dated out of order, and one that was rolled back and written anew.
/// The first shows by itself, the second by a checkpoint from before.
#[test]
fn what_the_holder_of_the_key_does_is_found_where_it_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (bundle, anchor) = (path("bundle.tar"), path("anchor.txt"));
    let key = signer().verifier().to_string();
    let honest = Forge::new();
    std::fs::write(&anchor, honest.checkpoint(&signer(), 4)).unwrap();
    let mut disordered = honest.clone();
    disordered.entries[3].second = 0;
    let mut another = honest.clone();
    another.entries[1].body = "{\"kind\":\"intervention-approved\",\"by\":\"paul\"}".to_owned();
    for (forge, anchored, code, words) in [
        (&honest, true, 0, "the log continues"),
        (&disordered, false, 1, "is dated before the one in front of it"),
        (&another, false, 0, "HOLDS"),
        (&another, true, 1, "history was rewritten"),
    ] {
        forge.write(bundle.as_ref());
        let given: &[&str] = if anchored { &["--anchor", &anchor] } else { &[] };
        both(&[&[bundle.as_str(), "--key", &key][..], given].concat(), code, &[words]);
    }
}
