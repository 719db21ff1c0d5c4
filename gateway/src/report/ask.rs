//! A report as the daemon gives it: gathered a few rows at a time, journalled where it names people,
//! then told (LOG-11).

use super::{accounts, dormant, register, retention};
use crate::ctl::desk::{Answer, Desk, data, gone};
use config::Config;
use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use lifecycle::order::{Failure, ReportArgs, ReportKind, exit};
use lifecycle::{ExportScope, Reader};
use policy::StaffLogin;
use serde_json::{Value, json};

/// Rows of one report: a spreadsheet still opens them, and it is years of a large site. More is refused
/// and not cut: a register with an end that nobody sees would be read as whole.
pub(super) const MOST: usize = 100_000;
/// Rows that are made at a time: the register waits meanwhile.
pub(super) const AT_ONCE: usize = 500;

/// The time that a report is over: from an instant, until before another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Period {
    from: Timestamp,
    until: Timestamp,
}

impl Period {
    /// The days of a site's zone, both included.
    fn of(from: Option<Date>, to: Option<Date>, zone: &TimeZone) -> Result<Self, Failure> {
        if let (Some(from), Some(to)) = (from, to)
            && to < from
        {
            return Err(Failure::new(exit::DATA, format!("{to} is before {from}: exchange --from and --to")));
        }
        let begin = |day: Date| day.to_zoned(zone.clone()).map(|start| start.timestamp()).map_err(data);
        Ok(Self {
            from: from.map(begin).transpose()?.unwrap_or(Timestamp::MIN),
            until: to.map(|day| day.tomorrow().map_err(data).and_then(begin)).transpose()?.unwrap_or(Timestamp::MAX),
        })
    }

    /// All the time there is.
    pub(super) fn ever() -> Self {
        Self { from: Timestamp::MIN, until: Timestamp::MAX }
    }

    /// Whether an instant lies within.
    pub(super) fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

/// What was gathered.
pub(super) struct Gathered {
    pub(super) rows: Vec<Value>,
    /// More fields of the answer.
    pub(super) more: Vec<(&'static str, Value)>,
}

impl From<Vec<Value>> for Gathered {
    fn from(rows: Vec<Value>) -> Self {
        Self { rows, more: Vec::new() }
    }
}

/// Refuses what is too much for one report.
pub(super) fn bounded(rows: usize) -> Result<(), Failure> {
    if rows > MOST {
        let why = format!("there are {rows} rows, and a report holds {MOST}: narrow it with --from and --to");
        return Err(Failure::new(exit::DATA, why));
    }
    Ok(())
}

impl Desk {
    /// Gathers a report. What names people leaves its entry before it is told.
    pub(crate) async fn report(&self, asked: ReportArgs, by: Option<StaffLogin>) -> Answer {
        let config = self.site.config();
        let period = Period::of(asked.from, asked.to, &config.site.zone)?;
        if let Some(vendor) = &asked.vendor {
            self.must_be_known(vendor, &config).await?;
        }
        let gathered = match asked.what {
            ReportKind::Register => register::gather(&self.site, &asked, period).await?,
            ReportKind::Accounts => accounts::gather(&self.site, &asked, period).await?,
            ReportKind::Dormant => dormant::gather(&self.site, &asked).await?,
            ReportKind::Retention => retention::gather(&self.site).await?,
        };
        let scope = match asked.what {
            ReportKind::Register => Some(ExportScope::Interventions),
            ReportKind::Accounts | ReportKind::Dormant => Some(ExportScope::Accounts),
            // It names no person.
            ReportKind::Retention => None,
        };
        if let Some(scope) = scope {
            let staff = by.ok_or_else(|| {
                let why = "nobody is signed in at this terminal, and who reads this is journalled: `poterne login --as STAFF`";
                Failure::new(exit::NOT_PERMITTED, why)
            })?;
            let count = u64::try_from(gathered.rows.len()).unwrap_or(u64::MAX);
            self.export_read(scope, count, &filters(&asked), Reader::Staff(staff)).await?;
        }
        let mut answer = json!({
            "report": asked.what,
            "site": config.site.name,
            "zone": config.site.zone.iana_name(),
            "language": config.site.language.word(),
            "made": crate::clock::to_millisecond(self.site.clock.now()),
            "from": asked.from,
            "to": asked.to,
            "vendor": asked.vendor,
        });
        if let Value::Object(fields) = &mut answer {
            fields.extend(gathered.more.into_iter().map(|(name, value)| (name.to_owned(), value)));
            fields.insert("rows".to_owned(), Value::Array(gathered.rows));
        }
        Ok(answer)
    }

    /// A vendor that is neither declared nor in the register is a slip of the pen, and no empty report.
    async fn must_be_known(&self, vendor: &policy::VendorId, config: &Config) -> Result<(), Failure> {
        if config.vendors.contains_key(vendor) {
            return Ok(());
        }
        let wanted = vendor.clone();
        let seen = self
            .site
            .registrar
            .view(move |core, _| core.register.accounts.values().any(|account| account.vendor == wanted));
        match seen.await.map_err(gone)? {
            true => Ok(()),
            false => {
                Err(Failure::new(exit::NO_INPUT, format!("there is no vendor `{vendor}`: see `poterne vendor list`")))
            }
        }
    }
}

/// What was asked for, as it is journalled.
fn filters(asked: &ReportArgs) -> String {
    let mut all = vec![format!("report={}", asked.what.word())];
    all.extend(asked.from.map(|day| format!("from={day}")));
    all.extend(asked.to.map(|day| format!("to={day}")));
    all.extend(asked.vendor.as_ref().map(|vendor| format!("vendor={vendor}")));
    if asked.what == ReportKind::Dormant {
        all.push(format!("days={}", asked.days));
    }
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// D13: the last day is included, and days are those of the site, also when clocks change.
    #[test]
    fn days_are_those_of_the_site() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let day = Some(date(2026, 10, 25));
        let period = Period::of(day, day, &paris).unwrap();
        let has = |at: &str| period.has(at.parse().unwrap());
        assert!(!has("2026-10-24T21:59:59Z") && has("2026-10-24T22:00:00Z"));
        assert!(has("2026-10-25T22:59:59Z") && !has("2026-10-25T23:00:00Z"));
        let all = Period::of(None, None, &paris).unwrap();
        assert!(all.has(Timestamp::UNIX_EPOCH));
        let turned = Period::of(Some(date(2026, 2, 1)), Some(date(2026, 1, 1)), &paris);
        assert!(turned.unwrap_err().message.contains("exchange"));
    }

    #[test]
    fn too_much_is_refused_and_not_cut() {
        assert!(bounded(MOST).is_ok());
        assert!(bounded(MOST + 1).unwrap_err().message.contains("--from"));
    }
}
