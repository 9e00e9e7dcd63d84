//! `animals` on scenes whose identities are known.

use tracking::{AnimalsOptions, Detection, Tracker, TrackerOptions};

use super::scene::{numbers, scenes};

fn animals(max_tracks: Option<u32>) -> TrackerOptions {
    TrackerOptions::Animals(AnimalsOptions { max_tracks })
}

/// The best of sleap-nn's trackers in a scene: switches and purity.
fn best(scene: &super::scene::Scene) -> (usize, f64) {
    let scores = scene
        .trackers
        .values()
        .map(|tracks| scene.switches_and_purity(tracks));
    scores
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .expect("a tracker")
}

#[test]
fn identities_hold_as_well_as_with_the_best_of_sleap_nns_trackers() {
    for scene in scenes() {
        let (_, best) = best(&scene);
        let (switches, purity) =
            scene.switches_and_purity(&scene.tracks(animals(Some(scene.n_animals))));
        println!(
            "{}: {switches} switches, purity {purity:.4}; sleap-nn {best:.4}",
            scene.name
        );
        assert!(
            purity >= best - 0.001,
            "{}: {purity} against {best}",
            scene.name
        );
        // One or two nodes are hardly a pose.
        let most = if scene.frames[0][0].points.len() < 3 {
            5
        } else {
            0
        };
        assert!(switches <= most, "{}: {switches} switches", scene.name);
    }
}

#[test]
fn the_number_of_animals_is_found_out() {
    for scene in scenes() {
        let tracks = scene.tracks(animals(None));
        let (switches, purity) = scene.switches_and_purity(&tracks);
        println!("{}: {switches} switches, purity {purity:.4}", scene.name);
        let most = tracks.iter().flatten().flatten().max().expect("a track") + 1;
        assert!(most <= scene.n_animals + 1, "{}: {most} tracks", scene.name);
        assert!(
            purity >= 0.85 && switches <= 6,
            "{}: {switches}, {purity}",
            scene.name
        );
    }
}

#[test]
fn there_are_never_more_tracks_than_animals() {
    for scene in scenes() {
        for max_tracks in [1, 3] {
            let tracks = scene.tracks(animals(Some(max_tracks)));
            assert!(
                tracks
                    .iter()
                    .flatten()
                    .flatten()
                    .all(|track| *track < max_tracks)
            );
        }
    }
}

fn mouse(x: f64, y: f64, score: f64) -> Detection {
    Detection {
        points: vec![[x - 10.0, y], [x, y + 1.0], [x + 10.0, y]],
        point_scores: vec![score; 3],
        score: 3.0 * score,
    }
}

#[test]
fn an_animal_that_hides_is_the_same_one_afterwards() {
    for options in [animals(Some(2)), animals(None)] {
        let mut tracker = Tracker::new(options).unwrap();
        let mut before = Vec::new();
        for frame in 0..400_u64 {
            let at = frame as f64;
            let hidden = (100..300).contains(&frame);
            let mut seen = vec![mouse(100.0 + at, 50.0, 0.9)];
            if !hidden {
                seen.push(mouse(100.0, 300.0 + (at * 0.1).sin() * 5.0, 0.9));
            }
            let tracks = numbers(&tracker.track(frame, &seen));
            if frame == 99 {
                before = tracks;
            } else if frame > 310 {
                assert_eq!(tracks, before, "frame {frame}");
            }
        }
        assert_eq!(before.iter().flatten().count(), 2);
    }
}

#[test]
fn an_invented_detection_starts_nothing() {
    let mut tracker = Tracker::new(animals(None)).unwrap();
    for frame in 0..300_u64 {
        let mut seen = vec![mouse(100.0 + frame as f64, 50.0, 0.9)];
        if frame % 20 == 10 {
            seen.push(mouse(300.0, (frame * 7 % 400) as f64, 0.3));
        }
        let tracks = numbers(&tracker.track(frame, &seen));
        assert!(tracks.iter().skip(1).all(Option::is_none), "frame {frame}");
    }
}

#[test]
fn frames_that_were_dropped_have_passed_all_the_same() {
    let mut tracker = Tracker::new(animals(Some(2))).unwrap();
    let at = |frame: u64| {
        let along = 2.0 * frame as f64;
        [mouse(along, 100.0, 0.9), mouse(400.0 - along, 100.0, 0.9)]
    };
    let mut tracks = Vec::new();
    for frame in 0..60 {
        tracks = numbers(&tracker.track(frame, &at(frame)));
    }
    // They pass each other unseen between frames 60 and 140.
    assert_eq!(numbers(&tracker.track(140, &at(140))), tracks);
}
