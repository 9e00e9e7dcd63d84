use std::fs;
use std::path::Path;

use super::*;
use crate::settings::SettingOrigins;

const ONE: &str = "AAAAAAAAAAAAAAAAAAAAAA";
const TWO: &str = "BBBBBBBBBBBBBBBBBBBBBA";
const THREE: &str = "CCCCCCCCCCCCCCCCCCCCCA";

/// A home folder with the secrets of a room, and the variables of the environment.
struct Home {
    dir: tempfile::TempDir,
    variable: Option<&'static str>,
    shared: bool,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join(".sleap-rtc/room-secrets")).unwrap();
        fs::create_dir(dir.path().join("shared")).unwrap();
        Self {
            dir,
            variable: None,
            shared: false,
        }
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(file);
        fs::write(&path, text).unwrap();
        path
    }

    fn choose(
        &self,
        args: &SecretArgs,
        insecure: bool,
        room: Option<&str>,
    ) -> Result<SecretChoice> {
        let around = SecretEnvironment {
            room_secret: Ok(self.variable.map(str::to_owned)),
            secret_path: self.shared.then(|| self.dir.path().join("shared")),
            home: Some(self.dir.path().to_owned()),
        };
        args.choose_in(around, insecure, None, room)
    }

    /// The secret without any option.
    fn found(&self, room: Option<&str>) -> Option<String> {
        secret(self.choose(&SecretArgs::default(), false, room).unwrap())
    }
}

fn secret(choice: SecretChoice) -> Option<String> {
    match choice {
        SecretChoice::Secret(found) => Some(found.secret.reveal()),
        SecretChoice::None => None,
        SecretChoice::Insecure => panic!("a secret, or none"),
    }
}

/// Options from these sources.
fn args(secret: Option<&str>, file: Option<&Path>, origins: &[(&str, SourceRank)]) -> SecretArgs {
    let origins = origins.iter();
    let origins: Vec<_> = origins
        .map(|(name, rank)| (*name, SettingOrigin::new(*rank, format!("{rank:?}"))))
        .collect();
    SecretArgs {
        secret: secret.map(Redacted::from),
        secret_file: file.map(Path::to_owned),
        origins: SettingOrigins::with(&origins),
    }
}

