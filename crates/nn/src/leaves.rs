//! [`Leaves`]: how a mini-batch is cut, so that its sums have the same bits whoever computes them.
//!
//! ```text
//!                    ∂W                       leaf l: examples ⌊l·B/L⌋ .. ⌊(l+1)·B/L⌋ of B
//!             ┌──────┴──────┐                 a leaf is summed in the order of its examples
//!        ┌────┴────┐   ┌────┴────┐            leaves along this tree, the halves of the halves of L
//!        0    1    2   3    4    5            a process holds the leaves below one of its nodes
//! ```
//!
//! A recipe names L; with L = 1 there is no cut, and every sum is taken as it is over the whole batch.
//! Whatever else a step computes, it computes row by row, with random bits of the row's position in the
//! batch; so the number of processes changes no bit. Integers need no order, and are added up exactly
//! before they are rounded.

use std::fmt::Debug;
use std::ops::{AddAssign, Range};

use bytemuck::{AnyBitPattern, NoUninit, cast_slice, cast_slice_mut};

use crate::processes::Processes;

/// The leaves of a mini-batch, and which of them this process holds.
#[derive(Clone, Debug)]
pub struct Leaves {
    processes: Processes,
    /// L.
    count: usize,
    /// B, and 0 where nothing is cut.
    examples: usize,
    /// The leaves of this process.
    held: Range<usize>,
}

/// Nothing is cut, and this process is alone.
impl Default for Leaves {
    fn default() -> Self {
        Self { processes: Processes::one(), count: 1, examples: 0, held: 0..1 }
    }
}

impl Leaves {
    /// A mini-batch of `examples` in so many leaves, shared among processes.
    ///
    /// # Panics
    ///
    /// Unless there is an example for each leaf and a leaf for each process.
    #[track_caller]
    pub fn new(count: usize, examples: usize, processes: &Processes) -> Self {
        let among = processes.count();
        assert!(count <= examples, "{examples} examples do not fill {count} leaves");
        assert!(among <= count, "{among} processes do not share {count} leaves");
        let held = share(0..count, 0..among, processes.index());
        Self { processes: processes.clone(), count, examples, held }
    }

    /// Whether the batch is cut at all.
    pub fn is_cut(&self) -> bool {
        self.count > 1
    }

    /// Whether other processes hold a part of the batch.
    pub fn is_shared(&self) -> bool {
        self.processes.count() > 1
    }

    /// The examples of the batch that this process holds.
    pub fn examples(&self) -> Range<usize> {
        self.first_of(self.held.start)..self.first_of(self.held.end)
    }

    /// Examples of the whole batch, of which this process holds so many.
    pub fn all_examples(&self, held: usize) -> usize {
        if self.is_cut() { self.examples } else { held }
    }

    /// The rows of each leaf of this process, of an operation's `rows` here, which belong to the
    /// examples in equal parts and in their order.
    ///
    /// # Panics
    ///
    /// If they do not.
    #[track_caller]
    pub fn rows(&self, rows: usize) -> Vec<Range<usize>> {
        if !self.is_cut() {
            return std::iter::once(0..rows).collect();
        }
        let examples = self.examples();
        let each = rows / examples.len();
        assert_eq!(each * examples.len(), rows, "{rows} rows of {} examples", examples.len());
        let row = |leaf: usize| (self.first_of(leaf) - examples.start) * each;
        self.held.clone().map(|leaf| row(leaf)..row(leaf + 1)).collect()
    }

    /// Writes the sum over the leaves of this process to `out`, along the tree: `write(leaf, out)`
    /// writes that of one of them, counted from 0.
    pub(crate) fn fold<T: Number>(&self, out: &mut [T], mut write: impl FnMut(usize, &mut [T])) {
        let first = self.held.start;
        let mut spare = Vec::new();
        fold(self.held.clone(), out, &mut spare, &mut |leaf, out| write(leaf - first, out));
    }

    /// Sums over the rows of the whole batch: `write(rows, sums)` writes those of some rows of this
    /// process, and is given all that are added up in their order.
    pub fn sums(
        &self,
        rows: usize,
        width: usize,
        mut write: impl FnMut(Range<usize>, &mut [f64]),
    ) -> Vec<f64> {
        let mut sums = vec![0.0; width];
        let rows = self.rows(rows);
        self.fold(&mut sums, |leaf, out| {
            out.fill(0.0);
            write(rows[leaf].clone(), out);
        });
        self.add_up(&mut sums);
        sums
    }

