//! [`Shares`]: what this process has of the sums over a batch, until those of the others are added.

use std::fmt;

use crate::leaves::{Leaves, Number};
use crate::parameters::{ParameterId, Parameters};

/// Terms of sums over a batch.
#[derive(Debug)]
pub(crate) enum Terms {
    Floats(Vec<f32>),
    Doubles(Vec<f64>),
    Integers(Vec<i64>),
}

impl Terms {
    pub(crate) fn into_floats(self) -> Vec<f32> {
        let Self::Floats(sums) = self else { unreachable!("sums are of the kind of their terms") };
        sums
    }

    pub(crate) fn into_doubles(self) -> Vec<f64> {
        let Self::Doubles(sums) = self else { unreachable!("sums are of the kind of their terms") };
        sums
    }

    pub(crate) fn into_integers(self) -> Vec<i64> {
        let Self::Integers(sums) = self else {
            unreachable!("sums are of the kind of their terms")
        };
        sums
    }
}

/// Shares of gradients, in the order in which a backward pass came to them.
#[derive(Default)]
pub(crate) struct Shares(Vec<Share>);

struct Share {
    parameter: ParameterId,
    terms: Terms,
    finish: Finish,
}

/// Writes what is made of sums over the whole batch.
type Finish = Box<dyn FnOnce(Terms, &mut [f32])>;

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("waiting", &self.0.len()).finish_non_exhaustive()
    }
}

impl Shares {
    /// Keeps the terms of this process; `finish` writes what is made of their sums.
    pub(crate) fn push(
        &mut self,
        parameter: ParameterId,
        terms: Terms,
        finish: impl FnOnce(Terms, &mut [f32]) + 'static,
    ) {
        self.0.push(Share { parameter, terms, finish: Box::new(finish) });
    }

    /// Adds the sums over all processes to the gradients.
    pub(crate) fn add_up(&mut self, leaves: &Leaves, parameters: &mut Parameters) {
        if leaves.is_shared() {
            self.add_up_one_kind(leaves, |terms| match terms {
                Terms::Floats(terms) => Some(terms),
                _ => None,
            });
            self.add_up_one_kind(leaves, |terms| match terms {
                Terms::Doubles(terms) => Some(terms),
                _ => None,
            });
            self.add_up_one_kind(leaves, |terms| match terms {
                Terms::Integers(terms) => Some(terms),
                _ => None,
            });
        }
        for Share { parameter, terms, finish } in self.0.drain(..) {
            parameters.get_mut(parameter).accumulate(|gradient, add| {
                if !add {
                    return finish(terms, gradient);
                }
                let mut share = vec![0.0; gradient.len()];
                finish(terms, &mut share);
                gradient.iter_mut().zip(share).for_each(|(sum, share)| *sum += share);
            });
        }
    }

    /// Many small ones of one kind are told as one, and large ones in their place.
    fn add_up_one_kind<T: Number>(
        &mut self,
        leaves: &Leaves,
        of_kind: impl Fn(&mut Terms) -> Option<&mut Vec<T>>,
    ) {
        const LARGE: usize = 1 << 16;
        let terms = self.0.iter_mut().filter_map(|share| of_kind(&mut share.terms));
        let (large, mut small): (Vec<_>, Vec<_>) = terms.partition(|terms| terms.len() > LARGE);
        large.into_iter().for_each(|terms| leaves.add_up(terms));
        let mut all = small.iter().flat_map(|terms| terms.iter().copied()).collect::<Vec<T>>();
        leaves.add_up(&mut all);
        let mut sums = &all[..];
        for terms in &mut small {
            let own = sums.split_off(..terms.len()).expect("a sum for each term");
            terms.copy_from_slice(own);
        }
    }
}
