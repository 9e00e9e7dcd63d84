//! The cluster's job script, run as SLURM would run it.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::{Client, binary, demo};
use rustix::process::{Pid, Signal, kill_process};

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/cluster/slurm/worker.sbatch")
}

fn job(args: &[&str]) -> Command {
    let mut command = Command::new("bash");
    command
        .arg(script())
        .args(args)
        .env("SLEAP_WORKER", binary("sleap-worker"))
        .env("SLEAP_WORKER_NO_CONFIG", "1")
        .env_remove("SLEAP_RTC_SIGNALING_WS");
    command
}

/// A job that never outlives its test.
struct Job(Child);

impl Drop for Job {
    fn drop(&mut self) {
        // What was waited for is gone already.
        if let Ok(None) = self.0.try_wait() {
            let pid = Pid::from_raw(self.0.id() as i32).expect("a child has a pid");
            let _ = kill_process(pid, Signal::TERM);
            let _ = self.0.wait();
        }
    }
}

#[test]
fn the_worker_serves_and_ends_in_order_on_sigterm() {
    let model = demo("model");
    let mut child = job(&[model.to_str().unwrap(), "--device", "cpu"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash is there");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let job = Job(child);
    let mut next = |start: &str| {
        let found = lines
            .by_ref()
            .map_while(Result::ok)
            .find(|line| line.starts_with(start));
        found.unwrap_or_else(|| panic!("the job says nothing of {start:?}"))
    };
    next("ok    model");
    let ready = next("ready: ");
    let signal = ready.trim_start_matches("ready: ");
    let client = Client::run(&[
        "--signal",
        signal,
        "--test-pattern",
        "64x48@30",
        "--max-frames",
        "5",
        "--every-frame",
        "-o",
        "-",
    ]);
    assert_eq!(client.success().predictions().len(), 5);
    let pid = Pid::from_raw(job.0.id() as i32).expect("a child has a pid");
    kill_process(pid, Signal::TERM).expect("it runs");
    next("worker.sbatch: asked to end");
    assert!(next("worker.sbatch: the worker ended").ends_with("status 130"));
    let mut job = job;
    assert_eq!(job.0.wait().unwrap().code(), Some(0));
}

#[test]
fn what_fails_fails_the_job() {
    let fails = |command: &mut Command, word: &str| {
        let output = command.output().expect("bash is there");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(word), "{text}");
    };
    fails(&mut job(&[]), "MODEL_DIR");
    fails(&mut job(&["/nowhere"]), "/nowhere");
    fails(
        job(&["/nowhere"]).env("SLEAP_WORKER", "no-such-program"),
        "PATH",
    );
}

#[test]
fn shellcheck_finds_nothing() {
    let output = Command::new("shellcheck").arg(script()).output();
    let output = output.expect("shellcheck is installed by tests/run.sh");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}
