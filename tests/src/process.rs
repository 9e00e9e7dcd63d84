use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

/// A binary of this workspace, built beside the tests.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests run from target/PROFILE/deps");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is missing: run `cargo build --workspace --bins` first",
        path.display()
    );
    path
}

/// What a process has said on standard error so far.
#[derive(Default)]
struct Log {
    text: Mutex<String>,
    grown: Condvar,
    ended: AtomicBool,
}

impl Log {
    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn push(&self, line: &str) {
        let mut text = self.text.lock().unwrap();
        text.push_str(line);
        text.push('\n');
        self.grown.notify_all();
    }

    fn end(&self) {
        let _text = self.text.lock().unwrap();
        self.ended.store(true, Relaxed);
        self.grown.notify_all();
    }

    /// Waits until `words` were said so often.
    #[track_caller]
    fn wait_for(&self, words: &str, times: usize) {
        let mut text = self.text.lock().unwrap();
        while text.matches(words).count() < times {
            assert!(!self.ended.load(Relaxed), "no {words:?} in: {text}");
            text = self.grown.wait(text).unwrap();
        }
    }
}

/// A child process whose log is collected while it runs.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
    log_reader: Option<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn spawn(name: &str, command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let log = Arc::new(Log::default());
        let log_reader = std::thread::spawn({
            let log = Arc::clone(&log);
            let name = name.to_owned();
            move || {
                for line in stderr.split(b'\n').map_while(Result::ok) {
                    let line = String::from_utf8_lossy(&line).into_owned();
                    eprintln!("[{name}] {line}");
                    log.push(&line);
                }
                log.end();
            }
        });
        (
            Self {
                name: name.into(),
                child,
                log,
                log_reader: Some(log_reader),
            },
            stdout,
        )
    }

    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the process has logged `words`.
    #[track_caller]
    pub(crate) fn logs(&self, words: &str) {
        self.log.wait_for(words, 1);
    }

    /// Waits until the process has logged `words` so often.
    #[track_caller]
    pub(crate) fn logs_times(&self, words: &str, times: usize) {
        self.log.wait_for(words, times);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child has a pid");
        kill_process(pid, signal).expect("the child has not been waited for");
    }

    /// Waits until the process has ended, without collecting it, and reads its peak memory (kB).
    pub(crate) fn wait_with_peak(&self) -> u64 {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let pid = Pid::from_raw(self.child.id() as i32).expect("a child has a pid");
        // A process that has ended has no memory to report any more: the peak is read as it goes.
        let mut peak = 0;
        loop {
            peak = peak_memory(self.child.id()).unwrap_or(0).max(peak);
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            if waitid(WaitId::Pid(pid), options)
                .expect("it is our child")
                .is_some()
            {
                return peak;
            }
            std::thread::yield_now();
        }
    }

    /// Waits for the end and returns the exit code (`None`: killed by a signal) and the whole log.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("the child was started by us");
        if let Some(reader) = self.log_reader.take() {
            reader.join().expect("reading the log does not panic");
        }
        (status.code(), self.log())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            let _ = self.child.kill();
        }
        let (_, log) = self.wait();
        if !std::thread::panicking() {
            assert_no_error(&self.name, &log);
        }
    }
}

/// Peak resident memory of a running process, kB.
pub fn peak_memory(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// Any line that reports an error fails the test it happens in.
fn assert_no_error(name: &str, log: &str) {
    let bad = log
        .lines()
        .find(|line| line.contains(" ERROR ") || line.contains("panicked at"));
    assert!(
        bad.is_none(),
        "{name} logged an error: {}",
        bad.unwrap_or_default()
    );
}

/// A running `sleap-worker`, stopped when dropped.
pub struct Worker {
    process: Process,
    /// Where clients meet it.
    pub signal: String,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a worker with its own signaling server on a free port and waits until it is ready.
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(&[&["--listen", "127.0.0.1:0"], args].concat(), |_| {})
    }

    /// Starts a worker that is met at a signaling server elsewhere, and asks for nothing.
    pub fn start_at(signal: &str, args: &[&str]) -> Self {
        let args = [&["--signal", signal, "--insecure"], args].concat();
        Self::start_with(&args, |_| {})
    }

    /// Starts a worker with these arguments only, in an environment that `prepare` changes.
    pub fn start_with(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(binary("sleap-worker"));
        // The settings of the user who runs the tests are none of theirs.
        command.args(args).env("SLEAP_WORKER_NO_CONFIG", "1");
        prepare(&mut command);
        let (process, stdout) = Process::spawn("worker", &mut command);
        let (signal, stdout) = ready(process.log.clone(), stdout);
        Self {
            process,
            signal,
            stdout,
        }
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the worker has logged `words` so often.
    #[track_caller]
    pub fn logs(&self, words: &str, times: usize) {
        self.process.log.wait_for(words, times);
    }

    /// The next line of standard output.
    pub fn stdout_line(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("standard output is readable");
        line.trim_end().to_owned()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ctrl-C, and the wait for the end: exit code and log.
    pub fn interrupt(mut self) -> (Option<i32>, String) {
        self.process.signal(Signal::INT);
        self.process.wait()
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Waits for the end: exit code and log.
    pub fn wait(mut self) -> (Option<i32>, String) {
        self.process.wait()
    }

    /// Makes it hang: alive, and silent.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on after [`Worker::freeze`].
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }
}

/// A `sleap-worker signal` on a free port.
pub fn signal_server() -> Worker {
    Worker::start_with(&["signal", "--listen", "127.0.0.1:0"], |_| {})
}

fn ready(log: Arc<Log>, mut stdout: BufReader<ChildStdout>) -> (String, BufReader<ChildStdout>) {
    let mut line = String::new();
    stdout
        .read_line(&mut line)
        .expect("standard output is readable");
    let Some(url) = line.trim().strip_prefix("ready: ") else {
        panic!(
            "the worker ended before it was ready: {line:?}\n{}",
            log.text()
        );
    };
    (url.to_owned(), stdout)
}
