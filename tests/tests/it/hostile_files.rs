//! Videos that mean harm, or whose reader comes to harm: the worker goes on, and so do others' streams.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use e2e::{Client, Place, Worker, binary, demo, peak_memory, sleap_io_reads, text};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;

/// Kilobytes that a worker with the demo's model may have held at its peak. A single one of the pictures
/// below has more.
const MAX_PEAK: u64 = 300_000;
const SECRET: &str = "nothing-for-readers";

/// One that says what it decides.
fn worker(place: &Place) -> Worker {
    place.worker_with(&["--listen", "127.0.0.1:0", "-v"], |command| {
        command.env("SLEAP_STREAM_TURN_PASSWORD", SECRET);
    })
}

fn send_file(worker: &Worker, video: &str, output: &str) -> Client {
    Client::send_file(&worker.signal, &[video, "-o", output, "--overwrite"])
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let size = u32::try_from(content.len()).unwrap().to_le_bytes();
    let padding = &[0][..content.len() % 2];
    [kind, &size, content, padding].concat()
}

fn list(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    chunk(b"LIST", &[kind, content].concat())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An AVI file whose headers announce so many pixels, with the same picture so many times.
fn avi(size: (u32, u32), kind: [u8; 4], picture: &[u8], times: u32) -> Vec<u8> {
    const RATE: u32 = 30;
    let (width, height) = size;
    let kind = u32::from_le_bytes(kind);
    let main = [
        33_333, 0, 0, 0x10, times, 0, 1, 0, width, height, 0, 0, 0, 0,
    ];
    let video = u32::from_le_bytes(*b"vids");
    let stream = [video, kind, 0, 0, 0, 1, RATE, 0, times, 0, 0, 0, 0, 0];
    // One plane of 24 bits.
    let bitmap = [40, width, height, 1 | 24 << 16, kind, 0, 0, 0, 0, 0];
    let stream = [
        chunk(b"strh", &words(&stream)),
        chunk(b"strf", &words(&bitmap)),
    ]
    .concat();
    let headers = [chunk(b"avih", &words(&main)), list(b"strl", &stream)].concat();
    let picture = chunk(b"00dc", picture);
    let length = picture.len() as u32;
    let entry = |at| {
        words(&[
            u32::from_le_bytes(*b"00dc"),
            0x10,
            4 + at * length,
            length - 8,
        ])
    };
    let index: Vec<u8> = (0..times).flat_map(entry).collect();
    let movie = picture.repeat(times as usize);
    let parts = [
        list(b"hdrl", &headers),
        list(b"movi", &movie),
        chunk(b"idx1", &index),
    ];
    chunk(b"RIFF", &[&b"AVI "[..], &parts.concat()].concat())
}

/// A black picture, small as a file however large.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().unwrap();
    let pixels = vec![0; width as usize * height as usize];
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// A video that keeps the model busy for minutes.
fn long_video() -> Vec<u8> {
    avi((256, 192), *b"MPNG", &png(256, 192), 20_000)
}

/// The processes that a worker has started and not waited for.
fn children(worker: &Worker) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", worker.pid())).unwrap();
    let of_task = |task: std::fs::DirEntry| {
        // A thread may end meanwhile; it has no children then.
        std::fs::read_to_string(task.path().join("children")).unwrap_or_default()
    };
    let lists: Vec<String> = tasks.flatten().map(of_task).collect();
    let numbers = lists.iter().flat_map(|list| list.split_whitespace());
    numbers.map(|number| number.parse().unwrap()).collect()
}

#[track_caller]
fn no_reader_is_left(worker: &Worker) {
    let children = children(worker);
    assert!(children.is_empty(), "{children:?}");
}

/// The process that reads the file of a job, once that is under way.
fn reader(worker: &Worker, nth_job: usize) -> Pid {
    worker.logs("video open", nth_job);
    let children = children(worker);
    assert_eq!(children.len(), 1, "{children:?}");
    Pid::from_raw(children[0] as i32).unwrap()
}

fn of_process(pid: Pid, what: &str) -> String {
    let path = format!("/proc/{}/{what}", pid.as_raw_nonzero());
    String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned()
}

