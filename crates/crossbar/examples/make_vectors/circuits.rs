//! Small circuits, solved by dense elimination in f64.

use serde_json::{Value, json};

use super::products::number;

/// Circuits with all that is inside.
pub(crate) fn circuits() -> Value {
    let mut cases = serde_json::Map::new();
    for (rows, columns, word, bit) in
        [(6, 4, 1.0, 2.0), (8, 8, 200.0, 50.0), (3, 9, 0.5, 1000.0), (12, 10, 1e4, 1e4)]
    {
        let r: Vec<Vec<f64>> = (0..rows)
            .map(|i| (0..columns).map(|j| 1e4 * (2.0 + number(i * columns + j))).collect())
            .collect();
        let v: Vec<f64> = (0..rows).map(|i| 0.2 * number(500 + i)).collect();
        let (word_v, bit_v, outputs) = dense(&r, &v, word, bit);
        let applied: Vec<Vec<f64>> = v.iter().map(|&v| vec![v]).collect();
        cases.insert(
            format!("{rows}x{columns}-{word}-{bit}"),
            json!({
                "R_ohm": r, "V_applied": applied, "r_i_word_line": word, "r_i_bit_line": bit,
                "I_output": [outputs], "V_word_line": word_v, "V_bit_line": bit_v,
            }),
        );
    }
    json!({
        "source": "dense elimination in f64, by the crossbar crate's example make_vectors",
        "cases": cases,
    })
}

type Matrix = Vec<Vec<f64>>;

/// Potentials of word and bit lines and output currents, by Gaussian elimination.
fn dense(r: &[Vec<f64>], v: &[f64], word: f64, bit: f64) -> (Matrix, Matrix, Vec<f64>) {
    let (rows, columns) = (r.len(), r[0].len());
    let n = rows * columns;
    let mut a = vec![vec![0.0; 2 * n + 1]; 2 * n];
    let tie = |a: &mut Matrix, p: usize, q: usize, g: f64| {
        a[p][p] += g;
        a[q][q] += g;
        a[p][q] -= g;
        a[q][p] -= g;
    };
    for (i, r) in r.iter().enumerate() {
        for (j, r) in r.iter().enumerate() {
            let k = i * columns + j;
            tie(&mut a, k, n + k, 1.0 / r);
            if j + 1 < columns {
                tie(&mut a, k, k + 1, 1.0 / word);
            }
            if i + 1 < rows {
                tie(&mut a, n + k, n + k + columns, 1.0 / bit);
            }
        }
        a[i * columns][i * columns] += 1.0 / word;
        a[i * columns][2 * n] += v[i] / word;
    }
    for j in 0..columns {
        let k = n + (rows - 1) * columns + j;
        a[k][k] += 1.0 / bit;
    }
    // Positive definite: no pivoting is needed.
    for k in 0..2 * n {
        let pivot = a[k].clone();
        for row in a.iter_mut().skip(k + 1) {
            let factor = row[k] / pivot[k];
            row.iter_mut().zip(&pivot).for_each(|(x, p)| *x -= factor * p);
        }
    }
    let mut x = vec![0.0; 2 * n];
    for k in (0..2 * n).rev() {
        let known: f64 = (k + 1..2 * n).map(|j| a[k][j] * x[j]).sum();
        x[k] = (a[k][2 * n] - known) / a[k][k];
    }
    let matrix = |x: &[f64]| x.chunks(columns).map(<[f64]>::to_vec).collect::<Matrix>();
    let outputs = x[2 * n - columns..].iter().map(|v| v / bit).collect();
    (matrix(&x[..n]), matrix(&x[n..]), outputs)
}
