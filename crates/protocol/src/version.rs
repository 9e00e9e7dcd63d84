//! Which versions of the programs work with each other.

/// Whether a client and a worker of these versions are made for each other: their first numbers other than zero
/// are equal ([semantic versioning](https://semver.org)). Also true where one is not a version: nothing is known then.
pub fn versions_fit(one: &str, other: &str) -> bool {
    match (significant(one), significant(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// `[1, 0]` of `1.2.3`, `[0, 2]` of `0.2.3`.
fn significant(version: &str) -> Option<[u32; 2]> {
    let mut numbers = version.split(['.', '-', '+', ' ']).map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(if major == 0 { [0, minor] } else { [major, 0] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_that_is_not_zero_decides() {
        for (one, other, fit) in [
            ("1.2.3", "1.9.0", true),
            ("1.2.3", "2.2.3", false),
            ("0.2.3", "0.2.9-rc.1", true),
            ("0.2.3", "0.3.0", false),
            ("0.2.3", "1.2.3", false),
            ("0.2.3 (1a2b3c4d5e)", "0.2.0", true),
            ("0.2.3", "of our own", true),
            ("", "99999999999.0.0", true),
        ] {
            assert_eq!(versions_fit(one, other), fit, "{one} {other}");
            assert_eq!(versions_fit(other, one), fit, "{other} {one}");
        }
    }
}
