//! The console's port as it is met from outside: every address with every role, what was not meant, what
//! a cookie is worth, and the programming interface held against its description.

pub(crate) mod client;
mod health;
mod schema;

use super::files::scanned_at;
use client::{Browser, Console, add_staff};
use console::{Access, Kind, Route, routes};
use harness::clamd::{SIGNATURE, eicar};
use harness::{Answers, Person, Site, SiteOptions, Terminal, free_port};
use lifecycle::Role;
use serde_json::{Value, json};

/// A hospital with a session that runs and a request that waits, both of radiologie.
struct Ward {
    site: Site,
    console: Console,
    session: String,
    number: u64,
    henri: Person,
    anne: Person,
    _alice: Terminal,
    _bruno: Terminal,
}

fn ward() -> Ward {
    let port = free_port();
    let more = format!("[console]\nlisten = \"127.0.0.1:{port}\"\n\n[groups.laboratoire]\nname = \"Laboratoire\"\n");
    let site = Site::with(SiteOptions { technicians: 2, more, ..SiteOptions::default() });
    site.sign_in("nadia");
    let henri = add_staff(&site, "henri", &["--role", "approver", "--group", "laboratoire"]);
    let anne = add_staff(&site, "anne", &["--role", "auditor"]);
    let alice = site.shell("alice");
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    let mut bruno = site.ssh("bruno+scanner", &[], &[]);
    let (number, _) = site.walk(&mut bruno, "bruno", &Answers::default());
    let console = Console::of(port);
    Ward { site, console, session, number, henri, anne, _alice: alice, _bruno: bruno }
}

impl Ward {
    /// The address, about things of radiologie that exist.
    fn address(&self, route: &Route) -> String {
        let login = if route.path.contains("/staff/") { "paul" } else { "alice" };
        route
            .path
            .replace("{number}", &self.number.to_string())
            .replace("{id}", if route.path.contains("/tokens/") { "t-0000000000000000" } else { &self.session })
            .replace("{login}", login)
            .replace("{vendor}", "imagix")
            .replace("{place}", "nowhere")
            .replace("{name}", "console.css")
    }

    /// What was going on still goes on.
    fn nothing_was_done(&self) {
        let one = self.site.json(&["intervention", "show", &self.number.to_string()]);
        assert_eq!(one["state"], "requested", "{one} {:?}", self.site.entries("intervention-withdrawn"));
        assert_ne!(self.site.json(&["session", "show", &self.session])["state"], "ended");
        let status = self.site.json(&["status"]);
        assert_eq!(status["lockdown"], false);
        assert_eq!(self.site.json(&["technician", "show", "alice"])["state"], "active");
        assert!(
            self.site
                .json(&["vendor", "list"])
                .as_array()
                .unwrap()
                .iter()
                .all(|one| one["frozen"].is_null() || one["frozen"] == false)
        );
    }
}

/// The kind of body that an address takes, and an empty one.
fn empty(route: &Route) -> (&'static str, String) {
    match route.kind {
        Kind::Api => ("application/json", "{}".to_owned()),
        _ => ("application/x-www-form-urlencoded", String::new()),
    }
}

