//! Videos as files: uploads that resume, predictions that are those of streaming, refusals in words.

use std::path::Path;

use e2e::{
    Client, Finished, Place, Worker, demo, events, reference_uploader, sha256, signal_server,
    sleap_io_reads, summary, text,
};
use link::{Acceptor, PeerConfig};
use protocol::Message;
use serde_json::Value;

/// The demo's video with so many bytes after it that no player looks at.
fn large_video(place: &Place, bytes: u32) -> String {
    let mut content = std::fs::read(demo("video.mp4")).unwrap();
    content.extend(bytes.to_be_bytes());
    content.extend(b"free");
    content.extend((0..bytes - 8).map(|at| (at ^ (at >> 8)) as u8));
    place.write("large.mp4", &content)
}

fn send_file(worker: &Worker, args: &[&str]) -> Finished {
    Client::send_file(&worker.signal, args).wait()
}

/// Reads on until the worker has so many bytes of the file, and not all of it.
fn until_half(client: &mut Client, bytes: u64) {
    loop {
        let event = client.line().expect("it sends");
        if event["event"] != "upload" {
            continue;
        }
        let (there, total) = (event["bytes"].as_u64(), event["bytes_total"].as_u64());
        assert!(there < total, "all of it is there already");
        if there > Some(bytes) {
            return;
        }
    }
}

#[test]
fn predictions_of_a_file_are_those_of_streaming_it() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let video = text(&demo("video.mp4"));
    let (sent, streamed) = (place.text("a.slp"), place.text("b.slp"));
    let run = send_file(&worker, &[&video, "-o", &sent]).success();
    let frames = "frames              240";
    assert!(run.stderr.contains(frames), "{}", run.stderr);
    // Used, and gone when its client is.
    worker.logs("file removed", 1);
    assert_eq!(place.uploads(), []);
    let stream = ["--signal", &worker.signal, "--stream", &video];
    Client::run(&[&stream[..], &["-o", &streamed]].concat()).success();
    let read = sleap_io_reads(&[&place.path("a.slp"), &place.path("b.slp")]);
    assert_eq!(read[0]["frames"].as_array().unwrap().len(), 240);
    for what in ["frames", "nodes", "edges", "tracks", "labelled_fps"] {
        assert_eq!(read[0][what], read[1][what], "{what}");
    }
    assert_eq!(read[0]["videos"][0]["filename"], "video.mp4");
    assert_eq!(read[0]["provenance"]["model"], "synthetic_mouse");
    // The next run finds its place taken.
    send_file(&worker, &[&video, "-o", &sent]).failed(1, &["--overwrite"]);
    send_file(&worker, &[&video, "-o", &sent, "--overwrite"]).success();
}

#[test]
fn a_file_that_is_kept_is_not_sent_again() {
    let place = Place::new();
    let worker = place.worker(&["--keep"]);
    let video = text(&demo("video.mp4"));
    for (name, sends) in [("a.slp", true), ("b.slp", false)] {
        let run = send_file(&worker, &[&video, "--json", "-o", &place.text(name)]).success();
        let said = run.predictions();
        let summary = summary(&said);
        let sent = summary["bytes_sent"].as_u64().unwrap();
        assert_eq!(sent > 0, sends, "{summary}");
        assert_eq!(summary["frames"], 240);
    }
    assert_eq!(place.uploads().len(), 1);
}

#[test]
fn a_client_that_is_killed_half_way_goes_on_where_it_was_while_another_streams() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let video = large_video(&place, 48_000_000);
    let poses = place.text("poses.jsonl");
    let streaming = Client::stream(&worker.signal, &["--every-frame", "--json", "-o", &poses]);
    worker.logs("stream starts", 1);
    let output = place.text("a.slp");
    let send = [&video, "--json", "-o", &output];
    let mut first = Client::send_file(&worker.signal, &send);
    until_half(&mut first, 4_000_000);
    first.kill();
    let run = send_file(&worker, &send).success();
    let said = run.predictions();
    let resumed = events(&said, "resumed");
    assert_eq!(resumed.len(), 1, "{}", run.stderr);
    let offset = resumed[0]["offset"].as_u64().unwrap();
    assert!(offset > 1_000_000, "{offset}");
    let summary = summary(&said);
    let all = std::fs::metadata(&video).unwrap().len();
    assert_eq!(summary["bytes_sent"], all - offset);
    assert_eq!(summary["frames"], 240);
    streaming.interrupt();
    let predictions = streaming.wait().lost_nothing();
    let written = std::fs::read_to_string(&poses).unwrap().lines().count();
    assert_eq!(predictions, written as u64);
    assert!(written > 30, "the stream ran all the time: {written}");
}

