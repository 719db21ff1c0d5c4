//! The API described for programs: OpenAPI 3.1, out of the table of addresses and the shapes.

use super::ROUTES;
use super::shapes::{schema, schemas};
use crate::page::Answer;
use crate::routes::{Access, EXPORTING, Route};
use axum::Json;
use axum::response::IntoResponse as _;
use lifecycle::Role;
use serde_json::{Map, Value, json};

/// What an address gives.
#[derive(Clone, Copy)]
enum Gives {
    /// A view.
    One(&'static str),
    /// A page of a list of these.
    List(&'static str),
    /// Nothing more to say.
    Nothing,
    /// Text of this type.
    Text(&'static str),
    /// This document.
    Document,
}
use Gives::{Document, List, Nothing, One, Text};

/// One address, described. What method, parameters and roles it has stands in the table of addresses.
struct Operation {
    method: &'static str,
    path: &'static str,
    about: &'static str,
    query: &'static [&'static str],
    body: &'static str,
    gives: Gives,
}

const fn get(path: &'static str, about: &'static str, query: &'static [&'static str], gives: Gives) -> Operation {
    Operation { method: "GET", path, about, query, body: "", gives }
}

const fn post(path: &'static str, about: &'static str, body: &'static str, gives: Gives) -> Operation {
    Operation { method: "POST", path, about, query: &[], body, gives }
}

const REGISTER: &[&str] = &["vendor", "technician", "target", "from", "until", "state", "emergency", "file"];
const CSV: Gives = Text("text/csv");

/// All of them, in the order of the table. Paths below `/api/v1`.
const OPERATIONS: &[Operation] = &[
    get("/openapi.json", "This document.", &[], Document),
    get("/me", "Who is signed in, and the token that each POST must bring.", &[], One("Me")),
    get(
        "/requests",
        "Requests. `list`: waiting (the default), planned or review.",
        &["list", "page"],
        List("RequestLine"),
    ),
    get("/requests/{number}", "One request in full.", &[], One("Request")),
    post(
        "/requests/{number}/approve",
        "Approves, with the code heard and a fresh code of one's own.",
        "Approve",
        One("Decided"),
    ),
    post("/requests/{number}/refuse", "Refuses; the technician reads the reason.", "Because", Nothing),
    post("/requests/{number}/withdraw", "Takes back what was planned.", "Nothing", Nothing),
    post("/plan", "Opens an intervention in advance, or an emergency now.", "Plan", One("Decided")),
    post("/reviews/{number}", "Writes down what the look back at an emergency found.", "Review", Nothing),
    get("/sessions", "Sessions that run now.", &["page"], List("SessionLine")),
    post("/sessions/{id}/freeze", "Freezes a session.", "Freeze", Nothing),
    post("/sessions/{id}/resume", "Lets a frozen session go on.", "Resume", Nothing),
    post("/sessions/{id}/cut", "Cuts a session.", "Because", Nothing),
    post("/sessions/{id}/extend", "Gives a session more time: a new approval.", "Extend", One("Decided")),
    get(
        "/interventions",
        "The register. Days are the site's, both included. `file`: a part of the name of a file that was moved.",
        &["vendor", "technician", "target", "from", "until", "state", "emergency", "file", "page"],
        List("Intervention"),
    ),
    get("/interventions/{number}", "One intervention with everything that is known of it.", &[], One("Dossier")),
    get(
        "/explain",
        "What the rules say of a technician on a target, now or `at`.",
        &["technician", "target", "at", "source"],
        One("Explained"),
    ),
    get("/technicians", "Technicians. `q`: a part of a name.", &["q", "state", "page"], List("TechnicianLine")),
    get("/technicians/{login}", "One technician in full.", &[], One("Technician")),
    post("/technicians", "Invites a technician.", "Invite", One("Invited")),
    post("/technicians/{login}/activate", "Activates an account, by the word read out.", "Activate", Nothing),
    post("/technicians/{login}/disable", "Disables an account and ends its sessions.", "Because", Nothing),
    post("/technicians/{login}/unlock", "Lifts a lock.", "Nothing", Nothing),
    post("/technicians/{login}/reset", "Ends the factors of an account and invites anew.", "Reset", One("Invited")),
    get("/staff", "The hospital's staff.", &["page"], List("StaffLine")),
    get("/staff/{login}", "One member of staff in full.", &[], One("Staff")),
    post("/staff/{login}/disable", "Disables a member of staff.", "Because", Nothing),
    post("/staff/{login}/unlock", "Lifts a lock.", "Nothing", Nothing),
    post("/staff/{login}/change", "Changes roles and groups.", "Change", Nothing),
    get("/health", "How the machine is.", &[], One("Health")),
    post("/vendors/{vendor}/freeze", "Suspends a vendor and ends its sessions.", "Because", Nothing),
    post("/vendors/{vendor}/thaw", "Lets a vendor in again.", "Because", Nothing),
    post("/lockdown/begin", "Ends everything and lets nobody in.", "Because", Nothing),
    post("/lockdown/end", "Opens again.", "Because", Nothing),
    get("/tokens", "Tokens that read an export.", &["page"], List("TokenLine")),
    post("/tokens", "Makes a token; it is told this once.", "MakeToken", One("Token")),
    post("/tokens/{id}/revoke", "Ends a token.", "Nothing", Nothing),
    get("/export/interventions.csv", "The register as CSV.", REGISTER, CSV),
    get("/export/interventions.json", "The register.", REGISTER, One("InterventionExport")),
    get("/export/sessions.csv", "Sessions as CSV.", REGISTER, CSV),
    get("/export/sessions.json", "Sessions.", REGISTER, One("SessionExport")),
    get("/export/files.csv", "Files that were moved or changed, as CSV.", REGISTER, CSV),
    get("/export/files.json", "Files that were moved or changed.", REGISTER, One("FileExport")),
];

/// What begins each address.
const BASE: &str = "/api/v1";

fn operation(route: &Route) -> Option<&'static Operation> {
    let path = route.path.strip_prefix(BASE)?;
    OPERATIONS.iter().find(|one| one.method == route.method && one.path == path)
}