/// A body with which something would be done: the example of the document, or a form with a reason.
fn full(route: &Route, document: &Value) -> (&'static str, String) {
    if route.kind != Kind::Api || route.method == "GET" {
        return ("application/x-www-form-urlencoded", "reason=x&text=x&word=x".to_owned());
    }
    let body = &document["paths"][route.path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let shape = document.pointer(body.as_str().unwrap().trim_start_matches('#')).unwrap();
    ("application/json", shape["examples"][0].to_string())
}

fn may(access: Access, role: Role) -> bool {
    match access {
        Access::Anybody | Access::SignedIn => true,
        Access::Roles(roles) => roles.contains(&role),
        // Tokens aside: everybody, each what they may see.
        Access::Export(_) => true,
    }
}

/// Past failures: CVE-2023-43652, CVE-2026-63330, CVE-2023-42442, CVE-2023-49961.
#[tokio::test(flavor = "multi_thread")]
async fn every_address_gives_each_role_what_its_table_says() {
    let ward = ward();
    let console = &ward.console;
    let nobody = Browser::default();
    let document = console.get("/api/v1/openapi.json", &nobody).await.json();
    let claire = console.sign_in(ward.site.member("claire"), "").await;
    let nadia = console.sign_in(ward.site.member("nadia"), "").await;
    let sophie = console.sign_in(ward.site.member("sophie"), "").await;
    let (henri, anne) = (console.sign_in(&ward.henri, "").await, console.sign_in(&ward.anne, "").await);
    let people =
        [(&claire, Role::Approver), (&nadia, Role::Operator), (&sophie, Role::Security), (&anne, Role::Auditor)];
    for route in routes().filter(|route| !route.path.contains("{*")) {
        let (address, (kind, body)) = (ward.address(route), empty(route));
        let what = format!("{} {address}", route.method);
        let request = |browser: &Browser, (kind, body): (&str, String)| match route.method {
            "GET" => console.request("GET", &address, browser),
            _ => console.meant(&address, browser, kind, body),
        };
        // Nobody.
        let told = console.send(request(&nobody, (kind, body.clone()))).await;
        match (route.access, route.kind) {
            // What anybody may do asks for a form of its own, which this is not.
            (Access::Anybody, _) => assert_ne!(told.status, 401, "{what}"),
            (_, Kind::Page) => {
                assert_eq!(told.status, 303, "{what}");
                assert!(told.location.starts_with("/sign-in"), "{what}: {}", told.location);
            }
            _ => assert_eq!(told.status, 401, "{what}"),
        }
        if route.kind == Kind::Api && told.status >= 400 {
            assert!(told.kind.starts_with("application/json"), "{what}: {}", told.kind);
            assert!(told.json()["code"].is_string() && told.json()["error"].is_string(), "{what}: {}", told.body);
        }
        // Signing out has a test of its own; signing in and enrolling are nobody's.
        if route.path == "/sign-out" || (route.access == Access::Anybody && route.method == "POST") {
            continue;
        }
        for (browser, role) in people {
            let told = console.send(request(browser, (kind, body.clone()))).await;
            // Frames of a recording that nobody has opened in this sign-in are nobody's yet.
            let unopened = route.path.contains("/replay/") && told.status == 403;
            match may(route.access, role) {
                true if unopened => {}
                true => {
                    assert!(![401, 403].contains(&told.status), "{what} as {role}: {} {}", told.status, told.body);
                    assert!(!told.location.starts_with("/sign-in"), "{what} as {role}");
                    assert!(told.status < 500, "{what} as {role}: {}", told.body);
                }
                false => assert_eq!(told.status, 403, "{what} as {role}: {}", told.body),
            }
        }
        // The other group's approver: what exists for others does not exist.
        let concrete = address != route.path && route.kind != Kind::Asset || route.path == "/api/v1/plan";
        // What is about no thing of the other group, such as the red button, would be done.
        let body = if concrete { full(route, &document) } else { empty(route) };
        let told = console.send(request(&henri, body)).await;
        match (may(route.access, Role::Approver), concrete) {
            (false, _) => assert_eq!(told.status, 403, "{what} as henri"),
            (true, true) => assert_eq!(told.status, 404, "{what} as henri: {}", told.body),
            (true, false) => assert!(![401, 403].contains(&told.status), "{what} as henri: {}", told.status),
        }
        if route.method == "GET" && route.kind == Kind::Api && !address.ends_with(".csv") {
            described(console, &document, route, &address, &people).await;
        }
    }
    ward.nothing_was_done();
}

/// What is sent is what the document says.
async fn described(console: &Console, document: &Value, route: &Route, address: &str, people: &[(&Browser, Role)]) {
    let address = match route.path {
        "/api/v1/explain" => "/api/v1/explain?technician=alice&target=scanner".to_owned(),
        _ => address.to_owned(),
    };
    for (browser, role) in people.iter().filter(|(_, role)| may(route.access, *role)) {
        let told = console.get(&address, browser).await;
        assert_eq!(told.status, 200, "{address} as {role}: {}", told.body);
        let responses = &document["paths"][route.path]["get"]["responses"];
        let schema = &responses["200"]["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{address}");
        assert_eq!(schema::wrong(document, schema, &told.json(), ""), None, "{address} as {role}");
    }
}

/// Past failures: CVE-2018-1340.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_meant_is_not_done() {
    let ward = ward();
    let console = &ward.console;
    let document = console.get("/api/v1/openapi.json", &Browser::default()).await.json();
    let claire = console.sign_in(ward.site.member("claire"), "").await;
    let nadia = console.sign_in(ward.site.member("nadia"), "").await;
    let sophie = console.sign_in(ward.site.member("sophie"), "").await;
    for route in routes().filter(|route| route.method == "POST") {
        let browser = [(&claire, Role::Approver), (&nadia, Role::Operator), (&sophie, Role::Security)]
            .into_iter()
            .find(|(_, role)| may(route.access, *role))
            .map(|(browser, _)| browser)
            .unwrap();
        let (address, (kind, body)) = (ward.address(route), full(route, &document));
        let bare = || console.request("POST", &address, browser).header("content-type", kind).body(body.clone());
        let with = |name: &str| {
            let header = |request: reqwest::RequestBuilder, key: &str, value: &str| match key == name {
                true => request,
                false => request.header(key, value),
            };
            header(header(bare(), "origin", &console.base), "x-csrf-token", &browser.csrf)
        };
        let no_token = with("x-csrf-token");
        let wrong_token = with("x-csrf-token").header("x-csrf-token", &"A".repeat(43));
        let no_origin = with("origin");
        let foreign = with("origin").header("origin", "https://evil.example");
        let null = with("origin").header("origin", "null");
        let cross = with("").header("sec-fetch-site", "cross-site");
        let same_site = with("").header("sec-fetch-site", "same-site");
        for (what, request) in [
            ("no token", no_token),
            ("wrong token", wrong_token),
            ("no origin", no_origin),
            ("foreign origin", foreign),
            ("null origin", null),
            ("cross-site", cross),
            ("same-site", same_site),
        ] {
            assert_eq!(console.send(request).await.status, 403, "{address}: {what}");
        }
        for other in ["text/plain", "multipart/form-data; boundary=x"] {
            let told = console.send(console.meant(&address, browser, other, body.clone())).await;
            assert_eq!(told.status, 415, "{address}: {other}");
        }
        let large = format!("{body}{}", " ".repeat(65 << 10));
        assert_eq!(console.send(console.meant(&address, browser, kind, large)).await.status, 413, "{address}");
        if !routes().any(|other| other.method == "GET" && other.path == route.path) {
            assert_eq!(console.get(&address, browser).await.status, 405, "{address}");
        }
    }
    ward.nothing_was_done();
}

