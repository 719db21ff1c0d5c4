//! Reading TOML with places: every complaint says where.

use crate::keys::{self, KEYS};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
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
        let place = quoted(&self.file.to_string_lossy());
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
        let message = shortened(message.into());
        self.problems.borrow_mut().push(Problem { severity, file, line, column, message });
    }

    pub(crate) fn error(&self, place: &Place, message: impl Into<String>) {
        self.complain(Severity::Error, place, message);
    }

    /// How many errors there are so far: a reader that adds none read everything. Warnings do not
    /// count, so that what is passed over after an error is passed over in a refused load only.
    pub(crate) fn count(&self) -> usize {
        self.problems.borrow().iter().filter(|problem| problem.severity == Severity::Error).count()
    }

    pub(crate) fn warn(&self, place: &Place, message: impl Into<String>) {
        self.complain(Severity::Warning, place, message);
    }
}

/// Longest message. A longer one echoes somebody's mistake at length: its middle is left out, so
/// that which key it is about and what to write instead both remain.
const LONGEST_MESSAGE: usize = 500;

/// Longest text that any key takes; an RSA host key of 16384 bits is the longest that makes sense.
const LONGEST_TEXT: usize = 4096;

fn shortened(message: String) -> String {
    let length = message.chars().count();
    if length <= LONGEST_MESSAGE {
        return message;
    }
    let half = LONGEST_MESSAGE / 2;
    let head: String = message.chars().take(half).collect();
    let tail: String = message.chars().skip(length - half).collect();
    format!("{head}…{tail}")
}

/// Text as a message may repeat it: letters as they are, what a terminal would act on escaped, and
/// no more of it than one needs to find it again.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == 100 {
            shown.push('…');
            break;
        }
        if unprintable(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Characters that show nothing or change how others are shown: what an approver reads has to be
/// what was written. The spaces of French typography, U+00A0 and U+202F, are text.
fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The nearest of some names, if one is near enough to be a slip.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > 64 {
        return None;
    }
    let near = known.map(|other| (strsim::damerau_levenshtein(name, other), other)).min()?;
    (near.0 <= length.max(3) / 3).then_some(near.1)
}

