//! The assignment problem: pairs of rows and columns at the least total cost.
//!
//! Shortest augmenting paths with potentials, as in D. F. Crouse, "On implementing 2D rectangular
//! assignment algorithms", IEEE Transactions on Aerospace and Electronic Systems 52 (2016). Where
//! several assignments cost the same it gives the one that SciPy's `linear_sum_assignment` (which
//! sleap-nn calls) gives: rows enter in order, columns are searched from the last to the first,
//! and of equally near columns a free one wins.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

/// Solves assignment problems; its buffers are kept between calls.
#[derive(Debug, Default)]
pub struct Assignment {
    /// With at most as many rows as columns: turned where the caller has more rows.
    costs: Vec<f64>,
    row_potentials: Vec<f64>,
    column_potentials: Vec<f64>,
    /// Cost of the shortest path found so far to each column.
    distances: Vec<f64>,
    /// The row before each column on that path.
    previous: Vec<usize>,
    row_of: Vec<Option<usize>>,
    column_of: Vec<Option<usize>>,
    rows_seen: Vec<bool>,
    columns_seen: Vec<bool>,
    unseen: Vec<usize>,
    pairs: Vec<Option<usize>>,
}

impl Assignment {
    /// The column of each row at the least total cost, for `costs` of `rows` x `columns`.
    ///
    /// As many pairs are made as there are rows or columns, whichever is less, but a pair whose
    /// cost is not finite is forbidden: the fewest possible of them are taken and then left out.
    pub fn solve(&mut self, costs: &[f64], rows: usize, columns: usize) -> &[Option<usize>] {
        let turned = rows > columns;
        self.start(costs, rows, columns, turned);
        let (short, long) = (rows.min(columns), rows.max(columns));
        for row in 0..short {
            let (column, distance) = self.shortest_path(row, long);
            self.update_potentials(row, distance);
            self.augment(row, column);
        }
        self.pairs.clear();
        let pairs = if turned {
            &self.row_of
        } else {
            &self.column_of
        };
        let allowed = |(row, &column): (usize, &Option<usize>)| {
            column.filter(|column| costs[row * columns + column].is_finite())
        };
        self.pairs.extend(pairs.iter().enumerate().map(allowed));
        &self.pairs
    }

    fn start(&mut self, costs: &[f64], rows: usize, columns: usize, turned: bool) {
        let finite = costs.iter().filter(|cost| cost.is_finite());
        let largest = finite.fold(0.0, |largest: f64, cost| largest.max(cost.abs()));
        // More than any difference that finite costs can make, and small enough to keep them exact
        // to many digits.
        let forbidden = (1.0 + largest) * (2 * (rows + columns) + 1) as f64;
        let cost = |cost: f64| if cost.is_finite() { cost } else { forbidden };
        self.costs.clear();
        if turned {
            let transposed = (0..columns)
                .flat_map(|column| (0..rows).map(move |row| costs[row * columns + column]));
            self.costs.extend(transposed.map(cost));
        } else {
            self.costs.extend(costs.iter().copied().map(cost));
        }
        let (short, long) = (rows.min(columns), rows.max(columns));
        refill(&mut self.row_potentials, short, 0.0);
        refill(&mut self.column_potentials, long, 0.0);
        refill(&mut self.row_of, long, None);
        refill(&mut self.column_of, short, None);
        refill(&mut self.previous, long, 0);
    }

    /// The free column that is nearest to `row`, and how far it is.
    fn shortest_path(&mut self, row: usize, columns: usize) -> (usize, f64) {
        refill(&mut self.distances, columns, f64::INFINITY);
        refill(&mut self.rows_seen, self.column_of.len(), false);
        refill(&mut self.columns_seen, columns, false);
        self.unseen.clear();
        self.unseen.extend((0..columns).rev());
        let (mut row, mut distance) = (row, 0.0);
        loop {
            self.rows_seen[row] = true;
            let place = self.nearest(row, distance, columns);
            let column = self.unseen.swap_remove(place);
            distance = self.distances[column];
            self.columns_seen[column] = true;
            match self.row_of[column] {
                Some(next) => row = next,
                None => return (column, distance),
            }
        }
    }

    /// Relaxes the paths over `row` and gives the place of the nearest column in `unseen`. There
    /// is one: a path visits fewer rows than there are columns.
    fn nearest(&mut self, row: usize, distance: f64, columns: usize) -> usize {
        let costs = &self.costs[row * columns..][..columns];
        let potential = self.row_potentials[row];
        let (mut best, mut least) = (0, f64::INFINITY);
        for (place, &column) in self.unseen.iter().enumerate() {
            // SciPy's order of the sum: its rounding decides between costs that are nearly equal.
            let through = distance + costs[column] - potential - self.column_potentials[column];
            if through < self.distances[column] {
                self.distances[column] = through;
                self.previous[column] = row;
            }
            let distance = self.distances[column];
            let free = self.row_of[column].is_none();
            if distance < least || (distance == least && free) {
                (best, least) = (place, distance);
            }
        }
        best
    }

