//! Dates in the form of Moment.js, the one that the `date` of a rule is written in, in English.
//!
//! <https://momentjs.com/docs/#/displaying/format/>

use jiff::Zoned;
use std::fmt::Write as _;

/// What stands for something, the longer of two that begin alike first.
const TOKENS: [&str; 69] = [
    "LTS", "LT", "LLLL", "LLL", "LL", "L", "llll", "lll", "ll", "l", // whole dates
    "YYYYYY", "YYYYY", "YYYY", "YY", "Y", "yyyy", "yyy", "yy", "y", // years
    "GGGGG", "GGGG", "GG", "ggggg", "gggg", "gg", // years of weeks
    "Qo", "Q", "MMMM", "MMM", "MM", "Mo", "M", // quarters and months
    "WW", "Wo", "W", "ww", "wo", "w", // weeks
    "DDDD", "DDDo", "DDD", "DD", "Do", "D", "dddd", "ddd", "dd", "do", "d", "e", "E", // days
    "HH", "H", "hh", "h", "kk", "k", "A", "a", "mm", "m", "ss", "s", // times
    "ZZ", "Z", "zz", "z", "X", "x", // zones and seconds since 1970
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// `date` as `format` says. What stands in `[…]` or behind a `\` is taken as it is, and so is what stands for nothing.
pub(super) fn format(date: &Zoned, format: &str) -> String {
    let mut text = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if let Some((literal, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            text.push_str(literal);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\\') {
            let length = after.chars().next().map_or(0, char::len_utf8);
            text.push_str(&after[..length]);
            rest = &after[length..];
        } else if first == 'S' {
            let length = rest.len() - rest.trim_start_matches('S').len();
            let digits = length.min(9);
            let _ = write!(text, "{}", &format!("{:09}", date.subsec_nanosecond())[..digits]);
            rest = &rest[digits..];
        } else if let Some(token) = TOKENS.iter().find(|token| rest.starts_with(**token)) {
            text.push_str(&expand(date, token));
            rest = &rest[token.len()..];
        } else {
            text.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    text
}

fn expand(date: &Zoned, token: &str) -> String {
    let (year, month, day) = (date.year(), date.month(), date.day());
    let (hour, minute, second) = (date.hour(), date.minute(), date.second());
    let month_name = MONTHS[usize::from(month.unsigned_abs()) - 1];
    let weekday = date.weekday().to_sunday_zero_offset();
    let day_name = DAYS[usize::from(weekday.unsigned_abs())];
    let day_of_year = date.day_of_year();
    let quarter = (month + 2) / 3;
    let hour12 = (hour + 11) % 12 + 1;
    let hour24 = if hour == 0 { 24 } else { hour };
    let iso_week = date.date().iso_week_date();
    let (us_year, us_week) = us_week(date);
    let (noon, small_noon) = if hour < 12 { ("AM", "am") } else { ("PM", "pm") };
    match token {
        "LT" => format(date, "h:mm A"),
        "LTS" => format(date, "h:mm:ss A"),
        "L" => format(date, "MM/DD/YYYY"),
        "LL" => format(date, "MMMM D, YYYY"),
        "LLL" => format(date, "MMMM D, YYYY h:mm A"),
        "LLLL" => format(date, "dddd, MMMM D, YYYY h:mm A"),
        "l" => format(date, "M/D/YYYY"),
        "ll" => format(date, "MMM D, YYYY"),
        "lll" => format(date, "MMM D, YYYY h:mm A"),
        "llll" => format(date, "ddd, MMM D, YYYY h:mm A"),
        "YYYYYY" => format!("{year:+07}"),
        "YYYYY" => format!("{year:05}"),
        "YYYY" | "yyyy" => format!("{year:04}"),
        "yyy" => format!("{year:03}"),
        "YY" => format!("{:02}", year % 100),
        "yy" => format!("{year:02}"),
        "Y" | "y" => year.to_string(),
        "GGGGG" => format!("{:05}", iso_week.year()),
        "GGGG" => format!("{:04}", iso_week.year()),
        "GG" => format!("{:02}", iso_week.year() % 100),
        "ggggg" => format!("{us_year:05}"),
        "gggg" => format!("{us_year:04}"),
        "gg" => format!("{:02}", us_year % 100),
        "Q" => quarter.to_string(),
        "Qo" => ordinal(i16::from(quarter)),
        "MMMM" => month_name.into(),
        "MMM" => month_name[..3].into(),
        "MM" => format!("{month:02}"),
        "Mo" => ordinal(i16::from(month)),
        "M" => month.to_string(),
        "WW" => format!("{:02}", iso_week.week()),
        "Wo" => ordinal(i16::from(iso_week.week())),
        "W" => iso_week.week().to_string(),
        "ww" => format!("{us_week:02}"),
        "wo" => ordinal(us_week),
        "w" => us_week.to_string(),
        "DDDD" => format!("{day_of_year:03}"),
        "DDDo" => ordinal(day_of_year),
        "DDD" => day_of_year.to_string(),
        "DD" => format!("{day:02}"),
        "Do" => ordinal(i16::from(day)),
        "D" => day.to_string(),
        "dddd" => day_name.into(),
        "ddd" => day_name[..3].into(),
        "dd" => day_name[..2].into(),
        "do" => ordinal(i16::from(weekday)),
        "d" | "e" => weekday.to_string(),
        "E" => date.weekday().to_monday_one_offset().to_string(),
        "HH" => format!("{hour:02}"),
        "H" => hour.to_string(),
        "hh" => format!("{hour12:02}"),
        "h" => hour12.to_string(),
        "kk" => format!("{hour24:02}"),
        "k" => hour24.to_string(),
        "A" => noon.into(),
        "a" => small_noon.into(),
        "mm" => format!("{minute:02}"),
        "m" => minute.to_string(),
        "ss" => format!("{second:02}"),
        "s" => second.to_string(),
        "Z" => date.strftime("%:z").to_string(),
        "ZZ" => date.strftime("%z").to_string(),
        "z" | "zz" => date.strftime("%Z").to_string(),
        "X" => date.timestamp().as_second().to_string(),
        "x" => date.timestamp().as_millisecond().to_string(),
        _ => unreachable!("invariant: every token of the list is expanded"),
    }
}

/// The year and the week of it as in America: weeks begin on Sunday, and the first one is the one with January 1.
fn us_week(date: &Zoned) -> (i16, i16) {
    let to_saturday = 6 - i64::from(date.weekday().to_sunday_zero_offset());
    let saturday = date.date().saturating_add(jiff::Span::new().days(to_saturday));
    (saturday.year(), (saturday.day_of_year() - 1) / 7 + 1)
}

fn ordinal(number: i16) -> String {
    let ending = match (number % 10, number % 100 / 10) {
        (_, 1) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str, text: &str) -> String {
        format(&date.parse().unwrap(), text)
    }

    /// What Moment.js 2.30 prints, which knows no more than three digits of a second.
    #[test]
    fn every_token() {
        let date = "2020-01-10T15:25:50.123456789[UTC]";
        for (text, expected) in [
            ("YYYYMMDD", "20200110"),
            ("YYYYMMDD-HHmmss", "20200110-152550"),
            ("dddd, MMMM Do YYYY, h:mm:ss a", "Friday, January 10th 2020, 3:25:50 pm"),
            ("YYYY-MM-DDTHH:mm:ss.SSS[Z]", "2020-01-10T15:25:50.123Z"),
            ("YY Y yyyy YYYYYY", "20 2020 2020 +002020"),
            ("yyyyMMdd", "202001Fr"),
            ("Q Qo M Mo MMM", "1 1st 1 1st Jan"),
            ("w wo ww gg gggg", "2 2nd 02 20 2020"),
            ("W Wo WW GG GGGG", "2 2nd 02 20 2020"),
            ("D DDD DDDo DDDD", "10 10 10th 010"),
            ("d do dd ddd e E", "5 5th Fr Fri 5 5"),
            ("H HH h hh k kk A", "15 15 3 03 15 15 PM"),
            ("m s S SS SSSS SSSSSSSSS", "25 50 1 12 1234 123456789"),
            ("X x Z ZZ z", "1578669950 1578669950123 +00:00 +0000 UTC"),
            ("LT LTS L l", "3:25 PM 3:25:50 PM 01/10/2020 1/10/2020"),
            ("LL | ll", "January 10, 2020 | Jan 10, 2020"),
            ("LLLL | llll", "Friday, January 10, 2020 3:25 PM | Fri, Jan 10, 2020 3:25 PM"),
            (r"[on] YYYY \D é", "on 2020 D é"),
            ("", ""),
        ] {
            assert_eq!(at(date, text), expected, "{text}");
        }
    }

    #[test]
    fn weeks_at_the_turn_of_the_year() {
        assert_eq!(at("2021-01-01T00:00[UTC]", "gggg-ww GGGG-WW"), "2021-01 2020-53");
        assert_eq!(at("2019-12-31T00:00[UTC]", "gggg-ww GGGG-WW"), "2020-01 2020-01");
        assert_eq!(at("2022-12-31T00:00[UTC]", "gggg-ww GGGG-WW"), "2022-53 2022-52");
    }

    #[test]
    fn midnight_and_zones() {
        assert_eq!(at("2020-01-10T00:30[UTC]", "h k A"), "12 24 AM");
        assert_eq!(at("2020-01-10T09:30[Asia/Tokyo]", "YYYYMMDD-HHmmss Z z"), "20200110-093000 +09:00 JST");
        let ordinals: Vec<_> = [1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111].map(ordinal).into();
        let expected = ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th"];
        assert_eq!(ordinals, expected);
    }

    #[test]
    fn no_token_hides_a_longer_one() {
        for (place, token) in TOKENS.iter().enumerate() {
            for later in &TOKENS[place + 1..] {
                assert!(!later.starts_with(token), "{token} comes before {later}");
            }
        }
    }
}
