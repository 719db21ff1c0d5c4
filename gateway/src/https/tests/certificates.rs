//! Pairs that fit, pairs that do not, and how one follows another.

use super::*;
use crate::https::check;

/// What is said of the configured pair.
fn complaint(bench: &Bench) -> String {
    let refused = check(&bench.config.borrow(), &bench.path("poterne.toml"), bench.clock.now());
    let folder = format!("{}/", bench.folder.path().display());
    refused.map(|warning| warning.unwrap_or_default()).unwrap_or_else(|error| error.to_string()).replace(&folder, "")
}

#[tokio::test]
async fn a_wrong_pair_fails_the_start_and_the_check_and_says_what_to_write() {
    let bench = Bench::configured();
    assert_eq!(complaint(&bench), "");
    let good = pair(&["localhost"], 2026, 2027);
    let other = pair(&["localhost"], 2026, 2027);
    let under_a_passphrase = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases = [
        (good.0.clone(), other.1.clone(), "`console.key`: `a.key` does not belong to the first certificate"),
        (format!("{}{}", other.0, good.0), good.1.clone(), "`console.key`: `a.key` does not belong to the first"),
        (String::new(), good.1.clone(), "`console.certificate`: `a.pem` holds no certificate, or a damaged one"),
        (good.0.replace("MII", "MIJ"), good.1.clone(), "`console.certificate`: `a.pem` holds no certificate"),
        (good.1.clone(), good.1.clone(), "`console.certificate`: `a.pem` holds no certificate"),
        (good.0.clone(), good.0.clone(), "`console.key`: `a.key` holds no private key"),
        (good.0.clone(), under_a_passphrase.to_owned(), "`console.key`: `a.key` holds no private key"),
        (good.0.repeat(11), good.1.clone(), "`console.certificate`: `a.pem` holds no certificate"),
        ("x".repeat((1 << 20) + 1), good.1.clone(), "`console.certificate`: `a.pem` is not a PEM file of at most"),
    ];
    for (certificate, key, expected) in cases {
        bench.put_pair("a", &(certificate, key));
        let said = complaint(&bench);
        assert!(said.starts_with(&format!("poterne.toml: {expected}")), "{said}");
        let start = bench.prepare(Limits::default()).await.err().unwrap();
        assert!(said.ends_with(&start.to_string().replace(&format!("{}/", bench.folder.path().display()), "")));
    }
    bench.put_pair("a", &pair(&["localhost"], 2025, 2026));
    assert!(
        complaint(&bench).contains("`a.pem` ended at 2026-01-01T00:00:00Z: put a renewed one"),
        "{}",
        complaint(&bench)
    );
    bench.put_pair("a", &pair(&["localhost"], 2027, 2028));
    assert!(complaint(&bench).contains("`a.pem` is valid only from 2027-01-01T00:00:00Z"), "{}", complaint(&bench));
    bench.put_pair("a", &good);
    fs::set_permissions(bench.path("a.key"), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(complaint(&bench).contains("`a.key` can be read by others: run `chmod 600`"), "{}", complaint(&bench));
    fs::remove_file(bench.path("a.pem")).unwrap();
    assert!(complaint(&bench).contains("`a.pem` cannot be read: No such file"), "{}", complaint(&bench));
}

#[tokio::test]
async fn what_is_shown_is_told_and_its_end_announced() {
    let bench = Bench::configured();
    let door = bench.serve(Limits::default()).await;
    let state = door.listening.certificate().unwrap();
    assert_eq!(state.names, ["localhost", "127.0.0.1"]);
    assert_eq!((state.own, state.not_after), (false, "2027-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(state.fingerprint.len(), 32 * 3 - 1);
    let stream = door.tls(&["h2"]).await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &shown);
    assert_eq!(state.fingerprint.replace(':', ""), data_encoding::HEXUPPER.encode(digest.as_ref()));
    for (at, expected) in [
        ("2026-12-17T00:00:00Z", None),
        ("2026-12-20T12:00:00Z", Some("ends in 11 day(s), at 2027-01-01T00:00:00Z")),
        ("2027-01-02T00:00:00Z", Some("ended at 2027-01-01T00:00:00Z")),
    ] {
        let said = state.warning(at.parse().unwrap());
        assert_eq!(said.is_some(), expected.is_some(), "{at}: {said:?}");
        assert!(expected.is_none_or(|expected| said.unwrap().contains(expected)), "{at}");
    }
}

#[tokio::test]
async fn a_renewed_pair_is_taken_under_running_connections_and_a_broken_one_is_not() {
    let bench = Bench::configured();
    let mut door = bench.serve(hasty()).await;
    let first = door.listening.certificate().unwrap().fingerprint;
    let browser = door.browser();
    let mut stream = browser.get(door.url("/silent")).send().await.unwrap();
    stream.chunk().await.unwrap().unwrap();

    // Broken on its way: the certificate is there, its key is not yet.
    let renewed = pair(&["localhost"], 2026, 2028);
    fs::write(bench.path("a.pem"), &renewed.0).unwrap();
    assert!(bench.prepare(hasty()).await.err().unwrap().to_string().contains("does not belong"));
    door.listening.in_force.mark_unchanged();
    let looks = tokio::time::timeout(hasty().certificate * 3, door.listening.in_force.changed()).await;
    assert!(looks.is_err(), "a broken pair was taken");
    assert_eq!(door.listening.certificate().unwrap().fingerprint, first);
    door.tls(&["h2"]).await.unwrap();

    bench.put_pair("a", &renewed);
    let state = door.renewed(&first).await;
    assert_eq!(state.not_after, "2028-01-01T00:00:00Z".parse().unwrap());
    let new = door.tls(&["h2"]).await.unwrap();
    assert_eq!(
        new.get_ref().1.peer_certificates().unwrap()[0].as_ref(),
        CertificateDer::from_pem_slice(renewed.0.as_bytes()).unwrap().as_ref()
    );
    let more = tokio::time::timeout(Duration::from_millis(300), stream.chunk()).await;
    assert!(more.is_err(), "the old connection ended: {more:?}");
}

#[tokio::test]
async fn the_own_certificate_stays_over_restarts_until_it_nears_its_end() {
    let bench = Bench::new("");
    let mut door = bench.serve(hasty()).await;
    let first = door.listening.certificate().unwrap();
    assert!(first.own);
    assert_eq!(first.names, ["localhost", "127.0.0.1", "::1"]);
    assert_eq!(first.not_after, "2027-07-03T00:00:00Z".parse().unwrap());
    let again = bench.prepare(Limits::default()).await.unwrap();
    assert_eq!(again.listening().certificate().unwrap(), first);

    // 30 days before its end it renews itself, in the running daemon, and keeps the new one.
    bench.clock.set("2027-06-02T12:00:00Z");
    assert_eq!(bench.prepare(Limits::default()).await.unwrap().listening().certificate().unwrap(), first);
    bench.clock.set("2027-06-03T12:00:00Z");
    let second = door.renewed(&first.fingerprint).await;
    assert_eq!(second.not_after, "2028-07-04T00:00:00Z".parse().unwrap());
    assert_eq!(bench.prepare(Limits::default()).await.unwrap().listening().certificate().unwrap(), second);
    door.tls(&["h2"]).await.unwrap_err();
}

#[tokio::test]
async fn the_start_keeps_the_own_certificate_in_the_vault() {
    let bench = Bench::new("");
    let first = bench.prepare(Limits::default()).await.unwrap().listening().certificate();
    crate::recovery::remove_garbage(&bench.vault, &lifecycle::Register::default()).unwrap();
    assert_eq!(bench.prepare(Limits::default()).await.unwrap().listening().certificate(), first);
}

#[tokio::test]
async fn another_address_gets_a_certificate_that_names_it() {
    let bench = Bench::new("");
    let first = bench.prepare(Limits::default()).await.unwrap().listening().certificate().unwrap();
    bench.reload("listen = \"127.0.0.9:0\"");
    let second = bench.prepare(Limits::default()).await.unwrap().listening().certificate().unwrap();
    assert_ne!(first.fingerprint, second.fingerprint);
    assert!(second.names.contains(&"127.0.0.9".to_owned()), "{:?}", second.names);
}

#[tokio::test]
async fn a_reload_takes_a_configured_pair_for_the_own_one() {
    let bench = Bench::new("");
    let mut door = bench.serve(Limits::default()).await;
    let own = door.listening.certificate().unwrap();
    bench.put_pair("a", &pair(&["localhost"], 2026, 2027));
    bench.reload(&bench.names_pair("a"));
    assert!(!door.renewed(&own.fingerprint).await.own);
    let page = door.browser().get(door.url("/")).send().await.unwrap().text().await.unwrap();
    assert_eq!(page, "127.0.0.1 own=false");
}