#[test]
fn a_worker_that_dies_half_way_is_found_again_and_has_what_it_had() {
    let place = Place::new();
    let server = signal_server();
    let first = place.worker_at(&server.signal, &[]);
    let streaming = Client::stream(&server.signal, &["-q", "--reconnect-timeout", "0"]);
    first.logs("stream starts", 1);
    let video = large_video(&place, 48_000_000);
    let output = place.text("a.slp");
    let mut client = Client::send_file(&server.signal, &[&video, "--json", "-o", &output]);
    until_half(&mut client, 4_000_000);
    first.kill();
    streaming.wait();
    let _second = place.worker_at(&server.signal, &[]);
    let run = client.wait().success();
    let said = run.predictions();
    assert_eq!(events(&said, "resumed").len(), 1, "{}", run.stderr);
    let summary = summary(&said);
    assert!(summary["reconnections"].as_u64() > Some(0), "{summary}");
    assert_eq!(summary["frames"], 240);
}

#[test]
fn refusals_say_why() {
    let place = Place::new();
    let worker = place.worker(&["--max-upload", "300KB", "--upload-quota", "1MB"]);
    let output = place.text("a.slp");
    let junk = place.text("junk.mp4");
    let cut = std::fs::read(demo("video.mp4")).unwrap()[..2000].to_vec();
    for (content, words) in [
        (vec![9; 1000], "no video file"),
        (
            b"#EXTM3U\nfile:///etc/passwd\n".to_vec(),
            "a text that names other files",
        ),
        (cut, "junk.mp4"),
        (vec![9; 300_001], "--max-upload"),
        (Vec::new(), "empty"),
    ] {
        std::fs::write(&junk, content).unwrap();
        send_file(&worker, &[&junk, "-o", &output]).failed(1, &[words]);
    }
    send_file(&worker, &["/no/such.mp4"]).failed(1, &["no/such.mp4"]);
    send_file(&worker, &[&junk, "-o", "a.csv"]).failed(2, &[".slp"]);
    send_file(&worker, &[&junk, "--webcam", "0"]).failed(2, &["--webcam"]);
    let verifying = Worker::start(&["--upload-dir", &place.text("other")]);
    let video = text(&demo("video.mp4"));
    let refused = send_file(&verifying, &[&video, "-o", &output]);
    refused.failed(1, &["refuses the file", "no model"]);
    assert!(!Path::new(&output).exists());
    // Nothing of it is left, and the worker goes on.
    worker.logs("file removed", 3);
    assert_eq!(place.uploads(), []);
    send_file(&worker, &[&video, "-o", &output]).success();
}

#[test]
fn without_streams_files_go_on() {
    let place = Place::new();
    let worker = place.worker(&["--no-stream"]);
    let video = text(&demo("video.mp4"));
    let words = ["refuses the stream", "--no-stream", "--send-file"];
    Client::run(&["--signal", &worker.signal, "--stream", &video]).failed(1, &words);
    send_file(&worker, &[&video, "-o", &place.text("a.slp")]).success();
}

#[test]
fn ctrl_c_ends_a_run_at_any_time_and_leaves_no_file() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let video = large_video(&place, 48_000_000);
    let streaming = Client::stream(&worker.signal, &["-q"]);
    worker.logs("stream starts", 1);
    let output = place.text("a.slp");
    let ends = |video: &str, until: &dyn Fn(&mut Client)| {
        let mut client = Client::send_file(&worker.signal, &[video, "--json", "-o", &output]);
        until(&mut client);
        client.interrupt();
        assert_eq!(client.wait().code, Some(130));
        let entries = std::fs::read_dir(place.dir()).unwrap();
        let mut there: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(there, ["large.mp4", "uploads"]);
    };
    ends(&video, &|client| until_half(client, 0));
    ends(&text(&demo("video.mp4")), &|client| {
        let predicts = |event: Value| event["event"] == "inference";
        while !predicts(client.line().expect("it goes on")) {}
    });
    streaming.interrupt();
    streaming.wait();
}

#[test]
fn a_folder_that_cannot_be_written_is_found_before_the_worker_is() {
    let video = text(&demo("video.mp4"));
    // Nobody listens there; a folder of the kernel's is writable for nobody.
    let client = Client::send_file("ws://127.0.0.1:9", &[&video, "-o", "/proc/a.slp"]);
    client
        .wait()
        .failed(1, &["no file can be created in /proc"]);
}

#[test]
fn the_python_clients_upload_is_taken_and_its_package_of_a_video_predicted() {
    let place = Place::new();
    let worker = place.worker(&["--keep"]);
    let (video, output) = (text(&demo("video.mp4")), place.text("a.slp"));
    let (said, code) = reference_uploader(&worker.signal, &["--upload", &video]).rest();
    assert_eq!(code, Some(0));
    let sha256 = sha256(&std::fs::read(&video).unwrap());
    assert_eq!(events(&said, "uploaded")[0]["path"], sha256);
    let saved = events(&said, "saved");
    assert!(saved.is_empty(), "nobody asked for predictions");
    for args in [
        &["--package", &video][..],
        &["--predict", "--upload", &video],
    ] {
        let args = [args, &["--output", &output]].concat();
        let (said, code) = reference_uploader(&worker.signal, &args).rest();
        assert_eq!(code, Some(0), "{said:?}");
        let saved = events(&said, "saved");
        assert_eq!(saved[0]["name"], "video.mp4.predictions.slp");
        let read = sleap_io_reads(&[Path::new(&output)]);
        assert_eq!(read[0]["frames"].as_array().unwrap().len(), 240);
    }
}