/// Past failures: CVE-2018-1340.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_is_worth_what_its_owner_is() {
    let ward = ward();
    let console = &ward.console;
    // What was planted before the sign-in is worth nothing after it.
    let planted = "planted-by-somebody-else-AAAAAAAAAAAAAAAAAA";
    let paul = console.sign_in(ward.site.member("paul"), planted).await;
    assert_ne!(paul.cookie, planted);
    let fixed = Browser { cookie: planted.to_owned(), csrf: String::new() };
    assert_eq!(console.get("/api/v1/me", &fixed).await.status, 401);
    // Disabled: at once.
    let nadia = console.sign_in(ward.site.member("nadia"), "").await;
    assert_eq!(console.get("/api/v1/me", &paul).await.status, 200);
    let because = json!({ "reason": "left the hospital" });
    assert_eq!(console.api("/api/v1/staff/paul/disable", &nadia, &because).await.status, 204);
    assert_eq!(console.get("/api/v1/me", &paul).await.status, 401);
    // Other roles: at once, either way.
    let anne = console.sign_in(&ward.anne, "").await;
    assert_eq!(console.get("/sessions", &anne).await.status, 403);
    assert_eq!(console.get("/reviews", &anne).await.status, 200);
    let change = json!({ "roles": ["operator"], "groups": [], "reason": "changes her office" });
    let told = console.api("/api/v1/staff/anne/change", &nadia, &change).await;
    assert_eq!(told.status, 204, "{}", told.body);
    assert_eq!(console.get("/sessions", &anne).await.status, 200);
    assert_eq!(console.get("/reviews", &anne).await.status, 403);
    // Signed out: at once.
    let form = "application/x-www-form-urlencoded";
    assert_eq!(console.send(console.meant("/sign-out", &anne, form, String::new())).await.status, 303);
    assert_eq!(console.get("/api/v1/me", &anne).await.status, 401);
}

