use protocol::{AheadPoses, SmoothPoses};

use super::*;

const NONE: DerivedPoses = DerivedPoses {
    ahead: None,
    smooth: None,
    names: Vec::new(),
};

fn messages(bytes: &[u8]) -> Vec<OscMessage> {
    let (rest, packet) = rosc::decoder::decode_udp(bytes).unwrap();
    assert!(rest.is_empty());
    let OscPacket::Bundle(bundle) = packet else {
        panic!("not a bundle")
    };
    assert_eq!(bundle.timetag, IMMEDIATELY);
    let content = bundle.content.into_iter();
    content
        .map(|packet| match packet {
            OscPacket::Message(message) => message,
            OscPacket::Bundle(_) => panic!("a bundle in a bundle"),
        })
        .collect()
}

fn prediction(frame_id: u64) -> Prediction {
    Prediction {
        frame_id,
        instances: vec![vec![Some([1.5, 2.25]), None]],
        confidence: vec![vec![Some(0.5), None]],
        instance_scores: vec![Some(0.75)],
        tracks: vec![Some("female".into())],
        ..Prediction::default()
    }
}

fn skeleton() -> Skeleton {
    Skeleton {
        name: "mouse".into(),
        nodes: vec!["nose".into(), "tail/tip 1".into()],
        edges: vec![[0, 1]],
    }
}

/// Arguments as text, floats shortened.
fn shown(message: &OscMessage) -> String {
    let args: Vec<String> = message.args.iter().map(|arg| format!("{arg:?}")).collect();
    format!("{} {}", message.addr, args.join(" "))
}

#[test]
fn an_instance_is_one_message() {
    let writer = OscWriter::new(OscLayout::Instances, None, &skeleton());
    let named = DerivedPoses {
        names: vec![Some("Eve".into())],
        ..NONE
    };
    let at = EmittedFrame {
        captured_us: Some(1_700_000_000_250_000),
        clock: None,
        moment: Some(12),
    };
    let bytes = writer.pose(&prediction(7), &named, &at, 0);
    let shown: Vec<String> = messages(&bytes).iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "/sleap/frame Int(7) Int(1) Int(1700000000) Int(250000) Int(0) Int(0)",
            "/sleap/moment Int(7) Int(12)",
            "/sleap/pose Int(7) Int(0) Float(0.75) Float(1.5) Float(2.25) Float(0.5) \
             Float(NaN) Float(NaN) Float(NaN)",
            "/sleap/track Int(7) Int(0) String(\"female\")",
            "/sleap/name Int(7) Int(0) String(\"Eve\")",
        ]
    );
}

#[test]
fn a_node_is_one_message_under_its_name() {
    let writer = OscWriter::new(OscLayout::Nodes, None, &skeleton());
    let shown: Vec<String> =
        messages(&writer.pose(&prediction(7), &NONE, &EmittedFrame::default(), 0))
            .iter()
            .map(shown)
            .collect();
    assert_eq!(
        shown[1],
        "/sleap/pose/0/nose Int(7) Float(1.5) Float(2.25) Float(0.5)"
    );
    assert_eq!(
        shown[2],
        "/sleap/pose/0/tail_tip_1 Int(7) Float(NaN) Float(NaN) Float(NaN)"
    );
    let unnamed = OscWriter::new(OscLayout::Nodes, None, &Skeleton::default());
    let bytes = unnamed.pose(&prediction(7), &NONE, &EmittedFrame::default(), 0);
    assert_eq!(messages(&bytes)[2].addr, "/sleap/pose/0/node_1");
}

#[test]
fn numbers_that_32_bits_do_not_hold_take_64() {
    let writer = OscWriter::new(OscLayout::Instances, None, &skeleton());
    let first = |frame_id| {
        messages(&writer.pose(&prediction(frame_id), &NONE, &EmittedFrame::default(), 0))[0].args[0]
            .clone()
    };
    assert_eq!(first(0x7fff_ffff), OscType::Int(i32::MAX));
    assert_eq!(first(0x8000_0000), OscType::Long(0x8000_0000));
}

