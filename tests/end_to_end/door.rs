//! One approved, recorded session, and what it leaves behind.

use harness::Site;
use recorder::FrameKind;

/// APR-01, REC-01, LOG-01: from the prompt to the closing entry.
#[test]
fn one_session_from_end_to_end() {
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7)); stty size; exit 7");
    terminal.expect("42");
    terminal.expect("24 100");
    assert_eq!(terminal.wait().code(), Some(7));

    let session = site.ended_session();
    assert_eq!(session["cause"], "technician");
    assert!(session["from"].as_str().unwrap().starts_with("127.0.0.1:"));
    assert!(session["duration"].is_u64());
    let frames = site.recording(session["id"].as_str().unwrap());
    let of = |kind| {
        frames.iter().filter(|frame| frame.kind == kind).flat_map(|frame| frame.data.to_vec()).collect::<Vec<u8>>()
    };
    assert!(String::from_utf8_lossy(&of(FrameKind::Input)).contains("stty size"));
    assert!(String::from_utf8_lossy(&of(FrameKind::Output)).contains("42\r\n"));
    assert_eq!(of(FrameKind::Output).len() as u64, session["bytes_out"].as_u64().unwrap());

    let kinds: Vec<String> = site.journal().into_iter().map(|(kind, _)| kind).collect();
    let expected = [
        "factors-accepted",
        "intervention-requested",
        "intervention-submitted",
        "staff-code-used",
        "intervention-approved",
        "session-admitted",
        "channel-opened",
        "channel-closed",
        "session-ended",
        "intervention-ended",
    ];
    let met: Vec<&String> = kinds.iter().filter(|kind| expected.contains(&kind.as_str())).collect();
    assert_eq!(met, expected);
    let report = site.check_journal(&site.journal_key());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}
