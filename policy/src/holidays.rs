//! French legal holidays, computed (TIM-03, TIM-04, TIM-05).
//!
//! Code du travail L3133-1 (the eleven days), L3134-13 (Alsace-Moselle), L3422-2 (overseas).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where the site stands, as far as holidays differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Region {
    /// Mainland France: the eleven days of L3133-1.
    #[serde(rename = "FR")]
    France,
    /// Bas-Rhin, Haut-Rhin, Moselle: 26 December, and Good Friday where the commune has a
    /// Protestant temple or a mixed church ([`HolidayRules::good_friday`]).
    #[serde(rename = "FR-Alsace-Moselle")]
    AlsaceMoselle,
    /// Guadeloupe: 27 May.
    #[serde(rename = "FR-GP")]
    Guadeloupe,
    /// Martinique: 22 May.
    #[serde(rename = "FR-MQ")]
    Martinique,
    /// Guyane: 10 June.
    #[serde(rename = "FR-GF")]
    Guyane,
    /// La Réunion: 20 December.
    #[serde(rename = "FR-RE")]
    Reunion,
    /// Mayotte: 27 April.
    #[serde(rename = "FR-YT")]
    Mayotte,
    /// Saint-Martin: 27 May.
    #[serde(rename = "FR-MF")]
    SaintMartin,
    /// Saint-Barthélemy: 9 October.
    #[serde(rename = "FR-BL")]
    SaintBarthelemy,
}

impl Region {
    /// Every region with the word for it in a calendar.
    pub const ALL: [(&'static str, Region); 9] = [
        ("FR", Region::France),
        ("FR-Alsace-Moselle", Region::AlsaceMoselle),
        ("FR-GP", Region::Guadeloupe),
        ("FR-MQ", Region::Martinique),
        ("FR-GF", Region::Guyane),
        ("FR-RE", Region::Reunion),
        ("FR-YT", Region::Mayotte),
        ("FR-MF", Region::SaintMartin),
        ("FR-BL", Region::SaintBarthelemy),
    ];
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = Region::ALL.iter().find(|(_, region)| region == self).map_or("FR", |(word, _)| word);
        f.write_str(word)
    }
}

impl FromStr for Region {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Region::ALL.iter().find(|(word, _)| *word == text).map(|(_, region)| *region).ok_or_else(|| {
            let words: Vec<&str> = Region::ALL.iter().map(|(word, _)| *word).collect();
            format!("`{}` is not a region: write one of {}", text.escape_default(), words.join(", "))
        })
    }
}

/// Which holidays a calendar closes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HolidayRules {
    /// Where the site stands.
    pub region: Region,
    /// Closed on Good Friday. Only in Alsace-Moselle, and there only in some communes.
    pub good_friday: bool,
    /// The Monday after Pentecost is worked (journée de solidarité, L3133-7), hence open.
    pub pentecost_monday_worked: bool,
}

impl HolidayRules {
    /// Whether the day is a holiday under these rules.
    pub fn is_holiday(&self, day: Date) -> bool {
        self.name(day).is_some()
    }

    /// The French name of the holiday that falls on this day, if any.
    pub fn name(&self, day: Date) -> Option<&'static str> {
        if let Some(name) = fixed(self.region, day.month(), day.day()) {
            return Some(name);
        }
        // Days from Easter Sunday; the movable feasts all stand at a fixed distance from it.
        let from_easter = (day - easter_sunday(day.year())?).get_days();
        match from_easter {
            -2 if self.good_friday && self.region == Region::AlsaceMoselle => Some("Vendredi saint"),
            1 => Some("Lundi de Pâques"),
            39 => Some("Ascension"),
            50 if !self.pentecost_monday_worked => Some("Lundi de Pentecôte"),
            _ => None,
        }
    }
}

fn fixed(region: Region, month: i8, day: i8) -> Option<&'static str> {
    const ABOLITION: &str = "Abolition de l’esclavage";
    match (month, day, region) {
        (1, 1, _) => Some("Jour de l’an"),
        (5, 1, _) => Some("Fête du Travail"),
        (5, 8, _) => Some("Victoire 1945"),
        (7, 14, _) => Some("Fête nationale"),
        (8, 15, _) => Some("Assomption"),
        (11, 1, _) => Some("Toussaint"),
        (11, 11, _) => Some("Armistice 1918"),
        (12, 25, _) => Some("Noël"),
        (12, 26, Region::AlsaceMoselle) => Some("Saint-Étienne"),
        (4, 27, Region::Mayotte)
        | (5, 22, Region::Martinique)
        | (5, 27, Region::Guadeloupe | Region::SaintMartin)
        | (6, 10, Region::Guyane)
        | (10, 9, Region::SaintBarthelemy)
        | (12, 20, Region::Reunion) => Some(ABOLITION),
        _ => None,
    }
}