#[test]
fn poses_of_a_foreign_worker_may_lack_scores() {
    let bare = Prediction {
        instances: vec![vec![Some([1.0, 2.0])]],
        ..Prediction::default()
    };
    let writer = OscWriter::new(OscLayout::Instances, None, &skeleton());
    let shown = shown(&messages(&writer.pose(&bare, &NONE, &EmittedFrame::default(), 0))[1]);
    assert_eq!(
        shown,
        "/sleap/pose Int(0) Int(0) Float(NaN) Float(1.0) Float(2.0) Float(NaN)"
    );
}

#[test]
fn the_skeleton_and_the_end_are_bundles_of_their_own() {
    let shown: Vec<String> =
        messages(&OscWriter::new(OscLayout::Nodes, None, &skeleton()).skeleton(&skeleton()))
            .iter()
            .map(shown)
            .collect();
    assert_eq!(
        shown,
        [
            "/sleap/skeleton String(\"mouse\") String(\"nose\") String(\"tail/tip 1\")",
            "/sleap/edges Int(0) Int(1)",
        ]
    );
    assert_eq!(
        messages(&OscWriter::new(OscLayout::Nodes, None, &skeleton()).end(3))[0].args,
        [OscType::Int(3)]
    );
}

#[test]
fn poses_that_were_computed_are_messages_of_their_own() {
    let derived = DerivedPoses {
        ahead: Some(AheadPoses {
            by_ms: 60.0,
            instances: vec![vec![Some([1.0, 2.0]), None]],
            sd: vec![vec![Some(0.5), None]],
            ..AheadPoses::default()
        }),
        smooth: Some(SmoothPoses {
            instances: vec![vec![Some([3.0, 4.0]), None]],
            ..SmoothPoses::default()
        }),
        ..NONE
    };
    let shown = |layout| {
        let mut nodes = OscWriter::new(layout, None, &Skeleton::default());
        nodes.nodes = vec!["nose".to_owned(), "tail".to_owned()];
        let bytes = nodes.pose(
            &Prediction::default(),
            &derived,
            &EmittedFrame::default(),
            0,
        );
        let shown = |it: &OscMessage| format!("{} {}", it.addr, it.args.len());
        messages(&bytes)[1..].iter().map(shown).collect::<Vec<_>>()
    };
    let whole = ["/sleap/ahead_by 2", "/sleap/ahead 8", "/sleap/smooth 6"];
    assert_eq!(shown(OscLayout::Instances), whole);
    let by_node = [
        "/sleap/ahead_by 2",
        "/sleap/ahead/0/nose 4",
        "/sleap/ahead/0/tail 4",
        "/sleap/smooth/0/nose 3",
        "/sleap/smooth/0/tail 3",
    ];
    assert_eq!(shown(OscLayout::Nodes), by_node);
}

#[test]
fn of_several_streams_each_has_addresses_of_its_own() {
    for (layout, pose) in [
        (OscLayout::Instances, "/sleap/webcam:0-2/pose"),
        (OscLayout::Nodes, "/sleap/webcam:0-2/pose/0/nose"),
    ] {
        let writer = OscWriter::new(layout, Some("webcam:0-2"), &skeleton());
        let sent = messages(&writer.pose(&prediction(7), &NONE, &EmittedFrame::default(), 0));
        assert!(sent.iter().any(|message| message.addr == pose), "{sent:?}");
        let skeleton = messages(&writer.skeleton(&skeleton()));
        let all = sent
            .into_iter()
            .chain(skeleton)
            .chain(messages(&writer.end(1)));
        for message in all {
            assert!(
                message.addr.starts_with("/sleap/webcam:0-2/"),
                "{message:?}"
            );
        }
    }
    let hostile = OscWriter::new(OscLayout::Instances, Some("a/b *"), &skeleton());
    assert_eq!(messages(&hostile.end(1))[0].addr, "/sleap/a_b__/end");
}
