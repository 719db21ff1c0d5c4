//! Opening hours: weekly half-open intervals in a site's civil time, holidays, closures and extra
//! openings (TIM-02, TIM-06).
//!
//! Whether an instant is open is decided by what a clock on the hospital's wall shows at that
//! instant. All else follows from that one question: [`Calendar::closes_at`] and
//! [`Calendar::next_opening`] ask it at the few instants where the answer can change, which are
//! the midnights, the ends of intervals (both of them when the hour is repeated in October) and
//! the transitions of the zone.

use crate::holidays::HolidayRules;
use crate::ids::CalendarId;
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use std::fmt;
use std::str::FromStr;

/// How far ahead openings and closings are looked for. A calendar that does not open within this
/// time is reported as one that never opens.
const HORIZON_DAYS: i64 = 400;

/// A minute of the day, 00:00 to 24:00. 24:00 may only end an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CivilMinute(u16);

impl CivilMinute {
    const DAY: u16 = 24 * 60;

    fn of(time: Time) -> CivilMinute {
        let minutes = i32::from(time.hour()) * 60 + i32::from(time.minute());
        CivilMinute(u16::try_from(minutes).unwrap_or(0))
    }

    fn on(self, day: Date) -> Option<DateTime> {
        if self.0 == Self::DAY {
            return Some(day.tomorrow().ok()?.to_datetime(Time::midnight()));
        }
        let (hour, minute) = (i8::try_from(self.0 / 60).ok()?, i8::try_from(self.0 % 60).ok()?);
        Some(day.at(hour, minute, 0, 0))
    }
}

impl FromStr for CivilMinute {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a time of day: write it as 08:00, at most 24:00", text.escape_default());
        let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
        let two = |part: &str| {
            (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<u16>().ok()).flatten()
        };
        let (hour, minute) = (two(hour).ok_or_else(wrong)?, two(minute).ok_or_else(wrong)?);
        let total = hour * 60 + minute;
        if minute > 59 || total > Self::DAY { Err(wrong()) } else { Ok(CivilMinute(total)) }
    }
}

impl fmt::Display for CivilMinute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// `[from, to)` on some days of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeeklyInterval {
    days: Vec<Weekday>,
    from: CivilMinute,
    to: CivilMinute,
}

impl WeeklyInterval {
    /// An interval that is not empty. One that crosses midnight is written as two.
    pub fn new(days: Vec<Weekday>, from: CivilMinute, to: CivilMinute) -> Result<Self, String> {
        if days.is_empty() {
            return Err("no day is named: write days as `mon-fri` or `tue`".to_owned());
        }
        if from >= to {
            return Err(format!(
                "`{from}` to `{to}` is empty: write the earlier time first, and hours that cross midnight as two entries"
            ));
        }
        Ok(Self { days, from, to })
    }

    /// Its days, and the minutes of the day from which and up to which it lasts.
    pub fn parts(&self) -> (&[Weekday], u16, u16) {
        (&self.days, self.from.0, self.to.0)
    }

    /// The days of a word such as `mon-fri`, `sat` or `mon-wed`, or several after commas.
    pub fn parse_days(text: &str) -> Result<Vec<Weekday>, String> {
        const NAMES: [(&str, Weekday); 7] = [
            ("mon", Weekday::Monday),
            ("tue", Weekday::Tuesday),
            ("wed", Weekday::Wednesday),
            ("thu", Weekday::Thursday),
            ("fri", Weekday::Friday),
            ("sat", Weekday::Saturday),
            ("sun", Weekday::Sunday),
        ];
        let place = |name: &str| {
            NAMES.iter().position(|(short, _)| *short == name.trim()).ok_or_else(|| {
                format!(
                    "`{}` is not a day: write mon, tue, wed, thu, fri, sat or sun, or a range such as mon-fri",
                    name.escape_default()
                )
            })
        };
        let mut days = Vec::new();
        for part in text.split(',') {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (place(first)?, place(last)?),
                None => (place(part)?, place(part)?),
            };
            if first > last {
                return Err(format!(
                    "`{}` runs backwards: write it as two, such as `sat-sun,mon`",
                    part.escape_default()
                ));
            }
            days.extend(NAMES.iter().skip(first).take(last - first + 1).map(|(_, day)| *day));
        }
        Ok(days)
    }

    fn contains(&self, civil: DateTime) -> bool {
        let minute = CivilMinute::of(civil.time());
        self.days.contains(&civil.weekday()) && self.from <= minute && minute < self.to
    }
}