/// Easter Sunday of a year of the Gregorian calendar, by the anonymous algorithm (Meeus, 1991).
///
/// `None` for a year outside the range of [`Date`].
pub fn easter_sunday(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let golden = y.rem_euclid(19);
    let (century, of_century) = (y.div_euclid(100), y.rem_euclid(100));
    let (leap_centuries, rest) = (century / 4, century % 4);
    let moon_correction = (century - (century + 8) / 25 + 1) / 3;
    let epact = (19 * golden + century - leap_centuries - moon_correction + 15).rem_euclid(30);
    let weekday = (32 + 2 * rest + 2 * (of_century / 4) - epact - of_century % 4).rem_euclid(7);
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let sum = epact + weekday - 7 * late + 114;
    Date::new(year, i8::try_from(sum / 31).ok()?, i8::try_from(sum % 31 + 1).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    const MAINLAND: HolidayRules =
        HolidayRules { region: Region::France, good_friday: false, pentecost_monday_worked: false };

    /// TIM-03: the movable feasts of 2026, and 2008, when Ascension fell on 1 May.
    #[test]
    fn movable_feasts() {
        assert_eq!(MAINLAND.name(date(2026, 4, 6)), Some("Lundi de Pâques"));
        assert_eq!(MAINLAND.name(date(2026, 5, 14)), Some("Ascension"));
        assert_eq!(MAINLAND.name(date(2026, 5, 25)), Some("Lundi de Pentecôte"));
        assert_eq!(MAINLAND.name(date(2008, 5, 1)), Some("Fête du Travail"));
        let count = |year| {
            date(year, 1, 1).series(jiff::Span::new().days(1)).take(365).filter(|day| MAINLAND.is_holiday(*day)).count()
        };
        assert_eq!(count(2026), 11);
        assert_eq!(count(2008), 10);
    }

    /// TIM-04: one for each zone.
    #[test]
    fn regional_holidays() {
        let strasbourg =
            HolidayRules { region: Region::AlsaceMoselle, good_friday: true, pentecost_monday_worked: false };
        let village = HolidayRules { good_friday: false, ..strasbourg };
        assert!(strasbourg.is_holiday(date(2026, 4, 3)));
        assert!(!village.is_holiday(date(2026, 4, 3)));
        assert!(!MAINLAND.is_holiday(date(2026, 4, 3)));
        assert!(village.is_holiday(date(2026, 12, 26)));
        for (region, day) in [
            (Region::Mayotte, date(2026, 4, 27)),
            (Region::Martinique, date(2026, 5, 22)),
            (Region::Guadeloupe, date(2026, 5, 27)),
            (Region::SaintMartin, date(2026, 5, 27)),
            (Region::Guyane, date(2026, 6, 10)),
            (Region::SaintBarthelemy, date(2026, 10, 9)),
            (Region::Reunion, date(2026, 12, 20)),
        ] {
            assert!(HolidayRules { region, ..MAINLAND }.is_holiday(day), "{region}");
            assert!(!MAINLAND.is_holiday(day), "{day}");
        }
    }

    /// TIM-05.
    #[test]
    fn pentecost_monday_can_be_worked() {
        let worked = HolidayRules { pentecost_monday_worked: true, ..MAINLAND };
        assert!(!worked.is_holiday(date(2026, 5, 25)));
    }

    /// TIM-03: against Gauss's algorithm, with its two corrections, written down separately.
    #[test]
    fn easter_agrees_with_gauss() {
        for year in 1900i16..=2200 {
            let y = i32::from(year);
            let (a, b, c) = (y % 19, y % 4, y % 7);
            let (k, p) = (y / 100, (13 + 8 * (y / 100)) / 25);
            let q = k / 4;
            let m = (15 - p + k - q) % 30;
            let n = (4 + k - q) % 7;
            let d = (19 * a + m) % 30;
            let e = (2 * b + 4 * c + 6 * d + n) % 7;
            let gauss = match (d, e) {
                (29, 6) => date(year, 4, 19),
                (28, 6) if (11 * m + 11) % 30 < 19 => date(year, 4, 18),
                _ => date(year, 3, 22).checked_add(jiff::Span::new().days(i64::from(d + e))).unwrap(),
            };
            assert_eq!(easter_sunday(year), Some(gauss), "{year}");
        }
    }
}