/// Past failures: CVE-2023-46123.
#[tokio::test(flavor = "multi_thread")]
async fn the_api_decides_as_the_form_does_and_a_token_reads_one_export() {
    let ward = ward();
    let (console, site) = (&ward.console, &ward.site);
    let claire = console.sign_in(site.member("claire"), "").await;
    let request = format!("/api/v1/requests/{}", ward.number);
    // Bad JSON says what is wrong.
    let told = console.api(&format!("{request}/approve"), &claire, &json!({ "verified": "guessed", "otp": "1" })).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (400, Some("json")));
    assert!(told.body.contains("guessed"), "{}", told.body);
    // A wrong code and a wrong one-time code are refused as by the form.
    let body = json!({ "verified": "called", "code": "AAAA", "otp": site.member("claire").fresh_code() });
    let told = console.api(&format!("{request}/approve"), &claire, &body).await;
    assert_eq!((told.status, told.json()["code"].as_str()), (422, Some("code")), "{}", told.body);
    let told = console.api(&format!("{request}/refuse"), &claire, &json!({ "reason": "not announced" })).await;
    assert_eq!(told.status, 204, "{}", told.body);
    assert_eq!(console.get(&request, &claire).await.json()["state"], "refused");
    // A token is made with a fresh code, and read with.
    let sophie = console.sign_in(site.member("sophie"), "").await;
    let make = |otp: String| json!({ "label": "SIEM", "scope": "sessions", "days": 90, "otp": otp });
    assert_eq!(console.api("/api/v1/tokens", &sophie, &make("000000".to_owned())).await.status, 403);
    let made = console.api("/api/v1/tokens", &sophie, &make(site.member("sophie").fresh_code())).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let (token, id) =
        (made.json()["token"].as_str().unwrap().to_owned(), made.json()["id"].as_str().unwrap().to_owned());
    let nobody = Browser::default();
    let with = |path: &str, token: &str| {
        console.request("GET", path, &nobody).header("authorization", format!("Bearer {token}"))
    };
    let told = console.send(with("/api/v1/export/sessions.json?target=scanner", &token)).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.json()["rows"][0]["id"], ward.session.as_str());
    let read = site.entries("export-read").pop().unwrap();
    assert_eq!((&read["rows"], &read["filters"]), (&json!(1), &json!("target=scanner")), "{read}");
    assert_eq!(read["by"]["token"], id.as_str(), "{read}");
    let csv = console.send(with("/api/v1/export/sessions.csv", &token)).await;
    assert!(csv.status == 200 && csv.body.contains(&ward.session), "{}", csv.body);
    // And nothing else.
    for path in ["/api/v1/export/interventions.json", "/api/v1/me", "/api/v1/requests", "/api/v1/tokens"] {
        let told = console.send(with(path, &token)).await;
        assert_eq!(told.status, 401, "{path}");
        assert!(told.json()["code"].as_str().unwrap().starts_with("token"), "{path}: {}", told.body);
    }
    assert_eq!(console.send(with("/requests", &token)).await.status, 303);
    assert_eq!(console.send(with(&format!("{request}/approve"), &token)).await.status, 401);
    // Revoked: at once. Guesses: few.
    let told = console.api(&format!("/api/v1/tokens/{id}/revoke"), &sophie, &json!({})).await;
    assert_eq!(told.status, 204, "{}", told.body);
    assert_eq!(console.send(with("/api/v1/export/sessions.json", &token)).await.status, 401);
    let mut last = 0;
    for n in 0..12 {
        // CVE-2023-46123: whoever says that somebody else asks is still the one who asks.
        let from = format!("198.51.100.{n}");
        let guess = with("/api/v1/export/sessions.json", &format!("poterne-export-{n}"));
        last = console.send(guess.header("x-forwarded-for", from)).await.status;
    }
    assert_eq!(last, 429);
    // A program gone wrong keeps nobody from the console.
    assert_eq!(console.get("/api/v1/me", &sophie).await.status, 200);
}

/// The security officer reads of a file that the scanner recognised, and by what name, on the session's
/// page and through the API, and an operator nothing of it (NET-14).
#[tokio::test(flavor = "multi_thread")]
async fn an_infected_file_is_told_by_page_and_api() {
    let port = free_port();
    let (all, _clamd, _folder) = scanned_at(false, &format!("[console]\nlisten = \"127.0.0.1:{port}\"\n\n"));
    let bad = all.made("bad.com", &eicar());
    let there = all.file("arrived");
    let out = all.run("scp", &[&bad.display().to_string(), &format!("alice+scanner@127.0.0.1:{}", there.display())]);
    assert!(!out.status.success() && !there.exists());
    let (site, session) = all.over();
    let number = &session["intervention"];
    let console = Console::of(port);
    let sophie = console.sign_in(site.member("sophie"), "").await;
    let told = console.get(&format!("/api/v1/interventions/{number}"), &sophie).await;
    let file = &told.json()["sessions"][0]["files"]["shown"][0];
    assert_eq!(file["result"], "infected", "{}", told.body);
    assert!(told.body.contains(SIGNATURE), "{}", told.body);
    let page = console.get(&format!("/interventions/{number}"), &sophie).await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(SIGNATURE) && page.body.contains("arrived"), "{}", page.body);
    let csv = console.get("/api/v1/export/files.csv", &sophie).await;
    assert!(csv.status == 200 && csv.body.contains(SIGNATURE), "{}", csv.body);
}
