//! Rows of a table, chosen by index.

use crate::parameters::ParameterId;
use crate::step::Step;
use crate::tape::{Backward, Operation, Var};
use crate::tensor::Tensor;

/// Records the rows `indices` of the parameter `table`.
///
/// # Shapes
///
/// - `table`: (entries, width)
/// - `indices`: as many as `shape` says
/// - result: (…shape, width)
///
/// # Panics
///
/// If an index is not an entry, or their number is not that of `shape`.
#[track_caller]
pub fn embedding(step: &mut Step<'_>, table: ParameterId, indices: &[u32], shape: &[usize]) -> Var {
    let parameter = step.parameters.get(table);
    let &[entries, width] = parameter.shape() else {
        panic!("{} of shape {:?} is not a table", parameter.name(), parameter.shape());
    };
    assert_eq!(
        indices.len(),
        shape.iter().product::<usize>(),
        "{} indices do not fill the shape {shape:?}",
        indices.len()
    );
    let mut out = step.tape.scratch(indices.len() * width);
    let values = parameter.float();
    for (out, &index) in out.chunks_exact_mut(width).zip(indices) {
        let index = index as usize;
        assert!(
            index < entries,
            "{index} is not one of the {entries} rows of {}",
            parameter.name()
        );
        out.copy_from_slice(&values[index * width..][..width]);
    }
    let shape: Vec<usize> = shape.iter().copied().chain([width]).collect();
    let operation = Embedding { table, width, indices: indices.to_vec() };
    step.tape.record(Tensor::new(&shape, out), true, operation)
}

#[derive(Debug)]
struct Embedding {
    table: ParameterId,
    width: usize,
    indices: Vec<u32>,
}

impl Operation for Embedding {
    fn backward(&mut self, gradient: &mut [f32], context: &mut Backward<'_>) {
        context.accumulate_rows(self.table, self.indices.len(), |rows, table, add| {
            if !add {
                table.fill(0.0);
            }
            let gradient = &gradient[rows.start * self.width..rows.end * self.width];
            for (g, &index) in gradient.chunks_exact(self.width).zip(&self.indices[rows]) {
                let row = &mut table[index as usize * self.width..][..self.width];
                row.iter_mut().zip(g).for_each(|(row, g)| *row += g);
            }
        });
    }
}
