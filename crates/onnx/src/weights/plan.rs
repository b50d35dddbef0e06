//! [`Plan`]: which tensors a network's weights are exchanged as.

use std::collections::{BTreeMap, BTreeSet};

use nn::{ParameterId, Parameters};

use crate::error::Error;
use crate::layers::Layer;
use crate::network::Network;
use crate::tensor::Host;

use super::Weight;
use super::names::{for_scope, is_generated, of_parameter, ungrouped};
use super::trace::Trace;

/// The tensors that a network's weights are exchanged as.
pub(super) struct Plan<'a> {
    roots: Vec<Root<'a>>,
    pub(super) items: Vec<Item>,
    /// Items by what they have of the file: those whose name a tensor has before those that share it.
    pub(super) order: Vec<usize>,
}

/// A tensor of the file.
struct Root<'a> {
    name: String,
    host: &'a Host,
    /// The number of its first element.
    first: u32,
}

/// A parameter or a state.
pub(super) struct Item {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// The numbers of the elements of the file that it was made of; 0 for none.
    pub(super) ids: Vec<u32>,
    /// What its values are the product of, with those of the file.
    factor: f32,
    pub(super) own: Own,
    pub(super) own_name: String,
}

/// When a parameter is a tensor of its own, beside those of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// It is, and the file's tensors, whose names say nothing, are not exchanged.
    Always,
    /// It is, and may be absent: the file's tensor is that of another layer too, whose values were the
    /// same.
    Also,
    /// If its values are not those of the file's tensors, which it shares with others.
    IfOther,
    /// If its values are not those of the file: a constant that has no name, such as a first state of
    /// zeros, which is no weight in PyTorch. The file's tensor is not exchanged.
    IfChanged,
}

