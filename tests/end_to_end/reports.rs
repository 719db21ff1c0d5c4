//! Registers and reports, as an auditor pulls them from a hospital in which something happened.

use crate::people::fails;
use harness::{Person, Site, SiteOptions, eventually};
use serde_json::Value;
use std::process::Command;

/// An auditor, made by nadia and signed in.
fn auditor(site: &Site) -> Person {
    site.sign_in("nadia");
    let zoe = Person::new("zoe");
    let args = ["staff", "add", "zoe", "--role", "auditor", "--name", "Zoé Blanc", "--email", "z@chu.example"];
    let more = ["--phone", "0611111111", "--stdin"];
    let out = site.poterne(&[&args[..], &more[..]].concat(), &format!("{}\n{}\n", zoe.password, zoe.totp));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let out = site.poterne(&["login", "--as", "zoe"], &format!("{}\n{}\n", zoe.password, zoe.fresh_code()));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    zoe
}

/// What a report says, as JSON.
fn told(site: &Site, args: &[&str]) -> Value {
    let out = site.ok(&[&["report"], args, &["--format", "json"]].concat());
    serde_json::from_str(&out).expect("JSON")
}

/// A spreadsheet's cells, read by Python's own library, which knows nothing of ours.
fn read_back(path: &std::path::Path) -> Vec<Vec<String>> {
    const READ: &str = "
import json, sys, zipfile, xml.etree.ElementTree as E
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None and z.namelist()[0] == 'mimetype', z.namelist()
assert z.read('mimetype') == b'application/vnd.oasis.opendocument.spreadsheet'
assert z.infolist()[0].compress_type == 0
for name in z.namelist()[1:]:
    E.fromstring(z.read(name))
t = '{urn:oasis:names:tc:opendocument:xmlns:table:1.0}'
x = '{urn:oasis:names:tc:opendocument:xmlns:text:1.0}'
rows = E.fromstring(z.read('content.xml')).iter(t + 'table-row')
print(json.dumps([['\\n'.join(p.text or '' for p in c.iter(x + 'p')) for c in r.iter(t + 'table-cell')] for r in rows]))
";
    let out = Command::new("python3").args(["-c", READ]).arg(path).output().expect("python3");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("rows")
}