    fn update_potentials(&mut self, start: usize, distance: f64) {
        self.row_potentials[start] += distance;
        for (row, column) in self.column_of.iter().enumerate() {
            if let (true, Some(column)) = (self.rows_seen[row], *column) {
                self.row_potentials[row] += distance - self.distances[column];
            }
        }
        for (column, seen) in self.columns_seen.iter().enumerate() {
            if *seen {
                self.column_potentials[column] -= distance - self.distances[column];
            }
        }
    }

    /// Turns the pairs around along the path that ends at `column`.
    fn augment(&mut self, start: usize, mut column: usize) {
        loop {
            let row = self.previous[column];
            self.row_of[column] = Some(row);
            match self.column_of[row].replace(column) {
                Some(next) if row != start => column = next,
                _ => return,
            }
        }
    }
}

fn refill<T: Clone>(buffer: &mut Vec<T>, length: usize, value: T) {
    buffer.clear();
    buffer.resize(length, value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn solve(costs: &[f64], rows: usize, columns: usize) -> Vec<Option<usize>> {
        Assignment::default().solve(costs, rows, columns).to_vec()
    }

    /// What pairs cost: how many rows stay alone, then the sum.
    fn cost(costs: &[f64], columns: usize, pairs: &[Option<usize>]) -> (usize, f64) {
        let alone = pairs.iter().filter(|pair| pair.is_none()).count();
        let of = |(row, column): (usize, &Option<usize>)| {
            column.map_or(0.0, |column| costs[row * columns + column])
        };
        (alone, pairs.iter().enumerate().map(of).sum())
    }

    /// Tries everything.
    fn least(costs: &[f64], rows: usize, columns: usize) -> (usize, f64) {
        fn go(costs: &[f64], rows: usize, used: &mut [bool]) -> (usize, f64) {
            let columns = used.len();
            if rows == 0 {
                return (0, 0.0);
            }
            let (alone, sum) = go(&costs[columns..], rows - 1, used);
            let mut best = (alone + 1, sum);
            for column in 0..columns {
                if used[column] || !costs[column].is_finite() {
                    continue;
                }
                used[column] = true;
                let (alone, sum) = go(&costs[columns..], rows - 1, used);
                used[column] = false;
                if (alone, sum + costs[column]) < best {
                    best = (alone, sum + costs[column]);
                }
            }
            best
        }
        go(costs, rows, &mut vec![false; columns])
    }

    #[test]
    fn small_tables() {
        let inf = f64::INFINITY;
        for (costs, rows, columns, pairs) in [
            (&[][..], 0, 3, &[][..]),
            (&[], 2, 0, &[None, None]),
            (&[5.0], 1, 1, &[Some(0)]),
            // The greedy 1 + 9 is worse than 2 + 3.
            (&[1.0, 2.0, 3.0, 9.0], 2, 2, &[Some(1), Some(0)]),
            (&[4.0, 1.0, 3.0], 1, 3, &[Some(1)]),
            (&[4.0, 1.0, 3.0], 3, 1, &[None, Some(0), None]),
            (&[-1.0, -2.0, -3.0, -9.0], 2, 2, &[Some(0), Some(1)]),
            // A forbidden pair is avoided at any price, and left out where it cannot be.
            (&[0.0, 99.0, 0.0, inf], 2, 2, &[Some(1), Some(0)]),
            (&[0.0, inf, 1.0, inf], 2, 2, &[Some(0), None]),
            (&[inf, f64::NAN, f64::NEG_INFINITY], 1, 3, &[None]),
        ] {
            assert_eq!(solve(costs, rows, columns), pairs, "{costs:?}");
        }
    }

    #[derive(serde::Deserialize)]
    struct Case {
        rows: usize,
        columns: usize,
        costs: Vec<f64>,
        pairs: Vec<Option<usize>>,
    }

    /// The cases have few distinct costs, so that nearly all of them have several best answers.
    #[test]
    fn ties_are_broken_as_scipy_breaks_them() {
        let text = include_str!("../tests/vectors/assignment.json");
        let cases: Vec<Case> = serde_json::from_str(text).expect("vectors");
        assert!(cases.len() >= 300);
        let mut reused = Assignment::default();
        for case in cases {
            let pairs = reused.solve(&case.costs, case.rows, case.columns);
            assert_eq!(pairs, case.pairs, "{:?} {}", case.costs, case.columns);
        }
    }

    proptest! {
        #[test]
        fn nothing_is_cheaper(
            (rows, columns, costs) in (0..6_usize, 0..6_usize).prop_flat_map(|(rows, columns)| {
                let cost = prop_oneof![
                    8 => -2.0..2.0_f64,
                    4 => (-2..3_i32).prop_map(f64::from),
                    1 => Just(f64::INFINITY),
                ];
                (Just(rows), Just(columns), prop::collection::vec(cost, rows * columns))
            })
        ) {
            let pairs = solve(&costs, rows, columns);
            prop_assert_eq!(pairs.len(), rows);
            let mut used: Vec<_> = pairs.iter().flatten().collect();
            used.sort();
            used.dedup();
            prop_assert_eq!(used.len(), pairs.iter().flatten().count());
            let (alone, sum) = cost(&costs, columns, &pairs);
            let (fewest, least) = least(&costs, rows, columns);
            prop_assert_eq!(alone, fewest);
            prop_assert!((sum - least).abs() < 1e-9, "{} but {} is possible", sum, least);
        }
    }
}