/// Days on which all is closed, both ends included (D13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateRange {
    first: Date,
    last: Date,
}

impl DateRange {
    /// From the first day to the last, both included.
    pub fn new(first: Date, last: Date) -> Result<Self, String> {
        if first > last {
            return Err(format!("`{first}/{last}` runs backwards: write the earlier day first"));
        }
        Ok(Self { first, last })
    }

    /// Whether the day lies in the range.
    pub fn contains(&self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }

    /// The first day.
    pub fn first(&self) -> Date {
        self.first
    }

    /// The last day, included.
    pub fn last(&self) -> Date {
        self.last
    }
}

impl FromStr for DateRange {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let day = |part: &str| {
            part.parse::<Date>().map_err(|_| {
                format!(
                    "`{}` is not a day: write it as 2026-12-24, or a range as 2026-12-24/2026-12-26",
                    part.escape_default()
                )
            })
        };
        match text.split_once('/') {
            Some((first, last)) => DateRange::new(day(first)?, day(last)?),
            None => DateRange::new(day(text)?, day(text)?),
        }
    }
}

/// Hours opened on one day although the week or a holiday would close them. Half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtraOpening {
    day: Date,
    from: CivilMinute,
    to: CivilMinute,
}

impl ExtraOpening {
    /// `[from, to)` on one day.
    pub fn new(day: Date, from: CivilMinute, to: CivilMinute) -> Result<Self, String> {
        if from >= to {
            return Err(format!("`{from}` to `{to}` is empty: write the earlier time first"));
        }
        Ok(Self { day, from, to })
    }
}

/// A named set of opening hours in one zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// The name it is referred to by.
    pub id: CalendarId,
    /// The site's zone, from the IANA database.
    pub zone: TimeZone,
    /// Holidays that close it. `None` only where the operator wrote so.
    pub holidays: Option<HolidayRules>,
    /// The week.
    pub weekly: Vec<WeeklyInterval>,
    /// Closures.
    pub closed: Vec<DateRange>,
    /// Extra openings; they win over closures and holidays.
    pub extra: Vec<ExtraOpening>,
}

impl Calendar {
    /// Whether the calendar is open at this instant.
    pub fn is_open(&self, at: Timestamp) -> bool {
        self.is_open_civil(self.zone.to_datetime(at))
    }

    fn is_open_civil(&self, civil: DateTime) -> bool {
        let (day, minute) = (civil.date(), CivilMinute::of(civil.time()));
        if self.extra.iter().any(|extra| extra.day == day && extra.from <= minute && minute < extra.to) {
            return true;
        }
        if self.closed.iter().any(|range| range.contains(day)) || self.holiday(day).is_some() {
            return false;
        }
        self.weekly.iter().any(|interval| interval.contains(civil))
    }

