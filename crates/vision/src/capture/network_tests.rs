use super::*;
use std::io::Read;
use std::net::TcpListener;

#[test]
fn an_address_that_takes_the_connection_and_stays_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.mp4", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        // Without the timeout asked for, FFmpeg waits for as long as the connection is open.
        let patience = Some(Duration::from_secs(20));
        connection.set_read_timeout(patience).unwrap();
        connection.read_to_end(&mut Vec::new())
    });
    let result = open_url(
        &url,
        "silent".to_owned(),
        NetworkRequest {
            silence: Duration::from_millis(300),
            reconnect: Duration::ZERO,
            pixels: PixelForm::Plain,
        },
        &Arc::default(),
    );
    assert!(matches!(result, Err(OpenError::Url { .. })));
    assert!(server.join().unwrap().is_ok(), "the connection stayed open");
}

#[test]
fn an_address_whose_protocol_ffmpeg_lacks_is_refused_in_words() {
    let request = NetworkRequest {
        silence: Duration::from_secs(10),
        reconnect: Duration::ZERO,
        pixels: PixelForm::Plain,
    };
    let opened = open_url(
        "lacking://me:secret@host/1",
        "camera".to_owned(),
        request,
        &Arc::default(),
    );
    let Err(OpenError::NoProtocol { scheme }) = &opened else {
        panic!("another error: {:?}", opened.err());
    };
    assert_eq!(scheme, "lacking");
}

/// Serves pictures of one gray level to each connection, and then closes it or keeps it silent.
fn camera(closes: bool) -> (String, std::thread::JoinHandle<()>) {
    use std::io::Write;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut silent = Vec::new();
        for level in [50, 150] {
            let image = crate::Image::new(64, 48, 3, vec![level; 64 * 48 * 3]).unwrap();
            let picture = crate::jpeg::JpegEncoder::new(90)
                .unwrap()
                .encode(&image)
                .unwrap();
            let (mut connection, _) = listener.accept().unwrap();
            // All of the request: unread bytes would turn the end into a reset.
            let mut request = [0; 4096];
            let _ = connection.read(&mut request);
            let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n";
            connection.write_all(head.as_bytes()).unwrap();
            for _ in 0..20 {
                let length = picture.len();
                let part = format!(
                    "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
                );
                // The client may be done.
                let _ = connection.write_all(part.as_bytes());
                let _ = connection.write_all(&picture);
                let _ = connection.write_all(b"\r\n");
            }
            if !closes {
                silent.push(connection);
            }
        }
    });
    (url, server)
}

fn levels(url: &str, reconnect: Duration) -> (Vec<u8>, Result<Grab, ReadFault>) {
    let request = NetworkRequest {
        silence: Duration::from_millis(500),
        reconnect,
        pixels: PixelForm::Plain,
    };
    let stop = Arc::default();
    let mut opened = open_url(url, "camera".to_owned(), request, &stop).unwrap();
    assert_eq!(opened.kind, SourceBehaviour::Stream);
    let mut levels = Vec::new();
    loop {
        match opened.reader.grab() {
            Ok(Grab::Frame(_)) => {}
            end => return (levels, end),
        }
        let FrameContent::Pixels(image) = opened.reader.retrieve().unwrap() else {
            panic!("pixels are decoded");
        };
        levels.push(image.data[0]);
    }
}

#[test]
fn a_stream_that_breaks_or_stalls_is_opened_again() {
    for closes in [true, false] {
        let (url, server) = camera(closes);
        let (levels, end) = levels(&url, Duration::from_secs(3));
        assert!(levels[0].abs_diff(50) < 5, "{levels:?}");
        assert!(
            levels[levels.len() - 1].abs_diff(150) < 5,
            "{closes}: {levels:?}"
        );
        // In the end nothing listens any more.
        assert!(matches!(end, Err(ReadFault::Silent)), "{end:?}");
        server.join().unwrap();
    }
}

#[test]
fn without_a_time_to_reconnect_the_end_is_the_end() {
    let (url, server) = camera(true);
    let (levels, end) = levels(&url, Duration::ZERO);
    assert!(
        levels.iter().all(|level| level.abs_diff(50) < 5),
        "{levels:?}"
    );
    assert!(
        matches!(end, Ok(Grab::End) | Err(ReadFault::Broken(_))),
        "{end:?}"
    );
    // The server waits for its second connection.
    drop(std::net::TcpStream::connect(url[7..].trim_end_matches('/')));
    server.join().unwrap();
}

/// A server of one file that takes ranges. Its first answers end early: `cuts` says after how many bytes.
fn file_server(content: Vec<u8>, cuts: Vec<usize>) -> (String, std::thread::JoinHandle<usize>) {
    use std::io::Write;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a.mp4", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let mut cuts = cuts.into_iter();
        for served in 0.. {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let length = connection.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            if request.starts_with("END") {
                return served;
            }
            let range = request.split("bytes=").nth(1);
            let start = range.and_then(|range| range.split('-').next()?.parse().ok());
            let start = start.unwrap_or(0).min(content.len());
            let head = format!(
                "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                content.len() - 1,
                content.len(),
                content.len() - start,
            );
            let end = cuts
                .next()
                .map_or(content.len(), |cut| cut.min(content.len()));
            // The client may have seen enough.
            let _ = connection.write_all(head.as_bytes());
            let _ = connection.write_all(&content[start.min(end)..end]);
        }
        0
    });
    (url, server)
}

/// A video of 40 frames whose index is in front.
fn video() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    let source = "-f lavfi -i testsrc=size=320x240:rate=25:duration=1.6 -c:v mjpeg -q:v 2";
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(source.split(' '))
        .args(["-movflags", "+faststart"])
        .arg(&path)
        .status();
    assert!(status.expect("these tests need ffmpeg").success());
    std::fs::read(path).unwrap()
}

fn read_file(url: &str, reconnect: Duration) -> (u64, Result<Grab, ReadFault>) {
    let request = NetworkRequest {
        silence: Duration::from_secs(10),
        reconnect,
        pixels: PixelForm::Plain,
    };
    let mut opened = open_url(url, "a.mp4".to_owned(), request, &Arc::default()).unwrap();
    assert_eq!(opened.info.total_frames, Some(40));
    let mut frames = 0;
    loop {
        match opened.reader.grab() {
            Ok(Grab::Frame(_)) => frames += 1,
            end => return (frames, end),
        }
    }
}

#[test]
fn a_file_that_breaks_off_goes_on_where_it_was() {
    use std::io::Write;
    let content = video();
    for (reconnect, is_whole) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
        let cut = content.len() / 2;
        let (url, server) = file_server(content.clone(), vec![cut]);
        let (frames, end) = read_file(&url, reconnect);
        let place = url[7..].trim_end_matches("/a.mp4");
        let mut last = std::net::TcpStream::connect(place).unwrap();
        last.write_all(b"END").unwrap();
        server.join().unwrap();
        match is_whole {
            true => assert!(
                matches!((frames, &end), (40, Ok(Grab::End))),
                "{frames} {end:?}"
            ),
            false => assert!(matches!(end, Err(ReadFault::Broken(_))), "{frames} {end:?}"),
        }
    }
}