fn niceness(pid: Pid) -> i32 {
    let stat = of_process(pid, "stat");
    let after_name = stat.rsplit(')').next().unwrap();
    after_name
        .split_whitespace()
        .nth(16)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn headers_of_huge_pictures_cost_the_worker_nothing_and_a_running_stream_no_frame() {
    let place = Place::new();
    let worker = worker(&place);
    let poses = place.text("poses.jsonl");
    let streaming = Client::stream(&worker.signal, &["--every-frame", "--json", "-o", &poses]);
    worker.logs("stream starts", 1);
    let mut patched = std::fs::read(demo("video.mp4")).unwrap();
    let entry = patched
        .windows(4)
        .position(|it| it == b"avc1" || it == b"mp4v");
    let size = entry.expect("a video track") + 28;
    patched[size..size + 4].copy_from_slice(&[0x40, 0, 0x40, 0]);
    let output = place.text("a.slp");
    for (name, content, reason) in [
        (
            "raw.avi",
            avi((20_000, 20_000), [0; 4], &[0; 64], 3),
            "raw.avi",
        ),
        (
            "pictures.avi",
            avi((12_000, 12_000), *b"MPNG", &png(12_000, 12_000), 3),
            "its frames have 12000x12000 pixels",
        ),
        (
            "lying.avi",
            avi((256, 192), *b"MPNG", &png(12_000, 12_000), 3),
            "its frames have 12000x12000 pixels",
        ),
    ] {
        let video = place.write(name, &content);
        send_file(&worker, &video, &output)
            .wait()
            .failed(1, &[reason]);
        assert!(!Path::new(&output).exists(), "{name}");
    }
    // Here the pictures themselves are as they were, and only they count.
    let video = place.write("patched.mp4", &patched);
    send_file(&worker, &video, &output).wait().success();
    worker.logs("the file's reader has ended", 4);
    no_reader_is_left(&worker);
    streaming.interrupt();
    let predictions = streaming.wait().lost_nothing();
    assert!(
        predictions > 10,
        "the stream ran all the time: {predictions}"
    );
    let peak = peak_memory(worker.pid()).expect("it runs");
    println!("peak of the worker: {peak} kB");
    assert!(peak <= MAX_PEAK, "{peak} kB");
}

#[test]
fn a_reader_that_is_killed_fails_its_job_alone() {
    let place = Place::new();
    let worker = worker(&place);
    let output = place.text("a.slp");
    let long = place.write("long.avi", &long_video());
    let mut client = Client::send_file(&worker.signal, &[&long, "--json", "-o", &output]);
    let reader = reader(&worker, 1);
    // Meanwhile: what it may do.
    let limits = of_process(reader, "limits");
    let limit = |what: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(what));
        let values = line.unwrap_or_else(|| panic!("no {what} in {limits}"));
        values.split_whitespace().next().map(str::to_owned)
    };
    assert_eq!(limit("Max data size").as_deref(), Some("4294967296"));
    assert_eq!(limit("Max core file size").as_deref(), Some("0"));
    let own = Pid::from_raw(worker.pid() as i32).unwrap();
    assert_eq!(niceness(reader), (niceness(own) + 10).min(19));
    assert!(!of_process(reader, "environ").contains(SECRET));
    let command = of_process(reader, "cmdline");
    assert!(command.contains("__read-video"), "{command}");
    let predicted = |event: &Value| event["event"] == "inference" && event["frames"] != 0;
    while !predicted(&client.line().expect("it goes on")) {}
    kill_process(reader, Signal::KILL).unwrap();
    let reason = ["reading it failed after", "ended by signal 9"];
    client.wait().failed(1, &reason);
    let saved = sleap_io_reads(&[Path::new(&output)]);
    assert!(!saved[0]["frames"].as_array().unwrap().is_empty());
    worker.logs("the file's reader has ended", 1);
    no_reader_is_left(&worker);
    let video = text(&demo("video.mp4"));
    let run = send_file(&worker, &video, &output).wait().success();
    let frames = "frames              240";
    assert!(run.stderr.contains(frames), "{}", run.stderr);
}

