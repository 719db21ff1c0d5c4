//! The document says what is: its addresses are those of the table, its shapes those that serde takes.

use super::*;
use crate::api::shapes::{SHAPES, WORDS};
use crate::api::{body, people, plan, requests, sessions, tokens};
use crate::routes::{Kind, routes};
use lifecycle::ExportScope;
use policy::{Right, Verified};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn every_address_is_described_and_no_other() {
    let of_table: BTreeSet<(String, String)> = routes()
        .filter(|route| route.path.starts_with("/api/v1/"))
        .map(|route| (route.path.to_owned(), route.method.to_lowercase()))
        .collect();
    let document = document();
    let of_document: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(|method| (path.clone(), method.clone())))
        .collect();
    assert_eq!(of_table, of_document);
    assert_eq!(OPERATIONS.len(), of_table.len(), "something is described that does not exist, or twice");
    for route in routes() {
        assert_eq!(route.kind == Kind::Api, route.path.starts_with("/api/v1/"), "{}", route.path);
    }
}

#[test]
fn each_operation_says_who_may_and_what_comes() {
    let document = document();
    for route in ROUTES {
        let one = &document["paths"][route.path][route.method.to_lowercase()];
        let named: Vec<&str> = one["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(named, parameters(route.path).collect::<Vec<_>>(), "{}", route.path);
        assert_eq!(one["x-roles"], json!(roles(&route.access)), "{}", route.path);
        let responses = one["responses"].as_object().unwrap();
        assert_eq!(responses.keys().filter(|status| status.starts_with('2')).count(), 1, "{}", route.path);
        assert_eq!(responses.contains_key("401"), route.access != Access::Anybody, "{}", route.path);
        assert_eq!(one.get("requestBody").is_some(), route.method == "POST", "{}", route.path);
        // A token is taken by exports alone.
        assert_eq!(one["security"].to_string().contains("exportToken"), route.path.contains("/export/"));
        assert_eq!(matches!(route.access, Access::Export(_)), route.path.contains("/export/"), "{}", route.path);
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(name)) = fields.get("$ref") {
                found.insert(name.strip_prefix("#/components/schemas/").unwrap().to_owned());
            }
            fields.values().for_each(|value| references(value, found));
        }
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    let (document, mut found) = (document(), BTreeSet::new());
    references(&document, &mut found);
    let schemas: BTreeSet<String> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(found, schemas);
}

fn takes<T: DeserializeOwned>(value: &Value) -> Result<(), String> {
    serde_json::from_value::<T>(value.clone()).map(|_| ()).map_err(|error| error.to_string())
}

/// Whether a body is taken, by the name of its shape.
type Takes = fn(&Value) -> Result<(), String>;

fn bodies() -> BTreeMap<&'static str, Takes> {
    BTreeMap::from([
        ("Approve", takes::<requests::Approve> as Takes),
        ("Because", takes::<body::Because>),
        ("Nothing", takes::<body::Nothing>),
        ("Plan", takes::<plan::Plan>),
        ("Extend", takes::<plan::Extend>),
        ("Review", takes::<plan::Review>),
        ("Freeze", takes::<sessions::Freeze>),
        ("Resume", takes::<sessions::Resume>),
        ("Invite", takes::<people::Invite>),
        ("Activate", takes::<people::Activate>),
        ("Reset", takes::<people::Reset>),
        ("Change", takes::<people::Change>),
        ("MakeToken", takes::<tokens::Make>),
    ])
}

/// The example of each body is taken; without a required field it is not, without another it is; each
/// field that is described is known, and no other.
#[test]
fn bodies_are_what_is_taken() {
    let bodies = bodies();
    let described: Vec<&str> = OPERATIONS.iter().map(|one| one.body).filter(|body| !body.is_empty()).collect();
    assert!(described.iter().all(|name| bodies.contains_key(name)), "a body is not tried here");
    for (name, takes) in bodies {
        let shape = SHAPES.iter().find(|shape| shape.name == name).unwrap();
        let example: Value = serde_json::from_str(shape.example).unwrap();
        takes(&example).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (field, _) in shape.fields {
            let (field, optional) = field.strip_suffix('?').map_or((*field, false), |field| (field, true));
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(field);
            assert_eq!(takes(&without).is_ok(), optional, "{name} without {field}");
            // What is known is complained of by its kind, not by its name.
            let mut wrong = example.clone();
            wrong.as_object_mut().unwrap().insert(field.to_owned(), json!({ "x": [] }));
            let error = takes(&wrong).unwrap_err();
            assert!(!error.contains("unknown field"), "{name}.{field}: {error}");
        }
        let mut more = example;
        more.as_object_mut().unwrap().insert("besides".to_owned(), json!(1));
        assert!(takes(&more).unwrap_err().contains("unknown field `besides`"), "{name}");
    }
}

/// Words are those of the types that they stand for.
#[test]
fn words_are_those_of_their_types() {
    fn all<T: serde::Serialize>(words: &[T]) -> Vec<String> {
        words.iter().map(|word| serde_json::to_value(word).unwrap().as_str().unwrap().to_owned()).collect()
    }
    let words = |name: &str| WORDS.iter().find(|(held, _)| *held == name).unwrap().1.to_vec();
    assert_eq!(words("Role"), all(&[Role::Approver, Role::Operator, Role::Security, Role::Auditor]));
    assert_eq!(words("Verified"), all(&[Verified::Called, Verified::Caller, Verified::Present]));
    assert_eq!(words("ExportScope"), all(&ExportScope::ALL.map(|(_, scope)| scope)));
}

/// A right is described as what is taken: every word, and each kind that names something.
#[test]
fn rights_are_described_as_they_are_taken() {
    let document = document();
    let right = &document["components"]["schemas"]["Right"];
    let pattern = right["pattern"].as_str().unwrap();
    for right in &Right::WORDS {
        assert!(pattern.contains(right.word()), "{right}");
    }
    let examples = right["examples"].as_array().unwrap();
    let named: BTreeSet<&str> =
        examples.iter().map(|text| text.as_str().unwrap().parse::<Right>().unwrap().word()).collect();
    assert!(["command", "forward"].iter().all(|word| named.contains(word) && pattern.contains(word)), "{named:?}");
}

/// `docs/openapi.json` is this document. Written anew by `POTERNE_WRITE_OPENAPI=1 cargo nextest run -p
/// console the_document_in_the_repository`.
#[test]
fn the_document_in_the_repository_is_this_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("POTERNE_WRITE_OPENAPI").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap() == text, "docs/openapi.json is another document: write it anew");
}