    /// The mean over `counted` units of this process and those of all others, and the number of them
    /// all: `sum` gives the sum over some rows.
    pub fn mean(
        &self,
        rows: usize,
        counted: usize,
        mut sum: impl FnMut(Range<usize>) -> f64,
    ) -> (f64, usize) {
        if !self.is_cut() {
            return (sum(0..rows) / counted.max(1) as f64, counted);
        }
        let mut counted = Some(counted as f64);
        let sums = self.sums(rows, 2, |rows, sums| {
            sums[0] = sum(rows);
            // With the first leaf; as integers they need no order.
            sums[1] = counted.take().unwrap_or(0.0);
        });
        (sums[0] / sums[1].max(1.0), sums[1] as usize)
    }

    /// The sums of integers of all processes.
    pub fn totals<const N: usize>(&self, counts: [usize; N]) -> [usize; N] {
        let mut totals = counts.map(|count| count as i64);
        self.add_up(&mut totals);
        totals.map(|total| total as usize)
    }

    /// The largest number of all processes.
    pub fn largest(&self, x: f32) -> f32 {
        if self.is_shared() { self.processes.largest(x) } else { x }
    }

    /// The longest of all processes: batches are padded to it.
    pub fn longest(&self, len: usize) -> usize {
        if !self.is_shared() {
            return len;
        }
        self.processes.gather(len as u32).into_iter().max().unwrap_or(0) as usize
    }

    /// Adds up what all processes have, along the tree.
    pub(crate) fn add_up<T: Number>(&self, values: &mut [T]) {
        /// Up to here every process adds up all of it.
        const FEW: usize = 1 << 10;
        let among = self.processes.count();
        if among == 1 || values.is_empty() {
            return;
        }
        if values.len() <= FEW {
            let mut all = vec![T::default(); values.len() * among];
            self.processes.all_gather(cast_slice(values), cast_slice_mut(&mut all));
            values.copy_from_slice(self.sum_of(&mut all));
            return;
        }
        // Each adds up a part, and those few that are left over.
        let part = values.len() / among;
        let (parts, rest) = values.split_at_mut(part * among);
        let mut received = vec![T::default(); parts.len()];
        self.processes.all_to_all(cast_slice(parts), cast_slice_mut(&mut received));
        let sums = self.sum_of(&mut received);
        self.processes.all_gather(cast_slice(sums), cast_slice_mut(parts));
        self.add_up(rest);
    }

    /// The sum of equal parts, one of each process, in the place of the first.
    fn sum_of<'a, T: Number>(&self, parts: &'a mut [T]) -> &'a [T] {
        let among = self.processes.count();
        let part = parts.len() / among;
        let mut each: Vec<&mut [T]> = parts.chunks_exact_mut(part).collect();
        add_up(0..self.count, 0..among, &mut each);
        &parts[..part]
    }

    fn first_of(&self, leaf: usize) -> usize {
        leaf * self.examples / self.count
    }
}

/// Where a node of the tree has its halves.
fn middle(leaves: &Range<usize>) -> usize {
    leaves.start + leaves.len().div_ceil(2)
}

/// Where its processes have theirs: in proportion to the leaves, and at least one for each half.
fn middle_of(processes: &Range<usize>, leaves: &Range<usize>) -> usize {
    let (left, right) = (leaves.len().div_ceil(2), leaves.len() / 2);
    let count = processes.len();
    let share = (count * left + leaves.len() / 2) / leaves.len();
    processes.start + share.clamp(count.saturating_sub(right).max(1), left.min(count - 1))
}

/// The leaves of one of the processes below a node.
fn share(leaves: Range<usize>, processes: Range<usize>, index: usize) -> Range<usize> {
    if processes.len() == 1 {
        return leaves;
    }
    let (middle, from) = (middle(&leaves), middle_of(&processes, &leaves));
    if index < from {
        share(leaves.start..middle, processes.start..from, index)
    } else {
        share(middle..leaves.end, from..processes.end, index)
    }
}

/// Adds up what the processes below a node have, in the place of the first one's.
fn add_up<T: Number>(leaves: Range<usize>, processes: Range<usize>, parts: &mut [&mut [T]]) {
    if processes.len() == 1 {
        return;
    }
    let (middle, from) = (middle(&leaves), middle_of(&processes, &leaves));
    let (left, right) = parts.split_at_mut(from - processes.start);
    add_up(leaves.start..middle, processes.start..from, left);
    add_up(middle..leaves.end, from..processes.end, right);
    add(left[0], right[0]);
}