#[test]
fn what_a_python_client_lies_about_is_refused_in_its_own_words() {
    let place = Place::new();
    let worker = place.worker(&["--max-upload", "1MB"]);
    let (video, zip) = (text(&demo("video.mp4")), place.text("package.zip"));
    std::fs::write(&zip, b"PK\x03\x04").unwrap();
    let wrong = "0".repeat(64);
    for (args, words) in [
        (["--upload", &video, "--lie-sha256", &wrong], "SHA-256"),
        (["--upload", &video, "--lie-bytes", "1000"], "than the 1000"),
        (["--upload", &video, "--lie-bytes", "900000"], "of 900000"),
        (
            ["--upload", &video, "--lie-bytes", "2000000"],
            "--max-upload",
        ),
        (["--upload", &video, "--name", "../../x"], "file name"),
        (["--upload", &video, "--name", "/etc/cron.d/x"], "file name"),
        (["--package", &zip, "--dest", "/"], "takes no jobs"),
        (["--package", &video, "--name", "../x"], "file name"),
    ] {
        let (said, code) = reference_uploader(&worker.signal, &args).rest();
        assert_eq!(code, Some(0), "{args:?}: {said:?}");
        let refused = events(&said, "refused");
        assert_eq!(refused.len(), 1, "{args:?}: {said:?}");
        let reason = refused[0]["reason"].as_str().unwrap();
        assert!(reason.contains(words), "{args:?}: {reason}");
    }
    let job = [
        "--say",
        "JOB_SUBMIT::{\"type\":\"train\"}",
        "--upload",
        &video,
    ];
    let (said, code) = reference_uploader(&worker.signal, &job).rest();
    assert_eq!(code, Some(0));
    let first = events(&said, "said")[0]["text"].as_str().unwrap();
    assert!(first.starts_with("JOB_REJECTED::"), "{first}");
    let uploaded = events(&said, "uploaded").len();
    assert_eq!(uploaded, 1, "the channel goes on: {said:?}");
}

#[test]
fn a_client_that_vanishes_half_way_can_resume_from_python_too() {
    let place = Place::new();
    let worker = place.worker(&[]);
    let video = large_video(&place, 12_000_000);
    let streaming = Client::stream(&worker.signal, &["-q"]);
    worker.logs("stream starts", 1);
    let args = ["--upload", &video, "--resume", "c0ffee"];
    let vanishing = [&args[..], &["--vanish-after", "9000000"]].concat();
    let (said, code) = reference_uploader(&worker.signal, &vanishing).rest();
    assert_eq!(
        (code, events(&said, "gone").len()),
        (Some(7), 1),
        "{said:?}"
    );
    let (said, code) = reference_uploader(&worker.signal, &args).rest();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(events(&said, "uploaded").len(), 1, "{said:?}");
    let ready = events(&said, "said")[1]["text"].as_str().unwrap();
    let offset = ready.strip_prefix("FILE_UPLOAD_READY::").unwrap();
    assert!(offset.parse::<u64>().unwrap() > 0, "{said:?}");
    streaming.interrupt();
    streaming.wait();
}

/// A worker as SLEAP-RTC has them: it takes files, but runs nothing over them by itself.
#[test]
fn a_worker_that_only_stores_files_is_told_apart() {
    let place = Place::new();
    let server = signal_server();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let acceptor = Acceptor::register(&server.signal, PeerConfig::default());
    let mut acceptor = runtime.block_on(acceptor).unwrap();
    let (video, output) = (text(&demo("video.mp4")), place.text("a.slp"));
    let send = [&video, "-o", &output, "--ack-timeout", "1"];
    let client = Client::send_file(&server.signal, &send);
    let received = runtime.block_on(async {
        let mut channel = acceptor.accept().await.unwrap();
        let mut received = 0;
        while let Some(Ok(message)) = channel.receiver.recv().await {
            let reply = match message {
                Message::UploadCheck { .. } | Message::UploadStart(_) => Message::UploadReady(None),
                Message::UploadEnd => Message::Complete("/mnt/data/video.mp4".into()),
                Message::Chunk(chunk) => {
                    received += chunk.len() as u64;
                    continue;
                }
                _ => continue,
            };
            if channel.sender.send(reply).await.is_err() {
                break;
            }
        }
        received
    });
    assert_eq!(received, std::fs::metadata(&video).unwrap().len());
    client.wait().failed(1, &["runs no model over it"]);
    assert!(!Path::new(&output).exists());
}
