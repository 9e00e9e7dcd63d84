use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command};

use rustix::process::Signal;
use serde_json::Value;

use crate::files::demo;
use crate::place::text;
use crate::process::{Process, binary};

/// A running `sleap-stream`.
pub struct Client {
    process: Process,
    stdout: BufReader<ChildStdout>,
}

/// A client that has ended.
#[derive(Debug)]
pub struct Finished {
    /// `None`: killed by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Client {
    pub fn start(args: &[&str]) -> Self {
        Self::start_with(args, |_| {})
    }

    pub fn start_with(args: &[&str], prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(binary("sleap-stream"));
        command.args(args).env("SLEAP_STREAM_NO_CONFIG", "1");
        prepare(&mut command);
        let (process, stdout) = Process::spawn("client", &mut command);
        Self { process, stdout }
    }

    /// Runs a client that can write so many blocks of 512 bytes to a file, as on a disk that fills up.
    pub fn run_with_full_disk(blocks: u32, args: &[&str]) -> Finished {
        let limited = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", limited, "sh", &blocks.to_string()])
            .arg(binary("sleap-stream"))
            .args(args)
            .env("SLEAP_STREAM_NO_CONFIG", "1");
        let (process, stdout) = Process::spawn("client", &mut command);
        Self { process, stdout }.wait()
    }

    /// Runs a client whose standard input is what a command line of a shell writes.
    pub fn run_after(writer: &str, args: &[&str]) -> Finished {
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{writer} | \"$@\""), "sh"])
            .arg(binary("sleap-stream"))
            .args(args)
            .env("SLEAP_STREAM_NO_CONFIG", "1");
        let (process, stdout) = Process::spawn("client", &mut command);
        Self { process, stdout }.wait()
    }

    /// Starts a client that streams a pattern without an end.
    pub fn stream(signal: &str, more: &[&str]) -> Self {
        let pattern = ["--signal", signal, "--test-pattern", "256x192@30"];
        Self::start(&[&pattern, more].concat())
    }

    /// Starts a client that streams the demonstration's video, with its predictions on standard output.
    pub fn video(signal: &str, more: &[&str]) -> Self {
        let video = text(&demo("video.mp4"));
        let args = ["--signal", signal, "--stream", &video, "-o", "-"];
        Self::start(&[&args, more].concat())
    }

    /// Starts a client that sends a file: the first of the further arguments.
    pub fn send_file(signal: &str, args: &[&str]) -> Self {
        Self::start(&[&["--signal", signal, "--send-file"], args].concat())
    }

    /// Runs a client to its end.
    pub fn run(args: &[&str]) -> Finished {
        Self::start(args).wait()
    }

    /// The next line of standard output: a prediction, where `--output -` is given.
    pub fn line(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("standard output is readable");
        (!line.is_empty())
            .then(|| serde_json::from_str(&line).expect("standard output holds JSON lines"))
    }

    pub fn log(&self) -> String {
        self.process.log()
    }

    pub fn interrupt(&self) {
        self.process.signal(Signal::INT);
    }

    /// Waits until the client has logged `words` so often.
    #[track_caller]
    pub fn logs(&self, words: &str, times: usize) {
        self.process.logs_times(words, times);
    }

    /// Makes it hang: alive, and silent.
    pub fn freeze(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on after [`Client::freeze`].
    pub fn thaw(&self) {
        self.process.signal(Signal::CONT);
    }

    pub fn kill(mut self) {
        self.process.signal(Signal::KILL);
        self.process.wait();
    }

    /// Closes the reading end of its standard output and waits for its end.
    pub fn wait_unread(mut self) -> Finished {
        drop(self.stdout);
        let (code, stderr) = self.process.wait();
        Finished {
            code,
            stdout: String::new(),
            stderr,
        }
    }

    /// Waits for its end without reading its standard output, whose reading end stays open.
    pub fn wait_unread_to_the_end(mut self) -> (Finished, BufReader<ChildStdout>) {
        let (code, stderr) = self.process.wait();
        let finished = Finished {
            code,
            stdout: String::new(),
            stderr,
        };
        (finished, self.stdout)
    }

    /// Waits for a successful end; the process's peak memory in kB.
    pub fn wait_with_peak(mut self) -> u64 {
        let peak = self.process.wait_with_peak();
        let (code, log) = self.process.wait();
        assert_eq!(code, Some(0), "{log}");
        peak
    }

    pub fn wait(mut self) -> Finished {
        let mut stdout = String::new();
        self.stdout
            .read_to_string(&mut stdout)
            .expect("standard output is UTF-8");
        let (code, stderr) = self.process.wait();
        Finished {
            code,
            stdout,
            stderr,
        }
    }
}

impl Finished {
    /// The predictions on standard output, one a line.
    pub fn predictions(&self) -> Vec<Value> {
        self.stdout
            .lines()
            .map(|line| serde_json::from_str(line).expect("standard output holds JSON lines"))
            .collect()
    }

    /// Frame numbers with their poses, without what differs from run to run.
    pub fn poses(&self) -> Vec<(u64, Value)> {
        let predictions = self.predictions().into_iter();
        let pose = |line: Value| {
            let frame_id = line["frame_id"].as_u64().expect("a number");
            (frame_id, line["instances"].clone())
        };
        predictions.map(pose).collect()
    }

    /// Fails unless the run was a success.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self
    }

    /// Fails unless the run ended with this exit code and words.
    #[track_caller]
    pub fn failed(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in: {}",
                self.stderr
            );
        }
    }
}
