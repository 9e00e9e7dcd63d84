//! How true poses are at the moment at which they are used, with and without `--predict-ahead`, pixels.
//!
//!     cargo run -p sleap-stream-tests --example delivery_error

use e2e::MovingMouse;

fn main() {
    println!("| mouse | age | measured | ahead | ratio | smooth | within 2 sd |");
    println!("|---|---|---|---|---|---|---|");
    let noisy = |fps, sd| MovingMouse::noisy(fps, 3, 60.0, sd);
    for (name, mouse) in [
        (
            "demonstration's model, 30 frames/s",
            MovingMouse::of_the_demonstration(),
        ),
        ("0.7 px of noise, 30 frames/s", noisy(30.0, 0.7)),
        ("0.7 px of noise, 100 frames/s", noisy(100.0, 0.7)),
        ("2 px of noise, 100 frames/s", noisy(100.0, 2.0)),
        ("no noise, 30 frames/s", noisy(30.0, 0.0)),
    ] {
        for age_ms in [30.0, 60.0, 100.0] {
            let errors = mouse.errors(age_ms / 1e3);
            println!(
                "| {name} | {age_ms} ms | {:.2} | {:.2} | {:.2} | {:.2} | {:.0}% |",
                errors.measured,
                errors.ahead,
                errors.ratio(),
                errors.smooth,
                100.0 * errors.within
            );
        }
    }
}
