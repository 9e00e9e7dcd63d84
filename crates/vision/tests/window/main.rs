//! The window, under an X server of the test's own.
//!
//! The scenes run in child processes: the display is an environment variable, windows
//! belong to one thread, and a process may end with its screen.

#[cfg(target_os = "linux")]
mod scenes;
#[cfg(target_os = "linux")]
mod tiles;
#[cfg(target_os = "linux")]
mod xserver;

#[cfg(target_os = "linux")]
fn main() {
    if let Some(scene) = std::env::var_os(scenes::VARIABLE) {
        return scenes::play(&scene.to_string_lossy());
    }
    // `cargo test -- --list` and filters are for the tests that have a harness.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let tests: [(&str, fn()); 14] = [
        ("no_display_is_an_error_with_words", scenes::no_display),
        ("an_unusable_display_is_an_error", scenes::unusable_display),
        ("a_frame_is_shown_as_it_is", scenes::frame_is_shown),
        ("keys_close_the_window", scenes::keys_close),
        ("the_close_button_closes_the_window", scenes::button_closes),
        ("an_x_server_that_ends_is_an_error", scenes::server_ends),
        (
            "a_picture_keeps_its_ratio_in_a_resized_window",
            scenes::user_resizes,
        ),
        ("a_frame_larger_than_the_screen_fits", scenes::large_frame),
        ("a_second_thread_is_refused", scenes::second_thread),
        (
            "the_viewer_is_there_before_the_first_frame",
            scenes::viewer_waits,
        ),
        ("the_viewer_follows_the_frames", scenes::viewer_follows),
        ("several_tiles_are_side_by_side", tiles::side_by_side),
        ("a_tile_that_is_chosen_is_made_large", tiles::made_large),
        ("tiles_come_and_go", tiles::come_and_go),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
}

#[cfg(not(target_os = "linux"))]
fn main() {}