/// Writes the sum of the leaves below a node.
fn fold<T: Number>(
    leaves: Range<usize>,
    out: &mut [T],
    spare: &mut Vec<Vec<T>>,
    write: &mut impl FnMut(usize, &mut [T]),
) {
    if leaves.len() == 1 {
        return write(leaves.start, out);
    }
    let middle = middle(&leaves);
    fold(leaves.start..middle, out, spare, write);
    let mut right = spare.pop().unwrap_or_default();
    right.resize(out.len(), T::default());
    fold(middle..leaves.end, &mut right, spare, write);
    add(out, &right);
    spare.push(right);
}

fn add<T: Number>(sums: &mut [T], terms: &[T]) {
    sums.iter_mut().zip(terms).for_each(|(sum, &term)| *sum += term);
}

/// Numbers that are added up, and told as the words that they are in memory.
pub(crate) trait Number:
    Copy + Debug + Default + AddAssign + NoUninit + AnyBitPattern
{
}

impl Number for f32 {}
impl Number for f64 {}
impl Number for i64 {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::processes::threads;

    /// The sums over a batch that so many processes share, of each.
    fn shared(leaves: usize, values: &[f32], width: usize, processes: usize) -> Vec<Vec<f32>> {
        let examples = values.len() / width;
        let one = |processes: Processes| {
            let leaves = Leaves::new(leaves, examples, &processes);
            let held = leaves.examples();
            let values = &values[held.start * width..held.end * width];
            let rows = leaves.rows(held.len());
            let mut sums = vec![0.0; width];
            leaves.fold(&mut sums, |leaf, out| {
                out.fill(0.0);
                for row in values[rows[leaf].start * width..rows[leaf].end * width].chunks(width) {
                    add(out, row);
                }
            });
            leaves.add_up(&mut sums);
            sums
        };
        std::thread::scope(|scope| {
            let all = threads(processes).into_iter();
            let all: Vec<_> = all.map(|processes| scope.spawn(|| one(processes))).collect();
            all.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    fn values(len: usize, seed: u64) -> Vec<f32> {
        let mut words = vec![0; len];
        numerics::Seed::new(seed).stream().fill_words(0, &mut words);
        words
            .into_iter()
            .map(|word| (word as i32 as f32) * 2f32.powi(-(word as i32 & 31)))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// … and each process has some of them, which are next to each other.
        #[test]
        fn every_leaf_belongs_to_one_process(
            leaves in 1..70usize, among in 1..70usize, more in 0..50usize,
        ) {
            prop_assume!(among <= leaves);
            let examples = leaves + more;
            let mut next = 0;
            for index in 0..among {
                let held = share(0..leaves, 0..among, index);
                prop_assert!(held.start == next && !held.is_empty());
                next = held.end;
            }
            prop_assert_eq!(next, leaves);
            let all = Leaves::new(leaves, examples, &Processes::one());
            let sizes: Vec<usize> = all.rows(examples).into_iter().map(|rows| rows.len()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>(), examples);
            let most = sizes.iter().max().unwrap();
            prop_assert!(sizes.iter().all(|size| (most - 1..=*most).contains(size) && *size > 0));
        }

        /// Whoever holds which leaves, and whether all is told to all or in parts.
        #[test]
        fn sums_do_not_depend_on_the_processes(
            leaves in 1..20usize, more in 0..40usize, wide: bool, width in 1..9usize, seed: u64,
        ) {
            let width = if wide { 1100 + width } else { width };
            let values = values((leaves + more) * width, seed);
            let alone = shared(leaves, &values, width, 1).remove(0);
            for processes in [2, 3, 4, 8] {
                if processes <= leaves {
                    for sums in shared(leaves, &values, width, processes) {
                        let bits = |sums: &[f32]| sums.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                        prop_assert_eq!(bits(&sums), bits(&alone), "{} processes", processes);
                    }
                }
            }
            // Within the bound of n sums one after another, which those of a tree do not leave.
            for (column, &sum) in alone.iter().enumerate() {
                let terms = values.iter().skip(column).step_by(width).map(|&x| f64::from(x));
                let magnitude: f64 = terms.clone().map(f64::abs).sum();
                let bound = (leaves + more) as f64 * f64::from(f32::EPSILON) / 2.0 * magnitude;
                prop_assert!((f64::from(sum) - terms.sum::<f64>()).abs() <= bound);
            }
        }
    }

    #[test]
    #[should_panic(expected = "3 processes do not share 2 leaves")]
    fn a_process_without_a_leaf_is_refused() {
        let one = threads(3).remove(0);
        let _ = Leaves::new(2, 10, &one);
    }
}