/// A TOML form in an operator's words.
fn in_words(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A table in which nothing is written: defaults hold.
static EMPTY: LazyLock<DeTable<'static>> = LazyLock::new(DeTable::default);

/// A value with its place.
#[derive(Clone)]
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

    /// Whether the key is written, well or badly.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where the value of a key stands, or the table if it is not written.
    pub(crate) fn place_of(&self, key: &str) -> Place {
        self.find(key).map_or_else(|| self.place(), |value| self.at(value.span()))
    }

    fn find(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    fn entry(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.find(key)
    }

    fn leaf(&self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.sink.asked.borrow_mut().insert(Self::join(&self.pattern, key));
        self.entry(key)
    }

    /// The default of a key that is not written, from the one table that has them, noted as the
    /// value in force.
    fn default_of(&self, key: &'static str) -> &'static str {
        let pattern = Self::join(&self.pattern, key);
        let default = KEYS.iter().find(|known| known.path == pattern).and_then(|known| known.default);
        let default = default.unwrap_or_else(|| {
            self.sink.error(&self.place(), format!("`{}` has no default: write it", self.path_of(key)));
            ""
        });
        self.effective(key, default);
        default
    }

    /// Complains of a key that is not written, unless a slip of it is: that is told by
    /// [`Table::finish`], and once is enough.
    pub(crate) fn missing(&self, key: &str, what: &str) {
        let slip = |name: &str| {
            !keys::is_known(&Self::join(&self.pattern, name)) && nearest(name, std::iter::once(key)).is_some()
        };
        if self.entries.keys().any(|name| slip(name.get_ref())) {
            return;
        }
        self.sink.error(&self.place(), format!("`{}` is missing: {what}", self.path_of(key)));
    }

    /// Complains of a key's value.
    pub(crate) fn refuse(&self, place: &Place, key: &str, why: impl fmt::Display) {
        self.sink.error(place, format!("`{}`: {why}", self.path_of(key)));
    }

    fn wrong_form(&self, value: &Spanned<DeValue<'_>>, key: &str, wanted: &str) {
        let found = in_words(value.get_ref());
        self.sink.error(&self.at(value.span()), format!("`{}` is {found}: write {wanted}", self.path_of(key)));
    }

    fn plain(&self, place: &Place, key: &str, text: &str) -> bool {
        if let Some(found) = text.chars().find(|c| unprintable(*c)) {
            let found = found.escape_default();
            self.refuse(place, key, format!("the text contains the invisible character `{found}`: remove it"));
            return false;
        }
        if text.chars().count() > LONGEST_TEXT {
            self.refuse(place, key, format!("the text is longer than {LONGEST_TEXT} characters: shorten it"));
            return false;
        }
        true
    }

    /// A text, if it is written.
    fn text(&self, key: &'static str) -> Option<At<String>> {
        let value = self.leaf(key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_form(value, key, "a text between quotes");
            return None;
        };
        let place = self.at(value.span());
        self.plain(&place, key, text).then(|| At { value: text.to_owned(), place })
    }

    /// A text that must be there, not be empty, and not be longer than so many characters.
    pub(crate) fn required_text(&self, key: &'static str, most: usize, what: &str) -> Option<At<String>> {
        self.required(key, what, |text| words(text, most, what))
    }

    /// A text that need not be there, but must not be empty if it is.
    pub(crate) fn optional_text(&self, key: &'static str, most: usize, what: &str) -> Option<At<String>> {
        self.optional(key, |text| words(text, most, what))
    }

    /// A text read into a value.
    fn parsed<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<At<T>> {
        let text = self.text(key)?;
        match parse(&text.value) {
            Ok(value) => {
                self.effective(key, format!("{:?}", text.value));
                Some(At { value, place: text.place })
            }
            Err(why) => {
                self.refuse(&text.place, key, why);
                None
            }
        }
    }

    /// The same, where nothing may be written.
    pub(crate) fn optional<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<At<T>> {
        if self.has(key) {
            return self.parsed(key, parse);
        }
        self.leaf(key);
        self.default_of(key);
        None
    }

    /// The same, with the default of the table of keys.
    pub(crate) fn parsed_or<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<At<T>> {
        if self.has(key) {
            return self.parsed(key, parse);
        }
        self.leaf(key);
        match parse(self.default_of(key).trim_matches('"')) {
            Ok(value) => Some(At { value, place: self.place() }),
            Err(why) => {
                self.refuse(&self.place(), key, why);
                None
            }
        }
    }

    /// The same, where it must be there.
    pub(crate) fn required<T>(
        &self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<At<T>> {
        if !self.has(key) {
            self.leaf(key);
            self.missing(key, what);
            return None;
        }
        self.parsed(key, parse)
    }

    pub(crate) fn flag(&self, key: &'static str) -> bool {
        let Some(value) = self.leaf(key) else { return self.default_of(key) == "true" };
        match value.get_ref().as_bool() {
            Some(flag) => {
                self.effective(key, flag);
                flag
            }
            None => {
                self.wrong_form(value, key, "true or false, without quotes");
                false
            }
        }
    }

    pub(crate) fn number(&self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let Some(value) = self.leaf(key) else { return self.default_of(key).parse().ok() };
        let Some(integer) = value.get_ref().as_integer() else {
            self.wrong_form(value, key, &format!("a number from {} to {}, without quotes", range.start(), range.end()));
            return None;
        };
        let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| range.contains(n));
        match number {
            Some(number) => self.effective(key, number),
            None => self.refuse(
                &self.at(value.span()),
                key,
                format!("`{integer}` is not a number from {} to {}", range.start(), range.end()),
            ),
        }
        number
    }

    /// A list of texts, each read into a value. A single text stands for a list of one. What could
    /// not be read is left out after a complaint; `None` if it is no list at all.
    fn list<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<At<T>>> {
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
            let Some(text) = item.get_ref().as_str() else {
                let found = in_words(item.get_ref());
                self.refuse(&place, key, format!("an entry is {found}: write texts between quotes"));
                continue;
            };
            if !self.plain(&place, key, text) {
                continue;
            }
            match parse(text) {
                Ok(value) => {
                    shown.push(format!("{text:?}"));
                    all.push(At { value, place });
                }
                Err(why) => self.refuse(&place, key, why),
            }
        }
        self.effective(key, format!("[{}]", shown.join(", ")));
        Some(all)
    }

    /// How many problems were told so far.
    pub(crate) fn refused(&self) -> usize {
        self.sink.count()
    }

    /// A list with the default of the table of keys, which may be empty.
    pub(crate) fn list_or<T>(&self, key: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Vec<At<T>> {
        if self.has(key) {
            return self.list(key, parse).unwrap_or_default();
        }
        self.leaf(key);
        let default = self.default_of(key).trim_matches(['[', ']']);
        let items = default.split(',').map(|item| item.trim().trim_matches('"')).filter(|item| !item.is_empty());
        items.filter_map(|item| parse(item).ok()).map(|value| At { value, place: self.place() }).collect()
    }

    /// A list that must be there and not be empty.
    pub(crate) fn required_list<T>(
        &self,
        key: &'static str,
        what: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<At<T>>> {
        if !self.has(key) {
            self.leaf(key);
            self.missing(key, what);
            return None;
        }
        let before = self.sink.count();
        let all = self.list(key, parse)?;
        if all.is_empty() && self.sink.count() == before {
            self.refuse(&self.place_of(key), key, format!("an empty list opens nothing: {what}"));
        }
        Some(all).filter(|all| !all.is_empty())
    }

    /// A table below this one.
    pub(crate) fn table(&self, key: &'static str) -> Option<Table<'a>> {
        let value = self.entry(key)?;
        match value.get_ref().as_table() {
            Some(entries) => Some(self.below(self.path_of(key), Self::join(&self.pattern, key), value.span(), entries)),
            None => {
                let wanted = if self.path.is_empty() {
                    format!("a table, `[{key}]`, and its keys below")
                } else {
                    "a table, `{ … }`".to_owned()
                };
                self.wrong_form(value, key, &wanted);
                None
            }
        }
    }

    /// A table below this one. Where none is written, one in which every default holds.
    pub(crate) fn table_or_empty(&self, key: &'static str) -> Table<'a> {
        self.table(key)
            .unwrap_or_else(|| self.below(self.path_of(key), Self::join(&self.pattern, key), self.span.clone(), &EMPTY))
    }

    /// A table of tables by name, such as `[vendor.*]`.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(At<String>, Table<'a>)> {
        let Some(outer) = self.table(key) else { return Vec::new() };
        let mut all = Vec::new();
        let pattern = format!("{}.*", outer.pattern);
        let nameless = outer.entries.values().any(|value| !value.get_ref().is_table());
        for (name, value) in outer.entries {
            // Below `[vendor]` itself, `contract = { … }` is no vendor of that name.
            if nameless && value.get_ref().is_table() && keys::is_known(&Self::join(&pattern, name.get_ref())) {
                continue;
            }
            let place = outer.at(name.span());
            let path = Self::join(&outer.path, &quoted(name.get_ref()));
            match value.get_ref().as_table() {
                Some(entries) => {
                    let table = outer.below(path, pattern.clone(), name.span(), entries);
                    all.push((At { value: name.get_ref().to_string(), place }, table));
                }
                None => self.sink.error(
                    &place,
                    format!("`{path}` stands below no name: write `[{}.NAME]`, and this key below it", outer.path),
                ),
            }
        }
        all
    }

    /// A list of tables, such as `[[vendor.*.allow]]`. They count from 0, as the judge's reasons do.
    pub(crate) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let Some(value) = self.entry(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_form(value, key, &format!("a list of tables, `[[{}]]`", self.path_of(key)));
            return Vec::new();
        };
        let mut all = Vec::new();
        for (n, item) in items.iter().enumerate() {
            match item.get_ref().as_table() {
                Some(entries) => {
                    let path = format!("{}.{n}", self.path_of(key));
                    all.push(self.below(path, format!("{}[]", Self::join(&self.pattern, key)), item.span(), entries));
                }
                None => {
                    let found = in_words(item.get_ref());
                    self.refuse(&self.at(item.span()), key, format!("an entry is {found}: write tables, `{{ … }}`"));
                }
            }
        }
        all
    }

    /// Complains of every key that nobody asked for.
    pub(crate) fn finish(&self) {
        for (name, value) in self.entries {
            if self.known.borrow().contains(&name.get_ref().as_ref()) {
                continue;
            }
            let (whole, kind) = match (self.path.as_str(), value.get_ref()) {
                ("", DeValue::Table(_)) => ("this file".to_owned(), "section"),
                ("", _) => ("this file".to_owned(), "key"),
                (path, _) => (format!("`{path}`"), "key"),
            };
            self.sink.error(
                &self.at(name.span()),
                format!("unknown {kind} `{}` in {whole}: {}", quoted(name.get_ref()), self.instead(name.get_ref())),
            );
        }
    }

    /// What to write instead of an unknown key.
    fn instead(&self, name: &str) -> String {
        let known = self.known.borrow();
        if self.path.is_empty() && keys::is_section(name) {
            return match name {
                "vendor" => "write it in `vendors.d` or in `poterne.toml`".to_owned(),
                "target" => "write it in `targets.d` or in `poterne.toml`".to_owned(),
                _ => "write it in `poterne.toml`".to_owned(),
            };
        }
        if let Some(near) = nearest(name, known.iter().copied()) {
            return format!("did you mean `{near}`?");
        }
        // A key below the wrong header is the commonest slip in TOML.
        let home =
            keys::home(&self.pattern, name).map_or(String::new(), |home| format!("; `{name}` belongs in `{home}`"));
        format!("known here: {}{home}", known.join(", "))
    }
}

fn words(text: &str, most: usize, what: &str) -> Result<String, String> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(format!("the text is empty: {what}")),
        length if length > most => Err(format!("the text has {length} characters: write at most {most}")),
        _ => Ok(text.to_owned()),
    }
}
