//! A browser's part in the tests of the console: cookies, the form's token, and what every answer must
//! have.

use harness::{Person, Site, eventually};
use reqwest::{Client, Method, RequestBuilder, StatusCode, redirect};
use serde_json::Value;
use std::net::TcpStream;
use std::time::Duration;

/// The console of a site.
pub(crate) struct Console {
    pub(crate) base: String,
    client: Client,
}

/// An answer, read as far as it comes at once.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) kind: String,
    pub(crate) cookies: Vec<String>,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The value of a cookie that was set.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let pair = self.cookies.iter().find_map(|line| line.strip_prefix(&format!("{name}=")))?;
        Some(pair.split(';').next().unwrap().to_owned())
    }
}

/// Somebody signed in.
#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Console {
    pub(crate) fn of(port: u16) -> Self {
        eventually("the console listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        // The console made its certificate itself; what is tested here is behind it.
        let client = Client::builder()
            .tls_danger_accept_invalid_certs(true)
            .redirect(redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        Self { base: format!("https://127.0.0.1:{port}"), client }
    }

    pub(crate) fn request(&self, method: &str, path: &str, browser: &Browser) -> RequestBuilder {
        let request =
            self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", self.base));
        match browser.cookie.is_empty() {
            true => request,
            false => request.header("cookie", format!("__Host-poterne={}", browser.cookie)),
        }
    }

    /// A request as one of our pages makes it.
    pub(crate) fn meant(&self, path: &str, browser: &Browser, kind: &str, body: String) -> RequestBuilder {
        self.request("POST", path, browser)
            .header("origin", &self.base)
            .header("sec-fetch-site", "same-origin")
            .header("x-csrf-token", &browser.csrf)
            .header("content-type", kind)
            .body(body)
    }

    /// Sends it, and looks at what every answer must have.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Told {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let url = answer.url().path().to_owned();
        let all = |name: &str| -> Vec<String> {
            answer.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
        };
        let one = |name: &str| all(name).join("|");
        assert!(one("content-security-policy").starts_with("default-src 'none'; "), "{url}");
        assert_eq!(one("x-content-type-options"), "nosniff", "{url}");
        assert_eq!(one("x-frame-options"), "DENY", "{url}");
        assert_eq!(one("referrer-policy"), "same-origin", "{url}");
        assert_eq!(one("cross-origin-opener-policy"), "same-origin", "{url}");
        let asset = console::routes().any(|route| route.kind == console::Kind::Asset && route.path == url);
        assert!(asset || url.starts_with("/assets/") || one("cache-control").contains("no-store"), "{url}");
        for cookie in all("set-cookie") {
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            assert!(!cookie.to_lowercase().contains("domain"), "{cookie}");
        }
        let (location, kind, cookies) = (one("location"), one("content-type"), all("set-cookie"));
        // A stream does not end; its status is all that is asked.
        let body = match kind.starts_with("text/event-stream") {
            true => String::new(),
            false => answer.text().await.unwrap(),
        };
        Told { status: status.as_u16(), location, kind, cookies, body }
    }

    pub(crate) async fn get(&self, path: &str, browser: &Browser) -> Told {
        self.send(self.request("GET", path, browser)).await
    }

    /// A command of the API.
    pub(crate) async fn api(&self, path: &str, browser: &Browser, body: &Value) -> Told {
        self.send(self.meant(path, browser, "application/json", body.to_string())).await
    }

    /// Signs somebody in by the form.
    pub(crate) async fn sign_in(&self, person: &Person, planted: &str) -> Browser {
        self.sign_in_by(person, &person.fresh_code(), planted).await
    }

    /// The same with this code.
    pub(crate) async fn sign_in_by(&self, person: &Person, code: &str, planted: &str) -> Browser {
        let form = self.get("/sign-in", &Browser::default()).await;
        let held = form.cookie("__Host-poterne-form").unwrap();
        let csrf = form.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let planted = if planted.is_empty() { String::new() } else { format!("; __Host-poterne={planted}") };
        let request = self
            .request("POST", "/sign-in", &Browser::default())
            .header("cookie", format!("__Host-poterne-form={held}{planted}"))
            .header("origin", &self.base)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("csrf={csrf}&login={}&password={}&otp={code}", person.login, person.password));
        let told = self.send(request).await;
        assert_eq!(told.status, StatusCode::SEE_OTHER.as_u16(), "{}: {}", person.login, told.body);
        let cookie = told.cookie("__Host-poterne").unwrap();
        let mut browser = Browser { cookie, csrf: String::new() };
        browser.csrf = self.get("/api/v1/me", &browser).await.json()["csrf"].as_str().unwrap().to_owned();
        browser
    }
}

/// Adds a member of staff, as the operator who is signed in at the command line.
pub(crate) fn add_staff(site: &Site, login: &str, role: &[&str]) -> Person {
    let person = Person::new(login);
    let email = format!("{login}@chu.example");
    let phone = format!("+33 6 00 00 1{:03}", login.bytes().map(u32::from).sum::<u32>() % 1000);
    let mut args = vec!["staff", "add", login, "--name", "Other Person", "--email", &email, "--phone", &phone];
    args.extend(role);
    args.push("--stdin");
    let out = site.poterne(&args, &format!("{}\n{}\n", person.password, person.totp));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    person
}