    /// The French name of the holiday this calendar observes on that day.
    pub fn holiday(&self, day: Date) -> Option<&'static str> {
        self.holidays.as_ref().and_then(|rules| rules.name(day))
    }

    /// When the opening that is running at `at` ends. `None` if closed at `at`; the end of the
    /// horizon if it does not close within it.
    pub fn closes_at(&self, at: Timestamp) -> Option<Timestamp> {
        if !self.is_open(at) {
            return None;
        }
        let mut last = at;
        for instant in self.changes_after(at) {
            if !self.is_open(instant) {
                return Some(instant);
            }
            last = instant;
        }
        Some(last)
    }

    /// The next instant, after `at`, at which a closed calendar is open. `None` if already open,
    /// or if it does not open within the horizon.
    pub fn next_opening(&self, at: Timestamp) -> Option<Timestamp> {
        if self.is_open(at) {
            return None;
        }
        self.changes_after(at).find(|instant| self.is_open(*instant))
    }

    /// Whether it opens at all within the horizon.
    pub fn ever_opens(&self, at: Timestamp) -> bool {
        self.is_open(at) || self.next_opening(at).is_some()
    }

    /// The instants after `at`, in order, at which the answer can change.
    pub fn changes_after(&self, at: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        let first = self.zone.to_datetime(at).date();
        first
            .series(Span::new().days(1))
            .take(usize::try_from(HORIZON_DAYS).unwrap_or(0))
            .flat_map(move |day| self.changes_on(day))
            .filter(move |instant| *instant > at)
    }

    fn changes_on(&self, day: Date) -> Vec<Timestamp> {
        let ends =
            self.weekly.iter().filter(|interval| interval.days.contains(&day.weekday())).flat_map(|i| [i.from, i.to]);
        let extra = self.extra.iter().filter(|extra| extra.day == day).flat_map(|extra| [extra.from, extra.to]);
        let midnight = std::iter::once(CivilMinute(0));
        let mut instants: Vec<Timestamp> = midnight
            .chain(ends)
            .chain(extra)
            .filter_map(|minute| minute.on(day))
            .flat_map(|civil| self.instants(civil))
            .collect();
        let start = self.zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).earlier();
        if let Ok(start) = start {
            // A day of the civil calendar lasts at most 25 hours.
            let end = start.saturating_add(SignedDuration::from_hours(25)).unwrap_or(start);
            let transitions = self.zone.following(start).map(|t| t.timestamp()).take_while(|t| *t <= end);
            instants.extend(transitions);
        }
        instants.sort_unstable();
        instants.dedup();
        instants
    }

    /// The instants at which a wall clock shows this reading: one, two in the repeated hour, or
    /// none in the skipped one (where the transition itself is the change).
    fn instants(&self, civil: DateTime) -> Vec<Timestamp> {
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(civil).into_iter().collect(),
            AmbiguousOffset::Fold { before, after } => {
                before.to_timestamp(civil).into_iter().chain(after.to_timestamp(civil)).collect()
            }
            AmbiguousOffset::Gap { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::holidays::Region;
    use jiff::civil::date;
    use proptest::prelude::*;

    pub(crate) fn office(zone: &str) -> Calendar {
        Calendar {
            id: "office".parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
            holidays: Some(HolidayRules { region: Region::France, good_friday: false, pentecost_monday_worked: false }),
            weekly: vec![interval("mon-fri", "08:00", "18:00")],
            closed: vec!["2026-12-24/2026-12-26".parse().unwrap()],
            extra: vec![
                ExtraOpening::new(date(2026, 5, 1), "09:00".parse().unwrap(), "10:00".parse().unwrap()).unwrap(),
            ],
        }
    }

    fn interval(days: &str, from: &str, to: &str) -> WeeklyInterval {
        WeeklyInterval::new(WeeklyInterval::parse_days(days).unwrap(), from.parse().unwrap(), to.parse().unwrap())
            .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn half_open_hours() {
        let calendar = office("Europe/Paris");
        // 2026-11-23 is a Monday, UTC+1.
        assert!(!calendar.is_open(at("2026-11-23T06:59:59Z")));
        assert!(calendar.is_open(at("2026-11-23T07:00:00Z")));
        assert!(calendar.is_open(at("2026-11-23T16:59:59.999Z")));
        assert!(!calendar.is_open(at("2026-11-23T17:00:00Z")));
        assert_eq!(calendar.closes_at(at("2026-11-23T12:00:00Z")), Some(at("2026-11-23T17:00:00Z")));
        assert_eq!(calendar.next_opening(at("2026-11-20T17:00:00Z")), Some(at("2026-11-23T07:00:00Z")));
    }

    #[test]
    fn closures_holidays_and_extra_openings() {
        let calendar = office("Europe/Paris");
        assert_eq!(calendar.next_opening(at("2026-12-23T17:00:00Z")), Some(at("2026-12-28T07:00:00Z")));
        assert_eq!(calendar.next_opening(at("2026-04-30T16:00:00Z")), Some(at("2026-05-01T07:00:00Z")));
        assert_eq!(calendar.closes_at(at("2026-05-01T07:30:00Z")), Some(at("2026-05-01T08:00:00Z")));
    }

    /// TIM-06: no drift by an hour across either DST change.
    #[test]
    fn wall_clock_hours_across_dst() {
        let calendar = office("Europe/Paris");
        assert_eq!(calendar.next_opening(at("2026-03-27T17:00:00Z")), Some(at("2026-03-30T06:00:00Z")));
        assert_eq!(calendar.next_opening(at("2026-10-23T16:00:00Z")), Some(at("2026-10-26T07:00:00Z")));
        let reunion = office("Indian/Reunion");
        assert_eq!(reunion.next_opening(at("2026-10-23T16:00:00Z")), Some(at("2026-10-26T04:00:00Z")));
    }

    /// TIM-06: an interval inside the repeated hour is open twice; one in the skipped hour never.
    #[test]
    fn intervals_inside_the_changed_hour() {
        let mut calendar = office("Europe/Paris");
        calendar.weekly = vec![interval("sun", "02:15", "02:45")];
        assert_eq!(calendar.next_opening(at("2026-10-24T22:00:00Z")), Some(at("2026-10-25T00:15:00Z")));
        assert_eq!(calendar.closes_at(at("2026-10-25T00:15:00Z")), Some(at("2026-10-25T00:45:00Z")));
        assert_eq!(calendar.next_opening(at("2026-10-25T00:45:00Z")), Some(at("2026-10-25T01:15:00Z")));
        assert_eq!(calendar.next_opening(at("2026-03-28T23:00:00Z")), Some(at("2026-04-05T00:15:00Z")));
        calendar.weekly = vec![interval("sun", "01:30", "02:30")];
        assert_eq!(calendar.closes_at(at("2026-03-29T00:30:00Z")), Some(at("2026-03-29T01:00:00Z")));
    }

    #[test]
    fn a_calendar_without_hours_never_opens() {
        let mut calendar = office("Europe/Paris");
        calendar.weekly.clear();
        calendar.extra.clear();
        assert!(!calendar.ever_opens(at("2026-11-23T12:00:00Z")));
    }

    #[test]
    fn messages_say_what_to_write() {
        assert_eq!(
            "8:00".parse::<CivilMinute>().unwrap_err(),
            "`8:00` is not a time of day: write it as 08:00, at most 24:00"
        );
        assert!("24:01".parse::<CivilMinute>().is_err());
        assert!(WeeklyInterval::parse_days("fri-mon").unwrap_err().contains("backwards"));
        assert!(WeeklyInterval::parse_days("lun").unwrap_err().contains("is not a day"));
        assert!("2026-12-26/2026-12-24".parse::<DateRange>().unwrap_err().contains("backwards"));
        assert!(
            WeeklyInterval::new(vec![Weekday::Monday], "18:00".parse().unwrap(), "08:00".parse().unwrap()).is_err()
        );
    }

    /// A reference that knows nothing of boundaries: it walks minute by minute.
    fn walk(calendar: &Calendar, from: Timestamp, wanted: bool) -> Option<Timestamp> {
        let step = SignedDuration::from_mins(1);
        let mut now = from;
        for _ in 0..(10 * 24 * 60) {
            now = now.checked_add(step).ok()?;
            if calendar.is_open(now) == wanted {
                return Some(now);
            }
        }
        None
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        /// TIM-06: every quarter of an hour of 2024–2040 can be drawn.
        #[test]
        fn boundaries_agree_with_a_walk(quarter in 0i64..(17 * 365 * 96), zone in prop::sample::select(vec!["Europe/Paris", "Indian/Reunion", "America/Miquelon"])) {
            let calendar = office(zone);
            let start = at("2024-01-01T00:00:00Z").checked_add(SignedDuration::from_mins(15 * quarter)).unwrap();
            if calendar.is_open(start) {
                prop_assert_eq!(calendar.closes_at(start), walk(&calendar, start, false));
            } else if let Some(opening) = walk(&calendar, start, true) {
                prop_assert_eq!(calendar.next_opening(start), Some(opening));
            }
        }
    }
}
