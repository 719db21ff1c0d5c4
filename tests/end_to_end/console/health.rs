//! How the machine is, as the console says it.

use super::client::Console;
use harness::{Clamd, Site, SiteOptions, free_port};
use serde_json::Value;

/// Where files are scanned, the scanner is a part of it, and its silence is told with what to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_scanner_is_looked_at_where_one_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut clamd = Clamd::start(folder.path());
    let port = free_port();
    let more = format!("[console]\nlisten = \"127.0.0.1:{port}\"\n\n{}", clamd.section());
    let target = "scan = \"clamav\"\n".to_owned();
    let site = Site::with(SiteOptions { more, target, ..SiteOptions::default() });
    let console = Console::of(port);
    let nadia = console.sign_in(site.member("nadia"), "").await;
    let scanner = console.get("/api/v1/health", &nadia).await.json()["scanner"].clone();
    assert!(scanner["version"].as_str().unwrap().starts_with("ClamAV "), "{scanner}");
    assert_eq!((&scanner["fault"], &scanner["signatures"]), (&Value::Null, &Value::Null));
    let page = console.get("/health", &nadia).await.body;
    assert!(page.contains("does not say how old its signatures are"), "{page}");

    clamd.stop();
    let scanner = console.get("/api/v1/health", &nadia).await.json()["scanner"].clone();
    let at = clamd.socket.display().to_string();
    assert_eq!(scanner["fault"], format!("clamd does not answer at {at}: connection refused"));
    let page = console.get("/health", &nadia).await.body;
    assert!(page.contains("no file that has to be scanned is delivered"), "{page}");
}
