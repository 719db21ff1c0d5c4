//! Reading TOML with places: every complaint says where.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the configuration holds.
    Warning,
    /// The configuration is refused whole.
    Error,
}

/// Something wrong, where, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad.
    pub severity: Severity,
    /// In which file.
    pub file: PathBuf,
    /// Line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What and what instead.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.file.display();
        if self.line == 0 {
            write!(f, "{place}: {}", self.message)
        } else {
            write!(f, "{place}:{}:{}: {}", self.line, self.column, self.message)
        }
    }
}

/// Where something stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    pub(crate) fn whole(file: &Path) -> Place {
        Place { file: file.to_owned(), line: 0, column: 0 }
    }

    pub(crate) fn of(file: &Path, text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Place { file: file.to_owned(), line, column }
    }
}

/// Collects problems, and which keys were asked for.
#[derive(Default)]
pub(crate) struct Sink {
    pub(crate) problems: RefCell<Vec<Problem>>,
    pub(crate) asked: RefCell<BTreeSet<String>>,
    pub(crate) effective: RefCell<std::collections::BTreeMap<String, String>>,
}

impl Sink {
    pub(crate) fn complain(&self, severity: Severity, place: &Place, message: impl Into<String>) {
        let Place { file, line, column } = place.clone();
        self.problems.borrow_mut().push(Problem { severity, file, line, column, message: message.into() });
    }

    pub(crate) fn error(&self, place: &Place, message: impl Into<String>) {
        self.complain(Severity::Error, place, message);
    }

    pub(crate) fn warn(&self, place: &Place, message: impl Into<String>) {
        self.complain(Severity::Warning, place, message);
    }
}

/// The nearest of some names, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|other| (strsim::damerau_levenshtein(name, other), other)).min()?;
    (near.0 <= 3 && near.0 < name.len().max(2)).then_some(near.1)
}