/// LIF-10, LOG-01, LOG-11, EVI-06, EVI-10: the register of what happened, in every form, journalled.
#[test]
fn an_auditor_pulls_the_register() {
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("exit");
    terminal.wait();
    let session = site.ended_session();
    let id = session["id"].as_str().unwrap().to_owned();
    site.sealed(&id);
    fails(&site, &["report", "register"], 77, "nobody is signed in");
    site.sign_in("nadia");
    fails(&site, &["report", "register"], 77, "has not the role auditor");
    auditor(&site);
    eventually("the seal is journalled", || told(&site, &["register"])["rows"][0]["recording"][0] == "whole");
    let before = site.entries("export-read").len();
    let register = told(&site, &["register", "--from", "2020-01-01", "--vendor", "imagix"]);
    let row = &register["rows"][0];
    assert_eq!(register["rows"].as_array().unwrap().len(), 1, "{register}");
    assert_eq!(register["missing"], serde_json::json!([]));
    for (field, expected) in [
        ("number", serde_json::json!(1)),
        ("technician", "alice".into()),
        ("vendor", "Imagix".into()),
        ("contract", "2025-117".into()),
        ("target", "IRM".into()),
        ("source", "127.0.0.1".into()),
        ("state", "ended".into()),
        ("cause", "technician".into()),
        ("kind", "on-demand".into()),
    ] {
        assert_eq!(row[field], expected, "{field}: {row}");
    }
    assert_eq!(row["approved-by"][0]["by"], "claire", "{row}");
    assert_eq!(row["sessions"][0], id.as_str());
    assert!(row["seconds"].is_u64() && row["opened"].is_string() && row["ended"].is_string(), "{row}");
    let read = site.entries("export-read");
    assert_eq!(read.len(), before + 1);
    let last = read.last().unwrap();
    assert_eq!(
        (&last["by"]["staff"], &last["what"], &last["rows"]),
        (&"zoe".into(), &"interventions".into(), &1.into())
    );
    assert_eq!(last["filters"], "report=register from=2020-01-01 vendor=imagix");

    let text = site.ok(&["report", "register", "--language", "fr"]);
    assert!(
        text.contains("Registre des interventions") && text.contains("IRM") && text.contains("sans trou"),
        "{text}"
    );
    assert!(site.ok(&["report", "register"]).contains("without gap"));
    let csv = site.ok(&["report", "register", "--format", "csv", "--language", "fr"]);
    assert!(csv.starts_with("\"N°\";\"Genre\""), "{csv}");
    assert!(csv.contains("Ouverte (ISO 8601)") && csv.contains("\"Imagix\""), "{csv}");
    assert!(site.ok(&["report", "register", "--format", "csv", "--bom"]).starts_with('\u{feff}'));
    let file = site.folder().join("registre.ods");
    site.ok(&["report", "register", "--format", "ods", "--language", "fr", "-o", file.to_str().unwrap()]);
    let cells = read_back(&file);
    assert_eq!(cells.len(), 3);
    assert!(cells[2][0].contains("sans trou"), "{:?}", cells[2]);
    assert!(csv.contains("sans trou"), "{csv}");
    assert_eq!(cells[0].len(), cells[1].len());
    // The same cells as in the CSV, which has the same headings.
    assert_eq!(
        cells[0].iter().map(|cell| format!("\"{cell}\"")).collect::<Vec<_>>().join(";"),
        csv.lines().next().unwrap()
    );
    assert!(cells[1].contains(&"IRM".to_owned()) && cells[1].contains(&"127.0.0.1".to_owned()), "{cells:?}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let accounts = told(&site, &["accounts"]);
    let alice = accounts["rows"].as_array().unwrap().iter().find(|row| row["login"] == "alice").unwrap().clone();
    assert_eq!((&alice["logins"], &alice["contract"]), (&1.into(), &"2025-117".into()), "{alice}");
    assert!(alice["proofing"].as_str().is_some_and(|text| !text.is_empty()), "{alice}");
    assert!(alice["proofed-at"].is_string() && alice["first-login"].is_string(), "{alice}");
    let doubts = alice["doubts"].as_array().unwrap();
    assert!(doubts.contains(&"phishable".into()), "{alice}");
    assert!(site.ok(&["report", "accounts", "--language", "fr"]).contains("sans clé"));
    let of_a_day = told(&site, &["accounts", "--to", "2021-01-01"]);
    assert_eq!(of_a_day["rows"], serde_json::json!([]));

    let dormant = told(&site, &["dormant"]);
    let kinds: Vec<&Value> = dormant["rows"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert!(!kinds.contains(&&"target".into()) && !kinds.contains(&&"grant".into()), "{dormant}");
    let now = told(&site, &["dormant", "--days", "0"]);
    let why: Vec<&Value> = now["rows"].as_array().unwrap().iter().map(|row| &row["kind"]).collect();
    assert!(
        why.contains(&&"target".into()) && why.contains(&&"grant".into()) && why.contains(&&"account".into()),
        "{now}"
    );

    let kept = told(&site, &["retention"]);
    let rows = kept["rows"].as_array().unwrap();
    assert_eq!((&rows[0]["kind"], &rows[0]["months"], &rows[1]["count"]), (&"journal".into(), &12.into(), &1.into()));
    fails(&site, &["report", "register", "--vendor", "nobody"], 66, "no vendor `nobody`");
    fails(&site, &["report", "register", "--from", "2026-02-01", "--to", "2026-01-01"], 65, "exchange");
}

/// EVI-11: read from the live system; a control that is switched off shows at the next look.
#[test]
fn conformity_follows_the_configuration() {
    let site = Site::with(SiteOptions { supervision: "required", ..SiteOptions::default() });
    auditor(&site);
    let state = |id: &str| {
        let told = told(&site, &["conformity"]);
        let row = told["rows"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap().clone();
        row["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state("CERT-18"), "held");
    assert_eq!(state("CERT-16"), "held");
    // Its technicians log in without a key.
    assert_eq!(state("CERT-04"), "partly");
    assert_eq!(state("CERT-01"), "not-ours");
    let text = std::fs::read_to_string(&site.config).unwrap();
    let weaker = text
        .replace("supervision = \"required\"", "supervision = \"none\"")
        .replace("open = \"hours\"", "open = \"always\"");
    std::fs::write(&site.config, weaker).unwrap();
    site.ok(&["reload"]);
    assert_eq!(state("CERT-18"), "not-held");
    assert_eq!(state("CERT-16"), "not-held");
    let page = site.ok(&["report", "conformity", "--format", "html", "--language", "en"]);
    assert!(
        page.contains("<td>NOT HELD</td>") && page.contains("target.scanner.supervision = &quot;none&quot;"),
        "{page}"
    );
    assert!(site.ok(&["report", "conformity", "--language", "fr"]).contains("PAS TENUE"));
}

/// LOG-17: with the daemon and without it; red shows in the exit status.
#[test]
fn the_doctor_looks_with_and_without_the_daemon() {
    let mut site = Site::start();
    let level = |site: &Site, id: &str| {
        let out = site.poterne(&["doctor", "--json"], "");
        let told: Value = serde_json::from_slice(&out.stdout).unwrap();
        assert_eq!(out.status.code().map(i64::from), told["exit"].as_i64());
        let found = told["checks"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
        assert!(found["seen"].as_str().is_some_and(|seen| !seen.starts_with("doctor-")), "{found}");
        (found["level"].as_str().unwrap().to_owned(), found["found"].as_str().unwrap().to_owned())
    };
    site.await_open();
    assert_eq!(level(&site, "daemon"), ("green".to_owned(), "well".to_owned()));
    assert_eq!(level(&site, "listener").1, "due");
    assert_eq!(level(&site, "vault-key"), ("red".to_owned(), "beside".to_owned()));
    site.stop_daemon();
    assert_eq!(level(&site, "daemon"), ("amber".to_owned(), "silent".to_owned()));
    let out = site.poterne(&["doctor", "--language", "fr"], "");
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stdout).contains("rouge"), "{}", String::from_utf8_lossy(&out.stdout));
}
