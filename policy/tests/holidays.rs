//! Every day of 1980 to 2100 in every region, against a second way to know the holidays (TIM-03,
//! TIM-04, TIM-05).
//!
//! Easter comes from the table of paschal full moons as it is printed in prayer books, and the day
//! of the week from counting on from a known Sunday; neither is how the crate does it, nor Gauss's
//! formula, which its unit test uses. The crate computes the law of today for every year, also for
//! those in which it was not yet law (8 May before 1982).
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails is a failing test")]

use policy::{HolidayRules, Region, easter_sunday};
use std::collections::BTreeMap;

/// The paschal full moon by golden number 1 to 19, as (month, day): for 1900 to 2199.
const PASCHAL_FULL_MOONS: [(i8, i8); 19] = [
    (4, 14),
    (4, 3),
    (3, 23),
    (4, 11),
    (3, 31),
    (4, 18),
    (4, 8),
    (3, 28),
    (4, 16),
    (4, 5),
    (3, 25),
    (4, 13),
    (4, 2),
    (3, 22),
    (4, 10),
    (3, 30),
    (4, 17),
    (4, 7),
    (3, 27),
];

/// Some Easter Sundays from printed calendars, among them the earliest and latest of the span and
/// the two years (1981, 2049) in which the exceptions of Gauss's formula apply.
const PRINTED: [(i16, i8, i8); 16] = [
    (1980, 4, 6),
    (1981, 4, 19),
    (2000, 4, 23),
    (2008, 3, 23),
    (2011, 4, 24),
    (2016, 3, 27),
    (2019, 4, 21),
    (2024, 3, 31),
    (2025, 4, 20),
    (2026, 4, 5),
    (2027, 3, 28),
    (2035, 3, 25),
    (2038, 4, 25),
    (2049, 4, 18),
    (2076, 4, 19),
    (2100, 3, 28),
];

/// A year as the list of its days, made by hand: month, day, and whether it is a Sunday.
struct Year {
    days: Vec<(i8, i8)>,
    /// The place of the first Sunday.
    first_sunday: usize,
}

impl Year {
    /// All years of the span, counted on from Sunday 6 January 1980.
    fn all() -> BTreeMap<i16, Year> {
        let mut years = BTreeMap::new();
        let mut first_sunday = 5;
        for year in 1980i16..=2100 {
            let leap = year % 4 == 0 && year != 2100;
            let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let days: Vec<(i8, i8)> =
                (1i8..=12).zip(lengths).flat_map(|(month, length)| (1..=length).map(move |day| (month, day))).collect();
            let next = (first_sunday + 7 * 53 - days.len()) % 7;
            years.insert(year, Year { days, first_sunday });
            first_sunday = next;
        }
        years
    }

    fn place(&self, month: i8, day: i8) -> usize {
        self.days.iter().position(|there| *there == (month, day)).unwrap()
    }

    /// The Sunday after the paschal full moon; a week later if the moon is full on a Sunday.
    fn easter(&self, year: i16) -> usize {
        let golden = usize::try_from(year % 19).unwrap();
        let (month, day) = PASCHAL_FULL_MOONS[golden];
        let moon = self.place(month, day);
        (moon + 1..).find(|place| place % 7 == self.first_sunday).unwrap()
    }
}

/// What the law closes in a region, by place in the year, with its name.
fn expected(year: i16, days: &Year, rules: &HolidayRules) -> BTreeMap<usize, &'static str> {
    let mut fixed = vec![
        (1, 1, "Jour de l’an"),
        (5, 1, "Fête du Travail"),
        (5, 8, "Victoire 1945"),
        (7, 14, "Fête nationale"),
        (8, 15, "Assomption"),
        (11, 1, "Toussaint"),
        (11, 11, "Armistice 1918"),
        (12, 25, "Noël"),
    ];
    let abolition = match rules.region {
        Region::France | Region::AlsaceMoselle => None,
        Region::Guadeloupe | Region::SaintMartin => Some((5, 27)),
        Region::Martinique => Some((5, 22)),
        Region::Guyane => Some((6, 10)),
        Region::Reunion => Some((12, 20)),
        Region::Mayotte => Some((4, 27)),
        Region::SaintBarthelemy => Some((10, 9)),
    };
    fixed.extend(abolition.map(|(month, day)| (month, day, "Abolition de l’esclavage")));
    let easter = days.easter(year);
    let mut movable = vec![(easter + 1, "Lundi de Pâques"), (easter + 39, "Ascension")];
    if !rules.pentecost_monday_worked {
        movable.push((easter + 50, "Lundi de Pentecôte"));
    }
    if rules.region == Region::AlsaceMoselle {
        fixed.push((12, 26, "Saint-Étienne"));
        if rules.good_friday {
            movable.push((easter - 2, "Vendredi saint"));
        }
    }
    // Where a movable feast meets a fixed one, the fixed one gives the name.
    let fixed = fixed.into_iter().map(|(month, day, name)| (days.place(month, day), name));
    movable.into_iter().chain(fixed).collect()
}

#[test]
fn every_day_in_every_region() {
    for (year, days) in Year::all() {
        for (_, region) in Region::ALL {
            for (good_friday, pentecost_monday_worked) in [(false, false), (true, false), (false, true), (true, true)] {
                let rules = HolidayRules { region, good_friday, pentecost_monday_worked };
                let expected = expected(year, &days, &rules);
                for (place, (month, day)) in days.days.iter().enumerate() {
                    let date = jiff::civil::Date::new(year, *month, *day).unwrap();
                    assert_eq!(rules.name(date), expected.get(&place).copied(), "{date} {rules:?}");
                }
            }
        }
    }
}

#[test]
fn easter_is_as_printed() {
    for (year, month, day) in PRINTED {
        assert_eq!(easter_sunday(year), Some(jiff::civil::date(year, month, day)));
        let days = &Year::all()[&year];
        assert_eq!(days.days[days.easter(year)], (month, day), "the table itself");
    }
}

/// TIM-03: Ascension on 1 May (2008) and on 8 May (1986, 1997…) count once.
#[test]
fn two_holidays_on_one_day_count_once() {
    let rules = HolidayRules { region: Region::France, good_friday: false, pentecost_monday_worked: false };
    for (year, days) in Year::all() {
        let easter = days.easter(year);
        let met = [(5, 1), (5, 8)].into_iter().filter(|(month, day)| days.place(*month, *day) == easter + 39).count();
        let counted =
            days.days.iter().filter(|(month, day)| rules.is_holiday(jiff::civil::date(year, *month, *day))).count();
        assert_eq!(counted, 11 - met, "{year}");
    }
}