impl<'a> Plan<'a> {
    pub(super) fn of(network: &'a Network) -> Result<Self, Error> {
        let Trace { roots, parts, scopes } = Trace::of(network)?;
        let (graph, known) = (network.graph(), network.constants());
        let mut roots: Vec<Root<'a>> = (roots.into_iter())
            .map(|(value, first)| Root {
                name: graph.names[value].clone(),
                host: &known[&value],
                first,
            })
            .collect();
        let (factors, recurrent) = (factors(network), recurrent(network));
        let mut items: Vec<Item> = (parts.into_iter())
            .map(|(name, shape, ids)| {
                let factor = factors.get(&name).copied().unwrap_or(1.0);
                Item { own_name: String::new(), own: Own::IfOther, factor, name, shape, ids }
            })
            .collect();
        let mut taken: BTreeSet<String> =
            roots.iter().map(|r| r.name.clone()).filter(|name| !is_generated(name)).collect();
        let at: BTreeMap<&str, usize> =
            (0..).zip(&items).map(|(at, item)| (&*item.name, at)).collect();
        // The name that the file has for a part of a layer that it shares with no other.
        let named = |shared: &[Option<usize>], layer: &str, part: &str| {
            let at = *at.get(&*format!("{layer}.{part}"))?;
            let (root, _) = place(&roots, *items[at].ids.first()?)?;
            let name = &roots[root].name;
            (shared[at].is_none() && !is_generated(name)).then(|| name.clone())
        };
        let beside_weight = |shared: &[Option<usize>], item: &Item| {
            let weight = named(shared, item.name.strip_suffix(".bias")?, "weight")?;
            Some(format!("{}bias", weight.strip_suffix("weight")?))
        };
        // Of those that share a tensor it is that one's whose name it has.
        let mut order: Vec<usize> = (0..items.len()).collect();
        let first_come = shared(&roots, &items, &order);
        order.sort_by_cached_key(|&at| {
            let item = &items[at];
            let of_scope = || {
                let (_, part) = item.name.rsplit_once('.')?;
                Some(format!("{}.{part}", scopes.get(&item.name)?))
            };
            let name = beside_weight(&first_come, item).or_else(of_scope);
            let root = item.ids.first().and_then(|&id| place(&roots, id));
            root.is_none_or(|(root, _)| name.as_ref() != Some(&roots[root].name))
        });
        let shared = shared(&roots, &items, &order);
        // What an item is called for other layers than the one whose tensor it shares.
        let scoped: Vec<Option<String>> = (items.iter().zip(&shared))
            .map(|(item, owner)| {
                let owner = &items[(*owner)?].name;
                let (_, part) = item.name.rsplit_once('.')?;
                let (root, _) = place(&roots, *item.ids.first()?)?;
                let of_scope = || {
                    let [first, second] = [owner, &item.name].map(|name| scopes.get(name));
                    for_scope(&roots[root].name, first?, second?, part)
                };
                beside_weight(&shared, item).or_else(of_scope)
            })
            .collect();
        let biases: Vec<Option<String>> = (items.iter())
            .map(|item| {
                let layer = item.name.strip_suffix(".weight")?;
                let at = *at.get(&*format!("{layer}.bias"))?;
                scoped[at].clone().or_else(|| named(&shared, layer, "bias"))
            })
            .collect();
        let mut owns = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let own_name = of_parameter(&item.name, biases[at].as_deref());
            let within: BTreeSet<usize> =
                item.ids.iter().filter_map(|&id| Some(place(&roots, id)?.0)).collect();
            let generated = within.iter().copied().find(|&root| is_generated(&roots[root].name));
            let own = match generated {
                Some(root) if roots[root].name == item.name => (Own::IfChanged, own_name),
                Some(root) => {
                    // Matrices may be transposed, and recurrent layers hold several tensors in one;
                    // others have the layout of PyTorch.
                    let layer = item.name.rsplit_once('.').map_or("", |(layer, _)| layer);
                    let is_matrix = item.shape.len() == 2 && roots[root].host.shape().len() == 2;
                    if is_matrix || within.len() > 1 || recurrent.contains(layer) {
                        (Own::Always, own_name)
                    } else {
                        roots[root].name = unused(&own_name, &mut taken);
                        (Own::IfOther, own_name)
                    }
                }
                None => match &scoped[at] {
                    Some(name) if !item.is_group() => (Own::Also, name.clone()),
                    _ => (Own::IfOther, own_name),
                },
            };
            owns.push(own);
        }
        for (item, (own, own_name)) in items.iter_mut().zip(owns) {
            (item.own, item.own_name) = (own, own_name);
        }
        // Those that always have it are called as PyTorch does.
        for own in [Own::Always, Own::Also, Own::IfOther, Own::IfChanged] {
            for item in items.iter_mut().filter(|item| item.own == own) {
                item.own_name = unused(&item.own_name, &mut taken);
            }
        }
        Ok(Self { roots, items, order })
    }

    /// Number of tensors of the file.
    pub(super) fn roots(&self) -> usize {
        self.roots.len()
    }

    /// The tensor of the file, and the element in it, of a number.
    pub(super) fn place(&self, id: u32) -> Option<(usize, usize)> {
        place(&self.roots, id)
    }

    /// A tensor of the file with its values.
    pub(super) fn tensor(&self, root: usize) -> Weight {
        let Root { name, host, .. } = &self.roots[root];
        Weight { name: name.clone(), shape: host.shape().to_vec(), values: host.to_floats() }
    }

    /// The value of the file that has that number.
    pub(super) fn value(&self, id: u32) -> f32 {
        let values = self.place(id).map(|(root, at)| (self.roots[root].host.floats(), at));
        values.map_or(0.0, |(values, at)| values.map_or(0.0, |values| values[at]))
    }

    /// The name of a tensor of the file, and its shape.
    pub(super) fn root(&self, root: usize) -> (&str, &[usize]) {
        (&self.roots[root].name, self.roots[root].host.shape())
    }

    /// The values of all items.
    pub(super) fn values(&self, parameters: &Parameters) -> Result<Vec<Vec<f32>>, Error> {
        let ids = self.ids(parameters)?;
        let states = parameters.states().map(|(_, values)| values.to_vec());
        Ok(ids.into_iter().map(|id| parameters.logical(id)).chain(states).collect())
    }

    /// The parameters of the items that are no states.
    pub(super) fn ids(&self, parameters: &Parameters) -> Result<Vec<ParameterId>, Error> {
        let theirs = parameters.of_float_network().map(|(_, p)| (p.name(), p.shape().to_vec()));
        let states = parameters.states().map(|(name, values)| (name, vec![values.len()]));
        let ours = self.items.iter().map(|item| (&*item.name, item.shape.clone()));
        if !ours.eq(theirs.chain(states)) {
            return Err(Error::Input("the parameters are those of another network".to_owned()));
        }
        Ok(parameters.of_float_network().map(|(id, _)| id).collect())
    }
}

