// Both sides of a video track whose frames are answered over a data channel (video_track.py). A frame has its number
// in its picture, as blocks at the top: 16 bits, the highest first, and 4 bits of a checksum.
"use strict";

const WIDTH = 640;
const HEIGHT = 480;
const FPS = 30;
const BLOCK = 32;
const BLOCKS = WIDTH / BLOCK;
const REPEAT_MS = 25;

const peer = new RTCPeerConnection();
const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
const context = canvas.getContext("2d", { willReadFrequently: true });
const after = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function withChecksum(number) {
    const checksum = (number ^ (number >> 4) ^ (number >> 8) ^ (number >> 12)) & 15;
    return (number << 4) | checksum;
}

function paint(number) {
    for (let block = 0; block < BLOCKS; block += 1) {
        const bit = (withChecksum(number) >> (BLOCKS - 1 - block)) & 1;
        context.fillStyle = bit ? "white" : "black";
        context.fillRect(block * BLOCK, 0, BLOCK, BLOCK);
    }
}

// The number in the picture that the canvas holds, or null.
function numberOf() {
    const row = context.getImageData(0, BLOCK / 2, WIDTH, 1).data;
    let word = 0;
    for (let block = 0; block < BLOCKS; block += 1) {
        word = (word << 1) | (row[4 * (block * BLOCK + BLOCK / 2) + 1] > 127 ? 1 : 0);
    }
    return withChecksum(word >> 4) === word ? word >> 4 : null;
}

async function described(description) {
    await peer.setLocalDescription(description);
    while (peer.iceGatheringState !== "complete") {
        await new Promise((resolve) => peer.addEventListener("icegatheringstatechange", resolve, { once: true }));
    }
    return peer.localDescription.sdp;
}

// ---- the side that sends

const drawn = [];
const ages = new Map();
let answers = null;
let track = null;

async function offer(maxBitrate) {
    answers = peer.createDataChannel("answers", { ordered: false, maxRetransmits: 0 });
    answers.onmessage = ({ data }) => {
        const number = Number(data);
        if (!ages.has(number)) ages.set(number, performance.now() - drawn[number]);
    };
    track = new MediaStreamTrackGenerator({ kind: "video" });
    track.contentHint = "motion";
    const sender = peer.addTrack(track, new MediaStream([track]));
    const parameters = sender.getParameters();
    parameters.degradationPreference = "maintain-resolution";
    parameters.encodings[0].maxBitrate = maxBitrate;
    await sender.setParameters(parameters);
    return described(await peer.createOffer());
}

async function accept(sdp) {
    await peer.setRemoteDescription({ type: "answer", sdp });
    if (answers.readyState !== "open") {
        await new Promise((resolve) => answers.addEventListener("open", resolve, { once: true }));
    }
}

async function stream(seconds, pictures, drainMs) {
    const bitmaps = await Promise.all(
        Array.from({ length: pictures }, async (_, index) =>
            createImageBitmap(await (await fetch(`pictures/${index}`)).blob()),
        ),
    );
    const writer = track.writable.getWriter();
    const begun = performance.now();
    for (let number = 0; number < seconds * FPS; number += 1) {
        const due = begun + (number * 1000) / FPS;
        await after(Math.max(0, due - performance.now()));
        drawn[number] = performance.now();
        context.drawImage(bitmaps[number % pictures], 0, 0);
        paint(number);
        writer.write(new VideoFrame(canvas, { timestamp: Math.round(1000 * due) }));
    }
    const lasted = performance.now() - begun;
    await after(drainMs);
    const stats = await peer.getStats();
    const sent = [...stats.values()].find(({ type }) => type === "outbound-rtp");
    const codec = stats.get(sent.codecId).mimeType.replace("video/", "");
    return {
        ages: [...ages.values()],
        seconds: lasted / 1000,
        bytes: sent.bytesSent,
        dropped: drawn.length - sent.framesSent,
        lost: sent.framesSent - ages.size,
        note: ` (${codec}, quantizer ${Math.round(sent.qpSum / sent.framesEncoded)})`,
    };
}

// ---- the side that receives

const sizes = new Set();
let unreadable = 0;

// As the worker's answers over coded lanes go: twice at once, and again after a burst of losses.
function answerThrice(number, channel) {
    const send = () => channel.send(String(number));
    send();
    send();
    after(REPEAT_MS).then(send);
}

// Answers the frame that `source` shows.
function take(source, size, channel) {
    sizes.add(size);
    context.drawImage(source, 0, 0, WIDTH, HEIGHT);
    const number = numberOf();
    if (number === null) unreadable += 1;
    else answerThrice(number, channel);
}

// How frames are taken: as the decoder hands them on, or as a page shows them.
const TAKES = {
    async decoded(track, channel) {
        const frames = new MediaStreamTrackProcessor({ track }).readable.getReader();
        for (let next = await frames.read(); !next.done; next = await frames.read()) {
            const frame = next.value;
            take(frame, `${frame.displayWidth}x${frame.displayHeight}`, channel);
            frame.close();
        }
    },
    shown(track, channel) {
        const video = document.createElement("video");
        video.srcObject = new MediaStream([track]);
        video.muted = true;
        document.body.append(video);
        const onFrame = () => {
            video.requestVideoFrameCallback(onFrame);
            take(video, `${video.videoWidth}x${video.videoHeight}`, channel);
        };
        video.requestVideoFrameCallback(onFrame);
        return video.play();
    },
};

async function answer(sdp, how) {
    const arrived = new Promise((resolve) => {
        peer.ontrack = ({ track, receiver }) => {
            // As young as possible rather than smooth.
            receiver.jitterBufferTarget = 0;
            resolve(track);
        };
    });
    peer.ondatachannel = async ({ channel }) => TAKES[how](await arrived, channel);
    await peer.setRemoteDescription({ type: "offer", sdp });
    return described(await peer.createAnswer());
}

function received() {
    return { sizes: [...sizes], unreadable };
}
