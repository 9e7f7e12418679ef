//! Texts with units: `"30s"`, `"2 GiB"`, `"1.5"` processors. A number without its unit is refused.

use domain::Millis;

/// The longest duration that makes sense anywhere in the configuration: a year.
const MAX_MS: u64 = 366 * 24 * 3_600_000;

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`. At least one millisecond, at most a year.
pub fn duration(text: &str) -> Result<Millis, String> {
    const UNITS: [(&str, u64); 5] =
        [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let unfit =
        || format!("`{text}` is not a duration; write it like \"30s\", \"500ms\", \"5m\", \"1h\" or \"2d\"");
    let (number, unit) = split(text);
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(unfit)?;
    let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(unfit)?;
    match ms {
        0 => Err("a duration of zero means nothing here; leave the key out for its default".to_owned()),
        1..=MAX_MS => Ok(Millis(ms)),
        _ => Err(format!("`{text}` is longer than a year; write a shorter duration")),
    }
}

/// A size in bytes: a whole number and `B`, `KB`, `MB`, `GB`, `TB` (thousands) or `KiB`, `MiB`, `GiB`, `TiB` (1024s).
pub fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("B", 1),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let unfit = || format!("`{text}` is not a size; write it like \"2 GiB\" or \"512 MiB\"");
    let (number, unit) = split(text);
    let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(unfit)?;
    let bytes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or_else(unfit)?;
    if bytes == 0 || bytes > 1 << 50 { Err(unfit()) } else { Ok(bytes) }
}

/// Processors as percent of one: `2` is 200, `0.5` is 50.
pub fn processors(number: f64) -> Result<u32, String> {
    let percent = (number * 100.0).round();
    if (1.0..=102_400.0).contains(&percent) {
        // In range and whole: the conversion is exact.
        Ok(percent as u32)
    } else {
        Err(format!("`{number}` processors cannot be given; write a number from 0.01 to 1024"))
    }
}

/// `30 s` and `30s` alike: the digits and the unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_their_unit() {
        let good =
            [("30s", 30_000), ("500 ms", 500), ("5m", 300_000), ("1h", 3_600_000), ("2d", 172_800_000)];
        for (text, ms) in good {
            assert_eq!(duration(text), Ok(Millis(ms)), "{text}");
        }
        for text in ["", "30", "s", "-1s", "1.5h", "0s", "400d", "99999999999999999999s", "1 fortnight"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_need_their_unit() {
        assert_eq!(size("2 GiB"), Ok(2 << 30));
        assert_eq!(size("512MiB"), Ok(512 << 20));
        assert_eq!(size("1 GB"), Ok(1_000_000_000));
        for text in ["", "2", "2 gib", "0 B", "-1 MiB", "99999999 TiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn processors_may_be_parts() {
        assert_eq!(processors(0.5), Ok(50));
        assert_eq!(processors(2.0), Ok(200));
        for number in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert!(processors(number).is_err(), "{number}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (duration(&text), size(&text));
        }
    }
}
