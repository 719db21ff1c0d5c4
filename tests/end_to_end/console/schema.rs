//! As much of JSON Schema as the document uses: what is sent is held against what is described.

use serde_json::Value;

/// What is wrong with a value, if something is.
pub(super) fn wrong(document: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let held = document.pointer(name.trim_start_matches('#')).expect("a schema");
        return wrong(document, held, value, at);
    }
    if let Some(any) = schema["anyOf"].as_array() {
        let all: Vec<String> = any.iter().map_while(|one| wrong(document, one, value, at)).collect();
        return (all.len() == any.len()).then(|| all.join("; or "));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !kinds.contains(&kind) {
        return Some(format!("{at} is {kind}, not {kinds:?}: {value}"));
    }
    match value {
        Value::String(text) => {
            let listed = schema["enum"].as_array().is_none_or(|words| words.contains(value));
            let time = schema["format"] != "date-time" || text.parse::<jiff::Timestamp>().is_ok();
            (!listed || !time).then(|| format!("{at} is {text}"))
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(n, item)| {
            let schema = schema["prefixItems"].get(n).unwrap_or(&schema["items"]);
            wrong(document, schema, item, &format!("{at}.{n}"))
        }),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.into_iter().find(|name| !fields.contains_key(*name));
            let closed = schema["additionalProperties"] == false;
            let more = fields.keys().find(|name| closed && schema["properties"].get(name.as_str()).is_none());
            missing
                .map(|name| format!("{at}.{name} is missing"))
                .or(more.map(|name| format!("{at}.{name} is not described")))
                .or_else(|| {
                    fields.iter().find_map(|(name, field)| {
                        wrong(document, &schema["properties"][name.as_str()], field, &format!("{at}.{name}"))
                    })
                })
        }
        _ => None,
    }
}