#[test]
fn places_are_read_in_sleap_rtcs_order() {
    let mut home = Home::new();
    assert_eq!(home.found(Some("lab")), None);
    let credentials = format!(r#"{{"jwt":"x","room_secrets":{{"lab":"{THREE}"}}}}"#);
    home.write(".sleap-rtc/credentials.json", &credentials);
    assert_eq!(home.found(Some("lab")).as_deref(), Some(THREE));
    assert_eq!(home.found(Some("other")), None);
    assert_eq!(home.found(None), None);

    home.write(".sleap-rtc/room-secrets/lab", &format!("{TWO}\n"));
    assert_eq!(home.found(Some("lab")).as_deref(), Some(TWO));
    home.shared = true;
    assert_eq!(home.found(Some("lab")).as_deref(), Some(THREE));

    home.variable = Some(ONE);
    for room in [Some("lab"), None] {
        assert_eq!(home.found(room).as_deref(), Some(ONE));
    }
}

#[test]
fn a_secret_of_a_stronger_place_comes_first() {
    let mut home = Home::new();
    home.write(".sleap-rtc/room-secrets/lab", THREE);
    let file = home.write("secret", TWO);
    let chosen = |home: &Home, rank| {
        let args = args(None, Some(&file), &[("secret_file", rank)]);
        secret(home.choose(&args, false, Some("lab")).unwrap())
    };
    for rank in [
        SourceRank::Line,
        SourceRank::Environment,
        SourceRank::NamedFile,
        SourceRank::UserFile,
    ] {
        assert_eq!(chosen(&home, rank).as_deref(), Some(TWO), "{rank:?}");
    }
    home.variable = Some(ONE);
    for (rank, expected) in [
        (SourceRank::Line, TWO),
        (SourceRank::Environment, TWO),
        (SourceRank::NamedFile, ONE),
        (SourceRank::UserFile, ONE),
    ] {
        assert_eq!(chosen(&home, rank).as_deref(), Some(expected), "{rank:?}");
    }
    // A folder that the environment names is stronger than a file's word.
    home.variable = None;
    home.shared = true;
    home.write("shared/lab", ONE);
    assert_eq!(chosen(&home, SourceRank::NamedFile).as_deref(), Some(ONE));
    assert_eq!(chosen(&home, SourceRank::Line).as_deref(), Some(TWO));
}

/// The choice where `insecure` is set by a source of this rank, and the option `secret` perhaps too.
fn insecure(
    home: &Home,
    rank: SourceRank,
    secret: Option<(&str, SourceRank)>,
    room: Option<&str>,
) -> Result<SecretChoice> {
    let mut origins = vec![("insecure", rank)];
    origins.extend(secret.map(|it| ("secret", it.1)));
    let args = args(secret.map(|it| it.0), None, &origins);
    home.choose(&args, true, room)
}

#[track_caller]
fn assert_taken(choice: Result<SecretChoice>) {
    assert!(matches!(choice, Ok(SecretChoice::Insecure)), "{choice:?}");
}

#[track_caller]
fn assert_refused(choice: Result<SecretChoice>, place: &str) {
    let error = format!("{:#}", choice.unwrap_err());
    for word in ["insecure", place, "--insecure=false"] {
        assert!(error.contains(word), "no {word:?} in: {error}");
    }
    assert!(!error.contains(ONE) && !error.contains(TWO), "{error}");
}

#[test]
fn insecure_has_to_be_stronger_than_every_secret() {
    use SourceRank::{Environment, Line, NamedFile, UserFile};
    let mut home = Home::new();
    for rank in [Line, Environment, UserFile] {
        assert_taken(insecure(&home, rank, None, Some("lab")));
    }
    home.variable = Some(ONE);
    assert_taken(insecure(&home, Line, None, None));
    for rank in [Environment, NamedFile, UserFile] {
        assert_refused(insecure(&home, rank, None, None), ROOM_SECRET);
    }
    // An unusable secret is not read where a stronger source is used.
    home.variable = Some("hunter2");
    assert_taken(insecure(&home, Line, None, None));
    assert_refused(insecure(&home, UserFile, None, None), ROOM_SECRET);

    home.variable = None;
    let in_file = Some((TWO, NamedFile));
    assert_taken(insecure(&home, Environment, in_file, None));
    let refused = insecure(&home, NamedFile, in_file, None);
    assert_refused(refused, "secret (NamedFile)");
}

#[test]
fn insecure_has_to_be_stronger_than_a_rooms_secret() {
    use SourceRank::{Environment, Line, NamedFile, UserFile};
    let mut home = Home::new();
    let lab = home.write(".sleap-rtc/room-secrets/lab", ONE);
    let lab = lab.to_str().unwrap();
    assert_taken(insecure(&home, NamedFile, None, Some("lab")));
    assert_refused(insecure(&home, UserFile, None, Some("lab")), lab);
    assert_taken(insecure(&home, UserFile, None, Some("other")));
    let credentials = format!(r#"{{"room_secrets":{{"other":"{TWO}"}}}}"#);
    home.write(".sleap-rtc/credentials.json", &credentials);
    let other = insecure(&home, UserFile, None, Some("other"));
    assert_refused(other, "credentials.json");
    home.shared = true;
    home.write("shared/lab", ONE);
    let shared = insecure(&home, Environment, None, Some("lab"));
    assert_refused(shared, "shared/lab");
    assert_taken(insecure(&home, Line, None, Some("lab")));
}

#[test]
fn a_links_secret_ranks_where_the_link_stands() {
    let link: Secret = TWO.parse().unwrap();
    let chosen = |rank, variable: Option<&str>| {
        let around = SecretEnvironment {
            room_secret: Ok(variable.map(str::to_owned)),
            secret_path: None,
            home: None,
        };
        let args = args(None, None, &[("worker", rank)]);
        secret(args.choose_in(around, false, Some(&link), None).unwrap())
    };
    assert_eq!(chosen(SourceRank::UserFile, None).as_deref(), Some(TWO));
    assert_eq!(
        chosen(SourceRank::UserFile, Some(ONE)).as_deref(),
        Some(ONE)
    );
    for rank in [SourceRank::Line, SourceRank::Environment] {
        assert_eq!(chosen(rank, Some(ONE)).as_deref(), Some(TWO), "{rank:?}");
    }
}

#[test]
fn what_is_wrong_is_named_without_quoting_it() {
    let mut home = Home::new();
    home.variable = Some("hunter2");
    let error = home
        .choose(&SecretArgs::default(), false, None)
        .unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains(ROOM_SECRET) && !error.contains("hunter2"),
        "{error}"
    );
    home.variable = None;
    for room in ["../hunter", ".hunter", "a/b", ""] {
        assert!(
            home.choose(&SecretArgs::default(), false, Some(room))
                .is_err()
        );
    }
    let args = args(Some("hunter2"), None, &[]);
    let error = format!("{:#}", home.choose(&args, false, None).unwrap_err());
    assert!(
        error.contains("--secret") && !error.contains("hunter2"),
        "{error}"
    );
    assert!(!format!("{args:?}").contains("hunter2"));
}

#[test]
fn a_file_holds_the_secret_and_nothing_else() {
    let home = Home::new();
    let file = home.dir.path().join("secret");
    let args = args(None, Some(&file), &[]);
    let choose = || home.choose(&args, false, None);
    assert!(choose().is_err());
    fs::write(&file, format!("{TWO}\n")).unwrap();
    assert_eq!(secret(choose().unwrap()).as_deref(), Some(TWO));
    fs::write(&file, "").unwrap();
    let error = format!("{:#}", choose().unwrap_err());
    assert!(
        error.contains("--secret-file") && error.contains("too short"),
        "{error}"
    );
}