#[test]
fn a_reader_outlives_its_client_but_not_its_worker() {
    let place = Place::new();
    let worker = worker(&place);
    let output = place.text("a.slp");
    let long = place.write("long.avi", &long_video());
    let client = send_file(&worker, &long, &output);
    let first = reader(&worker, 1);
    client.interrupt();
    assert_eq!(client.wait().code, Some(130));
    // The job goes on; the client that comes back has its news at once.
    let again = ["--signal", &worker.signal, "--send-file", &long, "--json"];
    let mut client = Client::start(&[&again[..], &["-o", &output]].concat());
    while client.line().expect("it goes on")["event"] != "inference" {}
    let handle = pidfd_open(first, PidfdFlags::empty()).unwrap();
    worker.kill();
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], None).unwrap();
    client.kill();
}

/// Texts that name another file of the machine, each as a name and as what a client hears of it.
fn texts_that_name(other: &str) -> [(&'static str, String, &'static str); 6] {
    let mpd = format!(
        "<MPD profiles=\"urn:mpeg:dash:profile:isoff-on-demand:2011\" type=\"static\" \
         mediaPresentationDuration=\"PT1S\"><Period><AdaptationSet mimeType=\"video/mp4\">\
         <Representation id=\"1\" bandwidth=\"1\"><BaseURL>file://{other}</BaseURL>\
         </Representation></AdaptationSet></Period></MPD>"
    );
    let playlist = "a text that names other files";
    [
        ("dash.mp4", format!("<!--styp-->{mpd}"), playlist),
        (
            "blank.mp4",
            format!("{}{mpd}", " ".repeat(40)),
            "no video file",
        ),
        (
            "hls.mp4",
            format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"),
            playlist,
        ),
        (
            "concat.mp4",
            format!("ffconcat version 1.0\nfile '{other}'\n"),
            playlist,
        ),
        (
            "session.mp4",
            "v=0\nc=IN IP4 127.0.0.1\nm=video 1 RTP/AVP 33\n".into(),
            playlist,
        ),
        // FFmpeg takes it for one all the same: its list of demuxers does not.
        (
            "hidden.mp4",
            "GIF8\nc=IN IP4 127.0.0.1\nm=video 1 RTP/AVP 33\n".into(),
            "not a video",
        ),
    ]
}

#[test]
fn a_file_that_names_others_of_the_machine_opens_none_of_them() {
    let place = Place::new();
    let worker = place.worker_with(&["--listen", "127.0.0.1:0"], |_| {});
    let output = place.text("a.slp");
    for (name, text, words) in texts_that_name(&text(&demo("video.mp4"))) {
        let video = place.write(name, text.as_bytes());
        send_file(&worker, &video, &output)
            .wait()
            .failed(1, &[words, name]);
        assert!(!Path::new(&output).exists(), "{name}");
    }
    // A picture is none either, though FFmpeg knows it.
    let picture = place.write("one.png", &png(64, 64));
    let refused = send_file(&worker, &picture, &output).wait();
    refused.failed(1, &["not a video that can be read"]);
    send_file(&worker, &text(&demo("video.mp4")), &output)
        .wait()
        .success();
}

#[test]
fn a_client_opens_no_file_that_its_video_names() {
    let place = Place::new();
    let worker = place.worker(&[]);
    for (name, text, _) in texts_that_name(&text(&demo("video.mp4"))) {
        let video = place.write(name, text.as_bytes());
        let stream = ["--signal", &worker.signal, "--stream", &video];
        Client::run(&stream).failed(1, &[name]);
    }
    // Spelled as an address it is the same file.
    let playlist = format!("file://{}", place.text("hls.mp4"));
    let stream = ["--signal", &worker.signal, "--stream", &playlist];
    Client::run(&stream).failed(1, &["a text that names other files"]);
    let video = format!("file://{}", text(&demo("video.mp4")));
    let stream = ["--signal", &worker.signal, "--stream", &video];
    Client::run(&stream).success();
    let odd = ["--stream", "subfile,,start,0,end,9,,://etc/passwd"];
    Client::run(&odd).failed(1, &["is no address that is opened here"]);
}

/// It has written as much as the pipe takes, and waits for the worker to read on.
#[test]
fn a_reader_ends_when_its_worker_is_gone() {
    let mut reader = Command::new(binary("sleap-worker"))
        .args(["__read-video", &text(&demo("video.mp4"))])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(reader.stdout.take().unwrap());
    let mut reply = String::new();
    output.read_line(&mut reply).unwrap();
    assert!(reply.contains("\"width\""), "{reply}");
    drop(output);
    // Killed by itself, or at its next frame.
    reader.wait().unwrap();
}
