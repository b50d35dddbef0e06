//! Tables in CSV: a line of names, then a line for each example.

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::elements::{Elements, Numbers};

/// What a table holds.
#[derive(Debug)]
pub(super) struct Table {
    /// The columns that are x.
    pub(super) columns: Vec<String>,
    pub(super) x: Numbers,
    /// (N) for one column, (N, columns) for several; absent where there is none.
    pub(super) y: Option<Numbers>,
    /// The classes, if y is text.
    pub(super) classes: Option<Vec<String>>,
}

/// Which columns of a table are y.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted<'a> {
    /// None.
    Nothing,
    /// The last one.
    Last,
    /// Those of these names.
    Named(&'a [String]),
}

/// Reads a table. A single column of y may be text, if `text` allows it, whose values in sorted
/// order are numbered from 0.
///
/// # Errors
///
/// A clause that names line and column.
pub(super) fn table(content: &[u8], wanted: Wanted<'_>, text: bool) -> Result<Table, String> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(content);
    let header = reader.headers().map_err(|error| broken(&error))?.clone();
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    if let Some(twice) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) {
        return Err(format!("two columns are called {:?}", names[twice]));
    }
    let targets = match wanted {
        Wanted::Nothing => Vec::new(),
        Wanted::Last => names.len().checked_sub(1).into_iter().collect(),
        Wanted::Named(wanted) => {
            let at = |name: &String| {
                let at = names.iter().position(|other| other == name);
                at.ok_or_else(|| {
                    format!("there is no column {name:?}; it has {}", names.join(", "))
                })
            };
            wanted.iter().map(at).collect::<Result<_, _>>()?
        }
    };
    let features: Vec<usize> = (0..names.len()).filter(|i| !targets.contains(i)).collect();
    if features.is_empty() {
        return Err("no column is left for x".to_owned());
    }
    let text = text && targets.len() == 1;
    let (mut x, mut y, mut labels) = (Cells::default(), Cells::default(), Vec::new());
    let (mut count, mut record) = (0, StringRecord::new());
    while reader.read_record(&mut record).map_err(|error| broken(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| (&record[column], &*names[column]);
        for &column in &features {
            x.take(cell(column)).map_err(|reason| format!("line {line}, {reason}"))?;
        }
        for &column in &targets {
            let of_line = |reason| format!("line {line}, {reason}");
            if !text {
                y.take(cell(column)).map_err(of_line)?;
            } else if record[column].is_empty() {
                return Err(of_line(missing(&names[column])));
            } else {
                labels.push(record[column].to_owned());
            }
        }
        count += 1;
    }
    let mut classes = None;
    if text && labels.iter().all(|label| y.take((label, "")).is_ok()) {
        // Numbers after all.
    } else if text {
        let mut sorted = labels.clone();
        sorted.sort();
        sorted.dedup();
        let number = |label: &String| sorted.binary_search(label).expect("it is one of them");
        y = Cells::default();
        y.values = labels.iter().map(|label| number(label) as f64).collect();
        classes = Some(sorted);
    }
    let columns = features.iter().map(|&i| names[i].clone()).collect();
    let x = Numbers { shape: vec![count, features.len()], elements: x.elements() };
    let shape = match targets.len() {
        1 => vec![count],
        several => vec![count, several],
    };
    let y = (!targets.is_empty()).then(|| Numbers { shape, elements: y.elements() });
    Ok(Table { columns, x, y, classes })
}

/// Cells of a table, row by row.
#[derive(Debug, Default)]
struct Cells {
    values: Vec<f64>,
    real: bool,
}

impl Cells {
    fn take(&mut self, (cell, column): (&str, &str)) -> Result<(), String> {
        /// Integers up to here are exact.
        const EXACT: i64 = 1 << 53;
        if let Ok(value) = cell.parse::<i64>() {
            self.values.push(value as f64);
            self.real |= value.abs() > EXACT;
            return Ok(());
        }
        match cell.parse::<f64>() {
            Ok(value) if (value as f32).is_finite() => {
                self.values.push(value);
                self.real = true;
                Ok(())
            }
            _ if cell.is_empty() => Err(missing(column)),
            _ => Err(format!("column {column}: {cell:?} is no finite number")),
        }
    }

