//! Settings files as a stranger would write them, for both real programs.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use e2e::{Finished, Worker, binary};
use tempfile::TempDir;

/// A user of this machine that is not the one of the test.
const NOBODY: u32 = 65_534;
const PROGRAMS: [&str; 2] = ["sleap-stream", "sleap-worker"];
const PATTERN: [&str; 4] = ["--test-pattern", "64x48@100", "--max-frames", "6"];

/// A working directory and a home, both the user's own.
struct Folders {
    dir: TempDir,
}

impl Folders {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("home/.sleap-rtc")).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary(program));
        for name in [
            "SLEAP_ROOM_SECRET",
            "SLEAP_RTC_SIGNALING_WS",
            "SLEAP_RTC_ENV",
        ] {
            command.env_remove(name);
        }
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("HOME", self.path("home"))
            .env_remove("SLEAP_STREAM_NO_CONFIG")
            .env_remove("SLEAP_WORKER_NO_CONFIG");
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Finished {
        let output = self.command(program, args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Finished {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A server of the stranger's.
fn stranger() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[track_caller]
fn assert_not_called(listener: &TcpListener) {
    listener.set_nonblocking(true).unwrap();
    let called = listener.accept().map_err(|error| error.kind());
    assert!(matches!(called, Err(ErrorKind::WouldBlock)), "{called:?}");
}

#[test]
fn a_file_that_lies_in_the_working_directory_sends_no_file_of_the_user_away() {
    let user = Folders::new();
    let (listener, url) = stranger();
    user.write("home/id_rsa", "key");
    let text =
        format!("[sleap-stream]\nsend_file = '~/id_rsa'\nsignal = '{url}'\ninsecure = true\n");
    user.write("sleap-rtc.toml", &text);
    for args in [&[][..], &PATTERN[..], &["doctor"]] {
        let run = user.run("sleap-stream", args);
        let words = [
            "./sleap-rtc.toml, line 2",
            "send_file",
            "~/.sleap-rtc/config.toml",
        ];
        run.failed(2, &words);
    }
    assert_not_called(&listener);
    // The control: named by the user, the same file leads there.
    listener.set_nonblocking(false).unwrap();
    let named = ["--config", "sleap-rtc.toml"];
    let mut client = user.command("sleap-stream", &named);
    let mut client = client.stderr(Stdio::null()).spawn().unwrap();
    listener.accept().expect("a caller");
    client.kill().unwrap();
    client.wait().unwrap();
}

#[test]
fn such_a_file_neither_opens_the_worker_nor_replaces_files() {
    let user = Folders::new();
    user.write("thesis.slp", "years of work");
    for (program, key, setting) in [
        (
            "sleap-worker",
            "listen",
            "listen = '0.0.0.0:0'\ninsecure = true",
        ),
        ("sleap-worker", "insecure", "insecure = true"),
        ("sleap-worker", "view", "view = '0.0.0.0:0'"),
        ("sleap-worker", "metrics", "metrics = true"),
        ("sleap-worker", "upload_dir", "upload_dir = '/'"),
        ("sleap-worker", "save_every", "save_every = 1"),
        ("sleap-worker", "model", "model = '.'"),
        (
            "sleap-worker",
            "secret",
            "secret = 'AAAAAAAAAAAAAAAAAAAAAA'",
        ),
        ("sleap-worker", "emit", "emit = ['udp://192.0.2.1:9']"),
        (
            "sleap-stream",
            "overwrite",
            "overwrite = true\noutput = ['thesis.slp']",
        ),
        ("sleap-stream", "output", "output = ['thesis.slp']"),
        ("sleap-stream", "record", "record = 'thesis.mkv'"),
        ("sleap-stream", "snapshot", "snapshot = 'thesis.png'"),
        ("sleap-stream", "webcam", "webcam = 0"),
        ("sleap-stream", "stream", "stream = '~/private.mp4'"),
        ("sleap-stream", "worker", "worker = 'sleap://192.0.2.1:9/'"),
        (
            "sleap-stream",
            "ice_server",
            "ice_server = 'turn:u:p@192.0.2.1'",
        ),
        ("sleap-stream", "relay_only", "relay_only = false"),
        ("sleap-stream", "auth_compat", "auth_compat = true"),
    ] {
        user.write("sleap-rtc.toml", &format!("[{program}]\n{setting}\n"));
        let args: &[&str] = match program {
            "sleap-stream" => &PATTERN,
            // What would be refused in a run is refused here, and a worker does not end by itself.
            _ => &["config"],
        };
        let run = user.run(program, args);
        let reason = format!("line 2: {key} says ");
        run.failed(2, &[&reason, "working directory"]);
    }
    user.write(
        "sleap-rtc.toml",
        "[sleap-worker]\nlisten = '0.0.0.0:0'\ninsecure = true\n",
    );
    user.run("sleap-worker", &[])
        .failed(2, &["line 2: listen says "]);
    let thesis = fs::read_to_string(user.path("thesis.slp")).unwrap();
    assert_eq!(thesis, "years of work");
}

#[test]
fn a_login_does_not_go_to_a_server_that_the_working_directory_names() {
    let user = Folders::new();
    let (listener, url) = stranger();
    let credentials = r#"{"jwt":"x","room_secrets":{"lab":"AAAAAAAAAAAAAAAAAAAAAA"}}"#;
    mode(
        &user.write("home/.sleap-rtc/credentials.json", credentials),
        0o600,
    );
    let server = format!("[environments.production]\nsignaling_websocket = '{url}'\n");
    user.write("sleap-rtc.toml", &server);
    let room = [&PATTERN[..], &["--room", "lab"]].concat();
    user.run("sleap-stream", &room)
        .failed(2, &["line 2", "--room-server"]);
    let worker = user.run("sleap-worker", &["--room", "lab"]);
    worker.failed(2, &["line 2", "--room-server"]);
    let own = format!("[sleap-stream]\nroom = 'lab'\nroom_server = '{url}'\n");
    user.write("sleap-rtc.toml", &own);
    user.run("sleap-stream", &PATTERN)
        .failed(2, &["line 2: room says"]);
    assert_not_called(&listener);

    // SLEAP-RTC's own settings are no obstacle where there is no room.
    user.write("sleap-rtc.toml", &server);
    let worker = Worker::start(&[]);
    let args = [&PATTERN[..], &["--signal", &worker.signal]].concat();
    user.run("sleap-stream", &args).success();
    // The user's own file says where the room is.
    user.write("home/.sleap-rtc/config.toml", &server);
    user.write("sleap-rtc.toml", "");
    listener.set_nonblocking(false).unwrap();
    let mut client = user.command("sleap-stream", &room);
    let mut client = client.stderr(Stdio::null()).spawn().unwrap();
    listener.accept().expect("a caller");
    client.kill().unwrap();
    client.wait().unwrap();
}

/// Both files, with a setting that may stand in either.
fn files(user: &Folders) -> [(PathBuf, &'static str); 2] {
    let text = "[sleap-stream]\nquiet = true\n[sleap-worker]\nspin = true\n";
    let files = [
        (user.path("sleap-rtc.toml"), "./sleap-rtc.toml"),
        (
            user.path("home/.sleap-rtc/config.toml"),
            "~/.sleap-rtc/config.toml",
        ),
    ];
    for (path, _) in &files {
        fs::write(path, text).unwrap();
        mode(path, 0o644);
    }
    files
}

#[track_caller]
fn assert_refused(user: &Folders, shown: &str, words: &[&str]) {
    for program in PROGRAMS {
        let run = user.run(program, &[]);
        let words = [&[shown, "is not used, because", "--no-config"], words].concat();
        run.failed(2, &words);
    }
}

#[test]
fn a_file_that_all_users_can_write_is_refused_and_so_is_one_in_such_a_folder() {
    for index in 0..2 {
        let user = Folders::new();
        let (path, shown) = &files(&user)[index];
        let folder = path.parent().unwrap();
        let control = user.run("sleap-stream", &["config"]);
        assert_eq!(control.code, Some(0), "{}", control.stderr);
        for wide in [0o666, 0o646] {
            mode(path, wide);
            assert_refused(&user, shown, &[&format!("{wide:o}"), "chmod go-w"]);
        }
        mode(path, 0o600);
        for wide in [0o777, 0o1777] {
            mode(folder, wide);
            assert_refused(&user, shown, &["its folder /", &format!("{wide:o}")]);
        }
        mode(folder, 0o755);
        assert_eq!(user.run("sleap-stream", &["config"]).code, Some(0));
    }
}

#[test]
fn a_file_of_another_user_is_refused() {
    let user = Folders::new();
    let (path, shown) = &files(&user)[0];
    if chown(path, Some(NOBODY), None).is_err() {
        return eprintln!("SKIPPED: only root can give files away");
    }
    assert_refused(&user, shown, &["uid 65534", "copy it"]);
    chown(path, Some(0), None).unwrap();
    chown(user.dir.path(), Some(NOBODY), None).unwrap();
    assert_refused(&user, shown, &["its folder", "uid 65534"]);
    chown(user.dir.path(), Some(0), None).unwrap();
    let (user_file, shown) = &files(&user)[1];
    chown(user_file, Some(NOBODY), None).unwrap();
    assert_refused(&user, shown, &["uid 65534"]);
    // One that says nothing to these programs is no matter of theirs.
    fs::write(user_file, "[default]\nx = 1\n").unwrap();
    assert_eq!(user.run("sleap-stream", &["config"]).code, Some(0));
}

#[test]
fn links_are_followed_to_who_could_change_their_ends() {
    let (user, open) = (Folders::new(), Folders::new());
    let target = open.write(
        "target.toml",
        "[sleap-stream]\nquiet = true\n[sleap-worker]\n",
    );
    symlink(&target, user.path("sleap-rtc.toml")).unwrap();
    assert_eq!(user.run("sleap-stream", &["config"]).code, Some(0));
    mode(open.dir.path(), 0o777);
    assert_refused(&user, "./sleap-rtc.toml", &["its folder", "777"]);
    mode(open.dir.path(), 0o755);
    mode(&target, 0o666);
    assert_refused(&user, "./sleap-rtc.toml", &["can write it", "666"]);
}

#[test]
fn what_is_no_file_or_has_no_end_does_not_hold_up_a_program() {
    let user = Folders::new();
    let path = user.path("sleap-rtc.toml");
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    for program in PROGRAMS {
        user.run(program, &[]).failed(2, &["not a regular file"]);
    }
    fs::remove_file(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    user.run("sleap-stream", &[])
        .failed(2, &["not a regular file"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
    user.run("sleap-stream", &[])
        .failed(2, &["longer than 1 MiB"]);
}

#[test]
fn the_log_names_each_file_and_what_came_from_it() {
    let user = Folders::new();
    user.write(
        "sleap-rtc.toml",
        "[sleap-stream]\nfps = 30\nmax_frames = 3\n",
    );
    let secret = "AAAAAAAAAAAAAAAAAAAAAA";
    let worker = Worker::start(&["--secret", secret]);
    let text = format!("[sleap-stream]\nsecret = '{secret}'\nmax_frames = 5\n");
    user.write("home/.sleap-rtc/config.toml", &text);
    let args = ["--signal", &worker.signal, "--test-pattern"];
    let run = user.run("sleap-stream", &args).success();
    let line = |file: &str| {
        let line = run.stderr.lines().find(|line| line.contains(file));
        line.unwrap_or_else(|| panic!("no {file} in {}", run.stderr))
    };
    let dir = user.dir.path().canonicalize().unwrap();
    let local = line(&format!("{}/sleap-rtc.toml", dir.display()));
    assert!(
        local.contains("INFO") && local.contains("fps, max_frames"),
        "{local}"
    );
    let own = line("home/.sleap-rtc/config.toml");
    assert!(own.contains("settings=\"secret\""), "{own}");
    assert!(!run.stderr.contains(secret), "{}", run.stderr);
}

#[test]
fn credentials_that_others_can_write_are_refused() {
    let user = Folders::new();
    let secret = user.write("secret", "AAAAAAAAAAAAAAAAAAAAAA\n");
    mode(&secret, 0o666);
    let given = [&PATTERN[..], &["--secret-file", "secret"]].concat();
    let run = user.run("sleap-stream", &given);
    run.failed(2, &["secret is not used", "666", "chmod go-w"]);
    let listen = ["--listen", "127.0.0.1:0", "--secret-file", "secret"];
    user.run("sleap-worker", &listen)
        .failed(2, &["secret is not used"]);

    let credentials = r#"{"jwt":"x","room_secrets":{"lab":"AAAAAAAAAAAAAAAAAAAAAA"}}"#;
    let credentials = user.write("home/.sleap-rtc/credentials.json", credentials);
    mode(&credentials, 0o622);
    let room = [&PATTERN[..], &["--room", "lab"]].concat();
    user.run("sleap-stream", &room)
        .failed(2, &["credentials.json is not used", "622"]);
}
