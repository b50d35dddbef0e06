//! Taking weights in.

use std::collections::{BTreeMap, BTreeSet};

use nn::Parameters;

use crate::error::Error;
use crate::network::Network;

use super::Weight;
use super::plan::{Item, Own, Plan};

/// Why weights cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// They are of another network, or damaged; all that is wrong.
    #[error("the weights do not fit the network: {}", .0.join("; "))]
    Mismatch(Vec<String>),
    /// The network cannot be asked for its own.
    #[error(transparent)]
    Network(#[from] Error),
}

impl Network {
    /// Takes weights as [`Self::weights`] gives them, in any order, rounded as initial values are.
    /// Tensors named `….num_batches_tracked` are passed over, and those may be absent that
    /// have the values of a tensor that they share.
    ///
    /// # Errors
    ///
    /// [`WeightsError`] listing all tensors that are missing, named twice, not in the network, of
    /// another shape or not finite; then nothing has changed.
    pub fn load(
        &self,
        parameters: &mut Parameters,
        weights: &[Weight],
    ) -> Result<(), WeightsError> {
        let plan = Plan::of(self)?;
        let ids = plan.ids(parameters)?;
        let (mut problems, mut given) = (Vec::new(), BTreeMap::new());
        for weight in weights.iter().filter(|w| !w.name.ends_with(".num_batches_tracked")) {
            let Weight { name, shape, values } = weight;
            if given.insert(&**name, weight).is_some() {
                problems.push(format!("{name} is named twice"));
            }
            if shape.iter().product::<usize>() != values.len() {
                problems.push(format!("{name} has {} values of shape {shape:?}", values.len()));
            } else if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                problems.push(format!("{name} holds {} at {at}", values[at]));
            }
        }
        let mut wanted: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut optional: BTreeSet<&str> = BTreeSet::new();
        for item in &plan.items {
            wanted.insert(&item.own_name, item.own_shape());
            if item.own != Own::Always {
                optional.insert(&item.own_name);
            }
            if item.is_apart() {
                continue;
            }
            let mut last = None;
            for (root, _) in item.ids.iter().filter_map(|&id| plan.place(id)) {
                if last.replace(root) != Some(root) {
                    let (name, shape) = plan.root(root);
                    wanted.insert(name, shape.to_vec());
                }
            }
        }
        for (name, shape) in &wanted {
            match given.get(name) {
                Some(weight) if weight.shape == *shape => {}
                Some(weight) => {
                    problems.push(format!("{name} has shape {:?}, not {shape:?}", weight.shape));
                }
                None if optional.contains(name) => {}
                None => problems.push(format!("{name} is missing")),
            }
        }
        let extra = given.keys().filter(|name| !wanted.contains_key(*name));
        problems.extend(extra.map(|name| format!("{name} is not in the network")));
        if !problems.is_empty() {
            return Err(WeightsError::Mismatch(problems));
        }
        let of_item = |item: &Item| match given.get(&*item.own_name) {
            Some(own) => item.taken_in(&own.values),
            None if item.own == Own::IfChanged => {
                item.ids.iter().map(|&id| item.of_file(plan.value(id))).collect()
            }
            None => {
                let value = |&id: &u32| {
                    let Some((root, at)) = plan.place(id) else { return 0.0 };
                    item.of_file(given[plan.root(root).0].values[at])
                };
                item.ids.iter().map(value).collect()
            }
        };
        // Tiles may refuse what they are given.
        let mut next = parameters.clone();
        let mut items = plan.items.iter();
        for (id, item) in ids.into_iter().zip(&mut items) {
            if let Err(problem) = next.assign(id, &of_item(item)) {
                problems.push(problem);
            }
        }
        if !problems.is_empty() {
            return Err(WeightsError::Mismatch(problems));
        }
        for item in items {
            let state = next.state_mut(&item.name).expect("the plan has the network's states");
            state.copy_from_slice(&of_item(item));
        }
        *parameters = next;
        Ok(())
    }
}
