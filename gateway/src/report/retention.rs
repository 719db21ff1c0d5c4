//! What is kept, how long, by which rule and under which key (LOG-07). What is erased, and when, is said
//! by the retention run; here stands what the configuration in force demands of what there is.

use super::ask::Gathered;
use crate::ctl::desk::{gone, software};
use crate::site::Site;
use config::Months;
use jiff::{Span, Timestamp, tz::TimeZone};
use lifecycle::FileDone;
use lifecycle::order::Failure;
use serde_json::{Value, json};
use std::ops::ControlFlow;

/// Months below which no journal is kept: PGSSI-S 7.2.2.5 and CNIL 2021-122.
const JOURNAL_LEAST: u32 = 6;
/// Months below which no recording is kept.
const CONTENT_LEAST: u32 = 1;
/// Months above which a written reason is needed.
pub(crate) const UNREASONED: u32 = 12;
/// Months above which nothing is kept: CNIL 2021-122, internal control.
const MOST: u32 = 36;

/// Things of one kind, by when they were made.
#[derive(Default)]
struct Held {
    count: u64,
    bytes: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    due: u64,
}

impl Held {
    fn add(&mut self, at: Timestamp, bytes: u64, term: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
        self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
        self.due = self.due.saturating_add(u64::from(at < term));
    }
}

/// The instant so many months before, on the site's calendar.
fn before(now: Timestamp, months: Months, zone: &TimeZone) -> Timestamp {
    let back = Span::new().try_months(months.0).and_then(|span| now.to_zoned(zone.clone()).checked_sub(span));
    back.map_or(Timestamp::MIN, |at| at.timestamp())
}

fn after(at: Timestamp, months: Months, zone: &TimeZone) -> Option<Timestamp> {
    let span = Span::new().try_months(months.0).ok()?;
    Some(at.to_zoned(zone.clone()).checked_add(span).ok()?.timestamp())
}

/// A row a kind of thing.
pub(super) async fn gather(site: &std::sync::Arc<Site>) -> Result<Gathered, Failure> {
    let (config, now) = (site.config(), site.clock.now());
    let (rules, zone) = (config.retention.clone(), config.site.zone.clone());
    let term = |months| before(now, months, &zone);
    let journal = journal(site, term(rules.journal)).await?;
    let (recordings_term, files_term) = (term(rules.recordings), term(rules.files));
    let seen = site.registrar.view(move |core, _| {
        let (mut recordings, mut files) = (Held::default(), Held::default());
        for record in core.register.sessions.values() {
            let Some(end) = &record.end else { continue };
            let bytes = record.sealed.as_ref().map_or(end.length, |sealed| sealed.bytes);
            // What a run took is not kept any more.
            if record.shredded.is_some() {
                continue;
            }
            recordings.add(end.ended, bytes, recordings_term);
            if record.files_shredded.is_some() {
                continue;
            }
            for file in record.files.items() {
                if let FileDone::Moved(moved) = &file.what
                    && moved.kept
                {
                    files.add(file.at, moved.bytes, files_term);
                }
            }
        }
        (recordings, files)
    });
    let (recordings, files) = seen.await.map_err(gone)?;
    let recordings_rules = &config.recordings;
    let readers: Vec<&String> = recordings_rules.recipients.iter().chain(&recordings_rules.second_recipients).collect();
    let row = |kind: &str, months: Months, least: u32, rule: &str, key: &str, held: &Held| -> Value {
        json!({
            "kind": kind,
            "months": months.0,
            "least": least,
            "most": MOST,
            "because": rules.because.as_ref().filter(|_| months.0 > UNREASONED),
            "rule": rule,
            "key": [key],
            "readers": if kind == "journal" { json!([]) } else { json!(readers) },
            "count": held.count,
            "bytes": held.bytes,
            "oldest": held.oldest,
            "newest": held.newest,
            "due": held.due,
            "next-due": held.oldest.and_then(|oldest| after(oldest, months, &zone)),
        })
    };
    const JOURNAL_RULE: &str = "LOG-07, LOG-08; PGSSI-S 7.2.2.5; CNIL 2021-122";
    const CONTENT_RULE: &str = "LOG-07, LOG-08, PRV-04; CNIL 2021-122";
    Ok(Gathered::from(vec![
        row("journal", rules.journal, JOURNAL_LEAST, JOURNAL_RULE, "entry", &journal),
        row("recordings", rules.recordings, CONTENT_LEAST, CONTENT_RULE, "recording", &recordings),
        row("files", rules.files, CONTENT_LEAST, CONTENT_RULE, "recording", &files),
    ]))
}

/// The entries whose content is still there, by their leaves.
async fn journal(site: &std::sync::Arc<Site>, term: Timestamp) -> Result<Held, Failure> {
    let site = site.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut held = Held::default();
        site.archive.open()?.read(0, |evidence| {
            if let Some((_, body)) = &evidence.opened {
                held.add(evidence.leaf.at, u64::try_from(body.len()).unwrap_or(u64::MAX), term);
            }
            ControlFlow::Continue(())
        })?;
        Ok::<_, journal::OpenError>(held)
    });
    reading.await.map_err(software)?.map_err(software)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Months are those of the wall's calendar, and the 31st ends with a shorter month.
    #[test]
    fn terms_are_by_the_calendar() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(before(at("2026-08-31T10:00:00Z"), Months(6), &paris), at("2026-02-28T11:00:00Z"));
        assert_eq!(after(at("2026-01-15T11:00:00Z"), Months(6), &paris), Some(at("2026-07-15T10:00:00Z")));
    }

    #[test]
    fn what_is_past_its_term_is_due() {
        let at = |day: i64| Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_hours(24 * day);
        let mut held = Held::default();
        [3, 1, 5].into_iter().for_each(|day| held.add(at(day), 10, at(4)));
        assert_eq!((held.count, held.bytes, held.due), (3, 30, 2));
        assert_eq!((held.oldest, held.newest), (Some(at(1)), Some(at(5))));
    }
}
