use super::*;

/// A link in virtual time: 30 units of `shards` data shards a second, a report each 200 ms. `lost` gives
/// the number of lost shards of each unit, by its number.
struct Link {
    chooser: ParityChooser,
    now: Instant,
    unit: u64,
}

impl Link {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            chooser: ParityChooser::new(now),
            now,
            unit: 0,
        }
    }

    /// Runs for `seconds`, and returns the parity of the last unit.
    fn run(&mut self, seconds: u64, shards: usize, lost: impl Fn(u64) -> u64) -> u8 {
        let mut parity = 0;
        for _ in 0..seconds * 5 {
            let mut counts = ShardCounts::default();
            for _ in 0..6 {
                parity = self.chooser.parity(shards, self.now);
                let sent = shards as u64 + u64::from(parity);
                let lost = lost(self.unit).min(sent);
                counts.sent += sent;
                counts.arrived += sent - lost;
                if lost <= u64::from(max_parity(shards)) {
                    counts.worst = counts.worst.max(lost as u8);
                }
                self.unit += 1;
                self.now += Duration::from_micros(33_333);
            }
            self.chooser.report(counts, self.now);
        }
        parity
    }
}

#[test]
fn a_clean_link_has_no_parity() {
    for shards in [1, 2, 22, 300] {
        assert_eq!(Link::new().run(60, shards, |_| 0), 0, "{shards} shards");
    }
}

#[test]
fn parity_rises_within_a_second_of_the_first_losses() {
    let mut link = Link::new();
    assert_eq!(link.run(600, 22, |_| 0), 0);
    // 3% from one moment on: two of three units lose a shard, after ten minutes without any loss.
    let parity = link.run(1, 22, |unit| u64::from(unit % 3 > 0));
    assert!((3..=6).contains(&parity), "{parity}");
    let first = link.run(9, 22, |unit| u64::from(unit % 3 > 0));
    assert!((4..=6).contains(&first), "{first}");
}

#[test]
fn a_single_loss_brings_parity_and_it_goes_again() {
    let mut link = Link::new();
    link.run(60, 22, |_| 0);
    let at = link.unit;
    assert!(link.run(1, 22, |unit| u64::from(unit == at)) >= 1);
    assert_eq!(link.run(120, 22, |_| 0), 0);
}

#[test]
fn parity_follows_the_loss_and_the_number_of_shards() {
    let parity = |shards, lost_of_100: u64| {
        let mut link = Link::new();
        // Spread as evenly as it can be.
        link.run(30, shards, |unit| {
            let lost = |unit: u64| unit * shards as u64 * lost_of_100 / 100;
            lost(unit + 1) - lost(unit)
        })
    };
    let few = [parity(22, 1), parity(22, 3), parity(22, 5), parity(22, 10)];
    assert!(few.is_sorted(), "{few:?}");
    assert!(few[0] >= 2 && few[0] <= 4, "{few:?}");
    assert!(few[2] >= 5 && few[2] <= 8, "{few:?}");
    // A large frame needs less for each of its shards.
    assert!(u32::from(parity(110, 3)) < 5 * u32::from(few[1]));
    // One or two packets are repeated.
    assert_eq!(parity(1, 1), 1);
    assert!((1..=2).contains(&parity(2, 3)));
}

#[test]
fn bursts_are_met_by_the_largest_of_late() {
    let mut link = Link::new();
    // 0.6% in all, but seven at a time.
    let parity = link.run(20, 22, |unit| if unit % 50 == 0 { 7 } else { 0 });
    assert!(parity >= 7, "{parity}");
    // An outage that no parity makes good is not prepared for.
    let mut link = Link::new();
    let parity = link.run(60, 22, |unit| if unit == 300 { 22 } else { 0 });
    assert!(parity <= 2, "{parity}");
}

#[test]
fn parity_is_bounded_whatever_is_reported() {
    let mut chooser = ParityChooser::new(Instant::now());
    let reports = [(u64::MAX, 0, 255), (0, u64::MAX, 0), (1, 0, 1), (0, 0, 255)];
    for (sent, arrived, worst) in reports {
        let now = Instant::now();
        let counts = ShardCounts {
            sent,
            arrived,
            worst,
        };
        chooser.report(counts, now);
        for shards in [0, 1, 22, 16_384] {
            assert!(
                chooser.parity(shards, now) <= max_parity(shards),
                "{counts:?}"
            );
        }
        assert!((0.0..=1.0).contains(&chooser.loss()), "{counts:?}");
    }
    assert_eq!(max_parity(1), 2);
    assert_eq!(max_parity(22), 9);
    assert_eq!(max_parity(16_384), 52);
}
