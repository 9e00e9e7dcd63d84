//! The names of the files: `20261129T005309Z-mouse.mp4.slp`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::streams::plain_name;

/// The name of a stream's file. `copy` numbers streams of the same name and second, from 1.
pub(super) fn file_name(started: SystemTime, stream: &str, copy: u32) -> String {
    let time = utc(started);
    let stream = plain_name(stream);
    match copy {
        1 => format!("{time}-{stream}.slp"),
        copy => format!("{time}-{stream}-{copy}.slp"),
    }
}

/// `20261129T005309Z`.
fn utc(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!(
        "{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}Z",
        second % 60
    )
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = match month {
        0..=9 => (month + 3, 0),
        _ => (month - 9, 1),
    };
    (year_of_era + era * 400 + next, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_utc_also_on_leap_days() {
        for (seconds, expected) in [
            (0, "19700101T000000Z"),
            (951_782_400, "20000229T000000Z"),
            (1_709_251_199, "20240229T235959Z"),
            (1_709_251_200, "20240301T000000Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ] {
            assert_eq!(utc(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn a_clients_name_for_its_stream_leads_nowhere_else() {
        let name = |stream: &str| file_name(UNIX_EPOCH, stream, 1);
        assert_eq!(name("webcam:0"), "19700101T000000Z-webcam_0.slp");
        assert_eq!(
            name("../../etc/passwd"),
            "19700101T000000Z-.._.._etc_passwd.slp"
        );
        assert_eq!(name(""), "19700101T000000Z-stream.slp");
        assert_eq!(name("a b\n\u{202e}$(x)"), "19700101T000000Z-a_b____x_.slp");
        assert_eq!(name("Mäuse.mp4"), "19700101T000000Z-Mäuse.mp4.slp");
        assert!(name(&"ü".repeat(5000)).len() < 255);
        assert_eq!(file_name(UNIX_EPOCH, "a", 2), "19700101T000000Z-a-2.slp");
    }
}
