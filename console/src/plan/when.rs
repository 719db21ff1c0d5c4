//! Days and hours, as forms send them and as the rules open them. All in the site's zone.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{Calendar, PolicySet, TargetId, VendorId};

/// Days of opening hours that are shown.
const DAYS: i64 = 7;

/// The instant of a day and an hour, as `<input type=date>` and `<input type=time>` send them.
pub(crate) fn instant(zone: &TimeZone, day: &str, hour: &str) -> Option<Timestamp> {
    let (day, hour) = (day.parse::<Date>().ok()?, hour.parse::<Time>().ok()?);
    zone.to_ambiguous_timestamp(day.to_datetime(hour)).compatible().ok()
}

/// From and until on one day. An end that lies before the beginning is one after midnight.
pub(crate) fn window(zone: &TimeZone, day: &str, from: &str, until: &str) -> Option<(Timestamp, Timestamp)> {
    let begins = instant(zone, day, from)?;
    let ends = instant(zone, day, until)?;
    if ends > begins {
        return Some((begins, ends));
    }
    let morrow = day.parse::<Date>().ok()?.tomorrow().ok()?;
    Some((begins, instant(zone, &morrow.to_string(), until)?))
}

/// A day and an hour, as the inputs take them.
pub(super) fn inputs(zone: &TimeZone, at: Timestamp) -> (String, String) {
    let civil = zone.to_datetime(at);
    (civil.date().to_string(), civil.strftime("%H:%M").to_string())
}

/// One day's opening hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenDay {
    /// The day.
    pub(super) day: Date,
    /// From and until, as a clock on the wall shows them; the end of the day as 24:00.
    pub(super) hours: Vec<(String, String)>,
}

impl OpenDay {
    /// The key of the name of its day of the week.
    pub(super) fn weekday(&self) -> String {
        format!("weekday-{}", self.day.weekday().to_monday_one_offset())
    }
}

/// The hours of the coming days in which the company's and the equipment's calendars are both open.
pub(super) fn openings(rules: &PolicySet, vendor: &VendorId, target: &TargetId, at: Timestamp) -> Vec<OpenDay> {
    let names = rules.vendors.get(vendor).map(|vendor| &vendor.calendar);
    let own = rules.targets.get(target).and_then(|target| target.calendar.as_ref());
    let calendars: Option<Vec<&Calendar>> =
        names.into_iter().chain(own).map(|name| rules.calendars.get(name)).collect();
    let Some(calendars) = calendars.filter(|calendars| !calendars.is_empty()) else { return Vec::new() };
    let today = rules.zone.to_datetime(at).date();
    let mut days = Vec::new();
    for ahead in 0..DAYS {
        let Ok(day) = today.checked_add(SignedDuration::from_hours(24 * ahead)) else { break };
        let Some(hours) = hours_of(&rules.zone, &calendars, day) else { break };
        days.push(OpenDay { day, hours });
    }
    days
}

fn hours_of(zone: &TimeZone, calendars: &[&Calendar], day: Date) -> Option<Vec<(String, String)>> {
    let midnight = |day: Date| zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).compatible().ok();
    let (first, last) = (midnight(day)?, midnight(day.tomorrow().ok()?)?);
    let mut edges: Vec<Timestamp> = vec![first, last];
    for calendar in calendars {
        edges.extend(calendar.changes_after(first).take_while(|instant| *instant < last));
    }
    edges.sort_unstable();
    edges.dedup();
    let mut open: Vec<(Timestamp, Timestamp)> = Vec::new();
    for (from, until) in edges.iter().zip(edges.iter().skip(1)) {
        if !calendars.iter().all(|calendar| calendar.is_open(*from)) {
            continue;
        }
        match open.last_mut() {
            Some((_, end)) if *end == *from => *end = *until,
            _ => open.push((*from, *until)),
        }
    }
    let clock = |at: Timestamp| match at == last {
        true => "24:00".to_owned(),
        false => zone.to_datetime(at).strftime("%H:%M").to_string(),
    };
    Some(open.into_iter().map(|(from, until)| (clock(from), clock(until))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paris() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_end_before_the_beginning_is_after_midnight() {
        let zone = paris();
        let window = |from, until| window(&zone, "2026-11-23", from, until).unwrap();
        assert_eq!(window("09:00", "11:30"), (at("2026-11-23T08:00:00Z"), at("2026-11-23T10:30:00Z")));
        assert_eq!(window("22:00", "00:00"), (at("2026-11-23T21:00:00Z"), at("2026-11-23T23:00:00Z")));
        assert_eq!(window("22:00", "02:00"), (at("2026-11-23T21:00:00Z"), at("2026-11-24T01:00:00Z")));
    }

    /// TIM-06: the hours are those of the wall, on the days of the change too.
    #[test]
    fn the_zone_is_the_sites() {
        let zone = paris();
        assert_eq!(instant(&zone, "2026-07-01", "09:00"), Some(at("2026-07-01T07:00:00Z")));
        assert_eq!(instant(&zone, "2026-03-29", "02:30"), Some(at("2026-03-29T01:30:00Z")));
        assert_eq!(instant(&zone, "tomorrow", "09:00"), None);
        assert_eq!(instant(&zone, "2026-07-01", ""), None);
        assert_eq!(inputs(&zone, at("2026-07-01T07:05:59Z")), ("2026-07-01".to_owned(), "09:05".to_owned()));
    }

    fn calendar(hours: &[(&str, &str, &str)]) -> Calendar {
        let weekly = hours.iter().map(|(days, from, to)| {
            let days = policy::WeeklyInterval::parse_days(days).unwrap();
            policy::WeeklyInterval::new(days, from.parse().unwrap(), to.parse().unwrap()).unwrap()
        });
        Calendar {
            id: "office".parse().unwrap(),
            zone: paris(),
            holidays: None,
            weekly: weekly.collect(),
            closed: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Both calendars count, and adjoining hours are one.
    #[test]
    fn hours_are_what_all_calendars_have_open() {
        let week = calendar(&[("mon-fri", "08:00", "18:00")]);
        let noon = calendar(&[("mon-sun", "12:00", "16:00"), ("mon-sun", "16:00", "24:00")]);
        let hours = |calendars: &[&Calendar], day: &str| hours_of(&paris(), calendars, day.parse().unwrap()).unwrap();
        let pair = |from: &str, until: &str| vec![(from.to_owned(), until.to_owned())];
        assert_eq!(hours(&[&week, &noon], "2026-11-23"), pair("12:00", "18:00"));
        assert_eq!(hours(&[&noon], "2026-11-22"), pair("12:00", "24:00"));
        assert_eq!(hours(&[&week, &noon], "2026-11-22"), Vec::new());
    }
}