/// Names of the parameters in an address.
fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn answer(gives: Gives) -> (&'static str, Value) {
    let json_of =
        |schema: Value| json!({ "description": "Done.", "content": { "application/json": { "schema": schema } } });
    match gives {
        One(name) => ("200", json_of(schema(name))),
        List(name) => {
            let page = json!({
                "type": "object",
                "properties": {
                    "items": { "type": "array", "items": schema(name) },
                    "page": schema("integer"),
                    "pages": schema("integer"),
                    "total": schema("integer"),
                    "next": schema("string?"),
                },
                "required": ["items", "page", "pages", "total", "next"],
                "additionalProperties": false,
            });
            ("200", json_of(page))
        }
        Nothing => ("204", json!({ "description": "Done." })),
        Text(kind) => ("200", json!({ "description": "Done.", "content": { kind: { "schema": schema("string") } } })),
        Document => ("200", json_of(json!({ "type": "object" }))),
    }
}

fn roles(access: &Access) -> &'static [Role] {
    match access {
        Access::Anybody | Access::SignedIn => &[],
        Access::Roles(roles) => roles,
        Access::Export(_) => EXPORTING,
    }
}

fn described(route: &Route, one: &Operation) -> Value {
    let (status, done) = answer(one.gives);
    let mut responses = Map::from_iter([(status.to_owned(), done)]);
    let mut refused = |status: &str| {
        let schema = schema("Error");
        let why = json!({ "description": "Refused.", "content": { "application/json": { "schema": schema } } });
        responses.insert(status.to_owned(), why);
    };
    let post = route.method == "POST";
    let signed_in = route.access != Access::Anybody;
    let with_roles = matches!(route.access, Access::Roles(_) | Access::Export(_));
    for (status, can) in [
        ("400", post),
        ("401", signed_in),
        ("403", with_roles || post),
        ("404", parameters(route.path).next().is_some() || one.body == "Plan"),
        ("413", post),
        ("415", post),
        ("422", post || !one.query.is_empty()),
        ("429", matches!(route.access, Access::Export(_))),
        ("503", signed_in),
    ] {
        if can {
            refused(status);
        }
    }
    let in_path = parameters(route.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": schema("string") }));
    let in_query = one.query.iter().map(|name| {
        let kind = if *name == "page" { "integer" } else { "string" };
        json!({ "name": name, "in": "query", "required": false, "schema": schema(kind) })
    });
    let csrf = post.then(|| {
        json!({ "name": "X-CSRF-Token", "in": "header", "required": true, "schema": schema("string"),
                "description": "The `csrf` of /api/v1/me." })
    });
    let security = match route.access {
        Access::Anybody => json!([]),
        Access::Export(_) => json!([{ "cookie": [] }, { "exportToken": [] }]),
        Access::SignedIn | Access::Roles(_) => json!([{ "cookie": [] }]),
    };
    let mut whole = json!({
        "summary": one.about,
        "parameters": in_path.chain(in_query).chain(csrf).collect::<Vec<Value>>(),
        "security": security,
        "x-roles": roles(&route.access),
        "responses": responses,
    });
    if let (true, Value::Object(whole)) = (post, &mut whole) {
        let body = json!({ "required": one.body != "Nothing", "content": { "application/json": { "schema": schema(one.body) } } });
        whole.insert("requestBody".to_owned(), body);
    }
    whole
}

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for (route, one) in ROUTES.iter().filter_map(|route| Some((route, operation(route)?))) {
        let entry = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Value::Object(entry) = entry {
            entry.insert(route.method.to_lowercase(), described(route, one));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Poterne",
            "version": "1",
            "description": "The commands and views of the console. Sign in at /sign-in with a browser's cookie; \
                each POST brings the headers X-CSRF-Token and Origin. No token opens a session or approves: \
                tokens read one export each.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "cookie": { "type": "apiKey", "in": "cookie", "name": crate::signed_in::COOKIE },
                "exportToken": { "type": "http", "scheme": "bearer" },
            },
        },
    })
}

/// The document.
pub(super) async fn show() -> Answer {
    Ok(Json(document()).into_response())
}

#[cfg(test)]
mod tests;
