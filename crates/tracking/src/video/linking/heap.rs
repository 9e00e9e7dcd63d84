//! The queue of Python's `heapq`: where priorities cannot be compared, the order is that of its steps.

/// The smallest first.
pub(super) struct Heap<T> {
    all: Vec<T>,
    is_less: fn(&T, &T) -> bool,
}

impl<T> Heap<T> {
    pub(super) fn new(is_less: fn(&T, &T) -> bool) -> Self {
        let all = Vec::new();
        Self { all, is_less }
    }

    pub(super) fn push(&mut self, item: T) {
        self.all.push(item);
        self.rise(0, self.all.len() - 1);
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let end = self.all.len().checked_sub(1)?;
        self.all.swap(0, end);
        let smallest = self.all.pop();
        self.sink();
        smallest
    }

    /// Moves an item up to where its parent is not larger.
    fn rise(&mut self, top: usize, mut at: usize) {
        while at > top {
            let parent = (at - 1) / 2;
            if !(self.is_less)(&self.all[at], &self.all[parent]) {
                break;
            }
            self.all.swap(at, parent);
            at = parent;
        }
    }

    /// Moves the first item down to the end along the smaller ones, and up again.
    fn sink(&mut self) {
        let end = self.all.len();
        let mut at = 0;
        while 2 * at + 1 < end {
            let (left, right) = (2 * at + 1, 2 * at + 2);
            let takes_right = right < end && !(self.is_less)(&self.all[left], &self.all[right]);
            let child = if takes_right { right } else { left };
            self.all.swap(at, child);
            at = child;
        }
        self.rise(0, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(values: &[f64]) -> Vec<f64> {
        let mut heap = Heap::new(|a: &f64, b: &f64| a < b);
        values.iter().for_each(|value| heap.push(*value));
        std::iter::from_fn(|| heap.pop()).collect()
    }

    #[test]
    fn the_smallest_comes_first() {
        assert_eq!(order(&[3.0, 1.0, 2.0, 0.5]), [0.5, 1.0, 2.0, 3.0]);
        assert!(order(&[]).is_empty());
    }

    #[test]
    fn what_cannot_be_compared_comes_where_heapq_has_it() {
        const NONE: f64 = f64::NAN;
        // What Python's heappush and heappop give.
        for (pushed, popped) in [
            (
                vec![NONE, 3.0, 1.0, NONE, 2.0, 0.0],
                vec![NONE, 0.0, 1.0, 2.0, NONE, 3.0],
            ),
            (
                vec![3.0, 1.0, NONE, 5.0, 2.0, NONE, 0.0, 4.0],
                vec![1.0, NONE, 0.0, NONE, 2.0, 3.0, 4.0, 5.0],
            ),
        ] {
            assert_eq!(known(order(&pushed)), known(popped));
        }
    }

    fn known(values: Vec<f64>) -> Vec<Option<f64>> {
        let known = |value: f64| (!value.is_nan()).then_some(value);
        values.into_iter().map(known).collect()
    }
}