/// A value with its place.
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// A table being read. Dropping it without [`Table::finish`] would let unknown keys pass, so every
/// reader ends with it.
pub(crate) struct Table<'a> {
    file: &'a Path,
    text: &'a str,
    sink: &'a Sink,
    /// The path with names, for messages: `vendor.imagix`.
    path: String,
    /// The path with stars, for the table of keys: `vendor.*`.
    pattern: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(crate) fn root(file: &'a Path, text: &'a str, sink: &'a Sink, root: &'a Spanned<DeTable<'a>>) -> Table<'a> {
        Table {
            file,
            text,
            sink,
            path: String::new(),
            pattern: String::new(),
            span: root.span(),
            entries: root.get_ref(),
            known: RefCell::default(),
        }
    }

    fn below(&self, path: String, pattern: String, span: Range<usize>, entries: &'a DeTable<'a>) -> Table<'a> {
        Table {
            file: self.file,
            text: self.text,
            sink: self.sink,
            path,
            pattern,
            span,
            entries,
            known: RefCell::default(),
        }
    }

    pub(crate) fn sink(&self) -> &'a Sink {
        self.sink
    }

    pub(crate) fn place(&self) -> Place {
        Place::of(self.file, self.text, self.span.start)
    }

    fn at(&self, span: Range<usize>) -> Place {
        Place::of(self.file, self.text, span.start)
    }

    fn join(base: &str, key: &str) -> String {
        if base.is_empty() { key.to_owned() } else { format!("{base}.{key}") }
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        Self::join(&self.path, key)
    }

    /// Notes the value in force.
    pub(crate) fn effective(&self, key: &str, value: impl fmt::Display) {
        self.sink.effective.borrow_mut().insert(self.path_of(key), value.to_string());
    }

    fn entry(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.known.borrow_mut().push(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn leaf(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.sink.asked.borrow_mut().insert(Self::join(&self.pattern, key));
        self.entry(key)
    }

    pub(crate) fn missing(&self, key: &str, what: &str) {
        self.sink.error(&self.place(), format!("`{}` is missing: {what}", self.path_of(key)));
    }

    fn wrong_form(&self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) {
        let found = value.get_ref().type_str();
        self.sink.error(&self.at(value.span()), format!("`{}` is {found}: write {wanted}", self.path_of(key)));
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.leaf(key)?;
        match value.get_ref().as_str() {
            Some(text) => {
                if text.chars().any(char::is_control) {
                    self.sink.error(
                        &self.at(value.span()),
                        format!("`{}` contains a control character: write plain text", self.path_of(key)),
                    );
                    return None;
                }
                Some(At { value: text.to_owned(), place: self.at(value.span()) })
            }
            None => {
                self.wrong_form(value, key, "a text between quotes");
                None
            }
        }
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required_text(&self, key: &'static str, what: &str) -> Option<At<String>> {
        if !self.entries.keys().any(|name| name.get_ref() == key) {
            self.leaf(key);
            self.missing(key, what);
            return None;
        }
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.sink.error(&text.place, format!("`{}` is empty: {what}", self.path_of(key)));
            return None;
        }
        self.effective(key, format!("{:?}", text.value));
        Some(text)
    }

    /// A text read into a value.
    pub(crate) fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<At<T>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(value) => {
                self.effective(key, format!("{:?}", text.value));
                Some(At { value, place: text.place })
            }
            Err(why) => {
                self.sink.error(&text.place, format!("`{}`: {why}", self.path_of(key)));
                None
            }
        }
    }

    /// The same, with a default that is noted as the value in force.
    pub(crate) fn parsed_or<T>(
        &self,
        key: &'static str,
        default: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        if self.entries.keys().any(|name| name.get_ref() == key) {
            return self.parsed(key, parse);
        }
        self.leaf(key);
        self.effective(key, format!("{default:?}"));
        parse(default).ok().map(|value| At { value, place: self.place() })
    }

    /// The same, where it must be there.
    pub(crate) fn required<T>(
        &self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        if !self.entries.keys().any(|name| name.get_ref() == key) {
            self.leaf(key);
            self.missing(key, what);
            return None;
        }
        self.parsed(key, parse)
    }

    pub(crate) fn flag(&self, key: &'static str, default: bool) -> bool {
        let Some(value) = self.leaf(key) else {
            self.effective(key, default);
            return default;
        };
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_form(value, key, "true or false, without quotes");
        }
        let flag = flag.unwrap_or(default);
        self.effective(key, flag);
        flag
    }

    pub(crate) fn number(&self, key: &'static str, default: u32, range: std::ops::RangeInclusive<u32>) -> u32 {
        let Some(value) = self.leaf(key) else {
            self.effective(key, default);
            return default;
        };
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|integer| u32::from_str_radix(integer.as_str(), integer.radix()).ok());
        let number = match number {
            Some(number) if range.contains(&number) => number,
            _ => {
                let place = self.at(value.span());
                self.sink.error(
                    &place,
                    format!("`{}`: write a number from {} to {}", self.path_of(key), range.start(), range.end()),
                );
                default
            }
        };
        self.effective(key, number);
        number
    }

    /// A list of texts, each read into a value. A single text stands for a list of one.
    pub(crate) fn list<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<At<T>>> {
        let value = self.leaf(key)?;
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            DeValue::String(_) => vec![value],
            _ => {
                self.wrong_form(value, key, "a list of texts, such as [\"a\", \"b\"]");
                return None;
            }
        };
        let mut all = Vec::new();
        let mut shown = Vec::new();
        for item in items {
            let place = self.at(item.span());
            match item.get_ref().as_str() {
                None => self.wrong_form(item, key, "texts between quotes"),
                Some(text) => match parse(text) {
                    Ok(value) => {
                        shown.push(format!("{text:?}"));
                        all.push(At { value, place });
                    }
                    Err(why) => self.sink.error(&place, format!("`{}`: {why}", self.path_of(key))),
                },
            }
        }
        self.effective(key, format!("[{}]", shown.join(", ")));
        Some(all)
    }

    /// A list that must be there and not be empty.
    pub(crate) fn required_list<T>(
        &self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<At<T>>> {
        if !self.entries.keys().any(|name| name.get_ref() == key) {
            self.leaf(key);
            self.missing(key, what);
            return None;
        }
        let before = self.sink.problems.borrow().len();
        let all = self.list(key, parse)?;
        if all.is_empty() && self.sink.problems.borrow().len() == before {
            self.sink.error(
                &self.place(),
                format!("`{}` is empty, and an empty list opens nothing: {what}", self.path_of(key)),
            );
        }
        Some(all)
    }

    /// A table below this one.
    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.entry(key)?;
        match value.get_ref().as_table() {
            Some(entries) => Some(self.below(self.path_of(key), Self::join(&self.pattern, key), value.span(), entries)),
            None => {
                self.wrong_form(value, key, "a table");
                None
            }
        }
    }

    /// A table of tables by name, such as `[vendor.*]`.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(At<String>, Table<'a>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let mut all = Vec::new();
        for (name, value) in outer.entries {
            let place = outer.at(name.span());
            match value.get_ref().as_table() {
                Some(entries) => {
                    let path = Self::join(&outer.path, name.get_ref());
                    let table = outer.below(path, format!("{}.*", outer.pattern), name.span(), entries);
                    all.push((At { value: name.get_ref().to_string(), place }, table));
                }
                None => self.sink.error(
                    &place,
                    format!(
                        "`{key}.{}` is no table: write `[{key}.{}]` and its keys below",
                        name.get_ref(),
                        name.get_ref()
                    ),
                ),
            }
        }
        all
    }

    /// A list of tables, such as `[[vendor.*.allow]]`.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.entry(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_form(value, key, "a list of tables");
            return Vec::new();
        };
        let mut all = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let path = format!("{}.{n}", self.path_of(key));
                    all.push(self.below(path, format!("{}[]", Self::join(&self.pattern, key)), item.span(), entries));
                }
                None => self.wrong_form(item, key, "a table"),
            }
        }
        all
    }

    /// Complains of every key that nobody asked for.
    pub(crate) fn finish(&self) {
        let known = self.known.borrow();
        for name in self.entries.keys() {
            if known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let place = self.at(name.span());
            let near = match nearest(name.get_ref(), known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let whole = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            self.sink.error(&place, format!("unknown key `{}` in {whole}: {near}", name.get_ref().escape_default()));
        }
    }
}