impl Item {
    /// Whether it is a part of a tensor, that of a group of channels.
    fn is_group(&self) -> bool {
        ungrouped(&self.name) != self.name
    }

    /// A value as the file has it, where it has `present`.
    pub(super) fn to_file(&self, value: f32, present: f32) -> f32 {
        if self.factor == 0.0 { present } else { value / self.factor }
    }

    /// A value of the file as the network has it.
    pub(super) fn of_file(&self, value: f32) -> f32 {
        if self.factor == 1.0 { value } else { value * self.factor }
    }

    /// The shape of a tensor of its own: images' channels go before their pixels.
    pub(super) fn own_shape(&self) -> Vec<usize> {
        match *self.shape {
            [outputs, height, width, inputs] => vec![outputs, inputs, height, width],
            _ => self.shape.clone(),
        }
    }

    /// Whether it is exchanged by its own tensor only.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.own, Own::Always | Own::IfChanged)
    }

    /// Its values as a tensor of its own.
    pub(super) fn laid_out(&self, values: &[f32]) -> Vec<f32> {
        let [_, height, width, inputs] = *self.shape else { return values.to_vec() };
        turned(values, height * width, inputs)
    }

    /// The inverse of [`Self::laid_out`].
    pub(super) fn taken_in(&self, values: &[f32]) -> Vec<f32> {
        let [_, height, width, inputs] = *self.shape else { return values.to_vec() };
        turned(values, inputs, height * width)
    }
}

/// Each matrix (rows, columns) transposed.
fn turned(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let matrices = values.chunks_exact((rows * columns).max(1));
    let turned = matrices.flat_map(|matrix| {
        (0..columns).flat_map(move |c| (0..rows).map(move |r| matrix[r * columns + c]))
    });
    turned.collect()
}

fn place(roots: &[Root<'_>], id: u32) -> Option<(usize, usize)> {
    let after = roots.partition_point(|root| root.first <= id);
    let root = after.checked_sub(1)?;
    Some((root, (id - roots[root].first) as usize))
}

/// The item that in that order first had an element of each item, if it is another one.
fn shared(roots: &[Root<'_>], items: &[Item], order: &[usize]) -> Vec<Option<usize>> {
    let mut owners: Vec<Vec<u32>> = vec![Vec::new(); roots.len()];
    let mut shared = vec![None; items.len()];
    for &at in order {
        let (item, mut first) = (&items[at], None);
        for (root, element) in item.ids.iter().filter_map(|&id| place(roots, id)) {
            if owners[root].is_empty() {
                owners[root].resize(roots[root].host.data().len(), u32::MAX);
            }
            let owner = &mut owners[root][element];
            if *owner == u32::MAX {
                *owner = at as u32;
            } else if *owner != at as u32 {
                first = first.or(Some(*owner as usize));
            }
        }
        shared[at] = first;
    }
    shared
}

fn unused(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut unused = name.to_owned();
    let mut count = 1;
    while !taken.insert(unused.clone()) {
        count += 1;
        unused = format!("{name}_{count}");
    }
    unused
}

/// What the matrices and vectors of `Gemm` are multiplied by, where that is not 1.
fn factors(network: &Network) -> BTreeMap<String, f32> {
    let mut factors = BTreeMap::new();
    for (node, layer) in network.graph().nodes.iter().zip(network.layers()) {
        if let ("Gemm", Some(Layer::Linear(map))) = (&*node.operator, layer) {
            for (part, attribute) in [("weight", "alpha"), ("bias", "beta")] {
                let factor = node.attributes.float(attribute, 1.0);
                if factor != 1.0 {
                    factors.insert(format!("{}.{part}", map.name()), factor);
                }
            }
        }
    }
    factors
}

/// The names of the maps of recurrent layers.
fn recurrent(network: &Network) -> BTreeSet<String> {
    let layers = network.layers().iter().flatten();
    let recurrent = layers.filter(|layer| matches!(layer, Layer::Recurrent { .. }));
    recurrent.flat_map(Layer::maps).map(|map| map.name().to_owned()).collect()
}