    /// Bytes if all are, else integers if all are.
    fn elements(self) -> Elements {
        let byte = |&x: &f64| (0.0..=255.0).contains(&x);
        if self.real {
            Elements::F32(self.values.into_iter().map(|x| x as f32).collect())
        } else if self.values.iter().all(byte) {
            Elements::U8(self.values.into_iter().map(|x| x as u8).collect())
        } else {
            Elements::I64(self.values.into_iter().map(|x| x as i64).collect())
        }
    }
}

fn missing(column: &str) -> String {
    format!("column {column}: the cell is empty")
}

/// In one line.
fn broken(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} has {len} cells, not {expected_len}")
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            format!("line {line} is no text in UTF-8")
        }
        _ => format!("not a readable table ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a, kind ,b\n1,cat,2.5\n 3 ,ant,-4\n5,\"cat\",1e2\n";

    #[test]
    fn text_is_numbered_in_sorted_order() {
        let target = ["kind".to_owned()];
        let read = table(TEXT.as_bytes(), Wanted::Named(&target), true).unwrap();
        assert_eq!(read.columns, ["a", "b"]);
        let x = Elements::F32(vec![1.0, 2.5, 3.0, -4.0, 5.0, 100.0]);
        assert_eq!(read.x, Numbers { shape: vec![3, 2], elements: x });
        assert_eq!(read.classes.unwrap(), ["ant", "cat"]);
        assert_eq!(read.y.unwrap().elements, Elements::U8(vec![1, 0, 1]));
        let error = table(TEXT.as_bytes(), Wanted::Named(&target), false).unwrap_err();
        assert_eq!(error, "line 2, column kind: \"cat\" is no finite number");
    }

    #[test]
    fn integers_stay_integers() {
        let elements = |text: &str| {
            let read = table(text.as_bytes(), Wanted::Last, true).unwrap();
            (read.x.elements, read.y.unwrap().elements)
        };
        assert_eq!(elements("a,y\n255,0\n"), (Elements::U8(vec![255]), Elements::U8(vec![0])));
        assert_eq!(elements("a,y\n256,-1\n"), (Elements::I64(vec![256]), Elements::I64(vec![-1])));
        let large = "a,y\n1,9007199254740994\n";
        assert_eq!(elements(large).1, Elements::F32(vec![9_007_199_254_740_994.0]));
        // A mark of byte order is no part of a name.
        let read = table("\u{feff}a,y\n1,2\n".as_bytes(), Wanted::Last, true).unwrap();
        assert_eq!(read.columns, ["a"]);
        let all = table(b"a,y\n1,2\n", Wanted::Nothing, true).unwrap();
        assert_eq!((all.x.shape, all.y), (vec![1, 2], None));
    }

    #[test]
    fn what_is_no_number_is_named() {
        let error = |text: &str, target: &str| {
            let target = [target.to_owned()];
            table(text.as_bytes(), Wanted::Named(&target), true).unwrap_err()
        };
        assert_eq!(error("a,y\n1,2\n,3\n", "y"), "line 3, column a: the cell is empty");
        assert_eq!(error("a,y\n1,2\n1,\n", "y"), "line 3, column y: the cell is empty");
        assert_eq!(error("a,y\nnan,2\n", "y"), "line 2, column a: \"nan\" is no finite number");
        assert_eq!(error("a,y\n1e39,2\n", "y"), "line 2, column a: \"1e39\" is no finite number");
        assert_eq!(error("a,y\n1,2,3\n", "y"), "line 2 has 3 cells, not 2");
        assert_eq!(error("a,y\n1,2\n", "z"), "there is no column \"z\"; it has a, y");
        assert_eq!(error("a,a\n1,2\n", "a"), "two columns are called \"a\"");
        assert_eq!(error("y\n1\n", "y"), "no column is left for x");
    }
}
